//! What the files' side knows by hand of layers and optimizers: every row of the engine's tables has its own there.

use std::collections::BTreeSet;

use rhyton::layers::LAYERS;
use rhyton::models::registry;
use rhyton::optimizers::{OPTIMIZERS, OptimizerSpec};
use rhyton::persist::outline;
use rhyton::persist::tree::{LayerConfig, ModelConfig, ModelKind, Object};
use rhyton::prelude::*;
use serde_json::{Map, Value, json};

/// Keras' configs of all layers that the engine has, with the shapes of their inputs.
const CASES: &str = include_str!("../crates/engine/tests/data/keras/layers.json");
/// The same of convolution and pooling, and what stands beside them.
const FAMILIES: &str = include_str!("../crates/engine/tests/data/keras/families.json");

/// The same of layers that prepare images.
const IMAGES: &str = include_str!("../crates/engine/tests/data/keras/images.json");

/// The same of layers that came later.
const MORE: &str = include_str!("../crates/engine/tests/data/keras/more.json");

/// The same of layers that tf_keras alone has, and of what both took over from older versions.
const OLDER: &str = include_str!("../crates/engine/tests/data/keras/older.json");

/// The same of layers that change colours.
const COLOURS: &str = include_str!("../crates/engine/tests/data/keras/colours.json");

/// The same of layers that make spectrograms.
const SIGNALS: &str = include_str!("../crates/engine/tests/data/keras/signals.json");

/// The same of layers that prepare numbers and strings.
const PREPARING: &str = include_str!("../crates/engine/tests/data/keras/preprocessing.json");

/// Name and class of an object, and its variables with whether training changes them.
type Described = (String, String, Vec<(String, bool)>);

fn of_files(object: &Object) -> Vec<Described> {
    let variables = object.variables.iter().map(|v| (v.name.clone(), v.trainable)).collect();
    let mut all = vec![(object.name.clone(), object.class_name.clone(), variables)];
    all.extend(object.children.iter().flat_map(|(_, child)| of_files(child)));
    all
}

fn of_engine(layer: &LayerRef) -> Vec<Described> {
    let flags = layer.variables();
    let trainable = |v| flags.iter().any(|(other, trainable)| other == v && *trainable);
    let mut variables: Vec<(String, bool)> =
        layer.own_variables().iter().map(|v| (v.name().to_owned(), trainable(v))).collect();
    // What it learned beside its variables, as files have it.
    let learned = layer.layer().as_learner().and_then(|l| l.array(layer.settings().keras2));
    variables.extend(learned.map(|(name, _)| (name.to_owned(), false)));
    let mut all = vec![(layer.name(), layer.class_name().to_owned(), variables)];
    all.extend(layer.layer().inner().iter().flat_map(|(_, inner)| of_engine(inner)));
    all
}

/// Types in words, as files have them in the neutral form.
fn with_plain_dtypes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("dtype").is_some_and(Value::is_object) {
                map.insert("dtype".into(), "float32".into());
            }
            map.values_mut().for_each(with_plain_dtypes);
        }
        Value::Array(list) => list.iter_mut().for_each(with_plain_dtypes),
        _ => {}
    }
}

#[test]
fn every_layer_has_its_outline() {
    let mut seen = BTreeSet::from(["InputLayer".to_owned()]);
    let [cases, preparing] =
        [CASES, PREPARING].map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut all = list(&cases);
    for text in [FAMILIES, IMAGES, COLOURS, SIGNALS, MORE, OLDER] {
        all.extend(list(&serde_json::from_str::<Value>(text).expect("JSON")["layers"]));
    }
    all.extend(list(&preparing).into_iter().filter(|case| case.get("error").is_none()));
    for case in &all {
        let class = case.get("name").unwrap_or(&case["class"]).as_str().expect("a class");
        let mut config = case["config"].clone();
        with_plain_dtypes(&mut config);
        let config = config.as_object().expect("a config").clone();
        let layer = registry::layer(class, None, &config).unwrap_or_else(|e| panic!("{class}: {e}"));
        let shape = |x: &Value| {
            let axes = x["shape"].as_array().expect("axes").iter().enumerate();
            TensorShape(axes.map(|(i, n)| n.as_u64().filter(|_| i > 0).map(|n| n as usize)).collect())
        };
        let shapes: Vec<TensorShape> = case["x"].as_array().expect("inputs").iter().map(shape).collect();
        layer.build(&registry::resolver(), &shapes).unwrap_or_else(|e| panic!("{class}: {e}"));
        let described =
            LayerConfig { class_name: class.into(), name: layer.name(), config, ..LayerConfig::default() };
        let model =
            ModelConfig { kind: ModelKind::Functional, layers: vec![described], ..Default::default() };
        let shell = outline::shell(&model);
        assert_eq!(of_files(&shell.children[0].1), of_engine(&layer), "{class} {}", case["args"]);
        seen.insert(class.to_owned());
    }
    let missing: Vec<&str> = LAYERS.iter().map(|row| row.name).filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "no case of {missing:?}");
}

/// Settings that give an optimizer other slots, where it has them.
const FORMS: [&[(&str, f64)]; 6] = [
    &[],
    &[("use_ema", 1.0)],
    &[("momentum", 0.9)],
    &[("amsgrad", 1.0)],
    &[("centered", 1.0)],
    &[("centered", 1.0), ("momentum", 0.9)],
];

/// A model that was trained by one step of an optimizer; `None` where it has no such settings.
fn trained(class: &str, form: &[(&str, f64)]) -> Option<Model> {
    let settings = form.iter().map(|(key, value)| match *key {
        "momentum" => ((*key).to_owned(), json!(value)),
        _ => ((*key).to_owned(), json!(true)),
    });
    let config: Map<String, Value> =
        [("learning_rate".to_owned(), json!(0.1))].into_iter().chain(settings).collect();
    let optimizer = OptimizerSpec::Config(json!({"class_name": class, "config": config}));
    let mut model = Sequential::new((Dense::new(3).input_shape([2]), Dense::new(1))).expect("fits");
    model.to(&Device::cpu_threads(1).expect("threads start")).expect("moves");
    match model.compile(optimizer, "mse", ()) {
        Err(error) if !form.is_empty() && form[0].0 != "use_ema" => {
            assert!(error.to_string().contains(form[0].0), "{class}: {error}");
            return None;
        }
        other => other.unwrap_or_else(|e| panic!("{class}: {e}")),
    }
    let (x, y) = (ndarray::arr2(&[[0.5, -1.0], [1.5, 2.0]]), ndarray::arr2(&[[1.0], [0.0]]));
    model.fit(&x, &y).epochs(1).verbose(0).run().expect("trains");
    Some(model)
}

#[test]
fn every_optimizer_keeps_its_state_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    for row in OPTIMIZERS {
        let class = row.names[0];
        let models: Vec<Model> = FORMS.iter().filter_map(|form| trained(class, form)).collect();
        assert!(!models.is_empty());
        for (form, model) in models.iter().enumerate() {
            let state = model.optimizer_weights().expect("reads");
            assert!(
                state.iter().any(|(_, values)| values.iter().any(|v| *v != 0.0)) || class == "SGD",
                "{class}"
            );
            // The others are of tf_keras, which does not have these.
            let only_keras3 = ["Lamb", "Muon", "ScheduleFreeAdamW"].contains(&class);
            for name in ["m.keras", "m.h5", "m"].iter().filter(|name| !only_keras3 || **name == "m.keras") {
                let path = folder.path().join(format!("{class}{form}{name}"));
                model.save(&path).unwrap_or_else(|e| panic!("{class}: {e}"));
                let mut again = load_model(&path).unwrap_or_else(|e| panic!("{class}: {e}"));
                assert_eq!(again.optimizer_weights().expect("reads"), state, "{class}, form {form}, {name}");
                let (x, y) = (ndarray::arr2(&[[0.5, -1.0]]), ndarray::arr2(&[[1.0]]));
                again
                    .fit(&x, &y)
                    .epochs(1)
                    .verbose(0)
                    .run()
                    .unwrap_or_else(|e| panic!("{class}, {name}: {e}"));
            }
        }
    }
}

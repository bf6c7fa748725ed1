//! Custom objects through files: unknown ones are named, known ones work.

mod common;

use common::{blobs, cpu};
use rhyton::graph::Expr;
use rhyton::models::registry::{register_activation, register_loss, register_metric, register_optimizer};
use rhyton::optimizers::{Common, Rule, SlotInfo, Update};
use rhyton::prelude::*;
use serde::{Deserialize, Serialize};

/// Multiplies by a number of its config and a weight.
#[derive(Serialize, Deserialize)]
struct Scaling {
    factor: f64,
    #[serde(skip)]
    scale: Variable,
}

impl Scaling {
    fn new(factor: f64) -> Self {
        Scaling { factor, scale: Variable::default() }
    }
}

impl Layer for Scaling {
    const CLASS: &'static str = "Scaling";
    fn build(&mut self, builder: &mut Builder, input: &TensorShape) -> Result<(), Error> {
        self.scale = builder.add_weight("scale", [input.known(-1)?], "ones", true)?;
        Ok(())
    }
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * &self.scale * self.factor
    }
}

/// As [`Scaling`], registered.
#[derive(Serialize, Deserialize)]
struct Shifting {
    by: f64,
}

impl Layer for Shifting {
    const CLASS: &'static str = "Shifting";
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x + self.by
    }
}

fn fourth_power(y_true: Tensor, y_pred: Tensor) -> Tensor {
    (y_true - y_pred).square().square().mean(&[-1])
}

fn with_layer(layer: impl Into<LayerRef>) -> Model {
    let mut model =
        Sequential::new((Dense::new(16).activation("relu").input_shape([20]), layer, Dense::new(1)))
            .expect("fits");
    model.to(&cpu()).expect("moves");
    model
}

#[test]
fn an_unknown_layer_is_named_and_one_that_is_passed_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, _) = blobs(20);
    let mut model = with_layer(Scaling::new(0.5));
    let wanted = model.predict(&x).verbose(0).run().expect("predicts");
    for file in ["m.keras", "m.h5"] {
        let path = folder.path().join(file);
        model.save(&path).expect("saves");
        let error = rhyton::load_model(&path).map(|_| ()).expect_err("nobody registered it").to_string();
        for part in ["unknown layer", "`Scaling`", "register_layer::<", "CustomObjects"] {
            assert!(error.contains(part), "{file}: {error}");
        }
        let objects = CustomObjects::new().layer::<Scaling>();
        let options = LoadOptions { custom_objects: objects.clone(), ..LoadOptions::default() };
        let mut passed = rhyton::load_model_with(&path, &options).expect("loads");
        passed.to(&cpu()).expect("moves");
        assert_eq!(passed.predict(&x).verbose(0).run().expect("predicts"), wanted, "{file}");
        let scoped = custom_object_scope(&objects, || rhyton::load_model(&path)).expect("loads");
        assert_eq!(scoped.get_weights().expect("reads"), model.get_weights().expect("reads"));
        // Known to that load alone.
        assert!(rhyton::load_model(&path).is_err());
    }
}

#[test]
fn registered_layers_and_losses_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    register_layer::<Shifting>("Tests");
    register_loss("Tests>fourth_power", fourth_power);
    let (x, y) = blobs(40);
    let y = y.mapv(|v| v as f32).insert_axis(ndarray::Axis(1));
    let mut model = with_layer(Shifting { by: 0.25 });
    model.compile(Adam::new(), fourth_power, ()).expect("compiles");
    model.fit(&x, &y).verbose(0).run().expect("trains");
    let wanted = model.evaluate(&x, &y).verbose(0).run().expect("evaluates");
    // The loss is its formula.
    let predicted = model.predict(&x).verbose(0).run().expect("predicts");
    let powers: f64 = predicted.iter().zip(&y).map(|(p, y)| f64::from(y - p).powi(4)).sum();
    assert!((wanted.loss() - powers / 40.0).abs() < 1e-5 * wanted.loss(), "{wanted:?}");
    for (file, dialect) in [
        ("m.keras", Dialect::Keras3),
        ("m2.keras", Dialect::TfKeras),
        ("m.h5", Dialect::TfKeras),
        ("m3.h5", Dialect::Keras3),
    ] {
        let path = folder.path().join(file);
        let options = SaveOptions { dialect: Some(dialect), ..SaveOptions::default() };
        model.save_with(&path, &options).expect("saves");
        let mut loaded = rhyton::load_model(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        loaded.to(&cpu()).expect("moves");
        assert_eq!(loaded.evaluate(&x, &y).verbose(0).run().expect("evaluates"), wanted, "{file}");
        // And it trains on, with the optimizer's state.
        assert_eq!(common::bits(&loaded), common::bits(&model), "{file}");
        loaded.fit(&x, &y).verbose(0).run().expect("trains");
        assert_eq!(loaded.iterations(), 4, "{file}");
    }
}

#[test]
fn an_unknown_loss_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.keras");
    let mut model = with_layer(Dropout::new(0.1));
    let objects = CustomObjects::new().loss("mine", |a: Tensor, b: Tensor| (a - b).square().mean(&[-1]));
    custom_object_scope(&objects, || model.compile("adam", "mine", ())).expect("known in the scope");
    model.save(&path).expect("saves");
    // Looked for when it is needed, as the outputs' shapes decide what a name means.
    let (x, y) = blobs(8);
    let y = y.mapv(|v| v as f32).insert_axis(ndarray::Axis(1));
    let loaded = rhyton::load_model(&path);
    let error = match loaded {
        Err(error) => error.to_string(),
        Ok(mut loaded) => loaded.evaluate(&x, &y).verbose(0).run().expect_err("unknown").to_string(),
    };
    assert!(error.contains("unknown loss `mine`") && error.contains("register_loss"), "{error}");
    let options = LoadOptions { without_compile: true, ..LoadOptions::default() };
    rhyton::load_model_with(&path, &options)
        .expect("loads without its loss")
        .predict(&x)
        .verbose(0)
        .run()
        .expect("predicts");
}

/// Adds a number; saved before anybody registers it.
#[derive(Serialize, Deserialize)]
struct Lifting {
    by: f64,
}

impl Layer for Lifting {
    const CLASS: &'static str = "Lifting";
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x + self.by
    }
}

/// Has the name of one of Keras' layers.
#[derive(Serialize, Deserialize)]
struct Identity {}

impl Layer for Identity {
    const CLASS: &'static str = "Identity";
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * 2.0
    }
}

fn bent(x: Tensor) -> Tensor {
    x.tanh() * 2.0
}

fn third_power(y_true: Tensor, y_pred: Tensor) -> Tensor {
    (y_true - y_pred).abs().pow(3.0).mean(&[-1])
}

fn distance(y_true: Tensor, y_pred: Tensor) -> Tensor {
    (y_true - y_pred).abs().mean(&[-1])
}

/// Steps of one size.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Stepping {
    #[serde(flatten)]
    common: Common,
}

impl Rule for Stepping {
    const CLASS: &'static str = "Stepping";
    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }
    fn slots(&self) -> Vec<SlotInfo> {
        vec![]
    }
    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }
    fn update(&self) -> Update {
        let next = Expr::In(0) - Expr::Step(0) * Expr::In(1).sign();
        Update { parameter: next, slots: vec![] }
    }
}

/// Checks that what is saved before it is registered is found after it was, in whatever package.
#[test]
fn what_is_saved_unregistered_is_found_when_it_is_registered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(20);
    let y = y.mapv(|v| v as f32).insert_axis(ndarray::Axis(1));
    let layers: Vec<LayerRef> = vec![
        Dense::new(4).activation(bent).kernel_initializer("ones").input_shape([20]).into(),
        Lifting { by: 0.5 }.into(),
        Dense::new(1).into(),
    ];
    let mut model = Sequential::new(layers).expect("fits");
    model.to(&cpu()).expect("moves");
    model.compile(Stepping::default(), third_power, distance).expect("compiles");
    model.fit(&x, &y).verbose(0).run().expect("trains");
    let (wanted, logs) = (
        model.predict(&x).verbose(0).run().expect("predicts"),
        model.evaluate(&x, &y).verbose(0).run().expect("evaluates"),
    );
    let files = ["m.keras", "m.h5", "saved"].map(|f| folder.path().join(f));
    for file in &files {
        model.save(file).expect("saves");
        let error = rhyton::load_model(file).map(|_| ()).expect_err("nobody registered it").to_string();
        assert!(error.contains("Lifting") || error.contains("bent"), "{error}");
    }
    register_layer::<Lifting>("Later");
    register_activation("Later>bent", bent);
    register_loss("Later>third_power", third_power);
    register_metric("Later>distance", distance);
    register_optimizer::<Stepping>("Later");
    for file in &files {
        let mut loaded = rhyton::load_model(file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        loaded.to(&cpu()).expect("moves");
        assert_eq!(loaded.predict(&x).verbose(0).run().expect("predicts"), wanted, "{file:?}");
        assert_eq!(
            loaded.evaluate(&x, &y).verbose(0).run().expect("evaluates").loss(),
            logs.loss(),
            "{file:?}"
        );
        // And from now on it is saved as registered.
        let again = folder.path().join("again.keras");
        loaded.save(&again).expect("saves");
        rhyton::load_model(&again).expect("loads").predict(&x).verbose(0).run().expect("predicts");
    }
}

/// Checks that what one package registered is not what a file means by another's.
#[test]
fn packages_are_kept_apart() {
    register_layer::<Shifting>("Tests");
    let config = rhyton::serde_json::json!({"name": "s", "by": 1.0});
    let made = |name: &str| {
        rhyton::models::registry::layer("Shifting", Some(name), config.as_object().expect("a map"))
    };
    assert!(made("Tests>Shifting").is_ok());
    let error = made("Others>Shifting").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("Others>Shifting"), "{error}");
}

/// A class of the user's that is not registered is not taken for Keras' own of the same name.
#[test]
fn a_name_of_keras_is_no_class_of_keras() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.keras");
    let (x, _) = blobs(4);
    let mut model = with_layer(Identity {});
    let wanted = model.predict(&x).verbose(0).run().expect("predicts");
    let saved = model.save(&path);
    let error = saved.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("Identity") && error.contains("register_layer"), "{error}");
    register_layer::<Identity>("Named");
    model.save(&path).expect("saves");
    let mut loaded = rhyton::load_model(&path).expect("loads");
    loaded.to(&cpu()).expect("moves");
    assert_eq!(loaded.predict(&x).verbose(0).run().expect("predicts"), wanted);
}

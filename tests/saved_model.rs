//! SavedModel through the API: what is saved and loaded, what has no serving graph, who is told. What TensorFlow makes of them is judged by
//! `cargo xtask interop`.

mod common;

use std::path::Path;

use common::{bits, blobs, cpu, list, model};
use rhyton::graph::{Caps, Kind, Lowered, OpDef, Real, TensorType, View};
use rhyton::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether the graph in a directory has a signature.
fn has_signature(path: &Path) -> bool {
    let graph = std::fs::read(path.join("saved_model.pb")).expect("a graph");
    graph.windows(15).any(|w| w == b"serving_default")
}

#[test]
fn a_path_without_an_ending_is_a_saved_model_that_trains_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("saved_model/my_model");
    let (x, y) = blobs(60);
    let mut straight = model(&cpu());
    straight.fit(&x, &y).epochs(2).verbose(0).run().expect("trains");
    straight.save(&path).expect("saves");
    assert_eq!(list(&path), ["assets", "fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables"]);
    assert!(has_signature(&path));
    let mut loaded = load_model(&path).expect("loads");
    loaded.to(&cpu()).expect("moves");
    assert_eq!(bits(&loaded), bits(&straight));
    for model in [&mut straight, &mut loaded] {
        model.fit(&x, &y).initial_epoch(2).epochs(3).verbose(0).run().expect("trains");
    }
    assert_eq!(bits(&loaded), bits(&straight), "it goes on as if it had never been saved");
    // And over the old one.
    loaded.save(&path).expect("saves");
    assert_eq!(list(path.parent().expect("a parent")), ["my_model"]);
    assert_eq!(load_model(&path).expect("loads").iterations(), loaded.iterations());
    // Its variables are a checkpoint.
    let mut other = model(&cpu());
    other.load_weights(path.join("variables/variables")).expect("loads");
    assert_eq!(bits(&other), bits(&loaded));
}

#[test]
fn the_format_is_told_as_keras_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(&cpu());
    let told = |format: &str| SaveOptions { format: Some(format.into()), ..SaveOptions::default() };
    let at = |name: &str| folder.path().join(name);
    model.save_with(at("a.keras"), &told("tf")).expect("saves");
    assert!(at("a.keras/saved_model.pb").is_file());
    model.save_with(at("b"), &told("h5")).expect("saves");
    model.save_with(at("c"), &told("keras")).expect("saves");
    model.save_with(at("d.ckpt"), &told("saved-model")).expect("saves");
    model.save(at("e.ckpt")).expect("saves");
    for (name, format) in [
        ("a.keras", "saved-model"),
        ("b", "h5"),
        ("c", "keras"),
        ("d.ckpt", "saved-model"),
        ("e.ckpt", "saved-model"),
    ] {
        assert_eq!(rhyton::persist::open(at(name), None).expect("opens").format, format, "{name}");
    }
    model.save_weights_with(at("weights/f"), &told("tf")).expect("saves");
    model.save_weights_with(at("weights/g"), &told("h5")).expect("saves");
    assert_eq!(rhyton::persist::open(at("weights/f"), None).expect("opens").format, "tf-checkpoint");
    assert_eq!(rhyton::persist::open(at("weights/g"), None).expect("opens").format, "h5-weights");
    let error = model.save_with(at("h"), &told("zip")).expect_err("no such format").to_string();
    assert!(error.contains("no format `zip`") && error.contains("saved-model"), "{error}");
    let error = model.save(at("i.txt")).expect_err("no such ending").to_string();
    assert!(error.contains("ending names no format"), "{error}");
}

#[test]
fn a_callback_saves_over_and_over_and_the_last_one_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("best");
    let (x, y) = blobs(60);
    let mut trained = model(&cpu());
    let mut checkpoint = ModelCheckpoint::new(&path);
    trained.fit(&x, &y).epochs(3).verbose(0).callbacks([&mut checkpoint]).run().expect("trains");
    assert_eq!(list(folder.path()), ["best"]);
    assert_eq!(bits(&load_model(&path).expect("loads")), bits(&trained));
}

/// Subtracts the mean of the batch: not the same computation for every batch size.
#[derive(Serialize, Deserialize)]
struct CenterBatch {}

impl Layer for CenterBatch {
    const CLASS: &'static str = "CenterBatch";
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x - x.mean(&[0])
    }
}

/// An op that names no TensorFlow nodes.
#[derive(Clone, Copy, Debug)]
struct Twice;

impl OpDef for Twice {
    const NAME: &'static str = "twice";
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0].clone())
    }
    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        out.iter_mut().zip(inputs[0].data).for_each(|(o, x)| *o = *x + *x);
    }
    fn lower(&self, _inputs: &[TensorType], _output: &TensorType, _caps: &Caps) -> Lowered {
        Lowered::default()
    }
}

#[derive(Serialize, Deserialize)]
struct Doubling {
    #[serde(skip)]
    scale: Variable,
}

impl Layer for Doubling {
    const CLASS: &'static str = "Doubling";
    fn build(&mut self, builder: &mut Builder, input: &TensorShape) -> Result<(), Error> {
        self.scale = builder.add_weight("scale", [input.known(-1)?], "ones", true)?;
        Ok(())
    }
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let kind = Kind::Op(std::sync::Arc::new(Twice));
        Tensor::apply(kind, &[x * &self.scale], |t| Ok(vec![t[0].clone()]))
    }
}

#[test]
fn a_model_that_tensorflow_cannot_be_told_is_saved_without_a_signature() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, _) = blobs(12);
    let objects = CustomObjects::new().layer::<CenterBatch>().layer::<Doubling>();
    let with = |layer: LayerRef| {
        Sequential::new((Dense::new(4).name("first").input_shape([20]), layer)).expect("fits")
    };
    for (name, layer, why) in [
        ("center", CenterBatch {}.name("center").shared(), "layer `center`"),
        (
            "double",
            Doubling { scale: Variable::default() }.name("double").shared(),
            "the op `twice` in layer `double`",
        ),
    ] {
        let path = folder.path().join(name);
        let mut model = with(layer);
        model.to(&cpu()).expect("moves");
        let reason = rhyton::models::serving(model.as_layer()).expect_err("there is none");
        assert!(reason.contains(why), "{reason}");
        model.save(&path).expect("saves");
        assert!(!has_signature(&path));
        let options = LoadOptions { custom_objects: objects.clone(), ..LoadOptions::default() };
        let mut loaded = load_model_with(&path, &options).expect("loads");
        loaded.to(&cpu()).expect("moves");
        assert_eq!(
            loaded.predict(&x).verbose(0).run().expect("predicts"),
            model.predict(&x).verbose(0).run().expect("predicts")
        );
    }
}

#[test]
fn all_unknown_classes_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m");
    let layers: Vec<LayerRef> = vec![
        Dense::new(4).input_shape([20]).shared(),
        CenterBatch {}.into(),
        Dense::new(2).into(),
        Doubling { scale: Variable::default() }.into(),
        CenterBatch {}.into(),
    ];
    Sequential::new(layers).expect("fits").save(&path).expect("saves");
    let error = load_model(&path).map(|_| ()).expect_err("nobody registered them").to_string();
    assert!(error.contains("unknown layers `CenterBatch`, `Doubling`;"), "{error}");
    // One that is known is not among them.
    let objects = CustomObjects::new().layer::<Doubling>();
    let options = LoadOptions { custom_objects: objects, ..LoadOptions::default() };
    let error = load_model_with(&path, &options).map(|_| ()).expect_err("one is missing").to_string();
    assert!(error.contains("unknown layer `CenterBatch`;"), "{error}");
}

/// As tf_keras names them; axes that data decide stay open.
#[test]
fn signatures_are_named_after_layers() {
    let (a, b) = (input([5]), input([None, Some(3)]));
    let (x, y) = (Dense::new(4).name("first").on(&a), Dense::new(5).name("steps").on(&b));
    let again = Dense::new(4).name("again").shared();
    let twice = again.clone().on(again.clone().on(&x));
    let once = again.on(&x);
    let model = Model::new([&a, &b], [&x, &y, &twice, &once]).expect("fits");
    let serving = rhyton::models::serving(model.as_layer()).expect("there is one");
    let names: Vec<&str> = serving.outputs.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["first", "steps", "again", "again_1"]);
    assert_eq!(serving.inputs[1].shape, [None, None, Some(3)]);
    assert_eq!(serving.outputs[1].shape, [None, None, Some(5)]);
    assert_eq!(serving.variables.len(), 6);
}

/// tf_keras makes arguments of the inputs' names, and cannot load a SavedModel with a word of Python's language among them.
#[test]
fn a_word_of_python_is_no_name_of_an_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let x = input([3]).name("in");
    let model = Model::new(&x, Dense::new(2).on(&x)).expect("fits");
    let path = folder.path().join("saved_model");
    let error = model.save(&path).expect_err("tf_keras cannot load it").to_string();
    assert!(error.contains("the input `in`") && !path.exists(), "{error}");
    model.save(folder.path().join("model.keras")).expect("saves");
}

//! SavedModel directories that the real libraries wrote (the fixtures' are also in fixtures.rs), damaged ones, and our own.

mod common;

use std::path::{Path, PathBuf};

use common::{Npy, npz};
use rhyton_persist::formats::by_ending;
use rhyton_persist::tree::{
    Attribute, DType, Dialect, Element, Object, Place, Port, Serving, ServingNode, Source, Tree, Variable,
    WriteOptions,
};
use rhyton_persist::{Error, open, write};
use serde_json::json;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/saved_models").join(name)
}

fn object(name: &str, class: &str, variables: &[(&str, &[usize])], children: Vec<Object>) -> Object {
    let variable =
        |(name, shape): &(&str, &[usize])| Variable { value: None, ..common::filled(name, shape, 0.0) };
    Object {
        name: name.into(),
        class_name: class.into(),
        is_model: class == "Sequential",
        variables: variables.iter().map(variable).collect(),
        merged: Vec::new(),
        states: Vec::new(),
        has_table: false,
        children: children.into_iter().map(|c| (c.name.clone(), c)).collect(),
    }
}

/// The model of make.py.
fn skeleton() -> Object {
    let dense = |name, i, o| object(name, "Dense", &[("kernel", &[i, o]), ("bias", &[o])], vec![]);
    let layers = vec![
        object("inner", "Sequential", &[], vec![dense("dense", 4, 3)]),
        dense("frozen", 3, 3),
        object("scale", "Scale", &[("scale", &[3])], vec![]),
        dense("dense_1", 3, 2),
    ];
    object("outer", "Sequential", &[], layers)
}

fn same(variable: &Variable, expected: &Npy) {
    assert_eq!(variable.shape, expected.shape);
    assert_eq!(variable.value.as_ref().unwrap().read().unwrap(), expected.bytes);
}

#[test]
fn a_sequential_with_a_model_inside_and_a_custom_class_is_read() {
    let expected = npz(&data("sequential.npz"));
    // TensorFlow 2.4 keeps the metadata elsewhere.
    for name in ["sequential", "old"] {
        let file = open(data(name), None).unwrap();
        assert_eq!((file.format, file.dialect), ("saved-model", Some(Dialect::TfKeras)));
        assert_eq!(file.keras_version.as_deref(), Some("2.21.0"));
        assert!(file.no_model.is_none());
        let model = file.model.unwrap();
        assert_eq!(model.name, "outer");
        let classes: Vec<&str> = model.layers.iter().map(|l| l.class_name.as_str()).collect();
        assert_eq!(classes, ["InputLayer", "Sequential", "Dense", "Scale", "Dense"]);
        assert_eq!(model.layers[3].registered_name.as_deref(), Some("Fixtures>Scale"));
        assert_eq!(model.layers[2].config["trainable"], false);
        assert_eq!(model.layers[0].config["batch_shape"], json!([null, 4]));
        let inner = model.layers[1].model.as_ref().unwrap();
        assert_eq!(inner.layers[1].config["activation"], "tanh");
        assert_eq!(inner.layers[1].build_config, Some(json!({"input_shape": [null, 4]})));
        let compile = file.compile.unwrap();
        assert_eq!(compile.optimizer["class_name"], "SGD");
        assert_eq!(compile.optimizer["config"]["momentum"], 0.9);
        assert_eq!(compile.loss, "mse");

        let mut root = skeleton();
        file.weights.fill(&mut root).unwrap();
        let variables = common::variables(&root);
        for (at, variable) in variables.iter().enumerate() {
            same(variable, &expected[&format!("arr_{at}")]);
        }
        let state = file.weights.optimizer("SGD", &trainable(&root)).unwrap().unwrap();
        assert_eq!(state.iteration, common::int(&expected["iteration"]));
        assert_eq!((state.slots.len(), state.learning_rate), (5, Some(0.1)));
        same(&state.slots[1].variable, &expected["momentum"]);
    }
}

#[test]
fn what_is_no_keras_model_says_so_and_lists_its_arrays() {
    for (name, says, arrays) in [
        ("export", "an export of Keras 3", 4),
        ("module", "a SavedModel of a tf.Module", 1),
        ("tensorflow_1", "TensorFlow 1", 1),
    ] {
        let file = open(data(name), None).unwrap();
        assert!(file.model.is_none() && file.compile.is_none(), "{name}");
        let error = file.no_model.unwrap().to_string();
        assert!(error.contains(says), "{error}");
        let stored = file.weights.stored().unwrap();
        assert_eq!(stored.len(), arrays, "{name}");
        for array in stored {
            array.variable.value.unwrap().read().unwrap();
        }
        assert!(file.weights.fill(&mut skeleton()).is_err(), "{name}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    copy(&data("sequential"), &path);
    std::fs::remove_file(path.join("keras_metadata.pb")).unwrap();
    let error = open(&path, None).unwrap().no_model.unwrap().to_string();
    assert!(error.contains("keras_metadata.pb is missing"), "{error}");
    std::fs::remove_file(path.join("variables/variables.index")).unwrap();
    assert!(matches!(open(&path, None), Err(Error::Io { .. })));
    std::fs::remove_file(path.join("saved_model.pb")).unwrap();
    let error = open(&path, None).err().unwrap().to_string();
    assert!(error.contains("no saved_model.pb"), "{error}");
}

#[test]
fn damaged_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    for (model, file) in [("sequential", "keras_metadata.pb"), ("old", "saved_model.pb")] {
        std::fs::create_dir_all(&path).unwrap();
        copy(&data(model), &path);
        let whole = std::fs::read(path.join(file)).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(path.join(file), bytes).unwrap();
            open(&path, None).map(|f| f.model.is_some())
        };
        assert!(matches!(read(&whole), Ok(true)));
        for i in 0..40 {
            assert!(!matches!(read(&whole[..whole.len() * i / 40]), Ok(true)), "{file} cut at {i}/40");
        }
        for at in (0..whole.len()).step_by(whole.len() / 300) {
            let mut bytes = whole.clone();
            bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
            // Either is right: a changed name is a name.
            let _ = read(&bytes);
        }
        std::fs::remove_dir_all(&path).unwrap();
    }
}

/// Its trainable variables.
fn trainable(root: &Object) -> Vec<Variable> {
    let variables = common::variables(root);
    [0, 1, 4, 5, 6].iter().map(|i| variables[*i].clone()).collect()
}

/// Everything that the SavedModel of make.py says, with a graph that adds its first bias to its input.
fn tree() -> Tree {
    let file = open(data("sequential"), None).unwrap();
    let mut root = skeleton();
    file.weights.fill(&mut root).unwrap();
    let optimizer = file.weights.optimizer("SGD", &trainable(&root)).unwrap();
    let port = |name: &str, width, source| Port {
        name: name.into(),
        dtype: DType::F32,
        shape: vec![None, Some(width)],
        source,
    };
    let node = ServingNode {
        scope: "inner/dense".into(),
        op: "AddV2".into(),
        output: "z".into(),
        inputs: vec![Source::Input(0), Source::Variable(0)],
        attributes: vec![("T".into(), Attribute::Type(Element::Of(DType::F32)))],
    };
    let serving = Serving {
        inputs: vec![port("input_1", 3, Source::Input(0))],
        outputs: vec![port("dense_1", 3, Source::Node(0))],
        variables: vec![Place { children: vec![0, 0], variable: 1 }],
        nodes: vec![node],
    };
    let resume = Some(json!({"seed": 7}));
    Tree {
        model: file.model,
        compile: file.compile,
        root,
        optimizer,
        resume,
        serving: Some(serving),
        assets: Vec::new(),
    }
}

fn save(path: &Path, tree: &Tree) -> Result<(), Error> {
    write(path, None, tree, &WriteOptions::default())
}

/// Names of files below a folder, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut next) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(open) = next.pop() {
        for path in std::fs::read_dir(open).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                next.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_path_buf(), bytes));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, tree) = (folder.path().join("a/my_model"), tree());
    save(&path, &tree).unwrap();
    let names: Vec<String> =
        files(&path).into_iter().map(|(name, _)| name.to_string_lossy().replace('\\', "/")).collect();
    assert_eq!(
        names,
        [
            "fingerprint.pb",
            "keras_metadata.pb",
            "saved_model.pb",
            "variables/variables.data-00000-of-00001",
            "variables/variables.index",
        ]
    );
    assert!(path.join("assets").is_dir());

    let file = open(&path, None).unwrap();
    assert_eq!((file.format, file.dialect), ("saved-model", Some(Dialect::TfKeras)));
    assert_eq!(file.resume, tree.resume);
    let (model, wanted) = (file.model.unwrap(), tree.model.unwrap());
    assert_eq!(model.layers, wanted.layers);
    assert_eq!((model.name, model.config), (wanted.name, wanted.config));
    let (compile, wanted) = (file.compile.unwrap(), tree.compile.unwrap());
    assert_eq!((compile.optimizer, compile.metrics), (wanted.optimizer, wanted.metrics));
    assert_eq!(compile.loss, "mean_squared_error");
    let mut root = skeleton();
    file.weights.fill(&mut root).unwrap();
    for (found, wanted) in common::variables(&root).iter().zip(common::variables(&tree.root)) {
        let bytes = |v: &Variable| v.value.as_ref().unwrap().read().unwrap();
        assert_eq!(bytes(found), bytes(wanted));
    }
    let state = file.weights.optimizer("SGD", &trainable(&root)).unwrap().unwrap();
    assert_eq!(state.iteration, tree.optimizer.unwrap().iteration);
    assert_eq!(state.slots.len(), 5);
}

#[test]
fn the_same_model_gives_the_same_bytes_wherever_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (new, over, plain) =
        (folder.path().join("new"), folder.path().join("over"), folder.path().join("plain"));
    let mut tree = tree();
    save(&new, &tree).unwrap();
    let has = |path: &Path, text: &[u8]| {
        let graph = std::fs::read(path.join("saved_model.pb")).unwrap();
        graph.windows(text.len()).any(|w| w == text)
    };
    assert!(has(&new, b"inner/dense/AddV2") && has(&new, b"serving_default_input_1"));
    // Over another model, and into a folder of other things.
    let serving = tree.serving.take();
    save(&over, &tree).unwrap();
    assert!(!has(&over, b"serving_default"));
    std::fs::write(over.join("note.txt"), "mine").unwrap();
    std::fs::create_dir_all(plain.join("assets.extra")).unwrap();
    std::fs::write(plain.join("assets.extra/note.txt"), "mine").unwrap();
    tree.serving = serving;
    save(&over, &tree).unwrap();
    save(&plain, &tree).unwrap();
    for (path, note) in [(over, "note.txt"), (plain, "assets.extra/note.txt")] {
        assert_eq!(std::fs::read(path.join(note)).unwrap(), b"mine");
        std::fs::remove_file(path.join(note)).unwrap();
        assert!(files(&path) == files(&new), "{}", path.display());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn what_cannot_be_written_leaves_the_old_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    save(&path, &tree()).unwrap();
    let before = files(folder.path());
    let mut wrong = tree();
    wrong.serving.as_mut().unwrap().variables[0].children = vec![9];
    assert!(matches!(save(&path, &wrong), Err(Error::Usage { .. })));
    let mut wrong = tree();
    wrong.serving.as_mut().unwrap().nodes[0].inputs = vec![Source::Node(5)];
    assert!(matches!(save(&path, &wrong), Err(Error::Usage { .. })));
    let mut wrong = tree();
    wrong.root.children[0].1.children[0].1.variables[0].value = None;
    assert!(matches!(save(&path, &wrong), Err(Error::Usage { .. })));
    assert!(files(folder.path()) == before);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = save(&folder.path().join("file"), &tree()).unwrap_err().to_string();
    assert!(error.contains("is a file"), "{error}");
}

#[test]
fn without_an_ending_a_whole_model_is_a_saved_model_and_weights_are_a_checkpoint() {
    for (name, whole, format) in [
        ("saved_model/my_model", true, "saved-model"),
        ("model-0.5", true, "saved-model"),
        ("checkpoints/my_checkpoint", false, "tf-checkpoint"),
        ("cp-0001.ckpt", true, "tf-checkpoint"),
        ("m.keras", true, "keras"),
    ] {
        assert_eq!(by_ending(Path::new(name), whole).unwrap().name, format, "{name}");
    }
    assert!(by_ending(Path::new("model.txt"), true).is_err());
}

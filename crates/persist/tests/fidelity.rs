//! What passes as data loses nothing: files that the real libraries wrote (data/conversions/make.py).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use rhyton_persist::convert::{ConvertOptions, convert, whole};
use rhyton_persist::tree::{Dialect, LayerConfig, Variable, WriteOptions};
use rhyton_persist::{Error, formats, open};
use serde_json::{Value, json};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conversions").join(name)
}

fn files() -> Vec<(PathBuf, Dialect)> {
    let entries = std::fs::read_dir(data("")).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "keras"))
        .map(|path| {
            let keras3 = path.to_str().unwrap().contains("keras3");
            (path, if keras3 { Dialect::Keras3 } else { Dialect::TfKeras })
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(files.len() >= 8);
    files
}

fn options(format: &str, dialect: Option<Dialect>) -> ConvertOptions {
    let write = WriteOptions { dialect, ..WriteOptions::default() };
    ConvertOptions { format: Some(format.into()), write, without_optimizer: false }
}

/// The members of an archive but for the weights.
fn members(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut out = BTreeMap::new();
    for i in 0..archive.len() {
        let mut file = archive.by_index(i).unwrap();
        let name = file.name().unwrap().to_string();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if name != "model.weights.h5" {
            out.insert(name, bytes);
        }
    }
    out
}

/// Configs, metadata and assets of a `.keras` come out of a conversion as they went in, whatever is in them.
#[test]
fn an_archive_of_the_same_dialect_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (path, dialect) in files() {
        let target = folder.path().join("m.keras");
        convert(path.as_path(), target.as_path(), None, &options("keras", Some(dialect))).unwrap();
        let (before, after) = (members(&path), members(&target));
        assert!(before.keys().eq(after.keys()), "{path:?}");
        for (name, bytes) in before {
            if name.ends_with(".json") {
                let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
                assert_eq!(json(&bytes), json(&after[&name]), "{path:?} {name}");
            } else {
                assert_eq!(bytes, after[&name], "{path:?} {name}");
            }
        }
    }
}

fn layer(path: &Path, class: &str) -> LayerConfig {
    let model = open(path, None).unwrap().model.unwrap();
    model.layers.into_iter().find(|layer| layer.class_name == class).unwrap()
}

/// HDF5 has no files for layers, so a vocabulary goes into the config.
#[test]
fn vocabularies_go_where_the_format_has_a_place() {
    let folder = tempfile::tempdir().unwrap();
    for (source, dialect) in
        [("strings-keras3.keras", Dialect::Keras3), ("strings-tf_keras.keras", Dialect::TfKeras)]
    {
        let target = folder.path().join("m.h5");
        convert(data(source).as_path(), target.as_path(), None, &options("h5", Some(dialect))).unwrap();
        let words = layer(&target, "StringLookup").config["vocabulary"].clone();
        assert_eq!(words, json!(["[UNK]", "beta", "Ωmega", "alpha"]));
        // And from there on it is in the config.
        let again = folder.path().join("again.keras");
        convert(target.as_path(), again.as_path(), None, &options("keras", Some(dialect))).unwrap();
        assert_eq!(layer(&again, "StringLookup").config["vocabulary"], words);
    }
}

/// tf_keras' operators take their argument as it stands: a tensor, or a list of one.
#[test]
fn calls_of_operators_keep_their_form() {
    let folder = tempfile::tempdir().unwrap();
    let source = data("operators-tf_keras.keras");
    let target = folder.path().join("m.h5");
    convert(source.as_path(), target.as_path(), None, &options("h5", Some(Dialect::TfKeras))).unwrap();
    let calls = |path: &Path| {
        let model = open(path, None).unwrap().model.unwrap();
        model.layers.into_iter().map(|l| (l.name, l.calls)).collect::<Vec<_>>()
    };
    assert_eq!(calls(&source), calls(&target));
    assert!(calls(&target).iter().flat_map(|(_, calls)| calls).any(|call| call.bare));
    let error = convert(source.as_path(), target.as_path(), None, &options("h5", Some(Dialect::Keras3)));
    assert!(matches!(error, Err(Error::Unsupported { what, .. }) if what.contains("math.multiply")));
}

/// tf_keras makes a layer again from its class, its config, and the shape that it was built for.
#[test]
fn a_saved_model_says_the_shape_of_each_layer_that_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["embedding-keras3.keras", "states-keras3.keras", "noise-tf_keras.keras"] {
        let target = folder.path().join("m");
        convert(data(source).as_path(), target.as_path(), None, &options("saved-model", None)).unwrap();
        let bytes = std::fs::read(target.join("keras_metadata.pb")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let mut seen = 0;
        for (at, _) in text.match_indices("{\"name\": ") {
            let mut json = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
            let Some(Ok(about)) = json.next() else { continue };
            let class = about["class_name"].as_str().unwrap_or_default();
            if about.get("must_restore_from_config").is_none()
                || ["InputLayer", "Sequential", "Functional"].contains(&class)
            {
                continue;
            }
            seen += 1;
            assert!(about["expects_training_arg"].is_boolean(), "{source} {class}");
            let built =
                ["Embedding", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "LSTM", "Dense"]
                    .contains(&class);
            assert!(!built || about["build_input_shape"].is_object(), "{source} {class}: {about}");
        }
        assert!(seen >= 3, "{source}");
    }
}

/// Arguments of `compile` that Rhyton does not know stay, also where the config is written anew.
#[test]
fn settings_of_compile_stay() {
    let folder = tempfile::tempdir().unwrap();
    let other = |path: &Path| open(path, None).unwrap().compile.unwrap().other;
    for (source, dialect) in
        [("compiled-keras3.keras", Dialect::Keras3), ("compiled-tf_keras.keras", Dialect::TfKeras)]
    {
        let source = data(source);
        assert_eq!(other(&source)["jit_compile"], true);
        assert_eq!(other(&source)["steps_per_execution"], 3);
        if dialect == Dialect::Keras3 {
            let h5 = folder.path().join("m.h5");
            convert(source.as_path(), h5.as_path(), None, &options("h5", Some(dialect))).unwrap();
            assert_eq!(other(&source), other(&h5));
            assert_eq!(other(&h5)["jit_compile"], true);
        }
    }
}

/// Names with slashes are groups inside groups in HDF5, one of which may be another layer's.
#[test]
fn names_with_slashes_are_groups_in_groups() {
    let folder = tempfile::tempdir().unwrap();
    let source = data("compiled-tf_keras.keras");
    let mut tree = whole(&source.as_path().into(), &open(&source, None).unwrap(), None).unwrap().tree;
    tree.optimizer = None;
    let names = ["conv1", "conv1/bn/out"];
    let model = tree.model.as_mut().unwrap();
    let dense = model.layers.iter_mut().filter(|layer| layer.class_name == "Dense");
    for ((layer, (_, object)), name) in dense.zip(&mut tree.root.children).zip(names) {
        layer.name = name.into();
        layer.config.insert("name".into(), name.into());
        object.name = name.into();
    }
    let target = folder.path().join("m.h5");
    let write = |dialect: Dialect| WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
    formats::write(target.as_path(), Some("h5"), &tree, &write(Dialect::TfKeras)).unwrap();
    let again = whole(&target.as_path().into(), &open(&target, None).unwrap(), None).unwrap().tree;
    for ((_, wanted), (_, got)) in tree.root.children.iter().zip(&again.root.children) {
        assert_eq!(wanted.name, got.name);
        for (a, b) in wanted.variables.iter().zip(&got.variables) {
            let bytes = |v: &Variable| v.value.as_ref().unwrap().read().unwrap();
            assert_eq!(bytes(a), bytes(b));
        }
    }
    // Keras 3 refuses such names, which is known before anything is written.
    let refused = formats::check(target.as_path(), Some("h5"), &tree, &write(Dialect::Keras3));
    assert!(matches!(refused, Err(Error::Unsupported { what, .. }) if what.contains("`conv1/bn/out`")));
}

/// Checks that what a layer was adapted to is in tables of a SavedModel's graph: without it nothing is written.
#[test]
fn what_the_source_does_not_have_is_not_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let (keras, saved) = (data("strings-tf_keras.keras"), folder.path().join("saved"));
    convert(keras.as_path(), saved.as_path(), None, &options("saved-model", None)).unwrap();
    // This one has the words in its config. One that has them in a table has null there.
    let metadata = saved.join("keras_metadata.pb");
    let bytes = std::fs::read(&metadata).unwrap();
    let words = br#"["[UNK]", "beta", "\u03a9mega", "alpha"]"#;
    assert!(bytes.windows(words.len()).any(|window| window == words));
    let mut blank = b"null".to_vec();
    blank.resize(words.len(), b' ');
    let mut changed = bytes.clone();
    while let Some(at) = changed.windows(words.len()).position(|window| window == words) {
        changed.splice(at..at + words.len(), blank.iter().copied());
    }
    std::fs::write(&metadata, changed).unwrap();
    let target = folder.path().join("m.h5");
    let refused = convert(saved.as_path(), target.as_path(), None, &options("h5", None));
    assert!(matches!(refused, Err(Error::Usage { what, .. }) if what.contains("`string_lookup`")));
    assert!(!target.exists());
}

//! Conversion from each format to each other one, with layers as data.

mod common;

use std::path::{Path, PathBuf};

use common::{Case, cases};
use rhyton_persist::convert::{ConvertOptions, convert, whole};
use rhyton_persist::tree::{Dialect, ModelConfig, SavedFile, WriteOptions};
use rhyton_persist::{Error, formats, open};

/// The files of a case: (format, path).
fn sources(case: &Case) -> Vec<(&'static str, PathBuf)> {
    let mut found: Vec<_> = case.files();
    for kind in ["ckpt", "ckpt_sharded"] {
        let path = case.dir.join(kind).join("cp.ckpt");
        if path.with_extension("ckpt.index").exists() {
            found.push((kind, path));
        }
    }
    found
}

fn architecture(case: &Case) -> Option<PathBuf> {
    case.files().into_iter().find(|(key, _)| matches!(*key, "keras" | "h5")).map(|(_, path)| path)
}

const TARGETS: [(&str, &str); 6] = [
    ("keras", "m.keras"),
    ("h5", "m.h5"),
    ("h5-weights", "w.h5"),
    ("weights-h5", "m.weights.h5"),
    ("tf-checkpoint", "m.ckpt"),
    ("safetensors", "m.safetensors"),
];

fn options(format: &str, dialect: Dialect) -> ConvertOptions {
    let known = formats::by_name(format).expect("a format");
    let dialect = known.dialects.contains(&dialect).then_some(dialect);
    let write = WriteOptions { dialect, ..WriteOptions::default() };
    ConvertOptions { format: Some(format.into()), write, without_optimizer: false }
}

/// Whether a file of the fixtures has what it takes to know a class that is not Keras' own.
fn may_lack(case: &Case) -> bool {
    case.name.starts_with("custom")
}

#[test]
fn each_format_becomes_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut done = 0;
    for case in cases() {
        let Some(model) = architecture(&case) else { continue };
        for (key, source) in sources(&case) {
            for (format, name) in TARGETS {
                let context = format!("{} {key} -> {format}", case.name);
                let target = folder.path().join(name);
                let options = options(format, case.dialect);
                match convert(&source, &target, Some(&(&model).into()), &options) {
                    Ok(written) => assert_eq!(written.format, format, "{context}"),
                    Err(Error::Usage { what, .. }) if may_lack(&case) && what.contains("scale") => continue,
                    Err(error) => panic!("{context}: {error}"),
                }
                done += 1;
                // These files do not name the variables of a class that is not Keras' own.
                if may_lack(&case) && format == "safetensors" && matches!(key, "keras" | "weights_h5") {
                    continue;
                }
                check(&case, key, &target, format, &model, &context);
            }
        }
    }
    assert!(done > 200, "{done}");
}

/// `.h5` does not say what each layer was built for.
fn without_shapes(mut model: ModelConfig) -> ModelConfig {
    model.config.shift_remove("build_input_shape");
    for layer in &mut model.layers {
        layer.build_config = None;
        layer.config.shift_remove("build_input_shape");
        layer.model = layer.model.take().map(|inner| Box::new(without_shapes(*inner)));
    }
    model
}

fn check(case: &Case, key: &str, target: &Path, format: &str, model: &Path, context: &str) {
    let file = open(target, None).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(file.format, format, "{context}");
    let described = open(model, None).unwrap();
    if file.model.is_some() {
        let plain = |f: &SavedFile| f.model.clone().map(without_shapes);
        // A whole model's own configs are what was converted.
        let own = open(&sources(case).into_iter().find(|(k, _)| *k == key).unwrap().1, None).unwrap();
        let described = if own.model.is_some() { &own } else { &described };
        // Not `assert_eq`: it would print pages.
        assert!(plain(&file) == plain(described), "{context}: the configs differ");
    }
    let has_optimizer = open(sources(case).into_iter().find(|(k, _)| *k == key).unwrap().1, None)
        .and_then(|f| whole(&model.into(), &f, Some((&model.into(), &described))))
        .unwrap_or_else(|e| panic!("{context}: {e}"))
        .tree
        .optimizer
        .is_some();
    let again = whole(&target.into(), &file, Some((&model.into(), &described)));
    let again = again.unwrap_or_else(|e| panic!("{context}: {e}"));
    // By the skeleton that the tests make of what the real library says.
    let tree = case.tree(file).unwrap_or_else(|e| panic!("{context}: {e}"));
    case.check_weights(&tree.root, context);
    case.check_weights(&again.tree.root, context);
    let holds = formats::by_name(format).unwrap().optimizer;
    assert_eq!(tree.optimizer.is_some(), has_optimizer && holds, "{context}");
    if let Some(state) = &tree.optimizer {
        case.check_optimizer(state, context);
    }
}

/// A file that does not name the variables of an unknown layer, and one that does.
#[test]
fn names_of_unknown_layers_come_from_the_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("m.safetensors");
    let checkpoint = folder.path().join("m.ckpt");
    for case in cases().into_iter().filter(may_lack) {
        let files = case.files();
        let path = |wanted: &str| files.iter().find(|(key, _)| *key == wanted).map(|(_, path)| path.clone());
        let (Some(keras), Some(h5)) = (path("keras"), path("h5")) else { continue };
        let alone = convert(&keras, &checkpoint, None, &ConvertOptions::default());
        let Err(Error::Usage { what, .. }) = alone else { panic!("{}: {}", case.name, alone.is_ok()) };
        assert!(what.contains("`scale_shift`") || what.contains("`scale"), "{what}");
        for target in [&checkpoint, &target] {
            convert(&keras, target, Some(&(&h5).into()), &ConvertOptions::default()).unwrap();
            let tree = case.tree(open(target, None).unwrap()).unwrap();
            case.check_weights(&tree.root, &case.name);
        }
        // And back, though the order of the tensors means nothing: the other file has it.
        let keras = folder.path().join("m.keras");
        let alone = folder.path().join("alone.keras");
        convert(&target, &keras, Some(&(&h5).into()), &ConvertOptions::default()).unwrap();
        let tree = case.tree(open(&keras, None).unwrap()).unwrap();
        case.check_weights(&tree.root, &case.name);
        let without_names = convert(&target, &alone, Some(&(&keras).into()), &ConvertOptions::default());
        assert!(matches!(without_names, Err(Error::Usage { .. })), "{}", case.name);
    }
}

/// Both libraries begin anew with a `LossScaleOptimizer` from HDF5: who writes one is told so.
#[test]
fn loss_scale_optimizers_in_hdf5() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for case in cases().into_iter().filter(|case| case.name.starts_with("mixed_float16")) {
        let source = case.dir.join("model.keras");
        for (format, name, said) in [("h5", "m.h5", true), ("keras", "m.keras", false)] {
            let done =
                convert(&source, folder.path().join(name), None, &options(format, case.dialect)).unwrap();
            let told =
                done.notes.iter().any(|n| n.contains("LossScaleOptimizer") && n.contains("begin anew"));
            assert_eq!(told, said, "{}: {:?}", source.display(), done.notes);
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}

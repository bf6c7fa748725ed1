//! Every file of the fixtures, which the real libraries wrote: read, compared with what they say is in it, written in every
//! other format and dialect, and read again.

mod common;

use common::{Case, cases};
use rhyton_persist::tree::{Arg, Call, CompileConfig, Dialect, ModelConfig, Tree, WriteOptions};
use rhyton_persist::{Error, open, write};
use serde_json::{Value, json};

fn each(test: impl Fn(&Case)) {
    for case in cases() {
        test(&case);
    }
}

#[test]
fn arrays_are_those_that_the_libraries_say() {
    each(|case| {
        for (key, path) in case.files() {
            let context = format!("{} {key}", case.name);
            let file = open(&path, None).unwrap_or_else(|e| panic!("{context}: {e}"));
            let format = match key {
                "keras" => "keras",
                "h5" => "h5",
                "weights_legacy" => "h5-weights",
                "saved_model" => "saved-model",
                _ => "weights-h5",
            };
            assert_eq!(file.format, format, "{context}");
            if file.dialect.is_some() {
                assert_eq!(file.dialect, Some(case.dialect), "{context}");
            }
            let mut root = case.skeleton();
            file.weights.fill(&mut root).unwrap_or_else(|e| panic!("{context}: {e}"));
            case.check_weights(&root, &context);
            let state = file.weights.optimizer(&case.optimizer_class(), &case.trainable()).unwrap();
            let stored = case.info["files"][key]["optimizer"].as_bool().unwrap();
            let legacy = case.name.contains("legacy") && key != "h5";
            assert_eq!(state.is_some(), stored && !legacy, "{context}");
            if let Some(state) = state {
                case.check_optimizer(&state, &context);
            }
        }
    });
}

/// Numbers as float32 has them: tf_keras rounds some arguments.
fn rounded(value: &mut Value) {
    match value {
        Value::Number(n) if n.is_f64() => *value = json!(n.as_f64().unwrap() as f32),
        Value::Array(list) => list.iter_mut().for_each(rounded),
        Value::Object(map) => map.values_mut().for_each(rounded),
        _ => {}
    }
}

/// A model config without what the dialects cannot agree on.
fn comparable(model: &ModelConfig) -> ModelConfig {
    let mut model = model.clone();
    model.config.clear();
    for layer in &mut model.layers {
        layer.build_config = None;
        // Keras 3's graphs alone say it.
        layer.input_shape = None;
        layer.config.values_mut().for_each(rounded);
        layer.config.shift_remove("trainable");
        // tf_keras writes the resolved axis; in `.h5` nothing says the rank.
        layer.config.shift_remove("axis");
        if layer.class_name == "InputLayer" && model.inputs.is_empty() {
            // `dense_input`, `input_1` or `input_layer`.
            layer.name = String::new();
            layer.config.shift_remove("name");
        }
        if let Some(inner) = &mut layer.model {
            **inner = comparable(inner);
            layer.config.retain(|k, _| k == "name");
        }
        if let Some(inner) = layer.config.get_mut("layer").and_then(Value::as_object_mut) {
            inner.shift_remove("build_config");
        }
        if let Some(inner) = layer.config.get_mut("layer").and_then(|l| l.get_mut("config")) {
            // Keras 3's Bidirectional sets it.
            inner.as_object_mut().unwrap().shift_remove("zero_output_for_mask");
        }
        for call in &mut layer.calls {
            // Attention: the second argument by place or by name.
            if layer.class_name == "MultiHeadAttention"
                && let Some(i) = call.kwargs.iter().position(|(name, _)| name == "value")
            {
                let (_, value) = call.kwargs.remove(i);
                call.args.push(value);
            }
        }
    }
    model
}

fn comparable_compile(compile: &CompileConfig) -> CompileConfig {
    let mut compile = compile.clone();
    // Each format has others of them.
    compile.other.clear();
    // tf_keras' `.h5` has what "accuracy" was resolved to.
    for metric in compile.metrics.as_array_mut().into_iter().flatten() {
        if metric.pointer("/config/name").is_some_and(|n| n == "accuracy") {
            *metric = "accuracy".into();
        }
    }
    // tf_keras alone keeps the string.
    if let Some(name) = compile.optimizer.get("class_name").and_then(Value::as_str).map(str::to_lowercase) {
        let default = compile.optimizer["config"]["learning_rate"] == json!(0.0010000000474974513);
        if name == "adam" && default {
            compile.optimizer = name.into();
        }
    }
    compile
}

#[test]
fn configs_are_equal_across_formats_and_dialects() {
    let mut by_case: std::collections::BTreeMap<String, Vec<(String, ModelConfig, Option<CompileConfig>)>> =
        Default::default();
    for case in cases() {
        for (key, path) in case.files() {
            let file = open(&path, None).unwrap();
            if let Some(model) = file.model {
                let name = format!("{}/{}", case.dir.parent().unwrap().display(), "");
                let compile = file.compile.as_ref().map(comparable_compile);
                by_case.entry(name).or_default().push((
                    format!("{} {key}", case.name),
                    comparable(&model),
                    compile,
                ));
            }
        }
    }
    for (name, all) in by_case {
        let (first_name, first, first_compile) = &all[0];
        for (other_name, other, other_compile) in &all[1..] {
            let names = format!("{name}: {first_name} and {other_name}");
            for (a, b) in first.layers.iter().zip(&other.layers) {
                assert_eq!(a, b, "{names}");
            }
            assert_eq!(first, other, "{names}");
            assert_eq!(first_compile, other_compile, "{names}");
        }
    }
}

#[test]
fn written_files_read_back_equal_in_every_format_and_dialect() {
    let folder = tempfile::tempdir().unwrap();
    each(|case| {
        for (key, path) in case.files().into_iter().filter(|(key, _)| matches!(*key, "keras" | "h5")) {
            let tree = case.tree(open(&path, None).unwrap()).unwrap();
            let tree = Tree { resume: Some(json!({"seed": [1, 2], "text": "é"})), ..tree };
            for dialect in [Dialect::Keras3, Dialect::TfKeras] {
                for (format, name) in [
                    ("keras", "m.keras"),
                    ("h5", "m.h5"),
                    ("weights-h5", "m.weights.h5"),
                    ("h5-weights", "w.h5"),
                    ("saved-model", "saved/model"),
                ] {
                    if format == "saved-model" && dialect == Dialect::Keras3 {
                        continue;
                    }
                    let context = format!("{} {key} to {format} {dialect:?}", case.name);
                    let out = folder.path().join(name);
                    let options = WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
                    write(&out, Some(format), &tree, &options).unwrap_or_else(|e| panic!("{context}: {e}"));
                    let back = open(&out, None).unwrap_or_else(|e| panic!("{context}: {e}"));
                    assert_eq!(back.format, format, "{context}");
                    assert_eq!(back.resume, tree.resume, "{context}");
                    if format != "weights-h5" {
                        assert_eq!(back.dialect, Some(dialect), "{context}");
                    }
                    if let Some(model) = &back.model {
                        let wanted = comparable(tree.model.as_ref().unwrap());
                        for (a, b) in comparable(model).layers.iter().zip(&wanted.layers) {
                            assert_eq!(a, b, "{context}");
                        }
                        assert_eq!(comparable(model), wanted, "{context}");
                        let (got, wanted) = (back.compile.as_ref().unwrap(), tree.compile.as_ref().unwrap());
                        assert_eq!(got.loss, wanted.loss, "{context}");
                        let (got_metrics, metrics) =
                            (comparable_compile(got).metrics, comparable_compile(wanted).metrics);
                        assert_eq!(got_metrics, metrics, "{context}");
                        assert_eq!(got.loss_weights, wanted.loss_weights, "{context}");
                        let mut optimizer = wanted.optimizer.clone();
                        if optimizer.is_object() {
                            if let (Dialect::Keras3, Some(config)) =
                                (dialect, optimizer["config"].as_object_mut())
                            {
                                // Which has none of before TensorFlow 2.11.
                                config.shift_remove("is_legacy_optimizer");
                            }
                            assert_eq!(got.optimizer, optimizer, "{context}");
                        }
                    }
                    let mut root = case.skeleton();
                    back.weights.fill(&mut root).unwrap_or_else(|e| panic!("{context}: {e}"));
                    case.check_weights(&root, &context);
                    let state = back.weights.optimizer(&case.optimizer_class(), &case.trainable()).unwrap();
                    let stored = tree.optimizer.is_some() && format != "h5-weights";
                    assert_eq!(state.is_some(), stored, "{context}");
                    if let Some(state) = state {
                        case.check_optimizer(&state, &context);
                    }
                }
            }
        }
    });
}

#[test]
fn a_tree_written_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let case = &cases()[0];
    let (_, path) = case.files().into_iter().next().unwrap();
    let tree = case.tree(open(path, None).unwrap()).unwrap();
    for name in ["a.h5", "a.weights.h5"] {
        let path = folder.path().join(name);
        write(&path, None, &tree, &WriteOptions::default()).unwrap();
        let first = std::fs::read(&path).unwrap();
        write(&path, None, &tree, &WriteOptions::default()).unwrap();
        assert!(first == std::fs::read(&path).unwrap());
    }
}

#[test]
fn every_difference_is_reported_the_first_one_first() {
    let case = cases().into_iter().find(|c| c.name == "conv/tf_keras").unwrap();
    for (key, path) in case.files() {
        let mut root = case.skeleton();
        let dense: Vec<usize> = root
            .children
            .iter()
            .enumerate()
            .filter(|(_, (_, o))| o.class_name == "Dense")
            .map(|(i, _)| i)
            .collect();
        root.children[dense[0]].1.variables[0].shape[0] += 1;
        root.children[dense[1]].1.variables.pop();
        let error = open(&path, None).unwrap().weights.fill(&mut root).unwrap_err();
        let Error::Mismatch { mismatches, .. } = &error else { panic!("{key}: {error}") };
        assert_eq!(mismatches.len(), 2, "{key}: {error}");
        assert!(mismatches.iter().any(|m| m.contains("dense")), "{error}");
        // A layer too many, and one too few.
        let mut root = case.skeleton();
        let mut extra = root.children[dense[0]].1.clone();
        extra.name = "extra".into();
        root.children.push(("extra".into(), extra));
        // A SavedModel's checkpoint knows variables, the other formats layers.
        let most = if key == "saved_model" { 2 } else { 1 };
        let error = open(&path, None).unwrap().weights.fill(&mut root).unwrap_err();
        assert!(
            matches!(&error, Error::Mismatch { mismatches, .. } if (1..=most).contains(&mismatches.len())),
            "{key}: {error}"
        );
        let mut root = case.skeleton();
        root.children.retain(|(_, o)| o.name != "dense_1");
        // A SavedModel's checkpoint knows variables, the other formats layers.
        let most = if key == "saved_model" { 2 } else { 1 };
        let error = open(&path, None).unwrap().weights.fill(&mut root).unwrap_err();
        assert!(
            matches!(&error, Error::Mismatch { mismatches, .. } if (1..=most).contains(&mismatches.len())),
            "{key}: {error}"
        );
    }
}

#[test]
fn nested_calls_count_from_zero() {
    for case in cases().into_iter().filter(|c| c.name.starts_with("nested/")) {
        let (model, _) = case.architecture();
        let act = model.layers.iter().find(|l| l.name == "act").unwrap();
        let [Call { args, .. }] = act.calls.as_slice() else { panic!("one call") };
        let [Arg::Tensor(tensor)] = args.as_slice() else { panic!("one tensor") };
        assert_eq!((tensor.layer.as_str(), tensor.node, tensor.tensor), ("encoder", 0, 0), "{}", case.name);
    }
}

//! Configs that are no configs.

use rhyton_persist::open;
use serde_json::{Value, json};
use zip::CompressionMethod;

use crate::zips::zip;
use crate::{keras, members, refused};

fn weights() -> Vec<u8> {
    members(&keras()).into_iter().find(|(name, _)| name == "model.weights.h5").unwrap().1
}

#[test]
fn hostile_configs_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let weights = weights();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut nested = r#"{"class_name": "Sequential", "config": {"layers": []}}"#.to_owned();
    for _ in 0..40 {
        nested =
            format!(r#"{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{nested}]}}}}"#);
    }
    for config in [
        "null",
        "[]",
        "{}",
        r#"{"class_name": 1}"#,
        r#"{"class_name": "MyModel", "config": {"layers": []}}"#,
        r#"{"class_name": "Sequential", "config": null}"#,
        r#"{"class_name": "Sequential", "config": {"layers": {}}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [1]}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {}}]}}"#,
        r#"{"class_name": "Functional", "config": {"layers": []}}"#,
        r#"{"class_name": "Functional", "config": {"layers": [], "input_layers": [["x", 0, 0]], "output_layers": []}}"#,
        r#"{"class_name": "Functional", "config": {"layers": [], "input_layers": [["x", -1, 0]], "output_layers": []}}"#,
        &nested,
        &deep,
    ] {
        let members: [(&str, &[u8]); 2] =
            [("config.json", config.as_bytes()), ("model.weights.h5", &weights)];
        zip(&path, &members, CompressionMethod::Stored);
        refused(&path, &config.chars().take(200).collect::<String>());
    }
    // A subclassed model has arrays and no architecture.
    let subclassed = br#"{"class_name": "MyModel", "config": {}}"#;
    let members: [(&str, &[u8]); 2] = [("config.json", subclassed), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    let found = open(&path, None).unwrap();
    assert!(found.model.is_none() && found.no_model.unwrap().to_string().contains("`MyModel`"));
    // Code is data: kept, never run.
    let lambda = r#"{"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "Lambda", "config":
        {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}}]}}"#;
    let members: [(&str, &[u8]); 2] = [("config.json", lambda.as_bytes()), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    let model = open(&path, None).unwrap().model.unwrap();
    assert_eq!(model.layers[0].class_name, "Lambda");
}

/// The config of the sound file.
fn config() -> Value {
    let all = members(&keras());
    serde_json::from_slice(&all.iter().find(|(name, _)| name == "config.json").unwrap().1).unwrap()
}

/// The refusal of the sound file with another config.
fn with(config: &Value, what: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let (text, weights) = (config.to_string(), weights());
    let members: [(&str, &[u8]); 2] = [("config.json", text.as_bytes()), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    refused(&path, what)
}

/// The first layer of a class.
fn layer<'a>(config: &'a mut Value, class: &str) -> &'a mut Value {
    let layers = config.pointer_mut("/config/layers").unwrap().as_array_mut().unwrap();
    layers.iter_mut().find(|l| l["class_name"] == class).unwrap()
}

#[test]
fn arguments_of_the_wrong_type_are_errors() {
    for (class, key, bad) in [
        ("Dense", "units", json!(["ten", 1.5, -3, 0, null, true, 1e30, [4], {"a": 1}])),
        ("Dense", "use_bias", json!(["yes", 1, []])),
        ("Dense", "activation", json!([5, ["relu"], true])),
        ("Dense", "kernel_initializer", json!([3, []])),
        ("Dense", "trainable", json!(["no", 0])),
        (
            "Dense",
            "dtype",
            json!(["float99", 32, [], {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float99"}}]),
        ),
        ("InputLayer", "batch_shape", json!(["x", 4, [null, -4], [null, 2.5], [null, "4"]])),
        ("InputLayer", "dtype", json!(["complex7"])),
    ] {
        for value in bad.as_array().unwrap() {
            let mut config = config();
            layer(&mut config, class)["config"][key] = value.clone();
            let error = with(&config, &format!("{class} with {key} = {value}"));
            assert!(error.contains("config.json") || error.contains(key), "{error}");
            assert!(error.contains(key) && error.contains("expected"), "{error}");
        }
    }
    // What a wrapper wraps, and layers that the sound file does not have.
    for (value, says) in [
        (
            json!({"class_name": "Bidirectional", "config": {"name": "b", "layer": {"class_name": "LSTM", "config": {"name": "l", "units": "4"}}}}),
            "layer.units",
        ),
        (
            json!({"class_name": "RNN", "config": {"name": "b", "cell": {"class_name": "StackedRNNCells", "config": {"cells": [
            {"class_name": "GRUCell", "config": {"name": "c", "units": -4}}]}}}}),
            "cell.cells.units",
        ),
        (
            json!({"class_name": "Conv2D", "config": {"name": "c", "filters": 2, "kernel_size": [3, "3"]}}),
            "kernel_size",
        ),
        (
            json!({"class_name": "Conv2D", "config": {"name": "c", "filters": 2, "kernel_size": 3, "strides": [1, 0]}}),
            "strides",
        ),
        (json!({"class_name": "Dropout", "config": {"name": "d", "rate": "0.5"}}), "rate"),
        (
            json!({"class_name": "BatchNormalization", "config": {"name": "n", "momentum": [], "axis": -1}}),
            "momentum",
        ),
        (json!({"class_name": "BatchNormalization", "config": {"name": "n", "axis": "last"}}), "axis"),
        (json!({"class_name": "Reshape", "config": {"name": "r", "target_shape": [2, 2.5]}}), "target_shape"),
        (
            json!({"class_name": "Embedding", "config": {"name": "e", "input_dim": 1e12, "output_dim": 3}}),
            "input_dim",
        ),
    ] {
        let mut config = config();
        config["config"]["layers"].as_array_mut().unwrap().push(value.clone());
        let error = with(&config, &value.to_string());
        assert!(error.contains(says), "{value}: {error}");
    }
}

#[test]
fn arguments_of_other_classes_are_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    for layer in [
        json!({"class_name": "MLP", "config": {"name": "m", "units": [16, 8], "use_bias": "no", "axis": "x"}}),
        json!({"class_name": "Wrapper", "config": {"name": "w", "layer": {"class_name": "MLP", "config": {"units": []}}}}),
        json!({"class_name": "Reshape", "config": {"name": "r", "target_shape": [null, 4]}}),
    ] {
        let mut config = config();
        config["config"]["layers"].as_array_mut().unwrap().push(layer);
        let (text, weights) = (config.to_string(), weights());
        zip(
            &path,
            &[("config.json", text.as_bytes()), ("model.weights.h5", &weights)],
            CompressionMethod::Stored,
        );
        rhyton_persist::open(&path, None).unwrap();
    }
}

#[test]
fn what_a_model_was_compiled_with_is_checked() {
    for (place, value) in [
        ("optimizer", json!(5)),
        ("loss", json!(7)),
        ("metrics", json!(true)),
        ("optimizer/config/learning_rate", json!("fast")),
        ("optimizer/config/learning_rate", json!([1])),
        ("optimizer/config/momentum", json!("x")),
        ("optimizer/config/nesterov", json!(1)),
    ] {
        let mut config = config();
        *config.pointer_mut(&format!("/compile_config/{place}")).unwrap() = value.clone();
        let error = with(&config, &format!("{place} = {value}"));
        assert!(error.contains(place.rsplit('/').next().unwrap()), "{error}");
    }
    let mut config = config();
    layer(&mut config, "Dense")["build_config"] = json!({"input_shape": "wide"});
    assert!(with(&config, "a shape in words").contains("build_config.input_shape"));
    let mut config = self::config();
    config["config"]["dtype"] = json!("float99");
    assert!(with(&config, "the model's own type").contains("dtype"));
}

#[test]
fn calls_that_wait_for_themselves_are_errors() {
    let tensor = |layer: &str| json!({"class_name": "__keras_tensor__", "config": {"shape": [null, 4], "dtype": "float32", "keras_history": [layer, 0, 0]}});
    let dense = |name: &str, from: &str| json!({"class_name": "Dense", "config": {"name": name, "units": 4}, "name": name, "inbound_nodes": [{"args": [tensor(from)], "kwargs": {}}]});
    let input = json!({"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 4]}, "name": "i", "inbound_nodes": []});
    for (what, layers) in [
        ("itself", json!([input, dense("a", "a")])),
        ("a circle", json!([input, dense("a", "b"), dense("b", "a")])),
    ] {
        let config = json!({"class_name": "Functional", "config": {"name": "f", "layers": layers, "input_layers": [["i", 0, 0]], "output_layers": [["a", 0, 0]]}});
        let error = with(&config, what);
        assert!(error.contains("layer `a`") && error.contains("wait for its own output"), "{error}");
    }
}

#[test]
fn what_is_around_the_layers_is_checked_too() {
    let double = |name: &str| {
        let mut config = config();
        let mut again = layer(&mut config, "Dense").clone();
        again["config"]["name"] = name.into();
        config["config"]["layers"].as_array_mut().unwrap().push(again);
        config
    };
    let name = layer(&mut config(), "Dense")["config"]["name"].as_str().unwrap().to_owned();
    let error = with(&double(&name), "two layers of one name");
    assert!(error.contains(&format!("two layers called `{name}`")), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    for (metadata, says) in
        [("[]", "an object"), ("{\"keras_version\": 3}", "keras_version: found a number, expected a string")]
    {
        let members: [(&str, &[u8]); 3] = [
            ("metadata.json", metadata.as_bytes()),
            ("config.json", config().to_string().into_bytes().leak()),
            ("model.weights.h5", weights().leak()),
        ];
        zip(&path, &members, CompressionMethod::Stored);
        let error = refused(&path, metadata);
        assert!(error.contains("metadata.json") && error.contains(says), "{error}");
    }
}

#[test]
fn many_layers_and_long_names_are_no_trouble() {
    // As many as the limit of values allows: read or refused, but soon.
    let layer = |i: usize| json!({"class_name": "Dropout", "config": {"name": format!("d{i}"), "rate": 0.5}, "inbound_nodes": [[[format!("d{}", i.saturating_sub(1)), 0, 0, {}]]]});
    for count in [20_000, 200_000] {
        let mut layers = vec![
            json!({"class_name": "InputLayer", "config": {"name": "d0", "batch_shape": [null, 4]}, "inbound_nodes": []}),
        ];
        layers.extend((1..count).map(layer));
        let end = json!([[format!("d{}", count - 1), 0, 0]]);
        let config = json!({"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [["d0", 0, 0]], "output_layers": end}});
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.keras");
        let members: [(&str, &[u8]); 2] =
            [("config.json", config.to_string().into_bytes().leak()), ("model.weights.h5", weights().leak())];
        zip(&path, &members, CompressionMethod::Stored);
        let start = std::time::Instant::now();
        let opened = open(&path, None);
        assert_eq!(opened.is_ok(), count == 20_000);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
    let mut config = config();
    self::layer(&mut config, "Dense")["config"]["name"] = "n".repeat(1 << 20).into();
    self::layer(&mut config, "Dense")["config"]["units"] = "x".repeat(1 << 20).into();
    with(&config, "a name of a megabyte");
}

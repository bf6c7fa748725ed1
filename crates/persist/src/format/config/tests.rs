//! Configs as older versions wrote them, and what one library says and the other does not.
//! (What today's versions write is tested on their files, in tests/fixtures.rs.)

use std::path::Path;

use serde_json::{Value, json};

use super::{Age, Context, Form, read_compile, read_model, write_compile, write_model};
use crate::Error;
use crate::tree::{Arg, Dialect, ModelConfig, ModelKind};

fn context(dialect: Dialect, form: Form) -> Context<'static> {
    Context::new(Path::new("test"), dialect, form)
}

fn read(dialect: Dialect, value: &Value) -> ModelConfig {
    read_model(&context(dialect, Form::H5), value).unwrap_or_else(|e| panic!("{e}"))
}

/// From Python's `json.dumps`.
#[test]
fn json_is_pythons() {
    let value = json!({"a": [1, 2.5, null, true], "é\"": "\u{1F600}\n", "b": {}});
    let python = r#"{"a": [1, 2.5, null, true], "\u00e9\"": "\ud83d\ude00\n", "b": {}}"#;
    assert_eq!(super::to_json(&value), python);
}

/// Keras 2.1.6: the config is a list, the input shape stands on the first layer, and a stale one on another.
#[test]
fn sequential_as_a_list() {
    let dense = |name: &str| {
        json!({"class_name": "Dense", "config": {
            "name": name, "trainable": true, "units": 3, "activation": "relu",
            "kernel_initializer": {"class_name": "VarianceScaling", "config":
                {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": null}},
            "batch_input_shape": [null, 7],
        }})
    };
    let value = json!({"class_name": "Sequential", "config": [dense("a"), dense("b")]});
    let model = read(Dialect::TfKeras, &value);
    assert_eq!(model.kind, ModelKind::Sequential);
    let names: Vec<&str> = model.layers.iter().map(|l| l.class_name.as_str()).collect();
    assert_eq!(names, ["InputLayer", "Dense", "Dense"]);
    assert_eq!(model.layers[0].config["batch_shape"], json!([null, 7]));
    assert_eq!(model.layers[0].name, "a_input");
    assert!(model.layers.iter().skip(1).all(|l| !l.config.contains_key("batch_input_shape")));
    let initializer = &model.layers[1].config["kernel_initializer"];
    assert_eq!(initializer["module"], "keras.initializers");
    assert_eq!(initializer["class_name"], "VarianceScaling");
}

#[test]
fn recurrent_layers_of_older_files() {
    let value = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "GRU", "config": {"name": "gru", "units": 4, "recurrent_activation": "hard_sigmoid",
            "implementation": 1, "time_major": false}},
    ]}});
    let model = read(Dialect::TfKeras, &value);
    let gru = &model.layers[0].config;
    assert_eq!(gru["reset_after"], false);
    assert!(!gru.contains_key("implementation") && !gru.contains_key("time_major"));
    // Keras 2's hard sigmoid is another function than Keras 3's, so it must not pass for that one.
    assert_ne!(gru["recurrent_activation"], "hard_sigmoid");
    let back = write_model(&context(Dialect::TfKeras, Form::H5), &model).unwrap();
    assert_eq!(back.pointer("/config/layers/0/config/recurrent_activation").unwrap(), "hard_sigmoid");
    let other = write_model(&context(Dialect::Keras3, Form::H5), &model);
    assert!(matches!(other, Err(Error::Unsupported { .. })));

    let mut value = value;
    value["config"]["layers"][0]["config"]["time_major"] = json!(true);
    // What says something stays in its dialect.
    let model = read(Dialect::TfKeras, &value);
    let back = write_model(&context(Dialect::TfKeras, Form::H5), &model).unwrap();
    assert_eq!(back.pointer("/config/layers/0/config/time_major").unwrap(), true);
    value["config"]["layers"][0]["config"]["recurrent_activation"] = json!("sigmoid");
    let error =
        write_model(&context(Dialect::Keras3, Form::H5), &read(Dialect::TfKeras, &value)).unwrap_err();
    assert!(error.to_string().contains("`time_major` = true"), "{error}");
}

/// A Sequential of one layer that was read in one dialect, written in another; its config.
fn written(from: Dialect, to: Dialect, layer: Value) -> Result<Value, Error> {
    let value = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}});
    let written = write_model(&context(to, Form::Keras), &read(from, &value))?;
    Ok(written.pointer("/config/layers/0/config").unwrap().clone())
}

/// For every class that both libraries have, and every key that one of them alone takes: what says nothing is left out for the other, what says
/// something is refused by name, and the own dialect keeps it.
#[test]
fn keys_of_one_library() {
    let table: Value = serde_json::from_str(include_str!("dialects.json")).unwrap();
    let mut seen = 0;
    for (class, row) in table["layers"].as_object().unwrap() {
        if !row["keras3"].is_object() || !row["tf_keras"].is_object() || class == "InputLayer" {
            continue;
        }
        for (own, other, key) in
            [(Dialect::Keras3, Dialect::TfKeras, "keras3"), (Dialect::TfKeras, Dialect::Keras3, "tf_keras")]
        {
            for (name, silent) in row[key].as_object().unwrap() {
                if super::dialects::is_ignored(class, name)
                    || name == "negative_slope"
                    || name.ends_with("_shape")
                {
                    continue;
                }
                let layer = |value: &Value| {
                    let build = json!({"input_shape": [null, 4, 3]});
                    json!({"class_name": class, "config": {"name": "l", name.as_str(): value}, "build_config": build})
                };
                for value in silent.as_array().unwrap() {
                    let config =
                        written(own, other, layer(value)).unwrap_or_else(|e| panic!("{class} {name}: {e}"));
                    assert!(config.get(name).is_none(), "{class} {name}");
                }
                // A truth value is told from others when it is read.
                let says = match silent.as_array().and_then(|values| values.first()) {
                    Some(Value::Bool(silent)) => json!(!silent),
                    _ => json!("something"),
                };
                let error = written(own, other, layer(&says)).expect_err(name).to_string();
                assert!(error.contains(&format!("`{name}`")), "{class}: {error}");
                assert_eq!(written(own, own, layer(&says)).unwrap()[name], says, "{class}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Classes that one library does not have are refused for it, by name.
#[test]
fn classes_of_one_library() {
    for (class, from, to) in [
        ("LocallyConnected1D", Dialect::TfKeras, Dialect::Keras3),
        ("ThresholdedReLU", Dialect::TfKeras, Dialect::Keras3),
        ("RMSNormalization", Dialect::Keras3, Dialect::TfKeras),
        ("MelSpectrogram", Dialect::Keras3, Dialect::TfKeras),
    ] {
        let layer = json!({"class_name": class, "config": {"name": "l"}});
        assert!(written(from, from, layer.clone()).is_ok());
        let error = written(from, to, layer).unwrap_err().to_string();
        assert!(error.contains(class), "{error}");
    }
}

/// Checks that what neither library of today has is a newer version's: its own dialect keeps it, the other one cannot take it.
#[test]
fn keys_of_later_versions() {
    let layer =
        |value: Value| json!({"class_name": "Dense", "config": {"name": "d", "units": 3, "novelty": value}});
    for (own, other) in [(Dialect::Keras3, Dialect::TfKeras), (Dialect::TfKeras, Dialect::Keras3)] {
        assert_eq!(written(own, own, layer(json!(7))).unwrap()["novelty"], 7);
        let error = written(own, other, layer(json!(7))).unwrap_err().to_string();
        assert!(error.contains("`novelty` = 7"), "{error}");
        assert!(written(own, other, layer(Value::Null)).unwrap().get("novelty").is_none());
    }
    // In initializers too.
    let axes = |axes: Value| {
        let initializer =
            json!({"class_name": "GlorotUniform", "config": {"seed": null, "input_axes": axes}});
        json!({"class_name": "Dense", "config": {"name": "d", "units": 3, "kernel_initializer": initializer}})
    };
    let error = written(Dialect::Keras3, Dialect::TfKeras, axes(json!([0]))).unwrap_err().to_string();
    assert!(error.contains("`input_axes`"), "{error}");
    let own = written(Dialect::Keras3, Dialect::Keras3, axes(json!([0]))).unwrap();
    assert_eq!(own.pointer("/kernel_initializer/config/input_axes").unwrap(), &json!([0]));
}

/// tf_keras: an operator's tensor stands without a list around it, and a list of one is something else.
#[test]
fn operators_of_tf_keras() {
    let op = |name: &str, class: &str, nodes: Value| json!({"class_name": class, "name": name, "inbound_nodes": nodes, "config": {"name": name, "function": "math.add_n"}});
    let nodes = [
        ("alone", json!([["x", 0, 0, {"y": 3.0, "name": null}]])),
        ("listed", json!([[["x", 0, 0, {}]]])),
        ("several", json!([[["x", 0, 0, {"axis": 1}], ["x", 0, 0, {"axis": 1}]]])),
    ];
    let mut layers = vec![json!({"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
        "config": {"name": "x", "batch_input_shape": [null, 2]}})];
    layers.extend(nodes.iter().map(|(name, nodes)| op(name, "TFOpLambda", nodes.clone())));
    let value = json!({"class_name": "Functional", "config": {"name": "m", "layers": layers,
        "input_layers": [["x", 0, 0]], "output_layers": [["alone", 0, 0]]}});
    let back = write_model(&context(Dialect::TfKeras, Form::H5), &read(Dialect::TfKeras, &value)).unwrap();
    for (i, (name, nodes)) in nodes.iter().enumerate() {
        assert_eq!(
            back.pointer(&format!("/config/layers/{}/inbound_nodes", i + 1)).unwrap(),
            nodes,
            "{name}"
        );
    }
}

#[test]
fn arguments_of_one_library() {
    let leaky = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 0.25}},
        {"class_name": "Activation", "config": {"name": "a", "activation": "swish"}},
    ]}});
    let model = read(Dialect::TfKeras, &leaky);
    assert_eq!(model.layers[0].config["negative_slope"], 0.25);
    assert_eq!(model.layers[1].config["activation"], "silu");
    let back = write_model(&context(Dialect::TfKeras, Form::H5), &model).unwrap();
    assert_eq!(back.pointer("/config/layers/0/config/alpha").unwrap(), 0.25);

    let only3 = |layer: Value| {
        let value = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}});
        let model = read(Dialect::Keras3, &value);
        write_model(&context(Dialect::TfKeras, Form::H5), &model)
    };
    let rms = json!({"class_name": "RMSNormalization", "config": {"name": "r"}});
    let renorm = json!({"class_name": "BatchNormalization", "config": {"name": "b", "renorm": true}});
    let default = json!({"class_name": "BatchNormalization", "config": {"name": "b", "renorm": false}});
    assert!(only3(rms).is_err());
    assert_eq!(only3(renorm).unwrap().pointer("/config/layers/0/config/renorm").unwrap(), true);
    assert!(only3(default).is_ok());
}

/// Initial states: behind the input in tf_keras, by name in Keras 3.
#[test]
fn initial_states() {
    let layer = |class: &str, name: &str, nodes: Value| {
        json!({"class_name": class, "name": name, "inbound_nodes": nodes,
            "config": {"name": name, "batch_input_shape": [null, 2]}})
    };
    let value = json!({"class_name": "Model", "config": {"name": "m",
        "layers": [
            layer("InputLayer", "x", json!([])),
            layer("InputLayer", "h", json!([])),
            layer("InputLayer", "c", json!([])),
            layer("LSTM", "lstm", json!([[["x", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]])),
        ],
        "input_layers": [["x", 0, 0], ["h", 0, 0], ["c", 0, 0]],
        "output_layers": [["lstm", 0, 0]],
    }});
    let model = read(Dialect::TfKeras, &value);
    let call = &model.layers[3].calls[0];
    assert_eq!(call.args.len(), 1);
    assert!(
        matches!(&call.kwargs[..], [(name, Arg::List(states))] if name == "initial_state" && states.len() == 2)
    );
    assert_eq!(model.bare, (false, true));
    let back = write_model(&context(Dialect::TfKeras, Form::H5), &model).unwrap();
    let nodes = back.pointer("/config/layers/3/inbound_nodes").unwrap();
    assert_eq!(nodes, &json!([[["x", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]]));
    let keras3 = write_model(&context(Dialect::Keras3, Form::Keras), &model).unwrap();
    assert_eq!(
        read_model(&context(Dialect::Keras3, Form::Keras), &keras3).unwrap().layers[3].calls,
        model.layers[3].calls
    );
}

#[test]
fn optimizers_of_older_files() {
    let model =
        read(Dialect::TfKeras, &json!({"class_name": "Sequential", "config": {"name": "s", "layers": []}}));
    let read =
        |value: Value| read_compile(&context(Dialect::TfKeras, Form::H5), &value, &model).unwrap().unwrap();
    let adam =
        json!({"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "decay": 0.001, "epsilon": 1e-7}});
    let compile = read(json!({"optimizer_config": adam, "loss": "mse", "metrics": ["accuracy"],
        "sample_weight_mode": null, "loss_weights": null}));
    // The learning rate fell as 1 / (1 + decay t): today's schedule says the same.
    let rate = compile.optimizer.pointer("/config/learning_rate").unwrap();
    assert_eq!(rate["class_name"], "InverseTimeDecay");
    assert_eq!(rate["config"]["initial_learning_rate"], 0.01);
    assert_eq!(rate["config"]["decay_rate"], 0.001);
    assert_eq!(compile.metrics, json!(["accuracy"]));

    let plain =
        json!({"class_name": "Custom>Adam", "config": {"name": "Adam", "learning_rate": 0.01, "decay": 0.0}});
    let compile = read(json!({"optimizer_config": plain, "loss": "mse", "metrics": [[]]}));
    assert_eq!(compile.optimizer["class_name"], "Adam");
    assert_eq!(compile.optimizer["config"]["name"], "adam");
    assert_eq!(compile.optimizer["config"]["learning_rate"], 0.01);
    assert_eq!(compile.metrics, json!([]));

    // The rate that training has now is the one that is written, for a string too.
    let string = crate::tree::CompileConfig { optimizer: "adam".into(), ..compile };
    for (dialect, class) in [(Dialect::TfKeras, "Custom>Adam"), (Dialect::Keras3, "Adam")] {
        let written = write_compile(&context(dialect, Form::H5), &model, &string, Some(0.5)).unwrap();
        assert_eq!(written["optimizer_config"]["class_name"], class);
        assert_eq!(written["optimizer_config"]["config"]["learning_rate"], 0.5);
        assert_eq!(written["loss"], "mean_squared_error");
    }
    // Of a formula of before, it is known where it is lost: in Keras 3's dialect.
    for (class, more, lost) in [
        ("RMSprop", json!({"decay": 0.0}), true),
        ("Adagrad", json!({"is_legacy_optimizer": true}), true),
        ("RMSprop", json!({"is_legacy_optimizer": false}), false),
        ("Adam", json!({"decay": 0.0}), false),
    ] {
        let mut config = json!({"name": class, "learning_rate": 0.01});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let compile =
            read(json!({"optimizer_config": {"class_name": class, "config": config}, "loss": "mse"}));
        let says = |dialect, form| {
            super::check_compile(Path::new("test"), dialect, form, &model, &compile, None).unwrap()
        };
        for form in [Form::H5, Form::Keras] {
            assert!(!says(Dialect::TfKeras, form), "{class} {more} {form:?}");
            assert_eq!(says(Dialect::Keras3, form), lost, "{class} {more} {form:?}");
        }
    }
    // tf_keras' default is another than Keras 3's.
    let lion = read(json!({"optimizer_config": "lion", "loss": "mse"}));
    assert_eq!(super::rate(lion.optimizer.get("config")), Some(1e-4));
}

/// Custom classes and functions keep their registered names in every form.
#[test]
fn registered_names() {
    let value = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Mine>Scale", "config": {"name": "scale", "by": 2.0}},
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "Mine>act"}},
    ]}});
    for dialect in [Dialect::TfKeras, Dialect::Keras3] {
        let model = read(dialect, &value);
        assert_eq!(model.layers[0].class_name, "Scale");
        assert_eq!(model.layers[0].registered_name.as_deref(), Some("Mine>Scale"));
        assert_eq!(model.layers[1].config["activation"]["registered_name"], "Mine>act");
        for form in [Form::Keras, Form::H5] {
            let cx = context(dialect, form);
            let back = read_model(&cx, &write_model(&cx, &model).unwrap()).unwrap();
            assert_eq!(back.layers, model.layers);
        }
    }
}

/// As tf_keras 2.21 saved the metrics of a model whose outputs are `price` and `class`, after it was used: names have the output's before
/// them, which tf_keras puts there again when it compiles, but not when it loads an `.h5`.
#[test]
fn metrics_of_several_outputs_have_the_names_that_were_given() {
    let wrapped = |name: &str, function: &str| json!({"class_name": "MeanMetricWrapper", "config": {"name": name, "dtype": "float32", "fn": function}});
    let object =
        |class: &str, name: &str| json!({"class_name": class, "config": {"name": name, "dtype": "float32"}});
    let input = json!({"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [null, 3], "dtype": "float32"}, "name": "x", "inbound_nodes": []});
    let dense = |name: &str| json!({"class_name": "Dense", "config": {"name": name, "units": 1}, "name": name, "inbound_nodes": [[["x", 0, 0, {}]]]});
    let model = json!({"class_name": "Functional", "config": {"name": "m", "layers": [input, dense("price"), dense("class")],
        "input_layers": [["x", 0, 0]], "output_layers": [["price", 0, 0], ["class", 0, 0]]}});
    let model = read(Dialect::TfKeras, &model);
    let compile = |dialect, metrics: &Value, weighted: &Value| {
        let value = json!({"optimizer_config": "sgd", "loss": ["mse", "mse"], "metrics": metrics, "weighted_metrics": weighted});
        read_compile(&context(dialect, Form::H5), &value, &model).unwrap().unwrap()
    };
    fn names(metrics: &Value) -> Value {
        match metrics {
            Value::Array(list) => list.iter().map(names).collect(),
            Value::Object(map) if !map.contains_key("class_name") => {
                Value::Object(map.iter().map(|(k, v)| (k.clone(), names(v))).collect())
            }
            other => other.pointer("/config/name").unwrap_or(other).clone(),
        }
    }
    let saved = json!([
        [wrapped("price_mae", "mean_absolute_error")],
        [wrapped("class_accuracy", "binary_accuracy"), object("MeanSquaredError", "class_price_x")]
    ]);
    let weighted = json!([[null], [wrapped("class_mae", "mean_absolute_error")]]);
    let read = compile(Dialect::TfKeras, &saved, &weighted);
    assert_eq!(names(&read.metrics), json!([["mae"], ["accuracy", "price_x"]]));
    assert_eq!(names(&read.weighted_metrics), json!([[], ["mae"]]));
    // By output's name; and one list for all outputs, which tf_keras gives to each.
    let by_name = compile(Dialect::TfKeras, &json!({"class": [object("AUC", "class_auc")]}), &Value::Null);
    assert_eq!(names(&by_name.metrics), json!({"class": ["auc"]}));
    let one = compile(Dialect::TfKeras, &json!(["mae"]), &Value::Null);
    assert_eq!(one.metrics, json!([["mae"], ["mae"]]));
    // Keras 3 saves names as they were given.
    let keras3 = compile(Dialect::Keras3, &saved, &Value::Null);
    assert_eq!(names(&keras3.metrics), names(&saved));
    // An `.h5` of tf_keras has the long names again.
    let written = write_compile(&context(Dialect::TfKeras, Form::H5), &model, &read, None).unwrap();
    assert_eq!(names(&written["metrics"]), names(&saved));
    assert_eq!(names(&written["weighted_metrics"]), json!([[], ["class_mae"]]));
    let written = write_compile(&context(Dialect::TfKeras, Form::H5), &model, &one, None).unwrap();
    assert_eq!(names(&written["metrics"]), json!([["price_mae"], ["class_mae"]]));
    // A `.keras` is compiled anew.
    let written = write_compile(&context(Dialect::TfKeras, Form::Keras), &model, &read, None).unwrap();
    assert_eq!(names(&written["metrics"]), names(&read.metrics));
}

/// Checks that a layer which gets integers of which tf_keras makes something else is refused for it, by name, also inside of models; and that the
/// types of what comes before are followed.
#[test]
fn integers_for_tf_keras() {
    let input = |name: &str, dtype: &str| {
        json!({"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_shape": [null, 4], "dtype": dtype}})
    };
    let tensor = |name: &str| {
        json!({"class_name": "__keras_tensor__",
            "config": {"shape": [null, 4], "dtype": "float32", "keras_history": [name, 0, 0]}})
    };
    let layer = |class: &str, config: Value, args: Value| {
        let name = class.to_lowercase();
        let mut config = config;
        config["name"] = name.as_str().into();
        json!({"class_name": class, "module": "keras.layers", "name": name, "config": config,
            "inbound_nodes": [{"args": [args], "kwargs": {}}]})
    };
    let model = |layers: Vec<Value>| {
        let ends = |name: &Value| json!([[name, 0, 0]]);
        let inputs: Vec<Value> = layers
            .iter()
            .filter(|l| l["class_name"] == "InputLayer")
            .map(|l| json!([l["name"], 0, 0]))
            .collect();
        let outputs = ends(&layers.last().unwrap()["name"]);
        json!({"class_name": "Functional", "config": {
            "name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}})
    };
    let add = |a: &str, b: &str| layer("Add", json!({}), json!([tensor(a), tensor(b)]));
    let write = |to: Dialect, value: &Value| {
        write_model(&context(to, Form::H5), &read(Dialect::Keras3, value)).map_err(|e| e.to_string())
    };
    let dense = || layer("Dense", json!({"units": 4}), tensor("a"));
    let reshape = || layer("Reshape", json!({"target_shape": [4]}), tensor("a"));
    let inner = model(vec![input("c", "int32"), layer("Masking", json!({}), tensor("c"))]);
    let mut nested = inner.clone();
    nested["config"]["name"] = "inner".into();
    nested["name"] = "inner".into();
    nested["inbound_nodes"] = json!([{"args": [tensor("a")], "kwargs": {}}]);
    for (layers, refused) in [
        (
            vec![input("a", "int32"), input("b", "float32"), add("a", "b")],
            Some("`add` (Add): a layer that gets int32 and float32"),
        ),
        (vec![input("a", "int32"), input("b", "int32"), add("a", "b")], None),
        // A dense layer gives floats, a reshaping one what it takes.
        (vec![input("a", "int32"), input("b", "float32"), dense(), add("dense", "b")], None),
        (
            vec![input("a", "uint8"), input("b", "float32"), reshape(), add("reshape", "b")],
            Some("uint8 and float32"),
        ),
        // In an order of which the layers know nothing.
        (
            vec![
                add("reshape", "b"),
                reshape(),
                input("a", "uint8"),
                input("b", "float32"),
                layer("ELU", json!({}), tensor("add")),
            ],
            Some("uint8 and float32"),
        ),
        (
            vec![input("a", "int32"), layer("LayerNormalization", json!({}), tensor("a"))],
            Some("`layernormalization`"),
        ),
        (vec![input("a", "float32"), layer("LayerNormalization", json!({}), tensor("a"))], None),
        (vec![input("a", "bool"), layer("GlobalMaxPooling1D", json!({}), tensor("a"))], Some("gets bool")),
        (vec![input("a", "int32"), layer("GlobalMaxPooling1D", json!({}), tensor("a"))], None),
        (vec![input("a", "float32"), nested], Some("`masking`")),
    ] {
        let value = model(layers);
        assert!(write(Dialect::Keras3, &value).is_ok(), "{value}");
        match (write(Dialect::TfKeras, &value), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => {
                assert!(error.contains(part) && error.contains("; write the Keras 3"), "{error}")
            }
            (other, refused) => panic!("{value}: {other:?}, not {refused:?}"),
        }
    }
}

/// Words of Keras 1 in a file of another age, or of somebody's class, are somebody's own.
#[test]
fn words_of_keras_1_are_so_by_the_version() {
    let read = |age, class: &str, registered: Value, config: Value| {
        let mut config = config;
        config["name"] = "l".into();
        let layer = json!({"class_name": class, "registered_name": registered, "config": config});
        let model = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}});
        let cx = Context { age, ..context(Dialect::TfKeras, Form::H5) };
        let model = read_model(&cx, &model).unwrap();
        let layer = model.layers.last().unwrap();
        (layer.class_name.clone(), layer.config.clone())
    };
    let old = Age::of(Some("1.2.2"));
    assert_eq!(Age::of(None), old);
    let (_, config) = read(old, "Dropout", Value::Null, json!({"p": 0.5}));
    assert_eq!(config["rate"], 0.5);
    let (_, config) = read(Age::of(Some("2.21.0")), "Dropout", Value::Null, json!({"p": 0.5}));
    assert_eq!(config["p"], 0.5);
    let (class, config) = read(old, "Merge", "mine>Merge".into(), json!({"mode": "sum"}));
    assert_eq!((class.as_str(), &config["mode"]), ("Merge", &json!("sum")));
    let (class, _) = read(Age::of(Some("2.1.6")), "Merge", Value::Null, json!({"mode": "max"}));
    assert_eq!(class, "Maximum");
    let (class, _) = read(Age::of(Some("2.4.0")), "Merge", Value::Null, json!({"mode": "max"}));
    assert_eq!(class, "Merge");
    // Of models, and of a formula that no layer has.
    for config in [json!({"mode": "sum", "layers": [{"class_name": "Sequential"}]}), json!({"mode": "cos"})] {
        assert_eq!(read(old, "Merge", Value::Null, config).0, "Merge");
    }
    let embedding = json!({"input_dtype": "int32", "input_dim": 5, "output_dim": 2, "init": "uniform"});
    let (_, config) = read(old, "Embedding", Value::Null, embedding);
    assert!(!config.contains_key("dtype") && config["embeddings_initializer"] == "random_uniform");
    let (_, config) = read(old, "Masking", Value::Null, json!({"input_dtype": "float32", "mask_value": 0.0}));
    assert!(!config.contains_key("input_dtype"));
    let (class, config) = read(Age::Today, "CuDNNGRU", Value::Null, json!({"units": 3}));
    assert_eq!((class.as_str(), &config["reset_after"]), ("GRU", &json!(true)));
}

//! `inspect`: shapes, nested models, connections, configs.

use serde_json::{Value, json};

use crate::common::{data, json as parse, works};

fn layers(name: &str, more: &[&str]) -> Vec<Value> {
    let path = data(name);
    let facts = parse(&works(&[&["inspect", &path, "--json"], more].concat()));
    facts["model"]["layers"].as_array().unwrap().clone()
}

fn shape<'a>(layers: &'a [Value], name: &str) -> &'a Value {
    &layers.iter().find(|l| l["name"] == name).unwrap()["output_shape"]
}

/// Checks that what a later layer was built for is what the layers before it give.
#[test]
fn shapes_go_on_behind_layers_that_are_not_known() {
    let found = layers("custom/keras3/model.keras", &[]);
    assert_eq!(shape(&found, "dense"), &json!([null, 6]));
    assert_eq!(shape(&found, "activation"), &json!([null, 6]));
    assert!(shape(&found, "dense_1").is_array());
    let found = layers("rnn/keras3/model.keras", &[]);
    for (name, want) in [
        ("tokens", json!([null, 7])),
        ("embedding", json!([null, 7, 5])),
        ("lstm", json!([null, 7, 6])),
        ("bidirectional", json!([null, 7, 6])),
        ("gru", json!([null, 4])),
    ] {
        assert_eq!(shape(&found, name), &want, "{name}");
    }
    assert!(shape(&found, "dense").is_array());
    // Where the file says no shapes, the configs of Keras' own layers do.
    let legacy = layers("rnn/tf_keras/model.h5", &[]);
    assert_eq!(legacy.len(), found.len());
    for layer in &legacy {
        assert_eq!(&layer["output_shape"], shape(&found, layer["name"].as_str().unwrap()), "{layer}");
    }
    let wrapped = found.iter().find(|l| l["name"] == "bidirectional").unwrap();
    assert!(wrapped["wraps"].is_string(), "{wrapped}");
    let text = works(&["inspect", &data("rnn/keras3/model.keras")]);
    assert!(text.contains("bidirectional (Bidirectional("), "{text}");
}

#[test]
fn models_in_models_and_what_feeds_what() {
    for library in ["keras3", "tf_keras"] {
        let name = format!("nested/{library}/model.keras");
        let found = layers(&name, &[]);
        let encoder = found.iter().find(|l| l["name"] == "encoder").unwrap();
        let inner = encoder["layers"].as_array().unwrap();
        assert_eq!(inner.iter().map(|l| &l["name"]).collect::<Vec<_>>(), ["enc_a", "enc_b"]);
        assert_eq!(inner[0]["output_shape"], json!([null, 6]));
        let sum: u64 = inner.iter().map(|l| l["parameters"].as_u64().unwrap()).sum();
        assert_eq!(encoder["parameters"], sum);
        let read = |name: &str| found.iter().find(|l| l["name"] == name).unwrap()["connected_to"].clone();
        assert_eq!(read("x"), json!([]));
        assert_eq!(read("encoder"), json!(["x[0][0]"]));
        let mix = read("mix");
        assert_eq!(mix.as_array().unwrap().len(), 2, "{mix}");
        let text = works(&["inspect", &data(&name)]);
        assert!(text.contains("Connected to") && text.contains("\n  enc_a (Dense)"), "{text}");
        assert!(text.contains("encoder[0][0]"), "{text}");
    }
    // A chain needs no column for it.
    assert!(!works(&["inspect", &data("opt_sgdm/keras3/model.keras")]).contains("Connected to"));
}

#[test]
fn configs_are_lines_of_json() {
    let path = data("nested/keras3/model.keras");
    let text = works(&["inspect", &path, "--layers"]);
    let lines = text.lines().skip_while(|l| *l != "Configs").skip(1);
    let found: Vec<Value> = lines.map(parse).collect();
    let of = |name: &str| found.iter().find(|l| l["name"] == name).unwrap();
    assert_eq!((&of("enc_a")["class"], &of("enc_a")["config"]["units"]), (&json!("Dense"), &json!(6)));
    assert!(of("mix")["config"].is_object());
    let with = layers("nested/keras3/model.keras", &["--layers"]);
    assert_eq!(with.iter().find(|l| l["name"] == "shared").unwrap()["config"]["name"], "shared");
    assert!(layers("nested/keras3/model.keras", &[]).iter().all(|l| l.get("config").is_none()));
}

//! Saves to WebDAV servers that do badly: what was there is not lost, and what is said to be saved is there.
#![cfg(feature = "remote")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/fake_dav/mod.rs"]
mod fake_dav;

mod checkpoints;
mod copies;
mod files;
mod folders;
mod names;
mod servers;

use std::io::Write as _;

use fake_dav::{Effect, FakeDav};
use rhyton_persist::tree::{LayerConfig, ModelConfig, ModelKind, Object, Tree, WriteOptions};
use rhyton_persist::{Error, Location, commit, open, write};
use serde_json::{Map, Value, json};

/// Removes what is at the destination, all of it.
fn drops_all(answer: Option<u16>) -> Effect {
    Effect::DropDestination(|_| false, answer)
}

/// Saves a file of these bytes.
fn save(place: &Location, bytes: &[u8]) -> Result<(), Error> {
    commit::write_file(place, |file| {
        file.write_all(bytes).expect("room");
        Ok(())
    })
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".rhyton-tmp")
}

/// The temporary names in a folder that an error tells.
fn told(server: &FakeDav, folder: &str, error: &Error) -> Vec<String> {
    let text = error.to_string();
    server.names(folder).into_iter().filter(|name| is_temporary(name) && text.contains(name)).collect()
}

fn config(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn layer(class: &str, value: Value) -> LayerConfig {
    LayerConfig {
        class_name: class.into(),
        registered_name: None,
        module: Some("keras.layers".into()),
        name: value["name"].as_str().expect("a name").into(),
        config: config(value),
        build_config: None,
        input_shape: None,
        calls: Vec::new(),
        model: None,
    }
}

/// A model of a layer with a kernel of so many rows; its values begin with `from`.
fn tree(rows: usize, from: f32) -> Tree {
    let variables = vec![common::filled("kernel", &[rows, 4], from), common::filled("bias", &[4], from)];
    let dense = Object { name: "dense".into(), class_name: "Dense".into(), variables, ..Object::default() };
    let children = vec![("dense".into(), dense)];
    let root = Object { class_name: "Sequential".into(), is_model: true, children, ..Object::default() };
    let layers = vec![
        layer("InputLayer", json!({"name": "x", "batch_shape": [null, rows], "dtype": "float32"})),
        layer("Dense", json!({"name": "dense", "units": 4, "activation": "linear", "use_bias": true})),
    ];
    let model = ModelConfig {
        kind: ModelKind::Sequential,
        name: "model".into(),
        layers,
        inputs: Vec::new(),
        outputs: Vec::new(),
        bare: (false, false),
        config: config(json!({"trainable": true})),
        found: Default::default(),
    };
    Tree { model: Some(model), root, ..Tree::default() }
}

fn save_checkpoint(prefix: &Location, from: f32, shards: usize) -> Result<(), Error> {
    let options = WriteOptions { shards, ..WriteOptions::default() };
    write(prefix, Some("tf-checkpoint"), &Tree { model: None, ..tree(5, from) }, &options)
}

fn save_model(folder: &Location, rows: usize, from: f32) -> Result<(), Error> {
    write(folder, Some("saved-model"), &tree(rows, from), &WriteOptions::default())
}

/// What the values of a model begin with. All of them are looked at: a mixture of two models is none.
fn load(place: &Location, rows: usize) -> Result<f32, String> {
    let file = open(place, None).map_err(|error| error.to_string())?;
    if let Some(model) = &file.model {
        let shape = &model.layers[0].config["batch_shape"];
        if *shape != json!([null, rows]) {
            return Err(format!("a model of the shape {shape}"));
        }
    }
    let mut skeleton = tree(rows, 0.0).root;
    skeleton.children[0].1.variables.iter_mut().for_each(|variable| variable.value = None);
    file.weights.fill(&mut skeleton).map_err(|error| error.to_string())?;
    let mut begins = Vec::new();
    for variable in common::variables(&skeleton) {
        let bytes = variable.value.as_ref().expect("filled").read().map_err(|error| error.to_string())?;
        let first = f32::from_le_bytes(bytes[..4].try_into().expect("four"));
        let wanted: Vec<u8> = (0..bytes.len() / 4).flat_map(|i| (first + i as f32).to_le_bytes()).collect();
        assert!(bytes == wanted, "{place}: values of two models");
        begins.push(first);
    }
    match begins[..] {
        [a, b] if a == b => Ok(a),
        _ => Err(format!("values of two models: {begins:?}")),
    }
}

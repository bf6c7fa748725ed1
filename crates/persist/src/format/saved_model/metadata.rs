//! `keras_metadata.pb`: the JSON of every Keras object, by its path of edges from the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::Message;
use serde_json::{Map, Value, json};

use super::Metadata;
use super::objects::Objects;
use crate::Error;
use crate::container::json;
use crate::container::protobuf::SavedMetadata;
use crate::format::config;

/// Path of the model.
pub(super) const ROOT: &str = "root";

/// Reads the file beside a `saved_model.pb` with these objects.
pub(super) fn read(path: &Path, bytes: &[u8], objects: &Objects) -> Result<Metadata, Error> {
    let decoded = SavedMetadata::decode(bytes)
        .map_err(|e| bad(path, "the whole", &e.to_string(), "serialized metadata of Keras objects"))?;
    let mut seen = BTreeSet::new();
    for node in &decoded.nodes {
        objects.check(path, node)?;
        if !seen.insert(node.node_id) {
            let place = format!("the metadata of `{}`", node.node_path);
            return Err(bad(path, &place, &format!("object {} twice", node.node_id), "each object once"));
        }
    }
    let nodes = decoded.nodes.into_iter().map(|node| (node.node_path, node.metadata));
    of_objects(path, nodes.collect())
}

/// What the objects' JSON, by their paths, says of the model.
pub(super) fn of_objects(path: &Path, objects: Vec<(String, String)>) -> Result<Metadata, Error> {
    let mut root = None;
    let mut layers = Layers::default();
    for (place, text) in objects {
        let json = json::parse(path, &place, text.as_bytes())?;
        if place == ROOT {
            root = Some(json);
        } else if let (Some((parent, _)), Some(name)) =
            (place.rsplit_once('.'), json.get("name").and_then(Value::as_str))
        {
            let shape = json.get("build_input_shape").filter(|s| !s.is_null()).cloned().map(plain);
            layers.0.entry(parent.into()).or_default().insert(name.into(), (place.clone(), shape));
        }
    }
    let version = config::keras_version(path, ROOT, root.as_ref().unwrap_or(&Value::Null))?;
    let Some(Value::Object(mut root)) = root else {
        return Err(bad(path, ROOT, "no metadata of the model", "an object"));
    };
    let mut take = |key: &str| plain(root.remove(key).unwrap_or_default());
    let (class, mut config, training) = (take("class_name"), take("config"), take("training_config"));
    layers.add_shapes(ROOT, &mut config);
    Ok(Metadata { version, model: json!({"class_name": class, "config": config}), training, layers })
}

/// Names of layers by the path of the model that they are in: their own path, and the shape that they were built for.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, BTreeMap<String, (String, Option<Value>)>>);

impl Layers {
    /// The path of edges to the layer of a name in the models of names around it.
    pub(super) fn path(&self, names: &[String]) -> Option<&str> {
        names.iter().try_fold(ROOT, |path, name| Some(self.0.get(path)?.get(name)?.0.as_str()))
    }

    /// Puts the shapes where the other formats have them: `build_config` of a layer.
    fn add_shapes(&self, path: &str, config: &mut Value) {
        let Some(here) = self.0.get(path) else { return };
        let layers = config.get_mut("layers").and_then(Value::as_array_mut);
        for layer in layers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let name = layer.get("config").and_then(|c| c.get("name")).and_then(Value::as_str);
            let Some((path, shape)) = name.and_then(|name| here.get(name)) else { continue };
            if let Some(config) = layer.get_mut("config") {
                self.add_shapes(path, config);
            }
            if let Some(shape) = shape {
                layer.insert("build_config".into(), json!({"input_shape": shape}));
            }
        }
    }
}

/// Lists in place of what stands for tuples and shapes here alone.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut map) => {
            let class = map.get("class_name").and_then(Value::as_str);
            if matches!(class, Some("__tuple__" | "TensorShape"))
                && let Some(items @ Value::Array(_)) = map.remove("items")
            {
                return plain(items);
            }
            Value::Object(map.into_iter().map(|(k, v)| (k, plain(v))).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        other => other,
    }
}

pub(super) fn bad(path: &Path, place: &str, found: &str, expected: &str) -> Error {
    Error::Format { path: path.into(), place: place.into(), found: found.into(), expected: expected.into() }
}

//! `keras_metadata.pb`: the configs of the model and of each layer in it, by the path of edges that leads there.

use std::collections::HashMap;
use std::path::Path;

use prost::Message;
use serde_json::{Map, Value, json};

use super::metadata::ROOT;
use crate::Error;
use crate::container::protobuf::{KerasObject, SavedMetadata, VersionDef};
use crate::format::config::{self, Context, Form};
use crate::format::tf_checkpoint::{Draft, DraftObject, child_of, layer_edge};
use crate::tree::{Dialect, LayerConfig, ModelConfig, ModelKind, Object, Tree};

/// An object that has no class of its own.
const GENERIC: &str = "_generic_user_object";

/// What TensorFlow calls the kinds of objects that were described.
pub(super) type Identifiers = HashMap<DraftObject, &'static str>;

/// The bytes of the file, and what its objects are.
pub(super) fn write(path: &Path, tree: &Tree, draft: &Draft) -> Result<(Vec<u8>, Identifiers), Error> {
    let context = Context::new(path, Dialect::TfKeras, Form::H5);
    let mut writer = Writer { draft, nodes: Vec::new(), identifiers: Identifiers::new() };
    if let Some(model) = &tree.model {
        let json = config::write_model(&context, model)?;
        let mut about = about_model(model, &json);
        about.insert("keras_version".into(), config::version(Dialect::TfKeras).into());
        about.insert("backend".into(), "tensorflow".into());
        about.insert("model_config".into(), json.clone());
        if let Some(compile) = &tree.compile {
            let rate = tree.optimizer.as_ref().and_then(|o| o.learning_rate);
            about.insert("training_config".into(), config::write_compile(&context, model, compile, rate)?);
        }
        writer.add(draft.root(), ROOT, identifier_of(model), about);
        writer.layers(draft.root(), ROOT, &tree.root, model, &json);
    }
    // TensorFlow need not know what the optimizer is: tf_keras makes it from the compile config.
    for edges in [&["optimizer"][..], &["optimizer", "loss_scale"]] {
        let found = edges.iter().try_fold(draft.root(), |node, edge| draft.at(node, edge));
        writer.identifiers.extend(found.map(|object| (object, GENERIC)));
    }
    let index = draft.at(draft.root(), "optimizer").and_then(|node| draft.at(node, "_index_dict"));
    writer.identifiers.extend(index.map(|object| (object, "trackable_dict_wrapper")));
    let Writer { mut nodes, identifiers, .. } = writer;
    let numbers: HashMap<DraftObject, i32> =
        draft.numbered().iter().zip(0..).map(|(n, number)| (n.object, number)).collect();
    let mut file = SavedMetadata::default();
    for (object, node) in &mut nodes {
        node.node_id = numbers.get(object).copied().unwrap_or_default();
    }
    file.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    Ok((file.encode_to_vec(), identifiers))
}

struct Writer<'a> {
    draft: &'a Draft,
    nodes: Vec<(DraftObject, KerasObject)>,
    identifiers: Identifiers,
}

impl Writer<'_> {
    fn add(&mut self, object: DraftObject, path: &str, identifier: &'static str, about: Map<String, Value>) {
        self.identifiers.insert(object, identifier);
        let node = KerasObject {
            node_id: 0,
            node_path: path.into(),
            identifier: identifier.into(),
            metadata: config::to_json(&Value::Object(about)),
            version: Some(VersionDef { producer: 2, min_consumer: 1, ..VersionDef::default() }),
        };
        self.nodes.push((object, node));
    }

    /// The layers of a model whose config was written as `json`, with those of models inside.
    fn layers(&mut self, node: DraftObject, path: &str, object: &Object, model: &ModelConfig, json: &Value) {
        let empty = Vec::new();
        let written = json.pointer("/config/layers").and_then(Value::as_array).unwrap_or(&empty);
        for (index, (_, child)) in object.children.iter().enumerate() {
            let found = model.layers.iter().zip(written).find(|(layer, _)| layer.name == child.name);
            let (Some((layer, json)), Some(place)) = (found, child_of(self.draft, node, object, index))
            else {
                continue;
            };
            let path = format!("{path}.{}", layer_edge(object, index));
            match &layer.model {
                Some(inner) => {
                    let mut about = about_model(inner, json);
                    about.insert("name".into(), layer.name.as_str().into());
                    if let Some(shape) = built_shape(layer) {
                        about.insert("build_input_shape".into(), shape);
                    }
                    self.add(place, &path, identifier_of(inner), about);
                    self.layers(place, &path, child, inner, json);
                }
                None => {
                    self.add(place, &path, identifier_of_layer(&layer.class_name), about_layer(layer, json))
                }
            }
            self.inside(place, child);
            if let Some(wrapped) = layer.config.get("layer").and_then(ModelConfig::of_object) {
                self.wrapped(place, &path, child, &wrapped, json);
            }
            if layer.class_name == "MultiHeadAttention" {
                self.attention(place, &path, layer);
            }
        }
    }

    /// A model that a layer wraps, which tf_keras makes from the layer's config and describes all the same. `json`: that of the layer.
    fn wrapped(&mut self, node: DraftObject, path: &str, object: &Object, model: &ModelConfig, json: &Value) {
        let Some(json) = json.pointer("/config/layer") else { return };
        for (index, (edge, child)) in
            object.children.iter().enumerate().filter(|(_, (_, child))| child.is_model)
        {
            let Some(place) = child_of(self.draft, node, object, index) else { continue };
            let path = format!("{path}.{edge}");
            self.add(place, &path, identifier_of(model), about_model(model, json));
            self.layers(place, &path, child, model, json);
        }
    }

    /// The layers inside an attention layer, which tf_keras does not build until it calls them.
    fn attention(&mut self, node: DraftObject, path: &str, layer: &LayerConfig) {
        let build = layer.build_config.as_ref();
        let given = |key: &str| build.and_then(|b| b.pointer(key)).filter(|s| s.is_array()).cloned();
        let Some(query) = given("/shapes_dict/query_shape").or(given("/input_shape")) else { return };
        let value = given("/shapes_dict/value_shape").unwrap_or_else(|| query.clone());
        let key = given("/shapes_dict/key_shape").unwrap_or_else(|| value.clone());
        let size = |name: &str| layer.config.get(name).filter(|n| !n.is_null()).cloned();
        let mut heads = query.as_array().cloned().unwrap_or_default();
        heads.pop();
        heads.extend([size("num_heads"), size("value_dim").or(size("key_dim"))].into_iter().flatten());
        for (edge, class, shape) in [
            ("_query_dense", "EinsumDense", query),
            ("_key_dense", "EinsumDense", key),
            ("_value_dense", "EinsumDense", value),
            ("_softmax", "Softmax", Value::Null),
            ("_dropout_layer", "Dropout", Value::Null),
            ("_output_dense", "EinsumDense", heads.into()),
        ] {
            let Some(place) = self.draft.at(node, edge) else { continue };
            let json = json!({"class_name": class, "config": {"name": edge.trim_start_matches('_')}});
            let mut about = about(&json);
            if shape.is_array() {
                about.insert("build_input_shape".into(), shape_json(&shape));
            }
            self.add(place, &format!("{path}.{edge}"), "_tf_keras_layer", about);
        }
    }

    /// Marks the objects inside a layer, which its own config describes.
    fn inside(&mut self, node: DraftObject, object: &Object) {
        if !object.is_model {
            self.within(node, object);
        }
    }

    /// Marks all objects within one, those of a model that a layer wraps too.
    fn within(&mut self, node: DraftObject, object: &Object) {
        for (index, (_, child)) in object.children.iter().enumerate() {
            if let Some(place) = child_of(self.draft, node, object, index) {
                self.identifiers.insert(place, GENERIC);
                self.within(place, child);
            }
        }
    }
}

fn identifier_of(model: &ModelConfig) -> &'static str {
    match model.kind {
        ModelKind::Sequential => "_tf_keras_sequential",
        ModelKind::Functional => "_tf_keras_network",
    }
}

fn identifier_of_layer(class: &str) -> &'static str {
    match class {
        "InputLayer" => "_tf_keras_input_layer",
        "RNN" | "SimpleRNN" | "LSTM" | "GRU" => "_tf_keras_rnn_layer",
        _ => "_tf_keras_layer",
    }
}

/// What every object says of itself.
fn about(json: &Value) -> Map<String, Value> {
    let config = json.get("config");
    let get = |key: &str| config.and_then(|c| c.get(key)).cloned();
    let mut about = Map::new();
    about.insert("name".into(), get("name").unwrap_or_default());
    about.insert("trainable".into(), get("trainable").unwrap_or(json!(true)));
    about.insert("dtype".into(), get("dtype").unwrap_or_else(|| "float32".into()));
    about.insert("must_restore_from_config".into(), json!(false));
    about.insert("class_name".into(), json.get("class_name").cloned().unwrap_or_default());
    about.insert("config".into(), config.cloned().unwrap_or_default());
    about
}

fn about_model(model: &ModelConfig, json: &Value) -> Map<String, Value> {
    let mut about = about(json);
    about.insert("trainable".into(), model.config.get("trainable").cloned().unwrap_or(json!(true)));
    about.insert("expects_training_arg".into(), json!(true));
    about.insert("is_graph_network".into(), json!(true));
    about
}

fn about_layer(layer: &LayerConfig, json: &Value) -> Map<String, Value> {
    let mut about = about(json);
    let config = json.get("config");
    if layer.class_name == "InputLayer" {
        for key in ["batch_input_shape", "sparse", "ragged"] {
            about.insert(key.into(), config.and_then(|c| c.get(key)).cloned().unwrap_or_default());
        }
    }
    about.insert("expects_training_arg".into(), config::takes_training(&layer.class_name).into());
    about.insert("stateful".into(), config.and_then(|c| c.get("stateful")).cloned().unwrap_or(json!(false)));
    if let Some(shape) = built_shape(layer) {
        about.insert("build_input_shape".into(), shape);
    }
    about
}

/// A shape as tf_keras writes it.
fn shape_json(shape: &Value) -> Value {
    json!({"class_name": "TensorShape", "items": shape})
}

/// The shape, or the shapes, that a layer was built for.
fn built_shape(layer: &LayerConfig) -> Option<Value> {
    let built = layer.build_config.as_ref().and_then(|build| {
        let named = || build.get("shapes_dict")?.as_object()?.values().next();
        build.get("input_shape").or_else(named)
    });
    let shape = built.or(layer.input_shape.as_ref()).cloned().or_else(|| any_shape(&layer.class_name))?;
    let list = shape.as_array()?;
    let several = !list.is_empty() && list.iter().all(Value::is_array);
    Some(if several { list.iter().map(shape_json).collect() } else { shape_json(&shape) })
}

/// A shape for tf_keras' layers without weights that look at its rank alone.
fn any_shape(class: &str) -> Option<Value> {
    let rank = match class {
        "GlobalAveragePooling1D" | "GlobalMaxPooling1D" => 3,
        "GlobalAveragePooling3D" | "GlobalMaxPooling3D" => 5,
        "GlobalAveragePooling2D" | "GlobalMaxPooling2D" | "UnitNormalization" => 4,
        "Dropout" | "AlphaDropout" | "GaussianDropout" | "GaussianNoise" | "Discretization" => 2,
        _ if class.starts_with("SpatialDropout") || class.starts_with("Random") => 4,
        _ => return None,
    };
    Some(vec![Value::Null; rank].into())
}

/// Returns whether nobody says the shape that tf_keras needs to build a layer, which it does itself where it has no variables.
pub(crate) fn lacks_shape(layer: &LayerConfig) -> bool {
    let known = layer.registered_name.is_none() && config::builds_itself(&layer.class_name);
    // An operation of Keras 3 is refused as such by what writes its config, whatever its shape.
    layer.class_name != "InputLayer"
        && !layer.is_op()
        && !known
        && built_shape(layer).is_none()
        && layer.build_config.is_none()
}

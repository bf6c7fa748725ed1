//! `saved_model.pb` where there is no `keras_metadata.pb`: the metadata of TensorFlow up to 2.4, or what the directory is instead.

use std::collections::VecDeque;
use std::path::Path;

use prost::Message;

use super::metadata::{self, ROOT, bad};
use super::{GRAPH, Metadata};
use crate::container::protobuf::{SavedModelObjects, SavedObject, SavedUserObject, saved_object::Kind};
use crate::{Error, Location};

/// The metadata of the Keras objects in `saved_model.pb`.
pub(super) fn metadata(folder: &Location) -> Result<Metadata, Error> {
    let path = folder.as_path();
    let file = folder.join(GRAPH);
    let bytes = super::bytes(&file)?.unwrap_or_default();
    let decoded = SavedModelObjects::decode(bytes.as_slice())
        .map_err(|e| bad(file.as_path(), "the whole", &e.to_string(), "a serialized SavedModel"))?;
    let nodes = decoded.meta_graphs.into_iter().find_map(|m| m.object_graph_def).map(|g| g.nodes);
    let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) else {
        return Err(other(
            path,
            "a SavedModel without objects (of TensorFlow 1 or tf.estimator)",
            "its arrays can be listed, but it has no Keras model",
        ));
    };
    let described = keras_objects(&nodes);
    if !described.iter().any(|(place, _)| place == ROOT) {
        return Err(what_else(path, &nodes));
    }
    metadata::of_objects(file.as_path(), described)
}

/// The Keras objects with metadata, by the path of layers that leads to them.
fn keras_objects(nodes: &[SavedObject]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut seen = vec![false; nodes.len()];
    let mut next = VecDeque::from([(0_usize, ROOT.to_owned())]);
    while let Some((id, path)) = next.pop_front() {
        let Some(node) = nodes.get(id) else { continue };
        if seen.get_mut(id).is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        for edge in &node.children {
            // Layers alone: other edges lead to functions, and around in circles.
            let layer =
                edge.local_name.starts_with("layer-") || edge.local_name.starts_with("layer_with_weights-");
            if let (true, Ok(id)) = (layer, usize::try_from(edge.node_id)) {
                next.push_back((id, format!("{path}.{}", edge.local_name)));
            }
        }
        if let Some(object) = user_object(node).filter(|o| !o.metadata.is_empty()) {
            found.push((path, object.metadata.clone()));
        }
    }
    found
}

fn user_object(node: &SavedObject) -> Option<&SavedUserObject> {
    match &node.kind {
        Some(Kind::UserObject(object)) => Some(object),
        _ => None,
    }
}

/// Says what a directory without metadata of a model is.
fn what_else(path: &Path, nodes: &[SavedObject]) -> Error {
    let root = nodes.first();
    let has = |name: &str| root.is_some_and(|r| r.children.iter().any(|c| c.local_name == name));
    let keras = root.and_then(user_object).is_some_and(|o| o.identifier.starts_with("_tf_keras_"));
    if keras {
        let advice = "copy that file too, or save the model again";
        return other(path, "a Keras model whose keras_metadata.pb is missing", advice);
    }
    if has("_all_variables") || has("_misc_assets") {
        let advice = "it has the graph and the arrays, which can be listed, but no architecture: save the model itself in Keras, \
                      with model.save(\"model.keras\")";
        return other(path, "an export of Keras 3 (model.export)", advice);
    }
    other(path, "a SavedModel of a tf.Module", "its arrays can be listed, but it has no Keras model")
}

fn other(path: &Path, what: &str, advice: &str) -> Error {
    Error::Unsupported {
        path: path.into(),
        place: GRAPH.into(),
        what: what.into(),
        advice: format!("; {advice}"),
    }
}

//! `saved_model.pb`: its objects, which `keras_metadata.pb` must agree with; where there is none, the metadata of TensorFlow up to 2.4, or
//! what the directory is instead.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use prost::Message;

use super::metadata::{self, ROOT, bad};
use super::tables::Tables;
use super::{GRAPH, Metadata};
use crate::container::protobuf::{
    KerasObject, SavedModel, SavedModelObjects, SavedObject, SavedUserObject, saved_object::Kind,
};
use crate::format::vocabulary::LOOKUP;
use crate::{Error, Location, limits};

/// Schema of the file that is read: the one that TensorFlow writes.
const SCHEMA: i64 = 1;

/// The objects of a `saved_model.pb`; none in those of TensorFlow 1.
pub(super) struct Objects {
    nodes: Vec<SavedObject>,
    tables: Tables,
    path: PathBuf,
    folder: PathBuf,
}

impl Objects {
    /// Reads the file. All of it is decoded, though its graphs are not used: who damaged them may have damaged more.
    pub(super) fn read(folder: &Location) -> Result<Self, Error> {
        let file = folder.join(GRAPH);
        let path = file.as_path().to_path_buf();
        let bytes = super::bytes(&file, limits::SAVED_MODEL_BYTES)?.unwrap_or_default();
        let broken =
            |e: prost::DecodeError| bad(&path, "the whole", &e.to_string(), "a serialized SavedModel");
        let mut tables = Tables::default();
        let (schema, graphs, found) = if bytes.len() as u64 <= limits::SAVED_MODEL_DECODED_BYTES {
            let model = SavedModel::decode(bytes.as_slice()).map_err(broken)?;
            let graphs = model.meta_graphs.len();
            let found = model.meta_graphs.into_iter().find_map(|m| Some((m.graph_def, m.object_graph_def?)));
            let (graph, found) = found.map_or((None, None), |(graph, objects)| (graph, Some(objects)));
            if let Some(objects) = &found {
                tables = Tables::of(graph.as_ref(), &objects.concrete_functions);
            }
            (model.saved_model_schema_version, graphs, found)
        } else {
            let model = SavedModelObjects::decode(bytes.as_slice()).map_err(broken)?;
            let graphs = model.meta_graphs.len();
            (SCHEMA, graphs, model.meta_graphs.into_iter().find_map(|m| m.object_graph_def))
        };
        if graphs == 0 {
            let found = format!("{} bytes without a graph", bytes.len());
            return Err(bad(&path, "the whole", &found, "a serialized SavedModel"));
        }
        if schema != SCHEMA {
            return Err(bad(&path, "the schema", &format!("version {schema}"), &format!("version {SCHEMA}")));
        }
        let nodes = found.map(|graph| graph.nodes).unwrap_or_default();
        for (id, node) in nodes.iter().enumerate() {
            for edge in &node.children {
                if usize::try_from(edge.node_id).ok().is_none_or(|to| to >= nodes.len()) {
                    let place = format!("object {id}, edge `{}`", edge.local_name);
                    let expected = format!("one of {} objects", nodes.len());
                    return Err(bad(&path, &place, &format!("object {}", edge.node_id), &expected));
                }
            }
        }
        Ok(Self { nodes, tables, path, folder: folder.as_path().into() })
    }

    /// The words of the lookup at a path of edges, in order; `None` where it has none that can be read. `invert`: it gives words.
    pub(super) fn words(&self, path: &str, invert: bool) -> Option<Vec<String>> {
        let child = |node: &SavedObject, name: &str| {
            let edge = node.children.iter().find(|edge| edge.local_name == name)?;
            self.nodes.get(usize::try_from(edge.node_id).ok()?)
        };
        let mut layer = self.nodes.first()?;
        for edge in path.split('.').skip(1) {
            layer = child(layer, edge)?;
        }
        let lookup = child(layer, LOOKUP).unwrap_or(layer);
        self.tables.words(&self.nodes, child(lookup, "lookup_table")?, invert)
    }

    /// The metadata of the Keras objects in it: where TensorFlow up to 2.4 has them.
    pub(super) fn metadata(&self) -> Result<Metadata, Error> {
        if self.nodes.is_empty() {
            return Err(other(
                &self.folder,
                "a SavedModel without objects (of TensorFlow 1 or tf.estimator)",
                "its arrays can be listed, but it has no Keras model",
            ));
        }
        let described = keras_objects(&self.nodes);
        if !described.iter().any(|(place, _)| place == ROOT) {
            return Err(what_else(&self.folder, &self.nodes));
        }
        metadata::of_objects(&self.path, described)
    }

    /// Checks what `keras_metadata.pb` says of an object against the object: that it is there, of that kind, and where its path leads.
    pub(super) fn check(&self, file: &Path, described: &KerasObject) -> Result<(), Error> {
        let place = format!("the metadata of `{}`", described.node_path);
        let node = usize::try_from(described.node_id).ok().and_then(|id| Some((id, self.nodes.get(id)?)));
        let Some((id, node)) = node else {
            let expected = format!("one of the {} of {GRAPH}", self.nodes.len());
            return Err(bad(file, &place, &format!("object {}", described.node_id), &expected));
        };
        let kind = user_object(node).map_or("no object of Keras", |o| o.identifier.as_str());
        if kind != described.identifier {
            let found = format!("`{}`, object {id}", described.identifier);
            return Err(bad(file, &place, &found, &format!("`{kind}`, as {GRAPH} says")));
        }
        let leads = described.node_path.strip_prefix(ROOT).is_some_and(|rest| match rest.strip_prefix('.') {
            Some(rest) => self.leads(0, rest, id, &mut 1000),
            None => rest.is_empty() && id == 0,
        });
        if leads {
            Ok(())
        } else {
            Err(bad(file, &place, &format!("a path that does not lead to object {id}"), "its path"))
        }
    }

    /// Returns whether a path of edges leads from one object to another. Names of edges may have dots in them, so there may be several ways to read it;
    /// `tries` bounds them.
    fn leads(&self, from: usize, path: &str, to: usize, tries: &mut usize) -> bool {
        let Some(node) = self.nodes.get(from) else { return false };
        node.children.iter().any(|edge| {
            let (Some(rest), Ok(next)) = (path.strip_prefix(&edge.local_name), usize::try_from(edge.node_id))
            else {
                return false;
            };
            if edge.local_name.is_empty() {
                return false;
            }
            let Some(left) = tries.checked_sub(1) else { return false };
            *tries = left;
            match rest.strip_prefix('.') {
                Some(rest) => self.leads(next, rest, to, tries),
                None => rest.is_empty() && next == to,
            }
        })
    }
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

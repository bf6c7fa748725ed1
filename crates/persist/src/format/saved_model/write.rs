//! From a tree to a directory.

use std::io::Write;
use std::path::Path;

use prost::Message;

use super::{GRAPH, METADATA, describe, graph};
use crate::commit;
use crate::container::bundle;
use crate::container::protobuf::{
    FingerprintDef, MetaGraphDef, SavedBareConcreteFunction, SavedModel, SavedObject, SavedObjectGraph,
    SavedUserObject, SavedVariable, VersionDef, meta_graph_def::MetaInfoDef, saved_object::Kind,
    trackable_object_graph::trackable_object::ObjectReference,
};
use crate::format::tf_checkpoint::{self, Draft, DraftObject, Numbered, child_of, number_of, variable_of};
use crate::tree::{ByteSource as _, ModelConfig, ModelKind, Object, Place, Serving, Tree, WriteOptions};
use crate::{Error, Location, storage};

const FINGERPRINT: &str = "fingerprint.pb";
/// Folders of the format.
const ASSETS: &str = "assets";
pub(crate) const VARIABLES: &str = "variables";

/// Whether a name in the directory is the format's own.
pub(crate) fn own(name: &str) -> bool {
    [GRAPH, METADATA, FINGERPRINT, ASSETS, VARIABLES].contains(&name)
}

/// Describes what a directory holds beside the variables.
struct Contents {
    tree: Tree,
    metadata: Vec<u8>,
    saved: Vec<u8>,
}

fn contents(path: &Path, tree: &Tree) -> Result<Contents, Error> {
    let Some(model) = &tree.model else {
        return Err(Error::Usage {
            what: format!(
                "{}: a SavedModel holds a whole model, and there is only its weights",
                path.display()
            ),
            advice: "give the architecture too, or write a TensorFlow checkpoint".into(),
        });
    };
    check_inputs(path, model)?;
    let mut tree = Tree { model: Some(model.clone()), ..tree.clone() };
    if let Some(model) = &mut tree.model {
        name_input(model, tree.serving.as_mut());
    }
    let draft = tf_checkpoint::model_draft(&tree)?;
    let (metadata, identifiers) = describe::write(path, &tree, &draft)?;
    let saved = saved_model(path, &tree, &draft, &identifiers)?;
    Ok(Contents { tree, metadata, saved })
}

/// Checks whether a tree can be written, without writing it.
pub(crate) fn check(path: &Path, tree: &Tree, _options: &WriteOptions) -> Result<(), Error> {
    contents(path, tree).map(drop)
}

/// Writes a directory.
pub(crate) fn write(target: &Location, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    let Contents { tree, metadata, saved } = contents(target.as_path(), tree)?;

    commit::create_folder(target.folder())?;
    if target.local().is_some_and(std::path::Path::is_dir) && !super::holds(target) {
        // Nothing to protect: the graph, which comes last, makes a folder of other things a SavedModel.
        return fill(target, &tree, options, &metadata, &saved);
    }
    commit::write_folder(target, own, |folder| fill(folder, &tree, options, &metadata, &saved))
}

/// Writes all files, each durable before the next.
fn fill(
    folder: &Location,
    tree: &Tree,
    options: &WriteOptions,
    metadata: &[u8],
    saved: &[u8],
) -> Result<(), Error> {
    for inner in [ASSETS, VARIABLES] {
        commit::create_folder(folder.join(inner))?;
    }
    let prefix = folder.join(VARIABLES).join(VARIABLES);
    tf_checkpoint::write_inside(&prefix, tree, options.shards).map_err(commit::unsaved)?;
    let put = |name: &str, bytes: &[u8]| {
        let place = folder.join(name);
        commit::write_file(&place, |file| {
            file.write_all(bytes).map_err(|source| place.failed("write", source))
        })
    };
    put(METADATA, metadata).map_err(commit::unsaved)?;
    let index = storage::open(&bundle::index_path(&prefix))?.read()?;
    put(FINGERPRINT, &fingerprint(&[saved, metadata, &index])).map_err(commit::unsaved)?;
    put(GRAPH, saved)
}

/// Words of Python's language, which cannot name arguments.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Refuses inputs that tf_keras could not load: it makes arguments of their names.
fn check_inputs(path: &Path, model: &ModelConfig) -> Result<(), Error> {
    for layer in &model.layers {
        if let Some(inner) = &layer.model {
            check_inputs(path, inner)?;
        } else if layer.class_name == "InputLayer" && KEYWORDS.contains(&layer.name.as_str()) {
            let name = &layer.name;
            return Err(Error::Usage {
                what: format!(
                    "{}: the input `{name}` has a name that tf_keras cannot load from a SavedModel: a word of Python's language",
                    path.display()
                ),
                advice: "give it another name, or write `.keras` or `.h5`".into(),
            });
        }
    }
    Ok(())
}

/// tf_keras names the input of a Sequential after its first layer, where Keras 3 has a number.
fn name_input(model: &mut ModelConfig, serving: Option<&mut Serving>) {
    let [input, first, ..] = model.layers.as_mut_slice() else { return };
    let number = input.name.strip_prefix("input_layer").map(|rest| rest.strip_prefix('_').unwrap_or(rest));
    let automatic = number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if !(model.kind == ModelKind::Sequential && input.class_name == "InputLayer" && automatic) {
        return;
    }
    let name = format!("{}_input", first.name);
    for port in serving.into_iter().flat_map(|s| &mut s.inputs).filter(|port| port.name == input.name) {
        port.name.clone_from(&name);
    }
    input.config.insert("name".into(), name.as_str().into());
    input.name = name;
}

fn version(producer: i32) -> Option<VersionDef> {
    Some(VersionDef { producer, min_consumer: 1, ..VersionDef::default() })
}

fn user_object(identifier: &str) -> Kind {
    Kind::UserObject(SavedUserObject {
        identifier: identifier.into(),
        version: version(1),
        metadata: String::new(),
    })
}

/// The bytes of `saved_model.pb`.
fn saved_model(
    path: &Path,
    tree: &Tree,
    draft: &Draft,
    identifiers: &describe::Identifiers,
) -> Result<Vec<u8>, Error> {
    let numbered = draft.numbered();
    let mut meta = MetaGraphDef {
        meta_info_def: Some(MetaInfoDef {
            tags: vec!["serve".into()],
            tensorflow_version: String::new(),
            stripped_default_attrs: true,
        }),
        ..MetaGraphDef::default()
    };
    let mut object_graph = SavedObjectGraph::default();
    let mut argument_keywords = None;
    if let Some(serving) = &tree.serving {
        let reads = reads(draft, &numbered, &tree.root, serving);
        let written = reads.and_then(|reads| graph::write(serving, &reads)).ok_or_else(|| Error::Usage {
            what: format!("{}: the serving graph is not that of the model", path.display()),
            advice: "make it of the model that is saved, or leave it out".into(),
        })?;
        meta.graph_def = Some(written.graph);
        meta.saver_def = Some(written.saver);
        meta.signature_def.insert(graph::SIGNATURE.into(), written.signature);
        object_graph.concrete_functions.insert(graph::FUNCTION.into(), written.function);
        argument_keywords = Some(written.inputs);
    }
    object_graph.nodes = objects(&numbered, identifiers);
    add_signatures(&mut object_graph.nodes, argument_keywords);
    meta.object_graph_def = Some(object_graph);
    Ok(SavedModel { saved_model_schema_version: 1, meta_graphs: vec![meta] }.encode_to_vec())
}

/// The variables that the serving graph reads; `None` where one is not there.
fn reads<'a>(
    draft: &Draft,
    numbered: &'a [Numbered<'a>],
    root: &Object,
    serving: &Serving,
) -> Option<Vec<graph::Read<'a>>> {
    let read = |place: &Place| {
        let object = place_of(draft, root, place)?;
        let found = numbered.iter().position(|n| n.object == object)?;
        let (name, key, variable) = numbered.get(found)?.variable.as_ref()?;
        Some(graph::Read { name, key: key.clone(), variable, object: i32::try_from(found).ok()? })
    };
    serving.variables.iter().map(read).collect()
}

/// The objects of the model, as loaders make them again.
fn objects(numbered: &[Numbered<'_>], identifiers: &describe::Identifiers) -> Vec<SavedObject> {
    let edge = |(name, id): &(&str, i32)| ObjectReference { node_id: *id, local_name: (*name).into() };
    let object = |object: &Numbered<'_>| {
        let kind = match &object.variable {
            Some((name, _, variable)) => Kind::Variable(SavedVariable {
                dtype: number_of(variable.dtype),
                shape: Some(graph::shape_of(&variable.shape)),
                trainable: variable.trainable,
                name: (*name).into(),
            }),
            None => user_object(identifiers.get(&object.object).unwrap_or(&"trackable_list_wrapper")),
        };
        SavedObject { children: object.edges.iter().map(edge).collect(), kind: Some(kind) }
    };
    numbered.iter().map(object).collect()
}

/// Adds the map of signatures, which is there even where there is none, as in TensorFlow's own; and the function that it leads to, by the names of
/// its arguments.
fn add_signatures(objects: &mut Vec<SavedObject>, argument_keywords: Option<Vec<String>>) {
    let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let (map, function) = (number(objects.len()), number(objects.len().saturating_add(1)));
    if let Some(root) = objects.first_mut() {
        root.children.push(ObjectReference { node_id: map, local_name: "signatures".into() });
    }
    let to_function = ObjectReference { node_id: function, local_name: graph::SIGNATURE.into() };
    let children = argument_keywords.iter().map(|_| to_function.clone()).collect();
    objects.push(SavedObject { children, kind: Some(user_object("signature_map")) });
    objects.extend(argument_keywords.map(|argument_keywords| {
        let kind = Kind::BareConcreteFunction(SavedBareConcreteFunction {
            concrete_function_name: graph::FUNCTION.into(),
            argument_keywords,
            allowed_positional_arguments: 0,
        });
        SavedObject { children: Vec::new(), kind: Some(kind) }
    }));
}

/// The draft's object of a variable of the tree.
fn place_of(draft: &Draft, root: &Object, place: &Place) -> Option<DraftObject> {
    let (mut node, mut object) = (draft.root(), root);
    for child in &place.children {
        node = child_of(draft, node, object, *child)?;
        object = &object.children.get(*child)?.1;
    }
    variable_of(draft, node, object, place.variable)
}

/// The bytes of `fingerprint.pb`: TensorFlow's hashes are left out, which no loader checks; the number that tells one SavedModel from another
/// is computed from the contents, so that the same model gives the same bytes.
fn fingerprint(contents: &[&[u8]]) -> Vec<u8> {
    // FNV-1a.
    let all = contents.iter().copied().flatten();
    let hash =
        all.fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let version = Some(VersionDef { producer: 4, ..VersionDef::default() });
    FingerprintDef { checkpoint_hash: 0, version, uuid: hash.to_string() }.encode_to_vec()
}

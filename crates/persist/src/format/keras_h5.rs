//! Whole-model `.h5` and weights-only `.h5` of Keras 2's kind, in both dialects.
//!
//! Configs are JSON in attributes of the root; each layer is a group with the attribute `weight_names`; loading goes
//! by order, of layers with weights and of their weights. Optimizer state is in `optimizer_weights`. What Keras has no
//! place for is in the attribute `resume` of a group `rhyton`, which Keras ignores.

mod older;
mod read;

use std::path::Path;

use super::config::{self, Context, Form};
use super::skeleton::{self, Frozen};
use super::{optimizer, resume, taken, values};
use crate::Error;
use crate::bytes::{Sink, Window};
use crate::container::hdf5::{Attribute, Hdf5, Node};
use crate::tree::{DType, Dialect, SavedFile, Tree, Variable, WriteOptions};
use read::Weights;

/// Name of the whole-model format.
pub(crate) const NAME: &str = "h5";
/// Name of the weights-only format.
pub(crate) const WEIGHTS_NAME: &str = "h5-weights";

/// Whether a file is of the whole-model kind, or of the weights-only one.
pub(crate) fn holds(file: &Window, whole_model: bool) -> bool {
    let attribute = if whole_model { "model_config" } else { "layer_names" };
    let found = || Hdf5::open(file.clone())?.list("", attribute);
    matches!(found(), Ok(Some(_)))
}

/// Opens either kind: the file says which it is.
pub(crate) fn read(file: Window) -> Result<SavedFile, Error> {
    let path = &*file.path().clone();
    let file = Hdf5::open(file)?;
    let resume = resume::read(&file)?;
    let Some(model_config) = file.text("", "model_config")? else {
        let version = config::check_version(path, "the root", file.text("", "keras_version")?)?;
        let dialect = version.as_deref().and_then(config::dialect_of_version);
        let weights = Box::new(Weights { file, group: "", model: None, optimizer_config: None, dialect });
        return Ok(SavedFile {
            format: WEIGHTS_NAME,
            dialect,
            keras_version: version,
            model: None,
            no_model: None,
            compile: None,
            resume,
            weights,
            assets: Vec::new(),
        });
    };
    let version = match file.text("", "keras_version")? {
        Some(version) => Some(version),
        None => file.text("model_weights", "keras_version")?,
    };
    let version = config::check_version(path, "the root", version)?;
    let json = resume::json(&file, "attribute model_config", &model_config)?;
    let dialect = version.as_deref().and_then(config::dialect_of_version);
    let dialect = dialect.unwrap_or_else(|| config::dialect_of_config(&json));
    let age = config::Age::of(version.as_deref());
    let context = Context { age, ..Context::new(path, dialect, Form::H5) };
    let model = config::read_model(&context, &json)?;
    let compile = match file.text("", "training_config")? {
        Some(text) => {
            let json = resume::json(&file, "attribute training_config", &text)?;
            config::read_compile(&context, &json, &model)?
        }
        None => None,
    };
    let optimizer_config = config::optimizer_config(compile.as_ref());
    let weights = Box::new(Weights {
        file,
        group: "model_weights",
        model: Some(model.clone()),
        optimizer_config,
        dialect: Some(dialect),
    });
    Ok(SavedFile {
        format: NAME,
        dialect: Some(dialect),
        keras_version: version,
        model: Some(model),
        no_model: None,
        compile,
        resume,
        weights,
        assets: Vec::new(),
    })
}

/// The file of a whole model.
fn root(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<Node, Error> {
    let dialect = options.dialect.unwrap_or(Dialect::TfKeras);
    let context = Context::new(path, dialect, Form::H5);
    let mut root = Node::default();
    root.attribute("keras_version", Attribute::Text(config::version(dialect).into()));
    root.attribute("backend", Attribute::Text("tensorflow".into()));
    if let Some(model) = &tree.model {
        let json = config::model_json(&context, model)?;
        root.attribute("model_config", Attribute::Ascii(config::to_json(&json)));
    }
    let rate = tree.optimizer.as_ref().and_then(|o| o.learning_rate);
    if let (Some(model), Some(compile)) = (&tree.model, &tree.compile) {
        let json = config::compile_json(&context, model, compile, rate)?;
        root.attribute("training_config", Attribute::Ascii(config::to_json(&json)));
    }
    weights_node(path, root.group("model_weights"), tree, dialect)?;
    if let Some(state) = &tree.optimizer {
        let config = config::optimizer_config(tree.compile.as_ref());
        let trainable = skeleton::trainable(&tree.root, tree.model.as_ref());
        let group = root.group("optimizer_weights");
        let mut names = Vec::new();
        for (name, variable) in optimizer::encode(state, dialect, config.as_ref(), &trainable) {
            names.push(put(path, group, &name, variable, &names)?);
        }
        group.attribute("weight_names", Attribute::List(names));
    }
    resume::write(&mut root, tree);
    Ok(root)
}

/// The file of weights alone.
fn weights_root(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<Node, Error> {
    let mut root = Node::default();
    weights_node(path, &mut root, tree, options.dialect.unwrap_or(Dialect::TfKeras))?;
    resume::write(&mut root, tree);
    Ok(root)
}

/// Checks whether a tree can be written, without writing it.
pub(crate) fn check(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    root(path, tree, options).map(drop)
}

/// As [`check`], of weights alone.
pub(crate) fn check_weights(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    weights_root(path, tree, options).map(drop)
}

/// Writes a whole model.
pub(crate) fn write(
    path: &Path,
    tree: &Tree,
    options: &WriteOptions,
    file: &mut dyn Sink,
) -> Result<(), Error> {
    root(path, tree, options)?.write(path, file)
}

/// Writes weights only.
pub(crate) fn write_weights(
    path: &Path,
    tree: &Tree,
    options: &WriteOptions,
    file: &mut dyn Sink,
) -> Result<(), Error> {
    weights_root(path, tree, options)?.write(path, file)
}

fn weights_node(path: &Path, group: &mut Node, tree: &Tree, dialect: Dialect) -> Result<(), Error> {
    let names = tree.root.children.iter().map(|(_, layer)| layer.name.clone()).collect();
    group.attribute("layer_names", Attribute::List(names));
    group.attribute("backend", Attribute::Ascii("tensorflow".into()));
    group.attribute("keras_version", Attribute::Ascii(config::version(dialect).into()));
    let frozen = Frozen::root(tree.model.as_ref());
    let suffix = if dialect == Dialect::TfKeras { ":0" } else { "" };
    for (_, layer) in &tree.root.children {
        // A name with slashes is a path of groups, as in Keras' own files.
        if layer.name.split('/').any(|part| matches!(part, "" | ".")) {
            return Err(Error::Usage {
                what: format!("{}: the layer name {:?} cannot name a group", path.display(), layer.name),
                advice: "rename the layer".into(),
            });
        }
        let below = group.group(&layer.name);
        let mut names = Vec::new();
        for owned in skeleton::by_layer(layer, &frozen.child(layer)) {
            let name = format!("{}{suffix}", owned.path);
            names.push(put(path, below, &name, owned.variable.clone(), &names)?);
        }
        below.attribute("weight_names", Attribute::List(names));
    }
    let top = group.group("top_level_model_weights");
    let mut names = Vec::new();
    for variable in &tree.root.variables {
        names.push(put(path, top, &format!("{}{suffix}", variable.name), variable.clone(), &names)?);
    }
    top.attribute("weight_names", Attribute::List(names));
    Ok(())
}

/// Puts an array under a name, or under the next free one: names may be anything, order counts.
fn put(
    path: &Path,
    group: &mut Node,
    name: &str,
    variable: Variable,
    before: &[String],
) -> Result<String, Error> {
    let plain: Vec<&str> = name.split('/').filter(|p| !matches!(*p, "" | ".")).collect();
    let plain = plain.join("/");
    let mut name = plain.clone();
    let mut n = 1usize;
    while before.contains(&name) {
        name = match plain.strip_suffix(":0") {
            Some(stem) => format!("{stem}_{n}:0"),
            None => format!("{plain}_{n}"),
        };
        n += 1;
    }
    // h5py has no bfloat16.
    if group.array(&name, values::widened(variable, DType::BF16)) {
        Ok(name)
    } else {
        Err(taken(path, &name))
    }
}

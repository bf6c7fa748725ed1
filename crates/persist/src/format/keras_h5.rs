//! Whole-model `.h5` and weights-only `.h5` of Keras 2's kind, in both dialects.
//!
//! Configs are JSON in attributes of the root; each layer is a group with the attribute `weight_names`; loading goes
//! by order, of layers with weights and of their weights. Optimizer state is in `optimizer_weights`. What Keras has no
//! place for is in the attribute `resume` of a group `rhyton`, which Keras ignores.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{self, Context, Form};
use super::skeleton::{self, Frozen};
use super::vocabulary::LOOKUPS;
use super::weights_h5::IDF;
use super::{complete, optimizer, resume, taken, values};
use crate::Error;
use crate::bytes::{Sink, Window};
use crate::container::hdf5::{Attribute, Hdf5, Node};
use crate::tree::{
    DType, Dialect, Gap, ModelConfig, Object, OptimizerState, SavedFile, Stored, Tree, Variable,
    WeightSource, WriteOptions,
};

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
    let context = Context::new(path, dialect, Form::H5);
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

/// The arrays of such a file.
struct Weights {
    file: Hdf5,
    /// Where the layers are: `model_weights`, or the root.
    group: &'static str,
    model: Option<ModelConfig>,
    optimizer_config: Option<Value>,
    dialect: Option<Dialect>,
}

/// A layer of the file that has weights.
struct Layer {
    name: String,
    weights: Vec<(String, Variable)>,
}

impl Weights {
    fn path_of(&self, name: &str) -> String {
        if self.group.is_empty() { name.to_owned() } else { format!("{}/{name}", self.group) }
    }

    /// The arrays that a group's `weight_names` lists.
    fn listed(&self, group: &str) -> Result<Vec<(String, Variable)>, Error> {
        let names = self.file.list(group, "weight_names")?;
        let names =
            names.ok_or_else(|| self.error(group, "no attribute weight_names", "the names of its arrays"))?;
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        for name in names {
            let path = format!("{group}/{name}");
            if !seen.insert(name.clone()) {
                return Err(self.error(
                    group,
                    &format!("the array {name} twice in weight_names"),
                    "each once",
                ));
            }
            let array = self.file.array(&path)?.ok_or_else(|| self.error(&path, "nothing", "an array"))?;
            let trainable = true;
            let variable = Variable {
                name: name.clone(),
                trainable,
                dtype: array.dtype,
                shape: array.shape,
                value: Some(array.value),
            };
            out.push((name, variable));
        }
        Ok(out)
    }

    fn layers(&self) -> Result<Vec<Layer>, Error> {
        let names = self.file.list(self.group, "layer_names")?;
        let names = names.ok_or_else(|| {
            self.error(
                self.group,
                "no attribute layer_names",
                "the names of the layers (is this a Keras file?)",
            )
        })?;
        let mut out = Vec::new();
        for name in names {
            let group = self.path_of(&name);
            if !self.file.has_group(&group)? {
                return Err(self.error(&group, "nothing", "the group of a layer in layer_names"));
            }
            let weights = self.listed(&group)?;
            if !weights.is_empty() {
                out.push(Layer { name, weights });
            }
        }
        Ok(out)
    }

    /// Weights of the model itself, normally none.
    fn top(&self) -> Result<Vec<(String, Variable)>, Error> {
        let group = self.path_of("top_level_model_weights");
        if self.file.has_group(&group)? { self.listed(&group) } else { Ok(Vec::new()) }
    }

    fn error(&self, place: &str, found: &str, expected: &str) -> Error {
        Error::Format {
            path: self.file.path().into(),
            place: format!("/{place}"),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// The order of a file's weights within a layer. Order counts; but a nested model that is frozen in part now may not
/// have been when it was saved, so where the names agree one to one, they decide.
fn reorder(weights: Vec<(String, Variable)>, wanted: &[String]) -> Vec<(String, Variable)> {
    let plain = |name: &str| name.strip_suffix(":0").unwrap_or(name).to_owned();
    // `with_custom/dense/kernel` for `dense/kernel`.
    let fits = |stored: &str, path: &str| {
        let stored = plain(stored);
        stored == path || stored.strip_suffix(path).is_some_and(|before| before.ends_with('/'))
    };
    let mut places = Vec::new();
    for path in wanted {
        let mut fitting =
            weights.iter().enumerate().filter(|(_, (name, _))| fits(name, path)).map(|(i, _)| i);
        match (fitting.next(), fitting.next()) {
            (Some(i), None) if !places.contains(&i) => places.push(i),
            _ => return weights,
        }
    }
    if places.len() != weights.len() {
        return weights;
    }
    let mut weights: Vec<Option<(String, Variable)>> = weights.into_iter().map(Some).collect();
    places.into_iter().filter_map(|i| weights.get_mut(i).and_then(Option::take)).collect()
}

impl WeightSource for Weights {
    fn stored(&self) -> Result<Vec<Stored>, Error> {
        let mut out = Vec::new();
        let mut add = |group: &str, list: Vec<(String, Variable)>| {
            for (name, mut variable) in list {
                variable.name = name.rsplit('/').next().unwrap_or_default().to_owned();
                out.push(Stored { path: format!("{group}/{name}"), variable });
            }
        };
        for layer in self.layers()? {
            add(&self.path_of(&layer.name), layer.weights);
        }
        add(&self.path_of("top_level_model_weights"), self.top()?);
        if self.file.has_group("optimizer_weights")? {
            add("optimizer_weights", self.listed("optimizer_weights")?);
        }
        Ok(out)
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        let frozen = Frozen::root(self.model.as_ref());
        let mut mismatches = Vec::new();
        let layers = self.layers()?;
        let names: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
        let mut stored = layers.into_iter();
        let top = self.top()?;
        if top.len() != skeleton.variables.len() {
            mismatches.push(format!(
                "top_level_model_weights: {} arrays in the file, the model itself has {} variables",
                top.len(),
                skeleton.variables.len()
            ));
        }
        for (variable, (name, found)) in skeleton.variables.iter_mut().zip(top) {
            mismatches
                .extend(values::assign(variable, found, &format!("top_level_model_weights/{name}")).err());
        }
        for (_, layer) in &mut skeleton.children {
            let (layer_name, below) = (layer.name.clone(), frozen.child(layer));
            let class = layer.class_name.clone();
            let mut wanted = skeleton::by_layer_mut(layer, &below);
            // Keras 3 has no weights of words here, nor in models inside.
            let weighed = LOOKUPS.contains(&class.as_str()) && !names.contains(&layer_name);
            if wanted.is_empty() || weighed {
                continue;
            }
            let Some(found) = stored.next() else {
                mismatches
                    .push(format!("the model's layer `{layer_name}`: missing, the file has no more layers"));
                continue;
            };
            if found.weights.len() < wanted.len() {
                wanted.retain(|owned| owned.variable.name != IDF);
            }
            if found.weights.len() != wanted.len() {
                mismatches.push(format!(
                    "{}: {} arrays in the file, the model's layer `{layer_name}` has {}",
                    found.name,
                    found.weights.len(),
                    wanted.len()
                ));
                continue;
            }
            let paths: Vec<String> = wanted.iter().map(|o| o.path.clone()).collect();
            for (owned, (name, value)) in wanted.into_iter().zip(reorder(found.weights, &paths)) {
                let place = format!("{}/{name}", found.name);
                if let Err(difference) = values::assign(owned.variable, value, &place) {
                    mismatches.push(format!("{difference} (layer `{layer_name}`)"));
                }
            }
        }
        for layer in stored {
            mismatches.push(format!(
                "{}: {} arrays in the file, no layer in the model",
                layer.name,
                layer.weights.len()
            ));
        }
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Mismatch { path: PathBuf::from(self.file.path()), mismatches })
        }
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        let layers = self.layers()?;
        let slots = match self.file.has_group("optimizer_weights")? {
            true => self.file.list("optimizer_weights", "weight_names")?.unwrap_or_default(),
            false => Vec::new(),
        };
        let mut gaps = Vec::new();
        for (_, child) in &mut skeleton.children {
            if let Some(layer) = layers.iter().find(|l| l.name == child.name) {
                let known = skeleton::by_layer(child, &Frozen::root(None)).len();
                if !child.is_model && known > 0 && layer.weights.len() > known {
                    skeleton::empty(child);
                    gaps.push((child.name.clone(), Gap::Form));
                }
                let names: Vec<&str> = layer.weights.iter().map(|(name, _)| name.as_str()).collect();
                complete::layer(child, &names, &slots, &mut gaps);
                if skeleton::is_empty(child) {
                    // A wrapper of a model, whose weights are named after the model's layers alone.
                    complete::all(child, &names, &slots, &mut gaps);
                }
            }
        }
        Ok(gaps)
    }

    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        if !self.file.has_group("optimizer_weights")? {
            return Ok(None);
        }
        let listed = self.listed("optimizer_weights")?;
        let found = listed.into_iter().map(|(name, variable)| optimizer::Found { name, variable }).collect();
        let config = self.optimizer_config.as_ref();
        let state = optimizer::decode(self.file.path(), class_name, config, trainable, found)?;
        Ok(state.map(|mut state| {
            // tf_keras keeps the rate in the config alone.
            if state.learning_rate.is_none() && self.dialect == Some(Dialect::TfKeras) {
                state.learning_rate = config::rate(config);
            }
            state
        }))
    }
}

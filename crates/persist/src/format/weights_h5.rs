//! `.weights.h5`, alone and inside `.keras`: `layers/dense/vars/0`.
//!
//! Paths come from classes, not from names; variables stand in the order trainable, then non-trainable. Optimizer state is
//! in `optimizer/vars`, what Keras has no place for in the attribute `resume` of a group `rhyton`, which Keras ignores.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;

use serde_json::Value;

use super::vocabulary::{LOOKUP, WITH_LOOKUP};
use super::{config, optimizer, own, resume, skeleton, values};
use crate::bytes::{Sink, Window};
use crate::container::hdf5::{Array, Attribute, Hdf5, Node};
use crate::tree::{
    DType, Dialect, Gap, Object, OptimizerState, SavedFile, Stored, Tree, Variable, WeightSource,
    WriteOptions,
};
use crate::{Error, limits};

/// Name of the format.
pub(crate) const NAME: &str = "weights-h5";
/// The one array with a name of its own: weights of the words in `tf_idf`.
pub(crate) const IDF: &str = "idf_weights";
/// The group that Keras 2.12 and 2.13 call so instead of `layers`.
const KERAS_2_13: &str = "_layer_checkpoint_dependencies";

/// Opens a `.weights.h5`.
pub(crate) fn read(file: Window) -> Result<SavedFile, Error> {
    let path = file.path().clone();
    let file = Hdf5::open(file)?;
    // A whole model in the other layout, which lost what says so.
    if file.text("", "model_config")?.is_none()
        && file.has_group("model_weights")?
        && !file.has_group("layers")?
    {
        return Err(Error::Format {
            path: path.to_path_buf(),
            place: "the root".into(),
            found: "a group model_weights without an attribute model_config".into(),
            expected: "the architecture in that attribute".into(),
        });
    }
    let resume = resume::read(&file)?;
    Ok(SavedFile {
        format: NAME,
        // Nothing in the file is certain: Keras 3 before 3.4 and tf_keras write the same.
        dialect: None,
        keras_version: None,
        model: None,
        no_model: None,
        compile: None,
        resume,
        weights: Box::new(Weights::new(file, None)),
        assets: Vec::new(),
    })
}

/// Writes a `.weights.h5`.
pub(crate) fn write(
    path: &Path,
    tree: &Tree,
    options: &WriteOptions,
    file: &mut dyn Sink,
) -> Result<(), Error> {
    node(path, tree, options.dialect.unwrap_or(Dialect::Keras3))?.write(path, file)
}

/// Checks whether a tree can be written, without writing it.
pub(crate) fn check(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    node(path, tree, options.dialect.unwrap_or(Dialect::Keras3)).map(drop)
}

/// What `.weights.h5` holds of a tree.
pub(crate) fn node(path: &Path, tree: &Tree, dialect: Dialect) -> Result<Node, Error> {
    let mut node = Node::default();
    for (place, object) in skeleton::by_class(&tree.root, dialect == Dialect::TfKeras) {
        let vars = if place.is_empty() { "vars".to_owned() } else { format!("{place}/vars") };
        let group = node.group(&vars);
        if dialect == Dialect::Keras3 && !object.name.is_empty() {
            group.attribute("name", Attribute::Text(object.name.clone()));
        }
        for (i, variable) in own::saved(object).into_iter().enumerate() {
            let mut variable = variable.clone();
            if dialect == Dialect::TfKeras {
                // Which cannot read its own bfloat16.
                variable = values::widened(variable, DType::BF16);
            }
            let name = if variable.name == IDF { IDF.to_owned() } else { i.to_string() };
            if !group.array(&name, variable) {
                return Err(super::taken(path, &vars));
            }
        }
        if let Some(inside) = inside(&place, object) {
            let group = node.group(&inside);
            if dialect == Dialect::Keras3 {
                group.attribute("name", Attribute::Text("string_lookup".into()));
            }
            for variable in object.variables.iter().filter(|variable| variable.name == IDF) {
                if !group.array(IDF, variable.clone()) {
                    return Err(super::taken(path, &inside));
                }
            }
        }
    }
    if let Some(state) = &tree.optimizer {
        let mut config = config::optimizer_config(tree.compile.as_ref());
        // By their numbers alone nobody could tell the order of the older optimizers, which tf_keras does not keep here.
        if let Some(config) = config.as_mut().and_then(Value::as_object_mut) {
            config.shift_remove("is_legacy_optimizer");
        }
        let trainable = skeleton::trainable(&tree.root, tree.model.as_ref());
        let variables = optimizer::encode(state, dialect, config.as_ref(), &trainable);
        let inner = optimizer::inner_groups(state, dialect, config.as_ref(), &trainable);
        for (place, variables) in std::iter::once(("optimizer/vars".into(), variables)).chain(inner) {
            let group = node.group(&place);
            for (i, (_, variable)) in variables.into_iter().enumerate() {
                if !group.array(&i.to_string(), variable) {
                    return Err(super::taken(path, &place));
                }
            }
        }
    }
    resume::write(&mut node, tree);
    Ok(node)
}

/// The variables of the lookup inside a layer at a place, which are the layer's own once more.
fn inside(place: &str, object: &Object) -> Option<String> {
    let has = !object.is_model && object.class_name == WITH_LOOKUP;
    has.then(|| format!("{place}/{LOOKUP}/vars"))
}

fn variable(name: &str, array: Array) -> Variable {
    let Array { dtype, shape, value } = array;
    Variable { name: name.into(), trainable: true, dtype, shape, value: Some(value) }
}

/// The arrays of a `.weights.h5`.
pub(crate) struct Weights {
    file: Hdf5,
    optimizer_config: Option<Value>,
}

impl Weights {
    /// `optimizer_config`: what the config beside it says.
    pub(crate) fn new(file: Hdf5, optimizer_config: Option<Value>) -> Self {
        Self { file, optimizer_config }
    }

    /// Paths of all groups called `vars` below a group, in order.
    fn vars(&self, group: &str, out: &mut Vec<String>) -> Result<(), Error> {
        let Some(children) = self.file.children(group)? else { return Ok(()) };
        for name in children.groups {
            let path = if group.is_empty() { name.clone() } else { format!("{group}/{name}") };
            if name == "vars" {
                out.push(path);
            } else {
                self.vars(&path, out)?;
            }
        }
        Ok(())
    }

    /// Every array below a group, whatever it is called.
    fn arrays(&self, group: &str, depth: usize, out: &mut Vec<Stored>) -> Result<(), Error> {
        let Some(children) = self.file.children(group)? else { return Ok(()) };
        if depth > limits::HDF5_DEPTH {
            return Err(self.error(group, "groups inside groups", "fewer of them"));
        }
        let below = |name: &str| if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
        for name in &children.arrays {
            let path = below(name);
            let array = match self.file.array(&path) {
                // What is no array of numbers is none of a model's.
                Err(Error::Unsupported { .. }) => continue,
                other => other?,
            };
            out.extend(array.map(|array| Stored {
                path,
                variable: Variable {
                    name: name.clone(),
                    trainable: true,
                    dtype: array.dtype,
                    shape: array.shape,
                    value: Some(array.value),
                },
            }));
        }
        children.groups.iter().try_for_each(|name| self.arrays(&below(name), depth + 1, out))
    }

    /// The arrays `0`, `1`, ... of a group; `None` where there is no group.
    fn numbered(&self, vars: &str) -> Result<Option<Vec<Variable>>, Error> {
        let Some(children) = self.file.children(vars)? else { return Ok(None) };
        let mut numbers = Vec::new();
        for name in &children.arrays {
            // Names come in the order of their bytes: `10` before `2`.
            match name.parse::<usize>() {
                Ok(n) => numbers.push(n),
                // Of a lookup, which takes it from its config too.
                Err(_) if name == IDF => {}
                Err(_) => return Err(self.error(vars, &format!("the array `{name}`"), "numbers as names")),
            }
        }
        numbers.sort_unstable();
        let mut out = Vec::new();
        for (i, n) in numbers.into_iter().enumerate() {
            if i != n {
                return Err(self.error(
                    vars,
                    &format!("no array `{i}` before `{n}`"),
                    "numbers without a gap (links to other places are not followed)",
                ));
            }
            let path = format!("{vars}/{n}");
            let array = self.file.array(&path)?;
            let array = array.ok_or_else(|| self.error(&path, "nothing", "an array"))?;
            out.push(variable(&n.to_string(), array));
        }
        if children.arrays.iter().any(|name| name == IDF)
            && let Some(array) = self.file.array(&format!("{vars}/{IDF}"))?
        {
            out.push(variable(IDF, array));
        }
        Ok(Some(out))
    }

    /// Gives an object the variables and inner objects that its group holds.
    fn below(&self, group: &str, object: &mut Object, depth: usize) -> Result<(), Error> {
        if depth > limits::HDF5_DEPTH {
            return Err(self.error(group, "groups inside groups", "fewer of them"));
        }
        let stored = self.numbered(&format!("{group}/vars"))?.unwrap_or_default();
        let named = |(i, found): (usize, &Variable)| match found.name.as_str() {
            IDF => values::any(IDF, false),
            _ => values::any(&format!("weight_{i}"), true),
        };
        object.variables = stored.iter().enumerate().map(named).collect();
        let Some(children) = self.file.children(group)? else { return Ok(()) };
        let lookup = |name: &str| object.class_name == WITH_LOOKUP && name == LOOKUP;
        let groups = children.groups.into_iter().filter(|name| name != "vars" && !lookup(name));
        for attribute in groups.collect::<Vec<_>>() {
            let mut child = Object { name: attribute.clone(), ..Object::default() };
            self.below(&format!("{group}/{attribute}"), &mut child, depth + 1)?;
            if skeleton::has_variables(&child) {
                object.children.push((attribute, child));
            }
        }
        Ok(())
    }

    /// The group of an object, under the name that this file has for it.
    fn find(&self, place: &str) -> Result<String, Error> {
        let mut found = String::new();
        for part in place.split('/').filter(|p| !p.is_empty()) {
            let joined =
                |name: &str| if found.is_empty() { name.to_owned() } else { format!("{found}/{name}") };
            let other = match part {
                "layers" => KERAS_2_13.to_owned(),
                // tf_keras' attention.
                _ => format!("_{part}"),
            };
            let (plain, other) = (joined(part), joined(&other));
            found = if !self.file.has_group(&plain)? && self.file.has_group(&other)? { other } else { plain };
        }
        Ok(found)
    }

    fn error(&self, place: &str, found: &str, expected: &str) -> Error {
        Error::Format {
            path: self.file.path().into(),
            place: format!("group /{place}"),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl WeightSource for Weights {
    fn stored(&self) -> Result<Vec<Stored>, Error> {
        let mut groups = Vec::new();
        self.vars("", &mut groups)?;
        let mut out = Vec::new();
        for group in groups {
            for variable in self.numbered(&group)?.unwrap_or_default() {
                out.push(Stored { path: format!("{group}/{}", variable.name), variable });
            }
        }
        if out.is_empty() {
            // Of Keras 1, or of no Keras.
            self.arrays("", 0, &mut out)?;
        }
        Ok(out)
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        let twice = self.file.has_group(KERAS_2_13)?;
        let mut places = Vec::new();
        let collected: Result<(), Infallible> =
            skeleton::by_class_mut(skeleton, twice, &mut |place, object| {
                places.push((
                    place.to_owned(),
                    object.name.clone(),
                    own::order(object).len(),
                    // Keras 3 has no array of it.
                    object.class_name == "Discretization",
                    inside(place, object),
                ));
                Ok(())
            });
        let Ok(()) = collected;
        let mut mismatches = Vec::new();
        let mut used = BTreeSet::new();
        let mut found = Vec::new();
        for (place, name, mut wanted, optional, inside) in places {
            used.extend(inside);
            let group = self.find(&place)?;
            let vars = if group.is_empty() { "vars".to_owned() } else { format!("{group}/vars") };
            let stored = self.numbered(&vars)?;
            used.insert(vars.clone());
            if optional && stored.as_ref().is_none_or(Vec::is_empty) {
                wanted = 0;
            }
            match &stored {
                None if wanted > 0 => {
                    mismatches.push(format!("{vars}: missing, the model's `{name}` has {wanted} variables"));
                }
                Some(stored) if stored.len() != wanted => mismatches.push(format!(
                    "{vars}: {} arrays in the file, the model's `{name}` has {wanted} variables",
                    stored.len()
                )),
                _ => {}
            }
            found.push((vars, stored.unwrap_or_default()));
        }
        let mut found = found.into_iter();
        let assigned: Result<(), Infallible> = skeleton::by_class_mut(skeleton, twice, &mut |_, object| {
            let Some((vars, stored)) = found.next() else { return Ok(()) };
            // All of a group or none, as Keras loads it.
            let mut filled = object.variables.clone();
            let before = mismatches.len();
            let order = own::order(object);
            let whole = order.len() == stored.len();
            for ((i, place), stored) in order.into_iter().enumerate().zip(stored) {
                let Some(variable) = filled.get_mut(place) else { continue };
                if let Err(difference) = values::assign(variable, stored, &format!("{vars}/{i}")) {
                    mismatches.push(difference);
                }
            }
            if whole && mismatches.len() == before {
                object.variables = filled;
            }
            own::clear_factors(object);
            Ok(())
        });
        let Ok(()) = assigned;
        let mut all = Vec::new();
        self.vars("", &mut all)?;
        for group in all {
            let other = ["optimizer/", "metrics/", "rhyton/"].iter().any(|p| group.starts_with(p));
            if !other && !used.contains(&group) {
                let arrays = self.file.children(&group)?.map_or(0, |c| c.arrays.len());
                if arrays > 0 {
                    mismatches.push(format!("{group}: {arrays} arrays in the file, nothing in the model"));
                }
            }
        }
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Mismatch { path: self.file.path().into(), mismatches })
        }
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        let twice = self.file.has_group(KERAS_2_13)?;
        let mut gaps = Vec::new();
        skeleton::by_class_mut(skeleton, twice, &mut |place, object| {
            let group = self.find(place)?;
            let known = object.variables.len();
            // A layer that has more than its class says has it by a setting that nobody knows.
            let more = !object.is_model && known > 0 && {
                let vars = format!("{group}/vars");
                self.file.children(&vars)?.is_some_and(|children| children.arrays.len() > known)
            };
            if more {
                skeleton::empty(object);
                gaps.push((object.name.clone(), Gap::Form));
            }
            if skeleton::is_empty(object) {
                self.below(&group, object, 0)?;
                if skeleton::has_variables(object) {
                    gaps.push((object.name.clone(), Gap::Names));
                    gaps.push((object.name.clone(), Gap::Trained));
                }
            }
            Ok::<(), Error>(())
        })?;
        Ok(gaps)
    }

    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        let Some(stored) = self.numbered("optimizer/vars")? else { return Ok(None) };
        let found =
            stored.into_iter().map(|variable| optimizer::Found { name: String::new(), variable }).collect();
        let config = self.optimizer_config.as_ref();
        optimizer::decode(self.file.path(), class_name, config, trainable, found)
    }
}

//! The arrays of such a file: by the order of its layers, or by their names.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde_json::Value;

use super::older;
use crate::Error;
use crate::container::hdf5::Hdf5;
use crate::format::skeleton::{self, Frozen};
use crate::format::vocabulary::LOOKUPS;
use crate::format::weights_h5::IDF;
use crate::format::{complete, config, optimizer, values};
use crate::tree::{Dialect, Gap, ModelConfig, Object, OptimizerState, Stored, Variable, WeightSource};

/// The arrays of such a file.
pub(super) struct Weights {
    pub(super) file: Hdf5,
    /// Where the layers are: `model_weights`, or the root.
    pub(super) group: &'static str,
    pub(super) model: Option<ModelConfig>,
    pub(super) optimizer_config: Option<Value>,
    pub(super) dialect: Option<Dialect>,
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

    /// Puts the arrays of a layer of the file into one of the model's.
    fn fill_layer(
        &self,
        layer: &mut Object,
        frozen: &Frozen<'_>,
        found: Layer,
        mismatches: &mut Vec<String>,
    ) -> Result<(), Error> {
        let (layer_name, below) = (layer.name.clone(), frozen.child(layer));
        let mut wanted = skeleton::by_layer_mut(layer, &below);
        if found.weights.len() < wanted.len() {
            wanted.retain(|owned| owned.variable.name != IDF);
        }
        let weights = match older::translate(self.writer()?, self.model.as_ref(), &wanted, found.weights) {
            Ok(weights) => weights,
            Err(unclear) => {
                mismatches.push(format!("{}: {unclear} (layer `{layer_name}`)", found.name));
                return Ok(());
            }
        };
        if weights.len() != wanted.len() {
            mismatches.push(format!(
                "{}: {} arrays in the file, the model's layer `{layer_name}` has {}",
                found.name,
                weights.len(),
                wanted.len()
            ));
            return Ok(());
        }
        let paths: Vec<String> = wanted.iter().map(|o| o.path.clone()).collect();
        for (owned, (name, value)) in wanted.into_iter().zip(reorder(weights, &paths)) {
            let place = format!("{}/{name}", found.name);
            if let Err(difference) = values::assign(owned.variable, value, &place) {
                mismatches.push(format!("{difference} (layer `{layer_name}`)"));
            }
        }
        Ok(())
    }

    /// An error of all differences, if there are any.
    fn told(&self, mismatches: Vec<String>) -> Result<(), Error> {
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Mismatch { path: PathBuf::from(self.file.path()), mismatches })
        }
    }

    /// What the file says in an attribute of the root or of the group of layers.
    fn said(&self, attribute: &str) -> Result<Option<String>, Error> {
        match self.file.text("", attribute)? {
            Some(found) => Ok(Some(found)),
            None => self.file.text(self.group, attribute),
        }
    }

    /// The version of Keras that wrote the file, as numbers. Before 1.2 Keras did not say it.
    fn version(&self) -> Result<[u32; 3], Error> {
        let version = self.said("keras_version")?;
        let mut parts =
            version.iter().flat_map(|version| version.split('.')).map(|part| part.trim().parse().ok());
        let number = |part: Option<Option<u32>>| part.flatten().unwrap_or(u32::MAX);
        Ok(match &version {
            Some(_) => [number(parts.next()), number(parts.next()), number(parts.next())],
            // Later than those that sort slots: what is known of no version is left as it stands.
            None => [1, u32::MAX, 0],
        })
    }

    fn writer(&self) -> Result<older::Writer, Error> {
        let theano = self.said("backend")?.is_some_and(|backend| backend == "theano");
        // Keras 3 never takes a file for so old a one.
        let keras1 = self.version()?[0] == 1 && self.dialect != Some(Dialect::Keras3);
        let certain = self.said("keras_version")?.is_some();
        Ok(older::Writer { keras1, certain, theano })
    }

    /// Returns whether the file is of Keras up to 2.0.5, whose optimizers have variables in the order of their names.
    fn sorts_by_name(&self) -> Result<bool, Error> {
        let version = self.version()?;
        Ok(version <= [2, 0, 5] && version[1] != u32::MAX)
    }

    /// Returns the numbers of the model's variables in the order of the names that the file has for them. `trainable` are named by their paths.
    fn order_of_names(&self, trainable: &[Variable]) -> Result<Vec<usize>, Error> {
        let layers = self.layers()?;
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut keys = Vec::new();
        for variable in trainable {
            // In a layer, those that training changes come first; Keras 1 has other names for them.
            let layer = variable.name.split('/').next().unwrap_or_default();
            let count = counts.entry(layer).or_default();
            let found = layers.iter().find(|l| l.name == layer).and_then(|l| l.weights.get(*count));
            *count += 1;
            keys.push(found.map_or_else(|| variable.name.clone(), |(name, _)| name.clone()));
        }
        let mut order: Vec<usize> = (0..trainable.len()).collect();
        order.sort_by_key(|of| keys.get(*of).cloned());
        Ok(order)
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

/// Returns whether a layer of the model has weights in the file; `names`: of the file's layers with weights. Keras 3 has none of words here, nor in
/// models inside.
fn takes_weights(layer: &Object, names: &[String]) -> bool {
    let weighed = LOOKUPS.contains(&layer.class_name.as_str()) && !names.contains(&layer.name);
    skeleton::has_variables(layer) && !weighed
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
            if !takes_weights(layer, &names) {
                continue;
            }
            let Some(found) = stored.next() else {
                let name = &layer.name;
                mismatches.push(format!("the model's layer `{name}`: missing, the file has no more layers"));
                continue;
            };
            self.fill_layer(layer, &frozen, found, &mut mismatches)?;
        }
        for layer in stored {
            mismatches.push(format!(
                "{}: {} arrays in the file, no layer in the model",
                layer.name,
                layer.weights.len()
            ));
        }
        self.told(mismatches)
    }

    fn fill_by_name(&self, skeleton: &mut Object) -> Result<(), Error> {
        let frozen = Frozen::root(self.model.as_ref());
        let mut mismatches = Vec::new();
        for found in self.layers()? {
            let same = skeleton.children.iter_mut().filter(|(_, layer)| layer.name == found.name);
            for (_, layer) in same {
                let found = Layer { name: found.name.clone(), weights: found.weights.clone() };
                self.fill_layer(layer, &frozen, found, &mut mismatches)?;
            }
        }
        self.told(mismatches)
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        let writer = self.writer()?;
        let layers = self.layers()?;
        let slots = match self.file.has_group("optimizer_weights")? {
            true => self.file.list("optimizer_weights", "weight_names")?.unwrap_or_default(),
            false => Vec::new(),
        };
        let mut gaps = Vec::new();
        for (_, child) in &mut skeleton.children {
            if let Some(layer) = layers.iter().find(|l| l.name == child.name) {
                let wanted = skeleton::by_layer_mut(child, &Frozen::root(None));
                let known = wanted.len();
                let stored = older::translate(writer, self.model.as_ref(), &wanted, layer.weights.clone());
                let stored = stored.map_or(known, |stored| stored.len());
                if !child.is_model && known > 0 && stored > known {
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
        let path = self.file.path();
        let state = match self.sorts_by_name()? {
            true => {
                let order = self.order_of_names(trainable)?;
                optimizer::decode_in_order(path, class_name, config, (trainable, &order), found)?
            }
            false => optimizer::decode(path, class_name, config, trainable, found)?,
        };
        Ok(state.map(|mut state| {
            // tf_keras keeps the rate in the config alone.
            if state.learning_rate.is_none() && self.dialect == Some(Dialect::TfKeras) {
                state.learning_rate = config::rate(config);
            }
            state
        }))
    }
}

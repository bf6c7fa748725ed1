//! safetensors: weights only, named by their Keras paths within the model, `encoder/dense/kernel`, `lstm/lstm_cell/kernel`.
//!
//! The order of the tensors means nothing: other programs sort them as they like.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{skeleton, values};
use crate::Error;
use crate::bytes::{Sink, Window};
use crate::container::safetensors::{self, Tensor};
use crate::tree::{
    Gap, Object, OptimizerState, SavedFile, Stored, Tree, Variable, WeightSource, WriteOptions,
};

/// Name of the format.
pub(crate) const NAME: &str = "safetensors";

pub(crate) use crate::container::safetensors::holds;

/// Opens a file.
pub(crate) fn read(file: Window) -> Result<SavedFile, Error> {
    let tensors = safetensors::read(&file)?;
    Ok(SavedFile {
        format: NAME,
        dialect: None,
        keras_version: None,
        model: None,
        no_model: None,
        compile: None,
        resume: None,
        weights: Box::new(Weights { file, tensors }),
        assets: Vec::new(),
    })
}

/// Writes the weights of a tree.
pub(crate) fn write(
    path: &Path,
    tree: &Tree,
    _options: &WriteOptions,
    file: &mut dyn Sink,
) -> Result<(), Error> {
    let mut tensors = Vec::new();
    collect("", &tree.root, &mut tensors);
    safetensors::write(path, tensors, file)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}/{name}") }
}

fn collect(path: &str, object: &Object, out: &mut Vec<(String, Variable)>) {
    out.extend(object.variables.iter().map(|v| (join(path, &v.name), v.clone())));
    for (_, child) in &object.children {
        collect(&join(path, &child.name), child, out);
    }
}

struct Weights {
    file: Window,
    tensors: Vec<Tensor>,
}

impl Tensor {
    fn variable(&self, name: &str) -> Variable {
        Variable {
            name: name.into(),
            trainable: true,
            dtype: self.dtype,
            shape: self.shape.clone(),
            value: Some(Arc::new(self.bytes.clone())),
        }
    }
}

impl WeightSource for Weights {
    fn stored(&self) -> Result<Vec<Stored>, Error> {
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let stored = |t: &Tensor| Stored { path: t.name.clone(), variable: t.variable(&last(&t.name)) };
        Ok(self.tensors.iter().map(stored).collect())
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        let mut left: BTreeMap<&str, &Tensor> = self.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        let mut mismatches = Vec::new();
        fill("", skeleton, &mut left, &mut mismatches);
        mismatches.extend(left.keys().map(|name| format!("{name}: in the file, not in the model")));
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Mismatch { path: self.file.path().to_path_buf(), mismatches })
        }
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        let mut gaps = Vec::new();
        complete("", skeleton, &self.tensors, &mut gaps);
        Ok(gaps)
    }

    fn optimizer(&self, _class_name: &str, _trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        Ok(None)
    }
}

fn fill(path: &str, object: &mut Object, left: &mut BTreeMap<&str, &Tensor>, mismatches: &mut Vec<String>) {
    for variable in &mut object.variables {
        let place = join(path, &variable.name);
        match left.remove(place.as_str()) {
            Some(tensor) => mismatches.extend(values::assign(variable, tensor.variable(""), &place).err()),
            None => mismatches.push(format!("{place}: missing")),
        }
    }
    for (_, child) in &mut object.children {
        fill(&join(path, &child.name), child, left, mismatches);
    }
}

fn complete(path: &str, object: &mut Object, tensors: &[Tensor], gaps: &mut Vec<(String, Gap)>) {
    if skeleton::is_empty(object) {
        let prefix = format!("{path}/");
        let below: Vec<&str> = tensors.iter().filter_map(|t| t.name.strip_prefix(&prefix)).collect();
        for name in &below {
            super::complete::put(object, &name.split('/').collect::<Vec<_>>(), true);
        }
        if !below.is_empty() {
            gaps.push((object.name.clone(), Gap::Trained));
        }
        if below.len() > 1 {
            gaps.push((object.name.clone(), Gap::Order));
        }
        if !object.children.is_empty() {
            gaps.push((object.name.clone(), Gap::Attributes));
        }
        return;
    }
    for (_, child) in &mut object.children {
        complete(&join(path, &child.name), child, tensors, gaps);
    }
}

//! Writing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use hdf5_pure::{AttrValue, FileBuilder, FinishedGroup, GroupBuilder};

use super::{ATTRIBUTE_BYTES, element};
use crate::Error;
use crate::tree::{DType, Variable};

/// An attribute.
pub(crate) enum Attribute {
    /// One string, flagged as UTF-8.
    Text(String),
    /// One string, flagged as ASCII: what Keras does with JSON.
    Ascii(String),
    /// A list of strings; the empty list is written as Keras does.
    List(Vec<String>),
}

/// A group to be written, with all that is in it. Groups and arrays are written in the order of their names.
#[derive(Default)]
pub(crate) struct Node {
    attributes: Vec<(String, Attribute)>,
    groups: BTreeMap<String, Node>,
    arrays: BTreeMap<String, Variable>,
}

impl Node {
    /// The group at a path below this one, made where it is missing.
    pub(crate) fn group(&mut self, path: &str) -> &mut Node {
        path.split('/')
            .filter(|p| !p.is_empty())
            .fold(self, |at, name| at.groups.entry(name.into()).or_default())
    }

    /// Sets an attribute of this group.
    pub(crate) fn attribute(&mut self, name: &str, value: Attribute) {
        self.attributes.push((name.into(), value));
    }

    /// Puts an array at a path below this group. False where that path is taken.
    #[must_use]
    pub(crate) fn array(&mut self, path: &str, variable: Variable) -> bool {
        let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
        let group = self.group(group);
        !group.groups.contains_key(name) && group.arrays.insert(name.into(), variable).is_none()
    }

    /// Bytes of all arrays, without what goes around them.
    pub(crate) fn size(&self) -> u64 {
        let arrays = self.arrays.values().filter_map(|v| v.value.as_ref()).map(|v| v.len());
        let below = self.groups.values().map(Node::size);
        arrays.chain(below).fold(0, u64::saturating_add)
    }

    /// Writes the file whose root this is.
    pub(crate) fn write(self, path: &Path, out: &mut dyn Write) -> Result<(), Error> {
        let mut file = FileBuilder::new();
        for (name, value) in self.attributes {
            for (name, value) in stored(&name, value) {
                file.set_attr(&name, value);
            }
        }
        for (name, variable) in self.arrays {
            fill(file.create_dataset(&name), variable)?;
        }
        for (name, node) in self.groups {
            let group = file.create_group(&name);
            file.add_group(node.finish(group)?);
        }
        file.finish_to(out).map_err(|e| Error::Io {
            action: "write",
            path: path.into(),
            source: std::io::Error::other(e),
        })
    }

    fn finish(self, mut group: GroupBuilder) -> Result<FinishedGroup, Error> {
        for (name, value) in self.attributes {
            for (name, value) in stored(&name, value) {
                group.set_attr(&name, value);
            }
        }
        for (name, variable) in self.arrays {
            fill(group.create_dataset(&name), variable)?;
        }
        for (name, node) in self.groups {
            let below = group.create_group(&name);
            group.add_group(node.finish(below)?);
        }
        Ok(group.finish())
    }
}

fn fill(dataset: &mut hdf5_pure::DatasetBuilder, variable: Variable) -> Result<(), Error> {
    let Variable { name, dtype, shape, value, .. } = variable;
    let missing =
        |what: String| Error::Usage { what, advice: "give every variable a value of its shape".into() };
    let value = value.ok_or_else(|| missing(format!("the variable {name} has no value")))?;
    let bytes = value.read()?;
    let elements: usize = shape.iter().product();
    if bytes.len() != elements.saturating_mul(dtype.size()) {
        return Err(missing(format!(
            "the variable {name} has {} bytes for the shape {shape:?}",
            bytes.len()
        )));
    }
    let shape: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    dataset.with_raw_data(element::to_stored(dtype), bytes, elements as u64).with_shape(&shape);
    if dtype == DType::BF16 {
        dataset.set_attr("dtype", AttrValue::VarLenString("bfloat16".into()));
    }
    Ok(())
}

/// What is stored for an attribute: a list too long for one is cut into numbered pieces of nearly equal length.
fn stored(name: &str, value: Attribute) -> Vec<(String, AttrValue)> {
    let list = match value {
        Attribute::Text(text) => return vec![(name.into(), AttrValue::VarLenString(text))],
        Attribute::Ascii(text) => return vec![(name.into(), AttrValue::VarLenAsciiString(text))],
        Attribute::List(list) if list.is_empty() => {
            return vec![(name.into(), AttrValue::F64Array(Vec::new()))];
        }
        Attribute::List(list) => list,
    };
    let longest = list.iter().map(String::len).max().unwrap_or(0).max(16);
    let fit = (ATTRIBUTE_BYTES / longest).max(1);
    if list.len() <= fit {
        return vec![(name.into(), AttrValue::VarLenStringArray(list))];
    }
    let pieces = list.len().div_ceil(fit);
    let each = list.len().div_ceil(pieces);
    list.chunks(each)
        .enumerate()
        .map(|(i, piece)| (format!("{name}{i}"), AttrValue::AsciiStringArray(piece.to_vec())))
        .collect()
}

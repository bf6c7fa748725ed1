//! What Rhyton needs to go on exactly, in a group of an HDF5 file that real Keras ignores.

use serde_json::Value;

use crate::Error;
use crate::container::hdf5::{Attribute, Hdf5, Node};
use crate::container::json;
use crate::tree::Tree;

const GROUP: &str = "rhyton";
const ATTRIBUTE: &str = "resume";

/// Adds it to a file to be written.
pub(crate) fn write(node: &mut Node, tree: &Tree) {
    if let Some(resume) = &tree.resume {
        node.group(GROUP).attribute(ATTRIBUTE, Attribute::Text(resume.to_string()));
    }
}

/// Reads it; `None` where there is none.
pub(crate) fn read(file: &Hdf5) -> Result<Option<Value>, Error> {
    let Some(text) = file.text(GROUP, ATTRIBUTE)? else { return Ok(None) };
    json(file, &format!("attribute {ATTRIBUTE} of group /{GROUP}"), &text).map(Some)
}

/// Parses the JSON of an attribute.
pub(crate) fn json(file: &Hdf5, place: &str, text: &str) -> Result<Value, Error> {
    json::parse(file.path(), place, text.as_bytes())
}

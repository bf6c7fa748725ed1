//! What Rhyton needs to go on exactly, in a group of an HDF5 file that real Keras ignores.

use serde_json::Value;

use crate::container::hdf5::{Attribute, Hdf5, Node};
use crate::tree::Tree;
use crate::{Error, limits};

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
    let error = |found: String, expected: String| Error::Format {
        path: file.path().into(),
        place: place.into(),
        found,
        expected,
    };
    if text.len() as u64 > limits::JSON_BYTES {
        return Err(error(
            format!("{} bytes of text", text.len()),
            format!("{} at most", limits::JSON_BYTES),
        ));
    }
    serde_json::from_str(text).map_err(|e| error(e.to_string(), "JSON".into()))
}

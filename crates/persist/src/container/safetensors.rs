//! The safetensors container: the length of a header, the header (JSON: types, shapes, places), and the bytes of the tensors.
//!
//! As the format wants it, nothing is left that nobody owns: the tensors cover the file to its end without holes or overlaps, and
//! no name comes twice.

use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::bytes::Window;
use crate::tree::{DType, Variable};
use crate::{Error, limits};

/// A tensor of a file.
pub(crate) struct Tensor {
    /// Name: `dense/kernel`.
    pub(crate) name: String,
    /// Its element type.
    pub(crate) dtype: DType,
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// Its bytes.
    pub(crate) bytes: Window,
}

/// The format's name of an element type.
fn code(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::F32 => "F32",
        DType::F64 => "F64",
        DType::I8 => "I8",
        DType::I16 => "I16",
        DType::I32 => "I32",
        DType::I64 => "I64",
        DType::U8 => "U8",
        DType::U16 => "U16",
        DType::U32 => "U32",
        DType::U64 => "U64",
        DType::Bool => "BOOL",
    }
}

const DTYPES: [DType; 13] = [
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::Bool,
];

/// What the header says of a tensor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Names with entries, in the header's order; a name that comes twice is an error.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut seen = std::collections::HashSet::new();
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the name `{name}` twice")));
                    }
                    if name == "__metadata__" {
                        map.next_value::<std::collections::HashMap<String, String>>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Whether a file begins as one: a plausible length, and the brace of the header.
pub(crate) fn holds(file: &Window) -> bool {
    let mut length = [0; 8];
    let mut brace = [0];
    let found = file.read_at(0, &mut length).is_ok() && file.read_at(8, &mut brace).is_ok();
    found && brace == *b"{" && u64::from_le_bytes(length) <= limits::SAFETENSORS_HEADER_BYTES
}

/// Opens a file; tensors in the order of their bytes.
pub(crate) fn read(file: &Window) -> Result<Vec<Tensor>, Error> {
    let bad = |place: &str, found: String, expected: &str| Error::Format {
        path: file.path().to_path_buf(),
        place: place.into(),
        found,
        expected: expected.into(),
    };
    let io = |source| Error::Io { action: "read", path: file.path().to_path_buf(), source };
    if file.size() < 8 {
        return Err(bad(
            "the whole",
            format!("{} bytes", file.size()),
            "at least the 8 of the header's length",
        ));
    }
    let mut length = [0; 8];
    file.read_at(0, &mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > limits::SAFETENSORS_HEADER_BYTES || length > file.size() - 8 {
        let most = limits::SAFETENSORS_HEADER_BYTES.min(file.size() - 8);
        return Err(bad("the header's length", format!("{length} bytes"), &format!("{most} at most")));
    }
    let mut text = vec![0; usize::try_from(length).map_err(|e| io(std::io::Error::other(e)))?];
    file.read_at(8, &mut text).map_err(io)?;
    if text.first() != Some(&b'{') {
        return Err(bad("the header", "no `{` at its beginning".into(), "a JSON object"));
    }
    let Header(mut entries) = serde_json::from_slice(&text)
        .map_err(|e| bad("the header", e.to_string(), "the JSON of safetensors"))?;
    drop(text);
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let start = 8 + length;
    let mut tensors = Vec::new();
    let mut end = 0;
    for (name, entry) in entries {
        let place = format!("tensor {name}");
        let Some(dtype) = DTYPES.into_iter().find(|t| code(*t) == entry.dtype) else {
            return Err(Error::Unsupported {
                path: file.path().to_path_buf(),
                place,
                what: format!("the element type {}", entry.dtype),
                advice: String::new(),
            });
        };
        let (from, to) = entry.data_offsets;
        if from != end || to < from {
            let expected = format!("bytes from {end} on, without a hole or an overlap");
            return Err(bad(&place, format!("bytes {from} to {to}"), &expected));
        }
        let size = entry.shape.iter().try_fold(dtype.size() as u64, |n, d| n.checked_mul(*d));
        if entry.shape.len() > limits::TENSOR_RANK || size != Some(to - from) {
            let found = format!("{} bytes", to - from);
            return Err(bad(&place, found, &format!("those of {} {:?}", entry.dtype, entry.shape)));
        }
        let bytes = start.checked_add(from).and_then(|at| file.slice(at, to - from));
        let bytes = bytes.ok_or_else(|| {
            bad(&place, format!("bytes {from} to {to}"), &format!("{} at most", file.size() - start))
        })?;
        let shape: Result<Vec<usize>, _> = entry.shape.into_iter().map(usize::try_from).collect();
        let shape = shape.map_err(|e| bad(&place, e.to_string(), "sizes that this machine can address"))?;
        tensors.push(Tensor { name, dtype, shape, bytes });
        end = to;
    }
    if start + end != file.size() {
        let found = format!("{} bytes of no tensor", file.size() - start - end);
        return Err(bad("the end", found, "the end of the last tensor"));
    }
    Ok(tensors)
}

/// Writes tensors with these names, larger elements first (so that each is aligned), else in the order given.
pub(crate) fn write(path: &Path, tensors: Vec<(String, Variable)>, out: &mut dyn Write) -> Result<(), Error> {
    let io = |source| Error::Io { action: "write", path: path.to_path_buf(), source };
    let mut tensors = tensors;
    tensors.sort_by_key(|(_, v)| std::cmp::Reverse(v.dtype.size()));
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({"format": "keras"}));
    let mut at = 0u64;
    for (name, variable) in &tensors {
        let elements =
            variable.shape.iter().try_fold(variable.dtype.size() as u64, |n, d| n.checked_mul(*d as u64));
        let end = elements.and_then(|n| at.checked_add(n)).ok_or_else(|| Error::Usage {
            what: format!("{}: {name} has the shape {:?}", path.display(), variable.shape),
            advice: "save fewer numbers".into(),
        })?;
        let entry =
            json!({"dtype": code(variable.dtype), "shape": variable.shape, "data_offsets": [at, end]});
        if header.insert(name.clone(), entry).is_some() {
            return Err(Error::Usage {
                what: format!("{}: two variables are called {name}", path.display()),
                advice: "give layers and variables names of their own".into(),
            });
        }
        at = end;
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat((8 - text.len() % 8) % 8));
    out.write_all(&(text.len() as u64).to_le_bytes()).map_err(io)?;
    out.write_all(text.as_bytes()).map_err(io)?;
    for (name, variable) in tensors {
        let missing = |what: &str| Error::Usage {
            what: format!("{}: the variable {name} {what}", path.display()),
            advice: "fill the model before it is saved".into(),
        };
        let bytes = variable.value.ok_or_else(|| missing("has no value"))?.read()?;
        let elements = variable.shape.iter().product::<usize>();
        if bytes.len() != elements.saturating_mul(variable.dtype.size()) {
            return Err(missing("has not the bytes of its shape"));
        }
        out.write_all(&bytes).map_err(io)?;
    }
    Ok(())
}

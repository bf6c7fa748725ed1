//! Files that belong to layers.

use std::fmt;

use super::Bytes;

/// A file of a layer beside its variables, such as the vocabulary of a `StringLookup`. Its path is that of `.keras` files, without `assets/`:
/// `layers/string_lookup/vocabulary.txt`.
#[derive(Clone)]
pub struct Asset {
    /// Classes of the layers that lead there, numbered as in `.weights.h5`, and the file's name.
    pub path: String,
    /// Its contents.
    pub bytes: Bytes,
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asset({}, {} bytes)", self.path, self.bytes.len())
    }
}

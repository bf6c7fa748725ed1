//! Configs as they stood in a file.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Dialect;

/// A config as it stood in the file that it was read from, with what nobody here understands. A file of the same kind and dialect gets it again as it was,
/// as long as the config still says the same. It does not count where configs are compared.
#[derive(Clone, Default)]
pub struct Found(pub(crate) Option<Arc<AsRead>>);

/// See [`Found`].
pub(crate) struct AsRead {
    pub(crate) dialect: Dialect,
    /// Of `.keras`; else of `.h5`.
    pub(crate) full: bool,
    pub(crate) json: Value,
    /// Holds what the file says of itself, where it says so beside the config.
    pub(crate) metadata: Option<Value>,
}

impl Found {
    /// The dialect of the file, where it is known.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.0.as_ref().map(|read| read.dialect)
    }

    pub(crate) fn metadata(&self) -> Option<&Value> {
        self.0.as_ref()?.metadata.as_ref().filter(|m| m.is_object())
    }

    pub(crate) fn with_metadata(self, metadata: &Value) -> Self {
        let read = self.0.and_then(Arc::into_inner);
        Self(read.map(|read| AsRead { metadata: Some(metadata.clone()), ..read }.into()))
    }
}

impl PartialEq for Found {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({:?})", self.dialect())
    }
}

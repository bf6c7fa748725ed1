//! HDF5 files, as Keras writes them and as other programs rewrite them. The only place that names the crate `hdf5-pure`.
//!
//! [`Hdf5`] reads: groups, attributes that are text, arrays with lazy bytes. The crate below it is lenient where a
//! loader must not be, so here an attribute that cannot be decoded is an error and not absent, an array's size is compared
//! with what is stored before it is read, and links that lead elsewhere, external storage and virtual arrays
//! are refused. [`Node`] is what is written.

mod element;
mod read;
mod write;

pub(crate) use read::{Array, Hdf5};
pub(crate) use write::{Attribute, Node};

/// Largest attribute that HDF5's object headers hold; lists above it are cut into numbered pieces, as Keras does.
const ATTRIBUTE_BYTES: usize = 64_512;

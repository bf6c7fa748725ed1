//! Containers: bytes inside files. They know nothing of layers.

pub(crate) mod hdf5;
pub(crate) mod window;
pub(crate) mod zip;

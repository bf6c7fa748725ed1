//! Containers: bytes inside files. They know nothing of layers.

pub(crate) mod bundle;
pub(crate) mod crc;
pub(crate) mod hdf5;
pub(crate) mod json;
pub(crate) mod protobuf;
pub(crate) mod safetensors;
pub(crate) mod sstable;
pub(crate) mod varint;
pub(crate) mod zip;

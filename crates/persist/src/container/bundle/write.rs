//! Writing a bundle. The module above says how it becomes visible.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use prost::Message;

use super::publish::{self, Parts};
use super::{data_type, strings};
use crate::container::protobuf::{
    BundleEntryProto, BundleHeaderProto, TensorShapeProto, VersionDef, tensor_shape_proto::Dim,
};
use crate::container::{crc, sstable};
use crate::tree::Bytes;
use crate::{Error, Location};

/// Most data files of a bundle: each is held open until all are complete.
pub(super) const MOST_SHARDS: usize = 128;

/// A tensor to write.
pub struct Tensor {
    /// Name; not empty, and not starting with a zero byte.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements.
    pub content: Content,
}

/// The elements of a tensor.
pub enum Content {
    /// Elements of a fixed size, with their [`data_type`].
    Bytes(i32, Bytes),
    /// Byte strings.
    Strings(Vec<Vec<u8>>),
}

/// Writes a bundle: data in the order of the tensors, divided into `shards` data files of about equal size (0 means 1).
///
/// The folder must exist. With one data file the bytes of both files are those that TensorFlow writes.
///
/// # Errors
/// [`Error::Usage`] for impossible arguments, what a tensor's source returns, and those of [`crate::commit`].
pub fn write(prefix: &Location, tensors: &[Tensor], shards: usize) -> Result<(), Error> {
    let shards = shards.max(1);
    let usage = |what: String, advice: &str| Err(Error::Usage { what, advice: advice.into() });
    if shards > MOST_SHARDS {
        return usage(
            format!("a checkpoint in {shards} data files"),
            &format!("write at most {MOST_SHARDS}"),
        );
    }
    if let Some(bad) = tensors.iter().find(|t| t.name.is_empty() || t.name.starts_with('\0')) {
        return usage(format!("a tensor named {:?}", bad.name), "choose another name");
    }
    let mut new = New { prefix, shards, parts: divide(tensors, shards), entries: Vec::new() };
    publish::publish(prefix, shards, &mut new)
}

/// A checkpoint of tensors.
struct New<'a> {
    prefix: &'a Location,
    shards: usize,
    parts: Vec<Vec<&'a Tensor>>,
    entries: Vec<sstable::Entry>,
}

impl Parts for New<'_> {
    fn data(&mut self, shard: usize, file: &mut File) -> Result<(), Error> {
        let path = super::data_path(self.prefix, shard, self.shards);
        let part = self.parts.get(shard).map(Vec::as_slice).unwrap_or_default();
        write_data(path.as_path(), file, part, shard, &mut self.entries)
    }

    fn index(&mut self, shards: usize) -> Result<Vec<u8>, Error> {
        self.entries.sort_unstable();
        let twice = |pair: &&[sstable::Entry]| matches!(pair, [(a, _), (b, _)] if a == b);
        if let Some(pair) = self.entries.windows(2).find(twice) {
            let name = pair.first().map(|(key, _)| String::from_utf8_lossy(key)).unwrap_or_default();
            return Err(Error::Usage {
                what: format!("two tensors named {name}"),
                advice: "give each its own name".into(),
            });
        }
        let version = Some(VersionDef { producer: 1, ..VersionDef::default() });
        let header = BundleHeaderProto { num_shards: number(shards)?, endianness: 0, version };
        let mut all = vec![(Vec::new(), header.encode_to_vec())];
        all.extend(self.entries.iter().cloned());
        Ok(sstable::write(&all))
    }
}

/// Cuts the list of tensors into `shards` runs of about equal size.
fn divide(tensors: &[Tensor], shards: usize) -> Vec<Vec<&Tensor>> {
    let size = |t: &Tensor| match &t.content {
        Content::Bytes(_, bytes) => bytes.len(),
        Content::Strings(values) => values.iter().map(|v| v.len() as u64).sum(),
    };
    let total: u128 = tensors.iter().map(|t| u128::from(size(t))).sum();
    let mut parts: Vec<Vec<&Tensor>> = vec![Vec::new(); shards];
    let mut before = 0_u128;
    for tensor in tensors {
        let part = before * shards as u128 / total.max(1);
        let part = usize::try_from(part).unwrap_or(usize::MAX).min(shards - 1);
        if let Some(part) = parts.get_mut(part) {
            part.push(tensor);
        }
        before += u128::from(size(tensor));
    }
    parts
}

/// Writes one data file, one tensor in memory at a time.
fn write_data(
    path: &Path,
    file: &mut File,
    tensors: &[&Tensor],
    shard: usize,
    entries: &mut Vec<sstable::Entry>,
) -> Result<(), Error> {
    let mut offset = 0_usize;
    for tensor in tensors {
        let count = tensor.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        let usage =
            |what: String| Error::Usage { what, advice: "give as many elements as the shape has".into() };
        let (dtype, bytes, checksum) = match &tensor.content {
            Content::Bytes(dtype, source) => {
                let bytes = source.read()?;
                let size = data_type::size(*dtype).and_then(|n| usize::try_from(n).ok());
                if size.zip(count).and_then(|(a, b)| a.checked_mul(b)) != Some(bytes.len()) {
                    let (name, shape) = (&tensor.name, &tensor.shape);
                    return Err(usage(format!("{name}: {} bytes for the shape {shape:?}", bytes.len())));
                }
                let checksum = crc::masked(&bytes);
                (*dtype, bytes, checksum)
            }
            Content::Strings(values) => {
                if count != Some(values.len()) {
                    return Err(usage(format!(
                        "{}: {} strings for the shape {:?}",
                        tensor.name,
                        values.len(),
                        tensor.shape
                    )));
                }
                let (bytes, checksum) = strings::encode(values);
                (data_type::STRING, bytes, checksum)
            }
        };
        file.write_all(&bytes).map_err(|source| Error::Io { action: "write", path: path.into(), source })?;
        let dim = tensor.shape.iter().map(|&n| Ok(Dim { size: long(n)? })).collect::<Result<_, Error>>()?;
        let entry = BundleEntryProto {
            dtype,
            shape: Some(TensorShapeProto { dim, unknown_rank: false }),
            shard_id: number(shard)?,
            offset: long(offset)?,
            size: long(bytes.len())?,
            crc32c: checksum,
            slices: Vec::new(),
        };
        entries.push((tensor.name.clone().into_bytes(), entry.encode_to_vec()));
        offset += bytes.len();
    }
    Ok(())
}

pub(super) fn number(n: usize) -> Result<i32, Error> {
    i32::try_from(n).map_err(|_| too_large(n))
}

fn long(n: usize) -> Result<i64, Error> {
    i64::try_from(n).map_err(|_| too_large(n))
}

fn too_large(n: usize) -> Error {
    Error::Usage { what: format!("the number {n} in a checkpoint"), advice: "save a smaller model".into() }
}

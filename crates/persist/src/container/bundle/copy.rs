//! A checkpoint with the bytes of another one.

use std::fs::File;

use prost::Message;

use super::publish::{self, Parts};
use super::read::read_index;
use super::write::{MOST_SHARDS, number};
use crate::container::protobuf::BundleHeaderProto;
use crate::container::sstable;
use crate::{Error, Location, storage};

/// Copies a checkpoint over what has its new prefix, whole or not at all. Its files are byte by byte the same.
///
/// # Errors
/// [`Error::Io`], or [`Error::Format`] for an index that is none.
pub fn copy(from: &Location, to: &Location) -> Result<(), Error> {
    let from = from.session();
    let bytes = read_index(&from)?;
    let path = super::index_path(&from);
    let index = sstable::read(path.as_path(), &bytes)?;
    let header = index.first().and_then(|(_, value)| BundleHeaderProto::decode(value.as_slice()).ok());
    let shards = header.as_ref().and_then(|header| usize::try_from(header.num_shards).ok());
    match (header, shards) {
        (Some(header), Some(shards @ 1..=MOST_SHARDS)) => {
            publish::publish(to, shards, &mut Copied { from, to, shards, bytes, index, header })
        }
        (_, found) => Err(Error::Format {
            path: path.as_path().into(),
            place: "header".into(),
            found: format!("{} data files", found.unwrap_or(0)),
            expected: format!("1 to {MOST_SHARDS}"),
        }),
    }
}

struct Copied<'a> {
    from: Location,
    to: &'a Location,
    shards: usize,
    bytes: Vec<u8>,
    index: Vec<sstable::Entry>,
    header: BundleHeaderProto,
}

impl Parts for Copied<'_> {
    fn data(&mut self, shard: usize, file: &mut File) -> Result<(), Error> {
        let part = storage::open(&super::data_path(&self.from, shard, self.shards))?;
        part.copy_into(file, self.to.as_path())
    }

    fn index(&mut self, shards: usize) -> Result<Vec<u8>, Error> {
        if shards == self.shards {
            return Ok(self.bytes.clone());
        }
        self.header.num_shards = number(shards)?;
        if let Some((_, value)) = self.index.first_mut() {
            *value = self.header.encode_to_vec();
        }
        Ok(sstable::write(&self.index))
    }
}

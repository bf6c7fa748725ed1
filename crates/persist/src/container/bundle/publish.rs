//! How a checkpoint becomes visible. The module above says why.

use std::fs::File;
use std::io::Write;

use super::read::shards_in_force;
use super::{data_ending, data_files, is_file_of};
use crate::commit::{self, Group};
use crate::{Error, Location};

/// What a checkpoint is made of.
pub(super) trait Parts {
    /// Writes a data file.
    fn data(&mut self, shard: usize, file: &mut File) -> Result<(), Error>;

    /// The index that tells so many data files; asked for when all are written.
    fn index(&mut self, shards: usize) -> Result<Vec<u8>, Error>;
}

/// Puts a checkpoint of so many data files in its place.
pub(super) fn publish(prefix: &Location, shards: usize, parts: &mut dyn Parts) -> Result<(), Error> {
    let Some(stem) = prefix.file_name() else {
        return Err(Error::Usage {
            what: format!("the checkpoint prefix {prefix}"),
            advice: "end it in a name".into(),
        });
    };
    let folder = prefix.folder();
    let own = |name: &str| is_file_of(&stem, name);
    // A reader of the checkpoint in force must find its data files until the new index is there.
    let counted = shards + usize::from(shards_in_force(prefix)? == Some(shards));
    let name = |shard, count| format!("{stem}{}", data_ending(shard, count));
    let index_name = format!("{stem}.index");
    let put = |bytes: Vec<u8>| {
        move |file: &mut File| {
            file.write_all(&bytes).map_err(|source| super::index_path(prefix).failed("write", source))
        }
    };

    let mut group = Group::new(&folder, &own);
    for shard in 0..shards {
        group.write(&name(shard, counted), |file| parts.data(shard, file))?;
    }
    group.write(&index_name, put(parts.index(counted)?))?;
    group.publish()?;

    // From here on the new checkpoint is saved; only its names may not be the usual ones yet.
    let usual_names = |index: Vec<u8>| -> Result<(), Error> {
        let mut group = Group::new(&folder, &own);
        for shard in 0..shards {
            group.link(&name(shard, counted), &name(shard, shards))?;
        }
        group.write(&index_name, put(index))?;
        group.publish()
    };
    if counted != shards
        && let Err(error) = usual_names(parts.index(shards)?)
    {
        // A server that removed the index and did not put the new one there: then it is not saved.
        return match shards_in_force(prefix) {
            Ok(Some(_)) => Ok(()),
            _ => Err(error),
        };
    }
    for (file, _) in data_files(prefix).iter().filter(|(_, count)| *count != shards) {
        // Left over from other numbers of data files; harmless, so no reason to call the save failed.
        let _ = commit::remove_file(file);
    }
    Ok(())
}

//! Where data sets are kept, and reading their files with a limit and a checksum.

use super::DatasetError;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The folders that are searched, in this order: `RHYTON_DATA`, and Keras' own cache.
pub(super) fn folders() -> Vec<PathBuf> {
    env::var_os("RHYTON_DATA")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
        .into_iter()
        .chain(keras_cache())
        .collect()
}

/// Keras' cache of data sets: `~/.keras/datasets`, or `datasets` in `KERAS_HOME`, as Keras has it.
pub(super) fn keras_cache() -> Option<PathBuf> {
    let keras = match env::var_os("KERAS_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home),
        _ => env::home_dir()?.join(".keras"),
    };
    Some(keras.join("datasets"))
}

/// A known file: its name, the size of its (unpacked) content and the SHA-256 of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub name: &'static str,
    pub size: u64,
    pub sha256: &'static str,
}

impl Known {
    /// The content of the file in `folder`, if it is there under its name.
    pub fn read(&self, folder: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, DatasetError> {
        let path = folder.join(self.name);
        let Some(file) = open(&path)? else { return Ok(None) };
        let bytes = self.read_from(file, &path, "bytes")?;
        Ok(Some((path, bytes)))
    }

    /// The same, or else that of the file with the ending `.gz`, unpacked.
    pub fn read_or_unpack(&self, folder: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, DatasetError> {
        if let Some(found) = self.read(folder)? {
            return Ok(Some(found));
        }
        let path = folder.join(format!("{}.gz", self.name));
        let Some(file) = open(&path)? else { return Ok(None) };
        let bytes = self.read_from(MultiGzDecoder::new(file), &path, "unpacked bytes")?;
        Ok(Some((path, bytes)))
    }

    /// Whether `folder` seems to have the file, plain or packed.
    pub fn is_in(&self, folder: &Path) -> bool {
        folder.join(self.name).is_file() || folder.join(format!("{}.gz", self.name)).is_file()
    }

    /// Compares the sum of bytes that came from `path`.
    pub fn check(&self, bytes: &[u8], path: &Path, what: &'static str) -> Result<(), DatasetError> {
        let found = hex(&Sha256::digest(bytes));
        if found == self.sha256 {
            return Ok(());
        }
        Err(DatasetError::Checksum { path: path.to_path_buf(), what, found, expected: self.sha256 })
    }

    fn read_from(&self, source: impl Read, path: &Path, what: &'static str) -> Result<Vec<u8>, DatasetError> {
        let mut bytes = Vec::new();
        // One byte more than expected is enough to see that there are too many.
        if let Err(source) = source.take(self.size.saturating_add(1)).read_to_end(&mut bytes) {
            return Err(match source.kind() {
                std::io::ErrorKind::UnexpectedEof
                | std::io::ErrorKind::InvalidInput
                | std::io::ErrorKind::InvalidData => DatasetError::format(
                    path,
                    "gzip stream",
                    format!("damage after {} unpacked bytes ({source})", bytes.len()),
                    format!("{} bytes; remove the file, so that it is fetched again", self.size),
                ),
                _ => DatasetError::Io { action: "read", path: path.to_path_buf(), source },
            });
        }
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found != self.size {
            let found = if found > self.size { "more".into() } else { format!("{found} {what}") };
            let expected = format!("{} {what}; remove the file, so that it is fetched again", self.size);
            return Err(DatasetError::format(path, "size", found, expected));
        }
        self.check(&bytes, path, what)?;
        Ok(bytes)
    }
}

fn open(path: &Path) -> Result<Option<File>, DatasetError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        // NotADirectory: RHYTON_DATA names a file; there is nothing in it.
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(DatasetError::Io { action: "read", path: path.to_path_buf(), source }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::hex;
    use sha2::{Digest, Sha256};

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn sha256_of_abc() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&Sha256::digest(b"abc")), expected);
    }
}

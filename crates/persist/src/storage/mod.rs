//! Where files are: a path of this machine, or a URL.
//!
//! [`Location`] names a place; everything that reads opens it as a `Window`, everything that writes goes through [`crate::commit`]. Behind a
//! URL is a `Store`: WebDAV and plain HTTP (`http`), S3 (`s3`). A new kind of storage is one file with its `Store` and a line in
//! `open_store`.

mod local;
mod progress;
mod remote_file;

#[cfg(feature = "remote")]
mod http;
#[cfg(feature = "s3")]
mod s3;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use remote_file::RemoteFile;

use crate::bytes::{ByteSource as _, Window};
pub use crate::place::Location;
pub use crate::place::store::Entry;
use crate::place::store::Store;
use crate::place::{Remote, Scheme};
use crate::{Error, date as calendar};

/// Opens a file; in a session, what was opened before.
pub(crate) fn open(location: &Location) -> Result<Window, Error> {
    let failed = |source| location.failed("open", source);
    let Some(store) = store(location) else { return local::open(location.as_path()).map_err(failed) };
    let store = store?;
    let retries = location.remote().map_or(0, |remote| remote.options.retries);
    let open = || {
        let file = RemoteFile::open(store, &location.url(), retries)?;
        Window::over(Arc::new(Mutex::new(file)), location.as_path().into())
    };
    match location.opened() {
        Some(session) => session.window(location, open),
        None => open(),
    }
    .map_err(failed)
}

/// Returns whether there is a file that can be opened.
pub(crate) fn is_file(location: &Location) -> bool {
    match location.local() {
        Some(path) => path.is_file(),
        None => open(location).is_ok(),
    }
}

/// All bytes of a file of `most` bytes at most.
///
/// # Errors
/// [`Error::Io`]: it has more, or it cannot be read.
pub fn read(file: impl Into<Location>, most: u64) -> Result<Vec<u8>, Error> {
    let file = open(&file.into())?;
    if file.size() > most {
        return Err(file.failed(io::Error::other(format!("it has {} bytes, more than {most}", file.size()))));
    }
    file.fetch().map_err(|source| file.failed(source))?;
    file.read()
}

/// What is in a folder, by name.
///
/// # Errors
/// [`Error::Io`]: there is no such folder, or the server refuses.
pub fn list(folder: impl Into<Location>) -> Result<Vec<Entry>, Error> {
    let folder = folder.into();
    let found = match store(&folder) {
        Some(store) => store?.list(&folder.url()),
        None => local::list(folder.as_path()),
    };
    let mut entries = found.map_err(|source| folder.failed("list", source))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// What reaches a place, where it is not of this machine.
pub(crate) fn store(location: &Location) -> Option<Result<Arc<dyn Store>, Error>> {
    let remote = location.remote()?;
    Some(remote.store(|| open_store(location, remote)))
}

/// The store of a URL.
fn open_store(location: &Location, remote: &Remote) -> Result<Arc<dyn Store>, Error> {
    #[cfg_attr(feature = "s3", expect(unused_variables, reason = "all features are there"))]
    let lacks = |feature: &str| Error::Usage {
        what: format!("{location}: this program was built without the feature `{feature}` of Rhyton"),
        advice: format!("build it with `--features {feature}`"),
    };
    match &remote.scheme {
        #[cfg(feature = "remote")]
        Scheme::Http => http::open(location, remote).map(|store| Arc::new(store) as Arc<dyn Store>),
        #[cfg(feature = "s3")]
        Scheme::S3 => s3::open(location, remote).map(|store| Arc::new(store) as Arc<dyn Store>),
        #[cfg(not(feature = "remote"))]
        Scheme::Http => Err(lacks("remote")),
        #[cfg(not(feature = "s3"))]
        Scheme::S3 => Err(lacks("s3")),
        Scheme::Unknown(advice) => Err(Error::Usage {
            what: format!("{location} is no URL that can be used"),
            advice: advice.clone(),
        }),
    }
}

/// A time in seconds since 1970 for people, in UTC: `2026-01-31 12:34:56`.
pub fn date(seconds: u64) -> String {
    calendar::format(seconds).replace('@', " ")
}

/// Waits before trying again what failed `tries` times before.
pub(crate) fn wait(tries: u32) {
    std::thread::sleep(Duration::from_millis(500).saturating_mul(1 << tries.min(6)));
}

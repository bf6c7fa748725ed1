//! Where files are: a path of this machine, or a URL.
//!
//! [`Location`] names a place; everything that reads opens it as a `Window`, everything that writes goes through [`crate::commit`]. Behind a
//! URL is a `Store`: WebDAV and plain HTTP (`http`), S3 (`s3`). A new kind of storage is one file with its `Store` and a line in
//! `open_store`.

mod location;
mod parse;
mod progress;
mod remote_file;
mod session;
pub(crate) mod store;
mod transfer;

#[cfg(feature = "remote")]
mod http;
#[cfg(feature = "s3")]
mod s3;

use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use location::Location;
use location::{Remote, Scheme};
pub(crate) use remote_file::RemoteFile;
pub(crate) use session::Session;
pub use store::Entry;
use store::Store;
pub use transfer::{copy, list, read};

use crate::Error;

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
    crate::format::date::format(seconds).replace('@', " ")
}

/// Waits before trying again what failed `tries` times before.
pub(crate) fn wait(tries: u32) {
    std::thread::sleep(Duration::from_millis(500).saturating_mul(1 << tries.min(6)));
}

/// Whether an error says that there is nothing of that name.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

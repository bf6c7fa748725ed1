//! Files behind `s3://BUCKET/KEY`: Amazon's S3, and other servers that speak it.
//!
//! Nothing has a temporary name: an object becomes visible when all of it is there, and not before. Folders are no more than
//! beginnings of keys.
//!
//! * `credentials`: whom the server takes us for. `place`: which bucket, and where it is.
//! * `store`: the store. `upload`: large objects, part by part. `copy`: from key to key, without the bytes coming here.
//! * `answers`: what the server says in XML.

mod answers;
mod copy;
mod credentials;
mod place;
mod store;
#[cfg(test)]
mod tests;
mod upload;

use super::http::client::Client;
use crate::place::Remote;
use crate::{Error, Location};
use store::S3;

/// The store of a URL.
pub(super) fn open(location: &Location, remote: &Remote) -> Result<S3, Error> {
    let credentials = credentials::find(location, remote.user.as_ref(), &environment)?;
    let bucket = place::find(location, &remote.options, &environment)?;
    // Requests are signed, so they have no other credentials.
    let client = Client::new(None, &remote.options).map_err(|source| location.failed("reach", source))?;
    Ok(S3::new(client, bucket, credentials))
}

/// A variable that is set to something.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

//! Files behind `https://` and `http://`: WebDAV (RFC 4918), and plain servers for reading.
//!
//! * `client`: requests and answers; retries, redirections. `failure`: what may pass, and what will not. `certificates`: whom we trust. `credentials`, `veil`: whom the server takes us for, and that nobody
//!   else learns it.
//! * `dav`: the store; `folders`: how it puts a whole folder in its place. `multistatus`: what a folder's listing says. `part`: answers with bytes of a file. `temporary`: names of files that are on their way.

mod certificates;
pub(super) mod client;
mod credentials;
mod dav;
mod failure;
mod folders;
mod multistatus;
pub(super) mod part;
mod redirect;
mod temporary;
mod veil;
pub(super) mod words;

use crate::place::Remote;
use crate::{Error, Location};
use client::Client;
use credentials::Credentials;
use dav::WebDav;

/// The store of a URL.
pub(super) fn open(location: &Location, remote: &Remote) -> Result<WebDav, Error> {
    let client = Client::new(Some(Credentials::of(location)), &remote.options);
    Ok(WebDav::new(client.map_err(|source| location.failed("reach", source))?, remote.query.clone()))
}

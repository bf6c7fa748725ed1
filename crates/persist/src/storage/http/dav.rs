//! The store behind `https://` and `http://`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;
use ureq::http::header;

use super::client::{Answer, Body, Client, Request};
use super::multistatus::{self, Resource, path_of};
use super::{part, temporary};
use crate::storage::remote_file::opaque;
use crate::storage::store::{Entry, FORGOTTEN, Part, Store, Tag};
use crate::storage::{self, Location};

/// A server's files.
pub(in crate::storage) struct WebDav {
    client: Client,
    /// What followed the `?` of the URL: it goes with every request.
    query: Option<String>,
    /// Folders that are there.
    known: Mutex<HashSet<String>>,
}

impl WebDav {
    pub(super) fn new(client: Client, query: Option<String>) -> Self {
        Self { client, query, known: Mutex::default() }
    }

    fn request(&self, method: &'static str, url: &str) -> Request<'static> {
        Request { method, url: url.into(), query: self.query.clone(), ..Request::default() }
    }

    /// What is at a URL; `None` where nothing is. `depth`: 0, or 1 for what is in a folder too.
    fn find(&self, url: &str, depth: u8) -> io::Result<Option<(Vec<Resource>, Answer)>> {
        let request = Request {
            headers: vec![("depth", depth.to_string())],
            body: Body::Text(multistatus::QUESTION),
            accept: &[404],
            ..self.request("PROPFIND", url)
        };
        let mut answer = self.client.send(&request).map_err(|e| match e.kind() {
            ErrorKind::Unsupported => io::Error::new(
                e.kind(),
                format!("{e}: it has no WebDAV here, so it lists and takes no files"),
            ),
            _ => e,
        })?;
        match answer.status {
            404 => Ok(None),
            207 => {
                let body = std::mem::replace(&mut answer.body, Box::new(io::empty()));
                let found = multistatus::read(
                    &Answer {
                        body,
                        headers: answer.headers.clone(),
                        url: String::new(),
                        status: 207,
                        secrets: Vec::new(),
                    }
                    .text()?,
                )?;
                Ok(Some((found, answer)))
            }
            other => {
                Err(io::Error::other(format!("the server answered {other} to PROPFIND; it should be 207")))
            }
        }
    }

    /// The same for what should be a folder; `NotADirectory` for a file.
    fn find_folder(&self, url: &str, depth: u8) -> io::Result<Option<(Vec<Resource>, Answer)>> {
        // With its slash: without it, servers redirect first. With it, they do not like files.
        let found = self.find(&format!("{}/", url.trim_end_matches('/')), depth);
        match found {
            Ok(Some((all, answer))) if all.iter().any(|r| r.path == path_of(&answer.url) && !r.is_folder) => {
                Err(ErrorKind::NotADirectory.into())
            }
            Ok(None) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Other => match self.stat(url.trim_end_matches('/')) {
                Ok(Some(file)) if !file.is_folder => Err(ErrorKind::NotADirectory.into()),
                _ => Err(error),
            },
            other => other,
        }
    }

    /// A file or folder; `None` where there is none.
    fn stat(&self, url: &str) -> io::Result<Option<Resource>> {
        Ok(self.find(url, 0)?.and_then(|(found, _)| found.into_iter().next()))
    }

    /// Sends a file, and looks whether all of it arrived.
    fn put(&self, url: &str, body: &File, size: u64) -> io::Result<Resource> {
        let mut tries = 0;
        loop {
            self.client.send(&Request { body: Body::File(body, 0, size), ..self.request("PUT", url) })?;
            match self.stat(url)? {
                Some(found) if found.size.is_none_or(|kept| kept == size) => return Ok(found),
                found if tries >= self.client.retries => {
                    let kept = found.and_then(|found| found.size).unwrap_or(0);
                    return Err(io::Error::other(format!(
                        "the server kept {kept} of {size} bytes, and said that all was well"
                    )));
                }
                _ => storage::wait(tries),
            }
            tries += 1;
        }
    }

    /// Moves something to another name, over what is there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let request = Request {
            headers: vec![("overwrite", "T".into())],
            destination: Some(to.into()),
            accept: &[],
            ..self.request("MOVE", from)
        };
        let answer = self.client.send(&request)?;
        match answer.status {
            207 => Err(io::Error::other(format!(
                "the server moved a part only: {}",
                super::words::words(answer)
            ))),
            _ => Ok(()),
        }
    }

    /// Moves a temporary file or folder into its place. Where the answer to a move was lost, the move was done: then there is nothing at
    /// the old name when it is tried again, and at the new one is what `is_ours` knows.
    fn publish(&self, temporary: &str, url: &str, is_ours: impl Fn() -> io::Result<bool>) -> io::Result<()> {
        match self.rename(temporary, url) {
            Err(error) if error.kind() == ErrorKind::NotFound => match is_ours() {
                Ok(true) => Ok(()),
                _ => Err(error),
            },
            other => other,
        }
    }

    /// Removes what was on its way; it is tidying, which the next save does again.
    fn discard(&self, url: &str) {
        drop(self.client.try_once(&self.request("DELETE", url)));
    }

    fn children(&self, folder: &str) -> io::Result<(Vec<Resource>, Answer)> {
        let (found, answer) = self.find_folder(folder, 1)?.ok_or(ErrorKind::NotFound)?;
        let itself = path_of(&answer.url);
        Ok((found.into_iter().filter(|r| r.path != itself).collect(), answer))
    }

    /// Sends a folder's files and folders into a folder that is there.
    fn send_folder(&self, from: &Path, to: &Location) -> io::Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.client.send(&self.request("MKCOL", &target.url()))?;
                self.send_folder(&entry.path(), &target)?;
            } else {
                let file = File::open(entry.path())?;
                let size = file.metadata()?.len();
                self.put(&target.url(), &file, size)?;
            }
        }
        Ok(())
    }

    /// Whether the files of a local folder are those in a folder of the server, by their names and sizes.
    fn holds_folder(&self, url: &str, filled: &Path) -> io::Result<bool> {
        let (there, _) = self.children(url)?;
        for entry in std::fs::read_dir(filled)? {
            let entry = entry?;
            let about = entry.metadata()?;
            let name = entry.file_name();
            let same = |r: &Resource| {
                name == r.name() && r.size.is_none_or(|size| about.is_dir() || size == about.len())
            };
            if !there.iter().any(same) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The place of a file or folder on its way to a URL, beside it.
fn beside(url: &str) -> io::Result<String> {
    let url = url.trim_end_matches('/');
    let authority = url.find("://").map_or(0, |at| at.saturating_add(3));
    match url.rfind('/').filter(|at| *at >= authority) {
        Some(at) => {
            let (folder, name) = url.split_at(at.saturating_add(1));
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            Ok(Location::new(folder).join(temporary::name(&name)).url().into_owned())
        }
        None => {
            Err(io::Error::new(ErrorKind::InvalidInput, "a server is no file: give the path of one on it"))
        }
    }
}

impl Store for WebDav {
    fn get(&self, url: &str, from: u64, most: u64, tag: Option<&Tag>) -> io::Result<Part> {
        if url.ends_with('/') {
            return Err(ErrorKind::IsADirectory.into());
        }
        let headers = part::headers(from, most, tag);
        let request = Request { headers, accept: part::ACCEPT, ..self.request("GET", url) };
        let answer = match self.client.send(&request) {
            // Some servers answer so to the question for a folder's bytes.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                return match self.stat(url) {
                    Ok(Some(found)) if found.is_folder => Err(ErrorKind::IsADirectory.into()),
                    _ => Err(error),
                };
            }
            other => other?,
        };
        part::read(answer, from, most)
    }

    fn replace(&self, url: &str, body: &File, size: u64) -> io::Result<()> {
        let temporary = beside(url)?;
        let done = self.put(&temporary, body, size).and_then(|sent| {
            let is_ours = || {
                let tag = |r: &Resource| r.etag.as_deref().map(opaque).map(str::to_owned);
                let same = |there: Resource| there.size == Some(size) && tag(&there) == tag(&sent);
                Ok(self.stat(url)?.is_some_and(same))
            };
            self.publish(&temporary, url, is_ours)
        });
        if done.is_err() {
            self.discard(&temporary);
        }
        done
    }

    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let request = Request {
            headers: vec![("overwrite", "T".into()), ("depth", "0".into())],
            destination: Some(to.into()),
            ..self.request("COPY", from)
        };
        self.client.send(&request).map(drop)
    }

    fn remove(&self, url: &str) -> io::Result<()> {
        self.client.send(&self.request("DELETE", url)).map(drop)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let entry = |r: Resource| Entry {
            name: r.name().to_owned(),
            is_folder: r.is_folder,
            size: r.size.filter(|_| !r.is_folder),
            modified: r.modified,
        };
        let (found, _) = self.children(folder)?;
        Ok(found.into_iter().map(entry).collect())
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        let folder = folder.trim_end_matches('/');
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if path_of(folder).is_empty() || known().contains(folder) {
            return Ok(());
        }
        if self.find_folder(folder, 0)?.is_none() {
            let make = || {
                Ok(self
                    .client
                    .send(&Request { accept: &[405, 409], ..self.request("MKCOL", folder) })?
                    .status)
            };
            let mut made: io::Result<u16> = make();
            if matches!(made, Ok(409)) {
                // RFC 4918, section 9.3.1: its parent is missing.
                self.create_folder(folder.rsplit_once('/').map_or("", |(parent, _)| parent))?;
                made = make();
            }
            // Something of that name is there: a folder that somebody else made, or a file.
            if made? == 405 && self.stat(folder)?.is_some_and(|found| !found.is_folder) {
                return Err(ErrorKind::NotADirectory.into());
            }
        }
        known().insert(folder.into());
        Ok(())
    }

    fn moves_folders(&self) -> bool {
        true
    }

    fn replace_folder(&self, url: &str, filled: &Path, own: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let url = url.trim_end_matches('/');
        let old = match self.children(url) {
            Ok((old, _)) => old,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Err(io::Error::new(error.kind(), "a file is there, and would become a folder"));
            }
            Err(error) => return Err(error),
        };
        let tidy = || {
            let (folder, path) = (url.rsplit_once('/').map_or(url, |(folder, _)| folder), path_of(url));
            drop(self.sweep(folder, &|name| path.rsplit('/').next() == Some(name)));
        };
        // Where there is no folder, a temporary one may be the only one that is whole.
        if !old.is_empty() {
            tidy();
        }
        let temporary = beside(url)?;
        let place = Location::new(&temporary);
        let fill = || {
            self.client.send(&self.request("MKCOL", &temporary))?;
            self.send_folder(filled, &place)?;
            // What else is in the old folder is not ours to lose.
            for foreign in old.iter().filter(|r| !own(r.name()) && temporary::of(r.name()).is_none()) {
                let from = Location::new(url).join(foreign.name());
                let request = Request {
                    headers: vec![("depth", "infinity".into())],
                    destination: Some(place.join(foreign.name()).url().into_owned()),
                    ..self.request("COPY", &from.url())
                };
                self.client.send(&request)?;
            }
            Ok(())
        };
        if let Err(error) = fill() {
            self.discard(&format!("{temporary}/"));
            return Err(error);
        }
        let moved =
            self.publish(&format!("{temporary}/"), &format!("{url}/"), || self.holds_folder(url, filled));
        if let Err(error) = moved {
            // A server that removed the old folder and did not move the new one: then the new one is all there is.
            return Err(match self.stat(url) {
                Ok(Some(_)) => {
                    self.discard(&format!("{temporary}/"));
                    error
                }
                _ => io::Error::new(
                    error.kind(),
                    format!("{error}; the new folder is complete at {temporary}"),
                ),
            });
        }
        if old.is_empty() {
            tidy();
        }
        Ok(())
    }

    fn sweep(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let (found, answer) = self.children(folder)?;
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs());
        let now = answer.header(header::DATE).and_then(multistatus::seconds).or(clock).unwrap_or(0);
        let folder = Location::new(folder);
        for resource in found {
            let Some(name) = temporary::of(resource.name()) else { continue };
            let forgotten = resource.modified.is_some_and(|then| now.saturating_sub(then) > FORGOTTEN);
            if ours(name) || forgotten {
                self.discard(&folder.join(resource.name()).url());
            }
        }
        Ok(())
    }
}

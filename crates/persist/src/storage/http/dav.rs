//! The store behind `https://` and `http://`.
//!
//! Servers move in several ways, and not all in one step: many remove what is in the way first, and may fail after that. So what
//! was sent is removed only while the older file is seen to be there as it was; else it stays, complete, under its temporary name.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;
use ureq::http::header;

use super::client::{Answer, Body, Client, Request};
use super::multistatus::{self, Resource, path_of};
use super::{part, temporary, words};
use crate::place::store::{Entry, FORGOTTEN, Part, Store, Tag};
use crate::{Location, storage};

/// A server's files.
pub(in crate::storage) struct WebDav {
    pub(super) client: Client,
    /// What followed the `?` of the URL: it goes with every request.
    query: Option<String>,
}

impl WebDav {
    pub(super) fn new(client: Client, query: Option<String>) -> Self {
        Self { client, query }
    }

    pub(super) fn request(&self, method: &'static str, url: &str) -> Request<'static> {
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
        let mut answer = self.client.send_whole(&request).map_err(|e| match e.kind() {
            ErrorKind::Unsupported => io::Error::new(
                e.kind(),
                format!("{e}; it has no WebDAV (PROPFIND) here, so it lists and takes no files"),
            ),
            _ => e,
        })?;
        match answer.status {
            404 => Ok(None),
            207 => Ok(Some((multistatus::read(&answer.text()?)?, answer))),
            other => {
                Err(io::Error::other(format!("the server answered {other} to PROPFIND; it should be 207")))
            }
        }
    }

    /// A folder, what is in it (`depth` 1), and the answer that said so; `None` where there is none, `NotADirectory` for a file.
    pub(super) fn find_folder(&self, url: &str, depth: u8) -> io::Result<Option<(Vec<Resource>, Answer)>> {
        let url = url.trim_end_matches('/');
        // With its slash: without it, servers redirect first. With it, they do not like files.
        let found = match self.find(&format!("{url}/"), depth) {
            Err(error) if error.kind() == ErrorKind::Other => match self.stat(url) {
                Ok(Some(file)) if !file.is_folder => return Err(ErrorKind::NotADirectory.into()),
                _ => return Err(error),
            },
            other => other?,
        };
        let Some((mut found, answer)) = found else { return Ok(None) };
        // The folder itself is in the list. Behind a proxy its path may be another one than we asked for; but all others are below it.
        let asked = path_of(url);
        let shortest = || found.iter().enumerate().min_by_key(|(_, r)| r.path.len()).map(|(at, _)| at);
        let itself = found.iter().position(|r| r.path == asked).or_else(shortest);
        match itself.map(|at| found.swap_remove(at)) {
            Some(itself) if !itself.is_folder => Err(ErrorKind::NotADirectory.into()),
            Some(itself) => {
                found.retain(|r| r.is_in(&itself));
                Ok(Some((found, answer)))
            }
            None => Err(io::Error::other("the server's list of files is empty")),
        }
    }

    /// What is in a folder.
    pub(super) fn children(&self, folder: &str) -> io::Result<Vec<Resource>> {
        Ok(self.find_folder(folder, 1)?.ok_or(ErrorKind::NotFound)?.0)
    }

    /// A file or folder; `None` where there is none.
    pub(super) fn stat(&self, url: &str) -> io::Result<Option<Resource>> {
        Ok(self.find(url, 0)?.and_then(|(found, _)| found.into_iter().next()))
    }

    /// Sends a file, and looks whether all of it arrived.
    pub(super) fn put(&self, url: &str, body: &File, size: u64) -> io::Result<Resource> {
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

    /// `MOVE` or `COPY`, over what is there. The standard knows 201 and 204; after a 200, whether it was done must be seen.
    pub(super) fn transfer(&self, method: &'static str, from: &str, to: &str, depth: &str) -> io::Result<()> {
        let request = Request {
            headers: vec![("overwrite", "T".into()), ("depth", depth.into())],
            destination: Some(to.into()),
            accept: &[400, 502],
            ..self.request(method, from)
        };
        let mut answer = self.client.send(&request)?;
        if matches!(answer.status, 400 | 502) {
            // Behind a proxy, a server may take its own URL for another server's. RFC 4918, section 10.3, has the path alone too.
            let authority = to.find("://").map_or(0, |at| at.saturating_add(3));
            let path = to.get(authority..).and_then(|rest| rest.get(rest.find('/')?..));
            let again = Request { destination: path.map(Into::into), accept: &[], ..request };
            answer = self.client.send(&again)?;
        }
        match answer.status {
            201 | 204 => Ok(()),
            200 if method == "MOVE" && self.stat(from.trim_end_matches('/'))?.is_none() => Ok(()),
            207 => Err(io::Error::other(format!("the server did a part only: {}", words::words(answer)))),
            other => Err(io::Error::other(format!("the server answered {other} to {method}"))),
        }
    }

    /// Makes a folder; nothing happens where it exists. `false` where its parent is missing.
    pub(super) fn make_folder(&self, url: &str) -> io::Result<bool> {
        // Some servers make nothing without the slash.
        let url = format!("{}/", url.trim_end_matches('/'));
        let answer = self.client.send(&Request { accept: &[405, 409], ..self.request("MKCOL", &url) })?;
        Ok(answer.status != 409)
    }

    /// Removes what was on its way; it is tidying, which the next save does again.
    pub(super) fn discard(&self, url: &str) {
        drop(self.client.try_once(&self.request("DELETE", url)));
    }

    /// Removes what broken saves of a file or folder left beside it.
    pub(super) fn tidy(&self, url: &str) {
        let path = path_of(url);
        if let Some((folder, _)) = url.trim_end_matches('/').rsplit_once('/') {
            drop(self.sweep(folder, &|name| path.rsplit('/').next() == Some(name)));
        }
    }

    /// Moves a file that was `sent` into its place, where `before` was.
    fn publish(
        &self,
        temporary: &str,
        url: &str,
        sent: &Resource,
        before: Option<&Resource>,
    ) -> io::Result<()> {
        let fits = |now: &Resource| now.size.is_none() || now.size == sent.size;
        let error = match self.transfer("MOVE", temporary, url, "infinity") {
            Ok(()) => match self.stat(url) {
                Ok(Some(now)) if fits(&now) => return Ok(()),
                // It said yes, and cannot be asked now.
                Err(_) => return Ok(()),
                Ok(_) => io::Error::other("the server said that it moved the file, and did not"),
            },
            Err(error) => error,
        };
        match self.stat(url) {
            // The answer to a try was lost, which did it.
            Ok(Some(now))
                if error.kind() == ErrorKind::NotFound
                    && fits(&now)
                    && (now.has_tag_of(sent) || !before.is_some_and(|before| now.is_as(before))) =>
            {
                Ok(())
            }
            Ok(now) if now.as_ref().map_or(before.is_none(), |now| before.is_some_and(|b| now.is_as(b))) => {
                self.discard(temporary);
                Err(error)
            }
            _ => Err(kept(&error, temporary)),
        }
    }
}

/// An error after which what was sent is still there.
pub(super) fn kept(error: &io::Error, temporary: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{error}; what was sent is complete at {temporary}"))
}

/// The place of a file or folder on its way to a URL, beside it.
pub(super) fn beside(url: &str) -> io::Result<String> {
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
        let before = self.stat(url)?;
        if before.as_ref().is_some_and(|before| before.is_folder) {
            return Err(io::Error::new(
                ErrorKind::IsADirectory,
                "a folder is there, and would become a file",
            ));
        }
        let sent = match self.put(&temporary, body, size) {
            // What earlier saves left may be what fills it; and the older file is there.
            Err(error) if error.kind() == ErrorKind::StorageFull && before.is_some() => {
                self.tidy(url);
                self.put(&temporary, body, size)
            }
            other => other,
        };
        let sent = sent.inspect_err(|_| self.discard(&temporary))?;
        self.publish(&temporary, url, &Resource { size: Some(size), ..sent }, before.as_ref())
    }

    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        self.transfer("COPY", from, to, "0")
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
        Ok(self.children(folder)?.into_iter().map(entry).collect())
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        let folder = folder.trim_end_matches('/');
        if path_of(folder).is_empty() || self.find_folder(folder, 0)?.is_some() || self.make_folder(folder)? {
            return Ok(());
        }
        // RFC 4918, section 9.3.1: its parent is missing.
        self.create_folder(folder.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        match self.make_folder(folder)? {
            true => Ok(()),
            false => Err(io::Error::other("the server answered 409 Conflict, though the parent is there")),
        }
    }

    fn moves_folders(&self) -> bool {
        true
    }

    fn replace_folder(&self, url: &str, filled: &Path, own: &dyn Fn(&str) -> bool) -> io::Result<()> {
        self.put_folder(url.trim_end_matches('/'), filled, own)
    }

    fn sweep(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let (found, answer) = self.find_folder(folder, 1)?.ok_or(ErrorKind::NotFound)?;
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs());
        let now = answer.header(header::DATE).and_then(multistatus::seconds).or(clock).unwrap_or(0);
        let folder = Location::new(folder);
        let names: HashSet<&str> = found.iter().map(Resource::name).collect();
        for resource in &found {
            let Some(name) = temporary::of(resource.name()) else { continue };
            let old = resource.modified.is_some_and(|then| now.saturating_sub(then) > FORGOTTEN);
            // Without a file of its name it may be the only one that is whole.
            let forgotten = old && names.contains(name);
            if ours(name) || forgotten {
                let url = folder.join(resource.name());
                self.discard(&format!("{url}{}", if resource.is_folder { "/" } else { "" }));
            }
        }
        Ok(())
    }
}

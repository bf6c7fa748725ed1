//! Folders of a server that take the place of others.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::dav::{WebDav, beside, kept};
use super::multistatus::Resource;
use super::temporary;
use crate::Location;
use crate::place::store::Store as _;

/// Folders inside folders that are looked at: a SavedModel has one level.
const DEPTH: usize = 4;
/// Files of so many bytes are compared byte by byte.
const SMALL: u64 = 64 << 10;

impl WebDav {
    /// Puts a folder in its place; see [`Store::replace_folder`](crate::place::store::Store::replace_folder).
    pub(super) fn put_folder(&self, url: &str, filled: &Path, own: &dyn Fn(&str) -> bool) -> io::Result<()> {
        self.find_folder(url, 0).map_err(|error| match error.kind() {
            kind @ ErrorKind::NotADirectory => {
                io::Error::new(kind, "a file is there, and would become a folder")
            }
            _ => error,
        })?;
        let now = || match self.children(url) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => {
                other.and_then(|found| self.with_all_below(&Location::new(url), found, 0, own)).map(Some)
            }
        };
        let temporary = beside(url)?;
        let place = Location::new(&temporary);
        let send = || {
            if !self.make_folder(&temporary)? {
                return Err(io::Error::new(ErrorKind::NotFound, "the folder that it would be in is missing"));
            }
            self.send_folder(filled, &place)?;
            // What else is in the old folder by now is not ours to lose.
            let old = now()?;
            let foreign = |r: &&Below| {
                let is_own = own(r.name()) || filled.join(r.name()).exists();
                r.depth == 0 && !is_own && temporary::of(r.name()).is_none()
            };
            for other in old.iter().flatten().filter(foreign) {
                let (from, to) = (Location::new(url).join(other.name()), place.join(other.name()));
                self.transfer("COPY", &from.url(), &to.url(), "infinity")?;
            }
            Ok(old)
        };
        let (from, to) = (format!("{temporary}/"), format!("{url}/"));
        let old = send().inspect_err(|_| self.discard(&from))?;
        let error = match self.transfer("MOVE", &from, &to, "infinity") {
            Ok(()) => match self.holds(url, filled, 0) {
                Ok(false) => io::Error::other("the server said that it moved the folder, and did not"),
                // It said yes; if it cannot be asked now, that is an answer too.
                _ => {
                    self.tidy(url);
                    return Ok(());
                }
            },
            Err(error) => error,
        };
        // The answer to a try was lost, which did it.
        if error.kind() == ErrorKind::NotFound && self.holds(url, filled, SMALL).unwrap_or(false) {
            self.tidy(url);
            return Ok(());
        }
        match now() {
            Ok(now) if same(now.as_deref(), old.as_deref()) => {
                self.discard(&from);
                Err(error)
            }
            _ => Err(kept(&error, &temporary)),
        }
    }

    /// What is in a folder, and in the folders in it that are the format's own.
    fn with_all_below(
        &self,
        url: &Location,
        found: Vec<Resource>,
        depth: usize,
        own: &dyn Fn(&str) -> bool,
    ) -> io::Result<Vec<Below>> {
        let mut all = Vec::new();
        for resource in found {
            let is_looked_at = resource.is_folder && depth < DEPTH && (depth > 0 || own(resource.name()));
            let inner = match is_looked_at {
                true => {
                    let url = url.join(resource.name());
                    self.with_all_below(&url, self.children(&url.url())?, depth.saturating_add(1), own)?
                }
                false => Vec::new(),
            };
            all.push(Below { resource, depth });
            all.extend(inner);
        }
        Ok(all)
    }

    /// Sends a folder's files and folders into a folder that is there.
    fn send_folder(&self, from: &Path, to: &Location) -> io::Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.make_folder(&target.url())?;
                self.send_folder(&entry.path(), &target)?;
            } else {
                let file = File::open(entry.path())?;
                let size = file.metadata()?.len();
                self.put(&target.url(), &file, size)?;
            }
        }
        Ok(())
    }

    /// Whether the files of a local folder are those in a folder of the server, by their names and sizes; and by their bytes where they
    /// have `small` at most. (A SavedModel's `fingerprint.pb` tells it from all others.)
    fn holds(&self, url: &str, filled: &Path, small: u64) -> io::Result<bool> {
        let there = self.children(url)?;
        for entry in std::fs::read_dir(filled)? {
            let entry = entry?;
            let about = entry.metadata()?;
            let name = entry.file_name();
            let Some(found) = there.iter().find(|r| name == r.name()) else { return Ok(false) };
            if about.is_dir() {
                continue;
            }
            if found.size.is_some_and(|size| size != about.len()) {
                return Ok(false);
            }
            if about.len() <= small {
                let mut bytes = Vec::new();
                let part = self.get(&Location::new(url).join(found.name()).url(), 0, SMALL, None)?;
                part.body.take(SMALL.saturating_add(1)).read_to_end(&mut bytes)?;
                if bytes != std::fs::read(entry.path())? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Something in a folder, or in one of the folders in it.
struct Below {
    resource: Resource,
    depth: usize,
}

impl Below {
    fn name(&self) -> &str {
        self.resource.name()
    }
}

/// Whether a folder is as it was.
fn same(now: Option<&[Below]>, then: Option<&[Below]>) -> bool {
    let (Some(now), Some(then)) = (now, then) else { return now.is_none() && then.is_none() };
    let is_there = |r: &Below| {
        now.iter().any(|other| other.resource.path == r.resource.path && other.resource.is_as(&r.resource))
    };
    now.len() == then.len() && then.iter().all(is_there)
}

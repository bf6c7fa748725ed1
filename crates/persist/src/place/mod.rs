//! Names of places: paths of this machine, and URLs. Nothing here reads or writes: what does is [`crate::storage`], which keeps what it opened
//! behind a name (`session`), and what reaches its server (`store`).

mod parse;
mod session;
pub(crate) mod store;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use parse::{decode, parse};
pub(crate) use session::Session;
use store::Store;

use crate::Error;

/// Where a file or a folder is: a path of this machine, or a URL: `http://` and `https://` (WebDAV; plain servers for reading),
/// `s3://BUCKET/KEY`, `file://`.
///
/// Everything that takes a path takes a URL too, as text:
///
/// ```
/// use rhyton_persist::Location;
///
/// let folder = Location::from("https://me:secret@example.org/files/models");
/// assert_eq!(folder.join("cp 1.ckpt").to_string(), "https://example.org/files/models/cp%201.ckpt");
/// assert_eq!(Location::from("file:///tmp/a%20b.keras").local().unwrap(), "/tmp/a b.keras");
/// ```
///
/// # Credentials
/// A user and a password may be in the URL. Else `https://` and `http://` take those of `RHYTON_WEBDAV_USER` and
/// `RHYTON_WEBDAV_PASSWORD` for the host that `RHYTON_WEBDAV` names, then those of the file `~/.netrc` (`NETRC` names another one); `s3://`
/// takes `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, then the profile that `AWS_PROFILE` names (`default`) in
/// `~/.aws/credentials` (`AWS_SHARED_CREDENTIALS_FILE`), and without any reads what everybody may read; its region is `AWS_REGION`, else
/// `AWS_DEFAULT_REGION`, else us-east-1. They are never shown: not by `Display` or `Debug`, not
/// in errors, not in logs; nor is what follows a `?`, since links that were signed have their signature there.
#[derive(Clone)]
pub struct Location {
    /// The path; of a URL, the text without its secrets.
    text: PathBuf,
    remote: Option<Arc<Remote>>,
    session: Option<Arc<Session>>,
}

/// What a URL has beyond its text.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "read by what reaches servers"))]
pub(crate) struct Remote {
    pub(crate) scheme: Scheme,
    pub(crate) user: Option<User>,
    /// What followed a `?`.
    pub(crate) query: Option<String>,
    pub(crate) options: Options,
    /// Made when it is first needed; shared by all places that come from one.
    store: Arc<OnceLock<Arc<dyn Store>>>,
}

/// Kinds of URLs.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    #[default]
    Http,
    S3,
    /// Any other, and what to do instead.
    Unknown(String),
}

/// Whom a server shall take us for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// How to reach a server.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "read by what reaches servers"))]
pub(crate) struct Options {
    pub(crate) insecure: bool,
    pub(crate) endpoint: Option<String>,
    pub(crate) retries: u32,
    pub(crate) whole: bool,
}

impl Remote {
    fn new(scheme: Scheme, user: Option<User>, query: Option<String>) -> Self {
        Self { scheme, user, query, ..Self::default() }
    }

    /// What reaches the server, which `open` makes where nothing did yet.
    pub(crate) fn store(
        &self,
        open: impl FnOnce() -> Result<Arc<dyn Store>, Error>,
    ) -> Result<Arc<dyn Store>, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        open().map(|store| self.store.get_or_init(|| store).clone())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { insecure: false, endpoint: None, retries: 4, whole: false }
    }
}

/// Everything but what RFC 3986 calls unreserved, and the marks of a template, which is filled later.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'{')
    .remove(b'}')
    .remove(b':');

impl<P: AsRef<Path>> From<P> for Location {
    fn from(path: P) -> Self {
        let (text, remote) = parse(path.as_ref());
        Self { text, remote: remote.map(Arc::new), session: None }
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

impl Location {
    /// The place of that path or URL. Never fails: what is wrong with a URL is said when it is used.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self::from(path)
    }

    /// Whether to take any certificate that an `https://` server shows, as `curl --insecure` does: then nobody knows who the server is,
    /// and a warning says so. Default no. Nothing changes for paths of this machine.
    #[must_use]
    pub fn insecure(self, insecure: bool) -> Self {
        self.with_options(|options| options.insecure = insecure)
    }

    /// The server of an `s3://` URL, for others than Amazon's that speak S3: `http://localhost:9000`. Default: `AWS_ENDPOINT_URL_S3`,
    /// `AWS_ENDPOINT_URL`, else Amazon's.
    #[must_use]
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        self.with_options(|options| options.endpoint = Some(url.into()))
    }

    /// How often to try again what may pass (a lost connection, a server that is busy), waiting 0.5 s first and twice as long each
    /// time. Default 4.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.with_options(|options| options.retries = retries)
    }

    /// To be read whole, at once, when it is opened: else a remote file is read by the parts that are asked for.
    #[must_use]
    pub fn whole(self) -> Self {
        self.with_options(|options| options.whole = true)
    }

    fn with_options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        if let Some(remote) = &mut self.remote {
            let remote = Arc::make_mut(remote);
            change(&mut remote.options);
            remote.store = Arc::default();
        }
        self
    }

    /// The path, where it is of this machine.
    pub fn local(&self) -> Option<&Path> {
        self.remote.is_none().then_some(&self.text)
    }

    /// Whether it is a URL of another machine.
    pub fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// The path, or the URL without its secrets: for messages, and to look at. Given back as a path, it has lost its credentials and options.
    pub fn as_path(&self) -> &Path {
        &self.text
    }

    /// As [`Path::display`]; a URL without its secrets.
    pub fn display(&self) -> std::path::Display<'_> {
        self.text.display()
    }

    /// The last part of the name; `None` for a root.
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        let Some(remote) = &self.remote else {
            return self.text.file_name().map(|name| name.to_string_lossy());
        };
        let (_, path) = self.split()?;
        let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty())?;
        Some(if remote.scheme == Scheme::S3 { name.into() } else { decode(name).into() })
    }

    /// The place of `name` in this folder.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        let name = name.as_ref();
        let Some(remote) = &self.remote else { return self.with(self.text.join(name)) };
        let mut text = self.text.to_string_lossy().trim_end_matches('/').to_owned();
        for part in
            name.to_string_lossy().split(['/', std::path::MAIN_SEPARATOR]).filter(|part| !part.is_empty())
        {
            text.push('/');
            match remote.scheme {
                Scheme::S3 => text.push_str(part),
                _ => text.extend(utf8_percent_encode(part, SEGMENT)),
            }
        }
        self.with(text.into())
    }

    /// The folder that it is in: `.` for a bare name, itself for a root.
    #[must_use]
    pub fn folder(&self) -> Self {
        if self.remote.is_none() {
            return self.with(folder_of(&self.text).to_path_buf());
        }
        let Some((head, path)) = self.split() else { return self.clone() };
        let inside = path.trim_end_matches('/');
        self.with(
            format!("{head}{}", inside.rfind('/').and_then(|at| inside.get(..at)).unwrap_or_default()).into(),
        )
    }

    /// The same with more letters at its end: `.index`.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let mut text = OsString::from(&self.text);
        text.push(suffix);
        self.with(text.into())
    }

    /// The same without letters at its end; `None` where it does not end so.
    #[must_use]
    pub fn without_suffix(&self, suffix: &str) -> Option<Self> {
        let text = self.text.to_str()?.strip_suffix(suffix)?.to_owned();
        Some(self.with(text.into()))
    }

    /// The same with another text in the place of its own: for templates.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn map<E>(&self, change: impl FnOnce(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(self.with(change(&self.text.to_string_lossy())?.into()))
    }

    /// Whether the name is one of a folder: it ends in a slash.
    pub fn ends_in_slash(&self) -> bool {
        self.text.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR])
    }

    /// A place that shares what is open and what is known, so that nothing is asked for twice.
    pub(crate) fn session(&self) -> Self {
        let session = self.is_remote().then(Arc::<Session>::default);
        Self { session: session.or_else(|| self.session.clone()), ..self.clone() }
    }

    /// From now on, files that are opened are fetched whole, where that was asked for.
    pub(crate) fn read_whole(&self) {
        if let (Some(session), true) = (&self.session, self.remote().is_some_and(|r| r.options.whole)) {
            session.read_whole();
        }
    }

    /// The same place, where what is open is asked for again.
    pub(crate) fn again(&self) -> Self {
        Self { session: self.session.as_ref().map(|session| Arc::new(session.again())), ..self.clone() }
    }

    /// The same place, with nothing open.
    pub(crate) fn forget(&self) -> Self {
        Self { session: None, ..self.clone() }
    }

    /// What is open already.
    pub(crate) fn opened(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_deref()
    }

    /// The URL for a store.
    pub(crate) fn url(&self) -> Cow<'_, str> {
        self.text.to_string_lossy()
    }

    pub(crate) fn failed(&self, action: &'static str, source: std::io::Error) -> Error {
        Error::Io { action, path: self.text.clone(), source }
    }

    /// Scheme and host, with the slash after it where there is one; and the rest.
    fn split(&self) -> Option<(&str, &str)> {
        let text = self.text.to_str()?;
        let authority = text.find("://")?.checked_add(3)?;
        let path = text
            .get(authority..)?
            .find('/')
            .map_or(text.len(), |at| authority.saturating_add(at).saturating_add(1));
        Some(text.split_at(path))
    }

    fn with(&self, text: PathBuf) -> Self {
        Self { text, ..self.clone() }
    }
}

/// The folder of a file, `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.display().fmt(f)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User")
    }
}

/// Same text; credentials and options do not count.
impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.is_remote() == other.is_remote()
    }
}

impl Eq for Location {}

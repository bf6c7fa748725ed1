//! The store behind `s3://`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusty_s3::{Bucket, Credentials, S3Action};
use ureq::http::header;

use super::upload::Upload;
use super::{answers, copy, credentials, place};
use crate::place::store::{Entry, FORGOTTEN, Part, Store, Tag};
use crate::storage::http::client::{Answer, Body, Client, Request};
use crate::storage::http::{part, words};
use crate::{limits, storage};

/// How long a signature is good: a request that is tried again has the same one.
const SIGNED_FOR: Duration = Duration::from_secs(3600);
/// Where another server is named instead. A signature is for one server, so nobody can go there with it.
const ELSEWHERE: [u16; 5] = [301, 302, 303, 307, 308];
/// Answers besides 2xx that are looked at.
const ACCEPT: &[u16] = &ELSEWHERE;
const ACCEPT_ABSENT: &[u16] = &[404, 301, 302, 303, 307, 308];
const ACCEPT_PART: &[u16] = &[412, 416, 301, 302, 303, 307, 308];

/// Pages of a list: a server says itself whether there is one more.
const MOST_PAGES: usize = 10_000;

/// Files of a bucket.
pub(in crate::storage) struct S3 {
    pub(super) client: Client,
    pub(super) bucket: Bucket,
    credentials: Option<Credentials>,
    pub(super) sizes: Sizes,
}

/// Bytes that go at once.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// A file that goes with one request.
    pub(super) whole: u64,
    /// A part of a larger one, at least.
    pub(super) part: u64,
    /// A file that is copied with one request: S3's own limit.
    pub(super) copied: u64,
    /// A part of a larger one that is copied, at least.
    pub(super) copied_part: u64,
}

const SIZES: Sizes = Sizes { whole: 64 << 20, part: 16 << 20, copied: 5 << 30, copied_part: 1 << 30 };

/// What is known of an object.
pub(super) struct About {
    pub(super) size: Option<u64>,
    pub(super) etag: Option<String>,
}

impl S3 {
    pub(super) fn new(client: Client, bucket: Bucket, credentials: Option<Credentials>) -> Self {
        Self { client, bucket, credentials, sizes: SIZES }
    }

    /// Whom the server takes us for when we read: nobody where there are no credentials.
    pub(super) fn reader(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whom the server takes us for when we write.
    pub(super) fn writer(&self) -> io::Result<Option<&Credentials>> {
        match &self.credentials {
            Some(credentials) => Ok(Some(credentials)),
            None => Err(io::Error::new(
                ErrorKind::PermissionDenied,
                format!("there are no credentials for it: {}", credentials::ADVICE),
            )),
        }
    }

    /// The request of an action, signed from now on.
    pub(super) fn request<'a, A: S3Action<'a>>(&self, action: &A) -> Request<'static> {
        let url = action.sign(SIGNED_FOR);
        // The signature is in what follows the `?`, which is not shown.
        let (url, query) = url.as_str().split_once('?').unwrap_or((url.as_str(), ""));
        Request {
            method: A::METHOD.to_str(),
            url: url.into(),
            query: Some(query.to_owned()).filter(|query| !query.is_empty()),
            accept: ACCEPT,
            ..Request::default()
        }
    }

    /// As [`S3::request`], of an action with headers.
    pub(super) fn request_with<'a, A: S3Action<'a>>(
        &self,
        mut action: A,
        headers: Vec<(&'static str, String)>,
    ) -> Request<'static> {
        for (name, value) in &headers {
            action.headers_mut().insert(*name, value.clone());
        }
        Request { headers, ..self.request(&action) }
    }

    pub(super) fn send(&self, request: &Request) -> io::Result<Answer> {
        self.checked(self.client.send(request))
    }

    /// The same; the body of the answer is here, whole.
    pub(super) fn send_whole(&self, request: &Request) -> io::Result<Answer> {
        self.checked(self.client.send_whole(request))
    }

    fn checked(&self, sent: io::Result<Answer>) -> io::Result<Answer> {
        let answer = sent.map_err(|error| match (error.kind(), &self.credentials) {
            (kind @ ErrorKind::PermissionDenied, None) => {
                io::Error::new(kind, format!("{error}; there are no credentials: {}", credentials::ADVICE))
            }
            _ => error,
        })?;
        match ELSEWHERE.contains(&answer.status) {
            true => Err(elsewhere(answer)),
            false => Ok(answer),
        }
    }

    /// Sends a request whose answer may say 200 before the server knows whether it can do it; gives its text.
    pub(super) fn send_slow(&self, request: &Request) -> io::Result<String> {
        let mut tries = 0;
        loop {
            let mut answer = self.send_whole(request)?;
            let text = answer.text()?;
            match answers::error_code(&text) {
                None => return Ok(text),
                Some(code) if tries < self.client.retries && passes(&code) => storage::wait(tries),
                Some(_) => {
                    return Err(io::Error::other(format!(
                        "the server could not do it: {}",
                        words::plain(&text, &answer.secrets)
                    )));
                }
            }
            tries = tries.saturating_add(1);
        }
    }

    /// What is known of an object; `None` where there is none.
    pub(super) fn about(&self, key: &str) -> io::Result<Option<About>> {
        let request = self.request(&self.bucket.head_object(self.reader(), key));
        let answer = self.send(&Request { accept: ACCEPT_ABSENT, ..request })?;
        let size = answer.header(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let etag = answer.header(header::ETAG).map(Into::into);
        Ok((answer.status != 404).then_some(About { size, etag }))
    }

    /// Sends a file with one request, and looks whether all of it arrived.
    fn put(&self, key: &str, body: &File, size: u64) -> io::Result<()> {
        let mut tries = 0;
        loop {
            let request = self.request(&self.bucket.put_object(self.writer()?, key));
            let answer = self.send(&Request { body: Body::File(body, 0, size), ..request })?;
            let sent = answer.header(header::ETAG);
            match self.about(key) {
                Ok(Some(kept)) if kept.size.is_none_or(|kept| kept == size) => return Ok(()),
                // Another program's, which came after ours.
                Ok(Some(kept)) if sent.is_some() && kept.etag.is_some() && kept.etag.as_deref() != sent => {
                    return Ok(());
                }
                Ok(kept) if tries >= self.client.retries => {
                    let kept = kept.and_then(|kept| kept.size).unwrap_or(0);
                    return Err(io::Error::other(format!(
                        "the server kept {kept} of {size} bytes, and said that all was well"
                    )));
                }
                Ok(_) => storage::wait(tries),
                // Who may write need not be one who may read.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
                Err(error) => return Err(error),
            }
            tries = tries.saturating_add(1);
        }
    }

    /// Sends a file part by part.
    fn put_parts(&self, key: &str, body: &File, size: u64) -> io::Result<()> {
        let mut upload = Upload::begin(self, key)?;
        for (from, len) in super::upload::parts(size, self.sizes.part) {
            upload.send_part(body, from, len, size)?;
        }
        upload.complete(size)
    }
}

impl Store for S3 {
    fn get(&self, url: &str, from: u64, most: u64, tag: Option<&Tag>) -> io::Result<Part> {
        let key = place::file(&self.bucket, url)?;
        // Only the host is signed, so these headers may come along.
        let request = Request {
            headers: part::headers(from, most, tag),
            accept: ACCEPT_PART,
            ..self.request(&self.bucket.get_object(self.reader(), key))
        };
        let answer = self.send(&request).map_err(|error| match error.kind() {
            // Some servers know folders, and have no word for them.
            ErrorKind::Other if from == 0 && self.list(url).is_ok() => ErrorKind::IsADirectory.into(),
            _ => error,
        });
        part::read(answer?, from, most)
    }

    fn replace(&self, url: &str, body: &File, size: u64) -> io::Result<()> {
        let key = place::file(&self.bucket, url)?;
        match size <= self.sizes.whole {
            true => self.put(key, body, size),
            false => self.put_parts(key, body, size),
        }
    }

    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        copy::copy(self, place::file(&self.bucket, from)?, place::file(&self.bucket, to)?)
    }

    fn remove(&self, url: &str) -> io::Result<()> {
        let key = place::file(&self.bucket, url)?;
        self.send(&self.request(&self.bucket.delete_object(self.writer()?, key))).map(drop)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let prefix = place::folder(&self.bucket, folder)?;
        // What cannot be the name of a file is left out: markers of folders, and what would lead elsewhere.
        let name = |key: &str| {
            let name = key.strip_prefix(&prefix)?;
            (!matches!(name, "" | "." | "..") && !name.contains('/')).then(|| name.to_owned())
        };
        let mut entries = Vec::new();
        let mut is_there = prefix.is_empty();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut action = self.bucket.list_objects_v2(self.reader());
            action.with_delimiter("/");
            if !prefix.is_empty() {
                action.with_prefix(prefix.as_str());
            }
            if let Some(token) = &token {
                action.with_continuation_token(token.as_str());
            }
            let page = answers::listing(&self.send_whole(&self.request(&action))?.text()?)?;
            is_there |= !(page.objects.is_empty() && page.prefixes.is_empty());
            entries.extend(page.objects.into_iter().filter_map(|object| {
                Some(Entry {
                    name: name(&object.key)?,
                    is_folder: false,
                    size: object.size,
                    modified: object.modified,
                })
            }));
            entries.extend(page.prefixes.iter().filter_map(|prefix| {
                let name = name(prefix.strip_suffix('/')?)?;
                Some(Entry { name, is_folder: true, size: None, modified: None })
            }));
            if entries.len() > limits::FOLDER_ENTRIES {
                return Err(io::Error::other(format!(
                    "there are more than {} files in it",
                    limits::FOLDER_ENTRIES
                )));
            }
            match page.next {
                None if is_there => return Ok(entries),
                None => return Err(io::Error::new(ErrorKind::NotFound, "no name begins with it")),
                next if next == token => break,
                next => token = next,
            }
        }
        Err(io::Error::other("the server lists files again and again"))
    }

    fn create_folder(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn moves_folders(&self) -> bool {
        false
    }

    fn replace_folder(&self, _: &str, _: &Path, _: &dyn Fn(&str) -> bool) -> io::Result<()> {
        Err(io::Error::new(ErrorKind::Unsupported, "S3 has no folders that could be moved"))
    }

    /// Nothing has a temporary name here; but the parts of uploads that were broken off are kept, and cost money.
    fn sweep(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let prefix = place::folder(&self.bucket, folder)?;
        let writer = self.writer()?;
        let mut next: Option<(String, String)> = None;
        for _ in 0..MOST_PAGES {
            // A question to the bucket: the empty key.
            let mut action = self.bucket.get_object(writer, "");
            let query = action.query_mut();
            query.insert("uploads", "");
            query.insert("encoding-type", "url");
            if !prefix.is_empty() {
                query.insert("prefix", prefix.as_str());
            }
            if let Some((key, id)) = &next {
                query.insert("key-marker", key.as_str());
                query.insert("upload-id-marker", id.as_str());
            }
            let mut answer = self.send_whole(&self.request(&action))?;
            let clock = SystemTime::now();
            let clock = answer
                .header(header::DATE)
                .and_then(|date| httpdate::parse_http_date(date).ok())
                .unwrap_or(clock);
            let now = clock.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
            let page = answers::uploads(&answer.text()?)?;
            for upload in page.uploads {
                let Some(name) = upload.key.strip_prefix(&prefix).filter(|name| !name.contains('/')) else {
                    continue;
                };
                if ours(name) || upload.begun.is_some_and(|then| now.saturating_sub(then) > FORGOTTEN) {
                    let abort = self.bucket.abort_multipart_upload(writer, &upload.key, &upload.id);
                    drop(self.client.try_once(&self.request(&abort)));
                }
            }
            if page.next.is_none() || page.next == next {
                break;
            }
            next = page.next;
        }
        Ok(())
    }
}

/// Whether an error in an answer that said 200 may be none soon.
fn passes(code: &str) -> bool {
    matches!(code, "InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout")
}

/// What it means that the server names another one.
fn elsewhere(answer: Answer) -> io::Error {
    let region = answer.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    let advice = match region {
        Some(region) => format!("it is in the region {region}: set AWS_REGION={region}"),
        None => "set its region (AWS_REGION) or its server (AWS_ENDPOINT_URL_S3)".into(),
    };
    let mut text = format!("the server answered {}: the bucket is not here; {advice}", answer.status);
    let said = words::words(answer);
    if !said.is_empty() {
        text += &format!(" (the server: {said})");
    }
    io::Error::other(text)
}

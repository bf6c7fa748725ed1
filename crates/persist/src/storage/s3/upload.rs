//! Large objects: they are sent part by part, and are there when the server has put the parts together.

use std::fs::File;
use std::io::{self, ErrorKind};

use ureq::http::header;

use super::answers;
use super::store::{About, S3};
use crate::storage::http::client::{Body, Request};

/// S3 takes 10,000 parts.
const MOST_PARTS: u64 = 9_000;

/// An object on its way. Dropped before it is complete, nothing is left of it.
pub(super) struct Upload<'s> {
    store: &'s S3,
    key: &'s str,
    id: String,
    /// What the server calls the parts that it has.
    etags: Vec<String>,
    /// What had the key when it began.
    before: Option<About>,
    is_complete: bool,
}

impl<'s> Upload<'s> {
    pub(super) fn begin(store: &'s S3, key: &'s str) -> io::Result<Self> {
        let action = store.bucket.create_multipart_upload(store.writer()?, key);
        let before = match store.about(key) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
            other => other?,
        };
        let request = Request { headers: vec![("content-length", "0".into())], ..store.request(&action) };
        let text = store.send_whole(&request)?.text()?;
        let id = answers::field(&text, "InitiateMultipartUploadResult", "UploadId")?;
        Ok(Self { store, key, id, etags: Vec::new(), before, is_complete: false })
    }

    /// Sends the next part: bytes of a file that has `total`. It is tried again alone.
    pub(super) fn send_part(&mut self, body: &File, from: u64, len: u64, total: u64) -> io::Result<()> {
        let action = self.store.bucket.upload_part(self.store.writer()?, self.key, self.number()?, &self.id);
        let request =
            Request { body: Body::File(body, from, len), total: Some(total), ..self.store.request(&action) };
        let answer = self.store.send(&request)?;
        let etag = answer
            .header(header::ETAG)
            .ok_or_else(|| io::Error::other("the server took a part without a word"))?;
        self.etags.push(etag.into());
        Ok(())
    }

    /// Makes the next part of bytes that the server has, as these headers say.
    pub(super) fn copy_part(&mut self, headers: Vec<(&'static str, String)>) -> io::Result<()> {
        let action = self.store.bucket.upload_part(self.store.writer()?, self.key, self.number()?, &self.id);
        let text = self.store.send_slow(&self.store.request_with(action, headers))?;
        self.etags.push(answers::field(&text, "CopyPartResult", "ETag")?);
        Ok(())
    }

    fn number(&self) -> io::Result<u16> {
        u16::try_from(self.etags.len().saturating_add(1)).map_err(io::Error::other)
    }

    /// Has the parts put together to an object of `size` bytes.
    pub(super) fn complete(mut self, size: u64) -> io::Result<()> {
        let etags = self.etags.iter().map(String::as_str);
        let action =
            self.store.bucket.complete_multipart_upload(self.store.writer()?, self.key, &self.id, etags);
        let request = self.store.request(&action);
        let body = action.body();
        match self.store.send_slow(&Request { body: Body::Text(&body), ..request }) {
            // The answer to an earlier try was lost, and the upload is over.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_there(size) => return Err(error),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => self.is_complete = true,
        }
        Ok(())
    }

    /// Whether an object of these parts has the key.
    fn is_there(&self, size: u64) -> bool {
        let Ok(Some(About { size: kept, etag: Some(etag) })) = self.store.about(self.key) else {
            return false;
        };
        let is_new = self.before.as_ref().and_then(|before| before.etag.as_ref()) != Some(&etag);
        is_new
            && kept == Some(size)
            && etag.trim_end_matches('"').ends_with(&format!("-{}", self.etags.len()))
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if let (false, Ok(writer)) = (self.is_complete, self.store.writer()) {
            let abort = self.store.bucket.abort_multipart_upload(writer, self.key, &self.id);
            // The next save tries it again.
            drop(self.store.client.try_once(&self.store.request(&abort)));
        }
    }
}

/// Where the parts of so many bytes begin, and their lengths: `least` each but the last, and more where they would be too many.
pub(super) fn parts(size: u64, least: u64) -> impl Iterator<Item = (u64, u64)> {
    let len = least.max(size.div_ceil(MOST_PARTS)).max(1);
    (0..size.div_ceil(len)).map(move |i| {
        let from = i.saturating_mul(len);
        (from, size.saturating_sub(from).min(len))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn parts_cover_a_file() {
        let parts = |size, least| super::parts(size, least).collect::<Vec<_>>();
        assert_eq!(parts(10, 4), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(parts(8, 4), [(0, 4), (4, 4)]);
        let many = parts(5 << 40, 16 << 20);
        assert_eq!(many.iter().map(|(_, len)| len).sum::<u64>(), 5 << 40);
        assert!((8_000..=9_000).contains(&many.len()));
    }
}

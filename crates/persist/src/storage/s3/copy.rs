//! From key to key, without the bytes coming here.

use std::io;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answers;
use super::store::S3;
use super::upload::{Upload, parts};

/// What stands in a key as it is where a header names the key.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Gives the bytes of one key to another.
pub(super) fn copy(store: &S3, from: &str, to: &str) -> io::Result<()> {
    if from == to {
        // S3 takes this for a mistake.
        return Ok(());
    }
    let writer = store.writer()?;
    let about = store.about(from)?.ok_or(io::ErrorKind::NotFound)?;
    let mut headers =
        vec![("x-amz-copy-source", format!("{}/{}", store.bucket.name(), utf8_percent_encode(from, KEY)))];
    // All parts of one object.
    headers.extend(about.etag.map(|etag| ("x-amz-copy-source-if-match", etag)));
    let size = about.size.unwrap_or(0);
    if size <= store.sizes.copied {
        let mut request = store.request_with(store.bucket.put_object(writer, to), headers);
        request.headers.push(("content-length", "0".into()));
        let text = store.send_slow(&request)?;
        return answers::field(&text, "CopyObjectResult", "ETag").map(drop);
    }
    let mut upload = Upload::begin(store, to)?;
    for (from, len) in parts(size, store.sizes.copied_part) {
        let mut headers = headers.clone();
        let last = from.saturating_add(len).saturating_sub(1);
        headers.push(("x-amz-copy-source-range", format!("bytes={from}-{last}")));
        upload.copy_part(headers)?;
    }
    upload.complete(size)
}

//! Bytes of a file: the question for a range of them, and its answer (RFC 9110, section 14).

use std::io;

use ureq::http::header;

use super::client::Answer;
use crate::place::store::{Part, Tag};

/// Answers besides 2xx that [`read`] knows.
pub(in crate::storage) const ACCEPT: &[u16] = &[412, 416];

/// The headers of a question.
pub(in crate::storage) fn headers(from: u64, most: u64, tag: Option<&Tag>) -> Vec<(&'static str, String)> {
    let mut headers = vec![("range", format!("bytes={from}-{}", last(from, most)))];
    // A weak tag never matches here.
    if let Some(etag) = tag.and_then(|tag| tag.etag.as_ref()).filter(|etag| !etag.starts_with("W/")) {
        headers.push(("if-match", etag.clone()));
    }
    headers
}

fn last(from: u64, most: u64) -> u64 {
    from.saturating_add(most).saturating_sub(1)
}

/// The bytes in an answer.
pub(in crate::storage) fn read(answer: Answer, from: u64, most: u64) -> io::Result<Part> {
    let tag = Tag {
        etag: answer.header(header::ETAG).map(Into::into),
        modified: answer.header(header::LAST_MODIFIED).map(Into::into),
    };
    let length = answer.header(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let range = answer.header(header::CONTENT_RANGE).map(str::to_owned);
    let wrong = |what: String| {
        let last = last(from, most);
        Err(io::Error::other(format!(
            "the server answered {what} to the question for bytes {from} to {last}"
        )))
    };
    let encoding =
        answer.header(header::CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    match (answer.status, range) {
        (412, _) => Err(io::Error::other("the file was replaced while it was read")),
        // There is no first byte. (S3 does not say how many there are.)
        (416, range) if from == 0 && range.as_ref().is_none_or(|range| range.ends_with("/0")) => {
            Ok(Part { start: 0, total: Some(0), ranges: true, tag, body: Box::new(io::empty()) })
        }
        (206, Some(range)) => {
            let numbers = range
                .trim()
                .strip_prefix("bytes")
                .map(str::trim_start)
                .and_then(|range| range.split_once('/'));
            let start = numbers.and_then(|(range, _)| range.split_once('-')?.0.parse().ok());
            if start != Some(from) {
                return wrong(format!("the bytes `{range}`"));
            }
            let total = numbers.and_then(|(_, total)| total.parse().ok());
            Ok(Part { start: from, total, ranges: true, tag, body: answer.body })
        }
        (200, _) if encoding.is_some() => {
            wrong(format!("bytes in the encoding {}", encoding.unwrap_or_default()))
        }
        (200, _) => Ok(Part { start: 0, total: length, ranges: false, tag, body: answer.body }),
        (other, _) => wrong(other.to_string()),
    }
}

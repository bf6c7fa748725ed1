//! Where a server sends us instead.

use std::io;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::http::header;

use super::client::{Answer, Request};
use super::multistatus::path_of;

/// What may not stand in a URL as it is. A percent sign may: what follows it was encoded by who gave the URL.
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL that can be sent.
pub(super) fn encoded(url: &str) -> String {
    let text = utf8_percent_encode(url, ILLEGAL).to_string();
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_code = part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        out += if is_code { "%" } else { "%25" };
        out += part;
    }
    out
}

/// Whether an answer sends us elsewhere.
pub(super) fn is_one(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that an answer asks for instead of the one that was sent; `None` where it does not.
pub(super) fn target<'a>(answer: &Answer, request: &Request<'a>) -> io::Result<Option<Request<'a>>> {
    if !is_one(answer.status) || request.accept.contains(&answer.status) {
        return Ok(None);
    }
    let Some(location) = answer.header(header::LOCATION) else {
        return Err(io::Error::other(format!(
            "the server answered {} without a place to go to",
            answer.status
        )));
    };
    let location = location.split('#').next().unwrap_or_default();
    let (location, query) = match location.split_once('?') {
        Some((location, query)) => (location, Some(query.to_owned())),
        None => (location, None),
    };
    let url = absolute(&request.url, location);
    // A folder's URL ends in a slash, which GET is told. The one who asked has to know.
    if request.method == "GET" && url.ends_with('/') && path_of(&url) == path_of(&request.url) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let secure = |url: &str| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    if secure(&request.url) && !secure(&url) {
        return Err(io::Error::other("the server redirects from https to http, which anybody could read"));
    }
    if answer.status == 303 && request.method != "GET" {
        return Err(io::Error::other("the server answered 303 See Other to what is no question"));
    }
    let destination = request.destination.as_ref().map(|to| moved(to, &request.url, &url));
    Ok(Some(Request { url, query, destination, ..request.clone() }))
}

/// A reference of an answer as a URL.
fn absolute(base: &str, reference: &str) -> String {
    let authority = base.find("://").map_or(0, |at| at.saturating_add(3));
    let root = base
        .get(authority..)
        .and_then(|rest| rest.find('/'))
        .map_or(base.len(), |at| authority.saturating_add(at));
    let cut = |end: usize| base.get(..end).unwrap_or(base);
    if reference.contains("://") {
        reference.into()
    } else if reference.starts_with("//") {
        format!("{}{reference}", cut(authority.saturating_sub(2)))
    } else if reference.starts_with('/') {
        format!("{}{reference}", cut(root))
    } else {
        let folder = base.rfind('/').filter(|at| *at >= root).unwrap_or(root);
        format!("{}/{reference}", cut(folder))
    }
}

/// A URL beside one that was redirected, redirected in the same way.
fn moved(url: &str, from: &str, to: &str) -> String {
    let common = from.bytes().rev().zip(to.bytes().rev()).take_while(|(a, b)| a == b).count();
    let same = from.get(from.len().saturating_sub(common)..).unwrap_or_default();
    // Whole parts of the path only.
    let same = same.find('/').and_then(|at| same.get(at..)).unwrap_or_default();
    let head = |text: &str| text.strip_suffix(same).unwrap_or(text).to_owned();
    match url.strip_prefix(&head(from)) {
        Some(rest) => head(to) + rest,
        None => url.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_what_goes_with_them() {
        let absolute = |reference| absolute("https://h:1/a/b", reference);
        assert_eq!(absolute("http://x/y"), "http://x/y");
        assert_eq!(absolute("//x/y"), "https://x/y");
        assert_eq!(absolute("/y"), "https://h:1/y");
        assert_eq!(absolute("y"), "https://h:1/a/y");
        assert_eq!(super::absolute("https://h", "/y"), "https://h/y");

        let moved = |from, to| moved("https://h/silo/a/new.h5", from, to);
        assert_eq!(moved("https://h/silo/a/old.h5", "https://h/dav/a/old.h5"), "https://h/dav/a/new.h5");
        assert_eq!(
            moved("https://h/silo/a/old.h5", "https://silo6/silo/a/old.h5"),
            "https://silo6/silo/a/new.h5"
        );
        assert_eq!(moved("https://h/silo/a/old.h5", "https://elsewhere/x"), "https://h/silo/a/new.h5");
        assert_eq!(encoded("https://h/100%/%zz%4"), "https://h/100%25/%25zz%254");
        assert_eq!(encoded("https://h/a b/%20/{x}/ü"), "https://h/a%20b/%20/%7Bx%7D/%C3%BC");
    }
}

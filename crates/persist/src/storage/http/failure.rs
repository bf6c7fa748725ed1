//! Why a request failed: what may pass, and what will not.

use std::io::{self, ErrorKind};

use percent_encoding::percent_decode_str;
use ureq::http::{StatusCode, Uri, header};

use super::client::Answer;
use super::words::words;
use crate::place::User;

/// Values of a query with no more letters are numbers, dates and switches.
const LONGEST_PLAIN: usize = 16;

/// Why a request failed once.
pub(super) enum Failure {
    /// It may pass; with the seconds that the server asks to wait.
    Passing(io::Error, Option<u64>),
    Lasting(io::Error),
}

impl Failure {
    /// Says more.
    pub(super) fn add(&mut self, text: &str) {
        let (Self::Passing(error, _) | Self::Lasting(error)) = self;
        *error = io::Error::new(error.kind(), format!("{error}{text}"));
    }
}

/// What an answer means that is no success.
pub(super) fn refused(answer: Answer) -> Failure {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let wait = answer.header(header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    let kind = match answer.status {
        401 | 403 | 407 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        405 | 501 => ErrorKind::Unsupported,
        507 => ErrorKind::StorageFull,
        412 => ErrorKind::Interrupted,
        _ => ErrorKind::Other,
    };
    let mut text =
        format!("the server answered {} {}", answer.status, status.canonical_reason().unwrap_or(""));
    let said = words(answer);
    // Many pages repeat the status alone.
    let reason = status.canonical_reason().unwrap_or("");
    if !said.is_empty() && said.trim_start_matches(status.as_str()).trim() != reason {
        text += &format!(": {said}");
    }
    let error = io::Error::new(kind, text);
    match answer_passes(status) {
        true => Failure::Passing(error, wait),
        false => Failure::Lasting(error),
    }
}

/// What of a request must not be shown: its password; its query, and what may be a secret in it, as it was sent and as it was meant.
pub(super) fn secrets_of(query: Option<&str>, authorization: Option<&(String, User)>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((header, user)) = authorization {
        found.extend([header.trim_start_matches("Basic ").to_owned(), user.password.clone()]);
        // Links to what is shared have their secret here.
        found.extend(user.password.is_empty().then(|| user.name.clone()));
    }
    if let Some(query) = query {
        found.push(query.to_owned());
        for value in query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value) {
            if value.len() > LONGEST_PLAIN {
                found.extend([value.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned()]);
            }
        }
    }
    found
}

/// What to do where a server wants to know who we are.
pub(super) fn advice(user: Option<User>, uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match user {
        Some(user) if user.password.is_empty() => " (as a user without a password)".into(),
        Some(user) => format!(" (as the user `{}`)", user.name),
        None => format!(
            "; give a user and a password: in ~/.netrc (machine {host} login USER password PASSWORD), in RHYTON_WEBDAV_USER and \
             RHYTON_WEBDAV_PASSWORD with RHYTON_WEBDAV, or in the URL"
        ),
    }
}

/// Whether an answer may be another one soon: busy, restarting, or with a lock on the file.
fn answer_passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 423 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// What it means that no answer came.
pub(super) fn failure(error: ureq::Error, uri: &Uri) -> Failure {
    let host = uri.authority().map_or("", |authority| authority.as_str());
    match error {
        ureq::Error::Io(error) => io_failure(error, host),
        ureq::Error::Timeout(what) => {
            let text = format!("{host} did not answer in time ({what})");
            Failure::Passing(io::Error::new(ErrorKind::TimedOut, text), None)
        }
        ureq::Error::HostNotFound => {
            Failure::Lasting(io::Error::new(ErrorKind::HostUnreachable, format!("there is no host {host}")))
        }
        ureq::Error::ConnectionFailed => {
            let text = format!("{host} cannot be reached");
            Failure::Passing(io::Error::new(ErrorKind::ConnectionRefused, text), None)
        }
        // An answer that was cut off.
        ureq::Error::Protocol(error) => {
            let text = format!("the answer of {host} is not whole: {error}");
            Failure::Passing(io::Error::new(ErrorKind::UnexpectedEof, text), None)
        }
        other => certificate_or(other.to_string(), host),
    }
}

fn io_failure(error: io::Error, host: &str) -> Failure {
    let text = error.to_string();
    // The standard library has no kind for it.
    if text.contains("failed to lookup address") && !text.contains("emporary failure") {
        let text = format!("there is no host {host} ({text})");
        return Failure::Lasting(io::Error::new(ErrorKind::HostUnreachable, text));
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            Failure::Passing(io::Error::new(error.kind(), format!("{host} cannot be reached: {text}")), None)
        }
        // What TLS found.
        ErrorKind::InvalidData | ErrorKind::InvalidInput => certificate_or(text, host),
        kind => {
            // Where to read about it is for programmers.
            let text = text.split(": https://docs.rs/").next().unwrap_or_default();
            Failure::Passing(io::Error::new(kind, format!("the connection to {host} broke: {text}")), None)
        }
    }
}

fn certificate_or(text: String, host: &str) -> Failure {
    if text.contains("InvalidContentType") {
        return Failure::Lasting(io::Error::other(format!("{host} speaks no TLS here; try http://")));
    }
    if text.contains("CaUsedAsEndEntity") {
        let advice = "it says that it is an authority's (CA:TRUE), and a server may not show such a one; make it with `-addext \
                      basicConstraints=critical,CA:FALSE`, or check none (--insecure, `.insecure(true)`)";
        return Failure::Lasting(io::Error::other(format!(
            "the certificate of {host} cannot be trusted: {advice}"
        )));
    }
    if text.contains("certificate") {
        let advice = "if you trust this server, name its certificate in SSL_CERT_FILE, or check none (--insecure, `.insecure(true)`)";
        return Failure::Lasting(io::Error::other(format!(
            "the certificate of {host} cannot be trusted: {text}; {advice}"
        )));
    }
    Failure::Lasting(io::Error::other(format!("{host}: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_and_what_will_not() {
        let passes = |failure: Failure| matches!(failure, Failure::Passing(..));
        let io = |kind, text: &str| passes(io_failure(io::Error::new(kind, text), "h"));
        assert!(io(ErrorKind::ConnectionReset, "reset"));
        assert!(io(ErrorKind::UnexpectedEof, "peer closed"));
        assert!(io(
            ErrorKind::Other,
            "failed to lookup address information: Temporary failure in name resolution"
        ));
        assert!(!io(ErrorKind::Other, "failed to lookup address information: Name or service not known"));
        assert!(!io(ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer"));
        let passing = [408, 423, 429, 500, 502, 503, 504];
        for status in [400, 401, 403, 404, 405, 409, 412, 413, 507, 508].iter().chain(&passing) {
            assert_eq!(
                answer_passes(StatusCode::from_u16(*status).unwrap()),
                passing.contains(status),
                "{status}"
            );
        }
    }
}

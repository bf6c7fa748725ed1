//! Requests and answers: what may pass is tried again, what will not is an error with the server's words.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::sync::Once;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use ureq::http::{self, HeaderMap, StatusCode, Uri, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, DefaultConnector};
use ureq::{Agent, AsSendBody, SendBody};

use super::credentials::Credentials;
use super::redirect;
use super::temporary;
use super::veil::{Veil, reveal};
use super::words::words;
use crate::storage::location::{Options, User};
use crate::storage::progress::{Meter, name_of, notice};
use crate::{limits, storage};

/// Until a server is reached.
const CONNECT: Duration = Duration::from_secs(20);
/// Without a byte in either direction.
const SILENCE: Duration = Duration::from_secs(60);
/// The same, while a server moves or copies a large file, or has taken one.
const WORK: Duration = Duration::from_secs(600);
/// Longest wait that a server may ask for.
const LONGEST_WAIT: u64 = 30;
/// Bodies of so many bytes are sent when the server has said that it wants them.
const ASK_FIRST: u64 = 64 << 10;
const MOST_REDIRECTS: usize = 10;
/// Values of a query with no more letters are numbers, dates and switches.
const LONGEST_PLAIN: usize = 16;

/// What reaches servers.
pub(in crate::storage) struct Client {
    agent: Agent,
    /// Who we are by the header `Authorization`; `None` where requests say it in another way.
    credentials: Option<Credentials>,
    pub(in crate::storage) retries: u32,
    insecure: bool,
}

/// A request. Secrets are apart from the rest.
#[derive(Clone, Default)]
pub(in crate::storage) struct Request<'a> {
    pub(in crate::storage) method: &'static str,
    /// Without what follows a `?`.
    pub(in crate::storage) url: String,
    /// What follows a `?`.
    pub(in crate::storage) query: Option<String>,
    pub(in crate::storage) headers: Vec<(&'static str, String)>,
    /// Value of the header `Destination`: where a file is moved or copied to. Redirected as the URL is.
    pub(in crate::storage) destination: Option<String>,
    pub(in crate::storage) body: Body<'a>,
    /// Bytes of the file of which the body is a part, for its bar; `None` where the body is all of it.
    pub(in crate::storage) total: Option<u64>,
    /// Answers besides 2xx that are no errors.
    pub(in crate::storage) accept: &'static [u16],
}

/// What a request carries.
#[derive(Clone, Default)]
pub(in crate::storage) enum Body<'a> {
    #[default]
    Nothing,
    Text(&'a str),
    /// A range of a file: where it begins, and its length.
    File(&'a File, u64, u64),
}

/// The answer to a request.
pub(in crate::storage) struct Answer {
    pub(in crate::storage) status: u16,
    pub(in crate::storage) headers: HeaderMap,
    pub(in crate::storage) body: Box<dyn Read + Send>,
    /// What of the request must not be shown, where the server repeats it.
    pub(in crate::storage) secrets: Vec<String>,
}

impl Answer {
    /// A header as text.
    pub(in crate::storage) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; nothing is left of it.
    pub(in crate::storage) fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(io::Error::other)
    }

    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let body = std::mem::replace(&mut self.body, Box::new(io::empty()));
        body.take(limits::ANSWER_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limits::ANSWER_BYTES {
            let text = format!("the server answered more than {} bytes", limits::ANSWER_BYTES);
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }
}

/// Why a request failed once.
enum Failure {
    /// It may pass; with the seconds that the server asks to wait.
    Passing(io::Error, Option<u64>),
    Lasting(io::Error),
}

impl Failure {
    /// Says more.
    fn add(&mut self, text: &str) {
        let (Self::Passing(error, _) | Self::Lasting(error)) = self;
        *error = io::Error::new(error.kind(), format!("{error}{text}"));
    }
}

impl Client {
    pub(in crate::storage) fn new(credentials: Option<Credentials>, options: &Options) -> io::Result<Self> {
        let mut tls = TlsConfig::builder();
        if options.insecure {
            tls = tls.disable_verification(true);
        } else if let Some(certs) = own_certificates()? {
            tls = tls.root_certs(certs);
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .user_agent(concat!("rhyton/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .tls_config(tls.build())
            .build();
        let connector = DefaultConnector::default().chain(Veil);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, credentials, retries: options.retries, insecure: options.insecure })
    }

    /// Sends a request, again while what fails may pass, and follows redirections.
    pub(in crate::storage) fn send(&self, request: &Request) -> io::Result<Answer> {
        self.repeat(|| self.send_redirected(request))
    }

    /// The same; the body of the answer is here, whole. For answers that people could read.
    pub(in crate::storage) fn send_whole(&self, request: &Request) -> io::Result<Answer> {
        self.repeat(|| {
            let mut answer = self.send_redirected(request)?;
            let body = answer.bytes().map_err(|error| match error.kind() {
                ErrorKind::InvalidData => Failure::Lasting(error),
                _ => Failure::Passing(error, None),
            })?;
            Ok(Answer { body: Box::new(io::Cursor::new(body)), ..answer })
        })
    }

    fn repeat(&self, once: impl Fn() -> Result<Answer, Failure>) -> io::Result<Answer> {
        let mut tries = 0;
        loop {
            match once() {
                Ok(answer) => return Ok(answer),
                // Who waited for a minute, waits once more, and not for hours.
                Err(Failure::Passing(error, asked))
                    if tries < self.retries && (tries == 0 || error.kind() != ErrorKind::TimedOut) =>
                {
                    notice(&format!("{error}; trying again"));
                    match asked {
                        Some(seconds) => std::thread::sleep(Duration::from_secs(seconds.min(LONGEST_WAIT))),
                        None => storage::wait(tries),
                    }
                    tries = tries.saturating_add(1);
                }
                Err(Failure::Passing(error, _)) if tries > 0 => {
                    let text = format!("{error} (tried {} times)", tries.saturating_add(1));
                    return Err(io::Error::new(error.kind(), text));
                }
                Err(Failure::Passing(error, _) | Failure::Lasting(error)) => return Err(error),
            }
        }
    }

    /// Sends a request once, where nobody minds if it fails.
    pub(in crate::storage) fn try_once(&self, request: &Request) -> io::Result<Answer> {
        self.send_redirected(request).map_err(|(Failure::Passing(error, _) | Failure::Lasting(error))| error)
    }

    fn send_redirected(&self, request: &Request) -> Result<Answer, Failure> {
        let mut request = request.clone();
        for _ in 0..MOST_REDIRECTS {
            let answer = self.send_once(&request)?;
            match redirect::target(&answer, &request).map_err(Failure::Lasting)? {
                Some(next) => request = next,
                None => return Ok(answer),
            }
        }
        Err(Failure::Lasting(io::Error::other("the server redirects without end")))
    }

    fn send_once(&self, request: &Request) -> Result<Answer, Failure> {
        let large = matches!(request.body, Body::File(_, _, size) if size >= ASK_FIRST);
        self.send_once_as(request, large)
    }

    fn send_once_as(&self, request: &Request, asks_first: bool) -> Result<Answer, Failure> {
        let lasting =
            |error: http::Error| Failure::Lasting(io::Error::new(ErrorKind::InvalidInput, error.to_string()));
        let url = redirect::encoded(&request.url);
        let uri: Uri = url.parse().map_err(|e: http::uri::InvalidUri| lasting(e.into()))?;
        if self.insecure && uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
            warn_insecure();
        }
        let authorization = self.credentials.as_ref().and_then(|credentials| credentials.authorization(&uri));
        let mut secrets = Vec::new();
        let mut veiled = |name: &str, secret: &str| {
            let placeholder = format!("veiled-{name}-{:p}", self);
            secrets.push((placeholder.clone(), secret.to_owned()));
            placeholder
        };
        let target = match &request.query {
            Some(query) => format!("{url}?{}", veiled("query", &redirect::encoded(query))),
            None => url.clone(),
        };
        let mut builder = http::Request::builder().method(request.method).uri(target);
        if let Some((value, _)) = &authorization {
            builder = builder.header(header::AUTHORIZATION, veiled("authorization", value));
        }
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(destination) = &request.destination {
            builder = builder.header("destination", redirect::encoded(destination));
        }
        let sent = match &request.body {
            Body::Nothing => {
                let built = patient(&self.agent, builder.body(()).map_err(lasting)?);
                reveal(secrets, || self.agent.run(built))
            }
            Body::Text(text) => {
                let builder = builder.header(header::CONTENT_TYPE, "application/xml; charset=utf-8");
                let built = patient(&self.agent, builder.body(*text).map_err(lasting)?);
                reveal(secrets, || self.agent.run(built))
            }
            Body::File(file, from, size) => {
                let name = name_of(&request.url);
                let total = request.total.unwrap_or(*size);
                let mut meter = Meter::new("Writing", temporary::of(&name).unwrap_or(&name), total);
                meter.start_at(request.total.map_or(0, |_| *from));
                let mut reader = Measured { file, left: *size, meter };
                let mut start = *file;
                start.seek(io::SeekFrom::Start(*from)).map_err(Failure::Lasting)?;
                builder = builder.header(header::CONTENT_LENGTH, size.to_string());
                if asks_first {
                    builder = builder.header(header::EXPECT, "100-continue");
                }
                let built = builder.body(SendBody::from_reader(&mut reader)).map_err(lasting)?;
                let built = patient(&self.agent, built);
                reveal(secrets, || self.agent.run(built))
            }
        };
        let (head, body) = sent.map_err(|error| failure(error, &uri))?.into_parts();
        let answer = Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Box::new(body.into_reader()),
            secrets: secrets_of(request.query.as_deref(), authorization.as_ref()),
        };
        let status = answer.status;
        if matches!(status, 200..=299) || redirect::is_one(status) || request.accept.contains(&status) {
            return Ok(answer);
        }
        if status == 417 && asks_first {
            // A server that does not know the question.
            return self.send_once_as(request, false);
        }
        let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap_or("Basic").to_ascii_lowercase();
        let mut failure = refused(answer);
        if status == 401 && !challenge.contains("basic") {
            let kind = challenge.split_whitespace().next().unwrap_or_default();
            failure.add(&format!("; it wants `{kind}` authentication, where only `basic` is known here"));
        } else if status == 401 && self.credentials.is_some() {
            failure.add(&advice(authorization.map(|(_, user)| user), &uri));
        }
        Err(failure)
    }
}

/// A request whose answer may take a server some time, when it is one.
fn patient<B: AsSendBody>(agent: &Agent, request: http::Request<B>) -> http::Request<B> {
    match request.method().as_str() {
        "MOVE" | "COPY" | "PUT" | "POST" => {
            agent.configure_request(request).timeout_per_read(Some(WORK)).build()
        }
        _ => request,
    }
}

/// Says once that nobody looks at certificates.
fn warn_insecure() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        eprintln!("Warning: certificates are not checked (insecure): a server may be anybody's")
    });
}

/// The certificates that the environment names, as it does for curl; else those that everybody trusts.
fn own_certificates() -> io::Result<Option<RootCerts>> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let failed = |what: String| io::Error::other(format!("SSL_CERT_FILE: {}: {what}", path.display()));
    let text = std::fs::read(&path).map_err(|e| failed(e.to_string()))?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&text) {
        if let ureq::tls::PemItem::Certificate(certificate) = item.map_err(|e| failed(e.to_string()))? {
            found.push(certificate);
        }
    }
    match found.is_empty() {
        true => Err(failed("there is no certificate in it".into())),
        false => Ok(Some(RootCerts::new_with_certs(&found))),
    }
}

/// A part of a file that says how far it was read.
struct Measured<'a> {
    file: &'a File,
    left: u64,
    meter: Meter,
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = buffer.get_mut(..room).map_or(Ok(0), |room| self.file.read(room))?;
        if read == 0 && room > 0 {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the file became shorter while it was sent"));
        }
        self.left = self.left.saturating_sub(read as u64);
        self.meter.advance(read as u64);
        Ok(read)
    }
}

/// What an answer means that is no success.
fn refused(answer: Answer) -> Failure {
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
fn secrets_of(query: Option<&str>, authorization: Option<&(String, User)>) -> Vec<String> {
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
fn advice(user: Option<User>, uri: &Uri) -> String {
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
fn failure(error: ureq::Error, uri: &Uri) -> Failure {
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

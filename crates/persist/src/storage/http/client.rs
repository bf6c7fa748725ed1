//! Requests and answers: what may pass is tried again, what will not is an error with the server's words.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::time::Duration;

use ureq::http::request::Builder;
use ureq::http::{self, HeaderMap, Uri, header};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, DefaultConnector};
use ureq::{Agent, AsSendBody, SendBody};

use super::certificates::{own_certificates, warn_insecure};
use super::credentials::Credentials;
use super::failure::{Failure, advice, failure, refused, secrets_of};
use super::redirect;
use super::temporary;
use super::veil::{Veil, reveal};
use crate::place::{Options, User};
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

/// Placeholders, and what they stand for.
type Secrets = Vec<(String, String)>;

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
        let url = redirect::encoded(&request.url);
        let uri: Uri = url.parse().map_err(|e: http::uri::InvalidUri| invalid(e.into()))?;
        if self.insecure && uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
            warn_insecure();
        }
        let authorization = self.credentials.as_ref().and_then(|credentials| credentials.authorization(&uri));
        let (builder, secrets) = self.head(request, &url, authorization.as_ref().map(|(value, _)| &**value));
        let sent = self.transmit(request, builder, secrets, asks_first)?;
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
        Err(self.refusal(answer, authorization.map(|(_, user)| user), &uri))
    }

    /// Everything of a request before its body, with placeholders for what is secret, and what they stand for.
    fn head(&self, request: &Request, url: &str, authorization: Option<&str>) -> (Builder, Secrets) {
        let mut secrets = Vec::new();
        let mut veiled = |name: &str, secret: &str| {
            let placeholder = format!("veiled-{name}-{:p}", self);
            secrets.push((placeholder.clone(), secret.to_owned()));
            placeholder
        };
        let target = match &request.query {
            Some(query) => format!("{url}?{}", veiled("query", &redirect::encoded(query))),
            None => url.to_owned(),
        };
        let mut builder = http::Request::builder().method(request.method).uri(target);
        if let Some(value) = authorization {
            builder = builder.header(header::AUTHORIZATION, veiled("authorization", value));
        }
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(destination) = &request.destination {
            builder = builder.header("destination", redirect::encoded(destination));
        }
        (builder, secrets)
    }

    /// Adds the body and sends it all; `asks_first` whether the server wants a file, before it goes.
    fn transmit(
        &self,
        request: &Request,
        mut builder: Builder,
        secrets: Secrets,
        asks_first: bool,
    ) -> Result<Result<http::Response<ureq::Body>, ureq::Error>, Failure> {
        Ok(match &request.body {
            Body::Nothing => {
                let built = patient(&self.agent, builder.body(()).map_err(invalid)?);
                reveal(secrets, || self.agent.run(built))
            }
            Body::Text(text) => {
                let builder = builder.header(header::CONTENT_TYPE, "application/xml; charset=utf-8");
                let built = patient(&self.agent, builder.body(*text).map_err(invalid)?);
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
                let built = builder.body(SendBody::from_reader(&mut reader)).map_err(invalid)?;
                let built = patient(&self.agent, built);
                reveal(secrets, || self.agent.run(built))
            }
        })
    }

    /// What a server's refusal means, and what to do about it.
    fn refusal(&self, answer: Answer, user: Option<User>, uri: &Uri) -> Failure {
        let status = answer.status;
        let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap_or("Basic").to_ascii_lowercase();
        let mut failure = refused(answer);
        if status == 401 && !challenge.contains("basic") {
            let kind = challenge.split_whitespace().next().unwrap_or_default();
            failure.add(&format!("; it wants `{kind}` authentication, where only `basic` is known here"));
        } else if status == 401 && self.credentials.is_some() {
            failure.add(&advice(user, uri));
        }
        failure
    }
}

/// A request that cannot be written down.
fn invalid(error: http::Error) -> Failure {
    Failure::Lasting(io::Error::new(ErrorKind::InvalidInput, error.to_string()))
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

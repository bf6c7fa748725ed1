//! The real servers that `cargo xtask servers` starts, and says in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rhyton::prelude::*;

use super::proxy::Proxy;

const MISSING: &str =
    "RHYTON_REQUIRE_SERVERS is set, but there is no server: run this with `cargo xtask servers`";

/// Apache with WebDAV.
pub struct Dav {
    https: String,
    /// The same server without TLS.
    pub http: String,
    pub user: String,
    pub password: String,
    /// Where its documents are on this machine.
    pub documents: PathBuf,
}

/// The server; `None`, and a word about it, where there is none.
pub fn dav() -> Option<Dav> {
    let set = |name: &str| std::env::var(name).ok();
    let found = || {
        Some(Dav {
            https: set("RHYTON_TEST_WEBDAV")?,
            http: set("RHYTON_TEST_HTTP")?,
            user: set("RHYTON_TEST_WEBDAV_USER")?,
            password: set("RHYTON_TEST_WEBDAV_PASSWORD")?,
            documents: set("RHYTON_TEST_WEBDAV_FOLDER")?.into(),
        })
    };
    let found = found();
    if found.is_none() {
        assert!(set("RHYTON_REQUIRE_SERVERS").is_none(), "{MISSING}");
        eprintln!("skipped: no WebDAV server (`cargo xtask servers cargo test` starts one)");
    }
    found
}

impl Dav {
    /// A place on the server, with user and password in the URL; its certificate is not looked at.
    pub fn at(&self, path: &str) -> Location {
        self.through(&self.https, path)
    }

    /// The same place through a proxy.
    pub fn behind(&self, proxy: &Proxy, path: &str) -> Location {
        self.through(&proxy.url(&self.https), path)
    }

    /// The URL without a user.
    pub fn nobody_at(&self, path: &str) -> Location {
        Location::new(format!("{}/{path}", self.https)).insecure(true)
    }

    fn through(&self, base: &str, path: &str) -> Location {
        let host = base.strip_prefix("https://").expect("https");
        let user = format!("{}:{}", encoded(&self.user), encoded(&self.password));
        Location::new(format!("https://{user}@{host}/{path}")).insecure(true)
    }

    /// A proxy before it.
    pub fn proxy(&self) -> Proxy {
        let address: SocketAddr = self.https.trim_start_matches("https://").parse().expect("an address");
        Proxy::start(address)
    }

    /// Makes a folder that no other test uses; gives its name.
    pub fn folder(&self, name: &str) -> String {
        let name = unused(name);
        rhyton::persist::commit::create_folder(self.at(&format!("dav/{name}"))).expect("makes a folder");
        name
    }

    /// Names of what is in a folder, temporary ones too.
    pub fn names(&self, folder: &str) -> Vec<String> {
        super::list(&self.documents.join(folder))
    }
}

/// A name that no other test uses.
fn unused(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A server that speaks S3.
pub struct S3 {
    endpoint: String,
    bucket: String,
}

/// The server; `None`, and a word about it, where there is none.
pub fn s3() -> Option<S3> {
    let set = |name: &str| std::env::var(name).ok();
    let found = set("RHYTON_TEST_S3").zip(set("RHYTON_TEST_S3_BUCKET"));
    if found.is_none() {
        assert!(set("RHYTON_REQUIRE_SERVERS").is_none(), "{MISSING}");
        eprintln!("skipped: no S3 server (`cargo xtask servers cargo test` starts one)");
    }
    found.map(|(endpoint, bucket)| S3 { endpoint, bucket })
}

impl S3 {
    /// A place in the bucket.
    pub fn at(&self, path: &str) -> Location {
        Location::new(format!("s3://{}/{path}", self.bucket)).endpoint(&self.endpoint)
    }

    /// The same place through a proxy.
    pub fn behind(&self, proxy: &Proxy, path: &str) -> Location {
        self.at(path).endpoint(proxy.url(&self.endpoint))
    }

    /// A proxy before it.
    pub fn proxy(&self) -> Proxy {
        Proxy::start(self.endpoint.trim_start_matches("http://").parse().expect("an address"))
    }

    /// A folder that no other test uses.
    pub fn folder(&self, name: &str) -> String {
        unused(name)
    }
}

/// Text as a part of a URL.
fn encoded(text: &str) -> String {
    let letter =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(letter).collect()
}

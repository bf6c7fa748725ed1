//! Which certificates are trusted.

use std::io;
use std::sync::Once;

use ureq::tls::RootCerts;

/// Says once that nobody looks at certificates.
pub(super) fn warn_insecure() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        eprintln!("Warning: certificates are not checked (insecure): a server may be anybody's")
    });
}

/// The certificates that the environment names, as it does for curl; else those that everybody trusts.
pub(super) fn own_certificates() -> io::Result<Option<RootCerts>> {
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

//! What a text means: a path of this machine, or a URL.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::{Remote, Scheme, User};

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The text without secrets, and what a URL has beyond it.
pub(super) fn parse(path: &Path) -> (PathBuf, Option<Remote>) {
    let local = |path: PathBuf| (path, None);
    let Some((scheme, rest)) = path.to_str().and_then(scheme_of) else { return local(path.to_path_buf()) };
    match scheme.as_str() {
        "file" => {
            let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let path = decode(path);
            let path = if cfg!(windows) { path.trim_start_matches('/').to_owned() } else { path };
            match host {
                "" | "localhost" => local(path.into()),
                _ => unknown(
                    format!("file://{rest}"),
                    "name the file as file:///PATH, since a file:// URL is of this machine",
                ),
            }
        }
        "http" | "https" => {
            let (user, rest) = user_of(rest, true);
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
            if !authority.ends_with(']') && !port.bytes().all(|b| b.is_ascii_digit()) {
                // It may be a password.
                let advice = "after the host's colon comes a number; in a password write / ? # @ , as %2F %3F %23 %40 %2C";
                return unknown(format!("{scheme}://..."), advice);
            }
            if let Some((before, _)) = rest.split_once('#') {
                return unknown(
                    format!("{scheme}://{before}#..."),
                    "write # in a name as %23, and in a password too",
                );
            }
            let (rest, query) = match rest.split_once('?') {
                Some((rest, query)) => (rest, Some(query)),
                None => (rest, None),
            };
            let remote = Remote::new(Scheme::Http, user, query.map(Into::into));
            (format!("{scheme}://{rest}").into(), Some(remote))
        }
        "s3" => {
            let (user, rest) = user_of(rest, false);
            (format!("s3://{rest}").into(), Some(Remote::new(Scheme::S3, user, None)))
        }
        // What is behind the scheme may hold secrets, and nobody knows where.
        other => {
            unknown(format!("{other}://..."), "use a path, or a URL of https://, http://, s3:// or file://")
        }
    }
}

fn unknown(text: String, advice: &str) -> (PathBuf, Option<Remote>) {
    (text.into(), Some(Remote::new(Scheme::Unknown(advice.into()), None, None)))
}

/// The scheme of a URL, in small letters, and what follows `://`. (Paths that were taken apart and joined lose a slash: `https:/host`.)
fn scheme_of(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(":/")?;
    let letters = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let scheme = scheme.to_ascii_lowercase();
    match rest.strip_prefix('/') {
        Some(rest) if letters => Some((scheme, rest)),
        None if letters && matches!(scheme.as_str(), "http" | "https" | "s3") => Some((scheme, rest)),
        // `file:/PATH`: all of it is the path.
        None if scheme == "file" => text.get(5..).map(|rest| (scheme, rest)),
        _ => None,
    }
}

/// Takes `user:password@` off the beginning of what follows `://`. In passwords people leave letters as they are that end the name of
/// a host, `/`, `?` and `#`: where no number of a port can be meant (buckets have none), the user ends at an `@` after them.
fn user_of(rest: &str, has_ports: bool) -> (Option<User>, &str) {
    let authority_of = |text: &str| text.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let authority = authority_of(rest);
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_port = |port: &str| has_ports && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let found = match port {
        _ if authority.contains('@') => authority.rfind('@'),
        Some(port) if !is_port(port) && !authority.starts_with('[') => rest.find('@').map(|at| {
            let after = authority_of(rest.get(at.saturating_add(1)..).unwrap_or_default());
            at.saturating_add(after.rfind('@').map_or(0, |more| more.saturating_add(1)))
        }),
        _ => None,
    };
    let Some(user) = found.and_then(|at| rest.get(..at)) else { return (None, rest) };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let after = rest.get(user.len().saturating_add(1)..).unwrap_or_default();
    (Some(User { name: decode(name), password: decode(password) }), after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Location};

    fn user(text: &str) -> Option<(String, String)> {
        let user = Location::new(text).remote()?.user.clone()?;
        Some((user.name, user.password))
    }

    #[test]
    fn paths_stay_paths() {
        for path in ["model.keras", "/tmp/a:b/c", "C:/models/x.h5", r"C:\models\x.h5", "a:/b", "./http:x", ""]
        {
            assert_eq!(Location::new(path).local(), Some(Path::new(path)), "{path}");
        }
        for (url, path) in [
            ("file:///tmp/a%20b", "/tmp/a b"),
            ("file://localhost/tmp/x", "/tmp/x"),
            ("file:/tmp/x", "/tmp/x"),
            ("FILE:///x", "/x"),
        ] {
            let path = if cfg!(windows) { path.trim_start_matches('/') } else { path };
            assert_eq!(Location::new(url).local(), Some(Path::new(path)), "{url}");
        }
    }

    #[test]
    fn secrets_are_taken_off() {
        for url in [
            "https://me:p%40ss@h.org:8443/f/m.keras?sig=s3cret",
            "HTTPS://me:p@ss@h.org:8443/f/m.keras?sig=s3cret",
            "https:/me:p%40ss@h.org:8443/f/m.keras?sig=s3cret",
        ] {
            let location = Location::new(url);
            assert_eq!(location.to_string(), "https://h.org:8443/f/m.keras");
            assert_eq!(format!("{location:?}"), "\"https://h.org:8443/f/m.keras\"");
            assert_eq!(user(url), Some(("me".into(), "p@ss".into())), "{url}");
            assert_eq!(location.remote().unwrap().query.as_deref(), Some("sig=s3cret"));
        }
        assert_eq!(user("https://h.org/a@b"), None);
        assert_eq!(user("https://h.org:8443/a:b@c"), None);
        assert_eq!(user("https://[::1]/a@b"), None);
        for password in ["p/s", "p?s", "p#s", "/", "1a/@x"] {
            let location = Location::new(format!("https://me:{password}@h.org/f/m.keras"));
            let shown = location.to_string();
            assert!(shown.ends_with("h.org/f/m.keras") && !shown.contains("me:"), "{shown}");
        }
        assert_eq!(Location::new("s3://KEY:a%2Fb@bucket/x y").to_string(), "s3://bucket/x y");
        assert_eq!(user("s3://KEY:a%2Fb@bucket/x"), Some(("KEY".into(), "a/b".into())));
        assert_eq!(Location::new("s3://KEY:a/b+c/@bucket/x@y").to_string(), "s3://bucket/x@y");
        assert_eq!(user("s3://KEY:a/b+c/@bucket/x@y"), Some(("KEY".into(), "a/b+c/".into())));
        assert_eq!(user("s3://bucket/x@y"), None);
        assert_eq!(Location::new("sftp://me:pw@h/x").to_string(), "sftp://...");
        assert_eq!(Location::new("http://me:pw").to_string(), "http://...");
        assert_eq!(Location::new("http://h/a#b").to_string(), "http://h/a#...");
        assert!(matches!(
            crate::storage::store(&Location::new("http://h/a#b")),
            Some(Err(Error::Usage { .. }))
        ));
    }

    #[test]
    fn names_and_folders() {
        for (url, folder, name) in [
            ("https://h/f/a%20b.keras", "https://h/f", Some("a b.keras")),
            ("https://h/f/", "https://h/", Some("f")),
            ("https://h/f", "https://h/", Some("f")),
            ("https://h/", "https://h/", None),
            ("https://h", "https://h", None),
            ("s3://b/k/a%20b", "s3://b/k", Some("a%20b")),
            ("a/b.h5", "a", Some("b.h5")),
            ("b.h5", ".", Some("b.h5")),
        ] {
            let location = Location::new(url);
            assert_eq!(location.folder().to_string(), folder, "{url}");
            assert_eq!(location.file_name().as_deref(), name, "{url}");
        }
        let joined = |url: &str, name: &str| Location::new(url).join(name).to_string();
        assert_eq!(joined("https://h/", "x/y#z"), "https://h/x/y%23z");
        assert_eq!(joined("https://h", "x"), "https://h/x");
        assert_eq!(joined("https://h/f?q", "x"), "https://h/f/x");
        assert_eq!(joined("s3://b/k", "x y"), "s3://b/k/x y");
        assert_eq!(joined("a", "x"), Path::new("a").join("x").display().to_string());
    }
}

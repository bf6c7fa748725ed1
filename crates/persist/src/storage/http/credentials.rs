//! Whom servers shall take us for.

use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine as _;
use ureq::http::Uri;

use crate::Location;
use crate::place::User;

/// Where users and passwords come from, in this order.
#[derive(Default)]
pub(in crate::storage) struct Credentials {
    /// Of the URL that was given, for its host and port.
    given: Option<(String, User)>,
    /// Of the environment, for the host and port that it names.
    environment: Option<(String, User)>,
    /// Of `~/.netrc`, by host. Read when it is first needed.
    netrc: OnceLock<Vec<(Option<String>, User)>>,
}

impl Credentials {
    /// Those for a URL that was given.
    pub(super) fn of(location: &Location) -> Self {
        let authority = |location: &Location| {
            let uri: Uri = super::redirect::encoded(&location.url()).parse().ok()?;
            Some(place(&uri))
        };
        let given = location.remote().and_then(|remote| remote.user.clone());
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let environment = || {
            let folder = Location::from(set("RHYTON_WEBDAV")?);
            let user = match set("RHYTON_WEBDAV_USER") {
                Some(name) => User { name, password: set("RHYTON_WEBDAV_PASSWORD").unwrap_or_default() },
                None => folder.remote()?.user.clone()?,
            };
            Some((authority(&folder)?, user))
        };
        Self {
            given: given.and_then(|user| Some((authority(location)?, user))),
            environment: environment(),
            netrc: OnceLock::new(),
        }
    }

    /// The value of the header `Authorization` for a URL, and what of it must not be shown.
    pub(super) fn authorization(&self, uri: &Uri) -> Option<(String, User)> {
        let user = self.user(uri)?;
        let plain = format!("{}:{}", user.name, user.password);
        let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
        Some((format!("Basic {encoded}"), user))
    }

    fn user(&self, uri: &Uri) -> Option<User> {
        let place = place(uri);
        for (of, user) in self.given.iter().chain(&self.environment) {
            if *of == place {
                // `https://me@host`: who, but not how.
                let known = || self.netrc(uri, Some(&user.name));
                let known = user.password.is_empty().then(known).flatten();
                return Some(known.unwrap_or_else(|| user.clone()));
            }
        }
        self.netrc(uri, None)
    }

    /// The user of a host in `~/.netrc`, of this name where one is given.
    fn netrc(&self, uri: &Uri, name: Option<&str>) -> Option<User> {
        let host = uri.host()?.to_ascii_lowercase();
        let read = || netrc_path().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let netrc = self.netrc.get_or_init(|| parse_netrc(&read()));
        let of = |(machine, user): &&(Option<String>, User)| {
            machine.as_ref().is_none_or(|machine| *machine == host)
                && name.is_none_or(|name| name == user.name)
        };
        netrc.iter().find(of).map(|(_, user)| user.clone())
    }
}

/// Host and port.
fn place(uri: &Uri) -> String {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    format!("{}:{port}", uri.host().unwrap_or_default().to_ascii_lowercase())
}

fn netrc_path() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NETRC").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let home = std::env::home_dir()?;
    [".netrc", "_netrc"].map(|name| home.join(name)).into_iter().find(|path| path.is_file())
}

/// Users by machine; `None` for `default`, which is the last.
fn parse_netrc(text: &str) -> Vec<(Option<String>, User)> {
    let mut found: Vec<(Option<String>, User)> = Vec::new();
    let mut tokens = tokens(text).into_iter();
    while let Some(token) = tokens.next() {
        let nobody = || User { name: String::new(), password: String::new() };
        match token.as_str() {
            "machine" => found.push((tokens.next().map(|host| host.to_ascii_lowercase()), nobody())),
            "default" => found.push((None, nobody())),
            "login" | "password" | "account" => {
                let (value, last) = (tokens.next().unwrap_or_default(), found.last_mut());
                match (last, token.as_str()) {
                    (Some((_, user)), "login") => user.name = value,
                    (Some((_, user)), "password") => user.password = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|(machine, _)| machine.is_none());
    found
}

/// Words between blanks; quotes hold words together, a backslash inside them takes the next letter as it is. Comments and macros are
/// skipped.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        let mut rest = line.trim_start();
        // A password may begin so too, but not a line.
        if rest.starts_with('#') {
            continue;
        }
        while !rest.is_empty() {
            let mut token = String::new();
            let quoted = rest.starts_with('"');
            let mut letters = rest.char_indices().skip(usize::from(quoted));
            let mut end = rest.len();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '"' if quoted => {
                        end = at.saturating_add(1);
                        break;
                    }
                    '\\' if quoted => token.extend(letters.next().map(|(_, letter)| letter)),
                    letter if !quoted && letter.is_whitespace() => {
                        end = at;
                        break;
                    }
                    letter => token.push(letter),
                }
            }
            if token == "macdef" && !quoted {
                in_macro = true;
                break;
            }
            found.push(token);
            rest = rest.get(end..).unwrap_or_default().trim_start();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, password: &str) -> User {
        User { name: name.into(), password: password.into() }
    }

    #[test]
    fn netrc_files() {
        let text = "# a comment\nmachine a.org login me password \"p \\\"w\"\ndefault login anyone password none\n\
                    macdef init\nmachine fake login x password y\n\nmachine B.org\n  login you # mine\n  password #hash\n\
                    machine c.org login \"late\" account x password p";
        let found = parse_netrc(text);
        let expected = [
            (Some("a.org".to_owned()), user("me", "p \"w")),
            (Some("b.org".to_owned()), user("you", "#hash")),
            (Some("c.org".to_owned()), user("late", "p")),
            (None, user("anyone", "none")),
        ];
        assert!(found == expected);
    }

    #[test]
    fn each_host_gets_its_own() {
        let given = Credentials {
            given: Some(("a.org:443".into(), user("me", "pw"))),
            environment: Some(("b.org:8080".into(), user("env", "pw"))),
            netrc: vec![(Some("c.org".into()), user("rc", "pw"))].into(),
        };
        let name = |url: &str| given.user(&url.parse().unwrap()).map(|user| user.name);
        assert_eq!(name("https://A.org/x").as_deref(), Some("me"));
        assert_eq!(name("http://a.org/x"), None);
        assert_eq!(name("https://a.org:8443/x"), None);
        assert_eq!(name("http://b.org:8080/").as_deref(), Some("env"));
        assert_eq!(name("https://c.org:1/").as_deref(), Some("rc"));
        let named = Credentials {
            given: Some(("a.org:443".into(), user("me", ""))),
            netrc: vec![(Some("a.org".into()), user("you", "1")), (None, user("me", "2"))].into(),
            ..Credentials::default()
        };
        assert!(named.user(&"https://a.org/".parse().unwrap()) == Some(user("me", "2")));
        // RFC 7617, section 2.
        let aladdin = Credentials {
            given: Some(("h:443".into(), user("Aladdin", "open sesame"))),
            ..Credentials::default()
        };
        let (header, _) = aladdin.authorization(&"https://h/".parse().unwrap()).unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}

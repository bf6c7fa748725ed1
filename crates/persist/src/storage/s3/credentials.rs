//! Whom the server takes us for: the URL says it, or the environment, or the file that Amazon's programs share.

use std::io::ErrorKind;
use std::path::PathBuf;

use rusty_s3::Credentials;

use crate::place::User;
use crate::{Error, Location};

/// How to say it.
pub(super) const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile of \
                                 ~/.aws/credentials, or write s3://KEY:SECRET@BUCKET/NAME";

/// The credentials for a URL; `None` where there are none, which is enough for reading what everybody may read.
pub(super) fn find(
    location: &Location,
    user: Option<&User>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Credentials>, Error> {
    let wrong = |what: &str| Error::Usage { what: format!("{location}: {what}"), advice: ADVICE.into() };
    if let Some(user) = user {
        return match user.name.is_empty() || user.password.is_empty() {
            true => Err(wrong("the URL has half of the credentials")),
            false => Ok(Some(Credentials::new(user.name.clone(), user.password.clone()))),
        };
    }
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(key), Some(secret)) => return Ok(Some(made(key, secret, variable("AWS_SESSION_TOKEN")))),
        (None, None) => {}
        _ => {
            return Err(wrong("one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set, the other is not"));
        }
    }
    let named = variable("AWS_PROFILE");
    let path = match variable("AWS_SHARED_CREDENTIALS_FILE") {
        Some(path) => Some(PathBuf::from(path)),
        None => std::env::home_dir().map(|home| home.join(".aws").join("credentials")),
    };
    let text = match path.as_ref().map(std::fs::read_to_string) {
        Some(Ok(text)) => text,
        Some(Err(source)) if source.kind() != ErrorKind::NotFound => {
            return Err(Error::Io { action: "read", path: path.unwrap_or_default(), source });
        }
        _ => String::new(),
    };
    let profile = profile(&text, named.as_deref().unwrap_or("default"));
    match (profile, named) {
        (Some(Profile { key: Some(key), secret: Some(secret), token }), _) => {
            Ok(Some(made(key, secret, token)))
        }
        (None, None) => Ok(None),
        (found, named) => {
            let name = named.unwrap_or_else(|| "default".into());
            let lacks = if found.is_some() { "has no key and secret" } else { "is not there" };
            let path = path.unwrap_or_default();
            Err(Error::Usage {
                what: format!("{location}: the profile `{name}` {lacks} in {}", path.display()),
                advice: format!(
                    "{ADVICE}; for profiles of other kinds: `aws configure export-credentials --format env`"
                ),
            })
        }
    }
}

fn made(key: String, secret: String, token: Option<String>) -> Credentials {
    match token {
        Some(token) => Credentials::new_with_token(key, secret, token),
        None => Credentials::new(key, secret),
    }
}

/// What the file says under a name.
#[derive(Default)]
struct Profile {
    key: Option<String>,
    secret: Option<String>,
    token: Option<String>,
}

/// Reads `[NAME]` and the lines `word = value` after it; the last of two is right.
fn profile(text: &str, name: &str) -> Option<Profile> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            inside = section.trim() == name;
            if inside {
                found.get_or_insert_with(Profile::default);
            }
        }
        let (true, Some(profile), Some((word, value))) = (inside, &mut found, line.split_once('=')) else {
            continue;
        };
        // A comment follows a blank.
        let value =
            value.split(" #").next().and_then(|value| value.split(" ;").next()).unwrap_or_default().trim();
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        match word.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => profile.key = value,
            "aws_secret_access_key" => profile.secret = value,
            "aws_session_token" => profile.token = value,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# of mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=a/b+c== # secret\nregion = x\n\n\
                        [ work ]\r\n  AWS_ACCESS_KEY_ID=AKIA2\r\n  aws_secret_access_key = s=2\r\n  aws_session_token = t\r\n\
                        #aws_access_key_id = no\n[sso]\nsso_session = me\n";

    /// The credentials where the environment and the file are these.
    fn found(
        url: &str,
        variables: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<Option<Credentials>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        let variable = |name: &str| match name {
            "AWS_SHARED_CREDENTIALS_FILE" => path.to_str().map(str::to_owned),
            _ => variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()),
        };
        let location = Location::new(url);
        find(&location, location.remote().unwrap().user.as_ref(), &variable)
    }

    fn parts(found: Result<Option<Credentials>, Error>) -> Option<(String, String, Option<String>)> {
        let found = found.unwrap()?;
        Some((found.key().into(), found.secret().into(), found.token().map(str::to_owned)))
    }

    fn of(key: &str, secret: &str, token: Option<&str>) -> Option<(String, String, Option<String>)> {
        Some((key.into(), secret.into(), token.map(str::to_owned)))
    }

    #[test]
    fn the_nearest_credentials_are_taken() {
        let keys =
            [("AWS_ACCESS_KEY_ID", "AKIA3"), ("AWS_SECRET_ACCESS_KEY", "s3"), ("AWS_SESSION_TOKEN", "t3")];
        assert_eq!(parts(found("s3://A:b%2Fc@x/y", &keys, Some(FILE))), of("A", "b/c", None));
        assert_eq!(parts(found("s3://x/y", &keys, Some(FILE))), of("AKIA3", "s3", Some("t3")));
        assert_eq!(parts(found("s3://x/y", &keys[..2], None)), of("AKIA3", "s3", None));
        assert_eq!(parts(found("s3://x/y", &[], Some(FILE))), of("AKIA1", "a/b+c==", None));
        let profile = [("AWS_PROFILE", "work")];
        assert_eq!(parts(found("s3://x/y", &profile, Some(FILE))), of("AKIA2", "s=2", Some("t")));
        assert_eq!(parts(found("s3://x/y", &[], None)), None);
    }

    #[test]
    fn half_of_them_is_an_error_without_them() {
        let said = |url, variables: &[_], file| found(url, variables, file).err().unwrap().to_string();
        let half = said("s3://KEYKEY@x/y", &[], None);
        assert!(
            half.contains("half") && half.contains("AWS_ACCESS_KEY_ID") && !half.contains("KEYKEY"),
            "{half}"
        );
        let half = said("s3://x/y", &[("AWS_SECRET_ACCESS_KEY", "hidden")], Some(FILE));
        assert!(half.contains("the other is not") && !half.contains("hidden"), "{half}");
        let none = said("s3://x/y", &[("AWS_PROFILE", "gone")], Some(FILE));
        assert!(none.contains("the profile `gone` is not there"), "{none}");
        let sso = said("s3://x/y", &[("AWS_PROFILE", "sso")], Some(FILE));
        assert!(sso.contains("the profile `sso` has no key") && sso.contains("export-credentials"), "{sso}");
    }
}

//! Which bucket a URL means, and where it is.

use std::io::{self, ErrorKind};

use rusty_s3::{Bucket, UrlStyle};

use crate::place::Options;
use crate::{Error, Location};

/// The region of those who say none.
const REGION: &str = "us-east-1";

/// The bucket of a URL.
pub(super) fn find(
    location: &Location,
    options: &Options,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Bucket, Error> {
    let wrong = |what: &str, advice: &str| Error::Usage {
        what: format!("{location}: {what}"),
        advice: advice.into(),
    };
    let url = location.url();
    let (name, _) = split(&url);
    if name.trim_start_matches('.').is_empty() {
        return Err(wrong("there is no bucket in it", "write s3://BUCKET/NAME"));
    }
    let region =
        variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| REGION.into());
    let own = options.endpoint.clone();
    let own = own.or_else(|| variable("AWS_ENDPOINT_URL_S3")).or_else(|| variable("AWS_ENDPOINT_URL"));
    // Amazon's certificate is for one name before its own; other servers may have no such names at all.
    let in_host = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let style = if own.is_none() && in_host { UrlStyle::VirtualHost } else { UrlStyle::Path };
    let endpoint = own.unwrap_or_else(|| {
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://s3.{region}.amazonaws.com{china}")
    });
    // It is not shown: it may have a password.
    let bad = || {
        wrong(
            "the address of the S3 server is no URL",
            "give https://HOST or http://HOST:PORT as the endpoint (AWS_ENDPOINT_URL_S3), and a region like eu-west-1 (AWS_REGION)",
        )
    };
    let endpoint = endpoint.parse().map_err(|_| bad())?;
    Bucket::new(endpoint, style, name.to_owned(), region).map_err(|_| bad())
}

/// Bucket and key of a URL.
fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    rest.split_once('/').unwrap_or((rest, ""))
}

/// The key of a URL in that bucket; empty for the bucket itself.
fn key<'u>(bucket: &Bucket, url: &'u str) -> io::Result<&'u str> {
    let wrong = |what: &str| Err(io::Error::new(ErrorKind::InvalidInput, what));
    let (name, key) = split(url);
    if name != bucket.name() {
        return wrong("it is in another bucket");
    }
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return wrong("keys with the parts `.` and `..` cannot be reached");
    }
    Ok(key)
}

/// The key of a file. Never empty: what is done to the empty key is done to the bucket.
pub(super) fn file<'u>(bucket: &Bucket, url: &'u str) -> io::Result<&'u str> {
    let key = key(bucket, url)?;
    if key.trim_matches('/').is_empty() {
        return Err(io::Error::new(
            ErrorKind::IsADirectory,
            "a bucket is no file: give the name of one in it",
        ));
    }
    match key.ends_with('/') {
        true => Err(io::Error::new(ErrorKind::NotFound, "a name that ends in a slash is one of a folder")),
        false => Ok(key),
    }
}

/// What the keys of a folder's files begin with; empty for the bucket itself.
pub(super) fn folder(bucket: &Bucket, url: &str) -> io::Result<String> {
    let key = key(bucket, url)?.trim_end_matches('/');
    Ok(if key.is_empty() { String::new() } else { format!("{key}/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(url: &str, endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Bucket, Error> {
        let variable =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let options = Options { endpoint: endpoint.map(Into::into), ..Options::default() };
        find(&Location::new(url), &options, &variable)
    }

    #[test]
    fn where_a_bucket_is() {
        let base = |url: &str, endpoint, variables: &[_]| {
            bucket(url, endpoint, variables).unwrap().base_url().to_string()
        };
        assert_eq!(base("s3://b-1/k", None, &[]), "https://b-1.s3.us-east-1.amazonaws.com/");
        let (ireland, beijing) = (("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "cn-north-1"));
        assert_eq!(base("s3://b/k", None, &[beijing, ireland]), "https://b.s3.eu-west-1.amazonaws.com/");
        assert_eq!(base("s3://b", None, &[beijing]), "https://b.s3.cn-north-1.amazonaws.com.cn/");
        assert_eq!(base("s3://b.c/k", None, &[]), "https://s3.us-east-1.amazonaws.com/b.c/");
        let (s3, all) = (("AWS_ENDPOINT_URL_S3", "http://h:9000/s3"), ("AWS_ENDPOINT_URL", "http://all"));
        assert_eq!(base("s3://b/k", None, &[all, s3]), "http://h:9000/s3/b/");
        assert_eq!(base("s3://b/k", None, &[all]), "http://all/b/");
        assert_eq!(base("s3://b/k", Some("https://mine"), &[all, s3]), "https://mine/b/");

        for (url, endpoint) in [
            ("s3://", None),
            ("s3:///k", None),
            ("s3://../k", None),
            ("s3://b/k", Some("localhost:9000")),
            ("s3://b/k", Some("ftp://me:secret@h")),
            ("s3://b/k", Some("https://me:secret@")),
        ] {
            let error = bucket(url, endpoint, &[]).unwrap_err();
            assert!(matches!(error, Error::Usage { .. }) && !error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn keys_of_files_and_folders() {
        let bucket = bucket("s3://b/k", None, &[]).unwrap();
        assert_eq!(file(&bucket, "s3://b/a b/ü%20#?").unwrap(), "a b/ü%20#?");
        let kind = |url| file(&bucket, url).unwrap_err().kind();
        assert_eq!(kind("s3://b"), ErrorKind::IsADirectory);
        assert_eq!(kind("s3://b/"), ErrorKind::IsADirectory);
        assert_eq!(kind("s3://b//"), ErrorKind::IsADirectory);
        assert_eq!(kind("s3://b/k/"), ErrorKind::NotFound);
        assert_eq!(kind("s3://other/k"), ErrorKind::InvalidInput);
        assert_eq!(kind("s3://b/../other/k"), ErrorKind::InvalidInput);
        for (url, prefix) in [("s3://b", ""), ("s3://b/", ""), ("s3://b/k", "k/"), ("s3://b/k/l/", "k/l/")] {
            assert_eq!(folder(&bucket, url).unwrap(), prefix);
        }
    }
}

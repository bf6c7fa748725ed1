//! The store against a server that answers what it is told to, and copies of many parts against a real one.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::store::Sizes;
use super::*;
use crate::place::Options;
use crate::place::store::{Store as _, Tag};

const SECRET: &str = "a-Secret/Of/Forty+Letters==";
/// Small parts, and no second try.
const SIZES: Sizes = Sizes { whole: 10, part: 4, copied: 10, copied_part: 8 };

/// A server that gives these answers, one after another; it ends with the heads and bodies of the requests.
fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = move |answer: String| {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut body) = (Vec::new(), Vec::new());
        while !seen.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        let mut head = String::from_utf8(seen).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        body.resize(length.unwrap_or(0), 0);
        stream.read_exact(&mut body).unwrap();
        // What servers do that help people to find mistakes.
        let (top, text) = answer.split_once("\r\n\r\n").unwrap();
        let (old, text) = (text.len(), text.replace("ECHO", head.lines().next().unwrap()));
        let top = match text.is_empty() {
            true => top.to_owned(),
            false => {
                top.replace(&format!("Content-Length: {old}"), &format!("Content-Length: {}", text.len()))
            }
        };
        stream.write_all(format!("{top}\r\n\r\n{text}").as_bytes()).unwrap();
        head.push_str(std::str::from_utf8(&body).unwrap());
        head
    };
    (address, std::thread::spawn(move || answers.into_iter().map(serve).collect()))
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

/// The answer to HEAD.
fn about(size: usize, etag: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\nETag: \"{etag}\"\r\n\r\n")
}

fn store(endpoint: &str, url: &str, variables: &[(&str, &str)]) -> S3 {
    let variable = |name: &str| match name {
        "AWS_SHARED_CREDENTIALS_FILE" => Some("/there/is/no/such/file".into()),
        _ => variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()),
    };
    let location = Location::new(url);
    let options = Options { endpoint: Some(endpoint.into()), retries: 0, ..Options::default() };
    let client = Client::new(None, &options).unwrap();
    let credentials =
        credentials::find(&location, location.remote().unwrap().user.as_ref(), &variable).unwrap();
    let mut store = S3::new(client, place::find(&location, &options, &variable).unwrap(), credentials);
    store.sizes = SIZES;
    store
}

fn signed(endpoint: &str) -> S3 {
    store(endpoint, &format!("s3://AKIAKEY:{SECRET}@b/k"), &[])
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn a_range_is_asked_for_and_nothing_says_who_we_are_but_the_signature() {
    let headers = "Content-Range: bytes 2-4/9\r\nETag: \"e\"\r\n";
    let (url, seen) = server(vec![answer("206 Partial Content", headers, "cde")]);
    let tag = Tag { etag: Some("\"e\"".into()), modified: None };
    let part = signed(&url).get("s3://b/a b/ü+%", 2, 3, Some(&tag)).unwrap();
    assert_eq!((part.start, part.total, part.ranges, part.tag), (2, Some(9), true, tag));
    let seen = seen.join().unwrap().remove(0);
    assert!(seen.starts_with("GET /b/a%20b/%C3%BC%2B%25?X-Amz-Algorithm=AWS4-HMAC-SHA256&"), "{seen}");
    assert!(seen.contains("\r\nrange: bytes=2-4\r\n") && seen.contains("\r\nif-match: \"e\"\r\n"), "{seen}");
    assert!(seen.contains("X-Amz-SignedHeaders=host&") && !seen.contains("authorization"), "{seen}");
}

#[test]
fn an_empty_file_has_no_first_byte() {
    let (url, _) = server(vec![answer("416 Requested Range Not Satisfiable", "", "<Error/>")]);
    let part = signed(&url).get("s3://b/k", 0, 100, None).unwrap();
    assert_eq!((part.total, part.ranges), (Some(0), true));
}

#[test]
fn errors_have_the_servers_words_and_no_secrets() {
    let token = "FwoGZXIvYXdzEBYaDKwithaslash/andplus+";
    let session =
        [("AWS_ACCESS_KEY_ID", "AKIAKEY"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", token)];
    // A page, and a text that is longer than what is shown.
    for body in ["<html><p>No way for ECHO (TOKEN)</p></html>", "No way for ECHO (TOKEN)"] {
        let (url, seen) = server(vec![answer("403 Forbidden", "", &body.replace("TOKEN", token))]);
        let error = store(&url, "s3://b/k", &session).get("s3://b/k", 0, 9, None).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let seen = seen.join().unwrap().remove(0);
        assert!(seen.contains("X-Amz-Security-Token=FwoG"), "{seen}");
        let error = error.to_string();
        assert_eq!(error, "the server answered 403 Forbidden: No way for GET /b/k?*** HTTP/1.1 (***)");
    }
    // Without credentials, it says how to give them; 401 means no WebDAV here.
    for status in ["403 Forbidden", "401 Unauthorized"] {
        let (url, _) = server(vec![answer(status, "", "<Error><Message>Access Denied.</Message></Error>")]);
        let error = store(&url, "s3://b/k", &[]).get("s3://b/k", 0, 9, None).err().unwrap().to_string();
        assert!(error.contains("Access Denied.; there are no credentials: set AWS_ACCESS_KEY_ID"), "{error}");
        assert!(!error.contains("netrc"), "{error}");
    }
    let nobody = store("http://127.0.0.1:1", "s3://b/k", &[]);
    let error = nobody.replace("s3://b/k", &file(b"x"), 1).unwrap_err();
    assert!(
        error.kind() == ErrorKind::PermissionDenied && error.to_string().contains("AWS_PROFILE"),
        "{error}"
    );
    assert_eq!(nobody.remove("s3://b/k").unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn another_region_is_an_error_that_names_it() {
    let body = "<Error><Code>PermanentRedirect</Code><Message>Use the specified endpoint.</Message></Error>";
    let headers = "x-amz-bucket-region: eu-west-1\r\nLocation: http://127.0.0.1:1/\r\n";
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let (url, _) = server(vec![answer(status, headers, body)]);
        let error = signed(&url).get("s3://b/k", 0, 9, None).err().unwrap().to_string();
        assert!(
            error.contains("set AWS_REGION=eu-west-1 (the server: Use the specified endpoint.)"),
            "{error}"
        );
    }
}

#[test]
fn what_did_not_arrive_whole_is_an_error() {
    let (url, _) = server(vec![answer("200 OK", "ETag: \"n\"\r\n", ""), about(3, "n")]);
    let error = signed(&url).replace("s3://b/k", &file(b"12345"), 5).unwrap_err();
    assert_eq!(error.to_string(), "the server kept 3 of 5 bytes, and said that all was well");
    // Another program's file; and one that may write and not read.
    for second in [about(3, "other"), "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n".into()] {
        let (url, _) = server(vec![answer("200 OK", "ETag: \"n\"\r\n", ""), second]);
        signed(&url).replace("s3://b/k", &file(b"12345"), 5).unwrap();
    }
}

/// The answers to an upload of 11 bytes in three parts, and what comes after them.
fn upload(last: Vec<String>) -> Vec<String> {
    let begun = "<InitiateMultipartUploadResult><UploadId>the id</UploadId></InitiateMultipartUploadResult>";
    let part = |etag| answer("200 OK", &format!("ETag: \"{etag}\"\r\n"), "");
    let first = vec![about(11, "old-3"), answer("200 OK", "", begun), part("1"), part("2"), part("3")];
    [first, last].concat()
}

const GONE: &str = "<Error><Code>NoSuchUpload</Code><Message>no upload</Message></Error>";

#[test]
fn a_large_file_goes_in_parts() {
    let done = "<CompleteMultipartUploadResult><ETag>new-3</ETag></CompleteMultipartUploadResult>";
    // Then the answer to the last request was lost once.
    let again = vec![answer("404 Not Found", "", GONE), about(11, "new-3")];
    for last in [vec![answer("200 OK", "", done)], again] {
        let (url, seen) = server(upload(last));
        signed(&url).replace("s3://b/k", &file(b"0123456789a"), 11).unwrap();
        let seen = seen.join().unwrap();
        assert!(
            seen[1].starts_with("POST /b/k?") && seen[1].contains("content-length: 0\r\n"),
            "{}",
            seen[1]
        );
        for (i, bytes) in ["0123", "4567", "89a"].iter().enumerate() {
            let head = &seen[2 + i];
            assert!(
                head.starts_with("PUT /b/k?")
                    && head.contains(&format!("partNumber={}&uploadId=the%20id", i + 1))
            );
            assert!(head.ends_with(bytes), "{head}");
        }
        assert!(
            seen[5].ends_with("</CompleteMultipartUpload>") && seen[5].contains("<PartNumber>3<"),
            "{}",
            seen[5]
        );
    }
}

#[test]
fn a_broken_upload_is_aborted() {
    let refused = "<Error><Code>InvalidPart</Code><Message>a part is gone</Message></Error>";
    let abort = answer("204 No Content", "", "");
    for (last, said) in [
        (vec![answer("200 OK", "", refused), abort.clone()], "a part is gone"),
        // What is there is the older one.
        (vec![answer("404 Not Found", "", GONE), about(11, "old-3"), abort.clone()], "no upload"),
    ] {
        let (url, seen) = server(upload(last));
        let error = signed(&url).replace("s3://b/k", &file(b"0123456789a"), 11).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        let seen = seen.join().unwrap();
        assert!(seen.last().unwrap().starts_with("DELETE /b/k?"), "{seen:?}");
    }
}

#[test]
fn a_copy_is_asked_for_by_its_name() {
    let done = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
    let (url, seen) = server(vec![about(9, "e"), answer("200 OK", "", done)]);
    signed(&url).copy("s3://b/a b/ü", "s3://b/k").unwrap();
    let seen = seen.join().unwrap().remove(1);
    assert!(seen.starts_with("PUT /b/k?") && seen.contains("content-length: 0\r\n"), "{seen}");
    assert!(seen.contains("\r\nx-amz-copy-source: b/a%20b/%C3%BC\r\n"), "{seen}");
    assert!(
        seen.contains("X-Amz-SignedHeaders=host%3Bx-amz-copy-source%3Bx-amz-copy-source-if-match&"),
        "{seen}"
    );

    let refused = "<Error><Code>AccessDenied</Code><Message>not this one</Message></Error>";
    let (url, _) = server(vec![about(9, "e"), answer("200 OK", "", refused)]);
    let error = signed(&url).copy("s3://b/a", "s3://b/k").unwrap_err();
    assert_eq!(error.to_string(), "the server could not do it: not this one");
    let (url, _) = server(vec!["HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n".into()]);
    assert_eq!(signed(&url).copy("s3://b/a", "s3://b/k").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_bucket_is_never_what_is_removed() {
    let store = signed("http://127.0.0.1:1");
    for url in ["s3://b", "s3://b/", "s3://b//"] {
        assert_eq!(store.remove(url).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(store.replace(url, &file(b""), 0).unwrap_err().kind(), ErrorKind::IsADirectory);
    }
}

#[test]
fn lists_end_and_stay_in_their_folder() {
    let page = |more: &str, keys: &[&str]| {
        let keys: String = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        answer("200 OK", "", &format!("<ListBucketResult>{more}{keys}</ListBucketResult>"))
    };
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    let (url, seen) = server(vec![page(more, &["k/", "k/a", "k/..", "other", "k/b/c"]), page("", &["k/z"])]);
    let names: Vec<_> = signed(&url).list("s3://b/k").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a", "z"]);
    assert!(
        seen.join().unwrap()[1]
            .contains("continuation-token=t&delimiter=%2F&encoding-type=url&list-type=2&prefix=k%2F")
    );

    let (url, _) = server(vec![page(more, &["k/a"]), page(more, &["k/a"])]);
    assert!(signed(&url).list("s3://b/k").unwrap_err().to_string().contains("again and again"));
    let (url, _) = server(vec![page("", &[]), page("", &[])]);
    let empty = signed(&url);
    assert_eq!(empty.list("s3://b/k").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(empty.list("s3://b/").unwrap().is_empty());
}

/// Where `cargo xtask servers` has started a real one.
#[test]
fn a_copy_of_many_parts() {
    let (Some(url), Some(bucket)) = (environment("RHYTON_TEST_S3"), environment("RHYTON_TEST_S3_BUCKET"))
    else {
        assert!(environment("RHYTON_REQUIRE_SERVERS").is_none(), "there is no server");
        return println!("skipped: RHYTON_TEST_S3 is not set");
    };
    let mut store = store(&url, &format!("s3://AKIAKEY:secret@{bucket}/"), &[]);
    // Parts have 5 MiB at least.
    store.sizes = Sizes { whole: 1 << 20, part: 5 << 20, copied: 6 << 20, copied_part: 5 << 20 };
    let bytes: Vec<u8> = (0..12_000_000_u32).map(|i| (i % 251) as u8).collect();
    let place = |name: &str| format!("s3://{bucket}/parts/{name} ü+%");
    store.replace(&place("a"), &file(&bytes), bytes.len() as u64).unwrap();
    store.copy(&place("a"), &place("b")).unwrap();
    let mut found = Vec::new();
    store.get(&place("b"), 0, 100 << 20, None).unwrap().body.read_to_end(&mut found).unwrap();
    assert!(found == bytes);
    let about = store.about(&format!("parts/{} ü+%", "b")).unwrap().unwrap();
    assert!(about.etag.is_some_and(|etag| etag.ends_with("-3\"")));
    // Nothing is changed where it cannot be done.
    assert!(store.copy(&place("gone"), &place("b")).is_err());
    assert_eq!(store.about("parts/b ü+%").unwrap().unwrap().size, Some(12_000_000));
}

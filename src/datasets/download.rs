//! Downloading a known file into Keras' cache, for Keras and for the next run.

use super::DatasetError;
use super::files::Known;
use rhyton_persist::{Error, Location, commit, storage};
use std::io::Write;
use std::path::Path;

/// How often to try again; the servers of the tests answer once.
const RETRIES: u32 = if cfg!(test) { 0 } else { 2 };

/// Downloads `file` from `url`, checks it, puts it at `path` at once (or not at all), and returns its bytes.
pub(super) fn into_cache(url: &str, file: &Known, path: &Path) -> Result<Vec<u8>, DatasetError> {
    let failed = |cause| DatasetError::Download { url: url.into(), target: path.to_path_buf(), cause };
    let bytes = get(url, file.size).map_err(failed)?;
    file.check(&bytes, path, "bytes").map_err(|e| match e {
        DatasetError::Checksum { found, expected, .. } => {
            failed(format!("the SHA-256 of what came is {found}, expected {expected}"))
        }
        other => other,
    })?;
    let write = || {
        path.parent().map_or(Ok(()), commit::create_folder)?;
        commit::write_file(path, |target| {
            target.write_all(&bytes).map_err(|source| Error::Io {
                action: "write",
                path: path.to_path_buf(),
                source,
            })
        })
    };
    match write() {
        // The file is there; that a power failure may undo it costs another download at most.
        Ok(()) | Err(Error::Durability { .. }) => Ok(bytes),
        Err(Error::Io { action, path, source }) => Err(DatasetError::Io { action, path, source }),
        Err(other) => Err(failed(other.to_string())),
    }
}

fn get(url: &str, size: u64) -> Result<Vec<u8>, String> {
    let bytes = storage::read(Location::new(url).retries(RETRIES), size).map_err(|error| match error {
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    })?;
    match bytes.len() as u64 {
        found if found == size => Ok(bytes),
        found => Err(format!("the server sent {found} bytes, where {size} are expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::{DatasetError, Known, into_cache};
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::JoinHandle;

    /// The SHA-256 is that of FIPS 180-2, appendix B.1.
    const ABC: Known = Known {
        name: "abc",
        size: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    /// Answers one request.
    fn serve(answer: &'static str) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        (url, server)
    }

    fn download(answer: &'static str) -> (Result<Vec<u8>, DatasetError>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("made").join("datasets");
        let (url, server) = serve(answer);
        let result = into_cache(&url, &ABC, &cache.join("abc"));
        server.join().unwrap();
        let there = fs::read_dir(&cache)
            .map(|files| files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        (result, there)
    }

    #[test]
    fn the_right_bytes_go_into_the_cache() {
        let (result, there) = download("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(result.unwrap(), b"abc");
        assert_eq!(there, ["abc"]);
    }

    #[test]
    fn anything_else_is_an_error_and_leaves_nothing() {
        for (answer, cause) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabd", "SHA-256"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "after 2 bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", "more than"),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        ] {
            let (result, there) = download(answer);
            let error = result.unwrap_err();
            assert!(matches!(error, DatasetError::Download { .. }), "{error:?}");
            assert!(error.to_string().contains(cause), "{error}");
            assert!(error.to_string().contains("put it at"), "{error}");
            assert!(there.is_empty(), "{there:?}");
        }
    }

    #[test]
    fn no_network_is_an_error_that_says_what_to_do() {
        // A port that was free a moment ago: nobody listens there.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let error =
            into_cache(&format!("http://127.0.0.1:{port}/x"), &ABC, &folder.path().join("abc")).unwrap_err();
        assert!(error.to_string().contains("get the file another way and put it at"), "{error}");
    }
}

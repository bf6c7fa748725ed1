//! moto, a server that speaks S3 and keeps everything in memory.

use super::guard::{self, Server};
use super::{Environment, free_addresses, random_word};
use crate::python;
use crate::shell::{self, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// moto's application in a server that hands on whole requests only: the one that comes with it takes a head that was cut off for a
/// whole one without a body, and empties the object.
const PROGRAM: &str = "\
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from waitress import serve
serve(DomainDispatcherApplication(create_backend_app), host='127.0.0.1', port=int(sys.argv[1]), threads=8)
";

const BUCKET: &str = "rhyton-tests";

/// Starts it, with an empty bucket.
pub fn start(folder: &Path) -> Result<(Server, Environment)> {
    let python = python::environment()?;
    if !shell::succeeds(Command::new(&python).args(["-c", "import moto.server, waitress"])) {
        return Err(format!(
            "{} has no moto or no waitress; install them: {} -m pip install 'moto[s3,server]' waitress",
            python.display(),
            python.display()
        ));
    }
    let [address] = free_addresses()?;
    let mut command = guard::command(python);
    command.args(["-c", PROGRAM, &address.port().to_string()]);
    // moto spools large objects to temporary files.
    command.env("TMPDIR", folder);
    let mut server = Server::start("moto", &mut command, folder)?;
    server.wait_for(address, Duration::from_secs(60))?;
    let answer = make_bucket(address).map_err(|e| server.error(&format!("made no bucket ({e})")))?;
    if answer.split(' ').nth(1) != Some("200") {
        return Err(server.error(&format!("made no bucket ({answer})")));
    }
    let environment = vec![
        ("RHYTON_TEST_S3", format!("http://{address}").into()),
        ("RHYTON_TEST_S3_BUCKET", BUCKET.into()),
        ("AWS_ACCESS_KEY_ID", format!("AKIA{}", random_word(16)?.to_uppercase()).into()),
        ("AWS_SECRET_ACCESS_KEY", random_word(40)?.into()),
        ("AWS_REGION", "us-east-1".into()),
    ];
    Ok((server, environment))
}

/// Asks for the bucket; gives the first line of the answer.
fn make_bucket(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // moto checks no signatures, so none is made.
    write!(
        stream,
        "PUT /{BUCKET} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_string())
}

//! Real servers for the tests of remote storage: Apache for WebDAV, HTTP and HTTPS, and moto for S3.
//!
//! They listen on 127.0.0.1 only, keep all their files in a temporary folder, and are gone when the command
//! has ended, however it ended. The environment of the command says where they are:
//!
//! | | |
//! | --- | --- |
//! | `RHYTON_TEST_WEBDAV`, `RHYTON_TEST_HTTP` | Apache with and without TLS, `https://127.0.0.1:PORT`; `apache.conf` says what is below |
//! | `RHYTON_TEST_WEBDAV_USER`, `.._PASSWORD` | who may use the folders that want a password |
//! | `RHYTON_TEST_WEBDAV_CERT` | the certificate to trust, PEM |
//! | `RHYTON_TEST_WEBDAV_FOLDER` | the documents on the disk; folders that Apache shall write into are made through it (MKCOL) |
//! | `RHYTON_TEST_S3`, `RHYTON_TEST_S3_BUCKET` | moto, `http://127.0.0.1:PORT`, and an empty bucket |
//! | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` | any keys would do: moto checks no signatures |

mod apache;
mod guard;
mod s3;

use crate::shell::{self, Result};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, exit};

/// What a server adds to the environment of the command.
type Environment = Vec<(&'static str, OsString)>;

/// `cargo xtask servers`.
pub fn run(arguments: &[String]) -> Result {
    let options = Options::parse(arguments)?;
    let status = run_between(&options)?;
    // Every server is stopped by now. The status is the command's own, which `Result` has no place for.
    exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

/// Starts the servers, runs the command, and stops them.
fn run_between(options: &Options) -> Result<ExitStatus> {
    let folder = tempfile::Builder::new()
        .prefix("rhyton-servers-")
        // Apache's worker may be another user, who has to pass through.
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let (mut servers, mut environment) = (Vec::new(), Environment::new());
    if options.webdav {
        let (server, adds) = apache::start(&make_folder(folder.path().join("apache"))?)?;
        servers.push(server);
        environment.extend(adds);
    }
    if options.s3 {
        let (server, adds) = s3::start(&make_folder(folder.path().join("s3"))?)?;
        servers.push(server);
        environment.extend(adds);
    }
    // A proxy that the user has set is not for these.
    for name in ["NO_PROXY", "no_proxy"] {
        let others = std::env::var(name).map(|hosts| format!(",{hosts}")).unwrap_or_default();
        environment.push((name, format!("127.0.0.1,localhost{others}").into()));
    }
    let status = shell::command(&options.program).args(&options.arguments).envs(environment).status();
    drop(servers);
    status.map_err(|e| format!("cannot run `{}`: {e}", options.program))
}

/// The command line of `cargo xtask servers`.
struct Options {
    webdav: bool,
    s3: bool,
    program: String,
    arguments: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let (only, rest) = match arguments {
            [option, only, rest @ ..] if option == "--only" => (Some(only.as_str()), rest),
            rest => (None, rest),
        };
        if !matches!(only, None | Some("webdav" | "s3")) {
            return Err("--only: expected webdav or s3".into());
        }
        let rest = rest.strip_prefix(&["--".to_string()]).unwrap_or(rest);
        match rest.split_first() {
            Some((program, arguments)) if !program.starts_with('-') => Ok(Options {
                webdav: only != Some("s3"),
                s3: only != Some("webdav"),
                program: program.clone(),
                arguments: arguments.to_vec(),
            }),
            Some((option, _)) => Err(format!("unexpected option `{option}`")),
            None => Err("expected a command to run".into()),
        }
    }
}

/// As many addresses of 127.0.0.1 as asked for, that nobody listens at.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let error = |e: std::io::Error| format!("no free port on 127.0.0.1: {e}");
    // All are held until each is known, so that they differ.
    let mut held = Vec::new();
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for address in &mut addresses {
        let listener = TcpListener::bind(*address).map_err(error)?;
        *address = listener.local_addr().map_err(error)?;
        held.push(listener);
    }
    Ok(addresses)
}

/// Random letters and digits, for what nobody shall know or guess.
fn random_word(length: usize) -> Result<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = vec![0; length];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|e| format!("/dev/urandom: {e}"))?;
    Ok(bytes.iter().map(|&byte| LETTERS[usize::from(byte) % LETTERS.len()] as char).collect())
}

fn make_folder(folder: std::path::PathBuf) -> Result<std::path::PathBuf> {
    fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

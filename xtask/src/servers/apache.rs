//! Apache: one folder of documents, seen as WebDAV and as plain files, and folders that fail.

use super::guard::{self, Server};
use super::{Environment, free_addresses, make_folder, random_word};
use crate::shell::Result;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const USER: &str = "tester";

/// Where `apache2` or `httpd` may be besides the folders of `PATH`.
const PROGRAM_FOLDERS: &[&str] =
    &["/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin", "/opt/homebrew/bin"];

/// Where its modules may be.
const MODULE_FOLDERS: &[&str] = &[
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
    "/usr/libexec/apache2",
    "/opt/homebrew/lib/httpd/modules",
];

/// Those that the configuration needs; some are built in, which differs between systems.
const MODULES: &[&str] = &[
    "mpm_event",
    "unixd",
    "log_config",
    "mime",
    "alias",
    "dir",
    "autoindex",
    "headers",
    "rewrite",
    "ssl",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_user",
    "auth_basic",
    "dav",
    "dav_fs",
];

/// Starts it, with a new password and a new certificate.
pub fn start(folder: &Path) -> Result<(Server, Environment)> {
    let program = find_program()?;
    let modules = MODULE_FOLDERS.iter().map(Path::new).find(|folder| folder.join("mod_dav.so").is_file());
    let modules = modules.ok_or_else(|| format!("{} has no mod_dav.so\n{INSTALL}", program.display()))?;
    let [http, https] = free_addresses()?;
    let documents = make_folder(folder.join("documents"))?;
    let locks = make_folder(folder.join("locks"))?;
    let password = password()?;
    let certificate = make_certificate(folder)?;
    write(&folder.join("users"), &format!("{USER}:{}\n", hash(&password)?))?;
    let worker = Worker::find(folder)?;
    if let Some(worker) = &worker {
        worker.own(&documents)?;
        worker.own(&locks)?;
    }
    let config = folder.join("apache.conf");
    write(&config, &configuration(folder, modules, worker.as_ref(), http, https))?;

    let mut command = guard::command(program);
    command.arg("-d").arg(folder).arg("-f").arg(&config).arg("-DFOREGROUND").env("TMPDIR", folder);
    let mut server = Server::start("Apache", &mut command, folder)?;
    for address in [http, https] {
        server.wait_for(address, Duration::from_secs(20))?;
    }
    let environment = vec![
        ("RHYTON_TEST_WEBDAV", format!("https://{https}").into()),
        ("RHYTON_TEST_HTTP", format!("http://{http}").into()),
        ("RHYTON_TEST_WEBDAV_USER", USER.into()),
        ("RHYTON_TEST_WEBDAV_PASSWORD", password.into()),
        ("RHYTON_TEST_WEBDAV_CERT", certificate.into()),
        ("RHYTON_TEST_WEBDAV_FOLDER", documents.into()),
    ];
    Ok((server, environment))
}

const INSTALL: &str =
    "Apache httpd 2.4 with mod_dav and mod_ssl is needed (Debian: apt-get install apache2-bin)";

fn find_program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(PROGRAM_FOLDERS.iter().map(PathBuf::from));
    let mut programs = folders.flat_map(|folder| ["apache2", "httpd"].map(|name| folder.join(name)));
    programs
        .find(|program| program.is_file())
        .ok_or_else(|| format!("there is no apache2 or httpd\n{INSTALL}"))
}

/// The user that serves the requests where the server is started by root, because Apache refuses to serve as root.
struct Worker {
    name: String,
    user: u32,
    group: u32,
}

impl Worker {
    /// None where we are not root, who would be the owner of the folder.
    fn find(folder: &Path) -> Result<Option<Self>> {
        if fs::metadata(folder).map_err(|e| format!("{}: {e}", folder.display()))?.uid() != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(|e| format!("/etc/passwd: {e}"))?;
        let find = |name: &str| {
            let fields: Vec<&str> =
                users.lines().map(|line| line.split(':').collect()).find(|f: &Vec<_>| f[0] == name)?;
            let number = |i: usize| fields.get(i)?.parse().ok();
            Some(Worker { name: name.to_string(), user: number(2)?, group: number(3)? })
        };
        let worker = ["www-data", "apache", "http", "_www", "nobody"].into_iter().find_map(find);
        worker.map(Some).ok_or_else(|| "no user www-data, apache, http, _www or nobody to serve as".into())
    }

    fn own(&self, folder: &Path) -> Result {
        chown(folder, Some(self.user), Some(self.group)).map_err(|e| format!("{}: {e}", folder.display()))
    }
}

/// Letters and digits, and characters that are not the same everywhere when they are quoted.
fn password() -> Result<String> {
    Ok(format!("{}@{}%{}+{}", random_word(6)?, random_word(6)?, random_word(6)?, random_word(6)?))
}

/// The password as a line of a file of users holds it.
fn hash(password: &str) -> Result<String> {
    let error = |e: std::io::Error| format!("cannot run openssl: {e} (Debian: apt-get install openssl)");
    let mut openssl = Command::new("openssl");
    let mut openssl = openssl
        // Not as an argument, which everybody on the machine could read.
        .args(["passwd", "-apr1", "-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(error)?;
    if let Some(mut input) = openssl.stdin.take() {
        writeln!(input, "{password}").map_err(error)?;
    }
    let output = openssl.wait_with_output().map_err(error)?;
    let hash = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if output.status.success() && !hash.is_empty() { Ok(hash) } else { Err("`openssl passwd` failed".into()) }
}

/// Makes `certificate.pem`, which is its own authority, and `key.pem`.
fn make_certificate(folder: &Path) -> Result<PathBuf> {
    // A configuration of its own, because the system's makes an authority, which TLS libraries refuse as a server.
    let config = folder.join("openssl.conf");
    write(
        &config,
        "[req]\ndistinguished_name = name\nx509_extensions = server\nprompt = no\n\
         [name]\nCN = 127.0.0.1\n\
         [server]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\nsubjectAltName = IP:127.0.0.1, DNS:localhost\n",
    )?;
    let certificate = folder.join("certificate.pem");
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    openssl
        .arg("-config")
        .arg(config)
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(&certificate);
    match openssl.output() {
        Ok(output) if output.status.success() => Ok(certificate),
        Ok(output) => {
            Err(format!("openssl made no certificate:\n{}", String::from_utf8_lossy(&output.stderr)))
        }
        Err(e) => Err(format!("cannot run openssl: {e} (Debian: apt-get install openssl)")),
    }
}

fn configuration(
    folder: &Path,
    modules: &Path,
    worker: Option<&Worker>,
    http: SocketAddr,
    https: SocketAddr,
) -> String {
    let mut config = String::new();
    for name in MODULES {
        let file = modules.join(format!("mod_{name}.so"));
        if file.is_file() {
            let file = file.display();
            config +=
                &format!("<IfModule !{name}_module>\nLoadModule {name}_module \"{file}\"\n</IfModule>\n");
        }
    }
    if let Some(Worker { name, group, .. }) = worker {
        config += &format!("User {name}\nGroup #{group}\n");
    }
    let replaced = [
        ("FOLDER", folder.display().to_string()),
        ("HTTPS", https.to_string()),
        ("HTTP", http.to_string()),
        ("PORT", https.port().to_string()),
    ];
    replaced.iter().fold(config + SITE, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

const SITE: &str = include_str!("apache.conf");

fn write(file: &Path, text: &str) -> Result {
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

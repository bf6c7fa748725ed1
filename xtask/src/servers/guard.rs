//! A server that cannot outlive who started it.

use crate::shell::Result;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No server runs longer than this.
const LIFE: Duration = Duration::from_secs(1500);

/// Runs `$@` in a process group of its own, until its end, the end of the standard input, or `limit` seconds.
///
/// The input is a pipe whose other end is ours, so it ends with us, even where we are killed. Then nobody else removes the
/// temporary folder, which is the parent of the current one.
const GUARD: &str = r#"
limit=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
stop() { kill "$server"; sleep 5; kill -KILL 0; }
(cat <&3; stop) >/dev/null 2>&1 &
(sleep "$limit"; stop) 3<&- >/dev/null 2>&1 &
wait "$server"
if ! kill -0 "$PPID"; then
    rm -rf "$PWD"
    rmdir "${PWD%/*}"
fi 2>/dev/null
kill -KILL 0
"#;

/// A command that starts `program` under the guard; arguments and environment may be added.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard"]).arg(LIFE.as_secs().to_string()).arg(program);
    command
}

/// A running server. It stops when this is dropped.
pub struct Server {
    name: &'static str,
    guard: Child,
    log: PathBuf,
}

impl Server {
    /// Starts what [`command`] gave, in a folder, with its output in a log file.
    pub fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join("output.log");
        let output = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = output.map_err(|e| format!("{}: {e}", log.display()))?;
        command.current_dir(folder).stdin(Stdio::piped()).stdout(out).stderr(err);
        // Signals to our group (Ctrl-C) are not for the server: the guard stops it in good order.
        let guard = command.process_group(0).spawn().map_err(|e| format!("cannot start {name}: {e}"))?;
        Ok(Server { name, guard, log })
    }

    /// Waits until the server accepts connections.
    pub fn wait_for(&mut self, address: SocketAddr, limit: Duration) -> Result {
        let start = Instant::now();
        loop {
            // First, so that nobody else's answer at this port is taken for that of a server that is gone.
            if let Ok(Some(_)) = self.guard.try_wait() {
                return Err(self.error("ended"));
            }
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if start.elapsed() > limit {
                return Err(self.error(&format!("did not answer at {address} within {limit:?}")));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// An error with all that the server has said.
    pub fn error(&self, what: &str) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        format!("{} {what}; its output:\n{}", self.name, String::from_utf8_lossy(&said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input stops the guard and the server, within five seconds.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

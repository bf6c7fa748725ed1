//! Running programs, and finding the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Errors are messages for the person at the terminal.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The root folder of the repository.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The folder under `target/` (or wherever Cargo builds) that belongs to `name`.
pub fn target_dir(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    // A relative CARGO_TARGET_DIR counts from the current folder; the programs started here run in the root.
    std::path::absolute(&target).unwrap_or(target).join(name)
}

/// A command that runs in the root of the repository.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    // What Cargo tells this package of itself. Build scripts look at it (ring's does), and would build again.
    for (name, _) in std::env::vars_os() {
        let told =
            name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"));
        if told {
            command.env_remove(name);
        }
    }
    command
}

/// The Cargo that runs this task.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Prints the command, runs it, and turns a failure into an error that names it.
pub fn run(command: &mut Command) -> Result {
    eprintln!("$ {}", display(command));
    let status = command.status().map_err(|e| format!("cannot run `{}`: {e}", display(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", display(command))) }
}

/// A program that runs beside others. Its output is shown when it has ended.
pub struct Beside {
    shown: String,
    child: std::process::Child,
    output: tempfile::NamedTempFile,
}

/// Starts a program beside others.
pub fn start(command: &mut Command) -> Result<Beside> {
    let shown = display(command);
    let failed = |e: std::io::Error| format!("cannot run `{shown}`: {e}");
    let output = tempfile::NamedTempFile::new().map_err(failed)?;
    let (stdout, stderr) =
        (output.as_file().try_clone().map_err(failed)?, output.as_file().try_clone().map_err(failed)?);
    let child = command.stdout(stdout).stderr(stderr).spawn().map_err(failed)?;
    Ok(Beside { shown, child, output })
}

impl Beside {
    /// Waits for its end, shows what it printed, and turns a failure into an error that names it.
    pub fn finish(mut self) -> Result {
        let status = self.child.wait().map_err(|e| format!("`{}`: {e}", self.shown))?;
        let printed = std::fs::read(self.output.path()).unwrap_or_default();
        eprintln!("$ {}\n{}", self.shown, String::from_utf8_lossy(&printed));
        if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", self.shown)) }
    }
}

/// Whether the program runs and reports success; its output is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Refuses any argument.
pub fn no_arguments(arguments: &[String]) -> Result {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(format!("unexpected argument `{extra}`")),
    }
}

/// The single argument, a folder; relative ones count from the current folder.
pub fn one_folder(arguments: &[String]) -> Result<PathBuf> {
    match arguments {
        [folder] if !folder.starts_with('-') => {
            std::path::absolute(folder).map_err(|e| format!("{folder}: {e}"))
        }
        _ => Err("expected one argument, a folder".into()),
    }
}

fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

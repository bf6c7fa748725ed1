//! The command `rhyton`. All that it does is the library's; here are the words of the command line.

mod arguments;
mod devices;
mod files;
mod models;

use std::error::Error as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use rhyton::Error;
use rhyton::models::registry::is_missing;
use rhyton::persist::shown;

fn main() -> ExitCode {
    // Before there are other threads.
    rhyton::device::gpu::quieten();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return refused(&refusal),
    };
    let servers = &arguments.servers;
    let done = match arguments.command {
        Command::Inspect(a) => files::inspect(&a, servers),
        Command::Convert(a) => files::convert(&a, servers),
        Command::Predict(a) => models::predict(&a, servers),
        Command::Evaluate(a) => models::evaluate(&a, servers),
        Command::Train(a) => models::train(&a, servers),
        Command::Copy(a) => files::copy(&a, servers),
        Command::Ls(a) => files::ls(&a, servers),
        Command::Devices(a) => devices::devices(&a),
        Command::Plan(a) => models::plan(&a, servers),
        Command::Completions(a) => completions(&a),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                complain(&text);
            }
            ExitCode::from(failure.code())
        }
    }
}

/// Why a command did not do what it should.
enum Failure {
    /// Nobody reads the output any more; that is no failure.
    Pipe,
    /// The output refused.
    Output(std::io::Error),
    /// What was asked for cannot be.
    Usage(String),
    /// A signal ended it, with this exit code; all that was done is saved.
    Stopped(u8),
    /// The library's error.
    Library(Error),
    /// The library's error about this file.
    Of(String, Error),
}

impl Failure {
    /// What to say of it, if anything.
    fn text(&self) -> Option<String> {
        match self {
            // What there was to say of a stop is said.
            Failure::Pipe | Failure::Stopped(_) => None,
            Failure::Output(error) => Some(format!("cannot write to the output: {error}")),
            Failure::Usage(what) => Some(what.clone()),
            Failure::Library(error) => Some(with_causes(error)),
            Failure::Of(path, error) => {
                let text = with_causes(error);
                Some(if text.contains(path) { text } else { format!("{path}: {text}") })
            }
        }
    }

    /// The exit code.
    fn code(&self) -> u8 {
        let wrong =
            |error: &Error| matches!(error.downcast_ref(), Some(rhyton::persist::Error::Usage { .. }));
        match self {
            Failure::Pipe => 0,
            Failure::Output(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Stopped(code) => *code,
            Failure::Library(error) | Failure::Of(_, error) => {
                if wrong(error) {
                    2
                } else {
                    1
                }
            }
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Library(error.into())
    }
}

/// Returns what classes that are not known mean to who has the command alone.
fn unknown(kind: &str, names: &str) -> String {
    let names: Vec<&str> = names.split("`, `").collect();
    let singular = kind.strip_suffix('s').filter(|_| kind != "loss").unwrap_or(kind);
    let of_keras = |name: &&&str| singular == "operation" || is_missing(singular, name);
    let (keras, others): (Vec<&str>, Vec<&str>) = names.iter().partition(of_keras);
    let listed = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let are = |names: &[&str]| format!("{} {} ", listed(names), if names.len() == 1 { "is" } else { "are" });
    let whose = [
        (&keras, "Keras' own, and not in rhyton yet"),
        (&others, "somebody's own, which a Rust program can register and the command cannot know"),
    ];
    let mixed = !keras.is_empty() && !others.is_empty();
    let whose: Vec<String> = whose
        .iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, whose)| if mixed { are(names) + whose } else { (*whose).to_owned() })
        .collect();
    let without = match singular {
        "optimizer" | "schedule" => {
            "`rhyton predict`, `evaluate`, `inspect` and `convert` work without, and `train` takes another: --optimizer"
        }
        "loss" | "metric" => {
            "`rhyton predict`, `inspect` and `convert` work without, and `train` and `evaluate` take others: --loss, --metrics"
        }
        _ => "`rhyton inspect` and `rhyton convert` work without",
    };
    format!("unknown {kind} {}: {}; {without}", listed(&names), whose.join("; "))
}

/// An error with what caused it, without saying twice what a message already says.
fn with_causes(error: &Error) -> String {
    if let Error::Unknown { kind, name, .. } = error {
        return unknown(kind, name);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let message = next.to_string();
        if !text.contains(&message) {
            text += &format!(": {message}");
        }
        cause = next.source();
    }
    text
}

/// What clap has to say: help, or that the command line is wrong. It repeats what was typed, which may be a URL with a password.
fn refused(refusal: &clap::Error) -> ExitCode {
    if !refusal.use_stderr() {
        return if refusal.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    }
    let text = refusal.render();
    let text = if styled(&std::io::stderr()) { text.ansi().to_string() } else { text.to_string() };
    let _ = write!(std::io::stderr(), "{}", without_secrets(&text));
    ExitCode::from(2)
}

/// A text in which URLs have neither users nor what follows a `?`.
fn without_secrets(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || c == '\'' || c == '\u{1b}').unwrap_or(part.len());
        let (url, rest) = part.split_at(end);
        let url = url.rsplit_once('@').map_or(url, |(_, url)| url);
        let url = url.split_once('?').map_or(url.to_owned(), |(url, _)| format!("{url}?..."));
        out += &format!("://{url}{rest}");
    }
    out
}

/// Says something on the standard error that is no error.
fn note(what: &str) {
    let _ = writeln!(std::io::stderr(), "{}", shown::line(what));
}

/// Says an error; where nobody hears, the exit code says it.
fn complain(what: &str) {
    let head = if styled(&std::io::stderr()) { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    let _ = writeln!(std::io::stderr(), "{head} {}", shown::line(what));
}

/// Whether a stream is a terminal that shows colours.
fn styled(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Prints to the standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Pipe,
        _ => Failure::Output(error),
    })
}

/// The script of a shell.
fn completions(arguments: &arguments::Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "rhyton", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints a line to the standard output, which may have names of files in it.
fn say(text: &str) -> Result<(), Failure> {
    print(&format!("{}\n", shown::plain(text)))
}

/// Prints JSON for programs.
fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{}\n", shown::json(&format!("{value:#}"))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn urls_in_messages_have_no_secrets() {
        let text = "unexpected argument 'https://me:pw@h/x?sig=1' found, 's3://K:s/@b/k'\nfile:///a";
        let shown = "unexpected argument 'https://h/x?...' found, 's3://b/k'\nfile:///a";
        assert_eq!(super::without_secrets(text), shown);
    }
}

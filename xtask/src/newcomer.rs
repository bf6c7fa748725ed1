//! The first minutes of somebody new: the README's program in a crate of its own.

use std::fs;

use crate::shell::{self, Result};

/// `cargo xtask newcomer`: makes a crate outside the workspace from the README's blocks as they stand, and runs it.
pub fn run(arguments: &[String]) -> Result {
    shell::no_arguments(arguments)?;
    let readme =
        fs::read_to_string(shell::root().join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let (manifest, program) = (block(&readme, "toml")?, block(&readme, "rust,no_run")?);
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let crate_folder = folder.path().join("my_program");
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(crate_folder.join("src"))?;
        let head = "[package]\nname = \"my_program\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
        fs::write(crate_folder.join("Cargo.toml"), format!("{head}{manifest}"))?;
        fs::write(crate_folder.join("src/main.rs"), program)?;
        // The versions that everything else here is tested with.
        fs::copy(shell::root().join("Cargo.lock"), crate_folder.join("Cargo.lock"))?;
        checkout(&folder.path().join("rhyton"))
    };
    written().map_err(|e| format!("{}: {e}", crate_folder.display()))?;
    // What is built already need not be built again.
    let target = shell::target_dir("");
    shell::run(shell::cargo().arg("run").current_dir(&crate_folder).env("CARGO_TARGET_DIR", &target))?;
    for file in ["training/cp.ckpt.index", "training/my_model.keras"] {
        if !crate_folder.join(file).is_file() {
            return Err(format!("the program ended well, but did not write {file}"));
        }
    }
    Ok(())
}

/// Links this checkout beside the new crate, where the README says that it is.
#[cfg(unix)]
fn checkout(place: &std::path::Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(shell::root(), place)
}

#[cfg(windows)]
fn checkout(place: &std::path::Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(shell::root(), place)
}

/// Returns the first block of this language.
fn block(text: &str, language: &str) -> Result<String> {
    let text = text.replace("\r\n", "\n");
    let opening = format!("```{language}\n");
    let found = text.split_once(&opening).and_then(|(_, rest)| rest.split_once("```"));
    found.map(|(block, _)| block.to_owned()).ok_or_else(|| format!("README.md has no block of {language}"))
}

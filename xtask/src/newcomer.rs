//! The first minutes of somebody new: the README's program in a crate of its own, with our crates as they are published.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::shell::{self, Result};

/// `cargo xtask newcomer`: makes a crate outside the workspace from the README's blocks as they stand, and runs it; then checks the command. What both
/// are compiled from is what `cargo package` makes of our crates, so a file that is missing there is seen.
pub fn run(arguments: &[String]) -> Result {
    shell::no_arguments(arguments)?;
    let readme =
        fs::read_to_string(shell::root().join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let (manifest, program) = (block(&readme, "toml")?, block(&readme, "rust,no_run")?);
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let patches = unpack(folder.path())?;
    let crate_folder = folder.path().join("my_program");
    let command_folder = folder.path().join("rhyton-cli");
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(crate_folder.join("src"))?;
        let head = "[package]\nname = \"my_program\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
        fs::write(crate_folder.join("Cargo.toml"), format!("{head}{manifest}\n[workspace]\n{patches}"))?;
        fs::write(crate_folder.join("src/main.rs"), program)?;
        // The versions that everything else here is tested with.
        for place in [&crate_folder, &command_folder] {
            fs::copy(shell::root().join("Cargo.lock"), place.join("Cargo.lock"))?;
        }
        let command = fs::read_to_string(command_folder.join("Cargo.toml"))?;
        let profile = manifest.split_once("[profile").map(|(_, rest)| format!("[profile{rest}"));
        let more = format!("\n{}\n[workspace]\n{patches}", profile.unwrap_or_default());
        fs::write(command_folder.join("Cargo.toml"), command + &more)
    };
    written().map_err(|e| format!("{}: {e}", crate_folder.display()))?;
    // What is built already need not be built again: into the workspace's folder, with as much for debuggers as there.
    let compile = |command: &str, folder: &Path| {
        let (debug, target) = (("CARGO_PROFILE_DEV_DEBUG", "line-tables-only"), shell::target_dir(""));
        shell::run(
            shell::cargo().arg(command).current_dir(folder).envs([debug]).env("CARGO_TARGET_DIR", target),
        )
    };
    compile("run", &crate_folder)?;
    for file in ["training/cp.ckpt.index", "training/my_model.keras"] {
        if !crate_folder.join(file).is_file() {
            return Err(format!("the program ended well, but did not write {file}"));
        }
    }
    compile("check", &command_folder)
}

/// Packs our crates and unpacks them beside the new one, where the README says that `rhyton` is. Returns what a manifest there says to find them.
fn unpack(folder: &Path) -> Result<String> {
    let packages = shell::target_dir("package");
    let _ = fs::remove_dir_all(&packages);
    let arguments =
        ["package", "--quiet", "--workspace", "--exclude", "xtask", "--allow-dirty", "--no-verify"];
    shell::run(shell::cargo().args(arguments).current_dir(shell::root()))?;
    let mut patches = "[patch.crates-io]\n".to_owned();
    let found = fs::read_dir(&packages).map_err(|e| format!("{}: {e}", packages.display()))?;
    for package in found.flatten().map(|entry| entry.path()) {
        if package.extension().is_none_or(|ending| ending != "crate") {
            continue;
        }
        shell::run(shell::command("tar").arg("-xzf").arg(&package).arg("-C").arg(folder))?;
        let versioned = package.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = versioned.rsplit_once('-').map_or(versioned.as_str(), |(name, _)| name);
        fs::rename(folder.join(&versioned), folder.join(name)).map_err(|e| format!("{versioned}: {e}"))?;
        let _ = writeln!(patches, "{name} = {{ path = \"../{name}\" }}");
    }
    Ok(patches)
}

/// Returns the first block of this language.
fn block(text: &str, language: &str) -> Result<String> {
    let text = text.replace("\r\n", "\n");
    let opening = format!("```{language}\n");
    let found = text.split_once(&opening).and_then(|(_, rest)| rest.split_once("```"));
    found.map(|(block, _)| block.to_owned()).ok_or_else(|| format!("README.md has no block of {language}"))
}

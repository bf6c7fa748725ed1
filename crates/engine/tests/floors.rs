//! The house stands on floors: a module imports only from floors below its own, and from its own folder.

use std::fs;
use std::path::{Path, PathBuf};

/// Floors, lowest first; modules of one row do not import one another.
const FLOORS: &[&[&str]] = &[
    &["debug", "types", "names"],
    &["words"],
    &["random", "export", "config"],
    &["graph"],
    &["ops"],
    &["autograd", "oracle", "activations", "initializers", "regularizers"],
    &["losses", "layers", "optimizers"],
    &["metrics"],
    &["models"],
    &["plan"],
    &["device"],
    &["train"],
    &["callbacks"],
    &["macros"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|f| f.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Modules that a text names after `crate::`, comments and documentation aside.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for part in line.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(name);
        }
        // `use crate::{a, b}`
        if let Some(list) = line.split("use crate::{").nth(1) {
            let names = list.trim_end_matches(['}', ';']).split(',');
            found.extend(names.map(|n| n.trim().split("::").next().unwrap_or("").to_string()));
        }
    }
    found
}

#[test]
fn imports_go_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&root).expect("below the root");
        let own = inside
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_string();
        if own == "lib" {
            continue;
        }
        let here = floor(&own).unwrap_or_else(|| panic!("{own} has no floor: give it one in this test"));
        for name in imports(&fs::read_to_string(file).expect("readable")) {
            if name != own && floor(&name).is_some_and(|there| there >= here) {
                wrong.push(format!("{} (floor {here}) imports {name}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only `device/gpu` names wgpu; the facade of the device folder passes its types through.
#[test]
fn wgpu_has_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let allowed = ["device/gpu/", "device/handle.rs"];
    let named = files.iter().filter(|f| {
        let inside = f.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        let code = fs::read_to_string(f).expect("readable");
        !allowed.iter().any(|a| inside.starts_with(a))
            && code
                .lines()
                .any(|l| !l.trim_start().starts_with("//") && l.replace("from_wgpu", "").contains("wgpu"))
    });
    assert_eq!(named.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

/// `error` imports no crate of the workspace, `kernels` only the shaders, `persist` only `error`; the engine `error` and `kernels`.
#[test]
fn crates_import_as_drawn() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    for (name, allowed) in [
        ("kernels", &["rhyton-shaders"][..]),
        ("error", &[]),
        ("persist", &["rhyton-error"]),
        ("engine", &["rhyton-error", "rhyton-kernels"]),
    ] {
        let manifest = fs::read_to_string(crates.join(name).join("Cargo.toml")).expect("a manifest");
        let ours = manifest
            .lines()
            .filter(|l| l.starts_with("rhyton-"))
            .map(|l| l.split([' ', '.']).next().unwrap_or(""));
        let wrong: Vec<&str> = ours.filter(|n| !allowed.contains(n)).collect();
        assert_eq!(wrong, Vec::<&str>::new(), "{name}");
    }
}

//! Each crate of the workspace stands on floors: a module imports only from floors below its own, and from its own folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate.
struct House {
    /// Folder of its sources.
    sources: &'static str,
    /// Floors, lowest first; modules of one row do not import one another. Two modules in one entry are one in two files.
    floors: &'static [&'static [&'static str]],
    /// Crates of the workspace that it may import.
    below: &'static [&'static str],
}

const HOUSES: &[House] = &[
    House { sources: "crates/error/src", floors: &[&["shown"], &["words"]], below: &[] },
    House {
        sources: "crates/kernels/src",
        floors: &[
            &["caps", "library", "philox", "elementary"],
            &["pointwise expr narrow"],
            &["program", "table"],
            &["params"],
            &["dispatch"],
            &["source"],
        ],
        below: &["shaders"],
    },
    House {
        sources: "crates/engine/src",
        floors: &[
            &["debug", "types", "names"],
            &["words"],
            &["random", "export", "config", "host"],
            &["graph"],
            &["ops"],
            &["autograd", "oracle", "activations", "initializers", "regularizers", "constraints"],
            &["losses"],
            &["layers", "optimizers"],
            &["metrics"],
            &["models"],
            &["plan"],
            &["device"],
            &["train"],
            &["callbacks"],
            &["macros"],
        ],
        below: &["error", "kernels"],
    },
    House {
        sources: "crates/persist/src",
        floors: &[
            &["error", "limits", "date"],
            &["bytes"],
            &["place", "tree"],
            &["storage"],
            &["commit"],
            &["container"],
            &["checkpoint_state"],
            &["format"],
            &["formats", "outline"],
            &["lookups", "copy"],
            &["convert"],
        ],
        below: &["error"],
    },
    House {
        sources: "src",
        floors: &[&["error"], &["datasets", "saving"], &["callbacks", "inspect"], &["prelude"]],
        below: &["error", "engine", "persist", "kernels"],
    },
    House {
        sources: "crates/cli/src",
        floors: &[&["arguments"], &["devices", "files", "models"]],
        below: &["rhyton", "error"],
    },
];

impl House {
    fn floor(&self, module: &str) -> Option<usize> {
        self.floors.iter().position(|row| row.iter().any(|entry| entry.split(' ').any(|m| m == module)))
    }

    /// Returns whether a module may import another one.
    fn may(&self, from: &str, to: &str) -> bool {
        let pair = |entry: &&str| {
            let has = |module: &str| entry.split(' ').any(|m| m == module);
            has(from) && has(to)
        };
        self.floor(to) < self.floor(from) || self.floors.iter().any(|row| row.iter().any(pair))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, but for those that hold tests alone.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") && !matches!(name.as_str(), "tests" | "testing")
        {
            found.push(path);
        }
    }
    found
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let all = lines.collect::<Vec<_>>().join("\n");
    let tests = all.find("#[cfg(test)]\nmod tests {").unwrap_or(all.len());
    all[..tests].to_owned()
}

/// First names of the paths in a list `a, b::{c, d}, e as f}...`, up to the brace that closes it.
fn listed(text: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c if depth == 0 => items.last_mut().expect("one").push(c),
            _ => {}
        }
    }
    items.iter().map(|item| first_name(item.trim())).filter(|name| !name.is_empty()).collect()
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Names that code takes from the root of its crate. `depth`: of the module, 1 for those that the root names.
fn imports(code: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    let up = "super::".repeat(depth);
    for start in ["crate::", &up] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            // `pub(in crate::..)` is no import; `my_crate::` and `a::super::` are other paths.
            let inside = before.ends_with("in ")
                || before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            let rest = &code[at + start.len()..];
            if !inside {
                found.extend(match rest.strip_prefix('{') {
                    Some(list) => listed(list),
                    None => vec![first_name(rest)],
                });
            }
        }
    }
    found.retain(|name| !matches!(name.as_str(), "" | "super" | "self"));
    found
}

/// What the root of a crate names: its modules, and what it takes out of them. `None` for what comes from elsewhere or is the root's own.
fn names(house: &House, folder: &Path) -> BTreeMap<String, Option<String>> {
    let file = ["lib.rs", "main.rs"].map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let text = fs::read_to_string(file.expect("a root")).expect("readable");
    let code = code(&text);
    let mut names = BTreeMap::new();
    for line in code.lines() {
        let line = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if let Some(module) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            names.insert(module.to_owned(), Some(module.to_owned()));
        }
    }
    for (at, _) in code.match_indices("use ") {
        let path = &code[at + 4..];
        let path = &path[..path.find(';').unwrap_or(path.len())];
        let module = first_name(path);
        let from = names.contains_key(&module).then_some(module);
        let last = path.rsplit("::").next().unwrap_or(path);
        for name in path.split_once('{').map_or(vec![first_name(last)], |(_, list)| listed(list)) {
            names.entry(name).or_insert(from.clone());
        }
    }
    // Functions, types and modules that stand in the root itself.
    for kind in ["fn ", "struct ", "enum ", "mod ", "type ", "trait "] {
        for (at, _) in code.match_indices(kind) {
            names.entry(first_name(&code[at + kind.len()..])).or_insert(None);
        }
    }
    // Macros are named at the root, wherever they are written.
    for path in sources(folder) {
        let text = fs::read_to_string(&path).expect("readable");
        for (at, _) in text.match_indices("macro_rules! ") {
            let own = own_module(&path, folder);
            let name = first_name(&text[at + 13..]);
            names.entry(name).or_insert(house.floor(&own).map(|_| own));
        }
    }
    names
}

fn own_module(path: &Path, folder: &Path) -> String {
    let inside = path.strip_prefix(folder).expect("below the folder");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// What is wrong with a file of a house.
fn faults(
    house: &House,
    names: &BTreeMap<String, Option<String>>,
    own: &str,
    depth: usize,
    text: &str,
) -> Vec<String> {
    if house.floor(own).is_none() {
        return vec![format!("{own} has no floor: give it one in tests/floors.rs")];
    }
    let mut wrong = Vec::new();
    for name in imports(&code(text), depth) {
        match names.get(&name) {
            Some(Some(module)) if module != own && !house.may(own, module) => {
                wrong.push(format!("{own} imports {name}, of {module}, which is not below it"));
            }
            Some(_) => {}
            None => wrong.push(format!("{own} imports {name}, which the root does not name")),
        }
    }
    wrong
}

#[test]
fn imports_go_down() {
    let mut wrong = Vec::new();
    for house in HOUSES {
        let folder = root().join(house.sources);
        let names = names(house, &folder);
        for path in sources(&folder) {
            let own = own_module(&path, &folder);
            if matches!(own.as_str(), "lib" | "main") {
                continue;
            }
            let inside = path.strip_prefix(&folder).expect("below the folder");
            let parts = inside.components().count();
            let depth = if path.ends_with("mod.rs") { parts - 1 } else { parts };
            let text = fs::read_to_string(&path).expect("readable");
            let found = faults(house, &names, &own, depth, &text);
            wrong.extend(found.into_iter().map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The judge itself: every way of writing an import that goes up is seen.
#[test]
fn an_import_that_goes_up_is_seen() {
    let house = House { sources: "", floors: &[&["low"], &["middle other"], &["high"]], below: &[] };
    let modules = ["low", "middle", "other", "high"].map(|m| (m.to_owned(), Some(m.to_owned())));
    let mut names = BTreeMap::from(modules);
    names.insert("Name".into(), Some("high".into()));
    names.insert("Elsewhere".into(), None);
    let count = |own: &str, depth: usize, text: &str| faults(&house, &names, own, depth, text).len();
    for text in [
        "use crate::high::Thing;",
        "use crate::{\n    low::A,\n    high::{B, C},\n};",
        "use crate::{low, Name};",
        "fn f() { crate::high::run() }",
        "use super::high;",
        "pub(crate) use crate::Name;",
    ] {
        assert_eq!(count("middle", 1, text), 1, "{text}");
        assert_eq!(count("high", 1, text), 0, "{text}");
    }
    assert_eq!(count("middle", 2, "use super::super::high;\nuse super::high;"), 1);
    for text in [
        "use crate::low::{self, A};",
        "// use crate::high;",
        "pub(in crate::high) struct A;",
        "use my_crate::high;",
        "use crate::other::B;",
        "use crate::Elsewhere;",
        "#[cfg(test)]\nmod tests {\n    use crate::high;\n}",
    ] {
        assert_eq!(count("middle", 1, text), 0, "{text}");
    }
    assert_eq!(count("low", 1, "use crate::middle;"), 1);
    assert_eq!(count("cellar", 1, ""), 1, "a module without a floor");
    assert_eq!(count("low", 1, "use crate::unknown;"), 1, "a name that the root does not have");
}

/// Only `device/gpu` names wgpu; the facade of the device folder passes its types through.
#[test]
fn wgpu_has_one_place() {
    let folder = root().join("crates/engine/src");
    let allowed = ["device/gpu/", "device/handle.rs"];
    let named = sources(&folder).into_iter().filter(|f| {
        let inside = f.strip_prefix(&folder).expect("below the root").to_string_lossy().replace('\\', "/");
        let code = code(&fs::read_to_string(f).expect("readable"));
        !allowed.iter().any(|a| inside.starts_with(a)) && code.replace("from_wgpu", "").contains("wgpu")
    });
    assert_eq!(named.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

/// Each crate imports the crates of the workspace that the drawing says, and no others.
#[test]
fn crates_import_as_drawn() {
    for house in HOUSES {
        let folder = root().join(house.sources);
        let manifest = folder.parent().expect("a crate").join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let ours = dependencies.lines().filter(|line| line.starts_with("rhyton"));
        let wrong: Vec<&str> = ours
            .map(|line| line.split([' ', '.', '=']).next().unwrap_or(""))
            .filter(|name| {
                !house
                    .below
                    .iter()
                    .any(|below| *name == *below || name.strip_prefix("rhyton-") == Some(below))
            })
            .collect();
        assert_eq!(wrong, Vec::<&str>::new(), "{}", house.sources);
    }
}

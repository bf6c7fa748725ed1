//! The README's table of formats is what the table of formats and a try of each say; its list of layers is the table of layers.

use std::fmt::Write;
use std::path::Path;

use rhyton::persist::convert::ConvertOptions;
use rhyton::persist::formats::FORMATS;
use rhyton::persist::tree::Dialect;

/// A small model, and a SavedModel of tf_keras.
const MODEL: &str = "crates/persist/tests/data/opt_sgdm/keras3/model.keras";
const SAVED_MODEL: &str = "crates/persist/tests/data/saved_models/sequential";

fn table() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut out = String::from(
        "| format | file names | read | written | holds | dialects | cannot hold |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for format in FORMATS {
        let path = folder.path().join(format!("m{}", format.endings.first().copied().unwrap_or_default()));
        let options = ConvertOptions { format: Some(format.name.into()), ..ConvertOptions::default() };
        let written = rhyton::saving::convert(root.join(MODEL), &path, None, &options).is_ok();
        let file = if written { path } else { root.join(SAVED_MODEL) };
        let read = rhyton::persist::open(&file, None).is_ok_and(|file| file.format == format.name);
        let yes = |it: bool| if it { "yes" } else { "not yet" };
        let endings: Vec<String> = format.endings.iter().map(|e| format!("`{e}`")).collect();
        let endings = if endings.is_empty() { "a directory".into() } else { endings.join(", ") };
        let holds = match (format.whole_model, format.optimizer) {
            (true, _) => "the whole model",
            (false, true) => "weights, optimizer",
            (false, false) => "weights",
        };
        let dialects: Vec<&str> = match format.name {
            "safetensors" => vec!["none"],
            _ => format
                .dialects
                .iter()
                .map(|d| if *d == Dialect::Keras3 { "Keras 3" } else { "tf_keras" })
                .collect(),
        };
        let _ = writeln!(
            out,
            "| {} | {endings} | {} | {} | {holds} | {} | {} |",
            format.name,
            yes(read),
            yes(written),
            dialects.join(", "),
            format.lacks
        );
    }
    out
}

#[test]
fn the_readme_has_the_table() {
    let table = table();
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.expect("a README").replace("\r\n", "\n");
    assert!(readme.contains(&table), "the table in README.md should be:\n\n{table}");
}

#[test]
fn the_readmes_program_is_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect(name).replace("\r\n", "\n");
    let (readme, example) = (read("README.md"), read("examples/first_program.rs"));
    let program = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(example.split_once("\n\n").map(|(_, program)| program), program);
}

#[test]
fn the_readme_names_every_layer() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.expect("a README");
    let list =
        readme.split_once("Layers so far: ").and_then(|(_, rest)| rest.split_once('.')).expect("a list").0;
    let named: Vec<&str> = list.split(',').map(str::trim).collect();
    let mut classes: Vec<&str> = rhyton::layers::LAYERS.iter().map(|class| class.name).collect();
    classes.sort_unstable();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, classes, "the list in README.md should be: {}", classes.join(", "));
}

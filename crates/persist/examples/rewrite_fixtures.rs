//! Reads every fixture and writes it again, for the real libraries to judge: `check_roundtrip.py OUT --expected FIXTURES`.
//!
//! `cargo run -p rhyton-persist --example rewrite_fixtures -- FIXTURES OUT [SOURCE [cross]]`: with a source (`keras` or
//! `h5`) all formats are written from that file, without one each file from itself where it can say it all, else
//! from the whole model. With `cross` each file is written in the other library's dialect, to the other library's folder.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;

use common::Case;
use rhyton_persist::tree::{Dialect, WriteOptions};
use rhyton_persist::{open, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(fixtures), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("FIXTURES OUT [SOURCE]".into());
    };
    let source = arguments.next().filter(|s| !s.is_empty());
    let cross = arguments.next().is_some();
    for case in Case::all(&PathBuf::from(fixtures)) {
        let (folder, dialect) = match (cross, case.dialect) {
            (false, dialect) => (case.name.clone(), dialect),
            (true, Dialect::TfKeras) => (case.name.replace("/tf_keras", "/keras3"), Dialect::Keras3),
            (true, Dialect::Keras3) => (case.name.replace("/keras3", "/tf_keras"), Dialect::TfKeras),
        };
        let folder = PathBuf::from(&out).join(folder);
        std::fs::create_dir_all(&folder)?;
        let files = case.files();
        for (key, path) in &files {
            let from = match (source.as_deref(), *key) {
                (Some(source), _) => source,
                (None, "keras" | "h5") => *key,
                (None, _) => "keras",
            };
            let Some((_, from)) = files.iter().find(|(k, _)| *k == from) else { continue };
            let mut tree = case.tree(open(from, None)?)?;
            // The libraries must not mind it.
            tree.resume = Some(serde_json::json!({"seed": [1, 2, 3], "text": "x".repeat(100_000)}));
            let name = path.file_name().ok_or("a file")?;
            let format = (*key == "weights_legacy").then_some("h5-weights");
            let options = WriteOptions { dialect: Some(dialect), ..WriteOptions::default() };
            match write(folder.join(name), format, &tree, &options) {
                Ok(()) => println!("{} {key}", case.name),
                Err(error) => println!("{} {key}: {error}", case.name),
            }
        }
    }
    Ok(())
}

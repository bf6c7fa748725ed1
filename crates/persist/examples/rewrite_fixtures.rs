//! Reads every fixture and writes it again, for the real libraries to judge: `check_roundtrip.py OUT --expected FIXTURES`.
//!
//! `cargo run -p rhyton-persist --example rewrite_fixtures -- FIXTURES OUT [SOURCE]`: with a source (`keras` or `h5`) all
//! formats are written from that file, without one each file from itself where it can say it all, else from the
//! whole model.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;

use common::Case;
use rhyton_persist::tree::WriteOptions;
use rhyton_persist::{open, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(fixtures), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("FIXTURES OUT [SOURCE]".into());
    };
    let source = arguments.next();
    for case in Case::all(&PathBuf::from(fixtures)) {
        let folder = PathBuf::from(&out).join(&case.name);
        std::fs::create_dir_all(&folder)?;
        let files = case.files();
        for (key, path) in &files {
            let from = match (source.as_deref(), *key) {
                (Some(source), _) => source,
                (None, "keras" | "h5") => *key,
                (None, _) => "keras",
            };
            let Some((_, from)) = files.iter().find(|(k, _)| *k == from) else { continue };
            let tree = case.tree(open(from, None)?)?;
            let name = path.file_name().ok_or("a file")?;
            let format = (*key == "weights_legacy").then_some("h5-weights");
            let options = WriteOptions { dialect: Some(case.dialect), ..WriteOptions::default() };
            match write(folder.join(name), format, &tree, &options) {
                Ok(()) => println!("{} {key}", case.name),
                Err(error) => println!("{} {key}: {error}", case.name),
            }
        }
    }
    Ok(())
}

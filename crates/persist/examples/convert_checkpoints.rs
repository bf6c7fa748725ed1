//! Reads the checkpoints of a folder of fixtures, `CASE/tf_keras/ckpt*/cp.ckpt`, and writes them again, for the real libraries to
//! check: `convert_checkpoints FIXTURES OUT`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::Case;
use rhyton_persist::tree::{Dialect, Tree, WriteOptions};
use rhyton_persist::{open, write};
use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, fixtures, out] = arguments.as_slice() else {
        panic!("give a folder of fixtures and one to write to")
    };
    for case in Case::all(Path::new(fixtures)).into_iter().filter(|c| c.dialect == Dialect::TfKeras) {
        let (model, compile) = case.architecture();
        for (kind, shards) in [("ckpt", 1), ("ckpt_sharded", 4)] {
            let source = case.dir.join(kind).join("cp.ckpt");
            if !source.with_extension("ckpt.index").exists() {
                continue;
            }
            let read = case.tree(open(source, None).unwrap()).unwrap();
            let (model, compile) = (Some(model.clone()), compile.clone());
            let tree = Tree { model, compile, resume: Some(json!({"epoch": 3})), ..read };
            let target = Path::new(out).join(&case.name).join(kind).join("cp.ckpt");
            // Twice, so that the files that are checked come from a save over an older one.
            for _ in 0..2 {
                write(&target, None, &tree, &WriteOptions { shards, ..Default::default() }).unwrap();
            }
            println!("{}", target.display());
        }
    }
}

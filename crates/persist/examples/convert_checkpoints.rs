//! Reads the checkpoints of a folder of fixtures, `CASE/tf_keras/ckpt*/cp.ckpt`, and writes them again, for the real libraries to
//! check: `convert_checkpoints FIXTURES OUT`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use rhyton_persist::tree::{Tree, WriteOptions};
use rhyton_persist::{open, write};
use serde_json::json;
use support::Case;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, fixtures, out] = arguments.as_slice() else {
        panic!("give a folder of fixtures and one to write to")
    };
    let mut cases: Vec<_> = std::fs::read_dir(fixtures).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap();
        for (kind, shards) in [("ckpt", 1), ("ckpt_sharded", 4)] {
            let folder = path.join("tf_keras");
            if !folder.join(kind).is_dir() {
                continue;
            }
            let case = Case::at(name, folder.clone());
            let saved = open(folder.join(kind).join("cp.ckpt"), None).unwrap();
            let mut root = case.skeleton();
            saved.weights.fill(&mut root).unwrap();
            let mut optimizer = saved.weights.optimizer(case.optimizer_class(), &case.trainable()).unwrap();
            if let Some(state) =
                optimizer.as_mut().filter(|_| case.info["optimizer"]["loss_scale"] == json!(true))
            {
                state.class_name = "LossScaleOptimizer".into();
            }
            let compile = optimizer.as_ref().filter(|o| o.learning_rate.is_none()).map(|o| {
                rhyton_persist::tree::CompileConfig {
                    optimizer: json!({"class_name": o.class_name, "config": {"learning_rate": {}}}),
                    ..Default::default()
                }
            });
            let resume = Some(json!({"epoch": 3}));
            let tree = Tree { root, optimizer, compile, resume, ..Tree::default() };
            let target = Path::new(out).join(name).join("tf_keras").join(kind).join("cp.ckpt");
            // Twice, so that the files that are checked come from a save over an older one.
            for _ in 0..2 {
                write(&target, None, &tree, &WriteOptions { shards, ..Default::default() }).unwrap();
            }
            println!("{}", target.display());
        }
    }
}

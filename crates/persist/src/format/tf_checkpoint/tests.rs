//! What needs the inside: crashes between file operations, and graphs that lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;

use super::*;
use crate::commit::testing::{crash_at, files, restore};
use crate::container::bundle::{Content, Tensor};
use crate::container::protobuf::TrackableObjectGraph;
use crate::container::protobuf::trackable_object_graph::trackable_object::{
    ObjectReference, SlotVariableReference,
};
use crate::tree::{Object, OptimizerState, Slot, Variable};

fn read(prefix: impl Into<Location>) -> Result<SavedFile, Error> {
    super::read(&prefix.into())
}

fn write(prefix: impl Into<Location>, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    super::write(&prefix.into(), tree, options)
}

fn variable(name: &str, shape: &[usize], value: f32) -> Variable {
    let count = shape.iter().product();
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), count).flatten().collect();
    Variable {
        name: name.into(),
        trainable: true,
        dtype: DType::F32,
        shape: shape.to_vec(),
        value: Some(Arc::new(bytes)),
    }
}

/// A model whose numbers are all `value`.
fn tree(value: f32) -> Tree {
    let dense = |name: &str| Object {
        name: name.into(),
        class_name: "Dense".into(),
        variables: vec![variable("kernel", &[2, 3], value), variable("bias", &[3], value)],
        ..Object::default()
    };
    let root = Object {
        is_model: true,
        class_name: "Sequential".into(),
        children: vec![(String::new(), dense("a")), (String::new(), dense("b"))],
        ..Object::default()
    };
    let shapes: [&[usize]; 4] = [&[2, 3], &[3], &[2, 3], &[3]];
    let slots = shapes.iter().enumerate().flat_map(|(of, shape)| {
        ["momentum", "velocity"].map(|name| Slot {
            name: name.into(),
            of: Some(of),
            variable: variable(name, shape, value),
        })
    });
    let optimizer = OptimizerState {
        class_name: "Adam".into(),
        iteration: value as i64,
        learning_rate: Some(0.5),
        slots: slots.collect(),
        scalars: vec![],
        ..OptimizerState::default()
    };
    Tree { root, optimizer: Some(optimizer), ..Tree::default() }
}

fn trainable() -> Vec<Variable> {
    tree(0.0).root.children.into_iter().flat_map(|(_, l)| l.variables).collect()
}

fn numbers(variable: &Variable) -> Vec<f32> {
    let bytes = variable.value.as_ref().unwrap().read().unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The one number that a checkpoint is full of.
fn value_of(prefix: &Path) -> f32 {
    let saved = read(prefix).unwrap();
    let mut root = tree(0.0).root;
    saved.weights.fill(&mut root).unwrap();
    let state = saved.weights.optimizer("Adam", &trainable()).unwrap().unwrap();
    let value = state.iteration as f32;
    let slots = state.slots.iter().map(|s| &s.variable);
    for variable in root.children.iter().flat_map(|(_, l)| &l.variables).chain(slots) {
        assert!(numbers(variable).iter().all(|x| *x == value));
    }
    value
}

#[test]
fn a_crash_leaves_a_latest_checkpoint_that_loads() {
    let folder = tempfile::tempdir().unwrap();
    // A new prefix each time, and the same one again.
    for names in [["cp-1", "cp-2"], ["cp", "cp"]] {
        restore(folder.path(), &Default::default());
        write(folder.path().join(names[0]), &tree(1.0), &WriteOptions::default()).unwrap();
        let before = files(folder.path());
        let mut seen = [false, false];
        for at in 0.. {
            restore(folder.path(), &before);
            let mut saved = false;
            let (_, crashed) = crash_at(at, || {
                saved = write(folder.path().join(names[1]), &tree(2.0), &WriteOptions::default()).is_ok();
            });
            let latest = crate::latest_checkpoint(folder.path()).unwrap().unwrap();
            let value = value_of(latest.as_path());
            assert!(value == 2.0 || !saved);
            seen[value as usize - 1] = true;
            if !crashed {
                break;
            }
        }
        assert_eq!(seen, [true, true]);
    }
}

/// The tensors of a checkpoint with another graph.
fn with_graph(prefix: &Path, tensors: &[Tensor], graph: Vec<u8>) -> Result<SavedFile, Error> {
    let tensors: Vec<Tensor> = tensors
        .iter()
        .map(|t| Tensor {
            name: t.name.clone(),
            shape: t.shape.clone(),
            content: match &t.content {
                Content::Strings(_) => Content::Strings(vec![graph.clone()]),
                Content::Bytes(dtype, bytes) => Content::Bytes(*dtype, Arc::clone(bytes)),
            },
        })
        .collect();
    bundle::write(&prefix.into(), &tensors, 1).unwrap();
    read(prefix)
}

/// Reads all that can be read; errors are fine, panics are not.
fn exercise(saved: &SavedFile) -> Result<(), Error> {
    let mut root = tree(0.0).root;
    let filled = saved.weights.fill(&mut root);
    for class in ["Adam", "RMSprop", "LossScaleOptimizer", "Mine"] {
        drop(saved.weights.optimizer(class, &trainable()));
    }
    saved.weights.stored()?;
    filled
}

#[test]
fn graphs_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("p");
    let tensors = write::tensors(&prefix, &tree(1.0), true).unwrap();
    let Content::Strings(graph) = &tensors.last().unwrap().content else { panic!() };
    let good = TrackableObjectGraph::decode(graph[0].as_slice()).unwrap();
    exercise(&with_graph(&prefix, &tensors, good.encode_to_vec()).unwrap()).unwrap();

    let changed = |change: &dyn Fn(&mut TrackableObjectGraph)| {
        let mut graph = good.clone();
        change(&mut graph);
        with_graph(&prefix, &tensors, graph.encode_to_vec()).and_then(|saved| exercise(&saved))
    };
    let edge = |id: i32, name: &str| ObjectReference { node_id: id, local_name: name.into() };
    assert!(changed(&|g| g.nodes.clear()).is_err(), "no nodes");
    assert!(changed(&|g| g.nodes[0].children.push(edge(1 << 30, "x"))).is_err(), "an edge to nowhere");
    assert!(changed(&|g| g.nodes[0].children.push(edge(-1, "x"))).is_err(), "a negative edge");
    assert!(changed(&|g| g.nodes[0].children.push(edge(2, "layer-0"))).is_err(), "two edges of a name");
    let slot = SlotVariableReference { original_variable_node_id: 99, ..Default::default() };
    assert!(changed(&|g| g.nodes[3].slot_variables.push(slot.clone())).is_err(), "a slot of nothing");
    let rename = |g: &mut TrackableObjectGraph, key: &str| {
        let attributes = g.nodes.iter_mut().find_map(|n| n.attributes.first_mut()).unwrap();
        attributes.checkpoint_key = key.into();
    };
    assert!(changed(&|g| rename(g, "missing")).is_err(), "a tensor that is not there");
    assert!(changed(&|g| rename(g, GRAPH)).is_err(), "a tensor of another kind");
    // A layer that contains itself ends.
    assert!(changed(&|g| g.nodes[1].children.push(edge(1, "layer-0"))).is_ok());
    assert!(changed(&|g| g.nodes[1].children.push(edge(0, "up"))).is_ok());
}

/// Xorshift, so that failures repeat.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    /// Changes some bytes: flips, numbers that matter, cuts, repeats.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.roll(3) {
            if bytes.is_empty() {
                bytes.push(0);
            }
            let at = self.roll(bytes.len());
            match self.roll(5) {
                0 => bytes[at] ^= 1 << self.roll(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.roll(5)],
                2 => drop(bytes.drain(at..(at + self.roll(9)).min(bytes.len()))),
                3 => {
                    let end = (at + self.roll(40)).min(bytes.len());
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                _ => bytes.insert(at, self.roll(256) as u8),
            }
        }
    }
}

#[test]
fn random_graphs_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let legacy: PathBuf = data.join("opt_legacy_adam/tf_keras/ckpt/cp.ckpt");
    let old = Bundle::open(&legacy.into()).unwrap().string(GRAPH, 1 << 20).unwrap().unwrap();
    let tensors = write::tensors(&folder.path().join("p"), &tree(1.0), true).unwrap();
    let Content::Strings(new) = &tensors.last().unwrap().content else { panic!() };
    let mut sound = 0;
    for round in 0..400 {
        let mut graph = if round % 2 == 0 { new[0].clone() } else { old.clone() };
        dice.damage(&mut graph);
        // A fresh prefix is quicker than one that is saved over.
        if let Ok(saved) = with_graph(&folder.path().join(round.to_string()), &tensors, graph) {
            sound += usize::from(exercise(&saved).is_ok());
        }
    }
    assert!(sound > 10, "damage that leaves the weights readable: {sound}");
}

#[test]
fn random_indexes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for case in ["opt_sgdm/tf_keras/ckpt_sharded", "opt_nadam/tf_keras/ckpt"] {
        restore(folder.path(), &files(&data.join(case)));
        let prefix = folder.path().join("cp.ckpt");
        let path = bundle::index_path(&prefix.as_path().into()).as_path().to_path_buf();
        let good = sstable::read(&path, &std::fs::read(&path).unwrap()).unwrap();
        for _ in 0..1000 {
            // The checksums of the blocks are right again: only what the entries say is wrong.
            let mut entries = good.clone();
            let at = dice.roll(entries.len());
            dice.damage(&mut entries[at].1);
            if dice.roll(4) == 0 {
                dice.damage(&mut entries[at].0);
            }
            entries.sort();
            entries.dedup_by(|a, b| a.0 == b.0);
            std::fs::write(&path, sstable::write(&entries)).unwrap();
            if let Ok(saved) = read(&prefix) {
                drop(exercise(&saved));
                for stored in saved.weights.stored().unwrap_or_default() {
                    drop(stored.variable.value.unwrap().read());
                }
            }
        }
    }
}

#[test]
fn optimizers_of_other_makers_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("p");
    let mut tree = tree(3.0);
    let state = tree.optimizer.as_mut().unwrap();
    state.class_name = "Mine".into();
    write(&prefix, &tree, &WriteOptions::default()).unwrap();
    let found = read(&prefix).unwrap().weights.optimizer("Mine", &trainable()).unwrap().unwrap();
    let names =
        |state: &OptimizerState| -> Vec<_> { state.slots.iter().map(|s| (s.name.clone(), s.of)).collect() };
    assert_eq!(names(&found), names(tree.optimizer.as_ref().unwrap()));
}

//! Small sound files of all formats, damaged in many ways by chance (the same each time). Nothing panics or takes much memory; and where a format has
//! checksums, what is read all the same is what the sound file says.
//!
//! `RHYTON_MUTATIONS` says how many of each file to try, and `RHYTON_MUTATIONS_FROM` from which on.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rhyton_persist::{Error, convert, open};
use zip::CompressionMethod;

use crate::watch::Watch;
use crate::{assert_one_line, common, copy, data, keras, members, zips};

/// Numbers by chance: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Damages bytes, in one way or in some.
fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let edges = [
        0,
        1,
        0x7f,
        0x80,
        0xff,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        i64::MAX as u64,
        u64::MAX,
        bytes.len() as u64,
    ];
    for _ in 0..[1, 1, 1, 2, 4][chance.below(5)] {
        if bytes.is_empty() {
            return;
        }
        let at = chance.below(bytes.len());
        let len = (1 + chance.below(16)).min(bytes.len() - at);
        match chance.below(9) {
            0..3 => bytes[at] ^= 1 << chance.below(8),
            3 => bytes[at] = chance.next() as u8,
            4 => {
                let number = edges[chance.below(edges.len())].wrapping_add(chance.next() % 3).to_le_bytes();
                let width = [1, 2, 4, 8][chance.below(4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            5 => bytes[at..at + len].fill([0, 0xff][chance.below(2)]),
            6 => bytes.truncate(at),
            7 => drop(bytes.drain(at..at + len)),
            _ => {
                let from = chance.below(bytes.len() - len + 1);
                let part = bytes[from..from + len].to_vec();
                bytes.splice(at..at + [0, len][chance.below(2)], part);
            }
        }
    }
}

/// All that is to be read in a file.
fn outcome(path: &Path) -> Result<String, Error> {
    let file = open(path, None)?;
    let mut out =
        format!("{} {:?} {:?} {:?} {:?}", file.format, file.dialect, file.model, file.compile, file.resume);
    for stored in file.weights.stored()? {
        let variable = stored.variable;
        let bytes = variable.value.map(|value| value.read()).transpose()?;
        let _ = write!(out, "\n{} {} {:?} {bytes:?}", stored.path, variable.dtype.name(), variable.shape);
    }
    if file.model.is_some() {
        let whole = convert::whole(&path.into(), &file, None)?;
        for variable in common::variables(&whole.tree.root) {
            let bytes = variable.value.as_ref().map(|value| value.read()).transpose()?;
            let _ =
                write!(out, "\n{} {:?} {:?} {bytes:?}", variable.name, variable.shape, variable.trainable);
        }
        for slot in whole.tree.optimizer.iter().flat_map(|o| &o.slots) {
            let _ = write!(
                out,
                "\n{} {:?}",
                slot.name,
                slot.variable.value.as_ref().map(|v| v.read()).transpose()?
            );
        }
    }
    Ok(out)
}

/// Damages `file`, which is what is opened or inside of it. `sums`: the format has checksums over all that counts.
fn try_all(what: &str, opened: &Path, file: &Path, sums: bool) {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    let (from, count) =
        (number("RHYTON_MUTATIONS_FROM").unwrap_or(0), number("RHYTON_MUTATIONS").unwrap_or(150));
    let sound = std::fs::read(file).unwrap();
    let expected = outcome(opened).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut taken = 0;
    for seed in from..from + count {
        let mut chance = Chance(seed ^ (what.len() as u64) << 40);
        let mut bytes = sound.clone();
        damage(&mut bytes, &mut chance);
        std::fs::write(file, &bytes).unwrap();
        let watch = Watch::start();
        let start = std::time::Instant::now();
        let found = catch_unwind(AssertUnwindSafe(|| outcome(opened)));
        watch.check(&format!("{what}, {seed}"));
        assert!(start.elapsed().as_secs() < 10, "{what}, {seed}: {:?}", start.elapsed());
        match found {
            Err(_) => panic!("{what}, {seed}: a panic"),
            Ok(Err(error)) => assert_one_line(&error.to_string()),
            Ok(Ok(found)) => {
                taken += 1;
                assert!(!sums || found == expected, "{what}, {seed}: another outcome");
            }
        }
    }
    std::fs::write(file, &sound).unwrap();
    assert!(taken < count, "{what}: damage is seen");
}

fn file_in(folder: &Path, from: &Path) -> PathBuf {
    let path = folder.join(from.file_name().unwrap());
    std::fs::copy(from, &path).unwrap();
    path
}

#[test]
fn archives() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(folder.path(), &keras());
    try_all("keras", &path, &path, true);
    let all = members(&keras());
    let all: Vec<(&str, &[u8])> = all.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    zips::zip(&path, &all, CompressionMethod::Deflated);
    try_all("deflated keras", &path, &path, true);
}

#[test]
fn members_of_archives_with_right_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    for name in ["config.json", "model.weights.h5"] {
        let all = members(&keras());
        let (_, sound) = all.iter().find(|(n, _)| n == name).unwrap();
        for seed in 0..100 {
            let mut bytes = sound.clone();
            damage(&mut bytes, &mut Chance(seed));
            let changed: Vec<(&str, &[u8])> = all
                .iter()
                .map(|(n, b)| (n.as_str(), if n == name { bytes.as_slice() } else { b.as_slice() }))
                .collect();
            zips::zip(&path, &changed, CompressionMethod::Stored);
            let watch = Watch::start();
            if let Err(error) = outcome(&path) {
                assert_one_line(&error.to_string());
            }
            watch.check(&format!("{name}, {seed}"));
        }
    }
}

#[test]
fn hdf5() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "opt_sgdm/keras3/model.h5",
        "opt_sgdm/tf_keras/model.h5",
        "custom/tf_keras/model.weights.h5",
        "attacks/sound.weights.h5",
        "attacks/other_layout.weights.h5",
    ] {
        let path = file_in(folder.path(), &data(name));
        try_all(name, &path, &path, false);
    }
}

#[test]
fn checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["opt_sgdm/tf_keras/ckpt", "opt_sgdm/tf_keras/ckpt_sharded"] {
        let here = folder.path().join(name);
        copy(&data(name), &here);
        let files: Vec<PathBuf> = std::fs::read_dir(&here).unwrap().map(|e| e.unwrap().path()).collect();
        for file in files {
            let file_name = file.file_name().unwrap().to_str().unwrap();
            if file_name.contains(".index") || file_name.contains(".data-") {
                try_all(&format!("{name}/{file_name}"), &here.join("cp.ckpt"), &file, true);
            }
        }
    }
}

#[test]
fn saved_models() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("model");
    copy(&data("saved_models/sequential"), &here);
    for (name, sums) in [
        ("saved_model.pb", false),
        ("keras_metadata.pb", false),
        ("variables/variables.index", true),
        ("variables/variables.data-00000-of-00001", true),
    ] {
        try_all(name, &here, &here.join(name), sums);
    }
    let old = folder.path().join("old");
    copy(&data("saved_models/old"), &old);
    try_all("old saved_model.pb", &old, &old.join("saved_model.pb"), false);
}

#[test]
fn safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let tree = rhyton_persist::tree::Tree { root: crate::dense(), ..Default::default() };
    rhyton_persist::write(&path, None, &tree, &Default::default()).unwrap();
    try_all("safetensors", &path, &path, false);
}

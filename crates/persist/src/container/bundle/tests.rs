use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::commit::testing::{Files, Step, after_power_failure, crash_at, files, restore};

// The tests' checkpoints are of this machine.

fn open(prefix: impl Into<Location>) -> Result<Bundle, Error> {
    Bundle::open(&prefix.into())
}

fn write(prefix: impl Into<Location>, tensors: &[Tensor], shards: usize) -> Result<(), Error> {
    super::write(&prefix.into(), tensors, shards)
}

fn remove(prefix: impl Into<Location>) -> Result<(), Error> {
    super::remove(&prefix.into())
}

fn index_path(prefix: &Path) -> PathBuf {
    super::index_path(&prefix.into()).as_path().into()
}

fn data_path(prefix: &Path, shard: usize, shards: usize) -> PathBuf {
    super::data_path(&prefix.into(), shard, shards).as_path().into()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Every checkpoint in the test data, written by TensorFlow.
fn real(kind: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(data())
        .unwrap()
        .map(|e| e.unwrap().path().join("tf_keras").join(kind).join("cp.ckpt"))
        .filter(|p| index_path(p).exists())
        .collect();
    found.sort();
    found
}

/// All tensors in the order of their data, with their bytes.
fn all(bundle: &Bundle) -> Vec<Tensor> {
    let tensor = |(name, info): (&str, &Info)| {
        let content = match bundle.bytes(name) {
            Some(bytes) => Content::Bytes(info.data_type, Arc::new(bytes.read().unwrap())),
            None => Content::Strings(bundle.strings(name).unwrap().unwrap()),
        };
        Tensor { name: name.into(), shape: info.shape.iter().map(|&d| d as usize).collect(), content }
    };
    bundle.tensors().map(tensor).collect()
}

fn contents(prefix: &Path) -> BTreeMap<String, (Info, Vec<Vec<u8>>)> {
    let bundle = open(prefix).unwrap();
    let read = |(name, info): (&str, &Info)| {
        let value = match bundle.bytes(name) {
            Some(bytes) => vec![bytes.read().unwrap()],
            None => bundle.strings(name).unwrap().unwrap(),
        };
        (name.to_string(), (info.clone(), value))
    };
    bundle.tensors().map(read).collect()
}

#[test]
fn tensorflows_files_come_back_byte_for_byte() {
    let checkpoints = real("ckpt");
    assert!(checkpoints.len() >= 15);
    for prefix in checkpoints {
        let bundle = open(&prefix).unwrap();
        let mut tensors = all(&bundle);
        // TensorFlow's order of the data is not that of the names.
        tensors.sort_by_key(|t| bundle.offset(&t.name));
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("cp.ckpt");
        write(&ours, &tensors, 1).unwrap();
        for (mine, theirs) in
            [(index_path(&ours), index_path(&prefix)), (data_path(&ours, 0, 1), data_path(&prefix, 0, 1))]
        {
            assert_eq!(
                std::fs::read(&mine).unwrap(),
                std::fs::read(&theirs).unwrap(),
                "{}",
                theirs.display()
            );
        }
    }
}

#[test]
fn sliced_tensors_are_put_together() {
    for sharded in real("ckpt_sharded") {
        let whole = sharded.parent().unwrap().parent().unwrap().join("ckpt/cp.ckpt");
        let (sharded, whole) = (contents(&sharded), contents(&whole));
        for (name, value) in &whole {
            // The graph differs in nothing but the order of the data.
            assert_eq!(sharded.get(name), Some(value), "{name}");
        }
    }
}

#[test]
fn several_data_files() {
    let prefix = &real("ckpt")[0];
    let tensors = all(&open(prefix).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("a.b");
    for shards in [1, 2, 3, 7, 100, 1] {
        write(&ours, &tensors, shards).unwrap();
        assert_eq!(contents(&ours), contents(prefix));
        let mut names: Vec<String> = files(folder.path()).into_keys().collect();
        let mut wanted: Vec<String> = (0..shards).map(|i| format!("a.b{}", data_ending(i, shards))).collect();
        wanted.push("a.b.index".into());
        names.sort();
        assert_eq!(names, wanted);
    }
    assert!(matches!(write(&ours, &tensors, 129), Err(Error::Usage { .. })));
    remove(&ours).unwrap();
    assert!(files(folder.path()).is_empty());
}

#[test]
fn shapes_and_types() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("p");
    let tensor = |name: &str, shape: &[usize], dtype, bytes: Vec<u8>| Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        content: Content::Bytes(dtype, Arc::new(bytes)),
    };
    let strings = |name: &str, shape: &[usize], values: &[&str]| Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        content: Content::Strings(values.iter().map(|v| v.as_bytes().to_vec()).collect()),
    };
    let tensors = [
        tensor("scalar", &[], data_type::INT64, vec![1; 8]),
        tensor("empty", &[3, 0, 2], data_type::FLOAT, vec![]),
        tensor("half", &[2], data_type::HALF, vec![0, 1, 2, 3]),
        strings("words", &[2, 2], &["", "a", "bc", "\u{0}"]),
        strings("none", &[0], &[]),
        strings("long", &[], &["x".repeat(300).as_str()]),
    ];
    write(&prefix, &tensors, 2).unwrap();
    let read = contents(&prefix);
    assert_eq!(read.len(), 6);
    assert_eq!(read["words"].1, [&b""[..], b"a", b"bc", b"\0"]);
    assert_eq!(read["empty"].0.shape, [3, 0, 2]);
    assert_eq!(open(&prefix).unwrap().string("long", 300).unwrap().unwrap().len(), 300);
    assert!(open(&prefix).unwrap().string("long", 200).is_err());
    for bad in [
        tensor("short", &[2], data_type::FLOAT, vec![0; 7]),
        tensor("", &[], data_type::BOOL, vec![0]),
        tensor("overflow", &[usize::MAX, 2], data_type::BOOL, vec![0]),
        strings("few", &[2], &["a"]),
    ] {
        assert!(matches!(write(&prefix, &[bad], 1), Err(Error::Usage { .. })));
    }
    let twice = || tensor("a", &[], data_type::BOOL, vec![0]);
    assert!(matches!(write(&prefix, &[twice(), twice()], 1), Err(Error::Usage { .. })));
    assert_eq!(contents(&prefix), read, "a refused save changes nothing");
}

#[test]
fn damaged_files_are_refused() {
    for prefix in [&real("ckpt")[0], &real("ckpt_sharded")[0], &real("ckpt_sharded")[1]] {
        let source = files(prefix.parent().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("cp.ckpt");
        restore(folder.path(), &source);
        let good = contents(&copy);
        for (name, bytes) in source.iter().filter(|(name, _)| *name != "checkpoint") {
            // All over the file, every bit sooner or later.
            let step = if name.ends_with(".index") { 5 } else { 97 };
            for (i, at) in (0..bytes.len()).step_by(step).enumerate() {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << (i % 8);
                std::fs::write(folder.path().join(name), &bad).unwrap();
                assert!(read_all(&copy).is_err(), "{name}: bit {} of byte {at}", i % 8);
                if i % 7 == 0 {
                    std::fs::write(folder.path().join(name), &bytes[..at]).unwrap();
                    assert!(read_all(&copy).is_err(), "{name}: cut to {at}");
                }
            }
            std::fs::remove_file(folder.path().join(name)).unwrap();
            assert!(open(&copy).is_err(), "{name} removed");
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        // Bytes after the data are allowed, as TensorFlow allows them.
        let first = source.iter().find(|(name, _)| name.contains(".data-")).unwrap();
        std::fs::write(folder.path().join(first.0), [first.1.as_slice(), b"more"].concat()).unwrap();
        assert_eq!(contents(&copy), good);
    }
}

fn read_all(prefix: &Path) -> Result<(), Error> {
    let bundle = open(prefix)?;
    for (name, _) in bundle.tensors() {
        match bundle.bytes(name) {
            Some(bytes) => drop(bytes.read()?),
            None => drop(bundle.strings(name)?),
        }
    }
    Ok(())
}

/// A checkpoint whose index is made by hand.
mod hostile {
    use prost::Message;

    use super::*;
    use crate::container::protobuf::{
        BundleEntryProto, BundleHeaderProto, TensorShapeProto, TensorSliceProto, tensor_shape_proto::Dim,
        tensor_slice_proto::Extent,
    };
    use crate::container::{crc, sstable};

    fn entry(dtype: i32, shape: &[i64], offset: i64, size: i64, data: &[u8]) -> BundleEntryProto {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes =
            at.checked_add(usize::try_from(size).unwrap_or(usize::MAX)).and_then(|end| data.get(at..end));
        BundleEntryProto {
            dtype,
            shape: Some(TensorShapeProto {
                dim: shape.iter().map(|&size| Dim { size }).collect(),
                unknown_rank: false,
            }),
            offset,
            size,
            crc32c: crc::masked(bytes.unwrap_or_default()),
            ..BundleEntryProto::default()
        }
    }

    fn open(
        header: &BundleHeaderProto,
        entries: &[(Vec<u8>, BundleEntryProto)],
        data: &[u8],
    ) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("p");
        let mut table = vec![(Vec::new(), header.encode_to_vec())];
        table.extend(entries.iter().map(|(k, e)| (k.clone(), e.encode_to_vec())));
        table.sort();
        std::fs::write(index_path(&prefix), sstable::write(&table)).unwrap();
        std::fs::write(data_path(&prefix, 0, 1), data).unwrap();
        read_all(&prefix)
    }

    fn one() -> BundleHeaderProto {
        BundleHeaderProto { num_shards: 1, ..BundleHeaderProto::default() }
    }

    fn named(name: &str, entry: BundleEntryProto) -> (Vec<u8>, BundleEntryProto) {
        (name.as_bytes().to_vec(), entry)
    }

    #[test]
    fn entries_that_lie_are_refused() {
        let data = [7; 64];
        let f32s = data_type::FLOAT;
        assert!(open(&one(), &[named("a", entry(f32s, &[4, 4], 0, 64, &data))], &data).is_ok());
        let mut wrong_shard = entry(f32s, &[1], 0, 4, &data);
        wrong_shard.shard_id = 1;
        let mut negative_shard = wrong_shard.clone();
        negative_shard.shard_id = -1;
        let mut no_rank = entry(f32s, &[], 0, 4, &data);
        no_rank.shape.as_mut().unwrap().unknown_rank = true;
        for (why, bad) in [
            ("past the end", entry(f32s, &[4], 56, 16, &data)),
            ("offset overflows", entry(f32s, &[4], i64::MAX, 16, &data)),
            ("size overflows", entry(data_type::STRING, &[], 8, i64::MAX, &data)),
            ("negative offset", entry(f32s, &[4], -16, 16, &data)),
            ("negative size", entry(f32s, &[4], 0, -16, &data)),
            ("negative dimension", entry(f32s, &[-4, -1], 0, 16, &data)),
            ("product overflows", entry(f32s, &[i64::MAX, i64::MAX, 4], 0, 16, &data)),
            ("product wraps to the size", entry(f32s, &[1 << 62, 4, 1], 0, 0, &data)),
            ("product overflows beside a zero", entry(f32s, &[i64::MAX, i64::MAX, 0], 0, 0, &data)),
            ("shape larger than the data", entry(f32s, &[1 << 40], 0, 64, &data)),
            ("strings without end", entry(data_type::STRING, &[1 << 40], 0, 64, &data)),
            ("strings that are none", entry(data_type::STRING, &[3], 0, 64, &data)),
            ("rank without end", entry(f32s, &[1; 300], 0, 4, &data)),
            ("another data file", wrong_shard),
            ("a negative data file", negative_shard),
            ("no rank", no_rank),
            ("no type", entry(0, &[], 0, 0, &data)),
        ] {
            assert!(open(&one(), &[named("a", bad)], &data).is_err(), "{why}");
        }
        let overlap =
            [named("a", entry(f32s, &[4], 0, 16, &data)), named("b", entry(f32s, &[4], 12, 16, &data))];
        assert!(open(&one(), &overlap, &data).is_err());
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let data = [7; 4];
        let entries = [named("a", entry(data_type::FLOAT, &[], 0, 4, &data))];
        let version = |min_consumer, bad_consumers| {
            Some(crate::container::protobuf::VersionDef { producer: 9, min_consumer, bad_consumers })
        };
        assert!(open(&BundleHeaderProto { version: version(0, vec![]), ..one() }, &entries, &data).is_ok());
        for bad in [
            BundleHeaderProto { num_shards: 0, ..one() },
            BundleHeaderProto { num_shards: -1, ..one() },
            BundleHeaderProto { num_shards: i32::MAX, ..one() },
            BundleHeaderProto { endianness: 1, ..one() },
            BundleHeaderProto { version: version(9, vec![]), ..one() },
            BundleHeaderProto { version: version(0, vec![1]), ..one() },
        ] {
            assert!(open(&bad, &entries, &data).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn slices_that_lie_are_refused() {
        let data: Vec<u8> = (0..48).collect();
        let slice = |extents: &[(i64, Option<i64>)]| TensorSliceProto {
            extent: extents.iter().map(|&(start, length)| Extent { start, length }).collect(),
        };
        let try_slices = |parts: &[TensorSliceProto]| {
            let mut whole = entry(data_type::FLOAT, &[4, 3], 0, 0, &data);
            whole.slices = parts.to_vec();
            let mut entries = vec![named("a", whole)];
            let mut offset = 0;
            for part in parts {
                let length = |(i, e): (usize, &Extent)| e.length.unwrap_or([4, 3][i.min(1)]);
                let shape: Vec<i64> = part.extent.iter().enumerate().map(length).collect();
                let size = shape.iter().fold(4_i64, |n, d| n.wrapping_mul(*d));
                entries.push((
                    super::slices::key("a", part),
                    entry(data_type::FLOAT, &shape, offset, size, &data),
                ));
                offset += size;
            }
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.dedup_by(|a, b| a.0 == b.0);
            open(&one(), &entries, &data)
        };
        let top = slice(&[(0, Some(2)), (0, None)]);
        assert!(try_slices(&[top.clone(), slice(&[(2, Some(2)), (0, Some(3))])]).is_ok());
        for (why, bad) in [
            ("a hole", slice(&[(2, Some(1)), (0, None)])),
            ("an overlap of the right size", slice(&[(1, Some(2)), (0, None)])),
            ("twice the same", top.clone()),
            ("outside", slice(&[(3, Some(2)), (0, None)])),
            ("a negative start", slice(&[(-2, Some(2)), (0, None)])),
            ("a negative length", slice(&[(2, Some(-2)), (0, None)])),
            ("an overflow", slice(&[(i64::MAX, Some(i64::MAX)), (0, None)])),
            ("a start without length", slice(&[(2, None), (0, None)])),
            ("another rank", slice(&[(2, Some(2))])),
        ] {
            assert!(try_slices(&[top.clone(), bad]).is_err(), "{why}");
        }
        let mut alone = entry(data_type::FLOAT, &[4, 3], 0, 0, &data);
        alone.slices = vec![top];
        assert!(open(&one(), &[named("a", alone)], &data).is_err(), "no entry for the slice");
    }
}

/// A small checkpoint whose tensors tell which save they are of.
fn generation(n: u8) -> Vec<Tensor> {
    let tensor = |name: &str, len: usize| Tensor {
        name: name.into(),
        shape: vec![len],
        content: Content::Bytes(data_type::UINT8, Arc::new(vec![n; len])),
    };
    vec![tensor("a", 5), tensor("b", 9), tensor("c", 2)]
}

/// Which save a checkpoint is of; every tensor must be of the same.
fn generation_of(prefix: &Path) -> u8 {
    let all = contents(prefix);
    let first = all["a"].1[0][0];
    assert_eq!(all["a"].1[0], [first; 5]);
    assert_eq!(all["b"].1[0], [first; 9]);
    assert_eq!(all["c"].1[0], [first; 2]);
    first
}

#[test]
fn a_crash_leaves_the_old_or_the_new_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("cp.ckpt");
    // Number of data files of the old and the new checkpoint.
    for (old, new) in [(1, 1), (2, 2), (1, 2), (2, 1), (3, 1)] {
        remove(&prefix).unwrap();
        write(&prefix, &generation(1), old).unwrap();
        let before = files(folder.path());
        let mut outcomes = [0, 0];
        for at in 0.. {
            restore(folder.path(), &before);
            let mut result = None;
            let (_, crashed) = crash_at(at, || result = Some(write(&prefix, &generation(2), new)));
            let found = generation_of(&prefix);
            match result.unwrap() {
                Ok(()) | Err(Error::Durability { .. }) => assert_eq!(found, 2, "{old}->{new}, step {at}"),
                Err(_) => assert_eq!(found, 1, "{old}->{new}, step {at}"),
            }
            outcomes[usize::from(found) - 1] += 1;
            // The next save is as good as if nothing had happened, and leaves nothing behind.
            write(&prefix, &generation(3), new).unwrap();
            let mut clean = files(folder.path());
            assert_eq!(generation_of(&prefix), 3);
            assert_eq!(clean.len(), new + 1, "{:?}", clean.keys());
            clean.retain(|name, _| name.ends_with(".index"));
            let fresh = tempfile::tempdir().unwrap();
            write(fresh.path().join("cp.ckpt"), &generation(3), new).unwrap();
            assert_eq!(clean["cp.ckpt.index"], files(fresh.path())["cp.ckpt.index"]);
            if !crashed {
                break;
            }
        }
        assert!(outcomes.iter().all(|&n| n >= 3), "{outcomes:?}");
    }
}

#[test]
fn a_power_failure_leaves_the_old_or_the_new_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("cp.ckpt");
    let elsewhere = tempfile::tempdir().unwrap();
    for (old, new) in [(1, 1), (2, 2), (1, 2), (2, 1)] {
        remove(&prefix).unwrap();
        write(&prefix, &generation(1), old).unwrap();
        let before = files(folder.path());
        for at in 0.. {
            restore(folder.path(), &before);
            let mut result = None;
            let (steps, crashed) = crash_at(at, || result = Some(write(&prefix, &generation(2), new)));
            let written = written(&steps, &files(folder.path()));
            let states = after_power_failure(&before, &steps, &written);
            for state in &states {
                restore(elsewhere.path(), state);
                let found = generation_of(&elsewhere.path().join("cp.ckpt"));
                let saved = matches!(result, Some(Ok(())));
                assert!(found == 2 || !saved, "{old}->{new}, step {at}: a save that was reported is gone");
            }
            if !crashed {
                break;
            }
        }
    }
}

/// The bytes of each file that was created in these steps, by the name it was created under.
fn written(steps: &[Step], now: &Files) -> Files {
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    // Follow renames and links forwards from each created name.
    let mut found = Files::new();
    for (i, step) in steps.iter().enumerate() {
        let Step::Create(created) = step else { continue };
        let mut names = vec![name(created)];
        let mut bytes = now.get(&names[0]).cloned();
        for later in &steps[i..] {
            if let Step::Rename(from, to) | Step::Link(from, to) = later
                && names.contains(&name(from))
            {
                names.push(name(to));
            }
        }
        for n in &names {
            bytes = bytes.or_else(|| now.get(n).cloned());
        }
        found.insert(name(created), bytes.unwrap_or_default());
    }
    found
}

#[test]
fn an_open_bundle_is_not_changed_by_a_save() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("p");
    write(&prefix, &generation(1), 1).unwrap();
    let open = open(&prefix).unwrap();
    write(&prefix, &generation(2), 1).unwrap();
    assert_eq!(open.bytes("b").unwrap().read().unwrap(), [1; 9]);
}

#[test]
fn readers_beside_a_writer_see_whole_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("cp.ckpt");
    write(&prefix, &generation(0), 1).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..100 {
                write(&prefix, &generation(n), 1).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut last = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let now = generation_of(&prefix);
            assert!(now >= last);
            last = now;
        }
    });
    assert_eq!(generation_of(&prefix), 99);
}

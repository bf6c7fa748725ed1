//! SavedModel directories: both files of messages are read, and must agree.

use std::path::{Path, PathBuf};

use crate::{copy, data, refused};

/// A copy of the SavedModel of a Sequential, and the path of a file in it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    copy(&data("saved_models/sequential"), &path);
    (folder, path)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Replaces a text by another of the same length, everywhere.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|i| bytes[*i..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

#[test]
fn the_graph_file_is_read_though_the_metadata_would_do() {
    let noise: Vec<u8> = (0..90_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (what, bytes) in
        [("empty", Vec::new()), ("noise", noise), ("text", b"saved_model_schema_version: 1".to_vec())]
    {
        let (_held, path) = folder();
        std::fs::write(path.join("saved_model.pb"), bytes).unwrap();
        let error = refused(&path, what);
        assert!(error.contains("saved_model.pb"), "{what}: {error}");
    }
    for part in 1..20 {
        let (_held, path) = folder();
        change(&path.join("saved_model.pb"), |bytes| bytes.truncate(bytes.len() * part / 20));
        let error = refused(&path, "cut");
        assert!(error.contains("saved_model.pb"), "{error}");
    }
    // The other file in its place.
    let (_held, path) = folder();
    std::fs::copy(path.join("keras_metadata.pb"), path.join("saved_model.pb")).unwrap();
    refused(&path, "metadata as the graph");
}

#[test]
fn the_metadata_agree_with_the_graph() {
    let named = |from: &'static [u8], to: &'static [u8], says: &str| {
        let (_held, path) = folder();
        change(&path.join("keras_metadata.pb"), |bytes| replace(bytes, from, to));
        let error = refused(&path, &String::from_utf8_lossy(to));
        assert!(error.contains("keras_metadata.pb") && error.contains(says), "{error}");
    };
    // Paths of other objects, and of none.
    named(b"root.layer_with_weights-1", b"root.layer_with_weights-2", "does not lead to");
    named(b"root.layer_with_weights-1", b"root.layer_with_weights-9", "does not lead to");
    named(b"_tf_keras_sequential", b"_tf_keras_sequentiel", "_tf_keras_sequentiel");
    // Objects out of range: the number stands before the path.
    let (_held, path) = folder();
    change(&path.join("keras_metadata.pb"), |bytes| {
        let at = bytes.windows(5).position(|w| w == b"root.").unwrap();
        assert_eq!(bytes[at - 4], 0x10, "the field of the number");
        bytes[at - 3] = 0x7f;
    });
    let error = refused(&path, "an object out of range");
    assert!(error.contains("object 127"), "{error}");
    for part in 0..20 {
        let (_held, path) = folder();
        change(&path.join("keras_metadata.pb"), |bytes| bytes.truncate(bytes.len() * part / 20));
        assert!(refused(&path, "cut metadata").contains("keras_metadata.pb"));
    }
}

#[test]
fn variables_are_all_there() {
    for name in ["variables.index", "variables.data-00000-of-00001"] {
        let (_held, path) = folder();
        let file = path.join("variables").join(name);
        std::fs::remove_file(&file).unwrap();
        assert!(refused(&path, "a missing file").contains("variables"), "{name}");
        for part in 0..20 {
            let (_held, path) = folder();
            change(&path.join("variables").join(name), |bytes| bytes.truncate(bytes.len() * part / 20));
            assert!(refused(&path, "a cut file").contains("variables"), "{name}");
        }
        for part in 0..40 {
            let (_held, path) = folder();
            change(&path.join("variables").join(name), |bytes| {
                let at = bytes.len() * part / 40;
                bytes[at] ^= 1 << (part % 8);
            });
            assert!(refused(&path, &format!("{name}, flipped at {part} / 40")).contains("variables"));
        }
    }
}

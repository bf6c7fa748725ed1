//! safetensors: what is written is what the format says, and hostile files are errors.

use std::path::Path;

use rhyton_persist::tree::{Object, Tree, WriteOptions};
use rhyton_persist::{Error, open, write};
use serde_json::{Value, json};

mod common;

fn file(folder: &Path, header: &[u8], data: &[u8]) -> std::path::PathBuf {
    let path = folder.join("a.safetensors");
    let bytes = [&(header.len() as u64).to_le_bytes(), header, data].concat();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn entry(shape: &[u64], from: u64, to: u64) -> Value {
    json!({"dtype": "F32", "shape": shape, "data_offsets": [from, to]})
}

/// A model of one layer.
fn tree() -> Tree {
    let variables = vec![common::filled("kernel", &[2, 3], 1.0), common::filled("bias", &[3], 9.0)];
    let dense = Object { name: "dense".into(), class_name: "Dense".into(), variables, ..Object::default() };
    let root = Object { is_model: true, children: vec![("dense".into(), dense)], ..Object::default() };
    Tree { root, ..Tree::default() }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    write(&path, None, &tree(), &WriteOptions::default()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["dense/kernel"], entry(&[2, 3], 0, 24));
    assert_eq!(header["dense/bias"], entry(&[3], 24, 36));
    assert_eq!(bytes.len(), 8 + length + 36);
    assert_eq!(bytes[8 + length..][..4], 1.0f32.to_le_bytes());
    let saved = open(&path, None).unwrap();
    assert_eq!(saved.format, "safetensors");
    let stored = saved.weights.stored().unwrap();
    assert_eq!(stored.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["dense/kernel", "dense/bias"]);
    let mut skeleton = tree().root;
    skeleton.children[0].1.variables.iter_mut().for_each(|v| v.value = None);
    saved.weights.fill(&mut skeleton).unwrap();
    let bias = skeleton.children[0].1.variables[1].value.clone().unwrap();
    assert_eq!(bias.read().unwrap()[..4], 9.0f32.to_le_bytes());
    // What is missing and what is left are in one error.
    skeleton.children[0].1.variables[1].name = "offset".into();
    let Err(Error::Mismatch { mismatches, .. }) = saved.weights.fill(&mut skeleton) else { panic!("fits") };
    assert_eq!(mismatches.len(), 2, "{mismatches:?}");
}

/// A header of 19280 bytes begins like a zip, `PK`.
#[test]
fn a_header_that_looks_like_a_zip() {
    let folder = tempfile::tempdir().unwrap();
    let header = format!("{:19280}", json!({"a": entry(&[1], 0, 4)}).to_string());
    assert_eq!(open(file(folder.path(), header.as_bytes(), &[0; 4]), None).unwrap().format, "safetensors");
}

#[test]
fn hostile_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let twice = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("a hole", json!({"a": entry(&[1], 0, 4), "b": entry(&[1], 8, 12)}).to_string().into(), 12),
        ("an overlap", json!({"a": entry(&[1], 0, 4), "b": entry(&[1], 0, 4)}).to_string().into(), 4),
        ("a name twice", twice.to_vec(), 8),
        ("bytes of nobody", json!({"a": entry(&[1], 0, 4)}).to_string().into(), 9),
        ("another shape", json!({"a": entry(&[3], 0, 4)}).to_string().into(), 4),
        ("too many elements", json!({"a": entry(&[1 << 40, 1 << 40], 0, 4)}).to_string().into(), 4),
        ("beyond the end", json!({"a": entry(&[1000], 0, 4000)}).to_string().into(), 4),
        ("backwards", json!({"a": entry(&[1], 4, 0)}).to_string().into(), 4),
        ("another type", br#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#.to_vec(), 4),
        ("metadata of numbers", br#"{"__metadata__":{"a":1}}"#.to_vec(), 0),
        (
            "more than the format has",
            br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"b":1}}"#.to_vec(),
            4,
        ),
        ("no JSON", b"{\"a\":".to_vec(), 4),
    ];
    for (what, header, size) in cases {
        let path = file(folder.path(), &header, &vec![0; size]);
        let error = open(&path, None).err().unwrap_or_else(|| panic!("{what}"));
        assert!(matches!(error, Error::Format { .. } | Error::Unsupported { .. }), "{what}: {error}");
    }
    // A length that nothing stands behind.
    for length in [u64::MAX, 90_000_000, 3] {
        let path = folder.path().join("b.safetensors");
        std::fs::write(&path, [&length.to_le_bytes()[..], b"{}"].concat()).unwrap();
        assert!(open(&path, Some("safetensors")).is_err(), "{length}");
    }
}

//! Files in memory: read from bytes as from a path, written to any sink as to a file.

mod common;

use std::io::{self, Write};
use std::sync::Arc;

use common::{cases, filled};
use rhyton_persist::formats::{FORMATS, Layout};
use rhyton_persist::tree::{Object, SavedFile, Tree, WriteOptions};
use rhyton_persist::{Error, ReadAt, open, open_bytes, write, write_to};

/// The weights of a model with one layer.
fn weights() -> Tree {
    let layer = Object {
        name: "dense".into(),
        class_name: "Dense".into(),
        variables: vec![filled("kernel", &[2, 3], 1.0), filled("bias", &[3], 9.0)],
        ..Object::default()
    };
    let children = vec![("dense".into(), layer)];
    Tree { root: Object { is_model: true, children, ..Object::default() }, ..Tree::default() }
}

/// What a file says, as text that can be compared.
fn said(file: &SavedFile) -> String {
    let arrays = file.weights.stored().unwrap().into_iter();
    let arrays: Vec<_> =
        arrays.map(|s| (s.path, s.variable.shape, s.variable.value.unwrap().read().unwrap())).collect();
    format!("{} {:?} {:?} {:?} {arrays:?}", file.format, file.dialect, file.model, file.compile)
}

#[test]
fn bytes_say_what_their_file_says() {
    let mut read = std::collections::BTreeSet::new();
    for case in cases() {
        for (_, path) in case.files().into_iter().filter(|(_, path)| path.is_file()) {
            let there = open(&path, None).unwrap();
            let bytes: Arc<[u8]> = std::fs::read(&path).unwrap().into();
            let here = open_bytes(bytes.clone(), None).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(said(&here), said(&there), "{}", path.display());
            assert_eq!(open_bytes(bytes, Some(here.format)).unwrap().format, here.format);
            read.insert(here.format);
        }
    }
    for format in ["keras", "h5", "weights-h5", "h5-weights"] {
        assert!(read.contains(format), "no fixture of {format} was read: {read:?}");
    }
}

#[test]
fn a_sink_gets_what_a_file_gets() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().into_iter().find(|case| case.files().iter().any(|(key, _)| *key == "keras")).unwrap();
    let whole = case.tree(open(case.dir.join("model.keras"), None).unwrap()).unwrap();
    for format in FORMATS.iter().filter(|f| f.layout == Layout::File) {
        let tree = if format.whole_model { whole.clone() } else { weights() };
        let path = folder.path().join(format.name);
        write(&path, Some(format.name), &tree, &WriteOptions::default()).unwrap();
        let mut sink = Vec::new();
        write_to(&mut sink, format.name, &tree, &WriteOptions::default()).unwrap();
        let file = std::fs::read(&path).unwrap();
        // In `.keras` stands the second in which it was saved.
        assert!(sink == file || format.name == "keras" && sink.len() == file.len(), "{}", format.name);
        assert_eq!(
            said(&open_bytes(sink, None).unwrap()),
            said(&open(&path, None).unwrap()),
            "{}",
            format.name
        );
    }
}

#[test]
fn formats_of_several_files_need_a_path() {
    for format in FORMATS.iter().filter(|f| f.layout != Layout::File) {
        let tree = weights();
        let mut sink = Vec::new();
        let written = write_to(&mut sink, format.name, &tree, &WriteOptions::default());
        assert!(matches!(written, Err(Error::Usage { .. })), "{}: {written:?}", format.name);
        assert!(sink.is_empty());
        let read = open_bytes(vec![0; 8], Some(format.name)).map(|file| file.format);
        assert!(matches!(read, Err(Error::Usage { .. })), "{}: {read:?}", format.name);
    }
}

#[test]
fn bytes_of_no_format_and_damaged_ones_are_errors() {
    let none = open_bytes(b"hello".as_slice(), None).map(|file| file.format);
    let text = none.unwrap_err().to_string();
    assert!(text.contains("a file in memory") && text.contains("68, 65, 6c"), "{text}");
    assert!(open_bytes(Vec::new(), None).is_err());

    let mut whole = Vec::new();
    let tree = weights();
    write_to(&mut whole, "safetensors", &tree, &WriteOptions::default()).unwrap();
    for length in 0..whole.len() {
        assert!(open_bytes(whole[..length].to_vec(), Some("safetensors")).is_err(), "{length}");
    }
}

/// A sink that is full, and a reader that fails, are errors with their own words.
#[test]
fn what_a_sink_and_a_reader_say_is_said() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no room left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let tree = weights();
    let error = write_to(&mut Full, "weights-h5", &tree, &WriteOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no room left"), "{error}");

    struct Lost(Vec<u8>);
    impl ReadAt for Lost {
        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            if offset > 64 {
                Err(io::Error::other("the line is dead"))
            } else {
                self.0.read_at(offset, buffer)
            }
        }
    }
    let mut file = Vec::new();
    write_to(&mut file, "safetensors", &tree, &WriteOptions::default()).unwrap();
    let opened = open_bytes(Lost(file), None);
    let read = opened
        .and_then(|file| file.weights.stored())
        .and_then(|all| all.into_iter().try_for_each(|s| s.variable.value.unwrap().read().map(drop)));
    assert!(read.unwrap_err().to_string().contains("the line is dead"));
}

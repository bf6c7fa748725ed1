//! What is no model file, and what is cut.

use rhyton_persist::tree::{Tree, WriteOptions};
use rhyton_persist::{Error, open, write};

use crate::watch::Watch;
use crate::{common, dense, files, read_all, refused};

#[test]
fn truncated_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (case, path) in files() {
        let skeleton = case.skeleton();
        let whole = std::fs::read(&path).unwrap();
        let name = folder.path().join(path.file_name().unwrap());
        for i in 0..60 {
            let bytes = &whole[..whole.len() * i / 60];
            std::fs::write(&name, bytes).unwrap();
            let watch = Watch::start();
            let result = read_all(&name, &case, &skeleton);
            assert!(result.is_err(), "{} cut to {}", path.display(), bytes.len());
            watch.check(&path.display().to_string());
        }
    }
}

#[test]
fn what_is_no_model_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    assert!(matches!(open(&path, None), Err(Error::Io { .. })));
    for bytes in [b"".as_slice(), b"x", b"PK", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"hello, world"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(open(&path, None), Err(Error::Format { .. })), "{bytes:?}");
    }
    assert!(matches!(open(&path, Some("onnx")), Err(Error::Usage { .. })));
    let tree = Tree { root: dense(), ..Tree::default() };
    let options = WriteOptions::default();
    for (name, format) in
        [("m.onnx", None), ("m.keras", None), ("m.h5", Some("h5")), ("m.keras", Some("onnx"))]
    {
        let path = folder.path().join(name);
        let before = std::fs::read(&path).ok();
        assert!(matches!(write(&path, format, &tree, &options), Err(Error::Usage { .. })), "{name}");
        assert_eq!(std::fs::read(&path).ok(), before, "{name}");
    }
}

#[test]
fn long_lists_are_cut_and_joined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.h5");
    let mut root = dense();
    let layer = root.children.remove(0).1;
    for i in 0..5000 {
        let mut layer = layer.clone();
        layer.name = format!("a_rather_long_name_of_a_layer_{i}");
        root.children.push((layer.name.clone(), layer));
    }
    let tree = Tree { root: root.clone(), ..Tree::default() };
    write(&path, None, &tree, &WriteOptions::default()).unwrap();
    let file = open(&path, None).unwrap();
    assert_eq!(file.format, "h5-weights");
    let mut back = root.clone();
    for (_, layer) in &mut back.children {
        layer.variables.iter_mut().for_each(|v| v.value = None);
    }
    file.weights.fill(&mut back).unwrap();
    assert_eq!(common::variables(&back).len(), 10_000);
}

#[test]
#[cfg(unix)]
fn pipes_and_devices_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.keras");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), std::path::Path::new("/dev/zero")] {
        let error = refused(path, "a pipe");
        assert!(error.contains("a pipe or a device"), "{error}");
    }
}

//! Hostile and damaged files: always an error, never a panic, never memory beyond what the file itself holds.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::{Case, filled};
use rhyton_persist::tree::{Object, Tree, WriteOptions};
use rhyton_persist::{Error, open, write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The largest single allocation of a thread since its last reset.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// Safety: forwards to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|l| l.set(l.get().max(layout.size())));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Reads all that a file has: configs, every array, a filled skeleton, the optimizer.
fn read_all(path: &Path, case: &Case, skeleton: &Object) -> Result<(), Error> {
    let file = open(path, None)?;
    for stored in file.weights.stored()? {
        if let Some(value) = stored.variable.value {
            value.read()?;
        }
    }
    let mut root = skeleton.clone();
    file.weights.fill(&mut root)?;
    for variable in common::variables(&root) {
        if let Some(value) = &variable.value {
            value.read()?;
        }
    }
    file.weights.optimizer(&case.optimizer_class(), &case.trainable())?;
    Ok(())
}

fn case() -> Case {
    Case::all(&data("")).into_iter().find(|c| c.name == "opt_sgdm/keras3").unwrap()
}

fn files() -> Vec<(Case, PathBuf)> {
    let wanted = ["opt_sgdm/keras3", "opt_sgdm/tf_keras", "custom/tf_keras"];
    let cases = Case::all(&data("")).into_iter().filter(|c| wanted.contains(&c.name.as_str()));
    let mut out = Vec::new();
    for case in cases {
        for (_, path) in case.files().into_iter().filter(|(_, path)| path.is_file()) {
            let again = Case::all(&data("")).into_iter().find(|c| c.name == case.name).unwrap();
            out.push((again, path));
        }
    }
    out
}

/// No single allocation beyond a few times the file, whatever the file says.
const ALLOCATION: usize = 16 << 20;

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
            LARGEST.set(0);
            let result = read_all(&name, &case, &skeleton);
            assert!(result.is_err(), "{} cut to {}", path.display(), bytes.len());
            assert!(LARGEST.get() < ALLOCATION);
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    for (case, path) in files() {
        let skeleton = case.skeleton();
        let whole = std::fs::read(&path).unwrap();
        let name = folder.path().join(path.file_name().unwrap());
        // The headers densely, the rest here and there; zips end with their directory.
        let places = (0..1024)
            .chain((1024..whole.len()).step_by(229))
            .chain(whole.len().saturating_sub(256)..whole.len());
        for (i, at) in places.enumerate() {
            if i % 7 != 0 {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at] ^= [0xff, 0x01, 0x80][i / 7 % 3];
            std::fs::write(&name, &bytes).unwrap();
            LARGEST.set(0);
            // Either is right: a flipped weight is a weight.
            let _ = read_all(&name, &case, &skeleton);
            let largest = LARGEST.get();
            assert!(largest < ALLOCATION, "{} flipped at {at}: {largest} bytes", path.display());
        }
    }
}

fn dense() -> Object {
    let mut layer = Object { name: "dense".into(), class_name: "Dense".into(), ..Object::default() };
    layer.variables = vec![filled("kernel", &[2, 3], 0.0), filled("bias", &[3], 0.0)];
    Object {
        name: "sequential".into(),
        class_name: "Sequential".into(),
        is_model: true,
        variables: Vec::new(),
        children: vec![("dense".into(), layer)],
    }
}

fn fill(name: &str) -> Result<Object, Error> {
    LARGEST.set(0);
    let file = open(data("attacks").join(name), None)?;
    let mut root = dense();
    file.weights.fill(&mut root)?;
    for variable in common::variables(&root) {
        variable.value.as_ref().unwrap().read()?;
    }
    assert!(LARGEST.get() < ALLOCATION);
    Ok(root)
}

#[test]
fn sound_files_of_other_programs_are_read() {
    for name in ["sound.weights.h5", "other_layout.weights.h5"] {
        let root = fill(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let kernel = root.children[0].1.variables[0].value.as_ref().unwrap().read().unwrap();
        let wanted: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        assert_eq!(kernel, wanted, "{name}");
    }
}

#[test]
fn hostile_hdf5_is_refused() {
    for (name, says) in [
        ("soft_link.weights.h5", "links"),
        ("external_link.weights.h5", "links"),
        ("external_storage.weights.h5", "external storage"),
        ("virtual.weights.h5", "virtual"),
        ("huge.weights.h5", "without bytes of its own"),
        ("huge_chunked.weights.h5", "chunks"),
        ("cycle.weights.h5", "without end"),
        ("gap.weights.h5", "without a gap"),
        ("names.weights.h5", "numbers as names"),
        ("same_string.h5", ""),
        ("names_are_numbers.h5", ""),
        ("layer_without_group.h5", "the group of a layer"),
    ] {
        let error = fill(name).err().unwrap_or_else(|| panic!("{name} was read")).to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

fn zip(path: &Path, members: &[(&str, &[u8])], method: CompressionMethod) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn hostile_zips_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let case = case();
    let (_, sound) = case.files().into_iter().find(|(key, _)| *key == "keras").unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&sound).unwrap()).unwrap();
    let mut member = |name: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
        bytes
    };
    let (config, weights) = (member("config.json"), member("model.weights.h5"));
    let path = folder.path().join("m.keras");
    let skeleton = case.skeleton();

    // Deflated, in another order, without metadata: Keras reads it, and so do we.
    let members: [(&str, &[u8]); 2] = [("model.weights.h5", &weights), ("config.json", &config)];
    zip(&path, &members, CompressionMethod::Deflated);
    read_all(&path, &case, &skeleton).unwrap();

    for bad in ["../evil", "/evil", "a/../../evil", "C:\\evil", "a\\b"] {
        let members: [(&str, &[u8]); 3] =
            [("model.weights.h5", &weights), ("config.json", &config), (bad, b"x")];
        zip(&path, &members, CompressionMethod::Stored);
        let error = open(&path, None).err().unwrap_or_else(|| panic!("{bad} was read")).to_string();
        assert!(error.contains("plain name"), "{error}");
    }

    // A second config.json: written under another name of the same length, then renamed in the bytes.
    let members: [(&str, &[u8]); 3] =
        [("model.weights.h5", &weights), ("config.json", &config), ("confiX.json", b"{}")];
    zip(&path, &members, CompressionMethod::Stored);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - 11).filter(|i| &bytes[*i..*i + 11] == b"confiX.json").collect();
    for at in places {
        bytes[at + 5] = b'g';
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&path, None).err().unwrap().to_string();
    assert!(error.contains("name"), "{error}");

    // Missing members, and members that are not what they should be.
    for members in [
        vec![("config.json", config.as_slice())],
        vec![("model.weights.h5", weights.as_slice())],
        vec![("config.json", b"[1, 2".as_slice()), ("model.weights.h5", &weights)],
        vec![("config.json", b"\xff\xfe".as_slice()), ("model.weights.h5", &weights)],
        vec![("config.json", config.as_slice()), ("model.weights.h5", b"not HDF5 at all")],
        vec![("config.json", config.as_slice()), ("model.weights.h5", b"")],
    ] {
        zip(&path, &members, CompressionMethod::Stored);
        assert!(open(&path, None).is_err());
    }

    // A bomb: a deflated member of zeros is as long as it says, and no longer than deflate can say.
    let zeros = vec![0; 8 << 20];
    let members: [(&str, &[u8]); 2] = [("config.json", &config), ("model.weights.h5", &zeros)];
    zip(&path, &members, CompressionMethod::Deflated);
    assert!(open(&path, None).is_err());
}

#[test]
fn hostile_configs_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let (_, sound) = case().files().into_iter().find(|(key, _)| *key == "keras").unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(sound).unwrap()).unwrap();
    let mut weights = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("model.weights.h5").unwrap(), &mut weights).unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut nested = r#"{"class_name": "Sequential", "config": {"layers": []}}"#.to_owned();
    for _ in 0..40 {
        nested =
            format!(r#"{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{nested}]}}}}"#);
    }
    for config in [
        "null",
        "[]",
        "{}",
        r#"{"class_name": 1}"#,
        r#"{"class_name": "MyModel", "config": {"layers": []}}"#,
        r#"{"class_name": "Sequential", "config": null}"#,
        r#"{"class_name": "Sequential", "config": {"layers": {}}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [1]}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}}"#,
        r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {}}]}}"#,
        r#"{"class_name": "Functional", "config": {"layers": []}}"#,
        r#"{"class_name": "Functional", "config": {"layers": [], "input_layers": [["x", 0, 0]], "output_layers": []}}"#,
        r#"{"class_name": "Functional", "config": {"layers": [], "input_layers": [["x", -1, 0]], "output_layers": []}}"#,
        &nested,
        &deep,
    ] {
        let members: [(&str, &[u8]); 2] =
            [("config.json", config.as_bytes()), ("model.weights.h5", &weights)];
        zip(&path, &members, CompressionMethod::Stored);
        let error = open(&path, None).err();
        assert!(error.is_some(), "{}", config.chars().take(200).collect::<String>());
    }
    // A subclassed model has arrays and no architecture.
    let subclassed = br#"{"class_name": "MyModel", "config": {}}"#;
    let members: [(&str, &[u8]); 2] = [("config.json", subclassed), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    let found = open(&path, None).unwrap();
    assert!(found.model.is_none() && found.no_model.unwrap().to_string().contains("`MyModel`"));
    // Code is data: kept, never run.
    let lambda = r#"{"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "Lambda", "config":
        {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}}]}}"#;
    let members: [(&str, &[u8]); 2] = [("config.json", lambda.as_bytes()), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    let model = open(&path, None).unwrap().model.unwrap();
    assert_eq!(model.layers[0].class_name, "Lambda");
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

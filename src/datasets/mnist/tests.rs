//! Synthetic files with sums of their own, the embedded subset, and the full set where it is.

use super::{FULL, Known, Mnist, Spec, subset};
use crate::datasets::DatasetError;
use flate2::{Compression, write::GzEncoder};
use ndarray::Axis;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Three training and two test examples; pixels and labels follow a rule.
struct Synthetic {
    spec: Spec,
    idx: [Vec<u8>; 4],
    npz: Vec<u8>,
}

fn known(name: &'static str, bytes: &[u8]) -> Known {
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Known { name, size: bytes.len() as u64, sha256: sum.leak() }
}

fn pixels(examples: u8) -> Vec<u8> {
    (0..usize::from(examples) * 784).map(|n| (n % 251) as u8).collect()
}

fn labels(examples: u8) -> Vec<u8> {
    (0..examples).map(|n| 9 - n).collect()
}

fn npy(shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let len = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), data].concat()
}

fn synthetic_with(train_labels: Vec<u8>) -> Synthetic {
    let (train, test) = (3, 2);
    let images = |n: u8| [&[0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28][..], &pixels(n)].concat();
    let classes = |n: u8, labels: &[u8]| [&[0, 0, 8, 1, 0, 0, 0, n][..], labels].concat();
    let idx = [images(train), classes(train, &train_labels), images(test), classes(test, &labels(test))];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in [
        ("x_test.npy", npy("(2, 28, 28)", &pixels(test))),
        ("x_train.npy", npy("(3, 28, 28)", &pixels(train))),
        ("y_train.npy", npy("(3,)", &train_labels)),
        ("y_test.npy", npy("(2,)", &labels(test))),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&array).unwrap();
    }
    let npz = zip.finish().unwrap().into_inner();
    let names = FULL.idx.map(|file| file.name);
    let spec = Spec {
        url: "http://127.0.0.1:1/mnist.npz",
        npz: known("mnist.npz", &npz),
        idx: std::array::from_fn(|i| known(names[i], &idx[i])),
        examples: [3, 2],
    };
    Synthetic { spec, idx, npz }
}

fn synthetic() -> Synthetic {
    synthetic_with(labels(3))
}

impl Synthetic {
    fn write_idx(&self, folder: &Path) {
        for (file, bytes) in self.spec.idx.iter().zip(&self.idx) {
            fs::write(folder.join(file.name), bytes).unwrap();
        }
    }

    fn find(&self, folder: &Path) -> Result<Option<Mnist>, DatasetError> {
        self.spec.find(&[PathBuf::from("/nonexistent"), folder.to_path_buf()])
    }
}

fn assert_synthetic(found: Result<Option<Mnist>, DatasetError>) {
    let ((x_train, y_train), (x_test, y_test)) = found.unwrap().expect("all files are there");
    assert_eq!((x_train.dim(), x_test.dim()), ((3, 28, 28), (2, 28, 28)));
    assert_eq!(x_train[[1, 2, 3]], ((784 + 2 * 28 + 3) % 251) as u8);
    assert_eq!(x_test[[1, 27, 27]], (1567 % 251) as u8);
    assert_eq!((y_train.to_vec(), y_test.to_vec()), (vec![9, 8, 7], vec![9, 8]));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn npz_and_idx_files_plain_packed_and_mixed() {
    let data = synthetic();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("mnist.npz"), &data.npz).unwrap();
    assert_synthetic(data.find(path));
    fs::remove_file(path.join("mnist.npz")).unwrap();
    data.write_idx(path);
    assert_synthetic(data.find(path));
    for (file, bytes) in data.spec.idx.iter().zip(&data.idx) {
        fs::remove_file(path.join(file.name)).unwrap();
        fs::write(path.join(format!("{}.gz", file.name)), gzip(bytes)).unwrap();
        assert_synthetic(data.find(path));
    }
}

#[test]
fn a_folder_without_all_files_has_none() {
    let data = synthetic();
    let folder = tempfile::tempdir().unwrap();
    assert!(data.find(folder.path()).unwrap().is_none());
    data.write_idx(folder.path());
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert!(data.find(folder.path()).unwrap().is_none());
    let error = data.spec.not_found(&[folder.path().to_path_buf()], "do this").to_string();
    assert!(error.ends_with("has neither mnist.npz nor t10k-labels-idx1-ubyte; do this"), "{error}");
}

#[test]
fn a_wrong_sum_says_what_to_do() {
    let data = synthetic();
    let folder = tempfile::tempdir().unwrap();
    data.write_idx(folder.path());
    let path = folder.path().join(data.spec.idx[2].name);
    let mut bytes = data.idx[2].clone();
    bytes[500] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let check = |name: &str, packed| {
        let error = data.find(folder.path()).unwrap_err();
        assert!(matches!(error, DatasetError::Checksum { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("remove the file"), "{text}");
        assert_eq!(text.contains("unpacked"), packed, "{text}");
    };
    check(data.spec.idx[2].name, false);
    fs::remove_file(&path).unwrap();
    fs::write(path.with_extension("gz"), gzip(&bytes)).unwrap();
    check(data.spec.idx[2].name, true);
    // An npz that is not the known one is an error too, though the IDX files beside it would do.
    data.write_idx(folder.path());
    let mut npz = data.npz.clone();
    npz[200] ^= 1;
    fs::write(folder.path().join("mnist.npz"), npz).unwrap();
    check("mnist.npz", false);
}

#[test]
fn cut_and_grown_files_are_errors() {
    let data = synthetic();
    let folder = tempfile::tempdir().unwrap();
    data.write_idx(folder.path());
    let name = data.spec.idx[0].name;
    let (plain, packed) = (folder.path().join(name), folder.path().join(format!("{name}.gz")));
    let expect_error = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).unwrap();
        let error = data.find(folder.path()).unwrap_err();
        assert!(matches!(error, DatasetError::Format { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    };
    expect_error(&plain, &data.idx[0][..100]);
    expect_error(&plain, &[&data.idx[0][..], &[0]].concat());
    fs::remove_file(&plain).unwrap();
    let good = gzip(&data.idx[0]);
    for cut in [0, 5, good.len() / 2, good.len() - 1] {
        expect_error(&packed, &good[..cut]);
    }
    expect_error(&packed, &gzip(&[0; 1 << 20]));
}

#[test]
fn files_of_other_shapes_are_errors_even_with_the_right_sum() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = synthetic();
    data.spec.examples = [3, 1];
    data.write_idx(folder.path());
    let error = data.find(folder.path()).unwrap_err().to_string();
    assert!(error.contains("found shape [2, 28, 28], expected shape [1, 28, 28]"), "{error}");
    let data = synthetic_with(vec![1, 10, 2]);
    data.write_idx(folder.path());
    let error = data.find(folder.path()).unwrap_err().to_string();
    assert!(error.contains("label 1: found 10, expected 0 to 9"), "{error}");
}

/// MNIST's well-known beginning: its first labels, and how many of each digit its first thousand are.
#[test]
fn the_embedded_subset() {
    let ((x_train, y_train), (x_test, y_test)) = subset();
    assert_eq!((x_train.dim(), x_test.dim()), ((1000, 28, 28), (1000, 28, 28)));
    assert_eq!((y_train.len(), y_test.len()), (1000, 1000));
    assert_eq!(y_train.to_vec()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(y_test.to_vec()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    let count = |labels: &ndarray::Array1<u8>, digit| labels.iter().filter(|&&label| label == digit).count();
    assert_eq!(
        std::array::from_fn(|d| count(&y_train, d as u8)),
        [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    );
    assert_eq!(
        std::array::from_fn(|d| count(&y_test, d as u8)),
        [85, 126, 116, 107, 110, 87, 87, 99, 89, 94]
    );
}

/// The full set, whose files have the known sums, begins with the embedded subset.
#[test]
fn the_full_set_where_it_is() {
    let Some(folder) = std::env::var_os("RHYTON_DATA").map(PathBuf::from) else {
        eprintln!("skipped: RHYTON_DATA is not set (cargo xtask mnist DIR fetches the full set)");
        return;
    };
    let full =
        FULL.find(&[folder]).unwrap().expect("RHYTON_DATA has no MNIST; `cargo xtask mnist DIR` fetches it");
    let first = subset();
    for ((images, labels), (few, few_labels), examples) in
        [(&full.0, &first.0, 60_000), (&full.1, &first.1, 10_000)].map(|(a, b, n)| (a.clone(), b.clone(), n))
    {
        assert_eq!(images.dim(), (examples, 28, 28));
        assert_eq!(labels.len(), examples);
        assert_eq!(images.slice_axis(Axis(0), (..1000).into()), few);
        assert_eq!(labels.slice_axis(Axis(0), (..1000).into()), few_labels);
    }
}

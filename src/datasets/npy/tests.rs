//! The files in tests/data/npy were written by NumPy 2.4 (`save`, `savez`, `savez_compressed`); the values are those of
//! the expressions beside them.

use super::{Element, Npz, load, load_data, save};
use crate::datasets::DatasetError;
use ndarray::{ArrayD, Dimension, IxDyn};
use std::fs;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/npy").join(name)
}

/// `numpy.arange(24).reshape(2, 3, 4)`, each number through `f`.
fn arange<T>(f: impl Fn(i64) -> T) -> ArrayD<T> {
    ArrayD::from_shape_vec(vec![2, 3, 4], (0..24).map(f).collect()).unwrap()
}

fn found(result: Result<ArrayD<impl Element + std::fmt::Debug>, DatasetError>) -> String {
    match result {
        Err(DatasetError::Format { found, .. }) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_of_a_stored_archive() {
    let mut npz = Npz::open(file("stored.npz")).unwrap();
    assert_eq!(npz.names(), ["u8", "i32", "i64", "f32", "f64", "f_order", "scalar", "empty", "big", "c64"]);
    assert_eq!(npz.array::<u8>("u8").unwrap(), arange(|n| n as u8));
    assert_eq!(npz.array::<i32>("i32").unwrap(), arange(|n| n as i32 - 5));
    assert_eq!(npz.array::<i64>("i64").unwrap(), arange(|n| n * 1_000_000_000_000 - 7));
    assert_eq!(npz.array::<f32>("f32").unwrap(), arange(|n| (n as f64 / 7.0) as f32));
    assert_eq!(npz.array::<f64>("f64").unwrap(), arange(|n| n as f64 / 3.0));
    let fortran = npz.array::<f32>("f_order").unwrap();
    assert_eq!(fortran.shape(), [3, 4]);
    assert_eq!(fortran[[1, 2]], (6.0_f64 / 9.0) as f32);
    assert_eq!(npz.array::<f32>("scalar").unwrap(), ArrayD::from_elem(vec![], 0.1_f32));
    assert_eq!(npz.array::<f32>("empty").unwrap().shape(), [0, 3]);
}

#[test]
fn a_deflated_archive() {
    let mut npz = Npz::open(file("deflated.npz")).unwrap();
    let x = npz.array::<u8>("x").unwrap();
    assert_eq!(x.shape(), [10, 10, 10]);
    assert!(x.iter().zip(0_u32..).all(|(&value, n)| u32::from(value) == n % 13));
    assert_eq!(npz.array::<i64>("y").unwrap().into_iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[test]
fn single_arrays_of_both_header_versions() {
    assert_eq!(load::<f32>(file("f32.npy")).unwrap(), arange(|n| (n as f64 / 7.0) as f32));
    let expected = ArrayD::from_shape_vec(vec![3, 2], (0..6).collect()).unwrap();
    assert_eq!(load::<i32>(file("version2.npy")).unwrap(), expected);
}

#[test]
fn other_types_are_named_and_never_converted() {
    let mut npz = Npz::open(file("stored.npz")).unwrap();
    assert_eq!(found(npz.array::<f32>("f64")), "elements of type '<f8'");
    assert_eq!(found(npz.array::<f32>("big")), "elements of type '>f4'");
    assert_eq!(found(npz.array::<f32>("c64")), "elements of type '<c8'");
    assert_eq!(found(npz.array::<f32>("nowhere")), "no such array");
}

#[test]
fn no_cut_or_flipped_byte_of_an_archive_goes_unnoticed() {
    let good = fs::read(file("deflated.npz")).unwrap();
    let open = |bytes: Vec<u8>| Npz::from_bytes(Path::new("damaged.npz"), bytes)?.array::<u8>("x");
    for cut in 0..good.len() {
        assert!(open(good[..cut].to_vec()).is_err(), "cut at {cut}");
    }
    let expected = open(good.clone()).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x41;
        // A time stamp or the other member may be hit: then the array is whole.
        if let Ok(array) = open(bytes) {
            assert_eq!(array, expected, "flipped at {at}");
        }
    }
}

#[test]
fn no_damaged_header_is_believed() {
    let good = fs::read(file("f32.npy")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.npy");
    let load_bytes = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        load::<f32>(&path)
    };
    for cut in 0..good.len() {
        assert!(load_bytes(&good[..cut]).is_err(), "cut at {cut}");
    }
    assert!(load_bytes(&[&good[..], &[0]].concat()).is_err(), "a byte too many");
    for header in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, ), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, ), }",
        "{'descr': '<f4', 'fortran_order': False, }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } + exit()",
    ] {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([0; 4]);
        assert!(load_bytes(&bytes).is_err(), "{header}");
    }
}

/// What is written is what NumPy writes, to the byte, for any rank.
#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    for shape in [&[][..], &[3], &[2, 3], &[0, 4], &[1, 2, 3]] {
        let array = ArrayD::from_shape_fn(IxDyn(shape), |at| at.slice().iter().sum::<usize>() as f32 + 0.5);
        save(&path, &array).unwrap();
        assert_eq!(load::<f32>(&path).unwrap(), array);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((bytes.len() - 4 * array.len()) % 64, 0);
        assert_eq!(bytes[bytes.len() - 4 * array.len() - 1], b'\n');
    }
    save(&path, &ArrayD::zeros(IxDyn(&[2, 3]))).unwrap();
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    assert!(text.contains("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), "{text}");
    save(&path, &ArrayD::zeros(IxDyn(&[3]))).unwrap();
    assert!(String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("(3,)"));
    assert_eq!(load_data(&path).unwrap().shape, [3]);
}

/// Data may be of any type of numbers.
#[test]
fn data_of_all_types() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let file = |descr: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        std::fs::write(&path, [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()).unwrap();
        load_data(&path)
    };
    for (descr, data) in [("<f4", &1f32.to_le_bytes()[..]), ("<f8", &1f64.to_le_bytes()), ("<f2", &[0, 0x3c])]
    {
        assert_eq!(file(descr, data).unwrap().words[..], [1f32.to_bits()], "{descr}");
    }
    let integers = [
        ("|b1", &[1][..]),
        ("|u1", &[1]),
        ("|i1", &[1]),
        ("<u2", &[1, 0]),
        ("<i2", &[1, 0]),
        ("<u4", &[1, 0, 0, 0]),
        ("<i4", &[1, 0, 0, 0]),
        ("<u8", &[1, 0, 0, 0, 0, 0, 0, 0]),
        ("<i8", &[1, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (descr, data) in integers {
        assert_eq!(file(descr, data).unwrap().words[..], [1], "{descr}");
    }
    let message = file(">f4", &[0; 4]).unwrap_err().to_string();
    assert!(message.contains("a.npy") && message.contains(">f4"), "{message}");
}

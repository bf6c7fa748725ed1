//! Archives: checksums, bombs, and two readings of one file.

use std::io::Write as _;
use std::path::Path;

use rhyton_persist::open;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{case, keras, members, read_all, refused};

pub fn zip(path: &Path, members: &[(&str, &[u8])], method: CompressionMethod) {
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
    let sound = keras();
    let found = members(&sound);
    let member = |name: &str| found.iter().find(|(n, _)| n == name).unwrap().1.clone();
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
}

/// The sound file's members, one of them changed.
fn changed(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = members(&keras());
    for (n, b) in &mut all {
        if n == name {
            *b = bytes.to_vec();
        }
    }
    all
}

fn pack(path: &Path, members: &[(String, Vec<u8>)], method: CompressionMethod) {
    let members: Vec<(&str, &[u8])> = members.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    zip(path, &members, method);
}

#[test]
fn bombs_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let zeros = vec![0; 300 << 20];
    for (name, bytes) in
        [("model.weights.h5", zeros.as_slice()), ("config.json", b"[0,".repeat(1 << 20).as_slice())]
    {
        pack(&path, &changed(name, bytes), CompressionMethod::Deflated);
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
        let error = refused(&path, name);
        assert!(error.contains(name) && error.contains("packed into"), "{error}");
    }
    // What lies about its size: the stream goes on behind what the headers say.
    pack(&path, &changed("model.weights.h5", &zeros[..30 << 20]), CompressionMethod::Deflated);
    let mut bytes = std::fs::read(&path).unwrap();
    let size = (30u32 << 20).to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 4).filter(|i| bytes[*i..*i + 4] == size).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        bytes[at..at + 4].copy_from_slice(&(20u32 << 20).to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    refused(&path, "a stream that is longer than it says");
}

#[test]
fn large_deflated_members_are_read_from_a_file_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let all = members(&keras());
    let mut weights = all.iter().find(|(name, _)| name == "model.weights.h5").unwrap().1.clone();
    // What is behind an HDF5 file is none of its business.
    weights.resize(20 << 20, 7);
    pack(&path, &changed("model.weights.h5", &weights), CompressionMethod::Deflated);
    let watch = crate::watch::Watch::start();
    read_all(&path, &case(), &case().skeleton()).unwrap();
    watch.check("a member of 20 MB");
}

#[test]
fn every_bit_of_a_member_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        pack(&path, &members(&keras()), method);
        let sound = std::fs::read(&path).unwrap();
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let places: Vec<(u64, u64)> = (0..archive.len())
            .map(|i| archive.by_index_raw(i).map(|m| (m.data_start().unwrap(), m.compressed_size())).unwrap())
            .collect();
        for (start, len) in places {
            for i in 0..40 {
                let at = (start + len * i / 40) as usize;
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << (i % 8);
                std::fs::write(&path, bytes).unwrap();
                refused(&path, &format!("a {method:?} member flipped at {at}"));
            }
        }
    }
}

#[test]
fn a_wrong_checksum_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    pack(&path, &members(&keras()), CompressionMethod::Stored);
    let mut bytes = std::fs::read(&path).unwrap();
    let weights = members(&keras()).into_iter().find(|(name, _)| name == "model.weights.h5").unwrap().1;
    let at = bytes.windows(weights.len()).position(|w| w == weights).unwrap() + weights.len() - 1;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = refused(&path, "a flipped weight");
    assert!(
        error.contains("model.weights.h5: found bytes whose CRC-32 is") && error.contains("damaged"),
        "{error}"
    );
}

/// Offset of the first record with this signature.
fn record(bytes: &[u8], signature: &[u8; 4]) -> usize {
    bytes.windows(4).position(|w| w == signature).unwrap()
}

#[test]
fn what_two_programs_would_read_in_two_ways_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    pack(&path, &members(&keras()), CompressionMethod::Stored);
    let sound = std::fs::read(&path).unwrap();
    open(&path, None).unwrap();
    let (local, central, end) =
        (record(&sound, b"PK\x03\x04"), record(&sound, b"PK\x01\x02"), record(&sound, b"PK\x05\x06"));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let changes: [(&str, Change); 14] = [
        ("another name before the member", &|b| b[local + 30] ^= 1),
        ("another name in the directory", &|b| b[central + 46] ^= 1),
        ("another size before the member", &|b| b[local + 22] ^= 1),
        ("another checksum before the member", &|b| b[local + 14] ^= 1),
        ("another checksum in the directory", &|b| b[central + 16] ^= 1),
        ("another method before the member", &|b| b[local + 8] = 8),
        ("a method that is not known", &|b| {
            b[local + 8] = 99;
            b[central + 10] = 99;
        }),
        ("an encrypted member", &|b| {
            b[local + 6] |= 1;
            b[central + 8] |= 1;
        }),
        ("fewer members than there are", &|b| {
            b[end + 8] -= 1;
            b[end + 10] -= 1;
        }),
        ("more members than there are", &|b| {
            b[end + 8] += 1;
            b[end + 10] += 1;
        }),
        ("a directory elsewhere", &|b| b[end + 16] ^= 4),
        ("an archive behind other bytes", &|b| b.splice(0..0, *b"PK and more").for_each(drop)),
        ("bytes behind the archive", &|b| b.extend(*b"more")),
        ("a comment with another end in it", &|b| {
            let mut other = b[end..].to_vec();
            other[20] = 0;
            b[end + 20] = other.len() as u8;
            b.extend(other);
        }),
    ];
    for (what, change) in changes {
        with(change);
        refused(&path, what);
    }
    // A comment alone is none of that.
    with(&|b| {
        b[end + 20] = 5;
        b.extend(*b"hello");
    });
    open(&path, None).unwrap();
}

/// Python's `zipfile` writes these records from 2 GiB on, where the last one still has room for the numbers.
#[test]
fn records_of_large_archives_must_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    pack(&path, &members(&keras()), CompressionMethod::Stored);
    let sound = std::fs::read(&path).unwrap();
    let end = record(&sound, b"PK\x05\x06");
    let entries = u64::from(sound[end + 10]);
    let number = |at: usize| u64::from(u32::from_le_bytes(sound[at..at + 4].try_into().unwrap()));
    let (size, start) = (number(end + 12), number(end + 16));
    let with = |size: u64, start: u64, record_at: u64, absent: bool| {
        let mut bytes = sound[..end].to_vec();
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [entries, entries, size, start] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(record_at.to_le_bytes());
        bytes.extend([1, 0, 0, 0]);
        let mut last = sound[end..].to_vec();
        if absent {
            last[8..20].fill(0xff);
        }
        bytes.extend(last);
        std::fs::write(&path, bytes).unwrap();
    };
    for absent in [false, true] {
        with(size, start, end as u64, absent);
        open(&path, None).unwrap();
    }
    for (what, size, start, record_at) in [
        ("another size", size - 1, start, end as u64),
        ("another start", size, start - 1, end as u64),
        ("both, and the same end", size + 1, start - 1, end as u64),
        ("a record elsewhere", size, start, end as u64 - 1),
        ("a record far away", size, start, u64::MAX - 3),
    ] {
        with(size, start, record_at, false);
        refused(&path, what);
    }
}

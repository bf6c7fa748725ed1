//! Damaged and hostile files, through the command: one line on the standard error, exit code 1, nothing left behind.

mod common;

use std::io::{Read as _, Write as _};
use std::path::Path;

use common::{command, data, fails, rhyton, text, works};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const SOUND: &str = "opt_sgdm/keras3/model.keras";

fn members() -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(std::fs::File::open(data(SOUND)).unwrap()).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut member = archive.by_index(i).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            (member.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// The sound file with one member changed.
fn changed(path: &Path, name: &str, method: CompressionMethod, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    for (n, bytes) in members() {
        zip.start_file(&*n, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(&if n == name { change(bytes) } else { bytes }).unwrap();
    }
    zip.finish().unwrap();
}

/// Every command that reads a model, and what it may leave: nothing.
fn all_refuse(path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, out, npy) =
        (text(path), text(&folder.path().join("out.h5")), text(&folder.path().join("p.npy")));
    let inputs = data("opt_sgdm/keras3/inputs.npy");
    let targets = data("opt_sgdm/keras3/targets.npy");
    let mut first = String::new();
    for arguments in [
        &["inspect", &path][..],
        &["inspect", &path, "--json"],
        &["convert", &path, &out],
        &["predict", &path, "--inputs", &inputs, "--output", &npy],
        &["evaluate", &path, "--inputs", &inputs, "--targets", &targets],
    ] {
        let message = fails(1, arguments);
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.len() < 10_000 && message.starts_with("error: "), "{message}");
        assert!(message.trim_end().chars().all(|c| !c.is_control()), "{message:?}");
        if first.is_empty() {
            first = message;
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    first
}

#[test]
fn one_flipped_weight_is_seen_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped.keras");
    changed(&path, "", CompressionMethod::Stored, |bytes| bytes);
    works(&["inspect", &text(&path)]);
    let mut bytes = std::fs::read(&path).unwrap();
    let weights = members().into_iter().find(|(name, _)| name == "model.weights.h5").unwrap().1;
    let start = bytes.windows(weights.len()).position(|w| w == weights).unwrap();
    bytes[start + weights.len() - 3] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let message = all_refuse(&path);
    assert!(message.contains("flipped.keras: model.weights.h5: found bytes whose CRC-32"), "{message}");
}

#[test]
fn configs_of_the_wrong_type_are_seen_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let replace = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1).into_bytes()
        }
    };
    for (from, to, says) in
        [("\"units\": ", "\"units\": \"ten\", \"was\": ", "units"), ("\"float32\"", "\"float99\"", "float99")]
    {
        changed(&path, "config.json", CompressionMethod::Stored, replace(from, to));
        let message = all_refuse(&path);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn names_do_nothing_to_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let evil = r#"\u001b]0;owned\u0007\u009b31m\nerror\u202e"#;
    changed(&path, "config.json", CompressionMethod::Stored, |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let (start, rest) = text.split_once("\"class_name\": \"Dense\"").unwrap();
        let (middle, end) = rest.split_once("\"name\": \"").unwrap();
        let (_, end) = end.split_once('"').unwrap();
        format!("{start}\"class_name\": \"Dense\"{middle}\"name\": \"{evil}\"{end}").into_bytes()
    });
    for arguments in [
        &["inspect", &text(&path), "--variables", "--layers"][..],
        &["plan", &text(&path), "--device", "cpu"],
    ] {
        let done = rhyton(arguments);
        let shown = format!("{}{}", done.out, done.err);
        assert!(!shown.chars().any(|c| c != '\n' && c.is_control() || c == '\u{202e}'), "{shown:?}");
    }
    assert!(works(&["inspect", &text(&path)]).contains("\\u{1b}]0;owned"));
}

/// The most memory that a program may ask for.
#[cfg(target_os = "linux")]
fn with_memory(megabytes: u32, arguments: &[&str]) -> (Option<i32>, String) {
    let program = command().get_program().to_owned();
    let line = format!("ulimit -v {}; exec \"$0\" \"$@\"", megabytes * 1024);
    let done =
        std::process::Command::new("sh").arg("-c").arg(line).arg(program).args(arguments).output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn bombs_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.keras");
    let (code, err) = with_memory(256, &["inspect", &data(SOUND)]);
    assert_eq!(code, Some(0), "the sound file needs less: {err}");
    for (name, bytes) in [("model.weights.h5", vec![0; 400 << 20]), ("config.json", b"[0,".repeat(4 << 20))] {
        changed(&path, name, CompressionMethod::Deflated, |_| bytes.clone());
        for arguments in
            [&["inspect", &text(&path)][..], &["convert", &text(&path), &text(&folder.path().join("out.h5"))]]
        {
            let (code, err) = with_memory(256, arguments);
            assert_eq!(code, Some(1), "{err}");
            assert!(err.lines().count() == 1 && err.contains(name), "{err}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
}

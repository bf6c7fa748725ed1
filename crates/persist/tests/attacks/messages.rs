//! What a message shows of a file: nothing that a terminal obeys, and not all of a long text.

use rhyton_persist::{Error, open};
use serde_json::json;
use zip::CompressionMethod;

use crate::zips::zip;
use crate::{assert_one_line, dense, keras, members};

#[test]
fn no_message_has_what_a_terminal_obeys() {
    let text = "\u{1b}[2J\n\r\u{7}\u{9b}31m\u{202e}evil\u{200b}".to_owned();
    let path = std::path::PathBuf::from(format!("{text}.keras"));
    let (place, found) = (text.clone(), text.clone());
    for error in [
        Error::Io { action: "read", path: path.clone(), source: std::io::Error::other(text.clone()) },
        Error::Durability { path: path.clone(), source: std::io::Error::other(text.clone()) },
        Error::Format { path: path.clone(), place: place.clone(), found, expected: text.clone() },
        Error::Unsupported { path: path.clone(), place, what: text.clone(), advice: text.clone() },
        Error::Mismatch { path, mismatches: vec![text.clone(), text.clone()] },
        Error::Usage { what: text.clone(), advice: text },
    ] {
        let shown = error.to_string();
        assert_one_line(&shown);
        assert!(shown.contains("\\u{1b}[2J\\n\\r\\u{7}\\u{9b}31m\\u{202e}evil\\u{200b}"), "{shown}");
    }
}

#[test]
fn long_messages_are_cut() {
    let long = "x".repeat(1 << 20);
    for error in [
        Error::Format { path: "f".into(), place: long.clone(), found: long.clone(), expected: "y".into() },
        Error::Usage { what: long.clone(), advice: long.clone() },
        Error::Mismatch { path: "f".into(), mismatches: vec![long; 1000] },
    ] {
        assert_one_line(&error.to_string());
    }
    let many = (0..1000).map(|i| format!("layer_{i}: missing")).collect();
    let shown = Error::Mismatch { path: "f".into(), mismatches: many }.to_string();
    assert!(shown.ends_with("layer_7: missing and 992 more"), "{shown}");
}

#[test]
fn names_of_a_file_come_out_plain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.keras");
    let weights = members(&keras()).into_iter().find(|(name, _)| name == "model.weights.h5").unwrap().1;
    let evil = "a\u{1b}]0;owned\u{7}\nerror: none";
    let config = json!({"class_name": "Sequential", "config": {"name": evil, "layers": [
        {"class_name": "Dense", "config": {"name": evil, "units": 3}}]}});
    let members: [(&str, &[u8]); 2] =
        [("config.json", config.to_string().into_bytes().leak()), ("model.weights.h5", &weights)];
    zip(&path, &members, CompressionMethod::Stored);
    let file = open(&path, None).unwrap();
    let mut root = dense();
    root.children[0].1.name = evil.into();
    let error = file.weights.fill(&mut root).unwrap_err().to_string();
    assert_one_line(&error);
    // The name of a member.
    let members: [(&str, &[u8]); 2] = [("config.json", b"{}"), ("../\u{1b}[31m", b"")];
    zip(&path, &members, CompressionMethod::Stored);
    assert_one_line(&open(&path, None).err().unwrap().to_string());
}

//! Names that lead out of a folder, and files that change while they are sent.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::*;
use fake_dav::{Fault, Habits};
use rhyton_persist::copy;
use rhyton_persist::storage::list;

/// Far longer than it should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hrefs of files and folders that are not in `/dav/model`.
const OUTSIDE: [&str; 12] = [
    "/dav/model/..",
    "/dav/model/%2e%2e",
    "/dav/model/../escaped",
    "/dav/model/..%2Fescaped",
    "/dav/model/%2e%2e%2Fescaped",
    "/dav/model/../",
    "/dav/model/./",
    // The folder that it is in.
    "/dav/",
    "/",
    "/dav/escaped",
    "/elsewhere/escaped",
    "http://elsewhere.invalid/dav/model2/escaped",
];

#[test]
fn a_list_may_not_lead_out_of_its_folder() {
    for href in OUTSIDE {
        let server = FakeDav::with(Habits { also_lists: vec![href.into()], ..Habits::default() });
        server.make_folder("model");
        server.put("model/f", b"a file");
        server.put("escaped", b"x");
        let entries = list(server.at("model"));
        if let Ok(entries) = &entries {
            assert!(entries.iter().all(|entry| entry.name == "f"), "{href}: {entries:?}");
        }
        let here = tempfile::tempdir().expect("a folder");
        let target = here.path().join("in").join("model");
        let copied = copy(server.at("model"), &target);
        let beside: Vec<_> =
            std::fs::read_dir(here.path()).expect("reads").map(|e| e.expect("one").file_name()).collect();
        assert!(beside.iter().all(|name| name == "in"), "{href}: {copied:?}: {beside:?}");
        assert!(!target.join("escaped").exists() && !here.path().join("in/escaped").exists(), "{href}");
    }
}

#[test]
fn nothing_outside_of_a_folder_is_moved_or_removed() {
    for href in OUTSIDE {
        let server = FakeDav::with(Habits { also_lists: vec![href.into()], ..Habits::default() });
        server.make_folder("model");
        server.put("model/saved_model.pb", b"an older one");
        server.put("escaped", b"x");
        let result = save_model(&server.at("model"), 5, 1.0);
        assert_eq!(server.bytes("escaped").as_deref(), Some(&b"x"[..]), "{href}: {result:?}");
        let wrong: Vec<_> = server.log().into_iter().filter(|line| line.contains("..")).collect();
        assert!(wrong.is_empty(), "{href}: {wrong:?}");
        let copied: Vec<_> = server.log().into_iter().filter(|line| line.starts_with("COPY ")).collect();
        assert!(copied.is_empty() || result.is_err(), "{href}: {copied:?}");
    }
}

/// A name that a client may take for a path: Windows knows more separators.
#[test]
fn names_with_the_separators_of_any_system() {
    let server =
        FakeDav::with(Habits { also_lists: vec!["/dav/model/..%5Cescaped".into()], ..Habits::default() });
    server.make_folder("model");
    server.put("model/..\\escaped", b"x");
    let here = tempfile::tempdir().expect("a folder");
    let target = here.path().join("in").join("model");
    drop(copy(server.at("model"), &target));
    assert!(!here.path().join("in").join("escaped").exists());
}

#[test]
fn a_file_that_shrinks_while_it_is_sent() {
    for (before, after) in [(8 << 20, 1 << 20), (8 << 20, 0), (1000, 10)] {
        let here = tempfile::tempdir().expect("a folder");
        let file = here.path().join("f");
        std::fs::write(&file, vec![1; before]).expect("writes");
        let server = FakeDav::start();
        server.put("f", b"the older one");
        let shrinking = file.clone();
        let shrink = move |_: &mut fake_dav::Files| {
            let file = std::fs::OpenOptions::new().write(true).open(&shrinking).expect("opens");
            file.set_len(after).expect("shrinks");
        };
        // A small file is sent with its head; it shrinks before.
        let method = if before > 100_000 { "PUT" } else { "PROPFIND" };
        server.fault(Fault::on(method, Effect::Meanwhile(Arc::new(shrink))));
        let (send, receive) = channel();
        let to = server.at("f");
        thread::spawn(move || send.send(copy(&file, to).map(drop)));
        let result =
            receive.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{before} to {after}: no answer"));
        let there = server.bytes("f").expect("a file");
        match result {
            // It was sent before it shrank, or as it is now.
            Ok(()) => assert!(there.len() == before || there.len() == after as usize, "{}", there.len()),
            Err(error) => assert_eq!(there, b"the older one", "{error}"),
        }
        assert_eq!(server.names(""), ["f"]);
    }
}

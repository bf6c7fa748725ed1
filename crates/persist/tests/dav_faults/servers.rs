//! What servers do that is allowed, or common.

use super::*;
use fake_dav::{Fault, Habits};
use rhyton_persist::copy;
use rhyton_persist::storage::list;

/// Saves of each kind, each twice.
fn all_is_well(server: &FakeDav, retries: u32) {
    let at = |name: &str| server.at(name).retries(retries);
    for _ in 0..2 {
        // Its size makes the client ask whether to send it.
        let large = vec![7; 200_000];
        commit::create_folder(at("a b/c/d")).expect("makes folders");
        save(&at("a b/c/d/m.bin"), &large).expect("saves a file");
        assert!(server.bytes("a b/c/d/m.bin").as_deref() == Some(&large));

        save_checkpoint(&at("a b/cp.ckpt"), 1.0, 1).expect("saves a checkpoint");
        save_checkpoint(&at("a b/cp.ckpt"), 2.0, 1).expect("saves a checkpoint");
        assert_eq!(load(&at("a b/cp.ckpt"), 5), Ok(2.0));

        save_model(&at("a b/model"), 5, 1.0).expect("saves a model");
        server.put("a b/model/notes ü.txt", b"mine");
        save_model(&at("a b/model"), 5, 2.0).expect("saves a model");
        assert_eq!(load(&at("a b/model"), 5), Ok(2.0));
        assert_eq!(server.bytes("a b/model/notes ü.txt").as_deref(), Some(&b"mine"[..]));

        let here = tempfile::tempdir().expect("a folder");
        copy(at("a b/model"), here.path().join("model")).expect("copies a folder");
        assert_eq!(load(&here.path().join("model").into(), 5), Ok(2.0));
        copy(here.path().join("model"), at("a b/again")).expect("copies a folder");
        assert_eq!(load(&at("a b/again"), 5), Ok(2.0));

        // A folder in a folder of the same name.
        copy(at("a b/model"), at("a b/c/c")).expect("copies a folder");
        let names = |folder: &str| -> Vec<String> {
            list(at(folder)).expect("lists").into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names("a b/c"), ["c", "d"]);
        assert_eq!(names("a b"), server.names("a b"));
        assert_eq!(names("a b/model/assets"), <[&str; 0]>::default());
    }
    assert_eq!(server.names(""), ["a b"]);
    let folder = ["again", "c", "cp.ckpt.data-00000-of-00001", "cp.ckpt.index", "model"];
    assert_eq!(
        server.names("a b").into_iter().filter(|name| name != "checkpoint").collect::<Vec<_>>(),
        folder
    );
}

#[test]
fn one_as_the_standard_has_it() {
    all_is_well(&FakeDav::start(), 0);
}

#[test]
fn folders_need_their_slashes() {
    let server = FakeDav::with(Habits { strict_slashes: true, ..Habits::default() });
    all_is_well(&server, 0);
    // The temporary folder of a save that fails is removed here too.
    server.fault(Fault::on("PUT", Effect::Refuse(507)).after(2));
    save_model(&server.at("a b/model"), 5, 3.0).expect_err("full");
    assert!(!server.names("a b").iter().any(|name| is_temporary(name)));
}

#[test]
fn folders_without_their_slashes_are_redirected() {
    all_is_well(&FakeDav::with(Habits { redirects_folders: true, ..Habits::default() }), 0);
}

/// People write URLs as they come; the server's are encoded.
#[test]
fn a_folder_is_no_file_however_its_url_is_written() {
    let server = FakeDav::with(Habits { redirects_folders: true, ..Habits::default() });
    save_model(&server.at("a b/ü"), 5, 1.0).expect("saves");
    let root = server.at("").to_string();
    for name in ["a b/ü", "a%20b/%c3%bc", "a%20b/%C3%BC"] {
        let place = Location::new(format!("{}/{name}", root.trim_end_matches('/'))).retries(0);
        let here = tempfile::tempdir().expect("a folder");
        copy(&place, here.path().join("model")).expect("copies");
        assert_eq!(load(&here.path().join("model").into(), 5), Ok(1.0), "{name}");
        save_model(&place, 5, 1.0).expect("saves again");
    }
    assert_eq!(server.names(""), ["a b"]);
    assert_eq!(server.names("a b"), ["ü"]);
}

#[test]
fn hrefs_have_another_beginning_than_the_url() {
    for base in ["/remote.php/webdav", "/x", ""] {
        all_is_well(&FakeDav::with(Habits { href_base: Some(base), ..Habits::default() }), 0);
    }
}

#[test]
fn nobody_may_ask_whether_to_send() {
    all_is_well(&FakeDav::with(Habits { refuses_expect: true, ..Habits::default() }), 0);
}

#[test]
fn a_destination_with_a_host_is_refused() {
    all_is_well(&FakeDav::with(Habits { wants_path_as_destination: true, ..Habits::default() }), 0);
}

#[test]
fn lost_answers_to_requests_for_folders() {
    let server = FakeDav::start();
    for (skip, place) in ["a", "b/c", "d/e/f"].into_iter().enumerate() {
        server.fault(Fault::on("MKCOL", Effect::LoseAnswer).after(skip).times(1));
        commit::create_folder(server.at(place).retries(1)).expect("makes folders");
        assert!(list(server.at(place)).expect("lists").is_empty());
        server.heal();
    }
    // The temporary folder, and those in it.
    for skip in 0..3 {
        server.fault(Fault::on("MKCOL", Effect::LoseAnswer).after(skip).times(1));
        let saved = save_model(&server.at("model").retries(1), 5, 1.0);
        assert!(saved.is_ok(), "MKCOL {skip}: {saved:?}");
        server.heal();
    }
    assert_eq!(load(&server.at("model"), 5), Ok(1.0));
    assert_eq!(server.names(""), ["a", "b", "d", "model"]);
}

#[test]
fn a_file_is_where_a_folder_should_be() {
    let server = FakeDav::start();
    server.put("f", b"a file");
    commit::create_folder(server.at("f")).expect_err("a file");
    commit::create_folder(server.at("f/g")).expect_err("in a file");
    save_model(&server.at("f"), 5, 1.0).expect_err("a file");
    assert_eq!(server.bytes("f").as_deref(), Some(&b"a file"[..]));
}

#[test]
fn a_list_that_is_cut_is_asked_for_again() {
    let server = FakeDav::start();
    server.put("f", b"bytes");
    server.fault(Fault::on("PROPFIND", Effect::CutBody).times(1));
    let entries = list(server.at("").retries(1)).expect("lists");
    assert_eq!(entries.len(), 1);
    // In each place of a save.
    for skip in 0..6 {
        server.fault(Fault::on("PROPFIND", Effect::CutBody).after(skip).times(1));
        let saved = save_model(&server.at("model").retries(1), 5, 1.0);
        assert!(saved.is_ok(), "PROPFIND {skip}: {saved:?}");
        server.heal();
    }
}

#[test]
fn a_busy_server_is_waited_for() {
    for method in ["PROPFIND", "PUT", "MOVE", "GET", "MKCOL", "COPY"] {
        let server = FakeDav::start();
        server.fault(Fault::on(method, Effect::Busy).times(3));
        all_is_well(&server, 3);
    }
}

#[test]
fn all_of_it_together() {
    let server = FakeDav::with(Habits {
        etags: fake_dav::Etags::None,
        strict_slashes: true,
        redirects_folders: false,
        href_base: Some("/backend"),
        refuses_expect: true,
        wants_path_as_destination: true,
        also_lists: Vec::new(),
    });
    all_is_well(&server, 0);
}

/// A way to save, and its name on the server.
type Way = (&'static str, fn(&Location, f32) -> Result<(), Error>);

#[test]
fn every_answer_is_lost_or_cut_in_turn() {
    let ways: [Way; 3] = [
        ("cp.ckpt", |place, from| save_checkpoint(place, from, 1)),
        ("model", |place, from| save_model(place, 5, from)),
        ("copy", |place, from| {
            let here = tempfile::tempdir().expect("a folder");
            let from_here = Location::new(here.path().join("copy"));
            save_checkpoint(&from_here, from, 2)?;
            copy(from_here, place).map(drop)
        }),
    ];
    // Each try waits for half a second, so all of them wait together.
    std::thread::scope(|scope| {
        for (name, save) in ways {
            for effect in [Effect::LoseAnswer, Effect::CutBody] {
                for skip in 0..45 {
                    let effect = effect.clone();
                    scope.spawn(move || {
                        let server = FakeDav::start();
                        let place = server.at(name).retries(1);
                        save(&place, 1.0).expect("saves");
                        server.fault(Fault::on("", effect).after(skip).times(1));
                        let result = save(&place, 2.0);
                        server.heal();
                        assert!(result.is_ok(), "{name}, request {skip}: {result:?}: {:#?}", server.log());
                        assert_eq!(load(&place, 5), Ok(2.0), "{name}, request {skip}");
                        let left: Vec<_> =
                            server.names("").into_iter().filter(|name| is_temporary(name)).collect();
                        assert!(left.is_empty(), "{name}, request {skip}: {left:?}");
                    });
                }
            }
        }
    });
}

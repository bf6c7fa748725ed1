//! Copies over older ones of the same name that break at each request in turn: the old one loads, or the new one.

use std::path::Path;

use super::*;
use fake_dav::{Fault, Habits};
use rhyton_persist::{copy, storage};

/// Rows of the old model and of the new one.
const ROWS: (usize, usize) = (5, 6);

/// What was broken, again and again.
struct Broken<'a> {
    server: &'a FakeDav,
    method: &'static str,
    effect: Effect,
}

impl Broken<'_> {
    /// Copies until nothing breaks any more. `prepare` puts the old one there, `check` sees whether it or the new one loads.
    fn at_each_request(
        &self,
        from: &Location,
        to: &Location,
        prepare: impl Fn(),
        check: impl Fn() -> Result<f32, String>,
        context: &str,
    ) {
        for skip in 0.. {
            prepare();
            self.server.fault(Fault::on(self.method, self.effect.clone()).after(skip));
            let result = copy(from, to);
            self.server.heal();
            let loaded = check();
            let context = format!("{context}: {} {skip} and all after it fail: {result:?}", self.method);
            if result.is_ok() {
                assert_eq!(loaded, Ok(2.0), "{context}");
                // The last steps of a checkpoint may fail: it is in force before.
                assert!(skip > 0 || self.method == "COPY", "{context}");
                return;
            }
            assert!(matches!(loaded, Ok(1.0 | 2.0)), "{context}: {loaded:?}");
            // A copy has not so many requests.
            assert!(skip < 40, "{context}");
        }
    }
}

fn load_either(place: &Location) -> Result<f32, String> {
    let (old, new) = (load(place, ROWS.0), load(place, ROWS.1));
    old.or_else(|old| new.map_err(|new| format!("old: {old}; new: {new}")))
}

fn model(place: impl Into<Location>, from: f32) {
    save_model(&place.into(), if from == 1.0 { ROWS.0 } else { ROWS.1 }, from).expect("saves");
}

#[test]
fn a_checkpoint_over_an_older_one() {
    let here = tempfile::tempdir().expect("a folder");
    for shards in [(1, 1), (2, 2), (1, 2), (2, 1)] {
        let (new, old) = (here.path().join("new"), here.path().join("old"));
        save_checkpoint(&Location::new(&old), 1.0, shards.0).expect("saves");
        save_checkpoint(&Location::new(&new), 2.0, shards.1).expect("saves");
        let server = FakeDav::start();
        let there = server.at("cp");
        for (method, effect) in
            [("PUT", Effect::Refuse(507)), ("MOVE", Effect::Refuse(423)), ("COPY", Effect::Refuse(507))]
        {
            Broken { server: &server, method, effect }.at_each_request(
                &Location::new(&new),
                &there,
                || {
                    server.restore("", &Default::default());
                    server.make_folder("");
                    copy(&old, &there).expect("copies");
                },
                || load(&there, 5),
                &format!("{shards:?}"),
            );
        }
    }
}

#[test]
fn a_checkpoint_over_an_older_one_of_this_machine() {
    for shards in [(1, 1), (2, 2), (1, 2), (2, 1)] {
        let server = FakeDav::start();
        save_checkpoint(&server.at("cp"), 2.0, shards.1).expect("saves");
        let here = tempfile::tempdir().expect("a folder");
        let place = Location::new(here.path().join("cp"));
        Broken { server: &server, method: "GET", effect: Effect::Refuse(500) }.at_each_request(
            &server.at("cp"),
            &place,
            || {
                empty(here.path());
                save_checkpoint(&place, 1.0, shards.0).expect("saves");
            },
            || load(&place, 5),
            &format!("{shards:?}"),
        );
    }
}

fn empty(folder: &Path) {
    std::fs::remove_dir_all(folder).expect("removes");
    std::fs::create_dir(folder).expect("makes");
}

#[test]
fn a_saved_model_over_an_older_one() {
    let here = tempfile::tempdir().expect("a folder");
    let new = here.path().join("model");
    model(&new, 2.0);
    let server = FakeDav::start();
    model(server.at("model"), 1.0);
    let old = server.all("");
    for (method, effect) in [("PUT", Effect::Refuse(507)), ("MOVE", Effect::Refuse(423))] {
        // It gets the name of what is copied.
        Broken { server: &server, method, effect: effect.clone() }.at_each_request(
            &Location::new(&new),
            &server.at(""),
            || server.restore("", &old),
            || load_either(&server.at("model")),
            "a SavedModel",
        );
    }
}

#[test]
fn a_saved_model_over_an_older_one_of_this_machine() {
    let server = FakeDav::start();
    model(server.at("model"), 2.0);
    let here = tempfile::tempdir().expect("a folder");
    let place = Location::new(here.path().join("model"));
    Broken { server: &server, method: "GET", effect: Effect::Refuse(500) }.at_each_request(
        &server.at("model"),
        &Location::new(here.path()),
        || {
            empty(here.path());
            model(&place, 1.0);
        },
        || load_either(&place),
        "here",
    );
}

/// What is beside a model's own files goes with it.
#[test]
fn what_is_not_the_models_is_copied_too() {
    for redirects_folders in [false, true] {
        let server = FakeDav::with(Habits { redirects_folders, ..Habits::default() });
        let here = tempfile::tempdir().expect("a folder");
        let source = here.path().join("model");
        model(&source, 2.0);
        std::fs::create_dir(source.join("figures")).expect("makes");
        std::fs::write(source.join("figures/a.png"), "newer").expect("writes");
        std::fs::write(source.join("notes.txt"), "newer").expect("writes");
        let older = here.path().join("there");
        for (place, to) in
            [(server.at("model"), server.at("")), (older.join("model").into(), Location::new(&older))]
        {
            commit::create_folder(&to).expect("makes");
            model(&place, 1.0);
            for name in ["notes.txt", "figures/a.png", "other.txt"] {
                commit::create_folder(place.join(name).folder()).expect("makes");
                save(&place.join(name), b"older").expect("saves");
            }
            copy(&source, &to).expect("copies");
            let is = |name: &str| {
                let bytes = storage::read(place.join(name), 100).expect("reads");
                String::from_utf8(bytes).expect("text")
            };
            assert_eq!(load_either(&place), Ok(2.0));
            let all = (is("notes.txt"), is("figures/a.png"), is("other.txt"));
            assert_eq!(all, ("newer".into(), "newer".into(), "older".into()), "{place}");
        }
    }
}

#[test]
fn what_is_not_the_models_stays() {
    let here = tempfile::tempdir().expect("a folder");
    model(here.path().join("model"), 2.0);
    let server = FakeDav::start();
    model(server.at("model"), 1.0);
    server.put("model/notes.txt", b"mine");
    copy(here.path().join("model"), server.at("")).expect("copies over it");
    assert_eq!(load_either(&server.at("model")), Ok(2.0));
    assert_eq!(server.bytes("model/notes.txt").as_deref(), Some(&b"mine"[..]));
}

//! SavedModel folders.

use std::sync::Arc;

use super::*;
use fake_dav::{Etags, Fault, Habits, path};

/// Whether a name in a folder is left there.
type Keeps = fn(&str) -> bool;

/// A server with the model 1.0 of 5 rows in `model`.
fn with_model(habits: Habits) -> (FakeDav, Location) {
    let server = FakeDav::with(habits);
    let place = server.at("model");
    save_model(&place, 5, 1.0).expect("saves");
    (server, place)
}

#[test]
fn a_move_that_removes_the_older_folder_and_fails() {
    let keeps: [(&str, Keeps); 6] = [
        ("nothing", |_| false),
        ("the graph", |name| matches!(name, "" | "/saved_model.pb")),
        ("the variables", |name| name.is_empty() || name.starts_with("/variables")),
        ("an empty folder", |name| name.is_empty()),
        // The names in the folder itself are as they were.
        ("all but the variables", |name| !name.starts_with("/variables/")),
        ("all but the data", |name| !name.contains(".data-")),
    ];
    for (what, keeps) in keeps {
        let drops = |answer| Effect::DropDestination(keeps, answer);
        let answers = [drops(Some(423)), drops(Some(504)), drops(None), Effect::Die];
        for (number, effect) in answers.into_iter().enumerate() {
            for times in [1, usize::MAX] {
                let context = format!("answer {number}, keeps {what}, {times} times");
                let (server, place) = with_model(Habits::default());
                server.fault(Fault::on("MOVE", effect.clone()).times(times));
                let result = save_model(&place, 5, 2.0);
                server.heal();
                if let Err(error) = &result {
                    let told = told(&server, "", error);
                    let kept = told.iter().any(|name| load(&server.at(name), 5) == Ok(2.0));
                    assert!(kept, "{context}: {error}; there are {:?}", server.names(""));
                    let kept = server.all("");
                    server.fault(Fault::on("PUT", Effect::Refuse(507)));
                    save_model(&place, 5, 3.0).expect_err("full");
                    server.heal();
                    assert!(server.all("") == kept, "{context}: {:?}", server.names(""));
                } else {
                    assert_eq!(load(&place, 5), Ok(2.0), "{context}");
                }
                save_model(&place, 5, 3.0).expect("saves");
                assert_eq!(load(&place, 5), Ok(3.0), "{context}");
                assert_eq!(server.names(""), ["model"], "{context}");
            }
        }
    }
}

#[test]
fn a_refused_move_leaves_the_older_folder_alone() {
    for effect in [Effect::Refuse(423), Effect::Refuse(403), Effect::Partly] {
        let (server, place) = with_model(Habits::default());
        let old = server.all("model");
        server.fault(Fault::on("MOVE", effect));
        let error = save_model(&place, 5, 2.0).expect_err("not saved");
        server.heal();
        assert!(server.all("model") == old, "{error}");
        save_model(&place, 5, 2.0).expect("saves");
        assert_eq!(server.names(""), ["model"]);
    }
}

/// The newer models have the names and sizes of the older one.
#[test]
fn a_page_is_no_sign_of_a_move() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        let (server, place) = with_model(Habits { etags, ..Habits::default() });
        let old = server.all("model");
        server.fault(Fault::on("MOVE", Effect::Page));
        for from in 2..20 {
            let result = save_model(&place, 5, from as f32);
            assert!(result.is_err(), "{etags:?}: {from}");
            assert!(server.all("model") == old);
        }
    }
}

#[test]
fn what_is_not_the_models_is_not_lost_when_it_cannot_be_copied() {
    for effect in [Effect::Partly, Effect::Refuse(507), Effect::Refuse(404), Effect::Page] {
        let (server, place) = with_model(Habits::default());
        server.put("model/notes.txt", b"mine");
        server.make_folder("model/figures");
        server.put("model/figures/a b.png", b"mine too");
        let old = server.all("model");
        server.fault(Fault::on("COPY", effect));
        let error = save_model(&place, 5, 2.0).expect_err("not saved");
        assert!(server.all("model") == old, "{error}");
        server.heal();
        save_model(&place, 5, 2.0).expect("saves");
        assert_eq!(load(&place, 5), Ok(2.0));
        assert_eq!(server.bytes("model/notes.txt").as_deref(), Some(&b"mine"[..]));
        assert_eq!(server.bytes("model/figures/a b.png").as_deref(), Some(&b"mine too"[..]));
        assert_eq!(server.names(""), ["model"]);
    }
}

#[test]
fn what_somebody_puts_into_the_folder_meanwhile_is_not_lost() {
    let (server, place) = with_model(Habits::default());
    let before = server.log().len();
    save_model(&place, 5, 1.0).expect("saves");
    let puts = server.log()[before..].iter().filter(|line| line.starts_with("PUT ")).count();
    assert!(puts > 2);
    for skip in [0, puts - 1] {
        let (server, place) = with_model(Habits::default());
        let note =
            Arc::new(|files: &mut fake_dav::Files| files.put(&path("model/notes.txt"), Some(b"mine".into())));
        server.fault(Fault::on("PUT", Effect::Meanwhile(note)).after(skip).times(1));
        let result = save_model(&place, 5, 2.0);
        assert_eq!(server.bytes("model/notes.txt").as_deref(), Some(&b"mine"[..]), "PUT {skip}: {result:?}");
        assert_eq!(load(&place, 5), Ok(if result.is_ok() { 2.0 } else { 1.0 }));
    }
}

#[test]
fn a_move_whose_answer_is_lost_was_done() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        for twice in [false, true] {
            let server = FakeDav::with(Habits { etags, ..Habits::default() });
            let place = server.at("model");
            if twice {
                save_model(&place, 5, 1.0).expect("saves");
            }
            server.fault(Fault::on("MOVE", Effect::LoseAnswer).times(1));
            let saved = save_model(&place.clone().retries(1), 5, 2.0);
            assert!(saved.is_ok(), "{etags:?}, {twice}: {saved:?}");
            assert_eq!(load(&place, 5), Ok(2.0));
            assert_eq!(server.names(""), ["model"]);
        }
    }
}

/// The older model has the names and the sizes of the newer one.
#[test]
fn a_temporary_folder_that_somebody_removed_was_not_moved() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        let (server, place) = with_model(Habits { etags, ..Habits::default() });
        server.fault(Fault::on("MOVE", Effect::DropSource).times(1));
        let result = save_model(&place.clone().retries(1), 5, 2.0);
        assert_eq!(load(&place, 5), Ok(if result.is_ok() { 2.0 } else { 1.0 }), "{etags:?}: {result:?}");
    }
}

#[test]
fn every_upload_fails_in_turn() {
    for method in ["PUT", "MKCOL"] {
        for skip in 0.. {
            let (server, place) = with_model(Habits::default());
            let old = server.all("");
            server.fault(Fault::on(method, Effect::Refuse(507)).after(skip));
            let result = save_model(&place, 5, 2.0);
            if result.is_ok() {
                assert!(skip > 2, "{method}");
                break;
            }
            assert!(server.all("") == old, "{method} {skip}: {:?}", server.names(""));
        }
    }
}

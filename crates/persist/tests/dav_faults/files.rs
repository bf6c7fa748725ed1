//! Single files.

use super::*;
use fake_dav::{Etags, Fault, Habits};

const OLD: &[u8] = b"the older bytes";
const NEW: &[u8] = b"the newer bytes";
const NEWEST: &[u8] = b"the newest bytes of all";

/// After a save: what it says is so, and in no case is nothing left. `earlier`: what an earlier error told of.
fn check(server: &FakeDav, result: &Result<(), Error>, new: &[u8], earlier: &[String], context: &str) {
    let there = server.bytes("m.bin");
    let Err(error) = result else {
        assert!(there.as_deref() == Some(new), "{context}: it said that all was well");
        return;
    };
    let kept = told(server, "", error).iter().any(|name| server.bytes(name).as_deref() == Some(new));
    let still = earlier.iter().any(|name| server.bytes(name).is_some());
    assert!(there.is_some() || kept || still, "{context}: {:?} are there; {error}", server.names(""));
}

#[test]
fn a_move_that_removes_the_older_file_and_fails() {
    let answers = [drops_all(Some(423)), drops_all(Some(504)), drops_all(None), Effect::Die];
    for (number, effect) in answers.into_iter().enumerate() {
        for times in [1, usize::MAX] {
            let context = format!("answer {number}, {times} times");
            let server = FakeDav::start();
            server.put("m.bin", OLD);
            let place = server.at("m.bin");
            let fault = Fault::on("MOVE", effect.clone()).times(times);
            server.fault(fault.clone());
            let result = save(&place, NEW);
            check(&server, &result, NEW, &[], &context);
            let earlier = result.err().map(|error| told(&server, "", &error)).unwrap_or_default();
            server.heal();

            // A save that sends nothing has no right to tidy away the only copy.
            let kept = server.all("");
            server.fault(Fault::on("PUT", Effect::Refuse(507)));
            save(&place, NEWEST).expect_err("full");
            assert!(server.all("") == kept, "{context}: {:?}", server.names(""));
            server.heal();

            server.fault(fault);
            check(&server, &save(&place, NEWEST), NEWEST, &earlier, &context);
            server.heal();

            save(&place, NEW).expect("saves");
            assert_eq!(server.bytes("m.bin").as_deref(), Some(NEW), "{context}");
            assert_eq!(server.names(""), ["m.bin"], "{context}");
        }
    }
}

#[test]
fn a_refused_move_leaves_the_older_file_alone() {
    for effect in [Effect::Refuse(423), Effect::Refuse(403), Effect::Partly] {
        let server = FakeDav::start();
        server.put("m.bin", OLD);
        server.fault(Fault::on("MOVE", effect));
        let error = save(&server.at("m.bin"), NEW).expect_err("not saved");
        assert_eq!(server.bytes("m.bin").as_deref(), Some(OLD), "{error}");
        assert_eq!(server.names(""), ["m.bin"], "{error}");
    }
}

/// Portals and proxies answer so. The older file has the size of the newer one.
#[test]
fn a_page_is_no_sign_of_a_move() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        for old in [None, Some(OLD)] {
            let server = FakeDav::with(Habits { etags, ..Habits::default() });
            if let Some(old) = old {
                server.put("m.bin", old);
            }
            server.fault(Fault::on("MOVE", Effect::Page));
            let result = save(&server.at("m.bin"), NEW);
            assert!(result.is_err(), "{etags:?}, {old:?}");
            assert_eq!(server.bytes("m.bin").as_deref(), old);
        }
    }
}

#[test]
fn a_move_whose_answer_is_lost_was_done() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        for old in [None, Some(OLD)] {
            let server = FakeDav::with(Habits { etags, ..Habits::default() });
            if let Some(old) = old {
                server.put("m.bin", old);
            }
            server.fault(Fault::on("MOVE", Effect::LoseAnswer).times(1));
            let saved = save(&server.at("m.bin").retries(1), NEW);
            assert!(saved.is_ok(), "{etags:?}, {old:?}: {saved:?}");
            assert_eq!(server.bytes("m.bin").as_deref(), Some(NEW));
            assert_eq!(server.names(""), ["m.bin"]);
        }
    }
}

/// The older file has the size of the newer one, so nothing but a look at it tells them apart.
#[test]
fn a_temporary_file_that_somebody_removed_was_not_moved() {
    for etags in [Etags::Kept, Etags::None, Etags::NewWithName] {
        let server = FakeDav::with(Habits { etags, ..Habits::default() });
        server.put("m.bin", OLD);
        server.fault(Fault::on("MOVE", Effect::DropSource).times(1));
        let result = save(&server.at("m.bin").retries(1), NEW);
        check(&server, &result, NEW, &[], &format!("{etags:?}"));
    }
}

#[test]
fn a_sent_file_whose_answer_is_lost_is_sent_again() {
    let server = FakeDav::start();
    server.fault(Fault::on("PUT", Effect::LoseAnswer).times(1));
    save(&server.at("m.bin").retries(1), NEW).expect("saves");
    assert_eq!(server.bytes("m.bin").as_deref(), Some(NEW));
    assert_eq!(server.names(""), ["m.bin"]);
}

#[test]
fn a_page_is_no_sign_of_bytes_that_were_kept() {
    let server = FakeDav::start();
    server.put("m.bin", OLD);
    server.fault(Fault::on("PUT", Effect::Page));
    save(&server.at("m.bin"), NEW).expect_err("not saved");
    assert_eq!(server.bytes("m.bin").as_deref(), Some(OLD));
}

#[test]
fn a_folder_does_not_become_a_file() {
    let server = FakeDav::start();
    server.make_folder("m.bin");
    server.put("m.bin/f", OLD);
    save(&server.at("m.bin"), NEW).expect_err("a folder");
    assert_eq!(server.bytes("m.bin/f").as_deref(), Some(OLD));
}

/// Saves of other names tidy after some time; the user was told where the only copy is.
#[test]
fn the_only_copy_is_kept_however_old_it_is() {
    let server = FakeDav::start();
    server.put("m.bin", OLD);
    server.fault(Fault::on("MOVE", drops_all(Some(423))));
    let error = save(&server.at("m.bin"), NEW).expect_err("locked");
    let kept = told(&server, "", &error);
    assert_eq!(kept.len(), 1);
    server.heal();
    server.wait(3 * 24 * 3600);
    save(&server.at("other.bin"), NEW).expect("saves");
    assert_eq!(server.bytes(&kept[0]).as_deref(), Some(NEW), "{:?}", server.names(""));
    // Where there is another one, nobody misses it.
    server.put("m.bin", NEWEST);
    save(&server.at("other.bin"), NEW).expect("saves");
    assert_eq!(server.names(""), ["m.bin", "other.bin"]);
}

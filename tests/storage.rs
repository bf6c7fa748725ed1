//! Models on servers that nobody here wrote: Apache's WebDAV over TLS. `cargo xtask servers cargo test --test storage` starts them.

mod common;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use common::proxy::{ToClient, ToServer};
use common::servers::dav;
use common::{bits, blobs, cpu, model};
use rhyton::prelude::*;
use rhyton::storage;

/// A model that was trained for a step.
fn trained() -> Model {
    let mut model = model(&cpu());
    let (x, y) = blobs(30);
    model.fit(&x, &y).verbose(0).run().expect("trains");
    model
}

#[test]
fn every_format_goes_to_a_server_and_comes_back() {
    let Some(dav) = dav() else { return };
    let folder = dav.folder("formats");
    let model = trained();
    for name in ["a.keras", "a b.h5", "saved_model"] {
        let place = dav.at(&format!("dav/{folder}")).join(name);
        // Twice: the second one replaces the first.
        for _ in 0..2 {
            model.save(&place).expect(name);
        }
        let again = load_model(&place).expect(name);
        assert_eq!(bits(&again), bits(&model), "{name}");
        // A plain web server, with ranges and without, and without TLS.
        for kind in ["plain", "noranges"] {
            let url = Location::new(format!("{}/{kind}/{folder}", dav.http)).join(name);
            assert_eq!(bits(&load_model(&url).expect(name)), bits(&model), "{url}");
        }
    }
    for name in ["deep/er/cp.ckpt", "w.weights.h5", "w.h5", "deep/plain-prefix"] {
        let place = dav.at(&format!("dav/{folder}")).join(name);
        for _ in 0..2 {
            model.save_weights(&place).expect(name);
        }
        let mut again = common::model(&cpu());
        again.load_weights(&place).expect(name);
        assert_eq!(again.get_weights().expect("reads"), model.get_weights().expect("reads"), "{name}");
    }
    assert_eq!(dav.names(&folder), ["a b.h5", "a.keras", "deep", "saved_model", "w.h5", "w.weights.h5"]);
    assert_eq!(
        dav.names(&format!("{folder}/deep/er")),
        ["checkpoint", "cp.ckpt.data-00000-of-00001", "cp.ckpt.index"]
    );
    let file = storage::read(dav.at(&format!("dav/{folder}/a.keras")), u64::MAX).expect("reads");
    assert!(file == std::fs::read(dav.documents.join(&folder).join("a.keras")).expect("a document"));
}

#[test]
fn checkpoints_of_a_training() {
    let Some(dav) = dav() else { return };
    let folder = dav.at(&format!("dav/{}", dav.folder("training")));
    let (x, y) = blobs(30);
    let mut model = trained();
    let mut weights =
        ModelCheckpoint::new(folder.join("run").join("cp-{epoch:04d}.ckpt")).save_weights_only(true);
    let mut best = ModelCheckpoint::new(folder.join("best.keras")).monitor("loss").save_best_only(true);
    model.fit(&x, &y).epochs(3).verbose(0).callbacks([&mut weights, &mut best]).run().expect("trains");
    let latest = latest_checkpoint(folder.join("run")).expect("reads").expect("one");
    assert_eq!(latest.file_name().as_deref(), Some("cp-0003.ckpt"));
    assert_eq!(weights.last_path(), Some(&latest));
    let mut again = common::model(&cpu());
    again.load_weights(&latest).expect("loads");
    assert_eq!(bits(&again), bits(&model));
    load_model(folder.join("best.keras")).expect("loads");
    assert_eq!(latest_checkpoint(folder.join("none")).expect("reads"), None);

    let manager = CheckpointManager::new(folder.join("kept")).max_to_keep(2);
    for k in 1..=4 {
        assert_eq!(manager.save(&model).expect("saves"), folder.join("kept").join(format!("ckpt-{k}")));
    }
    let names: Vec<String> =
        storage::list(folder.join("kept")).expect("lists").into_iter().map(|e| e.name).collect();
    let files = |k| [format!("ckpt-{k}.data-00000-of-00001"), format!("ckpt-{k}.index")];
    assert_eq!(names, [vec!["checkpoint".to_owned()], files(3).into(), files(4).into()].concat());
    assert_eq!(manager.latest_checkpoint().expect("reads"), Some(folder.join("kept").join("ckpt-4")));
}

#[test]
fn a_folder_keeps_what_is_not_the_models() {
    let Some(dav) = dav() else { return };
    let folder = dav.folder("foreign");
    let place = dav.at(&format!("dav/{folder}/model"));
    let model = trained();
    model.save(&place).expect("saves");
    let note = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(note.path(), b"mine").expect("writes");
    storage::copy(note.path(), place.join("notes").join("note.txt")).expect("copies");
    model.save(&place).expect("saves again");
    assert_eq!(storage::read(place.join("notes").join("note.txt"), u64::MAX).expect("reads"), b"mine");
    assert_eq!(dav.names(&folder), ["model"]);
    assert_eq!(bits(&load_model(&place).expect("loads")), bits(&model));
}

fn weights_of(place: &Location) -> Model {
    let mut again = common::model(&cpu());
    again.load_weights(place).expect("loads");
    again
}

#[test]
fn what_breaks_once_is_tried_again() {
    let Some(dav) = dav() else { return };
    let path = format!("dav/{}/m.keras", dav.folder("again"));
    let proxy = dav.proxy();
    let model = trained();
    model.save(dav.behind(&proxy, &path)).expect("saves");
    let up = proxy.bytes(ToServer);
    for cut in [0, up / 3, up - 200] {
        proxy.cut_first(1, ToServer, cut);
        model.save(dav.behind(&proxy, &path)).expect("saves in the end");
        proxy.cut_first(1, ToClient, 5000);
        assert_eq!(bits(&load_model(dav.behind(&proxy, &path)).expect("loads in the end")), bits(&model));
    }
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let Some(dav) = dav() else { return };
    let path = format!("dav/{}/large", dav.folder("large"));
    let here = tempfile::tempdir().expect("a folder");
    let bytes: Vec<u8> =
        (0..6_000_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(here.path().join("large"), &bytes).expect("writes");
    storage::copy(here.path().join("large"), dav.at(&path)).expect("copies");
    let proxy = dav.proxy();
    proxy.cut_first(3, ToClient, 7_000_000);
    storage::copy(dav.behind(&proxy, &path), here.path().join("again")).expect("copies back");
    assert!(std::fs::read(here.path().join("again")).expect("there") == bytes);
    let came = proxy.bytes(ToClient);
    assert!(came < 26_000_000, "{came} bytes for 24,000,000");
}

#[test]
fn looking_into_a_model_takes_parts_of_it() {
    let Some(dav) = dav() else { return };
    let path = format!("dav/{}/wide.keras", dav.folder("wide"));
    let model = Sequential::new((Dense::new(4000).input_shape([1000]), Dense::new(1000))).expect("fits");
    model.save(dav.at(&path)).expect("saves");
    let proxy = dav.proxy();
    let found = rhyton::inspect::inspect(dav.behind(&proxy, &path)).expect("looks");
    assert_eq!(found.parameters.map(|(total, _)| total), Some(8_005_000));
    let came = proxy.bytes(ToClient);
    assert!(came < 1_000_000, "{came} bytes of a file of 32 MB");
}

#[test]
fn a_refusal_is_told_at_once_with_the_servers_words() {
    let Some(dav) = dav() else { return };
    let folder = dav.folder("refused");
    let as_folder = SaveOptions { format: Some("saved-model".into()), ..SaveOptions::default() };
    let model = trained();
    let begin = Instant::now();
    let wrong = |at: &str| {
        Location::new(dav.at(at).to_string().replace("https://", "https://tester:no%21@")).insecure(true)
    };
    let said = |error: Error, parts: &[&str]| {
        let text = format!("{error} {error:?}");
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains(&dav.password) && !text.contains("no!"), "{text}");
    };
    let file = format!("dav/{folder}/m.keras");
    said(model.save(wrong(&file)).expect_err("refused"), &["401", "as the user `tester`", &folder]);
    said(model.save(dav.nobody_at(&file)).expect_err("refused"), &["401", "~/.netrc (machine 127.0.0.1"]);
    said(load_model(dav.nobody_at(&file)).expect_err("refused"), &["401"]);
    said(load_model(dav.at(&file)).expect_err("not there"), &["404"]);
    said(load_model(dav.at(&format!("dav/{folder}"))).expect_err("no model"), &["no saved_model.pb"]);
    let forbidden = dav.at(&format!("forbidden/{folder}/m.keras"));
    said(model.save(&forbidden).expect_err("forbidden"), &["403 Forbidden", "You don't have permission"]);
    let full = dav.at(&format!("full/{folder}/m.keras"));
    said(
        model.save(full).expect_err("full"),
        &["507 Insufficient Storage", "quota of this folder is used up"],
    );
    let plain = Location::new(format!("{}/plain/{folder}/m.keras", dav.http));
    said(model.save(&plain).expect_err("no WebDAV"), &["405", "no WebDAV (PROPFIND) here"]);
    // A password is for its host alone.
    said(
        model.save(dav.at(&format!("other-host/{folder}/m.keras"))).expect_err("elsewhere"),
        &["401", "machine localhost"],
    );
    model.save(dav.at(&file)).expect("saves");
    said(model.save(dav.at(&file).join("inside")).expect_err("in a file"), &["not a directory"]);
    said(model.save_with(dav.at(&file), &as_folder).expect_err("a file"), &["would become a folder"]);
    let untrusted = dav.at(&file).insecure(false);
    said(
        model.save(untrusted).expect_err("unknown"),
        &["certificate of 127.0.0.1:", "cannot be trusted", "--insecure"],
    );
    said(load_model("ftp://tester:no!@127.0.0.1/m.keras").expect_err("unknown"), &["ftp://...", "https://"]);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(dav.names(&folder), ["m.keras"]);
}

#[test]
fn a_server_may_send_us_elsewhere() {
    let Some(dav) = dav() else { return };
    let folder = dav.folder("silo");
    let model = trained();
    for name in ["m.keras", "cp.ckpt", "saved"] {
        let place = dav.at(&format!("silo/{folder}/{name}"));
        for _ in 0..2 {
            match name {
                "cp.ckpt" => model.save_weights(&place).expect(name),
                _ => model.save(&place).expect(name),
            }
        }
        let again = if name == "cp.ckpt" { weights_of(&place) } else { load_model(&place).expect(name) };
        assert_eq!(bits(&again), bits(&model), "{name}");
    }
    let wanted = ["checkpoint", "cp.ckpt.data-00000-of-00001", "cp.ckpt.index", "m.keras", "saved"];
    assert_eq!(dav.names(&folder), wanted);
}

#[test]
fn folders_are_copied_and_listed() {
    let Some(dav) = dav() else { return };
    let folder = dav.at(&format!("dav/{}", dav.folder("copies")));
    let here = tempfile::tempdir().expect("a folder");
    let model = trained();
    model.save(here.path().join("saved")).expect("saves");
    let copied = storage::copy(here.path().join("saved"), folder.clone()).expect("copies");
    assert_eq!(copied, folder.join("saved"));
    storage::copy(&copied, here.path().join("back")).expect("copies back");
    assert_eq!(bits(&load_model(here.path().join("back")).expect("loads")), bits(&model));
    let graph = |name: &str| std::fs::read(here.path().join(name).join("saved_model.pb")).expect("a file");
    assert!(graph("saved") == graph("back"));
    let entries = storage::list(&copied).expect("lists");
    let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["assets", "fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables"]);
    let graph_entry = &entries[3];
    assert_eq!(graph_entry.size, Some(graph("saved").len() as u64));
    assert!(entries[0].is_folder && !graph_entry.is_folder && graph_entry.modified.is_some());
    assert!(storage::list(folder.join("none")).is_err());
    assert!(storage::list(copied.join("saved_model.pb")).is_err());
}

thread_local! {
    /// What this thread logs, from when it wants to know.
    static LOGGED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what is logged, at every level.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        LOGGED.with_borrow(Option::is_some)
    }

    fn log(&self, record: &log::Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Making the text may ask whether logging is on.
        let text = record.args().to_string();
        LOGGED.with_borrow_mut(|logged| {
            let Some(logged) = logged else { return };
            // Rows of a dump of bytes: 16 of them in hexadecimal, and as letters, which are put together again.
            let is_row = text.len() == 57 && record.target().starts_with("ureq_proto");
            match text.get(41..).filter(|_| is_row) {
                Some(letters) => logged.push_str(letters),
                None => *logged += &format!("\n{text}\n"),
            }
        });
    }

    fn flush(&self) {}
}

#[test]
fn secrets_are_in_no_log() {
    use base64::Engine as _;
    let Some(dav) = dav() else { return };
    log::set_logger(&Logger).expect("the first");
    log::set_max_level(log::LevelFilter::Trace);
    let folder = dav.folder("logs");
    LOGGED.set(Some(String::new()));
    let signed = dav.at(&format!("dav/{folder}/m.keras?signature=s3cr3t"));
    trained().save(&signed).expect("saves");
    load_model(&signed).expect("loads");
    load_model(dav.at(&format!("dav/{folder}/none.keras?signature=s3cr3t"))).expect_err("not there");
    let logged = LOGGED.take().expect("something");
    // The heads of requests are in it, whole.
    assert!(logged.contains("authorization:.veiled-"), "{logged}");
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", dav.user, dav.password));
    for secret in [dav.password.as_str(), &basic, "s3cr3t"] {
        assert!(!logged.contains(secret), "{secret}");
    }
}

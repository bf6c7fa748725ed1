//! Files behind `s3://`, on a real server: `cargo xtask servers -- cargo test -p rhyton-persist --features s3 --test s3`.
//! Without a server these tests are skipped; where `RHYTON_REQUIRE_SERVERS` is set, they fail.
#![cfg(feature = "s3")]

mod common;
#[allow(dead_code)]
#[path = "../../../tests/common/proxy.rs"]
mod proxy;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use proxy::{Proxy, ToClient, ToServer};
use rhyton_persist::copy;
use rhyton_persist::storage::list;
use rhyton_persist::tree::{Object, Tree, WriteOptions};
use rhyton_persist::{Error, Location, latest_checkpoint, open, write};

/// Where the server is, and a folder of its bucket that nobody else uses.
struct Server {
    address: SocketAddr,
    bucket: String,
    folder: String,
}

impl Server {
    fn find(name: &str) -> Option<Server> {
        let set = |name| std::env::var(name).ok();
        let (Some(url), Some(bucket)) = (set("RHYTON_TEST_S3"), set("RHYTON_TEST_S3_BUCKET")) else {
            assert!(set("RHYTON_REQUIRE_SERVERS").is_none(), "RHYTON_TEST_S3 is not set");
            println!("skipped: RHYTON_TEST_S3 is not set");
            return None;
        };
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let number = RandomState::new().build_hasher().finish();
        Some(Server { address, bucket, folder: format!("{name}-{number:016x} ü+%") })
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A place in the folder.
    fn at(&self, name: &str) -> Location {
        Location::new(format!("s3://{}/{}/{name}", self.bucket, self.folder))
            .endpoint(self.endpoint())
            .retries(2)
    }

    fn proxied(&self, name: &str, proxy: &Proxy) -> Location {
        self.at(name).endpoint(proxy.url(&self.endpoint()))
    }

    /// The answer to a request without a signature, which this server does not ask for.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let (bucket, length) = (&self.bucket, body.len());
        write!(
            stream,
            "{method} /{bucket}{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nx-amz-acl: public-read\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        answer
    }

    /// The folder as a request names it.
    fn path(&self) -> String {
        format!(
            "/{}",
            self.folder.replace('%', "%25").replace(' ', "%20").replace('ü', "%C3%BC").replace('+', "%2B")
        )
    }
}

fn bytes(size: usize) -> Vec<u8> {
    // Not the same in each part.
    (0..size).map(|i| (i % 251 + (i >> 20)) as u8).collect()
}

fn said(result: Result<impl Sized, Error>) -> String {
    result.err().expect("an error").to_string()
}

/// A layer with a kernel of so many rows.
fn tree(rows: usize, from: f32) -> Tree {
    let variables = vec![common::filled("kernel", &[rows, 4], from), common::filled("bias", &[4], from)];
    let dense = Object { name: "dense".into(), class_name: "Dense".into(), variables, ..Object::default() };
    let children = vec![("dense".into(), dense)];
    let root = Object { class_name: "Sequential".into(), is_model: true, children, ..Object::default() };
    Tree { root, ..Tree::default() }
}

/// The values of the bias in a file.
fn bias(place: &Location, rows: usize) -> Vec<u8> {
    let mut skeleton = tree(rows, 0.0).root;
    skeleton.children[0].1.variables.iter_mut().for_each(|variable| variable.value = None);
    open(place, None).unwrap().weights.fill(&mut skeleton).unwrap();
    skeleton.children[0].1.variables[1].value.as_ref().unwrap().read().unwrap()
}

fn first(bias: &[u8]) -> f32 {
    f32::from_le_bytes(bias[..4].try_into().unwrap())
}

#[test]
fn files_come_back_as_they_were() {
    let Some(server) = Server::find("files") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [("empty", 0), ("small.bin", 1 << 20), ("large.bin", 70 << 20)] {
        let (here, back) = (folder.path().join(name), folder.path().join("back"));
        std::fs::write(&here, bytes(size)).unwrap();
        let there = copy(&here, server.at(&format!("a/b c/{name}"))).unwrap();
        assert_eq!(there.to_string(), format!("s3://{}/{}/a/b c/{name}", server.bucket, server.folder));
        copy(&there, &back).unwrap();
        assert!(std::fs::read(&back).unwrap() == bytes(size), "{name}");
    }
    let sizes: Vec<_> = list(server.at("a/b c")).unwrap().into_iter().map(|e| (e.name, e.size)).collect();
    let wanted = [("empty", 0), ("large.bin", 70 << 20), ("small.bin", 1 << 20)];
    assert_eq!(sizes, wanted.map(|(name, size)| (name.to_owned(), Some(size))));
    // From name to name on the server, over what is there.
    copy(server.at("a/b c/small.bin"), server.at("a/b c/empty")).unwrap();
    assert_eq!(list(server.at("a/b c/")).unwrap()[0].size, Some(1 << 20));
}

#[test]
fn of_a_large_file_no_more_is_read_than_is_asked_for() {
    let Some(server) = Server::find("ranges") else { return };
    let proxy = Proxy::start(server.address);
    write(server.at("m.safetensors"), None, &tree(2_000_000, 7.0), &WriteOptions::default()).unwrap();
    let place = server.proxied("m.safetensors", &proxy);
    let stored = open(&place, None).unwrap().weights.stored().unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(
        stored
            .iter()
            .find(|s| s.path == "dense/bias")
            .unwrap()
            .variable
            .value
            .as_ref()
            .unwrap()
            .read()
            .unwrap()
            .len(),
        16
    );
    let came = proxy.bytes(ToClient);
    assert!(came < 300_000, "{came} bytes came of 32,000,000");
}

#[test]
fn broken_connections_are_gone_on_from() {
    let Some(server) = Server::find("broken") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (here, back) = (folder.path().join("f"), folder.path().join("back"));
    std::fs::write(&here, bytes(80 << 20)).unwrap();
    let proxy = Proxy::start(server.address);
    proxy.cut_first(2, ToServer, 5 << 20);
    copy(&here, server.proxied("f", &proxy)).unwrap();
    // One part was sent again, and not all.
    let sent = proxy.bytes(ToServer);
    assert!(sent < 100 << 20, "{sent}");
    proxy.cut_first(2, ToClient, 10 << 20);
    copy(server.proxied("f", &proxy), &back).unwrap();
    assert!(std::fs::read(&back).unwrap() == bytes(80 << 20));

    // A transfer that breaks for good leaves what was there, and no parts.
    std::fs::write(&here, bytes(70 << 20)).unwrap();
    proxy.cut_after(ToServer, 20 << 20);
    let error = said(copy(&here, server.proxied("f", &proxy).retries(1)));
    assert!(error.contains("cannot write s3://"), "{error}");
    assert_eq!(list(server.at("")).unwrap()[0].size, Some(80 << 20));
    assert!(server.ask("GET", "?uploads=", "").contains(&format!("<Key>{}/f", server.folder)));
    copy(&here, server.at("f")).unwrap();
    assert!(!server.ask("GET", "?uploads=", "").contains(&format!("<Key>{}/f", server.folder)));
    assert_eq!(list(server.at("")).unwrap()[0].size, Some(70 << 20));
}

#[test]
fn folders_of_many_files() {
    let Some(server) = Server::find("many") else { return };
    for number in 0..1100 {
        server.ask("PUT", &format!("{}/n/f{number:04}", server.path()), "x");
    }
    server.ask("PUT", &format!("{}/n/in/side", server.path()), "xyz");
    // What some programs make to show that there is a folder.
    server.ask("PUT", &format!("{}/n/", server.path()), "");
    server.ask("PUT", &format!("{}/marked/", server.path()), "");
    let entries = list(server.at("n")).unwrap();
    assert_eq!(entries.len(), 1101);
    assert!(
        entries[..1100].iter().enumerate().all(|(i, e)| e.name == format!("f{i:04}") && e.size == Some(1))
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(entries[0].modified.unwrap().abs_diff(now) < 600);
    let inside = &entries[1100];
    assert!(inside.name == "in" && inside.is_folder && inside.size.is_none());
    assert!(list(server.at("marked")).unwrap().is_empty());
    let names: Vec<_> = list(server.at("")).unwrap().into_iter().map(|e| (e.name, e.is_folder)).collect();
    assert_eq!(names, [("marked".to_owned(), true), ("n".to_owned(), true)]);
    let root = Location::new(format!("s3://{}", server.bucket)).endpoint(server.endpoint());
    assert!(list(root).unwrap().iter().any(|e| e.name == server.folder && e.is_folder));

    let folder = tempfile::tempdir().unwrap();
    let here = copy(server.at("n"), format!("{}/", folder.path().display())).unwrap();
    assert_eq!(std::fs::read(here.as_path().join("in/side")).unwrap(), b"xyz");
    assert_eq!(std::fs::read_dir(here.as_path()).unwrap().count(), 1101);
    std::fs::write(here.as_path().join("in/more"), "more").unwrap();
    copy(here.join("in"), server.at("again")).unwrap();
    let again: Vec<_> = list(server.at("again")).unwrap().into_iter().map(|e| (e.name, e.size)).collect();
    assert_eq!(again, [("more".to_owned(), Some(4)), ("side".to_owned(), Some(3))]);
}

#[test]
fn a_checkpoint_is_saved_twice() {
    let Some(server) = Server::find("checkpoint") else { return };
    let (prefix, options) = (server.at("run/cp.ckpt"), WriteOptions { shards: 2, ..WriteOptions::default() });
    for from in [1.0, 2.0] {
        write(&prefix, Some("tf-checkpoint"), &tree(9, from), &options).unwrap();
        assert_eq!(open(&prefix, None).unwrap().format, "tf-checkpoint");
        assert_eq!(first(&bias(&prefix, 9)), from);
    }
    let names: Vec<_> = list(server.at("run")).unwrap().into_iter().map(|e| e.name).collect();
    let data = |i| format!("cp.ckpt.data-0000{i}-of-00002");
    assert_eq!(names, ["checkpoint".to_owned(), data(0), data(1), "cp.ckpt.index".into()]);
    let latest = latest_checkpoint(server.at("run")).unwrap().unwrap();
    assert_eq!(first(&bias(&latest, 9)), 2.0);
    // And here, as TensorFlow's own.
    let folder = tempfile::tempdir().unwrap();
    let here = copy(server.at("run"), folder.path().join("run")).unwrap();
    assert_eq!(first(&bias(&here.join("cp.ckpt"), 9)), 2.0);
}

#[test]
fn a_saved_model_is_saved_twice() {
    let Some(server) = Server::find("saved") else { return };
    let case = common::cases().into_iter().find(|case| case.name == "conv/tf_keras").unwrap();
    let tree = case.tree(open(case.dir.join("model.keras"), None).unwrap()).unwrap();
    let place = server.at("models/m");
    for _ in 0..2 {
        write(&place, Some("saved-model"), &tree, &WriteOptions::default()).unwrap();
        let saved = open(&place, None).unwrap();
        assert_eq!(saved.format, "saved-model");
        case.check_weights(&case.tree(saved).unwrap().root, "s3");
    }
    let names: Vec<_> = list(&place).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables"]);
    // A file of one of the other formats beside it.
    let keras = server.at("models/m.keras");
    write(&keras, None, &tree, &WriteOptions::default()).unwrap();
    case.check_weights(&case.tree(open(&keras, None).unwrap()).unwrap().root, "s3");
}

#[test]
fn unfinished_uploads_are_gone_after_the_next_save() {
    let Some(server) = Server::find("unfinished") else { return };
    let begun = |name: &str| {
        server.ask("POST", &format!("{}/{name}?uploads=", server.path()), "");
        format!("<Key>{}/{name}<", server.folder)
    };
    let (ours, deeper) = (begun("m.safetensors"), begun("deeper/x"));
    let there = server.ask("GET", "?uploads=", "");
    assert!(there.contains(&ours) && there.contains(&deeper), "{there}");
    write(server.at("m.safetensors"), None, &tree(3, 1.0), &WriteOptions::default()).unwrap();
    let there = server.ask("GET", "?uploads=", "");
    assert!(!there.contains(&ours) && there.contains(&deeper), "{there}");
}

#[test]
fn errors_say_what_is_wrong() {
    let Some(server) = Server::find("errors") else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("f");
    std::fs::write(&here, "x").unwrap();
    let bucket = |url: &str| Location::new(url).endpoint(server.endpoint()).retries(0);

    let gone = said(open(server.at("gone.keras"), None));
    assert!(gone.contains(&format!("s3://{}/{}/gone.keras", server.bucket, server.folder)), "{gone}");
    let gone = said(copy(server.at("gone"), &here));
    assert!(gone.contains("404 Not Found: The specified key does not exist."), "{gone}");
    assert!(said(list(server.at("gone"))).contains("no name begins with it"));
    for none in [
        said(list(bucket("s3://no-such-bucket/x"))),
        said(copy(bucket("s3://no-such-bucket/x"), &here)),
        said(copy(&here, bucket("s3://no-such-bucket/x"))),
    ] {
        assert!(
            none.contains("s3://no-such-bucket/x: ") && none.contains("The specified bucket does not exist"),
            "{none}"
        );
    }
    assert!(said(copy(&here, bucket("s3:///x"))).contains("write s3://BUCKET/NAME"));
    assert!(said(copy(&here, bucket("s3://b/a/../x"))).contains("cannot be reached"));
    // Nobody listens there.
    let proxy = Proxy::start(server.address);
    let (secret, address) = ("aSecret/OfMine+1234567890", proxy.addr());
    drop(proxy);
    let mine = Location::new(format!("s3://AKIAMINE:{secret}@{}/x", server.bucket)).retries(0);
    for endpoint in
        [format!("http://{address}"), "http://me:aSecret@nowhere.invalid".into(), "localhost:1".into()]
    {
        let place = mine.clone().endpoint(endpoint);
        for said in [
            said(list(&place)),
            said(copy(&place, folder.path().join("to"))),
            said(copy(&here, &place)),
            format!("{place:?} {place}"),
        ] {
            assert!(said.contains(&format!("s3://{}/", server.bucket)), "{said}");
            assert!(!said.contains("aSecret") && !said.contains("AKIA") && !said.contains("X-Amz"), "{said}");
        }
    }
    assert_eq!(std::fs::read(&here).unwrap(), b"x");
}

/// In a program of its own, whose environment has no credentials.
#[test]
fn without_credentials_what_is_public_is_read() {
    const CHILD: &str = "RHYTON_TEST_S3_CHILD";
    let Some(server) = Server::find("public") else { return };
    let folder = tempfile::tempdir().unwrap();
    if let Ok(name) = std::env::var(CHILD) {
        let place = Location::new(format!("s3://{}/{name}", server.bucket)).endpoint(server.endpoint());
        copy(&place, folder.path().join("back")).unwrap();
        let error = said(copy(folder.path().join("back"), &place));
        assert!(error.contains("there are no credentials for it: set AWS_ACCESS_KEY_ID"), "{error}");
        return;
    }
    // All that `ask` makes may be read by everybody.
    server.ask("PUT", &format!("{}/f", server.path()), "x");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "without_credentials_what_is_public_is_read"]);
    child
        .env(CHILD, format!("{}/f", server.folder))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"));
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        child.env_remove(name);
    }
    let done = child.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

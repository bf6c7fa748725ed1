//! The command with URLs, on Apache's WebDAV over TLS: `cargo xtask servers cargo test --test storage`.

mod common;

use std::process::Output;

use common::{command, data, json, text};

/// The server: its URL, and who may use it.
struct Server {
    https: String,
    user: String,
    password: String,
    certificate: String,
    home: tempfile::TempDir,
}

fn server() -> Option<Server> {
    let set = |name: &str| std::env::var(format!("RHYTON_TEST_WEBDAV{name}")).ok();
    let found = || {
        Some(Server {
            https: set("")?,
            user: set("_USER")?,
            password: set("_PASSWORD")?,
            certificate: set("_CERT")?,
            home: tempfile::tempdir().expect("a folder"),
        })
    };
    let found = found();
    if found.is_none() {
        assert!(std::env::var_os("RHYTON_REQUIRE_SERVERS").is_none(), "run this with `cargo xtask servers`");
        eprintln!("skipped: no WebDAV server (`cargo xtask servers cargo test` starts one)");
    }
    found
}

impl Server {
    fn url(&self, path: &str) -> String {
        format!("{}/dav/command-{}/{path}", self.https, std::process::id())
    }

    /// Runs the program with these variables; no secret may be in what it says.
    fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> (bool, String, String) {
        let mut command = command();
        command.env("HOME", self.home.path()).env_remove("NETRC").env_remove("SSL_CERT_FILE");
        let Output { status, stdout, stderr } =
            command.envs(variables.iter().copied()).args(arguments).output().expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let (out, err) = (text(stdout), text(stderr));
        assert!(!out.contains(&self.password) && !err.contains(&self.password), "{arguments:?}: {out}{err}");
        (status.success(), out, err)
    }

    /// The same with the user in the environment and a certificate that is known; expects success.
    fn works(&self, arguments: &[&str]) -> String {
        let (done, out, err) = self.run(&self.environment(), arguments);
        assert!(done, "{arguments:?}: {err}");
        out
    }

    fn environment(&self) -> [(&str, &str); 4] {
        [
            ("RHYTON_WEBDAV", &self.https),
            ("RHYTON_WEBDAV_USER", &self.user),
            ("RHYTON_WEBDAV_PASSWORD", &self.password),
            ("SSL_CERT_FILE", &self.certificate),
        ]
    }
}

#[test]
fn every_path_may_be_a_url() {
    let Some(server) = server() else { return };
    let here = tempfile::tempdir().unwrap();
    let local = |name: &str| text(&here.path().join(name));
    // The guide's two lines: there and back.
    let model = data("opt_sgdm/keras3/model.keras");
    server.works(&["copy", &model, &server.url("all/my_model.keras")]);
    server.works(&["copy", &server.url("all/my_model.keras"), &local("back.keras")]);
    assert!(std::fs::read(&model).unwrap() == std::fs::read(local("back.keras")).unwrap());

    let url = server.url("all/my_model.keras");
    let facts = json(&server.works(&["inspect", &url, "--json"]));
    assert_eq!((facts["format"].as_str(), facts["path"].as_str()), (Some("keras"), Some(url.as_str())));
    assert_eq!(
        server.works(&["convert", &url, &server.url("all/b.h5")]),
        format!("{}: h5\n", server.url("all/b.h5"))
    );
    server.works(&["convert", &server.url("all/b.h5"), &server.url("all/saved")]);
    server.works(&["convert", &server.url("all/saved"), &server.url("all/w.ckpt")]);
    server.works(&["convert", &server.url("all/w.ckpt"), &local("c.weights.h5"), "--model", &url]);
    let plan = server.works(&["plan", &url]);
    assert_eq!(plan, server.works(&["plan", &model]));

    let listed = json(&server.works(&["ls", &server.url("all"), "--json"]));
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    let wanted =
        ["b.h5", "checkpoint", "my_model.keras", "saved", "w.ckpt.data-00000-of-00001", "w.ckpt.index"];
    assert_eq!(names, wanted);
    let size = std::fs::metadata(&model).unwrap().len();
    assert_eq!((listed[2]["bytes"].as_u64(), &listed[3]["folder"]), (Some(size), &true.into()));
    let lines = server.works(&["ls", &server.url("all")]);
    let line = lines.lines().find(|line| line.ends_with("my_model.keras")).unwrap();
    assert!(line.trim().starts_with(&format!("{size}  20")), "{line}");
    assert!(lines.lines().any(|line| line.ends_with("  saved/")), "{lines}");
}

#[test]
fn training_from_a_server_to_a_server() {
    let Some(server) = server() else { return };
    for (from, to) in [("model.keras", "model.keras"), ("inputs.npy", "x.npy"), ("targets.npy", "y.npy")] {
        server.works(&[
            "copy",
            &data(&format!("opt_sgdm/keras3/{from}")),
            &server.url(&format!("train/{to}")),
        ]);
    }
    let url = |name: &str| server.url(&format!("train/{name}"));
    let template = url("cp-{epoch:04d}.keras");
    let data = ["--inputs", &url("x.npy"), "--targets", &url("y.npy"), "--device", "cpu"];
    let arguments =
        |rest: &[&str]| -> Vec<String> { rest.iter().chain(&data).map(|a| (*a).to_owned()).collect() };
    let run = |rest: &[&str]| server.works(&arguments(rest).iter().map(String::as_str).collect::<Vec<_>>());
    run(&[
        "train",
        &url("model.keras"),
        "--output",
        &url("next.keras"),
        "--epochs",
        "2",
        "--checkpoint",
        &template,
    ]);
    let metrics = |name: &str| json(&run(&["evaluate", &url(name), "--json"]));
    assert_eq!(metrics("next.keras"), metrics("cp-0002.keras"));
    server.works(&[
        "predict",
        &url("next.keras"),
        "--inputs",
        &url("x.npy"),
        "--output",
        &url("p.npy"),
        "--device",
        "cpu",
    ]);
    let (done, _, err) =
        server.run(&server.environment(), &["copy", &url("p.npy"), &text(server.home.path())]);
    assert!(done, "{err}");
    assert!(server.home.path().join("p.npy").is_file(), "a copy into a folder has its name");
}

/// A server whose disk is full when the training is done.
#[test]
fn what_was_trained_is_not_lost() {
    let Some(server) = server() else { return };
    let here = tempfile::tempdir().unwrap();
    let full = format!("{}/full/next.keras", server.https);
    let case = |name: &str| data(&format!("opt_sgdm/keras3/{name}"));
    let checkpoints = ["--checkpoint", &format!("{}/full/cp-{{epoch}}.keras", server.https)];
    for (name, more) in [("next.keras", &[][..]), ("next-2.keras", &[]), ("next-3.keras", &checkpoints)] {
        let mut command = command();
        command.current_dir(&here).envs(server.environment());
        command.args([
            "train",
            &case("model.keras"),
            "--inputs",
            &case("inputs.npy"),
            "--targets",
            &case("targets.npy"),
        ]);
        let done = command.args(["--device", "cpu", "--output", &full]).args(more).output().unwrap();
        let err = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{err}");
        assert!(err.contains("507") && err.contains(&format!("is here instead: {name}")), "{err}");
        server.works(&["inspect", &text(&here.path().join(name))]);
    }
}

#[test]
fn who_may_and_who_may_not() {
    let Some(server) = server() else { return };
    let host = server.https.strip_prefix("https://").unwrap();
    let url = server.url("who/m.keras");
    let model = data("opt_sgdm/keras3/model.keras");
    server.works(&["copy", &model, &url]);
    let certificate = ("SSL_CERT_FILE", server.certificate.as_str());
    let inspects = |variables: &[(&str, &str)], url: &str, more: &[&str]| {
        server.run(variables, &[&["inspect", url], more].concat())
    };
    // Nobody.
    let (done, _, err) = inspects(&[certificate], &url, &[]);
    assert!(!done && err.contains("401") && err.contains("~/.netrc (machine 127.0.0.1"), "{err}");
    // A certificate that nobody knows.
    let (done, _, err) = inspects(&server.environment()[..3], &url, &[]);
    assert!(!done && err.contains("cannot be trusted") && err.contains("--insecure"), "{err}");
    let (done, _, err) = inspects(&server.environment()[..3], &url, &["--insecure"]);
    assert!(done && err.contains("Warning: certificates are not checked"), "{err}");
    // The environment's user is for its host alone.
    let elsewhere = [
        ("RHYTON_WEBDAV", "https://other.example"),
        server.environment()[1],
        server.environment()[2],
        certificate,
    ];
    let (done, _, err) = inspects(&elsewhere, &url, &[]);
    assert!(!done && err.contains("401"), "{err}");
    // The URL's user; and one that is wrong.
    let encoded: String = server.password.bytes().map(|b| format!("%{b:02x}")).collect();
    let (done, out, err) =
        inspects(&[certificate], &url.replace(host, &format!("{}:{encoded}@{host}", server.user)), &[]);
    assert!(done && !(out + &err).contains(&encoded), "{err}");
    let (done, _, err) =
        inspects(&[certificate], &url.replace(host, &format!("{}:wrong-one@{host}", server.user)), &[]);
    assert!(!done && err.contains("401") && !err.contains("wrong-one"), "{err}");
    // ~/.netrc
    let netrc = format!("machine 127.0.0.1 login {} password \"{}\"\n", server.user, server.password);
    let elsewhere = server.home.path().join("another");
    std::fs::write(&elsewhere, &netrc).unwrap();
    let (done, _, err) = inspects(&[certificate, ("NETRC", &text(&elsewhere))], &url, &[]);
    assert!(done, "{err}");
    std::fs::write(server.home.path().join(".netrc"), netrc).unwrap();
    let (done, _, err) = inspects(&[certificate], &url, &[]);
    assert!(done, "{err}");
}

/// A file of 300 MB goes there and back in little memory.
#[test]
#[cfg(target_os = "linux")]
fn large_files_take_little_memory() {
    let Some(server) = server() else { return };
    let here = tempfile::tempdir().unwrap();
    let large = here.path().join("large");
    let block: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut file = std::fs::File::create(&large).unwrap();
    for i in 0..300_u64 {
        std::io::Write::write_all(&mut file, &i.to_le_bytes()).unwrap();
        std::io::Write::write_all(&mut file, &block).unwrap();
    }
    let most = |arguments: &[&str]| -> u64 {
        let mut command = command();
        let mut child = command.envs(server.environment()).args(arguments).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let found = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            most = most.max(found.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(child.wait().unwrap().success());
        most
    };
    let up = most(&["copy", &text(&large), &server.url("memory/large")]);
    let down = most(&["copy", &server.url("memory/large"), &text(&here.path().join("again"))]);
    assert!(std::fs::read(&large).unwrap() == std::fs::read(here.path().join("again")).unwrap());
    eprintln!("at most {up} kB up, {down} kB down");
    assert!(up < 60_000 && down < 60_000, "{up} kB up, {down} kB down");
}

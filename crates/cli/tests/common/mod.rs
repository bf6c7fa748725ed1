//! What the tests of the command share: the program itself, and files that Keras wrote.

// Each test binary uses some of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What the program did.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs the program.
pub fn rhyton(arguments: &[&str]) -> Done {
    let Output { status, stdout, stderr } = command().args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Done { code: status.code(), out: text(stdout), err: text(stderr) }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rhyton"));
    command.env_remove("RHYTON_DEVICE");
    command
}

/// Runs it, and expects that it does what it should; gives its output.
pub fn works(arguments: &[&str]) -> String {
    let done = rhyton(arguments);
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.err);
    done.out
}

/// Runs it, and expects an error with this exit code; gives the message.
pub fn fails(code: i32, arguments: &[&str]) -> String {
    let done = rhyton(arguments);
    assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.out, done.err);
    assert_eq!(done.out, "", "{arguments:?}: errors go to the standard error");
    assert!(!done.err.is_empty(), "{arguments:?}: an error says what is wrong");
    done.err
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A file of the fixtures: `opt_sgdm/keras3/model.keras`.
pub fn data(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../persist/tests/data");
    text(&root.join(name))
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// Devices that the tests run on. Where there is no adapter, the GPU is left out, or fails if `RHYTON_REQUIRE_GPU` is 1.
pub fn devices() -> Vec<String> {
    let mut found = vec!["cpu".to_owned()];
    let named = std::env::var("RHYTON_DEVICE").ok();
    let gpu = named.filter(|n| !matches!(n.as_str(), "" | "cpu" | "gpu" | "best"));
    match rhyton::prelude::Device::named(gpu.as_deref().unwrap_or("gpu"), "for tests") {
        Ok(_) => found.push(gpu.unwrap_or_else(|| "gpu".into())),
        Err(e) if std::env::var("RHYTON_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
        Err(e) => eprintln!("SKIPPED on GPUs: {e}"),
    }
    found
}

/// A folder of the fixtures that has results: what Keras expects of the model.
pub struct Case {
    pub folder: PathBuf,
    pub info: Value,
}

impl Case {
    pub fn new(name: &str) -> Self {
        let folder = PathBuf::from(data(name));
        let text = std::fs::read_to_string(folder.join("case.json")).expect("a case");
        Case { folder, info: json(&text) }
    }

    pub fn file(&self, name: &str) -> String {
        text(&self.folder.join(name))
    }

    /// The files of `inputs`, `targets` or `predictions`.
    pub fn list(&self, key: &str) -> Vec<String> {
        let names = self.info[key].as_array().expect("a list").iter();
        names.map(|name| self.file(name.as_str().expect("a name"))).collect()
    }

    /// With commas, as the command takes them.
    pub fn joined(&self, key: &str) -> String {
        self.list(key).join(",")
    }

    pub fn tolerance(&self) -> f64 {
        self.info["tolerance"].as_f64().expect("a number").max(1e-5)
    }
}

/// The largest difference, relative to 1 + |wanted|.
pub fn worst<'a>(got: impl IntoIterator<Item = &'a f32>, want: impl IntoIterator<Item = &'a f32>) -> f64 {
    let each = |(g, w): (&f32, &f32)| f64::from((g - w).abs()) / (1.0 + f64::from(w.abs()));
    got.into_iter().zip(want).map(each).fold(0.0, |a, b| if b.is_nan() { b } else { a.max(b) })
}

//! Exchange of model files with the real libraries, in both directions.
//!
//! Python writes and judges (xtask/interop/*.py); what stands between is Rhyton's example `interop`, called
//! through [`Rhyton`]. xtask/interop/README.md says what that example has to do.

use crate::python;
use crate::shell::{self, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The models that are exchanged, and the formats.
const CASES: &str = "mlp,mlp_deep,conv,two_branch,wrapped,custom,mixed_float16,opt_ema,opt_adafactor,opt_several,opt_legacy_nadam";
const FORMATS: &str = "ckpt,ckpt_sharded,keras,h5,weights_legacy,weights_h5,saved_model";
/// Those that step G converts. A state of averages or of several optimizers is told by the config beside it, which a file of weights has not, and
/// Keras 3 writes no `.h5` with Adafactor.
const CONVERTED: &str = "mlp,mlp_deep,conv,two_branch,wrapped,custom,mixed_float16,opt_legacy_nadam";
/// Those that the command can train: it knows no custom layers.
const TRAINED: &str = "mlp,mlp_deep,conv,two_branch";
/// Variant 0 has the guide's widths, the others draw widths, names, activations and depth.
const SETS: &[&str] = &["0:1234", "1:7", "2:8", "3:9"];

/// `cargo xtask interop`.
pub fn run(arguments: &[String]) -> Result {
    let options = Options::parse(arguments)?;
    let python = python::environment()?;
    let folder = shell::target_dir("interop");
    let written_by_keras = folder.join("keras");
    let trajectories = folder.join("trajectory");
    remove(&folder)?;

    heading("A: the real libraries write");
    shell::run(
        script(&python, "make_fixtures.py")
            .arg(&written_by_keras)
            .args(["--only", CASES, "--formats", FORMATS, "--set"])
            .args(&options.sets),
    )?;
    write_trajectory(&python, &trajectories, &[])?;

    let rhyton = Rhyton { release: options.release };
    for device in &options.devices {
        let written_by_rhyton = folder.join(format!("rhyton-{device}"));
        heading(&format!("B: Rhyton loads, compares and writes (device: {device})"));
        rhyton.convert(&written_by_keras, &written_by_rhyton, device)?;
        // Judges need a core each, so two of them run beside what needs the device.
        heading(&format!("C: the real libraries load what Rhyton wrote (device: {device}), shown behind E"));
        let loaded = shell::start(
            script(&python, "check_roundtrip.py")
                .arg(&written_by_rhyton)
                .arg("--expected")
                .arg(&written_by_keras)
                .arg("--require-all"),
        )?;
        heading(&format!("D: ten training steps from Keras' initial weights (device: {device})"));
        rhyton.trajectory(&trajectories, device)?;
        let served = folder.join(format!("serving-{device}"));
        heading(&format!("E: TensorFlow runs the graphs of Rhyton's SavedModels (device: {device})"));
        rhyton.serving(&served, device)?;
        shell::run(script(&python, "check_serving.py").arg(&served))?;
        heading(&format!("F: ten steps of rhyton train end where the libraries' end (device: {device})"));
        let trained = shell::run(
            script(&python, "check_training.py")
                .arg(&written_by_keras)
                .arg("--rhyton")
                .arg(rhyton.command()?)
                .args(["--device", device, "--only", TRAINED]),
        );
        loaded.finish().and(trained)?;
        heading(&format!("I: models of some layer classes, which the commit draws (device: {device})"));
        let models = folder.join(format!("catalogue-{device}"));
        let (seed, share) = (seed_of_commit().to_string(), SAMPLE.to_string());
        let mut check = rhyton.catalogue(&python)?;
        check.args(["--device", device, "--seed", &seed, "--share", &share, "--work"]).arg(&models);
        shell::run(&mut check)?;
    }
    // What follows is the same whatever the device.
    if !options.devices.iter().any(|device| device == "cpu") {
        return Ok(());
    }
    heading("G: rhyton convert makes each file from one of another format, judged behind H");
    let converted = folder.join("converted");
    rhyton.convert_files(&written_by_keras, &converted)?;
    let mut beside = vec![shell::start(
        script(&python, "check_roundtrip.py")
            .arg(&converted)
            .arg("--expected")
            .arg(&written_by_keras)
            .args(["--require-all", "--custom-unserved", "--only", CONVERTED]),
    )?];
    let mut judged = Ok(());
    if options.devices.iter().any(|device| device == "cpu") {
        let command = rhyton.command()?;
        let judge = |name: &str, models: &str| {
            let mut judge = script(&python, name);
            judge.arg(folder.join(models)).arg("--rhyton").arg(&command);
            judge
        };
        heading(
            "H: tf_keras computes what Keras 3 computes, or rhyton convert refuses: models with integers",
        );
        heading("H: the real libraries load what rhyton convert makes of layers that Rhyton does not know");
        beside.push(shell::start(&mut judge("check_integers.py", "integers"))?);
        judged = shell::run(&mut judge("check_conversions.py", "samples"));
    }
    beside.into_iter().map(shell::Beside::finish).fold(judged, Result::and)
}

/// The share of the layer classes that step I tries; `cargo xtask catalogue` tries all.
const SAMPLE: f64 = 0.12;

/// A number that changes with the commit; 1 where there is none.
fn seed_of_commit() -> u32 {
    let head = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let text = head.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(1)
}

/// `cargo xtask catalogue`.
pub fn catalogue(arguments: &[String]) -> Result {
    let python = python::environment()?;
    let folder = shell::target_dir("interop");
    let mut check = Rhyton { release: false }.catalogue(&python)?;
    shell::run(check.arg("--work").arg(folder.join("catalogue")).args(arguments))
}

/// How step G makes each file: to, from, format, the file with the architecture. The first row whose source is there is taken.
const CONVERSIONS: &[(&str, &str, &str, &str)] = &[
    ("model.keras", "saved_model", "keras", "saved_model"),
    ("model.keras", "model.h5", "keras", "model.h5"),
    ("model.h5", "ckpt/cp.ckpt", "h5", "model.keras"),
    ("model.h5", "model.weights.h5", "h5", "model.keras"),
    ("weights_legacy.h5", "model.keras", "h5-weights", "model.keras"),
    ("model.weights.h5", "model.keras", "weights-h5", "model.keras"),
    ("ckpt/cp.ckpt", "model.h5", "tf-checkpoint", "model.h5"),
    ("saved_model", "ckpt/cp.ckpt", "saved-model", "model.keras"),
    ("ckpt_sharded/cp.ckpt", "ckpt/cp.ckpt", "tf-checkpoint", "model.h5"),
];

/// `cargo xtask trajectory`.
pub fn trajectory(arguments: &[String]) -> Result {
    let Some((folder, rest)) = arguments.split_first() else {
        return Err("expected a folder to write to".into());
    };
    let folder = shell::one_folder(std::slice::from_ref(folder))?;
    write_trajectory(&python::environment()?, &folder, rest)
}

fn write_trajectory(python: &Path, folder: &Path, options: &[String]) -> Result {
    shell::run(script(python, "trajectory.py").arg(folder).args(options))
}

/// Rhyton's side of the exchange: examples/interop.
struct Rhyton {
    release: bool,
}

impl Rhyton {
    /// Loads every model file below `from`, compares it with the expected results beside it, and writes
    /// the same tree with Rhyton's own files below `to`.
    fn convert(&self, from: &Path, to: &Path, device: &str) -> Result {
        self.run(&["convert".as_ref(), from, to], device)
    }

    /// Trains from the initial weights in each folder below `folder` and compares the losses.
    fn trajectory(&self, folder: &Path, device: &str) -> Result {
        self.run(&["trajectory".as_ref(), folder], device)
    }

    /// Converts files of each case below `from` to the same tree below `to`, with the command.
    fn convert_files(&self, from: &Path, to: &Path) -> Result {
        let program = self.command()?;
        let there = |path: &Path| path.exists() || path.with_extension("ckpt.index").exists();
        for case in cases(from)? {
            let name = case.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            if !name.is_some_and(|name| CONVERTED.split(',').any(|one| one == name)) {
                continue;
            }
            let out = to.join(case.strip_prefix(from).map_err(|e| e.to_string())?);
            for (target, source, format, model) in CONVERSIONS {
                let (source, model) = (case.join(source), case.join(model));
                let done = there(&out.join(target));
                if done || !there(&case.join(target)) || !there(&source) {
                    continue;
                }
                let mut command = shell::command(&program);
                command.arg("convert").arg(source).arg(out.join(target));
                command.args(["--format", format, "--model"]).arg(model);
                if *format == "tf-checkpoint" {
                    command.args(["--shards", if target.contains("sharded") { "3" } else { "1" }]);
                } else {
                    let keras3 = case.ends_with("keras3");
                    command.args(["--dialect", if keras3 { "keras3" } else { "tf-keras" }]);
                }
                shell::run(&mut command)?;
            }
        }
        Ok(())
    }

    /// Builds the command.
    fn command(&self) -> Result<PathBuf> {
        self.program(&["--bin", "rhyton"], "rhyton")
    }

    /// Models of layer classes by the libraries, through the command.
    fn catalogue(&self, python: &Path) -> Result<std::process::Command> {
        let mut check = script(python, "check_catalogue.py");
        check.arg(self.command()?);
        Ok(check)
    }

    /// Writes SavedModels of every layer below `out`, with its predictions.
    fn serving(&self, out: &Path, device: &str) -> Result {
        self.run(&["serving".as_ref(), out], device)
    }

    fn run(&self, arguments: &[&Path], device: &str) -> Result {
        let program = self.program(&["--example", "interop"], "examples/interop")?;
        shell::run(shell::command(program).args(arguments).args(["--device", device]))
    }

    /// Builds a program of the workspace; gives its path, which `name` says.
    fn program(&self, target: &[&str], name: &str) -> Result<PathBuf> {
        // Built with the whole workspace, whose features are those that `cargo test --workspace` has built everything with.
        let mut cargo = shell::cargo();
        cargo.args(["build", "--quiet", "--workspace"]).args(target);
        if self.release {
            cargo.arg("--release");
        }
        shell::run(&mut cargo)?;
        let profile = if self.release { "release" } else { "debug" };
        Ok(shell::target_dir(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    }
}

/// The folders of cases below a folder, sorted.
fn cases(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = open.pop() {
        let error = |e: std::io::Error| format!("{}: {e}", folder.display());
        if folder.join("case.json").is_file() {
            found.push(folder);
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The command line of `cargo xtask interop`.
struct Options {
    devices: Vec<String>,
    sets: Vec<String>,
    release: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Options { devices: Vec::new(), sets: Vec::new(), release: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().cloned().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--device" => options.devices.push(value()?),
                "--set" => options.sets.push(value()?),
                "--release" => options.release = true,
                other => return Err(format!("unexpected argument `{other}`")),
            }
        }
        if let Some(device) = options.devices.iter().find(|d| !matches!(d.as_str(), "cpu" | "gpu")) {
            return Err(format!("--device {device}: expected cpu or gpu"));
        }
        if options.devices.is_empty() {
            options.devices.push("cpu".into());
        }
        if options.sets.is_empty() {
            options.sets.extend(SETS.iter().map(|set| set.to_string()));
        }
        Ok(options)
    }
}

fn script(python: &Path, name: &str) -> std::process::Command {
    let mut command = shell::command(python);
    command.arg(PathBuf::from("xtask/interop").join(name));
    command
}

fn heading(text: &str) {
    eprintln!("\n--- {text}");
}

fn remove(folder: &Path) -> Result {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {e}", folder.display())),
        _ => Ok(()),
    }
}

//! Checks model files that Keras and TensorFlow wrote, writes them again, and trains along a trajectory of theirs. Called by
//! `cargo xtask interop`, which see; xtask/interop/README.md says what the folders hold.
//!
//! `interop convert IN OUT --device cpu|gpu`, `interop trajectory DIR --device cpu|gpu`, `interop serving OUT --device cpu|gpu`

mod serving;

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis, Slice};
use rhyton::datasets::npy::{self, Npz};
use rhyton::prelude::*;
use rhyton::train::Data;
use serde::{Deserialize, Serialize};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let device = match args.iter().position(|a| a == "--device") {
        Some(at) if at + 1 < args.len() => {
            let name = args.remove(at + 1);
            args.remove(at);
            Device::named(&name, "asked for")?
        }
        _ => Device::best()?,
    };
    println!("device: {device}");
    rhyton::models::registry::register_layer::<ScaleShift>("Fixtures");
    let mut report = Report { device, passed: 0, failed: 0 };
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["convert", from, to] => {
            for folder in folders(Path::new(from), "case.json")? {
                let out = Path::new(to).join(folder.strip_prefix(from)?);
                convert(&folder, &out, &mut report)?;
            }
        }
        ["trajectory", dir] => {
            for folder in folders(Path::new(dir), "trajectory.json")? {
                trajectory(&folder, &mut report)?;
            }
        }
        ["serving", out] => serving::write(Path::new(out), &mut report)?,
        _ => {
            let usage = "usage: interop convert IN OUT | interop trajectory DIR | interop serving OUT, each with [--device D]";
            return Err(usage.into());
        }
    }
    println!("{} passed, {} failed", report.passed, report.failed);
    if report.failed > 0 || report.passed == 0 { Err("not all checks passed".into()) } else { Ok(()) }
}

/// The custom layer of the case `custom`: y = x * scale + shift + offset; the offset is not trainable.
#[derive(Serialize, Deserialize)]
struct ScaleShift {
    start: f64,
    #[serde(skip)]
    weights: [Variable; 3],
}

impl Layer for ScaleShift {
    const CLASS: &'static str = "ScaleShift";

    fn build(
        &mut self,
        builder: &mut Builder,
        input: &TensorShape,
    ) -> std::result::Result<(), rhyton::Error> {
        let width = input.known(-1)?;
        let start = rhyton::initializers::Constant::new(self.start);
        self.weights = [
            builder.add_weight("scale", [width], start, true)?,
            builder.add_weight("shift", [width], "zeros", true)?,
            builder.add_weight("offset", [], "ones", false)?,
        ];
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let [scale, shift, offset] = &self.weights;
        x * scale + shift + offset
    }
}

struct Report {
    device: Device,
    passed: usize,
    failed: usize,
}

impl Report {
    fn check(&mut self, ok: bool, place: &str, what: &str, detail: &str) {
        println!("{} {place}: {what} {detail}", if ok { "PASS" } else { "FAIL" });
        if ok { self.passed += 1 } else { self.failed += 1 }
    }

    /// Compares within `tolerance` relative to 1 + |wanted|.
    fn close(&mut self, place: &str, what: &str, pairs: &[(ArrayD<f32>, ArrayD<f32>)], tolerance: f64) {
        let shapes = pairs.iter().all(|(a, b)| a.shape() == b.shape());
        let error = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) / (1.0 + f64::from(b.abs()));
        let all = pairs.iter().flat_map(|(a, b)| a.iter().zip(b.iter()).map(error));
        let worst = all.fold(0.0, |w: f64, e| if e.is_nan() || e > w { e } else { w });
        let detail = if shapes {
            format!("{} arrays, worst {worst:.2e}", pairs.len())
        } else {
            "shapes differ".into()
        };
        self.check(shapes && worst <= tolerance, place, what, &detail);
    }
}

/// Every folder below `root` that holds this file.
fn folders(root: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = open.pop() {
        if folder.join(name).is_file() {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("no {name} below {}", root.display()).into()) } else { Ok(found) }
}

fn json(path: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn names(case: &Value, key: &str) -> Vec<String> {
    case[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(String::from).collect()
}

/// Targets and inputs keep their own element type.
fn load(path: &Path) -> Result<Data<'static>> {
    match npy::load::<f32>(path) {
        Ok(array) => Ok(Data::of(&array).into_owned()),
        Err(_) => match npy::load::<i32>(path) {
            Ok(array) => Ok(Data::of(&array).into_owned()),
            Err(_) => Ok(Data::of(&npy::load::<i64>(path)?).into_owned()),
        },
    }
}

/// What the real library expects of a case.
struct Case {
    folder: PathBuf,
    info: Value,
    inputs: Vec<Data<'static>>,
    targets: Vec<Data<'static>>,
    tolerance: f64,
}

impl Case {
    fn read(folder: &Path) -> Result<Case> {
        let info = json(&folder.join("case.json"))?;
        let all =
            |key: &str| names(&info, key).iter().map(|n| load(&folder.join(n))).collect::<Result<Vec<_>>>();
        let tolerance = info["tolerance"].as_f64().unwrap_or(1e-5).max(1e-5);
        Ok(Case { folder: folder.into(), inputs: all("inputs")?, targets: all("targets")?, tolerance, info })
    }

    fn archive(&self, key: &str) -> Result<Npz> {
        let name = self.info["expected"][key].as_str().map_or(format!("{key}.npz"), String::from);
        Ok(Npz::open(self.folder.join(name))?)
    }
}

/// Arrays named `w000`, `w001`, ... or `o000`, ...
fn numbered(archive: &mut Npz, letter: char) -> Result<Vec<(String, ArrayD<f32>)>> {
    let mut keys: Vec<String> = archive.names();
    keys.retain(|n| {
        n.strip_prefix(letter).is_some_and(|d| d.len() == 3 && d.chars().all(|c| c.is_ascii_digit()))
    });
    keys.sort();
    let mut read = |key: &str| {
        archive
            .array::<f32>(key)
            .or_else(|_| archive.array::<half::f16>(key).map(|a| a.mapv(f32::from)))
            .or_else(|_| archive.array::<i64>(key).map(|a| a.mapv(|n| n as f32)))
    };
    keys.into_iter().map(|k| read(&k).map(|a| (k, a)).map_err(Into::into)).collect()
}

/// The arrays of a model's optimizer as the case lists them: Keras 3 counts the scale of a loss among them.
fn slots(model: &Model, case: &Case) -> Result<Vec<ArrayD<f32>>> {
    let state = model.compiled()?.optimizer.host_state();
    let variables = case.info["optimizer"]["variables"].as_array().into_iter().flatten();
    let scales = variables.filter_map(|v| v["name"].as_str()?.strip_prefix("loss_scale_optimizer/"));
    let value = |name: &str| {
        let found = state.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        ArrayD::from_elem(vec![], found.unwrap_or(f32::NAN))
    };
    let mut slots = model.optimizer_weights()?;
    let spec = model.compiled()?.optimizer.spec();
    if spec["config"]["is_legacy_optimizer"] == true && spec["class_name"] != "Ftrl" {
        // Each kind of slot stood for all variables there, then the next; Nadam's product before them.
        let kinds: Vec<String> = slots.iter().map(|(name, _)| name.clone()).collect();
        slots.sort_by_key(|(name, _)| kinds.iter().position(|kind| kind == name));
        if spec["class_name"] == "Nadam" {
            slots.insert(0, (String::new(), value("u_product")));
        }
    }
    Ok(scales.map(value).chain(slots.into_iter().map(|(_, array)| array)).collect())
}

fn convert(folder: &Path, out: &Path, report: &mut Report) -> Result<()> {
    let case = Case::read(folder)?;
    let Some(files) = case.info["files"].as_object() else { return Err("case.json names no files".into()) };
    for (key, entry) in files.clone() {
        let path = entry["path"].as_str().ok_or("a file without a path")?.to_string();
        let place = format!("{}/{key}", folder.display());
        // No model is in it.
        if key == "export" {
            continue;
        }
        if let Err(error) =
            one_file(&case, &key, &entry, &folder.join(&path), &out.join(&path), &place, report)
        {
            report.check(false, &place, "load", &error.to_string());
        }
    }
    Ok(())
}

fn one_file(
    case: &Case,
    key: &str,
    entry: &Value,
    path: &Path,
    out: &Path,
    place: &str,
    report: &mut Report,
) -> Result<()> {
    let whole = matches!(key, "keras" | "h5" | "saved_model");
    let optimizer = entry["optimizer"].as_bool().unwrap_or(true);
    let mut model = if whole {
        load_model(path)?
    } else {
        // The architecture, with weights that nothing could take for the file's.
        let mut model = load_model(case.folder.join("model.keras"))?;
        let wrong: Vec<_> = model.get_weights()?.into_iter().map(|w| w * 0.0 + 7.0).collect();
        model.set_weights(&wrong)?;
        model.load_weights(path)?;
        model
    };
    model.to(&report.device)?;

    let expected = numbered(&mut case.archive("weights")?, 'w')?;
    let pairs: Vec<_> = model.get_weights()?.into_iter().zip(expected.into_iter().map(|(_, a)| a)).collect();
    report.close(place, "weights", &pairs, 0.0);
    if optimizer {
        let mut archive = case.archive("optimizer")?;
        let want = archive.array::<i64>("iteration")?.iter().next().copied().unwrap_or(-1);
        report.check(
            model.iterations() == want,
            place,
            "iteration",
            &format!("{} (expected {want})", model.iterations()),
        );
        let expected = numbered(&mut archive, 'o')?;
        let found = slots(&model, case)?;
        report.check(
            found.len() == expected.len(),
            place,
            "number of slots",
            &format!("{} (expected {})", found.len(), expected.len()),
        );
        let pairs: Vec<_> = found.into_iter().zip(expected.into_iter().map(|(_, a)| a)).collect();
        report.close(place, "slots", &pairs, 0.0);
    }
    let found = model.predict(case.inputs.clone()).batch_size(case.inputs[0].shape[0]).run_all()?;
    let expected: Vec<ArrayD<f32>> = names(&case.info, "predictions")
        .iter()
        .map(|n| Ok(npy::load::<f32>(case.folder.join(n))?))
        .collect::<Result<_>>()?;
    report.close(place, "predictions", &found.into_iter().zip(expected).collect::<Vec<_>>(), case.tolerance);
    let logs = model
        .evaluate(case.inputs.clone(), case.targets.clone())
        .batch_size(case.inputs[0].shape[0])
        .verbose(0)
        .run()?;
    for (name, value) in json(&case.folder.join("metrics.json"))?.as_object().into_iter().flatten() {
        let (want, got) = (value.as_f64().unwrap_or(f64::NAN), logs.get(name).unwrap_or(f64::NAN));
        report.check(
            (want - got).abs() <= case.tolerance * (1.0 + want.abs()),
            place,
            name,
            &format!("{got} (expected {want})"),
        );
    }

    // As it was loaded, before the step.
    let options = SaveOptions {
        dialect: Some(if case.info["lib"] == "keras3" { Dialect::Keras3 } else { Dialect::TfKeras }),
        shards: if key == "ckpt_sharded" { 3 } else { 0 },
        without_optimizer: !optimizer,
        ..SaveOptions::default()
    };
    if whole {
        model.save_with(out, &options)?
    } else {
        model.save_weights_with(out, &options)?
    }

    if optimizer && case.folder.join("step.npz").exists() {
        step(case, &mut model, place, report)?;
    }
    Ok(())
}

fn step(case: &Case, model: &mut Model, place: &str, report: &mut Report) -> Result<()> {
    let (x, y) = (case.inputs.clone(), case.targets.clone());
    let logs = match case.info["step"]["mode"].as_str() {
        Some("inference") => model.train_on_batch_without_dropout(x, y)?,
        _ => model.train_on_batch(x, y)?,
    };
    let mut archive = Npz::open(case.folder.join("step.npz"))?;
    let want = archive.array::<f32>("loss")?.iter().next().copied().map_or(f64::NAN, f64::from);
    report.check(
        (logs.loss() - want).abs() <= case.tolerance * (1.0 + want),
        place,
        "step: loss",
        &format!("{} (expected {want})", logs.loss()),
    );
    let strides = &case.info["step"]["stride"];
    let sampled = |key: &str, array: ArrayD<f32>| match strides[key].as_i64() {
        Some(stride) => {
            let flat = array.flatten().into_dyn();
            flat.slice_axis(Axis(0), Slice::new(0, None, stride as isize)).to_owned()
        }
        None => array,
    };
    for (letter, found) in [('w', model.get_weights()?), ('o', slots(model, case)?)] {
        let expected = numbered(&mut archive, letter)?;
        let pairs: Vec<_> = found
            .into_iter()
            .enumerate()
            .filter_map(|(i, array)| {
                let key = format!("{letter}{i:03}");
                expected.iter().find(|(k, _)| *k == key).map(|(_, want)| (sampled(&key, array), want.clone()))
            })
            .collect();
        report.close(
            place,
            if letter == 'w' { "step: weights" } else { "step: slots" },
            &pairs,
            case.tolerance,
        );
    }
    Ok(())
}

fn trajectory(folder: &Path, report: &mut Report) -> Result<()> {
    let info = json(&folder.join("trajectory.json"))?;
    let place = folder.display().to_string();
    let number = |key: &str| info[key].as_u64().map(|n| n as usize);
    let hidden = number("hidden").unwrap_or(512);
    let (batch, steps) = (number("batch").unwrap_or(32), number("steps").unwrap_or(10));
    let mut model = Sequential::new((
        Dense::new(hidden).activation("relu").input_shape([784]),
        Dropout::new(0.0),
        Dense::new(10),
    ))?;
    model.to(&report.device)?;
    model.compile(
        Adam::new(),
        SparseCategoricalCrossentropy::new().from_logits(true),
        [SparseCategoricalAccuracy::new()],
    )?;
    model.load_weights(folder.join("initial.weights.h5"))?;
    let ((images, labels), _) = datasets::mnist::subset();
    let images = images.to_rows() / 255.0;
    let losses: Vec<f64> =
        info["losses"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    report.check(losses.len() == steps, &place, "losses", &losses.len().to_string());
    for (i, want) in losses.iter().enumerate() {
        let rows = Slice::from(i * batch..(i + 1) * batch);
        let got = model
            .train_on_batch(&images.slice_axis(Axis(0), rows), &labels.slice_axis(Axis(0), rows))?
            .loss();
        report.check(
            (got - want).abs() <= 1e-5 * want.abs(),
            &place,
            &format!("loss {i}"),
            &format!("{got} (expected {want})"),
        );
    }
    let found = model.get_weights()?;
    model.load_weights(folder.join("final.weights.h5"))?;
    // Ten steps of Adam: where a gradient is rounding noise, its sign is too, and a step is the learning rate.
    let pairs: Vec<_> = found.into_iter().zip(model.get_weights()?).collect();
    report.close(&place, "weights after the last step", &pairs, 1e-3);
    Ok(())
}

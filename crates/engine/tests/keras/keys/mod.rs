//! Every key of every class does what it does in Keras, or is refused by its name.
//!
//! `tests/data/keras/keys/make.py` makes a case for every key: a value other than the default, and the numbers of the real Keras. Who adds a class
//! adds its cases there; a key that is not supported goes into [`REFUSED`](table::REFUSED), one that no number can depend on into
//! [`ELSEWHERE`](table::ELSEWHERE), with the reason.

mod layers;
mod objects;
mod table;
mod training;
mod types;

use std::collections::BTreeSet;

use rhyton_engine::device::Device;
use serde_json::{Map, Value};

use crate::common::{close, data, numbers, shape};

/// The keys of every class: `catalogue.py`.
fn catalogue() -> Value {
    data(include_str!("../../data/keras/keys/catalogue.json"))
}

/// A file of cases.
struct File(Value);

impl File {
    fn of(group: &str) -> File {
        if group == "layers" {
            let mut all = data(include_str!("../../data/keras/keys/layers.json"));
            for more in [
                include_str!("../../data/keras/keys/recurrent.json"),
                include_str!("../../data/keras/keys/sequences.json"),
                include_str!("../../data/keras/keys/windows.json"),
                include_str!("../../data/keras/keys/rules.json"),
                include_str!("../../data/keras/keys/conv_lstm.json"),
                include_str!("../../data/keras/keys/images.json"),
                include_str!("../../data/keras/keys/more.json"),
                include_str!("../../data/keras/keys/older.json"),
            ]
            .map(data)
            {
                let more_cases = more["cases"].as_array().expect("cases").clone();
                all["cases"].as_array_mut().expect("cases").extend(more_cases);
                for (name, array) in more["arrays"].as_object().expect("arrays") {
                    let before =
                        all["arrays"].as_object_mut().expect("arrays").insert(name.clone(), array.clone());
                    assert!(before.is_none_or(|before| before == *array), "two arrays {name}");
                }
            }
            return File(all);
        }
        File(data(match group {
            "losses" => include_str!("../../data/keras/keys/losses.json"),
            "metrics" => include_str!("../../data/keras/keys/metrics.json"),
            "optimizers" => include_str!("../../data/keras/keys/optimizers.json"),
            "schedules" => include_str!("../../data/keras/keys/schedules.json"),
            "regularizers" => include_str!("../../data/keras/keys/regularizers.json"),
            "constraints" => include_str!("../../data/keras/keys/constraints.json"),
            "initializers" => include_str!("../../data/keras/keys/initializers.json"),
            // Cases by function and argument.
            _ => include_str!("../../data/keras/activations.json"),
        }))
    }

    fn cases(&self) -> &[Value] {
        self.0["cases"].as_array().or_else(|| self.0.as_array()).expect("cases")
    }

    /// An array by its name.
    fn array(&self, name: &Value) -> ndarray::ArrayD<f32> {
        let found = &self.0["arrays"][name.as_str().expect("a name")];
        let values = numbers(&found["data"]).into_iter().map(|v| v as f32).collect();
        ndarray::ArrayD::from_shape_vec(shape(&found["shape"]), values).expect("as many as its shape has")
    }
}

/// The cases of layers that prepare numbers and strings, change colours or make spectrograms, as those of [`File`] are, but that their numbers are compared elsewhere.
fn preparing(group: &str) -> Vec<Value> {
    let all = data(include_str!("../../data/keras/preprocessing.json"));
    let colours = data(include_str!("../../data/keras/colours.json"));
    let signals = data(include_str!("../../data/keras/signals.json"));
    let more = [&colours["exact"], &colours["means"], &signals["fresh"]];
    let mut cases: Vec<Value> =
        [&all].into_iter().chain(more).flat_map(|l| l.as_array().expect("cases")).cloned().collect();
    cases.retain(|case| group == "layers" && case.get("error").is_none());
    cases.iter_mut().for_each(|case| case["config"] = case["args"].clone());
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn config(case: &Value) -> &Map<String, Value> {
    case["config"].as_object().expect("a config")
}

/// Returns what a case is called in messages.
fn named(case: &Value) -> String {
    format!("{} {}", text(&case["class"]), case["config"])
}

/// The CPU, and a GPU where there is one.
fn devices() -> Vec<Device> {
    let gpu = Device::named("gpu", "for tests");
    if let Err(error) = &gpu {
        assert!(std::env::var("RHYTON_REQUIRE_GPU").as_deref() != Ok("1"), "{error}");
        eprintln!("SKIPPED on GPUs: {error}");
    }
    [Device::cpu_threads(2), gpu].into_iter().flatten().collect()
}

/// Long lists as ten sums, in each of which every element has a weight of its own; as in `make.py`.
fn sketch(values: &[f64]) -> Vec<f64> {
    if values.len() <= 12 {
        return values.to_vec();
    }
    let sum = |k: usize| {
        values.iter().enumerate().map(|(i, v)| v * (0.7 * k as f64 * (i + 1) as f64).cos()).sum::<f64>()
    };
    (1..=10).map(sum).collect()
}

/// Runs what is asked of each case, and tells all that fail at once.
fn each(cases: &[Value], what: &str, mut check: impl FnMut(&Value) -> Result<(), String>) {
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| check(case).err().map(|e| format!("{}: {e}", named(case)))).collect();
    assert!(wrong.is_empty(), "{what}: {} of {} cases\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Checks whether two lists are equal within a tolerance relative to 1 + |value|.
fn near(got: &[f64], want: &[f64], tolerance: f64, what: &str) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{what}: {} numbers, Keras has {}", got.len(), want.len()));
    }
    let far =
        |(g, w): &(&f64, &f64)| (*g - *w).abs() > tolerance * (1.0 + w.abs()) || g.is_nan() != w.is_nan();
    match got.iter().zip(want).find(far) {
        Some((g, w)) => Err(format!("{what}: {g}, Keras has {w}")),
        None => Ok(()),
    }
}

/// Every class of every table has a case for every key of the catalogue, or says why not.
#[test]
fn no_key_without_a_case() {
    let catalogue = catalogue();
    let mut missing = Vec::new();
    for (group, classes) in table::classes() {
        let (file, preparing) = (File::of(group), preparing(group));
        for class in &classes {
            let Some(keys) = catalogue[group][class].as_array() else {
                missing.push(format!("{group}/{class}: not in catalogue.json; run catalogue.py"));
                continue;
            };
            let of_class = |c: &&Value| [&c["class"], &c["name"]].iter().any(|n| *n == class);
            let cases: Vec<&Value> = file.cases().iter().chain(&preparing).filter(of_class).collect();
            if cases.is_empty() && table::elsewhere(group, class, "").is_none() {
                missing.push(format!("{group}/{class}: no case at all"));
            }
            let mut tested = BTreeSet::new();
            for case in cases {
                tested.extend(case["keys"].as_array().into_iter().flatten().filter_map(Value::as_str));
                tested.extend(case["args"].as_object().into_iter().flat_map(Map::keys).map(String::as_str));
            }
            for key in keys.iter().map(text) {
                let refused = table::refused(group, class, key).is_some();
                if !tested.contains(key) && !refused && table::elsewhere(group, class, key).is_none() {
                    missing.push(format!("{group}/{class}: {key}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "keys without a case:\n{}", missing.join("\n"));
}

/// Checks that what the tables name is in the catalogue: no line is left over.
#[test]
fn no_line_without_a_key() {
    let catalogue = catalogue();
    let all = table::classes();
    let lines = table::REFUSED.iter().map(|(g, c, k, _)| (g, c, k));
    for (group, class, key) in lines.chain(table::ELSEWHERE.iter().map(|(g, c, k, _)| (g, c, k))) {
        let classes = &all.iter().find(|(g, _)| g == group).expect("a group").1;
        let has = |c: &&String| {
            key.is_empty() || catalogue[group][*c].as_array().is_some_and(|k| k.iter().any(|k| k == key))
        };
        let found = classes.iter().filter(|c| *class == "*" || *c == class).any(|c| has(&c));
        assert!(found, "{group}/{class}: no key {key}");
    }
}

#[test]
fn sketches_tell_elements_apart() {
    let values: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.1).collect();
    let mut swapped = values.clone();
    swapped.swap(3, 31);
    let (a, b) = (sketch(&values), sketch(&swapped));
    assert!(near(&a, &b, 1e-2, "").is_err());
    close(&sketch(&values[..3]), &values[..3], 0.0, "short lists");
}

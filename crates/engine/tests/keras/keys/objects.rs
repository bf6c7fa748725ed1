//! Schedules, regularizers, constraints and initializers, by their definitions.

use rhyton_engine::graph::{Activation, Named, Resolver};
use rhyton_engine::initializers::INITIALIZERS;
use rhyton_engine::models::registry;
use serde_json::{Value, json};

use super::{File, each, near, text};
use crate::common::{Input, gradient, numbers, run, shape};

fn object(case: &Value) -> Value {
    json!({"class_name": case["class"], "config": case["config"]})
}

#[test]
fn schedules_equal_keras() {
    let file = File::of("schedules");
    each(file.cases(), "schedules", |case| {
        let schedule = registry::schedule(&object(case)).map_err(|e| e.to_string())?;
        let at = file.0["at"].as_array().expect("steps").iter();
        let got: Vec<f64> = at.map(|i| schedule.at(i.as_i64().expect("a step"))).collect();
        near(&got, &numbers(&case["rates"]), 1e-6, "rates")
    });
}

#[test]
fn regularizers_equal_keras() {
    let file = File::of("regularizers");
    each(file.cases(), "regularizers", |case| {
        let made = registry::resolver().regularizer(&object(case)).map_err(|e| e.to_string())?;
        let made = made.ok_or("none")?;
        let matrix = file.array(&case["x"]);
        let values: Vec<f64> = matrix.iter().map(|v| f64::from(*v)).collect();
        let out = run(&[Input::f32(matrix.shape(), &values)], |x| {
            let penalty = made.call(x[0]);
            vec![penalty, gradient(penalty, x[0])]
        })
        .map_err(|e| e.to_string())?;
        near(&out[0].1, &[case["value"].as_f64().expect("a number")], 1e-5, "penalty")?;
        near(&out[1].1, &numbers(&case["gradient"]), 1e-5, "gradient")
    });
}

#[test]
fn constraints_equal_keras() {
    let file = File::of("constraints");
    each(file.cases(), "constraints", |case| {
        let made = registry::resolver().constraint(&object(case)).map_err(|e| e.to_string())?;
        let made = made.ok_or("none")?;
        let matrix = file.array(&case["x"]);
        let values: Vec<f64> = matrix.iter().map(|v| f64::from(*v)).collect();
        let out = run(&[Input::f32(matrix.shape(), &values)], |x| vec![made.call(x[0])]);
        near(&out.map_err(|e| e.to_string())?[0].1, &numbers(&case["values"]), 1e-5, "values")
    });
}

/// Values where they are certain; else mean, variance and the largest of many draws are as far from Keras' as chance has it.
#[test]
fn initializers_equal_keras() {
    let file = File::of("initializers");
    each(file.cases(), "initializers", |case| {
        let class = INITIALIZERS.iter().find(|c| c.names[0] == text(&case["class"])).ok_or("unknown")?;
        let made = (class.make)(case["config"].as_object().cloned().unwrap_or_default());
        let values = made.and_then(|i| i.init(&shape(&case["shape"]), 5)).map_err(|e| e.to_string())?;
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        if case["values"].is_array() {
            return near(&values, &numbers(&case["values"]), 1e-6, "values");
        }
        let number = |key: &str| case[key].as_f64().expect("a number");
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let largest = values.iter().map(|v| v.abs()).fold(0.0, f64::max);
        // Both sides are draws: seven standard errors of each.
        let chance = 10.0 * (number("variance") / n).sqrt();
        if (mean - number("mean")).abs() > chance {
            return Err(format!("mean {mean}, Keras has {}", number("mean")));
        }
        if (variance / number("variance") - 1.0).abs() > 15.0 / n.sqrt() {
            return Err(format!("variance {variance}, Keras has {}", number("variance")));
        }
        if (largest / number("largest") - 1.0).abs() > 0.25 {
            return Err(format!("largest {largest}, Keras has {}", number("largest")));
        }
        Ok(())
    });
}

/// The names of objects bind as the objects do.
#[test]
fn arguments_of_functions_are_refused() {
    let mut named: Named<dyn Activation> =
        Named::unbound(json!({"class_name": "relu", "config": {"max_value": 2.0}}));
    let error = named.bind(&registry::resolver()).expect_err("a function has no config").to_string();
    assert!(error.contains("max_value"), "{error}");
}

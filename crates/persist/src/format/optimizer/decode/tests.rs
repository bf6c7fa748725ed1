use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::tree::DType;

fn variable(shape: &[usize], value: f32) -> Variable {
    let bytes: Vec<u8> = (0..shape.iter().product()).flat_map(|_| value.to_le_bytes()).collect();
    let value = Some(Arc::new(bytes) as crate::tree::Bytes);
    Variable { name: String::new(), trainable: true, dtype: DType::F32, shape: shape.to_vec(), value }
}

fn float(name: &str, shape: &[usize], value: f32) -> Found {
    Found { name: name.into(), variable: variable(shape, value) }
}

fn int(name: &str, value: i64) -> Found {
    Found { name: name.into(), variable: values::int64(name, value) }
}

fn state(class: &str, config: Option<&Value>, shapes: &[&[usize]], found: Vec<Found>) -> OptimizerState {
    let trainable: Vec<Variable> = shapes.iter().map(|shape| variable(shape, 0.0)).collect();
    decode(Path::new("a"), class, config, &trainable, found).unwrap().unwrap()
}

/// Name, variable and value of each slot.
fn slots(state: &OptimizerState) -> Vec<(&str, Option<usize>, f64)> {
    let value = |slot: &Slot| {
        let bytes = slot.variable.value.as_ref().unwrap().read().unwrap();
        f64::from(f32::from_le_bytes(*bytes.first_chunk().unwrap()))
    };
    state.slots.iter().map(|slot| (slot.name.as_str(), slot.of, value(slot))).collect()
}

#[test]
fn counters_come_first() {
    let found = || vec![int("", 7), float("", &[], 0.5), float("", &[2], 1.0)];
    let read = state("SGD", None, &[&[2]], found());
    assert_eq!((read.iteration, read.learning_rate), (7, Some(0.5)));
    assert_eq!(slots(&read), [("momentum", Some(0), 1.0)]);

    // A schedule leaves no rate; then a scalar weight's slot stands where it would.
    let read = state("SGD", None, &[&[]], vec![int("", 7), float("", &[], 0.5)]);
    assert_eq!((read.learning_rate, slots(&read)), (None, vec![("momentum", Some(0), 0.5)]));

    let wrong = decode(Path::new("a"), "SGD", None, &[], vec![float("", &[2], 0.5)]);
    assert!(matches!(wrong, Err(Error::Mismatch { .. })));
    assert!(decode(Path::new("a"), "SGD", None, &[], Vec::new()).unwrap().is_none());
}

/// The order of `LossScaleOptimizer.variables` in Keras 3: its own counters, `step_counter`, `dynamic_scale`, then the inner variables.
#[test]
fn the_scale_stands_before_the_inner_counters() {
    let config = json!({"inner_optimizer": {"class_name": "Adam", "config": {"amsgrad": false}}});
    let mut found = vec![int("", 0), float("", &[], 0.0), int("", 3), float("", &[], 1024.0)];
    found.extend([int("", 9), float("", &[], 0.25), float("", &[2], 1.0), float("", &[2], 2.0)]);
    let read = state("LossScaleOptimizer", Some(&config), &[&[2]], found);
    assert_eq!((read.iteration, read.learning_rate), (9, Some(0.25)));
    assert_eq!(read.scalars, [("step_counter".into(), 3.0), ("dynamic_scale".into(), 1024.0)]);
    assert_eq!(slots(&read), [("momentum", Some(0), 1.0), ("velocity", Some(0), 2.0)]);

    // tf_keras has the inner variables alone.
    let found = vec![int("iteration:0", 9), float("m/k:0", &[2], 1.0), float("v/k:0", &[2], 2.0)];
    let read = state("LossScaleOptimizer", Some(&config), &[&[2]], found);
    assert_eq!((read.iteration, read.scalars.len(), read.slots.len()), (9, 0, 2));
    assert_eq!(read.data, None);
}

#[test]
fn before_tensorflow_2_11_slots_stood_by_kind_with_placeholders() {
    let names = ["Adam/iter:0", "Adam/a/m:0", "Adam/b/m:0", "Adam/a/v:0", "Adam/b/v:0"];
    let shapes: [&[usize]; 2] = [&[2], &[3]];
    let mut found = vec![int(names[0], 5)];
    for (i, name) in names.iter().enumerate().skip(1) {
        found.push(float(name, shapes[(i + 1) % 2], i as f32));
    }
    found.extend((0..2).map(|_| float("Adam/vhat:0", &[1], 0.0)));
    let read = state("Adam", None, &shapes, found);
    let order = [("momentum", 0, 1.0), ("velocity", 0, 3.0), ("momentum", 1, 2.0), ("velocity", 1, 4.0)];
    assert_eq!(slots(&read), order.map(|(name, of, x)| (name, Some(of), x)));
}

#[test]
fn the_product_of_nadam_is_no_slot() {
    let mut found = vec![int("", 5), float("", &[], 0.5), float("", &[2], 1.0), float("", &[2], 2.0)];
    found.push(float("", &[], 0.875));
    let read = state("Nadam", None, &[&[2]], found);
    assert_eq!(read.scalars, [("u_product".into(), 0.875)]);
    assert_eq!(slots(&read), [("momentum", Some(0), 1.0), ("velocity", Some(0), 2.0)]);

    // Not trained yet.
    let read = state("Nadam", None, &[&[2]], vec![int("", 0), float("", &[], 0.5), float("", &[], 1.0)]);
    assert_eq!((read.scalars.len(), read.slots.len(), read.data), (1, 0, None));
}

#[test]
fn two_slots_of_rmsprop_are_told_apart_by_config_then_by_names() {
    let read = |config: Option<Value>, names: [&str; 2]| {
        let found = vec![int("iteration", 5), float(names[0], &[2], 1.0), float(names[1], &[2], 2.0)];
        let read = state("RMSprop", config.as_ref(), &[&[2]], found);
        assert_eq!(read.data, None);
        read.slots.iter().map(|slot| slot.name.clone()).collect::<Vec<_>>()
    };
    let centered = |is: bool| Some(json!({"centered": is}));
    assert_eq!(read(centered(true), ["", ""]), ["velocity", "average_gradient"]);
    assert_eq!(read(centered(false), ["", ""]), ["velocity", "momentum"]);
    assert_eq!(read(None, ["velocity/k", "average_gradient/k"]), ["velocity", "average_gradient"]);
    assert_eq!(read(None, ["velocity/k", "momentum/k"]), ["velocity", "momentum"]);
    assert_eq!(read(None, ["", ""]), ["velocity", ""]);
}

#[test]
fn slots_that_do_not_fit_are_data() {
    let found = || vec![int("", 5), float("", &[], 0.5), float("", &[2], 1.0), float("", &[3], 2.0)];
    let why = |class: &str, shapes: &[&[usize]]| {
        let read = state(class, None, shapes, found());
        assert_eq!(slots(&read), [("", None, 1.0), ("", None, 2.0)]);
        read.data.unwrap().why
    };
    assert_eq!(why("Mine", &[&[2]]), "the slots of Mine are not known");
    assert_eq!(why("", &[&[2]]), "nothing says whose slots they are");
    assert!(why("Adam", &[&[2], &[2]]).contains("4 or 6 of Adam"));
    let shapes = why("Adam", &[&[2]]);
    assert!(shapes.contains("variable 1: the file has the shape [3]"), "{shapes}");
}

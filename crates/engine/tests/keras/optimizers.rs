//! Five steps of every optimizer, parameters and slots; every schedule.

use std::collections::HashMap;
use std::sync::Arc;

use rhyton_engine::graph::{IntoTensor, Role, Tensor, TensorType, Value as Place, Variable, trace};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::{
    Applied, Class, OPTIMIZERS, Optimizer, OptimizerSpec, Parameter, SlotInfo, slot_order,
};
use rhyton_engine::oracle::{self, Given, value};
use serde_json::{Value, json};

use crate::common::{close, data, numbers};

pub(super) fn variable(name: &str, shape: &[usize], role: Role) -> Variable {
    let ty = TensorType::f32(shape);
    let words = vec![0; ty.len()];
    Variable::new(name, ty, role, Place::Host(Arc::new(words)))
}

/// The slots of a parameter, with their first values.
pub(super) fn slots(
    optimizer: &dyn Optimizer,
    of: &Parameter,
    values: &mut HashMap<u64, Vec<f64>>,
) -> Vec<Variable> {
    let infos = optimizer.slots(of);
    let slot = |info: &SlotInfo| {
        let shape = info.shape.as_deref().unwrap_or(of.variable.shape());
        let slot = variable(info.name, shape, Role::Slot);
        let start = values.get(&of.variable.id()).filter(|_| info.from_parameter).cloned();
        values.insert(slot.id(), start.unwrap_or_else(|| vec![f64::from(info.initial); slot.len()]));
        slot
    };
    infos.iter().map(slot).collect()
}

pub(super) fn optimizer(name: &str, args: &Value) -> Box<dyn Optimizer> {
    let config = json!({"class_name": name, "config": args});
    registry::optimizer(OptimizerSpec::Config(config)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn equal_keras() {
    let reference = data(include_str!("../data/keras/optimizers.json"));
    for case in reference["cases"].as_array().unwrap() {
        let (name, args) = (case["name"].as_str().unwrap(), &case["args"]);
        let what = format!("{name} {args}");
        let mut optimizer = optimizer(name, args);
        let shapes: [&[usize]; 2] = [&[2, 3], &[3]];
        let mut values: HashMap<u64, Vec<f64>> = HashMap::new();
        let parameters: Vec<(Variable, Vec<Variable>)> = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| {
                let parameter = variable("w", shape, Role::Trainable);
                values.insert(parameter.id(), numbers(&reference["start"][i]));
                let slots = slots(optimizer.as_ref(), &Parameter::new(&parameter), &mut values);
                (parameter, slots)
            })
            .collect();
        let infos = optimizer.slots(&Parameter::new(&parameters[0].0));
        let (graph, ()) = trace(|| {
            let applied = |(i, (variable, slots)): (usize, &(Variable, Vec<Variable>))| {
                let gradient = Tensor::input(i, TensorType::f32(shapes[i]));
                Applied::new(Parameter::new(variable), Some(gradient), slots.clone())
            };
            optimizer.apply(&parameters.iter().enumerate().map(applied).collect::<Vec<_>>())
        })
        .unwrap_or_else(|e| panic!("{what}: {e}"));
        let order = slot_order(&[infos.clone(), infos.clone()]);
        // Keras' names of slots end with ours, in the order of files.
        let names = case["slot_names"].as_array().unwrap();
        for (n, (parameter, slot)) in order.iter().enumerate() {
            let expected = format!("{}_{}", ["w", "b"][*parameter], infos[*slot].name);
            assert_eq!(names[n], json!(expected), "{what}: slot {n}");
        }
        for (i, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let rate = optimizer.learning_rate().at(i as i64);
            let given = Given {
                inputs: (0..2).map(|p| (p, numbers(&reference["gradients"][i][p]))).collect(),
                variables: values.clone(),
                step: optimizer.scalars(i as i64, rate),
                ..Given::default()
            };
            let ran = oracle::run(&graph, &given);
            for (variable, edge) in &graph.assigns {
                values.insert(variable.id(), value(&ran, *edge).to_vec());
            }
            // Keras holds its settings in f32 on the way.
            let tolerance = 1e-6;
            for (p, (variable, _)) in parameters.iter().enumerate() {
                let place = format!("{what}, step {i}, parameter {p}");
                close(&values[&variable.id()], &numbers(&step["parameters"][p]), tolerance, &place);
            }
            for (n, (p, slot)) in order.iter().enumerate() {
                let got = &values[&parameters[*p].1[*slot].id()];
                close(got, &numbers(&step["slots"][n]), tolerance, &format!("{what}, step {i}, slot {n}"));
            }
            if name == "Nadam" {
                // Keras lists the product after the slots.
                let product = f64::from(optimizer.host_state()[0].1);
                close(&[product], &numbers(&step["slots"][order.len()]), 1e-6, &format!("{what}: u_product"));
            }
        }
    }
}

#[test]
fn schedules_equal_keras() {
    let reference = data(include_str!("../data/keras/schedules.json"));
    for case in reference["cases"].as_array().unwrap() {
        let (name, args) = (&case["name"], &case["args"]);
        let schedule = registry::schedule(&json!({"class_name": name, "config": args})).unwrap();
        let at = reference["at"].as_array().unwrap().iter().map(|i| schedule.at(i.as_i64().unwrap()));
        let got: Vec<f64> = at.collect();
        // Keras computes some of these in f32, whatever its float type.
        close(&got, &numbers(&case["rates"]), 1e-6, &format!("{name} {args}"));
        let spec = schedule.spec();
        assert!(crate::common::same(&spec, &case["config"]), "{spec}\n{}", case["config"]);
    }
}

/// One node per parameter, its inputs being parameter, gradient and slots: what plans fuse and merge by.
#[test]
fn one_node_per_parameter() {
    // These look at whole parameters.
    let by_element = |class: &&Class| !["Lamb", "Adafactor", "Muon"].contains(&class.names[0]);
    for class in OPTIMIZERS.iter().filter(by_element) {
        let optimizer = optimizer(class.names[0], &json!({"clipvalue": 0.5, "weight_decay": 0.1}));
        let w = variable("w", &[2, 3], Role::Trainable);
        let slots = slots(optimizer.as_ref(), &Parameter::new(&w), &mut HashMap::new());
        let (graph, expected) = trace(|| {
            let gradient = Tensor::input(0, TensorType::f32([2, 3]));
            let expected: Vec<_> = [(&w).into_tensor(), gradient]
                .into_iter()
                .chain(slots.iter().map(IntoTensor::into_tensor))
                .map(oracle::edge)
                .collect();
            optimizer.apply(&[Applied::new(Parameter::new(&w), Some(gradient), slots.clone())])?;
            Ok(expected)
        })
        .unwrap();
        let made: Vec<_> = graph.nodes.iter().filter(|n| !n.inputs.is_empty()).collect();
        assert_eq!(made.len(), 1, "{}", class.names[0]);
        assert_eq!(made[0].inputs, expected, "{}", class.names[0]);
        let targets: Vec<_> = graph.assigns.iter().map(|(v, e)| (v.id(), e.output)).collect();
        let wanted: Vec<_> =
            std::iter::once(&w).chain(&slots).enumerate().map(|(i, v)| (v.id(), i)).collect();
        assert_eq!(targets, wanted, "{}", class.names[0]);
    }
}

#[test]
fn settings_that_cannot_be_done_are_named() {
    let wrong = |class: &str, args: Value| {
        let config = json!({"class_name": class, "config": args});
        registry::optimizer(OptimizerSpec::Config(config)).err().map(|e| e.to_string()).unwrap_or_default()
    };
    for (class, args, words) in [
        ("Adam", json!({"use_ema": true, "ema_momentum": 1.5}), "ema_momentum"),
        ("Adam", json!({"use_ema": true, "ema_overwrite_frequency": -1}), "ema_overwrite_frequency"),
        ("Adam", json!({"gradient_accumulation_steps": 1}), "gradient_accumulation_steps"),
        ("Muon", json!({"exclude_layers": ["(?=ahead)"]}), "exclude_layers"),
        ("Muon", json!({"ns_steps": -1}), "ns_steps"),
        ("ScheduleFreeAdamW", json!({"beta_1": 0.0}), "beta_1"),
        ("Nadam", json!({"schedule_decay": 0.1, "is_legacy_optimizer": false}), "schedule_decay"),
        ("MultiOptimizer", json!({}), "optimizer_map"),
        ("SGD", json!({"loss_scale_factor": -2.0}), "loss_scale_factor"),
        ("SGD", json!({"momentum": 1.5}), "momentum"),
        ("SGD", json!({"clipnorm": 1.0, "clipvalue": 1.0}), "only one of"),
        ("AdamW", json!({"weight_decay": null}), "weight_decay"),
        ("Ftrl", json!({"learning_rate_power": 0.5}), "learning_rate_power"),
        ("Adam", json!({"beta_1": "much"}), "Adam"),
        ("Adem", json!({}), "register_optimizer"),
    ] {
        let error = wrong(class, args);
        assert!(error.contains(words), "{class}: {error}");
    }
    let error = registry::schedule(
        &json!({"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 0}}),
    );
    assert!(error.err().unwrap().to_string().contains("decay_steps"));
}

#[test]
fn strings_and_keras_2_configs() {
    let named = |name: &str| registry::optimizer(OptimizerSpec::Config(name.into())).unwrap();
    assert_eq!(named("adam").class_name(), "Adam");
    assert_eq!(named("rmsprop").class_name(), "RMSprop");
    assert_eq!(named("SGD").learning_rate().at(0), f64::from(0.01_f32));
    assert_eq!(named("adamw").spec()["config"]["weight_decay"], json!(0.004));
    let keras_2 = json!({"class_name": "Custom>Adam", "config": {"name": "Adam", "weight_decay": null, "clipnorm": null,
        "global_clipnorm": null, "clipvalue": null, "use_ema": false, "ema_momentum": 0.99, "ema_overwrite_frequency": null,
        "jit_compile": false, "is_legacy_optimizer": false, "learning_rate": 0.0010000000474974513, "beta_1": 0.8,
        "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": false}});
    let adam = registry::optimizer(OptimizerSpec::Config(keras_2)).unwrap();
    assert_eq!(adam.spec()["config"]["learning_rate"], json!(0.0010000000474974513));
    assert_eq!(adam.spec()["config"]["beta_1"], json!(0.8));
}

/// Weights after two steps of small gradients, which show where epsilon stands.
fn two_steps(config: Value) -> Vec<f64> {
    let mut optimizer = registry::optimizer(OptimizerSpec::Config(config)).expect("known keys");
    let w = variable("w", &[3], Role::Trainable);
    let mut values: HashMap<u64, Vec<f64>> = HashMap::from([(w.id(), vec![1.0; 3])]);
    let slots = slots(optimizer.as_ref(), &Parameter::new(&w), &mut values);
    let (graph, ()) = trace(|| {
        let gradient = Tensor::input(0, TensorType::f32([3]));
        optimizer.apply(&[Applied::new(Parameter::new(&w), Some(gradient), slots.clone())])
    })
    .expect("a step");
    for step in 0..2 {
        let rate = optimizer.learning_rate().at(step);
        let given = Given {
            inputs: HashMap::from([(0, SMALL.to_vec())]),
            variables: values.clone(),
            step: optimizer.scalars(step, rate),
            ..Given::default()
        };
        let ran = oracle::run(&graph, &given);
        values.extend(graph.assigns.iter().map(|(v, e)| (v.id(), value(&ran, *e).to_vec())));
    }
    values.remove(&w.id()).expect("the weights")
}

const SMALL: [f64; 3] = [1e-3, -2e-5, 3e-8];

/// `tf_keras.optimizers.legacy`: RMSprop without momentum, and Adagrad, add epsilon to the root; with momentum RMSprop calls TensorFlow's
/// kernel, which adds it below the root, as the newer ones all do.
#[test]
fn older_optimizers_add_epsilon_where_they_did() {
    let (rate, rho, epsilon) = (f64::from(0.5_f32), 0.9, 1e-7);
    let rms = |momentum: f64, centered: bool, older: bool| {
        SMALL.map(|g| {
            let (mut w, mut ms, mut mg, mut moved) = (1.0, 0.0, 0.0, 0.0);
            for _ in 0..2 {
                ms = rho * ms + (1.0 - rho) * g * g;
                mg = rho * mg + (1.0 - rho) * g;
                let square: f64 = if centered { ms - mg * mg } else { ms };
                let root = if older { square.sqrt() + epsilon } else { (square + epsilon).sqrt() };
                moved = momentum * moved + rate * g / root;
                w -= moved;
            }
            w
        })
    };
    for (momentum, centered) in [(0.0, false), (0.0, true), (0.9, false), (0.9, true)] {
        let made = |more: Value| {
            let mut config =
                json!({"learning_rate": 0.5, "rho": rho, "momentum": momentum, "centered": centered});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            two_steps(json!({"class_name": "RMSprop", "config": config}))
        };
        let (older, newer) = (rms(momentum, centered, momentum == 0.0), rms(momentum, centered, false));
        let what = format!("momentum {momentum}, centered {centered}");
        for form in [
            json!({"is_legacy_optimizer": true}),
            json!({"decay": 0.0}),
            json!({"decay": 0.0, "epsilon": 0.0}),
            json!({"decay": 0.0, "epsilon": null}),
        ] {
            close(&made(form.clone()), &older, 1e-9, &format!("{what}, {form}"));
        }
        for form in [json!({}), json!({"is_legacy_optimizer": false})] {
            close(&made(form.clone()), &newer, 1e-9, &format!("{what}, {form}"));
        }
    }
    let legacy = json!({"module": "keras.optimizers.legacy", "class_name": "RMSprop", "config": {"learning_rate": 0.5}});
    close(&two_steps(legacy), &rms(0.0, false, true), 1e-9, "by its module");
    let start = f64::from(1e-10_f32);
    let sums = |older: bool| {
        SMALL.map(|g| {
            let (mut w, mut sum) = (1.0, start);
            for _ in 0..2 {
                sum += g * g;
                w -= rate * g / if older { sum.sqrt() + epsilon } else { (sum + epsilon).sqrt() };
            }
            w
        })
    };
    let adagrad = |older: bool| {
        two_steps(json!({"class_name": "Adagrad", "config": {
            "learning_rate": 0.5, "initial_accumulator_value": 1e-10, "is_legacy_optimizer": older}}))
    };
    close(&adagrad(true), &sums(true), 1e-9, "an older Adagrad");
    close(&adagrad(false), &sums(false), 1e-9, "Adagrad");
}

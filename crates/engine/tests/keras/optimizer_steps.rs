//! Ten steps of every optimizer of both libraries, with what a step does besides its formulas, over parameters of several shapes: `optimizer_steps.py`.

use std::collections::{BTreeMap, HashMap};

use rhyton_engine::autograd::gradients;
use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{
    DType, Graph, IntoTensor, LayerExt, Reading, Role, Tensor, TensorType, Variable, trace,
};
use rhyton_engine::layers::Dense;
use rhyton_engine::optimizers::{Applied, OPTIMIZERS, Optimizer, Parameter, SlotInfo, WRAPPERS, slot_order};
use rhyton_engine::oracle::{self, Given, value};
use rhyton_engine::train::Sequential;
use serde_json::{Value, json};

use crate::common::{close, data, devices, numbers, shape};
use crate::optimizers::{optimizer, slots, variable};

fn file() -> Value {
    data(include_str!("../data/keras/optimizer_steps.json"))
}

/// Two sums, in each of which every element has a weight of its own; as in the script.
fn sums(values: &[f64]) -> Vec<f64> {
    let sum = |k: f64| values.iter().enumerate().map(|(i, v)| v * (k * (i + 1) as f64).cos()).sum();
    vec![sum(0.7), sum(1.9)]
}

/// An optimizer of a case with its parameters and slots.
struct Setup {
    optimizer: Box<dyn Optimizer>,
    parameters: Vec<Parameter>,
    slots: Vec<Vec<Variable>>,
    values: HashMap<u64, Vec<f64>>,
    graph: Graph,
}

impl Setup {
    fn of(file: &Value, case: &Value) -> Self {
        let keras2 = case["library"] != "keras3";
        let mut args = case["args"].clone();
        let excluded = args.as_object_mut().expect("arguments").shift_remove("exclude_from_weight_decay");
        if case["library"] == "legacy" {
            args["is_legacy_optimizer"] = true.into();
        }
        let name = case["class"].as_str().expect("a class");
        let optimizer = match &excluded {
            Some(names) => excluding(name, &args, names),
            None => optimizer(name, &args),
        };
        let mut values = HashMap::new();
        let list = |key: &str| file[key].as_array().expect("a list").clone();
        let mut parameters = Vec::new();
        for ((path, of), start) in list("paths").iter().zip(list("shapes")).zip(list("start")) {
            let path = path.as_str().expect("a path");
            let variable = variable(path.rsplit('/').next().expect("a name"), &shape(&of), Role::Trainable);
            values.insert(variable.id(), numbers(&start));
            parameters.push(Parameter { variable, path: path.into(), keras2 });
        }
        let slots: Vec<Vec<Variable>> =
            parameters.iter().map(|p| slots(optimizer.as_ref(), p, &mut values)).collect();
        let rows = list("rows").len();
        let (graph, ()) = trace(|| {
            let gradient = |i: usize| {
                let of = &parameters[i].variable;
                let given = &file["gradients"][0][i];
                if given.is_null() {
                    return Ok(None);
                }
                if !parameters[i].path.starts_with("embedding") {
                    return Ok(Some(Tensor::input(i, TensorType::f32(of.shape()))));
                }
                // The gradient of what reads these rows, times the numbers.
                let factors = Tensor::input(i, TensorType::f32([rows, of.shape()[1]]));
                let indices = Tensor::input(100, TensorType { dtype: DType::I32, shape: vec![rows] });
                let table = of.into_tensor();
                Ok(gradients((table.rows_at(indices) * factors).sum(&[]), &[table])?[0])
            };
            let mut applied = Vec::new();
            for (i, (parameter, slots)) in parameters.iter().zip(&slots).enumerate() {
                applied.push(Applied::new(parameter.clone(), gradient(i)?, slots.clone()));
            }
            optimizer.apply(&applied)
        })
        .unwrap_or_else(|e| panic!("{case}: {e}"));
        Setup { optimizer, parameters, slots, values, graph }
    }

    /// What a step is given.
    fn given(&mut self, file: &Value, step: usize) -> Given {
        let of = file["gradients"][step].as_array().expect("gradients");
        let mut inputs: HashMap<usize, Vec<f64>> =
            of.iter().enumerate().filter(|(_, g)| !g.is_null()).map(|(i, g)| (i, numbers(g))).collect();
        inputs.insert(100, numbers(&file["rows"]));
        let rate = self.optimizer.learning_rate().at(step as i64);
        let step = self.optimizer.scalars(step as i64, rate);
        Given { inputs, variables: self.values.clone(), step, ..Given::default() }
    }

    /// Slots in the order of files, with their names.
    fn ordered(&self) -> Vec<(usize, SlotInfo, &Variable)> {
        let infos: Vec<Vec<SlotInfo>> = self.parameters.iter().map(|p| self.optimizer.slots(p)).collect();
        let order = slot_order(&infos).into_iter();
        order.map(|(p, s)| (p, infos[p][s].clone(), &self.slots[p][s])).collect()
    }
}

/// An optimizer with parameters that do not decay, which no config says.
fn excluding(name: &str, args: &Value, names: &Value) -> Box<dyn Optimizer> {
    use rhyton_engine::optimizers as o;
    let names: Vec<String> = serde_json::from_value(names.clone()).expect("names");
    let mut map = args.as_object().expect("arguments").clone();
    let rate = map.shift_remove("learning_rate").and_then(|r| r.as_f64()).expect("a rate");
    macro_rules! of {
        ($($class:ident),+) => {
            match name {
                $(stringify!($class) => {
                    let made: o::$class = serde_json::from_value(json!(map)).expect("settings");
                    Box::new(o::$class::learning_rate(made, rate).exclude_from_weight_decay(names))
                })+
                other => panic!("no class {other}"),
            }
        };
    }
    // What a config does not say is as it is by default.
    if name == "AdamW" || name == "Muon" {
        map.entry("weight_decay").or_insert(json!(0.004));
    }
    of!(
        SGD,
        Adam,
        AdamW,
        Adamax,
        Nadam,
        RMSprop,
        Adagrad,
        Adadelta,
        Ftrl,
        Lion,
        Lamb,
        Adafactor,
        Muon,
        ScheduleFreeAdamW
    )
}

#[test]
fn ten_steps_equal_keras() {
    let file = file();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for case in file["cases"].as_array().expect("cases") {
        let what = format!("{} {} {}", case["library"], case["class"], case["args"]);
        let mut setup = Setup::of(&file, case);
        for step in 0..file["gradients"].as_array().expect("steps").len() {
            let given = setup.given(&file, step);
            let ran = oracle::run(&setup.graph, &given);
            for (variable, edge) in &setup.graph.assigns {
                setup.values.insert(variable.id(), value(&ran, *edge).to_vec());
            }
        }
        let mut check = |got: &[f64], want: &[f64], place: &str| {
            compared += 1;
            let far = |(g, w): (&f64, &f64)| (g - w).abs() > 2e-6 * (1.0 + w.abs()) || g.is_nan();
            if got.len() != want.len() || got.iter().zip(want).any(far) {
                wrong.push(format!("{what}: {place}: {got:?}, Keras has {want:?}"));
            }
        };
        for (i, parameter) in setup.parameters.iter().enumerate() {
            let got = sums(&setup.values[&parameter.variable.id()]);
            check(&got, &numbers(&case["parameters"][i]), &parameter.path);
        }
        let mut ours: Vec<(String, Vec<f64>)> = Vec::new();
        for (p, info, slot) in setup.ordered() {
            let name = match case["library"].as_str() {
                Some("legacy") => format!("{p}/{}", info.name),
                _ => info.name.to_owned(),
            };
            ours.push((name, sums(&setup.values[&slot.id()])));
        }
        if let Some(by_name) = case["slots"].as_object() {
            // SGD has them without momentum too.
            let ours: BTreeMap<_, _> = ours.into_iter().collect();
            for (name, got) in &ours {
                // Those of a parameter without a gradient are not there.
                if let Some(want) = by_name.get(name) {
                    check(got, &numbers(want), name);
                }
            }
            let missing = by_name.keys().filter(|name| !ours.contains_key(*name)).count();
            assert!(missing == 0 || case["class"] == "SGD", "{what}: {missing} slots are not here");
            continue;
        }
        let mut theirs = case["slots"].as_array().expect("slots").clone();
        // Kept on the host.
        theirs.retain(|slot| !slot[0].as_str().expect("a name").to_lowercase().starts_with("variable"));
        if case["class"] == "SGD" && ours.len() < theirs.len() {
            // tf_keras has momenta without momentum too, last.
            theirs.truncate(ours.len());
        }
        assert_eq!(ours.len(), theirs.len(), "{what}: number of slots");
        for ((name, got), want) in ours.iter().zip(&theirs) {
            check(got, &numbers(&want[1]), name);
        }
    }
    eprintln!("{compared} arrays compared");
    assert!(wrong.is_empty(), "{} of {compared}\n{}", wrong.len(), wrong.join("\n"));
    let tested = |name: &str| file["cases"].as_array().expect("cases").iter().any(|c| c["class"] == name);
    let classes = OPTIMIZERS.iter().map(|c| c.names[0]).chain(WRAPPERS.iter().map(|w| w.name));
    // The one that scales losses waits for gradients: `tests/half.rs`.
    let untested: Vec<&str> = classes.filter(|c| !tested(c) && *c != "LossScaleOptimizer").collect();
    assert!(untested.is_empty(), "classes without a case: {untested:?}");
}

/// The second step on each device, against the definition.
#[test]
fn devices_agree() {
    let file = file();
    let of_shapes = ["Lamb", "Adafactor", "Muon", "MultiOptimizer"];
    let (mut seen, devices) = (BTreeMap::new(), devices());
    for (i, case) in file["cases"].as_array().expect("cases").iter().enumerate() {
        // Some of each class, more of those that look at whole parameters.
        let count = seen.entry(case["class"].to_string()).or_insert(0);
        *count += 1;
        if *count > 1
            && i % if of_shapes.contains(&case["class"].as_str().expect("a class")) { 2 } else { 6 } != 0
        {
            continue;
        }
        let what = format!("{} {} {}", case["library"], case["class"], case["args"]);
        let mut setup = Setup::of(&file, case);
        let given = setup.given(&file, 0);
        let ran = oracle::run(&setup.graph, &given);
        for (variable, edge) in &setup.graph.assigns {
            // As a device holds them.
            let values = value(&ran, *edge).iter().map(|v| f64::from(*v as f32)).collect();
            setup.values.insert(variable.id(), values);
        }
        let given = setup.given(&file, 1);
        let ran = oracle::run(&setup.graph, &given);
        for device in &devices {
            let block = pollster::block_on::<Reading>;
            let on = run_once(device.backend().as_ref(), &setup.graph, &[], &given, block)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            for (variable, edge) in &setup.graph.assigns {
                let place = format!("{what} on {device}: {}", variable.name());
                close(&on.variables[&variable.id()], value(&ran, *edge), 3e-5, &place);
            }
        }
    }
}

/// Weights after `fit`, which are averages where the optimizer keeps such, and after them the evaluation; a frozen layer stays.
#[test]
fn fits_equal_keras() {
    let file = file();
    let fits = &file["fits"];
    let array = |values: &Value, shape: &[usize]| {
        let values = numbers(values).into_iter().map(|v| v as f32).collect();
        ndarray::ArrayD::from_shape_vec(shape, values).expect("as many as its shape has")
    };
    let (x, y) = (array(&fits["x"], &[10, 4]), array(&fits["y"], &[10, 2]));
    let shapes: [&[usize]; 4] = [&[4, 3], &[3], &[3, 2], &[2]];
    let start: Vec<_> = shapes.iter().enumerate().map(|(i, s)| array(&fits["start"][i], s)).collect();
    for device in devices() {
        for case in fits["cases"].as_array().expect("cases") {
            let what = format!("{} {} {} on {device}", case["library"], case["class"], case["args"]);
            let layers = (
                Dense::new(3).activation("tanh").input_shape([4]).name("hidden"),
                Dense::new(2).name("head"),
            );
            let mut model = Sequential::new(layers).expect("fits");
            model.to(&device).expect("moves");
            model.layers().iter().for_each(|layer| layer.set_keras2(case["library"] == "tf_keras"));
            model.set_weights(&start).expect("as many");
            if case["frozen"] == true {
                model.get_layer("hidden").expect("is there").set_trainable(false);
            }
            let optimizer = json!({"class_name": case["class"], "config": case["args"]});
            let nothing = Value::Null;
            model.compile_config(&optimizer, &json!("mse"), &nothing, &nothing, &nothing).expect("known");
            let fit = model.fit(&x, &y).batch_size(4).epochs(2).shuffle(false).verbose(0);
            let history = fit.validation_data(&x, &y).run().unwrap_or_else(|e| panic!("{what}: {e}"));
            for (name, key) in [("loss", "losses"), ("val_loss", "validation")] {
                let got: Vec<f64> = history.get(name).expect("is there").to_vec();
                close(&got, &numbers(&case[key]), 2e-5, &format!("{what}: {name}"));
            }
            for (i, got) in model.get_weights().expect("reads").iter().enumerate() {
                let got: Vec<f64> = got.iter().map(|v| f64::from(*v)).collect();
                close(&got, &numbers(&case["weights"][i]), 2e-5, &format!("{what}: weight {i}"));
            }
            let evaluation = model.evaluate(&x, &y).verbose(0).run().expect("evaluates").loss();
            close(&[evaluation], &[case["evaluation"].as_f64().expect("a number")], 2e-5, &what);
        }
    }
}

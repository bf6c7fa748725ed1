//! Layers that prepare images, and what those that are random do in training: the means of many draws are Keras' (augment.py,
//! colours.py), and the draws are the same
//! ones on every device, whatever the number of threads.

use rhyton_engine::device::once::run_steps;
use rhyton_engine::device::{Backend, Device};
use rhyton_engine::graph::{CallContext, Edge, Graph, LayerRef, Reading, Shape, Tensor, TensorType, trace};
use rhyton_engine::layers as k;
use rhyton_engine::models::registry;
use rhyton_engine::oracle::{self, Given, value};
use serde_json::Value;

use crate::common::{data, devices, numbers, shape};

/// Returns what the constructors give, in the order of images.py.
pub fn made() -> Vec<LayerRef> {
    vec![
        k::Resizing::new(4, 5).into(),
        k::Resizing::new(4, 5)
            .interpolation("lanczos3")
            .pad_to_aspect_ratio(true)
            .fill_value(0.5)
            .antialias(true)
            .data_format("channels_first")
            .into(),
        k::Resizing::new(3, 3).crop_to_aspect_ratio(true).into(),
        k::CenterCrop::new(4, 5).into(),
        k::CenterCrop::new(4, 5).data_format("channels_first").bounding_box_format("xyxy".to_owned()).into(),
        k::RandomFlip::new().into(),
        k::RandomFlip::new().mode("vertical").seed(3).data_format("channels_first").into(),
        k::RandomCrop::new(4, 5).seed(3).into(),
        k::RandomTranslation::new(0.1, (-0.2, 0.3)).into(),
        k::RandomTranslation::new(0.1, 0.2)
            .fill_mode("constant")
            .fill_value(0.5)
            .interpolation("nearest")
            .seed(3)
            .into(),
        k::RandomRotation::new(0.1).into(),
        k::RandomRotation::new([-0.2, 0.3])
            .fill_mode("wrap")
            .interpolation("nearest")
            .fill_value(0.5)
            .seed(3)
            .into(),
        k::RandomZoom::new(0.1).into(),
        k::RandomZoom::new((-0.1, 0.2)).width_factor((0.1, 0.3)).fill_mode("nearest").into(),
        k::RandomShear::new().into(),
        k::RandomShear::new().x_factor(0.1).y_factor((0.2, 0.3)).seed(3).into(),
        k::RandomPerspective::new().into(),
        k::RandomPerspective::new()
            .factor((0.2, 0.5))
            .scale(0.3)
            .interpolation("nearest")
            .fill_value(0.5)
            .into(),
        k::RandomElasticTransform::new().into(),
        k::RandomElasticTransform::new()
            .factor(0.5)
            .scale((0.2, 0.3))
            .fill_mode("constant")
            .fill_value(0.5)
            .value_range((0.0, 1.0))
            .seed(3)
            .into(),
        k::RandomHeight::new(0.1).into(),
        k::RandomWidth::new((-0.1, 0.2)).interpolation("nearest").seed(3).into(),
    ]
}

/// Pixels whose means are compared; as in augment.py.
const MOST: usize = 40;

fn cases() -> Vec<Value> {
    let colours = data(include_str!("../data/keras/colours.json"))["means"].take();
    let all = [data(include_str!("../data/keras/augment.json")), colours];
    all.iter().flat_map(|list| list.as_array().expect("cases").clone()).collect()
}

pub fn named(case: &Value) -> String {
    format!("{} {} {}", case["library"], case["class"], case["config"])
}

fn count(case: &Value, key: &str) -> usize {
    case[key].as_u64().expect("a number") as usize
}

/// The graph of a layer in training over a batch of a case's images, with these images.
pub fn traced(case: &Value, batch: usize) -> (Graph, Edge, Given) {
    let what = named(case);
    let class = case["class"].as_str().expect("a class");
    let layer = registry::layer(class, None, case["config"].as_object().expect("a config"));
    let layer = layer.unwrap_or_else(|e| panic!("{what}: {e}"));
    layer.set_keras2(case["library"] == "tf_keras");
    let (mut images, mut x) = (shape(&case["x"]["shape"]), numbers(&case["x"]["data"]));
    if images.len() == 3 {
        images.insert(0, batch);
        x = std::iter::repeat_n(x, batch).flatten().collect();
    }
    let built = Shape(images.iter().enumerate().map(|(i, n)| (i > 0).then_some(*n)).collect());
    layer.build(&registry::resolver(), &[built]).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (graph, y) = trace(|| {
        let x = Tensor::input(0, TensorType::f32(images.clone()));
        Ok(oracle::edge(layer.call(&[x], &CallContext::new(true))[0]))
    })
    .unwrap_or_else(|e| panic!("{what}: {e}"));
    (graph, y, Given { inputs: [(0, x)].into(), seed: [3, 5], counter: 1, ..Given::default() })
}

/// Runs so many steps on a device.
pub fn run(device: &dyn Backend, (graph, y, given): &(Graph, Edge, Given), steps: usize) -> Vec<Vec<f64>> {
    let mut all = Vec::new();
    let wait = pollster::block_on::<Reading>;
    run_steps(device, graph, &[*y], given, steps as u32, wait, |outputs| all.push(outputs[0].clone()))
        .expect("runs");
    all
}

/// Means over the batch of pixels, of their squares, and of products of two; as in augment.py.
fn features(y: &[f64], batch: usize) -> Vec<f64> {
    let count = y.len() / batch;
    let at: Vec<usize> = (0..count).step_by((count / MOST).max(1)).take(MOST).collect();
    let mean = |f: &dyn Fn(&[f64], usize) -> f64| -> Vec<f64> {
        at.iter().map(|i| y.chunks(count).map(|image| f(image, *i)).sum::<f64>() / batch as f64).collect()
    };
    let other = |i: usize| (i * 7 + 3) % count;
    [mean(&|y, i| y[i]), mean(&|y, i| y[i] * y[i]), mean(&|y, i| y[i] * y[other(i)])].concat()
}

/// In how many standard errors a mean may be off.
const ERRORS: f64 = 6.0;

fn compare(case: &Value, device: &Device) -> Result<(), String> {
    let (batch, runs) = (count(case, "batch"), count(case, "runs"));
    let traced = traced(case, batch);
    let ty = traced.0.edge_type(traced.1).shape.clone();
    if ty != shape(&case["y_shape"]) {
        return Err(format!("the shape is {ty:?}, Keras has {}", case["y_shape"]));
    }
    let all = run(device.backend().as_ref(), &traced, runs);
    let found: Vec<Vec<f64>> = all.iter().map(|y| features(y, batch)).collect();
    let (want, want_std) = (numbers(&case["mean"]), numbers(&case["std"]));
    for i in 0..want.len() {
        let mean = found.iter().map(|f| f[i]).sum::<f64>() / runs as f64;
        let variance = found.iter().map(|f| (f[i] - mean).powi(2)).sum::<f64>() / runs as f64;
        let error = ((variance + want_std[i].powi(2)) / runs as f64).sqrt();
        let allowed = ERRORS * error + 2e-5 * (1.0 + want[i].abs());
        if (mean - want[i]).abs() > allowed {
            let (kind, pixel) = (["pixel", "square", "product"][i * 3 / want.len()], i % (want.len() / 3));
            let errors = (mean - want[i]).abs() / error.max(1e-12);
            return Err(format!(
                "the mean of {kind} {pixel} is {mean}, Keras has {} ({errors:.1} errors)",
                want[i]
            ));
        }
    }
    let (low, high) = all.iter().flatten().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let [want_low, want_high] = ["low", "high"].map(|key| case[key].as_f64().expect("a number"));
    // Each has drawn as many numbers: neither goes much farther.
    let slack = 0.15 * (want_high - want_low) + 1e-4;
    if (low - want_low).abs() > slack || (high - want_high).abs() > slack {
        return Err(format!("from {low} to {high}, in Keras from {want_low} to {want_high}"));
    }
    Ok(())
}

#[test]
fn means_of_many_draws_are_keras() {
    let device = Device::cpu_threads(2).expect("a device");
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        wrong.extend(compare(case, &device).err().map(|e| format!("{}: {e}", named(case))));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Each class at least has such a case, or numbers elsewhere.
#[test]
fn draws_are_the_same_on_every_device() {
    for case in cases() {
        let what = named(&case);
        let traced = traced(&case, 3);
        let values = oracle::run(&traced.0, &traced.2);
        let want = value(&values, traced.1);
        for device in devices() {
            let got = &run(device.backend().as_ref(), &traced, 1)[0];
            // A place that lies between two pixels goes to one or the other by a rounding.
            let far = |(g, w): (&f64, &f64)| (g - w).abs() > 2e-3 * (1.0 + w.abs());
            let off = got.iter().zip(want).filter(|pair| far(*pair)).count();
            assert!(off * 50 <= got.len(), "{what} on {device}: {off} of {} pixels differ", got.len());
        }
        let bits = |threads: usize| -> Vec<u64> {
            let device = Device::cpu_threads(threads).expect("a device");
            run(device.backend().as_ref(), &traced, 2).concat().iter().map(|v| v.to_bits()).collect()
        };
        let one = bits(1);
        assert!(bits(2) == one && bits(3) == one, "{what}: the bits depend on the threads");
    }
}

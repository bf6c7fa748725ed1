//! Epochs of a small convnet with BatchNormalization, whose last batch is smaller, as Keras 3 and Keras 2 train it; with layers frozen too.

use ndarray::{Array2, Array4};
use rhyton_engine::graph::LayerExt;
use rhyton_engine::layers::{
    AveragePooling2D, BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D, Padding, ReLU,
};
use rhyton_engine::optimizers::SGD;
use rhyton_engine::train::{Model, Sequential};

use crate::common::{close, data, devices, numbers};

fn network() -> Model {
    Sequential::new((
        Conv2D::new(3, 2).input_shape([6, 5, 2]),
        BatchNormalization::new().momentum(0.8),
        ReLU::new(),
        MaxPooling2D::new(2).strides(1).padding(Padding::Same),
        AveragePooling2D::new(2),
        Flatten::new(),
        BatchNormalization::new().momentum(0.6).epsilon(0.1),
        Dense::new(2),
    ))
    .expect("fits")
}

#[test]
fn epochs_equal_those_of_both_libraries() {
    let reference = data(include_str!("../data/keras/training.json"));
    let floats = |v: &serde_json::Value| numbers(v).into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let x = Array4::from_shape_vec((10, 6, 5, 2), floats(&reference["x"])).unwrap();
    let y = Array2::from_shape_vec((10, 2), floats(&reference["y"])).unwrap();
    for device in devices() {
        for case in reference["cases"].as_array().unwrap() {
            let what = format!("{} frozen {} on {device}", case["library"], case["frozen"]);
            let mut model = network();
            model.as_layer().set_keras2(case["library"] == "tf_keras");
            let mut weights = model.get_weights().unwrap();
            for (weight, start) in weights.iter_mut().zip(reference["start"].as_array().unwrap()) {
                weight.iter_mut().zip(floats(start)).for_each(|(w, s)| *w = s);
            }
            model.set_weights(&weights).unwrap();
            for i in case["frozen"].as_array().unwrap() {
                model.layers()[i.as_u64().unwrap() as usize].set_trainable(false);
            }
            model.to(&device).unwrap();
            model.compile(SGD::new().learning_rate(0.05), "mse", [] as [&str; 0]).expect("compiles");
            let history = model.fit(&x, &y).batch_size(4).epochs(3).shuffle(false).verbose(0).run().unwrap();
            close(history.get("loss").unwrap(), &numbers(&case["losses"]), 1e-5, &what);
            let logs = model.evaluate(&x, &y).batch_size(4).verbose(0).run().unwrap();
            close(&[logs.loss()], &[case["evaluation"].as_f64().unwrap()], 1e-5, &what);
            let doubles = |a: &ndarray::ArrayD<f32>| a.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let predictions = model.predict(&x).verbose(0).run().unwrap();
            close(&doubles(&predictions), &numbers(&case["predictions"]), 1e-5, &what);
            for (weight, want) in model.get_weights().unwrap().iter().zip(case["weights"].as_array().unwrap())
            {
                close(
                    &doubles(weight),
                    &numbers(&want["data"]),
                    1e-5,
                    &format!("{} of {what}", want["name"]),
                );
            }
        }
    }
}

//! What `compile` takes: objects, names, functions, lists.

use rhyton_engine::device::Device;
use rhyton_engine::graph::{LayerExt, LayerRef, Tensor};
use rhyton_engine::initializers::Constant;
use rhyton_engine::layers::{Dense, Reshape};
use rhyton_engine::losses::{IntoLoss, Loss, Losses, MeanSquaredError, SparseCategoricalCrossentropy};
use rhyton_engine::metrics::{
    IntoMetrics, MeanAbsoluteError, Metric, Metrics, Recall, SparseCategoricalAccuracy, Sum, per_output,
};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::schedules::ExponentialDecay;
use rhyton_engine::optimizers::{Adam, IntoOptimizer, SGD};
use rhyton_engine::train::{CompileOptions, Data, Sequential};
use serde_json::{Value, json};

use crate::common::close;

/// As `Model::compile` takes its arguments.
fn compile(
    optimizer: impl IntoOptimizer,
    loss: impl IntoLoss,
    metrics: impl IntoMetrics,
) -> (&'static str, Losses, Metrics) {
    let class = registry::optimizer(optimizer.into_optimizer()).unwrap().class_name();
    (class, loss.into_loss(), metrics.into_metrics())
}

fn fourth(t: Tensor, p: Tensor) -> Tensor {
    (t - p).square().square()
}

#[test]
fn every_way_of_saying_it() {
    let (optimizer, loss, metrics) = compile(
        Adam::new(),
        SparseCategoricalCrossentropy::new().from_logits(true),
        [SparseCategoricalAccuracy::new()],
    );
    assert_eq!((optimizer, &loss.spec()["config"]["from_logits"]), ("Adam", &json!(true)));
    assert_eq!(metrics.spec()[0]["class_name"], json!("SparseCategoricalAccuracy"));

    let (optimizer, loss, metrics) = compile("adam", "mse", ["accuracy"]);
    assert_eq!((optimizer, loss.spec()), ("Adam", json!("mse")));
    assert_eq!(metrics.spec(), json!(["accuracy"]));

    let (_, loss, metrics) = compile(SGD::new().momentum(0.9), fourth, (fourth, "mae", Recall::new()));
    assert_eq!(loss.spec(), json!("fourth"));
    assert_eq!(metrics.spec().as_array().unwrap().len(), 3);

    let decay = ExponentialDecay::new(0.1, 100.0, 0.9).unwrap().staircase(true);
    let (_, loss, metrics) =
        compile(Adam::new().learning_rate(decay), |t: Tensor, p: Tensor| (t - p).abs(), ());
    assert_eq!(loss.spec(), json!("<lambda>"));
    assert_eq!(metrics.spec(), Value::Null);

    let (_, loss, _) = compile("sgd", ("mse", SparseCategoricalCrossentropy::new()), "mae");
    assert_eq!(
        (&loss.spec()[0], &loss.spec()[1]["class_name"]),
        (&json!("mse"), &json!("SparseCategoricalCrossentropy"))
    );
    let (_, loss, _) = compile("sgd", vec![MeanSquaredError::new(); 3], vec![MeanAbsoluteError::new()]);
    assert_eq!(loss.spec().as_array().unwrap().len(), 3);
    let (_, loss, metrics) =
        compile("sgd", [("price", "mse"), ("kind", "ce")], [("kind", ["accuracy"]), ("price", ["mae"])]);
    assert_eq!(loss.spec(), json!({"price": "mse", "kind": "ce"}));
    assert_eq!(metrics.spec(), json!({"kind": ["accuracy"], "price": ["mae"]}));
    let (_, _, metrics) = compile("sgd", ["mse", "mae"], per_output([vec!["mae"], vec!["accuracy", "mse"]]));
    assert_eq!(metrics.spec(), json!([["mae"], ["accuracy", "mse"]]));
    let Metrics::PerOutput(lists) = Metrics::of(&metrics.spec()) else { panic!("lists were lost") };
    assert_eq!(lists.len(), 2);
}

fn squares(y_true: Tensor, y_pred: Tensor) -> Tensor {
    (y_true - y_pred).square()
}

/// A loss and a metric of the user's, as an object.
struct Squares;

impl Loss for Squares {
    fn spec(&self) -> serde_json::Value {
        "squares".into()
    }
    fn name(&self) -> String {
        "squares".into()
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        squares(y_true, y_pred)
    }
}

/// The same as a metric that has sums of its own.
struct Summed;

impl Metric for Summed {
    fn spec(&self) -> serde_json::Value {
        "summed".into()
    }
    fn name(&self) -> String {
        "summed".into()
    }
    fn size(&self) -> usize {
        1
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        squares(y_true, y_pred)
    }
    fn sums(&self, y_true: Tensor, y_pred: Tensor, _weight: Option<Tensor>) -> Vec<Sum> {
        vec![Sum::of(squares(y_true, y_pred))]
    }
    fn result(&self, sums: &[f64]) -> f64 {
        sums[0]
    }
}

/// Targets `[batch]` beside predictions `[batch, 1]`, or the other way round: tf_keras 2.21 gives these numbers for all of them, Keras 3.15
/// for loss functions (`y = [1, 2, 4]`, `Dense(1)` of halves; weights 1, 2, 0.5).
#[test]
fn functions_of_the_users_get_targets_and_predictions_of_one_rank() {
    registry::register_loss("Tests>squares", squares);
    registry::register_metric("Tests>registered", squares);
    let x = ndarray::array![[1.0_f32, 2.0], [3.0, -1.0], [0.5, 4.0]];
    let (flat, weights) = (ndarray::array![1.0_f32, 2.0, 4.0], ndarray::array![1.0_f32, 2.0, 0.5]);
    let column = flat.clone().insert_axis(ndarray::Axis(1));
    let whole = column.mapv(|v| v as i32);
    for drop_axis in [false, true] {
        for loss in 0..4 {
            let mut layers: Vec<LayerRef> =
                vec![Dense::new(1).kernel_initializer(Constant::new(0.5)).input_shape([2]).into()];
            if drop_axis {
                layers.push(Reshape::new(Vec::new()).into());
            }
            let mut model = Sequential::new(layers).unwrap();
            model.to(&Device::cpu().unwrap()).unwrap();
            let metrics = (squares, Summed, "registered");
            let options = CompileOptions::new().weighted_metrics(|t: Tensor, p: Tensor| squares(t, p));
            match loss {
                0 => model.compile_with("sgd", squares, metrics, options),
                1 => model.compile_with("sgd", |t: Tensor, p: Tensor| squares(t, p), metrics, options),
                2 => model.compile_with("sgd", Squares, metrics, options),
                _ => model.compile_with("sgd", "Tests>squares", metrics, options),
            }
            .unwrap();
            for (rank, y) in [Data::of(&flat), Data::of(&column), Data::of(&whole)].into_iter().enumerate() {
                let what = format!("loss {loss}, targets {rank}, {drop_axis}");
                let logs = model.evaluate(&x, y.clone()).verbose(0).run().unwrap();
                let numbers: Vec<f64> = logs.0.iter().map(|(_, v)| *v).collect();
                close(&numbers, &[1.4375, 1.4375, 4.3125, 1.4375, 1.4375], 1e-6, &what);
                let logs = model.evaluate(&x, y).sample_weight(&weights).verbose(0).run().unwrap();
                let numbers: Vec<f64> = logs.0.iter().map(|(_, v)| *v).collect();
                close(&numbers, &[1.260416667, 1.4375, 4.3125, 1.4375, 1.080357143], 1e-6, &what);
            }
        }
    }
}

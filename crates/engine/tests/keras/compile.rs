//! What `compile` takes: objects, names, functions, lists.

use rhyton_engine::graph::Tensor;
use rhyton_engine::losses::{IntoLoss, Losses, MeanSquaredError, SparseCategoricalCrossentropy};
use rhyton_engine::metrics::{
    IntoMetrics, MeanAbsoluteError, Metrics, Recall, SparseCategoricalAccuracy, per_output,
};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::schedules::ExponentialDecay;
use rhyton_engine::optimizers::{Adam, IntoOptimizer, SGD};
use serde_json::{Value, json};

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

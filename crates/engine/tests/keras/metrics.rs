//! Results of every metric over two steps, with and without weights.

use rhyton_engine::graph::{DType, Tensor};
use rhyton_engine::losses;
use rhyton_engine::metrics::{self, METRICS, Metric, MetricSpec, Sum};
use rhyton_engine::models::registry;
use serde_json::{Value, json};

use crate::common::{Input, close, data, numbers, run, shape};

/// A sum as one tensor.
fn total(sum: &Sum) -> Tensor {
    sum.tensor.map_or_else(|| Tensor::full(&[], sum.scale), |t| t.to_f32().sum(&[]) * sum.scale)
}

fn result(metric: &dyn Metric, case: &Value, weights: Option<&Value>) -> f64 {
    let (t_shape, y_shape) = (shape(&case["t_shape"]), shape(&case["y_shape"]));
    let mut sums = vec![0.0; metric.size()];
    for step in 0..2 {
        let (t, y) = (numbers(&case["data"][2 * step]), numbers(&case["data"][2 * step + 1]));
        let w = weights.map_or(vec![1.0; 4], |w| numbers(&w[step]));
        let dtype = if metric.takes_class_numbers() { DType::I32 } else { DType::F32 };
        let inputs = [
            Input { dtype, shape: t_shape.clone(), data: &t },
            Input::f32(&y_shape, &y),
            Input::f32(&[4], &w),
        ];
        let out =
            run(&inputs, |x| metric.sums(x[0], x[1], weights.map(|_| x[2])).iter().map(total).collect());
        for (sum, (_, value)) in sums.iter_mut().zip(out.unwrap_or_else(|e| panic!("{}: {e}", case["name"])))
        {
            *sum += value[0];
        }
    }
    metric.result(&sums)
}

#[test]
fn equal_keras() {
    let reference = data(include_str!("../data/keras/metrics.json"));
    for case in reference["cases"].as_array().unwrap() {
        let (name, args) = (case["name"].as_str().unwrap(), &case["args"]);
        let metric = metrics::builtin(name, args.as_object().unwrap()).unwrap().unwrap();
        let what = format!("{name} {args}");
        close(&[result(metric.as_ref(), case, None)], &[case["plain"].as_f64().unwrap()], 1e-6, &what);
        let weighted = result(metric.as_ref(), case, Some(&reference["weights"]));
        close(&[weighted], &[case["weighted"].as_f64().unwrap()], 1e-6, &format!("weighted {what}"));
    }
    let tested = |name: &str| reference["cases"].as_array().unwrap().iter().any(|c| c["name"] == name);
    let untested: Vec<&str> = METRICS.iter().map(|c| c.class).filter(|c| !tested(c)).collect();
    assert!(untested.is_empty(), "classes without a case: {untested:?}");
}

#[test]
fn accuracy_goes_by_the_shapes() {
    let named = |name: &str, t: &[usize], y: &[usize]| {
        registry::metric(&MetricSpec::Config(name.into()), t, y).unwrap()
    };
    let sparse = named("accuracy", &[32], &[32, 10]);
    assert!(sparse.takes_class_numbers());
    assert_eq!((sparse.name(), sparse.spec()), ("accuracy".into(), json!("accuracy")));
    assert_eq!(named("acc", &[32, 10], &[32, 10]).name(), "acc");
    assert_eq!(losses::kind_of_targets(&[32, 1], &[32, 1]), losses::TargetKind::Binary);
    assert_eq!(losses::kind_of_targets(&[32], &[32, 1]), losses::TargetKind::Binary);
    assert_eq!(losses::kind_of_targets(&[32, 5, 1], &[32, 5, 4]), losses::TargetKind::Sparse);
    assert_eq!(losses::kind_of_targets(&[32, 4], &[32, 4]), losses::TargetKind::Categorical);
    assert_eq!(named("mse", &[1, 2], &[1, 2]).name(), "mse");
    assert_eq!(
        named("sparse_top_k_categorical_accuracy", &[1], &[1, 2]).spec(),
        json!("sparse_top_k_categorical_accuracy")
    );
}

#[test]
fn what_is_not_supported_says_so() {
    let several = json!({"thresholds": [0.2, 0.5]});
    let error = metrics::builtin("Precision", several.as_object().unwrap()).err().unwrap().to_string();
    assert!(error.contains("[0.2,0.5]"), "{error}");
    let far = metrics::Recall::new().class_id(usize::MAX);
    let inputs = [Input::f32(&[1, 2], &[0.0, 1.0]), Input::f32(&[1, 2], &[0.0, 1.0])];
    let error = run(&inputs, |x| far.sums(x[0], x[1], None).iter().map(total).collect()).unwrap_err();
    assert!(error.to_string().contains("class_id"), "{error}");
    let error =
        registry::metric(&MetricSpec::Config("nonsense".into()), &[1], &[1]).err().unwrap().to_string();
    assert!(error.contains("nonsense") && error.contains("register_metric"), "{error}");
}

/// Counting in whole numbers, as Keras does for a metric of an integer type, is another number.
#[test]
fn types_of_metrics() {
    for (class, more) in [("Accuracy", json!({})), ("MeanSquaredError", json!({})), ("Precision", json!({}))]
    {
        let of = |dtype: Value| {
            let mut config = more.clone();
            config["dtype"] = dtype;
            let config = json!({"module": "keras.metrics", "class_name": class, "config": config});
            registry::metric(&MetricSpec::Config(config), &[4, 2], &[4, 2]).map(drop)
        };
        for dtype in ["int32", "uint8", "bool"] {
            let policy = json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}});
            for given in [json!(dtype), policy] {
                let error = of(given).expect_err("an integer type").to_string();
                assert!(error.contains("dtype") && error.contains(dtype), "{error}");
            }
        }
        for dtype in [json!("float32"), json!("float64"), Value::Null] {
            of(dtype).expect("a float");
        }
    }
}

//! What is refused is named by its key: settings that are not supported, values of a wrong type. And what random layers do with their keys.

use rhyton_engine::graph::{Resolver, Shape};
use rhyton_engine::losses::LossSpec;
use rhyton_engine::metrics::{MetricSpec, Metrics};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::{OptimizerSpec, SGD};
use rhyton_engine::train::{Apply, Model, Sequential, input, input_type};
use serde_json::{Map, Value, json};

use super::layers::list;
use super::training::any_loss;
use super::{File, config, table, text};

/// Returns what a class needs besides.
fn required(class: &str) -> Value {
    match class {
        "Dense" => json!({"units": 3}),
        "Dropout" | "GaussianDropout" | "AlphaDropout" => json!({"rate": 0.5}),
        "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D" => json!({"rate": 0.5}),
        "Embedding" => json!({"input_dim": 5, "output_dim": 3}),
        "SimpleRNN" | "LSTM" | "GRU" | "SimpleRNNCell" | "LSTMCell" | "GRUCell" => json!({"units": 3}),
        "DepthwiseConv1D" | "DepthwiseConv2D" => json!({"kernel_size": 2}),
        _ if class.contains("Conv") || class.contains("LocallyConnected") => {
            json!({"filters": 3, "kernel_size": 2})
        }
        "Dot" => json!({"axes": 1}),
        "Resizing" | "CenterCrop" | "RandomCrop" => json!({"height": 3, "width": 4}),
        "RandomTranslation" => json!({"height_factor": 0.1, "width_factor": 0.1}),
        "RandomZoom" => json!({"height_factor": 0.1}),
        "RandomRotation"
        | "RandomHeight"
        | "RandomWidth"
        | "RandomBrightness"
        | "RandomContrast"
        | "RandomSaturation"
        | "RandomHue"
        | "RandomColorDegeneration"
        | "RandomSharpness" => {
            json!({"factor": 0.1})
        }
        "Pipeline" => json!({"layers": []}),
        "MaxNumBoundingBoxes" => json!({"max_number": 3}),
        "RandomPosterization" => json!({"factor": 3}),
        "GroupNormalization" => json!({"groups": 2}),
        "Discretization" => json!({"bin_boundaries": [0.5]}),
        "CategoryEncoding" => json!({"num_tokens": 3}),
        "Hashing" | "HashedCrossing" => json!({"num_bins": 3}),
        "EinsumDense" => json!({"equation": "...x,xy->...y", "output_shape": 3}),
        "MultiHeadAttention" => json!({"num_heads": 2, "key_dim": 3}),
        "GroupedQueryAttention" => json!({"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
        "SpectralNormalization" => json!({"layer": {"class_name": "Dense", "config": {"units": 3}}}),
        "ReversibleEmbedding" => json!({"input_dim": 5, "output_dim": 3}),
        "Lambda" => json!({"function": "tanh"}),
        "LayerScale" => json!({"init_values": 0.5, "projection_dim": 4}),
        "StochasticDepth" => json!({"drop_path_rate": 0.5}),
        "CustomScaleLayer" => json!({"scale": 0.5}),
        "RNN" => json!({"cell": {"class_name": "GRUCell", "config": {"units": 3}}}),
        _ => json!({}),
    }
}

/// Makes an object as the registry does; a layer is built, and traced by predicting, as some settings are looked at then.
fn make(group: &str, class: &str, config: &Map<String, Value>) -> Result<(), String> {
    let object = json!({"class_name": class, "config": config});
    let told = |e: rhyton_engine::Error| e.to_string();
    match group {
        "layers" => {
            let layer = registry::layer(class, None, config).map_err(told)?;
            let axes: &[usize] = match class {
                "Embedding" => &[3],
                "SimpleRNN" | "LSTM" | "GRU" | "RNN" | "Bidirectional" => &[3, 4],
                _ if class.ends_with("Attention") || class.contains("1D") => &[6, 4],
                _ if class.contains("3D") => &[4, 3, 5, 2],
                "EinsumDense" => &[3, 4],
                "STFTSpectrogram" => &[300, 2],
                "SimpleRNNCell" | "LSTMCell" | "GRUCell" | "StackedRNNCells" => &[4],
                _ => &[3, 5, 4],
            };
            let input = Shape([&[None], &axes.iter().copied().map(Some).collect::<Vec<_>>()[..]].concat());
            let inputs = vec![input; if class.ends_with("Attention") || class == "Dot" { 2 } else { 1 }];
            layer.build(&registry::resolver(), &inputs).map_err(told)
        }
        "losses" | "metrics" => {
            let (x, t) = (ndarray::Array3::<f32>::ones((2, 3, 4)), ndarray::Array2::<i32>::ones((2, 3)));
            let mut model =
                Sequential::new(vec![registry::layer("Identity", None, &Map::new()).map_err(told)?])
                    .map_err(told)?;
            if group == "losses" {
                model
                    .compile_config(&json!("sgd"), &object, &Value::Null, &Value::Null, &Value::Null)
                    .map_err(told)?;
            } else {
                let metrics = Metrics::Flat(vec![MetricSpec::Config(object)]);
                model.compile(SGD::new(), any_loss, metrics).map_err(told)?;
            }
            model.evaluate(&x, &t).verbose(0).run().map(drop).map_err(told)
        }
        "optimizers" => registry::optimizer(OptimizerSpec::Config(object)).map(drop).map_err(told),
        "schedules" => registry::schedule(&object).map(drop).map_err(told),
        "constraints" => registry::resolver().constraint(&object).map(drop).map_err(told),
        "initializers" => registry::resolver().initializer(&object).map(drop).map_err(told),
        _ => registry::resolver().regularizer(&object).map(drop).map_err(told),
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let mut wrong = Vec::new();
    let all = table::classes();
    for (group, class, key, value) in table::REFUSED {
        let classes = &all.iter().find(|(g, _)| g == group).expect("a group").1;
        for class in classes.iter().filter(|c| *class == "*" || c == class) {
            let mut config = required(class).as_object().expect("an object").clone();
            config.insert((*key).into(), serde_json::from_str(value).expect("JSON"));
            match make(group, class, &config) {
                Err(error) if error.contains(key) => {}
                other => wrong.push(format!("{group}/{class}: {key} = {value}: {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Values that a key cannot have, given those that it has.
fn unfit(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(_) => vec![json!("yes"), json!(2), json!([true])],
        Value::Number(_) => vec![json!("much"), json!(true), json!({"a": 1}), json!("NaN")],
        Value::String(_) => vec![json!("nonsense"), json!(7), json!(true)],
        Value::Array(list) if list.iter().all(Value::is_number) => {
            vec![json!("much"), json!(["a", "b"]), json!({"a": 1})]
        }
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_array) => {
            vec![json!("much"), json!(["a", "b"]), json!({"a": 1}), json!([[1, 2, 3], [4]])]
        }
        _ => vec![json!("nonsense"), json!(7), json!([1])],
    }
}

/// For every key of every case: values of other types are refused, and the error has the key.
#[test]
fn wrong_types_are_named() {
    let mut wrong = Vec::new();
    for group in [
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "schedules",
        "regularizers",
        "constraints",
        "initializers",
    ] {
        let (file, preparing) = (File::of(group), super::preparing(group));
        let mut seen = Vec::new();
        for case in file.cases().iter().chain(&preparing) {
            let class = text(&case["class"]);
            for (key, value) in config(case) {
                // Null is a word of its own; a name, a seed and how a step is compiled change no number.
                if ["name", "seed", "jit_compile"].contains(&key.as_str())
                    || value.is_null()
                    || seen.contains(&(class, key))
                {
                    continue;
                }
                seen.push((class, key));
                // These may be any words.
                let words = ["mask_value", "mask_token", "oov_token", "encoding"].contains(&key.as_str());
                for unfit in unfit(value).into_iter().filter(|unfit| !(words && unfit.is_string())) {
                    let mut other = config(case).clone();
                    other.insert(key.clone(), unfit.clone());
                    match make(group, class, &other) {
                        Err(error) if error.contains(key.as_str()) || error.contains("nonsense") => {}
                        other => wrong.push(format!("{group}/{class}: {key} = {unfit}: {other:?}")),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// No class takes a key that it does not know.
#[test]
fn unknown_keys_are_named() {
    for (group, classes) in table::classes() {
        for class in classes.iter().filter(|_| group != "activations") {
            let file = File::of(group);
            let case = file.cases().iter().find(|c| c["class"] == **class);
            let mut own = case.map_or_else(
                || required(class).as_object().cloned().unwrap_or_default(),
                |c| config(c).clone(),
            );
            if class == "InputLayer" {
                own.insert("batch_shape".into(), json!([null, 4]));
            }
            own.insert("stiffness".into(), json!(3));
            let error = make(group, class, &own).err().unwrap_or_default();
            let required = class == "GaussianNoise" && error.contains("stddev");
            assert!(error.contains("stiffness") || required, "{group}/{class}: {error}");
        }
    }
}

/// Keras 2 repeats the class of a loss as its function; another function is another loss.
#[test]
fn functions_of_losses() {
    let loss = |function: &str| {
        let config = json!({"class_name": "MeanSquaredError", "config": {"reduction": "auto", "name": "m", "fn": function}});
        registry::loss(&LossSpec::Config(config), &[2, 3], &[2, 3]).map(|l| l.map(|l| l.name()))
    };
    assert_eq!(loss("mean_squared_error").expect("its own"), Some("m".into()));
    assert!(loss("mean_absolute_error").expect_err("another").to_string().contains("fn"));
    let by_name = LossSpec::Config(json!({"class_name": "mse", "config": {"delta": 2.0}}));
    let error = registry::loss(&by_name, &[2, 3], &[2, 3]).err().expect("functions have no config");
    assert!(error.to_string().contains("delta"), "{error}");
    let several =
        MetricSpec::Config(json!({"class_name": "Precision", "config": {"thresholds": [0.2, 0.5]}}));
    let error = registry::metric(&several, &[2, 3], &[2, 3]).err().expect("a metric is one number");
    assert!(error.to_string().contains("thresholds"), "{error}");
}

/// The batch of an input may be fixed, under either library's name of the key.
#[test]
fn inputs_of_a_fixed_batch() {
    for key in ["batch_shape", "batch_input_shape"] {
        let own = json!({key: [2, 3, null]});
        let layer =
            registry::layer("InputLayer", None, own.as_object().expect("an object")).expect("an input");
        assert_eq!(input_type(&layer).expect("an input").0, Shape(vec![Some(2), Some(3), None]));
    }
    let own = json!({"input_dim": 5, "output_dim": 3, "batch_input_shape": [null, 7], "input_length": 7});
    let layer = registry::layer("Embedding", None, own.as_object().expect("an object")).expect("known");
    let model = Sequential::new(vec![layer]).expect("fits");
    assert!(model.is_built());
}

/// Trains nothing, and gives what a random layer makes of ones in training: through a loss that is the square of the output, the gradient of
/// an offset in front of the layer tells the factor of every element.
fn factors(class: &str, config: &Value) -> Vec<f32> {
    let shape = (64, 8, 6);
    let bias = json!({"alpha_initializer": {"class_name": "Constant", "config": {"value": 1.0}}});
    let front = registry::layer("PReLU", None, bias.as_object().expect("an object")).expect("known");
    let layer = registry::layer(class, None, config.as_object().expect("an object")).expect("known");
    let mut model: Model = Sequential::new(vec![front, layer]).expect("fits");
    let x = -ndarray::Array3::<f32>::ones(shape);
    model.build(&[None, Some(shape.1), Some(shape.2)]).expect("fits");
    // The loss is the mean output, so that alpha's gradient is the mean factor of its place over the batch.
    let loss = |_: rhyton_engine::graph::Tensor, y: rhyton_engine::graph::Tensor| y.mean(&[1, 2]);
    model.compile(SGD::new().learning_rate(1.0), loss, ()).expect("compiles");
    model.train_on_batch(&x, &x).expect("trains");
    // d mean(y) / d alpha = -factor / elements, so alpha grows by the mean factor / places.
    let places = (shape.1 * shape.2) as f32;
    model.get_weights().expect("readable")[0].iter().map(|a| (a - 1.0) * places).collect()
}

/// Checks dropout of inputs and of states. With ones for inputs and weights and without activations, what a layer gives is a sum of as many
/// factors as there are inputs (states), which are 0 or 1 / (1 - rate).
#[test]
fn dropout_of_recurrent_layers() {
    let (rate, n) = (0.25_f32, 8);
    let ones = json!({"class_name": "Ones", "config": {}});
    for class in [
        "SimpleRNN",
        "LSTM",
        "GRU",
        "SimpleRNNCell",
        "LSTMCell",
        "GRUCell",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
    ] {
        for key in ["dropout", "recurrent_dropout"] {
            let mut own = json!({"units": 1, "use_bias": false, "activation": "linear",
                "kernel_initializer": ones, "recurrent_initializer": ones});
            own[key] = json!(rate);
            // Pictures of one pixel.
            let axes = class.strip_prefix("ConvLSTM").map_or(0, |n| n[..1].parse().expect("a number"));
            if axes > 0 {
                own["filters"] = own.as_object_mut().expect("an object").remove("units").expect("units");
                own["kernel_size"] = json!(1);
            }
            let layer = registry::layer(class, None, own.as_object().expect("an object")).expect("known");
            let alone = class.ends_with("Cell");
            let states = if class == "LSTMCell" { 2 } else { usize::from(alone) };
            let pixel = vec![1; axes];
            let step = [pixel.clone(), vec![n]].concat();
            let first = if alone { step } else { [vec![2], step].concat() };
            let mut inputs = vec![input(first.clone())];
            inputs.extend((0..states).map(|_| input([1])));
            let y = layer.on(inputs.clone());
            let mut model = Model::new(inputs, y).expect("fits");
            let examples = 400;
            let given: Vec<ndarray::ArrayD<f32>> = std::iter::once([vec![examples], first].concat())
                .chain((0..states).map(|_| vec![examples, 1]))
                .map(|shape| ndarray::ArrayD::from_elem(shape, 0.25))
                .collect();
            let target = ndarray::ArrayD::<f32>::zeros([vec![examples], pixel, vec![1]].concat());
            let plain = model.predict(list(&given)).verbose(0).run().expect("predicts");
            let first = plain.iter().copied().next().expect("an example");
            // The loss of training is the mean difference from the output without dropout, or that of its square.
            let mut trained = |square: bool| {
                let loss = move |_: rhyton_engine::graph::Tensor, y: rhyton_engine::graph::Tensor| {
                    let y = y - f64::from(first);
                    (if square { y.square() } else { y }).mean(&(1..y.rank() as isize).collect::<Vec<_>>())
                };
                model.compile(SGD::new().learning_rate(0.0), loss, ()).expect("compiles");
                model.train_on_batch(list(&given), &target).expect("trains").loss() as f32
            };
            let (mean, variance) = (trained(false), trained(true));
            assert!(variance > 1e-6, "{class}, {key}: nothing is drawn: {mean}, {variance}");
            if class.starts_with("Simple") {
                // Sums are linear in the factors, whose mean is 1 and whose variance is rate / (1 - rate).
                let factor = rate / (1.0 - rate);
                let (sum, h) = (0.25 * n as f32, 0.25);
                let wanted = match (key, alone) {
                    ("dropout", true) => 0.0625 * n as f32 * factor,
                    ("dropout", false) => 4.0 * 0.0625 * n as f32 * factor,
                    (_, true) => h * h * factor,
                    (_, false) => sum * sum * factor,
                };
                assert!(
                    (0.7..1.4).contains(&(variance / wanted)),
                    "{class}, {key}: variance {variance}, not {wanted}"
                );
                assert!(mean.abs() < 5.0 * (wanted / examples as f32).sqrt(), "{class}, {key}: mean {mean}");
            }
        }
    }
}

/// Checks dropout of attention. With values of one, what a layer gives without dropout is 1, and with it the sum of weights times factors that are 0
/// or 1 / (1 - rate): with equal weights of n places its variance is rate / (1 - rate) / n.
#[test]
fn dropout_of_attention() {
    let (n, examples) = (8, 20_000);
    let ones = json!({"class_name": "Ones", "config": {}});
    for class in ["Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention"] {
        for rate in [0.2_f32, 0.6] {
            let mut own = json!({"dropout": rate});
            if class == "MultiHeadAttention" {
                own = json!({"dropout": rate, "num_heads": 1, "key_dim": 1, "kernel_initializer": ones});
            }
            if class == "GroupedQueryAttention" {
                own = json!({"dropout": rate, "head_dim": 1, "num_query_heads": 1, "num_key_value_heads": 1, "kernel_initializer": ones});
            }
            let layer = registry::layer(class, None, own.as_object().expect("an object")).expect("known");
            let inputs = vec![input([1, 1]), input([n, 1])];
            let y = layer.on(inputs.clone());
            let mut model = Model::new(inputs, y).expect("fits");
            let given = [vec![examples, 1, 1], vec![examples, n, 1]]
                .map(|shape| ndarray::ArrayD::<f32>::from_elem(shape, 1.0));
            let plain = model.predict(list(&given)).verbose(0).run().expect("predicts");
            assert!(plain.iter().all(|y| (y - 1.0).abs() < 1e-5), "{class}: {plain}");
            let target = ndarray::Array3::<f32>::zeros((examples, 1, 1));
            let mut trained = |square: bool| {
                let loss = move |_: rhyton_engine::graph::Tensor, y: rhyton_engine::graph::Tensor| {
                    let y = if square { y.square() } else { y };
                    y.mean(&[1, 2])
                };
                model.compile(SGD::new().learning_rate(0.0), loss, ()).expect("compiles");
                model.train_on_batch(list(&given), &target).expect("trains").loss() as f32
            };
            let (mean, square) = (trained(false), trained(true));
            let wanted = rate / (1.0 - rate) / n as f32;
            // The mean of the square is the variance, and 1.
            let got = square - 1.0;
            let spread = (wanted / examples as f32).sqrt();
            assert!((mean - 1.0).abs() < 5.0 * spread, "{class} {rate}: mean {mean}");
            assert!((got - wanted).abs() < 10.0 * spread, "{class} {rate}: variance {got}, not {wanted}");
        }
    }
}

#[test]
fn random_layers() {
    let moments = |factors: &[f32]| {
        let n = factors.len() as f32;
        let mean = factors.iter().sum::<f32>() / n;
        (mean, factors.iter().map(|f| (f - mean).powi(2)).sum::<f32>() / n)
    };
    // Means over 64 examples: the variance of a factor is rate / (1 - rate).
    for (class, rate) in
        [("Dropout", 0.2_f32), ("Dropout", 0.7), ("GaussianDropout", 0.2), ("GaussianDropout", 0.7)]
    {
        let (mean, variance) = moments(&factors(class, &json!({"rate": rate})));
        let wanted = rate / (1.0 - rate) / 64.0;
        assert!((mean - 1.0).abs() < 5.0 * (wanted / 48.0).sqrt(), "{class} {rate}: mean {mean}");
        assert!(
            (0.4..2.2).contains(&(variance / wanted)),
            "{class} {rate}: variance {variance}, not {wanted}"
        );
    }
    let (mean, variance) = moments(&factors("GaussianNoise", &json!({"stddev": 0.5})));
    assert!((mean - 1.0).abs() < 1e-4 && variance < 1e-6, "noise is added: {mean}, {variance}");
    // One draw for all places of an axis of length 1.
    let shared = factors("Dropout", &json!({"rate": 0.5, "noise_shape": [null, 1, 6]}));
    assert!((0..6).all(|i| (1..8).all(|j| (shared[j * 6 + i] - shared[i]).abs() < 1e-4)), "{shared:?}");
    assert!((1..6).any(|i| (shared[i] - shared[0]).abs() > 1e-3), "{shared:?}");
    let all = factors("Dropout", &json!({"rate": 0.5, "noise_shape": [1, 8, 6]}));
    assert!(all.iter().all(|f| f.abs() < 1e-3 || (f - 2.0).abs() < 1e-3), "one draw for the batch: {all:?}");
}

//! Integer inputs: layer by layer as Keras 3 and tf_keras have them, on both devices; casts of data to a model's inputs.

use std::sync::LazyLock;

use ndarray::{Array, ArrayD, IxDyn};
use rhyton_engine::Error;
use rhyton_engine::device::Device;
use rhyton_engine::graph::{DType, Integer, LayerExt, LayerRef};
use rhyton_engine::layers::{Dense, Dropout, Flatten, InputLayer, LAYERS, Rescaling};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::SGD;
use rhyton_engine::train::{Apply, Data, Model, Sequential, input_symbol};
use serde_json::{Value, json};

use crate::common::{close, data, devices, numbers, shape};

static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(devices);

fn dtype(name: &str) -> DType {
    Integer::named(name).map_or(DType::F32, DType::Whole)
}

fn of<T: Copy>(shape: &[usize], values: &[f64], as_type: fn(f64) -> T) -> ArrayD<T> {
    Array::from_shape_vec(IxDyn(shape), values.iter().map(|v| as_type(*v)).collect()).expect("as many")
}

/// An array of the type of this name.
fn array(dtype: &str, shape: &[usize], values: &[f64]) -> Data<'static> {
    match dtype {
        "bool" => Data::of(&of(shape, values, |v| v != 0.0)).into_owned(),
        "uint8" => Data::of(&of(shape, values, |v| v as u8)).into_owned(),
        "int8" => Data::of(&of(shape, values, |v| v as i8)).into_owned(),
        "int32" => Data::of(&of(shape, values, |v| v as i32)).into_owned(),
        "int64" => Data::of(&of(shape, values, |v| v as i64)).into_owned(),
        "float64" => Data::of(&of(shape, values, |v| v)).into_owned(),
        _ => Data::of(&of(shape, values, |v| v as f32)).into_owned(),
    }
}

/// A model of one layer between inputs of a case's types.
fn model(case: &Value) -> Result<Model, Error> {
    let class = case["class"].as_str().expect("a name");
    let layer = registry::layer(class, None, case["config"].as_object().expect("a config"))?;
    let input = |x: &Value| {
        let axes: Vec<Option<usize>> = shape(&x["shape"])[1..].iter().map(|n| Some(*n)).collect();
        input_symbol(InputLayer::of(&axes, dtype(x["dtype"].as_str().expect("a name"))))
    };
    layer.set_keras2(case["library"] == "tf_keras");
    let inputs: Vec<_> = case["x"].as_array().expect("inputs").iter().map(input).collect();
    let output = layer.on(inputs.clone());
    Model::new(inputs, output)
}

fn predicted(case: &Value, device: &Device) -> Result<(DType, Vec<usize>, Vec<f64>), Error> {
    let mut model = model(case)?;
    model.to(device)?;
    let weight = |w: &Value| of(&shape(&w["shape"]), &numbers(&w["data"]), |v| v as f32);
    let weights: Vec<ArrayD<f32>> = case["weights"].as_array().expect("weights").iter().map(weight).collect();
    model.set_weights(&weights)?;
    let x = case["x"].as_array().expect("inputs").iter();
    let x = x.map(|x| array(x["dtype"].as_str().expect("a name"), &shape(&x["shape"]), &numbers(&x["data"])));
    let y = model.predict(x.collect::<Vec<_>>()).verbose(0).run()?;
    let dtype = model.network(|n| n.symbol_type(n.outputs[0]).1)?;
    Ok((dtype, y.shape().to_vec(), y.iter().map(|v| f64::from(*v)).collect()))
}

/// Every layer has Keras' numbers in Keras' type, or an error that names it. Where the library refuses, floats are as right.
#[test]
fn every_layer_as_keras_or_an_error() {
    let first = data(include_str!("../data/keras/integers.json"));
    let [families, images, colours, signals] = [
        include_str!("../data/keras/families.json"),
        include_str!("../data/keras/images.json"),
        include_str!("../data/keras/colours.json"),
        include_str!("../data/keras/signals.json"),
    ]
    .map(data);
    let more = [&families, &images, &colours, &signals]
        .into_iter()
        .flat_map(|file| file["integers"].as_array().expect("cases"));
    let all = first.as_array().expect("cases").iter().chain(more);
    let cases: Vec<&Value> = all.collect();
    // Those of layers that prepare numbers are compared in preprocessing.rs.
    let preparing = data(include_str!("../data/keras/preprocessing.json"));
    let preparing = preparing.as_array().expect("cases");
    for class in LAYERS.iter().filter(|c| c.name != "InputLayer") {
        for library in ["keras3", "tf_keras"] {
            let has = cases
                .iter()
                .copied()
                .chain(preparing)
                .any(|c| c["class"] == class.name && c["library"] == library);
            let only_in_keras3 = class.name.starts_with("Adaptive") || class.name == "RMSNormalization";
            let without = |list: &Value| list.as_array().is_some_and(|l| l.iter().any(|n| n == class.name));
            let elsewhere = class.name == "Identity"
                || only_in_keras3 && library == "tf_keras"
                || [&images, &colours, &signals].iter().any(|file| without(&file["without"][library]));
            assert!(has || elsewhere, "{}: a case of {library} in integers.py", class.name);
        }
    }
    let mut right = 0;
    for case in &cases {
        let what = format!("{} {} {} of {}", case["library"], case["class"], case["config"], case["x"]);
        for device in DEVICES.iter() {
            match predicted(case, device) {
                Ok((dtype, shape_, y)) => {
                    right += 1;
                    assert_eq!(shape_, shape(&case["shape"]), "{what}");
                    close(&y, &numbers(&case["y"]), 3e-6, &what);
                    // Floats of 8 bytes are floats here.
                    let wanted = case["dtype"].as_str().expect("a name");
                    let wanted = if wanted.starts_with("float") { "float32" } else { wanted };
                    assert!(
                        dtype.name() == wanted || case["refused"] == true,
                        "{what}: {} is not {wanted}",
                        dtype.name()
                    );
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        error.contains("layer ") && error.contains("integers")
                            || error.contains("takes numbers"),
                        "{what}: {error}"
                    );
                }
            }
        }
    }
    assert!(
        right * 4 > cases.len() * DEVICES.len() * 3,
        "only {right} of {} are right",
        cases.len() * DEVICES.len()
    );
}

/// Checks casts of data that are not of an input's type against Keras 3.15.
#[test]
fn data_are_cast_as_keras_casts_them() {
    let nan = f64::NAN;
    // Type of the input, type and values of the data, and what Keras makes of them, if anything.
    type Case<'a> = (&'a str, &'a str, &'a [f64], Option<&'a [f64]>);
    let cases: &[Case] = &[
        ("int32", "float32", &[1.7, -1.7, 0.5, 0.0], Some(&[1.0, -1.0, 0.0, 0.0])),
        ("int32", "bool", &[1.0, 0.0, 1.0, 1.0], Some(&[1.0, 0.0, 1.0, 1.0])),
        ("int32", "uint8", &[200.0, 255.0, 1.0, 0.0], Some(&[200.0, 255.0, 1.0, 0.0])),
        ("int32", "float64", &[3e9, 0.0, 0.0, 0.0], None),
        ("int32", "float32", &[nan, 0.0, 0.0, 0.0], None),
        ("int32", "int64", &[2_147_483_653.0, 0.0, 0.0, 0.0], None),
        // Exact as a float up to 2^24, and the model gives it back.
        (
            "int32",
            "int32",
            &[16_777_216.0, -16_777_216.0, 0.0, 0.0],
            Some(&[16_777_216.0, -16_777_216.0, 0.0, 0.0]),
        ),
        ("int32", "int32", &[16_777_217.0, 0.0, 0.0, 0.0], None),
        ("uint8", "float32", &[1.7, -1.7, 0.5, 0.0], Some(&[1.0, 255.0, 0.0, 0.0])),
        ("uint8", "int64", &[300.0, -1.0, 5.0, 0.0], Some(&[44.0, 255.0, 5.0, 0.0])),
        ("uint8", "float32", &[nan, 0.0, 0.0, 0.0], None),
        ("int8", "int32", &[300.0, -1.0, 200.0, 0.0], Some(&[44.0, -1.0, -56.0, 0.0])),
        ("bool", "float32", &[1.7, -1.7, 0.5, 0.0], Some(&[1.0, 1.0, 1.0, 0.0])),
        ("bool", "int32", &[300.0, -1.0, 5.0, 0.0], Some(&[1.0, 1.0, 1.0, 0.0])),
        ("uint32", "int32", &[-5.0, 0.0, 0.0, 0.0], None),
        (
            "float32",
            "int64",
            &[2_147_483_653.0, -8_589_934_592.0, 16_777_217.0, 0.0],
            Some(&[2_147_483_648.0, -8_589_934_592.0, 16_777_216.0, 0.0]),
        ),
        ("int64", "float32", &[1.7, -1.7, 0.5, 0.0], Some(&[1.0, -1.0, 0.0, 0.0])),
        ("int64", "int64", &[1_700_000_000_000.0, 0.0, 0.0, 0.0], None),
        ("int64", "float64", &[nan, 0.0, 0.0, 0.0], None),
        ("uint32", "float32", &[-1.0, 0.0, 0.0, 0.0], None),
        ("float32", "bool", &[1.0, 0.0, 1.0, 1.0], Some(&[1.0, 0.0, 1.0, 1.0])),
        (
            "float32",
            "float64",
            &[0.1, 1e20, 0.0, 0.0],
            Some(&[f64::from(0.1_f32), f64::from(1e20_f32), 0.0, 0.0]),
        ),
    ];
    for (takes, given, values, wanted) in cases {
        for device in DEVICES.iter() {
            let what = format!("{given} {values:?} to {takes}");
            let mut model =
                Sequential::new((InputLayer::of(&[Some(4)], dtype(takes)), Flatten::new())).expect("fits");
            model.to(device).expect("moves");
            let got = model.predict(array(given, &[1, 4], values)).verbose(0).run();
            match (got, wanted) {
                (Ok(y), Some(wanted)) => {
                    assert_eq!(y.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), *wanted, "{what}");
                }
                (Err(error), None) => assert!(error.to_string().contains("element 0 is"), "{what}: {error}"),
                (got, _) => panic!("{what}: {got:?}"),
            }
        }
    }
}

/// Times in milliseconds are no words of int32; a layer that computes with floats rounds them as Keras does.
#[test]
fn wide_integers_reach_layers_of_floats() {
    let times = ndarray::array![[1_700_000_000_123_i64, -1_700_000_000_123], [16_777_217, 5]];
    let wanted: Vec<f32> = times.iter().map(|t| *t as f32 * 0.5).collect();
    for device in DEVICES.iter() {
        let input = InputLayer::of(&[Some(2)], DType::Whole(Integer::I64));
        let mut model = Sequential::new((input, Rescaling::new(0.5))).expect("fits");
        model.to(device).expect("moves");
        let y = model.predict(&times).verbose(0).run().expect("predicts");
        assert_eq!(y.iter().copied().collect::<Vec<_>>(), wanted);
    }
}

/// A model with an integer input trains as the one that is given the same numbers as floats, bit for bit.
#[test]
fn training_on_integers() {
    let x: Vec<f64> = (0..24).map(|i| f64::from(i * 37 % 256)).collect();
    let y: Vec<f64> = (0..6).map(f64::from).collect();
    for device in DEVICES.iter() {
        for inner in [false, true] {
            let trained = |given: &str| {
                let layers: Vec<LayerRef> = vec![
                    InputLayer::of(&[Some(2), Some(2)], dtype(given)).into(),
                    Flatten::new().into(),
                    Rescaling::new(1.0 / 255.0).into(),
                    Dense::new(3).activation("tanh").kernel_initializer("ones").into(),
                    Dense::new(1).kernel_initializer("ones").into(),
                ];
                let mut model = Sequential::new(layers).expect("fits");
                if inner {
                    let input = input_symbol(InputLayer::of(&[Some(2), Some(2)], dtype(given)));
                    let output = LayerRef::from(&model).on(input.clone());
                    model = Model::new(input, output).expect("fits");
                }
                model.to(device).expect("moves");
                model.compile(SGD::new().learning_rate(0.1), "mse", "mae").expect("compiles");
                let (x, y) = (array(given, &[6, 2, 2], &x), array("float32", &[6], &y));
                model
                    .fit(x.clone(), y.clone())
                    .epochs(3)
                    .batch_size(2)
                    .shuffle(false)
                    .verbose(0)
                    .run()
                    .expect("trains");
                let logs = model.evaluate(x, y).verbose(0).run().expect("evaluates");
                let weights: Vec<u32> = model
                    .get_weights()
                    .expect("reads")
                    .iter()
                    .flat_map(|w| w.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
                    .collect();
                (weights, logs)
            };
            let floats = trained("float32");
            for given in ["uint8", "int32", "int64"] {
                assert_eq!(trained(given), floats, "{given} on {}", device.backend().name());
            }
        }
    }
}

/// Checks that what cannot be done with integers names the layer and what to do.
#[test]
fn refusals_say_what_to_do() {
    let fits = |layer: LayerRef, dtype: DType| Sequential::new((InputLayer::of(&[Some(4)], dtype), layer));
    let uint8 = DType::Whole(Integer::U8);
    let mut drops = fits(Dropout::new(0.5).name("drops").into(), uint8).expect("predicts");
    drops.compile(SGD::new().learning_rate(0.1), "mse", ()).expect("compiles");
    let x = array("uint8", &[2, 4], &[1.0; 8]);
    let error = drops
        .fit(x.clone(), array("float32", &[2, 4], &[1.0; 8]))
        .verbose(0)
        .run()
        .expect_err("refused")
        .to_string();
    assert!(error.contains("layer drops") && error.contains("Rescaling(1.0)"), "{error}");

    let dense = registry::layer(
        "Dense",
        None,
        serde_json::json!({"name": "d", "units": 2, "dtype": "int32"}).as_object().expect("a map"),
    );
    let error = fits(dense.expect("reads"), DType::F32).expect_err("refused").to_string();
    assert!(error.contains("layer d") && error.contains("int32"), "{error}");
    for unknown in [
        serde_json::json!("foo"),
        serde_json::json!({"class_name": "DTypePolicy", "config": {"name": "foo"}}),
    ] {
        for (class, config) in [
            ("Dense", serde_json::json!({"units": 2})),
            ("InputLayer", serde_json::json!({"batch_shape": [null, 2]})),
        ] {
            let mut config = config.as_object().expect("a map").clone();
            config.insert("dtype".into(), unknown.clone());
            let error = registry::layer(class, None, &config).expect_err("refused").to_string();
            assert!(error.contains("foo"), "{error}");
        }
    }
}

/// Checks that there is an error where Keras' numbers are those of another type than the result's, or of no type; a rate of 0 changes nothing.
#[test]
fn types_on_the_way() {
    let made = |class: &str, config: Value, types: &[&str]| {
        let x: Vec<Value> =
            types.iter().map(|t| json!({"dtype": t, "shape": [1, 2], "data": [200, 100]})).collect();
        let case = json!({"library": "keras3", "class": class, "config": config, "x": x, "weights": []});
        predicted(&case, &DEVICES[0])
    };
    for class in ["Add", "Multiply", "Average"] {
        for types in [["uint8", "uint8", "float32"], ["uint8", "uint8", "int32"], ["uint8", "uint8", "int16"]]
        {
            let error = made(class, json!({}), &types).expect_err(class).to_string();
            assert!(error.contains("uint8") && error.contains("cut"), "{class} of {types:?}: {error}");
        }
        // The float comes first.
        let all = made(class, json!({}), &["float32", "uint8", "uint8"]).expect(class).2;
        let wanted = match class {
            "Add" => [600.0, 300.0],
            "Multiply" => [8e6, 1e6],
            _ => [200.0, 100.0],
        };
        close(&all, &wanted, 1e-6, class);
    }
    assert_eq!(made("Add", json!({}), &["uint8", "uint8", "uint8"]).expect("one type").2, [88.0, 44.0]);
    for (config, dtype) in [
        (json!({"max_value": 300.0}), "uint8"),
        (json!({"max_value": 128.0}), "int8"),
        (json!({"threshold": 256.0}), "uint8"),
        (json!({"max_value": 1e30}), "int32"),
        (json!({"max_value": 6.0, "negative_slope": 0.5}), "int32"),
        (json!({"threshold": 1.0, "negative_slope": 0.5}), "int32"),
    ] {
        assert!(made("ReLU", config.clone(), &[dtype]).is_err(), "{config} of {dtype}");
    }
    assert_eq!(made("ReLU", json!({"max_value": 150.0}), &["uint8"]).expect("in range").2, [150.0, 100.0]);
    let x = of(&[4, 2], &[1.0; 8], |v| v as i32);
    let y = of(&[4, 1], &[1.0; 4], |v| v as f32);
    for (class, config) in [
        ("Dropout", json!({"rate": 0.0})),
        ("GaussianDropout", json!({"rate": 0.0})),
        ("GaussianNoise", json!({"stddev": 0.0})),
    ] {
        let input = input_symbol(InputLayer::of(&[Some(2)], dtype("int32")));
        let layer = registry::layer(class, None, config.as_object().expect("a config")).expect("known");
        let output = Dense::new(1).on(layer.on(&input));
        let mut model = Model::new(input, output).expect("fits");
        model.to(&DEVICES[0]).expect("moves");
        model.compile(SGD::new(), "mse", ()).expect("compiles");
        model.train_on_batch(&x, &y).unwrap_or_else(|e| panic!("{class}: {e}"));
    }
}

//! Outputs of layers, given Keras' weights; what they do in training.

use std::collections::HashMap;

use rhyton_engine::Error;
use rhyton_engine::graph::{
    CallContext, Layer, LayerExt, LayerRef, Shape, Tensor, TensorType, Variable, trace,
};
use rhyton_engine::layers::{
    Add, AlphaDropout, Concatenate, Conv2D, Conv2DTranspose, Conv3D, Cropping2D, DataFormat, Dense,
    DepthwiseConv2D, Dot, Dropout, EinsumDense, Flatten, GaussianDropout, GaussianNoise, GroupNormalization,
    MaxPooling2D, Padding, Permute, RepeatVector, Reshape, SeparableConv2D, SpatialDropout, Subtract,
    UpSampling2D, ZeroPadding2D,
};
use rhyton_engine::models::registry;
use rhyton_engine::oracle::{self, Given, value};
use rhyton_engine::random::Generator;
use serde_json::{Value, json};

use crate::common::{close, data, gradient, numbers, of_families, shape};

/// Builds a layer for these input shapes, and runs it.
fn run(
    layer: &LayerRef,
    inputs: &[(Vec<usize>, Vec<f64>)],
    variables: HashMap<u64, Vec<f64>>,
    cx: CallContext,
) -> Result<(Vec<usize>, Vec<f64>, f64), Error> {
    let (graph, (shape, edge, loss)) = trace(|| {
        let xs: Vec<Tensor> = inputs
            .iter()
            .enumerate()
            .map(|(i, (shape, _))| Tensor::input(i, TensorType::f32(shape.clone())))
            .collect();
        let y = layer.call(&xs, &cx)[0];
        let loss = cx.losses().into_iter().reduce(|a, b| a + b).unwrap_or_else(|| Tensor::full(&[], 0.0));
        Ok((y.shape(), oracle::edge(y), oracle::edge(loss)))
    })?;
    let given = Given {
        inputs: inputs.iter().enumerate().map(|(i, (_, x))| (i, x.clone())).collect(),
        variables,
        seed: [3, 5],
        counter: 2,
        ..Given::default()
    };
    let values = oracle::run(&graph, &given);
    Ok((shape, value(&values, edge).to_vec(), value(&values, loss)[0]))
}

fn build(layer: &LayerRef, shapes: &[Vec<usize>]) -> Result<(), Error> {
    // The batch is not known when a layer is built.
    let of = |s: &Vec<usize>| Shape(s.iter().enumerate().map(|(i, d)| (i > 0).then_some(*d)).collect());
    layer.build(&registry::resolver(), &shapes.iter().map(of).collect::<Vec<_>>())
}

#[test]
fn equal_keras() {
    let first = data(include_str!("../data/keras/layers.json"));
    for case in first.as_array().unwrap().iter().chain(&of_families("layers")) {
        let name = case["name"].as_str().unwrap();
        let what = format!("{name} {}", case["args"]);
        let layer = registry::layer(name, None, case["config"].as_object().unwrap())
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let inputs: Vec<(Vec<usize>, Vec<f64>)> =
            case["x"].as_array().unwrap().iter().map(|x| (shape(&x["shape"]), numbers(&x["data"]))).collect();
        build(&layer, &inputs.iter().map(|(s, _)| s.clone()).collect::<Vec<_>>())
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let all = layer.variables();
        let weights = case["weights"].as_array().unwrap();
        assert_eq!(all.len(), weights.len(), "{what}: number of weights");
        let mut variables = HashMap::new();
        for ((variable, _), weight) in all.iter().zip(weights) {
            assert_eq!(variable.name(), weight["name"], "{what}");
            assert_eq!(variable.shape(), shape(&weight["shape"]), "{what}: {}", variable.name());
            variables.insert(variable.id(), numbers(&weight["data"]));
        }
        let (out_shape, y, loss) = run(&layer, &inputs, variables, CallContext::new(false))
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(out_shape, shape(&case["y_shape"]), "{what}: shape");
        // Keras holds constants such as slopes in f32 on the way.
        close(&y, &numbers(&case["y"]), case["tolerance"].as_f64().unwrap_or(1e-7), &what);
        if let [wanted] = numbers(&case["losses"])[..] {
            close(&[loss], &[wanted], 1e-7, &format!("loss of {what}"));
        }
    }
}

/// Channels first is channels last between two transposes; softmax is along the last axis as it comes out.
#[test]
fn channels_first() {
    let x: Vec<f64> = (0..2 * 3 * 4 * 5).map(|i| (f64::from(i) * 0.7).sin()).collect();
    let conv = |format, shape: [usize; 4], x: Vec<f64>| {
        let layer: LayerRef =
            Conv2D::new(2, [2, 3]).padding(Padding::Same).data_format(format).activation("tanh").into();
        build(&layer, &[shape.to_vec()]).unwrap();
        let weight = |v: &Variable| (0..v.len()).map(|i| (i as f64).cos()).collect();
        let variables = layer.own_variables().iter().map(|v| (v.id(), weight(v))).collect();
        run(&layer, &[(shape.to_vec(), x)], variables, CallContext::new(false)).unwrap()
    };
    // [2, 4, 5, 3] from [2, 3, 4, 5].
    let moved = |x: &[f64], channels: usize| -> Vec<f64> {
        let at = |i: usize, p: usize, c: usize| x[(i * channels + c) * 20 + p];
        (0..2)
            .flat_map(|i| (0..20).flat_map(move |p| (0..channels).map(move |c| (i, p, c))))
            .map(|(i, p, c)| at(i, p, c))
            .collect()
    };
    let (shape, first, _) = conv(DataFormat::ChannelsFirst, [2, 3, 4, 5], x.clone());
    let (_, last, _) = conv(DataFormat::ChannelsLast, [2, 4, 5, 3], moved(&x, 3));
    assert_eq!(shape, [2, 2, 4, 5]);
    close(&moved(&first, 2), &last, 1e-12, "channels first");
}

fn training() -> CallContext {
    CallContext::new(true)
}

#[test]
fn dropout_drops_and_keeps_the_sum() {
    let x: Vec<f64> = vec![2.0; 20000];
    let input = [(vec![100, 200], x)];
    let layer: LayerRef = Dropout::new(0.25).into();
    build(&layer, &[vec![100, 200]]).unwrap();
    let (_, y, _) = run(&layer, &input, HashMap::new(), training()).unwrap();
    let kept = y.iter().filter(|v| **v != 0.0).count() as f64 / 20000.0;
    // Five standard errors of a share of 3/4.
    assert!((kept - 0.75).abs() < 5.0 * (0.75_f64 * 0.25 / 20000.0).sqrt(), "{kept}");
    assert!(y.iter().all(|v| *v == 0.0 || (v - 2.0 / 0.75).abs() < 1e-12));
    let mut without = training();
    without.no_dropout = true;
    for cx in [CallContext::new(false), without] {
        assert_eq!(run(&layer, &input, HashMap::new(), cx).unwrap().1, input[0].1);
    }
}

/// Axes of length 1 share their draw; the gradient has the same mask as the output.
#[test]
fn noise_shape_and_the_mask_of_the_gradient() {
    let layer: LayerRef = Dropout::new(0.5).noise_shape([None, Some(1)]).into();
    build(&layer, &[vec![50, 4]]).unwrap();
    let (_, y, _) = run(&layer, &[(vec![50, 4], vec![1.0; 200])], HashMap::new(), training()).unwrap();
    assert!(y.chunks(4).all(|row| row.iter().all(|v| *v == row[0])));
    assert!(y.contains(&0.0) && y.contains(&2.0));

    let layer: LayerRef = Dropout::new(0.5).into();
    build(&layer, &[vec![50, 4]]).unwrap();
    let (graph, edges) = trace(|| {
        let x = Tensor::input(0, TensorType::f32([50, 4]));
        let y = layer.call(&[x], &training())[0];
        let g = gradient(y.sum(&[]), x);
        Ok([oracle::edge(y), oracle::edge(g)])
    })
    .unwrap();
    let given = Given { inputs: [(0, vec![1.0; 200])].into(), seed: [1, 2], ..Given::default() };
    let values = oracle::run(&graph, &given);
    assert_eq!(value(&values, edges[0]), value(&values, edges[1]));
}

/// Whole channels are dropped, whichever axis they are on.
#[test]
fn spatial_dropout_drops_channels() {
    fn shared<const N: usize>(format: DataFormat) {
        let layer: LayerRef = SpatialDropout::<N>::new(0.5).data_format(format).into();
        let (steps, channels) = (2_usize.pow(N as u32), 40);
        let mut shape = vec![5];
        shape.extend([2; N]);
        shape.insert(if format == DataFormat::ChannelsFirst { 1 } else { N + 1 }, channels);
        build(&layer, std::slice::from_ref(&shape)).unwrap();
        let given = [(shape, vec![1.0; 5 * steps * channels])];
        let (_, y, _) = run(&layer, &given, HashMap::new(), training()).unwrap();
        assert!(y.iter().all(|v| *v == 0.0 || *v == 2.0));
        let at = |image: usize, step: usize, channel: usize| match format {
            DataFormat::ChannelsFirst => y[(image * channels + channel) * steps + step],
            DataFormat::ChannelsLast => y[(image * steps + step) * channels + channel],
        };
        let mut kept = 0;
        for (image, channel) in (0..5).flat_map(|image| (0..channels).map(move |c| (image, c))) {
            assert!((1..steps).all(|step| at(image, step, channel) == at(image, 0, channel)));
            kept += usize::from(at(image, 0, channel) > 0.0);
        }
        // Five standard errors of a half of 200.
        assert!(kept.abs_diff(100) < 36, "{kept} of 200");
    }
    for format in [DataFormat::ChannelsLast, DataFormat::ChannelsFirst] {
        shared::<2>(format);
        shared::<3>(format);
    }
    shared::<1>(DataFormat::ChannelsLast);
}

/// Two values for each element, by Keras' formula, and mean and variance of normal numbers are kept.
#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let layer: LayerRef = AlphaDropout::new(0.3).into();
    build(&layer, &[vec![100, 200]]).unwrap();
    let mut normal = Generator::new(3, 0);
    let x: Vec<f64> = (0..20_000).map(|_| f64::from(normal.normal() as f32)).collect();
    let given = [(vec![100, 200], x.clone())];
    let (_, y, _) = run(&layer, &given, HashMap::new(), training()).unwrap();
    // a = ((1 - rate)(1 + rate α'²))^-½ and b = -a α' rate of keras/src/layers/regularization/alpha_dropout.py, with α' = -1.7580993.
    let least = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5_f64;
    let a = (0.7 * (1.0 + 0.3 * least * least)).powf(-0.5);
    let b = -a * least * 0.3;
    let dropped = y.iter().filter(|v| (**v - (a * least + b)).abs() < 1e-9).count() as f64 / 20_000.0;
    assert!((dropped - 0.3).abs() < 5.0 * (0.3_f64 * 0.7 / 20_000.0).sqrt(), "{dropped}");
    let fits = |(x, y): (&f64, &f64)| (y - (a * least + b)).abs() < 1e-9 || (y - (a * x + b)).abs() < 1e-9;
    assert!(x.iter().zip(&y).all(fits));
    let mean = y.iter().sum::<f64>() / 20_000.0;
    let variance = y.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
    assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    let layer: LayerRef = AlphaDropout::new(0.5).noise_shape(vec![None, Some(1)]).into();
    build(&layer, &[vec![50, 4]]).unwrap();
    let (_, y, _) = run(&layer, &[(vec![50, 4], vec![1.0; 200])], HashMap::new(), training()).unwrap();
    assert!(y.chunks(4).all(|row| row.iter().all(|v| *v == row[0])) && y.iter().any(|v| *v != y[0]));
}

#[test]
fn noise_has_its_moments() {
    let layers: [(LayerRef, f64, f64); 2] =
        [(GaussianNoise::new(0.5).into(), 1.0, 0.25), (GaussianDropout::new(0.2).into(), 1.0, 0.25)];
    for (layer, mean, variance) in layers {
        build(&layer, &[vec![100, 200]]).unwrap();
        let (_, y, _) =
            run(&layer, &[(vec![100, 200], vec![1.0; 20000])], HashMap::new(), training()).unwrap();
        let m = y.iter().sum::<f64>() / 20000.0;
        let v = y.iter().map(|y| (y - m).powi(2)).sum::<f64>() / 20000.0;
        assert!((m - mean).abs() < 5.0 * (variance / 20000.0_f64).sqrt(), "{layer:?}: mean {m}");
        assert!((v / variance - 1.0).abs() < 0.05, "{layer:?}: variance {v}");
    }
}

#[test]
fn penalties_on_weights() {
    let layer: LayerRef = Dense::new(2).kernel_regularizer("l2").bias_regularizer("L1L2").into();
    build(&layer, &[vec![3, 4]]).unwrap();
    let cx = CallContext::new(true);
    let (graph, edges) = trace(|| {
        layer.add_penalties(&cx);
        Ok(cx.losses().into_iter().map(oracle::edge).collect::<Vec<_>>())
    })
    .unwrap();
    let kernel = layer.own_variables()[0].id();
    let given = Given { variables: [(kernel, vec![2.0; 8])].into(), ..Given::default() };
    let values = oracle::run(&graph, &given);
    let losses: Vec<f64> = edges.iter().map(|e| value(&values, *e)[0]).collect();
    close(&losses, &[0.01 * 32.0, 0.0], 1e-12, "penalties");
}

#[test]
fn shapes_that_do_not_fit_name_the_layer() {
    let wrong = |layer: LayerRef, shapes: &[Vec<usize>]| {
        let built = build(&layer, shapes);
        let inputs: Vec<_> = shapes.iter().map(|s| (s.clone(), vec![0.0; s.iter().product()])).collect();
        let ran = built.and_then(|()| run(&layer, &inputs, HashMap::new(), training()).map(|_| ()));
        ran.err().map(|e| e.to_string()).unwrap_or_else(|| panic!("{layer:?} took {shapes:?}"))
    };
    for (layer, shapes, words) in [
        (Dense::new(3).name("head").shared(), vec![vec![4]], "rank 2"),
        (Dense::new(0).name("head").shared(), vec![vec![2, 4]], "units is 0"),
        (Dropout::new(1.5).name("head").shared(), vec![vec![2, 4]], "rate is 1.5"),
        (Reshape::new([3, 3]).name("head").shared(), vec![vec![2, 4]], "reshaped"),
        (
            Reshape::new([1 << 40, 1 << 40]).name("head").shared(),
            vec![vec![2, 4]],
            "more elements than can be",
        ),
        (Dense::new(1 << 62).name("head").shared(), vec![vec![2, 4]], "more elements than can be"),
        (RepeatVector::new(1 << 62).name("head").shared(), vec![vec![2, 4]], "more elements than can be"),
        (Reshape::new([-1, -1]).name("head").shared(), vec![vec![2, 4]], "at most once"),
        (Permute::new([1, 3]).name("head").shared(), vec![vec![2, 4, 5]], "dims"),
        (RepeatVector::new(2).name("head").shared(), vec![vec![2, 4, 5]], "rank 2"),
        (Subtract::new().name("head").shared(), vec![vec![2, 4]; 3], "exactly 2"),
        (Add::new().name("head").shared(), vec![vec![2, 4], vec![2, 3]], "broadcast"),
        (Concatenate::new().axis(3).name("head").shared(), vec![vec![2, 4], vec![2, 3]], "axis 3"),
        (Flatten::new().name("head").shared(), vec![vec![2, 4], vec![2, 3]], "one input"),
        (Conv2D::new(3, 2).padding("causal").name("head").shared(), vec![vec![2, 4, 4, 1]], "causal"),
        (MaxPooling2D::new(2).padding("causal").name("head").shared(), vec![vec![2, 4, 4, 1]], "causal"),
        (Conv3D::new(3, 2).name("head").shared(), vec![vec![2, 4, 4, 1]], "rank 5"),
        (Conv3D::new(3, 5).name("head").shared(), vec![vec![2, 4, 4, 4, 1]], "does not fit"),
        (DepthwiseConv2D::new(0).name("head").shared(), vec![vec![2, 4, 4, 1]], "kernel_size"),
        (
            DepthwiseConv2D::new(2).depth_multiplier(0).name("head").shared(),
            vec![vec![2, 4, 4, 1]],
            "depth_multiplier",
        ),
        (SeparableConv2D::new(0, 2).name("head").shared(), vec![vec![2, 4, 4, 1]], "filters"),
        (
            Conv2DTranspose::new(3, 2)
                .strides(2)
                .output_padding(rhyton_engine::layers::Size2D::from(2))
                .name("head")
                .shared(),
            vec![vec![2, 4, 4, 1]],
            "output_padding",
        ),
        (
            Conv2DTranspose::new(3, 2).strides(1 << 40).name("head").shared(),
            vec![vec![2, 4, 4, 1]],
            "more elements than can be",
        ),
        (Cropping2D::new().cropping(2).name("head").shared(), vec![vec![2, 4, 4, 1]], "leaves nothing"),
        (
            ZeroPadding2D::new().padding(usize::MAX / 2).name("head").shared(),
            vec![vec![2, 4, 4, 1]],
            "more elements than can be",
        ),
        (
            UpSampling2D::new().size(1 << 40).name("head").shared(),
            vec![vec![2, 4, 4, 1]],
            "more elements than can be",
        ),
        (
            UpSampling2D::new().size(1 << 40).interpolation("bilinear").name("head").shared(),
            vec![vec![2, 4, 4, 1]],
            "cannot be interpolated",
        ),
        (Dot::new(1).name("head").shared(), vec![vec![2, 4], vec![2, 5]], "not as long"),
        (Dot::new(0).name("head").shared(), vec![vec![2, 4], vec![2, 4]], "batch"),
        (GroupNormalization::new().groups(3).name("head").shared(), vec![vec![2, 4]], "3 groups"),
        (EinsumDense::new("ab->c", 3).name("head").shared(), vec![vec![2, 4]], "must be like"),
        (EinsumDense::new("abc,cd->abd", 3).name("head").shared(), vec![vec![2, 4]], "axes"),
        (EinsumDense::new("ab,bd->ac", 3).name("head").shared(), vec![vec![2, 4]], "one place alone"),
    ] {
        let error = wrong(layer, &shapes);
        assert!(error.contains(words) && error.contains("head"), "{error}");
    }
}

/// A kernel of an axis that data decides cannot be made.
#[test]
fn unknown_features() {
    let layer = Dense::new(3).name("head").shared();
    let error = layer.build(&registry::resolver(), &[Shape(vec![None, None])]).unwrap_err().to_string();
    assert!(error.contains("head") && error.contains("(None, None)"), "{error}");
}

#[test]
fn settings_that_are_not_supported_are_named() {
    let read = |class: &str, config: Value| registry::layer(class, None, config.as_object().unwrap());
    for (class, config, words) in [
        (
            "Dense",
            json!({"name": "head", "units": 3, "kernel_constraint": {"class_name": "Mine", "config": {}}}),
            "Mine",
        ),
        (
            "Dense",
            json!({"name": "head", "units": 3, "quantization_config": {"mode": "int8"}}),
            "quantization_config",
        ),
        (
            "Dense",
            json!({"name": "head", "units": 3, "activity_regularizer": {"class_name": "L9", "config": {"l2": 0.1}}}),
            "L9",
        ),
        ("Dense", json!({"name": "head", "units": 3, "lora_rank": -4}), "lora_rank"),
        ("Dense", json!({"name": "head"}), "units"),
        ("Dense", json!({"name": "head", "units": -3}), "-3"),
        ("Softmax", json!({"name": "head", "axis": -1, "robust_masking": true}), "robust_masking"),
    ] {
        let error = read(class, config).err().unwrap().to_string();
        let unknown = error.contains("unknown");
        assert!(
            error.contains(words) && (unknown || error.contains(class) && error.contains("head")),
            "{error}"
        );
    }
    let keras_2 = json!({"name": "dense_7", "trainable": false, "dtype": "float32", "batch_input_shape": [null, 4], "units": 3,
        "activation": "linear", "activity_regularizer": null, "kernel_regularizer": null});
    let layer = read("Dense", keras_2).unwrap();
    assert_eq!((layer.name().as_str(), layer.is_trainable()), ("dense_7", false));
    assert_eq!(layer.settings().input_shape, Some(vec![Some(4)]));
    let leaky = read("LeakyReLU", json!({"alpha": 0.25})).unwrap();
    assert_eq!(leaky.layer().config()["negative_slope"], json!(0.25));
    let input =
        read("InputLayer", json!({"batch_input_shape": [null, 7], "dtype": "int32", "name": "x"})).unwrap();
    assert_eq!(input.layer().config()["batch_shape"], json!([null, 7]));
}

#[test]
fn builders_and_what_all_layers_have_come_in_any_order() {
    let layer = Dense::new(512).activation("relu").input_shape([784]).use_bias(false).shared();
    assert_eq!(layer.settings().input_shape, Some(vec![Some(784)]));
    assert_eq!(layer.layer().config()["activation"], json!("relu"));
    assert_eq!(Dense::CLASS, layer.class_name());
}

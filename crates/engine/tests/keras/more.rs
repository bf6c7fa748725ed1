//! Layers that came later than the first ones.

use ndarray::{ArrayD, IxDyn, array};
use rhyton_engine::graph::{Arguments, CallContext, LayerExt, LayerRef, Shape, Tensor, TensorType, trace};
use rhyton_engine::layers as k;
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::SGD;
use rhyton_engine::train::{Apply, Model, Sequential, input};
use serde_json::{Value, json};

use crate::common::devices;

/// Returns what the constructors give, in the order of more.py.
pub fn made() -> Vec<LayerRef> {
    vec![
        k::GroupedQueryAttention::new(3, 4, 2).into(),
        k::GroupedQueryAttention::new(3, 4, 2)
            .use_gate(true)
            .sliding_window(2)
            .dropout(0.25)
            .kernel_regularizer("l2")
            .into(),
        k::SpectralNormalization::new(k::Dense::new(2).name("inner")).into(),
        k::SpectralNormalization::new(k::Conv2D::new(2, 2).name("inner")).power_iterations(3).into(),
        k::Lambda::new("relu").into(),
        k::ReversibleEmbedding::new(7, 3).into(),
        k::ReversibleEmbedding::new(7, 3)
            .tie_weights(false)
            .reverse_dtype("float32".to_owned())
            .logit_soft_cap(5.0)
            .into(),
        k::LayerScale::new(0.5, 3).into(),
        k::StochasticDepth::new(0.25).into(),
        k::CustomScaleLayer::new(0.17).into(),
        k::ThresholdedReLU::new().into(),
        k::ThresholdedReLU::new().theta(0.25).into(),
    ]
}

/// The way back gives for vectors their products with the vectors of each number, bounded where that is asked for.
#[test]
fn the_way_back() {
    let vectors = [[0.5_f32, -1.0], [2.0, 0.25], [-3.0, 1.5]];
    let x = array![[[1.0_f32, 2.0], [-0.5, 4.0]]].into_dyn();
    for device in devices() {
        for (tied, cap) in [(true, None), (true, Some(3.0)), (false, None)] {
            let layer: LayerRef = match cap {
                Some(cap) => k::ReversibleEmbedding::new(3, 2).logit_soft_cap(cap).into(),
                None => k::ReversibleEmbedding::new(3, 2).tie_weights(tied).into(),
            };
            let symbol = input([2, 2]);
            let arguments = Arguments::each(1).with("reverse", true);
            let y = layer.clone().on_with(&symbol, arguments).swap_remove(0);
            let mut model = Model::new(symbol, y).unwrap();
            model.to(&device).unwrap();
            let flat: Vec<f32> = vectors.concat();
            let mut weights = vec![ArrayD::from_shape_vec(IxDyn(&[3, 2]), flat.clone()).unwrap()];
            if !tied {
                let other = ArrayD::from_shape_vec(IxDyn(&[3, 2]), flat).unwrap() * 2.0;
                weights.push(other.reversed_axes().as_standard_layout().into_owned());
            }
            model.set_weights(&weights).unwrap();
            let got = model.predict(&x).verbose(0).run().unwrap();
            assert_eq!(got.shape(), [1, 2, 3]);
            for (i, got) in got.iter().enumerate() {
                let (at, word) = (i / 3, i % 3);
                let product: f32 = (0..2).map(|k| x[[0, at, k]] * vectors[word][k]).sum();
                let product = if tied { product } else { product * 2.0 };
                let wanted = cap.map_or(product, |cap| (product / cap as f32).tanh() * cap as f32);
                assert!((got - wanted).abs() < 1e-5, "{tied} {cap:?}: {got}, not {wanted}");
            }
        }
    }
}

/// A function by its name is called; code is refused, and so are arguments.
#[test]
fn lambdas() {
    let of = |config: Value| registry::layer("Lambda", None, config.as_object().unwrap());
    let named = json!({"module": "builtins", "class_name": "function", "config": "tanh", "registered_name": "function"});
    for function in [json!("tanh"), named] {
        let layer = of(json!({"function": function, "arguments": {}})).unwrap();
        let mut model = Sequential::new((k::InputLayer::new([2]), layer)).unwrap();
        let got = model.predict(&array![[0.5_f32, -2.0]]).verbose(0).run().unwrap();
        assert!((got[[0, 0]] - 0.5_f32.tanh()).abs() < 1e-6 && (got[[0, 1]] + 2.0_f32.tanh()).abs() < 1e-6);
    }
    registry::register_activation("rows_twice", |x: Tensor| x * 2.0);
    let layer = of(json!({"function": "rows_twice"})).unwrap();
    let mut model = Sequential::new((k::InputLayer::new([2]), layer)).unwrap();
    assert_eq!(
        model.predict(&array![[0.5_f32, -2.0]]).verbose(0).run().unwrap(),
        array![[1.0, -4.0]].into_dyn()
    );
    let code = json!({"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": null, "closure": null}});
    for function in [code, json!(["4wEAAAA=", null, null])] {
        let error = of(json!({"name": "twice", "function": function})).map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("Lambda") && error.contains("never run") && error.contains("twice"),
            "{error}"
        );
    }
    let error = of(json!({"function": "softmax", "arguments": {"axis": 1}})).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("arguments"), "{error}");
}

/// Examples are left out with the probability, and the others made as much larger; elsewhere all pass.
#[test]
fn stochastic_depth() {
    let (batch, rate) = (4000, 0.3_f64);
    let mut model = Sequential::new((k::InputLayer::new([2]), k::StochasticDepth::new(rate))).unwrap();
    let x = ArrayD::<f32>::from_elem(IxDyn(&[batch, 2]), 3.0);
    assert_eq!(model.predict(&x).verbose(0).batch_size(batch).run().unwrap(), x);
    let mut loss_of = |loss: fn(Tensor) -> Tensor| {
        model
            .compile(SGD::new().learning_rate(0.0), move |_: Tensor, y: Tensor| loss(y).mean(&[1]), ())
            .unwrap();
        model.train_on_batch(&x, &x).unwrap().loss()
    };
    // The mean stays; both elements of an example go together.
    let mean = loss_of(|y| y);
    assert!((mean - 3.0).abs() < 0.15, "{mean}");
    let kept = loss_of(|y| (y / (3.0 / 0.7)).square());
    assert!((kept - 0.7).abs() < 0.04, "{kept}");
}

/// Settings that would make more memory or a larger graph than anybody wants are errors that name them, when a file is read.
#[test]
fn settings_beyond_bounds_are_named() {
    let huge = 1_000_000_000_000_u64;
    for (class, config, key) in [
        ("TextVectorization", json!({"ngrams": huge}), "ngrams"),
        ("StringLookup", json!({"vocabulary": ["a"], "num_oov_indices": huge}), "num_oov_indices"),
        ("IntegerLookup", json!({"num_oov_indices": u64::MAX}), "num_oov_indices"),
        ("StringLookup", json!({"max_tokens": huge, "pad_to_max_tokens": true}), "max_tokens"),
        ("MelSpectrogram", json!({"fft_length": huge}), "fft_length"),
        ("MelSpectrogram", json!({"num_mel_bins": huge}), "num_mel_bins"),
        ("STFTSpectrogram", json!({"frame_length": 4, "frame_step": 2, "fft_length": huge}), "fft_length"),
        ("Equalization", json!({"bins": huge}), "bins"),
        ("RandAugment", json!({"num_ops": huge}), "num_ops"),
        ("AugMix", json!({"num_chains": huge, "chain_depth": huge}), "num_chains"),
        (
            "SpectralNormalization",
            json!({"power_iterations": huge, "layer": {"class_name": "Dense", "config": {"units": 2}}}),
            "power_iterations",
        ),
        ("RandomRotation", json!({"factor": 3.0}), "factor"),
    ] {
        let made = registry::layer(class, None, config.as_object().unwrap());
        let built = made.and_then(|layer| {
            layer.build(&registry::resolver(), &[Shape(vec![None, Some(64), Some(64), Some(3)])])
        });
        let error = built.map(|_| ()).expect_err(class).to_string();
        assert!(error.contains(key), "{class}: {error}");
    }
}

/// Numbers of operations that are no sizes are errors that name the operation.
#[test]
fn operations_refuse_numbers_beyond_bounds() {
    let pixels = TensorType::f32([1, 4, 4, 2]);
    for (class, config, ty) in [
        ("Unfold", json!({"kernel_size": 2, "stride": 0}), &pixels),
        ("Unfold", json!({"kernel_size": [4_294_967_296_u64, 4_294_967_296_u64]}), &pixels),
        ("DepthToSpace", json!({"block_size": 4_294_967_296_u64}), &pixels),
        ("Rot90", json!({}), &TensorType::f32([3])),
        ("RFFT", json!({"fft_length": 4}), &TensorType::f32([])),
        (
            "CropImages",
            json!({"top_cropping": 1_u64 << 63, "bottom_cropping": 1_u64 << 63, "left_cropping": 0, "right_cropping": 0}),
            &pixels,
        ),
    ] {
        let made = registry::operation(class, config.as_object().unwrap()).unwrap();
        let traced = trace(|| {
            made.call(&[Tensor::input(0, ty.clone())], &CallContext::new(false));
            Ok(())
        });
        let error = traced.map(|_| ()).expect_err(class).to_string();
        assert!(error.contains(class), "{class}: {error}");
    }
}

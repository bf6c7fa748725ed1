//! Configs: as Keras writes them by default, and back again.

use rhyton_engine::graph::{LayerExt, LayerRef, Resolver};
use rhyton_engine::initializers::{HeNormal, INITIALIZERS};
use rhyton_engine::layers as k;
use rhyton_engine::losses::{LOSSES, LossSpec};
use rhyton_engine::metrics::{METRICS, MetricSpec};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::{OPTIMIZERS, OptimizerSpec};
use rhyton_engine::regularizers::{L1, REGULARIZERS};
use serde_json::{Map, Value};

use crate::common::{close, data, numbers, of_families, run, same, shape};

fn reference() -> Value {
    data(include_str!("../data/keras/configs.json"))
}

/// A layer's own part of a config: what is beside name, trainable and dtype.
pub fn own(config: &Value) -> Map<String, Value> {
    let mut config = config.as_object().unwrap().clone();
    config.retain(|key, _| !["name", "trainable", "dtype"].contains(&key.as_str()));
    config
}

/// A config with the types of layers inside as names: Keras 3 writes policies.
fn named_types(mut config: Value) -> Value {
    if config["class_name"] == "DTypePolicy" {
        return config["config"]["name"].take();
    }
    match &mut config {
        Value::Object(map) => map.values_mut().for_each(|v| *v = named_types(v.take())),
        Value::Array(list) => list.iter_mut().for_each(|v| *v = named_types(v.take())),
        _ => {}
    }
    config
}

#[track_caller]
fn equal(got: &Value, want: &Value) {
    assert!(same(got, want), "\n got {got}\nwant {want}");
    let keys = |v: &Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
    assert_eq!(keys(got), keys(want), "order of keys");
}

fn layers_of_keras() -> Vec<Value> {
    let first = reference()["layers"].as_array().unwrap().clone();
    [first, of_families("configs")].concat()
}

/// Layers that prepare numbers and strings.
fn preparing() -> Vec<Value> {
    let cases = data(include_str!("../data/keras/preprocessing.json"));
    let cases = cases.as_array().unwrap().iter();
    let written = cases.filter(|case| case["library"] == "keras3" && case.get("error").is_none());
    written.map(|case| serde_json::json!({"class_name": case["class"], "config": case["config"]})).collect()
}

fn read(layer: &Value) -> LayerRef {
    registry::layer(layer["class_name"].as_str().unwrap(), None, layer["config"].as_object().unwrap())
        .unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn layers_read_and_written() {
    let all = [layers_of_keras(), preparing()].concat();
    for want in &all {
        let layer = read(want);
        assert_eq!(layer.class_name(), want["class_name"]);
        assert_eq!(layer.name(), want["config"]["name"]);
        equal(&Value::Object(layer.layer().config()), &Value::Object(own(&want["config"])));
    }
    let tested = |name: &str| all.iter().any(|l| l["class_name"] == name);
    let untested: Vec<&str> = k::LAYERS.iter().map(|c| c.name).filter(|c| !tested(c)).collect();
    assert!(untested.is_empty(), "classes without a case: {untested:?}");
}

/// The constructors give what Keras' constructors give.
#[test]
fn layers_by_constructor() {
    let dense = k::Dense::new(3)
        .activation("relu")
        .kernel_regularizer("l2")
        .bias_regularizer(L1::new(0.5))
        .kernel_initializer(HeNormal::new().seed(3));
    let conv = k::Conv2D::new(4, (2, 3)).strides([2, 1]).padding(k::Padding::Same).groups(2).use_bias(false);
    let mut made: Vec<LayerRef> = vec![
        k::BatchNormalization::new().into(),
        k::MaxPooling2D::new(2).into(),
        k::AveragePooling2D::new([2, 3]).strides(1).padding(k::Padding::Same).into(),
        k::GlobalAveragePooling2D::new().into(),
        k::GlobalMaxPooling2D::new().keepdims(true).into(),
        k::Conv2D::new(3, 3).into(),
        conv.activation("relu").into(),
        k::Dense::new(3).into(),
        dense.into(),
        k::Dropout::new(0.5).into(),
        k::Flatten::new().into(),
        k::Activation::new("relu").into(),
        k::InputLayer::new([4]).into(),
        k::Reshape::new([6, 2]).into(),
        k::ReLU::new().into(),
        k::LeakyReLU::new().into(),
        k::ELU::new().into(),
        k::PReLU::new().into(),
        k::Softmax::new().into(),
        k::Add::new().into(),
        k::Subtract::new().into(),
        k::Multiply::new().into(),
        k::Average::new().into(),
        k::Maximum::new().into(),
        k::Minimum::new().into(),
        k::Concatenate::new().into(),
        k::Rescaling::new(0.5).into(),
        k::GaussianNoise::new(0.1).into(),
        k::GaussianDropout::new(0.1).into(),
        k::ActivityRegularization::new(0.0, 0.0).into(),
        k::Permute::new([2, 1]).into(),
        k::RepeatVector::new(3).into(),
        k::Identity::new().into(),
        k::UnitNormalization::new().into(),
        k::LayerNormalization::new().into(),
        k::Embedding::new(7, 3).into(),
        k::Masking::new(0.0).into(),
        k::SimpleRNN::new(3).into(),
        k::LSTM::new(3).return_sequences(true).dropout(0.25).into(),
        k::GRU::new(3).kernel_regularizer("l2").into(),
        k::SimpleRNNCell::new(3).into(),
        k::LSTMCell::new(3).into(),
        k::GRUCell::new(3).reset_after(false).into(),
        k::RNN::new(k::LSTMCell::new(3).name("lstm_cell_1")).return_state(true).into(),
        k::StackedRNNCells::new([
            k::GRUCell::new(3).name("gru_cell_1").into(),
            k::SimpleRNNCell::new(2).name("simple_rnn_cell_1").into(),
        ])
        .into(),
        k::Bidirectional::new(k::GRU::new(2).name("gru_1")).merge_mode("sum").into(),
        k::TimeDistributed::new(k::Dense::new(2).name("dense_2")).into(),
        k::AdditiveAttention::new().into(),
        k::Attention::new().use_scale(true).score_mode("concat").into(),
        k::MultiHeadAttention::new(2, 3).into(),
        k::MultiHeadAttention::new(3, 2)
            .value_dim(5)
            .output_shape(4)
            .sliding_window(2)
            .dropout(0.25)
            .kernel_regularizer("l2")
            .seed(3)
            .into(),
        k::AveragePooling1D::new(3).strides(1).into(),
        k::Conv1D::new(3, 3).into(),
        k::Conv1D::new(4, 2)
            .padding("causal")
            .dilation_rate(2)
            .groups(2)
            .use_bias(false)
            .activation("relu")
            .into(),
        k::GlobalAveragePooling1D::new().into(),
        k::GlobalMaxPooling1D::new().keepdims(true).into(),
        k::MaxPooling1D::new(2).into(),
        k::Conv3D::new(3, 2).into(),
        k::Conv3D::new(4, (1, 2, 3))
            .strides([2, 1, 1])
            .padding(k::Padding::Same)
            .groups(2)
            .use_bias(false)
            .into(),
        k::Conv1DTranspose::new(3, 2).into(),
        k::Conv2DTranspose::new(3, 2).strides(2).output_padding(k::Size2D::from(1)).into(),
        k::Conv3DTranspose::new(3, 2).into(),
        k::DepthwiseConv1D::new(3).into(),
        k::DepthwiseConv2D::new((2, 3)).depth_multiplier(2).activation("relu").into(),
        k::SeparableConv1D::new(3, 2).into(),
        k::SeparableConv2D::new(3, (2, 3)).depth_multiplier(2).pointwise_regularizer("l2").into(),
        k::MaxPooling3D::new(2).into(),
        k::AveragePooling3D::new((2, 3, 1)).strides(1).padding("same").into(),
        k::GlobalAveragePooling3D::new().into(),
        k::GlobalMaxPooling3D::new().keepdims(true).into(),
        k::Cropping1D::new().into(),
        k::Cropping2D::new().cropping([[1, 2], [0, 1]]).into(),
        k::Cropping3D::new().into(),
        k::ZeroPadding1D::new().padding(2).into(),
        k::ZeroPadding2D::new().padding([[1, 1], [2, 2]]).into(),
        k::ZeroPadding3D::new().into(),
        k::UpSampling1D::new().into(),
        k::UpSampling2D::new().size((2, 3)).interpolation("bilinear").into(),
        k::UpSampling3D::new().into(),
        k::SpatialDropout1D::new(0.5).into(),
        k::SpatialDropout2D::new(0.5).seed(3).into(),
        k::SpatialDropout3D::new(0.5).into(),
        k::AlphaDropout::new(0.5).into(),
        k::Dot::new(1).into(),
        k::Dot::new([2, 1]).normalize(true).into(),
        k::GroupNormalization::new().into(),
        k::GroupNormalization::new().groups(2).axis(1).scale(false).into(),
        k::RMSNormalization::new().into(),
        k::EinsumDense::new("ab,bc->ac", 3).into(),
        k::EinsumDense::new("abc,cd->abd", [None, Some(3)])
            .bias_axes("d".to_owned())
            .activation("relu")
            .into(),
        k::AdaptiveAveragePooling1D::new(3).into(),
        k::AdaptiveAveragePooling2D::new((2, 3)).into(),
        k::AdaptiveAveragePooling3D::new(2).into(),
        k::AdaptiveMaxPooling1D::new(3).into(),
        k::AdaptiveMaxPooling2D::new((2, 3)).into(),
        k::AdaptiveMaxPooling3D::new(2).into(),
        k::ConvLSTM1D::new(3, 2).into(),
        k::ConvLSTM2D::new(3, (2, 3)).padding("same").return_sequences(true).into(),
        k::ConvLSTM3D::new(3, 2).dropout(0.25).into(),
    ];
    made.extend(crate::images::made());
    made.extend(crate::colours::made());
    made.extend(crate::signals::made());
    made.extend(crate::more::made());
    made.extend(crate::older::made());
    let all = layers_of_keras();
    assert_eq!(made.len(), all.len());
    for (layer, want) in made.iter().zip(&all) {
        assert_eq!(layer.class_name(), want["class_name"]);
        // Strings are bound to objects when the layer is built, or through the registry.
        let bound = registry::layer(layer.class_name(), None, &layer.layer().config()).unwrap();
        equal(&Value::Object(bound.layer().config()), &named_types(Value::Object(own(&want["config"]))));
    }
}

#[test]
fn objects_read_and_written() {
    let reference = reference();
    let each = |kind: &str| reference[kind].as_array().unwrap().clone();
    for want in each("losses") {
        equal(&registry::loss(&LossSpec::Config(want.clone()), &[], &[]).unwrap().unwrap().spec(), &want);
    }
    for want in each("metrics") {
        equal(&registry::metric(&MetricSpec::Config(want.clone()), &[], &[]).unwrap().spec(), &want);
    }
    for want in each("optimizers") {
        equal(&registry::optimizer(OptimizerSpec::Config(want.clone())).unwrap().spec(), &want);
    }
    let resolver = registry::resolver();
    for want in each("initializers") {
        equal(&resolver.initializer(&want).unwrap().unwrap().spec(), &want);
    }
    for want in each("regularizers") {
        equal(&resolver.regularizer(&want).unwrap().unwrap().spec(), &want);
    }
    let covered = |kind: &str, count: usize| assert_eq!(each(kind).len(), count, "{kind} without a case");
    covered("losses", LOSSES.len());
    covered("metrics", METRICS.len());
    covered("optimizers", OPTIMIZERS.len());
    covered("initializers", INITIALIZERS.len());
    covered("regularizers", REGULARIZERS.len());
}

/// An empty config stands for all defaults.
#[test]
fn defaults() {
    let reference = reference();
    let empty = |want: &Value| {
        let mut bare = want.clone();
        bare["config"] = Value::Object(Map::new());
        bare
    };
    for want in reference["losses"].as_array().unwrap() {
        equal(&registry::loss(&LossSpec::Config(empty(want)), &[], &[]).unwrap().unwrap().spec(), want);
    }
    for want in reference["metrics"].as_array().unwrap() {
        equal(&registry::metric(&MetricSpec::Config(empty(want)), &[], &[]).unwrap().spec(), want);
    }
    for want in reference["optimizers"].as_array().unwrap() {
        equal(&registry::optimizer(OptimizerSpec::Config(empty(want))).unwrap().spec(), want);
    }
    let resolver = registry::resolver();
    for want in reference["initializers"].as_array().unwrap() {
        equal(&resolver.initializer(&empty(want)).unwrap().unwrap().spec(), want);
        equal(&resolver.initializer(&want["class_name"]).unwrap().unwrap().spec(), want);
    }
    for want in reference["regularizers"].as_array().unwrap() {
        equal(&resolver.regularizer(&empty(want)).unwrap().unwrap().spec(), want);
    }
}

#[test]
fn names_of_initializers_and_regularizers() {
    let resolver = registry::resolver();
    for (name, class) in [
        ("glorot_uniform", "GlorotUniform"),
        ("zeros", "Zeros"),
        ("one", "Ones"),
        ("normal", "RandomNormal"),
        ("uniform", "RandomUniform"),
        ("he_normal", "HeNormal"),
        ("OrthogonalInitializer", "Orthogonal"),
        ("IdentityInitializer", "Identity"),
    ] {
        let found = resolver.initializer(&name.into()).unwrap().unwrap();
        assert_eq!(found.spec()["class_name"], class);
    }
    for (name, class) in [("l1", "L1"), ("l2", "L2"), ("L1L2", "L1L2")] {
        assert_eq!(resolver.regularizer(&name.into()).unwrap().unwrap().spec()["class_name"], class);
    }
    for (error, words) in [
        (resolver.regularizer(&"l1_l2".into()).err(), "l1_l2"),
        (resolver.initializer(&"glorot".into()).err(), "glorot"),
        (resolver.activation(&"threshold".into()).err(), "threshold"),
    ] {
        let error = error.unwrap().to_string();
        assert!(error.contains(words) && error.contains("register_"), "{error}");
    }
    assert!(resolver.initializer(&Value::Null).unwrap().is_none());
}

#[test]
fn regularizers_equal_keras() {
    let reference = data(include_str!("../data/keras/regularizers.json"));
    let x = numbers(&reference["x"]);
    for case in reference["cases"].as_array().unwrap() {
        let spec = serde_json::json!({"class_name": case["name"], "config": case["args"]});
        let regularizer = registry::resolver().regularizer(&spec).unwrap().unwrap();
        let input = crate::common::Input::f32(&shape(&reference["shape"]), &x);
        let out = run(&[input], |t| vec![regularizer.call(t[0])]).unwrap();
        close(&out[0].1, &[case["value"].as_f64().unwrap()], 1e-6, &spec.to_string());
    }
}

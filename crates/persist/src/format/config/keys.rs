//! Where the two dialects' layer configs differ: tables from every class of Keras 3.15.1 and tf_keras 2.21.

use serde_json::{Value, json};

/// An argument that Keras 3 has and tf_keras has not, with its default.
pub(super) struct Keras3Only {
    pub(super) key: &'static str,
    pub(super) classes: &'static [&'static str],
    pub(super) default: fn() -> Value,
    /// Also an argument of some version of tf_keras, which only does not write it.
    pub(super) tolerated: bool,
}

const fn row(key: &'static str, classes: &'static [&'static str], default: fn() -> Value) -> Keras3Only {
    Keras3Only { key, classes, default, tolerated: false }
}

const RNN: &[&str] = &["GRU", "LSTM", "RNN", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"];

const PREPROCESSING: &[&str] = &[
    "CenterCrop",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "ZeroPadding1D",
];

/// Arguments that tf_keras does not have.
pub(super) static KERAS3_ONLY: &[Keras3Only] = &[
    row(
        "seed",
        &[
            "AdditiveAttention",
            "Attention",
            "ConvLSTM1D",
            "ConvLSTM2D",
            "ConvLSTM3D",
            "GRU",
            "GRUCell",
            "LSTM",
            "LSTMCell",
            "MultiHeadAttention",
            "SimpleRNN",
            "SimpleRNNCell",
        ],
        || Value::Null,
    ),
    row("noise_shape", &["AlphaDropout"], || Value::Null),
    row("renorm", &["BatchNormalization"], || json!(false)),
    row("renorm_clipping", &["BatchNormalization"], || Value::Null),
    row("renorm_momentum", &["BatchNormalization"], || json!(0.99)),
    Keras3Only {
        key: "synchronized",
        classes: &["BatchNormalization"],
        default: || json!(false),
        tolerated: true,
    },
    Keras3Only { key: "zero_output_for_mask", classes: RNN, default: || json!(false), tolerated: true },
    row("data_format", PREPROCESSING, || json!("channels_last")),
    row("dilation_rate", &["Conv3DTranspose"], || json!([1, 1, 1])),
    row("quantization_config", &["Dense", "EinsumDense", "Embedding"], || Value::Null),
    row("oov_method", &["IntegerLookup", "StringLookup"], || json!("floormod")),
    row("salt", &["IntegerLookup", "StringLookup"], || Value::Null),
    row("rms_scaling", &["LayerNormalization"], || json!(false)),
    row("use_gate", &["MultiHeadAttention"], || json!(false)),
    row("sliding_window", &["MultiHeadAttention"], || Value::Null),
    row("pad_to_aspect_ratio", &["Resizing"], || json!(false)),
    row("fill_mode", &["Resizing"], || json!("constant")),
    row("fill_value", &["Resizing"], || json!(0.0)),
    row("antialias", &["Resizing"], || json!(false)),
    row("value_range", &["RandomContrast"], || json!([0, 255])),
];

/// An argument that tf_keras has and Keras 3 has not, with the value that says nothing; `None`: no value says
/// anything.
pub(super) struct TfKerasOnly {
    pub(super) key: &'static str,
    pub(super) classes: &'static [&'static str],
    pub(super) default: Option<fn() -> Value>,
}

const fn tf(
    key: &'static str,
    classes: &'static [&'static str],
    default: Option<fn() -> Value>,
) -> TfKerasOnly {
    TfKerasOnly { key, classes, default }
}

const NULL: Option<fn() -> Value> = Some(|| Value::Null);

/// Arguments that Keras 3 does not have.
pub(super) static TF_KERAS_ONLY: &[TfKerasOnly] = &[
    tf("sparse", &["CategoryEncoding"], Some(|| json!(false))),
    // tf_keras' transposed, depthwise and separable convolutions write what their base class has and they ignore.
    tf(
        "groups",
        &[
            "Conv1DTranspose",
            "Conv2DTranspose",
            "Conv3DTranspose",
            "DepthwiseConv1D",
            "DepthwiseConv2D",
            "SeparableConv1D",
            "SeparableConv2D",
        ],
        None,
    ),
    tf(
        "kernel_initializer",
        &["SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"],
        None,
    ),
    tf(
        "kernel_regularizer",
        &["SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"],
        None,
    ),
    tf(
        "kernel_constraint",
        &["SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"],
        None,
    ),
    tf("time_major", RNN, Some(|| json!(false))),
    // Which of several equal ways computes it.
    tf("implementation", &["GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN"], None),
    tf("input_length", &["Embedding"], None),
    tf("softmax_robust_masking", &["MultiHeadAttention"], Some(|| json!(false))),
    tf("noise_shape", &["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"], NULL),
    tf("rng_type", PREPROCESSING, None),
    tf("virtual_batch_size", &["BatchNormalization"], NULL),
    tf("fused", &["BatchNormalization"], None),
];

/// Layers that tf_keras does not have.
pub(super) static NOT_IN_TF_KERAS: &[&str] = &[
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AugMix",
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "GroupQueryAttention",
    "MaxNumBoundingBoxes",
    "MelSpectrogram",
    "MixUp",
    "Pipeline",
    "RMSNormalization",
    "RandAugment",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "ReversibleEmbedding",
    "STFTSpectrogram",
    "Solarization",
];

/// Whether two values of a config mean the same: numbers as numbers.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

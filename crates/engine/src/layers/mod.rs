//! Layers: one file each. A layer is a serde struct of its config, in Keras' names and defaults.
//!
//! To add one: a file with `impl Layer`, and a row of `layers!` below.

#[macro_use]
mod builders;
#[macro_use]
mod config;

#[macro_use]
mod augment;
#[macro_use]
mod colours;

mod activation;
mod activity;
mod adaptive_pooling;
mod alpha_dropout;
mod applications;
mod attention;
mod batch_normalization;
mod category_encoding;
mod center_crop;
mod changes;
mod clahe;
mod conv;
mod conv_transpose;
mod cropping;
mod dense;
mod depthwise_conv;
mod discretization;
mod dot;
mod draws;
mod dropout;
mod einsum_dense;
mod embedding;
mod encode;
mod equalization;
mod flatten;
mod global_pooling;
mod group_normalization;
mod hashing;
mod images;
mod inner;
mod input;
mod lambda;
mod layer_normalization;
mod locally_connected;
mod lookup;
mod lora;
mod masking;
mod max_num_bounding_boxes;
mod mel_spectrogram;
mod merge;
mod mixes;
mod noise;
mod normalization;
mod operation;
mod permute;
mod pipeline;
mod pooling;
mod prelu;
mod quantized;
mod random_box;
mod random_colours;
mod random_crop;
mod random_elastic_transform;
mod random_erasing;
mod random_flip;
mod random_grayscale;
mod random_sharpness;
mod random_size;
mod random_warps;
mod rectified;
mod recurrent;
mod repeat;
mod rescaling;
mod reshape;
mod resizing;
mod reversible_embedding;
mod rms_normalization;
mod separable_conv;
mod signal_window;
mod softmax;
mod spatial_dropout;
mod spectral_normalization;
mod steps;
mod stft_spectrogram;
mod tensorflow;
mod text_vectorization;
mod time_distributed;
mod token;
mod tones;
mod unit_normalization;
mod up_sampling;
mod warp;
mod windows;
mod zero_padding;

use std::any::TypeId;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use crate::types::Axes;
pub(crate) use crate::types::axis;
pub use adaptive_pooling::{AdaptiveAveragePooling, AdaptiveMaxPooling};
pub use attention::{ScoreMode, Sizes};
pub use augment::{Factor, MaybeFactor, Pair, Span};
pub use batch_normalization::RenormClipping;
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use cropping::Cropping;
pub use depthwise_conv::DepthwiseConv;
pub use discretization::Boundaries;
pub use einsum_dense::Lengths;
pub use encode::OutputMode;
pub use flatten::DataFormat;
pub use global_pooling::{GlobalAveragePooling, GlobalMaxPooling};
pub use locally_connected::LocallyConnected;
pub use lookup::{IndexLookup, OovMethod};
pub use normalization::{KeptAxes, Moment};
pub(crate) use operation::operation;
pub use operation::{Operation, functions, operations};
pub use pooling::{AveragePooling, MaxPooling};
pub use quantized::QuantizationConfig;
pub use random_erasing::Fill;
pub use random_flip::FlipMode;
pub use recurrent::ConvLSTM;
pub use separable_conv::SeparableConv;
pub use signal_window::SignalWindow;
pub use spatial_dropout::SpatialDropout;
pub use stft_spectrogram::{StftMode, StftScaling};
pub use tensorflow::{SlicingOpLambda, TFOpLambda};
pub use text_vectorization::{Ngrams, Split, Standardize, Widths};
pub use token::{IdfWeights, Key, Salt, Special, Token, Vocabulary};
pub use tones::Bits;
pub use up_sampling::UpSampling;
pub use warp::FillMode;
pub use windows::{ConvPadding, Edges, Padding, Size, Size1D, Size2D, Size3D};
pub use zero_padding::ZeroPadding;

use crate::Error;
use crate::config as configs;
use crate::graph::{DynLayer, Layer};
pub use crate::ops::Interpolation;
use crate::types::Quantized;

/// Makes a layer from its own part of a config.
pub type Make = fn(Map<String, Value>) -> Result<Box<dyn DynLayer>, Error>;

/// A row of the table of layers.
#[derive(Debug)]
pub struct Class {
    /// The class.
    pub name: &'static str,
    /// Reads its config.
    pub make: Make,
    /// Its type, which a class of the user's with the same name has not.
    pub of: fn() -> TypeId,
    /// Keys that Keras 2 has another name for: (there, here).
    pub renamed: &'static [(&'static str, &'static str)],
}

macro_rules! layers {
    ($( $file:ident: $( $class:ident $( ( $( $there:literal = $here:literal ),+ ) )? ),+; )*) => {
        /// Every class: what a prelude takes.
        pub mod classes {
            $( pub use super::$file::{$($class),+}; )*
        }
        pub use classes::*;

        /// Keras' layers.
        pub static LAYERS: &[Class] = &[ $($( row::<$class>(&[$($( ($there, $here) ),+)?]) ),+),* ];
    };
}

// File, classes, and in brackets keys of their configs that Keras 2 has another name for.
layers! {
    activation: Activation, Identity;
    activity: ActivityRegularization;
    adaptive_pooling: AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D, AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D, AdaptiveMaxPooling3D;
    alpha_dropout: AlphaDropout;
    applications: CustomScaleLayer, LayerScale, StochasticDepth;
    attention: AdditiveAttention, Attention, GroupedQueryAttention, MultiHeadAttention;
    batch_normalization: BatchNormalization;
    center_crop: CenterCrop;
    changes: AugMix, RandAugment;
    clahe: ContrastLimitedAdaptiveHistogramEqualization;
    category_encoding: CategoryEncoding;
    conv: Conv1D, Conv2D, Conv3D;
    conv_transpose: Conv1DTranspose, Conv2DTranspose, Conv3DTranspose;
    cropping: Cropping1D, Cropping2D, Cropping3D;
    dense: Dense;
    depthwise_conv: DepthwiseConv1D, DepthwiseConv2D;
    discretization: Discretization;
    dot: Dot;
    dropout: Dropout;
    einsum_dense: EinsumDense;
    embedding: Embedding;
    equalization: Equalization;
    flatten: Flatten;
    global_pooling: GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D,
        GlobalMaxPooling3D;
    group_normalization: GroupNormalization;
    hashing: HashedCrossing, Hashing;
    input: InputLayer("batch_input_shape" = "batch_shape");
    lambda: Lambda;
    layer_normalization: LayerNormalization;
    locally_connected: LocallyConnected1D, LocallyConnected2D;
    lookup: IntegerLookup, StringLookup;
    masking: Masking;
    max_num_bounding_boxes: MaxNumBoundingBoxes;
    mel_spectrogram: MelSpectrogram;
    merge: Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract;
    mixes: CutMix, MixUp;
    noise: GaussianDropout, GaussianNoise;
    normalization: Normalization;
    permute: Permute;
    pipeline: Pipeline;
    pooling: AveragePooling1D, AveragePooling2D, AveragePooling3D, MaxPooling1D, MaxPooling2D, MaxPooling3D;
    prelu: PReLU;
    random_colours: RandomBrightness, RandomColorDegeneration, RandomColorJitter, RandomContrast, RandomHue, RandomInvert, RandomSaturation;
    random_crop: RandomCrop;
    random_elastic_transform: RandomElasticTransform;
    random_erasing: RandomErasing;
    random_flip: RandomFlip;
    random_grayscale: RandomGrayscale;
    random_sharpness: RandomGaussianBlur, RandomSharpness;
    random_size: RandomHeight, RandomWidth;
    random_warps: RandomPerspective, RandomRotation, RandomShear, RandomTranslation, RandomZoom;
    recurrent: Bidirectional, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, GRU, GRUCell, LSTM, LSTMCell, RNN, SimpleRNN, SimpleRNNCell, StackedRNNCells;
    rectified: ELU, LeakyReLU("alpha" = "negative_slope"), ReLU, ThresholdedReLU;
    repeat: RepeatVector;
    rescaling: Rescaling;
    reshape: Reshape;
    resizing: Resizing;
    reversible_embedding: ReversibleEmbedding;
    rms_normalization: RMSNormalization;
    separable_conv: SeparableConv1D, SeparableConv2D;
    softmax: Softmax;
    spectral_normalization: SpectralNormalization;
    spatial_dropout: SpatialDropout1D, SpatialDropout2D, SpatialDropout3D;
    stft_spectrogram: STFTSpectrogram;
    text_vectorization: TextVectorization;
    tones: AutoContrast, RandomPosterization, Solarization;
    time_distributed: TimeDistributed;
    unit_normalization: UnitNormalization;
    up_sampling: UpSampling1D, UpSampling2D, UpSampling3D;
    zero_padding: ZeroPadding1D, ZeroPadding2D, ZeroPadding3D;
}

/// Layers that only files have: tf_keras makes them of functions that are called on symbolic tensors.
pub static LAMBDAS: &[Class] = &[row::<SlicingOpLambda>(&[]), row::<TFOpLambda>(&[])];

const fn row<L: Layer + DeserializeOwned>(renamed: &'static [(&'static str, &'static str)]) -> Class {
    Class { name: L::CLASS, make: make::<L>, of: TypeId::of::<L>, renamed }
}

/// Returns whether layers of one of Keras' classes can keep their kernel so.
pub(crate) fn can_be_quantized(class: &str, how: Quantized) -> bool {
    match class {
        "Dense" | "EinsumDense" => true,
        "Embedding" | "ReversibleEmbedding" => !matches!(how, Quantized::Float8(_)),
        _ => false,
    }
}

/// Reads a layer's own part of a config. A setting that the layer does not know is an error, unless it is null or false.
///
/// # Errors
/// Names the setting.
pub(crate) fn make<L: Layer + DeserializeOwned>(
    config: Map<String, Value>,
) -> Result<Box<dyn DynLayer>, Error> {
    if let Some(key) = L::REQUIRED.iter().find(|key| config.get(**key).is_none_or(Value::is_null)) {
        let what = format!("the key `{key}` is missing");
        return Err(Error::Config { object: L::CLASS.into(), what });
    }
    let layer: L = configs::parse(L::CLASS, &config)?;
    let idle = |key: &str, value: &Value| key == "dtype" || *value == Value::Bool(false);
    configs::check_heeded(L::CLASS, &config, &layer, <L as Layer>::config, idle)?;
    Ok(Box::new(layer))
}

/// A setting that Keras has and this layer does not: written as null, and an error where a config has more (see [`make`]).
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Unset;

impl<'de> Deserialize<'de> for Unset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Unset)
    }
}

/// A setting that Keras has and writes as false, and that is never true here: an error where a config says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Never;

impl Serialize for Never {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(false)
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null | Value::Bool(false) => Ok(Never),
            other => {
                let found: String = other.to_string().chars().take(40).collect();
                Err(serde::de::Error::custom(format!("{found} is not supported; false is")))
            }
        }
    }
}

//! How models are written: builders in any order, one way to name things, words for options, lists of any length.

use ndarray::Array2;
use rhyton_engine::callbacks::{EarlyStopping, LambdaCallback};
use rhyton_engine::device::Device;
use rhyton_engine::graph::{Builder, CallContext, Layer, LayerExt, LayerRef, Shape, Tensor, Variable};
use rhyton_engine::layers;
use rhyton_engine::layers::{
    Activation, ActivityRegularization, AdaptiveAveragePooling1D, AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D, AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D, Add,
    AdditiveAttention, AlphaDropout, Attention, AugMix, AutoContrast, Average, AveragePooling1D,
    AveragePooling2D, AveragePooling3D, BatchNormalization, Bidirectional, CategoryEncoding, CenterCrop,
    Concatenate, ContrastLimitedAdaptiveHistogramEqualization, Conv1D, Conv1DTranspose, Conv2D,
    Conv2DTranspose, Conv3D, Conv3DTranspose, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, Cropping1D, Cropping2D,
    Cropping3D, CustomScaleLayer, CutMix, DataFormat, Dense, DepthwiseConv1D, DepthwiseConv2D,
    Discretization, Dot, Dropout, ELU, EinsumDense, Embedding, Equalization, Flatten, GRU, GRUCell,
    GaussianDropout, GaussianNoise, GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
    GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D, GroupNormalization, GroupedQueryAttention,
    HashedCrossing, Hashing, Identity, InputLayer, IntegerLookup, LAYERS, LSTM, LSTMCell, Lambda,
    LayerNormalization, LayerScale, LeakyReLU, LocallyConnected1D, LocallyConnected2D, Masking,
    MaxNumBoundingBoxes, MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, MelSpectrogram, Minimum, MixUp,
    MultiHeadAttention, Multiply, Normalization, PReLU, Padding, Permute, Pipeline, RMSNormalization, RNN,
    RandAugment, RandomBrightness, RandomColorDegeneration, RandomColorJitter, RandomContrast, RandomCrop,
    RandomElasticTransform, RandomErasing, RandomFlip, RandomGaussianBlur, RandomGrayscale, RandomHeight,
    RandomHue, RandomInvert, RandomPerspective, RandomPosterization, RandomRotation, RandomSaturation,
    RandomSharpness, RandomShear, RandomTranslation, RandomWidth, RandomZoom, ReLU, RenormClipping,
    RepeatVector, Rescaling, Reshape, Resizing, ReversibleEmbedding, STFTSpectrogram, SeparableConv1D,
    SeparableConv2D, SimpleRNN, SimpleRNNCell, Size1D, Softmax, Solarization, SpatialDropout1D,
    SpatialDropout2D, SpatialDropout3D, SpectralNormalization, Split, StackedRNNCells, StochasticDepth,
    StringLookup, Subtract, TextVectorization, ThresholdedReLU, TimeDistributed, UnitNormalization,
    UpSampling1D, UpSampling2D, UpSampling3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
use rhyton_engine::losses::{MeanSquaredError, Reduction};
use rhyton_engine::metrics::Recall;
use rhyton_engine::train::{Apply, Logs, Model, NameModel, Sequential, input};
use rhyton_engine::{Error, callback_list, losses, metrics};
use serde::Serialize;

/// Every builder of every layer, after the settings that all layers have.
#[test]
fn builders_come_in_any_order() {
    macro_rules! settled {
        ($layer:expr) => {
            $layer.input_shape([4, 4, 2]).name("given").trainable(false)
        };
    }
    let all: Vec<LayerRef> = vec![
        settled!(Dense::new(3))
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(Conv2D::new(3, 2))
            .strides(1)
            .padding("same")
            .data_format("channels_last")
            .dilation_rate(1)
            .groups(1)
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(BatchNormalization::new())
            .axis(-1)
            .momentum(0.9)
            .epsilon(0.01)
            .center(false)
            .scale(false)
            .beta_initializer("ones")
            .gamma_initializer("ones")
            .beta_regularizer("l2")
            .gamma_regularizer("l2")
            .moving_mean_initializer("ones")
            .moving_variance_initializer("ones")
            .renorm(true)
            .renorm_clipping(RenormClipping { rmax: Some(2.0), ..RenormClipping::default() })
            .renorm_momentum(0.9)
            .into(),
        settled!(LayerNormalization::new())
            .axis(-1)
            .epsilon(0.01)
            .center(false)
            .scale(false)
            .beta_initializer("ones")
            .gamma_initializer("ones")
            .beta_regularizer("l2")
            .gamma_regularizer("l2")
            .into(),
        settled!(Dropout::new(0.5)).noise_shape([None, Some(1)]).seed(3).into(),
        settled!(GaussianNoise::new(0.5)).seed(3).into(),
        settled!(GaussianDropout::new(0.5)).seed(3).into(),
        settled!(Flatten::new()).data_format(DataFormat::ChannelsFirst).into(),
        settled!(GlobalAveragePooling2D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(GlobalMaxPooling2D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(MaxPooling2D::new(2)).strides(1).padding(Padding::Same).data_format("channels_first").into(),
        settled!(AveragePooling2D::new(2)).strides(1).padding("SAME").data_format("channels_first").into(),
        settled!(PReLU::new()).alpha_initializer("ones").alpha_regularizer("l2").shared_axes([1]).into(),
        settled!(ReLU::new()).max_value(6.0).negative_slope(0.1).threshold(0.5).into(),
        settled!(LeakyReLU::new()).negative_slope(0.1).into(),
        settled!(ELU::new()).alpha(0.5).into(),
        settled!(Rescaling::new(2.0)).offset(1.0).into(),
        settled!(Softmax::new()).axis(1).into(),
        settled!(UnitNormalization::new()).axis(1).into(),
        settled!(Concatenate::new()).axis(1).into(),
        settled!(Activation::new("relu")).into(),
        settled!(Identity::new()).into(),
        settled!(ActivityRegularization::new(0.1, 0.1)).into(),
        settled!(InputLayer::new([4, 4, 2])).into(),
        settled!(Permute::new([2, 1, 3])).into(),
        settled!(RepeatVector::new(2)).into(),
        settled!(Reshape::new([8, 4])).into(),
        settled!(Add::new()).into(),
        settled!(Average::new()).into(),
        settled!(Maximum::new()).into(),
        settled!(Minimum::new()).into(),
        settled!(Multiply::new()).into(),
        settled!(Subtract::new()).into(),
        settled!(Embedding::new(3, 2))
            .embeddings_initializer("ones")
            .embeddings_regularizer("l2")
            .mask_zero(true)
            .into(),
        settled!(Masking::new(1.0)).into(),
        settled!(GroupedQueryAttention::new(2, 4, 2))
            .use_bias(false)
            .use_gate(true)
            .sliding_window(2)
            .dropout(0.1)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l2")
            .kernel_constraint("non_neg")
            .bias_constraint("non_neg")
            .seed(3)
            .into(),
        settled!(ReversibleEmbedding::new(3, 2))
            .embeddings_initializer("ones")
            .embeddings_regularizer("l2")
            .embeddings_constraint("non_neg")
            .mask_zero(true)
            .tie_weights(false)
            .reverse_dtype("float16".to_owned())
            .logit_soft_cap(3.0)
            .into(),
        settled!(SpectralNormalization::new(Dense::new(2))).power_iterations(2).into(),
        settled!(Lambda::new("relu")).into(),
        settled!(ThresholdedReLU::new()).theta(0.5).into(),
        settled!(LocallyConnected1D::new(3, 2)).padding("same").implementation(3).strides(2).into(),
        settled!(LocallyConnected2D::new(3, [2, 1])).activation("relu").use_bias(false).into(),
        settled!(LayerScale::new(0.5, 2)).into(),
        settled!(StochasticDepth::new(0.5)).into(),
        settled!(CustomScaleLayer::new(0.5)).into(),
        settled!(Normalization::new()).axis([1, 2]).mean(1.0).variance(2.0).invert(true).into(),
        settled!(Discretization::new()).bin_boundaries([0.5]).epsilon(0.1).output_mode("count").into(),
        settled!(Discretization::new()).num_bins(3).into(),
        settled!(CategoryEncoding::new(3)).output_mode("one_hot").into(),
        settled!(Hashing::new(3)).salt([1, 2]).mask_value("a").output_mode("count").into(),
        settled!(HashedCrossing::new(3)).output_mode("one_hot").into(),
        settled!(IntegerLookup::new())
            .max_tokens(9)
            .num_oov_indices(2)
            .oov_token(-2)
            .mask_token(0)
            .output_mode("tf_idf")
            .pad_to_max_tokens(true)
            .vocabulary_dtype("int64")
            .vocabulary([1, 2])
            .idf_weights([0.5, 1.0])
            .vocabulary_size(4)
            .oov_method("farmhash")
            .salt(3)
            .into(),
        settled!(StringLookup::new()).vocabulary(["a", "b"]).invert(true).encoding("latin-1").into(),
        settled!(TextVectorization::new())
            .max_tokens(9)
            .standardize("lower")
            .split(Split::Character)
            .ngrams([1, 2])
            .output_mode("int")
            .output_sequence_length(4)
            .pad_to_max_tokens(true)
            .vocabulary(["a", "b"])
            .encoding("latin-1")
            .vocabulary_size(4)
            .into(),
        settled!(TextVectorization::new()).vocabulary(["a"]).output_mode("tf_idf").idf_weights([2.0]).into(),
        settled!(SimpleRNNCell::new(3))
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .into(),
        settled!(SimpleRNN::new(3))
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .return_sequences(true)
            .return_state(true)
            .go_backwards(true)
            .stateful(true)
            .unroll(true)
            .zero_output_for_mask(true)
            .into(),
        settled!(LSTMCell::new(3))
            .activation("relu")
            .recurrent_activation("relu")
            .unit_forget_bias(false)
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .into(),
        settled!(LSTM::new(3))
            .activation("relu")
            .recurrent_activation("relu")
            .unit_forget_bias(false)
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .return_sequences(true)
            .return_state(true)
            .go_backwards(true)
            .stateful(true)
            .unroll(true)
            .zero_output_for_mask(true)
            .into(),
        settled!(GRUCell::new(3))
            .activation("relu")
            .recurrent_activation("relu")
            .reset_after(false)
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .into(),
        settled!(GRU::new(3))
            .activation("relu")
            .recurrent_activation("relu")
            .reset_after(false)
            .use_bias(false)
            .kernel_initializer("ones")
            .recurrent_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .recurrent_regularizer("l2")
            .bias_regularizer("l1")
            .dropout(0.5)
            .recurrent_dropout(0.5)
            .seed(3)
            .return_sequences(true)
            .return_state(true)
            .go_backwards(true)
            .stateful(true)
            .unroll(true)
            .zero_output_for_mask(true)
            .into(),
        settled!(RNN::new(LSTMCell::new(3)))
            .return_sequences(true)
            .return_state(true)
            .go_backwards(true)
            .stateful(true)
            .unroll(true)
            .zero_output_for_mask(true)
            .into(),
        settled!(Pipeline::new([Identity::new().into()])).into(),
        settled!(StackedRNNCells::new([LSTMCell::new(3).into()])).into(),
        settled!(Bidirectional::new(LSTM::new(3)))
            .merge_mode("sum")
            .unmerged()
            .backward_layer(GRU::new(3).go_backwards(true))
            .into(),
        settled!(TimeDistributed::new(Dense::new(3))).into(),
        settled!(AdditiveAttention::new()).use_scale(false).dropout(0.5).seed(3).into(),
        settled!(Attention::new()).use_scale(true).score_mode("concat").dropout(0.5).seed(3).into(),
        settled!(MultiHeadAttention::new(2, 3))
            .value_dim(4)
            .dropout(0.5)
            .use_bias(false)
            .use_gate(false)
            .output_shape([3])
            .attention_axes(1)
            .sliding_window(2)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .seed(3)
            .into(),
        settled!(Conv1D::new(3, 2))
            .strides(1)
            .padding("causal")
            .data_format("channels_first")
            .dilation_rate(1)
            .groups(1)
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(MaxPooling1D::new(2)).strides(1).padding(Padding::Same).data_format("channels_first").into(),
        settled!(AveragePooling1D::new(2)).strides(1).padding("SAME").data_format("channels_first").into(),
        settled!(GlobalAveragePooling1D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(GlobalMaxPooling1D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(Conv3D::new(3, 2)).strides(1).padding("same").groups(1).activation("relu").into(),
        settled!(Conv1DTranspose::new(3, 2))
            .strides(2)
            .padding("same")
            .output_padding(Size1D::from(1))
            .data_format("channels_last")
            .dilation_rate(1)
            .activation("relu")
            .use_bias(false)
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(Conv2DTranspose::new(3, 2)).strides([2, 1]).padding("same").into(),
        settled!(Conv3DTranspose::new(3, 2)).strides((2, 1, 1)).padding("same").into(),
        settled!(DepthwiseConv1D::new(2)).strides(1).padding("same").depth_multiplier(2).into(),
        settled!(DepthwiseConv2D::new(2))
            .strides(1)
            .padding("same")
            .depth_multiplier(2)
            .data_format("channels_last")
            .dilation_rate(1)
            .activation("relu")
            .use_bias(false)
            .depthwise_initializer("ones")
            .bias_initializer("ones")
            .depthwise_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(SeparableConv1D::new(3, 2)).strides(1).padding("causal").depth_multiplier(2).into(),
        settled!(SeparableConv2D::new(3, 2))
            .strides(1)
            .padding("same")
            .data_format("channels_last")
            .dilation_rate(1)
            .depth_multiplier(2)
            .activation("relu")
            .use_bias(false)
            .depthwise_initializer("ones")
            .pointwise_initializer("ones")
            .bias_initializer("ones")
            .depthwise_regularizer("l2")
            .pointwise_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
        settled!(MaxPooling3D::new(2)).strides(1).padding("same").data_format("channels_first").into(),
        settled!(AveragePooling3D::new(2)).strides(1).padding("same").data_format("channels_first").into(),
        settled!(GlobalAveragePooling3D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(GlobalMaxPooling3D::new()).data_format("channels_first").keepdims(true).into(),
        settled!(AdaptiveAveragePooling1D::new(2)).data_format("channels_first").into(),
        settled!(AdaptiveAveragePooling2D::new(2)).data_format("channels_first").into(),
        settled!(AdaptiveAveragePooling3D::new(2)).data_format("channels_first").into(),
        settled!(AdaptiveMaxPooling1D::new(2)).data_format("channels_first").into(),
        settled!(AdaptiveMaxPooling2D::new(2)).data_format("channels_first").into(),
        settled!(AdaptiveMaxPooling3D::new(2)).data_format("channels_first").into(),
        settled!(Cropping1D::new()).cropping((1, 0)).into(),
        settled!(Cropping2D::new()).cropping(1).data_format("channels_first").into(),
        settled!(Cropping3D::new()).cropping([[1, 0], [0, 1], [1, 1]]).data_format("channels_first").into(),
        settled!(ZeroPadding1D::new()).padding([1, 0]).data_format("channels_first").into(),
        settled!(ZeroPadding2D::new()).padding(1).data_format("channels_first").into(),
        settled!(ZeroPadding3D::new()).padding(1).data_format("channels_first").into(),
        settled!(RandomFlip::new())
            .mode("vertical")
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomCrop::new(2, 3))
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomTranslation::new(0.1, [0.1, 0.2]))
            .fill_mode("wrap")
            .interpolation("nearest")
            .seed(3)
            .fill_value(1.0)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomRotation::new((0.1, 0.2)))
            .fill_mode("wrap")
            .interpolation("nearest")
            .seed(3)
            .fill_value(1.0)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomZoom::new(0.1))
            .width_factor(0.2)
            .fill_mode("wrap")
            .interpolation("nearest")
            .seed(3)
            .fill_value(1.0)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomShear::new())
            .x_factor(0.1)
            .y_factor(0.2)
            .fill_mode("wrap")
            .interpolation("nearest")
            .seed(3)
            .fill_value(1.0)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomPerspective::new())
            .factor(0.5)
            .scale(0.5)
            .interpolation("nearest")
            .seed(3)
            .fill_value(1.0)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomElasticTransform::new())
            .factor(0.5)
            .scale(0.5)
            .interpolation("nearest")
            .fill_mode("wrap")
            .seed(3)
            .fill_value(1.0)
            .value_range([0.0, 1.0])
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomBrightness::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomContrast::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomSaturation::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomHue::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomColorDegeneration::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomSharpness::new(0.1))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomPosterization::new(3))
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomColorJitter::new())
            .brightness_factor(0.1)
            .contrast_factor(0.2)
            .saturation_factor(0.3)
            .hue_factor(0.4)
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomInvert::new())
            .factor(0.5)
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomGrayscale::new())
            .factor(0.25)
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomGaussianBlur::new())
            .factor(0.5)
            .kernel_size(5)
            .sigma(0.5)
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandomErasing::new())
            .factor(0.5)
            .scale(0.5)
            .fill_value(1.0)
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(Solarization::new())
            .addition_factor(0.5)
            .threshold_factor(0.5)
            .value_range([0.0, 1.0])
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(AutoContrast::new())
            .value_range([0.0, 1.0])
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(Equalization::new())
            .bins(16)
            .value_range([0.0, 1.0])
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(MixUp::new())
            .alpha(0.5)
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(CutMix::new())
            .factor(0.5)
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(MaxNumBoundingBoxes::new(3))
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(RandAugment::new())
            .value_range([0.0, 1.0])
            .num_ops(1)
            .factor(0.25)
            .interpolation("nearest")
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(AugMix::new())
            .value_range([0.0, 1.0])
            .num_chains(1)
            .chain_depth(1)
            .factor(0.25)
            .alpha(0.5)
            .all_ops(false)
            .interpolation("nearest")
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(ContrastLimitedAdaptiveHistogramEqualization::new())
            .value_range([0.0, 1.0])
            .clip_limit(2.0)
            .tile_grid_size(2)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(STFTSpectrogram::new())
            .mode("psd")
            .frame_length(8)
            .frame_step(2)
            .fft_length(16)
            .window("hamming")
            .periodic(true)
            .scaling("spectrum")
            .padding("same")
            .data_format("channels_first")
            .expand_dims(true)
            .into(),
        settled!(MelSpectrogram::new())
            .fft_length(16)
            .sequence_stride(4)
            .sequence_length(8)
            .window("hamming")
            .sampling_rate(8000.0)
            .num_mel_bins(4)
            .min_freq(10.0)
            .max_freq(100.0)
            .power_to_db(false)
            .top_db(10.0)
            .mag_exp(1.0)
            .min_power(1e-5)
            .ref_power(2.0)
            .into(),
        settled!(RandomHeight::new(0.1)).interpolation("area").seed(3).into(),
        settled!(RandomWidth::new(0.1)).interpolation("area").seed(3).into(),
        settled!(UpSampling1D::new()).size(3).into(),
        settled!(Resizing::new(2, 3))
            .interpolation("bicubic")
            .crop_to_aspect_ratio(false)
            .pad_to_aspect_ratio(true)
            .fill_mode("constant")
            .fill_value(1.0)
            .antialias(true)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(CenterCrop::new(2, 3))
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        settled!(UpSampling2D::new()).size(3).interpolation("bilinear").data_format("channels_first").into(),
        settled!(UpSampling3D::new()).size(3).data_format("channels_first").into(),
        settled!(SpatialDropout1D::new(0.5)).seed(3).into(),
        settled!(SpatialDropout2D::new(0.5)).seed(3).data_format("channels_first").into(),
        settled!(SpatialDropout3D::new(0.5)).seed(3).data_format("channels_first").into(),
        settled!(AlphaDropout::new(0.5)).seed(3).noise_shape([None, Some(1)].to_vec()).into(),
        settled!(Dot::new(1)).normalize(true).into(),
        settled!(GroupNormalization::new())
            .groups(2)
            .axis(1)
            .epsilon(0.01)
            .center(false)
            .scale(false)
            .beta_initializer("ones")
            .gamma_initializer("ones")
            .beta_regularizer("l2")
            .gamma_regularizer("l1")
            .into(),
        settled!(ConvLSTM1D::new(3, 2)).return_sequences(true).activation("relu").strides(2).into(),
        settled!(ConvLSTM2D::new(3, (2, 1)))
            .padding("same")
            .data_format("channels_first")
            .recurrent_activation("relu")
            .use_bias(false)
            .kernel_regularizer("l2")
            .kernel_constraint("non_neg")
            .dropout(0.25)
            .into(),
        settled!(ConvLSTM3D::new(3, 2)).dilation_rate(2).unit_forget_bias(false).go_backwards(true).into(),
        settled!(RMSNormalization::new()).axis([1, 2]).epsilon(0.01).into(),
        settled!(EinsumDense::new("abc,cd->abd", [None, Some(3)]))
            .activation("relu")
            .bias_axes("d".to_owned())
            .kernel_initializer("ones")
            .bias_initializer("ones")
            .kernel_regularizer("l2")
            .bias_regularizer("l1")
            .into(),
    ];
    for layer in &all {
        assert_eq!(layer.name(), "given", "{layer:?}");
        assert!(!layer.is_trainable(), "{layer:?}");
        assert_eq!(layer.settings().input_shape, Some(vec![Some(4), Some(4), Some(2)]), "{layer:?}");
    }
    // A class that is added stands here too.
    for class in LAYERS {
        assert!(all.iter().any(|l| l.class_name() == class.name), "{} is not in this test", class.name);
    }
    // What was set after the settings is set.
    let config = all[1].layer().config();
    let of = |key: &str| config.get(key).cloned().unwrap_or_default();
    assert_eq!(
        (of("padding"), of("activation"), of("use_bias")),
        ("same".into(), "relu".into(), false.into())
    );
}

/// The same model, however its builders are ordered.
#[test]
fn the_order_makes_no_difference() {
    let a = Sequential::new((Dense::new(3).activation("relu").input_shape([4]).name("d"),)).unwrap();
    let b = Sequential::new((Dense::new(3).name("d").input_shape([4]).activation("relu"),)).unwrap();
    let config = |m: &Model| m.get_layer("d").unwrap().layer().config();
    assert_eq!(config(&a), config(&b));
    assert!(a.is_built() && b.is_built());
}

#[derive(Serialize)]
struct Scale {
    by: f64,
    #[serde(skip)]
    weight: Variable,
}

impl Scale {
    fn new() -> Self {
        Scale { by: 1.0, weight: Variable::default() }
    }
    fn by(mut self, by: f64) -> Self {
        self.by = by;
        self
    }
}

impl Layer for Scale {
    const CLASS: &'static str = "Scale";
    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.weight = builder.add_weight("weight", [input.known(-1)?], "ones", true)?;
        Ok(())
    }
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * &self.weight * self.by
    }
}

#[test]
fn layers_of_users_have_the_same_settings() {
    let mut model = Sequential::new((
        Scale::new().by(2.0).name("first").input_shape([2]),
        Scale::new().name("second").trainable(false).with(|scale| scale.by(3.0)),
    ))
    .unwrap();
    model.to(&Device::cpu().unwrap()).unwrap();
    assert_eq!(model.trainable_variables().len(), 1);
    let x = Array2::<f32>::ones((1, 2));
    assert_eq!(model.predict(&x).verbose(0).run().unwrap().iter().copied().collect::<Vec<_>>(), [6.0, 6.0]);
    assert_eq!(model.layers().iter().map(LayerRef::name).collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn models_symbols_and_shared_layers_are_named_alike() {
    let (a, b) = (input([2]).name("left"), input([2]).name("right"));
    let both = Dense::new(3).name("both").shared();
    let model =
        Model::new([&a, &b], Add::new().name("sum").on([&both.clone().on(&a), &both.on(&b)])).name("pair");
    let model = model.unwrap();
    assert_eq!(model.name(), "pair");
    // One layer, called twice.
    assert_eq!(model.count_params(), 9);
    let names: Vec<String> = model.layers().iter().map(LayerRef::name).collect();
    assert_eq!(names, ["left", "right", "both", "sum"]);
    // A model that could not be made is not named either.
    assert!(Sequential::new((Dense::new(0).input_shape([2]),)).name("none").is_err());
}

#[test]
fn wrong_words_are_errors_that_name_the_option() {
    let wrong = |layer: LayerRef| {
        let error = Sequential::new(vec![layer.input_shape([4, 4, 2])]).map(|_| ()).unwrap_err();
        error.to_string()
    };
    for error in [
        wrong(Conv2D::new(1, 2).padding("smae").name("l").into()),
        wrong(MaxPooling2D::new(2).name("l").padding("smae").into()),
        wrong(AveragePooling2D::new(2).padding("smae").name("l").into()),
    ] {
        let said = "padding is \"smae\", but must be \"valid\" or \"same\"; did you mean `same`?";
        assert_eq!(error, format!("layer l: {said}"));
    }
    for error in [
        wrong(Conv2D::new(1, 2).data_format("channels_frist").into()),
        wrong(MaxPooling2D::new(2).data_format("channels_frist").into()),
        wrong(AveragePooling2D::new(2).data_format("channels_frist").into()),
        wrong(GlobalMaxPooling2D::new().data_format("channels_frist").into()),
        wrong(GlobalAveragePooling2D::new().data_format("channels_frist").into()),
        wrong(Flatten::new().data_format("channels_frist").into()),
    ] {
        assert!(
            error.contains("data_format is \"channels_frist\"") && error.contains("`channels_first`?"),
            "{error}"
        );
    }

    let mut model = Sequential::new((Dense::new(3).input_shape([2]),)).unwrap();
    model.to(&Device::cpu().unwrap()).unwrap();
    let error = model.compile("sgd", MeanSquaredError::new().reduction("summ"), ()).unwrap_err().to_string();
    assert!(error.contains("reduction is \"summ\"") && error.contains("did you mean `sum`?"), "{error}");
    model.compile("sgd", MeanSquaredError::new().reduction("sum"), ()).unwrap();
    model.compile("sgd", MeanSquaredError::new().reduction(Reduction::Sum), ()).unwrap();

    let (x, y) = (Array2::<f32>::ones((4, 2)), Array2::<f32>::ones((4, 3)));
    let mut told = |mut stop: EarlyStopping| {
        let error = model.fit(&x, &y).verbose(0).callbacks([&mut stop]).run().unwrap_err().to_string();
        assert_eq!(model.iterations(), 0, "{error}");
        error
    };
    let error = told(EarlyStopping::new().monitor("loss").mode("maximum"));
    for part in ["callback EarlyStopping", "mode is \"maximum\"", "\"auto\", \"min\" or \"max\""] {
        assert!(error.contains(part), "{error}");
    }
    let error = told(EarlyStopping::new().monitor("loss").verbose(3));
    assert!(error.contains("verbose is 3"), "{error}");
}

#[test]
fn lists_have_any_length_and_mixed_types() {
    let mut many = layers![Dense::new(3).input_shape([2]), Dropout::new(0.1), ReLU::new().name("last")];
    many.extend((0..20).map(|_| Dense::new(3).into()));
    let mut model = Sequential::new(many).unwrap();
    model.to(&Device::cpu().unwrap()).unwrap();
    assert_eq!(model.layers().len(), 23);

    let wide = |t: Tensor, p: Tensor| (t - p).abs().mean(&[-1]);
    let listed = metrics!["mae", Recall::new(), wide, "mse", "mape", "msle", "cosine_similarity", "logcosh"];
    model.compile("sgd", losses![MeanSquaredError::new()], listed).unwrap();
    let (x, y) = (Array2::<f32>::ones((4, 2)), Array2::<f32>::ones((4, 3)));
    let mut calls = [0; 6];
    let [a, b, c, d, e, f] = &mut calls;
    let mut counters = [a, b, c, d, e, f].map(|n| {
        LambdaCallback::on_epoch_end(move |_, _: &Logs, _| {
            *n += 1;
            Ok(())
        })
    });
    let mut stop = EarlyStopping::new().monitor("loss").patience(9);
    let [a, b, c, d, e, f] = &mut counters;
    let callbacks = callback_list![a, b, c, &mut stop, d, e, f];
    let history = model.fit(&x, &y).verbose(0).callbacks(callbacks).run().unwrap();
    assert_eq!(history.history.len(), 9);
    assert_eq!(calls, [1; 6]);

    // Of several outputs, by name, in mixed types.
    let x = input([2]);
    let mut model =
        Model::new(&x, [Dense::new(1).name("price").on(&x), Dense::new(3).name("kind").on(&x)]).unwrap();
    model
        .compile(
            "sgd",
            losses!["kind" => "sparse_categorical_crossentropy", "price" => MeanSquaredError::new()],
            metrics!["kind" => metrics!["accuracy", "sparse_categorical_accuracy"], "price" => Recall::new()],
        )
        .unwrap();
    let config = &model.compiled().unwrap().config;
    assert_eq!(config.loss[0]["class_name"], "MeanSquaredError");
    assert_eq!(config.metrics[1][1], "sparse_categorical_accuracy");
}

#[test]
fn a_sequential_grows() {
    let mut model = Sequential::new(()).unwrap();
    model.add(Dense::new(3).input_shape([2])).unwrap().add(Dropout::new(0.1)).unwrap();
    model.add(Dense::new(1).name("out")).unwrap();
    let whole =
        Sequential::new((Dense::new(3).input_shape([2]), Dropout::new(0.1), Dense::new(1).name("out")))
            .unwrap();
    assert_eq!((model.count_params(), model.layers().len()), (whole.count_params(), 3));
    assert_eq!(model.get_layer("out").unwrap().name(), "out");
    // What does not fit is not added.
    assert!(model.add(Reshape::new([7, 7])).is_err());
    assert_eq!(model.layers().len(), 3);
    model.compile("sgd", "mse", ()).unwrap();
    assert!(model.add(Dense::new(1)).unwrap_err().to_string().contains("before `compile`"));
    // Not built yet: it grows, and the first data build it.
    let mut late = Sequential::new(layers![]).unwrap();
    late.add(Dense::new(3)).unwrap().add(Dense::new(2)).unwrap();
    assert!(!late.is_built());
    late.to(&Device::cpu().unwrap()).unwrap();
    assert_eq!(late.predict(&Array2::<f32>::ones((4, 2))).verbose(0).run().unwrap().shape(), [4, 2]);
    let x = input([2]);
    let mut functional = Model::new(&x, Dense::new(1).on(&x)).unwrap();
    assert!(functional.add(Dense::new(1)).unwrap_err().to_string().contains("functional"));
}

#[test]
fn a_mistyped_monitor_is_guessed() {
    use rhyton_engine::train::{Callback, Control};
    let (mut stop, mut control) = (EarlyStopping::new().monitor("val_los"), Control::default());
    let logs = Logs(vec![("loss".into(), 1.0), ("val_loss".into(), 2.0)]);
    stop.on_epoch_end(0, &logs, &mut control).unwrap();
    assert!(
        control.messages[0].ends_with("loss,val_loss; did you mean `val_loss`?"),
        "{:?}",
        control.messages
    );
}

/// Checks that what a debugger or `{:?}` shows is short, and says what it is.
#[test]
fn everything_has_a_short_debug() {
    let mut model = Sequential::new((Dense::new(300).input_shape([300]).name("wide"),)).name("m").unwrap();
    model.compile("sgd", "mse", ["mae"]).unwrap();
    let (x, y) = (Array2::<f32>::ones((4, 300)), Array2::<f32>::ones((4, 300)));
    for (text, part) in [
        (format!("{model:?}"), "name: \"m\""),
        (format!("{:?}", model.snapshot().unwrap()), "words: 90000"),
        (format!("{:?}", model.fit(&x, &y)), "batch_size: 32"),
        (format!("{:?}", Dense::new(3).name("d")), "name: \"d\""),
        (format!("{:?}", model.compiled().unwrap()), "SGD"),
    ] {
        assert!(text.contains(part) && text.len() < 5000, "{text}");
    }
}

//! The classes that Keras 3.15 and tf_keras 2.21 have: what is unknown here is either one of them, or somebody's own.

/// Names of Keras' classes by kind.
static CLASSES: &[(&str, &str)] = &[
    (
        "layer",
        "AbstractRNNCell Activation ActivityRegularization AdaptiveAveragePooling1D \
         AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D \
         AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average \
         AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D \
         BatchNormalization Bidirectional CategoryEncoding CenterCrop ClassMethod Concatenate \
         ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose \
         Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose \
         Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D \
         Cropping3D CuDNNGRU CuDNNLSTM CutMix Dense DenseFeatures DepthwiseConv1D DepthwiseConv2D \
         Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten FlaxLayer GRU GRUCell \
         GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D \
         GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D \
         GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D \
         GroupNormalization GroupQueryAttention GroupedQueryAttention HashedCrossing Hashing Identity InputLayer InputSpec \
         IntegerLookup JaxLayer LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU \
         LocallyConnected1D LocallyConnected2D Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D \
         MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention \
         Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness \
         RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform \
         RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert \
         RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness \
         RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape \
         Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D \
         SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell SlicingOpLambda Softmax \
         Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization \
         StackedRNNCells StringLookup Subtract SyncBatchNormalization TFOpLambda TFSMLayer \
         TensorFlowOpLayer TextVectorization ThresholdedReLU TimeDistributed TorchModuleWrapper \
         UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D \
         ZeroPadding3D",
    ),
    (
        "optimizer",
        "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer \
         LossScaleOptimizerV3 MultiOptimizer Muon Nadam Optimizer OptimizerMap RMSprop SGD \
         ScheduleFreeAdamW",
    ),
    (
        "schedule",
        "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule \
         PiecewiseConstantDecay PolynomialDecay",
    ),
    (
        "loss",
        "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy \
         CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle \
         CosineSimilarity Dice Hinge Huber KLDivergence LogCosh Loss MeanAbsoluteError \
         MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson Reduction \
         SparseCategoricalCrossentropy SquaredHinge Tversky",
    ),
    (
        "metric",
        "AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy \
         CategoricalCrossentropy CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score \
         FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence LogCoshError Mean \
         MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper MeanRelativeError \
         MeanSquaredError MeanSquaredLogarithmicError MeanTensor Metric OneHotIoU OneHotMeanIoU \
         PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision \
         RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy \
         SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity \
         SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives",
    ),
    (
        "initializer",
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer \
         LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT \
         STFTInitializer TruncatedNormal VarianceScaling Zeros",
    ),
    ("constraint", "Constraint MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm"),
    ("regularizer", "L1 L1L2 L2 OrthogonalRegularizer Regularizer"),
];

/// Returns whether Keras has a class of that name.
pub(super) fn has(kind: &str, name: &str) -> bool {
    let of_kind = CLASSES.iter().filter(|(of, _)| *of == kind);
    of_kind.flat_map(|(_, names)| names.split_whitespace()).any(|class| class == name)
}

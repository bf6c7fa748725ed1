//! What has no numbers to compare: keys that are refused, and keys that are tested elsewhere or change none.

use rhyton_engine::activations::ACTIVATIONS;
use rhyton_engine::constraints::CONSTRAINTS;
use rhyton_engine::initializers::INITIALIZERS;
use rhyton_engine::layers::LAYERS;
use rhyton_engine::losses::LOSSES;
use rhyton_engine::metrics::METRICS;
use rhyton_engine::optimizers::OPTIMIZERS;
use rhyton_engine::optimizers::schedules::SCHEDULES;
use rhyton_engine::regularizers::REGULARIZERS;

/// Every class that the engine has, by group.
pub fn classes() -> Vec<(&'static str, Vec<String>)> {
    let names = |list: Vec<&str>| list.into_iter().map(String::from).collect();
    vec![
        ("layers", names(LAYERS.iter().map(|c| c.name).collect())),
        ("losses", names(LOSSES.iter().map(|c| c.class).collect())),
        ("metrics", names(METRICS.iter().map(|c| c.class).collect())),
        ("optimizers", names(OPTIMIZERS.iter().map(|c| c.names[0]).collect())),
        ("schedules", names(SCHEDULES.iter().map(|c| c.name).collect())),
        ("initializers", names(INITIALIZERS.iter().map(|c| c.names[0]).collect())),
        ("regularizers", names(REGULARIZERS.iter().map(|c| c.names[0]).collect())),
        ("constraints", names(CONSTRAINTS.iter().map(|c| c.names[0]).collect())),
        ("activations", names(ACTIVATIONS.iter().map(|f| f.name).collect())),
    ]
}

/// (group, class, key, and why no number of this table's cases depends on it); `*` for all classes, the key "" for a class without cases.
type Line = (&'static str, &'static str, &'static str, &'static str);

/// Group, class, key, and a value (JSON) that is not supported: the error must name the key.
pub const REFUSED: &[Line] = &[
    ("layers", "BatchNormalization", "renorm", "true"),
    ("layers", "BatchNormalization", "renorm_clipping", r#"{"rmax": 2.0}"#),
    ("layers", "Dense", "lora_rank", "2"),
    ("layers", "Dense", "lora_alpha", "2"),
    ("layers", "Dense", "quantization_config", r#"{"mode": "int8"}"#),
    ("layers", "Softmax", "robust_masking", "true"),
    ("layers", "Concatenate", "axis", "0"),
    ("layers", "SimpleRNN", "time_major", "true"),
    ("layers", "LSTM", "time_major", "true"),
    ("layers", "GRU", "time_major", "true"),
    ("layers", "RNN", "time_major", "true"),
    ("layers", "ConvLSTM1D", "time_major", "true"),
    ("layers", "ConvLSTM2D", "time_major", "true"),
    ("layers", "ConvLSTM3D", "time_major", "true"),
    ("layers", "Embedding", "lora_rank", "2"),
    ("layers", "Embedding", "lora_alpha", "2"),
    ("layers", "Embedding", "quantization_config", r#"{"mode": "int8"}"#),
    ("layers", "Embedding", "sparse", "true"),
    ("layers", "MultiHeadAttention", "use_gate", "true"),
    ("layers", "MultiHeadAttention", "attention_axes", "[2]"),
    ("layers", "MultiHeadAttention", "flash_attention", "true"),
    ("layers", "MultiHeadAttention", "softmax_robust_masking", "true"),
    ("layers", "MultiHeadAttention", "query_shape", "[null, 3, 4]"),
    ("layers", "MultiHeadAttention", "key_shape", "[null, 3, 4]"),
    ("layers", "MultiHeadAttention", "value_shape", "[null, 3, 4]"),
    ("layers", "EinsumDense", "lora_rank", "2"),
    ("layers", "EinsumDense", "lora_alpha", "2"),
    ("layers", "EinsumDense", "gptq_unpacked_column_size", "2"),
    ("layers", "EinsumDense", "quantization_config", r#"{"mode": "int8"}"#),
    ("layers", "Conv1DTranspose", "groups", "2"),
    ("layers", "Conv2DTranspose", "groups", "2"),
    ("layers", "Conv3DTranspose", "groups", "2"),
    ("layers", "DepthwiseConv1D", "groups", "2"),
    ("layers", "DepthwiseConv2D", "groups", "2"),
    ("layers", "SeparableConv1D", "groups", "2"),
    ("layers", "SeparableConv2D", "groups", "2"),
    ("layers", "SpatialDropout1D", "noise_shape", "[1, 2, 3]"),
    ("layers", "SpatialDropout2D", "noise_shape", "[1, 2, 3]"),
    ("layers", "SpatialDropout3D", "noise_shape", "[1, 2, 3]"),
    ("layers", "Resizing", "fill_mode", r#""reflect""#),
    ("optimizers", "*", "use_ema", "true"),
    ("optimizers", "*", "gradient_accumulation_steps", "2"),
    ("optimizers", "Adam", "adaptive_epsilon", "true"),
    ("losses", "SparseCategoricalCrossentropy", "axis", "1"),
    ("metrics", "SparseCategoricalCrossentropy", "axis", "1"),
    ("metrics", "SparseTopKCategoricalAccuracy", "from_sorted_ids", "true"),
];

/// Keys that are tested elsewhere, or that no number depends on.
pub const ELSEWHERE: &[Line] = &[
    ("layers", "SimpleRNN", "stateful", "tests/stateful.rs"),
    ("layers", "LSTM", "stateful", "tests/stateful.rs"),
    ("layers", "GRU", "stateful", "tests/stateful.rs"),
    ("layers", "RNN", "stateful", "tests/stateful.rs"),
    ("layers", "ConvLSTM1D", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM1D", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM1D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "ConvLSTM1D", "stateful", "tests/stateful.rs"),
    ("layers", "ConvLSTM1D", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    ("layers", "ConvLSTM2D", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM2D", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM2D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "ConvLSTM2D", "stateful", "tests/stateful.rs"),
    ("layers", "ConvLSTM2D", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    ("layers", "ConvLSTM3D", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM3D", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "ConvLSTM3D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "ConvLSTM3D", "stateful", "tests/stateful.rs"),
    ("layers", "ConvLSTM3D", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    (
        "layers",
        "ConvLSTM1D",
        "zero_output_for_mask",
        "as LSTM's case has it: no layer in front gives pictures a mask of steps",
    ),
    (
        "layers",
        "ConvLSTM2D",
        "zero_output_for_mask",
        "as LSTM's case has it: no layer in front gives pictures a mask of steps",
    ),
    (
        "layers",
        "ConvLSTM3D",
        "zero_output_for_mask",
        "as LSTM's case has it: no layer in front gives pictures a mask of steps",
    ),
    (
        "layers",
        "ConvLSTM3D",
        "dilation_rate",
        "as those over one and two axes have it; TensorFlow has no such kernel on the CPU",
    ),
    ("layers", "InputLayer", "", "every model of this table begins with one"),
    ("layers", "InputLayer", "shape", "an argument; files have batch_shape"),
    ("layers", "InputLayer", "input_shape", "an argument; files have batch_shape"),
    ("layers", "InputLayer", "batch_size", "an argument; files have batch_shape"),
    ("layers", "InputLayer", "batch_shape", "types::inputs_of_a_fixed_batch"),
    ("layers", "InputLayer", "batch_input_shape", "types::inputs_of_a_fixed_batch"),
    ("layers", "InputLayer", "input_tensor", "an argument; no file has it"),
    ("layers", "InputLayer", "type_spec", "an argument; no file has it"),
    (
        "layers",
        "InputLayer",
        "sparse",
        "how Keras takes data; here all are dense, and the numbers are the same",
    ),
    (
        "layers",
        "InputLayer",
        "ragged",
        "how Keras takes data; here all are dense, and the numbers are the same",
    ),
    ("layers", "InputLayer", "optional", "whether None may be given, which no data here can be"),
    ("layers", "Dropout", "", "random: types::random_layers"),
    ("layers", "Dropout", "rate", "random: types::random_layers"),
    ("layers", "Dropout", "noise_shape", "random: types::random_layers"),
    ("layers", "Dropout", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "GaussianNoise", "", "random: types::random_layers"),
    ("layers", "GaussianNoise", "stddev", "random: types::random_layers"),
    ("layers", "GaussianNoise", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "GaussianDropout", "", "random: types::random_layers"),
    ("layers", "GaussianDropout", "rate", "random: types::random_layers"),
    ("layers", "GaussianDropout", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "SpatialDropout1D", "", "random: types::random_layers"),
    ("layers", "SpatialDropout1D", "rate", "random: types::random_layers"),
    ("layers", "SpatialDropout1D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "SpatialDropout2D", "", "random: types::random_layers"),
    ("layers", "SpatialDropout2D", "rate", "random: types::random_layers"),
    ("layers", "SpatialDropout2D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "SpatialDropout2D", "data_format", "random: types::random_layers"),
    ("layers", "SpatialDropout3D", "", "random: types::random_layers"),
    ("layers", "SpatialDropout3D", "rate", "random: types::random_layers"),
    ("layers", "SpatialDropout3D", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "SpatialDropout3D", "data_format", "random: types::random_layers"),
    ("layers", "AlphaDropout", "", "random: types::random_layers"),
    ("layers", "AlphaDropout", "rate", "random: types::random_layers"),
    ("layers", "AlphaDropout", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "AlphaDropout", "noise_shape", "random: types::random_layers"),
    (
        "layers",
        "SeparableConv1D",
        "kernel_initializer",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    (
        "layers",
        "SeparableConv1D",
        "kernel_regularizer",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    (
        "layers",
        "SeparableConv1D",
        "kernel_constraint",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    (
        "layers",
        "SeparableConv2D",
        "kernel_initializer",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    (
        "layers",
        "SeparableConv2D",
        "kernel_regularizer",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    (
        "layers",
        "SeparableConv2D",
        "kernel_constraint",
        "Keras 2 writes it; there is no such kernel, and it reads none",
    ),
    ("layers", "BatchNormalization", "synchronized", "over several devices; there is one"),
    (
        "layers",
        "BatchNormalization",
        "renorm_momentum",
        "without renorm, which is refused, it has no meaning",
    ),
    ("layers", "SimpleRNN", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "SimpleRNN", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "SimpleRNN", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "LSTM", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "LSTM", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "LSTM", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "GRU", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "GRU", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "GRU", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "SimpleRNNCell", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "SimpleRNNCell", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "SimpleRNNCell", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "LSTMCell", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "LSTMCell", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "LSTMCell", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "GRUCell", "dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "GRUCell", "recurrent_dropout", "random: types::dropout_of_recurrent_layers"),
    ("layers", "GRUCell", "seed", "another seed, other draws; the draws follow the model's seed"),
    (
        "optimizers",
        "*",
        "loss_scale_factor",
        "gradients are divided by what the loss is multiplied by: `tests/half.rs`",
    ),
    ("layers", "SimpleRNN", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    ("layers", "LSTM", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    ("layers", "GRU", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    ("layers", "RNN", "unroll", "how Keras traces; the numbers are the same, as a case has them"),
    (
        "layers",
        "LSTM",
        "implementation",
        "how Keras 2 cuts a step; the numbers are the same, as a case has them",
    ),
    (
        "layers",
        "GRU",
        "implementation",
        "how Keras 2 cuts a step; the numbers are the same, as a case has them",
    ),
    (
        "layers",
        "LSTMCell",
        "implementation",
        "how Keras 2 cuts a step; the numbers are the same, as a case has them",
    ),
    (
        "layers",
        "GRUCell",
        "implementation",
        "how Keras 2 cuts a step; the numbers are the same, as a case has them",
    ),
    ("layers", "LSTM", "use_cudnn", "an argument; no file has it"),
    ("layers", "GRU", "use_cudnn", "an argument; no file has it"),
    ("layers", "Bidirectional", "weights", "an argument; no file has it"),
    ("layers", "Embedding", "weights", "an argument; no file has it"),
    ("layers", "Embedding", "batch_input_shape", "types::inputs_of_a_fixed_batch"),
    ("layers", "Embedding", "input_length", "the shape of an input that has it anyway; a case has it"),
    ("layers", "AdditiveAttention", "dropout", "random: types::dropout_of_attention"),
    ("layers", "AdditiveAttention", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "Attention", "dropout", "random: types::dropout_of_attention"),
    ("layers", "Attention", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("layers", "MultiHeadAttention", "dropout", "random: types::dropout_of_attention"),
    ("layers", "MultiHeadAttention", "seed", "another seed, other draws; the draws follow the model's seed"),
    ("optimizers", "*", "ema_momentum", "without use_ema, which is refused, it has no meaning"),
    ("optimizers", "*", "ema_overwrite_frequency", "without use_ema, which is refused, it has no meaning"),
    ("optimizers", "*", "is_legacy_optimizer", "training::older_optimizers"),
    ("initializers", "*", "seed", "initializers::tests: the same seed, the same numbers"),
    (
        "losses",
        "*",
        "fn",
        "Keras 2's name of the class' own function; another is refused: types::functions_of_losses",
    ),
];

fn find(lines: &'static [Line], group: &str, class: &str, key: &str) -> Option<&'static str> {
    let of = |l: &&Line| l.0 == group && (l.1 == "*" || l.1 == class) && l.2 == key;
    lines.iter().find(of).map(|l| l.3)
}

/// A value of this key that is not supported.
pub fn refused(group: &str, class: &str, key: &str) -> Option<&'static str> {
    find(REFUSED, group, class, key)
}

/// Returns why this key has no case.
pub fn elsewhere(group: &str, class: &str, key: &str) -> Option<&'static str> {
    find(ELSEWHERE, group, class, key)
}

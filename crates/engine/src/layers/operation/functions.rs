//! Names of TensorFlow's functions, as tf_keras lists them among the layers of a functional model, with the rows that compute them.
//!
//! To add one: a row of [`FUNCTIONS`]; where no row of Keras' tables computes it, one in `tensorflow.rs` too.

use std::sync::LazyLock;

use super::tensorflow::OWN;
use super::{Row, operations};

/// Functions, by the names that tf_keras writes; the row that computes them; their arguments in TensorFlow's order. `a=b`: Keras' tables call it b. Behind a
/// minus: what changes nothing.
static FUNCTIONS: &[(&str, &str, &str)] = &[
    ("math.abs abs", "Absolute", "x"),
    ("math.acos acos", "Arccos", "x"),
    ("math.acosh acosh", "Arccosh", "x"),
    ("math.add add __operators__.add", "Add", "x=x1 y=x2"),
    ("math.add_n add_n math.accumulate_n", "AddN", "inputs=xs -shape -tensor_dtype"),
    ("math.argmax argmax compat.v1.argmax", "ArgMax", "input=x axis output_type"),
    ("math.argmin argmin compat.v1.argmin", "ArgMin", "input=x axis output_type"),
    ("argsort", "Argsort", "values=x axis direction -stable"),
    ("math.asin asin", "Arcsin", "x"),
    ("math.asinh asinh", "Arcsinh", "x"),
    ("math.atan atan", "Arctan", "x"),
    ("math.atan2 atan2", "Arctan2", "y=x1 x=x2"),
    ("math.atanh atanh", "Arctanh", "x"),
    (
        "nn.avg_pool nn.avg_pool1d nn.avg_pool2d nn.avg_pool3d compat.v1.nn.avg_pool compat.v1.nn.avg_pool2d",
        "AveragePool",
        "input=inputs ksize=pool_size strides padding data_format",
    ),
    ("linalg.band_part", "BandPart", "input=x num_lower num_upper"),
    ("nn.bias_add compat.v1.nn.bias_add", "BiasAdd", "value=x bias data_format"),
    ("bitwise.bitwise_and", "BitwiseAnd", "x y"),
    ("bitwise.bitwise_or", "BitwiseOr", "x y"),
    ("bitwise.bitwise_xor", "BitwiseXor", "x y"),
    ("bitwise.invert", "BitwiseNot", "x"),
    ("broadcast_to", "BroadcastTo", "input=x shape"),
    ("cast compat.v1.cast", "Cast", "x dtype"),
    ("math.ceil ceil", "Ceil", "x"),
    ("clip_by_value compat.v1.clip_by_value", "Clip", "t=x clip_value_min=x_min clip_value_max=x_max"),
    ("concat compat.v1.concat", "Concatenate", "values=xs axis"),
    (
        "nn.conv1d compat.v1.nn.conv1d",
        "Conv",
        "input=inputs filters=kernel stride=strides padding data_format dilations=dilation_rate value=inputs -use_cudnn_on_gpu",
    ),
    (
        "nn.conv2d nn.conv3d nn.convolution compat.v1.nn.conv2d",
        "Conv",
        "input=inputs filters=kernel strides padding data_format dilations=dilation_rate filter=kernel -use_cudnn_on_gpu",
    ),
    ("convert_to_tensor", "ConvertToTensor", "value=x dtype -dtype_hint"),
    ("math.cos cos", "Cos", "x"),
    ("math.cosh cosh", "Cosh", "x"),
    ("math.count_nonzero", "CountNonzero", "input=x axis keepdims dtype"),
    ("nn.crelu compat.v1.nn.crelu", "Crelu", "features=x -name axis"),
    ("math.cumprod", "Cumprod", "x axis exclusive reverse"),
    ("math.cumsum cumsum", "Cumsum", "x axis exclusive reverse"),
    ("nn.depth_to_space compat.v1.depth_to_space", "DepthToSpace", "input=x block_size data_format"),
    (
        "nn.depthwise_conv2d compat.v1.nn.depthwise_conv2d",
        "DepthwiseConv",
        "input=inputs filter=kernel strides padding rate=dilation_rate -name data_format dilations=dilation_rate",
    ),
    ("linalg.det", "Det", "input=x"),
    ("linalg.diag_part", "Diagonal", "input=x k -padding_value -align"),
    ("math.divide math.truediv truediv divide __operators__.truediv", "Divide", "x=x1 y=x2"),
    ("math.divide_no_nan", "DivideNoNan", "x=x1 y=x2"),
    ("nn.elu", "Elu", "features=x"),
    (
        "nn.embedding_lookup compat.v1.nn.embedding_lookup",
        "EmbeddingLookup",
        "params ids max_norm partition_strategy -validate_indices",
    ),
    ("math.equal equal __operators__.eq", "Equal", "x=x1 y=x2"),
    ("math.erf", "Erf", "x"),
    ("math.erfc", "Erfc", "x"),
    ("math.erfinv", "Erfinv", "x"),
    ("math.exp exp", "Exp", "x"),
    ("expand_dims compat.v1.expand_dims", "ExpandDims", "input=x axis dim=axis"),
    ("math.expm1", "Expm1", "x"),
    (
        "image.extract_patches compat.v1.extract_image_patches",
        "ExtractPatches",
        "images sizes=size strides rates padding",
    ),
    ("fill", "Fill", "dims value"),
    ("image.flip_left_right", "FlipImage", "image=x"),
    ("image.flip_up_down", "FlipImageUpDown", "image=x"),
    ("math.floor floor", "Floor", "x"),
    ("math.floordiv compat.v1.floor_div compat.v1.floordiv", "FloorDivide", "x=x1 y=x2"),
    ("math.floormod math.mod", "Mod", "x=x1 y=x2"),
    ("gather compat.v1.gather", "Gather", "params=x indices -validate_indices axis batch_dims"),
    ("gather_nd compat.v1.gather_nd", "GatherNd", "params=x indices batch_dims -name bad_indices_policy"),
    ("nn.gelu", "Gelu", "features=x approximate"),
    ("math.greater greater", "Greater", "x=x1 y=x2"),
    ("math.greater_equal greater_equal", "GreaterEqual", "x=x1 y=x2"),
    ("image.hsv_to_rgb", "HSVToRGB", "images"),
    ("identity compat.v1.identity", "Copy", "input=x"),
    ("compat.v1.math.in_top_k compat.v1.nn.in_top_k", "InTopK", "predictions targets k"),
    ("linalg.inv", "Inv", "input=x adjoint"),
    ("math.is_finite", "Isfinite", "x"),
    ("math.is_inf", "Isinf", "x"),
    ("math.is_nan", "Isnan", "x"),
    (
        "math.l2_normalize nn.l2_normalize linalg.l2_normalize compat.v1.nn.l2_normalize",
        "L2Normalize",
        "x axis epsilon dim=axis",
    ),
    ("nn.leaky_relu", "LeakyRelu", "features=x alpha=negative_slope"),
    ("math.less less", "Less", "x=x1 y=x2"),
    ("math.less_equal less_equal", "LessEqual", "x=x1 y=x2"),
    ("nn.local_response_normalization nn.lrn", "LocalResponse", "input=x depth_radius bias alpha beta"),
    ("math.log", "Log", "x"),
    ("math.log1p", "Log1p", "x"),
    ("math.log_sigmoid", "LogSigmoid", "x"),
    (
        "math.log_softmax nn.log_softmax compat.v1.math.log_softmax compat.v1.nn.log_softmax",
        "LogSoftmax",
        "logits=x axis dim=axis",
    ),
    ("math.logical_and logical_and", "LogicalAnd", "x=x1 y=x2"),
    ("math.logical_not logical_not", "LogicalNot", "x"),
    ("math.logical_or logical_or", "LogicalOr", "x=x1 y=x2"),
    (
        "linalg.matmul matmul",
        "MatMul",
        "a=x1 b=x2 transpose_a transpose_b adjoint_a adjoint_b -a_is_sparse -b_is_sparse output_type -grad_a -grad_b",
    ),
    ("linalg.matrix_transpose compat.v1.matrix_transpose", "MatrixTranspose", "a=x conjugate"),
    ("math.maximum maximum", "Maximum", "x=x1 y=x2"),
    (
        "nn.max_pool nn.max_pool1d nn.max_pool2d nn.max_pool3d compat.v1.nn.max_pool",
        "MaxPool",
        "input=inputs ksize=pool_size strides padding data_format",
    ),
    ("math.minimum minimum", "Minimum", "x=x1 y=x2"),
    ("math.multiply multiply __operators__.mul", "Multiply", "x=x1 y=x2"),
    ("math.multiply_no_nan", "MultiplyNoNan", "x=x1 y=x2"),
    ("math.negative negative", "Negative", "x"),
    (
        "norm linalg.norm compat.v1.norm compat.v1.linalg.norm",
        "Norm",
        "tensor=x ord axis keepdims keep_dims=keepdims",
    ),
    ("math.not_equal not_equal __operators__.ne", "NotEqual", "x=x1 y=x2"),
    ("one_hot", "OneHot", "indices=x depth=num_classes on_value off_value axis dtype"),
    ("ones", "Ones", "shape dtype"),
    ("ones_like compat.v1.ones_like", "OnesLike", "input=x dtype -layout tensor=x -optimize"),
    ("pad compat.v1.pad", "Pad", "tensor=x paddings=pad_width mode constant_values"),
    ("math.pow pow", "Power", "x=x1 y=x2"),
    ("range", "Range", "start limit delta dtype"),
    ("rank", "Rank", "input=x"),
    ("math.reciprocal", "Reciprocal", "x"),
    ("math.reciprocal_no_nan", "ReciprocalNoNan", "x"),
    ("math.reduce_all reduce_all", "All", "input_tensor=x axis keepdims"),
    ("math.reduce_any reduce_any", "Any", "input_tensor=x axis keepdims"),
    ("math.reduce_euclidean_norm", "EuclideanNorm", "input_tensor=x axis keepdims"),
    ("math.reduce_logsumexp reduce_logsumexp", "Logsumexp", "input_tensor=x axis keepdims"),
    (
        "math.reduce_max reduce_max compat.v1.reduce_max",
        "Max",
        "input_tensor=x axis keepdims reduction_indices=axis keep_dims=keepdims",
    ),
    (
        "math.reduce_mean reduce_mean compat.v1.reduce_mean",
        "ReduceMean",
        "input_tensor=x axis keepdims reduction_indices=axis keep_dims=keepdims",
    ),
    (
        "math.reduce_min reduce_min compat.v1.reduce_min",
        "Min",
        "input_tensor=x axis keepdims reduction_indices=axis keep_dims=keepdims",
    ),
    ("math.reduce_prod reduce_prod", "Prod", "input_tensor=x axis keepdims"),
    ("math.reduce_std", "ReduceStd", "input_tensor=x axis keepdims"),
    (
        "math.reduce_sum reduce_sum compat.v1.reduce_sum",
        "Sum",
        "input_tensor=x axis keepdims reduction_indices=axis keep_dims=keepdims",
    ),
    ("math.reduce_variance", "ReduceVariance", "input_tensor=x axis keepdims"),
    ("nn.relu", "Relu", "features=x"),
    ("nn.relu6", "Relu6", "features=x"),
    ("repeat", "Repeat", "input=x repeats axis"),
    ("reshape compat.v1.reshape manip.reshape", "Reshape", "tensor=x shape=newshape"),
    ("reverse compat.v1.reverse manip.reverse", "Reverse", "tensor=x axis"),
    ("image.rgb_to_grayscale", "RGBToGrayscale", "images"),
    ("image.rgb_to_hsv", "RGBToHSV", "images"),
    ("roll manip.roll", "Roll", "input=x shift axis"),
    ("math.rint math.round round", "Round", "x"),
    ("math.rsqrt", "Rsqrt", "x"),
    ("scatter_nd", "Scatter", "indices updates=values shape -name bad_indices_policy"),
    ("nn.selu", "Selu", "features=x"),
    ("sequence_mask compat.v1.sequence_mask", "SequenceMask", "lengths maxlen dtype"),
    ("shape compat.v1.shape", "Shape", "input=x out_type"),
    ("math.sigmoid sigmoid nn.sigmoid", "Sigmoid", "x"),
    (
        "nn.sigmoid_cross_entropy_with_logits compat.v1.nn.sigmoid_cross_entropy_with_logits",
        "SigmoidCrossEntropy",
        "labels logits",
    ),
    ("math.sign sign", "Sign", "x"),
    ("nn.silu nn.swish", "Silu", "features=x beta"),
    ("math.sin sin", "Sin", "x"),
    ("math.sinh sinh", "Sinh", "x"),
    ("size compat.v1.size", "Size", "input=x out_type"),
    ("slice", "Slice", "input_=x begin=start_indices size"),
    (
        "nn.softmax compat.v1.nn.softmax compat.v1.math.softmax math.softmax",
        "Softmax",
        "logits=x axis dim=axis",
    ),
    (
        "nn.softmax_cross_entropy_with_logits compat.v1.nn.softmax_cross_entropy_with_logits_v2",
        "SoftmaxCrossEntropy",
        "labels logits axis -name dim=axis",
    ),
    ("math.softplus nn.softplus", "Softplus", "features=x"),
    ("nn.softsign math.softsign", "Softsign", "features=x"),
    ("linalg.solve", "Solve", "matrix=a rhs=b adjoint"),
    ("sort", "Sort", "values=x axis direction"),
    ("nn.space_to_depth compat.v1.space_to_depth", "SpaceToDepth", "input=x block_size data_format"),
    (
        "nn.sparse_softmax_cross_entropy_with_logits compat.v1.nn.sparse_softmax_cross_entropy_with_logits",
        "SparseSoftmaxCrossEntropy",
        "labels logits",
    ),
    ("split compat.v1.split", "Split", "value=x num_or_size_splits axis -num"),
    ("math.sqrt sqrt", "Sqrt", "x"),
    ("math.square square", "Square", "x"),
    ("math.squared_difference", "SquaredDifference", "x=x1 y=x2"),
    ("squeeze compat.v1.squeeze", "Squeeze", "input=x axis squeeze_dims=axis"),
    ("stack compat.v1.stack", "Stack", "values=x axis"),
    ("stop_gradient", "StopGradient", "input=variable"),
    (
        "strided_slice",
        "StridedSlice",
        "input_=x begin end strides begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask -var",
    ),
    ("math.subtract subtract __operators__.sub", "Subtract", "x=x1 y=x2"),
    ("math.tan tan", "Tan", "x"),
    ("math.tanh tanh nn.tanh", "Tanh", "x"),
    ("tensor_scatter_nd_update", "ScatterUpdate", "tensor=inputs indices updates -name bad_indices_policy"),
    ("tensordot", "Tensordot", "a=x1 b=x2 axes"),
    ("tile manip.tile", "Tile", "input=x multiples=repeats"),
    ("math.top_k nn.top_k", "TopK", "input=x k sorted -index_type"),
    ("linalg.trace", "MatrixTrace", "x"),
    ("transpose compat.v1.transpose", "Transpose", "a=x perm=axes conjugate"),
    ("unstack compat.v1.unstack", "Unstack", "value=x num axis"),
    ("where compat.v1.where where_v2", "Where", "condition x=x1 y=x2"),
    ("math.xdivy", "Xdivy", "x=x1 y=x2"),
    ("math.xlogy", "Xlogy", "x=x1 y=x2"),
    ("zeros", "Zeros", "shape dtype -layout"),
    ("zeros_like compat.v1.zeros_like", "ZerosLike", "input=x dtype -layout tensor=x -optimize"),
    ("__operators__.getitem", "SliceSpec", "tensor slice_spec -var"),
];

/// A function, with the row that computes it.
#[derive(Debug)]
pub struct Function {
    /// As tf_keras writes it, without `tf.`: `math.add`.
    pub name: &'static str,
    /// All names of it, with spaces between them.
    pub names: &'static str,
    pub(super) row: &'static Row,
    /// Its arguments, in order.
    pub(super) parameters: Vec<&'static str>,
    /// Keras' names of them: (there, here).
    renamed: Vec<(&'static str, &'static str)>,
    /// Arguments that change nothing.
    pub(super) idle: Vec<&'static str>,
}

impl Function {
    /// Returns its own names of an argument that Keras calls so.
    pub(super) fn own_names<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'static str> + 'f {
        self.renamed.iter().filter(move |(_, here)| *here == name).map(|(there, _)| *there)
    }
}

static TABLE: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let row = |class: &str| OWN.iter().chain(operations()).find(|row| row.class == class);
    let functions =
        FUNCTIONS.iter().filter_map(|(names, class, arguments)| Some((names, row(class)?, arguments)));
    let of = |(names, row, arguments): (&&'static str, &'static Row, &&'static str)| {
        let idle: Vec<&str> =
            arguments.split_whitespace().filter_map(|a| a.strip_prefix('-')).chain(["name"]).collect();
        let split = |a: &'static str| a.split_once('=').unwrap_or((a.trim_start_matches('-'), a));
        let renamed: Vec<(&str, &str)> = arguments.split_whitespace().map(split).collect();
        let parameters: Vec<&str> = renamed.iter().map(|(there, _)| *there).chain(["name"]).collect();
        names
            .split_whitespace()
            .map(|name| Function {
                name,
                names,
                row,
                parameters: parameters.clone(),
                renamed: renamed.clone(),
                idle: idle.clone(),
            })
            .collect::<Vec<_>>()
    };
    functions.flat_map(of).collect()
});

/// Returns every function of TensorFlow that is here.
pub fn functions() -> &'static [Function] {
    &TABLE
}

/// Returns the function of this name.
pub(crate) fn function(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, TABLE};

    /// A row that names no class would be left out of the table in silence.
    #[test]
    fn every_function_is_computed_by_a_row() {
        let all: usize = FUNCTIONS.iter().map(|(names, ..)| names.split_whitespace().count()).sum();
        let missing = |names: &&str| !TABLE.iter().any(|f| f.names == *names);
        let missing: Vec<&str> = FUNCTIONS.iter().map(|(names, ..)| *names).filter(missing).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert_eq!(TABLE.len(), all);
    }
}

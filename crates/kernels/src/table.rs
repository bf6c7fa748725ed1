//! The kernel table: one row per kernel, with its WGSL file and what is known about it.
//!
//! To add a kernel, add a file in shaders/ and a row here; the tests check one against the other.

/// How a kernel uses a binding of group 0 in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only reads it.
    Read,
    /// Writes it too.
    ReadWrite,
}

/// A shader language that a kernel must be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Vulkan.
    SpirV,
    /// Metal.
    Msl,
    /// DirectX 12.
    Hlsl,
    /// WebGPU.
    Wgsl,
}

/// Every target.
pub const ALL_TARGETS: &[Target] = &[Target::SpirV, Target::Msl, Target::Hlsl, Target::Wgsl];

/// A row of the table.
#[derive(Debug)]
pub struct Kernel {
    /// Name in dispatches and plans; the file is shaders/NAME.wgsl.
    pub name: &'static str,
    /// Text of the file.
    pub wgsl: &'static str,
    /// Storage bindings of group 0 in order.
    pub bindings: &'static [(&'static str, Access)],
    /// The file's `const NAME: u32` that a dispatch may set, with their defaults in the file.
    pub overrides: &'static [(&'static str, u32)],
    /// Fields of the file's `Params`, in order; arrays count as one.
    pub words: &'static [&'static str],
    /// Variants that the tests check: values of the overrides, on each caps profile that asks for them.
    pub variants: &'static [&'static [(&'static str, u32)]],
    /// Languages that it must be written for.
    pub targets: &'static [Target],
}

macro_rules! kernels {
    ($( $(#[$doc:meta])* $id:ident $name:literal ($($binding:literal),*) [$($over:literal = $default:literal),*] {$($word:literal),+} $variants:expr; )*) => {
        $( $(#[$doc])* pub static $id: Kernel = Kernel {
            name: $name,
            wgsl: rhyton_shaders::shader($name),
            bindings: &[$(($binding, Access::Read)),*],
            overrides: &[$(($over, $default)),*],
            words: &[$($word),+],
            variants: $variants,
            targets: ALL_TARGETS,
        }; )*
        /// Every row.
        pub static KERNELS: &[&Kernel] = &[$(&$id),*];
    };
}

const TRANSPOSED: &[&[(&str, u32)]] =
    &[&[], &[("TRANSPOSE_A", 1)], &[("TRANSPOSE_B", 1)], &[("TRANSPOSE_A", 1), ("TRANSPOSE_B", 1)]];
const FORMS: &[&[(&str, u32)]] = &[&[], &[("FORM", 1)], &[("FORM", 2)]];
const FORMS_SMALL: &[&[(&str, u32)]] =
    &[&[], &[("FORM", 1)], &[("FORM", 2)], &[("FORM", 2), ("WORKGROUP", 8)]];
const VOLUMES: &[&[(&str, u32)]] = &[
    &[],
    &[("FORM", 1)],
    &[("FORM", 2)],
    &[("VOLUME", 1)],
    &[("FORM", 1), ("VOLUME", 1)],
    &[("FORM", 2), ("VOLUME", 1)],
];
const POOLINGS: &[&[(&str, u32)]] =
    &[&[], &[("KIND", 1)], &[("WORKGROUP", 8)], &[("VOLUME", 1)], &[("KIND", 1), ("VOLUME", 1)]];
const SMALL: &[&[(&str, u32)]] = &[&[], &[("WORKGROUP", 8)]];
const MERGES: &[&[(&str, u32)]] = &[
    &[],
    &[("FIRST", 1)],
    &[("FIRST", 1), ("WORKGROUP", 8)],
    &[("DESCENDING", 1)],
    &[("FIRST", 1), ("DESCENDING", 1)],
];
const PRODUCTS: &[&[(&str, u32)]] = &[&[], &[("PRODUCT", 1)], &[("PRODUCT", 1), ("WORKGROUP", 8)]];
const BETWEENS: &[&[(&str, u32)]] = &[&[], &[("BETWEEN", 1)], &[("BETWEEN", 1), ("WORKGROUP", 8)]];
const SAMPLES: &[&[(&str, u32)]] =
    &[&[], &[("LINEAR", 1)], &[("WRAPS", 1)], &[("LINEAR", 1), ("WRAPS", 1)], &[("WORKGROUP", 8)]];
const KINDS: &[&[(&str, u32)]] =
    &[&[("KIND", 0)], &[("KIND", 1)], &[("KIND", 2)], &[("KIND", 3)], &[("KIND", 0), ("WORKGROUP", 8)]];
const TREE_KINDS: &[&[(&str, u32)]] = &[&[("KIND", 0)], &[("KIND", 1)], &[("KIND", 2)], &[("KIND", 3)]];
const LOGS: &[&[(&str, u32)]] = &[&[("LOG", 0)], &[("LOG", 1)]];
const LOGS_SMALL: &[&[(&str, u32)]] = &[&[("LOG", 0)], &[("LOG", 1)], &[("LOG", 1), ("WORKGROUP", 8)]];
const GRADIENTS: &[&[(&str, u32)]] =
    &[&[("GRADIENT", 0)], &[("GRADIENT", 1)], &[("GRADIENT", 1), ("FLOAT_LABELS", 1)]];
const GRADIENTS_SMALL: &[&[(&str, u32)]] =
    &[&[("GRADIENT", 0)], &[("GRADIENT", 1)], &[("FLOAT_LABELS", 1)], &[("GRADIENT", 1), ("WORKGROUP", 8)]];

kernels! {
    /// A program alone.
    POINTWISE "pointwise" () ["WORKGROUP" = 256] {"count"} SMALL;
    /// Numbers from the uniform.
    CONSTANTS "constants" () [] {"count", "first", "values"} &[&[]];
    /// Matrix product without workgroup memory.
    MATMUL_DIRECT "matmul_direct" ("a", "b") ["WORKGROUP" = 8] {"m", "n", "k", "a_row", "a_k", "b_k", "b_column"} &[&[]];
    /// Matrix product by tiles of 64 x 64.
    MATMUL_TILED "matmul_tiled" ("a", "b") ["TRANSPOSE_A" = 0, "TRANSPOSE_B" = 0] {"m", "n", "k"} TRANSPOSED;
    /// Matrix product by tiles of 16 x 16.
    MATMUL_SMALL "matmul_small" ("a", "b") ["TRANSPOSE_A" = 0, "TRANSPOSE_B" = 0] {"m", "n", "k"} TRANSPOSED;
    /// Matrix products of many pairs.
    MATMUL_BATCHED "matmul_batched" ("a", "b") ["WORKGROUP" = 64] {"strips", "m", "n", "k", "a_row", "a_k", "b_k", "b_column"} SMALL;
    /// Convolution without workgroup memory.
    CONV2D_DIRECT "conv2d_direct" ("a", "b") ["WORKGROUP" = 8, "FORM" = 0]
        {"m", "n", "k", "part", "parts", "in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels", "kernel_width", "stride_y",
         "stride_x", "dilation_y", "dilation_x", "padding_y", "padding_x"} FORMS;
    /// Convolution by tiles of 64 x 64.
    CONV2D_TILED "conv2d_tiled" ("a", "b") ["FORM" = 0, "VOLUME" = 0]
        {"m", "n", "k", "part", "parts", "in_height", "in_width", "in_channels", "out_height", "out_width", "out_channels", "kernel_width", "stride_y",
         "stride_x", "dilation_y", "dilation_x", "padding_y", "padding_x", "in_depth", "out_depth", "kernel_height", "stride_z", "dilation_z",
         "padding_z"} VOLUMES;
    /// Convolution with groups, one result an invocation.
    CONV_EACH "conv_each" ("a", "b") ["WORKGROUP" = 64, "FORM" = 0]
        {"count", "terms", "part", "parts", "channels", "filters", "channels_each", "filters_each", "in_depth", "in_height", "in_width", "out_depth",
         "out_height", "out_width", "kernel_depth", "kernel_height", "kernel_width", "stride_z", "stride_y", "stride_x", "dilation_z",
         "dilation_y", "dilation_x", "padding_z", "padding_y", "padding_x"} FORMS_SMALL;
    /// Pooling, one result an invocation.
    POOL2D "pool2d" ("input") ["WORKGROUP" = 256, "KIND" = 0, "VOLUME" = 0]
        {"count", "in_height", "in_width", "out_height", "out_width", "channels", "size_y", "size_x", "stride_y", "stride_x", "padding_y",
         "padding_x", "in_depth", "out_depth", "size_z", "stride_z", "padding_z"} POOLINGS;
    /// Gradient of a pooling, one input pixel an invocation.
    POOL2D_GRAD "pool2d_grad" ("gradient", "input", "output") ["WORKGROUP" = 256, "KIND" = 0, "VOLUME" = 0]
        {"count", "in_height", "in_width", "out_height", "out_width", "channels", "size_y", "size_x", "stride_y", "stride_x", "padding_y",
         "padding_x", "in_depth", "out_depth", "size_z", "stride_z", "padding_z"} POOLINGS;
    /// Reduction, one result an invocation.
    REDUCE_EACH "reduce_each" ("input") ["WORKGROUP" = 64, "KIND" = 0] {"outputs", "length", "inner"} KINDS;
    /// Reduction, one result a workgroup.
    REDUCE_GROUP "reduce_group" ("input") ["KIND" = 0] {"outputs", "length", "inner"} TREE_KINDS;
    /// Softmax, one row an invocation.
    SOFTMAX_EACH "softmax_each" ("logits") ["WORKGROUP" = 64, "LOG" = 0] {"rows", "length"} LOGS_SMALL;
    /// Softmax, one row a workgroup.
    SOFTMAX_GROUP "softmax_group" ("logits") ["LOG" = 0] {"rows", "length"} LOGS;
    /// Cross-entropy with labels, one row an invocation.
    CROSS_ENTROPY_EACH "cross_entropy_each" ("logits", "labels") ["WORKGROUP" = 64, "GRADIENT" = 0, "FLOAT_LABELS" = 0] {"rows", "classes"} GRADIENTS_SMALL;
    /// Cross-entropy with labels, one row a workgroup.
    CROSS_ENTROPY_GROUP "cross_entropy_group" ("logits", "labels") ["GRADIENT" = 0, "FLOAT_LABELS" = 0] {"rows", "classes"} GRADIENTS;
    /// Index of the largest value of each row.
    ARGMAX "argmax" ("input") ["WORKGROUP" = 64] {"rows", "length"} SMALL;
    /// Copy of a stretch of an axis.
    COPY_AXIS "copy_axis" ("input") ["WORKGROUP" = 256]
        {"count", "inner", "source_length", "target_length", "source_offset", "target_offset", "length", "first", "span"} SMALL;
    /// Copy with the axes in another order.
    STRIDED_COPY "strided_copy" ("input") ["WORKGROUP" = 256] {"count", "rank", "axes"} SMALL;
    /// Rows of a table, by their numbers.
    GATHER "gather" ("table", "indices") ["WORKGROUP" = 256] {"count", "width", "rows"} SMALL;
    /// Sums of the rows that have each number.
    GATHER_GRAD "gather_grad" ("indices", "gradient", "order") ["WORKGROUP" = 64] {"count", "width", "indices"} SMALL;
    /// Merges runs that are sorted by their keys, two by two.
    MERGE_RUNS "merge_runs" ("keys", "order") ["WORKGROUP" = 64, "DESCENDING" = 0, "FIRST" = 0] {"count", "run", "row"} MERGES;
    /// Sums or products of all elements up to each.
    CUMULATIVE "cumulative" ("input") ["WORKGROUP" = 64, "PRODUCT" = 0] {"rows", "length", "inner"} PRODUCTS;
    /// Elements of rows, by their numbers.
    TAKE_ALONG "take_along" ("input", "indices") ["WORKGROUP" = 256] {"count", "row", "length"} SMALL;
    /// Sums of what has the number of each element of a row.
    SPREAD_ALONG "spread_along" ("indices", "gradient") ["WORKGROUP" = 64] {"count", "row", "length"} SMALL;
    /// Copy with an axis the other way round.
    REVERSE "reverse" ("input") ["WORKGROUP" = 256] {"count", "length", "inner"} SMALL;
    /// A linear map along an axis.
    RESAMPLE "resample" ("input", "taps") ["WORKGROUP" = 256, "BETWEEN" = 0] {"count", "inner", "length", "outputs", "terms"} BETWEENS;
    /// Pixels at computed places.
    SAMPLE "sample" ("input", "ys", "xs") ["WORKGROUP" = 256, "LINEAR" = 0, "WRAPS" = 0] {"count", "places", "height", "width", "channels", "fill"} SAMPLES;
    /// Scaled sums of several arrays.
    PACKED_SUMS "packed_sums" ("input0", "input1", "input2", "input3", "input4", "input5") ["WORKGROUP" = 64]
        {"entries", "first", "table"} SMALL;
}

/// The row of a kernel.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().copied().find(|k| k.name == name)
}

//! How tf_keras' layers name their edges, where that is not how Keras 3 names things; and what else they track.
//!
//! Checked against tf_keras 2.21 by building every layer that has variables or lists.

use crate::format::vocabulary::{LOOKUP, WITH_LOOKUP};
use crate::format::weights_h5::IDF;
use crate::tree::Object;

/// The edges from an object of that class to one of its variables, the usual one first.
pub(super) fn variable_edges(class: &str, name: &str) -> Vec<String> {
    match (class, name) {
        ("DepthwiseConv1D" | "DepthwiseConv2D", "kernel") => vec!["depthwise_kernel".into()],
        (WITH_LOOKUP, IDF) => vec![format!("{LOOKUP}/{name}")],
        ("Normalization", "mean" | "variance") => vec![name.into(), format!("adapt_{name}")],
        _ => vec![name.into()],
    }
}

/// The edge from an object to an inner one.
pub(super) fn child_edge(class: &str, attribute: &str) -> String {
    if class == "MultiHeadAttention" {
        format!("_{}", attribute.trim_start_matches('_'))
    } else {
        attribute.into()
    }
}

/// Edges to objects that hold nothing: lists of numbers and layers without variables. TensorFlow asks for the layers when it
/// checks that all objects were found; the lists make the graph the same as its own.
pub(super) struct Extra {
    /// Before the variables.
    pub(super) before: &'static [&'static str],
    /// After the inner objects.
    pub(super) after: &'static [&'static str],
    /// Before the last inner object.
    pub(super) before_last: &'static [&'static str],
}

/// The extra edges of a class.
pub(super) fn extra(class: &str) -> Extra {
    let none = Extra { before: &[], after: &[], before_last: &[] };
    match class {
        "BatchNormalization" | "LayerNormalization" => Extra { before: &["axis"], ..none },
        "Normalization" => {
            Extra { before: &["_keep_axis", "_reduce_axis", "_reduce_axis_mask", "_broadcast_shape"], ..none }
        }
        "EinsumDense" => Extra { before: &["partial_output_shape", "full_output_shape"], ..none },
        "LSTMCell" => Extra { before: &["state_size"], ..none },
        "RNN" | "SimpleRNN" | "LSTM" | "GRU" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" => {
            Extra { after: &["state_spec"], ..none }
        }
        "MultiHeadAttention" => Extra { before_last: &["_softmax", "_dropout_layer"], ..none },
        "Discretization" => Extra { before: &["input_bin_boundaries", "bin_boundaries"], ..none },
        _ => none,
    }
}

/// Whether an object or something inside it has a variable.
pub(super) fn has_weights(object: &Object) -> bool {
    object.has_table
        || !object.variables.is_empty()
        || object.children.iter().any(|(_, child)| has_weights(child))
}

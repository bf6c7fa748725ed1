//! A model's prediction as a TensorFlow graph: plain data that formats write and do not understand.

use super::DType;

/// A model's prediction as a TensorFlow graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serving {
    /// The model's inputs, in order.
    pub inputs: Vec<Port>,
    /// Its outputs, in order.
    pub outputs: Vec<Port>,
    /// The variables that the graph reads: where each is in the tree.
    pub variables: Vec<Place>,
    /// The nodes, each after those that it reads.
    pub nodes: Vec<ServingNode>,
}

/// An input or output of a serving graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name: of the input layer, or of the layer that makes the output.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape with the batch axis; `None` for an axis that data decide.
    pub shape: Vec<Option<usize>>,
    /// What it is.
    pub source: Source,
}

/// Where a variable is in an [`Object`](super::Object).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The numbers of the children on the way from the model.
    pub children: Vec<usize>,
    /// The number of the variable there.
    pub variable: usize,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The input with this number.
    Input(usize),
    /// The value of the variable with this number.
    Variable(usize),
    /// The output of the node with this number.
    Node(usize),
    /// Of the node with the first number, the output with the second, where its outputs are a list.
    Output(usize, usize),
}

/// One TensorFlow node. Its outputs are one, or one list.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingNode {
    /// Path of the layer that it belongs to.
    pub scope: String,
    /// Name of the op: `MatMul`.
    pub op: String,
    /// Name of its output: `product`.
    pub output: String,
    /// What it reads.
    pub inputs: Vec<Source>,
    /// Its attributes but those that have their default.
    pub attributes: Vec<(String, Attribute)>,
}

/// An attribute of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// An element type.
    Type(Element),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A name.
    Text(String),
    /// A constant: type, shape, little-endian elements.
    Tensor(Element, Vec<usize>, Vec<u8>),
    /// Element types.
    Types(Vec<Element>),
    /// A graph that the node runs.
    Function(ServingFunction),
}

/// What a value of a graph consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Numbers of this type.
    Of(DType),
    /// A list of tensors.
    Variant,
}

/// A graph with arguments and results, which a node of another one runs. It reads no variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServingFunction {
    /// Types of its arguments, which its nodes read as [`Source::Input`].
    pub arguments: Vec<Element>,
    /// Its results, with their types.
    pub results: Vec<(Source, Element)>,
    /// The nodes, each after those that it reads.
    pub nodes: Vec<ServingNode>,
}

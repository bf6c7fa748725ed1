//! TensorFlow nodes as plain data: what the serving graph of a SavedModel is made of.
//!
//! An op names its nodes through an [`Exporter`] (`OpDef::export`); who writes the file need not understand them.

use crate::types::{DType, Half, Integer};

/// Element types of the nodes' outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    F32,
    F16,
    BF16,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    Bool,
    /// A list of tensors, or another value that no tensor holds.
    Variant,
}

impl From<DType> for Element {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Element::F32,
            DType::Half(half) => half.into(),
            DType::I32 | DType::Whole(Integer::I32) => Element::I32,
            DType::U32 | DType::Whole(Integer::U32) => Element::U32,
            DType::Whole(Integer::Bool) => Element::Bool,
            DType::Whole(Integer::I8) => Element::I8,
            DType::Whole(Integer::U8) => Element::U8,
            DType::Whole(Integer::I16) => Element::I16,
            DType::Whole(Integer::U16) => Element::U16,
            DType::Whole(Integer::I64) => Element::I64,
            DType::Whole(Integer::U64) => Element::U64,
            // Strings are in no graph.
            DType::Text => Element::U8,
        }
    }
}

impl From<Half> for Element {
    fn from(half: Half) -> Self {
        match half {
            Half::F16 => Element::F16,
            Half::BF16 => Element::BF16,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The input of the graph with this number.
    Input(usize),
    /// The value of the variable with this number.
    Variable(usize),
    /// The output of the node with this number.
    Node(usize),
    /// Of the node with the first number, the output with the second, where its outputs are a list.
    Output(usize, usize),
}

/// An attribute of a node. Those that have their default are left out.
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
    Text(&'static str),
    /// A constant: type, shape and elements as words.
    Tensor(Element, Vec<usize>, Vec<u32>),
    /// Element types.
    Types(Vec<Element>),
    /// A graph that the node runs.
    Function(Function),
}

/// A graph with arguments and results, which a node of another one runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Types of its arguments, which its nodes read as [`Source::Input`].
    pub arguments: Vec<Element>,
    /// Its results, with their types.
    pub results: Vec<(Source, Element)>,
    /// Its nodes, each after those that it reads. They read no variables.
    pub nodes: Vec<Node>,
}

/// One node of a TensorFlow graph. Its outputs are one, or one list.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Path of the layer that it belongs to.
    pub scope: String,
    /// Name of the op in TensorFlow: `MatMul`.
    pub op: &'static str,
    /// Name of its output there: `product`.
    pub output: &'static str,
    /// What it reads.
    pub inputs: Vec<Source>,
    /// Its attributes.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// The nodes of a graph, each after those that it reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nodes {
    list: Vec<Node>,
    scope: String,
}

impl Nodes {
    /// Names the layer that the next nodes belong to.
    pub fn enter(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Node> {
        self.list
    }

    /// Adds a node whose output is named `output`.
    pub fn add(
        &mut self,
        op: &'static str,
        output: &'static str,
        inputs: &[Source],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Source {
        self.list.push(Node { scope: self.scope.clone(), op, output, inputs: inputs.to_vec(), attributes });
        Source::Node(self.list.len() - 1)
    }

    /// Adds a node over f32 numbers: its attribute `T` says so.
    pub fn float(
        &mut self,
        op: &'static str,
        output: &'static str,
        inputs: &[Source],
        mut attributes: Vec<(&'static str, Attribute)>,
    ) -> Source {
        attributes.insert(0, ("T", Attribute::Type(Element::F32)));
        self.add(op, output, inputs, attributes)
    }

    fn constant(&mut self, element: Element, shape: Vec<usize>, words: Vec<u32>) -> Source {
        let value = Attribute::Tensor(element, shape, words);
        self.add("Const", "output", &[], vec![("dtype", Attribute::Type(element)), ("value", value)])
    }

    /// Adds a constant f32.
    pub fn number(&mut self, value: f64) -> Source {
        self.constant(Element::F32, vec![], vec![(value as f32).to_bits()])
    }

    /// Adds constant f32 of this shape, given as words.
    pub fn floats(&mut self, shape: Vec<usize>, words: Vec<u32>) -> Source {
        self.constant(Element::F32, shape, words)
    }

    /// Adds a constant whole number.
    pub fn int(&mut self, value: i32) -> Source {
        self.constant(Element::I32, vec![], vec![value.cast_unsigned()])
    }

    /// Adds a constant list of whole numbers: axes, sizes.
    pub fn ints(&mut self, values: &[i32]) -> Source {
        let words = values.iter().map(|v| v.cast_unsigned()).collect();
        self.constant(Element::I32, vec![values.len()], words)
    }

    /// Adds a constant table of whole numbers with two columns: paddings.
    pub fn pairs(&mut self, values: &[[i32; 2]]) -> Source {
        let words = values.iter().flatten().map(|v| v.cast_unsigned()).collect();
        self.constant(Element::I32, vec![values.len(), 2], words)
    }

    /// Adds a conversion between element types; none where they are the same.
    pub fn cast(&mut self, value: Source, from: Element, to: Element) -> Source {
        if from == to {
            return value;
        }
        let types = vec![("SrcT", Attribute::Type(from)), ("DstT", Attribute::Type(to))];
        self.add("Cast", "y", &[value], types)
    }
}

/// An operand of an op that is being exported.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Where it comes from: an f32 tensor.
    pub source: Source,
    /// Its shape; `None` for an axis that data decide.
    pub shape: Vec<Option<usize>>,
}

/// What an op gets to name its TensorFlow nodes: its operands, and where to add the nodes.
#[derive(Debug)]
pub struct Exporter<'a> {
    /// The op's inputs.
    pub inputs: &'a [Operand],
    /// Where its nodes go.
    pub nodes: &'a mut Nodes,
}

impl Exporter<'_> {
    /// The sources of all inputs.
    pub fn sources(&self) -> Vec<Source> {
        self.inputs.iter().map(|i| i.source).collect()
    }

    /// Adds a node over all inputs.
    pub fn over_inputs(
        &mut self,
        op: &'static str,
        output: &'static str,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Source {
        let inputs = self.sources();
        self.nodes.float(op, output, &inputs, attributes)
    }

    /// Adds a node over the first input and a constant list of whole numbers, whose type is the attribute `index`: axes, an order.
    pub fn with_ints(
        &mut self,
        op: &'static str,
        output: &'static str,
        values: &[usize],
        index: &'static str,
        mut attributes: Vec<(&'static str, Attribute)>,
    ) -> Option<Source> {
        let values: Vec<i32> = values.iter().map(|v| i32::try_from(*v).ok()).collect::<Option<_>>()?;
        let first = self.inputs.first()?.source;
        let list = self.nodes.ints(&values);
        attributes.push((index, Attribute::Type(Element::I32)));
        Some(self.nodes.float(op, output, &[first, list], attributes))
    }
}

//! The nodes of a graph, one after the other.

use std::collections::HashMap;

use super::lengths::Lengths;
use crate::export::{Attribute, Element, Exporter, Nodes, Operand, Source};
use crate::graph::{DType, Edge, Graph, Kind, Node, Variable};
use crate::types::Shape;

/// Returns what the nodes of a graph hold numbers of this type as.
pub(super) fn inside(dtype: DType) -> Element {
    if dtype.is_float() { Element::F32 } else { dtype.into() }
}

/// Returns what a message calls the maker of a node.
pub(super) fn layer(graph: &Graph, number: usize) -> String {
    let path = &graph.scopes[graph.nodes[number].scope];
    if path.is_empty() { "the model".into() } else { format!("layer `{path}`") }
}

/// What the inputs of a graph are.
pub(super) enum Inputs<'a> {
    /// The model's, of these types.
    Ports(&'a [(Shape, DType)]),
    /// Those of a loop's body, in order: floats as f32, others as their type.
    Body {
        inputs: Vec<Source>,
        /// Number of the first argument for what is asked of the graph around.
        asked_at: usize,
    },
}

/// One export: the traces of a graph, and what became of their nodes.
pub(super) struct Walk<'a> {
    /// The traces; all but lengths is the same in each.
    pub(super) graphs: &'a [&'a Graph],
    pub(super) inputs: Inputs<'a>,
    pub(super) nodes: Nodes,
    pub(super) variables: Vec<Variable>,
    pub(super) made: HashMap<Edge, Source>,
    /// Lengths that a body asks the graph around for.
    pub(super) asked: Vec<Lengths>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(graphs: &'a [&'a Graph], inputs: Inputs<'a>) -> Self {
        let (nodes, variables, made, asked) = (Nodes::default(), vec![], HashMap::new(), vec![]);
        Walk { graphs, inputs, nodes, variables, made, asked }
    }

    /// Returns the first trace, which stands for all where they agree.
    pub(super) fn graph(&self) -> &'a Graph {
        self.graphs[0]
    }

    /// Exports every node that the outputs depend on.
    pub(super) fn all(&mut self, outputs: &[Edge]) -> Result<(), String> {
        let graph = self.graph();
        let mut needed = vec![false; graph.nodes.len()];
        outputs.iter().for_each(|edge| needed[edge.node] = true);
        for (number, node) in graph.nodes.iter().enumerate().rev() {
            if needed[number] {
                node.inputs.iter().for_each(|edge| needed[edge.node] = true);
            }
        }
        for (number, _) in needed.into_iter().enumerate().filter(|(_, needed)| *needed) {
            self.node(number)?;
        }
        Ok(())
    }

    fn node(&mut self, number: usize) -> Result<(), String> {
        let graph = self.graph();
        let node = &graph.nodes[number];
        let depends =
            || format!("{} computes with the length of an axis that data decide", layer(graph, number));
        let others: Option<Vec<&Node>> = self.graphs[1..].iter().map(|g| g.nodes.get(number)).collect();
        let others = others.filter(|o| o.iter().all(|o| o.inputs == node.inputs)).ok_or_else(depends)?;
        let agree = |same: &dyn Fn(&Kind) -> bool| others.iter().all(|other| same(&other.kind));
        self.nodes.enter(&graph.scopes[node.scope]);
        let edge = Edge { node: number, output: 0 };
        let made = match &node.kind {
            Kind::Input(i) if agree(&|k| matches!(k, Kind::Input(j) if i == j)) => self.input(*i)?,
            Kind::Constant(numbers) if agree(&|k| matches!(k, Kind::Constant(same) if numbers == same)) => {
                self.nodes.floats(graph.edge_type(edge).shape.clone(), numbers.words().to_vec())
            }
            Kind::Variable(v) if agree(&|k| matches!(k, Kind::Variable(w) if v == w)) => {
                self.variable(v, graph.edge_type(edge).dtype)
            }
            Kind::Reshape if agree(&|k| matches!(k, Kind::Reshape)) => self.reshape(number)?,
            Kind::Pointwise(exprs) if agree(&|k| matches!(k, Kind::Pointwise(others) if exprs == others)) => {
                for (output, expr) in exprs.iter().enumerate() {
                    let made = self.pointwise(number, expr)?;
                    self.made.insert(Edge { node: number, output }, made);
                }
                return Ok(());
            }
            // Ops show their fields.
            Kind::Op(op) if agree(&|k| matches!(k, Kind::Op(o) if format!("{op:?}") == format!("{o:?}"))) => {
                let operand =
                    |edge: &Edge| Ok(Operand { source: self.float(*edge)?, shape: self.shape(*edge) });
                let inputs: Vec<Operand> = node.inputs.iter().map(operand).collect::<Result<_, String>>()?;
                let made = op.export(&mut Exporter { inputs: &inputs, nodes: &mut self.nodes });
                let none = || {
                    format!("the op `{}` in {} names no TensorFlow nodes", op.name(), layer(graph, number))
                };
                made.ok_or_else(none)?
            }
            Kind::Loop(_) => return self.repeat(number),
            _ => return Err(depends()),
        };
        self.made.insert(edge, made);
        Ok(())
    }

    fn input(&mut self, number: usize) -> Result<Source, String> {
        match &self.inputs {
            // Tensors inside hold integers as floats.
            Inputs::Ports(types) => {
                let dtype = types[number].1;
                Ok(self.nodes.cast(Source::Input(number), dtype.into(), inside(dtype.fed())))
            }
            Inputs::Body { inputs, .. } => {
                let missing = || format!("the body of a loop reads input {number}, which it was not given");
                inputs.get(number).copied().ok_or_else(missing)
            }
        }
    }

    fn variable(&mut self, variable: &Variable, dtype: DType) -> Source {
        let known = self.variables.iter().position(|known| known == variable);
        let source = Source::Variable(known.unwrap_or_else(|| {
            self.variables.push(variable.clone());
            self.variables.len() - 1
        }));
        self.nodes.cast(source, dtype.into(), inside(dtype))
    }

    pub(super) fn source(&self, edge: Edge) -> Result<Source, String> {
        let missing = || format!("{} reads what nothing makes", layer(self.graph(), edge.node));
        self.made.get(&edge).copied().ok_or_else(missing)
    }

    /// Returns an operand as f32.
    pub(super) fn float(&mut self, edge: Edge) -> Result<Source, String> {
        let source = self.source(edge)?;
        Ok(self.nodes.cast(source, inside(self.graph().edge_type(edge).dtype), Element::F32))
    }

    fn reshape(&mut self, number: usize) -> Result<Source, String> {
        let from = self.graph().nodes[number].inputs[0];
        let to = Edge { node: number, output: 0 };
        // Another name for the type of the same numbers.
        if self.graphs.iter().all(|g| g.edge_type(from).shape == g.edge_type(to).shape) {
            return self.source(from);
        }
        let lengths = self.lengths(to);
        let known = |length: &Lengths| match length.known() {
            Some(n) => i32::try_from(n).ok(),
            None => Some(-1),
        };
        let one = lengths.iter().filter(|l| l.known().is_none()).count() <= 1;
        let shape = match lengths.iter().map(known).collect::<Option<Vec<i32>>>().filter(|_| one) {
            Some(shape) => self.nodes.ints(&shape),
            None => self.shape_tensor(number, &lengths)?,
        };
        let element = inside(self.graph().edge_type(to).dtype);
        let types = vec![("T", Attribute::Type(element)), ("Tshape", Attribute::Type(Element::I32))];
        let source = self.source(from)?;
        Ok(self.nodes.add("Reshape", "output", &[source, shape], types))
    }
}

//! The serving graph of a model: its prediction as TensorFlow nodes.
//!
//! The layers are traced twice with different stand-ins for the axes that data decide. What differs between the traces is such an
//! axis, or a multiple of one; everything else must agree, else the graph holds for one batch size alone and is not given.

use std::collections::HashMap;

use rhyton_kernels::expr::Expr;
use rhyton_kernels::pointwise::Truth;

use super::network::Network;
use crate::export::{Attribute, Element, Exporter, Node, Nodes, Operand, Source};
use crate::graph::{CallContext, DType, Edge, Graph, Kind, LayerRef, Tensor, TensorType, Variable, trace};
use crate::types::{Shape, broadcast};

/// For the batch axis and for all others, in both traces. The numbers of the second are larger by one, so that they leave other
/// remainders whatever the stride of a window.
const STAND_INS: [[usize; 2]; 2] = [[251, 1009], [252, 1010]];

/// An input or output of a serving graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name: of the input layer, or of the layer that makes the output, as tf_keras names them.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Shape with the batch axis; `None` for an axis that data decide.
    pub shape: Vec<Option<usize>>,
    /// What it is.
    pub source: Source,
}

/// A model's prediction as a TensorFlow graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The model's inputs, in order.
    pub inputs: Vec<Port>,
    /// Its outputs, in order.
    pub outputs: Vec<Port>,
    /// Variables that the graph reads.
    pub variables: Vec<Variable>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// The serving graph of a network.
///
/// # Errors
/// Why there is none: it is not built, an op has no TensorFlow nodes, or the graph depends on the lengths of axes that data decide.
pub fn serving(root: &LayerRef) -> Result<Serving, String> {
    let held = root.layer();
    let network = held.as_any().downcast_ref::<Network>().ok_or("it is no network of layers")?;
    if !network.is_built() {
        return Err(
            "its input shape is not known: build it first, by input_shape, build() or its first data".into(),
        );
    }
    if network.has_host_layers() {
        return Err("it has layers that are computed on the host (lookups of words, hashes), of which no graph is written".into());
    }
    let types: Vec<(Shape, DType)> =
        network.inputs.iter().map(|call| network.symbol_type((*call, 0))).collect();
    let [a, b] = STAND_INS.map(|stand_ins| {
        let traced = trace(|| {
            let xs: Vec<Tensor> = types.iter().enumerate().map(|(i, t)| input(i, t, stand_ins)).collect();
            let outputs = held.call_all(&xs, &CallContext::new(false));
            Ok(outputs.into_iter().filter_map(Tensor::edge).collect::<Vec<_>>())
        });
        traced.map_err(|e| e.to_string())
    });
    let ((a, outputs), (b, others)) = (a?, b?);
    if outputs != others {
        return Err("its outputs depend on the lengths of axes that data decide".into());
    }
    let mut walk = Walk {
        a: &a,
        b: &b,
        types: &types,
        nodes: Nodes::default(),
        variables: vec![],
        made: HashMap::new(),
    };
    walk.all(&outputs)?;
    let name = |call: usize| network.layers[network.calls[call].layer].name();
    let inputs = types.iter().enumerate().map(|(i, (shape, dtype))| Port {
        name: name(network.inputs[i]),
        element: (*dtype).into(),
        shape: shape.0.clone(),
        source: Source::Input(i),
    });
    let names = unique(network.outputs.iter().map(|(call, _)| name(*call)));
    let outputs = outputs.iter().zip(names).map(|(edge, name)| {
        let dtype = a.edge_type(*edge).dtype;
        let source = walk.source(*edge)?;
        let source = walk.nodes.cast(source, inside(dtype), dtype.into());
        Ok(Port { name, element: dtype.into(), shape: walk.shape(*edge), source })
    });
    let (inputs, outputs) = (inputs.collect(), outputs.collect::<Result<_, String>>()?);
    Ok(Serving { inputs, outputs, variables: walk.variables, nodes: walk.nodes.into_list() })
}

fn input(number: usize, (shape, dtype): &(Shape, DType), [batch, other]: [usize; 2]) -> Tensor {
    let axis = |(i, n): (usize, &Option<usize>)| n.unwrap_or(if i == 0 { batch } else { other });
    let shape = shape.0.iter().enumerate().map(axis).collect();
    Tensor::input(number, TensorType { dtype: dtype.fed(), shape })
}

/// Returns what the nodes of a graph hold numbers of this type as.
fn inside(dtype: DType) -> Element {
    if dtype.is_float() { Element::F32 } else { dtype.into() }
}

/// Names of outputs: a layer with several has a number behind its name from the second on.
fn unique(layers: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for layer in layers {
        let numbered = (1..).map(|n: usize| format!("{layer}_{n}"));
        let free = std::iter::once(layer.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.unwrap_or(layer));
    }
    names
}

/// The length of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    Known(usize),
    /// Of this stand-in, times this.
    Multiple(usize, usize),
    /// Data decide, in another way.
    Unknown,
}

/// What a message calls the maker of a node.
fn layer(graph: &Graph, number: usize) -> String {
    let path = &graph.scopes[graph.nodes[number].scope];
    if path.is_empty() { "the model".into() } else { format!("layer `{path}`") }
}

struct Walk<'a> {
    a: &'a Graph,
    b: &'a Graph,
    types: &'a [(Shape, DType)],
    nodes: Nodes,
    variables: Vec<Variable>,
    made: HashMap<Edge, Source>,
}

impl Walk<'_> {
    /// Exports every node that the outputs depend on.
    fn all(&mut self, outputs: &[Edge]) -> Result<(), String> {
        let mut needed = vec![false; self.a.nodes.len()];
        outputs.iter().for_each(|edge| needed[edge.node] = true);
        for (number, node) in self.a.nodes.iter().enumerate().rev() {
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
        let (a, b) = (self.a, self.b);
        let (node, other) = (&a.nodes[number], b.nodes.get(number));
        let depends = || format!("{} computes with the length of an axis that data decide", layer(a, number));
        let other = other.filter(|other| other.inputs == node.inputs).ok_or_else(depends)?;
        self.nodes.enter(&a.scopes[node.scope]);
        let edge = Edge { node: number, output: 0 };
        let made = match (&node.kind, &other.kind) {
            // Tensors inside hold integers as floats.
            (Kind::Input(i), Kind::Input(j)) if i == j => {
                let (port, inside) = (self.types[*i].1.into(), inside(self.types[*i].1.fed()));
                self.nodes.cast(Source::Input(*i), port, inside)
            }
            (Kind::Variable(v), Kind::Variable(w)) if v == w => {
                let known = self.variables.iter().position(|known| known == v);
                let source = Source::Variable(known.unwrap_or_else(|| {
                    self.variables.push(v.clone());
                    self.variables.len() - 1
                }));
                let dtype = a.edge_type(edge).dtype;
                self.nodes.cast(source, dtype.into(), inside(dtype))
            }
            (Kind::Reshape, Kind::Reshape) => self.reshape(number)?,
            (Kind::Pointwise(exprs), Kind::Pointwise(others)) if exprs == others => {
                for (output, expr) in exprs.iter().enumerate() {
                    let made = self.pointwise(number, expr)?;
                    self.made.insert(Edge { node: number, output }, made);
                }
                return Ok(());
            }
            // Ops show their fields.
            (Kind::Op(op), Kind::Op(same)) if format!("{op:?}") == format!("{same:?}") => {
                let inputs = node
                    .inputs
                    .iter()
                    .map(|edge| Ok(Operand { source: self.float(*edge)?, shape: self.shape(*edge) }));
                let inputs: Vec<Operand> = inputs.collect::<Result<_, String>>()?;
                let made = op.export(&mut Exporter { inputs: &inputs, nodes: &mut self.nodes });
                let none = || {
                    format!("the op `{}` in {} names no TensorFlow nodes", op.name(), layer(self.a, number))
                };
                made.ok_or_else(none)?
            }
            (Kind::Loop(_), _) => {
                return Err(format!("{} has a loop, of which no graph is written yet", layer(a, number)));
            }
            _ => return Err(depends()),
        };
        self.made.insert(edge, made);
        Ok(())
    }

    fn source(&self, edge: Edge) -> Result<Source, String> {
        let missing = || format!("{} reads what nothing makes", layer(self.a, edge.node));
        self.made.get(&edge).copied().ok_or_else(missing)
    }

    /// An operand as f32.
    fn float(&mut self, edge: Edge) -> Result<Source, String> {
        let source = self.source(edge)?;
        Ok(self.nodes.cast(source, inside(self.a.edge_type(edge).dtype), Element::F32))
    }

    fn lengths(&self, edge: Edge) -> Vec<Length> {
        let (a, b) = (&self.a.edge_type(edge).shape, &self.b.edge_type(edge).shape);
        let axis = |(a, b): (&usize, &usize)| {
            if a == b {
                return Length::Known(*a);
            }
            let times = |i: usize| {
                let [first, second] = [STAND_INS[0][i], STAND_INS[1][i]];
                let whole = a % first == 0 && b % second == 0 && a / first == b / second;
                whole.then_some(Length::Multiple(i, a / first))
            };
            times(0).or(times(1)).unwrap_or(Length::Unknown)
        };
        a.iter().zip(b).map(axis).collect()
    }

    fn shape(&self, edge: Edge) -> Vec<Option<usize>> {
        let known = |length| if let Length::Known(n) = length { Some(n) } else { None };
        self.lengths(edge).into_iter().map(known).collect()
    }

    fn reshape(&mut self, number: usize) -> Result<Source, String> {
        let from = self.a.nodes[number].inputs[0];
        let to = Edge { node: number, output: 0 };
        // Another name for the type of the same numbers.
        if [self.a, self.b].iter().all(|g| g.edge_type(from).shape == g.edge_type(to).shape) {
            return self.source(from);
        }
        let lengths = self.lengths(to);
        let known = |length: &Length| match length {
            Length::Known(n) => i32::try_from(*n).ok(),
            _ => Some(-1),
        };
        let one = lengths.iter().filter(|l| !matches!(l, Length::Known(_))).count() <= 1;
        let shape = match lengths.iter().map(known).collect::<Option<Vec<i32>>>().filter(|_| one) {
            Some(shape) => self.nodes.ints(&shape),
            None => self.shape_tensor(number, &lengths)?,
        };
        let element = inside(self.a.edge_type(to).dtype);
        let types = vec![("T", Attribute::Type(element)), ("Tshape", Attribute::Type(Element::I32))];
        let source = self.source(from)?;
        Ok(self.nodes.add("Reshape", "output", &[source, shape], types))
    }

    /// A shape as a tensor that is computed from the shapes of the inputs.
    fn shape_tensor(&mut self, number: usize, lengths: &[Length]) -> Result<Source, String> {
        let a = self.a;
        let unknown = || format!("{} makes a shape that TensorFlow cannot be told", layer(a, number));
        let int = |n: usize| i32::try_from(n).map_err(|_| unknown());
        let mut parts = Vec::new();
        for length in lengths {
            let part = match *length {
                Length::Known(n) => {
                    let n = int(n)?;
                    self.nodes.ints(&[n])
                }
                Length::Multiple(of, times) => {
                    let place = self.types.iter().enumerate().find_map(|(i, (shape, _))| {
                        let free = |(axis, n): (usize, &Option<usize>)| n.is_none() && (axis > 0) == (of > 0);
                        Some((i, shape.0.iter().enumerate().position(free)?))
                    });
                    let (times, (input, axis)) = (int(times)?, place.ok_or_else(unknown)?);
                    self.length(input, int(axis)?, times)
                }
                Length::Unknown => return Err(unknown()),
            };
            parts.push(part);
        }
        let count = i64::try_from(parts.len()).map_err(|_| unknown())?;
        parts.push(self.nodes.int(0));
        let attributes = vec![
            ("N", Attribute::Int(count)),
            ("T", Attribute::Type(Element::I32)),
            ("Tidx", Attribute::Type(Element::I32)),
        ];
        Ok(match parts.as_slice() {
            // TensorFlow joins two at least.
            [only, _] => *only,
            _ => self.nodes.add("ConcatV2", "output", &parts, attributes),
        })
    }

    /// The length of an axis of an input, times a number, as a list of one.
    fn length(&mut self, input: usize, axis: i32, times: i32) -> Source {
        let int = || Attribute::Type(Element::I32);
        let types = vec![("T", Attribute::Type(self.types[input].1.into())), ("out_type", int())];
        let shape = self.nodes.add("Shape", "output", &[Source::Input(input)], types);
        let (begin, size) = (self.nodes.ints(&[axis]), self.nodes.ints(&[1]));
        let length =
            self.nodes.add("Slice", "output", &[shape, begin, size], vec![("T", int()), ("Index", int())]);
        if times == 1 {
            return length;
        }
        let times = self.nodes.ints(&[times]);
        self.nodes.add("Mul", "z", &[length, times], vec![("T", int())])
    }

    fn pointwise(&mut self, number: usize, expr: &Expr) -> Result<Source, String> {
        let inputs = &self.a.nodes[number].inputs;
        let mut natural = vec![];
        for (i, edge) in inputs.iter().enumerate().filter(|(i, _)| expr.reads(*i)) {
            let shape = &self.a.edge_type(*edge).shape;
            natural = broadcast(&natural, shape).ok_or_else(|| format!("operand {i} does not broadcast"))?;
        }
        let value = self.expr(number, expr, &mut Vec::new())?;
        let edge = Edge { node: number, output: 0 };
        if natural == self.a.edge_type(edge).shape {
            return Ok(value);
        }
        let lengths = self.lengths(edge);
        let shape = self.shape_tensor(number, &lengths)?;
        let types = vec![("Tidx", Attribute::Type(Element::I32))];
        Ok(self.nodes.float("BroadcastTo", "output", &[value, shape], types))
    }

    /// An expression; `made` are the parts that it had in common with what came before.
    fn expr(&mut self, number: usize, expr: &Expr, made: &mut Vec<(Expr, Source)>) -> Result<Source, String> {
        if let Some((_, source)) = made.iter().find(|(known, _)| known == expr) {
            return Ok(*source);
        }
        let value = match expr {
            Expr::In(i) => self.float(self.a.nodes[number].inputs[*i])?,
            Expr::Const(value) => self.nodes.number(*value),
            Expr::Rand(_) => return Err(format!("{} draws random numbers", layer(self.a, number))),
            Expr::Step(_) => return Err(format!("{} reads the step of a training", layer(self.a, number))),
            Expr::Call(func, args) if func.tensorflow.narrow.is_some() => {
                let value = self.expr(number, &args[0], made)?;
                let narrow = func.tensorflow.narrow.map_or(Element::F32, Element::from);
                let value = self.nodes.cast(value, Element::F32, narrow);
                self.nodes.cast(value, narrow, Element::F32)
            }
            Expr::Call(func, _) => {
                let value = self.call(number, expr, made)?;
                let truth = func.tensorflow.truth == Truth::Result;
                self.nodes.cast(value, if truth { Element::Bool } else { Element::F32 }, Element::F32)
            }
        };
        made.push((expr.clone(), value));
        Ok(value)
    }

    /// A call of a function; its result may be a truth value.
    fn call(&mut self, number: usize, expr: &Expr, made: &mut Vec<(Expr, Source)>) -> Result<Source, String> {
        let Expr::Call(func, args) = expr else { return self.expr(number, expr, made) };
        let mut operands = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let is_truth = matches!(arg, Expr::Call(f, _) if f.tensorflow.truth == Truth::Result);
            operands.push(match (i, func.tensorflow.truth) {
                (0, Truth::First) if is_truth => self.call(number, arg, made)?,
                (0, Truth::First) => {
                    let operands = [self.expr(number, arg, made)?, self.nodes.number(0.0)];
                    self.nodes.float("NotEqual", "z", &operands, vec![])
                }
                _ => self.expr(number, arg, made)?,
            });
        }
        Ok(self.nodes.float(func.tensorflow.op, func.tensorflow.output, &operands, vec![]))
    }
}

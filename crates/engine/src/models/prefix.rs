//! The part of a network that is computed on the host: the layers that must be there, and all before them.
//!
//! What the computation on a device is fed are the inputs that it reads itself, and what the host makes. Networks inside networks are seen through: a value is
//! known by the calls on the way to it.

use std::collections::HashMap;

use super::network::{Network, NetworkKind};
use crate::Error;
use crate::graph::{Arguments, CallContext, IntoTensor, LayerRef, Tensor, TensorType, trace};
use crate::host::{Elements, Values};
use crate::oracle::{self, Given};
use crate::types::{DType, Shape};

/// The numbers of the calls that lead to one: in the network, in the network that it calls, and so on.
pub type Path = Vec<usize>;

/// Where a value that the device is fed comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The model's input with this number.
    Input(usize),
    /// A call that the host computes.
    Call(Path),
}

/// A value that the device is fed.
#[derive(Clone, Debug)]
pub struct Fed {
    /// Where it comes from.
    pub origin: Origin,
    /// Its shape and type, as far as they are known.
    pub ty: (Shape, DType),
    value: usize,
}

/// A call of a network or of one inside it, but for those of networks.
#[derive(Clone, Debug)]
struct Node {
    layer: LayerRef,
    arguments: Arguments,
    path: Path,
    /// Nodes and their outputs.
    inputs: Vec<(usize, usize)>,
    ty: (Shape, DType),
    /// Number of the model's input that it is.
    input: Option<usize>,
    host: bool,
}

/// What is computed on the host.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    nodes: Vec<Node>,
    /// Nodes that the host computes, inputs among them.
    needed: Vec<bool>,
    /// What the device is fed, in order.
    pub fed: Vec<Fed>,
    /// For each output of the model, the node that makes it on the host, where that is one of strings.
    texts: Vec<Option<usize>>,
}

impl Prefix {
    /// Of a network.
    ///
    /// # Errors
    /// A layer that must be computed on the host depends on one that cannot be.
    pub fn of(network: &Network) -> Result<Self, Error> {
        let mut nodes = Vec::new();
        let types: Vec<(Shape, DType)> =
            network.inputs.iter().map(|c| network.symbol_type((*c, 0))).collect();
        let inputs: Vec<(usize, usize)> = (0..types.len()).map(|i| (i, 0)).collect();
        for (number, (call, ty)) in network.inputs.iter().zip(&types).enumerate() {
            let layer = network.layers[network.calls[*call].layer].clone();
            nodes.push(Node {
                layer,
                arguments: Arguments::default(),
                path: vec![*call],
                inputs: vec![],
                ty: ty.clone(),
                input: Some(number),
                host: false,
            });
        }
        let outputs = flatten(network, &inputs, &mut vec![], &mut nodes);
        let mut prefix = Prefix { needed: vec![false; nodes.len()], nodes, ..Prefix::default() };
        prefix.find_needed()?;
        prefix.find_fed(&outputs);
        prefix.texts = outputs
            .iter()
            .map(|(node, _)| Some(*node).filter(|node| prefix.nodes[*node].ty.1 == DType::Text))
            .collect();
        Ok(prefix)
    }

    fn find_needed(&mut self) -> Result<(), Error> {
        for number in (0..self.nodes.len()).rev() {
            self.needed[number] = self.needed[number] || self.nodes[number].host;
            if self.needed[number] {
                self.nodes[number].inputs.iter().for_each(|(before, _)| self.needed[*before] = true);
            }
        }
        for (number, node) in self.nodes.iter().enumerate().filter(|(n, _)| self.needed[*n]) {
            if node.input.is_some() || node.host {
                continue;
            }
            let text = node.inputs.iter().any(|(before, _)| self.nodes[*before].ty.1 == DType::Text);
            let reader = self.nodes.iter().find(|n| n.host && self.depends(n, number));
            let reader =
                reader.map_or_else(String::new, |n| format!("{} ({})", n.layer.name(), n.layer.class_name()));
            let several =
                self.nodes.iter().flat_map(|n| &n.inputs).any(|(n, output)| *n == number && *output > 0);
            if text || several || !node.layer.variables().is_empty() || !node.layer.states().is_empty() {
                let what = format!(
                    "the layer {reader} is computed on the host before the model's computation, so it cannot take what this {} makes: \
                     put it before such layers, or make two models of the two parts",
                    node.layer.class_name()
                );
                return Err(Error::Shape { layer: node.layer.name(), what });
            }
        }
        Ok(())
    }

    /// Returns whether a node reads another one, or what is made of it.
    fn depends(&self, node: &Node, on: usize) -> bool {
        let mut waiting: Vec<usize> = node.inputs.iter().map(|(before, _)| *before).collect();
        while let Some(before) = waiting.pop() {
            if before == on {
                return true;
            }
            waiting.extend(self.nodes[before].inputs.iter().map(|(before, _)| *before));
        }
        false
    }

    fn find_fed(&mut self, outputs: &[(usize, usize)]) {
        let mut read = vec![false; self.nodes.len()];
        let readers = self.nodes.iter().enumerate().filter(|(n, _)| !self.needed[*n]);
        readers.flat_map(|(_, node)| &node.inputs).for_each(|(before, _)| read[*before] = true);
        outputs.iter().for_each(|(node, _)| read[*node] = true);
        let anything = self.is_empty();
        for (value, node) in self.nodes.iter().enumerate() {
            let origin = match node.input {
                Some(number) => Origin::Input(number),
                None if self.needed[value] => Origin::Call(node.path.clone()),
                None => continue,
            };
            // Without a layer for the host all inputs are fed, as before there were any.
            if node.ty.1 != DType::Text && (read[value] || anything) {
                self.fed.push(Fed { origin, ty: node.ty.clone(), value });
            }
        }
    }

    /// Returns whether the host computes nothing.
    pub fn is_empty(&self) -> bool {
        !self.nodes.iter().any(|node| node.host)
    }

    /// Returns whether the host reads an input of the model.
    pub fn reads(&self, input: usize) -> bool {
        self.nodes.iter().zip(&self.needed).any(|(node, needed)| *needed && node.input == Some(input))
    }

    /// Returns whether data decide no other axis of what is fed than that of the examples.
    pub fn is_fixed(&self) -> bool {
        let made = self.fed.iter().filter(|fed| matches!(fed.origin, Origin::Call(_)));
        made.map(|fed| &fed.ty.0).all(|shape| shape.0.iter().skip(1).all(Option::is_some))
    }

    /// Returns for each output of the model whether it is of strings, which the host makes.
    pub fn text_outputs(&self) -> Vec<bool> {
        self.texts.iter().map(Option::is_some).collect()
    }

    /// Places what a step is fed: the tensors of the network's inputs, and what a call is told that the host has made.
    pub(crate) fn placed(
        &self,
        inputs: usize,
        fed: &[Tensor],
    ) -> (Vec<Tensor>, HashMap<Path, Option<Tensor>>) {
        let nothing: Tensor = 0.0.into_tensor();
        let mut tensors = vec![nothing; inputs];
        let host =
            self.nodes.iter().zip(&self.needed).filter(|(node, needed)| **needed && node.input.is_none());
        let mut made: HashMap<Path, Option<Tensor>> =
            host.map(|(node, _)| (node.path.clone(), None)).collect();
        for (of, tensor) in self.fed.iter().zip(fed) {
            match &of.origin {
                Origin::Input(number) => tensors[*number] = *tensor,
                Origin::Call(path) => drop(made.insert(path.clone(), Some(*tensor))),
            }
        }
        (tensors, made)
    }

    /// Computes what the host makes of inputs; those that it does not read may be missing. Gives each [`Fed`] that it makes, in order.
    ///
    /// # Errors
    /// A layer refuses a value.
    pub fn run(&self, inputs: Vec<Option<Values<'_>>>) -> Result<Vec<Option<Values<'static>>>, Error> {
        let values = self.values(inputs)?;
        let made = |fed: &Fed| match fed.origin {
            Origin::Input(_) => None,
            Origin::Call(_) => values[fed.value].clone().map(owned),
        };
        Ok(self.fed.iter().map(made).collect())
    }

    /// Computes the outputs of strings.
    ///
    /// # Errors
    /// As [`Prefix::run`].
    pub fn run_texts(&self, inputs: Vec<Option<Values<'_>>>) -> Result<Vec<Option<Values<'static>>>, Error> {
        let values = self.values(inputs)?;
        Ok(self.texts.iter().map(|node| node.and_then(|node| values[node].clone()).map(owned)).collect())
    }

    fn values<'v>(&self, inputs: Vec<Option<Values<'v>>>) -> Result<Vec<Option<Values<'v>>>, Error> {
        let mut values: Vec<Option<Values<'v>>> = vec![None; self.nodes.len()];
        let mut inputs = inputs;
        for (number, node) in self.nodes.iter().enumerate().filter(|(n, _)| self.needed[*n]) {
            if let Some(input) = node.input {
                values[number] = inputs.get_mut(input).and_then(Option::take);
                continue;
            }
            let read: Option<Vec<Values<'_>>> =
                node.inputs.iter().map(|(before, _)| values[*before].clone()).collect();
            let read = read.ok_or_else(|| Error::State { what: "the host lacks an input".into() })?;
            let made = match node.host {
                true => {
                    let layer = node.layer.layer();
                    let host = layer
                        .as_host()
                        .ok_or_else(|| Error::State { what: "no layer of the host".into() })?;
                    host.compute(&read, &node.layer.settings()).map_err(|e| node.layer.named(e))?
                }
                false => by_definition(node, &read)?,
            };
            values[number] = Some(made);
        }
        Ok(values)
    }
}

fn owned(values: Values<'_>) -> Values<'static> {
    let elements = match values.elements {
        Elements::Floats(all) => Elements::Floats(all),
        Elements::Integers(integer, all) => Elements::Integers(integer, all),
        Elements::Text(all) => Elements::Text(all.into_iter().map(|v| v.into_owned().into()).collect()),
    };
    Values { shape: values.shape, elements }
}

/// Adds the calls of a network to the nodes; gives the nodes of its outputs. `inputs` are those of its inputs.
fn flatten(
    network: &Network,
    inputs: &[(usize, usize)],
    path: &mut Path,
    nodes: &mut Vec<Node>,
) -> Vec<(usize, usize)> {
    let mut values: Vec<Vec<(usize, usize)>> = Vec::with_capacity(network.calls.len());
    for (number, call) in network.calls.iter().enumerate() {
        if let Some(k) = network.inputs.iter().position(|c| *c == number) {
            values.push(inputs.get(k).copied().into_iter().collect());
            continue;
        }
        let read: Vec<(usize, usize)> =
            call.inputs.iter().filter_map(|(c, o)| values[*c].get(*o).copied()).collect();
        let layer = &network.layers[call.layer];
        path.push(number);
        let held = layer.layer();
        let made = match held.as_any().downcast_ref::<Network>() {
            Some(inner) => flatten(inner, &read, path, nodes),
            None => {
                nodes.push(Node {
                    layer: layer.clone(),
                    arguments: call.arguments.clone(),
                    path: path.clone(),
                    inputs: read,
                    ty: call.outputs.first().cloned().unwrap_or_default(),
                    input: None,
                    host: held.as_host().is_some(),
                });
                (0..call.outputs.len()).map(|output| (nodes.len() - 1, output)).collect()
            }
        };
        path.pop();
        values.push(made);
    }
    network.outputs.iter().filter_map(|(c, o)| values[*c].get(*o).copied()).collect()
}

/// What a layer without weights makes of numbers, by the definitions of its ops.
fn by_definition(node: &Node, inputs: &[Values<'_>]) -> Result<Values<'static>, Error> {
    let types = inputs.iter().map(|v| TensorType { dtype: v.dtype(), shape: v.shape.clone() });
    let types: Vec<TensorType> = types.collect();
    let (graph, (ty, edge)) = trace(|| {
        let xs: Vec<Tensor> = types.iter().enumerate().map(|(i, t)| Tensor::input(i, t.clone())).collect();
        let made = node.layer.call_with(&xs, &node.arguments, &CallContext::new(false));
        let first = made.first().copied().unwrap_or(xs[0]);
        Ok((first.ty(), oracle::edge(first)))
    })?;
    let numbers = |values: &Values<'_>| -> Vec<f64> {
        match &values.elements {
            Elements::Floats(all) => all.iter().map(|v| f64::from(*v)).collect(),
            Elements::Integers(_, all) => all.iter().map(|v| *v as f64).collect(),
            Elements::Text(_) => vec![],
        }
    };
    let inputs: HashMap<usize, Vec<f64>> = inputs.iter().map(numbers).enumerate().collect();
    let values = oracle::run(&graph, &Given { inputs, ..Given::default() });
    let all = oracle::value(&values, edge);
    let elements = match ty.dtype {
        DType::Whole(integer) => Elements::Integers(integer, all.iter().map(|v| *v as i64).collect()),
        _ => Elements::Floats(all.iter().map(|v| *v as f32).collect()),
    };
    Ok(Values { shape: ty.shape, elements })
}

impl Network {
    /// Returns whether it or a network inside has a layer that is computed on the host.
    pub fn has_host_layers(&self) -> bool {
        self.layers.iter().any(|layer| {
            let held = layer.layer();
            let inside = held.as_any().downcast_ref::<Network>().is_some_and(Network::has_host_layers);
            held.as_host().is_some() || inside
        })
    }

    /// Returns the type that a Sequential takes which is built by data of this one: that of its first layer, where that is one for the host.
    pub fn first_type(&self, found: DType) -> DType {
        let first = self.layers.first().filter(|_| self.kind == NetworkKind::Sequential);
        let taken = first.and_then(|layer| {
            let held = layer.layer();
            match held.as_any().downcast_ref::<Network>() {
                Some(inner) => Some(inner.first_type(found)),
                None => held.as_host().map(|host| match (host.takes(), found) {
                    (Some(takes), _) => takes,
                    (None, DType::Text) => DType::Text,
                    (None, _) => DType::Whole(crate::types::Integer::I64),
                }),
            }
        });
        taken.unwrap_or(if found == DType::Text { DType::Text } else { DType::F32 })
    }
}

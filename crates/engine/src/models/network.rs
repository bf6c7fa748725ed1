//! [`Network`]: a graph of layer calls. It is itself a layer, so models nest.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::infer::output_types;
use super::symbol::{Symbol, SymbolCall};
use crate::Error;
use crate::graph::{Arguments, Builder, CallContext, DynLayer, Integers, LayerRef, Resolver, Tensor, fail};
use crate::types::{DType, Shape};

/// How a network was put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// A list of layers.
    Sequential,
    /// A graph of calls.
    Functional,
}

/// One call of a layer in a network.
#[derive(Clone, Debug)]
pub struct Call {
    /// Number of the layer in [`Network::layers`].
    pub layer: usize,
    /// Inputs: number of an earlier call, and which of its outputs. Empty for an input layer.
    pub inputs: Vec<(usize, usize)>,
    /// Says what these are to the layer.
    pub arguments: Arguments,
    /// Symbolic types of its outputs.
    pub outputs: Vec<(Shape, DType)>,
}

/// A graph of layer calls.
#[derive(Clone, Debug)]
pub struct Network {
    /// Sequential or Functional.
    pub kind: NetworkKind,
    /// Layers in Keras' order. A Sequential that was built begins with its input layer.
    pub layers: Vec<LayerRef>,
    /// Calls; each stands after those that it reads. Empty in a Sequential that is not built.
    pub calls: Vec<Call>,
    /// Calls of the input layers, in order of the model's inputs.
    pub inputs: Vec<usize>,
    /// The model's outputs.
    pub outputs: Vec<(usize, usize)>,
}

impl Network {
    /// A Sequential of these layers, not built.
    pub fn sequential(layers: Vec<LayerRef>) -> Self {
        Network { kind: NetworkKind::Sequential, layers, calls: vec![], inputs: vec![], outputs: vec![] }
    }

    /// A functional network between symbols.
    ///
    /// # Errors
    /// A layer on the way did not fit, or an input is not connected.
    pub fn functional(inputs: &[Symbol], outputs: &[Symbol]) -> Result<Self, Error> {
        let mut order: Vec<Arc<SymbolCall>> = Vec::new();
        for symbol in inputs.iter().chain(outputs) {
            collect(&symbol.source()?.0, &mut order)?;
        }
        let number = |call: &Arc<SymbolCall>| order.iter().position(|c| Arc::ptr_eq(c, call)).unwrap_or(0);
        let input_calls: Vec<usize> =
            inputs.iter().map(|s| Ok(number(&s.source()?.0))).collect::<Result<_, Error>>()?;
        for call in &order {
            if call.inputs.is_empty() && !input_calls.contains(&number(call)) {
                let what = format!(
                    "the outputs depend on input {}, which is not among the model's inputs",
                    call.layer.name()
                );
                return Err(Error::Argument { what });
            }
        }
        // Keras lists layers by their depth, counted from the outputs; among equals, in order of their calls.
        let depth = depths(&order);
        let mut layers: Vec<(usize, LayerRef)> = Vec::new();
        for (call, depth) in order.iter().zip(&depth) {
            match layers.iter_mut().find(|(_, l)| *l == call.layer) {
                Some((d, _)) => *d = (*d).max(*depth),
                None => layers.push((*depth, call.layer.clone())),
            }
        }
        layers.sort_by_key(|(d, _)| std::cmp::Reverse(*d));
        let layers: Vec<LayerRef> = layers.into_iter().map(|(_, l)| l).collect();
        let mut calls = Vec::new();
        for call in &order {
            let reads = |s: &Symbol| s.source().map(|(c, i)| (number(c), *i));
            let types = |s: &Symbol| (s.shape.clone(), s.dtype);
            let reading: Vec<(usize, usize)> = call.inputs.iter().map(reads).collect::<Result<_, _>>()?;
            let outputs = match call.inputs.is_empty() {
                true => inputs
                    .iter()
                    .filter(|s| s.source().is_ok_and(|(c, _)| Arc::ptr_eq(c, call)))
                    .map(types)
                    .take(1)
                    .collect(),
                false => {
                    let types: Vec<_> = call.inputs.iter().map(types).collect();
                    output_types(&NoNames, &call.layer, &types, &call.arguments)?
                }
            };
            let layer = layers.iter().position(|l| *l == call.layer).unwrap_or(0);
            calls.push(Call { layer, inputs: reading, arguments: call.arguments.clone(), outputs });
        }
        let outputs =
            outputs.iter().map(|s| s.source().map(|(c, i)| (number(c), *i))).collect::<Result<_, _>>()?;
        Ok(Network { kind: NetworkKind::Functional, layers, calls, inputs: input_calls, outputs })
    }

    /// Whether its calls are known.
    pub fn is_built(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Builds a Sequential for an input of this shape (with the batch axis), made by this input layer.
    ///
    /// # Errors
    /// A layer does not fit.
    pub fn build_sequential(
        &mut self,
        resolver: &dyn Resolver,
        input: LayerRef,
        shape: Shape,
        dtype: DType,
    ) -> Result<(), Error> {
        let mut ty = (shape, dtype);
        let mut calls = vec![Call {
            layer: 0,
            inputs: vec![],
            arguments: Arguments::default(),
            outputs: vec![ty.clone()],
        }];
        for (i, layer) in self.layers.iter().enumerate() {
            let arguments = layer.layer().arguments(1);
            let outputs = output_types(resolver, layer, &[ty], &arguments)?;
            let [only] = outputs.as_slice() else {
                let what =
                    format!("a Sequential takes layers with one output, but this one has {}", outputs.len());
                return Err(Error::Shape { layer: layer.name(), what });
            };
            ty = only.clone();
            calls.push(Call { layer: i + 1, inputs: vec![(i, 0)], arguments, outputs });
        }
        self.layers.insert(0, input);
        self.inputs = vec![0];
        self.outputs = vec![(calls.len() - 1, 0)];
        self.calls = calls;
        Ok(())
    }

    /// Symbolic type of an output of a call.
    pub fn symbol_type(&self, (call, output): (usize, usize)) -> (Shape, DType) {
        self.calls.get(call).and_then(|c| c.outputs.get(output)).cloned().unwrap_or_default()
    }

    /// Lists the layers in this order, where it has the same ones: a file's order is kept.
    pub fn reorder(&mut self, order: &[LayerRef]) {
        let place = |l: &LayerRef| order.iter().position(|o| o == l);
        if order.len() != self.layers.len() || !self.layers.iter().all(|l| place(l).is_some()) {
            return;
        }
        for call in &mut self.calls {
            call.layer = place(&self.layers[call.layer]).unwrap_or(call.layer);
        }
        self.layers = order.to_vec();
    }

    /// The layers without input layers.
    pub fn real_layers(&self) -> impl Iterator<Item = &LayerRef> {
        self.layers.iter().filter(|l| l.class_name() != "InputLayer")
    }
}

fn collect(call: &Arc<SymbolCall>, order: &mut Vec<Arc<SymbolCall>>) -> Result<(), Error> {
    if order.iter().any(|c| Arc::ptr_eq(c, call)) {
        return Ok(());
    }
    for input in &call.inputs {
        collect(&input.source()?.0, order)?;
    }
    order.push(call.clone());
    Ok(())
}

/// Longest way from each call to an output.
fn depths(order: &[Arc<SymbolCall>]) -> Vec<usize> {
    let number: HashMap<*const SymbolCall, usize> =
        order.iter().enumerate().map(|(i, c)| (Arc::as_ptr(c), i)).collect();
    let mut depth = vec![0; order.len()];
    for i in (0..order.len()).rev() {
        for input in &order[i].inputs {
            if let Some(j) = input.source().ok().and_then(|(c, _)| number.get(&Arc::as_ptr(c))) {
                depth[*j] = depth[*j].max(depth[i] + 1);
            }
        }
    }
    depth
}

/// For layers that are built already.
struct NoNames;
impl Resolver for NoNames {
    fn activation(&self, _: &Json) -> Result<Option<Arc<dyn crate::graph::Activation>>, Error> {
        Ok(None)
    }
    fn initializer(&self, _: &Json) -> Result<Option<Arc<dyn crate::graph::Initializer>>, Error> {
        Ok(None)
    }
    fn regularizer(&self, _: &Json) -> Result<Option<Arc<dyn crate::graph::Regularizer>>, Error> {
        Ok(None)
    }
    fn constraint(&self, _: &Json) -> Result<Option<Arc<dyn crate::graph::Constraint>>, Error> {
        Ok(None)
    }
}

impl DynLayer for Network {
    fn class_name(&self) -> &'static str {
        match self.kind {
            NetworkKind::Sequential => "Sequential",
            NetworkKind::Functional => "Functional",
        }
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "training", "mask"]
    }

    fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        if self.is_built() {
            return Ok(());
        }
        let [shape] = inputs else {
            return Err(Error::Shape {
                layer: String::new(),
                what: format!("a Sequential takes one input, not {}", inputs.len()),
            });
        };
        let dtype = self.first_type(builder.input_type());
        let input = crate::layers::InputLayer::with_batch(shape.clone(), dtype).into();
        self.build_sequential(builder.resolver(), input, shape.clone(), dtype)
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        if xs.len() != self.inputs.len() {
            let what = format!("the model takes {} inputs, but was given {}", self.inputs.len(), xs.len());
            fail(Error::Shape { layer: String::new(), what });
            return xs.to_vec();
        }
        let mut values: Vec<Vec<Tensor>> = Vec::with_capacity(self.calls.len());
        for (i, call) in self.calls.iter().enumerate() {
            let made = match self.inputs.iter().position(|c| *c == i) {
                // Strings are on the host alone.
                Some(k) if self.symbol_type((i, 0)).1 == DType::Text => vec![xs[k]],
                Some(k) => {
                    let x = xs[k].cast_to(self.symbol_type((i, 0)).1);
                    cx.set_mask(x, cx.input_mask(k).or(cx.mask(x)));
                    vec![x]
                }
                None => {
                    let inputs: Vec<Tensor> =
                        call.inputs.iter().filter_map(|(c, o)| values[*c].get(*o).copied()).collect();
                    cx.in_network(i, call.outputs.len(), || {
                        self.layers[call.layer].call_with(&inputs, &call.arguments, cx)
                    })
                }
            };
            values.push(made);
        }
        self.outputs.iter().filter_map(|(c, o)| values[*c].get(*o).copied()).collect()
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn config(&self) -> Map<String, Json> {
        Map::new()
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.layers.iter().map(|l| (l.name(), l.clone())).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

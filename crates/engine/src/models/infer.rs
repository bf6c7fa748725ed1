//! Symbolic output shapes: a layer's `call` is traced with two stand-ins for every unknown axis; where the results differ, the axis
//! is unknown.

use super::network::Network;
use crate::Error;
use crate::graph::{Arguments, CallContext, LayerRef, Resolver, Tensor, TensorType, trace};
use crate::types::{DType, Shape};

/// Large primes, so that no axis of a real model equals them or their products by chance.
const STAND_INS: [usize; 2] = [10_007, 20_011];

/// Builds the layer for these inputs, and infers its outputs.
pub(crate) fn output_types(
    resolver: &dyn Resolver,
    layer: &LayerRef,
    inputs: &[(Shape, DType)],
    arguments: &Arguments,
) -> Result<Vec<(Shape, DType)>, Error> {
    let computed = arguments.computed(inputs.len(), layer.layer().parameters());
    let shapes: Vec<Shape> = computed.iter().map(|n| inputs[*n].0.clone()).collect();
    let kinds: Vec<DType> = computed.iter().map(|n| inputs[*n].1).collect();
    layer.build_for(resolver, &shapes, &kinds)?;
    let of_inputs: Vec<(Shape, DType)> = computed.iter().map(|n| inputs[*n].clone()).collect();
    if let Some(types) = on_the_host(resolver, layer, &of_inputs)? {
        return Ok(types);
    }
    let [a, b] = STAND_INS.map(|stand_in| {
        let traced = trace(|| {
            let tensor = |(i, (shape, dtype)): (usize, &(Shape, DType))| {
                Tensor::input(i, TensorType { dtype: *dtype, shape: shape.concrete(|| stand_in) })
            };
            let xs: Vec<Tensor> = inputs.iter().enumerate().map(tensor).collect();
            Ok(layer
                .call_with(&xs, arguments, &CallContext::symbolic(stand_in))
                .into_iter()
                .map(Tensor::ty)
                .collect::<Vec<_>>())
        });
        traced.map(|(_, types)| types).map_err(|e| show_none(e, stand_in))
    });
    let join = |(a, b): (TensorType, TensorType)| {
        let axis = |(x, y): (&usize, &usize)| (x == y).then_some(*x);
        (Shape(a.shape.iter().zip(&b.shape).map(axis).collect()), a.dtype)
    };
    Ok(a?.into_iter().zip(b?).map(join).collect())
}

/// The outputs of a layer that is computed on the host, or of a network with such layers; `None` of any other.
fn on_the_host(
    resolver: &dyn Resolver,
    layer: &LayerRef,
    inputs: &[(Shape, DType)],
) -> Result<Option<Vec<(Shape, DType)>>, Error> {
    let held = layer.layer();
    if let Some(host) = held.as_host() {
        let ty = host.output_type(inputs, &layer.settings()).map_err(|e| layer.named(e))?;
        return Ok(Some(vec![ty]));
    }
    match held.as_any().downcast_ref::<Network>().filter(|network| network.has_host_layers()) {
        Some(network) => of_network(resolver, network, inputs).map(Some),
        None if inputs.iter().any(|(_, dtype)| *dtype == DType::Text) => {
            let what = "takes numbers, but its input is of strings: StringLookup, TextVectorization and Hashing make numbers of strings";
            Err(Error::Shape { layer: layer.name(), what: what.into() })
        }
        None => Ok(None),
    }
}

/// The outputs of a network, call by call.
fn of_network(
    resolver: &dyn Resolver,
    network: &Network,
    inputs: &[(Shape, DType)],
) -> Result<Vec<(Shape, DType)>, Error> {
    if inputs.len() != network.inputs.len() {
        let what = format!("the model takes {} inputs, but was given {}", network.inputs.len(), inputs.len());
        return Err(Error::Shape { layer: String::new(), what });
    }
    let mut types: Vec<Vec<(Shape, DType)>> = Vec::with_capacity(network.calls.len());
    for (number, call) in network.calls.iter().enumerate() {
        let made = match network.inputs.iter().position(|c| *c == number) {
            Some(k) => {
                let (shape, found) = &inputs[k];
                let dtype = network.symbol_type((number, 0)).1;
                if (dtype == DType::Text) != (*found == DType::Text) {
                    let what = format!("the model takes {}, but was given {}", dtype.name(), found.name());
                    return Err(Error::Shape { layer: String::new(), what });
                }
                vec![(shape.clone(), dtype)]
            }
            None => {
                let read = call.inputs.iter().filter_map(|(c, o)| types[*c].get(*o).cloned());
                let read: Vec<(Shape, DType)> = read.collect();
                output_types(resolver, &network.layers[call.layer], &read, &call.arguments)?
            }
        };
        types.push(made);
    }
    Ok(network.outputs.iter().filter_map(|(c, o)| types[*c].get(*o).cloned()).collect())
}

/// Messages show `None`, not the stand-in.
fn show_none(error: Error, stand_in: usize) -> Error {
    match error {
        Error::Shape { layer, what } => {
            Error::Shape { layer, what: what.replace(&stand_in.to_string(), "None") }
        }
        other => other,
    }
}

//! Symbolic output shapes: a layer's `call` is traced with two stand-ins for every unknown axis; where the results differ, the axis
//! is unknown.

use crate::Error;
use crate::graph::{Arguments, CallContext, LayerRef, Resolver, Tensor, TensorType, trace};
use crate::types::{DType, Shape};

/// Large primes, so that no axis of a real model equals them or their products by chance.
const STAND_INS: [usize; 2] = [10_007, 20_011];

/// Builds the layer for these inputs, and infers its outputs.
pub(super) fn output_types(
    resolver: &dyn Resolver,
    layer: &LayerRef,
    inputs: &[(Shape, DType)],
    arguments: &Arguments,
) -> Result<Vec<(Shape, DType)>, Error> {
    let computed = arguments.computed(inputs.len(), layer.layer().parameters());
    let shapes: Vec<Shape> = computed.iter().map(|n| inputs[*n].0.clone()).collect();
    layer.build(resolver, &shapes)?;
    let [a, b] = STAND_INS.map(|stand_in| {
        let traced = trace(|| {
            let tensor = |(i, (shape, dtype)): (usize, &(Shape, DType))| {
                Tensor::input(i, TensorType { dtype: *dtype, shape: shape.concrete(|| stand_in) })
            };
            let xs: Vec<Tensor> = inputs.iter().enumerate().map(tensor).collect();
            Ok(layer
                .call_with(&xs, arguments, &CallContext::symbolic())
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

/// Messages show `None`, not the stand-in.
fn show_none(error: Error, stand_in: usize) -> Error {
    match error {
        Error::Shape { layer, what } => {
            Error::Shape { layer, what: what.replace(&stand_in.to_string(), "None") }
        }
        other => other,
    }
}

//! [`Symbol`]: what a layer is called on while a functional model is put together.

use std::sync::Arc;

use super::infer::output_types;
use crate::Error;
use crate::graph::{Arguments, LayerRef, Resolver};
use crate::types::{DType, Shape};

/// A symbolic tensor: its shape (axes that data decide are `None`), and the call that makes it.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Shape with the batch axis.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
    /// What makes it; an error is kept until a model is made of it.
    source: Result<(Arc<SymbolCall>, usize), Error>,
}

/// One call of a layer on symbols.
#[derive(Debug)]
pub struct SymbolCall {
    /// The layer.
    pub layer: LayerRef,
    /// What it is called on; empty for an input layer.
    pub inputs: Vec<Symbol>,
    /// Says what these are to the layer.
    pub arguments: Arguments,
}

impl Symbol {
    /// The symbol of an input layer.
    pub fn input(layer: LayerRef, shape: Shape, dtype: DType) -> Symbol {
        let call = Arc::new(SymbolCall { layer, inputs: vec![], arguments: Arguments::default() });
        Symbol { shape, dtype, source: Ok((call, 0)) }
    }

    /// A symbol of which nothing is known but an error, which a model that is made of it gives.
    pub(crate) fn failed(error: Error) -> Symbol {
        Symbol { shape: Shape::default(), dtype: DType::F32, source: Err(error) }
    }

    /// Names the layer that makes it: `input([3]).name("left")`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Symbol {
        if let Ok((call, _)) = &self.source {
            call.layer.configure(|s| s.name = name.into());
        }
        self
    }

    /// The call that makes it, and which of its outputs it is.
    ///
    /// # Errors
    /// A layer before it did not fit.
    pub fn source(&self) -> Result<&(Arc<SymbolCall>, usize), Error> {
        self.source.as_ref().map_err(Clone::clone)
    }

    /// Calls a layer: builds it for these shapes, and gives a symbol for each output. Errors are kept in the symbols.
    pub fn call(resolver: &dyn Resolver, layer: &LayerRef, inputs: &[Symbol]) -> Vec<Symbol> {
        let arguments = layer.layer().arguments(inputs.len());
        Self::call_with(resolver, layer, inputs, arguments)
    }

    /// [`Symbol::call`] with arguments that say what the symbols are.
    pub fn call_with(
        resolver: &dyn Resolver,
        layer: &LayerRef,
        inputs: &[Symbol],
        arguments: Arguments,
    ) -> Vec<Symbol> {
        let before = inputs.iter().find_map(|s| s.source().err());
        let types: Vec<(Shape, DType)> = inputs.iter().map(|s| (s.shape.clone(), s.dtype)).collect();
        let made =
            before.map_or(Ok(()), Err).and_then(|()| output_types(resolver, layer, &types, &arguments));
        match made {
            Ok(outputs) => {
                let call = Arc::new(SymbolCall { layer: layer.clone(), inputs: inputs.to_vec(), arguments });
                let symbol = |(i, (shape, dtype))| Symbol { shape, dtype, source: Ok((call.clone(), i)) };
                outputs.into_iter().enumerate().map(symbol).collect()
            }
            Err(error) => vec![Symbol::failed(error)],
        }
    }
}

/// One symbol or several.
pub trait IntoSymbols {
    /// As a list.
    fn into_symbols(self) -> Vec<Symbol>;
}

impl IntoSymbols for Symbol {
    fn into_symbols(self) -> Vec<Symbol> {
        vec![self]
    }
}
impl IntoSymbols for &Symbol {
    fn into_symbols(self) -> Vec<Symbol> {
        vec![self.clone()]
    }
}
impl IntoSymbols for Vec<Symbol> {
    fn into_symbols(self) -> Vec<Symbol> {
        self
    }
}
impl IntoSymbols for &[Symbol] {
    fn into_symbols(self) -> Vec<Symbol> {
        self.to_vec()
    }
}
impl<const N: usize> IntoSymbols for [Symbol; N] {
    fn into_symbols(self) -> Vec<Symbol> {
        self.into()
    }
}
impl<const N: usize> IntoSymbols for [&Symbol; N] {
    fn into_symbols(self) -> Vec<Symbol> {
        self.into_iter().cloned().collect()
    }
}

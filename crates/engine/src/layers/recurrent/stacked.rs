//! Several cells as one.

use serde::{Deserialize, Serialize};

use super::super::inner::Inner;
use crate::Error;
use crate::graph::{
    Builder, CallContext, Cell, Drawn, Layer, LayerRef, Resolver, Shape, Tensor, fail, scoped,
};

/// Cells one behind the other, as one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StackedRNNCells {
    cells: Vec<Inner>,
}

impl StackedRNNCells {
    /// Of these cells, the first of which gets the inputs.
    pub fn new(cells: impl IntoIterator<Item = LayerRef>) -> Self {
        StackedRNNCells { cells: cells.into_iter().map(Inner::of).collect() }
    }

    /// Calls `f` with each cell.
    fn each<R>(&self, mut f: impl FnMut(usize, &dyn Cell) -> R) -> Vec<R> {
        let mut made = Vec::new();
        for (i, layer) in self.cells.iter().filter_map(Inner::get).enumerate() {
            let held = layer.layer();
            match held.as_cell() {
                Some(cell) => made.push(scoped(&layer.name(), || f(i, cell))),
                None => fail(Error::Argument { what: format!("{} is no cell", layer.class_name()) }),
            }
        }
        made
    }
}

impl Layer for StackedRNNCells {
    const CLASS: &'static str = "StackedRNNCells";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.cells.iter_mut().try_for_each(|cell| cell.bind(resolver))?;
        if self.cells.is_empty() {
            return Err(Error::Argument { what: "cells is empty".into() });
        }
        let mut cells = self.cells.iter().filter_map(Inner::get);
        cells.try_for_each(|cell| cell.without_activity_penalty(Self::CLASS))?;
        let no_cell = |layer: &&LayerRef| layer.layer().as_cell().is_none();
        match self.cells.iter().filter_map(Inner::get).find(no_cell) {
            Some(layer) => Err(Error::Argument {
                what: format!("cells: {} is not a cell of a recurrent layer", layer.class_name()),
            }),
            None => Ok(()),
        }
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        let Some(mut shape) = inputs.first().cloned() else { return Ok(()) };
        for layer in self.cells.iter().filter_map(Inner::get) {
            layer.build(builder.resolver(), std::slice::from_ref(&shape))?;
            let output = layer.layer().as_cell().map(Cell::output_shape).unwrap_or_default();
            let batch = shape.0.first().copied().flatten();
            shape = Shape(std::iter::once(batch).chain(output.into_iter().map(Some)).collect());
        }
        Ok(())
    }

    called_as_cell!();

    fn inner(&self) -> Vec<(String, LayerRef)> {
        let cells = self.cells.iter().filter_map(Inner::get).enumerate();
        cells.map(|(i, cell)| (format!("cells/{i}"), cell.clone())).collect()
    }
}

impl Cell for StackedRNNCells {
    fn state_shapes(&self) -> Vec<Vec<usize>> {
        self.each(|_, cell| cell.state_shapes()).concat()
    }

    fn output_shape(&self) -> Vec<usize> {
        self.each(|_, cell| cell.output_shape()).pop().unwrap_or_default()
    }

    fn draw(&self, step: &[usize], cx: &CallContext) -> Drawn {
        let mut step = step.to_vec();
        let inner = self.each(|_, cell| {
            let drawn = cell.draw(&step, cx);
            step.truncate(1);
            step.extend(cell.output_shape());
            drawn
        });
        Drawn { inner, ..Drawn::default() }
    }

    fn project(&self, x: Tensor, drawn: &Drawn, cx: &CallContext) -> Vec<Tensor> {
        let first = self.each(|i, cell| (i == 0).then(|| cell.project(x, &drawn.inner[0], cx)));
        first.into_iter().flatten().next().unwrap_or_default()
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        drawn: &Drawn,
        cx: &CallContext,
    ) -> (Tensor, Vec<Tensor>) {
        let (mut x, mut states, mut all, mut output) = (x.to_vec(), states, Vec::new(), None);
        self.each(|i, cell| {
            let drawn = &drawn.inner[i];
            if let Some(before) = output {
                x = cell.project(before, drawn, cx);
            }
            let (own, rest) = states.split_at(cell.state_shapes().len());
            states = rest;
            let (y, next) = cell.step(&x, own, drawn, cx);
            output = Some(y);
            all.extend(next);
        });
        (output.unwrap_or(x[0]), all)
    }
}

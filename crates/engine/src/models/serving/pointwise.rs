//! Pointwise nodes: an op of TensorFlow for each call of their expressions.

use rhyton_kernels::expr::Expr;
use rhyton_kernels::pointwise::Truth;

use super::walk::{Walk, layer};
use crate::export::{Attribute, Element, Source};
use crate::graph::Edge;
use crate::types::broadcast;

impl Walk<'_> {
    /// Returns one output of a pointwise node.
    pub(super) fn pointwise(&mut self, number: usize, expr: &Expr) -> Result<Source, String> {
        let inputs = &self.graph().nodes[number].inputs;
        let mut natural = vec![];
        for (i, edge) in inputs.iter().enumerate().filter(|(i, _)| expr.reads(*i)) {
            let shape = &self.graph().edge_type(*edge).shape;
            natural = broadcast(&natural, shape).ok_or_else(|| format!("operand {i} does not broadcast"))?;
        }
        let value = self.expr(number, expr, &mut Vec::new())?;
        let edge = Edge { node: number, output: 0 };
        if natural == self.graph().edge_type(edge).shape {
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
            Expr::In(i) => self.float(self.graph().nodes[number].inputs[*i])?,
            Expr::Const(value) => self.nodes.number(*value),
            Expr::Rand(_) => return Err(format!("{} draws random numbers", layer(self.graph(), number))),
            Expr::Step(_) => {
                return Err(format!("{} reads the step of a training", layer(self.graph(), number)));
            }
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

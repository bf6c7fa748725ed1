//! The graphs of a training step, an evaluation step and a prediction.

use super::compiled::Compiled;
use crate::Error;
use crate::autograd::gradients;
use crate::graph::{
    CallContext, DType, Edge, Expr, Graph, IntoTensor, LayerRef, Tensor, TensorType, Variable, assign,
    assigned, fail, scoped, trace,
};
use crate::losses::{Reduction, same_rank};
use crate::metrics::Sum;
use crate::models::{Network, Prefix};
use crate::ops::{Entry, packed_sums, pointwise};
use crate::optimizers::{Applied, Parameter};

/// Types of the data of one step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepTypes {
    /// Inputs.
    pub x: Vec<TensorType>,
    /// Targets.
    pub y: Vec<TensorType>,
    /// Sample weights per output; empty without.
    pub weights: Vec<TensorType>,
}

impl StepTypes {
    /// All in order of the plan's inputs.
    pub fn all(&self) -> impl Iterator<Item = &TensorType> {
        self.x.iter().chain(&self.y).chain(&self.weights)
    }
}

/// The tensors of a step's data.
struct Given {
    x: Vec<Tensor>,
    y: Vec<Tensor>,
    weights: Vec<Tensor>,
}

impl Given {
    fn of(types: &StepTypes) -> Self {
        let mut all = types.all().enumerate().map(|(i, t)| Tensor::input(i, t.clone()));
        let mut take = |n| all.by_ref().take(n).collect::<Vec<_>>();
        Given { x: take(types.x.len()), y: take(types.y.len()), weights: take(types.weights.len()) }
    }
}

/// Every layer of a tree of layers, once.
fn every_layer(layer: &LayerRef, seen: &mut Vec<LayerRef>) {
    if !seen.contains(layer) {
        seen.push(layer.clone());
        layer.layer().inner().iter().for_each(|(_, l)| every_layer(l, seen));
    }
}

/// Calls a model on what a step is fed: its inputs, or what the host has made of them.
fn call(root: &LayerRef, fed: &[Tensor], mut cx: CallContext) -> (Vec<Tensor>, CallContext) {
    // The model's own name is not part of the layers' paths.
    let held = root.layer();
    let Some(network) = held.as_any().downcast_ref::<Network>().filter(|n| n.has_host_layers()) else {
        return (held.call_all(fed, &cx), cx);
    };
    match Prefix::of(network) {
        Ok(prefix) => {
            let (inputs, made) = prefix.placed(network.inputs.len(), fed);
            cx = cx.with_made(made);
            (held.call_all(&inputs, &cx), cx)
        }
        Err(error) => {
            fail(error);
            (fed.to_vec(), cx)
        }
    }
}

/// Returns floats of 16 bits as f32, with their mask.
fn casted(y: Tensor, cx: &CallContext) -> Tensor {
    let cast = y.float_as(DType::F32);
    if cast.key() != y.key() {
        cx.set_mask(cast, cx.mask(y));
    }
    cast
}

/// Adds the losses and the sums of the metrics; gives the total loss, and how many times its gradient counts.
fn losses_and_sums(
    root: &LayerRef,
    compiled: &Compiled,
    types: &StepTypes,
    cx: CallContext,
    sums: &Variable,
) -> (Tensor, f64) {
    let Given { x: xs, y: ys, weights } = Given::of(types);
    // Losses and metrics are of float32, whatever the layers compute in.
    let (called, cx) = call(root, &xs, cx);
    let cx = &cx;
    let outputs: Vec<Tensor> = called.into_iter().map(|y| casted(y, cx)).collect();
    let batch = types.x.first().and_then(|t| t.shape.first()).copied().unwrap_or(1) as f64;
    let mut total: Option<Tensor> = None;
    let mut times = 1.0_f64;
    let mut entries = Vec::new();
    let mut per_output = Vec::new();
    for slot in &compiled.losses {
        let (Some(y), Some(out)) = (ys.get(slot.output), outputs.get(slot.output)) else { continue };
        let weight = weights.get(slot.output).or(weights.first()).copied();
        let masked = cx.mask(*out);
        let (y, out) = together(*y, *out, slot.loss.takes_class_numbers());
        let mask = slot.loss.mask(y, out);
        let values = slot.loss.call(y, out);
        // What the layers mask counts for nothing either.
        let masked = masked.map(|mask| {
            if mask.rank() > values.rank() {
                let what =
                    format!("a mask of shape {:?} for losses of shape {:?}", mask.shape(), values.shape());
                fail(Error::Shape { layer: String::new(), what });
                return mask;
            }
            fit_weight(mask, values).broadcast_to(&values.shape())
        });
        let mask = match (mask, masked) {
            (Some(a), Some(b)) => Some(a * b),
            (a, b) => a.or(b),
        };
        let value = reduced(slot.loss.reduction(), values, weight, mask);
        if slot.loss.reduction() == Reduction::None {
            // The gradient of a list is that of its sum; what is one number is added to each of the list.
            times = times.max(values.ty().len() as f64);
        }
        if compiled.losses.len() > 1 {
            per_output.push(Entry { tensor: Some(value), scale: batch });
            per_output.push(Entry { tensor: None, scale: batch });
        }
        let weighted = if slot.weight == 1.0 { value } else { value * slot.weight };
        total = Some(total.map_or(weighted, |t| t + weighted));
    }
    let mut layers = Vec::new();
    every_layer(root, &mut layers);
    layers.iter().for_each(|l| l.add_penalties(cx));
    for loss in cx.losses() {
        total = Some(total.map_or(loss, |t| t + loss));
    }
    let total = total.unwrap_or_else(|| 0.0.into_tensor()).float_as(DType::F32);
    entries.push(Entry { tensor: Some(total), scale: batch });
    entries.push(Entry { tensor: None, scale: batch });
    entries.extend(per_output);
    for slot in &compiled.metrics {
        let (Some(y), Some(out)) = (ys.get(slot.output), outputs.get(slot.output)) else { continue };
        let weight = if slot.weighted { weights.get(slot.output).or(weights.first()).copied() } else { None };
        let masked = cx.mask(*out).filter(|_| slot.metric.takes_mask());
        let weight = match (weight, masked) {
            (Some(weight), Some(mask)) => Some(fit_weight(weight, mask) * mask),
            (weight, mask) => weight.or(mask),
        };
        let (y, out) = together(*y, *out, slot.metric.takes_class_numbers());
        let made = slot.metric.sums(y, out, weight);
        entries.extend(made.into_iter().map(|Sum { tensor, scale }| Entry { tensor, scale }));
    }
    assign(sums, packed_sums(&entries) + sums);
    (total, times)
}

/// Targets and predictions with the same number of axes, as Keras brings them together before a function of the user's sees them: else
/// `[batch]` beside `[batch, 1]` would broadcast to `[batch, batch]`.
fn together(y_true: Tensor, y_pred: Tensor, class_numbers: bool) -> (Tensor, Tensor) {
    if class_numbers { (y_true, y_pred) } else { same_rank(y_true, y_pred) }
}

/// Joins per-example losses as the loss says (Keras' `reduce_weighted_values`). Masked values count neither in the sum nor in the number.
fn reduced(reduction: Reduction, values: Tensor, weight: Option<Tensor>, mask: Option<Tensor>) -> Tensor {
    let mut weight = weight.map(|w| fit_weight(w, values));
    if let Some(mask) = mask {
        // For a mean over all, Keras makes the mask a weight whose mean is 1.
        let whole = mask.ty().len() as f64;
        let mask = match reduction {
            Reduction::SumOverBatchSize => mask * quotient(whole, mask.sum(&[])),
            _ => mask,
        };
        weight = Some(weight.map_or(mask, |w| w * mask));
    }
    let weighted = weight.map_or(values, |w| values * w);
    match (reduction, weight) {
        (Reduction::Sum, _) => weighted.sum(&[]),
        (Reduction::MeanWithSampleWeight, Some(w)) => {
            // The weights as they are given, not as often as they count.
            quotient(weighted.sum(&[]), w.sum(&[]))
        }
        _ => weighted.mean(&[]),
    }
}

/// a / b, and 0 where b is.
fn quotient(a: impl IntoTensor, b: Tensor) -> Tensor {
    let none = b.equal(0.0);
    none.select(0.0, a.into_tensor() / none.select(1.0, b))
}

/// Weights per example, made to broadcast along the other axes of the losses.
fn fit_weight(weight: Tensor, values: Tensor) -> Tensor {
    let (mut shape, rank) = (weight.shape(), values.rank());
    while shape.len() < rank {
        shape.push(1);
    }
    weight.reshape(shape)
}

/// One training step. `trained` are the variables that it changes.
pub fn training(
    root: &LayerRef,
    compiled: &Compiled,
    types: &StepTypes,
    trained: &[Parameter],
    no_dropout: bool,
) -> Result<Graph, Error> {
    let (graph, ()) = trace(|| {
        let mut cx = CallContext::new(true);
        cx.no_dropout = no_dropout;
        let (total, times) = losses_and_sums(root, compiled, types, cx, &compiled.sums[0]);
        let total = if times == 1.0 { total } else { total * times };
        let scale = compiled.optimizer.loss_scale();
        let scaled = |e: Expr, x: Tensor| pointwise(e, &[x], None);
        let total = scale.clone().map_or(total, |scale| scaled(Expr::In(0) * scale, total));
        let parameters: Vec<Tensor> = trained.iter().map(|p| (&p.variable).into_tensor()).collect();
        let found = gradients(total, &parameters)?;
        let mut layers = Vec::new();
        every_layer(root, &mut layers);
        let when = finite(&found, compiled);
        let mut applied = Vec::new();
        for (parameter, gradient) in trained.iter().zip(found) {
            let Some(slots) = compiled.slots.get(&parameter.variable.id()) else { continue };
            let unscaled = |g: Tensor| scale.clone().map_or(g, |scale| scaled(Expr::In(0) / scale, g));
            let slots = slots.iter().map(|(_, slot)| slot.clone()).collect();
            let one = Applied::new(parameter.clone(), gradient.map(unscaled), slots);
            applied.push(Applied { when, ..one });
        }
        compiled.optimizer.apply(&applied)?;
        constrain(&layers, &applied);
        Ok(())
    })?;
    Ok(graph)
}

/// Makes the weights that were updated what their constraints say.
fn constrain(layers: &[LayerRef], applied: &[Applied]) {
    for layer in layers {
        for (variable, constraint) in layer.constraints() {
            let is_it = |a: &&Applied| a.parameter.variable == variable && a.gradient.is_some();
            let Some(update) = applied.iter().find(is_it) else { continue };
            let updated = assigned(&variable);
            // An error names the layer.
            let made = scoped(&layer.name(), || constraint.call(updated));
            assign(&variable, update.when.map_or(made, |when| when.select(made, updated)));
        }
    }
}

/// Returns 1 where all gradients are finite, else 0, for an optimizer that skips such steps; the variable of the compile keeps it.
fn finite(gradients: &[Option<Tensor>], compiled: &Compiled) -> Option<Tensor> {
    if !compiled.optimizer.skips() {
        return None;
    }
    let all = |g: Tensor| (0..g.rank() as isize).collect::<Vec<_>>();
    let largest = |g: Tensor| g.float_as(DType::F32).abs().max_keep(&all(g)).reshape([]);
    let largest = gradients.iter().flatten().map(|g| largest(*g)).reduce(|a, b| a.maximum(b));
    let finite = largest.unwrap_or_else(|| 0.0.into_tensor()).less_equal(f64::from(f32::MAX));
    assign(&compiled.finite, finite);
    Some(finite)
}

/// One evaluation step.
pub fn evaluation(root: &LayerRef, compiled: &Compiled, types: &StepTypes) -> Result<Graph, Error> {
    let (graph, _) = trace(|| {
        let cx = CallContext::new(false);
        let (total, _) = losses_and_sums(root, compiled, types, cx, &compiled.sums[1]);
        Ok(total.ty())
    })?;
    Ok(graph)
}

/// One prediction, and the edges of the outputs.
pub fn prediction(root: &LayerRef, types: &StepTypes) -> Result<(Graph, Vec<Edge>), Error> {
    trace(|| {
        let (outputs, _) = call(root, &Given::of(types).x, CallContext::new(false));
        // Strings are the host's.
        let held = root.layer();
        let network = held.as_any().downcast_ref::<Network>();
        let is_text = |i: usize| {
            network.is_some_and(|n| n.outputs.get(i).is_some_and(|o| n.symbol_type(*o).1 == DType::Text))
        };
        let of_numbers = outputs.into_iter().enumerate().filter(|(i, _)| !is_text(*i)).map(|(_, y)| y);
        Ok(of_numbers.filter_map(Tensor::edge).collect())
    })
}

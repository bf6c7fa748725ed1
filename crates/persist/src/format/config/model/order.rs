//! Calls of a model's layers: each leads to one that is there, and they have an order.

use std::collections::HashMap;

use super::super::{Context, calls};
use crate::Error;
use crate::tree::{LayerConfig, ModelConfig, TensorRef};

/// Every reference must lead to a call that is there.
pub(super) fn check_references(cx: &Context<'_>, place: &str, model: &ModelConfig) -> Result<(), Error> {
    let calls =
        |l: &LayerConfig| if l.class_name == "InputLayer" { usize::MAX } else { l.calls.len().max(1) };
    let layers: HashMap<&str, usize> = model.layers.iter().map(|l| (l.name.as_str(), calls(l))).collect();
    let known =
        |tensor: &TensorRef| layers.get(tensor.layer.as_str()).is_some_and(|calls| tensor.node < *calls);
    let mut bad = None;
    for layer in &model.layers {
        for call in &layer.calls {
            calls::each(call, &mut |tensor| {
                if !known(tensor) {
                    bad.get_or_insert((format!("{place}, layer `{}`", layer.name), tensor.clone()));
                }
            });
        }
    }
    for tensor in model.inputs.iter().chain(&model.outputs) {
        if !known(tensor) {
            bad.get_or_insert((place.to_owned(), tensor.clone()));
        }
    }
    match bad {
        None => check_order(cx, place, model),
        Some((place, tensor)) => {
            let found = format!("a tensor of call {} of `{}`", tensor.node, tensor.layer);
            Err(cx.error(&place, &found, "a call of one of the model's layers"))
        }
    }
}

/// The calls of a model must have an order: a call that waits for itself has no value.
fn check_order(cx: &Context<'_>, place: &str, model: &ModelConfig) -> Result<(), Error> {
    order(model).map(drop).map_err(|stuck| {
        let place = format!("{place}, layer `{stuck}`");
        cx.error(&place, "a call whose inputs wait for its own output", "calls in an order")
    })
}

/// Returns the calls of a model, each behind those whose outputs it takes: the places of their layers, and their numbers there. The error is the
/// name of a layer whose call waits for itself.
pub(in super::super) fn order(model: &ModelConfig) -> Result<Vec<(usize, usize)>, String> {
    // Calls by their number, those of a layer one after the other.
    let mut first = HashMap::new();
    let mut owners = Vec::new();
    for (place, layer) in model.layers.iter().enumerate() {
        first.insert(layer.name.as_str(), owners.len());
        owners.extend((0..layer.calls.len().max(1)).map(|call| (place, call)));
    }
    let name = |call: usize| {
        owners
            .get(call)
            .and_then(|(place, _)| model.layers.get(*place))
            .map_or("", |layer| layer.name.as_str())
    };
    let mut waits = vec![0usize; owners.len()];
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); owners.len()];
    for layer in model.layers.iter().filter(|l| l.class_name != "InputLayer") {
        let Some(start) = first.get(layer.name.as_str()) else { continue };
        for (i, call) in layer.calls.iter().enumerate() {
            calls::each(call, &mut |tensor| {
                let from = first.get(tensor.layer.as_str()).and_then(|first| first.checked_add(tensor.node));
                // Who counts the calls of an input means its only one.
                let input = from.is_none_or(|from| name(from) != tensor.layer);
                if let (Some(from), false) = (from, input) {
                    if let Some(list) = next.get_mut(from) {
                        list.push(start + i);
                    }
                    if let Some(n) = waits.get_mut(start + i) {
                        *n += 1;
                    }
                }
            });
        }
    }
    let mut ready: Vec<usize> = (0..owners.len()).filter(|i| waits.get(*i) == Some(&0)).collect();
    let mut done = Vec::new();
    while let Some(call) = ready.pop() {
        done.extend(owners.get(call).copied());
        for later in next.get_mut(call).map(std::mem::take).unwrap_or_default() {
            if let Some(n) = waits.get_mut(later) {
                *n -= 1;
                if *n == 0 {
                    ready.push(later);
                }
            }
        }
    }
    if done.len() == owners.len() {
        return Ok(done);
    }
    Err(waits.iter().position(|n| *n > 0).map(name).unwrap_or_default().to_owned())
}

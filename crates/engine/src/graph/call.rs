//! The call of a layer: [`CallContext`], what a call knows besides its inputs, and the way of masks and arguments through it.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value as Json;

use super::floats::{autocast, autocast_type};
use super::integers::at_the_door;
use super::{Argument, Arguments, DType, Edge, LayerRef, Precision, Tensor, fail, scoped};
use crate::Error;
use crate::types::Policy;

/// Holds what `call` knows besides its inputs.
#[derive(Default)]
pub struct CallContext {
    /// Says whether this is a training step (Dropout drops, BatchNormalization uses the batch).
    pub training: bool,
    /// Training step with random layers acting as at inference.
    pub no_dropout: bool,
    /// Says that only the types of the results are looked at, of a model that is put together: what stands there for lengths that data decide.
    symbolic: Option<usize>,
    losses: RefCell<Vec<Tensor>>,
    calls: RefCell<Vec<Called>>,
    /// Masks of tensors, as the model passes them on.
    masks: RefCell<HashMap<(u32, Edge), Tensor>>,
    /// Holds what the host has computed already, by the calls that lead to it: what the device is fed of it, or nothing where nobody reads it there.
    made: HashMap<Vec<usize>, Option<Tensor>>,
    /// The calls of networks that are going on.
    path: RefCell<Vec<usize>>,
}

/// A layer that is being called.
struct Called {
    trainable: bool,
    keras2: bool,
    policy: Policy,
    masks: Vec<Option<Tensor>>,
    /// Holds what it was called with, and the names of its arguments.
    arguments: Arguments,
    parameters: &'static [&'static str],
    inputs: Vec<Tensor>,
}

impl CallContext {
    /// For a training step or for inference.
    pub fn new(training: bool) -> Self {
        CallContext { training, ..CallContext::default() }
    }

    /// For a call of which only the types of the results are looked at.
    pub(crate) fn symbolic(stand_in: usize) -> Self {
        CallContext { symbolic: Some(stand_in), ..CallContext::default() }
    }

    /// Returns whether only the types of the results are looked at: what a layer tells of its shape that is not always so.
    pub(crate) fn is_symbolic(&self) -> bool {
        self.symbolic.is_some()
    }

    /// Returns what stands for a length that data decide, where only types are looked at.
    pub(crate) fn stand_in(&self) -> Option<usize> {
        self.symbolic
    }

    /// Calls `f` as at inference, with the same losses, masks and calls around.
    fn at_inference<R>(&self, f: impl FnOnce(&CallContext) -> R) -> R {
        let inner = CallContext {
            training: false,
            no_dropout: self.no_dropout,
            symbolic: self.symbolic,
            losses: RefCell::new(self.losses.take()),
            calls: RefCell::new(self.calls.take()),
            masks: RefCell::new(self.masks.take()),
            made: self.made.clone(),
            path: RefCell::new(self.path.borrow().clone()),
        };
        let made = f(&inner);
        self.losses.replace(inner.losses.take());
        self.calls.replace(inner.calls.take());
        self.masks.replace(inner.masks.take());
        made
    }

    /// Says what the host computes of a network.
    pub(crate) fn with_made(self, made: HashMap<Vec<usize>, Option<Tensor>>) -> Self {
        CallContext { made, ..self }
    }

    /// Runs `f` as the call of this number of the network that is being called; or gives what the host has made of it.
    pub(crate) fn in_network(
        &self,
        call: usize,
        outputs: usize,
        f: impl FnOnce() -> Vec<Tensor>,
    ) -> Vec<Tensor> {
        self.path.borrow_mut().push(call);
        let made = self.made.get(&*self.path.borrow()).copied();
        let out = match made {
            Some(Some(fed)) => vec![fed],
            // Nobody reads it.
            Some(None) => vec![super::IntoTensor::into_tensor(0.0); outputs.max(1)],
            None => f(),
        };
        self.path.borrow_mut().pop();
        out
    }

    /// Adds a scalar to the loss.
    pub fn add_loss(&self, loss: Tensor) {
        self.losses.borrow_mut().push(loss);
    }

    /// Returns what was added.
    pub fn losses(&self) -> Vec<Tensor> {
        self.losses.borrow().clone()
    }

    /// Returns whether the layer that is being called, and all around it, are trainable.
    pub fn layer_is_trainable(&self) -> bool {
        self.calls.borrow().iter().all(|c| c.trainable)
    }

    /// Returns the mask of input `i` of the layer that is being called: 1 where something counts, 0 elsewhere.
    pub fn input_mask(&self, i: usize) -> Option<Tensor> {
        self.calls.borrow().last().and_then(|c| c.masks.get(i).copied().flatten())
    }

    /// Returns the tensors of an argument of the layer that is being called; `None` where it is not given.
    pub fn argument(&self, name: &str) -> Option<Vec<Tensor>> {
        let calls = self.calls.borrow();
        let call = calls.last()?;
        let numbers = call.arguments.tensors(name, call.parameters)?;
        numbers.into_iter().map(|n| call.inputs.get(n).copied()).collect()
    }

    /// Returns the mask of an argument of the layer that is being called: the one that the call gives for it, else that of its tensor.
    pub fn argument_mask(&self, name: &str) -> Option<Tensor> {
        if let Some(given) = self.argument(&format!("{name}_mask")) {
            return given.first().copied();
        }
        let calls = self.calls.borrow();
        let call = calls.last()?;
        let number = *call.arguments.tensors(name, call.parameters)?.first()?;
        call.masks.get(number).copied().flatten()
    }

    /// Returns the value of an argument that is no tensor; `None` where it is not given.
    pub fn setting(&self, name: &str) -> Option<Json> {
        let calls = self.calls.borrow();
        let call = calls.last()?;
        match call.arguments.get(name, call.parameters)? {
            Argument::Value(value) if !value.is_null() => Some(value.clone()),
            _ => None,
        }
    }

    /// Returns all that the layer is called with, and the tensors that the numbers in it mean.
    pub(crate) fn given(&self) -> (Arguments, Vec<Tensor>) {
        let calls = self.calls.borrow();
        calls.last().map(|c| (c.arguments.clone(), c.inputs.clone())).unwrap_or_default()
    }

    /// Returns the mask of a tensor.
    pub fn mask(&self, x: Tensor) -> Option<Tensor> {
        self.masks.borrow().get(&x.key()).copied()
    }

    /// Gives a tensor a mask, or none.
    pub fn set_mask(&self, x: Tensor, mask: Option<Tensor>) {
        match mask {
            Some(mask) => self.masks.borrow_mut().insert(x.key(), mask),
            None => self.masks.borrow_mut().remove(&x.key()),
        };
    }

    /// Returns the dtype policy of the layer that is being called.
    pub fn layer_policy(&self) -> Policy {
        self.calls.borrow().last().map(|c| c.policy).unwrap_or_default()
    }

    /// Returns whether the layer that is being called does as Keras 2: see [`LayerSettings::keras2`](super::LayerSettings::keras2).
    pub fn layer_is_keras2(&self) -> bool {
        self.calls.borrow().last().is_some_and(|c| c.keras2)
    }

    /// Returns the float type that the policy of the layer that is being called computes in.
    pub fn layer_type(&self) -> DType {
        let policy = self.layer_policy();
        if policy.integer().is_some() { DType::F32 } else { policy.compute() }
    }
}

impl LayerRef {
    /// Adds the nodes of one call to the open graph.
    pub fn call(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let arguments = self.layer().arguments(xs.len());
        self.call_with(xs, &arguments, cx)
    }

    /// Adds the nodes of one call whose arguments say what the tensors are.
    pub fn call_with(&self, xs: &[Tensor], arguments: &Arguments, cx: &CallContext) -> Vec<Tensor> {
        match self.says_training(arguments) {
            Some(false) if cx.training => return cx.at_inference(|cx| self.call_with(xs, arguments, cx)),
            Some(true) if !cx.training => {
                let what = "the call argument `training` = true is not supported outside of training";
                fail(Error::Shape { layer: self.name(), what: what.into() });
            }
            _ => {}
        }
        let name = self.name();
        scoped(&name, || {
            let (keras2, policy) = (self.settings().keras2, self.policy());
            let layer = self.layer();
            let parameters = layer.parameters();
            let unknown =
                |(name, _): &&(String, Argument)| name != "training" && !parameters.contains(&name.as_str());
            if let Some((argument, _)) = arguments.named.iter().find(unknown) {
                let what = format!("the call argument `{argument}` is not supported");
                fail(Error::Shape { layer: String::new(), what });
            }
            let beyond = arguments.positional.iter().skip(parameters.len());
            if let Some(Argument::Value(value)) = beyond.clone().find(|a| **a != Argument::Value(Json::Null))
            {
                let what = format!(
                    "the positional argument {value} is not supported: a call takes {}",
                    parameters.join(", ")
                );
                fail(Error::Shape { layer: String::new(), what });
            }
            let casts = Casts::of(layer.precision(), policy);
            let given: Vec<Tensor> = xs.iter().map(|x| casts.input(*x, cx)).collect();
            let xs = given.as_slice();
            let computed = arguments.computed(xs.len(), parameters);
            let inputs: Vec<Tensor> = computed.iter().filter_map(|n| xs.get(*n).copied()).collect();
            if inputs.is_empty() {
                fail(Error::Shape { layer: String::new(), what: "a call without tensors".into() });
                return vec![Tensor::nowhere()];
            }
            let masks = masks(xs, arguments, parameters, cx);
            // Keras 3 gives a layer the mask by itself where one of its arguments has tensors; where several have, it goes by names such as `query_mask`.
            let by_itself = keras2
                || !parameters.contains(&"mask")
                || arguments.get("mask", parameters).is_some()
                || arguments.with_tensors() < 2;
            cx.calls.borrow_mut().push(Called {
                trainable: self.is_trainable(),
                keras2,
                policy,
                masks: if by_itself { masks.clone() } else { vec![None; masks.len()] },
                arguments: arguments.clone(),
                parameters,
                inputs: xs.to_vec(),
            });
            let call = |xs: &[Tensor]| autocast(casts.variables, || layer.call_all(xs, cx));
            let called = at_the_door(layer.integers(cx), policy.integer(), casts.inside, &inputs, call);
            let mut out: Vec<Tensor> =
                called.into_iter().map(|y| casts.outputs.map_or(y, |dtype| y.float_as(dtype))).collect();
            self.add_activity_penalty(&out, cx);
            let masks: Vec<Option<Tensor>> =
                computed.iter().map(|n| masks.get(*n).copied().flatten()).collect();
            let made = layer.compute_mask(&inputs, &out, &masks, cx);
            for (i, y) in out.iter_mut().enumerate() {
                let mask = made.get(i).copied().flatten();
                if mask.map(Tensor::key) != cx.mask(*y).map(Tensor::key) {
                    // What goes through as it is has another mask behind the layer than before.
                    *y = if inputs.iter().any(|x| x.key() == y.key()) { y.alias() } else { *y };
                    cx.set_mask(*y, mask);
                }
            }
            drop(layer);
            cx.calls.borrow_mut().pop();
            out
        })
    }

    /// Runs `f` with the inputs and variables as the layer's policy says, where the layer is not called itself: a cell that a layer runs.
    pub(crate) fn casting<R>(&self, xs: &[Tensor], cx: &CallContext, f: impl FnOnce(&[Tensor]) -> R) -> R {
        let casts = Casts::of(self.layer().precision(), self.policy());
        let xs: Vec<Tensor> = xs.iter().map(|x| casts.input(*x, cx)).collect();
        autocast(casts.variables, || f(&xs))
    }

    /// Returns what a call says of training: in Keras 2 it is heeded, in Keras 3 the model's own call overrides it.
    fn says_training(&self, arguments: &Arguments) -> Option<bool> {
        match arguments.get("training", self.layer().parameters())? {
            Argument::Value(value) if self.settings().keras2 => value.as_bool(),
            _ => None,
        }
    }
}

/// Holds the types that a call casts to, by the layer's policy.
struct Casts {
    /// Type that its float inputs are cast to first.
    inputs: Option<DType>,
    /// Type that it computes in.
    inside: DType,
    /// Type that float variables are read as.
    variables: Option<DType>,
    /// Type that its float outputs are cast to.
    outputs: Option<DType>,
}

impl Casts {
    fn of(precision: Precision, policy: Policy) -> Self {
        // Layers of integers compute with floats what they compute at all.
        let (compute, variable) = match policy.integer() {
            Some(_) => (DType::F32, DType::F32),
            None => (policy.compute(), policy.variable()),
        };
        let outputs = Some(compute);
        match precision {
            Precision::AsGiven => Casts { inputs: None, inside: DType::F32, variables: None, outputs: None },
            Precision::Wide | Precision::WideAsGiven => {
                let inputs = (precision == Precision::Wide).then_some(compute);
                Casts { inputs, inside: DType::F32, variables: None, outputs }
            }
            Precision::Policy => {
                let casts = compute != variable || autocast_type().is_some();
                Casts {
                    inputs: Some(compute),
                    inside: compute,
                    variables: casts.then_some(compute),
                    outputs: None,
                }
            }
        }
    }

    /// Casts an input, which keeps its mask.
    fn input(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let cast = self.inputs.map_or(x, |dtype| x.float_as(dtype));
        let cast = if self.outputs.is_some() { cast.float_as(self.inside) } else { cast };
        if cast.key() != x.key() {
            cx.set_mask(cast, cx.mask(x));
        }
        cast
    }
}

/// Returns the masks of a call's tensors: those that its argument `mask` gives, else their own.
fn masks(
    xs: &[Tensor],
    arguments: &Arguments,
    parameters: &'static [&'static str],
    cx: &CallContext,
) -> Vec<Option<Tensor>> {
    let mut masks: Vec<Option<Tensor>> = xs.iter().map(|x| cx.mask(*x)).collect();
    let given = |argument: &Argument| match argument {
        Argument::Tensor(number) => xs.get(*number).copied(),
        _ => None,
    };
    match arguments.get("mask", parameters) {
        Some(one @ Argument::Tensor(_)) if !masks.is_empty() => masks[0] = given(one),
        Some(Argument::List(list)) => masks.iter_mut().zip(list).for_each(|(mask, one)| *mask = given(one)),
        _ => {}
    }
    masks
}

debug!(CallContext, |cx| training: cx.training, no_dropout: cx.no_dropout);

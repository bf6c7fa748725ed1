//! The layers that run a cell over a sequence: those of one cell class, and that of any cell.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::super::Unset;
use super::super::inner::Inner;
use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, Cell, Configured, Layer, LayerRef, Ran, Recurrent, Resolver, Running,
    Shape, Tensor, Variable, assign, assigned, fail, is_assigned,
};

/// Holds what all recurrent layers have in their config.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    stateful: bool,
    unroll: bool,
    zero_output_for_mask: bool,
    /// Of Keras 2: whether the steps come first.
    #[serde(skip_serializing)]
    time_major: bool,
    /// Of Keras 2: how a step is cut into products, which makes no difference.
    #[serde(skip_serializing)]
    implementation: Option<usize>,
    #[serde(skip_serializing)]
    activity_regularizer: Unset,
}

impl Options {
    fn running(&self) -> Running {
        Running {
            return_sequences: self.return_sequences,
            return_state: self.return_state,
            go_backwards: self.go_backwards,
            stateful: self.stateful,
            zero_output_for_mask: self.zero_output_for_mask,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.time_major {
            return Err(Error::Argument { what: "time_major = true is not supported yet".into() });
        }
        Ok(())
    }

    /// Makes the states of a stateful layer that runs this cell over such sequences.
    fn build_states(
        &self,
        builder: &mut Builder,
        inputs: &[Shape],
        cell: Option<&LayerRef>,
    ) -> Result<Vec<Variable>, Error> {
        let (true, Some(cell), Some(sequences)) = (self.stateful, cell, inputs.first()) else {
            return Ok(Vec::new());
        };
        let Some(batch) = sequences.0.first().copied().flatten() else {
            let what = format!(
                "stateful = true needs a batch size that is known, but the inputs have shape {sequences}: begin the model with an input \
                 that says it, such as InputLayer::batch_shape([32, 10, 8])"
            );
            return Err(Error::Shape { layer: String::new(), what });
        };
        let shapes = cell.layer().as_cell().map(Cell::state_shapes).unwrap_or_default();
        let of_batch = |shape: Vec<usize>| [vec![batch], shape].concat();
        shapes.into_iter().map(|shape| builder.add_state("rnn_state", of_batch(shape))).collect()
    }
}

/// Builders of the options, for a layer and for one with its settings.
macro_rules! options {
    ($class:ty, [$($generic:tt)*]) => {
        options!(@ $class, [$($generic)*],
            /// Gives the output of every step, not only the last one.
            return_sequences,
            /// Gives the last states too, behind the output.
            return_state,
            /// Goes from the last step to the first, and gives the steps' outputs in that order.
            go_backwards,
            /// Begins with the last states of the batch before.
            stateful,
            /// Kept in the config: steps are not written out one by one.
            unroll,
            /// Gives zeros for steps that are masked, and not the output before.
            zero_output_for_mask
        );
    };
    (@ $class:ty, [$($generic:tt)*], $( $(#[$doc:meta])* $name:ident ),*) => {
        impl $($generic)* $class {
            $( $(#[$doc])* #[must_use] pub fn $name(mut self, $name: bool) -> Self { self.options.$name = $name; self } )*
        }
        impl $($generic)* Configured<$class> {
            $( $(#[$doc])* #[must_use] pub fn $name(self, $name: bool) -> Self { self.with(|layer| layer.$name($name)) } )*
        }
    };
}

options!(Recurring<C>, [<C: Clone>]);
options!(RNN, []);

/// A layer that runs a cell of one class over `[batch, steps, ..]`: its config is that of the cell, and how it runs.
#[derive(Clone, Debug)]
pub struct Recurring<C> {
    cell: C,
    options: Options,
    /// The cell as a layer, once it is built.
    inner: Option<LayerRef>,
    states: Vec<Variable>,
}

impl<C> Recurring<C> {
    pub(in crate::layers) fn of(cell: C) -> Self {
        Recurring { cell, options: Options::default(), inner: None, states: Vec::new() }
    }

    pub(in crate::layers) fn with_cell(self, change: impl FnOnce(C) -> C) -> Self {
        Recurring { cell: change(self.cell), ..self }
    }
}

/// Moves a key of a config behind another one.
fn moved(all: &mut Map<String, Value>, key: &str, after: &str) {
    let place = |all: &Map<String, Value>, key: &str| all.keys().position(|k| k == key);
    if let (Some(_), Some(value)) = (place(all, after), all.shift_remove(key)) {
        let at = place(all, after).map_or(all.len(), |i| i + 1);
        all.shift_insert(at, key.into(), value);
    }
}

/// The config in Keras' order of keys.
impl<C: Serialize + Runs> Serialize for Recurring<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = |value: Result<Value, serde_json::Error>| match value {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Ok(Map::new()),
            Err(error) => Err(serde::ser::Error::custom(error)),
        };
        let mut all = map(serde_json::to_value(self.options))?;
        all.extend(map(serde_json::to_value(&self.cell))?);
        all.insert("activity_regularizer".into(), Value::Null);
        moved(&mut all, "activity_regularizer", "bias_regularizer");
        moved(&mut all, "unit_forget_bias", "bias_initializer");
        // Keras' SimpleRNN takes a seed, and does not write one.
        if C::CLASS == "SimpleRNN" && all.get("seed").is_some_and(Value::is_null) {
            all.shift_remove("seed");
        }
        all.serialize(serializer)
    }
}

impl<'de, C: DeserializeOwned> Deserialize<'de> for Recurring<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Value::deserialize(deserializer)?;
        let odd = serde::de::Error::custom::<serde_json::Error>;
        let options = Options::deserialize(&all).map_err(odd)?;
        let cell = serde_json::from_value(all).map_err(odd)?;
        Ok(Recurring { options, ..Recurring::of(cell) })
    }
}

/// The name of the layer that runs a cell of this class.
pub trait Runs {
    /// Class name.
    const CLASS: &'static str;
    /// How many axes a step's inputs have, the batch's included.
    const RANK: usize = 2;
}
impl<const N: usize> Runs for super::ConvLSTMCell<N> {
    const CLASS: &'static str = ["", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"][N];
    const RANK: usize = N + 2;
}
impl Runs for super::SimpleRNNCell {
    const CLASS: &'static str = "SimpleRNN";
}
impl Runs for super::LSTMCell {
    const CLASS: &'static str = "LSTM";
}
impl Runs for super::GRUCell {
    const CLASS: &'static str = "GRU";
}

/// The shape of a step's inputs, which have so many axes, the batch's included.
fn step_shape(inputs: &[Shape], class: &str, rank: usize) -> Result<Shape, Error> {
    match inputs.first().map(|s| s.0.as_slice()) {
        Some(&[batch, _, ref step @ ..]) if step.len() + 1 == rank => {
            Ok(Shape(std::iter::once(batch).chain(step.iter().copied()).collect()))
        }
        Some(_) => {
            let axes = if rank == 2 { "features" } else { "the axes of a step" };
            let what = format!(
                "{class} takes inputs of shape (batch, steps, {axes}), but the shape is {}",
                inputs[0]
            );
            Err(Error::Shape { layer: String::new(), what })
        }
        None => Err(Error::Shape { layer: String::new(), what: format!("{class} takes a sequence") }),
    }
}

/// The arguments of recurrent layers in Keras.
pub(super) const PARAMETERS: &[&str] = &["sequences", "initial_state", "mask", "training"];

/// Calls a recurrent layer on a sequence and initial states.
fn call(layer: &dyn Recurrent, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
    let running = layer.running();
    let initial = cx.argument("initial_state").unwrap_or_default();
    let Ran { mut output, states } = run_on(layer, xs[0], &initial, cx.input_mask(0), running, cx);
    if running.go_backwards && running.return_sequences {
        output = output.reverse(1);
    }
    if running.return_state { [vec![output], states].concat() } else { vec![output] }
}

/// Runs a layer. A stateful one begins with the states of the batch before, and keeps its last ones for the next.
pub(super) fn run_on(
    layer: &dyn Recurrent,
    x: Tensor,
    initial: &[Tensor],
    mask: Option<Tensor>,
    running: Running,
    cx: &CallContext,
) -> Ran {
    let states = layer.states();
    let Some(batch) = states.first().and_then(|state| state.shape().first().copied()) else {
        return layer.run(x, initial, mask, running, cx);
    };
    if x.shape().first() != Some(&batch) {
        let what = format!("a stateful layer was built for batches of {batch}, but got {:?}", x.shape());
        fail(Error::Shape { layer: String::new(), what });
        return Ran { output: x, states: initial.to_vec() };
    }
    let mut before: Vec<Tensor> = states.iter().map(assigned).collect();
    if is_assigned(&states[0]) {
        if !x.depends_on(before[0]) {
            let what = "a stateful layer is called twice, and neither call follows from the other: which comes first nobody says";
            fail(Error::Shape { layer: String::new(), what: what.into() });
        }
        // What a variable holds is a number: no gradient goes through it to the call before.
        before = before.into_iter().map(Tensor::stop_gradient).collect();
    }
    let begun = match initial {
        [] => before,
        // Keras 2 heeds what is given only where there is nothing to go on from.
        given if cx.layer_is_keras2() => {
            let counts = before.iter().map(|state| (1.0 - state.equal(0.0)).sum(&[]));
            let begins = counts.reduce(|a, b| a + b).map(|count| count.equal(0.0));
            let pairs = before.iter().zip(given);
            begins.map_or(vec![], |begins| pairs.map(|(old, new)| begins.select(*new, *old)).collect())
        }
        given => given.to_vec(),
    };
    let ran = layer.run(x, &begun, mask, running, cx);
    states.iter().zip(&ran.states).for_each(|(state, last)| assign(state, *last));
    ran
}

/// The mask of a recurrent layer's output.
pub(super) fn mask_of(running: Running, masks: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
    vec![masks.first().copied().flatten().filter(|_| running.return_sequences)]
}

/// Writes the methods of `impl Layer` by which a layer that runs a cell is called, and found as recurrent.
macro_rules! called_as_recurrent {
    () => {
        fn parameters(&self) -> &'static [&'static str] {
            PARAMETERS
        }

        fn arguments(&self, count: usize) -> Arguments {
            Arguments::with_list(count, "initial_state")
        }

        fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
            call(self, xs, cx)
        }

        fn compute_mask(
            &self,
            _xs: &[Tensor],
            masks: &[Option<Tensor>],
            _cx: &CallContext,
        ) -> Vec<Option<Tensor>> {
            mask_of(self.running(), masks)
        }

        fn as_recurrent(&self) -> Option<&dyn Recurrent> {
            Some(self)
        }
    };
}

impl<C: Cell + Layer + Runs + Clone + DeserializeOwned> Layer for Recurring<C> {
    const CLASS: &'static str = <C as Runs>::CLASS;
    const REQUIRED: &'static [&'static str] = C::REQUIRED;

    called_as_recurrent!();

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.cell.bind(resolver)
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        self.options.check()?;
        let step = step_shape(inputs, <Self as Layer>::CLASS, C::RANK)?;
        let name = crate::names::snake_case(<C as Layer>::CLASS);
        let cell = LayerRef::new(Box::new(self.cell.clone()), builder.inner_settings(&name));
        cell.build(builder.resolver(), &[step])?;
        self.states = self.options.build_states(builder, inputs, Some(&cell))?;
        self.inner = Some(cell);
        Ok(())
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.inner.iter().map(|cell| ("cell".to_owned(), cell.clone())).collect()
    }
}

impl<C: Cell> Recurrent for Recurring<C> {
    fn running(&self) -> Running {
        self.options.running()
    }

    fn states(&self) -> &[Variable] {
        &self.states
    }

    fn run(
        &self,
        x: Tensor,
        initial: &[Tensor],
        mask: Option<Tensor>,
        running: Running,
        cx: &CallContext,
    ) -> Ran {
        run_inner(self.inner.as_ref(), x, initial, mask, running, cx)
    }
}

fn run_inner(
    cell: Option<&LayerRef>,
    x: Tensor,
    initial: &[Tensor],
    mask: Option<Tensor>,
    running: Running,
    cx: &CallContext,
) -> Ran {
    let held = cell.map(|cell| (cell, cell.layer()));
    match held.as_ref().and_then(|(layer, cell)| Some((layer, cell.as_cell()?))) {
        Some((layer, cell)) => crate::graph::scoped(&layer.name(), || {
            let xs = [&[x], initial].concat();
            layer.casting(&xs, cx, |xs| super::run(cell, xs[0], &xs[1..], mask, running, cx))
        }),
        None => {
            fail(Error::State { what: "a recurrent layer was called before it was built".into() });
            Ran { output: x, states: initial.to_vec() }
        }
    }
}

/// A layer that runs any cell over `[batch, steps, features]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RNN {
    #[serde(flatten)]
    options: Options,
    cell: Inner,
    #[serde(skip)]
    states: Vec<Variable>,
}

impl RNN {
    /// Runs this cell.
    pub fn new(cell: impl Into<LayerRef>) -> Self {
        RNN { cell: Inner::of(cell.into()), options: Options::default(), states: Vec::new() }
    }
}

impl Layer for RNN {
    const CLASS: &'static str = "RNN";

    called_as_recurrent!();

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.cell.bind(resolver)?;
        self.cell.get().map_or(Ok(()), |cell| cell.without_activity_penalty(Self::CLASS))?;
        let Some(cell) = self.cell.get().filter(|cell| cell.layer().as_cell().is_none()) else {
            return Ok(());
        };
        let what = format!("cell: {} is not a cell of a recurrent layer", cell.class_name());
        Err(Error::Argument { what })
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        self.options.check()?;
        let step = step_shape(inputs, Self::CLASS, 2)?;
        self.cell.get().map_or(Ok(()), |cell| cell.build(builder.resolver(), &[step]))?;
        self.states = self.options.build_states(builder, inputs, self.cell.get())?;
        Ok(())
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.cell.get().map(|cell| ("cell".to_owned(), cell.clone())).into_iter().collect()
    }
}

impl Recurrent for RNN {
    fn running(&self) -> Running {
        self.options.running()
    }

    fn states(&self) -> &[Variable] {
        &self.states
    }

    fn run(
        &self,
        x: Tensor,
        initial: &[Tensor],
        mask: Option<Tensor>,
        running: Running,
        cx: &CallContext,
    ) -> Ran {
        run_inner(self.cell.get(), x, initial, mask, running, cx)
    }
}

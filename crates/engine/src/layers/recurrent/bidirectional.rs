//! A recurrent layer in both directions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::inner::Inner;
use super::layer::{PARAMETERS, mask_of, run_on};
use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, Configured, Layer, LayerRef, Ran, Resolver, Running, Shape, Tensor,
    fail, scoped,
};
use crate::words::{Word, Words};

/// Says how the outputs of both directions become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// One behind the other, along the last axis.
    #[default]
    Concat,
    /// Added.
    Sum,
    /// Multiplied.
    Mul,
    /// Their mean.
    Ave,
}

impl Words for Merge {
    const OPTION: &'static str = "merge_mode";
    const WORDS: &'static [(&'static str, Self)] =
        &[("concat", Merge::Concat), ("sum", Merge::Sum), ("mul", Merge::Mul), ("ave", Merge::Ave)];
}

/// Runs a recurrent layer over a sequence from both ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bidirectional {
    #[serde(default = "concat")]
    merge_mode: Option<Word<Merge>>,
    layer: Inner,
    #[serde(default)]
    backward_layer: Inner,
    #[serde(skip)]
    forward: Inner,
    #[serde(skip)]
    backward: Inner,
}

fn concat() -> Option<Word<Merge>> {
    Some(Merge::Concat.into())
}

impl Bidirectional {
    /// Around this layer, which runs forward; a copy of its own runs backward.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Bidirectional {
            layer: Inner::of(layer.into()),
            merge_mode: concat(),
            backward_layer: Inner::default(),
            forward: Inner::default(),
            backward: Inner::default(),
        }
    }

    /// Sets how the outputs become one; without a mode both are given.
    #[must_use]
    pub fn merge_mode(mut self, mode: impl Into<Word<Merge>>) -> Self {
        self.merge_mode = Some(mode.into());
        self
    }

    /// Gives both outputs, the forward one first.
    #[must_use]
    pub fn unmerged(mut self) -> Self {
        self.merge_mode = None;
        self
    }

    /// Another layer for the way back, which must go backwards.
    #[must_use]
    pub fn backward_layer(mut self, layer: impl Into<LayerRef>) -> Self {
        self.backward_layer = Inner::of(layer.into());
        self
    }

    fn running(&self) -> Running {
        running(&self.forward)
    }
}

impl Configured<Bidirectional> {
    /// Sets how the outputs become one; without a mode both are given.
    #[must_use]
    pub fn merge_mode(self, mode: impl Into<Word<Merge>>) -> Self {
        self.with(|layer| layer.merge_mode(mode))
    }

    /// Gives both outputs, the forward one first.
    #[must_use]
    pub fn unmerged(self) -> Self {
        self.with(Bidirectional::unmerged)
    }

    /// Another layer for the way back, which must go backwards.
    #[must_use]
    pub fn backward_layer(self, layer: impl Into<LayerRef>) -> Self {
        self.with(|outer| outer.backward_layer(layer))
    }
}

fn running(layer: &Inner) -> Running {
    let of = |layer: &LayerRef| layer.layer().as_recurrent().map(|r| r.running());
    layer.get().and_then(of).unwrap_or_default()
}

/// The name of a layer that is a copy of another one.
fn renamed(config: &mut Map<String, Value>, way: &str) {
    let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
    let name = name.strip_prefix("forward_").or(name.strip_prefix("backward_")).unwrap_or(name);
    let name = format!("{way}_{name}");
    config.insert("name".into(), name.into());
}

impl Layer for Bidirectional {
    const CLASS: &'static str = "Bidirectional";

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn arguments(&self, count: usize) -> Arguments {
        Arguments::with_list(count, "initial_state")
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        if let Some(mode) = &self.merge_mode {
            mode.get()?;
        }
        self.forward = self.layer.changed(|config| renamed(config, "forward"));
        self.backward = match self.backward_layer.is_given() {
            true => self.backward_layer.clone(),
            false => self.layer.changed(|config| {
                config.insert("go_backwards".into(), true.into());
                renamed(config, "backward");
            }),
        };
        let wrong = |what: String| Err(Error::Argument { what });
        for inner in [&mut self.forward, &mut self.backward] {
            inner.bind(resolver)?;
            inner.get().map_or(Ok(()), |layer| layer.without_activity_penalty(Self::CLASS))?;
            match inner.get() {
                Some(layer) if layer.layer().as_recurrent().is_some() => {}
                Some(layer) => {
                    return wrong(format!("layer: {} is not a recurrent layer", layer.class_name()));
                }
                None => return wrong("layer is missing".into()),
            }
        }
        let (there, back) = (running(&self.forward), running(&self.backward));
        if there.go_backwards == back.go_backwards {
            return wrong("go_backwards is the same in both layers, but must differ".into());
        }
        let common = |running: Running| (running.return_sequences, running.return_state, running.stateful);
        if common(there) != common(back) {
            return wrong(
                "return_sequences, return_state and stateful must be the same in both layers".into(),
            );
        }
        // Its config has both layers, as Keras writes them.
        (self.layer, self.backward_layer) = (self.forward.clone(), self.backward.clone());
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        for inner in [&self.forward, &self.backward] {
            let sequence = inputs.get(..1).unwrap_or_default();
            inner.get().map_or(Ok(()), |layer| layer.build(builder.resolver(), sequence))?;
        }
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let (x, states) = (xs[0], cx.argument("initial_state").unwrap_or_default());
        if states.len() % 2 == 1 {
            let what = format!("{} initial states, but both directions have as many", states.len());
            fail(Error::Shape { layer: String::new(), what });
            return xs.to_vec();
        }
        let mask = cx.input_mask(0);
        let (first, second) = states.split_at(states.len() / 2);
        let ran: Vec<Ran> = [(&self.forward, first), (&self.backward, second)]
            .into_iter()
            .filter_map(|(inner, states)| {
                let layer = inner.get()?;
                let held = layer.layer();
                let recurrent = held.as_recurrent()?;
                let own = recurrent.running();
                // As Keras forces it: steps that are masked give zeros where all are given.
                let running = Running { zero_output_for_mask: own.return_sequences, ..own };
                Some(scoped(&layer.name(), || run_on(recurrent, x, states, mask, running, cx)))
            })
            .collect();
        let [there, back] = ran.as_slice() else {
            fail(Error::State { what: "Bidirectional was called before it was built".into() });
            return xs.to_vec();
        };
        // The first layer's order is that of the output.
        let turned = |y: Tensor| {
            let running = self.running();
            if running.go_backwards && running.return_sequences { y.reverse(1) } else { y }
        };
        let (y, z) = (turned(there.output), turned(back.output));
        let mut outputs = match self.merge_mode.as_deref() {
            Some(Merge::Concat) => vec![Tensor::concat(&[y, z], y.rank() - 1)],
            Some(Merge::Sum) => vec![y + z],
            Some(Merge::Mul) => vec![y * z],
            Some(Merge::Ave) => vec![(y + z) / 2.0],
            None => vec![y, z],
        };
        if self.running().return_state {
            outputs.extend(there.states.iter().chain(&back.states));
        }
        outputs
    }

    fn compute_mask(
        &self,
        _xs: &[Tensor],
        masks: &[Option<Tensor>],
        _cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        let mask = mask_of(self.running(), masks);
        if self.merge_mode.is_none() { [mask.clone(), mask].concat() } else { mask }
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        let named = [("forward_layer", &self.forward), ("backward_layer", &self.backward)];
        named.into_iter().filter_map(|(name, l)| Some((name.to_owned(), l.get()?.clone()))).collect()
    }
}

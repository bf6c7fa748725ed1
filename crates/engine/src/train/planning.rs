//! Plans of a model for a device that need not be there: to be looked at, and kept as snapshots.

use rhyton_kernels::caps::Caps;

use super::model::Model;
use super::trace::{self, StepTypes};
use crate::Error;
use crate::graph::{DType, Role, TensorType, Variable};
use crate::plan::{Arenas, Plan, plan};

impl Model {
    /// The plan of a training step of this many examples.
    ///
    /// # Errors
    /// The model was not built or not compiled, or an op has no gradient.
    pub fn plan_training(&mut self, batch: usize, caps: &Caps) -> Result<Plan, Error> {
        let types = self.step_types(batch, true)?;
        let trainable = self.trainable_variables();
        let parameters = self.parameters();
        self.compiled_mut()?.build_slots(&parameters);
        let graph = trace::training(&self.root, self.compiled()?, &types, &parameters, false)?;
        plan(&graph, &[], &self.arenas(&trainable, caps)?, caps)
    }

    /// The plan of a prediction of this many examples.
    ///
    /// # Errors
    /// The model was not built.
    pub fn plan_prediction(&mut self, batch: usize, caps: &Caps) -> Result<Plan, Error> {
        let types = self.step_types(batch, false)?;
        let (graph, outputs) = trace::prediction(&self.root, &types)?;
        let mut arenas = Arenas::default();
        self.model_arenas(&mut arenas, caps);
        plan(&graph, &outputs, &arenas, caps)
    }

    /// Types of a step's data, where every axis but the batch is known: targets as the outputs are (class numbers: one per example).
    pub(super) fn step_types(&mut self, batch: usize, training: bool) -> Result<StepTypes, Error> {
        if !self.is_built() {
            return Err(Error::State {
                what: "the model is not built: give its first layer an input_shape, or call build()".into(),
            });
        }
        let (takes, gives) = self.network(|n| {
            let inputs: Vec<_> = n.inputs.iter().map(|c| n.symbol_type((*c, 0))).collect();
            (inputs, n.outputs.iter().map(|o| n.symbol_type(*o)).collect::<Vec<_>>())
        })?;
        let ty = |(shape, dtype): &(crate::types::Shape, DType)| TensorType {
            dtype: dtype.fed(),
            shape: shape.concrete(|| batch),
        };
        let fed = self.prefix()?.fed;
        let x: Vec<TensorType> = match takes.iter().any(|(_, dtype)| *dtype == DType::Text)
            || fed.len() != takes.len()
        {
            // What the host makes is as many floats.
            true => {
                fed.iter().map(|f| TensorType { dtype: f.ty.1, shape: f.ty.0.concrete(|| batch) }).collect()
            }
            false => takes.iter().map(ty).collect(),
        };
        let mut y = Vec::new();
        if training {
            self.compiled()?.optimizer.usable()?;
            // Whether a loss takes class numbers shows when it is resolved.
            self.resolve_compile(&gives.iter().map(|g| ty(g).shape).collect::<Vec<_>>())?;
            let compiled = self.compiled()?;
            for (i, given) in gives.iter().enumerate() {
                let sparse = compiled.losses.iter().any(|l| l.output == i && l.loss.takes_class_numbers());
                let numbers = || TensorType {
                    dtype: DType::I32,
                    shape: ty(given).shape.split_last().map_or(vec![], |(_, lead)| lead.to_vec()),
                };
                y.push(if sparse { numbers() } else { TensorType::f32(ty(given).shape) });
            }
        }
        Ok(StepTypes { x, y, weights: vec![] })
    }

    fn model_arenas(&self, arenas: &mut Arenas, caps: &Caps) {
        for (name, role) in [("parameters", Role::Trainable), ("state", Role::NonTrainable)] {
            let of_role: Vec<Variable> = self.variables().into_iter().filter(|v| v.role() == role).collect();
            if !of_role.is_empty() {
                arenas.add(name, &of_role, caps);
            }
        }
        let states = self.states();
        if !states.is_empty() {
            arenas.add("carried", &states, caps);
        }
    }

    fn arenas(&self, trainable: &[Variable], caps: &Caps) -> Result<Arenas, Error> {
        let mut arenas = Arenas::default();
        self.model_arenas(&mut arenas, caps);
        let compiled = self.compiled()?;
        arenas.add("metrics", &compiled.metric_variables(), caps);
        for (name, slots) in compiled.slot_arenas(trainable) {
            arenas.add(&name, &slots, caps);
        }
        Ok(arenas)
    }
}

//! Long short-term memory (Hochreiter and Schmidhuber, 1997).

use std::sync::Arc;

use serde_json::Value;

use super::super::dense::{glorot, zeros};
use super::{Recurring, features, gates, orthogonal, part, positive};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Cell, Constraint, Drawn, Initializer, IntoTensor, Layer, Named,
    Regularizer, Resolver, Shape, Tensor, Variable,
};
use crate::initializers::Seed;

cell! {
    /// One step of [`LSTM`]. Its gates, in the order of the kernels: input, forget, cell, output.
    LSTMCell(units: usize) {
        /// Sets what is done with the cell's candidate and, for the output, with the cell.
        activation <- Named<dyn Activation> = crate::activations::named("tanh");
        /// Sets what the three gates are made by.
        recurrent_activation <- Named<dyn Activation> = crate::activations::named("sigmoid");
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// Sets whether the forget gate's bias begins as 1.
        unit_forget_bias: bool = true;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the recurrent kernel.
        recurrent_initializer <- Named<dyn Initializer> = orthogonal();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the recurrent kernel.
        recurrent_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the recurrent kernel is made to be after each step of training.
        recurrent_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    unset {}
    then {
        /// Share of the inputs that training sets to zero, the same ones in all steps.
        dropout: f64 = 0.0;
        /// Share of the states that training sets to zero, the same ones in all steps.
        recurrent_dropout: f64 = 0.0;
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read { implementation: Option<usize> }
    skip { kernel: Variable, recurrent_kernel: Variable, bias: Variable }
}

/// Long short-term memory over `[batch, steps, features]`; its states are the output and the cell.
pub type LSTM = Recurring<LSTMCell>;

/// The bias of which the forget gate's part begins as 1.
pub(super) struct ForgetBias {
    others: Arc<dyn Initializer>,
    units: usize,
}

impl ForgetBias {
    /// Returns the initializer of a bias of four gates of so many units.
    pub(super) fn around(
        others: &Named<dyn Initializer>,
        forgets: bool,
        units: usize,
    ) -> Named<dyn Initializer> {
        match others.get().cloned().filter(|_| forgets) {
            Some(others) => ForgetBias { others, units }.into(),
            None => others.clone(),
        }
    }
}

impl Initializer for ForgetBias {
    fn spec(&self) -> Value {
        self.others.spec()
    }

    fn init(&self, _shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
        let n = self.units;
        let mut bias = self.others.init(&[n], seed)?;
        bias.resize(2 * n, 1.0);
        bias.extend(self.others.init(&[2 * n], seed)?);
        Ok(bias)
    }
}

impl Layer for LSTMCell {
    const CLASS: &'static str = "LSTMCell";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        positive(self.units)?;
        let (inputs, n) = (features(input, Self::CLASS)?, self.units);
        self.kernel = builder.add_weight("kernel", [inputs, 4 * n], self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        self.recurrent_kernel =
            builder.add_weight("recurrent_kernel", [n, 4 * n], self.recurrent_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.recurrent_kernel,
            &self.recurrent_regularizer,
            &self.recurrent_constraint,
        )?;
        if self.use_bias {
            let initializer = ForgetBias::around(&self.bias_initializer, self.unit_forget_bias, n);
            self.bias = builder.add_weight("bias", [4 * n], initializer, true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        super::build_cell(self, builder, inputs)
    }

    called_as_cell!();
}

impl Cell for LSTMCell {
    fn state_shapes(&self) -> Vec<Vec<usize>> {
        vec![vec![self.units]; 2]
    }

    fn gives_state(&self) -> bool {
        true
    }

    fn draw(&self, step: &[usize], cx: &CallContext) -> Drawn {
        // With dropout of the state Keras draws for each gate.
        let count = if self.recurrent_dropout == 0.0 { 1 } else { 4 };
        super::drawn([self.dropout, self.recurrent_dropout], count, step, &[self.units], cx)
    }

    fn project(&self, x: Tensor, drawn: &Drawn, _cx: &CallContext) -> Vec<Tensor> {
        let bias = self.use_bias.then(|| self.bias.into_tensor());
        vec![gates(x, self.kernel.into_tensor(), bias, &drawn.inputs, self.units)]
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        drawn: &Drawn,
        _cx: &CallContext,
    ) -> (Tensor, Vec<Tensor>) {
        let n = self.units;
        let z = gates(states[0], self.recurrent_kernel.into_tensor(), None, &drawn.states, n) + x[0];
        let gate = |k| self.recurrent_activation.apply(part(z, k, n));
        let c = gate(1) * states[1] + gate(0) * self.activation.apply(part(z, 2, n));
        let h = gate(3) * self.activation.apply(c);
        (h, vec![h, c])
    }
}

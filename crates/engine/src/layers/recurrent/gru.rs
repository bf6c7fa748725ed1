//! The gated recurrent unit (Cho et al., 2014).

use super::super::dense::{glorot, zeros};
use super::{Recurring, features, gates, orthogonal, part, positive};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Cell, Constraint, Drawn, Initializer, IntoTensor, Layer, Named,
    Regularizer, Resolver, Shape, Tensor, Variable,
};
use crate::initializers::Seed;

cell! {
    /// One step of [`GRU`]. Its gates, in the order of the kernels: update, reset, candidate.
    GRUCell(units: usize) {
        /// Sets what is done with the candidate.
        activation <- Named<dyn Activation> = crate::activations::named("tanh");
        /// Sets what the two gates are made by.
        recurrent_activation <- Named<dyn Activation> = crate::activations::named("sigmoid");
        /// Sets whether there is a bias.
        use_bias: bool = true;
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
        /// Sets whether the state is multiplied by the recurrent kernel before it is reset; then that product has a bias of its own.
        reset_after: bool = true;
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read { implementation: Option<usize> }
    skip { kernel: Variable, recurrent_kernel: Variable, bias: Variable }
}

/// The gated recurrent unit over `[batch, steps, features]`.
pub type GRU = Recurring<GRUCell>;

impl GRUCell {
    /// Row k of the biases, or the only one.
    fn bias_row(&self, k: usize) -> Option<Tensor> {
        match (self.use_bias, self.reset_after) {
            (false, _) => None,
            (true, true) => Some(self.bias.into_tensor().slice(0, k, 1).reshape([3 * self.units])),
            (true, false) => (k == 0).then(|| self.bias.into_tensor()),
        }
    }
}

impl Layer for GRUCell {
    const CLASS: &'static str = "GRUCell";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        positive(self.units)?;
        let (inputs, n) = (features(input, Self::CLASS)?, self.units);
        self.kernel = builder.add_weight("kernel", [inputs, 3 * n], self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        self.recurrent_kernel =
            builder.add_weight("recurrent_kernel", [n, 3 * n], self.recurrent_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.recurrent_kernel,
            &self.recurrent_regularizer,
            &self.recurrent_constraint,
        )?;
        if self.use_bias {
            let shape = if self.reset_after { vec![2, 3 * n] } else { vec![3 * n] };
            self.bias = builder.add_weight("bias", shape, self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        super::build_cell(self, builder, inputs)
    }

    called_as_cell!();
}

impl Cell for GRUCell {
    fn state_shapes(&self) -> Vec<Vec<usize>> {
        vec![vec![self.units]]
    }

    fn gives_state(&self) -> bool {
        true
    }

    fn draw(&self, step: &[usize], cx: &CallContext) -> Drawn {
        // With dropout of the state Keras draws for each gate.
        let count = if self.recurrent_dropout == 0.0 { 1 } else { 3 };
        super::drawn([self.dropout, self.recurrent_dropout], count, step, &[self.units], cx)
    }

    fn project(&self, x: Tensor, drawn: &Drawn, _cx: &CallContext) -> Vec<Tensor> {
        vec![gates(x, self.kernel.into_tensor(), self.bias_row(0), &drawn.inputs, self.units)]
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        drawn: &Drawn,
        _cx: &CallContext,
    ) -> (Tensor, Vec<Tensor>) {
        let (n, x, h) = (self.units, x[0], states[0]);
        let kernel = self.recurrent_kernel.into_tensor();
        let (update, candidate) = if self.reset_after {
            let inner = gates(h, kernel, self.bias_row(1), &drawn.states, n);
            let gate = |k| self.recurrent_activation.apply(part(x, k, n) + part(inner, k, n));
            let reset = gate(1);
            (gate(0), reset * part(inner, 2, n))
        } else {
            let factors = drawn.states.get(..2).unwrap_or_default();
            let inner = gates(h, kernel.slice(1, 0, 2 * n), None, factors, n);
            let gate = |k| self.recurrent_activation.apply(part(x, k, n) + part(inner, k, n));
            let reset = gate(1);
            let dropped = drawn.states.get(2).map_or(h, |factor| h * *factor);
            (gate(0), (reset * dropped).matmul(kernel.slice(1, 2 * n, n)))
        };
        let new = self.activation.apply(part(x, 2, n) + candidate);
        let h = update * h + (1.0 - update) * new;
        (h, vec![h])
    }
}

//! A fully connected recurrent layer.

use super::super::dense::{glorot, zeros};
use super::{Recurring, features, gates, orthogonal, positive};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Cell, Constraint, Drawn, Initializer, IntoTensor, Layer, Named,
    Regularizer, Resolver, Shape, Tensor, Variable,
};
use crate::initializers::Seed;

cell! {
    /// One step of [`SimpleRNN`]: activation(x · kernel + h · recurrent_kernel + bias).
    SimpleRNNCell(units: usize) {
        /// Sets what is done with the sum.
        activation <- Named<dyn Activation> = crate::activations::named("tanh");
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
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read {  }
    skip { kernel: Variable, recurrent_kernel: Variable, bias: Variable }
}

/// A fully connected recurrent layer over `[batch, steps, features]`.
pub type SimpleRNN = Recurring<SimpleRNNCell>;

impl Layer for SimpleRNNCell {
    const CLASS: &'static str = "SimpleRNNCell";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        positive(self.units)?;
        let (inputs, n) = (features(input, Self::CLASS)?, self.units);
        self.kernel = builder.add_weight("kernel", [inputs, n], self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        self.recurrent_kernel =
            builder.add_weight("recurrent_kernel", [n, n], self.recurrent_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.recurrent_kernel,
            &self.recurrent_regularizer,
            &self.recurrent_constraint,
        )?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [n], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        super::build_cell(self, builder, inputs)
    }

    called_as_cell!();
}

impl Cell for SimpleRNNCell {
    fn state_shapes(&self) -> Vec<Vec<usize>> {
        vec![vec![self.units]]
    }

    fn gives_state(&self) -> bool {
        true
    }

    fn draw(&self, step: &[usize], cx: &CallContext) -> Drawn {
        super::drawn([self.dropout, self.recurrent_dropout], 1, step, &[self.units], cx)
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
        let inner = gates(states[0], self.recurrent_kernel.into_tensor(), None, &drawn.states, self.units);
        let h = self.activation.apply(inner + x[0]);
        (h, vec![h])
    }
}

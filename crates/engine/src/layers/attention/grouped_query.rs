//! Attention whose keys and values have fewer heads than its queries (Ainslie et al., 2023).

use super::heads::{self, Attend, PARAMETERS, Projection, check_sizes, given, project, says};
use super::projection::Shared;
use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, Constraint, Initializer, Layer, LayerRef, Named, Regularizer, Resolver,
    Shape, Tensor, fail,
};
use crate::initializers::Seed;
use crate::layers::dense::{glorot, zeros};

config! {
    /// Attention with several heads, of which some share keys and values: called on a query and a value, and perhaps a key.
    ///
    /// In files of Keras its public name is `GroupQueryAttention`.
    GroupedQueryAttention(head_dim: usize, num_query_heads: usize, num_key_value_heads: usize) {
        /// Sets whether the projections have biases.
        use_bias: bool = true;
        /// Sets whether what the heads give is multiplied by a sigmoid of a projection of the query (Qiu et al., 2025).
        use_gate: bool = false;
        /// Sets how far a position sees, itself included.
        sliding_window <- Option<usize> = None;
        /// Share of the weights that training sets to zero.
        dropout: f64 = 0.0;
        /// First value of the kernels.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the biases.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernels.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the biases.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// Sets what the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// Sets what the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read {}
    skip { projections: Vec<(String, LayerRef)> }
}

impl GroupedQueryAttention {
    /// Gives each head of keys or values, `[batch, steps, heads, n]`, to as many heads of queries as share it.
    fn repeated(&self, x: Tensor) -> Tensor {
        let repeats = self.num_query_heads / self.num_key_value_heads.max(1);
        let shape = x.shape();
        let [batch, steps, heads, n] = [shape[0], shape[1], shape[2], shape[3]];
        let each = x.reshape([batch, steps, heads, 1, n]).broadcast_to(&[batch, steps, heads, repeats, n]);
        each.reshape([batch, steps, heads * repeats, n])
    }

    /// Returns the output, and the weights where the call asks for them.
    ///
    /// # Errors
    /// The tensors do not suit it.
    fn attend(&self, cx: &CallContext) -> Result<Vec<Tensor>, Error> {
        let wrong = |what: &str| Error::Shape { layer: String::new(), what: what.into() };
        let [query, value, key] =
            given(cx).ok_or_else(|| wrong("GroupedQueryAttention takes query and value"))?;
        if [query, value, key].iter().any(|x| x.rank() != 3) {
            return Err(wrong("GroupedQueryAttention takes tensors of three axes"));
        }
        let scores = says(cx, "return_attention_scores");
        // Keras has a kernel of its own where it needs not the weights, with other words for rows that look at nothing.
        let zeros = self.dropout > 0.0 || scores;
        let heads = Attend { axes: &[1], window: self.sliding_window, dropout: self.dropout, zeros };
        let mask = heads.mask(cx, [query, value], cx.argument_mask("query"))?;
        let projected = |name: &str, x: Tensor| project(&self.projections, name, x, cx);
        let q = projected("query_dense", query) * (1.0 / (self.head_dim as f64).sqrt());
        let (k, v) = (projected("key_dense", key), projected("value_dense", value));
        let (mut output, weights) = heads.call([q, self.repeated(k), self.repeated(v)], mask, cx);
        if self.use_gate {
            output = output * projected("gate_dense", query);
        }
        let output = projected("output_dense", output);
        Ok(if scores { vec![output, weights] } else { vec![output] })
    }
}

impl Layer for GroupedQueryAttention {
    const CLASS: &'static str = "GroupedQueryAttention";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn arguments(&self, count: usize) -> Arguments {
        Arguments::each(count)
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        let (query, value) = match inputs {
            [query, value, ..] if inputs.len() < 4 && inputs.iter().all(|s| s.rank() == 3) => (query, value),
            _ => {
                let shapes = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let what = format!(
                    "GroupedQueryAttention takes query, value and perhaps key, of shape (batch, steps, features) each, but was given {shapes}"
                );
                return Err(Error::Shape { layer: String::new(), what });
            }
        };
        let (queries, values, n) = (self.num_query_heads, self.num_key_value_heads, self.head_dim);
        let window = self.sliding_window.unwrap_or(1);
        let sizes = [
            ("head_dim", n),
            ("num_query_heads", queries),
            ("num_key_value_heads", values),
            ("sliding_window", window),
        ];
        check_sizes(&sizes, self.dropout)?;
        if !queries.is_multiple_of(values) {
            let what = format!(
                "num_query_heads is {queries}, but must be a multiple of num_key_value_heads, which is {values}"
            );
            return Err(Error::Argument { what });
        }
        let features = query.known(-1)?;
        if value.known(-1)? != features {
            let what = format!(
                "GroupedQueryAttention takes query and value of as many features each, but was given {query} and {value}"
            );
            return Err(Error::Shape { layer: String::new(), what });
        }
        let shared = Shared {
            use_bias: self.use_bias,
            kernel_initializer: self.kernel_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            kernel_regularizer: self.kernel_regularizer.clone(),
            bias_regularizer: self.bias_regularizer.clone(),
            kernel_constraint: self.kernel_constraint.clone(),
            bias_constraint: self.bias_constraint.clone(),
            // Keras takes it for the projections and for the output.
            activity_regularizer: builder.activity_regularizer(),
        };
        let inner = Shape(vec![query.0[0], query.0[1], Some(queries), Some(n)]);
        let of = |attribute, name, heads, input| Projection {
            attribute,
            name,
            contracted: 1,
            output: vec![heads, n],
            input,
            activation: None,
        };
        let mut all = vec![
            of("query_dense", "query", queries, query),
            of("key_dense", "key", values, inputs.get(2).unwrap_or(value)),
            of("value_dense", "value", values, value),
        ];
        if self.use_gate {
            let gate = of("gate_dense", "gate", queries, query);
            all.insert(2, Projection { activation: Some("sigmoid"), ..gate });
        }
        let last = of("output_dense", "attention_output", queries, &inner);
        all.push(Projection { contracted: 2, output: vec![features], ..last });
        self.projections = heads::build(builder, &shared, all)?;
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        self.attend(cx).unwrap_or_else(|error| {
            fail(error);
            xs.to_vec()
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.projections.clone()
    }
}

//! Codes of categories that have numbers.

use super::encode::{Encoding, OutputMode};
use serde_json::{Map, Value};

use super::config::without;
use crate::Error;
use crate::graph::{Builder, CallContext, DType, Integers, Layer, Precision, Resolver, Shape, Tensor, fail};
use crate::words::Word;

config! {
    /// Makes codes of numbers from 0 to `num_tokens - 1`: of each one (`"one_hot"`), or of all of an example, which lie along the axis behind the batch (`"multi_hot"`,
    /// `"count"`). A number that is too large has no place in a code. Where TensorFlow refuses a number that is negative, or (in Keras 2) too large, the code
    /// is NaN.
    ///
    /// The call argument `count_weights` says how much each number counts, under `"count"`:
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::graph::{Argument, Arguments};
    /// # use rhyton_engine::layers::{CategoryEncoding, InputLayer};
    /// # use rhyton_engine::train::{Apply, Model, input, input_symbol};
    /// # use rhyton_engine::types::DType;
    /// let numbers = input_symbol(InputLayer::of(&[Some(2)], DType::I32));
    /// let weights = input([2]);
    /// let arguments = Arguments {
    ///     positional: vec![Argument::Tensor(0)],
    ///     named: vec![("count_weights".into(), Argument::Tensor(1))],
    /// };
    /// let codes = CategoryEncoding::new(4).output_mode("count").on_with([&numbers, &weights], arguments);
    /// let mut model = Model::new([&numbers, &weights], &codes[0])?;
    /// let (numbers, weights) = (ndarray::array![[1, 3], [2, 2]], ndarray::array![[0.5, 0.25], [1.0, 2.0]]);
    /// let codes = model.predict((&numbers, &weights)).verbose(0).run()?;
    /// assert_eq!(codes, ndarray::array![[0.0, 0.5, 0.0, 0.25], [0.0, 0.0, 3.0, 0.0]].into_dyn());
    /// # Ok::<(), Error>(())
    /// ```
    CategoryEncoding(num_tokens: usize) {
        /// Sets what becomes of the numbers: `"one_hot"`, `"multi_hot"` or `"count"`. Default `"multi_hot"`.
        output_mode <- Word<OutputMode> = OutputMode::MultiHot.into();
    }
    unset {}
    never { sparse }
    then {}
    read {}
    skip {}
}

impl Layer for CategoryEncoding {
    const CLASS: &'static str = "CategoryEncoding";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        if self.num_tokens == 0 {
            return Err(Error::Argument { what: "num_tokens is 0, but must be positive".into() });
        }
        self.output_mode.get()?.one_of(&[OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count])
    }

    fn build_all(&mut self, _builder: &mut Builder, _inputs: &[Shape]) -> Result<(), Error> {
        Ok(())
    }

    /// Keras 3 does not write `sparse`.
    fn config(&self) -> Map<String, Value> {
        without("sparse", self)
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "count_weights"]
    }

    fn precision(&self) -> Precision {
        Precision::AsGiven
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Encodes
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let weights = cx.argument("count_weights").and_then(|w| w.first().copied());
        let compute = cx.layer_policy().compute();
        let called = || {
            let weights = match weights {
                Some(_) if *self.output_mode != OutputMode::Count => {
                    let what = "count_weights is used under output_mode \"count\" alone";
                    return Err(Error::Shape { layer: String::new(), what: what.into() });
                }
                other => other.map(|w| w.as_type(DType::F32)),
            };
            // TensorFlow cuts floats towards zero.
            let numbers = match xs[0].ty().dtype {
                DType::Whole(_) => xs[0].as_type(DType::F32),
                _ => xs[0].as_type(DType::F32).truncated(),
            };
            let encoding = Encoding {
                mode: *self.output_mode,
                depth: self.num_tokens,
                dtype: compute,
                bounded: cx.layer_is_keras2(),
            };
            encoding.encode(numbers, weights)
        };
        vec![called().unwrap_or_else(|error| {
            fail(error);
            xs[0]
        })]
    }
}

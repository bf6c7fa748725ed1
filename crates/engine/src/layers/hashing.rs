//! Numbers and strings put into buckets by their hash.

use super::encode::HostEncoding;
use super::encode::OutputMode;
use super::token::{Salt, Special};
use crate::Error;
use crate::graph::{DType, HostLayer, Integer, Layer, LayerSettings, Resolver, Shape};
use crate::host::{Elements, Values};
use crate::types::Policy;
use crate::words::Word;

config! {
    /// Gives for each integer or string the number of a bucket, by its hash: FarmHash of 64 bits, or SipHash with a salt. It is computed on the host, before the
    /// model's computation. (In Keras 3 floats are cut to integers, in Keras 2 refused.)
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::Hashing;
    /// # use rhyton_engine::train::Sequential;
    /// let mut model = Sequential::new((Hashing::new(3),))?;
    /// let buckets = model.predict(&["red", "green", "red"]).verbose(0).run()?;
    /// assert_eq!(buckets[[0]], buckets[[2]]);
    /// # Ok::<(), Error>(())
    /// ```
    Hashing(num_bins: usize) {
        /// Sets what the hash is mixed with: two numbers, or one that stands for both.
        salt <- Salt = Salt::default();
        /// Sets the input that goes into bucket 0, which no other one goes into.
        mask_value <- Special = Special::none();
        /// Sets what becomes of the numbers of the buckets: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`. Default `"int"`.
        output_mode <- Word<OutputMode> = OutputMode::Int.into();
    }
    unset {}
    never { sparse }
    then {}
    read {}
    skip {}
}

/// Returns the type of indices under a layer's dtype: that, where it is one of integers.
pub(super) fn of_indices(settings: &LayerSettings) -> Integer {
    settings.dtype.as_ref().and_then(|d| Policy::of(d).ok()).and_then(Policy::integer).unwrap_or(Integer::I64)
}

/// Returns the type of codes under a layer's dtype.
pub(super) fn of_codes(settings: &LayerSettings) -> DType {
    let policy = settings.dtype.as_ref().and_then(|d| Policy::of(d).ok()).unwrap_or_default();
    match policy {
        Policy::Text => DType::F32,
        other => other.compute(),
    }
}

/// Checks that there is one input.
pub(super) fn only<T>(inputs: &[T]) -> Result<&T, Error> {
    match inputs {
        [one] => Ok(one),
        many => {
            let what = format!("takes one input, but was given {}", many.len());
            Err(Error::Shape { layer: String::new(), what })
        }
    }
}

impl Hashing {
    fn encoding(&self, settings: &LayerSettings) -> HostEncoding {
        let dtype = match *self.output_mode {
            OutputMode::Int => DType::Whole(of_indices(settings)),
            _ => of_codes(settings),
        };
        HostEncoding { mode: *self.output_mode, depth: self.num_bins, dtype }
    }
}

impl Layer for Hashing {
    const CLASS: &'static str = "Hashing";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        if self.num_bins == 0 {
            return Err(Error::Argument { what: "num_bins is 0, but must be positive".into() });
        }
        self.output_mode.get()?.one_of(&[
            OutputMode::Int,
            OutputMode::OneHot,
            OutputMode::MultiHot,
            OutputMode::Count,
        ])
    }

    fn usual_dtype(&self, _keras2: bool) -> Option<&'static str> {
        Some(if *self.output_mode == OutputMode::Int { "int64" } else { "float32" })
    }

    fn as_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for Hashing {
    fn output_type(
        &self,
        inputs: &[(Shape, DType)],
        settings: &LayerSettings,
    ) -> Result<(Shape, DType), Error> {
        let (shape, dtype) = only(inputs)?;
        if settings.keras2 && !matches!(dtype, DType::Whole(_) | DType::Text | DType::I32 | DType::U32) {
            let what = format!("takes integers or strings, but its input is of {}", dtype.name());
            return Err(Error::Shape { layer: String::new(), what });
        }
        self.encoding(settings).output_type(shape)
    }

    fn compute(&self, inputs: &[Values<'_>], settings: &LayerSettings) -> Result<Values<'static>, Error> {
        let input = only(inputs)?;
        // With a value that has a bucket of its own, the others share the rest.
        let masked = self.mask_value.get().is_some() && self.num_bins > 1;
        let buckets = self.num_bins - usize::from(masked);
        let mask = self.mask_value.is_at(input);
        let bucket = |(text, mask): (std::borrow::Cow<'_, str>, bool)| match (masked, mask) {
            (true, true) => 0,
            _ => self.salt.bucket(&text, buckets) + i64::from(masked),
        };
        let indices = input.texts().into_iter().zip(mask).map(bucket).collect();
        self.encoding(settings).encode(&input.shape, indices)
    }
}

config! {
    /// Gives for integers or strings of several inputs, one of each for an example, the number of a bucket, by the hash of all of them. It is computed on the host,
    /// before the model's computation.
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::HashedCrossing;
    /// # use rhyton_engine::train::{Apply, Model, text_input};
    /// let (color, shape) = (text_input([1]), text_input([1]));
    /// let crossed = HashedCrossing::new(5).on([&color, &shape]);
    /// let mut model = Model::new([&color, &shape], &crossed)?;
    /// let buckets = model.predict((&["red", "green"], &["round", "square"])).verbose(0).run()?;
    /// assert_eq!(buckets.shape(), [2, 1]);
    /// # Ok::<(), Error>(())
    /// ```
    HashedCrossing(num_bins: usize) {
        /// Sets what becomes of the numbers of the buckets: `"int"` or `"one_hot"`. Default `"int"`.
        output_mode <- Word<OutputMode> = OutputMode::Int.into();
    }
    unset {}
    never { sparse }
    then {}
    read {}
    skip {}
}

/// What TensorFlow mixes a cross with.
const CROSS_KEY: u64 = 0xde_cafc_affe;

impl HashedCrossing {
    fn encoding(&self, settings: &LayerSettings) -> HostEncoding {
        let dtype = match *self.output_mode {
            OutputMode::Int => DType::Whole(of_indices(settings)),
            _ => of_codes(settings),
        };
        HostEncoding { mode: *self.output_mode, depth: self.num_bins, dtype }
    }
}

impl Layer for HashedCrossing {
    const CLASS: &'static str = "HashedCrossing";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, _builder: &mut crate::graph::Builder, _inputs: &[Shape]) -> Result<(), Error> {
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.num_bins == 0 {
            return Err(Error::Argument { what: "num_bins is 0, but must be positive".into() });
        }
        self.output_mode.get()?.one_of(&[OutputMode::Int, OutputMode::OneHot])
    }

    fn usual_dtype(&self, _keras2: bool) -> Option<&'static str> {
        (*self.output_mode == OutputMode::Int).then_some("int64")
    }

    fn as_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for HashedCrossing {
    fn output_type(
        &self,
        inputs: &[(Shape, DType)],
        settings: &LayerSettings,
    ) -> Result<(Shape, DType), Error> {
        let wrong = |what: String| Err(Error::Shape { layer: String::new(), what });
        let [(first, _), _, ..] = inputs else {
            return wrong(format!("takes at least two inputs, but was given {}", inputs.len()));
        };
        for (shape, dtype) in inputs {
            if !matches!(shape.0[..], [_] | [_, Some(1)]) || shape.0[1..] != first.0[1..] {
                return wrong(format!(
                    "takes inputs of one shape, (batch,) or (batch, 1), but was given {first} and {shape}"
                ));
            }
            if !matches!(dtype, DType::Whole(i) if *i != Integer::Bool) && *dtype != DType::Text {
                return wrong(format!("takes integers or strings, but an input is of {}", dtype.name()));
            }
        }
        self.encoding(settings).output_type(first)
    }

    fn compute(&self, inputs: &[Values<'_>], settings: &LayerSettings) -> Result<Values<'static>, Error> {
        let count = inputs.first().map_or(0, Values::len);
        let mut hashes = vec![CROSS_KEY; count];
        for input in inputs {
            let each: Vec<u64> = match &input.elements {
                Elements::Text(all) => all.iter().map(|v| crate::host::fingerprint(v.as_bytes())).collect(),
                Elements::Integers(_, all) => all.iter().map(|v| v.cast_unsigned()).collect(),
                Elements::Floats(_) => {
                    return Err(Error::Data {
                        what: "takes integers or strings, but was given floats".into(),
                    });
                }
            };
            hashes.iter_mut().zip(each).for_each(|(hash, next)| *hash = crate::host::cross(*hash, next));
        }
        let buckets = self.num_bins.max(1) as u64;
        let indices = hashes.into_iter().map(|hash| (hash % buckets) as i64).collect();
        let shape = inputs.first().map(|input| input.shape.clone()).unwrap_or_default();
        self.encoding(settings).encode(&shape, indices)
    }
}

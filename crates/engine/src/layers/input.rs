//! Where data enters a model.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::graph::{CallContext, DType, Integer, Integers, Layer, Shape, Tensor};
use crate::types::Policy;

/// Where data enters a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputLayer {
    batch_shape: Vec<Option<usize>>,
    #[serde(default, skip_serializing, deserialize_with = "dtype")]
    dtype: DType,
    #[serde(default)]
    sparse: bool,
    #[serde(default)]
    ragged: bool,
    #[serde(default)]
    optional: bool,
}

fn dtype<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DType, D::Error> {
    let policy = Policy::of(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
    Ok(policy.dtype())
}

impl InputLayer {
    /// Of this shape, without the batch axis; `None` for an axis that data decides.
    pub fn new<D: Into<Option<usize>>>(shape: impl IntoIterator<Item = D>) -> Self {
        let axes: Vec<Option<usize>> = shape.into_iter().map(Into::into).collect();
        Self::of(&axes, DType::F32)
    }

    /// Of this shape, without the batch axis, and type.
    pub fn of(shape: &[Option<usize>], dtype: DType) -> Self {
        let batch_shape = std::iter::once(None).chain(shape.iter().copied()).collect();
        Self::with_batch(Shape(batch_shape), dtype)
    }

    /// Of this shape, the batch axis first: for layers that must know how many examples a batch has.
    pub fn batch_shape<D: Into<Option<usize>>>(shape: impl IntoIterator<Item = D>) -> Self {
        Self::with_batch(Shape(shape.into_iter().map(Into::into).collect()), DType::F32)
    }

    /// Of this shape, with the batch axis, and type.
    pub fn with_batch(shape: Shape, dtype: DType) -> Self {
        let dtype = match dtype {
            DType::I32 => DType::Whole(Integer::I32),
            DType::U32 => DType::Whole(Integer::U32),
            other => other,
        };
        InputLayer { batch_shape: shape.0, dtype, sparse: false, ragged: false, optional: false }
    }

    /// Its shape, with the batch axis, and type.
    pub fn symbol_type(&self) -> (Shape, DType) {
        (Shape(self.batch_shape.clone()), self.dtype)
    }
}

impl Layer for InputLayer {
    const CLASS: &'static str = "InputLayer";

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x
    }
}

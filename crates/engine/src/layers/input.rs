//! Where data enters a model.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::graph::{CallContext, DType, Layer, Shape, Tensor};

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

/// Keras' name of a type, bare or in a policy, as what the engine computes with.
fn dtype<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DType, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let name = value.as_str().or_else(|| value.pointer("/config/name").and_then(Value::as_str));
    match name {
        None | Some("float32" | "float64" | "float16" | "bfloat16") => Ok(DType::F32),
        Some("mixed_float16" | "mixed_bfloat16") => Ok(DType::F32),
        Some("int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "bool") => Ok(DType::I32),
        Some("uint32") => Ok(DType::U32),
        Some(other) => Err(serde::de::Error::custom(format!("dtype {other} is not supported"))),
    }
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

    /// Of this shape, with the batch axis, and type.
    pub fn with_batch(shape: Shape, dtype: DType) -> Self {
        InputLayer { batch_shape: shape.0, dtype, sparse: false, ragged: false, optional: false }
    }

    /// Its shape, with the batch axis, and type.
    pub fn symbol_type(&self) -> (Shape, DType) {
        (Shape(self.batch_shape.clone()), self.dtype)
    }
}

impl Layer for InputLayer {
    const CLASS: &'static str = "InputLayer";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x
    }
}

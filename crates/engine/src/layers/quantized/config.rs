//! `quantization_config`: how a layer of Keras 3 was quantized.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::graph::Tensor;
use crate::layers::config::Field;
use crate::types::Quantized;

/// Holds what Keras keeps of how a layer was quantized: null, or a serialized `Int8QuantizationConfig`, `Int4QuantizationConfig` or `Float8QuantizationConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct QuantizationConfig(Value);

/// Rounds numbers to whole ones, by the largest of them (`AbsMaxQuantizer`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AbsMax {
    low: f64,
    high: f64,
    epsilon: f64,
}

impl Field for QuantizationConfig {}

/// Classes that there are, and those that are refused.
const CLASSES: [&str; 3] = ["Int8QuantizationConfig", "Int4QuantizationConfig", "Float8QuantizationConfig"];

impl<'de> Deserialize<'de> for QuantizationConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let class = value.get("class_name").and_then(Value::as_str);
        if !value.is_null() && !class.is_some_and(|class| CLASSES.contains(&class)) {
            let shown: String = value.to_string().chars().take(80).collect();
            let what = format!("found {shown}, expected null, or one of {}", CLASSES.join(", "));
            return Err(serde::de::Error::custom(what));
        }
        let config = QuantizationConfig(value);
        config.activations(Quantized::Int8).map_err(serde::de::Error::custom)?;
        config.block(None).map_err(serde::de::Error::custom)?;
        Ok(config)
    }
}

impl QuantizationConfig {
    /// Returns how the inputs are rounded; `None`: they are not.
    ///
    /// # Errors
    /// It is another quantizer than Keras' own.
    pub(crate) fn activations(&self, mode: Quantized) -> Result<Option<AbsMax>, String> {
        let usual = AbsMax { low: -127.0, high: 127.0, epsilon: 1e-7 };
        if self.0.is_null() {
            // Without a config int8 rounds them, and int4 does not.
            return Ok((mode == Quantized::Int8).then_some(usual));
        }
        let Some(quantizer) = self.0.pointer("/config/activation_quantizer").filter(|q| !q.is_null()) else {
            return Ok(None);
        };
        let config = &quantizer["config"];
        let range = config.get("value_range").and_then(Value::as_array).map(Vec::as_slice);
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let (low, high) = match range {
            None => (Some(usual.low), Some(usual.high)),
            Some([low, high]) => (low.as_f64(), high.as_f64()),
            Some(_) => (None, None),
        };
        let bounds = low.zip(high).filter(|(low, high)| *low >= -128.0 && *high <= 127.0 && *high > 0.0);
        let is_own = quantizer.get("class_name").is_some_and(|class| class == "AbsMaxQuantizer")
            && config.get("output_dtype").is_none_or(|dtype| dtype == "int8");
        match (bounds, is_own) {
            (Some((low, high)), true) => Ok(Some(AbsMax {
                low,
                high,
                epsilon: number(config.get("epsilon")).unwrap_or(usual.epsilon),
            })),
            _ => Err("activation_quantizer: an AbsMaxQuantizer of int8 is supported, and null".into()),
        }
    }

    /// Returns the rows of a block; what the policy says where the config says nothing.
    ///
    /// # Errors
    /// It is no number of rows.
    pub(crate) fn block(&self, policy: Option<usize>) -> Result<Option<usize>, String> {
        if self.0.get("class_name").is_none_or(|class| class != "Int4QuantizationConfig") {
            return Ok(policy);
        }
        match self.0.pointer("/config/block_size").unwrap_or(&Value::Null) {
            Value::Null => Ok(None),
            size if size.as_i64() == Some(-1) => Ok(None),
            size => match size.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(size) if size > 0 => Ok(Some(size)),
                _ => Err(format!("block_size is {size}, but must be null, -1 or positive")),
            },
        }
    }
}

impl AbsMax {
    /// Returns the whole numbers, and what they are divided by: a number for all along these axes.
    pub(crate) fn quantize(self, x: Tensor, axes: &[isize]) -> (Tensor, Tensor) {
        let scale = Tensor::full(&[], self.high) / (x.abs().max_keep(axes) + self.epsilon);
        ((x * scale).round().clip(self.low, self.high), scale)
    }
}

//! All axes but the first as one.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Layer, Tensor};

/// Where the channels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// On the last axis.
    #[default]
    ChannelsLast,
    /// On the axis after the batch.
    ChannelsFirst,
}

/// Makes each example one vector.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flatten {
    #[serde(default, deserialize_with = "or_default")]
    data_format: DataFormat,
}

pub(super) fn or_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DataFormat, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Flatten {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the channels are: those of the second axis are brought to the last first.
    #[must_use]
    pub fn data_format(mut self, format: DataFormat) -> Self {
        self.data_format = format;
        self
    }
}

impl Layer for Flatten {
    const CLASS: &'static str = "Flatten";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let (batch, rest) = (shape.first().copied().unwrap_or(1), shape.get(1..).unwrap_or(&[]));
        let x = if self.data_format == DataFormat::ChannelsFirst && shape.len() > 2 {
            let order: Vec<usize> = std::iter::once(0).chain(2..shape.len()).chain([1]).collect();
            x.transpose(&order)
        } else {
            x
        };
        x.reshape([batch, rest.iter().product()])
    }
}

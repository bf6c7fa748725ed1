//! All axes but the first as one.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Integers, Layer, Tensor};
use crate::words::{Word, Words};

/// Where the channels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// On the last axis.
    #[default]
    ChannelsLast,
    /// On the axis after the batch.
    ChannelsFirst,
}

impl Words for DataFormat {
    const OPTION: &'static str = "data_format";
    const WORDS: &'static [(&'static str, Self)] =
        &[("channels_last", DataFormat::ChannelsLast), ("channels_first", DataFormat::ChannelsFirst)];
    const NULL: Option<Self> = Some(DataFormat::ChannelsLast);
}

/// Makes each example one vector.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flatten {
    #[serde(default)]
    data_format: Word<DataFormat>,
}

impl Flatten {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl Flatten {
    /// Sets where the channels are (`"channels_last"` or `"channels_first"`, or a [`DataFormat`]): those of the second axis are brought to the last first.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<Word<DataFormat>>) -> Self {
        self.data_format = format.into();
        self
    }
}
}

impl Layer for Flatten {
    const CLASS: &'static str = "Flatten";

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let (batch, rest) = (shape.first().copied().unwrap_or(1), shape.get(1..).unwrap_or(&[]));
        let x = if *self.data_format == DataFormat::ChannelsFirst && shape.len() > 2 {
            let order: Vec<usize> = std::iter::once(0).chain(2..shape.len()).chain([1]).collect();
            x.transpose(&order)
        } else {
            x
        };
        x.reshape([batch, crate::types::elements(rest)])
    }
}

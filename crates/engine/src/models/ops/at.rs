//! Parts of a symbolic tensor, as Python's indexing has them.

use std::ops::{Range, RangeFrom, RangeFull, RangeTo};

use serde_json::{Value, json};

use super::op;
use crate::models::Symbol;

/// What is taken of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// One element, without the axis; negative numbers count from the end.
    Index(i64),
    /// Elements from a place up to another, every so many.
    Slice {
        /// The first; `None`: from the beginning.
        start: Option<i64>,
        /// The first that is not among them; `None`: to the end.
        stop: Option<i64>,
        /// From one to the next; `None`: 1.
        step: Option<i64>,
    },
    /// A new axis of length 1.
    New,
    /// All axes that nothing else is said of.
    Rest,
}

impl At {
    /// Every so many elements.
    pub fn step(self, step: i64) -> Self {
        match self {
            At::Slice { start, stop, .. } => At::Slice { start, stop, step: Some(step) },
            other => other,
        }
    }

    fn json(self) -> Value {
        match self {
            At::Index(i) => i.into(),
            At::Slice { start, stop, step } => {
                json!({"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}})
            }
            At::New => Value::Null,
            At::Rest => json!({"class_name": "__ellipsis__", "config": {}}),
        }
    }
}

impl From<i64> for At {
    fn from(index: i64) -> Self {
        At::Index(index)
    }
}
impl From<i32> for At {
    fn from(index: i32) -> Self {
        At::Index(index.into())
    }
}
impl From<RangeFull> for At {
    fn from(_: RangeFull) -> Self {
        At::Slice { start: None, stop: None, step: None }
    }
}
impl From<Range<i64>> for At {
    fn from(range: Range<i64>) -> Self {
        At::Slice { start: Some(range.start), stop: Some(range.end), step: None }
    }
}
impl From<RangeFrom<i64>> for At {
    fn from(range: RangeFrom<i64>) -> Self {
        At::Slice { start: Some(range.start), stop: None, step: None }
    }
}
impl From<RangeTo<i64>> for At {
    fn from(range: RangeTo<i64>) -> Self {
        At::Slice { start: None, stop: Some(range.end), step: None }
    }
}

/// Takes a part of a tensor: `get_item(&x, [At::from(..), 0.into(), (1..3).into()])` is `x[:, 0, 1:3]`.
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::models::ops::{At, get_item};
/// # use rhyton::train::{Model, input};
/// # fn main() -> Result<(), rhyton::Error> {
/// let x = input([3, 5]);
/// let part = get_item(&x, [At::from(..), (-1).into(), (1..4).into()]);
/// assert_eq!(part.shape.to_string(), "(None, 3)");
/// # Model::new(x, part)?;
/// # Ok(())
/// # }
/// ```
pub fn get_item(x: &Symbol, at: impl IntoIterator<Item = At>) -> Symbol {
    let keys: Vec<Value> = at.into_iter().map(At::json).collect();
    op("GetItem").with(x).with(super::Operand::Value(keys.into())).call()
}

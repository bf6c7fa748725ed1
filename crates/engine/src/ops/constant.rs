//! Constants of several numbers.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::graph::Tensor;

/// More of them would make a graph that is no longer small.
const MOST: usize = 4096;

/// A number, or (nested) lists of numbers, where configs have either; an array of NumPy as Keras writes it, too.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Numbers(Value);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let (mut shape, mut values) = (vec![], vec![]);
        if regular(plain(&value), 0, &mut shape, &mut values) && values.len() <= MOST {
            return Ok(Numbers(value));
        }
        let shown: String = value.to_string().chars().take(80).collect();
        Err(serde::de::Error::custom(format!(
            "found {shown}, expected a number, or lists of numbers of one length (at most {MOST} in all)"
        )))
    }
}

/// Returns what an array of NumPy or a tensor holds; anything else as it is.
fn plain(value: &Value) -> &Value {
    let class = value.get("class_name").and_then(Value::as_str);
    let array = class.is_some_and(|c| c == "__numpy__" || c == "__tensor__");
    value.pointer("/config/value").filter(|_| array).unwrap_or(value)
}

/// Collects shape and numbers of nested lists; whether they are of one shape.
fn regular(value: &Value, depth: usize, shape: &mut Vec<usize>, values: &mut Vec<f64>) -> bool {
    match value {
        Value::Number(n) => {
            values.extend(n.as_f64());
            shape.len() == depth
        }
        Value::Array(list) if depth < 8 && !list.is_empty() => {
            // The first list of a depth tells its length; numbers before it are of another shape.
            if shape.len() == depth && values.is_empty() {
                shape.push(list.len());
            }
            shape.get(depth) == Some(&list.len()) && list.iter().all(|v| regular(v, depth + 1, shape, values))
        }
        _ => false,
    }
}

impl From<f64> for Numbers {
    fn from(value: f64) -> Self {
        Numbers(value.into())
    }
}
impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(values: [f64; N]) -> Self {
        Numbers(values.to_vec().into())
    }
}
impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Numbers(values.into())
    }
}

impl Numbers {
    /// Shape and numbers.
    pub(crate) fn parts(&self) -> (Vec<usize>, Vec<f64>) {
        let (mut shape, mut values) = (vec![], vec![]);
        regular(plain(&self.0), 0, &mut shape, &mut values);
        (shape, values)
    }

    /// The numbers spread over a shape; `None` where they do not broadcast to it.
    pub(crate) fn broadcast(&self, to: &[usize]) -> Option<Vec<f64>> {
        let (shape, values) = self.parts();
        if let [one] = values.as_slice()
            && shape.len() <= to.len()
        {
            return Some(vec![*one; to.iter().product()]);
        }
        let lead = to.len().checked_sub(shape.len())?;
        if !shape.iter().zip(&to[lead..]).all(|(from, to)| from == to || *from == 1) {
            return None;
        }
        let at = |mut index: usize| {
            let (mut place, mut stride) = (0, 1);
            for (from, to) in shape.iter().zip(&to[lead..]).rev() {
                place += if *from == 1 { 0 } else { index % to * stride };
                stride *= from;
                index /= to;
            }
            values[place]
        };
        Some((0..to.iter().product()).map(at).collect())
    }

    /// As a tensor of the open graph.
    pub(crate) fn tensor(&self) -> Tensor {
        let (shape, values) = self.parts();
        match values.as_slice() {
            [one] => Tensor::full(&shape, *one),
            many => Tensor::constant(shape, many.iter().map(|v| *v as f32).collect()),
        }
    }
}

/// 0, 1, 2 and so on, as a vector.
pub(crate) fn count_up(n: usize) -> Tensor {
    if n <= 1 {
        return Tensor::full(&[n], 0.0);
    }
    let half = n.div_ceil(2);
    let first = count_up(half);
    Tensor::concat(&[first, first.slice(0, 0, n - half) + half as f64], 0)
}

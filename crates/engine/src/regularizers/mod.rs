//! Regularizers: penalties on weights.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::graph::{IntoTensor, Regularizer, Tensor, fail, serialized};
use crate::{Error, config};

/// Makes a regularizer from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn Regularizer>, Error>;

/// A row of the table of regularizers.
#[derive(Debug)]
pub struct Class {
    /// Names that configs use.
    pub names: &'static [&'static str],
    /// Reads a config.
    pub make: Make,
}

/// Keras' regularizers.
pub static REGULARIZERS: &[Class] = &[
    Class { names: &["L1", "l1"], make: make::<L1> },
    Class { names: &["L2", "l2"], make: make::<L2> },
    Class { names: &["L1L2", "l1l2"], make: make::<L1L2> },
    Class {
        names: &["OrthogonalRegularizer", "orthogonal_regularizer"],
        make: make::<OrthogonalRegularizer>,
    },
];

fn make<R: Regularizer + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn Regularizer>, Error> {
    Ok(Arc::new(config::read::<R>(config::class_of::<R>(), &config, |_, _| false)?))
}

fn spec(class: &str, config: &impl Serialize) -> Value {
    serialized("keras.regularizers", class, serde_json::to_value(config).unwrap_or_default())
}

/// A factor: a number that is not negative.
fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match f64::deserialize(deserializer)? {
        f if f.is_finite() && f >= 0.0 => Ok(f),
        f => Err(serde::de::Error::custom(format!("{f} is no factor: it must be a number not below 0"))),
    }
}

/// `l1` · Σ |w|.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct L1 {
    #[serde(deserialize_with = "factor")]
    l1: f64,
}

impl Default for L1 {
    fn default() -> Self {
        // Keras holds this factor as f32, and writes it so.
        L1::new(0.01)
    }
}

impl L1 {
    /// With this factor.
    pub fn new(l1: f64) -> Self {
        L1 { l1: f64::from(l1 as f32) }
    }
}

impl Regularizer for L1 {
    fn spec(&self) -> Value {
        spec("L1", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        weight.abs().sum(&[]) * self.l1
    }
}

/// `l2` · Σ w².
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct L2 {
    #[serde(deserialize_with = "factor")]
    l2: f64,
}

impl Default for L2 {
    fn default() -> Self {
        L2::new(0.01)
    }
}

impl L2 {
    /// With this factor.
    pub fn new(l2: f64) -> Self {
        L2 { l2 }
    }
}

impl Regularizer for L2 {
    fn spec(&self) -> Value {
        spec("L2", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        weight.square().sum(&[]) * self.l2
    }
}

/// `l1` · Σ |w| + `l2` · Σ w².
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct L1L2 {
    #[serde(deserialize_with = "factor")]
    l1: f64,
    #[serde(deserialize_with = "factor")]
    l2: f64,
}

impl L1L2 {
    /// With these factors.
    pub fn new(l1: f64, l2: f64) -> Self {
        L1L2 { l1, l2 }
    }
}

impl Regularizer for L1L2 {
    fn spec(&self) -> Value {
        spec("L1L2", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        let l1 = (self.l1 != 0.0).then(|| weight.abs().sum(&[]) * self.l1);
        let l2 = (self.l2 != 0.0).then(|| weight.square().sum(&[]) * self.l2);
        match (l1, l2) {
            (Some(a), Some(b)) => a + b,
            (a, b) => a.or(b).unwrap_or_else(|| 0.0.into_tensor()),
        }
    }
}

/// What [`OrthogonalRegularizer`] makes orthogonal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum OrthogonalMode {
    #[default]
    Rows,
    Columns,
}

/// `factor` · the mean of |cosine| between the rows (or columns) of a matrix.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct OrthogonalRegularizer {
    #[serde(deserialize_with = "factor")]
    factor: f64,
    mode: OrthogonalMode,
}

impl Default for OrthogonalRegularizer {
    fn default() -> Self {
        OrthogonalRegularizer::new(0.01, OrthogonalMode::Rows)
    }
}

impl OrthogonalRegularizer {
    /// With this factor.
    pub fn new(factor: f64, mode: OrthogonalMode) -> Self {
        OrthogonalRegularizer { factor: f64::from(factor as f32), mode }
    }
}

impl Regularizer for OrthogonalRegularizer {
    fn spec(&self) -> Value {
        spec("OrthogonalRegularizer", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        let &[rows, cols] = weight.shape().as_slice() else {
            let what = format!("OrthogonalRegularizer takes a matrix, but the shape is {:?}", weight.shape());
            fail(Error::Shape { layer: String::new(), what });
            return weight;
        };
        let (axis, size) = match self.mode {
            OrthogonalMode::Rows => (1, rows),
            OrthogonalMode::Columns => (0, cols),
        };
        let unit = normalize(weight, &[axis], 1e-7);
        let products = match self.mode {
            OrthogonalMode::Rows => unit.matmul_with(unit, false, true),
            OrthogonalMode::Columns => unit.matmul_with(unit, true, false),
        };
        // The diagonal is the squares of the vectors' lengths.
        let sum = products.abs().sum(&[]) - unit.square().sum(&[]);
        let pairs = size as f64 * (size as f64 - 1.0) / 2.0;
        sum * (0.5 * self.factor / pairs)
    }
}

/// Vectors along an axis divided by their length, as `keras.ops.normalize` does: those shorter than `epsilon` are divided by that.
pub(crate) fn normalize(x: Tensor, axes: &[isize], epsilon: f64) -> Tensor {
    x / x.square().sum_keep(axes).maximum(epsilon * epsilon).sqrt()
}

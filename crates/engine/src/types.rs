//! Element types, shapes, and what a tensor is.

mod axes;
mod integer;
mod policy;
mod quantized;

use std::fmt;

pub use axes::Axes;
pub(crate) use axes::axis;
pub use integer::{EXACT, Integer};
pub use policy::{Policy, dtype_policy, set_dtype_policy};
pub use quantized::Quantized;
pub use rhyton_kernels::narrow::Half;

/// Element types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum DType {
    /// Floats.
    #[default]
    F32,
    /// Floats of 16 bits, which tensors hold as f32: every result is rounded to one.
    Half(Half),
    /// Whole numbers of a Keras type, which tensors hold as f32.
    Whole(Integer),
    /// Words of data on their way in: integer inputs before the model's door, class numbers.
    I32,
    /// The same without a sign.
    U32,
    /// Strings, which are on the host alone: see [`crate::host`].
    Text,
}

impl DType {
    /// Keras' name.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::Half(half) => half.name(),
            DType::Whole(integer) => integer.name(),
            DType::I32 => "int32",
            DType::U32 => "uint32",
            DType::Text => "string",
        }
    }

    /// Returns whether it is held as f32.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::Half(_) | DType::Whole(_))
    }

    /// Returns the float type of 16 bits, if it is one.
    pub fn half(self) -> Option<Half> {
        if let DType::Half(half) = self { Some(half) } else { None }
    }

    /// Returns the type that a batch of it has before the model's door.
    pub fn fed(self) -> DType {
        match self {
            DType::Whole(_) => DType::I32,
            DType::Half(_) => DType::F32,
            other => other,
        }
    }

    /// How kernels see it.
    pub fn scalar(self) -> rhyton_kernels::program::Scalar {
        use rhyton_kernels::program::Scalar;
        match self {
            DType::F32 | DType::Half(_) | DType::Whole(_) => Scalar::F32,
            DType::I32 => Scalar::I32,
            // Strings never come to a kernel.
            DType::U32 | DType::Text => Scalar::U32,
        }
    }
}

/// Type and shape of a tensor in a graph of ops: every axis is known.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
}

/// Number of elements of a shape; the largest number where there is none for it.
pub(crate) fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, size| n.saturating_mul(*size))
}

impl TensorType {
    /// An f32 tensor.
    pub fn f32(shape: impl Into<Vec<usize>>) -> Self {
        TensorType { dtype: DType::F32, shape: shape.into() }
    }

    /// Number of elements; the largest number where a file asks for more than any machine has.
    pub fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Itself, unless it has more bytes than a machine can address: shapes may come from files.
    ///
    /// # Errors
    /// Says so.
    pub(crate) fn addressable(self) -> Result<Self, String> {
        let bytes = self.shape.iter().try_fold(4_usize, |bytes, n| bytes.checked_mul(*n));
        match bytes.filter(|b| isize::try_from(*b).is_ok()) {
            Some(_) => Ok(self),
            None => Err(format!("a tensor of shape {:?} has more elements than can be", self.shape)),
        }
    }
}

impl fmt::Debug for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype.name(), self.shape)
    }
}

/// Returns an axis counted from the front; negative ones count from the end. `None` where a tensor of this rank has no such axis.
pub(crate) fn axis_index(axis: isize, rank: usize) -> Option<usize> {
    let index = if axis < 0 { rank.checked_add_signed(axis) } else { usize::try_from(axis).ok() };
    index.filter(|i| *i < rank)
}

/// The shape that two shapes broadcast to (NumPy's rule), or `None`.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let axis = |s: &[usize], i: usize| if i + s.len() >= rank { s[i + s.len() - rank] } else { 1 };
    (0..rank)
        .map(|i| match (axis(a, i), axis(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// A shape of a symbolic tensor: `None` for an axis that data decides, as Keras prints it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<Option<usize>>);

impl Shape {
    /// The length of an axis that must be known; negative axes count from the end.
    ///
    /// # Errors
    /// There is no such axis, or it is `None`.
    pub fn known(&self, axis: isize) -> Result<usize, crate::Error> {
        axis_index(axis, self.0.len()).and_then(|i| self.0[i]).ok_or_else(|| crate::Error::Shape {
            layer: String::new(),
            what: format!("axis {axis} of the input shape {self} must be known"),
        })
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The shape with each unknown axis given by `f`.
    pub fn concrete(&self, mut f: impl FnMut() -> usize) -> Vec<usize> {
        self.0.iter().map(|d| d.unwrap_or_else(&mut f)).collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, d) in self.0.iter().enumerate() {
            let sep = if i == 0 { "" } else { ", " };
            match d {
                Some(d) => write!(f, "{sep}{d}")?,
                None => write!(f, "{sep}None")?,
            }
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

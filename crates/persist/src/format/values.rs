//! Values of variables: checks, conversions of element types, scalars.

use std::sync::Arc;

use half::{bf16, f16};

use crate::Error;
use crate::tree::{ANY_SHAPE, ByteSource, Bytes, DType, Variable};

/// Gives a variable of a skeleton the value that was found for it, or says what differs.
///
/// Numbers of another width are converted when read; floats never become integers.
pub(crate) fn assign(wanted: &mut Variable, found: Variable, place: &str) -> Result<(), String> {
    if wanted.shape == ANY_SHAPE {
        (wanted.shape, wanted.dtype) = (found.shape.clone(), found.dtype);
    }
    if wanted.shape != found.shape {
        return Err(format!(
            "{place}: the file has the shape {:?}, the model's `{}` has {:?}",
            found.shape, wanted.name, wanted.shape
        ));
    }
    let value = found.value.and_then(|v| convert(v, found.dtype, wanted.dtype));
    let Some(value) = value else {
        return Err(format!(
            "{place}: the file has {}, the model's `{}` has {}",
            found.dtype.name(),
            wanted.name,
            wanted.dtype.name()
        ));
    };
    wanted.value = Some(value);
    Ok(())
}

/// The same numbers in another element type; `None` where that is not done.
pub(crate) fn convert(value: Bytes, from: DType, to: DType) -> Option<Bytes> {
    if from == to {
        return Some(value);
    }
    let possible = to.is_float() && from != DType::Bool
        || !from.is_float() && (from != DType::Bool && to != DType::Bool);
    possible.then(|| -> Bytes { Arc::new(Converted { value, from, to }) })
}

/// A variable in float32 where it is of a narrower type.
pub(crate) fn widened(variable: Variable, narrow: DType) -> Variable {
    if variable.dtype != narrow {
        return variable;
    }
    let value = variable.value.clone().and_then(|value| convert(value, narrow, DType::F32));
    Variable { dtype: DType::F32, value, ..variable }
}

struct Converted {
    value: Bytes,
    from: DType,
    to: DType,
}

impl ByteSource for Converted {
    fn len(&self) -> u64 {
        let elements = self.value.len().checked_div(self.from.size() as u64).unwrap_or(0);
        elements.saturating_mul(self.to.size() as u64)
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.value.read()?;
        let mut out = Vec::with_capacity(bytes.len() / self.from.size() * self.to.size());
        for element in bytes.chunks_exact(self.from.size()) {
            let ok = match number(self.from, element) {
                Number::Float(x) => push_float(self.to, x, &mut out),
                Number::Int(x) if self.to.is_float() => push_float(self.to, x as f64, &mut out),
                Number::Int(x) => push_int(self.to, x, &mut out),
            };
            if !ok {
                return Err(Error::Usage {
                    what: format!("a value of {} does not fit {}", self.from.name(), self.to.name()),
                    advice: "give the variable the element type of the file".into(),
                });
            }
        }
        Ok(out)
    }
}

enum Number {
    Float(f64),
    // Holds every 64-bit integer, signed or not.
    Int(i128),
}

fn number(dtype: DType, bytes: &[u8]) -> Number {
    fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
        out
    }
    match dtype {
        DType::F16 => Number::Float(f16::from_le_bytes(array(bytes)).to_f64()),
        DType::BF16 => Number::Float(bf16::from_le_bytes(array(bytes)).to_f64()),
        DType::F32 => Number::Float(f32::from_le_bytes(array(bytes)).into()),
        DType::F64 => Number::Float(f64::from_le_bytes(array(bytes))),
        DType::I8 => Number::Int(i8::from_le_bytes(array(bytes)).into()),
        DType::I16 => Number::Int(i16::from_le_bytes(array(bytes)).into()),
        DType::I32 => Number::Int(i32::from_le_bytes(array(bytes)).into()),
        DType::I64 => Number::Int(i64::from_le_bytes(array(bytes)).into()),
        DType::U8 | DType::Bool => Number::Int(u8::from_le_bytes(array(bytes)).into()),
        DType::U16 => Number::Int(u16::from_le_bytes(array(bytes)).into()),
        DType::U32 => Number::Int(u32::from_le_bytes(array(bytes)).into()),
        DType::U64 => Number::Int(u64::from_le_bytes(array(bytes)).into()),
    }
}

// The one place where numbers are rounded: to the nearest, as Keras' own casts do.
#[allow(clippy::cast_possible_truncation)]
fn push_float(to: DType, x: f64, out: &mut Vec<u8>) -> bool {
    match to {
        DType::F16 => out.extend(f16::from_f64(x).to_le_bytes()),
        DType::BF16 => out.extend(bf16::from_f64(x).to_le_bytes()),
        DType::F32 => out.extend((x as f32).to_le_bytes()),
        DType::F64 => out.extend(x.to_le_bytes()),
        _ => return false,
    }
    true
}

fn push_int(to: DType, x: i128, out: &mut Vec<u8>) -> bool {
    macro_rules! push {
        ($t:ty) => {
            <$t>::try_from(x).map(|v| out.extend(v.to_le_bytes())).is_ok()
        };
    }
    match to {
        DType::I8 => push!(i8),
        DType::I16 => push!(i16),
        DType::I32 => push!(i32),
        DType::I64 => push!(i64),
        DType::U8 => push!(u8),
        DType::U16 => push!(u16),
        DType::U32 => push!(u32),
        DType::U64 => push!(u64),
        _ => false,
    }
}

/// The number in a scalar variable.
pub(crate) fn scalar(variable: &Variable) -> Result<Option<f64>, Error> {
    let (Some(value), true) = (&variable.value, variable.shape.iter().product::<usize>() == 1) else {
        return Ok(None);
    };
    let bytes = value.read()?;
    Ok(match number(variable.dtype, &bytes) {
        Number::Float(x) => Some(x),
        Number::Int(x) => Some(x as f64),
    })
}

/// The whole number in a scalar variable.
pub(crate) fn scalar_int(variable: &Variable) -> Result<Option<i64>, Error> {
    let (Some(value), true) = (&variable.value, variable.shape.iter().product::<usize>() == 1) else {
        return Ok(None);
    };
    let bytes = value.read()?;
    Ok(match number(variable.dtype, &bytes) {
        Number::Int(x) => i64::try_from(x).ok(),
        // Old files count in float32. 2^53 is the last whole number without a gap.
        Number::Float(x) if x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0 =>
        {
            #[allow(clippy::cast_possible_truncation)]
            Some(x as i64)
        }
        Number::Float(_) => None,
    })
}

/// A scalar variable of int64.
pub(crate) fn int64(name: &str, value: i64) -> Variable {
    Variable {
        name: name.into(),
        trainable: false,
        dtype: DType::I64,
        shape: Vec::new(),
        value: Some(Arc::new(value.to_le_bytes().to_vec())),
    }
}

/// A scalar variable of float32.
pub(crate) fn float32(name: &str, value: f32) -> Variable {
    Variable {
        name: name.into(),
        trainable: false,
        dtype: DType::F32,
        shape: Vec::new(),
        value: Some(Arc::new(value.to_le_bytes().to_vec())),
    }
}

/// A variable of a skeleton whose shape and type the file says.
pub(crate) fn any(name: &str, trainable: bool) -> Variable {
    Variable { name: name.into(), trainable, dtype: DType::F32, shape: ANY_SHAPE.to_vec(), value: None }
}

/// Zeros of the shape and type of another variable, made when read.
pub(crate) fn zeros_like(name: &str, other: &Variable) -> Variable {
    let elements = other.shape.iter().fold(other.dtype.size(), |n, d| n.saturating_mul(*d));
    Variable { name: name.into(), trainable: false, value: Some(Arc::new(Zeros(elements))), ..other.clone() }
}

/// So many bytes of zero, made when read.
pub(crate) struct Zeros(pub(crate) usize);

impl ByteSource for Zeros {
    fn len(&self) -> u64 {
        self.0 as u64
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        Ok(vec![0; self.0])
    }
}

//! Floats of 16 bits, held as wider ones: the nearest such number, the even one of two as near (IEEE 754's default rounding).

use std::fmt;

use crate::expr::Expr;
use crate::pointwise::{ROUND_BF16, ROUND_F16};

/// A float type of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// IEEE binary16.
    F16,
    /// The upper half of an f32.
    BF16,
}

impl Half {
    /// Both of them.
    pub const ALL: [Half; 2] = [Half::F16, Half::BF16];

    /// Returns Keras' name.
    pub fn name(self) -> &'static str {
        match self {
            Half::F16 => "float16",
            Half::BF16 => "bfloat16",
        }
    }

    /// Returns the type that Keras has by this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|half| half.name() == name)
    }

    /// Returns the largest number.
    pub fn most(self) -> f64 {
        self.format().most
    }

    /// Returns the nearest of its numbers.
    pub fn nearest(self, x: f64) -> f64 {
        self.format().nearest(x)
    }

    /// Returns the expression, rounded.
    pub fn round(self, x: Expr) -> Expr {
        let func = match self {
            Half::F16 => &ROUND_F16,
            Half::BF16 => &ROUND_BF16,
        };
        match x {
            Expr::Call(known, _) if known == func => x,
            x => Expr::call(func, vec![x]),
        }
    }

    fn format(self) -> &'static Format {
        match self {
            Half::F16 => &F16,
            Half::BF16 => &BF16,
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind of float: its numbers are the multiples of 2^(exponent - mantissa) between two powers of two.
struct Format {
    /// Bits of the mantissa, without the leading one.
    mantissa: i32,
    /// Exponent of the smallest normal number.
    least: i32,
    /// Largest number.
    most: f64,
}

const F16: Format = Format { mantissa: 10, least: -14, most: 65_504.0 };
/// The largest bfloat16 is (2 - 2^-7) * 2^127.
const BF16: Format = Format { mantissa: 7, least: -126, most: 3.389_531_389_251_535_5e38 };

impl Format {
    /// Returns the nearest number of the format: the definition.
    fn nearest(&self, x: f64) -> f64 {
        if x == 0.0 || !x.is_finite() {
            return x;
        }
        // The exponent by its bits; smaller ones than the least need no care.
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let step = f64::from(exponent.max(self.least) - self.mantissa).exp2();
        let near = (x / step).round_ties_even() * step;
        if near.abs() > self.most { f64::INFINITY.copysign(x) } else { near }
    }
}

/// Rounding to floats of 16 bits.
pub trait Narrow {
    /// Returns the nearest IEEE binary16 number; infinite from 65520 on.
    fn round_f16(self) -> Self;
    /// Returns the nearest bfloat16 number.
    fn round_bf16(self) -> Self;
}

impl Narrow for f64 {
    fn round_f16(self) -> f64 {
        F16.nearest(self)
    }
    fn round_bf16(self) -> f64 {
        BF16.nearest(self)
    }
}

/// Without branches, so that loops over it are vectorized.
impl Narrow for f32 {
    #[inline(always)]
    fn round_f16(self) -> f32 {
        let bits = self.to_bits();
        let size = bits & 0x7fff_ffff;
        let near = size.wrapping_add(0x0fff + ((size >> 13) & 1)) & 0xffff_e000;
        let limited = if near > 0x477f_e000 { 0x7f80_0000 } else { near };
        // Below 2^-14 they are the multiples of 2^-24: the distance between two f32 from 0.5 to 1.
        let small = ((f32::from_bits(size) + 0.5) - 0.5).to_bits();
        let found = if size < 0x3880_0000 { small } else { limited };
        let found = if size > 0x7f80_0000 { 0x7fc0_0000 } else { found };
        f32::from_bits((bits & 0x8000_0000) | found)
    }

    #[inline(always)]
    fn round_bf16(self) -> f32 {
        let bits = self.to_bits();
        let size = bits & 0x7fff_ffff;
        let near = size.wrapping_add(0x7fff + ((size >> 16) & 1)) & 0xffff_0000;
        let found = if size > 0x7f80_0000 { 0x7fc0_0000 } else { near };
        f32::from_bits((bits & 0x8000_0000) | found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The crate `half` is another's work; every float of 32 bits in steps, and both sides of every number of 16 bits.
    #[test]
    fn both_definitions_round_as_the_crate_half() {
        let near = |bits: u16| {
            let halves = [half::f16::from_bits(bits).to_f32(), half::bf16::from_bits(bits).to_f32()];
            let next = half::f16::from_bits(bits.wrapping_add(1)).to_f32();
            let between = (halves[0] + next) / 2.0;
            [halves[0], halves[1], between, between.next_up(), between.next_down()]
        };
        let steps = (0..=u32::MAX).step_by(9_973).map(f32::from_bits);
        for x in (0..=u16::MAX).flat_map(near).chain(steps) {
            let (f16, bf16) = (half::f16::from_f32(x).to_f32(), half::bf16::from_f32(x).to_f32());
            let same = |a: f64, b: f32| a.is_nan() && b.is_nan() || a == f64::from(b);
            assert!(same(x.round_f16().into(), f16), "{x:e} as f16: {:e}, not {f16:e}", x.round_f16());
            assert!(same(f64::from(x).round_f16(), f16), "{x:e} as f16 in f64");
            assert!(same(x.round_bf16().into(), bf16), "{x:e} as bf16: {:e}, not {bf16:e}", x.round_bf16());
            assert!(same(f64::from(x).round_bf16(), bf16), "{x:e} as bf16 in f64");
        }
    }
}

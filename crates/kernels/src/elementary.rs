//! Exponential functions of f32 that a compiler can make vectors of: made of additions, products, quotients and choices, with the formulas of
//! shaders/common/exponential.wgsl. Their bits are the same on every processor. How exact they are says the pointwise table, and a test holds them to it.

use num_traits::Float;

/// Functions that num-traits lacks, or for which it calls the C library, one number at a time.
pub trait Elementary: Float {
    /// The error function.
    fn erf(self) -> Self;
    /// eˣ.
    fn exponential(self) -> Self;
    /// The hyperbolic tangent.
    fn hyperbolic_tangent(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    fn logistic(self) -> Self;
    /// 1 - erf(x).
    fn erfc(self) -> Self;
    /// The inverse of the error function.
    fn erfinv(self) -> Self;
    /// The inverse hyperbolic sine.
    fn area_sine(self) -> Self;
    /// The inverse hyperbolic cosine.
    fn area_cosine(self) -> Self;
    /// The inverse hyperbolic tangent.
    fn area_tangent(self) -> Self;
    /// The nearest whole number, of two the even one.
    fn nearest_whole(self) -> Self;
}

/// The inverse of the error function: Winitzki's approximation, made exact by Newton's method on what is left to 1.
fn inverse_error(x: f64) -> f64 {
    let a = x.abs();
    if a.is_nan() || a > 1.0 {
        return f64::NAN;
    }
    if a == 1.0 || a == 0.0 {
        return if a == 0.0 { x } else { f64::INFINITY.copysign(x) };
    }
    let log = ((1.0 - a) * (1.0 + a)).ln();
    let b = 2.0 / (std::f64::consts::PI * 0.147) + log / 2.0;
    let mut y = ((b * b - log / 0.147).sqrt() - b).sqrt();
    for _ in 0..4 {
        let off = if a < 0.5 { libm::erf(y) - a } else { (1.0 - a) - libm::erfc(y) };
        let step = off / (std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp());
        // Halley's: the second derivative is -2y times the first.
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

impl Elementary for f64 {
    fn erf(self) -> f64 {
        libm::erf(self)
    }

    fn exponential(self) -> f64 {
        self.exp()
    }

    fn hyperbolic_tangent(self) -> f64 {
        self.tanh()
    }

    fn logistic(self) -> f64 {
        if self >= 0.0 {
            1.0 / (1.0 + (-self).exp())
        } else {
            let e = self.exp();
            e / (1.0 + e)
        }
    }

    fn erfc(self) -> f64 {
        libm::erfc(self)
    }

    fn erfinv(self) -> f64 {
        inverse_error(self)
    }

    fn area_sine(self) -> f64 {
        libm::asinh(self)
    }

    fn area_cosine(self) -> f64 {
        // The library's is a number for some that have none.
        if self < 1.0 { f64::NAN } else { libm::acosh(self) }
    }

    fn area_tangent(self) -> f64 {
        libm::atanh(self)
    }

    fn nearest_whole(self) -> f64 {
        self.round_ties_even()
    }
}

/// 1.5 · 2²³: added to a number below 2²² and taken away again it leaves the nearest whole number, whose bits then are the last ones of the sum.
const WHOLE: f32 = 12_582_912.0;

impl Elementary for f32 {
    #[inline(always)]
    fn erf(self) -> f32 {
        libm::erff(self)
    }

    #[inline(always)]
    fn exponential(self) -> f32 {
        // Comparisons, and not `clamp`, so that NaN stays.
        let c = if self < -104.0 { -104.0 } else { self };
        let c = if c > 89.0 { 89.0 } else { c };
        let sum = c * std::f32::consts::LOG2_E + WHOLE;
        let n = sum - WHOLE;
        // log(2) in two parts, of which the first times n has no rounding error.
        let r = (c - n * 0.693_359_4) + n * 2.121_944_4e-4;
        let t = r + r
            * r
            * (0.5 + r * (0.166_665_39 + r * (0.041_666_41 + r * (0.008_367_155 + r * 0.001_394_005_6))));
        // 2ⁿ as two factors, since one of them alone may be too large or too small for a number.
        let whole = sum.to_bits().wrapping_sub(WHOLE.to_bits()).cast_signed();
        let half = whole >> 1;
        let power = |n: i32| f32::from_bits((n.wrapping_add(127).cast_unsigned()) << 23);
        (1.0 + t) * power(half) * power(whole.wrapping_sub(half))
    }

    #[inline(always)]
    fn hyperbolic_tangent(self) -> f32 {
        let (a, t) = (self.abs(), self * self);
        let near = self
            + self
                * t
                * (-0.333_333_13
                    + t * (0.133_324_37 + t * (-0.053_835_757 + t * (0.021_000_376 + t * -0.006_169_613_5))));
        let far = 1.0 - 2.0 / ((a + a).exponential() + 1.0);
        if a < 0.56 { near } else { far.copysign(self) }
    }

    #[inline(always)]
    fn logistic(self) -> f32 {
        let e = (-self.abs()).exponential();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }

    fn erfc(self) -> f32 {
        libm::erfcf(self)
    }

    fn erfinv(self) -> f32 {
        inverse_error(f64::from(self)) as f32
    }

    fn area_sine(self) -> f32 {
        libm::asinh(f64::from(self)) as f32
    }

    fn area_cosine(self) -> f32 {
        f64::from(self).area_cosine() as f32
    }

    fn area_tangent(self) -> f32 {
        libm::atanh(f64::from(self)) as f32
    }

    #[inline(always)]
    fn nearest_whole(self) -> f32 {
        self.round_ties_even()
    }
}

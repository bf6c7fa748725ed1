//! Keras' integer types. Tensors of them hold their numbers as f32: exact for all of 8 and 16 bits, and for others up to 2^24.

use std::fmt;

/// An integer type of Keras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Integer {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

/// Numbers up to this magnitude are exact as f32.
pub const EXACT: i64 = 1 << 24;

impl Integer {
    /// All of them.
    pub const ALL: [Integer; 9] = {
        use Integer::*;
        [Bool, I8, U8, I16, U16, I32, U32, I64, U64]
    };

    /// Returns Keras' name.
    pub fn name(self) -> &'static str {
        match self {
            Integer::Bool => "bool",
            Integer::I8 => "int8",
            Integer::U8 => "uint8",
            Integer::I16 => "int16",
            Integer::U16 => "uint16",
            Integer::I32 => "int32",
            Integer::U32 => "uint32",
            Integer::I64 => "int64",
            Integer::U64 => "uint64",
        }
    }

    /// Returns the type that Keras has by this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.name() == name)
    }

    /// Returns the bits of an element.
    pub fn bits(self) -> u32 {
        match self {
            Integer::Bool => 1,
            Integer::I8 | Integer::U8 => 8,
            Integer::I16 | Integer::U16 => 16,
            Integer::I32 | Integer::U32 => 32,
            Integer::I64 | Integer::U64 => 64,
        }
    }

    /// Returns whether it has negative numbers.
    pub fn is_signed(self) -> bool {
        matches!(self, Integer::I8 | Integer::I16 | Integer::I32 | Integer::I64)
    }

    /// Returns whether f32 holds all of its numbers.
    pub fn is_exact(self) -> bool {
        self.bits() <= 16
    }

    /// Returns whether it has a number.
    pub fn has(self, value: i64) -> bool {
        self.wrap(value) == value && (value >= 0 || self.is_signed())
    }

    /// Returns its smallest and its largest number, as floats.
    pub fn bounds(self) -> [f64; 2] {
        let range = 2f64.powi(self.bits() as i32);
        if self.is_signed() { [-range / 2.0, range / 2.0 - 1.0] } else { [0.0, range - 1.0] }
    }

    /// Returns a number as this type has it: cut to its bits, as a cast of integers does; truth values are 0 and 1.
    pub fn wrap(self, value: i64) -> i64 {
        match (self, self.bits()) {
            (Integer::Bool, _) => i64::from(value != 0),
            (_, 64) => value,
            (_, bits) if self.is_signed() => value << (64 - bits) >> (64 - bits),
            (_, bits) => value & ((1 << bits) - 1),
        }
    }

    /// Returns the type that Keras joins two to; `None` where that is a float.
    pub fn join(self, other: Integer) -> Option<Integer> {
        let (a, b) = if self.bits() <= other.bits() { (self, other) } else { (other, self) };
        if a == Integer::Bool
            || a == b
            || a.is_signed() == b.is_signed()
            || (b.is_signed() && a.bits() < b.bits())
        {
            return Some(b);
        }
        // One is unsigned, and the signed one has no more bits: the next signed one holds both.
        Self::ALL.into_iter().find(|i| i.is_signed() && i.bits() > b.bits())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Integer;

    /// Compares with what Keras 3.15 joins them to (`keras.backend.result_type`).
    #[test]
    fn joined_as_keras_joins_them() {
        use Integer::*;
        for (a, b, joined) in [
            (Bool, Bool, Some(Bool)),
            (Bool, U8, Some(U8)),
            (I8, U8, Some(I16)),
            (U8, I16, Some(I16)),
            (U8, I32, Some(I32)),
            (I8, U16, Some(I32)),
            (I16, U16, Some(I32)),
            (U16, U32, Some(U32)),
            (U32, I32, Some(I64)),
            (U32, I8, Some(I64)),
            (I32, I64, Some(I64)),
            (U64, I8, None),
            (U64, U8, Some(U64)),
        ] {
            assert_eq!((a.join(b), b.join(a)), (joined, joined), "{a} and {b}");
        }
    }

    #[test]
    fn cut_to_its_bits() {
        assert_eq!([300, -1, 5].map(|v| Integer::U8.wrap(v)), [44, 255, 5]);
        assert_eq!([300, -1, 200].map(|v| Integer::I8.wrap(v)), [44, -1, -56]);
        assert_eq!([300, -1, 0].map(|v| Integer::Bool.wrap(v)), [1, 1, 0]);
        assert_eq!((1 << 31 | 5_i64, -5).0, 2_147_483_653);
        assert_eq!(Integer::I32.wrap(2_147_483_653), -2_147_483_643);
        assert_eq!(Integer::I64.wrap(-1), -1);
    }
}

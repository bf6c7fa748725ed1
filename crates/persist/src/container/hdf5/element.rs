//! Element types: HDF5's to ours and back.

use hdf5_pure::{
    Datatype, DatatypeByteOrder, FloatingPointLayout, make_f32_type, make_f64_type, make_i8_type,
    make_i16_type, make_i32_type, make_i64_type, make_u8_type, make_u16_type, make_u32_type, make_u64_type,
};

use crate::tree::DType;

/// Our type for a stored one, and whether its bytes are in big-endian order.
pub(super) fn from_stored(datatype: &Datatype) -> Option<(DType, bool)> {
    match datatype {
        Datatype::FloatingPoint { size, byte_order, layout } => {
            let full = layout.bit_offset == 0 && u32::from(layout.bit_precision) == size.checked_mul(8)?;
            let dtype = match (size, layout.exponent_size, layout.mantissa_size) {
                (2, 5, 10) => DType::F16,
                (2, 8, 7) => DType::BF16,
                (4, 8, 23) => DType::F32,
                (8, 11, 52) => DType::F64,
                _ => return None,
            };
            Some((dtype, big(byte_order)?)).filter(|_| full)
        }
        Datatype::FixedPoint { size, byte_order, layout } => {
            let full = layout.bit_offset == 0 && u32::from(layout.bit_precision) == size.checked_mul(8)?;
            let dtype = match (size, layout.signed) {
                (1, true) => DType::I8,
                (2, true) => DType::I16,
                (4, true) => DType::I32,
                (8, true) => DType::I64,
                (1, false) => DType::U8,
                (2, false) => DType::U16,
                (4, false) => DType::U32,
                (8, false) => DType::U64,
                _ => return None,
            };
            Some((dtype, big(byte_order)?)).filter(|_| full)
        }
        // What h5py makes of bfloat16.
        Datatype::Opaque { size: 2, .. } => Some((DType::BF16, false)),
        // What h5py makes of booleans.
        Datatype::Enumeration { size: 1, members, .. } if members.len() == 2 => Some((DType::Bool, false)),
        _ => None,
    }
}

/// Returns whether a type is that of strings, of fixed or of variable length.
pub(super) fn is_text(datatype: &Datatype) -> bool {
    matches!(datatype, Datatype::String { .. } | Datatype::VariableLength { is_string: true, .. })
}

fn big(order: &DatatypeByteOrder) -> Option<bool> {
    match order {
        DatatypeByteOrder::LittleEndian => Some(false),
        DatatypeByteOrder::BigEndian => Some(true),
        _ => None,
    }
}

/// The stored type for one of ours.
pub(super) fn to_stored(dtype: DType) -> Datatype {
    match dtype {
        DType::F16 => Datatype::FloatingPoint {
            size: 2,
            byte_order: DatatypeByteOrder::LittleEndian,
            layout: FloatingPointLayout {
                bit_offset: 0,
                bit_precision: 16,
                exponent_location: 10,
                exponent_size: 5,
                mantissa_location: 0,
                mantissa_size: 10,
                exponent_bias: 15,
            },
        },
        DType::BF16 => Datatype::Opaque { size: 2, tag: Vec::new() },
        DType::F32 => make_f32_type(),
        DType::F64 => make_f64_type(),
        DType::I8 => make_i8_type(),
        DType::I16 => make_i16_type(),
        DType::I32 => make_i32_type(),
        DType::I64 => make_i64_type(),
        DType::U8 | DType::Bool => make_u8_type(),
        DType::U16 => make_u16_type(),
        DType::U32 => make_u32_type(),
        DType::U64 => make_u64_type(),
    }
}

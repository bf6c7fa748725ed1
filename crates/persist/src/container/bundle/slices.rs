//! Slices: where they lie in their tensor, and the keys of their entries.

use crate::container::protobuf::TensorSliceProto;

/// Start and length per axis.
pub(super) type Place = Vec<(u64, u64)>;

/// What a slice of a tensor of `shape` covers; `None` where it is no slice of it.
pub(super) fn resolve(slice: &TensorSliceProto, shape: &[u64]) -> Option<Place> {
    if slice.extent.len() != shape.len() {
        return None;
    }
    let axis = |(extent, &whole): (&crate::container::protobuf::tensor_slice_proto::Extent, &u64)| {
        let start = u64::try_from(extent.start).ok()?;
        let length = match extent.length {
            Some(length) => u64::try_from(length).ok()?,
            None if start == 0 => whole,
            None => return None,
        };
        (start.checked_add(length)? <= whole).then_some((start, length))
    };
    slice.extent.iter().zip(shape).map(axis).collect()
}

/// Copies the bytes of a slice to their place in the whole tensor. `covered` has a flag per element. `None` where an element was
/// covered before, or the lengths do not fit.
pub(super) fn place(
    whole: &mut [u8],
    covered: &mut [bool],
    shape: &[u64],
    element: usize,
    at: &Place,
    part: &[u8],
) -> Option<()> {
    let size = |n: u64| usize::try_from(n).ok();
    // The last axis is contiguous; the others are counted up.
    let (row_start, row) = match at.last() {
        Some(&(start, length)) => (size(start)?, size(length)?),
        None => (0, 1),
    };
    let outer = at.len().saturating_sub(1);
    if row == 0 || part.is_empty() {
        return Some(());
    }
    let mut index = vec![0_u64; outer];
    for bytes in part.chunks_exact(row.checked_mul(element)?) {
        let mut position = 0_usize;
        for (axis, whole) in shape.iter().enumerate() {
            let along = match (index.get(axis), at.get(axis)) {
                (Some(i), Some((start, _))) => size(start + i)?,
                _ => row_start,
            };
            position = position.checked_mul(size(*whole)?)?.checked_add(along)?;
        }
        let end = position.checked_add(row)?;
        let flags = covered.get_mut(position..end)?;
        if flags.contains(&true) {
            return None;
        }
        flags.fill(true);
        whole.get_mut(position * element..end * element)?.copy_from_slice(bytes);
        for (i, (_, length)) in index.iter_mut().zip(at).rev() {
            *i += 1;
            if *i < *length {
                break;
            }
            *i = 0;
        }
    }
    Some(())
}

/// Key of a slice's entry in TensorFlow's ordered code: zero, name, rank, start and length per axis. It starts with a zero byte, so these
/// entries come right after the header.
pub(super) fn key(name: &str, slice: &TensorSliceProto) -> Vec<u8> {
    let mut key = vec![0];
    for &byte in name.as_bytes() {
        match byte {
            0 => key.extend([0, 0xff]),
            0xff => key.extend([0xff, 0]),
            other => key.push(other),
        }
    }
    key.extend([0, 1]);
    put_number(&mut key, slice.extent.len() as u64);
    for extent in &slice.extent {
        put_signed(&mut key, extent.start);
        // A whole axis is written as length -1.
        put_signed(&mut key, extent.length.unwrap_or(-1));
    }
    key
}

/// Number of bytes, then the bytes, the highest first, without leading zeros.
fn put_number(out: &mut Vec<u8>, n: u64) {
    let bytes = n.to_be_bytes();
    let used = bytes.len() - bytes.iter().take_while(|&&b| b == 0).count();
    out.push(used as u8);
    out.extend(bytes.iter().skip(bytes.len() - used));
}

/// Length in the leading bits, then the number, so that the bytes are ordered as the numbers are.
fn put_signed(out: &mut Vec<u8>, value: i64) {
    let magnitude = if value < 0 { !value } else { value };
    let bytes_needed = (1..10_u32).find(|n| magnitude < 1 << (7 * n - 1)).unwrap_or(10);
    let wide = i128::from(value).to_be_bytes();
    let start = out.len();
    out.extend(wide.iter().skip(wide.len() - bytes_needed as usize));
    // `bytes_needed` ones from the top; ten bytes need two bits of the second byte.
    let header: u16 = 0xffff_u16.checked_shl(16 - bytes_needed).unwrap_or(0);
    for (byte, mask) in out.iter_mut().skip(start).zip(header.to_be_bytes()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::protobuf::tensor_slice_proto::Extent;

    #[test]
    fn signed_numbers_as_tensorflow_writes_them() {
        // formats/tf-checkpoint.md, seen in TensorFlow's files.
        for (value, want) in [
            (0, &[0x80][..]),
            (63, &[0xbf]),
            (-1, &[0x7f]),
            (64, &[0xc0, 0x40]),
            (8191, &[0xdf, 0xff]),
            (8192, &[0xe0, 0x20, 0]),
            (1_048_576, &[0xf0, 0x10, 0, 0]),
        ] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(out, want, "{value}");
        }
        // Ordered bytes for ordered numbers, over all lengths.
        let mut numbers: Vec<i64> =
            (0..63).flat_map(|b| [1 << b, (1 << b) - 1, -(1 << b), -(1 << b) - 1]).collect();
        numbers.extend([i64::MAX, i64::MIN]);
        numbers.sort_unstable();
        numbers.dedup();
        let codes: Vec<Vec<u8>> = numbers
            .iter()
            .map(|&n| {
                let mut out = Vec::new();
                put_signed(&mut out, n);
                out
            })
            .collect();
        assert!(codes.is_sorted() && codes.windows(2).all(|w| w[0] != w[1]));
    }

    #[test]
    fn key_of_a_slice() {
        let extent = vec![Extent { start: 0, length: Some(3) }, Extent { start: 0, length: None }];
        let want = b"\0a\0\xff\0\x01\x01\x02\x80\x83\x80\x7f";
        assert_eq!(key("a\0", &TensorSliceProto { extent }), want);
    }

    #[test]
    fn slices_in_two_dimensions() {
        let (mut whole, mut covered) = (vec![0; 12], vec![false; 12]);
        let shape = [3, 4];
        for (at, part) in [
            (vec![(0, 3), (0, 1)], &[0, 4, 8][..]),
            (vec![(0, 2), (1, 3)], &[1, 2, 3, 5, 6, 7]),
            (vec![(2, 1), (1, 3)], &[9, 10, 11]),
        ] {
            place(&mut whole, &mut covered, &shape, 1, &at, part).unwrap();
        }
        assert_eq!(whole, (0..12).collect::<Vec<u8>>());
        assert!(place(&mut whole, &mut covered, &shape, 1, &vec![(2, 1), (3, 1)], &[0]).is_none());
    }
}

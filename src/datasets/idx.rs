//! IDX arrays of unsigned bytes, as MNIST uses: two zero bytes, the type 8, the number of axes, their
//! big-endian 32-bit lengths, and the elements, last axis fastest.

/// An array of `RANK` axes at the beginning of some bytes.
#[derive(Debug)]
pub(super) struct Idx<'a, const RANK: usize> {
    pub shape: [usize; RANK],
    /// The elements, as many as the shape says.
    pub data: &'a [u8],
    /// What follows the array.
    pub rest: &'a [u8],
}

/// Splits the first array off `bytes`.
///
/// # Errors
/// What was found and what was expected instead.
pub(super) fn split<const RANK: usize>(bytes: &[u8]) -> Result<Idx<'_, RANK>, (String, String)> {
    let expected = || format!("0, 0, 8 (unsigned bytes), {RANK} (axes)");
    let (magic, mut rest) =
        bytes.split_first_chunk::<4>().ok_or_else(|| (format!("{} bytes", bytes.len()), expected()))?;
    if magic[..3] != [0, 0, 8] || usize::from(magic[3]) != RANK {
        let [a, b, c, d] = magic;
        return Err((format!("{a}, {b}, {c}, {d}"), expected()));
    }
    let mut shape = [0; RANK];
    for len in &mut shape {
        let (number, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| (format!("{} bytes", bytes.len()), format!("the lengths of {RANK} axes")))?;
        *len = usize::try_from(u32::from_be_bytes(*number)).map_err(|_| {
            (format!("an axis of length {}", u32::from_be_bytes(*number)), "a smaller one".into())
        })?;
        rest = after;
    }
    let size = shape.iter().try_fold(1_usize, |size, &len| size.checked_mul(len));
    match size.and_then(|size| rest.split_at_checked(size)) {
        Some((data, rest)) => Ok(Idx { shape, data, rest }),
        None => Err((format!("{} bytes of data", rest.len()), format!("those of shape {shape:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn arrays_may_follow_each_other() {
        let bytes = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9, 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3];
        let first = split::<1>(&bytes).unwrap();
        assert_eq!((first.shape, first.data), ([2], &[7, 9][..]));
        let second = split::<2>(first.rest).unwrap();
        assert_eq!((second.shape, second.data, second.rest.len()), ([1, 3], &[1, 2, 3][..], 0));
    }

    #[test]
    fn damaged_arrays_are_errors() {
        let good = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
        for cut in 0..good.len() {
            assert!(split::<1>(&good[..cut]).is_err(), "cut at {cut}");
        }
        assert!(split::<3>(&good).is_err(), "another number of axes");
        assert!(split::<1>(&[0, 0, 13, 1, 0, 0, 0, 0]).is_err(), "floats");
        let huge = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(split::<3>(&huge).is_err(), "more elements than addresses");
    }
}

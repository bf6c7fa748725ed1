//! How an operand that broadcasts is indexed by its result's index.

use rhyton_kernels::program::IndexMap;

/// The index map of an operand of this shape in a result of that shape (they broadcast), with its uniform words.
pub(super) fn index_map(operand: &[usize], result: &[usize]) -> (IndexMap, Vec<u32>) {
    let count: usize = operand.iter().product();
    if count == result.iter().product::<usize>() {
        return (IndexMap::Same, vec![]);
    }
    if count == 1 {
        return (IndexMap::Scalar, vec![]);
    }
    let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // Axes as runs that repeat or that do not, first to last.
    let lead = result.len() - operand.len();
    let mut runs: Vec<(bool, usize)> = Vec::new();
    for (i, &len) in result.iter().enumerate().filter(|(_, len)| **len != 1) {
        let repeats = i < lead || operand[i - lead] == 1;
        match runs.last_mut() {
            Some((r, n)) if *r == repeats => *n *= len,
            _ => runs.push((repeats, len)),
        }
    }
    match runs.as_slice() {
        [(true, _), (false, kept)] => (IndexMap::Tail, vec![word(*kept)]),
        [(false, _), (true, repeated)] => (IndexMap::Head, vec![word(*repeated)]),
        runs => {
            let (mut words, mut stride) = (Vec::new(), 1);
            for (repeats, len) in runs.iter().rev() {
                words.extend([word(*len), if *repeats { 0 } else { word(stride) }]);
                stride *= if *repeats { 1 } else { *len };
            }
            (IndexMap::Strided(u8::try_from(runs.len()).unwrap_or(u8::MAX)), words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of shapes here, index by index, against the definition of broadcasting.
    #[test]
    fn maps_follow_the_definition() {
        let cases: &[(&[usize], &[usize])] = &[
            (&[3, 4], &[3, 4]),
            (&[4], &[3, 4]),
            (&[3, 1], &[3, 4]),
            (&[], &[2, 2]),
            (&[1, 3, 1], &[2, 3, 4]),
            (&[2, 1, 4], &[2, 3, 4]),
            (&[3, 1, 1, 2], &[5, 3, 4, 1, 2]),
        ];
        for (operand, result) in cases {
            let (map, words) = index_map(operand, result);
            assert_eq!(words.len(), map.words());
            for i in 0..result.iter().product() {
                let (mut rest, mut want, mut stride) = (i, 0, 1);
                for axis in (0..result.len()).rev() {
                    let position = rest % result[axis];
                    rest /= result[axis];
                    if let Some(a) = (axis + operand.len()).checked_sub(result.len()) {
                        want += if operand[a] == 1 { 0 } else { position * stride };
                        stride *= operand[a];
                    }
                }
                assert_eq!(map.at(i, &words), want, "{operand:?} in {result:?} at {i}");
            }
        }
    }
}

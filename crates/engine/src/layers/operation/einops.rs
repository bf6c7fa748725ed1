//! Operations of `keras.ops.einops`.

use super::Made;
use super::args::Args;

operations! {
    /// Keras' module `einops`.
    EINOPS "keras.src.ops.einops" {
        Rearrange("tensor", "pattern") Keeps, rearrange;
    }
}

/// The axes of a side of a pattern: each a name, or several that are one axis.
fn axes(text: &str) -> Option<Vec<Vec<&str>>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('(') {
            let (group, after) = inner.split_once(')')?;
            found.push(group.split_whitespace().collect());
            rest = after.trim_start();
        } else {
            let end = rest.find([' ', '(']).unwrap_or(rest.len());
            found.push(vec![&rest[..end]]);
            rest = rest[end..].trim_start();
        }
    }
    Some(found)
}

/// Axes in another order, joined and taken apart, as a pattern names them: `"b h w c -> b (h w) c"`.
fn rearrange(a: &Args<'_>) -> Made {
    let (x, pattern) = (a.tensor("tensor")?, a.word("pattern", "")?);
    let wrong = || a.wrong(format!("pattern = {pattern:?} of a tensor of shape {:?}", x.shape()));
    let sides = pattern.split_once("->").and_then(|(from, to)| Some((axes(from)?, axes(to)?)));
    let (from, to) = sides.ok_or_else(wrong)?;
    // A group on the left needs the lengths of its axes, which the call has under their names.
    let names: Option<Vec<&str>> =
        from.iter().map(|g| if let [one] = g.as_slice() { Some(*one) } else { None }).collect();
    let names = names.filter(|names| names.len() == x.rank()).ok_or_else(wrong)?;
    let all: Vec<&str> = to.iter().flatten().copied().collect();
    let order: Option<Vec<usize>> = all.iter().map(|name| names.iter().position(|n| n == name)).collect();
    let order = order.filter(|order| order.len() == names.len()).ok_or_else(wrong)?;
    let shape = x.shape();
    let length = |name: &&str| names.iter().position(|n| n == name).map_or(1, |axis| shape[axis]);
    let lengths: Vec<usize> = to.iter().map(|group| group.iter().map(length).product()).collect();
    Ok(vec![x.transpose(&order).reshape(lengths)])
}

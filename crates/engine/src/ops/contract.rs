//! Products of tensors whose axes have letters, as in Einstein's notation: sums over those that nobody keeps.

use crate::graph::Tensor;

/// A tensor with a letter for each axis.
#[derive(Clone, Debug)]
pub(crate) struct Lettered {
    pub(crate) tensor: Tensor,
    pub(crate) axes: Vec<char>,
}

/// Returns a tensor with its axes in another order; itself where it is the same.
fn turned(x: Tensor, order: &[usize]) -> Tensor {
    if order.iter().copied().eq(0..order.len()) { x } else { x.transpose(order) }
}

impl Lettered {
    pub(crate) fn new(tensor: Tensor, axes: Vec<char>) -> Self {
        Lettered { tensor, axes }
    }

    /// Returns where a letter is.
    fn place(&self, letter: char) -> usize {
        self.axes.iter().position(|c| *c == letter).unwrap_or(0)
    }

    fn length(&self, letter: char) -> usize {
        self.tensor.shape().get(self.place(letter)).copied().unwrap_or(1)
    }

    fn count(&self, letters: &[char]) -> usize {
        letters.iter().map(|c| self.length(*c)).product()
    }

    /// Returns it with its axes in this order; letters that it has not are axes of length 1.
    pub(crate) fn ordered(&self, letters: &[char]) -> Tensor {
        let own: Vec<usize> =
            letters.iter().filter(|c| self.axes.contains(c)).map(|c| self.place(*c)).collect();
        let lengths: Vec<usize> =
            letters.iter().map(|c| if self.axes.contains(c) { self.length(*c) } else { 1 }).collect();
        turned(self.tensor, &own).reshape(lengths)
    }

    /// Sums over the axes that are not among these letters.
    fn summed(self, keep: &[char]) -> Self {
        let gone: Vec<isize> = self
            .axes
            .iter()
            .enumerate()
            .filter(|(_, c)| !keep.contains(c))
            .map(|(i, _)| i as isize)
            .collect();
        if gone.is_empty() {
            return self;
        }
        let axes = self.axes.iter().copied().filter(|c| keep.contains(c)).collect();
        Lettered { tensor: self.tensor.sum(&gone), axes }
    }

    /// Drops axes of length 1 that are longer in another one: they broadcast.
    fn without_ones(self, other: &Lettered) -> Self {
        let stays = |c: &char| self.length(*c) != 1 || !other.axes.contains(c) || other.length(*c) == 1;
        let axes: Vec<char> = self.axes.iter().copied().filter(stays).collect();
        let lengths: Vec<usize> = axes.iter().map(|c| self.length(*c)).collect();
        Lettered { tensor: self.tensor.reshape(lengths), axes }
    }

    /// The product of two, summed over the letters that are not to be kept.
    pub(crate) fn product(self, other: Lettered, keep: &[char]) -> Lettered {
        let needed = |one: &Lettered| [keep, one.axes.as_slice()].concat();
        let (of_x, of_y) = (needed(&other), needed(&self));
        let (x, y) = (self.summed(&of_x), other.summed(&of_y));
        let (x, y) = (x.clone().without_ones(&y), y.clone().without_ones(&x));
        let letters = |axes: &[char], in_other: &[char], kept: bool, shared: bool| -> Vec<char> {
            let fits = |c: &&char| in_other.contains(c) == shared && keep.contains(c) == kept;
            axes.iter().filter(fits).copied().collect()
        };
        let both = letters(&x.axes, &y.axes, true, true);
        let summed = letters(&x.axes, &y.axes, false, true);
        let rows = letters(&x.axes, &y.axes, true, false);
        let columns = letters(&y.axes, &x.axes, true, false);
        // Letters that a product of axes of length 1 left in one of them alone.
        let (x, y) = (
            x.summed(&[both.as_slice(), &summed, &rows].concat()),
            y.summed(&[both.as_slice(), &summed, &columns].concat()),
        );
        let (b, k, m, n) = (x.count(&both), x.count(&summed), x.count(&rows), y.count(&columns));
        let lengths: Vec<usize> = both
            .iter()
            .chain(&rows)
            .map(|c| x.length(*c))
            .chain(columns.iter().map(|c| y.length(*c)))
            .collect();
        let left = x.ordered(&[both.as_slice(), &rows, &summed].concat());
        let right = y.ordered(&[both.as_slice(), &summed, &columns].concat());
        let made = if summed.is_empty() {
            left.reshape([b, m, 1]) * right.reshape([b, 1, n])
        } else if both.is_empty() {
            left.reshape([m, k]).matmul(right.reshape([k, n]))
        } else {
            left.reshape([b, m, k]).batch_matmul(right.reshape([b, k, n]), false, false)
        };
        Lettered { tensor: made.reshape(lengths), axes: [both, rows, columns].concat() }
    }
}

/// The product of several, with the axes of the result in this order. What occurs twice in one is its diagonal.
pub(crate) fn contract(operands: Vec<Lettered>, output: &[char]) -> Tensor {
    let mut rest: Vec<Lettered> = operands.into_iter().map(diagonals).collect();
    if rest.is_empty() {
        return Tensor::full(&[], 1.0);
    }
    let mut made = rest.remove(0);
    while !rest.is_empty() {
        let next = rest.remove(0);
        let keep: Vec<char> =
            output.iter().copied().chain(rest.iter().flat_map(|r| r.axes.clone())).collect();
        made = made.product(next, &keep);
    }
    made.summed(output).ordered(output)
}

/// Takes the diagonal where a letter occurs twice.
fn diagonals(x: Lettered) -> Lettered {
    let twice = x.axes.iter().enumerate().find_map(|(i, c)| {
        let j = x.axes[i + 1..].iter().position(|d| d == c)? + i + 1;
        Some((i, j))
    });
    let Some((i, j)) = twice else { return x };
    let (shape, letter) = (x.tensor.shape(), x.axes[i]);
    let length = shape[i].min(shape[j]);
    let order: Vec<usize> = (0..shape.len()).filter(|axis| *axis != i && *axis != j).chain([i, j]).collect();
    let lead: Vec<usize> = order[..order.len() - 2].iter().map(|axis| shape[*axis]).collect();
    let last = lead.len();
    let flat = turned(x.tensor, &order).reshape([lead.as_slice(), &[shape[i] * shape[j]]].concat());
    let step = shape[j] + 1;
    let flat = flat.pad(last, 0, (length * step).saturating_sub(shape[i] * shape[j]));
    let flat = flat.slice(last, 0, length * step);
    let table = flat.reshape([lead.as_slice(), &[length, step]].concat()).slice(last + 1, 0, 1);
    let axes: Vec<char> = order[..last].iter().map(|axis| x.axes[*axis]).chain([letter]).collect();
    diagonals(Lettered { tensor: table.reshape([lead.as_slice(), &[length]].concat()), axes })
}

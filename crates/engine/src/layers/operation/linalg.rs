//! Operations of `keras.ops.linalg`: norms, and what elimination gives for matrices that are not large.

use super::Made;
use super::args::Args;
use super::products::matmul_of;
use super::reduce;
use super::shape::{band, of_diagonal};
use crate::Error;
use crate::graph::Tensor;

operations! {
    /// Keras' module `linalg`.
    LINALG "keras.src.ops.linalg" {
        Cholesky("x") Floats, cholesky;
        CholeskyInverse("x") Floats, cholesky_inverse;
        Det("x") Floats, |a| Ok(vec![determinant(a)?]);
        Inv("x") Floats, inverse;
        Norm("x") Floats, reduce::norm;
        Solve("a", "b") Floats, solve;
        SolveTriangular("a", "b") Floats, solve_triangular;
    }
}

/// Rows of a matrix, of which each is a step of the graph.
const MOST: usize = 32;

/// Returns the matrices of an argument, and how many rows they have.
fn square(a: &Args<'_>, name: &str) -> Result<(Tensor, usize), Error> {
    let x = a.tensor(name)?;
    let shape = x.shape();
    match shape.as_slice() {
        [.., n, m] if n == m && (1..=MOST).contains(n) => Ok((x, *n)),
        [.., n, m] if n == m => Err(a.wrong(format!("matrices of {n} rows, of which {MOST} are at most,"))),
        _ => Err(a.wrong(format!("a tensor of shape {shape:?}"))),
    }
}

fn identity(n: usize) -> Tensor {
    band(n, n, |d| d.equal(0.0))
}

/// Part of the second last axis, or of the last.
fn part(x: Tensor, back: usize, start: usize, len: usize) -> Tensor {
    x.slice(x.rank() - back, start, len)
}

/// Gauss and Jordan's elimination with the largest element of each column: what the right sides become, the product of the pivots and the sign of the
/// order of the rows.
pub(super) fn eliminated(matrix: Tensor, right: Tensor, n: usize) -> (Tensor, Vec<Tensor>, Tensor) {
    let last = matrix.rank() - 1;
    let mut rows = Tensor::concat(&[matrix, right], last);
    let width = rows.shape()[last];
    let numbers = crate::ops::count_up(n);
    let (mut pivots, mut sign) = (Vec::new(), Tensor::full(&[], 1.0));
    for k in 0..n {
        // The largest of what is below.
        let column = part(rows, 1, k, 1);
        let column = column.reshape(column.shape()[..last].to_vec());
        let below = Tensor::full(&[], k as f64).less_equal(numbers);
        let best = below.select(column.stop_gradient().abs(), -1.0).argmax().expand_last();
        let chosen = numbers.equal(best);
        let own = numbers.equal(k as f64);
        sign = sign * best.equal(k as f64).select(1.0, -1.0);
        // Both rows change places.
        let of = |mask: Tensor| (rows * mask.expand_last()).sum_keep(&[last as isize - 1]);
        let (first, second) = (part(rows, 2, k, 1), of(chosen));
        rows = own.expand_last().select(second, chosen.expand_last().select(first, rows));
        let pivot = part(part(rows, 2, k, 1), 1, k, 1);
        pivots.push(pivot);
        let row = part(rows, 2, k, 1) / pivot;
        let factors = own.expand_last().select(0.0, part(rows, 1, k, 1));
        rows = own.expand_last().select(row, rows - factors * row);
    }
    (part(rows, 1, n, width - n), pivots, sign)
}

/// The determinants; with a logarithm of its size first, and its sign.
fn determinant(a: &Args<'_>) -> Result<Tensor, Error> {
    let (x, n) = square(a, "x")?;
    let (_, pivots, sign) = eliminated(x, part(x, 1, 0, 0), n);
    let shape = x.shape();
    let one = |y: Tensor| y.reshape(shape[..shape.len() - 2].to_vec());
    let product = pivots.into_iter().map(one).reduce(|p, q| p * q).unwrap_or(x);
    Ok(product * one(sign))
}

/// The logarithm of a determinant, which must be positive.
pub(super) fn logdet(a: &Args<'_>) -> Made {
    let (x, n) = square(a, "x")?;
    let (_, pivots, _) = eliminated(x, part(x, 1, 0, 0), n);
    let shape = x.shape();
    let one = |y: &Tensor| y.abs().log().reshape(shape[..shape.len() - 2].to_vec());
    Ok(vec![pivots.iter().map(one).reduce(|p, q| p + q).unwrap_or(x)])
}

/// The sign of a determinant, and the logarithm of its size.
pub(super) fn slogdet(a: &Args<'_>) -> Made {
    let size = logdet(a)?;
    Ok(vec![determinant(a)?.sign(), size[0]])
}

/// The matrices the other way round, where TensorFlow's function is told so.
fn adjoint(a: &Args<'_>, x: Tensor) -> Tensor {
    if a.tensorflow && a.flag("adjoint", false) { transposed(x) } else { x }
}

fn inverse(a: &Args<'_>) -> Made {
    let (x, n) = square(a, "x")?;
    let (shape, x) = (x.shape(), adjoint(a, x));
    Ok(vec![eliminated(x, identity(n).broadcast_to(&shape), n).0])
}

fn solve(a: &Args<'_>) -> Made {
    let ((x, n), b) = (square(a, "a")?, a.tensor("b")?);
    let x = adjoint(a, x);
    // A right side with an axis less is a vector.
    let vector = b.rank() + 1 == x.rank();
    let right = if vector { b.expand_last() } else { b };
    if right.rank() != x.rank() {
        return Err(a.wrong(format!("b of shape {:?} with a of shape {:?}", b.shape(), x.shape())));
    }
    let y = eliminated(x, right, n).0;
    Ok(vec![if vector { y.reshape(b.shape()) } else { y }])
}

/// The triangle whose product with its transpose is a matrix.
fn triangle(x: Tensor, n: usize) -> Tensor {
    let last = x.rank() - 1;
    let numbers = crate::ops::count_up(n);
    let mut columns: Vec<Tensor> = Vec::new();
    for k in 0..n {
        // What the columns before have of this one.
        let mut column = part(x, 1, k, 1);
        for before in &columns {
            column = column - *before * part(*before, 2, k, 1);
        }
        let diagonal = part(column, 2, k, 1).sqrt();
        let below = Tensor::full(&[], k as f64).less_equal(numbers).reshape([n, 1]);
        columns.push(below.select(column / diagonal, 0.0));
    }
    Tensor::concat(&columns, last)
}

fn transposed(x: Tensor) -> Tensor {
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(x.rank() - 1, x.rank() - 2);
    x.transpose(&order)
}

fn cholesky(a: &Args<'_>) -> Made {
    let (x, n) = square(a, "x")?;
    // Only the lower triangle is read, but the gradient belongs to both, as the matrix is the same the other way round.
    let even = (x + transposed(x)) * 0.5;
    let lower = triangle(even + (x - even).stop_gradient(), n);
    Ok(vec![if a.flag("upper", false) { transposed(lower) } else { lower }])
}

/// The inverse of a matrix whose triangle is given.
fn cholesky_inverse(a: &Args<'_>) -> Made {
    let (x, n) = square(a, "x")?;
    let lower = if a.flag("upper", false) { transposed(x) } else { x };
    let inverse = substituted(lower, identity(n).broadcast_to(&x.shape()), n, true);
    Ok(vec![matmul_of(transposed(inverse), inverse)])
}

/// Solves for a triangle, row by row.
fn substituted(x: Tensor, right: Tensor, n: usize, lower: bool) -> Tensor {
    let axis = right.rank() - 2;
    let mut rows: Vec<Option<Tensor>> = vec![None; n];
    let order: Vec<usize> = if lower { (0..n).collect() } else { (0..n).rev().collect() };
    for i in order {
        let mut row = part(right, 2, i, 1);
        for (j, found) in rows.iter().enumerate() {
            if let Some(found) = found {
                row = row - part(part(x, 2, i, 1), 1, j, 1) * *found;
            }
        }
        let diagonal = of_diagonal(x, 0);
        let pivot = diagonal.slice(diagonal.rank() - 1, i, 1).expand_last();
        rows[i] = Some(row / pivot);
    }
    let rows: Vec<Tensor> = rows.into_iter().flatten().collect();
    Tensor::concat(&rows, axis)
}

fn solve_triangular(a: &Args<'_>) -> Made {
    let ((x, n), b, lower) = (square(a, "a")?, a.tensor("b")?, a.flag("lower", false));
    let vector = b.rank() + 1 == x.rank();
    let right = if vector { b.expand_last() } else { b };
    if right.rank() != x.rank() {
        return Err(a.wrong(format!("b of shape {:?} with a of shape {:?}", b.shape(), x.shape())));
    }
    let y = substituted(x, right, n, lower);
    Ok(vec![if vector { y.reshape(b.shape()) } else { y }])
}

//! The uniform words of kernels as structs, so that each number has its name where it is given. A struct has the fields of the `Params` in the
//! kernels' files, in their order: `tests/shaders.rs` holds it against what naga reads there.

use crate::table::{self, Kernel};

/// A number as a uniform word. Counts beyond u32 cannot occur: no binding is that large.
pub fn word(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Numbers as uniform words.
pub fn words(numbers: &[usize]) -> Vec<u32> {
    numbers.iter().copied().map(word).collect()
}

macro_rules! params {
    ($( $(#[$doc:meta])* $name:ident of $($kernel:ident),+ { $( $(#[$field_doc:meta])* $field:ident ),+ $(,)? } )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name {
                $( $(#[$field_doc])* pub $field: usize, )+
            }

            impl $name {
                const FIELDS: &[&str] = &[$(stringify!($field)),+];
            }

            impl From<$name> for Vec<u32> {
                fn from(params: $name) -> Self {
                    words(&[$(params.$field),+])
                }
            }
        )+

        /// The kernels with a struct, and its fields.
        pub static PARAMS: &[(&Kernel, &[&str])] = &[$($((&table::$kernel, $name::FIELDS)),+),+];
    };
}

params! {
    /// Of programs alone.
    PointwiseParams of POINTWISE {
        /// Elements.
        count
    }
    /// Of kernels over the rows of a matrix.
    RowParams of SOFTMAX_EACH, SOFTMAX_GROUP, ARGMAX {
        /// Rows.
        rows,
        /// Elements of a row.
        length
    }
    /// Of cross-entropies with labels.
    LabelParams of CROSS_ENTROPY_EACH, CROSS_ENTROPY_GROUP {
        /// Rows: labels.
        rows,
        /// Elements of a row: classes.
        classes
    }
    /// Of reductions of `[outer, length, inner]` to `[outer, inner]`.
    ReduceParams of REDUCE_EACH, REDUCE_GROUP {
        /// Results: outer times inner.
        outputs,
        /// Elements that become one.
        length,
        /// Steps between those.
        inner
    }
    /// Of matrix products by tiles: `[m, k]` by `[k, n]`.
    MatmulParams of MATMUL_TILED, MATMUL_SMALL {
        /// Rows.
        m,
        /// Columns.
        n,
        /// Terms of each sum.
        k
    }
    /// Of matrix products whose operands may be transposed, as steps in memory.
    MatmulStridedParams of MATMUL_DIRECT {
        /// Rows.
        m,
        /// Columns.
        n,
        /// Terms of each sum.
        k,
        /// Step to the next row of a.
        a_row,
        /// Step to the next term in a.
        a_k,
        /// Step to the next term in b.
        b_k,
        /// Step to the next column of b.
        b_column,
    }
    /// Of products of many pairs of matrices.
    MatmulBatchedParams of MATMUL_BATCHED {
        /// Stretches of four columns of a row, of all pairs.
        strips,
        /// Rows.
        m,
        /// Columns.
        n,
        /// Terms of each sum.
        k,
        /// Step to the next row of a.
        a_row,
        /// Step to the next term in a.
        a_k,
        /// Step to the next term in b.
        b_k,
        /// Step to the next column of b.
        b_column,
    }
    /// Of rows of a table that are looked up.
    GatherParams of GATHER {
        /// Elements of the result.
        count,
        /// Elements of a row.
        width,
        /// Rows of the table.
        rows
    }
    /// Of sums of the rows with the same number.
    GatherGradParams of GATHER_GRAD {
        /// Elements of the result.
        count,
        /// Elements of a row.
        width,
        /// Numbers of rows.
        indices
    }
    /// Of one pass of a sort by merging.
    MergeRunsParams of MERGE_RUNS {
        /// Keys.
        count,
        /// Length of the sorted runs.
        run,
        /// Keys of a row.
        row
    }
    /// Of sums or products up to each element, along the axis in the middle of `[outer, length, inner]`.
    CumulativeParams of CUMULATIVE {
        /// Rows along that axis.
        rows,
        /// Length of the axis.
        length,
        /// Elements of what is behind it.
        inner
    }
    /// Of elements of rows by their numbers, and of the gradient of the rows.
    TakeAlongParams of TAKE_ALONG, SPREAD_ALONG {
        /// Elements of the result.
        count,
        /// Numbers of a row.
        row,
        /// Elements of a row.
        length
    }
    /// Of a linear map of `[outer, length, inner]` along the axis in the middle.
    ResampleParams of RESAMPLE {
        /// Elements of the result.
        count,
        /// Elements of what is behind the axis.
        inner,
        /// Length of the axis in the input.
        length,
        /// Its length in the result.
        outputs,
        /// Terms of all sums over one axis.
        terms
    }
    /// Of a copy of `[outer, length, inner]` with the axis in the middle the other way round.
    ReverseParams of REVERSE {
        /// Elements.
        count,
        /// Length of the axis.
        length,
        /// Elements of what is behind it.
        inner
    }
}

//! Codes of indices: what becomes of them under `output_mode`, in a graph and on the host.

use crate::Error;
use crate::graph::{DType, Integer, Shape, Tensor};
use crate::host::{Elements, Values};
use crate::ops::count_up;
use crate::types::elements;
use crate::words::{Word, Words};

/// What becomes of indices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputMode {
    /// They stay indices.
    #[default]
    Int,
    /// Each becomes a vector of zeros with a one.
    OneHot,
    /// Those of an example become one vector, with ones where there is one of them at least.
    MultiHot,
    /// The same, with their number.
    Count,
    /// The same, times the weight of each.
    TfIdf,
}

impl Words for OutputMode {
    const OPTION: &'static str = "output_mode";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("int", OutputMode::Int),
        ("one_hot", OutputMode::OneHot),
        ("multi_hot", OutputMode::MultiHot),
        ("count", OutputMode::Count),
        ("tf_idf", OutputMode::TfIdf),
    ];
    const ALIASES: &'static [(&'static str, Self)] =
        &[("binary", OutputMode::MultiHot), ("tf-idf", OutputMode::TfIdf)];
}

impl super::config::Field for Word<OutputMode> {}

impl OutputMode {
    /// Checks whether it is one of these, which a class knows.
    pub(super) fn one_of(self, known: &[OutputMode]) -> Result<(), Error> {
        if known.contains(&self) {
            return Ok(());
        }
        let word =
            |mode: &OutputMode| Self::WORDS.iter().find(|(_, m)| m == mode).map_or("", |(word, _)| *word);
        let what = format!(
            "output_mode is {:?}, but must be {}",
            word(&self),
            crate::names::one_of(known.iter().map(word))
        );
        Err(Error::Argument { what })
    }

    /// Returns the shape of what it makes of indices of this shape.
    ///
    /// # Errors
    /// Indices of one example are wanted, and there is no axis of them.
    pub(super) fn shape<N: Copy + PartialEq + From<usize>>(
        self,
        indices: &[N],
        depth: usize,
    ) -> Result<Vec<N>, Error> {
        let mut shape = indices.to_vec();
        match self {
            OutputMode::Int => return Ok(shape),
            OutputMode::OneHot if shape.len() > 1 && shape.last() == Some(&1.into()) => drop(shape.pop()),
            OutputMode::OneHot => {}
            _ if shape.len() < 2 => {
                let what = "takes inputs of shape (batch, n), as it makes one code of those of an example, but was \
                            given one axis; output_mode \"one_hot\" makes one of each";
                return Err(Error::Shape { layer: String::new(), what: what.into() });
            }
            // Keras takes the axis behind the batch for that of the indices.
            _ => drop(shape.remove(1)),
        }
        shape.push(depth.into());
        Ok(shape)
    }
}

/// How indices of a graph are encoded.
pub(super) struct Encoding {
    pub(super) mode: OutputMode,
    /// Indices are below it.
    pub(super) depth: usize,
    /// Type of the codes.
    pub(super) dtype: DType,
    /// Says whether an index that is too large has no code either where the codes are sums.
    pub(super) bounded: bool,
}

impl Encoding {
    /// Encodes indices, which are whole numbers held as floats. One that is out of range has no place in a code; where TensorFlow refuses it, the
    /// codes of its example are NaN.
    pub(super) fn encode(&self, indices: Tensor, weights: Option<Tensor>) -> Result<Tensor, Error> {
        if self.mode == OutputMode::Int {
            return Ok(indices.cast_to(self.dtype));
        }
        let x = indices.as_type(DType::F32);
        let shape = self.mode.shape(&x.shape(), self.depth)?;
        let mut each = x.shape();
        each.push(1);
        let at = x.reshape(each.clone());
        let hot = at.equal(count_up(self.depth));
        let codes = match self.mode {
            OutputMode::MultiHot => hot.max(&[1]),
            OutputMode::Count => weights.map_or(hot, |w| hot * w.reshape(each)).sum(&[1]),
            _ => hot.reshape(shape.clone()),
        };
        // TensorFlow's kernel for two axes refuses them.
        let refused = match (self.mode, self.bounded) {
            (OutputMode::OneHot, false) => None,
            (_, true) => Some(at.less(0.0).maximum(1.0 - at.less(self.depth as f64))),
            _ if x.rank() <= 2 => Some(at.less(0.0)),
            _ => None,
        };
        let codes = match refused {
            Some(refused) if self.mode == OutputMode::OneHot => {
                let mut wide = shape.clone();
                wide.iter_mut().last().into_iter().for_each(|n| *n = 1);
                codes + (0.0 - refused).sqrt().reshape(wide)
            }
            // The root of -1 is NaN, that of 0 is 0.
            Some(refused) => codes + (0.0 - refused.max(&[1])).sqrt(),
            None => codes,
        };
        Ok(match self.dtype {
            DType::Whole(_) => codes.cast_to(self.dtype),
            float => codes.as_type(float),
        })
    }
}

/// How indices on the host are encoded. One that is out of range has no place in a code.
pub(super) struct HostEncoding {
    pub(super) mode: OutputMode,
    /// Indices are below it.
    pub(super) depth: usize,
    /// Type of the codes.
    pub(super) dtype: DType,
}

/// Codes of one batch that have more numbers than this are refused: no memory is taken on the word of a config.
const MOST: usize = 1 << 31;

impl HostEncoding {
    /// Returns shape and type of the codes of indices of this shape.
    pub(super) fn output_type(&self, indices: &Shape) -> Result<(Shape, DType), Error> {
        let of = |n: &Option<usize>| n.map_or(Axis::Open, Axis::Of);
        let shape = self.mode.shape(&indices.0.iter().map(of).collect::<Vec<_>>(), self.depth)?;
        let known = |axis: Axis| if let Axis::Of(n) = axis { Some(n) } else { None };
        Ok((Shape(shape.into_iter().map(known).collect()), self.dtype))
    }

    /// Encodes indices of this shape.
    pub(super) fn encode(&self, shape: &[usize], indices: Vec<i64>) -> Result<Values<'static>, Error> {
        self.weighted(shape, indices, None)
    }

    /// [`HostEncoding::encode`], with a weight of each index where the codes are counts.
    pub(super) fn weighted(
        &self,
        shape: &[usize],
        indices: Vec<i64>,
        weights: Option<&[f32]>,
    ) -> Result<Values<'static>, Error> {
        if self.mode == OutputMode::Int {
            return Ok(self.values(shape.to_vec(), Elements::Integers(Integer::I64, indices)));
        }
        let made = self.mode.shape(shape, self.depth)?;
        let count = elements(&made);
        if count > MOST {
            let what = format!("codes of shape {made:?} are too many at once: take smaller batches");
            return Err(Error::Data { what });
        }
        let mut codes = vec![0.0_f32; count];
        // Indices lie as [outer, n, inner], where a code is of all along n.
        let (n, inner) = match self.mode {
            OutputMode::OneHot => (1, 1),
            _ => (shape[1], elements(&shape[2..])),
        };
        for (at, index) in indices.into_iter().enumerate() {
            let Some(index) = usize::try_from(index).ok().filter(|i| *i < self.depth) else { continue };
            let place = match (n * inner, inner) {
                (0, _) => continue,
                (block, inner) => at / block * inner + at % inner,
            };
            let code = &mut codes[place * self.depth + index];
            match self.mode {
                OutputMode::Count | OutputMode::TfIdf => *code += 1.0,
                _ => *code = 1.0,
            }
        }
        if let Some(weights) = weights {
            codes.chunks_exact_mut(self.depth).for_each(|code| {
                code.iter_mut().zip(weights).for_each(|(code, weight)| *code *= weight);
            });
        }
        Ok(self.values(made, Elements::Floats(codes)))
    }

    fn values(&self, shape: Vec<usize>, elements: Elements<'static>) -> Values<'static> {
        let elements = match (self.dtype, elements) {
            (DType::Whole(integer), Elements::Floats(all)) => {
                Elements::Integers(integer, all.into_iter().map(|v| integer.wrap(v as i64)).collect())
            }
            (DType::Whole(integer), Elements::Integers(_, all)) => {
                Elements::Integers(integer, all.into_iter().map(|v| integer.wrap(v)).collect())
            }
            (_, other) => other,
        };
        Values { shape, elements }
    }
}

/// The length of an axis, which data may decide.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Of(usize),
    Open,
}

impl From<usize> for Axis {
    fn from(n: usize) -> Self {
        Axis::Of(n)
    }
}

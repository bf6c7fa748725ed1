//! Computes attention with several heads once queries, keys and values are projected: masks, weights, and what is taken by them.

use serde::{Deserialize, Deserializer, Serialize};

use super::projection::{Shared, projection};
use super::{both, check_share, places, weights};
use crate::Error;
use crate::graph::{Builder, CallContext, LayerRef, Shape, Tensor};
use crate::layers::config::Field;

/// Numbers, or none; configs have one for a list of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sizes(pub(super) Option<Vec<usize>>);

impl From<usize> for Sizes {
    fn from(size: usize) -> Self {
        Sizes(Some(vec![size]))
    }
}
impl<const N: usize> From<[usize; N]> for Sizes {
    fn from(sizes: [usize; N]) -> Self {
        Sizes(Some(sizes.to_vec()))
    }
}
impl From<Vec<usize>> for Sizes {
    fn from(sizes: Vec<usize>) -> Self {
        Sizes(Some(sizes))
    }
}

impl<'de> Deserialize<'de> for Sizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number, or a list of them")]
        enum Given {
            None,
            One(usize),
            Many(Vec<usize>),
        }
        Ok(Sizes(match Given::deserialize(deserializer)? {
            Given::None => None,
            Given::One(size) => Some(vec![size]),
            Given::Many(sizes) => Some(sizes),
        }))
    }
}

impl Field for Sizes {}

/// Names of what such a layer may be called with, in order.
pub(super) const PARAMETERS: &[&str] = &[
    "query",
    "value",
    "key",
    "query_mask",
    "value_mask",
    "key_mask",
    "attention_mask",
    "return_attention_scores",
    "training",
    "use_causal_mask",
];

/// Projects by the layer at an attribute.
pub(super) fn project(
    projections: &[(String, LayerRef)],
    attribute: &str,
    x: Tensor,
    cx: &CallContext,
) -> Tensor {
    let layer = projections.iter().find(|(name, _)| name == attribute);
    layer.and_then(|(_, layer)| layer.call(&[x], cx).first().copied()).unwrap_or(x)
}

/// Describes the layers inside: attribute, name, how many last axes they sum over, the axes that these become, and what they are called on.
pub(super) struct Projection<'a> {
    pub attribute: &'static str,
    pub name: &'static str,
    pub contracted: usize,
    pub output: Vec<usize>,
    pub input: &'a Shape,
    pub activation: Option<&'static str>,
}

/// Builds the layers inside.
///
/// # Errors
/// The shapes do not suit them.
pub(super) fn build(
    builder: &mut Builder,
    shared: &Shared,
    all: Vec<Projection<'_>>,
) -> Result<Vec<(String, LayerRef)>, Error> {
    let made = |p: Projection<'_>| {
        let layer = projection(builder.inner_settings(p.name), p.contracted, &p.output, p.activation, shared);
        layer.build(builder.resolver(), std::slice::from_ref(p.input))?;
        Ok((p.attribute.to_owned(), layer))
    };
    all.into_iter().map(made).collect()
}

/// Checks numbers that must be positive, and the share of the weights that training sets to zero.
///
/// # Errors
/// Names the setting.
pub(super) fn check_sizes(sizes: &[(&str, usize)], dropout: f64) -> Result<(), Error> {
    if let Some((key, _)) = sizes.iter().find(|(_, n)| *n == 0) {
        return Err(Error::Argument { what: format!("{key} is 0, but must be positive") });
    }
    check_share(dropout)
}

/// Returns the tensors that a call names; `None` where it lacks query or value.
pub(super) fn given(cx: &CallContext) -> Option<[Tensor; 3]> {
    let one = |name: &str| cx.argument(name).and_then(|list| list.first().copied());
    let (query, value) = (one("query")?, one("value")?);
    Some([query, value, one("key").unwrap_or(value)])
}

/// Returns whether the call says yes to an argument that is no tensor.
pub(super) fn says(cx: &CallContext, name: &str) -> bool {
    cx.setting(name).and_then(|v| v.as_bool()).unwrap_or(false)
}

/// Says how heads attend.
pub(super) struct Attend<'a> {
    /// The axes that are attended over, of `[batch, .., heads, n]`.
    pub axes: &'a [usize],
    /// Sets how far a position sees, itself included.
    pub window: Option<usize>,
    /// Share of the weights that training sets to zero.
    pub dropout: f64,
    /// Whether rows that may look at nothing have weights of zero: where Keras 3 does not use a kernel of its own.
    pub zeros: bool,
}

impl Attend<'_> {
    /// Returns the masks of the call as one, of axes for the batch, the queries and the keys; `row` is that of the queries.
    ///
    /// # Errors
    /// More than one axis is attended over, for which masks of steps say nothing.
    pub fn mask(
        &self,
        cx: &CallContext,
        [query, value]: [Tensor; 2],
        row: Option<Tensor>,
    ) -> Result<Option<Tensor>, Error> {
        let one = |name: &str| cx.argument(name).and_then(|list| list.first().copied());
        let (batch, queries, keys) = (query.shape()[0], query.shape()[1], value.shape()[1]);
        let rows = row.map(|m| m.reshape([batch, queries, 1]));
        let of = |name: &str| cx.argument_mask(name).map(|m| m.reshape([batch, 1, keys]));
        let keyed = one("key").is_some() || cx.argument("key_mask").is_some();
        let mut mask = both(both(rows, of("value")), if keyed { of("key") } else { None });
        let near = places(queries, keys, says(cx, "use_causal_mask"), self.window);
        mask = both(mask, near.map(|p| p.reshape([1, queries, keys])));
        if mask.is_some() && self.axes != [1] {
            let what = "masks of steps, use_causal_mask and sliding_window are not supported where other axes than the first are attended over";
            return Err(Error::Shape { layer: String::new(), what: what.into() });
        }
        Ok(both(mask, one("attention_mask")))
    }

    /// Returns what heads take, `[batch, .., heads, n]` as the queries, and the weights, `[batch, .., heads, queries.., keys..]`.
    pub fn call(&self, [q, k, v]: [Tensor; 3], mask: Option<Tensor>, cx: &CallContext) -> (Tensor, Tensor) {
        let (rank, count) = (q.rank(), self.axes.len());
        // What is not attended over comes first, with the heads behind it.
        let kept: Vec<usize> = (0..rank - 1).filter(|axis| !self.axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(self.axes).copied().chain([rank - 1]).collect();
        let lengths = |x: Tensor, axes: &[usize]| -> Vec<usize> {
            let shape = x.shape();
            axes.iter().map(|axis| shape[*axis]).collect()
        };
        let flat = |x: Tensor| {
            let product = |axes: &[usize]| lengths(x, axes).iter().product::<usize>();
            let n = x.shape()[rank - 1];
            x.transpose(&order).reshape([product(&kept), product(self.axes), n])
        };
        let shape = [lengths(q, &kept), lengths(q, self.axes), lengths(k, self.axes)].concat();
        let mask = mask.map(|m| {
            let mut shape = m.shape();
            // The heads stand before what is attended over.
            while shape.len() < kept.len() + 2 * count {
                shape.insert(shape.len().saturating_sub(2 * count), 1);
            }
            m.reshape(shape)
        });
        let scores = flat(q).batch_matmul(flat(k), false, true).reshape(shape);
        let weights = weights(scores, mask, self.zeros, self.dropout, count, cx);
        let [kept_q, own] = [lengths(q, &kept), lengths(q, self.axes)];
        let all = [kept_q.iter().product(), own.iter().product(), lengths(k, self.axes).iter().product()];
        let taken = weights.reshape(all).batch_matmul(flat(v), false, false);
        let taken = taken.reshape([kept_q, own, vec![v.shape()[rank - 1]]].concat());
        let mut back = vec![0; rank];
        for (at, axis) in order.iter().enumerate() {
            back[*axis] = at;
        }
        (taken.transpose(&back), weights)
    }
}

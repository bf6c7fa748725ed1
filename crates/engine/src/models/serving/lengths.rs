//! Lengths of axes that data decide, and tensors that hold them.

use super::STAND_INS;
use super::walk::{Inputs, Walk, inside, layer};
use crate::export::{Attribute, Element, Source};
use crate::graph::Edge;

/// The length of an axis in each trace.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lengths(Vec<usize>);

impl Lengths {
    /// Returns how often a loop runs in each trace.
    pub(super) fn of(trips: Vec<usize>) -> Self {
        Lengths(trips)
    }

    /// Returns the length, where it is the same in each trace.
    pub(super) fn known(&self) -> Option<usize> {
        let first = *self.0.first()?;
        self.0.iter().all(|n| *n == first).then_some(first)
    }

    /// Returns by what number another length is multiplied in each trace to give this one.
    fn times(&self, other: &Lengths) -> Option<usize> {
        let first = self.0.first()?.checked_div(*other.0.first()?)?;
        self.0.iter().zip(&other.0).all(|(n, of)| *n == of * first).then_some(first)
    }
}

impl Walk<'_> {
    /// Returns the lengths of the axes of a value.
    pub(super) fn lengths(&self, edge: Edge) -> Vec<Lengths> {
        let rank = self.graph().edge_type(edge).shape.len();
        let axis = |i: usize| Lengths(self.graphs.iter().map(|g| g.edge_type(edge).shape[i]).collect());
        (0..rank).map(axis).collect()
    }

    /// Returns the shape of a value; `None` for an axis that data decide.
    pub(super) fn shape(&self, edge: Edge) -> Vec<Option<usize>> {
        self.lengths(edge).iter().map(Lengths::known).collect()
    }

    /// Returns a shape as a tensor that is computed from the shapes of what has such axes.
    pub(super) fn shape_tensor(&mut self, number: usize, lengths: &[Lengths]) -> Result<Source, String> {
        let graph = self.graph();
        let unknown = || format!("{} makes a shape that TensorFlow cannot be told", layer(graph, number));
        let mut parts = Vec::new();
        for length in lengths {
            parts.push(self.length(number, length).ok_or_else(unknown)?);
        }
        let count = i64::try_from(parts.len()).map_err(|_| unknown())?;
        parts.push(self.nodes.int(0));
        let attributes = vec![
            ("N", Attribute::Int(count)),
            ("T", Attribute::Type(Element::I32)),
            ("Tidx", Attribute::Type(Element::I32)),
        ];
        Ok(match parts.as_slice() {
            // TensorFlow joins two at least.
            [only, _] => *only,
            _ => self.nodes.add("ConcatV2", "output", &parts, attributes),
        })
    }

    /// Returns a length as a list of one: a constant, or the length of an axis of a value, or a multiple of one.
    pub(super) fn length(&mut self, number: usize, length: &Lengths) -> Option<Source> {
        if let Some(n) = length.known() {
            return Some(self.nodes.ints(&[i32::try_from(n).ok()?]));
        }
        if let Some((edge, axis, times)) = self.with_axis(number, length) {
            let source = self.source(edge).ok()?;
            let element = inside(self.graph().edge_type(edge).dtype);
            return self.part(source, element, axis, times);
        }
        let types = match self.inputs {
            Inputs::Ports(types) => types,
            Inputs::Body { asked_at, .. } => {
                let known = self.asked.iter().position(|asked| asked == length);
                let place = known.unwrap_or_else(|| {
                    self.asked.push(length.clone());
                    self.asked.len() - 1
                });
                return Some(Source::Input(asked_at + place));
            }
        };
        let axes = types.iter().enumerate().flat_map(|(i, (shape, dtype))| {
            let free = shape.0.iter().enumerate().filter(|(_, n)| n.is_none());
            free.map(move |(axis, _)| (i, axis, (*dtype).into()))
        });
        let of = |axis: usize| Lengths(STAND_INS.iter().map(|s| s[usize::from(axis > 0)]).collect());
        let found =
            axes.filter_map(|(i, axis, element)| Some((i, axis, element, length.times(&of(axis))?))).next();
        let (input, axis, element, times) = found?;
        self.part(Source::Input(input), element, axis, times)
    }

    /// Returns an axis that has this length, or one of which it is a multiple: of what the node reads, else of anything that was made before.
    fn with_axis(&self, number: usize, length: &Lengths) -> Option<(Edge, usize, usize)> {
        let among = |edges: &mut dyn Iterator<Item = Edge>| {
            let axes = edges.flat_map(|edge| {
                let lengths = self.lengths(edge).into_iter().enumerate();
                lengths.map(move |(axis, of)| (edge, axis, of))
            });
            axes.filter_map(|(edge, axis, of)| Some((edge, axis, length.times(&of)?))).min_by_key(|f| f.2)
        };
        let read = &self.graph().nodes[number].inputs;
        let mut made: Vec<Edge> = self.made.keys().copied().collect();
        made.sort_unstable_by_key(|edge| (edge.node, edge.output));
        among(&mut read.iter().copied()).or_else(|| among(&mut made.into_iter()))
    }

    /// Returns the length of an axis of a value, times a number, as a list of one.
    fn part(&mut self, value: Source, element: Element, axis: usize, times: usize) -> Option<Source> {
        let (axis, times) = (i32::try_from(axis).ok()?, i32::try_from(times).ok()?);
        let int = || Attribute::Type(Element::I32);
        let types = vec![("T", Attribute::Type(element)), ("out_type", int())];
        let shape = self.nodes.add("Shape", "output", &[value], types);
        let (begin, size) = (self.nodes.ints(&[axis]), self.nodes.ints(&[1]));
        let length =
            self.nodes.add("Slice", "output", &[shape, begin, size], vec![("T", int()), ("Index", int())]);
        if times == 1 {
            return Some(length);
        }
        let times = self.nodes.ints(&[times]);
        Some(self.nodes.add("Mul", "z", &[length, times], vec![("T", int())]))
    }
}

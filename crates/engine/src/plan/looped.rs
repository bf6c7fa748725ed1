//! A loop in a plan: the steps of its body, which are planned once.
//!
//! What is carried lies in memory of its own, which a trip reads and then writes, as a step does with variables. Slices are regions that
//! move from trip to trip.

use std::collections::HashMap;
use std::sync::Arc;

use super::build::{Planner, Pool};
use super::ends::Ends;
use super::fuse::{self, resolve};
use crate::Error;
use crate::graph::{Edge, Kind, Loop};

impl Planner<'_> {
    /// Adds the steps of a loop, the group `g`.
    pub(super) fn looped(
        &mut self,
        looped: &Arc<Loop>,
        node: usize,
        g: usize,
        last: &HashMap<Edge, usize>,
    ) -> Result<(), Error> {
        if looped.body.nodes.iter().any(|n| matches!(n.kind, Kind::Loop(_))) {
            return Err(Error::State { what: "a loop inside a loop is not supported".into() });
        }
        let inputs: Vec<Edge> =
            self.graph.nodes[node].inputs.iter().map(|e| resolve(self.graph, *e)).collect();
        let types = &self.graph.nodes[node].types;
        // What nobody reads is not stacked; what is carried has its place in any case.
        let mut stacked = Vec::new();
        for (output, ty) in types.iter().enumerate() {
            let edge = Edge { node, output };
            let wanted = self.regions.contains_key(&edge) || self.is_read(edge);
            if output >= looped.carried && wanted {
                stacked.push(output);
            }
            if !self.regions.contains_key(&edge) && (wanted || output < looped.carried) {
                let region = self.allocate(ty.len(), last.get(&edge).copied().unwrap_or(g));
                self.regions.insert(edge, region);
            }
        }
        let place = |planner: &Self, output: usize| planner.region(Edge { node, output });
        let mut carried = Vec::new();
        for (k, input) in inputs.iter().enumerate().take(looped.carried) {
            let (from, to) = (self.region(*input)?, place(self, k)?);
            if from != to {
                self.copy(fuse::dtype(self.graph, *input).scalar(), from, to);
            }
            carried.push(to);
        }
        let mut slices = Vec::new();
        for output in &stacked {
            slices.push(place(self, *output)?.slices(looped.trips, looped.reversed));
        }
        let ends = Ends::of_trip(looped, &stacked);
        let fused = fuse::fuse(&looped.body, &ends, self.caps);
        let mut body = Planner::new(&looped.body, &ends, &fused, self.caps, looped.trips);
        body.buffers = std::mem::take(&mut self.buffers);
        // What is in use stays so in all trips.
        let held =
            |(buffer, words, until): &(_, _, Option<usize>)| (*buffer, *words, until.map(|_| usize::MAX));
        body.pool = Pool { slots: self.pool.slots.iter().map(held).collect() };
        for (i, node) in looped.body.nodes.iter().enumerate() {
            let Kind::Input(k) = node.kind else { continue };
            let region = match k {
                k if k < looped.carried => carried[k],
                k if looped.is_slice(k) => self.region(inputs[k])?.slices(looped.trips, looped.reversed),
                k => self.region(inputs[k])?,
            };
            body.regions.insert(Edge { node: i, output: 0 }, region);
        }
        body.place_next(&carried);
        body.place_outputs(&slices);
        let done = body.steps();
        let (steps, buffers, pool) = (std::mem::take(&mut body.steps), body.buffers, body.pool);
        self.buffers = buffers;
        for (i, (buffer, words, _)) in pool.slots.into_iter().enumerate() {
            match self.pool.slots.get_mut(i) {
                Some(slot) => slot.1 = words,
                None => self.pool.slots.push((buffer, words, None)),
            }
        }
        done?;
        let repeat = Some(self.loops.len());
        self.loops.push(looped.trips);
        self.steps.extend(steps.into_iter().map(|step| super::Step { repeat, ..step }));
        Ok(())
    }
}

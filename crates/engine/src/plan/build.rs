//! From a graph to a plan: groups become steps, values get memory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Lowered, word};
use rhyton_kernels::program::{Id, IndexMap, Instr, Operand, Program, Scalar};

use super::ends::Ends;
use super::fuse::{self, Fused, resolve};
use super::{Arenas, Buffer, BufferId, Plan, Region, Role, Root, Step};
use crate::Error;
use crate::graph::{Edge, Graph, Kind, Variable};

/// Alignment of regions, in words: 256 bytes, the largest that a device may ask for.
pub const ALIGN: usize = 64;

/// Rounds up to the alignment.
pub fn aligned(words: usize) -> usize {
    words.next_multiple_of(ALIGN)
}

/// Plans a graph: `outputs` go to output windows in order.
///
/// # Errors
/// A variable of the graph lies in no arena.
pub fn plan(graph: &Graph, outputs: &[Edge], arenas: &Arenas, caps: &Caps) -> Result<Plan, Error> {
    let ends = Ends::of_step(graph, outputs);
    let fused = fuse::fuse(graph, &ends, caps);
    let buffers = arenas.arenas.iter();
    let buffers =
        buffers.map(|(name, words)| Buffer { name: name.clone(), role: Role::Arena, words: *words });
    let mut planner = Planner::new(graph, &ends, &fused, caps, 1);
    planner.buffers = buffers.collect();
    planner.place_fixed(outputs, arenas)?;
    planner.steps()?;
    let (mut steps, loops) = (planner.steps, planner.loops);
    merge_updates(&mut steps, caps);
    Ok(Plan { caps: caps.clone(), buffers: planner.buffers, steps, loops })
}

#[derive(Default)]
pub(super) struct Pool {
    /// Buffer, words, and the group after which it is free again (`None` while free).
    pub slots: Vec<(BufferId, usize, Option<usize>)>,
}

impl Pool {
    fn release(&mut self, done: usize) {
        self.slots.iter_mut().filter(|s| s.2 == Some(done)).for_each(|s| s.2 = None);
    }
}

pub(super) struct Planner<'a> {
    pub graph: &'a Graph,
    pub caps: &'a Caps,
    ends: &'a Ends,
    fused: &'a Fused,
    pub buffers: Vec<Buffer>,
    pub regions: HashMap<Edge, Region>,
    /// Further places of values that are stored more than once.
    also: HashMap<Edge, Vec<Region>>,
    pub pool: Pool,
    pub steps: Vec<Step>,
    /// Trips of the loops.
    pub loops: Vec<usize>,
    /// Trips of the loop around.
    trips: usize,
    kept: HashSet<Edge>,
    /// Copies made last: from a region to an output's.
    copies: Vec<(Edge, Region)>,
    /// The same, to where a variable lies.
    moves: Vec<(Edge, Region)>,
}

impl<'a> Planner<'a> {
    pub fn new(graph: &'a Graph, ends: &'a Ends, fused: &'a Fused, caps: &'a Caps, trips: usize) -> Self {
        Planner {
            graph,
            caps,
            ends,
            fused,
            buffers: Vec::new(),
            regions: HashMap::new(),
            also: HashMap::new(),
            pool: Pool::default(),
            steps: Vec::new(),
            loops: Vec::new(),
            trips,
            kept: ends.all().collect(),
            copies: Vec::new(),
            moves: Vec::new(),
        }
    }

    /// Makes the steps of all groups, once everything that has a fixed place has it.
    pub fn steps(&mut self) -> Result<(), Error> {
        let last = self.last_uses();
        for g in 0..self.fused.groups.len() {
            self.step(g, &last)?;
            self.pool.release(g);
        }
        self.copy_rest()
    }

    fn buffer(&mut self, name: String, role: Role, words: usize) -> BufferId {
        self.buffers.push(Buffer { name, role, words: aligned(words.max(1)) });
        self.buffers.len() - 1
    }

    /// Regions of inputs, constants, variables, outputs, assigned values and gradients.
    fn place_fixed(&mut self, outputs: &[Edge], arenas: &Arenas) -> Result<(), Error> {
        let variable_region = |variable: &Variable| {
            let (arena, offset) = arenas.places.get(&variable.id()).ok_or_else(|| Error::State {
                what: format!("variable {} is used by the model, but does not belong to it", variable.name()),
            })?;
            Ok::<_, Error>(Region::new(*arena, *offset, variable.len()))
        };
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let edge = Edge { node: i, output: 0 };
            match &node.kind {
                Kind::Input(k) => {
                    let words = node.types[0].len();
                    let buffer = self.buffer(format!("input {k}"), Role::Input(*k), words);
                    self.regions.insert(edge, Region::new(buffer, 0, words));
                }
                Kind::Constant(numbers) => {
                    let words = node.types[0].len();
                    let buffer = self.buffer("constant".into(), Role::Constant(numbers.clone()), words);
                    self.regions.insert(edge, Region::new(buffer, 0, words));
                }
                Kind::Variable(v) => {
                    let region = variable_region(v)?;
                    self.regions.insert(edge, region);
                }
                _ => {}
            }
        }
        let next = self.graph.assigns.iter().map(|(v, _)| variable_region(v));
        self.place_next(&next.collect::<Result<Vec<_>, _>>()?);
        let mut regions = Vec::new();
        for (k, edge) in outputs.iter().enumerate() {
            let words = self.graph.edge_type(*edge).len();
            let buffer = self.buffer(format!("output {k}"), Role::Output(k), words);
            regions.push(Region::new(buffer, 0, words));
        }
        self.place_outputs(&regions);
        self.place_gradients();
        Ok(())
    }

    /// Gives next values the memory of what they are the next value of, where that can be.
    pub fn place_next(&mut self, regions: &[Region]) {
        for (next, region) in self.ends.next.iter().zip(regions) {
            let source = next.edge;
            if !self.regions.contains_key(&source) && self.may_write(next.place, source) {
                self.regions.insert(source, *region);
            } else if self.regions.get(&source) != Some(region) {
                self.moves.push((source, *region));
            }
        }
    }

    /// Gives outputs their memory: where they are made, or by a copy.
    pub fn place_outputs(&mut self, regions: &[Region]) {
        for (edge, region) in self.ends.outputs.iter().zip(regions) {
            let made = self.ends.stores_many && self.fused.group_of[edge.node].is_some();
            let looped = matches!(self.graph.nodes[edge.node].kind, Kind::Loop(_));
            match self.regions.entry(*edge) {
                Entry::Vacant(free) if !(looped && region.stride != 0) => {
                    free.insert(*region);
                }
                Entry::Occupied(_) if made && !looped => self.also.entry(*edge).or_default().push(*region),
                _ => self.copies.push((*edge, *region)),
            }
        }
    }

    /// Returns whether the group that makes `source` may write it into the memory of `place` at once: no later group reads the old value.
    fn may_write(&self, place: Option<Edge>, source: Edge) -> bool {
        let Some(g) = self.fused.group_of[source.node] else { return false };
        if matches!(self.graph.nodes[source.node].kind, Kind::Loop(_)) {
            return false;
        }
        let Some(place) = place else { return true };
        let group = &self.fused.groups[g];
        let elementwise = !group.reads.iter().any(|r| r.edge == place && r.operand.map != IndexMap::Same)
            && !group
                .root
                .is_some_and(|r| self.graph.nodes[r].inputs.iter().any(|e| resolve(self.graph, *e) == place));
        let readers = self.fused.readers.get(&place).map_or(&[][..], Vec::as_slice);
        elementwise
            && !self.ends.keeps(place)
            && readers.iter().all(|r| self.fused.group_of[*r].is_some_and(|of| of <= g))
    }

    /// Gradients that an update reads from memory lie in one arena, in the updates' order, so that neighbours can be
    /// updated together. A buffer ends where the next gradient would take it beyond the device's limit; since gradients that no update reads
    /// from memory are not there, that need not be where one of the variables ends.
    fn place_gradients(&mut self) {
        let (mut offset, mut full, mut found) = (0, Vec::new(), Vec::new());
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let Kind::Pointwise(exprs) = &node.kind else { continue };
            if exprs.len() < 2 && !self.graph.assigns.iter().any(|(_, e)| e.node == i) {
                continue;
            }
            for edge in &node.inputs {
                let source = resolve(self.graph, *edge);
                let made = self.fused.group_of[source.node];
                if made.is_some() && made != self.fused.group_of[i] && !self.regions.contains_key(&source) {
                    let words = self.graph.edge_type(source).len();
                    if offset > 0 && offset + aligned(words) > self.caps.buffer_words() {
                        full.push(std::mem::take(&mut offset));
                    }
                    found.push((source, full.len(), offset, words));
                    self.regions.insert(source, Region::new(usize::MAX, offset, words));
                    offset += aligned(words);
                }
            }
        }
        let first = self.buffers.len();
        full.extend((offset > 0).then_some(offset));
        let several = full.len() > 1;
        for (i, words) in full.into_iter().enumerate() {
            let name = if several { format!("gradients {i}") } else { "gradients".into() };
            self.buffer(name, Role::Gradients, words);
        }
        for (source, buffer, offset, words) in found {
            self.regions.insert(source, Region::new(first + buffer, offset, words));
        }
    }

    /// For each edge, the last group that reads it.
    fn last_uses(&self) -> HashMap<Edge, usize> {
        let mut last = HashMap::new();
        for (edge, readers) in &self.fused.readers {
            if let Some(g) = readers.iter().filter_map(|r| self.fused.group_of[*r]).max() {
                last.insert(*edge, g);
            }
        }
        for (edge, _) in self.copies.iter().chain(&self.moves) {
            last.insert(*edge, usize::MAX);
        }
        last
    }

    pub fn allocate(&mut self, words: usize, until: usize) -> Region {
        let fits = self.pool.slots.iter().enumerate().filter(|(_, s)| s.2.is_none() && s.1 >= words);
        let best = fits.min_by_key(|(_, s)| s.1).map(|(i, _)| i).or_else(|| {
            // Grows the largest free one rather than adding a buffer.
            let free = self.pool.slots.iter().enumerate().filter(|(_, s)| s.2.is_none());
            free.max_by_key(|(_, s)| s.1).map(|(i, _)| i)
        });
        let i = best.unwrap_or_else(|| {
            let name = format!("pool {}", self.pool.slots.len());
            let buffer = self.buffer(name, Role::Pool, words);
            self.pool.slots.push((buffer, words, None));
            self.pool.slots.len() - 1
        });
        let slot = &mut self.pool.slots[i];
        slot.1 = slot.1.max(words);
        slot.2 = Some(until);
        let buffer = slot.0;
        self.buffers[buffer].words = self.buffers[buffer].words.max(aligned(words));
        Region::new(buffer, 0, words)
    }

    /// Returns whether a value is read by a group, or wanted at the end.
    pub fn is_read(&self, edge: Edge) -> bool {
        self.kept.contains(&edge) || self.fused.readers.contains_key(&edge)
    }

    pub fn region(&self, edge: Edge) -> Result<Region, Error> {
        self.regions
            .get(&edge)
            .copied()
            .ok_or_else(|| Error::State { what: format!("plan: node {} has no memory", edge.node) })
    }

    fn step(&mut self, g: usize, last: &HashMap<Edge, usize>) -> Result<(), Error> {
        let fused = self.fused;
        let group = &fused.groups[g];
        if let Some(node) = group.root
            && let Kind::Loop(looped) = &self.graph.nodes[node].kind
        {
            return self.looped(looped, node, g, last);
        }
        let stored = fused.stored(g, &self.kept);
        for edge in &stored {
            if !self.regions.contains_key(edge) {
                let until = last.get(edge).copied().unwrap_or(g);
                let region = self.allocate(self.graph.edge_type(*edge).len(), until);
                self.regions.insert(*edge, region);
            }
        }
        let mut made = Made { program: group.program.clone(), trips: self.trips, ..Made::default() };
        for read in &group.reads {
            made.operand(made.operands.len(), self.region(read.edge)?, &read.words);
        }
        for edge in &stored {
            let region = self.region(*edge)?;
            let same =
                |k: &usize| made.operands[*k] == region && group.reads[*k].operand.map == IndexMap::Same;
            let in_place = (0..made.operands.len()).find(same);
            made.output(group.values[edge], in_place, region);
            for more in self.also.get(edge).into_iter().flatten() {
                made.output(group.values[edge], None, *more);
            }
        }
        made.count = group.shape.iter().product();
        made.label = self.label(&group.nodes);
        made.root = match group.root {
            Some(node) => Some(self.root(node, g)?),
            None => None,
        };
        let lowered = match &made.root {
            Some(root) => root.op.lower(&root.inputs, &root.output, self.caps),
            None => Lowered::pointwise(made.count, self.caps),
        };
        self.push(made, lowered, g);
        Ok(())
    }

    fn push(&mut self, made: Made, lowered: Lowered, g: usize) {
        let scratch = lowered.scratch.iter().map(|w| self.allocate(*w, g)).collect();
        let Made { label, root, program, count, operands, words, outputs, output_words, .. } = made;
        let words = words.into_iter().chain(output_words).collect();
        let dispatches = lowered.dispatches;
        let repeat = None;
        let step =
            Step { label, root, program, count, operands, words, outputs, dispatches, scratch, repeat };
        self.steps.extend(cut(step, self.caps));
    }

    fn root(&mut self, node: usize, g: usize) -> Result<Root, Error> {
        let node = &self.graph.nodes[node];
        let Kind::Op(op) = &node.kind else {
            return Err(Error::State { what: "plan: a root is no op".into() });
        };
        let inputs = node.inputs.iter().map(|e| self.graph.edge_type(*e).clone()).collect();
        let mut regions = Vec::new();
        for edge in &node.inputs {
            let source = resolve(self.graph, *edge);
            let region = self.region(source)?;
            if region.stride == 0 {
                regions.push(region);
                continue;
            }
            // Kernels are bound to regions that are the same in all trips.
            let held = self.allocate(region.words, g);
            self.copy(fuse::dtype(self.graph, source).scalar(), region, held);
            regions.push(held);
        }
        Ok(Root { op: Arc::clone(op), inputs, output: node.types[0].clone(), regions })
    }

    fn label(&self, nodes: &[usize]) -> String {
        let scope = nodes.first().map_or("", |n| &self.graph.scopes[self.graph.nodes[*n].scope]);
        let name = |n: &usize| match &self.graph.nodes[*n].kind {
            Kind::Op(op) => op.name().to_string(),
            Kind::Pointwise(exprs) if exprs.len() > 1 => "update".into(),
            Kind::Pointwise(exprs) => match exprs.first() {
                Some(crate::graph::Expr::Call(f, _)) => f.name.into(),
                _ => "copy".into(),
            },
            _ => String::new(),
        };
        let ops = nodes.iter().map(name).collect::<Vec<_>>().join(" + ");
        if scope.is_empty() { ops } else { format!("{scope}: {ops}") }
    }

    /// Copies what could not be made where it belongs.
    fn copy_rest(&mut self) -> Result<(), Error> {
        for (source, to) in std::mem::take(&mut self.copies) {
            self.copy_edge(source, to)?;
        }
        let moves = std::mem::take(&mut self.moves);
        let is_overwritten = |region: &Region| moves.iter().any(|(_, to)| to == region);
        let mut last = Vec::new();
        for (source, to) in &moves {
            let from = self.region(*source)?;
            if moves.len() > 1 && is_overwritten(&from) {
                let held = self.allocate(from.words, usize::MAX);
                self.copy_edge(*source, held)?;
                last.push((fuse::dtype(self.graph, *source).scalar(), held, *to));
            } else {
                last.push((fuse::dtype(self.graph, *source).scalar(), from, *to));
            }
        }
        last.into_iter().for_each(|(scalar, from, to)| self.copy(scalar, from, to));
        Ok(())
    }

    fn copy_edge(&mut self, source: Edge, to: Region) -> Result<(), Error> {
        let from = self.region(source)?;
        self.copy(fuse::dtype(self.graph, source).scalar(), from, to);
        Ok(())
    }

    /// Adds a step that copies a region.
    pub fn copy(&mut self, scalar: Scalar, from: Region, to: Region) {
        let mut made = Made { label: "copy".into(), count: to.words, trips: self.trips, ..Made::default() };
        let id = made.program.operand(Operand::new(scalar, IndexMap::Same));
        made.operand(0, from, &[]);
        made.output(id, None, to);
        let lowered = Lowered::pointwise(to.words, self.caps);
        self.push(made, lowered, usize::MAX);
    }
}

/// A step while it is made.
#[derive(Default)]
struct Made {
    label: String,
    root: Option<Root>,
    program: Program,
    count: usize,
    operands: Vec<Region>,
    words: Vec<u32>,
    outputs: Vec<Region>,
    output_words: Vec<u32>,
    /// Trips of the loop around.
    trips: usize,
}

impl Made {
    /// Says where operand `k` of the program lies; `words` are those of its index map.
    fn operand(&mut self, k: usize, region: Region, words: &[u32]) {
        self.program.operands[k].sliced = region.stride != 0;
        self.words.extend(words);
        self.words.extend(slice_words(&region, self.trips));
        self.operands.push(region);
    }

    fn output(&mut self, value: Id, in_place: Option<usize>, region: Region) {
        self.program.output(value, in_place);
        self.program.sliced_outputs.pop();
        self.program.sliced_outputs.push(region.stride != 0);
        self.output_words.extend(slice_words(&region, self.trips));
        self.outputs.push(region);
    }
}

/// Uniform words of a slice: where the first trip's begins in all of them, and the step from one to the next, modulo 2^32.
fn slice_words(region: &Region, trips: usize) -> Vec<u32> {
    let (_, first) = region.whole(trips);
    let step = i32::try_from(region.stride).unwrap_or(i32::MAX).cast_unsigned();
    if region.stride == 0 { vec![] } else { vec![word(first), step] }
}

/// A step as several, one behind the other, where it works element by element on what is larger than the device binds at once.
fn cut(step: Step, caps: &Caps) -> Vec<Step> {
    let alone = |o: &Operand| matches!(o.map, IndexMap::Same | IndexMap::Scalar);
    let regions = || step.operands.iter().chain(&step.outputs);
    if step.root.is_some()
        || step.program.draws()
        || !step.program.operands.iter().all(alone)
        || regions().any(|r| r.stride != 0)
        || regions().all(|r| caps.parts(r.words) == 1)
    {
        return vec![step];
    }
    let part = |first: usize| {
        let count = (step.count - first).min(caps.part_words());
        let stretch = |r: &Region| Region { offset: r.offset + first, words: count, ..*r };
        let operand = |(o, r): (&Operand, &Region)| if o.map == IndexMap::Same { stretch(r) } else { *r };
        Step {
            count,
            operands: step.program.operands.iter().zip(&step.operands).map(operand).collect(),
            outputs: step.outputs.iter().map(stretch).collect(),
            dispatches: Lowered::pointwise(count, caps).dispatches,
            ..step.clone()
        }
    };
    (0..step.count).step_by(caps.part_words()).map(part).collect()
}

/// Joins neighbouring updates that do the same to stretches that lie one after the other in every arena.
fn merge_updates(steps: &mut Vec<Step>, caps: &Caps) {
    let mut merged: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        if let Some(before) = merged.last_mut()
            && let Some(count) = stretch(before, &step)
            && 4 * count as u64 <= caps.binding_bytes
        {
            let grow = |r: &mut Region| r.words = count;
            before.operands.iter_mut().for_each(grow);
            before.outputs.iter_mut().for_each(grow);
            before.count = count;
            before.dispatches = Lowered::pointwise(count, caps).dispatches;
            continue;
        }
        merged.push(step);
    }
    *steps = merged;
}

/// Elements of both steps and the gap between them, where one dispatch can do both.
fn stretch(a: &Step, b: &Step) -> Option<usize> {
    let same = |p: &Program| p.operands.iter().all(|o| o.map == IndexMap::Same) && !p.draws();
    if a.root.is_some()
        || b.root.is_some()
        || a.repeat.is_some()
        || b.repeat.is_some()
        || a.program != b.program
        || !same(&a.program)
        || !a.program.in_place.iter().all(Option::is_some)
    {
        return None;
    }
    let shift = b.operands.first()?.offset.checked_sub(a.operands.first()?.offset)?;
    let follows = |(x, y): (&Region, &Region)| x.buffer == y.buffer && x.offset + shift == y.offset;
    let all =
        a.operands.iter().zip(&b.operands).all(follows) && a.outputs.iter().zip(&b.outputs).all(follows);
    let no_gap = shift == a.count;
    (all && shift >= a.count && shift == aligned(a.count) && (no_gap || keeps_zero(&a.program)))
        .then(|| shift + b.count)
}

/// Whether a program makes zeros of zeros, whatever the step columns.
fn keeps_zero(program: &Program) -> bool {
    [1e-3, 0.7].iter().all(|step| {
        let mut values: Vec<f64> = Vec::with_capacity(program.instrs.len());
        for instr in &program.instrs {
            values.push(match instr {
                Instr::Load(_) | Instr::Root | Instr::Rand(_) => 0.0,
                Instr::Const(c) => *c,
                Instr::Step(_) => *step,
                Instr::Call(f, args) => {
                    let args: Vec<f64> = args.iter().map(|a| values[*a]).collect();
                    (f.host)(&args)
                }
            });
        }
        program.outputs.iter().all(|o| values[*o] == 0.0)
    })
}

//! From a graph to a plan: groups become steps, values get memory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Lowered;
use rhyton_kernels::program::{IndexMap, Instr, Operand, Program};

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
    let fused = fuse::fuse(graph, outputs, caps);
    let kept =
        outputs.iter().chain(graph.assigns.iter().map(|(_, e)| e)).map(|e| resolve(graph, *e)).collect();
    let mut builder = Planner {
        graph,
        caps,
        arenas,
        fused: &fused,
        kept,
        buffers: arenas
            .arenas
            .iter()
            .map(|(name, words)| Buffer { name: name.clone(), role: Role::Arena, words: *words })
            .collect(),
        regions: HashMap::new(),
        pool: Pool::default(),
        steps: Vec::new(),
        copies: Vec::new(),
    };
    builder.place_fixed(outputs)?;
    let last = builder.last_uses();
    for g in 0..fused.groups.len() {
        builder.step(g, &last)?;
        builder.pool.release(g);
    }
    builder.copy_rest(outputs)?;
    let mut steps = builder.steps;
    merge_updates(&mut steps, caps);
    Ok(Plan { caps: caps.clone(), buffers: builder.buffers, steps })
}

#[derive(Default)]
struct Pool {
    /// Buffer, words, and the group after which it is free again (`None` while free).
    slots: Vec<(BufferId, usize, Option<usize>)>,
}

impl Pool {
    fn release(&mut self, done: usize) {
        self.slots.iter_mut().filter(|s| s.2 == Some(done)).for_each(|s| s.2 = None);
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    caps: &'a Caps,
    arenas: &'a Arenas,
    fused: &'a Fused,
    kept: HashSet<Edge>,
    buffers: Vec<Buffer>,
    regions: HashMap<Edge, Region>,
    pool: Pool,
    steps: Vec<Step>,
    /// Copies made last: from a region to a variable's or an output's.
    copies: Vec<(Edge, Region)>,
}

impl Planner<'_> {
    fn buffer(&mut self, name: String, role: Role, words: usize) -> BufferId {
        self.buffers.push(Buffer { name, role, words: aligned(words.max(1)) });
        self.buffers.len() - 1
    }

    fn variable_region(&self, variable: &Variable) -> Result<Region, Error> {
        let (arena, offset) = self.arenas.places.get(&variable.id()).ok_or_else(|| Error::State {
            what: format!("variable {} is used by the model, but does not belong to it", variable.name()),
        })?;
        Ok(Region { buffer: *arena, offset: *offset, words: variable.len() })
    }

    /// Regions of inputs, variables, outputs, assigned values and gradients.
    fn place_fixed(&mut self, outputs: &[Edge]) -> Result<(), Error> {
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let edge = Edge { node: i, output: 0 };
            match &node.kind {
                Kind::Input(k) => {
                    let words = node.types[0].len();
                    let buffer = self.buffer(format!("input {k}"), Role::Input(*k), words);
                    self.regions.insert(edge, Region { buffer, offset: 0, words });
                }
                Kind::Variable(v) => {
                    let region = self.variable_region(v)?;
                    self.regions.insert(edge, region);
                }
                _ => {}
            }
        }
        for (variable, edge) in &self.graph.assigns {
            let (source, region) = (resolve(self.graph, *edge), self.variable_region(variable)?);
            let free = !self.regions.contains_key(&source);
            if free && self.may_write(variable, source) {
                self.regions.insert(source, region);
            } else {
                self.copies.push((source, region));
            }
        }
        for (k, edge) in outputs.iter().enumerate() {
            let source = resolve(self.graph, *edge);
            let words = self.graph.edge_type(*edge).len();
            let buffer = self.buffer(format!("output {k}"), Role::Output(k), words);
            let region = Region { buffer, offset: 0, words };
            match self.regions.entry(source) {
                Entry::Occupied(_) => self.copies.push((source, region)),
                Entry::Vacant(free) => {
                    free.insert(region);
                }
            }
        }
        self.place_gradients();
        Ok(())
    }

    /// Whether the group that makes `source` may write it into the variable at once: no later group reads the old value.
    fn may_write(&self, variable: &Variable, source: Edge) -> bool {
        let Some(g) = self.fused.group_of[source.node] else { return false };
        let place =
            self.graph.nodes.iter().position(|n| matches!(&n.kind, Kind::Variable(v) if v == variable));
        let Some(place) = place.map(|node| Edge { node, output: 0 }) else { return true };
        let group = &self.fused.groups[g];
        let elementwise = !group.reads.iter().any(|r| r.edge == place && r.operand.map != IndexMap::Same)
            && !group
                .root
                .is_some_and(|r| self.graph.nodes[r].inputs.iter().any(|e| resolve(self.graph, *e) == place));
        let readers = self.fused.readers.get(&place).map_or(&[][..], Vec::as_slice);
        elementwise && readers.iter().all(|r| self.fused.group_of[*r].is_some_and(|of| of <= g))
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
                    self.regions.insert(source, Region { buffer: usize::MAX, offset, words });
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
            self.regions.insert(source, Region { buffer: first + buffer, offset, words });
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
        for (edge, _) in &self.copies {
            last.insert(*edge, usize::MAX);
        }
        last
    }

    fn allocate(&mut self, words: usize, until: usize) -> Region {
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
        Region { buffer, offset: 0, words }
    }

    fn region(&self, edge: Edge) -> Result<Region, Error> {
        self.regions
            .get(&edge)
            .copied()
            .ok_or_else(|| Error::State { what: format!("plan: node {} has no memory", edge.node) })
    }

    fn step(&mut self, g: usize, last: &HashMap<Edge, usize>) -> Result<(), Error> {
        let group = &self.fused.groups[g];
        let stored = self.fused.stored(g, &self.kept);
        for edge in &stored {
            if !self.regions.contains_key(edge) {
                let until = last.get(edge).copied().unwrap_or(g);
                let region = self.allocate(self.graph.edge_type(*edge).len(), until);
                self.regions.insert(*edge, region);
            }
        }
        let group = group.clone();
        let mut program = group.program;
        let operands = group.reads.iter().map(|r| self.region(r.edge)).collect::<Result<Vec<_>, _>>()?;
        let mut outputs = Vec::new();
        for edge in &stored {
            let region = self.region(*edge)?;
            let same = |k: &usize| operands[*k] == region && group.reads[*k].operand.map == IndexMap::Same;
            program.output(group.values[edge], (0..operands.len()).find(same));
            outputs.push(region);
        }
        let count = group.shape.iter().product();
        let root = match group.root {
            Some(node) => Some(self.root(node)?),
            None => None,
        };
        let lowered = match &root {
            Some(root) => root.op.lower(&root.inputs, &root.output, self.caps),
            None => Lowered::pointwise(count, self.caps),
        };
        let label = self.label(&group.nodes);
        let words = group.reads.iter().flat_map(|r| r.words.clone()).collect();
        self.push(label, root, program, count, operands, words, outputs, lowered, g);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn push(
        &mut self,
        label: String,
        root: Option<Root>,
        program: Program,
        count: usize,
        operands: Vec<Region>,
        words: Vec<u32>,
        outputs: Vec<Region>,
        lowered: Lowered,
        g: usize,
    ) {
        let scratch = lowered.scratch.iter().map(|w| self.allocate(*w, g)).collect();
        let dispatches = lowered.dispatches;
        let step = Step { label, root, program, count, operands, words, outputs, dispatches, scratch };
        self.steps.extend(cut(step, self.caps));
    }

    fn root(&self, node: usize) -> Result<Root, Error> {
        let node = &self.graph.nodes[node];
        let Kind::Op(op) = &node.kind else {
            return Err(Error::State { what: "plan: a root is no op".into() });
        };
        let inputs = node.inputs.iter().map(|e| self.graph.edge_type(*e).clone()).collect();
        let regions =
            node.inputs.iter().map(|e| self.region(resolve(self.graph, *e))).collect::<Result<_, _>>()?;
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
    fn copy_rest(&mut self, _outputs: &[Edge]) -> Result<(), Error> {
        for (source, to) in std::mem::take(&mut self.copies) {
            let from = self.region(source)?;
            let mut program = Program::default();
            let scalar = fuse::dtype(self.graph, source).scalar();
            let id = program.operand(Operand { scalar, map: IndexMap::Same });
            program.output(id, None);
            let lowered = Lowered::pointwise(to.words, self.caps);
            self.push(
                "copy".into(),
                None,
                program,
                to.words,
                vec![from],
                vec![],
                vec![to],
                lowered,
                usize::MAX,
            );
        }
        Ok(())
    }
}

/// A step as several, one behind the other, where it works element by element on what is larger than the device binds at once.
fn cut(step: Step, caps: &Caps) -> Vec<Step> {
    let alone = |o: &Operand| matches!(o.map, IndexMap::Same | IndexMap::Scalar);
    let regions = || step.operands.iter().chain(&step.outputs);
    if step.root.is_some()
        || step.program.draws()
        || !step.program.operands.iter().all(alone)
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

//! Which nodes of a graph are computed together.
//!
//! A group is a root op with the pointwise nodes that follow it element by element, or pointwise nodes alone. Groups run in
//! the order of their numbers. A node joins the last group that makes one of its inputs, where it has that group's index space
//! and everything else that it reads is made before.

use std::collections::{HashMap, HashSet};

use rhyton_kernels::caps::Caps;
use rhyton_kernels::program::{Id, Instr, Operand, Program};

use super::ends::Ends;
use super::index::index_map;
use crate::graph::{DType, Edge, Expr, Graph, Kind};

/// Gradients of at least this many elements are updated where they are made, and never stored; smaller ones go to the
/// gradient arena, where neighbours are updated by one dispatch.
const FUSE_UPDATE_FROM: usize = 32_768;

/// What a group reads: an edge under an index map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub edge: Edge,
    pub operand: Operand,
    pub words: Vec<u32>,
}

/// Nodes that are computed together.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// The op at its root.
    pub root: Option<usize>,
    /// All its nodes, the root first.
    pub nodes: Vec<usize>,
    /// Shape of its index space.
    pub shape: Vec<usize>,
    /// Operands in order of the program's.
    pub reads: Vec<Read>,
    /// Its program, without outputs.
    pub program: Program,
    /// Values that it makes.
    pub values: HashMap<Edge, Id>,
}

/// The graph's uses and groups.
pub(super) struct Fused {
    pub groups: Vec<Group>,
    /// Group of each node that is in one.
    pub group_of: Vec<Option<usize>>,
    /// For each edge that something reads, the reading nodes (reshapes seen through).
    pub readers: HashMap<Edge, Vec<usize>>,
}

/// The edge whose memory an edge has: reshapes are aliases.
pub(super) fn resolve(graph: &Graph, mut edge: Edge) -> Edge {
    while matches!(graph.nodes[edge.node].kind, Kind::Reshape) {
        edge = graph.nodes[edge.node].inputs[0];
    }
    edge
}

/// Groups the live nodes of a graph.
pub(super) fn fuse(graph: &Graph, ends: &Ends, caps: &Caps) -> Fused {
    let live = live(graph, ends);
    let mut readers: HashMap<Edge, Vec<usize>> = HashMap::new();
    for (i, node) in
        graph.nodes.iter().enumerate().filter(|(i, n)| live[*i] && !matches!(n.kind, Kind::Reshape))
    {
        for edge in &node.inputs {
            let list = readers.entry(resolve(graph, *edge)).or_default();
            if list.last() != Some(&i) {
                list.push(i);
            }
        }
    }
    let mut fuser = Fuser {
        graph,
        caps,
        kept: ends.all().collect(),
        fused: Fused { groups: Vec::new(), group_of: vec![None; graph.nodes.len()], readers },
        ends,
    };
    for i in (0..graph.nodes.len()).filter(|i| live[*i]) {
        match &graph.nodes[i].kind {
            Kind::Input(_) | Kind::Constant(_) | Kind::Variable(_) | Kind::Reshape => {}
            Kind::Op(_) => fuser.start(i, true),
            Kind::Loop(_) => fuser.alone(i),
            Kind::Pointwise(exprs) => {
                if !fuser.inlines(i) && !fuser.join(i, exprs) {
                    fuser.start(i, false);
                    fuser.extend(fuser.fused.groups.len() - 1, i, exprs);
                }
            }
        }
    }
    fuser.fused
}

fn live(graph: &Graph, ends: &Ends) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    ends.all().for_each(|e| live[e.node] = true);
    for i in (0..graph.nodes.len()).rev() {
        if live[i] {
            graph.nodes[i].inputs.iter().for_each(|e| live[e.node] = true);
        }
    }
    live
}

struct Fuser<'a> {
    graph: &'a Graph,
    caps: &'a Caps,
    kept: HashSet<Edge>,
    ends: &'a Ends,
    fused: Fused,
}

impl Fuser<'_> {
    /// Whether a node is written into its readers instead of being stored: one without inputs, or one that only converts
    /// the step's data (loads convert).
    fn inlines(&self, i: usize) -> bool {
        let node = &self.graph.nodes[i];
        let edge = Edge { node: i, output: 0 };
        let Kind::Pointwise(exprs) = &node.kind else { return false };
        let converts = self.converted(i).is_some();
        if !(node.inputs.is_empty() || converts) || exprs.len() != 1 || self.kept.contains(&edge) {
            return false;
        }
        let mut draws = false;
        exprs[0].visit(&mut |e| draws |= matches!(e, Expr::Rand(_)));
        let readers = self.fused.readers.get(&edge).map_or(&[][..], Vec::as_slice);
        readers.iter().all(|r| {
            let reader = &self.graph.nodes[*r];
            matches!(reader.kind, Kind::Pointwise(_))
                && (!draws || reader.types[0].len() == node.types[0].len())
        })
    }

    /// What a node only converts: data of the step or a variable, in the same shape.
    fn converted(&self, i: usize) -> Option<Edge> {
        let node = &self.graph.nodes[i];
        match (&node.kind, node.inputs.as_slice()) {
            (Kind::Pointwise(exprs), [input]) if exprs.as_slice() == [Expr::In(0)] => {
                let source = resolve(self.graph, *input);
                let stored = matches!(self.graph.nodes[source.node].kind, Kind::Input(_) | Kind::Variable(_));
                (stored && self.graph.edge_type(*input).len() == node.types[0].len()).then_some(source)
            }
            _ => None,
        }
    }

    fn start(&mut self, i: usize, root: bool) {
        let mut group = Group { shape: self.graph.nodes[i].types[0].shape.clone(), ..Group::default() };
        if root {
            group.root = Some(i);
            group.nodes.push(i);
            let id = group.program.push(Instr::Root);
            group.values.insert(Edge { node: i, output: 0 }, id);
            self.fused.group_of[i] = Some(self.fused.groups.len());
        }
        self.fused.groups.push(group);
    }

    /// A group of a loop, which nothing joins.
    fn alone(&mut self, i: usize) {
        self.fused.group_of[i] = Some(self.fused.groups.len());
        self.fused.groups.push(Group { root: Some(i), nodes: vec![i], ..Group::default() });
    }

    /// Puts a pointwise node into the last group that makes one of its inputs, if it may go there.
    fn join(&mut self, i: usize, exprs: &[Expr]) -> bool {
        let node = &self.graph.nodes[i];
        let makers = node.inputs.iter().filter_map(|e| self.fused.group_of[resolve(self.graph, *e).node]);
        let Some(g) = makers.max() else { return false };
        let group = &self.fused.groups[g];
        let count = node.types[0].len();
        let looped = group.root.is_some_and(|r| matches!(self.graph.nodes[r].kind, Kind::Loop(_)));
        if looped || group.shape.iter().product::<usize>() != count {
            return false;
        }
        // What this group makes must be read element by element.
        let inner = |e: &&Edge| self.fused.group_of[resolve(self.graph, **e).node] == Some(g);
        if node.inputs.iter().filter(inner).any(|e| self.graph.edge_type(*e).len() != count) {
            return false;
        }
        if self.ends.next.iter().any(|n| n.given.node == i) && !self.may_update(i, g) {
            return false;
        }
        let mut trial = group.clone();
        self.add(&mut trial, i, exprs);
        if self.bindings(&trial) > self.caps.storage_buffers as usize {
            return false;
        }
        self.fused.group_of[i] = Some(g);
        self.fused.groups[g] = trial;
        true
    }

    /// Whether variables that node `i` gives new values may be written while group `g` runs: nothing reads their old
    /// values later, nor at other elements in the group itself; and it is worth it.
    fn may_update(&self, i: usize, g: usize) -> bool {
        let group = &self.fused.groups[g];
        let exprs = match &self.graph.nodes[i].kind {
            Kind::Pointwise(exprs) => exprs.len(),
            _ => 1,
        };
        if exprs > 1 && group.shape.iter().product::<usize>() < FUSE_UPDATE_FROM {
            return false;
        }
        let root_reads: HashSet<Edge> = group
            .root
            .map(|r| self.graph.nodes[r].inputs.iter().map(|e| resolve(self.graph, *e)).collect())
            .unwrap_or_default();
        self.ends.next.iter().filter(|n| n.given.node == i).all(|next| {
            let Some(place) = next.place else { return true };
            let readers = self.fused.readers.get(&place).map_or(&[][..], Vec::as_slice);
            !root_reads.contains(&place)
                && readers.iter().all(|r| {
                    *r == i
                        || self.fused.group_of[*r]
                            .is_some_and(|of| of < g || self.element_reader(*r, of, g, place))
                })
        })
    }

    /// Whether node `r`, in the group `g` itself, reads the variable element by element.
    fn element_reader(&self, r: usize, of: usize, g: usize, place: Edge) -> bool {
        let node = &self.graph.nodes[r];
        let count = self.fused.groups[g].shape.iter().product::<usize>();
        of == g
            && matches!(node.kind, Kind::Pointwise(_))
            && node
                .inputs
                .iter()
                .filter(|e| resolve(self.graph, **e) == place)
                .all(|e| self.graph.edge_type(*e).len() == count)
    }

    fn extend(&mut self, g: usize, i: usize, exprs: &[Expr]) {
        let mut group = std::mem::take(&mut self.fused.groups[g]);
        self.add(&mut group, i, exprs);
        self.fused.groups[g] = group;
        self.fused.group_of[i] = Some(g);
    }

    /// Adds a node's expressions to a group's program.
    fn add(&self, group: &mut Group, i: usize, exprs: &[Expr]) {
        let node = &self.graph.nodes[i];
        let shape = &node.types[0].shape;
        let mut ids = Vec::new();
        for edge in &node.inputs {
            let source = resolve(self.graph, *edge);
            let inlines = self.inlines(source.node);
            let converted = if inlines { self.converted(source.node) } else { None };
            let id = if let Some(id) = group.values.get(&source) {
                *id
            } else if let Some(from) = converted {
                // Elements are where the conversion has them; only their type differs.
                let (map, words) = index_map(&self.graph.edge_type(*edge).shape, shape);
                let operand = Operand::new(self.graph.edge_type(from).dtype.scalar(), map);
                self.read(group, Read { edge: from, operand, words })
            } else if let Some(expr) = self.inlined(source) {
                group.program.expr(&expr, &[])
            } else {
                let ty = self.graph.edge_type(*edge);
                let (map, words) = index_map(&ty.shape, shape);
                self.read(group, Read { edge: source, operand: Operand::new(ty.dtype.scalar(), map), words })
            };
            ids.push(id);
        }
        for (output, expr) in exprs.iter().enumerate() {
            let id = group.program.expr(expr, &ids);
            group.values.insert(Edge { node: i, output }, id);
        }
        group.nodes.push(i);
    }

    fn read(&self, group: &mut Group, read: Read) -> Id {
        match group.reads.iter().position(|r| *r == read) {
            Some(k) => group.program.push(Instr::Load(k)),
            None => {
                let operand = read.operand;
                group.reads.push(read);
                group.program.operand(operand)
            }
        }
    }

    fn inlined(&self, edge: Edge) -> Option<Expr> {
        match &self.graph.nodes[edge.node].kind {
            Kind::Pointwise(exprs) if self.inlines(edge.node) => exprs.first().cloned(),
            _ => None,
        }
    }

    /// Storage bindings of a group: what its root and its program read, and every value that something outside may read.
    fn bindings(&self, group: &Group) -> usize {
        // What is larger than the device binds at once takes several.
        let parts = |e: &Edge| self.caps.parts(self.graph.edge_type(*e).len());
        let root: usize = group.root.map_or(0, |r| self.graph.nodes[r].inputs.iter().map(parts).sum());
        let stored: usize = group.values.keys().filter(|e| self.is_stored(group, **e)).map(parts).sum();
        // An update in place shares its operand's binding.
        let in_place = self.ends.next.iter().filter(|n| {
            group.values.contains_key(&n.given) && group.reads.iter().any(|r| Some(r.edge) == n.place)
        });
        let in_place: usize = in_place.map(|n| parts(&n.given)).sum();
        let more: usize = group.values.keys().map(|e| self.ends.more(*e)).sum();
        let reads: usize = group.reads.iter().map(|r| parts(&r.edge)).sum();
        root + reads + stored + more - in_place
    }

    /// Whether a value of a group is read outside of it.
    fn is_stored(&self, group: &Group, edge: Edge) -> bool {
        self.kept.contains(&edge)
            || self.fused.readers.get(&edge).is_some_and(|list| list.iter().any(|r| !group.nodes.contains(r)))
    }
}

impl Fused {
    /// Values of group `g` that must be stored, in a fixed order.
    pub fn stored(&self, g: usize, kept: &HashSet<Edge>) -> Vec<Edge> {
        let group = &self.groups[g];
        let outside = |e: &Edge| {
            kept.contains(e)
                || self.readers.get(e).is_some_and(|list| list.iter().any(|r| !group.nodes.contains(r)))
        };
        let mut edges: Vec<Edge> = group.values.keys().copied().filter(outside).collect();
        edges.sort_unstable();
        edges
    }
}

/// Element type of an edge that a root op reads.
pub(super) fn dtype(graph: &Graph, edge: Edge) -> DType {
    graph.edge_type(edge).dtype
}

//! Where a model's variables lie on a device, and the plans made ready there.

use std::collections::HashMap;
use std::sync::Arc;

use super::block;
use super::model::Model;
use super::trace::StepTypes;
use crate::Error;
use crate::device::{Device, MemoryRef, Placed, Replay, StepRow};
use crate::graph::{Edge, Graph, Kind, Value, Variable};
use crate::plan::{Arenas, Role, plan};

/// Plans that are kept ready: training, evaluation and prediction with their last, smaller batches, and some more.
const KEPT_PLANS: usize = 8;
/// Bytes of a window: all inputs and outputs of the steps of one submit.
const WINDOW_BYTES: usize = 4 << 20;
/// Steps of one submit at most.
const WINDOW_STEPS: usize = 32;

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub mode: Mode,
    pub types: StepTypes,
    /// Ids of the variables that training changes.
    pub trainable: Vec<u64>,
    /// Says how often layers had learned something: what they know is part of a plan.
    pub learned: u64,
}

/// What a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Train { no_dropout: bool },
    Evaluate,
    Predict,
}

/// Variables placed on a device, and plans.
pub(super) struct Session {
    pub device: Device,
    memories: Vec<MemoryRef>,
    arenas: Arenas,
    pool: Vec<MemoryRef>,
    /// Most recently used last.
    plans: Vec<(Key, Ready)>,
}

/// Memory that holds one value per step of a submit.
#[derive(Clone)]
pub(super) struct Window {
    pub memory: MemoryRef,
    /// Words from one step's value to the next.
    pub stride: usize,
    /// Words of a value.
    pub words: usize,
}

/// A plan made ready, with its windows.
pub(super) struct Ready {
    pub replay: Box<dyn Replay>,
    /// Windows of the inputs.
    pub inputs: Vec<Window>,
    /// Windows of the outputs.
    pub outputs: Vec<Window>,
    /// Shapes of the outputs.
    pub shapes: Vec<Vec<usize>>,
    /// Steps that a window holds.
    pub steps: usize,
}

impl Session {
    pub fn new(device: Device) -> Self {
        Session { device, memories: vec![], arenas: Arenas::default(), pool: vec![], plans: vec![] }
    }

    /// Makes sure that these variables lie on the device; new ones go to an arena of this name.
    pub fn place(&mut self, name: &str, variables: &[Variable]) -> Result<(), Error> {
        let backend = self.device.backend().clone();
        let mut fresh = Vec::new();
        for variable in variables.iter().filter(|v| !v.is_empty()) {
            if let Value::Device(resident, offset) = variable.value()? {
                let here =
                    resident.as_any().downcast_ref::<Placed>().filter(|p| Arc::ptr_eq(&p.backend, &backend));
                if let Some(placed) = here {
                    let arena = self.arena_of(&placed.memory, name);
                    self.arenas.places.insert(variable.id(), (arena, offset));
                    continue;
                }
            }
            if !fresh.contains(variable) {
                fresh.push(variable.clone());
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let buffers = self.arenas.add(name, &fresh, backend.caps());
        let allocate = |(name, words): &(String, usize)| backend.allocate(name, *words);
        let memories: Result<Vec<_>, _> = self.arenas.arenas[buffers.clone()].iter().map(allocate).collect();
        match memories {
            Ok(memories) => self.memories.extend(memories),
            Err(error) => {
                self.arenas.truncate(buffers.start);
                return Err(error);
            }
        }
        self.plans.clear();
        for variable in &fresh {
            let (buffer, offset) = self.arenas.places[&variable.id()];
            let memory = self.memories[buffer].clone();
            let values = match variable.host()? {
                Some(values) => values.to_vec(),
                None => block::wait(variable.read())?,
            };
            backend.write(&memory, offset, &values)?;
            let placed = Placed { backend: backend.clone(), memory };
            variable.place(Value::Device(Arc::new(placed), offset))?;
        }
        Ok(())
    }

    /// Gives back the plans, and the memory of all variables but these and what lies in the same buffers.
    pub fn keep_only(&mut self, variables: &[Variable]) {
        self.plans.clear();
        let kept = self.arenas.keep_only(variables);
        let mut kept = kept.into_iter();
        self.memories.retain(|_| kept.next() == Some(true));
    }

    fn arena_of(&mut self, memory: &MemoryRef, name: &str) -> usize {
        let known = self.memories.iter().position(|m| Arc::ptr_eq(m, memory));
        known.unwrap_or_else(|| {
            self.memories.push(memory.clone());
            self.arenas.arenas.push((name.into(), memory.words()));
            self.plans.clear();
            self.memories.len() - 1
        })
    }

    /// The plan for a key, made and prepared when it is not kept.
    pub fn ready(
        &mut self,
        key: &Key,
        make: impl FnOnce() -> Result<(Graph, Vec<Edge>), Error>,
    ) -> Result<&mut Ready, Error> {
        if let Some(at) = self.plans.iter().position(|(k, _)| k == key) {
            let found = self.plans.remove(at);
            self.plans.push(found);
        } else {
            let (graph, outputs) = make()?;
            let ready = self.prepare(&graph, &outputs)?;
            if self.plans.len() == KEPT_PLANS {
                self.plans.remove(0);
            }
            self.plans.push((key.clone(), ready));
        }
        self.plans.last_mut().map(|(_, r)| r).ok_or_else(|| Error::State { what: "no plan".into() })
    }

    fn prepare(&mut self, graph: &Graph, outputs: &[Edge]) -> Result<Ready, Error> {
        let backend = self.device.backend().clone();
        let plan = Arc::new(plan(graph, outputs, &self.arenas, backend.caps())?);
        let windowed = |r: &Role| matches!(r, Role::Input(_) | Role::Output(_));
        let bytes: usize = plan.buffers.iter().filter(|b| windowed(&b.role)).map(|b| 4 * b.words).sum();
        // All slots of a window lie in one buffer.
        let largest = plan.buffers.iter().filter(|b| windowed(&b.role)).map(|b| 4 * b.words).max();
        let slots = backend.caps().buffer_bytes / largest.unwrap_or(0).max(1) as u64;
        let most = usize::try_from(slots).unwrap_or(WINDOW_STEPS).clamp(1, WINDOW_STEPS);
        let steps = (WINDOW_BYTES / bytes.max(1)).clamp(1, most);
        let mut memories = self.memories.clone();
        let outputs_words: Vec<usize> = outputs.iter().map(|e| graph.edge_type(*e).len()).collect();
        let (mut pools, mut inputs, mut outputs_by) = (0, HashMap::new(), HashMap::new());
        for buffer in &plan.buffers[memories.len()..] {
            memories.push(match buffer.role {
                Role::Input(k) => {
                    let memory = backend.allocate(&buffer.name, steps * buffer.words)?;
                    let words = input_words(graph, k);
                    inputs.insert(k, Window { memory: memory.clone(), stride: buffer.words, words });
                    memory
                }
                Role::Output(k) => {
                    let memory = backend.allocate(&buffer.name, steps * buffer.words)?;
                    let words = outputs_words.get(k).copied().unwrap_or(buffer.words);
                    outputs_by.insert(k, Window { memory: memory.clone(), stride: buffer.words, words });
                    memory
                }
                // Plans run one after the other, so they share intermediate memory.
                Role::Pool => {
                    if pools == self.pool.len() {
                        self.pool.push(backend.allocate(&format!("pool {pools}"), buffer.words)?);
                    } else if self.pool[pools].words() < buffer.words {
                        self.pool[pools] = backend.allocate(&format!("pool {pools}"), buffer.words)?;
                    }
                    pools += 1;
                    self.pool[pools - 1].clone()
                }
                Role::Constant(ref numbers) => {
                    let memory = backend.allocate(&buffer.name, buffer.words)?;
                    backend.write(&memory, 0, numbers.words())?;
                    memory
                }
                // Its own: the gaps between gradients stay zero.
                Role::Gradients => backend.allocate(&buffer.name, buffer.words)?,
                Role::Arena => {
                    return Err(Error::State { what: format!("arena {} has no memory", buffer.name) });
                }
            });
        }
        let replay = backend.prepare(&plan, memories)?;
        let in_order = |mut map: HashMap<usize, Window>| {
            let mut list: Vec<_> = map.drain().collect();
            list.sort_by_key(|(k, _)| *k);
            list.into_iter().map(|(_, v)| v).collect()
        };
        let shapes = outputs.iter().map(|e| graph.edge_type(*e).shape.clone()).collect();
        Ok(Ready { replay, inputs: in_order(inputs), outputs: in_order(outputs_by), shapes, steps })
    }
}

impl Model {
    /// Buffers that its variables, its optimizer's slots and its metrics' sums have on its device: every plan has all of them.
    pub fn placed_buffers(&self) -> usize {
        self.session.as_ref().map_or(0, |s| s.memories.len())
    }

    /// Checks whether each variable fits into a buffer of the device.
    pub(super) fn check_sizes(&self, device: &Device) -> Result<(), Error> {
        let most = device.backend().caps().buffer_bytes;
        let large = |v: &Variable| 4 * v.len() as u64 > most;
        let Some(variable) = self.variables().into_iter().find(large) else { return Ok(()) };
        let owner = |n: &crate::models::Network| {
            let has = |l: &&crate::graph::LayerRef| l.variables().iter().any(|(v, _)| *v == variable);
            n.layers.iter().find(has).map(|l| format!("{}/", l.name()))
        };
        Err(Error::Device {
            device: device.backend().name().into(),
            what: format!(
                "variable {}{} of shape {:?} needs {} bytes in one buffer, but a buffer has {most} at most: take another device (the \
                 CPU has no limit), or make the layer smaller",
                self.network(owner).ok().flatten().unwrap_or_default(),
                variable.name(),
                variable.shape(),
                4 * variable.len()
            ),
        })
    }
}

fn input_words(graph: &Graph, input: usize) -> usize {
    let node = graph.nodes.iter().find(|n| matches!(n.kind, Kind::Input(k) if k == input));
    node.map_or(0, |n| n.types[0].len())
}

impl Ready {
    /// Runs one replay per row; `inputs` has, for each input, the data of all these steps one after the other.
    pub fn run(&mut self, device: &Device, inputs: &[Vec<u32>], rows: &[StepRow]) -> Result<(), Error> {
        for (window, data) in self.inputs.iter().zip(inputs) {
            if window.words == window.stride || rows.len() == 1 {
                device.backend().write(&window.memory, 0, data)?;
            } else {
                let mut image = vec![0; window.stride * rows.len()];
                for (to, from) in
                    image.chunks_exact_mut(window.stride).zip(data.chunks_exact(window.words.max(1)))
                {
                    to[..window.words].copy_from_slice(from);
                }
                device.backend().write(&window.memory, 0, &image)?;
            }
        }
        self.replay.run(rows)
    }
}

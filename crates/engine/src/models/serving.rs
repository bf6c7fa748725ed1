//! The serving graph of a model: its prediction as TensorFlow nodes.
//!
//! The layers are traced three times with different stand-ins for the axes that data decide. What differs between the traces is such an
//! axis, or computed from one; everything else must agree, else the graph holds for one batch size alone and is not given.

mod lengths;
mod loops;
mod pointwise;
mod walk;

use self::walk::{Inputs, Walk, inside};
use super::network::Network;
use crate::export::{Element, Node, Source};
use crate::graph::{CallContext, DType, Graph, LayerRef, Tensor, TensorType, Variable, trace};
use crate::types::Shape;

/// For the batch axis and for all others, in each trace. The numbers of the second are larger by one, so that they leave other
/// remainders whatever the stride of a window; those of the third are far away, so that they leave another number of windows.
const STAND_INS: [[usize; 2]; 3] = [[251, 1009], [252, 1010], [509, 2039]];

/// An input or output of a serving graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name: of the input layer, or of the layer that makes the output, as tf_keras names them.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Shape with the batch axis; `None` for an axis that data decide.
    pub shape: Vec<Option<usize>>,
    /// What it is.
    pub source: Source,
}

/// A model's prediction as a TensorFlow graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The model's inputs, in order.
    pub inputs: Vec<Port>,
    /// Its outputs, in order.
    pub outputs: Vec<Port>,
    /// Variables that the graph reads.
    pub variables: Vec<Variable>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// The serving graph of a network.
///
/// # Errors
/// Why there is none: it is not built, an op has no TensorFlow nodes, or the graph depends on the lengths of axes that data decide.
pub fn serving(root: &LayerRef) -> Result<Serving, String> {
    let held = root.layer();
    let network = held.as_any().downcast_ref::<Network>().ok_or("it is no network of layers")?;
    if !network.is_built() {
        return Err(
            "its input shape is not known: build it first, by input_shape, build() or its first data".into(),
        );
    }
    if network.has_host_layers() {
        return Err("it has layers that are computed on the host (lookups of words, hashes), of which no graph is written".into());
    }
    let types: Vec<(Shape, DType)> =
        network.inputs.iter().map(|call| network.symbol_type((*call, 0))).collect();
    let mut graphs = Vec::with_capacity(STAND_INS.len());
    let mut outputs = Vec::new();
    for stand_ins in STAND_INS {
        let traced = trace(|| {
            let xs: Vec<Tensor> = types.iter().enumerate().map(|(i, t)| input(i, t, stand_ins)).collect();
            let outputs = held.call_all(&xs, &CallContext::new(false));
            Ok(outputs.into_iter().filter_map(Tensor::edge).collect::<Vec<_>>())
        });
        let (graph, made) = traced.map_err(|e| e.to_string())?;
        if let Some((variable, _)) = graph.assigns.first() {
            return Err(format!("a prediction changes the variable `{}` for the next one", variable.name()));
        }
        if !graphs.is_empty() && made != outputs {
            return Err("its outputs depend on the lengths of axes that data decide".into());
        }
        graphs.push(graph);
        outputs = made;
    }
    let graphs: Vec<&Graph> = graphs.iter().collect();
    let mut walk = Walk::new(&graphs, Inputs::Ports(&types));
    walk.all(&outputs)?;
    let name = |call: usize| network.layers[network.calls[call].layer].name();
    let inputs = types.iter().enumerate().map(|(i, (shape, dtype))| Port {
        name: name(network.inputs[i]),
        element: (*dtype).into(),
        shape: shape.0.clone(),
        source: Source::Input(i),
    });
    let names = unique(network.outputs.iter().map(|(call, _)| name(*call)));
    let outputs = outputs.iter().zip(names).map(|(edge, name)| {
        let dtype = graphs[0].edge_type(*edge).dtype;
        let source = walk.source(*edge)?;
        let source = walk.nodes.cast(source, inside(dtype), dtype.into());
        Ok(Port { name, element: dtype.into(), shape: walk.shape(*edge), source })
    });
    let (inputs, outputs) = (inputs.collect(), outputs.collect::<Result<_, String>>()?);
    Ok(Serving { inputs, outputs, variables: walk.variables, nodes: walk.nodes.into_list() })
}

fn input(number: usize, (shape, dtype): &(Shape, DType), [batch, other]: [usize; 2]) -> Tensor {
    let axis = |(i, n): (usize, &Option<usize>)| n.unwrap_or(if i == 0 { batch } else { other });
    let shape = shape.0.iter().enumerate().map(axis).collect();
    Tensor::input(number, TensorType { dtype: dtype.fed(), shape })
}

/// Names of outputs: a layer with several has a number behind its name from the second on.
fn unique(layers: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for layer in layers {
        let numbered = (1..).map(|n: usize| format!("{layer}_{n}"));
        let free = std::iter::once(layer.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.unwrap_or(layer));
    }
    names
}

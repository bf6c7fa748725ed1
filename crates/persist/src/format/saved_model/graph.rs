//! The serving graph in TensorFlow's messages: once as a function, for `tf.saved_model.load`, and called from a graph that also restores the
//! variables, for sessions and servers. Nothing here knows what an op does.

mod function;
mod session;

use std::collections::{BTreeMap, HashSet};

use crate::container::protobuf::{
    AttrValue, DictValue, FunctionDefLibrary, GraphDef, NodeDef, SavedConcreteFunction, SaverDef,
    SignatureDef, StructuredValue, TensorShapeProto, TensorSpecProto, TupleValue, VersionDef,
    attr_value::ListValue, attr_value::Value, structured_value::Kind, tensor_shape_proto::Dim,
};
use crate::format::tf_checkpoint::number_of;
use crate::tree::{DType, Port, Serving, Variable};

/// Name of the signature.
pub(super) const SIGNATURE: &str = "serving_default";
/// Name of the function.
pub(super) const FUNCTION: &str = "__inference_signature_wrapper";
/// How graphs are to be understood: as TensorFlow 2.3 wrote them. Every op of ours was then as it is now.
const PRODUCER: i32 = 440;

/// A variable that the graph reads.
pub(super) struct Read<'a> {
    /// Name in tf_keras: `dense/kernel`.
    pub(super) name: &'a str,
    /// Key in the checkpoint.
    pub(super) key: String,
    pub(super) variable: &'a Variable,
    /// Number of its object.
    pub(super) object: i32,
}

/// What becomes of a serving graph.
pub(super) struct Written {
    pub(super) graph: GraphDef,
    pub(super) saver: SaverDef,
    pub(super) signature: SignatureDef,
    pub(super) function: SavedConcreteFunction,
    /// Names of the inputs, in the function's order.
    pub(super) inputs: Vec<String>,
}

/// The nodes of a graph, and the names that are taken in it.
#[derive(Default)]
struct Nodes {
    nodes: Vec<NodeDef>,
    names: HashSet<String>,
}

impl Nodes {
    /// A free name that TensorFlow takes; `also`: what may stand in it beside letters, digits and `_`.
    fn unique(&mut self, wanted: &str, also: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' };
        let mut name: String = wanted.chars().map(plain).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert(0, 'n');
        }
        let numbered = (1..).map(|n: usize| format!("{name}_{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|n| !self.names.contains(n));
        let name = free.unwrap_or(name);
        self.names.insert(name.clone());
        name
    }

    /// A free name for an argument or a result.
    fn argument(&mut self, wanted: &str) -> String {
        self.unique(wanted, "")
    }

    /// A free name for a node.
    fn name(&mut self, wanted: &str) -> String {
        self.unique(wanted, "/.-")
    }

    /// Adds a node; gives its name.
    fn add(&mut self, wanted: &str, op: &str, inputs: Vec<String>, attributes: Vec<(&str, Value)>) -> String {
        let name = self.name(wanted);
        self.add_named(&name, op, inputs, attributes);
        name
    }

    /// Adds a node under a name that was taken for it.
    fn add_named(&mut self, name: &str, op: &str, input: Vec<String>, attributes: Vec<(&str, Value)>) {
        let attr = attributes.into_iter().map(|(name, v)| (name.to_owned(), AttrValue { value: Some(v) }));
        self.nodes.push(NodeDef { name: name.into(), op: op.into(), input, attr: attr.collect() });
    }
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn shape_of(shape: &[usize]) -> TensorShapeProto {
    let dim = shape.iter().map(|n| Dim { size: size(*n) }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

/// With -1 for an axis that data decide.
fn open_shape(shape: &[Option<usize>]) -> TensorShapeProto {
    let dim = shape.iter().map(|n| Dim { size: n.map_or(-1, size) }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

fn dtype(dtype: DType) -> Value {
    Value::Type(number_of(dtype))
}

fn types(r#type: Vec<i32>) -> Value {
    Value::List(ListValue { r#type, ..ListValue::default() })
}

/// Ports in the order of their names, as TensorFlow flattens them.
fn sorted(ports: &[Port]) -> Vec<(usize, &Port)> {
    let mut sorted: Vec<(usize, &Port)> = ports.iter().enumerate().collect();
    sorted.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    sorted
}

/// The serving graph; `None` where a node reads what is not there.
pub(super) fn write(serving: &Serving, variables: &[Read<'_>]) -> Option<Written> {
    let (inputs, outputs) = (sorted(&serving.inputs), sorted(&serving.outputs));
    let functions = function::write(serving, variables, &inputs, &outputs)?;
    let (nodes, saver, signature) = session::write(variables, &inputs, &outputs);
    let specs = |ports: &[(usize, &Port)]| {
        let spec = |(_, port): &(usize, &Port)| {
            let spec = TensorSpecProto {
                name: port.name.clone(),
                shape: Some(open_shape(&port.shape)),
                dtype: number_of(port.dtype),
            };
            (port.name.clone(), StructuredValue { kind: Some(Kind::TensorSpecValue(spec)) })
        };
        let fields: BTreeMap<_, _> = ports.iter().map(spec).collect();
        StructuredValue { kind: Some(Kind::DictValue(DictValue { fields })) }
    };
    let tuple = |values| StructuredValue { kind: Some(Kind::TupleValue(TupleValue { values })) };
    Some(Written {
        graph: GraphDef {
            node: nodes,
            library: Some(FunctionDefLibrary { function: functions }),
            versions: Some(VersionDef { producer: PRODUCER, ..VersionDef::default() }),
        },
        saver,
        signature,
        function: SavedConcreteFunction {
            bound_inputs: variables.iter().map(|v| v.object).collect(),
            canonicalized_input_signature: Some(tuple(vec![tuple(vec![]), specs(&inputs)])),
            output_signature: Some(specs(&outputs)),
        },
        inputs: inputs.iter().map(|(_, port)| port.name.clone()).collect(),
    })
}

//! The serving graph in TensorFlow's messages: once as a function, for `tf.saved_model.load`, and called from a graph that also restores the
//! variables, for sessions and servers. Nothing here knows what an op does.

use std::collections::{BTreeMap, HashSet};

use crate::container::bundle::data_type;
use crate::container::protobuf::{
    AttrValue, DictValue, FunctionDef, FunctionDefLibrary, GraphDef, NameAttrList, NodeDef, OpDef,
    SavedConcreteFunction, SaverDef, SignatureDef, StructuredValue, TensorInfo, TensorProto,
    TensorShapeProto, TensorSpecProto, TupleValue, VersionDef, attr_value::ListValue, attr_value::Value,
    op_def::ArgDef, structured_value::Kind, tensor_shape_proto::Dim,
};
use crate::format::tf_checkpoint::number_of;
use crate::tree::{Attribute, DType, Port, Serving, ServingNode, Source, Variable};

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

/// Names that are taken.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// A free name that TensorFlow takes; `also`: what may stand in it beside letters, digits and `_`.
    fn unique(&mut self, wanted: &str, also: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' };
        let mut name: String = wanted.chars().map(plain).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert(0, 'n');
        }
        let numbered = (1..).map(|n: usize| format!("{name}_{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|n| !self.0.contains(n));
        let name = free.unwrap_or(name);
        self.0.insert(name.clone());
        name
    }

    fn argument(&mut self, wanted: &str) -> String {
        self.unique(wanted, "")
    }

    fn node(&mut self, wanted: &str) -> String {
        self.unique(wanted, "/.-")
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

fn node(name: &str, op: &str, input: Vec<String>, attributes: Vec<(&str, Value)>) -> NodeDef {
    let attr =
        attributes.into_iter().map(|(name, v)| (name.to_owned(), AttrValue { value: Some(v) })).collect();
    NodeDef { name: name.into(), op: op.into(), input, attr }
}

fn dtype(dtype: DType) -> Value {
    Value::Type(number_of(dtype))
}

fn attribute(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::Type(element) => dtype(*element),
        Attribute::Bool(yes) => Value::B(*yes),
        Attribute::Int(n) => Value::I(*n),
        Attribute::Ints(list) => Value::List(ListValue { i: list.clone(), ..ListValue::default() }),
        Attribute::Text(text) => Value::S(text.clone().into_bytes()),
        Attribute::Tensor(element, shape, bytes) => Value::Tensor(TensorProto {
            dtype: number_of(*element),
            tensor_shape: Some(shape_of(shape)),
            tensor_content: bytes.clone(),
            string_val: Vec::new(),
        }),
    }
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
    let function = function(serving, variables, &inputs, &outputs)?;
    let (nodes, saver, signature) = main_graph(variables, &inputs, &outputs);
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
            library: Some(FunctionDefLibrary { function: vec![function] }),
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

fn function(
    serving: &Serving,
    variables: &[Read<'_>],
    inputs: &[(usize, &Port)],
    outputs: &[(usize, &Port)],
) -> Option<FunctionDef> {
    let mut names = Names::default();
    let argument = |name: String, r#type| ArgDef { name, r#type };
    let mut input_arg = Vec::new();
    let mut arguments = vec![String::new(); serving.inputs.len()];
    for (i, port) in inputs {
        let name = names.argument(&port.name);
        name.clone_into(arguments.get_mut(*i)?);
        input_arg.push(argument(name, number_of(port.dtype)));
    }
    let mut nodes = Vec::new();
    let mut values = Vec::new();
    for read in variables {
        let handle = names.argument(&format!("{}_handle", read.name));
        let name = names.node(&format!("{}/ReadVariableOp", read.name));
        nodes.push(node(
            &name,
            "ReadVariableOp",
            vec![handle.clone()],
            vec![("dtype", dtype(read.variable.dtype))],
        ));
        values.push(format!("{name}:value:0"));
        input_arg.push(argument(handle, data_type::RESOURCE));
    }
    let mut made: Vec<String> = Vec::with_capacity(serving.nodes.len());
    let find = |source: &Source, made: &[String]| match source {
        Source::Input(i) => arguments.get(*i).cloned(),
        Source::Variable(i) => values.get(*i).cloned(),
        Source::Node(i) => made.get(*i).cloned(),
    };
    for ServingNode { scope, op, output, inputs, attributes } in &serving.nodes {
        let name = names.node(&if scope.is_empty() { op.clone() } else { format!("{scope}/{op}") });
        let inputs = inputs.iter().map(|source| find(source, &made)).collect::<Option<_>>()?;
        let attributes = attributes.iter().map(|(name, a)| (name.as_str(), attribute(a))).collect();
        nodes.push(node(&name, op, inputs, attributes));
        made.push(format!("{name}:{output}:0"));
    }
    let (mut output_arg, mut ret) = (Vec::new(), BTreeMap::new());
    for (_, port) in outputs {
        let name = names.node("Identity");
        let value = find(&port.source, &made)?;
        nodes.push(node(&name, "Identity", vec![value], vec![("T", dtype(port.dtype))]));
        let result = names.argument(&port.name);
        ret.insert(result.clone(), format!("{name}:output:0"));
        output_arg.push(argument(result, number_of(port.dtype)));
    }
    let signature = OpDef { name: FUNCTION.into(), input_arg, output_arg, is_stateful: true };
    Some(FunctionDef { signature: Some(signature), node_def: nodes, ret })
}

/// The graph of sessions and servers: variables, a call of the function, and what restores the variables from the checkpoint.
fn main_graph(
    variables: &[Read<'_>],
    inputs: &[(usize, &Port)],
    outputs: &[(usize, &Port)],
) -> (Vec<NodeDef>, SaverDef, SignatureDef) {
    let mut names = Names::default();
    let mut nodes = Vec::new();
    let mut info = [BTreeMap::new(), BTreeMap::new()];
    let mut tell = |which: usize, port: &Port, tensor: String| {
        if let Some(info) = info.get_mut(which) {
            let tensor_shape = Some(open_shape(&port.shape));
            let told = TensorInfo { name: tensor, dtype: number_of(port.dtype), tensor_shape };
            info.insert(port.name.clone(), told);
        }
    };
    let call = names.node("StatefulPartitionedCall");
    let mut arguments = Vec::new();
    for (_, port) in inputs {
        let name = names.node(&format!("{SIGNATURE}_{}", port.name));
        let attributes = vec![("dtype", dtype(port.dtype)), ("shape", Value::Shape(open_shape(&port.shape)))];
        nodes.push(node(&name, "Placeholder", vec![], attributes));
        tell(0, port, format!("{name}:0"));
        arguments.push(name);
    }
    let mut handles = Vec::new();
    for read in variables {
        let name = names.node(read.name);
        let attributes = vec![
            ("dtype", dtype(read.variable.dtype)),
            ("shape", Value::Shape(shape_of(&read.variable.shape))),
            ("shared_name", Value::S(name.clone().into_bytes())),
        ];
        nodes.push(node(&name, "VarHandleOp", vec![], attributes));
        handles.push(name);
    }
    let types = |r#type: Vec<i32>| Value::List(ListValue { r#type, ..ListValue::default() });
    let of = |ports: &[(usize, &Port)]| ports.iter().map(|(_, p)| number_of(p.dtype)).collect::<Vec<_>>();
    let mut taken = of(inputs);
    taken.extend(variables.iter().map(|_| data_type::RESOURCE));
    arguments.extend(handles.iter().cloned());
    let attributes = vec![
        ("Tin", types(taken)),
        ("Tout", types(of(outputs))),
        ("f", Value::Func(NameAttrList { name: FUNCTION.into() })),
    ];
    nodes.push(node(&call, "StatefulPartitionedCall", arguments, attributes));
    for (i, (_, port)) in outputs.iter().enumerate() {
        tell(1, port, format!("{call}:{i}"));
    }

    let file = names.node("saver_filename");
    let scalar = Value::Shape(TensorShapeProto::default());
    let string = Value::Type(data_type::STRING);
    nodes.push(node(&file, "Placeholder", vec![], vec![("dtype", string.clone()), ("shape", scalar)]));
    let mut assigned = Vec::new();
    // TensorFlow's op restores one tensor at least.
    if !variables.is_empty() {
        let mut list = |name: &str, values: Vec<Vec<u8>>| {
            let name = names.node(name);
            let value = TensorProto {
                dtype: data_type::STRING,
                tensor_shape: Some(shape_of(&[values.len()])),
                tensor_content: Vec::new(),
                string_val: values,
            };
            nodes.push(node(
                &name,
                "Const",
                vec![],
                vec![("dtype", string.clone()), ("value", Value::Tensor(value))],
            ));
            name
        };
        let keys =
            list("RestoreV2/tensor_names", variables.iter().map(|v| v.key.clone().into_bytes()).collect());
        let slices = list("RestoreV2/shape_and_slices", vec![Vec::new(); variables.len()]);
        let restore = names.node("RestoreV2");
        let all = variables.iter().map(|v| number_of(v.variable.dtype)).collect();
        nodes.push(node(
            &restore,
            "RestoreV2",
            vec![file.clone(), keys, slices],
            vec![("dtypes", types(all))],
        ));
        for (i, (handle, read)) in handles.iter().zip(variables).enumerate() {
            let name = names.node("AssignVariableOp");
            let value = if i == 0 { restore.clone() } else { format!("{restore}:{i}") };
            let attributes = vec![("dtype", dtype(read.variable.dtype))];
            nodes.push(node(&name, "AssignVariableOp", vec![handle.clone(), value], attributes));
            assigned.push(format!("^{name}"));
        }
    }
    let restored = names.node("restore_all");
    nodes.push(node(&restored, "NoOp", assigned, vec![]));
    let saver = SaverDef {
        filename_tensor_name: format!("{file}:0"),
        // Nothing saves from this graph; loaders ask for a name.
        save_tensor_name: format!("{file}:0"),
        restore_op_name: restored,
        version: 2,
    };
    let [inputs, outputs] = info;
    let method_name = "tensorflow/serving/predict".into();
    (nodes, saver, SignatureDef { inputs, outputs, method_name })
}

//! The serving graph as a function.

use std::collections::BTreeMap;

use super::{FUNCTION, Nodes, Read, dtype, shape_of};
use crate::container::bundle::data_type;
use crate::container::protobuf::{
    FunctionDef, OpDef, TensorProto, attr_value::ListValue, attr_value::Value, op_def::ArgDef,
};
use crate::format::tf_checkpoint::number_of;
use crate::tree::{Attribute, Port, Serving, ServingNode, Source};

/// Where values of the function are found.
struct Values {
    inputs: Vec<String>,
    variables: Vec<String>,
    nodes: Vec<String>,
}

impl Values {
    fn of(&self, source: &Source) -> Option<String> {
        match source {
            Source::Input(i) => self.inputs.get(*i),
            Source::Variable(i) => self.variables.get(*i),
            Source::Node(i) => self.nodes.get(*i),
        }
        .cloned()
    }
}

/// The function: its arguments are the inputs, then the handles of the variables. `None` where a node reads what is not there.
pub(super) fn write(
    serving: &Serving,
    variables: &[Read<'_>],
    inputs: &[(usize, &Port)],
    outputs: &[(usize, &Port)],
) -> Option<FunctionDef> {
    let mut graph = Nodes::default();
    let argument = |name: String, r#type| ArgDef { name, r#type };
    let mut input_arg = Vec::new();
    let mut values = Values {
        inputs: vec![String::new(); serving.inputs.len()],
        variables: Vec::new(),
        nodes: Vec::with_capacity(serving.nodes.len()),
    };
    for (i, port) in inputs {
        let name = graph.argument(&port.name);
        name.clone_into(values.inputs.get_mut(*i)?);
        input_arg.push(argument(name, number_of(port.dtype)));
    }
    for read in variables {
        let handle = graph.argument(&format!("{}_handle", read.name));
        let wanted = format!("{}/ReadVariableOp", read.name);
        let attributes = vec![("dtype", dtype(read.variable.dtype))];
        let name = graph.add(&wanted, "ReadVariableOp", vec![handle.clone()], attributes);
        values.variables.push(format!("{name}:value:0"));
        input_arg.push(argument(handle, data_type::RESOURCE));
    }
    for ServingNode { scope, op, output, inputs, attributes } in &serving.nodes {
        let wanted = if scope.is_empty() { op.clone() } else { format!("{scope}/{op}") };
        let inputs = inputs.iter().map(|source| values.of(source)).collect::<Option<_>>()?;
        let attributes = attributes.iter().map(|(name, a)| (name.as_str(), attribute(a))).collect();
        let name = graph.add(&wanted, op, inputs, attributes);
        values.nodes.push(format!("{name}:{output}:0"));
    }
    let (mut output_arg, mut ret) = (Vec::new(), BTreeMap::new());
    for (_, port) in outputs {
        let value = values.of(&port.source)?;
        let name = graph.add("Identity", "Identity", vec![value], vec![("T", dtype(port.dtype))]);
        let result = graph.argument(&port.name);
        ret.insert(result.clone(), format!("{name}:output:0"));
        output_arg.push(argument(result, number_of(port.dtype)));
    }
    let signature = OpDef { name: FUNCTION.into(), input_arg, output_arg, is_stateful: true };
    Some(FunctionDef { signature: Some(signature), node_def: graph.nodes, ret })
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
            int64_val: vec![],
        }),
    }
}

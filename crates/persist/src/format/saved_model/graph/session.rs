//! The graph of sessions and servers: variables, a call of the function, and what restores the variables from the checkpoint.

use std::collections::BTreeMap;

use super::{FUNCTION, Nodes, Read, SIGNATURE, dtype, open_shape, shape_of, types};
use crate::container::bundle::data_type;
use crate::container::protobuf::{
    NameAttrList, NodeDef, SaverDef, SignatureDef, TensorInfo, TensorProto, TensorShapeProto,
    attr_value::Value,
};
use crate::format::tf_checkpoint::number_of;
use crate::tree::Port;

/// Writes the nodes, and says what restores variables and what to feed and fetch.
pub(super) fn write(
    variables: &[Read<'_>],
    inputs: &[(usize, &Port)],
    outputs: &[(usize, &Port)],
) -> (Vec<NodeDef>, SaverDef, SignatureDef) {
    let mut graph = Nodes::default();
    let call = graph.name("StatefulPartitionedCall");
    let placeholders = placeholders(&mut graph, inputs);
    let handles = handles(&mut graph, variables);
    let signature = SignatureDef {
        inputs: infos(inputs, |i| placeholders.get(i).map(|name| format!("{name}:0"))),
        outputs: infos(outputs, |i| Some(format!("{call}:{i}"))),
        method_name: "tensorflow/serving/predict".into(),
    };
    let types_of =
        |ports: &[(usize, &Port)]| ports.iter().map(|(_, p)| number_of(p.dtype)).collect::<Vec<_>>();
    let mut taken = types_of(inputs);
    taken.extend(variables.iter().map(|_| data_type::RESOURCE));
    let attributes = vec![
        ("Tin", types(taken)),
        ("Tout", types(types_of(outputs))),
        ("f", Value::Func(NameAttrList { name: FUNCTION.into() })),
    ];
    let arguments = placeholders.iter().chain(&handles).cloned().collect();
    graph.add_named(&call, "StatefulPartitionedCall", arguments, attributes);
    let saver = restore(&mut graph, variables, &handles);
    (graph.nodes, saver, signature)
}

/// A placeholder for each input.
fn placeholders(graph: &mut Nodes, inputs: &[(usize, &Port)]) -> Vec<String> {
    let mut add = |port: &Port| {
        let shape = Value::Shape(open_shape(&port.shape));
        let attributes = vec![("dtype", dtype(port.dtype)), ("shape", shape)];
        graph.add(&format!("{SIGNATURE}_{}", port.name), "Placeholder", vec![], attributes)
    };
    inputs.iter().map(|(_, port)| add(port)).collect()
}

/// A handle for each variable.
fn handles(graph: &mut Nodes, variables: &[Read<'_>]) -> Vec<String> {
    let add = |read: &Read<'_>| {
        let name = graph.name(read.name);
        let attributes = vec![
            ("dtype", dtype(read.variable.dtype)),
            ("shape", Value::Shape(shape_of(&read.variable.shape))),
            ("shared_name", Value::S(name.clone().into_bytes())),
        ];
        graph.add_named(&name, "VarHandleOp", vec![], attributes);
        name
    };
    variables.iter().map(add).collect()
}

/// What is known of tensors, by the names of their ports.
fn infos(ports: &[(usize, &Port)], tensor: impl Fn(usize) -> Option<String>) -> BTreeMap<String, TensorInfo> {
    let info = |(i, (_, port)): (usize, &(usize, &Port))| {
        let tensor_shape = Some(open_shape(&port.shape));
        let info = TensorInfo { name: tensor(i)?, dtype: number_of(port.dtype), tensor_shape };
        Some((port.name.clone(), info))
    };
    ports.iter().enumerate().filter_map(info).collect()
}

/// What reads the variables from the checkpoint whose name is fed.
fn restore(graph: &mut Nodes, variables: &[Read<'_>], handles: &[String]) -> SaverDef {
    let scalar = Value::Shape(TensorShapeProto::default());
    let string = Value::Type(data_type::STRING);
    let file = graph.add("saver_filename", "Placeholder", vec![], vec![("dtype", string), ("shape", scalar)]);
    // TensorFlow's op restores one tensor at least.
    let assigned =
        if variables.is_empty() { Vec::new() } else { assignments(graph, variables, handles, &file) };
    let restored = graph.add("restore_all", "NoOp", assigned, vec![]);
    SaverDef {
        filename_tensor_name: format!("{file}:0"),
        // Nothing saves from this graph; loaders ask for a name.
        save_tensor_name: format!("{file}:0"),
        restore_op_name: restored,
        version: 2,
    }
}

/// One op that reads all tensors, and one per variable that takes its own; gives what must wait for these.
fn assignments(graph: &mut Nodes, variables: &[Read<'_>], handles: &[String], file: &str) -> Vec<String> {
    let keys = variables.iter().map(|v| v.key.clone().into_bytes()).collect();
    let keys = strings(graph, "RestoreV2/tensor_names", keys);
    let slices = strings(graph, "RestoreV2/shape_and_slices", vec![Vec::new(); variables.len()]);
    let all = variables.iter().map(|v| number_of(v.variable.dtype)).collect();
    let inputs = vec![file.to_owned(), keys, slices];
    let restore = graph.add("RestoreV2", "RestoreV2", inputs, vec![("dtypes", types(all))]);
    let assign = |(i, (handle, read)): (usize, (&String, &Read<'_>))| {
        let value = if i == 0 { restore.clone() } else { format!("{restore}:{i}") };
        let attributes = vec![("dtype", dtype(read.variable.dtype))];
        let inputs = vec![handle.clone(), value];
        format!("^{}", graph.add("AssignVariableOp", "AssignVariableOp", inputs, attributes))
    };
    handles.iter().zip(variables).enumerate().map(assign).collect()
}

/// A constant list of strings.
fn strings(graph: &mut Nodes, name: &str, values: Vec<Vec<u8>>) -> String {
    let value = TensorProto {
        dtype: data_type::STRING,
        tensor_shape: Some(shape_of(&[values.len()])),
        tensor_content: Vec::new(),
        string_val: values,
        int64_val: vec![],
    };
    let attributes = vec![("dtype", Value::Type(data_type::STRING)), ("value", Value::Tensor(value))];
    graph.add(name, "Const", vec![], attributes)
}

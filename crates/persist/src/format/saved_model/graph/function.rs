//! The serving graph as a function, and those that its nodes run.

use std::collections::BTreeMap;

use super::{FUNCTION, Nodes, Read, dtype, shape_of, types};
use crate::container::bundle::data_type;
use crate::container::protobuf::{
    FunctionDef, NameAttrList, OpDef, TensorProto, attr_value::ListValue, attr_value::Value, op_def::ArgDef,
};
use crate::format::tf_checkpoint::number_of;
use crate::tree::{Attribute, Element, Port, Serving, ServingFunction, ServingNode, Source};

/// Where values of a function are found: names in its body.
#[derive(Default)]
struct Values {
    inputs: Vec<String>,
    variables: Vec<String>,
    /// Without the number that follows.
    nodes: Vec<String>,
}

impl Values {
    fn of(&self, source: &Source) -> Option<String> {
        let node = |i: usize, output: usize| Some(format!("{}:{output}", self.nodes.get(i)?));
        match source {
            Source::Input(i) => self.inputs.get(*i).cloned(),
            Source::Variable(i) => self.variables.get(*i).cloned(),
            Source::Node(i) => node(*i, 0),
            Source::Output(i, output) => node(*i, *output),
        }
    }
}

/// Functions that were written.
#[derive(Default)]
struct Library {
    functions: Vec<FunctionDef>,
}

/// The function, whose arguments are the inputs, then the handles of the variables; before it, those that its nodes run. `None` where
/// a node reads what is not there.
pub(super) fn write(
    serving: &Serving,
    variables: &[Read<'_>],
    inputs: &[(usize, &Port)],
    outputs: &[(usize, &Port)],
) -> Option<Vec<FunctionDef>> {
    let mut library = Library::default();
    let mut graph = Nodes::default();
    let mut input_arg = Vec::new();
    let mut values = Values { inputs: vec![String::new(); serving.inputs.len()], ..Values::default() };
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
    library.nodes(&serving.nodes, &mut graph, &mut values)?;
    let mut results = Results::default();
    for (_, port) in outputs {
        results.add(&mut graph, &values, &port.name, &port.source, Element::Of(port.dtype))?;
    }
    library.add(FUNCTION.into(), input_arg, results, graph, true);
    Some(library.functions)
}

fn argument(name: String, r#type: i32) -> ArgDef {
    ArgDef { name, r#type }
}

/// The results of a function.
#[derive(Default)]
struct Results {
    output_arg: Vec<ArgDef>,
    ret: BTreeMap<String, String>,
}

impl Results {
    fn add(
        &mut self,
        graph: &mut Nodes,
        values: &Values,
        name: &str,
        source: &Source,
        element: Element,
    ) -> Option<()> {
        let value = values.of(source)?;
        let number = number_of_element(element);
        let name = graph.argument(name);
        let identity = graph.add("Identity", "Identity", vec![value], vec![("T", Value::Type(number))]);
        self.ret.insert(name.clone(), format!("{identity}:output:0"));
        self.output_arg.push(argument(name, number));
        Some(())
    }
}

impl Library {
    fn add(
        &mut self,
        name: String,
        input_arg: Vec<ArgDef>,
        results: Results,
        graph: Nodes,
        is_stateful: bool,
    ) {
        let Results { output_arg, ret } = results;
        let signature = OpDef { name, input_arg, output_arg, is_stateful };
        self.functions.push(FunctionDef { signature: Some(signature), node_def: graph.nodes, ret });
    }

    /// Adds nodes to a graph, and what they run to the library.
    fn nodes(&mut self, nodes: &[ServingNode], graph: &mut Nodes, values: &mut Values) -> Option<()> {
        for ServingNode { scope, op, output, inputs, attributes } in nodes {
            let wanted = if scope.is_empty() { op.clone() } else { format!("{scope}/{op}") };
            let inputs = inputs.iter().map(|source| values.of(source)).collect::<Option<_>>()?;
            let mut written = Vec::with_capacity(attributes.len());
            for (name, attribute) in attributes {
                written.push((name.as_str(), self.attribute(name, attribute)?));
            }
            let name = graph.add(&wanted, op, inputs, written);
            values.nodes.push(format!("{name}:{output}"));
        }
        Some(())
    }

    /// Adds a function that a node runs; returns its name.
    fn function(&mut self, role: &str, function: &ServingFunction) -> Option<String> {
        let mut graph = Nodes::default();
        let mut values = Values::default();
        let mut input_arg = Vec::new();
        for element in &function.arguments {
            let name = graph.argument("argument");
            values.inputs.push(name.clone());
            input_arg.push(argument(name, number_of_element(*element)));
        }
        self.nodes(&function.nodes, &mut graph, &mut values)?;
        let mut results = Results::default();
        for (source, element) in &function.results {
            results.add(&mut graph, &values, "result", source, *element)?;
        }
        let name = format!("__inference_{role}_{}", self.functions.len());
        self.add(name.clone(), input_arg, results, graph, false);
        Some(name)
    }

    fn attribute(&mut self, role: &str, attribute: &Attribute) -> Option<Value> {
        Some(match attribute {
            Attribute::Type(element) => Value::Type(number_of_element(*element)),
            Attribute::Bool(yes) => Value::B(*yes),
            Attribute::Int(n) => Value::I(*n),
            Attribute::Ints(list) => Value::List(ListValue { i: list.clone(), ..ListValue::default() }),
            Attribute::Text(text) => Value::S(text.clone().into_bytes()),
            Attribute::Tensor(element, shape, bytes) => Value::Tensor(TensorProto {
                dtype: number_of_element(*element),
                tensor_shape: Some(shape_of(shape)),
                tensor_content: bytes.clone(),
                string_val: Vec::new(),
                int64_val: Vec::new(),
            }),
            Attribute::Types(list) => types(list.iter().copied().map(number_of_element).collect()),
            Attribute::Function(function) => {
                Value::Func(NameAttrList { name: self.function(role, function)? })
            }
        })
    }
}

fn number_of_element(element: Element) -> i32 {
    match element {
        Element::Of(dtype) => number_of(dtype),
        Element::Variant => data_type::VARIANT,
    }
}

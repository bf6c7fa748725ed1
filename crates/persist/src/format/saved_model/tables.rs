//! The words of lookups in a SavedModel: constants of the graph, which a function puts into a table when the model is loaded.

use std::collections::BTreeMap;

use crate::container::bundle::data_type;
use crate::container::protobuf::{
    GraphDef, SavedConcreteFunction, SavedObject, TensorProto, attr_value::Value, saved_object::Kind,
};

/// A constant list.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    /// Strings.
    Text(Vec<String>),
    /// Integers.
    Numbers(Vec<i64>),
}

/// The constants of a graph that could be words or their indices, by the names of their nodes, and what functions are bound to.
#[derive(Default)]
pub(super) struct Tables {
    constants: BTreeMap<String, Constant>,
    bound: BTreeMap<String, Vec<i32>>,
}

impl Tables {
    /// Of a graph and its functions.
    pub(super) fn of(graph: Option<&GraphDef>, functions: &BTreeMap<String, SavedConcreteFunction>) -> Self {
        let nodes = graph.map_or(&[] as &[_], |graph| &graph.node).iter();
        let constant = |node: &crate::container::protobuf::NodeDef| {
            let Some(Value::Tensor(tensor)) = node.attr.get("value")?.value.as_ref() else { return None };
            Some((node.name.clone(), constant(tensor)?))
        };
        Tables {
            constants: nodes.filter(|node| node.op == "Const").filter_map(constant).collect(),
            bound: functions.iter().map(|(name, f)| (name.clone(), f.bound_inputs.clone())).collect(),
        }
    }

    /// The words of the table of an object, ordered by their indices; `None` where it has none that can be read. `invert`: its keys are the indices.
    pub(super) fn words(
        &self,
        nodes: &[SavedObject],
        table: &SavedObject,
        invert: bool,
    ) -> Option<Vec<String>> {
        let at = |number: i32| nodes.get(usize::try_from(number).ok()?);
        let fill = table.children.iter().find(|edge| edge.local_name == "_initialize")?;
        let Some(Kind::Function(function)) = &at(fill.node_id)?.kind else { return None };
        let bound = self.bound.get(function.concrete_functions.first()?)?;
        let constant = |number: &i32| match &at(*number)?.kind {
            Some(Kind::Constant(constant)) => self.constants.get(&constant.operation),
            _ => None,
        };
        let found: Vec<&Constant> = bound.iter().filter_map(constant).collect();
        let [keys, values] = found[..] else { return None };
        let (words, indices) = if invert { (values, keys) } else { (keys, values) };
        let Constant::Numbers(indices) = indices else { return None };
        let words: Vec<String> = match words {
            Constant::Text(words) => words.clone(),
            Constant::Numbers(words) => words.iter().map(ToString::to_string).collect(),
        };
        let mut pairs: Vec<(&i64, String)> = indices.iter().zip(words).collect();
        pairs.sort_by_key(|(index, _)| **index);
        Some(pairs.into_iter().map(|(_, word)| word).collect())
    }
}

/// A list of strings or of integers.
fn constant(tensor: &TensorProto) -> Option<Constant> {
    let [dim] = &tensor.tensor_shape.as_ref()?.dim[..] else { return None };
    let count = usize::try_from(dim.size).ok()?;
    match tensor.dtype {
        data_type::STRING => {
            let words = tensor.string_val.iter().map(|word| String::from_utf8(word.clone()).ok());
            let words = words.collect::<Option<Vec<String>>>()?;
            (words.len() == count).then_some(Constant::Text(words))
        }
        data_type::INT64 => {
            let content =
                tensor.tensor_content.as_chunks::<8>().0.iter().map(|word| i64::from_le_bytes(*word));
            let numbers: Vec<i64> = content.chain(tensor.int64_val.iter().copied()).collect();
            (numbers.len() == count).then_some(Constant::Numbers(numbers))
        }
        _ => None,
    }
}

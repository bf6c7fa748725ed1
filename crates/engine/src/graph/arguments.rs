//! How a layer is called: its arguments by place and by name, as Keras' functional graphs keep them.

use serde_json::Value;

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A tensor: its number among all tensors of the call, which are counted through the arguments in order.
    Tensor(usize),
    /// Several arguments.
    List(Vec<Argument>),
    /// Anything else, as JSON.
    Value(Value),
}

impl Argument {
    /// Adds the numbers of its tensors, in order.
    fn tensors(&self, found: &mut Vec<usize>) {
        match self {
            Argument::Tensor(number) => found.push(*number),
            Argument::List(list) => list.iter().for_each(|a| a.tensors(found)),
            Argument::Value(_) => {}
        }
    }
}

/// The arguments of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    /// Those that have no name, in order.
    pub positional: Vec<Argument>,
    /// The others.
    pub named: Vec<(String, Argument)>,
}

impl Arguments {
    /// Returns those of a call with so many tensors and nothing else: one, or a list as the first argument.
    pub fn plain(count: usize) -> Self {
        let first = match count {
            1 => Argument::Tensor(0),
            _ => Argument::List((0..count).map(Argument::Tensor).collect()),
        };
        Arguments { positional: vec![first], named: vec![] }
    }

    /// Returns those of a call whose first tensor is the first argument, and whose others are a list of this name.
    pub fn with_list(count: usize, name: &str) -> Self {
        let mut arguments = Arguments::plain(1);
        if count > 1 {
            let rest = Argument::List((1..count).map(Argument::Tensor).collect());
            arguments.named.push((name.into(), rest));
        }
        arguments
    }

    /// Returns those of a call whose tensors are one argument each, by place.
    pub fn each(count: usize) -> Self {
        Arguments { positional: (0..count).map(Argument::Tensor).collect(), named: vec![] }
    }

    /// Adds an argument with a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.named.push((name.into(), Argument::Value(value.into())));
        self
    }

    /// Returns the argument of this name, or at its place among these names.
    pub fn get(&self, name: &str, names: &[&str]) -> Option<&Argument> {
        let named = self.named.iter().find(|(n, _)| n == name).map(|(_, a)| a);
        named.or_else(|| self.positional.get(names.iter().position(|n| *n == name)?))
    }

    /// Returns how many arguments have tensors.
    pub fn with_tensors(&self) -> usize {
        let all = self.positional.iter().chain(self.named.iter().map(|(_, a)| a));
        let has = |a: &&Argument| {
            let mut found = Vec::new();
            a.tensors(&mut found);
            !found.is_empty()
        };
        all.filter(has).count()
    }

    /// Returns the numbers of the tensors that a layer computes with: all of so many but masks, which come to it another way.
    pub fn computed(&self, count: usize, names: &[&str]) -> Vec<usize> {
        let mut masks = Vec::new();
        let by_place = self.positional.iter().enumerate().filter_map(|(i, a)| Some((*names.get(i)?, a)));
        let all = by_place.chain(self.named.iter().map(|(name, a)| (name.as_str(), a)));
        all.filter(|(name, _)| name.contains("mask")).for_each(|(_, a)| a.tensors(&mut masks));
        (0..count).filter(|n| !masks.contains(n)).collect()
    }

    /// Returns the numbers of the tensors in an argument; `None` where it is not given, or null.
    pub fn tensors(&self, name: &str, names: &[&str]) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        self.get(name, names)?.tensors(&mut found);
        (!found.is_empty()).then_some(found)
    }
}

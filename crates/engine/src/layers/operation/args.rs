//! What an operation is called with: tensors and numbers of the call, and settings of its config, both by Keras' names.

use std::cell::RefCell;

use serde_json::Value;

use super::{Made, Operation};
use crate::graph::{Argument, Arguments, CallContext, Tensor};
use crate::layers::axis;
use crate::ops::Numbers;
use crate::types::{DType, Integer};
use crate::{Error, config};

/// The arguments of a call.
pub(super) struct Args<'a> {
    operation: &'a Operation,
    given: Arguments,
    inputs: Vec<Tensor>,
    /// Float type that integers are computed in.
    float: DType,
    /// What the numbers of the call say of the result's type.
    numbers: Numerals,
    /// What stands for a length that data decide, while a model is put together.
    pub(super) stand_in: Option<usize>,
    /// Whether it is called as TensorFlow's own function, which has defaults of its own.
    pub(super) tensorflow: bool,
    /// Names that were looked up: a key of the config that is not among them is not heeded.
    heeded: RefCell<Vec<String>>,
}

/// Returns the integer type of a tensor; `None` for floats.
pub(super) fn integer(x: Tensor) -> Option<Integer> {
    match x.ty().dtype {
        DType::Whole(integer) => Some(integer),
        DType::I32 => Some(Integer::I32),
        DType::U32 => Some(Integer::U32),
        DType::F32 | DType::Half(_) | DType::Text => None,
    }
}

/// Operands: arguments whose numbers have a say in the type of the result.
const OPERANDS: &[&str] = &["x", "x1", "x2", "y", "weights"];

/// Operations that make tensors of Python's numbers, which are float32 and int32 then; to the others a number is of the type of what it is computed with.
const OF_OWN_TYPE: &[&str] = &[
    "Arctan2",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Dot",
    "Fmod",
    "Gcd",
    "Heaviside",
    "Hypot",
    "Inner",
    "Kron",
    "Lcm",
    "Ldexp",
    "Logaddexp",
    "Logaddexp2",
    "Mod",
    "Outer",
    "Tensordot",
    "Vdot",
];

/// The types of numbers among the operands of a call.
#[derive(Clone, Debug, Default)]
struct Numerals {
    /// One is a float32, which floats of 16 bits are cast to.
    float: bool,
    /// Types of those that are integers by themselves.
    whole: Vec<Integer>,
    /// One is Python's integer, which makes integers of truth values.
    number: bool,
}

impl Numerals {
    fn of(operation: &Operation, given: &Arguments, inputs: &[Tensor]) -> Self {
        let mut found = Numerals::default();
        if operation.function.is_some() {
            return found;
        }
        let own = OF_OWN_TYPE.contains(&operation.row.class);
        let by_place = given.positional.iter().zip(operation.names().iter().copied());
        let named = given.named.iter().map(|(name, a)| (a, name.as_str()));
        let mut floats = Vec::new();
        for (argument, _) in by_place.chain(named).filter(|(_, name)| OPERANDS.contains(name)) {
            let value = match argument {
                Argument::Value(value) => value,
                Argument::Tensor(n) => {
                    floats.extend(inputs.get(*n).map(|x| x.ty().dtype));
                    continue;
                }
                Argument::List(_) => continue,
            };
            let array = value.get("class_name").is_some_and(|c| c == "__numpy__" || c == "__tensor__");
            let named = value.pointer("/config/dtype").and_then(Value::as_str).and_then(Integer::named);
            match (array, named) {
                (true, Some(of)) => found.whole.push(of),
                (true, None) => found.float = true,
                _ if value.is_f64() => found.float |= own,
                _ if value.is_number() && own => found.whole.push(Integer::I32),
                _ => found.number |= value.is_number(),
            }
        }
        // Two tensors join to float32, also where one is made of constants, which are of no type of their own to a graph.
        found.float |= floats.contains(&DType::F32) && floats.iter().any(|t| matches!(t, DType::Half(_)));
        found
    }
}

/// Returns whether a value has a number with a point: then it is a float, also beside integers.
fn has_point(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_point),
        Value::Object(map) => map.values().any(has_point),
        other => other.is_f64(),
    }
}

/// The largest whole number that a config may have: sizes and places of tensors are below it, so that sums of some of them are numbers too.
const LARGEST: u64 = 1 << 31;

impl<'a> Args<'a> {
    pub(super) fn new(operation: &'a Operation, cx: &CallContext) -> Self {
        let (given, inputs) = cx.given();
        let floats: Vec<DType> =
            inputs.iter().filter(|x| integer(**x).is_none()).map(|x| x.ty().dtype).collect();
        // Integers take the float type of the others.
        let float = match floats.as_slice() {
            [first, rest @ ..] if rest.iter().all(|t| t == first) => *first,
            _ => DType::F32,
        };
        let tensorflow = operation.function.is_some();
        let numbers = Numerals::of(operation, &given, &inputs);
        let float = if numbers.float { DType::F32 } else { float };
        Args {
            operation,
            given,
            inputs,
            float,
            numbers,
            stand_in: cx.stand_in(),
            tensorflow,
            heeded: RefCell::new(vec![]),
        }
    }

    /// Returns the error that something is not supported.
    pub(super) fn wrong(&self, what: impl Into<String>) -> Error {
        config::unsupported_call(self.operation.shown(), what.into())
    }

    /// Returns the tensors that it is called with.
    pub(super) fn inputs(&self) -> &[Tensor] {
        &self.inputs
    }

    /// Returns whether the call or the config has a number with a point, so that integers become floats.
    pub(super) fn has_point(&self) -> bool {
        fn within(argument: &Argument) -> bool {
            match argument {
                Argument::Value(value) => has_point(value),
                Argument::List(list) => list.iter().any(within),
                Argument::Tensor(_) => false,
            }
        }
        self.given.positional.iter().chain(self.given.named.iter().map(|(_, a)| a)).any(within)
    }

    /// Returns the integer type of the result: what inputs and numbers join to; `None` where that is a float.
    pub(super) fn joined(&self) -> Option<Integer> {
        self.joined_of(&self.inputs)
    }

    /// The same of some of the inputs.
    pub(super) fn joined_of(&self, inputs: &[Tensor]) -> Option<Integer> {
        let of_inputs = super::whole::joined(inputs).filter(|_| !self.has_point() && !self.numbers.float)?;
        let all = self.numbers.whole.iter().try_fold(of_inputs, |all, one| all.join(*one))?;
        Some(if all == Integer::Bool && self.numbers.number { Integer::I32 } else { all })
    }

    /// Returns what the call has for an argument.
    fn argument(&self, name: &str) -> Option<&Argument> {
        let names = self.operation.names();
        let mut found = None;
        for own in self.operation.own_names(name) {
            self.heeded.borrow_mut().push(own.to_owned());
            let given = self.given.get(own, names).filter(|a| **a != Argument::Value(Value::Null));
            found = found.or(given);
        }
        found
    }

    /// A value that is no tensor: of the call, or of the config.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let config = || self.operation.config.get(name).filter(|v| !v.is_null()).cloned();
        match self.argument(name) {
            Some(Argument::Value(value)) if !value.is_null() => Some(value.clone()),
            _ => config(),
        }
    }

    /// As a float: integers are held as such, and what the result is says the operation's row.
    fn as_float(&self, x: Tensor) -> Tensor {
        if integer(x).is_some() || self.numbers.float { x.as_type(self.float) } else { x }
    }

    /// The tensors in an argument as they are, with their types; constants are not among them.
    pub(super) fn typed(&self, name: &str) -> Vec<Tensor> {
        fn collect(argument: &Argument, inputs: &[Tensor], found: &mut Vec<Tensor>) {
            match argument {
                Argument::Tensor(n) => found.extend(inputs.get(*n)),
                Argument::List(list) => list.iter().for_each(|a| collect(a, inputs, found)),
                Argument::Value(_) => {}
            }
        }
        let mut found = Vec::new();
        if let Some(argument) = self.argument(name) {
            collect(argument, &self.inputs, &mut found);
        }
        found
    }

    /// The integer type of an argument; `None` where it is a float, or no tensor.
    pub(super) fn integer(&self, name: &str) -> Option<Integer> {
        self.typed(name).first().copied().and_then(integer)
    }

    fn constant(&self, name: &str, value: &Value) -> Result<Tensor, Error> {
        if let Some(truth) = value.as_bool() {
            return Ok(Tensor::full(&[], f64::from(u8::from(truth))));
        }
        let numbers: Numbers = serde_json::from_value(value.clone()).map_err(|_| {
            let shown: String = value.to_string().chars().take(60).collect();
            self.wrong(format!("{name} = {shown}"))
        })?;
        Ok(numbers.tensor())
    }

    fn of(&self, name: &str, argument: &Argument) -> Result<Tensor, Error> {
        match argument {
            Argument::Tensor(n) => {
                let found = self.inputs.get(*n).ok_or_else(|| self.wrong(format!("{name} without a tensor")));
                found.map(|x| self.as_float(*x))
            }
            Argument::Value(value) => self.constant(name, value),
            // Keras makes one tensor of a list of them.
            Argument::List(list) => {
                let parts = list.iter().map(|a| self.of(name, a)).collect::<Result<Vec<_>, _>>()?;
                super::shape::stacked(self, &parts, 0)
            }
        }
    }

    /// A tensor, or what numbers are; `None` where nothing is given.
    pub(super) fn optional(&self, name: &str) -> Result<Option<Tensor>, Error> {
        match self.argument(name) {
            Some(Argument::Value(Value::Null)) | None => {
                self.value(name).map(|value| self.constant(name, &value)).transpose()
            }
            Some(argument) => self.of(name, argument).map(Some),
        }
    }

    /// A tensor, or what numbers are.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        self.optional(name)?.ok_or_else(|| self.wrong(format!("a call without {name}")))
    }

    /// The first two arguments that are tensors of binary operations.
    pub(super) fn pair(&self) -> Result<(Tensor, Tensor), Error> {
        Ok((self.tensor("x1")?, self.tensor("x2")?))
    }

    /// Tensors of a list, or of all positional arguments from one on.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Tensor>, Error> {
        let made = match self.argument(name) {
            Some(Argument::List(list)) => {
                list.iter().map(|a| self.of(name, a)).collect::<Result<Vec<_>, _>>()?
            }
            Some(Argument::Tensor(n)) => {
                let all = self.given.positional.iter().skip_while(|a| **a != Argument::Tensor(*n));
                all.map(|a| self.of(name, a)).collect::<Result<Vec<_>, _>>()?
            }
            _ => vec![],
        };
        if made.is_empty() {
            return Err(self.wrong(format!("{name} without tensors")));
        }
        Ok(made)
    }

    /// The tensors of [`Args::list`] as they are, with their types.
    pub(super) fn typed_list(&self, name: &str) -> Vec<Tensor> {
        match self.argument(name) {
            Some(Argument::Tensor(n)) => self.inputs.get(*n..).unwrap_or_default().to_vec(),
            _ => self.typed(name),
        }
    }

    /// Checks whether every key of the config, and every argument of the call, that says something was looked up.
    pub(super) fn all_heeded(&self) -> Result<(), Error> {
        let heeded = self.heeded.borrow();
        let says = |(key, value): &(&String, &Value)| {
            !value.is_null() && !["trainable", "function"].contains(&key.as_str()) && !heeded.contains(key)
        };
        if let Some((key, value)) = self.operation.config.iter().find(says) {
            return Err(self.wrong(format!("{key} = {value}")));
        }
        let unheeded = |(name, argument): &&(String, Argument)| {
            let idle = name == "training" || self.operation.is_idle(name);
            !idle && *argument != Argument::Value(Value::Null) && !heeded.contains(name)
        };
        match self.given.named.iter().find(unheeded) {
            Some((name, Argument::Value(value))) => Err(self.wrong(format!("{name} = {value}"))),
            Some((name, _)) => Err(self.wrong(format!("{name} that a tensor says"))),
            None => Ok(()),
        }
    }

    /// A truth value, which Python takes from numbers too.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        let of = |v: Value| v.as_bool().or(v.as_f64().map(|n| n != 0.0));
        self.value(name).and_then(of).unwrap_or(default)
    }

    /// Refuses a setting that says something else than its default.
    pub(super) fn refuse(&self, name: &str, default: &Value) -> Result<(), Error> {
        match self.value(name) {
            Some(value) if value != *default => Err(self.wrong(format!("{name} = {value}"))),
            _ => Ok(()),
        }
    }

    /// Refuses TensorFlow's word for indices that are out of range: to leave them out. Without it they are an error on its CPU.
    pub(super) fn indices_in_range(&self) -> Result<(), Error> {
        match self.value("bad_indices_policy") {
            Some(word) if word == "IGNORE" => Err(self.wrong(format!("bad_indices_policy = {word}"))),
            _ => Ok(()),
        }
    }

    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64, Error> {
        let Some(value) = self.value(name) else { return Ok(default) };
        let truth = value.as_bool().map(|b| f64::from(u8::from(b)));
        value.as_f64().or(truth).ok_or_else(|| self.wrong(format!("{name} = {value}")))
    }

    pub(super) fn word(&self, name: &str, default: &str) -> Result<String, Error> {
        let Some(value) = self.value(name) else { return Ok(default.to_owned()) };
        value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(format!("{name} = {value}")))
    }

    /// Numbers that are known while the model is traced: constants, and what shapes say; `None` where nothing is given.
    pub(super) fn known(&self, name: &str) -> Result<Option<Vec<f64>>, Error> {
        let of = |argument: &Argument| -> Result<Vec<f64>, Error> {
            let x = self.of(name, argument)?;
            // While a model is put together, the shape that a number is of is not there: it is some length.
            let some = || self.stand_in.filter(|_| x.ty().len() == 1).map(|n| vec![n as f64]);
            super::known::values(x)
                .or_else(some)
                .ok_or_else(|| self.wrong(format!("{name} that a tensor says")))
        };
        let (list, own) = match self.argument(name) {
            Some(Argument::List(list)) => (list.clone(), false),
            Some(one) => (vec![one.clone()], true),
            None => return Ok(None),
        };
        let parts = list.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        if own || parts.iter().all(|part| part.len() == 1) {
            return Ok(Some(parts.concat()));
        }
        Err(self.wrong(format!("{name} of several tensors")))
    }

    /// Whole numbers: one, or a list; `None` where nothing is given.
    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<i64>>, Error> {
        if matches!(self.argument(name), Some(Argument::Tensor(_) | Argument::List(_))) {
            let known = self.known(name)?.unwrap_or_default();
            return Ok(Some(known.into_iter().map(|n| n as i64).collect()));
        }
        let Some(value) = self.value(name) else { return Ok(None) };
        let wrong = || self.wrong(format!("{name} = {value}"));
        // Keras takes `True` for 1.
        let truth = value.as_bool().map(i64::from);
        if let Some(one) = value.as_i64().or(truth) {
            if one.unsigned_abs() > LARGEST {
                return Err(wrong());
            }
            return Ok(Some(vec![one]));
        }
        let numbers: Numbers = match &value {
            Value::Array(list) if list.is_empty() => return Ok(Some(vec![])),
            other => serde_json::from_value(other.clone()).map_err(|_| wrong())?,
        };
        let (shape, values) = numbers.parts();
        let whole = |v: &f64| (v.fract() == 0.0 && v.abs() <= LARGEST as f64).then_some(*v as i64);
        let values: Option<Vec<i64>> = values.iter().map(whole).collect();
        values.filter(|_| shape.len() <= 1).map(Some).ok_or_else(wrong)
    }

    /// One whole number.
    pub(super) fn number(&self, name: &str, default: i64) -> Result<i64, Error> {
        match self.numbers(name)?.as_deref() {
            None => Ok(default),
            Some([one]) => Ok(*one),
            Some(several) => Err(self.wrong(format!("{name} = {several:?}"))),
        }
    }

    /// One whole number that is not negative.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let count = value.as_u64().filter(|n| *n <= LARGEST).and_then(|n| usize::try_from(n).ok());
        count.map(Some).ok_or_else(|| self.wrong(format!("{name} = {value}")))
    }

    /// An axis counted from the front.
    pub(super) fn axis_of(&self, given: i64, rank: usize) -> Result<usize, Error> {
        axis(isize::try_from(given).unwrap_or(isize::MAX), rank)
    }

    /// An axis of a tensor of this rank, counted from the front.
    pub(super) fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, Error> {
        self.axis_of(self.number(name, default)?, rank)
    }

    /// Axes of a tensor of this rank, counted from the front, in their order; `None` where none are given.
    pub(super) fn axes(&self, name: &str, rank: usize) -> Result<Option<Vec<usize>>, Error> {
        let Some(given) = self.numbers(name)? else { return Ok(None) };
        given.into_iter().map(|axis| self.axis_of(axis, rank)).collect::<Result<_, _>>().map(Some)
    }

    /// The axes to reduce over: those that are given, or all.
    pub(super) fn over(&self, rank: usize) -> Result<Vec<isize>, Error> {
        let axes = self.axes("axis", rank)?.unwrap_or_else(|| (0..rank).collect());
        Ok(axes.into_iter().map(|axis| axis as isize).collect())
    }

    /// Reduces a tensor over the axes that are given, or over all; `f` keeps them with length 1.
    pub(super) fn reduce(
        &self,
        x: Tensor,
        f: impl FnOnce(Tensor, &[isize]) -> Tensor,
    ) -> Result<Tensor, Error> {
        let axes = self.over(x.rank())?;
        // No axes are all to those that reduce, but none to Keras.
        let y = if axes.is_empty() { x } else { f(x, &axes) };
        self.squeezed(y, &axes)
    }

    /// Takes reduced axes away, unless `keepdims` says otherwise.
    pub(super) fn squeezed(&self, y: Tensor, axes: &[isize]) -> Result<Tensor, Error> {
        if self.flag("keepdims", false) {
            return Ok(y);
        }
        let kept = |(i, _): &(usize, &usize)| !axes.contains(&(*i as isize));
        Ok(y.reshape(y.shape().iter().enumerate().filter(kept).map(|(_, n)| *n).collect::<Vec<_>>()))
    }

    /// Reduces `x` over the axes that are given, or over all; `f` keeps them with length 1.
    pub(super) fn reduced(&self, f: impl FnOnce(Tensor, &[isize]) -> Tensor) -> Made {
        Ok(vec![self.reduce(self.tensor("x")?, f)?])
    }

    /// Applies a function of two tensors.
    pub(super) fn two(&self, f: impl FnOnce(Tensor, Tensor) -> Tensor) -> Made {
        let (x, y) = self.pair()?;
        Ok(vec![f(x, y)])
    }

    /// Applies a function of one tensor.
    pub(super) fn one(&self, f: impl FnOnce(Tensor) -> Tensor) -> Made {
        Ok(vec![f(self.tensor("x")?)])
    }
}

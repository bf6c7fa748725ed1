//! Operations of Keras 3 that functional models list among their layers: `Add` of `a + b`, `NotEqual` of a mask, `GetItem` of `x[:, 0]`.
//!
//! To add one: a row of [`OPERATIONS`].

use std::any::Any;
use std::cell::RefCell;

use serde_json::{Map, Value};

use super::axis;
use crate::activations as act;
use crate::graph::{
    Arguments, Builder, CallContext, DynLayer, Integers, LayerRef, MAKE_FLOATS, Resolver, Shape, Tensor, fail,
};
use crate::types::{DType, Integer};
use crate::{Error, config};

/// Says what an operation does with integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    /// Makes floats of them.
    Floats,
    /// Gives truth values.
    Truth,
    /// Moves or chooses them.
    Keeps,
    /// Adds or subtracts.
    Adds,
    /// Multiplies.
    Multiplies,
    /// Computes with them as integers, which is not supported.
    Refuses,
}

type Run = fn(&Args<'_>) -> Result<Tensor, Error>;

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// Class name.
    pub class: &'static str,
    /// Keras' module of it.
    pub module: &'static str,
    /// Names of its arguments, in order.
    parameters: &'static [&'static str],
    whole: Whole,
    run: Run,
}

/// An operation with the arguments of its config.
#[derive(Debug)]
pub struct Operation {
    row: &'static Row,
    config: Map<String, Value>,
}

/// The arguments of a call.
struct Args<'a> {
    operation: &'a Operation,
    cx: &'a CallContext,
    /// Names that were looked up: a key of the config that is not among them is not heeded.
    heeded: RefCell<Vec<String>>,
}

impl Args<'_> {
    fn wrong(&self, what: String) -> Error {
        config::unsupported_call(self.operation.row.class, what)
    }

    /// A value that is no tensor: of the call, or of the config.
    fn value(&self, name: &str) -> Option<Value> {
        self.heeded.borrow_mut().push(name.to_owned());
        let config = || self.operation.config.get(name).filter(|v| !v.is_null()).cloned();
        self.cx.setting(name).or_else(config)
    }

    /// A tensor, or what a number is.
    fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        if let Some(&[tensor]) = self.cx.argument(name).as_deref() {
            // Integers are held as floats; what the result is, the door says.
            return Ok(tensor.as_type(DType::F32));
        }
        let value = self.value(name).unwrap_or_default();
        let number = value.as_f64().or(value.as_bool().map(|b| f64::from(u8::from(b))));
        let number = number.ok_or_else(|| {
            let shown: String = value.to_string().chars().take(60).collect();
            self.wrong(format!("{name} = {shown}"))
        })?;
        Ok(Tensor::full(&[], number))
    }

    /// Checks whether every key of the config that says something was looked up.
    fn all_heeded(&self) -> Result<(), Error> {
        let heeded = self.heeded.borrow();
        let says = |(key, value): &(&String, &Value)| {
            !value.is_null() && key.as_str() != "trainable" && !heeded.contains(key)
        };
        match self.operation.config.iter().find(says) {
            Some((key, value)) => Err(self.wrong(format!("{key} = {value}"))),
            None => Ok(()),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<Tensor>, Error> {
        let list = self.cx.argument(name).ok_or_else(|| self.wrong(format!("{name} without tensors")))?;
        Ok(list.into_iter().map(|t| t.as_type(DType::F32)).collect())
    }

    /// A truth value, which Python takes from numbers too.
    fn flag(&self, name: &str, default: bool) -> bool {
        let of = |v: Value| v.as_bool().or(v.as_f64().map(|n| n != 0.0));
        self.value(name).and_then(of).unwrap_or(default)
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        self.value(name).and_then(|v| v.as_f64()).unwrap_or(default)
    }

    /// Whole numbers: one, or a list; `None` where nothing is given.
    fn numbers(&self, name: &str) -> Result<Option<Vec<i64>>, Error> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let list = match &value {
            Value::Array(list) => list.iter().map(Value::as_i64).collect(),
            other => other.as_i64().map(|n| vec![n]),
        };
        list.map(Some).ok_or_else(|| self.wrong(format!("{name} = {value}")))
    }

    /// An axis of a tensor of this rank, counted from the front.
    fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, Error> {
        let given = self.numbers(name)?.and_then(|list| list.first().copied());
        axis(isize::try_from(given.unwrap_or(default)).unwrap_or(isize::MAX), rank)
    }

    /// Reduces over the axes that are given, or over all.
    fn reduced(&self, f: impl Fn(Tensor, &[isize]) -> Tensor) -> Result<Tensor, Error> {
        let x = self.tensor("x")?;
        let mut axes = Vec::new();
        for given in self.numbers("axis")?.unwrap_or_default() {
            axes.push(axis(isize::try_from(given).unwrap_or(isize::MAX), x.rank())?);
        }
        if axes.is_empty() {
            axes = (0..x.rank()).collect();
        }
        let of: Vec<isize> = axes.iter().map(|a| *a as isize).collect();
        let y = f(x, &of);
        if !self.flag("keepdims", false) {
            return Ok(y);
        }
        let kept = |(i, n): (usize, &usize)| if axes.contains(&i) { 1 } else { *n };
        Ok(y.reshape(x.shape().iter().enumerate().map(kept).collect::<Vec<_>>()))
    }

    /// Applies a function of two tensors.
    fn two(&self, f: impl Fn(Tensor, Tensor) -> Tensor) -> Result<Tensor, Error> {
        Ok(f(self.tensor("x1")?, self.tensor("x2")?))
    }

    /// Applies a function of one tensor.
    fn one(&self, f: impl Fn(Tensor) -> Tensor) -> Result<Tensor, Error> {
        Ok(f(self.tensor("x")?))
    }
}

fn not(x: Tensor) -> Tensor {
    x.equal(0.0)
}

/// 1 for what is not zero.
fn truth(x: Tensor) -> Tensor {
    1.0 - not(x)
}

macro_rules! operations {
    ($( $module:literal { $( $class:ident ( $( $parameter:literal ),* ) $whole:ident, $run:expr; )* } )*) => {
        /// Every operation that is here.
        pub static OPERATIONS: &[Row] = &[ $( $(
            Row { class: stringify!($class), module: $module, parameters: &[$( $parameter ),*], whole: Whole::$whole, run: $run },
        )* )* ];
    };
}

operations! {
    "keras.src.ops.numpy" {
        Absolute("x") Refuses, |a| a.one(Tensor::abs);
        Abs("x") Refuses, |a| a.one(Tensor::abs);
        Add("x1", "x2") Adds, |a| a.two(|x, y| x + y);
        All("x") Truth, |a| a.reduced(|x, axes| truth(x).min(axes));
        Amax("x") Keeps, |a| a.reduced(|x, axes| x.max(axes));
        Amin("x") Keeps, |a| a.reduced(|x, axes| x.min(axes));
        Any("x") Truth, |a| a.reduced(|x, axes| truth(x).max(axes));
        BroadcastTo("x") Keeps, broadcast_to;
        Clip("x", "x_min", "x_max") Refuses, |a| Ok(a.tensor("x")?.maximum(a.tensor("x_min")?).minimum(a.tensor("x_max")?));
        Concatenate("xs") Keeps, concatenate;
        Cos("x") Floats, |a| a.one(Tensor::cos);
        Divide("x1", "x2") Floats, |a| a.two(|x, y| x / y);
        Equal("x1", "x2") Truth, |a| a.two(|x, y| x.equal(y));
        Exp("x") Floats, |a| a.one(Tensor::exp);
        ExpandDims("x") Keeps, expand_dims;
        Expm1("x") Floats, |a| a.one(Tensor::expm1);
        Flip("x") Keeps, flip;
        Floor("x") Floats, |a| a.one(Tensor::floor);
        GetItem("x", "key") Keeps, get_item;
        Greater("x1", "x2") Truth, |a| a.two(|x, y| y.less(x));
        GreaterEqual("x1", "x2") Truth, |a| a.two(|x, y| y.less_equal(x));
        Less("x1", "x2") Truth, |a| a.two(|x, y| x.less(y));
        LessEqual("x1", "x2") Truth, |a| a.two(|x, y| x.less_equal(y));
        Log("x") Floats, |a| a.one(Tensor::log);
        Log1p("x") Floats, |a| a.one(Tensor::log1p);
        LogicalAnd("x1", "x2") Truth, |a| a.two(|x, y| truth(x).minimum(truth(y)));
        LogicalNot("x") Truth, |a| a.one(not);
        LogicalOr("x1", "x2") Truth, |a| a.two(|x, y| truth(x).maximum(truth(y)));
        Max("x") Keeps, |a| a.reduced(|x, axes| x.max(axes));
        Maximum("x1", "x2") Keeps, |a| a.two(Tensor::maximum);
        Mean("x") Floats, |a| a.reduced(|x, axes| x.mean(axes));
        Min("x") Keeps, |a| a.reduced(|x, axes| x.min(axes));
        Minimum("x1", "x2") Keeps, |a| a.two(Tensor::minimum);
        Multiply("x1", "x2") Multiplies, |a| a.two(|x, y| x * y);
        Negative("x") Refuses, |a| a.one(|x| -x);
        NotEqual("x1", "x2") Truth, |a| a.two(|x, y| 1.0 - x.equal(y));
        OnesLike("x") Keeps, |a| like(a, 1.0);
        Power("x1", "x2") Refuses, power;
        Reshape("x") Keeps, reshape;
        Sign("x") Refuses, |a| a.one(Tensor::sign);
        Sin("x") Floats, |a| a.one(Tensor::sin);
        Sqrt("x") Floats, |a| a.one(Tensor::sqrt);
        Square("x") Refuses, |a| a.one(Tensor::square);
        Squeeze("x") Keeps, squeeze;
        Stack("x") Keeps, stack;
        Subtract("x1", "x2") Adds, |a| a.two(|x, y| x - y);
        Sum("x") Refuses, |a| a.reduced(|x, axes| x.sum(axes));
        Tanh("x") Floats, |a| a.one(Tensor::tanh);
        Transpose("x") Keeps, transpose;
        TrueDivide("x1", "x2") Floats, |a| a.two(|x, y| x / y);
        Where("condition", "x1", "x2") Keeps, |a| Ok(a.tensor("condition")?.select(a.tensor("x1")?, a.tensor("x2")?));
        ZerosLike("x") Keeps, |a| like(a, 0.0);
    }
    "keras.src.ops.core" {
        Cast("x") Floats, cast;
        StopGradient("variable") Floats, |a| Ok(a.tensor("variable")?.stop_gradient());
    }
    "keras.src.ops.math" {
        Rsqrt("x") Floats, |a| a.one(|x| 1.0 / x.sqrt());
    }
    "keras.src.ops.nn" {
        Elu("x") Floats, |a| { let alpha = a.float("alpha", 1.0); a.one(|x| act::elu(x, alpha)) };
        Gelu("x") Floats, |a| { let approximate = a.flag("approximate", true); a.one(|x| act::gelu(x, approximate)) };
        LeakyRelu("x") Floats, |a| { let slope = a.float("negative_slope", 0.2); a.one(|x| act::leaky_relu(x, slope)) };
        LogSoftmax("x") Floats, |a| { let axis = along(a)?; a.one(|x| act::log_softmax(x, axis)) };
        Relu("x") Refuses, |a| a.one(Tensor::relu);
        Relu6("x") Refuses, |a| a.one(act::relu6);
        Selu("x") Floats, |a| a.one(act::selu);
        Sigmoid("x") Floats, |a| a.one(Tensor::sigmoid);
        Silu("x") Floats, |a| a.one(act::silu);
        Softmax("x") Floats, |a| { let axis = along(a)?; a.one(|x| act::softmax(x, axis)) };
        Softplus("x") Floats, |a| a.one(Tensor::softplus);
        Softsign("x") Floats, |a| a.one(act::softsign);
    }
}

fn along(a: &Args<'_>) -> Result<isize, Error> {
    match a.numbers("axis")?.as_deref() {
        None => Ok(-1),
        Some(&[one]) => Ok(isize::try_from(one).unwrap_or(isize::MAX)),
        Some(several) => Err(a.wrong(format!("axis = {several:?}"))),
    }
}

/// x to the power of a number, or of a tensor.
fn power(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x1")?;
    let whole = a.value("x2").and_then(|v| v.as_f64()).filter(|n| n.fract() == 0.0 && n.abs() <= 16.0);
    let Some(n) = whole.filter(|n| *n != 0.0) else { return Ok(x.pow(a.tensor("x2")?)) };
    // By products, which are right for what is negative too.
    let x = x.as_type(DType::F32);
    let (mut left, mut square, mut product) = (n.abs() as u32, x, None);
    while left > 0 {
        if left % 2 == 1 {
            product = Some(product.map_or(square, |p: Tensor| p * square));
        }
        left /= 2;
        square = if left > 0 { square.square() } else { square };
    }
    let product = product.unwrap_or(x);
    Ok(if n < 0.0 { 1.0 / product } else { product })
}

fn broadcast_to(a: &Args<'_>) -> Result<Tensor, Error> {
    let (x, shape) = (a.tensor("x")?, a.numbers("shape")?.unwrap_or_default());
    let sizes: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    // The number of examples is any, so that a shape that fixes it cannot be had.
    let fits = |to: &Vec<usize>| crate::types::broadcast(&x.shape(), to).as_ref() == Some(to);
    match sizes.filter(fits) {
        Some(sizes) => Ok(x.broadcast_to(&sizes)),
        None => Err(a.wrong(format!("shape = {shape:?}"))),
    }
}

fn concatenate(a: &Args<'_>) -> Result<Tensor, Error> {
    let xs = a.list("xs")?;
    let axis = a.axis("axis", 0, xs.first().map_or(0, |x| x.rank()))?;
    Ok(Tensor::concat(&xs, axis))
}

fn stack(a: &Args<'_>) -> Result<Tensor, Error> {
    let xs = a.list("x")?;
    let axis = a.axis("axis", 0, xs.first().map_or(0, |x| x.rank() + 1))?;
    if xs.iter().any(|x| x.rank() < axis) {
        return Err(a.wrong("tensors of several ranks".into()));
    }
    let wide: Vec<Tensor> = xs
        .iter()
        .map(|x| {
            let mut shape = x.shape();
            shape.insert(axis, 1);
            x.reshape(shape)
        })
        .collect();
    Ok(Tensor::concat(&wide, axis))
}

fn expand_dims(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    let given = a.numbers("axis")?.unwrap_or_default();
    let mut axes = Vec::new();
    for axis in &given {
        axes.push(super::axis(isize::try_from(*axis).unwrap_or(isize::MAX), x.rank() + given.len())?);
    }
    axes.sort_unstable();
    let mut shape = x.shape();
    axes.into_iter().for_each(|axis| shape.insert(axis.min(shape.len()), 1));
    Ok(x.reshape(shape))
}

fn squeeze(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    let shape = x.shape();
    let mut axes = Vec::new();
    for given in a.numbers("axis")?.unwrap_or_default() {
        axes.push(axis(isize::try_from(given).unwrap_or(isize::MAX), shape.len())?);
    }
    let all = axes.is_empty();
    let gone = |i: usize, n: usize| n == 1 && (all && i > 0 || axes.contains(&i));
    let kept: Vec<usize> =
        shape.iter().enumerate().filter(|(i, n)| !gone(*i, **n)).map(|(_, n)| *n).collect();
    Ok(x.reshape(kept))
}

/// Another shape, in which -1 or null is what is left; the first axis may be the batch's.
fn reshape(a: &Args<'_>) -> Result<Tensor, Error> {
    let (x, Some(Value::Array(shape))) = (a.tensor("x")?, a.value("newshape")) else {
        return Err(a.wrong("newshape".into()));
    };
    let sizes: Vec<Option<usize>> =
        shape.iter().map(|n| n.as_i64().and_then(|n| usize::try_from(n).ok())).collect();
    let unknown = sizes.iter().filter(|n| n.is_none()).count();
    let known = sizes.iter().flatten().fold(1_usize, |n, size| n.saturating_mul(*size));
    let rest = x.ty().len() / known.max(1);
    if unknown > 1 || known == usize::MAX {
        return Err(a.wrong(format!("newshape = {}", Value::Array(shape))));
    }
    Ok(x.reshape(sizes.into_iter().map(|n| n.unwrap_or(rest)).collect::<Vec<_>>()))
}

fn transpose(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    let mut order: Vec<usize> = (0..x.rank()).rev().collect();
    if let Some(axes) = a.numbers("axes")? {
        order.clear();
        for given in axes {
            order.push(axis(isize::try_from(given).unwrap_or(isize::MAX), x.rank())?);
        }
    }
    Ok(x.transpose(&order))
}

fn flip(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    let mut axes: Vec<usize> = (0..x.rank()).collect();
    if let Some(given) = a.numbers("axis")? {
        axes.clear();
        for given in given {
            axes.push(axis(isize::try_from(given).unwrap_or(isize::MAX), x.rank())?);
        }
    }
    Ok(axes.into_iter().fold(x, Tensor::reverse))
}

/// Casts to floats, or to truth values; to other integers of floats it is not supported.
fn cast(a: &Args<'_>) -> Result<Tensor, Error> {
    let to = a.value("dtype").unwrap_or_default();
    as_type(a, a.tensor("x")?, &to)
}

fn as_type(a: &Args<'_>, x: Tensor, to: &Value) -> Result<Tensor, Error> {
    match to.as_str() {
        Some("float32") => Ok(x.as_type(DType::F32)),
        Some("bool") => Ok(truth(x).as_type(DType::Whole(Integer::Bool))),
        _ => Err(a.wrong(format!("a cast to {to}"))),
    }
}

/// One number in the shape of a tensor, and of its type where the config names no other.
fn like(a: &Args<'_>, number: f64) -> Result<Tensor, Error> {
    let made = Tensor::full(&a.tensor("x")?.shape(), number);
    a.value("dtype").map_or(Ok(made), |to| as_type(a, made, &to))
}

/// Parts of a tensor, as Python's indexing has them: whole numbers, slices with a step of 1, an ellipsis, new axes.
fn get_item(a: &Args<'_>) -> Result<Tensor, Error> {
    let (mut x, key) = (a.tensor("x")?, a.value("key").unwrap_or_default());
    let keys = match key {
        Value::Array(list) => list,
        one => vec![one],
    };
    let class = |key: &Value, name: &str| key.get("class_name").is_some_and(|c| c == name);
    let taken = keys.iter().filter(|k| !k.is_null() && !class(k, "__ellipsis__")).count();
    let (rank, mut at) = (x.rank(), 0);
    let wrong =
        |key: &Value| a.wrong(format!("the index {}", key.to_string().chars().take(60).collect::<String>()));
    for key in &keys {
        if class(key, "__ellipsis__") {
            at += rank.saturating_sub(taken);
            continue;
        }
        let mut shape = x.shape();
        if key.is_null() {
            shape.insert(at.min(shape.len()), 1);
            x = x.reshape(shape);
            at += 1;
            continue;
        }
        let Some(&length) = shape.get(at) else { return Err(wrong(key)) };
        let place = |n: i64| if n < 0 { n + length as i64 } else { n };
        if let Some(index) = key.as_i64().map(place) {
            let index = usize::try_from(index).ok().filter(|i| *i < length).ok_or_else(|| wrong(key))?;
            shape.remove(at);
            x = x.slice(at, index, 1).reshape(shape);
            continue;
        }
        let part = |name: &str| key.pointer(&format!("/config/{name}")).filter(|v| !v.is_null());
        if !class(key, "__slice__") || part("step").is_some_and(|s| *s != 1) {
            return Err(wrong(key));
        }
        let bound = |name: &str, default: usize| match part(name) {
            None => Some(default),
            Some(n) => n.as_i64().map(|n| usize::try_from(place(n).max(0)).unwrap_or(0).min(length)),
        };
        let (Some(start), Some(stop)) = (bound("start", 0), bound("stop", length)) else {
            return Err(wrong(key));
        };
        if (start, stop) != (0, length) {
            x = x.slice(at, start, stop.saturating_sub(start));
        }
        at += 1;
    }
    Ok(x)
}

/// Makes an operation of this class, from its config; `None` where it is not here.
pub(crate) fn operation(class: &str, config: Map<String, Value>) -> Option<Operation> {
    let row = OPERATIONS.iter().find(|row| row.class == class)?;
    Some(Operation { row, config })
}

impl DynLayer for Operation {
    fn class_name(&self) -> &'static str {
        self.row.class
    }

    fn module(&self) -> &'static str {
        self.row.module
    }

    fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
        Ok(())
    }

    fn build_all(&mut self, _builder: &mut Builder, _inputs: &[Shape]) -> Result<(), Error> {
        Ok(())
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.row.parameters
    }

    fn arguments(&self, count: usize) -> Arguments {
        if self.row.parameters.len() == 1 { Arguments::plain(count) } else { Arguments::each(count) }
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let args = Args { operation: self, cx, heeded: RefCell::new(vec![]) };
        let made = (self.row.run)(&args).and_then(|y| args.all_heeded().map(|()| y));
        match made {
            Ok(y) if self.row.whole == Whole::Truth => vec![y.as_type(DType::Whole(Integer::Bool))],
            Ok(y) => vec![y],
            Err(error) => {
                fail(error);
                xs.to_vec()
            }
        }
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        let names = self.row.parameters;
        // A number with a point makes floats of integers, as in Keras.
        let float = names.iter().any(|name| cx.setting(name).is_some_and(|value| value.is_f64()))
            // What has a type of its own says which.
            || self.config.get("dtype").is_some_and(|to| !to.is_null());
        match self.row.whole {
            Whole::Truth => Integers::Sees,
            Whole::Floats => Integers::Floats,
            _ if float => Integers::Floats,
            Whole::Keeps => Integers::Keeps,
            Whole::Adds => Integers::Adds,
            Whole::Multiplies => Integers::Multiplies,
            Whole::Refuses => {
                Integers::Refuses(format!("{} of integers is not supported; {MAKE_FLOATS}", self.row.class))
            }
        }
    }

    fn config(&self) -> Map<String, Value> {
        self.config.clone()
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        vec![]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

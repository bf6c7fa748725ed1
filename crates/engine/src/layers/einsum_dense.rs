//! A product with a kernel over axes that an equation names.

use serde_json::{Map, Value};

use super::config::led_by;
use super::dense::{glorot, zeros};
use super::lora::{self, Asked, Lora};
use super::quantized::{QuantizationConfig, QuantizedTensor, without_lora};
use crate::Error;
use crate::graph::{
    Activation, Adapted, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver,
    Shape, Tensor, Variable, fail,
};
use crate::ops::{Lettered, contract};

config! {
    /// activation(einsum(equation, x, kernel) + bias): `"abc,cd->abd"`, `"...x,xy->...y"`.
    EinsumDense(equation <- String, output_shape <- Lengths) {
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// The axes of the output, by their letters, along which there is a bias; `None` for none.
        bias_axes <- Option<String> = None;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// Sets how the layer was quantized, as Keras keeps it beside a quantized dtype policy.
        quantization_config <- QuantizationConfig = QuantizationConfig::default();
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
        /// Sets the rank of a product of two small matrices that is added to the kernel, which is frozen (LoRA).
        lora_rank <- Option<usize> = None;
        /// Sets what that product is multiplied by, times 1 / rank; none is the rank.
        lora_alpha <- Option<f64> = None;
    }
    read {}
    skip { kernel: Variable, bias: Variable, lora: Lora, quantized: QuantizedTensor }
}

/// Lengths of the output's axes after the batch, as far as they are given: one number, or a list with null for those that are as in the input.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Lengths(pub Vec<Option<usize>>);

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
enum OneOrMany {
    One(usize),
    Many(Vec<Option<usize>>),
}

impl From<OneOrMany> for Lengths {
    fn from(given: OneOrMany) -> Self {
        match given {
            OneOrMany::One(length) => Lengths(vec![Some(length)]),
            OneOrMany::Many(lengths) => Lengths(lengths),
        }
    }
}

impl From<usize> for Lengths {
    fn from(length: usize) -> Self {
        Lengths(vec![Some(length)])
    }
}
impl From<Vec<Option<usize>>> for Lengths {
    fn from(lengths: Vec<Option<usize>>) -> Self {
        Lengths(lengths)
    }
}
impl<const N: usize> From<[Option<usize>; N]> for Lengths {
    fn from(lengths: [Option<usize>; N]) -> Self {
        Lengths(lengths.to_vec())
    }
}

impl super::config::Field for Lengths {}

/// An equation with a letter for every axis: those of an ellipsis have capital Greek ones.
struct Terms {
    input: Vec<char>,
    kernel: Vec<char>,
    output: Vec<char>,
    /// Axes of the output that the ellipsis stands for, before the others, and behind them.
    elided: [usize; 2],
}

fn argument<T>(what: String) -> Result<T, Error> {
    Err(Error::Argument { what })
}

impl EinsumDense {
    /// Reads the equation for an input of this rank.
    fn terms(&self, rank: usize) -> Result<Terms, Error> {
        let equation = &self.equation;
        let wrong = || {
            argument(format!(
                "equation {equation:?} must be like \"ab,bc->ac\", \"...ab,bc->...ac\" or \"ab...,bc->ac...\""
            ))
        };
        let parts = equation.split_once(',').and_then(|(x, rest)| Some((x, rest.split_once("->")?)));
        let Some((x, (kernel, output))) = parts else { return wrong() };
        let bare = |text: &str| -> Option<(Vec<char>, [bool; 2])> {
            let left = text.strip_prefix("...");
            let right = left.is_none().then(|| text.strip_suffix("...")).flatten();
            let letters: Vec<char> = left.or(right).unwrap_or(text).chars().collect();
            let fine =
                letters.iter().enumerate().all(|(i, c)| c.is_ascii_alphabetic() && !letters[..i].contains(c));
            fine.then_some((letters, [left.is_some(), right.is_some()]))
        };
        let (Some((x, dots)), Some((kernel, none)), Some((output, same))) =
            (bare(x), bare(kernel), bare(output))
        else {
            return wrong();
        };
        if none != [false; 2] || dots != same || x.is_empty() || kernel.is_empty() {
            return wrong();
        }
        let more = rank.checked_sub(x.len()).filter(|more| *more == 0 || dots != [false; 2]);
        let Some(more) = more else {
            return argument(format!("equation {equation:?} is not for an input of {rank} axes"));
        };
        let elided: Vec<char> = (0..more).map(|i| char::from_u32(0x391 + i as u32).unwrap_or('Α')).collect();
        let around = |letters: Vec<char>| match dots {
            [true, _] => [elided.clone(), letters].concat(),
            _ => [letters, elided.clone()].concat(),
        };
        let elided = if dots[0] { [more, 0] } else { [0, more] };
        let (input, output) = (around(x), around(output));
        // Each axis of the input is summed with the kernel or stays; each of the kernel meets the input or the output.
        let free = input.iter().find(|c| !kernel.contains(c) && !output.contains(c));
        let loose = kernel.iter().find(|c| !input.contains(c) && !output.contains(c));
        let unknown = output.iter().find(|c| !input.contains(c) && !kernel.contains(c));
        if let Some(c) = free.or(loose).or(unknown) {
            return argument(format!("axis {c} of the equation {equation:?} is in one place alone"));
        }
        Ok(Terms { input, kernel, output, elided })
    }

    /// Returns the lengths of the output's axes, as far as the input's and the config say.
    fn output(&self, terms: &Terms, input: &[Option<usize>]) -> Result<Vec<Option<usize>>, Error> {
        let given = &self.output_shape.0;
        let [left, right] = terms.elided;
        // The config has the axes behind the batch that no ellipsis stands for.
        let mut lengths = vec![input[0]];
        lengths.extend(input.iter().skip(1).take(left.saturating_sub(1)));
        lengths.extend(given.iter().copied());
        lengths.extend(&input[input.len() - right..]);
        if lengths.len() != terms.output.len() {
            let what = format!("output_shape {given:?} has not as many axes as {:?} says", self.equation);
            return argument(what);
        }
        for (c, length) in terms.output.iter().zip(&mut lengths) {
            let Some(at) = terms.input.iter().position(|i| i == c) else { continue };
            match (*length, input[at]) {
                (None, there) => *length = there,
                (Some(a), Some(b)) if a != b => {
                    return argument(format!(
                        "axis {c} of {:?} is of length {b}, but output_shape has {a}",
                        self.equation
                    ));
                }
                _ => {}
            }
        }
        Ok(lengths)
    }

    /// Returns the shape of the bias, if there is one; `length` gives that of an axis by its letter.
    fn bias_shape(
        &self,
        terms: &Terms,
        length: impl Fn(&char) -> Result<usize, Error>,
    ) -> Result<Option<Vec<usize>>, Error> {
        let Some(axes) = &self.bias_axes else { return Ok(None) };
        let own = &terms.output[terms.elided[0]..];
        if let Some(c) = axes.chars().find(|c| !own.contains(c)) {
            return argument(format!("axis {c} of bias_axes is not in the output of {:?}", self.equation));
        }
        let first = own.iter().position(|c| axes.contains(*c)).unwrap_or(own.len());
        let along = |c: &char| if axes.contains(*c) { length(c) } else { Ok(1) };
        own[first..].iter().map(along).collect::<Result<Vec<_>, _>>().map(Some)
    }
}

/// Adds a bias. Keras 3 on TensorFlow looks for the axis of a bias along one axis by its length, the last one first and then the second; Keras 2 does not.
fn with_bias(y: Tensor, bias: Tensor, keras2: bool) -> Tensor {
    let (shape, of_bias) = (y.shape(), bias.shape());
    let mut long = of_bias.iter().filter(|n| **n > 1);
    let (Some(n), None, false) = (long.next(), long.next(), keras2) else { return y + bias };
    let mut along = vec![1; shape.len()];
    let Some(axis) = [shape.len() - 1, 1].into_iter().find(|axis| shape.get(*axis) == Some(n)) else {
        return y + bias;
    };
    along[axis] = *n;
    y + bias.reshape(along)
}

/// Describes where a letter is.
fn place(letters: &[char], letter: char) -> usize {
    letters.iter().position(|c| *c == letter).unwrap_or(0)
}

impl Layer for EinsumDense {
    const CLASS: &'static str = "EinsumDense";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let terms = self.terms(input.rank())?;
        let output = self.output(&terms, &input.0)?;
        let length = |c: &char| -> Result<usize, Error> {
            let of_output = terms.output.iter().position(|o| o == c).map(|at| output[at]);
            let found = of_output.unwrap_or_else(|| input.0[place(&terms.input, *c)]);
            found.map_or_else(
                || argument(format!("the length of axis {c} of {:?} must be known", self.equation)),
                Ok,
            )
        };
        let shape = terms.kernel.iter().map(length).collect::<Result<Vec<_>, _>>()?;
        let bias = self.bias_shape(&terms, length)?;
        if let Some(mode) = builder.quantized()? {
            without_lora(self.lora_rank, mode)?;
            let letters = [&terms.input, &terms.kernel, &terms.output].map(|letters| letters.as_slice());
            self.kernel = self.quantized.build(builder, mode, &self.quantization_config, letters, &shape)?;
        }
        if !self.kernel.is_built() {
            self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
            builder.regularize_and_constrain(
                &self.kernel,
                &self.kernel_regularizer,
                &self.kernel_constraint,
            )?;
        }
        if let Some(shape) = bias {
            self.bias = builder.add_weight("bias", shape, self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        match self.lora_rank {
            None | Some(0) => Ok(()),
            Some(rank) => self.enable_lora(builder, rank, self.lora_alpha),
        }
    }

    fn enable_lora(&mut self, builder: &mut Builder, rank: usize, alpha: Option<f64>) -> Result<(), Error> {
        let alpha = alpha.unwrap_or(rank as f64);
        let asked = Asked {
            what: "kernel",
            constraint: ("kernel_constraint", &self.kernel_constraint),
            regularizer: &self.kernel_regularizer,
            rank,
            alpha,
        };
        self.lora.build(builder, &self.kernel, &asked)?;
        (self.lora_rank, self.lora_alpha) = (Some(rank), Some(alpha));
        Ok(())
    }

    fn adapted(&self) -> Option<Adapted> {
        self.lora.adapted(&self.kernel)
    }
    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let terms = match self.terms(x.rank()) {
            Ok(terms) => terms,
            Err(error) => {
                fail(error);
                return x;
            }
        };
        let y = if self.quantized.is_built() {
            self.quantized.product(x, &self.kernel, cx)
        } else {
            let kernel = Lettered::new(self.lora.added(&self.kernel), terms.kernel);
            contract(vec![Lettered::new(x, terms.input), kernel], &terms.output)
        };
        let y = if self.bias.is_built() {
            with_bias(y, self.quantized.bias(&self.bias), cx.layer_is_keras2())
        } else {
            y
        };
        self.activation.apply(y)
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = led_by("output_shape", self);
        // Keras has it behind the constraints.
        if let Some(value) = config.shift_remove("quantization_config") {
            config.insert("quantization_config".into(), value);
        }
        lora::behind(&mut config);
        config
    }
}

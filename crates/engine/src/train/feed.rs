//! Data on their way to the device: checked, cast to what the model takes, gathered batch by batch.

use std::sync::Arc;

use super::data::Data;
use super::model::Model;
use super::trace::StepTypes;
use crate::Error;
use crate::host::{Elements, Values};
use crate::models::{Fed, Origin, Prefix};
use crate::types::{DType, EXACT, Shape, TensorType};

/// Data for one `fit`, `evaluate` or `predict`, checked and cast.
pub(super) struct Feed<'a> {
    /// Inputs of the model.
    inputs: Vec<Data<'a>>,
    /// Types of the model's inputs.
    takes: Vec<DType>,
    /// What of them the plan is fed, and what the host makes of them first.
    prefix: Arc<Prefix>,
    /// Targets and sample weights, in order of the plan's inputs behind those.
    others: Vec<Data<'a>>,
    targets: usize,
    /// Says whether the model gives integers back, which must be exact as floats.
    exact: bool,
    /// Number of examples.
    pub examples: usize,
}

impl<'a> Feed<'a> {
    /// Checks and casts. Builds the model if its input shape was not known yet.
    pub fn new(
        model: &mut Model,
        x: Vec<Data<'a>>,
        y: Vec<Data<'a>>,
        weights: Vec<Data<'a>>,
        finite: bool,
    ) -> Result<Self, Error> {
        let examples = match x.first() {
            Some(first) => first.examples("the input")?,
            None => return Err(Error::Data { what: "no input was given".into() }),
        };
        if examples == 0 {
            return Err(Error::Data { what: "the data are empty: the input has no examples".into() });
        }
        if !model.is_built() {
            model.build_for(&x[0].shape[1..], x[0].dtype)?;
        }
        if !y.is_empty() {
            model.compiled()?;
            model.resolve_compile(&y.iter().map(|d| d.shape.clone()).collect::<Vec<_>>())?;
        }
        let (takes, gives) = model.network(|n| {
            let inputs: Vec<_> = n.inputs.iter().map(|c| n.symbol_type((*c, 0))).collect();
            let outputs: Vec<_> = n.outputs.iter().map(|o| n.symbol_type(*o)).collect();
            (inputs, outputs)
        })?;
        count("inputs", x.len(), takes.len())?;
        let prefix = model.prefix()?;
        let x: Vec<Data> = x.into_iter().zip(&takes).map(|(d, (shape, _))| d.of_rank(shape)).collect();
        let exact = gives.iter().any(|(_, dtype)| matches!(dtype, DType::Whole(i) if !i.is_exact()));
        let name = |i: usize| if takes.len() == 1 { "the input".to_string() } else { format!("input {i}") };
        let cast = |(i, (d, (_, dtype))): (usize, (Data<'a>, &(Shape, DType)))| {
            let d = d.cast(*dtype, &name(i))?;
            // What the host alone reads is exact there.
            let is_fed = prefix.fed.iter().any(|fed| fed.origin == Origin::Input(i));
            if exact && is_fed && matches!(dtype, DType::Whole(_)) {
                check_exact(&d, &name(i))?
            }
            Ok(d)
        };
        let x: Vec<Data> = x.into_iter().zip(&takes).enumerate().map(cast).collect::<Result<_, Error>>()?;
        for (i, (data, (shape, _))) in x.iter().zip(&takes).enumerate() {
            let name = name(i);
            same_count(&name, data, examples)?;
            let fits = data.shape.len() == shape.rank()
                && data.shape.iter().zip(&shape.0).skip(1).all(|(a, b)| b.is_none_or(|b| b == *a));
            if !fits {
                return Err(Error::Data {
                    what: format!("{name} has shape {:?}, but the model takes {shape}", data.shape),
                });
            }
        }
        let mut targets = Vec::new();
        if !y.is_empty() {
            count("targets", y.len(), gives.len())?;
            if gives.iter().any(|(_, dtype)| *dtype == DType::Text) {
                return Err(Error::Data { what: "the model gives strings, which have no loss".into() });
            }
            for (i, data) in y.into_iter().enumerate() {
                let name = if gives.len() == 1 { "the targets".to_string() } else { format!("target {i}") };
                same_count(&name, &data, examples)?;
                targets.push(cast_target(model, i, data, gives[i].0.0.last().copied().flatten(), &name)?);
            }
        }
        let weights = weights.into_iter().map(|d| d.cast(DType::F32, "sample_weight"));
        let weights: Vec<Data> = weights.collect::<Result<_, _>>()?;
        for data in &weights {
            same_count("sample_weight", data, examples)?;
        }
        if finite {
            for (name, data) in [("the input", &x), ("the targets", &targets)] {
                for d in data {
                    if let Some(at) = d.first_not_finite() {
                        let what = format!(
                            "{name}: example {} has a value that is not finite (element {at})",
                            at / d.stride().max(1)
                        );
                        return Err(Error::Data { what });
                    }
                }
            }
        }
        let (prefix, takes) = (Arc::new(prefix), takes.into_iter().map(|(_, dtype)| dtype).collect());
        let count = targets.len();
        let others = targets.into_iter().chain(weights).collect();
        Ok(Feed { inputs: x, takes, prefix, others, targets: count, exact, examples })
    }

    /// Returns whether the types of a batch depend on its examples: the host makes of them what is as long as the longest.
    pub fn varies(&self) -> bool {
        !self.prefix.is_fixed()
    }

    /// Types of a batch of this many examples; where they depend on the examples, [`Feed::gather`] says them.
    pub fn types(&self, batch: usize) -> StepTypes {
        let made = |fed: &Fed| TensorType { dtype: fed.ty.1, shape: fed.ty.0.concrete(|| batch) };
        self.types_with(batch, made)
    }

    fn types_with(&self, batch: usize, mut made: impl FnMut(&Fed) -> TensorType) -> StepTypes {
        let of_data = |d: &Data| {
            let mut shape = d.shape.clone();
            shape[0] = batch;
            TensorType { dtype: d.dtype, shape }
        };
        let x = self.prefix.fed.iter().map(|fed| match &fed.origin {
            Origin::Input(number) => of_data(&self.inputs[*number]),
            Origin::Call(_) => {
                let mut ty = made(fed);
                ty.shape[0] = batch;
                ty
            }
        });
        let x = x.collect();
        let mut others = self.others.iter().map(of_data);
        let y = others.by_ref().take(self.targets).collect();
        StepTypes { x, y, weights: others.collect() }
    }

    /// The examples from this one on.
    pub fn after(&self, first: usize) -> Feed<'_> {
        Feed {
            inputs: self.inputs.iter().map(|d| d.part(first, self.examples)).collect(),
            takes: self.takes.clone(),
            prefix: self.prefix.clone(),
            others: self.others.iter().map(|d| d.part(first, self.examples)).collect(),
            targets: self.targets,
            exact: self.exact,
            examples: self.examples - first,
        }
    }

    /// What the host reads of these examples.
    fn on_the_host(&self, rows: &[u32]) -> Vec<Option<Values<'_>>> {
        let all = self.inputs.iter().zip(&self.takes).enumerate();
        all.map(|(number, (data, dtype))| self.prefix.reads(number).then(|| data.values(rows, *dtype)))
            .collect()
    }

    /// Says of each output of the model whether it is of strings.
    pub fn text_outputs(&self) -> Vec<bool> {
        self.prefix.text_outputs()
    }

    /// The strings that the model gives back of these examples: for each of its outputs, where that is one of strings.
    pub fn texts(&self, rows: &[u32]) -> Result<Vec<Option<Values<'static>>>, Error> {
        self.prefix.run_texts(self.on_the_host(rows))
    }

    /// The rows of these examples, one array after the other; gives the types of steps of this many of them. What the host makes is made now.
    pub fn gather(&self, rows: &[u32], batch: usize, into: &mut Vec<Vec<u32>>) -> Result<StepTypes, Error> {
        let fed = self.prefix.fed.len();
        into.resize_with(fed + self.others.len(), Vec::new);
        let copy = |data: &Data, out: &mut Vec<u32>| {
            let stride = data.stride();
            out.clear();
            out.reserve(rows.len() * stride);
            for row in rows {
                let at = *row as usize * stride;
                out.extend_from_slice(&data.words[at..at + stride]);
            }
        };
        self.others.iter().zip(&mut into[fed..]).for_each(|(data, out)| copy(data, out));
        if self.prefix.is_empty() {
            self.inputs.iter().zip(into.iter_mut()).for_each(|(data, out)| copy(data, out));
            return Ok(self.types(batch));
        }
        let mut made = self.prefix.run(self.on_the_host(rows))?;
        let mut shapes = Vec::new();
        for ((fed, out), values) in self.prefix.fed.iter().zip(into.iter_mut()).zip(&mut made) {
            match (&fed.origin, values.take()) {
                (Origin::Input(number), _) => copy(&self.inputs[*number], out),
                (Origin::Call(_), Some(values)) => {
                    shapes.push(values.shape.clone());
                    *out = self.words(values)?;
                }
                (Origin::Call(_), None) => {
                    return Err(Error::State { what: "the host has not made what a step is fed".into() });
                }
            }
        }
        let mut shapes = shapes.into_iter();
        Ok(self.types_with(batch, |fed| TensorType {
            dtype: fed.ty.1,
            shape: shapes.next().unwrap_or_default(),
        }))
    }

    /// Values of the host as a step is fed them: as floats, integers too.
    fn words(&self, values: Values<'_>) -> Result<Vec<u32>, Error> {
        match values.elements {
            Elements::Floats(all) => Ok(all.into_iter().map(f32::to_bits).collect()),
            Elements::Integers(_, all) => {
                if let Some(large) = all.iter().find(|v| self.exact && v.abs() > EXACT) {
                    let what = format!(
                        "the host makes {large} of an example, but integers that the model gives back are exact up to {EXACT}"
                    );
                    return Err(Error::Data { what });
                }
                Ok(all.into_iter().map(|v| (v as f32).to_bits()).collect())
            }
            Elements::Text(_) => Err(Error::State { what: "strings are fed to no step".into() }),
        }
    }
}

fn count(what: &str, given: usize, wanted: usize) -> Result<(), Error> {
    if given == wanted {
        Ok(())
    } else {
        Err(Error::Data { what: format!("the model has {wanted} {what}, but was given {given}") })
    }
}

fn same_count(name: &str, data: &Data, examples: usize) -> Result<(), Error> {
    let found = data.examples(name)?;
    if found == examples {
        Ok(())
    } else {
        Err(Error::Data { what: format!("{name} has {found} examples, but the input has {examples}") })
    }
}

/// Checks that integers, which the model gives back as such, are exact as floats.
fn check_exact(data: &Data, name: &str) -> Result<(), Error> {
    let value = |w: &u32| {
        if data.dtype.is_float() { f64::from(f32::from_bits(*w)) } else { f64::from(w.cast_signed()) }
    };
    let large = |w: &u32| value(w).abs() > EXACT as f64;
    match data.words.iter().position(large) {
        None => Ok(()),
        Some(at) => {
            let found = value(&data.words[at]);
            let what = format!(
                "{name}: element {at} is {found}, but integers that the model gives back are exact up to {EXACT}"
            );
            Err(Error::Data { what })
        }
    }
}

/// Targets as the output's loss takes them; class numbers are checked.
fn cast_target<'a>(
    model: &Model,
    output: usize,
    data: Data<'a>,
    classes: Option<usize>,
    name: &str,
) -> Result<Data<'a>, Error> {
    let loss = model.compiled()?.losses.iter().find(|l| l.output == output && l.loss.takes_class_numbers());
    let Some(loss) = loss else { return data.cast(DType::F32, name) };
    let ignored = loss.loss.ignored_class();
    if data.dtype == DType::F32
        && let Some(at) = data.words.iter().position(|w| f32::from_bits(*w).fract() != 0.0)
    {
        let what = format!(
            "{name}: element {at} is {}, but class numbers must be whole",
            f32::from_bits(data.words[at])
        );
        return Err(Error::Data { what });
    }
    let data = data.cast(DType::I32, name)?;
    if let Some(classes) = classes {
        let bad = |w: &u32| {
            let label = w.cast_signed();
            Some(i64::from(label)) != ignored && usize::try_from(label).map_or(true, |c| c >= classes)
        };
        if let Some(at) = data.words.iter().position(bad) {
            let what = format!(
                "{name}: label {} at position {at} is out of range; the model has {classes} classes, so labels go from 0 to {}",
                data.words[at].cast_signed(),
                classes.saturating_sub(1)
            );
            return Err(Error::Data { what });
        }
    }
    Ok(data)
}

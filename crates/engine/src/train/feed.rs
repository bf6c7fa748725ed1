//! Data on their way to the device: checked, cast to what the model takes, gathered batch by batch.

use super::data::Data;
use super::model::Model;
use super::trace::StepTypes;
use crate::Error;
use crate::types::{DType, EXACT, Shape, TensorType};

/// Data for one `fit`, `evaluate` or `predict`, checked and cast.
pub(super) struct Feed<'a> {
    /// Inputs, targets, sample weights, in order of the plan's inputs.
    arrays: Vec<Data<'a>>,
    counts: [usize; 3],
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
            model.build_for(&x[0].shape[1..])?;
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
        let exact = gives.iter().any(|(_, dtype)| matches!(dtype, DType::Whole(i) if !i.is_exact()));
        let name = |i: usize| if takes.len() == 1 { "the input".to_string() } else { format!("input {i}") };
        let cast = |(i, (d, (_, dtype))): (usize, (Data<'a>, &(Shape, DType)))| {
            let d = d.cast(*dtype, &name(i))?;
            if exact && matches!(dtype, DType::Whole(_)) {
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
        let counts = [x.len(), targets.len(), weights.len()];
        Ok(Feed { arrays: x.into_iter().chain(targets).chain(weights).collect(), counts, examples })
    }

    /// Types of a batch of this many examples.
    pub fn types(&self, batch: usize) -> StepTypes {
        let ty = |d: &Data| {
            let mut shape = d.shape.clone();
            shape[0] = batch;
            TensorType { dtype: d.dtype, shape }
        };
        let mut all = self.arrays.iter().map(ty);
        let mut take = |n| all.by_ref().take(n).collect::<Vec<_>>();
        StepTypes { x: take(self.counts[0]), y: take(self.counts[1]), weights: take(self.counts[2]) }
    }

    /// The examples from this one on.
    pub fn after(&self, first: usize) -> Feed<'_> {
        let arrays = self.arrays.iter().map(|d| d.part(first, self.examples)).collect();
        Feed { arrays, counts: self.counts, examples: self.examples - first }
    }

    /// The rows of these examples, one array after the other.
    pub fn gather(&self, rows: &[u32], into: &mut Vec<Vec<u32>>) {
        into.resize_with(self.arrays.len(), Vec::new);
        for (data, out) in self.arrays.iter().zip(into) {
            let stride = data.stride();
            out.clear();
            out.reserve(rows.len() * stride);
            for row in rows {
                let at = *row as usize * stride;
                out.extend_from_slice(&data.words[at..at + stride]);
            }
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

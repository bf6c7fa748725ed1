//! Several optimizers, each for some of the parameters.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::loss_scale::COLUMN;
use super::{Applied, Inner, LearningRate, LossScaleOptimizer, Optimizer, Parameter, SlotInfo, pattern};
use crate::Error;
use crate::graph::{Expr, serialized};

/// More groups of slots than an optimizer has.
const GROUPS: usize = 1 << 16;

/// An optimizer inside.
struct Part {
    /// Path of the parameter, or a regular expression that matches all of it; `None` for all other parameters.
    paths: Option<String>,
    optimizer: Box<dyn Optimizer>,
}

/// Gives each parameter to one of several optimizers, by its path (`keras.optimizers.MultiOptimizer` with an `OptimizerMap`).
///
/// Each has its own learning rate and clips the gradients of its own parameters. A path is one of layers' names, `encoder/dense/kernel`, with the name of a
/// Sequential in front.
///
/// ```
/// # use rhyton_engine as rhyton;
/// use rhyton::optimizers::{Adam, MultiOptimizer, SGD};
///
/// let optimizer = MultiOptimizer::new(SGD::new().learning_rate(0.01)).with(".*/bias", Adam::new());
/// ```
pub struct MultiOptimizer {
    /// The one without paths is the last, as Keras lists them.
    parts: Vec<Part>,
    name: String,
    loss_scale_factor: Option<f64>,
    rate: LearningRate,
}

impl MultiOptimizer {
    /// Class name.
    pub const CLASS: &'static str = "MultiOptimizer";

    /// With this optimizer for all parameters that no other one is for.
    pub fn new(default: impl Optimizer + 'static) -> Self {
        Self::of(vec![Part { paths: None, optimizer: Box::new(default) }])
    }

    fn of(parts: Vec<Part>) -> Self {
        MultiOptimizer {
            parts,
            name: "multi_optimizer".into(),
            loss_scale_factor: None,
            rate: LearningRate::Several,
        }
    }

    /// Takes another optimizer for the parameters of these paths: one path, or a regular expression that matches all of it.
    #[must_use]
    pub fn with(mut self, paths: &str, optimizer: impl Optimizer + 'static) -> Self {
        let at = self.parts.len() - 1;
        self.parts.insert(at, Part { paths: Some(paths.into()), optimizer: Box::new(optimizer) });
        self
    }

    /// What the loss is multiplied by before gradients are taken, which are divided by it. Those of the optimizers inside do not count.
    #[must_use]
    pub fn loss_scale_factor(mut self, factor: f64) -> Self {
        self.loss_scale_factor = Some(factor);
        self
    }

    /// Its name in configs.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Reads a config.
    ///
    /// # Errors
    /// Names a key that is not known, or whose value is wrong.
    pub(super) fn make(config: &Map<String, Value>, inner: Inner) -> Result<Box<dyn Optimizer>, Error> {
        let wrong = |key: &str, found: &Value, expected: &str| Error::Config {
            object: Self::CLASS.into(),
            what: format!("{key}: found {found}, expected {expected}"),
        };
        let map = config.get("optimizer_map").cloned().unwrap_or_default();
        let own = map.get("class_name").is_none_or(|class| class == "OptimizerMap");
        let (Some(default), true) = (map.pointer("/config/default_optimizer"), own) else {
            let what =
                "an OptimizerMap; a function of Python's is none: write one with the paths that it is for";
            return Err(wrong("optimizer_map", &map, what));
        };
        let paths = map.pointer("/config/optimizer_map").and_then(Value::as_object);
        let mut parts = Vec::new();
        for (paths, optimizer) in paths.into_iter().flatten() {
            parts.push(Part { paths: Some(paths.clone()), optimizer: inner(optimizer.clone())? });
        }
        parts.push(Part { paths: None, optimizer: inner(default.clone())? });
        let mut made = Self::of(parts);
        for (key, value) in config {
            match key.as_str() {
                "optimizer_map" => {}
                "name" => made.name = value.as_str().ok_or_else(|| wrong(key, value, "text"))?.into(),
                "loss_scale_factor" if value.is_null() => {}
                "loss_scale_factor" => {
                    made.loss_scale_factor =
                        Some(value.as_f64().ok_or_else(|| wrong(key, value, "a number"))?);
                }
                _ if value.is_null() || value == &json!(false) => {}
                _ => return Err(wrong(key, value, "no such key: set it on the optimizers inside")),
            }
        }
        Optimizer::check(&made)?;
        Ok(Box::new(made))
    }

    /// The optimizer of a parameter.
    fn part(&self, parameter: &Parameter) -> Result<usize, Error> {
        let path = parameter.path.as_str();
        let named = self.parts.iter().position(|part| part.paths.as_deref() == Some(path));
        if let Some(named) = named {
            return Ok(named);
        }
        let mut found = Vec::new();
        for (i, part) in self.parts.iter().enumerate() {
            if let Some(paths) = &part.paths
                && pattern::full(paths, path)?
            {
                found.push((i, paths));
            }
        }
        match found.as_slice() {
            [] => Ok(self.parts.len() - 1),
            [(one, _)] => Ok(*one),
            [(_, a), (_, b), ..] => {
                let what = format!("{}: both `{a}` and `{b}` match the parameter `{path}`", Self::CLASS);
                Err(Error::Argument { what })
            }
        }
    }

    /// Columns of the step table that each optimizer inside has.
    fn width(&self) -> usize {
        COLUMN / self.parts.len()
    }

    fn numbered(&mut self) -> impl Iterator<Item = (String, &mut Box<dyn Optimizer>)> {
        self.parts.iter_mut().enumerate().map(|(i, part)| (format!("{i}/"), &mut part.optimizer))
    }
}

impl Optimizer for MultiOptimizer {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }

    fn spec(&self) -> Value {
        // The factor of this one is theirs.
        let spec = |part: &Part| {
            let mut spec = part.optimizer.spec();
            if let Some(config) = spec.get_mut("config").and_then(Value::as_object_mut) {
                config.insert("loss_scale_factor".into(), self.loss_scale_factor.into());
            }
            spec
        };
        let named = |part: &Part| Some((part.paths.clone()?, spec(part)));
        let map: Map<String, Value> = self.parts.iter().filter_map(named).collect();
        let default = self.parts.last().map(spec);
        let map = serialized(
            "keras.optimizers",
            "OptimizerMap",
            json!({"default_optimizer": default, "optimizer_map": map}),
        );
        let config =
            json!({"optimizer_map": map, "loss_scale_factor": self.loss_scale_factor, "name": self.name});
        serialized("keras.optimizers", Self::CLASS, config)
    }

    fn learning_rate(&self) -> &LearningRate {
        &self.rate
    }

    /// Keras has none of its own to set either.
    fn set_learning_rate(&mut self, _rate: LearningRate) {}

    fn slots(&self, parameter: &Parameter) -> Vec<SlotInfo> {
        let Ok(part) = self.part(parameter) else { return Vec::new() };
        let slots = self.parts[part].optimizer.slots(parameter).into_iter();
        slots
            .map(|slot| {
                let group = part * GROUPS + slot.group;
                slot.group(group)
            })
            .collect()
    }

    fn scalars(&mut self, iteration: i64, _learning_rate: f64) -> Vec<f64> {
        let (width, mut columns) = (self.width(), Vec::new());
        for part in &mut self.parts {
            let rate = part.optimizer.learning_rate().at(iteration);
            let mut own = part.optimizer.scalars(iteration, rate);
            if own.len() > width {
                // More than a row holds: the step says so.
                own.resize(COLUMN + 2, 0.0);
            }
            own.resize(own.len().max(width), 0.0);
            columns.extend(own);
        }
        columns
    }

    fn host_state(&self) -> Vec<(String, f32)> {
        let mut state = Vec::new();
        for (i, part) in self.parts.iter().enumerate() {
            if let LearningRate::Constant(rate) = part.optimizer.learning_rate() {
                state.push((format!("{i}/learning_rate"), *rate));
            }
            state.extend(part.optimizer.host_state().into_iter().map(|(name, x)| (format!("{i}/{name}"), x)));
        }
        state
    }

    fn set_host_state(&mut self, state: &[(String, f32)]) {
        for (prefix, optimizer) in self.numbered() {
            let own = |(name, x): &(String, f32)| Some((name.strip_prefix(&prefix)?.to_owned(), *x));
            let own: Vec<(String, f32)> = state.iter().filter_map(own).collect();
            let rate = own.iter().find(|(name, _)| name == "learning_rate");
            if let (Some((_, rate)), LearningRate::Constant(_)) = (rate, optimizer.learning_rate()) {
                optimizer.set_learning_rate(LearningRate::Constant(*rate));
            }
            optimizer.set_host_state(&own);
        }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: Cow<str>| Err(Error::Argument { what: format!("{}: {what}", Self::CLASS) });
        if let Some(factor) = self.loss_scale_factor.filter(|f| !(*f > 0.0 && f.is_finite())) {
            return wrong(format!("loss_scale_factor is {factor}, but must be positive").into());
        }
        if self.width() < 8 {
            let (most, found) = (COLUMN / 8, self.parts.len());
            return wrong(format!("{found} optimizers inside, but {most} at most are supported").into());
        }
        for part in &self.parts {
            let class = part.optimizer.class_name();
            if [Self::CLASS, LossScaleOptimizer::CLASS].contains(&class) {
                return wrong(format!("a {class} cannot be one of the optimizers inside").into());
            }
            part.paths.iter().try_for_each(|paths| pattern::full(paths, "").map(drop))?;
            part.optimizer.check()?;
        }
        Ok(())
    }

    fn usable(&self) -> Result<(), Error> {
        self.parts.iter().try_for_each(|part| part.optimizer.usable())
    }

    fn loss_scale(&self) -> Option<Expr> {
        self.loss_scale_factor.map(Expr::Const)
    }

    fn inside(&self) -> Vec<&dyn Optimizer> {
        self.parts.iter().map(|part| part.optimizer.as_ref()).collect()
    }

    fn part_of(&self, parameter: &Parameter) -> Option<usize> {
        self.part(parameter).ok()
    }

    fn apply(&self, parameters: &[Applied]) -> Result<(), Error> {
        Optimizer::check(self)?;
        let parts: Vec<usize> =
            parameters.iter().map(|p| self.part(&p.parameter)).collect::<Result<_, _>>()?;
        for (i, part) in self.parts.iter().enumerate() {
            let of_part = parameters.iter().zip(&parts).filter(|(_, part)| **part == i);
            let moved = |applied: &Applied| Applied {
                first_column: applied.first_column + i * self.width(),
                ..applied.clone()
            };
            part.optimizer.apply(&of_part.map(|(applied, _)| moved(applied)).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

debug!(MultiOptimizer, |o| spec: o.spec());

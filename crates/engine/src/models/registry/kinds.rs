//! The kinds of objects that configs name.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalogue::{Kind, unknown};
use super::custom::{CustomObjects, Make, MakeOptimizer};
use super::{LayerActivation, layer, learning_rate, modern};
use crate::config::Config;
use crate::constraints::CONSTRAINTS;
use crate::graph::{Activation, Constraint, DynLayer, Initializer, LayerRef, Regularizer, Spec};
use crate::initializers::INITIALIZERS;
use crate::layers::LAYERS;
use crate::losses::{LOSSES, Loss};
use crate::metrics::{METRICS, Metric};
use crate::names::snake_case;
use crate::optimizers::schedules::SCHEDULES;
use crate::optimizers::{LearningRateSchedule, OPTIMIZERS, Optimizer, OptimizerSpec, WRAPPERS};
use crate::regularizers::REGULARIZERS;
use crate::{Error, activations, config, losses, metrics};

/// Gives the names of a kind.
type Names = fn() -> Vec<String>;

/// The names of each kind.
pub(super) const NAMES: &[(&str, Names)] = &[
    row::<Layers>(),
    row::<Activations>(),
    row::<Losses>(),
    row::<Metrics>(),
    row::<Optimizers>(),
    row::<Schedules>(),
    row::<Initializers>(),
    row::<Regularizers>(),
    row::<Constraints>(),
];

const fn row<K: Kind>() -> (&'static str, Names) {
    (K::NAME, K::names)
}

fn strings<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.map(String::from).collect()
}

/// A kind whose rows have several names and read a config: where they are, and where users' are kept.
macro_rules! of_rows {
    ($(#[$doc:meta])* $kind:ident: $object:ty, $name:literal, $register:literal, $field:ident, $rows:ident, |$class:ident| $names:expr) => {
        $(#[$doc])*
        pub(super) struct $kind;

        impl Kind for $kind {
            const NAME: &'static str = $name;
            const REGISTER: &'static str = $register;
            type Object = $object;
            type Custom = Make<$object>;

            fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
                &objects.$field
            }
            fn make(custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error> {
                custom(spec.config.clone())
            }
            fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
                let class = $rows.iter().find(|$class| $names.any(|known| known == name));
                class.map(|class| (class.make)(config.clone())).transpose()
            }
            fn names() -> Vec<String> {
                strings($rows.iter().flat_map(|$class| $names.rev()))
            }
        }
    };
}

of_rows!(
    /// Initializers.
    Initializers: Arc<dyn Initializer>, "initializer", "register_initializer::<TheInitializer>(\"Package>Name\")", initializers, INITIALIZERS,
    |class| class.names.iter().copied()
);
of_rows!(
    /// Regularizers.
    Regularizers: Arc<dyn Regularizer>, "regularizer", "register_regularizer::<TheRegularizer>(\"Package>Name\")", regularizers, REGULARIZERS,
    |class| class.names.iter().copied()
);
of_rows!(
    /// Constraints.
    Constraints: Arc<dyn Constraint>, "constraint", "register_constraint::<TheConstraint>(\"Package>Name\")", constraints, CONSTRAINTS,
    |class| class.names.iter().copied()
);
of_rows!(
    /// Learning rate schedules.
    Schedules: Arc<dyn LearningRateSchedule>, "schedule", "register_schedule::<TheSchedule>(\"Package>Name\")", schedules, SCHEDULES,
    |class| std::iter::once(class.name)
);

/// Activations: functions, and the layers without weights that can stand for one.
pub(super) struct Activations;

impl Kind for Activations {
    const NAME: &'static str = "activation";
    const REGISTER: &'static str = "register_activation(\"Package>name\", function)";
    type Object = Arc<dyn Activation>;
    type Custom = Arc<dyn Activation>;

    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
        &objects.activations
    }
    fn make(custom: Self::Custom, _spec: &Spec) -> Result<Self::Object, Error> {
        Ok(custom)
    }
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
        if let Some(builtin) = activations::builtin(name) {
            // A function is named; arguments are what layers have.
            return match config.iter().find(|(_, v)| !v.is_null()) {
                Some((key, value)) => Err(config::unsupported(name, key, value)),
                None => Ok(Some(Arc::new(builtin))),
            };
        }
        if ["ReLU", "LeakyReLU", "ELU", "Softmax"].contains(&name) {
            let layer = layer(name, None, config)?;
            return Ok(Some(Arc::new(LayerActivation { layer, config: config.clone() })));
        }
        Ok(None)
    }
    fn names() -> Vec<String> {
        strings(activations::names())
    }
}

/// Layers by their class and its config alone; [`layer`] also looks at how they were registered.
pub(super) struct Layers;

impl Kind for Layers {
    const NAME: &'static str = "layer";
    const REGISTER: &'static str = "register_layer::<TheLayer>(\"Package\")";
    type Object = LayerRef;
    type Custom = Make<Box<dyn DynLayer>>;

    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
        &objects.layers
    }
    fn make(_custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error> {
        layer(super::bare(&spec.name), Some(&spec.name), &spec.config)
    }
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
        layer(name, None, config).map(Some)
    }
    fn names() -> Vec<String> {
        strings(LAYERS.iter().map(|class| class.name))
    }
    fn resolve(&self, spec: &Spec) -> Result<Self::Object, Error> {
        let registered = Some(spec.name.as_str()).filter(|name| spec.custom || name.contains('>'));
        layer(super::bare(&spec.name), registered, &spec.config)
    }
}

/// Losses, where the shapes of targets and predictions decide what `"crossentropy"` and `"ce"` mean.
pub(super) struct Losses<'a> {
    pub(super) y_true: &'a [usize],
    pub(super) y_pred: &'a [usize],
}

impl Kind for Losses<'_> {
    const NAME: &'static str = "loss";
    const REGISTER: &'static str = "register_loss(\"Package>name\", function)";
    type Object = Arc<dyn Loss>;
    type Custom = Make<Arc<dyn Loss>>;

    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
        &objects.losses
    }
    fn make(custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error> {
        custom(spec.config.clone())
    }
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
        if losses::is_crossentropy(name) {
            let meant = losses::builtin(losses::crossentropy_name(self.y_true, self.y_pred), &Map::new())?;
            return Ok(meant.map(|loss| losses::renamed(name, loss)));
        }
        losses::builtin(name, config)
    }
    fn names() -> Vec<String> {
        let functions = LOSSES.iter().flat_map(|class| class.functions.iter().copied());
        strings(functions.chain(LOSSES.iter().map(|class| class.class)).chain(["crossentropy"]))
    }
}

/// Metrics, where the shapes of targets and predictions decide what `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` mean.
pub(super) struct Metrics<'a> {
    /// What the config says: one that is asked for by a string goes by it.
    pub(super) value: &'a Value,
    pub(super) y_true: &'a [usize],
    pub(super) y_pred: &'a [usize],
}

impl Kind for Metrics<'_> {
    const NAME: &'static str = "metric";
    const REGISTER: &'static str = "register_metric(\"Package>name\", function)";
    type Object = Arc<dyn Metric>;
    type Custom = Make<Arc<dyn Metric>>;

    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
        &objects.metrics
    }
    fn make(custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error> {
        custom(spec.config.clone())
    }
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
        if metrics::is_accuracy(name) && self.value.is_string() {
            return Ok(Some(metrics::resolve_accuracy(name, self.y_true, self.y_pred)));
        }
        // tf_keras knows it of metrics too.
        if losses::is_crossentropy(name) && self.value.is_string() {
            let meant = metrics::builtin(losses::crossentropy_name(self.y_true, self.y_pred), &Map::new())?;
            let renamed = meant.map(|metric| metrics::renamed(name, metric));
            return renamed.ok_or_else(|| unknown::<Self>(name)).map(Some);
        }
        // A metric that was asked for by a string, or by a function, goes by that name.
        let by_name = self.value.is_string() || self.value.get("config").is_some_and(Value::is_string);
        let found = metrics::builtin(name, config)?;
        Ok(found.map(|found| if by_name { metrics::renamed(name, found) } else { found }))
    }
    fn names() -> Vec<String> {
        let aliases = METRICS.iter().flat_map(|class| class.aliases.iter().copied());
        let classes = METRICS.iter().map(|class| class.class);
        let mut names = strings(aliases.chain(classes).chain(["accuracy", "crossentropy"]));
        names.extend(METRICS.iter().map(|class| snake_case(class.class)));
        names
    }
}

/// Optimizers; whether a module says that it is one of Keras 2's older form.
pub(super) struct Optimizers {
    pub(super) legacy_module: bool,
}

impl Kind for Optimizers {
    const NAME: &'static str = "optimizer";
    const REGISTER: &'static str = "register_optimizer::<TheOptimizer>(\"Package\")";
    type Object = Box<dyn Optimizer>;
    type Custom = MakeOptimizer;

    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom> {
        &objects.optimizers
    }
    fn make(custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error> {
        custom(spec.config.clone(), rate(&spec.name, &spec.config)?)
    }
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error> {
        let known = |class: &&crate::optimizers::Class| {
            class.names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name.eq_ignore_ascii_case(name)) {
            // What stands inside may be anybody's.
            let inner = |config: Value| super::optimizer(OptimizerSpec::Config(config));
            return (wrapper.make)(config, &inner).map(Some);
        }
        let Some(class) = OPTIMIZERS.iter().find(known) else { return Ok(None) };
        let modern = modern(name, config.clone(), self.legacy_module)?;
        let rate = rate(name, &modern)?;
        (class.make)(modern, rate).map(Some)
    }
    fn names() -> Vec<String> {
        let wrappers = WRAPPERS.iter().map(|wrapper| wrapper.name);
        strings(OPTIMIZERS.iter().flat_map(|class| class.names.iter().rev().copied()).chain(wrappers))
    }
    /// tf_keras registers its own as users do: `Custom>Adam`, in `.h5`.
    fn keras_name(spec: &Spec) -> Option<&str> {
        let name = spec.name.strip_prefix("Custom>").unwrap_or(&spec.name);
        (!spec.custom && !name.contains('>')).then_some(name)
    }
}

/// The learning rate in an optimizer's config.
fn rate(name: &str, config: &Config) -> Result<Option<crate::optimizers::LearningRate>, Error> {
    match config.get("learning_rate") {
        None | Some(Value::Null) => Ok(None),
        Some(rate) if rate.is_number() || rate.get("class_name").is_some() => learning_rate(rate),
        Some(other) => Err(Error::Config {
            object: name.into(),
            what: format!("learning_rate: found {other}, expected a number or a schedule"),
        }),
    }
}

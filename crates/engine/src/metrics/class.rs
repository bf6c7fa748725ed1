//! The table of metrics, the macro that makes a class, and what "accuracy" means.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Accuracy, BinaryAccuracy, BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy,
    CategoricalHinge, CosineSimilarity, Direction, FalseNegatives, FalsePositives, Hinge, KLDivergence,
    LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Metric, Poisson, Precision, Recall, RootMeanSquaredError,
    SparseCategoricalAccuracy, SparseCategoricalCrossentropy, SparseTopKCategoricalAccuracy, SquaredHinge,
    Sum, TopKCategoricalAccuracy, TrueNegatives, TruePositives,
};
use crate::graph::{Tensor, serialized_custom_function};
use crate::losses::{TargetKind, is_crossentropy, kind_of_targets};
use crate::{Error, config};

/// Makes a metric from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn Metric>, Error>;

/// A row of the table of metrics.
#[derive(Debug)]
pub struct Class {
    /// The class.
    pub class: &'static str,
    /// Other names than the class and its snake case.
    pub aliases: &'static [&'static str],
    /// Says which values are better; `None` where Keras says nothing (counts).
    pub direction: Option<Direction>,
    /// Reads a config.
    pub make: Make,
}

const UP: Option<Direction> = Some(Direction::Up);
const DOWN: Option<Direction> = Some(Direction::Down);
const NEITHER: Option<Direction> = None;

/// Keras' metrics.
pub static METRICS: &[Class] = &[
    row::<Accuracy>("Accuracy", UP, &[]),
    row::<BinaryAccuracy>("BinaryAccuracy", UP, &[]),
    row::<BinaryCrossentropy>("BinaryCrossentropy", DOWN, &["bce", "BCE"]),
    row::<CategoricalAccuracy>("CategoricalAccuracy", UP, &[]),
    row::<CategoricalCrossentropy>("CategoricalCrossentropy", DOWN, &[]),
    row::<CategoricalHinge>("CategoricalHinge", DOWN, &[]),
    row::<CosineSimilarity>("CosineSimilarity", UP, &[]),
    row::<FalseNegatives>("FalseNegatives", NEITHER, &[]),
    row::<FalsePositives>("FalsePositives", NEITHER, &[]),
    row::<Hinge>("Hinge", DOWN, &[]),
    row::<KLDivergence>("KLDivergence", DOWN, &["kullback_leibler_divergence"]),
    row::<LogCoshError>("LogCoshError", DOWN, &["logcosh", "log_cosh"]),
    row::<MeanAbsoluteError>("MeanAbsoluteError", DOWN, &["mae", "MAE"]),
    row::<MeanAbsolutePercentageError>("MeanAbsolutePercentageError", DOWN, &["mape", "MAPE"]),
    row::<MeanSquaredError>("MeanSquaredError", DOWN, &["mse", "MSE"]),
    row::<MeanSquaredLogarithmicError>("MeanSquaredLogarithmicError", DOWN, &["msle", "MSLE"]),
    row::<Poisson>("Poisson", DOWN, &[]),
    row::<Precision>("Precision", UP, &[]),
    row::<Recall>("Recall", UP, &[]),
    row::<RootMeanSquaredError>("RootMeanSquaredError", DOWN, &[]),
    row::<SparseCategoricalAccuracy>("SparseCategoricalAccuracy", UP, &[]),
    row::<SparseCategoricalCrossentropy>("SparseCategoricalCrossentropy", DOWN, &[]),
    row::<SparseTopKCategoricalAccuracy>("SparseTopKCategoricalAccuracy", UP, &[]),
    row::<SquaredHinge>("SquaredHinge", DOWN, &[]),
    row::<TopKCategoricalAccuracy>("TopKCategoricalAccuracy", UP, &[]),
    row::<TrueNegatives>("TrueNegatives", NEITHER, &[]),
    row::<TruePositives>("TruePositives", NEITHER, &[]),
];

const fn row<M: Metric + DeserializeOwned + Serialize + 'static>(
    class: &'static str,
    direction: Option<Direction>,
    aliases: &'static [&'static str],
) -> Class {
    Class { class, aliases, direction, make: make::<M> }
}

fn make<M: Metric + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn Metric>, Error> {
    Ok(Arc::new(config::read::<M>(config::class_of::<M>(), &config, |_, _| false)?))
}

/// A metric that a config names by a string: it is called, and written, by that name.
pub struct NamedMetric {
    name: String,
    metric: Arc<dyn Metric>,
}

/// A metric under the name that it was asked for by.
pub fn renamed(name: &str, metric: Arc<dyn Metric>) -> Arc<dyn Metric> {
    Arc::new(NamedMetric { name: name.into(), metric })
}

impl Metric for NamedMetric {
    fn spec(&self) -> Value {
        serialized_custom_function(&self.name)
    }
    fn name(&self) -> String {
        self.name.rsplit('>').next().unwrap_or(&self.name).into()
    }
    fn size(&self) -> usize {
        self.metric.size()
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        self.metric.call(y_true, y_pred)
    }
    fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
        self.metric.sums(y_true, y_pred, weight)
    }
    fn result(&self, sums: &[f64]) -> f64 {
        self.metric.result(sums)
    }
    fn direction(&self) -> Option<Direction> {
        self.metric.direction()
    }
    fn takes_class_numbers(&self) -> bool {
        self.metric.takes_class_numbers()
    }
    fn takes_mask(&self) -> bool {
        self.metric.takes_mask()
    }
}

/// Keras' metric of this class, with this config, or of this name in snake case or short. `None` where Keras has none.
///
/// # Errors
/// The config does not suit the class.
pub fn builtin(name: &str, config: &Map<String, Value>) -> Result<Option<Arc<dyn Metric>>, Error> {
    let known = |c: &&Class| {
        c.class == name || c.aliases.contains(&name) || crate::names::snake_case(c.class) == name
    };
    METRICS.iter().find(known).map(|c| (c.make)(config.clone())).transpose()
}

/// Whether a name asks for the accuracy that suits the output.
pub fn is_accuracy(name: &str) -> bool {
    name.eq_ignore_ascii_case("accuracy") || name.eq_ignore_ascii_case("acc")
}

/// Returns whether the shapes of the data decide what a name means.
pub fn waits_for_shapes(name: &str) -> bool {
    is_accuracy(name) || is_crossentropy(name)
}

/// The metric that `"accuracy"` or `"acc"` stands for, by the shapes of targets and predictions, under that name.
pub fn resolve_accuracy(name: &str, y_true: &[usize], y_pred: &[usize]) -> Arc<dyn Metric> {
    renamed(
        name,
        match kind_of_targets(y_true, y_pred) {
            TargetKind::Binary => Arc::new(BinaryAccuracy::new()),
            TargetKind::Sparse => Arc::new(SparseCategoricalAccuracy::new()),
            TargetKind::Categorical => Arc::new(CategoricalAccuracy::new()),
        },
    )
}

/// Makes a metric class: its struct, defaults, builders and `impl Metric`. Fields that are `not saved` are read but not written, as
/// in Keras.
macro_rules! metric {
    (
        $(#[$doc:meta])*
        $class:ident $name:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }
        $(not saved { $($(#[$hidden_doc:meta])* $hidden:ident: $hidden_type:ty = $hidden_default:expr,)* })?
        |$s:ident, $t:ident, $p:ident| $body:expr
        $(, $($extra:item)*)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $class {
            name: String,
            dtype: serde_json::Value,
            $($field: $type,)*
            $($(#[serde(skip_serializing)] $hidden: $hidden_type,)*)?
        }

        impl Default for $class {
            fn default() -> Self {
                $class {
                    name: $name.into(),
                    dtype: "float32".into(),
                    $($field: $default,)*
                    $($($hidden: $hidden_default,)*)?
                }
            }
        }

        impl $class {
            /// With Keras' defaults.
            pub fn new() -> Self {
                Self::default()
            }
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(mut self, $field: impl Into<$type>) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
            $($(
                $(#[$hidden_doc])*
                #[must_use]
                pub fn $hidden(mut self, $hidden: impl Into<$hidden_type>) -> Self {
                    self.$hidden = $hidden.into();
                    self
                }
            )*)?
            /// Its name in logs and configs.
            #[must_use]
            pub fn name(mut self, name: &str) -> Self {
                self.name = name.into();
                self
            }
        }

        impl $crate::metrics::Metric for $class {
            fn spec(&self) -> serde_json::Value {
                let config = serde_json::to_value(self).unwrap_or_default();
                $crate::graph::serialized("keras.metrics", stringify!($class), config)
            }
            fn name(&self) -> String {
                self.name.clone()
            }
            fn direction(&self) -> Option<$crate::metrics::Direction> {
                $crate::metrics::METRICS.iter().find(|c| c.class == stringify!($class)).and_then(|c| c.direction)
            }
            fn call(&self, y_true: $crate::graph::Tensor, y_pred: $crate::graph::Tensor) -> $crate::graph::Tensor {
                let ($s, $t, $p) = (self, y_true, y_pred);
                let _ = ($s, $t, $p);
                $body
            }
            $($($extra)*)?
        }
    };
}
pub(super) use metric;

debug!(NamedMetric, |m| name: m.name);

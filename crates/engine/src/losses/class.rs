//! The table of losses: classes and function names, and the macro that makes a class.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    CategoricalHinge, CosineSimilarity, Dice, Hinge, Huber, KLDivergence, LogCosh, Loss, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson, Reduction,
    SparseCategoricalCrossentropy, SquaredHinge, Tversky,
};
use crate::graph::{Tensor, serialized_custom_function};
use crate::{Error, config};

/// Makes a loss from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn Loss>, Error>;

/// A row of the table of losses.
#[derive(Debug)]
pub struct Class {
    /// The class.
    pub class: &'static str,
    /// Names of its function.
    pub functions: &'static [&'static str],
    /// Reads a config.
    pub make: Make,
}

/// Keras' losses.
pub static LOSSES: &[Class] = &[
    row::<BinaryCrossentropy>("BinaryCrossentropy", &["binary_crossentropy", "bce", "BCE"]),
    row::<BinaryFocalCrossentropy>("BinaryFocalCrossentropy", &["binary_focal_crossentropy"]),
    row::<CategoricalCrossentropy>("CategoricalCrossentropy", &["categorical_crossentropy"]),
    row::<CategoricalFocalCrossentropy>("CategoricalFocalCrossentropy", &["categorical_focal_crossentropy"]),
    row::<CategoricalHinge>("CategoricalHinge", &["categorical_hinge"]),
    row::<CosineSimilarity>("CosineSimilarity", &["cosine_similarity"]),
    row::<Dice>("Dice", &["dice"]),
    row::<Hinge>("Hinge", &["hinge"]),
    row::<Huber>("Huber", &["huber"]),
    row::<KLDivergence>("KLDivergence", &["kl_divergence", "kld", "KLD", "kullback_leibler_divergence"]),
    row::<LogCosh>("LogCosh", &["log_cosh", "logcosh"]),
    row::<MeanAbsoluteError>("MeanAbsoluteError", &["mean_absolute_error", "mae", "MAE"]),
    row::<MeanAbsolutePercentageError>(
        "MeanAbsolutePercentageError",
        &["mean_absolute_percentage_error", "mape", "MAPE"],
    ),
    row::<MeanSquaredError>("MeanSquaredError", &["mean_squared_error", "mse", "MSE"]),
    row::<MeanSquaredLogarithmicError>(
        "MeanSquaredLogarithmicError",
        &["mean_squared_logarithmic_error", "msle", "MSLE"],
    ),
    row::<Poisson>("Poisson", &["poisson"]),
    row::<SparseCategoricalCrossentropy>(
        "SparseCategoricalCrossentropy",
        &["sparse_categorical_crossentropy"],
    ),
    row::<SquaredHinge>("SquaredHinge", &["squared_hinge"]),
    row::<Tversky>("Tversky", &["tversky"]),
];

const fn row<L: Loss + DeserializeOwned + Serialize + 'static>(
    class: &'static str,
    functions: &'static [&'static str],
) -> Class {
    Class { class, functions, make: make::<L> }
}

fn make<L: Loss + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn Loss>, Error> {
    let class = config::class_of::<L>();
    // Keras 2 repeats the class as its function; losses are computed in float32.
    let function = |name: &Value| {
        LOSSES.iter().any(|c| c.class == class && name.as_str().is_some_and(|n| c.functions.contains(&n)))
    };
    let idle = |key: &str, value: &Value| match key {
        "fn" => function(value),
        "dtype" => value == "float32",
        _ => false,
    };
    Ok(Arc::new(config::read::<L>(class, &config, idle)?))
}

/// A loss that a config names by its function: it is written by that name again.
pub struct NamedLoss {
    name: String,
    loss: Arc<dyn Loss>,
}

impl Loss for NamedLoss {
    fn spec(&self) -> Value {
        serialized_custom_function(&self.name)
    }
    fn name(&self) -> String {
        self.name.clone()
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        self.loss.call(y_true, y_pred)
    }
    fn mask(&self, y_true: Tensor, y_pred: Tensor) -> Option<Tensor> {
        self.loss.mask(y_true, y_pred)
    }
    fn reduction(&self) -> Reduction {
        self.loss.reduction()
    }
    fn takes_class_numbers(&self) -> bool {
        self.loss.takes_class_numbers()
    }
    fn ignored_class(&self) -> Option<i64> {
        self.loss.ignored_class()
    }
}

/// Keras' loss of this name: a class with this config, or a function. `None` where Keras has none.
///
/// # Errors
/// The config does not suit the class.
pub fn builtin(name: &str, config: &Map<String, Value>) -> Result<Option<Arc<dyn Loss>>, Error> {
    if let Some(class) = LOSSES.iter().find(|c| c.class == name) {
        return (class.make)(config.clone()).map(Some);
    }
    let Some(class) = LOSSES.iter().find(|c| c.functions.contains(&name)) else { return Ok(None) };
    // A function is written by its name alone.
    if let Some((key, value)) = config.iter().find(|(_, v)| !v.is_null()) {
        return Err(config::unsupported(name, key, value));
    }
    Ok(Some(renamed(name, (class.make)(Map::new())?)))
}

/// A loss under the name that it was asked for by.
pub fn renamed(name: &str, loss: Arc<dyn Loss>) -> Arc<dyn Loss> {
    Arc::new(NamedLoss { name: name.into(), loss })
}

/// Returns whether a name asks for the cross-entropy that suits the output.
pub fn is_crossentropy(name: &str) -> bool {
    name.eq_ignore_ascii_case("crossentropy") || name.eq_ignore_ascii_case("ce")
}

/// Which function `"crossentropy"` and `"ce"` stand for, by the shapes of targets and predictions, as Keras decides it.
pub fn crossentropy_name(y_true: &[usize], y_pred: &[usize]) -> &'static str {
    match super::kind_of_targets(y_true, y_pred) {
        super::TargetKind::Binary => "binary_crossentropy",
        super::TargetKind::Sparse => "sparse_categorical_crossentropy",
        super::TargetKind::Categorical => "categorical_crossentropy",
    }
}

/// Makes a loss class: its struct, defaults, builders and `impl Loss`. Fields that are `not saved` are read but not written, as in
/// Keras.
macro_rules! loss {
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
            reduction: $crate::words::Word<$crate::losses::Reduction>,
            $($field: $type,)*
            $($(#[serde(skip_serializing)] $hidden: $hidden_type,)*)?
        }

        impl Default for $class {
            fn default() -> Self {
                $class {
                    name: $name.into(),
                    reduction: $crate::words::Word::default(),
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
            /// Sets how the losses of the examples are joined: `"sum_over_batch_size"`, `"sum"`, `"mean_with_sample_weight"`, `"none"`, or a
            /// [`Reduction`]($crate::losses::Reduction).
            #[must_use]
            pub fn reduction(mut self, reduction: impl Into<$crate::words::Word<$crate::losses::Reduction>>) -> Self {
                self.reduction = reduction.into();
                self
            }
            /// Its name in configs.
            #[must_use]
            pub fn name(mut self, name: &str) -> Self {
                self.name = name.into();
                self
            }
            pub(crate) fn values(&self, y_true: $crate::graph::Tensor, y_pred: $crate::graph::Tensor) -> $crate::graph::Tensor {
                let ($s, $t, $p) = (self, y_true, y_pred);
                let _ = ($s, $t, $p);
                $body
            }
        }

        impl $crate::losses::Loss for $class {
            fn spec(&self) -> serde_json::Value {
                let config = serde_json::to_value(self).unwrap_or_default();
                $crate::graph::serialized("keras.losses", stringify!($class), config)
            }
            fn name(&self) -> String {
                self.name.clone()
            }
            fn reduction(&self) -> $crate::losses::Reduction {
                *self.reduction
            }
            fn check(&self) -> Result<(), $crate::Error> {
                self.reduction.get().map(drop)
            }
            fn call(&self, y_true: $crate::graph::Tensor, y_pred: $crate::graph::Tensor) -> $crate::graph::Tensor {
                self.values(y_true, y_pred)
            }
            $($($extra)*)?
        }
    };
}
pub(super) use loss;

debug!(NamedLoss, |l| name: l.name);

//! What `compile` takes as losses: objects, names, functions, one for all outputs or one for each.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Loss;

/// A loss as given: an object, or what a config says, which the registry turns into one.
#[derive(Clone)]
pub enum LossSpec {
    /// An object or function.
    Object(Arc<dyn Loss>),
    /// A name or a serialized object; `null` for an output without a loss.
    Config(Value),
}

impl fmt::Debug for LossSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.spec())
    }
}

impl LossSpec {
    /// As compile configs name it.
    pub fn spec(&self) -> Value {
        match self {
            LossSpec::Object(loss) => loss.spec(),
            LossSpec::Config(value) => value.clone(),
        }
    }
}

/// The losses of a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Losses {
    /// One, which all outputs have.
    One(LossSpec),
    /// One for each output, in their order.
    List(Vec<LossSpec>),
    /// By the names of the outputs; the others have none.
    ByOutput(Vec<(String, LossSpec)>),
}

impl Losses {
    /// As compile configs name them.
    pub fn spec(&self) -> Value {
        match self {
            Losses::One(loss) => loss.spec(),
            Losses::List(list) => list.iter().map(LossSpec::spec).collect(),
            Losses::ByOutput(outputs) => {
                Value::Object(outputs.iter().map(|(name, loss)| (name.clone(), loss.spec())).collect())
            }
        }
    }
}

/// What can be one loss.
pub trait IntoLossSpec {
    /// As a loss as given.
    fn into_loss_spec(self) -> LossSpec;
}

impl<L: Loss + 'static> IntoLossSpec for L {
    fn into_loss_spec(self) -> LossSpec {
        LossSpec::Object(Arc::new(self))
    }
}
impl IntoLossSpec for Arc<dyn Loss> {
    fn into_loss_spec(self) -> LossSpec {
        LossSpec::Object(self)
    }
}
impl IntoLossSpec for &str {
    fn into_loss_spec(self) -> LossSpec {
        LossSpec::Config(self.into())
    }
}
impl IntoLossSpec for String {
    fn into_loss_spec(self) -> LossSpec {
        LossSpec::Config(self.into())
    }
}
impl IntoLossSpec for LossSpec {
    fn into_loss_spec(self) -> LossSpec {
        self
    }
}

/// Describes what `compile` takes as losses: one for all outputs; an array, `Vec` or tuple with one per output; or pairs of an output's name
/// and its loss, `[("price", "mse"), ("kind", "sparse_categorical_crossentropy")]` (of several types: `losses!`).
pub trait IntoLoss {
    /// The losses.
    fn into_loss(self) -> Losses;
}

impl<L: IntoLossSpec> IntoLoss for L {
    fn into_loss(self) -> Losses {
        Losses::One(self.into_loss_spec())
    }
}
impl<L: IntoLossSpec, const N: usize> IntoLoss for [L; N] {
    fn into_loss(self) -> Losses {
        Losses::List(self.into_iter().map(L::into_loss_spec).collect())
    }
}
impl<L: IntoLossSpec> IntoLoss for Vec<L> {
    fn into_loss(self) -> Losses {
        Losses::List(self.into_iter().map(L::into_loss_spec).collect())
    }
}
impl<S: Into<String>, L: IntoLossSpec, const N: usize> IntoLoss for [(S, L); N] {
    fn into_loss(self) -> Losses {
        Vec::from(self).into_loss()
    }
}
impl<S: Into<String>, L: IntoLossSpec> IntoLoss for Vec<(S, L)> {
    fn into_loss(self) -> Losses {
        Losses::ByOutput(self.into_iter().map(|(name, loss)| (name.into(), loss.into_loss_spec())).collect())
    }
}
impl IntoLoss for Losses {
    fn into_loss(self) -> Losses {
        self
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: IntoLossSpec),+> IntoLoss for ($($name,)+) {
            fn into_loss(self) -> Losses {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                Losses::List(vec![$($name.into_loss_spec()),+])
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);

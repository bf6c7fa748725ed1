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
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// One for all outputs, or one per output.
    pub specs: Vec<LossSpec>,
    /// Whether a list was given, which configs then have as well.
    pub list: bool,
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

/// What `compile` takes as losses: one for all outputs, or an array, `Vec` or tuple with one per output.
pub trait IntoLoss {
    /// The losses.
    fn into_loss(self) -> Losses;
}

impl<L: IntoLossSpec> IntoLoss for L {
    fn into_loss(self) -> Losses {
        Losses { specs: vec![self.into_loss_spec()], list: false }
    }
}
impl<L: IntoLossSpec, const N: usize> IntoLoss for [L; N] {
    fn into_loss(self) -> Losses {
        Losses { specs: self.into_iter().map(L::into_loss_spec).collect(), list: true }
    }
}
impl<L: IntoLossSpec> IntoLoss for Vec<L> {
    fn into_loss(self) -> Losses {
        Losses { specs: self.into_iter().map(L::into_loss_spec).collect(), list: true }
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
                Losses { specs: vec![$($name.into_loss_spec()),+], list: true }
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

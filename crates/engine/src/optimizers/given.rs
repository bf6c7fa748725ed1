//! What `compile` takes as an optimizer.

use serde_json::Value;

use super::Optimizer;

/// An optimizer as given: an object, or what a config says, which the registry turns into one.
pub enum OptimizerSpec {
    /// An object.
    Object(Box<dyn Optimizer>),
    /// A name or a serialized object.
    Config(Value),
}

/// What `compile` takes as an optimizer: an object, or its name.
pub trait IntoOptimizer {
    /// As an optimizer as given.
    fn into_optimizer(self) -> OptimizerSpec;
}

impl<O: Optimizer + 'static> IntoOptimizer for O {
    fn into_optimizer(self) -> OptimizerSpec {
        OptimizerSpec::Object(Box::new(self))
    }
}
impl IntoOptimizer for Box<dyn Optimizer> {
    fn into_optimizer(self) -> OptimizerSpec {
        OptimizerSpec::Object(self)
    }
}
impl IntoOptimizer for &str {
    fn into_optimizer(self) -> OptimizerSpec {
        OptimizerSpec::Config(self.into())
    }
}
impl IntoOptimizer for String {
    fn into_optimizer(self) -> OptimizerSpec {
        OptimizerSpec::Config(self.into())
    }
}
impl IntoOptimizer for OptimizerSpec {
    fn into_optimizer(self) -> OptimizerSpec {
        self
    }
}

impl std::fmt::Debug for OptimizerSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OptimizerSpec::Object(optimizer) => write!(f, "{}", optimizer.spec()),
            OptimizerSpec::Config(value) => write!(f, "{value}"),
        }
    }
}

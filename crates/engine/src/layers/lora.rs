//! Weights with a low-rank addition: `lora_rank` and `lora_alpha` of Keras 3.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::graph::{
    Adapted, Builder, Constraint, DType, IntoTensor, Named, Regularizer, Role, Tensor, Variable,
};
use crate::initializers::{HeUniform, Zeros};

/// The two factors of what is added to a weight; without them nothing is.
#[derive(Clone, Debug, Default)]
pub(super) struct Lora {
    a: Variable,
    b: Variable,
    scale: f64,
}

/// Describes a layer's addition: the weight's name, and what it is held to.
pub(super) struct Asked<'a> {
    /// Name of the weight in the names of the factors: `kernel`.
    pub what: &'static str,
    /// The key of the constraint, which there must not be.
    pub constraint: (&'static str, &'a Named<dyn Constraint>),
    /// The penalty on the weight, which is on the factors now.
    pub regularizer: &'a Named<dyn Regularizer>,
    /// Rank and factor of the product.
    pub rank: usize,
    pub alpha: f64,
}

impl Lora {
    /// Freezes a weight, and makes the factors of what is added to it.
    ///
    /// # Errors
    /// There are some, the rank is 0, or a constraint holds the weight.
    pub(super) fn build(
        &mut self,
        builder: &mut Builder,
        weight: &Variable,
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        let (key, constraint) = &asked.constraint;
        if !constraint.spec().is_null() {
            return wrong(format!("lora_rank does not go with {key}: remove the constraint"));
        }
        if self.a.is_built() {
            return wrong("it has a low-rank addition already".into());
        }
        if !weight.is_built() {
            return wrong("it is not built yet: build it first, or give it lora_rank".into());
        }
        if weight.ty().is_some_and(|ty| ty.dtype != DType::F32 && ty.dtype.half().is_none()) {
            return wrong(
                "a quantized weight has no low-rank addition here: adapt the layer before it is quantized"
                    .into(),
            );
        }
        if asked.rank == 0 {
            return wrong("the rank is 0, but must be positive".into());
        }
        let Some((last, lead)) = weight.shape().split_last() else {
            return wrong("a weight without axes has no low-rank addition".into());
        };
        let (first, second) = ([lead, &[asked.rank]].concat(), [asked.rank, *last]);
        let names = ["a", "b"].map(|end| format!("lora_{}_{end}", asked.what));
        self.a = builder.add_typed(&names[0], first, DType::F32, HeUniform::new(), true)?;
        self.b = builder.add_typed(&names[1], second, DType::F32, Zeros::default(), true)?;
        builder.regularize(&self.a, asked.regularizer)?;
        builder.regularize(&self.b, asked.regularizer)?;
        self.scale = asked.alpha / asked.rank as f64;
        weight.freeze();
        debug_assert_eq!(weight.role(), Role::NonTrainable);
        Ok(())
    }

    /// Returns a weight with what is added to it.
    pub(super) fn added(&self, weight: &Variable) -> Tensor {
        let frozen = weight.into_tensor();
        if !self.a.is_built() {
            return frozen;
        }
        frozen + self.a.into_tensor().matmul(&self.b) * self.scale
    }

    /// Returns what files know of it.
    pub(super) fn adapted(&self, weight: &Variable) -> Option<Adapted> {
        let (a, b) = (self.a.clone(), self.b.clone());
        self.a.is_built().then(|| Adapted { weight: weight.clone(), a, b, scale: self.scale })
    }
}

/// Returns a layer's config, which has the two keys where there is a rank, behind all others.
pub(super) fn config(layer: &impl Serialize) -> Map<String, Value> {
    let Ok(Value::Object(mut config)) = serde_json::to_value(layer) else { return Map::new() };
    behind(&mut config);
    config
}

/// Moves the two keys to the end of a config, or takes them away where they say nothing.
pub(super) fn behind(config: &mut Map<String, Value>) {
    let found = ["lora_rank", "lora_alpha"].map(|key| (key, config.shift_remove(key).unwrap_or_default()));
    if found[0].1.as_u64().is_some_and(|rank| rank > 0) {
        let [(_, rank), (_, alpha)] = &found;
        let alpha = if alpha.is_null() { rank.clone() } else { alpha.clone() };
        config.insert("lora_rank".into(), rank.clone());
        config.insert("lora_alpha".into(), alpha);
    }
}

//! [`Builder`]: what a layer makes its variables with.

use std::sync::Arc;

use super::floats::Precision;
use super::layer::policy_of;
use super::objects::{Constraint, Initializer, Named, Regularizer, Resolver};
use super::{LayerSettings, Role, Value, Variable};
use crate::Error;
use crate::random::next_seed;
use crate::types::{DType, Integer, Quantized, TensorType};

/// Makes the variables of a layer, for its `build`.
pub struct Builder<'a> {
    resolver: &'a dyn Resolver,
    /// The layer's own settings.
    settings: LayerSettings,
    /// Type of the variables.
    variable_type: DType,
    /// Types of the inputs; none where they are floats.
    pub(super) types: Vec<DType>,
    pub(super) variables: Vec<Variable>,
    pub(super) regularized: Vec<(Variable, Arc<dyn Regularizer>)>,
    pub(super) constrained: Vec<(Variable, Arc<dyn Constraint>)>,
    /// The penalty on what the layer gives, unless the layer takes it for layers inside.
    pub(super) activity: Named<dyn Regularizer>,
}

impl<'a> Builder<'a> {
    /// For one layer, whose variables are of f32.
    pub fn new(resolver: &'a dyn Resolver) -> Self {
        Self::of(resolver, LayerSettings::default(), Precision::Policy)
    }

    /// For one layer with these settings.
    pub(super) fn of(resolver: &'a dyn Resolver, settings: LayerSettings, precision: Precision) -> Self {
        let variable_type = match precision {
            // tf_keras keeps what normalizes over a batch in float32.
            Precision::Wide if settings.keras2 => DType::F32,
            _ => policy_of(settings.dtype.as_ref()).variable(),
        };
        let activity = settings.activity_regularizer.clone();
        Builder {
            resolver,
            settings,
            variable_type,
            types: Vec::new(),
            variables: Vec::new(),
            regularized: Vec::new(),
            constrained: Vec::new(),
            activity,
        }
    }

    /// A weight; its value is made when it is first needed.
    ///
    /// # Errors
    /// Nobody registered the initializer.
    pub fn add_weight(
        &mut self,
        name: &str,
        shape: impl Into<Vec<usize>>,
        initializer: impl Into<Named<dyn Initializer>>,
        trainable: bool,
    ) -> Result<Variable, Error> {
        self.add_typed(name, shape, self.variable_type, initializer, trainable)
    }

    /// [`Builder::add_weight`] of a type that the layer's policy does not decide: a kernel of whole numbers, a scale of float32.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn add_typed(
        &mut self,
        name: &str,
        shape: impl Into<Vec<usize>>,
        dtype: DType,
        initializer: impl Into<Named<dyn Initializer>>,
        trainable: bool,
    ) -> Result<Variable, Error> {
        let mut initializer = initializer.into();
        initializer.bind(self.resolver)?;
        let Some(initializer) = initializer.get().cloned() else {
            return Err(Error::Argument {
                what: format!("weight {name} has no initializer; give one, such as \"zeros\""),
            });
        };
        let ty = TensorType { dtype, shape: shape.into() }
            .addressable()
            .map_err(|what| Error::Argument { what: format!("weight {name}: {what}") })?;
        let (seed, shape) = (next_seed(), ty.shape.clone());
        let make = move || Ok(initializer.init(&shape, seed)?.into_iter().map(f32::to_bits).collect());
        let role = if trainable { Role::Trainable } else { Role::NonTrainable };
        let variable = Variable::new(name, ty, role, Value::Lazy(Arc::new(make)));
        self.variables.push(variable.clone());
        Ok(variable)
    }

    /// Returns whether the layer does as Keras 2: see [`LayerSettings::keras2`].
    pub(crate) fn is_keras2(&self) -> bool {
        self.settings.keras2
    }

    /// Returns how the layer's policy says that its kernel is kept; `None`: as plain numbers.
    ///
    /// # Errors
    /// It says what is not supported.
    pub(crate) fn quantized(&self) -> Result<Option<Quantized>, Error> {
        let found = self.settings.dtype.as_ref().map_or(Ok(None), Quantized::of);
        found.map(|found| found.map(|(quantized, _)| quantized)).map_err(|what| Error::Argument { what })
    }

    /// Makes a weight of a layer inside one of the layer's own, too.
    pub(crate) fn share(&mut self, variable: &Variable) {
        self.variables.push(variable.clone());
    }

    /// A weight that counts something: a whole number, which training does not change.
    pub fn add_counter(&mut self, name: &str) -> Variable {
        let ty = TensorType { dtype: DType::Whole(Integer::I64), shape: vec![] };
        let variable = Variable::new(name, ty, Role::NonTrainable, Value::Lazy(Arc::new(|| Ok(vec![0]))));
        self.variables.push(variable.clone());
        variable
    }

    /// A state that the layer carries from one batch to the next: zeros at first. It is no weight: see [`LayerRef::states`](super::LayerRef::states).
    ///
    /// # Errors
    /// It is too large.
    pub fn add_state(&mut self, name: &str, shape: impl Into<Vec<usize>>) -> Result<Variable, Error> {
        let ty = TensorType { dtype: self.variable_type, shape: shape.into() }
            .addressable()
            .map_err(|what| Error::Argument { what: format!("state {name}: {what}") })?;
        let words = ty.len();
        let variable =
            Variable::new(name, ty, Role::State, Value::Lazy(Arc::new(move || Ok(vec![0; words]))));
        self.variables.push(variable.clone());
        Ok(variable)
    }

    /// Adds a penalty on a weight to the loss of every call.
    ///
    /// # Errors
    /// Nobody registered the regularizer.
    pub fn regularize(
        &mut self,
        weight: &Variable,
        regularizer: &Named<dyn Regularizer>,
    ) -> Result<(), Error> {
        let mut regularizer = regularizer.clone();
        regularizer.bind(self.resolver)?;
        if let Some(regularizer) = regularizer.get() {
            self.regularized.push((weight.clone(), regularizer.clone()));
        }
        Ok(())
    }

    /// Holds a weight to a constraint: training applies it after each step.
    ///
    /// # Errors
    /// Nobody registered the constraint.
    pub fn constrain(&mut self, weight: &Variable, constraint: &Named<dyn Constraint>) -> Result<(), Error> {
        let mut constraint = constraint.clone();
        constraint.bind(self.resolver)?;
        if let Some(constraint) = constraint.get() {
            self.constrained.push((weight.clone(), constraint.clone()));
        }
        Ok(())
    }

    /// Adds a penalty on a weight, and holds it to a constraint: [`Builder::regularize`] and [`Builder::constrain`].
    ///
    /// # Errors
    /// Nobody registered one of them.
    pub fn regularize_and_constrain(
        &mut self,
        weight: &Variable,
        regularizer: &Named<dyn Regularizer>,
        constraint: &Named<dyn Constraint>,
    ) -> Result<(), Error> {
        self.regularize(weight, regularizer)?;
        self.constrain(weight, constraint)
    }

    /// Returns the penalty on what the layer gives, for layers inside that have it besides.
    pub(crate) fn activity_regularizer(&self) -> Named<dyn Regularizer> {
        self.activity.clone()
    }

    /// Takes the penalty on what the layer gives: the layer passes it on to layers inside, as Keras' attention does.
    pub(crate) fn take_activity_regularizer(&mut self) -> Named<dyn Regularizer> {
        std::mem::take(&mut self.activity)
    }

    /// Returns the type of the first input.
    pub fn input_type(&self) -> DType {
        self.types.first().copied().unwrap_or_default()
    }

    /// Returns the settings of a layer inside that has this name, and the layer's own dtype policy.
    pub fn inner_settings(&self, name: &str) -> LayerSettings {
        let LayerSettings { dtype, keras2, .. } = self.settings.clone();
        // Said, so that a global policy of the time of building is none of its business.
        let dtype = Some(dtype.unwrap_or_else(|| "float32".into()));
        LayerSettings { name: name.into(), dtype, keras2, ..LayerSettings::default() }
    }

    /// The registry.
    pub fn resolver(&self) -> &dyn Resolver {
        self.resolver
    }
}

debug!(Builder<'_>, |b| variables: b.variables);

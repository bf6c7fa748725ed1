//! [`recompile`]: changes to how a model is compiled.

use rhyton_engine::optimizers::OptimizerSpec;
use rhyton_engine::train::Model;
use rhyton_persist::tree::CompileConfig;
use serde_json::Value;

use super::training::{self, Found};
use crate::Error;

/// Describes what of a model's compile shall be another, as configs; what is `None` stays as it is, or as the model's file says where the model could not
/// be compiled so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recompile {
    /// The optimizer, which starts anew.
    pub optimizer: Option<Value>,
    /// The losses.
    pub loss: Option<Value>,
    /// The metrics.
    pub metrics: Option<Value>,
}

/// Compiles a model again with some things changed: one that was compiled, or one whose file says how, but with something that is not known here. Its
/// optimizer goes on with its state, unless it gets another one: then it returns the steps of the state that is left out.
///
/// ```
/// # use rhyton::prelude::*;
/// # use rhyton::saving::{Recompile, recompile};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # model.compile("adam", "mse", ["mae"])?;
/// # let (x, y) = (ndarray::Array2::<f32>::ones((4, 2)), ndarray::Array2::<f32>::ones((4, 1)));
/// # model.fit(&x, &y).verbose(0).run()?;
/// recompile(&mut model, &Recompile { loss: Some("mae".into()), ..Recompile::default() })?;
/// assert_eq!(model.iterations(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The model was never compiled; or as [`Model::compile_config`]. The model is then as it was.
pub fn recompile(model: &mut Model, changes: &Recompile) -> Result<Option<i64>, Error> {
    let training = training::kept(model.kept());
    let said = training.as_ref().and_then(|kept| Some((kept.clone(), kept.compile.clone()?)));
    let mut config = match &said {
        Some((_, compile)) => compile.clone(),
        None => compiled(model)?,
    };
    config.loss = changes.loss.clone().unwrap_or(config.loss);
    config.metrics = changes.metrics.clone().unwrap_or(config.metrics);
    if let Some(optimizer) = &changes.optimizer {
        let state = training.as_ref().and_then(|kept| kept.state.as_ref());
        let steps = state.map_or(model.iterations(), |state| state.iteration);
        training::compile_with(model, &config, OptimizerSpec::Config(optimizer.clone()))?;
        return Ok((steps > 0).then_some(steps));
    }
    let Some((kept, _)) = said else {
        model.recompile_config(
            &config.loss,
            &config.metrics,
            &config.loss_weights,
            &config.weighted_metrics,
        )?;
        return Ok(None);
    };
    training::compile_to_evaluate(model, &config, &kept.path)?;
    let found = match (kept.state(model.trainable_variables().len()), &kept.dropped) {
        (Some(state), _) => Found::State(state),
        (None, Some(why)) => Found::Unclear(why.clone()),
        (None, None) => Found::Nothing,
    };
    training::restore(model, found, kept.exactly.as_ref(), &kept.path)?;
    Ok(None)
}

/// How a model is compiled.
fn compiled(model: &Model) -> Result<CompileConfig, Error> {
    let compiled = model.compiled()?;
    let config = compiled.config.clone();
    Ok(CompileConfig {
        optimizer: compiled.optimizer.spec(),
        loss: config.loss,
        metrics: config.metrics,
        loss_weights: config.loss_weights,
        weighted_metrics: config.weighted_metrics,
        other: config.other,
        ..CompileConfig::default()
    })
}

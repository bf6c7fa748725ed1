//! From a snapshot of a model to the tree that formats write.

use std::collections::HashMap;
use std::sync::Arc;

use rhyton_engine::graph::{Adapted, Argument, Half, Integer, LayerRef, Role, Variable as EngineVariable};
use rhyton_engine::layers::{InputLayer, LAMBDAS, LAYERS, Operation};
use rhyton_engine::models::{self, Network, NetworkKind};
use rhyton_engine::train::{OptimizerSnapshot, PartSnapshot, Saved, Snapshot};
use rhyton_engine::types::{DType as Type, Shape};
use rhyton_persist::tree::{
    ANY_SHAPE, Arg, Asset, Bytes, Call, CompileConfig, DType, Found, LayerConfig, ModelConfig, ModelKind,
    Object, OptimizerState, Slot, TensorRef, Tree, Variable,
};
use serde_json::{Map, Value, json};

use super::{resume, training};
use crate::Error;
use rhyton_persist::lookups;

/// Values of variables by id.
pub(super) type Values = HashMap<u64, Arc<Vec<u32>>>;

/// Everything that a save writes.
pub(super) fn tree(snapshot: &Snapshot, include_optimizer: bool) -> Tree {
    let values: Values =
        snapshot.weights.iter().chain(&snapshot.states).map(|s| (s.variable.id(), s.words.clone())).collect();
    let compile = match (&snapshot.compile, &snapshot.optimizer) {
        (Some(spec), Some(optimizer)) => Some(CompileConfig {
            optimizer: optimizer.spec.clone(),
            loss: spec.loss.clone(),
            metrics: spec.metrics.clone(),
            loss_weights: spec.loss_weights.clone(),
            weighted_metrics: spec.weighted_metrics.clone(),
            other: spec.other.clone(),
            ..CompileConfig::default()
        }),
        _ => None,
    };
    let optimizer = snapshot.optimizer.as_ref().filter(|_| include_optimizer).map(state);
    let kept = training::kept(snapshot.kept.as_ref());
    let (compile, optimizer) = match &kept {
        Some(kept) => (
            kept.compile.clone().or(compile),
            kept.state(snapshot.trainable.len()).filter(|_| include_optimizer),
        ),
        None => (compile, optimizer),
    };
    let model = model_of(&snapshot.root, &snapshot.root.name());
    let assets = model.as_ref().map(|model| words(&snapshot.root, model)).unwrap_or_default();
    Tree {
        model,
        compile,
        root: object(&snapshot.root, Some(&values)),
        optimizer,
        resume: Some(resume::to_json(snapshot, include_optimizer, kept.as_deref())),
        serving: None,
        assets,
    }
}

/// The state of an optimizer, and of those inside it.
fn state(o: &OptimizerSnapshot) -> OptimizerState {
    let slots = |of_part: &dyn Fn(usize) -> bool| {
        let own = o.slots.iter().filter(|s| of_part(s.part));
        own.map(|s| Slot { name: s.name.into(), of: Some(s.of), variable: valued(&s.saved, s.name) })
            .collect()
    };
    let part = |(i, part): (usize, &PartSnapshot)| OptimizerState {
        class_name: part.class_name.into(),
        iteration: part.iteration,
        learning_rate: part.learning_rate,
        slots: slots(&|of| of == i),
        scalars: part.host.clone(),
        ..OptimizerState::default()
    };
    let alone = o.parts.is_empty();
    OptimizerState {
        class_name: o.class_name.into(),
        iteration: o.iteration,
        learning_rate: o.learning_rate,
        slots: slots(&|_| alone),
        scalars: if alone { o.host.clone() } else { Vec::new() },
        data: None,
        parts: o.parts.iter().enumerate().map(part).collect(),
    }
}

/// The files of words of lookups that were not given theirs.
fn words(root: &LayerRef, model: &ModelConfig) -> Vec<Asset> {
    lookups::assets(model, |names| {
        let layer = find(root, names)?;
        let held = layer.layer();
        held.as_learner().filter(|learner| !learner.is_given())?.known_words()
    })
}

/// The layer of a name in the networks of names around it.
pub(super) fn find(root: &LayerRef, names: &[String]) -> Option<LayerRef> {
    names.iter().try_fold(root.clone(), |layer, name| {
        let inner = layer.layer().inner();
        inner.into_iter().map(|(_, inner)| inner).find(|inner| inner.name() == *name)
    })
}

fn with_network<R>(layer: &LayerRef, f: impl FnOnce(&Network) -> R) -> Option<R> {
    layer.layer().as_any().downcast_ref::<Network>().map(f)
}

/// Returns f32 words as bytes of the type that a variable has: those of 16 bits hold numbers of 16 bits, a counter's whole numbers.
fn bytes(words: &Arc<Vec<u32>>, dtype: DType) -> Bytes {
    let floats = words.iter().map(|w| f32::from_bits(*w));
    Arc::new(match dtype {
        DType::F16 => floats.flat_map(|x| half::f16::from_f32(x).to_le_bytes()).collect(),
        DType::BF16 => floats.flat_map(|x| half::bf16::from_f32(x).to_le_bytes()).collect(),
        DType::I64 => floats.flat_map(|x| (x as i64).to_le_bytes()).collect(),
        DType::I8 => floats.flat_map(|x| (x as i8).to_le_bytes()).collect(),
        DType::U8 => floats.flat_map(|x| (x as u8).to_le_bytes()).collect(),
        _ => words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>(),
    })
}

/// Returns the type that files have of a variable.
pub(super) fn dtype_of(variable: &EngineVariable) -> DType {
    match variable.ty().map(|ty| ty.dtype) {
        Some(Type::Half(Half::F16)) => DType::F16,
        Some(Type::Half(Half::BF16)) => DType::BF16,
        Some(Type::Whole(Integer::I8)) => DType::I8,
        Some(Type::Whole(Integer::U8)) => DType::U8,
        Some(Type::Whole(_)) => DType::I64,
        _ => DType::F32,
    }
}

fn valued(saved: &Saved, name: &str) -> Variable {
    let (shape, dtype) = (saved.variable.shape().to_vec(), dtype_of(&saved.variable));
    let value = Some(bytes(&saved.words, dtype));
    Variable { name: name.into(), trainable: false, dtype, shape, value }
}

fn variable(v: &EngineVariable, values: Option<&Values>) -> Variable {
    let dtype = dtype_of(v);
    Variable {
        name: v.name().into(),
        trainable: v.role() == Role::Trainable,
        dtype,
        shape: v.shape().to_vec(),
        value: values.and_then(|values| values.get(&v.id())).map(|words| bytes(words, dtype)),
    }
}

/// The layers inside a layer or model that its object has.
pub(super) fn children(layer: &LayerRef) -> Vec<(String, LayerRef)> {
    let sequential = with_network(layer, |n| n.kind == NetworkKind::Sequential);
    let hidden = |l: &LayerRef| sequential == Some(true) && l.class_name() == "InputLayer";
    layer.layer().inner().into_iter().filter(|(_, l)| !hidden(l)).collect()
}

/// The array that files have of a layer beside its variables, after these; in a skeleton of any shape.
fn learned(layer: &LayerRef, values: Option<&Values>) -> Option<Variable> {
    let keras2 = layer.settings().keras2;
    let held = layer.layer();
    let (name, found) = held.as_learner()?.array(keras2)?;
    let array = found.unwrap_or_default();
    if values.is_none() {
        let shape = ANY_SHAPE.to_vec();
        return Some(Variable { name: name.into(), trainable: false, dtype: DType::F32, shape, value: None });
    }
    let words = Arc::new(array.values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>());
    let value = Some(bytes(&words, DType::F32)).filter(|_| !array.shape.is_empty())?;
    Some(Variable {
        name: name.into(),
        trainable: false,
        dtype: DType::F32,
        shape: array.shape,
        value: Some(value),
    })
}

/// Returns a weight with its low-rank addition, as Keras' own files have it.
fn merged(adapted: &Adapted, values: &Values) -> Option<Variable> {
    let Adapted { weight, a, b, scale } = adapted;
    let floats = |v: &EngineVariable| -> Option<Vec<f32>> {
        Some(values.get(&v.id())?.iter().map(|w| f32::from_bits(*w)).collect())
    };
    let (mut sum, a, second) = (floats(weight)?, floats(a)?, floats(b)?);
    let [rank, columns] = *b.shape() else { return None };
    let rows = sum.chunks_exact_mut(columns.max(1)).zip(a.chunks_exact(rank.max(1)));
    let mut product = vec![0.0; columns];
    for (row, factors) in rows {
        product.fill(0.0);
        for (factor, line) in factors.iter().zip(second.chunks_exact(columns.max(1))) {
            product.iter_mut().zip(line).for_each(|(p, b)| *p += factor * b);
        }
        row.iter_mut().zip(&product).for_each(|(w, p)| *w += *scale as f32 * p);
    }
    let (dtype, words) = (dtype_of(weight), sum.into_iter().map(f32::to_bits).collect());
    let value = Some(bytes(&Arc::new(words), dtype));
    Some(Variable {
        name: weight.name().into(),
        trainable: false,
        dtype,
        shape: weight.shape().to_vec(),
        value,
    })
}

/// A layer or model with its variables: with values, or (without `values`) a skeleton to be filled.
pub(super) fn object(layer: &LayerRef, values: Option<&Values>) -> Object {
    let own = layer.own_variables();
    let own = own.iter().map(|v| variable(v, values));
    Object {
        name: layer.name(),
        class_name: layer.class_name().into(),
        is_model: with_network(layer, |_| ()).is_some(),
        variables: own.chain(learned(layer, values)).collect(),
        merged: values.and_then(|values| merged(&layer.layer().adapted()?, values)).into_iter().collect(),
        states: layer.own_states().iter().map(|v| variable(v, values)).collect(),
        has_table: layer.layer().as_learner().is_some_and(|l| l.has_words() && !l.is_given()),
        children: children(layer).into_iter().map(|(edge, l)| (edge, object(&l, values))).collect(),
    }
}

fn shape_json(shape: &Shape) -> Value {
    shape.0.iter().map(|d| d.map_or(Value::Null, |d| json!(d))).collect()
}

/// The architecture of a layer that is a network.
fn model_of(layer: &LayerRef, name: &str) -> Option<ModelConfig> {
    let mut config = with_network(layer, |n| model_config(name, n))?;
    if let Some(dtype) = layer.settings().dtype {
        config.config.insert("dtype".into(), dtype);
    }
    Some(config)
}

/// An argument of a call, as files have it.
fn arg(argument: &Argument, tensors: &[Arg]) -> Arg {
    match argument {
        Argument::Tensor(number) => tensors.get(*number).cloned().unwrap_or(Arg::Value(Value::Null)),
        Argument::List(list) => Arg::List(list.iter().map(|a| arg(a, tensors)).collect()),
        Argument::Value(value) => Arg::Value(value.clone()),
    }
}

fn model_config(name: &str, network: &Network) -> ModelConfig {
    let functional = network.kind == NetworkKind::Functional;
    let reference = |call: usize, tensor: usize| {
        let layer = network.calls[call].layer;
        let node = network.calls[..call].iter().filter(|c| c.layer == layer).count();
        TensorRef { layer: network.layers[layer].name(), node, tensor }
    };
    let layers = network.layers.iter().enumerate().map(|(i, layer)| {
        let made = network.calls.iter().filter(|c| c.layer == i && !c.inputs.is_empty());
        let call = |c: &models::Call| {
            let tensors: Vec<Arg> = c.inputs.iter().map(|(c, t)| Arg::Tensor(reference(*c, *t))).collect();
            Call {
                args: c.arguments.positional.iter().map(|a| arg(a, &tensors)).collect(),
                kwargs: c.arguments.named.iter().map(|(name, a)| (name.clone(), arg(a, &tensors))).collect(),
                // A function of TensorFlow takes a list of one for another thing than a tensor.
                bare: is_function(layer)
                    && !matches!(c.arguments.positional.first(), Some(Argument::List(_))),
            }
        };
        let calls = if functional { made.map(call).collect() } else { vec![] };
        layer_config(layer, calls)
    });
    let layers = layers.collect();
    let (inputs, outputs) = match functional {
        true => (
            network.inputs.iter().map(|c| reference(*c, 0)).collect(),
            network.outputs.iter().map(|(c, t)| reference(*c, *t)).collect(),
        ),
        false => (vec![], vec![]),
    };
    let mut config = Map::new();
    config.insert("trainable".into(), true.into());
    config.insert("dtype".into(), "float32".into());
    if let (false, Some(call)) = (functional, network.calls.first()) {
        config.insert("build_input_shape".into(), shape_json(&call.outputs[0].0));
    }
    let kind = if functional { ModelKind::Functional } else { ModelKind::Sequential };
    let bare = (inputs.len() == 1, outputs.len() == 1);
    ModelConfig { kind, name: name.into(), layers, inputs, outputs, bare, config, found: Found::default() }
}

/// Says what each layer was built for where a config does not (that of an `.h5`), as the network of it knows.
pub(super) fn add_shapes(config: &mut ModelConfig, network: &LayerRef) {
    let Some(known) = model_of(network, &config.name) else { return };
    copy_shapes(config, &known);
}

fn copy_shapes(to: &mut ModelConfig, from: &ModelConfig) {
    for layer in &mut to.layers {
        let Some(known) = from.layers.iter().find(|other| other.name == layer.name) else { continue };
        if layer.build_config.is_none() {
            layer.build_config.clone_from(&known.build_config);
        }
        if let (Some(inner), Some(known)) = (&mut layer.model, &known.model) {
            copy_shapes(inner, known);
        }
    }
}

/// The type of an input, as it was declared; float32 of all others.
fn dtype(layer: &LayerRef) -> &'static str {
    let held = layer.layer();
    held.as_any().downcast_ref::<InputLayer>().map_or("float32", |input| input.symbol_type().1.name())
}

/// Checks that no class of the user's would be read as Keras' own of the same name.
///
/// # Errors
/// Names the layer.
pub(super) fn check_names(layer: &LayerRef) -> Result<(), Error> {
    let class = layer.class_name();
    let known = LAYERS.iter().any(|c| c.name == class);
    if known && !is_keras(layer) && layer.settings().registered.is_none() {
        let what = format!(
            "layer {}: its class {class} is not Keras' own of that name, and a file would not say so; register it with \
             register_layer::<{class}>(\"Package\")",
            layer.name()
        );
        return Err(Error::Argument { what });
    }
    let inner = layer.layer().inner();
    inner.iter().try_for_each(|(_, inner)| check_names(inner))
}

/// Returns whether a layer is a function of TensorFlow, which tf_keras lists as such.
pub(super) fn is_function(layer: &LayerRef) -> bool {
    ["TFOpLambda", "SlicingOpLambda"].contains(&layer.class_name())
}

/// Returns whether a layer is of one of Keras' own classes.
fn is_keras(layer: &LayerRef) -> bool {
    let held = layer.layer();
    LAYERS.iter().chain(LAMBDAS).any(|class| (class.of)() == held.as_any().type_id())
}

/// Returns what a layer was built for, as Keras 3 writes it: by the names of the arguments where there are several.
fn build_config_of(layer: &LayerRef, shapes: &[Shape]) -> Value {
    let held = layer.layer();
    let each = held.arguments(shapes.len()).positional.len() > 1;
    match shapes {
        [shape] => json!({"input_shape": shape_json(shape)}),
        _ if each => {
            let named = held.parameters().iter().zip(shapes);
            let named = named.map(|(name, shape)| (format!("{name}_shape"), shape_json(shape)));
            json!({"shapes_dict": named.collect::<Map<_, _>>()})
        }
        _ => json!({"input_shape": shapes.iter().map(shape_json).collect::<Vec<_>>()}),
    }
}

/// Puts the models that a layer wraps into its config, which the layer itself does not describe.
fn put_models(layer: &LayerRef, config: &mut Map<String, Value>) {
    if with_network(layer, |_| ()).is_some() {
        return;
    }
    for (edge, inner) in layer.layer().inner() {
        let held = match edge.split_once('/') {
            Some((list, number)) => {
                config.get_mut(list).and_then(|list| list.get_mut(number.parse::<usize>().ok()?))
            }
            None => config.get_mut(&edge),
        };
        let Some(held) = held else { continue };
        if let Some(mut model) = model_of(&inner, &inner.name()) {
            model.config.insert("trainable".into(), inner.is_trainable().into());
            *held = model.to_object();
        } else if let Some(config) = held.get_mut("config").and_then(Value::as_object_mut) {
            put_models(&inner, config);
        }
    }
}

fn layer_config(layer: &LayerRef, calls: Vec<Call>) -> LayerConfig {
    let name = layer.name();
    let settings = layer.settings();
    let mut config = Map::new();
    config.insert("name".into(), name.clone().into());
    // Keras' own constructors take neither `trainable` nor a type.
    let is_bare = layer.layer().as_any().is::<Operation>() || layer.class_name() == "Pipeline";
    if layer.class_name() != "InputLayer" && !is_bare {
        config.insert("trainable".into(), layer.is_trainable().into());
    }
    if !is_bare {
        let usual = || layer.layer().usual_dtype(false).unwrap_or_else(|| dtype(layer));
        config.insert("dtype".into(), settings.dtype.clone().unwrap_or_else(|| usual().into()));
    }
    config.extend(layer.layer().config());
    settings.complete(&mut config);
    put_models(layer, &mut config);
    let build_config = layer.built_for().filter(|_| layer.class_name() != "InputLayer");
    let build_config = build_config.map(|shapes| build_config_of(layer, &shapes));
    let model = model_of(layer, &name).map(Box::new);
    // A class of the user's that is not registered: by its name alone, which registering it in a package will find.
    let custom = model.is_none() && !is_keras(layer);
    let registered = settings.registered.or_else(|| custom.then(|| layer.class_name().into()));
    LayerConfig {
        class_name: layer.class_name().into(),
        module: match layer.layer().module() {
            "keras.layers" if registered.is_some() => None,
            "keras.layers" if model.is_some() => Some("keras".into()),
            module => Some(module.into()),
        },
        registered_name: registered,
        name,
        config,
        build_config,
        input_shape: None,
        calls,
        model,
    }
}

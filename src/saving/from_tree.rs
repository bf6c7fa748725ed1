//! From what a file says to a model.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rhyton_engine::graph::{
    Argument, Arguments, Array, LayerRef, LayerSettings, Value as Place, Variable as EngineVariable,
};
use rhyton_engine::models::{Network, Symbol, registry};
use rhyton_engine::optimizers::LossScaleOptimizer;
use rhyton_engine::train::{Apply, Model, input_symbol, input_type};
use rhyton_engine::types::Policy;
use rhyton_persist::tree::{
    Arg, Bytes, Call, DType, LayerConfig, ModelConfig, ModelKind, Object, SavedFile, TensorRef, Variable,
};
use rhyton_persist::{Location, lookups};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::to_tree::is_function;
use super::{Error, by_place, to_tree};

/// The network of a whole model's config, whose layers do as those of Keras 2 or 3. One error names every class that nobody registered.
pub(super) fn model(config: &ModelConfig, path: &Path, keras2: bool) -> Result<LayerRef, Error> {
    check_classes(config, path, keras2)?;
    network(config, path, keras2)
}

/// Looks for the classes of all layers.
fn check_classes(config: &ModelConfig, path: &Path, keras2: bool) -> Result<(), Error> {
    let mut found = Vec::new();
    let mut models = vec![config];
    while let Some(config) = models.pop() {
        for layer in &config.layers {
            match &layer.model {
                Some(model) => models.push(model),
                None => {
                    let error = made(layer, path, keras2).err();
                    found.extend(error.filter(|e| matches!(e, Error::Unknown { .. })));
                }
            }
        }
    }
    // One error for all of the first one's kind.
    let Some(Error::Unknown { kind: first, .. }) = found.first().cloned() else { return Ok(()) };
    let mut names: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for error in found {
        let Error::Unknown { kind, name, advice } = error else { continue };
        if kind == first && !names.contains(&name) {
            names.push(name);
            if !words.contains(&advice) {
                words.push(advice);
            }
        }
    }
    let kind = match (first, names.len()) {
        ("layer", 2..) => "layers",
        ("operation", 2..) => "operations",
        _ => first,
    };
    let advice = match words.as_slice() {
        [one] if names.len() == 1 || first == "operation" => one.clone(),
        _ => {
            let (keras, own): (Vec<_>, Vec<_>) =
                names.iter().cloned().partition(|name| registry::is_missing(first, name));
            let register = "register such with register_layer::<TheLayer>(\"Package\"), or pass them in CustomObjects when loading";
            let mut said = Vec::new();
            if !keras.is_empty() {
                said.push(format!("{} of Keras' own, not here yet", listed(&keras)));
            }
            if !own.is_empty() {
                said.push(format!("{} somebody's own: {register}", listed(&own)));
            }
            said.join("; ")
        }
    };
    Err(Error::Unknown { kind, name: names.join("`, `"), advice })
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", quoted.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn made(config: &LayerConfig, path: &Path, keras2: bool) -> Result<LayerRef, Error> {
    if config.is_op() {
        return registry::operation(&config.class_name, &config.config);
    }
    // A model that a layer wraps.
    let path = path.to_path_buf();
    let inside = move |config: &Map<String, Value>| {
        let named = |what: String| Error::Config { object: "a model inside a layer".into(), what };
        let model = ModelConfig::deserialize(config).map_err(|e| named(e.to_string()))?;
        network(&model, &path, keras2)
    };
    registry::with_networks(Arc::new(inside), || {
        registry::layer(&config.class_name, config.registered_name.as_deref(), &config.config)
    })
}

/// The network that a config describes, as a layer.
fn network(config: &ModelConfig, path: &Path, keras2: bool) -> Result<LayerRef, Error> {
    let layers: Vec<LayerRef> =
        config.layers.iter().map(|l| layer(l, path, keras2)).collect::<Result<_, _>>()?;
    let network = match config.kind {
        ModelKind::Sequential => sequential(layers)?,
        ModelKind::Functional => functional(config, &layers, path)?,
    };
    let dtype = config.config.get("dtype").cloned();
    if let Some(Err(what)) = dtype.as_ref().map(Policy::of) {
        return Err(Error::Config { object: format!("the model {}", config.name), what });
    }
    let settings = LayerSettings { name: config.name.clone(), dtype, ..LayerSettings::default() };
    let root = LayerRef::new(Box::new(network), settings);
    if config.config.get("trainable") == Some(&Value::Bool(false)) {
        root.set_trainable(false);
    }
    Ok(root)
}

pub(super) fn layer(config: &LayerConfig, path: &Path, keras2: bool) -> Result<LayerRef, Error> {
    if let Some(model) = &config.model {
        let made = network(model, path, keras2)?;
        made.configure(|s| s.name = config.name.clone());
        return Ok(made);
    }
    let made = made(config, path, keras2)?;
    made.configure(|s| s.name = config.name.clone());
    // Before it is built: that decides the types of variables, too.
    made.set_keras2(keras2);
    Ok(made)
}

fn sequential(mut layers: Vec<LayerRef>) -> Result<Network, Error> {
    let input = match layers.first() {
        Some(first) if first.class_name() == "InputLayer" => Some(layers.remove(0)),
        _ => None,
    };
    let mut network = Network::sequential(layers);
    if let Some(input) = input {
        let (shape, dtype) = input_type(&input)?;
        network.build_sequential(&registry::resolver(), input, shape, dtype)?;
    }
    Ok(network)
}

fn bad(path: &Path, layer: &str, found: String, expected: &str) -> Error {
    rhyton_persist::Error::Format {
        path: path.into(),
        place: format!("config, layer {layer}"),
        found,
        expected: expected.into(),
    }
    .into()
}

fn functional(config: &ModelConfig, layers: &[LayerRef], path: &Path) -> Result<Network, Error> {
    // Symbols by layer and call; calls are made as soon as what they read is there.
    let mut symbols: HashMap<(String, usize), Vec<Symbol>> = HashMap::new();
    let mut waiting: Vec<(&LayerConfig, &LayerRef, usize, &Call)> = Vec::new();
    for (config, layer) in config.layers.iter().zip(layers) {
        if layer.class_name() == "InputLayer" {
            symbols.insert((config.name.clone(), 0), vec![input_symbol(layer.clone())]);
        }
        waiting.extend(config.calls.iter().enumerate().map(|(node, call)| (config, layer, node, call)));
    }
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for (config, layer, node, call) in waiting {
            match inputs(call, &symbols, layer, path)? {
                // Calls of one layer are made in order.
                Some((inputs, arguments))
                    if node == 0 || symbols.contains_key(&(config.name.clone(), node - 1)) =>
                {
                    symbols.insert((config.name.clone(), node), layer.clone().on_with(inputs, arguments));
                }
                _ => later.push((config, layer, node, call)),
            }
        }
        if later.len() == before {
            let (config, ..) = later[0];
            return Err(bad(
                path,
                &config.name,
                "inputs that no layer of the model makes".into(),
                "names of earlier layers",
            ));
        }
        waiting = later;
    }
    let find = |r: &TensorRef| {
        let made = symbols.get(&(r.layer.clone(), r.node)).and_then(|s| s.get(r.tensor));
        made.cloned().ok_or_else(|| {
            bad(
                path,
                &r.layer,
                format!("call {} output {}", r.node, r.tensor),
                "a call that the config describes",
            )
        })
    };
    let inputs: Vec<Symbol> = config.inputs.iter().map(find).collect::<Result<_, _>>()?;
    let outputs: Vec<Symbol> = config.outputs.iter().map(find).collect::<Result<_, _>>()?;
    let mut network = Network::functional(&inputs, &outputs)?;
    network.reorder(layers);
    Ok(network)
}

/// The symbols that a call reads, and what they are to the layer; `None` where one is not made yet.
fn inputs(
    call: &Call,
    symbols: &HashMap<(String, usize), Vec<Symbol>>,
    layer: &LayerRef,
    path: &Path,
) -> Result<Option<(Vec<Symbol>, Arguments)>, Error> {
    let name = layer.name();
    let mut reader = Reader { symbols, found: Vec::new(), layer: &name, path };
    let mut arguments = Arguments::default();
    for arg in &call.args {
        let Some(read) = reader.argument(arg)? else { return Ok(None) };
        arguments.positional.push(read);
    }
    let known = layer.layer().parameters();
    // In the order of the layer's own, since tensors are counted in it.
    let mut kwargs: Vec<&(String, Arg)> = call.kwargs.iter().collect();
    kwargs.sort_by_key(|(name, _)| known.iter().position(|k| k == name));
    for (name, arg) in kwargs {
        if matches!(arg, Arg::Value(Value::Null)) {
            continue;
        }
        // Whether it is training every layer can be told.
        let training = name == "training" && matches!(arg, Arg::Value(_));
        if !training && !known.contains(&name.as_str()) {
            let what = rhyton_persist::Error::Unsupported {
                path: path.into(),
                place: format!("config, layer {}", layer.name()),
                what: format!("the call argument `{name}`"),
                advice: String::new(),
            };
            return Err(what.into());
        }
        let Some(read) = reader.argument(arg)? else { return Ok(None) };
        arguments.named.push((name.clone(), read));
    }
    // Operations take numbers in any place (`3.0 / x`).
    let takes_numbers = layer.layer().module().contains(".ops.") || is_function(layer);
    let first = arguments.positional.first().filter(|_| !takes_numbers);
    if let Some(Argument::Value(value)) = first {
        return Err(bad(path, &name, format!("the positional argument {value}"), "a tensor"));
    }
    Ok(Some((reader.found, arguments)))
}

/// Reads the arguments of a call.
struct Reader<'a> {
    symbols: &'a HashMap<(String, usize), Vec<Symbol>>,
    found: Vec<Symbol>,
    layer: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    /// One argument; `None` where a tensor is not made yet.
    fn argument(&mut self, arg: &Arg) -> Result<Option<Argument>, Error> {
        Ok(Some(match arg {
            Arg::Tensor(r) => {
                let Some(made) = self.symbols.get(&(r.layer.clone(), r.node)) else { return Ok(None) };
                let tensor = made.get(r.tensor).ok_or_else(|| {
                    let found = format!("output {} of {}", r.tensor, r.layer);
                    bad(self.path, self.layer, found, "an output that it has")
                })?;
                self.found.push(tensor.clone());
                Argument::Tensor(self.found.len() - 1)
            }
            Arg::List(items) => {
                let mut list = Vec::new();
                for item in items {
                    let Some(read) = self.argument(item)? else { return Ok(None) };
                    list.push(read);
                }
                Argument::List(list)
            }
            Arg::Value(value) => Argument::Value(value.clone()),
        }))
    }
}

/// Puts the words that a file has for lookups into those that were not given theirs.
pub(super) fn put_words(root: &LayerRef, file: &SavedFile, path: &Location) -> Result<(), Error> {
    let Some(config) = &file.model else { return Ok(()) };
    for (names, words) in lookups::vocabularies(path.as_path(), config, &file.assets)? {
        let Some(layer) = to_tree::find(root, &names) else { continue };
        let given = layer.layer().as_learner().is_none_or(|learner| learner.is_given());
        if !given {
            layer.learn(|learner| learner.set_words(words))?;
        }
    }
    Ok(())
}

/// Puts the values of a filled skeleton into the variables of a layer, lazily.
pub(super) fn put(layer: &LayerRef, object: &Object) -> Result<(), Error> {
    let (weights, states) = (layer.own_variables(), layer.own_states());
    let pairs = weights.iter().zip(&object.variables).chain(states.iter().zip(&object.states));
    for (variable, filled) in pairs {
        if filled.value.is_some() {
            place(variable, filled)?;
        }
    }
    // What a layer has learned beside its variables comes after them.
    if let Some(filled) = object.variables.get(weights.len())
        && let Some(bytes) = &filled.value
    {
        let words = words(bytes, filled.dtype).map_err(|what| Error::State { what })?;
        let values = words.into_iter().map(f32::from_bits).collect();
        layer.learn(|learner| learner.set_array(Array { shape: filled.shape.clone(), values }))?;
    }
    let inner = layer.layer().inner();
    for (edge, child) in &object.children {
        if let Some((_, layer)) = inner.iter().find(|(name, l)| name == edge && l.name() == child.name) {
            put(layer, child)?;
        }
    }
    Ok(())
}

/// Gives a variable a value from a file: read now if it lies on a device, else when it is needed.
pub(super) fn place(variable: &EngineVariable, filled: &Variable) -> Result<(), Error> {
    let Some(bytes) = filled.value.clone() else { return Ok(()) };
    let (dtype, name) = (filled.dtype, filled.name.clone());
    let read = move || {
        words(&bytes, dtype).map_err(|e| rhyton_engine::Error::State { what: format!("weight {name}: {e}") })
    };
    match variable.value()? {
        Place::Device(..) => variable.set(read()?)?,
        _ => variable.place(Place::Lazy(Arc::new(read)))?,
    }
    Ok(())
}

/// A stored array as f32 words.
pub(super) fn words(bytes: &Bytes, dtype: DType) -> Result<Vec<u32>, String> {
    let bytes = bytes.read().map_err(|e| e.to_string())?;
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<u32> {
        bytes.as_chunks::<N>().0.iter().map(|c| f(*c).to_bits()).collect()
    }
    Ok(match dtype {
        DType::F32 => each(&bytes, f32::from_le_bytes),
        DType::F64 => each(&bytes, |b| f64::from_le_bytes(b) as f32),
        DType::F16 => each(&bytes, |b| half::f16::from_le_bytes(b).to_f32()),
        DType::BF16 => each(&bytes, |b| half::bf16::from_le_bytes(b).to_f32()),
        DType::I8 => each(&bytes, |b| f32::from(i8::from_le_bytes(b))),
        DType::U8 | DType::Bool => each(&bytes, |b| f32::from(u8::from_le_bytes(b))),
        DType::I16 => each(&bytes, |b| f32::from(i16::from_le_bytes(b))),
        DType::U16 => each(&bytes, |b| f32::from(u16::from_le_bytes(b))),
        DType::I32 => each(&bytes, |b| i32::from_le_bytes(b) as f32),
        DType::U32 => each(&bytes, |b| u32::from_le_bytes(b) as f32),
        DType::I64 => each(&bytes, |b| i64::from_le_bytes(b) as f32),
        DType::U64 => each(&bytes, |b| u64::from_le_bytes(b) as f32),
    })
}

/// Puts an optimizer's state into a compiled model; or nothing, and gives the reason, where a slot that the optimizer has is not there.
pub(super) fn put_optimizer(
    model: &mut Model,
    state: &rhyton_persist::tree::OptimizerState,
) -> Result<Option<String>, Error> {
    let (trainable, parameters) = (model.trainable_variables(), model.parameters());
    let compiled = model.compiled_mut()?;
    // A config of Keras does not name the scale that goes with a global policy; the state has it.
    if state.class_name == LossScaleOptimizer::CLASS {
        compiled.scale_loss();
    }
    compiled.build_slots(&parameters);
    let mine = compiled.ordered_slots(&trainable);
    if state.data.is_some() || !state.parts.is_empty() {
        return by_place::put(compiled, &parameters, &mine, state);
    }
    let (mut pairs, mut beside) = (Vec::new(), None);
    // A model that was never trained has none; files with more (tf_keras' SGD without momentum) lose nothing.
    for (name, of, slot) in mine.iter().filter(|_| !state.slots.is_empty()) {
        let called = |name: &str| state.slots.iter().find(|s| s.name == name && s.of == Some(*of));
        // A slot without a name is what the optimizer has beside those that the file calls by theirs.
        let unnamed = || called("").filter(|_| *beside.get_or_insert(name) == name);
        // Keras 3's Adafactor has numbers that mean nothing, tf_keras' has not.
        let idle = || slot.shape().is_empty() && !trainable[*of].shape().is_empty();
        let Some(found) = called(name).or_else(unnamed) else {
            if idle() {
                continue;
            }
            let class = compiled.optimizer.class_name();
            return Ok(Some(format!("it has no `{name}` of the variable {of}, which {class} has")));
        };
        pairs.push((slot, found));
    }
    for (slot, found) in pairs {
        place(slot, &found.variable)?;
    }
    compiled.iteration = state.iteration;
    if let Some(rate) = state.learning_rate {
        compiled.set_constant_learning_rate(rate);
    }
    compiled.optimizer.set_host_state(&state.scalars);
    Ok(None)
}

/// The variables of a layer and of those inside it, with the names on the way, as older formats name them: a model's own name is not among them.
fn paths(layer: &LayerRef, path: &str, found: &mut HashMap<u64, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    for variable in layer.own_variables() {
        let path = below(variable.name());
        found.entry(variable.id()).or_insert(path);
    }
    let network = layer.layer().as_any().is::<Network>();
    for (_, inner) in layer.layer().inner() {
        let path = if network { inner.name() } else { below(&inner.name()) };
        paths(&inner, &path, found);
    }
}

/// Trainable variables as the formats want to see them, named by their paths.
pub(super) fn trainable(model: &Model) -> Vec<Variable> {
    let mut named = HashMap::new();
    paths(model.as_layer(), "", &mut named);
    let one = |v: &EngineVariable| Variable {
        name: named.get(&v.id()).cloned().unwrap_or_else(|| v.name().into()),
        trainable: true,
        dtype: super::to_tree::dtype_of(v),
        shape: v.shape().to_vec(),
        value: None,
    };
    model.trainable_variables().iter().map(one).collect()
}

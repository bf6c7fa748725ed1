//! From one format to another, with layers as data: nothing here needs to know what a layer does.

use crate::format::{optimizer, saved_model, skeleton};
use crate::formats::{self, Arrays, FORMATS, Format, Layout};
use crate::tree::{
    Gap, LayerConfig, ModelConfig, Object, OptimizerState, SavedFile, Tree, Variable, WriteOptions,
};
use crate::{Error, Location, lookups, outline};

/// How to convert.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// Format by name; by default the ending says. A name without one is a SavedModel where the source is a whole model, as Keras saves
    /// it, else a TensorFlow checkpoint.
    pub format: Option<String>,
    /// Dialect and shards.
    pub write: WriteOptions,
    /// Leaves the optimizer's state out.
    pub without_optimizer: bool,
}

/// Everything that a file says, and what it does not say of layers that nobody knows.
#[derive(Debug)]
pub struct Whole {
    /// Configs, values, the optimizer's state.
    pub tree: Tree,
    /// Names of layers and what is missing.
    pub gaps: Vec<(String, Gap)>,
    /// Says why there is no state of the optimizer, though the file has one.
    pub optimizer: Option<String>,
}

impl Whole {
    /// The variables that training changes, in Keras' order, with their paths.
    #[must_use]
    pub fn trainable(&self) -> Vec<(String, &Variable)> {
        skeleton::trainable(&self.tree.root, self.tree.model.as_ref())
    }
}

/// Describes what was written.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Name of the format.
    pub format: &'static str,
    /// Holds what was left out, and why.
    pub notes: Vec<String>,
}

/// Reads a file and writes what it says in another format (or dialect). `model` is a file that gives a weights-only one its
/// architecture and its compile config.
///
/// How the model was compiled, and the optimizer's state, are left out where the target cannot say them.
///
/// # Errors
/// A file is damaged, the weights are not those of the architecture, or the target needs something that the source does not have.
pub fn convert(
    from: impl Into<Location>,
    to: impl Into<Location>,
    model: Option<&Location>,
    options: &ConvertOptions,
) -> Result<Converted, Error> {
    convert_with(&from.into(), &to.into(), model, options, |_, _| ())
}

/// [`convert`], with a last look at what is written, by who can add to it: `finish` is given the target and the tree.
///
/// # Errors
/// As there.
pub fn convert_with(
    from: &Location,
    to: &Location,
    model: Option<&Location>,
    options: &ConvertOptions,
    finish: impl FnOnce(&Format, &mut Tree),
) -> Result<Converted, Error> {
    let file = formats::open(from, None)?;
    let model = model.map(|path| Ok::<_, Error>((path, formats::open(path, None)?))).transpose()?;
    if let Some(model) = &file.model {
        lookups::check_source(from, &file, model)?;
    }
    let described = file.model.is_some() || model.is_some();
    let target = match options.format.as_deref() {
        // A name without an ending: where only weights were, only weights are.
        None if file.model.is_none() && formats::by_ending(to, true)?.layout == Layout::Directory => {
            formats::by_ending(to, false)?
        }
        name => formats::for_writing(to, name, described)?,
    };
    if !described && target.needs.is_empty() {
        return arrays_alone(&file, to, target);
    }
    let whole = whole(from, &file, model.as_ref().map(|(path, file)| (*path, file)))?;
    let mut tree = whole.tree;
    check_gaps(from, file.format, target, &whole.gaps)?;
    if let Some((layer, why)) =
        file.model.as_ref().filter(|_| !(target.name == file.format && target.assets)).and_then(doubled)
    {
        return Err(Error::Usage {
            what: format!("{from}: the layer `{layer}` {why}, which each format keeps in another way"),
            advice: "convert `.keras` to `.keras`".into(),
        });
    }
    lookups::settle(from, &file, &mut tree, target, &options.write)?;
    let mut notes = Vec::new();
    if options.without_optimizer || !target.optimizer {
        tree.optimizer = None;
    } else {
        notes.extend(whole.optimizer.map(|why| format!("{from}: the optimizer's state is left out: {why}")));
    }
    notes.extend(formats::leave_out(to, target, &mut tree, &options.write));
    finish(target, &mut tree);
    if let (true, Some(config)) = (target.serving, &tree.model)
        && let Some(layer) = without_shape(config)
    {
        return Err(Error::Usage {
            what: format!(
                "{}: the file does not say which shape the layer `{layer}` was built for, which a SavedModel needs",
                from
            ),
            advice: "convert from a `.keras` file of this model".into(),
        });
    }
    if let (true, Some(layer)) = (target.serving, tree.model.as_ref().and_then(around_model)) {
        return Err(Error::Usage {
            what: format!(
                "{from}: the layer `{layer}` has a model inside, which is not written to a SavedModel"
            ),
            advice: "convert to `.keras` or `.h5`".into(),
        });
    }
    crate::commit::create_folder(to.folder())?;
    formats::write(to, Some(target.name), &tree, &options.write)?;
    Ok(Converted { format: target.name, notes })
}

/// Writes the arrays of a model that nothing describes, under the names that they have in their file.
fn arrays_alone(file: &SavedFile, to: &Location, target: &'static Format) -> Result<Converted, Error> {
    let others =
        ["optimizer/", "optimizer_weights/", "metrics/", "keras_api/metrics/", "rhyton/", "save_counter"];
    // Where a file holds layers alone, they may have these names.
    let has_others = FORMATS.iter().any(|format| format.name == file.format && format.optimizer);
    let (beside, arrays): (Vec<_>, Vec<_>) = file
        .weights
        .stored()?
        .into_iter()
        .partition(|s| has_others && others.iter().any(|other| s.path.starts_with(other)));
    let variables = arrays.into_iter().map(|s| Variable { name: s.path, ..s.variable }).collect();
    let tree = Tree { root: Object { is_model: true, variables, ..Object::default() }, ..Tree::default() };
    crate::commit::create_folder(to.folder())?;
    formats::write(to, Some(target.name), &tree, &WriteOptions::default())?;
    let left = format!("{} arrays of the optimizer, the metrics and counters are left out", beside.len());
    Ok(Converted { format: target.name, notes: (!beside.is_empty()).then_some(left).into_iter().collect() })
}

/// The first layer whose arrays are not the same ones in every format.
fn doubled(config: &ModelConfig) -> Option<(&str, &'static str)> {
    config.layers.iter().find_map(|layer| {
        let has = |key: &str| layer.config.get(key).is_some_and(|value| !value.is_null());
        match &layer.model {
            Some(inner) => doubled(inner),
            None if layer.registered_name.is_some() => None,
            None if layer.class_name == "SpectralNormalization" => {
                Some((layer.name.as_str(), "shares the kernel of the layer inside it"))
            }
            None => has("lora_rank").then_some((layer.name.as_str(), "has the two matrices of LoRA")),
        }
    })
}

/// The first layer of which nothing says what it was built for, though tf_keras must know.
fn without_shape(config: &ModelConfig) -> Option<&str> {
    config.layers.iter().find_map(|layer| match &layer.model {
        Some(inner) => without_shape(inner),
        None => saved_model::lacks_shape(layer).then_some(layer.name.as_str()),
    })
}

/// The first layer around a model, which a SavedModel would have to describe too.
fn around_model(config: &ModelConfig) -> Option<&str> {
    config.layers.iter().find_map(|layer| match &layer.model {
        Some(inner) => around_model(inner),
        None => {
            let model = layer.config.get("layer").and_then(|inner| inner.pointer("/config/layers"));
            model.map(|_| layer.name.as_str())
        }
    })
}

/// Steps that the optimizer whose state is in a file has taken; for files without architecture. `None` where there is none.
///
/// # Errors
/// The file is damaged.
pub fn iterations(file: &SavedFile) -> Result<Option<i64>, Error> {
    let counts = |path: &str| {
        let path = path.strip_suffix(":0").unwrap_or(path);
        path == "optimizer/vars/0"
            || path.ends_with("optimizer/_iterations")
            || path.ends_with("optimizer/iter")
            || path.starts_with("optimizer_weights/")
                && matches!(path.rsplit('/').next(), Some("iteration" | "iter"))
    };
    let stored = file.weights.stored()?;
    let found = stored.iter().find(|s| counts(&s.path));
    found.map_or(Ok(None), |s| crate::format::values::scalar_int(&s.variable))
}

/// Returns whether a layer says itself what it saves in a format.
fn is_own_form(format: &str) -> bool {
    formats::by_name(format).is_some_and(|format| format.arrays == Arrays::Walked)
}

fn check_gaps(from: &Location, source: &str, target: &Format, gaps: &[(String, Gap)]) -> Result<(), Error> {
    let other_form = is_own_form(source) != is_own_form(target.name) && !target.needs.is_empty();
    let needs = |gap: &Gap| target.needs.contains(gap) || other_form && *gap == Gap::Form;
    let Some((layer, gap)) = gaps.iter().find(|(_, gap)| needs(gap)) else { return Ok(()) };
    let (what, advice) = match gap {
        Gap::Names => ("what its variables are called", "`.h5` and TensorFlow checkpoints do"),
        Gap::Order => ("the order of its variables", "`.h5`, `.keras` and checkpoints with an optimizer do"),
        Gap::Attributes => {
            ("the attributes of the layers inside it", "`.keras` and TensorFlow checkpoints do")
        }
        Gap::Form | Gap::Trained => {
            return Err(Error::Usage {
                what: format!(
                    "{from}: the layer `{layer}` has a setting that is not known (as of LoRA, or of quantization), with which Keras saves other \
                     arrays in the format {} than in {source}",
                    target.name
                ),
                advice: if is_own_form(source) {
                    "`.keras` and `.weights.h5` can be written"
                } else {
                    "`.h5` can be written"
                }
                .into(),
            });
        }
    };
    Err(Error::Usage {
        what: format!(
            "{}: the layer `{layer}` is of a class that is not known, and the file does not say {what}, which the format {} needs",
            from, target.name
        ),
        advice: format!("convert from another file of this model: {advice}"),
    })
}

/// Everything that a file says. `model` is another file with the architecture, and its path.
///
/// # Errors
/// The file is damaged, has no architecture, or its weights are of another one.
pub fn whole(
    path: &Location,
    file: &SavedFile,
    model: Option<(&Location, &SavedFile)>,
) -> Result<Whole, Error> {
    let source = match model {
        // What a file says of itself is what it means; the other one may still name what it does not.
        _ if file.model.is_some() => file,
        Some((other, described)) if described.model.is_none() => return Err(no_model(other, described)),
        Some((_, described)) => described,
        None => return Err(no_model(path, file)),
    };
    let Some(config) = &source.model else { return Err(no_model(path, file)) };
    let mut root = outline::shell(config);
    // What nobody knows is at the layers that are empty now.
    let unknown = empty(&root, &mut Vec::new());
    let mut gaps = file.weights.complete(&mut root)?;
    for place in &unknown {
        let Some(layer) = at(&mut root, place).filter(|layer| skeleton::has_variables(layer)) else {
            continue;
        };
        let name = layer.name.clone();
        if at_config(config, &root, place)
            .is_some_and(|layer| layer.registered_name.is_none() && outline::setting(&layer.config).is_some())
        {
            gaps.push((name, Gap::Form));
        }
    }
    if let (Some((_, other)), false) = (model, gaps.is_empty()) {
        let mut lender = outline::shell(config);
        let lacking = other.weights.complete(&mut lender)?;
        gaps.retain(|(layer, gap)| {
            matches!(gap, Gap::Form | Gap::Trained)
                || lacking.iter().any(|(l, g)| l == layer && matches!(g, Gap::Names | Gap::Order))
                || !unknown.iter().any(|place| {
                    let (Some(to), Some(from)) = (at(&mut root, place), at(&mut lender, place)) else {
                        return false;
                    };
                    to.name == *layer && lend(*gap, from, to)
                })
        });
    }
    file.weights.fill(&mut root)?;
    let compile = file.compile.clone().or_else(|| source.compile.clone());
    let class = compile.as_ref().map(|c| optimizer_class(&c.optimizer)).unwrap_or_default();
    let (optimizer, trouble) = match optimizer_of(file, &mut root, config, &class, &unknown) {
        Ok(state) => (state, None),
        Err(Error::Mismatch { mismatches, .. }) => (None, Some(mismatches.join("; "))),
        Err(other) => return Err(other),
    };
    // Slots that fit say it.
    if optimizer.as_ref().is_some_and(|state| state.data.is_none() && !state.slots.is_empty()) {
        gaps.retain(|(_, gap)| *gap != Gap::Trained);
    }
    let tree = Tree {
        model: Some(config.clone()),
        compile,
        root,
        optimizer,
        resume: file.resume.clone(),
        serving: None,
        assets: file.assets.clone(),
    };
    Ok(Whole { tree, gaps, optimizer: trouble })
}

fn no_model(path: &Location, file: &SavedFile) -> Error {
    match &file.no_model {
        Some(why) => Error::Usage {
            what: why.to_string(),
            advice: "give a file that has the architecture as the model".into(),
        },
        None => Error::Usage {
            what: format!("{path}: this {} file holds weights only", file.format),
            advice: "name a file that has the architecture (`--model model.keras`)".into(),
        },
    }
}

/// The class of an optimizer in a compile config.
#[must_use]
pub fn optimizer_class(config: &serde_json::Value) -> String {
    match config.as_str() {
        Some(name) => optimizer::class_of_string(name).map_or(name, |c| c.name).into(),
        None => config.get("class_name").and_then(serde_json::Value::as_str).unwrap_or_default().into(),
    }
}

/// Places of children on the way from the model to an object.
type Place = Vec<usize>;

fn empty(object: &Object, at: &mut Place) -> Vec<Place> {
    if skeleton::is_empty(object) {
        return vec![at.clone()];
    }
    let mut out = Vec::new();
    for (i, (_, child)) in object.children.iter().enumerate() {
        at.push(i);
        out.extend(empty(child, at));
        at.pop();
    }
    out
}

fn at<'a>(root: &'a mut Object, place: &[usize]) -> Option<&'a mut Object> {
    match place {
        [] => Some(root),
        [first, rest @ ..] => at(&mut root.children.get_mut(*first)?.1, rest),
    }
}

/// The config of the layer at a place.
fn at_config<'a>(model: &'a ModelConfig, object: &Object, place: &[usize]) -> Option<&'a LayerConfig> {
    let [first, rest @ ..] = place else { return None };
    let (_, child) = object.children.get(*first)?;
    let layer = model.layers.iter().find(|layer| layer.name == child.name)?;
    match (&layer.model, rest) {
        (_, []) => Some(layer),
        (Some(inner), rest) => at_config(inner, child, rest),
        // Inside a layer.
        (None, _) => Some(layer),
    }
}

/// Fills a gap of an unknown layer with what another file says of it. False where that does not fit.
fn lend(gap: Gap, from: &Object, to: &mut Object) -> bool {
    // The layers inside it go by attributes in one file and by names in another.
    if !to.children.is_empty() || from.variables.len() != to.variables.len() {
        return false;
    }
    let named = |name: &str| from.variables.iter().position(|v| v.name == name);
    match gap {
        Gap::Names => to.variables.clone_from(&from.variables),
        Gap::Order if to.variables.iter().all(|v| named(&v.name).is_some()) => {
            to.variables.clone_from(&from.variables);
        }
        Gap::Order | Gap::Attributes | Gap::Form | Gap::Trained => return false,
    }
    true
}

/// Most ways that are tried to tell which variables of unknown layers training changes.
const TRIES: usize = 1 << 12;

/// The state of a file's optimizer; `None` where the file holds none. Slots that are not those of `class` for the variables are data: see
/// [`OptimizerState::data`].
///
/// # Errors
/// A mismatch where what the file holds is no optimizer's state that can be understood; the file is damaged.
pub fn optimizer_state(
    file: &SavedFile,
    class: &str,
    trainable: &[Variable],
) -> Result<Option<OptimizerState>, Error> {
    let mut state = file.weights.optimizer(class, trainable)?;
    if let Some(data) = state.as_mut().and_then(|state| state.data.as_mut()) {
        data.dialect = data.dialect.or(file.dialect);
    }
    Ok(state)
}

/// The optimizer's state. Formats without names do not say which variables of an unknown layer training changes; but in Keras' order the others
/// come last, and there are no slots for them.
fn optimizer_of(
    file: &SavedFile,
    root: &mut Object,
    model: &ModelConfig,
    class: &str,
    unknown: &[Place],
) -> Result<Option<OptimizerState>, Error> {
    let read = |root: &Object| {
        let trainable = skeleton::trainable(root, Some(model));
        let named = trainable.into_iter().map(|(path, v)| Variable { name: path, ..v.clone() });
        optimizer_state(file, class, &named.collect::<Vec<_>>())
    };
    let fits = |state: &Option<OptimizerState>| state.as_ref().is_none_or(|state| state.data.is_none());
    let first = read(root)?;
    // The slots of a class that is not known fit no number of variables.
    if fits(&first) || optimizer::class(class).is_none() {
        return Ok(first);
    }
    let mut layers = Vec::new();
    for place in unknown {
        if let Some(layer) = at(root, place).filter(|l| !l.variables.is_empty()) {
            layers.push((place, layer.variables.len()));
        }
    }
    // How many of each layer's variables are not trained: counted like the digits of a number.
    let mut fixed = vec![0; layers.len()];
    for _ in 0..TRIES {
        let Some(digit) = fixed.iter().zip(&layers).position(|(n, (_, len))| n < len) else { break };
        fixed.iter_mut().take(digit).for_each(|n| *n = 0);
        fixed.iter_mut().skip(digit).take(1).for_each(|n| *n += 1);
        set_trained(root, &layers, &fixed);
        let state = read(root)?;
        if fits(&state) {
            return Ok(state);
        }
    }
    fixed.fill(0);
    set_trained(root, &layers, &fixed);
    Ok(first)
}

/// Takes the last variables of layers to be such that training does not change them.
fn set_trained(root: &mut Object, layers: &[(&Place, usize)], fixed: &[usize]) {
    for ((place, len), n) in layers.iter().zip(fixed) {
        if let Some(layer) = at(root, place) {
            layer.variables.iter_mut().enumerate().for_each(|(i, v)| v.trainable = i + n < *len);
        }
    }
}

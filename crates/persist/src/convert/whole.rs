//! All that a file says, with what another file says of its layers.

use crate::format::{optimizer, skeleton};
use crate::tree::{Gap, LayerConfig, ModelConfig, Object, OptimizerState, SavedFile, Tree, Variable};
use crate::{Error, Location, outline};

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
            .is_some_and(|layer| layer.registered_name.is_none() && outline::has_setting(&layer.config))
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
    let class = compile.as_ref().map(|c| match file.compile {
        // A state without its config tells itself whether it has a scale of the loss.
        None => inner_class(&c.optimizer).unwrap_or_else(|| optimizer_class(&c.optimizer)),
        Some(_) => optimizer_class(&c.optimizer),
    });
    let class = class.unwrap_or_default();
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

/// The class of the optimizer inside one that scales the loss.
fn inner_class(config: &serde_json::Value) -> Option<String> {
    config.pointer("/config/inner_optimizer").map(optimizer_class)
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

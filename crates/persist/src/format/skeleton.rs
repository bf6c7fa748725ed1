//! Walks over the objects of a model, in the orders that formats know.

use std::borrow::Cow;

use crate::tree::{ModelConfig, Object, Variable};

use super::naming::Counter;

/// An object and its path in the layout of `.weights.h5`: `layers/dense`, `layers/lstm/cell`.
pub(crate) fn by_class(root: &Object, underscore: bool) -> Vec<(String, &Object)> {
    let mut out = Vec::new();
    walk(String::new(), root, underscore, &mut out);
    out
}

fn walk<'a>(path: String, object: &'a Object, underscore: bool, out: &mut Vec<(String, &'a Object)>) {
    out.push((path.clone(), object));
    let mut counter = Counter::default();
    for (attribute, child) in &object.children {
        walk(child_path(&path, object, attribute, child, &mut counter, underscore), child, underscore, out);
    }
}

/// The path of a child. `underscore`: as tf_keras names the inner layers of attention.
fn child_path(
    path: &str,
    parent: &Object,
    attribute: &str,
    child: &Object,
    counter: &mut Counter,
    underscore: bool,
) -> String {
    let name = if parent.is_model {
        format!("layers/{}", counter.next(&child.class_name))
    } else if let Some((list @ ("cells" | "layers"), _)) = attribute.split_once('/') {
        // Lists are named by class.
        format!("{list}/{}", counter.next(&child.class_name))
    } else if (underscore || is_private(parent, attribute)) && has_private_children(parent) {
        format!("_{}", attribute.trim_start_matches('_'))
    } else {
        attribute.to_owned()
    };
    if path.is_empty() { name } else { format!("{path}/{name}") }
}

/// Returns whether Keras 3 has no other name of the attribute than the private one.
fn is_private(parent: &Object, attribute: &str) -> bool {
    parent.class_name == "GroupedQueryAttention" || attribute.trim_start_matches('_') == "gate_dense"
}

/// Keras 3 calls `query_dense` what tf_keras calls `_query_dense`.
pub(crate) fn has_private_children(object: &Object) -> bool {
    matches!(object.class_name.as_str(), "MultiHeadAttention" | "GroupedQueryAttention")
}

/// Calls `visit` with every object, for change. `twice`: each layer with variables takes up two numbers, as Keras 2.13 counts, which meets it
/// under two names and writes it under the first.
pub(crate) fn by_class_mut<E>(
    root: &mut Object,
    twice: bool,
    visit: &mut impl FnMut(&str, &mut Object) -> Result<(), E>,
) -> Result<(), E> {
    fn walk<E>(
        path: &str,
        object: &mut Object,
        twice: bool,
        visit: &mut impl FnMut(&str, &mut Object) -> Result<(), E>,
    ) -> Result<(), E> {
        visit(path, object)?;
        let mut counter = Counter::default();
        let shell =
            Object { is_model: object.is_model, class_name: object.class_name.clone(), ..Object::default() };
        for (attribute, child) in &mut object.children {
            let path = child_path(path, &shell, attribute, child, &mut counter, false);
            walk(&path, child, twice, visit)?;
            // Asked now: the visit may have found out which variables a layer has.
            if twice && shell.is_model && has_variables(child) {
                counter.next(&child.class_name);
            }
        }
        Ok(())
    }
    walk("", root, twice, visit)
}

/// Whether a skeleton says nothing of what is in an object: a layer without weights, or one that nobody knows.
pub(crate) fn is_empty(object: &Object) -> bool {
    !object.is_model && object.variables.is_empty() && object.children.is_empty()
}

/// Forgets what was known to be in an object.
pub(crate) fn empty(object: &mut Object) {
    object.variables.clear();
    object.children.clear();
}

/// Whether an object or one inside it has a variable.
pub(crate) fn has_variables(object: &Object) -> bool {
    !object.variables.is_empty() || object.children.iter().any(|(_, child)| has_variables(child))
}

/// A variable of a layer, with what the older formats say of it.
pub(crate) struct Owned<V> {
    /// Names on the way from the layer, and the variable's own: `lstm/lstm_cell/kernel`.
    pub(crate) path: String,
    /// Class of the object that has it: `LSTMCell`.
    pub(crate) class: String,
    /// Whether training changes it now: its own flag, and `trainable` of every layer above it.
    pub(crate) trainable: bool,
    /// The variable.
    pub(crate) variable: V,
}

/// Returns whether a variable of a layer is that of a layer inside, which the older formats have once.
fn is_shared(class: &str, variable: &str) -> bool {
    class == "SpectralNormalization" && variable != "vector_u"
}

/// All variables of a layer in the order of Keras' older formats: those that training changes, then the others.
pub(crate) fn by_layer<'a>(layer: &'a Object, frozen: &Frozen<'_>) -> Vec<Owned<&'a Variable>> {
    fn walk<'a>(path: String, object: &'a Object, frozen: &Frozen<'_>, out: &mut Vec<Owned<&'a Variable>>) {
        for variable in object.variables.iter().filter(|v| !is_shared(&object.class_name, &v.name)) {
            let path = format!("{path}/{}", variable.name);
            let class = object.class_name.clone();
            out.push(Owned { path, class, trainable: variable.trainable && !frozen.now, variable });
        }
        for (_, child) in &object.children {
            // The weights of a nested model are named after its layers alone, as tf_keras does.
            let path = if object.is_model { child.name.clone() } else { format!("{path}/{}", child.name) };
            walk(path, child, &frozen.child(child), out);
        }
    }
    let mut out = Vec::new();
    walk(layer.name.clone(), layer, frozen, &mut out);
    out.sort_by_key(|o| !o.trainable);
    out
}

/// The same, for change.
pub(crate) fn by_layer_mut<'a>(layer: &'a mut Object, frozen: &Frozen<'_>) -> Vec<Owned<&'a mut Variable>> {
    fn walk<'a>(
        path: String,
        object: &'a mut Object,
        frozen: &Frozen<'_>,
        out: &mut Vec<Owned<&'a mut Variable>>,
    ) {
        let class = &object.class_name;
        for variable in object.variables.iter_mut().filter(|v| !is_shared(class, &v.name)) {
            let path = format!("{path}/{}", variable.name);
            let class = class.clone();
            out.push(Owned { path, class, trainable: variable.trainable && !frozen.now, variable });
        }
        for (_, child) in &mut object.children {
            let path = if object.is_model { child.name.clone() } else { format!("{path}/{}", child.name) };
            let below = frozen.child(child);
            walk(path, child, &below, out);
        }
    }
    let mut out = Vec::new();
    walk(layer.name.clone(), layer, frozen, &mut out);
    out.sort_by_key(|o| !o.trainable);
    out
}

/// What the architecture says of `trainable`, where it is known.
pub(crate) struct Frozen<'a> {
    now: bool,
    /// The model whose layers are asked for; or that of the layer around it.
    model: Option<Cow<'a, ModelConfig>>,
    /// Says whether the model is one step further inside, in a layer that wraps it.
    wrapped: bool,
}

impl<'a> Frozen<'a> {
    /// For the model as a whole.
    pub(crate) fn root(model: Option<&'a ModelConfig>) -> Self {
        let off = model.is_some_and(is_frozen);
        Self { now: off, model: model.map(Cow::Borrowed), wrapped: false }
    }

    /// For a layer of it.
    pub(crate) fn child(&self, child: &Object) -> Frozen<'_> {
        let model = self.model.as_deref();
        if self.wrapped {
            let model = model.filter(|_| child.is_model);
            let off = model.is_some_and(is_frozen);
            return Frozen { now: self.now || off, model: model.map(Cow::Borrowed), wrapped: false };
        }
        let layer = model.and_then(|m| m.layers.iter().find(|l| l.name == child.name));
        let off = layer.is_some_and(|l| {
            let inner = l.model.as_ref().and_then(|m| m.config.get("trainable"));
            l.config.get("trainable").or(inner).is_some_and(|t| t == false)
        });
        let inside = || layer?.config.get("layer").and_then(ModelConfig::of_object);
        let (model, wrapped) = match layer.and_then(|l| l.model.as_deref()) {
            Some(model) => (Some(Cow::Borrowed(model)), false),
            None => (inside().map(Cow::Owned), true),
        };
        Frozen { now: self.now || off, model, wrapped }
    }
}

fn is_frozen(model: &ModelConfig) -> bool {
    model.config.get("trainable").is_some_and(|t| t == false)
}

/// The model's trainable variables in order, with paths.
pub(crate) fn trainable<'a>(root: &'a Object, model: Option<&ModelConfig>) -> Vec<(String, &'a Variable)> {
    let frozen = Frozen::root(model);
    let own = root.variables.iter().map(|v| Owned {
        path: v.name.clone(),
        class: String::new(),
        trainable: v.trainable,
        variable: v,
    });
    let layers = root.children.iter().flat_map(|(_, layer)| by_layer(layer, &frozen.child(layer)));
    // A layer that is used in two places is listed once per place; its variables count once, by name.
    own.chain(layers).filter(|o| o.trainable).map(|o| (o.path, o.variable)).collect()
}

//! What the names in a file say of layers that nobody knows.

use super::{skeleton, values};
use crate::tree::{Gap, Object, Variable};

/// Gives the empty objects of a layer what the names of its weights say: `with_custom/scale_shift/scale:0`.
pub(crate) fn layer(object: &mut Object, names: &[&str], slots: &[String], gaps: &mut Vec<(String, Gap)>) {
    let empty = skeleton::is_empty(object);
    fill(object, names, slots, gaps);
    if empty {
        check_order(object, names, gaps);
    }
}

/// The order of a group's names must be that of the object that was made of them, which is the layer's own variables before those inside.
fn check_order(object: &Object, names: &[&str], gaps: &mut Vec<(String, Gap)>) {
    let made = skeleton::by_layer(object, &skeleton::Frozen::root(None));
    let fits = |(owned, full): (&skeleton::Owned<&Variable>, &&str)| {
        let full = full.strip_suffix(":0").unwrap_or(full);
        let (_, below) = owned.path.split_once('/').unwrap_or(("", &owned.path));
        full == below || full.strip_suffix(below).is_some_and(|before| before.ends_with('/'))
    };
    if made.len() == names.len() && !made.iter().zip(names).all(fits) {
        gaps.push((object.name.clone(), Gap::Order));
    }
}

fn fill(object: &mut Object, names: &[&str], slots: &[String], gaps: &mut Vec<(String, Gap)>) {
    if object.is_model {
        for (_, child) in &mut object.children {
            layer(child, names, slots, gaps);
        }
        return;
    }
    if !skeleton::is_empty(object) {
        return;
    }
    for full in names {
        let full = full.strip_suffix(":0").unwrap_or(full);
        let mut parts = full.split('/');
        // What stands before the layer's own name is that of models around it.
        if parts.by_ref().any(|part| part == object.name) {
            let rest: Vec<&str> = parts.collect();
            put(object, &rest, has_slot(slots, full));
        }
    }
    if !object.children.is_empty() {
        gaps.push((object.name.clone(), Gap::Attributes));
    }
    if skeleton::has_variables(object) && !slots.iter().any(|slot| counts(slot)) {
        gaps.push((object.name.clone(), Gap::Trained));
    }
}

/// Gives an empty object all weights of its group, whose names do not begin with its own.
pub(crate) fn all(object: &mut Object, names: &[&str], slots: &[String], gaps: &mut Vec<(String, Gap)>) {
    for full in names {
        let full = full.strip_suffix(":0").unwrap_or(full);
        put(object, &full.split('/').collect::<Vec<_>>(), has_slot(slots, full));
    }
    check_order(object, names, gaps);
    if !object.children.is_empty() {
        gaps.push((object.name.clone(), Gap::Attributes));
    }
}

/// Puts a variable at the end of a path of names below an object: `lstm_cell`, `kernel`. Inner objects are called by their names, which
/// stand for the attributes too.
pub(crate) fn put(object: &mut Object, path: &[&str], trainable: bool) {
    match path {
        [] => {}
        [name] => object.variables.push(values::any(name, trainable)),
        [inner, rest @ ..] => {
            let at =
                object.children.iter().position(|(attribute, _)| attribute == inner).unwrap_or_else(|| {
                    let child = Object { name: (*inner).into(), ..Object::default() };
                    object.children.push(((*inner).into(), child));
                    object.children.len() - 1
                });
            if let Some((_, child)) = object.children.get_mut(at) {
                put(child, rest, trainable);
            }
        }
    }
}

/// Whether training changes a variable, as the names of the optimizer's slots say: `Adam/m/dense/kernel:0`,
/// `adam/dense_kernel_momentum`. Where there are no slots, it is taken to.
pub(crate) fn has_slot(slots: &[String], path: &str) -> bool {
    let joined = path.replace('/', "_");
    let is_of = |slot: &String| {
        let slot = slot.strip_suffix(":0").unwrap_or(slot);
        let of_tf_keras = slot.strip_suffix(path).is_some_and(|before| before.ends_with('/'));
        of_tf_keras || slot.rsplit('/').next().is_some_and(|last| last.starts_with(&format!("{joined}_")))
    };
    !slots.iter().any(|slot| counts(slot)) || slots.iter().any(is_of)
}

/// Returns whether an optimizer's variable of this name is a slot.
fn counts(slot: &str) -> bool {
    let counters = ["iteration", "learning_rate", "iter", "decay", "beta_1", "beta_2", "momentum", "rho"];
    let last = slot.rsplit('/').next().unwrap_or_default();
    !counters.contains(&last.strip_suffix(":0").unwrap_or(last)) || slot.matches('/').count() > 1
}

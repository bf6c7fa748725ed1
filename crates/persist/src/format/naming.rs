//! Names that Keras derives from classes.

use std::collections::HashMap;

use super::values;
use crate::tree::Object;

/// `BatchNormalization` to `batch_normalization`, `ReLU` to `re_lu`, `RMSprop` to `rm_sprop`: Keras' `to_snake_case`.
pub(crate) fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|c| !c.is_whitespace()).collect();
    let at = |i: usize| chars.get(i).copied();
    let mut out = String::new();
    // First rule: `_` before an upper-case letter that begins a word; second: between lower or digit and upper case.
    for (i, c) in chars.iter().enumerate() {
        let begins_word = c.is_ascii_uppercase() && at(i + 1).is_some_and(|n| n.is_ascii_lowercase());
        let before = i.checked_sub(1).and_then(at);
        let after_small = c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase());
        if before.is_some() && (begins_word || after_small) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// Numbers names as Keras numbers the layers of a container: `dense`, `dense_1`.
#[derive(Default)]
pub(crate) struct Counter(HashMap<String, usize>);

impl Counter {
    pub(crate) fn next(&mut self, class: &str) -> String {
        let name = snake_case(class);
        let count = self.0.entry(name.clone()).or_insert(0);
        let this = if *count == 0 { name } else { format!("{name}_{count}") };
        *count += 1;
        this
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
    let counters = ["iteration", "learning_rate", "iter", "decay", "beta_1", "beta_2", "momentum", "rho"];
    let counts = |slot: &String| {
        let last = slot.rsplit('/').next().unwrap_or_default();
        !counters.contains(&last.strip_suffix(":0").unwrap_or(last)) || slot.matches('/').count() > 1
    };
    !slots.iter().any(counts) || slots.iter().any(is_of)
}

#[cfg(test)]
mod tests {
    use super::{Counter, snake_case};

    /// Names that Keras 3.15.1 and tf_keras 2.21 wrote.
    #[test]
    fn snake_case_is_keras() {
        for (class, name) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("ReLU", "re_lu"),
            ("LSTM", "lstm"),
            ("GRU", "gru"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("RMSprop", "rm_sprop"),
            ("AdamW", "adam_w"),
            ("SGD", "sgd"),
            ("ScaleShift", "scale_shift"),
            ("InputLayer", "input_layer"),
            ("BinaryIoU", "binary_io_u"),
        ] {
            assert_eq!(snake_case(class), name);
        }
        let mut counter = Counter::default();
        assert_eq!(
            [counter.next("Dense"), counter.next("ReLU"), counter.next("Dense")],
            ["dense", "re_lu", "dense_1"]
        );
    }
}

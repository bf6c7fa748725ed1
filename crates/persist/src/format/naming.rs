//! Names that Keras derives from classes.

use std::collections::HashMap;

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

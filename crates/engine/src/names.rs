//! Automatic names, counted per process as Keras counts them; names of functions.

pub use rhyton_error::{did_you_mean, nearest, one_of};

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

static COUNTS: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

/// The next free name of a kind: `dense`, `dense_1`, `dense_2`.
pub fn unique(base: &str) -> String {
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let n = counts.get_or_insert_default().entry(base.into()).or_insert(0);
    *n += 1;
    if *n == 1 { base.into() } else { format!("{base}_{}", *n - 1) }
}

/// Returns a name that is not taken: this one, or with the first number that is free behind it.
pub(crate) fn free_name(name: String, taken: impl Fn(&str) -> bool) -> String {
    if !taken(&name) {
        return name;
    }
    (1..).map(|i| format!("{name}_{i}")).find(|n| !taken(n)).unwrap_or(name)
}

/// Starts counting anew, as `keras.utils.clear_session` does.
pub fn clear_session() {
    *COUNTS.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// A class name as Keras turns it into an object name: `BatchNormalization` to `batch_normalization`, `Conv2D` to
/// `conv2d`, `ReLU` to `re_lu`.
pub fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).map(|j| chars[j]), chars.get(i + 1));
        let word_starts = c.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase);
        let upper_after_lower = c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase());
        if before.is_some() && (word_starts || upper_after_lower) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

static REGISTERED: Mutex<Option<HashMap<TypeId, String>>> = Mutex::new(None);

/// Gives a class or function the name that configs know it by. Every function and closure has a type of its own, which stands for
/// it here.
pub fn name_function<F: 'static>(name: &str) {
    REGISTERED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default()
        .insert(TypeId::of::<F>(), name.into());
}

/// The name that a class was registered by.
pub fn registered<T: 'static>() -> Option<String> {
    registered_type(TypeId::of::<T>())
}

/// The name that a class was registered by.
pub fn registered_type(id: TypeId) -> Option<String> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&id).cloned()
}

/// The name of a function: as registered, else as in the source; `<lambda>` for closures, as Keras has it.
pub fn function_name<F: 'static>() -> String {
    if let Some(name) = registered::<F>() {
        return name;
    }
    let path = type_name::<F>();
    match path.rsplit("::").next().unwrap_or(path) {
        "{{closure}}" => "<lambda>".into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    /// Names that Keras 3.15 gives.
    #[test]
    fn as_keras_names() {
        for (class, name) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("ReLU", "re_lu"),
            ("PReLU", "p_re_lu"),
            ("LSTM", "lstm"),
            ("BatchNormalization", "batch_normalization"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("RMSprop", "rm_sprop"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}

//! Modules of Python in which Keras' classes live.

/// Packages in whose modules Keras lives, or has lived.
const PACKAGES: [&str; 4] = ["keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras"];

/// Segments of modules that only say where the source of a version lies.
const LAYOUT: [&str; 6] = ["src", "api", "_v1", "_v2", "python", "keras"];

/// Returns which part of Keras a module is: `layers` of `keras.src.layers.core.dense`, empty for `keras` itself. `None`: it is not
/// Keras'.
pub(crate) fn part(module: &str) -> Option<&str> {
    let within = |package: &&str| {
        module.strip_prefix(*package).filter(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let rest = PACKAGES.iter().find_map(within)?;
    Some(rest.split('.').find(|part| !part.is_empty() && !LAYOUT.contains(part)).unwrap_or(""))
}

/// Returns whether a module is one of Keras' operations, of which several are called as layers are: `keras.src.ops.numpy`.
pub(crate) fn is_op(module: Option<&str>) -> bool {
    module.and_then(part) == Some("ops")
}

#[test]
fn operations_are_known_by_their_module() {
    assert!(is_op(Some("keras.src.ops.numpy")) && is_op(Some("keras.ops")));
    assert!(!is_op(Some("keras.layers")) && !is_op(Some("someone.ops")) && !is_op(None));
}

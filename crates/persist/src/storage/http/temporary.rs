//! Names of files and folders that are on their way.

use std::hash::{BuildHasher, Hasher, RandomState};

/// End of every temporary name, as on a disk. The beginning is a dot, the final name, a dot and a number.
const ENDING: &str = ".rhyton-tmp";

/// A temporary name for `name`, which nobody else uses.
pub(super) fn name(name: &str) -> String {
    // Every `RandomState` has other keys.
    let number = RandomState::new().build_hasher().finish();
    format!(".{name}.{number:016x}{ENDING}")
}

/// The name that a file of this temporary name should get; `None` for other names.
pub(super) fn of(temporary: &str) -> Option<&str> {
    let (name, number) = temporary.strip_prefix('.')?.strip_suffix(ENDING)?.rsplit_once('.')?;
    (number.len() == 16 && number.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        let (a, b) = (super::name("m.keras"), super::name("m.keras"));
        assert_ne!(a, b);
        assert_eq!(super::of(&a), Some("m.keras"));
        for other in [
            "m.keras",
            ".m.keras.rhyton-tmp",
            ".m.0123456789abcdeg.rhyton-tmp",
            "x.0123456789abcdef.rhyton-tmp",
        ] {
            assert_eq!(super::of(other), None, "{other}");
        }
    }
}

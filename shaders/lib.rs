//! The WGSL compute shaders of Rhyton, as text. `rhyton-kernels` knows what each one does and how it is dispatched.

/// Every shader file by its path below this crate without the ending: `argmax`, `common/math`.
pub static FILES: &[(&str, &str)] = FILES_HERE;

const FILES_HERE: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Returns the text of the shader file with this path, without the ending. Meant for constants, where a name that
/// does not exist is a compile error.
///
/// # Panics
/// There is no such file.
pub const fn shader(name: &str) -> &'static str {
    let mut i = 0;
    while i < FILES_HERE.len() {
        if equal(FILES_HERE[i].0.as_bytes(), name.as_bytes()) {
            return FILES_HERE[i].1;
        }
        i += 1;
    }
    panic!("there is no such shader file")
}

/// Compares in a constant, where `==` on slices is not allowed.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_is_found_by_its_name() {
        assert!(super::FILES.len() > 20, "{} files", super::FILES.len());
        for (name, text) in super::FILES {
            assert_eq!(super::shader(name), *text);
        }
    }

    #[test]
    #[should_panic(expected = "no such shader")]
    fn another_name_is_refused() {
        super::shader("common/mat");
    }
}

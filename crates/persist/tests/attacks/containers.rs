//! The other containers: safetensors.

use crate::refused;

#[test]
fn headers_of_safetensors_that_lie_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let tensor = |dtype: &str, shape: &str, from: i64, to: i64| {
        format!(r#"{{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [{from}, {to}]}}"#)
    };
    let one = tensor("F32", "[2]", 0, 8);
    for (header, says) in [
        (format!(r#"{{"a": {one}, "b": {}}}"#, tensor("F32", "[2]", 4, 12)), "overlap"),
        (format!(r#"{{"a": {one}, "b": {}}}"#, tensor("F32", "[2]", 12, 20)), "hole"),
        (format!(r#"{{"a": {one}, "a": {one}}}"#), "twice"),
        (format!(r#"{{"a": {}}}"#, tensor("F99", "[2]", 0, 8)), "F99"),
        (format!(r#"{{"a": {}}}"#, tensor("F32", "[3]", 0, 8)), "[3]"),
        (format!(r#"{{"a": {}}}"#, tensor("F32", "[4611686018427387904, 4]", 0, 8)), "4611686018427387904"),
        (format!(r#"{{"a": {}}}"#, tensor("F32", "[-2]", 0, 8)), "header"),
        (format!(r#"{{"a": {}}}"#, tensor("F32", "[1000000000]", 0, 4_000_000_000)), "at most"),
        (format!(r#"{{"a": {}}}"#, tensor("F32", "[2]", 8, 0)), "hole"),
        (format!(r#"{{"\u001b[31m": {}}}"#, tensor("F32", "[3]", 0, 8)), "\\u{1b}[31m"),
        (format!(r#"{{"a": {}"#, "[".repeat(100_000)), "header"),
    ] {
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat();
        std::fs::write(&path, bytes).unwrap();
        let error = refused(&path, &header[..header.len().min(200)]);
        assert!(error.contains(says), "{header:.200}: {error}");
    }
    for length in [0, 1, 99_000_000, 100_000_001, u64::MAX] {
        std::fs::write(&path, [&length.to_le_bytes()[..], b"{\"a\": 1}        "].concat()).unwrap();
        refused(&path, &format!("a header of {length} bytes"));
    }
}

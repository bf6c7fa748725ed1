//! HDF5 files whose structures lie, made by data/attacks/make.py.

use crate::{assert_one_line, fill};

#[test]
fn sound_files_of_other_programs_are_read() {
    for name in ["sound.weights.h5", "other_layout.weights.h5"] {
        let root = fill(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let kernel = root.children[0].1.variables[0].value.as_ref().unwrap().read().unwrap();
        let wanted: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        assert_eq!(kernel, wanted, "{name}");
    }
}

#[test]
fn hostile_hdf5_is_refused() {
    for (name, says) in [
        ("soft_link.weights.h5", "links"),
        ("external_link.weights.h5", "links"),
        ("external_storage.weights.h5", "external storage"),
        ("virtual.weights.h5", "virtual"),
        ("huge.weights.h5", "without bytes of its own"),
        ("huge_chunked.weights.h5", "chunks"),
        ("cycle.weights.h5", "without end"),
        ("gap.weights.h5", "without a gap"),
        ("names.weights.h5", "numbers as names"),
        ("same_string.h5", ""),
        ("names_are_numbers.h5", ""),
        ("layer_without_group.h5", "the group of a layer"),
    ] {
        let error = fill(name).err().unwrap_or_else(|| panic!("{name} was read")).to_string();
        assert_one_line(&error);
        assert!(error.contains(says), "{name}: {error}");
    }
}

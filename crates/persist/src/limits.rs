//! Every limit on what a file may ask of its reader, with its reason. A model file is input from strangers: a
//! declared size is compared with what is really stored before anything is allocated, and what cannot be compared
//! has a limit here.

// --- Packed bytes --------------------------------------------------------------------------------------------------

/// Unpacked size over packed size, of what is larger than [`UNPACKED_BYTES`]. Weights pack to two thirds; deflate can pack zeros to a thousandth,
/// which is how a small file asks for any amount of memory. Keras has the same limit.
pub const UNPACKED_RATIO: u64 = 100;

/// Holds what may be unpacked at any ratio that deflate allows.
pub const UNPACKED_BYTES: u64 = 32 << 20;

/// Unpacked size over packed size: deflate itself cannot pass 1032.
pub const DEFLATE_RATIO: u64 = 1_032;

// --- JSON and text -------------------------------------------------------------------------------------------------

/// Bytes of one JSON text (config, metadata, attribute). The largest real config met is 2 MB (a model of a thousand
/// layers).
pub const JSON_BYTES: u64 = 64 << 20;

/// Returns the largest number of values in a JSON text of so many bytes. Each needs some hundred bytes of memory, so there is a limit beside the
/// text's: the model of a thousand layers has 100,000. Where there are more, they are numbers of a matrix (`Constant`), which Python writes with
/// some eighteen digits each.
#[must_use]
pub fn json_values(text: usize) -> usize {
    (text / 16).max(1 << 20)
}

/// Holds what a JSON text may be unpacked to at any ratio: see [`UNPACKED_RATIO`].
pub const JSON_UNPACKED_BYTES: u64 = 1 << 20;

/// Models inside models, and lists inside the arguments of a call. Real ones: five. The walk over them is recursive.
pub const MODEL_DEPTH: usize = 32;

// --- zip -----------------------------------------------------------------------------------------------------------

/// Members of an archive. Keras writes three, and one per asset.
pub const ZIP_MEMBERS: usize = 65_536;

/// Size of a deflated member that is unpacked into memory; a larger one goes to a file without a name.
pub const ZIP_MEMORY_BYTES: u64 = 16 << 20;

// --- HDF5 ----------------------------------------------------------------------------------------------------------

/// Groups inside groups. Real ones: twelve. Also what stops a group that contains itself.
pub const HDF5_DEPTH: usize = 64;

/// Groups and datasets of one file. A model of a thousand layers with its optimizer has 20,000. Also what stops a
/// file whose groups share each other until the paths outnumber the bytes.
pub const HDF5_OBJECTS: usize = 1 << 20;

/// Dimensions of an array: HDF5's own limit.
pub const HDF5_RANK: usize = 32;

/// Pieces of a list that was cut for HDF5's 64 KiB per attribute.
pub const HDF5_PIECES: usize = 10_000;

/// Bytes that one look at a group may read: its links, its headers, its attributes. Strings of variable length may
/// all point at the same bytes, so that a small file could ask for any amount of memory. A look reads what it needs some times over.
#[must_use]
pub fn hdf5_look_bytes(file: u64) -> u64 {
    file.saturating_mul(8).saturating_add(32 << 20).min(256 << 20)
}

// --- TensorFlow checkpoint -----------------------------------------------------------------------------------------

/// Bytes of an index. Taken apart it needs up to a hundred times as much memory. One of 20,000 tensors has 2 MB.
pub const BUNDLE_INDEX_BYTES: u64 = 32 << 20;

/// Dimensions of a tensor: TensorFlow's own limit.
pub const TENSOR_RANK: usize = 254;

/// Bytes of an object graph. Taken apart it needs up to a hundred times as much memory. One of 20,000 variables has 4 MB.
pub const OBJECT_GRAPH_BYTES: u64 = 32 << 20;

/// Bytes of a state file `checkpoint`: some hundred per checkpoint that is kept.
pub const STATE_FILE_BYTES: u64 = 16 << 20;

// --- safetensors ---------------------------------------------------------------------------------------------------

/// Bytes of a header: the format's own limit.
pub const SAFETENSORS_HEADER_BYTES: u64 = 100_000_000;

// --- SavedModel ----------------------------------------------------------------------------------------------------

/// Bytes of `keras_metadata.pb`, and of a `saved_model.pb` that is taken apart whole. That needs up to a hundred times as much memory. A large
/// model's `saved_model.pb` has 10 MB.
pub const SAVED_MODEL_DECODED_BYTES: u64 = 32 << 20;

/// Bytes of a `saved_model.pb`, of which only the objects are taken apart where it is larger than that.
pub const SAVED_MODEL_BYTES: u64 = 512 << 20;

// --- Storage -------------------------------------------------------------------------------------------------------

/// Folders inside folders that a copy walks into. Also what stops a folder that contains itself.
pub const FOLDER_DEPTH: usize = 64;

/// Bytes of an answer in XML: a list of 50,000 files has 32 MB. Taken apart it needs some ten times as much memory.
pub const ANSWER_BYTES: u64 = 32 << 20;

/// Entries of a folder.
pub const FOLDER_ENTRIES: usize = 1 << 20;

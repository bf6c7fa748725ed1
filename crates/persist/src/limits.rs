//! Every limit on what a file may ask of its reader, with its reason. A model file is input from strangers: a
//! declared size is compared with what is really stored before anything is allocated, and what cannot be compared
//! has a limit here.

// --- JSON and text -------------------------------------------------------------------------------------------------

/// Bytes of one JSON text (config, metadata, attribute). The largest real config met is 2 MB (a model of a thousand
/// layers); serde_json needs some ten times the text in memory.
pub const JSON_BYTES: u64 = 64 << 20;

/// Models inside models, and lists inside the arguments of a call. Real ones: five. The walk over them is recursive.
pub const MODEL_DEPTH: usize = 32;

// --- zip -----------------------------------------------------------------------------------------------------------

/// Members of an archive. Keras writes three, and one per asset.
pub const ZIP_MEMBERS: usize = 65_536;

/// Unpacked size of one deflated member: it is unpacked into memory, which a stored member never is.
pub const ZIP_DEFLATED_BYTES: u64 = 4 << 30;

/// Unpacked size over packed size: deflate itself cannot pass 1032.
pub const ZIP_RATIO: u64 = 1_032;

// --- HDF5 ----------------------------------------------------------------------------------------------------------

/// Groups inside groups. Real ones: twelve. Also what stops a group that contains itself.
pub const HDF5_DEPTH: usize = 64;

/// Groups and datasets of one file. A model of a thousand layers with its optimizer has 20,000. Also what stops a
/// file whose groups share each other until the paths outnumber the bytes.
pub const HDF5_OBJECTS: usize = 1 << 20;

/// Dimensions of an array: HDF5's own limit.
pub const HDF5_RANK: usize = 32;

/// Unpacked size over packed size of a chunked dataset: as for zip.
pub const HDF5_RATIO: u64 = 1_032;

/// Pieces of a list that was cut for HDF5's 64 KiB per attribute.
pub const HDF5_PIECES: usize = 10_000;

/// Bytes that one look at a group may read: its links, its headers, its attributes. Strings of variable length may
/// all point at the same bytes, so that a small file could ask for any amount of memory.
pub const HDF5_LOOK_BYTES: u64 = 256 << 20;

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

/// Bytes of `keras_metadata.pb`, and of a `saved_model.pb` that is read (one of TensorFlow up to 2.4, or of no Keras model). Taken
/// apart they need up to a hundred times as much memory. A large model's `saved_model.pb` has 10 MB.
pub const SAVED_MODEL_BYTES: u64 = 32 << 20;

// --- Storage -------------------------------------------------------------------------------------------------------

/// Folders inside folders that a copy walks into. Also what stops a folder that contains itself.
pub const FOLDER_DEPTH: usize = 64;

/// Bytes of an answer in XML: a list of 50,000 files has 32 MB. Taken apart it needs some ten times as much memory.
pub const ANSWER_BYTES: u64 = 32 << 20;

/// Entries of a folder.
pub const FOLDER_ENTRIES: usize = 1 << 20;

//! Files that the real libraries wrote, what they should say, and the models they are of.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use rhyton_persist::tree::{DType, Object, Variable};
use serde_json::Value;

/// An array of a `.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    /// `<f4`, `<i8` ...
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// Reads a `.npz` of little-endian, C-ordered arrays.
pub fn npz(path: &Path) -> BTreeMap<String, Array> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).unwrap();
        let name = member.name().unwrap().trim_end_matches(".npy").to_string();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..start]).unwrap();
        let field = |name: &str| {
            let rest = &header[header.find(&format!("'{name}': ")).unwrap() + name.len() + 4..];
            rest.to_string()
        };
        assert!(field("fortran_order").starts_with("False"));
        let kind = field("descr")[1..].split('\'').next().unwrap().to_string();
        let shape = field("shape");
        let inner = &shape[1..shape.find(')').unwrap()];
        let shape = inner.split(',').filter_map(|d| d.trim().parse().ok()).collect();
        found.insert(name, Array { shape, kind, bytes: bytes[start..].to_vec() });
    }
    found
}

/// A fixture of tf_keras.
pub struct Case {
    pub name: String,
    pub folder: PathBuf,
    pub info: Value,
    /// Expected weights in the order of `model.weights`.
    pub weights: Vec<Array>,
    pub optimizer: BTreeMap<String, Array>,
}

impl Case {
    pub fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).join("tf_keras");
        Self::at(name, folder)
    }

    /// A fixture that has checkpoints only.
    pub fn more(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name).join("tf_keras");
        Self::at(name, folder)
    }

    /// Every fixture that has checkpoints only.
    pub fn all_more() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.iter().map(|name| Self::more(name)).collect()
    }

    pub fn at(name: &str, folder: PathBuf) -> Self {
        let info = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap()).unwrap();
        let weights = npz(&folder.join("weights.npz")).into_values().collect();
        let optimizer = npz(&folder.join("optimizer.npz"));
        Self { name: name.into(), folder, info, weights, optimizer }
    }

    pub fn optimizer_class(&self) -> &str {
        self.info["optimizer"]["class"].as_str().unwrap()
    }

    /// The model without values.
    pub fn skeleton(&self) -> Object {
        let mut weights = self.info["weights"].as_array().unwrap().iter();
        let mut variables = |names: &[&str]| -> Vec<Variable> {
            names
                .iter()
                .map(|name| {
                    let found = weights.next().unwrap();
                    let stored = found["name"].as_str().unwrap();
                    // tf_keras calls some by a longer name, `depthwise_kernel`.
                    assert!(stored.trim_end_matches(":0").ends_with(name), "{stored}: {name}");
                    Variable {
                        name: (*name).into(),
                        trainable: found["trainable"].as_bool().unwrap(),
                        dtype: match found["dtype"].as_str().unwrap() {
                            "float16" => DType::F16,
                            "float32" => DType::F32,
                            other => panic!("{other}"),
                        },
                        shape: found["shape"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(|d| d.as_u64().unwrap() as usize)
                            .collect(),
                        value: None,
                    }
                })
                .collect()
        };
        let mut layer = |class: &str, name: &str, names: &[&str]| Object {
            name: name.into(),
            class_name: class.into(),
            variables: variables(names),
            ..Object::default()
        };
        let bare = |class: &str, name: &str| Object {
            name: name.into(),
            class_name: class.into(),
            ..Object::default()
        };
        let with = |mut object: Object, children: Vec<(&str, Object)>| {
            object.children = children.into_iter().map(|(a, c)| (a.to_string(), c)).collect();
            object
        };
        const KB: &[&str] = &["kernel", "bias"];
        const CELL: &[&str] = &["kernel", "recurrent_kernel", "bias"];
        let layers = match self.name.as_str() {
            "mlp" => {
                vec![layer("Dense", "dense", KB), bare("Dropout", "dropout"), layer("Dense", "dense_1", KB)]
            }
            "conv" => {
                const BN: &[&str] = &["gamma", "beta", "moving_mean", "moving_variance"];
                vec![
                    bare("InputLayer", "image"),
                    layer("Conv2D", "conv2d", KB),
                    layer("BatchNormalization", "batch_normalization", BN),
                    bare("MaxPooling2D", "max_pooling2d"),
                    layer("Conv2D", "conv2d_1", &["kernel"]),
                    layer("BatchNormalization", "batch_normalization_1", BN),
                    bare("ReLU", "re_lu"),
                    bare("Flatten", "flatten"),
                    layer("Dense", "dense", KB),
                    layer("Dense", "dense_1", KB),
                ]
            }
            "two_branch" => vec![
                bare("InputLayer", "left"),
                bare("InputLayer", "right"),
                layer("Dense", "left_fc", KB),
                layer("Dense", "right_fc", KB),
                bare("Add", "sum"),
                bare("Concatenate", "joined"),
                layer("Dense", "trunk", KB),
                layer("Dense", "cls", KB),
                layer("Dense", "reg", KB),
            ],
            "rnn" => {
                let embedding = layer("Embedding", "embedding", &["embeddings"]);
                let lstm = with(bare("LSTM", "lstm"), vec![("cell", layer("LSTMCell", "lstm_cell", CELL))]);
                let mut direction = |name: &str| {
                    with(bare("LSTM", name), vec![("cell", layer("LSTMCell", "lstm_cell", CELL))])
                };
                let forward = direction("forward_lstm_1");
                let backward = direction("backward_lstm_1");
                let both = with(
                    bare("Bidirectional", "bidirectional"),
                    vec![("forward_layer", forward), ("backward_layer", backward)],
                );
                let gru = with(bare("GRU", "gru"), vec![("cell", layer("GRUCell", "gru_cell", CELL))]);
                vec![bare("InputLayer", "tokens"), embedding, lstm, both, gru, layer("Dense", "dense", KB)]
            }
            "attention" => {
                const NORM: &[&str] = &["gamma", "beta"];
                let inner = vec![
                    ("query_dense", layer("EinsumDense", "query", KB)),
                    ("key_dense", layer("EinsumDense", "key", KB)),
                    ("value_dense", layer("EinsumDense", "value", KB)),
                    ("output_dense", layer("EinsumDense", "attention_output", KB)),
                ];
                vec![
                    bare("InputLayer", "seq"),
                    with(bare("MultiHeadAttention", "multi_head_attention"), inner),
                    bare("Add", "add"),
                    layer("LayerNormalization", "layer_normalization", NORM),
                    layer("Dense", "dense", KB),
                    layer("Dense", "dense_1", KB),
                    bare("Add", "add_1"),
                    layer("LayerNormalization", "layer_normalization_1", NORM),
                    bare("GlobalAveragePooling1D", "global_average_pooling1d"),
                    layer("Dense", "dense_2", KB),
                ]
            }
            "nested" => {
                let inner = vec![("", layer("Dense", "enc_a", KB)), ("", layer("Dense", "enc_b", KB))];
                let mut encoder = with(bare("Sequential", "encoder"), inner);
                encoder.is_model = true;
                vec![
                    bare("InputLayer", "x"),
                    encoder,
                    bare("Activation", "act"),
                    layer("Dense", "shared", KB),
                    bare("Add", "mix"),
                    layer("Dense", "frozen", KB),
                    layer("Dense", "head", KB),
                ]
            }
            "custom" => vec![
                layer("Dense", "dense", KB),
                layer("ScaleShift", "scale_shift", &["scale", "shift", "offset"]),
                bare("Activation", "activation"),
                layer("Dense", "dense_1", KB),
            ],
            "zoo" => {
                let conv = layer("Conv2D", "conv2d", KB);
                let depthwise = layer("DepthwiseConv2D", "depthwise_conv2d", KB);
                let separable = &["depthwise_kernel", "pointwise_kernel", "bias"];
                let separable = layer("SeparableConv2D", "separable_conv2d", separable);
                let relu = layer("PReLU", "p_re_lu", &["alpha"]);
                let transpose = layer("Conv2DTranspose", "conv2d_transpose", KB);
                let group = layer("GroupNormalization", "group_normalization", &["gamma", "beta"]);
                let inner = vec![("layer", layer("Dense", "dense", KB))];
                let distributed = with(bare("TimeDistributed", "time_distributed"), inner);
                let cells = vec![
                    ("cells/0", layer("LSTMCell", "lstm_cell", CELL)),
                    ("cells/1", layer("GRUCell", "gru_cell", CELL)),
                ];
                let stacked = with(bare("StackedRNNCells", "stacked_rnn_cells"), cells);
                let rnn = with(bare("RNN", "rnn"), vec![("cell", stacked)]);
                let cell = layer("SimpleRNNCell", "simple_rnn_cell", CELL);
                let simple = with(bare("SimpleRNN", "simple_rnn"), vec![("cell", cell)]);
                vec![
                    bare("InputLayer", "image"),
                    bare("Normalization", "normalization"),
                    conv,
                    depthwise,
                    separable,
                    relu,
                    transpose,
                    group,
                    bare("Reshape", "reshape"),
                    distributed,
                    rnn,
                    simple,
                    layer("Dense", "dense_1", KB),
                ]
            }
            "float16" | "mixed_float16" => {
                vec![layer("Dense", "fc1", KB), layer("Dense", "fc2", KB), bare("Activation", "activation")]
            }
            _ => vec![layer("Dense", "fc1", KB), layer("Dense", "fc2", KB)],
        };
        let mut model = with(bare("Sequential", "model"), layers.into_iter().map(|l| ("", l)).collect());
        model.is_model = true;
        if matches!(&model.children[0].1.class_name[..], "InputLayer") {
            model.class_name = "Functional".into();
        }
        assert!(weights.next().is_none());
        model
    }

    /// The trainable variables in the model's order.
    pub fn trainable(&self) -> Vec<Variable> {
        let skeleton = self.skeleton();
        let layers = skeleton.children.iter().filter(|(_, l)| l.name != "frozen");
        layers.flat_map(|(_, l)| variables(l)).filter(|v| v.trainable).collect()
    }
}

/// All variables of an object in order.
pub fn variables(object: &Object) -> Vec<Variable> {
    let own = object.variables.iter().cloned();
    own.chain(object.children.iter().flat_map(|(_, c)| variables(c))).collect()
}

/// Bytes of a variable.
pub fn bytes(variable: &Variable) -> Vec<u8> {
    variable.value.as_ref().unwrap().read().unwrap()
}

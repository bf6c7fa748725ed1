//! What the tests know of the fixtures: arrays that numpy wrote, and skeletons of their models.
#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhyton_persist::tree::{
    CompileConfig, DType, Dialect, LayerConfig, ModelConfig, Object, OptimizerState, Tree, Variable,
};
use rhyton_persist::{Error, tree::SavedFile};
use serde_json::Value;

/// An array of a `.npy` file.
#[derive(Clone, Debug, PartialEq)]
pub struct Npy {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Reads the `.npy` format, version 1 and 2.
pub fn npy(bytes: &[u8]) -> Npy {
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    let (len, start) = match bytes[6] {
        1 => (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10),
        _ => (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12),
    };
    let header = std::str::from_utf8(&bytes[start..start + len]).unwrap();
    let after = |key: &str| header.split(&format!("'{key}':")).nth(1).unwrap().trim_start();
    let dtype = after("descr").split('\'').nth(1).unwrap().to_owned();
    let shape = after("shape").trim_start_matches('(').split(')').next().unwrap();
    let shape =
        shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).collect();
    assert!(after("fortran_order").starts_with("False"));
    Npy { dtype, shape, bytes: bytes[start + len..].to_vec() }
}

/// Reads all arrays of a `.npz`.
pub fn npz(path: &Path) -> BTreeMap<String, Npy> {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut out = BTreeMap::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        out.insert(name, npy(&bytes));
    }
    out
}

pub fn dtype(name: &str) -> DType {
    match name {
        "float16" => DType::F16,
        "float32" => DType::F32,
        "float64" => DType::F64,
        "int32" => DType::I32,
        "int64" => DType::I64,
        other => panic!("{other}"),
    }
}

/// One directory of the fixtures.
pub struct Case {
    pub dir: PathBuf,
    pub name: String,
    pub dialect: Dialect,
    pub info: Value,
    pub weights: BTreeMap<String, Npy>,
    pub optimizer: BTreeMap<String, Npy>,
}

impl Case {
    /// All cases of a folder: `<case>/<library>/case.json`.
    pub fn all(root: &Path) -> Vec<Case> {
        let mut out = Vec::new();
        let mut cases: Vec<_> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
        cases.sort();
        for case in cases {
            for (library, dialect) in [("tf_keras", Dialect::TfKeras), ("keras3", Dialect::Keras3)] {
                let dir = case.join(library);
                if let Ok(text) = std::fs::read_to_string(dir.join("case.json")) {
                    let info: Value = serde_json::from_str(&text).unwrap();
                    let expected = |key: &str| npz(&dir.join(info["expected"][key].as_str().unwrap()));
                    let name = format!("{}/{library}", case.file_name().unwrap().to_str().unwrap());
                    let (weights, optimizer) = (expected("weights"), expected("optimizer"));
                    out.push(Case { name, dialect, weights, optimizer, info: info.clone(), dir });
                }
            }
        }
        out
    }

    /// The files of the HDF5 and zip formats, and the SavedModel: (key, path).
    pub fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let names = [
            ("keras", "model.keras"),
            ("h5", "model.h5"),
            ("weights_legacy", "weights_legacy.h5"),
            ("weights_h5", "model.weights.h5"),
            ("saved_model", "saved_model"),
        ];
        names
            .into_iter()
            .map(|(key, name)| (key, self.dir.join(name)))
            // Some folders hold the variables of a SavedModel alone.
            .filter(|(_, path)| path.is_file() || path.join("saved_model.pb").is_file())
            .collect()
    }

    /// The architecture, from whichever file has it.
    pub fn architecture(&self) -> (ModelConfig, Option<CompileConfig>) {
        let path = self.files().into_iter().find(|(key, _)| matches!(*key, "keras" | "h5")).unwrap().1;
        let file = rhyton_persist::open(path, None).unwrap();
        (file.model.unwrap(), file.compile)
    }

    pub fn optimizer_class(&self) -> String {
        let class = self.info["optimizer"]["class"].as_str().unwrap();
        let scaled = self.info["optimizer"]["loss_scale"].as_bool().unwrap();
        if scaled { "LossScaleOptimizer".into() } else { class.into() }
    }

    /// The model's objects without values, with the shapes that `case.json` says.
    pub fn skeleton(&self) -> Object {
        self.skeleton_of(&self.architecture().0)
    }

    pub fn skeleton_of(&self, model: &ModelConfig) -> Object {
        let mut left: VecDeque<&Value> = self.info["weights"].as_array().unwrap().iter().collect();
        let root = object_of_model(&model.name, model, &mut left);
        assert!(left.is_empty(), "{}: {} weights left", self.name, left.len());
        root
    }

    /// Compares a filled skeleton with `weights.npz`.
    pub fn check_weights(&self, root: &Object, context: &str) {
        let variables = variables(root);
        let expected = self.info["weights"].as_array().unwrap();
        assert_eq!(variables.len(), expected.len(), "{context}");
        for (variable, expected) in variables.iter().zip(expected) {
            let wanted = &self.weights[expected["key"].as_str().unwrap()];
            let got = variable.value.as_ref().expect("a value").read().unwrap();
            assert_eq!(variable.shape, wanted.shape, "{context}: {expected}");
            assert!(got == wanted.bytes, "{context}: {expected} differs");
        }
    }

    /// Compares an optimizer's state with `optimizer.npz`.
    pub fn check_optimizer(&self, state: &OptimizerState, context: &str) {
        assert_eq!(int(&self.optimizer["iteration"]), state.iteration, "{context}");
        if let Some(rate) = state.learning_rate {
            let wanted = float(&self.optimizer["learning_rate"]);
            assert!(
                (f64::from(rate) - wanted).abs() < 1e-9,
                "{context}: learning rate {rate}, expected {wanted}"
            );
        }
        let listed = self.info["optimizer"]["variables"].as_array().unwrap();
        let slots: Vec<&Value> = listed
            .iter()
            .filter(|v| {
                let name = v["name"].as_str().unwrap();
                !name.starts_with("loss_scale_optimizer/") && name != "variable"
            })
            .collect();
        if state.class_name == "SGD" && (state.slots.is_empty() || slots.is_empty()) {
            // Keras 3 has none without momentum; tf_keras has, and does not use them.
            let momentum =
                self.architecture().1.and_then(|c| c.optimizer.pointer("/config/momentum").cloned());
            assert_eq!(momentum.and_then(|m| m.as_f64()), Some(0.0), "{context}");
            return;
        }
        assert_eq!(state.slots.len(), slots.len(), "{context}");
        let legacy = self.name.contains("legacy");
        for (i, slot) in state.slots.iter().enumerate() {
            // Legacy optimizers: all m, then all v.
            let n = slots.len() / 2;
            let at = if legacy { i / 2 + if i % 2 == 1 { n } else { 0 } } else { i };
            let wanted = &self.optimizer[slots[at]["key"].as_str().unwrap()];
            assert_eq!(slot.variable.shape, wanted.shape, "{context}: slot {i}");
            assert!(
                slot.variable.value.as_ref().unwrap().read().unwrap() == wanted.bytes,
                "{context}: slot {i} differs"
            );
        }
    }

    /// The trainable variables in order.
    pub fn trainable(&self) -> Vec<Variable> {
        let weights = self.info["weights"].as_array().unwrap().iter();
        // A layer that is not trainable itself has trainable weights.
        let off = |l: &LayerConfig| l.config.get("trainable") == Some(&Value::Bool(false));
        let layers = if self.files().iter().any(|(key, _)| matches!(*key, "keras" | "h5")) {
            self.architecture().0.layers
        } else {
            Vec::new()
        };
        let frozen: Vec<String> = layers.into_iter().filter(off).map(|l| l.name).collect();
        let frozen =
            |w: &Value| w["name"].as_str().unwrap().split('/').any(|part| frozen.iter().any(|f| f == part));
        let trainable = weights.filter(|w| w["trainable"].as_bool().unwrap() && !frozen(w));
        trainable.map(|w| variable(w, w["name"].as_str().unwrap(), true)).collect()
    }

    /// Everything that a file says, filled.
    pub fn tree(&self, file: SavedFile) -> Result<Tree, Error> {
        let mut root = self.skeleton();
        file.weights.fill(&mut root)?;
        let optimizer = file.weights.optimizer(&self.optimizer_class(), &self.trainable())?;
        Ok(Tree {
            assets: file.assets,
            model: file.model,
            compile: file.compile,
            root,
            optimizer,
            resume: file.resume,
            serving: None,
        })
    }
}

/// Number in a scalar array.
pub fn float(array: &Npy) -> f64 {
    match array.dtype.as_str() {
        "<f4" => f32::from_le_bytes(array.bytes[..4].try_into().unwrap()).into(),
        "<f8" => f64::from_le_bytes(array.bytes[..8].try_into().unwrap()),
        other => panic!("{other}"),
    }
}

/// Whole number in a scalar array.
pub fn int(array: &Npy) -> i64 {
    match array.dtype.as_str() {
        "<i8" => i64::from_le_bytes(array.bytes[..8].try_into().unwrap()),
        "<i4" => i32::from_le_bytes(array.bytes[..4].try_into().unwrap()).into(),
        other => panic!("{other}"),
    }
}

/// All variables, depth first.
pub fn variables(object: &Object) -> Vec<&Variable> {
    let own = object.variables.iter();
    own.chain(object.children.iter().flat_map(|(_, child)| variables(child))).collect()
}

fn variable(info: &Value, name: &str, trainable: bool) -> Variable {
    Variable {
        name: name.into(),
        trainable,
        dtype: dtype(info["dtype"].as_str().unwrap()),
        shape: info["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect(),
        value: None,
    }
}

fn object_of_model(name: &str, model: &ModelConfig, left: &mut VecDeque<&Value>) -> Object {
    let sequential = model.kind == rhyton_persist::tree::ModelKind::Sequential;
    let layers = model.layers.iter().filter(|l| !(sequential && l.class_name == "InputLayer"));
    Object {
        name: name.into(),
        class_name: if sequential { "Sequential" } else { "Functional" }.into(),
        is_model: true,
        variables: Vec::new(),
        merged: Vec::new(),
        states: Vec::new(),
        has_table: false,
        children: layers.map(|l| (l.name.clone(), object_of_layer(l, left))).collect(),
    }
}

fn object_of_layer(layer: &LayerConfig, left: &mut VecDeque<&Value>) -> Object {
    if let Some(model) = &layer.model {
        return object_of_model(&layer.name, model, left);
    }
    object(&layer.name, &layer.class_name, &Value::Object(layer.config.clone()), left)
}

fn object(name: &str, class: &str, config: &Value, left: &mut VecDeque<&Value>) -> Object {
    let mut take = |names: &[&str]| -> Vec<Variable> {
        names
            .iter()
            .map(|n| {
                let fixed = n.starts_with("moving_") || *n == "offset";
                let info = left.pop_front().unwrap_or_else(|| panic!("no weight left for {name}/{n}"));
                assert!(info["name"].as_str().unwrap().contains(n), "{info} for {n}");
                variable(info, n, !fixed)
            })
            .collect()
    };
    let bias = config.get("use_bias").is_none_or(|b| b == true);
    let mut object =
        Object { name: name.into(), class_name: class.into(), is_model: false, ..Object::default() };
    match class {
        "Dense" | "Conv2D" | "Conv2DTranspose" | "DepthwiseConv2D" | "EinsumDense" => {
            object.variables = take(if bias { &["kernel", "bias"] } else { &["kernel"] });
        }
        "SeparableConv1D" | "SeparableConv2D" => {
            object.variables = take(&["depthwise_kernel", "pointwise_kernel", "bias"])
        }
        "PReLU" => object.variables = take(&["alpha"]),
        "BatchNormalization" => object.variables = take(&["gamma", "beta", "moving_mean", "moving_variance"]),
        "LayerNormalization" | "GroupNormalization" => object.variables = take(&["gamma", "beta"]),
        "Embedding" => object.variables = take(&["embeddings"]),
        "ScaleShift" => object.variables = take(&["scale", "shift", "offset"]),
        "LSTMCell" | "GRUCell" | "SimpleRNNCell" => {
            object.variables = take(&["kernel", "recurrent_kernel", "bias"])
        }
        "LSTM" | "GRU" | "SimpleRNN" => {
            let cell = format!("{class}Cell");
            let cell_name = match class {
                "LSTM" => "lstm_cell",
                "GRU" => "gru_cell",
                _ => "simple_rnn_cell",
            };
            object.children = vec![("cell".into(), self::object(cell_name, &cell, config, left))];
        }
        "Bidirectional" => {
            let inner = &config["layer"];
            let class = inner["class_name"].as_str().unwrap();
            for (attribute, prefix) in [("forward_layer", "forward_"), ("backward_layer", "backward_")] {
                let name = format!("{prefix}{}", inner["config"]["name"].as_str().unwrap());
                object.children.push((attribute.into(), self::object(&name, class, &inner["config"], left)));
            }
        }
        "TimeDistributed" | "RNN" => {
            let attribute = if class == "RNN" { "cell" } else { "layer" };
            object.children = vec![(attribute.into(), inner_object(&config[attribute], left))];
        }
        "StackedRNNCells" => {
            let cells = config["cells"].as_array().unwrap().iter().enumerate();
            object.children = cells.map(|(i, c)| (format!("cells/{i}"), inner_object(c, left))).collect();
        }
        "MultiHeadAttention" => {
            for (attribute, name) in [
                ("query_dense", "query"),
                ("key_dense", "key"),
                ("value_dense", "value"),
                ("output_dense", "attention_output"),
            ] {
                object.children.push((attribute.into(), self::object(name, "EinsumDense", config, left)));
            }
        }
        "InputLayer"
        | "Dropout"
        | "MaxPooling2D"
        | "ReLU"
        | "Flatten"
        | "Add"
        | "Concatenate"
        | "Activation"
        | "Normalization"
        | "Reshape"
        | "ZeroPadding2D"
        | "Cropping1D"
        | "Cropping2D"
        | "UpSampling2D"
        | "Permute"
        | "GlobalMaxPooling1D"
        | "GlobalAveragePooling1D" => {}
        other => panic!("the tests do not know the weights of {other}"),
    }
    object
}

fn inner_object(serialized: &Value, left: &mut VecDeque<&Value>) -> Object {
    let config = &serialized["config"];
    object(config["name"].as_str().unwrap(), serialized["class_name"].as_str().unwrap(), config, left)
}

/// A variable with a value, for hand-made trees.
pub fn filled(name: &str, shape: &[usize], from: f32) -> Variable {
    let n: usize = shape.iter().product();
    let bytes: Vec<u8> = (0..n).flat_map(|i| (from + i as f32).to_le_bytes()).collect();
    Variable {
        name: name.into(),
        trainable: true,
        dtype: DType::F32,
        shape: shape.to_vec(),
        value: Some(Arc::new(bytes)),
    }
}

/// The fixtures that are in the repository, and all of them where `RHYTON_FIXTURES` says where they are.
pub fn roots() -> Vec<PathBuf> {
    let mut out = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")];
    out.extend(std::env::var_os("RHYTON_FIXTURES").map(PathBuf::from));
    out
}

/// Every case of every root.
pub fn cases() -> Vec<Case> {
    roots().iter().flat_map(|root| Case::all(root)).collect()
}

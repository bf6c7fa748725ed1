//! Integers in models that are written for tf_keras. Keras 3 makes floats of them wherever a layer needs floats, tf_keras does not: some layers
//! that Keras 3 builds fail there when the model is loaded, others give other numbers. (xtask/interop/check_integers.py tries them in both libraries.)

use std::collections::HashMap;

use super::{Context, calls, model};
use crate::Error;
use crate::tree::{Dialect, LayerConfig, ModelConfig, ModelKind, TensorRef};

/// Names a type; `None`: not known.
type Type = Option<String>;

/// Lists layers that give the type that they take.
const KEEP: &[&str] = &[
    "Activation",
    "AlphaDropout",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Identity",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
];

/// Lists layers that need tensors of one type in tf_keras, where integers are among them.
const MERGE: &[&str] = &["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"];

/// Lists layers that fail on integers in tf_keras, or give other numbers than in Keras 3.
const FLOATS_ONLY: &[&str] = &[
    "ActivityRegularization",
    "AdditiveAttention",
    "Bidirectional",
    "EinsumDense",
    "GRU",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GroupNormalization",
    "LSTM",
    "LayerNormalization",
    "Masking",
    "MultiHeadAttention",
    "RNN",
    "Resizing",
    "SimpleRNN",
];

/// Lists layers that fail on truth values in tf_keras.
const NO_TRUTH_VALUES: &[&str] =
    &["CategoryEncoding", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "UpSampling2D"];

fn is_integer(dtype: &str) -> bool {
    dtype == "bool" || dtype.starts_with("int") || dtype.starts_with("uint")
}

/// Refuses layers that get integers of which tf_keras makes something else than Keras 3 does. A model that tf_keras wrote has none.
///
/// # Errors
/// [`Error::Unsupported`], with the layer.
pub(super) fn check(cx: &Context<'_>, model: &ModelConfig) -> Result<(), Error> {
    if cx.dialect == Dialect::TfKeras && cx.source != Some(Dialect::TfKeras) {
        outputs(cx, model, &[])?;
    }
    Ok(())
}

/// Returns the types of a model's outputs, given those that it is called with; with none, those that its input layers say.
fn outputs(cx: &Context<'_>, model: &ModelConfig, given: &[Type]) -> Result<Vec<Type>, Error> {
    let inputs: Vec<&LayerConfig> = model.layers.iter().filter(|l| l.class_name == "InputLayer").collect();
    let of_input = |layer: &LayerConfig| {
        // Numbers that come in are cast to what the input layer says.
        let said = layer.config.get("dtype").and_then(|dtype| dtype.as_str()).map(str::to_owned);
        let place = match model.kind {
            ModelKind::Sequential => Some(0),
            ModelKind::Functional => model.inputs.iter().position(|input| input.layer == layer.name),
        };
        said.or_else(|| place.and_then(|place| given.get(place).cloned()).flatten())
    };
    if model.kind == ModelKind::Sequential {
        let mut types =
            vec![inputs.first().map_or_else(|| given.first().cloned().flatten(), |l| of_input(l))];
        for layer in model.layers.iter().filter(|l| l.class_name != "InputLayer") {
            types = results(cx, layer, &types)?;
        }
        return Ok(types);
    }
    let mut known: HashMap<(&str, usize), Vec<Type>> = HashMap::new();
    for input in inputs {
        known.insert((&input.name, 0), vec![of_input(input)]);
    }
    let typed = |known: &HashMap<(&str, usize), Vec<Type>>, tensor: &TensorRef| {
        known
            .get(&(tensor.layer.as_str(), tensor.node))
            .and_then(|all| all.get(tensor.tensor))
            .cloned()
            .flatten()
    };
    // A model whose calls have no order is refused when it is read.
    for (layer, call) in model::order(model).unwrap_or_default() {
        let Some(layer) = model.layers.get(layer).filter(|l| l.class_name != "InputLayer") else { continue };
        let Some(arguments) = layer.calls.get(call) else { continue };
        let mut types = Vec::new();
        calls::each(arguments, &mut |tensor| types.push(typed(&known, tensor)));
        known.insert((&layer.name, call), results(cx, layer, &types)?);
    }
    Ok(model.outputs.iter().map(|tensor| typed(&known, tensor)).collect())
}

/// Returns the types of what a layer makes of tensors of these types.
fn results(cx: &Context<'_>, layer: &LayerConfig, types: &[Type]) -> Result<Vec<Type>, Error> {
    if let Some(model) = &layer.model {
        return outputs(cx, model, types);
    }
    let class = layer.class_name.as_str();
    if layer.registered_name.is_some() || calls::OPERATIONS.contains(&class) {
        return Ok(vec![]);
    }
    // What takes the steps apart does to each what the layer inside does.
    let inside = layer.config.get("layer").and_then(|inner| inner.get("class_name")).and_then(|c| c.as_str());
    let inside = inside.filter(|_| class == "TimeDistributed").unwrap_or(class);
    let first = types.first().cloned().flatten();
    let integer = types.iter().flatten().find(|dtype| is_integer(dtype));
    let unequal = || types.iter().flatten().find(|dtype| first.as_ref() != Some(*dtype));
    let refuse = |found: String| {
        let place = format!("layer `{}` ({class})", layer.name);
        let what = format!("a layer that gets {found}, of which tf_keras does not make what Keras 3 makes,");
        Err(cx.unsupported(
            &place,
            what,
            "write the Keras 3 dialect, or give the model's input layer a float's type",
        ))
    };
    if let Some(integer) = integer {
        if MERGE.contains(&class)
            && let Some(other) = unequal()
        {
            let first = first.as_deref().unwrap_or(integer);
            return refuse(format!("{first} and {other}"));
        }
        let other_integers =
            matches!(class, "Discretization" | "Dot") && !matches!(integer.as_str(), "int32" | "int64");
        if FLOATS_ONLY.contains(&inside)
            || other_integers
            || integer == "bool" && NO_TRUTH_VALUES.contains(&class)
        {
            return refuse(integer.clone());
        }
    }
    Ok(vec![match class {
        _ if KEEP.contains(&class) || MERGE.contains(&class) => first,
        "Discretization" | "Hashing" | "HashedCrossing" | "IntegerLookup" | "StringLookup"
        | "TextVectorization" | "TimeDistributed" => None,
        _ => Some("float32".into()),
    }])
}

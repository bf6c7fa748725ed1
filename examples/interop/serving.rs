//! Models of every layer and of ops in every form, each as a SavedModel with inputs and what Rhyton predicts for them: TensorFlow must
//! predict the same from the graph, and tf_keras from the configs.

use std::path::Path;

use ndarray::ArrayD;
use rhyton::ops::Windows;
use rhyton::prelude::*;
use rhyton::train::{Data, input_symbol};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Report, Result};

/// A layer of formulas alone: tf_keras does not know it, TensorFlow's graph has it.
macro_rules! formula {
    ($(#[$doc:meta])* $name:ident, |$x:ident| $formula:expr) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize)]
        struct $name {
            #[serde(skip)]
            shift: Variable,
        }
        impl Layer for $name {
            const CLASS: &'static str = stringify!($name);
            fn build(&mut self, builder: &mut Builder, _input: &TensorShape) -> std::result::Result<(), Error> {
                self.shift = builder.add_weight("shift", [], "zeros", true)?;
                Ok(())
            }
            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                let $x = x + &self.shift;
                $formula
            }
        }
        impl From<()> for $name {
            fn from((): ()) -> Self {
                $name { shift: Variable::default() }
            }
        }
    };
}
formula!(
    /// Every elementwise function.
    Pointwise,
    |x| x.abs().sqrt() + x.square().log1p() + x.sin() * x.cos() - x.expm1() + x.sign() + x.floor() - x.tanh()
        + (x.abs() + 0.1).log().exp() + x.maximum(0.2).minimum(1.0) + x.less(0.3).select(x, 2.0)
        + x.select(x.less_equal(0.1), x.equal(x)) + x.abs().pow(1.5) + x.erf() + x.softplus() * x.sigmoid()
        + -x.relu() / (x.square() + 1.0)
);
formula!(
    /// Ops over axes.
    Axes,
    |x| x.argmax().expand_last() + x.slice(1, 1, 2).sum_keep(&[-1]) + x.max_keep(&[1]) + x.min(&[1]).expand_last()
        + x.log_softmax() + x.mean_keep(&[1])
);
formula!(
    /// Shapes that hold the batch size.
    Shapes,
    |x| {
        let batch = x.shape()[0];
        x.mean(&[1]).expand_last().broadcast_to(&[batch, 3]) + Tensor::full(&[batch, 1], 0.5)
    }
);

formula!(
    /// A convolution whose padding has no name.
    Padded,
    |x| {
        let windows = Windows { strides: [1, 2], dilation: [1, 1], padding: [[2, 1], [0, 1]] };
        x.conv(Tensor::full(&[2, 2, 3, 4], 0.25), windows, 1)
    }
);

type Inputs = Vec<ArrayD<f32>>;

/// Numbers of both signs, without a pattern that a wrong order of axes would keep.
fn numbers(shape: &[usize]) -> ArrayD<f32> {
    let value = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 300.0 - 1.6;
    let values = (0..shape.iter().product()).map(value).collect();
    ArrayD::from_shape_vec(shape.to_vec(), values).unwrap_or_default()
}

fn data<const N: usize>(shapes: [&[usize]; N]) -> Inputs {
    shapes.map(numbers).into()
}

fn sequential(shape: &[usize], mut layers: Vec<LayerRef>) -> Result<(Model, Inputs)> {
    layers.insert(0, InputLayer::new(shape.iter().copied()).into());
    let model = Sequential::new(layers)?;
    // Else the biases are zeros, and constants in the graph could stand for them.
    let weights = model.get_weights()?;
    let mut model = model;
    let shifted: Vec<_> =
        weights.iter().enumerate().map(|(i, w)| w.mapv(|v| v + 0.01 * (i + 1) as f32)).collect();
    model.set_weights(&shifted)?;
    Ok((model, data([&[&[7], shape].concat()])))
}

/// Several inputs and outputs; one layer in several places; names that TensorFlow does not take as they are.
fn graph() -> Result<(Model, Inputs)> {
    let (a, b) = (input([5]), input_symbol(InputLayer::new([3]).name("b.In-put.1")));
    let shared = Dense::new(4).name("shared").shared();
    let (x, y) = (shared.clone().on(&a), Dense::new(5).name("weird.na-me").on(&b));
    let z = shared.on(&y);
    let sum = Add::new().on([&x, &z]);
    let product = Multiply::new().on([&x, &z, &sum]);
    let more = [
        Subtract::new().on([&x, &z]),
        Average::new().on([&x, &z]),
        Maximum::new().on([&x, &z]),
        Minimum::new().on([&x, &z]),
    ];
    let joined = Concatenate::new().on([&[product, sum.clone(), y], &more[..]].concat());
    let out = Dense::new(2).name("7out").on(&joined);
    Ok((Model::new([&a, &b], [&out, &sum, &x, &z, &a])?, data([&[7, 5], &[7, 3]])))
}

/// Models inside, one of them frozen.
fn nested() -> Result<(Model, Inputs)> {
    let first =
        Sequential::new((Dense::new(6).activation("tanh").input_shape([5]), LayerNormalization::new()))?;
    let (x, y) = (input([6]), input([5]));
    let second = Model::new(&x, Add::new().on([&x, &Dense::new(6).on(&x)])).name("inner")?;
    let frozen = Dense::new(3).name("frozen").trainable(false).shared();
    let (first, second): (LayerRef, LayerRef) = ((&first).into(), (&second).into());
    Ok((Model::new(&y, frozen.on(second.on(first.on(&y))))?, data([&[7, 5]])))
}

/// Axes besides the batch that data decide.
fn open_axes() -> Result<(Model, Inputs)> {
    let (x, image) = (input([None, Some(5)]), input([None, None, Some(3)]));
    let steps = Softmax::new().on(LayerNormalization::new().on(Dense::new(4).on(&x)));
    let pixels = Conv2D::new(2, 3).on(Conv2D::new(4, 3).padding(Padding::Same).on(&image));
    Ok((Model::new([&x, &image], [&steps, &pixels])?, data([&[7, 3, 5], &[7, 8, 6, 3]])))
}

/// Layers with loops, over six steps of four numbers.
fn recurrent() -> Vec<(&'static str, Vec<LayerRef>)> {
    let all = |yes| LSTM::new(5).return_sequences(yes);
    vec![
        ("lstm", vec![all(true).into(), LSTM::new(3).go_backwards(true).into()]),
        ("gru", vec![GRU::new(5).return_sequences(true).into(), GRU::new(3).reset_after(false).into()]),
        ("simple_rnn", vec![SimpleRNN::new(5).go_backwards(true).return_sequences(true).into()]),
        ("bidirectional", vec![Bidirectional::new(all(true)).into(), Bidirectional::new(GRU::new(2)).into()]),
        (
            "cells",
            vec![
                RNN::new(StackedRNNCells::new(layers![LSTMCell::new(4), GRUCell::new(3)])).into(),
                Dense::new(2).into(),
            ],
        ),
        (
            "each_step",
            vec![
                TimeDistributed::new(Dense::new(3)).into(),
                Conv1D::new(4, 2).padding(Padding::Causal).into(),
                MaxPooling1D::new(2).into(),
                GlobalAveragePooling1D::new().into(),
            ],
        ),
    ]
}

/// Steps that a mask leaves out, at the end and in between.
fn masked() -> Result<(Model, Inputs)> {
    let layers = layers![Masking::new(0.0), LSTM::new(5).return_sequences(true), GRU::new(3)];
    let (model, mut inputs) = sequential(&[6, 4], layers)?;
    for (i, mut row) in inputs[0].rows_mut().into_iter().enumerate() {
        if i % 6 == 5 || i % 7 == 2 {
            row.fill(0.0);
        }
    }
    Ok((model, inputs))
}

/// Whole numbers that stand for words, with padding behind them, in attention and a loop.
fn words() -> Result<(Model, Inputs)> {
    let ids = input_symbol(InputLayer::new([6]).dtype("int32"));
    let x = Embedding::new(12, 4).mask_zero(true).on(&ids);
    let attended = MultiHeadAttention::new(2, 3).on([&x, &x]);
    let out = Dense::new(2).on(LSTM::new(3).on(Add::new().on([&x, &attended])));
    let numbers = (0..7 * 6).map(|i: usize| ((i * 7919 + 13) % 101 % 12) as f32).collect();
    Ok((Model::new(&ids, &out)?, vec![ArrayD::from_shape_vec(vec![7, 6], numbers)?]))
}

/// As many steps as data have.
fn open_steps() -> Result<(Model, Inputs)> {
    let x = input([None, Some(4)]);
    let near = Conv1D::new(5, 3).on(&x);
    let both = Bidirectional::new(LSTM::new(3).return_sequences(true)).on(&near);
    let pooled = GlobalMaxPooling1D::new().on(&both);
    Ok((Model::new(&x, [&both, &pooled])?, data([&[7, 9, 4]])))
}

/// Name, whether tf_keras knows all its layers, and the model.
type Case = (String, bool, Result<(Model, Inputs)>);

fn cases() -> Vec<Case> {
    let same = Padding::Same;
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: &str, known, made| cases.push((name.into(), known, made));
    for name in [
        "elu",
        "exponential",
        "gelu",
        "hard_sigmoid_tf_keras",
        "leaky_relu",
        "linear",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "softmax",
        "softplus",
        "softsign",
        "tanh",
    ] {
        let layers = vec![Dense::new(6).activation(name).into(), Dense::new(3).into()];
        add(&format!("activation_{name}"), true, sequential(&[5], layers));
    }
    add(
        "rows",
        true,
        sequential(
            &[6],
            vec![
                Dense::new(8).into(),
                ReLU::new().into(),
                LayerNormalization::new().into(),
                ELU::new().into(),
                Dense::new(6).use_bias(false).into(),
                LeakyReLU::new().into(),
                UnitNormalization::new().into(),
                BatchNormalization::new().into(),
                PReLU::new().into(),
                Softmax::new().into(),
                Rescaling::new(2.0).into(),
                Identity::new().into(),
                Dropout::new(0.5).into(),
                GaussianNoise::new(0.1).into(),
                GaussianDropout::new(0.1).into(),
                ActivityRegularization::new(0.1, 0.1).into(),
                Activation::new("tanh").into(),
            ],
        ),
    );
    add(
        "shapes",
        true,
        sequential(
            &[6],
            vec![
                Reshape::new([2, 3]).into(),
                Permute::new([2, 1]).into(),
                Flatten::new().into(),
                RepeatVector::new(4).into(),
                Dense::new(5).into(),
                Flatten::new().into(),
                Dense::new(2).into(),
            ],
        ),
    );
    add(
        "images",
        true,
        sequential(
            &[9, 8, 3],
            vec![
                Conv2D::new(4, 3).into(),
                Conv2D::new(6, (2, 3)).padding(same).into(),
                MaxPooling2D::new(2).into(),
                BatchNormalization::new().into(),
                Conv2D::new(4, 1).groups(2).strides(2).padding(same).into(),
                Flatten::new().into(),
                Dense::new(2).into(),
            ],
        ),
    );
    add(
        "images_same",
        true,
        sequential(
            &[9, 8, 3],
            vec![
                Conv2D::new(4, 3).padding(same).strides((2, 3)).into(),
                Conv2D::new(4, 3).padding(same).dilation_rate(2).into(),
                MaxPooling2D::new(3).padding(same).strides(1).into(),
                MaxPooling2D::new(2).padding(same).into(),
                AveragePooling2D::new(2).padding(same).into(),
                GlobalAveragePooling2D::new().into(),
            ],
        ),
    );
    add(
        "images_max",
        true,
        sequential(&[9, 8, 3], vec![Conv2D::new(4, 3).into(), GlobalMaxPooling2D::new().into()]),
    );
    add(
        "images_each_channel",
        true,
        sequential(
            &[9, 8, 4],
            vec![
                ZeroPadding2D::new().padding([[0, 1], [1, 0]]).into(),
                DepthwiseConv2D::new(3).strides(2).depth_multiplier(2).into(),
                SeparableConv2D::new(6, (2, 3)).padding(same).into(),
                Conv2DTranspose::new(4, 3).strides(2).padding(same).into(),
                UpSampling2D::new().size((2, 1)).into(),
                UpSampling2D::new().interpolation("bilinear").into(),
                Cropping2D::new().cropping(1).into(),
                DepthwiseConv2D::new(2).dilation_rate(2).into(),
                GroupNormalization::new().groups(2).into(),
                SpatialDropout2D::new(0.5).into(),
                GlobalAveragePooling2D::new().into(),
                AlphaDropout::new(0.5).into(),
            ],
        ),
    );
    add(
        "images_of_other_sizes",
        true,
        sequential(
            &[9, 8, 2],
            vec![
                Resizing::new(12, 7).into(),
                Resizing::new(7, 11).interpolation("bicubic").crop_to_aspect_ratio(true).into(),
                CenterCrop::new(6, 9).into(),
                CenterCrop::new(9, 5).into(),
                Resizing::new(11, 12).interpolation("nearest").into(),
                Resizing::new(6, 5).interpolation("lanczos3").into(),
                UpSampling2D::new().interpolation("lanczos5").into(),
                Resizing::new(5, 7).interpolation("area").into(),
            ],
        ),
    );
    add(
        "volumes",
        true,
        sequential(
            &[5, 6, 7, 2],
            vec![
                ZeroPadding3D::new().into(),
                Conv3D::new(4, 3).padding(same).strides((1, 2, 1)).into(),
                MaxPooling3D::new(2).padding(same).into(),
                Conv3DTranspose::new(3, 2).strides(2).into(),
                AveragePooling3D::new((2, 1, 2)).into(),
                UpSampling3D::new().into(),
                Cropping3D::new().into(),
                GlobalMaxPooling3D::new().into(),
                EinsumDense::new("...x,xy->...y", 3).bias_axes("y".to_owned()).into(),
            ],
        ),
    );
    add(
        "steps_each_channel",
        true,
        sequential(
            &[9, 4],
            vec![
                ZeroPadding1D::new().into(),
                DepthwiseConv1D::new(3).strides(2).into(),
                SeparableConv1D::new(6, 2).padding(same).into(),
                Conv1DTranspose::new(4, 3).strides(2).into(),
                UpSampling1D::new().into(),
                Cropping1D::new().into(),
                Flatten::new().into(),
            ],
        ),
    );
    // Rounded to 16 bits: TOLERANCES of check_serving.py allow for it.
    add(
        "half_dense",
        true,
        sequential(
            &[6],
            vec![
                Dense::new(6).activation("tanh").dtype("mixed_float16").into(),
                LayerNormalization::new().dtype("mixed_float16").into(),
                Dense::new(4).dtype("float16").into(),
                Dense::new(3).dtype("mixed_float16").into(),
            ],
        ),
    );
    add(
        "half_images",
        true,
        sequential(
            &[9, 8, 3],
            vec![
                Conv2D::new(4, 3).activation("relu").dtype("mixed_float16").into(),
                BatchNormalization::new().dtype("mixed_float16").into(),
                MaxPooling2D::new(2).dtype("mixed_float16").into(),
                Flatten::new().dtype("mixed_float16").into(),
                Dense::new(2).dtype("mixed_bfloat16").into(),
                Activation::new("softmax").dtype("float32").into(),
            ],
        ),
    );
    for (name, layers) in recurrent() {
        add(name, true, sequential(&[6, 4], layers));
    }
    add("masked", true, masked());
    add("words", true, words());
    add("open_steps", true, open_steps());
    add("no_weights", true, sequential(&[5], vec![ReLU::new().into()]));
    add("graph", true, graph());
    add("nested", true, nested());
    add("open_axes", true, open_axes());
    let formula = |layer: LayerRef| sequential(&[5], vec![Dense::new(5).into(), layer]);
    add("pointwise", false, formula(Pointwise::from(()).into()));
    add("axes", false, formula(Axes::from(()).into()));
    add("batch", false, formula(Shapes::from(()).into()));
    add("padded", false, sequential(&[6, 5, 3], vec![Conv2D::new(3, 1).into(), Padded::from(()).into()]));
    cases
}

/// Writes every model below `out`.
pub(super) fn write(out: &Path, report: &mut Report) -> Result<()> {
    for (name, known, made) in cases() {
        let folder = out.join(&name);
        match made.and_then(|(mut model, inputs)| one(&folder, &mut model, &inputs, known, &report.device)) {
            Ok(()) => report.check(true, &name, "written", ""),
            Err(error) => report.check(false, &name, "written", &error.to_string()),
        }
    }
    Ok(())
}

fn one(folder: &Path, model: &mut Model, inputs: &Inputs, known: bool, device: &Device) -> Result<()> {
    model.to(device)?;
    let data: Vec<_> = inputs.iter().map(|x| Data::of(x).into_owned()).collect();
    let outputs = model.predict(data).batch_size(4).run_all()?;
    // Without a signature there is nothing to compare.
    rhyton::models::serving(model.as_layer())?;
    std::fs::create_dir_all(folder)?;
    model.save(folder.join("saved_model"))?;
    let mut arrays = Vec::new();
    for (letter, list) in [("x", inputs), ("y", &outputs)] {
        for (i, array) in list.iter().enumerate() {
            let file = format!("{letter}{i}.f32");
            let bytes: Vec<u8> = array.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(folder.join(&file), bytes)?;
            arrays.push(json!({"file": file, "shape": array.shape()}));
        }
    }
    let info = json!({"known": known, "arrays": arrays});
    Ok(std::fs::write(folder.join("serving.json"), info.to_string())?)
}

//! What the files' side knows of Keras' layers is what the engine's layers are: the same objects, variables and names.

use rhyton::persist::outline;
use rhyton::persist::tree::{Object, Variable};
use rhyton::persist::{self, convert};
use rhyton::prelude::*;

/// Name and class of an object, and its variables with whether training changes them.
type Described = (String, String, Vec<(String, bool)>);

fn described(object: &Object) -> Vec<Described> {
    let own = |v: &Variable| (v.name.clone(), v.trainable);
    let mut out = vec![(
        object.name.clone(),
        object.class_name.clone(),
        object.variables.iter().map(own).collect::<Vec<_>>(),
    )];
    out.extend(object.children.iter().flat_map(|(_, child)| described(child)));
    out
}

/// Attention in its forms, and a convolution over steps.
fn attention() -> Model {
    let all = MultiHeadAttention::new(2, 3).name("heads").shared();
    let plain = MultiHeadAttention::new(2, 3).use_bias(false).name("heads_without_bias").shared();
    let x = input([5, 4]);
    let steps = Conv1D::new(4, 2).padding("same").name("steps").on(&x);
    let steps = Conv1D::new(4, 2).use_bias(false).padding("causal").name("steps_without_bias").on(&steps);
    let y = all.on([steps.clone(), x.clone()]);
    let y = plain.on([y, x.clone(), steps.clone()]);
    let y = Attention::new().name("dot").on([y, x.clone()]);
    let y = Attention::new().use_scale(true).score_mode("concat").name("concat").on([y, x.clone()]);
    let y = AdditiveAttention::new().name("sum").on([y, x.clone()]);
    let y = AdditiveAttention::new().use_scale(false).name("sum_without_scale").on([y, x.clone()]);
    let y = MaxPooling1D::new(2).name("largest").on(&y);
    Model::new(x, GlobalAveragePooling1D::new().name("mean").on(&y)).name("attention").expect("fits")
}

/// The layers with variables that the engine has, in their forms.
fn model() -> Model {
    let normalized = LayerNormalization::new().name("normalized").shared();
    Sequential::new((
        Conv2D::new(3, 3).name("conv").input_shape([8, 8, 2]),
        Conv2D::new(2, 1).use_bias(false).name("conv_without_bias"),
        BatchNormalization::new().name("batch"),
        BatchNormalization::new().center(false).name("batch_without_beta"),
        BatchNormalization::new().scale(false).name("batch_without_gamma"),
        PReLU::new().name("prelu"),
        Flatten::new().name("flat"),
        Dense::new(6).name("dense"),
        normalized,
        Dropout::new(0.5).name("dropout"),
        Dense::new(2).use_bias(false).name("dense_without_bias"),
    ))
    .name("all")
    .expect("fits")
}

/// Layers over one axis, two and three in their forms, and others with a kernel.
fn windows() -> Model {
    let volume = input([4, 4, 4, 2]);
    let x = Conv3D::new(3, 2).name("volume").on(&volume);
    let x = Conv3DTranspose::new(3, 2).use_bias(false).name("volume_back").on(&x);
    let x = Reshape::new([8, 8, 3]).name("flat").on(&x);
    let x = DepthwiseConv2D::new(2).depth_multiplier(2).name("each").on(&x);
    let x = DepthwiseConv2D::new(2).use_bias(false).name("each_without_bias").on(&x);
    let x = SeparableConv2D::new(4, 2).name("separable").on(&x);
    let x = Conv2DTranspose::new(4, 2).name("back").on(&x);
    let x = GroupNormalization::new().groups(2).name("groups").on(&x);
    let x = GroupNormalization::new().groups(2).scale(false).name("groups_without_gamma").on(&x);
    let x = RMSNormalization::new().name("square").on(&x);
    let x = EinsumDense::new("...x,xy->...y", 4).name("einsum").on(&x);
    let x = EinsumDense::new("...x,xy->...y", 4).bias_axes("y".to_owned()).name("einsum_with_bias").on(&x);
    let x = Reshape::new([-1, 6]).name("steps").on(&x);
    let x = DepthwiseConv1D::new(2).name("each_step").on(&x);
    let x = SeparableConv1D::new(4, 2).use_bias(false).name("separable_steps").on(&x);
    let x = Conv1DTranspose::new(4, 2).name("back_steps").on(&x);
    Model::new(volume, GlobalMaxPooling1D::new().name("largest").on(&x)).name("windows").expect("fits")
}

#[test]
fn outlines_of_windows_are_the_engines_layers() {
    check(windows());
}

#[test]
fn outlines_are_the_engines_layers() {
    check(model());
}

#[test]
fn outlines_of_attention_are_the_engines_layers() {
    check(attention());
}

#[track_caller]
fn check(mut model: Model) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("all.keras");
    model.compile("adam", "mse", ["mae"]).expect("compiles");
    model.save(&path).expect("saves");
    let file = persist::open(&path, None).expect("opens");
    let shell = outline::shell(file.model.as_ref().expect("a model"));
    // By the engine: each layer and what is inside it, and its own variables with their names.
    fn with_inner(layer: &LayerRef) -> Vec<LayerRef> {
        let mut all = vec![layer.clone()];
        all.extend(layer.layer().inner().iter().flat_map(|(_, inner)| with_inner(inner)));
        all
    }
    let engine: Vec<_> = model
        .layers()
        .iter()
        .flat_map(with_inner)
        .map(|layer| {
            let all = layer.own_variables();
            let flags = layer.variables();
            let trainable = |v| flags.iter().any(|(other, trainable)| other == v && *trainable);
            let variables = all.iter().map(|v| (v.name().to_owned(), trainable(v))).collect::<Vec<_>>();
            (layer.name(), layer.class_name().to_owned(), variables)
        })
        .collect();
    assert_eq!(described(&shell)[1..], engine[..]);
    let whole = convert::whole(&path.into(), &file, None).expect("reads");
    assert!(whole.gaps.is_empty());
    let stored = model.get_weights().expect("reads").len();
    let found: usize = described(&whole.tree.root).iter().map(|(_, _, variables)| variables.len()).sum();
    assert_eq!(found, stored);
}

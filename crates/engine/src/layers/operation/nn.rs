//! Operations of `keras.ops.nn`.

use super::args::Args;
use super::{Made, index, losses, normalize, products, reduce, windows};
use crate::Error;
use crate::activations as act;
use crate::graph::Tensor;

operations! {
    /// Keras' module `nn`.
    NN "keras.src.ops.nn" {
        AdaptiveAveragePool("inputs") Floats, |a| windows::adaptive_pool(a, Tensor::mean_keep);
        AdaptiveMaxPool("inputs") Keeps, |a| windows::adaptive_pool(a, crate::layers::adaptive_pooling::largest);
        AveragePool("inputs") Floats, |a| windows::pool(a, false);
        BatchNorm("x", "mean", "variance", "offset", "scale") Floats, normalize::batch;
        BinaryCrossentropy("target", "output") Floats, losses::binary;
        CategoricalCrossentropy("target", "output") Floats, losses::categorical;
        Celu("x") Floats, |a| { let alpha = a.float("alpha", 1.0)?; a.one(|x| act::celu(x, alpha)) };
        Conv("inputs", "kernel") Floats, windows::conv;
        ConvTranspose("inputs", "kernel") Floats, windows::conv_transpose;
        DepthToSpace("x") Keeps, |a| windows::blocks(a, true);
        DepthwiseConv("inputs", "kernel") Floats, windows::depthwise_conv;
        DotProductAttention("query", "key", "value", "bias", "mask", "scale") Floats, products::attention;
        Elu("x") Floats, |a| { let alpha = a.float("alpha", 1.0)?; a.one(|x| act::elu(x, alpha)) };
        Fold("x") Floats, windows::fold;
        Gelu("x") Floats, |a| { let approximate = a.flag("approximate", true); a.one(|x| act::gelu(x, approximate)) };
        Glu("x") Floats, |a| { let axis = along(a)?; a.one(|x| act::glu(x, axis)) };
        HardShrink("x") Floats, |a| { let threshold = a.float("threshold", 0.5)?; a.one(|x| act::hard_shrink(x, threshold)) };
        HardSigmoid("x") Floats, |a| a.one(act::hard_sigmoid);
        HardSilu("x") Floats, |a| a.one(act::hard_silu);
        HardTanh("x") Floats, |a| a.one(act::hard_tanh);
        LayerNorm("x", "gamma", "beta") Floats, normalize::layer;
        LeakyRelu("x") Floats, |a| { let slope = a.float("negative_slope", 0.2)?; a.one(|x| act::leaky_relu(x, slope)) };
        LogSigmoid("x") Floats, |a| a.one(act::log_sigmoid);
        LogSoftmax("x") Floats, |a| over(a, act::log_softmax);
        MaxPool("inputs") Keeps, |a| windows::pool(a, true);
        Moments("x") Floats, reduce::moments;
        MultiHot("inputs") Own, index::multi_hot;
        Normalize("x") Floats, products::normalize;
        OneHot("x") Own, index::one_hot;
        PSNR("x1", "x2") Floats, products::psnr;
        RMSNorm("x", "scale") Floats, normalize::rms;
        Relu("x") Cuts, |a| a.one(Tensor::relu);
        Relu6("x") Cuts, |a| a.one(act::relu6);
        Selu("x") Floats, |a| a.one(act::selu);
        SeparableConv("inputs", "depthwise_kernel", "pointwise_kernel") Floats, windows::separable_conv;
        Sigmoid("x") Floats, |a| a.one(Tensor::sigmoid);
        Silu("x") Floats, |a| a.one(act::silu);
        SoftShrink("x") Floats, |a| { let threshold = a.float("threshold", 0.5)?; a.one(|x| act::soft_shrink(x, threshold)) };
        Softmax("x") Floats, |a| over(a, act::softmax);
        Softplus("x") Floats, |a| a.one(Tensor::softplus);
        Softsign("x") Floats, |a| a.one(act::softsign);
        SpaceToDepth("x") Keeps, |a| windows::blocks(a, false);
        SparseCategoricalCrossentropy("target", "output") Floats, losses::sparse;
        SparsePlus("x") Floats, |a| a.one(act::sparse_plus);
        SparseSigmoid("x") Floats, |a| a.one(act::sparse_sigmoid);
        Sparsemax("x") Floats, |a| { let axis = along(a)?; a.one(|x| act::sparsemax(x, axis)) };
        Squareplus("x") Floats, |a| { let b = a.float("b", 4.0)?; a.one(|x| act::squareplus(x, b)) };
        TanhShrink("x") Floats, |a| a.one(act::tanh_shrink);
        Threshold("x") Floats, |a| {
            let (threshold, default) = (a.float("threshold", 0.0)?, a.float("default_value", 0.0)?);
            a.one(|x| act::threshold(x, threshold, default))
        };
        Unfold("x") Keeps, windows::unfold;
    }
}

/// The one axis that is given, the last one by default.
fn along(a: &Args<'_>) -> Result<isize, Error> {
    let axis = a.number("axis", -1)?;
    isize::try_from(axis).map_err(|_| a.wrong(format!("axis = {axis}")))
}

/// Along an axis, along several as if they were one, or over all where Keras' config has null.
fn over(a: &Args<'_>, f: fn(Tensor, isize) -> Tensor) -> Made {
    let x = a.tensor("x")?;
    let axes = match a.axes("axis", x.rank())? {
        Some(axes) => axes,
        // TensorFlow's own function takes the last axis.
        None if a.tensorflow => vec![x.rank().max(1) - 1],
        None => (0..x.rank()).collect(),
    };
    if let &[axis] = axes.as_slice() {
        return Ok(vec![f(x, axis as isize)]);
    }
    let shape = x.shape();
    let others: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
    let order = [others.as_slice(), &axes].concat();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, axis)| back[*axis] = i);
    let lead: Vec<usize> = others.iter().map(|axis| shape[*axis]).collect();
    let count: usize = axes.iter().map(|axis| shape[*axis]).product();
    let turned = x.transpose(&order);
    let y = f(turned.reshape([lead.as_slice(), &[count]].concat()), -1);
    Ok(vec![y.reshape(turned.shape()).transpose(&back)])
}

"""As make.py, for layers over the axes of sequences, images and volumes, and for others that came with them: writes windows.json beside it.

TensorFlow's kernels for CPUs know the channels on the last axis alone where tf_keras calls them; Keras 3 is given kernels that know both.
"""

import make
from make import array, cases, keras, run_layer, tf, tf_keras, write

make.SHAPES.update({"tunes": (2, 6, 4), "picture": (2, 5, 6, 4), "solid": (2, 4, 3, 5, 2), "big4": (2, 5, 6, 8), "solid4": (2, 4, 3, 5, 4), "row": (2, 3), "row2": (2, 3), "table": (2, 3, 4), "table2": (2, 4, 5), "table3": (2, 5, 4)})
backward = tf.nn.conv_transpose
forward = tf.nn.convolution
pools = {name: getattr(tf.nn, name) for name in ("max_pool", "avg_pool")}


def moved(x, f):
    """What `f` makes of it with the channels on the last axis."""
    last = len(x.shape) - 1
    return tf.transpose(f(tf.transpose(x, (0, *range(2, last + 1), 1))), (0, last, *range(1, last)))


def with_gaps(filters, rates):
    """A kernel with zeros between its taps: what TensorFlow's kernels for CPUs know no rates of dilation for."""
    rates = [rates] * (len(filters.shape) - 2) if isinstance(rates, int) else rates
    for axis, rate in enumerate(rates or ()):
        if rate > 1:
            shape = list(filters.shape)
            wide = tf.pad(tf.expand_dims(filters, axis + 1), [[0, rate - 1 if i == axis + 1 else 0] for i in range(len(shape) + 1)])
            shape[axis] *= rate
            filters = tf.gather(tf.reshape(wide, shape), range(shape[axis] - rate + 1), axis=axis)
    return filters


def backward_anywhere(input, filters, output_shape, strides, padding="SAME", data_format=None, dilations=None, **more):
    filters, dilations = with_gaps(filters, dilations), None
    if not data_format or not data_format.startswith("NC"):
        return backward(input, filters, output_shape, strides, padding=padding, data_format=data_format, dilations=dilations, **more)
    batch, channels, *sizes = output_shape
    here = {"NCW": "NWC", "NCHW": "NHWC", "NCDHW": "NDHWC"}[data_format]
    return moved(input, lambda x: backward(x, filters, [batch, *sizes, channels], strides, padding=padding, data_format=here, dilations=dilations, **more))


def forward_anywhere(input, filters, strides=None, padding="VALID", data_format=None, dilations=None, **more):
    if len(filters.shape) == 5:
        filters, dilations = with_gaps(filters, dilations), None
    if data_format != "NCDHW":
        return forward(input, filters, strides=strides, padding=padding, data_format=data_format, dilations=dilations, **more)
    return moved(input, lambda x: forward(x, filters, strides=strides, padding=padding, data_format="NDHWC", dilations=dilations, **more))


def pool_anywhere(name):
    def pool(input, ksize, strides, padding, data_format=None, **more):
        if data_format != "NCDHW":
            return pools[name](input, ksize, strides, padding, data_format=data_format, **more)
        return moved(input, lambda x: pools[name](x, ksize, strides, padding, data_format="NDHWC", **more))

    return pool


tf.nn.conv_transpose, tf.nn.convolution = backward_anywhere, forward_anywhere
tf.nn.max_pool, tf.nn.avg_pool = pool_anywhere("max_pool"), pool_anywhere("avg_pool")
NEEDED = ("filters", "kernel_size", "rate", "axes", "equation", "output_shape", "output_size")


def rows(library):
    """The table of a library."""
    R, c, one = library.regularizers, library.initializers.Constant, dict
    table = []

    def add(cls, args, keys=None, **more):
        # What a value begins with and what is done with the result does not ask where the channels are.
        elsewhere = "data_format" in args and any(k.endswith(("_initializer", "_regularizer")) or k == "activation" for k in args)
        if hasattr(library.layers, cls) and not elsewhere:
            table.append((cls, args, keys, {"required": NEEDED, **more}))

    inputs = {1: ["tunes"], 2: ["picture"], 3: ["solid"]}
    formats = ({}, {"data_format": "channels_first"}) if library is keras else ({},)
    for n, x in inputs.items():
        size, uneven = (2,) * n, ((1,), (2, 1), (1, 2, 2))[n - 1]
        gaps = ((2,), (1, 2), (1, 2, 1))[n - 1]
        steps = ((2,), (2, 2), (1, 2, 2))[n - 1] if library is tf_keras or n != 2 else (1, 2)
        for fmt in formats:
            weights = [one(kernel_regularizer=R.L2(0.3), bias_regularizer=R.L1(0.5)), one(kernel_initializer=c(0.3)), one(kernel_initializer=c(0.3), bias_initializer=c(-0.4))]
            some = [one(strides=steps), one(strides=steps, padding="same"), one(activation="tanh", use_bias=False), one(activation="softmax"), *weights]
            dilated = [one(dilation_rate=gaps)] * (not fmt) + [one(dilation_rate=gaps, padding="same")]
            for cls in ("Conv3D",) * (n == 3) + (f"Conv{n}DTranspose",):
                f = {"filters": 2, "kernel_size": size if cls == "Conv3D" else (3,) * n, **fmt}
                add(cls, f, ["filters", "kernel_size", *fmt], x=x)
                add(cls, {**f, "kernel_size": uneven}, ["kernel_size", *fmt], x=x)
                more = [] if cls == "Conv3D" else [one(strides=2, output_padding=1), one(strides=2, output_padding=0, padding="same"), one(strides=3, kernel_size=1)]
                more += dilated if library is keras else []
                for a in some + more + ([one(groups=2, filters=4)] if cls == "Conv3D" and not fmt and library is keras else []):
                    given = [k for k in a if k not in ("filters", "kernel_size")]
                    kept = "kernel_initializer" in a
                    add(cls, {**f, **a}, given[-1:] + list(fmt) if kept else given + list(fmt), x=x, kept=kept)
            if n < 3:
                for cls, needed, first in ((f"DepthwiseConv{n}D", {}, ("depthwise",)), (f"SeparableConv{n}D", {"filters": 3}, ("depthwise", "pointwise"))):
                    f = {**needed, "kernel_size": (3,) * n, **fmt}
                    add(cls, f, [*f], x=x)
                    own = [one(depth_multiplier=2), one(depth_multiplier=2, strides=2, padding="same"), one(bias_regularizer=R.L1(0.5))]
                    own += [one(**{f"{w}_regularizer": R.L2(0.3)}) for w in first]
                    first_values = {f"{w}_initializer": c(0.3) for w in first}
                    for a in [one(strides=2), one(strides=2, padding="same"), one(activation="tanh", use_bias=False), *dilated, *own]:
                        add(cls, {**f, **a}, list(a) + list(fmt), x=x)
                    for w in first:
                        add(cls, {**f, **first_values}, [f"{w}_initializer", *fmt], x=x, kept=True)
                    add(cls, {**f, **first_values, "bias_initializer": c(-0.4)}, ["bias_initializer", *fmt], x=x, kept=True)
            if n == 3:
                for cls in ("MaxPooling3D", "AveragePooling3D"):
                    for a in (one(pool_size=(1, 2, 2)), one(pool_size=(2, 1, 2), strides=1)):
                        add(cls, {**a, **fmt}, x=x)
                    add(cls, {"pool_size": (2, 2, 1) if fmt else 2, "strides": (2, 1, 2), "padding": "same", **fmt}, ["strides", "padding", *fmt], x=x)
                for cls in ("GlobalMaxPooling3D", "GlobalAveragePooling3D"):
                    if fmt:
                        add(cls, {**fmt}, x=x)
                    add(cls, {"keepdims": True, **fmt}, x=x)
            edges = ((2, 1), ((1, 0), (0, 1)), ((1, 0), (0, 1), (1, 1)))[n - 1]
            if n > 1 or not fmt:
                # With the channels first a Dense layer in front has the last axis.
                wide = [{2: "big4", 3: "solid4"}[n]] if fmt else x
                add(f"Cropping{n}D", {"cropping": edges, **fmt}, x=wide)
                # One step is what is cut off a sequence anyway.
                add(f"Cropping{n}D", {"cropping": 1 if n != 3 else (1, 0, 1), **fmt}, [] if n == 1 else None, x=wide)
                add(f"UpSampling{n}D", {"size": 3 if n == 1 else (1, 2, 3)[:n], **fmt}, x=x)
            # ZeroPadding1D of Keras 2 has no data_format.
            add(f"ZeroPadding{n}D", {"padding": edges, **fmt}, x=x)
            add(f"ZeroPadding{n}D", {"padding": 2, **fmt}, x=x)
            for kind in ("Average", "Max"):
                add(f"Adaptive{kind}Pooling{n}D", {"output_size": (4, 3, 2)[3 - n:] if n > 1 else 4, **fmt}, x=x)
                add(f"Adaptive{kind}Pooling{n}D", {"output_size": 2, **fmt}, x=x)
            if n == 2 and library is keras:
                for how in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
                    add("UpSampling2D", {"interpolation": how, **fmt}, x=x)
    if library is tf_keras:
        add("UpSampling2D", one(size=(3, 2), interpolation="bilinear"), x=["picture"])
        add("SeparableConv1D", one(filters=3, kernel_size=2, padding="causal"), ["padding"], x=["tunes"])
    add("Dot", one(axes=1), x=["row", "row2"])
    add("Dot", one(axes=(2, 1)), x=["table", "table2"])
    add("Dot", one(axes=-1, normalize=True), x=["table", "table3"])
    add("Dot", one(axes=1, normalize=True), x=["row", "row2"])
    for a in (one(groups=2), one(groups=2, epsilon=0.3), one(groups=-1), one(groups=5, axis=1), one(groups=2, center=False), one(groups=2, scale=False), one(groups=3, axis=2), one(groups=3, axis=-2),
              one(groups=2, beta_regularizer=R.L2(0.3)), one(groups=2, gamma_regularizer=R.L1(0.4))):
        add("GroupNormalization", a, [k for k in a if k != "groups"] or ["groups"], x=["picture"])
    add("GroupNormalization", one(groups=2, beta_initializer=c(0.3), gamma_initializer=c(0.6)), ["beta_initializer", "gamma_initializer"], x=["picture"], kept=True)
    add("RMSNormalization", one(epsilon=0.3), x=["table"])
    add("RMSNormalization", one(axis=[1, 2]), x=["table"])
    add("RMSNormalization", one(axis=-1), [], x=["table"])
    for equation, shape, bias in (("abc,cd->abd", (None, 5), "d"), ("...x,xy->...y", 5, "y"), ("abc,cde->abde", (None, 2, 3), "de"), ("abc,bcd->abd", (3, 5), "bd"), ("abc,bd->adc", (5, 4), "d"), ("ab...,bc->ac...", 5, "c")):
        e = one(equation=equation, output_shape=shape)
        add("EinsumDense", e, x=["table"])
        add("EinsumDense", {**e, "bias_axes": bias}, ["bias_axes"], x=["table"])
        for a in (one(activation="tanh"), one(kernel_regularizer=R.L2(0.3)), one(bias_axes=bias, bias_regularizer=R.L1(0.5))):
            add("EinsumDense", {**e, **a}, list(a), x=["table"])
        add("EinsumDense", {**e, "kernel_initializer": c(0.3)}, ["kernel_initializer"], x=["table"], kept=True)
        add("EinsumDense", {**e, "bias_axes": bias, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer"], x=["table"], kept=True)
    return table


if __name__ == "__main__":
    write("windows.json", [case for library in (keras, tf_keras) for case in cases("layers", library, rows(library), run_layer)])

"""Reference numbers and configs of the real Keras for layers over the axes of sequences, images and volumes, and for others that came with them.

Run with keras 3.15, tf_keras 2.21 and tensorflow-cpu: `python families.py`; writes families.json beside it, whose parts are what layers.json,
configs.json and integers.json are for the classes of make.py. Numbers of layers are computed in float64 where Keras can.
"""

import importlib
import inspect
import json
import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tf_keras

# Layers of Keras' own that are found by their module alone.
for K in (keras, tf_keras):
    for name, module in (("CustomScaleLayer", "inception_resnet_v2"), ("LayerScale", "convnext"), ("StochasticDepth", "convnext")):
        setattr(K.layers, name, getattr(importlib.import_module(f"{K.__name__}.src.applications.{module}"), name))

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(43)


def numbers(x):
    return [float(f"{v:.11g}") for v in np.asarray(x, dtype="float64").ravel()]


def drawn(shape):
    return np.round(rng.normal(size=shape), 3)


def table(k):
    """(class, arguments, inputs) of the layers that a library has; inputs are shapes without the batch."""
    steps, image, volume, vector = [6, 4], [6, 7, 4], [3, 4, 5, 2], [5]
    pair = [[1, 2], [0, 1]]
    triple = [[1, 0], [0, 2], [1, 1]]
    rows = [
        ("Conv3D", {"filters": 3, "kernel_size": 2}, volume),
        ("Conv3D", {"filters": 4, "kernel_size": [1, 2, 3], "strides": [2, 1, 2], "padding": "same", "activation": "tanh"}, volume),
        ("Conv3D", {"filters": 2, "kernel_size": 2, "dilation_rate": [1, 2, 2], "use_bias": False}, volume),
        ("Conv1DTranspose", {"filters": 3, "kernel_size": 3}, steps),
        ("Conv1DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "tanh"}, steps),
        ("Conv1DTranspose", {"filters": 2, "kernel_size": 2, "strides": 3, "output_padding": 1}, steps),
        ("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, image),
        ("Conv2DTranspose", {"filters": 3, "kernel_size": [2, 3], "strides": [3, 2], "padding": "same", "use_bias": False}, image),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}, image),
        ("Conv3DTranspose", {"filters": 3, "kernel_size": 2, "strides": [1, 2, 1]}, volume),
        ("Conv3DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"}, volume),
        ("DepthwiseConv1D", {"kernel_size": 3}, steps),
        ("DepthwiseConv1D", {"kernel_size": 2, "strides": 2, "padding": "same", "depth_multiplier": 3, "activation": "tanh"}, steps),
        ("DepthwiseConv2D", {"kernel_size": 3}, image),
        ("DepthwiseConv2D", {"kernel_size": [2, 3], "strides": 2, "padding": "same", "depth_multiplier": 2, "use_bias": False}, image),
        ("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": [2, 3]}, image),
        ("SeparableConv1D", {"filters": 3, "kernel_size": 3}, steps),
        ("SeparableConv1D", {"filters": 5, "kernel_size": 2, "strides": 2, "padding": "same", "depth_multiplier": 2, "activation": "tanh"}, steps),
        ("SeparableConv2D", {"filters": 3, "kernel_size": 3}, image),
        ("SeparableConv2D", {"filters": 5, "kernel_size": [2, 3], "strides": 2, "padding": "same", "depth_multiplier": 2, "use_bias": False}, image),
        ("MaxPooling3D", {}, volume),
        ("MaxPooling3D", {"pool_size": [2, 3, 1], "strides": [1, 2, 3], "padding": "same"}, volume),
        ("AveragePooling3D", {"pool_size": 2}, volume),
        ("AveragePooling3D", {"pool_size": [2, 3, 4], "strides": 2, "padding": "same"}, volume),
        ("GlobalAveragePooling3D", {}, volume),
        ("GlobalAveragePooling3D", {"data_format": "channels_first", "keepdims": True}, volume),
        ("GlobalMaxPooling3D", {}, volume),
        ("GlobalMaxPooling3D", {"keepdims": True}, volume),
        ("Cropping1D", {}, steps),
        ("Cropping1D", {"cropping": [2, 1]}, steps),
        ("Cropping2D", {"cropping": pair}, image),
        ("Cropping2D", {"cropping": [2, 1], "data_format": "channels_first"}, image),
        ("Cropping2D", {"cropping": 1}, image),
        ("Cropping3D", {"cropping": triple}, volume),
        ("ZeroPadding1D", {}, steps),
        ("ZeroPadding1D", {"padding": [2, 1]}, steps),
        ("ZeroPadding2D", {"padding": pair}, image),
        ("ZeroPadding2D", {"padding": [1, 2], "data_format": "channels_first"}, image),
        ("ZeroPadding2D", {"padding": 1}, image),
        ("ZeroPadding3D", {"padding": triple}, volume),
        ("UpSampling1D", {"size": 3}, steps),
        ("UpSampling2D", {}, image),
        ("UpSampling2D", {"size": [2, 3]}, image),
        ("UpSampling3D", {"size": [2, 1, 3]}, volume),
        ("SpatialDropout1D", {"rate": 0.5}, steps),
        ("SpatialDropout2D", {"rate": 0.5}, image),
        ("SpatialDropout3D", {"rate": 0.5}, volume),
        ("AlphaDropout", {"rate": 0.5}, steps),
        ("Dot", {"axes": 1}, vector, vector),
        ("Dot", {"axes": [2, 1]}, [3, 4], [4, 5]),
        ("Dot", {"axes": -1, "normalize": True}, [3, 4], [5, 4]),
        ("Dot", {"axes": [1, 3]}, [4, 3, 2], [2, 3, 4]),
        ("Dot", {"axes": [1, 2]}, [4], [3, 4]),
        ("GroupNormalization", {"groups": 2}, image),
        ("GroupNormalization", {"groups": -1, "epsilon": 0.1, "scale": False}, steps),
        ("GroupNormalization", {"groups": 3, "axis": 1, "center": False}, [6, 4, 2]),
        ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}, vector),
        ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": [None, 2, 3], "bias_axes": "de"}, steps),
        ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "activation": "tanh"}, [2, 3, 4]),
        ("EinsumDense", {"equation": "abc,bcd->abd", "output_shape": [6, 3], "bias_axes": "bd"}, steps),
        ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 3, "bias_axes": "c"}, [5, 2, 3]),
        ("EinsumDense", {"equation": "abc,bd->adc", "output_shape": [3, 4], "bias_axes": "d"}, steps),
    ]
    if k is keras:
        for how in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
            rows.append(("UpSampling2D", {"size": [2, 3], "interpolation": how}, [6, 5, 2]))
        rows += [
            ("Conv3D", {"filters": 4, "kernel_size": 2, "groups": 2}, [3, 4, 4, 4]),
            ("RMSNormalization", {}, steps),
            ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, steps),
            ("DepthwiseConv2D", {"kernel_size": 2, "strides": [2, 1], "dilation_rate": [1, 2], "padding": "same"}, image),
            ("SeparableConv1D", {"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}, steps),
        ]
        for kind in ("Average", "Max"):
            rows += [
                (f"Adaptive{kind}Pooling1D", {"output_size": 4}, steps),
                (f"Adaptive{kind}Pooling2D", {"output_size": [3, 4]}, image),
                (f"Adaptive{kind}Pooling2D", {"output_size": 3, "data_format": "channels_first"}, image),
                (f"Adaptive{kind}Pooling3D", {"output_size": [2, 3, 4]}, volume),
            ]
    return rows


def single(name, args):
    """Whether TensorFlow's kernel knows float32 only."""
    return name in ("MaxPooling3D", "AveragePooling3D") or name.startswith("Adaptive") or args.get("interpolation", "nearest") != "nearest"


def plain(value):
    return json.loads(json.dumps(value, default=lambda v: v.tolist() if hasattr(v, "tolist") else dict(v)))


def called(layer, inputs):
    """What a layer gives as in a prediction: some train unless they are told."""
    training = inspect.signature(layer.call).parameters.get("training")
    more = {"training": False} if training is not None and training.default is True else {}
    if type(layer).__name__ == "GroupedQueryAttention":
        return layer(*inputs)
    return layer(inputs if len(inputs) > 1 else inputs[0], **more)


# integers.py has the integers of these.
PICTURES = [
    ("ConvLSTM1D", {"filters": 2, "kernel_size": 2, "return_sequences": True}, [3, 5, 2]),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": [2, 3], "strides": [1, 2], "padding": "same"}, [3, 4, 5, 2]),
    ("ConvLSTM3D", {"filters": 2, "kernel_size": 2, "use_bias": False, "go_backwards": True}, [2, 3, 3, 4, 2]),
]


def with_pictures(k):
    return table(k) + PICTURES


def layers(table=with_pictures, single=single, k=keras, floatx="float64"):
    keras.config.set_floatx(floatx)
    out = []
    for name, args, *shapes in table(k):
        inputs = [drawn([2, *shape]) for shape in shapes]
        narrow = single(name, args)
        inputs = [i.astype("float32") for i in inputs] if narrow else inputs
        layer = getattr(k.layers, name)(**args, **({"dtype": "float32"} if narrow else {}))
        # Some layers write what they were built for.
        config = plain(layer.get_config())
        called(layer, inputs)
        for w in layer.weights:
            w.assign(drawn(w.shape))
        y = called(layer, inputs)
        out.append({"name": name, "args": args, "config": config, "x": [{"shape": list(i.shape), "data": numbers(i)} for i in inputs],
                    "weights": [{"name": w.name, "shape": list(w.shape), "data": numbers(w)} for w in layer.weights],
                    "y": numbers(y), "y_shape": list(y.shape), "losses": []})
        if narrow:
            out[-1]["tolerance"] = 4e-6
    return out


def made(K):
    """Each class by default, and some with settings."""
    return [K.Conv3D(3, 2), K.Conv3D(4, (1, 2, 3), strides=(2, 1, 1), padding="same", groups=2, use_bias=False), K.Conv1DTranspose(3, 2), K.Conv2DTranspose(3, 2, strides=2, output_padding=1),
            K.Conv3DTranspose(3, 2), K.DepthwiseConv1D(3), K.DepthwiseConv2D((2, 3), depth_multiplier=2, activation="relu"), K.SeparableConv1D(3, 2),
            K.SeparableConv2D(3, (2, 3), depth_multiplier=2, pointwise_regularizer="l2"), K.MaxPooling3D(), K.AveragePooling3D((2, 3, 1), strides=1, padding="same"),
            K.GlobalAveragePooling3D(), K.GlobalMaxPooling3D(keepdims=True), K.Cropping1D(), K.Cropping2D(((1, 2), (0, 1))), K.Cropping3D(), K.ZeroPadding1D(2), K.ZeroPadding2D((1, 2)),
            K.ZeroPadding3D(), K.UpSampling1D(), K.UpSampling2D((2, 3), interpolation="bilinear"), K.UpSampling3D(), K.SpatialDropout1D(0.5), K.SpatialDropout2D(0.5, seed=3),
            K.SpatialDropout3D(0.5), K.AlphaDropout(0.5), K.Dot(1), K.Dot((2, 1), normalize=True), K.GroupNormalization(), K.GroupNormalization(2, axis=1, scale=False), K.RMSNormalization(),
            K.EinsumDense("ab,bc->ac", 3), K.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", activation="relu"), K.AdaptiveAveragePooling1D(3), K.AdaptiveAveragePooling2D((2, 3)),
            K.AdaptiveAveragePooling3D(2), K.AdaptiveMaxPooling1D(3), K.AdaptiveMaxPooling2D((2, 3)), K.AdaptiveMaxPooling3D(2),
            K.ConvLSTM1D(3, 2), K.ConvLSTM2D(3, (2, 3), padding="same", return_sequences=True), K.ConvLSTM3D(3, 2, dropout=0.25)]


def configs(made=made):
    """Layers as Keras writes them, in float32."""
    keras.config.set_floatx("float32")
    keras.utils.clear_session()
    return [plain(keras.saving.serialize_keras_object(o)) for o in made(keras.layers)]


RANGES = {"int32": (-9, 9), "uint8": (0, 40), "bool": (0, 2)}


def integers(table=table):
    """As integers.py."""
    cases, seen = [], set()
    for library, k in (("keras3", keras), ("tf_keras", tf_keras)):
        for name, args, *shapes in table(k):
            if (library, name) in seen or not hasattr(k.layers, name):
                continue
            seen.add((library, name))
            for dtype in RANGES:
                random = np.random.RandomState(len(name))
                xs = [random.randint(*RANGES[dtype], size=[2, *s]).astype(dtype) for s in shapes]
                if name == "ReversibleEmbedding":
                    xs = [(np.abs(x) % args["input_dim"]).astype(dtype) for x in xs]

                def run(xs, types):
                    k.utils.set_random_seed(3)
                    symbols = [k.Input(x.shape[1:], dtype=t) for x, t in zip(xs, types)]
                    layer = getattr(k.layers, name)(**args)
                    y = k.Model(symbols, called(layer, symbols))(xs if len(xs) > 1 else xs[0])
                    return layer, np.asarray(y)

                refused = False
                try:
                    layer, y = run(xs, [dtype] * len(xs))
                except Exception:
                    refused = True
                    layer, y = run([x.astype("float32") for x in xs], ["float32"] * len(xs))
                short = lambda values: [float(f"{v:.9g}") for v in np.asarray(values, "float64").ravel()]
                cases.append({"library": library, "class": name, "config": plain({key: layer.get_config()[key] for key in args}),
                              "x": [{"dtype": dtype, "shape": list(x.shape), "data": x.astype(int).ravel().tolist()} for x in xs],
                              "weights": [{"shape": list(w.shape), "data": short(w)} for w in layer.get_weights()],
                              "refused": refused, "dtype": str(y.dtype), "shape": list(y.shape), "y": short(y)})
    return cases


def write(name, parts, **more):
    lines = [f'"{name}":[\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]" for name, cases in parts.items()]
    lines += [f'"{key}":{json.dumps(value)}' for key, value in more.items()]
    (HERE / name).write_text("{" + ",\n".join(lines) + "}\n")
    print({name: len(cases) for name, cases in parts.items()})


if __name__ == "__main__":
    write("families.json", {"layers": layers(), "configs": configs(), "integers": integers()})

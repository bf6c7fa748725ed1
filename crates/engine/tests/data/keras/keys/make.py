"""Numbers of the real Keras for crates/engine/tests/keras/keys: one value other than the default (at least) for every key of every class.

`python make.py` with keras 3.15, tf_keras 2.21 and tensorflow-cpu writes the .json files beside it; `catalogue.py` writes catalogue.json.

Every case is a tiny model, most with a Dense layer in front so that gradients flow through what is tested. `keys` are the keys that the case
is there for: the script makes sure that each changes a number, by running the case again without it.
"""

import json
import os
import pathlib
import warnings

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

warnings.filterwarnings("ignore")
convolution = tf.nn.convolution


def channels_anywhere(input, filters, strides=None, padding="VALID", data_format=None, dilations=None, **more):
    """TensorFlow's convolution; its kernel for CPUs knows the channels on the last axis alone."""
    if data_format == "NCW":
        moved = tf.transpose(input, (0, 2, 1))
        return tf.transpose(convolution(moved, filters, strides=strides, padding=padding, data_format="NWC", dilations=dilations, **more), (0, 2, 1))
    if data_format != "NCHW":
        return convolution(input, filters, strides=strides, padding=padding, data_format=data_format, dilations=dilations, **more)
    moved = tf.transpose(input, (0, 2, 3, 1))
    return tf.transpose(convolution(moved, filters, strides=strides, padding=padding, data_format="NHWC", dilations=dilations, **more), (0, 3, 1, 2))


tf.nn.convolution = channels_anywhere
HERE = pathlib.Path(__file__).parent
arrays = {}


def array(name, shape, low=-2.0, high=2.0):
    """Distinct numbers in an order that looks like none, the same ones at every run."""
    if name not in arrays:
        count = int(np.prod(shape))
        order = np.random.default_rng(sum(map(ord, name))).permutation(count)
        values = np.round(low + (high - low) * (order + 0.5) / count, 3)
        arrays[name] = {"shape": list(shape), "data": [float(v) for v in values]}
    assert arrays[name]["shape"] == list(shape), name
    return np.float32(arrays[name]["data"]).reshape(shape)


def given(name, values):
    """Numbers that are written here."""
    arrays[name] = {"shape": list(np.shape(values)), "data": [float(v) for v in np.ravel(values)]}
    return np.float32(values)


def short(x):
    return [float(f"{v:.6g}") for v in np.asarray(x, "float64").ravel()]


def sketch(x):
    """Long lists as ten sums, in each of which every element has a weight of its own."""
    x = np.asarray(x, "float64").ravel()
    places = np.arange(1, len(x) + 1)
    return short(x) if len(x) <= 12 else short([np.sum(x * np.cos(0.7 * k * places)) for k in range(1, 11)])


def differ(a, b):
    """Whether two results differ by more than what the tests allow."""
    if a.keys() != b.keys():
        return True
    for k in a:
        rows = a[k] if isinstance(a[k], list) and a[k] and isinstance(a[k][0], list) else [a[k]]
        others = b[k] if rows is a[k] else [b[k]]
        if len(rows) != len(others):
            return True
        for p, q in zip(rows, others):
            if np.asarray(p).dtype.kind not in "fi" or np.shape(p) != np.shape(q):
                if p != q:
                    return True
            elif not np.allclose(p, q, rtol=1e-3, atol=1e-3):
                return True
    return False


def plain(library, value):
    """As a config has it."""
    if isinstance(value, (tuple, list)):
        return [plain(library, v) for v in value]
    if hasattr(value, "get_config"):
        return library.saving.serialize_keras_object(value) if library is keras else tf_keras.utils.legacy.serialize_keras_object(value)
    return value


def config_of(library, made, args):
    config = made.get_config()
    return {k: json.loads(json.dumps(config[k], default=lambda v: v.tolist() if hasattr(v, "tolist") else dict(v))) if k in config else plain(library, v) for k, v in args.items()}


def write(name, cases):
    value = {"arrays": dict(arrays), "cases": cases}
    arrays.clear()
    text = json.dumps(value, separators=(",", ":")).replace('},{"class"', '},\n{"class"').replace('"cases":[', '"cases":[\n')
    (HERE / name).write_text(text + "\n")
    print(name, len(cases), "cases", len(text), "bytes")


def compiled(library, model, loss, rate=0.5, metrics=(), weighted=(), optimizer=None):
    eager = {"run_eagerly": True}
    if library is keras:
        eager["jit_compile"] = False
    model.compile(optimizer=optimizer or library.optimizers.SGD(rate), loss=loss, metrics=list(metrics), weighted_metrics=list(weighted), **eager)


def cases(kind, library, table, run):
    """Runs a table of (class, args, keys or None for all args, more)."""
    out = []
    for row in table:
        cls, args, keys, more = (list(row) + [None, {}])[: 4] if len(row) < 4 else row
        keys = list(args) if keys is None else keys
        got, config = run(library, cls, args, **more)
        required = more.get("required", ())
        for key in keys:
            if key in required:
                continue
            try:
                without, _ = run(library, cls, {k: v for k, v in args.items() if k != key}, **more)
            except Exception:  # Shapes that fit with this key alone.
                continue
            assert differ(got, without), f"{cls} {args}: {key} changes nothing"
        case = {"class": cls, "keys": keys, "config": config, **got}
        if library is tf_keras:
            case["library"] = "tf_keras"
        out.append(case)
    return out


# ---- layers

REQUIRED = {"Dense": ["units"], "Conv2D": ["filters", "kernel_size"], "Dropout": ["rate"], "Rescaling": ["scale"], "Reshape": ["target_shape"],
            "Permute": ["dims"], "RepeatVector": ["n"], "Activation": ["activation"], "GaussianNoise": ["stddev"], "GaussianDropout": ["rate"]}


def run_layer(library, cls, args, x=("image",), kept=False, **_):
    library.utils.set_random_seed(1) if library is keras else tf.random.set_seed(1)
    shapes = [SHAPES[n] for n in x]
    data = [array(n, s) for n, s in zip(x, shapes)]
    inputs = [library.Input(s[1:]) for s in shapes]
    last = shapes[0][-1]
    front = library.layers.Dense(last, use_bias=False)
    layer = getattr(library.layers, cls)(**args)
    called = [front(inputs[0])] + inputs[1:]
    model = library.Model(inputs, layer(*called) if cls in HEADS else layer(called if len(called) > 1 else called[0]))
    front.set_weights([array(f"front{last}", (last, last), -0.9, 1.1)])
    weights = []
    if not kept:  # Else the initializers are what is tested.
        for w in layer.weights:
            name = w.name.split("/")[-1].split(":")[0]
            if cls in HEADS:
                name = "_".join((w.path if library is keras else w.name.split(":")[0]).split("/")[-2:])
            low = 0.3 if name == "moving_variance" else -1.2
            weights.append(f"{name}:{'x'.join(map(str, w.shape))}")
            w.assign(array(weights[-1], tuple(w.shape), low, 1.5))
    feed = data if len(data) > 1 else data[0]
    y = model.predict(feed, verbose=0)
    target = array(f"target:{'x'.join(map(str, y.shape))}", y.shape)
    compiled(library, model, "mse")
    loss = float(np.ravel(model.train_on_batch(feed, target))[0])
    after = [sketch(w) for w in front.get_weights() + layer.get_weights()]
    got = {"x": list(x), "weights": weights, "y_shape": list(y.shape), "y": sketch(y), "loss": float(f"{loss:.6g}"), "after": after}
    if kept:
        got["kept"] = True
    return got, config_of(library, layer, args)


HEADS = ("MultiHeadAttention", "GroupQueryAttention")
SHAPES = {"image": (2, 3, 5, 4), "volume": (2, 3, 4), "flat": (3, 4), "image2": (2, 3, 5, 4), "volume2": (2, 3, 4), "wide": (2, 3, 2, 4), "tall": (2, 6, 5, 4),
          "big": (2, 4, 7, 6), "values": (2, 5, 4), "keys": (2, 5, 4), "long": (2, 6, 4)}


def layers():
    I, R = keras.initializers, keras.regularizers
    c, h = I.Constant, "channels_first"
    one = dict
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, {"required": REQUIRED.get(cls, ()), **more}))

    for x in (["volume"], ["flat"]):
        add("Dense", one(units=3), x=x)
    for a in (one(activation="tanh"), one(use_bias=False), one(kernel_regularizer=R.L2(0.3)), one(bias_regularizer=R.L1(0.2)),
              one(kernel_regularizer=R.L1L2(0.1, 0.2), bias_regularizer=R.L2(0.5))):
        add("Dense", {"units": 3, **a}, list(a), x=["volume"])
    add("Dense", one(units=3, kernel_initializer=c(0.3)), ["kernel_initializer"], x=["flat"], kept=True)
    add("Dense", one(units=3, kernel_initializer=c(np.float32([0.3, -0.2, 0.5]))), ["kernel_initializer"], x=["flat"], kept=True)
    add("Dense", one(units=3, kernel_initializer=c(0.3), bias_initializer=c(-0.4)), ["bias_initializer"], x=["flat"], kept=True)

    for fmt in ({}, {"data_format": h}):
        f = {"filters": 2, "kernel_size": (2, 3), **fmt}
        groups = 3 if fmt else 2
        add("Conv2D", f, ["filters", "kernel_size", *fmt])
        for a in (one(strides=(1, 2)), one(strides=(2, 1), padding="same"), one(strides=(2, 3), padding="same"), one(padding="same"), one(padding="same", dilation_rate=(2, 1)),
                  one(dilation_rate=(1, 2), kernel_size=(3, 2) if not fmt else (2, 2)), one(groups=groups, filters=2 * groups, kernel_size=2), one(activation="tanh", use_bias=False), one(strides=(1, 2), activation="softmax"),
                  one(kernel_regularizer=R.L2(0.3), bias_regularizer=R.L1(0.5))):
            add("Conv2D", {**f, **a}, [k for k in a if k not in ("filters", "kernel_size")] + list(fmt))
        add("Conv2D", {**f, "filters": 1, "kernel_size": 1, "strides": (3, 2)}, ["kernel_size", "strides", *fmt])
        add("Conv2D", {**f, "kernel_initializer": c(0.3)}, ["kernel_initializer", *fmt], kept=True)
        add("Conv2D", {**f, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer", *fmt], kept=True)
        for cls in ("MaxPooling2D", "AveragePooling2D"):
            add(cls, {"pool_size": (1, 2), **fmt})
            for a in (one(strides=(2, 1)), one(strides=(1, 2), padding="same"), one(strides=(3, 1), padding="same"), one(padding="same")):
                add(cls, {"pool_size": (3, 2), **fmt, **a}, list(a) + list(fmt), x=["big"])
        for cls in ("GlobalMaxPooling2D", "GlobalAveragePooling2D"):
            if fmt:
                add(cls, {**fmt})
            add(cls, {"keepdims": True, **fmt})
        add("Flatten", {**fmt}, x=["image"])
        if fmt:
            add("Flatten", {**fmt}, x=["volume"])
    # In rank 2 it changes nothing.
    add("Flatten", one(data_format=h), [], x=["flat"])

    add("Activation", one(activation="gelu"), x=["volume"])
    add("ActivityRegularization", one(l1=0.3), x=["volume"])
    add("ActivityRegularization", one(l2=0.3), x=["volume"])
    add("ReLU", one(max_value=0.8), x=["volume"])
    add("ReLU", one(negative_slope=0.3), x=["volume"])
    add("ReLU", one(threshold=0.7), x=["volume"])
    add("ReLU", one(max_value=0.8, negative_slope=0.3, threshold=0.4), x=["volume"])
    add("LeakyReLU", one(negative_slope=0.7), x=["volume"])
    add("ELU", one(alpha=0.3), x=["volume"])
    add("PReLU", one(shared_axes=[1]), ["shared_axes"], x=["image"])
    add("PReLU", one(shared_axes=[1, 3]), ["shared_axes"], x=["image"])
    add("PReLU", one(shared_axes=[1, 2]), ["shared_axes"], x=["image"])
    add("PReLU", one(shared_axes=2), ["shared_axes"], x=["image"])
    add("PReLU", one(shared_axes=[-1]), ["shared_axes"], x=["image"])
    add("PReLU", one(shared_axes=[0, 2]), ["shared_axes"], x=["image"])
    add("PReLU", one(alpha_initializer=c(0.4)), x=["volume"], kept=True)
    add("PReLU", one(alpha_regularizer=R.L2(0.4)), x=["volume"])
    for axis in (1, 2, -2, (1, 2), (2, 3), [-1, 1], None):
        if axis is not None:
            add("Softmax", one(axis=axis))
    for axis in (1, 2, -2, (1, 2), (2, 3), [-1, 1], 0):
        add("UnitNormalization", one(axis=axis))
    for axis in (1, -2, (1, 2), [3, 1], (-1, -2)):
        add("LayerNormalization", one(axis=axis))
    for a in (one(epsilon=0.7), one(center=False), one(scale=False), one(rms_scaling=True), one(beta_regularizer=R.L2(0.3)), one(gamma_regularizer=R.L1(0.3)),
              one(axis=(2, 1), epsilon=0.5, center=False)):
        add("LayerNormalization", a, x=["volume"] if "axis" not in a else ["image"])
    add("LayerNormalization", one(beta_initializer=c(0.3), gamma_initializer=c(0.6)), x=["volume"], kept=True)
    for a in (one(axis=1), one(axis=2), one(axis=-2), one(epsilon=0.7), one(momentum=0.5), one(center=False), one(scale=False), one(beta_regularizer=R.L2(0.3)),
              one(gamma_regularizer=R.L1(0.3)), one(axis=1, momentum=0.2, epsilon=0.3)):
        add("BatchNormalization", a)
    add("BatchNormalization", one(beta_initializer=c(0.3), gamma_initializer=c(0.6), moving_mean_initializer=c(0.4), moving_variance_initializer=c(2.0)), kept=True)
    for axis in (1, 2, -2, -1, 3, -3):
        other = {1: "tall", -3: "tall", 2: "wide", -2: "wide"}.get(axis, "image2")
        add("Concatenate", one(axis=axis), ["axis"] if axis not in (-1, 3) else [], x=["image", other])
    for dims in ((2, 1, 3), (3, 1, 2), (2, 3, 1), (3, 2, 1)):
        add("Permute", one(dims=dims))
    for shape in ((5, 12), (-1, 6), (4, -1, 3), (60,), (-1,)):
        add("Reshape", one(target_shape=shape))
    add("RepeatVector", one(n=3), x=["flat"])
    for a in (one(scale=0.3), one(scale=0.3, offset=-0.5), one(scale=[0.1, 0.2, 0.3, 0.4]), one(scale=0.5, offset=[1.0, -1.0, 0.5, 0.0]), one(scale=[0.1, 0.2, 0.3, 0.4], offset=[1.0, -1.0, 0.5, 0.0]),
              one(scale=[[0.1], [0.2], [0.3], [0.4], [0.5]], offset=0.25), one(scale=[0.7]), one(scale=2, offset=[[[1.0, 2.0, 3.0, 4.0]]]),
              one(scale=np.float32([0.1, 0.2, 0.3, 0.4]))):
        add("Rescaling", a)
    for cls in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"):
        add(cls, {}, x=["volume", "volume2"])
    add("Identity", {}, x=["volume"])
    out = cases("layers", keras, table, run_layer)

    I, R, c = tf_keras.initializers, tf_keras.regularizers, tf_keras.initializers.Constant
    table = []
    add("LeakyReLU", one(alpha=0.7), x=["volume"])
    add("MaxPooling2D", one(strides=(2, 1)), x=["big"])
    add("AveragePooling2D", one(strides=(2, 1)), x=["big"])
    add("BatchNormalization", one(axis=3, momentum=0.5, epsilon=0.3), ["momentum", "epsilon"])
    add("BatchNormalization", one(axis=[1], epsilon=0.3), x=["volume"])
    out += cases("layers", tf_keras, table, run_layer)
    write("layers.json", out)


# ---- attention, and windows over steps

def sequences():
    """Attention, and convolution and pooling over steps."""
    one, every = dict, []
    for library in (keras, tf_keras):
        R, c = library.regularizers, library.initializers.Constant
        table = []

        def add(cls, args, keys=None, **more):
            table.append((cls, args, keys, {"required": ("num_heads", "key_dim", "filters", "kernel_size"), **more}))

        for x in (["volume", "values"], ["volume", "values", "keys"]):
            add("Attention", {}, x=x)
            add("Attention", one(use_scale=True), x=x)
            add("Attention", one(score_mode="concat"), x=x)
            add("Attention", one(use_scale=True, score_mode="concat"), x=x)
            add("AdditiveAttention", {}, x=x)
            add("AdditiveAttention", one(use_scale=False), x=x)
            n = one(num_heads=2, key_dim=3)
            add("MultiHeadAttention", n, x=x)
            own = [one(value_dim=5), one(use_bias=False), one(output_shape=(3,)), one(output_shape=(2, 3)), one(kernel_regularizer=R.L2(0.3)), one(bias_regularizer=R.L1(0.4)),
                   one(value_dim=2, output_shape=(5,), use_bias=False)]
            for a in own + ([one(sliding_window=2), one(sliding_window=1)] if library is keras else []):
                add("MultiHeadAttention", {**n, **a}, list(a), x=x)
            # The steps are what is attended over anyway.
            add("MultiHeadAttention", {**n, "attention_axes": (1,)}, [], x=x)
            add("MultiHeadAttention", {**n, "kernel_initializer": c(0.3)}, ["kernel_initializer"], x=x, kept=True)
            add("MultiHeadAttention", {**n, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer"], x=x, kept=True)
        # TensorFlow's kernels for CPUs, as tf_keras calls them, know the channels on the last axis alone.
        for fmt in ({}, {"data_format": "channels_first"})[: 2 if library is keras else 1]:
            f, x = {"filters": 2, "kernel_size": (3,), **fmt}, ["long"]
            add("Conv1D", f, ["filters", "kernel_size", *fmt], x=x)
            for a in (one(strides=2), one(strides=2, padding="same"), one(padding="same"), one(padding="causal"), one(strides=2, padding="causal"), one(dilation_rate=2, padding="same"),
                      one(dilation_rate=2, padding="causal"), one(dilation_rate=3, kernel_size=2), one(groups=2, filters=4, kernel_size=2), one(activation="tanh", use_bias=False), one(activation="softmax", strides=2),
                      one(kernel_regularizer=R.L2(0.3), bias_regularizer=R.L1(0.5))):
                add("Conv1D", {**f, **a}, [k for k in a if k not in ("filters", "kernel_size")] + list(fmt), x=x)
            add("Conv1D", {**f, "kernel_initializer": c(0.3)}, ["kernel_initializer", *fmt], x=x, kept=True)
            add("Conv1D", {**f, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer", *fmt], x=x, kept=True)
            for cls in ("MaxPooling1D", "AveragePooling1D"):
                for a in ({}, one(strides=1), one(strides=2, padding="same"), one(strides=1, padding="same")):
                    add(cls, {"pool_size": 3, **fmt, **a}, [*a] + list(fmt) if a else ["pool_size", *fmt], x=x)
            for cls in ("GlobalMaxPooling1D", "GlobalAveragePooling1D"):
                if fmt:
                    add(cls, {**fmt}, x=x)
                add(cls, {"keepdims": True, **fmt}, x=x)
        every += cases("layers", library, table, run_layer)
    write("sequences.json", every)


# ---- recurrent layers, and what comes before and around them

def run_recurrent(library, cls, args, x=("steps",), states=(), masked=False, behind=None, kept=False, **_):
    """As `run_layer`; `states` are inputs of the layer besides, `masked` puts a Masking layer in front, and `behind` has the layer itself at the inputs
    and another one behind it. What has several outputs is made one: flattened, and joined."""
    library.utils.set_random_seed(1) if library is keras else tf.random.set_seed(1)
    K = library.layers
    data = [given(n, WRITTEN[n]) if n in WRITTEN else array(n, STEPS[n]) for n in (*x, *states)]
    inputs = [K.Input(v.shape[1:]) for v in data]
    layer = getattr(K, cls)(**{k: v() if k in LAZY else v for k, v in args.items()})
    first = inputs[0]
    if behind is None:
        last = data[0].shape[-1]
        front = K.Dense(last, use_bias=False)
        first = front(first)
        if masked:
            first = K.Masking()(first)
    if states:
        initial = nested(layer, inputs[1:])
        y = layer(first, initial) if "Cell" in cls else layer(first, initial_state=initial)
    else:
        y = layer(first)
    if behind is not None:
        last = y.shape[-1]
        front = K.SimpleRNN(last) if behind == "SimpleRNN" else K.Dense(last, use_bias=False)
        y = front(y)
    outputs = tf.nest.flatten(y) if library is tf_keras else keras.tree.flatten(y)
    if len(outputs) > 1:
        y = K.Concatenate()([K.Flatten()(o) for o in outputs])
    else:
        y = outputs[0]
    model = library.Model(inputs, y)
    named = [(front, w) for w in front.weights] + [(layer, w) for w in layer.weights]
    weights = []
    for owner, w in named:
        name = w.name.split("/")[-1].split(":")[0]
        size = "x".join(map(str, w.shape))
        if owner is layer and kept:
            continue
        weights.append(f"front{last}" if owner is front and len(front.weights) == 1 else f"inner_{name}:{size}")
        low, high = (-0.9, 1.1) if weights[-1].startswith("front") else (-0.8, 1.0)
        w.assign(array(weights[-1], tuple(w.shape), low, high))
    feed = data if len(data) > 1 else data[0]
    y = model.predict(feed, verbose=0)
    target = array(f"target:{'x'.join(map(str, y.shape))}", y.shape)
    compiled(library, model, "mse")
    loss = float(np.ravel(model.train_on_batch(feed, target))[0])
    after = [sketch(w) for w in front.get_weights() + layer.get_weights()]
    got = {"x": [*x, *states], "weights": weights, "y_shape": list(y.shape), "y": sketch(y), "loss": float(f"{loss:.6g}"), "after": after}
    for key, value in (("kept", kept), ("masked", masked), ("behind", behind)):
        if value:
            got[key] = value
    # Layers inside as the layer itself writes them.
    return got, config_of(library, layer, {k: None if k in LAZY else v for k, v in args.items()})


LAZY = ("cell", "cells", "layer", "backward_layer")
# A step of zeros is one behind a Dense layer without bias too.
ORDER = np.random.default_rng(41).permutation(24).reshape(2, 4, 3)
GAPS = np.round((ORDER - 11.5) / 8, 3)
GAPS[0, 1], GAPS[1, 2:] = 0.0, 0.0
ONES = np.round((ORDER - 11.5) / 8, 3)
ONES[0, 2], ONES[1, 0] = 0.75, 0.75
WRITTEN = {"gaps": GAPS.tolist(), "ones": ONES.tolist(), "words": [[1, 0, 4], [3, 2, 0]]}
STEPS = {"steps": (2, 4, 3), "step": (2, 3), "state": (2, 2), "state2": (2, 2), "state3": (2, 3), "pictures4": (2, 3, 2, 2, 3)}


def nested(layer, states):
    """The states of several cells in a list each."""
    states = list(states)
    cells = getattr(layer, "cells", None) or getattr(getattr(layer, "cell", None), "cells", None)
    if not cells:
        return states
    sizes = [c.state_size for c in cells]
    lists = [[states.pop(0) for _ in range(len(n))] if isinstance(n, (list, tuple)) else states.pop(0) for n in sizes]
    return lists


def recurrent():
    """Layers over sequences, their cells, and Embedding and Masking."""
    one = dict
    every = []
    for library in (keras, tf_keras):
        K, R, c = library.layers, library.regularizers, library.initializers.Constant
        table = []

        def add(cls, args, keys=None, **more):
            table.append((cls, args, keys, {"required": ("units", "cell", "cells", "layer", "input_dim", "output_dim"), **more}))

        for kind in ("SimpleRNN", "LSTM", "GRU"):
            n = {"units": 2}
            gates = kind != "SimpleRNN"
            own = [one(activation="relu" if library is keras else "sigmoid"), one(use_bias=False), one(kernel_regularizer=R.L2(0.3)), one(recurrent_regularizer=R.L1(0.3)), one(bias_regularizer=R.L2(0.5))]
            own += [one(recurrent_activation="tanh")] if gates else []
            own += [one(reset_after=False)] if kind == "GRU" else []
            first = [one(recurrent_initializer=c(-0.4), kernel_initializer=c(0.3)), one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4)), one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), bias_initializer=c(0.7))]
            first += [one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), unit_forget_bias=False)] if kind == "LSTM" else []
            first += [one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), bias_initializer=c(0.7), unit_forget_bias=False)] if kind == "LSTM" else []
            first += [one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), bias_initializer=c(0.7), reset_after=False)] if kind == "GRU" else []
            states = ("state", "state2") if kind == "LSTM" else ("state",)
            for cls, where in ((kind, {}), (kind + "Cell", {"x": ["step"], "states": states})):
                add(cls, n, **where)
                for a in own:
                    add(cls, {**n, **a}, list(a), **where)
                for a in first:
                    add(cls, {**n, **a}, [list(a)[-1]], kept=True, **where)
            for a in (one(return_sequences=True), one(return_state=True), one(go_backwards=True), one(return_sequences=True, go_backwards=True, return_state=True)):
                add(kind, {**n, **a}, list(a))
                add(kind, {**n, **a}, list(a), masked=True, x=["gaps"])
            add(kind, {**n, "return_sequences": True}, [], states=states)
            # Neither changes a number.
            add(kind, {**n, "unroll": True}, [])
            if library is keras:
                add(kind, {**n, "return_sequences": True, "zero_output_for_mask": True}, ["zero_output_for_mask"], masked=True, x=["gaps"])
            elif gates:
                add(kind, {**n, "implementation": 1}, [])
        cell = lambda: K.GRUCell(2)
        both = lambda: K.StackedRNNCells([K.LSTMCell(2), K.GRUCell(3)])
        for a in ({}, one(return_sequences=True), one(return_state=True), one(go_backwards=True), one(return_sequences=True, go_backwards=True, return_state=True)):
            for inner in (cell, both):
                add("RNN", {"cell": inner, **a}, list(a) or ["cell"])
                add("RNN", {"cell": inner, **a}, list(a), masked=True, x=["gaps"])
        add("RNN", {"cell": cell, "unroll": True}, [])
        if library is keras:
            add("RNN", {"cell": cell, "return_sequences": True, "zero_output_for_mask": True}, ["zero_output_for_mask"], masked=True, x=["gaps"])
        add("RNN", {"cell": both, "return_sequences": True}, ["cell"], states=("state", "state2", "state3"))
        add("StackedRNNCells", {"cells": lambda: [K.LSTMCell(2), K.GRUCell(3)]}, ["cells"], x=["step"], states=("state", "state2", "state3"))
        add("StackedRNNCells", {"cells": lambda: [K.SimpleRNNCell(2)]}, ["cells"], x=["step"], states=("state",))
        around = lambda **more: (lambda: K.LSTM(2, **more))
        add("Bidirectional", {"layer": around()}, ["layer"])
        add("Bidirectional", {"layer": around(return_sequences=True)}, ["layer"], masked=True, x=["gaps"])
        for mode in ("sum", "mul", "ave", None):
            # Both outputs, joined, are what `concat` gives.
            add("Bidirectional", {"layer": around(), "merge_mode": mode}, ["merge_mode"] if mode else [])
            add("Bidirectional", {"layer": around(return_sequences=True), "merge_mode": mode}, ["merge_mode"])
        add("Bidirectional", {"layer": around(return_state=True), "merge_mode": "sum"}, ["merge_mode"])
        add("Bidirectional", {"layer": around(), "backward_layer": lambda: K.GRU(2, go_backwards=True)}, ["backward_layer"])
        add("TimeDistributed", {"layer": lambda: K.Dense(3, activation="tanh")}, ["layer"])
        add("TimeDistributed", {"layer": lambda: K.Conv2D(2, 1)}, ["layer"], x=["pictures4"])
        add("Masking", {}, [], x=["gaps"], behind="SimpleRNN")
        add("Masking", one(mask_value=0.75), x=["ones"], behind="SimpleRNN")
        e = {"input_dim": 5, "output_dim": 3}
        w = {"x": ["words"], "behind": "Dense"}
        add("Embedding", e, **w)
        add("Embedding", {**e, "mask_zero": True}, ["mask_zero"], **w)
        add("Embedding", {**e, "mask_zero": True}, ["mask_zero"], x=["words"], behind="SimpleRNN")
        add("Embedding", {**e, "embeddings_regularizer": R.L2(0.3)}, ["embeddings_regularizer"], **w)
        add("Embedding", {**e, "embeddings_initializer": c(0.4)}, ["embeddings_initializer"], kept=True, **w)
        if library is tf_keras:
            add("Embedding", {**e, "input_length": 3}, [], **w)
        every += cases("layers", library, table, run_recurrent)
    write("recurrent.json", every)


# ---- losses

def outputs(library, x, kernel, softmax=None):
    """A model whose outputs are products of its inputs with a kernel that keeps what is between 0 and 1 there; or the softmax of them."""
    inputs = library.Input(x.shape[1:])
    front = library.layers.Dense(x.shape[-1], use_bias=False)
    y = front(inputs)
    model = library.Model(inputs, y if softmax is None else library.layers.Softmax(axis=softmax)(y))
    front.set_weights([kernel])
    return model, front


def run_loss(library, cls, args, x="p", t="hot", softmax=None, **_):
    data, target = LOSS_DATA[x], LOSS_DATA[t]
    model, front = outputs(library, data, LOSS_DATA["kernel"], softmax)
    made = lambda: getattr(library.losses, cls)(**args)
    values = np.shape(np.asarray(getattr(library.losses, cls)(**{**args, "reduction": None})(target, data)))
    got = {"x": x, "t": t}
    if softmax is not None:
        got["softmax"] = softmax
    ways = [("plain", {})]
    if values and values[0] == len(data):
        # Keras wants the weights' rank to be that of the values.
        got["w"] = f"w{len(data)}{'x1' * (len(values) - 1)}"
        weights = given(got["w"], LOSS_DATA["w"][: len(data)].reshape((-1,) + (1,) * (len(values) - 1)))
        ways.append(("weighted", {"sample_weight": weights}))
    for what, extra in ways:
        front.set_weights([LOSS_DATA["kernel"]])
        compiled(library, model, made(), rate=0.05)
        loss = model.evaluate(data, target, verbose=0, batch_size=8, **extra)
        model.train_on_batch(data, target, **extra)
        got[what] = {"loss": float(f"{np.ravel(loss)[0]:.6g}"), "after": sketch(front.get_weights()[0])}
    got["flat"] = [v for what, _ in ways for v in got[what]["after"] + [got[what]["loss"]]]
    config = made().get_config()
    config = {k: json.loads(json.dumps(config[k])) if k in config and not hasattr(v, "shape") else plain(library, v) for k, v in args.items()}
    return got, config


LOSS_DATA = {}


def loss_data():
    s = (2, 3, 5, 4)
    LOSS_DATA["kernel"] = given("kernel", np.float32(np.eye(4) * 0.6 + 0.1))
    LOSS_DATA["w"] = given("w", [0.5, 2.0, 0.25, 1.5])
    LOSS_DATA["p"] = array("p", s, 0.1, 0.9)
    LOSS_DATA["q"] = array("q", s)
    LOSS_DATA["real"] = array("real", s)
    LOSS_DATA["far"] = array("far", s, -60.0, 60.0)
    LOSS_DATA["positive"] = array("positive", s, 0.1, 2.0)
    order = np.random.default_rng(3).integers(0, 1000, s)
    for name, axis in (("hot", 3), ("hot1", 1), ("hot2", 2)):
        LOSS_DATA[name] = given(name, np.moveaxis(np.eye(s[axis])[order.argmax(axis)], -1, axis))
    LOSS_DATA["yes"] = given("yes", order % 2)
    LOSS_DATA["labels"] = given("labels", order.argmax(3))
    LOSS_DATA["labels1"] = given("labels1", order.argmax(1))
    # Matrices and vectors, where the targets' rank is another.
    LOSS_DATA["p2"] = array("p2", (4, 4), 0.1, 0.9)
    LOSS_DATA["hot_rows"] = given("hot_rows", np.eye(4)[[2, 0, 3, 1]])
    LOSS_DATA["label_rows"] = given("label_rows", [2, 0, 3, 1])


def losses():
    loss_data()
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, more))

    image = dict
    for cls, more in (("CategoricalCrossentropy", {}), ("CategoricalFocalCrossentropy", {}), ("BinaryCrossentropy", {"t": "yes"}), ("BinaryFocalCrossentropy", {"t": "yes"})):
        add(cls, {}, **more)
        add(cls, dict(from_logits=True), **{"x": "q", **more})
        add(cls, dict(label_smoothing=0.2), **more)
        for axis, t in ((1, "hot1"), (2, "hot2"), (-2, "hot2"), (-3, "hot1")):
            # The mean of means over an axis is the same for all axes.
            extra = dict(reduction="sum") if "Binary" in cls else {}
            more1 = more if "Binary" in cls else {"t": t}
            add(cls, dict(axis=axis, **extra), ["axis"], **more1)
            add(cls, dict(axis=axis, label_smoothing=0.2, **extra), ["axis", "label_smoothing"], **more1)
            if axis > 0:  # TensorFlow's kernel knows no others.
                add(cls, dict(axis=axis, from_logits=True, **extra), ["axis", "from_logits"], **{"x": "q", **more1})
        if "Focal" in cls:
            add(cls, dict(gamma=0.7), **more)
            add(cls, dict(gamma=3.0, axis=1), ["gamma"], **({"t": "hot1"} if "Cat" in cls else more))
    add("CategoricalFocalCrossentropy", dict(alpha=0.8))
    add("CategoricalFocalCrossentropy", dict(alpha=[0.1, 0.4, 0.7, 0.3]))
    add("CategoricalFocalCrossentropy", dict(alpha=[0.1, 0.4, 0.7, 0.3], axis=1), t="hot1")
    add("CategoricalFocalCrossentropy", dict(alpha=[[0.1], [0.4], [0.7], [0.9], [0.3]], axis=2), t="hot2")
    add("BinaryFocalCrossentropy", dict(apply_class_balancing=True), t="yes")
    add("BinaryFocalCrossentropy", dict(apply_class_balancing=True, alpha=0.8, axis=1, gamma=1.0), ["apply_class_balancing", "alpha", "gamma"], t="yes")
    add("SparseCategoricalCrossentropy", dict(from_logits=True), x="q", t="labels")
    add("SparseCategoricalCrossentropy", {}, t="labels")
    add("SparseCategoricalCrossentropy", dict(ignore_class=2), t="labels")
    add("SparseCategoricalCrossentropy", dict(ignore_class=2, from_logits=True), x="q", t="labels")
    add("SparseCategoricalCrossentropy", {}, x="p2", t="label_rows")
    # Keras itself refuses other axes.
    add("SparseCategoricalCrossentropy", dict(axis=3), [], t="labels")
    # Probabilities that are rounded to 0 and 1: Keras looks back to what softmax was taken of, whatever its axis.
    for axis in (1, 3):
        add("CategoricalCrossentropy", dict(axis=axis), [], x="far", t="hot1" if axis == 1 else "hot", softmax=axis)
    add("SparseCategoricalCrossentropy", {}, x="far", t="labels", softmax=3)
    for axis in (1, 2, -2, 0):
        add("CosineSimilarity", dict(axis=axis), x="q", t="real")
    add("CosineSimilarity", dict(axis=(1, 2)), x="q", t="real")
    add("Huber", dict(delta=0.4), x="q", t="real")
    for cls in ("Dice", "Tversky"):
        for axis in (None, 1, -1, (1, 2), [1, 2, 3], (0, 2)):
            add(cls, {} if axis is None else dict(axis=axis), t="yes")
    add("Tversky", dict(alpha=0.9), t="yes")
    add("Tversky", dict(beta=0.2), t="yes")
    add("Tversky", dict(alpha=0.9, beta=0.2, axis=(1, 2)), t="yes")
    kinds = {"CategoricalCrossentropy": ("p", "hot"), "CategoricalFocalCrossentropy": ("p", "hot"), "BinaryCrossentropy": ("p", "yes"),
             "BinaryFocalCrossentropy": ("p", "yes"), "SparseCategoricalCrossentropy": ("p", "labels"), "CategoricalHinge": ("q", "hot"), "CosineSimilarity": ("q", "real"),
             "Dice": ("p", "yes"), "Tversky": ("p", "yes"), "Hinge": ("q", "yes"), "SquaredHinge": ("q", "yes"), "Huber": ("q", "real"), "KLDivergence": ("p", "positive"),
             "LogCosh": ("q", "real"), "MeanAbsoluteError": ("q", "real"), "MeanAbsolutePercentageError": ("q", "real"), "MeanSquaredError": ("q", "real"),
             "MeanSquaredLogarithmicError": ("positive", "positive2"), "Poisson": ("p", "positive")}
    LOSS_DATA["positive2"] = array("positive2", (2, 3, 5, 4), 0.1, 2.0)
    for cls, (x, t) in kinds.items():
        for reduction in ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None):
            # Dice and Tversky are one number by default.
            args = dict(reduction=reduction, axis=(1, 2)) if cls in ("Dice", "Tversky") else dict(reduction=reduction)
            same = reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight")
            add(cls, args, [] if same and reduction == "sum_over_batch_size" else ["reduction"], x=x, t=t)
    add("SparseCategoricalCrossentropy", dict(ignore_class=2, reduction="sum"), t="labels")
    add("SparseCategoricalCrossentropy", dict(ignore_class=2, reduction="mean_with_sample_weight"), t="labels")
    # "mean" is another word, and without weights all means are the same.
    out = []
    for row in table:
        cls, args, keys, more = row
        got, config = run_loss(keras, cls, args, **more)
        for key in (args if keys is None else keys):
            without, _ = run_loss(keras, cls, {k: v for k, v in args.items() if k != key}, **more)
            if key == "reduction" and args[key] == "mean":
                continue
            assert differ({"flat": got["flat"]}, {"flat": without["flat"]}), f"{cls} {args}: {key} changes nothing"
        got.pop("flat")
        out.append({"class": cls, "keys": list(args) if keys is None else keys, "config": config, **got})
    write("losses.json", out)


# ---- metrics

def run_metric(library, cls, args, x="p2", t="yes_rows", **_):
    data, target = LOSS_DATA[x], LOSS_DATA[t]
    model, _ = outputs(library, data, LOSS_DATA["kernel"])
    make = lambda: getattr(library.metrics, cls)(**{"name": "m", **args})
    flat = lambda t, p: keras.ops.mean(keras.ops.reshape(p, (len(p), -1)), axis=-1)
    compiled(library, model, flat, metrics=[make()], weighted=[getattr(library.metrics, cls)(**{**args, "name": "n"})])
    sums = model.evaluate(data, target, batch_size=3, verbose=0, sample_weight=LOSS_DATA["w"], return_dict=True)
    name = args.get("name", "m")
    config = make().get_config()
    config = {k: json.loads(json.dumps(config[k], default=lambda v: v.tolist() if hasattr(v, "tolist") else dict(v))) if k in config else plain(library, v) for k, v in args.items()}
    return {"x": x, "t": t, "w": "w", "plain": float(sums[name]), "weighted": float(sums["n"])}, config


def metrics():
    loss_data()
    LOSS_DATA["yes_rows"] = given("yes_rows", [[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 1, 1]])
    LOSS_DATA["p2"] = array("p2", (4, 4), 0.1, 0.9)
    LOSS_DATA["q2"] = array("q2", (4, 4))
    LOSS_DATA["real2"] = array("real2", (4, 4))
    LOSS_DATA["p4"] = array("p4", (4, 3, 5, 4), 0.1, 0.9)
    LOSS_DATA["q4"] = array("q4", (4, 3, 5, 4))
    LOSS_DATA["real4"] = array("real4", (4, 3, 5, 4))
    order = np.random.default_rng(5).integers(0, 1000, (4, 3, 5, 4))
    LOSS_DATA["hot4"] = given("hot4", np.moveaxis(np.eye(3)[order.argmax(1)], -1, 1))
    LOSS_DATA["labels4"] = given("labels4", order.argmax(1))
    LOSS_DATA["labels43"] = given("labels43", order.argmax(3))
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, more))

    add("BinaryAccuracy", dict(threshold=0.3))
    add("BinaryCrossentropy", dict(from_logits=True), x="q2")
    add("BinaryCrossentropy", dict(label_smoothing=0.3))
    hot = dict(t="hot_rows")
    add("CategoricalCrossentropy", dict(from_logits=True), x="q2", **hot)
    add("CategoricalCrossentropy", dict(label_smoothing=0.3), **hot)
    add("CategoricalCrossentropy", dict(axis=1), x="p4", t="hot4")
    add("CategoricalCrossentropy", dict(axis=1, from_logits=True, label_smoothing=0.2), x="q4", t="hot4")
    add("SparseCategoricalCrossentropy", dict(from_logits=True), x="q2", t="label_rows")
    add("SparseCategoricalCrossentropy", dict(ignore_class=2), t="label_rows")
    add("CosineSimilarity", dict(axis=1), x="q4", t="real4")
    add("CosineSimilarity", dict(axis=2), x="q4", t="real4")
    add("CosineSimilarity", dict(axis=(1, 2)), x="q4", t="real4")
    add("TopKCategoricalAccuracy", dict(k=2), **hot)
    add("SparseTopKCategoricalAccuracy", dict(k=2), t="label_rows")
    add("SparseTopKCategoricalAccuracy", dict(k=2), x="p4", t="labels43")
    for cls in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"):
        for thresholds in (0.3, [0.3], 0.7):
            add(cls, dict(thresholds=thresholds))
    for cls in ("Precision", "Recall"):
        add(cls, dict(class_id=2))
        add(cls, dict(class_id=1, thresholds=0.6))
        add(cls, dict(top_k=1))
        add(cls, dict(top_k=3))
        add(cls, dict(top_k=2, class_id=1))
        add(cls, dict(top_k=2, class_id=3, thresholds=0.3), ["class_id"])
    for cls, more in {"Accuracy": {}, "CategoricalAccuracy": hot, "CategoricalHinge": hot, "Hinge": {}, "KLDivergence": {}, "LogCoshError": {}, "MeanAbsoluteError": {},
                      "MeanAbsolutePercentageError": dict(t="real2"), "MeanSquaredError": {}, "MeanSquaredLogarithmicError": {}, "Poisson": {}, "RootMeanSquaredError": {},
                      "SparseCategoricalAccuracy": dict(t="label_rows"), "SquaredHinge": {}}.items():
        add(cls, {}, **more)
        four = {"hot_rows": None, "label_rows": "labels43"}.get(more.get("t"), "real4")
        if four and cls not in ("Accuracy", "KLDivergence", "MeanSquaredLogarithmicError", "Poisson"):
            add(cls, {}, x="q4", t=four)
    write("metrics.json", cases("metrics", keras, table, run_metric))


# ---- optimizers

def run_optimizer(library, cls, args, legacy=False, **_):
    module = library.optimizers.legacy if legacy else library.optimizers
    settings = {"learning_rate": 0.25, **args} if "lr" not in args else args
    make = lambda: getattr(module, cls)(**settings)
    inputs = library.Input((4,))
    front = library.layers.Dense(3)
    model = library.Model(inputs, front(inputs))
    start = [array("kernel:4x3", (4, 3)), array("bias:3", (3,))]
    front.set_weights(start)
    optimizer = make()
    config = optimizer.get_config()
    compiled(library, model, "mse", optimizer=optimizer)
    x, t = array("flat", (3, 4)), array("target:3x3", (3, 3))
    steps = []
    for step in range(4):
        model.train_on_batch(x, t)
        if step in (0, 3):
            steps.append(short(np.concatenate([np.ravel(w) for w in front.get_weights()])))
    rate = config.get("learning_rate")
    written = {k: json.loads(json.dumps(config[k])) if k in config and k != "learning_rate" else plain(library, v) for k, v in settings.items()}
    return {"x": "flat", "t": "target:3x3", "steps": steps}, written


def optimizers(only=()):
    S = keras.optimizers.schedules
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, more))

    own = {
        "SGD": [dict(momentum=0.8), dict(momentum=0.8, nesterov=True)],
        "Adam": [dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=0.5), dict(amsgrad=True, beta_2=0.3)],
        "AdamW": [dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=0.5), dict(amsgrad=True, beta_2=0.3)],
        "Adamax": [dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=0.5)],
        "Nadam": [dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=0.5)],
        "RMSprop": [dict(rho=0.5), dict(momentum=0.5), dict(epsilon=0.5), dict(centered=True), dict(centered=True, momentum=0.5, rho=0.7)],
        "Adagrad": [dict(initial_accumulator_value=0.7), dict(epsilon=0.5)],
        "Adadelta": [dict(rho=0.5), dict(epsilon=0.5)],
        "Ftrl": [dict(learning_rate_power=-0.8), dict(initial_accumulator_value=0.7), dict(l1_regularization_strength=0.5), dict(l2_regularization_strength=0.5),
                 dict(l2_shrinkage_regularization_strength=0.5), dict(beta=0.7)],
        "Lion": [dict(beta_1=0.3), dict(beta_2=0.3)],
        "Lamb": [dict(beta_1=0.5), dict(beta_2=0.5), dict(epsilon=0.5)],
        "Adafactor": [dict(beta_2_decay=-0.3), dict(epsilon_1=0.3), dict(epsilon_2=3.0), dict(clip_threshold=0.2)],
        "Muon": [dict(adam_beta_1=0.5), dict(adam_beta_2=0.5), dict(epsilon=0.5), dict(exclude_layers=["den.e.*/ker"]), dict(muon_a=3.0), dict(muon_b=-4.4),
                 dict(muon_c=1.8), dict(adam_lr_ratio=0.3), dict(momentum=0.5), dict(ns_steps=2), dict(nesterov=False), dict(adam_weight_decay=0.5),
                 dict(adam_weight_decay=None), dict(rms_rate=0.7), dict(rms_rate=None)],
        "ScheduleFreeAdamW": [dict(beta_2=0.5), dict(epsilon=0.5), dict(warmup_steps=3)],
    }
    common = [dict(weight_decay=0.3), dict(clipnorm=0.3), dict(clipvalue=0.1), dict(global_clipnorm=0.3)]
    # What a step does besides its formulas.
    around = [dict(use_ema=True, ema_momentum=0.4, ema_overwrite_frequency=2), dict(gradient_accumulation_steps=2),
              dict(gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.4, ema_overwrite_frequency=1)]
    for cls, list_ in own.items():
        scale = {"learning_rate": 3.0} if cls == "Adadelta" else {}
        for a in around:
            add(cls, {**scale, **a})
        for a in list_ + common:
            # Lion and Adam see gradients' directions: clipping one parameter's alone changes little but in what epsilon and betas make of it.
            more = {}
            if any(k.startswith(("clip", "global")) for k in a):
                more = {"Adam": dict(epsilon=0.5), "AdamW": dict(epsilon=0.5), "Adamax": dict(epsilon=0.5), "Nadam": dict(epsilon=0.5), "RMSprop": dict(epsilon=0.5), "Lion": dict(beta_1=0.7), "Adadelta": dict(epsilon=0.1),
                        "Lamb": dict(epsilon=0.5), "Muon": dict(epsilon=0.5, exclude_layers=["kernel"]), "ScheduleFreeAdamW": dict(epsilon=0.5), "Adafactor": dict(epsilon_1=0.5)}.get(cls, {})
                if cls == "Lion":
                    continue
            add(cls, {**scale, **more, **a}, list(a))
        add(cls, scale or dict(learning_rate=0.05))
        add(cls, dict(learning_rate=S.PiecewiseConstantDecay([0, 2], [4.0, 2.0, 1.0] if scale else [0.5, 0.25, 0.125])), ["learning_rate"])
        add(cls, {**scale, "learning_rate": S.ExponentialDecay(0.4, 2, 0.5), "weight_decay": 0.1}, ["learning_rate", "weight_decay"])
    # Gradients' signs are all that Lion's first step sees; clipping shows where the momentum mixes them.
    for a in common[1:]:
        add("Lion", {"beta_1": 0.9, "beta_2": 0.4, "learning_rate": 0.5, **a}, list(a))
    add("SGD", dict(gradient_accumulation_steps=2, learning_rate=S.PiecewiseConstantDecay([2], [0.5, 0.125])))
    out = []
    for cls, args, keys, more in table:
        if only and cls not in only:
            continue
        got, config = run_optimizer(keras, cls, args, **more)
        for key in (args if keys is None else keys):
            without, _ = run_optimizer(keras, cls, {k: v for k, v in args.items() if k != key}, **more)
            assert differ(got, without), f"{cls} {args}: {key} changes nothing"
        out.append({"class": cls, "keys": list(args) if keys is None else keys, "config": config, **got})
    for cls in own:
        try:
            got, config = run_optimizer(tf_keras, cls, {"jit_compile": True})
            out.append({"class": cls, "keys": ["jit_compile"], "config": config, "library": "tf_keras", **got})
        except Exception as e:
            print("tf_keras", cls, str(e)[:200])
        if hasattr(tf_keras.optimizers, cls):
            for a in around[:1] + [dict(adaptive_epsilon=True, epsilon=0.3)] * (cls == "Adam"):
                scale = {"learning_rate": 3.0} if cls == "Adadelta" else {}
                got, config = run_optimizer(tf_keras, cls, {**scale, **a})
                for key in a:
                    without, _ = run_optimizer(tf_keras, cls, {**scale, **{k: v for k, v in a.items() if k != key}})
                    assert differ(got, without), f"{cls} {a}: {key} changes nothing"
                out.append({"class": cls, "keys": list(a), "config": config, "library": "tf_keras", **got})
    write("optimizers.json", out)


# ---- schedules, regularizers, initializers

def schedules():
    S = keras.optimizers.schedules
    at = [0, 1, 3, 8, 10, 11, 20, 21, 29, 50]
    out = []
    r = dict(initial_learning_rate=0.5)
    for cls, base, variants in (
        ("ExponentialDecay", {**r, "decay_steps": 10, "decay_rate": 0.9}, [dict(decay_steps=7), dict(decay_rate=0.5), dict(staircase=True), dict(initial_learning_rate=0.1)]),
        ("InverseTimeDecay", {**r, "decay_steps": 10, "decay_rate": 0.9}, [dict(decay_steps=7), dict(decay_rate=0.5), dict(staircase=True), dict(initial_learning_rate=0.1)]),
        ("PiecewiseConstantDecay", {"boundaries": [10, 20], "values": [0.5, 0.3, 0.1]}, [dict(boundaries=[3, 21]), dict(values=[0.1, 0.2, 0.4]), dict(boundaries=[8.5, 20.5])]),
        ("PolynomialDecay", {**r, "decay_steps": 15}, [dict(decay_steps=7), dict(end_learning_rate=0.2), dict(power=2.5), dict(cycle=True), dict(initial_learning_rate=0.1), dict(cycle=True, power=0.5, end_learning_rate=0.1)]),
        ("CosineDecay", {**r, "decay_steps": 15}, [dict(decay_steps=7), dict(alpha=0.3), dict(warmup_target=0.9, warmup_steps=8), dict(warmup_target=0.9, warmup_steps=3, alpha=0.2), dict(initial_learning_rate=0.1)]),
        ("CosineDecayRestarts", {**r, "first_decay_steps": 6}, [dict(first_decay_steps=9), dict(t_mul=1.5), dict(t_mul=1.0), dict(m_mul=0.5), dict(alpha=0.3), dict(initial_learning_rate=0.1), dict(t_mul=1.0, m_mul=0.7, alpha=0.1)]),
    ):
        run = lambda a: [float(f"{float(getattr(S, cls)(**a)(tf.constant(i, 'int64'))):.7g}") for i in at]
        for v in [{}] + variants:
            rates = run({**base, **v})
            for key in v:
                if key == "warmup_steps":
                    continue  # Without a target it does nothing, and with one it must be there.
                other = run({**base, **{k: w for k, w in v.items() if k != key}})
                assert not np.allclose(rates, other, rtol=1e-3), (cls, v, key)
            out.append({"class": cls, "keys": list(v) or ["initial_learning_rate"] * ("initial_learning_rate" in base), "config": getattr(S, cls)(**{**base, **v}).get_config(), "rates": rates})
    (HERE / "schedules.json").write_text(json.dumps({"at": at, "cases": out}, separators=(",", ":")).replace('},{"class"', '},\n{"class"') + "\n")


def regularizers():
    x = array("matrix", (3, 4))
    out = []
    for cls, args in (("L1", dict(l1=0.25)), ("L2", dict(l2=0.3)), ("L1L2", dict(l1=0.1)), ("L1L2", dict(l2=0.2)), ("L1L2", dict(l1=0.1, l2=0.2)), ("OrthogonalRegularizer", dict(factor=0.5)),
                      ("OrthogonalRegularizer", dict(factor=0.5, mode="columns"))):
        made = getattr(keras.regularizers, cls)(**args)
        w = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = made(w)
        got = {"value": float(f"{float(value):.6g}"), "gradient": short(tape.gradient(value, w))}
        for key in args:
            other = getattr(keras.regularizers, cls)(**{k: v for k, v in args.items() if k != key})
            assert abs(float(other(w)) - float(value)) > 1e-3, (cls, args, key)
        out.append({"class": cls, "keys": list(args), "x": "matrix", "config": made.get_config(), **got})
    write("regularizers.json", out)


def initializers():
    """Values where they are certain; else mean, variance and the largest, of many draws."""
    shape = (5, 3, 40, 60)
    out = []
    axes = dict(input_axes=[0, 2], output_axes=[1, 3])
    table = [("Zeros", {}), ("Ones", {}), ("Constant", dict(value=0.7)), ("Identity", dict(gain=0.3)),
             ("RandomNormal", dict(mean=0.7)), ("RandomNormal", dict(stddev=0.4)), ("TruncatedNormal", dict(mean=0.7)), ("TruncatedNormal", dict(stddev=0.4)),
             ("RandomUniform", dict(minval=-0.9)), ("RandomUniform", dict(maxval=0.9)), ("Orthogonal", dict(gain=0.3))]
    table += [("VarianceScaling", a) for a in (dict(scale=3.0), dict(mode="fan_out"), dict(mode="fan_avg"), dict(distribution="uniform"), dict(distribution="untruncated_normal"),
                                               dict(distribution="normal"), axes, dict(mode="fan_out", **axes), dict(scale=0.5, mode="fan_avg", distribution="uniform", **axes))]
    for cls in ("GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"):
        table += [(cls, {}), (cls, axes), (cls, dict(input_axes=[0], output_axes=[3]))]
    for cls, args in table:
        certain = cls in ("Zeros", "Ones", "Constant", "Identity")
        size = (3, 4) if certain else (50, 30) if cls == "Orthogonal" else shape
        make = lambda a: getattr(keras.initializers, cls)(**(a if certain else {"seed": 3, **a}))

        def look(made):
            v = np.asarray(made(size, "float32"), "float64")
            return {"values": short(v)} if certain else {"mean": float(v.mean()), "variance": float(v.var()), "largest": float(np.abs(v).max())}

        made = make(args)
        config = {k: v for k, v in {**args, **made.get_config()}.items() if k in args}
        out.append({"class": cls, "keys": list(args), "config": config, "shape": list(size), **look(made)})
    write("initializers.json", out)


if __name__ == "__main__":
    import sys

    for name in sys.argv[1:] or ("layers", "sequences", "recurrent", "losses", "metrics", "optimizers", "schedules", "regularizers", "initializers"):
        globals()[name]()

#!/usr/bin/env python3
"""Write files as Keras 1.2 and layers for cuDNN have them, with what tf_keras predicts with their weights.

    python make_keras1.py [OUT]

Keras 1 does not run any more. Its configs here are as its 1.2.2 writes them; tf_keras 2.21 knows its layouts of weights (hdf5_format.py,
`preprocess_weights_for_loading`), loads them into the same model of its own layers, and predicts. Each case is NAME.h5 and NAME.npz (inputs x0.., outputs
y0..). `sorted` has the slots of Adam in the order of names, as Keras up to 2.0.5 has them: each is filled with a number that says whose it is.
"""
import io
import json
import os
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import h5py
import numpy as np
import tf_keras as K

L = K.layers
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(3)


def r(*shape):
    return RNG.normal(size=shape).astype("float32") * 0.4


def write(path, config, weights, version, backend="tensorflow", training=None, slots=()):
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"] = np.bytes_(version)
        f.attrs["backend"] = np.bytes_(backend)
        f.attrs["model_config"] = np.bytes_(json.dumps(config))
        if training:
            f.attrs["training_config"] = np.bytes_(json.dumps(training))
        g = f.create_group("model_weights")
        g.attrs["layer_names"] = np.array([name.encode() for name, _ in weights])
        for name, arrays in weights:
            layer = g.create_group(name)
            layer.attrs["weight_names"] = np.array([n.encode() for n, _ in arrays]) if arrays else np.zeros((0,))
            for n, array in arrays:
                layer[n] = array
        if slots:
            g = f.create_group("optimizer_weights")
            g.attrs["weight_names"] = np.array([n.encode() for n, _ in slots])
            for n, array in slots:
                g[n] = array


def save(name, config, weights, model, xs, version="1.2.2", turned=(), **more):
    """`turned`: layers whose kernels Theano turns, so that tf_keras is given them the other way around."""
    write(os.path.join(OUT, name + ".h5"), config, weights, version, **more)
    judged = os.path.join(OUT, "judged.h5")
    with h5py.File(judged, "w") as f:
        # Without a version, tf_keras takes a file for one of Keras 1.
        if not version.startswith("1"):
            f.attrs["keras_version"] = np.bytes_(version)
        f.attrs["layer_names"] = np.array([n.encode() for n, _ in weights])
        for n, arrays in weights:
            layer = f.create_group(n)
            layer.attrs["weight_names"] = np.array([w.encode() for w, _ in arrays]) if arrays else np.zeros((0,))
            for w, array in arrays:
                layer[w] = array[::-1, ::-1] if n in turned and array.ndim == 4 else array
    model.load_weights(judged)
    os.remove(judged)
    ys = model.predict(xs, verbose=0)
    ys = ys if isinstance(ys, list) else [ys]
    np.savez(os.path.join(OUT, name + ".npz"), **{f"x{i}": x for i, x in enumerate(xs)}, **{f"y{i}": y for i, y in enumerate(ys)})


def layer(cls, name, shape=None, **config):
    first = {"batch_input_shape": shape, "input_dtype": "float32"} if shape else {}
    return {"class_name": cls, "config": {"name": name, "trainable": True, **first, **config}}


PENALTIES = {"W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None}


def dense(name, units, activation="linear", shape=None):
    return layer("Dense", name, shape, output_dim=units, init="glorot_uniform", activation=activation, bias=True, input_dim=None, **PENALTIES)


def conv2d(name, filters, size, shape=None, cls="Convolution2D", border="valid", order="tf", **more):
    penalties = {**PENALTIES, "W_regularizer": {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.001},
                 "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}}
    return layer(cls, name, shape, nb_filter=filters, nb_row=size, nb_col=size, init="uniform", activation="relu", border_mode=border,
                 subsample=[1, 1], dim_ordering=order, bias=True, **penalties, **more)


def conv1d(name, filters, length, shape=None):
    return layer("Convolution1D", name, shape, nb_filter=filters, filter_length=length, init="normal", activation="relu", border_mode="same",
                 subsample_length=1, bias=True, input_dim=4, input_length=9, **PENALTIES)


def recurrent(cls, name, units, **more):
    forget = {"forget_bias_init": "one"} if cls == "LSTM" else {}
    return layer(cls, name, output_dim=units, init="glorot_uniform", inner_init="orthogonal", activation="tanh", inner_activation="hard_sigmoid",
                 W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.1, go_backwards=False, stateful=False,
                 unroll=False, consume_less="cpu", input_dim=6, input_length=7, **forget, **{"return_sequences": False, **more})


def weights_of(name, kernel, bias):
    return name, [(f"{name}_W", r(*kernel)), (f"{name}_b", r(bias))]


def gates(name, inputs, units, letters):
    return [(f"{name}_{kind}_{g}", a) for g in letters for kind, a in (("W", r(inputs, units)), ("U", r(units, units)), ("b", r(units)))]


def mlp():
    adam = {"class_name": "Adam", "config": {"lr": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}}
    normalization = layer("BatchNormalization", "bn", epsilon=0.001, mode=0, axis=-1, momentum=0.99, gamma_regularizer=None, beta_regularizer=None)
    config = [dense("dense_1", 6, "relu", [None, 5]), normalization, layer("Dropout", "drop", p=0.5), dense("dense_2", 3),
              layer("Activation", "act", activation="softmax")]
    norm = ("bn", [(f"bn_{n}", a) for n, a in zip(["gamma", "beta", "running_mean", "running_std"], [r(6), r(6), r(6), abs(r(6)) + 0.5])])
    weights = [weights_of("dense_1", (5, 6), 6), norm, ("drop", []), weights_of("dense_2", (6, 3), 3), ("act", [])]
    model = K.Sequential([K.Input((5,)), L.Dense(6, activation="relu"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(3), L.Activation("softmax")])
    training = {"optimizer_config": adam, "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None}
    save("keras1_mlp", {"class_name": "Sequential", "config": config}, weights, model, [r(4, 5)], training=training)


def convolutions(name, **more):
    pool = layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="tf")
    pad = layer("ZeroPadding2D", "pad", padding=[1, 1, 0, 2], dim_ordering="tf")
    config = [conv2d("c1", 4, 3, [None, 8, 8, 3]), pad, pool, conv2d("c2", 5, 2, border="same"),
              conv2d("c3", 3, 2, cls="AtrousConvolution2D", atrous_rate=[2, 2]), layer("Flatten", "flat"), dense("dense_1", 2)]
    weights = [weights_of("c1", (3, 3, 3, 4), 4), ("pad", []), ("pool", []), weights_of("c2", (2, 2, 4, 5), 5), weights_of("c3", (2, 2, 5, 3), 3),
               ("flat", []), weights_of("dense_1", (12, 2), 2)]
    model = K.Sequential([K.Input((8, 8, 3)), L.Conv2D(4, 3, activation="relu"), L.ZeroPadding2D(((1, 1), (0, 2))), L.MaxPooling2D(),
                          L.Conv2D(5, 2, padding="same", activation="relu"), L.Conv2D(3, 2, dilation_rate=2, activation="relu"), L.Flatten(), L.Dense(2)])
    save(name, {"class_name": "Sequential", "config": config}, weights, model, [r(2, 8, 8, 3)], **more)


def lines():
    config = [layer("Masking", "mask", [None, 9, 4], mask_value=-9.0), conv1d("k1", 6, 3), layer("MaxPooling1D", "pool", stride=2, pool_length=2, border_mode="valid"), conv1d("k2", 5, 4),
              layer("UpSampling1D", "up", length=2), layer("GlobalMaxPooling1D", "top"), layer("LeakyReLU", "leaky", alpha=0.2),
              layer("GaussianNoise", "noise", sigma=0.1)]
    # The second one as Keras 1.1 has it.
    weights = [("mask", []), weights_of("k1", (3, 1, 4, 6), 6), ("pool", []), weights_of("k2", (5, 6, 4, 1), 5), ("up", []), ("top", []), ("leaky", []), ("noise", [])]
    model = K.Sequential([K.Input((9, 4)), L.Conv1D(6, 3, padding="same", activation="relu"), L.MaxPooling1D(),
                          L.Conv1D(5, 4, padding="same", activation="relu"), L.UpSampling1D(2), L.GlobalMaxPooling1D(), L.LeakyReLU(0.2)])
    save("keras1_lines", {"class_name": "Sequential", "config": config}, weights, model, [r(3, 9, 4)])


def texts():
    words = layer("Embedding", "words", [None, 7], input_dim=11, output_dim=6, init="uniform", input_length=7, mask_zero=True, activity_regularizer=None,
                  W_regularizer=None, W_constraint=None, dropout=0.0)
    words["config"]["input_dtype"] = "int32"
    config = [words, layer("Bidirectional", "both", merge_mode="concat", layer=recurrent("LSTM", "lstm", 4, return_sequences=True)),
              layer("TimeDistributed", "each", layer=dense("dense_9", 5)), recurrent("GRU", "gru", 3), dense("dense_1", 1, "sigmoid")]
    weights = [("words", [("words_W", r(11, 6))]), ("both", gates("forward_lstm", 6, 4, "icfo") + gates("backward_lstm", 6, 4, "icfo")),
               ("each", weights_of("dense_9", (8, 5), 5)[1]), ("gru", gates("gru", 5, 3, "zrh")), weights_of("dense_1", (3, 1), 1)]
    hard = {"recurrent_activation": "hard_sigmoid"}
    model = K.Sequential([K.Input((7,)), L.Embedding(11, 6, mask_zero=True), L.Bidirectional(L.LSTM(4, return_sequences=True, **hard)),
                          L.TimeDistributed(L.Dense(5)), L.GRU(3, reset_after=False, **hard), L.Dense(1, activation="sigmoid")])
    save("keras1_texts", {"class_name": "Sequential", "config": config}, weights, model, [RNG.integers(0, 11, (4, 7)).astype("float32")])


def merges():
    def start(name, size):
        config = {"batch_input_shape": [None, size], "input_dtype": "float32", "sparse": False, "name": name}
        return {"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []}

    def merge(name, mode, of):
        config = {"name": name, "mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None, "output_shape_type": "raw",
                  "output_mask": None, "output_mask_type": "raw", "arguments": {}}
        return {"class_name": "Merge", "name": name, "config": config, "inbound_nodes": [[[n, 0, 0] for n in of]]}

    def apply(name, units, of):
        return dict(dense(name, units, "tanh"), name=name, inbound_nodes=[[[of, 0, 0]]])

    layers = [start("a", 5), start("b", 4), apply("d1", 4, "a"), merge("m1", "sum", ["d1", "b"]), merge("m2", "concat", ["m1", "b"]),
              merge("m3", "mul", ["d1", "b"]), merge("m4", "concat", ["m2", "m3"]), apply("d2", 2, "m4")]
    config = {"name": "model_1", "layers": layers, "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["d2", 0, 0]]}
    weights = [(n, []) for n in ("a", "b")] + [weights_of("d1", (5, 4), 4)] + [(f"m{i}", []) for i in (1, 2, 3, 4)] + [weights_of("d2", (12, 2), 2)]
    a, b = K.Input((5,)), K.Input((4,))
    h = L.Dense(4, activation="tanh")(a)
    y = L.Dense(2, activation="tanh")(L.concatenate([L.concatenate([L.add([h, b]), b]), L.multiply([h, b])]))
    save("keras1_merges", {"class_name": "Model", "config": config}, weights, K.Model([a, b], y), [r(3, 5), r(3, 4)])


def cudnn():
    def one(cls, name, units, **more):
        config = {"return_sequences": True, "return_state": False, "go_backwards": False, "stateful": False, "units": units}
        for key in ("kernel", "recurrent", "bias"):
            config[f"{key}_initializer"] = {"class_name": "Zeros", "config": {}}
            config[f"{key}_regularizer"] = config[f"{key}_constraint"] = None
        forget = {"unit_forget_bias": True} if "LSTM" in cls else {}
        return {"class_name": cls, "config": {"name": name, "trainable": True, "activity_regularizer": None, **config, **forget, **more}}

    def three(name, inputs, units, count):
        shapes = {"kernel": (inputs, units * count), "recurrent_kernel": (units, units * count), "bias": (2 * units * count,)}
        return [(f"{name}/{n}:0", r(*shape)) for n, shape in shapes.items()]

    last = {"units": 2, "activation": "linear", "use_bias": True, "kernel_initializer": {"class_name": "Zeros", "config": {}},
            "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
            "kernel_constraint": None, "bias_constraint": None}
    layers = [one("CuDNNLSTM", "l", 4, batch_input_shape=[None, 6, 3], dtype="float32"), one("CuDNNGRU", "g", 5),
              layer("Bidirectional", "both", merge_mode="concat", layer=one("CuDNNLSTM", "x", 2, return_sequences=False)), layer("Dense", "d", **last)]
    weights = [("l", three("l", 3, 4, 4)), ("g", three("g", 4, 5, 3)), ("both", three("both/forward_x", 5, 2, 4) + three("both/backward_x", 5, 2, 4)),
               ("d", [("d/kernel:0", r(4, 2)), ("d/bias:0", r(2))])]
    model = K.Sequential([K.Input((6, 3)), L.LSTM(4, return_sequences=True), L.GRU(5, return_sequences=True), L.Bidirectional(L.LSTM(2)), L.Dense(2)])
    save("cudnn", {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}}, weights, model, [r(3, 6, 3)], version="2.2.4")


def slots(name, optimizer, kinds, first, training="mse", version="2.0.5"):
    """Three layers whose names sort otherwise than they stand."""
    names = ["dense_10", "dense_9", "dense_1"]

    def dense_2(name, units, **more):
        return layer("Dense", name, units=units, activation="linear", use_bias=True, kernel_initializer={"class_name": "Zeros", "config": {}},
                     bias_initializer={"class_name": "Zeros", "config": {}}, kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                     kernel_constraint=None, bias_constraint=None, **more)

    layers = [dense_2("dense_10", 4, batch_input_shape=[None, 4], dtype="float32"), dense_2("dense_9", 4), dense_2("dense_1", 4)]
    kernel, bias = ("_W", "_b") if version.startswith("1") else ("/kernel:0", "/bias:0")
    weights = [(n, [(n + kernel, r(4, 4)), (n + bias, r(4))]) for n in names]
    variables = [(w, a, i) for i, (w, a) in enumerate(pair for _, arrays in weights for pair in arrays)]
    if version < "2.0.6":
        variables.sort()
    listed = [("iterations_1:0", np.float32(7))] if first else []
    for kind in range(kinds):
        for _, a, i in variables:
            listed.append((f"Variable_{len(listed)}:0", np.full_like(a, 10 * kind + i)))
    config = {"optimizer_config": optimizer, "loss": training, "metrics": [], "sample_weight_mode": None, "loss_weights": None}
    model = K.Sequential([K.Input((4,)), L.Dense(4), L.Dense(4), L.Dense(4)])
    save(name, {"class_name": "Sequential", "config": layers}, weights, model, [r(2, 4)], version=version, training=config, slots=listed)


def windows():
    """A `.keras` whose arrays tf.keras 2.14 wrote on Windows: the path of an object is the name of one group, with the system's separators."""
    K.utils.set_random_seed(1)
    model = K.Sequential([K.Input((6, 5)), L.Dense(4, activation="relu"), L.Bidirectional(L.LSTM(3)), L.Dense(2)])
    x = r(3, 6, 5)
    path = os.path.join(OUT, "windows.keras")
    model.save(path)
    np.savez(os.path.join(OUT, "windows.npz"), x0=x, y0=model.predict(x, verbose=0))
    with zipfile.ZipFile(path) as z:
        parts = {name: z.read(name) for name in z.namelist()}
    made = io.BytesIO()
    with h5py.File(io.BytesIO(parts["model.weights.h5"])) as old, h5py.File(made, "w") as new:
        def copy(name, found):
            if isinstance(found, h5py.Group) and name.endswith("/vars"):
                old.copy(found, new.require_group(name[:-5].replace("/", "\\")), "vars")
        old.visititems(copy)
        old.copy(old["vars"], new, "vars")
    parts["model.weights.h5"] = made.getvalue()
    with zipfile.ZipFile(path, "w") as z:
        for name, data in parts.items():
            z.writestr(zipfile.ZipInfo(name), data)


def today():
    """Files of today that have lost their version: a whole model of Keras 3, and weights of tf_keras."""
    import keras

    model = keras.Sequential([keras.Input((5, 5, 3)), keras.layers.Conv2D(3, 3), keras.layers.Conv2DTranspose(4, 2), keras.layers.Conv2DTranspose(4, 2)])
    x = r(2, 5, 5, 3)
    model.save(os.path.join(OUT, "today.h5"))
    np.savez(os.path.join(OUT, "today.npz"), x0=x, y0=model.predict(x, verbose=0))
    model = K.Sequential([K.Input((5, 5, 3)), L.Conv2D(3, 3)])
    model.save_weights(os.path.join(OUT, "today_weights.h5"))
    np.savez(os.path.join(OUT, "today_weights.npz"), x0=x, y0=model.predict(x, verbose=0))
    for name in ("today.h5", "today_weights.h5"):
        with h5py.File(os.path.join(OUT, name), "a") as f:
            for group in (f, f.get("model_weights")):
                if group is not None and "keras_version" in group.attrs:
                    del group.attrs["keras_version"]


def main():
    today()
    windows()
    mlp()
    convolutions("keras1_images")
    convolutions("theano", backend="theano", turned=("c1", "c2", "c3"))
    lines()
    texts()
    merges()
    cudnn()
    slots("sorted", {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}}, 2, True)
    slots("keras1_slots", {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}}, 2, True,
          version="1.2.2")
    slots("uncounted", {"class_name": "RMSprop", "config": {"lr": 0.01, "rho": 0.9, "epsilon": 1e-8, "decay": 0.0}}, 1, False, version="2.1.6")


if __name__ == "__main__":
    main()

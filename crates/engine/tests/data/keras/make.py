"""Reference numbers and configs of the real Keras 3 for crates/engine/tests/keras.

Run with keras 3.15, tf_keras 2.21 and tensorflow-cpu: `python make.py`; writes the .json files beside it. Computed in float64 where Keras can.
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def numbers(x):
    return [float(v) for v in np.asarray(x, dtype="float64").ravel()]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=None, separators=(",", ":")) + "\n")


def activations():
    from keras.src.activations import ALL_OBJECTS_DICT

    points = [-4, -2.75, -1.4, -0.25, 0.3, 0.9, 2.75, 4, 6.5, -0.6]
    cases = [[n, {}] for n in sorted(ALL_OBJECTS_DICT) if n not in ("threshold",)]
    cases += [
        ["relu", {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5}],
        ["relu", {"negative_slope": 0.25, "threshold": -1.0}],
        ["relu", {"max_value": 2.0, "threshold": -1.0}],
        ["leaky_relu", {"negative_slope": 0.01}],
        ["elu", {"alpha": 0.7}],
        ["celu", {"alpha": 0.7}],
        ["gelu", {"approximate": True}],
        ["hard_shrink", {"threshold": 1.0}],
        ["soft_shrink", {"threshold": 1.0}],
        ["squareplus", {"b": 0.3}],
        ["threshold", {"threshold": 0.4, "default_value": 7.0}],
        ["softmax", {"axis": 0}],
        ["log_softmax", {"axis": 0}],
        ["sparsemax", {"axis": 0}],
        ["glu", {"axis": 0}],
    ]
    weights = rng.normal(size=(2, 5))
    out = []
    for name, args in cases:
        fn = ALL_OBJECTS_DICT[name]
        x = tf.constant(np.array(points).reshape(2, 5) if name != "glu" or args else np.array(points[:8]).reshape(2, 4))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = fn(x, **args)
            w = weights[: y.shape[0], : y.shape[1]]
            total = tf.reduce_sum(y * w)
        out.append({"name": name, "args": args, "shape": list(x.shape), "x": numbers(x), "y": numbers(y),
                    "y_shape": list(y.shape), "w": numbers(w), "grad": numbers(tape.gradient(total, x))})
    write("activations.json", out)


def losses():
    L = keras.losses
    p = rng.uniform(0.05, 0.95, size=(4, 3))
    q = rng.normal(size=(4, 3)) * 2
    hot = np.eye(3)[[2, 0, 1, 1]]
    yes = rng.integers(0, 2, size=(4, 3)).astype("float64")
    real = rng.normal(size=(4, 3)) * 1.5
    signs = yes * 2 - 1
    labels = np.array([2, 0, 1, 1])
    seq = rng.normal(size=(2, 3, 4))
    seq_labels = np.array([[0, 3, 255], [1, 255, 2]])
    cases = [
        ("SparseCategoricalCrossentropy", {}, labels, p),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, labels, q),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, labels.reshape(4, 1), q),
        ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 255}, seq_labels, seq),
        ("SparseCategoricalCrossentropy", {"ignore_class": 1}, labels, p),
        ("CategoricalCrossentropy", {}, hot, p),
        ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, hot, q),
        ("BinaryCrossentropy", {}, yes, p),
        ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, yes, q),
        ("BinaryCrossentropy", {}, yes[:, 0], p[:, :1]),
        ("BinaryFocalCrossentropy", {}, yes, p),
        ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "from_logits": True}, yes, q),
        ("CategoricalFocalCrossentropy", {}, hot, p),
        ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1, "gamma": 3.0}, hot, q),
        ("MeanSquaredError", {}, real, q),
        ("MeanSquaredError", {"reduction": "sum"}, real[:, 0], q[:, :1]),
        ("MeanAbsoluteError", {}, real, q),
        ("MeanAbsolutePercentageError", {}, real, q),
        ("MeanSquaredLogarithmicError", {}, np.abs(real), np.abs(q)),
        ("Huber", {}, real, q),
        ("Huber", {"delta": 0.4}, real, q),
        ("LogCosh", {}, real, q),
        ("Hinge", {}, signs, q),
        ("Hinge", {}, yes, q),
        ("SquaredHinge", {}, yes, q),
        ("CategoricalHinge", {}, hot, q),
        ("KLDivergence", {}, p / p.sum(-1, keepdims=True), rng.uniform(0.1, 0.9, size=(4, 3))),
        ("Poisson", {}, np.abs(real), p),
        ("CosineSimilarity", {}, real, q),
        ("CosineSimilarity", {"axis": 0}, real, q),
        ("Dice", {}, yes, p),
        ("Dice", {"axis": -1}, yes, p),
        ("Tversky", {}, yes, p),
        ("Tversky", {"alpha": 0.3, "beta": 0.9, "axis": [1]}, yes, p),
    ]
    out = []
    for name, args, t, y in cases:
        kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in args.items()}
        loss = getattr(L, name)(**kwargs)
        y = tf.constant(y)
        with tf.GradientTape() as tape:
            tape.watch(y)
            total = loss(t, y)
        values = loss.call(tf.constant(np.asarray(t, "float64")), y)
        out.append({"name": name, "args": args, "t": numbers(t), "t_shape": list(np.shape(t)), "y": numbers(y),
                    "y_shape": list(y.shape), "values": numbers(values), "loss": float(total),
                    "grad": numbers(tape.gradient(total, y))})
    # Losses that look back to the logits: far beyond where probabilities are rounded to 0 and 1.
    far = np.array([[60.0, -30.0, 2.0], [-50.0, 40.0, 1.0]])
    back = []
    for name, t, f in [
        ("SparseCategoricalCrossentropy", np.array([1, 2]), "softmax"),
        ("CategoricalCrossentropy", np.eye(3)[[1, 2]], "softmax"),
        ("BinaryCrossentropy", np.array([[0.0, 1, 0], [1, 0, 1]]), "sigmoid"),
    ]:
        x = tf.constant(far)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = getattr(L, name)()(t, keras.activations.get(f)(x))
        back.append({"name": name, "activation": f, "t": numbers(t), "t_shape": list(t.shape), "x": numbers(x),
                     "x_shape": list(x.shape), "loss": float(total), "grad": numbers(tape.gradient(total, x))})
    write("losses.json", {"cases": out, "from_activations": back})


def metrics():
    # TensorFlow's in_top_k takes float32 alone.
    keras.config.set_floatx("float32")
    M = keras.metrics
    p1, p2 = rng.uniform(0.05, 0.95, size=(2, 4, 6))
    hot = np.eye(6)[[2, 0, 5, 1]]
    hot2 = np.eye(6)[[3, 3, 4, 0]]
    yes, yes2 = rng.integers(0, 2, size=(2, 4, 6)).astype("float64")
    real, real2 = rng.normal(size=(2, 4, 6))
    lab, lab2 = np.array([2, 0, 5, 1]), np.array([3, 3, 4, 0])
    weights = [np.array([1.0, 0.5, 0.0, 2.0]), np.array([0.3, 1.0, 1.0, 0.7])]
    cases = [
        ("Accuracy", {}, np.round(real), np.round(real + 0.3), np.round(real2), np.round(real2 + 0.3)),
        ("BinaryAccuracy", {}, yes, p1, yes2, p2),
        ("BinaryAccuracy", {"threshold": 0.3}, yes, p1, yes2, p2),
        ("BinaryAccuracy", {}, yes[:, 0], p1[:, :1], yes2[:, 0], p2[:, :1]),
        ("CategoricalAccuracy", {}, hot, p1 + hot * 0.4, hot2, p2 + hot2 * 0.4),
        ("SparseCategoricalAccuracy", {}, lab, p1 + hot * 0.4, lab2, p2 + hot2 * 0.4),
        ("SparseCategoricalAccuracy", {}, lab.reshape(4, 1), p1 + hot * 0.4, lab2.reshape(4, 1), p2 + hot2 * 0.4),
        ("TopKCategoricalAccuracy", {"k": 2}, hot, p1, hot2, p2),
        ("SparseTopKCategoricalAccuracy", {"k": 3}, lab, p1, lab2, p2),
        ("SparseTopKCategoricalAccuracy", {}, lab, p1, lab2, p2),
        ("Precision", {}, yes, p1, yes2, p2),
        ("Precision", {"thresholds": 0.7}, yes, p1, yes2, p2),
        ("Recall", {}, yes, p1, yes2, p2),
        ("Recall", {"class_id": 2}, yes, p1, yes2, p2),
        ("TruePositives", {}, yes, p1, yes2, p2),
        ("TrueNegatives", {}, yes, p1, yes2, p2),
        ("FalsePositives", {}, yes, p1, yes2, p2),
        ("FalseNegatives", {"thresholds": 0.2}, yes, p1, yes2, p2),
        ("MeanSquaredError", {}, real, p1, real2, p2),
        ("RootMeanSquaredError", {}, real, p1, real2, p2),
        ("MeanAbsoluteError", {}, real, p1, real2, p2),
        ("MeanAbsolutePercentageError", {}, real, p1, real2, p2),
        ("MeanSquaredLogarithmicError", {}, yes, p1, yes2, p2),
        ("CosineSimilarity", {}, real, p1, real2, p2),
        ("LogCoshError", {}, real, p1, real2, p2),
        ("Hinge", {}, yes, p1, yes2, p2),
        ("SquaredHinge", {}, yes, p1, yes2, p2),
        ("CategoricalHinge", {}, hot, p1, hot2, p2),
        ("KLDivergence", {}, p2, p1, p1, p2),
        ("Poisson", {}, yes, p1, yes2, p2),
        ("BinaryCrossentropy", {}, yes, p1, yes2, p2),
        ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, yes, real, yes2, real2),
        ("CategoricalCrossentropy", {"label_smoothing": 0.1}, hot, p1, hot2, p2),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, lab, real, lab2, real2),
        ("SparseCategoricalCrossentropy", {"ignore_class": 0}, lab, p1, lab2, p2),
    ]
    out = []
    for name, args, *data in cases:
        data = [d.astype("float32") if d.dtype == "float64" else d for d in data]
        plain, weighted = getattr(M, name)(**args), getattr(M, name)(**args)
        for i in (0, 1):
            plain.update_state(data[2 * i], data[2 * i + 1])
            weighted.update_state(data[2 * i], data[2 * i + 1], sample_weight=weights[i])
        out.append({"name": name, "args": args, "t_shape": list(data[0].shape), "y_shape": list(data[1].shape),
                    "data": [numbers(d) for d in data], "plain": float(plain.result()), "weighted": float(weighted.result())})
    keras.config.set_floatx("float64")
    write("metrics.json", {"weights": [numbers(w) for w in weights], "cases": out})


def optimizers():
    O = keras.optimizers
    start = [rng.normal(size=(2, 3)), rng.normal(size=(3,))]
    steps = [[rng.normal(size=(2, 3)), rng.normal(size=(3,)) * 0.1] for _ in range(5)]
    rate = 0.0625  # exact in float32
    schedule = {"module": "keras.optimizers.schedules", "class_name": "PiecewiseConstantDecay", "registered_name": None,
                "config": {"boundaries": [1, 3], "values": [0.5, 0.25, 0.125], "name": "PiecewiseConstant"}}
    cases = [
        ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("SGD", {"weight_decay": 0.1, "clipvalue": 0.5}), ("SGD", {"learning_rate": schedule}),
        ("Adam", {}), ("Adam", {"amsgrad": True, "beta_2": 0.5}), ("Adam", {"weight_decay": 0.01, "clipnorm": 0.7}),
        ("Adam", {"global_clipnorm": 0.9, "epsilon": 0.01}), ("Adam", {"learning_rate": schedule, "weight_decay": 0.01}),
        ("AdamW", {}), ("AdamW", {"weight_decay": 0.3, "beta_1": 0.8}),
        ("Adamax", {}), ("Nadam", {}), ("Nadam", {"beta_1": 0.7, "weight_decay": 0.1}),
        ("RMSprop", {}), ("RMSprop", {"momentum": 0.5}), ("RMSprop", {"centered": True}),
        ("RMSprop", {"centered": True, "momentum": 0.5, "rho": 0.7, "weight_decay": 0.1}),
        ("Adagrad", {}), ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 0.001}),
        ("Adadelta", {}), ("Adadelta", {"rho": 0.5, "epsilon": 0.01}),
        ("Ftrl", {}), ("Ftrl", {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2, "beta": 0.1,
                               "l2_shrinkage_regularization_strength": 0.1, "learning_rate_power": -0.7}),
        ("Lion", {}), ("Lion", {"beta_1": 0.5, "weight_decay": 0.1}),
    ]
    out = []
    for name, args in cases:
        kwargs = {"learning_rate": rate, **args}
        if isinstance(kwargs["learning_rate"], dict):
            kwargs["learning_rate"] = keras.saving.deserialize_keras_object(kwargs["learning_rate"])
        optimizer = getattr(O, name)(**kwargs)
        variables = [keras.Variable(s, name=n) for s, n in zip(start, "wb")]
        trace = []
        for gradients in steps:
            optimizer.apply(list(map(tf.constant, gradients)), variables)
            slots = [v for v in optimizer.variables if v.path.split("/")[-1] not in ("iteration", "learning_rate")]
            trace.append({"parameters": [numbers(v) for v in variables], "slots": [numbers(v) for v in slots]})
        out.append({"name": name, "args": {"learning_rate": rate, **args}, "config": optimizer.get_config() if not isinstance(
            args.get("learning_rate"), dict) else None, "slot_names": [v.path.split("/")[-1] for v in slots], "steps": trace})
    write("optimizers.json", {"start": [numbers(s) for s in start], "gradients": [[numbers(g) for g in s] for s in steps],
                              "cases": out})
    S = O.schedules
    cases = [
        ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9}),
        ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9, "staircase": True}),
        ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9}),
        ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9, "staircase": True}),
        ("PiecewiseConstantDecay", {"boundaries": [10, 20], "values": [0.1, 0.01, 0.001]}),
        ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
        ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "power": 2.0, "cycle": True, "end_learning_rate": 0.01}),
        ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "alpha": 0.1}),
        ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 20, "warmup_target": 0.2, "warmup_steps": 8}),
        ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "m_mul": 0.8, "alpha": 0.05}),
        ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 9, "t_mul": 1.0}),
    ]
    at = [0, 1, 3, 8, 10, 11, 20, 21, 29, 50]
    write("schedules.json", {"at": at, "cases": [
        {"name": n, "args": a, "config": keras.saving.serialize_keras_object(getattr(S, n)(**a)),
         "rates": [float(getattr(S, n)(**a)(tf.constant(i, "int64"))) for i in at]} for n, a in cases]})


def with_others(layer, inputs, apart):
    """A case of a layer that has others inside, or is called with states: what it makes, its first output alone."""
    first, states = inputs[0], inputs[1:]

    def called():
        if isinstance(layer, keras.layers.MultiHeadAttention):
            return layer(*inputs)
        if "Attention" in type(layer).__name__:
            return layer(inputs)
        y = layer(first, states) if "Cell" in type(layer).__name__ else layer(first, initial_state=states) if states else layer(first)
        return y[0] if isinstance(y, (list, tuple)) else y

    called()
    for w in layer.weights:
        w.assign(apart.normal(size=w.shape))
    y = called()
    return {"name": type(layer).__name__, "args": {}, "config": json.loads(json.dumps(layer.get_config())),
            "x": [{"shape": list(i.shape), "data": numbers(i)} for i in inputs],
            "weights": [{"name": w.name, "shape": list(w.shape), "data": numbers(w)} for w in layer.weights],
            "y": numbers(y), "y_shape": list(y.shape), "losses": []}


def layers():
    K = keras.layers
    x = rng.normal(size=(2, 3, 4))
    flat = rng.normal(size=(2, 4))
    cases = [
        ("Dense", {"units": 3, "activation": "tanh"}, [x]),
        ("Dense", {"units": 2, "use_bias": False, "activation": {"module": "keras.layers", "class_name": "LeakyReLU",
                   "config": {"negative_slope": 0.2}, "registered_name": None}}, [flat]),
        ("Flatten", {}, [x]), ("Flatten", {"data_format": "channels_first"}, [x]),
        ("Activation", {"activation": "mish"}, [x]), ("Identity", {}, [x]),
        ("Reshape", {"target_shape": [2, -1]}, [x]), ("Permute", {"dims": [2, 1]}, [x]),
        ("RepeatVector", {"n": 3}, [flat]), ("Rescaling", {"scale": 0.5, "offset": 2.0}, [x]),
        ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, [x]),
        ("LeakyReLU", {}, [x]), ("ELU", {"alpha": 0.5}, [x]),
        ("PReLU", {"alpha_initializer": "ones"}, [x]), ("PReLU", {"shared_axes": [1]}, [x]),
        ("Softmax", {}, [x]), ("Softmax", {"axis": 1}, [x]), ("Softmax", {"axis": [1, 2]}, [x]),
        ("Add", {}, [x, x * 2, x + 1]), ("Add", {}, [x, flat]), ("Subtract", {}, [x, x * 3]), ("Multiply", {}, [x, x + 1]),
        ("Average", {}, [x, x + 1, x * 2]), ("Maximum", {}, [x, -x]), ("Minimum", {}, [x, -x]),
        ("Concatenate", {}, [x, x + 1]), ("Concatenate", {"axis": 1}, [x, x * 2, x + 1]),
        ("UnitNormalization", {}, [x]), ("UnitNormalization", {"axis": [1, 2]}, [x]),
        ("LayerNormalization", {}, [x]), ("LayerNormalization", {"axis": [1, 2], "epsilon": 0.1, "scale": False}, [x]),
        ("LayerNormalization", {"rms_scaling": True}, [x]), ("LayerNormalization", {"axis": 1, "center": False}, [x]),
        ("Dropout", {"rate": 0.3}, [x]), ("GaussianNoise", {"stddev": 0.3}, [x]), ("GaussianDropout", {"rate": 0.3}, [x]),
        ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, [x]),
    ]
    image = np.random.default_rng(11).normal(size=(2, 6, 7, 4))
    cases += [
        ("Conv2D", {"filters": 3, "kernel_size": 3}, [image]),
        ("Conv2D", {"filters": 5, "kernel_size": [2, 3], "strides": 2, "padding": "same", "activation": "tanh"}, [image]),
        ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": [1, 3], "padding": "SAME", "use_bias": False}, [image]),
        ("Conv2D", {"filters": 3, "kernel_size": [3, 2], "dilation_rate": [2, 3], "padding": "same"}, [image]),
        ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2}, [image]),
        ("MaxPooling2D", {}, [image]), ("MaxPooling2D", {"pool_size": [3, 2], "strides": [2, 3], "padding": "same"}, [image]),
        ("AveragePooling2D", {"pool_size": 2}, [image]),
        ("AveragePooling2D", {"pool_size": [3, 4], "strides": 2, "padding": "same"}, [image]),
        ("GlobalAveragePooling2D", {}, [image]), ("GlobalAveragePooling2D", {"data_format": "channels_first", "keepdims": True}, [image]),
        ("GlobalMaxPooling2D", {}, [image]), ("GlobalMaxPooling2D", {"keepdims": True}, [image]),
        ("BatchNormalization", {}, [image]), ("BatchNormalization", {"axis": 1, "epsilon": 0.1, "scale": False}, [x]),
        ("BatchNormalization", {"center": False}, [flat]),
    ]
    # Layers with others inside are given whole; their numbers are drawn apart, so that those above stay.
    apart, older = np.random.default_rng(29), len(cases)
    steps, words = apart.normal(size=(2, 5, 3)), apart.integers(0, 7, size=(2, 5)).astype("float64")
    state, cell = apart.normal(size=(2, 4)), apart.normal(size=(2, 4))
    steps[0, 2], steps[1, 3:] = 0.0, 0.0
    cases += [
        ("Embedding", {"input_dim": 7, "output_dim": 3}, [words]),
        ("Masking", {}, [steps]), ("SimpleRNN", {"units": 4}, [steps]),
        ("LSTM", {"units": 4, "return_sequences": True}, [steps]), ("LSTM", {"units": 4, "return_sequences": True, "go_backwards": True}, [steps, state, cell]),
        ("GRU", {"units": 4, "return_sequences": True}, [steps]), ("GRU", {"units": 4, "reset_after": False}, [steps, state]),
        ("SimpleRNNCell", {"units": 4}, [steps[:, 0], state]), ("LSTMCell", {"units": 4}, [steps[:, 0], state, cell]), ("GRUCell", {"units": 4}, [steps[:, 0], state]),
        ("RNN", {"cell": K.LSTMCell(4), "return_sequences": True}, [steps]),
        ("RNN", {"cell": [K.LSTMCell(4), K.GRUCell(2)], "return_sequences": True}, [steps]),
        ("StackedRNNCells", {"cells": [K.SimpleRNNCell(4), K.GRUCell(4)]}, [steps[:, 0], state, cell]),
        ("Bidirectional", {"layer": K.LSTM(4, return_sequences=True)}, [steps]), ("Bidirectional", {"layer": K.GRU(4), "merge_mode": "mul"}, [steps, state, cell]),
        ("TimeDistributed", {"layer": K.Dense(2, activation="tanh", name="inner")}, [steps]),
    ]
    newer, own = len(cases), np.random.default_rng(31)
    query, value, key, long = (own.normal(size=s) for s in ((2, 3, 4), (2, 5, 4), (2, 5, 4), (2, 6, 4)))
    cases += [
        ("AdditiveAttention", {}, [query, value]), ("AdditiveAttention", {"use_scale": False}, [query, value, key]),
        ("Attention", {}, [query, value]), ("Attention", {"use_scale": True, "score_mode": "concat"}, [query, value, key]),
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [query, value]),
        ("MultiHeadAttention", {"num_heads": 3, "key_dim": 2, "value_dim": 5, "output_shape": 3, "sliding_window": 2}, [query, value, key]),
        ("Conv1D", {"filters": 3, "kernel_size": 3}, [long]), ("Conv1D", {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same", "groups": 2, "activation": "tanh"}, [long]),
        ("Conv1D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "causal", "use_bias": False}, [long]),
        ("MaxPooling1D", {}, [long]), ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, [long]),
        ("AveragePooling1D", {"pool_size": 3}, [long]), ("AveragePooling1D", {"pool_size": 4, "strides": 1, "padding": "same"}, [long]),
        ("GlobalAveragePooling1D", {}, [long]), ("GlobalAveragePooling1D", {"data_format": "channels_first", "keepdims": True}, [long]),
        ("GlobalMaxPooling1D", {}, [long]), ("GlobalMaxPooling1D", {"keepdims": True}, [long]),
    ]
    out = []
    for number, (name, args, inputs) in enumerate(cases):
        if number >= older:
            out.append(with_others(getattr(K, name)(**args), inputs, apart if number < newer else own))
            continue
        kwargs = dict(args)
        if isinstance(kwargs.get("activation"), dict):
            kwargs["activation"] = keras.saving.deserialize_keras_object(kwargs["activation"])
        if isinstance(kwargs.get("axis"), list):
            kwargs["axis"] = tuple(kwargs["axis"])
        layer = getattr(K, name)(**kwargs)
        y = layer(inputs if len(inputs) > 1 else inputs[0])
        for w in layer.weights:
            w.assign(np.abs(rng.normal(size=w.shape)) if w.name == "moving_variance" else rng.normal(size=w.shape))
        y = layer(inputs if len(inputs) > 1 else inputs[0])
        out.append({"name": name, "args": args, "config": layer.get_config(),
                    "x": [{"shape": list(i.shape), "data": numbers(i)} for i in inputs],
                    "weights": [{"name": w.name, "shape": list(w.shape), "data": numbers(w)} for w in layer.weights],
                    "y": numbers(y), "y_shape": list(y.shape), "losses": numbers(sum(layer.losses)) if layer.losses else []})
    write("layers.json", out)


def configs():
    """Serialized objects as Keras writes them by default, in float32."""
    keras.config.set_floatx("float32")
    keras.utils.clear_session()
    K = keras.layers
    made = {
        "layers": [K.BatchNormalization(), K.MaxPooling2D(), K.AveragePooling2D((2, 3), strides=1, padding="same"),
                   K.GlobalAveragePooling2D(), K.GlobalMaxPooling2D(keepdims=True), K.Conv2D(3, 3), K.Conv2D(4, (2, 3), strides=(2, 1), padding="same", groups=2, use_bias=False, activation="relu"),
                   K.Dense(3), K.Dense(3, "relu", kernel_regularizer="l2", bias_regularizer=keras.regularizers.L1(0.5),
                   kernel_initializer=keras.initializers.HeNormal(seed=3)), K.Dropout(0.5), K.Flatten(), K.Activation("relu"),
                   K.InputLayer(shape=(4,)), K.Reshape((6, 2)), K.ReLU(), K.LeakyReLU(), K.ELU(), K.PReLU(), K.Softmax(), K.Add(),
                   K.Subtract(), K.Multiply(), K.Average(), K.Maximum(), K.Minimum(), K.Concatenate(), K.Rescaling(0.5),
                   K.GaussianNoise(0.1), K.GaussianDropout(0.1), K.ActivityRegularization(), K.Permute((2, 1)), K.RepeatVector(3),
                   K.Identity(), K.UnitNormalization(), K.LayerNormalization(),
                   K.Embedding(7, 3), K.Masking(), K.SimpleRNN(3), K.LSTM(3, return_sequences=True, dropout=0.25), K.GRU(3, kernel_regularizer="l2"),
                   K.SimpleRNNCell(3), K.LSTMCell(3), K.GRUCell(3, reset_after=False), K.RNN(K.LSTMCell(3), return_state=True),
                   K.StackedRNNCells([K.GRUCell(3), K.SimpleRNNCell(2)]), K.Bidirectional(K.GRU(2), merge_mode="sum"), K.TimeDistributed(K.Dense(2)),
                   K.AdditiveAttention(), K.Attention(use_scale=True, score_mode="concat"), K.MultiHeadAttention(2, 3), K.MultiHeadAttention(3, 2, value_dim=5, output_shape=4, sliding_window=2, dropout=0.25, kernel_regularizer="l2", seed=3),
                   K.AveragePooling1D(3, strides=1), K.Conv1D(3, 3), K.Conv1D(4, 2, padding="causal", dilation_rate=2, groups=2, use_bias=False, activation="relu"),
                   K.GlobalAveragePooling1D(), K.GlobalMaxPooling1D(keepdims=True), K.MaxPooling1D()],
        "losses": [getattr(keras.losses, n)() for n in (
            "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge "
            "CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
            "MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge Tversky").split()],
        "metrics": [getattr(keras.metrics, n)() for n in (
            "Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy CategoricalHinge "
            "CosineSimilarity FalseNegatives FalsePositives Hinge KLDivergence LogCoshError MeanAbsoluteError "
            "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson Precision Recall RootMeanSquaredError "
            "SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SquaredHinge "
            "TopKCategoricalAccuracy TrueNegatives TruePositives").split()],
        "optimizers": [getattr(keras.optimizers, n)() for n in
                       "SGD Adam AdamW Adamax Nadam RMSprop Adagrad Adadelta Ftrl Lion Lamb Adafactor Muon ScheduleFreeAdamW".split()],
        "initializers": [getattr(keras.initializers, n)() for n in (
            "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling GlorotUniform GlorotNormal HeNormal "
            "HeUniform LecunNormal LecunUniform Orthogonal Identity").split()],
        "regularizers": [getattr(keras.regularizers, n)() for n in "L1 L2 L1L2 OrthogonalRegularizer".split()],
    }
    write("configs.json", {k: [keras.saving.serialize_keras_object(o) for o in v] for k, v in made.items()})
    x = rng.normal(size=(3, 4))
    cases = [("L1", {"l1": 0.25}), ("L2", {"l2": 0.3}), ("L1L2", {"l1": 0.1, "l2": 0.2}), ("L1L2", {}),
             ("OrthogonalRegularizer", {"factor": 0.5}), ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"})]
    write("regularizers.json", {"x": numbers(np.float32(x)), "shape": [3, 4], "cases": [
        {"name": n, "args": a, "value": float(getattr(keras.regularizers, n)(**a)(tf.constant(x, "float32")))} for n, a in cases]})


def training():
    """Three epochs of a small convnet, whose last batch is smaller, in both libraries. (Keras 2's kernel for images knows float32 only.)"""
    keras.config.set_floatx("float64")
    import tf_keras
    local = np.random.default_rng(23)
    x = local.normal(size=(10, 6, 5, 2)).astype("float32")
    y = local.normal(size=(10, 2)).astype("float32")
    cases, start = [], None
    for library in (keras, tf_keras):
        for frozen in ([], [1], [1, 6]):
            K = library.layers
            layers = [K.Conv2D(3, 2), K.BatchNormalization(momentum=0.8), K.ReLU(), K.MaxPooling2D(2, strides=1, padding="same"),
                      K.AveragePooling2D(2), K.Flatten(), K.BatchNormalization(momentum=0.6, epsilon=0.1), K.Dense(2)]
            model = library.Sequential([K.Input((6, 5, 2))] + layers)
            if start is None:
                start = [np.float32(local.uniform(0.5, 1.5, w.shape) if "variance" in w.name else local.normal(size=w.shape) / 2) for w in model.weights]
            model.set_weights(start)
            for i in frozen:
                layers[i].trainable = False
            model.compile(optimizer=library.optimizers.SGD(0.05), loss="mse")
            history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
            cases.append({"library": library.__name__, "frozen": frozen, "losses": history,
                          "evaluation": model.evaluate(x, y, batch_size=4, verbose=0), "predictions": numbers(model.predict(x, verbose=0)),
                          "weights": [{"name": w.name.split("/")[-1].split(":")[0], "data": numbers(w)} for l in layers for w in l.weights]})
    write("training.json", {"x": numbers(x), "y": numbers(y), "start": [numbers(w) for w in start], "cases": cases})


activations()
losses()
metrics()
optimizers()
layers()
configs()
training()

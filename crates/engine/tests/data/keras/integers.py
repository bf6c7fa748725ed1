"""What Keras 3 and tf_keras make of integer inputs, layer by layer: writes integers.json beside this file.

Where a library refuses a type, `refused` says so, and `y` is what it makes of the same numbers as floats.

Usage: KERAS_BACKEND=tensorflow python integers.py
"""

import json
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tf_keras

VECTOR, IMAGE, STEPS, LONG = [4], [2, 4, 2], [3, 2], [5, 2]
RANGES = {"int32": (-9, 9), "uint8": (0, 250), "bool": (0, 2), "int64": (-9, 9), "int8": (-120, 120), "float32": (-9, 9)}
ONE = [["int32"], ["uint8"], ["bool"]]
TWO = [["int32", "int32"], ["uint8", "uint8"], ["bool", "bool"], ["int32", "float32"], ["uint8", "float32"],
       ["bool", "int32"], ["int8", "uint8"]]


def layers(k):
    one = [
        ("Activation", VECTOR, {"activation": "linear"}),
        ("Activation", VECTOR, {"activation": "relu"}),
        ("Activation", VECTOR, {"activation": "tanh"}),
        ("ActivityRegularization", VECTOR, {}),
        ("AveragePooling2D", IMAGE, {"pool_size": 2}),
        ("BatchNormalization", VECTOR, {}),
        ("Conv2D", IMAGE, {"filters": 2, "kernel_size": 2}),
        ("Dense", VECTOR, {"units": 3}),
        ("Dropout", VECTOR, {"rate": 0.5}),
        ("ELU", VECTOR, {}),
        ("Flatten", IMAGE, {}),
        ("Flatten", IMAGE, {"data_format": "channels_first"}),
        ("GaussianDropout", VECTOR, {"rate": 0.5}),
        ("GaussianNoise", VECTOR, {"stddev": 0.5}),
        ("GlobalAveragePooling2D", IMAGE, {}),
        ("GlobalMaxPooling2D", IMAGE, {}),
        ("Identity", VECTOR, {}),
        ("LayerNormalization", VECTOR, {}),
        ("LeakyReLU", VECTOR, {}),
        ("MaxPooling2D", IMAGE, {"pool_size": 2}),
        ("PReLU", VECTOR, {}),
        ("Permute", IMAGE, {"dims": [2, 3, 1]}),
        ("ReLU", VECTOR, {}),
        ("ReLU", VECTOR, {"max_value": 3.0}),
        ("ReLU", VECTOR, {"max_value": 2.5}),
        ("ReLU", VECTOR, {"negative_slope": 0.25}),
        ("RepeatVector", VECTOR, {"n": 2}),
        ("Rescaling", VECTOR, {"scale": 0.5, "offset": 1.0}),
        ("Reshape", IMAGE, {"target_shape": [-1, 2]}),
        ("Softmax", VECTOR, {}),
        ("UnitNormalization", VECTOR, {}),
    ]
    recurrent = [
        ("Embedding", VECTOR, {"input_dim": 250, "output_dim": 1}),
        ("Masking", STEPS, {}),
        ("SimpleRNN", STEPS, {"units": 2}),
        ("LSTM", STEPS, {"units": 2}),
        ("GRU", STEPS, {"units": 2}),
        ("RNN", STEPS, {"cell": k.layers.GRUCell(2)}),
        ("Bidirectional", STEPS, {"layer": k.layers.GRU(2)}),
        ("TimeDistributed", STEPS, {"layer": k.layers.Dense(2)}),
    ]
    cells = [
        ("SimpleRNNCell", VECTOR, {"units": 4}),
        ("GRUCell", VECTOR, {"units": 4}),
        ("LSTMCell", VECTOR, {"units": 4}),
        ("StackedRNNCells", VECTOR, {"cells": [k.layers.SimpleRNNCell(4), k.layers.GRUCell(4)]}),
    ]
    attention = [
        ("AdditiveAttention", STEPS, {}),
        ("Attention", STEPS, {}),
        # Small kernels: the softmax of scores in the thousands is as exact as they are.
        ("MultiHeadAttention", STEPS, {"num_heads": 2, "key_dim": 3, "kernel_initializer": {"class_name": "RandomUniform", "config": {"minval": -0.02, "maxval": 0.02}}}),
    ]
    steps = [
        ("AveragePooling1D", LONG, {"pool_size": 2}),
        ("Conv1D", LONG, {"filters": 2, "kernel_size": 2}),
        ("GlobalAveragePooling1D", LONG, {}),
        ("GlobalMaxPooling1D", LONG, {}),
        ("MaxPooling1D", LONG, {"pool_size": 2}),
    ]
    two = [(name, VECTOR, {}) for name in
           ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]]
    found = [(name, shape, args, types) for name, shape, args in one for types in ONE]
    found += [(name, shape, args, types) for name, shape, args in two for types in TWO]
    found += [(name, shape, args, types) for name, shape, args in recurrent for types in ONE]
    found += [(name, shape, args, types + ["float32"] * (1 + (name[0] in "LS" and name[1] != "i"))) for name, shape, args in cells for types in ONE]
    found += [(name, shape, args, types) for name, shape, args in steps for types in ONE]
    found += [(name, shape, args, types) for name, shape, args in attention for types in TWO]
    # The libraries' defaults for the gates differ.
    own = {"filters": 2, "kernel_size": 1, "recurrent_activation": "sigmoid"}
    found += [(f"ConvLSTM{n}D", [3] + [2] * n + [2], own, types) for n in (1, 2, 3) for types in ONE]
    return [case for case in found if hasattr(k.layers, case[0])]


def inputs(shape, types):
    random = np.random.RandomState(len(types) + sum(map(ord, "".join(types))))
    return [random.randint(*RANGES[t], size=[2, *shape]).astype(t) for t in types]


def run(k, name, args, xs, types):
    k.utils.set_random_seed(3)
    symbols = [k.Input(x.shape[1:], dtype=t) for x, t in zip(xs, types)]
    layer = getattr(k.layers, name)(**args)
    if "Cell" in name:
        y = layer(symbols[0], symbols[1:])[0]
    elif name == "MultiHeadAttention":
        y = layer(*symbols)
    else:
        y = layer(symbols if len(symbols) > 1 else symbols[0])
    model = k.Model(symbols, y)
    y = model(xs if len(xs) > 1 else xs[0])
    return layer, np.asarray(y)


def written(layer, key, value):
    """As a config has it: a layer inside as the one around it writes it."""
    return layer.get_config()[key] if key in ("cell", "cells", "layer") else value


def short(value):
    """All that a float32 holds, and no more."""
    return float(f"{value:.9g}")


def main():
    cases = []
    for library, k in [("keras3", keras), ("tf_keras", tf_keras)]:
        for name, shape, args, types in layers(k):
            xs = inputs(shape, types)
            if name == "Embedding":
                xs = [np.abs(x) if x.dtype != bool else x for x in xs]
            refused = False
            try:
                layer, y = run(k, name, args, xs, types)
            except Exception:
                refused = True
                layer, y = run(k, name, args, [x.astype("float32") for x in xs], ["float32"] * len(xs))
            cases.append({
                "library": library, "class": name, "config": json.loads(json.dumps({key: written(layer, key, value) for key, value in args.items()})),
                "x": [{"dtype": t, "shape": list(x.shape), "data": x.astype(int).ravel().tolist()} for x, t in zip(xs, types)],
                "weights": [{"shape": list(w.shape), "data": [short(v) for v in w.ravel()]} for w in layer.get_weights()],
                "refused": refused, "dtype": str(y.dtype), "shape": list(y.shape),
                "y": [short(v) for v in y.astype("float64").ravel()],
            })
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "integers.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


main()

#!/usr/bin/env python3
"""Convert models with integers from Keras 3 to tf_keras, and run them there.

    python check_integers.py DIR --rhyton PROGRAM

Keras 3 makes floats of integers wherever a layer needs floats, tf_keras does not. For each layer of LAYERS and each type of TYPES: where Keras 3
computes something and `rhyton convert` writes the model for tf_keras, tf_keras must load it and compute the same numbers; else the command must say
that tf_keras makes something else of the integers. Models are made in DIR. Prints a line for each failure; the exit status is 0 if there is none.
"""
import argparse
import os
import subprocess
import sys

from common import K2, K3, np

L = K3.layers
TYPES = ["int32", "int64", "uint8", "bool"]
MERGES = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]
REFUSED = "of which tf_keras does not make what Keras 3 makes"

# The shapes of the inputs, and layers that take them.
LAYERS = [
    ([(4,)], [L.Activation("relu"), L.Activation("sigmoid"), L.ActivityRegularization(), L.AlphaDropout(0.3), L.BatchNormalization(), L.Dense(3),
              L.Discretization([1.0, 3.0]), L.Dropout(0.5), L.EinsumDense("ab,bc->ac", 3), L.ELU(), L.Embedding(9, 3), L.GaussianNoise(0.1),
              L.GroupNormalization(2), L.LayerNormalization(), L.LeakyReLU(), L.Normalization(mean=1.0, variance=2.0), L.PReLU(), L.ReLU(),
              L.RepeatVector(2), L.Rescaling(0.5), L.Reshape((2, 2)), L.Softmax(), L.UnitNormalization()]),
    ([(4, 2)], [L.Bidirectional(L.LSTM(2)), L.Conv1D(2, 2), L.Conv1DTranspose(2, 2), L.Cropping1D(1), L.Flatten(), L.GlobalAveragePooling1D(),
                L.GlobalMaxPooling1D(), L.GRU(2), L.LSTM(2), L.Masking(), L.MaxPooling1D(2), L.Permute((2, 1)), L.RNN(L.LSTMCell(2)),
                L.SeparableConv1D(2, 2), L.SimpleRNN(2), L.SpatialDropout1D(0.5), L.TimeDistributed(L.Dense(2)),
                L.TimeDistributed(L.LayerNormalization()), L.UpSampling1D(2), L.ZeroPadding1D(1)]),
    ([(4, 4, 2)], [L.AveragePooling2D(2), L.CenterCrop(2, 2), L.Conv2D(2, 2), L.Conv2DTranspose(2, 2), L.Cropping2D(1), L.DepthwiseConv2D(2),
                   L.GlobalAveragePooling2D(), L.GlobalMaxPooling2D(), L.MaxPooling2D(2), L.Resizing(2, 2), L.SeparableConv2D(2, 2),
                   L.UpSampling2D(2), L.ZeroPadding2D(1)]),
    ([(4,), (4,)], [getattr(L, name)() for name in MERGES]),
    ([(4, 2), (4, 2)], [L.AdditiveAttention(), L.Attention(), L.Dot(1), L.MultiHeadAttention(1, 2)]),
]


def values(rng, shape, dtype):
    """A batch of three."""
    if dtype == "float32":
        return rng.normal(size=(3, *shape)).astype(dtype)
    return rng.integers(0, 2 if dtype == "bool" else 9, (3, *shape)).astype(dtype)


def one(arguments, rng, layer, shapes, dtypes):
    """What came of one model: "same", "refused", "no model" where Keras 3 itself has none, or a sentence."""
    fresh = layer.__class__.from_config(layer.get_config())
    inputs = [K3.Input(shape, dtype=dtype) for shape, dtype in zip(shapes, dtypes)]
    data = [values(rng, shape, dtype) for shape, dtype in zip(shapes, dtypes)]
    given = data if len(data) > 1 else data[0]
    try:
        out = fresh(*inputs) if layer.__class__ is L.MultiHeadAttention else fresh(inputs if len(inputs) > 1 else inputs[0])
        model = K3.Model(inputs if len(inputs) > 1 else inputs[0], out)
        want = np.asarray(model(given))
    except Exception:
        return "no model"
    source, target = (os.path.join(arguments.dir, name) for name in ("model.keras", "model.h5"))
    model.save(source)
    if os.path.exists(target):
        os.remove(target)
    done = subprocess.run([arguments.rhyton, "convert", source, target, "--dialect", "tf-keras"], capture_output=True, text=True)
    if done.returncode:
        return "refused" if REFUSED in done.stderr else f"refused: {done.stderr.strip()}"
    try:
        got = np.asarray(K2.models.load_model(target, compile=False)(given))
    except Exception as error:
        return f"tf_keras: {str(error).splitlines()[0]}"
    same = got.shape == want.shape and np.allclose(got.astype("float64"), want.astype("float64"), atol=1e-5)
    return "same" if same else f"{got.ravel()[:4]} and not {want.ravel()[:4]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir")
    parser.add_argument("--rhyton", required=True)
    arguments = parser.parse_args()
    os.makedirs(arguments.dir, exist_ok=True)
    rng = np.random.default_rng(0)
    counts = {"same": 0, "refused": 0, "no model": 0}
    failed = 0
    for shapes, layers in LAYERS:
        for layer in layers:
            for dtype in TYPES:
                merges = layer.__class__.__name__ in MERGES
                for dtypes in [[dtype] * len(shapes)] + ([[dtype, "float32"]] if merges else []):
                    result = one(arguments, rng, layer, shapes, dtypes)
                    if result in counts:
                        counts[result] += 1
                    else:
                        failed += 1
                        print(f"FAILED {layer.__class__.__name__} of {', '.join(dtypes)}: {result}")
    print(", ".join(f"{n} {what}" for what, n in counts.items()) + f", {failed} failed")
    sys.exit(1 if failed or counts["same"] < 100 or counts["refused"] < 50 else 0)


if __name__ == "__main__":
    main()

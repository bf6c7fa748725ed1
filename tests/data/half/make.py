"""Models under dtype policies of 16 bits, trained by the real Keras 3 and tf_keras, for tests/half.rs.

`python make.py` with keras 3.15, tf_keras 2.21 and tensorflow-cpu writes, for each model and library, NAME.LIBRARY.keras before its first step
and NAME.LIBRARY.npz: the data `x` and `y`, the predictions, and after each step the loss, all weights, and (`scale`, with an optimizer that
scales the loss) the scale, the steps since it changed and the steps taken. `global` is compiled under a global policy: its file names the optimizer
without the loss scale that goes with it, and is written after the steps.
"""

import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tf_keras

HERE = pathlib.Path(__file__).parent
BATCH, STEPS = 8, 8


def dense(L, kw):
    return [L.Dense(12, activation="relu", **kw), L.Dense(5, activation="tanh", **kw), L.Dense(3, **kw), L.Activation("linear", dtype="float32")]


def image(L, kw):
    return [L.Conv2D(4, 3, padding="same", activation="relu", **kw), L.BatchNormalization(**kw), L.MaxPooling2D(**kw), L.Conv2D(3, 2, **kw),
            L.LayerNormalization(**kw), L.GlobalAveragePooling2D(**kw), L.Dense(3, dtype="float32")]


def sequence(L, kw):
    return [L.Bidirectional(L.LSTM(4, return_sequences=True, **kw), **kw), L.GRU(5, **kw), L.Dense(3, dtype="float32")]


def narrow(L, kw):
    return [L.Dense(12, activation="relu", **kw), L.BatchNormalization(**kw), L.Dense(3, **kw), L.Activation("linear", dtype="float32")]


def words(L, kw):
    return [L.Embedding(6, 5, **kw), L.GlobalAveragePooling1D(**kw), L.Dense(3, dtype="float32")]


SHAPES = {"dense": (6,), "image": (6, 6, 2), "sequence": (5, 3), "overflow": (6,), "global": (6,), "bfloat": (6,), "narrow": (6,), "words": (4,)}


def policy(name):
    return {"bfloat": "mixed_bfloat16", "narrow": "float16"}.get(name, "mixed_float16")


def model(K, name):
    layers = {"image": image, "sequence": sequence, "narrow": narrow, "words": words}.get(name, dense)
    if name == "global":
        made = K.Sequential([K.Input(SHAPES[name]), K.layers.Dense(12, activation="relu"), K.layers.Dense(3), K.layers.Activation("linear", dtype="float32")])
        made.compile("adam", "mse")
        return made
    kw = {"dtype": K.mixed_precision.Policy(policy(name)) if K is tf_keras and "mixed" in policy(name) else policy(name)}
    made = K.Sequential([K.Input(SHAPES[name])] + layers(K.layers, kw))
    scaled = K.mixed_precision.LossScaleOptimizer if K is tf_keras else keras.optimizers.LossScaleOptimizer
    # TensorFlow sums the gradients of convolutions in float16: a small rate keeps what that is off by small.
    rate = 0.01 if name == "image" else 0.05
    optimizer = K.optimizers.SGD(rate, momentum=0.9) if name in ("image", "narrow") else K.optimizers.Adam(0.01)
    if name == "overflow":
        optimizer = scaled(optimizer, initial_scale=2.0**20, dynamic_growth_steps=2)
    elif name not in ("bfloat", "narrow"):
        optimizer = scaled(optimizer, initial_scale=1024.0, dynamic_growth_steps=3)
    made.compile(optimizer=optimizer, loss=K.losses.MeanSquaredError())
    return made


def scale(optimizer):
    if hasattr(optimizer, "dynamic_scale"):
        values = (optimizer.dynamic_scale, optimizer.step_counter, optimizer.iterations)
    elif hasattr(optimizer, "loss_scale"):
        values = (optimizer.loss_scale, optimizer.dynamic_counter, optimizer.iterations)
    else:
        return None
    return [float(np.asarray(v)) for v in values]


def main():
    for library, K in (("keras3", keras), ("tf_keras", tf_keras)):
        for number, (name, shape) in enumerate(SHAPES.items()):
            K.utils.set_random_seed(100 + number)
            set_policy = keras.config.set_dtype_policy if K is keras else K.mixed_precision.set_global_policy
            set_policy("mixed_float16" if name == "global" else "float32")
            made = model(K, name)
            rng = np.random.default_rng(200 + number)
            x = rng.normal(size=(BATCH * STEPS, *shape)).astype("float32")
            if name == "words":
                x = rng.integers(0, 6, size=(BATCH * STEPS, *shape)).astype("float32")
            y = rng.normal(size=(BATCH * STEPS, 3)).astype("float32") * (3.0 if name == "overflow" else 1.0)
            found = {"x": x, "y": y, "predictions": np.asarray(made(x))}
            path = HERE / f"{name}.{library}.keras"
            if name != "global":
                made.save(path)
            losses, scales = [], []
            for step in range(STEPS):
                at = slice(step * BATCH, (step + 1) * BATCH)
                losses.append(float(made.train_on_batch(x[at], y[at])))
                if made_scale := scale(made.optimizer):
                    scales.append(made_scale)
                for i, w in enumerate(made.get_weights()):
                    found[f"s{step}w{i}"] = np.asarray(w, "float32")
            found["losses"] = np.float32(losses)
            if scales:
                found["scale"] = np.float32(scales)
            if name == "global":
                found["predictions"] = np.asarray(made(x))
                made.save(path)
            np.savez_compressed(HERE / f"{name}.{library}.npz", **found)
            print(name, library, losses[0], losses[-1], scales[-1] if scales else None)


main()

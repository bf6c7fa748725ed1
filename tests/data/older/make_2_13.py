#!/usr/bin/env python3
"""Write `.keras` files with TensorFlow 2.13, whose groups number each layer with weights twice.

    pip install tensorflow-cpu==2.13.1; python make_2_13.py [OUT]

Each case is NAME.keras and NAME.npz (inputs x0.., outputs y0..).
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from tensorflow import keras

L = keras.layers
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def two():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = L.Dense(4, name="shared")
    h = L.concatenate([shared(a), shared(b)])
    h = tf.nn.relu(h) * 2.0 + h[:, :8]
    h = tf.reduce_mean(tf.expand_dims(h, -1), axis=[-1])
    h = tf.concat([h, h], axis=1)
    return keras.Model([a, b], [L.Dense(2, name="o1")(h), L.Dense(1, name="o2")(h)]), [(4, 6), (4, 6)]


def video():
    i = keras.Input((3, 8, 8, 1))
    image = keras.Sequential([L.Conv2D(2, 3, input_shape=(8, 8, 1)), L.Conv2D(2, 3), L.Flatten()])
    x = L.TimeDistributed(L.Dense(3))(L.TimeDistributed(image)(i))
    x = L.TimeDistributed(L.Dense(2))(x)
    return keras.Model(i, L.Dense(1)(L.Flatten()(x))), [(4, 3, 8, 8, 1)]


def main():
    rng = np.random.default_rng(0)
    for make in (two, video):
        keras.utils.set_random_seed(1)
        model, shapes = make()
        model.compile("adam", "mse")
        xs = [rng.normal(size=s).astype("float32") for s in shapes]
        ys = model.predict(xs, verbose=0)
        model.fit(xs, [y * 0 + 0.5 for y in ys] if isinstance(ys, list) else ys * 0 + 0.5, verbose=0, batch_size=4)
        ys = model.predict(xs, verbose=0)
        ys = ys if isinstance(ys, list) else [ys]
        path = os.path.join(OUT, f"keras_2_13_{make.__name__}")
        model.save(path + ".keras")
        np.savez(path + ".npz", **{f"x{i}": x for i, x in enumerate(xs)}, **{f"y{i}": y for i, y in enumerate(ys)})


if __name__ == "__main__":
    main()

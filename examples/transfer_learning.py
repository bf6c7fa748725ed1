"""Makes what transfer_learning.rs begins with, and does in Keras what it does: `python examples/transfer_learning.py [--base]`.

With `--base` it trains MobileNet (width 0.25) on the digits 0 to 4 and writes it, without its head, to transfer_learning/digits.keras beside it. Then it fine-tunes that on the digits 5 to 9.
"""
import gzip
import os
import pathlib
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")
import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
BASE = HERE / "transfer_learning" / "digits.keras"


def digits():
    """Images of 28 by 28 in the middle of 32 by 32, three times for red, green and blue, from -1 to 1: ((x, y), (x, y))."""
    bytes_ = gzip.decompress((HERE.parent / "src/datasets/mnist-2000.idx.gz").read_bytes())
    splits, at = [], 0
    for _ in range(2):
        n = int.from_bytes(bytes_[at + 4 : at + 8], "big")
        images = np.frombuffer(bytes_, np.uint8, n * 784, at + 16).reshape(n, 28, 28)
        at += 16 + n * 784
        labels = np.frombuffer(bytes_, np.uint8, n, at + 8)
        at += 8 + n
        x = np.pad(images.astype("float32") / 127.5 - 1.0, ((0, 0), (2, 2), (2, 2)), constant_values=-1.0)
        splits.append((np.repeat(x[..., None], 3, -1), labels.astype("int32")))
    return splits


def among(split, low, high):
    x, y = split
    chosen = (y >= low) & (y <= high)
    return x[chosen], y[chosen] - low


keras.utils.set_random_seed(7)
train, test = digits()
if sys.argv[1:] == ["--base"]:
    base = keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None, pooling="avg", name="digits")
    whole = keras.Sequential([base, keras.layers.Dense(5)])
    whole.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    # Some that were meant to be tested are trained on, so that there are enough of them.
    x, y = (np.concatenate(parts) for parts in zip(among(train, 0, 4), among((test[0][:500], test[1][:500]), 0, 4)))
    x = np.concatenate([np.roll(x, (a, b), (1, 2)) for a in (-2, 0, 2) for b in (-2, 0, 2)])
    whole.fit(x, np.tile(y, 9), epochs=12, batch_size=64, verbose=2)
    print("digits 0 to 4:", whole.evaluate(*among((test[0][500:], test[1][500:]), 0, 4), verbose=0))
    BASE.parent.mkdir(exist_ok=True)
    base.save(BASE)

base = keras.models.load_model(BASE)
base.trainable = False
inputs = keras.Input((32, 32, 3))
model = keras.Model(inputs, keras.layers.Dense(5)(base(inputs, training=False)))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
model.fit(*among(train, 5, 9), epochs=5, verbose=2)
print("digits 5 to 9, head alone:", model.evaluate(*among(test, 5, 9), verbose=0))
base.trainable = True
model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
model.fit(*among(train, 5, 9), epochs=5, verbose=2)
print("digits 5 to 9, all layers:", model.evaluate(*among(test, 5, 9), verbose=0))

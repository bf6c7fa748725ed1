"""Milliseconds a step in Keras' `fit` on the CPU, and the losses, of the models of fit.rs: `python fit.py lstm transformer`. Keras 3 on TensorFlow."""

import os
import statistics
import sys
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np

L = keras.layers
STEPS, EPOCHS = 8, 8


def case(name):
    if name == "lstm":
        return keras.Sequential([keras.Input((100, 64)), L.LSTM(128), L.Dense(10)]), (100, 64), 32
    x = keras.Input((128, 128))
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(4, 32)(x, x)]))
    y = L.LayerNormalization()(L.Add()([y, L.Dense(128)(L.Dense(512, activation="relu")(y))]))
    return keras.Model(x, L.Dense(10)(L.GlobalAveragePooling1D()(y))), (128, 128), 16


def run(name):
    model, shape, batch = case(name)
    weights = model.get_weights()
    for k, w in enumerate(weights):
        if w.ndim > 1:
            weights[k] = (((np.arange(w.size) * 31 + k * 17) % 41) / 400.0 - 0.05).astype("float32").reshape(w.shape)
    model.set_weights(weights)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    n = batch * STEPS
    i = np.arange(n * int(np.prod(shape)))
    x = (((i * 31 + i // 784 * 7) % 256) / 255.0).astype("float32").reshape((n, *shape))
    y = (np.arange(n) % 10).astype("int32")
    times, losses = [], []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        history = model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        times.append((time.perf_counter() - start) * 1e3 / STEPS)
        losses.append(history.history["loss"][-1])
    later = times[1:]
    shown = " ".join(f"{loss:.5f}" for loss in losses)
    print(f"{name}: {statistics.median(later):.2f} ms a step (least {min(later):.2f}); losses {shown}", flush=True)


for name in sys.argv[1:] or ["lstm", "transformer"]:
    run(name)

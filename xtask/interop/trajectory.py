#!/usr/bin/env python3
"""Write initial weights of the guide's MLP and the losses of its first training steps.

    python trajectory.py OUT_DIR [--hidden N] [--steps N] [--seed N] [--data FILE]

For each library  OUT_DIR/<lib>/  gets

    initial.weights.h5    before the first step, optimizer built
    final.weights.h5      after the last step, with Adam's slots
    trajectory.json       {"lib", "hidden", "steps", "batch", "learning_rate", "losses": [...]}

The model is Dense(hidden, relu, input 784), Dropout(0), Dense(10) with Adam and SparseCategoricalCrossentropy
(from_logits=True): the guide's, with nothing random. Step i trains on the examples batch*i to batch*(i+1) of the
first 1000 MNIST training images, divided by 255, in the order in which they stand in FILE (by default the copy
that is part of Rhyton), and losses[i] is the mean loss of that batch before its update. Both libraries start
from the same weights; that they agree with each other is checked here.
"""
import argparse
import gzip
import json
import os

import numpy as np

from common import K2, K3, LIBRARIES, tf

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "src", "datasets", "mnist-2000.idx.gz")
BATCH = 32


def read_idx(stream):
    """The next IDX array of unsigned bytes."""
    zero, kind, rank = np.frombuffer(stream.read(4), ">u2,u1,u1")[0].tolist()
    assert (zero, kind) == (0, 8), "not IDX of unsigned bytes"
    shape = np.frombuffer(stream.read(4 * rank), ">u4").tolist()
    return np.frombuffer(stream.read(int(np.prod(shape))), "u1").reshape(shape)


def training_data(path):
    with gzip.open(path) as f:
        images, labels = read_idx(f), read_idx(f)
    return images.reshape(len(images), -1).astype("float32") / 255.0, labels.astype("int64")


def build(K, hidden):
    L = K.layers
    m = K.Sequential([L.Input(shape=(784,)), L.Dense(hidden, activation="relu"), L.Dropout(0.0), L.Dense(10)])
    m.compile(optimizer=K.optimizers.Adam(), loss=K.losses.SparseCategoricalCrossentropy(from_logits=True))
    m.optimizer.build(m.trainable_variables)
    return m


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    ap.add_argument("--hidden", type=int, default=512)
    ap.add_argument("--steps", type=int, default=10)
    ap.add_argument("--seed", type=int, default=1234)
    ap.add_argument("--data", default=DATA)
    a = ap.parse_args()
    tf.config.experimental.enable_op_determinism()
    x, y = training_data(a.data)
    if a.steps * BATCH > len(x):
        raise SystemExit(f"--steps {a.steps}: {a.data} has only {len(x) // BATCH} whole batches of {BATCH}")
    start, all_losses = None, []
    for lib, K in LIBRARIES.items():
        (K2.backend.clear_session if K is K2 else K3.utils.clear_session)()
        K.utils.set_random_seed(a.seed)
        m = build(K, a.hidden)
        if start is None:
            start = m.get_weights()
        m.set_weights(start)
        d = os.path.join(a.out, lib)
        os.makedirs(d, exist_ok=True)
        m.save_weights(os.path.join(d, "initial.weights.h5"))
        losses = []
        for i in range(a.steps):
            m.reset_metrics()  # else train_on_batch returns the mean over the steps so far
            b = slice(i * BATCH, (i + 1) * BATCH)
            losses.append(float(np.asarray(m.train_on_batch(x[b], y[b])).reshape(-1)[0]))
        m.save_weights(os.path.join(d, "final.weights.h5"))
        rate = float(np.asarray(m.optimizer.learning_rate))
        with open(os.path.join(d, "trajectory.json"), "w") as f:
            json.dump({"lib": lib, "hidden": a.hidden, "steps": a.steps, "batch": BATCH, "learning_rate": rate,
                       "losses": losses}, f, indent=1)
        print(f"{lib:9s} loss {losses[0]:.7g} -> {losses[-1]:.7g}", flush=True)
        all_losses.append(losses)
    worst = float(np.max(np.abs(np.divide(all_losses[1], all_losses[0]) - 1.0)))
    print(f"tf_keras and Keras 3 differ by {worst:.2g} at most")
    if worst > 1e-5:
        raise SystemExit("the two libraries disagree: no reference to compare with")


if __name__ == "__main__":
    main()

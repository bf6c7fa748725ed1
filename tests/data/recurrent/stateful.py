"""Files of Keras 3 and tf_keras with stateful recurrent layers, and what they predict, evaluate and train batch after batch: for tests/stateful.rs.

Run with keras 3.15, tf_keras 2.21 and tensorflow-cpu: `python stateful.py`; writes into the folder of each library beside it. The files are of a model that has run: what they
keep of its states is what `load_model` of the library finds in them, which is written down too.
"""

import os
import pathlib
import shutil

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = pathlib.Path(__file__).parent
BATCH = 3


def build(K):
    L = K.layers
    x = L.Input(batch_shape=(BATCH, 5, 4), name="x")
    m = L.Masking(0.25, name="masking")(x)
    s = dict(stateful=True)
    y = [
        L.SimpleRNN(3, name="simple", **s)(x),
        L.LSTM(3, return_sequences=True, go_backwards=True, name="lstm", **s)(x),
        L.GRU(2, reset_after=False, name="gru", **s)(m),
        L.LSTM(3, return_sequences=True, name="masked", **s)(m),
        L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_sequences=True, name="stacked", **s)(m),
        L.RNN(L.GRUCell(2), name="of_cell", **s)(x),
        L.Bidirectional(L.LSTM(2, return_sequences=True, **s), name="both")(m),
        L.Bidirectional(L.GRU(2, **s), merge_mode="sum", name="sum")(x),
    ]
    last, *states = L.LSTM(3, return_state=True, name="giving", **s)(x)
    y += [last, *states]
    # Beginning with states of another layer, and with its own.
    y.append(L.LSTM(3, return_sequences=True, name="taking", **s)(x, initial_state=states))
    h = L.Dense(3, name="h")(L.Flatten(name="flat")(x))
    y.append(L.SimpleRNN(3, name="begun", **s)(x, initial_state=h))
    # One layer, called twice: the second call goes on from the first.
    twice = L.GRU(4, return_sequences=True, name="twice", **s)
    y.append(twice(twice(x)))
    return K.Model(x, y, name="stateful")


def layers(model):
    for layer in model.layers:
        inner = [getattr(layer, n) for n in ("forward_layer", "backward_layer") if hasattr(layer, n)]
        yield from (inner or [layer])


def states(model):
    return [v for layer in layers(model) for v in tf.nest.flatten(getattr(layer, "states", None) or []) if v is not None]


def values(model):
    return [np.array(v) for v in states(model)]


def reset(model):
    # Keras 3 cannot reset the states of stacked cells itself.
    for v in states(model):
        v.assign(tf.zeros(v.shape))


def without_graphs(path):
    """Takes the functions out of a SavedModel, which Rhyton does not run: they are millions of bytes."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    graph = saved.meta_graphs[0]
    graph.ClearField("graph_def")
    graph.object_graph_def.ClearField("concrete_functions")
    path.write_bytes(saved.SerializeToString(deterministic=True))


def make(library, K):
    rng = np.random.default_rng(11)
    K.utils.set_random_seed(3)
    model = build(K)
    for w in model.weights:
        w.assign(rng.normal(size=w.shape).astype("float32") * 0.5)
    model.compile(optimizer=K.optimizers.SGD(0.1), loss=["mse"] * len(model.outputs))
    x = rng.normal(size=(2 * BATCH, 5, 4)).astype("float32")
    for example, step in [(0, 4), (0, 3), (1, 2), (2, 0), (3, 1), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4)]:
        x[example, step] = 0.25
    arrays = {"in": x}

    def keep(kind, found):
        arrays.update({f"{kind}{i:03}": np.asarray(v) for i, v in enumerate(found)})

    # Two batches of one call, and a call more.
    out = model.predict(x, batch_size=BATCH, verbose=0)
    keep("first", out)
    keep("first_states", values(model))
    keep("second", model.predict(x[:BATCH], batch_size=BATCH, verbose=0))
    targets = [rng.normal(size=y.shape).astype("float32") * 0.5 for y in out]
    keep("target", targets)
    arrays["evaluated"] = np.float32(np.ravel(model.evaluate(x, targets, batch_size=BATCH, verbose=0))[:1])
    keep("evaluated_states", values(model))
    folder = HERE / library
    model.save(folder / "stateful.keras")
    files = ["stateful.keras"]
    # Keras 3 cannot load its own `.h5` of a model with masks.
    if K is tf_keras:
        model.save(folder / "stateful.h5")
        files.append("stateful.h5")
        shutil.rmtree(folder / "stateful", ignore_errors=True)
        model.save(folder / "stateful", save_format="tf")
        shutil.rmtree(folder / "stateful" / "assets", ignore_errors=True)
        files.append("stateful")
    for file in files:
        keep(file_key(file), values(K.models.load_model(folder / file)))
    if K is tf_keras:
        without_graphs(folder / "stateful" / "saved_model.pb")
    reset(model)
    keep("anew", model.predict(x[:BATCH], batch_size=BATCH, verbose=0))
    # fit runs over both batches in order, twice.
    model.fit(x, targets, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    keep("trained_states", values(model))
    keep("weight", model.get_weights())
    np.savez_compressed(folder / "stateful.npz", **arrays)
    print(library, len(out), "outputs", len(values(model)), "states", [f for f in files if np.any(arrays[file_key(f) + "000"])])


def file_key(file):
    return "loaded_" + (file.partition(".")[2] or "saved_model")


for library, K in [("keras3", keras), ("tf_keras", tf_keras)]:
    make(library, K)

"""What the layers of layers.json, families.json, images.json, colours.json, signals.json, more.json and older.json give under the dtype policies of 16 bits in the real Keras 3, and the gradients.

`python half.py` with keras 3.15 and tensorflow-cpu writes half.json and half_images.json to half_older.json beside it (or, with names behind it, those of these files): for each case and policy the type of the output, its numbers, and the
gradients of sum(y * weights) by the inputs and by the variables, in the case's order. What TensorFlow has no kernel for on the CPU is left out.
"""

import inspect
import json
import os
import pathlib
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1")

import keras
import numpy as np
import tensorflow as tf

import families  # noqa: F401 Layers that are found by their module alone.

HERE = pathlib.Path(__file__).parent
POLICIES = ["mixed_float16", "mixed_bfloat16", "float16"]


def short(x):
    return [float(f"{v:.5g}") for v in np.asarray(x).astype("float64").ravel()]


def weights(count):
    """What the outputs are weighed by: the same formula stands in the test."""
    return (np.sin(np.arange(count) * 1.7) + 0.25).astype("float32")


def with_policy(config, policy):
    """A config and those inside it under a policy."""
    if isinstance(config, list):
        return [with_policy(one, policy) for one in config]
    if not isinstance(config, dict):
        return config
    inner = {key: with_policy(value, policy) for key, value in config.items()}
    return {**inner, "dtype": policy} if "dtype" in config and "name" in config else inner


def run(case, policy):
    config = with_policy(case["config"], policy)
    public = case["name"].replace("GroupedQuery", "GroupQuery")
    if not hasattr(keras.layers, public):
        raise tf.errors.NotFoundError(None, None, "Keras 3 has no such class")
    layer = getattr(keras.layers, public).from_config(json.loads(json.dumps(config)))
    inputs = [tf.constant(np.float32(x["data"]).reshape(x["shape"])) for x in case["x"]]

    def called():
        if case["name"] in ("MultiHeadAttention", "GroupedQueryAttention"):
            return layer(*inputs)
        if "Cell" in case["name"]:
            return layer(inputs[0], inputs[1:])[0]
        if case["name"] in ("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional") and inputs[1:]:
            return layer(inputs[0], initial_state=inputs[1:])
        training = inspect.signature(layer.call).parameters.get("training")
        more = {"training": False} if training is not None and training.default is True else {}
        return layer(inputs if len(inputs) > 1 else inputs[0], **more)

    called()
    assert len(layer.weights) == len(case["weights"])
    for variable, w in zip(layer.weights, case["weights"]):
        variable.assign(np.float32(w["data"]).reshape(w["shape"]))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = called()
        y = y[0] if isinstance(y, (list, tuple)) else y
        total = tf.reduce_sum(tf.cast(y, "float32") * weights(int(np.prod(y.shape))).reshape(y.shape))
    variables = [v.value for v in layer.weights]
    given = {"policy": policy, "dtype": y.dtype.name, "types": [keras.backend.standardize_dtype(v.dtype) for v in layer.weights], "y": short(y)}
    try:
        found = tape.gradient(total, inputs + variables)
    except (LookupError, tf.errors.InvalidArgumentError) as error:
        print(case["name"], case["args"], policy, "has no gradient:", str(error)[:100])
        return given
    dense = [None if g is None else tf.convert_to_tensor(g) for g in found]
    return {**given, "gradients": [None if g is None else short(g) for g in dense]}


def write(name, cases):
    out = []
    for case in cases:
        rows = []
        for policy in POLICIES:
            try:
                rows.append(run(case, policy))
            except (TypeError, tf.errors.UnimplementedError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
                print(case["name"], case["args"], policy, type(error).__name__, str(error)[:150])
        out.append(rows)
    (HERE / name).write_text(json.dumps(out, separators=(",", ":")) + "\n")


def cases(name):
    found = json.loads((HERE / name).read_text())
    return found["layers"] if isinstance(found, dict) else found


if __name__ == "__main__":
    if not sys.argv[1:]:
        write("half.json", cases("layers.json") + cases("families.json"))
    for name in sys.argv[1:] or ["images", "colours", "signals", "more", "older"]:
        write(f"half_{name}.json", cases(f"{name}.json"))

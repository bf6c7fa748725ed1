"""Functional models of Keras 3 with one operation each, and what they predict: for tests/operations.rs.

Run with keras 3.15 and tensorflow-cpu: `python make.py`; writes operations.json and none.weights.h5, the weights of a model without any, beside it. A model stands there as `to_json` gives it.
"""

import json
import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
from keras import ops

HERE = pathlib.Path(__file__).parent

X = [[[1.5, -2.25, 0.0, 3.0, -1.0], [0.5, 0.75, -0.5, 2.0, 4.0], [-3.5, 1.0, 0.25, -0.125, 6.0]],
     [[2.5, 0.0, 0.0, -7.0, 1.0], [1.25, -0.75, 5.5, -2.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]]
Y = [[[1.0, -2.25, 0.5, 2.0, -1.0], [0.0, 0.75, 0.5, 3.0, 2.0], [-3.0, 1.5, 0.25, 1.0, 0.0]],
     [[2.0, 1.0, 0.0, -3.0, 0.5], [1.25, 2.0, 1.5, -1.0, 0.5], [1.0, 0.0, -1.0, 0.0, 2.0]]]

ONE = {
    "absolute": ops.absolute,
    "abs": ops.abs,
    "add_number": lambda x: x + 1.5,
    "all": lambda x: ops.all(x, axis=-1),
    "amax": lambda x: ops.amax(x, axis=[1, 2], keepdims=True),
    "amin": lambda x: ops.amin(x, axis=1),
    "any": lambda x: ops.any(x, axis=[-1, 1], keepdims=True),
    "broadcast_to": lambda x: ops.broadcast_to(x[:, :1], (2, 3, 5)),
    "clip": lambda x: ops.clip(x, -1.0, 2.0),
    "cos": ops.cos,
    "divide_number": lambda x: x / 4.0,
    "number_divided": lambda x: 3.0 / (ops.square(x) + 1.0),
    "exp": ops.exp,
    "expand_dims": lambda x: ops.expand_dims(x, 2),
    "expand_dims_last": lambda x: ops.expand_dims(x, -1),
    "expm1": ops.expm1,
    "flip": lambda x: ops.flip(x, axis=-1),
    "flip_two": lambda x: ops.flip(x, axis=(1, 2)),
    "floor": ops.floor,
    "item": lambda x: x[:, 1],
    "item_last": lambda x: x[:, -1, 1:4],
    "item_new": lambda x: x[:, None, ..., 2],
    "item_from": lambda x: x[..., -3:],
    "item_to": lambda x: x[:, :-1, :-2],
    "log": lambda x: ops.log(ops.absolute(x) + 0.5),
    "log1p": lambda x: ops.log1p(ops.square(x)),
    "logical_not": ops.logical_not,
    "max": lambda x: ops.max(x, axis=-1),
    "max_initial": lambda x: ops.max(x, axis=-1, initial=2.0),
    "min_initial": lambda x: ops.min(x, axis=-1, initial=-2.0),
    "mean": lambda x: ops.mean(x, axis=(1, 2)),
    "mean_kept": lambda x: ops.mean(x, axis=1, keepdims=True),
    "min": lambda x: ops.min(x, axis=2, keepdims=True),
    "negative": lambda x: -x,
    "ones_like": ops.ones_like,
    "ones_like_bool": lambda x: ops.cast(ops.ones_like(x, dtype="bool"), "float32"),
    "ones_like_float": lambda x: ops.ones_like(x, dtype="float32") / 2.0,
    "ones_like_int": lambda x: ops.ones_like(x, dtype="int32"),
    "power_two": lambda x: x**2,
    "power_three": lambda x: ops.power(x, 3),
    "power_minus": lambda x: ops.power(x + 8.5, -2.0),
    "power_half": lambda x: ops.power(ops.absolute(x), 0.5),
    "reshape": lambda x: ops.reshape(x, (-1, 5, 3)),
    "reshape_flat": lambda x: ops.reshape(x, (-1, 15)),
    "reciprocal_root": lambda x: ops.rsqrt(ops.square(x) + 1.0),
    "sign": ops.sign,
    "sin": ops.sin,
    "sqrt": lambda x: ops.sqrt(ops.absolute(x)),
    "square": ops.square,
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1), axis=1),
    "stack": lambda x: ops.stack([x, x * 2.0], axis=1),
    "stack_last": lambda x: ops.stack([x, x + 1.0, x], axis=-1),
    "sum": lambda x: ops.sum(x, axis=1),
    "sum_kept": lambda x: ops.sum(x, axis=(1, -1), keepdims=True),
    "sum_kept_by_number": lambda x: ops.sum(x, axis=2, keepdims=1),
    "tanh": ops.tanh,
    "transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "zeros_like": ops.zeros_like,
    "cast": lambda x: ops.cast(x, "float32"),
    "cast_bool": lambda x: ops.cast(x, "bool"),
    "cast_int": lambda x: ops.cast(x, "int32"),
    "stop_gradient": ops.stop_gradient,
    "elu": lambda x: ops.elu(x, alpha=0.5),
    "gelu": ops.gelu,
    "gelu_exact": lambda x: ops.gelu(x, approximate=False),
    "leaky_relu": ops.leaky_relu,
    "leaky_relu_slope": lambda x: ops.leaky_relu(x, negative_slope=0.1),
    "log_softmax": ops.log_softmax,
    "log_softmax_one": lambda x: ops.log_softmax(x, axis=1),
    "relu": ops.relu,
    "relu6": ops.relu6,
    "selu": ops.selu,
    "sigmoid": ops.sigmoid,
    "silu": ops.silu,
    "softmax": ops.softmax,
    "softmax_one": lambda x: ops.softmax(x, axis=1),
    "softplus": ops.softplus,
    "softsign": ops.softsign,
    "where_number": lambda x: ops.where(ops.greater(x, 0.0), x, -1.0),
    "less_number": lambda x: x < 1.0,
    "greater_number": lambda x: x > 1.0,
    "equal_number": lambda x: ops.equal(x, 0.0),
    "subtract_from": lambda x: 2.0 - x,
}
TWO = {
    "add": lambda x, y: x + y,
    "concatenate": lambda x, y: ops.concatenate([x, y], axis=1),
    "concatenate_last": lambda x, y: ops.concatenate([x, y], axis=-1),
    "divide": lambda x, y: ops.divide(x, y * y + 1.0),
    "equal": ops.equal,
    "greater": ops.greater,
    "greater_equal": ops.greater_equal,
    "less": ops.less,
    "less_equal": ops.less_equal,
    "logical_and": ops.logical_and,
    "logical_or": ops.logical_or,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "multiply": lambda x, y: x * y,
    "not_equal": ops.not_equal,
    "power": lambda x, y: ops.power(ops.absolute(x) + 0.5, y),
    "subtract": lambda x, y: x - y,
    "true_divide": lambda x, y: ops.true_divide(x, y + 10.0),
    "where": lambda x, y: ops.where(ops.less(x, y), x, y),
}


def case(name, op, dtype, count):
    data = [np.array(a, dtype) for a in (X, Y)[:count]]
    ins = [keras.Input((3, 5), dtype=dtype, name=n) for n in ("x", "y")[:count]]
    try:
        model = keras.Model(ins if count > 1 else ins[0], op(*ins))
        config = model.to_json()
        out = np.asarray(model(data if count > 1 else data[0]))
    except Exception as e:  # Keras has no such operation of this type.
        print("none", name, dtype, str(e).splitlines()[0][:100])
        return None
    return {"name": name, "dtype": dtype, "in": [np.ravel(d).tolist() for d in data], "model": json.loads(config), "shape": out.shape, "type": out.dtype.name, "out": out.astype("float64").ravel().round(7).tolist()}


cases = [case(name, op, dtype, count) for dtype in ("float32", "int32") for table, count in ((ONE, 1), (TWO, 2)) for name, op in table.items()]
cases = [c for c in cases if c]
for c in cases:
    assert all(np.isfinite(c["out"])), c["name"]
(HERE / "operations.json").write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")
i = keras.Input((3, 5))
keras.Model(i, ops.exp(i)).save_weights(HERE / "none.weights.h5")

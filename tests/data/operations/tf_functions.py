"""Functional models of tf_keras with functions of TensorFlow, and what they give: for tests/operations.rs.

Run with tf_keras 2.21 and tensorflow-cpu: `python tf_functions.py`; writes tf_functions.json beside it, with the config of each model as its `.keras` file has it.
"""

import json
import os
import pathlib

import tempfile
import zipfile

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", TF_USE_LEGACY_KERAS="1")
HERE = pathlib.Path(__file__).parent

import numpy as np
import tensorflow as tf
import tf_keras as keras

ALL = json.loads((HERE / "operations.json").read_text())["inputs"]

def number(v):
    return float("nan") if v is None else float(v)

INPUTS = {name: np.array([number(v) for v in d["data"]]).reshape(d["shape"]) for name, d in ALL.items()}
WHOLE = ["i", "j", "k"]
t = tf

ONE = {
    "abs": lambda x: abs(x), "add_number": lambda x: x + 1.5, "number_minus": lambda x: 2.0 - x, "divide_number": lambda x: x / 4.0, "negative": lambda x: -x,
    "atan": t.math.atan, "asinh": t.asinh, "sinh": t.sinh, "cosh": t.cosh, "tan": t.tan, "cos": t.cos, "sin": t.sin,
    "add_array": lambda x: x + np.array([1, 2, 3, 4, 5], "float32"),
    "argmax": lambda x: t.argmax(x, axis=-1), "argmax_first": lambda x: t.argmax(x), "argmin_type": lambda x: t.argmin(x, axis=1, output_type=t.int32),
    "argsort": t.argsort, "argsort_down": lambda x: t.argsort(x, axis=1, direction="DESCENDING"),
    "band_part": lambda x: t.linalg.band_part(x, 1, 0), "band_part_all": lambda x: t.linalg.band_part(x, -1, 2),
    "bias_add": lambda x: t.nn.bias_add(x, t.constant([1.0, 2, 3, 4, 5])),
    "cast": lambda x: t.cast(x, "int32"), "cast_float": lambda x: t.cast(x > 0, t.float32),
    "ceil": t.math.ceil, "floor": t.floor, "round": t.round, "rint": t.math.rint, "sign": t.sign,
    "clip_by_value": lambda x: t.clip_by_value(x, -1.0, 2.0),
    "convert_to_tensor": t.convert_to_tensor,
    "count_nonzero": lambda x: t.math.count_nonzero(x, axis=1, keepdims=True), "count_nonzero_type": lambda x: t.math.count_nonzero(x, axis=2, dtype=t.int32),
    "crelu": t.nn.crelu, "cumprod": lambda x: t.math.cumprod(x, axis=2, reverse=True), "cumsum": lambda x: t.cumsum(x, axis=1, exclusive=True), "cumsum_default": t.cumsum,
    "diag_part": t.linalg.diag_part, "elu": t.nn.elu, "erf": t.math.erf, "erfc": t.math.erfc, "exp": t.exp, "expm1": t.math.expm1,
    "expand_dims": lambda x: t.expand_dims(x, 2), "flip": lambda x: t.image.flip_left_right(x), "gelu": t.nn.gelu, "gelu_approximate": lambda x: t.nn.gelu(x, approximate=True),
    "floordiv": lambda x: x // 2.0, "floormod": lambda x: x % 2.0,
    "gather": lambda x: t.gather(x, [0, 2], axis=1), "gather_default": lambda x: t.gather(x, [1, 0]),
    "gather_nd": lambda x: t.gather_nd(x, [[0, 1], [1, 2]]),
    "item": lambda x: x[:, 0, 1:3], "item_back": lambda x: x[:, ::-1, -1], "item_one": lambda x: x[1],
    "identity": t.identity, "l2_normalize": lambda x: t.nn.l2_normalize(x, axis=-1), "l2_normalize_all": lambda x: t.math.l2_normalize(x, axis=[1, 2], epsilon=2.0),
    "leaky_relu": t.nn.leaky_relu, "leaky_relu_alpha": lambda x: t.nn.leaky_relu(x, alpha=0.1),
    "log1p": lambda x: t.math.log1p(x * x), "log_sigmoid": t.math.log_sigmoid, "log_softmax": t.nn.log_softmax, "softmax": t.nn.softmax, "softmax_axis": lambda x: t.nn.softmax(x, axis=1),
    "norm": lambda x: t.norm(x, axis=-1), "norm_one": lambda x: t.norm(x, ord=1, axis=1, keepdims=True), "norm_all": lambda x: x + t.norm(x),
    "ones_like": t.ones_like, "zeros_like_int": lambda x: t.zeros_like(x, dtype="int32"),
    "pad": lambda x: t.pad(x, [[0, 0], [1, 1], [0, 2]]), "pad_value": lambda x: t.pad(x, [[0, 0], [1, 0], [0, 2]], constant_values=3.0), "pad_reflect": lambda x: t.pad(x, [[0, 0], [1, 1], [2, 0]], "REFLECT"),
    "pow": lambda x: x**2, "reciprocal": lambda x: t.math.reciprocal(x + 8.0), "reciprocal_no_nan": t.math.reciprocal_no_nan,
    "reduce_all": lambda x: t.reduce_all(x > 0, axis=1), "reduce_any": lambda x: t.reduce_any(x > 4, axis=2, keepdims=True),
    "reduce_sum": lambda x: t.reduce_sum(x, axis=1), "reduce_sum_all": lambda x: x + t.reduce_sum(x), "reduce_mean": lambda x: t.reduce_mean(x, axis=[1, 2], keepdims=True),
    "reduce_max": lambda x: t.reduce_max(x, 2), "reduce_min": lambda x: t.reduce_min(x, axis=1), "reduce_prod": lambda x: t.reduce_prod(x, axis=2), "reduce_std": lambda x: t.math.reduce_std(x, 1),
    "reduce_variance": lambda x: t.math.reduce_variance(x, axis=2), "reduce_logsumexp": lambda x: t.reduce_logsumexp(x, axis=2), "euclidean_norm": lambda x: t.math.reduce_euclidean_norm(x, axis=1),
    "relu": t.nn.relu, "relu6": t.nn.relu6, "selu": t.nn.selu, "silu": t.nn.silu, "silu_beta": lambda x: t.nn.silu(x, beta=0.5), "sigmoid": t.sigmoid, "softplus": t.math.softplus, "softsign": t.nn.softsign, "tanh": t.tanh,
    "repeat": lambda x: t.repeat(x, 2, axis=1), "reshape": lambda x: t.reshape(x, (-1, 15)), "reshape_shape": lambda x: t.reshape(x, (t.shape(x)[0], 5, 3)),
    "rank": lambda x: x + t.cast(t.shape(x)[1], t.float32), "reverse": lambda x: t.reverse(x, [1]), "roll": lambda x: t.roll(x, 2, axis=2), "rsqrt": lambda x: t.math.rsqrt(x * x + 1.0),
    "sequence_mask": lambda x: t.sequence_mask(t.cast(x[:, 0, 0], "int32"), 5), "size": lambda x: x / t.cast(t.size(x), t.float32),
    "slice": lambda x: t.slice(x, [0, 1, 0], [-1, 2, 3]), "strided_slice": lambda x: t.strided_slice(x, [0, 0, 0], [2, 2, 4], [1, 1, 2]),
    "strided_slice_masks": lambda x: t.strided_slice(x, [0, 1, 1], [0, 0, 4], begin_mask=1, end_mask=3, shrink_axis_mask=4),
    "sort": t.sort, "sort_down": lambda x: t.sort(x, axis=1, direction="DESCENDING"), "split": lambda x: t.split(x, [2, 3], axis=-1), "split_even": lambda x: t.split(x, 3, axis=1), "split_rest": lambda x: t.split(x, [1, -1], axis=2),
    "sqrt": lambda x: t.sqrt(x * x + 0.5), "square": t.square, "squeeze": lambda x: t.squeeze(t.expand_dims(x, 1), 1), "stack": lambda x: t.stack([x, x * 2.0], 1), "stop_gradient": t.stop_gradient,
    "tile": lambda x: t.tile(x, [1, 2, 1]), "top_k": lambda x: t.math.top_k(x, k=2), "trace": t.linalg.trace, "transpose": lambda x: t.transpose(x, [0, 2, 1]), "matrix_transpose": t.linalg.matrix_transpose,
    "unstack": lambda x: t.unstack(x, axis=1), "is_nan": t.math.is_nan, "is_finite": t.math.is_finite, "is_inf": t.math.is_inf, "logical_not": lambda x: t.logical_not(x > 0),
    "fill": lambda x: t.fill((t.shape(x)[0], 3), x[0, 0, 0]), "ones": lambda x: t.ones((t.shape(x)[0], 2)) * x[:, 0, :2], "zeros": lambda x: t.concat([x, t.zeros((t.shape(x)[0], 3, 2))], -1),
    "range": lambda x: t.cast(t.range(t.shape(x)[2]), t.float32), "range_steps": lambda x: t.range(1.0, t.cast(t.shape(x)[2], t.float32), 0.75), "rank_of": lambda x: x + t.cast(t.rank(x), t.float32),
    "scatter_nd": lambda x: t.scatter_nd(t.constant([[3], [1], [3]]), x[0], [4, 5]), "reshape_two": lambda x: t.reshape(x, (t.shape(x)[0] * 3, t.shape(x)[2])),
    "zeros_beside": lambda x: t.concat([x, t.zeros_like(x)], axis=-1), "moments": lambda x: t.nn.moments(x, [1]), "backend_mean": lambda x: keras.backend.mean(x, axis=1), "activation": lambda x: keras.activations.gelu(x),
}
TWO = {
    "add": lambda x, y: x + y, "add_n": lambda x, y: t.add_n([x, y, x]), "subtract": lambda x, y: t.subtract(x, y), "multiply": lambda x, y: x * y, "divide": lambda x, y: x / (y * y + 1.0), "divide_no_nan": t.math.divide_no_nan,
    "atan2": t.atan2, "concat": lambda x, y: t.concat([x, y], axis=1), "equal": lambda x, y: t.equal(x, y), "greater": lambda x, y: x > y, "greater_equal": lambda x, y: x >= y, "less": lambda x, y: x < y, "less_equal": lambda x, y: x <= y,
    "logical_and": lambda x, y: t.logical_and(x > 0, y > 0), "logical_or": lambda x, y: t.logical_or(x > 0, y > 0), "logical_xor": lambda x, y: t.math.logical_xor(x > 0, y > 0), "not_equal": lambda x, y: t.not_equal(x, y),
    "matmul": lambda x, y: t.matmul(x, y, transpose_b=True), "matmul_a": lambda x, y: t.matmul(x, y, transpose_a=True), "matvec": lambda x, y: t.linalg.matvec(x, y[:, 0]),
    "maximum": t.maximum, "minimum": t.minimum, "multiply_no_nan": t.math.multiply_no_nan, "squared_difference": t.math.squared_difference, "pow": lambda x, y: t.pow(abs(x) + 0.5, y),
    "tensordot": lambda x, y: t.tensordot(x, y, axes=[[2], [2]]), "where": lambda x, y: t.where(x > y, x, y), "xdivy": lambda x, y: t.math.xdivy(x, y * y + 1.0), "xlogy": lambda x, y: t.math.xlogy(x, y * y + 1.0),
    "sigmoid_cross_entropy": lambda x, y: t.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x), "softmax_cross_entropy": lambda x, y: t.nn.softmax_cross_entropy_with_logits(labels=t.nn.softmax(y), logits=x),
    "batch_dot": lambda x, y: keras.backend.batch_dot(x, y, axes=2), "mixed": lambda x, y: t.nn.relu(x @ t.transpose(y, [0, 2, 1]))[:, 0] - 1.0,
}
MORE = {
    "broadcast_to": ("fixed", lambda x: t.broadcast_to(x[:, :1], [2, 3, 4])),
    "acos": ("unit", t.acos), "acosh": ("positive", lambda x: t.acosh(x + 1.0)), "asin": ("unit", t.asin), "atanh": ("unit", t.atanh), "erfinv": ("unit", t.math.erfinv), "log": ("positive", t.math.log),
    "avg_pool": ("image", lambda x: t.nn.avg_pool2d(x, 2, 2, "VALID")), "max_pool": ("image", lambda x: t.nn.max_pool2d(x, [1, 3, 2, 1], [1, 2, 1, 1], "SAME")), "max_pool1d": ("sequence", lambda x: t.nn.max_pool1d(x, 2, 1, "VALID")),
    "conv2d": ("image small", lambda x, k: t.nn.conv2d(x, t.reshape(k[0], (2, 2, 4, 4)), strides=2, padding="SAME")), "conv1d": ("sequence fixed", lambda x, k: t.nn.conv1d(x, t.reshape(k, (2, 3, 4)), stride=1, padding="SAME")),
    "conv2d_list": ("image small", lambda x, k: t.nn.conv2d(x, t.reshape(k[0], (2, 2, 4, 4)), strides=[1, 1, 1, 1], padding="VALID", dilations=[1, 2, 2, 1])),
    "depthwise": ("image small", lambda x, k: t.nn.depthwise_conv2d(x, t.reshape(k[0], (2, 2, 4, 4)), strides=[1, 1, 1, 1], padding="SAME")),
    "depth_to_space": ("small", lambda x: t.nn.depth_to_space(x, 2)), "space_to_depth": ("image", lambda x: t.nn.space_to_depth(x, 2)),
    "embedding_lookup": ("i", lambda i: t.nn.embedding_lookup(t.constant(np.arange(15, dtype="float32").reshape(5, 3)), i)), "extract_patches": ("image", lambda x: t.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 1, 1], [1, 1, 1, 1], "VALID")),
    "gather_batch": ("x j", lambda x, j: t.gather(x, j, axis=1, batch_dims=1)), "gather_batch_last": ("x k", lambda x, k: t.gather(x, k, axis=2, batch_dims=2)), "one_hot": ("i", lambda i: t.one_hot(i, 5)), "one_hot_values": ("i", lambda i: t.one_hot(i, 4, on_value=2.0, off_value=-1.0, axis=1)),
    "rgb_to_grayscale": ("rgb", t.image.rgb_to_grayscale), "rgb_to_hsv": ("rgb", t.image.rgb_to_hsv), "hsv_to_rgb": ("rgb", t.image.hsv_to_rgb), "flip_up_down": ("rgb", t.image.flip_up_down),
    "lrn": ("image", lambda x: t.nn.local_response_normalization(x, depth_radius=1, bias=1.5, alpha=0.5, beta=0.75)), "sparse_cross_entropy": ("i x", lambda i, x: t.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x)),
    "det": ("square", t.linalg.det), "inv": ("square", t.linalg.inv), "solve": ("square right", t.linalg.solve), "in_top_k": ("i probabilities", lambda i, p: t.math.in_top_k(i[0], p[0], 2)),
    "tensor_scatter_nd_update": ("x", lambda x: t.tensor_scatter_nd_update(x[0], t.constant([[2], [0]]), x[1, :2])), "bitwise_and": ("k", lambda k: t.bitwise.bitwise_and(k, 6)), "bitwise_or": ("k", lambda k: t.bitwise.bitwise_or(k, 9)), "bitwise_xor": ("k", lambda k: t.bitwise.bitwise_xor(k, 3)), "invert": ("k", t.bitwise.invert),
}

def plain(values):
    def one(v):
        if np.isnan(v):
            return None
        return ("inf" if v > 0 else "-inf") if np.isinf(v) else float(f"{v:.8g}")

    return [one(v) for v in np.asarray(values).astype("float64").ravel()]

NO_GRADIENT = {"sort", "sort_down", "top_k", "cumprod", "reduce_max", "reduce_min"}

def case(name, op, names):
    data = [INPUTS[n].astype("int32" if n in WHOLE else "float32") for n in names]
    keras.backend.clear_session()
    try:
        ins = [keras.Input(d.shape[1:], d.shape[0] if n == "fixed" else None, dtype=d.dtype.name, name=n) for n, d in zip(names, data)]
        model = keras.Model(ins if len(ins) > 1 else ins[0], op(*ins))
        with tempfile.TemporaryDirectory() as folder:
            model.save(f"{folder}/m.keras")
            config = json.loads(zipfile.ZipFile(f"{folder}/m.keras").read("config.json"))
        given = [tf.constant(d) for d in data]
        with tf.GradientTape() as tape:
            tape.watch([g for g in given if g.dtype.is_floating])
            made = model(given if len(given) > 1 else given[0])
            made = list(made) if isinstance(made, (list, tuple)) else [made]
            floats = [m for m in made if m.dtype.is_floating]
            loss = sum(tf.reduce_sum(m * tf.reshape(tf.cos(tf.range(tf.size(m), dtype=tf.float32) * 0.7), tf.shape(m))) for m in floats) if floats else None
    except Exception as e:
        print("none", name, type(e).__name__, str(e).splitlines()[0][:200])
        return None
    run = {"out": [{"shape": list(m.shape), "type": m.dtype.name, "data": plain(m)} for m in made]}
    if loss is not None and name not in NO_GRADIENT:
        try:
            gradients = tape.gradient(loss, [g for g in given if g.dtype.is_floating])
            run["gradients"] = [None if g is None else plain(tf.convert_to_tensor(g)) for g in gradients]
        except (LookupError, tf.errors.InvalidArgumentError):
            pass
    config.pop("compile_config", None)
    return {"name": name, "inputs": names, "config": config, "runs": {"float32": run}}

cases = [case(name, op, ["x", "y"][:count]) for table, count in ((ONE, 1), (TWO, 2)) for name, op in table.items()]
cases += [case("more_" + name, op, names.split()) for name, (names, op) in MORE.items()]
cases = [c for c in cases if c]
(HERE / "tf_functions.json").write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")

"""Functional models of Keras 3 with one operation each, what they predict and what the gradient is: for tests/operations.rs.

Run with keras 3.15 and tensorflow-cpu: `python make.py`, or with the names of some cases; writes operations.json and none.weights.h5, the weights of a model without any, beside it. The layers of a
model stand there as `to_json` gives them, without the input layers; `inputs` has the data by name. Numbers that JSON has not are null (NaN) and words.
"""

import json
import os
import pathlib
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src.ops import numpy as knp

HERE = pathlib.Path(__file__).parent

X = [[[1.5, -2.25, 0.0, 3.0, -1.0], [0.5, 0.75, -0.5, 2.0, 4.0], [-3.5, 1.0, 0.25, -0.125, 6.0]],
     [[2.5, 0.0, 0.0, -7.0, 1.0], [1.25, -0.75, 5.5, -2.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]]
Y = [[[1.0, -2.25, 0.5, 2.0, -1.0], [0.0, 0.75, 0.5, 3.0, 2.0], [-3.0, 1.5, 0.25, 1.0, 0.0]],
     [[2.0, 1.0, 0.0, -3.0, 0.5], [1.25, 2.0, 1.5, -1.0, 0.5], [1.0, 0.0, -1.0, 0.0, 2.0]]]
rng = np.random.default_rng(15)


def numbers(*shape):
    return np.round(rng.normal(size=shape) * 64) / 64


nan = float("nan")
inf = float("inf")
N = np.array(X)
N[0, 0, 1] = N[0, 2, 3] = N[1, 2, :] = nan
S = np.array(X)
S[0, 0, 0], S[0, 1, 2], S[1, 0, 3], S[1, 1, 1], S[1, 2, 0] = inf, -inf, nan, inf, -0.0
spd = numbers(2, 3, 3)
spd = np.einsum("bij,bkj->bik", spd, spd) + np.eye(3)
probabilities = np.exp(numbers(2, 3, 5))
probabilities = np.round(probabilities / probabilities.sum(-1, keepdims=True) * 256) / 256
INPUTS = {
    "x": np.array(X), "y": np.array(Y), "n": N, "s": S,
    "unit": np.clip(numbers(2, 3, 5) / 3, -0.95, 0.95), "positive": np.abs(numbers(2, 3, 5)) + 0.25, "distinct": numbers(2, 3, 5),
    "probabilities": probabilities, "hot": np.eye(5)[[[0, 3, 2], [4, 4, 1]]],
    "i": np.array([[0, 3, 2], [4, 1, 1]]), "j": np.array([[1, 0, 2, 2], [0, 0, 1, 2]]), "k": np.array([[[1, 2, 0, 4, 3]] * 3, [[3, 3, 0, 1, 2]] * 3]),
    "mask": np.array([[[True, False, True, True, False]] * 3, [[False, True, True, False, True]] * 3]),
    "v": numbers(2, 3), "w": numbers(2, 4), "m": numbers(2, 5, 4), "square": numbers(2, 4, 4) + 3 * np.eye(4), "spd": spd, "right": numbers(2, 4, 2),
    "image": numbers(2, 6, 8, 4), "rgb": np.abs(numbers(2, 4, 5, 3)) / 4, "sequence": numbers(2, 12, 3), "volume": numbers(2, 4, 5, 4, 2),
    "small": numbers(2, 4, 4, 4), "signal": numbers(2, 16), "other": numbers(2, 16), "columns": numbers(2, 12, 9), "two": numbers(2, 3, 2), "three": numbers(2, 3, 3),
    "q": numbers(2, 5, 4, 6), "key": numbers(2, 7, 2, 6), "value": numbers(2, 7, 2, 6), "scores": numbers(2, 4, 5, 7),
    "gamma": numbers(5), "fixed": numbers(2, 3, 4), "vector": numbers(2, 5),
}
WHOLE = ["i", "j", "k"]

ONE = {
    "absolute": ops.absolute,
    "abs": ops.abs,
    "add_number": lambda x: x + 1.5,
    "add_whole": lambda x: x + 2,
    "all": lambda x: ops.all(x, axis=-1),
    "amax": lambda x: ops.amax(x, axis=[1, 2], keepdims=True),
    "amin": lambda x: ops.amin(x, axis=1),
    "any": lambda x: ops.any(x, axis=[-1, 1], keepdims=True),
    "any_all_axes": lambda x: ops.logical_or(x, ops.any(x)),
    "angle": ops.angle,
    "append_flat": lambda x: ops.append(x, x),
    "append_axis": lambda x: ops.append(x, x, axis=2),
    "arcsinh": ops.arcsinh,
    "arctan": ops.arctan,
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "argmax_middle": lambda x: ops.argmax(x, axis=1, keepdims=True),
    "argmax_flat": lambda x: x + ops.cast(ops.argmax(x), x.dtype),
    "argmin": lambda x: ops.argmin(x, axis=2),
    "argmin_kept": lambda x: ops.argmin(x, axis=-2, keepdims=True),
    "argsort": ops.argsort,
    "argsort_middle": lambda x: ops.argsort(x, axis=1),
    "argsort_flat": lambda x: ops.argsort(x, axis=None),
    "argpartition": lambda x: ops.argpartition(x, 4, axis=None),
    "array": ops.array,
    "array_split": lambda x: ops.array_split(x, 3, axis=2),
    "average": lambda x: ops.average(x, axis=2),
    "average_all": lambda x: x + ops.average(x),
    "average_weights": lambda x: ops.average(x, axis=2, weights=np.array([1.0, 2.0, 0.5, 1.0, 1.0], "float32")),
    "bitwise_not": ops.bitwise_not,
    "bitwise_invert": ops.bitwise_invert,
    "cbrt": ops.cbrt,
    "ceil": ops.ceil,
    "clip": lambda x: ops.clip(x, -1.0, 2.0),
    "clip_whole": lambda x: ops.clip(x, -1, 2),
    "conj": ops.conj,
    "conjugate": ops.conjugate,
    "copy": ops.copy,
    "corrcoef": lambda x: ops.corrcoef(x[0]),
    "cos": ops.cos,
    "cosh": ops.cosh,
    "count_nonzero": lambda x: ops.count_nonzero(x, axis=1),
    "count_nonzero_two": lambda x: ops.count_nonzero(x, axis=(1, 2)),
    "cumprod": lambda x: ops.cumprod(x, axis=-1),
    "cumprod_flat": ops.cumprod,
    "cumsum": lambda x: ops.cumsum(x, axis=1),
    "cumsum_flat": ops.cumsum,
    "cumsum_batch": lambda x: ops.cumsum(x, axis=0),
    "cumsum_type": lambda x: ops.cumsum(x, axis=2, dtype="float32"),
    "deg2rad": ops.deg2rad,
    "diag": lambda x: ops.diag(x[0], k=1),
    "diag_of_vector": lambda x: ops.diag(x[0, 0], k=-2),
    "diag_right": lambda x: ops.diag(x[0, 0], k=1),
    "diagflat": lambda x: ops.diagflat(x[0]),
    "diagonal": lambda x: ops.diagonal(x, axis1=1, axis2=2),
    "diagonal_below": lambda x: ops.diagonal(x, offset=-1, axis1=1, axis2=2),
    "diagonal_above": lambda x: ops.diagonal(x, offset=3, axis1=1, axis2=2),
    "diagonal_batch": lambda x: ops.diagonal(x, offset=1),
    "diff": ops.diff,
    "diff_twice": lambda x: ops.diff(x, n=2, axis=2),
    "digitize": lambda x: ops.digitize(x, np.array([-1.0, 0.0, 1.0, 2.5])),
    "divide_number": lambda x: x / 4.0,
    "number_divided": lambda x: 3.0 / (ops.square(x) + 1.0),
    "dsplit": lambda x: ops.dsplit(x, [1, 3]),
    "dstack": lambda x: ops.dstack([x, x]),
    "dstack_vectors": lambda x: ops.dstack([x[0, 0], x[0, 1]]),
    "einsum_one": lambda x: ops.einsum("abc->cb", x),
    "einsum_diagonal": lambda x: ops.einsum("abb->ab", x[:, :, :3]),
    "empty_like": ops.empty_like,
    "exp": ops.exp,
    "exp2": ops.exp2,
    "expand_dims": lambda x: ops.expand_dims(x, 2),
    "expand_dims_last": lambda x: ops.expand_dims(x, -1),
    "expand_dims_two": lambda x: ops.expand_dims(x, (1, 3)),
    "expm1": ops.expm1,
    "fabs": ops.fabs,
    "flip": lambda x: ops.flip(x, axis=-1),
    "flip_two": lambda x: ops.flip(x, axis=(1, 2)),
    "flip_all": lambda x: ops.flip(x),
    "fliplr": ops.fliplr,
    "flipud": ops.flipud,
    "floor": ops.floor,
    "floor_divide_number": lambda x: ops.floor_divide(x, 2),
    "full": lambda x: x + ops.full((3, 5), x[0, 0, 0], dtype=x.dtype),
    "full_like": lambda x: ops.full_like(x, 2),
    "full_like_float": lambda x: ops.full_like(x, 2.5, dtype="float32"),
    "getitem_step": lambda x: x[:, ::2, 4:0:-2],
    "getitem_back": lambda x: x[:, ::-1],
    "item": lambda x: x[:, 1],
    "item_last": lambda x: x[:, -1, 1:4],
    "item_new": lambda x: x[:, None, ..., 2],
    "item_from": lambda x: x[..., -3:],
    "item_to": lambda x: x[:, :-1, :-2],
    "histogram": lambda x: ops.histogram(x[0, 0], bins=4),
    "histogram_range": lambda x: ops.histogram(x[0, 1], bins=3, range=(-2.0, 4.0)),
    "hsplit": lambda x: ops.hsplit(x, 3),
    "hstack": lambda x: ops.hstack([x, x]),
    "i0": ops.i0,
    "imag": ops.imag,
    "isreal": ops.isreal,
    "isin": lambda x: ops.isin(x, [0.0, 1.0, -2.0]),
    "isin_not": lambda x: ops.isin(x, [0.0, 1.0, -2.0], invert=True, assume_unique=True),
    "isclose_number": lambda x: ops.isclose(x, 1.0, rtol=0.5, atol=0.25),
    "log": lambda x: ops.log(ops.absolute(x) + 0.5),
    "log10": lambda x: ops.log10(ops.absolute(x) + 1),
    "log2": lambda x: ops.log2(ops.absolute(x) + 1),
    "log1p": lambda x: ops.log1p(ops.square(x)),
    "logical_not": ops.logical_not,
    "logaddexp_number": lambda x: ops.logaddexp(x, 1.5),
    "max": lambda x: ops.max(x, axis=-1),
    "max_initial": lambda x: ops.max(x, axis=-1, initial=2),
    "min_initial": lambda x: ops.min(x, axis=-1, initial=-2),
    "mean": lambda x: ops.mean(x, axis=(1, 2)),
    "mean_kept": lambda x: ops.mean(x, axis=1, keepdims=True),
    "median": lambda x: ops.median(x, axis=2),
    "median_two": lambda x: ops.median(x, axis=(1, 2), keepdims=True),
    "median_all": lambda x: x + ops.cast(ops.median(x), x.dtype),
    "meshgrid_xy": lambda x: ops.meshgrid(x[0, 0], x[1, :, 0]),
    "meshgrid_ij": lambda x: ops.meshgrid(x[0, 0], x[1, :, 0], x[0, 1, :2], indexing="ij"),
    "min": lambda x: ops.min(x, axis=2, keepdims=True),
    "mod_number": lambda x: ops.mod(x, 2),
    "moveaxis": lambda x: ops.moveaxis(x, 1, 2),
    "moveaxis_two": lambda x: ops.moveaxis(x, (0, 2), (2, 1)),
    "moments": lambda x: ops.moments(x, axes=[1]),
    "moments_kept": lambda x: ops.moments(x, axes=[1, 2], keepdims=True),
    "negative": lambda x: -x,
    "norm": lambda x: ops.norm(x, axis=-1),
    "norm_all": lambda x: x + ops.norm(x[0]),
    "norm_one": lambda x: ops.norm(x, ord=1, axis=1, keepdims=True),
    "norm_zero": lambda x: ops.norm(x, ord=0, axis=2),
    "norm_three": lambda x: ops.norm(x, ord=3, axis=2),
    "norm_fro": lambda x: ops.norm(x, ord="fro", axis=(1, 2)),
    "norm_columns": lambda x: ops.norm(x, ord=1, axis=(1, 2)),
    "norm_least": lambda x: ops.norm(x, ord=-1, axis=(1, 2), keepdims=True),
    "normalize": ops.normalize,
    "normalize_axis": lambda x: ops.normalize(x, axis=1, order=3, epsilon=0.01),
    "normalize_one": lambda x: ops.normalize(x, order=1),
    "ones_like": ops.ones_like,
    "ones_like_bool": lambda x: ops.cast(ops.ones_like(x, dtype="bool"), "float32"),
    "ones_like_float": lambda x: ops.ones_like(x, dtype="float32") / 2.0,
    "ones_like_int": lambda x: ops.ones_like(x, dtype="int32"),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1))),
    "pad_each": lambda x: ops.pad(x[0], [[1, 0], [2, 2]]),
    "pad_value": lambda x: ops.pad(x, ((0, 0), (1, 0), (2, 1)), constant_values=3),
    "pad_reflect": lambda x: ops.pad(x, ((0, 0), (2, 1), (3, 0)), mode="reflect"),
    "pad_symmetric": lambda x: ops.pad(x, ((0, 0), (3, 1), (0, 2)), mode="symmetric"),
    "percentile": lambda x: ops.percentile(x, 30.0, axis=2),
    "power_two": lambda x: x**2,
    "power_three": lambda x: ops.power(x, 3),
    "power_minus": lambda x: ops.power(x + 8.5, -2.0),
    "power_half": lambda x: ops.power(ops.absolute(x), 0.5),
    "prod": lambda x: ops.prod(x, axis=2),
    "prod_two": lambda x: ops.prod(x, axis=(1, 2), keepdims=True),
    "prod_type": lambda x: ops.prod(x, axis=1, dtype="float32"),
    "ptp": lambda x: ops.ptp(x, axis=1),
    "ptp_kept": lambda x: ops.ptp(x, axis=2, keepdims=True),
    "quantile": lambda x: ops.quantile(x, 0.25, axis=2, keepdims=True),
    "quantile_list": lambda x: ops.quantile(x, [0.1, 0.5, 0.9], axis=1),
    "quantile_lower": lambda x: ops.quantile(x, 0.4, axis=2, method="lower"),
    "quantile_higher": lambda x: ops.quantile(x, 0.4, axis=2, method="higher"),
    "quantile_nearest": lambda x: ops.quantile(x, 0.4, axis=2, method="nearest"),
    "quantile_midpoint": lambda x: ops.quantile(x, 0.4, axis=(1, 2), method="midpoint"),
    "rad2deg": ops.rad2deg,
    "ravel": ops.ravel,
    "real": ops.real,
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "repeat_each": lambda x: ops.repeat(x, [1, 0, 3], axis=1),
    "repeat_flat": lambda x: ops.repeat(x, 3),
    "reshape": lambda x: ops.reshape(x, (-1, 5, 3)),
    "reshape_flat": lambda x: ops.reshape(x, (-1, 15)),
    "reshape_one": lambda x: ops.reshape(x, -1),
    "reciprocal": lambda x: ops.reciprocal(x + 8),
    "reciprocal_root": lambda x: ops.rsqrt(ops.square(x) + 1.0),
    "roll": lambda x: ops.roll(x, 2, axis=2),
    "roll_two": lambda x: ops.roll(x, (1, -2), axis=(1, 2)),
    "roll_flat": lambda x: ops.roll(x, 4),
    "rot90": lambda x: ops.rot90(x, axes=(1, 2)),
    "rot90_thrice": lambda x: ops.rot90(x, k=3, axes=(2, 1)),
    "rot90_back": lambda x: ops.rot90(x, k=-2),
    "round": ops.round,
    "round_places": lambda x: ops.round(x / 3, decimals=2),
    "round_tens": lambda x: ops.round(x * 4, decimals=-1),
    "searchsorted": lambda x: ops.searchsorted(ops.sort(x[0, 0]), x[1, 0]),
    "searchsorted_right": lambda x: ops.searchsorted(ops.sort(x[0, 0]), x[0, 0], side="right"),
    "select": lambda x: ops.select([x > 2, x < 0], [x * 2, x - 1], 7),
    "segment_sum": lambda x: ops.segment_sum(x[0], np.array([1, 0, 1], "int32"), num_segments=3),
    "segment_max": lambda x: ops.segment_max(x[0], np.array([1, 0, 1], "int32"), num_segments=2),
    "segment_min": lambda x: ops.segment_min(x[0], np.array([1, 0, 1], "int32"), num_segments=2),
    "segment_prod": lambda x: ops.segment_prod(x[0], np.array([1, 0, 1], "int32"), num_segments=3),
    "sign": ops.sign,
    "sin": ops.sin,
    "sinc": ops.sinc,
    "sinh": ops.sinh,
    "size": lambda x: ops.cast(ops.size(x), x.dtype) + x,
    "slice": lambda x: ops.slice(x, (0, 1, 2), (2, 2, 3)),
    "slice_update": lambda x: ops.slice_update(x, (0, 1, 2), x[:, :2, :2]),
    "sort": ops.sort,
    "sort_middle": lambda x: ops.sort(x, axis=1),
    "sort_flat": lambda x: ops.sort(x, axis=None),
    "split": lambda x: ops.split(x, 3, axis=1),
    "split_at": lambda x: ops.split(x, [1, 4], axis=-1),
    "sqrt": lambda x: ops.sqrt(ops.absolute(x)),
    "square": ops.square,
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1), axis=1),
    "stack": lambda x: ops.stack([x, x * 2], axis=1),
    "stack_last": lambda x: ops.stack([x, x + 1, x], axis=-1),
    "std": lambda x: ops.std(x, axis=2),
    "std_kept": lambda x: ops.std(x, axis=(1, 2), keepdims=True),
    "sum": lambda x: ops.sum(x, axis=1),
    "sum_kept": lambda x: ops.sum(x, axis=(1, -1), keepdims=True),
    "sum_kept_by_number": lambda x: ops.sum(x, axis=2, keepdims=1),
    "sum_all": lambda x: x + ops.cast(ops.sum(x), x.dtype),
    "swapaxes": lambda x: ops.swapaxes(x, 1, -1),
    "take": lambda x: ops.take(x, [0, 2, -1, 1], axis=2),
    "take_flat": lambda x: ops.take(x, [[0, 7], [29, -2]]),
    "take_one": lambda x: ops.take(x, 1, axis=1),
    "tan": ops.tan,
    "tanh": ops.tanh,
    "tile": lambda x: ops.tile(x, (1, 2, 3)),
    "tile_one": lambda x: ops.tile(x, 2),
    "tile_more": lambda x: ops.tile(x[0], (2, 1, 2)),
    "trace": lambda x: ops.trace(x, axis1=1, axis2=2),
    "trace_offset": lambda x: ops.trace(x[:, :, :3], offset=1, axis1=1, axis2=2),
    "transpose": lambda x: ops.transpose(x, (0, 2, 1)),
    "transpose_all": lambda x: ops.transpose(x),
    "trapezoid": ops.trapezoid,
    "trapezoid_steps": lambda x: ops.trapezoid(x, dx=0.5, axis=1),
    "trapezoid_places": lambda x: ops.trapezoid(x, x=[0.0, 1.0, 1.5, 4.0, 5.0]),
    "tril": ops.tril,
    "tril_above": lambda x: ops.tril(x, k=1),
    "tril_below": lambda x: ops.tril(x, k=-1),
    "triu": ops.triu,
    "triu_above": lambda x: ops.triu(x, k=2),
    "triu_below": lambda x: ops.triu(x, k=-1),
    "trunc": ops.trunc,
    "top_k": lambda x: ops.top_k(x, 2),
    "top_k_unsorted": lambda x: ops.top_k(x, 5, sorted=False),
    "unstack": lambda x: ops.unstack(x, axis=1),
    "unstack_num": lambda x: ops.unstack(x, num=5, axis=-1),
    "vander": lambda x: ops.vander(x[0, 0]),
    "vander_increasing": lambda x: ops.vander(x[0, 1], N=3, increasing=True),
    "var": lambda x: ops.var(x, axis=1),
    "var_kept": lambda x: ops.var(x, axis=(1, 2), keepdims=True),
    "vsplit": lambda x: ops.vsplit(x[0], 3),
    "vstack": lambda x: ops.vstack([x, x]),
    "zeros_like": ops.zeros_like,
    "cast": lambda x: ops.cast(x, "float32"),
    "cast_bool": lambda x: ops.cast(x, "bool"),
    "cast_int": lambda x: ops.cast(x, "int32"),
    "cast_int8": lambda x: ops.cast(x, "int8"),
    "cast_half": lambda x: ops.cast(x, "float16") * 3,
    "convert_to_tensor": ops.convert_to_tensor,
    "saturate_cast": lambda x: ops.saturate_cast(x * 60, "uint8"),
    "stop_gradient": ops.stop_gradient,
    "celu": ops.celu,
    "celu_alpha": lambda x: ops.celu(x, alpha=0.5),
    "elu": lambda x: ops.elu(x, alpha=0.5),
    "erf": ops.erf,
    "erfc": ops.erfc,
    "gelu": ops.gelu,
    "gelu_exact": lambda x: ops.gelu(x, approximate=False),
    "glu": lambda x: ops.glu(x[..., :4]),
    "glu_axis": lambda x: ops.glu(x[:, :2], axis=1),
    "hard_shrink": ops.hard_shrink,
    "hard_shrink_threshold": lambda x: ops.hard_shrink(x, threshold=1.0),
    "hard_sigmoid": ops.hard_sigmoid,
    "hard_silu": ops.hard_silu,
    "hard_tanh": ops.hard_tanh,
    "layer_norm": lambda x: ops.layer_normalization(x),
    "layer_norm_axes": lambda x: ops.layer_normalization(x, axis=[1, 2], epsilon=0.1),
    "layer_norm_rms": lambda x: ops.layer_normalization(x, rms_scaling=True, epsilon=0.01),
    "leaky_relu": ops.leaky_relu,
    "leaky_relu_slope": lambda x: ops.leaky_relu(x, negative_slope=0.1),
    "log_sigmoid": ops.log_sigmoid,
    "log_softmax": ops.log_softmax,
    "log_softmax_one": lambda x: ops.log_softmax(x, axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=2),
    "logsumexp_kept": lambda x: ops.logsumexp(x, axis=(1, 2), keepdims=True),
    "relu": ops.relu,
    "relu6": ops.relu6,
    "rms_norm": ops.rms_normalization,
    "rms_norm_axis": lambda x: ops.rms_normalization(x, axis=(1, 2), epsilon=0.1),
    "selu": ops.selu,
    "sigmoid": ops.sigmoid,
    "signbit": ops.signbit,
    "silu": ops.silu,
    "soft_shrink": ops.soft_shrink,
    "soft_shrink_threshold": lambda x: ops.soft_shrink(x, threshold=1.5),
    "softmax": ops.softmax,
    "softmax_one": lambda x: ops.softmax(x, axis=1),
    "softplus": ops.softplus,
    "softsign": ops.softsign,
    "sparse_plus": ops.sparse_plus,
    "sparse_sigmoid": ops.sparse_sigmoid,
    "squareplus": ops.squareplus,
    "squareplus_b": lambda x: ops.squareplus(x, b=1),
    "tanh_shrink": ops.tanh_shrink,
    "threshold": lambda x: ops.threshold(x, 1.0, -3.0),
    "where_number": lambda x: ops.where(ops.greater(x, 0), x, -1),
    "less_number": lambda x: x < 1.0,
    "greater_number": lambda x: x > 1.0,
    "equal_number": lambda x: ops.equal(x, 0.0),
    "subtract_from": lambda x: 2.0 - x,
    "add_array": lambda x: x + np.array([1.0, 2.0, 3.0, 4.0, 5.0], "float32"),
    "bitwise_left_shift": lambda x: ops.bitwise_left_shift(x, 2),
    "left_shift": lambda x: ops.left_shift(x, 1),
    "bitwise_right_shift": lambda x: ops.bitwise_right_shift(x, 1),
    "right_shift": lambda x: ops.right_shift(x, 2),
}
TWO = {
    "add": lambda x, y: x + y,
    "allclose": lambda x, y: ops.logical_or(ops.allclose(x, y, atol=20.0), x),
    "allclose_not": lambda x, y: ops.logical_or(ops.allclose(x, y), x > 100),
    "arctan2": ops.arctan2,
    "average_same": lambda x, y: ops.average(x, axis=1, weights=y * y + 1),
    "bitwise_and": ops.bitwise_and,
    "bitwise_or": ops.bitwise_or,
    "bitwise_xor": ops.bitwise_xor,
    "concatenate": lambda x, y: ops.concatenate([x, y], axis=1),
    "concatenate_last": lambda x, y: ops.concatenate([x, y], axis=-1),
    "divide": lambda x, y: ops.divide(x, y * y + 1),
    "divide_no_nan": ops.divide_no_nan,
    "dot": lambda x, y: ops.dot(x, ops.transpose(y[0])),
    "dot_vector": lambda x, y: ops.dot(x, y[0, 0]),
    "einsum": lambda x, y: ops.einsum("abc,adc->abd", x, y),
    "einsum_outer": lambda x, y: ops.einsum("abc,abd->acd", x, y),
    "einsum_dots": lambda x, y: ops.einsum("...bc,...dc->...bd", x, y),
    "einsum_sum": lambda x, y: ops.einsum("abc,abc->a", x, y),
    "einsum_three": lambda x, y: ops.einsum("abc,adc,ade->be", x, y, x),
    "equal": ops.equal,
    "floor_divide": lambda x, y: ops.floor_divide(x, y * y + 1),
    "fmax": ops.fmax,
    "fmin": ops.fmin,
    "fmod": lambda x, y: ops.fmod(x, y * y + 1),
    "gcd": ops.gcd,
    "greater": ops.greater,
    "greater_equal": ops.greater_equal,
    "heaviside": ops.heaviside,
    "hypot": ops.hypot,
    "inner": lambda x, y: ops.inner(x, y),
    "isclose": lambda x, y: ops.isclose(x, y, rtol=0.3),
    "kron": lambda x, y: ops.kron(x[0, :2], y[0, :, :2]),
    "kron_fewer": lambda x, y: ops.kron(x[0, :2], y[0, 0]),
    "lcm": ops.lcm,
    "less": ops.less,
    "less_equal": ops.less_equal,
    "logaddexp": ops.logaddexp,
    "logaddexp2": ops.logaddexp2,
    "logical_and": ops.logical_and,
    "logical_or": ops.logical_or,
    "logical_xor": ops.logical_xor,
    "linspace": lambda x, y: ops.linspace(x, y, num=4),
    "linspace_open": lambda x, y: ops.linspace(x, y, num=3, endpoint=False, axis=1),
    "logspace": lambda x, y: ops.logspace(x / 8, y / 8, num=3, base=2),
    "geomspace": lambda x, y: ops.geomspace(x * x + 1, y * y + 1, num=3),
    "matmul": lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
    "matmul_broadcast": lambda x, y: ops.matmul(x, ops.transpose(y[0])),
    "matmul_vector": lambda x, y: ops.matmul(x, y[0, 0]),
    "matmul_row": lambda x, y: ops.matmul(y[0, :, 0], x),
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "mod": lambda x, y: ops.mod(x, y * y + 1),
    "multiply": lambda x, y: x * y,
    "not_equal": ops.not_equal,
    "outer": lambda x, y: ops.outer(x[0], y[1]),
    "power": lambda x, y: ops.power(ops.absolute(x) + 0.5, y),
    "psnr": lambda x, y: x + ops.psnr(x, y, 4.0),
    "select_default": lambda x, y: ops.select([x > y, x < 0], [x, y]),
    "subtract": lambda x, y: x - y,
    "tensordot": lambda x, y: ops.tensordot(x, y, axes=[[1, 2], [1, 2]]),
    "tensordot_number": lambda x, y: ops.tensordot(x, ops.transpose(y[0]), axes=1),
    "true_divide": lambda x, y: ops.true_divide(x, y + 10),
    "vdot": lambda x, y: x + ops.vdot(x, y),
    "where": lambda x, y: ops.where(ops.less(x, y), x, y),
    "cdist": ops.cdist,
}
MORE = {
    "arccos": ("unit", ops.arccos),
    "arcsin": ("unit", ops.arcsin),
    "arctanh": ("unit", ops.arctanh),
    "erfinv": ("unit", ops.erfinv),
    "arccosh": ("positive", lambda x: ops.arccosh(x + 1)),
    "isfinite": ("s", ops.isfinite),
    "isinf": ("s", ops.isinf),
    "isnan": ("s", ops.isnan),
    "isneginf": ("s", ops.isneginf),
    "isposinf": ("s", ops.isposinf),
    "isclose_nan": ("s", lambda x: ops.isclose(x, x, equal_nan=True)),
    "isclose_special": ("s", lambda x: ops.isclose(x, x)),
    "allclose_nan": ("s", lambda x: ops.logical_or(ops.allclose(x, x, equal_nan=True), ops.isnan(x))),
    "fmax_nan": ("s n", ops.fmax),
    "fmin_nan": ("s n", ops.fmin),
    "signbit_special": ("s", ops.signbit),
    "nan_to_num": ("s", ops.nan_to_num),
    "nan_to_num_given": ("s", lambda x: ops.nan_to_num(x, nan=5.0, posinf=9.0, neginf=-8.0)),
    "nanargmax": ("n", lambda x: ops.nanargmax(x, axis=-1)),
    "nanargmin": ("n", lambda x: ops.nanargmin(x, axis=1, keepdims=True)),
    "nancumprod": ("n", lambda x: ops.nancumprod(x, axis=2)),
    "nancumsum": ("n", lambda x: ops.nancumsum(x, axis=2)),
    "nanmax": ("n", lambda x: ops.nanmax(x, axis=2)),
    "nanmean": ("n", lambda x: ops.nanmean(x, axis=2)),
    "nanmean_kept": ("n", lambda x: ops.nanmean(x, axis=(1, 2), keepdims=True)),
    "nanmedian": ("n", lambda x: ops.nanmedian(x, axis=2)),
    "nanmin": ("n", lambda x: ops.nanmin(x, axis=2, keepdims=True)),
    "nanpercentile": ("n", lambda x: ops.nanpercentile(x, 30.0, axis=2)),
    "nanprod": ("n", lambda x: ops.nanprod(x, axis=2)),
    "nanquantile": ("n", lambda x: ops.nanquantile(x, 0.4, axis=2)),
    "nanquantile_lower": ("n", lambda x: ops.nanquantile(x, 0.4, axis=2, method="lower")),
    "nanstd": ("n", lambda x: ops.nanstd(x, axis=2)),
    "nansum": ("n", lambda x: ops.nansum(x, axis=2)),
    "nanvar": ("n", lambda x: ops.nanvar(x, axis=(1, 2), keepdims=True)),
    "sort_distinct": ("distinct", ops.sort),
    "median_distinct": ("distinct", lambda x: ops.median(x, axis=1)),
    "top_k_distinct": ("distinct", lambda x: ops.top_k(x, 3)),
    "quantile_distinct": ("distinct", lambda x: ops.quantile(x, [0.3, 0.8], axis=2)),
    "percentile_list": ("distinct", lambda x: ops.percentile(x, [10.0, 90.0], axis=(1, 2), keepdims=True)),
    "max_distinct": ("distinct", lambda x: ops.max(x, axis=1)),
    "cumprod_distinct": ("distinct", lambda x: ops.cumprod(x, axis=2)),
    "prod_distinct": ("distinct", lambda x: ops.prod(x, axis=(1, 2))),
    "sparsemax": ("unit", ops.sparsemax),
    "sparsemax_axis": ("unit", lambda x: ops.sparsemax(x, axis=1)),
    "take_tensor": ("x i", lambda x, i: ops.take(x, i, axis=2)),
    "take_along_axis": ("x k", lambda x, k: ops.take_along_axis(x, k, axis=2)),
    "take_along_middle": ("x j", lambda x, j: ops.take_along_axis(x[:, :, :4], j[:, None], axis=1)),
    "take_along_flat": ("x i", lambda x, i: ops.take_along_axis(x, i[0], axis=None)),
    "ldexp": ("x k", ops.ldexp),
    "one_hot": ("i", lambda i: ops.one_hot(i, 5)),
    "one_hot_axis": ("i", lambda i: ops.one_hot(i, 4, axis=1, dtype="int32")),
    "multi_hot": ("i", lambda i: ops.multi_hot(i, 5)),
    "multi_hot_bool": ("i", lambda i: ops.multi_hot(i, 5, dtype="bool")),
    "in_top_k": ("i probabilities", lambda i, p: ops.in_top_k(i[0], p[0], 2)),
    "unravel_index": ("i", lambda i: ops.unravel_index(i[0] * 2, (3, 4))),
    "unravel_index_table": ("i", lambda i: ops.unravel_index(i, (3, 2))),
    "scatter": ("x", lambda x: ops.scatter(np.array([[0, 1], [2, 0], [0, 1]], "int32"), x[0, :, 0], (3, 2))),
    "scatter_rows": ("x", lambda x: ops.scatter(np.array([[3], [1], [3]], "int32"), x[0], (4, 5))),
    "scatter_update": ("x", lambda x: ops.scatter_update(x[0], np.array([[2], [0]], "int32"), x[1, :2] * 2)),
    "scatter_update_add": ("x", lambda x: ops.scatter_update(x[0], np.array([[2], [0]], "int32"), x[1, :2], reduction="add")),
    "where_mask": ("mask x y", ops.where),
    "binary_crossentropy": ("mask probabilities", lambda m, p: ops.binary_crossentropy(ops.cast(m, "float32"), p)),
    "binary_crossentropy_logits": ("mask x", lambda m, x: ops.binary_crossentropy(ops.cast(m, "float32"), x, from_logits=True)),
    "binary_crossentropy_sigmoid": ("mask x", lambda m, x: ops.binary_crossentropy(ops.cast(m, "float32"), ops.sigmoid(x))),
    "categorical_crossentropy": ("hot probabilities", ops.categorical_crossentropy),
    "categorical_crossentropy_logits": ("hot x", lambda h, x: ops.categorical_crossentropy(h, x, from_logits=True)),
    "categorical_crossentropy_axis": ("hot probabilities", lambda h, p: ops.categorical_crossentropy(h, p, axis=1)),
    "categorical_crossentropy_softmax": ("hot x", lambda h, x: ops.categorical_crossentropy(h, ops.softmax(x))),
    "sparse_categorical_crossentropy": ("i probabilities", ops.sparse_categorical_crossentropy),
    "sparse_categorical_crossentropy_logits": ("i x", lambda i, x: ops.sparse_categorical_crossentropy(i, x, from_logits=True)),
    "batch_norm": ("x", lambda x: ops.batch_normalization(x, np.array([0.5, 1, 0, -1, 2], "float32"), np.array([1, 2, 0.5, 1, 4], "float32"), axis=-1)),
    "batch_norm_all": ("x", lambda x: ops.batch_normalization(x, np.array([0.5, 1, 0], "float32"), np.array([1, 2, 0.5], "float32"), axis=1, offset=np.array([1, 0, 2], "float32"), scale=np.array([2, 0.5, 1], "float32"), epsilon=0.1)),
    "layer_norm_gamma": ("x gamma", lambda x, g: ops.layer_normalization(x, gamma=g, beta=g * 2, axis=-1)),
    "rms_norm_scale": ("x gamma", lambda x, g: ops.rms_normalization(x, scale=g, axis=-1)),
    "cross": ("three v", lambda a, b: ops.cross(a, b[:, None])),
    "cross_two": ("two", lambda a: ops.cross(a, a[:, ::-1])),
    "cross_mixed": ("two three", ops.cross),
    "cross_axis": ("three", lambda a: ops.cross(a, a[:, ::-1] * 2, axis=1)),
    "cross_axes": ("three", lambda a: ops.cross(a, a[:, ::-1] * 2, axisa=1, axisb=2, axisc=1)),
    "correlate": ("signal other", lambda a, b: ops.correlate(a[0], b[0, :5])),
    "correlate_same": ("signal other", lambda a, b: ops.correlate(a[0], b[0, :4], mode="same")),
    "correlate_full": ("signal other", lambda a, b: ops.correlate(a[0], b[0, :5], mode="full")),
    "matmul_heads": ("q key", lambda q, k: ops.matmul(q, ops.transpose(k[:, :1, :1], (0, 1, 3, 2)))),
    "max_pool": ("image", lambda x: ops.max_pool(x, 2)),
    "max_pool_same": ("image", lambda x: ops.max_pool(x, (3, 2), strides=(2, 1), padding="same")),
    "max_pool_first": ("image", lambda x: ops.max_pool(x, 2, data_format="channels_first")),
    "max_pool_sequence": ("sequence", lambda x: ops.max_pool(x, 3, strides=2)),
    "average_pool": ("image", lambda x: ops.average_pool(x, 2, strides=3)),
    "average_pool_same": ("sequence", lambda x: ops.average_pool(x, 3, strides=1, padding="same")),
    "average_pool_volume": ("volume", lambda x: ops.average_pool(x, (2, 2, 1))),
    "adaptive_average_pool": ("image", lambda x: ops.adaptive_average_pool(x, (4, 3))),
    "adaptive_average_pool_first": ("sequence", lambda x: ops.adaptive_average_pool(x, (2,), data_format="channels_first")),
    "adaptive_max_pool": ("image", lambda x: ops.adaptive_max_pool(x, (5, 3))),
    "adaptive_max_pool_volume": ("volume", lambda x: ops.adaptive_max_pool(x, (2, 3, 2))),
    "conv": ("image small", lambda x, k: ops.conv(x, ops.reshape(k[0], (2, 2, 4, 4)))),
    "conv_same": ("image small", lambda x, k: ops.conv(x, ops.reshape(k[0], (2, 2, 4, 4)), strides=2, padding="same")),
    "conv_dilated": ("image small", lambda x, k: ops.conv(x, ops.reshape(k[0], (2, 2, 4, 4)), dilation_rate=(2, 3))),
    "conv_sequence": ("sequence fixed", lambda x, k: ops.conv(x, ops.reshape(k, (2, 3, 4)), strides=2)),
    "conv_volume": ("volume small", lambda x, k: ops.conv(x, ops.reshape(k[0], (2, 2, 2, 2, 4)))),
    "depthwise_conv": ("image small", lambda x, k: ops.depthwise_conv(x, ops.reshape(k[0], (2, 2, 4, 4)), strides=2)),
    "depthwise_conv_same": ("sequence fixed", lambda x, k: ops.depthwise_conv(x, ops.reshape(k, (4, 3, 2)), padding="same")),
    "separable_conv": ("image small", lambda x, k: ops.separable_conv(x, ops.reshape(k[0, :1], (2, 2, 4, 1)), ops.reshape(k[1, 0], (1, 1, 4, 4)), padding="same")),
    "conv_transpose": ("image small", lambda x, k: ops.conv_transpose(x, ops.reshape(k[0], (2, 2, 4, 4)), strides=2)),
    "conv_transpose_same": ("image small", lambda x, k: ops.conv_transpose(x, ops.reshape(k[0], (2, 2, 4, 4)), strides=(2, 3), padding="same")),
    "conv_transpose_padding": ("image small", lambda x, k: ops.conv_transpose(x, ops.reshape(k[0], (2, 2, 4, 4)), strides=2, output_padding=1)),
    "dot_product_attention": ("q key value", lambda q, k, v: ops.dot_product_attention(q, k, v)),
    "dot_product_attention_causal": ("q key value", lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=True, scale=0.5)),
    "dot_product_attention_bias": ("q key value scores", lambda q, k, v, s: ops.dot_product_attention(q, k, v, bias=s, mask=s > 0)),
    "depth_to_space": ("small", lambda x: ops.depth_to_space(x, 2)),
    "depth_to_space_first": ("small", lambda x: ops.depth_to_space(x, 2, data_format="channels_first")),
    "space_to_depth": ("image", lambda x: ops.space_to_depth(x, 2)),
    "space_to_depth_first": ("small", lambda x: ops.space_to_depth(x, 2, data_format="channels_first")),
    "unfold": ("small", lambda x: ops.unfold(x, 2)),
    "unfold_all": ("image", lambda x: ops.unfold(x, (2, 3), dilation=(2, 1), padding=(1, 0), stride=(2, 1))),
    "fold": ("columns", lambda x: ops.fold(x, (4, 4), 2)),
    "fold_all": ("columns", lambda x: ops.fold(x, (5, 7), (2, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 2))),
    "fft": ("signal other", lambda a, b: ops.fft((a, b))),
    "fft2": ("m", lambda a: ops.fft2((a, a * 2))),
    "ifft2": ("m", lambda a: ops.ifft2((a, a * a))),
    "rfft": ("signal", ops.rfft),
    "rfft_length": ("signal", lambda a: ops.rfft(a, fft_length=11)),
    "irfft": ("signal other", lambda a, b: ops.irfft((a[:, :9], b[:, :9]))),
    "irfft_length": ("signal other", lambda a, b: ops.irfft((a[:, :9], b[:, :9]), fft_length=13)),
    "stft": ("signal", lambda a: ops.stft(a, 8, 3, 8)),
    "stft_hamming": ("signal", lambda a: ops.stft(a, 5, 4, 8, window="hamming", center=False)),
    "stft_none": ("signal", lambda a: ops.stft(a, 8, 4, 8, window=None)),
    "istft": ("q", lambda a: ops.istft((a[:, 0, :, :5], a[:, 1, :, 1:6]), 8, 3, 8)),
    "istft_length": ("q", lambda a: ops.istft((a[:, 0, :, :5], a[:, 1, :, 1:6]), 8, 4, 8, length=12, window="hamming")),
    "extract_sequences": ("signal", lambda a: ops.extract_sequences(a, 4, 3)),
    "rgb_to_grayscale": ("rgb", ops.image.rgb_to_grayscale),
    "rgb_to_grayscale_first": ("rgb", lambda x: ops.image.rgb_to_grayscale(ops.transpose(x, (0, 3, 1, 2)), data_format="channels_first")),
    "rgb_to_hsv": ("rgb", ops.image.rgb_to_hsv),
    "hsv_to_rgb": ("rgb", ops.image.hsv_to_rgb),
    "hsv_to_rgb_first": ("rgb", lambda x: ops.image.hsv_to_rgb(ops.transpose(x, (0, 3, 1, 2)), data_format="channels_first")),
    "crop_images": ("image", lambda x: ops.image.crop_images(x, top_cropping=1, left_cropping=2, target_height=3, target_width=4)),
    "crop_images_ends": ("image", lambda x: ops.image.crop_images(x, top_cropping=1, left_cropping=2, bottom_cropping=2, right_cropping=1)),
    "pad_images": ("image", lambda x: ops.image.pad_images(x, top_padding=1, left_padding=2, target_height=9, target_width=11)),
    "pad_images_first": ("image", lambda x: ops.image.pad_images(x, top_padding=1, left_padding=0, bottom_padding=2, right_padding=3, data_format="channels_first")),
    "sobel_edges": ("image", ops.image.sobel_edges),
    "sobel_edges_first": ("image", lambda x: ops.image.sobel_edges(x, data_format="channels_first")),
    "gaussian_blur": ("image", ops.image.gaussian_blur),
    "gaussian_blur_wide": ("image", lambda x: ops.image.gaussian_blur(x, kernel_size=(5, 3), sigma=(0.5, 2.0))),
    "extract_patches": ("image", lambda x: ops.image.extract_patches(x, (2, 3))),
    "extract_patches_all": ("image", lambda x: ops.image.extract_patches(x, 2, strides=(2, 1), dilation_rate=2, padding="same")),
    "extract_patches_volume": ("volume", lambda x: ops.image.extract_patches(x, (2, 2, 2), strides=2)),
    "resize": ("image", lambda x: ops.image.resize(x, (9, 5))),
    "resize_nearest": ("image", lambda x: ops.image.resize(x, (4, 11), interpolation="nearest")),
    "resize_antialias": ("image", lambda x: ops.image.resize(x, (3, 4), interpolation="bicubic", antialias=True)),
    "resize_first": ("image", lambda x: ops.image.resize(x, (5, 7), interpolation="lanczos3", data_format="channels_first")),
    "resize_crop": ("image", lambda x: ops.image.resize(x, (4, 4), crop_to_aspect_ratio=True)),
    "resize_pad": ("image", lambda x: ops.image.resize(x, (8, 8), pad_to_aspect_ratio=True, fill_value=2.0)),
    "resize_single": ("image", lambda x: ops.image.resize(x[0], (5, 5))),
    "resize_whole": ("image", lambda x: ops.image.resize(ops.cast(ops.absolute(x) * 60, "uint8"), (5, 5))),
    "affine_transform": ("image", lambda x: ops.image.affine_transform(x, np.array([0.9, 0.2, -1.0, -0.1, 1.2, 0.5, 0.01, -0.02], "float32"))),
    "affine_transform_each": ("image w", lambda x, w: ops.image.affine_transform(x, ops.concatenate([w, w[:, :2], w[:, :2] * 0.0], axis=-1), interpolation="nearest", fill_mode="reflect")),
    "affine_transform_first": ("image", lambda x: ops.image.affine_transform(x, np.array([1.1, 0, -1, 0, 0.8, 1.5, 0, 0], "float32"), fill_mode="wrap", data_format="channels_first")),
    "affine_transform_whole": ("image", lambda x: ops.image.affine_transform(ops.cast(x * 9, "int32"), np.array([0, 1, 0.25, 1, 0, 0, 0, 0], "float32"), interpolation="nearest", fill_value=3)),
    "perspective_transform": ("image", lambda x: ops.image.perspective_transform(x, np.array([[0, 0], [7, 0], [0, 5], [7, 5]], "float32"), np.array([[1, 0.5], [6.5, 0], [0, 4], [7, 5.5]], "float32"), fill_value=1.5)),
    "perspective_transform_first": ("image", lambda x: ops.image.perspective_transform(x, np.array([[0.25, 0], [3, 0], [0, 7], [3, 7]], "float32"), np.array([[0, 0], [3, 1.25], [-0.5, 6], [2.5, 7]], "float32"), interpolation="nearest", data_format="channels_first")),
    "det": ("square", ops.det),
    "inv": ("square", ops.inv),
    "slogdet": ("square", ops.slogdet),
    "solve": ("square right", ops.solve),
    "solve_vector": ("square w", lambda a, b: ops.solve(a, b)),
    "cholesky": ("spd", ops.cholesky),
    "cholesky_upper": ("spd", lambda a: ops.cholesky(a, upper=True)),
    "cholesky_inverse": ("spd", lambda a: ops.cholesky_inverse(ops.cholesky(a))),
    "logdet": ("spd", ops.logdet),
    "solve_triangular": ("square right", lambda a, b: ops.solve_triangular(a, b)),
    "solve_triangular_lower": ("square right", lambda a, b: ops.solve_triangular(a, b, lower=True)),
    "broadcast_to": ("fixed", lambda x: ops.broadcast_to(x[:, :1], (2, 3, 4))),
    "abs_class": ("x", knp.Abs()),
    "conj_class": ("x", knp.Conj()),
    "rearrange": ("fixed", lambda x: ops.rearrange(x, "b h w -> b (w h)")),
    "rearrange_groups": ("fixed", lambda x: ops.rearrange(x, "b h w -> w (b h)")),
    "ndim": ("x", lambda x: x[0, 0, :3] + ops.cast(ops.ndim(x), "float32")),
}
# Where the gradient of TensorFlow is one of several that may be right (ties, corners), or none at all.
# That of an affine transform is the inverse transform in TensorFlow, and not what it has of each pixel.
NO_GRADIENT = {"perspective_transform", "perspective_transform_first", "affine_transform", "affine_transform_each", "affine_transform_first", "cumprod", "cumprod_flat", "sort", "sort_middle", "sort_flat", "median", "median_two", "median_all", "percentile", "quantile", "quantile_list",
               "quantile_lower", "quantile_higher", "quantile_nearest", "quantile_midpoint", "top_k", "top_k_unsorted"}


def plain(values):
    def one(v):
        if np.isnan(v):
            return None
        return ("inf" if v > 0 else "-inf") if np.isinf(v) else float(f"{v:.8g}")

    return [one(v) for v in np.asarray(values).astype("float64").ravel()]


def data_of(name, dtype):
    data = INPUTS[name]
    if dtype in ("uint8", "bool"):
        return np.abs(np.trunc(data)).astype(dtype)
    return data.astype(dtype)


def untyped(layers):
    """The layers without the types of the tensors that they are called with."""
    if isinstance(layers, list):
        return [untyped(l) for l in layers]
    if not isinstance(layers, dict):
        return layers
    is_tensor = layers.get("class_name") == "__keras_tensor__"
    return {k: untyped({**v, "dtype": None} if is_tensor and k == "config" else v) for k, v in layers.items()}


def case(name, op, names, first):
    """A model whose first inputs have each of several types."""
    runs, layers, outputs = {}, None, None
    types = ["float32", "int32", "bool", "uint8", "float16"] if first else ["float32", "float16"]
    for dtype in types:
        own = lambda n: "int32" if n in WHOLE else "bool" if n == "mask" else dtype
        data = [data_of(n, own(n)) for n in names]
        keras.backend.clear_session()
        try:
            ins = [keras.Input(d.shape[1:], dtype=own(n), name=n) if d.ndim > 1 and n != "fixed" else keras.Input(batch_shape=d.shape, dtype=own(n), name=n) for n, d in zip(names, data)]
            model = keras.Model(ins if len(ins) > 1 else ins[0], op(*ins))
            config = json.loads(model.to_json())
            given = [tf.constant(d) for d in data]
            with tf.GradientTape() as tape:
                tape.watch([g for g in given if g.dtype.is_floating])
                try:
                    made = model(given if len(given) > 1 else given[0])
                except Exception:  # Some can be saved, but are called in a wrong way: what the function gives outside of a model.
                    made = op(*given)
                made = list(made) if isinstance(made, (list, tuple)) else [made]
                floats = [m for m in made if m.dtype == tf.float32]
                loss = sum(tf.reduce_sum(m * tf.reshape(tf.cos(tf.range(tf.size(m), dtype=tf.float32) * 0.7), tf.shape(m))) for m in floats) if floats else None
        except Exception as e:  # Keras has no such operation of this type.
            if dtype == "float32" and name not in ONLY_WHOLE:
                print("none", name, dtype, type(e).__name__, str(e).splitlines()[0][:150])
            continue
        if layers is None:
            layers = [l for l in config["config"]["layers"] if l["class_name"] != "InputLayer"]
            outputs = config["config"]["output_layers"]
        runs[dtype] = {"out": [{"shape": list(m.shape), "type": m.dtype.name, "data": plain(m)} for m in made]}
        # A model that names its type, as of a cast to that of x, is another one for each.
        own_layers = [l for l in config["config"]["layers"] if l["class_name"] != "InputLayer"]
        if untyped(own_layers) != untyped(layers):
            runs[dtype]["layers"] = own_layers
        if dtype == "float32" and loss is not None and name not in NO_GRADIENT:
            floats = [g for g in given if g.dtype.is_floating]
            try:
                gradients = tape.gradient(loss, floats)
            except Exception:  # TensorFlow has none.
                continue
            runs[dtype]["gradients"] = [None if g is None else plain(tf.convert_to_tensor(g)) for g in gradients]
    if not runs:
        print("NO RUN", name)
        return None
    return {"name": name, "inputs": names, "layers": layers, "outputs": outputs, "runs": runs}


ONLY_WHOLE = {"bitwise_not", "bitwise_invert", "bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "bitwise_left_shift", "left_shift", "bitwise_right_shift", "right_shift"}

if __name__ == "__main__":
    # With names behind it, only these are made anew.
    path, anew = HERE / "operations.json", sys.argv[1:]
    before = {c["name"]: c for c in json.loads(path.read_text())["cases"]} if anew else {}
    tables = [(name, op, ["x", "y"][:count], True) for table, count in ((ONE, 1), (TWO, 2)) for name, op in table.items()]
    tables += [(name, op, names.split(), False) for name, (names, op) in MORE.items()]
    cases = [before[t[0]] if t[0] in before and t[0] not in anew else case(*t) for t in tables]
    cases = [c for c in cases if c]
    data = {name: {"shape": list(d.shape), "data": plain(d)} for name, d in INPUTS.items()}
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    path.write_text('{"inputs":' + json.dumps(data, separators=(",", ":")) + ',\n"cases":[\n' + lines + "\n]}\n")
    print(len(cases), "cases,", sum(len(c["runs"]) for c in cases), "runs")
    i = keras.Input((3, 5))
    keras.Model(i, ops.exp(i)).save_weights(HERE / "none.weights.h5")

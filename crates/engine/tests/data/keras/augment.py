"""What the real libraries make of images in training: means of many draws, for layers whose numbers are random. Writes augment.json beside it.

`python augment.py`. A case is a batch of images that a layer is called on many times. For each call there are the means over the batch of some pixels, of their
squares and of products of two; the file has the mean over the calls, and their standard deviation, and the lowest and the highest value of all. With `[x]`
the batch is one image many times.
"""

import json
import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = pathlib.Path(__file__).parent
MOST = 40


def features(y):
    """The same stands in the test."""
    flat = np.asarray(y, "float64").reshape(len(y), -1)
    count = flat.shape[1]
    step = max(1, count // MOST)
    at = np.arange(0, count, step)[:MOST]
    values, others = flat[:, at], flat[:, (at * 7 + 3) % count]
    return np.concatenate([values.mean(0), (values**2).mean(0), (values * others).mean(0)])


def image(shape, low, high, seed=1):
    """Distinct pixels."""
    count = int(np.prod(shape))
    order = np.random.default_rng(seed).permutation(count)
    return np.round(low + (high - low) * (order + 0.5) / count, 3).reshape(shape)


def short(values):
    return [float(f"{v:.6g}") for v in values]


def run(library, cls, args, x, batch, runs):
    library.utils.set_random_seed(7) if library is keras else tf.random.set_seed(7)
    layer = getattr(library.layers, cls)(**args)
    given = np.float32(x)
    given = np.repeat(given[None], batch, 0) if given.ndim == 3 else given
    found, low, high = [], np.inf, -np.inf
    for _ in range(runs):
        y = np.asarray(layer(tf.constant(given), training=True))
        found.append(features(y))
        low, high = min(low, float(y.min())), max(high, float(y.max()))
    found = np.array(found)
    config = json.loads(json.dumps({k: v for k, v in layer.get_config().items() if k not in ("name", "trainable", "dtype")}))
    return {"class": cls, "library": "keras3" if library is keras else "tf_keras", "config": config, "x": {"shape": list(np.shape(x)), "data": short(np.ravel(x))},
            "batch": len(given), "runs": runs, "y_shape": list(y.shape), "mean": short(found.mean(0)), "std": short(found.std(0)), "low": low, "high": high}


def warps(k):
    """What takes pixels from elsewhere."""
    small, one = image([5, 6, 2], -2.0, 2.0), dict
    many = one(x=small, batch=100, runs=30)
    each = one(x=small, batch=2, runs=400)
    once = one(x=small, batch=2, runs=2)
    rows = [("RandomFlip", {}, many)]
    rows += [("RandomFlip", {"mode": mode}, many) for mode in ("horizontal", "vertical")]
    rows += [("RandomCrop", {"height": 3, "width": 4}, each), ("RandomCrop", {"height": 1, "width": 1}, each)]
    rows += [("RandomCrop", {"height": h, "width": w}, once) for h, w in ((7, 4), (3, 8), (8, 9), (5, 6))]
    rows += [("RandomCrop", {"height": h, "width": w}, each if k is tf_keras else once) for h, w in ((5, 3), (3, 6))]
    for how in ("bilinear", "nearest"):
        for mode in ("reflect", "wrap", "constant", "nearest"):
            edges = {"fill_mode": mode, "interpolation": how, "fill_value": 0.5}
            rows += [("RandomTranslation", {"height_factor": 0.4, "width_factor": [-0.3, 0.8], **edges}, many), ("RandomRotation", {"factor": [-0.3, 0.1], **edges}, many),
                     ("RandomZoom", {"height_factor": [-0.3, 0.7], **edges}, many)]
            if k is keras:
                rows += [("RandomShear", {"x_factor": 0.4, "y_factor": [0.1, 0.7], **edges}, many), ("RandomElasticTransform", {"fill_mode": mode, "interpolation": how, "fill_value": 0.5, "value_range": [-1.5, 1.5]}, each)]
        if k is keras:
            rows += [("RandomPerspective", {"interpolation": how, "fill_value": 0.5}, many), ("RandomPerspective", {"interpolation": how, "factor": 0.6, "scale": 0.3}, many)]
    rows += [("RandomTranslation", {"height_factor": [-0.4, 0.1], "width_factor": 0.0}, many), ("RandomRotation", {"factor": 1.0}, many),
             ("RandomZoom", {"height_factor": 0.4, "width_factor": [-0.5, 0.2]}, many)]
    if k is keras:
        rows += [("RandomShear", {"x_factor": 0.4}, many), ("RandomShear", {"y_factor": [0.1, 0.3]}, many), ("RandomElasticTransform", {"factor": 0.4, "scale": [0.2, 0.4], "value_range": [-2, 2]}, each),
                 # Wide enough for a kernel of several pixels.
                 ("RandomElasticTransform", {"scale": [0.7, 1.0], "value_range": [-2, 2]}, one(x=image([50, 44, 1], -2.0, 2.0), batch=2, runs=200))]
        first = [("RandomFlip", {"mode": "horizontal"}, many), ("RandomCrop", {"height": 3, "width": 1}, each), ("RandomTranslation", {"height_factor": 0.4, "width_factor": 0.1}, many),
                 ("RandomRotation", {"factor": 0.2}, many), ("RandomZoom", {"height_factor": 0.4, "width_factor": [-0.5, 0.2]}, many), ("RandomShear", {"x_factor": 0.4}, many), ("RandomPerspective", {}, many),
                 ("RandomElasticTransform", {"value_range": [-2, 2]}, each)]
        rows += [(cls, {**args, "data_format": "channels_first"}, how) for cls, args, how in first]
    else:
        rows += [(cls, {"factor": [0.3, 0.3], "interpolation": how}, once) for cls in ("RandomHeight", "RandomWidth") for how in ("bilinear", "nearest", "area")]
    return rows


if __name__ == "__main__":
    cases = [run(k, cls, args, **how) for k in (keras, tf_keras) for cls, args, how in warps(k)]
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    (HERE / "augment.json").write_text(text)
    print(len(cases), "cases", len(text), "bytes")

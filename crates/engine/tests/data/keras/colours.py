"""As families.py, for layers that change the colours of images: writes colours.json beside it.

`means` are as augment.py has them, for what is random; `exact` is what a layer makes of images in training where nothing is.
"""

import types

import augment
import numpy as np
import tensorflow as tf
from augment import image, short
from families import configs, integers, keras, layers, plain, tf_keras, write

SIZE = [5, 6, 3]
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"


def table(k):
    """(class, arguments, inputs) of the layers that a library has; inputs are shapes without the batch."""
    rows = [("RandomBrightness", {"factor": 0.2}, SIZE), ("RandomContrast", {"factor": 0.2}, SIZE)]
    if k is keras:
        factor = {"factor": 0.3}
        rows += [(cls, factor, SIZE) for cls in ("RandomSaturation", "RandomHue", "RandomColorDegeneration", "RandomSharpness", "RandomInvert", "RandomGrayscale", "RandomErasing", "RandomGaussianBlur")]
        rows += [("RandomPosterization", {"factor": 3}, SIZE), ("Solarization", {}, SIZE), ("RandomColorJitter", {"hue_factor": 0.2}, SIZE), ("Equalization", {}, SIZE)]
        rows += [("MixUp", {}, SIZE), ("CutMix", {}, SIZE), ("MaxNumBoundingBoxes", {"max_number": 3}, SIZE), ("RandAugment", {}, SIZE), ("AugMix", {}, SIZE)]
        rows += [(CLAHE, {}, SIZE), (CLAHE, {"value_range": [-2, 3], "tile_grid_size": [2, 3]}, SIZE)]
        rows += [("AutoContrast", {}, SIZE), ("AutoContrast", {"value_range": [-2, 3]}, SIZE), ("AutoContrast", {"data_format": "channels_first"}, SIZE)]
    return rows


def single(name, args):
    """All, as they compute in float32 here."""
    return True


def made(K):
    """Each class by default, and some with settings."""
    range_ = {"value_range": (0, 1), "seed": 3, "data_format": "channels_first", "bounding_box_format": "xyxy"}
    return [K.RandomBrightness(0.2), K.RandomBrightness((-0.1, 0.3), **range_), K.RandomContrast(0.2), K.RandomContrast((0.3, 0.1), **range_),
            K.RandomSaturation(0.2), K.RandomSaturation((0.1, 0.3), value_range=(0, 1), seed=3), K.RandomHue(0.2), K.RandomHue((0.1, 0.3), value_range=(0, 1), seed=3),
            K.RandomColorDegeneration(0.2), K.RandomColorDegeneration((0.1, 0.3), value_range=(0, 1), seed=3), K.RandomColorJitter(),
            K.RandomColorJitter((0, 1), 0.1, (0.2, 0.3), 0.4, 0.5, seed=3), K.RandomInvert(), K.RandomInvert((0.2, 0.3), (0, 1), seed=3), K.RandomGrayscale(), K.RandomGrayscale(0.3, seed=3),
            K.RandomSharpness(0.2), K.RandomSharpness((0.1, 0.3), value_range=(0, 1), seed=3), K.RandomGaussianBlur(),
            K.RandomGaussianBlur((0.2, 0.3), (3, 5), (0.1, 0.4), (0, 1), seed=3), K.RandomErasing(), K.RandomErasing(0.2, 0.3, 7, (0, 1), seed=3), K.RandomErasing(fill_value=(1, 2, 3)),
            K.Solarization(), K.Solarization(0.2, (0.1, 0.3), (0, 1), 3), K.RandomPosterization(3), K.RandomPosterization((2, 5), (0, 1), seed=3), K.AutoContrast(), K.AutoContrast((0, 1)),
            K.Equalization(), K.Equalization((0, 1), 64, "channels_first"),
            K.MixUp(), K.MixUp(0.3, seed=3), K.CutMix(), K.CutMix((0.1, 0.3), seed=3), K.MaxNumBoundingBoxes(3), K.RandAugment(), K.RandAugment((0, 1), 3, (0.1, 0.4), "nearest", seed=3),
            K.AugMix(), K.AugMix((0, 1), 2, 4, 0.2, 0.5, False, "nearest", seed=3), K.ContrastLimitedAdaptiveHistogramEqualization(),
            K.ContrastLimitedAdaptiveHistogramEqualization((0, 1), 2.5, (3, 4)), K.Pipeline([K.Rescaling(0.5, name="half"), K.RandomInvert(name="inverted")])]


# Ranges of values, and images of three channels that have them, some numbers several times.
RANGES = {"bytes": [0, 255], "unit": [0, 1], "both": [-1, 1]}


def pictures(kind, channels=3, first=False):
    low, high = RANGES[kind]
    shape = [2, channels, 5, 6] if first else [2, 5, 6, channels]
    steps = np.random.default_rng(len(kind)).integers(0, 256, shape)
    return np.float32(steps if kind == "bytes" else np.round(low + (high - low) * steps / 255, 3))


def namespace(**classes):
    """A library of these layers."""
    return types.SimpleNamespace(layers=types.SimpleNamespace(**{name: lambda dtype, make=make: make() for name, make in classes.items()}))


held = {}


def name(x):
    """The name of images that cases share."""
    given = {"shape": list(x.shape), "data": [float(f"{v:.9g}") for v in x.ravel()]}
    return next((key for key, other in held.items() if other == given), None) or held.setdefault(f"x{len(held)}", given) and f"x{len(held) - 1}"


def exact(library, cls, args, x, training=True, layer=None):
    layer = layer or getattr(library.layers, cls)(**args)
    y = np.asarray(layer(tf.constant(x), training=training))
    config = {key: value for key, value in plain(layer.get_config()).items() if key not in ("name", "trainable", "dtype")}
    args = plain(args)
    return {"class": cls, "args": args, "library": "keras3" if library is keras else "tf_keras", "config": config, "x": name(x), "y_shape": list(y.shape), "y": short(y.ravel())}


def certain():
    """Cases without draws: a factor lies between two numbers that are the same."""
    found = []
    for kind, range_ in RANGES.items():
        for fmt in ("channels_last", "channels_first") if kind == "bytes" else ("channels_last",):
            def add(cls, args, channels=3, x=None, library=keras):
                more = {"value_range": range_} if cls not in ("RandomGrayscale",) else {}
                found.append(exact(library, cls, {**more, **args, "data_format": fmt}, pictures(kind, channels, fmt == "channels_first") if x is None else x))

            for factor in (0.3, -0.6, 1.0):
                add("RandomBrightness", {"factor": [factor] * 2}, channels=2)
                add("RandomColorDegeneration", {"factor": [factor] * 2})
            for factor in ([0.4, -0.4], [0.7, -0.7], [-0.5, 0.5]):
                # From 1 less the one to 1 plus the other.
                add("RandomContrast", {"factor": sorted(factor)}, channels=2)
            for factor in (0.0, 0.4, 0.8, -0.4):
                add("RandomSaturation", {"factor": [factor] * 2})
            add("RandomHue", {"factor": [0.0, 0.0]})
            # Half of a turn is the same both ways.
            add("RandomHue", {"factor": [1.0, 1.0]})
            for factor in (0.0, 0.2, 0.5, 1.0):
                add("RandomSharpness", {"factor": [factor] * 2}, channels=2)
            for factor in (0.0, 1.0):
                add("RandomGrayscale", {"factor": factor})
                add("RandomInvert", {"factor": [factor] * 2}, channels=2)
            add("RandomGrayscale", {"factor": 1.0}, channels=1)
            add("RandomColorDegeneration", {"factor": [0.5, 0.5]}, channels=1)
            for size in (3, 5, (3, 1), (1, 5), (5, 3)):
                add("RandomGaussianBlur", {"factor": [1.0, 1.0], "kernel_size": size, "sigma": [0.7, 0.7]}, channels=2)
            add("RandomGaussianBlur", {"factor": [1.0, 1.0], "sigma": [0.0, 0.0]}, channels=2)
            add("RandomErasing", {"factor": [1.0, 1.0], "scale": [1.0, 1.0], "fill_value": 0.4}, channels=2)
            if fmt == "channels_last":
                add("RandomErasing", {"factor": [1.0, 1.0], "scale": [1.0, 1.0], "fill_value": [0.2, 0.4, 300.0]})
            add("Solarization", {}, channels=2)
            for bits in (1, (1, 1), (3, 3), (5, 5), (8, 8)):
                add("RandomPosterization", {"factor": bits}, channels=2)
            add("AutoContrast", {}, channels=2)
            flat = pictures(kind, 2, fmt == "channels_first")
            flat[0] = range_[1]
            add("AutoContrast", {}, x=flat)
            flat[:] = range_[1] * 0.5
            add("Equalization", {}, x=flat)
            for bins in (1, 2, 16, 256):
                add("Equalization", {"bins": bins}, channels=2)
            for args in ({}, {"clip_limit": 0.0}, {"clip_limit": 1.5, "tile_grid_size": [2, 3]}, {"tile_grid_size": [1, 1]}, {"tile_grid_size": [3, 2], "clip_limit": 20.0}):
                add(CLAHE, args, channels=2)
            add("RandomColorJitter", {"brightness_factor": [0.1, 0.1], "saturation_factor": [0.4, 0.4]} if fmt == "channels_last" else {"brightness_factor": [0.1, 0.1]})
            if fmt == "channels_last":
                add("RandomColorJitter", {"contrast_factor": [-0.5, 0.5], "hue_factor": [1.0, 1.0]})
    found.append(exact(tf_keras, "RandomBrightness", {"factor": [0.3, 0.3], "value_range": [0, 1]}, pictures("unit")))
    found.append(exact(tf_keras, "RandomBrightness", {"factor": [-0.2, -0.2]}, pictures("bytes")))
    # Grey, black and white have no hue. What is no byte RandomPosterization makes one of in two ways, as TensorFlow's vectors have it, or its single numbers.
    edges = np.float32([[0, 0, 0], [255, 255, 255], [7, 7, 7], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255], [256, 300, 511], [-1, -0.5, -200], [254.9, 0.4, 99.6]]).reshape(1, 3, 4, 3)
    for cls, args in (("RandomHue", {"factor": [1.0, 1.0]}), ("RandomSaturation", {"factor": [0.5, 0.5]}), ("RandomSaturation", {"factor": [1.0, 1.0]}), ("AutoContrast", {}), ("Equalization", {}), ("Solarization", {})):
        found.append(exact(keras, cls, args, edges))
    # Every byte, and many of them.
    every = np.float32(np.arange(256)).reshape(1, 16, 16, 1)
    for bins in (256, 100, 300):
        found.append(exact(keras, "Equalization", {"bins": bins}, every))
    found.append(exact(keras, "RandomPosterization", {"factor": [4, 4], "value_range": [0, 1]}, np.float32(every / 255)))
    found.append(exact(keras, "Equalization", {"value_range": [0, 1]}, np.float32(every / 255)))
    found.append(exact(keras, CLAHE, {}, every))
    K = keras.layers
    layers = [K.Rescaling(0.5, name="half"), K.RandomBrightness([0.1, 0.1], value_range=(0, 1), name="bright"), K.RandomInvert([1.0, 1.0], value_range=(0, 1), name="inverted")]
    found.append(exact(keras, "Pipeline", {"layers": []}, pictures("unit"), layer=K.Pipeline(layers)))
    found.append(exact(keras, CLAHE, {"value_range": [0, 100], "tile_grid_size": [4, 2]}, every % 101))
    found.append(exact(keras, "MaxNumBoundingBoxes", {"max_number": 3, "fill_value": 2, "data_format": "channels_first"}, edges))
    return found


def means():
    """What is random, as in augment.py."""
    small, unit = image(SIZE, 0.0, 255.0), image(SIZE, 0.0, 1.0)
    many = {"x": small, "batch": 100, "runs": 30}
    each = {"x": small, "batch": 2, "runs": 400}
    rows = [("RandomBrightness", {"factor": 0.3}, many), ("RandomBrightness", {"factor": [-0.1, 0.6], "value_range": [0, 1]}, {**many, "x": unit}),
            ("RandomContrast", {"factor": 0.5}, many), ("RandomContrast", {"factor": [0.2, 0.9]}, many), ("RandomSaturation", {"factor": 0.5}, many),
            ("RandomSaturation", {"factor": [0.3, 0.7]}, many), ("RandomHue", {"factor": 0.4}, many), ("RandomHue", {"factor": [0.2, 0.9], "value_range": [0, 1]}, {**many, "x": unit}),
            ("RandomColorDegeneration", {"factor": 0.8}, many), ("RandomColorDegeneration", {"factor": [0.1, 0.4]}, many), ("RandomGrayscale", {}, many), ("RandomGrayscale", {"factor": 0.2}, many),
            ("RandomInvert", {}, many), ("RandomInvert", {"factor": [0.1, 0.3]}, many), ("RandomSharpness", {"factor": 0.9}, many), ("RandomSharpness", {"factor": [0.1, 0.4]}, many),
            ("RandomGaussianBlur", {}, each), ("RandomGaussianBlur", {"factor": 0.5, "sigma": [0.3, 0.8], "kernel_size": [3, 5]}, each), ("RandomErasing", {}, many),
            ("RandomErasing", {"factor": [0.3, 0.8], "scale": 0.6, "fill_value": 100.0}, many), ("RandomErasing", {"scale": [0.1, 0.2], "value_range": [0, 1]}, {**many, "x": unit}),
            ("Solarization", {"addition_factor": 0.4}, many), ("Solarization", {"threshold_factor": 0.7}, many), ("Solarization", {"addition_factor": [0.3, 0.3], "threshold_factor": [0.1, 0.9]}, many),
            ("RandomPosterization", {"factor": 4}, many), ("RandomPosterization", {"factor": [2, 7]}, many),
            ("RandomColorJitter", {"brightness_factor": 0.2, "contrast_factor": 0.3, "saturation_factor": 0.2, "hue_factor": 0.3}, many)]
    first = {**many, "x": image([3, 5, 6], 0.0, 255.0)}
    rows += [(cls, {**args, "data_format": "channels_first"}, {**first}) for cls, args in (("RandomErasing", {}), ("RandomGrayscale", {}), ("RandomHue", {"factor": 0.4}), ("RandomContrast", {"factor": 0.5}))]
    # Images that are mixed are not all the same.
    batch = {"x": image([4, 5, 6, 3], 0.0, 255.0), "batch": 4, "runs": 800}
    first = {**batch, "x": image([4, 3, 5, 6], 0.0, 255.0)}
    rows += [("MixUp", {}, batch), ("MixUp", {"alpha": 3.0}, batch), ("CutMix", {}, batch), ("CutMix", {"factor": [0.6, 0.9]}, batch), ("MixUp", {"data_format": "channels_first"}, first), ("CutMix", {"data_format": "channels_first"}, first)]
    pair = {"x": image([2, 5, 6, 3], 0.0, 255.0), "batch": 2, "runs": 500}
    unit = {**pair, "x": image([2, 5, 6, 3], 0.0, 1.0)}
    first = {**pair, "x": image([2, 3, 5, 6], 0.0, 255.0)}
    rows += [("RandAugment", {}, pair), ("RandAugment", {"num_ops": 1, "factor": [0.1, 0.3], "interpolation": "nearest", "value_range": [0, 1]}, unit), ("RandAugment", {"num_ops": 1, "data_format": "channels_first"}, first),
             ("AugMix", {"num_chains": 2, "chain_depth": 2}, pair), ("AugMix", {"num_chains": 2, "chain_depth": 1, "factor": 0.8, "alpha": 0.4, "all_ops": False, "interpolation": "nearest", "value_range": [0, 1]}, unit),
             ("AugMix", {"num_chains": 1, "chain_depth": 1, "data_format": "channels_first"}, first)]
    run = lambda library, rows: [{**augment.run(library, cls, args, **how), "args": args} for cls, args, how in rows]
    old = [("RandomBrightness", {"factor": 0.3}, many), ("RandomContrast", {"factor": 0.5}, each), ("RandomContrast", {"factor": [0.2, 0.9]}, each)]
    return run(keras, rows) + run(tf_keras, old)


if __name__ == "__main__":
    names = sorted({name for k in (keras, tf_keras) for name, *_ in table(k)})
    without = {library: [n for n in names if not hasattr(k.layers, n)] for library, k in (("keras3", keras), ("tf_keras", tf_keras))}
    keras.config.set_floatx("float32")
    K = keras.layers
    weighed = lambda: K.Pipeline([K.Rescaling(0.5, name="half"), K.Conv2D(2, 2, name="convolution"), K.RandomInvert(name="inverted"), K.Dense(3, name="dense")])
    pipeline = layers(lambda k: [("Pipeline", {}, SIZE)], single, namespace(Pipeline=weighed), floatx="float32")
    # It is made of layers.
    without["keras3"].append("Pipeline")
    without["tf_keras"].append("Pipeline")
    # In Keras no model can have an Equalization: it says that its output is its input.
    without["keras3"].append("Equalization")
    numbers = lambda k: [row for row in table(k) if row[0] != "Equalization"]
    parts = {"exact": certain(), "means": means(), "layers": layers(table, single, floatx="float32") + pipeline, "configs": configs(made), "integers": integers(numbers)}
    write("colours.json", parts, without=without, pictures=held)

"""As families.py, for layers that tf_keras alone has, and for what both libraries took over from older versions: writes older.json beside it."""

import families
import keras
import numpy as np
from families import configs, integers, layers, plain, tf_keras, write

drawn = families.drawn
CLIPPING = {"rmax": 1.5, "rmin": 0.5, "dmax": 0.25}


def local():
    """(class, arguments, inputs) of the layers that are connected locally."""
    rows = []
    for implementation in (1, 2, 3):
        how = {"implementation": implementation}
        for form in ({}, {"data_format": "channels_first"}):
            steps, image = ([5, 2], [4, 3, 2]) if not form else ([2, 5], [2, 4, 3])
            rows += [
                ("LocallyConnected1D", {"filters": 2, "kernel_size": 3, **how, **form}, steps),
                ("LocallyConnected1D", {"filters": 4, "kernel_size": 2, "strides": 2, "activation": "tanh", **how, **form}, steps),
                ("LocallyConnected2D", {"filters": 2, "kernel_size": [2, 3], **how, **form}, image),
                ("LocallyConnected2D", {"filters": 3, "kernel_size": 2, "strides": [2, 3], "use_bias": False, **how, **form}, image),
            ]
            if implementation > 1:
                rows += [
                    ("LocallyConnected1D", {"filters": 2, "kernel_size": size, "strides": stride, "padding": "same", **how, **form}, steps)
                    for size in (2, 3, 4) for stride in (1, 2)
                ]
                rows += [
                    ("LocallyConnected2D", {"filters": 2, "kernel_size": [3, 2], "padding": "same", **how, **form}, image),
                    ("LocallyConnected2D", {"filters": 2, "kernel_size": [2, 4], "strides": [1, 2], "padding": "same", **how, **form}, image),
                ]
    return rows


def table(k):
    if k is tf_keras:
        return local()
    return [
        ("BatchNormalization", {"renorm": True}, [5]),
        ("BatchNormalization", {"renorm": True, "renorm_clipping": CLIPPING, "renorm_momentum": 0.8, "axis": 1, "center": False}, [4, 5, 3]),
    ]


def made(K):
    return [K.BatchNormalization(renorm=True), K.BatchNormalization(renorm=True, renorm_clipping=CLIPPING, renorm_momentum=0.8)]


def only_keras2():
    """The same of classes that tf_keras alone has."""
    K = tf_keras.layers
    own = [K.LocallyConnected1D(3, 2), K.LocallyConnected2D(3, 2), K.LocallyConnected1D(3, 2, strides=2, padding="same", implementation=3, activation="relu", use_bias=False),
           K.LocallyConnected2D(3, (2, 3), implementation=2, data_format="channels_first", kernel_regularizer=tf_keras.regularizers.L2(0.25), bias_constraint="non_neg")]
    return [in_keras3(plain(tf_keras.utils.legacy.serialize_keras_object(o))) for o in own]


def in_keras3(layer):
    """A layer whose config has the objects in it as Keras 3 writes them."""
    for key, value in layer["config"].items():
        for kind in ("initializer", "regularizer", "constraint"):
            if key.endswith(kind) and value is not None:
                made = getattr(getattr(keras, f"{kind}s"), value["class_name"])(**value["config"])
                layer["config"][key] = plain(keras.saving.serialize_keras_object(made))
    return layer


if __name__ == "__main__":
    older = layers(lambda k: local(), lambda name, args: False, tf_keras, "float32")
    for row in older:
        row["tolerance"] = 4e-6
        for weight in row["weights"]:
            weight["name"] = weight["name"].split("/")[-1].removesuffix(":0")
    # A variance is not negative.
    families.drawn = lambda shape: np.abs(drawn(shape)) + 0.1 * (len(shape) == 1)
    rows = layers(table, lambda name, args: False) + older
    parts = {"layers": rows, "configs": configs(made) + only_keras2(), "integers": integers(lambda k: [(name, *rest) for name, *rest in table(tf_keras) if not name.startswith("Batch")])}
    write("older.json", parts, without={"keras3": ["LocallyConnected1D", "LocallyConnected2D"]})

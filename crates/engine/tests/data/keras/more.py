"""As families.py, for layers that came later: writes more.json beside it."""

import families
import numpy as np
from families import configs, integers, keras, layers, plain, tf_keras, write

drawn = families.drawn


def table(k):
    """(class, arguments, inputs) of the layers that a library has; inputs are shapes without the batch."""
    query, value = [3, 4], [5, 4]
    own = [("LayerScale", {"init_values": 0.5, "projection_dim": 3}, [4, 5, 3]), ("StochasticDepth", {"drop_path_rate": 0.25}, [4, 3]), ("CustomScaleLayer", {"scale": 0.5}, [4, 3], [4, 3])]
    if k is tf_keras:
        return own + [("ThresholdedReLU", {}, [6]), ("ThresholdedReLU", {"theta": 0.25}, [6])]
    # The gradient of the keys' biases is nothing but rounding.
    heads = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "use_bias": False}
    return own + [
        ("GroupQueryAttention", heads, query, value),
        ("GroupQueryAttention", {**heads, "use_gate": True, "sliding_window": 2}, query, value, [5, 4]),
        ("SpectralNormalization", {"layer": k.layers.Dense(3, name="inner")}, [4]),
        ("SpectralNormalization", {"layer": k.layers.Conv2D(2, 2, name="inner")}, [4, 5, 3]),
        ("Lambda", {"function": k.activations.tanh}, [4]),
        ("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3}, [4]),
        ("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3, "tie_weights": False}, [4]),
    ]


def made(K):
    """Each class by default, and some with settings."""
    return [K.GroupQueryAttention(3, 4, 2), K.GroupQueryAttention(3, 4, 2, use_gate=True, sliding_window=2, dropout=0.25, kernel_regularizer="l2"), K.SpectralNormalization(K.Dense(2, name="inner")),
            K.SpectralNormalization(K.Conv2D(2, 2, name="inner"), power_iterations=3), K.Lambda(keras.activations.relu), K.ReversibleEmbedding(7, 3), K.ReversibleEmbedding(7, 3, tie_weights=False, reverse_dtype="float32", logit_soft_cap=5.0),
            K.LayerScale(0.5, 3), K.StochasticDepth(0.25), K.CustomScaleLayer(0.17)]


def only_keras2():
    """The same of classes that tf_keras alone has."""
    K = tf_keras.layers
    return [plain(tf_keras.utils.legacy.serialize_keras_object(o)) for o in (K.ThresholdedReLU(), K.ThresholdedReLU(0.25))]


def renamed(cases, key):
    """Cases under the name of the class, which files have, in place of the public one."""
    return [{**case, key: case[key].replace("GroupQuery", "GroupedQuery")} for case in cases]


if __name__ == "__main__":
    # Some take numbers below 7.
    families.drawn = lambda shape: np.abs(drawn(shape)) if list(shape) == [2, 4] else drawn(shape)
    rows = layers(table, lambda name, args: False)
    rows += layers(lambda k: [row for row in table(k) if not hasattr(keras.layers, row[0])], lambda name, args: False, tf_keras, "float32")
    for row in rows:
        row["args"] = {key: value if isinstance(value, (int, float)) else str(key) for key, value in row["args"].items()}
    without = {"keras3": ["ThresholdedReLU"], "tf_keras": ["GroupedQueryAttention", "SpectralNormalization", "Lambda", "ReversibleEmbedding"]}
    parts = {"layers": renamed(rows, "name"), "configs": renamed(configs(made), "class_name") + only_keras2(), "integers": renamed(integers(table), "class")}
    write("more.json", parts, without=without)

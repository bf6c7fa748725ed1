"""As make.py, for layers that came later: writes more.json beside it."""

import pathlib
import sys

import make
sys.path.append(str(pathlib.Path(__file__).parents[1]))
import families  # noqa: F401,E402 Layers that are found by their module alone.
from make import cases, keras, run_layer, run_recurrent, tf_keras, write

make.STEPS.update({"photo": (2, 4, 5, 3), "vectors": (2, 4, 3)})
ATTENTION = "GroupQueryAttention"


def attention():
    R, C, c, one = keras.regularizers, keras.constraints, keras.initializers.Constant, dict
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, {"required": ("num_heads", "key_dim", "head_dim", "num_query_heads", "num_key_value_heads"), **more}))

    for x in (["volume", "values"], ["volume", "values", "keys"]):
        n = one(num_heads=2, key_dim=3)
        add("MultiHeadAttention", {**n, "use_gate": True}, ["use_gate"], x=x)
        add("MultiHeadAttention", {**n, "use_gate": True, "value_dim": 5, "use_bias": False, "output_shape": (3,)}, ["use_gate"], x=x)
        for n in (one(head_dim=3, num_query_heads=4, num_key_value_heads=2), one(head_dim=2, num_query_heads=3, num_key_value_heads=1), one(head_dim=2, num_query_heads=2, num_key_value_heads=2)):
            add(ATTENTION, n, x=x)
        own = [one(use_bias=False), one(use_gate=True), one(sliding_window=2), one(kernel_regularizer=R.L2(0.3)), one(bias_regularizer=R.L1(0.4)), one(activity_regularizer=R.L2(0.3)),
               one(kernel_constraint=C.MaxNorm(0.5)), one(bias_constraint=C.UnitNorm()), one(use_gate=True, use_bias=False, sliding_window=1)]
        for a in own:
            add(ATTENTION, {**n, **a}, list(a), x=x)
        add(ATTENTION, {**n, "kernel_initializer": c(0.3)}, ["kernel_initializer"], x=x, kept=True)
        add(ATTENTION, {**n, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer"], x=x, kept=True)
    # More axes than that of the steps.
    for axes in (None, (1,), (2,), (1, 2)):
        keys = ["attention_axes"] if axes and len(axes) == 1 else []
        add("MultiHeadAttention", one(num_heads=2, key_dim=3, **({"attention_axes": axes} if axes else {})), keys, x=["image", "image2"])
    out = cases("layers", keras, table, run_layer)
    for case in out:
        # Files have the name of the class.
        case["class"] = {ATTENTION: "GroupedQueryAttention"}.get(case["class"], case["class"])
    table.clear()
    for axes in (None, (1,), (2,)):
        add("MultiHeadAttention", one(num_heads=2, key_dim=3, **({"attention_axes": axes} if axes else {})), ["attention_axes"] if axes else [], x=["image", "image2"])
    return out + cases("layers", tf_keras, table, run_layer)


def wrapped():
    K, one = keras.layers, dict
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, more))

    for lazy, x in ((lambda: K.Dense(2), "vectors"), (lambda: K.Conv2D(2, (2, 3), use_bias=False), "photo"), (lambda: K.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d"), "vectors")):
        add("SpectralNormalization", {"layer": lazy}, [], x=[x])
        add("SpectralNormalization", {"layer": lazy, "power_iterations": 3}, ["power_iterations"], x=[x])
    e, w = {"input_dim": 5, "output_dim": 3}, {"x": ["words"], "behind": "Dense", "required": ("input_dim", "output_dim")}
    R, C, c = keras.regularizers, keras.constraints, keras.initializers.Constant
    cls = "ReversibleEmbedding"
    add(cls, e, **w)
    add(cls, {**e, "mask_zero": True}, ["mask_zero"], **{**w, "behind": "SimpleRNN"})
    add(cls, {**e, "tie_weights": False}, ["tie_weights"], **w)
    add(cls, {**e, "embeddings_regularizer": R.L2(0.3)}, ["embeddings_regularizer"], **w)
    add(cls, {**e, "embeddings_constraint": C.MaxNorm(0.3)}, ["embeddings_constraint"], **w)
    add(cls, {**e, "activity_regularizer": R.L2(0.3)}, ["activity_regularizer"], **w)
    add("Lambda", {"function": keras.activations.tanh}, x=["vectors"])
    add(cls, {**e, "embeddings_initializer": c(0.4)}, ["embeddings_initializer"], kept=True, **w)
    return cases("layers", keras, table, run_recurrent)


def architectures():
    table = [("LayerScale", {"init_values": 0.5, "projection_dim": 4}, ["init_values"], {"x": ["volume"], "kept": True, "required": ["projection_dim"]}), ("LayerScale", {"init_values": 0.5, "projection_dim": 4}, ["projection_dim"], {"x": ["volume"], "required": ["projection_dim"]}),
             ("StochasticDepth", {"drop_path_rate": 0.0}, [], {"x": ["volume"]}),
             ("CustomScaleLayer", {"scale": 0.3}, None, {"x": ["volume", "volume2"], "required": ["scale"]})]
    return cases("layers", keras, table, run_layer)


def older():
    table = [("ThresholdedReLU", args, None, {"x": ["volume"]}) for args in ({}, {"theta": 0.4}, {"theta": 0.0})]
    return cases("layers", tf_keras, table, run_layer)


if __name__ == "__main__":
    write("more.json", attention() + wrapped() + architectures() + older())

"""As make.py, for what any weight or output may have: constraints on weights, penalties on what a layer gives, in every class that has the keys; and the
constraints themselves. Writes rules.json and constraints.json beside it.
"""

import json

import make  # noqa: F401
import windows  # noqa: F401 Kernels that know the channels anywhere.
from make import HERE, array, cases, keras, run_layer, run_recurrent, short, tf_keras, write

# Arguments of each class, and what is special of its case.
LAYERS = {
    "Dense": ({"units": 3}, {"x": ["volume"]}),
    "PReLU": ({}, {"x": ["volume"]}),
    "LayerNormalization": ({}, {"x": ["volume"]}),
    "BatchNormalization": ({}, {"x": ["volume"]}),
    "GroupNormalization": ({"groups": 2}, {"x": ["volume"]}),
    "EinsumDense": ({"equation": "abc,cd->abd", "output_shape": (None, 5), "bias_axes": "d"}, {"x": ["table"]}),
    "MultiHeadAttention": ({"num_heads": 2, "key_dim": 3}, {"x": ["long", "values"]}),
    "Embedding": ({"input_dim": 5, "output_dim": 3}, {"x": ["words"], "behind": "Dense"}),
    **{f"Conv{n}D{t}": ({"filters": 2, "kernel_size": 2}, {"x": [x]}) for n, x in ((1, "tunes"), (2, "picture"), (3, "solid")) for t in ("", "Transpose")},
    **{f"DepthwiseConv{n}D": ({"kernel_size": 2}, {"x": [x]}) for n, x in ((1, "tunes"), (2, "picture"))},
    **{f"SeparableConv{n}D": ({"filters": 3, "kernel_size": 2}, {"x": [x]}) for n, x in ((1, "tunes"), (2, "picture"))},
    **{kind: ({"units": 2}, {}) for kind in ("SimpleRNN", "LSTM", "GRU")},
    **{kind + "Cell": ({"units": 2}, {"x": ["step"], "states": ("state", "state2")[:n]}) for kind, n in (("SimpleRNN", 1), ("LSTM", 2), ("GRU", 1))},
}
RECURRENT = ("SimpleRNN", "LSTM", "GRU", "SimpleRNNCell", "LSTMCell", "GRUCell", "Embedding")


def run(library, cls, args, **more):
    return (run_recurrent if cls in RECURRENT else run_layer)(library, cls, args, **more)


def table(library):
    C, R = library.constraints, library.regularizers
    keys = json.loads((HERE / "catalogue.json").read_text())["layers"]
    rows = []
    for cls, (args, more) in LAYERS.items():
        own = [k for k in keys[cls] if k.endswith("_constraint") and not (cls.startswith("Separable") and k == "kernel_constraint")]
        # Some that hold and some that change all, along the first axis and along others.
        kinds = [C.MaxNorm(0.5), C.UnitNorm(), C.MinMaxNorm(0.3, 0.6, rate=0.5), C.NonNeg()]
        for i, key in enumerate(own):
            # Few numbers may be as they should be already; a length of 1 they have not.
            kind = C.UnitNorm() if key in ("bias_constraint", "beta_constraint", "gamma_constraint") else kinds[(len(rows) + i) % 4]
            rows.append((cls, {**args, key: kind}, [key], {"required": tuple(args), **more}))
        # Keras 3 forgets that of its SimpleRNN, tf_keras that of its EinsumDense, also where attention has those inside.
        forgotten = ("SimpleRNN",) if library is keras else ("EinsumDense", "MultiHeadAttention")
        if "activity_regularizer" in keys[cls] and cls not in forgotten:
            rows.append((cls, {**args, "activity_regularizer": R.L2(0.3)}, ["activity_regularizer"], {"required": tuple(args), **more}))
    rows.append(("Conv2D", {"filters": 2, "kernel_size": 2, "kernel_constraint": C.MaxNorm(0.5, axis=[0, 1, 2])}, ["kernel_constraint"], {"required": ("filters", "kernel_size"), "x": ["picture"]}))
    rows.append(("LSTM", {"units": 2, "return_sequences": True, "return_state": True, "activity_regularizer": R.L1(0.2)}, ["activity_regularizer"], {"required": ("units", "return_sequences", "return_state")}))
    return rows


def constraints():
    x = array("matrix", (4, 3))
    out = []
    for cls, argses in {
        "MaxNorm": ({}, {"max_value": 1.1}, {"max_value": 1.1, "axis": 1}),
        "MinMaxNorm": ({}, {"min_value": 1.6}, {"max_value": 0.8}, {"min_value": 2.2, "max_value": 2.4, "rate": 0.3}, {"max_value": 0.8, "axis": 1}),
        "NonNeg": ({},),
        "UnitNorm": ({}, {"axis": 1}, {"axis": [0, 1]}),
    }.items():
        for args in argses:
            made = getattr(keras.constraints, cls)(**args)
            values = short(made(x))
            for key in args:
                other = getattr(keras.constraints, cls)(**{k: v for k, v in args.items() if k != key})
                # A minimum above the default maximum makes that the length.
                assert key == "max_value" and "min_value" in args or values != short(other(x)), (cls, args, key)
            out.append({"class": cls, "keys": list(args), "config": made.get_config(), "x": "matrix", "values": values})
    write("constraints.json", out)


if __name__ == "__main__":
    every = []
    for library in (keras, tf_keras):
        rows = [r for r in table(library) if hasattr(library.layers, r[0])]
        every += cases("layers", library, rows, run)
    write("rules.json", every)
    constraints()

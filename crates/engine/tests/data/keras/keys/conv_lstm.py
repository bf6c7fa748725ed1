"""As make.py, for ConvLSTM1D, 2D and 3D: writes conv_lstm.json beside it."""

import make
import windows  # noqa: F401 Kernels that know the channels anywhere.
from make import cases, keras, run_recurrent, tf_keras, write

make.STEPS.update({"films": (2, 3, 5, 4, 3), "rows": (2, 3, 7, 3), "solids": (2, 2, 3, 4, 3, 2), "film_state": (2, 4, 3, 2), "film_state2": (2, 4, 3, 2)})
NEEDED = ("filters", "kernel_size")


def rows(library):
    R, C, c, one = library.regularizers, library.constraints, library.initializers.Constant, dict
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, {"required": NEEDED, **more}))

    for n, x, size, uneven, gaps in ((1, "rows", 2, (3,), (2,)), (2, "films", 2, (2, 3), (2, 1)), (3, "solids", 2, (1, 2, 3), (1, 2, 1))):
        cls, f, at = f"ConvLSTM{n}D", {"filters": 2, "kernel_size": size}, {"x": [x]}
        add(cls, f, **at)
        add(cls, {**f, "kernel_size": uneven}, ["kernel_size"], **at)
        own = [one(strides=2), one(padding="same"), one(strides=2, padding="same"), one(activation="relu"), one(recurrent_activation="tanh"), one(use_bias=False),
               one(kernel_regularizer=R.L2(0.3)), one(recurrent_regularizer=R.L1(0.3)), one(bias_regularizer=R.L2(0.5)), one(activity_regularizer=R.L2(0.3)),
               one(kernel_constraint=C.MaxNorm(0.5)), one(recurrent_constraint=C.UnitNorm()), one(bias_constraint=C.UnitNorm()),
               one(return_sequences=True), one(return_state=True), one(return_sequences=True, go_backwards=True, return_state=True), one(go_backwards=True)]
        own += [one(dilation_rate=gaps)] if library is keras and n < 3 else []
        # Keras 3 forgets this penalty.
        for a in own if library is tf_keras else [a for a in own if "activity_regularizer" not in a]:
            add(cls, {**f, **a}, list(a), **at)
        # Neither changes a number.
        add(cls, {**f, "unroll": True}, [], **at) if library is keras else None
        for a in (one(recurrent_initializer=c(-0.4), kernel_initializer=c(0.3)), one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4)), one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), bias_initializer=c(0.7)),
                  one(kernel_initializer=c(0.3), recurrent_initializer=c(-0.4), unit_forget_bias=False)):
            add(cls, {**f, **a}, [list(a)[-1]], kept=True, **at)
        if library is keras:
            h = {"data_format": "channels_first"}
            add(cls, {**f, **h, "padding": "same"}, ["data_format"], **at)
            add(cls, {**f, **h, "return_sequences": True, "return_state": True}, ["data_format"], **at)
    add("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "return_sequences": True}, [], x=["films"], states=("film_state", "film_state2"))
    return table


if __name__ == "__main__":
    every = [case for library in (keras, tf_keras) for case in cases("layers", library, rows(library), run_recurrent)]
    for case in every:
        if case.get("library") == "tf_keras":
            # The default of tf_keras, which its configs say, by the name that it has here.
            case["config"].setdefault("recurrent_activation", "hard_sigmoid_tf_keras")
    write("conv_lstm.json", every)

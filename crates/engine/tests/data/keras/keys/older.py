"""As make.py, for layers that tf_keras alone has, for the renormalization of batches, and for kernels with a low-rank addition: writes older.json beside it."""

import make
from make import array, cases, keras, run_layer, tf_keras, write

make.SHAPES.update({"tune": (2, 4, 5), "sheet": (2, 4, 4, 3)})
NEEDED = ("filters", "kernel_size")


def local():
    R, C, c, one = tf_keras.regularizers, tf_keras.constraints, tf_keras.initializers.Constant, dict
    table = []

    def add(cls, args, keys=None, **more):
        table.append((cls, args, keys, {"required": NEEDED, **more}))

    for cls, x, size, uneven in (("LocallyConnected1D", ["tune"], (3,), (2,)), ("LocallyConnected2D", ["sheet"], (3, 2), (2, 3))):
        for form in ({}, {"data_format": "channels_first"}):
            for implementation in (1, 2, 3):
                how = {"implementation": implementation} if implementation > 1 else {}
                f = {"filters": 2, "kernel_size": size, **form, **how}
                # How a kernel is kept changes its shape, and with it the numbers that it is given here.
                add(cls, f, ["filters", "kernel_size", *form, *how], x=x)
                own = [one(kernel_size=uneven), one(strides=(2,) * len(size)), one(activation="tanh", use_bias=False), one(activation="softmax"), one(kernel_regularizer=R.L2(0.3), bias_regularizer=R.L1(0.5)),
                       one(activity_regularizer=R.L2(0.3)), one(kernel_constraint=C.MaxNorm(0.5)), one(bias_constraint=C.NonNeg())]
                own += [one(padding="same"), one(padding="same", strides=(2,) * len(size))] if implementation > 1 else []
                for a in own:
                    add(cls, {**f, **a}, list(a) + list(how), x=x)
                if not form:
                    add(cls, {**f, "kernel_initializer": c(0.3)}, ["kernel_initializer"], x=x, kept=True)
                    add(cls, {**f, "kernel_initializer": c(0.3), "bias_initializer": c(-0.4)}, ["bias_initializer"], x=x, kept=True)
    return cases("layers", tf_keras, table, run_layer)


def renorm(library):
    one = dict
    for length in (3, 4, 5):
        for name in ("moving_stddev", "renorm_stddev"):
            array(f"{name}:{length}", (length,), 0.4, 2.5)
    table = []
    axes = one(axis=-1) if library is tf_keras else {}
    for more in ({}, one(axis=1), one(center=False), one(scale=False), one(momentum=0.5, epsilon=0.2)):
        args = {**axes, "renorm": True, **more}
        table.append(("BatchNormalization", args, ["renorm"], {"x": ["image"]}))
        table.append(("BatchNormalization", {**args, "renorm_momentum": 0.6}, ["renorm", "renorm_momentum"], {"x": ["image"]}))
    for clipping in ({"rmax": 0.9}, {"rmin": 1.2}, {"dmax": 0.2}, {"rmin": 0.8, "rmax": 1.1, "dmax": 0.3}):
        table.append(("BatchNormalization", {**axes, "renorm": True, "renorm_clipping": clipping}, ["renorm_clipping"], {"x": ["volume"]}))
    c = library.initializers.Constant
    table.append(("BatchNormalization", {**axes, "renorm": True, "moving_mean_initializer": c(0.4), "moving_variance_initializer": c(2.0)}, ["moving_mean_initializer", "moving_variance_initializer"], {"kept": True}))
    return cases("layers", library, table, run_layer)


def adapted():
    one, R = dict, keras.regularizers
    table = []

    def add(cls, args, keys, **more):
        table.append((cls, args, keys, {"required": (*NEEDED, "units", "equation", "output_shape"), **more}))

    add("Dense", one(units=3, lora_rank=2), ["lora_rank"], x=["volume"])
    add("Dense", one(units=3, lora_rank=1, kernel_regularizer=R.L2(0.3), use_bias=False), ["lora_rank", "kernel_regularizer"], x=["volume"])
    # Keras takes the rank for it when the layer is built.
    add("Dense", one(units=3, lora_rank=2, lora_alpha=5.0), ["lora_rank"], x=["volume"])
    for equation, shape in (("abc,cd->abd", (None, 5)), ("abc,cde->abde", (None, 2, 3)), ("...x,xy->...y", 5)):
        e = one(equation=equation, output_shape=shape, lora_rank=2)
        add("EinsumDense", e, ["lora_rank"], x=["volume"])
        add("EinsumDense", {**e, "lora_alpha": 5.0, "kernel_regularizer": R.L1(0.2)}, ["lora_rank", "lora_alpha", "kernel_regularizer"], x=["volume"])
    for cls, x, size in (("Conv1D", ["long"], 3), ("Conv2D", ["image"], (2, 3))):
        c = one(filters=2, kernel_size=size, lora_rank=2)
        add(cls, c, ["lora_rank"], x=x)
        add(cls, {**c, "lora_alpha": 3.0, "padding": "same"}, ["lora_rank", "lora_alpha"], x=x)
    out = cases("layers", keras, table, run_layer)
    for case in out:
        # The frozen kernel behind what training changes; before all is the layer in front.
        case["weights"].append(case["weights"].pop(0))
        case["after"].append(case["after"].pop(1))
    return out


if __name__ == "__main__":
    write("older.json", local() + renorm(keras) + renorm(tf_keras) + adapted())

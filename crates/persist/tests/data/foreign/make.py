"""Files of Keras 3.15 and tf_keras 2.21 with something in them that Rhyton does not know, or knows by more than a name.

Writes into its own folder, one library at a time: `make.py keras3`, `make.py tf_keras`. Archives are packed again, smaller. Beside each model
NAME.npz has inputs `in0`.., predictions `out0`.., and `eval`: loss and metric of Keras' evaluate on `x`, `y`.
"""

import os
import shutil
import sys
import zipfile

os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
import numpy as np

LIBRARY = sys.argv[1]
if LIBRARY == "keras3":
    import keras
else:
    import tf_keras as keras

layers, optimizers = keras.layers, keras.optimizers
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY)
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
os.chdir(OUT)
rng = np.random.default_rng(7)
x = rng.normal(size=(4, 3)).astype("float32")
y = rng.normal(size=(4, 1)).astype("float32")
z = rng.normal(size=(4, 3)).astype("float32")
w = rng.normal(size=(4, 2)).astype("float32")


def packed(name):
    with zipfile.ZipFile(name) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for n, data in members.items():
            archive.writestr(zipfile.ZipInfo(n, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def flat(tree):
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flat(tree[key])]
    return [leaf for part in tree for leaf in flat(part)] if isinstance(tree, (list, tuple)) else [tree]


def save(name, model, inputs, evaluate=False, formats=("keras",)):
    arrays = {f"in{i}": a for i, a in enumerate(flat(inputs))}
    arrays.update({f"out{i}": a for i, a in enumerate(flat(model.predict(inputs, verbose=0)))})
    if evaluate:
        arrays.update(x=x, y=y, eval=np.array(model.evaluate(x, y, verbose=0), "float32"))
    np.savez_compressed(f"{name}.npz", **arrays)
    for ending in formats:
        model.save(f"{name}.{ending}")
        if ending == "keras":
            packed(f"{name}.keras")


def net():
    keras.utils.set_random_seed(3)
    stack = [keras.Input((3,)), layers.Dense(4, activation="relu", name="a"), layers.Dense(1, name="b")]
    return keras.Sequential(stack, name="net")


def trained(optimizer, loss="mse", model=None):
    model = model or net()
    model.compile(optimizer, loss, metrics=["mae"])
    model.fit(x, y, epochs=3, batch_size=2, verbose=0, shuffle=False)
    return model


def ends():
    def inner(name, into, out, activation):
        a = keras.Input((into,), name=name + "_in")
        return keras.Model(a, layers.Dense(out, activation=activation, name=name + "_d")(a), name=name)

    i, j = keras.Input((3,), name="i"), keras.Input((3,), name="j")
    encoder, decoder = inner("encoder", 3, 2, None), inner("decoder", 2, 3, "tanh")
    save("end_two", keras.Model([i, j], [decoder(encoder(j)), decoder(encoder(i))], name="two"), [x, z])
    i, decoder = keras.Input((3,), name="i"), inner("decoder", 2, 3, "tanh")
    first = decoder(layers.Dense(2, name="h")(i))
    second = decoder(layers.Dense(2, name="g")(first))
    save("end_mixed", keras.Model(i, [second, first], name="mixed"), x)


def nested_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    c = keras.Input((2,), name="c")
    parts = [layers.Dense(2, name="da")(a), layers.Dense(1, name="db")(b), c]
    joined = layers.Concatenate()(parts)
    save("in_list", keras.Model([a, [b, c]], joined, name="nest"), [x, [z, w]])
    outputs = {"q": joined, "p": layers.Dense(1, name="pp")(joined)}
    save("in_dict", keras.Model({"z": a, "b": [b, c]}, outputs, name="nest"), {"z": x, "b": [z, w]})


class Sub(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.d, self.e = layers.Dense(2, name="d"), layers.Dense(1, name="e")

    def call(self, v):
        return self.e(self.d(v))

    def get_config(self):
        return {"name": self.name}


def subclassed():
    trained("adam", model=Sub(name="sub")).save("sub.keras")
    packed("sub.keras")


def frozen(formats):
    model = trained("adam")
    model.layers[0].trainable = False
    save("frozen", model, x, evaluate=True, formats=formats)


def smoothed():
    """Smoothed targets whose classes are not on the last axis: Keras 3 spreads them by the length of the last one, tf_keras by theirs."""
    i = keras.Input((3, 5), name="i")
    model = keras.Model(i, layers.Softmax(axis=1, name="s")(layers.Dense(5, name="d")(i)), name="smoothed")
    settings = dict(axis=1, label_smoothing=0.2)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(**settings), metrics=[keras.metrics.CategoricalCrossentropy(**settings)])
    a = rng.normal(size=(4, 3, 5)).astype("float32")
    b = np.moveaxis(np.eye(3, dtype="float32")[rng.integers(0, 3, size=(4, 5))], -1, 1)
    evaluated = np.array(model.evaluate(a, b, verbose=0), "float32")
    np.savez_compressed("smoothed.npz", in0=a, out0=model.predict(a, verbose=0), x=a, y=b, eval=evaluated)
    model.save("smoothed.keras")
    packed("smoothed.keras")


def twice():
    """One layer that makes both outputs."""
    d, i, j = layers.Dense(1, name="d"), keras.Input((3,), name="i"), keras.Input((3,), name="j")
    model = keras.Model([i, j], [d(i), d(j)], name="twice")
    model.compile("sgd", ["mse", "mae"])
    np.savez_compressed("twice.npz", in0=x, in1=z, eval=np.array(model.evaluate([x, z], [y, y], verbose=0), "float32"), y=y)
    model.save("twice.keras")
    packed("twice.keras")


def normalized():
    """A normalization over images whose channels are in between: `after0`.. are all weights after a step on `x`, `y`."""
    stack = [keras.Input((4, 3, 2)), layers.BatchNormalization(axis=2, name="n"), layers.Flatten(), layers.Dense(1, name="d")]
    model = keras.Sequential(stack, name="normalized")
    model.compile("sgd", "mse")
    a = rng.normal(size=(5, 4, 3, 2)).astype("float32")
    b = rng.normal(size=(5, 1)).astype("float32")
    model.save("normalized.keras")
    packed("normalized.keras")
    arrays = dict(in0=a, out0=model.predict(a, verbose=0), x=a, y=b)
    model.train_on_batch(a, b)
    arrays.update({f"after{i}": v for i, v in enumerate(model.get_weights())})
    np.savez_compressed("normalized.npz", **arrays)


def at_inference():
    """Layers that are called with `training=False`, as a base model that is fine-tuned: `after0`.. are all weights after a step on `x`, `y`."""
    base = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="b"), layers.BatchNormalization(name="inner"), layers.Dropout(0.5)], name="base")
    i = keras.Input((6,), name="i")
    h = base(layers.Dense(5, name="first")(i), training=False)
    h = layers.BatchNormalization(name="apart")(h, training=False)
    h = layers.Dropout(0.5, name="none")(h, training=False)
    model = keras.Model(i, layers.Dense(1, name="last")(layers.BatchNormalization(name="live")(h)), name="at_inference")
    for w in model.weights:
        w.assign(np.abs(rng.normal(size=w.shape)).astype("float32") + 0.1)
    model.compile("sgd", "mse")
    a, b = rng.normal(size=(8, 6)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")
    model.save("at_inference.keras")
    packed("at_inference.keras")
    arrays = dict(in0=a, out0=model.predict(a, verbose=0), x=a, y=b)
    model.train_on_batch(a, b)
    arrays.update({f"after{i}": v for i, v in enumerate(model.get_weights())})
    np.savez_compressed("at_inference.npz", **arrays)


def namesakes():
    """Classes of this script that are called as Keras' own."""
    loss = type("MeanSquaredError", (keras.losses.Loss,), {"call": lambda self, a, b: -keras.ops.mean(a * b, axis=-1)})
    trained("adam", loss()).save("loss_namesake.keras")
    trained(type("Adam", (optimizers.SGD,), {})(0.01)).save("optimizer_namesake.keras")
    packed("loss_namesake.keras")
    packed("optimizer_namesake.keras")


def keras_1():
    """Weights as Keras 0.3 wrote them."""
    import h5py

    with h5py.File("keras_1.h5", "w", libver="latest") as file:
        file.attrs["nb_layers"] = 1
        layer = file.create_group("layer_0")
        layer.attrs["nb_params"] = 2
        layer.create_dataset("param_0", data=np.ones((3, 2), "float32"))
        layer.create_dataset("param_1", data=np.zeros(2, "float32"))


def keras3():
    @keras.saving.register_keras_serializable(package="Mine")
    class Other(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.s = [self.add_variable_from_reference(v, name="stat") for v in variables]

        def update_step(self, gradient, variable, rate):
            self.assign_sub(variable, gradient * keras.ops.cast(rate, variable.dtype))

    @keras.saving.register_keras_serializable(package="Mine")
    def fourth(a, b):
        return keras.ops.mean((a - b) ** 4, axis=-1)

    made = {
        "muon": optimizers.Muon(0.01),
        "lossscale": optimizers.LossScaleOptimizer(optimizers.Adam(0.01)),
        "averages": optimizers.SGD(0.01, momentum=0.9, use_ema=True, gradient_accumulation_steps=2),
        "other": Other(0.01),
    }
    for name, optimizer in made.items():
        save(name, trained(optimizer), x, evaluate=True)
    frozen(["keras"])
    save("loss", trained("adam", fourth), x)
    model = net()
    model.layers[0].enable_lora(2)
    save("lora", trained("adam", model=model), x)
    model = net()
    model.quantize("int8")
    save("int8", model, x)
    named_dense = type("Dense", (layers.Dense,), {"call": lambda self, v: super(named_dense, self).call(v) * 100.0})
    save("dense", keras.Sequential([keras.Input((3,)), named_dense(2, name="d")], name="m"), x)
    i, j = keras.Input((3,), name="i"), keras.Input((3,), name="j")
    added = keras.Model([i, j], layers.Dense(2, name="d")(keras.ops.reshape(i + j, (-1, 3))), name="ops")
    save("ops", added, [x, z], formats=["keras", "h5"])
    turned = keras.Model([i, j], layers.Dense(2, name="d")(keras.ops.view(keras.ops.nextafter(i, j), dtype="float32")), name="unknown_ops")
    save("unknown_ops", turned, [x, z], formats=["keras", "h5"])
    subclassed()
    ends()
    nested_inputs()
    keras_1()
    smoothed()
    namesakes()


def tf_keras():
    scaled = keras.mixed_precision.LossScaleOptimizer(optimizers.Adam(0.01))
    save("lossscale", trained(scaled), x, evaluate=True)
    save("averages", trained(optimizers.SGD(0.01, momentum=0.9, use_ema=True)), x, evaluate=True)
    frozen(["keras"])
    subclassed()
    ends()
    nested_inputs()
    smoothed()
    normalized()
    twice()
    at_inference()


globals()[LIBRARY]()

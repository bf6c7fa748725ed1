"""Writes optimizer_steps.json beside it: ten steps of every optimizer of both libraries, over parameters of several shapes, with what a step does besides.

Parameters: a scalar, a vector, a wide and a tall matrix, four axes, a table whose gradient is rows that repeat, and one without a gradient. Two sums of each
array after the last step are kept, in which every element has a weight of its own.
"""

import json
import os
import pathlib
import warnings

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("ignore")
import keras
import numpy as np
import tensorflow as tf
import tf_keras

keras.config.set_floatx("float64")
tf_keras.backend.set_floatx("float64")
HERE = pathlib.Path(__file__).parent
STEPS = 10
RATE = 0.0625  # exact in float32
SHAPES = {"scale/gain": (), "dense/bias": (3,), "dense/kernel": (4, 3), "head/kernel": (3, 5), "conv/kernel": (2, 2, 3, 2), "embedding/embeddings": (6, 2), "idle/bias": (2,)}
ROWS = [4, 1, 4, 0, 4]
rng = np.random.default_rng(5)
short = lambda x: [float(f"{v:.8g}") for v in np.ravel(x)]
start = {path: np.float32(rng.normal(size=shape)) for path, shape in SHAPES.items()}
gradients = [{path: np.float32(rng.normal(size=(len(ROWS), 2) if path.startswith("embedding") else shape) * (0.5 + i % 3)) for path, shape in SHAPES.items() if not path.startswith("idle")}
             for i in range(STEPS)]


def sums(x):
    x = np.ravel(np.asarray(x, "float64"))
    at = np.arange(1, len(x) + 1)
    return [float(f"{np.sum(x * np.cos(k * at)):.9g}") for k in (0.7, 1.9)]


def grads(i, library):
    out = []
    for path, shape in SHAPES.items():
        g = gradients[i].get(path)
        if g is None:
            out.append(None)
        elif path.startswith("embedding"):
            out.append(tf.IndexedSlices(tf.constant(g, "float64"), tf.constant(ROWS, "int64"), tf.constant(shape, "int64")))
        else:
            out.append(tf.constant(g, "float64"))
    return out


def exclude(optimizer, args):
    names = args.pop("exclude_from_weight_decay", None)
    optimizer = optimizer(**args)
    if names:
        optimizer.exclude_from_weight_decay(var_names=names)
    return optimizer


def made(library, cls, args):
    args = dict(args)
    if isinstance(args.get("learning_rate"), dict):
        args["learning_rate"] = getattr(library.optimizers.schedules, args["learning_rate"]["class_name"])(**args["learning_rate"]["config"])
    return exclude(cls, args)


def keras3(optimizer):
    variables = []
    for path, value in start.items():
        scope, name = path.split("/")
        with keras.name_scope(scope):
            variables.append(keras.Variable(value, name=name, dtype="float64"))
        assert variables[-1].path == path
    for i in range(STEPS):
        optimizer.apply(grads(i, keras), variables)
    inner = getattr(optimizer, "optimizers", [optimizer])
    slots = [v for o in inner for v in o.variables if v.path.split("/")[-1] not in ("iteration", "learning_rate")]
    return variables, [[v.path.split("/")[-1], sums(v)] for v in slots]


def tf_keras2(optimizer):
    variables = [tf.Variable(value, name=path, dtype="float64") for path, value in start.items()]
    for i in range(STEPS):
        optimizer.apply_gradients(zip(grads(i, tf_keras), variables))
    return variables, [[v.name.split("/")[0], sums(v)] for v in optimizer.variables if v.name.split(":")[0] not in ("iteration", "learning_rate", "current_learning_rate")]


# Slots of the older optimizers, by the names of today.
LEGACY = {"m": "momentum", "momentum": "momentum", "v": "velocity", "rms": "velocity", "vhat": "velocity_hat", "mg": "average_gradient", "accumulator": "accumulator", "linear": "linear",
          "accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"}


def legacy(optimizer):
    variables = [tf.Variable(value, name=path, dtype="float64") for path, value in start.items()]
    for i in range(STEPS):
        optimizer.apply_gradients([(g, v) for g, v in zip(grads(i, tf_keras), variables) if g is not None])
    slots = {}
    for i, variable in enumerate(variables[:-1]):
        for name in optimizer.get_slot_names():
            ours = "norm" if (type(optimizer).__name__, name) == ("Adamax", "v") else LEGACY[name]
            slots[f"{i}/{ours}"] = sums(optimizer.get_slot(variable, name))
    return variables, slots


schedule = {"class_name": "ExponentialDecay", "config": {"initial_learning_rate": 0.5, "decay_steps": 3, "decay_rate": 0.5}}
OWN = {"SGD": [{}, {"momentum": 0.9, "nesterov": True}], "Adam": [{}, {"amsgrad": True}], "AdamW": [{}], "Adamax": [{}], "Nadam": [{}], "RMSprop": [{}, {"centered": True, "momentum": 0.5}],
       "Adagrad": [{}], "Adadelta": [{}], "Ftrl": [{}, {"l1_regularization_strength": 0.1, "l2_shrinkage_regularization_strength": 0.1}], "Lion": [{}],
       "Lamb": [{}], "Adafactor": [{}, {"relative_step": False, "learning_rate": schedule}, {"epsilon_1": 0.01, "epsilon_2": 0.5, "clip_threshold": 0.6}],
       "Muon": [{}, {"exclude_embeddings": False, "exclude_layers": ["^he.d/"], "adam_weight_decay": None}, {"nesterov": False, "rms_rate": None, "ns_steps": 3}],
       "ScheduleFreeAdamW": [{}, {"warmup_steps": 4, "weight_decay": 0.1}]}
AROUND = [{"clipnorm": 0.7}, {"global_clipnorm": 1.5}, {"clipvalue": 0.4}, {"weight_decay": 0.2, "exclude_from_weight_decay": ["bias"]},
          {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4}]
ONE = [{"use_ema": True, "ema_momentum": 0.8}, {"learning_rate": schedule, "weight_decay": 0.1}]
SUMMED = [{"gradient_accumulation_steps": 3, "global_clipnorm": 1.5}, {"gradient_accumulation_steps": 3, "use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2}]
cases = []


def add(library, name, args, run, module=None):
    args = {"learning_rate": RATE, **args}
    optimizer = made(keras if library == "keras3" else tf_keras, getattr(module, name), args)
    variables, slots = run(optimizer)
    cases.append({"library": library, "class": name, "args": args, "parameters": [sums(v) for v in variables], "slots": slots})


for name, forms in OWN.items():
    for args in forms + AROUND + SUMMED + ONE * (name in ("SGD", "Adam")):
        add("keras3", name, args, keras3, keras.optimizers)
    if hasattr(tf_keras.optimizers, name):
        for args in forms + AROUND + ONE * (name in ("SGD", "Adam")):
            try:
                add("tf_keras", name, args, tf_keras2, tf_keras.optimizers)
            except Exception as e:
                print("tf_keras", name, args, repr(e)[:150])
    if hasattr(tf_keras.optimizers.legacy, name):
        for args in forms + [{"clipnorm": 0.7}, {"clipvalue": 0.4}] + [{"decay": 0.1}] * (name in ("SGD", "Nadam")) + [{"momentum": 0.9}] * (name in ("SGD", "RMSprop")):
            try:
                add("legacy", name, args, legacy, tf_keras.optimizers.legacy)
            except Exception as e:
                print("legacy", name, args, repr(e)[:150])

inner = {"module": "keras.optimizers", "registered_name": None}
O = keras.optimizers
multi = O.MultiOptimizer(O.OptimizerMap(O.SGD(0.25, momentum=0.9), {"dense/.*": O.Nadam(schedule := O.schedules.ExponentialDecay(0.5, 3, 0.5)), ".*/embeddings": O.Adafactor(0.125, use_ema=True, ema_overwrite_frequency=3),
                                                                    "head/kernel": O.Muon(0.0625, gradient_accumulation_steps=2), "conv/.*": O.Lamb(0.0625, global_clipnorm=0.5)}))
config = keras.saving.serialize_keras_object(multi)
variables, slots = keras3(multi)
cases.append({"library": "keras3", "class": "MultiOptimizer", "args": config["config"], "parameters": [sums(v) for v in variables], "slots": slots})

# Whole calls of fit: what the weights are when it ends, and a layer that is frozen.
local = np.random.default_rng(11)
x, y = np.float32(local.normal(size=(10, 4))), np.float32(local.normal(size=(10, 2)))
weights = [np.float32(local.normal(size=s)) for s in ((4, 3), (3,), (3, 2), (2,))]
fits = []
for library, frozen, name, args in (
        (keras, False, "Adam", {"use_ema": True, "ema_momentum": 0.7}), (keras, True, "SGD", {"use_ema": True, "ema_momentum": 0.7, "momentum": 0.9}),
        (keras, True, "Muon", {"gradient_accumulation_steps": 2}), (keras, False, "Lamb", {"use_ema": True, "ema_overwrite_frequency": 3, "clipnorm": 0.5}),
        (keras, False, "ScheduleFreeAdamW", {}), (keras, True, "Adafactor", {}),
        (tf_keras, False, "Adam", {"use_ema": True, "ema_momentum": 0.7}), (tf_keras, True, "SGD", {"use_ema": True, "ema_momentum": 0.7, "momentum": 0.9})):
    layers = [library.layers.Dense(3, activation="tanh", name="hidden"), library.layers.Dense(2, name="head")]
    model = library.Sequential([library.Input((4,)), *layers])
    model.set_weights(weights)
    layers[0].trainable = not frozen
    model.compile(optimizer=getattr(library.optimizers, name)(learning_rate=RATE, **args), loss="mse")
    if library is keras:
        # Built inside a traced step, ScheduleFreeAdamW's sequence begins at zero rather than at the weights, as it says and as it does when it is built before.
        model.optimizer.build(model.trainable_variables)
    losses = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)).history
    fits.append({"library": library.__name__, "frozen": frozen, "class": name, "args": {"learning_rate": RATE, **args}, "weights": [short(w) for w in model.get_weights()],
                 "losses": losses["loss"], "validation": losses["val_loss"], "evaluation": model.evaluate(x, y, verbose=0)})

text = json.dumps({"fits": {"x": short(x), "y": short(y), "start": [short(w) for w in weights], "cases": fits}, "paths": list(SHAPES), "shapes": [list(s) for s in SHAPES.values()], "rows": ROWS, "start": [short(v) for v in start.values()],
                   "gradients": [[short(g[p]) if p in g else None for p in SHAPES] for g in gradients], "cases": cases}, separators=(",", ":"))
(HERE / "optimizer_steps.json").write_text(text.replace('},{"library"', '},\n{"library"') + "\n")
print(len(cases), "cases", len(text), "bytes")

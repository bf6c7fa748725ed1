#!/usr/bin/env python3
"""Write dialects.json: which config keys the classes of Keras 3 and of tf_keras take.

    python make_dialects.py > dialects.json

By trying: a key counts as taken where `from_config` of a default config with it makes an object. For each kind of object and each public class:
    both       keys that both libraries take
    unwritten  those of them that Keras 3 writes and tf_keras does not
    keras3     keys that Keras 3 alone takes, with the values that say nothing (its default, and what a default object writes); null: no such class
    tf_keras   the same for tf_keras
    trains     layers: true where tf_keras' class takes the argument `training`
    builds     layers: true where tf_keras must be told the shape that a layer was built for, because its class has a `build` of its own
"""
import importlib
import inspect
import json
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
warnings.filterwarnings("ignore")
import numpy as np
import keras as K3
import tf_keras as K2

# Layers that are found by their module alone.
for K in (K2, K3):
    for name, module in (("CustomScaleLayer", "inception_resnet_v2"), ("LayerScale", "convnext"), ("StochasticDepth", "convnext")):
        setattr(K.layers, name, getattr(importlib.import_module(f"{K.__name__}.src.applications.{module}"), name))

KINDS = ["layers", "initializers", "regularizers", "constraints", "losses", "metrics"]
# Of the base classes, which take them by **kwargs.
BASE = {"layers": {"name": None, "trainable": True, "dtype": "float32", "activity_regularizer": None, "autocast": True, "dynamic": False},
        "losses": {"name": None, "dtype": "float32", "reduction": "sum_over_batch_size"}, "metrics": {"name": None, "dtype": "float32"}}
# Written by classes of the kind, taken by those that do more with them.
ABSTRACT = {"Layer", "Wrapper", "Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "NnxLayer",
            "TorchModuleWrapper", "AbstractRNNCell", "DenseFeatures", "InputSpec", "Operation", "LossFunctionWrapper"}

# Classes of tf_keras that its own loader does not find by their name.
UNFOUND = {"SpectralNormalization"}


def special(K):
    L = K.layers
    dense = L.Dense(3)
    return {
        "Bidirectional": (L.LSTM(3),), "TimeDistributed": (dense,), "SpectralNormalization": (dense,), "RNN": (L.LSTMCell(3),),
        "StackedRNNCells": ([L.LSTMCell(3)],), "Reshape": ((6, 2),), "Permute": ((2, 1),), "RepeatVector": (3,), "EinsumDense": ("ab,bc->ac", 3),
        "Embedding": (10, 3), "ReversibleEmbedding": (10, 3), "MultiHeadAttention": (2, 3), "GroupQueryAttention": (3, 4, 2),
        "GroupedQueryAttention": (3, 4, 2), "InputLayer": ((4,),), "Discretization": ([0.0, 1.0],), "CategoryEncoding": (4,), "Dot": (1,), "Pipeline": ([],),
        "RandomZoom": (0.1,), "RandomTranslation": (0.1, 0.1), "Activation": ("relu",), "IoU": (3, [0]), "OneHotIoU": (3, [0]),
        "MeanMetricWrapper": (K.losses.mean_squared_error,), "MeanRelativeError": ([1.0, 2.0],),
    }


def tries(K, name, cls):
    if name in special(K):
        return [special(K)[name]]
    required = [p for p in inspect.signature(cls).parameters.values()
                if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    n = len(required)
    return [(), (3,) * n, (4, 3)[:n], (0.1,) * n, ((3, 3),) * n]


def plain(v):
    """A value as a config says it; None where it is an object."""
    if v is None or isinstance(v, (bool, int, float, str)):
        return v
    if isinstance(v, np.generic):
        return v.item()
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict) and v.get("class_name") in ("DTypePolicy", "Policy"):
        return v["config"]["name"]
    return {k: plain(x) for k, x in v.items()} if isinstance(v, dict) else None


class Taken:
    """What one library's class takes."""

    def __init__(self, K, kind, name, cls):
        self.cls, self.config, self.made = cls, None, None
        for arguments in tries(K, name, cls):
            try:
                self.made = cls(*arguments)
                self.config = self.made.get_config()
                break
            except Exception:
                continue
        parameters = inspect.signature(cls).parameters.values()
        self.defaults = {p.name: plain(p.default) for p in parameters if p.default is not p.empty and p.name != "kwargs"}
        self.own = {p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def ok(self):
        return self.config is not None

    def keys(self):
        return set(self.config) | self.own

    def takes(self, key, value):
        if key in self.config:
            return True
        try:
            self.cls.from_config({**self.config, key: value})
            return True
        except Exception:
            return False

    def silent(self, key):
        """Values of a key that say nothing."""
        values = [self.defaults[key]] if key in self.defaults else []
        written = plain(self.config.get(key))
        if key in self.config and written not in values and key not in ("name", "rank"):
            values.append(written)
        return values


def public(K, kind):
    module = getattr(K, kind)
    found = {}
    for n in dir(module):
        c = getattr(module, n)
        if inspect.isclass(c) and c.__name__ not in ABSTRACT and hasattr(c, "get_config"):
            found[c.__name__] = c
    return found


def row(kind, name, taken):
    candidates = dict(BASE.get(kind, {}))
    for t in taken.values():
        if t:
            for key in sorted(t.keys()):
                candidates.setdefault(key, (t.silent(key) or [None])[0])
    takes = {lib: {k for k, v in candidates.items() if t.takes(k, v)} if t else None for lib, t in taken.items()}
    if None in takes.values():
        there = next(lib for lib, keys in takes.items() if keys is not None)
        return {"both": sorted(takes[there]), **{lib: ({} if keys is not None else None) for lib, keys in takes.items()}}
    both = takes["keras3"] & takes["tf_keras"]
    written = {lib: set(t.config) for lib, t in taken.items()}
    unwritten = sorted((written["keras3"] - written["tf_keras"]) & both)
    more = {"unwritten": unwritten} if unwritten else {}
    return {"both": sorted(both), **more, **{lib: {k: taken[lib].silent(k) for k in sorted(keys - both)} for lib, keys in takes.items()}}


def main():
    out = {}
    for kind in KINDS:
        libraries = {"keras3": public(K3, kind), "tf_keras": public(K2, kind)}
        rows = {}
        for name in sorted(set(libraries["keras3"]) | set(libraries["tf_keras"])):
            taken = {}
            for lib, K in (("keras3", K3), ("tf_keras", K2)):
                cls = libraries[lib].get(name)
                taken[lib] = Taken(K, kind, name, cls) if cls and not (lib == "tf_keras" and name in UNFOUND) else None
            if all(t is None or t.ok() for t in taken.values()):
                rows[name] = row(kind, name, taken)
                if kind == "layers" and taken["tf_keras"] and not hasattr(taken["tf_keras"].cls.build, "_is_default"):
                    rows[name]["builds"] = True
                if kind == "layers" and taken["tf_keras"] and "training" in inspect.signature(taken["tf_keras"].cls.call).parameters:
                    rows[name]["trains"] = True
            else:
                # No object without more about it: what its constructor names.
                keys = sorted(set(BASE.get(kind, {})).union(*(t.own for t in taken.values() if t)))
                rows[name] = {"both": keys, **{lib: {} if t else None for lib, t in taken.items()}}
        out[kind] = rows
    kinds = [f' "{kind}": {{\n' + ",\n".join(f'  "{n}": {json.dumps(r)}' for n, r in rows.items()) + "\n }" for kind, rows in out.items()]
    print("{\n" + ",\n".join(kinds) + "\n}")


main()

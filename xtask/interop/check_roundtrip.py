#!/usr/bin/env python3
"""Load model files with the real libraries and compare them with expected results.

    python check_roundtrip.py DIR [--expected EXPECTED_DIR] [--only CASE[,CASE...]]
                              [--require-all] [--weight-tol X] [--no-step] [--custom-unserved]

DIR holds, at any depth,  <case>/<lib>/  directories (lib: tf_keras or keras3) with any of these
names, the same names that make_fixtures.py uses:

    ckpt/cp.ckpt.*            TensorFlow checkpoint (plus the state file  ckpt/checkpoint)
    ckpt_sharded/cp.ckpt.*    the same, several data shards and/or sliced tensors
    model.keras               .keras v3 zip
    model.h5                  legacy whole-model HDF5
    weights_legacy.h5         legacy weights-only HDF5            (tf_keras)
    model.weights.h5          .weights.h5
    saved_model/              SavedModel as tf_keras model.save(dir) writes it
    export/                   inference SavedModel as Keras 3 model.export(dir) writes it

EXPECTED_DIR (default: DIR itself) holds the same tree with case.json, inputs*.npy, targets*.npy,
predictions*.npy, metrics.json, weights.npz, optimizer.npz and step.npz. The architecture needed for
weights-only files is taken from EXPECTED_DIR's model.keras (then model.h5), then from DIR's.

Every check prints one line:  PASS|FAIL|SKIP  case/lib/file  what  detail
and the last line counts them. The exit status is 0 only if nothing failed.
SKIP marks what the real library itself cannot restore (named in the line), or a file that is
not there (an error with --require-all).
"""
import argparse
import json
import os
import sys

import h5py
import numpy as np

from common import (FORMATS, K2, K3, LIBRARIES, as_list, opt_vars, rate_of, slots, steps_taken, tf, train_step, unwrap, var_np)

COUNT = {"PASS": 0, "FAIL": 0, "SKIP": 0}


def report(kind, where, what, detail=""):
    COUNT[kind] += 1
    print(f"{kind} {where:44s} {what:22s} {detail}".rstrip(), flush=True)


def check(ok, where, what, detail=""):
    report("PASS" if ok else "FAIL", where, what, detail)
    return bool(ok)


def short(e):
    return f"{type(e).__name__}: {str(e)}".replace("\n", " ")[:220]


def build_optimizer(K, m):
    o = m.optimizer
    if hasattr(o, "build"):
        o.build(m.trainable_variables)
    elif hasattr(o, "_create_all_weights"):
        o._create_all_weights(m.trainable_variables)


def learning_rate(opt):
    inner = getattr(opt, "inner_optimizer", opt)
    if callable(getattr(inner, "_learning_rate", None)):  # a schedule: its value at this iteration
        return float(np.asarray(inner._learning_rate(opt.iterations)))
    return rate_of(opt)


def worst(pairs):
    """Largest absolute difference over (got, want) pairs, inf on a shape or count mismatch."""
    w = 0.0
    for a, b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return float("inf")
        if a.size:
            d = np.abs(a.astype("float64") - b.astype("float64"))
            w = max(w, float(d.max()) if np.isfinite(d).all() else float("inf"))
    return w


def close(a, b, tol):
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tol * (1.0 + np.abs(b))))


class Case:
    def __init__(self, exp, rel):
        d = os.path.join(exp, rel)
        self.info = json.load(open(os.path.join(d, "case.json")))
        self.dir, self.label, self.case, self.lib = d, rel, self.info["case"], self.info["lib"]
        self.K = LIBRARIES[self.lib]
        ld = lambda n: np.load(os.path.join(d, n), allow_pickle=False)
        self.xs = [ld(n) for n in self.info["inputs"]]
        self.ys = [ld(n) for n in self.info["targets"]]
        self.preds = [ld(n) for n in self.info["predictions"]]
        where = self.info.get("expected", {})
        load = lambda k: dict(ld(where.get(k, f"{k}.npz")))
        self.w = load("weights")
        self.weights = [self.w[k] for k in sorted(self.w)]
        self.opt = load("optimizer")
        self.slots = [self.opt[k] for k in sorted(self.opt) if k[0] == "o" and k[1:].isdigit()]
        self.step = dict(ld("step.npz")) if os.path.exists(os.path.join(d, "step.npz")) else None
        p = os.path.join(d, "metrics.json")
        self.metrics = json.load(open(p)) if os.path.exists(p) else {}
        self.tol = float(self.info.get("tolerance", 1e-5))

    def reference(self, got_dir):
        """A model of the right architecture, loaded from .keras or .h5."""
        err = None
        for base in (self.dir, got_dir):
            for n in ("model.keras", "model.h5"):
                p = os.path.join(base, n)
                if os.path.exists(p):
                    try:
                        return self.K.models.load_model(p)
                    except Exception as e:  # noqa: BLE001
                        err = e
        raise RuntimeError(f"no architecture source: {err}")

    def fresh(self, got_dir):
        """The same architecture, freshly initialised, compiled, with a new optimizer."""
        K = self.K
        ref = self.reference(got_dir)
        with (K2.utils.custom_object_scope({}) if K is K2 else K3.saving.custom_object_scope({})):
            m = type(ref).from_config(ref.get_config())
            if not m.built:
                m.build(ref.input_shape)
            o = ref.optimizer
            # Which tf_keras' own list does not have.
            o2 = (type(o).from_config(o.get_config()) if type(o).__name__ == "Adafactor" and K is K2
                  else K2.optimizers.deserialize(K2.optimizers.serialize(o), use_legacy_optimizer=is_legacy(o))
                  if K is K2 else K3.optimizers.deserialize(K3.optimizers.serialize(o)))
        cfg = ref.get_compile_config()
        kw = {k: deser(K, cfg.get(k)) for k in ("loss", "metrics", "loss_weights", "weighted_metrics")}
        m.compile(optimizer=o2, **kw)
        build_optimizer(K, m)
        return m


def is_legacy(o):
    return o.__class__.__module__.endswith("optimizer_v2") or ".legacy" in o.__class__.__module__ \
        or not hasattr(o, "build")


def deser(K, c):
    return K.saving.deserialize_keras_object(c) if c is not None else None


def h5_optimizer(path):
    """(names, arrays) of optimizer_weights in a whole-model .h5, in weight_names order."""
    with h5py.File(path, "r") as f:
        if "optimizer_weights" not in f:
            return [], []
        g = f["optimizer_weights"]
        names = list(g.attrs.get("weight_names", []))
        i = 0
        while f"weight_names{i}" in g.attrs:
            names += list(g.attrs[f"weight_names{i}"])
            i += 1
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in names]
        return names, [g[n][()] for n in names]


def check_h5_optimizer(c, where, path, args):
    """Compare the stored optimizer arrays themselves (not every library version reloads them)."""
    names, arrays = h5_optimizer(path)
    tail = lambda n: n.rsplit("/", 1)[-1]
    rate = ("learning_rate", "learning_rate:0")
    steps = ("iteration", "iteration:0", "iter:0")
    got = [a for n, a in zip(names, arrays) if tail(n) not in rate + steps]
    its = [int(a) for n, a in zip(names, arrays) if tail(n) in steps]
    want = int(c.opt["iteration"])
    check(bool(its) and want in its, where, "stored iteration", f"{its}, expected {want}")
    if len(got) != len(c.slots):
        check(False, where, "stored optimizer", f"{len(got)} variables, expected {len(c.slots)}")
    else:
        e = worst(zip(got, c.slots))
        check(e <= args.weight_tol, where, "stored optimizer", f"{len(got)} variables, max diff {e:.3g}")
    return arrays


# What the real libraries themselves do not bring back (so a FAIL would blame the wrong program).
def limits(c, key):
    """-> (optimizer state restorable, reason), (extra step comparable, reason)"""
    cls, ls = c.info["optimizer"]["class"], c.info["optimizer"].get("loss_scale")
    full = key in ("ckpt", "ckpt_sharded", "saved_model")
    if not c.info["files"].get(key, {}).get("optimizer", True) or key in ("weights_legacy", "export"):
        return (False, "weights-only file"), (False, "weights-only file")
    if c.lib == "tf_keras":
        if ls and key == "h5":
            return (False, "tf_keras cannot reload LossScaleOptimizer state from .h5"), (False, "same")
        if ls and not full:
            return (True, ""), (False, "loss scale is not stored in this format")
        if c.case.startswith("opt_legacy") and key == "weights_h5":
            return (False, "legacy optimizers have no vars in .weights.h5"), (False, "same")
        if c.case.startswith("opt_legacy") and key == "keras":
            return (False, "legacy optimizers have no vars in .keras"), (False, "same")
        if cls == "Nadam" and not full and not c.case.startswith("opt_legacy"):
            return (True, ""), (False, "Nadam u_product is not stored in this format")
    return (True, ""), (True, "")


def compare(c, where, key, m, args, opt_ok=True):
    K, tol = c.K, c.tol
    ws = [var_np(w) for w in m.weights]
    if len(ws) != len(c.weights):
        check(False, where, "weights", f"{len(ws)} tensors, expected {len(c.weights)}")
    else:
        e = worst(zip(ws, c.weights))
        check(e <= args.weight_tol, where, "weights", f"{len(ws)} tensors, max diff {e:.3g}")
    p = as_list(m.predict(unwrap(c.xs), batch_size=len(c.xs[0]), verbose=0))
    check(len(p) == len(c.preds) and all(close(a, b, tol) for a, b in zip(p, c.preds)), where, "predictions",
          f"max diff {worst(zip(p, c.preds)):.3g}")
    if getattr(m, "optimizer", None) is None or not getattr(m, "compiled", getattr(m, "_is_compiled", True)):
        check(False, where, "compiled", "model came back without compile information")
        return
    ev = m.evaluate(unwrap(c.xs), unwrap(c.ys), batch_size=len(c.xs[0]), verbose=0, return_dict=True)
    bad = [k for k, v in c.metrics.items() if k not in ev or not close(ev[k], v, max(tol, 1e-5))]
    check(not bad, where, "loss and metrics", f"{len(c.metrics)} values" + (f", differ: {bad}" if bad else ""))

    (can_opt, why_opt), (can_step, why_step) = limits(c, key)
    if not can_opt:
        report("SKIP", where, "optimizer state", why_opt)
    else:
        o = m.optimizer
        it, want = steps_taken(o), int(c.opt["iteration"])
        check(it == want, where, "iteration", f"{it}, expected {want}")
        check(close(learning_rate(o), float(c.opt["learning_rate"]), 1e-6), where, "learning rate",
              f"{learning_rate(o):.8g}, expected {float(c.opt['learning_rate']):.8g}")
        sl = [var_np(v) for v in slots(K, o)]
        if len(sl) != len(c.slots):
            check(False, where, "optimizer state", f"{len(sl)} variables, expected {len(c.slots)}")
        else:
            e = worst(zip(sl, c.slots))
            check(e <= args.weight_tol, where, "optimizer state", f"{len(sl)} variables, max diff {e:.3g}")
    if args.no_step or c.step is None:
        return
    if not can_step:
        report("SKIP", where, "train step", why_step)
        return
    st, tol = c.info["step"], max(c.tol, 1e-5)
    loss = train_step(K, m, c.xs, c.ys, st["mode"])
    check(close(loss, float(c.step["loss"]), tol), where, "train step loss",
          f"{loss:.7g}, expected {float(c.step['loss']):.7g}")

    def sampled(prefix, arrays):
        out = []
        for i, a in enumerate(arrays):
            k = f"{prefix}{i:03d}"
            s = st["stride"].get(k)
            out.append((a.reshape(-1)[::s] if s else a, c.step[k]) if k in c.step else (a, np.zeros(0)))
        return out

    pairs = sampled("w", [var_np(w) for w in m.weights])
    check(all(close(a, b, tol) for a, b in pairs), where, "train step weights", f"max diff {worst(pairs):.3g}")
    pairs = sampled("o", [var_np(v) for v in slots(K, m.optimizer)])
    check(all(close(a, b, tol) for a, b in pairs), where, "train step optimizer", f"max diff {worst(pairs):.3g}")


def run_signature(c, where, fn, what):
    names = list(fn.structured_input_signature[1])
    feed = {}
    for i, n in enumerate(c.info.get("input_names", [])):
        if n in names:
            feed[n] = c.xs[i]
    if len(feed) != len(names):
        feed = dict(zip(names, c.xs))
    out = fn(**{k: tf.constant(v) for k, v in feed.items()})
    on = c.info.get("output_names", [])
    vals = [out[n] for n in on] if all(n in out for n in on) and on else [out[k] for k in sorted(out)]
    vals = [np.asarray(v) for v in vals]
    check(len(vals) == len(c.preds) and all(close(a, b, c.tol) for a, b in zip(vals, c.preds)), where, what,
          f"max diff {worst(zip(vals, c.preds)):.3g}")


def run_graph(c, where, path):
    """The signature through graph nodes, saver and restore op, as model servers do."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as s:
        mg = tf.compat.v1.saved_model.load(s, ["serve"], path)
        sig = mg.signature_def["serving_default"]
        ins = {k: v.name for k, v in sig.inputs.items()}
        feed = {}
        for i, n in enumerate(c.info.get("input_names", [])):
            if n in ins:
                feed[ins[n]] = c.xs[i]
        if len(feed) != len(ins):
            feed = dict(zip([ins[k] for k in sorted(ins)], c.xs))
        on = c.info.get("output_names", [])
        keys = on if on and all(n in sig.outputs for n in on) else sorted(sig.outputs)
        vals = s.run([sig.outputs[k].name for k in keys], feed)
    check(len(vals) == len(c.preds) and all(close(a, b, c.tol) for a, b in zip(vals, c.preds)), where,
          "serving graph", f"max diff {worst(zip(vals, c.preds)):.3g}")


def check_file(c, got, key, path, args):
    K = c.K
    where = f"{c.label}/{key}"
    if key in ("ckpt", "ckpt_sharded"):
        r = tf.train.load_checkpoint(path)
        names = sorted(r.get_variable_to_shape_map())
        for n in names:
            r.get_tensor(n)  # reads every byte and verifies its checksum
        check(True, where, "load_checkpoint", f"{len(names)} tensors readable")
        latest = tf.train.latest_checkpoint(os.path.dirname(path))
        check(latest is not None and os.path.basename(latest) == os.path.basename(path), where, "state file",
              f"latest_checkpoint -> {os.path.basename(latest) if latest else None}")
        m = c.fresh(got)
        s = m.load_weights(path)
        weights_only = not c.info["files"].get(key, {}).get("optimizer", True)
        try:
            if weights_only:
                s.expect_partial()
            else:
                s.assert_existing_objects_matched()
                s.assert_consumed()
            check(True, where, "object graph", "all objects matched")
        except AssertionError as e:
            check(False, where, "object graph", short(e))
        compare(c, where, key, m, args)
    elif key in ("keras", "h5"):
        m = K.models.load_model(path)
        check(True, where, "load_model")
        if key == "h5" and c.info["files"].get("h5", {}).get("optimizer", True):
            arrays = check_h5_optimizer(c, where, path, args)
            if K is K3:
                # Keras 3 builds the optimizer of a loaded .h5 without its slot variables and
                # cannot train it; put the stored arrays into a properly built optimizer.
                m2 = c.fresh(got)
                m2.set_weights(m.get_weights())
                vs = opt_vars(m2.optimizer)
                if len(vs) == len(arrays):
                    for v, a in zip(vs, arrays):
                        v.assign(a)
                m = m2
        compare(c, where, key, m, args)
    elif key in ("weights_legacy", "weights_h5"):
        m = c.fresh(got)
        m.load_weights(path)
        check(True, where, "load_weights")
        compare(c, where, key, m, args)
    elif key == "saved_model":
        sm = tf.saved_model.load(path)
        check(True, where, "saved_model.load")
        if args.custom_unserved and c.info.get("custom_objects"):
            check(not sm.signatures, where, "no signature", "of a layer that the writer does not know")
        else:
            run_signature(c, where, sm.signatures["serving_default"], "serving_default")
            run_graph(c, where, path)
        m = K2.models.load_model(path)
        check(True, where, "load_model")
        # tf_keras restarts the optimizer here; its state is in the variables checkpoint
        m.load_weights(os.path.join(path, "variables", "variables")).expect_partial()
        build_optimizer(K, m)
        compare(c, where, key, m, args)
    elif key == "export":
        sm = tf.saved_model.load(path)
        check(True, where, "saved_model.load")
        run_signature(c, where, sm.signatures["serving_default"], "serving_default")
        run_graph(c, where, path)
        if hasattr(sm, "serve"):
            out = sm.serve(*[tf.constant(x) for x in c.xs]) if len(c.xs) == 1 else sm.serve([tf.constant(x) for x in c.xs])
            vals = as_list(list(out.values()) if isinstance(out, dict) else out)
            check(all(close(a, b, c.tol) for a, b in zip(vals, c.preds)), where, "serve endpoint",
                  f"max diff {worst(zip(vals, c.preds)):.3g}")
        else:
            report("SKIP", where, "serve endpoint", "not in the file")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("dir")
    ap.add_argument("--expected")
    ap.add_argument("--only", default="")
    ap.add_argument("--require-all", action="store_true")
    ap.add_argument("--weight-tol", type=float, default=0.0)
    ap.add_argument("--no-step", action="store_true")
    ap.add_argument("--custom-unserved", action="store_true", help="SavedModels with custom objects have no signature")
    a = ap.parse_args()
    exp = a.expected or a.dir
    tf.config.experimental.enable_op_determinism()
    K2.utils.set_random_seed(0)
    K3.utils.set_random_seed(0)
    only = [x for x in a.only.split(",") if x]
    found = 0
    for rel in sorted(os.path.relpath(d, exp) for d, _, names in os.walk(exp) if "case.json" in names):
        if only and os.path.basename(os.path.dirname(rel)) not in only:
            continue
        K2.backend.clear_session()
        K3.utils.clear_session()
        try:
            c = Case(exp, rel)
        except Exception as e:  # noqa: BLE001
            check(False, rel, "expected data", short(e))
            continue
        got = os.path.join(a.dir, rel)
        for key, name in FORMATS.items():
            path = os.path.join(got, name)
            there = os.path.exists(path + ".index") if key.startswith("ckpt") else os.path.exists(path)
            if not there:
                if key in c.info["files"]:
                    report("FAIL" if a.require_all else "SKIP", f"{rel}/{key}", "present", "no such file")
                continue
            found += 1
            try:
                check_file(c, got, key, path, a)
            except Exception as e:  # noqa: BLE001
                check(False, f"{rel}/{key}", "load", short(e))
    if not found:
        check(False, a.dir, "files", "nothing to check")
    print(f"TOTAL {COUNT['PASS']} passed, {COUNT['FAIL']} failed, {COUNT['SKIP']} skipped")
    sys.exit(1 if COUNT["FAIL"] else 0)


if __name__ == "__main__":
    main()

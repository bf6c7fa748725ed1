#!/usr/bin/env python3
"""Write model-file fixtures with the real libraries (tf_keras and Keras 3).

    python make_fixtures.py OUT_DIR [--seed N] [--variant N] [--only CASE[,CASE...]] [--lib tf_keras|keras3]
                            [--formats FORMAT[,FORMAT...]] [--set VARIANT:SEED ...]

Every (case, library) pair gets one directory  OUT_DIR/<case>/<lib>/  holding

    case.json         what the case is: versions, order and names of weights and optimizer
                      variables, the files present, tolerances, kind of the extra train step
    inputs.npy        model input      (several inputs: inputs.0.npy, inputs.1.npy, ...)
    targets.npy       training target  (several outputs: targets.0.npy, ...)
    predictions.npy   model output for inputs in inference mode (several: predictions.0.npy, ...)
    metrics.json      evaluate(inputs, targets): loss and metric values, inference mode
    weights.npz       "w000", "w001", ... in the order of  model.weights
    optimizer.npz     "iteration", "learning_rate", "o000", ... in the order of optimizer.variables
                      (without the iteration and learning-rate variables); tf_keras Nadam adds
                      "u_product", tf_keras loss scaling adds "loss_scale" and "good_steps"
                      (the mlp of Keras 3 has the state of the tf_keras one: case.json "expected"
                      gives the relative path of weights.npz and optimizer.npz)
    step.npz          the state after ONE more train step on (inputs, targets):
                      "loss" (before the update), "w000"... and "o000"...; tensors of more than
                      SAMPLE elements are stored as flat[::stride], strides are in case.json
    and the model itself in the file formats listed in case.json under "files".

variant 0 has the widths of the guide; any other variant draws other layer widths, names, activations and data.
--set writes several in one run, each into OUT_DIR/variant_V_seed_S/. Without --formats a case writes what its
options say; with it exactly the named formats that the library has.
The seed fixes the data, the initial weights and the training; dates and uuids inside the
files are the only bytes expected to differ between two runs with the same arguments.
"""
import argparse
import json
import os
import shutil

import numpy as np

from cases import CASES, Variant
from common import (FORMATS, K2, K3, as_list, format_list, rate_of, slots, steps_taken, tf, train_step, unwrap, var_name, var_np)

SAMPLE = 4096  # step.npz keeps at most about this many elements of a tensor


def inner(opt):
    return getattr(opt, "inner_optimizer", opt)


def save_arrays(d, stem, arrays):
    if len(arrays) == 1:
        np.save(os.path.join(d, f"{stem}.npy"), arrays[0])
        return [f"{stem}.npy"]
    out = []
    for i, a in enumerate(arrays):
        np.save(os.path.join(d, f"{stem}.{i}.npy"), a)
        out.append(f"{stem}.{i}.npy")
    return out


def state_of(v):
    """A variable of an optimizer. Adafactor of Keras 3 has whole numbers of 32 bits that mean nothing."""
    a = var_np(v)
    return a.astype("int64") if a.dtype == np.int32 else a


def has_dropout(K, m):
    for l in m.layers:
        if isinstance(l, K.layers.Dropout) and l.rate > 0:
            return True
        if hasattr(l, "layers") and has_dropout(K, l):
            return True
    return False


def keep_dir(d):
    """An empty directory does not survive in a repository."""
    if os.path.isdir(d) and not os.listdir(d):
        open(os.path.join(d, ".keep"), "w").close()


def transfer_mlp(src, dst):
    """Copy weights and Adam state of a tf_keras model into the same Keras 3 model."""
    dst.set_weights(src.get_weights())
    dst.optimizer.build(dst.trainable_variables)
    so, do = slots(K2, src.optimizer), slots(K3, dst.optimizer)
    assert len(so) == len(do)
    for a, b in zip(so, do):
        b.assign(a.numpy())
    dst.optimizer.iterations.assign(src.optimizer.iterations.numpy())
    dst.optimizer.learning_rate.assign(src.optimizer.learning_rate.numpy())


def write_case(case, lib, out, seed, variant, shared, formats=None):
    K = K2 if lib == "tf_keras" else K3
    (K2.backend.clear_session if K is K2 else K3.utils.clear_session)()
    K.utils.set_random_seed(seed)
    rng = np.random.default_rng([seed, sum(case.encode())])
    m, xs, ys, opt = CASES[case](K, Variant(variant, case), rng)
    if hasattr(m.optimizer, "build"):
        m.optimizer.build(m.trainable_variables)
    if case == "mlp" and K is K3 and "mlp" in shared:
        transfer_mlp(shared["mlp"], m)
        opt = dict(opt, light=not variant, same_state=True)
    else:
        m.fit(unwrap(xs), unwrap(ys), epochs=opt["epochs"], batch_size=opt["batch"], verbose=0, shuffle=True)
    if "keep" in opt:
        xs, ys = [x[: opt["keep"]] for x in xs], [y[: opt["keep"]] for y in ys]

    d = os.path.join(out, case, lib)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    files = {}

    def path(*p):
        q = os.path.join(d, *p)
        os.makedirs(os.path.dirname(q), exist_ok=True)
        return q

    # --- the model in every format
    def wanted(key, default=True):
        return key in formats if formats else default

    def add(key, kind, optimizer=True):
        files[key] = {"format": kind, "path": FORMATS[key], "optimizer": optimizer}

    light = opt.get("light")  # the Keras 3 MLP of variant 0, whose state is that of the tf_keras one
    if K is K2:
        if wanted("ckpt"):
            m.save_weights(path(FORMATS["ckpt"]))
            add("ckpt", "tf-checkpoint")
        if wanted("ckpt_sharded", bool(opt.get("sharded")) or case == "mlp") and (opt.get("sharded") or case == "mlp"):
            sm, n = m, opt.get("sharded")
            if case == "mlp":  # weights only, to keep the set small
                sm, n = K.models.clone_model(m), 500_000
                sm.set_weights(m.get_weights())
            sm.save_weights(path(FORMATS["ckpt_sharded"]), options=tf.train.CheckpointOptions(
                experimental_sharding_callback=tf.train.experimental.MaxShardSizePolicy(max_shard_size=n)))
            add("ckpt_sharded", "tf-checkpoint", optimizer=case != "mlp")
        if wanted("weights_legacy"):
            m.save_weights(path(FORMATS["weights_legacy"]))
            add("weights_legacy", "hdf5-legacy-weights", optimizer=False)
    if wanted("keras"):
        m.save(path(FORMATS["keras"]))
        # Older optimizers have no variables there.
        add("keras", "keras-v3", optimizer=not case.startswith("opt_legacy"))
    # Keras 3 cannot write one with Adafactor, two of whose slots have one name.
    if wanted("h5", not light) and not (K is K3 and case == "opt_adafactor"):
        m.save(path(FORMATS["h5"]))
        add("h5", "hdf5-legacy")
    if wanted("weights_h5", not light and not (case == "mlp" and K is K2)):
        m.save_weights(path(FORMATS["weights_h5"]))
        add("weights_h5", "keras-v3-weights", optimizer=not case.startswith("opt_legacy"))
    if K is K2 and wanted("saved_model") and opt.get("saved_model", True):
        m.save(path(FORMATS["saved_model"]))
        add("saved_model", "savedmodel")
        keep_dir(os.path.join(d, "saved_model", "assets"))
    if K is K3 and wanted("export", opt.get("export", True) and case in ("mlp", "conv", "two_branch")):
        m.export(path(FORMATS["export"]), verbose=False)
        add("export", "savedmodel-export", optimizer=False)
        keep_dir(os.path.join(d, "export", "assets"))

    # --- expected results
    info = {
        "case": case, "lib": lib, "seed": seed, "variant": variant,
        "versions": {"tensorflow": tf.__version__, "tf_keras": K2.__version__, "keras": K3.__version__,
                     "numpy": np.__version__},
        "files": files,
        "tolerance": opt.get("tol", 1e-5),
        "policy": opt.get("policy", "float32"),
        "custom_objects": ["Fixtures>ScaleShift"] if case == "custom" else [],
    }
    info["input_names"] = [t.name for t in m.inputs] if K is K3 else list(m.input_names)
    info["output_names"] = list(getattr(m, "output_names", [m.layers[-1].name]))
    info["inputs"] = save_arrays(d, "inputs", xs)
    info["targets"] = save_arrays(d, "targets", ys)
    preds = as_list(m.predict(unwrap(xs), batch_size=len(xs[0]), verbose=0))
    info["predictions"] = save_arrays(d, "predictions", preds)
    ev = m.evaluate(unwrap(xs), unwrap(ys), batch_size=len(xs[0]), verbose=0, return_dict=True)
    json.dump({k: float(v) for k, v in ev.items()}, open(path("metrics.json"), "w"), indent=1)

    names = [var_name(K, w) for w in m.weights]
    ws = [var_np(w) for w in m.weights]
    info["weights"] = [{"key": f"w{i:03d}", "name": n, "shape": list(a.shape), "dtype": str(a.dtype),
                        "trainable": bool(w.trainable)}
                       for i, (n, a, w) in enumerate(zip(names, ws, m.weights))]
    same = opt.get("same_state", False)
    info["expected"] = {k: f"../tf_keras/{k}.npz" if same else f"{k}.npz" for k in ("weights", "optimizer")}
    if not same:
        np.savez_compressed(path("weights.npz"), **{f"w{i:03d}": a for i, a in enumerate(ws)})

    o = m.optimizer
    sl = slots(K, o)
    info["optimizer"] = {
        "class": type(inner(o)).__name__,
        "loss_scale": o is not inner(o),
        "variables": [{"key": f"o{i:03d}", "name": var_name(K, v), "shape": list(v.shape),
                       "dtype": str(var_np(v).dtype)} for i, v in enumerate(sl)],
    }
    lr = rate_of(o)
    extra = {}
    if K is K2 and hasattr(o, "_u_product"):
        extra["u_product"] = np.asarray(o._u_product.numpy())
    if K is K2 and o is not inner(o):
        extra["loss_scale"] = np.asarray(o.loss_scale.numpy())
        extra["good_steps"] = np.asarray(o.dynamic_counter.numpy())
    if not same:
        np.savez_compressed(path("optimizer.npz"), iteration=np.asarray(steps_taken(o)),
                            learning_rate=np.float32(lr), **extra,
                            **{f"o{i:03d}": state_of(v) for i, v in enumerate(sl)})

    # --- one more train step
    mode = "inference" if has_dropout(K, m) else "train"
    loss = train_step(K, m, xs, ys, mode)
    stride = {}

    def pack(prefix, arrays):
        r = {}
        for i, a in enumerate(arrays):
            k = f"{prefix}{i:03d}"
            if a.size > SAMPLE:
                stride[k] = -(-a.size // SAMPLE)
                a = a.reshape(-1)[:: stride[k]]
            r[k] = a
        return r

    step = {"loss": np.float32(loss),
            **pack("w", [var_np(w) for w in m.weights]),
            **pack("o", [state_of(v) for v in slots(K, m.optimizer)])}
    np.savez_compressed(path("step.npz"), **step)
    info["step"] = {"mode": mode, "stride": stride, "iteration_after": steps_taken(m.optimizer)}
    json.dump(info, open(path("case.json"), "w"), indent=1)
    return m, info


def write_set(out, seed, variant, only, libs, formats):
    for case in only:
        shared = {}
        for lib in libs:
            if lib not in getattr(CASES[case], "libs", libs):
                continue
            if case == "mlp" and lib == "keras3" and "tf_keras" in libs:
                # same weights and Adam state as the tf_keras model, whose learning rate .keras does not keep
                d = os.path.join(out, "mlp", "tf_keras")
                shared["mlp"] = K2.models.load_model(os.path.join(d, "model.keras"))
                shared["mlp"].optimizer.learning_rate.assign(np.load(os.path.join(d, "optimizer.npz"))["learning_rate"])
            _, info = write_case(case, lib, out, seed, variant, shared, formats)
            print(f"{case:14s} {lib:9s} variant={variant} weights={len(info['weights'])} "
                  f"files={','.join(info['files'])} step={info['step']['mode']}", flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    ap.add_argument("--seed", type=int, default=1234)
    ap.add_argument("--variant", type=int, default=0)
    ap.add_argument("--set", dest="sets", nargs="+", metavar="VARIANT:SEED", default=[])
    ap.add_argument("--only", default="")
    ap.add_argument("--lib", default="")
    ap.add_argument("--formats", default="")
    a = ap.parse_args()
    tf.config.experimental.enable_op_determinism()
    only = [c for c in a.only.split(",") if c] or list(CASES)
    libs = [a.lib] if a.lib else ["tf_keras", "keras3"]
    formats = format_list(a.formats)
    for s in a.sets:
        variant, seed = (int(n) for n in s.split(":"))
        write_set(os.path.join(a.out, f"variant_{variant}_seed_{seed}"), seed, variant, only, libs, formats)
    if not a.sets:
        write_set(a.out, a.seed, a.variant, only, libs, formats)
    total = sum(os.path.getsize(os.path.join(r, f)) for r, _, fs in os.walk(a.out) for f in fs)
    print(f"total bytes {total}")


if __name__ == "__main__":
    main()

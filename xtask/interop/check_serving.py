#!/usr/bin/env python3
"""Run the SavedModels that `interop serving OUT` wrote, and compare with what Rhyton predicted.

    python check_serving.py OUT

Each folder of OUT has saved_model/, the inputs x0.f32, ... and predictions y0.f32, ... (in the model's order), and serving.json with
their shapes. TensorFlow runs the signature for two batch sizes, a session with the tag `serve` runs the main graph, and tf_keras
predicts from the configs, where it knows all the layers. Prints PASS or FAIL for each; the exit status is 0 if nothing failed.
"""
import json
import os
import sys

# TensorFlow's kernels of oneDNN give other numbers of volumes, or none: those of its own are right.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

from common import K2, np, tf  # noqa: E402

TOLERANCE = 1e-5
# Models that compute in float16 and bfloat16.
TOLERANCES = {"half_dense": 4e-3, "half_images": 2e-2}
FAILED = 0


def report(ok, where, what, detail):
    global FAILED
    FAILED += not ok
    print(f"{'PASS' if ok else 'FAIL'} {where:34s} {what:22s} {detail}".rstrip(), flush=True)


def compare(where, what, got, want):
    got = [np.asarray(a).astype("float32") for a in got]
    shapes = [a.shape for a in got] == [a.shape for a in want]
    worst = max((float(np.max(np.abs(a - b) / (1 + np.abs(b)))) for a, b in zip(got, want)), default=0.0) if shapes else None
    report(shapes and worst <= TOLERANCES.get(where, TOLERANCE), where, what, f"max diff {worst:.3g}" if shapes else "shapes differ")


def names_of(path):
    """Names of inputs and outputs in the model's order, from the configs."""
    model = K2.models.load_model(path, compile=False)
    return model, model.input_names, model.output_names


def check(folder, where):
    info = json.load(open(os.path.join(folder, "serving.json")))
    load = lambda a: np.fromfile(os.path.join(folder, a["file"]), "<f4").reshape(a["shape"])
    xs = [load(a) for a in info["arrays"] if a["file"].startswith("x")]
    ys = [load(a) for a in info["arrays"] if a["file"].startswith("y")]
    path = os.path.join(folder, "saved_model")
    signature = tf.saved_model.load(path).signatures["serving_default"]
    if info["known"]:
        model, inputs, outputs = names_of(path)
        got = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
        compare(where, "tf_keras", got if isinstance(got, list) else [got], ys)
    else:
        inputs, outputs = list(signature.structured_input_signature[1]), list(signature.structured_outputs)
    named = sorted(signature.structured_input_signature[1]) == sorted(inputs) and \
        sorted(signature.structured_outputs) == sorted(outputs)
    report(named, where, "names", f"{','.join(inputs)} -> {','.join(outputs)}")
    specs = signature.structured_input_signature[1]
    xs = [x.astype(specs[n].dtype.as_numpy_dtype) for n, x in zip(inputs, xs)]
    for times in (1, 3):
        got = signature(**{n: tf.constant(np.concatenate([x] * times)) for n, x in zip(inputs, xs)})
        compare(where, f"signature, batch of {7 * times}", [got[n] for n in outputs], [np.concatenate([y] * times) for y in ys])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], path)
        served = meta.signature_def["serving_default"]
        feed = {served.inputs[n].name: x for n, x in zip(inputs, xs)}
        compare(where, "session", session.run([served.outputs[n].name for n in outputs], feed), ys)


def main():
    out = sys.argv[1]
    folders = sorted(f for f in os.listdir(out) if os.path.exists(os.path.join(out, f, "serving.json")))
    for name in folders:
        K2.backend.clear_session()
        try:
            check(os.path.join(out, name), name)
        except Exception as e:  # noqa: BLE001
            report(False, name, "load", f"{type(e).__name__}: {e}".replace("\n", " ")[:300])
    report(bool(folders), out, "models", str(len(folders)))
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()

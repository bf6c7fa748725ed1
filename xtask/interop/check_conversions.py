#!/usr/bin/env python3
"""Convert files of layers that Rhyton does not know, and load what comes of them with the real libraries.

    python check_conversions.py DIR --rhyton PROGRAM [--all] [--only SAMPLE[,SAMPLE...]] [--keep] [--verbose]

Makes the models of samples.py in DIR, saves each in every format of whole models, and lets `rhyton convert` make each format and dialect of each
file. Where the command says that it did so, the library of that dialect must load the file and predict the same numbers, and a `.keras` of
the same dialect must say what the first one said. REFUSALS lists what the command may refuse, and in which words. Prints a line for each failure; the
exit status is 0 if there is none. Without --all and --only it takes those of CHOSEN, which is what fits into three minutes.
"""
import argparse
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import traceback
import warnings
import zipfile

from absl import logging

from common import K2, K3, LIBRARIES, np, tf
from samples import ONLY, SAMPLES

warnings.filterwarnings("ignore")
logging.set_verbosity(logging.ERROR)

SOURCES = {"tf_keras": ["keras", "h5", "saved_model"], "keras3": ["keras", "h5"]}
TARGETS = [("keras", "keras3"), ("h5", "keras3"), ("keras", "tf_keras"), ("h5", "tf_keras"), ("saved_model", "tf_keras")]
HALF = ["float16", "bfloat16", "policies"]
NAMES = {"keras": "keras", "h5": "h5", "saved_model": "saved-model"}

CHOSEN = ["embedding", "recurrent", "states", "attention", "convolutions_1d", "convolutions_2d", "normalizations", "noise", "merges", "categories",
          "strings", "text", "operators", "nested", "listed", "shared", "frozen", "compiled", "slashes", "float16"]

# What may be refused, as "sample library source -> library target", and words of the refusal.
REFUSALS = [
    # Keras 2's HDF5 does not say shapes.
    (r".* h5 -> tf_keras saved_model", "does not say which shape"),
    # Beside `.keras`, what a layer was adapted to is in tables of the graph.
    (r"(integers|strings|text|counts|categories) tf_keras (saved_model|h5) -> .*", "adapted to"),
    (r"counts \w+ keras -> tf_keras (h5|saved_model)", ""),
    # tf_keras' operators are layers of its own, and so are those of Keras 3.
    (r"(operators|slices) tf_keras \w+ -> keras3 .*", "the operation"),
    (r"(operators|slices) keras3 \w+ -> tf_keras .*", "operation"),
    (r"slashes tf_keras \w+ -> keras3 .*", "whose `/` Keras 3 refuses"),
    (r"conv_lstm tf_keras \w+ -> keras3 .*", "hard_sigmoid"),
    (r"of_tf_keras tf_keras \w+ -> keras3 .*", "does not have"),
    (r"(of_keras3|grouped_attention) keras3 \w+ -> tf_keras .*", ""),
    (r"lora keras3 \w+ -> .* (h5|keras|saved_model)", ""),
    (r"(quantized|spectral|distributed|custom|of_tf_keras|images) .*", ""),
]


def may_refuse(what, words):
    """Whether a refusal is one of REFUSALS. `.keras` of the same dialect passes as it is."""
    what = " ".join(what.split())
    return any(re.fullmatch(pattern, what) and said in words for pattern, said in REFUSALS)


def file_of(folder, format, tag=""):
    return os.path.join(folder, {"keras": f"{tag}model.keras", "h5": f"{tag}model.h5", "saved_model": f"{tag}saved_model"}[format])


def flat(x):
    return [np.asarray(tf.cast(t, tf.float64)) for t in tf.nest.flatten(x)]


def run(m, xs):
    ts = tf.nest.map_structure(tf.constant, xs[0] if len(xs) == 1 else list(xs))
    return flat(m(ts, training=False))


def differ(got, want, half):
    if [g.shape for g in got] != [w.shape for w in want]:
        return f"shapes {[g.shape for g in got]}, expected {[w.shape for w in want]}"
    worst = max((float(np.max(np.abs(g - w) / (1 + np.abs(w)))) for g, w in zip(got, want) if w.size), default=0.0)
    return None if worst < (2e-2 if half else 2e-5) else f"predictions differ by {worst:.3g}"


def configs(file):
    with zipfile.ZipFile(file) as z:
        return json.loads(z.read("config.json")), sorted(n for n in z.namelist() if not n.endswith("/"))


def first_difference(a, b, at=""):
    """Where b is not what a is; every key and its order among the others counts, but for numbers of sharing."""
    if isinstance(a, dict) and isinstance(b, dict):
        for k in list(a) + [k for k in b if k not in a]:
            if k == "shared_object_id":
                continue
            if k not in b:
                return f"{at}.{k} = {json.dumps(a[k])[:80]} is gone"
            if k not in a:
                return f"{at}.{k} = {json.dumps(b[k])[:80]} is new"
            d = first_difference(a[k], b[k], f"{at}.{k}")
            if d:
                return d
        return None
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((d for d in (first_difference(x, y, f"{at}[{i}]") for i, (x, y) in enumerate(zip(a, b))) if d), None)
    return None if type(a) == type(b) and a == b else f"{at}: {json.dumps(a)[:80]} became {json.dumps(b)[:80]}"


class Report:
    def __init__(self, verbose):
        self.verbose, self.done, self.failed, self.refused = verbose, 0, [], []

    def fail(self, what, why):
        self.failed.append(what)
        print(f"FAIL {what}: {' '.join(str(why).split())[-600:]}", flush=True)


def make(name, lib, folder, args):
    """Saves a sample in each format that its library can read again. Gives inputs, predictions, and the formats."""
    K, kept = LIBRARIES[lib], os.path.join(folder, "made.pickle")
    if args.keep and os.path.exists(kept):
        with open(kept, "rb") as f:
            return pickle.load(f)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    K.backend.clear_session()
    tf.random.set_seed(5)
    m, xs = SAMPLES[name](K)
    want, sources = run(m, xs), []
    for source in SOURCES[lib]:
        try:
            m.save(file_of(folder, source), **({"save_format": "tf"} if source == "saved_model" else {}))
            problem = differ(run(K.models.load_model(file_of(folder, source)), xs), want, name in HALF)
        except Exception as e:
            problem = str(e)
        if problem is None:
            sources.append(source)
        elif args.verbose:
            print(f"---- {name} {lib} {source}: the library itself cannot load it: {' '.join(problem.split())[:150]}", flush=True)
    with open(kept, "wb") as f:
        pickle.dump((xs, want, sources), f)
    return xs, want, sources


def check(name, lib, folder, args, report):
    xs, want, sources = make(name, lib, folder, args)
    for source in sources:
        path = file_of(folder, source)
        for target, to in TARGETS:
            what = f"{name:20s} {lib} {source} -> {to} {target}"
            out = file_of(folder, target, f"{source}-{to}-")
            command = [args.rhyton, "convert", path, out, "--format", NAMES[target]]
            if target != "saved_model":
                command += ["--dialect", "keras3" if to == "keras3" else "tf-keras"]
            done = subprocess.run(command, capture_output=True, text=True)
            report.done += 1
            if done.returncode != 0:
                report.refused.append(what)
                said = " ".join(done.stderr.split())
                if not may_refuse(what, said):
                    report.fail(what, f"refused: {said}")
                elif args.verbose:
                    print(f"REFUSED {what}: {said[-300:]}", flush=True)
                continue
            try:
                problem = differ(run(LIBRARIES[to].models.load_model(out), xs), want, name in HALF)
            except Exception as e:
                problem = f"{type(e).__name__}: {e}"
                if args.trace:
                    traceback.print_exc()
            if problem:
                report.fail(what, problem)
                continue
            if lib == to and source == target == "keras":
                (a, files), (b, copied) = configs(path), configs(out)
                problem = first_difference(a, b) or (None if set(files) <= set(copied) else f"{sorted(set(files) - set(copied))} are gone")
                if problem:
                    report.fail(what + " as it was", problem)
            if args.verbose:
                print(f"PASS {what}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--rhyton", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--all", action="store_true", help="all samples")
    parser.add_argument("--libs", default="tf_keras,keras3")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true", help="convert what an earlier run made")
    parser.add_argument("--trace", action="store_true")
    args = parser.parse_args()
    only = [n for n in args.only.split(",") if n]
    report = Report(args.verbose)
    start = time.time()
    for name in only or (SAMPLES if args.all else CHOSEN):
        for lib in args.libs.split(","):
            if lib in ONLY[name]:
                folder = os.path.join(args.dir, name, lib)
                try:
                    check(name, lib, folder, args, report)
                except Exception as e:
                    traceback.print_exc()
                    report.fail(f"{name} {lib}", f"{type(e).__name__}: {e}")
    print(f"TOTAL {report.done} conversions, {len(report.refused)} refused, {len(report.failed)} failed, {time.time() - start:.0f} s")
    sys.exit(bool(report.failed) or report.done == 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Train ten steps with the command and with the real library, from the same file, and compare where they end.

    python check_training.py DIR --rhyton PROGRAM [--device cpu|gpu] [--only CASE[,CASE...]]

DIR holds <case>/<lib>/ directories as make_fixtures.py writes them. From each model.keras, `rhyton train --steps 10 --batch-size 8
--no-shuffle --no-dropout` and the library's own steps over the same batches, the last and smaller ones too, must end with the same weights and
optimizer. Prints PASS or FAIL for each; the exit status is 0 if something was checked and nothing failed.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from common import CUSTOM, LIBRARIES, np, opt_vars, train_step, var_np  # CUSTOM: registered by being there

STEPS, BATCH = 10, 8
# Where a gradient is zero but for rounding, Adam makes steps of the rounding: of the learning rate at most, as the library itself does.
TOLERANCE = 1e-3


def worst(got, want):
    got, want = [np.asarray(a, "float64") for a in got], [np.asarray(a, "float64") for a in want]
    if [a.shape for a in got] != [a.shape for a in want]:
        return float("inf")
    return max((float(np.max(np.abs(a - b) / (1 + np.abs(b)))) for a, b in zip(got, want) if a.size), default=0.0)


def check(folder, where, args):
    info = json.load(open(os.path.join(folder, "case.json")))
    K = LIBRARIES[info["lib"]]
    file = os.path.join(folder, "model.keras")
    paths = lambda key: [os.path.join(folder, n) for n in info[key]]
    xs, ys = ([np.load(p) for p in paths(key)] for key in ("inputs", "targets"))
    with tempfile.TemporaryDirectory() as out:
        out = os.path.join(out, "trained.keras")
        subprocess.run([args.rhyton, "train", file, "--inputs", ",".join(paths("inputs")), "--targets", ",".join(paths("targets")),
                        "--output", out, "--steps", str(STEPS), "--batch-size", str(BATCH), "--no-shuffle", "--no-dropout",
                        "--device", args.device], check=True, stdout=subprocess.DEVNULL)
        got = K.models.load_model(out)
    want = K.models.load_model(file)
    starts = [i for _ in range(STEPS) for i in range(0, len(xs[0]), BATCH)][:STEPS]
    for i in starts:
        train_step(K, want, [x[i:i + BATCH] for x in xs], [y[i:i + BATCH] for y in ys], info["step"]["mode"])
    ok = True
    for what, of in (("weights", lambda m: m.weights), ("optimizer", lambda m: opt_vars(m.optimizer))):
        e = worst([var_np(v) for v in of(got)], [var_np(v) for v in of(want)])
        ok &= e <= TOLERANCE
        print(f"{'PASS' if e <= TOLERANCE else 'FAIL'} {where:44s} ten steps: {what:12s} max diff {e:.3g}", flush=True)
    return ok


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--rhyton", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    only = [c for c in args.only.split(",") if c]
    checked, failed = 0, 0
    for folder, _, names in sorted(os.walk(args.dir)):
        case = os.path.basename(os.path.dirname(folder))
        if "case.json" in names and "model.keras" in names and (not only or case in only):
            checked += 1
            failed += not check(folder, os.path.relpath(folder, args.dir), args)
    print(f"TOTAL {checked} files, {failed} failed")
    sys.exit(failed > 0 or checked == 0)


if __name__ == "__main__":
    main()

"""Models of every layer class, made by the real libraries, through `rhyton predict`, `evaluate`, `train --steps 1` and `convert`.

`check_catalogue.py RHYTON [--device D] [--seed N] [--count M] [--only CLASS,..] [--library L] [--work DIR]`: M models of each class, each in every format of
its library. A line for each that differs; the end says how many there were, and which classes fell short. What a library itself refuses is not counted.
"""
import argparse
import collections
import pathlib
import shutil
import subprocess
import sys
import warnings

from common import K2, K3, LIBRARIES, np, tf

import catalogue

warnings.filterwarnings("ignore")
FORMATS = {"keras3": ["m.keras", "m.h5"], "tf_keras": ["m.keras", "m.h5", "saved_model"]}

# What is an error that says so, by a word of it: functions as code, which is never run.
REFUSED = {("tf_keras", "Lambda"): "never run"}


def near(got, want, tolerance):
    return got.shape == want.shape and np.allclose(got, want, rtol=tolerance, atol=tolerance * (1 + np.abs(want).max(initial=0)), equal_nan=True)


def loaded(K, path):
    return K.models.load_model(path, safe_mode=False) if K is K3 else K.models.load_model(path)


class Failure(Exception):
    pass


def run(binary, *args):
    done = subprocess.run([binary, *map(str, args)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line and "XDG_RUNTIME_DIR" not in line]
        raise Failure(f"{args[0]}: exit code {done.returncode}: {' '.join(lines)[:400]}")
    return done.stdout


def check(options, K, library, name, seed, folder):
    """The failures of one model, or None where the library has it not."""
    try:
        model, xs, args, steady = catalogue.make(K, name, seed)
        feed = [tf.constant(x) for x in xs]
        feed = feed if len(feed) > 1 else feed[0]
        want = np.asarray(model(feed, training=False))
        if not np.isfinite(want).all():
            return None
        target = np.random.default_rng(seed).normal(size=want.shape).astype("float32")
        model.compile(K.optimizers.SGD(0.05), "mse")
        files, read = [], set()
        for file in FORMATS[library]:
            path = folder / file
            try:
                model.save(path, **({"save_format": "tf"} if file == "saved_model" else {}))
            except Exception:
                continue
            files.append(path)
            # Some files their own library does not read.
            try:
                loaded(K, path)
                read.add(path.suffix)
            except Exception:
                pass
        loss = float(np.ravel(model.evaluate(feed, target, verbose=0))[0])
        model.train_on_batch(feed, target)
        after = np.asarray(model(feed, training=False))
    except Exception as error:
        if options.verbose:
            print(f"  {library} itself: {name} {seed}: {type(error).__name__}: {str(error).splitlines()[0][:150]}")
        return None
    inputs = []
    for at, x in enumerate(xs):
        np.save(folder / f"x{at}.npy", x)
        inputs.append(str(folder / f"x{at}.npy"))
    np.save(folder / "y.npy", target)
    inputs, wrong = ",".join(inputs), []
    for path in files:
        common = ["--inputs", inputs, "--device", options.device]
        try:
            run(options.rhyton, "predict", path, *common, "--output", folder / "p.npy")
            got = np.load(folder / "p.npy")
            if not near(got, want, 2e-4):
                raise Failure(f"predict: {np.abs(got - want).max() if got.shape == want.shape else got.shape} off")
            told = run(options.rhyton, "evaluate", path, *common, "--targets", folder / "y.npy")
            found = [float(word) for line in told.splitlines() if "loss" in line for word in line.replace(":", " ").replace("=", " ").split() if word.replace(".", "").replace("e-", "").isdigit()]
            # What is added to a kernel is a part of it in the file, and no penalty is on it any more.
            if args.get("special") != "lora" and not any(abs(f - loss) <= 1e-3 * (1 + abs(loss)) for f in found):
                raise Failure(f"evaluate: {told.strip()!r}, not {loss}")
            trained = folder / f"trained_{path.name}"
            run(options.rhyton, "train", path, *common, "--targets", folder / "y.npy", "--steps", 1, "--no-shuffle", "--quiet", "--output", trained)
            if steady and path.suffix in read:
                back = loaded(K, trained)
                got = np.asarray(back(feed, training=False))
                if not near(got, after, 1e-3):
                    raise Failure(f"train: {np.abs(got - after).max()} off after a step")
            to = folder / f"to_{'m.h5' if path.name == 'm.keras' else 'm.keras'}"
            if to.suffix not in read:
                continue
            if "special" in args:
                continue  # As data the two formats hold other arrays of it, and none is made of the other.
            if name == "SpectralNormalization" and path.suffix != to.suffix:
                continue  # Refused by its name: its kernel stands twice in one of the formats.
            run(options.rhyton, "convert", path, to, "--dialect", library.replace("_", "-"))
            back = loaded(K, to)
            got = np.asarray(back(feed, training=False))
            if not near(got, want, 2e-4):
                raise Failure(f"convert: {np.abs(got - want).max()} off")
        except Failure as failure:
            if REFUSED.get((library, name), "\0") in str(failure) and str(failure).startswith("predict: exit code 1"):
                continue
            wrong.append(f"{path.name}: {failure}")
        except Exception as error:
            wrong.append(f"{path.name}: {library} reads it not: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
        shutil.rmtree(folder / "to_m.keras", ignore_errors=True)
    return [f"{library} {name} {seed} {({k: str(v)[:40] for k, v in args.items()})}: {text}" for text in wrong]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rhyton")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--library", default="")
    parser.add_argument("--work", default="target/interop/catalogue")
    parser.add_argument("--share", type=float, default=1.0, help="of the classes, drawn by the seed")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    folder = pathlib.Path(options.work)
    tried, short, without = collections.Counter(), collections.Counter(), []
    draw = np.random.default_rng(options.seed)
    for library, K in LIBRARIES.items():
        if options.library not in ("", library):
            continue
        names = [n for n in catalogue.table(K) if hasattr(K.layers, n) and (not options.only or n in options.only.split(","))]
        if not options.only and options.share == 1.0:
            public = {n for n, c in vars(K.layers).items() if isinstance(c, type) and issubclass(c, K.layers.Layer) and c.__name__ == n}
            without += [f"{library} {n} (not in catalogue.py)" for n in sorted(public - set(names))]
        names = [n for n in names if draw.random() < options.share]
        for name in names:
            made = 0
            for k in range(options.count * 4):
                if made == options.count:
                    break
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                K.utils.set_random_seed(1)
                K.backend.clear_session()
                wrong = check(options, K, library, name, options.seed * 100 + k, folder)
                if wrong is None:
                    continue
                made += 1
                tried[library] += 1
                short[f"{library} {name}"] += bool(wrong)
                for line in wrong:
                    print(line, flush=True)
            if made == 0:
                without.append(f"{library} {name}")
    failed = {name: n for name, n in short.items() if n}
    print(f"{sum(tried.values())} models, {sum(failed.values())} with differences: {', '.join(failed) or 'none'}")
    if without:
        print(f"no model of the library's own: {', '.join(without)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes catalogue.json beside it: the keys of every class of Keras 3, and those that tf_keras has besides.

`python catalogue.py KERAS-CATALOGUE.json`, where the file is what Keras' classes say of themselves: constructor arguments (`args`) and the keys of
`get_config()` (`config`), with the differences of tf_keras (`tf_keras`).
"""

import json
import pathlib
import sys

GROUPS = {"layers": "layers", "losses": "losses", "metrics": "metrics", "optimizers": "optimizers", "optimizers.schedules": "schedules",
          "initializers": "initializers", "regularizers": "regularizers", "constraints": "constraints"}


def keys(entry):
    tf = entry.get("tf_keras", {})
    tf = tf if isinstance(tf, dict) else {}
    names = [a[0] for a in entry.get("args", [])] + list(entry.get("config", {}))
    names += [a[0] for a in tf.get("args", [])] + list(tf.get("config", {}).get("extra", {}))
    return sorted({n for n in names if not n.startswith("*") and n not in ("name", "dtype", "trainable")})


full = json.loads(pathlib.Path(sys.argv[1]).read_text())
both = {theirs: {**full["classes"][theirs], **full["classes"].get(f"{theirs} only in tf_keras", {})} for theirs in GROUPS}
out = {ours: {name: keys(e) for name, e in both[theirs].items() if isinstance(e, dict)} for theirs, ours in GROUPS.items()}
functions = full["functions"]["activations"]
# Of architectures, which the list of public classes has not.
out["layers"] |= {"CustomScaleLayer": ["scale"], "LayerScale": ["init_values", "projection_dim"], "StochasticDepth": ["drop_path_rate"]}
# Files have the name of the class, not its public one.
out["layers"]["GroupedQueryAttention"] = out["layers"].pop("GroupQueryAttention")
out["activations"] = {name: [a[0] for a in e["args"][1:]] for name, e in functions.items() if isinstance(e, dict)}
lines = [f'"{group}":{{\n' + ",\n".join(f'"{n}":{json.dumps(k, separators=(",", ":"))}' for n, k in classes.items()) + "\n}" for group, classes in out.items()]
(pathlib.Path(__file__).parent / "catalogue.json").write_text("{" + ",\n".join(lines) + "}\n")

#!/usr/bin/env python3
"""Write the files of tests/fidelity.rs: models of xtask/interop/samples.py as the real libraries save them, packed again to be small.

    python make.py
"""
import os
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../../../xtask/interop"))
from common import LIBRARIES, tf
from samples import SAMPLES

FILES = [("embedding", "keras3"), ("strings", "keras3"), ("strings", "tf_keras"), ("operators", "tf_keras"), ("compiled", "keras3"), ("compiled", "tf_keras"),
         ("states", "keras3"), ("noise", "tf_keras")]

for name, lib in FILES:
    K = LIBRARIES[lib]
    K.backend.clear_session()
    tf.random.set_seed(5)
    m, _ = SAMPLES[name](K)
    path = os.path.join(HERE, f"{name}-{lib}.keras")
    m.save(path)
    with zipfile.ZipFile(path) as z:
        members = [(n, z.read(n)) for n in z.namelist() if not n.endswith("/")]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for n, content in members:
            z.writestr(zipfile.ZipInfo(n), content, zipfile.ZIP_DEFLATED)

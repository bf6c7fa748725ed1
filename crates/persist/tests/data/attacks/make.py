#!/usr/bin/env python3
"""Writes the hostile HDF5 files of tests/attacks.rs, with h5py. Each is a `.weights.h5` of one Dense layer, or a
weights-only `.h5`, with one thing wrong."""
import struct

import h5py
import numpy as np


def base(name):
    f = h5py.File(name, "w")
    g = f.create_group("layers/dense/vars")
    g["0"] = np.arange(6, dtype="float32").reshape(2, 3)
    g["1"] = np.zeros(3, "float32")
    f.create_group("vars")
    return f, g


with base("sound.weights.h5")[0]:
    pass

f, g = base("soft_link.weights.h5")
del g["0"]
f["other"] = np.ones((2, 3), "float32")
g["0"] = h5py.SoftLink("/other")
f.close()

f, g = base("external_link.weights.h5")
del g["0"]
g["0"] = h5py.ExternalLink("sound.weights.h5", "/layers/dense/vars/0")
f.close()

f, g = base("external_storage.weights.h5")
del g["0"]
g.create_dataset("0", (2, 3), "float32", external=[("/etc/passwd", 0, 24)])
f.close()

f, g = base("virtual.weights.h5")
del g["0"]
layout = h5py.VirtualLayout((2, 3), "float32")
layout[:] = h5py.VirtualSource("sound.weights.h5", "layers/dense/vars/0", (2, 3))
g.create_virtual_dataset("0", layout)
f.close()

f, g = base("huge.weights.h5")
del g["0"]
g.create_dataset("0", (1 << 20, 1 << 20), "float32")
f.close()

f, g = base("huge_chunked.weights.h5")
del g["0"]
g.create_dataset("0", (1 << 20, 1 << 20), "float32", chunks=(1024, 1024), compression="gzip")
f.close()

f, g = base("cycle.weights.h5")
f["layers/dense/more"] = f["layers"]
f.close()

f, g = base("gap.weights.h5")
g["3"] = np.zeros(3, "float32")
f.close()

f, g = base("names.weights.h5")
g["kernel"] = np.zeros(3, "float32")
f.close()

# Sound, but not as Keras writes: chunks, filters, big-endian, float64, another superblock.
with h5py.File("other_layout.weights.h5", "w", libver="latest", userblock_size=512) as f:
    g = f.create_group("layers/dense/vars")
    kernel = np.arange(6).reshape(2, 3)
    g.create_dataset("0", data=kernel.astype(">f8"), chunks=(1, 2), compression="gzip", shuffle=True, fletcher32=True)
    g.create_dataset("1", data=np.zeros(3, ">f4"))
    f.create_group("vars")

# A list of names that all point at one long string: 4000 times 70 kB.
name = "same_string.h5"
with h5py.File(name, "w") as f:
    f.attrs["layer_names"] = np.array(["x" * 70_000] + ["y"] * 3999, dtype=h5py.string_dtype())
data = bytearray(open(name, "rb").read())
at = data.index(struct.pack("<I", 70_000))
while data[at + 16 : at + 20] != struct.pack("<I", 1):
    at = data.index(struct.pack("<I", 70_000), at + 1)
for i in range(1, 4000):
    data[at + 16 * i : at + 16 * (i + 1)] = data[at : at + 16]
open(name, "wb").write(data)

with h5py.File("names_are_numbers.h5", "w") as f:
    f.attrs["layer_names"] = np.arange(3)

with h5py.File("layer_without_group.h5", "w") as f:
    f.attrs["layer_names"] = np.array(["dense"], dtype=h5py.string_dtype())

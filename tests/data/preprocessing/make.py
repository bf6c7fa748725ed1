"""Files of Keras 3 and tf_keras with layers that prepare numbers and strings, what they predict and what training makes of them: for tests/preprocessing.rs.

Run with keras 3.15, tf_keras 2.21 and tensorflow-cpu: `python make.py`; writes a folder for each library beside it.
"""

import os
import pathlib
import shutil

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = pathlib.Path(__file__).parent
COLORS = np.array(["red", "green", "green", "blue", "red", "green"])
# tf_keras learns from documents of as many different words each.
DOCUMENTS = np.array([["red", "blue", "ünï"], ["green", "red", "blue"], ["red", "none", "green"]])
TEXTS = np.array(["The cat sat.", "a dog, a cat", "the DOG ran!", "cat", "naïve Café ünï", "sat sat the"])
# What the models read.
READ = {
    "x": np.array([[0.5, -1.0, 3.0, 0.0], [2.0, 0.25, -4.0, 1.0], [-0.5, 0.5, 0.5, 9.0], [1.5, 1.0, 0.0, -2.0]], "float32"),
    "weights": np.array([[1, 0.5, 2], [0.25, 0, 1], [1, 1, 1], [3, 2, 0.5]], "float32"),
    "n": np.array([[0, 1, 5], [2, 2, 4], [3, 0, 0], [1, 1, 1]], "int64"),
    "number": np.array([[12, -7, 2**40], [0, 12, 12], [5, 0, -1], [-7, 99, 3]], "int64"),
    "color": np.array([["red"], ["green"], ["violet"], [""]]),
    "shade": np.array([["dark"], ["light"], ["dark"], ["ünï"]]),
    "tags": np.array([["red", "", "blue"], ["green", "green", "nothing"], ["", "", ""], ["blue", "red", "none"]]),
    "text": np.array(["the cat sat on the dog", "A dog!", "", "Café sat; ünï"]),
}
DTYPES = {"n": "int64", "number": "int64", "color": "string", "shade": "string", "tags": "string", "text": "string"}


def taught(layer, data):
    layer.adapt(data)
    return layer


class Inputs:
    """Inputs by name, made when they are first read."""

    def __init__(self, K):
        self.K, self.made = K, {}

    def __getattr__(self, name):
        if name not in self.made:
            self.made[name] = self.K.layers.Input(READ[name].shape[1:], dtype=DTYPES.get(name, "float32"), name=name)
        return self.made[name]


def looked_up(K, indices, size, name):
    """Numbers of what an Embedding has at indices."""
    return K.layers.Flatten()(K.layers.Embedding(size, 2, name=name)(indices))


def numbers(K, i):
    """Numbers that are scaled, put into bins and counted."""
    L = K.layers
    data = READ["x"] * 1.5 + 0.25
    parts = [
        taught(L.Normalization(name="learned"), data)(i.x),
        taught(L.Normalization(axis=None, name="whole"), data)(i.x),
        L.Normalization(mean=[0.5, 0.0, -1.0, 2.0], variance=[1.0, 4.0, 0.25, 2.0], name="told")(i.x),
        L.Normalization(mean=0.5, variance=4.0, invert=True, name="back")(i.x),
        looked_up(K, taught(L.Discretization(num_bins=4, epsilon=0.01, name="bins"), data)(i.x), 4, "of_bins"),
        L.Discretization([-1.0, 0.0, 0.75], output_mode="multi_hot", name="in_bins")(i.x),
        taught(L.Discretization(num_bins=3, output_mode="count", name="counted"), data)(i.x),
        L.CategoryEncoding(6, output_mode="multi_hot", name="hot")(i.n),
        L.CategoryEncoding(6, output_mode="count", name="weighted")(i.n, count_weights=i.weights),
    ]
    return L.Dense(2, name="last")(L.Concatenate(name="joined")(parts))


def strings(K, i):
    """Words and integers that are looked up and hashed."""
    L = K.layers
    tags = READ["tags"].reshape(-1)
    large = READ["number"].reshape(-1)
    parts = [
        taught(L.StringLookup(output_mode="one_hot", name="color_hot"), COLORS)(i.color),
        looked_up(K, taught(L.StringLookup(mask_token="", num_oov_indices=2, max_tokens=5, name="masked"), tags)(i.tags), 5, "of_masked"),
        taught(L.StringLookup(output_mode="multi_hot", max_tokens=9, pad_to_max_tokens=True, name="padded"), tags)(i.tags),
        taught(L.StringLookup(output_mode="tf_idf", name="weighed"), DOCUMENTS)(i.tags),
        looked_up(K, taught(L.IntegerLookup(name="large"), large)(i.number), 8, "of_large"),
        taught(L.IntegerLookup(output_mode="count", num_oov_indices=2, max_tokens=5, name="large_counted"), large)(i.number),
        *hashed(K, i),
    ]
    return L.Dense(2, name="last")(L.Concatenate(name="joined")(parts))


def hashed(K, i):
    L = K.layers
    return [
        looked_up(K, L.Hashing(5, name="plain")(i.color), 5, "of_plain"),
        looked_up(K, L.Hashing(6, salt=[133, 137], name="salted")(i.tags), 6, "of_salted"),
        L.Hashing(4, mask_value="", output_mode="multi_hot", name="hashed_hot")(i.tags),
        L.Hashing(5, salt=7, output_mode="count", name="hashed_number")(i.number),
        L.HashedCrossing(7, output_mode="one_hot", name="crossed")((i.color, i.shade)),
    ]


def given(K, i):
    """The same with vocabularies that the layers were given."""
    L = K.layers
    parts = [
        L.StringLookup(vocabulary=["red", "green"], output_mode="one_hot", name="color_hot")(i.color),
        looked_up(K, L.StringLookup(vocabulary=["red", "ünï", "blue"], mask_token="", num_oov_indices=2, name="masked")(i.tags), 6, "of_masked"),
        looked_up(K, L.StringLookup(vocabulary=["", "?", "red", "blue"], mask_token="", oov_token="?", name="special")(i.tags), 4, "of_special"),
        L.StringLookup(vocabulary=["red", "green", "blue"], idf_weights=[0.5, 0.75, 1.25], output_mode="tf_idf", name="weighed")(i.tags),
        looked_up(K, L.IntegerLookup(vocabulary=[12, -7, 2**40], mask_token=0, oov_token=-2, name="large")(i.number), 5, "of_large"),
        L.IntegerLookup(vocabulary=[12, 5], output_mode="multi_hot", name="large_hot")(i.number),
        L.TextVectorization(vocabulary=["cat", "dog", "sat"], output_mode="count", name="words")(i.text),
        L.TextVectorization(vocabulary=["cat", "the", "dog"], idf_weights=[1.0, 0.25, 2.0], output_mode="tf_idf", name="words_weighed")(i.text),
        *hashed(K, i),
    ]
    return L.Dense(2, name="last")(L.Concatenate(name="joined")(parts))


def texts(K, i):
    """Texts that are split and looked up."""
    L = K.layers
    T = L.TextVectorization
    in_order = taught(T(max_tokens=7, output_sequence_length=5, name="in_order"), TEXTS)(i.text)
    parts = [
        L.GlobalAveragePooling1D()(L.Embedding(7, 3, name="of_words")(in_order)),
        taught(T(output_mode="multi_hot", max_tokens=20, pad_to_max_tokens=True, name="hot"), TEXTS)(i.text),
        taught(T(output_mode="count", ngrams=2, standardize="lower", name="pairs"), TEXTS)(i.text),
        taught(T(output_mode="tf_idf", ngrams=(1, 3), standardize="strip_punctuation", name="weighed"), TEXTS)(i.text),
        taught(T(output_mode="count", split="character", standardize=None, name="letters"), TEXTS)(i.text),
        taught(T(output_mode="multi_hot", split=None, name="uncut"), ["red", "Red", "violet"])(i.color),
        L.GlobalAveragePooling1D()(L.Embedding(20, 2, name="of_letters")(taught(T(split="character", name="long"), ["abc", "the"])(i.text))),
    ]
    return L.Dense(2, name="last")(L.Concatenate(name="joined")(parts))


def first(K, i):
    """A Sequential that reads texts."""
    L = K.layers
    layers = [
        L.Input((1,), dtype="string", name="text"),
        taught(L.TextVectorization(output_sequence_length=6, name="words"), TEXTS),
        L.Embedding(14, 4, mask_zero=True, name="embedding"),
        L.LSTM(3, name="lstm"),
        L.Dense(2, name="last"),
    ]
    return K.Sequential(layers, name="first")


def bare(K, i):
    """A Sequential that was called before it knew its input."""
    L = K.layers
    model = K.Sequential([taught(L.StringLookup(output_mode="multi_hot", name="tags"), READ["tags"]), L.Dense(2, name="last")], name="bare")
    model(tf.constant(READ["tags"]))
    return model


def nested(K, i):
    """Models inside a model, one of them called twice."""
    L = K.layers
    inner = L.Input((1,), dtype="string", name="inner")
    hot = taught(L.StringLookup(output_mode="one_hot", name="color_hot"), COLORS)(inner)
    colors = K.Model(inner, L.Dense(3, name="of_color")(hot), name="colors")
    words = K.Sequential([L.Input((), dtype="string"), taught(L.TextVectorization(output_mode="tf_idf", name="words"), TEXTS), L.Dense(2, name="of_words")], name="sentence")
    parts = [colors(i.color), colors(i.shade), words(i.text)]
    return L.Dense(2, name="last")(L.Concatenate(name="joined")(parts))


def inverse(K, i):
    """Indices whose words are looked up."""
    L = K.layers
    return [
        L.StringLookup(vocabulary=["red", "ünï"], invert=True, name="words")(i.n),
        L.StringLookup(vocabulary=["red", "green", "blue"], invert=True, mask_token="", oov_token="?", name="masked_words")(i.n),
        L.IntegerLookup(vocabulary=[12, 2**20, 7], invert=True, name="integers")(i.n),
    ]


def make(library, K, build):
    name = build.__name__
    folder = HERE / library
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(sum(map(ord, name)))
    K.utils.set_random_seed(3)
    i = Inputs(K)
    made = build(K, i)
    if isinstance(made, K.Sequential):
        model, names = made, ["tags" if name == "bare" else "text"]
    else:
        names = list(i.made)
        model = K.Model(list(i.made.values()), made, name=name)
    read = {**READ, "text": READ["text"][:, None]} if name == "first" else READ
    x = [tf.constant(read[n]) for n in names]
    x = x if len(x) > 1 else x[0]
    for w in model.trainable_weights:
        w.assign(rng.normal(size=w.shape).astype("float32") * 0.5)
    arrays = {f"in{at}": read[n] for at, n in enumerate(names)}
    trains = name != "inverse"
    if trains:
        model.compile(optimizer=K.optimizers.SGD(0.1), loss="mse")
    model.save(folder / f"{name}.keras")
    # Files of HDF5 have no vocabularies that were learned.
    if name in ("numbers", "given", "inverse"):
        model.save(folder / f"{name}.h5")
    if trains:
        model.save_weights(folder / f"{name}.weights.h5")
    if library == "tf_keras":
        shutil.rmtree(folder / name, ignore_errors=True)
        model.save(folder / name, save_format="tf", save_traces=name == "nested")
        (folder / name / "fingerprint.pb").unlink()
        if trains:
            model.save_weights(folder / name / "checkpoint" / "of_weights")
    before = model(x)
    for at, y in enumerate(before if isinstance(before, list) else [before]):
        y = np.asarray(y)
        arrays[f"out{at}"] = np.char.decode(y.astype("S"), "utf8") if y.dtype == object else y
    if trains:
        target = rng.normal(size=before.shape).astype("float32") * 0.5
        arrays["evaluated"] = np.float32(np.ravel(model.evaluate(x, target, verbose=0))[:1])
        for _ in range(3):
            model.train_on_batch(x, target)
        arrays.update(target=target, after=np.asarray(model(x)))
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    print(library, name, names, [np.asarray(v).dtype for k, v in arrays.items() if k.startswith("out")])


for library, K in [("keras3", keras), ("tf_keras", tf_keras)]:
    for build in [numbers, strings, given, texts, first, bare, nested, inverse]:
        # tf_keras' Sequential takes strings by an Input alone.
        if (library, build) != ("tf_keras", bare):
            make(library, K, build)

"""What Keras 3 and tf_keras make of numbers and strings in the layers that prepare them: writes preprocessing.json and hashes.json beside this file.

A case has the arguments of a class, data that it is adapted to (or none), inputs, and what it makes of them; `error` where the library refuses them.

Usage: KERAS_BACKEND=tensorflow python preprocessing.py
"""

import json
import os
import pathlib
import random

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)

F = lambda *shape: np.round(rng.normal(size=shape) * 2, 2).astype("float32")
I = lambda *rows: np.array(rows, "int64")
S = lambda *rows: np.array(rows, object)

VECTOR, PAIRS, STEPS = F(4, 3), F(3, 2), F(2, 3, 2)
INDICES = I([1, 2, 2], [0, 3, 3])
IDS = I([7], [-3], [123456789], [9007199254740993], [0], [-1])
TEXT = S("The quick brown fox", "the lazy dog! The DOG", "", "fox")
CORPUS = S("the cat sat on the mat", "The dog sat", "a dog, a cat & a fox", "mat")
WORDS = S(["a", "b"], ["c", "zz"], ["", "a"])


def normalization(k):
    one = lambda **args: ("Normalization", args)
    yield *one(), VECTOR, [VECTOR]
    yield *one(), F(20, 3), [VECTOR]
    yield *one(axis=None), F(20, 3), [VECTOR]
    yield *one(axis=[1, 2]), F(7, 3, 2), [STEPS]
    yield *one(axis=1), F(7, 3, 2), [STEPS]
    yield *one(axis=[-1]), I([1, 2, 3], [5, 6, 9]), [I([1, 2, 3])]
    yield *one(mean=1.5, variance=4.0), None, [VECTOR]
    yield *one(mean=[1.0, 2.0, -1.0], variance=[4.0, 0.25, 1.0]), None, [VECTOR]
    yield *one(mean=[1.0, 2.0, -1.0], variance=[4.0, 0.25, 1.0], invert=True), None, [VECTOR]
    yield *one(mean=[1.0, 2.0, -1.0], variance=[4.0, 0.0, 1.0]), None, [VECTOR]
    yield *one(axis=[1, 2], mean=[[1.0, 2.0]], variance=[[4.0, 0.25]]), None, [STEPS]
    yield *one(axis=[1, 2], mean=[1.0, 2.0], variance=[4.0, 0.25]), None, [STEPS]
    yield *one(axis=None, mean=0.5, variance=4.0), None, [STEPS]
    yield *one(invert=True), F(20, 3), [VECTOR]
    yield *one(mean=1.5, variance=4.0), None, [np.array([[1, 200, 3]], "uint8")]
    yield *one(mean=1.5, variance=4.0), None, [np.array([[True, False]])]


def discretization(k):
    one = lambda **args: ("Discretization", args)
    edges = [-1.0, 0.1, 2.0]
    for mode in ("int", "one_hot", "multi_hot", "count"):
        yield *one(bin_boundaries=edges, output_mode=mode), None, [F(4, 1)]
        yield *one(bin_boundaries=edges, output_mode=mode), None, [VECTOR]
        yield *one(bin_boundaries=edges, output_mode=mode), None, [STEPS]
    yield *one(bin_boundaries=edges), None, [np.array([[np.nan, np.inf, -np.inf, 0.1, -1.0]], "float32")]
    yield *one(bin_boundaries=[]), None, [VECTOR]
    yield *one(bin_boundaries=[1.0, 1.0]), None, [VECTOR]
    yield *one(bin_boundaries=edges), None, [I([0, 2, -5])]
    yield *one(bin_boundaries=edges), None, [np.array([[0, 2, 9]], "uint8")]
    yield *one(bin_boundaries=edges), None, [np.array([[True, False]])]
    yield *one(bin_boundaries=edges, output_mode="one_hot"), None, [F(4)]
    yield *one(num_bins=4), F(50, 3), [VECTOR]
    if k is keras:
        yield *one(num_bins=3, epsilon=0.2), F(50, 3), [VECTOR]
        yield *one(num_bins=7, epsilon=0.013, output_mode="count"), F(333, 2), [VECTOR]
        yield *one(num_bins=3), F(2, 1), [VECTOR]
        yield *one(num_bins=1), F(9, 1), [VECTOR]
        yield *one(num_bins=5), I(*[[i * i] for i in range(40)]), [I([3, 200, 900])]


def category_encoding(k):
    one = lambda **args: ("CategoryEncoding", args)
    for mode in ("one_hot", "multi_hot", "count"):
        yield *one(num_tokens=4, output_mode=mode), None, [INDICES]
        yield *one(num_tokens=4, output_mode=mode), None, [I([2], [0])]
        yield *one(num_tokens=4, output_mode=mode), None, [np.array([[1.7, 2.0], [0.0, 3.9]], "float32")]
        yield *one(num_tokens=4, output_mode=mode), None, [np.arange(12, dtype="int64").reshape(2, 3, 2) % 4]
        yield *one(num_tokens=4, output_mode=mode), None, [np.array([[True], [False]])]
        yield *one(num_tokens=3, output_mode=mode), None, [INDICES]
        yield *one(num_tokens=4, output_mode=mode), None, [I([2, -1], [0, 1])]
        yield *one(num_tokens=4, output_mode=mode), None, [np.array([[3], [1]], "uint8")]
    yield *one(num_tokens=4), None, [INDICES]
    yield *one(num_tokens=4, output_mode="one_hot"), None, [I(2, 0)]


def weighted(k):
    """With weights of the numbers."""
    yield "CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, None, [INDICES, np.array([[0.1, 0.2, 0.4], [1.0, 2.0, -1.0]], "float32")]
    yield "CategoryEncoding", {"num_tokens": 4, "output_mode": "multi_hot"}, None, [INDICES, np.array([[0.1, 0.2, 0.4], [1.0, 2.0, -1.0]], "float32")]
    if k is keras:
        yield "CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, None, [np.arange(12, dtype="int64").reshape(2, 3, 2) % 4, F(2, 3, 2)]


def hashing(k):
    one = lambda **args: ("Hashing", args)
    for x in (IDS, TEXT, WORDS, np.array([[3, 250]], "uint8"), np.array([[True, False]]), np.array([[1.7, -2.2, 5.0]], "float32")):
        yield *one(num_bins=5), None, [x]
        yield *one(num_bins=1000003, salt=[133, 137]), None, [x]
    for mode in ("one_hot", "multi_hot", "count"):
        yield *one(num_bins=5, output_mode=mode), None, [IDS]
        yield *one(num_bins=5, output_mode=mode), None, [WORDS]
    yield *one(num_bins=5, output_mode="one_hot"), None, [TEXT]
    yield *one(num_bins=5, salt=17), None, [WORDS]
    yield *one(num_bins=3, mask_value=-1), None, [IDS]
    yield *one(num_bins=3, mask_value="a"), None, [WORDS]
    yield *one(num_bins=3, mask_value="", output_mode="multi_hot"), None, [WORDS]
    yield *one(num_bins=1, mask_value=0), None, [IDS]
    yield *one(num_bins=7), None, [I([1], [2]).astype("int32")]
    yield *one(num_bins=7), None, [I(1, 2, 3)]
    yield *one(num_bins=7, output_mode="count"), None, [np.arange(12, dtype="int64").reshape(2, 3, 2)]


def crossing(k):
    one = lambda **args: ("HashedCrossing", args)
    colors, shapes = S(["red"], ["green"], ["red"], [""]), S(["round"], ["long"], ["long"], ["round"])
    numbers = I([5], [-7], [2**53 + 1], [0])
    yield *one(num_bins=5), None, [colors, shapes]
    yield *one(num_bins=1000), None, [colors, numbers]
    yield *one(num_bins=1000), None, [numbers, colors, shapes]
    yield *one(num_bins=1000), None, [colors.ravel(), shapes.ravel()]
    yield *one(num_bins=5, output_mode="one_hot"), None, [colors, shapes]
    yield *one(num_bins=5, output_mode="one_hot"), None, [numbers.ravel(), shapes.ravel()]
    yield *one(num_bins=5), None, [numbers.astype("float32"), colors]


def integer_lookup(k):
    one = lambda **args: ("IntegerLookup", args)
    words = [12, 7, 9007199254740993, -3]
    yield *one(vocabulary=words), None, [IDS]
    yield *one(vocabulary=words), None, [I([7, 12, 5], [-3, 0, 1])]
    yield *one(vocabulary=words), None, [I(7, 12, 5)]
    yield *one(vocabulary=words, mask_token=0), None, [IDS]
    yield *one(vocabulary=[0, -1, *words], mask_token=0), None, [IDS]
    yield *one(vocabulary=words, oov_token=5), None, [IDS]
    yield *one(vocabulary=words, num_oov_indices=3), None, [IDS]
    yield *one(vocabulary=words, num_oov_indices=3, mask_token=0), None, [IDS]
    yield *one(vocabulary=words, num_oov_indices=0), None, [I([7], [12])]
    yield *one(vocabulary=words, num_oov_indices=0), None, [IDS]
    for mode in ("one_hot", "multi_hot", "count"):
        yield *one(vocabulary=words, output_mode=mode), None, [I([7, 12, 7], [-3, 0, 1])]
        yield *one(vocabulary=words, output_mode=mode), None, [IDS]
        yield *one(vocabulary=words, output_mode=mode, mask_token=0, num_oov_indices=2), None, [I([7, 12, 7], [-3, 0, 1])]
        yield *one(vocabulary=words, output_mode=mode, max_tokens=9, pad_to_max_tokens=True), None, [I([7, 12, 7], [-3, 0, 1])]
    yield *one(vocabulary=words, output_mode="tf_idf", idf_weights=[0.5, 0.25, 1.0, 2.0]), None, [I([7, 12, 7], [-3, 0, 1])]
    yield *one(vocabulary=[12, 7, 99], invert=True), None, [I([0, 1, 2], [5, 9, -1])]
    yield *one(vocabulary=[12, 7, 99, -3], invert=True, mask_token=0, oov_token=-9, num_oov_indices=2), None, [I([0, 1, 2], [3, 4, 5])]
    yield *one(vocabulary=[12, 7], invert=True), None, [np.array([[0.0, 1.9, 2.0]], "float32")]
    yield *one(), I([5, 5, 7], [9, 7, 5], [1, 1, 9]), [I([5, 7, 8])]
    yield *one(max_tokens=3), I([5, 5, 7], [9, 7, 5], [1, 1, 9]), [I([5, 7, 9])]
    yield *one(mask_token=9), I([5, 5, 7], [9, 7, 5], [1, 1, 9]), [I([5, 7, 9])]
    yield *one(output_mode="tf_idf"), I([5, 5, 7], [9, 7, 5], [1, 1, 9]), [I([5, 7, 8])]
    yield *one(output_mode="tf_idf", max_tokens=8, pad_to_max_tokens=True), I([5, 5, 7, 2], [5, 1, 1, 3]), [I([5, 7, 8])]
    if k is keras:
        yield *one(output_mode="tf_idf"), I(5, 5, 7, 2), [I([5, 7, 8])]
        yield *one(vocabulary=words, num_oov_indices=3, oov_method="farmhash"), None, [IDS]
        yield *one(vocabulary=words, num_oov_indices=3, oov_method="farmhash", salt=5), None, [IDS]
    yield *one(vocabulary=words), None, [F(2, 2)]
    yield *one(vocabulary=[1, 2, 1]), None, [IDS]
    yield *one(vocabulary=[1, 2, 3], max_tokens=3), None, [IDS]
    yield *one(vocabulary_dtype="int64", vocabulary=words), None, [IDS]


def string_lookup(k):
    one = lambda **args: ("StringLookup", args)
    words = ["a", "b", "é"]
    given = S(["a", "z"], ["é", ""], ["b", "[UNK]"])
    yield *one(vocabulary=words), None, [given]
    yield *one(vocabulary=words), None, [S("a", "q")]
    yield *one(vocabulary=words, mask_token=""), None, [given]
    yield *one(vocabulary=["", "[UNK]", *words], mask_token=""), None, [given]
    yield *one(vocabulary=words, oov_token="z"), None, [given]
    yield *one(vocabulary=words, num_oov_indices=4), None, [given]
    yield *one(vocabulary=words, num_oov_indices=4, mask_token="z"), None, [given]
    yield *one(vocabulary=words, num_oov_indices=0), None, [S(["a"], ["b"])]
    yield *one(vocabulary=words, num_oov_indices=0), None, [given]
    yield *one(vocabulary=words, encoding="latin-1"), None, [given]
    for mode in ("one_hot", "multi_hot", "count"):
        yield *one(vocabulary=words, output_mode=mode), None, [given]
        yield *one(vocabulary=words, output_mode=mode, mask_token="z", num_oov_indices=2), None, [given]
        yield *one(vocabulary=words, output_mode=mode, max_tokens=9, pad_to_max_tokens=True), None, [given]
        yield *one(vocabulary=words, output_mode=mode), None, [S(["a"], ["z"])]
    yield *one(vocabulary=words, output_mode="tf_idf", idf_weights=[0.5, 0.25, 2.0]), None, [given]
    yield *one(vocabulary=["[UNK]", *words], output_mode="tf_idf", idf_weights=[3.0, 0.5, 0.25, 2.0]), None, [given]
    yield *one(vocabulary=words, output_mode="tf_idf", idf_weights=[0.5, 0.25, 2.0], max_tokens=7, pad_to_max_tokens=True), None, [given]
    yield *one(vocabulary=words, invert=True), None, [I([0, 1], [3, 7], [-1, 2])]
    yield *one(vocabulary=words, invert=True, mask_token="", oov_token="?", num_oov_indices=2), None, [I([0, 1], [3, 7], [2, 5])]
    yield *one(), S(["b", "a"], ["b", "c"], ["a", "d"]), [given]
    yield *one(max_tokens=3), S("b", "a", "b", "c", "a", "d"), [given]
    yield *one(mask_token="b", num_oov_indices=2), S(["b", "a"], ["b", "c"], ["a", "[UNK]"]), [given]
    yield *one(output_mode="tf_idf"), S(["b", "a"], ["b", "c"], ["a", "d"]), [given]
    yield *one(output_mode="multi_hot", max_tokens=8, pad_to_max_tokens=True), S("b", "a"), [given]
    if k is keras:
        yield *one(vocabulary=words, num_oov_indices=4, salt=[1, 2]), None, [given]
        yield *one(vocabulary=words, num_oov_indices=4, oov_method="farmhash"), None, [given]
    yield *one(vocabulary=words, max_tokens=1), None, [given]
    yield *one(vocabulary=["a", "a"]), None, [given]
    yield *one(vocabulary=words), None, [IDS]


def text_vectorization(k):
    one = lambda **args: ("TextVectorization", args)
    words = ["the", "fox", "dog", "quick brown"]
    column = TEXT.reshape(-1, 1)
    yield *one(vocabulary=words), None, [TEXT]
    yield *one(vocabulary=words), None, [column]
    for length in (2, 6):
        yield *one(vocabulary=words, output_sequence_length=length), None, [TEXT]
    for standardize in (None, "lower", "strip_punctuation"):
        yield *one(vocabulary=["the", "The", "dog", "dog!", "DOG", "fox"], standardize=standardize), None, [TEXT]
    yield *one(vocabulary=["é", "e"], standardize="lower"), None, [S("É é E", "e-é_e's\te\x0be\u00a0e")]
    yield *one(vocabulary=["e", "ee", "é"]), None, [S("É é E", "e-é_e's\te\x0be\u00a0e")]
    yield *one(vocabulary=["t", "h", "é", " "], split="character"), None, [S("The é", "")]
    yield *one(vocabulary=["the", "fox"], split=None), None, [S(["the", "a fox"], ["Fox!", ""])]
    yield *one(vocabulary=["the", "fox"], split=None, output_sequence_length=3), None, [S(["the", "a fox"], ["Fox!", ""])]
    yield *one(vocabulary=["the", "fox"], split=None, output_mode="multi_hot"), None, [S(["the", "a fox"], ["Fox!", ""])]
    yield *one(vocabulary=["the", "fox"], split=None, ngrams=2), None, [S(["the", "fox", "a"], ["Fox!", "", "the"])]
    yield *one(vocabulary=["the", "quick brown", "the lazy", "the lazy dog"], ngrams=2), None, [TEXT]
    yield *one(vocabulary=["the", "quick brown", "the lazy", "the lazy dog"], ngrams=[1, 3]), None, [TEXT]
    for mode in ("multi_hot", "count"):
        yield *one(vocabulary=words, output_mode=mode), None, [TEXT]
        yield *one(vocabulary=words, output_mode=mode, max_tokens=9, pad_to_max_tokens=True), None, [TEXT]
        yield *one(vocabulary=words, output_mode=mode, ngrams=2), None, [TEXT]
    yield *one(vocabulary=words, output_mode="tf_idf", idf_weights=[0.5, 0.25, 2.0, 1.0]), None, [TEXT]
    yield *one(), CORPUS, [TEXT]
    yield *one(max_tokens=4), CORPUS, [TEXT]
    yield *one(output_mode="tf_idf"), CORPUS, [TEXT]
    yield *one(output_mode="tf_idf", max_tokens=20, pad_to_max_tokens=True), CORPUS, [TEXT]
    yield *one(output_mode="count", ngrams=2), CORPUS, [TEXT]
    yield *one(split="character", max_tokens=12), CORPUS, [TEXT]
    yield *one(vocabulary=words, encoding="latin-1"), None, [TEXT]
    yield *one(vocabulary=words), None, [S(["two", "texts"])]
    yield *one(vocabulary=words, output_mode="multi_hot", output_sequence_length=2), None, [TEXT]


def table(k):
    for group in (normalization, discretization, category_encoding, weighted, hashing, crossing, integer_lookup, string_lookup, text_vectorization):
        yield from group(k)


def plain(value):
    return json.loads(json.dumps(value, default=lambda v: v.tolist() if hasattr(v, "tolist") else dict(v)))


def short(value):
    """All that a float32 holds, and no more; what is not finite as a word."""
    value = float(value)
    return float(f"{value:.9g}") if np.isfinite(value) else str(value)


def array(x):
    x = np.asarray(x)
    if x.dtype == object or x.dtype.kind in "SU":
        flat = [v.decode() if isinstance(v, bytes) else str(v) for v in x.ravel()]
        return {"dtype": "string", "shape": list(x.shape), "data": flat}
    flat = [short(v) for v in x.ravel()] if x.dtype.kind == "f" else [int(v) for v in x.ravel()]
    return {"dtype": str(x.dtype), "shape": list(x.shape), "data": flat}


def tensor(x):
    return tf.constant(x.tolist(), shape=x.shape) if x.dtype == object else tf.constant(x)


def run(k, name, args, learned, inputs, call):
    def value(v):
        return tuple(v) if isinstance(v, list) and v and isinstance(v[0], int) and name in ("Normalization", "TextVectorization") else v

    layer = getattr(k.layers, name)(**{key: value(v) for key, v in args.items()})
    if learned is not None:
        layer.adapt(learned if learned.dtype != object else tf.constant(learned.tolist()))
    types = ["string" if x.dtype == object else str(x.dtype) for x in inputs]
    symbols = [k.Input(x.shape[1:], dtype=t) for x, t in zip(inputs, types)]
    y = call(layer, symbols)
    model = k.Model(symbols, y)
    given = [tensor(x) for x in inputs]
    y = model(given if len(given) > 1 else given[0])
    dtype = model.outputs[0].dtype
    y = y.to_tensor() if hasattr(y, "to_tensor") else y
    return layer, array(y.numpy()), dtype if isinstance(dtype, str) else dtype.name


def cases():
    for library, k in (("keras3", keras), ("tf_keras", tf_keras)):
        for name, args, learned, inputs in table(k):
            call = lambda layer, symbols: layer(symbols if len(symbols) > 1 else symbols[0])
            if name == "CategoryEncoding":
                call = lambda layer, symbols: layer(symbols[0], **({"count_weights": symbols[1]} if len(symbols) > 1 else {}))
            case = {"library": library, "class": name, "args": plain(args), "learned": None if learned is None else array(learned), "x": [array(x) for x in inputs]}
            try:
                layer, y, dtype = run(k, name, args, learned, inputs, call)
            except Exception as error:
                case["error"] = str(error).strip().splitlines()[0][:200]
                yield case
                continue
            config = plain({key: v for key, v in layer.get_config().items() if key != "batch_input_shape"})
            case |= {"config": config, "y": y, "dtype": dtype, "weights": [array(w) for w in layer.get_weights() if not hasattr(w, "dtype") or w.dtype.kind != "O"]}
            if hasattr(layer, "get_vocabulary") and args.get("encoding", "utf-8") == "utf-8":
                case["vocabulary"] = [str(w) for w in layer.get_vocabulary()]
            yield case


def hashes():
    """Strings with their buckets: of FarmHash, of SipHash under a key, and of a cross with a number."""
    drawn, many = random.Random(1), 2**63 - 1
    for length in [*range(70), 96, 127, 128, 129, 192, 193, 200, 255, 256, 257, 1000]:
        text = "".join(drawn.choice("abcdefghijklmnopqrstuvwxyz 0123456789é") for _ in range(length))
        number = length * 7 - 3
        crossed = tf.sparse.cross_hashed([tf.constant([[text]]), tf.constant([[number]], dtype=tf.int64)], many)
        fast, strong = tf.strings.to_hash_bucket_fast([text], many), tf.strings.to_hash_bucket_strong([text], many, key=[5, 1 << 62])
        yield [text, number, str(int(fast[0])), str(int(strong[0])), str(int(tf.sparse.to_dense(crossed)[0, 0]))]


def main():
    for name, rows in (("preprocessing", cases()), ("hashes", hashes())):
        lines = [json.dumps(row, separators=(",", ":")) for row in rows]
        (HERE / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
        print(name, len(lines))


main()

"""Models of the real Keras 3 whose weights are adapted (LoRA) or quantized, for tests/adapted.rs.

`python make.py` with keras 3.15 and tensorflow-cpu writes, for each model, NAME.keras and NAME.npz: the data `x` and `y`, all weights (`w0`, ..: a file of Keras has not
the factors of a low-rank addition), the predictions `p`, and after one step of SGD the loss and all weights (`a0`, ..). Some have NAME.h5, too. It makes sure that Keras
reads its own file and predicts the same.
"""

import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
from keras import layers as L
from keras import quantizers as Q

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def dense():
    return keras.Sequential([keras.Input((7,)), L.Dense(6, activation="relu", kernel_regularizer="l2", name="first"), L.Dense(5, use_bias=False, name="second"), L.Dense(3, name="last")])


def einsum(last="...x,xy->...y"):
    x = keras.Input((4, 6))
    y = L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", activation="tanh", name="first")(x)
    y = L.EinsumDense("abc,cde->abde", (None, 2, 3), name="second")(y)
    y = L.EinsumDense("abcd,cde->abe", (None, 3), bias_axes="e", name="third")(y)
    y = L.EinsumDense(last, (None, 2) if "." not in last else 2, name="last")(y)
    return keras.Model(x, L.Flatten()(y))


def words():
    x = keras.Input((4,), dtype="int32")
    y = L.Embedding(9, 5, name="first")(x)
    return keras.Model(x, L.Dense(3, name="last")(L.Flatten()(y)))


def back(**more):
    x = keras.Input((4,), dtype="int32")
    table = L.ReversibleEmbedding(9, 5, name="table", **more)
    return keras.Model(x, L.Flatten()(table(table(x), reverse=True)))


def image():
    x = keras.Input((6, 5, 4))
    y = L.Conv2D(4, 3, activation="relu", name="first")(x)
    y = L.Conv2D(6, 2, groups=2, padding="same", name="second")(y)
    y = L.Reshape((12, 6))(y)
    return keras.Model(x, L.Flatten()(L.Conv1D(2, 3, strides=2, name="last")(y)))


def adapted(model, ranks, **alpha):
    for name, rank in ranks.items():
        layer = model.get_layer(name)
        layer.enable_lora(rank, **({"lora_alpha": alpha[name]} if name in alpha else {}))
    for w in model.weights:
        if w.name.startswith("lora_"):
            w.assign(np.round(rng.normal(size=w.shape) * 0.5, 3))
    return model


def quantized(model, mode, config=None, filters=None):
    for w in model.weights:
        w.assign(np.round(rng.normal(size=w.shape), 3))
    model.quantize(**({"mode": mode} if config is None else {"config": config}), filters=filters)
    return model


def weights(model):
    """Of each layer those that training changes first, but that float8 counts its scales among them."""
    late = lambda w: "_scale" in w.name or "_history" in w.name
    ordered = [sorted(layer.weights, key=lambda w: late(w) or not w.trainable) for layer in model.layers]
    return [np.asarray(w) for w in sum(ordered, [])]


# Keras does not quantize an equation with an ellipsis.
def plain():
    return einsum("abc,cd->abd")


def table():
    int4 = lambda size: Q.Int4QuantizationConfig(block_size=size)
    weights = Q.Int8QuantizationConfig(activation_quantizer=None)
    both = Q.Int8QuantizationConfig(weight_quantizer=Q.AbsMaxQuantizer(axis=0), activation_quantizer=Q.AbsMaxQuantizer(value_range=(-100, 100)))
    fed = Q.Int4QuantizationConfig(block_size=None, activation_quantizer=Q.AbsMaxQuantizer())
    return {
        "lora_dense": lambda: adapted(dense(), {"first": 2, "last": 1}),
        "lora_einsum": lambda: adapted(einsum(), {"first": 2, "second": 2, "last": 1}, second=5.0),
        "lora_words": lambda: adapted(words(), {"first": 2}),
        "lora_back": lambda: adapted(back(), {"table": 2}),
        "lora_image": lambda: adapted(image(), {"first": 2, "second": 1, "last": 3}, last=1.0),
        "int8_dense": lambda: quantized(dense(), "int8"),
        "int8_weights": lambda: quantized(dense(), None, weights),
        "int8_ranges": lambda: quantized(dense(), None, both),
        "int8_some": lambda: quantized(dense(), "int8", filters=lambda layer: layer.name != "second"),
        "int8_einsum": lambda: quantized(plain(), "int8"),
        "int8_words": lambda: quantized(words(), "int8"),
        "int8_back": lambda: quantized(back(), "int8"),
        "int8_untied": lambda: quantized(back(tie_weights=False, logit_soft_cap=5.0), "int8"),
        "int4_dense": lambda: quantized(dense(), "int4"),
        "int4_channels": lambda: quantized(dense(), None, int4(-1)),
        "int4_blocks": lambda: quantized(dense(), None, int4(3)),
        "int4_fed": lambda: quantized(dense(), None, fed),
        "int4_einsum": lambda: quantized(plain(), None, int4(-1)),
        "int4_einsum_blocks": lambda: quantized(plain(), None, int4(4)),
        "int4_words": lambda: quantized(words(), None, int4(-1)),
        "int4_words_blocks": lambda: quantized(words(), None, int4(2)),
        "int4_back": lambda: quantized(back(), None, int4(-1)),
        "int4_back_blocks": lambda: quantized(back(), None, int4(2)),
        "int4_untied": lambda: quantized(back(tie_weights=False), None, int4(-1)),
        "int4_untied_blocks": lambda: quantized(back(tie_weights=False), None, int4(2)),
        "float8_dense": lambda: quantized(dense(), "float8"),
        "float8_einsum": lambda: quantized(plain(), "float8"),
    }


def main():
    import sys
    for number, (name, make) in enumerate(table().items()):
        if sys.argv[1:] and not any(name.startswith(word) for word in sys.argv[1:]):
            continue
        keras.utils.clear_session()
        keras.utils.set_random_seed(100 + number)
        try:
            model = make()
        except Exception as error:
            print(name, "FAILS", type(error).__name__, str(error)[:200])
            continue
        shape = (6, *model.input_shape[1:])
        whole = "words" in name or "back" in name or "untied" in name
        x = rng.integers(0, 9, shape).astype("int32") if whole else np.round(rng.normal(size=shape), 3).astype("float32")
        p = np.asarray(model(x))
        y = np.round(rng.normal(size=p.shape), 3).astype("float32")
        found = {"x": x, "y": y, "p": p}
        found |= {f"w{i}": w for i, w in enumerate(weights(model))}
        for ending in ("keras", "h5") if name in ("int8_dense", "int4_blocks", "int8_back", "lora_einsum") else ("keras",):
            path = HERE / f"{name}.{ending}"
            try:
                model.save(path)
                again = np.asarray(keras.models.load_model(path)(x))
                assert np.allclose(again, p, atol=1e-4), np.abs(again - p).max()
            except Exception as error:
                print(name, ending, "is not read by Keras:", type(error).__name__, str(error)[:300].replace("\n", " "))
                path.unlink(missing_ok=True)
        try:
            model.compile(keras.optimizers.SGD(0.5), "mse")
            found["loss"] = np.float32(model.train_on_batch(x, y))
            found |= {f"a{i}": w for i, w in enumerate(weights(model))}
        except Exception as error:
            print(name, "does not train:", type(error).__name__, str(error)[:300].replace("\n", " "))
        np.savez_compressed(HERE / f"{name}.npz", **{key: np.asarray(value, "float32") for key, value in found.items()})
        print(name, [(w.name, w.dtype if isinstance(w.dtype, str) else w.dtype.name, tuple(w.shape), w.trainable) for w in model.weights])


main()

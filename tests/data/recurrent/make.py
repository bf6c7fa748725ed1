"""Files of Keras 3 and tf_keras with recurrent layers of all kinds, what they predict and what training makes of them: for tests/recurrent.rs.

Run with keras 3.15, tf_keras 2.21 and tensorflow-cpu: `python make.py`; writes a folder for each library beside it. No layer drops anything out, so that the
numbers can be compared.
"""

import os
import pathlib

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = pathlib.Path(__file__).parent


def cells(K, x):
    """Every option of the three classes."""
    L = K.layers
    y = [
        L.SimpleRNN(3, name="simple")(x),
        L.SimpleRNN(3, activation="relu", use_bias=False, return_sequences=True, name="simple_all")(x),
        L.LSTM(4, name="lstm")(x),
        L.LSTM(3, activation="softsign", recurrent_activation="relu", unit_forget_bias=False, return_sequences=True, go_backwards=True, name="lstm_back")(x),
        L.LSTM(2, use_bias=False, unroll=True, name="lstm_unrolled")(x),
        L.GRU(4, name="gru")(x),
        L.GRU(3, reset_after=False, return_sequences=True, name="gru_before")(x),
        L.GRU(2, use_bias=False, reset_after=False, go_backwards=True, name="gru_back")(x),
        L.GRU(2, use_bias=False, recurrent_activation="tanh", name="gru_bare")(x),
    ]
    first, *states = L.LSTM(3, return_state=True, name="giving")(x)
    y += [first, *states]
    y.append(L.LSTM(3, return_sequences=True, name="taking")(x, initial_state=states))
    last, state = L.GRU(3, return_state=True, return_sequences=True, name="giving_gru")(x)
    y += [last, L.GRU(3, go_backwards=True, name="taking_gru")(x, initial_state=state)]
    return y


def around(K, x):
    """What is around recurrent layers."""
    L = K.layers
    y = [
        L.Bidirectional(L.LSTM(3, return_sequences=True), name="both")(x),
        L.Bidirectional(L.GRU(3), merge_mode="sum", name="sum")(x),
        L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode="mul", name="mul")(x),
        L.Bidirectional(L.LSTM(2), merge_mode="ave", name="ave")(x),
        *L.Bidirectional(L.GRU(2, return_sequences=True), merge_mode=None, name="apart")(x),
        L.Bidirectional(L.LSTM(2), backward_layer=L.GRU(2, go_backwards=True, activation="relu"), name="mixed")(x),
        L.RNN(L.LSTMCell(3), return_sequences=True, name="of_cell")(x),
        L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], name="stacked")(x),
        L.RNN([L.GRUCell(2, reset_after=False), L.LSTMCell(2)], return_sequences=True, go_backwards=True, name="stacked_back")(x),
        L.TimeDistributed(L.Dense(3, activation="tanh"), name="each")(x),
        L.TimeDistributed(L.TimeDistributed(L.Dense(2), name="inner"), name="each_of_each")(L.Reshape((5, 2, 2))(x)),
    ]
    first, *states = L.Bidirectional(L.LSTM(2, return_state=True, return_sequences=True), name="states")(x)
    y += [first, *states, L.Bidirectional(L.LSTM(2), name="begun")(x, initial_state=states)]
    return y


def masked(K, x):
    """Steps that are left out: at the end, in the middle, at the beginning; and whole examples."""
    L = K.layers
    m = L.Masking(0.25)(x)
    d = L.Dense(4, activation="tanh", name="through")(m)
    y = [
        L.LSTM(3, name="lstm")(m),
        L.LSTM(3, return_sequences=True, name="all")(d),
        L.GRU(3, return_sequences=True, go_backwards=True, name="back")(m),
        L.SimpleRNN(3, return_sequences=True, name="simple")(m),
        L.Bidirectional(L.LSTM(2, return_sequences=True), name="both")(m),
        L.Bidirectional(L.GRU(2), merge_mode="sum", name="last")(m),
        L.TimeDistributed(L.Dense(2), name="each")(m),
        L.RNN([L.LSTMCell(3), L.GRUCell(2)], name="stacked")(m),
        L.LSTM(2, name="behind")(L.LSTM(3, return_sequences=True, name="before")(m)),
        L.GRU(2, name="added")(L.Add()([m, d])),
        L.GRU(2, name="joined")(L.Concatenate()([m, d])),
        L.LSTM(3, return_sequences=True, name="begun")(m, initial_state=[L.Dense(3, name=n)(L.Flatten()(x)) for n in ("h", "c")]),
        *(L.Dense(2, name="of_" + layer)(getattr(L, layer)()([m, L.Masking(0.5)(d)])) for layer in ("Multiply", "Maximum", "Minimum")),
    ]
    return y


def attending(K, x):
    """Attention of all kinds, with and without masks."""
    L = K.layers
    m = L.Masking(0.25)(x)
    other = L.Dense(3, name="other")(x)
    y = [
        L.MultiHeadAttention(2, 3, name="self")(x, x),
        L.MultiHeadAttention(2, 3, value_dim=2, use_bias=False, output_shape=5, name="cross")(x, other),
        L.MultiHeadAttention(1, 4, name="keyed")(x, other, key=x),
        L.MultiHeadAttention(2, 2, name="causal")(x, x, use_causal_mask=True),
        *L.MultiHeadAttention(2, 2, name="scored")(x, x, return_attention_scores=True),
        L.MultiHeadAttention(2, 3, name="masked")(m, m),
        L.Attention(name="dot")([x, x]),
        L.Attention(use_scale=True, name="scaled")([x, L.Dense(4)(other)]),
        L.Attention(score_mode="concat", use_scale=True, name="concat")([x, other, L.Dense(4, name="key")(other)]),
        *L.Attention(name="dot_scored")([x, x], return_attention_scores=True),
        L.Attention(name="dot_causal")([x, x], use_causal_mask=True),
        L.Attention(name="dot_masked")([m, m]),
        L.AdditiveAttention(name="additive")([x, x]),
        L.AdditiveAttention(use_scale=False, name="bare")([x, L.Dense(4, name="value")(other)]),
        L.AdditiveAttention(name="additive_masked")([m, m]),
    ]
    return y


def steps(K, x):
    """Windows over steps."""
    L = K.layers
    y = [
        L.Conv1D(3, 2, name="valid")(x),
        L.Conv1D(4, 3, strides=2, padding="same", activation="tanh", name="same")(x),
        L.Conv1D(3, 3, padding="causal", name="causal")(x),
        L.Conv1D(3, 2, dilation_rate=2, padding="causal", use_bias=False, name="dilated")(x),
        L.Conv1D(4, 2, groups=2, padding="same", name="groups")(x),
        L.MaxPooling1D(name="max")(x),
        L.MaxPooling1D(3, strides=1, padding="same", name="max_same")(x),
        L.AveragePooling1D(2, strides=1, name="average")(x),
        L.AveragePooling1D(3, padding="same", name="average_same")(x),
        L.GlobalAveragePooling1D(name="mean")(x),
        L.GlobalAveragePooling1D(keepdims=True, name="mean_kept")(x),
        L.GlobalMaxPooling1D(name="largest")(x),
        L.GlobalAveragePooling1D(name="mean_masked")(L.Masking(0.25)(x)),
        L.Dense(2, name="last")(L.GlobalMaxPooling1D()(L.Conv1D(5, 3, activation="relu", name="conv")(x))),
    ]
    return y


def hard(K, x):
    """An activation that is not the same in both libraries."""
    L = K.layers
    return [L.LSTM(3, recurrent_activation="hard_sigmoid", name="lstm")(x), L.GRU(3, recurrent_activation="hard_sigmoid", return_sequences=True, name="gru")(x)]


def words(K, x):
    """Numbers that stand for words."""
    L = K.layers
    e = L.Embedding(7, 4, mask_zero=True, name="masked")(x)
    plain = L.Embedding(7, 3, name="plain")(x)
    return [L.GRU(3, name="gru")(e), L.LSTM(3, return_sequences=True, name="lstm")(e), L.LSTM(2, name="of_plain")(plain), L.Dense(2, name="dense")(e)]


def inputs(name, rng):
    x = rng.normal(size=(4, 5, 4)).astype("float32")
    places = [(0, 4), (0, 3), (1, 2), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]
    # What looks at no step at all is another number in each library.
    if name in ("masked", "attending", "steps"):
        for example, step in places[: None if name == "masked" else -1]:
            x[example, step] = 0.25
    if name == "words":
        x = np.array([[1, 2, 0, 0, 0], [6, 6, 6, 1, 0], [0, 3, 0, 4, 5], [2, 1, 2, 1, 2]], "int32")
    return x


def make(library, K, name, build):
    rng = np.random.default_rng(sum(map(ord, name)))
    x = inputs(name, rng)
    K.utils.set_random_seed(3)
    i = K.layers.Input((5,), dtype="int32", name="x") if name == "words" else K.layers.Input((5, 4), name="x")
    outputs = build(K, i)
    model = K.Model(i, outputs, name=name)
    for w in model.weights:
        w.assign(rng.normal(size=w.shape).astype("float32") * 0.5)
    model.compile(optimizer=K.optimizers.SGD(0.1), loss=["mse"] * len(outputs))
    folder = HERE / library
    folder.mkdir(exist_ok=True)
    model.save(folder / f"{name}.keras")
    model.save(folder / f"{name}.h5")
    before = model.predict(x, verbose=0)
    targets = [rng.normal(size=y.shape).astype("float32") * 0.5 for y in before]
    evaluated = model.evaluate(x, targets, verbose=0)
    for _ in range(3):
        model.train_on_batch(x, targets)
    after = model.get_weights()
    arrays = {"in": x, "evaluated": np.float32(np.ravel(evaluated)[:1])}
    for kind, values in [("out", before), ("target", targets), ("weight", after)]:
        arrays.update({f"{kind}{i:03}": np.asarray(v) for i, v in enumerate(values)})
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    print(library, name, len(outputs), "outputs", len(after), "weights", evaluated if np.isscalar(evaluated) else evaluated[0])


for library, K in [("keras3", keras), ("tf_keras", tf_keras)]:
    for build in [cells, around, masked, hard, words, attending, steps]:
        make(library, K, build.__name__, build)

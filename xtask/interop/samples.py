"""Small models of layers that Rhyton does not know, or knows in part, for check_conversions.py.

Each function takes one of the two libraries and gives (model, inputs). Weights and data are random. SAMPLES lists them; ONLY says which library a
model needs where it is not both.
"""
import numpy as np

from common import CUSTOM, K2, K3, tf

SAMPLES, ONLY = {}, {}


def sample(*libraries):
    def add(make):
        SAMPLES[make.__name__] = make
        ONLY[make.__name__] = libraries or ("tf_keras", "keras3")
        return make
    return add


def rng():
    return np.random.default_rng(3)


def floats(*shape):
    return rng().normal(size=shape).astype("float32")


def ints(high, *shape):
    return rng().integers(0, high, size=shape).astype("int32")


def scramble(m):
    """Gives every float weight a value that no initializer gives: zeros and ones would hide a lost or exchanged array."""
    values = []
    for i, w in enumerate(m.get_weights()):
        w = np.asarray(w)
        if w.dtype.kind == "f" and w.size and w.ndim:
            noise = np.random.default_rng(i).uniform(0.05, 0.4, size=w.shape)
            w = (w + noise).astype(w.dtype)
        values.append(w)
    m.set_weights(values)
    return m


def functional(K, inputs, outputs, **kw):
    return scramble(K.Model(inputs, outputs, **kw))


def sequential(K, shape, *layers, dtype=None, name=None):
    return scramble(K.Sequential([K.layers.Input(shape=shape, dtype=dtype), *layers], name=name))


# ------------------------------------------------------------------ layers with weights that Rhyton lacks
@sample()
def embedding(K):
    L = K.layers
    return sequential(K, (5,), L.Embedding(20, 4), L.Dropout(0.3), L.Flatten(), L.Dense(3), dtype="int32"), [ints(20, 3, 5)]


@sample()
def recurrent(K):
    L = K.layers
    m = sequential(K, (6,), L.Embedding(20, 4, mask_zero=True), L.Bidirectional(L.LSTM(3, return_sequences=True)),
                   L.GRU(4, return_sequences=True), L.SimpleRNN(3), L.Dense(2), dtype="int32")
    return m, [ints(20, 3, 6)]


@sample()
def cells(K):
    L = K.layers
    m = sequential(K, (5, 3), L.Masking(0.0), L.RNN([L.LSTMCell(3), L.GRUCell(4)], return_sequences=True),
                   L.RNN(L.SimpleRNNCell(3), return_sequences=True), L.Bidirectional(L.GRU(2), merge_mode="sum"), L.Dense(2))
    return m, [floats(3, 5, 3)]


@sample()
def states(K):
    """States of one layer start another."""
    L = K.layers
    a, b = L.Input((5, 3), name="a"), L.Input((4, 3), name="b")
    _, h, c = L.LSTM(4, return_state=True, name="encoder")(a)
    y = L.LSTM(4, return_sequences=True, name="decoder")(b, initial_state=[h, c])
    return functional(K, [a, b], L.Dense(2)(y)), [floats(2, 5, 3), floats(2, 4, 3)]


@sample()
def conv_lstm(K):
    L = K.layers
    return sequential(K, (3, 5, 5, 2), L.ConvLSTM2D(2, 2), L.Flatten(), L.Dense(2)), [floats(2, 3, 5, 5, 2)]


@sample()
def attention(K):
    L = K.layers
    i = L.Input((5, 6))
    y = L.MultiHeadAttention(2, 3, value_dim=4)(i, i)
    y = L.LayerNormalization()(L.Add()([i, y]))
    y = L.MultiHeadAttention(2, 3, output_shape=4)(y, i, key=y)
    return functional(K, i, L.GlobalAveragePooling1D()(y)), [floats(3, 5, 6)]


@sample()
def dot_attention(K):
    L = K.layers
    q, v = L.Input((4, 6)), L.Input((5, 6))
    y = L.Concatenate()([L.Attention(use_scale=True)([q, v]), L.AdditiveAttention()([q, v]), L.Attention(score_mode="concat")([q, v])])
    return functional(K, [q, v], L.GlobalMaxPooling1D()(y)), [floats(3, 4, 6), floats(3, 5, 6)]


@sample()
def convolutions_1d(K):
    L = K.layers
    m = sequential(K, (9, 3), L.ZeroPadding1D(2), L.Conv1D(4, 3, padding="causal", activation="relu"), L.SpatialDropout1D(0.2),
                   L.SeparableConv1D(4, 2), L.DepthwiseConv1D(2, depth_multiplier=2), L.Conv1DTranspose(3, 2, strides=2),
                   L.UpSampling1D(2), L.Cropping1D((1, 2)), L.MaxPooling1D(2), L.AveragePooling1D(2), L.Flatten(), L.Dense(2))
    return m, [floats(2, 9, 3)]


@sample()
def convolutions_2d(K):
    L = K.layers
    m = sequential(K, (8, 8, 3), L.ZeroPadding2D(((1, 0), (2, 1))), L.SeparableConv2D(4, 3, depth_multiplier=2), L.SpatialDropout2D(0.2),
                   L.DepthwiseConv2D(2), L.Conv2DTranspose(3, 3, strides=2, output_padding=1), L.UpSampling2D(2, interpolation="bilinear"),
                   L.Cropping2D(1), L.BatchNormalization(), L.MaxPooling2D(), L.Conv2D(2, 2, groups=1, dilation_rate=2), L.GlobalMaxPooling2D())
    return m, [floats(2, 8, 8, 3)]


@sample()
def convolutions_3d(K):
    L = K.layers
    m = sequential(K, (5, 5, 5, 2), L.ZeroPadding3D(1), L.Conv3D(3, 2), L.SpatialDropout3D(0.2), L.Conv3DTranspose(2, 2),
                   L.UpSampling3D(2), L.Cropping3D(1), L.MaxPooling3D(2), L.AveragePooling3D(2), L.GlobalAveragePooling3D())
    return m, [floats(2, 5, 5, 5, 2)]


@sample()
def distributed(K):
    L = K.layers
    inner = K.Sequential([L.Input((6, 6, 2)), L.Conv2D(2, 3), L.Flatten()], name="inner")
    m = sequential(K, (3, 6, 6, 2), L.TimeDistributed(inner), L.TimeDistributed(L.Dense(4), name="each"), L.LSTM(3), L.Dense(2))
    return m, [floats(2, 3, 6, 6, 2)]


@sample()
def normalizations(K):
    L = K.layers
    adapted = L.Normalization(axis=-1)
    adapted.adapt(np.random.default_rng(0).normal(3, 2, size=(40, 4)).astype("float32"))
    # Not scrambled: a layer that was adapted computes with what it was given then.
    m = K.Sequential([L.Input((4,)), adapted, L.Dense(6), L.GroupNormalization(2), L.LayerNormalization(epsilon=1e-4), L.BatchNormalization(scale=False),
                      L.UnitNormalization(), L.Dense(2)])
    return m, [floats(3, 4)]


@sample()
def given_normalization(K):
    L = K.layers
    return sequential(K, (2,), L.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.5]), L.Dense(2)), [floats(3, 2)]


@sample()
def einsum(K):
    L = K.layers
    m = sequential(K, (4, 6), L.EinsumDense("abc,cd->abd", output_shape=(4, 5), bias_axes="d"), L.PReLU(), L.PReLU(shared_axes=[1]), L.ELU(0.7),
                   L.LeakyReLU(), L.ReLU(max_value=2.0, negative_slope=0.1), L.Softmax(axis=1))
    return m, [floats(2, 4, 6)]


@sample("keras3")
def spectral(K):
    L = K.layers
    return sequential(K, (4,), L.SpectralNormalization(L.Dense(3)), L.Dense(2)), [floats(3, 4)]


@sample()
def noise(K):
    L = K.layers
    m = sequential(K, (4, 3), L.GaussianNoise(0.1), L.GaussianDropout(0.2), L.AlphaDropout(0.2), L.Dropout(0.1, noise_shape=(None, 1, 3), seed=4),
               L.ActivityRegularization(0.1), L.Permute((2, 1)), L.Reshape((2, 6)), L.Activation("tanh"), L.Dense(2))
    return m, [floats(2, 4, 3)]


@sample()
def merges(K):
    L = K.layers
    a, b = L.Input((4,)), L.Input((4,))
    y = [f()([a, b]) for f in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)] + [L.Dot(axes=1, normalize=True)([a, b])]
    return functional(K, [a, b], L.Dense(2)(L.Concatenate(axis=1)(y))), [floats(3, 4), floats(3, 4) * 2]


# ------------------------------------------------------------------ preprocessing
@sample()
def categories(K):
    L = K.layers
    bins = L.Discretization(num_bins=4)
    bins.adapt(np.linspace(-2, 2, 50).astype("float32"))
    i = L.Input((1,))
    given = L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode="one_hot")(i)
    y = L.CategoryEncoding(num_tokens=4, output_mode="one_hot")(bins(i))
    y = L.Concatenate()([L.Rescaling(1.0)(y), L.Rescaling(2.0)(given)])
    return functional(K, i, L.Dense(2)(y)), [floats(6, 1)]


@sample()
def integers(K):
    L = K.layers
    lookup = L.IntegerLookup(output_mode="multi_hot")
    lookup.adapt(np.array([[3], [5], [3], [9]]))
    i = L.Input((4,), dtype="int64")
    return functional(K, i, L.Dense(2)(lookup(i))), [np.array([[3, 5, 9, 1], [5, 5, 5, 5]])]


@sample()
def given_integers(K):
    L = K.layers
    i = L.Input((4,), dtype="int64")
    y = L.IntegerLookup(vocabulary=[3, 5, 9], num_oov_indices=2)(i)
    return functional(K, i, L.Dense(2)(L.Flatten()(L.Embedding(7, 3)(y)))), [np.array([[3, 5, 9, 1], [5, 5, 5, 5]])]


@sample()
def strings(K):
    L = K.layers
    lookup = L.StringLookup()
    lookup.adapt(np.array([["alpha"], ["beta"], ["beta"], ["Ωmega"]]))
    i = L.Input((3,), dtype="string")
    return functional(K, i, L.Dense(2)(L.Flatten()(L.Embedding(6, 3)(lookup(i))))), [np.array([["beta", "alpha", "Ωmega"], ["x", "alpha", "beta"]])]


@sample()
def text(K):
    L = K.layers
    words = L.TextVectorization(max_tokens=8, output_sequence_length=4)
    words.adapt(np.array(["the quick brown fox", "the lazy dog", "a dog"]))
    i = L.Input((), dtype="string") if K is K3 else L.Input((1,), dtype="string")
    x = np.array(["the dog", "a quick cat jumps over"])
    return functional(K, i, L.Dense(2)(L.Flatten()(L.Embedding(9, 3)(words(i))))), [x if K is K3 else x[:, None]]


@sample()
def counts(K):
    """tf-idf weights are data of the layer, beside the vocabulary."""
    L = K.layers
    words = L.TextVectorization(output_mode="tf_idf")
    words.adapt(np.array(["the quick brown fox", "the lazy dog", "a dog"]))
    i = L.Input((1,), dtype="string")
    return functional(K, i, L.Dense(2)(words(i))), [np.array([["the dog"], ["a quick cat jumps over"]])]


@sample()
def hashing(K):
    L = K.layers
    i = L.Input((2,), dtype="int32")
    return functional(K, i, L.Dense(2)(L.Flatten()(L.Embedding(5, 3)(L.Hashing(5)(i))))), [ints(50, 3, 2)]


@sample()
def images(K):
    L = K.layers
    m = sequential(K, (8, 8, 3), L.Resizing(6, 7), L.CenterCrop(5, 5), L.Rescaling(0.5, offset=-1.0), L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1),
                   L.RandomTranslation(0.1, 0.1), L.RandomContrast(0.1), L.RandomBrightness(0.1), L.Conv2D(2, 3), L.Flatten(), L.Dense(2))
    return m, [np.abs(floats(2, 8, 8, 3))]


# ------------------------------------------------------------------ graphs
@sample()
def operators(K):
    L = K.layers
    a, b = L.Input((4,), name="a"), L.Input((4,), name="b")
    y = L.Dense(4, name="d")(a) * 3.0
    z = 2.0 - y + b
    z = (tf.nn.relu if K is K2 else K3.ops.relu)(z)
    z = (tf.concat if K is K2 else K3.ops.concatenate)([z[:, 1:3], y / (b + 9.0)], axis=1)
    z = (tf.reduce_mean if K is K2 else K3.ops.mean)(z, axis=1, keepdims=True) + z
    return functional(K, [a, b], [L.Dense(2)(z), y ** 2.0]), [floats(5, 4), floats(5, 4) * 2]


@sample()
def slices(K):
    L = K.layers
    a = L.Input((6, 3))
    y = L.Dense(3)(a[:, ::2]) + a[:, 1:4]
    y = (tf.transpose if K is K2 else K3.ops.transpose)(y, [0, 2, 1])
    y = (tf.reshape if K is K2 else K3.ops.reshape)(y, [-1, 9])
    return functional(K, a, (tf.matmul(y, tf.ones((9, 2)) * 0.3) if K is K2 else K3.ops.matmul(y, np.ones((9, 2), "float32") * 0.3))), [floats(4, 6, 3)]


@sample()
def nested(K):
    L = K.layers
    i = L.Input((4,))
    encoder = K.Model(i, L.Dense(3, activation="relu", name="code")(i), name="encoder")
    h = L.Input((3,))
    decoder = K.Model(h, [L.Dense(4, name="out")(h), L.Dense(1, name="score")(h)], name="decoder")
    x = L.Input((4,), name="x")
    y, s = decoder(encoder(x))
    again = encoder(y)
    tail = K.Sequential([L.Input((3,)), L.Dense(2), L.Dropout(0.1), L.BatchNormalization()], name="tail")
    return functional(K, x, [tail(again), s, y], name="all"), [floats(3, 4)]


@sample()
def ends_in_model(K):
    L = K.layers
    i = L.Input((4,))
    encoder = K.Model(i, L.Dense(3)(i), name="encoder")
    h = L.Input((3,))
    decoder = K.Model(h, L.Dense(4)(h), name="decoder")
    x = L.Input((4,))
    return functional(K, x, decoder(encoder(x))), [floats(3, 4)]


@sample()
def shared(K):
    L = K.layers
    a, b = L.Input((4,), name="a"), L.Input((4,), name="b")
    twice = L.Dense(3, name="twice")
    y = L.Dense(3, name="other")(a)
    z = L.Concatenate()([twice(a), y, twice(b)])
    return functional(K, {"a": a, "b": b}, {"first": L.Dense(2, name="first")(z), "second": twice(a)}), [{"a": floats(3, 4), "b": floats(3, 4) * 2}]


@sample()
def listed(K):
    L = K.layers
    a, b, c = (L.Input((4,), name=n) for n in "abc")
    y = L.Add()([L.Dense(3)(a), L.Dense(3)(b), L.Dense(3)(c)])
    return functional(K, [a, [b, c]], y) if K is K3 else functional(K, [a, b, c], y), \
        [[floats(3, 4), [floats(3, 4), floats(3, 4) * 2]] if K is K3 else [floats(3, 4), floats(3, 4), floats(3, 4) * 2]]


@sample()
def frozen(K):
    L = K.layers
    base = K.Sequential([L.Input((4,)), L.Dense(3), L.BatchNormalization(), L.Dense(3)], name="base")
    m = sequential(K, (4,), base, L.Dense(2, trainable=False), L.PReLU())
    base.trainable = False
    return m, [floats(3, 4)]


@sample()
def compiled(K):
    """Settings of compile that are not defaults."""
    L = K.layers
    m = sequential(K, (4,), L.Dense(3, activation="relu"), L.Dense(1, activation="sigmoid"), name="compiled")
    more = dict(auto_scale_loss=False) if K is K3 else {}
    m.compile(K.optimizers.SGD(0.1, momentum=0.5), loss=[K.losses.BinaryCrossentropy(label_smoothing=0.1)], metrics=["accuracy"],
              weighted_metrics=[K.metrics.AUC(num_thresholds=20)], loss_weights=[0.5], steps_per_execution=3, run_eagerly=False, jit_compile=True, **more)
    return m, [floats(3, 4)]


@sample()
def eager(K):
    L = K.layers
    m = sequential(K, (4,), L.Dense(3, activation="relu"), L.Dense(1))
    m.compile("adam", loss="mse", metrics=["mae"], run_eagerly=True)
    return m, [floats(3, 4)]


@sample()
def trained(K):
    """With the optimizer's state, of layers that Rhyton does not know."""
    L = K.layers
    m = sequential(K, (5,), L.Embedding(20, 4), L.LSTM(3), L.BatchNormalization(), L.Dense(2), dtype="int32")
    m.compile(K.optimizers.Adam(0.01), loss="mean_squared_error")
    x = ints(20, 16, 5)
    m.fit(x, floats(16, 2), epochs=2, verbose=0)
    return m, [x]


@sample("tf_keras")
def slashes(K):
    """Keras 3 refuses such names."""
    L = K.layers
    i = L.Input((6, 6, 2), name="image")
    y = L.Conv2D(3, 2, name="conv1")(i)
    y = L.BatchNormalization(name="conv1/bn")(y)
    y = L.ReLU(name="conv1/relu/out")(y)
    y = L.Conv2D(2, 2, name="conv1/relu")(y)
    return functional(K, i, L.Dense(2, name="a/b/c")(L.Flatten(name="flat/ten")(y))), [floats(2, 6, 6, 2)]


@sample()
def custom(K):
    L = K.layers
    return sequential(K, (5,), L.Embedding(20, 4), L.Flatten(), CUSTOM[K](name="scaled"), L.Dense(2), dtype="int32"), [ints(20, 3, 5)]


@sample()
def policies(K):
    L = K.layers
    return sequential(K, (4,), L.Dense(4, dtype="mixed_float16"), L.Dense(3, dtype="float64"), L.Dense(2, dtype="mixed_bfloat16"), L.Dense(2, dtype="float32")), \
        [floats(3, 4)]


@sample()
def float16(K):
    L = K.layers
    return sequential(K, (4,), L.Dense(4, dtype="float16"), L.BatchNormalization(dtype="float16"), L.Dense(2, dtype="float16"), dtype="float16"), [floats(3, 4).astype("float16")]


@sample()
def bfloat16(K):
    L = K.layers
    return sequential(K, (4,), L.Dense(4, dtype="bfloat16"), L.Dense(2, dtype="bfloat16")), [floats(3, 4)]


@sample()
def constraints(K):
    L = K.layers
    k = dict(kernel_constraint=K.constraints.MaxNorm(2.0, axis=0), bias_constraint="non_neg", kernel_regularizer=K.regularizers.L1L2(0.01, 0.02),
             activity_regularizer="l2", kernel_initializer=K.initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=4))
    return sequential(K, (4,), L.Dense(3, **k), L.Dense(2, kernel_regularizer=K.regularizers.OrthogonalRegularizer(0.01))), [floats(3, 4)]


@sample()
def activations(K):
    L = K.layers
    i = L.Input((4,))
    names = ["elu", "selu", "softplus", "softsign", "swish", "gelu", "mish", "exponential", "relu6" if K is K3 else "relu", "linear"]
    return functional(K, i, L.Concatenate()([L.Dense(2, activation=a)(i) for a in names])), [floats(3, 4)]


@sample()
def stateful(K):
    L = K.layers
    i = L.Input(batch_shape=(3, 4, 2)) if K is K3 else L.Input(batch_size=3, shape=(4, 2))
    return functional(K, i, L.Dense(2)(L.LSTM(3, stateful=True)(i))), [floats(3, 4, 2)]


@sample()
def wide(K):
    """Any length and size."""
    L = K.layers
    i = L.Input((None, None, 3))
    return functional(K, i, L.GlobalAveragePooling2D()(L.Conv2D(3, 2)(i))), [floats(2, 7, 8, 3)]


# ------------------------------------------------------------------ of one library
@sample("keras3")
def lora(K):
    L = K.layers
    m = sequential(K, (4,), L.Dense(3, name="base"), L.Dense(2))
    m.layers[0].enable_lora(2)
    return scramble(m), [floats(3, 4)]


@sample("keras3")
def quantized(K):
    L = K.layers
    m = sequential(K, (4,), L.Dense(3), L.Dense(2))
    m.quantize("int8")
    return m, [floats(3, 4)]


@sample("keras3")
def of_keras3(K):
    L = K.layers
    return sequential(K, (5, 6), L.RMSNormalization(), L.Dense(4, activation="hard_silu"), L.Dense(3), L.Flatten(), L.Dense(2)), [floats(2, 5, 6)]


@sample("keras3")
def grouped_attention(K):
    L = K.layers
    i = L.Input((5, 6))
    return functional(K, i, L.GroupQueryAttention(3, 4, 2)(i, i)), [floats(2, 5, 6)]


@sample("keras3")
def seeds(K):
    """Layers with a generator's state among their variables."""
    L = K.layers
    return sequential(K, (4,), L.Dropout(0.2, seed=3), L.Dense(3), L.GaussianNoise(0.2, seed=5)), [floats(3, 4)]


@sample("tf_keras")
def of_tf_keras(K):
    L = K.layers
    return sequential(K, (6, 2), L.LocallyConnected1D(2, 2), L.ThresholdedReLU(0.2), L.Flatten(), L.Dense(2)), [floats(2, 6, 2)]


@sample("tf_keras")
def renamed(K):
    """Arguments that Keras 3 does not have, at values that say something, or nothing."""
    L = K.layers
    return sequential(K, (6, 2), L.LSTM(3, time_major=False, implementation=1, return_sequences=True), L.SpatialDropout1D(0.1), L.Dense(2)), [floats(2, 6, 2)]

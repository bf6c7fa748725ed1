"""The models that make_fixtures.py writes, each built and compiled with one of the two libraries."""
import numpy as np

from common import CUSTOM, K2, K3

WORDS = "amber basil cedar delta ember fjord grove hazel iris jade kelp lotus maple nectar opal pine".split()


class Variant:
    """Chooses widths and names: variant 0 gives the defaults, others draw from a seeded RNG."""

    def __init__(self, variant, case):
        self.v = variant
        self.rng = np.random.default_rng([variant, sum(case.encode())]) if variant else None
        self.used = set()

    def width(self, default, lo=None, hi=None):
        if not self.v:
            return default
        lo = lo or max(2, default // 2)
        hi = hi or max(lo + 2, default * 3 // 2)
        choices = [w for w in range(lo, hi + 1) if w != default]
        return int(self.rng.choice(choices))

    def rate(self, default):
        """A learning rate or similar small number."""
        return default if not self.v else round(default * float(self.rng.choice([0.4, 0.6, 0.8, 1.25, 1.5])), 6)

    def act(self, default):
        if not self.v:
            return default
        return str(self.rng.choice([a for a in ("relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "swish")
                                    if a != default]))

    def name(self, default=None):
        """Explicit layer name in variants, automatic name (None) or `default` in variant 0."""
        if not self.v:
            return default
        while True:
            n = f"{self.rng.choice(WORDS)}_{self.rng.integers(2, 99)}"
            if n not in self.used:
                self.used.add(n)
                return n

    def kw(self, default=None):
        n = self.name(default)
        return {"name": n} if n else {}


def inp(K, shape, **kw):
    return K.layers.Input(shape=shape, **kw)


# ----------------------------------------------------------------------------- cases
# Each builder returns (compiled model, inputs, targets, options). Options: epochs and batch of the training that
# comes before the files; keep = how many examples the expected results use; sharded = largest shard in bytes of
# ckpt_sharded; tol = tolerance of the expected results; saved_model, export = False where not written.


def case_mlp(K, p, rng):
    n, h, c = 784, p.width(512, 96, 448), p.width(10, 4, 17)
    L = K.layers
    first = L.Dense(h, activation=p.act("relu"), **p.kw(), **({"input_shape": (n,)} if K is K2 else {}))
    layers = [first, L.Dropout(0.2 if not p.v else 0.35, **p.kw()), L.Dense(c, **p.kw())]
    m = K.Sequential(([] if K is K2 else [inp(K, (n,))]) + layers, **p.kw())
    m.compile(
        optimizer="adam" if not p.v else K.optimizers.Adam(0.002, beta_1=0.85),
        loss=K.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[K.metrics.SparseCategoricalAccuracy()])
    # Digit-like pixels: a zero border, values k/255 inside.
    img = np.zeros((96, 28, 28), "float32")
    img[:, 7:21, 7:21] = rng.integers(0, 256, (96, 14, 14)).astype("float32") / 255.0
    x = img.reshape(96, n)
    y = rng.integers(0, c, 96).astype("int64")
    return m, [x], [y], dict(epochs=2, batch=32, keep=16)


def case_mlp_deep(K, p, rng):
    """Another depth than the guide's: two to five Dense layers, string loss, dropout only in odd variants."""
    L = K.layers
    n, c = p.width(48), p.width(6, 3, 9)
    layers = [inp(K, (n,), **p.kw())]
    for _ in range(1 + p.v % 4 if p.v else 2):
        layers.append(L.Dense(p.width(32), activation=p.act("relu"), **p.kw()))
        if p.v % 2:
            layers.append(L.Dropout(p.rate(0.25), **p.kw()))
    layers.append(L.Dense(c, activation="softmax", **p.kw()))
    m = K.Sequential(layers, **p.kw())
    m.compile(optimizer=K.optimizers.Adam(p.rate(0.004)), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, [rng.normal(size=(40, n)).astype("float32")], [rng.integers(0, c, 40).astype("int64")], \
        dict(epochs=2, batch=16, export=False)


def case_conv(K, p, rng):
    L = K.layers
    f1, f2, d = p.width(8), p.width(12), p.width(16)
    i = inp(K, (12, 12, 2), **p.kw("image"))
    x = L.Conv2D(f1, 3, padding="same", activation=p.act("relu"), **p.kw())(i)
    x = L.BatchNormalization(**p.kw())(x)
    x = L.MaxPooling2D(2, **p.kw())(x)
    x = L.Conv2D(f2, 3, strides=2, padding="valid", use_bias=False, **p.kw())(x)
    x = L.BatchNormalization(momentum=0.9, epsilon=p.rate(2e-3), **p.kw())(x)
    x = L.ReLU(**p.kw())(x)
    x = L.Flatten(**p.kw())(x)
    x = L.Dense(d, activation=p.act("tanh"), kernel_regularizer=K.regularizers.L2(p.rate(1e-3)), **p.kw())(x)
    o = L.Dense(5, activation="softmax", **p.kw())(x)
    m = K.Model(i, o, **p.kw("convnet"))
    m.compile(optimizer=K.optimizers.Adam(p.rate(0.003)), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    # The first beta's gradient is zero but for rounding, since the second normalization takes off what it adds: Adam makes steps of the
    # rounding, and the library itself differs from exact arithmetic by 1e-5 there.
    return m, [rng.normal(size=(24, 12, 12, 2)).astype("float32")], [rng.integers(0, 5, 24).astype("int64")], \
        dict(epochs=3, batch=8, sharded=2000, tol=2e-5)


def case_separable(K, p, rng):
    """What mobile and older models for images have beside convolutions."""
    L = K.layers
    f1, f2 = p.width(6), p.width(8)
    i = inp(K, (9, 10, 3), **p.kw("image"))
    x = L.ZeroPadding2D(((0, 1), (1, 0)), **p.kw())(i)
    x = L.SeparableConv2D(f1, 3, strides=2, padding="same", activation=p.act("relu"), depth_multiplier=2, **p.kw())(x)
    x = L.DepthwiseConv2D(3, use_bias=False, **p.kw())(x)
    x = L.Conv2DTranspose(f2, 2, strides=2, activation="tanh", **p.kw())(x)
    x = L.Cropping2D(((1, 0), (0, 1)), **p.kw())(x)
    x = L.UpSampling2D((2, 1), **p.kw())(x)
    x = L.Permute((2, 3, 1), **p.kw())(x)
    x = L.Reshape((-1, f2), **p.kw())(x)
    x = L.SeparableConv1D(f1, 3, dilation_rate=2, **p.kw())(x)
    x = L.Cropping1D((2, 1), **p.kw())(x)
    x = L.GlobalMaxPooling1D(**p.kw())(x)
    o = L.Dense(3, activation="softmax", **p.kw())(x)
    m = K.Model(i, o, **p.kw("separable"))
    m.compile(optimizer=K.optimizers.Adam(p.rate(0.003)), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return m, [rng.normal(size=(12, 9, 10, 3)).astype("float32")], [rng.integers(0, 3, 12).astype("int64")], \
        dict(epochs=2, batch=6, saved_model=False, tol=2e-5)


def case_two_branch(K, p, rng):
    L = K.layers
    w, w2 = p.width(8), p.width(6)
    a = inp(K, (5,), **p.kw("left"))
    b = inp(K, (3,), **p.kw("right"))
    xa = L.Dense(w, activation=p.act("relu"), **p.kw("left_fc"))(a)
    xb = L.Dense(w, activation=p.act("sigmoid"), **p.kw("right_fc"))(b)
    s = L.Add(**p.kw("sum"))([xa, xb])
    c = L.Concatenate(axis=-1, **p.kw("joined"))([s, xa, b])
    x = L.Dense(w2, activation=p.act("elu"), **p.kw("trunk"))(c)
    o1 = L.Dense(4, **p.kw("cls"))(x)
    o2 = L.Dense(1, activation="softplus", **p.kw("reg"))(x)
    m = K.Model([a, b], [o1, o2], **p.kw("two_branch"))
    m.compile(
        optimizer=K.optimizers.Adam(K.optimizers.schedules.ExponentialDecay(p.rate(0.01), 4, 0.9, staircase=True)),
        loss=[K.losses.SparseCategoricalCrossentropy(from_logits=True), K.losses.MeanSquaredError()],
        loss_weights=[1.0, p.rate(0.25)])
    n = 20
    return m, [rng.normal(size=(n, 5)).astype("float32"), rng.normal(size=(n, 3)).astype("float32")], \
        [rng.integers(0, 4, n).astype("int64"), rng.random((n, 1)).astype("float32")], dict(epochs=3, batch=10)


def case_rnn(K, p, rng):
    L = K.layers
    v, e, h1, h2 = p.width(17), p.width(5), p.width(6), p.width(4)
    i = inp(K, (7,), dtype="int32", **p.kw("tokens"))
    x = L.Embedding(v, e, mask_zero=False, **p.kw())(i)
    x = L.LSTM(h1, return_sequences=True, **p.kw())(x)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True, **p.kw()), **p.kw())(x)
    x = L.GRU(h2, **p.kw())(x)
    o = L.Dense(1, activation="sigmoid", **p.kw())(x)
    m = K.Model(i, o, **p.kw("rnn"))
    m.compile(optimizer=K.optimizers.RMSprop(p.rate(0.01)), loss=K.losses.BinaryCrossentropy(),
              metrics=[K.metrics.BinaryAccuracy(name="acc")])
    return m, [rng.integers(1, v, (16, 7)).astype("int32")], [rng.integers(0, 2, (16, 1)).astype("float32")], \
        dict(epochs=2, batch=8, saved_model=False, tol=2e-5)


def case_attention(K, p, rng):
    L = K.layers
    d, ff = 2 * p.width(4), p.width(12)
    i = inp(K, (6, d), **p.kw("seq"))
    a = L.MultiHeadAttention(num_heads=2, key_dim=p.width(3), **p.kw())(i, i)
    x = L.LayerNormalization(epsilon=1e-6, **p.kw())(L.Add(**p.kw())([i, a]))
    f = L.Dense(ff, activation="gelu", **p.kw())(x)
    f = L.Dense(d, **p.kw())(f)
    x = L.LayerNormalization(**p.kw())(L.Add(**p.kw())([x, f]))
    x = L.GlobalAveragePooling1D(**p.kw())(x)
    o = L.Dense(3, **p.kw())(x)
    m = K.Model(i, o, **p.kw("attention"))
    m.compile(optimizer=K.optimizers.AdamW(p.rate(0.002), weight_decay=p.rate(0.01)),
              loss=K.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
              metrics=[K.metrics.CategoricalAccuracy()])
    return m, [rng.normal(size=(12, 6, d)).astype("float32")], \
        [np.eye(3, dtype="float32")[rng.integers(0, 3, 12)]], dict(epochs=2, batch=6, saved_model=False, tol=2e-5)


def case_nested(K, p, rng):
    """A Sequential inside a Functional model, a frozen layer and a shared layer."""
    L = K.layers
    w = p.width(6)
    enc = K.Sequential([inp(K, (4,)), L.Dense(w, activation="relu", **p.kw("enc_a")),
                        L.Dense(w, **p.kw("enc_b"))], **p.kw("encoder"))
    shared = L.Dense(w, activation="tanh", **p.kw("shared"))
    i = inp(K, (4,), **p.kw("x"))
    e = enc(i)
    y = L.Add(**p.kw("mix"))([shared(e), shared(L.Activation("relu", **p.kw("act"))(e))])
    frozen = L.Dense(3, **p.kw("frozen"))
    frozen.trainable = False
    o = L.Dense(2, **p.kw("head"))(frozen(y))
    m = K.Model(i, o, **p.kw("nested"))
    m.compile(optimizer=K.optimizers.SGD(p.rate(0.05)), loss=K.losses.MeanSquaredError())
    return m, [rng.normal(size=(10, 4)).astype("float32")], [rng.normal(size=(10, 2)).astype("float32")], \
        dict(epochs=2, batch=5, saved_model=False)


def case_wrapped(K, p, rng):
    """Models that a layer calls on each step: a Sequential, and a functional one that is frozen."""
    L = K.layers
    w, f = p.width(4), p.width(3)
    image = K.Sequential([inp(K, (6, 6, 2)), L.Conv2D(f, 3, **p.kw("conv")), L.Flatten(**p.kw("flat")),
                          L.Dense(w, **p.kw("features"))], **p.kw("image"))
    if K is K3:  # tf_keras calls a Sequential here twice, for its mask, and updates its statistics each time
        image.add(L.BatchNormalization(**p.kw("bn")))
    a = inp(K, (w,), **p.kw("features_in"))
    b = L.Dense(w, activation="tanh", **p.kw("left"))(a)
    head = K.Model(a, L.Add(**p.kw("sum"))([a, L.Dense(w, **p.kw("right"))(b)]), **p.kw("mix"))
    head.trainable = False
    i = inp(K, (3, 6, 6, 2), **p.kw("video"))
    x = L.TimeDistributed(image, **p.kw("frames"))(i)
    x = L.TimeDistributed(head, **p.kw("steps"))(x)
    o = L.Dense(2, **p.kw("out"))(L.SimpleRNN(3, **p.kw("memory"))(x))
    m = K.Model(i, o, **p.kw("wrapped"))
    m.compile(optimizer=K.optimizers.SGD(p.rate(0.02), momentum=0.9), loss=K.losses.MeanSquaredError())
    return m, [rng.normal(size=(8, 3, 6, 6, 2)).astype("float32")], [rng.normal(size=(8, 2)).astype("float32")], \
        dict(epochs=1, batch=4, tol=2e-5)


def case_custom(K, p, rng):
    L = K.layers
    m = K.Sequential([inp(K, (4,)), L.Dense(p.width(6), **p.kw()), CUSTOM[K](start=p.rate(0.5), **p.kw()),
                      L.Activation("swish", **p.kw()), L.Dense(2, **p.kw())], **p.kw("with_custom"))
    m.compile(optimizer=K.optimizers.Adam(p.rate(0.01)), loss=K.losses.MeanSquaredError())
    return m, [rng.normal(size=(10, 4)).astype("float32")], [rng.normal(size=(10, 2)).astype("float32")], \
        dict(epochs=2, batch=5)


def optimizer_case(make, libs=("tf_keras", "keras3"), **opts):
    def build(K, p, rng):
        L = K.layers
        m = K.Sequential([inp(K, (6,)), L.Dense(p.width(5), activation=p.act("relu"), **p.kw("fc1")),
                          L.Dense(3, **p.kw("fc2"))], **p.kw("opt_net"))
        m.compile(optimizer=make(K, p.rate), loss=K.losses.MeanSquaredError(reduction="sum_over_batch_size"))
        return m, [rng.normal(size=(12, 6)).astype("float32")], [rng.normal(size=(12, 3)).astype("float32")], \
            dict(epochs=3, batch=4, saved_model=False, export=False, **opts)
    build.libs = libs
    return build


def dtype_case(policy):
    def build(K, p, rng):
        L = K.layers
        kw = {"dtype": K.mixed_precision.Policy(policy) if K is K2 and policy.startswith("mixed") else policy}
        m = K.Sequential([inp(K, (6,)), L.Dense(p.width(8), activation="relu", **p.kw("fc1"), **kw),
                          L.Dense(3, **p.kw("fc2"), **kw),
                          L.Activation("linear", dtype="float32", **p.kw("cast"))], **p.kw("lowp"))
        o = K.optimizers.Adam(0.01)
        if policy == "mixed_float16":
            o = (K2.mixed_precision.LossScaleOptimizer(o, initial_scale=1024.0, dynamic_growth_steps=3) if K is K2
                 else K3.optimizers.LossScaleOptimizer(o, initial_scale=1024.0, dynamic_growth_steps=3))
        m.compile(optimizer=o, loss=K.losses.MeanSquaredError())
        return m, [rng.normal(size=(8, 6)).astype("float32")], [rng.normal(size=(8, 3)).astype("float32")], \
            dict(epochs=2, batch=4, saved_model=False, export=False, tol=4e-3, policy=policy)
    return build


CASES = {
    "mlp": case_mlp,
    "mlp_deep": case_mlp_deep,
    "conv": case_conv,
    "separable": case_separable,
    "two_branch": case_two_branch,
    "rnn": case_rnn,
    "attention": case_attention,
    "nested": case_nested,
    "wrapped": case_wrapped,
    "custom": case_custom,
    "opt_sgdm": optimizer_case(
        lambda K, r: K.optimizers.SGD(r(0.05), momentum=r(0.6) if r(1.0) != 1.0 else 0.9, nesterov=True), sharded=90),
    "opt_rmsprop": optimizer_case(
        lambda K, r: K.optimizers.RMSprop(r(0.01), rho=0.85, momentum=r(0.5), centered=True)),
    "opt_adagrad": optimizer_case(lambda K, r: K.optimizers.Adagrad(r(0.1), initial_accumulator_value=r(0.2))),
    "opt_adamw": optimizer_case(lambda K, r: K.optimizers.AdamW(r(0.01), weight_decay=r(0.02), clipnorm=r(1.0))),
    "opt_nadam": optimizer_case(lambda K, r: K.optimizers.Nadam(r(0.01))),
    "opt_amsgrad": optimizer_case(lambda K, r: K.optimizers.Adam(r(0.01), amsgrad=True)),
    "opt_legacy_adam": optimizer_case(
        lambda K, r: K.optimizers.legacy.Adam(r(0.01), decay=r(0.001)), libs=["tf_keras"]),
    "opt_legacy_nadam": optimizer_case(lambda K, r: K.optimizers.legacy.Nadam(r(0.01)), libs=["tf_keras"]),
    "opt_legacy_ftrl": optimizer_case(lambda K, r: K.optimizers.legacy.Ftrl(r(0.1)), libs=["tf_keras"]),
    "opt_ema": optimizer_case(lambda K, r: K.optimizers.Adam(r(0.01), use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4)),
    "opt_adafactor": optimizer_case(lambda K, r: K.optimizers.Adafactor(r(0.05))),
    "opt_several": optimizer_case(
        lambda K, r: K.optimizers.MultiOptimizer(K.optimizers.OptimizerMap(
            K.optimizers.ScheduleFreeAdamW(r(0.01)), {".*fc1/kernel": K.optimizers.Muon(r(0.02), gradient_accumulation_steps=2), ".*/bias": K.optimizers.Lamb(r(0.01))})),
        libs=["keras3"]),
    "float16": dtype_case("float16"),
    "mixed_float16": dtype_case("mixed_float16"),
}

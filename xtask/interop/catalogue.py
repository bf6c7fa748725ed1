"""Models of every layer class of Keras 3 and tf_keras, with sizes and settings that a seed says: for check_catalogue.py."""
import numpy as np

# Axes of an input by what a class reads; sizes are drawn.
VECTOR, STEPS, IMAGE, VOLUME, FILM = "v", "s", "i", "o", "f"


def shape(r, kind):
    """A shape without the batch."""
    n = lambda low, high: int(r.integers(low, high + 1))
    c = n(2, 4)
    return {VECTOR: [n(3, 7)], STEPS: [n(5, 9), c], IMAGE: [n(6, 9), n(6, 9), c], VOLUME: [n(4, 6), n(4, 6), n(4, 6), c],
            FILM: [n(2, 3), n(5, 6), n(5, 6), c], "c": [2, 4, 4, 4, 2]}[kind]


def one(r, *choices):
    return choices[int(r.integers(len(choices)))]


# Settings by their keys: values that most classes take. Each is set in about a third of the models.
COMMON = {
    "activation": lambda r: one(r, "relu", "tanh", "elu", "selu", "gelu", "sigmoid", "softplus", "softsign", "silu", "linear"),
    "recurrent_activation": lambda r: one(r, "sigmoid", "hard_sigmoid", "tanh"),
    "use_bias": lambda r: False,
    "kernel_initializer": lambda r: one(r, "he_normal", "lecun_uniform", "random_normal", "orthogonal", "glorot_normal"),
    "bias_initializer": lambda r: one(r, "ones", "random_uniform"),
    "kernel_regularizer": lambda r: one(r, "l1", "l2"),
    "bias_regularizer": lambda r: "l2",
    "recurrent_regularizer": lambda r: "l2",
    "kernel_constraint": lambda r: one(r, "max_norm", "non_neg", "unit_norm"),
    "bias_constraint": lambda r: "non_neg",
    "depthwise_regularizer": lambda r: "l2",
    "pointwise_constraint": lambda r: "max_norm",
    "padding": lambda r: "same",
    "strides": lambda r: one(r, 2, 1),
    "keepdims": lambda r: True,
    "return_sequences": lambda r: True,
    "go_backwards": lambda r: True,
    "unroll": lambda r: True,
    "epsilon": lambda r: one(r, 1e-2, 1e-4),
    "center": lambda r: False,
    "scale": lambda r: False,
    "momentum": lambda r: one(r, 0.5, 0.9),
    "beta_initializer": lambda r: "random_normal",
    "gamma_initializer": lambda r: "random_normal",
    "gamma_regularizer": lambda r: "l2",
    "embeddings_regularizer": lambda r: "l2",
    "embeddings_constraint": lambda r: "unit_norm",
    "depth_multiplier": lambda r: 2,
}
# Those whose numbers are random while a model trains: they predict, and pass a step.
RANDOM = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise", "GaussianDropout", "AlphaDropout")


def settings(r, cls, *keys):
    """Some of the settings that a class has."""
    import inspect
    known = inspect.signature(cls.__init__).parameters
    return {key: COMMON[key](r) for key in sorted({*keys, *(k for k in COMMON if k in known)})
            if key in known and r.random() < 0.3}


def table(K):
    """Class to (kind of input, arguments from a generator and the shape)."""
    L, conv = K.layers, lambda n: lambda r, s: {"filters": int(r.integers(2, 5)), "kernel_size": int(r.integers(1, 4))}
    own = lambda **args: lambda r, s: {k: v(r) if callable(v) else v for k, v in args.items()}
    units = own(units=lambda r: int(r.integers(2, 6)))
    rate = own(rate=lambda r: float(one(r, 0.1, 0.5)))
    none = own()
    size = lambda n: lambda r, s: {"pool_size": int(r.integers(2, 4))}
    pairs = lambda n: [[int(a), int(b)] for a, b in ((0, 1), (1, 2), (1, 0))[:n]]
    cell = lambda r: one(r, L.LSTM, L.GRU, L.SimpleRNN)(int(r.integers(2, 4)), **({"return_sequences": True} if r.random() < 0.5 else {}))
    out = {
        "Dense": (VECTOR, units), "Activation": (VECTOR, own(activation=COMMON["activation"])), "Flatten": (IMAGE, none), "Dropout": (VECTOR, rate),
        "Permute": (IMAGE, own(dims=lambda r: [int(d) + 1 for d in r.permutation(3)])), "RepeatVector": (VECTOR, own(n=3)),
        "Reshape": (STEPS, lambda r, s: {"target_shape": [-1, s[0]] if r.random() < 0.5 else [s[0] * s[1]]}),
        "ActivityRegularization": (VECTOR, own(l1=0.1, l2=0.2)), "Masking": (STEPS, own(mask_value=0.0)), "Identity": (VECTOR, none),
        "EinsumDense": (STEPS, lambda r, s: {"equation": "abc,cd->abd", "output_shape": (s[0], 3), "bias_axes": one(r, "d", None)}),
        "Rescaling": (IMAGE, own(scale=0.5, offset=lambda r: one(r, 0.0, 1.0))),
        "ELU": (VECTOR, own(alpha=0.7)), "LeakyReLU": (VECTOR, none), "PReLU": (STEPS, none), "Softmax": (STEPS, own(axis=lambda r: one(r, -1, 1))),
        "ReLU": (VECTOR, own(max_value=lambda r: one(r, None, 0.8), negative_slope=lambda r: one(r, 0.0, 0.2), threshold=lambda r: one(r, 0.0, 0.3))),
        "ThresholdedReLU": (VECTOR, own(theta=0.4)), "UnitNormalization": (STEPS, none), "LayerNormalization": (IMAGE, lambda r, s: {"axis": one(r, -1, [1, 2], [1, 2, 3])}),
        "BatchNormalization": (IMAGE, lambda r, s: {"axis": one(r, -1, 1)}), "RMSNormalization": (STEPS, none),
        "GroupNormalization": (IMAGE, lambda r, s: {"groups": one(r, s[-1], 1)}), "Normalization": (VECTOR, lambda r, s: {"mean": 0.5, "variance": 2.0}),
        "SpatialDropout1D": (STEPS, rate), "SpatialDropout2D": (IMAGE, rate), "SpatialDropout3D": (VOLUME, rate), "GaussianNoise": (VECTOR, own(stddev=0.5)),
        "GaussianDropout": (VECTOR, rate), "AlphaDropout": (VECTOR, rate), "SpectralNormalization": (VECTOR, lambda r, s: {"layer": L.Dense(3)}),
        "TimeDistributed": (FILM, lambda r, s: {"layer": L.Conv2D(2, 2)}), "Bidirectional": (STEPS, lambda r, s: {"layer": cell(r), "merge_mode": one(r, "concat", "sum", "ave", "mul")}),
        "RNN": (STEPS, lambda r, s: {"cell": one(r, L.LSTMCell, L.GRUCell, L.SimpleRNNCell)(3)}), "Discretization": (VECTOR, own(bin_boundaries=[-0.5, 0.0, 0.7])),
        "UpSampling1D": (STEPS, own(size=2)), "UpSampling2D": (IMAGE, own(size=lambda r: [2, 3], interpolation=lambda r: one(r, "nearest", "bilinear"))), "UpSampling3D": (VOLUME, own(size=2)),
        "ZeroPadding1D": (STEPS, own(padding=[1, 2])), "ZeroPadding2D": (IMAGE, own(padding=pairs(2))), "ZeroPadding3D": (VOLUME, own(padding=pairs(3))),
        "Cropping1D": (STEPS, own(cropping=[1, 2])), "Cropping2D": (IMAGE, own(cropping=pairs(2))), "Cropping3D": (VOLUME, own(cropping=[[1, 0], [0, 1], [1, 1]])),
        "Resizing": (IMAGE, own(height=5, width=7, interpolation=lambda r: one(r, "bilinear", "nearest", "bicubic"))), "CenterCrop": (IMAGE, own(height=4, width=5)),
        "Lambda": (VECTOR, lambda r, s: {"function": K.activations.tanh}),
    }
    for name in ("LSTM", "GRU", "SimpleRNN"):
        out[name] = (STEPS, units)
    for n, kind in ((1, STEPS), (2, IMAGE), (3, VOLUME)):
        for name in (f"Conv{n}D", f"Conv{n}DTranspose", f"SeparableConv{n}D"):
            out[name] = (kind, conv(n))
        out[f"DepthwiseConv{n}D"] = (kind, own(kernel_size=lambda r: int(r.integers(1, 4))))
        for name in (f"MaxPooling{n}D", f"AveragePooling{n}D"):
            out[name] = (kind, size(n))
        for name in (f"GlobalMaxPooling{n}D", f"GlobalAveragePooling{n}D"):
            out[name] = (kind, none)
        for name in (f"AdaptiveMaxPooling{n}D", f"AdaptiveAveragePooling{n}D"):
            out[name] = (kind, own(output_size=2))
        out[f"LocallyConnected{n}D"] = (kind, own(filters=2, kernel_size=2))
    for n, kind in ((1, IMAGE), (2, FILM)):
        out[f"ConvLSTM{n}D"] = (kind, own(filters=2, kernel_size=2))
    for name in ("RandomFlip", "RandomShear", "RandomPerspective", "RandomElasticTransform", "RandomGrayscale", "RandomInvert",
                 "RandomGaussianBlur", "RandomErasing", "AutoContrast", "Equalization", "MixUp", "CutMix", "RandAugment", "AugMix", "RandomColorJitter"):
        out[name] = (IMAGE, none)
    for name in ("RandomRotation", "RandomContrast", "RandomBrightness", "RandomHue", "RandomSaturation", "RandomColorDegeneration", "RandomPosterization", "RandomSharpness", "RandomHeight", "RandomWidth"):
        out[name] = (IMAGE, own(factor=3 if name == "RandomPosterization" else 0.2))
    out["ConvLSTM3D"] = ("c", own(filters=2, kernel_size=2))
    out["ContrastLimitedAdaptiveHistogramEqualization"] = out["Solarization"] = (IMAGE, none)
    out["MaxNumBoundingBoxes"] = (IMAGE, own(max_number=3))
    out["Pipeline"] = (IMAGE, lambda r, s: {"layers": [L.CenterCrop(4, 5), L.Rescaling(0.5)]})
    out["RandomCrop"] = (IMAGE, own(height=4, width=5))
    out["RandomTranslation"] = (IMAGE, own(height_factor=0.1, width_factor=0.1))
    out["RandomZoom"] = (IMAGE, own(height_factor=0.1))
    # The number of inputs, where it is not one.
    out.update({name: (STEPS, none, 2) for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate", "Attention", "AdditiveAttention")})
    out["Dot"] = (STEPS, own(axes=lambda r: one(r, 1, 2), normalize=lambda r: bool(r.integers(2))), 2)
    out["MultiHeadAttention"] = (STEPS, own(num_heads=2, key_dim=3, value_dim=lambda r: one(r, None, 2)), 2)
    out["GroupQueryAttention"] = (STEPS, own(head_dim=2, num_query_heads=4, num_key_value_heads=2), 2)
    # Whole numbers and words.
    out["Embedding"] = ("n", own(input_dim=9, output_dim=3, mask_zero=lambda r: bool(r.integers(2))))
    out["ReversibleEmbedding"] = ("n", own(input_dim=9, output_dim=3, tie_weights=lambda r: bool(r.integers(2))))
    out["CategoryEncoding"] = ("n", own(num_tokens=9, output_mode=lambda r: one(r, "multi_hot", "count")))
    out["Hashing"] = ("n", own(num_bins=4, output_mode="multi_hot"))
    out["HashedCrossing"] = ("n1", own(num_bins=4, output_mode="one_hot"), 2)
    out["IntegerLookup"] = ("n", own(vocabulary=[1, 4, 2], output_mode=lambda r: one(r, "multi_hot", "count")))
    out["StringLookup"] = ("w", own(vocabulary=["a", "b", "cat"], output_mode=lambda r: one(r, "multi_hot", "count")))
    out["TextVectorization"] = ("t", own(vocabulary=["cat", "dog", "the"], output_mode=lambda r: one(r, "multi_hot", "count")))
    out["STFTSpectrogram"] = ("a", own(mode=lambda r: one(r, "log", "magnitude", "real"), frame_length=16, frame_step=8, fft_length=16))
    out["MelSpectrogram"] = ("a", own(fft_length=32, sequence_stride=16, num_mel_bins=6, sampling_rate=800))
    return out


def data(r, kind, batch, s):
    """Data of an input, and its shape and type."""
    words = np.array(["a", "cat", "the dog", "b", "", "dog cat the"])
    if kind in ("n", "n1"):
        return r.integers(0, 9, (batch, 1 if kind == "n1" else 5)), "int64"
    if kind in ("w", "t"):
        return r.choice(words, (batch, 1 if kind == "t" else 3)), "string"
    if kind == "a":
        return r.normal(size=(batch, 96)).astype("float32"), "float32"
    return r.normal(size=(batch, *s)).astype("float32"), "float32"


def make(K, name, seed, batch=3):
    """A model with a layer of this class between others, its inputs, and whether a step of training is the same at every time. None where the library refuses it."""
    r = np.random.default_rng([seed, sum(map(ord, name))])
    kind, arguments, *count = table(K)[name]
    cls = getattr(K.layers, name)
    K.utils.set_random_seed(seed % 1000)
    s = shape(r, kind) if kind in (VECTOR, STEPS, IMAGE, VOLUME, FILM, "c") else None
    if name.startswith(("Rand", "AugMix")):
        # Some of them take coloured images alone.
        s[-1] = 3
    args = arguments(r, s)
    args = {**settings(r, cls), **args}
    if name in ("Bidirectional",):
        args = {k: v for k, v in args.items() if k in ("layer", "merge_mode")}
    xs, inputs = [], []
    for at in range(count[0] if count else 1):
        x, dtype = data(r, kind, batch, s)
        xs.append(x)
        inputs.append(K.Input(x.shape[1:], dtype=dtype, name=f"in{at}"))
    layer = cls(**args, name="tried")
    y = layer(*inputs) if name in ("MultiHeadAttention", "GroupQueryAttention") else layer(inputs if len(inputs) > 1 else inputs[0])
    y = K.layers.Dense(2, name="last")(K.layers.Flatten()(y))
    model = K.Model(inputs if len(inputs) > 1 else inputs[0], y, name="m")
    for w in model.weights:
        value = np.asarray(w)
        if value.dtype.kind == "f" and "seed" not in w.name:
            w.assign(value + r.normal(size=value.shape).astype("float32") * 0.2 * (0 if "variance" in w.name else 1))
    # Half of those that can be are adapted or quantized.
    if hasattr(K, "quantizers") and name in ("Dense", "EinsumDense", "Embedding", "ReversibleEmbedding") and r.random() < 0.5:
        args["special"] = one(r, "int8", "int4", "lora")
        layer.enable_lora(2) if args["special"] == "lora" else model.quantize(args["special"])
    steady = name not in RANDOM and not name.startswith("Random") and name not in ("MixUp", "CutMix", "RandAugment", "AugMix") and not args.get("dropout")
    # A file of Keras has the kernel with what was added to it, and factors of zero.
    steady = steady and args.get("special") != "lora"
    return model, xs, args, steady

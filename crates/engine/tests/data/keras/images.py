"""As families.py, for layers that prepare images: writes images.json beside it."""

from families import configs, integers, keras, layers, plain, tf_keras, write

WAYS = ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5")


def table(k):
    """(class, arguments, inputs) of the layers that a library has; inputs are shapes without the batch."""
    image, wide, narrow = [6, 7, 3], [5, 12, 2], [13, 4, 2]
    size = {"height": 4, "width": 9}
    rows = [("Resizing", size, image)]
    rows += [("Resizing", {**size, "interpolation": how}, image) for how in WAYS]
    rows += [
        ("Resizing", {"height": 9, "width": 5, "interpolation": "nearest", "crop_to_aspect_ratio": True}, wide),
        ("Resizing", {"height": 9, "width": 5, "crop_to_aspect_ratio": True}, narrow),
        ("CenterCrop", {"height": 4, "width": 4}, image),
        ("CenterCrop", {"height": 3, "width": 6}, image),
        ("CenterCrop", {"height": 8, "width": 5}, image),
        ("CenterCrop", {"height": 7, "width": 9}, wide),
    ]
    rows += [
        ("RandomFlip", {}, image),
        ("RandomCrop", {"height": 4, "width": 3}, image),
        ("RandomTranslation", {"height_factor": 0.2, "width_factor": [-0.1, 0.3]}, image),
        ("RandomRotation", {"factor": 0.2}, image),
        ("RandomZoom", {"height_factor": [0.1, 0.3]}, image),
    ]
    if k is tf_keras:
        rows += [("RandomHeight", {"factor": 0.2}, image), ("RandomWidth", {"factor": [-0.2, 0.3]}, image)]
    if k is keras:
        rows += [
            ("RandomShear", {"x_factor": 0.2}, image),
            ("RandomPerspective", {"scale": 0.5}, image),
            ("RandomElasticTransform", {"scale": 0.5}, image),
        ]
        rows += [("Resizing", {**size, "interpolation": how, "antialias": True}, narrow) for how in WAYS]
        rows += [
            ("Resizing", {"height": 9, "width": 5, "pad_to_aspect_ratio": True}, wide),
            ("Resizing", {"height": 9, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 0.75, "interpolation": "nearest"}, narrow),
            ("Resizing", {**size, "data_format": "channels_first", "crop_to_aspect_ratio": True}, [2, 7, 6]),
            ("CenterCrop", {"height": 3, "width": 4, "data_format": "channels_first"}, image),
            ("CenterCrop", {"height": 9, "width": 4, "data_format": "channels_first"}, image),
            ("UpSampling2D", {"size": [2, 3], "interpolation": "area"}, image),
        ]
    return rows


def single(name, args):
    """Whether TensorFlow's kernel knows float32 only."""
    return True


def made(K):
    """Each class by default, and some with settings."""
    return [K.Resizing(4, 5), K.Resizing(4, 5, "lanczos3", pad_to_aspect_ratio=True, fill_value=0.5, antialias=True, data_format="channels_first"), K.Resizing(3, 3, crop_to_aspect_ratio=True),
            K.CenterCrop(4, 5), K.CenterCrop(4, 5, data_format="channels_first", bounding_box_format="xyxy"),
            K.RandomFlip(), K.RandomFlip("vertical", seed=3, data_format="channels_first"), K.RandomCrop(4, 5, seed=3),
            K.RandomTranslation(0.1, (-0.2, 0.3)), K.RandomTranslation(0.1, 0.2, fill_mode="constant", fill_value=0.5, interpolation="nearest", seed=3),
            K.RandomRotation(0.1), K.RandomRotation((-0.2, 0.3), fill_mode="wrap", interpolation="nearest", fill_value=0.5, seed=3), K.RandomZoom(0.1),
            K.RandomZoom((-0.1, 0.2), (0.1, 0.3), fill_mode="nearest"), K.RandomShear(), K.RandomShear(0.1, (0.2, 0.3), seed=3), K.RandomPerspective(),
            K.RandomPerspective((0.2, 0.5), 0.3, interpolation="nearest", fill_value=0.5), K.RandomElasticTransform(),
            K.RandomElasticTransform(0.5, (0.2, 0.3), fill_mode="constant", fill_value=0.5, value_range=(0, 1), seed=3)]


def only_keras2():
    """The same of classes that tf_keras alone has, without what its generators write."""
    K = tf_keras.layers
    found = [plain(tf_keras.utils.legacy.serialize_keras_object(o)) for o in (K.RandomHeight(0.1), K.RandomWidth((-0.1, 0.2), interpolation="nearest", seed=3))]
    return [{**o, "config": {key: v for key, v in o["config"].items() if key != "rng_type"}} for o in found]


def without():
    """Classes of the table that a library has not."""
    names = sorted({name for k in (keras, tf_keras) for name, *_ in table(k)})
    return {library: [n for n in names if not hasattr(k.layers, n)] for library, k in (("keras3", keras), ("tf_keras", tf_keras))}


if __name__ == "__main__":
    alone = layers(lambda k: [row for row in table(k) if not hasattr(keras.layers, row[0])], single, tf_keras, "float32")
    write("images.json", {"layers": layers(table, single, floatx="float32") + alone, "configs": configs(made) + only_keras2(), "integers": integers(table)}, without=without())

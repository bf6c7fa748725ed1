"""As families.py, for layers that prepare images: writes images.json beside it."""

from families import configs, integers, keras, layers, tf_keras, write

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
    if k is keras:
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
            K.CenterCrop(4, 5), K.CenterCrop(4, 5, data_format="channels_first")]


def without():
    """Classes of the table that a library has not."""
    names = sorted({name for k in (keras, tf_keras) for name, *_ in table(k)})
    return {library: [n for n in names if not hasattr(k.layers, n)] for library, k in (("keras3", keras), ("tf_keras", tf_keras))}


if __name__ == "__main__":
    write("images.json", {"layers": layers(table, single), "configs": configs(made), "integers": integers(table)}, without=without())

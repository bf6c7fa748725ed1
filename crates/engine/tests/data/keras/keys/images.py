"""As make.py, for layers that prepare images: writes images.json beside it."""

import make
from make import cases, keras, run_layer, run_recurrent, tf_keras, write

make.SHAPES.update({"picture": (2, 5, 6, 4), "broad": (2, 4, 9, 4), "high": (2, 11, 4, 4)})
make.STEPS.update(make.SHAPES)
NEEDED = ("height", "width", "factor")


def run_image(library, cls, args, behind=None, **more):
    """TensorFlow has no gradient of some kernels: a Dense layer behind the layer needs none."""
    return run_recurrent(library, cls, args, behind=behind, **more) if behind else run_layer(library, cls, args, **more)


def rows(library):
    one, table = dict, []

    def add(cls, args, keys=None, x=("picture",), **more):
        # The array is of these channels; with them first a Dense layer in front has the last axis.
        if hasattr(library.layers, cls):
            table.append((cls, args, keys, {"required": (*NEEDED, *more.pop("needed", ())), "x": list(x), **more}))

    formats = ({}, {"data_format": "channels_first"}) if library is keras else ({},)
    ways = ("nearest", "bicubic", "lanczos3", "lanczos5") + (() if library is keras else ("gaussian", "mitchellcubic", "MitchellCubic"))
    for fmt in formats:
        size = {"height": 3, "width": 7, **fmt}
        for args in ({}, *(one(interpolation=how) for how in ways), *(one(crop_to_aspect_ratio=True, interpolation=how) for how in ("bilinear", "nearest"))):
            for x in ("picture", "broad", "high"):
                if args or x == "picture":
                    crops = args.get("crop_to_aspect_ratio") and x == "broad" and not fmt
                    add("Resizing", {**size, **args}, [k for k in args if not (crops and k == "crop_to_aspect_ratio") and args[k] != "bilinear"] + ([*size] if not args else [*fmt]), x=[x])
        if not fmt:
            add("Resizing", {**size, "interpolation": "area"}, ["interpolation"], behind="Dense")
        if library is keras:
            for x in ("broad", "high"):
                for how in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
                    add("Resizing", {"height": 3, "width": 2, **fmt, "antialias": True, "interpolation": how}, ["antialias", *fmt], x=[x])
                # Square as they are, with the channels first.
                if x == "high" and fmt:
                    continue
                add("Resizing", {"height": 4, "width": 5, **fmt, "pad_to_aspect_ratio": True}, ["pad_to_aspect_ratio", *fmt], x=[x])
                add("Resizing", {"height": 9, "width": 7, **fmt, "pad_to_aspect_ratio": True, "fill_value": 0.75, "fill_mode": "constant"}, ["pad_to_aspect_ratio", "fill_value", *fmt], x=[x])
        # Cut out, and resized where the image is smaller.
        for h, w in ((3, 3), (2, 4), (5, 4), (7, 3), (3, 8), (12, 12)):
            add("CenterCrop", {"height": h, "width": w, **fmt}, [*NEEDED, *fmt])
        # Between two numbers that are the same nothing is random.
        behind = one(behind="Dense", needed=["height_factor", "width_factor"])
        for how in ("bilinear", "nearest"):
            for mode in ("reflect", "wrap", "constant", "nearest"):
                edges = one(fill_mode=mode, interpolation=how, **fmt)
                own = (["interpolation"] if how == "nearest" else []) + [*fmt]
                # Some of these images look alike.
                seen = ["fill_mode"] * (mode in ("wrap", "constant") and how == "bilinear") + own
                for down, across in ((0.23, -0.37), (-0.71, 0.9)):
                    args = one(height_factor=(down, down), width_factor=(across, across), **edges)
                    add("RandomTranslation", args, seen + ["height_factor", "width_factor"], **behind)
                for turn in (0.13, -0.4):
                    add("RandomRotation", {"factor": (turn, turn), **edges}, seen + ["factor"], **behind)
                for down, across in ((0.71, -0.37), (-0.63, 0.9)):
                    add("RandomZoom", {"height_factor": (down, down), **edges}, (seen if down > 0 else own) + ["height_factor"], **behind)
                    add("RandomZoom", {"height_factor": (down, down), "width_factor": (across, across), **edges}, own + ["width_factor"], **behind)
        edges = one(fill_mode="constant", fill_value=0.75, **fmt)
        add("RandomTranslation", {"height_factor": (0.4, 0.4), "width_factor": (0.0, 0.0), **edges}, ["fill_value", *fmt], **behind)
        add("RandomRotation", {"factor": (0.1, 0.1), **edges}, ["fill_value", *fmt], **behind)
        add("RandomZoom", {"height_factor": (0.4, 0.4), **edges}, ["fill_value", *fmt], **behind)
    if library is tf_keras:
        # Elsewhere, and in training where no window fits, resized.
        for h, w in ((7, 4), (3, 8), (8, 9)):
            add("RandomCrop", {"height": h, "width": w}, [*NEEDED[:2]], behind="Dense")
        # Of whole numbers of times it is that of the pixel there.
        add("UpSampling2D", one(size=(3, 2), interpolation="area"), [], behind="Dense")
        for how in ("gaussian", "mitchellcubic"):
            add("UpSampling2D", one(size=(3, 2), interpolation=how), ["interpolation"])
    return table


if __name__ == "__main__":
    write("images.json", [case for library in (keras, tf_keras) for case in cases("layers", library, rows(library), run_image)])

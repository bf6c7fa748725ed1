"""As families.py, for layers that make spectrograms of signals: writes signals.json beside it. `fresh` are predictions with the weights that layers begin with."""

import pathlib
import sys

import numpy as np
from families import configs, drawn, integers, keras, layers, plain, tf_keras, write

sys.path.insert(0, str(pathlib.Path(__file__).parent / "keys"))
# Its convolutions know the channels first, too.
import make  # noqa: F401, E402

FRAMES = {"frame_length": 16}
MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
WINDOWS = ("hann", "hamming", "blackman", "nuttall", "blackmanharris", "flattop", "bartlett", "boxcar", "barthann", "bohman")
MEL = {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 7, "sampling_rate": 8000}


def table(k):
    """(class, arguments, inputs) of the layers; inputs are shapes without the batch."""
    if k is tf_keras:
        return []
    rows = [("STFTSpectrogram", {"frame_length": 6, "mode": mode}, [20, 2]) for mode in MODES]
    rows += [("STFTSpectrogram", {"frame_length": 6, "frame_step": 4, "padding": "same", "expand_dims": True}, [21, 2])]
    return rows + [("MelSpectrogram", MEL, [50]), ("MelSpectrogram", MEL, [2, 50])]


def single(name, args):
    return name == "MelSpectrogram"


def made(K):
    """Each class by default, and some with settings."""
    return [K.STFTSpectrogram(), K.STFTSpectrogram("psd", 100, 30, 128, "hamming", True, "spectrum", "same", True, "channels_first"), K.STFTSpectrogram(window=None, scaling=None),
            K.MelSpectrogram(), K.MelSpectrogram(256, 64, 200, "hamming", 8000, 40, 30.0, 3000.0, False, 60.0, 1.0, 1e-8, 2.0)]


def fresh():
    rows = [("STFTSpectrogram", {**FRAMES, "mode": mode}) for mode in MODES if mode != "angle"]
    rows += [("STFTSpectrogram", {**FRAMES, "mode": "stft", "window": window, "periodic": periodic}) for window in WINDOWS for periodic in (False, True)]
    rows += [("STFTSpectrogram", {**FRAMES, "mode": "stft", "window": window, "scaling": scaling}) for window in ("hann", None) for scaling in ("density", "spectrum", None)]
    rows += [("STFTSpectrogram", {**FRAMES, "mode": mode, "expand_dims": expand, "data_format": fmt}) for mode in ("magnitude", "stft") for expand in (False, True) for fmt in ("channels_last", "channels_first")]
    rows += [("STFTSpectrogram", {"frame_length": 13, "frame_step": 5, "fft_length": 20, "padding": padding}) for padding in ("valid", "same")]
    rows += [("MelSpectrogram", MEL)]
    rows += [("MelSpectrogram", {**MEL, **more}) for more in ({"sequence_length": 20}, {"sequence_length": 21, "window": "hamming"}, {"window": None}, {"fft_length": 30, "num_mel_bins": 12}, {"sampling_rate": 16000.0},
                                                            {"min_freq": 300.0}, {"max_freq": 2000.0}, {"power_to_db": False}, {"top_db": 10.0}, {"mag_exp": 1.0}, {"mag_exp": 1.7}, {"min_power": 5.0}, {"ref_power": 4.0}, {"ref_power": -1e-3})]
    keras.config.set_floatx("float32")
    out = []
    for cls, args in rows:
        shape = [2, 3, 40] if args.get("data_format") == "channels_first" else [2, 60] if cls == "MelSpectrogram" else [2, 40, 3]
        x = np.float32(drawn(shape))
        layer = getattr(keras.layers, cls)(**args, dtype="float32")
        y = np.asarray(layer(x))
        config = {key: value for key, value in plain(layer.get_config()).items() if key not in ("name", "trainable", "dtype")}
        short = lambda values: [float(f"{v:.7g}") for v in values.ravel()]
        out.append({"class": cls, "args": plain(args), "config": config, "x": {"shape": shape, "data": short(x)}, "y_shape": list(y.shape), "y": short(y)})
    return out


if __name__ == "__main__":
    found = layers(table, single)
    for case in found:
        if case["name"] == "MelSpectrogram":
            # Its filters are of float32 in any case.
            case["tolerance"] = 2e-5
    without = {"keras3": [], "tf_keras": ["MelSpectrogram", "STFTSpectrogram"]}
    write("signals.json", {"fresh": fresh(), "layers": found, "configs": configs(made), "integers": integers(table)}, without=without)

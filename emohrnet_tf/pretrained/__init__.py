"""The models that come with the package: float16 weights, each with its own licence and model card beside it.

`ravdess.npz` was trained on RAVDESS, which is CC BY-NC-SA 4.0: so is it, non-commercial, and `ravdess_spectra.npz`, by
which an export of it is calibrated and verified. `voices.npz` was trained on RAVDESS, nEMO and EmoSpeech, all of that
licence. `ravdess.tflite` and `voices.tflite` are the same models for LiteRT (`inference.ready`).
"""

import json
from pathlib import Path

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import replacing

NAMES = ("voices", "ravdess")
STEP_DB = 1.5  # of the levels of spectra, which reach from 0 to 63 steps below the loudest


def is_pretrained(model):
    """Whether a path is the name of a pretrained model, and of no model: a corpus' folder does not hide it.

    Raises:
        InputError: neither a path nor a name.
    """
    if not isinstance(model, str | Path):
        raise InputError(
            f"A model is the path of a .keras file or of a run's folder, or one of {', '.join(NAMES)}. "
            f"Received: {type(model).__name__}"
        )
    path = Path(model)
    return str(model) in NAMES and not (path.is_file() or (path / "model.keras").is_file())


def weights_file(name):
    """Path of a model's weights.

    Raises:
        InputError: no model of that name.
    """
    if name not in NAMES:
        raise InputError(f"Pretrained models: {', '.join(NAMES)}. Received: {name!r}")
    return Path(__file__).parent / f"{name}.npz"


def write_weights(path, facts, arrays, heard=()):
    """One file of a model's facts (JSON-ready dict) and its weights: kernels in float16, the rest in float32.

    `heard` are the clips that it was trained on, as `audio.identity.digest` tells them: uint64 `(clips,)`.
    """
    stored = {
        f"weight{number:03}": array.astype("float16" if array.ndim > 1 else "float32")
        for number, array in enumerate(arrays)
    }
    with replacing(path) as part:
        np.savez_compressed(part, facts=json.dumps(facts), heard=np.unique(np.array(heard, "uint64")), **stored)


def read_weights(path):
    """`(facts, arrays)` of a file of `write_weights`, all arrays in float32."""
    with np.load(path) as file:
        names = sorted(name for name in file.files if name.startswith("weight"))
        return json.loads(str(file["facts"])), [file[name].astype("float32") for name in names]


def read_heard(path):
    """Clips of a file of `write_weights`, as `audio.identity.digest` tells them: uint64 `(clips,)`."""
    with np.load(path) as file:
        return file["heard"] if "heard" in file.files else np.zeros(0, "uint64")


def spectra_file(name):
    """Path of a model's spectra, which lie beside its weights."""
    return weights_file(name).with_name(f"{name}_spectra.npz")


def write_spectra(path, power):
    """Mel power of windows `(n, frames, mels)` as levels in steps of `STEP_DB`, relative to the loudest of a window.

    They hold what a network hears of a voice at half of its frames, and no waveform.
    """
    below = -10 * np.log10(power / power.max(axis=(1, 2), keepdims=True) + 1e-12)
    with replacing(path) as part:
        np.savez_compressed(part, levels=np.clip(np.rint(below / STEP_DB), 0, 63).astype("uint8"))


def read_spectra(path):
    """The mel power of `write_spectra`: float32 `(n, frames, mels)`, at most 1."""
    with np.load(path) as file:
        return 10 ** (file["levels"].astype("float32") * (-STEP_DB / 10))

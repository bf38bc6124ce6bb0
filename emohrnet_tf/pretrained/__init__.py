"""The models that come with the package: float16 weights, each with its own licence and model card beside it.

`ravdess.npz` was trained on RAVDESS, which is CC BY-NC-SA 4.0: so is it, non-commercial.
`ravdess.tflite` is the same model for LiteRT (`inference.ready`).
"""

import json
from pathlib import Path

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import replacing

NAMES = ("ravdess",)


def is_pretrained(model):
    """Whether a path is the name of a pretrained model, and of no model: a corpus' folder does not hide it."""
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

"""What a model says of the speech that it comes from; of a file its description alone is read."""

import json
import zipfile
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.identity import Heard
from emohrnet_tf.pretrained import is_pretrained, read_heard, read_weights, weights_file


def heard_by(model):
    """What a model has heard, as it says itself: `Heard`, or None where it does not say.

    Args:
        model: `EmoHRNet`, or as for `saved.load_model`.
    """
    if not isinstance(model, str | Path):
        return getattr(model, "heard", None)
    if is_pretrained(model):
        return pretrained_heard(str(model))
    path = Path(model)
    try:
        with zipfile.ZipFile(path / "model.keras" if path.is_dir() else path) as file:
            packed = json.loads(file.read("config.json"))["config"].get("heard")
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError):
        return None  # `load_model` says what is wrong
    return Heard.unpack(packed) if packed else None


def pretrained_heard(name):
    """The `Heard` of a pretrained model: its clips, and the names of its corpora, of which other copies exist."""
    file = weights_file(name)
    corpus = read_weights(file)[0]["corpus"]
    return Heard([(clip, 0.0, np.inf, True) for clip in read_heard(file).tolist()], corpus.split(", "))

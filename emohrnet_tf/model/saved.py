"""Models from their files, or by name."""

import zipfile

import keras
import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.files import model_file
from emohrnet_tf.pretrained import is_pretrained


def load_model(path):
    """An `EmoHRNet` from a `.keras` file, the run folder that holds one as `model.keras`, or by its name ("voices").

    Raises:
        InputError: no such file, not a Keras file, a Keras model that is not an EmoHRNet, or weights that are NaN.
    """
    if is_pretrained(path):
        return EmoHRNet.from_pretrained(str(path))
    path = model_file(path)
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a Keras model: give a .keras file made by `emohrnet train`. Received: {path}")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        first = str(error).strip().splitlines()[0][:200]
        raise InputError(f"{path} cannot be loaded ({first}): train or export it again. Received: {path}") from error
    if not isinstance(model, EmoHRNet):
        raise InputError(
            f"{path} is a Keras model but not an EmoHRNet: give one made by `emohrnet train`. "
            f"Received: {type(model).__name__}"
        )
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise InputError(
            f"{path} holds weights that are NaN or infinite, from a training that diverged: train it again with a "
            f"lower training.learning_rate. Received: {path}"
        )
    return model

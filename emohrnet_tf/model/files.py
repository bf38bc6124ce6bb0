"""Where a model's files lie, told without opening them: nothing here needs TensorFlow or Keras."""

from pathlib import Path

from emohrnet_tf.errors import InputError
from emohrnet_tf.pretrained import NAMES, is_pretrained, weights_file


def model_file(path):
    """Path of the `.keras` file, or of the pretrained weights, that `load_model` reads.

    Raises:
        InputError: no such file.
    """
    if is_pretrained(path):
        return weights_file(str(path))
    path = Path(path)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise InputError(
            f"No model at {path}: give a .keras file, the folder of a finished run, or one of {', '.join(NAMES)}. "
            f"Received: {path}"
        )
    return path

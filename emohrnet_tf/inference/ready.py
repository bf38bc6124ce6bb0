"""The float32 TFLite file that lies ready beside a model: recordings are scored without TensorFlow and Keras.

`exporter.litert.make_ready` writes it. It holds what no other file does: from which model file it was made.
"""

import hashlib

from emohrnet_tf.audio.quiet import silence
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.exported import LiteRTScorer, read_metadata
from emohrnet_tf.model.files import model_file

MADE_FROM = "made_from"  # the fact that says so, and that the file may be written anew


def ready(path, threads=None):
    """What stands for a model where recordings are scored, opened in a fraction of a second.

    Args:
        path: of a `.keras` file or the folder of a run, or the name of a pretrained model.
        threads: of `LiteRTScorer`.

    Returns:
        `LiteRTScorer`; None where no file lies beside the model, one of an earlier model or a damaged one does, or
        LiteRT is not installed.

    Raises:
        InputError: no such model.
    """
    file = model_file(path)
    contents = ready_contents(file)
    if contents is None or read_metadata(contents)[MADE_FROM] != digest_of_file(file):
        return None
    try:
        with silence():  # LiteRT names its delegate on standard error
            return LiteRTScorer(contents, threads)
    except (InputError, ImportError):
        return None


def ready_file(file):
    """Where the TFLite file of a model file lies."""
    return file.with_suffix(".tflite")


def ready_contents(file):
    """Bytes of the TFLite file beside a model file; None where there is none, or one that `make_ready` did not make."""
    try:
        contents = ready_file(file).read_bytes()
        return contents if MADE_FROM in read_metadata(contents) else None
    except (OSError, InputError):
        return None


def digest_of_file(file):
    """SHA-256 of a file, hexadecimal."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def fingerprint(model):
    """A short hash of a model's weights, the same of an `EmoHRNet` and of its `LiteRTScorer`."""
    if isinstance(model, LiteRTScorer):
        return model.fingerprint
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.network.get_weights())).hexdigest()[:16]

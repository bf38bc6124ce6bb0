"""An EmoHRNet converted for LiteRT, which starts at once and scores faster than TensorFlow."""

import dataclasses
import importlib.util

from emohrnet_tf.audio.quiet import silence
from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import to_float32
from emohrnet_tf.files import replacing
from emohrnet_tf.inference.exported import LiteRTScorer
from emohrnet_tf.inference.ready import MADE_FROM, digest_of_file, fingerprint, ready_contents, ready_file
from emohrnet_tf.model.files import model_file
from emohrnet_tf.model.saved import load_model

MANY = 1000  # files from which converting the model is worth its seconds, where the file cannot be kept


def make_ready(path, files=1):
    """Load a model, and leave beside it the TFLite file by which `inference.ready.ready` opens it from now on.

    Args:
        path: as for `load_model`.
        files: how many are to be scored.

    Returns:
        What scores them: a `LiteRTScorer`, or the `EmoHRNet` itself: of a model with dimensions, which LiteRT does not
        stand for; and of a few files where the TFLite file cannot be kept, because
        the folder cannot be written or another's file has its name.

    Raises:
        InputError: of `load_model`.
    """
    file = model_file(path)
    made_from, model = digest_of_file(file), load_model(path)
    if not convertible(model):
        return model
    if ready_file(file).exists() and ready_contents(file) is None:
        return scorer_for(model, files)
    try:
        with replacing(ready_file(file)) as part, part.open("wb") as opened:  # where it can be, before the work
            with silence():  # the converter talks past every logger
                contents = converted(model, {MADE_FROM: made_from})
                scorer = LiteRTScorer(contents)
            opened.write(contents)
    except InputError:
        return scorer_for(model, files)
    return scorer


def scorer_for(model, files):
    """What scores so many files fastest: a `LiteRTScorer` where it can be had, else the model itself."""
    if files < MANY or not convertible(model):
        return model
    with silence():
        return LiteRTScorer(converted(model))


def convertible(model):
    """Whether a `LiteRTScorer` can stand for a model here."""
    return model.head.kind == "categorical" and importlib.util.find_spec("ai_edge_litert") is not None


def converted(model, about=None, task=None):
    """Bytes of a model's float32 TFLite file, with metadata and `about`; takes some seconds.

    `task` is of `tflite.TASKS`; None for the one that a `LiteRTScorer` makes the most of.
    """
    facts = {"samples": model.samples, "trained_on": list(model.trained_on), "kind": "float32"}
    facts |= {"audio": dataclasses.asdict(model.audio), "fingerprint": fingerprint(model)}
    facts |= {"least_confidence": model.least_confidence}
    contents = to_float32(model, task or ("reference" if model.takes_reference else "emotion"))
    return add_metadata(contents, model.labels, model.sample_rate, about=facts | (about or {}), licence=model.licence)

"""An EmoHRNet converted for LiteRT, which scores many files faster than TensorFlow."""

import importlib.util

from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import to_float32
from emohrnet_tf.inference.exported import LiteRTScorer

MANY = 1000  # files from which converting the model is worth its seconds


def scorer_for(model, files):
    """What scores so many files fastest: a `LiteRTScorer` where it can be had, else the model itself."""
    if files < MANY or model.head.kind != "categorical" or importlib.util.find_spec("ai_edge_litert") is None:
        return model
    return LiteRTScorer(model, converted(model))


def converted(model):
    """Bytes of a model's float32 TFLite file, with metadata; takes some seconds."""
    return add_metadata(to_float32(model), model.labels, model.audio.sample_rate, licence=model.licence)

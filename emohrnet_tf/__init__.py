"""Speech emotion recognition: EmoHRNet in Keras, from raw audio to probabilities.

The names below are loaded when first used; importing the package imports nothing heavy.
"""

import importlib

from emohrnet_tf.registration import register

__version__ = "0.1.0"

_HOMES = {
    "EmoHRNet": "model.emohrnet",
    "load_model": "model.saved",
    "LogMelSpectrogram": "model.front_end",
    "build_network": "model.hrnet",
    "Config": "config",
    "preset": "presets",
    "InputError": "errors",
    "load_audio": "audio.files",
    "read_corpus": "corpora",
    "read_index": "corpora",
    "prepare": "data.prepare",
    "train": "training.run",
    "crossval": "training.crossval",
    "report": "training.page",
    "evaluate": "evaluation.on_index",
    "robustness": "evaluation.robustness",
    "predict": "inference.predict",
    "predict_parts": "inference.parts",
    "by_speaker": "inference.parts",
    "timeline": "inference.timeline",
    "embed": "inference.embed",
    "export": "exporter.exporter",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'emohrnet_tf' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"emohrnet_tf.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)


register()

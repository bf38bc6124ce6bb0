"""An EmoHRNet whose windows LiteRT scores, on every core: for many files."""

import importlib.util
import os
import queue
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import to_float32
from emohrnet_tf.inference.exported import TFLiteModel

MANY = 1000  # files from which converting the model is worth its seconds


def scorer_for(model, files):
    """What scores so many files fastest: a `LiteRTScorer` where it can be had, else the model itself."""
    if files < MANY or model.head.kind != "categorical" or importlib.util.find_spec("ai_edge_litert") is None:
        return model
    return LiteRTScorer(model)


class LiteRTScorer:
    """Stands for an `EmoHRNet` where windows are scored: on processors LiteRT takes half of TensorFlow's time.

    The model is converted once, by the exporter's way (some seconds), to float32, whose probabilities are the model's
    to 1e-4; each thread has an interpreter of its own. All but `outputs` and `widths` is the model's.

    Args:
        model: `EmoHRNet` of emotions alone.
        threads: interpreters that run at once; by default one for each core.

    Raises:
        InputError: a model that has dimensions.

    Example:
        predict_into("results.csv", LiteRTScorer(load_model("ravdess")), ["recordings/"])
    """

    def __init__(self, model, threads=None):
        if model.head.kind != "categorical":
            raise InputError(f"LiteRTScorer takes models of emotions alone. Received: {model.head.kind!r}")
        file = add_metadata(to_float32(model), model.labels, model.audio.sample_rate)
        self._model, self._threads, self._free = model, threads or os.cpu_count(), queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(self._threads)
        for _ in range(self._threads):
            self._free.put(TFLiteModel(file))

    def __getattr__(self, name):
        return getattr(self._model, name)

    @property
    def widths(self):
        """What `outputs` gives, and how many numbers each has."""
        return {"probabilities": len(self.labels)}

    def outputs(self, windows, batch_size=None):
        """Probabilities of whole windows `(n, audio.samples)`, as of `EmoHRNet.outputs`."""
        scores = self._pool.map(self._score, np.array_split(windows, self._threads))
        return {"probabilities": np.concatenate(list(scores))}

    def _score(self, windows):
        lite = self._free.get()  # an interpreter serves one thread at a time
        try:
            return lite.score(windows)
        finally:
            self._free.put(lite)

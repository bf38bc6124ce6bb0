"""EmoHRNet, the model that users hold: waveform in, probabilities out, with its labels and audio settings inside."""

import dataclasses
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf.audio import graph_windows
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.errors import InputError
from emohrnet_tf.features import LogMelSpectrogram
from emohrnet_tf.hrnet import build_network
from emohrnet_tf.pretrained import NAMES, comes_along, read_weights, weights_file


@keras.saving.register_keras_serializable("emohrnet_tf")
class EmoHRNet(keras.Model):
    """Speech emotion recognition from raw audio (Muppidi & Radfar, ICASSP 2024).

    `waveform -> windows -> log-mel -> HRNet -> probabilities`, one graph. A waveform shorter than the model's window
    is padded with zeros at its end; of a longer one, the probabilities of half-overlapping windows are averaged. No
    example sees another of its batch.

    Args:
        labels: names of the emotions, in the order of the probabilities.
        audio: `config.Audio` or its dictionary.
        network: `config.Network` or its dictionary.
        temperature: by what `calibrate` has divided the logits so far, for the record.

    Call: float waveform `(batch, samples)` at `audio.sample_rate`, any length -> dictionary of `probabilities` and
    `logits` `(batch, classes)` and `embedding` `(batch, fuse_filters)`, each the mean over the windows.

    Example:
        >>> model = EmoHRNet(["calm", "anger"], Audio(frames=32, mels=32), Network("tiny"))
        >>> model(tf.zeros((3, 20000)))["probabilities"].shape
        TensorShape([3, 2])
    """

    def __init__(self, labels, audio=None, network=None, temperature=1.0, **kwargs):
        super().__init__(**kwargs)
        self.labels = [str(label) for label in labels]
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise InputError(f"A model needs two or more different labels. Received: {labels!r}")
        self.audio = Audio(**audio) if isinstance(audio, dict) else audio or Audio()
        self.settings = Network(**network) if isinstance(network, dict) else network or Network()
        self.temperature = temperature
        self.front_end = LogMelSpectrogram(**self.audio.front_end(), name="log_mel")
        self.network = build_network(
            self.audio.frames, self.audio.mels, len(self.labels), **dataclasses.asdict(self.settings)
        )
        self.embedder = keras.Model(self.network.input, self.network.get_layer("embedding").output, name="embedder")
        self.built = True
        self._score = None

    def call(self, waveform):
        windows = graph_windows(waveform, self.audio.samples)
        batch, count = tf.shape(windows)[0], tf.shape(windows)[1]
        outputs = self.call_windows(tf.reshape(windows, (-1, self.audio.samples)))
        grouped = {name: tf.reshape(x, (batch, count, x.shape[-1])) for name, x in outputs.items()}
        return {name: tf.reduce_mean(x, axis=1) for name, x in grouped.items()}

    def call_windows(self, windows):
        """The same outputs for whole windows `(batch, audio.samples)`: the part that every export shares."""
        embedding = self.embedder(self.front_end(windows), training=False)
        logits = self.network.get_layer("logits")(embedding)
        return {"probabilities": tf.nn.softmax(logits), "logits": logits, "embedding": embedding}

    def score(self, windows, batch_size=32):
        """Probabilities of whole windows.

        Args:
            windows: float array `(n, audio.samples)`.
            batch_size: windows scored at once.

        Returns:
            float32 array `(n, classes)`.
        """
        if self._score is None:
            signature = [tf.TensorSpec((None, self.audio.samples), tf.float32)]
            self._score = tf.function(lambda x: self.call_windows(x)["probabilities"], input_signature=signature)
        if not len(windows):
            return np.zeros((0, len(self.labels)), "float32")
        starts = range(0, len(windows), batch_size)
        return np.concatenate([self._score(windows[start : start + batch_size]).numpy() for start in starts])

    @classmethod
    def from_pretrained(cls, name="ravdess"):
        """A model that comes with the package; its licence and card are beside its weights (`emohrnet_tf.pretrained`).

        Raises:
            InputError: no model of that name.

        Example:
            >>> EmoHRNet.from_pretrained("ravdess").labels[:3]
            ['neutral', 'calm', 'happiness']
        """
        facts, arrays = read_weights(weights_file(name))
        model = cls.from_config(facts["model"])
        model.network.set_weights(arrays)
        return model

    def calibrate(self, temperature):
        """Divide the logits by a temperature: in the weights of the last layer, so that every export carries it."""
        layer = self.network.get_layer("logits")
        layer.set_weights([weight / temperature for weight in layer.get_weights()])
        self.temperature *= temperature

    def get_config(self):
        config = {
            "labels": self.labels,
            "audio": dataclasses.asdict(self.audio),
            "network": dataclasses.asdict(self.settings),
            "temperature": self.temperature,
        }
        return {**super().get_config(), **config}


def load_model(path):
    """An `EmoHRNet` from a `.keras` file, the run folder that holds one as `model.keras`, or by its name ("ravdess").

    Raises:
        InputError: no such file, not a Keras file, or a Keras model that is not an EmoHRNet.
    """
    if comes_along(path):
        return EmoHRNet.from_pretrained(str(path))
    path = Path(path)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise InputError(
            f"No model at {path}: give a .keras file, the folder of a finished run, or one of {', '.join(NAMES)}. "
            f"Received: {path}"
        )
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
    return model


def heard(path, index):
    """Which clips of an index a model was trained on or chosen by.

    Args:
        path: as for `load_model`. A run's folder says it by its split.csv, a model that comes along by its corpus; of
            others nothing is known.
        index: DataFrame with `file`, and `corpus` where it is known.

    Returns:
        Boolean Series over `index.index`.
    """
    if comes_along(path):
        corpus = read_weights(weights_file(str(path)))[0]["corpus"]
        return index.corpus == corpus if "corpus" in index else pd.Series(False, index=index.index)
    path = Path(path)
    split_file = (path if path.is_dir() else path.parent) / "split.csv"
    if not split_file.exists():
        return pd.Series(False, index=index.index)
    known = pd.read_csv(split_file)
    return index.file.isin(known.file[known.split != "test"])

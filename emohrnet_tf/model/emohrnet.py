"""EmoHRNet, the model that users hold: waveform in, probabilities out, with its labels and audio settings inside."""

import dataclasses
import math
import os
from numbers import Real
from operator import itemgetter

import keras
import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.identity import Heard
from emohrnet_tf.audio.windows import check_waveforms, check_windows, graph_windows
from emohrnet_tf.config import Audio, Head, Network
from emohrnet_tf.errors import InputError, check_process
from emohrnet_tf.labels import check_labels
from emohrnet_tf.licence import licence_of
from emohrnet_tf.model.for_inference import ForInference
from emohrnet_tf.model.front_end import LogMelSpectrogram
from emohrnet_tf.model.heard import pretrained_heard
from emohrnet_tf.model.hrnet import make_network
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.model.voice import reference
from emohrnet_tf.pretrained import read_weights, weights_file


@keras.saving.register_keras_serializable("emohrnet_tf")
class EmoHRNet(ForInference, keras.Model):
    """Speech emotion recognition from raw audio (Muppidi & Radfar, ICASSP 2024).

    `waveform -> windows -> log-mel -> HRNet -> probabilities`, one graph. A waveform shorter than the model's window
    is padded with zeros at its end; of a longer one, the probabilities of half-overlapping windows are averaged. No
    example sees another of its batch.

    Args:
        labels: names of the emotions, in the order of the probabilities; none for a head "vad".
        audio: `config.Audio` or its dictionary.
        network: `config.Network` or its dictionary.
        temperature: by what `calibrate` has divided the logits so far, for the record.
        head: `config.Head` or its dictionary.
        sphere: `sphere.Sphere` or its dictionary: the scale of the dimensions and how the sphere is divided; None for
            a categorical head.
        heard: `audio.identity.Heard` or its packed form: the speech that the weights come from; None where it is not
            known. A model takes it along wherever its file goes.
        licence: under what terms the weights are, in words; else what follows from `trained_on` (`licence.licence_of`).
        trained_on: names of the corpora whose speech the weights have heard.
        least_confidence: below which `predict` answers "uncertain" unless told otherwise: two numbers, without and
            with a reference; None for never.

    Call: float waveform `(batch, samples)` at `audio.sample_rate`, any length -> dictionary of `probabilities` and
    `logits` `(batch, classes)` and `embedding` `(batch, fuse_filters)`, each the mean over the windows. With
    dimensions also `dimensions` `(batch, 3)`: valence, arousal, dominance in -1..1 (`sphere.from_cube` gives their own
    scale); a head "vad" has no probabilities and logits. A model of `network.reference` also takes `reference`, of
    `EmoHRNet.reference`: the emotion is then heard as a difference from how the voice usually sounds.

    Example:
        >>> model = EmoHRNet(["calm", "anger"], Audio(frames=32, mels=32), Network("tiny"))
        >>> model(tf.zeros((3, 20000)))["probabilities"].shape
        TensorShape([3, 2])
    """

    def __init__(
        self,
        labels,
        audio=None,
        network=None,
        temperature=1.0,
        head=None,
        sphere=None,
        heard=None,
        licence=None,
        trained_on=(),
        least_confidence=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(labels, str) or not hasattr(labels, "__iter__"):
            raise InputError(f"Labels are a list of names. Received: {labels!r}")
        self.labels = [str(label) for label in labels]
        self.head = Head.of(head)
        if self.head.emotions and (len(set(self.labels)) != len(self.labels) or len(self.labels) < 2):
            raise InputError(f"A model needs two or more different labels. Received: {labels!r}")
        check_labels(self.labels)
        self.heard = Heard.unpack(heard) if isinstance(heard, dict) else heard
        self.audio, self.settings = Audio.of(audio), Network.of(network)
        self.temperature = temperature
        self.least_confidence = least_confidence
        self.trained_on = [str(corpus) for corpus in trained_on]
        self.licence = licence or licence_of(self.trained_on)
        self.sphere = Sphere(**sphere) if isinstance(sphere, dict) else sphere
        self.hear_by(self.audio)
        self.network = make_network(self.audio, self.settings, self.head, len(self.labels))
        inner = {name: self.network.get_layer(name).output for name in ("embedding", *self.answers)}
        self.inner = keras.Model(self.network.input, inner, name="inner")
        self.built = True
        self._score, self._process = None, os.getpid()

    def __call__(self, waveform, reference=None, **kwargs):
        if reference is not None:
            if not self.takes_reference:
                raise InputError(f"The model takes no reference: leave it out. Received: {np.shape(reference)!r}")
            kwargs["reference"] = reference
        if not keras.utils.is_keras_tensor(waveform) and not tf.is_symbolic_tensor(waveform):
            check_process(self._process)
            waveform = check_waveforms(waveform)
        return super().__call__(waveform, **kwargs)

    def hear_by(self, audio):
        """Take the front end of other `config.Audio` settings of the same sides: statistics that a run measured."""
        self.audio = audio
        functionals = self.settings.functionals
        self.front_end = LogMelSpectrogram(**audio.front_end(), functionals=functionals, name="log_mel")

    def call(self, waveform, reference=None):
        windows = graph_windows(waveform, self.audio.samples)
        batch, count = tf.shape(windows)[0], tf.shape(windows)[1]
        if reference is not None:
            reference = tf.repeat(reference, count, axis=0)
        outputs = self.call_windows(tf.reshape(windows, (-1, self.audio.samples)), reference)
        grouped = {name: tf.reshape(x, (batch, count, x.shape[-1])) for name, x in outputs.items()}
        return {name: tf.reduce_mean(x, axis=1) for name, x in grouped.items()}

    def call_windows(self, windows, reference=None):
        """The same outputs for whole windows `(batch, audio.samples)`: the part that every export shares.

        `reference` `(batch, filters)` is of `EmoHRNet.reference`; a row of zeros or NaN, or None, stands for none.
        """
        outputs = dict(self.inner(self.front_end(windows), training=False))
        if reference is not None:
            known = tf.reduce_max(tf.abs(reference), axis=-1, keepdims=True) > 0.0
            relative = self.network.get_layer("relative_logits")(outputs["embedding"] - tf.where(known, reference, 0.0))
            outputs["logits"] = tf.where(known, relative, outputs["logits"])
        if "logits" in outputs:
            outputs["probabilities"] = tf.nn.softmax(outputs["logits"])
        if "dimensions" in outputs:
            outputs["dimensions"] = tf.clip_by_value(outputs["dimensions"], -1.0, 1.0)
        return outputs

    @property
    def samples(self):
        """Samples of a window."""
        return self.audio.samples

    @property
    def sample_rate(self):
        """Hertz."""
        return self.audio.sample_rate

    @property
    def widths(self):
        """What `answer_windows` gives, and how many numbers each has."""
        widths = {"probabilities": len(self.labels)} if self.head.emotions else {}
        widths |= {"dimensions": len(DIMENSIONS)} if self.head.dimensions else {}
        return widths | {"embedding": self.inner.output["embedding"].shape[-1]}

    @property
    def answers(self):
        """Names of the network's outputs that inference uses: `logits`, `dimensions` or both."""
        return ["logits"] * self.head.emotions + ["dimensions"] * self.head.dimensions

    @property
    def takes_reference(self):
        """Whether the model can hear a voice relative to how it usually sounds (`reference`)."""
        return self.settings.reference

    def reference(self, recordings):
        """How a voice usually sounds, `(filters,)`, from unlabelled recordings of it: see `voice.reference`."""
        return reference(recordings, self)

    def answer_windows(self, windows, batch_size=32, reference=None):
        """What the model says of whole windows.

        Args:
            windows: float array `(n, audio.samples)`.
            batch_size: windows scored at once.
            reference: float array `(filters,)` or `(n, filters)` of `EmoHRNet.reference`, a row of NaN for none; None
                for none at all.

        Returns:
            dictionary of float32 arrays: `probabilities` `(n, classes)`, `dimensions` `(n, 3)`, as the head has them,
            and `embedding` `(n, filters)`.

        Raises:
            InputError: of `windows.check_windows`; a batch size below 1; a process forked since the model was made.
        """
        check_process(self._process)
        windows, names = check_windows(windows, self.audio.samples), self.widths
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f"batch_size is a whole number, 1 or more. Received: {batch_size!r}")
        reference = self._checked_reference(reference, len(windows))
        if self._score is None:
            signature = [tf.TensorSpec((None, self.audio.samples), tf.float32)]
            signature += [tf.TensorSpec((None, names["embedding"]), tf.float32)] * self.takes_reference
            score = lambda x, reference=None: itemgetter(*names)(self.call_windows(x, reference))  # noqa: E731
            self._score = tf.function(score, input_signature=signature)
        if not len(windows):
            return {name: np.zeros((0, width), "float32") for name, width in names.items()}
        parts = [slice(start, start + batch_size) for start in range(0, len(windows), batch_size)]
        scored = [self._score(windows[part], *(rows[part] for rows in reference)) for part in parts]
        return {name: np.concatenate([x.numpy() for x in parts]) for name, parts in zip(names, zip(*scored))}

    def _checked_reference(self, reference, count):
        """What `_score` takes beside the windows: nothing, or a list of float32 `(count, filters)`."""
        width = self.widths["embedding"]
        if not self.takes_reference:
            if reference is not None:
                raise InputError(f"The model takes no reference: leave it out. Received: {np.shape(reference)!r}")
            return []
        rows = np.full(width, np.nan) if reference is None else np.asarray(reference, "float32")
        if rows.shape not in ((width,), (count, width)) or np.isinf(rows).any():
            raise InputError(f"A reference is ({width},) or ({count}, {width}) numbers. Received: {rows.shape!r}")
        return [np.broadcast_to(rows, (count, width)).astype("float32")]

    def score(self, windows, batch_size=32, reference=None):
        """Probabilities of whole windows: float32 array `(n, classes)`; arguments are those of `answer_windows`.

        Raises:
            InputError: of `answer_windows`; the model names no emotions.
        """
        if not self.head.emotions:
            raise InputError("The model gives valence, arousal and dominance and names no emotions. Received: 'vad'")
        return self.answer_windows(windows, batch_size, reference)["probabilities"]

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
        model = cls.from_config({"trained_on": [facts["corpus"]], **facts["model"]})
        model.heard = pretrained_heard(name)
        model.network.set_weights(arrays)
        return model

    def calibrate(self, temperature, with_reference=None):
        """Divide the logits by a temperature: in the weights of the last layer, so that every export carries it.

        Args:
            temperature: of the logits.
            with_reference: of the logits with a reference; None for the same.

        Raises:
            InputError: not a number above 0; a model that names no emotions.
        """
        for one in (temperature, *([] if with_reference is None else [with_reference])):
            if isinstance(one, bool) or not isinstance(one, Real) or not 0 < one < math.inf:
                raise InputError(f"A temperature is a number above 0; 1 changes nothing. Received: {one!r}")
        if not self.head.emotions:
            raise InputError("A temperature divides the logits of emotions, and the model names none. Received: 'vad'")
        self._cool("logits", temperature)
        if self.takes_reference:
            self._cool("relative_logits", temperature if with_reference is None else with_reference)
        self.temperature *= temperature

    def _cool(self, name, temperature):
        layer = self.network.get_layer(name)
        layer.set_weights([weight / temperature for weight in layer.get_weights()])

    def predict(self, x, *args, **kwargs):
        """Keras' own `predict`, of waveforms `(batch, samples)` or of batches of them, after a look at them."""
        if x is None or hasattr(x, "shape") or isinstance(x, str | bytes | list | tuple):
            x = check_waveforms(x)
        check_process(self._process)
        return super().predict(x, *args, **kwargs)

    def get_config(self):
        config = {
            "labels": self.labels,
            "audio": dataclasses.asdict(self.audio),
            "network": dataclasses.asdict(self.settings),
            "temperature": self.temperature,
            "head": dataclasses.asdict(self.head),
            "sphere": None if self.sphere is None else dataclasses.asdict(self.sphere),
            "heard": None if self.heard is None else self.heard.pack(),
            "licence": self.licence,
            "trained_on": list(self.trained_on),
            "least_confidence": self.least_confidence,
        }
        return {**super().get_config(), **config}

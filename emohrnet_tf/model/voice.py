"""How a voice usually sounds: what its emotions are heard against. Nothing here needs TensorFlow."""

import hashlib
from numbers import Real
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.files import stream_audio
from emohrnet_tf.audio.stream import Cutter
from emohrnet_tf.audio.windows import check_waveforms
from emohrnet_tf.errors import InputError

LEAST_SECONDS = 2.0  # of speech in a reference; ten or more are better


class TooLittleSpeech(InputError):
    """Recordings that hold less than `LEAST_SECONDS` of speech."""


def reference(recordings, model, channel=None):
    """How a voice usually sounds: its mean embedding, from unlabelled recordings.

    Emotion is a difference from oneself: knowing how a person usually sounds tells more than any recipe of training.
    The recordings should be of ordinary or of mixed speech; where all are of one emotion, it takes that emotion off.

    Args:
        recordings: a path or waveform, or several: audio files of any length, open binary files, and float waveforms
            `(samples,)` at the model's rate, all of one voice and one microphone.
        model: `EmoHRNet` of `network.reference`, or the `LiteRTScorer` of one.
        channel: of files, as in `files.load_audio`.

    Returns:
        float32 `(filters,)`: the mean over recordings of the mean over windows that are not silent.

    Raises:
        InputError: a model that takes no reference, a file that cannot be read, samples that are not finite floats, or
            less than `LEAST_SECONDS` of speech.
    """
    check_takes_reference(model)
    one = isinstance(recordings, str | Path) or getattr(recordings, "ndim", 0) == 1 or hasattr(recordings, "read")
    heard = [embedding(recording, model, channel) for recording in ([recordings] if one else recordings)]
    seconds = sum(own for _, own in heard)
    if seconds < LEAST_SECONDS:
        raise TooLittleSpeech(
            f"A reference needs {LEAST_SECONDS:g} s of speech, ten or more are better: give more recordings of the "
            f"voice. Received: {seconds:.1f} s"
        )
    return np.mean([own for own, _ in heard if own is not None], axis=0)


def embedding(recording, model, channel=None):
    """`(mean embedding over the windows that are not silent, seconds of speech)` of one; None and 0 of silence."""
    if isinstance(recording, str | Path) or hasattr(recording, "read"):
        blocks = stream_audio(recording, model.audio.sample_rate, channel=channel)
    else:
        blocks = [check_waveforms(np.asarray(recording)[None])[0]]
    cutter, found = Cutter(model.audio.samples, model.audio.sample_rate), []
    for block in blocks:
        found.append(model.answer_windows(cutter.feed(block))["embedding"])
    if not cutter.length:
        return None, 0.0
    found.append(model.answer_windows(cutter.end())["embedding"])
    spoken = cutter.spoken()
    return (np.concatenate(found)[spoken].mean(axis=0), cutter.speech_seconds()) if spoken.any() else (None, 0.0)


def check_takes_reference(model):
    """
    Raises:
        InputError: a model that takes no reference.
    """
    if not getattr(model, "takes_reference", False):
        raise InputError(
            "The model hears each window by itself and takes no reference: use the model `voices`, or train with "
            f"network.reference=true. Received: a model of {', '.join(model.labels) or 'dimensions'}"
        )


class Relative:
    """A model that hears everything relative to one voice's reference; all else is the model's."""

    def __init__(self, model, usual):
        self._model, self._usual = model, usual

    def __getattr__(self, name):
        return getattr(self._model, name)

    @property
    def digest(self):
        """What tells the reference from others."""
        return hashlib.sha256(np.asarray(self._usual, "float32").tobytes()).hexdigest()[:16]

    def answer_windows(self, windows, batch_size=32):
        """`EmoHRNet.answer_windows` with the reference."""
        return self._model.answer_windows(windows, batch_size, self._usual)

    def score(self, windows):
        """`EmoHRNet.score` with the reference."""
        return self.answer_windows(windows)["probabilities"]


def least_confidence(model, min_confidence):
    """Below which confidence the answer is "uncertain": the one asked for, else the model's own, else 0.

    Args:
        model: with `least_confidence`, two numbers or None: without and with a reference.
        min_confidence: 0..1, or None.

    Raises:
        InputError: outside 0..1; one asked for, of a model that names no emotions.
    """
    if min_confidence is None:
        own = getattr(model, "least_confidence", None)
        return float(own[isinstance(model, Relative)]) if own else 0.0
    if not isinstance(min_confidence, Real) or not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    if not model.labels:
        raise InputError(f"The model names no emotions to be sure of: leave it out. Received: {min_confidence!r}")
    return min_confidence

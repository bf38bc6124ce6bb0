"""How a voice, or a corpus, usually sounds: what `audio.normalize` measures log-mels against."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.features import CORPUS_FLOOR, QUIET, SPEECH_NATS, mel_power, speech_spectrum

LEAST_SECONDS = 2.0  # of speech in a reference; ten or more are better


def reference(recordings, audio):
    """The spectrum of a voice's ordinary speech, from unlabelled recordings.

    Emotion is a difference from oneself: knowing how a person usually sounds tells more than any recipe of training.
    The recordings should be of ordinary or of mixed speech; where all are of one emotion, it takes that emotion off.

    Args:
        recordings: a path or waveform, or several: audio files, and float waveforms `(samples,)` at
            `audio.sample_rate`, all of one voice and one microphone.
        audio: `config.Audio` of the model.

    Returns:
        float32 `(mels,)`: `features.speech_spectrum` of all of them together.

    Raises:
        InputError: a file that cannot be read, samples that are not finite floats, or less than `LEAST_SECONDS` of
            speech.
    """
    one = isinstance(recordings, str | Path) or getattr(recordings, "ndim", 0) == 1
    parts = [np.zeros((0, audio.mels), "float32")]
    for recording in [recordings] if one else recordings:
        if isinstance(recording, str | Path):
            recording = load_audio(recording, audio.sample_rate)
        parts.append(frame_powers(recording, audio))
    power = np.concatenate(parts)
    energy = power.mean(axis=1)
    speech = np.log((energy + QUIET) / (energy.mean() + QUIET)) > -SPEECH_NATS if len(power) else np.zeros(0)
    seconds = float(speech[energy > QUIET].sum()) * audio.hop / audio.sample_rate
    if seconds < LEAST_SECONDS:
        raise InputError(
            f"A reference needs {LEAST_SECONDS:g} s of speech, ten or more are better: give more recordings of the "
            f"voice. Received: {seconds:.1f} s"
        )
    return speech_spectrum(tf.constant(power[None]))[0].numpy()[0]


def band_statistics(waveforms, audio):
    """Mean and deviation of each mel band's log power over all frames: `statistics` of `audio.normalize="corpus"`.

    Args:
        waveforms: iterable of float32 `(samples,)`, the training part.
        audio: `config.Audio`.

    Returns:
        list of two lists of `mels` floats, rounded to 4 decimals: a run's configuration holds them as they are used.
    """
    count, total, squares = 0, 0.0, 0.0
    for waveform in waveforms:
        x = np.log(frame_powers(waveform, audio).astype("float64") + CORPUS_FLOOR)
        count, total, squares = count + len(x), total + x.sum(axis=0), squares + (x**2).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-4))
    return [mean.round(4).tolist(), deviation.round(4).tolist()]


def frame_powers(waveform, audio):
    """Mel power `(frames, mels)` of a waveform of any length, computed window by window."""
    settings = {name: value for name, value in audio.front_end().items() if name not in ("normalize", "statistics")}
    waveform, parts = np.asarray(waveform, "float32"), []
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise InputError(f"A recording is one row of finite samples, (samples,). Received: {waveform.shape}")
    for start in range(0, len(waveform), audio.samples):
        piece = waveform[start : start + audio.samples]
        power = mel_power(np.pad(piece, (0, audio.samples - len(piece)))[None], **settings)[0]
        parts.append(power.numpy()[: -(-len(piece) // audio.hop)])
    return np.concatenate(parts) if parts else np.zeros((0, audio.mels), "float32")

"""How a voice, or a corpus, usually sounds: what emotions are heard against."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.silence import speech_seconds, spoken_windows
from emohrnet_tf.audio.windows import check_waveforms
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.features import CORPUS_FLOOR, mel_power, speech_spectrum

LEAST_SECONDS = 2.0  # of speech in a reference; ten or more are better


def reference(recordings, model):
    """How a voice usually sounds: its mean embedding, from unlabelled recordings.

    Emotion is a difference from oneself: knowing how a person usually sounds tells more than any recipe of training.
    The recordings should be of ordinary or of mixed speech; where all are of one emotion, it takes that emotion off.

    Args:
        recordings: a path or waveform, or several: audio files, and float waveforms `(samples,)` at
            `audio.sample_rate`, all of one voice and one microphone.
        model: `EmoHRNet` of `network.reference`.

    Returns:
        float32 `(filters,)`: the mean over recordings of the mean over windows that are not silent.

    Raises:
        InputError: a file that cannot be read, samples that are not finite floats, or less than `LEAST_SECONDS` of
            speech.
    """
    one, audio = isinstance(recordings, str | Path) or getattr(recordings, "ndim", 0) == 1, model.audio
    parts, seconds = [], 0.0
    for recording in [recordings] if one else recordings:
        if isinstance(recording, str | Path):
            recording = load_audio(recording, audio.sample_rate)
        waveform = check_waveforms(np.asarray(recording)[None])[0]
        heard = spoken_windows(waveform, audio.samples, audio.sample_rate)
        if len(heard):
            parts.append(model.answer_windows(heard)["embedding"].mean(axis=0))
            seconds += speech_seconds(waveform, audio.sample_rate)
    if seconds < LEAST_SECONDS:
        raise InputError(
            f"A reference needs {LEAST_SECONDS:g} s of speech, ten or more are better: give more recordings of the "
            f"voice. Received: {seconds:.1f} s"
        )
    return np.mean(parts, axis=0)


def usual_spectrum(groups, audio):
    """How speech usually sounds: `statistics` of `audio.normalize="level"`.

    Args:
        groups: for each corpus an iterable of voices, each an iterable of float32 waveforms `(samples,)`.
        audio: `config.Audio`.

    Returns:
        one list of `mels` floats, in a list: the mean over corpora of the mean over voices of `speech_spectrum`, less
        its own mean, rounded to 4 decimals.
    """
    spectrum = lambda waveforms: speech_spectrum(  # noqa: E731
        tf.constant(np.concatenate([frame_powers(waveform, audio) for waveform in waveforms])[None])
    )[0].numpy()[0]
    usual = np.mean([np.mean([spectrum(voice) for voice in voices], axis=0) for voices in groups], axis=0)
    return [(usual - usual.mean()).round(4).tolist()]


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

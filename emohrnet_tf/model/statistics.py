"""What `audio.normalize` measures on the training part: how speech usually sounds."""

import numpy as np
import tensorflow as tf

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.features import CORPUS_FLOOR, mel_power, speech_spectrum


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

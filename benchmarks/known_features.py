"""What `known.py` trains on: mel power of clips, kept on disk, cut, normalised, with deltas."""

import numpy as np
import tensorflow as tf
from keras import ops

from emohrnet_tf.model.features import fourier_factors, power_spectrum
from emohrnet_tf.model.mel import mel_weights

POWER_FLOOR, LEVEL_FLOOR = 1e-2, 1e-5  # of the product's front end


def mel_powers(clips, audio, cache):
    """Mel power of every clip, `(frames, mels)`, a frame every hop with the clip's edges padded as the product does."""
    file = cache / f"{clips.index.corpus.iloc[0]}_{audio.mels}_{audio.hop}.npz"
    if not file.exists():
        bins, once = np.unique(fourier_factors(audio.n_fft)[-1], return_index=True)
        filters = mel_weights(audio.mels, audio.n_fft, audio.sample_rate, audio.mel_min_hz, audio.mel_max_hz)[bins]
        pad, found = audio.n_fft - audio.hop, []
        for row in range(len(clips.index)):
            x = clips.waveform(row)
            x = np.pad(x, (pad // 2, pad - pad // 2 + -len(x) % audio.hop))
            frames = np.lib.stride_tricks.sliding_window_view(x, audio.n_fft)[:: audio.hop]
            frames = frames * tf.signal.hann_window(audio.n_fft).numpy()
            found.append((power_spectrum(tf.constant(frames, tf.float32)).numpy()[:, once] @ filters).astype("float32"))
        np.savez(file, *found)
    with np.load(file) as stored:
        return [stored[f"arr_{row}"] for row in range(len(clips.index))]


def placed(powers, frames, offset):
    """`(frames, mels)` of a clip: from `offset` on where it is longer, else after `offset` frames of nothing."""
    if len(powers) > frames:
        return powers[offset : offset + frames]
    return np.pad(powers, ((offset, frames - len(powers) - offset), (0, 0)))


def normalized(powers, settings, statistics):
    """Log-mels of windows `(batch, frames, mels)`."""
    if settings["normalize"] == "corpus":
        mean, deviation = statistics
        return (np.log(powers + settings["floor"]) - mean) / deviation
    # the product's, whose level is the waveform's: here the mean mel power of white noise of that level
    level = np.maximum(powers.mean(axis=(1, 2), keepdims=True), LEVEL_FLOOR**2)
    x = np.log(1 + powers / level / POWER_FLOOR)
    x -= x.mean(axis=(1, 2), keepdims=True)
    return x / np.maximum(x.std(axis=(1, 2), keepdims=True), 0.1)


def statistics_of(powers, settings):
    """Mean and deviation of each band over all frames of the training clips, before any padding."""
    x = np.log(np.concatenate(powers) + settings["floor"])
    return x.mean(axis=0), x.std(axis=0)


def with_deltas(x, count):
    """Log-mels `(batch, frames, mels, 1)` with `count` differences over two frames each way as further planes."""
    planes = [x]
    for _ in range(count):
        wide = ops.pad(planes[-1], ((0, 0), (2, 2), (0, 0), (0, 0)), mode="symmetric")
        planes.append((wide[:, 4:] - wide[:, :-4]) * 0.5)
    return ops.concatenate(planes, axis=-1)

"""What the network sees of mel power and pitch: log-mels relative to a reference, and their statistics.

It is `log(floor + power / reference) / spread`, and the reference is a spectrum of ordinary speech: the window's own,
the speaker's, or the usual one at the window's own level.
"""

import numpy as np
import tensorflow as tf
from voices_store import LOUD_NATS, MELS, N_FFT, QUIET

from emohrnet_tf.model.mel import mel_weights


def loudness(power):
    """Weights `(batch, frames, 1)` of speech frames: nats above the mean power less `LOUD_NATS`."""
    energy = tf.reduce_mean(power, axis=2, keepdims=True)
    return tf.nn.relu(tf.math.log((energy + QUIET) / (tf.reduce_mean(energy, 1, keepdims=True) + QUIET)) + LOUD_NATS)


def spectrum(power):
    """Mean log power over speech frames `(batch, 1, mels)`, and the weight it stands on `(batch, 1, 1)`."""
    weights = loudness(power)
    total = tf.reduce_sum(weights, axis=1, keepdims=True)
    return tf.reduce_sum(weights * tf.math.log(power + QUIET), axis=1, keepdims=True) / (total + 1e-3), total


def relative(power, reference, s):
    """`log(floor + power / reference) / spread`, not above 4 spreads."""
    x = tf.math.log(np.exp(-s["floor"]) + power * tf.exp(-reference))
    return tf.minimum(x / s["spread"], 4.0)


def common(own, shape):
    """The reference of a voice of which nothing else is known: the usual spectrum at the window's own level."""
    return shape + tf.reduce_mean(own - shape, axis=2, keepdims=True)


def standardized(power):
    """Today's front end: level of the window to 1, log(1 + power / 0.01), mean and deviation of the window."""
    level = tf.reduce_mean(power / weights_of_white(), axis=(1, 2), keepdims=True)
    x = tf.math.log(1 + power / tf.maximum(level, 1e-10) / 1e-2)
    x -= tf.reduce_mean(x, axis=(1, 2), keepdims=True)
    return x / tf.maximum(tf.sqrt(tf.reduce_mean(x * x, axis=(1, 2), keepdims=True)), 0.1)


def weights_of_white():
    """Mel power of white noise of rms 1."""
    return np.float32(N_FFT * 0.375) * mel_weights(MELS, N_FFT, 16000, 50.0, 8000.0).sum(axis=0)


def statistics(x, power, cepstra=32, together=6):
    """Of cepstra over speech frames: mean, deviation, deviation of the differences; correlations of the first few.

    Returns:
        `(batch, 3 * cepstra + together * (together - 1) / 2)`.
    """
    weights = loudness(power)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True) + 1e-3
    angle = np.pi / MELS * np.outer(np.arange(MELS) + 0.5, np.arange(cepstra))
    x = tf.matmul(x, (np.cos(angle) * np.sqrt(2 / MELS)).astype("float32"))
    mean = tf.reduce_sum(weights * x, axis=1, keepdims=True)
    steps = tf.pad(x[:, 1:] - x[:, :-1], [[0, 0], [1, 0], [0, 0]])
    spread = lambda d: tf.sqrt(tf.reduce_sum(weights * d * d, axis=1) + 1e-4)  # noqa: E731
    deviation = spread(x - mean)
    first = ((x - mean) / deviation[:, None])[..., :together]
    pairs = tf.matmul(first * weights, first, transpose_a=True)
    pairs = tf.gather(
        tf.reshape(pairs, (-1, together**2)), np.flatnonzero(np.triu(np.ones((together,) * 2), 1)), axis=1
    )
    return tf.concat([mean[:, 0], deviation, spread(steps), pairs], axis=1)


def melody(heard, power, shift=0.0):
    """Statistics of a window's pitch `(batch, frames, 2)`: `(batch, 9)`.

    Mean, deviation, softest low and high, mean step, share of frames that are voiced and how periodic these are; and
    the deviation of the level and its skew.
    """
    loud = loudness(power)[..., 0]
    octaves, period = heard[..., 0] - 7.0 + shift, heard[..., 1]
    voiced = tf.cast((period > 0.5) & (loud > 0), tf.float32)
    mean = lambda a, w: tf.reduce_sum(a * w, axis=1, keepdims=True) / (tf.reduce_sum(w, axis=1, keepdims=True) + 1e-2)  # noqa: E731
    middle = mean(octaves, voiced)
    away = (octaves - middle) * voiced
    step = tf.abs(octaves[:, 1:] - octaves[:, :-1])
    low, high = (tf.math.log(mean(tf.exp(sign * 4 * away), voiced) + 1e-2) / 4 for sign in (-1, 1))
    level = tf.math.log(tf.reduce_mean(power, axis=2) + QUIET)
    around = (level - mean(level, voiced)) * voiced
    deviation = tf.sqrt(mean(around**2, voiced) + 1e-4)
    return tf.concat([
        middle, tf.sqrt(mean(away**2, voiced) + 1e-4), low, high,
        mean(tf.minimum(step, 0.3), voiced[:, 1:] * voiced[:, :-1] * tf.cast(step < 0.3, tf.float32)),
        mean(voiced, tf.cast(loud > 0, tf.float32)), mean(period, voiced), deviation,
        mean(around**3, voiced) / deviation**3,
    ], axis=1)  # fmt: skip


def masked(x, s):
    """SpecAugment's masks, which take the floor's value of a quiet frame: the example's mean."""
    batch, frames = tf.shape(x)[0], x.shape[1]
    hidden = tf.zeros((batch, frames, MELS), bool)
    for _ in range(2):
        for size, widest, axis in ((frames, s["time_mask"] * frames, 2), (MELS, float(s["freq_mask"]), 1)):
            width = tf.random.uniform((batch, 1)) * widest
            begin = tf.random.uniform((batch, 1)) * (size - width)
            place = np.arange(size, dtype="float32")[None]
            hidden |= tf.expand_dims((place >= begin) & (place < begin + width - 0.5), axis)
    return tf.where(hidden, tf.reduce_mean(x, axis=(1, 2), keepdims=True), x)

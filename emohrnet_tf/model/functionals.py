"""Functionals: what a window of speech is like as a whole, in numbers that need no training.

Of a melody and of how a voice sounds they tell more than a network learns from a few hundred voices, and they hold on
microphones and in languages that no training heard. "Functional" is openSMILE's word for a statistic over time.
"""

import numpy as np
import tensorflow as tf

from emohrnet_tf.model.features import QUIET, fourier_factors, speech_weights
from emohrnet_tf.model.relative import CEPSTRA, CORRELATED

LOWEST_HZ, HIGHEST_HZ, BELOW_HZ = 60.0, 500.0, 1500.0  # of the pitch; what lies above the last is no help in finding it
VOICED = 0.5  # periodicity from which on a frame has a pitch
LARGEST_STEP = 0.3  # octaves in a step, above which the pitch has jumped
STEP = 2  # frames of a step
ENOUGH_SECONDS, STEADY_NATS = 0.5, 0.5  # by which evidence is half


def functionals(log_mel, power, melody, hop_seconds):
    """Everything together, for each window.

    Args:
        log_mel: `(..., frames, mels)`, normalised by "level" (`features.log_mel`).
        power: mel power, of the same shape.
        melody: of `pitch`.
        hop_seconds: between frames.

    Returns:
        float32 `(..., relative.WIDTH)`: `of_cepstra`, `of_melody`, and how much they stand on, 0 to 1 (`evidence`). Of
        silence all are finite and the last is 0.
    """
    weights = speech_weights(power)
    # digital silence has no level of its own: every frame would count as speech
    weights *= tf.cast(tf.reduce_mean(power, axis=-1, keepdims=True) > QUIET, tf.float32)
    of_all = [of_cepstra(log_mel, weights), of_melody(melody, power, weights), evidence(power, weights, hop_seconds)]
    return tf.concat(of_all, axis=-1)


def evidence(power, weights, hop_seconds):
    """How much the functionals of a window stand on, `(..., 1)`, 0 to 1.

    t / (t + 0.5) after t seconds of speech, times d^2 / (d^2 + 0.5^2) where d is the deviation of the level in nats:
    speech, whose syllables rise and fall by two nats and more, keeps all; a tone, a hum or a noise that stays as it is
    has next to none, and says nothing.
    """
    speech = tf.cast(weights > 0, tf.float32)
    seconds = tf.reduce_sum(speech, axis=-2) * hop_seconds
    level = tf.math.log(tf.reduce_mean(power, axis=-1, keepdims=True) + QUIET)
    count = tf.reduce_sum(speech, axis=-2, keepdims=True) + 1e-2
    away = (level - tf.reduce_sum(speech * level, axis=-2, keepdims=True) / count) * speech
    square = tf.reduce_sum(away**2, axis=-2) / tf.squeeze(count, -2)
    return seconds / (seconds + ENOUGH_SECONDS) * square / (square + STEADY_NATS**2)


def pitch(spectra, n_fft, sample_rate):
    """Pitch of frames, by the largest of their autocorrelation (the cosine transform of their power spectrum).

    The window's own autocorrelation is divided off (Boersma 1993), and of two periods that fit alike the shorter wins.

    Args:
        spectra: power `(frames, results)` of Hann windows, of `features.spectra`.
        n_fft, sample_rate: of these.

    Returns:
        float32 `(frames, 2)`: octaves above 128 Hz, and periodicity, 0 to 1; below `VOICED` there is no pitch.
    """
    lags = np.arange(int(sample_rate / HIGHEST_HZ), int(sample_rate / LOWEST_HZ))
    bins, once = np.unique(fourier_factors(n_fft)[-1], return_index=True)
    bins, once = (values[: int(BELOW_HZ * n_fft / sample_rate)] for values in (bins, once))
    twice = np.where(bins, 2.0, 1.0)  # a bin stands for its mirror image too
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(n_fft), 2 * n_fft)) ** 2)
    cosine = np.cos(2 * np.pi / n_fft * np.outer(bins, lags)) * twice[:, None] / (window[lags] / window[0])
    low = tf.gather(spectra, once, axis=-1)
    whole = tf.matmul(low, twice[:, None].astype("float32"))
    likeness = tf.matmul(low, cosine.astype("float32")) / (whole + QUIET)
    likeness -= (8.0 / sample_rate * np.arange(len(lags))).astype("float32")
    octaves = np.log2(sample_rate / lags / 128.0).astype("float32")
    best = tf.gather(octaves, tf.argmax(likeness, axis=-1))
    return tf.stack([best, tf.clip_by_value(tf.reduce_max(likeness, axis=-1), 0.0, 1.0)], axis=-1)


def of_cepstra(log_mel, weights):
    """Mean, deviation and deviation of the differences of cepstra over speech, and correlations of the first few.

    Args:
        log_mel: `(..., frames, mels)`.
        weights: of `features.speech_weights`, `(..., frames, 1)`.

    Returns:
        `(..., 3 * CEPSTRA + CORRELATED * (CORRELATED - 1) / 2)`.
    """
    weights /= tf.reduce_sum(weights, axis=-2, keepdims=True) + 1e-3
    mels = log_mel.shape[-1]
    angle = np.pi / mels * np.outer(np.arange(mels) + 0.5, np.arange(CEPSTRA))
    x = tf.matmul(log_mel, (np.cos(angle) * np.sqrt(2 / mels)).astype("float32"))
    mean = tf.reduce_sum(weights * x, axis=-2, keepdims=True)
    spread = lambda d, w: tf.sqrt(tf.reduce_sum(w * d * d, axis=-2) + 1e-4)  # noqa: E731
    deviation = spread(x - mean, weights)
    steps = spread(x[..., STEP:, :] - x[..., :-STEP, :], weights[..., STEP:, :])
    first = ((x - mean) / tf.expand_dims(deviation, -2))[..., :CORRELATED]
    pairs = [
        tf.reduce_sum(weights * first[..., i : i + 1] * first[..., i + 1 :], axis=-2) for i in range(CORRELATED - 1)
    ]
    return tf.concat([tf.squeeze(mean, -2), deviation, steps, *pairs], axis=-1)


def of_melody(melody, power, weights):
    """Of the pitch and the level: `(..., 9)`.

    Mean and deviation of the pitch in octaves, how far it falls and rises from its mean, its mean step; the
    share of speech that is voiced and how periodic that is; deviation and skew of the level where it is voiced, in
    nats.

    Args:
        melody: of `pitch`, `(..., frames, 2)`.
        power: mel power `(..., frames, mels)`.
        weights: of `features.speech_weights`.
    """
    octaves, period = melody[..., 0], melody[..., 1]
    speech = tf.cast(weights[..., 0] > 0, tf.float32)
    voiced = tf.cast(period > VOICED, tf.float32) * speech
    mean = lambda x, w: tf.reduce_sum(x * w, -1, keepdims=True) / (tf.reduce_sum(w, -1, keepdims=True) + 1e-2)  # noqa: E731
    middle = mean(octaves, voiced)
    away = (octaves - middle) * voiced
    low, high = (tf.math.log(mean(tf.exp(sign * 4.0 * away), voiced) + 1e-2) / 4.0 for sign in (-1, 1))
    step = tf.abs(octaves[..., STEP:] - octaves[..., :-STEP])
    smooth = voiced[..., STEP:] * voiced[..., :-STEP] * tf.cast(step < LARGEST_STEP, tf.float32)
    level = tf.math.log(tf.reduce_mean(power, axis=-1) + QUIET)
    around = (level - mean(level, voiced)) * voiced
    deviation = tf.sqrt(mean(around**2, voiced) + 1e-4)
    return tf.concat(
        [
            *(middle, tf.sqrt(mean(away**2, voiced) + 1e-4), low, high, mean(step, smooth)),
            *(mean(voiced, speech), mean(period, voiced), deviation, mean(around**3, voiced) / deviation**3),
        ],
        axis=-1,
    )

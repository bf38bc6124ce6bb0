"""Waveform to log-mel spectrogram: the one front end that training, SavedModel and TFLite share."""

import functools

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.windows import as_floats
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.mel import mel_weights

LEVEL_FLOOR = 1e-5  # rms, -100 dB full scale: what is quieter is not raised to full level
POWER_FLOOR = 1e-2  # about 50 dB below the mel power of white noise of rms 1
SPREAD_FLOOR = 1e-1  # smallest standard deviation that standardisation divides by
STATISTICS = {"window": 0, "level": 1, "corpus": 2}  # rows of `mels` numbers that are measured on the training part
CORPUS_FLOOR = 1e-4  # mel power, below the recordings' noise
QUIET = 1e-9  # mel power below every recording's own noise
SPEECH_NATS = 4.0  # a frame counts as speech by how far it lies above the mean power less this
RELATIVE_FLOOR, RELATIVE_SPREAD, RELATIVE_MOST = 5.0, 2.0, 4.0  # of `relative`


@functools.lru_cache(maxsize=8)
def fourier_factors(n_fft):
    """What `power_spectrum` multiplies with: the discrete Fourier transform in two steps (Cooley & Tukey 1965).

    With `n_fft = rows * columns`, sample `n1 * columns + n2` and bin `k1 + rows * k2`, where W_n = exp(-2 pi i / n):
    `X[k1 + rows k2] = sum over n2 of W_columns^(n2 k2) W_n^(n2 k1) sum over n1 of W_rows^(n1 k1) x[n1 columns + n2]`.
    Frames are real, so k1 up to half of the rows is enough.

    Returns:
        `(first, turns, second, bins)`: complex64 `(half, rows)`, `(half, columns)` and `(columns, columns)`, the three
        factors; and for each of the `half * columns` results its bin of 0..n_fft / 2, of which some come twice.
    """
    rows = max(size for size in range(1, int(n_fft**0.5) + 1) if n_fft % size == 0)
    columns, half = n_fft // rows, rows // 2 + 1
    k1, n2 = np.arange(half)[:, None], np.arange(columns)
    root = lambda size, powers: np.exp(-2j * np.pi / size * powers).astype("complex64")  # noqa: E731
    bins = (k1 + rows * n2).ravel()
    factors = root(rows, k1 * np.arange(rows)), root(n_fft, k1 * n2), root(columns, n2[:, None] * n2)
    return *factors, np.minimum(bins, n_fft - bins)


def power_spectrum(frames):
    """Power of the spectrum of real frames, by matrix products: TFLite runs them four times as fast as its FFT.

    Args:
        frames: float32 tensor `(n, n_fft)`.

    Returns:
        float32 tensor `(n, bins)`, in the order of the bins of `fourier_factors`.
    """
    first, turns, second, bins = fourier_factors(frames.shape[-1])
    columns = len(second)
    x = tf.reshape(frames, (-1, first.shape[1], columns))
    real, imaginary = tf.matmul(first.real, x), tf.matmul(first.imag, x)  # (n, half, columns)
    real, imaginary = real * turns.real - imaginary * turns.imag, real * turns.imag + imaginary * turns.real
    real, imaginary = tf.reshape(real, (-1, columns)), tf.reshape(imaginary, (-1, columns))
    real, imaginary = (
        tf.matmul(real, second.real) - tf.matmul(imaginary, second.imag),
        tf.matmul(real, second.imag) + tf.matmul(imaginary, second.real),
    )
    return tf.reshape(tf.square(real) + tf.square(imaginary), (-1, len(bins)))


def _floats(waveform, hop):
    """A waveform as float32, its type and length looked at before the graph is made."""
    if not tf.is_tensor(waveform):
        waveform = tf.constant(as_floats(waveform, "give floats (..., samples)"))
    elif not waveform.dtype.is_floating:
        raise InputError(f"Samples are floats in -1..1 (16-bit ones divided by 32768). Received: {waveform.dtype.name}")
    samples = waveform.shape[-1] if waveform.shape.rank else None
    if not samples or samples % hop:
        raise InputError(
            f"A log-mel is of whole windows, whose samples are known and a multiple of hop ({hop}): cut them with "
            f"`emohrnet_tf.audio.windows.windows`. Received: {tuple(waveform.shape)}"
        )
    return tf.cast(waveform, tf.float32)


def without_offset(waveform):
    """Take the mean off: of what there is of a clip in its window, not of the zeros around it.

    Converters add a constant, which no one hears. Beside zeros it is a step, with something in every band.

    Args:
        waveform: float32 tensor `(..., samples)`.
    """
    there = tf.cast(tf.not_equal(waveform, 0.0), tf.float32)
    count = tf.reduce_sum(there, axis=-1, keepdims=True)
    return waveform - there * (tf.reduce_sum(waveform, axis=-1, keepdims=True) / tf.maximum(count, 1.0))


def mel_power(
    waveform, *, sample_rate=16000, n_fft=1024, hop=256, mels=64, mel_min_hz=50.0, mel_max_hz=8000.0, gains=None,
    offset=True,
):  # fmt: skip
    """Power in mel bands of whole windows.

    Its mean is taken off (`without_offset`), and it is padded by half of `n_fft - hop` at each end, so that it holds
    exactly `samples / hop` frames.

    Args:
        waveform: float32 tensor `(..., samples)`; `samples` static and a multiple of `hop`.
        sample_rate: Hz.
        n_fft, hop: samples of an analysis window (Hann) and between frames.
        mels, mel_min_hz, mel_max_hz: number of mel bands and their limits in Hz.
        gains: `(..., mels)` by which the power is multiplied, for augmentation; None changes nothing.
        offset: False where the mean is off already.

    Returns:
        float32 tensor `(..., samples / hop, mels)`.

    Raises:
        InputError: bytes or samples that are no floats, or a length that is unknown or no multiple of `hop`.
    """
    return mel_of(*spectra(waveform, n_fft, hop, offset), gains, sample_rate, n_fft, mels, mel_min_hz, mel_max_hz)


def mel_of(power, shape, gains, sample_rate, n_fft, mels, mel_min_hz, mel_max_hz):
    """`mel_power` of what `spectra` gives."""
    bins, once = np.unique(fourier_factors(n_fft)[-1], return_index=True)
    weights = np.zeros((power.shape[-1], mels), "float32")  # a bin that comes twice counts once
    weights[once] = mel_weights(mels, n_fft, sample_rate, mel_min_hz, mel_max_hz)[bins]
    with tf.name_scope("mel"):
        power = tf.reshape(tf.matmul(power, weights), [*shape, mels])
    return power if gains is None else power * tf.expand_dims(gains, -2)


def spectra(waveform, n_fft=1024, hop=256, offset=True):
    """Power spectra of the frames of whole windows, see `mel_power`.

    Returns:
        `(power, shape)`: float32 `(all frames, results)` in the order of `power_spectrum`, and the sides
        `(..., samples / hop)` that its rows have.
    """
    waveform, pad = _floats(waveform, hop), n_fft - hop
    waveform = without_offset(waveform) if offset else waveform
    waveform = tf.pad(waveform, [[0, 0]] * (waveform.shape.rank - 1) + [[pad // 2, pad - pad // 2]])
    frames = tf.signal.frame(waveform, n_fft, hop) * tf.signal.hann_window(n_fft)
    shape = [*tf.unstack(tf.shape(waveform)[:-1]), frames.shape[-2]]
    return power_spectrum(tf.reshape(frames, (-1, n_fft))), shape


def log_mel(waveform, *, normalize="window", statistics=None, standardize=True, gains=None, **settings):
    """Log-mel spectrogram of whole windows, normalised by the widest thing that stays the same in training and use.

    - "window": each window is scaled to rms 1 (`LEVEL_FLOOR` below) and becomes `log(1 + mel power / POWER_FLOOR)`;
      then its mean is taken off and it is divided by its standard deviation. Gain does not matter.
    - "level": relative to the usual spectrum of speech, of the training part, at the window's own level (`relative`).
      Gain does not matter, and neither does how much of the window is silence.
    - "corpus": `log(mel power + CORPUS_FLOOR)`, each band standardised by its mean and deviation over the training
      part. Gain matters.

    Every step looks at one window alone.

    Args:
        waveform: float tensor `(..., samples)` in -1..1; `samples` static and a multiple of `hop`.
        normalize: "window", "level" or "corpus".
        statistics: for "corpus", means and deviations of the bands, two sequences of `mels` numbers; for "level" one,
            the usual spectrum (`statistics.usual_spectrum`).
        standardize: False, with "window", for the log-mel before its mean and deviation are taken off.
        gains, **settings: of `mel_power`.

    Returns:
        float32 tensor `(..., samples / hop, mels)`.
    """
    if normalize == "window":
        waveform = without_offset(_floats(waveform, settings.get("hop", 256)))
        rms = tf.sqrt(tf.reduce_mean(tf.square(waveform), axis=-1, keepdims=True))
        power = mel_power(waveform / tf.maximum(rms, LEVEL_FLOOR), gains=gains, offset=False, **settings)
        result = tf.math.log(1.0 + power / POWER_FLOOR)
        if not standardize:
            return result
        result -= tf.reduce_mean(result, axis=(-2, -1), keepdims=True)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(result), axis=(-2, -1), keepdims=True))
        return result / tf.maximum(deviation, SPREAD_FLOOR)
    return normalized(mel_power(waveform, gains=gains, **settings), normalize, statistics)


def normalized(power, normalize, statistics):
    """`log_mel` of mel power `(..., frames, mels)`, for "level" and "corpus"."""
    if statistics is None:
        raise InputError(f'normalize="{normalize}" needs the statistics of a training part. Received: None')
    rows = [np.asarray(values, "float32") for values in statistics]
    if normalize == "corpus":
        mean, deviation = rows
        return (tf.math.log(power + CORPUS_FLOOR) - mean) / deviation
    (usual,) = rows
    level = tf.reduce_mean(speech_spectrum(power)[0] - usual, axis=-1, keepdims=True)
    return relative(power, usual + level)


def speech_spectrum(power):
    """How a voice usually sounds: the mean log mel power of the frames that are speech, the louder the more.

    A frame weighs as many nats as it lies above the mean power less `SPEECH_NATS`, and nothing below; so silence and
    pauses do not count, at any level of the recording.

    Args:
        power: mel power `(..., frames, mels)`.

    Returns:
        `(spectrum, weight)`: float32 `(..., mels)` and `(..., 1)`, the sum of the weights, by which spectra of several
        stretches are averaged.
    """
    weights = speech_weights(power)
    total = tf.reduce_sum(weights, axis=-2)
    return tf.reduce_sum(weights * tf.math.log(power + QUIET), axis=-2) / (total + 1e-3), total


def speech_weights(power):
    """How much each frame of mel power `(..., frames, mels)` is speech: `(..., frames, 1)`, see `speech_spectrum`."""
    energy = tf.reduce_mean(power, axis=-1, keepdims=True) + QUIET
    return tf.nn.relu(tf.math.log(energy / tf.reduce_mean(energy, axis=-2, keepdims=True)) + SPEECH_NATS)


def relative(power, reference):
    """Mel power relative to a reference spectrum: `log(e^-RELATIVE_FLOOR + power / reference) / RELATIVE_SPREAD`.

    Args:
        power: `(..., frames, mels)`.
        reference: `(..., mels)`, of `speech_spectrum`.

    Returns:
        float32 `(..., frames, mels)`, not above `RELATIVE_MOST`.
    """
    x = tf.math.log(np.float32(np.exp(-RELATIVE_FLOOR)) + power * tf.exp(-tf.expand_dims(reference, -2)))
    return tf.minimum(x / RELATIVE_SPREAD, RELATIVE_MOST)

"""Augmentation: noise, equaliser, time shift, warps, SpecAugment masks and mixup; and the paper's mask limits."""

import keras
import numpy as np
from keras import ops

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.mel import to_mel


@keras.saving.register_keras_serializable("emohrnet_tf")
class Augment(keras.layers.Layer):
    """Random changes of log-mels, another for each example, in training only.

    In order: tempo warp and circular shift along time, vocal-tract warp along mel, then SpecAugment's masks (arXiv
    1904.08779), which take the window's mean. A mask of width f ~ U{0..F} starts at U{0..mels - f} and is half-open:
    it covers bins f0 to f0 + f - 1; in time likewise.

    Args:
        time_shift_share: largest shift, as a share of the frames, either way.
        freq_masks, freq_mask_bins: number of frequency masks and F, their largest width in mel bins.
        time_masks, time_mask_share: number of time masks and T, their largest width as a share of the frames.
        tempo_spread: the tempo is multiplied by 1 - spread .. 1 + spread.
        vocal_tract_spread: the mel axis is stretched by 1 - spread .. 1 + spread.
        seed: seed for calls that bring no numbers of their own.

    Call arguments:
        log_mel: `(batch, frames, mels, 1)`.
        numbers: `(batch, layer.numbers)` in 0..1, the randomness of each example; drawn by the layer when absent.
        training: nothing changes unless True.
    """

    def __init__(
        self,
        time_shift_share=0.15,
        freq_masks=2,
        freq_mask_bins=12,
        time_masks=2,
        time_mask_share=0.15,
        tempo_spread=0.0,
        vocal_tract_spread=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        shares = (time_shift_share, time_mask_share, tempo_spread, vocal_tract_spread)
        if not all(0 <= share < 1 for share in shares):
            raise InputError(f"Shares and spreads of the augmentation lie in 0 <= share < 1. Received: {shares!r}")
        if min(freq_masks, time_masks, freq_mask_bins) < 0:
            counts = (freq_masks, time_masks, freq_mask_bins)
            raise InputError(f"Numbers and widths of masks cannot be negative. Received: {counts!r}")
        self.time_shift_share, self.tempo_spread, self.vocal_tract_spread = (
            time_shift_share,
            tempo_spread,
            vocal_tract_spread,
        )
        self.freq_masks, self.freq_mask_bins = freq_masks, freq_mask_bins
        self.time_masks, self.time_mask_share = time_masks, time_mask_share
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.numbers = 3 + 2 * (freq_masks + time_masks)

    def call(self, log_mel, numbers=None, training=None):
        if not training:
            return log_mel
        if numbers is None:
            numbers = keras.random.uniform((ops.shape(log_mel)[0], self.numbers), seed=self.generator)
        numbers = ops.cast(numbers, log_mel.dtype)
        frames, mels = log_mel.shape[1:3]
        x = ops.squeeze(log_mel, -1)
        shift, tempo, tract = (2.0 * numbers[:, i, None] - 1.0 for i in range(3))
        if self.time_shift_share or self.tempo_spread:
            source = ops.arange(frames, dtype=x.dtype)[None] - ops.round(shift * self.time_shift_share * frames)
            source = (source - frames / 2) * (1.0 + tempo * self.tempo_spread) + frames / 2
            x = ops.matmul(_interpolation(ops.mod(source, frames), frames, circular=True), x)
        if self.vocal_tract_spread:
            source = ops.arange(mels, dtype=x.dtype)[None] * (1.0 + tract * self.vocal_tract_spread)
            weights = _interpolation(ops.minimum(source, mels - 1.0), mels, circular=False)
            x = ops.matmul(x, ops.swapaxes(weights, 1, 2))
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        masks = numbers[:, 3:]
        bins, times = masks[:, : 2 * self.freq_masks], masks[:, 2 * self.freq_masks :]
        hidden = _hidden(bins, mels, min(self.freq_mask_bins, mels))[:, None, :]
        hidden = ops.logical_or(hidden, _hidden(times, frames, int(self.time_mask_share * frames))[:, :, None])
        return ops.expand_dims(ops.where(hidden, mean, x), -1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = (
            "time_shift_share freq_masks freq_mask_bins time_masks time_mask_share tempo_spread vocal_tract_spread seed"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


EQUALIZER_KNOTS = 6  # evenly spread over the mel bands
HIGH_CUT_HZ = 3000.0  # lowest high cut


def spectral_gains(numbers, settings, audio):
    """Gains of the mel power by a random equaliser and a random high cut.

    Args:
        numbers: `(batch, EQUALIZER_KNOTS + 2)` in 0..1, the randomness: gain at each knot, whether and where to cut.
        settings: `config.Augmentation`: `equalizer_db`, `high_cut_share`.
        audio: `config.Audio`.

    Returns:
        `(batch, mels)`, or None where both are off.
    """
    if not (settings.equalizer_db or settings.high_cut_share):
        return None
    knots, cut, where = numbers[:, :EQUALIZER_KNOTS], numbers[:, -2:-1], numbers[:, -1:]
    distance = np.abs(np.linspace(0, EQUALIZER_KNOTS - 1, audio.mels) - np.arange(EQUALIZER_KNOTS)[:, None])
    between = np.maximum(0.0, 1.0 - distance).astype("float32")  # (knots, mels), linear interpolation
    decibels = ops.matmul((2.0 * knots - 1.0) * settings.equalizer_db, between)
    edges = np.linspace(to_mel(audio.mel_min_hz), to_mel(audio.mel_max_hz), audio.mels + 2)[1:-1]
    band = np.searchsorted(edges, to_mel(HIGH_CUT_HZ)) / audio.mels  # share of the bands that lies below every cut
    above = np.arange(audio.mels, dtype="float32")[None] >= (band + (1 - band) * where) * audio.mels
    decibels = ops.where(ops.logical_and(cut < settings.high_cut_share, above), -60.0, decibels)
    return 10.0 ** (decibels / 10.0)


def mix(log_mel, targets, share):
    """Mixup (arXiv 1710.09412): each example and its targets blended with its neighbour's in the batch.

    Args:
        log_mel: `(batch, frames, mels, 1)`.
        targets: `(batch, classes)`, or a dictionary of such.
        share: `(batch,)` in 0..1, what stays of the example.

    Returns:
        `(log_mel, targets)` of the same shapes.
    """

    def blend(x):
        stays = ops.reshape(share, (-1, *[1] * (len(x.shape) - 1)))
        return stays * x + (1 - stays) * ops.roll(x, 1, axis=0)

    return keras.tree.map_structure(blend, (log_mel, targets))


def _interpolation(source, size, circular):
    """Weights `(batch, targets, size)` that read position `source` `(batch, targets)` by linear interpolation."""
    distance = ops.abs(source[:, :, None] - ops.arange(size, dtype=source.dtype)[None, None])
    if circular:
        distance = ops.minimum(distance, size - distance)
    return ops.relu(1.0 - distance)


def _hidden(numbers, size, widest):
    """Which of `size` positions `(batch, size)` lie under the masks drawn from pairs of `numbers` (width, start)."""
    position = ops.arange(size, dtype=numbers.dtype)[None]
    hidden = ops.zeros((ops.shape(numbers)[0], size), dtype="bool")
    for mask in range(numbers.shape[1] // 2):
        width = ops.floor(numbers[:, 2 * mask, None] * (widest + 1))
        start = ops.floor(numbers[:, 2 * mask + 1, None] * (size - width + 1))
        hidden = ops.logical_or(hidden, ops.logical_and(position >= start, position < start + width))
    return hidden


def pitch_hz(waveform, sample_rate, low_hz=60.0, high_hz=500.0):
    """Pitch of the voiced 64 ms frames of a waveform, from the highest peak of each frame's autocorrelation.

    Args:
        waveform: `(samples,)`.
        sample_rate: Hz.
        low_hz, high_hz: range looked in.

    Returns:
        float array of pitches in Hz, one per frame that is loud (within 30 dB of the loudest) and periodic (peak
        above half the energy); empty for silence.
    """
    size = int(0.064 * sample_rate)
    if len(waveform) < size:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(waveform, "float64"), size)[:: size // 2]
    frames = frames - frames.mean(axis=1, keepdims=True)
    energy = np.sum(frames**2, axis=1)
    frames = frames[energy > max(energy.max() * 1e-3, 1e-12)]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size, axis=1)) ** 2, axis=1)[:, :size]
    correlation = correlation / correlation[:, :1] / (1.0 - np.arange(size) / size)  # unbiased
    first, last = int(sample_rate / high_hz), int(sample_rate / low_hz)
    lags = correlation[:, first : last + 1]
    best = lags.max(axis=1, initial=0.0)
    voiced = best > 0.5
    # The first lag within a tenth of the best: the period itself rather than a multiple of it.
    lag = first + np.argmax(lags[voiced] >= 0.9 * best[voiced, None], axis=1)
    return sample_rate / lag


def paper_mask_limits(waveforms, audio):
    """F and T as the EmoHRNet paper sets them, from the training part (section 2: pitch variation, durations).

    Args:
        waveforms: iterable of `(samples,)` arrays.
        audio: `config.Audio`.

    Returns:
        `(freq_mask_bins, time_mask_share)`: the 5-95 % spread of pitch in mel bins, and 15 % of the median duration
        as a share of the window.
    """
    pitches, durations = [], []
    for waveform in waveforms:
        pitches.append(pitch_hz(waveform, audio.sample_rate))
        durations.append(len(waveform))
    pitches = np.concatenate(pitches) if pitches else np.zeros(0)
    if not len(pitches):
        raise InputError(
            "The paper's masks need the pitch of the training part, and no voiced frame was found in it: "
            "check the audio, or set augmentation.freq_mask_bins. Received: 0 voiced frames"
        )
    low, high = to_mel(np.percentile(pitches, [5, 95]))
    band = (to_mel(audio.mel_max_hz) - to_mel(audio.mel_min_hz)) / (audio.mels + 1)
    share = 0.15 * min(np.median(durations) / audio.samples, 1.0)
    return max(1, round((high - low) / band)), round(float(share), 4)

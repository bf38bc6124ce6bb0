"""The mel scale and its filters, in NumPy alone."""

import functools

import numpy as np


def to_mel(hz):
    """Hz on HTK's mel scale."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)


@functools.lru_cache(maxsize=8)
def mel_weights(mels, n_fft, sample_rate, mel_min_hz, mel_max_hz):
    """Triangular filters `(n_fft / 2 + 1, mels)`, HTK scale, peak 1: librosa's `filters.mel(htk=True, norm=None)`."""
    edges_mel = np.linspace(to_mel(mel_min_hz), to_mel(mel_max_hz), mels + 2)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins_hz = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    lower, center, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising, falling = (bins_hz - lower) / (center - lower), (upper - bins_hz) / (upper - center)
    return np.maximum(0.0, np.minimum(rising, falling)).astype("float32")

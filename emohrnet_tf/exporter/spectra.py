"""Waveforms made from spectra: what a pretrained model, whose clips are elsewhere, is calibrated and verified by.

The spectra of training clips come along with the weights (`pretrained.write_spectra`). A sound whose log-mel is that of
a clip drives the network as the clip does, and that is all that the ranges of int8 and a comparison of formats need.
"""

import numpy as np

from emohrnet_tf.model.mel import mel_weights, to_mel

ROUNDS = 16  # of Griffin & Lim; more come no closer
PEAK = 0.5  # of full scale


def sounds_of(power, audio):
    """Waveforms that have a mel power, up to their gain.

    The spectrum between the mel bands is drawn through their centres and fitted to their power; its phases are found by
    Griffin & Lim (IEEE Trans. ASSP 32(2), 1984), from random ones. The same input gives the same sounds.

    Args:
        power: `(n, frames, mels)`; each frame may stand for several of the model's.
        audio: `config.Audio` of the model.

    Returns:
        float32 `(n, audio.samples)`.
    """
    return np.stack([_sound(np.repeat(one, audio.frames // len(one), axis=0), audio) for one in power])


def _sound(power, audio):
    """One waveform `(samples,)` of mel power `(frames, mels)`."""
    n_fft, hop, pad = audio.n_fft, audio.hop, audio.n_fft - audio.hop
    magnitude = _spectrum(power, audio)
    window, places = np.hanning(n_fft + 1)[:-1], np.arange(len(power))[:, None] * hop + np.arange(n_fft)
    length = len(power) * hop + pad
    overlap = np.zeros(length)
    np.add.at(overlap, places, np.broadcast_to(window**2, places.shape))
    phases = np.exp(2j * np.pi * np.random.default_rng(0).random(magnitude.shape))
    for _ in range(ROUNDS):
        waveform = np.zeros(length)
        np.add.at(waveform, places, np.fft.irfft(magnitude * phases, axis=1) * window)
        waveform /= np.maximum(overlap, 1e-3)
        spectrum = np.fft.rfft(waveform[places] * window, axis=1)
        phases = spectrum / np.maximum(np.abs(spectrum), 1e-9)
    waveform = waveform[pad // 2 : pad // 2 + audio.samples]
    return (waveform * (PEAK / np.abs(waveform).max())).astype("float32")


def _spectrum(power, audio):
    """Magnitudes `(frames, n_fft / 2 + 1)` whose mel power is `(frames, mels)`."""
    weights = mel_weights(audio.mels, audio.n_fft, audio.sample_rate, audio.mel_min_hz, audio.mel_max_hz)
    centres = np.linspace(to_mel(audio.mel_min_hz), to_mel(audio.mel_max_hz), audio.mels + 2)[1:-1]
    bins = to_mel(np.linspace(0, audio.sample_rate / 2, audio.n_fft // 2 + 1))
    heights = np.log(power / weights.sum(axis=0) + 1e-12)
    spectrum = np.exp([np.interp(bins, centres, row) for row in heights])
    share = weights.T / np.maximum(weights.sum(axis=1), 1e-9)
    for _ in range(20):  # each bin by the bands that it lies in
        spectrum *= np.where(weights.any(axis=1), power / (spectrum @ weights + 1e-12) @ share, 1.0)
    return np.sqrt(spectrum)

import librosa
import numpy as np
import pytest
import scipy.fft
from test_features import SAMPLES, librosa_power, speech_like

from emohrnet_tf.model.features import log_mel, mel_power, spectra
from emohrnet_tf.model.front_end import front_end
from emohrnet_tf.model.functionals import of_cepstra, of_melody, pitch
from emohrnet_tf.model.relative import CEPSTRA, WIDTH

LEVEL = {"normalize": "level", "statistics": [[0.0] * 64]}


def whole(waveforms):
    return front_end(np.atleast_2d(waveforms).astype("float32"), functionals=True, **LEVEL)["functionals"].numpy()


def melody_of(waveform):
    return pitch(spectra(waveform[None].astype("float32"))[0], 1024, 16000).numpy()


@pytest.mark.parametrize("hz", [80, 150, 220, 390])
def test_pitch_is_that_of_a_voice_of_many_harmonics(hz):
    t = np.arange(SAMPLES) / 16000
    octaves, period = melody_of(0.1 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12)))[8:-8].T
    np.testing.assert_allclose(128 * 2**octaves, hz, rtol=0.02)
    assert (period > 0.8).all()


def test_noise_has_no_pitch_and_a_gain_changes_nothing():
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    assert np.median(melody_of(noise)[:, 1]) < 0.4
    np.testing.assert_allclose(melody_of(speech_like() * 0.1), melody_of(speech_like()), atol=1e-3)


def test_pitch_of_speech_is_librosas():
    ours = melody_of(speech_like())
    theirs, voiced, _ = librosa.pyin(speech_like(), fmin=60, fmax=400, sr=16000, frame_length=1024, hop_length=256)
    theirs, voiced = theirs[: len(ours)], voiced[: len(ours)]
    both = voiced & (ours[:, 1] > 0.6)
    assert both.sum() > 20
    assert np.median(np.abs(np.log2(128 * 2 ** ours[both, 0] / theirs[both]))) < 0.03


def test_cepstra_are_scipys_weighed_by_loudness():
    x = log_mel(speech_like()[None], **LEVEL).numpy()[0]
    weights = np.random.default_rng(0).random((64, 1)).astype("float32")
    w = weights / weights.sum()
    cepstra = scipy.fft.dct(x, norm="ortho", axis=1)[:, :CEPSTRA]
    cepstra[:, 0] *= np.sqrt(2)  # all bands alike
    ours = of_cepstra(x[None], weights[None]).numpy()[0]
    mean = (w * cepstra).sum(axis=0)
    deviation = np.sqrt((w * (cepstra - mean) ** 2).sum(axis=0))
    np.testing.assert_allclose(ours[:CEPSTRA], mean, atol=2e-3)
    np.testing.assert_allclose(ours[CEPSTRA : 2 * CEPSTRA], deviation, atol=2e-2)
    z = (cepstra - mean) / deviation
    np.testing.assert_allclose(ours[3 * CEPSTRA], (w[:, 0] * z[:, 0] * z[:, 1]).sum(), atol=2e-2)


def test_melody_tells_high_from_low_and_lively_from_flat():
    t = np.arange(SAMPLES) / 16000

    def tell(hz, swing):
        phase = 2 * np.pi * np.cumsum(hz * 2 ** (swing * np.sin(2 * np.pi * 2 * t))) / 16000
        voice = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 12))
        power = mel_power(voice[None].astype("float32"))
        return of_melody(melody_of(voice)[None], power, np.ones((1, 64, 1), "float32")).numpy()[0]

    low, high, lively = tell(120, 0), tell(240, 0), tell(120, 0.4)
    assert high[0] - low[0] == pytest.approx(1, abs=0.05)
    assert low[1] < 0.05
    assert lively[1] == pytest.approx(0.4 / np.sqrt(2), abs=0.05)
    assert lively[2:4].min() > 0.1 > 0.02 > low[2:4].max()


def test_what_is_no_speech_weighs_nothing_and_speech_much():
    t = np.arange(SAMPLES) / 16000
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 9))
    noise = np.random.default_rng(0).standard_normal(SAMPLES)
    silence = np.zeros(SAMPLES)
    found = whole(np.stack([speech_like(), 0.1 * hum, 0.1 * noise, silence]))
    assert np.isfinite(found).all()
    assert found.shape == (4, WIDTH)
    assert found[0, -1] > 0.3
    assert (found[1:, -1] < 0.1).all()
    assert found[3, -1] == 0


def test_a_gain_and_silence_around_change_little():
    voice = speech_like(samples=SAMPLES // 2)
    padded = np.concatenate([np.zeros(SAMPLES // 4), voice, np.zeros(SAMPLES // 4)])
    np.testing.assert_allclose(whole(padded * 0.05), whole(padded), atol=0.06)
    first, later = whole(np.stack([padded, np.concatenate([np.zeros(SAMPLES // 2), voice])]))
    np.testing.assert_allclose(first, later, atol=0.3)
    assert librosa_power(voice).max() > 0

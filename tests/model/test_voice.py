import numpy as np
import pytest
import soundfile
import tensorflow as tf
from test_features import librosa_power, speech_like

from emohrnet_tf import EmoHRNet, InputError
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.model.features import CORPUS_FLOOR, QUIET
from emohrnet_tf.model.voice import band_statistics, frame_powers, reference

AUDIO = Audio(frames=64, normalize="reference")


@pytest.fixture(scope="module")
def model():
    return EmoHRNet(["calm", "anger"], AUDIO, Network("tiny"))


def voice(seconds=4, seed=0):
    return speech_like(seed, 256 * round(seconds * 62.5))


def test_a_reference_weighs_frames_by_how_much_they_are_speech(tmp_path):
    soundfile.write(tmp_path / "a.wav", voice(), 16000, subtype="FLOAT")
    power = frame_powers(voice(), AUDIO)
    weights = np.maximum(np.log((power.mean(axis=1) + QUIET) / (power.mean() + QUIET)) + 4, 0)
    expected = (weights[:, None] * np.log(power + QUIET)).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(reference(tmp_path / "a.wav", AUDIO), expected, atol=1e-3)
    silence = np.zeros(160000, "float32")
    np.testing.assert_allclose(reference([voice(), silence], AUDIO), expected, atol=0.25)


def test_frames_of_a_long_waveform_are_those_of_one_piece():
    long = voice(3.5)
    ours, whole = frame_powers(long, AUDIO), librosa_power(long)
    assert ours.shape == whole.shape
    inner = np.ones(len(ours), bool)
    inner[[n for edge in range(64, len(ours), 64) for n in (edge - 2, edge - 1, edge, edge + 1)]] = False
    np.testing.assert_allclose(ours[inner], whole[inner], rtol=1e-3, atol=1e-3)


def test_statistics_are_numpys():
    waveforms = [voice(2, seed) for seed in range(3)]
    mean, deviation = band_statistics(waveforms, AUDIO)
    x = np.log(np.concatenate([frame_powers(w, AUDIO) for w in waveforms]) + CORPUS_FLOOR)
    np.testing.assert_allclose(mean, x.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(deviation, x.std(axis=0), atol=1e-3)


def test_a_model_hears_a_voice_relative_to_its_reference(model):
    usual = model.reference([voice(4, seed=1)])
    answers = lambda cut, **given: model.answer_windows(cut, **given)["embedding"]  # noqa: E731
    cut = np.stack([voice(1.024), voice(1.024, seed=2)])
    own = answers(cut)
    np.testing.assert_allclose(answers(cut, reference=np.full(64, np.nan)), own, rtol=1e-5, atol=1e-6)
    mixed = answers(cut, reference=np.stack([usual, np.full(64, np.nan, "float32")]))
    np.testing.assert_allclose(mixed[1], own[1], rtol=1e-5, atol=1e-6)
    assert np.abs(mixed[0] - own[0]).max() > 0.01 * own[0].max()
    quiet = answers(cut * 0.1, reference=usual - np.log(100).astype("float32"))
    np.testing.assert_allclose(quiet, answers(cut, reference=usual), atol=0.01 * own.max())
    at_once = model(tf.constant(cut), reference=usual[None].repeat(2, axis=0))["embedding"]
    np.testing.assert_allclose(at_once, answers(cut, reference=usual), rtol=1e-4, atol=1e-5)


def test_a_reference_that_cannot_be_is_refused(model):
    with pytest.raises(InputError, match="2 s of speech"):
        model.reference([np.zeros(160000, "float32")])
    with pytest.raises(InputError, match="2 s of speech"):
        model.reference([])
    with pytest.raises(InputError, match="finite"):
        model.reference(np.full(160000, np.nan, "float32"))
    with pytest.raises(InputError, match="(64,)"):
        model.answer_windows(voice(1.024)[None], reference=np.zeros(32))
    plain = EmoHRNet(["calm", "anger"], Audio(frames=64), Network("tiny"))
    with pytest.raises(InputError, match="takes no reference"):
        plain.reference([voice()])
    with pytest.raises(InputError, match="takes no reference"):
        plain.answer_windows(voice(1.024)[None], reference=np.zeros(64))

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from test_features import librosa_power, speech_like

from emohrnet_tf import EmoHRNet, InputError
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.model.features import CORPUS_FLOOR, speech_spectrum
from emohrnet_tf.model.statistics import band_statistics, frame_powers, usual_spectrum

AUDIO = Audio(frames=64, normalize="level", statistics=[[0.0] * 64])
NETWORK = Network("tiny", functionals=True, reference=True)


@pytest.fixture(scope="module")
def model():
    model = EmoHRNet(["calm", "anger"], AUDIO, NETWORK)
    for layer in ("logits", "relative_logits"):  # other than as drawn: whichever is asked shows
        kernel, bias = model.network.get_layer(layer).get_weights()
        model.network.get_layer(layer).set_weights([kernel, bias + (layer == "logits") * np.array([2, 0], "float32")])
    return model


def voice(seconds=4, seed=0):
    return speech_like(seed, 256 * round(seconds * 62.5))


def test_a_reference_is_the_mean_embedding_of_what_is_not_silent(model, tmp_path):
    soundfile.write(tmp_path / "a.wav", voice(1.024), 16000, subtype="FLOAT")
    long, silence = voice(4, seed=3), np.zeros(160000, "float32")
    of_windows = model.answer_windows(windows(long, AUDIO.samples))["embedding"].mean(axis=0)
    of_file = model.answer_windows(voice(1.024)[None])["embedding"][0]
    together = model.reference([tmp_path / "a.wav", long, silence])
    np.testing.assert_allclose(together, (of_windows + of_file) / 2, atol=1e-4)


def test_the_usual_spectrum_is_of_corpora_then_of_voices():
    spectrum = lambda x: speech_spectrum(frame_powers(x, AUDIO)[None])[0].numpy()[0]  # noqa: E731
    one, two, three = (voice(2, seed) for seed in range(3))
    (usual,) = usual_spectrum([[[one], [two]], [[three]]], AUDIO)
    expected = ((spectrum(one) + spectrum(two)) / 2 + spectrum(three)) / 2
    np.testing.assert_allclose(usual, expected - expected.mean(), atol=1e-3)


def test_frames_of_a_long_waveform_are_those_of_one_piece():
    half = voice(3.5)[::2]
    long = np.stack([half, -half], axis=-1).ravel()  # its pieces have no mean to be taken off
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
    usual, width = model.reference([voice(4, seed=1)]), model.widths["embedding"]
    cut = np.stack([voice(1.024), voice(1.024, seed=2)])
    own, none = model.answer_windows(cut), np.full(width, np.nan, "float32")
    np.testing.assert_allclose(model.score(cut, reference=none), own["probabilities"], rtol=1e-5)
    kernel, bias = model.network.get_layer("relative_logits").get_weights()
    expected = tf.nn.softmax((own["embedding"] - usual) @ kernel + bias)
    mixed = model.score(cut, reference=np.stack([usual, none]))
    np.testing.assert_allclose(mixed[0], expected[0], rtol=1e-4)
    np.testing.assert_allclose(mixed[1], own["probabilities"][1], rtol=1e-5)
    at_once = model(tf.constant(cut), reference=usual[None].repeat(2, axis=0))["probabilities"]
    np.testing.assert_allclose(at_once, expected, rtol=1e-4)


def test_either_way_has_its_own_temperature(model):
    usual, cut = model.reference([voice(4, seed=1)]), voice(1.024)[None]
    before = model.score(cut), model.score(cut, reference=usual)
    copy = EmoHRNet.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    copy.calibrate(2.0, 4.0)
    for after, old, temperature in zip((copy.score(cut), copy.score(cut, reference=usual)), before, (2, 4)):
        np.testing.assert_allclose(after, tf.nn.softmax(np.log(old) / temperature), rtol=1e-4)


def test_a_reference_that_cannot_be_is_refused(model):
    with pytest.raises(InputError, match="2 s of speech"):
        model.reference([np.zeros(160000, "float32")])
    with pytest.raises(InputError, match="2 s of speech"):
        model.reference([])
    with pytest.raises(InputError, match="finite"):
        model.reference(np.full(160000, np.nan, "float32"))
    with pytest.raises(InputError, match=r"A reference is"):
        model.answer_windows(voice(1.024)[None], reference=np.zeros(32))
    plain = EmoHRNet(["calm", "anger"], Audio(frames=64), Network("tiny"))
    with pytest.raises(InputError, match="takes no reference"):
        plain.reference([voice()])
    with pytest.raises(InputError, match="takes no reference"):
        plain.answer_windows(voice(1.024)[None], reference=np.zeros(64))

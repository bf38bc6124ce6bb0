import numpy as np
import pytest
from test_features import speech_like

from emohrnet_tf import EmoHRNet, InputError, load_model, pretrained
from emohrnet_tf.data.leakage import heard
from emohrnet_tf.evaluation.on_index import evaluate
from emohrnet_tf.inference.ready import ready


@pytest.fixture
def tiny_ravdess(run, tmp_path, monkeypatch):
    """A network that trains in seconds in the place of the pretrained weights."""
    model = load_model(run)
    facts = {"model": {k: v for k, v in model.get_config().items() if k not in ("trainable", "dtype")}}
    pretrained.write_weights(tmp_path / "ravdess.npz", facts | {"corpus": "ravdess"}, model.network.get_weights())
    monkeypatch.setattr("emohrnet_tf.model.emohrnet.weights_file", lambda name: tmp_path / f"{name}.npz")
    monkeypatch.chdir(tmp_path)
    return model


def test_half_precision_weights_score_as_the_model_did(tiny_ravdess):
    waveform = 0.1 * np.random.default_rng(0).standard_normal((4, 20000)).astype("float32")
    for model in (load_model("ravdess"), EmoHRNet.from_pretrained("ravdess")):
        assert (model.labels, model.temperature) == (tiny_ravdess.labels, tiny_ravdess.temperature)
        expected = tiny_ravdess(waveform)["probabilities"]
        np.testing.assert_allclose(model(waveform)["probabilities"], expected, atol=0.01)


def test_clips_of_its_own_corpus_are_no_test_of_it(tiny_ravdess, index):
    assert heard("ravdess", index).all()
    with pytest.raises(InputError, match="trained on every clip"):
        evaluate("ravdess", index)
    assert evaluate("ravdess", index.assign(corpus="other"))["clips"] == len(index)


def test_an_unknown_pretrained_model_is_named_with_those_that_are_known(tmp_path):
    with pytest.raises(InputError, match="Pretrained models: voices, ravdess"):
        EmoHRNet.from_pretrained("iemocap")
    with pytest.raises(InputError, match="or one of voices, ravdess"):
        load_model(tmp_path / "nothing")


def test_the_pretrained_model_knows_the_eight_emotions_and_stands_silence():
    model = EmoHRNet.from_pretrained("ravdess")
    assert model.labels == ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    probabilities = model(np.zeros((1, 40000), "float32"))["probabilities"].numpy()
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["voices", "ravdess"])
def test_a_microphones_offset_changes_no_answer_by_keras_or_litert(name):
    for model in (load_model(name), ready(name)):
        clip = np.pad(speech_like(samples=model.audio.samples // 2), (0, model.audio.samples // 2))
        shifted = np.where(clip == 0, 0, clip + np.float32(0.05))
        plain, other = (model.score(x[None].astype("float32")) for x in (clip, shifted))
        np.testing.assert_allclose(other, plain, atol=5e-3)
        assert plain.std() > 0.01

from emohrnet_tf import load_model
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.licence import UNKNOWN, joined, licence_of
from emohrnet_tf.model.emohrnet import EmoHRNet

CC = "CC BY-NC-SA 4.0, non-commercial"


def test_weights_are_under_the_terms_of_their_speech_and_unknown_ones_are_said():
    for name in ("ravdess", "RAVDESS", "nEMO", "EmoSpeech", "emospeech_in"):
        assert licence_of([name]).startswith(CC)
    assert licence_of([]) == UNKNOWN
    assert licence_of(["emovo"]) == "not stated: weights trained on emovo; ask its licence"
    mixed = licence_of(["ravdess", "mine", "emovo"])
    assert mixed.startswith(CC)
    assert mixed.endswith("not stated: weights trained on emovo, mine; ask their licences")


def test_terms_of_the_model_to_start_from_stay():
    text, corpora = joined(["emovo"], ["ravdess"], licence_of(["ravdess"]))
    assert corpora == ["emovo", "ravdess"]
    assert text == licence_of(["emovo", "ravdess"])
    assert "MIT" in joined(["emovo"], [], "MIT")[0]
    assert UNKNOWN in joined(["emovo"], [], UNKNOWN)[0]


def test_a_model_keeps_its_licence_in_its_file(tmp_path):
    model = EmoHRNet(["a", "b"], Audio(frames=32, mels=32), Network("tiny"), trained_on=["ravdess"])
    assert model.licence.startswith(CC)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert (again.licence, list(again.trained_on)) == (model.licence, ["ravdess"])
    assert EmoHRNet(["a", "b"], Audio(frames=32, mels=32), Network("tiny")).licence == UNKNOWN


def test_the_pretrained_model_is_non_commercial():
    model = load_model("ravdess")
    assert model.licence.startswith(CC)
    assert list(model.trained_on) == ["ravdess"]

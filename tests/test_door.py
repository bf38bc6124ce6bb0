"""What is first tried at the package's door: it works, or one sentence says what to give instead."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emohrnet_tf
from emohrnet_tf import Config, EmoHRNet, InputError
from emohrnet_tf.config import Audio, Network

SOUND = 0.1 * np.random.default_rng(0).standard_normal(20000).astype("float32")
INDEX = pd.DataFrame({"file": ["/absent/a.wav", "/absent/b.wav"], "emotion": ["calm", "anger"]})
NO_COLUMNS = pd.DataFrame({"path": ["/absent/a.wav"]})


@pytest.fixture(scope="module")
def untrained():
    return EmoHRNet(["calm", "anger"], Audio(frames=32, mels=32, mel_max_hz=4000.0), Network("tiny"))


CASES = {
    "paths that are none": (lambda model: emohrnet_tf.predict(model, None), "paths of audio files"),
    "samples for paths": (lambda model: emohrnet_tf.predict(model, [SOUND]), "paths of audio files"),
    "bytes for paths": (lambda model: emohrnet_tf.predict(model, b"RIFF"), "paths of audio files"),
    "a confidence in words": (lambda model: emohrnet_tf.predict(model, ".", "0.5"), "between 0 and 1"),
    "no model": (lambda model: emohrnet_tf.predict(None, "."), "A model is the path"),
    "a number as a model": (lambda model: emohrnet_tf.load_model(3), "A model is the path"),
    "a timeline's confidence": (lambda model: emohrnet_tf.timeline(model, "a.wav", 0.5, 7), "between 0 and 1"),
    "a timeline's hop": (lambda model: emohrnet_tf.timeline(model, "a.wav", "1"), "The hop lies between"),
    "a section in words": (lambda model: emohrnet_tf.load_audio(b"RIFF", start="1"), "in numbers"),
    "a path for an index": (lambda model: emohrnet_tf.evaluate(model, "i.csv"), "read_index"),
    "an index without files": (lambda model: emohrnet_tf.evaluate(model, NO_COLUMNS), "no column file"),
    "rows for an index": (lambda model: emohrnet_tf.robustness("ravdess", [1, 2]), "read_index"),
    "a path to train on": (lambda model: emohrnet_tf.train("i.csv", Config(), "out"), "read_index"),
    "no emotions to train on": (
        lambda model: emohrnet_tf.train(INDEX[["file"]], Config(), "out"),
        "no column emotion",
    ),
    "settings that are none": (lambda model: emohrnet_tf.train(INDEX, 3, "out"), "name of a preset"),
    "no such preset": (lambda model: emohrnet_tf.crossval(INDEX, "best", "out"), "Unknown preset"),
    "a path to prepare": (lambda model: emohrnet_tf.prepare("i.csv", ".", "out"), "read_index"),
    "a model to export": (lambda model: emohrnet_tf.export(model, "out"), "A model is the path"),
    "no folder of a corpus": (lambda model: emohrnet_tf.read_corpus("ravdess", None), "path of the corpus"),
    "bytes of an index": (lambda model: emohrnet_tf.read_index(b"i.csv"), "path of a CSV"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_is_said(untrained, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, told = CASES[case]
    with pytest.raises(InputError, match=told):
        call(untrained)
    assert list(Path().iterdir()) == []


def test_names_of_presets_and_models_themselves_are_taken(untrained, index, config):
    from emohrnet_tf.training.checks import checked_config

    assert checked_config("quick") == emohrnet_tf.preset("quick")
    assert checked_config(config.to_dict()) == config
    known = index[index.emotion.isin(["calm", "anger"])].iloc[:6]
    report = emohrnet_tf.evaluate(untrained, known.assign(emotion=["calm", "anger"] * 3))
    assert report["clips"] == 6

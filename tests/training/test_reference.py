"""A run that learns to hear voices relative to themselves: from the index to the exported file."""

import json

import numpy as np
import pytest

from emohrnet_tf import InputError, evaluate, load_model
from emohrnet_tf.exporter.litert import converted
from emohrnet_tf.inference.exported import LiteRTScorer
from emohrnet_tf.training.run import train

SETTINGS = {
    "audio": {"normalize": "level"},
    "augmentation": {"time_shift_share": 0.0},
    "network": {"functionals": True, "reference": True},
    "training": {"batch_size": 8, "speaker_clips": 4, "choose": "last"},
}


@pytest.fixture(scope="module")
def told(index, config, tmp_path_factory):
    out = tmp_path_factory.mktemp("reference") / "run"
    return out, train(index, config.replace(SETTINGS), out, "speaker", verbose=0)


def test_it_learns_both_ways_and_measures_what_it_measured(told):
    out, report = told
    settings = json.loads((out / "config.json").read_text())["resolved"]
    assert len(settings["audio"]["statistics"]) == 1
    assert settings["audio"]["statistics"][0] != [0.0] * len(settings["audio"]["statistics"][0])
    assert 0 <= report["results"]["last"]["uar"] <= 1
    log = (out / "log.csv").read_text().splitlines()[0].split(",")
    assert {"logits_loss", "relative_logits_loss", "accuracy", "val_accuracy"} <= set(log)


def test_the_saved_model_takes_a_reference_and_its_file_does(told):
    model = load_model(told[0])
    assert model.takes_reference
    lite = LiteRTScorer(converted(model))
    random = np.random.default_rng(0)
    cut = (0.1 * random.standard_normal((3, model.samples)) * (random.random(model.samples) > 0.5)).astype("float32")
    usual = model.answer_windows(cut)["embedding"].mean(axis=0)
    np.testing.assert_allclose(lite.score(cut), model.score(cut), atol=1e-5)
    given = lite.answer_windows(cut, reference=usual)["probabilities"]
    np.testing.assert_allclose(given, model.score(cut, reference=usual), atol=1e-5)


def test_own_speech_is_another_protocol_and_is_named(told, index):
    plain, own = evaluate(told[0], index, "all"), evaluate(told[0], index, "all", own_speech=True)
    assert "own_speech" not in plain
    assert own["own_speech"] is True
    with pytest.raises(InputError, match="speaker for every clip"):
        evaluate(told[0], index.drop(columns="speaker"), "all", own_speech=True)


def test_batches_that_voices_do_not_fill_are_refused_before_the_work(index, config, tmp_path):
    with pytest.raises(InputError, match=r"multiple of training.speaker_clips, 4"):
        train(index, config.replace(SETTINGS).override(["training.batch_size=6"]), tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()

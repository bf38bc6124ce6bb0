"""The laboratory of recipes places, normalises and judges as it says, and every option trains."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import known
from known_features import POWER_FLOOR

from emohrnet_tf.config import Audio
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.model.features import log_mel


def test_mel_powers_are_those_of_the_product(index, tmp_path):
    clips, audio = Clips(index.head(1), 16000), Audio()
    (powers,) = known.mel_powers(clips, audio, tmp_path)
    waveform = clips.waveform(0)
    waveform = np.pad(waveform, (0, -len(waveform) % audio.hop))
    rms = np.sqrt(np.mean(waveform**2))
    expected = log_mel(waveform, **audio.front_end(), standardize=False).numpy()
    assert np.allclose(np.log(1 + powers / rms**2 / POWER_FLOOR), expected, atol=2e-3)
    assert np.array_equal(known.mel_powers(clips, audio, tmp_path)[0], powers)  # from the cache


def test_corpus_normalisation_keeps_the_level_and_window_normalisation_does_not():
    powers = np.random.default_rng(0).gamma(2, 1.0, (2, 30, 8))
    settings = known.BASE | {"normalize": "corpus"}
    statistics = known.statistics_of(list(powers), settings)
    x = known.normalized(powers, settings, statistics)
    assert np.allclose(x.mean(axis=(0, 1)), 0, atol=1e-6)
    assert np.allclose(x.std(axis=(0, 1)), 1, atol=1e-6)
    assert (known.normalized(4 * powers, settings, statistics) > x).all()
    window = known.BASE | {"normalize": "window"}
    assert np.allclose(known.normalized(4 * powers, window, None), known.normalized(powers, window, None))


def test_clips_are_placed_and_cut():
    clip = np.ones((3, 2))
    assert known.placed(clip, 5, 1)[:, 0].tolist() == [0, 1, 1, 1, 0]
    assert known.placed(np.arange(12.0).reshape(6, 2), 4, 1)[:, 0].tolist() == [2, 4, 6, 8]


def test_scores_carry_their_standard_error():
    true = np.array([0, 0, 0, 0, 1, 1])
    probabilities = np.eye(2)[[0, 0, 1, 1, 1, 1]]
    scores = known.scores(true, probabilities)
    assert scores["uar"] == pytest.approx(0.75)
    assert scores["uar_error"] == pytest.approx(np.sqrt(0.25 / 4) / 2)
    assert scores["war"] == pytest.approx(4 / 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"normalize": "window", "label_smoothing": 0.1, "mixup": 0.3},
        {"joint": True, "deltas": 2, "pooling": "statistics", "dropout": 0.2, "shifts": 3},
        {"joint": True, "auxiliary": ["statement"], "gain_db": 6.0, "noise_db": 20.0, "ema": 0.9},
    ],
)
def test_every_option_trains_and_is_judged(index, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(known, "FOLDS", (0,))
    clips = Clips(index, 16000)
    powers = known.mel_powers(clips, Audio(), tmp_path)
    settings = known.BASE | {"architecture": "tiny", "frames": 64, "epochs": 1, "batch_size": 8} | changes
    report = known.run(settings, clips, powers, seed=0)
    assert report["judged"]["clips"] + report["train_clips"] == len(index)
    assert 0 <= report["judged"]["uar"] <= 1
    assert np.isfinite(report["judged"]["loss"])


def test_every_recipe_is_made_of_known_settings():
    for name in known.RECIPES:
        known.recipe(name)
    with pytest.raises(SystemExit, match="no such setting: colour"):
        known.recipe("corpus", ['colour="red"'])

import numpy as np
import pytest

from emohrnet_tf.demo.voices import DIMENSIONS, EMOTIONS, plan_clip, speak
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.baselines import STATISTICS, ceiling, chance, statistics_baseline, utterance_statistics


def tone(hz, seconds=1.0, rate=16000):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate + 0.1)


def named(waveform, rate=16000):
    return dict(zip(STATISTICS, utterance_statistics(waveform, rate)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_statistics_of_a_tone_are_known(rate):
    found = named(tone(1000, rate=rate), rate)
    assert found["level_mean_db"] == pytest.approx(-3.01, abs=0.05)
    assert found["level_std_db"] < 0.1
    assert found["centroid_hz"] == pytest.approx(1000, rel=0.01)
    assert found["zero_crossings_per_second"] == pytest.approx(2000, rel=0.01)
    assert found["voiced_seconds"] == pytest.approx(0.98, abs=0.011)


def test_level_moves_only_the_level():
    loud, quiet = named(tone(500)), named(0.1 * tone(500))
    assert loud.pop("level_mean_db") - quiet.pop("level_mean_db") == pytest.approx(20, abs=1e-6)
    assert loud == pytest.approx(quiet, abs=1e-6)


def test_silence_is_finite_and_shortens_the_voiced_part():
    assert utterance_statistics(np.zeros(16000), 16000) == pytest.approx([-100, 0, 0, 0, 0])
    found = named(np.concatenate([tone(500), np.zeros(16000)]))
    assert found["voiced_seconds"] == pytest.approx(1.0, abs=0.03)
    assert found["level_std_db"] > 40


@pytest.mark.parametrize("wrong", [np.zeros((2, 16000)), np.zeros(100), np.array([]), np.full(16000, np.nan)])
def test_a_waveform_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="Received: "):
        utterance_statistics(wrong, 16000)


def test_a_separable_problem_is_solved_whatever_the_units():
    rng = np.random.default_rng(0)
    labels = np.array(["calm", "anger", "fear"] * 30)
    features = np.array([[0, 0], [9, 0], [0, 9]] * 30) + rng.normal(size=(90, 2))
    score = statistics_baseline(features[:60], labels[:60], features[60:], labels[60:])
    assert score == {"uar": 1.0, "war": 1.0}
    scaled = features * [1e6, 1e-6]
    assert statistics_baseline(scaled[:60], labels[:60], scaled[60:], labels[60:]) == score


def test_uar_counts_classes_and_war_counts_clips():
    assert chance(["a"] * 5 + ["b"] * 3, ["a"] * 9 + ["b"]) == {"uar": 0.5, "war": 0.9}
    assert chance(["a", "b", "c", "a"], ["b", "c"]) == {"uar": 0.0, "war": 0.0}


@pytest.mark.parametrize("score", [statistics_baseline, ceiling])
def test_parts_that_do_not_fit_are_refused(score):
    good, labels = np.eye(4), np.array(["a", "b", "a", "b"])
    for arguments in (
        (good, labels, good[:, :3], labels),
        (good, labels[:3], good, labels),
        (good[:0], labels[:0], good, labels),
        (good, labels, good[:0], labels[:0]),
        (good, np.array(["a"] * 4), good, labels),
        (good * np.nan, labels, good, labels),
    ):
        with pytest.raises(InputError, match="Received: "):
            score(*arguments)
    with pytest.raises(InputError, match="Received: "):
        chance([], labels)


def test_a_class_that_the_test_part_lacks_does_not_count():
    labels = np.array(["a", "b", "c"] * 10)
    values = np.eye(3)[[0, 1, 2] * 10] + np.random.default_rng(0).normal(0, 0.01, (30, 3))
    present = labels != "c"
    assert ceiling(values, labels, values[present], labels[present]) == {"uar": 1.0, "war": 1.0}


def test_the_default_corpus_has_room_above_the_statistics_and_a_ceiling():
    """The recipe's two numbers on unseen speakers; the statistics on two statements of six, to stay quick."""
    rows = [
        plan_clip(0, speaker, emotion, clip) for speaker in range(1, 21) for emotion in EMOTIONS for clip in range(6)
    ]
    emotions, speakers = np.array([row["emotion"] for row in rows]), np.array([row["speaker"] for row in rows])
    test = np.isin(speakers, [f"Actor_{speaker:02}" for speaker in (4, 5, 10, 11, 16, 17)])
    points = np.array([[row[dimension] for dimension in DIMENSIONS] for row in rows])
    best = ceiling(points[~test], emotions[~test], points[test], emotions[test])
    assert 0.78 < best["uar"] < 0.90

    few = np.array([row["statement"] in (2, 5) for row in rows])
    features = np.array([utterance_statistics(speak(0, row), 16000) for row, used in zip(rows, few) if used])
    emotions, test = emotions[few], test[few]
    found = statistics_baseline(features[~test], emotions[~test], features[test], emotions[test])
    assert 0.20 < found["uar"] < 0.48
    assert chance(emotions[~test], emotions[test])["uar"] == 0.125

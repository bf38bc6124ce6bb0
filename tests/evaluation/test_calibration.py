import numpy as np
import pytest
from scipy.special import softmax

from emohrnet_tf.evaluation.calibration import (
    clip_probabilities,
    fit_temperature,
    negative_log_likelihood,
    risk_coverage,
)
from emohrnet_tf.evaluation.metrics import classification_report


def overconfident(clips=2000, classes=5, factor=3.0, seed=0):
    """Logits that are `factor` times too large for labels drawn from them."""
    random = np.random.default_rng(seed)
    logits = random.standard_normal((clips, classes)) * 2
    true = np.array([random.choice(classes, p=p) for p in softmax(logits, axis=1)])
    return logits * factor, np.arange(clips), true


def test_the_temperature_that_made_the_logits_is_found():
    logits, owners, true = overconfident()
    assert fit_temperature(logits, owners, true) == pytest.approx(3.0, rel=0.1)


def test_calibration_lowers_the_error_and_leaves_single_windows_labels_alone():
    logits, owners, true = overconfident()
    temperature = fit_temperature(logits[:1000], owners[:1000], true[:1000])
    before, after = (clip_probabilities(logits[1000:], owners[:1000], t) for t in (1.0, temperature))
    ece = [classification_report(list("abcde"), true[1000:], p, bootstrap=0)["ece"] for p in (before, after)]
    assert ece[1] < 0.05 < ece[0]
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_a_clip_is_the_mean_of_its_windows_probabilities():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    expected = np.stack([softmax(logits[:2] / 2, axis=1).mean(axis=0), [0.5, 0.5]])
    np.testing.assert_allclose(clip_probabilities(logits, np.array([0, 0, 1]), 2.0), expected)


def test_the_likelihood_is_its_formula():
    assert negative_log_likelihood(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]])) == pytest.approx(
        (np.log(2) + np.log(4)) / 2
    )


def test_accuracy_rises_as_doubtful_clips_are_left_out():
    logits, owners, true = overconfident(factor=1.0)
    rows = risk_coverage(list("abcde"), true, clip_probabilities(logits, owners))
    assert rows[0]["coverage"] == 1.0
    assert [row["coverage"] for row in rows] == sorted((row["coverage"] for row in rows), reverse=True)
    assert rows[-1]["war"] > rows[0]["war"] + 0.2
    none = risk_coverage(["a", "b"], np.array([0]), np.array([[0.6, 0.4]]), steps=(0.9,))
    assert none == [{"min_confidence": 0.9, "coverage": 0.0, "war": None, "uar": None}]

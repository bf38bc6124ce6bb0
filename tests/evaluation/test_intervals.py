import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.data.leakage import speakers_of
from emohrnet_tf.evaluation.metrics import classification_report, dimensions_report
from emohrnet_tf.evaluation.report import comparison, table
from emohrnet_tf.model.sphere import Sphere


def draw_clips(random, speakers, classes=7, clips=12):
    """Answers for speakers who differ as real ones do: recall 0.6, its spread between them 0.1."""
    recall = np.clip(0.6 + 0.1 * random.standard_normal((speakers, 1, 1)), 0.02, 0.98)
    right = random.random((speakers, classes, clips)) < recall
    true = np.broadcast_to(np.arange(classes)[None, :, None], right.shape)
    said = np.where(right, true, (true + 1) % classes)
    return true.ravel(), np.eye(classes)[said.ravel()], np.repeat(np.arange(speakers), classes * clips).astype(str)


@pytest.mark.parametrize("speakers", [4, 5, 6])
def test_of_a_hundred_intervals_by_speaker_ninety_three_or_more_hold_the_truth(speakers):
    from emohrnet_tf.evaluation import intervals

    random, held, count = np.random.default_rng(speakers), 0, 600
    for _ in range(count):
        true, said, names = draw_clips(random, speakers)
        low, high = intervals.recall_speaker_interval(names.astype(int), true, said.argmax(axis=1), 7)["uar"]
        held += low <= 0.6 <= high
    assert held / count >= 0.93


@pytest.mark.parametrize("speakers", [4, 6])
def test_intervals_of_ccc_by_speaker_hold_the_truth(speakers):
    from emohrnet_tf.evaluation import dimensions

    def draw(random, speakers, clips=60):
        true = 0.4 * random.standard_normal((speakers, clips, 3))
        offset = 0.15 * random.standard_normal((speakers, 1, 3))
        noise = 0.3 * random.standard_normal(true.shape)
        return true.reshape(-1, 3), (0.8 * true + offset + noise).reshape(-1, 3)

    truth = 2 * 0.8 * 0.16 / (0.16 + 0.64 * 0.16 + 0.15**2 + 0.3**2)
    random, held, count = np.random.default_rng(speakers), 0, 400
    for _ in range(count):
        true, said = draw(random, speakers)
        limits = dimensions._ccc_speaker_interval(np.repeat(np.arange(speakers), 60), dimensions._moments(true, said))
        held += (limits[:3, 0] <= truth).astype(int) * (truth <= limits[:3, 1])
    assert (held / count).mean() >= 0.93


def test_clips_without_a_speaker_are_no_speaker():
    true, said, names = draw_clips(np.random.default_rng(0), 4)
    labels = [f"c{i}" for i in range(7)]
    for missing in (None, np.nan):
        some = [missing if number % 50 == 0 else name for number, name in enumerate(names)]
        report = classification_report(labels, true, said, some)
        assert [row["speaker"] for row in report["per_speaker"]] == ["0", "1", "2", "3"]
        assert "by_speaker" not in report["interval"]
        assert "by_clip" in report["interval"]
    cube = np.random.default_rng(0).uniform(-1, 1, (60, 3))
    vad = dimensions_report(cube, 0.9 * cube, Sphere(1, 5), [None, *np.repeat(list("abc"), 20)[1:]])
    assert set(vad["interval"]) == {"by_clip"}


def test_speakers_of_two_corpora_are_not_one():
    index = pd.DataFrame({"file": list("abcd"), "speaker": ["1", "2", "1", None], "corpus": ["x", "x", "y", "y"]})
    assert speakers_of(index, missing=True).tolist() == ["x/1", "x/2", "y/1", None]
    assert speakers_of(index.iloc[:2]).tolist() == ["1", "2"]


def test_the_number_of_speakers_stands_beside_their_interval():
    true, said, names = draw_clips(np.random.default_rng(0), 5)
    report = classification_report([f"c{i}" for i in range(7)], true, said, names)
    assert report["interval"]["speakers"] == 5
    for text in (table(report), comparison({"validation": report})):
        assert [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| speakers")] == ["5"]
    del report["interval"]["speakers"]  # of an earlier version
    assert "95 % interval by speaker |" in table(report)
    assert "| speakers" not in table(report)
    cube = np.random.default_rng(0).uniform(-1, 1, (60, 3))
    vad = dimensions_report(cube, 0.9 * cube, Sphere(1, 5), np.repeat(list("abc"), 20))
    assert "is of 3 speakers" in table({"vad": vad})

import json
import os

import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.metrics import calibration_error, classification_report
from emohrnet_tf.evaluation.report import comparison, table
from emohrnet_tf.files import write_json

LABELS = ["neutral", "anger", "sadness"]


@pytest.fixture
def scored():
    """60 clips of 4 speakers: `(true, probabilities, speakers)`, right about two times in three."""
    random = np.random.default_rng(0)
    true = random.choice(3, 60, p=[0.6, 0.3, 0.1])
    probabilities = random.dirichlet([1, 1, 1], 60) * 0.5 + 0.5 * np.eye(3)[np.where(random.random(60) < 0.7, true, 0)]
    return true, probabilities, np.array([f"s{i}" for i in random.integers(0, 4, 60)])


def test_scores_are_their_definitions(scored):
    true, probabilities, speakers = scored
    report = classification_report(LABELS, true, probabilities, speakers, bootstrap=0)
    predicted = probabilities.argmax(1)
    recalls = [np.mean(predicted[true == i] == i) for i in range(3)]
    precisions = [np.mean(true[predicted == i] == i) for i in range(3)]
    f1 = [2 * p * r / (p + r) for p, r in zip(precisions, recalls)]
    assert report["uar"] == pytest.approx(np.mean(recalls))
    assert report["war"] == pytest.approx(np.mean(predicted == true))
    assert report["macro_f1"] == pytest.approx(np.mean(f1))
    assert report["mean_confidence"] == pytest.approx(probabilities.max(1).mean())
    assert [row["recall"] for row in report["per_class"]] == pytest.approx(recalls)
    assert [row["precision"] for row in report["per_class"]] == pytest.approx(precisions)
    assert [row["f1"] for row in report["per_class"]] == pytest.approx(f1)
    assert [row["support"] for row in report["per_class"]] == np.bincount(true).tolist()
    assert report["confusion"] == [[int(((true == i) & (predicted == j)).sum()) for j in range(3)] for i in range(3)]


def test_each_speaker_has_scores(scored):
    true, probabilities, speakers = scored
    rows = classification_report(LABELS, true, probabilities, speakers, bootstrap=0)["per_speaker"]
    assert [row["speaker"] for row in rows] == ["s0", "s1", "s2", "s3"]
    for row in rows:
        own = speakers == row["speaker"]
        alone = classification_report(LABELS, true[own], probabilities[own], bootstrap=0)
        assert (row["uar"], row["war"], row["clips"]) == (alone["uar"], alone["war"], alone["clips"])


def test_names_and_integers_are_the_same_truth(scored):
    true, probabilities, _ = scored
    names = pd.Series([LABELS[i] for i in true], index=range(100, 160))
    assert classification_report(LABELS, names, probabilities) == classification_report(LABELS, true, probabilities)


def test_uar_leaves_out_classes_without_clips():
    report = classification_report(LABELS, ["neutral", "anger"], [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], bootstrap=0)
    assert report["uar"] == 0.5
    assert report["per_class"][2] == {"label": "sadness", "precision": None, "recall": None, "f1": None, "support": 0}
    assert report["confusion"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_intervals_surround_the_scores_and_narrow_with_more_clips(scored):
    true, probabilities, speakers = scored
    few = classification_report(LABELS, true, probabilities, speakers)
    many = classification_report(LABELS, np.tile(true, 16), np.tile(probabilities, (16, 1)))
    for score in ("uar", "war"):
        low, high = few["interval"]["by_clip"][score]
        assert low < few[score] < high
        low, high = few["interval"]["by_speaker"][score]
        assert low <= few[score] <= high
        ratio = np.ptp(few["interval"]["by_clip"][score]) / np.ptp(many["interval"]["by_clip"][score])
        assert 3 < ratio < 5.5


def test_the_interval_of_accuracy_is_the_binomial_one():
    true, right = np.zeros(400, int), np.arange(400) < 300
    report = classification_report(["a", "b"], true, np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]), bootstrap=4000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert report["interval"]["by_clip"]["war"] == pytest.approx([0.75 - half, 0.75 + half], abs=0.005)


def test_the_interval_by_speaker_is_wide_when_speakers_differ():
    true, speakers = np.zeros(400, int), np.repeat(["good", "bad", "fair", "best"], 100)
    right = np.concatenate([np.arange(100) < n for n in (90, 10, 50, 100)])
    report = classification_report(["a", "b"], true, np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]), speakers)
    assert np.ptp(report["interval"]["by_speaker"]["war"]) > 3 * np.ptp(report["interval"]["by_clip"]["war"])


def test_one_speaker_has_no_interval_by_speaker(scored):
    true, probabilities, _ = scored
    report = classification_report(LABELS, true, probabilities, ["only"] * 60)
    assert "by_speaker" not in report["interval"]
    assert len(report["per_speaker"]) == 1


def test_the_seed_decides_the_interval(scored):
    true, probabilities, _ = scored
    first, again, other = (
        classification_report(LABELS, true, probabilities, seed=seed)["interval"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first["by_clip"] != other["by_clip"]


def plain_calibration_error(correct, confidence):
    """ECE as Guo et al. (2017), equation 3, state it, bin by bin: (m - 1) / 15 < confidence <= m / 15."""
    total = 0.0
    for m in range(1, 16):
        bin_ = [i for i, value in enumerate(confidence) if (m - 1) / 15 < value <= m / 15]
        if bin_:
            gap = np.mean([correct[i] for i in bin_]) - np.mean([confidence[i] for i in bin_])
            total += len(bin_) / len(confidence) * abs(gap)
    return total


def test_calibration_error_is_its_definition(scored):
    random = np.random.default_rng(1)
    correct, confidence = random.random(500) < 0.6, random.random(500)
    assert calibration_error(correct, confidence) == pytest.approx(plain_calibration_error(correct, confidence))
    true, probabilities, _ = scored
    expected = plain_calibration_error(probabilities.argmax(1) == true, probabilities.max(1))
    assert classification_report(LABELS, true, probabilities, bootstrap=0)["ece"] == pytest.approx(expected)


def test_certain_answers_are_calibrated_when_right_and_not_when_wrong():
    assert calibration_error([True, True], [1.0, 1.0]) == 0
    assert calibration_error([False, False], [1.0, 1.0]) == 1


GOOD = [[0.5, 0.3, 0.2]]


@pytest.mark.parametrize(
    ("true", "probabilities", "speakers", "message"),
    [
        ([], np.zeros((0, 3)), None, "at least one clip"),
        (["joy"], GOOD, None, "Received: ['joy']"),
        ([None], GOOD, None, "Received: ['None']"),
        ([3], GOOD, None, "Received: [3]"),
        ([-1], GOOD, None, "Received: [-1]"),
        ([0.5], GOOD, None, "Received: ['0.5']"),
        ([0], [[0.5, 0.5]], None, "Received: (1, 2)"),
        ([0, 1], GOOD, None, "Received: (1, 3)"),
        ([0, 0], GOOD + [[0.5, 0.3, 0.3]], None, "row 1 must"),
        ([0], [[np.nan, 0.5, 0.5]], None, "row 0 must"),
        ([0], [[np.inf, 0, 0]], None, "row 0 must"),
        ([0], [[1.2, -0.2, 0]], None, "row 0 must"),
        ([0], GOOD, ["a", "b"], "Received: 2"),
    ],
)
def test_wrong_input_is_refused_with_the_value(true, probabilities, speakers, message):
    with pytest.raises(InputError) as caught:
        classification_report(LABELS, true, probabilities, speakers)
    assert message in str(caught.value)


def test_a_label_given_twice_is_refused():
    with pytest.raises(InputError, match="each class once"):
        classification_report(["calm", "calm"], [0], [[0.5, 0.5]])


# --- JSON and tables ---


def test_a_report_survives_json(tmp_path, scored):
    report = classification_report(LABELS, *scored)
    write_json(tmp_path / "new" / "report.json", report)
    text = (tmp_path / "new" / "report.json").read_text()
    read = json.loads(text)
    assert list(read) == sorted(read)
    assert read["confusion"] == report["confusion"]
    assert read["uar"] == pytest.approx(report["uar"], abs=1e-6)
    assert text.endswith("}\n")


def test_json_takes_numpy_and_rounds_floats(tmp_path):
    write_json(tmp_path / "a.json", {"b": np.float32(1 / 3), "a": np.arange(2), 3: np.nan, "rate": 1.23456789e-7})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": 0.333333, "a": [0, 1], "3": None, "rate": 1.23457e-7}


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_json(path, {"uar": 0.5})
    with pytest.raises(TypeError):
        write_json(path, {"uar": object()})
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(InputError, match="disk full"):
        write_json(path, {"uar": 0.6})
    assert json.loads(path.read_text()) == {"uar": 0.5}
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def cells(markdown):
    """Rows of a Markdown table as lists of stripped cells, without the rule."""
    lines = [line for line in markdown.splitlines() if line and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_table_shows_scores_intervals_classes_and_speakers(scored):
    report = classification_report(LABELS, *scored)
    text = table(report)
    assert len({len(line) for line in text.split("\n\n")[0].splitlines()}) == 1
    rows = {row[0]: row[1:] for row in cells(text)}
    assert rows["measure"] == ["value", "95 % interval by clip", "95 % interval by speaker"]
    assert rows["UAR"][0] == f"{100 * report['uar']:.1f} %"
    assert rows["true \\ predicted"] == LABELS
    assert rows["sadness"] == [str(count) for count in report["confusion"][2]]
    assert rows["s3"][-1] == str(report["per_speaker"][3]["clips"])


def test_a_table_of_a_report_read_back_from_json_is_the_same(tmp_path, scored):
    report = classification_report(LABELS, *scored)
    write_json(tmp_path / "a.json", report)
    assert table(json.loads((tmp_path / "a.json").read_text())) == table(report)


def test_a_class_without_clips_shows_a_dash():
    text = table(classification_report(LABELS, [0], GOOD, bootstrap=0))
    assert ["sadness", "-", "-", "-", "0"] in cells(text)


def test_a_comparison_says_which_column_is_the_result(scored):
    true = scored[0]
    report, plain = (
        classification_report(LABELS, *scored),
        classification_report(LABELS, true, np.eye(3)[true], bootstrap=0),
    )
    rows = cells(comparison({"validation": report, "last": report, "best_on_test": plain, "published": plain}))
    assert rows[0][1:] == [
        "validation-chosen epoch (the result)",
        "last epoch",
        "best on test (optimistic)",
        "published",
    ]
    assert rows[1] == ["UAR", *[f"{100 * report['uar']:.1f} %"] * 2, "100.0 %", "100.0 %"]
    assert rows[2][0] == "UAR 95 % by clip"
    assert rows[2][3:] == ["", ""]


def test_a_comparison_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least one report"):
        comparison({})

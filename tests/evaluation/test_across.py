import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.across import across_report, cells, mean_scores
from emohrnet_tf.evaluation.report import across_table, corpora_table

LABELS = ["neutral", "calm", "happiness", "anger", "fear"]


@pytest.fixture
def answers():
    said = np.array(
        [
            [0.1, 0.2, 0.0, 0.1, 0.6],  # free: fear; of the corpus' labels: neutral or anger; of the four: neutral
            [0.0, 0.0, 0.3, 0.5, 0.2],
            [0.4, 0.3, 0.2, 0.1, 0.0],
            [0.0, 0.3, 0.0, 0.3, 0.4],
        ]
    )
    return ["neutral", "anger", "neutral", "fear"], said


def test_three_ways_to_answer(answers):
    report = across_report(LABELS, *answers, bootstrap=0)
    assert report["free"]["uar"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert report["restricted"]["labels"] == ["neutral", "anger", "fear"]
    assert report["restricted"]["uar"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert report["four"]["labels"] == ["neutral", "anger"]
    assert report["free"]["chance"] == 0.2
    assert (report["four"]["uar"], report["four"]["clips"], report["four"]["chance"]) == (1.0, 3, 0.5)
    assert report["free"]["coverage"][0] == {
        "min_confidence": 0.0,
        "coverage": 1.0,
        "war": 0.75,
        "uar": pytest.approx(5 / 6),
    }
    assert across_report(["calm", "fear"], ["calm", "fear"], [[1, 0], [0, 1]], bootstrap=0)["four"] is None


def test_an_answer_outside_the_corpus_is_a_guess_where_all_of_the_probability_lies_there():
    report = across_report(["anger", "fear", "calm"], ["anger", "fear"], [[0, 0, 1.0], [0, 1.0, 0]], bootstrap=0)
    assert report["restricted"]["mean_confidence"] == pytest.approx(0.75)


def test_a_table_for_each_corpus_and_their_mean(answers):
    true, said = answers
    table = pd.DataFrame(said, columns=LABELS).assign(emotion=true, speaker=list("xyxy"))
    table = pd.concat([table.assign(corpus="nemo"), table.assign(corpus="emovo")])
    rows = cells(table, LABELS, {"ravdess"}, {"nemo": {"surprise": 7}}, bootstrap=20)
    assert [(row["train"], row["test"]) for row in rows] == [(["ravdess"], "emovo"), (["ravdess"], "nemo")]
    assert "by_speaker" in rows[0]["free"]["interval"]
    mean = mean_scores(rows)
    assert mean["four"]["uar"] == 1.0
    text = across_table(rows, mean)
    assert "| emovo" in text
    assert "100.0 % (50)" in text
    assert "nemo: surprise (7)" in text
    assert "least confidence" in text
    with pytest.raises(InputError, match="at least one corpus"):
        mean_scores([])


def test_corpora_of_a_run():
    row = {"corpus": "nemo", "clips": {"train": 3, "left out": 2}, "speakers": 2, "hours": 0.5, "emotions": {"fear": 3}}
    cells_ = [cell.strip() for cell in corpora_table([row]).splitlines()[2].split("|")[1:-1]]
    assert cells_ == ["nemo", "3", "0", "0", "2", "2", "0.50", "1"]

"""Several corpora in one training, and corpora held apart."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from emohrnet_tf.config import Head
from emohrnet_tf.data.augment import mix
from emohrnet_tf.data.balance import draw_evenly, units
from emohrnet_tf.data.leakage import LEFT_OUT
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.data.targets import label_sets, make_targets
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.report import summary_table
from emohrnet_tf.exporter.exporter import _split_index
from emohrnet_tf.training.crossval import crossval
from emohrnet_tf.training.losses import label_set_cross_entropy, masked_cross_entropy, smoothed_cross_entropy
from emohrnet_tf.training.run import train
from tests.conftest import write_voice

PITCHES = {"neutral": 150.0, "anger": 320.0, "sadness": 220.0, "calm": 130.0, "disgust": 400.0}
LABELS = {"a": ("neutral", "anger", "sadness"), "b": ("neutral", "anger", "calm"), "c": ("anger", "sadness", "disgust")}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Three corpora of three speakers each, with one name in all of them, of whom each knows other emotions."""
    root, rows = tmp_path_factory.mktemp("corpora"), []
    for corpus, emotions in LABELS.items():
        for speaker in ("anna", "ben", "carl"):
            for number in range(2 if corpus != "c" else 4):
                for emotion in emotions:
                    file = root / corpus / f"{speaker}_{emotion}_{number}.wav"
                    write_voice(file, PITCHES[emotion], 0.4, len(rows))
                    rows.append({"file": str(file), "emotion": emotion, "speaker": speaker, "corpus": corpus})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def quick(config):
    return config.replace({"training": {"epochs": 1, "choose": "last"}})


# --- A label that a corpus lacks ---


def test_a_clip_says_nothing_against_a_label_that_its_corpus_lacks():
    sets = ((1, 1, 0), (1, 1, 1))
    true = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]], "float32")  # of the first corpus, of the second
    logits = tf.Variable([[0.3, -0.2, 5.0], [0.3, -0.2, 5.0]])
    with tf.GradientTape() as tape:
        lost = label_set_cross_entropy(true, logits, sets, smoothing=0.1)
    gradient = tape.gradient(lost, logits).numpy()
    assert gradient[0, 2] == 0
    assert gradient[1, 2] > 0
    alone = keras.ops.convert_to_numpy(smoothed_cross_entropy(0.1)(true[:1, :2], logits.numpy()[:1, :2]))
    np.testing.assert_allclose(lost.numpy()[:1], alone, rtol=1e-5)


def test_one_set_of_all_labels_is_the_plain_loss():
    random = np.random.default_rng(0)
    true, logits = np.eye(4, dtype="float32")[[0, 3, 1]], random.standard_normal((3, 4)).astype("float32")
    with_set = np.concatenate([true, np.ones((3, 1), "float32")], axis=1)
    for smoothing in (0.0, 0.1):
        plain = smoothed_cross_entropy(smoothing)(true, logits)
        own = label_set_cross_entropy(with_set, logits, [[1, 1, 1, 1]], smoothing)
        np.testing.assert_allclose(own, plain, rtol=1e-5)
        mean = masked_cross_entropy(with_set, logits, smoothing, [[1, 1, 1, 1]])
        np.testing.assert_allclose(mean, np.mean(plain), rtol=1e-5)


def test_a_mixed_clip_has_the_mean_of_both_clips_losses():
    sets, share = ((1, 1, 0), (0, 1, 1)), np.array([0.7, 0.4], "float32")
    true = np.array([[1, 0, 0, 1, 0], [0, 0, 1, 0, 1]], "float32")
    logits = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    _, mixed = mix(np.zeros((2, 1, 1, 1), "float32"), true, share)
    lost = label_set_cross_entropy(mixed, logits, sets, 0.1).numpy()
    of = lambda row, clip: label_set_cross_entropy(true[[clip]], logits[[row]], sets, 0.1).numpy()[0]  # noqa: E731
    expected = [share[0] * of(0, 0) + (1 - share[0]) * of(0, 1), share[1] * of(1, 1) + (1 - share[1]) * of(1, 0)]
    np.testing.assert_allclose(lost, expected, rtol=1e-5)


def test_label_sets_and_targets(index):
    labels = ["neutral", "calm", "sadness", "anger"]
    sets = label_sets(index, labels)
    assert sets == (("a", (1, 0, 1, 1)), ("b", (1, 1, 0, 1)), ("c", (0, 0, 1, 1)))
    targets = make_targets(index, labels, Head(), sets=sets)["logits"]
    assert targets.shape == (len(index), 4 + 3)
    known = index.emotion.isin(labels).to_numpy()
    assert (targets.sum(axis=1) == np.where(known, 2, 0)).all()
    assert label_sets(index[index.corpus == "a"], ["neutral", "anger", "sadness"]) == ()
    apart = index.assign(emotion=index.emotion.where(index.corpus != "c", "c " + index.emotion))
    with pytest.raises(InputError, match=r"c has no label in common with the other corpora"):
        label_sets(apart, sorted(apart.emotion.unique()))


# --- Sampling ---


def test_an_epoch_has_as_many_clips_of_each_corpus_and_speaker():
    speakers = ["x"] * 60 + ["y"] * 20 + ["x"] * 20 + ["z"] * 5 + ["w"] * 15
    index = pd.DataFrame({"corpus": ["a"] * 80 + ["b"] * 40, "speaker": speakers})
    balanced, draws = units(index), []
    assert balanced[1].sum() == pytest.approx(1)
    for epoch in (0, 1, 0):
        rows = draw_evenly(balanced, tf.constant([3, epoch], tf.int64)).numpy()
        assert len(rows) == len(index)
        counts = index.iloc[rows].groupby(["corpus", "speaker"]).size()
        assert abs(counts.groupby("corpus").sum() - 60).max() <= 1
        assert abs(counts["a"] - 30).max() <= 1
        assert abs(counts["b"] - 20).max() <= 1
        assert np.bincount(rows)[:60].max() == 1  # no clip again where the speaker has enough
        draws.append(rows)
    assert np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[1])


def test_clips_without_speakers_take_equal_shares():
    index = pd.DataFrame({"corpus": list("aab"), "speaker": [None, None, "x"]})
    assert units(index)[1].tolist() == [0.25, 0.25, 0.5]
    assert units(index[["corpus"]])[1].tolist() == [0.25, 0.25, 0.5]


# --- Protocols ---


def test_one_corpus_is_left_out(index):
    assert fold_count(index, "corpus") == fold_count(index, "one_corpus") == 3
    for fold, test in enumerate("abc"):
        parts = split(index, "corpus", fold=fold)
        assert set(index.corpus[parts == "test"]) == {test}
        assert test not in set(index.corpus[parts.isin(["train", "validation"])])
        named = (index.corpus + "/" + index.speaker)[parts.isin(["train", "validation"])]
        assert pd.DataFrame({"name": named, "part": parts[named.index]}).groupby("name").part.nunique().max() == 1
        assert set(index.corpus[parts == "validation"]) == set("abc") - {test}
    left = split(index, "corpus", fold=2) == LEFT_OUT
    assert set(index.emotion[left]) == {"disgust"}
    assert left.sum() == 12


def test_one_corpus_trains_alone(index):
    parts = split(index, "one_corpus", fold=0)
    assert set(index.corpus[parts.isin(["train", "validation"])]) == {"a"}
    assert set(index.emotion[parts == LEFT_OUT]) == {"calm", "disgust"}


def test_corpora_that_cannot_be_held_apart(index):
    with pytest.raises(InputError, match=r"corpus needs two corpora or more.*\['a'\]"):
        split(index[index.corpus == "a"], "corpus")
    with pytest.raises(InputError, match="no column corpus"):
        split(index.drop(columns="corpus"), "corpus")
    with pytest.raises(InputError, match="corpus b has clips without a speaker"):
        split(index.assign(speaker=index.speaker.where(index.corpus != "b")), "corpus")
    with pytest.raises(InputError, match="less than two labels in common"):
        split(index.assign(emotion=index.emotion.where(index.corpus != "c", "c " + index.emotion)), "corpus", fold=2)
    with pytest.raises(InputError, match="less than three speakers, none of whom can validate"):
        split(index[index.speaker != "carl"], "corpus")
    also = pd.concat([index.assign(also=False), index[:3].assign(also=True, file=["x", "y", "z"])], ignore_index=True)
    with pytest.raises(InputError, match="a corpus is in two parts"):
        split(also, "corpus", fold=0)


# --- Runs ---


def test_a_run_on_several_corpora_counts_them_and_scores_the_one_left_out(index, quick, tmp_path):
    mixed = quick.replace({"augmentation": {"mixup": 0.2}, "training": {"label_smoothing": 0.1}})
    summary = crossval(index, mixed, tmp_path, "corpus", only=[2], verbose=0, say=lambda line: None)
    report = json.loads((tmp_path / "fold2_seed0.json").read_text())
    counted = {row["corpus"]: row for row in report["corpora"]}
    assert set(counted) == {"a", "b", "c"}
    assert counted["c"]["speakers"] == 3
    assert counted["c"]["clips"] == {"test": 24, "left out": 12}
    assert counted["c"]["hours"] == pytest.approx(36 * 0.4 / 3600, rel=1e-3)
    assert counted["b"]["emotions"] == {"neutral": 6, "anger": 6, "calm": 6}
    assert report["left_out"] == {"c": {"disgust": 12}}
    assert np.isfinite(report["validation"]["loss"])
    table = pd.read_csv(tmp_path / "fold2_seed0.csv")
    assert set(table.speaker) == {"c/anna", "c/ben", "c/carl"}
    assert set(table.corpus) == {"c"}
    (cell,) = summary["across"]["cells"]
    assert (cell["train"], cell["test"], cell["left_out"]) == (["a", "b"], "c", {"disgust": 12})
    assert cell["free"]["labels"] == ["neutral", "calm", "sadness", "anger"]
    assert cell["restricted"]["labels"] == cell["four"]["labels"] == ["sadness", "anger"]
    assert "disgust" not in set(_split_index(tmp_path / "fold2_seed0").emotion)  # what an export measures itself by
    assert "c: disgust (12)" in summary_table(summary)
    assert not summary["complete"]
    assert (tmp_path / "corpora.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="matrix of corpora is of protocol corpus"):
        crossval(index, mixed, tmp_path / "other", "speaker", matrix=True)


@pytest.mark.slow
def test_a_joint_head_on_corpora_with_other_labels(index, quick, tmp_path):
    rated = index.assign(**{name: 3.0 + 0.1 * (index.index % 7) for name in ("valence", "arousal", "dominance")})
    joint = quick.replace({"head": {"kind": "joint", "pooling": "mean"}, "training": {"label_smoothing": 0.1}})
    report = train(rated.assign(vad_scale="1..5"), joint, tmp_path / "run", verbose=0, folds=3)
    assert np.isfinite(report["validation"]["loss"])


@pytest.mark.slow
def test_every_corpus_is_left_out_and_trains_alone(index, quick, tmp_path):
    merged, lines = quick.replace({"data": {"merge": "calm=neutral"}}), []
    summary = crossval(index, merged, tmp_path, "corpus", matrix=True, verbose=0, say=lines.append)
    assert len(lines) == 6
    assert summary["complete"]
    across = summary["across"]
    assert [cell["test"] for cell in across["cells"]] == ["a", "b", "c"]
    assert across["cells"][1]["four"]["labels"] == ["neutral", "anger"]
    assert across["mean"]["free"]["corpora"] == 3
    assert {(tuple(row["train"]), row["test"]) for row in across["matrix"]} == {
        *[(tuple("abc".replace(test, "")), test) for test in "abc"],
        *[((one,), test) for one in "abc" for test in "abc" if one != test],
    }
    again = crossval(index, merged, tmp_path, "corpus", matrix=True, verbose=0, say=lambda line: None)
    assert [cell["free"]["uar"] for cell in again["across"]["cells"]] == pytest.approx(
        [cell["free"]["uar"] for cell in across["cells"]], abs=1e-5
    )

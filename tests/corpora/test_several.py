import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.corpora import join, merge_labels
from emohrnet_tf.data.leakage import speakers_of
from emohrnet_tf.errors import InputError


def csv(path, corpus=None, files=("1.wav", "2.wav"), emotions=("calm", "anger")):
    table = pd.DataFrame({"file": files, "emotion": emotions, "speaker": "anna"})
    path.parent.mkdir(exist_ok=True)
    (table if corpus is None else table.assign(corpus=corpus)).to_csv(path, index=False)
    return path


def test_speakers_of_different_corpora_never_collide(tmp_path):
    files = [
        csv(tmp_path / "a" / "a.csv", "ravdess"),
        csv(tmp_path / "b" / "calls.csv"),
        csv(tmp_path / "c" / "radio.csv", "table"),
    ]
    index = join(files)
    assert index["corpus"].tolist() == ["ravdess"] * 2 + ["calls"] * 2 + ["radio"] * 2
    assert sorted(set(speakers_of(index))) == ["calls/anna", "radio/anna", "ravdess/anna"]
    assert index.index.tolist() == list(range(6))


def test_one_index_stays_as_it_is(tmp_path):
    assert "corpus" not in join([csv(tmp_path / "calls.csv")])


def test_what_cannot_be_joined(tmp_path):
    first = csv(tmp_path / "a" / "calls.csv")
    with pytest.raises(InputError, match="Give the CSV"):
        join([])
    with pytest.raises(InputError, match=r"A clip is in two of the indexes"):
        join([first, first])
    with pytest.raises(InputError, match=r"have one name, by which their speakers would be one.*'calls'"):
        join([first, csv(tmp_path / "b" / "calls.csv")])
    assert len(join([csv(tmp_path / "a" / "x.csv", "r"), csv(tmp_path / "b" / "x.csv", "r")])) == 4  # one corpus in two


def test_labels_are_merged():
    index = pd.DataFrame({"emotion": ["calm", "neutral", "anger", np.nan]})
    assert merge_labels(index, "") is index
    assert merge_labels(index, "calm=neutral").emotion.tolist()[:3] == ["neutral", "neutral", "anger"]
    # The preset `voices` merges so, and is for corpora without the label, too.
    assert merge_labels(index[index.emotion != "calm"], "calm=neutral").emotion.tolist()[:2] == ["neutral", "anger"]
    for bad, message in (
        ("calm", "old=new"),
        ("joy=anger", "no clip is joy"),
        ("calm=anger,neutral=anger", "one label"),
    ):
        with pytest.raises(InputError, match=message):
            merge_labels(index, bad)

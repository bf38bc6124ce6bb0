"""What every reader's index is made by: one look at each file."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from emohrnet_tf.audio import files
from emohrnet_tf.audio.identity import digest_of, groups, marks
from emohrnet_tf.corpora import read_corpus, read_index


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * random.standard_normal((44100, 2)), 44100)
    rows = ["a.wav,x,,", "b.wav,y,,0.5", "b.wav,x,0.4,", "b.wav,y,0.45,1.02"]
    (tmp_path / "t.csv").write_text("\n".join(["file,emotion,start,end", *rows]) + "\n")
    return tmp_path / "t.csv"


def test_a_file_is_decoded_once_whole_and_once_for_each_section(table, monkeypatch):
    opened, original = Counter(), files._decoded

    def decoded(file, name, *arguments, **settings):
        opened[name.rpartition("/")[2]] += 1
        return original(file, name, *arguments, **settings)

    monkeypatch.setattr(files, "_decoded", decoded)
    index, skipped = read_corpus("table", table)
    assert skipped.empty
    assert opened == {"a.wav": 1, "b.wav": 1 + 3}
    assert index.duration.round(3).tolist() == [1.0, 0.5, 0.6, 0.55]


def test_groups_are_those_that_training_finds_again(table):
    index, _ = read_corpus("table", table)
    assert index.group.tolist() == groups(marks(index))
    assert index.group[1] != index.group[2], "0.1 s of 0.5 s are shared"
    assert index.group[2] == index.group[3]
    assert index.group[0] == f"{digest_of(table.parent / 'a.wav'):016x}"


def test_columns_of_others_are_read_as_they_are_written(tmp_path):
    columns = {
        "zip": ("007", "12345"),
        "call": ("1e5", "20"),
        "country": ("NA", "DE"),
        "phone": ("+49", "30"),
        "id": ("12345678901234567890", "1"),
        "price": ("0.50", "1.25"),
        "take": ("7", "NA"),
        "score": ("0.5", "-1e-07"),
        "improvised": ("True", "False"),
        "half": ("True", ""),
    }
    lines = [["file", "emotion", *columns], *(["a.wav", "x", *row] for row in zip(*columns.values()))]
    lines[2][0] = "b.wav"
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    table = read_index(tmp_path / "t.csv")
    for name in ("zip", "call", "country", "phone", "id", "price"):
        assert table[name].tolist() == list(columns[name])
    assert table["take"][0] == 7
    assert np.isnan(table["take"][1])
    assert table["score"].tolist() == [0.5, -1e-07]
    assert table["improvised"].tolist() == [True, False]
    assert table["half"][0] == "True"
    assert table["half"].isna().tolist() == [False, True]

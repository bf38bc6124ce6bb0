import sys
import types

import numpy as np
import pytest
import soundfile

from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.errors import InputError

HEADER = """name: calls
source: internal
usage: research
languages: [eng]
schemes:
  emotion:
    dtype: str
    labels: [anger, neutral]
  speaker:
    dtype: str
tables:
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
  emotion:
    type: %s
    columns:
      emotion: {scheme_id: emotion}
"""
SPEAKERS = "file,speaker\naudio/1.wav,anna\naudio/2.wav,ben\n"


@pytest.fixture
def database(tmp_path):
    """A database by hand: two files of two seconds; the emotions stand in a table of their own."""
    (tmp_path / "audio").mkdir()
    for number in (1, 2):
        soundfile.write(
            tmp_path / f"audio/{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(32000), 16000
        )
    (tmp_path / "db.files.csv").write_text(SPEAKERS)
    return tmp_path


def emotions(database, kind, rows):
    (database / "db.yaml").write_text(HEADER % kind)
    (database / "db.emotion.csv").write_text(rows)
    return database


def test_tables_of_files(database):
    pytest.importorskip("audformat")
    root = emotions(database, "filewise", "file,emotion\naudio/1.wav,anger\naudio/2.wav,neutral\n")
    index, skipped = read_corpus("audformat", root)
    assert skipped.empty
    assert index[["emotion", "speaker", "corpus"]].to_numpy().tolist() == [
        ["anger", "anna", "calls"],
        ["neutral", "ben", "calls"],
    ]
    assert index["file"].tolist() == [str(root / "audio/1.wav"), str(root / "audio/2.wav")]
    assert "start" not in index


def test_tables_of_segments(database):
    pytest.importorskip("audformat")
    rows = "file,start,end,emotion\naudio/1.wav,0 days 00:00:00.5,0 days 00:00:01,anger\n"
    rows += "audio/1.wav,0 days 00:00:01,0 days 00:00:02,neutral\naudio/2.wav,0 days,0 days 00:00:01,\n"
    index, _ = read_corpus("audformat", emotions(database, "segmented", rows))
    assert index[["start", "end", "emotion"]].to_numpy().tolist() == [[0.5, 1.0, "anger"], [1.0, 2.0, "neutral"]]


def test_bad_databases(database):
    pytest.importorskip("audformat")
    with pytest.raises(InputError, match=r"looked for db.yaml"):
        read_corpus("audformat", database)
    (database / "db.yaml").write_text("schemes: [")
    with pytest.raises(InputError, match=r"not a whole audformat database"):
        read_corpus("audformat", database)
    root = emotions(database, "filewise", "file,emotion\naudio/1.wav,anger\n")
    with pytest.raises(InputError, match=r"its schemes are emotion, speaker. Received: 'mood'"):
        read_corpus("audformat", root, scheme="mood")


def test_without_the_package(database, monkeypatch):
    emotions(database, "filewise", "file,emotion\naudio/1.wav,anger\n")
    monkeypatch.setitem(sys.modules, "audformat", types.ModuleType("audformat"))
    sys.modules["audformat"].__spec__ = None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'emohrnet_tf\[audformat\]'"):
        read_corpus("audformat", database)

"""Names of files and of classes that programs take for something else, through every command."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_cli import TINY, fails

from emohrnet_tf.corpora import read_index, write_index
from emohrnet_tf.data.leakage import heard
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split
from emohrnet_tf.files import read_csv
from emohrnet_tf.inference.score import UNCERTAIN

NAME = os.fsdecode(b"\xff\xfe.wav")
CLASSES = ("None", "null", "NA", "0", "1", "True", "01")


def works(result):
    code, out, err = result
    assert code == 0, err
    return out


@pytest.mark.slow
def test_a_file_whose_name_is_no_utf8_goes_through_every_command(emohrnet, config, index, tmp_path):
    odd = tmp_path / "clips" / NAME
    odd.parent.mkdir()
    tested = index.index[split(index, "speaker") == "test"][0]
    shutil.copy(index.file[tested], odd)
    clips = index[["file", "emotion", "speaker"]].astype(object)  # pyarrow's texts hold no such name
    clips.loc[tested, "file"] = f"clips/{NAME}"
    write_index(clips, tmp_path / "table.csv")
    assert b"\xff\xfe.wav" in (tmp_path / "table.csv").read_bytes()
    table, run = tmp_path / "index.csv", tmp_path / "run"
    works(emohrnet("index", "table", tmp_path / "table.csv", "--out", table))
    indexed = read_index(table)
    assert str(odd) in set(indexed.file)
    works(emohrnet("train", table, "--out", run, *TINY))
    assert str(odd) in set(read_csv(run / "predictions.csv")["file"])
    parts = read_index(run / "split.csv")
    assert parts.split[parts.file == str(odd)].tolist() == ["test"]
    before = (run / "report.json").read_bytes()
    works(emohrnet("train", table, "--out", run, *TINY))
    assert (run / "report.json").read_bytes() == before, "a finished run is known again"
    works(emohrnet("evaluate", table, "--model", run, "--part", "all", "--json", tmp_path / "e.json"))
    report = json.loads((tmp_path / "e.json").read_text())
    assert (report["clips"], report["failed"], report["silent"]) == (len(index), [], [])
    assert heard(run, indexed).tolist() == (parts.split != "test")[indexed.index].tolist()
    for _ in range(2):
        assert "Fold 0" in works(emohrnet("crossval", table, "--out", tmp_path / "folds", "--only", "0", *TINY))
        assert NAME in set(read_csv(tmp_path / "folds" / "fold0_seed0.csv")["file"])
    for _ in range(2):
        assert "1 files in" in works(emohrnet("predict", odd, "--model", run, "--out", tmp_path / "x.csv"))
        assert len(read_csv(tmp_path / "x.csv")) == 1
    works(emohrnet("prepare", "table", tmp_path / "table.csv", tmp_path / "prepared"))
    prepared = [file for file in read_index(tmp_path / "prepared" / "index.csv").file if file.endswith(NAME)]
    assert len(prepared) == 1
    assert Path(prepared[0]).is_file()
    read = Clips(indexed[indexed.file == str(odd)], cache_bytes=0).graph_reader()
    assert len(read(0)) == 8000


def test_bytes_of_another_encoding_are_a_mistake_where_no_file_has_them(emohrnet, tmp_path):
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "t.csv").write_text("file,emotion\nWäsche.wav,Wut\nb.wav,Ärger\n", encoding=encoding)
        fails(emohrnet("index", "table", tmp_path / "t.csv", "--out", tmp_path / "i.csv"), "not CSV in UTF-8")
    (tmp_path / os.fsdecode(b"W\xe4sche.wav")).write_bytes(b"")
    (tmp_path / "t.csv").write_text("file,emotion\nWäsche.wav,Wut\nb.wav,Ärger\n", encoding="latin-1")
    fails(emohrnet("index", "table", tmp_path / "t.csv", "--out", tmp_path / "i.csv"), "bytes that are no UTF-8")
    assert not (tmp_path / "i.csv").exists()


@pytest.mark.slow
def test_classes_that_look_like_something_else_keep_their_names(emohrnet, config, index, tmp_path, monkeypatch):
    pytest.importorskip("litert_quantizer", reason="the extra `export` is not installed in this lane")
    from emohrnet_tf.exporter import exporter, verify
    from emohrnet_tf.inference.exported import TFLiteModel

    monkeypatch.setattr(exporter, "KINDS", ("float32",))
    monkeypatch.setattr(verify, "RATES", ())
    table, run = tmp_path / "index.csv", tmp_path / "run"
    labels = [CLASSES[number % len(CLASSES)] for number in range(len(index))]
    write_index(index[["file", "speaker"]].assign(emotion=labels, take="007"), table)
    assert read_index(table).emotion.tolist() == labels
    assert set(read_index(table)["take"]) == {"007"}
    works(emohrnet("train", table, "--out", run, *TINY))
    told = read_csv(run / "predictions.csv", CLASSES)
    assert set(told.emotion) == set(CLASSES)
    report = json.loads((run / "report.json").read_text())
    result = report["results"][report["chosen"]]
    assert sorted(result["labels"]) == sorted(CLASSES)
    right = np.mean(told[result["labels"]].to_numpy().argmax(axis=1) == told.emotion.map(result["labels"].index))
    assert right == pytest.approx(result["war"], abs=1e-6)
    works(emohrnet("crossval", table, "--out", tmp_path / "folds", "--only", "0", *TINY))
    pooled = json.loads((tmp_path / "folds" / "report.json").read_text())["pooled"][0]
    assert (pooled["clips"], pooled["war"]) == (result["clips"], pytest.approx(result["war"], abs=1e-6))
    works(emohrnet("export", run, "--out", tmp_path / "export"))
    figures = json.loads((tmp_path / "export" / "export_report.json").read_text())["verification"]["formats"]
    assert figures["tflite/float32"]["accuracy"] == pytest.approx(result["war"], abs=1e-6)
    assert TFLiteModel(tmp_path / "export" / "tflite" / "run_float32.tflite").labels == result["labels"]
    works(emohrnet("predict", *index.file, "--model", run, "--out", tmp_path / "x.csv"))
    back = read_csv(tmp_path / "x.csv", CLASSES)
    assert list(back)[2:-1] == result["labels"]
    best = np.array(result["labels"])[back[result["labels"]].to_numpy().argmax(axis=1)]
    assert back.emotion.tolist() == best.tolist()
    assert UNCERTAIN not in set(back.emotion)
    works(emohrnet("evaluate", tmp_path / "index.csv", "--model", run, "--json", tmp_path / "e.json"))
    assert json.loads((tmp_path / "e.json").read_text())["war"] == pytest.approx(result["war"], abs=1e-6)


def test_nothing_that_is_shown_reads_our_tables_by_guesses():
    root = Path(__file__).parents[2]
    kinds = ("*.md", "docs/**/*.md", "notebooks/*.ipynb", "benchmarks/*.py")
    pages = [page for kind in kinds for page in root.glob(kind)]
    assert len(pages) > 10
    assert [page.name for page in pages if "pd.read_csv(" in page.read_text(encoding="utf-8")] == []

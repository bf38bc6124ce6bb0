"""The notebooks: what a reader sees on GitHub, and that each runs from top to bottom."""

import json
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [notebook.stem for notebook in NOTEBOOKS]


def test_there_are_three():
    assert [name[:2] for name in NAMES] == ["01", "02", "03"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=NAMES)
def test_a_committed_notebook_shows_its_outputs(notebook):
    text = notebook.read_text()
    assert len(text) < 2e6
    cells = nbformat.reads(text, 4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom before it is committed"
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= (0 if notebook.stem.startswith("03") else 2)
    data = [output.get("data", {}) for output in outputs]
    texts = [str(value) for kinds in data for kind, value in kinds.items() if kind.startswith("text/")]
    shown = "\n".join([*texts, *(output.text for output in outputs if output.output_type == "stream")])
    machine = ["/" + name + "/" for name in ("home", "root", "tmp", "usr", "content", "Users", "work")]
    assert not [path for path in machine if path in shown]
    assert "Warning" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_from_top_to_bottom(notebook, tmp_path):
    from nbclient import NotebookClient

    copy = Path(shutil.copy(notebook, tmp_path))
    made = nbformat.read(copy, 4)
    NotebookClient(made, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    if notebook.stem.startswith("01"):
        assert (tmp_path / "listen" / "recording.vtt").read_text().startswith("WEBVTT\n\n00:00:0")
        assert "silence" in made.cells[-4].outputs[0].data["text/html"]
    elif notebook.stem.startswith("02"):
        report = json.loads((tmp_path / "train" / "run" / "report.json").read_text())
        split = pd.read_csv(tmp_path / "train" / "run" / "split.csv", dtype=str)
        assert split.groupby("speaker").split.nunique().max() == 1
        assert report["results"]["last"]["interval"]["by_speaker"]["uar"][0] > 1 / 8, "better than chance"
    else:
        latency = json.loads((tmp_path / "export" / "latency.json").read_text())
        assert set(latency) == {"float32", "float16", "dynamic_int8", "int8"}
        assert all(row["median ms"] > 0 for row in latency.values())
        assert (tmp_path / "export" / "model" / "saved_model" / "1" / "saved_model.pb").exists()

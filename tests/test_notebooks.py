"""The notebooks: what a reader sees on GitHub, and that each runs from top to bottom."""

import importlib.util
import json
import shutil
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [notebook.stem for notebook in NOTEBOOKS]
_spec = importlib.util.spec_from_file_location("write_address", ROOT / "docs/write_address.py")
write_address = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(write_address)


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


# --- The first cell, where nothing is installed ---


def start(notebook, monkeypatch, folder, repository=""):
    """Run a notebook's first cell in a folder, as if the package were not installed; return what pip was given."""
    spec, run, calls = importlib.util.find_spec, subprocess.run, []
    monkeypatch.chdir(folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "emohrnet_tf" else spec(name))

    def pip(command, **options):
        if "pip" not in command:
            return run(command, **options)
        source = Path(command[-1].partition("[")[0])
        calls.append((command[-1], source.read_bytes() if source.is_file() else None))

    monkeypatch.setattr(subprocess, "run", pip)
    exec(write_address.first_cell(notebook.name, repository), {})
    (call,) = calls
    return call


@pytest.fixture
def colab(monkeypatch):
    """A `google.colab` whose dialogue gives what is put into it."""
    chosen = {}
    files = types.SimpleNamespace(upload=lambda: chosen)
    module = types.ModuleType("google.colab")
    module.files = files
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return chosen


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=NAMES)
def test_in_colab_without_an_address_an_upload_is_installed(notebook, monkeypatch, tmp_path, colab):
    extra = "[export]" if notebook.stem.startswith("03") else ""
    colab["emohrnet_tf-0.1.0-py3-none-any (1).whl"] = b"a wheel"
    source, contents = start(notebook, monkeypatch, tmp_path)
    assert source.endswith(f"emohrnet_tf-0.1.0-py3-none-any.whl{extra}")
    assert contents == b"a wheel"
    colab.clear()
    with pytest.raises(SystemExit, match="choose one file"):
        start(notebook, monkeypatch, tmp_path)


def test_an_address_or_a_clone_needs_no_upload(monkeypatch, tmp_path):
    address = "https://example.org/us/emohrnet"
    with monkeypatch.context() as patch:
        assert start(NOTEBOOKS[2], patch, tmp_path, address)[0] == f"emohrnet_tf[export] @ git+{address}"
    with monkeypatch.context() as patch:
        assert start(NOTEBOOKS[0], patch, ROOT / "notebooks")[0] == str(ROOT)
    with pytest.raises(SystemExit, match="Open this notebook in a clone"):
        start(NOTEBOOKS[0], monkeypatch, tmp_path)


def test_every_place_holds_the_address_of_setup_py():
    for page, text in write_address.pages(write_address.address()).items():
        assert page.read_text() == text, f"{page.name}: run python docs/write_address.py"
    linked = write_address.with_links((ROOT / "README.md").read_text(), "https://github.com/us/emohrnet")
    assert "colab.research.google.com/github/us/emohrnet/blob/main/notebooks/01_listen_and_predict.ipynb" in linked
    assert write_address.with_links(linked, "") == write_address.with_links((ROOT / "README.md").read_text(), "")

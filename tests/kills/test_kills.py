"""Kill -9 at random moments: nothing is lost, nothing is half written, and the figures at the end are the same."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from emohrnet_tf.files import left_over

TINY = [
    *("--architecture", "tiny", "--set", "audio.frames=32", "--set", "audio.mels=32", "--set", "audio.mel_max_hz=4000"),
    *("--epochs", "3", "--batch-size", "8", "--protocol", "random"),
]
KILLS = {"prepare": 4, "predict": 4, "train": 4, "crossval": 4, "export": 4}  # 20


def emohrnet(*arguments):
    return [sys.executable, "-m", "emohrnet_tf.cli", *map(str, arguments)]


def killed_and_gone_on(command, kills, seed):
    """Start a command, kill it at a random moment, and so on; then let it end. Its return code is 0."""
    random = np.random.default_rng(seed)
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + random.uniform(0.5, 14)
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def whole(folder):
    """Every file can be read, and nothing of a killed process is left."""
    for file in folder.rglob("*"):
        assert not left_over(file), file
        assert not file.name.startswith(".export-"), file
        if file.suffix == ".json":
            json.loads(file.read_text())
        if file.suffix == ".csv":
            assert len(pd.read_csv(file)), file


@pytest.fixture(scope="module")
def table(index, tmp_path_factory):
    file = tmp_path_factory.mktemp("kills") / "index.csv"
    index.to_csv(file, index=False)
    return file


def same_twice(arguments, name, tmp_path):
    """The folder of a command that was killed, and of one that was not."""
    killed_and_gone_on(emohrnet(*arguments, tmp_path / "killed"), KILLS[name], seed=len(name))
    subprocess.run(emohrnet(*arguments, tmp_path / "whole"), check=True, capture_output=True)
    whole(tmp_path / "killed")
    names = [sorted(str(f.relative_to(tmp_path / x)) for f in (tmp_path / x).rglob("*")) for x in ("killed", "whole")]
    assert names[0] == names[1]
    return tmp_path / "killed", tmp_path / "whole"


@pytest.mark.slow
def test_prepare(corpus, tmp_path):
    killed, unkilled = same_twice(["prepare", "ravdess", corpus], "prepare", tmp_path)
    for file in unkilled.rglob("*.wav"):
        assert (killed / file.relative_to(unkilled)).read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_predict(run, corpus, tmp_path):
    command = ["predict", corpus, "--model", run, "--out"]
    killed_and_gone_on(emohrnet(*command, tmp_path / "killed.csv"), KILLS["predict"], seed=1)
    subprocess.run(emohrnet(*command, tmp_path / "whole.csv"), check=True, capture_output=True)
    whole(tmp_path)
    killed, unkilled = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("killed", "whole"))
    pd.testing.assert_frame_equal(killed, unkilled, atol=2e-6)


@pytest.mark.slow
def test_train(table, tmp_path):
    folders = same_twice(["train", table, *TINY, "--out"], "train", tmp_path)
    results = [json.loads((folder / "report.json").read_text())["results"] for folder in folders]
    assert results[0] == results[1]


@pytest.mark.slow
def test_crossval(table, tmp_path):
    folders = same_twice(["crossval", table, *TINY, "--only", "0,1", "--out"], "crossval", tmp_path)
    scores = [json.loads((folder / "report.json").read_text())["scores"] for folder in folders]
    assert scores[0] == scores[1]


@pytest.mark.slow
def test_export(run, tmp_path):
    killed_and_gone_on(
        emohrnet("export", run, "--version", 1, "--overwrite", "--out", tmp_path / "out"), KILLS["export"], seed=2
    )
    whole(tmp_path / "out")
    report = json.loads((tmp_path / "out/export_report.json").read_text())
    assert all(gate["passed"] for gate in report["verification"]["gates"])
    assert {path.name for path in (tmp_path / "out/tflite").iterdir()} == {f["file"] for f in report["tflite"].values()}

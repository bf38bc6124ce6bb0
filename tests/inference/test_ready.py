import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import write_voice

from emohrnet_tf import InputError, load_model
from emohrnet_tf.exporter.litert import make_ready
from emohrnet_tf.inference.exported import LiteRTScorer
from emohrnet_tf.inference.predict import opened, predict
from emohrnet_tf.inference.ready import digest_of_file, fingerprint, ready, ready_file
from emohrnet_tf.inference.timeline import timeline
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.pretrained import NAMES, weights_file

CONVERTED = {}
# The command, in a process in which TensorFlow and Keras cannot be imported, and what it took.
WITHOUT = """
import pathlib, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
from emohrnet_tf.cli import main
sys.argv = ["emohrnet", *sys.argv[1:]]
try:
    main()
finally:
    facts = pathlib.Path("/proc/self/status")  # getrusage tells the peak of the process that this one was forked from
    peak = facts.read_text().split("VmHWM:")[1].split()[0] if facts.exists() else 0
    print(peak, file=sys.stderr)
"""


def without_tensorflow(*arguments):
    """`(standard output, peak memory in MB, 0 where that is not known)` of the command."""
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    *said, peak = result.stderr.splitlines()
    assert said == []
    return result.stdout, int(peak) / 1e3


@pytest.fixture
def clip(tmp_path):
    write_voice(tmp_path / "clip.wav", 200.0, 5.0, rate=44100)
    return tmp_path / "clip.wav"


@pytest.fixture
def folder(run, tmp_path):
    """A copy of a run's model in a folder of its own."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.keras").write_bytes((run / "model.keras").read_bytes())
    return tmp_path / "run"


@pytest.fixture
def converted_once(run, monkeypatch):
    """One conversion for the tests that ask when there is one, not what it gives."""
    from emohrnet_tf.exporter import litert

    if "tflite" not in CONVERTED:
        CONVERTED["tflite"] = litert.to_float32(load_model(run))
    monkeypatch.setattr(litert, "to_float32", lambda *_: CONVERTED["tflite"])


def test_predict_and_timeline_of_the_pretrained_model_need_no_tensorflow(clip):
    out, peak = without_tensorflow("predict", clip, "--format", "json")
    (row,) = json.loads(out)
    model = load_model("voices")
    expected = predict(model, clip)
    assert row["emotion"] == expected.emotion[0]
    np.testing.assert_allclose(list(row["probabilities"].values()), expected[model.labels].to_numpy()[0], atol=1e-5)
    assert peak < 150
    out, _ = without_tensorflow("timeline", clip)
    assert len(out.splitlines()) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_pretrained_models_file_is_of_its_weights(name):
    scorer, model = ready(name), load_model(name)
    assert isinstance(scorer, LiteRTScorer), "make it anew: python docs/make_pretrained.py --tflite"
    assert scorer.about["made_from"] == digest_of_file(weights_file(name))
    assert (scorer.labels, scorer.samples, scorer.audio) == (model.labels, model.samples, model.audio)
    assert fingerprint(scorer) == fingerprint(model)
    windows = 0.1 * np.random.default_rng(0).standard_normal((6, model.samples)).astype("float32")
    windows[:, ::2] *= np.linspace(0.01, 1, 6)[:, None]
    np.testing.assert_allclose(scorer.score(windows), model.score(windows), atol=1e-5)


def test_a_runs_file_is_made_once_and_anew_when_the_model_changes(emohrnet, folder, clip, converted_once, monkeypatch):
    assert ready(folder) is None
    first = emohrnet("predict", clip, "--model", folder, "--format", "csv")
    made = ready_file(folder / "model.keras").stat().st_mtime_ns
    assert [path.name for path in sorted(folder.iterdir())] == ["model.keras", "model.tflite"]
    with monkeypatch.context() as patch:
        patch.setattr("emohrnet_tf.exporter.litert.load_model", lambda _: pytest.fail("TensorFlow was asked"))
        second = emohrnet("predict", clip, "--model", folder, "--format", "csv")
        assert emohrnet("timeline", clip, "--model", folder, "--hop", 0.5)[0] == 0
    assert first == second
    assert first[0] == 0
    expected = predict(load_model(folder), clip)[load_model(folder).labels].to_numpy()[0]
    np.testing.assert_allclose([float(x) for x in first[1].splitlines()[1].split(",")[2:-1]], expected, atol=1e-5)

    model = load_model(folder)
    model.calibrate(3.0)
    model.save(folder / "model.keras")
    assert ready(folder) is None
    scorer = make_ready(folder)
    assert ready_file(folder / "model.keras").stat().st_mtime_ns != made
    assert fingerprint(ready(folder)) == fingerprint(scorer) == fingerprint(load_model(folder))


def test_a_damaged_file_is_made_anew_and_anothers_left_alone(folder, converted_once):
    beside = ready_file(folder / "model.keras")
    make_ready(folder)
    contents = beside.read_bytes()
    beside.write_bytes(contents[:40] + bytes(len(contents) // 2 - 40) + contents[len(contents) // 2 :])
    assert ready(folder) is None
    make_ready(folder)
    assert beside.read_bytes() == contents
    for other in (b"somebody's", contents.replace(b"made_from", b"mode_from")):
        beside.write_bytes(other)
        assert ready(folder) is None
        assert isinstance(make_ready(folder), EmoHRNet)
        assert isinstance(opened(folder), EmoHRNet)
        assert beside.read_bytes() == other


def test_where_nothing_can_be_written_the_model_itself_scores(folder, monkeypatch):
    def refuse(*_):
        raise InputError("read-only")

    monkeypatch.setattr("emohrnet_tf.exporter.litert.replacing", refuse)
    converted = []
    monkeypatch.setattr("emohrnet_tf.exporter.litert.to_float32", converted.append)
    assert isinstance(make_ready(folder), EmoHRNet)
    assert not converted
    assert [path.name for path in folder.iterdir()] == ["model.keras"]


def test_the_python_function_takes_the_ready_file_too(folder, clip, converted_once, monkeypatch):
    expected = predict(folder, clip), timeline(folder, clip, hop=0.5)[0]
    make_ready(folder)
    monkeypatch.setattr("emohrnet_tf.model.saved.load_model", lambda _: pytest.fail("TensorFlow was asked"))
    for before, after in zip(expected, (predict(folder, clip), timeline(folder, clip, hop=0.5)[0])):
        assert before.emotion.tolist() == after.emotion.tolist()
        numbers = before.select_dtypes("number").columns
        np.testing.assert_allclose(before[numbers], after[numbers], atol=1e-5)


def test_a_model_that_is_not_there_is_named_without_tensorflow(tmp_path):
    with pytest.raises(InputError, match="No model at .*absent"):
        ready(tmp_path / "absent")

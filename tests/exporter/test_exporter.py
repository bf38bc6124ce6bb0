import json
import shutil

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("litert_quantizer", reason="the extra `export` is not installed in this lane")

from emohrnet_tf import InputError, load_audio
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.exporter import exporter, gates, verify
from emohrnet_tf.exporter.exporter import export
from emohrnet_tf.inference.exported import TFLiteModel


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("export")
    return out, export(run, out, say=lambda line: None)


def test_an_export_holds_everything_and_no_scraps(exported, run):
    out, report = exported
    assert {path.name for path in out.iterdir()} == {
        *("saved_model", "tflite", "labels.txt", "model_card.md", "export_report.json")
    }
    assert (out / "saved_model" / "1" / "saved_model.pb").is_file()
    kinds = ["float32", "float16", "dynamic_int8", "int8"]
    assert sorted(path.name for path in (out / "tflite").iterdir()) == sorted(f"run_{kind}.tflite" for kind in kinds)
    assert (out / "labels.txt").read_text().split() == ["neutral", "sadness", "anger"]
    assert (
        json.loads((out / "export_report.json").read_text())["verification"]["clips"] == report["verification"]["clips"]
    )
    card = (out / "model_card.md").read_text()
    assert "protocol `speaker`, fold 0, seed 1" in card
    assert "tflite/int8" in card
    licence = report["licence"]
    assert licence.startswith("CC BY-NC-SA 4.0, non-commercial")
    assert licence in card
    settings = json.loads((out / "saved_model/1/assets/settings.json").read_text())
    phone = TFLiteModel(out / "tflite/run_int8.tflite").about
    assert licence == settings["licence"] == phone["licence"]
    assert phone["trained_on"] == ["ravdess"]


def test_every_format_was_compared_and_the_gates_passed(exported):
    _, report = exported
    formats = report["verification"]["formats"]
    assert set(formats) == {
        "keras",
        *(f"saved_model/{signature}" for signature in ("serving_default", "padded", "wav")),
        *(f"tflite/{kind}" for kind in ("float32", "float16", "dynamic_int8", "int8")),
        *(f"saved_model/wav at {rate} Hz" for rate in (8000, 22050, 44100, 48000)),
    }
    assert not gates.missed(report["verification"])
    assert formats["tflite/float32"]["largest_difference"] <= 1e-4
    assert all(gate["passed"] is True for gate in report["verification"]["gates"]), "every gate is judged"
    assert [gate for gate in report["verification"]["gates"] if gate["format"] == "tflite/int8" and gate["note"]]


def test_few_clips_judge_by_a_bound():
    for count, clips, passed in ((0, 24, True), (1, 24, True), (12, 24, False), (3, 300, True), (30, 300, False)):
        gate = gates.share_gate("tflite/int8", "top label disagrees", count, clips, 0.02)
        assert gate["passed"] is passed
        assert f"of {clips} clips" in gate["note"]
    assert not gates.share_gate("tflite/int8", "x", 8, 300, 0.02)["passed"], "many clips: the figure itself"


def test_an_export_leaves_what_is_not_its_own(exported, run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(exported[0], out)
    (out / "tflite" / "other_float32.tflite").write_bytes(b"another model's")
    (out / "tflite" / "run_int8.tflite.txt").write_text("a note")
    export(run, out, say=lambda line: None)
    assert (out / "tflite" / "other_float32.tflite").read_bytes() == b"another model's"
    assert (out / "tflite" / "run_int8.tflite.txt").read_text() == "a note"
    (out / "tflite" / "run_int8.tflite").write_bytes(b"TFL3 somebody's")
    with pytest.raises(InputError, match="made by no export"):
        export(run, out, say=lambda line: None)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "labels.txt").write_text("mine")
    with pytest.raises(InputError, match="labels.txt was made by no export"):
        export(run, tmp_path / "theirs", say=lambda line: None)


def test_the_files_answer_as_the_model_does(exported, model, index):
    out, _ = exported
    phone = TFLiteModel(out / "tflite" / "run_float32.tflite")
    assert phone.labels == model.labels
    cut = windows(load_audio(index.file[0]), phone.samples)
    np.testing.assert_allclose(phone.score(cut), model.score(cut), atol=1e-4)


def test_clips_that_calibrate_do_not_verify(run, model):
    split = pd.read_csv(run / "split.csv")
    calibration, clips, true, cube = exporter._clips(split, model)
    assert cube is None
    assert len(clips) == len(true) == (split.split == "test").sum()
    trained = [load_audio(file) for file in split.file[split.split == "train"]]
    assert len(calibration) >= len(trained)
    assert not any(len(a) == len(b) and np.array_equal(a, b) for a in clips for b in trained)


@pytest.fixture
def lean(monkeypatch):
    """Exports of one TFLite file, verified at the model's own rate, for tests that are about something else."""
    monkeypatch.setattr(exporter, "KINDS", ("float32",))
    monkeypatch.setattr(verify, "RATES", ())


def test_the_next_version_stands_beside_the_first_which_is_not_overwritten_unless_told(exported, run, tmp_path, lean):
    out = tmp_path / "out"
    shutil.copytree(exported[0], out)
    with pytest.raises(InputError, match="saved_model/1 exists"):
        export(run, out, version=1, say=lambda line: None)
    report = export(run, out, say=lambda line: None)
    assert report["version"] == 2
    assert {path.name for path in (out / "saved_model").iterdir()} == {"1", "2"}


def test_a_missed_gate_fails_the_export_and_leaves_nothing(run, tmp_path, monkeypatch, lean):
    monkeypatch.setattr(gates, "EXACT", -1.0)  # no format can be that close
    with pytest.raises(InputError, match=r"saved_model/serving_default: largest difference .* nothing was written"):
        export(run, tmp_path / "out", say=lambda line: None)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_a_missed_gate_that_is_allowed_stands_in_the_report_and_the_card(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gates, "EXACT", -1.0)
    report = export(run, tmp_path / "out", allow_missed_gates=True, say=lambda line: None)
    assert len(report["missed_gates_allowed"]) >= 4
    assert "Missed and allowed" in (tmp_path / "out" / "model_card.md").read_text()


def test_a_difference_between_formats_is_seen(exported, run, model):
    """The verification itself can fail: a TFLite file of other weights misses its gates."""
    from emohrnet_tf import load_model

    out, _ = exported
    other = load_model(run)
    other.network.get_layer("logits").bias.assign([3.0, 0.0, 0.0])
    sounds = [0.1 * np.random.default_rng(0).standard_normal(8192) for _ in range(3)]
    result = verify.verify(other, out / "saved_model" / "1", {"float32": out / "tflite" / "run_float32.tflite"}, sounds)
    assert {sentence.split(":")[0] for sentence in gates.missed(result)} >= {
        *("saved_model/serving_default", "saved_model/padded", "saved_model/wav", "tflite/float32")
    }


def test_a_model_without_clips_has_no_int8_and_says_so(run, tmp_path, monkeypatch):
    shutil.copy(run / "model.keras", tmp_path / "voice.keras")
    monkeypatch.setattr(exporter, "KINDS", ("float32", "int8"))
    lines = []
    report = export(tmp_path / "voice.keras", tmp_path / "out", say=lines.append)
    assert "int8" not in report["tflite"]
    assert any("no int8" in line for line in lines)
    assert (tmp_path / "out" / "tflite" / "voice_float32.tflite").is_file()


def test_bad_input_is_named(run, tmp_path, index):
    (tmp_path / "file").write_text("")
    quiet = {"say": lambda line: None}
    with pytest.raises(InputError, match="is a file"):
        export(run, tmp_path / "file", **quiet)
    with pytest.raises(InputError, match="No model at"):
        export(tmp_path / "absent", tmp_path / "out", **quiet)
    with pytest.raises(InputError, match="number from 1 on"):
        export(run, tmp_path / "out", version=0, **quiet)
    with pytest.raises(InputError, match="column split"):
        export(run, tmp_path / "out", index=index, **quiet)
    few = index.assign(split="test")
    few.loc[:3, "split"] = "train"
    with pytest.raises(InputError, match="too small or silent"):
        export(run, tmp_path / "out", index=few, **quiet)
    assert not (tmp_path / "out" / "export_report.json").exists()

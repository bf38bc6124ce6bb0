"""The ONNX file tells what the model tells, and is one of the files of an export."""

import json

import numpy as np
import pytest

pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed in this lane")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed in this lane")

from emohrnet_tf import InputError
from emohrnet_tf.audio.silence import spoken_windows
from emohrnet_tf.config import Audio, Head, Network
from emohrnet_tf.exporter import verify as module
from emohrnet_tf.exporter.onnx import to_onnx
from emohrnet_tf.inference.onnx import OnnxModel
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.sphere import Sphere

pytestmark = pytest.mark.slow  # a conversion takes as long as all TFLite files of a model


@pytest.fixture(scope="module")
def joint():
    audio, network = Audio(frames=32, mels=32), Network("tiny")
    return EmoHRNet(["calm", "anger"], audio, network, head=Head(kind="joint"), sphere=Sphere(low=1, high=5))


@pytest.fixture(scope="module")
def contents(joint):
    return to_onnx(joint, {"name": "joint"})


@pytest.fixture(scope="module")
def windows(joint):
    rows = 0.1 * np.random.default_rng(0).standard_normal((35, joint.audio.samples)).astype("float32")
    rows[1] *= 1e-4
    rows[2] = 0
    return rows


def test_every_answer_is_the_models(joint, contents, windows):
    onnx, keras = OnnxModel(contents).answer_windows(windows), joint.answer_windows(windows)
    assert onnx.keys() == keras.keys()
    for name, values in keras.items():
        np.testing.assert_allclose(onnx[name], values, atol=1e-4)
        assert OnnxModel(contents).widths[name] == values.shape[1]


def test_no_row_sees_another_and_any_number_will_do(contents, windows):
    model = OnnxModel(contents, threads=1)
    together = model.score(windows)
    np.testing.assert_allclose(np.concatenate([model.score(row[None]) for row in windows[:3]]), together[:3], atol=1e-6)


def test_the_graph_is_of_standard_operators_that_are_not_deprecated(contents):
    import onnx

    graph = onnx.load_from_string(contents).graph
    assert {node.domain for node in graph.node} == {""}
    modes = [a.s for node in graph.node for a in node.attribute if a.name == "coordinate_transformation_mode"]
    assert modes
    assert set(modes) == {b"asymmetric"}


def test_the_file_tells_what_it_is(joint, contents, tmp_path):
    (tmp_path / "joint.onnx").write_bytes(contents)
    model = OnnxModel(tmp_path / "joint.onnx")
    assert (model.labels, model.scale) == (["calm", "anger"], [1, 5])
    assert (model.samples, model.sample_rate) == (joint.audio.samples, 16000)
    assert (model.about["name"], model.about["licence"]) == ("joint", joint.licence)


def test_what_is_none_of_ours_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        OnnxModel(tmp_path / "absent.onnx")
    with pytest.raises(InputError, match="no ONNX file of `emohrnet export`"):
        OnnxModel(b"something else")
    with pytest.raises(InputError, match="Only an EmoHRNet"):
        to_onnx("model")


def test_without_the_extra_the_advice_names_it(joint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"emohrnet_tf\[onnx\]"):
        to_onnx(joint)


def test_it_is_verified_as_the_others_are(joint, contents, windows, tmp_path, monkeypatch):
    (tmp_path / "joint.onnx").write_bytes(contents)
    cut = [spoken_windows(row, joint.audio.samples, 16000) for row in windows]
    good = module._without_silence(module.clip_answers(OnnxModel(contents), cut))
    judge = module.Judge(module._without_silence(module.clip_answers(joint, cut)), len(cut))
    formats = judge.figures("onnx", good)
    assert set(formats) == {"onnx", "onnx vad"}
    assert all(gate["passed"] for gate in judge.gates("onnx", good, formats))
    wrong = {name: values[::-1] for name, values in good.items()}
    formats = judge.figures("onnx", wrong)
    assert not all(gate["passed"] for gate in judge.gates("onnx", wrong, formats))


def test_an_export_holds_it_where_it_is_asked_for(run, tmp_path):
    pytest.importorskip("litert_quantizer")
    from emohrnet_tf.exporter.exporter import export

    report = export(run, tmp_path, say=lambda line: None, onnx=True)
    assert report["verification"]["formats"]["onnx"]["largest_difference"] <= 1e-4
    assert [gate for gate in report["verification"]["gates"] if gate["format"] == "onnx" and gate["passed"]]
    assert OnnxModel(tmp_path / "onnx/run.onnx").labels == report["labels"]
    assert "| onnx/run.onnx |" in (tmp_path / "model_card.md").read_text()
    export(run, tmp_path, say=lambda line: None)
    assert not (tmp_path / "onnx/run.onnx").exists(), "an older file would be another model's"
    assert json.loads((tmp_path / "export_report.json").read_text())["onnx"] is None
    (tmp_path / "onnx/run.onnx").write_text("somebody's")
    with pytest.raises(InputError, match="made by no export"):
        export(run, tmp_path, say=lambda line: None, onnx=True)

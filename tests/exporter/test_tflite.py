import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_model import LABELS, shaken_model, sounds, tone_model

from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.metadata import add_metadata, unpack
from emohrnet_tf.exporter.tflite import KINDS, MIN_CALIBRATION, calibration_inputs, convert, quantize, to_float32
from emohrnet_tf.inference.exported import TFLiteModel

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed: pip install 'emohrnet_tf[export]'")
pytest.importorskip("litert_quantizer", reason="litert-quantizer is not installed: pip install 'emohrnet_tf[export]'")
SCRIPT = Path(__file__).parents[2] / "export" / "check_device.py"


@pytest.fixture(scope="module")
def tones():
    """A trained tiny model, its four files, and sounds that neither training nor calibration saw."""
    model = tone_model()
    base = to_float32(model)
    calibration, _ = sounds(64, model.audio.samples, seed=1)
    files = {
        kind: add_metadata(quantize(base, kind, calibration_inputs(calibration, model.audio.samples)), LABELS, 16000)
        for kind in KINDS
    }
    return model, files, *sounds(200, model.audio.samples, seed=2)


def test_every_kind_scores_as_keras_does(tones):
    model, files, waveforms, labels = tones
    keras = model.score(waveforms)
    assert np.mean(keras.argmax(axis=1) == labels) > 0.95, "the model did not learn: the test would prove nothing"
    assert len(np.unique(keras.argmax(axis=1))) == 3
    # In eight bits a near tie may turn by any amount: they are held to their mean, and to what is sure.
    limits = {
        "float32": (np.max, 1e-4),
        "float16": (np.max, 1e-2),
        "dynamic_int8": (np.mean, 0.02),
        "int8": (np.mean, 0.02),
    }
    for kind, (of, limit) in limits.items():
        scores = TFLiteModel(files[kind]).score(waveforms)
        assert of(np.abs(scores - keras)) < limit, kind
        margin = np.diff(np.sort(keras, axis=1)[:, -2:])[:, 0]
        sure = margin > 0.2
        assert np.mean(scores.argmax(axis=1)[sure] == keras.argmax(axis=1)[sure]) >= 0.98, kind
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_int8_stands_or_falls_with_its_calibration(tones):
    model, files, waveforms, _ = tones
    keras = model.score(waveforms)
    narrow = np.tile(sounds(1, model.audio.samples, seed=5)[0], (MIN_CALIBRATION, 1))
    bad = TFLiteModel(add_metadata(convert(model, "int8", narrow), LABELS, 16000)).score(waveforms)
    good = TFLiteModel(files["int8"]).score(waveforms)
    assert np.abs(good - keras).mean() < 0.5 * np.abs(bad - keras).mean()


def test_quiet_loud_and_silent_windows_agree_in_float32(tones):
    model, files, waveforms, _ = tones
    waveforms = np.concatenate([waveforms[:4] * 1e-3, waveforms[:4].clip(-0.01, 0.01), np.zeros_like(waveforms[:1])])
    scores = TFLiteModel(files["float32"]).score(waveforms)
    np.testing.assert_allclose(scores, model.score(waveforms), atol=1e-4)


def test_files_have_the_promised_signature_and_builtin_operations_only(tones):
    from ai_edge_litert import schema_py_generated as schema

    model, files, _, _ = tones
    for file in files.values():
        run = TFLiteModel(file)
        assert run.interpreter.get_signature_list() == {
            "serving_default": {"inputs": ["waveform"], "outputs": ["probabilities"]}
        }
        (waveform,), (probabilities,) = run.interpreter.get_input_details(), run.interpreter.get_output_details()
        assert waveform["shape_signature"].tolist() == [1, model.audio.samples]
        assert probabilities["shape_signature"].tolist() == [1, 3]
        assert waveform["dtype"] == probabilities["dtype"] == np.float32
        assert all(code.builtinCode != schema.BuiltinOperator.CUSTOM for code in unpack(file).operatorCodes)


def test_int8_front_end_stays_in_float(tones):
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(tones[1]["int8"])
    graph = model.subgraphs[0]
    types = {}
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex].builtinCode
        types.setdefault(code, set()).add(graph.tensors[int(op.outputs[0])].type)
    assert types[schema.BuiltinOperator.CONV_2D] == {schema.TensorType.INT8}
    assert types[schema.BuiltinOperator.LOG] == types[schema.BuiltinOperator.SOFTMAX] == {schema.TensorType.FLOAT32}


@pytest.mark.slow
def test_small_fits_its_sizes():
    model = shaken_model("small", frames=64)  # the window's length changes the file by some kilobytes
    base = to_float32(model)
    calibration, _ = sounds(MIN_CALIBRATION, model.audio.samples, seed=1)
    sizes = {
        kind: len(
            add_metadata(
                quantize(base, kind, calibration_inputs(calibration, model.audio.samples)), model.labels, 16000
            )
        )
        for kind in KINDS
    }
    assert sizes["float32"] < 6.6e6
    assert sizes["float16"] < 3.4e6
    assert sizes["int8"] < 2e6
    assert sizes["dynamic_int8"] < 2e6
    scores = TFLiteModel(add_metadata(base, model.labels, 16000)).score(calibration)
    keras = model.score(calibration)
    assert keras.std(axis=0).max() > 0.02
    np.testing.assert_allclose(scores, keras, atol=1e-4)


def test_lite_int8_fits_its_size():
    model = shaken_model("lite", frames=64)
    calibration, _ = sounds(MIN_CALIBRATION, model.audio.samples, seed=1)
    assert len(add_metadata(convert(model, "int8", calibration), model.labels, 16000)) < 0.6e6


def test_weights_lie_at_multiples_of_sixteen(tones):
    from ai_edge_litert import schema_py_generated as schema

    for file in tones[1].values():
        model = schema.Model.GetRootAs(file, 0)
        buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
        starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength()]
        assert len(starts) > 50
        assert not any(start % 16 for start in starts)


def test_bad_input_is_named(tones):
    model, samples = tones[0], tones[0].audio.samples
    with pytest.raises(InputError, match="choose one of float32, float16"):
        convert(model, "int4")
    with pytest.raises(InputError, match="Only an EmoHRNet"):
        convert(model.network, "float32")
    with pytest.raises(InputError, match="needs calibration"):
        convert(model, "int8")
    with pytest.raises(InputError, match="wrong shape"):
        calibration_inputs(np.zeros((4, samples + 1)), samples)
    with pytest.raises(InputError, match="too small or silent.*0 of 99"):
        calibration_inputs(np.zeros((99, samples)), samples)
    with pytest.raises(InputError, match="too small or silent.*3 of 3"):
        calibration_inputs(np.ones((3, samples)), samples)
    with pytest.raises(InputError, match="NaN"):
        calibration_inputs(np.full((99, samples), np.nan), samples)


def test_runner_names_bad_input(tones, tmp_path):
    with pytest.raises(InputError, match="No such file"):
        TFLiteModel(tmp_path / "absent.tflite")
    with pytest.raises(InputError, match="no labels inside"):
        TFLiteModel(to_float32(tones[0]))
    with pytest.raises(InputError, match="no labels inside"):
        TFLiteModel(b"RIFF")
    with pytest.raises(InputError, match=r"give floats \(n, 8192\)"):
        TFLiteModel(tones[1]["float32"]).score(np.zeros(8192))


def run_script(*arguments, code="", status=0):
    command = [sys.executable, "-c", code] if code else [sys.executable, SCRIPT]
    result = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert result.returncode == status, result.stderr
    return result


def test_runner_needs_no_tensorflow(tones, tmp_path):
    (tmp_path / "m.tflite").write_bytes(tones[1]["int8"])
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from emohrnet_tf.inference.exported import TFLiteModel; import numpy as np\n"
        "print(TFLiteModel(sys.argv[1]).score(np.ones((2, 8192))).shape)"
    )
    assert "(2, 3)" in run_script(tmp_path / "m.tflite", code=code).stdout


def test_check_device_measures_and_compares(tones, tmp_path):
    import json

    model, files, waveforms, _ = tones
    path, golden, wav = tmp_path / "m.tflite", tmp_path / "golden.npz", tmp_path / "clip.wav"
    path.write_bytes(files["int8"])
    runner = TFLiteModel(path)
    runner.write_golden(golden, waveforms[:8])
    clip = np.concatenate(waveforms[:2])
    soundfile.write(wav, clip, 16000, "FLOAT")
    options = ["--runs", 5, "--threads", 1, 2, "--wav", wav, "--golden", golden, "--json", tmp_path / "r.json"]
    run_script(path, *options)
    report = json.loads((tmp_path / "r.json").read_text())
    assert [row["threads"] for row in report["latency_ms"]] == [1, 2]
    assert all(0 < row["median"] <= row["p95"] for row in report["latency_ms"])
    assert report["golden"]["largest_difference"] < 1e-3
    from emohrnet_tf.audio.windows import windows

    expected = runner.score(windows(clip, model.audio.samples)).mean(axis=0)
    np.testing.assert_allclose(list(report["wav"]["probabilities"].values()), expected, atol=1e-3)
    assert list(report["wav"]["probabilities"]) == LABELS

    np.savez(golden, waveform=waveforms[:8], probabilities=np.full((8, 3), 1 / 3))
    assert "is missed" in run_script(path, "--runs", 5, "--golden", golden, status=1).stderr
    soundfile.write(wav, clip, 8000)
    assert "resample it to 16000 Hz" in run_script(path, "--runs", 5, "--wav", wav, status=1).stderr
    assert "import tensorflow" not in SCRIPT.read_text()
    assert "import emohrnet" not in SCRIPT.read_text()


def test_many_files_are_scored_on_every_core_as_the_model_scores_them():
    from emohrnet_tf.exporter.litert import MANY, scorer_for
    from emohrnet_tf.inference.exported import LiteRTScorer

    model = tone_model()
    clips, _ = sounds(7, model.audio.samples, seed=5)
    scorer = scorer_for(model, MANY)
    assert isinstance(scorer, LiteRTScorer)
    assert scorer_for(model, MANY - 1) is model
    np.testing.assert_allclose(scorer.answer_windows(clips)["probabilities"], model.score(clips), atol=1e-4)
    assert scorer.answer_windows(clips[:0])["probabilities"].shape == (0, len(model.labels))
    assert (scorer.labels, scorer.audio) == (model.labels, model.audio)

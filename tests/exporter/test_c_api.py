"""The SavedModel needs no Python: TensorFlow's C API, called from a process that imports no TensorFlow, runs it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from served import make_model, speech, wav
from tensorflow.core.protobuf import saved_model_pb2

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.exporter.saved_model import write_saved_model

FOLDER = Path(importlib.util.find_spec("tensorflow").origin).parent
RUNNER = Path(__file__).parents[1] / "c_api_run.py"

pytestmark = pytest.mark.skipif(
    not list(FOLDER.glob("libtensorflow_cc.so*")), reason="this TensorFlow wheel has no libtensorflow_cc.so"
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The model, what was sent, and what the C API answered to each call, in one process."""
    folder = tmp_path_factory.mktemp("c_api")
    model = make_model()
    write_saved_model(model, folder / "model", warmup=False)
    bundle = saved_model_pb2.SavedModel.FromString((folder / "model/saved_model.pb").read_bytes())
    signatures = bundle.meta_graphs[0].signature_def
    nan = np.full(20000, np.nan, np.float32)
    sent = {
        "speech": np.stack([speech(clip, seconds=2.7) for clip in range(3)]),
        "mixed": np.stack([speech(4, seconds=1.25), nan, speech(5, seconds=1.25)]),
        "length": np.array([20000, 20000, 9000], np.int32),
        "wavs": np.array([wav(speech(6)), b"RIFF, not", wav(speech(7, rate=44100), 44100), b""], object),
        "flat": speech(8),
        "deep": np.zeros((1, 2, 3), np.float32),
        "numbers": np.zeros((1, 9), np.int32),
    }
    calls = [
        ("serving_default", {"waveform": "speech"}),
        ("padded", {"waveform": "mixed", "length": "length"}),
        ("wav", {"wav": "wavs"}),
        ("serving_default", {"waveform": "flat"}),
        ("serving_default", {"waveform": "deep"}),
        ("serving_default", {"waveform": "numbers"}),
        ("padded", {"waveform": "speech", "length": "numbers"}),
    ]
    spelled = []
    for number, (name, inputs) in enumerate(calls):
        signature = signatures[name]
        spelled.append(
            {
                "inputs": {signature.inputs[key].name: array for key, array in inputs.items()},
                "outputs": {tensor.name: f"{key}{number}" for key, tensor in signature.outputs.items()},
            }
        )
    (folder / "calls.json").write_text(json.dumps(spelled))
    np.savez(folder / "sent.npz", **sent)
    paths = [folder / "model", folder / "calls.json", folder / "sent.npz", folder / "found.npz"]
    done = subprocess.run([sys.executable, RUNNER, *paths], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return model, sent, dict(np.load(folder / "found.npz", allow_pickle=True))


def test_no_tensorflow_python_was_imported(answers):
    assert answers[2]["modules"].tolist() == []
    assert str(answers[2]["version"]) == tf.__version__


def test_serving_default_equals_keras(answers):
    model, sent, found = answers
    expected = model(sent["speech"])
    assert str(found["status0"]) == ""
    np.testing.assert_allclose(found["probabilities0"], expected["probabilities"], atol=1e-5)
    np.testing.assert_allclose(found["embedding0"], expected["embedding"], rtol=1e-4, atol=1e-4)
    best = np.argmax(expected["probabilities"], axis=1)
    assert found["label0"].tolist() == [model.labels[index].encode() for index in best]
    assert found["error0"].tolist() == [b""] * 3


def test_padded_rows_stand_alone(answers):
    model, sent, found = answers
    for row, length in ((0, 20000), (2, 9000)):
        expected = model(sent["mixed"][row : row + 1, :length])["probabilities"][0]
        np.testing.assert_allclose(found["probabilities1"][row], expected, atol=1e-5)
    assert found["probabilities1"][1].tolist() == [0.0] * 4
    assert [bool(fault) for fault in found["error1"]] == [False, True, False]


def test_wav_equals_keras(answers):
    model, sent, found = answers
    for row, tolerance in ((0, 1e-5), (2, 2e-3)):  # the second is resampled, by soxr here
        expected = model(load_audio(sent["wavs"][row])[None])["probabilities"][0]
        np.testing.assert_allclose(found["probabilities2"][row], expected, atol=tolerance)
    assert [bool(fault) for fault in found["error2"]] == [False, True, False, True]
    assert found["label2"][[1, 3]].tolist() == [b"", b""]


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_a_wrong_rank_or_type_fails_the_call(answers, number):
    assert str(answers[2][f"status{number}"])

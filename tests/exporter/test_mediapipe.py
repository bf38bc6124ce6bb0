"""MediaPipe Tasks takes the files as they are; in its own process, because it brings its own TFLite and logs."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import soxr
from tone_model import LABELS, sounds, tone_model

from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import KINDS, calibration_inputs, quantize, to_float32
from emohrnet_tf.inference.exported import TFLiteModel

if importlib.util.find_spec("mediapipe") is None:
    pytest.skip("mediapipe is not installed: pip install mediapipe", allow_module_level=True)
pytest.importorskip("litert_quantizer", reason="litert-quantizer is not installed: pip install 'emohrnet_tf[export]'")

SCRIPT = """
import json, sys
import numpy as np
from mediapipe.tasks.python import BaseOptions, audio
from mediapipe.tasks.python.components.containers import AudioData

def named(result):
    scores = {category.category_name: category.score for category in result.classifications[0].categories}
    return [result.timestamp_ms, scores]

report = {}
data = np.load(sys.argv[1])
for path in sys.argv[2:]:
    with audio.AudioClassifier.create_from_model_path(path) as classifier:
        clips = [
            [named(result) for result in classifier.classify(AudioData.create_from_array(clip, rate))]
            for rate in (16000, 48000) for clip in data[f"clips{rate}"]
        ]
    streams = []
    for rate in (16000, 48000):
        seen = []
        options = audio.AudioClassifierOptions(
            base_options=BaseOptions(model_asset_path=path),
            running_mode=audio.RunningMode.AUDIO_STREAM,
            result_callback=lambda result, timestamp: seen.append(named(result)),
        )
        stream = data[f"clips{rate}"].ravel()
        with audio.AudioClassifier.create_from_options(options) as classifier:
            for start in range(0, len(stream), rate // 10):
                chunk = AudioData.create_from_array(stream[start : start + rate // 10], rate)
                classifier.classify_async(chunk, 1000 * start // rate)
        streams.append(seen)
    report[path] = {"clips": clips, "streams": streams}
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Clips of two windows, alone and as one stream, at 16 and 48 kHz: kind, ours, MediaPipe's report of each file."""
    folder = tmp_path_factory.mktemp("mediapipe")
    model = tone_model()
    base, (calibration, _) = to_float32(model), sounds(32, model.audio.samples, seed=1)
    paths = {kind: folder / f"{kind}.tflite" for kind in KINDS}
    for kind, path in paths.items():
        path.write_bytes(
            add_metadata(quantize(base, kind, calibration_inputs(calibration, model.audio.samples)), LABELS, 16000)
        )
    clips, labels = sounds(12, 2 * model.audio.samples, seed=3)
    clips = clips[np.unique(labels, return_index=True)[1]]  # one of each label
    clips48 = np.stack([soxr.resample(clip, 16000, 48000) for clip in clips])
    np.savez(folder / "clips.npz", clips16000=clips, clips48000=clips48)
    command = [sys.executable, "-c", SCRIPT, folder / "clips.npz", *paths.values()]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    return model, clips, [(kind, TFLiteModel(path), report[str(path)]) for kind, path in paths.items()]


def check(results, expected, largest):
    for (_, scores), row in zip(results, expected):
        assert set(scores) == set(LABELS)
        np.testing.assert_allclose([scores[label] for label in LABELS], row, atol=largest)
        assert max(scores, key=scores.get) == LABELS[row.argmax()]


def test_clips_of_16_khz_are_classified_as_here(reports):
    model, clips, files = reports
    for _, ours, theirs in files:
        for clip, results in zip(clips, theirs["clips"][: len(clips)]):
            assert [timestamp for timestamp, _ in results] == [0, 1000 * model.audio.samples // 16000]
            check(results, ours.score(clip.reshape(2, -1)), 1e-3)


def test_clips_of_48_khz_are_classified_as_here(reports):
    """MediaPipe resamples for itself, and what its filter adds at the end may spill into a third window."""
    _, clips, files = reports
    for _, ours, theirs in files:
        for clip, results in zip(clips, theirs["clips"][len(clips) :]):
            assert len(results) in (2, 3)
            check(results[:2], ours.score(clip.reshape(2, -1)), 0.1)


def test_streams_of_both_rates_are_classified_as_here(reports):
    model, clips, files = reports
    for _, ours, theirs in files:
        for results, largest in zip(theirs["streams"], (1e-3, 0.1)):
            assert len(results) in (2 * len(clips), 2 * len(clips) + 1)
            check(results[: 2 * len(clips)], ours.score(clips.reshape(-1, model.audio.samples)), largest)


def test_float32_file_agrees_with_keras_through_mediapipe(reports):
    model, clips, files = reports
    kind, _, theirs = files[0]
    assert kind == "float32"
    for clip, results in zip(clips, theirs["clips"][: len(clips)]):
        check(results, model.score(clip.reshape(2, -1)), 1e-4)

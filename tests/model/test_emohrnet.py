import subprocess
import sys

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from emohrnet_tf import EmoHRNet, InputError, load_audio, load_model
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Audio, Network


def noise(*shape, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def test_outputs_agree_with_each_other(model):
    outputs = model(noise(2, 30000))
    probabilities = outputs["probabilities"].numpy()
    assert probabilities.shape == (2, 3)
    assert outputs["embedding"].shape == (2, 120)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    one = model(noise(1, model.audio.samples))
    np.testing.assert_allclose(one["probabilities"], tf.nn.softmax(one["logits"]), atol=1e-6)


@pytest.mark.parametrize("length", [1, 5000, 8192, 8193, 12288, 20000, 50000])
def test_any_length_is_the_mean_over_the_windows_of_the_one_rule(model, length):
    waveform = noise(length)
    expected = model.score(windows(waveform, model.audio.samples)).mean(axis=0)
    np.testing.assert_allclose(model(waveform[None])["probabilities"][0], expected, atol=1e-5)


def test_a_batch_of_eight_equals_eight_singles(model, index):
    loud_and_quiet = [gain * load_audio(file)[:8000] for gain, file in zip(np.logspace(-3, 0, 8), index.file)]
    batch = np.stack(loud_and_quiet).astype("float32")
    together = model(batch)
    for name in ("probabilities", "logits", "embedding"):
        singles = np.concatenate([model(row[None])[name].numpy() for row in batch])
        np.testing.assert_allclose(together[name], singles, atol=1e-5)


def test_a_saved_model_loads_in_a_fresh_process_with_labels_audio_and_the_same_answers(model, run, tmp_path):
    waveform = noise(1, 9000)
    np.save(tmp_path / "waveform.npy", waveform)
    code = (
        "import sys, numpy, emohrnet_tf; m = emohrnet_tf.load_model(sys.argv[1]);"
        "numpy.save(sys.argv[3], m(numpy.load(sys.argv[2]))['probabilities']);"
        "print(m.labels, m.audio.frames, m.audio.mel_max_hz)"
    )
    files = [run / "model.keras", tmp_path / "waveform.npy", tmp_path / "out.npy"]
    result = subprocess.run([sys.executable, "-c", code, *map(str, files)], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("['neutral', 'sadness', 'anger'] 32 4000.0")
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), model(waveform)["probabilities"], atol=1e-6)


def test_scoring_runs_the_network_once(model):
    model.score(noise(2, model.audio.samples))
    graph = model._score.get_concrete_function().graph
    nodes = [*graph.as_graph_def().node, *(n for f in graph.as_graph_def().library.function for n in f.node_def)]
    convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in model.network._flatten_layers())
    assert sum(node.op == "Conv2D" for node in nodes) == convolutions > 20


def test_silence_is_answered_with_finite_probabilities(model):
    assert np.isfinite(model(np.zeros((1, 8192), "float32"))["probabilities"]).all()


def test_a_model_needs_different_labels():
    with pytest.raises(InputError, match="two or more different labels"):
        EmoHRNet(["calm", "calm"], Audio(frames=32, mels=32), Network("tiny"))


def test_files_that_are_no_model_of_ours_are_named(tmp_path):
    with pytest.raises(InputError, match="No model at .*absent.keras"):
        load_model(tmp_path / "absent.keras")
    soundfile.write(tmp_path / "voice.wav", noise(1000), 16000)
    with pytest.raises(InputError, match="voice.wav is not a Keras model"):
        load_model(tmp_path / "voice.wav")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(InputError, match="other.keras is a Keras model but not an EmoHRNet"):
        load_model(tmp_path / "other.keras")


def test_a_damaged_model_file_is_named(run, tmp_path):
    contents = (run / "model.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(InputError, match="half.keras"):
        load_model(tmp_path / "half.keras")

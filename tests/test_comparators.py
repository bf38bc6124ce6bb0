"""The comparators are the published networks: their parameters, features and schedules, and they learn."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import comparators
import comparators_networks as networks

from emohrnet_tf.config import Audio
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.presets import preset
from emohrnet_tf.training.crossval import summarize
from emohrnet_tf.training.identity import earlier_fingerprint


@pytest.mark.parametrize(
    ("network", "shape", "classes", "parameters"),
    [
        ("light_sernet", (184, 40, 1), 4, 460_740),
        ("light_sernet", (184, 40, 1), 7, 461_703),
        ("light_sernet", (184, 40, 1), 8, 462_024),
        ("tim_net", (188, 39), 7, 104_496),
        ("tim_net", (215, 39), 8, 104_536),
    ],
)
def test_parameters_are_the_published_ones(network, shape, classes, parameters):
    model = networks.NETWORKS[network](shape, classes)
    assert comparators.trainable_parameters(model) == parameters
    assert model.output_shape == (None, classes)


def test_tim_net_with_ten_scales_has_the_parameters_of_iemocap():
    assert comparators.trainable_parameters(networks.tim_net((606, 39), 4, scales=10)) == 129_650


def test_light_sernet_halves_its_sides_as_published():
    model = networks.light_sernet((184, 40, 1), 7)
    sides = [layer.output.shape[1:] for layer in model.layers if "pooling2d" in layer.name]
    assert sides[-5:] == [(46, 10, 64), (23, 5, 96), (12, 5, 128), (6, 5, 160), (320,)]


@pytest.mark.parametrize("seconds", [1.0, 3.0, 5.7])
def test_features_have_the_published_shapes(seconds):
    waveform = np.random.default_rng(0).normal(0, 0.01, int(seconds * 16000)).astype("float32")
    cepstra = networks.light_sernet_features(waveform)
    assert cepstra.shape == (184, 40, 1)
    assert np.abs(cepstra).max() <= 10
    for corpus, frames in (("ravdess", 215), ("emovo", 188)):
        assert networks.tim_net_features(waveform, corpus).shape == (frames, 39)


def test_clips_are_cut_or_padded_at_both_ends():
    assert networks.fixed_length(np.arange(1, 4), 6).tolist() == [0, 1, 2, 3, 0, 0]
    assert networks.fixed_length(np.arange(7), 4).tolist() == [1, 2, 3, 4]


def test_the_rate_of_light_sernet_falls_to_a_sixth():
    settings = comparators.PUBLISHED["light_sernet"]
    rates = [comparators.published_rate(settings, epoch) for epoch in (0, 59, 60, 299)]
    assert rates[0] == rates[1] == 1e-4
    assert rates[2] == pytest.approx(1e-4 * np.exp(-0.15))
    assert rates[3] == pytest.approx(1.65e-5, rel=0.01)


def test_with_equal_weights_for_both_directions_time_reversed_is_the_same_to_tim_net():
    model = networks.tim_net((20, 39), 4, scales=2)
    x = np.random.default_rng(0).normal(size=(2, 20, 39)).astype("float32")
    assert np.abs(model(x) - model(x[:, ::-1])).max() > 1e-4
    # in the order in which they were made: first all of one direction
    kernels = [layer.kernel for layer in model.layers if "conv1d" in layer.name]
    kernels.sort(key=lambda kernel: int(f"0{kernel.path.split('/')[0].removeprefix('conv1d').strip('_')}"))
    half = len(kernels) // 2
    for forward, backward in zip(kernels[:half], kernels[half:], strict=True):
        backward.assign(forward)
    assert np.abs(model(x) - model(x[:, ::-1])).max() < 1e-4


@pytest.mark.parametrize("network", list(networks.NETWORKS))
def test_a_tiny_step_lowers_the_loss(network):
    random = np.random.default_rng(0)
    shape = {"light_sernet": (32, 16, 1), "tim_net": (32, 39)}[network]
    features = random.normal(size=(24, *shape)).astype("float32")
    targets = np.eye(2, dtype="float32")[np.arange(24) % 2]
    features[targets[:, 0] == 1] += 1
    settings = comparators.PUBLISHED[network] | {"epochs": 3, "batch_size": 8, "drops": [1]}
    rows = {"train": np.arange(24), "test": np.arange(4)}
    watch, model = comparators.fit_published(network, features, 2, targets, rows, settings, seed=0)
    losses = model.history.history["loss"]
    assert losses[-1] < losses[0]
    assert list(watch.answers) == [3]
    assert np.allclose(watch.answers[3].sum(axis=1), 1, atol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(comparators.published_rate(settings, 2), rel=1e-5)


@pytest.mark.parametrize("network", list(networks.NETWORKS))
def test_a_comparator_also_takes_our_log_mels(network):
    audio = Audio(frames=64)
    model = networks.on_log_mels(network, audio, 7)
    assert model(np.zeros((2, 64, 64, 1), "float32")).shape == (2, 7)


@pytest.mark.parametrize("name", ["tuned", "known_speakers"])
def test_a_fold_in_our_recipe_has_the_form_of_a_report(name, index, tmp_path):
    clips = Clips(index, 16000)
    config = preset(name).replace({"audio": {"frames": 64}, "training": {"epochs": 1, "batch_size": 8}})
    run = {"protocol": "random", "fold": 0, "seed": 0, "preset": "our_recipe", "network": "tim_net"}
    run["config"] = {**config.to_dict(), "network": {"architecture": "tim_net"}}
    run["index"] = earlier_fingerprint(index, config.head)
    report, table = comparators.run_fold("tim_net", config, clips, None, run)
    assert report["clips"]["train"] + report["clips"]["test"] == len(index)
    assert report["epochs"] == {"validation": None, "last": 1, "best_on_test": 1}
    table.to_csv(tmp_path / "fold0_seed0.csv", index=False)
    summary = summarize([report], [pd.read_csv(tmp_path / "fold0_seed0.csv").assign(seed=0)], 5)
    assert summary["network"] == "tim_net"
    assert not summary["complete"]


def test_a_preset_is_a_recipe_and_nothing_of_another_fold_is_taken_along(tmp_path):
    config, recipe = comparators.described("known_speakers", "tim_net", "emovo", epochs=7)
    assert (recipe.training.epochs, recipe.training.joint_speakers, recipe.audio.normalize) == (7, True, "corpus")
    assert config["network"] == {"architecture": "tim_net"}
    measured = recipe.replace({"audio": {"statistics": [[0.0] * 64, [1.0] * 64]}, "network": {"joint_speakers": 6}})
    (tmp_path / "report.json").write_text(json.dumps({"config": measured.to_dict()}))
    assert comparators.described(str(tmp_path / "report.json"), "tim_net", "emovo")[1] == recipe

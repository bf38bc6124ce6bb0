"""Classes that are pairs of speaker and emotion in training, and emotions alone in use."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from emohrnet_tf import InputError, load_audio, load_model
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Network
from emohrnet_tf.data.targets import joint_speakers, joint_targets
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.hrnet import build_network, costs
from emohrnet_tf.training.crossval import crossval
from emohrnet_tf.training.run import train
from emohrnet_tf.training.trainer import Trainer


@pytest.fixture(scope="module")
def joint(config):
    """As the preset `known_speakers` has it, and mixup."""
    training = {"joint_speakers": True, "label_smoothing": 0.1, "epochs": 4}
    return config.replace({"training": training, "augmentation": {"mixup": 0.2}, "audio": {"normalize": "corpus"}})


@pytest.fixture(scope="module")
def known(index, joint, tmp_path_factory):
    """A finished run's folder."""
    folder = tmp_path_factory.mktemp("joint") / "run"
    train(index, joint, folder, protocol="random", verbose=0)
    return folder


@pytest.fixture(scope="module")
def heard(known):
    return load_model(known)


@pytest.fixture(scope="module")
def test_windows(known, heard):
    table = pd.read_csv(known / "split.csv").query("split == 'test'")
    return np.concatenate([windows(load_audio(file), heard.audio.samples) for file in table.file])


def test_the_loss_falls_and_the_emotions_are_learnt(known):
    log = pd.read_csv(known / "log.csv")
    assert log.loss.iloc[-1] < 0.9 * log.loss.iloc[0]
    assert log.loss.iloc[0] > np.log(3) + 0.5, "the loss is of the pairs, not of the three emotions"


def test_accuracy_in_training_and_on_validation_is_of_emotions(known, joint):
    report, log = json.loads((known / "report.json").read_text()), pd.read_csv(known / "log.csv")
    split = pd.read_csv(known / "split.csv")
    model, validation = load_model(known), split[split.split == "validation"]
    assert report["epochs"]["validation"] == log.val_accuracy.idxmax() + 1
    probabilities = [model.score(windows(load_audio(f), model.audio.samples)).mean(axis=0) for f in validation.file]
    right = [model.labels[p.argmax()] for p in probabilities] == validation.emotion
    assert log.val_accuracy.max() == pytest.approx(right.mean(), abs=1e-5)
    assert {"loss", "accuracy", "val_accuracy", "test_accuracy"} <= set(log.columns)
    assert report["config"]["network"]["joint_speakers"] == 6
    assert json.loads((known / "config.json").read_text())["config"]["network"]["joint_speakers"] == 0


def test_probabilities_are_the_sum_over_speakers_and_the_temperature_comes_after_it(heard, test_windows):
    pairs = heard.network(heard.front_end(test_windows))["logits_joint"].numpy().astype("float64")
    assert pairs.shape[1] == 6 * len(heard.labels)
    softmax = np.exp(pairs) / np.exp(pairs).sum(axis=1, keepdims=True)
    summed = softmax.reshape(-1, 6, len(heard.labels)).sum(axis=1) ** (1 / heard.temperature)
    expected = summed / summed.sum(axis=1, keepdims=True)
    assert heard.temperature != 1.0
    np.testing.assert_allclose(heard.score(test_windows), expected, atol=1e-5)
    np.testing.assert_allclose(heard(tf.constant(test_windows))["probabilities"], expected, atol=1e-5)


def test_a_saved_model_loads_with_its_speakers_and_counts_its_parameters(heard, known):
    assert heard.settings.joint_speakers == 6
    assert heard.get_config()["network"]["joint_speakers"] == 6
    assert json.loads((known / "report.json").read_text())["parameters"] == heard.network.count_params()
    plain = EmoHRNet(heard.labels, heard.audio, Network("tiny"))
    filters = heard.inner.output["embedding"].shape[-1]
    more = heard.network.count_params() - plain.network.count_params()
    assert more == 5 * 3 * (filters + 1) + 1  # and the scale
    assert costs(heard.network)["logits"] == (18 * (filters + 1) + 1, 18 * filters)


def test_a_second_calibration_multiplies(heard, test_windows):
    model = EmoHRNet.from_config(heard.get_config())
    model.set_weights(heard.get_weights())
    before = np.log(model.score(test_windows))
    model.calibrate(2.0)
    after = np.log(model.score(test_windows))
    spread = lambda x: x - x.mean(axis=1, keepdims=True)  # noqa: E731
    np.testing.assert_allclose(spread(after), spread(before) / 2, atol=1e-4)
    assert model.temperature == pytest.approx(2 * heard.temperature)


@pytest.mark.parametrize(("kind", "tolerance"), [("float32", 1e-4), ("float16", 0.02), ("int8", 0.15)])
def test_tflite_files_say_the_same(kind, tolerance, heard, test_windows):
    from ai_edge_litert.interpreter import Interpreter

    from emohrnet_tf.exporter.tflite import convert

    calibration = np.concatenate([test_windows, test_windows[::-1, ::-1]])[:16] if kind == "int8" else None
    if calibration is not None and len(calibration) < 16:
        calibration = np.resize(calibration, (16, calibration.shape[1]))
    interpreter = Interpreter(model_content=convert(heard, kind, calibration))
    run = interpreter.get_signature_runner()
    said = np.concatenate([run(waveform=window[None])["probabilities"] for window in test_windows])
    np.testing.assert_allclose(said, heard.score(test_windows), atol=tolerance)


def test_an_interrupted_run_ends_as_if_it_had_not_been(index, joint, known, tmp_path, monkeypatch):
    replace, states = os.replace, []

    class Killed(BaseException):
        pass

    def kill_while_saving_the_second_state(source, target):
        states.append(str(target).endswith("state.npz"))
        if sum(states) == 2:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", kill_while_saving_the_second_state)
    with pytest.raises(Killed):
        train(index, joint, tmp_path / "resumed", protocol="random", verbose=0)
    monkeypatch.undo()
    train(index, joint, tmp_path / "resumed", protocol="random", verbose=0)
    whole, resumed = (load_model(folder).get_weights() for folder in (known, tmp_path / "resumed"))
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))
    assert (known / "log.csv").read_text() == (tmp_path / "resumed" / "log.csv").read_text()


@pytest.mark.slow
def test_bfloat16_trains(index, joint, tmp_path):
    half = joint.replace({"training": {"mixed_precision": True, "epochs": 1}})
    report = train(index, half, tmp_path / "run", protocol="random", verbose=0)
    assert report["results"]["last"]["war"] > 0
    assert load_model(tmp_path / "run").settings.joint_speakers == 6


def test_a_crossval_knows_its_finished_runs(index, joint, tmp_path):
    short = joint.replace({"training": {"epochs": 1}})
    arguments = {"protocol": "random", "only": [0], "verbose": 0}
    first = crossval(index, short, tmp_path, **arguments, say=lambda line: None)
    again = crossval(index, short, tmp_path, **arguments, say=lambda line: None)
    for name, score in first["scores"]["validation"].items():
        assert again["scores"]["validation"][name]["mean"] == pytest.approx(score["mean"], abs=1e-5)
    plain = short.replace({"training": {"joint_speakers": False}})
    with pytest.raises(InputError, match="is of another config"):
        crossval(index, plain, tmp_path, **arguments, say=lambda line: None)


def test_targets_are_pairs_and_smoothing_goes_to_those_that_occur():
    index = pd.DataFrame({"file": list("abcd"), "emotion": ["calm", "anger", "calm", "anger"], "speaker": list("yxxz")})
    targets = joint_targets(index, ["calm", "anger"], [0, 1, 2], smoothing=0.3)
    # x calm, x anger, y calm, y anger; y was never angry, and z does not train
    np.testing.assert_allclose(targets, [[0.1, 0.1, 0.8, 0], [0.1, 0.8, 0.1, 0], [0.8, 0.1, 0.1, 0]], atol=1e-6)


def test_a_model_to_start_from_gives_its_body_and_no_pairs(heard, known, joint, tmp_path):
    """Whose voices a model knows it does not say."""
    plain = EmoHRNet(heard.labels, heard.audio, Network("tiny"))
    plain.save(tmp_path / "plain.keras")
    trainer = Trainer(joint, heard.labels, speakers=6)
    trainer.reset(0)
    drawn = trainer.network.get_layer("logits_joint").get_weights()
    for model, start in ((plain, tmp_path / "plain.keras"), (heard, known)):
        trainer.reset(0, str(start))
        for name, expected in (
            ("stem1", model.network.get_layer("stem1").get_weights()),
            ("logits_joint", drawn),
            ("logits", [np.float32(1)]),
        ):
            found = trainer.network.get_layer(name).get_weights()
            assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True)), name


@pytest.mark.parametrize(
    ("change", "protocol", "settings", "message"),
    [
        ({}, "speaker", {}, "protocol speaker tests others.*Received: 'speaker'"),
        ({}, "loso", {}, "protocol loso tests others"),
        ({}, "corpus", {}, "protocol corpus tests others"),
        ({"speaker": None}, "random", {}, "needs each clip's speaker, and 72 of 72 have none"),
        ({}, "random", {"head": {"kind": "joint"}}, "pairs speakers with emotions alone.*Received: head 'joint'"),
        ({}, "random", {"head": {"kind": "vad"}}, "pairs speakers with emotions alone"),
        (
            {},
            "random",
            {"training": {"joint_speakers": False}, "network": {"joint_speakers": 5}},
            "is counted by a run: set training.joint_speakers=true. Received: 5",
        ),
    ],
)
def test_what_it_is_not_for_is_refused_before_a_file_is_read(
    change, protocol, settings, message, index, joint, tmp_path
):
    absent = index.assign(file="absent.wav", valence=1.0, arousal=1.0, dominance=1.0, vad_scale="1..5", **change)
    with pytest.raises(InputError, match=message):
        train(absent, joint.replace(settings), tmp_path / "run", protocol=protocol, verbose=0)
    with pytest.raises(InputError, match=message):
        crossval(absent.assign(corpus=["a", "b"] * 36), joint.replace(settings), tmp_path / "all", protocol, verbose=0)
    assert not (tmp_path / "run").exists()


def test_a_split_with_strangers_is_refused(index, joint, tmp_path):
    for stranger in ("test", "validation"):
        first = {"01": stranger, "02": "test" if stranger == "validation" else "validation"}
        parts = [first.get(speaker, "train") for speaker in index.speaker]
        with pytest.raises(InputError, match=r"1 of the test part have no clip in it.*Received: '0\d'"):
            train(index.assign(split=parts), joint, tmp_path / "run", protocol="given", verbose=0)


def test_corpora_of_other_labels_are_refused(index, joint, tmp_path):
    corpora = index.assign(corpus=["a" if speaker < "04" else "b" for speaker in index.speaker])
    fewer = corpora[(corpora.corpus == "a") | (corpora.emotion != "sadness")]
    with pytest.raises(InputError, match="corpora that all have the same labels.*Received: fewer labels in 'b'"):
        train(fewer.reset_index(drop=True), joint, tmp_path / "run", protocol="random", verbose=0)


def test_speakers_of_several_corpora_are_told_apart_by_both_names(index):
    corpora = index.assign(corpus=["a" if number % 2 else "b" for number in range(len(index))])
    assert joint_speakers(corpora, ["train"] * len(index)) == 12
    targets = joint_targets(corpora, ["neutral", "sadness", "anger"], range(len(index)))
    assert targets.shape == (len(index), 36)


def test_the_network_itself_gives_both():
    network = build_network(32, 32, 4, "tiny", joint_speakers=3)
    assert {name: output.shape for name, output in network.output.items()} == {
        "logits_joint": (None, 12), "logits": (None, 4),
    }  # fmt: skip

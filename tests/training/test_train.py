import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, recall_score

from emohrnet_tf import InputError, load_audio, load_model
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.errors import TrainingDiverged
from emohrnet_tf.training.losses import smoothed_cross_entropy
from emohrnet_tf.training.optimizer import CoupledAdam, learning_rate, make_optimizer
from emohrnet_tf.training.run import ordered, train
from emohrnet_tf.training.trainer import Trainer


def weights(folder):
    return load_model(folder).get_weights()


# --- What a run leaves ---


def test_a_run_leaves_model_report_log_split_and_pictures(run):
    names = {path.name for path in run.iterdir()} - {"model.tflite"}  # which predict leaves, in another test
    pictures = {"curves.png", "confusion.png"}
    assert names == {"model.keras", "config.json", "report.json", "split.csv", "log.csv", "predictions.csv"} | pictures
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert not list(run.glob(".*")), "no half-written file is left"


def test_the_report_is_what_the_saved_model_says_of_the_test_part(run):
    report, split = (
        json.loads((run / "report.json").read_text()),
        pd.read_csv(run / "split.csv", dtype={"speaker": str}),
    )
    model, test = load_model(run), split[split.split == "test"]
    probabilities = [model.score(windows(load_audio(f), model.audio.samples)).mean(axis=0) for f in test.file]
    predicted = [model.labels[p.argmax()] for p in probabilities]
    result = report["results"]["validation"]
    assert result["war"] == pytest.approx(accuracy_score(test.emotion, predicted), abs=1e-5)
    assert result["uar"] == pytest.approx(recall_score(test.emotion, predicted, average="macro"), abs=1e-5)
    saved = pd.read_csv(run / "predictions.csv")
    assert saved.file.tolist() == test.file.tolist()
    np.testing.assert_allclose(saved[model.labels], probabilities, atol=1e-4)


def test_the_epoch_is_the_first_best_on_validation_and_the_test_has_no_say(run):
    report, log = json.loads((run / "report.json").read_text()), pd.read_csv(run / "log.csv")
    chosen = report["epochs"]["validation"]
    assert chosen == log.val_accuracy.idxmax() + 1
    assert report["results"]["validation"]["war"] == pytest.approx(log.test_accuracy[chosen - 1], abs=1e-5)
    assert report["results"]["last"]["war"] == pytest.approx(log.test_accuracy.iloc[-1], abs=1e-5)
    assert report["results"]["best_on_test"]["war"] == pytest.approx(log.test_accuracy.max(), abs=1e-5)


def test_speakers_of_the_three_parts_are_apart(run):
    split = pd.read_csv(run / "split.csv", dtype={"speaker": str})
    assert split.groupby("speaker").split.nunique().max() == 1
    assert set(split.split) == {"train", "validation", "test"}


def test_a_result_names_its_protocol_seed_machine_and_versions(run):
    report = json.loads((run / "report.json").read_text())
    assert (report["protocol"], report["fold"], report["seed"]) == ("speaker", 0, 1)
    assert report["versions"]["keras"] == keras.__version__
    assert report["machine"]["cores"] == os.cpu_count()
    assert report["config"]["training"]["epochs"] == 4


def test_training_learns(run):
    log = pd.read_csv(run / "log.csv")
    assert log.loss.iloc[-1] < 0.7 * log.loss.iloc[0]


def test_the_paper_preset_prints_measured_masks_in_the_configuration(index, config, tmp_path, trainer):
    asks = config.replace(
        {"augmentation": {"freq_mask_bins": "pitch", "time_mask_share": "duration"}, "training": {"epochs": 1}}
    )
    train(index, asks, tmp_path / "run", trainer=trainer, verbose=0)
    resolved = json.loads((tmp_path / "run" / "config.json").read_text())["resolved"]["augmentation"]
    assert isinstance(resolved["freq_mask_bins"], int)
    assert resolved["time_mask_share"] == 0.15  # the median clip is longer than the window


# --- Going on ---


def test_one_seed_repeats_bit_for_bit_and_another_differs(index, config, run, tmp_path, trainer):
    train(index, config, tmp_path / "same", protocol="speaker", seed=1, trainer=trainer, verbose=0)
    assert (tmp_path / "same" / "log.csv").read_text() == (run / "log.csv").read_text()
    assert all(np.array_equal(a, b) for a, b in zip(weights(run), weights(tmp_path / "same")))
    other = config.replace({"training": {"epochs": 1}})
    train(index, other, tmp_path / "other", protocol="speaker", seed=2, trainer=trainer, verbose=0)
    first = [pd.read_csv(folder / "log.csv").loss[0] for folder in (run, tmp_path / "other")]
    assert first[0] != first[1]


@pytest.mark.slow
def test_one_trainer_gives_each_run_what_a_fresh_one_gives(index, config, run, tmp_path, trainer):
    short = config.replace({"training": {"epochs": 1}})
    train(index, short, tmp_path / "before", protocol="speaker", fold=1, seed=2, trainer=trainer, verbose=0)
    fresh = Trainer(config, trainer.labels)
    for name, used in (("same", trainer), ("fresh", fresh)):
        train(index, config, tmp_path / name, protocol="speaker", seed=1, trainer=used, verbose=0)
        assert (tmp_path / name / "log.csv").read_text() == (run / "log.csv").read_text()
        assert all(np.array_equal(a, b) for a, b in zip(weights(run), weights(tmp_path / name)))


def test_two_seeds_draw_other_weights_and_one_draws_the_same(index, config, trainer):
    drawn = []
    for seed in (0, 1, 0):
        trainer.reset(seed)
        drawn.append(trainer.network.get_weights())
    kernels = [i for i, w in enumerate(drawn[0]) if w.ndim == 4]
    assert all(not np.array_equal(drawn[0][i], drawn[1][i]) for i in kernels)
    assert all(np.array_equal(a, b) for a, b in zip(drawn[0], drawn[2]))


def test_the_last_epoch_may_be_the_result_and_scores_may_be_rare(index, config, tmp_path, trainer):
    settings = config.replace({"training": {"epochs": 3, "evaluate_every": 2, "choose": "last"}})
    report = train(index, settings, tmp_path / "run", trainer=trainer, verbose=0)
    log = pd.read_csv(tmp_path / "run" / "log.csv")
    assert log.val_accuracy.notna().tolist() == [False, True, True]
    assert (report["chosen"], report["epochs"]["last"]) == ("last", 3)
    saved = pd.read_csv(tmp_path / "run" / "predictions.csv")
    labels = report["results"]["last"]["labels"]
    predicted = saved[labels].to_numpy().argmax(axis=1)
    assert report["results"]["last"]["war"] == pytest.approx(accuracy_score(saved.emotion.map(labels.index), predicted))


def test_a_run_may_start_from_a_model_with_other_labels(index, config, run, tmp_path):
    fewer = index[index.emotion.isin(sorted(index.emotion.unique())[:2])].reset_index(drop=True)
    settings = config.replace({"training": {"epochs": 1, "learning_rate": 0.0, "initial": str(run)}})
    train(fewer, settings, tmp_path / "run", verbose=0)
    new, old = load_model(tmp_path / "run"), load_model(run)
    kernels = [[w for w in model.network.get_weights()[:-2] if w.ndim == 4] for model in (new, old)]
    assert all(np.array_equal(a, b) for a, b in zip(*kernels))
    for label in new.labels:
        heads = [model.network.get_weights()[-2][:, model.labels.index(label)] for model in (new, old)]
        np.testing.assert_allclose(heads[0] * new.temperature, heads[1], atol=1e-5)
    with pytest.raises(InputError, match="needs the settings of the run"):
        train(fewer, settings.replace({"network": {"architecture": "lite"}}), tmp_path / "lite", verbose=0)


def test_a_model_that_has_heard_the_test_is_no_start(index, config, run, tmp_path):
    settings = config.replace({"training": {"epochs": 1, "initial": str(run)}})
    with pytest.raises(InputError, match="has heard clips of the test part"):
        train(index, settings, tmp_path / "run", protocol="speaker", fold=1, seed=1, verbose=0)


def test_validation_clips_may_train_once_the_recipe_is_settled(index, config, run, tmp_path, trainer):
    settings = config.replace({"training": {"epochs": 1, "choose": "last", "train_on_validation": True}})
    report = train(index, settings, tmp_path / "run", trainer=trainer, verbose=0)
    before, after = (pd.read_csv(folder / "split.csv").split for folder in (run, tmp_path / "run"))
    assert ((before == "test") == (after == "test")).all()
    assert set(after) == {"train", "test"}
    assert (report["clips"]["train"], report["clips"]["validation"]) == ((after == "train").sum(), 0)
    assert set(report["results"]) == {"last", "best_on_test"}
    assert report["calibration"] is None
    assert load_model(tmp_path / "run").temperature == 1.0
    with pytest.raises(InputError, match="leaves no clip to choose by: set training.choose=last"):
        train(index, settings.replace({"training": {"choose": "validation"}}), tmp_path / "other", verbose=0)


def test_protocol_all_trains_on_everything_and_claims_nothing(index, config, tmp_path, trainer):
    settings = config.replace({"training": {"epochs": 1, "choose": "last"}})
    report = train(index, settings, tmp_path / "run", protocol="all", trainer=trainer, verbose=0)
    assert report["clips"] == {"train": len(index), "validation": 0, "test": 0}
    assert (report["results"], report["calibration"]) == ({}, None)
    assert load_model(tmp_path / "run").temperature == 1.0
    with pytest.raises(InputError, match="set training.choose=last"):
        train(index, config, tmp_path / "other", protocol="all", trainer=trainer, verbose=0)


def test_calibration_is_in_the_saved_weights(run, index):
    report, model = json.loads((run / "report.json").read_text()), load_model(run)
    assert model.temperature == pytest.approx(report["calibration"]["temperature"], rel=1e-5) != 1.0
    assert report["calibration"]["ece_after"] == pytest.approx(report["results"]["validation"]["ece"], abs=1e-5)


def test_best_on_test_is_calibrated_as_the_columns_beside_it(index, config, tmp_path, trainer):
    one = config.replace({"training": {"epochs": 1}})
    report = train(index, one, tmp_path / "run", trainer=trainer, verbose=0)  # its one epoch is last and best alike
    assert report["calibration"]["temperature"] != pytest.approx(1.0, abs=1e-2)
    for name in ("ece", "mean_confidence", "war"):
        assert report["results"]["best_on_test"][name] == pytest.approx(report["results"]["last"][name], abs=1e-4)


@pytest.mark.parametrize("rate", [10.0, 1e38])
def test_a_training_that_runs_away_is_stopped_and_blames_no_file(rate, index, config, tmp_path, trainer):
    settings = config.replace({"training": {"learning_rate": rate}})
    message = f"diverged in epoch 1 .*lower training.learning_rate.* Received: a rate of {re.escape(f'{rate:g}')}"
    with pytest.raises(TrainingDiverged, match=message) as stopped:
        train(index, settings, tmp_path / "run", trainer=trainer, verbose=0)
    assert not isinstance(stopped.value, InputError)
    left = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert left == {"config.json", "split.csv"}, "neither a model nor a state to go on from"


def test_a_network_that_says_nan_has_diverged_and_no_clip_is_at_fault(index, config, tmp_path, trainer, monkeypatch):
    from emohrnet_tf.training.callbacks import ClipScores

    windows = ClipScores.windows
    monkeypatch.setattr(ClipScores, "windows", lambda *args: {k: v * np.nan for k, v in windows(*args).items()})
    with pytest.raises(TrainingDiverged, match="diverged in epoch 1"):
        train(index, config, tmp_path / "run", trainer=trainer, verbose=0)


def test_a_saved_model_of_nan_is_named_with_its_cause(run, tmp_path):
    model = load_model(run)
    model.network.set_weights([weight * np.nan for weight in model.network.get_weights()])
    model.save(tmp_path / "nan.keras")
    with pytest.raises(InputError, match="nan.keras holds weights that are NaN .* lower training.learning_rate"):
        load_model(tmp_path / "nan.keras")


class Killed(BaseException):
    """Stands for SIGKILL inside one process."""


def test_an_interrupted_run_ends_as_if_it_had_not_been(index, config, run, tmp_path, monkeypatch, trainer):
    replace, calls = os.replace, []

    def kill_while_saving_the_second_state(source, target):
        if str(target).endswith("state.npz"):
            calls.append(target)
            if len(calls) == 2:
                raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", kill_while_saving_the_second_state)
    with pytest.raises(Killed):
        train(index, config, tmp_path / "run", protocol="speaker", seed=1, trainer=trainer, verbose=0)
    monkeypatch.undo()
    assert not (tmp_path / "run" / "report.json").exists()
    train(index, config, tmp_path / "run", protocol="speaker", seed=1, trainer=trainer, verbose=0)
    assert (tmp_path / "run" / "log.csv").read_text() == (run / "log.csv").read_text()
    assert all(np.array_equal(a, b) for a, b in zip(weights(run), weights(tmp_path / "run")))
    first, second = (json.loads((folder / "report.json").read_text()) for folder in (run, tmp_path / "run"))
    assert first["results"] == second["results"]
    assert first["epochs"] == second["epochs"]


@pytest.mark.slow
def test_a_run_killed_between_its_last_epoch_and_its_report_is_finished_without_training(
    index, config, run, tmp_path, trainer
):
    from emohrnet_tf import plots

    def die(*args, **kwargs):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "learning_curves", die)
        with pytest.raises(Killed):
            train(index, config, tmp_path / "run", protocol="speaker", seed=1, trainer=trainer, verbose=0)
    train(index, config, tmp_path / "run", protocol="speaker", seed=1, trainer=trainer, verbose=0)
    first, second = (json.loads((folder / "report.json").read_text()) for folder in (run, tmp_path / "run"))
    assert first["results"] == second["results"]


def test_mixed_precision_trains_and_its_report_is_of_the_saved_float32_model(index, config, tmp_path):
    mixed = config.replace({"training": {"mixed_precision": True, "epochs": 2}})
    report = train(index, mixed, tmp_path / "run", verbose=0)
    assert keras.config.dtype_policy().name == "float32", "the policy is put back"
    model = load_model(tmp_path / "run")
    assert {layer.compute_dtype for layer in model.network.layers} == {"float32"}
    from emohrnet_tf.evaluation.on_index import evaluate

    assert evaluate(tmp_path / "run", index)["uar"] == pytest.approx(report["results"]["validation"]["uar"], abs=1e-5)


DRIVER = """
import os, signal, sys
import numpy as np
import pandas as pd
from emohrnet_tf import Config, read_index
from emohrnet_tf.training.run import train
import json, keras

folder, settings, index, moment, epoch = sys.argv[1:]
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
savez, save_weights, count = np.savez, keras.Model.save_weights, {"state": 0, "best": 0}

def dying_savez(file, **arrays):
    count["state"] += 1
    if moment == "state" and count["state"] == int(epoch):
        open(file, "wb").write(b"half a state")
        kill()
    savez(file, **arrays)

def dying_save_weights(self, file, *args, **kwargs):
    count["best"] += 1
    if moment == "best" and count["best"] == int(epoch):
        open(file, "wb").write(b"half of the weights")
        kill()
    save_weights(self, file, *args, **kwargs)

class Die(keras.callbacks.Callback):
    pass

np.savez, keras.Model.save_weights = dying_savez, dying_save_weights
if moment == "batch":
    fit = keras.Model.fit
    def dying_fit(self, *args, callbacks=(), initial_epoch=0, **kwargs):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                kill()
        die = type("Die", (keras.callbacks.Callback,), {"on_train_batch_end": on_train_batch_end})()
        return fit(self, *args, callbacks=[*callbacks, die], initial_epoch=initial_epoch, **kwargs)
    keras.Model.fit = dying_fit
train(read_index(index), Config.from_dict(json.loads(settings)), folder, protocol="speaker", seed=1, verbose=0)
"""


@pytest.mark.slow
def test_killed_five_times_with_sigkill_a_run_ends_as_if_it_had_not_been(index, config, run, tmp_path):
    from emohrnet_tf.corpora import write_index

    write_index(index, tmp_path / "index.csv")
    moments = [("best", 1), ("state", 2), ("batch", 0), ("best", 1), ("state", 1), ("none", 0)]
    codes = []
    for moment, epoch in moments:
        arguments = [tmp_path / "run", json.dumps(config.to_dict()), tmp_path / "index.csv", moment, epoch]
        result = subprocess.run([sys.executable, "-c", DRIVER, *map(str, arguments)], capture_output=True, text=True)
        codes.append(result.returncode)
    assert codes[-1] == 0, result.stderr
    assert codes[:-1].count(-9) >= 4, codes  # "best" kills only in an epoch that is a new best
    assert (tmp_path / "run" / "log.csv").read_text() == (run / "log.csv").read_text()
    assert all(np.array_equal(a, b) for a, b in zip(weights(run), weights(tmp_path / "run")))


@pytest.mark.slow
def test_a_worse_epoch_after_a_resume_leaves_the_best_weights_alone(index, config, tmp_path, monkeypatch, trainer):
    from emohrnet_tf.training.callbacks import ClipScores

    scores, original, best = iter([0.5, 0.9, 0.4, 0.4, 0.3]), ClipScores.on_epoch_end, {}
    file = tmp_path / "run" / "checkpoints" / "best-0002.weights.h5"

    def scripted(self, epoch, logs=None):
        original(self, epoch, logs)
        logs["val_accuracy"] = next(scores)
        if epoch >= 2:
            assert best.setdefault("weights", file.read_bytes()) == file.read_bytes()
        if epoch == 2 and not best.get("killed"):
            best["killed"] = True
            raise Killed

    monkeypatch.setattr(ClipScores, "on_epoch_end", scripted)
    with pytest.raises(Killed):
        train(index, config, tmp_path / "run", trainer=trainer, verbose=0)
    assert train(index, config, tmp_path / "run", trainer=trainer, verbose=0)["epochs"]["validation"] == 2
    assert next(scores, None) is None, "the epochs after the resume were trained"


@pytest.mark.slow
def test_of_equal_epochs_the_first_is_kept_also_across_a_resume(index, config, tmp_path, monkeypatch, trainer):
    from emohrnet_tf.training.callbacks import ClipScores, RunState

    original, tie = ClipScores.on_epoch_end, 37 / 192  # no short decimal

    def tied(self, epoch, logs=None):
        original(self, epoch, logs)
        logs["val_accuracy"] = tie

    saved = RunState.on_epoch_end

    def killed_after_two(self, epoch, logs=None):
        saved(self, epoch, logs)
        if epoch == 1:
            raise Killed

    monkeypatch.setattr(ClipScores, "on_epoch_end", tied)
    monkeypatch.setattr(RunState, "on_epoch_end", killed_after_two)
    with pytest.raises(Killed):
        train(index, config, tmp_path / "run", trainer=trainer, verbose=0)
    monkeypatch.setattr(RunState, "on_epoch_end", saved)
    assert train(index, config, tmp_path / "run", trainer=trainer, verbose=0)["epochs"]["validation"] == 1


def test_a_finished_run_is_returned_and_not_trained_again(index, config, run):
    before = (run / "model.keras").stat().st_mtime_ns
    report = train(index, config, run, protocol="speaker", fold=0, seed=1, verbose=0)
    assert report == json.loads((run / "report.json").read_text())
    assert (run / "model.keras").stat().st_mtime_ns == before


def test_another_run_in_the_folder_is_refused(index, config, run, tmp_path):
    with pytest.raises(InputError, match="holds a run with another seed"):
        train(index, config, run, protocol="speaker", seed=2, verbose=0)
    with pytest.raises(InputError, match="another index"):
        train(index.iloc[:-1], config, run, protocol="speaker", seed=1, verbose=0)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        train(index, config, tmp_path, verbose=0)


def test_tensorboard_is_asked_for_before_an_epoch_is_spent(index, config, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'emohrnet_tf\[tensorboard\]'"):
        train(index, config, tmp_path / "run", tensorboard=True, verbose=0)
    assert not (tmp_path / "run").exists()


def test_results_are_there_before_pictures_and_without_them(index, config, tmp_path, trainer, monkeypatch, caplog):
    def fail(*arguments, **settings):
        assert (tmp_path / "report.json").is_file()
        assert (tmp_path / "predictions.csv").is_file()
        assert (tmp_path / "model.keras").is_file()
        raise UserWarning("no font has these letters")  # as Python raises it with -W error

    short = config.replace({"training": {"epochs": 1}})
    with monkeypatch.context() as patch:
        patch.setattr("emohrnet_tf.plots.learning_curves", fail)
        report = train(index, short, tmp_path, trainer=trainer, verbose=0)
    assert f"{tmp_path / 'curves.png'} was not drawn (no font has these letters)" in caplog.text
    written = json.loads((tmp_path / "report.json").read_text())
    assert report["results"]["last" if "last" in report["results"] else report["chosen"]]["clips"] == 24
    assert {path.name for path in tmp_path.glob("*.png")} == {"confusion.png"}, "one picture costs no other"
    trained = (tmp_path / "model.keras").stat().st_mtime_ns
    assert train(index, short, tmp_path, verbose=0) == written
    assert (tmp_path / "model.keras").stat().st_mtime_ns == trained, "it is finished, and only drawn"
    assert (tmp_path / "curves.png").is_file()


# --- Bad clips ---


def test_one_bad_clip_is_reported_and_loses_nothing_else(index, config, tmp_path, trainer):
    (tmp_path / "bad.wav").write_bytes(b"RIFF....WAVE")
    bad = index.copy()
    bad.loc[5, "file"] = str(tmp_path / "bad.wav")
    report = train(bad, config.replace({"training": {"epochs": 1}}), tmp_path / "run", trainer=trainer, verbose=0)
    assert [row["file"] for row in report["failed"]] == [str(tmp_path / "bad.wav")]
    assert sum(report["clips"].values()) == len(index) - 1


# --- Optimisation ---


def test_coupled_decay_is_torchs_adam():
    variable = keras.Variable([1.0, -2.0])
    optimizer = CoupledAdam(0.1, 0.5)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor([0.5, 1.0])], [variable])
    # By hand: gradient + 0.5 * variable = (1, 0); Adam's first step is the rate times the sign.
    np.testing.assert_allclose(variable.numpy(), [0.9, -2.0], atol=1e-5)


def test_decoupled_decay_leaves_normalisation_and_bias_alone():
    from emohrnet_tf.config import Training

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    optimizer = make_optimizer(Training(learning_rate=0.1, weight_decay=0.5))
    optimizer.build(model.trainable_variables)
    decayed = [v.name for v in model.trainable_variables if optimizer._use_weight_decay(v)]
    assert decayed == ["kernel"]


def test_cosine_rises_and_falls():
    from emohrnet_tf.config import Training

    settings = Training(epochs=10, learning_rate=0.1, schedule="cosine", warmup_epochs=2)
    values = [learning_rate(settings, epoch) for epoch in (0, 1, 2, 6, 10)]
    assert values == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.05, 0.0], abs=1e-9)
    assert learning_rate(Training(learning_rate=0.1), 7) == 0.1
    with pytest.raises(InputError, match="one of constant, cosine"):
        learning_rate(Training(schedule="linear"), 5)


def test_smoothed_cross_entropy_is_its_formula():
    logits, true = np.array([[2.0, 0.0, -1.0]], "float32"), np.array([[1.0, 0.0, 0.0]], "float32")
    log_softmax = logits - np.log(np.exp(logits).sum())
    target = np.array([0.8 + 0.2 / 3, 0.2 / 3, 0.2 / 3])
    loss = keras.ops.convert_to_numpy(smoothed_cross_entropy(0.2)(true, logits))
    assert float(loss[0]) == pytest.approx(float(-(target * log_softmax).sum()), abs=1e-5)


def test_labels_are_the_fields_eight_then_others_by_name():
    assert ordered(["boredom", "anger", "neutral", "awe"]) == ["neutral", "anger", "awe", "boredom"]


MIRRORED = """
import functools, json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
two, listed = tf.config.list_logical_devices("CPU"), tf.config.list_logical_devices
tf.config.list_logical_devices = lambda kind=None: two if kind == "GPU" else listed(kind)  # two devices stand for GPUs
from emohrnet_tf import Config, read_index
from emohrnet_tf.model.layers import BatchNorm
from emohrnet_tf.training.run import train
synchronized = []
call = BatchNorm.call
@functools.wraps(call)  # Keras reads from the signature that a layer takes `training`
def watched(self, *args, **kwargs):
    synchronized.append((self.synchronized, tf.distribute.get_strategy().num_replicas_in_sync))
    return call(self, *args, **kwargs)
BatchNorm.call = watched
settings = Config.from_dict(json.loads(sys.argv[1]))
report = train(read_index(sys.argv[2]), settings, sys.argv[3], protocol="speaker", seed=1, verbose=0)
assert (True, 2) in synchronized, set(synchronized)
from emohrnet_tf import InputError
try:
    train(read_index(sys.argv[2]), settings.replace({"training": {"batch_size": 9}}), sys.argv[3] + "9", verbose=0)
except InputError as error:
    assert "training.batch_size must divide among the 2 devices here. Received: 9" in str(error), error
else:
    raise AssertionError
"""


@pytest.mark.slow
def test_two_devices_train_one_network_with_synchronised_statistics(index, config, run, tmp_path):
    from emohrnet_tf.corpora import write_index

    write_index(index, tmp_path / "index.csv")
    arguments = [json.dumps(config.to_dict()), str(tmp_path / "index.csv"), str(tmp_path / "run")]
    result = subprocess.run([sys.executable, "-c", MIRRORED, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    one, two = (pd.read_csv(folder / "log.csv") for folder in (run, tmp_path / "run"))
    assert two.loss[0] == pytest.approx(one.loss[0], rel=0.05), "the same batches, whole, as on one device"
    assert two.loss.iloc[-1] < 0.7 * two.loss.iloc[0]

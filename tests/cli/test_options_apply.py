"""An option is followed or refused, in every mode of its command: none is taken and ignored."""

import subprocess
import sys

import pandas as pd
import pytest

from emohrnet_tf import Config, EmoHRNet, InputError, preset
from emohrnet_tf.config import Audio, Network
from emohrnet_tf.data.splits import ACTORS, fold_count
from emohrnet_tf.exporter.folder import next_version
from emohrnet_tf.model.sphere import Sphere
from emohrnet_tf.model.voice import least_confidence


@pytest.fixture(scope="module")
def vad(tmp_path_factory):
    """A model of dimensions alone, untrained."""
    file = tmp_path_factory.mktemp("vad") / "vad.keras"
    EmoHRNet([], Audio(frames=32, mels=32), Network("tiny"), head={"kind": "vad"}, sphere=Sphere(1, 5)).save(file)
    return file


@pytest.mark.parametrize("protocol", ["random", "loso", "given", "all"])
def test_folds_of_ravdess_are_of_protocol_speaker(protocol):
    rows = [(f"{a}{e}{n}", e, a, "ravdess", "test") for a in sorted(ACTORS) for e in ("calm", "anger") for n in (0, 1)]
    index = pd.DataFrame(rows, columns=["file", "emotion", "speaker", "corpus", "split"])
    assert fold_count(index, "speaker", scheme="emobox") == 6
    with pytest.raises(InputError, match="scheme: of protocol speaker on all 24 actors"):
        fold_count(index, protocol, scheme="emobox")


def test_a_setting_has_one_value():
    assert preset("tuned").override(["training.epochs=3", "training.epochs=3"]).training.epochs == 3
    with pytest.raises(InputError, match="training.epochs is given twice"):
        preset("tuned").override(["training.epochs=3", "training.epochs=4"])
    with pytest.raises(InputError, match=r"training.weight_decay: set one of them to 0"):
        preset("tuned").override(["training.coupled_weight_decay=1e-4"])
    both = ["training.coupled_weight_decay=1e-4", "training.weight_decay=0"]
    assert preset("tuned").override(both).training.coupled_weight_decay == 1e-4


def test_the_command_sees_what_flag_and_set_contradict(emohrnet, tmp_path):
    pd.DataFrame({"file": ["a.wav"], "emotion": ["calm"]}).to_csv(tmp_path / "i.csv", index=False)
    code, _, err = emohrnet(
        "train", tmp_path / "i.csv", "--out", tmp_path / "run", "--epochs", 2, "--set", "training.epochs=3"
    )
    assert code == 2
    assert "training.epochs is given twice" in err
    assert not (tmp_path / "run").exists()


def test_a_model_of_dimensions_has_no_confidence(emohrnet, vad, index):
    code, _, err = emohrnet("predict", index.file[0], "--model", vad, "--min-confidence", 0.5)
    assert code == 2
    assert "names no emotions" in err
    assert least_confidence(type("Vad", (), {"labels": ()}), None) == 0.0


@pytest.mark.parametrize("option", ["--reliability", "--embedding", "--dimensions"])
def test_a_picture_of_what_the_model_does_not_say_is_refused_before_the_work(
    emohrnet, vad, run, index, tmp_path, monkeypatch, option
):
    monkeypatch.setattr("emohrnet_tf.evaluation.on_index.measure", lambda *_: pytest.fail("measured"))
    index.to_csv(tmp_path / "i.csv", index=False)
    model = run if option == "--dimensions" else vad
    code, _, err = emohrnet("evaluate", tmp_path / "i.csv", "--model", model, option, tmp_path / "p.png")
    assert code == 2
    assert "The picture is of" in err


def test_shared_labels_are_of_models_that_name_emotions(emohrnet, vad, index, tmp_path):
    index.to_csv(tmp_path / "i.csv", index=False)
    code, _, err = emohrnet("evaluate", tmp_path / "i.csv", "--model", vad, "--shared-labels")
    assert code == 2
    assert "The model knows no emotions" in err


def test_a_version_is_replaced_by_its_number(tmp_path):
    (tmp_path / "saved_model" / "4").mkdir(parents=True)
    assert next_version(tmp_path, None, False) == 5
    assert next_version(tmp_path, 4, True) == 4
    with pytest.raises(InputError, match="say which by --version"):
        next_version(tmp_path, None, True)


@pytest.mark.parametrize("option", ["--frames", "--mels"])
@pytest.mark.parametrize("value", ["0", "-32"])
def test_sides_of_a_network_are_above_zero(emohrnet, option, value):
    code, _, err = emohrnet("info", f"{option}={value}")
    assert code == 2
    assert "Traceback" not in err


def test_the_package_is_run_as_a_module():
    said = subprocess.run([sys.executable, "-m", "emohrnet_tf", "--version"], capture_output=True, text=True)
    assert (said.returncode, said.stdout.split()[0]) == (0, "emohrnet_tf"), said.stderr


def test_settings_of_every_preset_hold_together():
    from emohrnet_tf.presets import PRESETS

    assert all(Config.from_dict(preset(name).to_dict()) == preset(name) for name in PRESETS)

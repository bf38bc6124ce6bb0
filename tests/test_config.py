import dataclasses
import json

import pytest

from emohrnet_tf.config import PRESETS, Audio, Config, preset
from emohrnet_tf.errors import InputError


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_json(name):
    config = preset(name)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_paper_preset_is_the_stated_recipe():
    config = preset("paper")
    training = config.training
    assert (training.learning_rate, training.epochs, training.batch_size) == (1e-3, 100, 64)
    assert (training.coupled_weight_decay, training.weight_decay, training.schedule) == (1e-4, 0.0, "constant")
    assert config.audio.samples == 320 * 256 == 5.12 * 16000
    assert config.network.architecture == "small"


def test_override_reads_values_as_json_and_bare_words_as_text():
    config = preset("tuned").override(
        ["training.epochs=3", "network.stem=stride2", "augmentation.random_offset=false", "network.fuse_filters=null"]
    )
    assert (config.training.epochs, config.network.stem) == (3, "stride2")
    assert config.augmentation.random_offset is False
    assert config.network.fuse_filters is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.epoch=3", "Unknown setting of 'training': choose one of .*epochs"),
        ("train.epochs=3", "Unknown group of settings: choose one of audio"),
        ("epochs=3", "group.key=value"),
        ("training.epochs=many", "training.epochs must be int"),
        ("training.epochs=true", "training.epochs must be int"),
        ("training.epochs=1.5", "training.epochs must be int"),
    ],
)
def test_a_setting_that_nothing_reads_is_an_error(setting, message):
    with pytest.raises(InputError, match=message):
        preset("tuned").override([setting])


def test_an_unknown_preset_is_an_error():
    with pytest.raises(InputError, match="choose one of paper, tuned"):
        preset("best")


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Audio().frames = 3


def test_a_whole_number_stands_for_a_float():
    rate = Config().override(["training.learning_rate=1"]).training.learning_rate
    assert (rate, type(rate)) == (1.0, float)

import dataclasses
import json

import numpy as np
import pytest

from emohrnet_tf.config import Audio, Augmentation, Config, Head, Network, Training
from emohrnet_tf.errors import InputError
from emohrnet_tf.presets import PRESETS, preset, preset_name
from emohrnet_tf.settings import choices


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
        ("training.schedule=linear", "training.schedule must be one of constant, cosine. Received: 'linear'"),
        ("training.learning_rate=NaN", "training.learning_rate must be float of at least 0. Received: nan"),
        ("training.train_on_validation=true", "leaves no clip to choose by: set training.choose=last"),
        ("audio.mel_max_hz=9000", "audio.mel_max_hz must lie above .* half of audio.sample_rate, 8000"),
        ("augmentation.time_mask_share=1", "float of at least 0 and below 1, or one of duration. Received: 1.0"),
        ("augmentation.freq_mask_bins=voice", "int of at least 0, or one of pitch. Received: 'voice'"),
        ("network.fuse_filters=0", "network.fuse_filters must be int of at least 1, or null. Received: 0"),
        ("head.kind=both", "head.kind must be one of categorical, vad, joint. Received: 'both'"),
        ("head.step=7", "head.step must divide 180 degrees. Received: 7"),
        ("head.neutral_radius=0.1", "head.neutral_radius needs a grid: set head.step. Received: 0.1"),
    ],
)
def test_a_setting_that_nothing_reads_is_an_error(setting, message):
    with pytest.raises(InputError, match=message):
        Config().override([setting])


def test_an_unknown_preset_is_an_error():
    with pytest.raises(InputError, match="choose one of paper, tuned"):
        preset("best")


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Audio().frames = 3


def test_a_whole_number_stands_for_a_float():
    rate = Config().override(["training.learning_rate=1"]).training.learning_rate
    assert (rate, type(rate)) == (1.0, float)


def test_groups_are_checked_however_they_are_made():
    for make in (lambda: Audio(frames=-32), lambda: Audio.of({"frames": -32}), lambda: Config(audio=Audio(frames=-32))):
        with pytest.raises(InputError, match="Setting audio.frames must be int of at least 1. Received: -32"):
            make()
    with pytest.raises(InputError, match="Unknown setting of 'audio': choose one of frames, .*Received: 'frame'"):
        Audio.of({"frame": 1})
    with pytest.raises(InputError, match="Settings come as a dictionary"):
        Network.of("tiny")
    assert Head.of(None) == Head.of({}) == Head()
    assert Audio(frames=np.int64(64)) == Audio(frames=64), "NumPy's numbers are numbers"


def test_the_words_of_a_setting_are_those_that_the_code_knows():
    from emohrnet_tf.model.hrnet import ARCHITECTURES, STEMS

    assert choices(Network, "architecture") == ("none", *ARCHITECTURES)
    assert choices(Network, "stem") == tuple(STEMS)
    for group in (Audio, Augmentation, Network, Head, Training):
        assert group() == group.of(dataclasses.asdict(group())), "every default is allowed"


def test_settings_that_equal_a_preset_have_its_name():
    flags = ["augmentation.time_mask_share=0.1", "augmentation.freq_mask_bins=8", "augmentation.tempo_spread=0.1"]
    flags += [
        f"augmentation.{name}=0"
        for name in ("equalizer_db", "high_cut_share", "noise_share", "vocal_tract_spread", "filled_share")
    ]
    flags += ["audio.normalize=corpus", "training.joint_speakers=true", "training.label_smoothing=0.1"]
    flags += ["training.evaluate_every=20", "training.train_on_validation=true", "training.mixed_precision=true"]
    assert preset_name(preset("tuned").override(flags)) == "known_speakers"
    assert [preset_name(preset(name)) for name in PRESETS] == list(PRESETS)
    assert preset_name(preset("tuned").override(["training.epochs=99"])) is None

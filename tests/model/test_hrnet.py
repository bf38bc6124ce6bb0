import keras
import numpy as np
import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.hrnet import ARCHITECTURES, STEMS, build_network, costs, hrnet


def trainable(network, but=("fuse", "logits")):
    layers = [layer for layer in network.layers if layer.name not in but]
    return sum(int(np.prod(v.shape)) for layer in layers for v in layer.trainable_variables)


@pytest.mark.parametrize(("name", "parameters"), [("small", 1476768), ("small_v2", 3859568), ("w18", 9561108)])
def test_body_has_the_published_number_of_parameters(name, parameters):
    assert trainable(build_network(64, 32, 8, name)) == parameters


def test_lite_fits_its_size():
    assert 350_000 < build_network(64, 32, 8, "lite").count_params() < 450_000


def test_costs_add_up_to_the_network_and_to_the_known_multiply_accumulates():
    network = build_network(192, 64, 8, "small")
    parts = costs(network)
    assert list(parts)[:3] == ["stem", "stage1", "transition2"]
    assert sum(count for count, _ in parts.values()) == network.count_params()
    # By hand: the stem's 3x3 from 1 to 64 channels at half sides, and from 64 to 64 at a quarter.
    assert parts["stem"][1] == 96 * 32 * 9 * 64 + 48 * 16 * 9 * 64 * 64
    # By hand: 1x1 convolutions from 16, 32, 64, 128 channels to 240, each at its own sides.
    assert parts["fuse"][1] == sum(48 * 16 // 4**i * (16 << i) * 240 for i in range(4))


def test_laws_of_hrnet_channels_double_and_sides_halve():
    network = build_network(64, 32, 8, "small")
    for stage in (2, 3, 4):
        branches = network.get_layer(f"stage{stage}_fuse0").output
        assert [tuple(b.shape[1:]) for b in branches] == [(16 >> i, 8 >> i, 16 << i) for i in range(stage)]
    assert tuple(network.get_layer("fuse").output.shape[1:]) == (16, 8, 240)
    assert tuple(network.get_layer("embedding").output.shape) == (None, 240)


@pytest.mark.parametrize(("stem", "stride"), [("stride4", 4), ("stride2", 2), ("stride1", 1), ("single", 1)])
def test_every_stem_gives_its_resolution(stem, stride):
    x = keras.Input((32, 32, 1))
    assert tuple(hrnet(x, "tiny", stem=stem).shape) == (None, 32 // stride, 32 // stride, 120)
    assert len([n for n in keras.Model(x, hrnet(x, "tiny", stem=stem)).layers if n.name.startswith("stem")]) == len(
        STEMS[stem]
    )


def test_every_architecture_maps_a_log_mel_to_logits_that_depend_on_it():
    x = np.random.default_rng(0).standard_normal((2, 32, 32, 1)).astype("float32")
    for name in ARCHITECTURES:
        logits = keras.ops.convert_to_numpy(build_network(32, 32, 7, name)(x))
        assert logits.shape == (2, 7)
        assert np.isfinite(logits).all()
        assert np.abs(logits[0] - logits[1]).max() > 1e-4


def test_layer_names_are_addresses():
    names = [layer.name for layer in build_network(32, 32, 8, "tiny").layers]
    assert {"stem1", "stage1_module0_branch0_block0", "transition3", "stage4_fuse0", "fuse", "logits"} <= set(names)
    assert not any("/" in name for name in names)


@pytest.mark.parametrize(
    ("frames", "mels", "options", "message"),
    [
        (32, 32, {"architecture": "resnet"}, "choose one of tiny, lite"),
        (32, 32, {"architecture": "tiny", "stem": "stride8"}, "choose one of stride4"),
        (33, 32, {"architecture": "tiny"}, "divisible by 32"),
        (16, 24, {"architecture": "tiny", "stem": "stride2"}, "divisible by 16"),
    ],
)
def test_a_wrong_shape_or_name_is_refused_with_the_fix(frames, mels, options, message):
    with pytest.raises(InputError, match=message):
        build_network(frames, mels, 8, **options)

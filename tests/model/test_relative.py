import keras
import numpy as np
import pytest
from contracts import check_layer

from emohrnet_tf.config import Config, Head, Network
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.hrnet import build_network, make_network
from emohrnet_tf.model.relative import WIDTH, FromOthers, Standardized, check_grouped


def test_layer_contracts():
    x = np.random.default_rng(0).random((8, WIDTH)).astype("float32")
    check_layer(Standardized(10.0), x, (8, WIDTH - 1))
    check_layer(FromOthers(4), x, (8, WIDTH))


def test_in_training_each_is_less_the_mean_of_the_others_of_its_voice():
    x = np.random.default_rng(0).random((6, 5)).astype("float32")
    away = keras.ops.convert_to_numpy(FromOthers(3)(x, training=True))
    np.testing.assert_allclose(away[1], x[1] - (x[0] + x[2]) / 2, atol=1e-6)
    np.testing.assert_allclose(away[5], x[5] - (x[3] + x[4]) / 2, atol=1e-6)
    np.testing.assert_array_equal(FromOthers(3)(x), x)


def test_functionals_are_weighed_by_what_they_stand_on():
    x = np.random.default_rng(0).random((4, WIDTH)).astype("float32")
    x[:, -1] = [1, 0.5, 0, 1]
    layer = Standardized()
    found = np.asarray(layer(x))
    np.testing.assert_allclose(found[0], x[0, :-1] / np.sqrt(1 + 1e-3), rtol=1e-5)
    np.testing.assert_allclose(found[1], 0.5 * x[1, :-1] / np.sqrt(1 + 1e-3), rtol=1e-5)
    assert not found[2].any()
    assert np.abs(layer(100 * x)).max() <= 400
    far = np.full((1, WIDTH), 5**0.5, "float32")  # deviations: a mean square of 5, which is 2 beyond what is usual
    far[:, -1] = 1
    np.testing.assert_allclose(layer(far), 5**0.5 / (1 + 2**2), rtol=0.01)
    of_melody = np.asarray(Standardized(melody=10.0)(x))
    np.testing.assert_allclose(of_melody[:, -9:], 10 * found[:, -9:], rtol=1e-5)
    np.testing.assert_allclose(of_melody[:, :-9], found[:, :-9], rtol=1e-5)


def test_networks_of_functionals_alone_and_beside_the_map():
    alone = build_network(32, 32, 3, "none", functionals=True, relative=4)
    assert alone.count_params() == 4 * (WIDTH - 1) + 2 * 3 * WIDTH  # norm, and two layers with bias
    both = build_network(32, 32, 3, "tiny", functionals=True)
    assert both.get_layer("embedding").output.shape[-1] == both.get_layer("pooled").output.shape[-1] + WIDTH - 1
    assert {name: x.shape[1:] for name, x in both.input.items()} == {"log_mel": (32, 32, 1), "functionals": (WIDTH,)}


def test_what_does_not_go_together_is_refused():
    with pytest.raises(InputError, match=r"network.functionals=true"):
        Network("none")
    with pytest.raises(InputError, match="multiple of training.speaker_clips"):
        check_grouped(Config().override(["training.batch_size=30"]).training, Network(reference=True))
    with pytest.raises(InputError, match=r"head.kind=categorical"):
        make_network(Config().audio, Network(reference=True), Head("joint"), 4)

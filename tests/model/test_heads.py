import keras
import numpy as np
import pytest
from contracts import check_layer

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.heads import FoldFrequency, StylePooling, TaskWeights, mish
from emohrnet_tf.model.hrnet import build_network


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def test_mish_is_its_formula_also_far_out():
    x = np.array([-80, -5, -1, 0, 0.5, 3, 19, 21, 1e4], "float32")
    expected = x * np.tanh(np.logaddexp(0, x.astype("float64")))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mish(x)), expected, rtol=1e-5, atol=1e-6)


def test_style_pooling_keeps_a_layers_promises_and_sees_order():
    x = np.random.default_rng(0).standard_normal((2, 12, 6)).astype("float32")
    layer = check_layer(StylePooling(width=8), x, (2, 8))
    pooled, reversed_ = layer(x), layer(x[:, ::-1].copy())
    assert not np.allclose(pooled, reversed_, atol=1e-4), "gated convolutions see the order of time"
    np.testing.assert_allclose(layer(x[:1]), pooled[:1], atol=1e-5)
    with pytest.raises(InputError, match="multiple of its heads"):
        StylePooling(width=7)


@pytest.mark.parametrize("bands", [1, 2, 8])
def test_frequency_is_folded_into_means_of_neighbouring_bands(bands):
    x = random(2, 5, 8, 3)
    layer = check_layer(FoldFrequency(bands), x, (2, 5, bands * 3))
    folded = keras.ops.convert_to_numpy(layer(x)).reshape(2, 5, bands, 3)
    for band, rows in enumerate(np.split(x, bands, axis=2)):
        np.testing.assert_allclose(folded[:, :, band], rows.mean(axis=2), atol=1e-6)


def test_bands_that_do_not_divide_the_map_are_refused():
    with pytest.raises(InputError, match="divides the map's 8 frequencies"):
        FoldFrequency(3)(random(2, 5, 8, 3))


def test_task_weights_pass_on_what_they_get():
    layer, x = TaskWeights(), random(4, 3)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), x)
    assert [weight.shape for weight in layer.weights] == [(3,)]


@pytest.mark.parametrize(
    ("classes", "regions", "names"),
    [(4, 8, {"logits", "dimensions", "regions"}), (0, 8, {"dimensions", "regions"}), (4, 0, {"logits", "dimensions"})],
)
@pytest.mark.parametrize("pooling", ["style", "mean"])
def test_a_network_answers_what_its_head_has(classes, regions, names, pooling):
    sphere = {"regions": regions, "pooling": pooling, "bands": 2, "width": 8}
    network = build_network(32, 32, classes, "tiny", sphere=sphere)
    widths = {"logits": 4, "dimensions": 3, "regions": 8}
    assert {name: output.shape for name, output in network.output.items()} == {
        name: (None, widths[name]) for name in names
    }
    assert network.get_layer("embedding").output.shape[-1] == (120 if classes else 8 if pooling == "style" else 240)


def test_another_pooling_is_refused():
    with pytest.raises(InputError, match="style or mean"):
        build_network(32, 32, 4, "tiny", sphere={"regions": 8, "pooling": "max"})

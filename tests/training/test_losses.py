import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.hrnet import build_network
from emohrnet_tf.model.sphere import auxiliary_weight
from emohrnet_tf.training.losses import SphereLosses, batch_concordance, masked_accuracy, masked_cross_entropy


def number(x):
    return float(keras.ops.convert_to_numpy(x))


def cross_entropy(true, logits):
    """Plain numpy: -sum true log softmax, a value for each row."""
    return -(true * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1)


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    true = np.eye(3)[random.integers(0, 3, 6)]
    true[[1, 4]] = 0  # not known
    return true.astype("float32"), random.standard_normal((6, 3)).astype("float32")


def test_rows_without_a_label_count_for_nothing(rows):
    true, logits = rows
    known = true.sum(axis=1) > 0
    expected = cross_entropy(true[known], logits[known])
    assert number(masked_cross_entropy(true, logits)) == pytest.approx(expected.mean(), abs=1e-5)
    assert number(masked_cross_entropy(np.zeros_like(true), logits)) == 0
    right = true[known].argmax(axis=1) == logits[known].argmax(axis=1)
    assert number(masked_accuracy(true, logits)) == pytest.approx(right.mean(), abs=1e-6)


def test_a_weighted_row_counts_as_often_as_its_weight(rows):
    true, logits = rows
    weights = np.array([2, 1, 0.5, 3, 1, 1], "float32")[:, None]
    known = true.sum(axis=1) > 0
    expected = (cross_entropy(true, logits) * weights[:, 0]).sum() / known.sum()
    assert number(masked_cross_entropy(true * weights, logits)) == pytest.approx(expected, abs=1e-5)


def test_smoothing_moves_a_share_of_the_label_to_all():
    true, logits = np.eye(3, dtype="float32"), np.array([[2, 0, 1], [0, 1, 0], [1, 1, 0]], "float32")
    expected = cross_entropy(0.9 * true + 0.1 / 3, logits).mean()
    assert number(masked_cross_entropy(true, logits, 0.1)) == pytest.approx(expected, abs=1e-5)


def test_the_bar_shows_the_ccc_of_the_rows_that_have_labels():
    random = np.random.default_rng(1)
    cube, predicted = random.uniform(-1, 1, (8, 3)), random.uniform(-1, 1, (8, 3)).astype("float32")
    known = np.array([1, 1, 0, 1, 1, 0.6, 1, 1])  # 0.6: mixed with a row without labels
    true = np.column_stack([cube, known]).astype("float32")
    a, b = cube[known == 1], predicted[known == 1]
    ccc = 2 * np.mean((a - a.mean(0)) * (b - b.mean(0)), axis=0) / (a.var(0) + b.var(0) + (a.mean(0) - b.mean(0)) ** 2)
    assert number(batch_concordance(true, predicted)) == pytest.approx(ccc.mean(), abs=1e-4)


def network(weighting):
    sphere = {"regions": 0 if weighting == "none" else 8, "bands": 2, "width": 8, "weighting": weighting}
    return build_network(32, 32, 4, "tiny", sphere=sphere)


def region_loss(losses, epoch=0):
    losses.schedule().on_epoch_begin(epoch)
    logits = np.zeros((2, 8), "float32")
    return number(losses.regions(np.eye(8, dtype="float32")[:2], logits)) / np.log(8)


def test_the_weight_of_the_regions_follows_the_papers_schedule_and_is_then_gone():
    losses = SphereLosses(network("dynamic"), "dynamic")
    weights = [region_loss(losses, epoch) for epoch in range(7)]
    np.testing.assert_allclose(weights, [1 - 0.198 * e if e < 5 else 0 for e in range(7)], atol=1e-6)
    assert weights[4] == pytest.approx(auxiliary_weight(4), abs=1e-6)


def test_a_constant_weight_stays():
    losses = SphereLosses(network("constant"), "constant")
    assert [region_loss(losses, epoch) for epoch in (0, 9)] == [pytest.approx(1, abs=1e-6)] * 2


def test_uncertainty_divides_a_loss_by_the_variance_that_is_learnt():
    net = network("uncertainty")
    losses = SphereLosses(net, "uncertainty")
    assert region_loss(losses) == pytest.approx(1, abs=1e-6)
    net.get_layer("task_weights").log_variance.assign([0.0, 0.0, np.log(4.0)])
    assert region_loss(losses) == pytest.approx(0.25 + np.log(4.0) / np.log(8), abs=1e-5)
    assert any("log_variance" in variable.path for variable in net.trainable_variables)


def test_without_regions_there_is_no_loss_of_them():
    assert set(SphereLosses(network("none"), "none").by_output) == {"logits", "dimensions"}


def test_another_weighting_is_refused():
    with pytest.raises(InputError, match="dynamic, constant, uncertainty, none"):
        SphereLosses(network("none"), "falling")


DEVICES = """
import json
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from emohrnet_tf.training.losses import SphereLosses, batch_concordance, of_whole_batch
random = np.random.default_rng(0)
x, known = random.normal(size=(8, 6)), np.array([1, 1, 1, 1, 0, 0, 0, 1.0])  # more of them in the first half
y = {"logits": np.eye(3)[random.integers(0, 3, 8)] * (1 - known)[:, None]}
y |= {"dimensions": np.column_stack([random.uniform(-1, 1, (8, 3)), known])}
y |= {"regions": np.eye(8)[random.integers(0, 8, 8)] * known[:, None]}
float32 = lambda values: values.astype("float32")
batches = tf.data.Dataset.from_tensors((float32(x), {name: float32(values) for name, values in y.items()})).repeat()
from emohrnet_tf.model.heads import TaskWeights
found = []
two = tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices("CPU")])
for strategy in (tf.distribute.get_strategy(), two):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        given = keras.Input((6,))
        widths = {"logits": 3, "dimensions": 3, "regions": 8}
        outputs = {name: keras.layers.Dense(width)(given) for name, width in widths.items()}
        outputs["dimensions"] = TaskWeights(name="task_weights")(outputs["dimensions"])
        network = keras.Model(given, outputs)
        losses = SphereLosses(network, "uncertainty").by_output
        metrics = {"dimensions": [of_whole_batch(batch_concordance)]}
        network.compile(keras.optimizers.SGD(0.1), losses, metrics=metrics, jit_compile=False)
    history = network.fit(batches, steps_per_epoch=1, epochs=3, verbose=0).history
    found.append([history, [weight.tolist() for weight in network.get_weights()]])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_losses_of_a_batch_are_the_same_on_two_devices():
    pytest.importorskip("tensorflow", reason="two devices are TensorFlow's, which the lane of JAX has not")
    result = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    one, two = json.loads(result.stdout.splitlines()[-1])
    assert len(one[0]) >= 5
    for name, values in one[0].items():
        np.testing.assert_allclose(two[0][name], values, rtol=1e-4, err_msg=name)
    for mine, other in zip(one[1], two[1], strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)

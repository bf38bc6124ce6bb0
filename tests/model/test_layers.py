import keras
import numpy as np
import pytest
from contracts import check_layer

from emohrnet_tf.model.branches import FinalFuse, Fuse, Transition
from emohrnet_tf.model.layers import BasicBlock, BatchNorm, Bottleneck, ConvBN


def maps(*channels, frames=16, mels=8, batch=2, seed=0):
    """Branches from high to low resolution with the given channels."""
    random = np.random.default_rng(seed)
    shapes = [(batch, frames >> i, mels >> i, count) for i, count in enumerate(channels)]
    return [random.standard_normal(shape).astype("float32") for shape in shapes]


def test_conv_bn_contract():
    check_layer(ConvBN(6, 3, strides=2), maps(4)[0], (2, 8, 4, 6))


@pytest.mark.parametrize(("block", "channels"), [(BasicBlock, 8), (Bottleneck, 32)])
def test_residual_block_contract(block, channels):
    check_layer(block(8), maps(4)[0], (2, 16, 8, channels))


def test_a_residual_block_has_a_shortcut_convolution_only_where_channels_differ():
    same, other = BasicBlock(4), BasicBlock(8)
    same(maps(4)[0]), other(maps(4)[0])
    assert same.shortcut is None
    assert other.shortcut is not None


def test_transition_contract():
    check_layer(Transition([8, 16, 32]), maps(8, 12), [(2, 16, 8, 8), (2, 8, 4, 16), (2, 4, 2, 32)])


def test_a_transition_passes_on_a_branch_whose_channels_stay():
    branches = maps(8, 12)
    outputs = Transition([8, 16, 32])(branches)
    np.testing.assert_array_equal(outputs[0], branches[0])


def test_fuse_contract():
    shapes = [(2, 16, 8, 4), (2, 8, 4, 6), (2, 4, 2, 10)]
    check_layer(Fuse(), maps(4, 6, 10), shapes)


def test_a_fusion_is_the_sum_of_all_paths_at_each_resolution():
    fuse, branches = Fuse(), maps(4, 6, 10)
    outputs = [keras.ops.convert_to_numpy(x) for x in fuse(branches)]
    for target, paths in enumerate(fuse.paths):
        total = 0
        for source, path in enumerate(paths):
            term = branches[source]
            for convolution in path:
                term = keras.ops.convert_to_numpy(convolution(term))
            factor = 2 ** max(source - target, 0)
            total = total + term.repeat(factor, axis=1).repeat(factor, axis=2)
        np.testing.assert_allclose(outputs[target], np.maximum(total, 0), atol=1e-4)


def test_final_fuse_contract():
    check_layer(FinalFuse(20), maps(4, 6, 10), (2, 16, 8, 20))


def test_every_output_of_a_fusion_hears_every_branch():
    fuse, branches = Fuse(), maps(4, 6, 10)
    before = [keras.ops.convert_to_numpy(x) for x in fuse(branches)]
    for changed in range(3):
        moved = [x + 1.0 if i == changed else x for i, x in enumerate(branches)]
        for x, y in zip(before, fuse(moved)):
            assert not np.allclose(x, keras.ops.convert_to_numpy(y)), f"an output does not hear branch {changed}"


def test_fuse_downwards_is_a_chain_whose_last_convolution_alone_changes_channels():
    fuse = Fuse()
    fuse(maps(4, 6, 10))
    chain = fuse.paths[2][0]
    assert [(conv.filters, conv.kernel_size, conv.strides, conv.relu) for conv in chain] == [
        (4, 3, 2, True),
        (10, 3, 2, False),
    ]
    upwards = fuse.paths[0][2]
    assert [(conv.filters, conv.kernel_size, conv.strides, conv.relu) for conv in upwards] == [(4, 1, 1, False)]


def test_final_fuse_is_concatenation_and_one_1x1_convolution_at_full_resolution():
    layer, branches = FinalFuse(20), maps(4, 6, 10)
    outputs = keras.ops.convert_to_numpy(layer(branches))
    full = [branch.repeat(2**i, axis=1).repeat(2**i, axis=2) for i, branch in enumerate(branches)]
    kernel = np.concatenate([conv.kernel.numpy()[0, 0] for conv in layer.convolutions])
    expected = np.maximum(np.concatenate(full, axis=-1) @ kernel / np.sqrt(1 + 1e-5), 0)  # BN as initialised
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_no_two_convolutions_start_alike():
    layer = BasicBlock(4)
    layer(maps(4)[0])
    first, second = (c.conv.kernel.numpy() for c in layer.convolutions)
    assert not np.allclose(first, second)


def test_initial_kernels_are_he_normal_fan_out():
    conv = ConvBN(64, 3)
    conv(maps(32)[0])
    deviation = conv.conv.kernel.numpy().std()
    assert deviation == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.03)


def test_batch_norm_trains_as_its_formulas_say():
    layer, x = BatchNorm(), maps(5)[0] * 3 + 1
    outputs = keras.ops.convert_to_numpy(layer(x, training=True))
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(outputs, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, atol=1e-5)
    moved = layer.moving_variance.numpy()
    np.testing.assert_allclose(moved, 0.9 + 0.1 * variance, rtol=0.01)  # some kernels take n / (n - 1)
    inference = keras.ops.convert_to_numpy(layer(x, training=False))
    expected = (x - 0.1 * mean) / np.sqrt(moved + 1e-5)
    np.testing.assert_allclose(inference, expected, atol=1e-4)

"""Where HRNet's branches part and meet: transitions, fusion and the last sum (Wang et al., TPAMI 2021)."""

import keras
from keras import layers, ops

from emohrnet_tf.model.layers import PACKAGE, BatchNorm, ConvBN, convolution_cost, he_normal


@keras.saving.register_keras_serializable(PACKAGE)
class Transition(layers.Layer):
    """From the branches of one stage to those of the next, one of which may be new.

    A branch whose channels stay is passed on; one whose channels change goes through a 3x3 convolution; a new branch
    is a 3x3 convolution of stride 2 from the lowest resolution (section 3.1).

    Args:
        channels: channels of every branch of the next stage.

    Shapes: list of `(batch, frames / 2^i, mels / 2^i, any)` -> the same for the next stage's branches.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = list(channels)

    def build(self, shapes):
        self.convolutions = []
        for branch, filters in enumerate(self.channels):
            new = branch >= len(shapes)
            source = shapes[-1] if new else shapes[branch]
            convolution = None
            if new or source[-1] != filters:
                convolution = ConvBN(filters, 3, strides=2 if new else 1, name=f"branch{branch}")
                convolution.build(source)
            self.convolutions.append(convolution)

    def call(self, branches, training=None):
        outputs = []
        for branch, convolution in enumerate(self.convolutions):
            inputs = branches[min(branch, len(branches) - 1)]
            outputs.append(inputs if convolution is None else convolution(inputs, training=training))
        return outputs

    def compute_output_shape(self, shapes):
        batch, frames, mels, _ = shapes[0]
        return [(batch, frames >> i, mels >> i, filters) for i, filters in enumerate(self.channels)]

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(PACKAGE)
class Fuse(layers.Layer):
    """Exchange between branches: each output is the ReLU of the sum of all branches at its own resolution.

    From a lower resolution: 1x1 convolution and BN, then nearest upsampling. From the same: identity. From a higher
    one: a chain of 3x3 stride-2 convolutions, ReLU after all but the last, channels change in the last only (section
    3.2).

    Shapes: list of `(batch, frames / 2^i, mels / 2^i, channels_i)` -> the same list of shapes.
    """

    def build(self, shapes):
        self.paths = [[self.build_path(shapes, j, i) for j in range(len(shapes))] for i in range(len(shapes))]

    def build_path(self, shapes, source, target):
        """Convolutions that bring branch `source` to the channels (and, downwards, to the sides) of `target`."""
        shape, path = shapes[source], []
        steps = max(target - source, 1)
        for step in range(steps if source != target else 0):
            last = step == steps - 1
            path.append(
                ConvBN(
                    shapes[target][-1] if last else shape[-1],
                    kernel_size=3 if target > source else 1,
                    strides=2 if target > source else 1,
                    relu=not last,
                    name=f"branch{source}_to_{target}_{step}",
                )
            )
            path[-1].build(shape)
            shape = path[-1].compute_output_shape(shape)
        return path

    def call(self, branches, training=None):
        outputs = []
        for target, paths in enumerate(self.paths):
            terms = list(branches)
            for source, path in enumerate(paths):
                for convolution in path:
                    terms[source] = convolution(terms[source], training=training)
            total = upsampled_sum(terms[target:])
            for term in terms[:target]:
                total = total + term
            outputs.append(ops.relu(total))
        return outputs

    def compute_output_shape(self, shapes):
        return [tuple(shape) for shape in shapes]


@keras.saving.register_keras_serializable(PACKAGE)
class FinalFuse(layers.Layer):
    """EmoHRNet's fuse layer: all branches into one high-resolution map by 1x1 convolutions (ICASSP 2024, section 2).

    Each branch goes through its 1x1 convolution (no bias) at its own resolution, is upsampled (nearest) and summed;
    one BN and ReLU follow. This is exactly concatenate-then-1x1 at full resolution, because a 1x1 convolution is
    linear, at an eighth of the cost.

    Args:
        filters: channels of the map, which are also the length of the embedding.

    Shapes: list of `(batch, frames / 2^i, mels / 2^i, channels_i)` -> `(batch, frames, mels, filters)`.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.norm = BatchNorm(name="norm")

    def build(self, shapes):
        self.convolutions = []
        for branch, shape in enumerate(shapes):
            convolution = layers.Conv2D(
                self.filters, 1, use_bias=False, kernel_initializer=he_normal(), name=f"branch{branch}"
            )
            convolution.build(shape)
            self.convolutions.append(convolution)
        self.norm.build(self.compute_output_shape(shapes))
        costs = [convolution_cost(c, (*shape[:3], self.filters)) for c, shape in zip(self.convolutions, shapes)]
        self.multiply_accumulates = sum(costs)

    def call(self, branches, training=None):
        total = upsampled_sum([convolution(branch) for convolution, branch in zip(self.convolutions, branches)])
        return ops.relu(self.norm(total, training=training))

    def compute_output_shape(self, shapes):
        return (*shapes[0][:3], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def upsampled_sum(maps):
    """Sum of maps of which each has half the sides of the one before, at the sides of the first.

    From the smallest up, each sum is doubled once (nearest) and added to the next: the same as upsampling every map to
    the first's sides, without its large intermediate maps.
    """
    total = maps[-1]
    for larger in reversed(maps[:-1]):
        total = larger + ops.image.resize(
            total, larger.shape[1:3], interpolation="nearest", data_format="channels_last"
        )
    return total

"""HRNet's bricks: convolutions and residual blocks (Wang et al., TPAMI 2021, arXiv 1908.07919).

Every layer takes maps `(batch, frames, mels, channels)` and is written in Keras alone, so that the network trains on
every Keras backend. A list of branches runs from the highest resolution to the lowest; each branch has half the sides
of the one before it.
"""

import keras
import numpy as np
from keras import layers, ops

PACKAGE = "emohrnet_tf"


def he_normal():
    """A new He-normal (fan out) initializer: an instance shared by two layers would repeat its values."""
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


@keras.saving.register_keras_serializable(PACKAGE)
class BatchNorm(layers.BatchNormalization):
    """Batch normalisation with HRNet's momentum and epsilon (PyTorch's 0.1 and 1e-5).

    On TensorFlow the fused kernel runs, one graph node for some fifteen, at inference joined with the convolution.
    Statistics across devices (`synchronized=True`), what the kernel does not do and every other backend take Keras'
    own path.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        fused = self.scale and self.center and len(inputs.shape) == 4 and self.axis in (-1, 3) and mask is None
        if not fused or self.synchronized or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        from tensorflow import raw_ops

        training = bool(training and self.trainable)
        known = ([], []) if training else (self.moving_mean.value, self.moving_variance.value)
        outputs, mean, variance, *_ = raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma.value, offset=self.beta.value, mean=known[0], variance=known[1],
            epsilon=self.epsilon, is_training=training,
        )  # fmt: skip
        if training:
            self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
            self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(PACKAGE)
class ConvBN(layers.Layer):
    """Convolution without bias, batch normalisation, and ReLU where `relu` is set.

    Args:
        filters: channels of the output.
        kernel_size: side of the square kernel.
        strides: step of the convolution; the sides shrink by it.
        relu: whether a ReLU follows.

    Shapes: `(batch, frames, mels, any)` -> `(batch, frames / strides, mels / strides, filters)`.
    """

    def __init__(self, filters, kernel_size=3, strides=1, relu=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.relu = filters, kernel_size, strides, relu
        self.conv = layers.Conv2D(
            filters, kernel_size, strides, "same", use_bias=False, kernel_initializer=he_normal(), name="conv"
        )
        self.norm = BatchNorm(name="norm")

    def build(self, shape):
        self.conv.build(shape)
        output = self.conv.compute_output_shape(shape)
        self.norm.build(output)
        self.multiply_accumulates = convolution_cost(self.conv, output)

    def call(self, inputs, training=None):
        outputs = self.norm(self.conv(inputs), training=training)
        return ops.relu(outputs) if self.relu else outputs

    def compute_output_shape(self, shape):
        return self.conv.compute_output_shape(shape)

    def get_config(self):
        own = dict(filters=self.filters, kernel_size=self.kernel_size, strides=self.strides, relu=self.relu)
        return {**super().get_config(), **own}


class Residual(layers.Layer):
    """`relu(inputs + convolutions(inputs))`; a 1x1 convolution carries the inputs where the channels differ."""

    expansion = 1

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.convolutions = self.make_convolutions()
        self.shortcut = None

    def build(self, shape):
        output = (*shape[:3], self.filters * self.expansion)
        if shape[-1] != output[-1]:
            self.shortcut = ConvBN(output[-1], 1, relu=False, name="shortcut")
            self.shortcut.build(shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)

    def call(self, inputs, training=None):
        outputs = inputs
        for convolution in self.convolutions:
            outputs = convolution(outputs, training=training)
        if self.shortcut is not None:
            inputs = self.shortcut(inputs, training=training)
        return ops.relu(outputs + inputs)

    def compute_output_shape(self, shape):
        return (*shape[:3], self.filters * self.expansion)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable(PACKAGE)
class BasicBlock(Residual):
    """Two 3x3 convolutions of `filters` channels with a residual connection.

    Shapes: `(batch, frames, mels, any)` -> `(batch, frames, mels, filters)`.
    """

    def make_convolutions(self):
        return [ConvBN(self.filters, name="conv1"), ConvBN(self.filters, relu=False, name="conv2")]


@keras.saving.register_keras_serializable(PACKAGE)
class Bottleneck(Residual):
    """1x1, 3x3, 1x1 convolutions of `filters`, `filters`, `4 * filters` channels with a residual connection.

    Shapes: `(batch, frames, mels, any)` -> `(batch, frames, mels, 4 * filters)`.
    """

    expansion = 4

    def make_convolutions(self):
        return [
            ConvBN(self.filters, 1, name="conv1"),
            ConvBN(self.filters, 3, name="conv2"),
            ConvBN(self.filters * self.expansion, 1, relu=False, name="conv3"),
        ]


def convolution_cost(convolution, output):
    """Multiply-accumulates of a built convolution whose output has the shape `(batch, frames, mels, channels)`."""
    return output[1] * output[2] * int(np.prod(convolution.kernel.shape))

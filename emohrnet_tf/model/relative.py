"""A voice heard relative to itself: functionals beside the map, and the layer that names emotions as a difference.

Written in Keras alone, as `layers`.
"""

import numpy as np
from keras import layers, ops
from keras.saving import register_keras_serializable

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.layers import PACKAGE, BatchNorm

CEPSTRA, CORRELATED = 32, 6  # of `functionals`
MELODIC = 9
WIDTH = 3 * CEPSTRA + CORRELATED * (CORRELATED - 1) // 2 + MELODIC + 1
MOST = 4.0  # deviations: microphones far from those of training
USUAL = 3.0  # mean square deviation up to which a window is like those of training: speech has 1 to 3, tunes 2 to 5


@register_keras_serializable(PACKAGE)
class Standardized(layers.Layer):
    """Functionals standardised by their mean and deviation in training, and weighed by how much they stand on.

    A word says less than a sentence: what it says is drawn towards what is usual, which is 0. So is what lies so far
    from all that was heard in training that it is hardly speech, as music does.

    Args:
        melody: by what the numbers of the melody, the last ones, are multiplied. Strangers' emotions are told by them
            better than by the rest, and weight decay holds back less what is learnt of large numbers.

    Shapes: `(batch, WIDTH)` -> `(batch, WIDTH - 1)`, float32, 0 for silence.
    """

    def __init__(self, melody=1.0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.melody = melody
        self.norm = BatchNorm(epsilon=1e-3, name="norm", dtype="float32")

    def build(self, shape):
        self.norm.build((shape[0], shape[-1] - 1))
        self.built = True

    def call(self, x, training=None):
        scale = np.array([1.0] * (x.shape[-1] - 1 - MELODIC) + [self.melody] * MELODIC, "float32")
        z = ops.clip(self.norm(x[:, :-1], training=training), -MOST, MOST)
        beyond = ops.relu(ops.mean(ops.square(z), axis=-1, keepdims=True) - USUAL)
        return z * (x[:, -1:] / (1.0 + ops.square(beyond))) * scale

    def compute_output_shape(self, shape):
        return (shape[0], shape[-1] - 1)

    def get_config(self):
        return {**super().get_config(), "melody": self.melody}


@register_keras_serializable(PACKAGE)
class FromOthers(layers.Layer):
    """In training, how an embedding differs from the mean of the others of its voice in the batch; else itself.

    Emotion is a difference from oneself. In use the mean is that of recordings of the voice (`EmoHRNet.reference`).

    Args:
        clips: of one voice, which lie together in a batch (`pipeline.training_batches`).

    Shapes: `(batch, filters)` -> the same; `batch` a multiple of `clips` in training.
    """

    def __init__(self, clips, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.clips = clips

    def call(self, x, training=None):
        if not training:
            return x
        own = ops.reshape(x, (-1, self.clips, x.shape[-1]))
        total = ops.sum(own, axis=1, keepdims=True)
        return ops.reshape(own - (total - own) / (self.clips - 1), (-1, x.shape[-1]))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "clips": self.clips}


def check_grouped(settings, network):
    """Whether a `config.Training` and `config.Network` can hear voices relative to themselves.

    Raises:
        InputError: batches that clips of one voice do not fill.
    """
    if network.reference and settings.batch_size % settings.speaker_clips:
        raise InputError(
            f"training.batch_size must be a multiple of training.speaker_clips, {settings.speaker_clips}. "
            f"Received: {settings.batch_size!r}"
        )

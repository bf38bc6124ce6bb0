"""Heads on EmoHRNet's map: emotions told apart by voice or by corpus, and EmoSphere's dimensions and regions."""

import keras
from keras import layers, ops

from emohrnet_tf.errors import InputError

PACKAGE = "emohrnet_tf"
TASKS = ("emotion", "dimensions", "regions")


@keras.saving.register_keras_serializable(PACKAGE)
class SumOverSpeakers(layers.Layer):
    """Logits of emotions from logits of all pairs of speaker and emotion: `log(sum over speakers of exp)`.

    Their softmax is the sum over the speakers of the pairs' softmax. It has one weight that is not trained, 1, which
    the logits are multiplied by: what `EmoHRNet.calibrate` divides.

    Args:
        speakers: by which the pairs divide; a speaker's emotions lie side by side.

    Shapes: `(batch, speakers * emotions)` -> `(batch, emotions)`.
    """

    def __init__(self, speakers, **kwargs):
        super().__init__(**kwargs)
        self.speakers = speakers

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")

    def call(self, pairs):
        pairs = ops.reshape(pairs, (-1, self.speakers, pairs.shape[-1] // self.speakers))
        highest = ops.max(pairs, axis=1, keepdims=True)  # not ops.logsumexp: TFLite has no is_finite
        summed = ops.log(ops.sum(ops.exp(pairs - highest), axis=1)) + ops.squeeze(highest, 1)
        return self.scale * summed

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] // self.speakers)

    def get_config(self):
        return {**super().get_config(), "speakers": self.speakers}


@keras.saving.register_keras_serializable(PACKAGE)
class MeanOverCorpora(layers.Layer):
    """Logits of emotions from those of a dense layer for each corpus: of each label the mean over the corpora.

    A corpus' logits are taken from their own mean. Of n corpora, those k that have a label are summed up and divided by
    n (k + 1/2) / (n + 1/2), as if half a corpus more said nothing of it: by k alone, a label that one corpus has would
    win too often by what that corpus alone says (docs/results/voices.md).

    It is linear, so of dense layers it makes one: `mean(kernel)` and `mean(bias)`.

    Args:
        corpora: `(corpora, emotions)` of 0 and 1: which labels each corpus has.

    Shapes: `(batch, corpora * emotions)`, a corpus' emotions side by side -> `(batch, emotions)`.
    """

    def __init__(self, corpora, **kwargs):
        super().__init__(**kwargs)
        self.corpora = [[int(flag) for flag in flags] for flags in corpora]

    def call(self, each):
        has = ops.convert_to_tensor(self.corpora, each.dtype)
        each = ops.reshape(each, (-1, *has.shape)) * has
        usual = ops.sum(each, axis=2, keepdims=True) / ops.sum(has, axis=1)[:, None]
        number = len(self.corpora)
        return ops.sum((each - usual) * has, axis=1) / ((ops.sum(has, axis=0) + 0.5) * number / (number + 0.5))

    def compute_output_shape(self, shape):
        return (shape[0], len(self.corpora[0]))

    def get_config(self):
        return {**super().get_config(), "corpora": self.corpora}


def sphere_head(features, regions, pooling="style", bands=4, width=64, dropout=0.1, weighting="dynamic", name="style"):
    """Valence, arousal, dominance and logits of the sphere's regions (arXiv 2505.19693, section 2).

    The map is read as a sequence over time, pooled into one vector, and goes through two heads of (linear, LayerNorm,
    ReLU, dropout, linear). Padding is heard as what it is, silence: no window knows the length of its clip, so the
    paper's masked mean is a mean.

    Args:
        features: Keras tensor `(batch, frames, mels, filters)`, the high-resolution map.
        regions: number of the sphere's regions; 0 for no head of them.
        pooling: "style" or "mean".
        bands: into which the map's frequencies are folded, see `FoldFrequency`.
        width: of pooling and heads.
        dropout: of the heads; the paper has 0.5.
        weighting: "uncertainty" adds the weights that it learns.
        name: of the layer that gives the pooled vector.

    Returns:
        dictionary of Keras tensors: `dimensions` `(batch, 3)` in the order of `sphere.DIMENSIONS`, and `regions`
        `(batch, regions)` where there are any.

    Raises:
        InputError: another pooling, or bands that do not divide the map.
    """
    if pooling not in ("style", "mean"):
        raise InputError(f"head.pooling is style or mean. Received: {pooling!r}")
    x = FoldFrequency(bands, name="fold")(features)
    x = StylePooling(width, name=name)(x) if pooling == "style" else layers.GlobalAveragePooling1D(name=name)(x)
    outputs = {"dimensions": _answers(x, 3, width, dropout, "dimensions")}
    if weighting == "uncertainty":
        outputs["dimensions"] = TaskWeights(name="task_weights", dtype="float32")(outputs["dimensions"])
    if regions:
        outputs["regions"] = _answers(x, regions, width, dropout, "regions")
    return outputs


def _answers(x, units, width, dropout, name):
    x = layers.Dense(width, name=f"{name}_hidden")(x)
    x = layers.ReLU(name=f"{name}_relu")(layers.LayerNormalization(name=f"{name}_norm")(x))
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(units, dtype="float32", name=name)(x)


@keras.saving.register_keras_serializable(PACKAGE)
class FoldFrequency(layers.Layer):
    """A map as a sequence over time: the mean of each of some bands of frequency, side by side.

    Args:
        bands: 1 for the mean over all frequencies; divides the map's.

    Shapes: `(batch, frames, mels, filters)` -> `(batch, frames, bands * filters)`.
    """

    def __init__(self, bands=1, **kwargs):
        super().__init__(**kwargs)
        self.bands = bands

    def build(self, shape):
        if self.bands < 1 or shape[2] % self.bands:
            raise InputError(f"head.bands divides the map's {shape[2]} frequencies. Received: {self.bands!r}")

    def call(self, x):
        _, frames, mels, filters = x.shape
        x = ops.reshape(x, (-1, frames * self.bands, mels // self.bands, filters))
        return ops.reshape(ops.mean(x, axis=2), (-1, frames, self.bands * filters))

    def compute_output_shape(self, shape):
        return (shape[0], shape[1], self.bands * shape[3])

    def get_config(self):
        return {**super().get_config(), "bands": self.bands}


def mish(x):
    """x tanh(softplus(x)) by operations that TFLite has: `x n / (n + 2)` with `n = e^x (e^x + 2)`."""
    e = ops.exp(ops.minimum(x, 20.0))
    n = e * (e + 2.0)
    return x * n / (n + 2.0)


@keras.saving.register_keras_serializable(PACKAGE)
class StylePooling(layers.Layer):
    """A sequence into one vector: Mish layers, gated convolutions, self-attention, mean over time (arXiv 2505.19693).

    Two of (linear, Mish, dropout), two gated convolutions over time with a residual, multi-head self-attention with a
    residual, linear, mean over time.

    Args:
        width: of the layers and of the vector.
        kernel: of the convolutions, in steps.
        heads: of the attention.
        dropout: after each Mish.

    Shapes: `(batch, time, features)` -> `(batch, width)`.
    """

    def __init__(self, width=64, kernel=5, heads=2, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if width % heads:
            raise InputError(f"The width of style pooling is a multiple of its heads. Received: {(width, heads)!r}")
        self.width, self.kernel, self.heads, self.dropout = width, kernel, heads, dropout
        self.linears = [layers.Dense(width, name=f"linear{i}") for i in range(2)]
        self.drops = [layers.Dropout(dropout, name=f"dropout{i}") for i in range(2)]
        self.gated = [layers.Conv1D(2 * width, kernel, padding="same", name=f"gated{i}") for i in range(2)]
        self.attention = layers.MultiHeadAttention(heads, width // heads, name="attention")
        self.out = layers.Dense(width, name="out")

    def build(self, shape):
        batch, time, _ = shape
        inner = (batch, time, self.width)
        for linear, inputs in zip(self.linears, (shape, inner)):
            linear.build(inputs)
        for convolution in self.gated:
            convolution.build(inner)
        self.attention.build(inner, inner)
        self.out.build(inner)
        self.built = True

    def call(self, x, training=None):
        for linear, drop in zip(self.linears, self.drops):
            x = drop(mish(linear(x)), training=training)
        for convolution in self.gated:
            value, gate = ops.split(convolution(x), 2, axis=-1)
            x = x + value * ops.sigmoid(gate)
        x = x + self.attention(x, x, training=training)
        return ops.mean(self.out(x), axis=1)

    def compute_output_shape(self, shape):
        return (shape[0], self.width)

    def get_config(self):
        names = ("width", "kernel", "heads", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(PACKAGE)
class TaskWeights(layers.Layer):
    """Passes its input on and holds the log variance of each of `TASKS`, learnt with the network (arXiv 1705.07115)."""

    def build(self, shape):
        self.log_variance = self.add_weight(shape=(len(TASKS),), initializer="zeros", name="log_variance")

    def call(self, x):
        return x

    def compute_output_shape(self, shape):
        return shape

"""The network that is tried on voices never heard, what it is given, and its optimizer."""

import keras
import numpy as np
import tensorflow as tf
import voices_mel as mel
from voices_record import nothing, record
from voices_store import HOP, LABELS, MELS

from emohrnet_tf.model.hrnet import hrnet

STATISTICS = 3 * 32 + 15 + 9 + 1  # of cepstra, their correlations, pitch and level; and how much they stand on


def build(settings):
    """The network: mel power and a reference to an embedding, and two heads on it."""
    shape = (settings["frames"], MELS)
    x, statistics = keras.Input((*shape, 1)), keras.Input((STATISTICS,))
    embeddings = []
    if settings["architecture"] != "none":
        body = hrnet(x, settings["architecture"])
        embeddings.append(keras.layers.GlobalAveragePooling2D(dtype="float32")(body))
    if settings["wide"]:
        normal = keras.layers.BatchNormalization(momentum=0.9, dtype="float32")(statistics[:, :-1])
        normal = keras.ops.clip(normal, -4.0, 4.0)  # of microphones far from those of training
        normal = normal * statistics[:, -1:]  # a word says less than a sentence
        if settings["hidden"]:
            hidden = keras.layers.Dropout(settings["dropout"])(normal)
            hidden = keras.layers.Dense(settings["hidden"], "relu", dtype="float32")(hidden)
            normal = keras.layers.Concatenate(dtype="float32")([normal, hidden])
        embeddings.append(normal)
    embedding = keras.layers.Concatenate(dtype="float32")(embeddings) if embeddings[1:] else embeddings[0]
    size = embedding.shape[-1] * (2 if settings["head"] == "beside" else 1)
    plain, other = keras.Input((embedding.shape[-1],)), keras.Input((size,))
    heads = []
    for vector in (plain, other):
        dropped = keras.layers.Dropout(settings["dropout"], dtype="float32")(vector)
        heads.append(keras.Model(vector, keras.layers.Dense(len(LABELS), dtype="float32")(dropped)))
    return keras.Model([x, statistics], embedding), *heads


class Front:
    """Mel power to what the network sees; `shape` is the usual spectrum of the training corpora."""

    def __init__(self, settings):
        self.s, self.shape = settings, tf.Variable(tf.zeros((1, 1, MELS)))

    def __call__(self, window, reference=None):
        """`(batch, frames, mels)` of mel power; `reference` is a spectrum `(batch, 1, mels)` for "speaker"."""
        s = self.s
        if s["normalize"] == "window":
            return mel.standardized(window)
        if s["normalize"] == "absolute":
            return mel.relative(window, self.shape - 4.0, s)
        own = mel.spectrum(window)[0] if reference is None else reference
        if s["normalize"] == "common":
            own = mel.common(own, self.shape)
        return mel.relative(window, own, s)

    def statistics(self, x, power, heard, shift=0.0):
        """Of what the network sees, and of the pitch: `(batch, STATISTICS)`."""
        melody = mel.melody(heard, power, shift) * float(self.s["melody"])
        cepstra = mel.statistics(x, power)
        cepstra *= np.where(np.arange(cepstra.shape[1]) < 96, 1.0, float(self.s["correlations"])).astype("float32")
        seconds = tf.reduce_sum(tf.cast(mel.loudness(power)[..., 0] > 0, tf.float32), 1, keepdims=True)
        seconds *= self.s["pool"] * HOP / 16000
        return tf.concat([cepstra, melody, seconds / (seconds + self.s["shrink"])], axis=1)

    def train(self, power, heard):
        """The same of windows recorded anew, their statistics, and which of them are no speech."""
        s = self.s
        groups = power.shape[0] // s["together"]
        shift = tf.random.uniform((groups, 1), -s["pitch_shift"], s["pitch_shift"])
        shift = tf.repeat(shift, s["together"], axis=0)
        power, reference, blank = record(power, s), None, None
        if s["nothing"]:
            power, heard, blank = nothing(power, heard, s)
        if s["normalize"] == "speaker":  # that of the speaker's clips in the batch
            reference, weight = (tf.reshape(a, (-1, s["together"], a.shape[-1])) for a in mel.spectrum(power))
            reference = tf.reduce_sum(reference * weight, 1) / (tf.reduce_sum(weight, 1) + 1e-3)
            reference = tf.repeat(reference, s["together"], axis=0)[:, None]
        x = self(power, reference)
        return mel.masked(x, s), self.statistics(x, power, heard, shift), blank


class FlatAdamW:
    """AdamW on one long vector: a few operations a step where Keras' runs a dozen for each of 250 variables."""

    def __init__(self, variables, decay):
        self.variables, self.sizes = variables, [int(np.prod(v.shape)) for v in variables]
        kernel = np.concatenate([np.full(n, "kernel" in v.path) for v, n in zip(variables, self.sizes)])
        self.decay = (decay * kernel).astype("float32")
        self.rate, self.steps = tf.Variable(0.0), tf.Variable(0.0)
        self.mean, self.square = (tf.Variable(tf.zeros(len(kernel))) for _ in range(2))

    def reset(self):
        for variable in (self.steps, self.mean, self.square):
            variable.assign(tf.zeros_like(variable))

    def apply(self, gradients):
        join = lambda parts: tf.concat([tf.reshape(tf.cast(part, tf.float32), [-1]) for part in parts], 0)  # noqa: E731
        gradient, steps = join(gradients), self.steps.assign_add(1.0)
        mean = self.mean.assign(0.9 * self.mean + 0.1 * gradient) / (1 - 0.9**steps)
        square = self.square.assign(0.999 * self.square + 0.001 * gradient**2) / (1 - 0.999**steps)
        change = self.rate * (mean / (tf.sqrt(square) + 1e-7) + self.decay * join(v.value for v in self.variables))
        for variable, part in zip(self.variables, tf.split(change, self.sizes)):
            variable.value.assign_sub(tf.reshape(part, variable.shape))


def split(log_power):
    """Mel power, and what `voices_mel.pitch` says, of what the store holds."""
    log_power = tf.cast(log_power, tf.float32)
    return tf.exp(log_power[..., :MELS]), log_power[..., MELS:]


def beta(batch, alpha):
    pair = tf.random.gamma((2, batch), alpha)
    return pair[0] / (pair[0] + pair[1] + 1e-6)


def mix_style(x, share):
    """Freq-MixStyle (arXiv 2206.12513's family): per-band mean and deviation blended with another example's."""
    mean, deviation = tf.reduce_mean(x, 1, keepdims=True), tf.math.reduce_std(x, 1, keepdims=True) + 0.1
    order = tf.random.shuffle(tf.range(tf.shape(x)[0]))
    part = tf.where(tf.random.uniform((tf.shape(x)[0], 1, 1)) < share, beta(tf.shape(x)[0], 0.3)[:, None, None], 1.0)
    mixed = lambda a: part * a + (1 - part) * tf.gather(a, order)  # noqa: E731
    return (x - mean) / deviation * mixed(deviation) + mixed(mean)

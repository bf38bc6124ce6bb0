"""Light-SERNet and TIM-Net, built from the facts in their papers: features and networks of `comparators.py`."""

import keras
import librosa
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.fft import dct

SAMPLE_RATE = 16000
CEPSTRA = 39  # TIM-Net's
SECONDS = {"ravdess": 110000 / 22050, "emovo": 96000 / 22050}  # TIM-Net's length of a clip, by corpus


# --- Features as published ---


def fixed_length(waveform, samples):
    """The middle of a long waveform; zeros at both ends of a short one. `(samples,)`."""
    cut, missing = max(0, len(waveform) - samples) // 2, max(0, samples - len(waveform))
    return np.pad(waveform[cut : cut + samples], (missing // 2, missing - missing // 2))


def light_sernet_features(waveform, corpus=None):
    """Light-SERNet's 40 cepstra of 3 s at 16 kHz: `(184, 40, 1)`."""
    waveform = fixed_length(waveform, min(len(waveform), 48000))
    level = np.percentile(np.abs(waveform), 99.9) + np.finfo("float32").eps
    waveform = fixed_length(np.clip(waveform / level, -1, 1), 48000)
    spectrum = tf.abs(tf.signal.stft(tf.constant(waveform, tf.float32), 1024, 256))
    weights = tf.signal.linear_to_mel_weight_matrix(128, 513, SAMPLE_RATE, 80.0, 7600.0)
    cepstra = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(spectrum @ weights + 1e-6))
    return np.clip(cepstra[:, :40, None], -10, 10)


def tim_net_features(waveform, corpus="ravdess"):
    """TIM-Net's 39 cepstra at 22,050 Hz, as they are: `(215, 39)` for RAVDESS, `(188, 39)` for EMOVO.

    The corpora are at 16 kHz here, so that nothing lies above 8 kHz, where the originals have something.
    """
    waveform = librosa.resample(waveform, orig_sr=SAMPLE_RATE, target_sr=22050)
    waveform = fixed_length(waveform, round(SECONDS[corpus] * 22050))
    return librosa.feature.mfcc(y=waveform, sr=22050, n_mfcc=CEPSTRA).T


# --- Networks ---


def light_sernet(shape, classes, dropout=0.3):
    """Light-SERNet (arXiv 2110.03435): three parallel convolutions, five in a row; logits."""
    decay = keras.regularizers.L2(1e-6)
    x = inputs = keras.Input(shape)
    paths = []
    for kernel in ((11, 1), (1, 9), (3, 3)):
        y = layers.Conv2D(32, kernel, padding="same")(x)
        paths.append(layers.AveragePooling2D(2, padding="same")(layers.ReLU()(layers.BatchNormalization()(y))))
    x = layers.Concatenate()(paths)
    # filters, kernel, pool
    for filters, kernel, pool in ((64, 3, 2), (96, 3, 2), (128, 3, (2, 1)), (160, 3, (2, 1)), (320, 1, None)):
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, kernel_regularizer=decay)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.AveragePooling2D(pool, padding="same")(x) if pool else layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(layers.Dropout(dropout)(x)), name="light_sernet")


class ScaleSum(layers.Layer):
    """Weighted sum over the scales, `(batch, scales, channels)` -> `(batch, channels)`."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[1], 1), initializer="random_uniform", name="weight")

    def call(self, x):
        return ops.sum(x * self.weight, axis=1)


def tim_net(shape, classes, scales=8, filters=CEPSTRA, dropout=0.1):
    """TIM-Net (arXiv 2211.08233): gated causal convolutions, in both directions of time; logits."""
    inputs = keras.Input(shape)
    sides = []
    for x in (inputs, ops.flip(inputs, axis=1)):
        x, means = layers.Conv1D(filters, 1)(x), []
        for scale in range(scales):
            y = x
            for _ in range(2):
                y = layers.Conv1D(filters, 2, padding="causal", dilation_rate=2**scale)(y)
                y = layers.SpatialDropout1D(dropout)(layers.ReLU()(layers.BatchNormalization()(y)))
            x = x * ops.sigmoid(y)
            means.append(ops.mean(x, axis=1, keepdims=True))
        sides.append(layers.Concatenate(axis=1)(means))
    return keras.Model(inputs, layers.Dense(classes)(ScaleSum()(sides[0] + sides[1])), name="tim_net")


def on_log_mels(network, audio, classes):
    """A comparator that takes log-mels `(frames, mels, 1)`: TIM-Net the first 39 cepstra of them."""
    if network == "light_sernet":
        return light_sernet((audio.frames, audio.mels, 1), classes)
    inputs = keras.Input((audio.frames, audio.mels, 1))
    basis = dct(np.eye(audio.mels), axis=1, norm="ortho")[:, :CEPSTRA]
    cepstra = ops.matmul(inputs[..., 0], basis.astype("float32"))
    return keras.Model(inputs, tim_net((audio.frames, CEPSTRA), classes)(cepstra), name="tim_net")


NETWORKS = {"light_sernet": light_sernet, "tim_net": tim_net}
FEATURES = {"light_sernet": light_sernet_features, "tim_net": tim_net_features}

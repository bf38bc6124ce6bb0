"""A tiny EmoHRNet that really tells three synthetic sounds apart, for tests that compare exports."""

import functools

import keras
import numpy as np
import tensorflow as tf

from emohrnet_tf.config import Audio, Network
from emohrnet_tf.model.emohrnet import EmoHRNet

LABELS = ["low", "high", "noise"]


def sounds(count, samples, seed=0, rate=16000):
    """`count` windows of noisy tones below 5 kHz, `(count, samples)`, and the number of each one's label."""
    rng = np.random.default_rng(seed)
    labels, t = rng.integers(0, 3, count), np.arange(samples) / rate
    pitch = np.choose(labels, [rng.uniform(120, 500, count), rng.uniform(700, 2500, count), np.zeros(count)])
    tones = np.sin(2 * np.pi * pitch[:, None] * t) * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(1, 5, (count, 1)) * t))
    noise = rng.standard_normal((count, samples)) * rng.choice([0.1, 0.3, 1.0], (count, 1))
    spectrum = np.fft.rfft(noise)
    spectrum[:, int(5000 * samples / rate) :] = 0  # resamplers differ near half the sample rate
    noise = np.fft.irfft(spectrum, samples)
    level = 10 ** rng.uniform(-2.5, -0.5, (count, 1))
    return ((tones + noise) * level).clip(-1, 1).astype("float32"), labels


@functools.cache
def tone_model():
    """EmoHRNet `tiny` of 32 frames and 32 mels, trained for some seconds, once for all tests."""
    keras.utils.set_random_seed(1)
    model = EmoHRNet(LABELS, Audio(frames=32, mels=32), Network("tiny"))
    waveforms, labels = sounds(256, model.audio.samples)
    model.network.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.network.fit(model.front_end(waveforms), labels, batch_size=32, epochs=5, verbose=0)
    return model


def shaken_model(architecture="small", frames=64):
    """EmoHRNet with random weights whose batch statistics have seen sound and whose probabilities vary."""
    keras.utils.set_random_seed(2)
    model = EmoHRNet([f"emotion{i}" for i in range(8)], Audio(frames=frames), Network(architecture))
    waveforms, _ = sounds(8, model.audio.samples)
    train = tf.function(lambda x: model.network(x, training=True))
    for _ in range(25):
        train(model.front_end(waveforms))
    logits = model.call_windows(waveforms)["logits"].numpy()
    kernel = model.network.get_layer("logits").kernel
    kernel.assign(kernel * (2.0 / logits.std(axis=0).mean()))
    return model

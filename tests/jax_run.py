"""Trains a network on Keras' JAX backend where TensorFlow is not installed; `test_backends.py` reads what it leaves."""

import importlib.util
import sys
from pathlib import Path

import keras
import numpy as np

from emohrnet_tf.data.augment import Augment
from emohrnet_tf.model.hrnet import build_network

assert keras.backend.backend() == "jax", "run with KERAS_BACKEND=jax"
assert importlib.util.find_spec("tensorflow") is None, "TensorFlow must not be installed in this lane"

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
labels = random.integers(0, 3, 48)
log_mels = random.standard_normal((48, 32, 32, 1)).astype("float32")
log_mels[np.arange(48), :, 10 * labels] += 2.0  # a bright band for each class

network = build_network(32, 32, 3, "tiny")
inputs = keras.Input((32, 32, 1))
model = keras.Model(inputs, network(Augment(freq_mask_bins=2, time_mask_share=0.1, seed=0)(inputs)))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = model.fit(log_mels, labels, batch_size=16, epochs=12, verbose=0).history
assert history["loss"][-1] < 0.5 * history["loss"][0], history["loss"]
network.save_weights(out / "network.weights.h5")
np.savez(out / "outputs.npz", log_mels=log_mels, logits=network.predict(log_mels, verbose=0))
print(f"trained on JAX without TensorFlow: loss {history['loss'][0]:.3f} -> {history['loss'][-1]:.3f}")

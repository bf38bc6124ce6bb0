import os
from pathlib import Path

import numpy as np
import pytest

from emohrnet_tf import EmoHRNet
from emohrnet_tf.config import Audio, Network


@pytest.mark.skipif("EMOHRNET_JAX_RUN" not in os.environ, reason="needs the JAX lane's run: make test-all")
def test_weights_trained_on_jax_answer_the_same_under_the_front_end_on_tensorflow():
    run = Path(os.environ["EMOHRNET_JAX_RUN"])
    model = EmoHRNet(["neutral", "sadness", "anger"], Audio(frames=32, mels=32), Network("tiny"))
    model.network.load_weights(run / "network.weights.h5")
    with np.load(run / "outputs.npz") as saved:
        np.testing.assert_allclose(model.network.predict(saved["log_mels"], verbose=0), saved["logits"], atol=1e-4)
    waveform = 0.1 * np.random.default_rng(0).standard_normal((2, 8192)).astype("float32")
    log_mels = model.front_end(waveform)
    np.testing.assert_allclose(model(waveform)["logits"], model.network(log_mels), atol=1e-5)

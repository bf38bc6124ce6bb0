"""Models saved by earlier code load, and answer as they did then (tests/saved)."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emohrnet_tf import EmoHRNet, InputError, load_model

SAVED = Path(__file__).parents[1] / "saved"


def without_offset(samples):
    """Two waveforms of which every window has a mean of 0: the front end takes nothing off, as earlier code did not."""
    half = np.random.default_rng(0).normal(0, 0.1, (2, samples // 2))
    return np.stack([half, -half], axis=-1).reshape(2, samples).astype("float32")


def test_a_joint_model_saved_before_the_package_had_rooms_answers_the_same():
    model = load_model(SAVED / "joint_tiny.keras")
    answers = model(without_offset(20000))
    expected = np.load(SAVED / "joint_tiny.npz")
    assert set(expected.files) == {"probabilities", "logits", "embedding", "dimensions"}
    for name in expected.files:
        atol = 1e-6 if name == "probabilities" else 1e-5  # processors differ in the order of their sums
        np.testing.assert_allclose(answers[name], expected[name], atol=atol, err_msg=name)
    assert model.temperature == pytest.approx(1.5)


def test_the_pretrained_model_answers_as_when_it_was_measured():
    probabilities = load_model("ravdess")(without_offset(60000))["probabilities"]
    np.testing.assert_allclose(probabilities, np.load(SAVED / "ravdess.npz")["probabilities"], atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": -32}, "Setting audio.frames must be int of at least 1. Received: -32"),
        ({"echo": 1}, "Unknown setting of 'audio': choose one of frames, .* Received: 'echo'"),
    ],
)
def test_settings_out_of_range_are_named_in_code_and_out_of_a_file(changed, message, tmp_path):
    with pytest.raises(InputError, match=message):
        EmoHRNet(["calm", "anger"], audio=changed)
    file = tmp_path / "changed.keras"
    with zipfile.ZipFile(SAVED / "joint_tiny.keras") as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            contents = old.read(name)
            if name == "config.json":
                config = json.loads(contents)
                config["config"]["audio"] |= changed
                contents = json.dumps(config)
            new.writestr(name, contents)
    with pytest.raises(InputError, match=f"changed.keras cannot be loaded .*{message}"):
        load_model(file)

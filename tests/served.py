"""What the tests of the SavedModel share: a model whose outputs tell, speech, and WAV bytes."""

import functools
import io
import struct

import keras
import numpy as np
import soundfile
import soxr
import tensorflow as tf

from emohrnet_tf.config import Audio, Network
from emohrnet_tf.demo.voices import plan_clip, speak
from emohrnet_tf.model.emohrnet import EmoHRNet

LABELS = ["neutral", "happiness", "sadness", "anger"]
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)


@functools.cache
def make_model(seed=7):
    """A `tiny` EmoHRNet with a window of 1.024 s; training-mode passes move its statistics, its logits differ."""
    keras.utils.set_random_seed(seed)
    model = EmoHRNet(LABELS, Audio(frames=64), Network("tiny"))
    batch = np.stack([speech(clip, seconds=1.024) for clip in range(8)])
    for _ in range(20):
        model.network(model.front_end(tf.constant(batch)), training=True)
    kernel, bias = model.network.get_layer("logits").weights
    embedding = model(tf.constant(batch))["embedding"].numpy()
    kernel.assign(kernel * 1.5 / np.std((embedding - embedding.mean(0)) @ kernel.numpy()))
    bias.assign(-embedding.mean(0) @ kernel.numpy())
    return model


def speech(clip=0, seconds=None, rate=16000):
    """Synthetic speech with a little noise over the whole band of its rate, float32 `(samples,)`."""
    emotions = ("neutral", "happiness", "sadness", "anger")
    row = plan_clip(3, 1 + clip % 5, emotions[clip % 4], 1 + clip % 3)
    sound = np.asarray(speak(3, row), np.float32)
    if seconds is not None:
        sound = np.resize(sound, round(seconds * 16000))
    if rate != 16000:
        sound = soxr.resample(sound, 16000, rate, quality="HQ")
    noise = np.random.default_rng(clip).normal(0, 0.003, len(sound))
    return (sound + noise).astype(np.float32)


def wav(sound, rate=16000, subtype="PCM_16", kind="WAV"):
    """Bytes of a WAV file that soundfile writes."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=kind, subtype=subtype)
    return file.getvalue()


def chunk(name, body):
    """Bytes of a RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks):
    """Bytes of a RIFF WAVE file."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(rate=16000, channels=1, bits=16, code=1):
    """Body of a `fmt ` chunk."""
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits)


def call(signature, **inputs):
    """Run a signature on arrays: dictionary of arrays, strings decoded."""
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    arrays = {name: value.numpy() for name, value in outputs.items()}
    for name in ("label", "error"):
        arrays[name] = [text.decode() for text in arrays[name]]
    return arrays

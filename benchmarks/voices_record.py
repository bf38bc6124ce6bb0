"""Recordings made anew by changing their mel power; and sounds that are no speech.

What a microphone, a room or a telephone does to a voice is done here to its mel power `(batch, frames, 64)`, which
costs a hundredth of doing it to the waveform.
"""

import numpy as np
import tensorflow as tf
from voices_store import HOP, MELS, QUIET

WOBBLE = np.exp(0.6 * np.random.default_rng(0).standard_normal((4096, MELS))).astype("float32")  # noise's power


def curve(numbers):
    """`(batch, 1, mels)`: numbers `(batch, 1, knots)` joined by straight lines over the bands."""
    knots = numbers.shape[-1]
    distance = np.abs(np.linspace(0, knots - 1, MELS) - np.arange(knots)[:, None])
    return tf.matmul(numbers, np.maximum(0, 1 - distance).astype("float32"))


def centers_hz():
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), MELS + 2)[1:-1]
    return (700 * (10 ** (mel / 2595) - 1)).astype("float32")


def record(power, s):
    """Another microphone, room, noise and line for each speaker of `(batch, frames, mels)`, the same for all his clips.

    Args:
        power: float32 mel power; each `s["together"]` examples are one speaker's.
        s: settings: shares and strengths of each change; a share of 0 leaves it out.
    """
    batch, frames, hz = power.shape[0], power.shape[1], centers_hz()

    def between(low, high, size=1):
        drawn = tf.random.uniform((batch // s["together"], 1, size), low, high)
        return tf.repeat(drawn, s["together"], axis=0)

    chance = lambda share: between(0.0, 1.0) < share  # noqa: E731
    if s["vocal_tract"]:
        source = np.arange(MELS, dtype="float32") * tf.exp(between(-s["vocal_tract"], s["vocal_tract"]))[..., 0]
        weights = tf.nn.relu(1 - tf.abs(tf.minimum(source, MELS - 1.0)[:, :, None] - np.arange(MELS, dtype="float32")))
        power = tf.matmul(power, weights, transpose_b=True)
    if s["room"]:
        seconds = tf.exp(between(np.log(0.1), np.log(s["room_seconds"])))
        step = s["pool"] * HOP / 16000
        decay = tf.exp(-13.8 * step / seconds)  # of power, a frame: 60 dB in `seconds`
        tail, lag = power * (1 - decay), 1
        while lag < min(frames, 64):  # each round doubles how far back the tail reaches
            tail += decay ** float(lag) * tf.pad(tail[:, :-lag], [[0, 0], [lag, 0], [0, 0]])
            lag *= 2
        wet = tf.where(chance(s["room"]), between(0.0, s["room_wet"]), 0.0)
        power += wet * (tail - power)
    if s["equalizer"]:
        power *= tf.exp(
            curve(between(-0.23, 0.23, 7)) * s["equalizer"] + between(-0.35, 0.35) * s["tilt"] * np.log(hz / 1000)
        )
    level = tf.reduce_mean(power, axis=(1, 2), keepdims=True)
    if s["babble"]:
        other = tf.roll(power, s["together"], axis=0)
        other *= level / (tf.reduce_mean(other, axis=(1, 2), keepdims=True) + QUIET)
        db = tf.where(chance(s["babble"]), between(s["babble_db"], 30.0), 200.0)
        power += other * tf.exp(-0.23 * db)
    if s["noise"]:
        color = tf.exp(-between(-0.5, 2.0) * np.log(hz / 1000) + curve(between(-1.5, 1.5, 7))) * (hz + 700)
        color *= MELS / tf.reduce_sum(color, axis=-1, keepdims=True)
        begin = tf.random.uniform((batch,), 0, len(WOBBLE) - frames, tf.int32)
        wobble = tf.gather(WOBBLE, begin[:, None] + np.arange(frames, dtype="int32"))
        db = tf.where(chance(s["noise"]), between(s["noise_db"], 45.0), 200.0)
        power += level * color * wobble * tf.exp(-0.23 * db)
    if s["line"]:
        low = tf.where(chance(s["line"]), between(60.0, 400.0), 1.0)
        high = tf.where(chance(s["line"]), tf.exp(between(np.log(2800.0), np.log(7500.0))), 1e5)
        power *= tf.minimum((hz / low) ** 4, 1.0) * tf.minimum((high / hz) ** 12, 1.0)
    if s["compress"]:
        energy = tf.reduce_mean(power, axis=2, keepdims=True) + QUIET
        strength = tf.where(chance(s["compress"]), between(0.0, s["compress_most"]), 0.0)
        power *= (energy / tf.reduce_max(energy, axis=1, keepdims=True)) ** (-strength)
    if s["gate"]:
        energy = tf.reduce_mean(power, axis=2, keepdims=True)
        below = energy < tf.reduce_max(energy, axis=1, keepdims=True) * tf.exp(-between(5.0, 9.0))
        power = tf.where(tf.logical_and(below, chance(s["gate"])), power * 1e-3, power)
    return power


def nothing(power, heard, s):
    """A share `s["nothing"]` of the speakers replaced by what is no speech: coloured noise that swells, steady tones.

    Returns:
        `(power, heard, which)`: of the same shapes, and `(batch, 1)` booleans.
    """
    batch, frames, hz = power.shape[0], power.shape[1], centers_hz()

    def between(low, high, *size):
        return tf.repeat(tf.random.uniform((batch // s["together"], *size), low, high), s["together"], axis=0)

    which = between(0.0, 1.0, 1) < s["nothing"]
    swell = tf.transpose(curve(between(-1.0, 1.0, 1, 9)), [0, 2, 1])  # (batch, 64, 1), over time
    swell = tf.image.resize(swell[..., None], (frames, 1))[..., 0] * between(0.0, 4.0, 1, 1)
    color = curve(between(-3.0, 3.0, 1, 7)) - between(-0.5, 2.0, 1, 1) * np.log(hz / 1000)
    begin = tf.random.uniform((batch,), 0, len(WOBBLE) - frames, tf.int32)
    noise = tf.exp(color) * tf.gather(WOBBLE, begin[:, None] + np.arange(frames, dtype="int32"))
    tones = tf.cast(between(0.0, 1.0, 1, MELS) < between(0.0, 0.2, 1, 1), tf.float32) * between(0.0, 300.0, 1, MELS)
    other = (noise + tones * tf.cast(between(0.0, 1.0, 1, 1) < 0.5, tf.float32)) * tf.exp(swell)
    periodic = between(0.0, 1.0, 1, 1) + 0.05 * tf.random.normal((batch, frames, 1))
    spread = between(0.0, 1.0, 1, 1) * tf.random.normal((batch, frames, 1))
    sound = tf.concat([7 + between(-1.0, 2.0, 1, 1) + spread, tf.clip_by_value(periodic, 0.0, 1.0)], axis=2)
    return tf.where(which[..., None], other, power), tf.where(which[..., None], sound, heard), which


def probes(seconds=4):
    """Sounds that are no speech, by name: waveforms at 16 kHz."""
    random, time = np.random.default_rng(0), np.arange(int(seconds * 16000)) / 16000
    white = random.standard_normal(len(time))
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.arange(len(time) // 2 + 1) + 1), len(time))
    tone = lambda hz, n=1: sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, n + 1))  # noqa: E731
    music = np.zeros(len(time))
    for at in np.arange(0, seconds, 0.25):  # chords of plucked strings
        since = np.where(time >= at, time - at, 0)
        for note in random.choice([0, 2, 4, 5, 7, 9, 11, 12], 3, replace=False):
            music += (time >= at) * np.exp(-4 * since) * tone(220 * 2 ** (note / 12), 6) * random.uniform(0.3, 1)
    tune = np.zeros(len(time))
    for at, note in zip(
        np.arange(0, seconds, 0.5), [0, 2, 4, 5, 7, 9, 11, 12] * int(seconds / 4 + 1)
    ):  # a scale, plucked
        since = np.where(time >= at, time - at, 0)
        tune += ((time >= at) & (time < at + 0.5)) * np.exp(-4 * since) * tone(262 * 2 ** (note / 12), 7)
    beeps = tone(1000) * (time % 1 < 0.3)
    sounds = {
        "white noise": white, "pink noise": pink, "hum": tone(50, 9), "dial tone": tone(350) + tone(440),
        "music": music, "tune": tune, "beeps": beeps, "engine": tone(90, 20) * (1 + 0.3 * np.sin(12 * time)) + white,
    }  # fmt: skip
    return {name: (0.1 * x / (x.std() + 1e-9)).astype("float32") for name, x in sounds.items()} | {
        "silence": 0 * time.astype("float32")
    }

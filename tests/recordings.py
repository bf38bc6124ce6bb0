"""Recordings as phones, browsers and streams leave them, made in memory."""

import io
from fractions import Fraction

import av
import numpy as np
import soundfile

RATE = 16000


def voice(seconds=2.0, seed=0, pitch=150.0):
    """A tone with overtones under syllables, float32 `(samples,)` at 16 kHz."""
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    noise = np.random.default_rng(seed).normal(0, 0.005, len(time))
    return (0.15 * tone * (0.2 + np.abs(np.sin(2 * np.pi * 2 * time))) + noise).astype(np.float32)


def written(sound, kind="WAV", subtype="PCM_16", rate=RATE, **options):
    """Bytes of a file that soundfile writes."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=kind, subtype=subtype, **options)
    return file.getvalue()


def muxed(sound, container, codec, rate=RATE):
    """Bytes of a file that FFmpeg writes of a sound `(samples,)` that has `rate`."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((32767 * sound)[None].astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for given in (frame, None):
            output.mux(stream.encode(given))
    return file.getvalue()

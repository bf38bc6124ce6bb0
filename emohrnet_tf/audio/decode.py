"""Decoding in a tf.data pipeline, on-graph from the file's bytes on, with `load_audio`'s samples.

Prepared files are decoded by core ops; FLAC and Ogg Vorbis by tensorflow-io where its compiled part loads; the rest by
soundfile, and every other rate is resampled by soxr, as everywhere.
"""

import functools
import io
import os
import struct
from dataclasses import dataclass

import tensorflow as tf

from emohrnet_tf.audio.channels import CHANNELS, check_channel
from emohrnet_tf.audio.files import MAX_HOURS, RATES, SAMPLE_RATE, load_stream, resample
from emohrnet_tf.audio.quiet import silence


@dataclass(frozen=True)
class Decoder:
    """What decodes compressed files in `read_clip`: its name, "tensorflow-io" or "soundfile", and the reason."""

    name: str
    reason: str


@functools.cache
def decoder():
    """The decoder of compressed files on this machine, found out once and quietly.

    tensorflow-io decodes 16-bit FLAC and Ogg Vorbis where its compiled part loads (TensorFlow up to 2.17); soundfile
    decodes the rest, and everything elsewhere. Their samples are the same (Vorbis to 1e-4).
    """
    try:
        with silence():
            from tensorflow_io.python.ops import core_ops

            _ = core_ops.io_audio_decode_flac, core_ops.io_audio_decode_vorbis
    except ImportError:
        return Decoder("soundfile", "tensorflow-io is not installed")
    except Exception:  # whatever a library built for another TensorFlow does
        return Decoder("soundfile", "tensorflow-io's compiled part does not load with this TensorFlow")
    return Decoder("tensorflow-io", "tensorflow-io's compiled part loads")


def read_clip(path, channel=None):
    """Read a file in a tf.data map: the one on-graph entry, with `load_audio`'s samples.

    Prepared files (`prepare`'s 16 kHz mono 16-bit WAV) are decoded by core ops, FLAC and Vorbis by the `decoder()` in
    use, everything else by soundfile; other rates go through soxr.

    Args:
        path: scalar string tensor.
        channel: as in `load_audio`.

    Returns:
        float32 `(samples,)`, 16 kHz.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs; it holds `load_audio`'s message, except for a damaged
            file that tensorflow-io decodes, which gets tensorflow-io's.
    """
    check_channel(channel)
    contents = tf.io.read_file(path)
    cases = [(_is_prepared(contents), functools.partial(_decode_prepared, contents))]
    if decoder().name == "tensorflow-io":
        cases += _tfio_cases(contents, channel)
    otherwise = functools.partial(_decode_soundfile, contents, path, channel)
    return tf.ensure_shape(tf.case(cases, default=otherwise), (None,))


def _decode_prepared(contents):
    return tf.audio.decode_wav(contents, desired_channels=1).audio[:, 0]


def _decode_soundfile(contents, path, channel):
    def load(contents, path):
        return load_stream(io.BytesIO(contents), os.fsdecode(path), SAMPLE_RATE, channel, None, None)

    return tf.ensure_shape(tf.numpy_function(load, [contents, path], tf.float32), (None,))


def _is_prepared(contents):
    """Whether the bytes are a 44-byte header of a prepared WAV and exactly the data that it promises, not none."""
    head, held = _head(contents), tf.strings.length(contents) - 44
    size = tf.io.decode_raw(tf.strings.substr(head, 40, 4), tf.int32)[0]
    expected = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16) + b"data"
    named = (tf.strings.substr(head, 0, 4) == b"RIFF") & (tf.strings.substr(head, 8, 32) == expected)
    return named & (size == held) & (size > 0)


def _tfio_cases(contents, channel):
    """(condition, decode) pairs for what tensorflow-io decodes as soundfile does, told by the file's first bytes.

    Anything unusual (24-bit FLAC, streamed FLAC, Opus) is left to soundfile, and MP3, whose rate has no fixed place.
    """
    import tensorflow_io as tfio

    head = _head(contents)
    byte = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32)
    # FLAC's STREAMINFO: 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of frames
    flac_rate = byte[18] * 4096 + byte[19] * 16 + byte[20] // 16
    flac_frames = tf.io.decode_raw(tf.strings.substr(head, 22, 4), tf.int32, little_endian=False)[0]
    flac = (tf.strings.substr(head, 0, 4) == b"fLaC") & (byte[20] % 2 * 16 + byte[21] // 16 == 15)
    flac &= (byte[21] % 16 == 0) & (flac_frames > 0) & (flac_frames // 3600 <= flac_rate * MAX_HOURS)
    vorbis_rate = tf.io.decode_raw(tf.strings.substr(head, 40, 4), tf.int32)[0]
    vorbis = (tf.strings.substr(head, 0, 4) == b"OggS") & (tf.strings.substr(head, 28, 7) == b"\x01vorbis")

    def supported(rate):
        return (rate >= RATES[0]) & (rate <= RATES[1])

    def decode_flac():
        audio = tfio.audio.decode_flac(contents, dtype=tf.int16)  # (frames, channels)
        return _graph_mono(tf.cast(audio, tf.float32) / 32768.0, flac_rate, channel)

    def decode_vorbis():
        return _graph_mono(tfio.audio.decode_vorbis(contents), vorbis_rate, channel)

    # files joined end to end are not for tensorflow-io, which stops where the first one does
    flac &= _count(contents, "fLaC") == 1
    vorbis &= _count(contents, "OggS\0\2") == 1
    return [(flac & supported(flac_rate), decode_flac), (vorbis & supported(vorbis_rate), decode_vorbis)]


def _count(contents, mark):
    return tf.size(tf.strings.split(contents, mark)) - 1


def _graph_mono(audio, rate, channel):
    """float32 `(frames, channels)` at `rate` hertz, a tensor -> `(samples,)` at 16 kHz."""
    if channel is None:
        mono = tf.reduce_mean(audio, axis=1)
    else:
        mono = tf.gather(audio, tf.minimum(CHANNELS.index(channel), tf.shape(audio)[1] - 1), axis=1)
    resampled = functools.partial(tf.numpy_function, resample, [mono, rate], tf.float32)
    return tf.ensure_shape(tf.cond(rate == SAMPLE_RATE, functools.partial(tf.identity, mono), resampled), (None,))


def _head(contents):
    """First 44 bytes of a scalar string tensor, padded with zeros: what tells the format."""
    return tf.strings.substr(tf.strings.join([tf.strings.substr(contents, 0, 44), b"\0" * 44]), 0, 44)

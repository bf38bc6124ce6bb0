"""Any audio file or bytes -> 16 kHz mono float32.

Decoding is soundfile's and resampling soxr's (HQ), everywhere; `audio.decode` does the same on-graph.
"""

import contextlib
import io
import math
import struct
from pathlib import Path

import numpy as np
import soundfile
import soxr

from emohrnet_tf.errors import InputError

SAMPLE_RATE = 16000
CHANNELS = ("left", "right")
MAX_HOURS = 6
RATES = (8000, 192000)  # hertz, lowest and highest
UNKNOWN = 1 << 62  # frames of a file that does not say: soundfile reports more
BLOCK = 1 << 20  # frames decoded at a time: a long stereo recording is never whole in memory


def load_audio(source, sample_rate=SAMPLE_RATE, channel=None, start=None, end=None):
    """Decode a file, or its bytes, into one waveform.

    A clip already at `sample_rate` keeps its samples (16-bit PCM is divided by 32768, exactly); others pass through
    soxr. Silence is audio.

    Args:
        source: path of a WAV, FLAC, OGG or MP3 file, 8 to 192 kHz, or the bytes of one.
        sample_rate: hertz of the result.
        channel: "left" or "right" of a file with several channels; None takes their mean.
        start, end: section to read, in seconds; None is the file's own start or end.

    Returns:
        float32 `(samples,)`, at least one sample, all finite.

    Raises:
        InputError: missing, empty, cut short, not audio, no samples, NaN or infinite samples, over 6 hours.

    Example:
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.sin(np.arange(8000) / 10), 8000, format="FLAC")
        >>> load_audio(file.getvalue()).shape
        (16000,)
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return load_stream(io.BytesIO(source), "<bytes>", sample_rate, channel, start, end)
    with _open_file(source) as file:
        return load_stream(file, str(source), sample_rate, channel, start, end)


def stream_audio(source, sample_rate=SAMPLE_RATE, seconds=30.0):
    """Decode a recording of any length block by block, in constant memory; the blocks joined are `load_audio`'s.

    Args:
        source: path of a file, or an open binary file that can seek.
        sample_rate: hertz of the result.
        seconds: about the length of a block.

    Yields:
        float32 `(samples,)`, all finite.

    Raises:
        InputError: as `load_audio`, at the block where it is found.
    """
    opened = contextlib.nullcontext(source) if hasattr(source, "read") else _open_file(source)
    with opened as file:
        name = "<stream>" if hasattr(source, "read") else str(source)
        with _open_sound(file, name) as sound:
            resampler, count = soxr.ResampleStream(sound.samplerate, sample_rate, 1, "float32", quality="HQ"), 0
            while True:
                try:
                    audio = sound.read(int(seconds * sound.samplerate), "float32", always_2d=True)
                except soundfile.SoundFileError as error:
                    raise InputError(f"{name}: damaged or cut short; copy it again from its source.") from error
                last = len(audio) < int(seconds * sound.samplerate)
                block = _mono(audio, None)
                if not np.isfinite(block).all():
                    raise InputError(f"{name}: holds samples that are NaN or infinite; write the file again without.")
                if sound.samplerate != sample_rate:
                    block = resampler.resample_chunk(block, last=last)
                count += len(block)
                if len(block):
                    yield block
                if last:
                    break
        if not count:
            raise InputError(f"{name}: holds no samples; record it again.")


def _open_file(source):
    """An open binary file of a path."""
    try:
        path = Path(source)
        there = path.exists()
    except (TypeError, ValueError) as error:  # no path at all; a zero byte in it
        raise InputError(f"A recording is the path of a file, or its bytes. Received: {source!r:.100}") from error
    if not there:
        raise InputError(f"{path}: no such file; check the path and the folder that it starts from.")
    if not path.is_file():
        raise InputError(f"{path}: not a file; give an audio file (WAV, FLAC, OGG or MP3).")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions.") from error


def resample(waveform, source_rate, sample_rate=SAMPLE_RATE):
    """Resample float32 `(samples,)` from `source_rate` to `sample_rate`, both in hertz; equal rates change nothing."""
    if source_rate == sample_rate:
        return waveform
    return soxr.resample(waveform, source_rate, sample_rate, quality="HQ").astype(np.float32, copy=False)


def _open_sound(file, name):
    """The soundfile of an open binary file; errors call it `name`."""
    size = file.seek(0, io.SEEK_END)
    if size == 0:
        raise InputError(f"{name}: the file is empty (0 bytes); copy it again from its source.")
    if missing := _wav_bytes_missing(file, size):
        raise InputError(f"{name}: cut short: its header promises {missing} bytes more than it holds; copy it again.")
    file.seek(0)
    try:
        sound = _Sound(file)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a name in .raw, which tells nothing
        raise InputError(
            f"{name}: not audio that can be read, or damaged; give WAV, FLAC, OGG or MP3 "
            "(`ffmpeg -i INPUT -ar 16000 OUTPUT.wav` converts most others)."
        ) from error
    rate = sound.samplerate
    if not RATES[0] <= rate <= RATES[1]:
        sound.close()
        raise InputError(f"{name}: sample rate outside {RATES[0]} to {RATES[1]} Hz; convert it. Received: {rate!r}")
    return sound


def load_stream(file, name, sample_rate, channel, start, end):
    """`load_audio` on an open binary file; errors call it `name`."""
    check_channel(channel)
    with _open_sound(file, name) as sound:
        rate = sound.samplerate
        trusted = sound.format != "MP3" or _has_xing(file)
        first, frames = _section(sound, name, start, end)
        waveform = _read(sound, name, channel, first, frames, trusted)
    if not np.isfinite(waveform).all():
        raise InputError(f"{name}: holds samples that are NaN or infinite; write the file again without them.")
    waveform = resample(waveform, rate, sample_rate)
    if not len(waveform):
        raise InputError(f"{name}: holds no samples; leave the file out or record it again.")
    return waveform


class _Sound(soundfile.SoundFile):
    """A SoundFile that also reads a streamed FLAC, whose unknown length stops soundfile's seek after each read."""

    def seekable(self):
        return self.frames < UNKNOWN and super().seekable()


def _wav_bytes_missing(file, size):
    """Bytes that a RIFF WAV's data chunk promises beyond the file's end: 0 for whole, streamed and other files."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0
    while len(chunk := file.read(8)) == 8:
        length = struct.unpack("<I", chunk[4:])[0]
        if chunk[:4] == b"data":  # programs that write to a pipe leave a length near 2 or 4 GiB: unknown
            return max(0, length - (size - file.tell())) if length < 0x7FFF0000 else 0
        file.seek(length + length % 2, io.SEEK_CUR)
    return 0


def _has_xing(file):
    """Whether an MP3 says how long it is; without a Xing or Info tag its length is an estimate."""
    here = file.tell()
    file.seek(0)
    head = file.read(1 << 20)
    file.seek(here)
    return b"Xing\0\0\0" in head or b"Info\0\0\0" in head


def _section(sound, name, start, end):
    """Section in seconds -> (first frame, frames); frames is None where the file does not say its length."""
    known = sound.frames if sound.frames < UNKNOWN else None
    first = 0 if start is None else start
    if not 0 <= first < math.inf or not (end is None or first < end < math.inf):
        raise InputError(f"{name}: a section needs 0 <= start < end, in seconds. Received: {(start, end)!r}")
    first = round(first * sound.samplerate)
    last = known if end is None else round(end * sound.samplerate)
    if known is not None:
        slack = sound.samplerate // 10  # annotations are rounded
        if (start and first >= known) or last > known + slack:
            seconds = known / sound.samplerate
            raise InputError(f"{name}: lasts {seconds:.3f} s, the section lies beyond. Received: {(start, end)!r}")
        last = min(last, known)
    frames = None if last is None else last - first
    if frames is not None and frames > MAX_HOURS * 3600 * sound.samplerate:
        _refuse_length(name)
    return first, frames


def _read(sound, name, channel, first, frames, trusted):
    """Read `frames` frames from `first` on, block by block, and make each block mono."""
    blocks, count, limit = [], 0, MAX_HOURS * 3600 * sound.samplerate
    try:
        if first:
            sound.seek(first)
        while frames is None or count < frames:
            wanted = BLOCK if frames is None else min(BLOCK, frames - count)
            audio = sound.read(wanted, "float32", always_2d=True)  # (frames, channels)
            blocks.append(_mono(audio, channel))
            count += len(audio)
            if count > limit:
                _refuse_length(name)
            if len(audio) < wanted:
                break
    except soundfile.SoundFileError as error:
        raise InputError(f"{name}: damaged or cut short; copy it again from its source.") from error
    slack = 2304 + frames // 100 if sound.format == "MP3" and frames else 0  # Xing tags are not exact
    if trusted and frames is not None and count < frames - slack:
        raise InputError(f"{name}: cut short: {count} of {frames} frames can be read; copy it again from its source.")
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _mono(audio, channel):
    """float32 `(frames, channels)` -> `(frames,)`."""
    if audio.shape[1] == 1:
        return audio[:, 0]
    if channel is not None:
        return audio[:, CHANNELS.index(channel)]
    with np.errstate(over="ignore", invalid="ignore"):  # infinite samples are refused later, by name
        return audio.mean(axis=1, dtype=np.float32)


def check_channel(channel):
    if channel is not None and channel not in CHANNELS:
        raise InputError(f'channel: "left", "right", or None for the mean of the channels. Received: {channel!r}')


def _refuse_length(name):
    raise InputError(f"{name}: longer than {MAX_HOURS} hours; cut it into shorter files or give a section of it.")

"""Any audio file or bytes -> 16 kHz mono float32.

Decoding is soundfile's and PyAV's (`audio.decoders`), to the end of the bytes whatever a header announces
(`audio.pieces`); resampling is soxr's (HQ), everywhere; `audio.decode` does the same on-graph.
"""

import contextlib
import io
import itertools
import math
from numbers import Real
from pathlib import Path

import numpy as np
import soxr

from emohrnet_tf.audio.channels import check_channel, mono
from emohrnet_tf.audio.decoders import RATES, Opened
from emohrnet_tf.audio.pieces import find_pieces
from emohrnet_tf.errors import InputError

__all__ = [
    "RATES",
    "channels_of",
    "count_samples",
    "load_audio",
    "load_stream",
    "resample",
    "stream_audio",
]

SAMPLE_RATE = 16000
MAX_HOURS = 6
LOUDEST = 1e10  # of a sample; full scale is 1. Beyond it squares overflow float32, and nobody recorded it
SLACK_SECONDS = 0.1  # annotated ends are rounded


def load_audio(source, sample_rate=SAMPLE_RATE, channel=None, start=None, end=None):
    """Decode a file, or its bytes, into one waveform.

    A clip already at `sample_rate` keeps its samples (16-bit PCM is divided by 32768, exactly); others pass through
    soxr. Silence is audio. Files are read to the end of their bytes: joined ones, and those whose header was written
    before the recording ended. Where channels cancel in their mean (microphones of opposite polarity), the first of
    them is taken.

    Args:
        source: path of an audio file (WAV, FLAC, OGG, MP3, M4A, WebM, ...: `emohrnet info` lists them), 8 to 192 kHz,
            or the bytes of one.
        sample_rate: hertz of the result.
        channel: "left" or "right" of a file with several channels; None takes their mean.
        start, end: section to read, in seconds; None is the file's own start or end.

    Returns:
        float32 `(samples,)`, at least one sample, all finite.

    Raises:
        InputError: missing, empty, grossly cut short, not audio, no audio track, protected, no samples, samples that
            are NaN, infinite or beyond 1e10, over 6 hours.

    Example:
        >>> import soundfile
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.sin(np.arange(8000) / 10), 8000, format="FLAC")
        >>> load_audio(file.getvalue()).shape
        (16000,)
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return load_stream(io.BytesIO(source), "<bytes>", sample_rate, channel, start, end)
    with _open_file(source) as file:
        return load_stream(file, str(source), sample_rate, channel, start, end)


def load_stream(file, name, sample_rate, channel, start, end):
    """`load_audio` on an open binary file; errors call it `name`."""
    check_channel(channel)
    if not all(place is None or isinstance(place, Real) for place in (start, end)):
        raise InputError(f"{name}: a section is from and to seconds, in numbers. Received: {(start, end)!r}")
    if not 0 <= (start or 0) < math.inf or not (end is None or (start or 0) < end < math.inf):
        raise InputError(f"{name}: a section needs 0 <= start < end, in seconds. Received: {(start, end)!r}")
    runs = []  # of one rate: joined files may differ
    for rate, blocks in itertools.groupby(_section(file, name, start, end), lambda block: block[0]):
        parts = list(mono(((rate, audio) for _, audio in blocks), channel))
        runs.append(resample(np.concatenate([part for _, part in parts]), rate, sample_rate))
    if not sum(map(len, runs)):
        raise InputError(f"{name}: holds no samples; leave the file out or record it again.")
    return runs[0] if len(runs) == 1 else np.concatenate(runs)


def stream_audio(source, sample_rate=SAMPLE_RATE, seconds=30.0, name=None, measured=None, channel=None):
    """Decode a recording of any length block by block, in constant memory; the blocks joined are `load_audio`'s.

    Args:
        source: path of a file, or an open binary file that can seek.
        sample_rate: hertz of the result.
        seconds: about the length of a block.
        name: of an open file, for messages.
        measured: dictionary that gets `seconds` and `channels` of the recording, by what could be read of it rather
            than by what its header says; complete after the last block.
        channel: as in `load_audio`.

    Yields:
        float32 `(samples,)`, all finite.

    Raises:
        InputError: as `load_audio`, at the block where it is found.
    """
    check_channel(channel)
    name, count = name or ("<stream>" if hasattr(source, "read") else str(source)), 0
    with contextlib.nullcontext(source) if hasattr(source, "read") else _open_file(source) as file:
        decoded = _decoded(file, name, seconds)
        blocks = mono(decoded if measured is None else _measured(decoded, measured), channel)
        rate, resampler = None, None
        block = next(blocks, None)
        while block is not None:
            if block[0] != rate:
                rate = block[0]
                resampler = soxr.ResampleStream(rate, sample_rate, 1, "float32", quality="HQ")
            following, audio = next(blocks, None), block[1]
            if rate != sample_rate:
                audio = resampler.resample_chunk(audio, last=following is None or following[0] != rate)
            block, count = following, count + len(audio)
            if len(audio):
                yield audio
    if not count:
        raise InputError(f"{name}: holds no samples; record it again.")


def _measured(blocks, facts):
    """Blocks of `_decoded` as they pass, and in `facts` their `seconds` and most `channels`."""
    facts |= {"seconds": 0.0, "channels": 0}
    for rate, audio in blocks:
        facts["seconds"] += len(audio) / rate
        facts["channels"] = max(facts["channels"], audio.shape[1])
        yield rate, audio


def count_samples(path, sample_rate=SAMPLE_RATE, channel=None, start=None, end=None):
    """Samples that `load_audio` gives of a file, by its header alone; None where only decoding tells.

    A header does not tell of MP3 and other kinds that PyAV reads, of joined files, and of a section that is not there.

    Raises:
        InputError: of `load_audio`, as far as a header tells it.
    """
    check_channel(channel)
    with _open_file(path) as file:
        if file.seek(0, io.SEEK_END) == 0:
            _refuse_empty(str(path))
        pieces = find_pieces(file, str(path))
        with contextlib.closing(Opened(file, pieces[0], str(path))) as opened:
            frames, rate = opened.frames, opened.rate
    if frames is None or len(pieces) > 1 or frames > MAX_HOURS * 3600 * rate:
        return None
    begin, stop = round((start or 0) * rate), frames if end is None else min(frames, round(end * rate))
    if not 0 <= begin < stop or (end is not None and end > frames / rate + SLACK_SECONDS):
        return None
    return (2 * (stop - begin) * sample_rate + rate) // (2 * rate)  # as soxr rounds


def _refuse_empty(name):
    raise InputError(f"{name}: the file is empty (0 bytes); copy it again from its source.")


def channels_of(path):
    """How many channels a recording has, by the first block that is decoded.

    Raises:
        InputError: as `load_audio`, for what is found that far.
    """
    with _open_file(path) as file, contextlib.closing(_decoded(file, str(path), seconds=0.1)) as blocks:
        for _, audio in blocks:
            return audio.shape[1]
    raise InputError(f"{path}: holds no samples; leave the file out or record it again.")


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
        raise InputError(f"{path}: not a file; give an audio file (WAV, FLAC, OGG, MP3, M4A, ...).")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions.") from error


def resample(waveform, source_rate, sample_rate=SAMPLE_RATE):
    """Resample float32 `(samples,)` from `source_rate` to `sample_rate`, both in hertz; equal rates change nothing."""
    if source_rate == sample_rate:
        return waveform
    return soxr.resample(waveform, source_rate, sample_rate, quality="HQ").astype(np.float32, copy=False)


def _decoded(file, name, seconds=None, first=0, announced=None):
    """Every block of an open binary file: `(rate, float32 (frames, channels))`, all samples usable.

    Args:
        seconds: about the length of a block, or None.
        first: frame to begin at, of a file that is one piece whose frames are known.
        announced: called with (frames or None, rate, pieces) once the first piece is open.
    """
    if file.seek(0, io.SEEK_END) == 0:
        _refuse_empty(name)
    pieces = find_pieces(file, name)
    for number, piece in enumerate(pieces):
        with contextlib.closing(Opened(file, piece, name)) as opened:
            if announced and number == 0:
                first = announced(opened.frames if len(pieces) == 1 else None, opened.rate)
            for rate, audio in opened.blocks(seconds, first):
                if len(audio) and not np.abs(audio).max() <= LOUDEST:  # NaN is not
                    finite = np.isfinite(audio).all()
                    reason = f"beyond {LOUDEST:g} times full scale" if finite else "that are NaN or infinite"
                    raise InputError(f"{name}: holds samples {reason}; write the file again without them.")
                yield rate, audio


def _section(file, name, start, end):
    """The blocks of a section in seconds, of all where both are None; a place that is known is gone to directly."""
    place = {"time": 0.0, "frame": 0}  # read or left out of the file: seconds of earlier rates, frames of this one

    def announced(frames, rate):
        if frames is None:
            return 0
        begin, stop = round((start or 0) * rate), frames if end is None else min(frames, round(end * rate))
        if stop - begin > MAX_HOURS * 3600 * rate:
            _refuse_length(name)
        place["frame"] = begin if start and begin < frames else 0
        return place["frame"]

    def refuse(seconds):
        raise InputError(f"{name}: lasts {seconds:.3f} s, the section lies beyond. Received: {(start, end)!r}")

    before, seconds, taken = None, 0.0, 0.0
    for rate, audio in _decoded(file, name, announced=announced):
        if before not in (None, rate):
            place["time"], place["frame"] = place["time"] + place["frame"] / before, 0
        before, here = rate, place["frame"]
        place["frame"] += len(audio)
        seconds = place["time"] + place["frame"] / rate
        begin = max(0, round(((start or 0) - place["time"]) * rate) - here)
        stop = len(audio) if end is None else min(len(audio), round((end - place["time"]) * rate) - here)
        if begin < stop:
            taken += (stop - begin) / rate
            if taken > MAX_HOURS * 3600:
                _refuse_length(name)
            yield rate, audio[begin:stop]
        if end is not None and seconds >= end:
            return
    if before and ((start and not taken) or (end is not None and end > seconds + SLACK_SECONDS)):
        refuse(seconds)


def _refuse_length(name):
    raise InputError(f"{name}: longer than {MAX_HOURS} hours; cut it into shorter files or give a section of it.")

"""Sections of a recording, many of them in one pass over it: turns of speakers, moments that were found."""

import math
from contextlib import closing

import numpy as np

from emohrnet_tf.audio.files import SLACK_SECONDS, load_audio, stream_audio
from emohrnet_tf.errors import InputError


def sections(file, bounds, sample_rate, channel=None):
    """The waveforms of sections of a recording, which is decoded once however many there are.

    Of a recording at `sample_rate` they are `load_audio`'s of the same section; of others, the recording is resampled
    and then cut.

    Args:
        file: path of a recording.
        bounds: list of `(start, end)` in seconds, or (None, None) for the whole recording.
        sample_rate: hertz of the result.
        channel: as in `load_audio`.

    Yields:
        `(number, waveform, error)` for each of `bounds`, by their ends: float32 `(samples,)` and None; or None and why
        there is none: the recording cannot be read, or ends before. No more is kept than the sections under way need.

    Example:
        for number, waveform, error in sections("call.wav", [(0.0, 2.5), (2.1, 7.0)], 16000):
            ...
    """
    for number, (start, _) in enumerate(bounds):
        if start is None:
            yield number, *_whole(file, sample_rate, channel)
    waiting = [(end, start, number) for number, (start, end) in enumerate(bounds) if start is not None]
    waiting.sort(reverse=True)  # the next one is the last
    heard, first = np.zeros(0, np.float32), 0
    if not waiting:
        return
    needed = np.minimum.accumulate([start for _, start, _ in waiting])  # earliest start of each and those after it
    try:
        with closing(stream_audio(file, sample_rate, channel=channel)) as blocks:
            for block in blocks:
                heard = np.concatenate([heard, block])
                while waiting and round(waiting[-1][0] * sample_rate) <= first + len(heard):
                    end, start, number = waiting.pop()
                    cut = slice(round(start * sample_rate) - first, round(end * sample_rate) - first)
                    yield number, heard[cut].copy(), None
                if not waiting:
                    return
                keep = max(0, min(round(needed[len(waiting) - 1] * sample_rate) - first, len(heard)))
                heard, first = heard[keep:], first + keep
    except InputError as error:
        for _, _, number in reversed(waiting):
            yield number, None, str(error)
        return
    length = (first + len(heard)) / sample_rate
    while waiting:
        end, start, number = waiting.pop()
        if end <= length + SLACK_SECONDS and start < length:
            yield number, heard[round(start * sample_rate) - first :].copy(), None
        else:
            reason = f"{file}: lasts {length:.3f} s, {start:g} to {end:g} s lies beyond."
            yield number, None, f"{reason} Received: {(start, end)!r}"


def _whole(file, sample_rate, channel):
    try:
        return load_audio(file, sample_rate, channel), None
    except InputError as error:
        return None, str(error)


def overlaps(bounds):
    """Seconds of each section that lie within others: float64 `(n,)`.

    Example:
        >>> overlaps([(0.0, 2.0), (1.5, 3.0), (3.0, 4.0)]).tolist()
        [0.5, 0.5, 0.0]
    """
    found, before = np.zeros(len(bounds)), -math.inf  # before: the latest end of those that began earlier
    order = sorted(range(len(bounds)), key=lambda number: bounds[number])
    for place, number in enumerate(order):
        start, end = bounds[number]
        covered = max(start, min(before, end))
        found[number] = covered - start
        for other in order[place + 1 :]:
            if bounds[other][0] >= end:
                break
            low, high = max(bounds[other][0], covered), min(bounds[other][1], end)
            if high > low:
                found[number], covered = found[number] + high - low, high
        before = max(before, end)
    return found

"""Which speech a clip is: told by its samples, whatever file, folder or name they lie in.

What is hashed is what the pipeline hears: mono, 16 kHz, rounded to 16 bits. So a clip is the same as WAV and as FLAC,
behind a link, renamed, listed by a table or by a corpus' reader, and converted by `emohrnet prepare`. Not recognised:
copies whose samples differ, such as lossy encodings (MP3, Ogg), other gains, trimmed ends, or another resampler's work.
"""

import base64
import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from emohrnet_tf.audio.files import SAMPLE_RATE, load_audio, stream_audio
from emohrnet_tf.errors import InputError

OVERLAP = 0.1  # seconds that two sections of one recording must share to be the same speech: annotated ends are rounded
MARK = np.dtype([("digest", "<u8"), ("start", "<f4"), ("end", "<f4"), ("trained", "?")])


def digest(*blocks):
    """64 bits of the SHA-256 of a waveform, given whole or in blocks, float `(samples,)` at 16 kHz, as an integer.

    Example:
        >>> digest([0.5, 0.25]) == digest([0.5], [0.25]) != digest([0.25, 0.5])
        True
    """
    return digest_blocks(blocks)


def digest_blocks(blocks):
    """`digest` of blocks that come one by one, of which one is in memory."""
    hashed = hashlib.sha256()
    for block in blocks:
        samples = np.clip(np.rint(np.asarray(block) * 32768.0), -32768, 32767)  # as `data.prepare` writes them
        hashed.update(samples.astype("<i2").tobytes())
    return int.from_bytes(hashed.digest()[:8], "big")


def digest_of(file, channel=None, start=None, end=None, measured=None):
    """`digest` of a file, or of a section (seconds) or channel of it; a whole file of any length in constant memory.

    Args:
        measured: of a whole file, the dictionary of `stream_audio`.

    Raises:
        InputError: of `load_audio`.
    """
    if channel is None and start is None and end is None:
        return digest_blocks(stream_audio(file, SAMPLE_RATE, measured=measured))
    return digest(load_audio(file, SAMPLE_RATE, channel, start, end))


def cut_of(row):
    """The keyword arguments of `load_audio` that a row of an index holds."""
    return {key: row[key] for key in ("channel", "start", "end") if pd.notna(row.get(key)) and row[key] != ""}


def marks(index, own=None, workers=None, recordings=None):
    """What tells the clips of an index: each one's own samples, and where it lies in which recording.

    Args:
        index: DataFrame with `file`, and optionally `channel`, `start`, `end`.
        own: `digest` of each clip, where the clips are decoded already.
        workers: files decoded at once.
        recordings: `{file: (digest, seconds)}` of whole files that were decoded already.

    Returns:
        For each row a list of `(digest, start, end)`: of the clip by itself, from 0 to infinity, and for a section or a
        channel also that of the whole recording, the mean of its channels, with the section's seconds, not beyond the
        recording's where they are known. An empty list where the audio cannot be read.
    """
    known = recordings or {}

    @functools.cache
    def whole(file):
        try:
            return known[file] if file in known else (digest_of(file), np.inf)
        except InputError:
            return None

    def read(number, row):
        cut = cut_of(row)
        try:
            if own is not None:
                mine = own[number]
            else:
                mine = known[row["file"]][0] if not cut and row["file"] in known else digest_of(row["file"], **cut)
        except InputError:
            return []
        found = [(mine, 0.0, np.inf)]
        if cut and (recording := whole(row["file"])) is not None:
            samples, seconds = recording
            found.append((samples, float(cut.get("start", 0.0)), min(float(cut.get("end", np.inf)), seconds)))
        return found

    rows = index.to_dict("records")
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, range(len(rows)), rows))


def groups(clip_marks, given=None):
    """Names of what must stay together: clips of the same samples, sections that overlap by half of the shorter.

    Args:
        clip_marks: of `marks`.
        given: a name for each clip by which it belongs to others already, or None.

    Returns:
        list of a name for each clip: 16 hexadecimal digits of its first clip's samples; None where a clip has no marks
        and nothing was given.
    """
    parent = list(range(len(clip_marks)))

    def top(i):
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def join(i, j):
        parent[max(top(i), top(j))] = min(top(i), top(j))

    places, first = {}, {}
    for i, found in enumerate(clip_marks):
        for recording, start, end in found:
            places.setdefault(recording, []).append((start, end, i))
        if given is not None and pd.notna(given[i]):
            join(first.setdefault(given[i], i), i)
    for sections in places.values():
        reach = []
        for start, end, i in sorted(sections):
            reach = [other for other in reach if other[1] > start]
            for began, last, j in reach:
                if min(end, last) - start >= min(end - start, last - began) / 2:
                    join(i, j)
            if (start, end) not in [other[:2] for other in reach[-1:]]:  # a thousand copies are one
                reach.append((start, end, i))
    names = []
    for i in range(len(clip_marks)):
        head = top(i)
        name = f"{clip_marks[head][0][0]:016x}" if clip_marks[head] else None
        names.append(name if name is not None or given is None else given[head])
    return names


class Heard:
    """The speech that a model, and every model that it started from, was trained on or chosen by.

    Args:
        marks: array of `MARK`: recording, seconds from and to, and whether it trained (or else validated).
        corpora: names of corpora that were heard whole.
        complete: False where the record is of a part of it only.
    """

    def __init__(self, marks=(), corpora=(), complete=True):
        self.marks = np.array(marks if isinstance(marks, np.ndarray) else list(marks), MARK)
        self.corpora, self.complete = sorted(corpora), complete

    @classmethod
    def of(cls, clip_marks, trained):
        """The record of clips with `marks`, and for each whether it trained."""
        rows = [(*mark, is_) for found, is_ in zip(clip_marks, trained) for mark in found]
        return cls(np.unique(np.array(rows, MARK)))

    def __or__(self, other):
        """What either has heard."""
        both = np.unique(np.concatenate([self.marks, other.marks]))
        return Heard(both, {*self.corpora, *other.corpora}, self.complete and other.complete)

    def holds(self, clip_marks, trained_only=False):
        """For each clip whether it, or some of it, was heard: booleans `(clips,)`."""
        known = self.marks[self.marks["trained"]] if trained_only else self.marks
        sections = {}
        for recording, start, end, _ in known.tolist():
            sections.setdefault(recording, []).append((start, end))

        def shared(mark):
            recording, start, end = mark
            for began, last in sections.get(recording, ()):
                both = min(end, last) - max(start, began)
                if both > OVERLAP or both >= min(end - start, last - began) - 1e-3:
                    return True
            return False

        return np.array([any(map(shared, found)) for found in clip_marks], bool)

    def pack(self):
        """The record as a JSON-ready dict of text."""
        text = base64.b64encode(self.marks.tobytes()).decode()
        return {"marks": text, "corpora": self.corpora, "complete": self.complete}

    @classmethod
    def unpack(cls, packed):
        """The record of `pack`."""
        marks = np.frombuffer(base64.b64decode(packed["marks"]), MARK)
        return cls(marks, packed["corpora"], packed["complete"])

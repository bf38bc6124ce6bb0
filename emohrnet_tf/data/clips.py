"""The clips of an index: which can be read, how long each is, and its samples."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf.audio.decode import read_clip
from emohrnet_tf.audio.files import SAMPLE_RATE, count_samples, load_audio, stream_audio
from emohrnet_tf.audio.identity import cut_of, digest, digest_blocks, digest_of, marks
from emohrnet_tf.errors import InputError

CACHE_BYTES = 2 << 30  # decoded audio is kept in memory up to this size


class Clips:
    """The clips of an index that can be read.

    Where the decoded audio fits in memory it is decoded once, at the start. Else nothing is decoded before it is asked
    for: lengths come from the files' headers, and what is found damaged later is left out then (`drop`).

    Args:
        index: DataFrame with `file` and `emotion`, and optionally `channel`, `start`, `end`.
        sample_rate: Hz.
        cache_bytes: the decoded audio stays in memory if it is no larger; otherwise files are read anew each time.
        workers: files read at once.

    Attributes:
        index: rows whose audio can be read, in order, renumbered from 0.
        failed: DataFrame of `file` and `reason` for the others.
        lengths: samples of each clip.

    Raises:
        InputError: no clip can be read.
    """

    def __init__(self, index, sample_rate=16000, cache_bytes=CACHE_BYTES, workers=4):
        self.sample_rate, self._workers = sample_rate, workers
        self.index, self.failed = index.reset_index(drop=True), pd.DataFrame(columns=["file", "reason"])
        self.lengths, self._starts = np.zeros(len(index), "int64"), np.zeros(len(index), "int64")
        self._digests, self._early = np.full((2, len(index)), None, object)
        self._flat, self._room = None, cache_bytes  # for what is decoded before all lengths are known
        self._each(self._measure)
        ends = np.cumsum(self.lengths)
        if 4 * ends[-1] <= cache_bytes:  # in host memory, and written once
            self._flat, self._starts = np.empty(ends[-1], np.float32), ends - self.lengths
            self._each(self._keep)
            for number in np.flatnonzero(self._early != None):  # noqa: E711  longer than their headers say
                self.lengths[number], self._starts[number] = len(self._early[number]), len(self._flat)
                self._flat = np.concatenate([self._flat, self._early[number]])
        self._early[:] = None

    def _each(self, work):
        """Call a function of (number, row) for every clip, in threads; of which it raises InputError are left out."""

        def reason(number, row):
            try:
                work(number, row)
            except InputError as error:
                return str(error)

        with ThreadPoolExecutor(self._workers) as pool:
            reasons = list(pool.map(reason, range(len(self.index)), self.index.to_dict("records")))
        self.drop({number: text for number, text in enumerate(reasons) if text is not None})

    def _load(self, row):
        return load_audio(row["file"], self.sample_rate, **cut_of(row))

    def _measure(self, number, row):
        length = count_samples(row["file"], self.sample_rate, **cut_of(row))
        if length is None:
            waveform = self._load(row)
            length = len(waveform)
            self._take_digest(number, waveform)
            self._room -= waveform.nbytes
            if self._room >= 0:
                self._early[number] = waveform
        self.lengths[number] = length

    def _keep(self, number, row):
        waveform, self._early[number] = self._load(row) if self._early[number] is None else self._early[number], None
        self._take_digest(number, waveform)
        room = self._flat[self._starts[number] :][: self.lengths[number]]
        if len(waveform) > len(room):
            self._early[number] = waveform
            return
        room[: len(waveform)] = waveform
        self.lengths[number] = len(waveform)

    def _take_digest(self, number, waveform):
        if self.sample_rate == SAMPLE_RATE:
            self._digests[number] = digest(waveform)

    def _read_through(self, number, row):
        """Digest of a clip, and its length as it can be read."""
        if self._digests[number] is not None:
            return
        if cut_of(row) or self.sample_rate != SAMPLE_RATE:
            self._digests[number] = digest_of(row["file"], **cut_of(row))
            return
        counts = []
        blocks = stream_audio(row["file"], SAMPLE_RATE)
        self._digests[number] = digest_blocks(block for block in blocks if counts.append(len(block)) is None)
        self.lengths[number] = sum(counts)

    def drop(self, reasons):
        """Leave out clips: a dictionary of their numbers and why. The others are numbered anew.

        Raises:
            InputError: no clip is left.
        """
        if reasons or not len(self.index):
            rows = [{"file": self.index.file[number], "reason": reason} for number, reason in reasons.items()]
            self.failed = pd.concat([self.failed, pd.DataFrame(rows, columns=["file", "reason"])], ignore_index=True)
            if len(reasons) == len(self.index):
                first = f" First reason: {rows[0]['reason']}" if rows else ""
                raise InputError(
                    f"No clip of the index can be read: check its `file` column.{first} Received: {len(self.failed)}"
                )
            left = np.setdiff1d(np.arange(len(self.index)), list(reasons))
            self.index = self.index.iloc[left].reset_index(drop=True)
            self.lengths, self._starts = self.lengths[left], self._starts[left]
            self._digests, self._early = self._digests[left], self._early[left]
            if "marks" in vars(self):
                self.marks = [self.marks[number] for number in left]

    @functools.cached_property
    def marks(self):
        """`identity.marks` of the clips: what tells each from all others, whatever it is called.

        Reads to the end what has not been read yet, so that from here on every clip of `index` is known to be sound.
        """
        self._each(self._read_through)
        return marks(self.index, self._digests)

    def waveform(self, number):
        """Waveform `(samples,)` of a clip as a NumPy array.

        Raises:
            InputError: of `load_audio`, where the audio is not in memory.
        """
        if self._flat is None:
            return self._load(self.index.iloc[number].to_dict())
        return self._flat[self._starts[number] :][: self.lengths[number]].copy()

    def graph_reader(self):
        """A function from a scalar clip number to its waveform `(samples,)`, both tensors."""
        files, lengths = tf.constant([os.fsencode(file) for file in self.index["file"]]), tf.constant(self.lengths)
        if self._flat is None and self.sample_rate == SAMPLE_RATE and not {"channel", "start", "end"} & set(self.index):
            read = lambda number: read_clip(files[number])  # noqa: E731
        else:
            read = lambda number: tf.numpy_function(lambda n: self.waveform(int(n)), [number], tf.float32)  # noqa: E731

        def whole(number):
            """The clip, of the length by which windows were counted."""
            waveform, problem = read(number), [files[number], "is not as long as it was, or as its header says"]
            with tf.control_dependencies(
                [tf.debugging.Assert(tf.size(waveform, tf.int64) == lengths[number], problem)]
            ):
                return tf.ensure_shape(tf.identity(waveform), (None,))

        return whole

"""The windows of a recording of any length, cut while it is read: those of `windows.windows`, in flat memory."""

import numpy as np

from emohrnet_tf.audio.silence import FLOOR_DB, FRAME, levels_db, silence_limit, spoken_of

INAUDIBLE = 10 ** (FLOOR_DB / 20) * 0.999  # a window of nothing louder is silence in any recording


class Cutter:
    """Cuts a recording that comes block by block.

    What is kept is about one window, and a number for each 0.1 s, by which `spoken` tells at the end which windows
    have a vote.

    Args:
        samples: of a window.
        sample_rate: hertz.

    Attributes:
        length: samples so far.

    Example:
        >>> cutter = Cutter(4, 20)
        >>> [window.tolist() for window in (*cutter.feed(np.arange(7.0)), *cutter.end())]
        [[0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0], [3.0, 4.0, 5.0, 6.0]]
        >>> cutter.spoken()
        array([ True,  True,  True])
    """

    def __init__(self, samples, sample_rate):
        self.samples, self.length = samples, 0
        self._hop, self._frame = max(1, samples // 2), round(FRAME * sample_rate)
        self._heard, self._first, self._count = np.zeros(0, np.float32), 0, 0  # what is kept, where it begins
        self._unframed, self._levels = np.zeros(0, np.float32), []

    def feed(self, block):
        """Take a block, float `(n,)`; the windows that it completes: float32 `(n, samples)`.

        A window that ends where the recording so far does may be the last, which `end` gives.
        """
        block = np.asarray(block, np.float32)
        self._heard, self.length = np.concatenate([self._heard, block]), self.length + len(block)
        last = self.length - self.samples
        starts = np.arange(self._count, max(self._count, -(-last // self._hop))) * self._hop
        self._count += len(starts)
        found = self._cut(starts)
        keep = max(0, min(self._count * self._hop, last))
        self._heard, self._first = self._heard[keep - self._first :].copy(), keep
        framed = np.concatenate([self._unframed, block])
        frames, self._unframed = np.split(framed, [len(framed) // self._frame * self._frame])
        if len(frames):
            self._levels.append(levels_db(frames.reshape(-1, self._frame)))
        return found

    def end(self):
        """The last window, flush with the end, or padded with zeros where all is shorter than one: `(1, samples)`."""
        if len(self._unframed):
            self._levels.append(levels_db(self._unframed[None]))
        self._heard = np.pad(self._heard, (0, max(0, self.samples - self.length)))
        return self._cut([max(0, self.length - self.samples)])

    def spoken(self):
        """Which of all windows are not silent, by `silence.spoken`'s rule: bool `(windows,)`; after `end`."""
        return spoken_of(np.concatenate(self._levels), self.length, self.samples, self._frame)

    def speech_seconds(self):
        """How much of the recording is not silent, to 0.1 s; after `end`."""
        levels = np.concatenate(self._levels)
        return FRAME * float((levels > silence_limit(levels)).sum())

    def _cut(self, starts):
        found = [self._heard[start - self._first : start - self._first + self.samples] for start in starts]
        return np.stack(found) if found else np.zeros((0, self.samples), np.float32)


def audible(windows):
    """Which windows `(n, samples)` may have a vote, whatever else the recording holds: bool `(n,)`."""
    return np.abs(windows).max(axis=1, initial=0.0) > INAUDIBLE

"""The core of `predict`: files in, rows out, in flat memory, with any model and any reader.

It knows no table, no folder and no engine: threads of one process, or the workers of a cluster, call it alike.
"""

import queue
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from emohrnet_tf.audio.files import stream_audio
from emohrnet_tf.audio.silence import SILENCE
from emohrnet_tf.audio.stream import Cutter, audible
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.model.voice import least_confidence

BATCH = 32  # windows scored together; two batches are in flight
UNCERTAIN = "uncertain"  # stands for the emotion where the model is not sure enough


def score_files(model, files, read=stream_audio, min_confidence=None, workers=4):
    """The answer of a model for each file, in the order of the files, as soon as it is there.

    A batch is of windows, of several files or of a part of one: what is in memory depends on neither the number of the
    files nor their length.

    Args:
        model: `EmoHRNet`, `exported.LiteRTScorer`, or another with `labels`, `samples`, `sample_rate`, `widths` and
            `answer_windows`, and `sphere` where it has dimensions.
        files: iterable of what `read` takes.
        read: function of `(file, sample_rate)` to the recording's blocks, float `(n,)`; what it raises as InputError or
            OSError is the row's error.
        min_confidence: the emotion of a file whose most probable label is below it is "uncertain"; None for what the
            model itself holds to be sure enough (`voice.least_confidence`).
        workers: files read at once.

    Yields:
        dictionary of `columns(model)`: `file` as text; `emotion` ("silence" of a file in which there is nothing else),
        a probability by label, the dimensions and `on_sphere`; and `error`, why the file has no answer. What is not
        there is None.

    Example:
        for row in score_files(ready("voices"), ["a.wav", "b.flac"]):
            print(row["file"], row["emotion"])
    """
    min_confidence = least_confidence(model, min_confidence)
    for file, error, mean in answer_files(model, files, read, workers):
        yield row_of(model, file, error, mean, min_confidence)


def answer_files(model, files, read=stream_audio, workers=4, names=("probabilities", "dimensions")):
    """What `score_files` makes its rows of: the mean answers of each file.

    Args:
        model, files, read, workers: of `score_files`.
        names: of the model's answers, those that are wanted and there.

    Yields:
        `(file, error, mean)`: what was given; why there is no answer, or None; and dictionary of float32 `(n,)` by
        name, empty of silence and of what cannot be read.
    """
    names = [name for name in names if name in model.widths]
    waiting, flying, batch = deque(), deque(), []  # clips without a row; answers to come; (clip, numbers, windows)
    with ThreadPoolExecutor(2) as scorer, Readers(read, model.samples, model.sample_rate, workers) as readers:

        def submit():
            windows = np.concatenate([part for _, _, part in batch])
            flying.append((scorer.submit(model.answer_windows, windows), [part[:2] for part in batch]))
            batch.clear()

        def rows(left):
            """The rows that are ready once no more than `left` batches are in flight."""
            while len(flying) > left:
                answers, begin = flying[0][0].result(), 0
                for clip, numbers in flying.popleft()[1]:
                    clip.add(numbers, {name: answers[name][begin : begin + len(numbers)] for name in clip.answers})
                    begin += len(numbers)
            while waiting and waiting[0].ready:
                clip = waiting.popleft()
                yield clip.file, clip.error, clip.mean()

        for file, pieces in readers.each(files):
            waiting.append(clip := Clip(file, names))
            for numbers, windows in pieces:
                if len(numbers):
                    clip.asked += len(numbers)
                    batch.append((clip, numbers, windows))
                if sum(len(part) for _, part, _ in batch) >= BATCH:
                    submit()
                    yield from rows(1)
            clip.error, clip.spoken = pieces.error, pieces.spoken
        if batch:
            submit()
        yield from rows(0)


def columns(model):
    """Names of the columns of a row of `score_files`, in order."""
    names = ["file"]
    if "probabilities" in model.widths:
        names += ["emotion", *model.labels]
    if "dimensions" in model.widths:
        names += [*DIMENSIONS, "radius", "theta", "phi", "region"]
    return [*names, "error"]


class Clip:
    """What is known so far of a file: the answers to its windows, and at the end which of them have a vote."""

    def __init__(self, file, names):
        self.file, self.error, self.spoken = file, None, None
        self.asked = self.answered = 0
        self.answers = {name: [] for name in names}
        self.numbers = []

    def add(self, numbers, answers):
        self.answered += len(numbers)
        self.numbers.append(numbers)
        for name, rows in answers.items():
            self.answers[name].append(rows)

    @property
    def ready(self):
        return (self.error is not None or self.spoken is not None) and self.answered == self.asked

    def mean(self):
        """The mean over the windows that have a vote, by name; nothing where none has."""
        if self.error is not None or not self.numbers:
            return {}
        voted = self.spoken[np.concatenate(self.numbers)]
        return {name: np.concatenate(x)[voted].mean(axis=0) for name, x in self.answers.items() if voted.any()}


def row_of(model, file, error, mean, min_confidence):
    """A row of `score_files`.

    Args:
        model, min_confidence: of `score_files`, the latter a number.
        file: of it.
        error: why there is no answer, or None.
        mean: dictionary of `probabilities` `(classes,)` and `dimensions` `(3,)`, as the model has them; empty of
            silence.
    """
    row = dict.fromkeys(columns(model)) | {"file": str(file), "error": error}
    if error is not None:
        return row
    if "probabilities" in model.widths and not mean:
        row["emotion"] = SILENCE
    if "probabilities" in mean:
        best = mean["probabilities"].argmax()
        row["emotion"] = model.labels[best] if mean["probabilities"][best] >= min_confidence else UNCERTAIN
        row |= zip(model.labels, mean["probabilities"].tolist())
    if "dimensions" in mean:
        row |= zip(DIMENSIONS, model.sphere.from_cube(mean["dimensions"]).tolist())
        row |= on_sphere(model.sphere, mean["dimensions"])
    return row


def on_sphere(sphere, point):
    """Where a point `(3,)` in -1..1 lies on a sphere: `radius`, `theta`, `phi` (radians) and `region` (its name)."""
    radius, theta, phi = (float(x[0]) for x in sphere.spherical(point[None]))
    region = sphere.region_names()[int(sphere.region(point[None])[0])]
    return {"radius": radius, "theta": theta, "phi": phi, "region": region}


class Readers:
    """Threads that read files ahead of who scores them, a few windows of each at a time.

    Args:
        read: of `score_files`.
        samples, sample_rate: of a window.
        workers: threads.
    """

    def __init__(self, read, samples, sample_rate, workers):
        self._read, self._samples, self._sample_rate, self._workers = read, samples, sample_rate, workers
        self._pool, self._stopped = ThreadPoolExecutor(workers), threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def each(self, files):
        """Yields `(file, Pieces)`, in order; the pieces of one are taken before the next."""
        ahead = deque()
        for file in files:
            ahead.append((file, pieces := Pieces(self._stopped)))
            self._pool.submit(self._fill, file, pieces)
            if len(ahead) > 2 * self._workers:
                yield ahead.popleft()
        yield from ahead

    def _fill(self, file, pieces):
        try:
            cutter, held, count, first = Cutter(self._samples, self._sample_rate), [], 0, 0
            for block in self._read(file, self._sample_rate):
                if self._stopped.is_set():
                    return
                held.append(cutter.feed(block))
                count += len(held[-1])
                while count >= BATCH:
                    windows = np.concatenate(held)
                    held, count = [windows[BATCH:].copy()], count - BATCH
                    sound = audible(windows[:BATCH])
                    pieces.put(first + np.flatnonzero(sound), windows[:BATCH][sound])
                    first += BATCH
            if not cutter.length:
                raise InputError(f"{file}: holds no samples; leave the file out or record it again.")
            windows = np.concatenate([*held, cutter.end()])
            spoken = cutter.spoken()
            pieces.put(first + np.flatnonzero(spoken[first:]), windows[spoken[first:]])
            pieces.close(spoken=spoken)
        except InputError as error:
            pieces.close(error=str(error))
        except OSError as error:  # of a disk or a network
            pieces.close(error=f"{file}: cannot be read ({error.strerror or error}); copy it again from its source.")
        except BaseException as error:
            pieces.close(failure=error)


class Pieces:
    """Windows of one file on their way between threads: `(numbers, windows)`, one piece at a time.

    Attributes:
        spoken: which of all its windows have a vote, and
        error: why there are none; one of them once all pieces are taken.
    """

    def __init__(self, stopped):
        self.spoken = self.error = self._failure = None
        self._stopped, self._queue = stopped, queue.Queue(1)

    def put(self, numbers, windows):
        self._put((numbers, windows))

    def close(self, spoken=None, error=None, failure=None):
        self.spoken, self.error, self._failure = spoken, error, failure
        self._put(None)

    def _put(self, item):
        while not self._stopped.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:  # whoever scores may have stopped
                continue

    def __iter__(self):
        while (item := self._queue.get()) is not None:
            yield item
        if self._failure is not None:
            raise self._failure

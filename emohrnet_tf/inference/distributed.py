"""`predict` on many processes and machines, by Ray: the driver deals files out and alone writes; workers score.

A worker needs this package, but no TensorFlow: the model travels as the bytes of its TFLite file. What is written is
what is done, so there is nothing else to go on from; blocks of a worker or machine that dies are scored by another.
"""

import functools
from collections import deque
from pathlib import Path

from emohrnet_tf.cluster import cluster, first_done, package
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable
from emohrnet_tf.inference import sources
from emohrnet_tf.inference.exported import LiteRTScorer
from emohrnet_tf.inference.predict import find_audio
from emohrnet_tf.inference.ready import ready
from emohrnet_tf.inference.rows import RowsFolder
from emohrnet_tf.inference.score import columns, row_of, score_files
from emohrnet_tf.model import voice
from emohrnet_tf.model.voice import Relative, least_confidence

BLOCK = 256  # files of a task and rows of a Parquet file, at most
TRIES = 3  # of a block whose workers die; then it is halved, until the file is found that they die on
LAME = 3  # files that workers died on, while not one was scored: then it is the workers


def predict(
    recordings, out, model="voices", min_confidence=None, reference=None, workers=None, address=None, progress=None,
    report=None,
):  # fmt: skip
    """`predict_into` by Ray: the emotion of each recording, in a folder of Parquet files that goes on when run again.

    A file that cannot be read has the reason in `error` of its row; so has one that worker after worker dies on.

    Args:
        recordings: one or several of `sources.find_recordings`; on a cluster, paths that every machine sees.
        out: folder or address: `rows/*.parquet`, with the columns of `predict.predict`, and `results.json`.
        model: path or name of a model that a TFLite file lies beside (`ready.ready`), or a `LiteRTScorer`.
        min_confidence: of `score_files`.
        reference: paths of recordings of the one voice that speaks in all (`voice.reference`), read here.
        workers: processes that score at once, each on one CPU; None for all CPUs.
        address: of a cluster, "ray://head:10001", "head:6379" or "auto"; None for the environment's RAY_ADDRESS, else
            processes on this machine. Where Ray is initialised already, that is what scores.
        progress: called with (files done, files in all) before the first and after each block of files.
        report: of `find_recordings`.

    Returns:
        `(files in the folder, how many of them have an error)`.

    Raises:
        InputError: of `find_recordings` and `RowsFolder`; no Ray; an address where nothing answers; fewer CPUs than
            workers; a model of dimensions; workers that die whatever they score.

    Example:
        predict("s3://bucket/calls/", "s3://bucket/emotions/", address="ray://head:10001", workers=64)
    """
    ray = package()
    model = _portable(model)
    usual = None if reference is None else voice.reference(find_audio(reference), model)
    heard = model if usual is None else Relative(model, usual)
    asked = least_confidence(heard, min_confidence)
    made_by = {"labels": model.labels, "weights": model.fingerprint, "min_confidence": round(asked, 6)}
    made_by |= {"reference": "" if usual is None else heard.digest}
    names = sources.find_recordings([recordings] if isinstance(recordings, str | Path) else recordings, report)
    rows = RowsFolder(out, columns(model), made_by)
    left = [name for name in names if printable(name) not in rows.done]
    count, failed = len(names) - len(left), sum(rows.done.values())
    if left:
        with cluster(address, workers) as workers:
            score = ray.remote(num_cpus=1, max_retries=TRIES - 1)(score_block)
            task = functools.partial(score.remote, ray.put(model.tflite), usual, asked)
            progress and progress(count, len(names))
            for some in _scored(ray, task, model, left, workers):
                rows.append(some)
                count, failed = count + len(some), failed + sum(row["error"] is not None for row in some)
                progress and progress(count, len(names))
    return len(rows.done) + len(left), failed


def _scored(ray, task, model, files, workers):
    """Lists of rows, a block each, as they are done."""
    size = min(BLOCK, -(-len(files) // (4 * workers)))  # a few for each worker
    waiting = deque(files[start : start + size] for start in range(0, len(files), size))
    flying, dead, alive = {}, 0, False
    while waiting or flying:
        while waiting and len(flying) < workers:
            block = waiting.popleft()
            flying[task(block)] = block
        for answer in first_done(ray, list(flying)):
            block = flying.pop(answer)
            try:
                rows = ray.get(answer)
            except ray.exceptions.RayTaskError as error:
                if "No module named" in str(error):
                    raise InputError(
                        "The workers lack a package: install emohrnet_tf on every machine of the cluster, the same "
                        f"version. Received: {str(error).strip().splitlines()[-1]}"
                    ) from error
                raise
            except ray.exceptions.RayError as error:  # the worker died, or its machine
                if len(block) > 1:
                    half = len(block) // 2
                    waiting.extendleft([block[half:], block[:half]])
                    continue
                reason, dead = str(error).splitlines()[0], dead + 1
                if dead >= LAME and not alive:
                    raise InputError(
                        f"Workers die whatever they score, the last one on {printable(block[0])}: look at Ray's logs. "
                        f"Received: {reason}"
                    ) from error
                text = f"{block[0]}: the process that scores it dies, each time; leave the file out ({reason})"
                yield [row_of(model, block[0], text, {}, 0.0)]
                continue
            alive = True
            yield rows


def score_block(tflite, usual, min_confidence, files):
    """What a worker does: the rows of some files, as a list."""
    model = _model(tflite)
    model = model if usual is None else Relative(model, usual)
    return list(score_files(model, files, sources.read, min_confidence))


@functools.lru_cache(1)  # a worker process takes block after block
def _model(tflite):
    return LiteRTScorer(tflite, threads=1)


def _portable(model):
    """A model that can travel: a `LiteRTScorer`."""
    if isinstance(model, str | Path):
        found = ready(model)
        if found is None:
            raise InputError(
                f"No TFLite file lies beside the model: `emohrnet predict --engine ray` makes it, or "
                f"emohrnet_tf.exporter.litert.make_ready. Received: {model!s}"
            )
        return found
    if not isinstance(model, LiteRTScorer):
        raise InputError(
            "Workers score models of emotions, whose TFLite file travels; dimensions are `emohrnet predict`'s without "
            f"--engine. Received: {type(model).__name__}"
        )
    return model

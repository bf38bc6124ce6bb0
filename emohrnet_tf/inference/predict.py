"""Emotions and dimensions of files and folders, with any model, one bad file never losing the rest."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.silence import SILENCE, spoken_windows
from emohrnet_tf.audio.walk import SUFFIXES, walk
from emohrnet_tf.audio.windows import clip_answers
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, read_csv, writable, write_json
from emohrnet_tf.model.emohrnet import load_model
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.provenance import provenance

BATCH = 32  # files decoded and scored together; two batches are in flight
UNCERTAIN = "uncertain"  # stands for the emotion where the model is not sure enough


def predict(model, paths, min_confidence=0.0, workers=4):
    """The emotion of each audio file.

    Args:
        model: `EmoHRNet`, or the path or name of one (`emohrnet.load_model`).
        paths: files and folders; folders are searched recursively for audio.
        min_confidence: the emotion of a file whose most probable label is below it is "uncertain".
        workers: files decoded at once.

    Returns:
        DataFrame of `file`; where the model names emotions, `emotion` ("silence", without probabilities, of a file in
        which there is nothing else) and a probability per label; where it has
        dimensions, `valence`, `arousal`, `dominance` on the scale that it was trained on and the columns of
        `on_sphere`; and `error` (empty, or why the file has no answer).

    Raises:
        InputError: a path that does not exist, no audio file at all, or a confidence outside 0..1.

    Example:
        table = predict("runs/ravdess", ["clip.wav", "recordings/"])
    """
    model = _checked(model, min_confidence)
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    return pd.concat(list(_batches(model, files, min_confidence, workers)), ignore_index=True)


def predict_into(out, model, paths, min_confidence=0.0, workers=4, progress=None):
    """`predict`, written to a CSV batch by batch, in memory that does not grow with the number of files.

    Files that stand in the CSV already are skipped, so a run that was stopped goes on, and loses at most what was in
    flight, `2 * BATCH` files. A file beside it, `NAME.csv.made_by.json`, says which model made it.

    Args:
        out: the CSV, with the columns of `predict` and absolute paths; of names that are no UTF-8 what
            `files.printable` makes.
        model, paths, min_confidence, workers: of `predict`.
        progress: called with (files done, files in all) after each batch.

    Returns:
        `(files in the CSV, how many of them have an error)`.

    Raises:
        InputError: of `predict`; a CSV that something else made, or that cannot be written.
    """
    out, model = writable(out, suffixes=(".csv",)), _checked(model, min_confidence)
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    files = [Path(os.path.abspath(file)) for file in files]  # "a.wav" of another folder is another file
    head = list(_table(model, [], [], clip_answers(model, []), 0.0).columns)
    made_by = {"labels": model.labels, "weights": _fingerprint(model), "min_confidence": round(min_confidence, 6)}
    facts = out.with_name(f"{out.name}.made_by.json")
    there = _read_facts(facts) if facts.exists() or out.exists() else made_by
    if any(there.get(key) != made_by[key] for key in made_by) and (out.exists() or not set(made_by) <= set(there)):
        raise InputError(
            f"{out} was made by something else: give another file, or delete it and {facts.name} to start anew. "
            f"Received: {out}"
        )
    try:
        write_json(facts, made_by | provenance())
        done, failed = _rows_done(out, head)
        left = [file for file in files if printable(file) not in done]
        count = len(files) - len(left)
        with out.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            for table in _batches(model, left, min_confidence, workers):
                file.write(table.to_csv(index=False, header=False, float_format="%.6f", lineterminator="\n"))
                file.flush()
                count, failed = count + len(table), failed + int(table.error.notna().sum())
                if progress:
                    progress(count, len(files))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): give another file as --out.") from error
    return len(done) + len(left), failed


def _read_facts(file):
    """What a file made by `predict_into` says of itself; nothing where there is none, or it says something else."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _rows_done(out, head):
    """The files that a CSV holds, and how many have an error; a line that a kill cut short is cut off, a head added."""
    text = out.read_bytes() if out.exists() else b""
    if not text.endswith(b"\n"):
        text = text[: text.rfind(b"\n") + 1]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(text or pd.DataFrame(columns=head).to_csv(index=False, lineterminator="\n").encode())
    table = read_csv(out)
    return set(table["file"]), int(table["error"].notna().sum())


def _batches(model, files, min_confidence, workers):
    """Tables of `predict`, one for each `BATCH` files; two are scored while the next is decoded."""

    def table(start, errors, answers):
        return _table(model, files[start : start + BATCH], errors, answers.result(), min_confidence)

    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(2) as scorer:
        decode = lambda start: [pool.submit(_decode, file, model.audio) for file in files[start : start + BATCH]]  # noqa: E731
        ahead, scored = decode(0), []
        for start in range(0, len(files), BATCH):
            decoded, ahead = [future.result() for future in ahead], decode(start + BATCH)
            answers = scorer.submit(clip_answers, model, [clip for clip, _ in decoded])
            scored.append((start, [error for _, error in decoded], answers))
            if len(scored) == 2:
                yield table(*scored.pop(0))
        for last in scored:
            yield table(*last)


def _table(model, files, errors, answers, min_confidence):
    """The rows of `predict` for some files."""
    parts = [pd.DataFrame({"file": [str(file) for file in files]})]
    if "probabilities" in answers:
        rows = answers["probabilities"]
        best = [None if error else _emotion(model, row, min_confidence) for row, error in zip(rows, errors)]
        parts.append(pd.DataFrame({"emotion": pd.Series(best, dtype=object)}))
        parts.append(pd.DataFrame(answers["probabilities"], columns=model.labels))
    if "dimensions" in answers:
        own = model.sphere.from_cube(answers["dimensions"])
        parts += [pd.DataFrame(own, columns=list(DIMENSIONS)), on_sphere(model.sphere, answers["dimensions"])]
    return pd.concat(parts, axis=1).assign(error=pd.Series(errors, dtype=object))


def _emotion(model, probabilities, min_confidence):
    """The word for a row of probabilities; that of silence is NaN."""
    if np.isnan(probabilities).all():
        return SILENCE
    return model.labels[probabilities.argmax()] if probabilities.max() >= min_confidence else UNCERTAIN


def on_sphere(sphere, cube):
    """Where points lie on a model's sphere: DataFrame of `radius`, `theta`, `phi` (radians) and `region` (its name).

    Args:
        sphere: `sphere.Sphere`.
        cube: `(n, 3)` in -1..1; rows of NaN give rows without values.
    """
    known = ~np.isnan(cube).any(axis=1)
    radius, theta, phi = sphere.spherical(np.where(known[:, None], cube, 0.0))
    names, table = sphere.region_names(), pd.DataFrame({"radius": radius, "theta": theta, "phi": phi})
    table.loc[~known] = np.nan
    regions = [names[region] if k else None for region, k in zip(sphere.region(np.nan_to_num(cube)), known)]
    return table.assign(region=pd.Series(regions, dtype=object))


def _checked(model, min_confidence):
    """The model of a path or name, after a look at the least confidence."""
    if not isinstance(min_confidence, Real) or not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    return model if hasattr(model, "answer_windows") else load_model(model)


def _fingerprint(model):
    """A short hash of a model's weights."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.network.get_weights())).hexdigest()[:16]


def find_audio(paths, report=None):
    """Files as they are, folders searched recursively for audio, sorted; each file once (`audio.walk`).

    Args:
        paths: files and folders.
        report: called with what was left out, a list of `{"file", "reason"}`.

    Raises:
        InputError: a path that does not exist, or no audio file at all.
    """
    files, left_out = walk(paths)
    if report is not None:
        report(left_out)
    if not files:
        kinds, given = ", ".join(sorted(SUFFIXES)), [str(path) for path in paths]
        raise InputError(f"No audio file found ({kinds}): give files or another folder. Received: {given!r}")
    return files


def _decode(file, audio):
    try:
        return spoken_windows(load_audio(file, audio.sample_rate), audio.samples, audio.sample_rate), None
    except InputError as error:
        return None, str(error)

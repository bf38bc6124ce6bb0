"""Emotions and dimensions of files and folders, with any model, one bad file never losing the rest."""

import os
from pathlib import Path

from emohrnet_tf.audio.walk import SUFFIXES, walk
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, writable
from emohrnet_tf.inference.growing import GrowingCSV
from emohrnet_tf.inference.ready import digest_of_file, fingerprint, ready
from emohrnet_tf.inference.score import columns, score_files
from emohrnet_tf.inference.voices import score_voices, voices_of
from emohrnet_tf.model import voice
from emohrnet_tf.model.voice import Relative, least_confidence

TEXTS = ("file", "emotion", "region", "error")  # columns that hold no numbers


def predict(model, paths, min_confidence=None, workers=4, reference=None, voices=None):
    """The emotion of each audio file.

    Args:
        model: `EmoHRNet`, or the path or name of one (`opened`).
        paths: files and folders; folders are searched recursively for audio.
        min_confidence: the emotion of a file whose most probable label is below it is "uncertain"; None for what the
            model itself holds to be sure enough, 0 for always an answer.
        workers: files decoded at once.
        reference: recordings of the one voice that speaks in all files (`voice.reference`), for a model that takes
            them: emotion is a difference from how a person usually sounds.
        voices: where the files are of several: "folder", each file's own, or a CSV of `file` and `speaker`; the files
            of each voice are its reference (`voices.score_voices`).

    Returns:
        DataFrame of `file`; where the model names emotions, `emotion` ("silence", without probabilities, of a file in
        which there is nothing else) and a probability per label; where it has
        dimensions, `valence`, `arousal`, `dominance` on the scale that it was trained on and the columns of
        `score.on_sphere`; and `error` (empty, or why the file has no answer).

    Raises:
        InputError: a path that does not exist, no audio file at all, or a confidence outside 0..1.

    Example:
        table = predict("runs/ravdess", ["clip.wav", "recordings/"])
    """
    import pandas as pd

    rows, names = predict_rows(model, paths, min_confidence, workers, reference, voices)
    table = pd.DataFrame(list(rows), columns=names)
    return table.astype({name: object if name in TEXTS else float for name in names})


def predict_rows(model, paths, min_confidence=None, workers=4, reference=None, voices=None):
    """`predict`, row by row, without pandas: `(rows, columns)`, an iterator of dictionaries (`score.score_files`)."""
    model = opened(model)
    least_confidence(model, min_confidence)  # said before files are looked for
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    return scored(model, files, min_confidence, workers, reference, voices), columns(model)


def scored(model, files, min_confidence=None, workers=4, reference=None, voices=None):
    """Rows of `score_files` for files, in their order, relative to the voices that `predict` is told.

    Raises:
        InputError: both a reference and voices, a model that takes neither, or of `voice.reference` and
            `voices.voices_of`.
    """
    least_confidence(model, min_confidence)
    if reference is not None and voices is not None:
        raise InputError("Give a reference for all files, or where each file's voice is found. Received: both")
    if reference is not None:
        model = Relative(model, voice.reference(reference, model))
    if voices is None:
        return score_files(model, files, min_confidence=min_confidence, workers=workers)
    voice.check_takes_reference(model)
    order = {str(file): number for number, file in enumerate(files)}
    rows = score_voices(model, files, voices_of(files, voices), min_confidence, workers)
    return iter(sorted(rows, key=lambda row: order[row["file"]]))


def opened(model):
    """A model by its path or name: by the TFLite file ready beside it (`ready.ready`), else by `load_model`."""
    if hasattr(model, "answer_windows"):
        return model
    found = ready(model)
    if found is None:
        from emohrnet_tf.model.saved import load_model  # TensorFlow

        found = load_model(model)
    return found


def predict_into(out, model, paths, min_confidence=None, workers=4, progress=None, reference=None, voices=None):
    """`predict`, written to a CSV row by row, in memory that grows with neither the files' number nor their length.

    Files that stand in the CSV already are skipped, so a run that was stopped goes on, and loses what was in flight.
    A file beside it, `NAME.csv.made_by.json`, says which model made it.

    Args:
        out: the CSV, with the columns of `predict` and absolute paths; of names that are no UTF-8 what
            `files.printable` makes.
        model, paths, min_confidence, workers, reference, voices: of `predict`; with voices, rows come voice by voice.
        progress: called with (files done, files in all) after each file.

    Returns:
        `(files in the CSV, how many of them have an error)`.

    Raises:
        InputError: of `predict`; a CSV that something else made, or that cannot be written.
    """
    out, model = writable(out, suffixes=(".csv",)), opened(model)
    asked = least_confidence(model, min_confidence)
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    files = [Path(os.path.abspath(file)) for file in files]  # "a.wav" of another folder is another file
    made_by = {"labels": model.labels, "weights": fingerprint(model), "min_confidence": round(asked, 6)}
    made_by |= {"reference": "", "voices": ""}
    if reference is not None:
        model = Relative(model, voice.reference(reference, model))
        asked = least_confidence(model, min_confidence)
        made_by |= {"min_confidence": round(asked, 6), "reference": model.digest}
    if voices is not None:
        voice.check_takes_reference(model)
        made_by["voices"] = "folder" if str(voices) == "folder" else digest_of_file(voices)
    with GrowingCSV(out, columns(model), made_by, earlier={"reference": "", "voices": ""}) as growing:
        done = growing.done()
        left = [file for file in files if printable(file) not in done]
        count, failed = len(files) - len(left), sum(done.values())
        if voices is None:
            rows = score_files(model, left, min_confidence=min_confidence, workers=workers)
        else:
            rows = score_voices(model, left, voices_of(files, voices), min_confidence, workers)
        for row in rows:
            growing.append_row(row)
            count, failed = count + 1, failed + (row["error"] is not None)
            if progress:
                progress(count, len(files))
    return len(done) + len(left), failed


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

"""Emotions and dimensions of files and folders, with any model, one bad file never losing the rest."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio import load_audio, windows
from emohrnet_tf.emohrnet import heard, load_model
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluate import Truth, evaluate_answers
from emohrnet_tf.provenance import provenance
from emohrnet_tf.report import write_json
from emohrnet_tf.sphere import DIMENSIONS
from emohrnet_tf.targets import emotion_numbers, read_vad

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".oga", ".aif", ".aiff"}
BATCH = 64  # files decoded and scored together
UNCERTAIN = "uncertain"  # stands for the emotion where the model is not sure enough


def predict(model, paths, min_confidence=0.0, workers=4):
    """The emotion of each audio file.

    Args:
        model: `EmoHRNet`, or the path or name of one (`emohrnet.load_model`).
        paths: files and folders; folders are searched recursively for audio.
        min_confidence: the emotion of a file whose most probable label is below it is "uncertain".
        workers: files decoded at once.

    Returns:
        DataFrame of `file`; where the model names emotions, `emotion` and a probability per label; where it has
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

    Files that stand in the CSV already are skipped, so a run that was stopped goes on, and loses at most the batch in
    flight. A JSON of the same name beside it says which model made it.

    Args:
        out: the CSV, with the columns of `predict`.
        model, paths, min_confidence, workers: of `predict`.
        progress: called with (files done, files in all) after each batch.

    Returns:
        `(files in the CSV, how many of them have an error)`.

    Raises:
        InputError: of `predict`; a CSV that something else made, or that cannot be written.
    """
    out, model = Path(out), _checked(model, min_confidence)
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    head = list(_table(model, [], [], clip_answers(model, []), 0.0).columns)
    made_by = {"labels": model.labels, "weights": _fingerprint(model), "min_confidence": round(min_confidence, 6)}
    facts = out.with_suffix(".json")
    if out.exists() and (
        not facts.exists() or any(json.loads(facts.read_text()).get(k) != made_by[k] for k in made_by)
    ):
        raise InputError(f"{out} was made by something else: give another file, or delete it to start anew.")
    try:
        write_json(facts, made_by | provenance())
        done, failed = _rows_done(out, head)
        left = [file for file in files if str(file) not in done]
        count = len(files) - len(left)
        with out.open("a", encoding="utf-8", newline="") as file:
            for table in _batches(model, left, min_confidence, workers):
                file.write(table.to_csv(index=False, header=False, float_format="%.6f", lineterminator="\n"))
                file.flush()
                count, failed = count + len(table), failed + int(table.error.notna().sum())
                if progress:
                    progress(count, len(files))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): give another file as --out.") from error
    return len(done) + len(left), failed


def _rows_done(out, head):
    """The files that a CSV holds, and how many have an error; a line that a kill cut short is cut off, a head added."""
    text = out.read_bytes() if out.exists() else b""
    if not text.endswith(b"\n"):
        text = text[: text.rfind(b"\n") + 1]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(text or (",".join(head) + "\n").encode())
    table = pd.read_csv(out, dtype=str, keep_default_na=False)
    return set(table["file"]), int((table["error"] != "").sum())


def _batches(model, files, min_confidence, workers):
    """Tables of `predict`, one for each `BATCH` files; the next are decoded while one is scored."""
    with ThreadPoolExecutor(workers) as pool:
        decode = lambda start: [pool.submit(_decode, file, model.audio) for file in files[start : start + BATCH]]  # noqa: E731
        ahead = decode(0)
        for start in range(0, len(files), BATCH):
            decoded, ahead = [future.result() for future in ahead], decode(start + BATCH)
            answers = clip_answers(model, [clip for clip, _ in decoded])
            errors = [error for _, error in decoded]
            yield _table(model, files[start : start + BATCH], errors, answers, min_confidence)


def _table(model, files, errors, answers, min_confidence):
    """The rows of `predict` for some files."""
    parts = [pd.DataFrame({"file": [str(file) for file in files]})]
    if "probabilities" in answers:
        best = [
            None if error else model.labels[row.argmax()] if row.max() >= min_confidence else UNCERTAIN
            for row, error in zip(answers["probabilities"], errors)
        ]
        parts.append(pd.DataFrame({"emotion": pd.Series(best, dtype=object)}))
        parts.append(pd.DataFrame(answers["probabilities"], columns=model.labels))
    if "dimensions" in answers:
        own = model.sphere.from_cube(answers["dimensions"])
        parts += [pd.DataFrame(own, columns=list(DIMENSIONS)), on_sphere(model.sphere, answers["dimensions"])]
    return pd.concat(parts, axis=1).assign(error=pd.Series(errors, dtype=object))


def on_sphere(sphere, cube):
    """Where points lie on a model's sphere: DataFrame of `radius`, `theta`, `phi` (radians) and `region` (its name).

    Args:
        sphere: `sphere.Sphere`.
        cube: `(n, 3)` in -1..1; rows of NaN give rows without values.
    """
    known = ~np.isnan(cube).any(axis=1)
    radius, theta, phi = sphere.spherical(np.where(known[:, None], cube, 0.0))
    names, table = sphere.region_names(), pd.DataFrame({"radius": radius, "theta": theta, "phi": phi})
    table = table.where(known)
    regions = [names[region] if k else None for region, k in zip(sphere.region(np.nan_to_num(cube)), known)]
    return table.assign(region=pd.Series(regions, dtype=object))


def _checked(model, min_confidence):
    """The model of a path or name, after a look at the least confidence."""
    if not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    return load_model(model) if isinstance(model, str | Path) else model


def _fingerprint(model):
    """A short hash of a model's weights."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.network.get_weights())).hexdigest()[:16]


def clip_answers(model, clips):
    """What a model says of clips, each the mean over its windows.

    Args:
        model: `EmoHRNet`, or another with `outputs`.
        clips: lists of windows `(n, samples)`, or None for a clip that could not be read.

    Returns:
        dictionary of float32 arrays, as the model has them: `probabilities` `(clips, classes)`, `dimensions`
        `(clips, 3)` in -1..1, `embedding` `(clips, filters)`; a row of NaN where a clip is None.
    """
    present = [number for number, clip in enumerate(clips) if clip is not None]
    if not present:
        return {name: np.full((len(clips), width), np.nan, "float32") for name, width in model.widths.items()}
    stacked = model.outputs(np.concatenate([clips[number] for number in present]))
    ends = np.cumsum([len(clips[number]) for number in present])
    answers = {name: np.full((len(clips), x.shape[1]), np.nan, "float32") for name, x in stacked.items()}
    for name, rows in stacked.items():
        for number, part in zip(present, np.split(rows, ends[:-1])):
            answers[name][number] = part.mean(axis=0)
    return answers


def score_clips(model, clips):
    """The probabilities of `clip_answers`.

    Raises:
        InputError: the model names no emotions.
    """
    if not model.labels:
        raise InputError("The model gives valence, arousal and dominance and names no emotions. Received: 'vad'")
    return clip_answers(model, clips)["probabilities"]


def find_audio(paths):
    """Files as they are, folders searched recursively for audio, sorted.

    Raises:
        InputError: a path that does not exist, or no audio file at all.
    """
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
        elif path.exists():
            files.append(path)
        else:
            raise InputError(f"No such file or folder: check the path. Received: {path}")
    if not files:
        kinds, given = ", ".join(sorted(AUDIO_SUFFIXES)), [str(path) for path in paths]
        raise InputError(f"No audio file found ({kinds}): give files or another folder. Received: {given!r}")
    return files


def _decode(file, audio):
    try:
        return windows(load_audio(file, audio.sample_rate), audio.samples), None
    except InputError as error:
        return None, str(error)


def measure(model, index, part="test", shared_labels=False, picture=None, reliability=None, embedding=None):
    """Evaluate a model on an index.

    Args:
        model: as for `emohrnet.load_model`; a split beside the model says what it was trained on.
        index: DataFrame with `file`, `emotion` and optionally `speaker`, `channel`, `start`, `end`.
        part: "test" leaves out the clips that the model was trained on or chosen by, "all" keeps them.
        shared_labels: measure on the emotions that model and index share, as across corpora: other clips are left
            out, and the model chooses among the shared ones.
        picture: to draw the confusion matrix in, and for a model with dimensions (of a joint one in a second file,
            `..._dimensions`) labelled against predicted.
        reliability: to draw how often the model is right in, against how sure it is.
        embedding: to draw in which clips are alike to it.

    Returns:
        The report of `evaluate.evaluate_answers`, with `part`, `left_out`, `failed` and what the result was made by.

    Raises:
        InputError: no clip is left, a label that the model does not know, no readable clip, or a picture of emotions
            that the model does not name.
    """
    name, (index, left_out) = Path(model).name, unseen(model, index, part)
    model, labels = load_model(model), None
    if shared_labels:
        labels = [label for label in model.labels if label in set(index.emotion)]
        index = index[index.emotion.isin(labels)]
        if len(labels) < 2:
            raise InputError(f"The model knows {', '.join(model.labels)}; two shared emotions are needed: {labels!r}")
    clips = known_clips(model, index)
    labels, answers = answer_index(model, clips, labels)
    truth = truth_of(model, clips.index, labels)
    speakers = clips.index.speaker.tolist() if "speaker" in clips.index else None
    report = evaluate_answers(labels, truth, answers, speakers)
    if picture or reliability or embedding:
        _draw(report, truth, answers, labels, picture, reliability, embedding)
    report |= {"part": part, "left_out": left_out, "model": name, "corpora": _corpora(clips.index)}
    return report | {"failed": clips.failed.to_dict("records"), **provenance()}


def _draw(report, truth, answers, labels, picture, reliability, embedding):
    """The pictures of `measure`, those that are asked for."""
    from emohrnet_tf import plots  # matplotlib: not for who predicts

    named = truth.emotion >= 0
    if (reliability or embedding) and not (labels and named.any()):
        raise InputError("These pictures are of emotions, and the model or the index names none. Received: 0 clips")
    if reliability:
        plots.reliability(truth.emotion[named], answers["probabilities"][named], reliability)
    if embedding:
        emotions = np.array(labels)[truth.emotion[named]]
        plots.embedding_map(answers["embedding"][named], emotions, embedding, labels)
    if picture and "confusion" in report:
        plots.confusion_matrix(report, picture)
        picture = Path(picture).with_name(f"{Path(picture).stem}_dimensions{Path(picture).suffix}")
    if picture and "vad" in report:
        true, predicted = truth.cube[truth.known], answers["dimensions"][truth.known]
        plots.dimensions(report["vad"], truth.sphere, true, predicted, picture)


def known_clips(model, index):
    """The `data.Clips` of an index at a model's rate.

    Raises:
        InputError: a label that the model does not know, or no readable clip.
    """
    from emohrnet_tf.data import Clips

    unknown = sorted(set(index.emotion.dropna()) - set(model.labels)) if model.labels else []
    if model.head.kind == "categorical" and index.emotion.isna().any():
        raise InputError("The model names emotions: leave out the clips without one. Received: an empty emotion")
    if unknown:
        raise InputError(f"The model knows {', '.join(model.labels)}: relabel or drop the others. Received: {unknown}")
    return Clips(index, model.audio.sample_rate)


def truth_of(model, index, labels):
    """What is known of the clips of an index, as `evaluate.Truth`; of dimensions only for a model that has them.

    Raises:
        InputError: of `targets.read_vad`; no clip with labels of the only thing that the model answers.
    """
    cube, known = read_vad(index) if model.sphere is not None else (None, None)
    if known is not None and not known.any():
        raise InputError("No clip of the index has valence, arousal and dominance. Received: 0 rows with them")
    return Truth(emotion_numbers(index, labels), cube, known, model.sphere)


def answer_index(model, clips, labels=None, change=None):
    """What a model says of clips.

    Args:
        model: `EmoHRNet`.
        clips: of `known_clips`.
        labels: those of the model's to choose among; None for all.
        change: function of (waveform, number of the clip) to the waveform that is scored; None for none.

    Returns:
        `(labels, answers)`, the latter as of `clip_answers`, probabilities of `labels` alone.
    """
    labels = labels or model.labels
    heard = lambda row: change(clips.waveform(row), row) if change else clips.waveform(row)  # noqa: E731
    rows, scores = range(len(clips.index)), []
    for start in range(0, len(rows), 64):
        scores.append(
            clip_answers(model, [windows(heard(row), model.audio.samples) for row in rows[start : start + 64]])
        )
    answers = {name: np.concatenate([part[name] for part in scores]) for name in scores[0]}
    if labels:
        chosen = answers["probabilities"][:, [model.labels.index(label) for label in labels]]
        answers["probabilities"] = chosen / chosen.sum(axis=1, keepdims=True)
    return labels, answers


def _corpora(index):
    return sorted(set(index.corpus)) if "corpus" in index else []


def unseen(model, index, part="test"):
    """The clips of an index that a model was neither trained on nor chosen by, as far as that is known.

    Args:
        model: as for `emohrnet.load_model`.
        index: DataFrame with `file`.
        part: "test", or "all", for which every clip stays.

    Returns:
        `(index, left_out)`: the clips that stay, and how many do not.

    Raises:
        InputError: another part, or no clip stays.
    """
    if part not in ("test", "all"):
        raise InputError(f"The part is test or all. Received: {part!r}")
    seen = heard(model, index)
    if part == "all":
        return index, 0
    if seen.all():
        raise InputError(
            f"The model was trained on every clip of the index: evaluate on another, or on --part all, which is no "
            f"measure of new speech. Received: {model}"
        )
    return index[~seen], int(seen.sum())

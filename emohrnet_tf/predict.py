"""Emotions of files and folders, with any model, one bad file never losing the rest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio import load_audio, windows
from emohrnet_tf.emohrnet import heard, load_model
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluate import evaluate
from emohrnet_tf.provenance import provenance

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".oga", ".aif", ".aiff"}
UNCERTAIN = "uncertain"  # stands for the emotion where the model is not sure enough


def predict(model, paths, min_confidence=0.0, workers=4):
    """The emotion of each audio file.

    Args:
        model: `EmoHRNet`, or the path or name of one (`emohrnet.load_model`).
        paths: files and folders; folders are searched recursively for audio.
        min_confidence: the emotion of a file whose most probable label is below it is "uncertain".
        workers: files decoded at once.

    Returns:
        DataFrame of `file`, `emotion`, a probability per label, and `error` (empty, or why the file has no emotion).

    Raises:
        InputError: a path that does not exist, no audio file at all, or a confidence outside 0..1.

    Example:
        table = predict("runs/ravdess", ["clip.wav", "recordings/"])
    """
    if not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    if isinstance(model, str | Path):
        model = load_model(model)
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    errors, chunks = [], []
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(files), 64):
            decoded = list(pool.map(lambda file: _decode(file, model.audio), files[start : start + 64]))
            errors += [error for _, error in decoded]
            chunks.append(score_clips(model, [clip for clip, _ in decoded]))
    probabilities = np.concatenate(chunks)
    best = [
        None if error else model.labels[row.argmax()] if row.max() >= min_confidence else UNCERTAIN
        for row, error in zip(probabilities, errors)
    ]
    table = pd.DataFrame({"file": [str(file) for file in files], "emotion": best})
    return pd.concat([table, pd.DataFrame(probabilities, columns=model.labels)], axis=1).assign(error=errors)


def score_clips(model, clips):
    """Probabilities `(clips, classes)` of lists of windows `(n, samples)`; a row of NaN where a clip is None."""
    scores = np.full((len(clips), len(model.labels)), np.nan, "float32")
    present = [number for number, clip in enumerate(clips) if clip is not None]
    if present:
        stacked = model.score(np.concatenate([clips[number] for number in present]))
        ends = np.cumsum([len(clips[number]) for number in present])
        for number, part in zip(present, np.split(stacked, ends[:-1])):
            scores[number] = part.mean(axis=0)
    return scores


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


def measure(model, index, part="test", shared_labels=False):
    """Evaluate a model on an index.

    Args:
        model: as for `emohrnet.load_model`; a split beside the model says what it was trained on.
        index: DataFrame with `file`, `emotion` and optionally `speaker`, `channel`, `start`, `end`.
        part: "test" leaves out the clips that the model was trained on or chosen by, "all" keeps them.
        shared_labels: measure on the emotions that model and index share, as across corpora: other clips are left
            out, and the model chooses among the shared ones.

    Returns:
        The report of `evaluate.evaluate`, with `part`, `left_out`, `failed` and what the result was made by.

    Raises:
        InputError: no clip is left, a label that the model does not know, or no readable clip.
    """
    name, (index, left_out) = Path(model).name, unseen(model, index, part)
    model, labels = load_model(model), None
    if shared_labels:
        labels = [label for label in model.labels if label in set(index.emotion)]
        index = index[index.emotion.isin(labels)]
        if len(labels) < 2:
            raise InputError(f"The model knows {', '.join(model.labels)}; two shared emotions are needed: {labels!r}")
    clips = known_clips(model, index)
    labels, probabilities = score_index(model, clips, labels)
    true = clips.index.emotion.tolist()
    speakers = clips.index.speaker.tolist() if "speaker" in clips.index else None
    report = evaluate(labels, true, probabilities, speakers)
    report |= {"part": part, "left_out": left_out, "model": name, "corpora": _corpora(clips.index)}
    return report | {"failed": clips.failed.to_dict("records"), **provenance()}


def known_clips(model, index):
    """The `data.Clips` of an index at a model's rate.

    Raises:
        InputError: a label that the model does not know, or no readable clip.
    """
    from emohrnet_tf.data import Clips

    unknown = sorted(set(index.emotion) - set(model.labels))
    if unknown:
        raise InputError(f"The model knows {', '.join(model.labels)}: relabel or drop the others. Received: {unknown}")
    return Clips(index, model.audio.sample_rate)


def score_index(model, clips, labels=None, change=None):
    """Probabilities of clips.

    Args:
        model: `EmoHRNet`.
        clips: of `known_clips`.
        labels: those of the model's to choose among; None for all.
        change: function of (waveform, number of the clip) to the waveform that is scored; None for none.

    Returns:
        `(labels, probabilities)`, the latter `(clips, labels)`.
    """
    labels = labels or model.labels
    heard = lambda row: change(clips.waveform(row), row) if change else clips.waveform(row)  # noqa: E731
    rows, scores = range(len(clips.index)), []
    for start in range(0, len(rows), 64):
        scores.append(
            score_clips(model, [windows(heard(row), model.audio.samples) for row in rows[start : start + 64]])
        )
    scores = np.concatenate(scores)[:, [model.labels.index(label) for label in labels]]
    return labels, scores / scores.sum(axis=1, keepdims=True)


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

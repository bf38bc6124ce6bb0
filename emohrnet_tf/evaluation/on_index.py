"""A model measured on an index: what it answers, clip by clip, held against what is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.silence import spoken_windows
from emohrnet_tf.audio.windows import clip_answers, windows
from emohrnet_tf.data.leakage import heard, named, speakers_of
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.targets import emotion_numbers, read_vad
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.metrics import Truth, answers_report
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.model.voice import check_takes_reference
from emohrnet_tf.provenance import provenance


def evaluate(model, index, part="test", shared_labels=False, own_speech=False):
    """Evaluate a model on an index.

    Args:
        model: as for `saved.load_model`.
        index: DataFrame with `file`, `emotion` and optionally `speaker`, `channel`, `start`, `end`.
        part: "test" leaves out the clips that the model was trained on or chosen by, "all" keeps them.
        shared_labels: measure on the emotions that model and index share, as across corpora: other clips are left
            out, and the model chooses among the shared ones.
        own_speech: hear each clip relative to all of its speaker's that are measured, whose labels are not looked at
            (`references`): another protocol, "with the speaker's own unlabelled recordings".

    Returns:
        The report of `metrics.answers_report`, with `part`, `left_out` (None where it is not known what the model
        has heard), `silent` (files of clips that are silence, which the model is not asked about: in none of the
        figures), `failed` and what the result was made by.

    Raises:
        InputError: no clip is left, a label that the model does not know, or no readable clip.

    Example:
        report = evaluate("runs/ravdess", read_index("emovo.csv"), shared_labels=True)
    """
    return measure(model, index, part, shared_labels, own_speech).report


@dataclass(frozen=True)
class Measured:
    """A model's answers on an index: what `evaluate` reports, and what pictures are drawn from (`plots.evaluated`).

    Args:
        report: of `evaluate`.
        labels: among which the model chose; none for a model of dimensions alone.
        truth: `metrics.Truth` of the clips.
        answers: of `answer_index`.
    """

    report: dict
    labels: list
    truth: Truth
    answers: dict


def measure(model, index, part="test", shared_labels=False, own_speech=False):
    """`evaluate`, as a `Measured`."""
    index, left_out = unseen(model, named(index), part)
    name = Path(model).name if isinstance(model, str | Path) else model.name
    model, labels = load_model(model) if isinstance(model, str | Path) else model, None
    if shared_labels:
        labels = [label for label in model.labels if label in set(index.emotion)]
        index = index[index.emotion.isin(labels)]
        if len(labels) < 2:
            raise InputError(
                f"The model knows {', '.join(model.labels) or 'no emotions'}; two that the index has are needed. "
                f"Received: {labels!r}"
            )
    clips = known_clips(model, index)
    own = references(model, clips) if own_speech else None
    labels, answers = answer_index(model, clips, labels, references=own)
    silent = np.isnan(next(iter(answers.values()))).any(axis=1)
    if silent.all():
        raise InputError(f"Every clip of the index is silence: look at its files. Received: {len(silent)} clips")
    answers, heard_index = {name: x[~silent] for name, x in answers.items()}, clips.index[~silent]
    truth = truth_of(model, heard_index, labels)
    speakers = speakers_of(heard_index, missing=True).tolist() if "speaker" in heard_index else None
    report = answers_report(labels, truth, answers, speakers)
    report["silent"] = clips.index.file[silent].tolist()
    report |= {"own_speech": True} if own_speech else {}
    report |= {"part": part, "left_out": left_out, "model": name, "corpora": _corpora(heard_index)}
    report |= {"failed": clips.failed.to_dict("records"), **provenance()}
    return Measured(report, labels, truth, answers)


def known_clips(model, index):
    """The `pipeline.Clips` of an index at a model's rate.

    Raises:
        InputError: a label that the model does not know, or no readable clip.
    """
    unknown = sorted(set(index.emotion.dropna()) - set(model.labels)) if model.labels else []
    if model.head.kind == "categorical" and index.emotion.isna().any():
        raise InputError("The model names emotions: leave out the clips without one. Received: an empty emotion")
    if unknown:
        raise InputError(f"The model knows {', '.join(model.labels)}: relabel or drop the others. Received: {unknown}")
    return Clips(index, model.audio.sample_rate)


def truth_of(model, index, labels):
    """What is known of the clips of an index, as `metrics.Truth`; of dimensions only for a model that has them.

    Raises:
        InputError: of `targets.read_vad`; no clip with labels of the only thing that the model answers.
    """
    cube, known = read_vad(index) if model.sphere is not None else (None, None)
    if known is not None and not known.any():
        raise InputError("No clip of the index has valence, arousal and dominance. Received: 0 rows with them")
    return Truth(emotion_numbers(index, labels), cube, known, model.sphere)


def references(model, clips):
    """How the speaker of each clip usually sounds, of all its clips together: `(clips, filters)`.

    A row of NaN where there is one clip alone, which differs from itself in nothing.

    It is made of the very recordings that are judged, as `predict --speaker-from` makes it; no label is looked at.

    Args:
        model: `EmoHRNet` of `network.reference`.
        clips: of `known_clips`.

    Raises:
        InputError: a model that takes no reference, or an index without speakers.
    """
    check_takes_reference(model)
    if "speaker" not in clips.index or clips.index.speaker.isna().any():
        raise InputError("The speaker's own speech needs a speaker for every clip. Received: a clip without")
    _, answers = answer_index(model, clips)
    speakers = speakers_of(clips.index)
    voices = pd.DataFrame(answers["embedding"]).groupby(np.asarray(speakers))
    return voices.transform("mean").where(voices.transform("count") > 1).to_numpy("float32")


def answer_index(model, clips, labels=None, change=None, silence=True, references=None):
    """What a model says of clips.

    Args:
        model: `EmoHRNet`.
        clips: of `known_clips`.
        labels: those of the model's to choose among; None for all.
        silence: whether silent windows have no vote, and clips of silence rows of NaN; else every window has one.
        change: function of (waveform, number of the clip) to the waveform that is scored; None for none.
        references: of `references`, or None.

    Returns:
        `(labels, answers)`, the latter as of `clip_answers`, probabilities of `labels` alone. Clips that turn out to
        be damaged have left `clips` and have no rows.
    """
    labels = labels or model.labels
    rows, scores, audio, damaged = range(len(clips.index)), [], model.audio, {}

    def heard(row):
        try:
            waveform = clips.waveform(row)
        except InputError as error:
            damaged[row] = str(error)
            return None
        waveform = change(waveform, row) if change else waveform
        if silence:
            return spoken_windows(waveform, audio.samples, audio.sample_rate)
        return windows(waveform, audio.samples)

    for start in range(0, len(rows), 64):
        part = slice(start, start + 64)
        own = None if references is None else references[part]
        scores.append(clip_answers(model, [heard(row) for row in rows[part]], own))
    answers = {name: np.delete(np.concatenate([part[name] for part in scores]), [*damaged], 0) for name in scores[0]}
    clips.drop(damaged)
    if labels:
        chosen = answers["probabilities"][:, [model.labels.index(label) for label in labels]]
        answers["probabilities"] = chosen / chosen.sum(axis=1, keepdims=True)
    return labels, answers


def _corpora(index):
    return sorted(set(index.corpus)) if "corpus" in index else []


def unseen(model, index, part="test"):
    """The clips of an index that a model was neither trained on nor chosen by, as far as that is known.

    Args:
        model: as for `saved.load_model`.
        index: DataFrame with `file`.
        part: "test", or "all", for which every clip stays.

    Returns:
        `(index, left_out)`: the clips that stay, and how many do not; None where the model does not say what it has
        heard, so that clips which it knows may be among those that stay.

    Raises:
        InputError: another part, or no clip stays.
    """
    if part not in ("test", "all"):
        raise InputError(f"The part is test or all. Received: {part!r}")
    if part == "all":
        return index, 0
    seen = heard(model, index)
    known, seen = seen.notna().all(), seen.fillna(False).to_numpy(bool)
    if len(index) and seen.all():
        raise InputError(
            f"The model was trained on every clip of the index: evaluate on another, or on --part all, which is no "
            f"measure of new speech. Received: {model}"
        )
    return index[~seen], int(seen.sum()) if known else None


def left_out_text(part, left_out):
    """What a result says of the clips that the model knows, as a sentence."""
    if left_out is None:
        return f"Part: {part}; unknown what the model has heard: clips of its own training may be among these."
    return f"Part: {part}; {left_out} clips of the model's own training left out."

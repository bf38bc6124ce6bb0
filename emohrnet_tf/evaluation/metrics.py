"""Numbers from (truth, answers): recall, accuracy, calibration, and `dimensions` beside them; with intervals."""

from dataclasses import dataclass

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.dimensions import dimensions_report
from emohrnet_tf.evaluation.intervals import LEVEL, numbered_speakers, recall_interval, recall_speaker_interval
from emohrnet_tf.model.sphere import Sphere

BINS = 15  # of the calibration error


def classification_report(labels, true, probabilities, speakers=None, bootstrap=1000, seed=0):
    """Score a classifier on labelled clips.

    UAR is the mean recall and macro-F1 the mean F1 of the classes that occur in `true`; WAR is the accuracy. The 95 %
    interval `by_clip` resamples clips; `by_speaker`, where there are two speakers or more, is the honest one for
    speakers never heard: Student's t around the score, its error by leaving out each speaker in turn (the jackknife
    over clusters, as resampling four to six speakers is too sure of itself: 80 to 83 % in place of 95). ECE has 15
    equal-width bins of confidence.

    Args:
        labels: class names, in the order of the probabilities' columns.
        true: `(clips,)` class names, or integers that count into `labels`.
        probabilities: `(clips, classes)`, rows that sum to 1.
        speakers: `(clips,)` names, for the table of speakers and their interval; where the speaker of a clip is not
            known (None, NaN) there is no interval by speaker.
        bootstrap: resamples; 0 leaves the intervals out.
        seed: of the resampling.

    Returns:
        JSON-ready dict: labels, clips, uar, war, macro_f1, ece, mean_confidence, interval, per_class, per_speaker,
        confusion (rows are the truth). A class without clips has None for its scores.

    Raises:
        InputError: no clips, unknown labels, lengths that differ, rows that are no probabilities.

    Example:
        >>> true, said = ["calm", "anger", "anger"], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
        >>> report = classification_report(["calm", "anger"], true, said)
        >>> report["uar"], report["confusion"]
        (0.75, [[1, 0], [1, 1]])
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

    labels = _check_labels(labels)
    true = _check_true(labels, true)
    probabilities = _check_probabilities(labels, true, probabilities)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    present = np.unique(true)
    macro = dict(labels=present, average="macro", zero_division=0)
    report = {
        "labels": labels,
        "clips": len(true),
        "uar": float(recall_score(true, predicted, **macro)),
        "war": float(accuracy_score(true, predicted)),
        "macro_f1": float(f1_score(true, predicted, **macro)),
        "ece": calibration_error(predicted == true, confidence),
        "mean_confidence": float(confidence.mean()),
        "confusion": confusion_matrix(true, predicted, labels=range(len(labels))).tolist(),
        "per_class": _per_class(labels, true, predicted),
    }
    by_clip = np.arange(len(true))
    by_speaker = None
    if speakers is not None:
        names, by_speaker = numbered_speakers(true, speakers)
        report["per_speaker"] = _per_speaker(names, by_speaker, true, predicted)
    if bootstrap:
        intervals = {"by_clip": recall_interval(by_clip, true, predicted, len(labels), bootstrap, seed)}
        if by_speaker is not None and by_speaker.min() >= 0 and by_speaker.max() > 0:
            intervals["by_speaker"] = recall_speaker_interval(by_speaker, true, predicted, len(labels))
            intervals["speakers"] = int(by_speaker.max()) + 1
        report["interval"] = {"level": LEVEL, "resamples": bootstrap, "seed": seed, **intervals}
    return report


@dataclass(frozen=True)
class Truth:
    """What is known of clips.

    Args:
        emotion: `(clips,)` number of each clip's label, -1 where it is not known.
        cube: `(clips, 3)` valence, arousal, dominance in -1..1, or None for a model without them.
        known: `(clips,)` whether a row of `cube` holds anything.
        sphere: of the model.
    """

    emotion: np.ndarray
    cube: np.ndarray | None = None
    known: np.ndarray | None = None
    sphere: Sphere | None = None


def answers_report(labels, truth, answers, speakers=None, bootstrap=1000):
    """Score what a model answers, whichever head it has, each answer on the clips whose truth is known.

    Args:
        labels: names of the emotions.
        truth: `Truth`.
        answers: dictionary of `probabilities` `(clips, classes)` and `dimensions` `(clips, 3)`, or one of them.
        speakers, bootstrap: of `classification_report`.

    Returns:
        The report of `classification_report` where there are probabilities; with dimensions also `vad`, the report of
        `dimensions_report`, and `ccc`, its mean.
    """
    named = None if speakers is None else np.array(speakers, object)
    of = lambda mask: None if named is None else named[mask]  # noqa: E731
    report = {}
    if "probabilities" in answers:
        rows = truth.emotion >= 0
        report = classification_report(labels, truth.emotion[rows], answers["probabilities"][rows], of(rows), bootstrap)
    if "dimensions" in answers:
        rows = truth.known
        vad = dimensions_report(truth.cube[rows], answers["dimensions"][rows], truth.sphere, of(rows), bootstrap)
        report |= {"vad": vad, "ccc": vad["ccc"]}
    return report


def calibration_error(correct, confidence, bins=BINS):
    """Expected calibration error: mean of |accuracy - confidence| over equal-width bins, weighted by their clips.

    Args:
        correct: `(clips,)` booleans.
        confidence: `(clips,)` in [0, 1]; a bin holds its upper edge.
        bins: how many.

    Example:
        >>> calibration_error([True, False], [0.75, 0.75])
        0.25
    """
    correct, confidence = np.asarray(correct, float), np.asarray(confidence, float)
    bin_of = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gaps = np.bincount(bin_of, correct - confidence, minlength=bins)  # clips * (accuracy - confidence), per bin
    return float(np.abs(gaps).sum() / len(correct))


def _per_class(labels, true, predicted):
    from sklearn.metrics import precision_recall_fscore_support

    scores = precision_recall_fscore_support(true, predicted, labels=range(len(labels)), zero_division=0)
    rows = []
    for label, precision, recall, f1, support in zip(labels, *scores):
        values = (float(precision), float(recall), float(f1)) if support else (None, None, None)
        rows.append({"label": label, **dict(zip(("precision", "recall", "f1"), values)), "support": int(support)})
    return rows


def _per_speaker(names, speaker_of, true, predicted):
    from sklearn.metrics import accuracy_score, recall_score

    rows = []
    for number, name in enumerate(names):
        own = speaker_of == number
        recall = recall_score(true[own], predicted[own], labels=np.unique(true[own]), average="macro", zero_division=0)
        war = accuracy_score(true[own], predicted[own])
        rows.append({"speaker": name, "uar": float(recall), "war": float(war), "clips": int(own.sum())})
    return rows


# --- Checks ---


def _check_labels(labels):
    labels = [str(label) for label in labels]
    if len(set(labels)) != len(labels) or not labels:
        raise InputError(f"labels: each class once. Received: {labels!r}")
    return labels


def _check_true(labels, true):
    """Names or integers -> integers `(clips,)`."""
    true = np.asarray(true)
    if true.ndim != 1 or not len(true):
        raise InputError(f"true: one label for each clip, at least one clip. Received shape: {true.shape!r}")
    if np.issubdtype(true.dtype, np.integer):
        if unknown := sorted({int(value) for value in true} - set(range(len(labels)))):
            raise InputError(f"true: integers from 0 to {len(labels) - 1}, one for each label. Received: {unknown!r}")
        return true.astype(int)
    number = {label: i for i, label in enumerate(labels)}
    if unknown := sorted({str(value) for value in true} - set(number)):
        raise InputError(f"true: labels must be among {labels}; rename them or add the class. Received: {unknown!r}")
    return np.array([number[str(value)] for value in true])


def _check_probabilities(labels, true, probabilities):
    probabilities = np.asarray(probabilities, float)
    if probabilities.shape != (len(true), len(labels)):
        expected = (len(true), len(labels))
        raise InputError(f"probabilities: shape (clips, classes) {expected}. Received: {probabilities.shape!r}")
    bad = ~np.isfinite(probabilities).all(axis=1) | (probabilities < 0).any(axis=1)
    bad |= ~(np.abs(probabilities.sum(axis=1) - 1) <= 1e-3)
    if bad.any():
        row = int(bad.argmax())
        values = probabilities[row].tolist()
        raise InputError(f"probabilities: row {row} must be finite, not negative, and sum to 1. Received: {values!r}")
    return probabilities

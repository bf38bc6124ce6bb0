"""Numbers from (truth, answers): recall, accuracy, calibration; agreement of dimensions; with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere, concordance

BINS = 15  # of the calibration error
LEVEL = 0.95  # of the intervals


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
        speakers: `(clips,)` names, for the table of speakers and their interval.
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
        names, by_speaker = _check_speakers(true, speakers)
        report["per_speaker"] = _per_speaker(names, by_speaker, true, predicted)
    if bootstrap:
        intervals = {"by_clip": _interval(by_clip, true, predicted, len(labels), bootstrap, seed)}
        if by_speaker is not None and by_speaker.max() > 0:
            intervals["by_speaker"] = _speaker_interval(by_speaker, true, predicted, len(labels))
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
    named = None if speakers is None else np.array([str(speaker) for speaker in speakers])
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


def dimensions_report(true, predicted, sphere, speakers=None, bootstrap=1000, seed=0):
    """Agreement of valence, arousal and dominance with their labels (arXiv 2505.19693: CCC, population variances).

    Args:
        true, predicted: `(clips, 3)` in -1..1, in the order of `sphere.DIMENSIONS`.
        sphere: `sphere.Sphere`, for the regions and for RMSE on the labels' own scale.
        speakers, bootstrap, seed: of `classification_report`.

    Returns:
        JSON-ready dict: clips, scale, ccc (mean of the three), region_accuracy (of the region that the prediction lies
        in), regions, and `dimensions`: ccc, pearson, rmse and the interval of the CCC of each.

    Raises:
        InputError: no clips, shapes that differ, or values that are not finite.

    Example:
        >>> report = dimensions_report([[0, 0, 0], [1, 1, 1]], [[0, 0, 0], [1, 1, 0]], Sphere(1, 5), bootstrap=0)
        >>> [row["ccc"] for row in report["dimensions"]], report["dimensions"][2]["rmse"]
        ([1.0, 1.0, 0.0], 1.4142135623730951)
    """
    true, predicted = np.asarray(true, float), np.asarray(predicted, float)
    if true.ndim != 2 or true.shape[1:] != (3,) or true.shape != predicted.shape or not len(true):
        raise InputError(f"dimensions: (clips, 3) for both, one clip or more. Received: {true.shape, predicted.shape}")
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise InputError("dimensions: finite values; leave out the clips without them. Received: 'NaN or infinity'")
    ccc = concordance(true, predicted)
    error = (sphere.from_cube(true) - sphere.from_cube(predicted)) ** 2
    moments = _moments(true, predicted)
    units = {"by_clip": np.arange(len(true))}
    if speakers is not None:
        names, speaker_of = _check_speakers(true, speakers)
        units |= {"by_speaker": speaker_of} if len(names) > 1 else {}
    intervals = {"by_clip": _ccc_interval(units["by_clip"], moments, bootstrap, seed)} if bootstrap else {}
    if bootstrap and "by_speaker" in units:
        intervals["by_speaker"] = _ccc_speaker_interval(units["by_speaker"], moments)
    correlation = _moment_scores(moments.sum(axis=0))[1]
    rows = []
    for number, dimension in enumerate(DIMENSIONS):
        row = {"dimension": dimension, "ccc": float(ccc[number]), "pearson": float(correlation[number])}
        row["rmse"] = float(np.sqrt(error[:, number].mean()))
        rows.append(row | {"interval": {kind: limits[number].tolist() for kind, limits in intervals.items()}})
    return {
        "clips": len(true),
        "scale": [sphere.low, sphere.high],
        "ccc": float(ccc.mean()),
        "interval": {kind: limits[3].tolist() for kind, limits in intervals.items()},
        **({"speakers": int(units["by_speaker"].max()) + 1} if "by_speaker" in intervals else {}),
        "region_accuracy": float((sphere.region(true) == sphere.region(predicted)).mean()),
        "regions": sphere.regions,
        "dimensions": rows,
    }


def _moments(true, predicted):
    """`(clips, 6, 3)`: what sums to everything that CCC and correlation need."""
    return np.stack([np.ones_like(true), true, predicted, true**2, predicted**2, true * predicted], axis=1)


def _moment_scores(sums):
    """CCC and correlation from sums `(..., 6, 3)` of `_moments`: two arrays `(..., 3)`."""
    count = sums[..., 0, :]
    true, predicted, true2, predicted2, product = np.moveaxis(sums[..., 1:, :] / count[..., None, :], -2, 0)
    covariance = product - true * predicted
    variances = np.maximum(true2 - true**2, 0), np.maximum(predicted2 - predicted**2, 0)
    spread, deviations = sum(variances) + (true - predicted) ** 2, np.sqrt(variances[0] * variances[1])
    ratio = lambda a, b: np.where(b > 1e-12, a / np.where(b > 1e-12, b, 1), 0.0)  # noqa: E731
    return ratio(2 * covariance, spread), ratio(covariance, deviations)


def _ccc_interval(unit_of, moments, bootstrap, seed):
    """Percentile intervals `(4, 2)` of the three CCCs and of their mean when units are drawn with replacement."""
    units = unit_of.max() + 1
    sums, random, drawn = np.zeros((units, 6, 3)), np.random.default_rng(seed), []
    np.add.at(sums, unit_of, moments)
    for _ in range(bootstrap):
        ccc = _moment_scores(np.tensordot(random.multinomial(units, np.full(units, 1 / units)), sums, axes=1))[0]
        drawn.append([*ccc, ccc.mean()])
    return np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0).T


def _jackknife(score, without, low, high):
    """Student's t interval around scores, from the scores without each unit in turn (Efron & Stein 1981).

    Args:
        score: `(scores,)` of all units.
        without: `(units, scores)`.
        low, high: ends that no score passes.

    Returns:
        `(scores, 2)`.
    """
    from scipy.stats import t

    units = len(without)
    error = np.sqrt((units - 1) / units * ((without - score) ** 2).sum(axis=0))
    reach = t.ppf(0.5 + LEVEL / 2, units - 1) * error
    return np.clip(np.stack([score - reach, score + reach], axis=-1), low, high)


def _ccc_speaker_interval(speaker_of, moments):
    """Intervals `(4, 2)` of the three CCCs and of their mean over speakers, on Fisher's scale (Lin 1989)."""
    sums = np.zeros((speaker_of.max() + 1, 6, 3))
    np.add.at(sums, speaker_of, moments)

    def scores(total):
        ccc = _moment_scores(total)[0]
        return np.arctanh(np.clip(np.append(ccc, ccc.mean()), -0.999999, 0.999999))

    total = sums.sum(axis=0)
    without = np.stack([scores(total - own) for own in sums])
    return np.tanh(_jackknife(scores(total), without, -np.inf, np.inf))


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


def _speaker_interval(speaker_of, true, predicted, classes):
    """Intervals of UAR and WAR over speakers, by leaving out each of them in turn."""
    support, hits = np.zeros((speaker_of.max() + 1, classes)), np.zeros((speaker_of.max() + 1, classes))
    np.add.at(support, (speaker_of, true), 1)
    np.add.at(hits, (speaker_of, true), predicted == true)

    def scores(support, hits):
        present = support > 0
        return np.array([(hits[present] / support[present]).mean(), hits.sum() / support.sum()])

    support_all, hits_all = support.sum(axis=0), hits.sum(axis=0)
    without = np.stack([scores(support_all - a, hits_all - b) for a, b in zip(support, hits)])
    limits = _jackknife(scores(support_all, hits_all), without, 0.0, 1.0)
    return {"uar": limits[0].tolist(), "war": limits[1].tolist()}


def _interval(unit_of, true, predicted, classes, bootstrap, seed):
    """Percentile intervals of UAR and WAR when units (clips) are drawn with replacement."""
    units = unit_of.max() + 1
    support, hits = np.zeros((units, classes)), np.zeros((units, classes))
    np.add.at(support, (unit_of, true), 1)
    np.add.at(hits, (unit_of, true), predicted == true)
    random, uar, war = np.random.default_rng(seed), [], []
    for _ in range(bootstrap):
        drawn = random.multinomial(units, np.full(units, 1 / units))
        support_drawn, hits_drawn = drawn @ support, drawn @ hits  # (classes,)
        present = support_drawn > 0
        uar.append((hits_drawn[present] / support_drawn[present]).mean())
        war.append(hits_drawn.sum() / support_drawn.sum())
    tails = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    return {"uar": np.percentile(uar, tails).tolist(), "war": np.percentile(war, tails).tolist()}


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


def _check_speakers(true, speakers):
    """Names -> `(sorted names, number of each clip's speaker)`."""
    speakers = [str(speaker) for speaker in speakers]
    if len(speakers) != len(true):
        raise InputError(f"speakers: one for each of the {len(true)} clips. Received: {len(speakers)!r}")
    names, speaker_of = np.unique(speakers, return_inverse=True)
    return names.tolist(), speaker_of

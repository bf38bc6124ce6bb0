"""Measures across corpora: answers of a model on a corpus that it has never heard, whose labels are not all its own."""

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.calibration import risk_coverage
from emohrnet_tf.evaluation.metrics import classification_report

FOUR = {"neutral": ("neutral", "calm"), "happiness": ("happiness",), "sadness": ("sadness",), "anger": ("anger",)}
KINDS = {"free": "all labels", "restricted": "the corpus' labels", "four": "four labels"}
SCORES = ("uar", "war", "ece", "mean_confidence")


def across_report(labels, true, probabilities, speakers=None, bootstrap=1000):
    """Score answers on a corpus in three ways.

    - `free`: the model chooses among all its labels, as it will in use.
    - `restricted`: it chooses among those that the corpus has; None where that is one.
    - `four`: it chooses among neutral (with calm), happiness, sadness and anger, as far as model and corpus have them,
      on the clips of these; None where they have less than two. The one figure that compares corpora.

    Args:
        labels: names, in the order of the probabilities' columns.
        true: `(clips,)` names, all of them among `labels`.
        probabilities: `(clips, classes)`.
        speakers: `(clips,)` names, for the intervals.
        bootstrap: of `metrics.classification_report`.

    Returns:
        JSON-ready dict: for each of the three the labels, clips, chance, uar, war, ece, mean_confidence, interval,
        confusion and `coverage` (`calibration.risk_coverage`).

    Raises:
        InputError: of `metrics.classification_report`.

    Example:
        >>> said = [[0.1, 0.5, 0.4], [0.2, 0.1, 0.7]]
        >>> report = across_report(["neutral", "calm", "anger"], ["neutral", "anger"], said, bootstrap=0)
        >>> [report[kind]["uar"] for kind in ("free", "restricted", "four")]
        [0.5, 0.5, 1.0]
    """
    true, probabilities = np.array([str(name) for name in true]), np.asarray(probabilities, float)
    everyone = None if speakers is None else np.asarray(list(speakers), object)

    def score(names, truth, values, rows):
        total = values.sum(axis=1, keepdims=True)
        values = np.where(total > 0, values / np.where(total > 0, total, 1), 1 / len(names))
        own = None if everyone is None else everyone[rows]
        report = classification_report(names, truth, values, own, bootstrap)
        report["coverage"] = risk_coverage(names, np.array([names.index(name) for name in truth]), values)
        report["chance"] = 1 / len(names)
        return {key: value for key, value in report.items() if key not in ("per_class", "per_speaker")}

    everything = np.ones(len(true), bool)
    own = [label for label in labels if label in set(true)]
    columns = [labels.index(label) for label in own]
    report = {"free": score(list(labels), true, probabilities, everything)}
    report["restricted"] = score(own, true, probabilities[:, columns], everything) if len(own) >= 2 else None
    merged = {part: name for name, parts in FOUR.items() for part in parts}
    rows = np.isin(true, list(merged))
    four = [name for name in FOUR if set(FOUR[name]) & set(own)]
    report["four"] = None
    if len(four) >= 2:
        sums = [sum(probabilities[:, labels.index(part)] for part in FOUR[name] if part in labels) for name in four]
        truth = np.array([merged[name] for name in true[rows]])
        report["four"] = score(four, truth, np.stack(sums, axis=1)[rows], rows)
    return report


def cells(predictions, labels, trained, left_out=None, bootstrap=1000):
    """Score the predictions of one run by corpus.

    Args:
        predictions: DataFrame with `corpus`, `emotion`, the labels, and `speaker` where it is known.
        labels: of the model.
        trained: names of the corpora that trained it.
        left_out: `{corpus: {emotion: clips}}` that are not in `predictions`, as no training corpus has their label.
        bootstrap: of `across_report`.

    Returns:
        A list of `across_report`, with `train` and `test`, the names of the corpora, and `left_out` of the test corpus.
    """
    rows = []
    for corpus, own in predictions.groupby("corpus"):
        values = own[labels].to_numpy()
        values = values / values.sum(axis=1, keepdims=True)  # the file holds six decimals
        speakers = own.speaker if "speaker" in own else None
        report = across_report(labels, own.emotion, values, speakers, bootstrap)
        gone = (left_out or {}).get(str(corpus), {})
        rows.append({"train": sorted(trained), "test": str(corpus), "left_out": gone, **report})
    return rows


def mean_scores(rows):
    """Mean of the scores of `cells` over the corpora (and folds and seeds): for each kind a dict of `SCORES`, the mean
    chance and the mean coverage; None for a kind that none of them has.

    Raises:
        InputError: no row.
    """
    if not rows:
        raise InputError(f"mean_scores: at least one corpus. Received: {rows!r}")
    means = {}
    for kind in KINDS:
        have = [row[kind] for row in rows if row[kind] is not None]
        means[kind] = None
        if have:
            names = (*SCORES, "chance")
            means[kind] = {name: float(np.mean([report[name] for report in have])) for name in names}
            means[kind] |= {"corpora": len({row["test"] for row in rows if row[kind] is not None})}
            means[kind]["coverage"] = [_mean_step(steps) for steps in zip(*(report["coverage"] for report in have))]
    return means


def _mean_step(steps):
    """One row of `risk_coverage`, over several corpora; of accuracy and UAR, over those that have clips left."""
    row = {"min_confidence": steps[0]["min_confidence"]}
    for name in ("coverage", "war", "uar"):
        values = [step[name] for step in steps if step[name] is not None]
        row[name] = float(np.mean(values)) if values else None
    return row

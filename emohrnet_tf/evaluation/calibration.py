"""How sure may a model be? Temperature, fitted on validation clips, and what is left without the doubtful clips."""

import numpy as np

from emohrnet_tf.evaluation.metrics import classification_report


def clip_probabilities(logits, owners, temperature=1.0):
    """Probabilities of clips: the mean over their windows, as inference computes them.

    Args:
        logits: `(windows, classes)`.
        owners: `(windows,)` number of each window's clip, 0 to clips - 1, ascending.
        temperature: the logits are divided by it.

    Returns:
        float64 `(clips, classes)`.
    """
    scaled = np.asarray(logits, "float64") / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    total = np.zeros((owners[-1] + 1, scaled.shape[1]))
    np.add.at(total, owners, scaled / scaled.sum(axis=1, keepdims=True))
    return total / np.bincount(owners)[:, None]


def pool_windows(windows, owners, temperature=1.0):
    """What a network says of clips, from what it says of their windows, as inference computes it.

    Args:
        windows: dictionary of `logits` `(windows, classes)` and `dimensions` `(windows, 3)`, or one of them.
        owners, temperature: of `clip_probabilities`.

    Returns:
        dictionary of `probabilities` and `dimensions`, each with a row for every clip.
    """
    answers = {}
    if "logits" in windows:
        answers["probabilities"] = clip_probabilities(windows["logits"], owners, temperature)
    if "dimensions" in windows:
        total = np.zeros((owners[-1] + 1, windows["dimensions"].shape[1]))
        np.add.at(total, owners, np.clip(windows["dimensions"], -1, 1))
        answers["dimensions"] = total / np.bincount(owners)[:, None]
    return answers


def negative_log_likelihood(true, probabilities):
    """Mean of -log of the probability of each clip's true class, `(clips,)` ints and `(clips, classes)`."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(true)), true], 1e-7)).mean())


def fit_temperature(logits, owners, true):
    """The temperature of least negative log-likelihood (Guo et al. 2017, arXiv 1706.04599), from 0.5 to 20.

    Not less, because a few clips that are all right would ask for certainty.

    Args:
        logits, owners: of held-out clips, as in `clip_probabilities`.
        true: `(clips,)` ints.

    Example:
        >>> logits, owners = np.array([[4.0, 0.0]] * 4), np.arange(4)
        >>> round(fit_temperature(logits, owners, np.array([0, 0, 0, 1])), 2)  # right 3 times of 4: log 3 = 4 / T
        3.64
    """
    from scipy.optimize import minimize_scalar

    loss = lambda log: negative_log_likelihood(true, clip_probabilities(logits, owners, np.exp(log)))  # noqa: E731
    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.5), np.log(20.0)), method="bounded").x))


def risk_coverage(labels, true, probabilities, steps=(0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)):
    """What a model is worth where it is sure: accuracy over the clips of at least some confidence.

    Args:
        labels: names of the emotions.
        true: `(clips,)` ints.
        probabilities: `(clips, classes)`.
        steps: confidences.

    Returns:
        A row for each step: `min_confidence`, `coverage` (share of the clips), `war` and `uar` of those; None where
        none is left.
    """
    rows = []
    for step in steps:
        kept = probabilities.max(axis=1) >= step
        report = classification_report(labels, true[kept], probabilities[kept], bootstrap=0) if kept.any() else {}
        rows.append(
            {"min_confidence": step, "coverage": float(kept.mean())} | {k: report.get(k) for k in ("war", "uar")}
        )
    return rows

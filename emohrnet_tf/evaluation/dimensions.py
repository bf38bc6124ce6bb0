"""Agreement of valence, arousal and dominance with their labels, with intervals."""

import numpy as np

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.intervals import LEVEL, jackknife, numbered_speakers
from emohrnet_tf.model.sphere import DIMENSIONS, concordance


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
        >>> from emohrnet_tf.model.sphere import Sphere
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
        names, speaker_of = numbered_speakers(true, speakers)
        units |= {"by_speaker": speaker_of} if len(names) > 1 and speaker_of.min() >= 0 else {}
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


def _ccc_speaker_interval(speaker_of, moments):
    """Intervals `(4, 2)` of the three CCCs and of their mean over speakers, on Fisher's scale (Lin 1989)."""
    sums = np.zeros((speaker_of.max() + 1, 6, 3))
    np.add.at(sums, speaker_of, moments)

    def scores(total):
        ccc = _moment_scores(total)[0]
        return np.arctanh(np.clip(np.append(ccc, ccc.mean()), -0.999999, 0.999999))

    total = sums.sum(axis=0)
    without = np.stack([scores(total - own) for own in sums])
    return np.tanh(jackknife(scores(total), without, -np.inf, np.inf))

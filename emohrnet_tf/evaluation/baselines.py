"""The figures that stand beside every result: chance, five numbers per clip, and the best that could be done.

Every function scores a test part that the caller has split off; for a result on unseen speakers, split by speaker.
"""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emohrnet_tf.errors import InputError

STATISTICS = (
    "level_mean_db",
    "level_std_db",
    "centroid_hz",
    "zero_crossings_per_second",
    "voiced_seconds",
)
WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.010
FLOOR_DB = -100.0
VOICED_RANGE_DB = 30.0


def utterance_statistics(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the usual five numbers of a clip, (5,), in the order of `STATISTICS`.

    Frames last 25 ms every 10 ms, without padding; what is left at the end is not used.

    - level_mean_db, level_std_db: mean and standard deviation over all frames of the level, 10 log10(mean square),
      never under -100 dB.
    - centroid_hz: mean over all frames of the centroid of the Hann-windowed magnitude spectrum (0 for digital silence).
    - zero_crossings_per_second: sign changes of the whole waveform (0 counts as positive) / its seconds.
    - voiced_seconds: the number of frames within 30 dB of the loudest one x 10 ms; 0 for digital silence.

    Args:
        waveform: (samples,), any real numbers, at least 25 ms.
        sample_rate: Hz.

    Raises:
        InputError: the waveform is not one-dimensional, too short, or holds NaN or infinity.

    Example:
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
        >>> utterance_statistics(tone, 16000).round().tolist()
        [-3.0, 0.0, 1000.0, 1999.0, 1.0]
    """
    waveform = np.asarray(waveform, dtype=np.float64)
    window, hop = round(WINDOW_SECONDS * sample_rate), round(HOP_SECONDS * sample_rate)
    if waveform.ndim != 1 or len(waveform) < window or hop < 1:
        raise InputError(
            "the waveform must be one channel of at least 25 ms; average the channels or drop the clip. "
            f"Received: {(waveform.shape, sample_rate)!r}"
        )
    if not np.isfinite(waveform).all():
        strange = float(waveform[~np.isfinite(waveform)][0])
        raise InputError(f"the waveform must hold finite numbers; decode the file again. Received: {strange!r}")
    frames = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    level_db = 10 * np.log10(np.maximum((frames**2).mean(axis=1), 10 ** (FLOOR_DB / 10)))
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(window)))
    hz = np.fft.rfftfreq(window, 1 / sample_rate)
    centroid_hz = (magnitude @ hz) / np.maximum(magnitude.sum(axis=1), 1e-12)
    crossings = np.count_nonzero(np.diff(waveform >= 0))
    voiced = (level_db > level_db.max() - VOICED_RANGE_DB) & (level_db > FLOOR_DB)
    return np.array(
        [
            level_db.mean(),
            level_db.std(),
            centroid_hz.mean(),
            crossings * sample_rate / len(waveform),
            voiced.sum() * HOP_SECONDS,
        ]
    )


def statistics_baseline(features_train, labels_train, features_test, labels_test) -> dict[str, float]:
    """Score multinomial logistic regression (L2, C = 1) on features standardised with the training part.

    Args:
        features_train: (clips, features), such as rows of `utterance_statistics`.
        labels_train: (clips,).
        features_test: (clips, features).
        labels_test: (clips,).

    Returns:
        `uar` (mean recall of the classes in the test part) and `war` (accuracy), 0..1.

    Raises:
        InputError: parts of different length or width, an empty part, a single class, or NaN.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return fit_and_score(model, features_train, labels_train, features_test, labels_test)


def ceiling(values_train, labels_train, values_test, labels_test) -> dict[str, float]:
    """Score the best that a classifier could do if it heard the generating values without error.

    A linear discriminant on the true valence, arousal and dominance: the synthetic corpus draws each emotion from a
    normal distribution with the same spread, for which that is the optimal rule.

    Args:
        values_train: (clips, 3).
        labels_train: (clips,).
        values_test: (clips, 3).
        labels_test: (clips,).

    Returns:
        `uar` and `war`, 0..1.

    Raises:
        InputError: as `statistics_baseline`.
    """
    return fit_and_score(LinearDiscriminantAnalysis(), values_train, labels_train, values_test, labels_test)


def chance(labels_train, labels_test) -> dict[str, float]:
    """Score the commonest training label (of equals, the first in sorted order) given to every test clip.

    Returns:
        `uar` (1 / classes in the test part, or 0 where that label is none of them) and `war`, 0..1.

    Example:
        >>> chance(["anger", "anger", "calm"], ["anger", "calm", "calm", "calm"])
        {'uar': 0.5, 'war': 0.25}
    """
    labels_train, labels_test = np.asarray(labels_train), np.asarray(labels_test)
    if not len(labels_train) or not len(labels_test):
        raise InputError(
            "both parts need clips; check the split. "
            f"Received: {(len(labels_train), len(labels_test))!r} labels in train and test"
        )
    names, counts = np.unique(labels_train, return_counts=True)
    return _score(labels_test, np.full(labels_test.shape, names[counts.argmax()]))


def fit_and_score(model, values_train, labels_train, values_test, labels_test) -> dict[str, float]:
    """Score a classifier of scikit-learn's kind, fitted on the training part.

    Args:
        model: not fitted yet.
        values_train, labels_train, values_test, labels_test: as `statistics_baseline`.

    Returns:
        `uar` and `war`, 0..1.

    Raises:
        InputError: as `statistics_baseline`.
    """
    values_train, values_test = (np.asarray(values, dtype=np.float64) for values in (values_train, values_test))
    labels_train, labels_test = np.asarray(labels_train), np.asarray(labels_test)
    shapes = [part.shape for part in (values_train, labels_train, values_test, labels_test)]
    if (
        values_train.ndim != 2
        or not values_train.size
        or not values_test.size
        or labels_train.shape != values_train.shape[:1]
        or labels_test.shape != values_test.shape[:1]
        or values_train.shape[1:] != values_test.shape[1:]
    ):
        raise InputError(
            "give (clips, features) and (clips,) for train and for test, none of them empty. "
            f"Received: shapes {shapes!r}"
        )
    if len(np.unique(labels_train)) < 2:
        raise InputError(f"the training part needs two classes or more. Received: {np.unique(labels_train).tolist()!r}")
    if not (np.isfinite(values_train).all() and np.isfinite(values_test).all()):
        raise InputError("features must be finite; leave out the clips without them. Received: 'NaN or infinity'")
    return _score(labels_test, model.fit(values_train, labels_train).predict(values_test))


def _score(labels, predicted):
    recalls = recall_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0.0)
    return {"uar": float(recalls), "war": float(accuracy_score(labels, predicted))}

"""What the network is to answer for each clip of an index: its emotion, its point in the cube, its region."""

import re

import numpy as np

from emohrnet_tf.data.leakage import SPEAKERS_APART, speakers_of
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere, region_weights

SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)\s*")


def read_scale(text):
    """A scale as it is written in an index, `low..high`, as two floats.

    Raises:
        InputError: not so written, or a scale that does not rise.

    Example:
        >>> read_scale("1..5")
        (1.0, 5.0)
    """
    found = SCALE.fullmatch(str(text))
    if not found or float(found[1]) >= float(found[2]):
        raise InputError(f"A scale is written low..high, e.g. 1..5 or -1..1. Received: {text!r}")
    return float(found[1]), float(found[2])


def emotion_numbers(index, labels):
    """Number of each clip's emotion among the labels, -1 where it has none: int array `(clips,)`."""
    numbers = {label: number for number, label in enumerate(labels)}
    return np.array([numbers.get(emotion, -1) for emotion in index.emotion], int)


def label_sets(index, labels, every=False):
    """Which labels each corpus of an index has, where they differ.

    Args:
        index: DataFrame of the clips, all of a corpus' own, with `emotion` and `corpus`.
        labels: names of the emotions; others count for nothing.
        every: whether to say so, too, where every corpus has every label.

    Returns:
        Tuple of (corpus, flags), sorted, with a 0 or 1 for each label; empty where every corpus has every label, and
        where corpora are not named.

    Raises:
        InputError: a corpus that shares no label with the others: nothing would tie its labels to theirs.

    Example:
        >>> import pandas as pd
        >>> index = pd.DataFrame({"emotion": ["calm", "anger", "anger"], "corpus": ["a", "a", "b"]})
        >>> label_sets(index, ["calm", "anger"])
        (('a', (1, 1)), ('b', (0, 1)))
    """
    if "corpus" not in index or index["corpus"].isna().any() or not labels:
        return ()
    named = index[index["emotion"].isin(labels)]
    sets = {corpus: set(rows) for corpus, rows in named.groupby("corpus")["emotion"]}
    tied, waiting = set(), dict(sets)
    while waiting:
        near = [corpus for corpus, own in waiting.items() if not tied or own & tied]
        if not near:
            corpus, own = next(iter(waiting.items()))
            raise InputError(
                f"{corpus} has no label in common with the other corpora ({', '.join(sorted(tied))}): call what is the "
                f"same by one name (--merge old=new), or leave it out. Received: {sorted(own)!r}"
            )
        tied |= waiting.pop(near[0])
    if not every and all(own == set(labels) for own in sets.values()):
        return ()
    return tuple((corpus, tuple(int(label in own) for label in labels)) for corpus, own in sorted(sets.items()))


def read_vad(index):
    """Valence, arousal and dominance of the clips of an index, from whatever scale each row states.

    Args:
        index: DataFrame with `file`, `valence`, `arousal`, `dominance` and `vad_scale` ("1..5"); a row that has none of
            the three has no labels.

    Returns:
        `(cube, known)`: float64 `(clips, 3)` in -1..1, zeros where not known; booleans `(clips,)`.

    Raises:
        InputError: a column is missing; a row with some of the three, without a scale or outside of it.
    """
    absent = [name for name in DIMENSIONS if name not in index]
    if absent:
        raise InputError(
            f"The head needs the columns {', '.join(DIMENSIONS)}: add {', '.join(absent)} to the index, or train "
            f"--head categorical. Received: {list(index.columns)!r}"
        )
    values = index[list(DIMENSIONS)].to_numpy("float64")
    known = ~np.isnan(values).any(axis=1)
    for row in np.flatnonzero(np.isnan(values).any(axis=1) & ~np.isnan(values).all(axis=1)):
        missing = [name for name, value in zip(DIMENSIONS, values[row]) if np.isnan(value)]
        raise InputError(
            f"{_place(index, row)}: {', '.join(missing)} is missing; fill it in, or leave all three empty. "
            f"Received: {values[row].tolist()!r}"
        )
    scales = index["vad_scale"] if "vad_scale" in index else [None] * len(index)
    cube = np.zeros((len(index), 3))
    for row, scale in enumerate(scales):
        if not known[row]:
            continue
        if not isinstance(scale, str):
            raise InputError(
                f"{_place(index, row)}: valence, arousal and dominance without their scale; write it in a column "
                f"vad_scale, e.g. 1..5, or `emohrnet index table ... --vad-scale 1..5`. Received: {scale!r}"
            )
        low, high = read_scale(scale)
        for name, value in zip(DIMENSIONS, values[row]):
            if not low <= value <= high:
                raise InputError(
                    f"{_place(index, row)}: {name} lies outside its scale {scale}; correct it, or state the right "
                    f"scale. Received: {value!r}"
                )
        cube[row] = 2 * (values[row] - low) / (high - low) - 1
    return cube, known


def make_sphere(index, head, train):
    """The sphere of a run: the scale of its labels, and the origin as `head.center` says.

    Args:
        index: as for `read_vad`.
        head: `config.Head`.
        train: numbers of the training clips.

    Returns:
        `sphere.Sphere`; its scale is that of the first training clip that has one.

    Raises:
        InputError: of `read_vad`; no training clip with labels, a dimension that is constant, or no neutral clip where
            the origin is to be its mean.
    """
    cube, known = read_vad(index)
    rows = np.asarray(train)[known[np.asarray(train)]]
    if len(rows) < 2:
        raise InputError(
            f"Two training clips or more need valence, arousal and dominance: add them, or train --head categorical. "
            f"Received: {len(rows)}"
        )
    constant = [name for name, spread in zip(DIMENSIONS, np.ptp(cube[rows], axis=0)) if spread == 0]
    if constant:
        raise InputError(
            f"{' and '.join(constant)} is the same for all training clips: nothing can be learnt of it. "
            f"Received: {index[constant[0]].iloc[rows[0]]!r}"
        )
    center = (0.0, 0.0, 0.0)
    if head.center == "neutral":
        neutral = rows[(index.emotion.iloc[rows] == "neutral").to_numpy()]
        if not len(neutral):
            raise InputError("head.center=neutral needs neutral training clips with labels. Received: none")
        center = tuple(cube[neutral].mean(axis=0).round(6).tolist())
    return Sphere(*read_scale(index.vad_scale.iloc[rows[0]]), center, head.step, head.neutral_radius)


def make_targets(index, labels, head, sphere=None, train=None, sets=()):
    """The targets of training, by output of the network.

    Args:
        index: DataFrame of the clips.
        labels: names of the emotions.
        head: `config.Head`.
        sphere, train: of `make_sphere`, for a head with dimensions.
        sets: of `label_sets`.

    Returns:
        dictionary of float32 arrays: `logits` `(clips, classes + sets)`, at the end a 1 for the label set of the clip's
        corpus where there are any, and a row of zeros where the emotion is not known;
        `dimensions` `(clips, 4)`, the point and whether it is known; `regions` `(clips, regions)`, at each clip's
        region the region's weight among the training clips, a row of zeros where not known.
    """
    targets = {}
    if head.emotions:
        numbers = emotion_numbers(index, labels)
        targets["logits"] = (np.eye(len(labels))[numbers] * (numbers >= 0)[:, None]).astype("float32")
        if sets:
            own = np.array([[corpus == name for name, _ in sets] for corpus in index["corpus"]])
            own = (own & (numbers >= 0)[:, None]).astype("float32")
            targets["logits"] = np.concatenate([targets["logits"], own], axis=1)
    if head.dimensions:
        cube, known = read_vad(index)
        targets["dimensions"] = np.column_stack([cube, known]).astype("float32")
        if head.weighting != "none":
            region, train = sphere.region(cube), np.asarray(train)
            weights = region_weights(region[train[known[train]]], sphere.regions)
            targets["regions"] = (np.eye(sphere.regions)[region] * (weights[region] * known)[:, None]).astype("float32")
    return targets


def speaker_names(index, protocol="random"):
    """Names of the speakers of an index, for classes that are pairs of speaker and emotion.

    Raises:
        InputError: a protocol that holds speakers apart, or clips without a speaker.
    """
    plain = "train with training.joint_speakers=false"
    if protocol in SPEAKERS_APART:
        raise InputError(
            f"training.joint_speakers is for voices that train, and protocol {protocol} tests others: {plain}, or "
            f"measure known speakers by --protocol random. Received: {protocol!r}"
        )
    if "speaker" not in index or index["speaker"].isna().any():
        unnamed = index if "speaker" not in index else index[index["speaker"].isna()]
        raise InputError(
            f"training.joint_speakers needs each clip's speaker, and {len(unnamed)} of {len(index)} have none: fill in "
            f"the column speaker, or {plain}. Received: {unnamed['file'].iloc[0]!r}"
        )
    return speakers_of(index)


def joint_speakers(index, parts, protocol="random"):
    """Number of the speakers that train.

    Args:
        index: DataFrame with `speaker`.
        parts: Series of "train", "validation", "test" and others, over the index.
        protocol: of the split.

    Raises:
        InputError: of `speaker_names`; a speaker of validation or test who has no clip in train.
    """
    names, parts = speaker_names(index, protocol), np.asarray(parts)
    known = set(names[parts == "train"])
    for part in ("test", "validation"):
        if strangers := sorted(set(names[parts == part]) - known):
            raise InputError(
                f"training.joint_speakers is for voices that train, and {len(strangers)} of the {part} part have no "
                f"clip in it: train with training.joint_speakers=false. Received: {strangers[0]!r}"
            )
    return len(known)


def joint_targets(index, labels, train, smoothing=0.0):
    """Targets of classes that are pairs of speaker and emotion, those of a speaker side by side.

    Label smoothing gives its share to the pairs that occur in training, alike: of others nothing is said for them.

    Args:
        index: DataFrame with `emotion` and `speaker`.
        labels: names of the emotions.
        train: numbers of the training clips; their speakers, sorted, are the ones of the pairs.
        smoothing: of the labels.

    Returns:
        float32 `(len(train), speakers * emotions)`, each row of sum 1.
    """
    index = index.iloc[train]
    speakers, numbers = np.unique(speaker_names(index).astype(str), return_inverse=True)
    targets = np.eye(len(speakers) * len(labels))[numbers * len(labels) + emotion_numbers(index, labels)]
    occurs = targets.any(axis=0)
    return (targets * (1 - smoothing) + smoothing * occurs / occurs.sum()).astype("float32")


def corpus_targets(targets, sets, smoothing=0.0):
    """Targets of a last layer for each corpus (`losses.corpus_cross_entropy`).

    Args:
        targets: `logits` of `make_targets`, with label sets.
        sets: of `label_sets`.
        smoothing: of the labels, over those that the corpus has.

    Returns:
        float32 `(clips, corpora * emotions)`, each row of sum 1.
    """
    flags = np.array([flags for _, flags in sets], "float32")
    label, own = targets[:, : flags.shape[1]], targets[:, flags.shape[1] :]
    spread = label[:, None] * (1 - smoothing) + smoothing * flags / flags.sum(axis=1, keepdims=True)
    return (spread * own[:, :, None]).reshape(len(targets), -1).astype("float32")


def _place(index, row):
    """The clip of a row, for messages."""
    start = index["start"].iloc[row] if "start" in index else None
    return str(index["file"].iloc[row]) + ("" if start is None or start != start else f" from {start:g} s")

"""Evaluation protocols: which clips train, which choose the epoch, and which are measured."""

import warnings
from operator import index as as_int

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from emohrnet_tf.data.across import across_corpora
from emohrnet_tf.data.dealing import INNER_FOLDS, deal
from emohrnet_tf.data.leakage import (
    APART,
    PARTS,
    PROTOCOLS,
    check_split,
    column_of,
    emotions_of,
    groups_of,
    parts_of,
    speakers_of,
)
from emohrnet_tf.errors import InputError

__all__ = ["PARTS", "PROTOCOLS", "SCHEMES", "check_split", "fold_count", "missing_actors", "split", "with_also"]

DEFAULT_FOLDS = 5

# Actors of RAVDESS: test and validation of each fold. "published": test folds of Luna-Jimenez et al. 2021
# (doi 10.3390/s21227665), with a man and a woman of other folds to choose the epoch. "emobox": test folds of EmoBox
# (arXiv 2406.07162), which has no actors for validation; here the next fold's.
SCHEMES = {
    "published": (
        ("02 05 14 15 16", "03 06"),
        ("03 06 07 13 18", "10 11"),
        ("10 11 12 19 20", "08 17"),
        ("08 17 21 23 24", "01 14"),
        ("01 04 09 22",    "02 05"),
    ),
    "emobox": (
        ("01 11 20 21", "04 10 12 14"),
        ("04 10 12 14", "08 09 19 23"),
        ("08 09 19 23", "03 05 07 24"),
        ("03 05 07 24", "02 15 16 18"),
        ("02 15 16 18", "06 13 17 22"),
        ("06 13 17 22", "01 11 20 21"),
    ),
}  # fmt: skip
ACTORS = {actor for test, _ in SCHEMES["published"] for actor in test.split()}


def split(index, protocol, fold=0, seed=0, folds=None, scheme="published"):
    """Say for every clip whether it trains, validates or tests.

    - `random`: stratified folds of clips; clips of one `group` stay together. Validation is 1/8 of the rest, drawn
      the same way: with 5 folds 70 % train, 10 % validate, 20 % test.
    - `speaker`: unseen speakers. All of RAVDESS has the folds of `scheme`. Otherwise speakers are dealt to folds of
      about equal numbers of clips, and half of the next fold's speakers (rounded up) validate.
    - `loso`: leave one out: a session where the index has `session`, else a speaker; the next one validates.
    - `corpus`: leave one corpus out: all of one tests, in the order of their names, the others train; an eighth of the
      speakers of each that has three or more validates. `one_corpus` is the other way round: one corpus trains and
      validates, all the others test. A clip whose label no training clip has is "left out".
    - `given`: the column `split` as it is. Where it has no validation, 1/8 of train becomes it: whole speakers where
      no speaker of train is in test and train has three or more, else clips as in `random`.
    - `all`: every clip trains, for a model to be given away; nothing is measured.

    Over the folds of `random`, `speaker` and `loso` every clip is in test exactly once (of `corpus`: or left out). The
    result depends on names and contents, not on the order of rows; `seed` moves only what is drawn by clips.

    Args:
        index: DataFrame with `file`, `emotion`; `speaker` for unseen speakers; `group` (by default the file). Rows
            whose column `also` is true always train and count for nothing else, see `with_also`.
        protocol: one of `PROTOCOLS`.
        fold: 0 up to `fold_count` - 1.
        seed: int, 0 or more.
        folds: number of folds of `random` and of `speaker` without published folds; by default 5, or the number of
            speakers if there are fewer.
        scheme: folds of RAVDESS: "published" (5) or "emobox" (6).

    Returns:
        Series "split" of "train", "validation", "test" over `index.index`, which `check_split` has passed.

    Raises:
        InputError: a column is missing or incomplete, an argument is out of range, too few speakers or clips for the
            folds, or `check_split` refuses the result.

    Example:
        >>> emotions = ["anger", "calm"] * 6
        >>> speakers = [name for name in "abcdef" for _ in range(2)]
        >>> files = [f"{number:02}.wav" for number in range(12)]
        >>> index = pd.DataFrame({"file": files, "emotion": emotions, "speaker": speakers})
        >>> split(index, "loso", fold=5).tolist()[-4:], split(index, "loso", fold=5)[0]
        (['train', 'train', 'test', 'test'], 'validation')
    """
    if "also" in index and index["also"].any():
        own = split(index[~index["also"]], protocol, fold, seed, folds, scheme)
        result = own.reindex(index.index, fill_value="train").rename("split")
        check_split(index, result, protocol)
        return result
    count = fold_count(index, protocol, folds, scheme)
    fold, seed = _whole("fold", fold), _whole("seed", seed)
    if fold >= count:
        raise InputError(f"fold: {protocol} has {count} here, numbered 0 to {count - 1}. Received: {fold!r}")
    order = _order(index)  # all below is on the rows in this order
    rows = index.iloc[order]
    if protocol == "random":
        parts = _random(rows, count, fold, seed)
    elif protocol == "given":
        parts = _given(rows, seed)
    elif protocol in APART:
        parts = across_corpora(rows, protocol, fold)
    elif protocol == "all":
        parts = np.full(len(rows), "train", object)
    else:
        test, validation = _folds(rows, protocol, count, scheme)[fold]
        names = _units(rows, protocol)
        parts = np.where(np.isin(names, test), "test", np.where(np.isin(names, validation), "validation", "train"))
    result = np.empty(len(index), object)
    result[order] = parts
    result = pd.Series(result, index=index.index, name="split")
    check_split(index, result, protocol)
    return result


def fold_count(index, protocol, folds=None, scheme="published"):
    """Number of folds of a protocol on an index; arguments and errors are those of `split`.

    Example:
        >>> index = pd.DataFrame({"file": list("abcd"), "emotion": ["calm", "anger"] * 2, "speaker": list("wxyz")})
        >>> fold_count(index, "loso")
        4
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol: give one of {', '.join(PROTOCOLS)}. Received: {protocol!r}")
    if "also" in index:
        index = index[~index["also"]]
    if scheme not in SCHEMES:
        raise InputError(f"scheme: give one of {', '.join(SCHEMES)}. Received: {scheme!r}")
    if scheme != "published" and not (protocol == "speaker" and _is_ravdess(index)):
        raise InputError(f"scheme: of protocol speaker on all 24 actors of RAVDESS; leave it out. Received: {scheme!r}")
    emotions = emotions_of(index)
    column_of(index, "file")
    if len(set(emotions)) < 2 and set(emotions) != {""}:
        raise InputError(f"an index needs clips of two emotions or more. Received: {sorted(set(emotions))!r}")
    folds = None if folds is None else _whole("folds", folds)
    if protocol in ("given", "all"):
        column_of(index, "split" if protocol == "given" else "file")
        count = 1
    elif protocol == "loso":
        count = len(set(_units(index, protocol)))
        if count < 3:
            raise InputError(f"loso needs three speakers or sessions: test, validation, train. Received: {count!r}")
    elif protocol in APART:
        names = sorted(set(column_of(index, "corpus")))
        count = len(names)
        if count < 2:
            raise InputError(f"{protocol} needs two corpora or more: give the index of each. Received: {names!r}")
    elif protocol == "speaker" and _is_ravdess(index):
        count = len(SCHEMES[scheme])
    elif protocol == "speaker":
        speakers = len(set(_units(index, protocol)))
        if speakers < 3:
            raise InputError(f"speaker needs three speakers: test, validation, train. Received: {speakers!r}")
        count = min(DEFAULT_FOLDS, speakers) if folds is None else folds
        return _in_range("folds", count, 3, speakers, "speakers")
    else:
        groups = pd.Series(groups_of(index)).groupby(emotions).nunique()
        count = DEFAULT_FOLDS if folds is None else folds
        return _in_range("folds", count, 2, groups.min(), f"different clips of {groups.idxmin()!r}")
    if folds not in (None, count):
        raise InputError(f"folds: {protocol} has {count} here; leave it out. Received: {folds!r}")
    return count


def missing_actors(index):
    """Actors whom an index of RAVDESS lacks: where there are any, `speaker` deals folds of its own.

    Returns:
        Sorted names; None for another corpus.
    """
    if "corpus" not in index or set(index["corpus"]) != {"ravdess"}:
        return None
    return sorted(ACTORS - set(speakers_of(index)))


def with_also(index, also):
    """An index and further clips that train in every fold and are never measured: those whose emotion it knows.

    Args:
        index, also: DataFrames with `file`, `emotion` and what the protocol needs.

    Returns:
        DataFrame of both, with the column `also`, numbered from 0.

    Raises:
        InputError: a file in both, or no clip with an emotion of `index`.
    """
    known = also[also.emotion.isin(set(index.emotion))]
    both = sorted(set(index.file) & set(known.file))
    if both:
        raise InputError(f"A clip that is measured cannot also train: leave it out of one. Received: {both[0]!r}")
    if not len(known):
        raise InputError(f"No further clip has an emotion of the index. Received: {sorted(set(also.emotion))!r}")
    return pd.concat([index.assign(also=False), known.assign(also=True)], ignore_index=True)


# --- Protocols ---


def _random(rows, count, fold, seed):
    test = _clip_fold(rows, count, fold, seed)
    parts = np.where(test, "test", "train").astype(object)
    rest = np.flatnonzero(~test)
    parts[rest[_clip_fold(rows.iloc[rest], INNER_FOLDS, 0, seed)]] = "validation"
    return parts


def _clip_fold(rows, count, fold, seed):
    """Mask of one of `count` stratified folds of the rows, groups together."""
    emotions = emotions_of(rows)
    count = min(count, np.unique(emotions, return_counts=True)[1].max())
    if count < 2:
        raise InputError(f"too few clips to take validation from; add some. Received: {len(rows)!r}")
    groups, names = pd.factorize(groups_of(rows))  # numbered by place: names must not matter
    # Shuffled here: `shuffle=True` does not stratify in older releases (scikit-learn issue 32478).
    groups = np.random.default_rng(seed).permutation(len(names))[groups]
    folds = StratifiedGroupKFold(count)
    mask = np.zeros(len(rows), bool)
    with warnings.catch_warnings():  # the inner folds may lack a rare emotion; `check_split` judges the result
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        mask[list(folds.split(emotions, emotions, groups))[fold][1]] = True
    return mask


def _given(rows, seed):
    parts = parts_of(rows["split"]).copy()
    for part in ("train", "test"):
        if part not in parts:
            raise InputError(f"column split: no clip in {part}. Received: {sorted(set(parts))!r}")
    if "validation" in parts:
        return parts
    train = np.flatnonzero(parts == "train")
    if "speaker" in rows and rows["speaker"].notna().all():
        names = speakers_of(rows)
        seen = set(names[train])
        if len(seen) >= 3 and not seen & set(names[parts == "test"]):
            chosen = deal(names[train], min(INNER_FOLDS, len(seen)))[0]
            parts[train[np.isin(names[train], chosen)]] = "validation"
            return parts
    parts[train[_clip_fold(rows.iloc[train], INNER_FOLDS, 0, seed)]] = "validation"
    return parts


def _folds(rows, protocol, count, scheme):
    """List of (test, validation) names of speakers or sessions, one for each fold."""
    names = _units(rows, protocol)
    if protocol == "loso":
        units = sorted(set(names))
        return [([unit], [units[(i + 1) % count]]) for i, unit in enumerate(units)]
    if _is_ravdess(rows):
        return [(test.split(), validation.split()) for test, validation in SCHEMES[scheme]]
    dealt = deal(names, count)
    following = dealt[1:] + dealt[:1]
    return [(test, after[: (len(after) + 1) // 2]) for test, after in zip(dealt, following)]


# --- Columns ---


def _order(index):
    """Positions of the rows sorted by file, then by section: what makes the order of rows not matter."""
    keys = [column_of(index, "file")]
    keys += [index[name].fillna(0).to_numpy() for name in ("start", "end") if name in index]
    return np.lexsort([pd.factorize(key, sort=True)[0] for key in keys[::-1]])


def _units(index, protocol):
    """What is left out as a whole: the session in `loso` where there is one, else the speaker."""
    has_sessions = protocol == "loso" and "session" in index and index["session"].notna().all()
    return column_of(index, "session") if has_sessions else speakers_of(index)


def _is_ravdess(index):
    return missing_actors(index) == [] and set(speakers_of(index)) == ACTORS


def _whole(name, value):
    try:
        number = as_int(value)
    except TypeError:
        number = -1
    if number < 0 or isinstance(value, bool):
        raise InputError(f"{name}: give a whole number, 0 or more. Received: {value!r}")
    return number


def _in_range(name, count, least, most, of_what):
    if not least <= count <= most:
        raise InputError(f"{name}: {least} or more, at most the {most} {of_what}. Received: {count!r}")
    return count

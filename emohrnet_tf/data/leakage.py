"""The guard against leakage: what is measured must not be known in training."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.identity import Heard, groups, marks
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import read_csv
from emohrnet_tf.model.heard import heard_by

PARTS = ("train", "validation", "test")
PROTOCOLS = ("random", "speaker", "loso", "corpus", "one_corpus", "given", "all")
APART = ("corpus", "one_corpus")  # hold whole corpora apart
SPEAKERS_APART = ("speaker", "loso", *APART)
LEFT_OUT = "left out"  # of a corpus held out: clips whose label no training corpus has


def check_split(index, split, protocol):
    """Refuse a split in which something of test or validation is already known in training.

    Args:
        index: DataFrame with `emotion`, `group` (by default `file`), and `speaker` for unseen speakers.
        split: Series over `index.index` of "train", "validation", "test".
        protocol: one of `PROTOCOLS`; speakers are held apart in `speaker` and `loso`, corpora in `corpus` and
            `one_corpus`, where clips may be `LEFT_OUT`.

    Raises:
        InputError: other names of parts; an empty part; a group, or a speaker, in two parts; an emotion of
            validation or test that training lacks.

    Example:
        >>> index = pd.DataFrame({"file": list("abcc"), "emotion": ["calm"] * 4, "speaker": list("wxyz")})
        >>> parts = pd.Series(["train", "validation", "train", "test"])
        >>> check_split(index, parts, "random")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        emohrnet_tf.errors.InputError: split: a group of identical clips is in two parts, train and test; ...
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol: give one of {', '.join(PROTOCOLS)}. Received: {protocol!r}")
    split = pd.Series(split)
    if not split.index.equals(index.index):
        raise InputError(f"split: needs one value for each of the {len(index)} rows. Received: {len(split)!r} others")
    if protocol in APART:
        index, split = index[split != LEFT_OUT], split[split != LEFT_OUT]
    parts = parts_of(split)
    if protocol == "all" and set(parts) == {"train"}:
        return  # nothing is measured
    for part in PARTS:
        if part not in parts:
            raise InputError(
                f"split: no clip in {part}; use fewer folds or more speakers. Received: {sorted(set(parts))!r}"
            )
    emotions = emotions_of(index)
    for part in PARTS[1:]:
        unknown = sorted(set(emotions[parts == part]) - set(emotions[parts == "train"]) - {""})
        if unknown:
            raise InputError(
                f"split: {part} has an emotion that train has not; leave it out or split otherwise. "
                f"Received: {unknown[0]!r}"
            )
    _keep_together(parts, groups_of(index), "a group of identical clips")
    if protocol in APART:
        _keep_together(np.where(parts == "test", "test", "train"), column_of(index, "corpus"), "a corpus")
    if protocol in SPEAKERS_APART:
        _keep_together(parts, speakers_of(index), "a speaker")


def _keep_together(parts, names, what):
    table = pd.DataFrame({"name": np.asarray(names, object), "part": parts}).drop_duplicates()
    twice = table[table.duplicated("name", keep=False)]
    if len(twice):
        name = twice["name"].iloc[0]
        first, second = [part for part in PARTS if part in set(twice["part"][twice["name"] == name])][:2]
        raise InputError(
            f"split: {what} is in two parts, {first} and {second}; put all of it in one. Received: {name!r}"
        )


# --- Columns ---


def column_of(index, name):
    """A column as text, complete."""
    if name not in index:
        raise InputError(f"the index has no column {name}; add it. Received: {list(index.columns)!r}")
    missing = np.flatnonzero(index[name].isna())
    if len(missing):
        label = index.index[missing[0]]
        raise InputError(
            f"column {name}: {len(missing)} of {len(index)} rows have no value; fill them in or leave the rows out, "
            f"the first is row {label!r}. Received: {index[name].iloc[missing[0]]!r}"
        )
    return index[name].astype(str).to_numpy(object)


def named(index):
    """The index with emotions and speakers as text, whatever they were written as; missing ones stay missing.

    Raises:
        InputError: no index: a path, a list, a table without `file` or `emotion`.
    """
    if not isinstance(index, pd.DataFrame):
        raise InputError(
            "An index is a DataFrame: read it by `emohrnet_tf.read_index(path)`, or a corpus by "
            f"`emohrnet_tf.read_corpus(name, folder)[0]`. Received: {type(index).__name__}"
        )
    for name in ("file", "emotion"):
        if name not in index:
            raise InputError(f"the index has no column {name}; add it. Received: {list(index.columns)!r}")
    texts = {
        name: pd.Series([None if pd.isna(value) else str(value) for value in index[name]], index.index, dtype=object)
        for name in ("emotion", "speaker")
        if name in index
    }
    return index.assign(**texts)


def emotions_of(index):
    """Emotions as text; "" where a clip has none but valence, arousal and dominance."""
    rated = [name for name in ("valence", "arousal", "dominance") if name in index]
    if len(rated) < 3 or "emotion" not in index:
        return column_of(index, "emotion")
    column_of(index[index[rated].isna().any(axis=1)], "emotion")
    return index["emotion"].fillna("").astype(str).to_numpy(object)


def groups_of(index):
    """Names of what must stay together: the group, or the file where there is none."""
    files = column_of(index, "file")
    return files if "group" not in index else np.where(index["group"].isna(), files, index["group"].astype(str))


def speakers_of(index, missing=False):
    """Names of speakers; with the corpus' name before where the index holds several corpora.

    Args:
        missing: whether a clip may have no speaker, and None for its name.
    """
    known = index["speaker"].notna().to_numpy() if missing and "speaker" in index else np.ones(len(index), bool)
    names = np.full(len(index), None, object)
    names[known] = column_of(index[known], "speaker")
    if "corpus" in index and index["corpus"].nunique() > 1:
        names[known] = column_of(index[known], "corpus") + "/" + names[known]
    return names


def parts_of(split):
    """Array of the parts that a Series names; InputError for other names."""
    wrong = split[~split.isin(PARTS)]
    if len(wrong):
        raise InputError(
            f"split: {len(wrong)} rows are not one of {', '.join(PARTS)}, the first is row {wrong.index[0]!r}. "
            f"Received: {wrong.iloc[0]!r}"
        )
    return split.to_numpy(object)


def heard(model, index, clip_marks=None, trained_only=False):
    """Which clips of an index a model, or one that it started from, was trained on or chosen by.

    Clips are told by their samples (`audio.identity`): under another name, in another folder or format they are the
    same. A pretrained model also counts every clip of its corpus, of which other copies exist.

    Args:
        model: `EmoHRNet`, or as for `saved.load_model`.
        index: DataFrame with `file`, and `corpus` where it is known.
        clip_marks: `identity.marks` of the index, where they are at hand.
        trained_only: leave out what only chose the epoch.

    Returns:
        Series of dtype "boolean" over `index.index`; missing where it cannot be known: the model does not say all that
        it has heard, and the clip is none that it names.
    """
    record = record_of(model)
    if record is None:
        return pd.Series(pd.NA, index=index.index, dtype="boolean")
    seen = record.holds(marks(index) if clip_marks is None else clip_marks, trained_only)
    if record.corpora and "corpus" in index:
        seen |= index["corpus"].isin(record.corpora).to_numpy(bool)
    result = pd.Series(seen, index=index.index, dtype="boolean")
    return result if record.complete else result.where(seen, pd.NA)


def record_of(model):
    """What a model has heard: as it says itself, else as the split of its run says; None where nothing is known.

    A run of an earlier version has files in its split and no samples: what can no longer be read leaves the record
    incomplete, and so does a model that it started from and that is not there.
    """
    if (record := heard_by(model)) is not None or not isinstance(model, str | Path):
        return record
    folder = Path(model) if Path(model).is_dir() else Path(model).parent
    if not (folder / "split.csv").exists():
        return None
    known = read_csv(folder / "split.csv", ("start", "end"))
    known = known[known["split"].isin(["train", "validation"])]
    found = marks(known)
    record = Heard.of(found, known["split"] == "train")
    record.complete = all(found)
    described = folder / "config.json"
    facts = json.loads(described.read_text(encoding="utf-8")) if described.exists() else {}
    if initial := facts.get("config", {}).get("training", {}).get("initial"):
        record |= record_of(initial) or Heard(complete=False)
    return record


def regrouped(index, clip_marks):
    """The index with `group` so that clips of the same samples share one, besides those that share one already.

    Args:
        index: DataFrame, with `group` or without.
        clip_marks: `identity.marks` of the index.
    """
    given = index["group"].tolist() if "group" in index else [None] * len(index)
    return index.assign(group=groups(clip_marks, given))

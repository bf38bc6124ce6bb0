"""Several corpora as one index: whose names do not collide, and labels that are to be one."""

import os
from pathlib import Path

import pandas as pd

from emohrnet_tf.config import EMOTIONS
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable

from .table import read_index

UNNAMED = "table"  # what `emohrnet index table` calls every corpus


def join(paths):
    """Read several indexes as one.

    An index without a column `corpus`, or with the name that every table has, takes the name of its file: speakers of
    different corpora are never one.

    Args:
        paths: CSV files, one or more.

    Returns:
        DataFrame numbered from 0; of one file, what `read_index` returns.

    Raises:
        InputError: of `read_index`; no file, a file given twice, a clip that two of them list, or two unnamed corpora
            whose files have one name.
    """
    paths = [Path(os.path.abspath(path)) for path in paths]
    if not paths:
        raise InputError("Give the CSV of one index or more. Received: none")
    if len(paths) == 1:
        return read_index(paths[0])
    tables, named_after = [], {}
    for path in paths:
        table = read_index(path)
        unnamed = table["corpus"].isna() | (table["corpus"] == UNNAMED) if "corpus" in table else True
        stem = printable(path.stem)
        table["corpus"] = table["corpus"].mask(unnamed, stem) if "corpus" in table else stem
        other = named_after.setdefault(path.stem, path) if pd.Series(unnamed).any() else path
        if other != path:
            raise InputError(
                f"{path} and {other} name no corpus and have one name, by which their speakers would be one: add a "
                f"column corpus. Received: {path.stem!r}"
            )
        tables.append(table)
    index = pd.concat(tables, ignore_index=True)
    sections = index[["file", *(name for name in ("start", "end") if name in index)]]
    if sections.duplicated().any():
        file = index["file"][sections.duplicated()].iloc[0]
        raise InputError(f"A clip is in two of the indexes: give it once. Received: {file!r}")
    return index


def merge_labels(index, merge):
    """Give labels of an index other names, e.g. calm the name neutral.

    Args:
        index: DataFrame with `emotion`.
        merge: "calm=neutral", several with commas; "" changes nothing. One of `config.EMOTIONS` need not be there: a
            preset that merges is for any corpus.

    Returns:
        A DataFrame; the index itself where nothing changes.

    Raises:
        InputError: not so written, another label that the index does not have, or less than two that are left.

    Example:
        >>> merge_labels(pd.DataFrame({"emotion": ["calm", "neutral", "anger"]}), "calm=neutral").emotion.tolist()
        ['neutral', 'neutral', 'anger']
    """
    if not merge:
        return index
    names = {}
    for pair in merge.split(","):
        old, equals, new = (part.strip() for part in pair.partition("="))
        if not (old and equals and new):
            raise InputError(
                f"Labels are merged as old=new, e.g. calm=neutral, several with commas. Received: {pair!r}"
            )
        names[old] = new
    known = sorted(set(index["emotion"].dropna()))
    if absent := [old for old in names if old not in known and old not in EMOTIONS]:
        raise InputError(f"merge: no clip is {absent[0]}; the labels are {', '.join(known)}. Received: {merge!r}")
    index = index.assign(emotion=index["emotion"].replace(names))
    if index["emotion"].nunique() < 2:
        raise InputError(f"merge: leaves one label where training needs two. Received: {merge!r}")
    return index

"""Corpora as indexes: a folder, or a table, becomes a DataFrame with a row for each clip."""

import functools
import inspect
import os

from emohrnet_tf.audio.walk import walk
from emohrnet_tf.errors import InputError

from . import audformat, folders, iemocap, msp_podcast, named, table
from .grammars import GRAMMARS
from .several import join, merge_labels
from .table import read_index, write_index

CORPORA = {name: functools.partial(named.read, name) for name in GRAMMARS} | {
    "ravdess":     named.read_ravdess,
    "iemocap":     iemocap.read,
    "msp_podcast": msp_podcast.read,
    "audformat":   audformat.read,
    "folders":     folders.read,
    "table":       table.read,
}  # fmt: skip

__all__ = ["CORPORA", "GRAMMARS", "join", "merge_labels", "read_corpus", "read_index", "write_index"]


def read_corpus(name, root, **options):
    """Index a corpus on disk: one row for each clip, sorted by path, the same on every machine.

    Every file's header and bytes are read. Bad files are listed and never lose the rest.

    Args:
        name: a key of `CORPORA`: those of `GRAMMARS`, which are read by their files' names, and "iemocap",
            "msp_podcast", "audformat", "folders", "table".
        root: folder of the corpus; for "table" the CSV file.
        options: the corpus' own: ravdess has `vocal_channel` ("speech", "song", "all"), iemocap `task` ("4class",
            "all"), msp_podcast `test_set` ("Test1", ...), table `vad_scale` ("1..5").

    Returns:
        `(index, skipped)`, two DataFrames. `index` has `file` (absolute path), `emotion` (a noun), `speaker` (text),
        `corpus`, `duration` (seconds), `group` (identical clips share it) and what else the corpus tells; `skipped` has
        `file` and `reason`.

    Raises:
        InputError: an unknown corpus or option; no such folder, or one of another layout; no usable clip; one emotion.

    Example:
        >>> index, skipped = read_corpus("ravdess", "RAVDESS", vocal_channel="speech")  # doctest: +SKIP
        >>> index["emotion"].value_counts()  # doctest: +SKIP
    """
    if name not in CORPORA:
        raise InputError(f"corpus: give one of {', '.join(CORPORA)}. Received: {name!r}")
    if not isinstance(root, str | os.PathLike):
        raise InputError(f"{name}: give the path of the corpus' folder. Received: {type(root).__name__}")
    known = list(inspect.signature(CORPORA[name]).parameters)[1:]  # after `root`
    unknown = [option for option in options if option not in known]
    if unknown:
        choice = f"the options are {', '.join(known)}" if known else "it has no options"
        raise InputError(f"{name}: no option {unknown[0]}; {choice}. Received: {options!r}")
    index, skipped = CORPORA[name](root, **options)
    if os.path.isdir(root):
        skipped.attrs["left_out"] = walk([root])[1]  # for whoever prints it: hidden files, and what is not audio
    return index, skipped

"""Whole corpora held apart: what a model is worth on voices, rooms and a language that it has never heard."""

import numpy as np

from emohrnet_tf.data.dealing import INNER_FOLDS, deal
from emohrnet_tf.data.leakage import LEFT_OUT, column_of, emotions_of, speakers_of
from emohrnet_tf.errors import InputError


def across_corpora(rows, protocol, fold):
    """Parts of the protocols `corpus` and `one_corpus`: what `splits.split` says of them.

    Args:
        rows: DataFrame with `file`, `emotion`, `corpus`, `speaker`.
        protocol: "corpus", of which the corpus `fold` tests, or "one_corpus", of which it alone trains.
        fold: number of the corpus among their sorted names.

    Returns:
        Array of "train", "validation", "test" and `LEFT_OUT`, where a clip's label is none of the training clips'.

    Raises:
        InputError: a clip without a speaker, no speaker who could validate, or less than two labels in common.
    """
    corpora, emotions = column_of(rows, "corpus"), emotions_of(rows)
    names = sorted(set(corpora))
    for name in names:
        if "speaker" not in rows or rows["speaker"][corpora == name].isna().any():
            raise InputError(
                f"{protocol}: corpus {name} has clips without a speaker, and validation takes whole speakers: fill in "
                f"the column speaker, or leave the corpus out. Received: {names!r}"
            )
    test = (corpora == names[fold]) == (protocol == "corpus")
    parts, speakers = np.where(test, "test", "train").astype(object), speakers_of(rows)
    for name in sorted(set(corpora[~test])):
        own = np.unique(speakers[corpora == name])
        if len(own) >= 3:
            chosen = deal(speakers[corpora == name], min(INNER_FOLDS, len(own)))[0]
            parts[(corpora == name) & np.isin(speakers, chosen)] = "validation"
    if "validation" not in parts:
        trained = sorted(set(corpora[~test]))
        raise InputError(
            f"{protocol}: fold {fold} trains on corpora of less than three speakers, none of whom can validate: add a "
            f"larger one. Received: {trained!r}"
        )
    known = set(emotions[parts == "train"])
    parts[~np.isin(emotions, [*known, ""])] = LEFT_OUT
    common = sorted(set(emotions[parts == "test"]) - {""})
    if len(common) < 2 and known != {""}:
        tested, has = sorted(set(corpora[test])), sorted(set(emotions[test]))
        raise InputError(
            f"{protocol}: {', '.join(tested)} ({', '.join(has)}) and the corpora that train "
            f"({', '.join(sorted(known))}) have less than two labels in common; call what is the same by one "
            f"name (--merge old=new). Received: {common!r}"
        )
    return parts

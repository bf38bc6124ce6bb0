"""As many clips from every corpus, and in a corpus from every speaker."""

import numpy as np
import pandas as pd
import tensorflow as tf


def units(index):
    """Whom each clip is of, for sampling that is balanced over corpora and speakers.

    Args:
        index: DataFrame with `corpus`, and `speaker` where it is known; a clip without one is a speaker of its own.

    Returns:
        `(units, shares)`: int64 and float64 `(clips,)`: the number of each clip's speaker, and what share of an epoch
        the clip takes, 1 in all.

    Example:
        >>> index = pd.DataFrame({"corpus": list("aaab"), "speaker": list("xxyx")})
        >>> units(index)[1].round(3).tolist()
        [0.125, 0.125, 0.25, 0.5]
    """
    rows = index[["corpus"]].fillna("").astype(str)
    speaker = index["speaker"] if "speaker" in index else pd.Series(None, index=index.index, dtype=object)
    own = pd.Series([f"\0{number}" for number in range(len(index))], index=index.index)
    rows["speaker"] = speaker.where(speaker.notna(), own).astype(str)
    number = rows.groupby(["corpus", "speaker"]).ngroup().to_numpy("int64")
    clips = np.bincount(number)[number]
    speakers = rows.groupby("corpus")["speaker"].transform("nunique").to_numpy()
    return number, 1.0 / (rows["corpus"].nunique() * speakers * clips)


def draw_evenly(balanced, key):
    """The clips of an epoch, on-graph: as many as there are, each as often as its share of them says.

    Systematic sampling: clip by clip, speaker by speaker, the shares are added up, and a clip is taken whenever the sum
    passes a whole number. So a corpus, and a speaker, has its number of clips but for one, whatever the draw, and a
    clip comes again only where its speaker has too few.

    Args:
        balanced: of `units`.
        key: int64 `(2,)`, the randomness.

    Returns:
        int32 `(clips,)`, shuffled.
    """
    number, shares = (tf.constant(values, tf.float64) for values in balanced)
    count = tf.size(number)
    chance = tf.random.stateless_uniform([count + 1], key + 1, dtype=tf.float64)
    order = tf.argsort(number + chance[1:])  # the speakers in turn, each speaker's clips in any order
    upto = tf.floor(tf.cumsum(tf.gather(shares, order)) * tf.cast(count, tf.float64) + chance[0])
    upto = tf.concat([[0], tf.cast(upto[:-1], tf.int32), [count]], axis=0)  # the end is exact, the sum of floats is not
    chosen = tf.repeat(order, upto[1:] - upto[:-1])
    return tf.random.experimental.stateless_shuffle(chosen, seed=key)

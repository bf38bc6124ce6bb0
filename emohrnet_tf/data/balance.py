"""As many clips from every corpus, and in a corpus from every speaker; and clips of one voice side by side."""

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


def of_clips(index):
    """As `units`, with the same share for every clip."""
    number, _ = units(index.assign(corpus=index.get("corpus", "")))
    return number, np.full(len(index), 1 / len(index))


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


def draw_voices(balanced, clips, key):
    """The clips of an epoch, on-graph, in groups of one voice each.

    Voices are drawn as `draw_evenly` draws clips; a voice's groups go through its clips in a random order, and begin
    anew where they end.

    Args:
        balanced: of `units`, or other shares.
        clips: in a group.
        key: int64 `(2,)`, the randomness.

    Returns:
        int32 `(groups * clips,)`, as many groups as whole ones fit.
    """
    number, shares = np.asarray(balanced[0]), np.asarray(balanced[1], "float64")
    sizes = np.bincount(number).astype("int32")
    share = np.bincount(number, shares)  # of each voice
    groups = max(len(number) // clips, 1)
    chance = tf.random.stateless_uniform([len(number) + 1], key + 1, dtype=tf.float64)
    order = tf.argsort(tf.constant(number, tf.float64) + chance[1:])  # voices in turn, each one's clips in any order
    turn = tf.argsort(chance[1 : len(sizes) + 1])  # of the voices, lest the last always takes what rounding leaves
    upto = tf.floor(tf.cumsum(tf.gather(tf.constant(share), turn)) * groups + chance[0])
    upto = tf.concat([[0], tf.cast(upto[:-1], tf.int32), [groups]], axis=0)
    times = upto[1:] - upto[:-1]
    voice = tf.repeat(turn, times)
    rank = tf.range(groups) - tf.repeat(upto[:-1], times)  # which group of its voice
    place = (rank[:, None] * clips + tf.range(clips)) % tf.gather(sizes, voice)[:, None]
    chosen = tf.gather(order, tf.gather(np.cumsum(sizes, dtype="int32") - sizes, voice)[:, None] + place)
    mixed = tf.random.experimental.stateless_shuffle(tf.range(groups), seed=key)
    return tf.reshape(tf.gather(chosen, mixed), [groups * clips])

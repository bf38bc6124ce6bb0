"""The one rule that says which parts of a recording are silence; what is silent is named so and has no vote.

Used by the timeline, by `predict` and `evaluate` (`spoken_windows`) and on-graph by the SavedModel (`graph_spoken`);
repeated in `export/web/audio.js`, and held to it by tests.
"""

import numpy as np

from emohrnet_tf.audio.windows import window_starts, windows

SILENCE = "silence"  # stands for the emotion where there is nothing to judge
FRAME = 0.1  # seconds, of the levels
QUIETER_DB = 35.0  # than the recording's loud passages: silence
FLOOR_DB = -85.0  # full scale; what is below is silence in any recording
FEWEST = 5  # frames that stand out, to be passages rather than a bang
STANDS_OUT_DB = 10.0  # above the background: what the loud passages are looked for among


def levels_db(frames):
    """Level of frames `(n, samples)` in dB of full scale: `(n,)`; of each about its mean, an offset is no sound."""
    return 10 * np.log10(np.var(frames, axis=1) + 1e-12)


def silence_limit(levels):
    """The level in dB at or below which a frame of a recording is silent.

    35 dB below the loud passages: the 95th percentile of the levels that stand out by 10 dB from the background (the
    10th percentile), so that the share of speech in a recording does not matter; of all levels where none does. At
    least -85 dB.

    Args:
        levels: `(n,)`, of every 0.1 s, n at least 1.

    Example:
        >>> silence_limit(np.array([-20.0] * 40 + [-70.0] * 600))
        -55.0
    """
    levels = np.sort(levels)
    loud = levels[levels > max(np.percentile(levels, 10) + STANDS_OUT_DB, FLOOR_DB)]
    return float(max(np.percentile(loud if len(loud) >= FEWEST else levels, 95) - QUIETER_DB, FLOOR_DB))


def spoken(waveform, samples, sample_rate):
    """Which windows of a recording are not silent: those with a frame of 0.1 s above `silence_limit`.

    Args:
        waveform: float32 `(length,)`.
        samples: length of a window, cut by `windows.window_starts`.
        sample_rate: hertz.

    Returns:
        bool `(windows,)`.
    """
    if not len(waveform):
        return np.zeros(len(window_starts(0, samples)), bool)
    frame = round(FRAME * sample_rate)
    return spoken_of(frame_levels(waveform, frame), len(waveform), samples, frame)


def spoken_of(levels, length, samples, frame):
    """`spoken` of a recording of which only the levels are at hand.

    Args:
        levels: dB of every `frame` samples, the last of what is left: `(n,)`, n at least 1.
        length: samples of the recording.
        samples: of a window.
        frame: samples.
    """
    starts = window_starts(length, samples)
    ends = -(-np.minimum(starts + samples, length) // frame)
    loudest = np.array([levels[a:b].max() for a, b in zip(starts // frame, ends)])
    return loudest > silence_limit(levels)


def frame_levels(waveform, frame):
    """`levels_db` of the frames of a waveform `(length,)`, the last of which may be shorter."""
    levels = levels_db(np.pad(waveform, (0, -len(waveform) % frame)).reshape(-1, frame))
    if rest := len(waveform) % frame:
        levels[-1] = levels_db(waveform[None, -rest:])[0]
    return levels


def spoken_windows(waveform, samples, sample_rate):
    """`windows.windows` of a recording, without the silent ones: float32 `(n, samples)`, n 0 where all is silence."""
    waveform = np.asarray(waveform, np.float32)
    return windows(waveform, samples)[spoken(waveform, samples, sample_rate)]


def graph_spoken(waveform, samples, sample_rate):
    """`spoken` on-graph, in core TensorFlow ops: float32 `(length,)`, not empty -> bool `(windows,)`."""
    import tensorflow as tf

    frame, hop, length = round(FRAME * sample_rate), max(1, samples // 2), tf.size(waveform)
    bounded = tf.clip_by_value(waveform, -1e10, 1e10)  # whose squares are finite
    padded = tf.reshape(tf.pad(bounded, [[0, -length % frame]]), (-1, frame))
    own = tf.minimum(length - tf.range(tf.shape(padded)[0]) * frame, frame)  # samples of each, the last has fewer
    held = tf.cast(own, tf.float32)
    about = padded - (tf.reduce_sum(padded, axis=1) / held)[:, None]
    power = tf.reduce_sum(tf.where(tf.sequence_mask(own, frame), tf.square(about), 0.0), axis=1) / held
    levels = tf.math.log(power + 1e-12) * (10 / float(np.log(10)))
    count, ordered = tf.size(levels), tf.sort(levels)

    def percentile(begin, share):
        """Of `ordered[begin:]`, between the two nearest, as NumPy has it."""
        place = share * tf.cast(count - 1 - begin, tf.float32)
        low = begin + tf.cast(tf.floor(place), tf.int32)
        below, above = ordered[low], ordered[tf.minimum(low + 1, count - 1)]
        return below + (above - below) * (place - tf.floor(place))

    stands_out = tf.maximum(percentile(tf.constant(0), 0.1) + STANDS_OUT_DB, FLOOR_DB)
    quiet = tf.reduce_sum(tf.cast(levels <= stands_out, tf.int32))
    limit = tf.maximum(percentile(tf.where(count - quiet >= FEWEST, quiet, 0), 0.95) - QUIETER_DB, FLOOR_DB)
    last = tf.maximum(length - samples, 0)
    starts = tf.minimum(tf.range((last + hop - 1) // hop + 1) * hop, last)
    ends = (tf.minimum(starts + samples, length) + frame - 1) // frame
    heard = tf.minimum((starts // frame)[:, None] + tf.range(samples // frame + 2), ends[:, None] - 1)
    return tf.reduce_max(tf.gather(levels, heard), axis=1) > limit

"""The one rule that cuts a recording of any length into windows, and the mean over what is said of them.

Repeated where this module cannot be imported, and held to it by tests: `exporter.wav` and `exporter.saved_model`
(on-graph, in the SavedModel), `export/web/clip.js` (the page), `export/check_device.py`.
"""

import numpy as np

from emohrnet_tf.errors import InputError


def window_starts(length, samples):
    """First samples of the windows of a recording: half-window hops, the last window flush with the end.

    Example:
        >>> window_starts(10, 4)
        array([0, 2, 4, 6])
        >>> window_starts(9, 4)
        array([0, 2, 4, 5])
    """
    if samples < 1:
        raise InputError(f"a window needs at least one sample. Received: {samples!r}")
    hop, last = max(1, samples // 2), max(0, length - samples)
    return np.minimum(np.arange(-(-last // hop) + 1) * hop, last)


def windows(waveform, samples):
    """Cut a waveform of any length into windows: the one rule of training's end, evaluation and every export.

    Shorter than a window: zero-padded at the end. Longer: windows at half-window hops, the last flush with the end.

    Args:
        waveform: float32 `(length,)`; an empty one gives one window of zeros.
        samples: length of a window.

    Returns:
        float32 `(n, samples)`, n at least 1.

    Example:
        >>> windows([1, 2, 3, 4, 5], 4).tolist()
        [[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]]
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 1:
        raise InputError(f"A waveform is one row of samples, mono: (length,). Received: {waveform.shape}")
    starts = window_starts(len(waveform), samples)
    padded = np.pad(waveform, (0, max(0, samples - len(waveform))))
    return np.stack([padded[start : start + samples] for start in starts])


def check_windows(windows, samples):
    """Whole windows as a float32 array `(n, samples)`, looked at before a graph that would hang on others sees them.

    Raises:
        InputError: bytes, lists of unequal lengths, another shape, samples that are no floats, NaN or infinite.
    """
    fix = f"give floats (n, {samples}), cut by `emohrnet_tf.audio.windows.windows`"
    windows = as_floats(windows, fix)
    if windows.ndim != 2 or windows.shape[1] != samples:
        raise InputError(f"Windows have the wrong shape: {fix}. Received: {windows.shape}")
    return windows


def check_waveforms(waveforms):
    """Waveforms of any length as a float32 array `(batch, samples)`.

    Raises:
        InputError: as `check_windows`, or none at all.
    """
    fix = "give floats (batch, samples); one waveform is waveform[None]"
    waveforms = as_floats(waveforms, fix)
    if waveforms.ndim != 2 or not waveforms.size:
        raise InputError(f"Waveforms have the wrong shape: {fix}. Received: {waveforms.shape}")
    return waveforms


def as_floats(values, fix):
    """Anything as a finite float32 array, or an InputError that ends in `fix`."""
    if isinstance(values, str | bytes | bytearray | memoryview):
        raise InputError(
            f"Samples, not a file: decode it with `emohrnet_tf.load_audio`, then {fix}. Received: "
            f"{type(values).__name__}"
        )
    try:
        found = np.asarray(values)
    except (ValueError, TypeError, NotImplementedError) as error:  # unequal lengths; a tensor that has no values yet
        raise InputError(f"Samples are one array of floats: {fix}. Received: {type(values).__name__}") from error
    if found.dtype.kind != "f" and str(found.dtype) != "bfloat16":
        raise InputError(f"Samples are floats in -1..1 (16-bit ones divided by 32768): {fix}. Received: {found.dtype}")
    with np.errstate(over="ignore"):
        floats = found.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise InputError(
            f"Samples that are NaN or infinite: {fix}. Received: {int((~np.isfinite(floats)).sum())} of them"
        )
    return floats


def graph_windows(waveforms, samples):
    """`windows` on-graph, in core TensorFlow ops: float32 `(batch, length)` of any length -> `(batch, n, samples)`."""
    import tensorflow as tf

    hop, length = max(1, samples // 2), tf.shape(waveforms)[1]
    last = tf.maximum(length - samples, 0)
    starts = tf.minimum(tf.range((last + hop - 1) // hop + 1) * hop, last)
    padded = tf.pad(waveforms, [[0, 0], [0, tf.maximum(samples - length, 0)]])
    return tf.gather(padded, tf.expand_dims(starts, 1) + tf.range(samples), axis=1)


def clip_answers(model, clips, references=None):
    """What a model says of clips, each the mean over its windows.

    Args:
        model: `EmoHRNet`, or another with `answer_windows` and `widths`.
        clips: lists of windows `(n, samples)` that have a vote, none for silence (`silence.spoken_windows`), or None
            for a clip that could not be read.
        references: `(clips, filters)` of `EmoHRNet.reference`, a row of NaN for none; None for a model without.

    Returns:
        dictionary of float32 arrays, as the model has them: `probabilities` `(clips, classes)`, `dimensions`
        `(clips, 3)` in -1..1, `embedding` `(clips, filters)`; a row of NaN where a clip is None or silence.
    """
    present = [number for number, clip in enumerate(clips) if clip is not None and len(clip)]
    if not present:
        return {name: np.full((len(clips), width), np.nan, "float32") for name, width in model.widths.items()}
    counts = [len(clips[number]) for number in present]
    known = {} if references is None else {"reference": np.repeat(references[present], counts, axis=0)}
    stacked = model.answer_windows(np.concatenate([clips[number] for number in present]), **known)
    ends = np.cumsum(counts)
    answers = {name: np.full((len(clips), x.shape[1]), np.nan, "float32") for name, x in stacked.items()}
    for name, rows in stacked.items():
        for number, part in zip(present, np.split(rows, ends[:-1])):
            answers[name][number] = part.mean(axis=0)
    return answers

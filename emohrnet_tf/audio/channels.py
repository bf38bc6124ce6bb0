"""Several channels -> one."""

import numpy as np

from emohrnet_tf.errors import InputError

CHANNELS = ("left", "right")
CANCELLED = 0.01  # of the channels' power in their mean: they are each other's opposite


def mono(blocks, channel=None):
    """Blocks `(rate, float32 (frames, channels))` -> `(rate, float32 (frames,))`, whatever the blocks' lengths are.

    Where the mean of the channels has less than a hundredth of their power, in each tenth of a second, it is the first
    of the loud channels that is taken.
    """
    waiting = None  # what does not fill a tenth of a second yet
    for rate, audio in blocks:
        if waiting is not None and (waiting[0], waiting[1].shape[1]) == (rate, audio.shape[1]):
            audio = np.concatenate([waiting[1], audio])
        elif waiting is not None:
            yield waiting[0], _mean(waiting[1])
        waiting = None
        if audio.shape[1] == 1:
            yield rate, audio[:, 0]
        elif channel is not None:
            yield rate, audio[:, CHANNELS.index(channel)]
        else:
            step = max(1, rate // 10)
            whole = len(audio) // step * step
            if whole:
                yield rate, _mean(audio[:whole].reshape(-1, step, audio.shape[1])).reshape(-1)
            waiting = (rate, audio[whole:]) if whole < len(audio) else None
    if waiting is not None:
        yield waiting[0], _mean(waiting[1])


def _mean(audio):
    """float32 `(..., frames, channels)` -> `(..., frames)`: the mean of the channels, or one where they cancel."""
    mean = audio.mean(axis=-1, dtype=np.float32)
    power = np.einsum("...fc,...fc->...c", audio, audio)  # (..., channels)
    cancels = np.einsum("...f,...f->...", mean, mean) < CANCELLED * power.mean(axis=-1)
    if not cancels.any():
        return mean
    loud = (power >= 0.5 * power.max(axis=-1, keepdims=True)).argmax(axis=-1)
    one = np.take_along_axis(audio, loud[..., None, None], axis=-1)[..., 0]
    return np.where(cancels[..., None], one, mean)


def check_channel(channel):
    if channel is not None and channel not in CHANNELS:
        raise InputError(f'channel: "left", "right", or None for the mean of the channels. Received: {channel!r}')

"""From clips to batches of log-mels: everything on-graph in tf.data."""

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio.windows import graph_windows, window_starts
from emohrnet_tf.data.augment import EQUALIZER_KNOTS, Augment, mix, spectral_gains
from emohrnet_tf.data.balance import draw_evenly, draw_voices
from emohrnet_tf.data.clips import CACHE_BYTES, Clips
from emohrnet_tf.model.front_end import front_end

__all__ = ["Clips", "add_noise", "mixup_share", "place", "training_batches", "window_batches"]
HIGHEST_SNR_DB = 40.0  # of the noise in training


def training_batches(clips, rows, targets, config, seed=0, first_epoch=0, units=None, voices=None):
    """Batches for `model.fit`, endless: epoch after epoch of all rows, each in an order of its own.

    Everything random is a function of (seed, epoch, clip), so a run repeats, and one that resumes at `first_epoch`
    sees what it would have seen.

    Args:
        clips: `Clips`.
        rows: numbers of the training clips.
        targets: what each of them is to give: float array `(clips, classes)`, or a dictionary of such by output.
        config: `config.Config`.
        seed: int.
        first_epoch: epoch of the first batch, counted from 0.
        units: of `balance.units`, one for each of `rows`: an epoch of as many clips, drawn evenly of them; None shows
            every clip once. A clip that comes again is changed anew.
        voices: likewise, for a network that hears voices relative to themselves: `training.speaker_clips` of one voice
            lie together (`balance.draw_voices`).

    Returns:
        `(dataset, steps)`: a tf.data dataset of (log-mel `(batch, frames, mels, 1)`, or what else `front_end` gives,
        targets `(batch, classes)` or a dictionary of such) and its batches per epoch; the last incomplete batch of an
        epoch is dropped.
    """
    settings, samples, functionals = config.augmentation, config.audio.samples, config.network.functionals
    augment, audio = Augment(**settings.log_mel()), config.audio.front_end()
    batch_size, whole = batch_of(config, len(rows), voices is not None)
    rows, read = tf.constant(rows, tf.int64), clips.graph_reader()
    targets = tf.nest.map_structure(lambda values: tf.constant(values, tf.float32), targets)

    def one_epoch(epoch):
        key = tf.stack([tf.cast(seed, tf.int64), epoch])
        order_key, clips_key = tf.unstack(tf.random.split(key))
        channel_key = key + 2**20
        if voices is not None:
            order = draw_voices(voices, config.training.speaker_clips, order_key)
            name = tf.range(tf.size(order))
        elif units is None:
            order = name = tf.random.experimental.stateless_shuffle(tf.range(tf.size(rows)), seed=order_key)
        else:
            order, name = draw_evenly(units, order_key), tf.range(tf.size(rows))
        batches = tf.data.Dataset.from_tensor_slices((order, name))
        one = lambda i, name: example(clips_key, channel_key, i, name)  # noqa: E731
        batches = batches.map(one, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return batches.batch(batch_size, drop_remainder=True)

    def example(clips_key, channel_key, i, name):
        key = tf.random.fold_in(clips_key, tf.cast(name, tf.int64))  # of the clip, or of its place where it comes again
        place_key, noise_key, augment_key, equalizer_key, mixup_key = tf.unstack(tf.random.split(key, 5))
        if voices is not None:  # one microphone for the clips of a voice: their differences are what is learnt from
            group = tf.cast(name // config.training.speaker_clips, tf.int64)
            noise_key, equalizer_key = tf.unstack(tf.random.split(tf.random.fold_in(channel_key, group)))
        where, fill = tf.unstack(tf.random.stateless_uniform([2], place_key))
        waveform = place(read(rows[i]), samples, where, fill, settings)
        clip = {
            "waveform": add_noise(waveform, noise_key, settings),
            "augment": tf.random.stateless_uniform([augment.numbers], augment_key),
            "equalizer": tf.random.stateless_uniform([EQUALIZER_KNOTS + 2], equalizer_key),
            "targets": tf.nest.map_structure(lambda values: values[i], targets),
        }
        return clip | ({"share": mixup_share(mixup_key, settings.mixup)} if settings.mixup else {})

    def features(batch):
        gains = spectral_gains(batch["equalizer"], settings, config.audio)
        change = lambda x: augment(x, batch["augment"], training=True)  # noqa: E731
        x = front_end(batch["waveform"], functionals=functionals, gains=gains, change=change, **audio)
        return mix(x, batch["targets"], batch["share"]) if settings.mixup else (x, batch["targets"])

    dataset = tf.data.Dataset.counter(first_epoch).flat_map(one_epoch)
    dataset = dataset.map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(2), whole // batch_size


def batch_of(config, count, voices=False):
    """`(clips of a batch, clips of an epoch)` of so many training clips; with `voices` whole groups of them."""
    each = config.training.speaker_clips if voices else 1
    whole = max(count // each, 1) * each
    return min(config.training.batch_size, whole), whole


def place(waveform, samples, where, fill, settings):
    """One window of a clip, on-graph: a long clip is cut at a random place, a short one set at a random place.

    Args:
        waveform: `(length,)`.
        samples: of the window.
        where, fill: scalars in 0..1, the randomness: the offset, and whether a short clip is repeated to fill.
        settings: `config.Augmentation`.

    Returns:
        `(samples,)`.
    """
    length = tf.size(waveform)
    if not settings.random_offset:
        where = tf.zeros_like(where)
    filled = tf.logical_and(fill < settings.filled_share, length < samples)
    repeats = tf.where(filled, samples // tf.maximum(length, 1) + 2, 1)
    waveform = tf.cond(filled, lambda: tf.tile(waveform, [repeats]), lambda: waveform)
    offset = tf.cast(where * tf.cast(tf.abs(tf.size(waveform) - samples) + 1, tf.float32), tf.int32)
    offset = tf.minimum(offset, tf.abs(tf.size(waveform) - samples))
    after = tf.maximum(samples - tf.size(waveform) - offset, 0)
    waveform = tf.cond(
        tf.size(waveform) >= samples,
        lambda: waveform[offset : offset + samples],
        lambda: tf.pad(waveform, [[offset, after]]),
    )
    return tf.ensure_shape(waveform, (samples,))


def add_noise(waveform, key, settings):
    """White noise on some windows, `settings.noise_snr_db` to 40 dB below the window's level.

    Args:
        waveform: `(samples,)`.
        key: int64 `(2,)`, the randomness.
        settings: `config.Augmentation`: `noise_share`, `noise_snr_db`.

    Returns:
        `(samples,)`.
    """
    if not settings.noise_share:
        return waveform
    chance_key, noise_key = tf.unstack(tf.random.split(key))
    chance, where = tf.unstack(tf.random.stateless_uniform([2], chance_key))
    snr_db = settings.noise_snr_db + where * (HIGHEST_SNR_DB - settings.noise_snr_db)
    level = tf.sqrt(tf.reduce_mean(tf.square(waveform))) * 10.0 ** (-snr_db / 20.0)
    noisy = lambda: waveform + level * tf.random.stateless_normal(tf.shape(waveform), noise_key)  # noqa: E731
    return tf.cond(chance < settings.noise_share, noisy, lambda: waveform)


def mixup_share(key, alpha):
    """What stays of an example in mixup: a draw of the beta distribution of alpha and alpha, or of its mirror image.

    Args:
        key: int64 `(2,)`, the randomness.
        alpha: `settings.mixup`.

    Returns:
        Scalar in 0.5..1, so that an example stays mostly itself.
    """
    pair = tf.random.stateless_gamma([2], key, alpha)
    return tf.reduce_max(pair) / tf.reduce_sum(pair)


def window_batches(clips, rows, audio, batch_size=64, functionals=False):
    """The windows by which clips are judged in training, cut by the one rule of `windows.windows`.

    All of them have a vote, silent ones too, so that every clip has an answer; `evaluate` and `predict` leave them out.

    Returns:
        `(dataset, owners)`: batches of log-mels `(batch, frames, mels, 1)`, or what else `front_end` gives, kept in
        memory where they fit; and for each window the position in `rows` of its clip.
    """
    read = clips.graph_reader()
    owners = np.repeat(np.arange(len(rows)), [len(window_starts(clips.lengths[r], audio.samples)) for r in rows])

    def clip_windows(row):
        return tf.data.Dataset.from_tensor_slices(graph_windows(read(row)[None], audio.samples)[0])

    def features(waveform):
        waveform = tf.ensure_shape(waveform, (None, audio.samples))
        return front_end(waveform, functionals=functionals, **audio.front_end())

    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(rows, "int64")).flat_map(clip_windows).batch(batch_size)
    dataset = dataset.map(features, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(owners) // batch_size)))
    if len(owners) * audio.frames * audio.mels * 4 <= CACHE_BYTES:
        dataset = dataset.cache()
    return dataset.prefetch(2), owners

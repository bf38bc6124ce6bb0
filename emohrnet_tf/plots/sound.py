"""What a model hears: spectrograms with their augmentation, and a recording over time."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from emohrnet_tf.audio.prosody import NAMES as PROSODY
from emohrnet_tf.errors import InputError

from .style import STYLE, looks, save


def spectrograms(original, augmented, path, hop_seconds=0.016, title=None):
    """Draw a log-mel before and after augmentation, and the difference (Figure 1 of arXiv 2510.06072).

    Args:
        original, augmented: `(frames, mels)` arrays of the same shape; a last axis of one channel is dropped.
        path: picture to write.
        hop_seconds: time between frames.
        title: above the panels.

    Raises:
        InputError: the shapes differ, or are not `(frames, mels)`.
    """
    original, augmented = (np.asarray(image, float) for image in (original, augmented))
    if original.shape != augmented.shape:
        raise InputError(f"spectrograms: shapes differ. Received: {(original.shape, augmented.shape)!r}")
    if original.ndim == 3 and original.shape[2] == 1:
        original, augmented = original[..., 0], augmented[..., 0]
    if original.ndim != 2:
        raise InputError(f"spectrograms: arrays must be (frames, mels). Received: {original.shape!r}")
    frames, mels = original.shape
    difference = augmented - original
    low, high = min(original.min(), augmented.min()), max(original.max(), augmented.max())
    reach = np.abs(difference).max() or 1.0
    panels = [
        ("original", original, dict(cmap="viridis", vmin=low, vmax=high)),
        ("augmented", augmented, dict(cmap="viridis", vmin=low, vmax=high)),
        ("difference", difference, dict(cmap="PuOr_r", vmin=-reach, vmax=reach)),
    ]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 6.6), layout="constrained")
        all_axes = figure.subplots(3, 1, sharex=True)
        for axes, (name, values, colours) in zip(all_axes, panels):
            extent = (0, frames * hop_seconds, -0.5, mels - 0.5)
            image = axes.imshow(
                values.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest", **colours
            )
            axes.set(ylabel="mel bin", title=name)
            bar = figure.colorbar(image, ax=axes, pad=0.01)
            bar.set_label("change" if name == "difference" else "log-mel")
            bar.outline.set_visible(False)
        axes.set_xlabel("time (s)")
        if title:
            figure.suptitle(title, fontsize=12)
        save(figure, path)


def timeline(table, overview, path, title=None):
    """Draw a recording over time: waveform, mel spectrogram, and the probabilities stacked, with gaps for silence.

    Args:
        table, overview: of `timeline.timeline`.
        path: picture to write.
        title: above the picture.
    """
    labels = [name for name in table.columns[3:] if name not in ("valence", "arousal", "dominance", *PROSODY)]
    times = np.append(table["start"], table["end"].iloc[-1])
    frames, mels = overview["mel_db"].shape
    seconds = np.arange(frames + 1) * overview["seconds"]
    columns = max(1, frames // 3000)  # no more than the picture can show
    used = frames // columns * columns
    low, high = overview["low"][:used].reshape(-1, columns).min(1), overview["high"][:used].reshape(-1, columns).max(1)
    mel_db = overview["mel_db"][:used].reshape(-1, columns, mels).mean(axis=1)
    minutes = times[-1] > 180
    unit = 60.0 if minutes else 1.0
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 6), layout="constrained")
        wave, mel, share = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.4, 1.6))
        centers = seconds[:used:columns] / unit
        wave.fill_between(centers, low, high, color="0.3", linewidth=0.3)
        wave.set(ylabel="waveform", yticks=[0], title=title)
        top = float(mel_db.max())
        extent = (0, seconds[used] / unit, 0, mels)
        mel.imshow(mel_db.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - 80, vmax=top)
        mel.set(ylabel="mel band")
        joined = -(-len(table) // 240)  # of a long recording, stretches are drawn as their mean
        rows = np.arange(0, len(table), joined)
        values = np.add.reduceat(np.nan_to_num(table[labels].to_numpy()), rows) / joined
        times = np.append(times[rows], times[-1])
        shown = np.vstack([values, values[-1:]])
        base = np.zeros(len(shown))
        for (label, (colour, _, hatch)), height in zip(looks(labels).items(), shown.T):
            share.fill_between(
                times / unit, base, base + height, step="post", linewidth=0, color=colour, label=label, hatch=hatch
            )
            base = base + height
        share.set(ylabel="probability (white: silence)", ylim=(0, 1), xlim=(0, times[-1] / unit))
        share.set_xlabel("minutes" if minutes else "seconds")
        handles, names = share.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(8, len(labels)))
        save(figure, path)

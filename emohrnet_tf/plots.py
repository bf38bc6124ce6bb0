"""Pictures: confusion matrix, learning curves, spectrograms; one look, safe for the colour-blind, legible in print.

Figures are plain `matplotlib.figure.Figure` objects: no pyplot, no window, no global state. The suffix of `path` gives
the format (.png, .pdf, .svg); a picture is written whole or not at all, and its folder is made.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import replacing

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
# Okabe & Ito's palette, with a line style each, so that they differ in grey too
LINES = {
    "training": ("#0072B2", "-"),
    "validation": ("#D55E00", "--"),
    "test": ("#009E73", "-."),
}

# Okabe & Ito again, in an order that keeps neighbours of the field's eight emotions apart in grey too
FILLS = ("#999999", "#56B4E9", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#009E73", "#E69F00")


def confusion_matrix(report, path, title=None):
    """Draw a report's confusion matrix: each cell its share of the true class in per cent, above the clips.

    Args:
        report: result of `evaluate.evaluate`, of which `labels` and `confusion` are used.
        path: picture to write.
        title: above the matrix.
    """
    labels, counts = report["labels"], np.asarray(report["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # rows are the truth
    side = 2.0 + 0.68 * len(labels)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            text = f"{100 * share:.0f}\n({counts[row, column]})" if counts[row, column] else "0"
            colour = "black" if share > 0.5 else "white"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
        axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="predicted", ylabel="true", title=title)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 0.25, 0.5, 0.75, 1])
        bar.ax.set_yticklabels(["0", "25", "50", "75", "100"])
        bar.set_label("% of the true class (clips)")
        bar.outline.set_visible(False)
        _save(figure, path)


def robustness(report, path, title=None):
    """Draw UAR and WAR under each condition of `robustness.robustness` as points, the clean ones as lines.

    Args:
        report: its result, of which `rows` are used.
        path: picture to write.
        title: above the picture.
    """
    rows = report["rows"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 1.4 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for measure, (colour, style), marker in zip(("uar", "war"), LINES.values(), "os"):
            values = [100 * row[measure] for row in rows]
            axes.axvline(values[0], color=colour, linestyle=style, linewidth=1)
            axes.plot(values, range(len(rows)), marker, color=colour, label=measure.upper())
        axes.set_yticks(range(len(rows)), [row["condition"] for row in rows])
        axes.invert_yaxis()
        axes.set(xlabel="% (lines: clean)", xlim=(0, 100), title=title)
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        figure.legend(loc="outside lower center", ncols=2)
        _save(figure, path)


def timeline(table, overview, path, title=None):
    """Draw a recording over time: waveform, mel spectrogram, and the probabilities stacked, with gaps for silence.

    Args:
        table, overview: of `timeline.timeline`.
        path: picture to write.
        title: above the picture.
    """
    labels = [name for name in table.columns[3:] if name not in ("valence", "arousal", "dominance")]
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
        joined = -(-len(table) // 800)  # of a long recording, stretches are drawn as their mean
        rows = np.arange(0, len(table), joined)
        values = np.add.reduceat(np.nan_to_num(table[labels].to_numpy()), rows) / joined
        times = np.append(times[rows], times[-1])
        shown = np.vstack([values, values[-1:]])
        base = np.zeros(len(shown))
        for number, label in enumerate(labels):
            share.fill_between(
                times / unit, base, base + shown[:, number], step="post", linewidth=0,
                color=FILLS[number % len(FILLS)], label=label, hatch="/" if number >= len(FILLS) else None,
            )  # fmt: skip
            base = base + shown[:, number]
        share.set(ylabel="probability", ylim=(0, 1), xlim=(0, times[-1] / unit))
        share.set_xlabel("minutes" if minutes else "seconds")
        handles, names = share.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(8, len(labels)))
        _save(figure, path)


def dimensions(report, sphere, true, predicted, path, title=None):
    """Draw labelled against predicted valence, arousal and dominance, and both on the valence-arousal plane.

    Args:
        report: of `evaluate.evaluate_dimensions`.
        sphere: `sphere.Sphere`, whose scale the axes have.
        true, predicted: `(clips, 3)` in -1..1.
        path: picture to write.
        title: above the panels.
    """
    true, predicted = sphere.from_cube(true), sphere.from_cube(predicted)
    low, high, (blue, _), (red, _) = sphere.low, sphere.high, LINES["training"], LINES["validation"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        *scatters, plane = figure.subplots(1, 4)
        for column, (axes, row) in enumerate(zip(scatters, report["dimensions"])):
            axes.plot([low, high], [low, high], color="0.6", linewidth=1, linestyle="--")
            axes.plot(true[:, column], predicted[:, column], "o", color=blue, markersize=3, alpha=0.5, mew=0)
            axes.set(xlabel=f"labelled {row['dimension']}", ylabel="predicted" if not column else None)
            axes.set_title(f"CCC {row['ccc']:.2f}, r {row['pearson']:.2f}")
        center = sphere.from_cube(np.asarray(sphere.center))
        plane.axvline(center[0], color="0.8", linewidth=1)
        plane.axhline(center[1], color="0.8", linewidth=1)
        plane.plot(true[:, 0], true[:, 1], "o", color="0.55", markersize=3, mew=0, label="labelled")
        plane.plot(predicted[:, 0], predicted[:, 1], "^", color=red, markersize=3, alpha=0.6, mew=0, label="predicted")
        plane.set(xlabel="valence", ylabel="arousal", title=f"{report['clips']} clips")
        for axes in (*scatters, plane):
            axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        figure.legend(loc="outside lower center", ncols=2)
        if title:
            figure.suptitle(title, fontsize=12)
        _save(figure, path)


def learning_curves(history, best_epoch, path, title=None):
    """Draw loss and accuracy (without emotions: CCC) over epochs, with the chosen epoch marked.

    Args:
        history: DataFrame with the columns epoch, loss, accuracy or ccc, and where they exist val_loss, val_accuracy,
            test_loss, test_accuracy.
        best_epoch: value of `epoch` of the chosen one; None marks none.
        path: picture to write.
        title: above both panels.

    Raises:
        InputError: a needed column is absent, or there is no such epoch.
    """
    score = "ccc" if "ccc" in history and "accuracy" not in history else "accuracy"
    if absent := [name for name in ("epoch", "loss", score) if name not in history]:
        raise InputError(f"history: needs the columns {absent}. Received: {list(history.columns)!r}")
    epochs = history["epoch"].to_numpy()
    if best_epoch is not None and best_epoch not in epochs:
        raise InputError(f"best_epoch: not an epoch of the history. Received: {best_epoch!r}")
    prefixes = {"training": "", "validation": "val_", "test": "test_"}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for axes, measure in zip(figure.subplots(1, 2), ("loss", score)):
            scale = 100 if measure == "accuracy" else 1
            for name, prefix in prefixes.items():
                if prefix + measure in history:
                    colour, style = LINES[name]
                    values = scale * history[prefix + measure].to_numpy()
                    scored = ~np.isnan(values)  # held-out clips may be scored every so many epochs
                    marker = "o" if scored.sum() == 1 else None
                    axes.plot(epochs[scored], values[scored], color=colour, linestyle=style, marker=marker, label=name)
            if best_epoch is not None:
                axes.axvline(best_epoch, color="0.4", linewidth=1, linestyle=":", label=f"chosen epoch {best_epoch}")
            axes.set(xlabel="epoch", ylabel={"accuracy": "accuracy (%)", "ccc": "CCC"}.get(measure, measure))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y", color="0.9", linewidth=0.8)
        axes.set_ylim(0, 102 if score == "accuracy" else 1.02)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        if title:
            figure.suptitle(title, fontsize=12)
        _save(figure, path)


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
        _save(figure, path)


def _save(figure, path):
    """Write the figure beside `path` and move it there."""
    path = Path(path)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"{path}: a picture's name ends in .png, .pdf or .svg. Received: {path.suffix!r}")
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix[1:].lower())

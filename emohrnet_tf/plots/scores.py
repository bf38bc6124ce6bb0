"""What a model scored: confusion matrix, robustness, learning curves, reliability, embeddings."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.metrics import BINS, calibration_error
from emohrnet_tf.files import printable

from .style import LINES, STYLE, looks, save


def confusion_matrix(report, path, title=None):
    """Draw a report's confusion matrix: each cell its share of the true class in per cent, above the clips.

    Args:
        report: result of `metrics.classification_report`, of which `labels` and `confusion` are used.
        path: picture to write.
        title: above the matrix.
    """
    labels, counts = [printable(label) for label in report["labels"]], np.asarray(report["confusion"])
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
        save(figure, path)


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
        save(figure, path)


def dimensions(report, sphere, true, predicted, path, title=None):
    """Draw labelled against predicted valence, arousal and dominance, and both on the valence-arousal plane.

    Args:
        report: of `metrics.dimensions_report`.
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
        save(figure, path)


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
        save(figure, path)


def reliability(true, probabilities, path, bins=BINS, title=None):
    """Draw how often a model is right against how sure it is, above the clips of each bin; ECE is in the picture.

    Args:
        true: `(clips,)` ints that count into the columns of `probabilities`.
        probabilities: `(clips, classes)`.
        path: picture to write.
        bins: of equal width, as in `metrics.calibration_error`.
        title: above the picture.
    """
    probabilities = np.asarray(probabilities, float)
    correct, confidence = probabilities.argmax(axis=1) == np.asarray(true), probabilities.max(axis=1)
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.digitize(confidence, edges[1:-1], right=True)
    counts = np.bincount(bin_of, minlength=bins)
    used = counts > 0
    right, sure = (np.bincount(bin_of, values, minlength=bins)[used] / counts[used] for values in (correct, confidence))
    centers, width = 50 * (edges[:-1] + edges[1:]), 100 / bins
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 5.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 100], [0, 100], color="0.4", linestyle="--", linewidth=1, label="as sure as right")
        above.bar(centers[used], 100 * right, 0.94 * width, color="#56B4E9", label="right")
        above.plot(100 * sure, 100 * right, "o", color="black", markersize=4, label="mean confidence of the bin")
        above.vlines(100 * sure, 100 * np.minimum(right, sure), 100 * np.maximum(right, sure), color="#D55E00", lw=2)
        above.plot([], [], color="#D55E00", linewidth=2, label="gap")
        error = 100 * calibration_error(correct, confidence, bins)
        above.text(0.02, 0.98, f"ECE {error:.1f} %\n{len(confidence)} clips", transform=above.transAxes, va="top")
        above.set(ylabel="clips that are right (%)", ylim=(0, 104), title=title)
        below.bar(centers, counts, 0.94 * width, color="0.6")
        for center, count in zip(centers[used], counts[used]):
            below.annotate(str(count), (center, count), (0, 1), textcoords="offset points", ha="center", fontsize=7)
        below.set(xlabel="confidence (%)", ylabel="clips", xlim=(0, 100))
        below.margins(y=0.18)
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        save(figure, path)


def embedding_map(embeddings, emotions, path, labels=None, title=None):
    """Draw embeddings in two dimensions by t-SNE, a colour and a marker for each emotion.

    Near clips are alike to the network; distances between groups and the axes themselves mean nothing.

    Args:
        embeddings: `(clips, channels)`, of four clips or more.
        emotions: `(clips,)` names.
        path: picture to write.
        labels: their order in the legend, else by name.
        title: above the picture.

    Raises:
        InputError: fewer than four clips.
    """
    from sklearn.manifold import TSNE

    embeddings, emotions = np.asarray(embeddings, float), np.asarray(emotions)
    if len(embeddings) < 4 or len(embeddings) != len(emotions):
        raise InputError(f"An embedding map needs four clips or more, with their emotions. Received: {len(embeddings)}")
    near = min(30.0, (len(embeddings) - 1) / 3)
    points = TSNE(perplexity=near, init="pca", random_state=0).fit_transform(embeddings)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.6, 5), layout="constrained")
        axes = figure.add_subplot()
        for label, (colour, marker, hatch) in looks(labels or sorted(set(emotions))).items():
            own = points[emotions == label]
            axes.scatter(
                own[:, 0], own[:, 1], s=34, marker=marker, color=colour, hatch=hatch, edgecolors="black",
                linewidths=0.5, label=label,
            )  # fmt: skip
        axes.set(xticks=[], yticks=[], title=title)
        axes.set_xlabel("t-SNE of the embeddings (axes without units)")
        axes.spines[:].set_visible(True)
        figure.legend(loc="outside right center")
        save(figure, path)


def risk_coverage(true, probabilities, path, title=None):
    """Draw how many clips are answered, and how many of these rightly, as the doubtful ones are left unanswered.

    Args:
        true: `(clips,)` ints that count into the columns of `probabilities`.
        probabilities: `(clips, classes)`.
        path: picture to write.
        title: above the picture.
    """
    probabilities = np.asarray(probabilities, float)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum((probabilities.argmax(axis=1) == np.asarray(true))[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)  # clips as sure are answered together
    coverage = 100 * (last + 1) / len(order)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 4), layout="constrained")
        axes = figure.add_subplot()
        colour, _ = LINES["training"]
        axes.plot(coverage, 100 * right[last], color=colour, marker="o" if len(last) == 1 else None)
        for step in (0.3, 0.5, 0.7, 0.9):
            if count := int((confidence >= step).sum()):
                place = 100 * count / len(order), 100 * right[count - 1]
                axes.plot(*place, "o", color="black", markersize=4, clip_on=False)
                axes.annotate(f"{step:g}", place, (3, 5), textcoords="offset points", fontsize=8)
        axes.set(xlim=(0, 101), ylim=(0, 104), title=title, ylabel="of these, right (%)")
        axes.set_xlabel("clips answered (%); dots: least confidence")
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        save(figure, path)


def speakers(rows, path, title=None):
    """Draw UAR and WAR of each speaker as points, from the lowest UAR to the highest.

    Args:
        rows: `per_speaker` of `metrics.classification_report`.
        path: picture to write.
        title: above the picture.
    """
    rows = sorted(rows, key=lambda row: row["uar"])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(min(3 + 0.22 * len(rows), 11), 3.4), layout="constrained")
        axes = figure.add_subplot()
        for measure, (colour, _), marker in zip(("uar", "war"), LINES.values(), "os"):
            values = [100 * row[measure] for row in rows]
            axes.plot(range(len(rows)), values, marker, color=colour, markersize=4, label=measure.upper())
        if len(rows) <= 60:
            axes.set_xticks(range(len(rows)), [printable(row["speaker"]) for row in rows], rotation=90, fontsize=8)
        else:
            axes.set_xticks([])
        axes.set(xlabel="speaker", ylabel="%", ylim=(0, 102), title=title)
        axes.grid(axis="y", color="0.9", linewidth=0.8)
        figure.legend(loc="outside right center")
        save(figure, path)

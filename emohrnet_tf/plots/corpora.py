"""Who learns from whom: corpora that train against corpora that test."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from .style import STYLE, save

OTHERS = "all others"


def corpora(rows, path, kind="four", title=None):
    """Draw the UAR of every pair of a training and a test corpus, chance below it; a pair that was not run is empty.

    Args:
        rows: dicts of `train` (names), `test` (name) and `kind`, a dict of `uar` and `chance` or None: `matrix` of
            `crossval.summarize`.
        path: picture to write.
        kind: "four", "restricted" or "free", see `across.across_report`.
        title: above the matrix.
    """
    tests = sorted({row["test"] for row in rows})
    everyone = set(tests).union(*(row["train"] for row in rows))
    name = lambda row: (  # noqa: E731
        OTHERS if len(row["train"]) > 1 and set(row["train"]) == everyone - {row["test"]} else " + ".join(row["train"])
    )
    trains = sorted({name(row) for row in rows}, key=lambda name: (name == OTHERS, name))
    values, chances = (np.full((len(trains), len(tests)), np.nan) for _ in range(2))
    for row in rows:
        if row[kind] is not None:
            place = trains.index(name(row)), tests.index(row["test"])
            values[place], chances[place] = row[kind]["uar"], row[kind]["chance"]
    above = {"four": "UAR on four labels", "restricted": "UAR on the labels of the test corpus", "free": "UAR"}[kind]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.2 + 1.1 * len(tests), 1.8 + 0.75 * len(trains)), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(np.ma.masked_invalid(values), cmap="cividis", vmin=0.2, vmax=0.8, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            if not np.isnan(value):
                text = f"{100 * value:.1f}\n(chance {100 * chances[row, column]:.0f})"
                colour = "black" if value > 0.5 else "white"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
        axes.set_xticks(range(len(tests)), tests, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(trains)), trains)
        axes.set(xlabel="tested on", ylabel="trained on", title=title)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        bar = figure.colorbar(image, ax=axes, extend="both", ticks=[0.2, 0.4, 0.6, 0.8])
        bar.ax.set_yticklabels(["20", "40", "60", "80"])
        bar.set_label(f"{above} (%)")
        bar.outline.set_visible(False)
        save(figure, path)

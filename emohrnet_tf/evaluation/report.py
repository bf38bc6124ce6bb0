"""Reports for readers: tables in Markdown that also read as plain text.

A function `X_parts` gives what the function `X` writes out: tables, `(head, rows)` of strings, and paragraphs, strings.
"""

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.across import KINDS

# what the columns of `comparison` are called, for the keys that say how an epoch was chosen
CHOICES = {
    "validation": "validation-chosen epoch",
    "last": "last epoch",
    "best_on_test": "best on test (optimistic)",
}

MEASURES = {"uar": "UAR", "war": "WAR", "macro_f1": "macro-F1", "ece": "ECE", "ccc": "CCC"}


def table(report):
    """A report as Markdown that also reads as plain text: scores, classes, confusion matrix, speakers; dimensions.

    Example:
        >>> from emohrnet_tf.evaluation.metrics import classification_report
        >>> report = classification_report(["calm", "anger"], [0, 1], [[0.9, 0.1], [0.2, 0.8]], bootstrap=0)
        >>> print(table(report).split("\\n")[2])
        | UAR             | 100.0 % |
    """
    return _text(table_parts(report))


def table_parts(report):
    """The parts of `table`."""
    parts = _emotions(report) if "uar" in report else []
    return parts + (_dimensions(report["vad"]) if "vad" in report else [])


def _dimensions(vad):
    """The table of an `metrics.dimensions_report`."""
    kinds = list(vad["interval"])
    rows = [
        [row["dimension"], f"{row['ccc']:.3f}", f"{row['pearson']:.3f}", f"{row['rmse']:.3f}"]
        + [f"{row['interval'][kind][0]:.3f} to {row['interval'][kind][1]:.3f}" for kind in kinds]
        for row in vad["dimensions"]
    ]
    limits = [f"{vad['interval'][kind][0]:.3f} to {vad['interval'][kind][1]:.3f}" for kind in kinds]
    rows.append(["mean", f"{vad['ccc']:.3f}", "", "", *limits])
    head = ["dimension", "CCC", "Pearson", "RMSE", *(f"95 % interval {kind.replace('_', ' ')}" for kind in kinds)]
    low, high = vad["scale"]
    note = (
        f"Right region of {vad['regions']}: {_percent(vad['region_accuracy'])} of {vad['clips']} clips. "
        f"RMSE on the labels' scale, {low:g} to {high:g}."
    )
    note += f" The interval by speaker is of {vad['speakers']} speakers." if "speakers" in vad else ""
    return [(head, rows), note]


def _emotions(report):
    """The tables of an `metrics.classification_report`."""
    intervals = report.get("interval", {})
    kinds = [kind for kind in ("by_clip", "by_speaker") if kind in intervals]
    head = ["measure", "value", *(f"95 % interval {kind.replace('_', ' ')}" for kind in kinds)]
    rows = []
    for key, name in (("uar", "UAR"), ("war", "WAR"), ("macro_f1", "macro-F1"), ("ece", "ECE")):
        rows.append([name, _percent(report[key]), *(_range(intervals[kind].get(key)) for kind in kinds)])
    rows.append(["mean confidence", _percent(report["mean_confidence"]), *("" for _ in kinds)])
    rows.append(["clips", str(report["clips"]), *("" for _ in kinds)])
    if "speakers" in intervals:
        rows.append(["speakers", str(intervals["speakers"]), *("" for _ in kinds)])
    parts = [(head, rows)]
    scores = ("precision", "recall", "f1")
    rows = [[row["label"], *(_percent(row[key]) for key in scores), str(row["support"])] for row in report["per_class"]]
    parts.append((["class", "precision", "recall", "F1", "clips"], rows))
    rows = [[label, *map(str, counts)] for label, counts in zip(report["labels"], report["confusion"])]
    parts.append((["true \\ predicted", *report["labels"]], rows))
    if "per_speaker" in report:
        rows = [
            [row["speaker"], _percent(row["uar"]), _percent(row["war"]), str(row["clips"])]
            for row in report["per_speaker"]
        ]
        parts.append((["speaker", "UAR", "WAR", "clips"], rows))
    return parts


def comparison(reports, chosen="validation"):
    """Several reports side by side, as Markdown: `{"validation": ..., "last": ..., "best_on_test": ...}` or any names.

    The keys of `CHOICES` are written out; `chosen` is the key of the result, the others stand beside it to compare.
    """
    return _text(comparison_parts(reports, chosen))


def comparison_parts(reports, chosen="validation"):
    """The parts of `comparison`."""
    if not reports:
        raise InputError(f"comparison: at least one report. Received: {reports!r}")
    order = [key for key in CHOICES if key in reports] + [key for key in reports if key not in CHOICES]
    reports = {key: reports[key] for key in order}  # JSON files hold them by name
    rows, first = [], next(iter(reports.values()))
    for key, name in MEASURES.items():
        if key not in first:
            continue
        rows.append([name, *(_shown(key, report[key]) for report in reports.values())])
        for kind in ("by_clip", "by_speaker"):
            ranges = [_interval(report, key).get(kind) for report in reports.values()]
            if any(ranges):
                rows.append([f"{name} 95 % {kind.replace('_', ' ')}", *(_range(limits, key) for limits in ranges)])
    rows.append(
        ["clips", *(str(report.get("clips", report.get("vad", {}).get("clips"))) for report in reports.values())]
    )
    counts = [{**report.get("vad", {}), **report.get("interval", {})}.get("speakers") for report in reports.values()]
    if any(counts):
        rows.append(["speakers", *("" if count is None else str(count) for count in counts)])
    heads = [CHOICES.get(key, key) + (" (the result)" if key == chosen else "") for key in reports]
    return [(["measure", *heads], rows)]


def summary_table(summary):
    """A report of `crossval.summarize` as Markdown: the mean over its runs, then each run."""
    return _text(summary_parts(summary))


def summary_parts(summary):
    """The parts of `summary_table`."""
    chosen, partial = summary["chosen"], "" if summary["complete"] else " of the runs so far, not all folds"
    choices = [key for key in CHOICES if key in summary["scores"]]
    head = ["measure", *(CHOICES[key] + (" (the result)" if key == chosen else "") for key in choices)]
    rows = []
    for key in MEASURES:
        if key in summary["scores"][chosen]:
            cells = [summary["scores"][choice][key] for choice in choices]
            rows.append([f"{MEASURES[key]}, mean{partial}", *(_shown(key, cell["mean"]) for cell in cells)])
            rows.append([f"{MEASURES[key]}, spread", *(_shown(key, cell["spread"]) for cell in cells)])
    parts = [(head, rows)]
    shown = [key for key in ("uar", "war", "ccc") if key in summary["scores"][chosen]]
    rows = [
        [f"fold {run['fold']}, seed {run['seed']}", *(_shown(key, run[chosen][key]) for key in shown)]
        for run in summary["runs"]
    ]
    parts.append((["run", *(MEASURES[key] for key in shown)], rows))
    if "across" in summary:
        parts += across_parts(summary["across"]["cells"], summary["across"]["mean"])
    return parts


def across_table(rows, mean=None):
    """Reports of `across.cells` as Markdown: each corpus that was held out, their mean, and what is left of the free
    answers where only the confident ones are given.
    """
    return _text(across_parts(rows, mean))


def across_parts(rows, mean=None):
    """The parts of `across_table`."""
    lines = [
        [row["test"], ", ".join(row["train"]), str(row["free"]["clips"]), *_kinds(row)] for row in rows
    ]  # fmt: skip
    if mean is not None:
        lines.append([f"mean of {mean['free']['corpora']}", "", "", *_kinds(mean)])
    head = ["tested on", "trained on", "clips", *(f"UAR, {name} (chance)" for name in KINDS.values())]
    parts = [([*head, "ECE", "mean confidence"], lines)]
    left_out = {
        f"{row['test']}: {emotion}": count for row in rows for emotion, count in row.get("left_out", {}).items()
    }
    if left_out:
        told = ", ".join(f"{name} ({count})" for name, count in left_out.items())
        parts.append(f"Left out, as no training corpus has the label: {told}.")
    if mean is not None:
        steps = [
            [f"{step['min_confidence']:.1f}", *(_percent(step[name]) for name in ("coverage", "war", "uar"))]
            for step in mean["free"]["coverage"]
        ]
        parts.append((["least confidence", "answered", "right of these", "UAR of these"], steps))
    return parts


def _kinds(report):
    """Cells of `across_table`: UAR and chance of each kind, then how sure the free answers are."""
    cells = [
        "-" if report[kind] is None else f"{_percent(report[kind]['uar'])} ({100 * report[kind]['chance']:.0f})"
        for kind in KINDS
    ]
    return [*cells, _percent(report["free"]["ece"]), _percent(report["free"]["mean_confidence"])]


def corpora_table(corpora):
    """`corpora` of a run's report as Markdown: clips by part, speakers and hours."""
    return _text(corpora_parts(corpora))


def corpora_parts(corpora):
    """The parts of `corpora_table`."""
    rows = [
        [row["corpus"], *(str(row["clips"].get(part, 0)) for part in ("train", "validation", "test", "left out"))]
        + [str(row["speakers"]), f"{row['hours']:.2f}", str(len(row["emotions"]))]
        for row in corpora
    ]
    return [(["corpus", "train", "validation", "test", "left out", "speakers", "hours", "labels"], rows)]


def _shown(key, value):
    """A measure as it is printed: shares in per cent, CCC as it is."""
    return _percent(value) if key != "ccc" else "-" if value is None else f"{value:.3f}"


def _interval(report, key):
    """The intervals of a measure of a report, by kind."""
    if key == "ccc":
        return report["vad"]["interval"]
    return {kind: limits.get(key) for kind, limits in report.get("interval", {}).items() if isinstance(limits, dict)}


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def _range(limits, key="uar"):
    if limits is None:
        return ""
    return "{:.3f} to {:.3f}".format(*limits) if key == "ccc" else f"{100 * limits[0]:.1f} to {100 * limits[1]:.1f} %"


def _text(parts):
    """Parts as Markdown."""
    return "\n\n".join(part if isinstance(part, str) else _markdown(*part) for part in parts)


def _markdown(head, rows):
    """Rows of strings -> an aligned Markdown table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [head, *rows]]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)

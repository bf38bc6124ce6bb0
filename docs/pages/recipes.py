"""Which recipe a report is of, and the commands that make it again."""

import json
from pathlib import Path

from pages.figures import RESULTS

from emohrnet_tf.config import Config
from emohrnet_tf.presets import PRESETS, preset

COUNTED = (("audio", "statistics"), ("network", "joint_speakers"))  # a run measures them where its recipe asks


def nearest(summary):
    """The preset that a report's settings differ least from: a report itself names one only where they are its."""
    return min(PRESETS, key=lambda name: len(changes(summary, name)))


def changes(summary, name=None):
    """Settings of a report that are not its (nearest) preset's, as (group, key, value), without what it measured."""
    usual, measured = preset(name or nearest(summary)).to_dict(), {"pitch", "duration"}
    return [
        (group, key, value)
        for group, values in Config.from_dict(summary["config"]).to_dict().items()
        for key, value in values.items()
        if value != usual[group][key] and usual[group][key] not in measured and (group, key) not in COUNTED
    ]


def assignments(summary):
    """`--set` for each of `changes`."""
    return [f"--set {group}.{key}={json.dumps(value)}" for group, key, value in changes(summary)]


def yardstick(facts, corpus, protocol):
    return [row for row in facts["rows"] if (row["corpus"], row["protocol"]) == (corpus, protocol)]


def usual_folds(corpus, protocol):
    """Number of folds that a protocol has on a corpus unless another is asked for: those of the yardstick."""
    (row,) = yardstick(json.loads((RESULTS / "functionals.json").read_text()), corpus, protocol)
    return len(row["runs"])


def command(summary):
    """The command that makes a report again."""
    words = ["emohrnet crossval", f"{summary['corpus']}.csv"]
    words += ["--out runs/folds", f"--protocol {summary['protocol']}", f"--preset {nearest(summary)}"]
    words += [f"--folds {summary['folds']}"] * (summary["folds"] != usual_folds(summary["corpus"], summary["protocol"]))
    if not summary["complete"]:
        words += [f"--only {','.join(map(str, sorted({run['fold'] for run in summary['runs']})))}"]
    words += [f"--seeds {','.join(map(str, summary['seeds']))}"]
    words += [f"--also {corpus}.csv" for corpus in summary.get("also", {})]
    return " ".join([*words, *assignments(summary)])


def begun_from(summary):
    """Reports of the models that a report's models started from, the first of them first (docs/results/starts)."""
    initial = summary["config"]["training"]["initial"]
    file = RESULTS / "starts" / f"{Path(initial or '').name}.json"
    if not initial or not file.exists():
        return []
    report = json.loads(file.read_text())
    return [*begun_from(report), report]


def start_command(report):
    """The command that trains a model of `begun_from`."""
    words = ["emohrnet train", *(f"{corpus}.csv" for corpus in report["corpus"].split(", "))]
    words += [f"--protocol all --preset {nearest(report)}"]
    return " ".join([*words, *assignments(report)])


def starts(summary):
    """The reports of `begun_from`, each with the folder that the next one looks for."""
    begun = begun_from(summary)
    following = [*begun[1:], summary] if begun else []
    return [(report, later["config"]["training"]["initial"]) for report, later in zip(begun, following)]

"""docs/results/experiments.md: what was tried, by validation figures alone."""

import json
from pathlib import Path

from pages.figures import RESULTS, filled, made_on, percent

from emohrnet_tf.config import Config
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import write_json


def experiments():
    """The runs of the log, by name."""
    return [json.loads(file.read_text()) for file in sorted((RESULTS / "experiments").glob("*.json"))]


def experiments_page():
    """docs/results/experiments.md with its table."""
    rows = experiments()
    lines = [
        "| experiment | run | loss | UAR | WAR | training accuracy | s an epoch | settings other than the default |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        v = row["validation"]
        run = f"{row['corpus']} `{row['protocol']}` fold {row['fold']} seed {row['seed']}, {row['epochs']} epochs"
        lines.append(
            f"| {row['name']} | {run} | {v['val_loss']:.3f} | {percent(v['val_uar'])} | {percent(v['val_accuracy'])} | "
            f"{percent(v['accuracy'])} | {row['epoch_seconds']:.0f} | {_difference(row)} |"
        )
    lines += ["", f"{made_on(rows)}; a `+` is code that was not committed."]
    return filled("docs/results/experiments.md", "from docs/results/experiments/*.json", "experiments", lines)


def known_page():
    """docs/results/known.md with its table: the recipes of `benchmarks/known.py`."""
    rows = [json.loads(file.read_text()) for file in sorted((RESULTS / "known").glob("*.json"))]
    base = next(row["settings"] for row in rows if row["name"] == "corpus")
    lines = [
        "| recipe | corpus, clips judged, seed | UAR | WAR | loss | training accuracy | epochs | other than `corpus` |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["corpus"], row["judged"]["loss"])):
        judged, settings = row["judged"], row["settings"]
        cells = [f"{percent(judged[name])} ± {percent(judged[f'{name}_error'])}" for name in ("uar", "war")]
        changed = [f"{key} {value}" for key, value in settings.items() if value != base.get(key) and key != "epochs"]
        lines.append(
            f"| {row['name']} | {row['corpus']}, {judged['clips']}, {row['seed']} | {' | '.join(cells)} | "
            f"{judged['loss']:.3f} | {percent(row['train_accuracy'])} | {settings['epochs']} | {', '.join(changed)} |"
        )
    lines += ["", f"{len(rows)} runs. {made_on(rows)}."]
    return filled("docs/results/known.md", "from docs/results/known/*.json", "known", lines)


def _difference(row):
    """Settings that are not the default, as `--set` takes them, and what other corpora trained too."""
    default, changed = Config().to_dict(), [f"also {corpus}" for corpus in row.get("also", {})]
    for group, values in row["config"].items():
        for key, value in values.items():
            if value != default[group].get(key) and (group, key) not in {
                ("training", "epochs"),
                ("training", "mixed_precision"),
            }:
                changed.append(f"{key} {value}" + ("" if _known(group, key, value) else " **(no longer a setting)**"))
    return ", ".join(changed)


def _known(group, key, value):
    """Whether today's code takes a setting: some were tried and not kept."""
    try:
        Config().replace({group: {key: value}})
    except InputError as error:
        return "leaves no clip" in str(error)  # it needs another beside it, and has it in its row
    return True


def keep(folder):
    """Take what a run says of its validation clips into the log of experiments; what it says of its test stays out."""
    report = json.loads((Path(folder) / "report.json").read_text())
    names = "protocol fold seed corpus also config epoch_seconds validation commit versions machine"
    kept = {name: report[name] for name in names.split()} | {"name": Path(folder).name}
    kept["epochs"] = report["epochs"][report["chosen"]]
    kept["validation"] = {k: v for k, v in kept["validation"].items() if not k.startswith("test_")}
    write_json(RESULTS / "experiments" / f"{kept['name']}.json", kept)

"""The runs of `crossval` that are done: the report and predictions of each, beside its folder."""

import json
from pathlib import Path

from emohrnet_tf.config import Config
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import read_csv
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.training.identity import earlier_fingerprint

ARITHMETIC = {"training": {"mixed_precision": False}}  # the same recipe with either: folds may come from two machines


def refuse_others(out):
    """InputError for a folder whose report is none of `crossval`: it would be written over."""
    file = out / "report.json"
    if not file.exists():
        return
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        report = None
    if not (isinstance(report, dict) and {"runs", "folds", "scores"} <= set(report)):
        raise InputError(f"{file} is no report of crossval: give another folder as --out. Received: {out}")


def read_predictions(file, report):
    """A run's table of predictions, its labels named as the report names them."""
    labels = report["results"][report["chosen"]].get("labels", [])
    return read_csv(file, {*labels, *DIMENSIONS, *(f"true_{name}" for name in DIMENSIONS)})


def done_before(folder, run, index, parts):
    """`(report, predictions)` of a run whose two files lie beside its folder, or two None.

    A report of an earlier version does not tell its split: it stands where its test clips are those of this run by
    name, and its parts are as large.

    Args:
        folder: of the run.
        run: as for `run.finished`.
        index, parts: of `run.divided`.

    Raises:
        InputError: they are another run's.
    """
    files = folder.with_suffix(".json"), folder.with_suffix(".csv")
    if not all(file.exists() for file in files):
        return None, None
    report = json.loads(files[0].read_text(encoding="utf-8"))
    config, asked = Config.from_dict(report["config"]), Config.from_dict(run["config"])
    masks = {n: v for n, v in run["config"]["augmentation"].items() if v in ("pitch", "duration")}  # measured since
    table = read_predictions(files[1], report)
    if not report["index"].startswith("2:"):
        if not _same_test(report, table, config.head, index, parts):
            raise InputError(
                f"{files[0]} is of an earlier version and of another index or split: give another folder as --out. "
                f"Received: {folder.parent}"
            )
        run = {key: value for key, value in run.items() if key not in ("index", "initial")}
    measured = {"augmentation": masks, "audio": {"statistics": run["config"]["audio"]["statistics"]}}
    measured["network"] = {"joint_speakers": run["config"]["network"]["joint_speakers"]}
    there = report | {"config": config.replace(measured).replace(ARITHMETIC).to_dict()}
    asked = run | {"config": asked.replace(ARITHMETIC).to_dict()}
    if different := [key for key in asked if there.get(key) != json.loads(json.dumps(asked[key]))]:
        raise InputError(
            f"{files[0]} is of another {', '.join(different)}: give another folder as --out. Received: {folder.parent}"
        )
    return report, table


def _same_test(report, table, head, index, parts):
    """Whether a report of an earlier version, with its predictions, can be of these clips and this split."""
    names = [name for name in ("file", "emotion", "speaker") if name in table and name in index]
    test = index[parts == "test"].assign(file=index["file"].map(lambda file: Path(file).name))
    tables = [rows[names].fillna("").astype(str).to_numpy().tolist() for rows in (test, table)]
    sizes = {part: int((parts == part).sum()) for part in report["clips"]}
    same = report["index"] == earlier_fingerprint(index, head) and sizes == report["clips"] and tables[0] == tables[1]
    return same and report["protocol"] != "given"  # whose validation clips may be others

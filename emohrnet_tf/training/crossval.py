"""Every fold and seed of a protocol, and what they say together."""

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.config import Config
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import fold_count
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.calibration import risk_coverage
from emohrnet_tf.evaluation.metrics import classification_report, dimensions_report
from emohrnet_tf.evaluation.report import CHOICES
from emohrnet_tf.files import writable_folder, write_csv, write_json
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.run import check_settings, finished, labels_of, run_of, train
from emohrnet_tf.training.trainer import Trainer

SCORES = ("uar", "war", "macro_f1", "ece", "ccc")
ARITHMETIC = {"training": {"mixed_precision": False}}  # the same recipe with either: folds may come from two machines


def crossval(
    index,
    config,
    out,
    protocol="speaker",
    seeds=(0,),
    only=None,
    preset=None,
    keep_models=False,
    verbose="auto",
    say=print,
    **split_options,
):
    """Train and measure every fold of a protocol with every seed; stopped anywhere, it goes on there.

    The clips are decoded once, and one network, built and traced once, takes new weights for each run; the same fold
    and seed by `run.train` gives the same figures, bit for bit.

    Args:
        index, config, protocol, preset, **split_options: of `run.train`.
        out: folder. Each run has a folder in it, `fold0_seed0`, and when it ends its report and predictions as
            `fold0_seed0.json` and `.csv`: where these two lie, the run is done, whatever became of its folder.
            `report.json` is written anew after each run, over the runs so far; `confusion.png` at the end.
        seeds: of the runs.
        only: folds to run, or None for all. A report on some folds says so, and gives no mean over the protocol.
        keep_models: keep each run's `model.keras`; else only reports, predictions and pictures stay.
        verbose: Keras' progress bar.
        say: called with a line after each run.

    Returns:
        The report of `summarize`.

    Raises:
        InputError: of `run.train`; no seed, one twice, or a fold that is none.
    """
    out = writable_folder(out)
    if protocol == "all":
        raise InputError("Protocol all measures nothing: train with it by `emohrnet train`. Received: 'all'")
    count = fold_count(index, protocol, **split_options)
    seeds, folds = list(seeds), list(range(count)) if only is None else sorted(set(only))
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"seeds: at least one, each once. Received: {seeds!r}")
    if not folds or not set(folds) <= set(range(count)):
        raise InputError(f"folds: {protocol} has {count} here, numbered 0 to {count - 1}. Received: {only!r}")
    check_settings(config)
    clips = functools.cache(lambda: Clips(index, config.audio.sample_rate))
    trainer = functools.cache(lambda: Trainer(config, labels_of(clips().index, config.head)))
    reports, predictions = [], []
    for seed in seeds:
        for fold in folds:
            folder = out / f"fold{fold}_seed{seed}"
            run = (protocol, fold, seed, preset)
            report, table = done_before(folder, run_of(index, config, *run, **split_options))
            if report is None:
                unfinished = not finished(folder, run_of(index, config, *run, **split_options))
                shared = {"clips": clips(), "trainer": trainer()} if unfinished else {}
                report = train(index, config, folder, *run, verbose=verbose, **shared, **split_options)
                table = pd.read_csv(folder / "predictions.csv", dtype={"speaker": str})
                table["file"] = table["file"].map(lambda file: Path(file).name)
                write_csv(table, folder.with_suffix(".csv"))
                write_json(folder.with_suffix(".json"), report)
            if not keep_models:
                (folder / "model.keras").unlink(missing_ok=True)
            reports.append(report)
            predictions.append(table.assign(seed=seed))
            summary = summarize(reports, predictions, count)
            write_json(out / "report.json", summary)
            result = report["results"][report["chosen"]]
            scores = [f"{name.upper()} {100 * result[name]:.1f} %" for name in ("uar", "war") if name in result]
            scores += [f"CCC {result['ccc']:.3f}"] if "ccc" in result else []
            say(f"Fold {fold}, seed {seed}: {', '.join(scores)} ({len(reports)} of {len(seeds) * len(folds)} runs)")
    title = f"{summary['corpus']}, {protocol}, {summary['network']}, {len(folds)} of {count} folds, seed {seeds[0]}"
    if config.head.emotions:
        plots.confusion_matrix(summary["pooled"][0], out / "confusion.png", title=title)
    return summary


def done_before(folder, run):
    """`(report, predictions)` of a run whose two files lie beside its folder, or two None.

    Raises:
        InputError: they are another run's.
    """
    files = folder.with_suffix(".json"), folder.with_suffix(".csv")
    if not all(file.exists() for file in files):
        return None, None
    report = json.loads(files[0].read_text())
    config, asked = Config.from_dict(report["config"]), Config.from_dict(run["config"])
    masks = {n: v for n, v in run["config"]["augmentation"].items() if v in ("pitch", "duration")}  # measured since
    there = report | {"config": config.replace({"augmentation": masks}).replace(ARITHMETIC).to_dict()}
    asked = run | {"config": asked.replace(ARITHMETIC).to_dict()}
    if different := [key for key in asked if there.get(key) != json.loads(json.dumps(asked[key]))]:
        raise InputError(
            f"{files[0]} is of another {', '.join(different)}: give another folder as --out. Received: {folder.parent}"
        )
    return report, pd.read_csv(files[1], dtype={"speaker": str})


def summarize(reports, predictions, folds):
    """What several runs of one protocol say together.

    Args:
        reports: of `run.train`, same settings, one for each fold and seed.
        predictions: DataFrame of each run's `predictions.csv`, with a column `seed`.
        folds: number of folds that the protocol has.

    Returns:
        JSON-ready dict: what was run; `runs` (fold, seed and scores of each); `scores`: for each way to choose the
        epoch, mean and spread (standard deviation) over the runs; `lower`, the lower of mean UAR and mean WAR of the
        result; `complete`, whether every fold is there; `calibration`, mean over the runs; `pooled`: for each seed
        `classification_report` on all its test clips together, with bootstrap intervals, confusion matrix and table of
        speakers, and `calibration.risk_coverage`.
    """
    first = reports[0]
    labels = first["results"][first["chosen"]].get("labels", [])
    measures = [name for name in SCORES if name in first["results"][first["chosen"]]]
    scores = {}
    choices = [choice for choice in CHOICES if choice in first["results"]]
    for choice in choices:
        values = {name: [report["results"][choice][name] for report in reports] for name in measures}
        scores[choice] = {
            name: {"mean": float(np.mean(x)), "spread": float(np.std(x, ddof=1)) if len(x) > 1 else None}
            for name, x in values.items()
        }
    pooled = []
    table = pd.concat(predictions)
    for seed, rows in table.groupby("seed"):
        report, speakers = {}, rows.speaker.tolist() if "speaker" in rows else None
        if labels:
            named = rows[rows.emotion.notna()]
            probabilities = named[labels].to_numpy()
            probabilities /= probabilities.sum(axis=1, keepdims=True)  # the file holds six decimals
            true = named.emotion.map(labels.index).to_numpy()
            report = classification_report(labels, true, probabilities, named.speaker.tolist() if speakers else None)
            report["coverage"] = risk_coverage(labels, true, probabilities)
        if first.get("sphere"):
            sphere, rated = Sphere(**first["sphere"]), rows.dropna(subset=[f"true_{name}" for name in DIMENSIONS])
            columns = [[before + name for name in DIMENSIONS] for before in ("true_", "")]
            true, predicted = (sphere.to_cube(rated[names]) for names in columns)
            report["vad"] = dimensions_report(true, predicted, sphere, rated.speaker.tolist() if speakers else None)
        pooled.append({"seed": int(seed), **report})
    result = scores[first["chosen"]]
    calibrations = [report["calibration"] for report in reports if report["calibration"]]
    done = {(report["fold"], report["seed"]) for report in reports}
    seeds = sorted({seed for _, seed in done})
    return {
        **{name: first[name] for name in ("protocol", "preset", "index", "config", "corpus", "parameters", "chosen")},
        **{name: first[name] for name in ("choices", "scheme", "also", "sphere") if name in first},
        "network": first["config"]["network"]["architecture"],
        "folds": folds,
        "seeds": seeds,
        "complete": done == {(fold, seed) for fold in range(folds) for seed in seeds},
        "runs": [
            {"fold": report["fold"], "seed": report["seed"], "commit": report["commit"]}
            | {"mixed_precision": report["config"]["training"]["mixed_precision"]}
            | {choice: {name: report["results"][choice][name] for name in measures} for choice in choices}
            for report in reports
        ],
        "scores": scores,
        "calibration": {
            name: float(np.mean([calibration[name] for calibration in calibrations]))
            for name in ("temperature", "ece_before", "ece_after")
            if calibrations
        },
        "lower": min(result[name]["mean"] for name in ("uar", "war") if name in result) if labels else None,
        "pooled": pooled,
        **provenance(),
    }

"""Every fold and seed of a protocol, and what they say together."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.calibration import risk_coverage
from emohrnet_tf.data import Clips
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluate import evaluate
from emohrnet_tf.provenance import provenance
from emohrnet_tf.report import CHOICES, write_json
from emohrnet_tf.splits import fold_count
from emohrnet_tf.train import Trainer, check_settings, finished, ordered, run_of, train

SCORES = ("uar", "war", "macro_f1", "ece")


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
    and seed by `train.train` gives the same figures, bit for bit.

    Args:
        index, config, protocol, preset, **split_options: of `train.train`.
        out: folder. Each run has a folder in it, `fold0_seed0`, and when it ends its report as `fold0_seed0.json`;
            `report.json` is written anew after each run, over the runs so far; `confusion.png` at the end.
        seeds: of the runs.
        only: folds to run, or None for all. A report on some folds says so, and gives no mean over the protocol.
        keep_models: keep each run's `model.keras`; else only reports, predictions and pictures stay.
        verbose: Keras' progress bar.
        say: called with a line after each run.

    Returns:
        The report of `summarize`.

    Raises:
        InputError: of `train.train`; no seed, one twice, or a fold that is none.
    """
    out = Path(out)
    count = fold_count(index, protocol, **split_options)
    seeds, folds = list(seeds), list(range(count)) if only is None else sorted(set(only))
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"seeds: at least one, each once. Received: {seeds!r}")
    if not folds or not set(folds) <= set(range(count)):
        raise InputError(f"folds: {protocol} has {count} here, numbered 0 to {count - 1}. Received: {only!r}")
    check_settings(config)
    clips = functools.cache(lambda: Clips(index, config.audio.sample_rate))
    trainer = functools.cache(lambda: Trainer(config, ordered(clips().index.emotion.unique())))
    reports, predictions = [], []
    for seed in seeds:
        for fold in folds:
            folder = out / f"fold{fold}_seed{seed}"
            run = (protocol, fold, seed, preset)
            unfinished = not finished(folder, run_of(index, config, *run, **split_options))
            shared = {"clips": clips(), "trainer": trainer()} if unfinished else {}
            report = train(index, config, folder, *run, verbose=verbose, **shared, **split_options)
            write_json(out / f"{folder.name}.json", report)
            if not keep_models:
                (folder / "model.keras").unlink(missing_ok=True)
            reports.append(report)
            predictions.append(pd.read_csv(folder / "predictions.csv").assign(seed=seed))
            summary = summarize(reports, predictions, count)
            write_json(out / "report.json", summary)
            result = report["results"][report["chosen"]]
            say(
                f"Fold {fold}, seed {seed}: UAR {100 * result['uar']:.1f} %, WAR {100 * result['war']:.1f} % "
                f"({len(reports)} of {len(seeds) * len(folds)} runs)"
            )
    title = f"{summary['corpus']}, {protocol}, {summary['network']}, {len(folds)} of {count} folds, seed {seeds[0]}"
    plots.confusion_matrix(summary["pooled"][0], out / "confusion.png", title=title)
    return summary


def summarize(reports, predictions, folds):
    """What several runs of one protocol say together.

    Args:
        reports: of `train.train`, same settings, one for each fold and seed.
        predictions: DataFrame of each run's `predictions.csv`, with a column `seed`.
        folds: number of folds that the protocol has.

    Returns:
        JSON-ready dict: what was run; `runs` (fold, seed and scores of each); `scores`: for each way to choose the
        epoch, mean and spread (standard deviation) over the runs; `lower`, the lower of mean UAR and mean WAR of the
        result; `complete`, whether every fold is there; `calibration`, mean over the runs; `pooled`: for each seed
        `evaluate` on all its test clips together, with bootstrap intervals, confusion matrix and table of speakers,
        and `calibration.risk_coverage`.
    """
    first = reports[0]
    labels = first["results"][first["chosen"]]["labels"]
    scores = {}
    for choice in CHOICES:
        values = {name: [report["results"][choice][name] for report in reports] for name in SCORES}
        scores[choice] = {
            name: {"mean": float(np.mean(x)), "spread": float(np.std(x, ddof=1)) if len(x) > 1 else None}
            for name, x in values.items()
        }
    pooled = []
    table = pd.concat(predictions)
    for seed, rows in table.groupby("seed"):
        speakers = rows.speaker.astype(str).tolist() if "speaker" in rows else None
        probabilities = rows[labels].to_numpy()
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # the file holds six decimals
        report = evaluate(labels, rows.emotion.tolist(), probabilities, speakers)
        true = rows.emotion.map(labels.index).to_numpy()
        pooled.append({"seed": int(seed), **report, "coverage": risk_coverage(labels, true, probabilities)})
    result = scores[first["chosen"]]
    done = {(report["fold"], report["seed"]) for report in reports}
    seeds = sorted({seed for _, seed in done})
    return {
        **{name: first[name] for name in ("protocol", "preset", "index", "config", "corpus", "parameters", "chosen")},
        **{name: first[name] for name in ("choices", "scheme", "also") if name in first},
        "network": first["config"]["network"]["architecture"],
        "folds": folds,
        "seeds": seeds,
        "complete": done == {(fold, seed) for fold in range(folds) for seed in seeds},
        "runs": [
            {"fold": report["fold"], "seed": report["seed"], "commit": report["commit"]}
            | {choice: {name: report["results"][choice][name] for name in SCORES} for choice in CHOICES}
            for report in reports
        ],
        "scores": scores,
        "calibration": {
            name: float(np.mean([report["calibration"][name] for report in reports]))
            for name in ("temperature", "ece_before", "ece_after")
        },
        "lower": min(result["uar"]["mean"], result["war"]["mean"]),
        "pooled": pooled,
        **provenance(),
    }

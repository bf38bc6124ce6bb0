"""Every fold and seed of a protocol, and what they say together."""

import functools
import time
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.corpora import merge_labels
from emohrnet_tf.data.leakage import named
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import fold_count
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.across import KINDS, mean_scores
from emohrnet_tf.evaluation.calibration import risk_coverage
from emohrnet_tf.evaluation.dimensions import dimensions_report
from emohrnet_tf.evaluation.metrics import classification_report
from emohrnet_tf.evaluation.report import CHOICES
from emohrnet_tf.files import writable_folder, write_csv, write_json
from emohrnet_tf.labels import check_labels
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.checks import check_settings, checked_config
from emohrnet_tf.training.done import done_before, read_predictions, refuse_others
from emohrnet_tf.training.identity import divided, fingerprint, finished, settings_of
from emohrnet_tf.training.run import labels_of, ordered, train
from emohrnet_tf.training.trainer import Trainer

SCORES = ("uar", "war", "macro_f1", "ece", "ccc")


def crossval(
    index,
    config,
    out,
    protocol="speaker",
    seeds=(0,),
    only=None,
    keep_models=False,
    matrix=False,
    verbose="auto",
    say=print,
    clips=None,
    ahead=None,
    **split_options,
):
    """Train and measure every fold of a protocol with every seed; stopped anywhere, it goes on there.

    The clips are decoded once, and one network, built and traced once, takes new weights for each run; the same fold
    and seed by `run.train` gives the same figures, bit for bit.

    Args:
        index, config, protocol, **split_options: of `run.train`.
        out: folder. Each run has a folder in it, `fold0_seed0`, and when it ends its report and predictions as
            `fold0_seed0.json` and `.csv`: where these two lie, the run is done, whatever became of its folder.
            `report.json` is written anew after each run, over the runs so far; `confusion.png` at the end, and
            `corpora.png` where corpora are held apart.
        seeds: of the runs.
        only: folds to run, or None for all. A report on some folds says so, and gives no mean over the protocol.
        matrix: of protocol `corpus`: also train on each corpus alone, in the folder `one_corpus`, and draw who learns
            from whom.
        keep_models: keep each run's `model.keras`; else only reports, predictions and pictures stay.
        verbose: Keras' progress bar.
        say: called with a line after each run.
        clips: function that gives the `pipeline.Clips` of the index (its labels merged), where calls share them.
        ahead: called with (out, protocol, list of the folds and seeds that are not done) before the first run: it may
            train them, by `run.train` and into their folders, as it likes (`folds.by_ray`).

    Returns:
        The report of `summarize`.

    Raises:
        InputError: of `run.train`; no seed, one twice, a fold that is none, or a folder with another's report.
    """
    out, index, config = writable_folder(out), named(index), checked_config(config)
    refuse_others(out)
    if protocol == "all":
        raise InputError("Protocol all measures nothing: train with it by `emohrnet train`. Received: 'all'")
    if matrix and protocol != "corpus":
        raise InputError(f"A matrix of corpora is of protocol corpus. Received: {protocol!r}")
    merged = merge_labels(index, config.data.merge)
    count = fold_count(merged, protocol, **split_options)
    seeds, folds = list(seeds), list(range(count)) if only is None else sorted(set(only))
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"seeds: at least one, each once. Received: {seeds!r}")
    if not folds or not set(folds) <= set(range(count)):
        raise InputError(f"folds: {protocol} has {count} here, numbered 0 to {count - 1}. Received: {only!r}")
    check_labels(labels_of(merged, config.head))
    check_settings(config, merged, protocol)
    clips = clips or functools.cache(lambda: Clips(merged, config.audio.sample_rate))
    # One at a time: folds of one label set share a network, and several would fill the memory.
    trainer = functools.lru_cache(1)(lambda *of_fold: Trainer(config, *of_fold))
    reports, predictions, took = [], [], []  # seconds of the runs that were trained now

    def there(fold, seed):
        """`run.finished`'s arguments, and of `done_before`."""
        run, folder = (protocol, fold, seed), out / f"fold{fold}_seed{seed}"
        asked = settings_of(config, *run, **split_options)
        known, parts = divided(clips(), config, *run, **split_options)
        asked["index"] = fingerprint(known, config.head, clips().marks, parts)
        return (folder, asked, known, parts), done_before(folder, asked, known, parts)

    if ahead:
        state = {(fold, seed): there(fold, seed) for seed in seeds for fold in folds}
        ahead(out, protocol, [run for run, (a, done) in state.items() if done[0] is None and not finished(*a)])
    for seed in seeds:
        for fold in folds:
            began = time.perf_counter()
            run = (protocol, fold, seed)
            (folder, asked, known, parts), (report, table) = there(fold, seed)
            if report is None:
                unfinished = not finished(folder, asked, known, parts)
                shared = {"clips": clips()} | ({"trainer": trainer} if unfinished else {})
                report = train(index, config, folder, *run, verbose=verbose, **shared, **split_options)
                table = read_predictions(folder / "predictions.csv", report)
                table["file"] = table["file"].map(lambda file: Path(file).name)
                write_csv(table, folder.with_suffix(".csv"))
                write_json(folder.with_suffix(".json"), report)
                took.append(time.perf_counter() - began)
            if not keep_models:
                (folder / "model.keras").unlink(missing_ok=True)
            reports.append(report)
            predictions.append(table.assign(seed=seed))
            summary = summarize(reports, predictions, count)
            write_json(out / "report.json", summary)
            result = report["results"][report["chosen"]]
            scores = [f"{name.upper()} {100 * result[name]:.1f} %" for name in ("uar", "war") if name in result]
            scores += [f"CCC {result['ccc']:.3f}"] if "ccc" in result else []
            count_of = f"{len(reports)} of {len(seeds) * len(folds)} runs"
            if took and len(reports) < len(seeds) * len(folds):
                left = np.mean(took) * (len(seeds) * len(folds) - len(reports))
                count_of += f", about {left / 60:.0f} min left"
            say(f"Fold {fold}, seed {seed}: {', '.join(scores)} ({count_of})")
    title = f"{summary['corpus']}, {protocol}, {summary['network']}, {len(folds)} of {count} folds, seed {seeds[0]}"
    if config.head.emotions and summary["pooled"]:
        with plots.beside_results(out / "confusion.png"):
            plots.confusion_matrix(summary["pooled"][0], out / "confusion.png", title=title)
    if "across" in summary:
        if matrix:
            alone = crossval(
                index, config, out / "one_corpus", "one_corpus", seeds, None, keep_models, verbose=verbose,
                say=say, clips=clips, ahead=ahead, **split_options,
            )  # fmt: skip
            summary["across"]["matrix"] += alone["across"]["matrix"]
            write_json(out / "report.json", summary)
        title = f"{summary['network']}, seeds {seeds}"
        with plots.beside_results(out / "corpora.png"):
            plots.corpora(summary["across"]["matrix"], out / "corpora.png", title=title)
    return summary


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
        speakers, and `calibration.risk_coverage` (none for `one_corpus`, which tests clips several times). Where
        corpora are held apart, `across`: `cells`, of every run and corpus the report of `across.cells`; `mean`
        (`across.mean_scores`); and `matrix`, the UAR of every train and test corpus over the seeds.
    """
    first = reports[0]
    labels = ordered({label for report in reports for label in report["results"][report["chosen"]].get("labels", [])})
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
    for seed, rows in table.groupby("seed") if first["protocol"] != "one_corpus" else ():
        report, speakers = {}, rows.speaker.tolist() if "speaker" in rows else None
        if labels:
            named = rows[rows.emotion.notna()]
            probabilities = named[labels].fillna(0.0).to_numpy()  # a label that the fold's training did not have
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
        **({"across": summarize_across(reports)} if "across" in first else {}),
        **provenance(),
    }


def summarize_across(reports):
    """`across` of `summarize`, from the reports of runs that hold corpora apart."""
    rows = [{"fold": report["fold"], "seed": report["seed"], **cell} for report in reports for cell in report["across"]]
    matrix = []
    for train_, test in dict.fromkeys((tuple(row["train"]), row["test"]) for row in rows):
        own = [row for row in rows if (tuple(row["train"]), row["test"]) == (train_, test)]
        scores = {
            kind: {name: float(np.mean([row[kind][name] for row in own])) for name in ("uar", "chance")}
            if own[0][kind]
            else None
            for kind in KINDS
        }
        matrix.append({"train": list(train_), "test": test, "seeds": len(own), **scores})
    return {"cells": rows, "mean": mean_scores(rows), "matrix": matrix}

"""What do Light-SERNet and TIM-Net reach on the same folds, as published and in this project's recipe?

    python benchmarks/comparators.py emovo.csv --network tim_net --recipe published --protocol random --out comparators
    python benchmarks/comparators.py emovo.csv --network light_sernet --recipe known_speakers --protocol random ...

Both networks are built from the facts in their papers (arXiv 2110.03435, 2211.08233). `published` is their own
features, length, optimiser and epochs, but the last epoch is the result, where the papers' figures are the best epoch
on the test (TIM-Net's since August 2023: the last). Instead of `published`, a preset or a report of `emohrnet crossval`
gives its recipe: its log-mels (TIM-Net: 39 cepstra of them), augmentation, labels and schedule; it was made for another
network, which a comparator cannot be blamed for. Validation clips train in both.

OUT/CORPUS_PROTOCOL_NETWORK_RECIPE (and `_10folds`, where --folds asks for other than the protocol's own) holds a JSON
and a CSV for each fold, as `emohrnet crossval` writes them, and `report.json`; folds that are there are not repeated.
"""

import argparse
import functools
import json
import math
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from comparators_networks import FEATURES, NETWORKS, SAMPLE_RATE, SECONDS, on_log_mels
from keras import ops

from emohrnet_tf.config import Config
from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.pipeline import Clips, training_batches, window_batches
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.data.targets import emotion_numbers, joint_speakers, joint_targets
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.calibration import pool_windows
from emohrnet_tf.evaluation.metrics import Truth, answers_report
from emohrnet_tf.files import write_csv, write_json
from emohrnet_tf.model.heads import SumOverSpeakers
from emohrnet_tf.presets import PRESETS, preset
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.crossval import read_predictions, summarize
from emohrnet_tf.training.identity import earlier_fingerprint
from emohrnet_tf.training.losses import smoothed_cross_entropy
from emohrnet_tf.training.measured import with_measured
from emohrnet_tf.training.optimizer import learning_rate, make_optimizer
from emohrnet_tf.training.run import ordered, predictions_table

EVALUATE_EVERY = 10  # epochs; "best on test" is the best of these
PUBLISHED = {  # optimisation; drops are epochs, counted from 0, at which the rate is multiplied
    "light_sernet": {
        **{"epochs": 300, "batch_size": 32, "learning_rate": 1e-4, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
        **{"label_smoothing": 0.0, "drops": list(range(60, 300, 20)), "drop": math.exp(-0.15)},
    },
    "tim_net": {
        **{"epochs": 500, "batch_size": 64, "learning_rate": 1e-3, "beta_1": 0.93, "beta_2": 0.98, "epsilon": 1e-8},
        **{"label_smoothing": 0.1, "drops": [], "drop": 1.0},
    },
}


# --- Training ---


def trainable_parameters(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def published_rate(settings, epoch):
    """Learning rate of an epoch, counted from 0."""
    return settings["learning_rate"] * settings["drop"] ** sum(epoch >= drop for drop in settings["drops"])


def compiled(network, optimizer, label_smoothing):
    network.compile(optimizer, smoothed_cross_entropy(label_smoothing), jit_compile=False)
    return network


class BestOnTest(keras.callbacks.Callback):
    """Answers of the test clips every `EVALUATE_EVERY` epochs and after the last; `answers` holds them by epoch."""

    def __init__(self, answer, epochs):
        super().__init__()
        self.answer, self.epochs, self.answers, self.seconds = answer, epochs, {}, []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
        if (epoch + 1) % EVALUATE_EVERY == 0 or epoch + 1 == self.epochs:
            self.answers[epoch + 1] = self.answer(self.model)


def fit_published(name, features, classes, targets, rows, settings, seed):
    """Train as published; the `BestOnTest` of it and the network."""
    optimizer = keras.optimizers.Adam(
        settings["learning_rate"], settings["beta_1"], settings["beta_2"], settings["epsilon"]
    )
    network = compiled(NETWORKS[name](features.shape[1:], classes), optimizer, settings["label_smoothing"])
    answer = lambda model: ops.softmax(model.predict(features[rows["test"]], verbose=0)).numpy()  # noqa: E731
    watch = BestOnTest(answer, settings["epochs"])
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: published_rate(settings, epoch))
    batch = min(settings["batch_size"], len(rows["train"]))
    data = tf.data.Dataset.from_tensor_slices((features[rows["train"]], targets[rows["train"]])).cache()
    data = data.shuffle(len(rows["train"]), seed=seed).batch(batch)
    network.fit(data, epochs=settings["epochs"], callbacks=[rate, watch], shuffle=False, verbose=0)
    return watch, network


def fit_recipe(name, clips, labels, targets, rows, config, seed):
    """Train in the recipe of a configuration; the `BestOnTest` of it and the network."""
    settings, speakers = config.training, config.network.joint_speakers
    network = on_log_mels(name, config.audio, len(labels) * max(speakers, 1))
    if speakers:  # pairs of speaker and emotion, whose targets come smoothed
        targets = joint_targets(clips.index, labels, rows["train"], settings.label_smoothing)
        compiled(network, make_optimizer(settings), 0.0)
    else:
        targets = targets[rows["train"]]
        compiled(network, make_optimizer(settings), settings.label_smoothing)
    emotions = SumOverSpeakers(max(speakers, 1))
    windows, owners = window_batches(clips, rows["test"], config.audio)

    def answer(model):
        logits = emotions(model.predict(windows, verbose=0)).numpy()
        return pool_windows({"logits": logits}, owners)["probabilities"]

    watch = BestOnTest(answer, config.training.epochs)
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(config.training, epoch))
    batches, steps = training_batches(clips, rows["train"], targets, config, seed)
    network.fit(
        batches, steps_per_epoch=steps, epochs=config.training.epochs, callbacks=[rate, watch], shuffle=False, verbose=0
    )
    return watch, network


def run_fold(name, recipe, clips, features, run):
    """Train and measure one fold: `(report, table of predictions)` as `train.train` has them."""
    seed = run["seed"]
    parts = split(clips.index, run["protocol"], fold=run["fold"], seed=seed, folds=run.get("folds"))
    parts = parts.replace("validation", "train")
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "test")}
    labels = ordered(clips.index.emotion.unique())
    numbers = emotion_numbers(clips.index, labels)
    targets = np.eye(len(labels), dtype="float32")[numbers]
    keras.utils.set_random_seed(seed)
    if recipe == "published":
        settings = run["config"]["training"]
        watch, network = fit_published(name, features(), len(labels), targets, rows, settings, seed)
    else:
        recipe = with_measured(recipe, clips, rows["train"])
        if recipe.training.joint_speakers:
            speakers = joint_speakers(clips.index, parts, run["protocol"])
            recipe = recipe.replace({"network": {"joint_speakers": speakers}})
        watch, network = fit_recipe(name, clips, labels, targets, rows, recipe, seed)
    test, truth = clips.index.iloc[rows["test"]], Truth(numbers[rows["test"]])
    speakers = test.speaker.tolist()
    war = {epoch: (p.argmax(axis=1) == truth.emotion).mean() for epoch, p in watch.answers.items()}
    epochs = {"validation": None, "last": max(war), "best_on_test": max(war, key=war.get)}
    results = {}
    for choice in ("best_on_test", "last"):
        answers = {"probabilities": watch.answers[epochs[choice]].astype("float64")}
        answers["probabilities"] /= answers["probabilities"].sum(axis=1, keepdims=True)
        results[choice] = answers_report(labels, truth, answers, speakers)
    report = {
        **run,
        **{"corpus": clips.index.corpus.iloc[0], "parameters": trainable_parameters(network)},
        **{"clips": {part: len(numbers) for part, numbers in rows.items()}, "epochs": epochs, "chosen": "last"},
        **{"calibration": None, "epoch_seconds": float(np.median(watch.seconds)), "results": results},
        **provenance(),
    }
    return report, predictions_table(test, labels, truth, answers)


def described(recipe, network, corpus, epochs=None):
    """The configuration of a run in the form of crossval's reports, and the recipe to train by.

    Args:
        recipe: "published", the name of a preset, or a report of `emohrnet crossval`.
        network, corpus: names.
        epochs: of the recipe, or None for its own; those of "published" stand.
    """
    if recipe == "published":
        audio = {"light_sernet": {"seconds": 3.0}, "tim_net": {"seconds": SECONDS[corpus], "sample_rate": 22050}}
        training = {**PUBLISHED[network], "mixed_precision": False, "train_on_validation": True}
        return {"audio": audio[network], "network": {"architecture": network}, "training": training}, recipe
    config = preset(recipe) if recipe in PRESETS else Config.from_dict(json.loads(Path(recipe).read_text())["config"])
    whole = {"train_on_validation": True, "choose": "last", "mixed_precision": False, "initial": None}
    whole["epochs"] = epochs or config.training.epochs
    config = config.replace({"training": whole, "network": {"joint_speakers": 0}, "audio": {"statistics": None}})
    return {**config.to_dict(), "network": {"architecture": network}}, config


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", help="index of RAVDESS or EMOVO")
    parser.add_argument("--network", choices=list(NETWORKS), required=True)
    parser.add_argument("--recipe", default="published", help="published, a preset, or crossval's report.json")
    parser.add_argument("--epochs", type=int, help="of a recipe, else its own")
    parser.add_argument("--protocol", choices=("random", "speaker", "loso"), required=True)
    parser.add_argument("--folds", type=int, help="number of folds, else the protocol's own")
    parser.add_argument("--only", help="run some folds alone: numbers with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    network, protocol, seed = arguments.network, arguments.protocol, arguments.seed
    clips = Clips(read_index(arguments.index), SAMPLE_RATE)
    corpus = clips.index.corpus.iloc[0]
    config, recipe = described(arguments.recipe, network, corpus, arguments.epochs)
    kind = "published" if recipe == "published" else "our_recipe"
    count = fold_count(clips.index, protocol, arguments.folds)
    other = "" if count == fold_count(clips.index, protocol) else f"_{count}folds"
    out = arguments.out / f"{corpus}_{protocol}_{network}_{kind}{other}"
    only = range(count) if arguments.only is None else [int(fold) for fold in arguments.only.split(",")]
    features = functools.cache(
        lambda: np.stack([FEATURES[network](clips.waveform(row), corpus) for row in range(len(clips.index))])
    )
    reports, tables = [], []
    for fold in range(count):  # those of earlier calls belong to the summary too
        file = out / f"fold{fold}_seed{seed}.json"
        run = {"protocol": protocol, "fold": fold, "seed": seed, "preset": kind, "network": network}
        run |= {"folds": count} if other else {}
        run |= {"index": earlier_fingerprint(clips.index, Config().head), "config": config}
        if fold in only and not file.exists():
            report, table = run_fold(network, recipe, clips, features, run)
            table["file"] = table["file"].map(lambda name: Path(name).name)
            write_csv(table, file.with_suffix(".csv"))
            write_json(file, report)
        if file.exists():
            reports.append(report_of(file, run))
            tables.append(read_predictions(file.with_suffix(".csv"), reports[-1]).assign(seed=seed))
            write_json(out / "report.json", summarize(reports, tables, count))
            scores = {name: round(100 * reports[-1]["results"]["last"][name], 1) for name in ("uar", "war")}
            print(f"{out.name}, fold {fold}: {scores}", flush=True)


def report_of(file, run):
    """The report of a fold that is done.

    Raises:
        InputError: it is another run's.
    """
    report = json.loads(file.read_text())
    asked = json.loads(json.dumps(run))
    if different := [key for key in asked if report.get(key) != asked[key] and key != "config"]:
        raise InputError(f"{file} is of another {', '.join(different)}: give another folder as --out. Received: {file}")
    return report


if __name__ == "__main__":
    main()

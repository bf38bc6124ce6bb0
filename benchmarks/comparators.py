"""What do Light-SERNet and TIM-Net reach on the same folds, as published and in this project's recipe?

    python benchmarks/comparators.py emovo.csv --network tim_net --recipe published --protocol random --out comparators
    python benchmarks/comparators.py emovo.csv --network light_sernet --recipe docs/results/emovo_random/report.json ...

Both networks are built from the facts in their papers (arXiv 2110.03435, 2211.08233). `published` is their own
features, length, optimiser and epochs, but the last epoch is the result, where the papers' figures are the best epoch
on the test (TIM-Net's since August 2023: the last). Instead of `published`, a report of `emohrnet crossval` gives its
recipe: its log-mels (TIM-Net: 39 cepstra of them), augmentation and schedule. Validation clips train in both.

OUT/CORPUS_PROTOCOL_NETWORK_RECIPE holds a JSON and a CSV for each fold, as `emohrnet crossval` writes them, and
`report.json`; folds that are there are not repeated.
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
import librosa
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.fft import dct

from emohrnet_tf.config import Config
from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.pipeline import Clips, training_batches, window_batches
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.data.targets import emotion_numbers
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.calibration import pool_windows
from emohrnet_tf.evaluation.metrics import Truth, answers_report
from emohrnet_tf.files import write_csv, write_json
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.crossval import read_predictions, summarize
from emohrnet_tf.training.identity import earlier_fingerprint
from emohrnet_tf.training.losses import smoothed_cross_entropy
from emohrnet_tf.training.run import ordered, predictions_table
from emohrnet_tf.training.trainer import learning_rate, make_optimizer

SAMPLE_RATE = 16000
CEPSTRA = 39  # TIM-Net's
SECONDS = {"ravdess": 110000 / 22050, "emovo": 96000 / 22050}  # TIM-Net's length of a clip, by corpus
EVALUATE_EVERY = 10  # epochs; "best on test" is the best of these


# --- Features as published ---


def fixed_length(waveform, samples):
    """The middle of a long waveform; zeros at both ends of a short one. `(samples,)`."""
    cut, missing = max(0, len(waveform) - samples) // 2, max(0, samples - len(waveform))
    return np.pad(waveform[cut : cut + samples], (missing // 2, missing - missing // 2))


def light_sernet_features(waveform, corpus=None):
    """Light-SERNet's 40 cepstra of 3 s at 16 kHz: `(184, 40, 1)`."""
    waveform = fixed_length(waveform, min(len(waveform), 48000))
    level = np.percentile(np.abs(waveform), 99.9) + np.finfo("float32").eps
    waveform = fixed_length(np.clip(waveform / level, -1, 1), 48000)
    spectrum = tf.abs(tf.signal.stft(tf.constant(waveform, tf.float32), 1024, 256))
    weights = tf.signal.linear_to_mel_weight_matrix(128, 513, SAMPLE_RATE, 80.0, 7600.0)
    cepstra = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(spectrum @ weights + 1e-6))
    return np.clip(cepstra[:, :40, None], -10, 10)


def tim_net_features(waveform, corpus="ravdess"):
    """TIM-Net's 39 cepstra at 22,050 Hz, as they are: `(215, 39)` for RAVDESS, `(188, 39)` for EMOVO.

    The corpora are at 16 kHz here, so that nothing lies above 8 kHz, where the originals have something.
    """
    waveform = librosa.resample(waveform, orig_sr=SAMPLE_RATE, target_sr=22050)
    waveform = fixed_length(waveform, round(SECONDS[corpus] * 22050))
    return librosa.feature.mfcc(y=waveform, sr=22050, n_mfcc=CEPSTRA).T


# --- Networks ---


def light_sernet(shape, classes, dropout=0.3):
    """Light-SERNet (arXiv 2110.03435): three parallel convolutions, five in a row; logits."""
    decay = keras.regularizers.L2(1e-6)
    x = inputs = keras.Input(shape)
    paths = []
    for kernel in ((11, 1), (1, 9), (3, 3)):
        y = layers.Conv2D(32, kernel, padding="same")(x)
        paths.append(layers.AveragePooling2D(2, padding="same")(layers.ReLU()(layers.BatchNormalization()(y))))
    x = layers.Concatenate()(paths)
    # filters, kernel, pool
    for filters, kernel, pool in ((64, 3, 2), (96, 3, 2), (128, 3, (2, 1)), (160, 3, (2, 1)), (320, 1, None)):
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, kernel_regularizer=decay)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.AveragePooling2D(pool, padding="same")(x) if pool else layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(layers.Dropout(dropout)(x)), name="light_sernet")


class ScaleSum(layers.Layer):
    """Weighted sum over the scales, `(batch, scales, channels)` -> `(batch, channels)`."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[1], 1), initializer="random_uniform", name="weight")

    def call(self, x):
        return ops.sum(x * self.weight, axis=1)


def tim_net(shape, classes, scales=8, filters=CEPSTRA, dropout=0.1):
    """TIM-Net (arXiv 2211.08233): gated causal convolutions, in both directions of time; logits."""
    inputs = keras.Input(shape)
    sides = []
    for x in (inputs, ops.flip(inputs, axis=1)):
        x, means = layers.Conv1D(filters, 1)(x), []
        for scale in range(scales):
            y = x
            for _ in range(2):
                y = layers.Conv1D(filters, 2, padding="causal", dilation_rate=2**scale)(y)
                y = layers.SpatialDropout1D(dropout)(layers.ReLU()(layers.BatchNormalization()(y)))
            x = x * ops.sigmoid(y)
            means.append(ops.mean(x, axis=1, keepdims=True))
        sides.append(layers.Concatenate(axis=1)(means))
    return keras.Model(inputs, layers.Dense(classes)(ScaleSum()(sides[0] + sides[1])), name="tim_net")


def on_log_mels(network, audio, classes):
    """A comparator that takes log-mels `(frames, mels, 1)`: TIM-Net the first 39 cepstra of them."""
    if network == "light_sernet":
        return light_sernet((audio.frames, audio.mels, 1), classes)
    inputs = keras.Input((audio.frames, audio.mels, 1))
    basis = dct(np.eye(audio.mels), axis=1, norm="ortho")[:, :CEPSTRA]
    cepstra = ops.matmul(inputs[..., 0], basis.astype("float32"))
    return keras.Model(inputs, tim_net((audio.frames, CEPSTRA), classes)(cepstra), name="tim_net")


NETWORKS = {"light_sernet": light_sernet, "tim_net": tim_net}
FEATURES = {"light_sernet": light_sernet_features, "tim_net": tim_net_features}
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


def fit_recipe(name, clips, classes, targets, rows, config, seed):
    """Train in the recipe of a configuration; the `BestOnTest` of it and the network."""
    network = on_log_mels(name, config.audio, classes)
    compiled(network, make_optimizer(config.training), config.training.label_smoothing)
    windows, owners = window_batches(clips, rows["test"], config.audio)
    answer = lambda model: pool_windows({"logits": model.predict(windows, verbose=0)}, owners)["probabilities"]  # noqa: E731
    watch = BestOnTest(answer, config.training.epochs)
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(config.training, epoch))
    batches, steps = training_batches(clips, rows["train"], targets[rows["train"]], config, seed)
    network.fit(
        batches, steps_per_epoch=steps, epochs=config.training.epochs, callbacks=[rate, watch], shuffle=False, verbose=0
    )
    return watch, network


def run_fold(name, recipe, clips, features, run):
    """Train and measure one fold: `(report, table of predictions)` as `train.train` has them."""
    seed = run["seed"]
    parts = split(clips.index, run["protocol"], fold=run["fold"], seed=seed).replace("validation", "train")
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "test")}
    labels = ordered(clips.index.emotion.unique())
    numbers = emotion_numbers(clips.index, labels)
    targets = np.eye(len(labels), dtype="float32")[numbers]
    keras.utils.set_random_seed(seed)
    if recipe == "published":
        settings = run["config"]["training"]
        watch, network = fit_published(name, features(), len(labels), targets, rows, settings, seed)
    else:
        watch, network = fit_recipe(name, clips, len(labels), targets, rows, recipe, seed)
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


def described(recipe, network, corpus):
    """The configuration of a run in the form of crossval's reports, and the recipe to train by."""
    if recipe == "published":
        audio = {"light_sernet": {"seconds": 3.0}, "tim_net": {"seconds": SECONDS[corpus], "sample_rate": 22050}}
        training = {**PUBLISHED[network], "mixed_precision": False, "train_on_validation": True}
        return {"audio": audio[network], "network": {"architecture": network}, "training": training}, recipe
    report = json.loads(Path(recipe).read_text())
    whole = {"train_on_validation": True, "choose": "last", "mixed_precision": False, "initial": None}
    config = Config.from_dict(report["config"]).replace({"training": whole})
    return {**config.to_dict(), "network": {"architecture": network}}, config


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", help="index of RAVDESS or EMOVO")
    parser.add_argument("--network", choices=list(NETWORKS), required=True)
    parser.add_argument("--recipe", default="published", help="published, or a report of `emohrnet crossval`")
    parser.add_argument("--protocol", choices=("random", "speaker", "loso"), required=True)
    parser.add_argument("--folds", default="all", help="all, or numbers with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    network, protocol, seed = arguments.network, arguments.protocol, arguments.seed
    clips = Clips(read_index(arguments.index), SAMPLE_RATE)
    corpus = clips.index.corpus.iloc[0]
    config, recipe = described(arguments.recipe, network, corpus)
    kind = "published" if recipe == "published" else "our_recipe"
    out = arguments.out / f"{corpus}_{protocol}_{network}_{kind}"
    count = fold_count(clips.index, protocol)
    folds = range(count) if arguments.folds == "all" else [int(fold) for fold in arguments.folds.split(",")]
    features = functools.cache(
        lambda: np.stack([FEATURES[network](clips.waveform(row), corpus) for row in range(len(clips.index))])
    )
    reports, tables = [], []
    for fold in range(count):  # those of earlier calls belong to the summary too
        file = out / f"fold{fold}_seed{seed}.json"
        run = {"protocol": protocol, "fold": fold, "seed": seed, "preset": kind, "network": network}
        run |= {"index": earlier_fingerprint(clips.index, Config().head), "config": config}
        if fold in folds and not file.exists():
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
    if different := [key for key in asked if report[key] != asked[key] and key != "config"]:
        raise InputError(f"{file} is of another {', '.join(different)}: give another folder as --out. Received: {file}")
    return report


if __name__ == "__main__":
    main()

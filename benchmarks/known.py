"""Which recipe tells known speakers' emotions apart? One change at a time, judged on validation clips alone.

    python benchmarks/known.py emovo.csv --cache CACHE --out docs/results/known base statistics +smoothing ...
    python benchmarks/known.py emovo.csv --cache CACHE --out docs/results/known --name try --set epochs=300 base

The validation parts of folds 0 to 2 of `random`, together, are judged, by one network that was trained on all other
clips and after its last epoch: as many clips as three runs would judge at the cost of one. One standard error stands
beside. Mel powers are computed once and kept in CACHE; each recipe leaves a JSON file in OUT.

A quick laboratory, not the product: clips are placed by whole frames, and augmentation is a part of the package's.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from known_features import mel_powers, normalized, placed, statistics_of, with_deltas
from known_recipes import BASE, RECIPES
from narrower import register

from emohrnet_tf.audio.windows import window_starts
from emohrnet_tf.config import Audio, Config
from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.augment import Augment, mix
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split
from emohrnet_tf.data.targets import emotion_numbers
from emohrnet_tf.files import write_json
from emohrnet_tf.model.hrnet import hrnet
from emohrnet_tf.model.layers import BatchNorm
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.identity import earlier_fingerprint
from emohrnet_tf.training.optimizer import learning_rate
from emohrnet_tf.training.run import ordered

FOLDS = (0, 1, 2)


def build(settings, mels, classes):
    inputs = keras.Input((settings["frames"], mels, 1))
    x = with_deltas(inputs, settings["deltas"]) if settings["deltas"] else inputs
    x = hrnet(x, settings["architecture"], settings["stem"], settings["fuse_filters"])
    if settings["pooling"] == "mean":
        x = layers.GlobalAveragePooling2D()(x)
    else:
        x = ops.cast(x, "float32")
        mean, variance = ops.moments(x, axes=[1])
        x = layers.Flatten(dtype="float32")(ops.concatenate([mean, ops.sqrt(variance + 1e-4)], axis=-1))
    x = layers.Dropout(settings["dropout"])(x) if settings["dropout"] else x
    return keras.Model(inputs, layers.Dense(classes, dtype="float32")(x))


class Laboratory:
    """A recipe's network, traced once, trained anew for each fold."""

    def __init__(self, settings, mels, widths):
        self.settings, self.widths, self.sizes = settings, widths, (settings, mels, sum(widths))
        names = "time_shift_share tempo_spread vocal_tract_spread freq_mask_bins time_mask_share"
        self.augment = Augment(**{name: settings[name] for name in names.split()})
        keras.config.set_dtype_policy(self.settings["policy"])
        self.network = build(*self.sizes)
        keras.config.set_dtype_policy("float32")
        self.optimizer = keras.optimizers.AdamW(settings["learning_rate"], weight_decay=settings["weight_decay"])
        self.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.optimizer.build(self.network.trainable_variables)
        self.blank = [variable.numpy() for variable in self.optimizer.variables]
        self.average = [tf.Variable(variable) for variable in self.network.trainable_variables]
        self.step, self.answer = tf.function(self._step), tf.function(lambda x: self.network(x, training=False))
        self.reestimate = tf.function(lambda x: self.network(x, training=True))

    def reset(self, seed):
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy(self.settings["policy"])
        drawn = build(*self.sizes)
        keras.config.set_dtype_policy("float32")
        for variable, value in zip(self.network.variables, drawn.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self.optimizer.variables, self.blank, strict=True):
            variable.assign(value)
        for average, variable in zip(self.average, self.network.trainable_variables):
            average.assign(variable)

    def _step(self, x, numbers, target, share):
        x = self.augment(x[..., None], numbers, training=True)
        if self.settings["mixup"]:
            x, target = mix(x, target, share)
        target, *others = tf.split(target, self.widths, axis=1)
        target = target * (1 - self.settings["label_smoothing"]) + self.settings["label_smoothing"] / target.shape[-1]
        with tf.GradientTape() as tape:
            logits, *other_logits = tf.split(self.network(x, training=True), self.widths, axis=1)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
            for true, said in zip(others, other_logits):
                extra = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(true, said))
                loss += self.settings["auxiliary_weight"] * extra
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        if self.settings["ema"]:
            for average, variable in zip(self.average, variables):
                average.assign(self.settings["ema"] * average + (1 - self.settings["ema"]) * variable)
        right = tf.equal(tf.argmax(target, -1), tf.argmax(logits, -1))
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))

    def fit(self, powers, targets, rows, seed):
        """Train on some clips; the last epoch's loss and accuracy."""
        s, random = self.settings, np.random.default_rng(seed)
        self.reset(seed)
        self.statistics = statistics_of([powers[row] for row in rows], s)
        schedule = Config().replace({"training": {"epochs": s["epochs"], "schedule": "cosine", "warmup_epochs": 2}})
        schedule = schedule.replace({"training": {"learning_rate": s["learning_rate"]}}).training
        batch = s["batch_size"]
        for epoch in range(s["epochs"]):
            self.optimizer.learning_rate.assign(learning_rate(schedule, epoch))
            order, logs = random.permutation(rows), []
            for start in range(0, len(order) - batch + 1, batch):
                numbers = order[start : start + batch]
                x = normalized(self.drawn([powers[row] for row in numbers], random), s, self.statistics)
                draws = random.random((batch, self.augment.numbers)).astype("float32")
                share = random.beta(s["mixup"] or 1.0, s["mixup"] or 1.0, batch).astype("float32")
                share = np.maximum(share, 1 - share)
                loss, right = self.step(x.astype("float32"), draws, targets[numbers], share)
                logs.append((float(loss), float(right)))
        if s["ema"]:
            for average, variable in zip(self.average, self.network.trainable_variables):
                variable.assign(average)
        if s["ema"] or s["reestimate"]:
            self.take_statistics(powers, rows, random)
        return np.mean(logs, axis=0)

    def drawn(self, chosen, random):
        """Windows `(batch, frames, mels)` of mel powers at random places, with random gain and noise."""
        s, frames = self.settings, self.settings["frames"]
        x = np.stack([placed(p, frames, random.integers(abs(len(p) - frames) + 1)) for p in chosen])
        if s["gain_db"]:
            x = x * 10 ** (random.uniform(-s["gain_db"], s["gain_db"], (len(x), 1, 1)) / 10)
        if s["noise_db"] is not None:
            x = x + s["floor"] * 10 ** (random.uniform(0, s["noise_db"], (len(x), 1, 1)) / 10) * random.gamma(
                4, 0.25, x.shape
            )
        return x

    def take_statistics(self, powers, rows, random):
        """Batch-norm statistics that belong to the weights, from 40 batches."""
        for layer in self.network._flatten_layers():
            if isinstance(layer, BatchNorm):
                layer.momentum = 0.9
        batch = self.settings["batch_size"]
        for _ in range(40):
            chosen = [powers[row] for row in random.choice(rows, batch, replace=False)]
            x = normalized(self.drawn(chosen, random), self.settings, self.statistics).astype("float32")
            draws = random.random((batch, self.augment.numbers)).astype("float32")
            self.reestimate(self.augment(x[..., None], draws, training=True))

    def judge(self, powers, rows, emotions):
        """Probabilities `(clips, emotions)`: the mean over windows, cut by the product's rule, and over shifts."""
        s, frames, x, owners = self.settings, self.settings["frames"], [], []
        for number, row in enumerate(rows):
            clip = powers[row] * 10 ** (s["test_gain_db"] / 10)
            if len(clip) > frames:
                starts = window_starts(len(clip), frames)
                windows = [placed(np.pad(clip, ((0, frames), (0, 0))), frames, start) for start in starts]
            else:
                room = frames - len(clip)
                places = sorted({round(room * k / max(s["shifts"] - 1, 1)) for k in range(s["shifts"])})
                windows = [placed(clip, frames, place) for place in places]
            x += windows
            owners += [number] * len(windows)
        x = normalized(np.stack(x), s, self.statistics).astype("float32")
        logits = np.concatenate([self.answer(x[i : i + 64, ..., None]).numpy() for i in range(0, len(x), 64)])
        logits = logits[:, : self.widths[0]]
        windows = np.exp(logits - logits.max(axis=1, keepdims=True))
        windows = (windows / windows.sum(axis=1, keepdims=True)).reshape(len(x), -1, emotions).sum(axis=1)
        sums = np.zeros((len(rows), emotions))
        np.add.at(sums, owners, windows)
        return sums / np.bincount(owners)[:, None]


def scores(true, probabilities):
    """UAR and WAR with one standard error (of clips, as if they were drawn), and the loss."""
    right = probabilities.argmax(axis=1) == true
    recalls = np.array([right[true == c].mean() for c in np.unique(true)])
    counts = np.bincount(true)[np.unique(true)]
    return {
        "clips": len(true),
        "uar": recalls.mean(),
        "uar_error": np.sqrt((recalls * (1 - recalls) / counts).sum()) / len(recalls),
        "war": right.mean(),
        "war_error": np.sqrt(right.mean() * (1 - right.mean()) / len(true)),
        "loss": -np.log(np.maximum(probabilities[np.arange(len(true)), true], 1e-7)).mean(),
    }


def run(settings, clips, powers, seed):
    """A recipe's report."""
    labels = ordered(clips.index.emotion.unique())
    emotion, speakers = emotion_numbers(clips.index, labels), sorted(clips.index.speaker.unique())
    groups = clips.index.speaker.map(speakers.index).to_numpy() if settings["joint"] else np.zeros(len(emotion), int)
    numbers = groups * len(labels) + emotion
    targets = [np.eye((groups.max() + 1) * len(labels), dtype="float32")[numbers]]
    for column in settings["auxiliary"]:
        names, numbers = np.unique(clips.index[column].astype(str), return_inverse=True)
        targets.append(np.eye(len(names), dtype="float32")[numbers])
    widths, targets = [one.shape[1] for one in targets], np.concatenate(targets, axis=1)
    laboratory, began = Laboratory(settings, powers[0].shape[1], widths), time.perf_counter()
    parts = [split(clips.index, "random", fold=fold, seed=0) == "validation" for fold in FOLDS]
    held_out = np.any(parts, axis=0)
    loss, accuracy = laboratory.fit(powers, targets, np.flatnonzero(~held_out), seed)
    probabilities = laboratory.judge(powers, np.flatnonzero(held_out), len(labels))
    seconds = (time.perf_counter() - began) / settings["epochs"]
    report = {"settings": settings, "seed": seed, "epoch_seconds": seconds, "train_clips": int((~held_out).sum())}
    report |= {"train_loss": loss, "train_accuracy": accuracy, "judged": scores(emotion[held_out], probabilities)}
    report |= {"corpus": clips.index.corpus.iloc[0], "index": earlier_fingerprint(clips.index, Config().head)}
    return report | {"parameters": laboratory.network.count_params(), **provenance()}


def recipe(name, assignments=()):
    """Settings of a recipe, with `key=value` changes."""
    changes = {key: json.loads(value) for key, _, value in (text.partition("=") for text in assignments)}
    unknown = sorted((set(changes) | set(RECIPES[name])) - set(BASE))
    if unknown:
        raise SystemExit(f"no such setting: {', '.join(unknown)}")
    return {**BASE, **RECIPES[name], **changes}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("recipes", nargs="+", help=f"some of {', '.join(RECIPES)}")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--name", help="of the JSON file, where --set changes a recipe")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=JSON")
    arguments = parser.parse_args()
    register()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    audio = Audio()
    clips = Clips(read_index(arguments.index), audio.sample_rate)
    powers = mel_powers(clips, audio, arguments.cache)
    for name in arguments.recipes:
        settings = recipe(name, arguments.set)
        name = arguments.name or name
        file = arguments.out / f"{clips.index.corpus.iloc[0]}_{name}_seed{arguments.seed}.json"
        if file.exists():
            continue
        report = run(settings, clips, powers, arguments.seed)
        write_json(file, {"name": name, **report})
        judged = {key: 100 * value for key, value in report["judged"].items()}
        print(
            f"{name}: UAR {judged['uar']:.1f} ± {judged['uar_error']:.1f}, WAR {judged['war']:.1f}, loss "
            f"{judged['loss'] / 100:.3f}, training accuracy {report['train_accuracy']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

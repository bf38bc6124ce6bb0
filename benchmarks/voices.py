"""Which recipe answers best on voices, microphones and languages it has never heard? One corpus left out, in turn.

    python benchmarks/voices.py run recipes.txt --corpora ravdess=DIR emovo=DIR nemo=DIR emospeech=DIR --cache DIR
    python benchmarks/voices.py table

A line of the file of recipes is a name and the settings in which it differs from `BASE`: `rooms room=0.5 seed=1`. Each
recipe trains one network for each corpus on all the others and judges it on that corpus, in two ways: clip by clip, and
with the speaker's own unlabelled recordings as the reference. Nothing of the corpus left out is used for training,
stopping, calibration or thresholds: temperature and threshold come from the other corpora, each when it was left out.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
import voices_mel as mel
from voices_judge import judge, summary
from voices_mel import LABELS, MELS

from emohrnet_tf.hrnet import hrnet
from emohrnet_tf.provenance import provenance

RESULTS = Path(__file__).resolve().parent.parent / "docs/results/voices"
BASE = {
    "architecture": "lite", "bfloat16": False, "frames": 64, "pool": 2, "trim": True, "draws": 30000, "batch": 32, "seed": 0,
    "rate": 3e-3, "decay": 0.02, "smoothing": 0.1, "dropout": 0.1, "average": 0.0, "mixup": 0.0, "merge": False,
    "corpus_power": 0.5, "mix_style": 0.0, "out": "ravdess,emovo,nemo,emospeech",
    "normalize": "mixed", "without": "own", "reference_share": 0.5, "planes": 1, "chunks": 16, "floor": 5.0,
    "spread": 2.0, "tempo": 0.15, "cut": 0.3, "vocal_tract": 0.08, "time_mask": 0.1, "freq_mask": 6,
    "room": 0.15, "room_seconds": 0.8, "room_wet": 0.7, "equalizer": 4.0, "tilt": 0.5, "babble": 0.1, "babble_db": 5.0,
    "noise": 0.25, "noise_db": 5.0, "line": 0.1, "compress": 0.1, "compress_most": 0.3, "gate": 0.05,
}  # fmt: skip


def build(settings):
    """The network: EmoHRNet's body on one or more planes, its logits in float32."""
    planes = keras.Input((settings["frames"], MELS, settings["planes"]))
    x = keras.layers.GlobalAveragePooling2D(name="embedding")(hrnet(planes, settings["architecture"]))
    x = keras.layers.Dropout(settings["dropout"])(x)
    return keras.Model(planes, keras.layers.Dense(len(LABELS), dtype="float32")(x))


class Front:
    """Mel power to what the network sees; `shape` is the usual spectrum of the training corpora."""

    def __init__(self, settings):
        self.s, self.shape = settings, tf.Variable(tf.zeros((1, 1, MELS)))

    def __call__(self, window, reference=None):
        """`(batch, frames, mels, planes)` of mel power; `reference` is None or a spectrum `(batch, 1, mels)`."""
        s = self.s
        if s["normalize"] == "window":
            return mel.standardized(window)[..., None]
        own = mel.spectrum(window)[0]
        if s["without"] == "common":
            own = mel.common(own, self.shape)
        chosen = own if reference is None else reference
        if s["planes"] == 1:
            return mel.relative(window, chosen, s)[..., None]
        return tf.stack([mel.relative(window, own, s), mel.relative(window, chosen, s)], axis=-1)

    def train(self, power):
        """The same of a window and the speech behind it, recorded anew, with the reference for some of the examples."""
        s = self.s
        power = mel.record(power, s)
        window, reference = power[:, : s["frames"]], None
        if s["normalize"] in ("speaker", "mixed"):
            reference = mel.spectrum(power[:, s["frames"] :])[0]
            if s["normalize"] == "mixed":
                own = mel.spectrum(window)[0]
                own = mel.common(own, self.shape) if s["without"] == "common" else own
                known = tf.random.uniform((tf.shape(power)[0], 1, 1)) < s["reference_share"]
                reference = tf.where(known, reference, own)
        x = self(window, reference)
        return tf.stack([mel.masked(plane, s) for plane in tf.unstack(x, axis=-1)], axis=-1)


class FlatAdamW:
    """AdamW on one long vector: a few operations a step where Keras' runs a dozen for each of 250 variables."""

    def __init__(self, variables, decay):
        self.variables, self.sizes = variables, [int(np.prod(v.shape)) for v in variables]
        kernel = np.concatenate([np.full(n, "kernel" in v.path) for v, n in zip(variables, self.sizes)])
        self.decay = (decay * kernel).astype("float32")
        self.rate, self.steps = tf.Variable(0.0), tf.Variable(0.0)
        self.mean, self.square = (tf.Variable(tf.zeros(len(kernel))) for _ in range(2))

    def reset(self):
        for variable in (self.steps, self.mean, self.square):
            variable.assign(tf.zeros_like(variable))

    def apply(self, gradients):
        join = lambda parts: tf.concat([tf.reshape(tf.cast(part, tf.float32), [-1]) for part in parts], 0)  # noqa: E731
        gradient, steps = join(gradients), self.steps.assign_add(1.0)
        mean = self.mean.assign(0.9 * self.mean + 0.1 * gradient) / (1 - 0.9**steps)
        square = self.square.assign(0.999 * self.square + 0.001 * gradient**2) / (1 - 0.999**steps)
        change = self.rate * (mean / (tf.sqrt(square) + 1e-7) + self.decay * join(v.value for v in self.variables))
        for variable, part in zip(self.variables, tf.split(change, self.sizes)):
            variable.value.assign_sub(tf.reshape(part, variable.shape))


class Lab:
    """One recipe: network and training step are traced once and serve every corpus left out."""

    def __init__(self, store, settings):
        self.store, self.s, self.front = store, settings, Front(settings)
        keras.config.set_dtype_policy("mixed_bfloat16" if settings["bfloat16"] else "float32")
        self.network = build(settings)
        self.optimizer = FlatAdamW(self.network.trainable_variables, settings["decay"])
        self.step = tf.function(self.train_step, jit_compile=False)
        self.logits = tf.function(lambda power: self.network(self.front(powers(power)), training=False))
        self.logits_with = tf.function(
            lambda power, reference: self.network(self.front(powers(power), reference), training=False)
        )
        self.spectrum = tf.function(lambda power: mel.spectrum(powers(power))[0], reduce_retracing=True)

    def train_step(self, log_power, target, allowed):
        s = self.s
        x = self.front.train(powers(log_power))
        if s["mix_style"]:
            x = mix_style(x, s["mix_style"])
        if s["mixup"]:
            share = beta(tf.shape(x)[0], s["mixup"])[:, None]
            share = tf.maximum(share, 1 - share)
            x = share[..., None, None] * x + (1 - share[..., None, None]) * tf.roll(x, 1, axis=0)
            target = share * target + (1 - share) * tf.roll(target, 1, axis=0)
            allowed = tf.maximum(allowed, tf.roll(allowed, 1, axis=0))
        with tf.GradientTape() as tape:
            logits = self.network(x, training=True) - 1e4 * (1 - allowed)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
        self.optimizer.apply(tape.gradient(loss, self.network.trainable_variables))
        return loss

    def reset(self, seed):
        keras.utils.set_random_seed(seed)
        for variable, value in zip(self.network.variables, build(self.s).variables, strict=True):
            variable.assign(value)
        self.optimizer.reset()

    def fit(self, rows, seed):
        """Train on the clips `rows`; returns the mean loss of the last tenth."""
        s, index = self.s, self.store.index
        self.reset(seed)
        labels = index["label"].to_numpy(copy=True)
        if s["merge"]:
            labels[labels == 1] = 0
        known = {c: np.eye(len(LABELS))[labels[own.index]].any(axis=0) for c, own in index.iloc[rows].groupby("corpus")}
        allowed = np.stack([known.get(c, np.zeros(len(LABELS), bool)) for c in index["corpus"]]).astype("float32")
        target = (1 - s["smoothing"]) * np.eye(len(LABELS), dtype="float32")[labels]
        target += s["smoothing"] * allowed / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
        speakers = index.iloc[rows].groupby(["corpus", "speaker"]).size().index
        spectra = {speaker: self.reference(speaker) for _, speaker in speakers}
        shape = np.mean([np.mean([spectra[n] for c, n in speakers if c == k], axis=0) for k in known], axis=0)
        self.front.shape.assign((shape - shape.mean())[None])
        draws, steps, losses, mean = mel.Draws(self.store, rows, s, seed), s["draws"] // s["batch"], [], None
        for step in range(steps):
            warm = min(1.0, (step + 1) / (0.05 * steps))
            self.optimizer.rate.assign(s["rate"] * warm * 0.5 * (1 + np.cos(np.pi * step / steps)))
            log_power, clips = draws.batch()
            losses.append(self.step(*map(tf.constant, (log_power, target[clips], allowed[clips]))))
            if s["average"] and step >= (1 - s["average"]) * steps:
                now, count = self.network.get_weights(), step - int((1 - s["average"]) * steps)
                mean = now if mean is None else [m + (n - m) / (count + 1) for m, n in zip(mean, now)]
        if mean is not None:
            self.network.set_weights(mean)
        return float(np.mean(losses[-len(losses) // 10 :]))

    def reference(self, speaker, clips=None):
        """Spectrum `(1, mels)` of all that a speaker's clips hold, or of some of them; no label is read."""
        index = self.store.index
        own = index[index["speaker"] == speaker] if clips is None else index.loc[clips]
        frames = np.concatenate([np.arange(a, a + n) for a, n in zip(own["start"], own["frames"])])
        return self.spectrum(self.store.log_power[frames][None]).numpy()[0]

    def windows(self, rows):
        """`(log power, owners)` of the windows by which clips are judged: half a window apart, the last flush."""
        frames, index, places, owners = self.s["frames"], self.store.index, [], []
        for number, row in enumerate(rows):
            start, length = index.at[row, "start"], index.at[row, "frames"]
            last = max(length - frames, 0)
            for begin in [*range(0, last, frames // 2), last]:
                position = np.arange(begin, begin + frames)
                places.append(np.where(position < length, start + position, -1))
                owners.append(number)
        places = np.array(places)
        return self.store.at(places), np.array(owners)

    def answer(self, rows, references=None):
        """`(logits, owners)` of clips; `references` is None, or a spectrum for each clip `(clips, 1, mels)`."""
        log_power, owners = self.windows(rows)
        parts = []
        for at in range(0, len(owners), 64):
            power = tf.constant(log_power[at : at + 64])
            short = 64 - power.shape[0]
            power = tf.pad(power, [[0, short], [0, 0], [0, 0]])
            if references is None:
                logits = self.logits(power)
            else:
                given = references[owners[at : at + 64]]
                logits = self.logits_with(power, tf.constant(np.concatenate([given, given[:1].repeat(short, axis=0)])))
            parts.append(logits.numpy()[: 64 - short])
        return np.concatenate(parts), owners


def powers(log_power):
    return tf.exp(tf.cast(log_power, tf.float32))


def beta(batch, alpha):
    pair = tf.random.gamma((2, batch), alpha)
    return pair[0] / (pair[0] + pair[1] + 1e-6)


def mix_style(x, share):
    """Freq-MixStyle (arXiv 2206.12513's family): per-band mean and deviation blended with another example's."""
    mean, deviation = tf.reduce_mean(x, 1, keepdims=True), tf.math.reduce_std(x, 1, keepdims=True) + 0.1
    order = tf.random.shuffle(tf.range(tf.shape(x)[0]))
    part = tf.where(tf.random.uniform((tf.shape(x)[0], 1, 1, 1)) < share, beta(tf.shape(x)[0], 0.3)[:, None, None, None], 1.0)
    mixed = lambda a: part * a + (1 - part) * tf.gather(a, order)  # noqa: E731
    return (x - mean) / deviation * mixed(deviation) + mixed(mean)


def run(name, settings, folders, cache, results):
    """One recipe over its corpora left out; a fold that is kept in the cache is not trained again."""
    store, lab, answers, facts = mel.Store(folders, cache / "mel", settings["pool"], settings["trim"]), None, {}, {}
    corpora = store.index["corpus"].to_numpy()
    for out in settings["out"].split(","):
        file = cache / "answers" / f"{name}_{out}.npz"
        rows = np.flatnonzero(corpora == out)
        if not file.exists():
            lab = lab or Lab(store, settings)
            began = time.time()
            loss = lab.fit(np.flatnonzero(corpora != out), settings["seed"])
            seconds = time.time() - began
            kept = dict(zip(("plain", "owners"), lab.answer(rows)))
            if settings["normalize"] in ("speaker", "mixed"):
                spectra = {n: lab.reference(n) for n in store.index["speaker"][rows].unique()}
                kept["speaker"] = lab.answer(rows, np.stack([spectra[n] for n in store.index["speaker"][rows]]))[0]
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, loss=loss, seconds=seconds, shape=lab.front.shape.numpy(), **kept)
            lab.network.save_weights(file.with_suffix(".weights.h5"))
        with np.load(file) as kept:
            answers[out] = {key: kept[key] for key in kept.files}
        facts[out] = {key: round(float(answers[out].pop(key)), 3) for key in ("loss", "seconds")}
    result = judge(answers, store.index, settings)
    result = {"name": name, "settings": settings, "training": facts, **result, **provenance()}
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(summary(result), flush=True)


def read_recipe(line):
    """`(name, settings)` of a line `name key=value ...`."""
    name, *pairs = line.split()
    settings = dict(BASE)
    for key, value in (pair.split("=") for pair in pairs):
        if key not in BASE:
            raise SystemExit(f"Unknown setting: one of {', '.join(BASE)}. Received: {key!r}")
        kind = type(BASE[key])
        settings[key] = value == "True" if kind is bool else kind(value)
    return name, settings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("run", "table"))
    parser.add_argument("recipes", nargs="?", type=Path)
    parser.add_argument("--corpora", nargs="+", default=[], metavar="NAME=DIR")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.command == "table":
        results = [json.loads(file.read_text()) for file in arguments.results.glob("*.json")]
        for result in sorted(results, key=lambda r: r["mean"]["plain"]["four"]["uar"]):
            print(summary(result))
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    while todo := [line for line in arguments.recipes.read_text().splitlines() if line.strip() and line[0] != "#"]:
        todo = [line for line in todo if not (arguments.results / f"{line.split()[0]}.json").exists()]
        if not todo:
            break
        run(*read_recipe(todo[0]), dict(pair.split("=", 1) for pair in arguments.corpora), arguments.cache, arguments.results)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()

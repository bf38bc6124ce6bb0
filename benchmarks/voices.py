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
from voices_network import FlatAdamW, Front, build, mix_style, split
from voices_record import probes
from voices_store import LABELS, QUIET, Draws, Store, mel_power, pitch, pooled

from emohrnet_tf.provenance import provenance

RESULTS = Path(__file__).resolve().parent.parent / "docs/results/voices"
BASE = {
    "architecture": "lite", "bfloat16": False, "frames": 64, "pool": 2, "trim": True, "draws": 32000, "batch": 64,
    "together": 8, "seed": 0, "rate": 4e-3, "decay": 0.02, "smoothing": 0.1, "dropout": 0.1, "average": 0.3,
    "merge": True, "prior": True, "corpus_power": 0.5, "mix_style": 0.0, "out": "ravdess,emovo,nemo,emospeech",
    "normalize": "own", "head": "both", "wide": True, "hidden": 0, "melody": True, "correlations": True, "shrink": 0.0,
    "uneven": False, "ordinary": 0.0, "nothing": 0.0, "pitch_shift": 0.1, "floor": 5.0,
    "spread": 2.0, "tempo": 0.15, "cut": 0.3, "vocal_tract": 0.08, "time_mask": 0.1, "freq_mask": 6,
    "room": 0.15, "room_seconds": 0.8, "room_wet": 0.7, "equalizer": 4.0, "tilt": 0.5, "babble": 0.1, "babble_db": 5.0,
    "noise": 0.25, "noise_db": 5.0, "line": 0.1, "compress": 0.1, "compress_most": 0.3, "gate": 0.05,
}  # fmt: skip


class Lab:
    """One recipe: network and training step are traced once and serve every corpus left out."""

    def __init__(self, store, settings):
        self.store, self.s, self.front = store, settings, Front(settings)
        keras.config.set_dtype_policy("mixed_bfloat16" if settings["bfloat16"] else "float32")
        self.parts = self.network, self.plain, self.other = build(settings)
        self.variables = [v for part in self.parts for v in part.trainable_variables]
        self.optimizer = FlatAdamW(self.variables, settings["decay"])
        self.even = np.array([0 if settings["merge"] and label == "calm" else 1 for label in LABELS], "float32")
        self.even /= self.even.sum()
        self.step = tf.function(self.train_step, jit_compile=False)
        self.embed = tf.function(self.embed_windows)
        self.spectrum = tf.function(lambda log_power: mel.spectrum(split(log_power)[0])[0], reduce_retracing=True)

    def embed_windows(self, log_power, reference=None):
        power, heard = split(log_power)
        x = self.front(power, reference)
        return self.network([x[..., None], self.front.statistics(x, power, heard)], training=False)

    def train_step(self, log_power, target, prior):
        s = self.s
        x, statistics, nothing = self.front.train(*split(log_power))
        if nothing is not None:  # nothing is known of it: every label is as good
            target = tf.where(nothing, tf.ones_like(target) * self.even, target)
            prior = tf.where(nothing, tf.math.log(self.even + 1e-9), prior)
        if s["mix_style"]:
            x = mix_style(x, s["mix_style"])
        with tf.GradientTape() as tape:
            embedding = self.network([x[..., None], statistics], training=True)
            loss = self.loss(self.plain(embedding, training=True), target, prior)
            if s["head"] != "plain":
                away = embedding - self.rest(embedding, target)
                away = tf.concat([embedding, away], axis=1) if s["head"] == "beside" else away
                loss = 0.5 * loss + 0.5 * self.loss(self.other(away, training=True), target, prior)
        self.optimizer.apply(tape.gradient(loss, self.variables, unconnected_gradients="zero"))
        return loss

    def rest(self, embedding, target):
        """Mean embedding of the speaker's other clips in the batch: what a reference may be made of.

        For a share `ordinary` of the speakers it is made of their neutral clips, where they have any.
        """
        s, together = self.s, self.s["together"]
        weights = -tf.math.log(tf.random.uniform((embedding.shape[0] // together, together), 1e-4, 1.0))
        weights = weights if s["uneven"] else tf.ones_like(weights)
        neutral = tf.reshape(tf.cast(tf.argmax(target, axis=1) == 0, tf.float32), weights.shape)
        ordinary = tf.random.uniform((weights.shape[0], 1)) < s["ordinary"]
        weights *= tf.where(ordinary, neutral + 0.02, 1.0)
        others = weights[:, None] * (1 - tf.eye(together))
        others /= tf.reduce_sum(others, axis=2, keepdims=True)
        own = tf.reshape(embedding, (-1, together, embedding.shape[-1]))
        return tf.reshape(tf.matmul(others, own), embedding.shape)

    def loss(self, logits, target, prior):
        """Cross-entropy against how often the clip's corpus has each label: what it lacks is out of the question."""
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits + prior))

    def reset(self, seed):
        keras.utils.set_random_seed(seed)
        for part, new in zip(self.parts, build(self.s)):
            part.set_weights(new.get_weights())
        self.optimizer.reset()

    def fit(self, rows, seed):
        """Train on the clips `rows`; returns the mean loss of the last tenth."""
        s, index = self.s, self.store.index
        self.reset(seed)
        labels = index["label"].to_numpy(copy=True)
        if s["merge"]:
            labels[labels == 1] = 0
        known = {
            c: np.eye(len(LABELS), dtype="float32")[labels[own.index]].mean(axis=0)
            for c, own in index.iloc[rows].groupby("corpus")
        }
        prior = np.stack([known.get(c, np.ones(len(LABELS), "float32")) for c in index["corpus"]])
        allowed = (prior > 0).astype("float32")
        prior = np.log((prior if s["prior"] else allowed) + 1e-9).astype("float32")
        target = (1 - s["smoothing"]) * np.eye(len(LABELS), dtype="float32")[labels]
        target += s["smoothing"] * allowed / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
        speakers = index.iloc[rows].groupby(["corpus", "speaker"]).size().index
        spectra = {speaker: self.reference(speaker) for _, speaker in speakers}
        shape = np.mean([np.mean([spectra[n] for c, n in speakers if c == k], axis=0) for k in known], axis=0)
        self.front.shape.assign((shape - shape.mean())[None])
        draws, steps, losses, mean = Draws(self.store, rows, s, seed), s["draws"] // s["batch"], [], None
        for step in range(steps):
            warm = min(1.0, (step + 1) / (0.05 * steps))
            self.optimizer.rate.assign(s["rate"] * warm * 0.5 * (1 + np.cos(np.pi * step / steps)))
            log_power, clips = draws.batch()
            losses.append(self.step(*map(tf.constant, (log_power, target[clips], prior[clips]))))
            if s["average"] and step >= (1 - s["average"]) * steps:
                now, count = (
                    [w for part in self.parts for w in part.get_weights()],
                    step - int((1 - s["average"]) * steps),
                )
                mean = now if mean is None else [m + (n - m) / (count + 1) for m, n in zip(mean, now)]
        if mean is not None:
            for part in self.parts:
                size = len(part.get_weights())
                part.set_weights(mean[:size])
                mean = mean[size:]
        return float(np.mean(losses[-len(losses) // 10 :]))

    def reference(self, speaker, clips=None):
        """Spectrum `(1, mels)` of all that a speaker's clips hold, or of some of them; no label is read."""
        index = self.store.index
        own = index[index["speaker"] == speaker] if clips is None else index.loc[clips]
        frames = np.concatenate([np.arange(a, a + n) for a, n in zip(own["start"], own["frames"])])
        return self.spectrum(self.store.log_power[frames][None]).numpy()[0]

    def probe(self):
        """What the plain head says of sounds that are no speech: logits `(sounds, labels)`, means over windows."""
        answers = []
        for waveform in probes().values():
            power, heard = mel_power(waveform).numpy(), pitch(waveform).numpy()[:: self.s["pool"]]
            _, power = pooled(np.array([len(power)]), np.log(power + QUIET), self.s["pool"])
            frames = np.concatenate([power, heard], axis=1)[: self.s["frames"]]
            frames = np.pad(frames, [[0, self.s["frames"] - len(frames)], [0, 0]], mode="edge")
            windows = tf.constant(np.repeat(frames[None].astype("float16"), 64, axis=0))
            answers.append(self.plain(self.embed(windows)[:1]).numpy()[0])
        return np.stack(answers)

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
        """Embeddings of the windows of clips, and what both heads say, with the speaker's mean taken off for one.

        `references` is None, or a spectrum for each clip `(clips, 1, mels)`.
        """
        log_power, owners = self.windows(rows)
        parts = []
        for at in range(0, len(owners), 64):
            number = np.minimum(np.arange(at, at + 64), len(owners) - 1)
            given = () if references is None else (tf.constant(references[owners[number]]),)
            parts.append(self.embed(tf.constant(log_power[number]), *given).numpy())
        embedding = np.concatenate(parts)[: len(owners)]
        kept = {"owners": owners, "embedding": embedding.astype("float16"), "plain": self.plain(embedding).numpy()}
        if self.s["head"] != "plain":
            speakers = self.store.index["speaker"].to_numpy()[rows]
            clips = np.stack([np.bincount(owners, column) for column in embedding.T], axis=1)
            clips /= np.bincount(owners)[:, None]
            usual = {name: clips[speakers == name].mean(axis=0) for name in np.unique(speakers)}
            away = embedding - np.stack([usual[name] for name in speakers[owners]])
            away = np.concatenate([embedding, away], axis=1) if self.s["head"] == "beside" else away
            kept["speaker"] = self.other(away.astype("float32")).numpy()
        return kept


def run(name, settings, folders, cache, results):
    """One recipe over its corpora left out; a fold that is kept in the cache is not trained again."""
    store, lab, answers, facts = Store(folders, cache / "mel", settings["pool"], settings["trim"]), None, {}, {}
    corpora = store.index["corpus"].to_numpy()
    for out in settings["out"].split(","):
        file = cache / "answers" / f"{name}_{out}.npz"
        if out == "speakers":  # fold 0 of RAVDESS' published folds, with what else may be shipped
            tested = np.isin(store.index["speaker"], [f"ravdess/Actor_{actor:02d}" for actor in (2, 5, 14, 15, 16)])
            rows, train = np.flatnonzero(tested), np.flatnonzero(~tested & (corpora != "emovo"))
        else:
            rows, train = np.flatnonzero(corpora == out), np.flatnonzero(corpora != out)
        if not file.exists():
            lab = lab if lab else Lab(store, settings)
            began = time.time()
            loss = lab.fit(train, settings["seed"])
            seconds = time.time() - began
            references = None
            if settings["normalize"] == "speaker":
                spectra = {n: lab.reference(n) for n in store.index["speaker"][rows].unique()}
                references = np.stack([spectra[n] for n in store.index["speaker"][rows]])
            kept = lab.answer(rows, references) | {"probe": lab.probe()}
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, loss=loss, seconds=seconds, shape=lab.front.shape.numpy(), **kept)
            for part, of in zip(lab.parts, ("body", "plain", "speaker")):
                part.save_weights(file.with_suffix(f".{of}.weights.h5"))
        with np.load(file) as kept:
            answers[out] = {key: kept[key] for key in kept.files} | {"label": store.index["label"].to_numpy()[rows]}
        facts[out] = {key: round(float(answers[out].pop(key)), 3) for key in ("loss", "seconds")}
    result = judge(answers, settings)
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
        for result in sorted(results, key=lambda r: r["mean"]["plain"]["four"]["uar"] if "mean" in r else 1):
            print(summary(result))
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    while todo := [line for line in arguments.recipes.read_text().splitlines() if line.strip() and line[0] != "#"]:
        todo = [line for line in todo if not (arguments.results / f"{line.split()[0]}.json").exists()]
        if not todo:
            break
        run(
            *read_recipe(todo[0]),
            dict(pair.split("=", 1) for pair in arguments.corpora),
            arguments.cache,
            arguments.results,
        )
        keras.backend.clear_session()


if __name__ == "__main__":
    main()

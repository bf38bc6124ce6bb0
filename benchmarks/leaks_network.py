"""What are figures of 99 % made of? One fixed network, honest and with each leak that published evaluations may have.

    python benchmarks/leaks_network.py emovo.csv --work leaks --json docs/results/leaks_network_emovo.json

As `leaks.py`, with `lite` in place of the support vector machine. THESE ARE MISTAKES, made on purpose to show what each
is worth; nothing here is an option of the package, which refuses such splits. The network, its recipe and the number
of its updates are the same in every row; only what stands on which side differs:

- speakers: clips of the test's speakers train (`random`) against speakers unseen (`speaker`, `loso`);
- epoch: the epoch that is best on the test fold against the one that is best on validation, of the same runs;
- duplicates: folds by rows against folds by content, where files are byte-identical;
- windows: clips cut into windows of one second, folds drawn by windows against by clips; a window is judged;
- copies: four noisy, louder or quieter copies of each clip made, folds drawn by copies against by clips; a copy is
  judged.

WORK keeps a JSON of each fold of each row, and the state of the one that is being trained: stopped anywhere, the same
command goes on there. The JSON is of the folds so far.
"""

import argparse
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from leaks import COPIES, UNSEEN

from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import write_json
from emohrnet_tf.presets import preset
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.measured import with_measured
from emohrnet_tf.training.run import labels_of
from emohrnet_tf.training.trainer import Trainer

WINDOW_FRAMES = 64  # of the row `windows`: 1.024 s
RECIPE = preset("known_speakers").replace(
    {
        "network": {"architecture": "lite"},
        # no pairs of speaker and emotion: the same recipe for speakers that are not known
        "training": {"joint_speakers": False, "train_on_validation": False, "choose": "validation"},
    }
)


class Copied:
    """`pipeline.Clips` and further copies of each: noise 20 to 40 dB under the clip, and another level within 6 dB."""

    def __init__(self, clips, copies=COPIES):
        self.clips, self.sample_rate, times = clips, clips.sample_rate, copies + 1
        self.index = pd.concat([clips.index] * times, ignore_index=True)
        self.lengths = np.tile(clips.lengths, times)

    def graph_reader(self):
        read, count = self.clips.graph_reader(), len(self.clips.index)

        def copied(number):
            waveform, place = read(number % count), tf.stack([tf.cast(number, tf.int64), 0])
            below, gain = tf.unstack(tf.random.stateless_uniform([2], place))
            noise = tf.random.stateless_normal(tf.shape(waveform), place + [0, 1])
            noise *= tf.math.reduce_std(waveform) * 10.0 ** (-(20.0 + 20.0 * below) / 20.0)
            copy = (waveform + noise) * 10.0 ** ((12.0 * gain - 6.0) / 20.0)
            return tf.where(number < count, waveform, copy)

        return copied

    def waveform(self, number):
        return self.graph_reader()(tf.constant(number, tf.int64)).numpy()


def windowed(clips):
    """The windows of all clips, at half-window hops, as `pipeline.Clips` of sections."""
    size, rows = WINDOW_FRAMES * RECIPE.audio.hop, []
    for row, length in enumerate(clips.lengths):
        begin = float(clips.index.start.iloc[row]) if "start" in clips.index else 0.0
        for start in range(0, max(int(length) - size, 0) + 1, size // 2):
            section = {"start": begin + start / clips.sample_rate}
            section["end"] = begin + min(start + size, int(length)) / clips.sample_rate
            rows.append({**clips.index.iloc[row].to_dict(), **section})
    return Clips(pd.DataFrame(rows), clips.sample_rate)


def rows_of(clips):
    """`(row, leaking, clips, frames, protocol, index)` of each training, `index` with the groups that it goes by."""
    index, corpus = clips.index, clips.index.corpus.iloc[0]
    frames, apart = RECIPE.audio.frames, functools.cache(lambda make: make(clips))
    yield "speakers", False, lambda: clips, frames, UNSEEN[corpus], lambda kept: kept.index
    yield "speakers", True, lambda: clips, frames, "random", lambda kept: kept.index
    by_rows = lambda kept: kept.index.assign(group=np.arange(len(kept.index)))  # noqa: E731
    if index.group.duplicated().any():  # without leak it is the row above
        yield "duplicates", True, lambda: clips, frames, "random", by_rows
    for name, make, sides in (("windows", windowed, WINDOW_FRAMES), ("copies", Copied, frames)):
        yield name, False, functools.partial(apart, make), sides, "random", lambda kept: kept.index
        yield name, True, functools.partial(apart, make), sides, "random", by_rows


def train_fold(trainer, clips, parts, updates, folder):
    """UAR and WAR of the epoch that is best on validation, and of the one that is best on the test."""
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    config = with_measured(trainer.config, clips, rows["train"])
    epochs = max(1, round(updates / (len(rows["train"]) // config.training.batch_size)))
    every = max(1, epochs // 40)
    config = config.replace({"training": {"epochs": epochs, "evaluate_every": every}})
    folder.mkdir(parents=True, exist_ok=True)
    state = trainer.fit(clips, rows, config, folder, seed=0, verbose=0)
    report = trainer.measure(state, trainer.choices(state)["validation"])[0]
    best = state.facts["best_on_test"]["report"]
    shutil.rmtree(folder)
    scores = lambda of: {name: of[name] for name in ("uar", "war")}  # noqa: E731
    return {**scores(report), "best_on_test": scores(best), "epochs": epochs, "clips": len(parts)}


def measured(runs, corpus, same):
    """The rows of the page, from the runs of `(row, leaking, protocol)`."""
    found = {(row, leaking): folds for (row, leaking, _), folds in runs.items()}
    if ("duplicates", True) in found and ("speakers", True) in found:
        found["duplicates", False] = found["speakers", True]
    rows = list(found.items())
    for (row, _, protocol), folds in runs.items():
        if row == "speakers":
            rows.append(((f"epoch, {protocol}", False), folds))
            rows.append(((f"epoch, {protocol}", True), [fold["best_on_test"] for fold in folds]))
    return [
        {"corpus": corpus, "leak": leak, "leaking": leaking, "runs": folds, "same": same}
        for (leak, leaking), folds in rows
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", help="index of RAVDESS or EMOVO")
    parser.add_argument("--work", type=Path, required=True, help="folder of the folds that are done")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    parser.add_argument("--epochs", type=int, default=40, help="over whole clips; every row has as many updates")
    parser.add_argument("--rows", help="some of speakers, duplicates, windows, copies, with commas")
    parser.add_argument("--only", help="some folds alone: numbers with commas")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    clips = Clips(read_index(arguments.index), RECIPE.audio.sample_rate)
    corpus, labels = clips.index.corpus.iloc[0], labels_of(clips.index, RECIPE.head)
    trainers = functools.cache(lambda frames: Trainer(RECIPE.replace({"audio": {"frames": frames}}), labels))
    train = (split(clips.index, "random") == "train").sum()
    updates, runs = arguments.epochs * (int(train) // RECIPE.training.batch_size), {}
    recipe = {"network": "lite", "updates": updates, "config": RECIPE.to_dict()}
    for row, leaking, make, frames, protocol, index_of in rows_of(clips):
        if arguments.rows and row not in arguments.rows.split(","):
            continue
        for fold in range(fold_count(clips.index, protocol)):
            name = f"{corpus}_{row}_{'leaking' if leaking else 'honest'}_{fold}"
            file = arguments.work / f"{name}.json"
            if not file.exists():
                if arguments.only and str(fold) not in arguments.only.split(","):
                    continue
                kept = make()
                parts = split(index_of(kept), protocol, fold)
                scores = train_fold(trainers(frames), kept, parts, updates, arguments.work / name)
                write_json(file, {**recipe, "scores": scores, **provenance()})
            done = json.loads(file.read_text())
            if done["updates"] != updates:
                raise InputError(f"{file} is of other epochs: give another --work. Received: {done['updates']} updates")
            runs.setdefault((row, leaking, protocol), []).append(done["scores"])
            print(name, {key: round(100 * done["scores"][key], 1) for key in ("uar", "war")}, flush=True)
        same = int(clips.index.group.duplicated().sum())
        write_json(arguments.json, {**recipe, "rows": measured(runs, corpus, same), **provenance()})


if __name__ == "__main__":
    main()

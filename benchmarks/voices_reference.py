"""How much of a speaker's other recordings makes a reference, and may they be of one emotion?

    python benchmarks/voices_reference.py NAME --corpora ravdess=DIR ... --cache DIR --json FILE

Reads the embeddings that `voices.py` kept of a recipe's corpora left out. UAR on the four labels, answers restricted to
those the corpus has; a clip is never in its own reference, but for the rows `all` and `corpus`. Rows of one emotion use
the labels to choose the reference: they say what a reference of such speech does, and are no protocol.
"""

import argparse
import json
from pathlib import Path

import h5py
import numpy as np
from voices_judge import FOUR, GROUPS, grouped, uar
from voices_store import HOP, Store

from emohrnet_tf.evaluation.calibration import clip_probabilities

SECONDS, DRAWS = (3, 10, 30, 60), 3


def head(file):
    """Kernel and bias of a head."""
    arrays = []
    with h5py.File(file) as weights:
        weights.visititems(lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return next(a for a in arrays if a.ndim == 2), next(a for a in arrays if a.ndim == 1 and len(a) == 8)


def references(clips, seconds, candidates, longest, random):
    """For each clip the mean embedding of others, `longest` seconds together; its own where there are none."""
    rows = []
    for number, own in enumerate(candidates):
        own = random.permutation(own[own != number])
        count = np.searchsorted(np.cumsum(seconds[own]), longest) + 1
        rows.append(clips[own[:count]].mean(axis=0) if len(own) else clips[number])
    return np.stack(rows)


def measure(kept, weights, index, pool):
    """UAR by kind of reference, for one corpus."""
    true, speakers = np.maximum(index["label"].to_numpy() - 1, 0), index["speaker"].to_numpy()
    seconds, owners = index["frames"].to_numpy() * pool * HOP / 16000, kept["owners"]
    windows = kept["embedding"].astype("float32")
    clips = np.stack([np.bincount(owners, column) for column in windows.T], axis=1) / np.bincount(owners)[:, None]
    names, random = np.unique(true[true < FOUR]), np.random.default_rng(0)

    def score(logits):
        answers = names[clip_probabilities(grouped(logits, True), owners)[:, names].argmax(axis=1)]
        return 100 * uar(true[true < FOUR], answers[true < FOUR])

    away = lambda reference: score((windows - reference[owners]) @ weights[0] + weights[1])  # noqa: E731
    same = [np.flatnonzero(speakers == name) for name in speakers]
    rows = {"none": score(kept["plain"]), "corpus": away(np.repeat(clips.mean(axis=0)[None], len(clips), axis=0))}
    for longest in SECONDS:
        drawn = [away(references(clips, seconds, same, longest, random)) for _ in range(DRAWS)]
        rows[f"{longest} s"] = float(np.mean(drawn))
    rows["all"] = away(np.stack([clips[own].mean(axis=0) for own in same]))
    for emotion in range(FOUR):
        only = [own[true[own] == emotion] if (true[own] == emotion).sum() > 1 else own for own in same]
        rows[f"10 s of {GROUPS[emotion]}"] = away(references(clips, seconds, only, 10, random))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--corpora", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folders = dict(pair.split("=", 1) for pair in arguments.corpora)
    index, table = Store(folders, arguments.cache / "mel", arguments.pool).index, {}
    for corpus in folders:
        file = arguments.cache / "answers" / f"{arguments.name}_{corpus}.npz"
        with np.load(file) as kept:
            weights = head(file.with_suffix(".speaker.weights.h5"))
            table[corpus] = measure(dict(kept), weights, index[index["corpus"] == corpus], arguments.pool)
    table["mean"] = {row: float(np.mean([column[row] for column in table.values()])) for row in table[corpus]}
    for row in table[corpus]:
        print(f"{row:18s}", *(f"{column[row]:6.1f}" for column in table.values()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"recipe": arguments.name, "uar": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()

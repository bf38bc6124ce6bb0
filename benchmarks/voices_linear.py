"""How are the last layers of `voices` to be learnt? Recipes of seconds each, on functionals that are computed once.

    python benchmarks/voices_linear.py ravdess.csv emovo.csv nemo.csv emospeech.csv --cache functionals.npz

As `voices.py`: each corpus left out in turn, clip by clip and with the speaker's own recordings. But the clips are as
they were recorded, and there is nothing before the last layers but the pretrained model's front end, whose usual
spectrum of speech is that of three of the corpora. So figures are not the product's (docs/unheard.md); differences
between rows say which recipe is worth a training. Every recipe of RECIPES, in docs/results/voices_linear.json.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
import pandas as pd
from unheard import Answers
from voices_judge import GROUPS, judge

from emohrnet_tf.corpora import merge_labels, read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.targets import label_sets
from emohrnet_tf.files import write_json
from emohrnet_tf.model.relative import MELODIC
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.provenance import provenance

OUT = Path(__file__).resolve().parent.parent / "docs/results/voices_linear.json"
BASE = {
    "layers": "one",
    "steps": 900,
    "rate": 4e-3,
    "decay": 0.02,
    "together": 8,
    "power": 0.5,
    "seed": 0,
    "nothing": 0.5,
    "melody": 1.0,
    "others": 1.0,
}
VOICES, DROPOUT, SMOOTHING, MOST, AVERAGED = 8, 0.1, 0.1, 4.0, 0.3
CORPUS = {"layers": "corpus"}
DECAY1 = {"layers": "corpus", "steps": 2000, "rate": 6e-3, "decay": 1.0}
LONG = {"layers": "corpus", "steps": 2000, "rate": 6e-3}
RECIPES = {
    "one": {},
    "one_seed1": {"seed": 1},
    "one_long": {"steps": 2000, "rate": 6e-3},
    "one_long_decay": {"steps": 2000, "rate": 6e-3, "decay": 0.3},
    "corpus": CORPUS,
    "corpus_seed1": {**CORPUS, "seed": 1},
    "corpus_together16": {**CORPUS, "together": 16},
    "corpus_even": {**CORPUS, "power": 0.0},
    "corpus_by_size": {**CORPUS, "power": 1.0},
    "corpus_long": LONG,
    "corpus_long_decay": {**LONG, "decay": 0.3},
    "corpus_long_decay_seed1": {**LONG, "decay": 0.3, "seed": 1},
    "corpus_long_decay1": {**LONG, "decay": 1.0},
    "corpus_long_decay5": {**LONG, "decay": 5.0},
    "corpus_nothing0": {**LONG, "decay": 0.3, "nothing": 0.0},
    "corpus_nothing2": {**LONG, "decay": 0.3, "nothing": 2.0},
    "halves": {**LONG, "layers": "half", "decay": 0.3},
    **{f"melody{by}": {**DECAY1, "melody": by} for by in (0.5, 2.0, 4.0, 6.0, 10.0, 20.0, 40.0)},
    "melody10_seed1": {**DECAY1, "melody": 10.0, "seed": 1},
    "melody10_decay3": {**DECAY1, "melody": 10.0, "decay": 3.0},
    "melody10_no_decay": {**DECAY1, "melody": 10.0, "decay": 0.0},
    "melody10_halves": {**DECAY1, "melody": 10.0, "layers": "half"},
    "all2": {**DECAY1, "melody": 2.0, "others": 2.0},
}


class Embedded:
    """Functionals of every window of the corpora, before they are standardised, and whose they are."""

    def __init__(self, indexes, cache):
        index = merge_labels(pd.concat([read_index(file) for file in indexes], ignore_index=True), "calm=neutral")
        if not cache.exists():
            model = load_model("voices")
            answers = Answers(model, Clips(index, model.audio.sample_rate))
            parts = [answers.windows[i : i + 256] for i in range(0, len(answers.windows), 256)]
            values = np.concatenate([model.front_end(part)["functionals"].numpy() for part in parts])
            np.savez(cache, values=values, owners=answers.owners)
        with np.load(cache) as kept:
            self.values, self.owners = kept["values"], kept["owners"]
        self.index, self.label = index, index.emotion.map(GROUPS.index).to_numpy()
        self.corpus = index.corpus.to_numpy()
        self.speaker = pd.factorize(index.corpus + "/" + index.speaker.astype(str))[0]
        self.first, self.count = np.searchsorted(self.owners, np.arange(len(index))), np.bincount(self.owners)

    def standardized(self, train, melody=1.0, others=1.0):
        """As `relative.Standardized`: by the training clips, and by how much a window stands on."""
        scale = np.full(self.values.shape[1] - 1, others)
        scale[-MELODIC:] = melody
        known = np.isin(self.owners, train)
        mean, deviation = self.values[known, :-1].mean(axis=0), self.values[known, :-1].std(axis=0)
        return np.clip((self.values[:, :-1] - mean) / (deviation + 0.03), -MOST, MOST) * self.values[:, -1:] * scale


def groups_of(data, train, layers):
    """Number of the layer of each clip, and which labels each layer has, `(layers, labels)`."""
    if layers == "one":
        return np.zeros(len(data.label), int), np.ones((1, len(GROUPS)))
    names = data.corpus + (np.char.mod("%d", data.speaker % 2) if layers == "half" else "")
    order = sorted(set(names[train]))
    has = np.array([np.isin(np.arange(len(GROUPS)), data.label[train][names[train] == name]) for name in order])
    return np.array([order.index(name) if name in order else -1 for name in names]), has.astype(float)


def learn(data, x, train, s):
    """Two last layers, for windows and for their differences from the voice: `[(kernel, bias), ...]`."""
    random, (group, has) = np.random.default_rng(s["seed"]), groups_of(data, train, s["layers"])
    corpora = sorted(set(data.corpus[train]))
    sets = dict(label_sets(data.index.iloc[train], GROUPS, every=True))
    share = np.array([(data.corpus == name).sum() ** s["power"] for name in corpora])
    voices = {
        c: [np.flatnonzero(data.speaker == v) for v in np.unique(data.speaker[data.corpus == c])] for c in corpora
    }
    width, shape = x.shape[1], (len(has), len(GROUPS))
    weights = [np.zeros((width + 1, *shape)) for _ in range(2)]  # the last row is the bias
    moments, kept = [(np.zeros_like(w), np.zeros_like(w)) for w in weights], [np.zeros_like(w) for w in weights]
    for step in range(s["steps"]):
        rate = s["rate"] * min(1, (step + 1) / (0.05 * s["steps"])) * 0.5 * (1 + np.cos(np.pi * step / s["steps"]))
        rows = []
        for corpus in random.choice(corpora, VOICES, p=share / share.sum()):
            own = voices[corpus][random.integers(len(voices[corpus]))]
            rows.append(random.choice(own, s["together"], replace=len(own) < s["together"]))
        rows = np.concatenate(rows)
        windows = x[data.first[rows] + (random.random(len(rows)) * data.count[rows]).astype(int)]
        own = windows.reshape(VOICES, s["together"], width)
        away = own - (own.sum(axis=1, keepdims=True) - own) / (s["together"] - 1)
        allowed = np.array([sets[corpus] for corpus in data.corpus[rows]], float)
        target = np.eye(len(GROUPS))[data.label[rows]] * (1 - SMOOTHING)
        target += SMOOTHING * allowed / allowed.sum(axis=1, keepdims=True)
        for way, seen in enumerate((windows, away.reshape(-1, width))):
            seen = np.column_stack([seen * (random.random(seen.shape) > DROPOUT) / (1 - DROPOUT), np.ones(len(rows))])
            logits = np.einsum("bw,wbc->bc", seen, weights[way][:, group[rows]])
            p = np.exp(logits - logits.max(axis=1, keepdims=True)) * allowed
            slope = (p / p.sum(axis=1, keepdims=True) - target) / len(rows) / 2
            gradient = np.zeros_like(weights[way])
            for layer in range(len(has)):
                gradient[:, layer] = seen[group[rows] == layer].T @ slope[group[rows] == layer]
            first, second = moments[way]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            weights[way][:-1] *= 1 - rate * s["decay"]
            change = first / (1 - 0.9 ** (step + 1)) / (np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-7)
            weights[way] -= rate * change
            kept[way] += weights[way] * (step >= (1 - AVERAGED) * s["steps"])
    return [mean_of(w / np.ceil(AVERAGED * s["steps"]), has, s["nothing"]) for w in kept]


def mean_of(weights, has, nothing):
    """As `heads.MeanOverCorpora`, where `nothing` is 0.5: one layer of several."""
    weights = weights * has
    weights = (weights - weights.sum(axis=2, keepdims=True) / has.sum(axis=1)[None, :, None]) * has
    weights = weights.sum(axis=1) / ((has.sum(axis=0) + nothing) / (1 + nothing / len(has)))
    return weights[:-1], weights[-1]


def answered(data, settings):
    """The answers of `voices_judge.judge`, of each corpus left out."""
    answers = {}
    for out in sorted(set(data.corpus)):
        test = np.flatnonzero(data.corpus == out)
        x = data.standardized(np.flatnonzero(data.corpus != out), settings["melody"], settings["others"])
        layers = learn(data, x, np.flatnonzero(data.corpus != out), settings)
        known = np.isin(data.owners, test)
        x, owners = x[known], np.searchsorted(test, data.owners[known])
        usual = np.stack([np.bincount(owners, column) for column in x.T], axis=1) / np.bincount(owners)[:, None]
        usual = pd.DataFrame(usual).groupby(data.speaker[test]).transform("mean").to_numpy()[owners]
        answers[out] = {"label": data.label[test] + (data.label[test] > 0), "owners": owners}
        for way, seen, (kernel, bias) in zip(("plain", "speaker"), (x, x - usual), layers):
            logits = seen @ kernel + bias
            answers[out][way] = np.insert(logits, 1, -30.0, axis=1)  # calm is no label of its own
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("indexes", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    data, recipes = Embedded(arguments.indexes, arguments.cache), []
    for name, changes in RECIPES.items():
        result = judge(answered(data, {**BASE, **changes}), {"merge": True})
        corpora = {
            corpus: {way: {"four": {"uar": row["four"]["uar"]}} for way, row in rows.items()}
            for corpus, rows in result["corpora"].items()
        }
        recipes.append({"name": name, "settings": {**BASE, **changes}, "mean": result["mean"], "corpora": corpora})
        four = [result["mean"][way]["four"] for way in ("plain", "speaker")]
        print(name, *(f"{100 * row['uar']:.1f} (ECE {row['ece']:.2f})" for row in four), flush=True)
    write_json(OUT, {"base": BASE, "recipes": recipes, **provenance()})


if __name__ == "__main__":
    main()

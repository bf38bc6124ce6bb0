"""Does the sphere help? Each part of EmoSphere's head switched on alone and together, on unseen speakers.

    python benchmarks/sphere.py WORK --out docs/results/sphere.json
    python benchmarks/sphere.py WORK --ravdess ravdess.csv --out docs/results/sphere_ravdess.json

The first on the synthetic corpus, whose valence, arousal and dominance are known: CCC on the test speakers, beside a
ridge regression on five utterance statistics and the ceiling, a ridge regression on the very cues that the voices were
made from. The second asks whether weak labels of valence, arousal and dominance, one point for each emotion, help to
tell RAVDESS' emotions apart. Nothing is chosen on the test: every run is about its last epoch. WORK holds the runs;
stopped anywhere, the same command goes on, with WORK gone too: runs that stand in the JSON are not repeated.
"""

import argparse
import functools
import itertools
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.config import Config
from emohrnet_tf.corpora import read_corpus, read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split
from emohrnet_tf.demo.voices import EMOTIONS, PROSODY, make_corpus
from emohrnet_tf.evaluation.baselines import utterance_statistics
from emohrnet_tf.files import write_json
from emohrnet_tf.model.sphere import DIMENSIONS, concordance
from emohrnet_tf.presets import preset
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.run import labels_of, ordered, train
from emohrnet_tf.training.trainer import Trainer

EPOCHS = {1.0: 24, 0.25: 32}  # by share of the training speakers: fewer clips, more epochs
SETTINGS = {
    "audio": {"frames": 192},
    "network": {"architecture": "lite"},
    "training": {
        **{"batch_size": 32, "learning_rate": 2e-3, "schedule": "cosine", "warmup_epochs": 2, "choose": "last"},
        "evaluate_every": 1000,
    },
    "augmentation": {
        **{"filled_share": 0.1, "freq_masks": 1, "freq_mask_bins": 4, "time_masks": 1, "time_mask_share": 0.05},
    },
}
HEADS = {
    "regression": {"kind": "vad", "pooling": "mean", "weighting": "none"},
    "+ regions": {"kind": "vad", "pooling": "mean", "weighting": "constant"},
    "+ regions, dynamic weighting": {"kind": "vad", "pooling": "mean", "weighting": "dynamic"},
    "+ style pooling": {"kind": "vad", "pooling": "style", "weighting": "none"},
    "all": {"kind": "vad", "pooling": "style", "weighting": "dynamic"},
    "all, frequency as one band": {"kind": "vad", "pooling": "style", "weighting": "dynamic", "bands": 1},
    "all, and emotions (joint)": {"kind": "joint", "pooling": "style", "weighting": "dynamic"},
}

# Valence, arousal, dominance of emotion terms: Russell & Mehrabian 1977 (doi 10.1016/0092-6566(77)90037-X). Neutral is
# the origin; calm has no published point that its readers agree on, and stays without.
POINTS = {
    "neutral":   (+0.00, +0.00, +0.00),
    "happiness": (+0.81, +0.51, +0.46),
    "sadness":   (-0.63, -0.27, -0.33),
    "anger":     (-0.51, +0.59, +0.25),
    "fear":      (-0.64, +0.60, -0.43),
    "disgust":   (-0.60, +0.35, +0.11),
    "surprise":  (+0.40, +0.67, -0.13),
}  # fmt: skip
RAVDESS_EPOCHS = 30
LIGHT = {  # what so few epochs can learn from
    **{"tempo_spread": 0.1, "vocal_tract_spread": 0.06, "noise_share": 0.1},
    **{"freq_mask_bins": 8, "time_mask_share": 0.1},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ravdess", type=Path)
    arguments = parser.parse_args()
    (ravdess if arguments.ravdess else synthetic)(arguments)


def synthetic(arguments):
    make_corpus(arguments.work / "corpus")
    index, _ = read_corpus("table", arguments.work / "corpus" / "synthetic.csv", vad_scale="-1..1")
    index["corpus"] = "synthetic"
    parts = split(index, "speaker")
    asked = {"corpus": "synthetic", "protocol": "speaker, fold 0", "settings": SETTINGS, "heads": HEADS}
    asked |= {"epochs": {str(share): epochs for share, epochs in EPOCHS.items()}}
    rows = done_before(arguments.out, asked)
    asked |= {"baselines": [row for share in EPOCHS for row in _baselines(_reduced(index, parts, share), share)]}
    trainers, clips = functools.cache(_trainer), functools.cache(lambda share: Clips(_reduced(index, parts, share)))
    for seed, share, name in itertools.product(range(arguments.seeds), EPOCHS, HEADS):
        if any((row["seed"], row["share"], row["head"]) == (seed, share, name) for row in rows):
            continue
        folder = arguments.work / f"{share}_{name.replace(' ', '_').replace(',', '')}_seed{seed}"
        shared = {"clips": clips(share), "trainer": trainers(name)}
        config = _config(HEADS[name], EPOCHS[share])
        report = train(clips(share).index, config, folder, "given", seed=seed, verbose=0, **shared)
        result = report["results"]["last"]
        rows.append({"head": name, "share": share, "seed": seed, "clips": report["clips"], "uar": result.get("uar")})
        rows[-1] |= {row["dimension"]: row["ccc"] for row in result["vad"]["dimensions"]} | {"mean": result["ccc"]}
        finish(arguments.out, asked, rows)


def ravdess(arguments):
    index = read_index(arguments.ravdess)
    points = np.array([POINTS.get(emotion, (np.nan,) * 3) for emotion in index.emotion])
    index = index.assign(**dict(zip(DIMENSIONS, points.T)), vad_scale="-1..1")
    tuned = preset("tuned").replace({"network": {"architecture": "lite"}, "training": {"epochs": RAVDESS_EPOCHS}})
    tuned = tuned.replace({"training": {"learning_rate": 2e-3, "evaluate_every": 1000}, "augmentation": LIGHT})
    heads = {"emotions alone": {"kind": "categorical"}, "emotions and weak dimensions": {"kind": "joint"}}
    asked = {"corpus": "ravdess", "protocol": "speaker, fold 0", "config": tuned.to_dict(), "heads": heads}
    asked |= {"points": POINTS}
    rows, clips = done_before(arguments.out, asked), Clips(index)
    trainers = functools.cache(lambda name: Trainer(tuned.replace({"head": heads[name]}), labels_of(index, tuned.head)))
    for seed, name in itertools.product(range(arguments.seeds), heads):
        if any((row["seed"], row["head"]) == (seed, name) for row in rows):
            continue
        folder = arguments.work / f"ravdess_{heads[name]['kind']}_seed{seed}"
        config = tuned.replace({"head": heads[name]})
        report = train(index, config, folder, seed=seed, verbose=0, clips=clips, trainer=trainers(name))
        result = report["results"]["last"]
        rows.append({"head": name, "seed": seed, "uar": result["uar"], "war": result["war"]})
        rows[-1]["validation_uar"] = report["validation"]["val_uar"]
        finish(arguments.out, asked, rows)


def done_before(out, asked):
    """The runs that a file of the same settings holds: none is repeated, on whatever machine it was made."""
    if not out.exists():
        return []
    there, asked = json.loads(out.read_text()), json.loads(json.dumps(asked))
    there["heads"] = asked["heads"] | there["heads"]  # one that came later is still to be run
    if any(there.get(key) != asked[key] for key in asked):
        raise SystemExit(f"{out} is of other settings: give another --out, or delete it.")
    return there["runs"]


def finish(out, asked, rows):
    """Write the file anew, with the last run in it."""
    made_by = provenance()
    rows[-1] |= {"commit": made_by["commit"], "machine": made_by["machine"]}
    write_json(out, asked | {"runs": rows, **made_by})
    print(json.dumps(rows[-1]), flush=True)


def _reduced(index, parts, share):
    """The index with its split as a column, and of the training speakers the first `share`."""
    divided = index.assign(split=parts)
    speakers = sorted(divided.speaker[divided.split == "train"].unique())
    left_out = set(speakers[round(share * len(speakers)) :])
    return divided[~divided.speaker.isin(left_out)].reset_index(drop=True)


def _config(head, epochs):
    return Config().replace(SETTINGS).replace({"head": head, "training": {"epochs": epochs}})


def _trainer(name):
    config = _config(HEADS[name], 1)  # epochs are those of each run
    return Trainer(config, ordered(EMOTIONS) if config.head.emotions else [])


def _baselines(divided, share):
    """Ridge regression on five utterance statistics, and on the cues that the voices were made from."""
    part = {name: divided[divided.split == name] for name in ("train", "test")}
    statistics = lambda rows: np.stack([utterance_statistics(load_audio(file), 16000) for file in rows.file])  # noqa: E731
    rows = []
    for name, features in (("ridge on five statistics", statistics), ("ceiling: ridge on the cues", _cues)):
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
        model.fit(features(part["train"]), part["train"][list(DIMENSIONS)])
        ccc = concordance(part["test"][list(DIMENSIONS)], model.predict(features(part["test"])))
        rows.append({"head": name, "share": share, **dict(zip(DIMENSIONS, ccc.tolist())), "mean": float(ccc.mean())})
    return rows


def _cues(rows):
    return rows[list(PROSODY)]


if __name__ == "__main__":
    main()

"""The folds of a crossval once more, each clip heard relative to its speaker's other, unlabelled recordings.

    emohrnet crossval ravdess.csv --protocol speaker --preset tuned --keep-models --out RUN \\
        --set network.reference=true --set audio.normalize=level --set training.speaker_clips=4
    python benchmarks/own_speech.py RUN ravdess.csv --out docs/results/own_speech/ravdess_speaker.json

Both figures are of the same models on the same test clips. A fold's temperature is that of its run, from validation
clips that were heard without a reference.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np

from emohrnet_tf.corpora import merge_labels, read_index
from emohrnet_tf.evaluation.on_index import evaluate
from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance

MEASURES = ("uar", "war", "ece")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("index")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    summary = json.loads((arguments.run / "report.json").read_text())
    index = merge_labels(read_index(arguments.index), summary["config"]["data"]["merge"])
    folds = []
    for file in sorted(arguments.run.glob("fold*_seed*.json")):
        fold, found = json.loads(file.read_text()), {}
        for way, own in (("plain", False), ("own speech", True)):
            report = evaluate(file.with_suffix(""), index, own_speech=own)
            if report["clips"] != fold["clips"]["test"]:
                raise SystemExit(
                    f"{file}: {report['clips']} clips measured, {fold['clips']['test']} are the fold's test"
                )
            found[way] = {name: report[name] for name in MEASURES}
        folds.append({"fold": fold["fold"], "seed": fold["seed"], "clips": report["clips"], **found})
        print(folds[-1], flush=True)
    mean = {way: {name: float(np.mean([fold[way][name] for fold in folds])) for name in MEASURES} for way in found}
    deviation = {way: float(np.std([fold[way]["uar"] for fold in folds])) for way in found}
    facts = {
        name: summary[name] for name in ("config", "preset", "parameters", "protocol", "corpus", "commit", "index")
    }
    write_json(arguments.out, {**facts, "folds": folds, "mean": mean, "deviation": deviation, **provenance()})


if __name__ == "__main__":
    main()

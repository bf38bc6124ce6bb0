"""What does it buy to start from the pretrained model, rather than from scratch?

    python benchmarks/finetuning.py --json benchmarks/finetuning.json [--index INDEX.csv] [--clips 50,200]

Trains the preset `tuned` on 50, 200 and 1000 clips, from scratch and from `ravdess`, alike in everything else, and
measures both on the same unseen speakers. Smaller sets lie within larger ones. Without --index, on made-up voices
whose eight emotions are joined into four with names that the model has never heard, so that its last layer starts from
chance.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command does

import numpy as np

from emohrnet_tf.corpora import read_corpus, read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.demo.voices import make_corpus
from emohrnet_tf.files import write_json
from emohrnet_tf.presets import preset
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.run import train

JOINED = {
    **{"neutral": "at ease", "calm": "at ease", "happiness": "delighted", "surprise": "delighted"},
    **{"sadness": "downcast", "disgust": "downcast", "anger": "alarmed", "fear": "alarmed"},
}
BUDGETS = {50: (60, 16), 200: (30, 16), 1000: (12, 32)}  # clips: epochs, batch; some hundred steps each


def synthetic(folder):
    make_corpus(folder, speakers=36, clips_per_emotion=6)
    index, _ = read_corpus("ravdess", folder)
    return index.assign(corpus="synthetic", emotion=index.emotion.map(JOINED))


def divided(index, seed):
    """The index with a column `split`: a quarter of the speakers tests, one in twelve validates."""
    speakers = np.random.default_rng(seed).permutation(sorted(index.speaker.unique()))
    test, validation = -(-len(speakers) // 4), -(-len(speakers) // 12)
    parts = ["test"] * test + ["validation"] * validation + ["train"] * (len(speakers) - test - validation)
    return index.assign(split=index.speaker.map(dict(zip(speakers, parts))))


def some(index, clips, seed):
    """The index with so many clips of its train part, the emotions about equally often."""
    pool = index[index.split == "train"].sample(frac=1, random_state=seed)
    turn = pool.groupby("emotion").cumcount()
    kept = pool.assign(turn=turn).sort_values("turn", kind="stable").index[:clips]
    return index[(index.split != "train") | index.index.isin(kept)].reset_index(drop=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", help="index of a real corpus with speakers; else made-up voices")
    parser.add_argument("--clips", default=",".join(map(str, BUDGETS)), help="which of 50, 200, 1000")
    parser.add_argument("--epochs", type=int, help="of every run, in place of the budgets: to try the script")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        index = read_index(options.index) if options.index else synthetic(Path(folder) / "corpus")
        index = divided(index, options.seed)
        for clips in map(int, options.clips.split(",")):
            epochs, batch_size = BUDGETS[clips]
            chosen = some(index, clips, options.seed)
            if (chosen.split == "train").sum() < clips:
                parser.error(f"the corpus has fewer than {clips} clips to train on")
            shared = Clips(chosen)
            for start in (None, "ravdess"):
                settings = {"epochs": options.epochs or epochs, "batch_size": batch_size, "learning_rate": 1e-3}
                settings |= {"initial": start, "evaluate_every": 1000}
                config = preset("tuned").replace({"training": settings})
                out = Path(folder) / f"{clips} {start}"
                report = train(chosen, config, out, "given", seed=options.seed, verbose=0, clips=shared)
                result = report["results"]["last"]
                rows.append({"clips": clips, "from": start or "scratch", "epochs": settings["epochs"]})
                rows[-1] |= {name: result[name] for name in ("uar", "war", "ece")}
                rows[-1] |= {"interval": result["interval"]["by_speaker"]["uar"], "test_clips": result["clips"]}
                rows[-1] |= {"epoch_seconds": report["epoch_seconds"], "batch_size": batch_size}
                print(f"{clips} clips from {start or 'scratch'}: UAR {100 * result['uar']:.1f} %", flush=True)
    counts = index.groupby("split").speaker.nunique().to_dict()
    facts = {"corpus": ", ".join(sorted(set(index.corpus))), "emotions": sorted(index.emotion.unique())}
    facts |= {"speakers": counts, "seed": options.seed, "learning_rate": 1e-3, "rows": rows}
    if options.json:
        write_json(options.json, facts | provenance())


if __name__ == "__main__":
    main()

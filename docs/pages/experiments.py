"""docs/results/experiments.md: what was tried, by validation figures alone."""

import json
from pathlib import Path

from pages.figures import RESULTS, made_on, percent

from emohrnet_tf.report import write_json

READING = """
## What we read from it

Single runs on few validation clips: these are our guesses from the rows above, not findings.

- **A figure of `random` says mostly how well speakers are remembered.** A support vector machine on statistics over
  time, which does not know what follows what, comes far in `random` and falls off steeply where speakers are unseen
  ([results](../results.md)): clips of one actor and emotion seem to share more than the emotion. So `random` wants
  little of what disguises voice and channel (equaliser, high cut, noise, vocal-tract warp), unseen speakers want it.
- **RAVDESS `random` misses its goal.** With light augmentation the network learns its training part whole and stops
  gaining there; mixup holds that back at the same number of epochs and has the best validation accuracy. What is left
  to try first: several times the epochs, then an ensemble taught to one network.
- **EMOVO `random` misses its goal by far, and the network stays below the support vector machine**, so the log-mels
  hold what is needed and the network does not find it in a few hundred clips. Tried besides: statistics pooling in
  bands of frequency, a learnt place for each frequency after the stem, statistics of the cepstra beside the embedding
  (rows `std4`, `position`, `stats30`). None came near the machine, and none was kept. Starting from the RAVDESS model
  was no better than starting from scratch. The recipe that was measured is RAVDESS `random`'s, from scratch and longer;
  it was not itself compared on EMOVO's validation clips.
- **EMOVO `loso` misses its goal by a little, and little training did best.** From the RAVDESS model, longer runs grew
  surer and more wrong of the speaker that validates: loss rose while accuracy wavered. The short run with mixup had
  the lowest loss of fold 0 and was taken for that. Folds differ by more than recipes do: one speaker tests each.
- More mel bands with a longer hop (`96_mels`) lost.
- Not tried for want of computing: silence trimming, label smoothing, dropout, weight averaging, other stems, attentive
  pooling, shifted windows, distillation, three seeds.
""".strip()


def experiments_page():
    rows = [json.loads(file.read_text()) for file in sorted((RESULTS / "experiments").glob("*.json"))]
    lines = [
        "# What was tried",
        "",
        "Written by `python docs/write_results.py` from `docs/results/experiments/*.json`. Each row is one run; its "
        "figures are of **validation** clips alone: recipes were chosen by these, never by a test. Two validation "
        "speakers are 120 clips, so a difference below some 5 points of UAR says little; the loss says more.",
        "",
        "| experiment | run | loss | UAR | WAR | training accuracy | s an epoch | settings other than the default |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        v = row["validation"]
        run = f"{row['corpus']} `{row['protocol']}` fold {row['fold']} seed {row['seed']}, {row['epochs']} epochs"
        lines.append(
            f"| {row['name']} | {run} | {v['val_loss']:.3f} | {percent(v['val_uar'])} | {percent(v['val_accuracy'])} | "
            f"{percent(v['accuracy'])} | {row['epoch_seconds']:.0f} | {_difference(row)} |"
        )
    lines += ["", f"{made_on(rows)}; a `+` is code that was not committed.", "", READING]
    return "\n".join(lines) + "\n"


def _difference(row):
    """Settings that are not the default, as `--set` takes them, and what other corpora trained too."""
    from emohrnet_tf.config import Config

    default, changed = Config().to_dict(), [f"also {corpus}" for corpus in row.get("also", {})]
    for group, values in row["config"].items():
        for key, value in values.items():
            if value != default[group].get(key) and (group, key) not in {
                ("training", "epochs"),
                ("training", "mixed_precision"),
            }:
                changed.append(f"{key} {value}")
    return ", ".join(changed)


def keep(folder):
    """Take what a run says of its validation clips into the log of experiments; what it says of its test stays out."""
    report = json.loads((Path(folder) / "report.json").read_text())
    names = "protocol fold seed corpus also config epoch_seconds validation commit versions machine"
    kept = {name: report[name] for name in names.split()} | {"name": Path(folder).name}
    kept["epochs"] = report["epochs"][report["chosen"]]
    kept["validation"] = {k: v for k, v in kept["validation"].items() if not k.startswith("test_")}
    write_json(RESULTS / "experiments" / f"{kept['name']}.json", kept)

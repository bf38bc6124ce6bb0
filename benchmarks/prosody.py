"""What level, pitch, its range and the rate of voiced stretches tell of emotions, on a corpus.

    python benchmarks/prosody.py ravdess path/to/RAVDESS emovo path/to/EMOVO --out docs/results/prosody.json

Each clip is measured by `audio.prosody`. "Against neutral" is what lies between a clip and the mean of its speaker's
neutral clips, pitch in semitones. "Explained" is eta squared: the share of the variance within speakers that lies
between the emotions. "UAR" is of a logistic regression on the four numbers that is tested on speakers which it has not
seen (5 folds), with each speaker's numbers as they are, and standardised over all of his clips without their labels.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.prosody import NAMES, prosody
from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance

RATE = 16000


def measured(corpus, root):
    """The index of a corpus with its prosody; pitch also in semitones above 1 Hz."""
    index, _ = read_corpus(corpus, root)
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda file: prosody(load_audio(file, RATE), RATE), index.file))
    table = pd.concat([index.reset_index(drop=True), pd.DataFrame(rows)], axis=1)
    return table.assign(pitch_semitones=12 * np.log2(table.pitch_hz))


def against_neutral(table):
    """`{emotion: {measure: [median, first and third quartile]}}` of differences from the speaker's own neutral."""
    names = [name for name in (*NAMES, "pitch_semitones") if name != "pitch_hz"]
    neutral = table[table.emotion == "neutral"].groupby("speaker")[names].mean()
    differences = table[names] - neutral.loc[table.speaker].reset_index(drop=True)
    found = {}
    for emotion, rows in differences.groupby(table.emotion):
        found[emotion] = {name: [rows[name].quantile(q) for q in (0.5, 0.25, 0.75)] for name in names}
    return found


def explained(table):
    """`{measure: eta squared}` of the emotions, within speakers."""
    found = {}
    for name in (*NAMES[:1], "pitch_semitones", *NAMES[2:]):
        values = table[name] - table.groupby("speaker")[name].transform("mean")
        between = values.groupby(table.emotion).transform("mean")
        found[name] = float((between**2).sum() / (values.dropna() ** 2).sum())
    return found


def recognised(table):
    """`{numbers: UAR}` of a logistic regression on unseen speakers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = [NAMES[0], "pitch_semitones", *NAMES[2:]]
    raw = table[columns].fillna(table[columns].median())
    speakers = raw.groupby(table.speaker)
    sets = {"as they are": raw, "by speaker": (raw - speakers.transform("mean")) / speakers.transform("std")}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced"))
    found = {}
    for name, values in sets.items():
        said = cross_val_predict(model, values, table.emotion, groups=table.speaker, cv=GroupKFold(5))
        found[name] = float(balanced_accuracy_score(table.emotion, said))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", help="name and folder, one after the other")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = {"corpora": {}, **provenance()}
    for corpus, root in zip(options.corpora[::2], options.corpora[1::2]):
        table = measured(corpus, root)
        print(f"{corpus}: {len(table)} clips", file=sys.stderr)
        report["corpora"][corpus] = {
            "clips": len(table),
            "speakers": int(table.speaker.nunique()),
            "without_pitch": int(table.pitch_hz.isna().sum()),
            "emotions": table.emotion.value_counts().to_dict(),
            "against_neutral": against_neutral(table),
            "explained": explained(table),
            "uar": recognised(table),
        }
    write_json(options.out, report)


if __name__ == "__main__":
    main()

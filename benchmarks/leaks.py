"""What are figures of 99 % made of? One classifier, honest and with each leak that published evaluations may have.

    python benchmarks/leaks.py emovo.csv --json docs/results/leaks_emovo.json

The classifier is the support vector machine of `functionals.py`, so that a laptop repeats the whole in minutes. THESE
ARE MISTAKES, made on purpose to show what each is worth; nothing here is an option of the package. Each leak stands
beside the same work done without it:

- speakers: clips of the test's speakers train (`random`) against speakers unseen (`speaker`, `loso`);
- setting: the best of 24 settings on the test fold, as an epoch is chosen there, against the best on validation;
- duplicates: folds drawn by rows, so that byte-identical files may stand on both sides, against folds by content;
- windows: clips cut into windows of one second, folds drawn by windows against by clips; a window is judged;
- copies: four noisy, louder or quieter copies of each clip made, folds drawn by copies against by clips; a copy is
  judged.
"""

import argparse
import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from functionals import functionals
from sklearn.metrics import accuracy_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emohrnet_tf.config import Audio
from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.evaluation.baselines import fit_and_score
from emohrnet_tf.files import write_json
from emohrnet_tf.provenance import provenance

SETTINGS = list(itertools.product((0.3, 1, 3, 10, 30, 100), (0.3, 1, 3, 10)))  # C, and gamma over scikit-learn's own
COPIES = 4  # of a clip, besides itself
FOLDS = 5
UNSEEN = {"ravdess": "speaker", "emovo": "loso"}


def classifier(c=10.0, gamma=1.0, width=180):
    """The machine of `functionals.py`; `gamma` is in units of 1 / width."""
    return make_pipeline(StandardScaler(), SVC(C=c, gamma=gamma / width))


def by_protocol(index, features, protocol):
    """UAR and WAR of every fold of a protocol, trained on all that is not test."""
    runs = []
    for fold in range(fold_count(index, protocol)):
        test = (split(index, protocol, fold) == "test").to_numpy()
        runs.append(
            fit_and_score(classifier(), features[~test], index.emotion[~test], features[test], index.emotion[test])
        )
    return runs


def by_setting(index, features, protocol):
    """Every fold of a protocol with the setting that is best on validation, and with the one that is best on test."""
    honest, leaking = [], []
    for fold in range(fold_count(index, protocol)):
        parts, found = split(index, protocol, fold).to_numpy(), []
        train = parts == "train"
        for c, gamma in SETTINGS:
            model = classifier(c, gamma).fit(features[train], index.emotion[train])
            scores = {}
            for part in ("validation", "test"):
                true, said = index.emotion[parts == part], model.predict(features[parts == part])
                uar = recall_score(true, said, average="macro", zero_division=0)
                scores[part] = {"uar": uar, "war": accuracy_score(true, said)}
            found.append(scores)
        honest.append(max(found, key=lambda scores: scores["validation"]["war"])["test"])
        leaking.append(max(found, key=lambda scores: scores["test"]["war"])["test"])
    return honest, leaking


def by_rows(emotions, features, groups):
    """Five stratified folds over rows, those of one group together."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(features, emotions, groups)
    return [
        fit_and_score(classifier(), features[train], emotions[train], features[test], emotions[test])
        for train, test in folds
    ]


def windows_of(clips, audio, seconds=1.0):
    """`(features, rows)` of the one-second windows of all clips, at half-second hops."""
    size, features, rows = int(seconds * audio.sample_rate) // audio.hop * audio.hop, [], []
    for row in range(len(clips.index)):
        waveform = clips.waveform(row)
        for start in range(0, max(len(waveform) - size, 0) + 1, size // 2):
            piece = waveform[start : start + size]
            features.append(functionals(np.pad(piece, (0, size - len(piece))), audio))
            rows.append(row)
    return np.array(features), np.array(rows)


def copies_of(clips, audio, features):
    """`(features, rows)` of all clips and of their copies: noise 20 to 40 dB under the clip, and another level."""
    random, found, rows = np.random.default_rng(0), list(features), list(range(len(features)))
    for row in range(len(clips.index)):
        waveform = clips.waveform(row)
        for _ in range(COPIES):
            noise = random.standard_normal(len(waveform)) * waveform.std() * 10 ** (-random.uniform(20, 40) / 20)
            copy = (waveform + noise) * 10 ** (random.uniform(-6, 6) / 20)
            found.append(functionals(copy.astype("float32"), audio))
            rows.append(row)
    return np.array(found), np.array(rows)


def measure(clips, audio):
    """Rows of a corpus: the leak, whether it is there, and UAR and WAR of each fold."""
    index, corpus = clips.index, clips.index.corpus.iloc[0]
    features = np.array([functionals(clips.waveform(row), audio) for row in range(len(index))])
    emotions, groups = index.emotion.to_numpy(), index.group.to_numpy()
    rows = [("speakers", False, by_protocol(index, features, UNSEEN[corpus]))]
    rows.append(("speakers", True, by_protocol(index, features, "random")))
    for protocol in (UNSEEN[corpus], "random"):
        for leaking, runs in enumerate(by_setting(index, features, protocol)):
            rows.append((f"setting, {protocol}", bool(leaking), runs))
    rows.append(("duplicates", False, by_rows(emotions, features, groups)))
    rows.append(("duplicates", True, by_rows(emotions, features, np.arange(len(index)))))
    for name, (values, owners) in (
        ("windows", windows_of(clips, audio)),
        ("copies", copies_of(clips, audio, features)),
    ):
        rows.append((name, False, by_rows(emotions[owners], values, groups[owners])))
        rows.append((name, True, by_rows(emotions[owners], values, np.arange(len(owners)))))
    same = int(index.group.duplicated().sum())
    return [
        {"corpus": corpus, "leak": leak, "leaking": there, "runs": runs, "same": same} for leak, there, runs in rows
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", nargs="+", help="indexes of RAVDESS and EMOVO")
    parser.add_argument("--json", required=True, help="file to write")
    arguments = parser.parse_args()
    rows, audio = [], Audio()
    for file in arguments.index:
        found = measure(Clips(read_index(file), audio.sample_rate), audio)
        rows += found
        for row in found:
            uar = np.mean([run["uar"] for run in row["runs"]])
            print(row["corpus"], row["leak"], "leaking" if row["leaking"] else "honest", f"{uar:.3f}", flush=True)
    write_json(arguments.json, {"rows": rows, **provenance()})


if __name__ == "__main__":
    main()

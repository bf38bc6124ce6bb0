"""What does a support vector machine on statistics of the model's own log-mels reach on the same folds?

    python benchmarks/functionals.py ravdess.csv emovo.csv --json docs/results/functionals.json

A yardstick without a network: the first 30 cepstra (DCT over the mel bands of `features.log_mel`), of each over time
the mean, the standard deviation, that of its differences, and three percentiles. Standardised; RBF kernel, C = 10.
Nothing is chosen, so validation clips train too.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.fft import dct
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emohrnet_tf.config import Audio
from emohrnet_tf.corpora import read_index
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import fold_count, split
from emohrnet_tf.evaluation.baselines import fit_and_score
from emohrnet_tf.files import write_json
from emohrnet_tf.model.features import log_mel
from emohrnet_tf.provenance import provenance

CEPSTRA = 30
PROTOCOLS = {"ravdess": ("random", "speaker"), "emovo": ("random", "loso")}


def functionals(waveform, audio):
    """Statistics over time of the cepstra of a waveform `(samples,)`: `(6 * CEPSTRA,)`."""
    samples = len(waveform) // audio.hop * audio.hop
    x = log_mel(tf.constant(waveform[:samples]), **audio.front_end()).numpy()
    x = dct(x, axis=1, norm="ortho")[:, :CEPSTRA]
    changes = np.diff(x, axis=0).std(axis=0)
    return np.concatenate([x.mean(axis=0), x.std(axis=0), changes, *np.percentile(x, [10, 50, 90], axis=0)])


def measure(index, features, protocol, fold):
    """UAR and WAR of one fold."""
    test = (split(index, protocol, fold) == "test").to_numpy()
    model = make_pipeline(StandardScaler(), SVC(C=10))
    scores = fit_and_score(model, features[~test], index.emotion[~test], features[test], index.emotion[test])
    return {"fold": fold, **scores}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", nargs="+", help="indexes of RAVDESS and EMOVO")
    parser.add_argument("--json", required=True, help="file to write")
    arguments = parser.parse_args()
    rows, audio = [], Audio()
    for file in arguments.index:
        clips = Clips(read_index(file), audio.sample_rate)
        features = np.array([functionals(clips.waveform(number), audio) for number in range(len(clips.index))])
        corpus = clips.index.corpus.iloc[0]
        for protocol in PROTOCOLS[corpus]:
            folds = range(fold_count(clips.index, protocol))
            runs = [measure(clips.index, features, protocol, fold) for fold in folds]
            rows.append({"corpus": corpus, "protocol": protocol, "runs": runs})
            print(corpus, protocol, pd.DataFrame(runs)[["uar", "war"]].mean().round(3).to_dict(), flush=True)
    write_json(arguments.json, {"rows": rows, "cepstra": CEPSTRA, **provenance()})


if __name__ == "__main__":
    main()

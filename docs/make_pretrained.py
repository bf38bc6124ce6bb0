"""Makes the model that comes with the package: trained on all of RAVDESS by the recipe that was measured by folds.

    python docs/make_pretrained.py path/to/RAVDESS [training.mixed_precision=true]
    python docs/make_pretrained.py path/to/RAVDESS --heard     # the same weights, and anew by which clips they came
    python docs/make_pretrained.py path/to/RAVDESS --spectra   # by which exports are calibrated and verified
    python docs/make_pretrained.py --tflite                    # only the TFLite file of the weights that are there

Beside the weights lies their float32 TFLite file, by which `predict` and `timeline` start without TensorFlow. The
model's temperature is the mean over the folds of `docs/results/ravdess_speaker`, as no clips are held out.
"""

import json
import sys
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.identity import marks
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import preset
from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.exporter.litert import make_ready
from emohrnet_tf.model.emohrnet import load_model
from emohrnet_tf.model.features import mel_power
from emohrnet_tf.pretrained import read_weights, spectra_file, weights_file, write_spectra, write_weights
from emohrnet_tf.training.run import train

ROOT = Path(__file__).resolve().parents[1]


def main(corpus, *settings, out="runs/ravdess_all"):
    if corpus != "--tflite":
        write(corpus, settings, out)
    make_ready("ravdess")


def write(corpus, settings, out):
    """Write the weights."""
    index, _ = read_corpus("ravdess", corpus)
    if settings == ("--spectra",):
        write_spectra(spectra_file("ravdess"), spectra(index, load_model("ravdess").audio))
        return
    heard = [clip[0][0] for clip in marks(index)]
    if settings == ("--heard",):
        write_weights(weights_file("ravdess"), *read_weights(weights_file("ravdess")), heard)
        return
    report = train(index, preset("tuned").override(settings), out, protocol="all", verbose=2)
    folds = [json.loads(file.read_text()) for file in (ROOT / "docs/results/ravdess_speaker").glob("fold*.json")]
    model = load_model(out)
    model.calibrate(float(np.exp(np.mean([np.log(fold["calibration"]["temperature"]) for fold in folds]))))
    facts = {
        "model": {
            name: value for name, value in model.get_config().items() if name not in ("trainable", "dtype", "heard")
        }
    }
    facts |= {name: report[name] for name in ("corpus", "clips", "epochs", "seed", "config", "commit", "versions")}
    write_weights(weights_file("ravdess"), facts, model.network.get_weights(), heard)
    write_spectra(spectra_file("ravdess"), spectra(index, model.audio))


def spectra(index, audio, each=8):
    """Mel power of the loudest window of `each` clips of every emotion, of many actors, at half of the frames."""
    random, cut = np.random.default_rng(0), []
    for number, (_, clips) in enumerate(index.groupby("emotion")):
        for turn in range(each):
            spoken = clips[clips["speaker"] == f"{(number * 3 + turn * 3) % 24 + 1:02d}"]["file"]
            every = windows(load_audio(spoken.iloc[random.integers(len(spoken))]), audio.samples)
            cut.append(every[np.square(every).mean(axis=1).argmax()])
    names = ("sample_rate", "n_fft", "hop", "mels", "mel_min_hz", "mel_max_hz")
    power = mel_power(np.stack(cut), **{name: getattr(audio, name) for name in names}).numpy()
    return power.reshape(len(power), -1, 2, audio.mels).mean(axis=2)


if __name__ == "__main__":
    main(*sys.argv[1:])

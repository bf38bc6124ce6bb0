"""Makes the models that come with the package, by the recipes that were measured by folds.

    python docs/make_pretrained.py voices ravdess.csv nemo.csv emospeech.csv
    python docs/make_pretrained.py ravdess path/to/RAVDESS [training.mixed_precision=true]
    python docs/make_pretrained.py ravdess path/to/RAVDESS --heard     # the same weights, and anew of which clips
    python docs/make_pretrained.py ravdess path/to/RAVDESS --spectra   # by which exports are calibrated and verified
    python docs/make_pretrained.py --tflite                            # only the TFLite files of the weights there are

Beside the weights lies their float32 TFLite file, by which `predict` and `timeline` start without TensorFlow. No clips
are held out: the temperature of `ravdess` is the mean over the folds of `docs/results/ravdess_speaker`; those of
`voices`, without and with a reference, and what it holds to be sure enough come from the corpora left out of
`docs/results/unheard/voices.json` (`benchmarks/unheard.py`).
"""

import json
import sys
from pathlib import Path

import numpy as np

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.identity import marks
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.corpora import join, read_corpus
from emohrnet_tf.exporter.litert import make_ready
from emohrnet_tf.model.features import mel_power
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.presets import preset
from emohrnet_tf.pretrained import NAMES, read_weights, spectra_file, weights_file, write_spectra, write_weights
from emohrnet_tf.training.run import train

ROOT = Path(__file__).resolve().parents[1]


def main(name, *arguments):
    if name == "ravdess":
        write(*arguments[:1], arguments[1:], "runs/ravdess_all")
    elif name == "voices":
        write_voices(arguments, "runs/voices_all")
    for model in NAMES if name == "--tflite" else (name,):
        make_ready(model)


def write_voices(indexes, out):
    """Write the weights of `voices`."""
    index = join(indexes)
    report = train(index, preset("voices"), out, protocol="all", verbose=2)
    model, folds = load_model(out), json.loads((ROOT / "docs/results/unheard/voices.json").read_text())["corpora"]
    middle = {way: np.median([np.log(fold[way]["fitted"]) for fold in folds.values()]) for way in ("plain", "speaker")}
    model.calibrate(float(np.exp(middle["plain"])), float(np.exp(middle["speaker"])))
    least = {way: np.mean([fold[way]["free"]["threshold"] for fold in folds.values()]) for way in middle}
    model.least_confidence = [round(float(least[way]), 3) for way in ("plain", "speaker")]
    keep("voices", model, report, [clip[0][0] for clip in marks(index)])


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
    keep("ravdess", model, report, heard)
    write_spectra(spectra_file("ravdess"), spectra(index, model.audio))


def keep(name, model, report, heard):
    """Write a model with what is known of it."""
    own = {key: value for key, value in model.get_config().items() if key not in ("trainable", "dtype", "heard")}
    facts = {"model": own}
    facts |= {key: report[key] for key in ("corpus", "clips", "epochs", "seed", "config", "commit", "versions")}
    facts |= {key: report[key] for key in ("corpora", "preset") if key in report}
    write_weights(weights_file(name), facts, model.network.get_weights(), heard)


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

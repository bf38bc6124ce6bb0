"""The whole way once, on made-up voices: corpus, training, unseen speakers, baselines, predictions, pictures."""

import importlib.util
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from emohrnet_tf import plots
from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.corpora import read_corpus, read_index, write_index
from emohrnet_tf.data.augment import Augment
from emohrnet_tf.demo.voices import make_corpus
from emohrnet_tf.evaluation import baselines
from emohrnet_tf.evaluation.report import comparison
from emohrnet_tf.files import writable_folder, write_json
from emohrnet_tf.inference.predict import predict
from emohrnet_tf.inference.timeline import timeline
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.presets import preset
from emohrnet_tf.training.run import labels_of, train
from emohrnet_tf.training.trainer import Trainer

AXES = ["valence", "arousal", "dominance"]
SAID = ("neutral", "happiness", "sadness", "anger", "fear", "surprise")  # in the picture of a recording over time
VERIFYING = 48  # clips of the test part on which exported files are held against the model


def demo(folder, epochs=None, say=print):
    """Make the synthetic corpus in `folder`, train a network on it, and set its figures beside their baselines.

    Args:
        folder: for everything that is made; a second run goes on where the first stopped.
        epochs: of each of the two trainings, the second of which sees shuffled labels; else the preset's, `quick`.
        say: what to do with a line of text.

    Returns:
        `{name: {"uar", "war"}}` of the network, its baselines and the ceiling, as in `folder/demo.json`.
    """
    folder, began = writable_folder(folder), time.perf_counter()
    say("1. Making a synthetic corpus: made-up voices, so no figure below says anything of real speech.")
    generated = make_corpus(folder / "corpus")
    clips, _ = read_corpus("ravdess", folder / "corpus")
    clips["corpus"] = "synthetic"  # written in RAVDESS' layout, and no RAVDESS
    write_index(clips, folder / "index.csv")
    say(f"   {len(clips)} clips of {clips.speaker.nunique()} speakers, {clips.emotion.nunique()} emotions")

    config = preset("quick")
    if epochs is not None:
        config = config.replace({"training": {"epochs": epochs}})
    network, epochs = config.network.architecture, config.training.epochs
    say(f"2. Training the {network} network for {epochs} epochs; the test speakers stay unheard.")
    trainer = Trainer(config, labels_of(clips, config.head))  # traced once for both trainings
    report = train(clips, config, folder / "run", protocol="speaker", verbose=2, trainer=trainer)
    say(comparison(report["results"], report["chosen"]))

    say("3. The same network on shuffled labels, and what else the figure must be compared with.")
    divided = read_index(folder / "run" / "split.csv")
    figures = {"network": _result(report), "shuffled labels": _shuffled(divided, config, folder, trainer)}
    figures |= _baselines(divided, generated)
    for name, values in figures.items():
        say(f"   {name:<20}UAR {100 * values['uar']:5.1f} %   WAR {100 * values['war']:5.1f} %")

    say("4. Predicting two clips of unheard speakers with the saved model, and a recording of six over time.")
    model = load_model(folder / "run")
    test = divided[divided.split == "test"]
    two = test.iloc[[0, len(test) // 2]]
    for truth, row in zip(two.emotion, predict(model, two.file.tolist()).to_dict("records")):
        say(f"   {Path(row['file']).name}: {row['emotion']} ({row[row['emotion']]:.2f}), in truth {truth}")
    _augmentation(model, two.file.iloc[0], config, folder / "augmentation.png")
    _timeline(model, test, folder)

    say("5. Exporting to SavedModel and TFLite, every file held against the model on clips of the test part.")
    if importlib.util.find_spec("litert_quantizer"):
        _export(divided, folder, say)
    else:
        say("   left out: needs the extra `export` (pip install 'emohrnet_tf[export]')")

    seconds = time.perf_counter() - began
    write_json(folder / "demo.json", {"figures": figures, "seconds": seconds, "epochs": epochs, "corpus": "synthetic"})
    say(f"Done in {seconds:.0f} s. In {folder}: corpus/, index.csv, run/ (model.keras, report.json, curves.png,")
    say("confusion.png), augmentation.png, recording.wav, timeline.png, export/ (saved_model/, tflite/,")
    say("model_card.md), demo.json.")
    return figures


def _export(divided, folder, say):
    from emohrnet_tf.exporter.exporter import export

    if (folder / "export" / "export_report.json").exists():
        say("   done before")
        return
    test = divided[divided.split == "test"]
    index = pd.concat([divided[divided.split == "train"], test.iloc[:: max(1, len(test) // VERIFYING)]])
    report = export(folder / "run", folder / "export", index, name="demo", say=lambda line: say(f"   {line}"))
    for form, figures in report["verification"]["formats"].items():
        say(f"   {form:<30}largest difference {figures['largest_difference']:.1e}")


def _shuffled(divided, config, folder, trainer):
    """Figures of the same training with the labels of everything but the test part shuffled."""
    random, shuffled = np.random.default_rng(0), divided.copy()
    for part in ("train", "validation"):
        rows = shuffled.split == part
        shuffled.loc[rows, "emotion"] = random.permutation(shuffled.emotion[rows].to_numpy())
    report = train(shuffled, config, folder / "run_shuffled", protocol="given", verbose=0, trainer=trainer)
    return _result(report)


def _result(report):
    """The figures of a run's chosen epoch."""
    return {name: report["results"][report["chosen"]][name] for name in ("uar", "war")}


def _baselines(divided, generated):
    """Chance, a regression on five utterance statistics, and the ceiling from the values that made the clips."""
    divided = divided.assign(name=[Path(file).name for file in divided.file])
    divided = divided.merge(generated.assign(name=[Path(f).name for f in generated.file])[["name", *AXES]], on="name")
    train_part, test = divided[divided.split == "train"], divided[divided.split == "test"]
    statistics = [
        np.stack([baselines.utterance_statistics(load_audio(file), 16000) for file in part.file])
        for part in (train_part, test)
    ]
    return {
        "chance": baselines.chance(train_part.emotion, test.emotion),
        "five statistics": baselines.statistics_baseline(
            statistics[0], train_part.emotion, statistics[1], test.emotion
        ),
        "ceiling": baselines.ceiling(train_part[AXES], train_part.emotion, test[AXES], test.emotion),
    }


def _augmentation(model, file, config, path):
    """The picture of what training does to a clip (the paper's figure 1)."""
    from emohrnet_tf.audio.windows import windows

    original = model.front_end(windows(load_audio(file), model.audio.samples)[:1])
    augmented = Augment(**config.augmentation.log_mel(), seed=0)(original, training=True)
    hop_seconds = model.audio.hop / model.audio.sample_rate
    plots.spectrograms(
        original.numpy()[0, :, :, 0],
        augmented.numpy()[0, :, :, 0],
        path,
        hop_seconds=hop_seconds,
        title="synthetic voice",
    )


def _timeline(model, test, folder):
    """The picture of a recording over time: one unheard speaker in six emotions, with pauses."""
    clips = test[test.speaker == test.speaker.iloc[0]].drop_duplicates("emotion").set_index("emotion").file
    pause = np.zeros(model.audio.samples // 2, "float32")  # so long that no window hears two sentences
    sounds = [sound for emotion in SAID for sound in (load_audio(clips[emotion]), pause)]
    soundfile.write(folder / "recording.wav", np.concatenate(sounds), model.audio.sample_rate)
    table, overview = timeline(model, folder / "recording.wav", hop=0.25)
    said = ", ".join(SAID)
    plots.timeline(table, overview, folder / "timeline.png", title=f"synthetic voice, unheard; in truth {said}")

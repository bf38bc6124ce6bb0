"""The whole way once, on made-up voices: corpus, training, unseen speakers, baselines, predictions, pictures."""

import importlib.util
import time
from pathlib import Path

import numpy as np

from emohrnet_tf import plots
from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.config import Config
from emohrnet_tf.corpora import read_corpus, read_index, write_index
from emohrnet_tf.data.augment import Augment
from emohrnet_tf.demo.voices import make_corpus
from emohrnet_tf.evaluation import baselines
from emohrnet_tf.evaluation.report import comparison
from emohrnet_tf.files import writable_folder, write_json
from emohrnet_tf.inference.predict import predict
from emohrnet_tf.model.emohrnet import load_model
from emohrnet_tf.training.run import train

AXES = ["valence", "arousal", "dominance"]
# A small network for short clips and few epochs: light masks, because strength must follow the budget.
SETTINGS = {
    "audio": {"frames": 192},
    "network": {"architecture": "lite"},
    "training": {
        **{"batch_size": 32, "learning_rate": 2e-3, "schedule": "cosine", "coupled_weight_decay": 1e-4},
        "choose": "last",  # of a cosine: two validation speakers choose badly
    },
    "augmentation": {
        "filled_share": 0.1,
        "freq_masks": 1,
        "freq_mask_bins": 4,
        "time_masks": 1,
        "time_mask_share": 0.05,
    },
}


def demo(folder, epochs=20, say=print):
    """Make the synthetic corpus in `folder`, train `lite` on it, and set its figures beside their baselines.

    Args:
        folder: for everything that is made; a second run goes on where the first stopped.
        epochs: of each of the two trainings, the second of which sees shuffled labels.
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

    say(f"2. Training the lite network for {epochs} epochs; the test speakers stay unheard.")
    config = Config().replace(SETTINGS).replace({"training": {"epochs": epochs}})
    report = train(clips, config, folder / "run", protocol="speaker", verbose=2)
    say(comparison(report["results"], report["chosen"]))

    say("3. The same network on shuffled labels, and what else the figure must be compared with.")
    divided = read_index(folder / "run" / "split.csv")
    figures = {"network": _result(report), "shuffled labels": _shuffled(divided, config, folder)} | _baselines(
        divided, generated
    )
    for name, values in figures.items():
        say(f"   {name:<20}UAR {100 * values['uar']:5.1f} %   WAR {100 * values['war']:5.1f} %")

    say("4. Predicting two clips of unheard speakers with the saved model.")
    model = load_model(folder / "run")
    test = divided[divided.split == "test"]
    two = test.iloc[[0, len(test) // 2]]
    for truth, row in zip(two.emotion, predict(model, two.file.tolist()).to_dict("records")):
        say(f"   {Path(row['file']).name}: {row['emotion']} ({row[row['emotion']]:.2f}), in truth {truth}")
    _augmentation(model, two.file.iloc[0], config, folder / "augmentation.png")

    say("5. Exporting to SavedModel and TFLite, every file held against the model on clips of the test part.")
    if importlib.util.find_spec("litert_quantizer"):
        _export(folder, say)
    else:
        say("   left out: needs the extra `export` (pip install 'emohrnet_tf[export]')")

    seconds = time.perf_counter() - began
    write_json(folder / "demo.json", {"figures": figures, "seconds": seconds, "epochs": epochs, "corpus": "synthetic"})
    say(f"Done in {seconds:.0f} s. In {folder}: corpus/, index.csv, run/ (model.keras, report.json, curves.png,")
    say("confusion.png), augmentation.png, export/ (saved_model/, tflite/, model_card.md), demo.json.")
    return figures


def _export(folder, say):
    from emohrnet_tf.exporter.exporter import export

    if (folder / "export" / "export_report.json").exists():
        say("   done before")
        return
    report = export(folder / "run", folder / "export", name="demo", say=lambda line: say(f"   {line}"))
    for door, figures in report["verification"]["doors"].items():
        say(f"   {door:<30}largest difference {figures['largest_difference']:.1e}")
    for gate in report["verification"]["gates"]:
        if gate["note"]:
            say(f"   {gate['door']}, {gate['gate']}: {gate['note']}")


def _shuffled(divided, config, folder):
    """Figures of the same training with the labels of everything but the test part shuffled."""
    random, shuffled = np.random.default_rng(0), divided.copy()
    for part in ("train", "validation"):
        rows = shuffled.split == part
        shuffled.loc[rows, "emotion"] = random.permutation(shuffled.emotion[rows].to_numpy())
    report = train(shuffled, config, folder / "run_shuffled", protocol="given", verbose=0)
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

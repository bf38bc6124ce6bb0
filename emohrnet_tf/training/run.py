"""One run: index -> model.fit -> the chosen epoch -> model, report and pictures."""

import dataclasses
import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.config import EMOTIONS, PAPER_CHOICES, Config
from emohrnet_tf.data.augment import paper_mask_limits
from emohrnet_tf.data.leakage import heard
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split
from emohrnet_tf.data.targets import make_sphere
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import left_over, replacing, writable_folder, write_csv, write_json
from emohrnet_tf.licence import NOT_NAMED, joined, licence_of
from emohrnet_tf.model.emohrnet import model_file
from emohrnet_tf.model.hrnet import read_table
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.losses import check_weighting
from emohrnet_tf.training.trainer import Trainer, learning_rate


def train(
    index,
    config,
    out,
    protocol="speaker",
    fold=0,
    seed=0,
    preset=None,
    tensorboard=False,
    verbose="auto",
    clips=None,
    trainer=None,
    **split_options,
):
    """Train, choose the epoch, and measure on clips that were used for neither.

    Args:
        index: DataFrame of `corpora.read_corpus` or `corpora.read_index`.
        config: `config.Config`.
        out: the run folder. A run that was interrupted there goes on where it stopped; a finished one is returned.
        protocol, fold, **split_options: of `splits.split`.
        seed: of the split, the weights and everything random in training.
        preset: name that the report gives the configuration, where it has one.
        tensorboard: also write TensorBoard's files.
        verbose: Keras' progress bar: "auto", 0, 1 or 2.
        clips, trainer: `pipeline.Clips` of the index and the `Trainer` of the configuration, where several runs share
            them.

    Returns:
        The report, as in `out/report.json`. The folder also holds `model.keras`, `config.json`, `split.csv`,
        `log.csv`, `predictions.csv`, `curves.png`, and as the head has them `confusion.png` and `dimensions.png`.

    Raises:
        InputError: a split that cannot be made, no readable clip, or a folder that holds another run.
    """
    out = Path(out)
    run = run_of(index, config, protocol, fold, seed, preset, **split_options)
    if finished(out, run):
        report = json.loads((out / "report.json").read_text())
        draw(report, out)
        return report
    known = index.emotion.dropna()
    if config.head.emotions and known.nunique() < 2:
        raise InputError(f"Clips of two emotions or more are needed. Received: {sorted(known.unique())!r}")
    if config.head.kind == "categorical" and len(known) < len(index):
        raise InputError(
            f"{len(index) - len(known)} clips have no emotion: leave them out, or train --head joint or vad. "
            f"Received: {index.file[index.emotion.isna()].iloc[0]!r}"
        )
    # What is wrong with the settings is said before any file is read.
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "TensorBoard is not installed: pip install 'emohrnet_tf[tensorboard]'. Received: tensorboard=True"
        )
    check_settings(config)
    if protocol == "all" and config.training.choose != "last":
        raise InputError("Protocol all holds no clip out to choose by: set training.choose=last. Received: validation")
    clips = clips or Clips(index, config.audio.sample_rate)
    parts = split(clips.index, protocol, fold=fold, seed=seed, **split_options)
    if config.training.train_on_validation:
        parts = parts.replace("validation", "train")
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    labels = labels_of(clips.index, config.head)
    sphere = make_sphere(clips.index, config.head, rows["train"]) if config.head.dimensions else None
    if config.training.initial and heard(config.training.initial, clips.index.iloc[rows["test"]]).any():
        raise InputError(
            f"The model to start from has heard clips of the test part: start from one trained on other speech. "
            f"Received: {config.training.initial}"
        )
    trainer = trainer or Trainer(config, labels)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", run)
    write_csv(clips.index.assign(split=parts), out / "split.csv")
    config = with_measured_masks(config, clips, rows["train"])
    write_json(out / "config.json", {**run, "resolved": config.to_dict()})

    state = trainer.fit(clips, rows, config, out, seed, sphere, tensorboard, verbose)

    chosen, test = config.training.choose, clips.index.iloc[rows["test"]]
    results, calibration = {}, None
    if len(test):
        speakers = test.speaker.tolist() if "speaker" in test else None
        results, calibration, answers = trainer.judge(state, chosen, speakers)
        truth = trainer.truth(clips.index, sphere)(rows["test"])
        write_csv(predictions_table(test, labels, truth, answers), out / "predictions.csv")
    else:
        trainer.model.network.set_weights(trainer.network.get_weights())
    heard_of = clips.index.iloc[np.concatenate([rows["train"], rows["validation"]])]
    corpora = heard_of.corpus.fillna(NOT_NAMED).astype(str) if "corpus" in heard_of else [NOT_NAMED]
    trainer.model.licence, trainer.model.trained_on = licence_of(corpora), sorted(set(corpora))
    if trainer.terms:
        trainer.model.licence, trainer.model.trained_on = joined(corpora, *trainer.terms)
    save_model(trainer.model, out / "model.keras")
    also = clips.index.get("also", pd.Series(False, index=clips.index.index))
    corpus = ", ".join(sorted(set(clips.index.corpus[~also]))) if "corpus" in clips.index else "corpus not named"
    epochs = {"validation": state.facts["best_epoch"] or None, "last": state.epoch}
    report = {
        **run,
        "config": config.to_dict(),
        "choices": PAPER_CHOICES if preset == "paper" else [],
        "corpus": corpus,
        "sphere": None if sphere is None else dataclasses.asdict(sphere),
        "parameters": trainer.network.count_params(),
        "clips": {part: len(numbers) for part, numbers in rows.items()},
        "also": clips.index.corpus[also].value_counts().to_dict() if also.any() else {},
        "failed": clips.failed.to_dict("records"),
        "epochs": epochs | {"best_on_test": state.facts["best_on_test"]["epoch"] or None},
        "chosen": chosen,
        "validation": state.facts["epochs"][epochs[chosen] - 1],
        "calibration": calibration,
        "epoch_seconds": float(np.median(state.facts["seconds"])),
        "results": results,
        **provenance(),
    }
    write_json(out / "report.json", report)  # it says that the run is finished
    shutil.rmtree(state.folder)
    draw(report, out)
    return report


def draw(report, out):
    """The pictures of a finished run that are not there yet, from its files."""
    chosen, results, head = report["chosen"], report["results"], report["config"]["head"]["kind"]
    network = report["config"]["network"]["architecture"]
    title = f"{report['corpus']}, {report['protocol']} fold {report['fold']}, {network}, seed {report['seed']}"
    if not (out / "curves.png").exists():
        log = pd.read_csv(out / "log.csv")
        plots.learning_curves(log, report["epochs"][chosen], out / "curves.png", title=title)
    if results and head != "vad" and not (out / "confusion.png").exists():
        plots.confusion_matrix(results[chosen], out / "confusion.png", title=title)
    if results and head != "categorical" and not (out / "dimensions.png").exists():
        sphere, table = Sphere(**report["sphere"]), pd.read_csv(out / "predictions.csv")
        rated = table.dropna(subset=[f"true_{name}" for name in DIMENSIONS])
        both = [sphere.to_cube(rated[[before + name for name in DIMENSIONS]]) for before in ("true_", "")]
        plots.dimensions(results[chosen]["vad"], sphere, *both, out / "dimensions.png", title=title)


def run_of(index, config, protocol, fold, seed, preset, **split_options):
    """What tells a run from another, as its folder and its report hold it."""
    run = {"protocol": protocol, "fold": fold, "seed": seed, **split_options, "preset": preset}
    return run | {"index": fingerprint(index, config.head), "config": config.to_dict()}


def predictions_table(clips, labels, truth, answers):
    """A row for each clip: what is known of it, its probabilities, and its dimensions on the model's scale."""
    columns = [name for name in ("file", "speaker", "emotion") if name in clips]
    table = clips[columns].reset_index(drop=True)
    if "probabilities" in answers:
        table = pd.concat([table, pd.DataFrame(answers["probabilities"].round(6), columns=labels)], axis=1)
    if "dimensions" in answers:
        true = np.where(truth.known[:, None], truth.sphere.from_cube(truth.cube), np.nan)
        for before, values in (("true_", true), ("", truth.sphere.from_cube(answers["dimensions"]))):
            columns = [before + name for name in DIMENSIONS]
            table = pd.concat([table, pd.DataFrame(values.round(6), columns=columns)], axis=1)
    return table


def check_settings(config):
    """Say what is wrong with a configuration without building anything.

    Raises:
        InputError: a setting out of its range.
    """
    read_table(config.network.architecture, config.network.stem, (config.audio.frames, config.audio.mels))
    learning_rate(config.training, 0)
    check_head(config.head)
    if config.training.initial:
        model_file(config.training.initial)
    if config.training.choose not in ("validation", "last"):
        raise InputError(f"training.choose is validation or last. Received: {config.training.choose!r}")
    if config.training.train_on_validation and config.training.choose != "last":
        raise InputError(
            "training.train_on_validation leaves no clip to choose by: set training.choose=last. Received: validation"
        )
    if min(config.training.epochs, config.training.batch_size, config.training.evaluate_every) < 1:
        raise InputError("training.epochs, batch_size and evaluate_every are 1 or more. Received: 0 or less")


def with_measured_masks(config, clips, rows):
    """The configuration with the paper's mask limits measured on the training clips, where it asks for them."""
    settings = config.augmentation
    if settings.freq_mask_bins != "pitch" and settings.time_mask_share != "duration":
        return config
    bins, share = paper_mask_limits((clips.waveform(row) for row in rows), config.audio)
    changed = {"freq_mask_bins": bins} if settings.freq_mask_bins == "pitch" else {}
    changed |= {"time_mask_share": share} if settings.time_mask_share == "duration" else {}
    return config.replace({"augmentation": changed})


def check_head(head):
    if head.kind not in ("categorical", "vad", "joint"):
        raise InputError(f"head.kind is categorical, vad or joint. Received: {head.kind!r}")
    if head.pooling not in ("style", "mean"):
        raise InputError(f"head.pooling is style or mean. Received: {head.pooling!r}")
    check_weighting(head.weighting)
    Sphere(-1, 1, step=head.step, neutral=head.neutral_radius)


def labels_of(index, head):
    """Labels of a model for an index: none for a head "vad"."""
    return ordered(index.emotion.dropna().unique()) if head.emotions else []


def ordered(emotions):
    """Labels in a fixed order: the field's eight first, then any others by name."""
    return [e for e in EMOTIONS if e in set(emotions)] + sorted(set(emotions) - set(EMOTIONS))


def fingerprint(index, head):
    """A short hash of the clips and labels of an index: two runs with the same one saw the same data."""
    labels = [name for name in (*DIMENSIONS, "vad_scale") if name in index] if head.dimensions else []
    text = index[["file", "emotion", *labels]].assign(file=index.file.map(lambda f: Path(f).name)).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(out, run):
    """Whether the run folder holds this run's report; False where it holds an unfinished one, or nothing.

    Raises:
        InputError: the folder holds another run, or files that are no run, or it cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give another folder as --out. Received: {out}")
    described = out / "config.json"
    if described.exists():
        there = json.loads(described.read_text())
        if "config" in there:  # a setting that came later has its default
            there["config"] = Config.from_dict(there["config"]).to_dict()
        different = [key for key in run if there.get(key) != json.loads(json.dumps(run[key]))]
        if different:
            raise InputError(
                f"{out} holds a run with another {', '.join(different)}: give another folder, or delete it to start "
                f"anew. Received: {out}"
            )
        return (out / "report.json").exists()
    writable_folder(out)
    if out.exists() and any(not left_over(file) for file in out.iterdir()):
        raise InputError(f"{out} is not empty and holds no run: give a new folder as --out. Received: {out}")
    return False


def save_model(model, path):
    """`model.save`, whole or not at all."""
    with replacing(path) as part:
        model.save(part)

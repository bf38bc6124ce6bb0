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
from emohrnet_tf.audio.identity import Heard
from emohrnet_tf.config import EMOTIONS, PAPER_CHOICES, Config
from emohrnet_tf.data.augment import paper_mask_limits
from emohrnet_tf.data.leakage import heard, named, record_of, regrouped
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.splits import split
from emohrnet_tf.data.targets import make_sphere
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import read_csv, replacing, write_csv, write_json
from emohrnet_tf.labels import check_labels
from emohrnet_tf.model.emohrnet import model_file
from emohrnet_tf.model.hrnet import read_table
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.pretrained import comes_along, read_weights
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
        InputError: a split that cannot be made, no readable clip, a folder that holds another run, or a model to start
            from that has heard what is to be measured or to choose.
    """
    out, index = Path(out), named(index)
    run = settings_of(config, protocol, fold, seed, preset, **split_options)
    finished(out, run)
    known = index.emotion.dropna()
    if config.head.emotions and known.nunique() < 2:
        raise InputError(f"Clips of two emotions or more are needed. Received: {sorted(known.unique())!r}")
    if config.head.kind == "categorical" and len(known) < len(index):
        raise InputError(
            f"{len(index) - len(known)} clips have no emotion: leave them out, or train --head joint or vad. "
            f"Received: {index.file[index.emotion.isna()].iloc[0]!r}"
        )
    check_labels(labels_of(index, config.head))
    # What is wrong with the settings is said before any file is read.
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "TensorBoard is not installed: pip install 'emohrnet_tf[tensorboard]'. Received: tensorboard=True"
        )
    check_settings(config)
    if protocol == "all" and config.training.choose != "last":
        raise InputError("Protocol all holds no clip out to choose by: set training.choose=last. Received: validation")
    clips = clips or Clips(index, config.audio.sample_rate)
    index, parts = divided(clips, config, protocol, fold, seed, **split_options)
    run["index"] = fingerprint(index, config.head, clips.marks, parts)
    if finished(out, run, index, parts):
        return json.loads((out / "report.json").read_text())
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    labels = labels_of(clips.index, config.head)
    sphere = make_sphere(clips.index, config.head, rows["train"]) if config.head.dimensions else None
    unheard = check_unheard(config.training.initial, clips, rows) if config.training.initial else True
    trainer = trainer or Trainer(config, labels)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", run)
    content = [f"{found[0][0]:016x}" for found in clips.marks]
    write_csv(index.assign(split=parts, content=content), out / "split.csv")
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
    trainer.model.heard = Heard.of(
        [clips.marks[row] for row in np.flatnonzero(parts != "test")], parts[parts != "test"] == "train"
    )
    if config.training.initial:
        trainer.model.heard |= record_of(config.training.initial) or Heard(complete=False)
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
        "test_unheard": True if unheard else None,
        "epochs": epochs | {"best_on_test": state.facts["best_on_test"]["epoch"] or None},
        "chosen": chosen,
        "validation": state.facts["epochs"][epochs[chosen] - 1],
        "calibration": calibration,
        "epoch_seconds": float(np.median(state.facts["seconds"])),
        "results": results,
        **provenance(),
    }
    title = f"{corpus}, {protocol} fold {fold}, {config.network.architecture}, seed {seed}"
    plots.learning_curves(state.log(), epochs[chosen], out / "curves.png", title=title)
    if results and config.head.emotions:
        plots.confusion_matrix(results[chosen], out / "confusion.png", title=title)
    if results and config.head.dimensions:
        true, predicted = truth.cube[truth.known], answers["dimensions"][truth.known]
        plots.dimensions(results[chosen]["vad"], sphere, true, predicted, out / "dimensions.png", title=title)
    write_json(out / "report.json", report)  # the last file: it says that the run is finished
    shutil.rmtree(state.folder)
    return report


def settings_of(config, protocol, fold, seed, preset, **split_options):
    """What tells a run from another besides its clips, as its folder and its report hold it."""
    run = {"protocol": protocol, "fold": fold, "seed": seed, **split_options, "preset": preset}
    if initial := config.training.initial:
        run["initial"] = weights_hash(initial)
    return run | {"config": config.to_dict()}


def weights_hash(model):
    """A short hash of a model to start from, by what is in its file, not by its name."""
    file, hashed = model_file(model), hashlib.sha256()
    for part in read_weights(file)[1] if comes_along(model) else [file.read_bytes()]:
        hashed.update(part)
    return hashed.hexdigest()[:16]


def divided(clips, config, protocol, fold, seed, **split_options):
    """`(index, parts)`: the clips, copies of each other in one `group`, and what each is for."""
    index = regrouped(clips.index, clips.marks)
    parts = split(index, protocol, fold=fold, seed=seed, **split_options)
    return index, parts.replace("validation", "train") if config.training.train_on_validation else parts


def check_unheard(initial, clips, rows):
    """Refuse a model to start from that has heard the test part, or was trained on the validation part.

    Returns:
        Whether it is known that it has not heard the test part.

    Raises:
        InputError: it, or a model that it started from, has heard such a clip.
    """
    known = True
    for part, trained_only in (("test", False), ("validation", True)):
        of_part = [clips.marks[row] for row in rows[part]]
        seen = heard(initial, clips.index.iloc[rows[part]], of_part, trained_only)
        if seen.fillna(False).any():
            file = clips.index.file.iloc[rows[part][int(seen.fillna(False).to_numpy(bool).argmax())]]
            raise InputError(
                f"The model to start from has heard clips of the {part} part, {file} among them: start from one "
                f"trained on other speech. Received: {initial}"
            )
        known &= part != "test" or bool(seen.notna().all())
    return known


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


def fingerprint(index, head, clip_marks, parts):
    """A short hash of all that decides a run besides its settings: the clips' samples and labels, and their split.

    Names of files do not count. What comes behind "2:" is of this kind; a bare hash is of `earlier_fingerprint`.

    Args:
        index, parts: of `divided`.
        head: `config.Head`.
        clip_marks: `identity.marks` of the index.
    """
    names = ["emotion", "speaker", "corpus", "session", "split", "also", "channel", "start", "end"]
    names += [*DIMENSIONS, "vad_scale"] if head.dimensions else []
    names = [name for name in names if name in index and index[name].notna().any()]
    table = index[names].assign(
        group=pd.factorize(index["group"])[0], part=parts, content=[found[0][0] for found in clip_marks]
    )
    return "2:" + hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]


def earlier_fingerprint(index, head):
    """The hash by which versions before 0.2 knew an index: files' names and labels, neither split nor samples."""
    labels = [name for name in (*DIMENSIONS, "vad_scale") if name in index] if head.dimensions else []
    text = index[["file", "emotion", *labels]].assign(file=index.file.map(lambda f: Path(f).name)).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(out, run, index=None, parts=None):
    """Whether the run folder holds this run's report; False where it holds an unfinished one, or nothing.

    Args:
        out: the folder.
        run: of `settings_of`, and once the clips are known with their `fingerprint` as `index`.
        index, parts: of `divided`, by which a folder of an earlier version is known.

    Raises:
        InputError: the folder holds another run, or files that are no run.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give another folder as --out. Received: {out}")
    described = out / "config.json"
    if described.exists():
        there = json.loads(described.read_text())
        asked = json.loads(json.dumps(run))
        if "config" in there:  # a setting that came later has its default
            there["config"] = Config.from_dict(there["config"]).to_dict()
        if not there.get("index", "2:").startswith("2:"):  # of an earlier version
            asked.pop("initial", None)
            if index is not None and not _same_split(out / "split.csv", index, parts):
                raise InputError(
                    f"{out} holds a run of an earlier version with another split, or other clips: give another folder, "
                    f"or delete it to start anew. Received: {out}"
                )
            asked.pop("index", None)
        different = [key for key in asked if there.get(key) != asked[key]]
        if different:
            raise InputError(
                f"{out} holds a run with another {', '.join(different)}: give another folder, or delete it to start "
                f"anew. Received: {out}"
            )
        return (out / "report.json").exists()
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and holds no run: give a new folder as --out. Received: {out}")
    return False


def _same_split(file, index, parts):
    """Whether a run's split.csv lists these clips and these parts, by the names of files; True where there is none."""
    if not file.exists():
        return True  # nothing was trained yet
    there, names = read_csv(file, ("start", "end")), ["emotion", "speaker", "start", "end", "split"]

    def rows(table):
        kept = [name for name in names if name in table and table[name].notna().any()]
        values = table[kept].assign(file=table["file"].map(lambda path: Path(path).name))
        return list(values), values.fillna("").astype(str).to_numpy().tolist()

    return rows(there) == rows(index.assign(split=parts))


def save_model(model, path):
    """`model.save`, whole or not at all."""
    with replacing(path) as part:
        model.save(part)

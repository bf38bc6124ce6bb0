"""One run: index -> model.fit -> the chosen epoch -> model, report and pictures."""

import dataclasses
import functools
import importlib.util
import json
import shutil

import numpy as np
import pandas as pd

from emohrnet_tf import plots
from emohrnet_tf.config import EMOTIONS
from emohrnet_tf.corpora import merge_labels
from emohrnet_tf.data.leakage import APART, LEFT_OUT, named
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.data.targets import joint_speakers, label_sets, make_sphere
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.across import cells
from emohrnet_tf.files import as_path, read_csv, replacing, write_csv, write_json
from emohrnet_tf.labels import check_labels
from emohrnet_tf.model.sphere import DIMENSIONS, Sphere
from emohrnet_tf.presets import PAPER_CHOICES, preset_name
from emohrnet_tf.provenance import provenance
from emohrnet_tf.training.checks import check_settings, checked_config
from emohrnet_tf.training.counts import NETWORKS, count_corpora, count_left_out, names_of_speakers, of_corpora_of
from emohrnet_tf.training.identity import check_unheard, divided, fingerprint, finished, settings_of, sign
from emohrnet_tf.training.measured import with_measured
from emohrnet_tf.training.trainer import Trainer


def train(
    index,
    config,
    out,
    protocol="speaker",
    fold=0,
    seed=0,
    tensorboard=False,
    verbose="auto",
    clips=None,
    trainer=None,
    **split_options,
):
    """Train, choose the epoch, and measure on clips that were used for neither.

    Args:
        index: DataFrame of `corpora.read_corpus` or `corpora.read_index`.
        config: `config.Config`, its dictionary, or the name of a preset.
        out: the run folder. A run that was interrupted there goes on where it stopped; a finished one is returned.
        protocol, fold, **split_options: of `splits.split`.
        seed: of the split, the weights and everything random in training.
        tensorboard: also write TensorBoard's files.
        verbose: Keras' progress bar: "auto", 0, 1 or 2.
        clips, trainer: `pipeline.Clips` of the index (its labels merged) and the `Trainer` of the configuration, or a
            function that gives it for (labels, label sets), where several runs share them.

    Returns:
        The report, as in `out/report.json`. The folder also holds `model.keras`, `config.json`, `split.csv`,
        `log.csv`, `predictions.csv`, `curves.png`, and as the head has them `confusion.png` and `dimensions.png`.

    Raises:
        InputError: a split that cannot be made, no readable clip, a folder that holds another run, or a model to start
            from that has heard what is to be measured or to choose.
    """
    out, config = as_path(out), checked_config(config)
    index = merge_labels(named(index), config.data.merge)
    run = settings_of(config, protocol, fold, seed, **split_options)
    preset = preset_name(config)
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
    check_settings(config, index, protocol)
    if protocol == "all" and config.training.choose != "last":
        raise InputError("Protocol all holds no clip out to choose by: set training.choose=last. Received: validation")
    clips = clips or Clips(index, config.audio.sample_rate)
    index, parts = divided(clips, config, protocol, fold, seed, **split_options)
    run["index"] = fingerprint(index, config.head, clips.marks, parts)
    if finished(out, run, index, parts):
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        draw(report, out)
        return report
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    train_index = clips.index.iloc[rows["train"]]
    labels = labels_of(train_index, config.head)
    sets = label_sets(of_corpora_of(clips.index, train_index), labels, every=config.training.by_corpus)
    left_out = count_left_out(clips.index[parts == LEFT_OUT])
    sphere = make_sphere(clips.index, config.head, rows["train"]) if config.head.dimensions else None
    unheard = check_unheard(config.training.initial, clips, rows) if config.training.initial else True
    speakers = count_speakers(clips.index, parts, protocol, sets) if config.training.joint_speakers else 0
    if trainer is None or callable(trainer):
        trainer = (trainer or functools.partial(Trainer, config))(tuple(labels), sets, speakers)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", run)
    content = [f"{found[0][0]:016x}" for found in clips.marks]
    write_csv(index.assign(split=parts, content=content), out / "split.csv")
    config = with_measured(config, clips, rows["train"]).replace({"network": {"joint_speakers": speakers}})
    write_json(out / "config.json", {**run, "resolved": config.to_dict()})

    state = trainer.fit(clips, rows, config, out, seed, sphere, tensorboard, verbose)

    chosen, test = config.training.choose, clips.index.iloc[rows["test"]]
    weights, results, calibration, across = trainer.choices(state), {}, None, []
    if len(test):
        speakers = names_of_speakers(clips.index)
        speakers = None if speakers is None else speakers[rows["test"]].tolist()
        measured = {choice: trainer.measure(state, weights[choice], speakers) for choice in weights}
        results = {"best_on_test": state.facts["best_on_test"]["report"]}
        results |= {choice: report for choice, (report, *_) in measured.items()}
        _, answers, calibration = measured[chosen]
        truth = trainer.truth(clips.index, sphere)(rows["test"])
        known = test if speakers is None else test.assign(speaker=speakers)
        if "corpus" in known and clips.index.corpus.nunique() < 2:
            known = known.drop(columns="corpus")
        table = predictions_table(known, labels, truth, answers)
        write_csv(table, out / "predictions.csv")
        if protocol in APART and labels:
            across = cells(table[table.emotion.notna()], labels, set(train_index.corpus), left_out)
    trainer.keep(weights[chosen], calibration["temperature"] if calibration else 1.0)
    sign(trainer.model, clips, parts, config.training.initial, trainer.terms)
    save_model(trainer.model, out / "model.keras")
    also = clips.index.get("also", pd.Series(False, index=clips.index.index))
    corpus = ", ".join(sorted(set(clips.index.corpus[~also]))) if "corpus" in clips.index else "corpus not named"
    epochs = {"validation": state.facts["best_epoch"] or None, "last": state.epoch}
    report = {
        **run,
        "preset": preset,
        "config": config.to_dict(),
        "choices": PAPER_CHOICES if preset == "paper" else [],
        "corpus": corpus,
        "sphere": None if sphere is None else dataclasses.asdict(sphere),
        "parameters": trainer.model.network.count_params(),
        "clips": {part: len(numbers) for part, numbers in rows.items()},
        "left_out": left_out,
        "corpora": count_corpora(clips, parts),
        "also": clips.index.corpus[also].value_counts().to_dict() if also.any() else {},
        "failed": clips.failed.to_dict("records"),
        "test_unheard": True if unheard else None,
        "epochs": epochs | {"best_on_test": state.facts["best_on_test"]["epoch"] or None},
        "chosen": chosen,
        "validation": state.facts["epochs"][epochs[chosen] - 1],
        "calibration": calibration,
        "epoch_seconds": float(np.median(state.facts["seconds"])),
        "results": results,
        **({"across": across} if across else {}),
        **provenance(),
    }
    write_json(out / "report.json", report)  # it says that the run is finished
    shutil.rmtree(state.folder)
    draw(report, out)
    return report


def draw(report, out):
    """The pictures of a finished run that are not there yet, from its files; one that fails costs nothing else."""
    chosen, results, head = report["chosen"], report["results"], report["config"]["head"]["kind"]
    network = report["config"]["network"]["architecture"]
    network = NETWORKS.get(network, network)
    title = f"{report['corpus']}, {report['protocol']} fold {report['fold']}, {network}, seed {report['seed']}"

    def curves(path):
        plots.learning_curves(pd.read_csv(out / "log.csv"), report["epochs"][chosen], path, title=title)

    def confusion(path):
        plots.confusion_matrix(results[chosen], path, title=title)

    def dimensions(path):
        true, given = list(DIMENSIONS), [f"true_{name}" for name in DIMENSIONS]
        sphere, table = Sphere(**report["sphere"]), read_csv(out / "predictions.csv", (*true, *given))
        rated = table.dropna(subset=given)
        both = [sphere.to_cube(rated[names].to_numpy("float64")) for names in (given, true)]
        plots.dimensions(results[chosen]["vad"], sphere, *both, path, title=title)

    wanted = {"curves": curves}
    wanted |= {"confusion": confusion} if results and head != "vad" else {}
    wanted |= {"dimensions": dimensions} if results and head != "categorical" else {}
    for name, picture in wanted.items():
        path = out / f"{name}.png"
        if not path.exists():
            with plots.beside_results(path):
                picture(path)


def predictions_table(clips, labels, truth, answers):
    """A row for each clip: what is known of it, its probabilities, and its dimensions on the model's scale."""
    columns = [name for name in ("file", "speaker", "corpus", "emotion") if name in clips]
    table = clips[columns].reset_index(drop=True)
    if "probabilities" in answers:
        table = pd.concat([table, pd.DataFrame(answers["probabilities"].round(6), columns=labels)], axis=1)
    if "dimensions" in answers:
        true = np.where(truth.known[:, None], truth.sphere.from_cube(truth.cube), np.nan)
        for before, values in (("true_", true), ("", truth.sphere.from_cube(answers["dimensions"]))):
            columns = [before + name for name in DIMENSIONS]
            table = pd.concat([table, pd.DataFrame(values.round(6), columns=columns)], axis=1)
    return table


def count_speakers(index, parts, protocol, sets):
    """`targets.joint_speakers`, of corpora that all have the same labels.

    Raises:
        InputError: of it; corpora with other labels: who speaks would say which labels may be given.
    """
    if sets:
        lacks = [corpus for corpus, flags in sets if not all(flags)]
        raise InputError(
            "training.joint_speakers needs corpora that all have the same labels: call what is the same by one name "
            f"(--merge old=new), or train with training.joint_speakers=false. Received: fewer labels in {lacks[0]!r}"
        )
    return joint_speakers(index, parts, protocol)


def labels_of(index, head):
    """Labels of a model for an index: none for a head "vad"."""
    return ordered(index.emotion.dropna().unique()) if head.emotions else []


def ordered(emotions):
    """Labels in a fixed order: the field's eight first, then any others by name."""
    return [e for e in EMOTIONS if e in set(emotions)] + sorted(set(emotions) - set(EMOTIONS))


def save_model(model, path):
    """`model.save`, whole or not at all."""
    with replacing(path) as part:
        model.save(part)

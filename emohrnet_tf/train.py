"""One run: index -> model.fit -> the chosen epoch -> model, report and pictures."""

import dataclasses
import hashlib
import importlib.util
import json
import math
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf import plots
from emohrnet_tf.augment import paper_mask_limits
from emohrnet_tf.calibration import clip_probabilities, fit_temperature, negative_log_likelihood, risk_coverage
from emohrnet_tf.checkpoints import ClipScores, RunState, scorer
from emohrnet_tf.config import PAPER_CHOICES
from emohrnet_tf.data import Clips, training_batches, window_batches
from emohrnet_tf.emohrnet import EmoHRNet, heard, load_model
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluate import evaluate
from emohrnet_tf.files import replacing
from emohrnet_tf.hrnet import build_network, read_table
from emohrnet_tf.layers import BatchNorm
from emohrnet_tf.provenance import provenance
from emohrnet_tf.report import write_json
from emohrnet_tf.splits import split

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")


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
        clips, trainer: `data.Clips` of the index and the `Trainer` of the configuration, where several runs share
            them.

    Returns:
        The report, as in `out/report.json`. The folder also holds `model.keras`, `config.json`, `split.csv`,
        `log.csv`, `predictions.csv`, `curves.png` and `confusion.png`.

    Raises:
        InputError: a split that cannot be made, no readable clip, or a folder that holds another run.
    """
    out = Path(out)
    run = run_of(index, config, protocol, fold, seed, preset, **split_options)
    if finished(out, run):
        return json.loads((out / "report.json").read_text())
    if index.emotion.nunique() < 2:
        raise InputError(f"Clips of two emotions or more are needed. Received: {sorted(index.emotion.unique())!r}")
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
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    labels = ordered(clips.index.emotion.unique())
    targets = clips.index.emotion.map(labels.index).to_numpy()
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

    state = trainer.fit(clips, rows, targets, config, out, seed, tensorboard, verbose)

    chosen, test = config.training.choose, clips.index.iloc[rows["test"]]
    results, calibration = {}, None
    if len(test):
        speakers = test.speaker.tolist() if "speaker" in test else None
        results, calibration, probabilities = trainer.judge(state, chosen, speakers)
        columns = [name for name in ("file", "speaker", "emotion") if name in test]
        probabilities = pd.DataFrame(probabilities.round(6), columns=labels)
        write_csv(pd.concat([test[columns].reset_index(drop=True), probabilities], axis=1), out / "predictions.csv")
    else:
        trainer.model.network.set_weights(trainer.network.get_weights())
    save_model(trainer.model, out / "model.keras")
    also = clips.index.get("also", pd.Series(False, index=clips.index.index))
    corpus = ", ".join(sorted(set(clips.index.corpus[~also]))) if "corpus" in clips.index else "corpus not named"
    epochs = {"validation": state.facts["best_epoch"] or None, "last": state.epoch}
    report = {
        **run,
        "config": config.to_dict(),
        "choices": PAPER_CHOICES if preset == "paper" else [],
        "corpus": corpus,
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
    title = f"{corpus}, {protocol} fold {fold}, {config.network.architecture}, seed {seed}"
    plots.learning_curves(state.log(), epochs[chosen], out / "curves.png", title=title)
    if results:
        plots.confusion_matrix(results[chosen], out / "confusion.png", title=title)
    write_json(out / "report.json", report)  # the last file: it says that the run is finished
    shutil.rmtree(state.folder)
    return report


def run_of(index, config, protocol, fold, seed, preset, **split_options):
    """What tells a run from another, as its folder and its report hold it."""
    run = {"protocol": protocol, "fold": fold, "seed": seed, **split_options, "preset": preset}
    return run | {"index": fingerprint(index), "config": config.to_dict()}


def check_settings(config):
    """Say what is wrong with a configuration without building anything.

    Raises:
        InputError: a setting out of its range.
    """
    read_table(config.network.architecture, config.network.stem, (config.audio.frames, config.audio.mels))
    learning_rate(config.training, 0)
    if config.training.choose not in ("validation", "last"):
        raise InputError(f"training.choose is validation or last. Received: {config.training.choose!r}")
    if min(config.training.epochs, config.training.batch_size, config.training.evaluate_every) < 1:
        raise InputError("training.epochs, batch_size and evaluate_every are 1 or more. Received: 0 or less")


class Trainer:
    """A network for any number of runs, one after another: built and traced once, its weights drawn anew for each.

    Args:
        config: `config.Config` of all of them.
        labels: names of the emotions.

    Attributes:
        network: the compiled network.
        model: the `EmoHRNet`, in float32, that takes a run's chosen weights.
    """

    def __init__(self, config, labels):
        self.config, self.labels = config, labels
        devices = [device.name for device in tf.config.list_logical_devices("GPU")]
        strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else tf.distribute.get_strategy()
        with strategy.scope():
            self.network = trainable(config, len(labels), synchronized=strategy.num_replicas_in_sync > 1)
        self.model = EmoHRNet(labels, config.audio, config.network)
        self.score, self.score_model = scorer(self.network), scorer(self.model.network)
        self.blank = [variable.numpy() for variable in self.network.optimizer.variables]

    def reset(self, seed):
        """Weights as `seed` draws them (or those of `training.initial`), and a blank optimizer."""
        keras.utils.set_random_seed(seed)
        drawn = untrained(self.config, len(self.labels))
        for variable, value in zip(self.network.variables, drawn.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self.network.optimizer.variables, self.blank, strict=True):
            variable.assign(value)
        self.model.temperature = 1.0  # its weights come from the network, and were never divided
        if self.config.training.initial:
            start_from(self.network, self.labels, load_model(self.config.training.initial))

    def judge(self, state, chosen, speakers=None):
        """Measure the epochs that a run could be about, and put the chosen one, calibrated, into `model`.

        What is measured is what is saved: the model of the exports, in float32.

        Args:
            state: the `RunState` of `fit`.
            chosen: "validation" or "last".
            speakers: of the test clips.

        Returns:
            `(results, calibration, probabilities)`: a report of `evaluate` for each way to choose the epoch; the
            temperature and what it changed; and the chosen epoch's probabilities `(test clips, classes)`.
        """
        parts, results = state.scores.parts, {"best_on_test": state.facts["best_on_test"]["report"]}
        last = self.network.get_weights()
        (_, val_owners, val_true), (_, owners, true) = parts["val"], parts["test"]
        for choice in sorted(("validation", "last"), key=chosen.__eq__):  # the chosen one stays in the model
            if choice == "validation":
                self.network.load_weights(state.best_file)
            else:
                self.network.set_weights(last)
            self.model.network.set_weights(self.network.get_weights())
            logits = {part: state.scores.window_logits(part, self.score_model) for part in parts}
            temperature = fit_temperature(logits["val"], val_owners, val_true)
            probabilities = clip_probabilities(logits["test"], owners, temperature)
            results[choice] = evaluate(self.labels, true, probabilities, speakers)
            results[choice]["coverage"] = risk_coverage(self.labels, true, probabilities)
        calibration = {"temperature": temperature, "clips": len(val_true)}
        for name, values in (("before", clip_probabilities(logits["test"], owners)), ("after", probabilities)):
            calibration[f"ece_{name}"] = evaluate(self.labels, true, values, bootstrap=0)["ece"]
            calibration[f"loss_{name}"] = negative_log_likelihood(true, values)
        self.model.calibrate(temperature)
        return results, calibration, probabilities

    def fit(self, clips, rows, targets, config, out, seed, tensorboard=False, verbose="auto"):
        """Train through `model.fit`, from the last finished epoch in `out` if there is one.

        Returns:
            The `RunState`; `network` is as after the last epoch.
        """
        settings = config.training
        self.reset(seed)
        held_out = {
            prefix: (*window_batches(clips, rows[part], config.audio), targets[rows[part]])
            for prefix, part in (("val", "validation"), ("test", "test"))
            if len(rows[part])
        }
        scores = ClipScores(held_out, self.labels, self.score, settings.evaluate_every, settings.epochs)
        state = RunState(out / "checkpoints", scores)
        state.restore(self.network)
        write = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: write_csv(state.log(), out / "log.csv"))
        rate = keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(settings, epoch))
        callbacks = [rate, scores, state.checkpoint(), state, write]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(out / "tensorboard"))
        batches, steps = training_batches(
            clips, rows["train"], targets[rows["train"]], len(self.labels), config, seed, state.epoch
        )
        self.network.fit(
            batches,
            steps_per_epoch=steps,
            epochs=settings.epochs,
            initial_epoch=state.epoch,
            callbacks=callbacks,
            shuffle=False,  # the batches come shuffled
            verbose=verbose,
        )
        return state


def untrained(config, classes):
    """The network of a configuration, its weights just drawn."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if config.training.mixed_precision else "float32")
    try:
        return build_network(config.audio.frames, config.audio.mels, classes, **dataclasses.asdict(config.network))
    finally:
        keras.config.set_dtype_policy(policy)


def trainable(config, classes, synchronized=False):
    """The compiled network of a configuration."""
    network = untrained(config, classes)
    if synchronized:
        for layer in network._flatten_layers():
            if isinstance(layer, BatchNorm):
                layer.synchronized = True
    network.compile(
        make_optimizer(config.training),
        smoothed_cross_entropy(config.training.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # XLA is slower here on processors
    )
    network.optimizer.build(network.trainable_variables)
    return network


class CoupledAdam(keras.optimizers.Adam):
    """Adam whose weight decay is added to the gradients, as torch's: `gradient + decay * variable`."""

    def __init__(self, learning_rate=1e-3, decay=1e-4, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.decay = decay

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient + self.decay * keras.ops.cast(variable, gradient.dtype), variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


def make_optimizer(settings):
    """Adam 0.9/0.999 of a `config.Training`, with coupled or decoupled weight decay."""
    if settings.coupled_weight_decay:
        return CoupledAdam(settings.learning_rate, settings.coupled_weight_decay)
    optimizer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def learning_rate(settings, epoch):
    """The rate of an epoch, counted from 0: a linear rise over the warm-up, then constant or half a cosine to zero."""
    if settings.schedule not in ("constant", "cosine"):
        raise InputError(f"training.schedule is constant or cosine. Received: {settings.schedule!r}")
    if epoch < settings.warmup_epochs:
        return settings.learning_rate * (epoch + 1) / (settings.warmup_epochs + 1)
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (epoch - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def start_from(network, labels, model):
    """Put the weights of a model into a network; of its last layer, those of the labels that both know.

    Raises:
        InputError: another architecture or input size.
    """
    source = model.network.get_weights()
    target = network.get_weights()
    if [w.shape for w in source[:-2]] != [w.shape for w in target[:-2]]:
        raise InputError(
            f"training.initial needs the settings of the run: architecture {model.settings.architecture!r}. "
            "Received: weights of other shapes"
        )
    for new, label in enumerate(labels):
        if label in model.labels:
            old = model.labels.index(label)
            target[-2][:, new], target[-1][new] = source[-2][:, old], source[-1][old]
    network.set_weights([*source[:-2], *target[-2:]])


def smoothed_cross_entropy(smoothing=0.0):
    """Cross-entropy (eq. 3) of logits against probabilities, both `(batch, classes)`, with label smoothing."""

    def cross_entropy(true, logits):
        true = true * (1.0 - smoothing) + smoothing / logits.shape[-1]
        return keras.ops.categorical_crossentropy(true, logits, from_logits=True)

    return cross_entropy


def with_measured_masks(config, clips, rows):
    """The configuration with the paper's mask limits measured on the training clips, where it asks for them."""
    settings = config.augmentation
    if settings.freq_mask_bins != "pitch" and settings.time_mask_share != "duration":
        return config
    bins, share = paper_mask_limits((clips.waveform(row) for row in rows), config.audio)
    changed = {"freq_mask_bins": bins} if settings.freq_mask_bins == "pitch" else {}
    changed |= {"time_mask_share": share} if settings.time_mask_share == "duration" else {}
    return config.replace({"augmentation": changed})


def ordered(emotions):
    """Labels in a fixed order: the field's eight first, then any others by name."""
    return [e for e in EMOTIONS if e in set(emotions)] + sorted(set(emotions) - set(EMOTIONS))


def fingerprint(index):
    """A short hash of the clips and labels of an index: two runs with the same one saw the same data."""
    text = index[["file", "emotion"]].assign(file=index.file.map(lambda f: Path(f).name)).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(out, run):
    """Whether the run folder holds this run's report; False where it holds an unfinished one, or nothing.

    Raises:
        InputError: the folder holds another run, or files that are no run.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give another folder as --out. Received: {out}")
    described = out / "config.json"
    if described.exists():
        there = json.loads(described.read_text())
        different = [key for key in run if there.get(key) != json.loads(json.dumps(run[key]))]
        if different:
            raise InputError(
                f"{out} holds a run with another {', '.join(different)}: give another folder, or delete it to start "
                f"anew. Received: {out}"
            )
        return (out / "report.json").exists()
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and holds no run: give a new folder as --out. Received: {out}")
    return False


def save_model(model, path):
    """`model.save`, whole or not at all."""
    with replacing(path) as part:
        model.save(part)


def write_csv(table, path):
    """`table.to_csv`, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False)

"""What lets a killed run go on as if nothing had happened, and what its epochs are judged by."""

import json
import math
import time

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from emohrnet_tf.errors import TrainingDiverged
from emohrnet_tf.evaluation.calibration import fit_temperature, negative_log_likelihood, pool_windows
from emohrnet_tf.evaluation.metrics import answers_report
from emohrnet_tf.files import replacing

HIGHEST_LOSS = 1000.0  # of an epoch: an untrained network has 2 to 10, of emotions and dimensions together


class ClipScores(keras.callbacks.Callback):
    """Adds loss, accuracy, UAR and CCC per clip of held-out parts to the epoch's logs, for ModelCheckpoint to look at.

    `fit`'s own validation would score windows; this scores clips, each the mean over its windows, as inference does.

    Args:
        parts: prefix of the log -> `(dataset, owners, truth)`: of `pipeline.window_batches`, and `metrics.Truth`.
        labels: names of the emotions.
        score: function from log-mels to outputs by the network as it is, see `scorer`.
        every, epochs: epochs between scores, and the last epoch, which is always scored.
    """

    def __init__(self, parts, labels, score, every=1, epochs=0):
        super().__init__()
        self.parts, self.labels, self.score, self.every, self.epochs = parts, labels, score, every, epochs
        self.test_report = None  # of the epoch, calibrated; None where it was not scored

    def windows(self, prefix, score=None):
        """What the network says of the windows of a part: dictionary of `logits` and `dimensions`, as it has them."""
        batches = [(score or self.score)(log_mels) for log_mels in self.parts[prefix][0]]
        return {name: np.concatenate([batch[name].numpy() for batch in batches]) for name in batches[0]}

    def temperature(self, windows):
        """`(temperature, clips)` that calibrates: of the validation clips with an emotion, `(1.0, 0)` without any.

        Args:
            windows: by part, of `windows`.
        """
        if "val" not in self.parts or not self.labels:
            return 1.0, 0
        _, owners, truth = self.parts["val"]
        known = truth.emotion >= 0
        if not known.any():
            return 1.0, 0
        kept = known[owners]
        numbers = (np.cumsum(known) - 1)[owners[kept]]  # of the clips that are left
        return fit_temperature(windows["val"]["logits"][kept], numbers, truth.emotion[known]), int(known.sum())

    def on_epoch_end(self, epoch, logs=None):
        self.test_report = None
        if (epoch + 1) % self.every and epoch + 1 != self.epochs:
            return
        windows = {prefix: self.windows(prefix) for prefix in self.parts}
        if not all(np.isfinite(values).all() for part in windows.values() for values in part.values()):
            logs["val_loss"] = math.nan  # no clip's fault: `StopDiverged` ends the training
            return
        for prefix, (_, owners, truth) in self.parts.items():
            answers = pool_windows(windows[prefix], owners)
            report = answers_report(self.labels, truth, answers, bootstrap=0)
            if "probabilities" in answers:
                rows = truth.emotion >= 0
                logs[f"{prefix}_loss"] = negative_log_likelihood(truth.emotion[rows], answers["probabilities"][rows])
                logs[f"{prefix}_accuracy"], logs[f"{prefix}_uar"] = report["war"], report["uar"]
            if "dimensions" in answers:
                logs[f"{prefix}_ccc"] = report["ccc"]
        if "test" in self.parts:  # calibrated, as the result beside which it may be shown
            _, owners, truth = self.parts["test"]
            answers = pool_windows(windows["test"], owners, self.temperature(windows)[0])
            self.test_report = answers_report(self.labels, truth, answers, bootstrap=0)


def scorer(network):
    """A traced function from what a network takes to the outputs that inference uses, by name."""

    def score(log_mels):
        outputs = network(log_mels, training=False)
        outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
        return {name: outputs[name] for name in ("logits", "dimensions") if name in outputs}

    taken = tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), tf.float32), network.input)
    return tf.function(score, input_signature=[taken])


class StopDiverged(keras.callbacks.Callback):
    """Ends a training that has run away, before its epoch is saved; stands after `ClipScores` and before the others.

    Raises:
        TrainingDiverged: a loss that is not finite or above `HIGHEST_LOSS`, or weights or answers that are not finite.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            self._stop(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        finite = all(map(math.isfinite, logs.values()))
        if not finite or logs["loss"] > HIGHEST_LOSS or not all(np.isfinite(w).all() for w in self.model.get_weights()):
            self._stop(logs["loss"])

    def _stop(self, loss):
        rate = float(self.model.optimizer.learning_rate.numpy())
        raise TrainingDiverged(
            f"The training diverged in epoch {self.epoch + 1} (mean loss {loss:.3g}): lower training.learning_rate, or "
            f"raise training.warmup_epochs, in a new folder. Received: a rate of {rate:g} in this epoch"
        )


class BestWeights(keras.callbacks.ModelCheckpoint):
    """ModelCheckpoint that passes over epochs in which nothing was scored."""

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor in logs:
            super().on_epoch_end(epoch, logs)


class RunState(keras.callbacks.Callback):
    """Weights, optimizer, log and best epoch in one file, replaced whole at the end of every epoch.

    It stands after ModelCheckpoint, whose weights of each new best epoch go to a file of their own: until the state
    names it, the file before it is kept, so a kill at any moment, in the middle of a save too, leaves a whole pair.
    (Keras' BackupAndRestore writes in place, and forgets what the best was.)

    Args:
        folder: where the state and the best weights lie.
        scores: the `ClipScores` of the run.
        monitor: what ModelCheckpoint looks at; higher is better.
    """

    def __init__(self, folder, scores, monitor="val_accuracy"):
        super().__init__()
        self.folder, self.scores, self.monitor = folder, scores, monitor
        self.file = folder / "state.npz"
        self.facts = {"epochs": [], "seconds": [], "best_epoch": 0, "best_on_test": {"epoch": 0, "report": None}}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def epoch(self):
        """Finished epochs."""
        return len(self.facts["epochs"])

    @property
    def best(self):
        """Highest value of the monitor so far, or None."""
        return self.facts["epochs"][self.facts["best_epoch"] - 1][self.monitor] if self.facts["best_epoch"] else None

    @property
    def best_file(self):
        return self.folder / f"best-{self.facts['best_epoch']:04d}.weights.h5"

    def checkpoint(self):
        """The ModelCheckpoint that belongs to this state."""
        return BestWeights(
            str(self.folder / "best-{epoch:04d}.weights.h5"),
            monitor=self.monitor,
            mode="max",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=self.best,
        )

    def restore(self, network):
        """Put the last finished epoch back into a compiled network; nothing happens where there is none."""
        if not self.file.exists():
            return
        with np.load(self.file) as saved:
            self.facts = json.loads(str(saved["facts"]))
            for number, variable in enumerate(_variables(network)):
                variable.assign(saved[f"variable{number}"])

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        facts, previous = self.facts, self.best
        facts["epochs"].append({name: float(value) for name, value in logs.items()})  # unrounded: ties stay ties
        facts["seconds"].append(round(time.perf_counter() - self.began, 2))
        if self.monitor in logs and (previous is None or logs[self.monitor] > previous):
            facts["best_epoch"] = epoch + 1
        test, so_far = self.scores.test_report, facts["best_on_test"]["report"]
        score = "war" if self.monitor == "val_accuracy" else "ccc"
        if test is not None and (so_far is None or test[score] > so_far[score]):
            facts["best_on_test"] = {"epoch": epoch + 1, "report": test}
        arrays = {f"variable{n}": v.numpy() for n, v in enumerate(_variables(self.model))}
        with replacing(self.file) as part:
            np.savez(part, facts=json.dumps(facts), **arrays)
        for file in self.folder.glob("best-*.weights.h5"):
            if file != self.best_file:
                file.unlink()

    def log(self):
        """The epochs so far as a DataFrame: epoch, loss, accuracy, val_..., test_... ."""
        log = pd.DataFrame(self.facts["epochs"]).round(6)
        log.insert(0, "epoch", range(1, len(log) + 1))
        return log


def _variables(network):
    """Weights, seed states and optimizer slots, in an order that building the same network again gives."""
    return [*network.variables, *network.optimizer.variables]

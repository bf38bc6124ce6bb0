"""A network for any number of runs: built and traced once, trained through model.fit, its epochs judged."""

import keras
import tensorflow as tf

from emohrnet_tf.data.balance import of_clips, units
from emohrnet_tf.data.pipeline import batch_of, training_batches, window_batches
from emohrnet_tf.data.targets import corpus_targets, emotion_numbers, joint_targets, make_targets, read_vad
from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.calibration import negative_log_likelihood, pool_windows, risk_coverage
from emohrnet_tf.evaluation.metrics import Truth, answers_report, classification_report
from emohrnet_tf.files import write_csv
from emohrnet_tf.model.emohrnet import EmoHRNet
from emohrnet_tf.model.heads import MeanOverCorpora
from emohrnet_tf.model.saved import load_model
from emohrnet_tf.training.callbacks import ClipScores, RunState, StopDiverged, scorer
from emohrnet_tf.training.network import start_from, trainable, untrained
from emohrnet_tf.training.optimizer import learning_rate


class Trainer:
    """A network for any number of runs, one after another: built and traced once, its weights drawn anew for each.

    A run is `fit`, then `choices` of its epochs, `measure` of each, and `keep` of the one that it is about.

    Args:
        config: `config.Config` of all of them.
        labels: names of the emotions; none for a head "vad".
        sets: of `targets.label_sets`, where several corpora with other labels train.
        speakers: of `targets.joint_speakers`, for `training.joint_speakers`.

    Attributes:
        network: the compiled network.
        model: the `EmoHRNet`, in float32, that takes a run's chosen weights.
    """

    def __init__(self, config, labels, sets=(), speakers=0):
        config = config.replace({"network": {"joint_speakers": speakers}})
        self.config, self.labels, self.sets = config, list(labels), sets
        devices = [device.name for device in tf.config.list_logical_devices("GPU")]
        strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else tf.distribute.get_strategy()
        self.devices = strategy.num_replicas_in_sync
        with strategy.scope():
            flags = [flags for _, flags in sets] or None
            self.by_corpus = flags if config.training.by_corpus and len(sets) > 1 else ()
            self.network, self.schedule = trainable(config, len(labels), self.devices > 1, flags, self.by_corpus)
        self.model = EmoHRNet(labels, config.audio, config.network, head=config.head)
        self.score, self.score_model = scorer(self.network), scorer(self.model.network)
        self.terms = None  # what `training.initial` was trained on, and its licence
        self.blank = [variable.numpy() for variable in self.network.optimizer.variables]

    def reset(self, seed, initial=None):
        """Weights as `seed` draws them, or those of the model `initial`, and a blank optimizer."""
        keras.utils.set_random_seed(seed)
        drawn = untrained(self.config, len(self.labels), self.by_corpus)
        for variable, value in zip(self.network.variables, drawn.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self.network.optimizer.variables, self.blank, strict=True):
            variable.assign(value)
        self.model.temperature = 1.0  # its weights come from the network, and were never divided
        self.terms = None
        if initial:
            initial = load_model(initial)
            start_from(self.network, self.labels, initial, self.config.network)
            self.terms = (list(initial.trained_on), initial.licence)

    def fit(self, clips, rows, config, out, seed, sphere=None, tensorboard=False, verbose="auto"):
        """Train through `model.fit`, from the last finished epoch in `out` if there is one.

        Args:
            clips: `pipeline.Clips`.
            rows: numbers of the clips of `train`, `validation` and `test`.
            config: the trainer's own, with the paper's masks measured.
            out, seed, tensorboard, verbose: of `run.train`.
            sphere: `sphere.Sphere`, for a head with dimensions.

        Returns:
            The `RunState`; `network` is as after the last epoch.

        Raises:
            InputError: a batch that does not divide among the devices.
            TrainingDiverged: see `callbacks.StopDiverged`.
        """
        settings, index = config.training, clips.index
        size, _ = batch_of(config, len(rows["train"]), config.network.reference)
        each = settings.speaker_clips if config.network.reference else 1
        if size % (self.devices * each):
            groups = f", in groups of {each}" if each > 1 else ""
            raise InputError(
                f"Setting training.batch_size must divide among the {self.devices} devices here{groups}. "
                f"Received: {size}"
            )
        self.reset(seed, settings.initial)
        self.model.sphere = sphere
        self.model.hear_by(config.audio)
        truth, functionals = self.truth(index, sphere), config.network.functionals
        held_out = {
            prefix: (*window_batches(clips, rows[part], config.audio, functionals=functionals), truth(rows[part]))
            for prefix, part in (("val", "validation"), ("test", "test"))
            if len(rows[part])
        }
        scores = ClipScores(held_out, self.labels, self.score, settings.evaluate_every, settings.epochs)
        state = RunState(out / "checkpoints", scores, "val_accuracy" if config.head.emotions else "val_ccc")
        state.restore(self.network)
        write = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: write_csv(state.log(), out / "log.csv"))
        rate = keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(settings, epoch))
        callbacks = [rate, *self.schedule, scores, StopDiverged(), state.checkpoint(), state, write]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(out / "tensorboard"))
        targets = make_targets(index, self.labels, config.head, sphere, rows["train"], self.sets)
        targets = {name: values[rows["train"]] for name, values in targets.items()}
        if settings.joint_speakers:
            targets["logits_joint"] = joint_targets(index, self.labels, rows["train"], settings.label_smoothing)
        train = index.iloc[rows["train"]]
        several = "corpus" in train and train.corpus.nunique() > 1
        balance = several if config.data.balance is None else config.data.balance
        evenly, voices = units(train) if balance else None, None
        if config.network.reference:
            voices = units(train) if balance else of_clips(train)
            targets["relative_logits"] = targets["logits"]
        if self.by_corpus:
            of_own = corpus_targets(targets["logits"], self.sets, settings.label_smoothing)
            targets |= {f"{name}_corpora": of_own for name in ("logits", "relative_logits") if name in targets}
        several_outputs = isinstance(self.network.output, dict)
        batches, steps = training_batches(
            clips, rows["train"], targets if several_outputs else targets["logits"], config, seed, state.epoch,
            units=evenly, voices=voices,
        )  # fmt: skip
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

    def truth(self, index, sphere=None):
        """A function from numbers of clips to what is known of them, as `metrics.Truth`."""
        emotion = emotion_numbers(index, self.labels)
        cube, known = (None, None) if sphere is None else read_vad(index)
        of = lambda values, rows: None if values is None else values[rows]  # noqa: E731
        return lambda rows: Truth(emotion[rows], of(cube, rows), of(known, rows), sphere)

    def choices(self, state):
        """Weights of the epochs that a run could be about: `{"validation": ..., "last": ...}`, as there are clips.

        Args:
            state: the `RunState` of `fit`.
        """
        choices = {"last": self.network.get_weights()}
        if "val" in state.scores.parts:
            self.network.load_weights(state.best_file)
            choices["validation"] = self.network.get_weights()
            self.network.set_weights(choices["last"])
        return choices

    def measure(self, state, weights, speakers=None):
        """An epoch on the test clips, calibrated on the validation clips where there are any.

        What is measured is what `keep` saves: the model of the exports, in float32.

        Args:
            state: the `RunState` of `fit`.
            weights: of the epoch.
            speakers: of the test clips.

        Returns:
            `(report, answers, calibration)`: of `answers_report`; what the epoch says of the test clips; and the
            temperature with what it changed, None where there are no emotions or no validation clips.
        """
        self.take(weights)
        scores, labels = state.scores, self.labels
        windows = {part: scores.windows(part, self.score_model) for part in scores.parts}
        (_, owners, truth), (temperature, clips) = scores.parts["test"], scores.temperature(windows)
        answers = pool_windows(windows["test"], owners, temperature)
        report, calibration = answers_report(labels, truth, answers, speakers), None
        if labels:
            rows = truth.emotion >= 0
            true, after = truth.emotion[rows], answers["probabilities"][rows]
            report["coverage"] = risk_coverage(labels, true, after)
        if clips:
            calibration = {"temperature": temperature, "clips": clips}
            before = pool_windows(windows["test"], owners)["probabilities"][rows]
            for name, probabilities in (("before", before), ("after", after)):
                calibration[f"ece_{name}"] = classification_report(labels, true, probabilities, bootstrap=0)["ece"]
                calibration[f"loss_{name}"] = negative_log_likelihood(true, probabilities)
        return report, answers, calibration

    def keep(self, weights, temperature=1.0):
        """Put an epoch into `model`, its logits divided by the temperature."""
        self.take(weights)
        if self.labels:
            self.model.calibrate(temperature)

    def take(self, weights):
        """Give `model` the weights of an epoch; the last layers of several corpora become one, their mean."""
        if not self.by_corpus:
            self.model.network.set_weights(weights)
            return
        self.network.set_weights(weights)
        for layer in self.model.network.layers:
            trained = self.network.get_layer(layer.name)
            if isinstance(trained, MeanOverCorpora):
                kernel, bias = self.network.get_layer(f"{layer.name}_corpora").weights
                layer.set_weights([trained(kernel).numpy(), trained(bias[None])[0].numpy()])
            else:
                layer.set_weights(trained.get_weights())

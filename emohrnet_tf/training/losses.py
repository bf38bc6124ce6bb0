"""What training lowers: cross-entropy of emotions (eq. 3), CCC of dimensions, cross-entropy of the sphere's regions."""

import functools

import keras
from keras import ops

from emohrnet_tf.config import Head
from emohrnet_tf.model.heads import TASKS
from emohrnet_tf.model.sphere import DIMENSIONS, auxiliary_weight


def smoothed_cross_entropy(smoothing=0.0):
    """Cross-entropy (eq. 3) of logits against probabilities, both `(batch, classes)`, with label smoothing."""

    def cross_entropy(true, logits):
        true = true * (1.0 - smoothing) + smoothing / logits.shape[-1]
        return ops.categorical_crossentropy(true, logits, from_logits=True)

    return cross_entropy


def label_set_cross_entropy(true, logits, label_sets, smoothing=0.0):
    """Cross-entropy of clips of corpora that do not have the same labels: a value for each row, `(batch,)`.

    That no clip of a corpus is called calm does not say that none of its clips is calm: nobody asked. So the softmax of
    a clip runs over the labels that its corpus has, and the logits of the others get no gradient from it: it says
    nothing for them and nothing against them. (Alternatives: a sigmoid for each label has no probabilities that sum to
    1; taking a missing label as "no" teaches a network to tell corpora by their microphones.) Smoothing, too, gives
    its share to the corpus' own labels alone. With one label set of all labels this is `smoothed_cross_entropy`.

    Everything is linear in `true`, so a clip mixed of two (mixup) has the mean of both clips' losses, each over the
    labels of its own corpus. Neither the union nor the intersection of the two sets gives that: with the union either
    clip would speak against labels that only the other's corpus has, and the intersection may lack both labels.

    Args:
        true: `(batch, classes + sets)`: probabilities of the labels, then the share of each label set, which is 1 for
            the clip's own corpus where nothing is mixed; a row of zeros has no label and loses nothing.
        logits: `(batch, classes)`.
        label_sets: `(sets, classes)` of 0 and 1: which labels each corpus has.
        smoothing: of the labels.
    """
    sets = ops.convert_to_tensor(label_sets, "float32")
    logits, true = ops.cast(logits, "float32"), ops.cast(true, "float32")
    target, share = true[:, : sets.shape[1]], true[:, sets.shape[1] :]
    own = ops.where(sets[None] > 0, logits[:, None], -1e9)  # (batch, sets, classes)
    spread = ops.matmul(share, sets / ops.sum(sets, axis=1, keepdims=True))
    target = target * (1.0 - smoothing) + smoothing * spread
    return ops.sum(share * ops.logsumexp(own, axis=-1), axis=-1) - ops.sum(target * logits, axis=-1)


def corpus_cross_entropy(true, each, label_sets):
    """Cross-entropy of clips by the last layer of their own corpus (`heads.MeanOverCorpora`), `(batch,)`.

    Args:
        true: `(batch, corpora * classes)`: probabilities of the labels at the place of the clip's corpus, of sum 1; of
            a clip mixed of two, both.
        each: logits of the same shape.
        label_sets: of `label_set_cross_entropy`: the softmax runs over the labels that the corpus has.
    """
    sets = ops.convert_to_tensor(label_sets, "float32")
    true, each = (ops.reshape(ops.cast(x, "float32"), (-1, *sets.shape)) for x in (true, each))
    whole = ops.logsumexp(ops.where(sets[None] > 0, each, -1e9), axis=-1)
    return ops.sum(ops.sum(true, axis=-1) * whole, axis=-1) - ops.sum(true * each, axis=(1, 2))


def masked_cross_entropy(true, logits, smoothing=0.0, label_sets=None):
    """Mean cross-entropy of the rows that have a label: a scalar, 0 where none has.

    Args:
        true: `(batch, classes)`; a row of zeros has no label, one that sums to w counts w times.
        logits: `(batch, classes)`.
        smoothing: of the labels.
        label_sets: of `label_set_cross_entropy`, whose `true` it then takes; None for one set of all labels.
    """
    if label_sets is not None:
        known = ops.cast(ops.sum(true, axis=-1) > 0, "float32")
        lost = ops.sum(label_set_cross_entropy(true, logits, label_sets, smoothing))
        return lost / ops.maximum(ops.sum(known), 1.0)
    # not categorical_crossentropy, whose gradient in TensorFlow is only right for rows that sum to 1
    known = ops.cast(ops.sum(true, axis=-1) > 0, logits.dtype)
    weight = ops.sum(true, axis=-1, keepdims=True)
    true = true * (1.0 - smoothing) + weight * smoothing / logits.shape[-1]
    lost = -ops.sum(true * ops.log_softmax(logits), axis=-1)
    return ops.sum(lost) / ops.maximum(ops.sum(known), 1.0)


def concordance_loss(true, predicted, known=None, epsilon=1e-6):
    """Sum over the dimensions of 1 - CCC: a scalar of the whole batch.

    Args:
        true, predicted: float `(batch, dimensions)`; rows that are not known may hold anything finite.
        known: `(batch,)` 1 where a row has labels, 0 where it has none; None for all.
        epsilon: keeps the gradient finite on batches that are constant.

    Returns:
        Scalar, differentiable; 0 where no row is known.
    """
    known = ops.ones_like(predicted[:, 0]) if known is None else ops.cast(known, predicted.dtype)
    count = ops.sum(known)
    share = (known / ops.maximum(count, 1.0))[:, None]
    mean = lambda x: ops.sum(share * x, axis=0)  # noqa: E731
    true_mean, predicted_mean = mean(true), mean(predicted)
    true, predicted = true - true_mean, predicted - predicted_mean
    spread = mean(true**2) + mean(predicted**2) + (true_mean - predicted_mean) ** 2
    lost = ops.sum(1.0 - 2.0 * mean(true * predicted) / (spread + epsilon))
    return ops.where(count > 0, lost, 0.0)


def of_whole_batch(measure, shared=False):
    """A measure that is one number for a batch, taken of the whole batch where several devices each have a part.

    The mean over parts is not the measure of the whole: CCC is not linear, and a part may hold few rows with labels.

    Args:
        measure: function of `(true, predicted)` to a scalar.
        shared: give each device its share of the number: `fit` adds up what the devices lose.
    """

    @functools.wraps(measure)
    def of_devices(true, predicted):
        devices, together = 1, lambda x: x
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            devices, context = tf.distribute.get_strategy().num_replicas_in_sync, tf.distribute.get_replica_context()
            if devices > 1 and context is not None:
                gather = functools.partial(context.all_gather, axis=0)
                together = lambda x: tf.ensure_shape(gather(x), (None, *x.shape[1:]))  # noqa: E731
        value = measure(together(true), together(predicted))
        return value / devices if shared else value

    return of_devices


def masked_accuracy(true, logits):
    """Share of a batch's rows that have a label and are given it, for the progress bar.

    `true` may go on behind the labels, as that of `label_set_cross_entropy`.
    """
    true = true[:, : logits.shape[-1]]
    known = ops.cast(ops.sum(true, axis=-1) > 0, logits.dtype)
    right = ops.cast(ops.argmax(true, axis=-1) == ops.argmax(logits, axis=-1), logits.dtype)
    return ops.sum(right * known) / ops.maximum(ops.sum(known), 1.0)


def batch_concordance(true, predicted):
    """Mean CCC over the dimensions of a batch's rows that have labels, for the progress bar."""
    cube, known = split_known(true)
    return 1.0 - concordance_loss(cube, predicted, known) / len(DIMENSIONS)


def split_known(true):
    """Targets `(batch, 4)` -> `(batch, 3)` and whether the row has them: mixup leaves a share of 1 only to pairs."""
    return true[:, :3], ops.cast(true[:, 3] > 0.999, true.dtype)


class SphereLosses:
    """The losses of a network with EmoSphere's head, by output, and the weights between them.

    loss = emotions + sum over dimensions of (1 - CCC) + weight * regions. The weight of the regions is "dynamic", the
    paper's: from 1 it falls each epoch until, from epoch 5 on, it is 0 (`sphere.auxiliary_weight`); "constant": 1;
    "uncertainty": every loss is divided by a variance that is learnt (arXiv 1705.07115); "none": there are no regions.

    Args:
        weighting: of `config.Head`.
        smoothing: of the emotions' labels.
        network: that the losses are for, with the layer `task_weights` for "uncertainty".
        label_sets: of `masked_cross_entropy`.
    """

    def __init__(self, network, weighting="dynamic", smoothing=0.0, label_sets=None):
        self.weighting, self.smoothing = Head(weighting=weighting).weighting, smoothing  # refuses another
        self.label_sets = label_sets
        self.region_weight = keras.Variable(1.0, trainable=False, dtype="float32", name="region_weight")
        self.tasks = network.get_layer("task_weights") if weighting == "uncertainty" else None
        every = {"logits": self.emotion, "dimensions": self.dimensions, "regions": self.regions}
        self.by_output = {
            name: of_whole_batch(loss, shared=True) for name, loss in every.items() if name in network.output
        }

    def emotion(self, true, logits):
        return self._weighed("emotion", masked_cross_entropy(true, logits, self.smoothing, self.label_sets))

    def dimensions(self, true, predicted):
        cube, known = split_known(true)
        return self._weighed("dimensions", concordance_loss(cube, predicted, known))

    def regions(self, true, logits):
        return self._weighed("regions", ops.convert_to_tensor(self.region_weight) * masked_cross_entropy(true, logits))

    def _weighed(self, task, loss):
        if self.tasks is None:
            return loss
        log_variance = ops.convert_to_tensor(self.tasks.log_variance)[TASKS.index(task)]
        return ops.exp(-log_variance) * loss + log_variance

    def schedule(self):
        """The callback that sets the weight of the regions at the start of each epoch."""

        def set_weight(epoch, logs=None):
            self.region_weight.assign(auxiliary_weight(epoch) if self.weighting == "dynamic" else 1.0)

        return keras.callbacks.LambdaCallback(on_epoch_begin=set_weight)

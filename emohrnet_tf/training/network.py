"""The network of a run: built, compiled with the losses that its outputs need, started from another model."""

import functools

import keras

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.hrnet import make_network
from emohrnet_tf.model.layers import BatchNorm
from emohrnet_tf.training.losses import (
    SphereLosses,
    batch_concordance,
    corpus_cross_entropy,
    label_set_cross_entropy,
    masked_accuracy,
    of_whole_batch,
    smoothed_cross_entropy,
)
from emohrnet_tf.training.optimizer import make_optimizer


def untrained(config, classes, by_corpus=()):
    """The network of a configuration, its weights just drawn; `by_corpus` are the `corpora` of `make_network`."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if config.training.mixed_precision else "float32")
    try:
        return make_network(
            config.audio, config.network, config.head, classes, config.training.speaker_clips, by_corpus
        )
    finally:
        keras.config.set_dtype_policy(policy)


def trainable(config, classes, synchronized=False, label_sets=None, by_corpus=()):
    """The compiled network of a configuration, and the callbacks that its losses need; `label_sets` are of
    `losses.label_set_cross_entropy`.
    """
    network, settings = untrained(config, classes, by_corpus), config.training
    if synchronized:
        for layer in network._flatten_layers():
            if isinstance(layer, BatchNorm):
                layer.synchronized = True
    if config.head.dimensions:
        losses = SphereLosses(network, config.head.weighting, settings.label_smoothing, label_sets)
        metrics = {"logits": masked_accuracy, "dimensions": batch_concordance}
        metrics = {name: [of_whole_batch(metric)] for name, metric in metrics.items() if name in losses.by_output}
        loss, callbacks = losses.by_output, [losses.schedule(), keras.callbacks.LambdaCallback(on_epoch_end=rename)]
    elif by_corpus:  # targets come smoothed
        loss = functools.partial(corpus_cross_entropy, label_sets=by_corpus)
        loss = {name: loss for name in network.output if name.endswith("_corpora")}
        metrics, callbacks = {"logits": [masked_accuracy]}, [keras.callbacks.LambdaCallback(on_epoch_end=rename)]
    elif label_sets is not None or config.network.reference:
        loss = smoothed_cross_entropy(settings.label_smoothing)
        if label_sets is not None:
            loss = functools.partial(label_set_cross_entropy, label_sets=label_sets, smoothing=settings.label_smoothing)
        metrics, callbacks = [masked_accuracy], [keras.callbacks.LambdaCallback(on_epoch_end=rename)]
        if config.network.reference:  # with and without one: half of the loss each
            loss, metrics = dict.fromkeys(("logits", "relative_logits"), loss), {"logits": metrics}
    elif config.network.joint_speakers:  # its targets come smoothed, over the pairs that occur
        loss, metrics = {"logits_joint": smoothed_cross_entropy(0.0)}, {"logits": [masked_accuracy]}
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=rename)]
    else:
        loss, metrics = (
            smoothed_cross_entropy(settings.label_smoothing),
            [keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        callbacks = []
    # XLA is slower here on processors
    weights = {name: 1 / len(loss) for name in loss} if config.network.reference else None  # half of the loss each
    network.compile(
        make_optimizer(settings, network.trainable_variables),
        loss,
        loss_weights=weights,
        metrics=metrics,
        jit_compile=False,
    )
    network.optimizer.build(network.trainable_variables)
    return network, callbacks


def rename(epoch, logs):
    """Measures of an epoch under short names: Keras puts the output's name before them where there are several."""
    for long, short in (("masked_accuracy", "accuracy"), ("batch_concordance", "ccc")):
        for name in [name for name in logs if name.endswith(long)]:
            logs[short] = logs.pop(name)


def start_from(network, labels, model, settings):
    """Put the weights of a model into a network: its body, of its last layer those of the labels that both know, and
    of EmoSphere's head what both have. Pairs of speaker and emotion are new: whose voices they are no model says.

    Raises:
        InputError: another architecture or input size.
    """
    ours, other = ((s.architecture, s.functionals) for s in (settings, model.settings))
    if ours != other:
        raise InputError(
            f"training.initial needs the settings of the run: architecture {ours[0]!r}, functionals {ours[1]}. "
            f"Received: architecture {other[0]!r}, functionals {other[1]}"
        )
    theirs = {layer.name: layer.get_weights() for layer in model.network.layers}
    pairs = "logits_joint" in {*theirs, *(layer.name for layer in network.layers)}
    for layer in network.layers:
        mine, source = layer.get_weights(), theirs.get(layer.name.removesuffix("_corpora"), [])
        if layer.name.startswith(("logits", "relative_logits")):
            for new in range(mine[1].size if mine and not pairs else 0):
                if source and labels[new % len(labels)] in model.labels:
                    old = model.labels.index(labels[new % len(labels)])
                    mine[0][:, new], mine[1][new] = source[0][:, old], source[1][old]
            layer.set_weights(mine)
        elif [w.shape for w in source] == [w.shape for w in mine]:
            layer.set_weights(source)
        elif layer.name.startswith(("stem", "stage", "transition", "fuse")):
            raise InputError(
                f"training.initial needs the settings of the run: architecture {model.settings.architecture!r}. "
                "Received: weights of other shapes"
            )

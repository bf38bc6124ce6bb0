"""The network of EmoHRNet: HRNet on a log-mel spectrogram, built from its own table by one loop."""

import dataclasses
import functools

import keras
from keras import layers

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.branches import FinalFuse, Fuse, Transition
from emohrnet_tf.model.heads import MeanOverCorpora, SumOverSpeakers, sphere_head
from emohrnet_tf.model.layers import BasicBlock, Bottleneck, ConvBN
from emohrnet_tf.model.relative import WIDTH, FromOthers, Standardized
from emohrnet_tf.model.sphere import region_count

# stem = (channels, strides of its 3x3 convolutions); stage = (modules, block, blocks per branch, channels per branch).
# w18 and the two small ones are HRNet-W18 and its small-v1 and small-v2 (arXiv 1908.07919, and its authors' code).
ARCHITECTURES = {
    "tiny": [
        (16, (2, 2)),
        (1, Bottleneck, 1, (8,)),
        (1, BasicBlock, 1, (8, 16)),
        (1, BasicBlock, 1, (8, 16, 32)),
        (1, BasicBlock, 1, (8, 16, 32, 64)),
    ],
    "lite": [
        (32, (2, 2)),
        (1, Bottleneck, 1, (16,)),
        (1, BasicBlock, 2, (8, 16)),
        (1, BasicBlock, 2, (8, 16, 32)),
        (1, BasicBlock, 2, (8, 16, 32, 64)),
    ],
    "small": [
        (64, (2, 2)),
        (1, Bottleneck, 1, (32,)),
        (1, BasicBlock, 2, (16, 32)),
        (1, BasicBlock, 2, (16, 32, 64)),
        (1, BasicBlock, 2, (16, 32, 64, 128)),
    ],
    "small_v2": [
        (64, (2, 2)),
        (1, Bottleneck, 2, (64,)),
        (1, BasicBlock, 2, (18, 36)),
        (3, BasicBlock, 2, (18, 36, 72)),
        (2, BasicBlock, 2, (18, 36, 72, 144)),
    ],
    "w18": [
        (64, (2, 2)),
        (1, Bottleneck, 4, (64,)),
        (1, BasicBlock, 4, (18, 36)),
        (4, BasicBlock, 4, (18, 36, 72)),
        (3, BasicBlock, 4, (18, 36, 72, 144)),
    ],
}

# Other stems: strides in place of the table's. `single` is the one 3x3 convolution of the EmoHRNet paper's text.
STEMS = {"stride4": (2, 2), "stride2": (2, 1), "stride1": (1, 1), "single": (1,)}


def hrnet(log_mel, architecture="small", stem=None, fuse_filters=None):
    """High-resolution map of a log-mel spectrogram.

    Args:
        log_mel: Keras tensor `(batch, frames, mels, 1)`; both sides divisible by 8 times the stem's stride.
        architecture: a key of `ARCHITECTURES`.
        stem: a key of `STEMS`, or None for the architecture's own.
        fuse_filters: channels of the map, or None for the sum of the last stage's channels.

    Returns:
        Keras tensor `(batch, frames / stride, mels / stride, fuse_filters)`.

    Raises:
        InputError: an unknown name, or sides that do not divide.

    Source: HRIM, HRS and FL of EmoHRNet (Muppidi & Radfar, ICASSP 2024, section 2); HRNet (arXiv 1908.07919).
    """
    stem_filters, strides, stages = read_table(architecture, stem, log_mel.shape[1:3])
    x = log_mel
    for i, stride in enumerate(strides):
        x = ConvBN(stem_filters, 3, stride, name=f"stem{i + 1}")(x)
    branches = [x]
    for number, (modules, block, blocks, channels) in enumerate(stages, start=1):
        if number > 1:
            branches = Transition(channels, name=f"transition{number}")(branches)
        for module in range(modules):
            for i, filters in enumerate(channels):
                for b in range(blocks):
                    branches[i] = block(filters, name=f"stage{number}_module{module}_branch{i}_block{b}")(branches[i])
            if len(channels) > 1:
                branches = Fuse(name=f"stage{number}_fuse{module}")(branches)
    return FinalFuse(fuse_filters or sum(channels), name="fuse")(branches)


def build_network(
    frames, mels, classes, architecture="small", dropout=0.0, joint_speakers=0, sphere=None, functionals=False,
    melody=1.0, relative=0, corpora=(), **body,
):  # fmt: skip
    """The trainable network: log-mel in, logits out, or a dictionary where more goes in or out.

    Args:
        frames, mels: sides of the log-mel.
        classes: number of emotions; 0 for none.
        architecture: of `hrnet`; "none" for functionals alone.
        dropout: share of the embedding dropped in training.
        joint_speakers: number of voices whose pairs with emotions the last dense layer tells apart; 0 for emotions
            alone.
        sphere: keyword arguments of `heads.sphere_head`, or None for emotions alone.
        functionals: whether they, too, go in: their standardised form stands beside the pooled map in the embedding.
        melody: of `relative.Standardized`.
        relative: clips of one voice that lie together in a batch, for a layer that hears a voice relative to itself
            (`relative.FromOthers`); 0 for none.
        corpora: which labels each corpus has, `(corpora, classes)` of 0 and 1, for a network that trains with a dense
            layer for each of them (`heads.MeanOverCorpora`); none for one for all.
        **body: `stem`, `fuse_filters` of `hrnet`.

    Returns:
        `keras.Model` from `(batch, frames, mels, 1)`, with functionals from a dictionary of `log_mel` and
        `functionals`, to logits `(batch, classes)`, whose layer `embedding` is the global average pool (eq. 1), with
        functionals beside it, and whose layer `logits` the fully connected one (eq. 2, before its softmax). Where more
        comes out it is a dictionary: with `sphere` of `logits` (where there are emotions), `dimensions` and `regions`;
        without emotions the layer `embedding` is the vector that the dimensions come from. With `relative` of `logits`
        and `relative_logits`. With `corpora` also of what these are the mean of, `logits_corpora` and
        `relative_logits_corpora` `(batch, corpora * classes)`. With `joint_speakers` of `logits` and of what they are
        summed of, `logits_joint` `(batch, joint_speakers * classes)`, which training teaches (`heads.SumOverSpeakers`).

    Raises:
        InputError: of `hrnet`; dimensions together with functionals or `relative`.

    Example:
        >>> build_network(32, 32, 8, "tiny").output_shape
        (None, 8)
    """
    if sphere and (functionals or relative):
        raise InputError(
            "network.functionals and network.reference are for emotions alone: set head.kind=categorical. Received: "
            "dimensions"
        )
    if architecture == "none" and not functionals:
        raise InputError("Without HRNet there are functionals alone: functionals=True. Received: architecture 'none'")
    log_mel, outputs = keras.Input((frames, mels, 1), name="log_mel"), {}
    inputs = {"log_mel": log_mel, "functionals": keras.Input((WIDTH,), name="functionals")} if functionals else log_mel
    features = None if architecture == "none" else hrnet(log_mel, architecture, **body)
    if classes:
        parts = [] if features is None else [("pooled", layers.GlobalAveragePooling2D, features)]
        standardized = functools.partial(Standardized, melody=melody)
        parts += [("standardized", standardized, inputs["functionals"])] if functionals else []
        alone = len(parts) == 1
        parts = [layer(name="embedding" if alone else name)(x) for name, layer, x in parts]
        embedding = parts[0] if alone else layers.Concatenate(name="embedding", dtype="float32")(parts)
        drop = lambda x, name: layers.Dropout(dropout, name=name)(x) if dropout else x  # noqa: E731
        x = drop(embedding, "dropout")
        if joint_speakers:
            x = layers.Dense(joint_speakers * classes, name="logits_joint", dtype="float32")(x)
            outputs["logits_joint"] = x
            outputs["logits"] = SumOverSpeakers(joint_speakers, name="logits", dtype="float32")(x)
        else:
            outputs |= last_layer(x, classes, corpora, "logits")
        if relative:
            x = drop(FromOthers(relative, name="relative")(embedding), "relative_dropout")
            outputs |= last_layer(x, classes, corpora, "relative_logits")
    if sphere:
        outputs |= sphere_head(features, **sphere, name="style" if classes else "embedding")
    outputs = outputs if len(outputs) > 1 or sphere else outputs["logits"]
    return keras.Model(inputs, outputs, name=f"emohrnet_{architecture}")


def last_layer(x, classes, corpora, name):
    """The dense layer that names emotions, or one for each corpus and their mean: a dictionary of Keras tensors."""
    if not len(corpora):
        return {name: layers.Dense(classes, name=name, dtype="float32")(x)}
    each = layers.Dense(len(corpora) * classes, name=f"{name}_corpora", dtype="float32")(x)
    return {f"{name}_corpora": each, name: MeanOverCorpora(corpora, name=name, dtype="float32")(each)}


def costs(network):
    """Parameters and multiply-accumulates of each part of a network, in order.

    Args:
        network: a model of `build_network`.

    Returns:
        `{part: (parameters, multiply_accumulates)}` for stem, stage1, transition2, ..., fuse and logits; BN and
        activations are not counted, as is usual.
    """
    parts = {}
    for layer in network.layers:
        part = layer.name.split("_")[0].rstrip("12") if layer.name.startswith("stem") else layer.name.split("_")[0]
        cost = sum(getattr(inner, "multiply_accumulates", 0) for inner in layer._flatten_layers())
        if isinstance(layer, layers.Dense):
            cost = layer.kernel.shape[0] * layer.kernel.shape[1]
        parameters, total = parts.get(part, (0, 0))
        parts[part] = (parameters + layer.count_params(), total + cost)
    return {part: both for part, both in parts.items() if both[0]}


def read_table(architecture, stem, sides):
    """Stem channels, stem strides and stages of the table; checked."""
    if architecture == "none":
        return None, [], []
    if architecture not in ARCHITECTURES:
        raise InputError(f"Unknown architecture: choose one of {', '.join(ARCHITECTURES)}. Received: {architecture!r}")
    if stem is not None and stem not in STEMS:
        raise InputError(f"Unknown stem: choose one of {', '.join(STEMS)}. Received: {stem!r}")
    (filters, strides), *stages = ARCHITECTURES[architecture]
    strides = STEMS[stem] if stem else strides
    step = 2 ** (len(strides) - strides.count(1) + len(stages) - 1)
    if any(side is None or side < 1 or side % step for side in sides):
        raise InputError(
            f"Frames and mels must be above 0 and divisible by {step} for {architecture!r} with stem strides {strides}."
            f" Received: {tuple(sides)!r}"
        )
    return filters, strides, stages


def make_network(audio, network, head, classes, speaker_clips=2, corpora=()):
    """`build_network` of the groups of settings `config.Audio`, `Network`, `Head`.

    `speaker_clips` of one voice lie together in the batches that train it; with `corpora` it has what training alone
    needs, a last layer for each.
    """
    sphere = None
    if head.dimensions:
        regions = 0 if head.weighting == "none" else region_count(head.step, head.neutral_radius)
        names = ("pooling", "bands", "width", "dropout", "weighting")
        sphere = {"regions": regions} | {name: getattr(head, name) for name in names}
    classes, settings = classes if head.emotions else 0, dataclasses.asdict(network)
    settings["relative"] = speaker_clips if settings.pop("reference") else 0
    return build_network(audio.frames, audio.mels, classes, sphere=sphere, corpora=corpora, **settings)

"""What a model makes of an index, clip by clip: the material of the pictures of `emohrnet evaluate`."""

import numpy as np
import tensorflow as tf

from emohrnet_tf.audio import windows
from emohrnet_tf.emohrnet import load_model
from emohrnet_tf.predict import known_clips, unseen

BATCH = 32  # clips run together


def clip_outputs(model, index, part="test", shared_labels=False):
    """Probabilities and embedding of each clip, the mean over its windows.

    Args:
        model, index, part, shared_labels: as for `predict.measure`.

    Returns:
        `(labels, emotions, probabilities, embeddings)`: the model's labels, or the shared ones; `(clips,)` names;
        `(clips, labels)`, rows that sum to 1; `(clips, channels)`.

    Raises:
        InputError: no clip is left, a label that the model does not know, or no readable clip.
    """
    (index, _), model = unseen(model, index, part), load_model(model)
    labels = model.labels
    if shared_labels:
        labels = [label for label in labels if label in set(index.emotion)]
        index = index[index.emotion.isin(labels)]
    clips, outputs = known_clips(model, index), {"probabilities": [], "embedding": []}
    run = tf.function(model.call_windows, input_signature=[tf.TensorSpec((None, model.audio.samples), tf.float32)])
    for start in range(0, len(clips.index), BATCH):
        rows = range(start, min(start + BATCH, len(clips.index)))
        cut = [windows(clips.waveform(row), model.audio.samples) for row in rows]
        scored, ends = run(np.concatenate(cut)), np.cumsum([len(one) for one in cut])
        for name, values in outputs.items():
            values += [part.mean(axis=0) for part in np.split(scored[name].numpy(), ends[:-1])]
    probabilities = np.stack(outputs["probabilities"])[:, [model.labels.index(label) for label in labels]]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return labels, clips.index.emotion.to_numpy(), probabilities, np.stack(outputs["embedding"])

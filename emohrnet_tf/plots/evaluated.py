"""The pictures of a model measured on an index."""

from pathlib import Path

import numpy as np

from emohrnet_tf.errors import InputError

from .scores import confusion_matrix, dimensions, embedding_map, reliability


def evaluated(measured, picture=None, reliable=None, alike=None):
    """Draw a model's answers on an index; what has no path is not drawn.

    Args:
        measured: of `on_index.measure`.
        picture: for the confusion matrix, and for a model with dimensions (of a joint one in a second file,
            `..._dimensions`) labelled against predicted.
        reliable: for how often the model is right, against how sure it is.
        alike: for which clips are alike to it.

    Raises:
        InputError: a picture of emotions that the model or the index does not name.
    """
    report, labels, truth, answers = measured.report, measured.labels, measured.truth, measured.answers
    named = truth.emotion >= 0
    if (reliable or alike) and not (labels and named.any()):
        raise InputError("These pictures are of emotions, and the model or the index names none. Received: 0 clips")
    if reliable:
        reliability(truth.emotion[named], answers["probabilities"][named], reliable)
    if alike:
        embedding_map(answers["embedding"][named], np.array(labels)[truth.emotion[named]], alike, labels)
    if picture and "confusion" in report:
        confusion_matrix(report, picture)
        picture = Path(picture).with_name(f"{Path(picture).stem}_dimensions{Path(picture).suffix}")
    if picture and "vad" in report:
        true, predicted = truth.cube[truth.known], answers["dimensions"][truth.known]
        dimensions(report["vad"], truth.sphere, true, predicted, picture)

"""The pictures of a model measured on an index."""

import numpy as np

from emohrnet_tf.errors import InputError

from .scores import confusion_matrix, dimensions, embedding_map, reliability


def evaluated(measured, picture=None, reliable=None, alike=None, dimensional=None):
    """Draw a model's answers on an index; what has no path is not drawn.

    Args:
        measured: of `on_index.measure`.
        picture: for the confusion matrix; for a model of dimensions alone, labelled against predicted.
        reliable: for how often the model is right, against how sure it is.
        alike: for which clips are alike to it.
        dimensional: for labelled against predicted valence, arousal and dominance.

    Raises:
        InputError: a picture of emotions, or of dimensions, that the model or the index does not have.
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
    elif picture and not dimensional:
        dimensional = picture
    if dimensional and "vad" not in report:
        raise InputError("The picture is of dimensions, and the model or the index has none. Received: 0 clips")
    if dimensional:
        true, predicted = truth.cube[truth.known], answers["dimensions"][truth.known]
        dimensions(report["vad"], truth.sphere, true, predicted, dimensional)

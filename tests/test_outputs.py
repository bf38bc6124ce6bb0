import numpy as np

from emohrnet_tf.outputs import clip_outputs
from emohrnet_tf.predict import measure


def test_outputs_are_those_that_are_measured(run, index, model):
    labels, emotions, probabilities, embeddings = clip_outputs(run, index)
    report = measure(run, index)
    predicted = np.array(labels)[probabilities.argmax(axis=1)]
    assert (labels, len(emotions)) == (report["labels"], report["clips"])
    assert np.mean(predicted == emotions) == report["war"]
    kernel, bias = model.network.get_layer("logits").get_weights()
    assert ((embeddings @ kernel + bias).argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_across_corpora_the_labels_are_the_shared_ones(run, index):
    other = index[index.emotion != "sadness"].assign(corpus="other")
    labels, emotions, probabilities, _ = clip_outputs(run, other, part="all", shared_labels=True)
    assert (labels, set(emotions)) == (["neutral", "anger"], {"neutral", "anger"})
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)

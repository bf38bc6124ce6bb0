"""A last layer for each corpus in training, one in use."""

import numpy as np
import pytest
from scipy.special import log_softmax

from emohrnet_tf import InputError, load_model
from emohrnet_tf.data.targets import corpus_targets, label_sets, make_targets
from emohrnet_tf.model.heads import MeanOverCorpora
from emohrnet_tf.presets import preset
from emohrnet_tf.training.losses import corpus_cross_entropy
from emohrnet_tf.training.run import train
from emohrnet_tf.training.trainer import Trainer

SETTINGS = {
    "audio": {"normalize": "level"},
    "augmentation": {"time_shift_share": 0.0},
    "network": {"functionals": True, "reference": True, "architecture": "none"},
    "training": {"batch_size": 8, "speaker_clips": 4, "choose": "last", "by_corpus": True, "label_smoothing": 0.1},
}


@pytest.fixture(scope="module")
def several(index):
    """The clips as two corpora, of which one lacks a label."""
    half = index.assign(corpus=np.where(index.speaker.isin(sorted(index.speaker.unique())[::2]), "a", "b"))
    return half[(half.corpus == "a") | (half.emotion != half.emotion.iloc[0])].reset_index(drop=True)


def test_a_clip_is_judged_by_the_layer_of_its_own_corpus(several):
    labels = sorted(several.emotion.unique())
    sets = label_sets(several, labels, every=True)
    flags = [flags for _, flags in sets]
    targets = corpus_targets(make_targets(several, labels, preset("voices").head, sets=sets)["logits"], sets, 0.1)
    each = np.random.default_rng(0).normal(size=targets.shape).astype("float32")
    lost = np.asarray(corpus_cross_entropy(targets, each, flags))
    for row, (corpus, emotion) in enumerate(zip(several.corpus, several.emotion)):
        number = [name for name, _ in sets].index(corpus)
        own = [label for label, flag in zip(labels, flags[number]) if flag]
        logits = each[row].reshape(len(sets), -1)[number][np.array(flags[number]) > 0]
        truth = np.array([0.9 * (label == emotion) + 0.1 / len(own) for label in own])
        assert lost[row] == pytest.approx(-(truth * log_softmax(logits)).sum(), rel=1e-4)


def test_the_answer_is_the_mean_over_the_corpora_and_a_label_of_one_weighs_less():
    each = np.array([[3.0, 1.0, 2.0, 4.0, 0.0, 99.0]], "float32")  # the second corpus lacks the third label
    mean = np.asarray(MeanOverCorpora([[1, 1, 1], [1, 1, 0]])(each))
    np.testing.assert_allclose(mean, [[(1 + 2) / 2, (-1 - 2) / 2, 0]], atol=1e-6)
    each = np.array([[3.0, 1.0, 99.0, 4.0, 99.0, 0.0]], "float32")  # only the first label is of both
    mean = np.asarray(MeanOverCorpora([[1, 1, 0], [1, 0, 1]])(each))
    np.testing.assert_allclose(mean, [[(1 + 2) / 2, -1 / 1.2, -2 / 1.2]], atol=1e-6)


def test_what_is_saved_has_one_layer_that_answers_as_the_many_did(several, config, tmp_path):
    kept = {}

    def made(labels, sets, speakers):
        kept["trainer"] = Trainer(config.replace(SETTINGS), list(labels), sets, speakers)
        return kept["trainer"]

    report = train(several, config.replace(SETTINGS), tmp_path / "run", "speaker", verbose=0, trainer=made)
    model, network = load_model(tmp_path / "run"), kept["trainer"].network
    model.calibrate(1 / model.temperature)
    assert [layer.name for layer in model.network.layers if "corpora" in layer.name] == []
    assert report["parameters"] == model.network.count_params() < network.count_params()
    waves = np.random.default_rng(0).normal(size=(4, model.samples)).astype("float32")
    given, trained = model.inner(model.front_end(waves)), network(model.front_end(waves))
    np.testing.assert_allclose(given["logits"], trained["logits"], atol=1e-5)
    assert np.ptp(np.asarray(trained["logits_corpora"])[:, : len(model.labels)]) > 0


def test_one_corpus_has_one_layer(index, config):
    one = Trainer(config.replace(SETTINGS), ["calm", "anger"], label_sets(index.assign(corpus="a"), [], every=True))
    assert set(one.network.output) == {"logits", "relative_logits"}


def test_voices_that_are_known_and_voices_that_are_not():
    with pytest.raises(InputError, match="set one"):
        preset("known_speakers").override(["training.by_corpus=true"])


def test_the_layer_for_known_voices_is_not_decayed(several, config):
    settings = config.replace(SETTINGS).override(["training.weight_decay=1.0"])
    labels = sorted(several.emotion.unique())
    network = Trainer(settings, labels, label_sets(several, labels, every=True)).network
    decayed = {v.path for v in network.trainable_variables if network.optimizer._use_weight_decay(v)}
    assert decayed == {"logits_corpora/kernel"}

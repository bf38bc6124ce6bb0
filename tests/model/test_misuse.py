"""What users try first and get wrong: every public method says what to give it, and the next call still answers."""

import importlib
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import emohrnet_tf
from emohrnet_tf import EmoHRNet, InputError, LogMelSpectrogram, load_audio
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Audio, Head, Network
from emohrnet_tf.data.augment import Augment
from emohrnet_tf.errors import check_process
from emohrnet_tf.model.features import log_mel
from emohrnet_tf.model.layers import BatchNorm
from emohrnet_tf.registration import HOMES

N = 8192
AUDIO = Audio(frames=32, mels=32)


@pytest.fixture(scope="module")
def own():
    """A model of this file's own: a hang of it is no other test's."""
    model = EmoHRNet(["calm", "anger"], AUDIO, Network("tiny"))
    model.score(np.zeros((1, N), "float32"))
    return model


def in_time(function):
    """What a function returns or raises, on a thread that may be waited for: a lock left held fails the test."""
    found = []

    def run():
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert found, "hangs"
    return found[0]


NO_WINDOWS = {
    "longer": np.zeros((1, 16000)),
    "one row": np.zeros(N),
    "three axes": np.zeros((1, N, 1)),
    "unequal lists": [[0.0] * N, [0.0]],
    "bytes": b"RIFF",
    "a path": "voice.wav",
    "None": None,
    "integers": np.zeros((1, N), "int16"),
    "complex": np.zeros((1, N), "complex64"),
    "words": np.array([["a"]]),
    "NaN": np.full((1, N), np.nan),
    "infinite as float32": np.full((1, N), 1e300),
}


@pytest.mark.parametrize("kind", NO_WINDOWS)
def test_what_are_no_windows_is_refused_and_the_next_call_answers(own, kind):
    for method in (own.score, own.answer_windows):
        assert isinstance(in_time(lambda method=method: method(NO_WINDOWS[kind])), InputError)
    assert in_time(lambda: own.score(np.zeros((1, N)))).shape == (1, 2)


@pytest.mark.parametrize("kind", [kind for kind in NO_WINDOWS if kind != "longer"])
def test_what_are_no_waveforms_is_refused_and_the_next_call_answers(own, kind):
    for call in (own, lambda x: own.predict(x, verbose=0)):
        assert isinstance(in_time(lambda call=call: call(NO_WINDOWS[kind])), InputError)
    for empty in (np.zeros((1, 0)), np.zeros((0, 100))):
        assert isinstance(in_time(lambda empty=empty: own(empty)), InputError)
    assert in_time(lambda: own(np.zeros((1, 9000))))["probabilities"].shape == (1, 2)


def test_lists_float64_and_tensors_are_waveforms_too(own):
    sound = np.random.default_rng(0).normal(0, 0.1, (2, N)).astype("float32")
    for same in (sound.tolist(), sound.astype("float64"), tf.constant(sound)):
        np.testing.assert_allclose(own.score(same), own.score(sound), atol=1e-6)
        np.testing.assert_allclose(own(same)["probabilities"], own.score(sound), atol=1e-6)


@pytest.mark.parametrize("size", [0, -1, 2.5, None])
def test_a_batch_size_is_a_number_of_windows(own, size):
    with pytest.raises(InputError, match="batch_size is a whole number"):
        own.score(np.zeros((1, N)), batch_size=size)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf"), "warm", None, True])
def test_a_temperature_is_a_number_above_zero(own, temperature):
    before = own.temperature
    with pytest.raises(InputError, match="number above 0"):
        own.calibrate(temperature)
    assert own.temperature == before


def test_dimensions_have_no_temperature_and_no_score():
    model = EmoHRNet([], AUDIO, Network("tiny"), head=Head("vad"))
    with pytest.raises(InputError, match="names none"):
        model.calibrate(2.0)
    with pytest.raises(InputError, match="names no emotions"):
        model.score(np.zeros((1, N)))


@pytest.mark.parametrize("bad", [np.zeros(1000), np.zeros((1, 0)), np.zeros((1, 256), "int16"), b"RIFF", 0.0])
def test_the_front_end_says_what_it_takes(bad):
    for call in (log_mel, LogMelSpectrogram()):
        with pytest.raises(InputError):
            call(bad)
    with pytest.raises(Exception, match="known and a multiple of hop"):
        tf.function(log_mel, input_signature=[tf.TensorSpec((1, None))]).get_concrete_function()


def test_a_waveform_is_one_row_and_a_source_is_a_path_or_bytes():
    with pytest.raises(InputError, match="one row of samples"):
        windows(np.zeros((2, 100)), 50)
    for source in (None, 3, np.zeros(5), ["a.wav"], "a\0.wav"):
        with pytest.raises(InputError):
            load_audio(source)


def test_a_fork_after_use_is_refused_where_it_would_wait_for_ever(own):
    def answers(queue):
        for call in (own.score, own, own.predict):
            try:
                queue.put(str(call(np.zeros((1, N)))))
            except InputError as error:
                queue.put(str(error))

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks with threads, from 3.12 on
        process = context.Process(target=answers, args=(queue,))
        process.start()
    process.join(60)
    if process.is_alive():
        process.kill()
        pytest.fail("hangs")
    assert all("load it after the fork" in queue.get() for _ in range(3))
    check_process(os.getpid())


# --- What Keras' users type first ---


def test_summary_after_use(own):
    lines = []
    own(np.zeros((1, N)))
    own.summary(print_fn=lines.append, expand_nested=True)
    assert "log_mel" in "\n".join(lines)
    model = keras.Sequential([LogMelSpectrogram(), Augment(seed=0)])
    model(np.zeros((1, 65536), "float32"))
    model.summary(print_fn=lines.append)


def test_fit_and_export_say_what_to_call(own):
    for method in (own.fit, own.train_on_batch):
        with pytest.raises(InputError, match="emohrnet_tf.train"):
            method(np.zeros((2, N)), np.eye(2))
    for method in (own.evaluate, own.test_on_batch):
        with pytest.raises(InputError, match="emohrnet_tf.evaluate"):
            method(np.zeros((2, N)), np.eye(2))
    for method, what in ((own.export, "folder"), (own.quantize, "int8")):
        with pytest.raises(InputError, match="emohrnet_tf.export"):
            method(what)
    assert own.score(np.zeros((1, N), "float32")).shape == (1, 2)


@pytest.mark.parametrize("labels", [None, 2, "calm"])
def test_labels_are_a_list_of_names(labels):
    with pytest.raises(InputError, match="Labels are a list of names. Received"):
        EmoHRNet(labels, AUDIO, Network("tiny"))


@pytest.mark.parametrize("place", [None, 3, ["a"]])
def test_a_place_for_results_is_a_path(place, index, run):
    for verb in (
        lambda: emohrnet_tf.train(index, "quick", place),
        lambda: emohrnet_tf.crossval(index, "quick", place),
        lambda: emohrnet_tf.export(run, place),
        lambda: emohrnet_tf.report(place),
        lambda: emohrnet_tf.prepare(index, index.file[0], place),
    ):
        with pytest.raises(InputError, match="Received"):
            verb()


def test_keras_own_predict_answers_as_the_call_does(own):
    sound = np.random.default_rng(0).normal(0, 0.1, (3, 20000)).astype("float32")
    np.testing.assert_allclose(own.predict(sound, verbose=0)["probabilities"], own(sound)["probabilities"], atol=1e-5)


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"scale": False, "center": False}])
def test_batch_normalisation_without_scale_or_centre_is_keras_own(options):
    x = np.random.default_rng(0).normal(1, 2, (4, 5, 6, 3)).astype("float32")
    ours, theirs = BatchNorm(**options), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options)
    for training in (True, False):
        np.testing.assert_allclose(ours(x, training=training), theirs(x, training=training), atol=1e-5)
    assert BatchNorm()(x[:, 0], training=True).shape == (4, 6, 3)
    assert BatchNorm(axis=1)(x, training=True).shape == x.shape


def test_no_name_of_keras_is_taken_for_something_else(own):
    ours = {name for name in vars(EmoHRNet) if not name.startswith("_")}
    known = set(dir(keras.Model)) | {"inputs", "outputs", "input", "output", "input_shape", "output_shape"}
    assert ours & known <= {"call", "fit", "train_on_batch", "predict", "export", "get_config"}


def test_every_registered_class_has_a_stand_in():
    importlib.import_module("emohrnet_tf.model.heads")
    known = keras.saving.get_custom_objects()
    assert {name.removeprefix("emohrnet_tf>") for name in known if name.startswith("emohrnet_tf>")} == set(HOMES)
    assert known["emohrnet_tf>EmoHRNet"] is EmoHRNet


ORDERS = ["emohrnet_tf, keras", pytest.param("keras, emohrnet_tf", marks=pytest.mark.slow)]
ORDERS.append(pytest.param("emohrnet_tf, tensorflow, keras", marks=pytest.mark.slow))


@pytest.mark.parametrize("order", ORDERS)
def test_keras_loads_our_files_after_the_package_is_imported_and_nothing_more(own, tmp_path, order):
    own.save(tmp_path / "model.keras")
    own.network.save(tmp_path / "network.keras")
    code = (
        f"import {order}, sys; assert 'emohrnet_tf.model' not in sys.modules;"
        "model, network = (keras.saving.load_model(path) for path in sys.argv[1:]);"
        "print(model.labels, type(model).__module__, network.count_params())"
    )
    files = [str(tmp_path / name) for name in ("model.keras", "network.keras")]
    result = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True)
    expected = f"['calm', 'anger'] emohrnet_tf.model.emohrnet {own.network.count_params()}"
    assert result.stdout.strip() == expected, result.stderr

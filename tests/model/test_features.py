import librosa
import numpy as np
import pytest
import tensorflow as tf
from contracts import check_layer

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.features import (
    CORPUS_FLOOR,
    POWER_FLOOR,
    QUIET,
    fourier_factors,
    log_mel,
    mel_power,
    power_spectrum,
    speech_spectrum,
)
from emohrnet_tf.model.front_end import LogMelSpectrogram
from emohrnet_tf.model.mel import mel_weights

SAMPLES = 64 * 256


def speech_like(seed=0, samples=SAMPLES):
    """Harmonics of a moving pitch under an envelope, with pauses of near silence and a little noise."""
    random, t = np.random.default_rng(seed), np.arange(samples) / 16000
    pitch = 120 + 60 * np.sin(2 * np.pi * 1.5 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 30)) * (np.sin(2 * np.pi * 2 * t) > -0.3)
    return (0.05 * voice + 1e-4 * random.standard_normal(samples)).astype("float32")


def librosa_log_mel(waveform):
    """The same definition by librosa, in double precision."""
    waveform = about_zero(waveform)
    return np.log1p(librosa_power(waveform / np.sqrt(np.mean(waveform**2))) / POWER_FLOOR)


def about_zero(waveform):
    """Without its mean, in double precision; what is exactly 0 lies beside the clip, and stays."""
    waveform = waveform.astype("float64")
    return np.where(waveform == 0, 0, waveform - waveform[waveform != 0].mean() if waveform.any() else 0)


def librosa_power(waveform):
    waveform = np.pad(about_zero(waveform), 384)
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=16000,
        n_fft=1024,
        hop_length=256,
        center=False,
        n_mels=64,
        fmin=50,
        fmax=8000,
        htk=True,
        norm=None,
    )
    return power.T


@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_log_mel_is_librosas_also_40_db_quieter(gain):
    waveform = speech_like() * np.float32(gain)
    ours = log_mel(waveform, standardize=False).numpy()
    np.testing.assert_allclose(ours, librosa_log_mel(waveform), atol=1e-3)


def test_mel_weights_are_librosas():
    ours = mel_weights(64, 1024, 16000, 50.0, 8000.0)
    theirs = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=50, fmax=8000, htk=True, norm=None)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-6)


@pytest.mark.parametrize("n_fft", [1024, 512, 400, 7])
def test_the_power_spectrum_is_numpys(n_fft):
    frames = np.random.default_rng(0).standard_normal((3, n_fft)).astype("float32")
    expected = np.abs(np.fft.rfft(frames.astype("float64"))) ** 2
    bins = fourier_factors(n_fft)[-1]
    assert set(bins) == set(range(n_fft // 2 + 1))
    np.testing.assert_allclose(power_spectrum(frames), expected[:, bins], rtol=1e-4, atol=1e-4 * n_fft)


def test_every_window_is_standardised_and_level_does_not_matter():
    loud = log_mel(speech_like()).numpy()
    assert loud.mean() == pytest.approx(0, abs=1e-4)
    assert loud.std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(log_mel(speech_like() * np.float32(0.01)).numpy(), loud, atol=1e-3)


def test_silence_is_zeros():
    assert np.array_equal(log_mel(np.zeros(SAMPLES, "float32")).numpy(), np.zeros((64, 64)))


def test_a_batch_equals_its_members_one_by_one():
    batch = np.stack([speech_like(0), speech_like(1) * np.float32(0.001), np.zeros(SAMPLES, "float32")])
    together = log_mel(batch).numpy()
    for waveform, row in zip(batch, together):
        np.testing.assert_allclose(log_mel(waveform[None]).numpy()[0], row, atol=1e-5)


def test_layer_contract():
    layer = LogMelSpectrogram()
    check_layer(layer, np.stack([speech_like(0), speech_like(1)]), (2, 64, 64, 1))
    assert not layer.weights


def test_the_layer_stays_in_float32_under_mixed_precision():
    tf.keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert LogMelSpectrogram()(speech_like()[None]).dtype == "float32"
    finally:
        tf.keras.config.set_dtype_policy("float32")


def test_the_front_end_converts_to_tflite_with_builtin_operations_alone():
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed in this lane")
    layer = LogMelSpectrogram()
    function = tf.function(layer.call, input_signature=[tf.TensorSpec((1, SAMPLES), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], layer)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = litert.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    waveform = speech_like()[None]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], waveform)
    interpreter.invoke()
    converted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(converted, layer(waveform).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"hop": 2048}, "hop"), ({"mel_max_hz": 9000.0}, "half the sample rate"), ({"mels": 512}, "fewer mels")],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        LogMelSpectrogram(**settings)


# --- Other normalisations than by the window ---


def test_by_the_corpus_each_band_is_standardised_and_the_level_stays():
    power = librosa_power(speech_like())
    mean, deviation = np.log(power + CORPUS_FLOOR).mean(axis=0), np.log(power + CORPUS_FLOOR).std(axis=0)
    how = {"normalize": "corpus", "statistics": (mean.tolist(), deviation.tolist())}
    ours = log_mel(speech_like(), **how).numpy()
    np.testing.assert_allclose(ours, (np.log(power + CORPUS_FLOOR) - mean) / deviation, atol=2e-3)
    louder = log_mel(speech_like() * np.float32(10), **how).numpy()
    np.testing.assert_allclose(louder, (np.log(100 * power + CORPUS_FLOOR) - mean) / deviation, atol=2e-3)
    assert (louder - ours).max() == pytest.approx(np.log(100) / deviation.min(), rel=0.05)


def test_a_reference_is_the_mean_log_power_of_speech_the_louder_the_more():
    power = librosa_power(speech_like())
    energy = power.mean(axis=1) + QUIET
    weights = np.maximum(np.log(energy / energy.mean()) + 4, 0)
    expected = (weights[:, None] * np.log(power + QUIET)).sum(axis=0) / weights.sum()
    spectrum, weight = speech_spectrum(mel_power(speech_like()[None]))
    np.testing.assert_allclose(spectrum[0], expected, atol=2e-3)
    np.testing.assert_allclose(weight[0, 0], weights.sum(), rtol=1e-3)
    padded = np.concatenate([speech_like(), np.zeros(SAMPLES, "float32")])
    np.testing.assert_allclose(speech_spectrum(mel_power(padded[None]))[0][0], expected, atol=0.25)


def test_at_its_own_level_a_window_is_relative_to_the_usual_spectrum():
    usual = np.linspace(2, -2, 64).astype("float32")
    how = {"normalize": "level", "statistics": [usual.tolist()]}
    x = log_mel(speech_like()[None], **how).numpy()
    spectrum = speech_spectrum(mel_power(speech_like()[None]))[0].numpy()[0]
    level = (spectrum - usual).mean()
    expected = np.log(np.exp(-5) + librosa_power(speech_like()) / np.exp(usual + level)) / 2
    np.testing.assert_allclose(x[0], np.minimum(expected, 4), atol=2e-3)
    np.testing.assert_allclose(log_mel(speech_like()[None] * np.float32(0.1), **how), x, atol=0.02)
    batch = np.stack([speech_like(0), 0.1 * speech_like(1), np.zeros(SAMPLES)]).astype("float32")
    mixed = log_mel(batch, **how).numpy()
    assert np.isfinite(mixed).all()
    np.testing.assert_allclose(mixed[0], x[0], atol=1e-5)


@pytest.mark.parametrize("normalize", ["window", "level", "corpus"])
@pytest.mark.parametrize("size", [0.002, -0.3])
def test_an_offset_is_no_sound_also_beside_the_zeros_around_a_clip(normalize, size):
    statistics = {"window": None, "level": [[0.0] * 64], "corpus": [[0.0] * 64, [1.0] * 64]}[normalize]
    clip = speech_like()[: SAMPLES // 2]
    place = lambda x: np.pad(x, (SAMPLES // 8, SAMPLES // 2 - SAMPLES // 8))[None]  # noqa: E731
    plain, shifted = (
        log_mel(place(x), normalize=normalize, statistics=statistics).numpy() for x in (clip, clip + np.float32(size))
    )
    np.testing.assert_allclose(shifted, plain, atol=0.02)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"normalize": "speaker"}, "one of window"),
        ({"normalize": "corpus", "statistics": [[0.0], [1.0]]}, "2 times 64"),
        ({"functionals": True}, "normalize='level'"),
    ],
)
def test_a_front_end_that_cannot_be_is_refused(wrong, word):
    with pytest.raises(InputError, match=word):
        LogMelSpectrogram(**wrong)

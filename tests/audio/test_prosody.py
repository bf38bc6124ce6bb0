import numpy as np
import pytest
import soundfile

from emohrnet_tf.audio.prosody import NAMES, pitch, prosody, stretches
from emohrnet_tf.errors import InputError

RATE = 16000


def voice(hertz, seconds, level_db=-20.0):
    """Harmonics of a pitch, given for each sample or once, at a level in dB of full scale."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, round(seconds * RATE))) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 9))
    return (sound * 10 ** (level_db / 20) / np.sqrt(np.mean(sound**2))).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def praat():
    return pytest.importorskip("parselmouth", reason="the extra prosody is not installed")


@pytest.mark.parametrize(("hertz", "level"), [(90.0, -40.0), (150.0, -20.0), (400.0, -10.0), (620.0, -25.0)])
def test_a_steady_voice_has_its_pitch_and_level_and_no_range(hertz, level):
    found = prosody(voice(hertz, 2.0, level), RATE)
    assert found["pitch_hz"] == pytest.approx(hertz, rel=0.01)
    assert found["level_db"] == pytest.approx(level, abs=0.1)
    assert found["pitch_range_semitones"] == pytest.approx(0.0, abs=0.2)


def test_an_octave_up_is_a_range_of_twelve_semitones():
    glide = 150 * 2 ** np.linspace(0, 1, 4 * RATE)
    assert prosody(voice(glide, 4.0), RATE)["pitch_range_semitones"] == pytest.approx(0.9 * 12, abs=0.5)


def test_voiced_stretches_are_counted_and_pauses_are_no_time():
    syllable, gap, pause = voice(200.0, 0.15), 1e-3 * np.ones(round(0.05 * RATE), "float32"), np.zeros(2 * RATE)
    gap = gap * np.random.default_rng(0).standard_normal(len(gap)).astype("float32")
    word = np.concatenate([syllable, gap] * 10)  # two seconds, five a second
    found = prosody(np.concatenate([word, pause, word]).astype("float32"), RATE)
    assert found["voiced_per_second"] == pytest.approx(5.0, abs=0.3)
    assert found["level_db"] == pytest.approx(-20 + 10 * np.log10(0.75), abs=0.3)


def test_what_has_no_voice_has_no_pitch_and_silence_has_nothing():
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype("float32")
    found = prosody(noise, RATE)
    assert np.isfinite(found["level_db"])
    assert np.isnan(prosody(np.zeros(RATE, "float32"), RATE)["level_db"])
    for samples in (1, 100, 800, 1600):
        assert set(prosody(voice(200.0, samples / RATE), RATE)) == set(NAMES)


def test_a_stretch_of_a_recording_is_measured_like_a_waveform_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("emohrnet_tf.audio.prosody.SECONDS", 3.0)  # looked at in pieces
    sound = np.concatenate([voice(120.0, 3.0), np.zeros(2 * RATE, "float32"), voice(300.0, 3.0, -30.0)])
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    found = stretches(tmp_path / "a.wav", RATE, np.arange(8.0), 1.0)
    np.testing.assert_allclose(found["pitch_hz"][[0, 1, 6, 7]], [120, 120, 300, 300], rtol=0.02)
    np.testing.assert_allclose(found["level_db"][[1, 6]], [-20, -30], atol=0.2)
    assert np.isnan([found[name][[3, 4]] for name in NAMES]).all()


def test_pitch_has_a_value_for_every_hundredth_of_a_second():
    assert pitch(voice(200.0, 1.234), RATE).shape == (124,)


def test_the_advice_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "parselmouth", None)
    with pytest.raises(InputError, match=r"emohrnet_tf\[prosody\]"):
        prosody(voice(200.0, 1.0), RATE)

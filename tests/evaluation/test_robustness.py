import numpy as np
import pytest
from scipy.signal import welch

from emohrnet_tf.errors import InputError
from emohrnet_tf.evaluation.on_index import evaluate
from emohrnet_tf.evaluation.robustness import CONDITIONS, clipping, noise, robustness, room

RATE = 16000


def speech_like(seconds=2.0, seed=0):
    random = np.random.default_rng(seed)
    return (0.05 * np.cumsum(random.standard_normal(int(seconds * RATE))) % 0.4 - 0.2).astype("float32")


def apply(name, waveform):
    return np.asarray(CONDITIONS[name](waveform, RATE, np.random.default_rng(1)))


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_a_condition_keeps_the_clip_finite_and_in_time(name):
    sound = speech_like()
    heard = apply(name, sound)
    assert np.isfinite(heard).all()
    assert len(heard) == pytest.approx(len(sound), abs=2400)  # MP3 pads to whole frames
    assert apply(name, np.zeros(8000, "float32")).shape[0] >= 8000


@pytest.mark.parametrize("snr", [20, 0])
def test_noise_has_its_level(snr):
    sound = speech_like()
    added = noise(sound, RATE, np.random.default_rng(0), snr) - sound
    assert 10 * np.log10(np.mean(sound**2) / np.mean(added**2)) == pytest.approx(snr, abs=0.2)


def test_the_telephone_lets_its_band_through_and_nothing_else():
    white = np.random.default_rng(0).standard_normal(4 * RATE)
    hz, power = welch(apply("telephone", white), RATE, nperseg=1024)
    loud = power[(hz > 600) & (hz < 2800)].mean()
    assert power[(hz > 4200) | (hz < 100)].max() < 0.01 * loud


def test_a_room_falls_by_60_db_in_its_time():
    click = np.zeros(2 * RATE)
    click[0] = 1.0
    tail = room(click, RATE, np.random.default_rng(0), 0.8)
    early, late = (np.mean(tail[int(a * RATE) : int((a + 0.1) * RATE)] ** 2) for a in (0.05, 0.45))
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)


def test_clipping_cuts_its_share():
    sound = speech_like()
    cut = clipping(sound, RATE, None, 0.1)
    assert np.mean(np.abs(cut) >= np.abs(cut).max() - 1e-7) == pytest.approx(0.1, abs=0.01)


def test_the_clean_row_is_what_evaluate_says_and_noise_costs(run, index):
    report = robustness(run, index, conditions=["noise 0 dB", "gain -30 dB"])
    rows = {row["condition"]: row for row in report["rows"]}
    assert list(rows) == ["clean", "noise 0 dB", "gain -30 dB"]
    assert rows["clean"]["uar"] == pytest.approx(evaluate(run, index)["uar"])
    assert rows["clean"]["same_label"] == 1.0
    assert rows["gain -30 dB"]["same_label"] > 0.9, "the front end normalises the level"
    assert rows["noise 0 dB"]["same_label"] < 1.0
    assert (report["part"], report["left_out"]) == ("test", len(index) - report["clips"])
    again = robustness(run, index, conditions=["noise 0 dB"])
    assert again["rows"][1] == report["rows"][1], "a seed repeats"


def test_an_unknown_condition_is_refused(run, index):
    with pytest.raises(InputError, match="Unknown condition: choose from clean"):
        robustness(run, index, conditions=["under water"])

import numpy as np
import pytest

from emohrnet_tf.audio.silence import spoken
from emohrnet_tf.audio.stream import Cutter, audible
from emohrnet_tf.audio.windows import windows


def sound(length, seed):
    """Noise in which stretches are quiet, faint or nothing, so that there are silent windows of every kind."""
    random = np.random.default_rng(seed)
    gains = np.repeat(random.choice([0.0, 1e-5, 1e-3, 0.3], 1 + length // 300), 300)[:length]
    return (gains * random.standard_normal(length)).astype("float32")


@pytest.mark.parametrize("seed", range(40))
def test_blocks_of_any_length_give_the_windows_and_the_silence_of_the_whole(seed):
    random = np.random.default_rng(seed)
    samples, rate = int(random.choice([1, 2, 7, 100, 512])), int(random.choice([10, 320, 1000]))
    whole = sound(int(random.choice([1, samples, samples + 1, 3 * samples, random.integers(1, 4000)])), seed)
    cutter, found, at = Cutter(samples, rate), [], 0
    while at < len(whole):
        step = int(random.choice([0, 1, 13, samples, 1500]))
        found.append(cutter.feed(whole[at : at + step]))
        at += step
    found = np.concatenate([*found, cutter.end()])
    np.testing.assert_array_equal(found, windows(whole, samples))
    np.testing.assert_array_equal(cutter.spoken(), spoken(whole, samples, rate))
    assert cutter.length == len(whole)
    if rate == 10:  # a frame is a sample, so that a level is a loudness
        assert not (cutter.spoken() & ~audible(found)).any()


def test_what_is_kept_of_a_long_recording_is_a_window():
    cutter = Cutter(100, 1000)
    for number in range(200):
        cutter.feed(sound(777, number))
        assert len(cutter._heard) <= 200
        assert len(cutter._unframed) < 100

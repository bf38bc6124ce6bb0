import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RATE, voice

from emohrnet_tf.audio.silence import graph_spoken, silence_limit, spoken, spoken_windows
from emohrnet_tf.audio.windows import clip_answers, window_starts

SAMPLES = 24000


def noise(seconds, level):
    return level * np.random.default_rng(1).standard_normal(int(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("seconds", [2, 10, 60, 600])
@pytest.mark.parametrize("level", [0.0, 1e-5, 3e-4])
def test_the_windows_of_speech_vote_however_long_the_silence_is(seconds, level):
    clip = np.concatenate([voice(4.0), noise(seconds, level)])
    votes = spoken(clip, SAMPLES, RATE)
    assert votes.tolist() == (window_starts(len(clip), SAMPLES) < 4 * RATE).tolist()


def test_speech_and_noise_alone_vote_everywhere_at_any_level():
    for clip in (voice(6.0), noise(6.0, 0.1), 1e-3 * voice(6.0), voice(0.05), 30000 * voice(3.0)):
        assert spoken(clip, SAMPLES, RATE).all()
    for clip in (np.zeros(5), np.zeros(50000), noise(9, 1e-5), np.zeros(0)):
        assert not spoken(np.asarray(clip, np.float32), SAMPLES, RATE).any()


def test_a_bang_does_not_silence_the_speech():
    clip = 0.03 * voice(60.0)
    clip[RATE : RATE + 3200] = 1.0
    assert spoken(clip, SAMPLES, RATE).all()


@pytest.mark.parametrize("offset", [0.3, -0.9, 1e-3])
def test_an_offset_is_no_sound(offset):
    assert not spoken(np.full(50000, offset, np.float32), SAMPLES, RATE).any()
    assert not spoken(offset + noise(9, 1e-5), SAMPLES, RATE).any()
    clip = np.concatenate([0.5 * voice(4.0), noise(10, 1e-5)])
    np.testing.assert_array_equal(spoken(clip + np.float32(offset), SAMPLES, RATE), spoken(clip, SAMPLES, RATE))


@pytest.fixture(scope="module")
def on_graph():
    return tf.function(functools.partial(graph_spoken, samples=700, sample_rate=1000), [tf.TensorSpec((None,))])


@settings(deadline=None, max_examples=80)
@given(
    levels=st.lists(st.sampled_from([0.0, 1e-5, 1e-3, 0.02, 0.5, 1e12]), min_size=1, max_size=12),
    rest=st.integers(1, 400),
    offset=st.sampled_from([0.0, 0.3]),
)
def test_the_graph_agrees(on_graph, levels, rest, offset):
    random = np.random.default_rng(len(levels))
    clip = np.concatenate([level * random.standard_normal(400) for level in levels])[: -400 + rest or None]
    clip = (clip + offset).astype(np.float32)
    np.testing.assert_array_equal(on_graph(clip).numpy(), spoken(np.clip(clip, -1e10, 1e10), 700, 1000))


def test_silence_has_no_answer_and_leaves_the_others_alone():
    class Model:
        def __init__(self):
            self.widths = {"probabilities": 2}

        def answer_windows(self, windows):
            return {"probabilities": np.stack([windows.mean(axis=1), 1 - windows.mean(axis=1)], axis=1)}

    clips = [spoken_windows(clip, SAMPLES, RATE) for clip in (np.zeros(9), voice(4.0), np.zeros(90000))]
    rows = clip_answers(Model(), [*clips, None])["probabilities"]
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True, True]
    np.testing.assert_array_equal(rows[1], clip_answers(Model(), clips[1:2])["probabilities"][0])


def test_the_limit_lies_below_the_loud_passages():
    assert silence_limit(np.array([-20.0] * 50)) == -55
    assert silence_limit(np.array([-120.0] * 50)) == -85

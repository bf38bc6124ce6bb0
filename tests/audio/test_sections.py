import numpy as np
import pytest
import soundfile

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.sections import overlaps, sections

RATE = 16000
BOUNDS = [(0.0, 1.0), (0.5, 61.25), (2.0, 3.5), (40.0, 40.5), (62.0, 63.05), (None, None)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """63 s of noise on two channels, longer than two blocks."""
    path = tmp_path_factory.mktemp("sections") / "long.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal((63 * RATE, 2))
    soundfile.write(path, noise, RATE)
    return path


@pytest.mark.parametrize("channel", [None, "left", "right"])
def test_sections_are_what_load_audio_reads(recording, channel):
    found = {number: waveform for number, waveform, _ in sections(recording, BOUNDS, RATE, channel)}
    for number, (start, end) in enumerate(BOUNDS):
        np.testing.assert_array_equal(found[number], load_audio(recording, RATE, channel, start, end))


def test_a_recording_is_decoded_once_and_not_beyond_the_last_section(recording, monkeypatch):
    from emohrnet_tf.audio import sections as module

    seconds, stream = [], module.stream_audio

    def counted(*arguments, **settings):
        for block in stream(*arguments, **settings):
            seconds.append(len(block) / RATE)
            yield block

    monkeypatch.setattr(module, "stream_audio", counted)
    assert len(list(sections(recording, [(0.1 * n, 0.1 * n + 0.1) for n in range(300)], RATE))) == 300
    assert sum(seconds) < 31


def test_what_lies_beyond_the_end_is_named_and_the_rest_is_there(recording):
    found = {number: (waveform, error) for number, waveform, error in sections(recording, [(0, 1), (62, 64)], RATE)}
    assert found[0][1] is None
    assert found[1][0] is None
    assert "long.wav: lasts 63.000 s, 62 to 64 s lies beyond" in found[1][1]


def test_a_file_that_cannot_be_read_is_named_for_each_section(tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    found = list(sections(tmp_path / "bad.wav", [(0, 1), (1, 2), (None, None)], RATE))
    assert sorted(number for number, *_ in found) == [0, 1, 2]
    assert all(waveform is None and "bad.wav" in error for _, waveform, error in found)


def test_overlaps_count_a_stretch_once():
    bounds = [(0, 10), (1, 3), (2, 4), (9, 12), (12, 13), (20, 21)]
    assert overlaps(bounds).tolist() == [4, 2, 2, 1, 0, 0]
    assert overlaps([]).tolist() == []

"""Listening: the timeline without a look ahead, of blocks of any length; microphones by a pretended one."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from conftest import write_voice

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.cli.listening import plain, strip
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference import listen as module
from emohrnet_tf.inference.listen import listen, microphone

RATE = 16000


@pytest.fixture(scope="module")
def waveform(tmp_path_factory):
    """4 s of a low voice (neutral to the test model), 3 s of silence, 4 s of a high one (anger)."""
    folder = tmp_path_factory.mktemp("heard")
    write_voice(folder / "low.wav", 150.0, 4.0, seed=1)
    write_voice(folder / "high.wav", 320.0, 4.0, seed=2)
    low, high = (load_audio(folder / name) for name in ("low.wav", "high.wav"))
    silence = 1e-5 * np.random.default_rng(0).standard_normal(3 * RATE)
    return np.concatenate([low, silence, high]).astype("float32")


def cut(waveform, *sizes):
    """Blocks of these sizes, again and again."""
    start, turn = 0, 0
    while start < len(waveform):
        yield waveform[start : start + sizes[turn % len(sizes)]]
        start, turn = start + sizes[turn % len(sizes)], turn + 1


def joined(tables):
    return pd.concat(list(tables), ignore_index=True)


def test_each_stretch_is_the_window_that_ends_with_it_and_silence_is_not_guessed(model, waveform):
    table = joined(listen(model, cut(waveform, 1600), hop=0.25))
    samples = model.audio.samples
    assert table.start.tolist() == pytest.approx(np.arange(2, 44) * 0.25), "from the first whole window on"
    assert (table.end - table.start).to_numpy() == pytest.approx(0.25)
    assert set(table.emotion[table.end <= 4]) == {"neutral"}
    assert set(table.emotion[(table.start >= 4) & (table.end <= 7)]) == {"silence"}
    assert set(table.emotion[table.start >= 7.5]) == {"anger"}
    assert table.loc[table.emotion == "silence", model.labels].isna().all(axis=None)
    for row in table[table.emotion != "silence"].iloc[::9].to_dict("records"):
        stop = round(row["end"] * RATE)
        expected = model.score(waveform[None, stop - samples : stop])[0]
        np.testing.assert_allclose([row[label] for label in model.labels], expected, atol=1e-5)


@pytest.mark.parametrize("sizes", [(1,), (333, 1, 9000), (10**6,)], ids=["samples", "uneven", "whole"])
def test_how_the_sound_is_cut_into_blocks_changes_nothing(model, waveform, sizes):
    part = waveform[3 * RATE : 5 * RATE] if sizes == (1,) else waveform
    expected = joined(listen(model, cut(part, 1600), hop=0.3))
    found = joined(listen(model, cut(part, *sizes), hop=0.3))
    assert found.emotion.tolist() == expected.emotion.tolist()
    pd.testing.assert_frame_equal(found, expected, atol=1e-5)


def test_an_answer_comes_with_the_block_that_ends_its_stretch(model, waveform):
    heard = []

    def blocks():
        for block in cut(waveform[: 2 * RATE], 1600):
            heard.append(len(block))
            yield block

    for table in listen(model, blocks(), hop=0.5):
        assert sum(heard) - 1600 < round(table.end.iloc[-1] * RATE) <= sum(heard)


def test_what_is_kept_does_not_grow_and_loud_passages_are_forgotten(model, waveform, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3.0)
    quiet = np.tile(0.003 * waveform[: 4 * RATE], 3)  # 50 dB below
    found = listen(model, cut(np.concatenate([waveform[: 4 * RATE], quiet]), 1600), hop=0.5)
    tables, sizes = [], []
    for table in found:
        tables.append(table)
        sizes.append((len(found.gi_frame.f_locals["heard"]), len(found.gi_frame.f_locals["levels"])))
    assert max(size for size, _ in sizes) <= model.audio.samples + 0.6 * RATE
    assert max(count for _, count in sizes) <= 36
    emotion = joined(tables).set_index("end").emotion
    assert set(emotion[(emotion.index > 4.5) & (emotion.index < 6.5)]) == {"silence"}
    assert "silence" not in set(emotion[emotion.index > 8]), "which is all that there is by now"


def test_bad_input_is_refused_before_a_block_is_taken(model):
    for hop in (0.05, 60.0):
        with pytest.raises(InputError, match="hop lies between"):
            listen(model, iter(()), hop=hop)
    with pytest.raises(InputError, match="names them"):
        listen(types.SimpleNamespace(labels=[], answer_windows=None), iter(()))
    assert list(listen(model, iter(()))) == []


class Microphone:
    """Stands for the package sounddevice: plays a waveform at a rate, then goes away or is interrupted."""

    class PortAudioError(Exception):
        pass

    def __init__(self, waveform, rate=RATE, rates=(RATE,), end="away"):
        self.waveform, self.rate, self.rates, self.end, self.asked = waveform, rate, rates, end, []

    def query_devices(self, device, kind):
        if device == 7:
            raise ValueError("No input device matching 7")
        return {"default_samplerate": float(self.rate)}

    def check_input_settings(self, device, channels, dtype, samplerate):
        if samplerate not in self.rates:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, samplerate, blocksize, device, channels, dtype, callback, finished_callback):
        self.asked.append((samplerate, blocksize, device))
        return Stream(self, blocksize, callback, finished_callback)


class Stream:
    def __init__(self, owner, size, callback, finished):
        self.owner, self.size, self.callback, self.finished = owner, size, callback, finished

    def __enter__(self):
        for number, block in enumerate(cut(self.owner.waveform, self.size)):
            self.callback(block[:, None], len(block), None, "input overflow" if number == 3 else "")
        self.finished()

    def __exit__(self, *_):
        pass


def plugged(monkeypatch, *arguments, **options):
    fake = Microphone(*arguments, **options)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def test_a_microphone_gives_blocks_and_says_when_some_were_lost(monkeypatch, waveform):
    fake, lost = plugged(monkeypatch, waveform), []
    blocks = list(microphone(RATE, 2, lambda: lost.append(1)))
    np.testing.assert_array_equal(np.concatenate(blocks), waveform)
    assert (fake.asked, lost) == ([(RATE, 1600, 2)], [1])


def test_a_microphone_of_another_rate_is_resampled(monkeypatch):
    seconds = np.arange(2 * 48000) / 48000
    fake = plugged(monkeypatch, np.sin(2 * np.pi * 440 * seconds).astype("float32"), rate=48000, rates=(48000,))
    heard = np.concatenate(list(microphone(RATE)))
    assert fake.asked == [(48000, 4800, None)]
    assert 1.9 * RATE < len(heard) <= 2 * RATE
    middle = heard[RATE // 2 : RATE // 2 + RATE]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.abs(middle).max() == pytest.approx(1, abs=0.01)


def test_the_command_shows_lines_and_writes_a_new_csv(emohrnet, monkeypatch, run, model, waveform, tmp_path):
    plugged(monkeypatch, waveform)
    out = tmp_path / "new" / "heard.csv"
    code, shown, err = emohrnet("listen", run, "--hop", "0.25", "--out", out)
    assert code == 0, err
    assert "The microphone went away" in err
    assert "lost 1 times" in err
    table = pd.read_csv(out)
    expected = joined(listen(model, cut(waveform, 1600), hop=0.25))
    assert table.emotion.tolist() == expected.emotion.tolist()
    assert list(table.columns) == list(expected.columns)
    lines = shown.splitlines()
    assert len(lines) == len(table)
    assert lines[0].split()[:3] == ["0.50", "0.75", "neutral"]
    assert lines[20].split() == ["5.50", "5.75", "silence"]
    code, _, err = emohrnet("listen", run, "--out", out)
    assert code == 2
    assert "is there already" in err
    assert pd.read_csv(out).equals(table)


def test_a_missing_microphone_or_library_is_named(emohrnet, monkeypatch, run, waveform):
    def fails(*arguments):
        code, out, err = emohrnet("listen", run, *arguments)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        return " ".join(err.split())

    plugged(monkeypatch, waveform)
    assert "No such microphone (No input device matching 7)" in fails("--device", "7")
    assert "least confidence" in fails("--min-confidence", "2")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install 'emohrnet_tf[listen]'" in fails()

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    assert "apt-get install libportaudio2" in fails()


def test_the_moving_line_shows_silence_as_silence():
    rows = [
        {"start": 0.0, "end": 0.5, "emotion": "anger", "anger": 0.9, "calm": 0.1},
        {"start": 0.5, "end": 1.0, "emotion": "silence", "anger": np.nan, "calm": np.nan},
        {"start": 1.0, "end": 1.5, "emotion": "uncertain", "anger": 0.5, "calm": 0.5},
    ]
    assert strip(rows[:1], ["anger", "calm"]).plain == "█  0.5 s  anger 0.90"
    assert strip(rows[:2], ["anger", "calm"]).plain == "█·  1.0 s  silence"
    assert strip(rows, ["anger", "calm"]).plain == "█·?  1.5 s  uncertain 0.50"
    assert plain(rows[1], ["anger", "calm"]).split() == ["0.50", "1.00", "silence"]

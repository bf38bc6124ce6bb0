import io
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.timeline import FORMS, spans, timeline, write_timeline
from emohrnet_tf.plots import timeline as draw

RATE = 16000


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """6 s of a low voice (neutral to the test model), 4 s of silence, 6 s of a high one (anger); the level is low."""
    folder = tmp_path_factory.mktemp("recording")
    write_voice(folder / "low.wav", 150.0, 6.0, seed=1)
    write_voice(folder / "high.wav", 320.0, 6.0, seed=2)
    low, high = (load_audio(folder / name) for name in ("low.wav", "high.wav"))
    silence = 1e-5 * np.random.default_rng(0).standard_normal(4 * RATE)
    soundfile.write(folder / "both.wav", 0.05 * np.concatenate([low, 1e-2 * silence, high]), RATE, subtype="FLOAT")
    return folder / "both.wav"


def test_each_stretch_is_the_window_around_its_middle_and_silence_is_not_guessed(model, recording):
    table, _ = timeline(model, recording, hop=0.25)
    assert table.start.tolist() == pytest.approx(np.arange(64) * 0.25)
    assert table.end.iloc[-1] == 16.0
    assert (table.emotion[24:40] == "silence").all()
    assert table.loc[24:39, model.labels].isna().all(axis=None)
    assert (table.emotion[:23] == "neutral").all()
    assert (table.emotion[41:] == "anger").all()
    waveform, samples = load_audio(recording), model.audio.samples
    for number in (0, 9, 63):
        start = min(max(number * 4000 + (4000 - samples) // 2, 0), len(waveform) - samples)
        expected = model.score(waveform[None, start : start + samples])[0]
        np.testing.assert_allclose(table.loc[number, model.labels].astype(float), expected, atol=1e-5)


def test_the_level_of_the_recording_changes_nothing(model, recording, tmp_path):
    loud, rate = soundfile.read(recording)
    soundfile.write(tmp_path / "loud.wav", 15 * loud, rate, subtype="FLOAT")
    first, second = (timeline(model, path, hop=0.5)[0] for path in (recording, tmp_path / "loud.wav"))
    assert first.emotion.tolist() == second.emotion.tolist()


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.512, 0.7])
def test_recordings_shorter_than_a_window_have_a_timeline_too(model, tmp_path, seconds):
    write_voice(tmp_path / "short.wav", 150.0, seconds)
    table, overview = timeline(model, tmp_path / "short.wav", hop=0.5)
    assert len(table) == int(np.ceil(seconds / 0.5))
    assert table.end.iloc[-1] == pytest.approx(seconds, abs=1e-3)
    assert table[model.labels].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    draw(table, overview, tmp_path / "short.png")
    assert (tmp_path / "short.png").read_bytes().startswith(b"\x89PNG")


def test_digital_silence_is_silence(model, tmp_path):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(3 * RATE), RATE)
    table, overview = timeline(model, tmp_path / "nothing.wav", hop=0.5)
    assert set(table.emotion) == {"silence"}
    assert spans(table)[["start", "end"]].to_numpy().tolist() == [[0.0, 3.0]]
    assert write_timeline(table, "audacity") == ""
    draw(table, overview, tmp_path / "nothing.png")


def test_memory_does_not_grow_with_the_recording(model, tmp_path):
    minute = np.tile(0.1 * np.sin(np.arange(RATE) * 0.2), 60).astype("float32")
    peaks = []
    for minutes in (2, 8):
        with soundfile.SoundFile(tmp_path / "long.flac", "w", RATE, 1, format="FLAC") as file:
            for _ in range(minutes):
                file.write(minute)
        timeline(model, tmp_path / "long.flac", hop=0.5)
        tracemalloc.start()
        timeline(model, tmp_path / "long.flac", hop=0.5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    whole = 4 * RATE * 60 * 6  # bytes of the six minutes more
    assert peaks[1] - peaks[0] < 0.2 * whole, peaks


def test_every_form_holds_the_same_story(model, recording):
    table, _ = timeline(model, recording, hop=0.25)
    (first, silence, *_, last) = spans(table).to_dict("records")
    assert (first["emotion"], silence["emotion"], last["emotion"]) == ("neutral", "silence", "anger")
    assert pd.read_csv(io.StringIO(write_timeline(table, "csv"))).emotion.tolist() == table.emotion.tolist()
    rows = json.loads(write_timeline(table, "json"))
    assert [row["emotion"] for row in rows] == table.emotion.tolist()
    assert all(("probabilities" in row) == (row["emotion"] != "silence") for row in rows)
    start, end, text = write_timeline(table, "audacity").splitlines()[0].split("\t")
    assert (float(start), float(end)) == (0.0, first["end"])
    assert text.startswith("neutral ")
    subtitles = write_timeline(table, "webvtt")
    assert subtitles.startswith(f"WEBVTT\n\n00:00:00.000 --> 00:00:0{first['end']:.3f}\nneutral (")
    assert "silence" not in subtitles
    assert set(FORMS) == {"csv", "json", "audacity", "webvtt"}


def test_bad_recordings_and_hops_are_refused(model, recording, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        timeline(model, tmp_path / "absent.wav", hop=0.5)
    with pytest.raises(InputError, match="The hop lies between"):
        timeline(model, recording, hop=5.0)
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(InputError, match="not audio that can be read"):
        timeline(model, tmp_path / "text.wav", hop=0.5)

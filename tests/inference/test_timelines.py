import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.timeline import timeline
from emohrnet_tf.inference.timelines import cut_moments, moments, read_timelines, timelines, timelines_into

RATE = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`a.wav` neutral, then anger; `b.wav` stereo, anger on the right; `bad.wav`."""
    folder = tmp_path_factory.mktemp("recordings")
    write_voice(folder / "low.wav", 150.0, 3.0, seed=1)
    write_voice(folder / "high.wav", 320.0, 3.0, seed=2)
    low, high = (load_audio(folder / name) for name in ("low.wav", "high.wav"))
    soundfile.write(folder / "a.wav", np.concatenate([low, high]), RATE)
    soundfile.write(folder / "b.wav", np.stack([low, high], 1), RATE)
    for name in ("low.wav", "high.wav"):
        (folder / name).unlink()
    (folder / "bad.wav").write_text("no audio")
    return folder


@pytest.fixture(scope="module")
def table(model, folder):
    return pd.concat(list(timelines(model, folder, hop=0.5, channel="each")), ignore_index=True)


def test_a_table_holds_the_timeline_of_each_recording_and_channel(model, folder, table):
    names = table.file.str.rpartition("/")[2] + table.channel.fillna("").radd(" ")
    assert names.drop_duplicates().tolist() == ["a.wav mono", "b.wav left", "b.wav right", "bad.wav "]
    assert table[names == "bad.wav "].error.str.contains("not audio").all()
    for name, channel in (("a.wav", None), ("b.wav", "left"), ("b.wav", "right")):
        own, _ = timeline(model, folder / name, hop=0.5, channel=channel)
        rows = table[names == f"{name} {channel or 'mono'}"][own.columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, own, check_dtype=False)
    assert set(table[names == "b.wav left"].emotion) == {"neutral"}
    assert set(table[names == "b.wav right"].emotion) == {"anger"}


def test_a_stopped_run_goes_on_after_its_last_whole_recording(model, folder, table, tmp_path):
    out, asked = tmp_path / "t.csv", {"hop": 0.5, "channel": "each"}
    assert timelines_into(out, model, folder, **asked) == (4, 1)
    whole, calls = out.read_bytes(), []
    for cut in (-300, len(whole) // 2, 20):
        out.write_bytes(whole[:cut])
        assert timelines_into(out, model, folder, **asked, progress=lambda *pair: calls.append(pair)) == (4, 1)
        assert sorted(out.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert calls[0][0] > 1, "what was whole is not done again"
    calls.clear()
    assert timelines_into(out, model, folder, **asked, progress=lambda *pair: calls.append(pair)) == (4, 1)
    assert calls == []
    read = read_timelines(out)
    np.testing.assert_allclose(read[model.labels], table[model.labels], atol=1e-6)
    with pytest.raises(InputError, match="made by something else"):
        timelines_into(out, model, folder, hop=0.25, channel="each")
    with pytest.raises(InputError, match="The hop lies between"):
        list(timelines(model, folder, hop=9.0))


def test_moments_are_the_surest_stretches_joined(table):
    found = moments(table, ["anger"])
    assert sorted(found.file.str.rpartition("/")[2]) == ["a.wav", "b.wav"]
    assert found.confidence.is_monotonic_decreasing
    last = found[found.file.str.endswith("a.wav")].iloc[0]
    assert 2.5 <= last.start <= 3.5
    assert last.end == 6.0
    assert len(moments(table, ["anger"], most=1)) == 1
    assert moments(table, ["anger"], min_confidence=1.0).empty
    assert set(moments(table).emotion) >= {"anger", "neutral"}
    with pytest.raises(InputError, match="The model names neutral"):
        moments(table, ["joy"])
    with pytest.raises(InputError, match="1 or more"):
        moments(table, most=0)


def test_moments_are_cut_out_with_names_that_sort(table, folder, tmp_path):
    found = moments(table)
    cut = cut_moments(found, tmp_path / "clips", RATE)
    assert sorted(path.name for path in (tmp_path / "clips").glob("*.wav")) == sorted(cut["clip"])
    assert cut.error.isna().all()
    anger = cut[cut.emotion == "anger"]
    assert anger["clip"].tolist() == sorted(anger["clip"])
    assert anger["clip"].str.match(r"anger_00\d_[01]\.\d\d_[ab]_0h00m0\d\.\ds(_right)?\.wav").all()
    for row in cut.to_dict("records"):
        channel = None if row["channel"] == "mono" else row["channel"]
        heard = load_audio(row["file"], RATE, channel, row["start"], row["end"])
        np.testing.assert_allclose(load_audio(tmp_path / "clips" / row["clip"]), heard, atol=1e-4)
    cut_moments(found.head(1), tmp_path / "clips", RATE)
    assert len(list((tmp_path / "clips").iterdir())) == 2, "made anew: one clip and the list"
    with pytest.raises(InputError, match="holds other files"):
        cut_moments(found, folder, RATE)
    assert (folder / "a.wav").exists()


def test_a_moment_that_cannot_be_read_any_more_loses_no_other(table, tmp_path):
    found = moments(table, ["anger"])
    found.loc[0, "file"] = str(tmp_path / "gone.wav")
    cut = cut_moments(found, tmp_path / "clips", RATE)
    assert cut.error.notna().tolist()[:2] == [True, False]
    assert len(list((tmp_path / "clips").glob("*.wav"))) == len(found) - 1


# --- The command ---


def test_the_command_writes_one_table_and_clips(emohrnet, run, folder, tmp_path):
    asked = ("timeline", folder, "--model", run, "--hop", 0.5)
    code, out, err = emohrnet(*asked, "--out", tmp_path / "t.csv", "--clips", tmp_path / "c", "--emotion", "anger")
    assert code == 0, err
    assert "3 recordings in" in out
    assert "bad.wav" in err
    assert len(list((tmp_path / "c").glob("anger_*.wav"))) >= 1
    code, out, err = emohrnet(*asked)
    assert out.startswith("file,duration,start,end,emotion,")
    code, out, err = emohrnet("timeline", folder / "b.wav", "--model", run, "--hop", 0.5, "--channel", "right")
    assert out.startswith("start,end,emotion,")
    assert {line.split(",")[2] for line in out.splitlines()[1:]} == {"anger"}


def test_what_does_not_go_together_is_one_line(emohrnet, run, folder, tmp_path):
    for arguments, words in (
        ((folder, "--format", "webvtt"), "Several timelines are one CSV"),
        ((folder, "--picture", tmp_path / "a.png"), "Several timelines are one CSV"),
        (("-", "--channel", "each"), "Standard input is one recording"),
        ((folder, "--emotion", "anger"), "give a folder by --clips"),
        ((folder, "--clips", tmp_path / "c", "--emotion", "joy"), "The model names neutral"),
        ((folder, "--clips", tmp_path / "c", "--most", 0), "1 or more"),
        ((folder / "bad.wav", "--clips", tmp_path / "c"), "bad.wav"),
    ):
        code, out, err = emohrnet("timeline", *arguments, "--model", run, "--hop", 0.5)
        assert code == 2, (out, err)
        assert words in " ".join((out + err).split())
        assert "Traceback" not in err
    assert not (tmp_path / "c").exists()

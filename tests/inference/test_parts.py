import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf import by_speaker, predict_parts
from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.parts import predict_parts_into, read_parts
from emohrnet_tf.inference.predict import predict

RATE = 16000
TURNS = [(0.0, 2.0, "low"), (2.0, 4.0, "high"), (4.0, 5.5, "low")]


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Two voices in turn, in `talk.wav` mixed, in `call.wav` each on a channel; and who speaks when."""
    folder = tmp_path_factory.mktemp("talk")
    sides = np.zeros((round(5.5 * RATE), 2))
    for seed, (start, end, speaker) in enumerate(TURNS):
        write_voice(folder / "one.wav", 150.0 if speaker == "low" else 320.0, end - start, seed)
        place = slice(round(start * RATE), round(end * RATE))
        sides[place, int(speaker == "high")] = load_audio(folder / "one.wav")
    (folder / "one.wav").unlink()
    soundfile.write(folder / "talk.wav", sides.sum(axis=1), RATE)
    soundfile.write(folder / "call.wav", sides, RATE)
    line = "SPEAKER {} {} {} {:.3f} <NA> <NA> {} <NA> <NA>\n"
    turns = [line.format("talk", 1, start, end - start, name) for start, end, name in TURNS]
    (folder / "talk.rttm").write_text("".join(turns))
    turns = [line.format("call", 1 + (n == "high"), start, end - start, n) for start, end, n in TURNS]
    (folder / "call.rttm").write_text("".join(turns))
    return folder


def test_a_turn_is_answered_as_if_it_were_a_file(model, talk, tmp_path):
    table = predict_parts(model, [talk / "talk.wav"], talk / "talk.rttm")
    assert table[["start", "end", "speaker"]].to_numpy().tolist() == [list(turn) for turn in TURNS]
    assert table.emotion.tolist() == ["neutral", "anger", "neutral"]
    for number, (start, end, _) in enumerate(TURNS):
        soundfile.write(tmp_path / f"{number}.wav", load_audio(talk / "talk.wav", start=start, end=end), RATE)
    cut = predict(model, [tmp_path / f"{number}.wav" for number in range(3)])
    np.testing.assert_allclose(table[model.labels].astype(float), cut[model.labels].astype(float), atol=1e-5)


def test_channels_are_heard_each_by_itself(model, talk):
    table = predict_parts(model, [talk / "call.wav", talk / "talk.wav"], channel="each")
    assert table.channel.tolist() == ["left", "right", "mono"]
    assert table.emotion.tolist()[:2] == ["neutral", "anger"]
    one = predict_parts(model, [talk / "call.wav", talk / "talk.wav"], channel="right")
    assert one.channel.tolist() == ["right", "mono"]
    pd.testing.assert_frame_equal(one, table.iloc[1:].reset_index(drop=True))
    plain = predict_parts(model, [talk / "call.wav"])
    assert plain.columns.tolist() == predict(model, [talk / "call.wav"]).columns.tolist()
    turns = predict_parts(model, [talk / "call.wav"], [talk / "call.rttm"])
    assert turns.channel.tolist() == ["left", "left", "right"]
    assert turns.emotion.tolist() == ["neutral", "neutral", "anger"]
    with pytest.raises(InputError, match="Turns are of one channel"):
        predict_parts(model, [talk / "call.wav"], [talk / "call.rttm"], channel="each")
    with pytest.raises(InputError, match="channel: "):
        predict_parts(model, [talk / "call.wav"], channel="middle")


def test_channels_beyond_the_second_are_named(model, tmp_path):
    soundfile.write(tmp_path / "six.wav", 0.1 * np.random.default_rng(0).standard_normal((RATE, 6)), RATE)
    told = []
    table = predict_parts(model, tmp_path, channel="each", report=told.extend)
    assert table.channel.tolist() == ["left", "right"]
    assert "third on, of 6" in told[0]["reason"]


def test_what_has_no_answer_is_named_and_the_rest_goes_on(model, talk, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    (tmp_path / "good.wav").write_bytes((talk / "talk.wav").read_bytes())
    (tmp_path / "quiet.wav").write_bytes((talk / "talk.wav").read_bytes())
    line = "SPEAKER {} 1 {} {} <NA> <NA> A <NA> <NA>\n"
    rows = [("good", 0, 2), ("good", 1.5, 2), ("good", 4, 90), ("bad", 0, 1), ("absent", 0, 1), ("good", 5, 0)]
    (tmp_path / "t.rttm").write_text("".join(line.format(*row) for row in rows))
    told = []
    table = predict_parts(model, [tmp_path], [tmp_path / "t.rttm"], report=told.extend)
    assert [name.rpartition("/")[2] for name in table.file] == ["bad.wav", "good.wav", "good.wav", "good.wav"]
    assert table.error.notna().tolist() == [True, False, False, True]
    assert "lies beyond" in table.error[3]
    assert table.overlap.tolist() == [0.0, 0.5, 0.5, 0.0]
    left_out = {row["file"].rpartition("/")[2]: row["reason"] for row in told if "kept" not in row}
    assert left_out.keys() == {"t.rttm:5", "t.rttm:6", "quiet.wav"}
    assert "no recording is called 'absent'" in left_out["t.rttm:5"]
    assert left_out["quiet.wav"] == "no turn is of it"
    assert [row["file"].rpartition("/")[2] for row in told if "kept" in row] == ["t.rttm:1", "t.rttm:2"]
    (tmp_path / "t.rttm").write_text(line.format("absent", 0, 1))
    with pytest.raises(InputError, match="No turn can be used .*no recording is called 'absent'"):
        predict_parts(model, [tmp_path], [tmp_path / "t.rttm"])


def test_recordings_are_found_by_path_name_stem_or_where_the_turns_lie(model, talk, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "talk.wav").write_bytes((talk / "talk.wav").read_bytes())
    (tmp_path / "a" / "talk.en.srt").write_text("00:00:00,000 --> 00:00:02,000\nhello\n")
    (tmp_path / "t.csv").write_text("file,start,end\nb/talk.wav,0,2\ntalk.wav,0,1\n")
    found = lambda *arguments: predict_parts(model, *arguments).file.tolist()  # noqa: E731
    assert found(None, tmp_path / "a" / "talk.en.srt") == [str(tmp_path / "a" / "talk.wav")]
    assert found(tmp_path / "a", tmp_path / "a" / "talk.en.srt") == [str(tmp_path / "a" / "talk.wav")]
    told = []
    table = predict_parts(model, tmp_path, tmp_path / "t.csv", report=told.extend)
    assert table.file.tolist() == [str(tmp_path / "b" / "talk.wav")]
    assert "may be" in told[0]["reason"]
    assert found(None, [tmp_path / "t.csv", tmp_path / "a"]) == [str(tmp_path / f / "talk.wav") for f in ("a", "b")]


def test_a_speaker_is_the_mean_of_his_turns_weighted_by_their_length(model, talk):
    table = predict_parts(model, [talk / "talk.wav"], [talk / "talk.rttm"])
    rows = by_speaker(table)
    assert rows.speaker.tolist() == ["high", "low"]
    assert rows.turns.tolist() == [1, 2]
    assert rows.seconds.tolist() == [2.0, 3.5]
    assert rows.emotion.tolist() == ["anger", "neutral"]
    weighted = (2.0 * table.neutral[0] + 1.5 * table.neutral[2]) / 3.5
    assert rows.neutral[1] == pytest.approx(weighted)
    silent = by_speaker(table.assign(**dict.fromkeys(model.labels, np.nan), emotion="silence"))
    assert silent.emotion.tolist() == ["silence", "silence"]
    failed = by_speaker(table.assign(**dict.fromkeys(model.labels, np.nan), emotion=None, error="bad"))
    assert failed.emotion.tolist() == [None, None]


def test_a_stopped_run_goes_on_and_a_finished_one_is_left_alone(model, talk, tmp_path, monkeypatch):
    out, both = tmp_path / "t.csv", [talk / "call.wav", talk / "talk.wav"]
    asked = {"segments": [talk], "report": lambda rows: None}
    whole = predict_parts(model, both, **asked)

    class Killed(BaseException):
        pass

    def die(done, total):
        raise Killed

    monkeypatch.setattr("emohrnet_tf.inference.parts.BATCH", 2)
    with pytest.raises(Killed):
        predict_parts_into(out, model, both, **asked, progress=die)
    out.write_bytes(out.read_bytes()[:-9])  # the kill came in the middle of a line
    calls = []
    assert predict_parts_into(out, model, both, **asked, progress=lambda *pair: calls.append(pair)) == (6, 0)
    assert calls == [(3, 6), (5, 6), (6, 6)]
    table = read_parts(out).sort_values(["file", "channel", "start"], na_position="first").reset_index(drop=True)
    for name in ("file", "channel", "start", "end", "speaker", "overlap", "emotion"):
        assert table[name].fillna("").tolist() == whole[name].fillna("").tolist()
    np.testing.assert_allclose(table[model.labels], whole[model.labels], atol=1e-5)
    before = out.read_bytes()
    assert predict_parts_into(out, model, both, **asked) == (6, 0)
    assert out.read_bytes() == before
    with pytest.raises(InputError, match="made by something else"):
        predict_parts_into(out, model, both, channel="left")


# --- The command ---


def test_the_command_prints_turns_and_speakers(emohrnet, run, talk, tmp_path):
    asked = ("predict", talk / "talk.wav", "--model", run, "--segments", talk / "talk.rttm")
    code, out, err = emohrnet(*asked)
    assert code == 0, err
    assert "By speaker" in out
    code, out, err = emohrnet(*asked, "--format", "json", "--speakers", tmp_path / "s.csv")
    assert code == 0, err
    rows = pd.DataFrame(json.loads(out))
    assert rows.speaker.tolist() == ["low", "high", "low"]
    assert set(rows.probabilities[0]) == {"neutral", "sadness", "anger"}
    assert pd.read_csv(tmp_path / "s.csv").speaker.tolist() == ["high", "low"]
    code, out, err = emohrnet(*asked, "--out", tmp_path / "t.csv", "--speakers", tmp_path / "s.csv")
    assert "3 turns in" in out, err
    assert len(pd.read_csv(tmp_path / "t.csv")) == 3
    code, out, err = emohrnet("predict", talk / "call.wav", "--model", run, "--channel", "each", "--format", "csv")
    assert [line.split(",")[1:3] for line in out.splitlines()[1:]] == [["left", "neutral"], ["right", "anger"]]


def test_bad_input_is_one_line(emohrnet, run, talk, tmp_path):
    (tmp_path / "t.rttm").write_text("SPEAKER talk 1 9 1 <NA> <NA> A <NA> <NA>\nSPEAKER\n")
    for arguments, words in (
        ((), "Give audio files or folders"),
        ((talk, "--speakers", tmp_path / "s.csv"), "--speakers is of turns"),
        ((talk, "--segments", talk / "talk.rttm", "--speakers", talk / "talk.rttm"), "ends in .csv"),
        ((talk, "--segments", tmp_path / "absent.rttm"), "absent.rttm: cannot be read"),
        ((talk, "--segments", tmp_path / "t.rttm"), "9 to 10 s lies beyond"),
    ):
        code, out, err = emohrnet("predict", *arguments, "--model", run)
        assert code == 2, (out, err)
        assert words in " ".join((out + err).split())
        assert "Traceback" not in err
    assert "t.rttm:2: no line" in err

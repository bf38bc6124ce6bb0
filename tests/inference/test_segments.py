from pathlib import Path

import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.segments import find_segments, read_segments

RTTM = """;; made by hand
SPKR-INFO talk 1 <NA> <NA> <NA> unknown A <NA> <NA>
SPEAKER talk 1 0.50 2.00 <NA> <NA> A <NA> <NA>
SPEAKER talk 1 2.50 1.25 <NA> <NA> B <NA> <NA>
"""
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3.75
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "A"
        xmin = 0
        xmax = 3.75
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 2.5
            text = "she said ""no"" at 7"
        intervals [3]:
            xmin = 2.5
            xmax = 3.75
            text = " "
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 3.75
        points: size = 1
        points [1]:
            number = 1
            mark = "x"
    item [3]:
        class = "IntervalTier"
        name = "B"
        xmin = 0
        xmax = 3.75
        intervals: size = 1
        intervals [1]:
            xmin = 2.5
            xmax = 3.75
            text = "two
lines"
"""
SRT = """1
00:00:00,500 --> 00:00:02,500
[A]: she said no

2
00:00:02,500 --> 00:00:03,750
<i>B: two
lines</i>
"""
VTT = """WEBVTT - a title

NOTE a remark

00:00.500 --> 00:02.500 align:start position:10%
<v A>she said no</v>

last
00:00:02.500 --> 00:00:03.750
<v.loud B>two
"""


def written(tmp_path, name, text, encoding="utf-8"):
    (tmp_path / name).write_text(text, encoding=encoding)
    return read_segments(tmp_path / name)


def times(turns):
    return [(turn.start, turn.end, turn.speaker) for turn in turns]


@pytest.mark.parametrize(
    ("name", "text", "texts"),
    [
        ("talk.rttm", RTTM, [None, None]),
        ("talk.csv", "start,end,speaker\n0.5,2.5,A\n\n2.5,3.75,B\n", [None, None]),
        ("talk.csv", "\ufeffBegin;Offset;spk;text\n0,5;2,5;A;no\n2,5;3,75;B;two\n", ["no", "two"]),
        ("talk.TextGrid", TEXTGRID, ['she said "no" at 7', "two\nlines"]),
        ("talk.srt", SRT, ["she said no", "two lines"]),
        ("talk.vtt", VTT, ["she said no", "two"]),
    ],
)
def test_every_form_tells_the_same_turns(tmp_path, name, text, texts):
    turns, bad = written(tmp_path, name, text)
    assert bad == []
    expected = [(0.5, 2.5, "A"), (2.5, 3.75, "B")]
    assert times(turns) == expected
    assert [turn.text for turn in turns] == texts


def test_a_short_textgrid_in_utf16_and_one_of_speakers(tmp_path):
    short = 'File type = "ooTextFile"\n"TextGrid"\n\n0\n3.75\n<exists>\n1\n"IntervalTier"\n"speaker"\n0\n3.75\n2\n'
    short += '0.5\n2.5\n"A"\n2.5\n3.75\n"B"\n'
    turns, bad = written(tmp_path, "talk.TextGrid", short, "utf-16")
    assert (times(turns), bad) == ([(0.5, 2.5, "A"), (2.5, 3.75, "B")], [])
    assert [turn.text for turn in turns] == [None, None]


def test_channels_of_an_rttm_count_where_a_recording_has_two(tmp_path):
    both = "SPEAKER call 1 0 1 <NA> <NA> A <NA> <NA>\nSPEAKER call 2 1 1 <NA> <NA> B <NA> <NA>\n"
    turns, _ = written(tmp_path, "a.rttm", both + "SPEAKER talk 1 0 1 <NA> <NA> A <NA> <NA>\n")
    assert [turn.channel for turn in turns] == ["left", "right", None]
    turns, _ = written(tmp_path, "a.csv", "start,end,channel\n0,1,Left\n1,2,\n")
    assert [turn.channel for turn in turns] == ["left", None]


@pytest.mark.parametrize(
    ("name", "head", "bad", "good"),
    [
        (
            "a.rttm",
            "",
            [
                ("SPEAKER a 1 x 1 <NA> <NA> A", "no line `SPEAKER"),
                ("SPEAKER a 1 1", "no line `SPEAKER"),
                ("\x00\x01", "no line `SPEAKER"),
                ("SPEAKER a 1 1 0 <NA> <NA> A", "empty: 1 to 1 s"),
                ("SPEAKER a 1 -1 2 <NA> <NA> A", "begins before"),
                ("SPEAKER a 1 nan 2 <NA> <NA> A", "no number"),
            ],
            "SPEAKER a 1 0 1 <NA> <NA> A",
        ),
        (
            "a.csv",
            "start,end,speaker,channel\n",
            [
                ("x,1,A,", "numbers of seconds"),
                ("1", "numbers of seconds"),
                ("2,1,A,", "empty: 2 to 1 s"),
                ("1,inf,A,", "no number"),
                ("0,1,A,third", "channel 'third'"),
            ],
            "0,1,A,left",
        ),
        (
            "a.srt",
            "",
            [
                ("0:0 --> 00:00:01,000", "no times"),
                ("00:00:02,000 --> 00:00:01,000\nA: hello\n", "empty: 2 to 1 s"),
            ],
            "00:00:02,000 --> 00:00:03,000",
        ),
    ],
)
def test_bad_lines_are_named_and_the_rest_is_there(tmp_path, name, head, bad, good):
    for line, reason in bad:
        turns, found = written(
            tmp_path,
            name,
            f"{head}{good}\n{line}\n{good.replace('A', 'B').replace('SPEBKER', 'SPEAKER').replace('03', '04')}\n",
        )
        assert [row["file"] for row in found] == [f"{tmp_path / name}:{head.count(chr(10)) + 2}"], line
        assert reason in found[0]["reason"]
        assert len(turns) == 2
        assert turns[0].place == f"{tmp_path / name}:{head.count(chr(10)) + 1}"


def test_a_turn_that_is_there_twice_counts_once(tmp_path):
    line = "SPEAKER a 1 0 1 <NA> <NA> A <NA> <NA>\n"
    turns, bad = written(tmp_path, "a.rttm", line + line.replace("> A", "> B") + line)
    assert len(turns) == 2
    assert (bad[0]["file"], bad[0]["reason"]) == (f"{tmp_path / 'a.rttm'}:3", "is the turn of line 1 again")


def test_a_broken_tier_loses_no_other(tmp_path):
    turns, bad = written(tmp_path, "a.TextGrid", TEXTGRID.replace("xmin = 0.5", "xmin = about 0.5", 1))
    assert times(turns) == [(0.5, 2.5, "A"), (2.5, 3.75, "B")]  # a number that stands by itself is what Praat reads
    turns, bad = written(tmp_path, "a.TextGrid", TEXTGRID.replace("xmin = 0.5", 'xmin = "x"', 1))
    assert times(turns) == [(2.5, 3.75, "B")]
    assert bad == [{"file": f"{tmp_path / 'a.TextGrid'}:20", "reason": "tier 'A': no interval of start, end and text"}]
    turns, bad = written(tmp_path, "a.TextGrid", TEXTGRID[: TEXTGRID.index('"two')])
    assert times(turns) == [(0.5, 2.5, "A")]
    assert "tier 'B' does not hold the intervals that it announces" in bad[0]["reason"]


def test_files_that_are_none_are_refused(tmp_path):
    for name, words in (("absent.rttm", "cannot be read"), ("a.docx", "turns are read from .rttm")):
        with pytest.raises(InputError, match=words):
            read_segments(tmp_path / name)
    (tmp_path / "latin.csv").write_bytes("start,end,speaker\n0,1,Andr\xe9\n".encode("latin-1"))
    with pytest.raises(InputError, match="no text in UTF-8"):
        read_segments(tmp_path / "latin.csv")
    with pytest.raises(InputError, match="no column start and no column end"):
        written(tmp_path, "a.csv", "emotion,file\n")
    with pytest.raises(InputError, match="No file of turns"):
        find_segments([tmp_path / "empty"] if (tmp_path / "empty").mkdir() is None else [])


def test_a_folder_is_searched_for_turns_but_not_for_csv(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("b.RTTM", "a/c.srt", "results.csv", "x.wav"):
        (tmp_path / name).write_text("")
    assert find_segments([tmp_path]) == [tmp_path / "a" / "c.srt", tmp_path / "b.RTTM"]
    assert find_segments([tmp_path / "results.csv"]) == [Path(tmp_path / "results.csv")]


def test_what_is_said_before_a_colon_is_not_always_a_name(tmp_path):
    names = {"SPEAKER_00: hi": "SPEAKER_00", "Speaker 1: hi": "Speaker 1", "Then he said: hi": None, "at 7:30": None}
    for said, name in names.items():
        turns, _ = written(tmp_path, "a.srt", f"1\n00:00:00,000 --> 00:00:01,000\n{said}\n")
        assert turns[0].speaker == name

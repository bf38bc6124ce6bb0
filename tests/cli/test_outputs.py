"""Where the commands write, and what they print: nobody else's file, no half work, no text taken for markup."""

import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import write_voice
from test_cli import TINY, fails

from emohrnet_tf.cli import output


@pytest.fixture
def clip(tmp_path):
    write_voice(tmp_path / "in" / "clip.wav", 150.0)
    return tmp_path / "in" / "clip.wav"


@pytest.fixture
def table(index, tmp_path):
    index.to_csv(tmp_path / "index.csv", index=False)
    return tmp_path / "index.csv"


# --- Places ---


def test_places_that_cannot_be_written_are_said_before_the_work(emohrnet, run, clip, table, tmp_path, monkeypatch):
    def work(*arguments, **settings):
        pytest.fail("the work was begun")

    monkeypatch.setattr("emohrnet_tf.audio.files._decoded", work)
    monkeypatch.setattr("emohrnet_tf.inference.score.Readers", work)
    monkeypatch.setattr("emohrnet_tf.inference.listen.microphone", work)
    monkeypatch.setattr("emohrnet_tf.training.page.read_report", work)
    monkeypatch.setattr("emohrnet_tf.training.run.Clips", work)
    monkeypatch.setattr("emohrnet_tf.training.crossval.Clips", work)
    monkeypatch.setattr("emohrnet_tf.evaluation.on_index.Clips", work)
    monkeypatch.setattr("emohrnet_tf.corpora.read_corpus", work)
    monkeypatch.setattr("emohrnet_tf.exporter.exporter._clips", work)
    (tmp_path / "file").write_text("somebody's")
    bad, model = tmp_path / "file" / "a.csv", ("--model", run)
    for place in (bad, "/proc/a.csv", tmp_path / "in"):
        fails(emohrnet("timeline", clip, *model, "--hop", 0.5, "--out", place))
        fails(emohrnet("evaluate", table, *model, "--json", place))
        fails(emohrnet("robustness", table, *model, "--json", place))
        fails(emohrnet("predict", clip, *model, "--out", place))
        fails(emohrnet("embed", clip, *model, "--out", place))
        fails(emohrnet("listen", run, "--out", place))
        fails(emohrnet("report", run, "--out", place))
        fails(emohrnet("index", "ravdess", tmp_path, "--out", place))
    for place in (tmp_path / "file" / "a.png", "/proc/a.png", tmp_path / "a.gif"):
        fails(emohrnet("timeline", clip, *model, "--hop", 0.5, "--picture", place))
        for option in ("--picture", "--reliability", "--embedding", "--dimensions"):
            fails(emohrnet("evaluate", table, *model, option, place))
        fails(emohrnet("robustness", table, *model, "--picture", place))
        fails(emohrnet("info", "--picture", place))
    for place in (tmp_path / "file", tmp_path / "file" / "run", "/proc/run"):
        fails(emohrnet("train", table, "--out", place, *TINY))
        fails(emohrnet("crossval", table, "--out", place, *TINY))
        fails(emohrnet("prepare", "ravdess", tmp_path, place))
        fails(emohrnet("export", run, "--out", place))
        fails(emohrnet("demo", "--out", place))
    for name in ("a/b", "", "..", ".a", "a" * 300):
        fails(emohrnet("export", run, "--out", tmp_path / "out", "--name", name))
    assert (tmp_path / "file").read_text() == "somebody's"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "in", "index.csv"}


def test_what_is_read_is_not_written_over(emohrnet, run, clip, table):
    before = clip.read_bytes(), table.read_bytes()
    fails(emohrnet("timeline", clip, "--model", run, "--hop", 0.5, "--out", clip), "what is read")
    fails(emohrnet("evaluate", table, "--model", run, "--json", table), "what is read")
    fails(emohrnet("index", "table", table, "--out", table), "what is read")
    assert (clip.read_bytes(), table.read_bytes()) == before


def test_what_something_else_made_is_not_written_over(emohrnet, run, clip, table, tmp_path, monkeypatch):
    monkeypatch.setattr("emohrnet_tf.corpora.read_corpus", lambda *_, **__: pytest.fail("the work was begun"))
    report = (run / "report.json").read_bytes()
    others = {".csv": "name,age\n", ".json": '{"uar": 1}\n', ".vtt": "notes\n", ".txt": "1.5\tsugar\n"}
    for suffix, text in others.items():
        (tmp_path / f"mine{suffix}").write_text(text)
        fails(emohrnet("timeline", clip, "--model", run, "--out", tmp_path / f"mine{suffix}"), "something else")
    for command in (("evaluate", table, "--model", run), ("robustness", table, "--model", run), ("info",)):
        for file in (tmp_path / "mine.json", run / "report.json", tmp_path / "mine.csv"):
            fails(emohrnet(*command, "--json", file), "something else")
    fails(emohrnet("index", "ravdess", tmp_path, "--out", tmp_path / "mine.csv"), "something else")
    fails(emohrnet("index", "ravdess", tmp_path, "--out", clip), "ends in .csv")
    turns = ("--segments", clip.with_suffix(".rttm"), "--speakers", tmp_path / "mine.csv")
    fails(emohrnet("predict", clip, "--model", run, *turns), "something else")
    assert {suffix: (tmp_path / f"mine{suffix}").read_text() for suffix in others} == others
    assert (run / "report.json").read_bytes() == report


@pytest.mark.parametrize("form", ["csv", "json", "audacity", "webvtt"])
def test_a_timeline_is_written_again_over_its_own(emohrnet, run, clip, tmp_path, form):
    out = tmp_path / "timeline.out"
    for _ in range(2):
        code, _, err = emohrnet("timeline", clip, "--model", run, "--hop", 0.5, "--format", form, "--out", out)
        assert code == 0, err


def test_a_report_is_written_again_over_its_own(emohrnet, tmp_path):
    (tmp_path / "info.json").touch()
    for _ in range(2):
        code, _, err = emohrnet("info", "--architecture", "tiny", "--frames", 32, "--json", tmp_path / "info.json")
        assert code == 0, err


def test_two_results_are_not_written_to_one_place(emohrnet, run, clip, table, tmp_path):
    one, linked = tmp_path / "a.png", tmp_path / "folder" / ".." / "a.png"
    (tmp_path / "folder").mkdir()
    fails(emohrnet("timeline", clip, "--model", run, "--hop", 0.5, "--out", one, "--picture", linked), "something else")
    fails(emohrnet("evaluate", table, "--model", run, "--picture", one, "--reliability", linked), "something else")
    fails(emohrnet("evaluate", table, "--model", run, "--picture", one, "--json", linked), "something else")
    fails(emohrnet("robustness", table, "--model", run, "--picture", one, "--json", linked), "something else")
    fails(emohrnet("info", "--picture", one, "--json", linked), "something else")
    assert not one.exists()


def test_a_full_disk_is_one_line(emohrnet, monkeypatch):
    def full(*arguments, **settings):
        raise OSError(28, "No space left on device", "big.csv")

    monkeypatch.setattr("emohrnet_tf.inference.predict.find_audio", full)
    fails(emohrnet("predict", "clip.wav"), "big.csv", "No space left")


# --- Side files and options ---


def test_predict_touches_no_file_beside_its_own(emohrnet, run, clip, tmp_path):
    for name in ("report.json", "results.csv.made_by.json"):
        (tmp_path / name).write_text('{"uar": 0.7}')
    code, _, err = emohrnet("predict", clip, "--model", run, "--out", tmp_path / "report.csv")
    assert code == 0, err
    fails(emohrnet("predict", clip, "--model", run, "--out", tmp_path / "results.csv"), "made by something else")
    for name in ("report.json", "results.csv.made_by.json"):
        assert (tmp_path / name).read_text() == '{"uar": 0.7}'
    assert not (tmp_path / "results.csv").exists()
    assert json.loads((tmp_path / "report.csv.made_by.json").read_text())["labels"] == ["neutral", "sadness", "anger"]
    (tmp_path / "report.csv.made_by.json").write_text("no JSON")
    fails(emohrnet("predict", clip, "--model", run, "--out", tmp_path / "report.csv"), "made by something else")


def test_a_name_in_another_folder_is_another_file(emohrnet, run, clip, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    write_voice(tmp_path / "other" / "clip.wav", 320.0)
    for folder in (clip.parent, tmp_path / "other", clip.parent):
        monkeypatch.chdir(folder)
        code, _, err = emohrnet("predict", "clip.wav", "--model", run, "--out", tmp_path / "x.csv")
        assert code == 0, err
    assert pd.read_csv(tmp_path / "x.csv").file.tolist() == [str(clip), str(tmp_path / "other" / "clip.wav")]


def test_out_writes_csv_and_says_so(emohrnet, run, clip, tmp_path):
    out = ("predict", clip, "--model", run, "--out")
    for name in ("x.json", "x.tsv", "x"):
        fails(emohrnet(*out, tmp_path / name), "ends in .csv")
    for form in ("json", "table"):
        fails(emohrnet(*out, tmp_path / "x.csv", "--format", form), "--out writes CSV")
    assert emohrnet(*out, tmp_path / "x.csv", "--format", "csv")[0] == 0


def test_the_suffix_says_the_form_of_a_timeline(emohrnet, run, clip, tmp_path):
    begins = {"a.json": "[", "a.vtt": "WEBVTT", "a.txt": "0.000\t", "a.csv": "start,", "a.out": "start,"}
    for name, begin in begins.items():
        code, _, err = emohrnet("timeline", clip, "--model", run, "--hop", 0.5, "--out", tmp_path / name)
        assert code == 0, err
        assert (tmp_path / name).read_text().startswith(begin)


def test_evaluate_draws_nothing_that_was_not_asked_for(emohrnet, run, table, tmp_path):
    (tmp_path / "c_dimensions.png").write_text("somebody's")
    code, _, err = emohrnet("evaluate", table, "--model", run, "--picture", tmp_path / "c.png")
    assert code == 0, err
    assert (tmp_path / "c_dimensions.png").read_text() == "somebody's"
    fails(emohrnet("evaluate", table, "--model", run, "--dimensions", tmp_path / "d.png"), "has none")


# --- Text ---

MARKUP = ("[draft] voice", "[/b]", "[bold]x", "[link=http://a]b[/link]", ":smile:")


def test_markup_in_a_file_name_is_a_file_name(emohrnet, run, clip):
    folder = clip.parent / "[" / "b]"  # a path with [/b] in it
    folder.mkdir(parents=True)
    for name in (*(text.replace("/", "") for text in MARKUP), "a"):
        shutil.copy(clip, folder / f"{name}.wav")
    (folder / "[bad].wav").write_text("no audio")
    code, out, err = emohrnet("predict", clip.parent, "--model", run)
    assert code == 0, err
    for path in clip.parent.rglob("*.wav"):
        assert str(path) in (err if path.name == "[bad].wav" else out)
    fails(emohrnet("predict", clip.parent / "[/b]" / "[absent].wav", "--model", run), "[/b]/[absent].wav")


@pytest.mark.parametrize("text", MARKUP)
def test_no_text_is_markup_anywhere(text, capsys, monkeypatch):
    output.print_table(text, ["file", text], [("a", text), (text, 1)])
    output.print_error(text)
    output.print_failed([{"file": text, "reason": text}], "failed")
    captured = capsys.readouterr()
    assert captured.out.count(text) == 4
    assert f"Error: {text}" in captured.err
    assert f"  {text}: {text}" in captured.err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with output.progress(text):
        pass
    assert text in capsys.readouterr().err


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    with output.progress("files") as note:
        for done in range(5001, 5008):  # an earlier run has done 5000
            note(done, 10000)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("5003 of 10000 files, ")
    assert second.startswith("5006 of 10000 files, 0.25")
    assert second.endswith(" a second, 5 h 33 min left")
    with output.progress("files") as note:  # several at a time
        for done in (0, 256, 512):
            note(done, 1024)
    assert capsys.readouterr().err == "512 of 1024 files, 42.7 a second, 12 s left\n"
    with output.progress("heard", "s") as note:
        note(30.0)
        note(60.0)
        note(90.0)
    assert capsys.readouterr().err == "90 s heard\n"
    assert [output.duration(x) for x in (3.4, 119, 200, 3700)] == ["3 s", "119 s", "3 min", "1 h 2 min"]


def test_the_advice_names_its_extra(emohrnet, table, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    fails(emohrnet("train", table, "--out", tmp_path / "run", "--tensorboard", *TINY), "emohrnet_tf[tensorboard]")


def test_names_that_no_console_can_show_lose_nothing(run, clip, tmp_path):
    latin, folder = os.fsdecode(b"caf\xe9.wav"), clip.parent
    for name in (latin, "悲しみ.wav", "z.wav"):
        shutil.copy(clip, folder / name)
    names = ["caf\\udce9.wav", "clip.wav", "z.wav", "悲しみ.wav"]
    command = [sys.executable, "-m", "emohrnet_tf.cli", "predict", str(folder), "--model", str(run)]
    old_console = os.environ | {"PYTHONIOENCODING": "cp1252"}
    result = subprocess.run([*command, "--format", "csv"], capture_output=True, env=old_console, check=True)
    shown = re.findall(r"^.*/(.+?\.wav),", result.stdout.decode("cp1252"), flags=re.MULTILINE)
    assert sorted(shown) == sorted([*names[:3], "\\u60b2\\u3057\\u307f.wav"])


def test_names_that_are_no_utf8_are_written_and_the_run_goes_on(emohrnet, run, clip, tmp_path):
    shutil.copy(clip, clip.parent / os.fsdecode(b"caf\xe9.wav"))
    for _ in range(2):
        code, out, err = emohrnet("predict", clip.parent, "--model", run, "--out", tmp_path / "x.csv")
        assert code == 0, err
        assert "2 files in" in out
        written = pd.read_csv(tmp_path / "x.csv")
        assert [name.rpartition("/")[2] for name in written.file] == ["caf\\udce9.wav", "clip.wav"]
    code, out, _ = emohrnet("predict", clip.parent, "--model", run, "--format", "json")
    assert json.loads(out)[0]["file"] == str(clip.parent / os.fsdecode(b"caf\xe9.wav"))
    bad = clip.parent / os.fsdecode(b"caf\xe9.wav")
    picture = tmp_path / "t.svg"
    code, _, err = emohrnet("timeline", bad, "--model", run, "--hop", 0.5, "--picture", picture)
    assert code == 0, err
    assert "caf\\udce9" in picture.read_text()

import ast
import json
import os
import shutil
import subprocess
import sys
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice
from iemocap_tree import write_iemocap

from emohrnet_tf import __version__
from emohrnet_tf.audio.identity import Heard
from emohrnet_tf.model.saved import load_model

TINY = [
    *("--architecture", "tiny", "--set", "audio.frames=32", "--set", "audio.mels=32", "--set", "audio.mel_max_hz=4000"),
    *("--epochs", "1", "--batch-size", "8"),
]


def fails(result, *words):
    """Bad input ends with status 2, one clear message on standard error, no traceback."""
    code, out, err = result
    assert code == 2, (out, err)
    assert "Traceback" not in out + err
    said = " ".join(err.replace("│", " ").split())  # in a box, where the command line itself is wrong
    for word in words:
        assert word in said, err


HELP = """
import sys
from emohrnet_tf.cli import main
try:
    main()
except SystemExit:
    print(sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_help_completion_and_version_import_nothing_heavy(emohrnet):
    light = {"_EMOHRNET_COMPLETE": "complete_bash", "COMP_WORDS": "emohrnet train x.csv --preset ", "COMP_CWORD": "4"}
    asked = [
        (["emohrnet", "--help"], {}, "crossval"),
        (["emohrnet", "train", "--help"], {}, "loso"),
        (["emohrnet", "--version"], {}, f"emohrnet_tf {__version__}"),
        (["emohrnet"], light, "paper\ntuned\nknown_speakers\nvoices\nquick"),
    ]
    for arguments, environment, answer in asked:
        code = f"import sys; sys.argv = {arguments!r}\n" + HELP
        process = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
        )
        assert answer in process.stdout
        loaded = set(ast.literal_eval(process.stderr))
        assert not loaded & {"tensorflow", "keras", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "soundfile"}


def test_the_words_of_the_command_are_those_that_the_code_knows():
    from emohrnet_tf.cli import options
    from emohrnet_tf.corpora import CORPORA
    from emohrnet_tf.data.splits import PROTOCOLS, SCHEMES
    from emohrnet_tf.inference.timeline import FORMS

    told = (options.Protocols, PROTOCOLS), (options.Schemes, SCHEMES), (options.Corpora, CORPORA)
    for words, known in (*told, (options.TimelineFormats, FORMS)):
        assert get_args(words) == tuple(known)


def test_the_whole_way_from_a_folder_to_a_prediction(emohrnet, corpus, tmp_path):
    code, out, _ = emohrnet("index", "ravdess", corpus, "--out", tmp_path / "index.csv")
    assert code == 0
    assert "72 clips of 6 speakers" in " ".join(out.split())
    code, out, err = emohrnet("train", tmp_path / "index.csv", "--out", tmp_path / "run", *TINY)
    assert code == 0, err
    assert "validation-chosen epoch" in out
    assert "best on test (optimistic)" in out
    assert "RAVDESS without 18 of its actors (07, 08," in err
    model = tmp_path / "run"
    code, out, _ = emohrnet("evaluate", tmp_path / "index.csv", "--model", model, "--json", tmp_path / "e.json")
    assert code == 0
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["uar"] == json.loads((model / "report.json").read_text())["results"]["validation"]["uar"]
    code, out, _ = emohrnet("evaluate", tmp_path / "index.csv", "--model", model, "--json", "-")
    assert json.loads(out) == report, "nothing but the report is printed"
    pictures = [tmp_path / name for name in ("c.png", "r.png", "e.svg")]
    options = zip(("--picture", "--reliability", "--embedding"), pictures)
    code, _, err = emohrnet("evaluate", tmp_path / "index.csv", "--model", model, *sum(options, ()))
    assert code == 0, err
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    assert "sadness" in pictures[-1].read_text()
    clip = next(corpus.rglob("*.wav"))
    code, out, _ = emohrnet("predict", clip, "--model", model, "--format", "json")
    (row,) = json.loads(out)
    assert set(row) == {"file", "emotion", "probabilities"}
    assert row["emotion"] == max(row["probabilities"], key=row["probabilities"].get)
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_prepare_converts_a_corpus_and_its_index_trains_alike(emohrnet, corpus, tmp_path):
    code, _, err = emohrnet("prepare", "ravdess", corpus, tmp_path / "prepared")
    assert code == 0, err
    assert len(pd.read_csv(tmp_path / "prepared" / "index.csv")) == 72
    assert len(list((tmp_path / "prepared").rglob("*.wav"))) == 72


def test_predict_prints_csv_and_a_table_and_goes_on_past_a_bad_file(emohrnet, corpus, run, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    clip = next(corpus.rglob("*.wav"))
    code, out, err = emohrnet("predict", clip, tmp_path / "bad.wav", "--model", run, "--format", "csv")
    assert code == 0
    lines = out.strip().splitlines()
    assert lines[0] == "file,emotion,neutral,sadness,anger,error"
    assert len(lines) == 3
    assert "bad.wav" in err
    code, out, err = emohrnet("predict", clip, tmp_path / "bad.wav", "--model", run)
    assert code == 0
    assert clip.name in out
    assert "1 failed" in err
    fails(emohrnet("predict", tmp_path / "bad.wav", "--model", run), "bad.wav")


def test_info_names_versions_the_decoder_and_costs(emohrnet, tmp_path):
    code, out, _ = emohrnet("info", "--architecture", "small", "--json", "-", "--picture", tmp_path / "small.svg")
    assert "128 channels" in (tmp_path / "small.svg").read_text()
    facts = json.loads(out)
    assert code == 0
    assert facts["decoder"]["name"] in ("soundfile", "tensorflow-io")
    assert sum(part["parameters"] for part in facts["parts"].values()) == 1544008
    code, out, _ = emohrnet("info", "--architecture", "tiny", "--json", tmp_path / "facts.json")
    assert "stage4" in out
    assert json.loads((tmp_path / "facts.json").read_text())["architecture"] == "tiny"


# --- Bad input ---


def test_folders_that_are_no_corpus(emohrnet, tmp_path):
    out = ("--out", tmp_path / "index.csv")
    fails(emohrnet("index", "ravdess", tmp_path / "absent", *out), "absent")
    fails(emohrnet("index", "ravdess", tmp_path, *out), str(tmp_path))
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"RIFF")
    fails(emohrnet("index", "ravdess", tmp_path, *out), "song.wav")
    fails(emohrnet("index", "crema", tmp_path, *out), "ravdess", "emovo", "iemocap", "table")
    assert not (tmp_path / "index.csv").exists()


def test_unknown_settings_and_flags(emohrnet, corpus, tmp_path):
    emohrnet("index", "ravdess", corpus, "--out", tmp_path / "index.csv")
    train = ("train", tmp_path / "index.csv", "--out", tmp_path / "run")
    fails(emohrnet(*train, "--set", "training.epoch=3"), "Unknown setting of 'training'", "epochs")
    fails(emohrnet(*train, "--preset", "best"), "'paper', 'tuned',")
    fails(emohrnet(*train, "--architecture", "resnet"), "'tiny', 'lite',")
    fails(emohrnet(*train, "--protocol", "kfold"), "random")
    fails(emohrnet(*train, "--fold", "99", *TINY), "fold")
    fails(emohrnet(*train, "--frobnicate"), "frobnicate")
    fails(emohrnet("predict", tmp_path, "--model", tmp_path / "absent"), "No model at")
    fails(emohrnet("predict", tmp_path, "--model", tmp_path, "--format", "xml"), "'table', 'json', 'csv'")


def test_an_unusable_index(emohrnet, tmp_path):
    train = ("--out", tmp_path / "run", *TINY)
    fails(emohrnet("train", tmp_path / "absent.csv", *train), "absent.csv")
    (tmp_path / "empty.csv").write_text("")
    fails(emohrnet("train", tmp_path / "empty.csv", *train), "empty.csv")
    (tmp_path / "columns.csv").write_text("path,mood\na.wav,calm\n")
    fails(emohrnet("train", tmp_path / "columns.csv", *train), "columns.csv", "emotion")
    (tmp_path / "one.csv").write_text("file,emotion,speaker\na.wav,calm,1\nb.wav,calm,2\n")
    fails(emohrnet("train", tmp_path / "one.csv", *train), "calm")
    (tmp_path / "absent.csv").write_text("file,emotion,speaker\na.wav,calm,1\nb.wav,anger,2\n")
    fails(emohrnet("train", tmp_path / "absent.csv", *train), "a.wav")


def test_fewer_speakers_than_the_protocol_needs(emohrnet, corpus, tmp_path):
    emohrnet("index", "ravdess", corpus, "--out", tmp_path / "index.csv")
    table = pd.read_csv(tmp_path / "index.csv", dtype=str)
    table[table.speaker.isin(["01", "02"])].to_csv(tmp_path / "two.csv", index=False)
    fails(emohrnet("train", tmp_path / "two.csv", "--out", tmp_path / "run", *TINY), "speaker")


def test_iemocap_from_its_layout_to_a_prediction_with_unseen_sessions(emohrnet, tmp_path):
    written = write_iemocap(tmp_path / "IEMOCAP", repeats=4)
    index = tmp_path / "index.csv"
    code, _, err = emohrnet("index", "iemocap", tmp_path / "IEMOCAP", "--task", "4class", "--out", index)
    assert code == 0, err
    code, out, err = emohrnet("train", index, "--out", tmp_path / "run", "--protocol", "loso", *TINY)
    assert code == 0, err
    assert "Protocol loso, fold 0" in out
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    split = pd.read_csv(tmp_path / "run" / "split.csv", dtype=str)
    assert split[split.split == "test"].session.nunique() == 1
    assert split.groupby("session").split.nunique().max() == 1, "a session lies on one side"
    assert sorted(report["results"]["validation"]["labels"]) == ["anger", "happiness", "neutral", "sadness"]
    code, out, err = emohrnet("evaluate", index, "--model", tmp_path / "run")
    assert code == 0, err
    wav = next((tmp_path / "IEMOCAP").rglob("*.wav"))
    code, out, err = emohrnet("predict", wav, "--model", tmp_path / "run")
    assert code == 0, err
    assert wav.name in out
    assert len(written)


def test_the_command_prints_its_answer_and_nothing_else(corpus, run):
    clip = next(corpus.rglob("*.wav"))
    command = [sys.executable, "-m", "emohrnet_tf.cli", "predict", str(clip), "--model", str(run), "--format", "csv"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2


def test_crossval_and_robustness_leave_their_reports(emohrnet, index, run, tmp_path):
    from emohrnet_tf.corpora import write_index

    write_index(index, tmp_path / "index.csv")
    out = tmp_path / "folds"
    code, text, err = emohrnet("crossval", tmp_path / "index.csv", "--out", out, "--only", "0,2", *TINY)
    assert code == 0, err
    assert "not all folds" in text
    assert [run["fold"] for run in json.loads((out / "report.json").read_text())["runs"]] == [0, 2]
    fails(emohrnet("crossval", tmp_path / "index.csv", "--out", out, "--seeds", "a"), "--seeds: whole numbers")
    assert json.loads((out / "report.json").read_text())["preset"] is None, "settings of its own"
    start = ("--from", tmp_path / "absent")
    fails(
        emohrnet("crossval", tmp_path / "index.csv", "--out", tmp_path / "on", *start, *TINY), "No model at", "absent"
    )
    code, text, err = emohrnet(
        *("robustness", tmp_path / "index.csv", "--model", run),
        *("--json", tmp_path / "r.json", "--picture", tmp_path / "r.png"),
    )
    assert code == 0, err
    assert "telephone" in text
    assert {row["condition"] for row in json.loads((tmp_path / "r.json").read_text())["rows"]} >= {
        "clean",
        "MP3, small",
    }
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


def test_a_doubtful_clip_is_called_uncertain(emohrnet, corpus, run):
    clips = sorted(corpus.rglob("*.wav"))[:3]
    code, out, _ = emohrnet("predict", *clips, "--model", run, "--min-confidence", "0.9999", "--format", "json")
    assert code == 0
    rows = json.loads(out)
    assert {row["emotion"] for row in rows if max(row["probabilities"].values()) < 0.9999} == {"uncertain"}
    fails(emohrnet("predict", *clips, "--model", run, "--min-confidence", "2"), "lies between 0 and 1")


def test_a_folder_goes_into_a_file_and_a_second_run_finds_it_done(emohrnet, corpus, run, tmp_path):
    for _ in range(2):
        code, out, err = emohrnet("predict", corpus / "Actor_01", "--model", run, "--out", tmp_path / "results.csv")
        assert code == 0, err
        assert "12 files in" in out
    assert len(pd.read_csv(tmp_path / "results.csv")) == 12


def test_a_timeline_of_a_file_and_of_a_pipe(emohrnet, corpus, run, tmp_path, monkeypatch):
    clip = next(corpus.rglob("*.wav"))
    picture = tmp_path / "t.png"
    code, out, err = emohrnet("timeline", clip, "--model", run, "--hop", "0.25", "--picture", picture)
    assert code == 0, err
    assert out.startswith("start,end,emotion,")
    assert picture.read_bytes().startswith(b"\x89PNG")
    with clip.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Pipe", (), {"buffer": file})())
        code, _, err = emohrnet("timeline", "-", "--model", run, "--hop", "0.25", "--out", tmp_path / "t.csv")
    assert code == 0, err
    assert (tmp_path / "t.csv").read_text() == out
    fails(emohrnet("timeline", clip, "--model", run, "--format", "srt"), "'csv', 'json',")


def test_a_table_with_emotions_of_its_own_trains_from_another_model(emohrnet, corpus, run, tmp_path):
    names = {"01": "bored", "05": "angry", "04": "anger"}  # "anger" is known to the model, the others are not
    rows = [(clip, names[clip.name[6:8]], clip.parent.name) for clip in sorted(corpus.rglob("*.wav"))]
    pd.DataFrame(rows, columns=["file", "emotion", "speaker"]).to_csv(tmp_path / "my.csv", index=False)
    code, out, err = emohrnet("index", "table", tmp_path / "my.csv", "--out", tmp_path / "index.csv")
    assert code == 0, err
    assert "bored" in out
    train = ("train", tmp_path / "index.csv", *TINY, "--out")
    shutil.copytree(run, tmp_path / "start")
    start = load_model(tmp_path / "start")
    start.heard = Heard()  # a model of elsewhere: it has heard none of these clips
    start.save(tmp_path / "start" / "model.keras")
    code, out, err = emohrnet(
        *train, tmp_path / "run", "--from", tmp_path / "start", "--set", "training.learning_rate=0.0"
    )
    assert code == 0, err
    assert load_model(tmp_path / "run").labels == ["anger", "angry", "bored"]
    kernels = [load_model(folder).network.get_layer("stem1").get_weights()[0] for folder in (tmp_path / "run", run)]
    assert (kernels[0] == kernels[1]).all(), "a rate of 0 leaves what it started from"
    clip = next(corpus.rglob("*.wav"))
    code, out, _ = emohrnet("predict", clip, "--model", tmp_path / "run", "--format", "json")
    assert set(json.loads(out)[0]["probabilities"]) == {"anger", "angry", "bored"}


def test_a_table_is_prepared_and_a_folder_of_the_models_name_hides_nothing(emohrnet, tmp_path, monkeypatch):
    from emohrnet_tf.model.files import model_file

    for name in ("a", "b"):
        write_voice(tmp_path / "in" / f"{name}.wav", 200.0)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "t.csv").write_text("path;label\n..\\in\\a.wav;x\n..\\in\\b.wav;y\n")
    made = emohrnet("prepare", "table", tmp_path / "lists" / "t.csv", tmp_path / "out")
    assert made[0] == 0, made[2]
    assert (tmp_path / "out" / "in" / "a.wav").is_file()
    again = emohrnet("prepare", "table", tmp_path / "out" / "index.csv", tmp_path / "out")
    assert again[0] == 2
    (tmp_path / "ravdess").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_file("ravdess").name == "ravdess.npz"


def test_silence_is_named_and_no_number_is_made_up_for_it(emohrnet, run, tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16000), 16000)
    code, out, _ = emohrnet("predict", tmp_path / "quiet.wav", "--model", run, "--format", "json")
    assert code == 0
    assert json.loads(out, parse_constant=pytest.fail) == [{"file": str(tmp_path / "quiet.wav"), "emotion": "silence"}]
    code, out, _ = emohrnet("predict", tmp_path / "quiet.wav", "--model", run)
    assert "silence" in out
    assert "nan" not in out

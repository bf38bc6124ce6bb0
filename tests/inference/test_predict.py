import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf import InputError, load_audio, plots
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.data.pipeline import Clips
from emohrnet_tf.evaluation.on_index import answer_index, evaluate, known_clips, measure
from emohrnet_tf.inference.predict import find_audio, predict, predict_into


def test_each_file_gets_its_own_probabilities(model, index):
    files = index.file.tolist()[:5]
    table = predict(model, files)
    assert table.file.tolist() == files
    for file, row in zip(files, table[model.labels].to_numpy()):
        expected = model.score(windows(load_audio(file), model.audio.samples)).mean(axis=0)
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert table.emotion.tolist() == [model.labels[i] for i in table[model.labels].to_numpy().argmax(axis=1)]


def test_a_folder_is_searched_and_a_path_of_a_model_will_do(run, index, tmp_path):
    write_voice(tmp_path / "deep" / "er" / "b.wav", 200.0)
    write_voice(tmp_path / "a.WAV".lower(), 200.0, rate=44100)
    soundfile.write(tmp_path / "c.flac", *soundfile.read(tmp_path / "a.wav"))
    (tmp_path / "notes.txt").write_text("not audio")
    table = predict(run, tmp_path)
    assert [name.rsplit("/", 1)[1] for name in table.file] == ["a.wav", "c.flac", "b.wav"]
    np.testing.assert_allclose(*table[["neutral", "sadness", "anger"]].to_numpy()[:2], atol=1e-6)


def test_a_bad_file_has_its_reason_and_the_others_their_emotion(model, index, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    table = predict(model, [index.file[0], tmp_path / "bad.wav", index.file[1]])
    assert table.error.notna().tolist() == [False, True, False]
    assert "bad.wav" in table.error[1]
    assert pd.isna(table.emotion[1])
    assert table.loc[[0, 2], "emotion"].notna().all()


# --- Into a file ---


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("emohrnet_tf.inference.score.BATCH", 4)


def test_the_file_holds_what_predict_returns(model, index, tmp_path, few):
    (tmp_path / "bad.wav").write_text("no audio")
    files, calls = [*index.file[:10], tmp_path / "bad.wav"], []
    out = tmp_path / "new" / "results.csv"
    assert predict_into(out, model, files, progress=lambda *pair: calls.append(pair)) == (11, 1)
    written, expected = pd.read_csv(out), predict(model, files)
    assert written.columns.tolist() == expected.columns.tolist()
    assert written.file.tolist() == expected.file.tolist()
    np.testing.assert_allclose(written[model.labels], expected[model.labels], atol=1e-6)
    assert written.error.tolist()[-1] == expected.error.tolist()[-1]
    assert calls == [(number, 11) for number in range(1, 12)]


def test_a_killed_run_goes_on_after_its_last_whole_line(model, index, tmp_path, few, monkeypatch):
    out, files, scored = tmp_path / "results.csv", index.file[:12].tolist(), []

    class Killed(BaseException):
        pass

    def die_at_the_third(done, total):
        if done == 8:
            raise Killed

    with pytest.raises(Killed):
        predict_into(out, model, files, progress=die_at_the_third)
    whole = out.read_bytes()
    out.write_bytes(whole[:-9])  # the kill came in the middle of a line
    module = sys.modules["emohrnet_tf.inference.predict"]
    score = module.score_files
    monkeypatch.setattr(
        module, "score_files", lambda _, left, **settings: scored.extend(map(str, left)) or score(_, left, **settings)
    )
    assert predict_into(out, model, files) == (12, 0)
    assert scored == files[7:]
    assert pd.read_csv(out).file.tolist() == files
    assert predict_into(out, model, files) == (12, 0)
    assert len(scored) == 5, "a finished file is left alone"


def test_a_file_that_another_model_made_is_refused(model, index, tmp_path):
    out = tmp_path / "results.csv"
    predict_into(out, model, index.file[:2].tolist())
    with pytest.raises(InputError, match="made by something else"):
        predict_into(out, model, index.file[:2].tolist(), min_confidence=0.5)
    (tmp_path / "letter.csv").write_text("dear,sir\n")
    with pytest.raises(InputError, match="made by something else"):
        predict_into(tmp_path / "letter.csv", model, index.file[:2].tolist())
    assert (tmp_path / "letter.csv").read_text() == "dear,sir\n"


def test_nothing_to_predict_is_an_error(tmp_path):
    with pytest.raises(InputError, match="No such file or folder"):
        find_audio([tmp_path / "absent.wav"])
    with pytest.raises(InputError, match="No audio file found"):
        find_audio([tmp_path])


def test_measure_leaves_out_what_the_model_was_trained_on(run, index):
    split = pd.read_csv(run / "split.csv")
    report = evaluate(run, index)
    tests = (split.split == "test").sum()
    assert (report["clips"], report["left_out"]) == (tests, len(index) - tests)
    assert evaluate(run, index, part="all")["clips"] == len(index)
    with pytest.raises(InputError, match="trained on every clip"):
        evaluate(run, index[index.file.isin(split.file[split.split == "train"])])


def test_across_corpora_the_model_chooses_among_the_shared_emotions(run, index):
    other = index[index.emotion != "sadness"].assign(corpus="other")
    other.loc[other.index[0], "emotion"] = "boredom"
    report = evaluate(run, other, part="all", shared_labels=True)
    assert report["labels"] == ["neutral", "anger"]
    assert (report["clips"], report["corpora"]) == (len(other) - 1, ["other"])
    with pytest.raises(InputError, match="relabel or drop the others"):
        evaluate(run, other, part="all")
    with pytest.raises(InputError, match="two that the index has are needed"):
        evaluate(run, other.assign(emotion="anger"), part="all", shared_labels=True)


def test_measure_of_the_test_part_is_the_runs_own_result(run, index):
    import json

    own = json.loads((run / "report.json").read_text())["results"]["validation"]
    assert evaluate(run, index)["uar"] == pytest.approx(own["uar"], abs=1e-5)


def test_a_label_that_the_model_does_not_know_is_named(run, index):
    with pytest.raises(InputError, match="boredom"):
        evaluate(run, index.assign(emotion="boredom"))


def test_a_copied_model_file_knows_without_its_run_what_it_has_heard(run, index, tmp_path):
    shutil.copy(run / "model.keras", tmp_path / "model.keras")
    there, moved = (evaluate(place, index) for place in (run, tmp_path / "model.keras"))
    assert moved["clips"] == there["clips"] < len(index)
    assert moved["left_out"] == there["left_out"] == len(index) - there["clips"]


def test_evaluation_names_a_file_that_turns_out_damaged(model, index, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "b.flac", *soundfile.read(index.file[1]))
    contents = (tmp_path / "b.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(contents[: len(contents) // 2] + bytes(len(contents) - len(contents) // 2))
    rows = index.head(4).copy()
    rows.loc[1, "file"] = str(tmp_path / "b.flac")
    monkeypatch.setattr(Clips.__init__, "__defaults__", (16000, 0, 4))  # nothing is kept: its header is sound
    known = known_clips(model, rows)
    assert len(known.index) == 4
    _, answers = answer_index(model, known)
    assert len(known.index) == len(answers["probabilities"]) == 3
    assert not np.isnan(answers["probabilities"]).any()
    assert known.failed.file.tolist() == [rows.file[1]]


def test_embeddings_of_clips_are_what_their_probabilities_come_from(run, index, model):
    labels, answers = answer_index(model, known_clips(model, index))
    kernel, bias = model.network.get_layer("logits").get_weights()
    assert answers["embedding"].shape == (len(index), kernel.shape[0])
    assert ((answers["embedding"] @ kernel + bias).argmax(axis=1) == answers["probabilities"].argmax(axis=1)).all()
    other = index[index.emotion != "sadness"]
    labels, answers = answer_index(model, known_clips(model, other), ["neutral", "anger"])
    assert labels == ["neutral", "anger"]
    np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_pictures_are_drawn_of_the_clips_that_are_measured(run, index, tmp_path):
    names = ("confusion", "reliability", "embedding")
    plots.evaluated(measure(run, index), *(tmp_path / f"{name}.png" for name in names))
    assert all((tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in names)

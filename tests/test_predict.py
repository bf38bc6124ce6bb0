import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf import InputError, load_audio
from emohrnet_tf.audio import windows
from emohrnet_tf.predict import find_audio, measure, predict


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


def test_nothing_to_predict_is_an_error(tmp_path):
    with pytest.raises(InputError, match="No such file or folder"):
        find_audio([tmp_path / "absent.wav"])
    with pytest.raises(InputError, match="No audio file found"):
        find_audio([tmp_path])


def test_measure_leaves_out_what_the_model_was_trained_on(run, index):
    split = pd.read_csv(run / "split.csv")
    report = measure(run, index)
    tests = (split.split == "test").sum()
    assert (report["clips"], report["left_out"]) == (tests, len(index) - tests)
    assert measure(run, index, part="all")["clips"] == len(index)
    with pytest.raises(InputError, match="trained on every clip"):
        measure(run, index[index.file.isin(split.file[split.split == "train"])])


def test_across_corpora_the_model_chooses_among_the_shared_emotions(run, index):
    other = index[index.emotion != "sadness"].assign(corpus="other")
    other.loc[other.index[0], "emotion"] = "boredom"
    report = measure(run, other, part="all", shared_labels=True)
    assert report["labels"] == ["neutral", "anger"]
    assert (report["clips"], report["corpora"]) == (len(other) - 1, ["other"])
    with pytest.raises(InputError, match="relabel or drop the others"):
        measure(run, other, part="all")
    with pytest.raises(InputError, match="two shared emotions"):
        measure(run, other.assign(emotion="anger"), part="all", shared_labels=True)


def test_measure_of_the_test_part_is_the_runs_own_result(run, index):
    import json

    own = json.loads((run / "report.json").read_text())["results"]["validation"]
    assert measure(run, index)["uar"] == pytest.approx(own["uar"], abs=1e-5)


def test_a_label_that_the_model_does_not_know_is_named(run, index):
    with pytest.raises(InputError, match="boredom"):
        measure(run, index.assign(emotion="boredom"))


def test_a_copied_model_file_without_its_run_is_measured_on_everything(run, index, tmp_path):
    shutil.copy(run / "model.keras", tmp_path / "model.keras")
    assert measure(tmp_path / "model.keras", index)["clips"] == len(index)

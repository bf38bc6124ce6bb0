"""Embeddings of files: one row each, whatever becomes of the run; CSV and Parquet alike."""

import json
import shutil
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference import embed as module
from emohrnet_tf.inference.embed import embed, embed_into


@pytest.fixture
def recordings(index, tmp_path):
    """Six clips, a broken file and one of silence."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number, file in enumerate(index.file[:6]):
        shutil.copy(file, folder / f"{number}.wav")
    (folder / "broken.wav").write_bytes(b"RIFF and nothing else")
    soundfile.write(folder / "quiet.wav", np.zeros(16000), 16000)
    return folder


def vectors(table):
    return table.filter(regex=r"^e[0-9]+$").to_numpy("float32")


def test_a_row_is_the_mean_over_the_windows_of_the_file(model, recordings):
    table = embed(model, recordings)
    assert [file.rsplit("/")[-1] for file in table.file] == [*(f"{n}.wav" for n in range(6)), "broken.wav", "quiet.wav"]
    assert list(table.columns[:3]) == ["file", "emotion", "e0"]
    assert table.columns[-1] == "error"
    expected = model.answer_windows(windows(load_audio(recordings / "3.wav"), model.audio.samples))
    np.testing.assert_allclose(vectors(table)[3], expected["embedding"].mean(axis=0), atol=1e-5)
    assert table.emotion[3] == model.labels[expected["probabilities"].mean(axis=0).argmax()]
    assert table.error.notna().tolist() == [False] * 6 + [True, False]
    assert table.emotion.tolist()[6:] == [None, "silence"]
    assert np.isnan(vectors(table)[6:]).all()


class Vad:
    """Stands for a model of dimensions alone."""

    labels, widths, sample_rate, samples = (), {"dimensions": 3, "embedding": 4}, 16000, 8192

    def answer_windows(self, rows):
        return {"dimensions": np.zeros((len(rows), 3)), "embedding": np.ones((len(rows), 4), "float32")}


def test_a_model_of_dimensions_has_embeddings_too(recordings):
    table = embed(Vad(), recordings)
    assert list(table.columns) == ["file", "e0", "e1", "e2", "e3", "error"]
    assert np.isnan(table.e0).tolist() == [False] * 6 + [True, True]


def test_a_long_recording_is_never_whole_in_memory(tmp_path):
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 16000, 1) as file:
        for _ in range(1200):
            file.write(0.1 * np.random.default_rng(0).standard_normal(16000))
    tracemalloc.start()
    try:
        table = embed(Vad(), tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.e0.tolist() == [1.0]
    assert peak < 30e6, "twenty minutes are 77 MB"


def test_a_stopped_run_goes_on_and_more_files_are_added(model, recordings, tmp_path, monkeypatch):
    out = tmp_path / "new" / "e.csv"
    monkeypatch.setattr(module, "BATCH", 2)

    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_into(out, model, recordings, progress=stop)
    with out.open("a") as file:
        file.write("a line that a kill cut sh")
    scored = []
    answer_files = module.answer_files
    monkeypatch.setattr(
        module, "answer_files", lambda model, files, **how: [scored.extend(files), answer_files(model, files, **how)][1]
    )
    assert embed_into(out, model, recordings) == (8, 1)
    assert len(scored) == 4, "those that were not there"
    found, expected = pd.read_csv(out), embed(model, recordings)
    assert found.file.tolist() == expected.file.tolist()
    np.testing.assert_allclose(vectors(found), vectors(expected), rtol=1e-5, atol=1e-6)
    shutil.copy(recordings / "0.wav", recordings / "z.wav")
    assert embed_into(out, model, recordings) == (9, 1)
    assert embed_into(out, model, recordings) == (9, 1)
    assert len(pd.read_csv(out)) == 9


def test_parquet_holds_what_csv_holds_and_is_gone_on_with(model, recordings, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'emohrnet_tf[parquet]'")
    out = tmp_path / "e.parquet"
    monkeypatch.setattr(module, "BATCH", 2)

    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_into(out, model, recordings, progress=stop)
    assert not out.exists()
    assert (tmp_path / "e.parquet.rows.csv").exists()
    for count in (8, 9):
        assert embed_into(out, model, recordings) == (count, 1)
        assert not (tmp_path / "e.parquet.rows.csv").exists()
        found, expected = pd.read_parquet(out), embed(model, recordings)
        assert list(found.columns) == list(expected.columns)
        assert found.e0.dtype == "float32"
        assert sorted(found.file) == sorted(expected.file)
        found, expected = (table.sort_values("file", ignore_index=True) for table in (found, expected))
        np.testing.assert_allclose(vectors(found), vectors(expected), rtol=1e-5, atol=1e-6)
        assert found.emotion.isna().tolist() == expected.emotion.isna().tolist()
        assert found.error.isna().tolist() == expected.error.isna().tolist()
        shutil.copy(recordings / "0.wav", recordings / "NA.wav")


def test_what_something_else_made_is_left_alone(model, recordings, tmp_path, monkeypatch):
    out = tmp_path / "e.csv"
    out.write_text("mine\n")
    with pytest.raises(InputError, match="made by something else"):
        embed_into(out, model, recordings)
    assert out.read_text() == "mine\n"
    out.unlink()
    embed_into(out, model, recordings)
    monkeypatch.setattr(module, "fingerprint", lambda model: "of other weights")
    with pytest.raises(InputError, match="made by something else"):
        embed_into(out, model, recordings)
    out.unlink()
    embed_into(out, model, recordings)
    facts = json.loads((tmp_path / "e.csv.made_by.json").read_text())
    assert facts["embedding_of"] == "of other weights"


def test_the_command_writes_and_names_what_is_wrong(emohrnet, run, recordings, tmp_path, monkeypatch):
    code, out, err = emohrnet("embed", recordings, "--model", run, "--out", tmp_path / "e.csv")
    assert code == 0, err
    assert "8 files" in out
    assert "1 of them with an error" in out
    assert len(pd.read_csv(tmp_path / "e.csv")) == 8
    code, _, err = emohrnet("embed", recordings / "broken.wav", "--model", run, "--out", tmp_path / "b.csv")
    assert code == 2, "no file has an embedding"

    def fails(name):
        code, _, err = emohrnet("embed", recordings, "--model", run, "--out", tmp_path / name)
        assert code == 2
        assert "Traceback" not in err
        return " ".join(err.split())

    assert "ends in .csv or .parquet" in fails("e.npz")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'emohrnet_tf[parquet]'" in fails("e.parquet")
    assert not (tmp_path / "e.parquet.made_by.json").exists()

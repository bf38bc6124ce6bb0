import os
import threading

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.data import prepare as module
from emohrnet_tf.data.prepare import prepare
from emohrnet_tf.errors import InputError


@pytest.fixture
def corpus(tmp_path):
    """Three speakers' folders of short clips in three formats and rates."""
    random = np.random.default_rng(0)
    for name, rate, channels in (("s1/a.wav", 16000, 1), ("s1/b.flac", 44100, 2), ("s2/a.ogg", 22050, 1)):
        (tmp_path / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "corpus" / name, random.normal(0, 0.1, (rate // 2, channels)), rate)
    return tmp_path / "corpus"


def index_of(*files, **columns):
    return pd.DataFrame({"file": files, **columns})


def test_a_corpus_becomes_16_khz_mono_pcm_in_the_same_places(corpus, tmp_path):
    index = index_of("s1/a.wav", "s1/b.flac", "s2/a.ogg", emotion=["anger", "calm", "anger"])
    done, failed = prepare(index, corpus, tmp_path / "out")
    assert len(failed) == 0
    assert done["file"].tolist() == [str(tmp_path / "out" / name) for name in ("s1/a.wav", "s1/b.wav", "s2/a.wav")]
    assert done["emotion"].tolist() == ["anger", "calm", "anger"]
    assert done["duration"].tolist() == [0.5, 0.5, 0.5]
    for source, target in zip(index["file"], done["file"]):
        about = soundfile.info(target)
        assert (about.samplerate, about.channels, about.subtype) == (16000, 1, "PCM_16")
        np.testing.assert_allclose(load_audio(target), load_audio(corpus / source), atol=0.5001 / 32768)
    assert index["file"].tolist() == ["s1/a.wav", "s1/b.flac", "s2/a.ogg"]


def test_a_16_khz_clip_is_copied_to_the_last_bit(corpus, tmp_path):
    done, _ = prepare(index_of("s1/a.wav"), corpus, tmp_path / "out")
    np.testing.assert_array_equal(load_audio(done["file"][0]), load_audio(corpus / "s1/a.wav"))


def test_values_beyond_16_bits_are_rounded_and_clipped(tmp_path):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/a.wav", np.array([2.0, -2.0, 1.0, 0.6 / 32768, 0.4 / 32768]), 16000, "FLOAT")
    done, _ = prepare(index_of("a.wav"), tmp_path / "in", tmp_path / "out")
    values, _ = soundfile.read(done["file"][0], dtype="int16")
    assert values.tolist() == [32767, -32768, 32767, 1, 0]


def test_a_second_run_keeps_what_is_there(corpus, tmp_path, monkeypatch):
    index = index_of("s1/a.wav", "s1/b.flac")
    first, _ = prepare(index, corpus, tmp_path / "out")
    monkeypatch.setattr(module, "load_audio", lambda *_, **__: pytest.fail("a finished file was made again"))
    second, failed = prepare(index, corpus, tmp_path / "out")
    pd.testing.assert_frame_equal(first, second)
    assert len(failed) == 0


def test_files_lost_cut_or_made_from_an_older_source_are_made_again(corpus, tmp_path):
    index = index_of("s1/a.wav", "s1/b.flac", "s2/a.ogg")
    done, _ = prepare(index, corpus, tmp_path / "out")
    expected = [load_audio(file) for file in done["file"]]
    os.remove(done["file"][0])
    with open(done["file"][1], "r+b") as file:
        file.truncate(100)
    soundfile.write(corpus / "s2/a.ogg", np.zeros(16000), 16000)
    prepare(index, corpus, tmp_path / "out")
    np.testing.assert_array_equal(load_audio(done["file"][0]), expected[0])
    np.testing.assert_array_equal(load_audio(done["file"][1]), expected[1])
    assert len(load_audio(done["file"][2])) == 16000


def test_a_run_killed_while_it_wrote_its_record_resumes(corpus, tmp_path):
    index = index_of("s1/a.wav", "s1/b.flac")
    first, _ = prepare(index, corpus, tmp_path / "out")
    record = tmp_path / "out" / module.RECORD
    record.write_bytes(record.read_bytes()[:-20])
    second, failed = prepare(index, corpus, tmp_path / "out")
    assert len(failed) == 0
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, prepare(index, corpus, tmp_path / "out")[0])


def test_another_channel_is_another_file(corpus, tmp_path):
    mean, _ = prepare(index_of("s1/b.flac"), corpus, tmp_path / "out")
    averaged = load_audio(mean["file"][0])
    left, _ = prepare(index_of("s1/b.flac", channel=["left"]), corpus, tmp_path / "out")
    assert "channel" not in left
    assert np.abs(load_audio(left["file"][0]) - averaged).max() > 0.01
    np.testing.assert_allclose(load_audio(left["file"][0]), load_audio(corpus / "s1/b.flac", channel="left"), atol=2e-5)


def test_sections_of_one_file_are_files_of_their_own(corpus, tmp_path):
    index = index_of("s1/a.wav", "s1/a.wav", "s1/a.wav", start=[0.0, 0.25, np.nan], end=[0.25, 0.5, np.nan])
    done, failed = prepare(index, corpus, tmp_path / "out")
    assert len(failed) == 0
    assert done["file"].nunique() == 3
    assert not {"start", "end"} & set(done.columns)
    whole = load_audio(corpus / "s1/a.wav")
    np.testing.assert_array_equal(load_audio(done["file"][1]), whole[4000:])
    np.testing.assert_array_equal(load_audio(done["file"][2]), whole)


def test_rows_that_repeat_a_clip_share_its_file(corpus, tmp_path):
    calls = []
    index = index_of("s1/a.wav", "s1/a.wav")
    done, failed = prepare(index, corpus, tmp_path / "out", progress=lambda *call: calls.append(call))
    assert (len(done), done["file"].nunique(), len(failed)) == (2, 1, 0)
    assert calls == [(2, 2)]


def test_a_bad_file_does_not_lose_the_others(corpus, tmp_path):
    (corpus / "s1/bad.wav").write_bytes(b"no audio")
    index = index_of("s1/bad.wav", "s1/a.wav", "absent.wav", "../elsewhere.wav").set_index(pd.Index([7, 8, 9, 10]))
    done, failed = prepare(index, corpus, tmp_path / "out")
    assert done.index.tolist() == [8]
    assert failed.index.tolist() == [7, 9, 10]
    assert failed["file"].tolist() == ["s1/bad.wav", "absent.wav", "../elsewhere.wav"]
    assert [word in reason for word, reason in zip(("not audio", "no such file", "not under"), failed["reason"])] == [
        1
    ] * 3
    assert not (tmp_path / "out/s1/bad.wav").exists()


def test_two_sources_of_one_name_are_not_mixed_up(corpus, tmp_path):
    soundfile.write(corpus / "s1/a.flac", np.zeros(99), 16000)
    done, failed = prepare(index_of("s1/a.wav", "s1/a.flac"), corpus, tmp_path / "out")
    np.testing.assert_array_equal(load_audio(done["file"][0]), load_audio(corpus / "s1/a.wav"))
    assert "rename one of them" in failed["reason"][1]


def test_nothing_half_written_stays_behind(corpus, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    done, failed = prepare(index_of("s1/a.wav", "s1/b.flac"), corpus, tmp_path / "out")
    assert len(done) == 0
    assert "No space left" in failed["reason"][0]
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_absolute_paths_under_the_root_and_progress(corpus, tmp_path):
    calls, thread = [], threading.get_ident()
    index = index_of(*(str(corpus / name) for name in ("s1/a.wav", "s1/b.flac", "s2/a.ogg")))
    done, _ = prepare(
        index, corpus, tmp_path / "out", 2, lambda done, total: calls.append((done, total, threading.get_ident()))
    )
    assert done["file"][0] == str(tmp_path / "out/s1/a.wav")
    assert calls == [(1, 3, thread), (2, 3, thread), (3, 3, thread)]


def test_an_empty_index_gives_empty_tables(tmp_path):
    done, failed = prepare(pd.DataFrame({"file": []}), tmp_path / "in", tmp_path / "out")
    assert (len(done), len(failed)) == (0, 0)
    assert {"file", "duration"} <= set(done.columns)
    assert failed.columns.tolist() == ["file", "reason"]


def test_a_corpus_is_never_overwritten(corpus):
    with pytest.raises(InputError, match="another folder"):
        prepare(index_of("s1/a.wav"), corpus, corpus / ".")


def test_an_index_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="column `file`"):
        prepare(pd.DataFrame({"path": ["a.wav"]}), tmp_path, tmp_path / "out")

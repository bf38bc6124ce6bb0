import pytest
from recordings import voice, written

from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.errors import InputError

CLIP = written(voice(0.3))


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(CLIP)
    return root


def test_a_folder_for_each_emotion(tmp_path):
    make(tmp_path, "Anger/a.wav", "anger/b.wav", "anger/x/c.wav", "joy/a.flac", "loose.wav", "joy/._a.wav")
    index, skipped = read_corpus("folders", tmp_path)
    assert index["emotion"].tolist() == ["anger", "anger", "anger", "joy"]
    assert "speaker" not in index
    assert skipped["reason"].tolist() == ["lies in no folder of an emotion"]
    assert [row["reason"] for row in skipped.attrs["left_out"]] == ["macOS' own file beside another"]


def test_parts_and_a_folder_around_them(tmp_path):
    make(tmp_path / "data" / "v1", "train/anger/a.wav", "train/joy/b.wav", "val/anger/c.wav", "Test/joy/d.wav")
    index, _ = read_corpus("folders", tmp_path / "data")
    assert dict(zip(index["split"], index["emotion"])) == {"train": "joy", "validation": "anger", "test": "joy"}


def test_no_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="looked for EMOTION/"):
        read_corpus("folders", make(tmp_path, "a.wav", "b.wav"))


@pytest.mark.parametrize("place", ["", "angry/", "x/y/"])
def test_ravdess_in_other_folders(tmp_path, place):
    make(tmp_path, *(f"{place}03-01-0{e}-01-01-01-0{a}.wav" for e in (3, 5) for a in (1, 2)))
    index, skipped = read_corpus("ravdess", tmp_path)
    assert (index["speaker"].tolist(), len(skipped)) == (["01", "02", "01", "02"], 0)

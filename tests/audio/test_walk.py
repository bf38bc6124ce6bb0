import os

import pytest

from emohrnet_tf.audio.walk import walk
from emohrnet_tf.corpora.index import audio_files
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.predict import find_audio


@pytest.fixture
def folder(tmp_path):
    audio = ["a.wav", "b.OPUS", "sub/c.m4a", "sub/deep/d.webm"]
    other = ["._a.wav", ".hidden.wav", ".git/e.wav", "__MACOSX/f.wav", "notes.txt", "cover.jpg", "more.txt"]
    for name in audio + other:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    return tmp_path / "in"


def names(files, root):
    return [file.relative_to(root).as_posix() for file in files]


def test_every_finder_finds_the_same_and_what_is_left_out_is_named(folder):
    files, left_out = walk([folder])
    assert sorted(names(files, folder)) == ["a.wav", "b.OPUS", "sub/c.m4a", "sub/deep/d.webm"]
    assert sorted(find_audio([folder])) == audio_files(folder) == sorted(files)
    reasons = {row["file"].removeprefix(f"{folder}{os.sep}"): row["reason"] for row in left_out}
    assert reasons == {
        "._a.wav": "macOS' own file beside another",
        ".hidden.wav": "hidden",
        ".git": "a hidden folder",
        "__MACOSX": "macOS' own folder",
        "1 files .jpg": "not audio by their names",
        "2 files .txt": "not audio by their names",
    }


def test_a_file_is_listed_once(folder):
    (folder / "again.wav").symlink_to(folder / "a.wav")
    (folder / "broken.wav").symlink_to(folder / "nowhere.wav")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    files, left_out = walk([folder / "a.wav", folder, folder / "sub", folder / "a.wav", folder / "notes.txt"])
    found = names(files, folder)
    assert len(found) == len(set(found)) == 5
    assert "notes.txt" in found, "who names a file means it"
    reasons = [row["reason"] for row in left_out]
    assert reasons.count("given twice") == 2
    assert f"the same file as {folder / 'a.wav'}" in reasons
    assert "a link to nothing" in reasons


def test_linked_folders_are_searched(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "one").symlink_to(folder, target_is_directory=True)
    (tmp_path / "linked" / "two").symlink_to(folder, target_is_directory=True)
    assert len(walk([tmp_path / "linked"])[0]) == 4
    with pytest.raises(InputError, match="No such file or folder"):
        walk([tmp_path / "absent"])

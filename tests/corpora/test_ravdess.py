import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.errors import InputError


def tone(path, hertz=200.0, seconds=0.1, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(16000 * seconds)) / 16000)
    soundfile.write(path, np.tile(wave[:, None], channels), 16000)
    return path


def name(emotion=3, intensity=1, statement=1, repetition=1, actor=1, modality=3, channel=1):
    return "-".join(f"{n:02}" for n in (modality, channel, emotion, intensity, statement, repetition, actor))


def clip(root, suffix=".wav", hertz=None, **fields):
    stem = name(**fields)
    hertz = hertz or 100 + sum(10 * int(n) * k for k, n in enumerate(stem.split("-")))
    return tone(root / f"Actor_{fields.get('actor', 1):02}" / (stem + suffix), hertz)


@pytest.fixture
def tree(tmp_path):
    for actor in (2, 1):
        for emotion in range(1, 9):
            clip(tmp_path, emotion=emotion, actor=actor, suffix=".flac" if actor == 2 else ".wav")
    return tmp_path


def test_index(tree):
    clip(tree, emotion=5, intensity=2, statement=2, repetition=2)
    index, skipped = read_corpus("ravdess", tree)
    assert len(index) == 17
    assert skipped.empty
    assert list(skipped.columns) == ["file", "reason"]
    assert list(index.columns[:6]) == ["file", "emotion", "speaker", "corpus", "duration", "group"]
    assert index["file"].tolist() == sorted(index["file"])
    assert all(os.path.isabs(file) for file in index["file"])
    row = index[index["file"].str.endswith("03-01-05-02-02-02-01.wav")].iloc[0]
    assert row.drop(["file", "group"]).to_dict() == {
        "emotion": "anger",
        "speaker": "01",
        "corpus": "ravdess",
        "duration": 0.1,
        "sex": "male",
        "intensity": "strong",
        "statement": 2,
        "repetition": 2,
        "vocal_channel": "speech",
    }
    nouns = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    assert index[index["speaker"] == "02"]["emotion"].tolist() == nouns
    assert set(index[index["speaker"] == "02"]["sex"]) == {"female"}


def test_same_index_wherever_and_in_whatever_order_it_was_unpacked(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "zip" / "Audio_Speech_Actors_01-24"
    shutil.copytree(tree, other)
    a, b = (read_corpus("ravdess", root)[0] for root in (tree, other.parent))
    assert a.drop(columns="file").equals(b.drop(columns="file"))
    assert [Path(file).name for file in a["file"]] == [Path(file).name for file in b["file"]]


def test_archive_unpacked_twice_counts_once(tree, tmp_path_factory):
    whole = tmp_path_factory.mktemp("whole")
    shutil.copytree(tree, whole / "a")
    shutil.copytree(tree, whole / "b")
    broken = whole / "a" / "Actor_01" / f"{name(emotion=1)}.wav"
    broken.write_bytes(b"")
    index, skipped = read_corpus("ravdess", whole)
    assert len(index) == 16
    assert len(skipped) == 16
    assert str(whole / "b" / "Actor_01" / broken.name) in index["file"].tolist()  # a bad copy does not hide a good one
    assert skipped["reason"].str.contains("second copy|empty").all()


def test_the_copy_with_a_nested_second_folder_counts_once(tree):
    inside = [folder.name for folder in tree.iterdir()]
    nested = tree / "audio_speech_actors_01-24"
    for name_ in inside:
        shutil.copytree(tree / name_, nested / name_)
    index, skipped = read_corpus("ravdess", tree)
    assert len(index) == len(skipped) == 16
    assert skipped["reason"].str.startswith("a second copy of").all()


def test_speech_and_song_without_folders_of_actors(tree, tmp_path_factory):
    clip(tree, channel=2, emotion=3)
    flat = tmp_path_factory.mktemp("flat")
    for file in tree.rglob("03-*"):
        shutil.copy(file, flat)
    assert len(read_corpus("ravdess", flat)[0]) == 16
    whole, skipped = read_corpus("ravdess", flat, vocal_channel="all")
    assert len(whole) == 17
    assert skipped.empty


def test_vocal_channels(tree):
    clip(tree, channel=2, emotion=3)
    clip(tree, channel=2, emotion=4)
    assert len(read_corpus("ravdess", tree)[0]) == 16
    song, skipped = read_corpus("ravdess", tree, vocal_channel="song")
    assert song["vocal_channel"].tolist() == ["song", "song"]
    assert skipped.empty
    assert len(read_corpus("ravdess", tree, vocal_channel="all")[0]) == 18
    with pytest.raises(InputError, match=r"give \"speech\", \"song\" or \"all\".*Received: 'whisper'"):
        read_corpus("ravdess", tree, vocal_channel="whisper")


def test_identical_clips_share_a_group(tree):
    clip(tree, repetition=1, statement=2, hertz=333)
    clip(tree, repetition=2, statement=2, hertz=333)
    index, _ = read_corpus("ravdess", tree)
    twins = index[index["statement"] == 2]
    assert twins["group"].nunique() == 1
    assert index["group"].nunique() == len(index) - 1


def test_bad_files_are_listed_and_never_lose_the_rest(tree):
    bad = {
        tree / "Actor_01" / f"{name(emotion=3, statement=2)}.wav": (b"", "empty"),
        tree / "Actor_01" / f"{name(emotion=4, statement=2)}.wav": (b"RIFF no", "not audio"),
        tree / "Actor_01" / f"{name(emotion=9)}.wav": (b"?", "code that RAVDESS does not have"),
        tree / "Actor_01" / f"{name(modality=1)}.wav": (b"?", "modality '01'"),
        tree / "Actor_01" / "notes.wav": (b"?", "name is not"),
        tree / "Actor_02" / f"{name(actor=1, statement=2)}.wav": (
            b"?",
            "speaker 01 in the name, 'Actor_02' is the folder",
        ),
        tree / "loose" / f"{name(actor=1, statement=2)}.wav": (
            b"?",
            "lies in 'loose', not in the folder of speaker 01",
        ),
    }
    for path, (data, _) in bad.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    empty = tone(tree / "Actor_01" / f"{name(emotion=5, statement=2)}.wav", seconds=0)
    (tree / "Actor_01" / f"._{name()}.wav").write_bytes(b"AppleDouble")
    (tree / "Actor_01" / "readme.txt").write_text("not audio")
    index, skipped = read_corpus("ravdess", tree)
    assert len(index) == 16
    reasons = dict(zip(skipped["file"], skipped["reason"]))
    assert set(reasons) == {str(path) for path in [*bad, empty]}
    assert skipped["file"].tolist() == sorted(skipped["file"])
    for path, (_, reason) in bad.items():
        assert reason in reasons[str(path)]
    assert reasons[str(empty)] == "holds no samples"


def test_links_are_followed_and_circles_end(tree, tmp_path_factory):
    linked = tmp_path_factory.mktemp("linked")
    (linked / "RAVDESS").symlink_to(tree, target_is_directory=True)
    (tree / "circle").symlink_to(linked, target_is_directory=True)
    assert len(read_corpus("ravdess", linked)[0]) == 16


def test_unusable_folders(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_corpus("ravdess", tmp_path / "absent")
    file = tone(tmp_path / "one" / "file.wav")
    with pytest.raises(InputError, match="not a folder"):
        read_corpus("ravdess", file)
    with pytest.raises(InputError, match=r"looked for Actor_NN/.*found 1 others, for example 'file.wav'"):
        read_corpus("ravdess", file.parent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"looked for .* it is empty.*Received: "):
        read_corpus("ravdess", tmp_path / "empty")
    (tmp_path / "videos" / "Video_Speech_Actor_01").mkdir(parents=True)
    with pytest.raises(InputError, match="found only 'Video_Speech_Actor_01'"):
        read_corpus("ravdess", tmp_path / "videos")
    bad = tmp_path / "bad" / "Actor_01" / f"{name()}.wav"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"")
    with pytest.raises(InputError, match=r"no clip of ravdess can be used; 1 left out.*empty"):
        read_corpus("ravdess", tmp_path / "bad")
    clip(tmp_path / "same", emotion=3)
    clip(tmp_path / "same", emotion=3, repetition=2)
    with pytest.raises(InputError, match=r"all 2 clips of ravdess have one emotion.*'happiness'"):
        read_corpus("ravdess", tmp_path / "same")


def test_names_and_options_are_checked(tree):
    known = r"one of ravdess, emovo, .*iemocap, msp_podcast, audformat, folders, table.*'cremad'"
    with pytest.raises(InputError, match=known):
        read_corpus("cremad", tree)
    with pytest.raises(InputError, match="no option channel; the options are vocal_channel"):
        read_corpus("ravdess", tree, channel="song")
    with pytest.raises(InputError, match="no option task; it has no options"):
        read_corpus("emovo", tree, task="all")


def test_real_corpus():
    folder = os.environ.get("EMOHRNET_CORPORA")
    if not folder or not Path(folder, "ravdess").is_dir():
        pytest.skip("needs EMOHRNET_CORPORA, a folder that holds ravdess/")
    index, skipped = read_corpus("ravdess", Path(folder, "ravdess"))
    assert len(index) == 1440
    assert skipped.empty
    assert index["speaker"].nunique() == 24
    counts = index["emotion"].value_counts().to_dict()
    assert counts.pop("neutral") == 96
    assert set(counts.values()) == {192}
    assert len(counts) == 7
    twins = index[index["group"].duplicated(keep=False)]
    assert [Path(file).stem for file in twins["file"]] == ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]
    assert index["duration"].sum() == pytest.approx(5329, abs=0.5)

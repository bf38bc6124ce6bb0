import pandas as pd
import pytest
from conftest import write_voice

from emohrnet_tf import InputError
from emohrnet_tf.inference.sources import find_recordings, opened


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "deep/b.wav"):
        write_voice(tmp_path / "clips" / name, 200.0)
    (tmp_path / "clips" / "notes.txt").write_text("not audio")
    return tmp_path


def test_folders_and_files_are_named_whole_and_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    left_out = []
    found = find_recordings(["clips", folder / "clips" / "a.wav"], left_out.extend)
    assert found == [str(folder / "clips" / name) for name in ("a.wav", "deep/b.wav")]
    assert [row["file"] for row in left_out] == ["1 files .txt"]


def test_a_manifest_begins_where_it_lies_and_holds_addresses_as_they_are(folder):
    names = ["clips/a.wav", str(folder / "clips/a.wav"), "gs://bucket/c d.wav", "absent.wav", "01"]
    pd.DataFrame({"file": names, "speaker": "x"}).to_csv(folder / "files.csv", index=False)
    found = find_recordings([folder / "files.csv"])
    assert found == [str(folder / "clips/a.wav"), "gs://bucket/c d.wav", str(folder / "absent.wav"), str(folder / "01")]


def test_a_parquet_file_is_a_manifest(folder):
    pytest.importorskip("pyarrow", reason="Parquet is read by pyarrow, of the extras parquet and ray")
    pd.DataFrame({"file": ["clips/a.wav"]}).to_parquet(folder / "files.parquet")
    assert find_recordings([folder / "files.parquet"]) == [str(folder / "clips/a.wav")]
    (folder / "files.parquet").write_text("no Parquet")
    with pytest.raises(InputError, match=r"files.parquet cannot be read.*Received"):
        find_recordings([folder / "files.parquet"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,speaker\na.wav,x\n", "has a column `file`.*Received: the columns path, speaker"),
        ("file,speaker\na.wav,x\n,y\n", "row 2 names no file"),
        ("file\n", "has no rows"),
        ("", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_is_refused(folder, text, message):
    (folder / "files.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        find_recordings([folder / "files.csv"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.csv", "No such file: check the path of the manifest"),
        ("absent", "No such file or folder"),
        ("http://host/calls/", "Addresses are s3://bucket/folder and gs://bucket/folder"),
        ("s3:///calls", "Addresses are"),
    ],
)
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(InputError, match=f"{message}.*Received: .*{source}"):
        find_recordings([source])


def test_a_password_in_an_address_is_refused_and_not_told():
    with pytest.raises(InputError, match="holds no password") as refused:
        find_recordings(["s3://me:secret@bucket/calls/"])
    assert "secret" not in str(refused.value)


def test_addresses_keep_what_is_behind_the_question_mark_and_names_keep_theirs():
    pytest.importorskip("pyarrow", reason="buckets are read by pyarrow, of the extra ray")
    query = "?endpoint_override=127.0.0.1:5555&scheme=http"
    filesystem, path, named = opened(f"s3://bucket/a b/what?.wav{query}")
    assert (filesystem.type_name, path) == ("s3", "bucket/a b/what?.wav")
    assert named("bucket/c.wav") == f"s3://bucket/c.wav{query}"
    assert opened("gs://anonymous@bucket/a.wav")[2]("bucket/b.wav") == "gs://anonymous@bucket/b.wav"

import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from emohrnet_tf.corpora import read_corpus, read_index, write_index
from emohrnet_tf.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    for number, name in enumerate("abcd"):
        wave = 0.3 * np.sin(np.arange(16000) * (number + 1) / 50)
        soundfile.write(tmp_path / "clips" / f"{name}.wav", wave, 16000)
    return tmp_path


def table(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_index(folder):
    text = "file,emotion,speaker,valence,take\nclips/b.wav,Wut,01,-0.5,7\nclips/a.wav,sehr froh,02,,8\n"
    index, skipped = read_corpus("table", table(folder, text))
    assert skipped.empty
    assert index["file"].tolist() == [str(folder / "clips" / name) for name in ("a.wav", "b.wav")]
    assert index["emotion"].tolist() == ["sehr froh", "Wut"]
    assert index["speaker"].tolist() == ["02", "01"]
    assert index["corpus"].tolist() == ["table", "table"]
    assert index["duration"].tolist() == [1.0, 1.0]
    assert index["take"].tolist() == [8, 7]
    assert index["valence"].isna().tolist() == [True, False]


def test_the_least_table(folder):
    index, _ = read_corpus("table", table(folder, f"emotion,file\nx,clips/a.wav\ny,{folder / 'clips' / 'b.wav'}\n"))
    assert len(index) == 2
    assert "speaker" not in index


def test_excel_marks_and_quotes(folder):
    os.rename(folder / "clips" / "a.wav", folder / "clips" / "ä, é.wav")
    path = table(folder, 'file,emotion\r\n"clips/ä, é.wav",calm\r\nclips/b.wav,anger\r\n', encoding="utf-8-sig")
    assert len(read_corpus("table", path)[0]) == 2


def test_missing_and_bad_files_are_listed(folder):
    (folder / "clips" / "d.wav").write_bytes(b"no")
    rows = [f"clips/{name}.wav,{emotion}" for name, emotion in zip("abcdz", ["x", "y", "x", "y", "x"])]
    index, skipped = read_corpus("table", table(folder, "\n".join(["file,emotion", *rows, "clips,y"])))
    assert len(index) == 3
    assert skipped["reason"].tolist() == ["not a file", "not audio that can be read, or its header is damaged"] + [
        "no such file"
    ]


def test_sections(folder):
    text = (
        "file,emotion,start,end\nclips/a.wav,x,0.5,0.9\nclips/a.wav,y,,0.5\nclips/b.wav,y,,\nclips/a.wav,x,0.95,1.08\n"
    )
    index, skipped = read_corpus("table", table(folder, text + "clips/b.wav,x,0.5,2\nclips/b.wav,x,0.6,0.6\n"))
    assert index["duration"].round(6).tolist() == [0.5, 0.4, 0.05, 1.0]
    assert index["group"].nunique() == 4
    assert skipped["reason"].str.contains(r"lasts 1.000 s; the section 0.[56] to .* s is not within").tolist() == [
        True,
        True,
    ]


def test_sections_that_overlap_by_half_share_a_group(folder):
    starts = [0.0, 0.2, 0.4, 0.7, 0.95]
    rows = [f"clips/a.wav,{'xy'[i % 2]},{start},{min(1.0, start + 0.4)}" for i, start in enumerate(starts)]
    index, _ = read_corpus("table", table(folder, "\n".join(["file,emotion,start,end", *rows])))
    first, second, third, fourth, fifth = index["group"]
    assert first == second == third  # 0.2 s of 0.4 s
    assert fourth != third  # 0.1 s of 0.3 s
    assert fifth == fourth  # lies within
    whole, _ = read_corpus("table", table(folder, "\n".join(["file,emotion,start,end", *rows, "clips/a.wav,x,,"])))
    assert whole["group"].nunique() == 1


def test_own_corpus_and_group_stay(folder):
    text = "file,emotion,corpus,group,duration\nclips/a.wav,x,mine,007,3\nclips/b.wav,y,,,3\n"
    index, _ = read_corpus("table", table(folder, text))
    assert index["corpus"].tolist() == ["mine", "table"]
    assert index["group"][0] == "007"
    assert len(index["group"][1]) == 16
    assert index["duration"].tolist() == [1.0, 1.0]


def test_tables_as_other_programs_write_them(folder):
    text = "Path;Label;Speaker ID;Set;start\nclips\\a.wav;Happy;01;val;0,25\nclips\\b.wav;happy;02;Dev;\n"
    text += "clips\\c.wav;happy;02;training;\nclips\\d.wav;sad;3;eval;\n"
    index, skipped = read_corpus("table", table(folder, text))
    assert skipped.empty
    assert index["emotion"].tolist() == ["happy", "happy", "happy", "sad"]
    assert index["split"].tolist() == ["validation", "validation", "train", "test"]
    assert index["duration"].tolist() == [0.75, 1.0, 1.0, 1.0]
    tabs = read_index(table(folder, "filename\tclass\nclips/a.wav\tx\n"))
    assert tabs[["file", "emotion"]].values.tolist() == [[str(folder / "clips" / "a.wav"), "x"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column file and no column emotion"),
        ("file,mood\na.wav,x\n", r"no column emotion; .*Received: \['file', 'mood'\]"),
        ("file|emotion\na.wav|x\n", r"separated by commas. Received: \['file\|emotion'\]"),
        ("path,filename,label\na,b,x\n", r"which column is file\? .*Received: \['path', 'filename'\]"),
        ("file,emotion\na.wav,x\nb.wav,y\na.wav,y\n", r"one clip has two emotions: row 2, 4 "),
        ("file,emotion\n", "holds no clip"),
        ("file,emotion\na.wav,x\nb.wav,\nc.wav, \n", r"emotion is missing.*row 3, 4 \(row 1 names the columns\)"),
        ("file,emotion\na.wav,x\n ,y\n", "file is missing.*row 3"),
        ("file,emotion,valence\na.wav,x,high\nb.wav,y,0.5\n", "valence is not a number: row 2 .*Received: 'high'"),
        ("file,emotion\n" + ",x\n" * 12, "row 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"),
        ("file,emotion\na.wav,x\nb.wav,y,z,\n", "not CSV in UTF-8"),
        ("file,emotion\na.wav,x,1\nb.wav,y,2\n", "not CSV in UTF-8"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_index(table(tmp_path, text))


def test_unreadable_tables(folder):
    with pytest.raises(InputError, match="no such file; give a CSV file"):
        read_index(folder / "absent.csv")
    with pytest.raises(InputError, match="a folder; give a CSV file"):
        read_corpus("table", folder)
    with pytest.raises(InputError, match="not CSV in UTF-8"):
        read_index(table(folder, "file,emotion\nä.wav,x\n", encoding="latin-1"))
    with pytest.raises(InputError, match=r"all 2 clips of table have one emotion.*'x'"):
        read_corpus("table", table(folder, "file,emotion\nclips/a.wav,x\nclips/b.wav,x\n"))


def test_index_survives_its_file(folder):
    text = "file,emotion,speaker,split,start,take\nclips/b.wav,x,01,train,0.25,5\nclips/a.wav,y,1e5,test,,6\n"
    index, _ = read_corpus("table", table(folder, text))
    index["improvised"] = [True, False]
    write_index(index, folder / "new" / "index.csv")
    again = read_index(folder / "new" / "index.csv")
    pd.testing.assert_frame_equal(again, index, check_dtype=False, check_column_type=False)
    assert again["speaker"].tolist() == ["1e5", "01"]
    assert again["improvised"].dtype == bool
    assert again["take"].tolist() == [6, 5]


def test_names_that_look_like_numbers_or_nothing(folder):
    index = pd.DataFrame(
        {"file": ["/x/1.wav", "/x/2.wav"], "emotion": ["none", "0"], "speaker": ["007", "null"], "group": ["1e3", "22"]}
    )
    write_index(index, folder / "index.csv")
    again = read_index(folder / "index.csv")
    for name in index:
        assert again[name].tolist() == index[name].tolist()


def test_relative_files_start_at_the_table(folder, monkeypatch):
    path = table(folder, "file,emotion\nclips/a.wav,x\n../b.wav,y\n")
    monkeypatch.chdir("/")
    files = read_index(path)["file"].tolist()
    assert files == [str(folder / "clips" / "a.wav"), str(folder.parent / "b.wav")]


def test_an_index_is_written_whole_or_not_at_all(folder, monkeypatch):
    index = pd.DataFrame({"file": ["a.wav"], "emotion": ["x"]})
    path = folder / "index.csv"
    write_index(index, path)
    before = path.read_text()

    def fail(self, part, **options):
        with open(part, "w") as file:
            file.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device"):
        write_index(index.assign(emotion="y"), path)
    assert path.read_text() == before
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []


def test_what_is_no_index_is_not_written(folder):
    with pytest.raises(InputError, match=r"columns file, emotion. Received: \['file'\]"):
        write_index(pd.DataFrame({"file": ["a.wav"]}), folder / "index.csv")
    with pytest.raises(InputError, match="cannot be written"):
        write_index(pd.DataFrame({"file": ["a"], "emotion": ["x"]}), folder / "clips" / "a.wav" / "index.csv")


def test_a_table_of_dimensions_needs_no_emotions(folder):
    text = "file,valence,arousal,dominance\nclips/a.wav,1,2,3\nclips/b.wav,4,,\n"
    with pytest.raises(InputError, match="emotion is missing; fill it in or delete the row: row 3"):
        read_corpus("table", table(folder, text))
    index, _ = read_corpus("table", table(folder, text.replace("4,,", "4,5,5")), vad_scale="1..5")
    assert index["emotion"].isna().all()
    assert index["vad_scale"].tolist() == ["1..5", "1..5"]
    with pytest.raises(InputError, match="a scale, and no column valence"):
        read_corpus("table", table(folder, "file,emotion\nclips/a.wav,x\nclips/b.wav,y\n"), vad_scale="1..5")

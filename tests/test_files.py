import os
import subprocess
import sys

import pandas as pd
import pytest

from emohrnet_tf import files
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import (
    any_names,
    left_over,
    printable,
    read_csv,
    replacing,
    writable,
    writable_folder,
    write_csv,
    write_json,
)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_text("somebody's")
    return tmp_path / "file"


def test_places_that_cannot_be_written_are_said_before_the_work_and_nothing_is_left(file, tmp_path):
    for place in (file / "a.csv", file / "new" / "a.csv", tmp_path, "/proc/a.csv", tmp_path / ("a" * 300)):
        with pytest.raises(InputError, match="cannot be written|is a folder"):
            writable(place)
    for place in (file, file / "run", "/proc/run", tmp_path / ("a" * 300)):
        with pytest.raises(InputError, match="cannot be written|is a file"):
            writable_folder(place)
    with pytest.raises(InputError, match="no regular file"):
        writable(os.devnull)
    with pytest.raises(InputError, match=r"ends in \.png or \.svg"):
        writable(tmp_path / "a.gif", suffixes=(".png", ".svg"))
    with pytest.raises(InputError, match="is what is read"):
        writable(file, [None, tmp_path / "absent", file])
    assert writable(tmp_path / "new" / "a.PNG", [file], (".png",)) == tmp_path / "new" / "a.PNG"
    assert writable_folder(tmp_path / "new" / "run") == tmp_path / "new" / "run"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_one_clear_error_and_the_old_file_stays(file):
    def write():
        with replacing(file) as part:
            part.write_text("half")
            with open("/dev/full", "w") as full:
                full.write("x")

    with pytest.raises(InputError, match="No space left"):
        write()
    assert file.read_text() == "somebody's"
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_process_was_writing_goes_away_and_what_others_write_stays(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead, own, other = tmp_path / f".table.{int(ended.stdout)}.part.csv", tmp_path / ".b.1.part.csv", tmp_path / ".part"
    for name in (dead, own, other):
        name.write_text("half")
    files._clear.cache_clear()
    write_json(tmp_path / "a.json", {})
    assert not dead.exists()
    assert own.exists(), "process 1 is there"
    assert other.exists()
    assert [left_over(name) for name in (dead, own, other, tmp_path / "a.json")] == [True, True, False, False]


def test_names_that_are_no_utf8_are_written_and_come_back(tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    with any_names():
        write_csv(pd.DataFrame({"file": [name, "café.wav"]}), tmp_path / "a.csv")
    assert read_csv(tmp_path / "a.csv").file.tolist() == [name, "café.wav"], "also where pyarrow is installed"
    write_json(tmp_path / "a.json", {"file": name})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "file": "caf\\udce9.wav"\n}\n'
    assert printable(name) == "caf\\udce9.wav"
    assert printable("café 悲 😀") == "café 悲 😀"

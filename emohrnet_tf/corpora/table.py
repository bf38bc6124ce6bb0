"""Any corpus as a table: a CSV file with a row for each clip; and the index written to CSV and read again."""

import math
import os
import warnings
from pathlib import Path

import pandas as pd

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import any_names, printable, replacing

from .index import make_index

REQUIRED = ("file", "emotion")
DIMENSIONS = ("valence", "arousal", "dominance")
TEXTS = ("file", "emotion", "speaker", "corpus", "group", "channel", "split", "session", "vad_scale", "content")
NUMBERS = ("start", "end", "duration", *DIMENSIONS)
NAMES = ("file", "emotion", "speaker", "session", "group", "corpus", "content")  # any text is one, "NA" and "nan" too
MISSING = ("", "nan", "NaN", "NA", "N/A", "<NA>")  # of numbers, and of words of our own, as programs write it
LONGEST_NUMBER = 15  # digits that a float64 keeps; what is longer is a name
# Names that other programs give to the columns, in small letters
COLUMNS = {
    "file": ("path", "filename", "file_name", "filepath", "file_path", "audio", "audio_path", "audio_file", "wav"),
    "emotion": ("label", "class", "category", "emotion_label", "emotion_class"),
    "speaker": ("speaker_id", "spk", "spk_id", "actor", "subject"),
    "start": ("start_time", "begin", "onset"),
    "end": ("end_time", "stop", "offset"),
    "split": ("subset", "partition", "set"),
}
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


def read(root, vad_scale=None):
    """Index the clips that a CSV file lists.

    Columns: `file` and `emotion` (any names); optionally `speaker`, `start` and `end` (seconds: a clip is a section
    of the file), `split` (train, validation, test), `valence`, `arousal`, `dominance` and `vad_scale` (their scale,
    "1..5"; a clip that has them needs no emotion), and `corpus` and `group` (clips that must stay together), which
    replace those made here. Other columns are kept. Relative files start from the folder of the CSV.

    Args:
        root: path of the CSV file.
        vad_scale: the scale of all its valence, arousal and dominance.

    Returns:
        `(index, skipped)` as `read_corpus`; without `speaker` where the table has none.

    Raises:
        InputError: not a CSV file, a column missing, a row without file or emotion, a bad number, one emotion only,
            or no file that can be read.

    Example:
        >>> index, skipped = read("calls.csv")  # doctest: +SKIP
    """
    table = read_index(root)
    if vad_scale is not None:
        if absent := [name for name in DIMENSIONS if name not in table]:
            raise InputError(f"{root}: a scale, and no column {absent[0]} that it is of. Received: {vad_scale!r}")
        table["vad_scale"] = vad_scale
    made = ("corpus", "group")  # in rows that lack them
    rows = [
        {key: value for key, value in row.items() if not (key in made and pd.isna(value))}
        for row in table.to_dict("records")
    ]
    return make_index(rows, [], "table", Path(os.path.abspath(root)))


def read_index(path):
    """Read an index, or any table of clips, from CSV (UTF-8; commas, semicolons or tabs).

    Columns that other programs name otherwise are known (`path`, `label`, ...), so are the parts of a split (`val`,
    `dev`, ...); labels that differ in capitals alone are one; Windows' separators in paths are understood.

    Speakers and other names stay text ("01"), empty fields are missing values, relative files start from the folder
    of the CSV. Columns that are not ours become numbers where every value is written as the number is ("7", not "007").
    Names of files that are no UTF-8 keep their bytes, as Python has them (`os.fsdecode`). No audio is opened.

    Returns:
        DataFrame with at least `file` (absolute) and `emotion`, rows and columns as in the file; `emotion` may be
        missing where valence, arousal and dominance are given.

    Raises:
        InputError: not a CSV file, no rows, a column missing, a row without file or emotion, a bad
            number, or one clip with two emotions.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "index.csv")
        >>> write_index(pd.DataFrame({"file": ["/a.wav"], "emotion": ["anger"], "speaker": ["01"]}), path)
        >>> read_index(path)["speaker"].tolist()
        ['01']
    """
    if not isinstance(path, str | Path):
        raise InputError(f"An index is read from the path of a CSV file. Received: {type(path).__name__}")
    path = Path(os.path.abspath(path))
    if not path.is_file():
        problem = "a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {problem}; give a CSV file with the columns file, emotion. Received: {str(path)!r}")
    try:
        separator = _separator(path)
        with (
            any_names(),
            warnings.catch_warnings(),
        ):  # rows longer than the first line: pandas warns, and shifts or cuts them
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, encoding="utf-8-sig", encoding_errors="surrogateescape", dtype=str, keep_default_na=False,
                index_col=False, sep=separator,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        problem = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: not CSV in UTF-8 ({problem}); export it again. Received: {str(path)!r}") from error
    table = _named(path, table)
    _refuse_other_encodings(path, table)
    rated = [name for name in DIMENSIONS if name in table] == list(DIMENSIONS)
    absent = [name for name in REQUIRED if name not in table and not (rated and name == "emotion")]
    if absent:
        raise InputError(
            f"{path}: no column {' and no column '.join(absent)}; the first line must name the columns, separated by "
            f"commas. Received: {[str(name) for name in table.columns]!r}"
        )
    if not len(table):
        raise InputError(f"{path}: holds no clip, only the names of columns. Received: {len(table)!r}")
    for name in table:
        values = table[name].str.strip()
        if name in (*TEXTS, *NUMBERS):
            table[name] = values.where(~values.isin(("",) if name in NAMES else MISSING), None)
        else:
            table[name] = _typed(values)
    if "emotion" not in table:
        table["emotion"] = None
    unrated = table[list(DIMENSIONS)].isna().any(axis=1) if rated else True
    _refuse_rows(path, table, "file", table["file"].isna(), "is missing; fill it in or delete the row")
    _refuse_rows(path, table, "emotion", table["emotion"].isna() & unrated, "is missing; fill it in or delete the row")
    for name in set(NUMBERS) & set(table):
        if separator == ";":  # of spreadsheets that write 0,5
            table[name] = table[name].str.replace(",", ".", regex=False)
        numbers = pd.to_numeric(table[name], errors="coerce")
        _refuse_rows(path, table, name, numbers.isna() & table[name].notna(), "is not a number")
        table[name] = numbers
    table["file"] = [_place(path.parent, file) for file in table["file"]]
    table["emotion"] = _one_spelling(table["emotion"])
    if "split" in table:
        table["split"] = [SPLITS.get(str(value).lower(), value) for value in table["split"]]
    _refuse_conflicts(path, table)
    return table


def _separator(path):
    """What separates the columns, by the first line: a comma, or the semicolon or tab of other programs."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        line = file.readline()
    counts = {mark: line.count(mark) for mark in ",;\t"}
    return max(counts, key=counts.get)


def _named(path, table):
    """A table with its columns called as here, where they are known under another name or in other letters.

    Raises:
        InputError: two columns that would have one name.
    """
    for name, others in COLUMNS.items():
        if name in table:
            continue
        found = [column for column in table if str(column).strip().lower().replace(" ", "_") in (name, *others)]
        if len(found) > 1:
            raise InputError(f"{path}: which column is {name}? Rename one of them. Received: {found!r}")
        table = table.rename(columns=dict.fromkeys(found, name))
    return table


def _refuse_other_encodings(path, table):
    """InputError for a table in Latin-1, UTF-16 and the like: its bytes that are no UTF-8 are in no name of a file."""
    columns = [*table.columns, *(value for name in table for value in table[name])]
    foreign = next((text for text in columns if printable(text) != str(text)), None)
    if foreign is None:
        return
    named = [file for file in table.get("file", ()) if printable(file) != file]
    if not any(os.path.exists(path.parent / file.strip()) for file in named):
        raise InputError(
            f"{path}: not CSV in UTF-8; export it again as such. Received: {printable(foreign)!r}, in which there are "
            "other bytes"
        )


def _place(folder, file):
    """The absolute path of a file of a table; Windows' separators are understood elsewhere too."""
    if os.sep == "/" and "\\" in file and not os.path.exists(folder / file):
        file = file.replace("\\", "/")
    return os.path.normpath(folder / file)


def _one_spelling(labels):
    """Labels that differ in capitals and spaces alone are one, in the spelling that is most frequent."""
    chosen = {}
    for label in labels.value_counts().index:  # most frequent first
        chosen.setdefault(" ".join(label.split()).casefold(), label)
    return labels.map(lambda label: label if pd.isna(label) else chosen[" ".join(label.split()).casefold()])


def _refuse_conflicts(path, table):
    """InputError that names rows which give one clip two emotions."""
    columns = [name for name in ("file", "start", "end", "channel") if name in table]
    clips = table[table["emotion"].notna()].groupby(columns, dropna=False, sort=False)["emotion"]
    bad = clips.transform("nunique") > 1
    rows = [position + 2 for position in bad.index[bad]]
    if rows:
        listed = ", ".join(map(str, rows[:10])) + (f" and {len(rows) - 10} more" if len(rows) > 10 else "")
        raise InputError(
            f"{path}: one clip has two emotions: row {listed} (row 1 names the columns); keep one of them. "
            f"Received: {table['emotion'][rows[0] - 2]!r} and others for {table['file'][rows[0] - 2]}"
        )


def write_index(index, path):
    """Write an index to CSV (UTF-8, commas), whole or not at all; folders on the way are made.

    Names of files that are no UTF-8 keep their bytes.

    Raises:
        InputError: a column that an index needs is missing, or the path cannot be written.
    """
    absent = [name for name in REQUIRED if name not in index]
    if absent:
        raise InputError(f"an index needs the columns {', '.join(REQUIRED)}. Received: {list(index.columns)!r}")
    path = Path(os.path.abspath(path))
    try:
        with replacing(path) as part:
            index.to_csv(part, index=False, lineterminator="\n", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); give a file in a folder that you may write to. "
            f"Received: {str(path)!r}"
        ) from error


def _typed(values):
    """A column of text as numbers or truth values, where each is written as they are written; "007" is text."""
    if values.isin(["True", "False"]).all():
        return values == "True"
    missing = values.isin(MISSING)
    if not missing.all() and values[~missing].map(_is_number).all():
        return pd.to_numeric(values.where(~missing, None))
    return values.where(values != "", None)


def _is_number(text):
    """Whether a text is what Python writes of the number that it stands for, so that nothing of it is lost."""
    digits = text.removeprefix("-")
    if digits.isdecimal() and digits.isascii():
        return len(digits) <= LONGEST_NUMBER and text == str(int(text))
    try:
        return math.isfinite(float(text)) and text == repr(float(text))
    except ValueError:
        return False


def _refuse_rows(path, table, name, bad, problem):
    """InputError that names the rows where `bad`, as a spreadsheet numbers them: the names of columns are row 1."""
    rows = [position + 2 for position, wrong in enumerate(bad) if wrong]
    if rows:
        listed = ", ".join(map(str, rows[:10])) + (f" and {len(rows) - 10} more" if len(rows) > 10 else "")
        values = table.loc[bad, name].iloc[0]
        raise InputError(f"{path}: {name} {problem}: row {listed} (row 1 names the columns). Received: {values!r}")

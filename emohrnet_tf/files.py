"""Files that are whole or not there, and places looked at before there is work to lose."""

import contextlib
import errno
import functools
import json
import math
import os
import re
import tempfile
from pathlib import Path

from emohrnet_tf.errors import InputError

PART = re.compile(r"\..*\.(\d+)\.part(\.[^.]*)?")  # a name that `replacing` writes to


@contextlib.contextmanager
def replacing(path):
    """Give a path beside `path` to write to; it takes the place of `path` when the block ends well, else it goes away.

    The name has the suffix of `path`, by which many writers choose their format. Folders on the way are made, and what
    killed processes left in the folder goes away.

    Raises:
        InputError: the file cannot be written, or the disk is full.

    Example:
        with replacing("out/table.csv") as part:
            table.to_csv(part)
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path.parent)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(
            f"{printable(path)} cannot be written ({error.strerror or error}): make room, or give another place. "
            f"Received: {printable(path)}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def left_over(path):
    """Whether a name is one that `replacing` writes to, of a process that is at work or was killed."""
    return PART.fullmatch(path.name) is not None


@functools.lru_cache(maxsize=4096)  # once a process: a folder may hold a million files
def _clear(folder):
    """Remove from a folder what killed processes were writing."""
    for left in folder.iterdir():
        if (match := PART.fullmatch(left.name)) and not alive(int(match[1])):
            left.unlink(missing_ok=True)


def alive(process):
    """Whether a process of this number is there, as far as that can be known."""
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # there, and another user's
        return True
    return True


def writable(path, apart_from=(), suffixes=(), ours=None):
    """A place for a file, looked at before the work whose result it is to hold; nothing is left there.

    Args:
        path: of the file; folders on the way may have to be made.
        apart_from: paths of files that it must not be, those that are read or written too; None among them is none.
        suffixes: of which its name must have one; none allows any.
        ours: pattern of bytes that a file which is there begins with, if it may be replaced; None replaces any. An
            empty one always may be.

    Returns:
        `Path(path)`.

    Raises:
        InputError: a folder, a device, a name of another kind, one of `apart_from`, a file that something else made, or
            a place that cannot be written.
    """
    path = as_path(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"{printable(path)}: the name ends in {' or '.join(suffixes)}. Received: {path.suffix!r}")
    if os.path.isdir(path):
        raise InputError(f"{printable(path)} is a folder: give the name of a file in it. Received: {printable(path)}")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{printable(path)} is no regular file: give another name. Received: {printable(path)}")
    for other in apart_from:
        if other is not None and _same(path, other):
            problem = "is what is read" if os.path.exists(other) else "is to hold something else too"
            raise InputError(f"{printable(path)} {problem}: give another name. Received: {printable(path)}")
    if ours is not None and os.path.exists(path) and not re.match(rb"(?:" + ours + rb")|\Z", _head(path)):
        refuse_others(path)
    _try(path, path.parent, len(os.fsencode(path.name)))
    return path


def as_path(path):
    """`Path(path)`.

    Raises:
        InputError: nothing that a path is made of.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A place for results is a path. Received: {path!r}")
    return Path(path)


def refuse_others(path):
    """
    Raises:
        InputError: always: what is there is not for us to replace.
    """
    raise InputError(
        f"{printable(path)} was made by something else: give another name, or delete it. Received: {printable(path)}"
    )


def _head(path, count=4096):
    """The first bytes of a file; none where it cannot be read, of which its place tells."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError:
        return b""


def _same(path, other):
    """Whether two paths are of one file, that is there or is to be."""
    if os.path.exists(path) and os.path.exists(other):
        return os.path.samefile(path, other)
    return os.path.realpath(path) == os.path.realpath(other)


def writable_folder(path):
    """`writable`, of a folder that files are to lie in."""
    path = as_path(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise InputError(f"{printable(path)} is a file: give another folder as --out. Received: {printable(path)}")
    _try(path, path, len(os.fsencode(path.name)))
    return path


def _try(path, folder, length):
    """Make a file, that is gone at once, in a folder, or in the nearest one above it that is there."""
    try:
        if length > 200:  # of 255 bytes, some are for the names of parts
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        while not os.path.exists(folder) and folder != folder.parent:
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{printable(path)} cannot be written ({error.strerror}): give another place. Received: {printable(path)}"
        ) from error


def printable(text):
    """A name or text as UTF-8 can hold it: bytes of a file name that are no UTF-8 become a backslash and a number."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def write_csv(table, path):
    """`table.to_csv`, whole or not at all; names that are no UTF-8 keep their bytes ("surrogateescape" reads them)."""
    with replacing(path) as part:
        table.to_csv(part, index=False, errors="surrogateescape")


def any_names():
    """While it is entered, pandas' texts are its own, which hold names of files in any bytes.

    Pyarrow's, which pandas prefers where that is installed, do not.
    """
    import pandas as pd

    return pd.option_context("mode.string_storage", "python")


def read_csv(path, numbers=()):
    """A CSV of our own as it was written: text stays text ("01", "None", "NA"), an empty field is a missing value.

    Args:
        path: CSV in UTF-8, with commas.
        numbers: columns that hold numbers, those of them that are there.
    """
    import pandas as pd

    how = {"dtype": str, "keep_default_na": False, "encoding_errors": "surrogateescape"}
    with any_names():
        table = pd.read_csv(path, encoding="utf-8", **how)
    for name in table:
        table[name] = pd.to_numeric(table[name]) if name in numbers else table[name].where(table[name] != "", None)
    return table


def write_json(path, data):
    """Write a report, or any dict of plain values, as sorted and indented JSON, whole or not at all.

    Floats keep 6 decimals (below 1: 6 digits); NaN and infinity become null. Folders are made.
    """
    with replacing(path) as part:
        part.write_text(json_text(data), "utf-8", "backslashreplace")


def json_text(data):
    """The text that `write_json` writes."""
    return json.dumps(_plain(data), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _plain(value):
    """The value in JSON's types, floats rounded."""
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(f"{value:.6g}") if abs(value) < 1 else round(value, 6)
    return str(value) if isinstance(value, Path) else value

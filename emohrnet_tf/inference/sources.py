"""Recordings wherever they lie, in folders, manifests and buckets: their names as text, and one way to read them."""

import functools
import io
import os
import posixpath
import re
from pathlib import Path, PurePosixPath

from emohrnet_tf.audio.files import stream_audio
from emohrnet_tf.audio.walk import OTHERS, SUFFIXES, hidden
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, read_csv
from emohrnet_tf.inference.predict import find_audio

BUCKETS = ("s3", "gs")
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?]*)/?(.*?)(\?(?:[a-z_]+=[^&?]*&?)+)?", re.DOTALL)
AHEAD = 4 * 2**20  # bytes asked of a bucket at once: most clips are one request
PATIENCE = "retry_limit_seconds=60"  # of Google's buckets, which else are asked for a quarter of an hour


def find_recordings(sources, report=None):
    """The recordings that a user names, each once.

    Args:
        sources: paths and addresses of recordings, of folders, which are searched recursively for audio
            (`audio.walk`), and of manifests: CSV or Parquet files whose column `file` holds paths or addresses; they
            begin where the manifest lies, and are looked at no sooner than they are read. Addresses are
            `s3://bucket/folder` and `gs://bucket/folder`, with what pyarrow's filesystems take behind a `?`
            (`s3://bucket/folder?region=eu-west-1`); passwords are found as the vendor's own tools find them.
        report: called with what was left out, a list of `{"file", "reason"}`.

    Returns:
        list of text: absolute paths and addresses.

    Raises:
        InputError: nothing there, no audio, a bucket that cannot be read, a manifest without `file`.

    Example:
        names = find_recordings(["recordings/", "s3://bucket/calls/", "more.parquet"])
    """
    found = []
    for source in map(str, sources):
        if source.lower().endswith((".csv", ".parquet")):
            found += _of_manifest(source)
        elif is_address(source):
            found += _of_bucket(source, report or (lambda left_out: None))
        else:
            found += map(os.path.abspath, find_audio([source], report))
    return list(dict.fromkeys(found))


def read(name, sample_rate):
    """The blocks of a recording of `find_recordings`, for `score.score_files`; a bucket's failures are OSError."""
    if not is_address(name):
        yield from stream_audio(name, sample_rate)
        return
    filesystem, path, _ = opened(name)
    with filesystem.open_input_file(path) as file, io.BufferedReader(file, AHEAD) as ahead:
        yield from stream_audio(ahead, sample_rate, name=name)


def is_address(name):
    return "://" in str(name)


def opened(address):
    """`(pyarrow filesystem, path in it, function that makes the address of another path in it)`.

    Raises:
        InputError: no address of a bucket, or no pyarrow.
    """
    kind, bucket, path, query = ADDRESS.fullmatch(address).groups("")
    if kind not in BUCKETS or not bucket:
        kinds = " and ".join(f"{kind}://bucket/folder" for kind in BUCKETS)
        raise InputError(f"Addresses are {kinds}; all else is a path. Received: {address!r}")
    if ":" in bucket:
        raise InputError(
            f"An address is written beside results and holds no password: give it as the tools of {kind}:// take it, "
            f"by the environment. Received: an address of {kind}:// with one"
        )
    begin = f"{kind}://{bucket.rpartition('@')[0]}{'@' if '@' in bucket else ''}"
    path = posixpath.join(bucket.rpartition("@")[2], path)
    return _filesystem(kind, bucket, query), path, lambda other: f"{begin}{other}{query}"


@functools.cache
def _filesystem(kind, bucket, query):
    try:
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise InputError(
            f"Buckets are read by pyarrow: pip install 'emohrnet_tf[ray]'. Received: {kind}://{bucket}"
        ) from error
    if kind == "gs" and "retry_limit_seconds" not in query:
        query = f"{query}&{PATIENCE}" if query else f"?{PATIENCE}"
    try:
        return FileSystem.from_uri(f"{kind}://{bucket}/{query}")[0]
    except (OSError, ValueError) as error:
        raise InputError(f"{kind}://{bucket}: {error}. Received: {kind}://{bucket}{query}") from error


def _of_bucket(address, report):
    filesystem, path, named = opened(address)
    from pyarrow.fs import FileSelector, FileType

    try:
        (there,) = filesystem.get_file_info([path])
        if there.type == FileType.File:
            return [named(path)]
        within = filesystem.get_file_info(FileSelector(path, recursive=True))
    except OSError as error:
        raise InputError(
            f"{address} cannot be read: check the bucket's name, its region and your rights. Received: {error}"
        ) from error
    files, others = [], 0
    for info in within:
        parts = PurePosixPath(posixpath.relpath(info.path, path)).parts
        if info.type == FileType.File and not any(map(hidden, parts)):
            others += PurePosixPath(info.path).suffix.lower() not in SUFFIXES
            if PurePosixPath(info.path).suffix.lower() in SUFFIXES:
                files.append(named(info.path))
    if others:
        report([{"file": f"{others} files", "reason": OTHERS}])
    if not files:
        kinds = ", ".join(sorted(SUFFIXES))
        raise InputError(f"No audio file found ({kinds}): give another folder. Received: {address!r}")
    return sorted(files)


def _of_manifest(manifest):
    """The column `file` of a CSV or Parquet file, as absolute paths and addresses."""
    remote = is_address(manifest)
    if not remote and not Path(manifest).is_file():
        raise InputError(f"No such file: check the path of the manifest. Received: {manifest}")
    try:
        if remote:
            filesystem, path, named = opened(manifest)
            contents = io.BytesIO(filesystem.open_input_file(path).read())
        else:
            contents = manifest
        if manifest.lower().endswith(".csv"):
            table = read_csv(contents)
        else:
            import pandas as pd

            table = pd.read_parquet(contents)
    except ImportError as error:
        raise InputError(
            f"Parquet is read by pyarrow: pip install 'emohrnet_tf[parquet]'. Received: {manifest}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{manifest} cannot be read: write it again. Received: {error}") from error
    if "file" not in table:
        have = ", ".join(map(str, table)) or "none"
        raise InputError(f"{manifest}: a manifest has a column `file`: name it so. Received: the columns {have}")
    for row, name in enumerate(table["file"], 1):
        if not isinstance(name, str) or not name:
            raise InputError(f"{manifest}: row {row} names no file: fill it, or leave the row out. Received: {name!r}")
    if table.empty:
        raise InputError(f"{manifest}: the manifest has no rows: name files in it. Received: 0 rows")
    names = [printable(name) if is_address(name) else name for name in table["file"]]
    if remote:
        return [name if is_address(name) else named(posixpath.join(posixpath.dirname(path), name)) for name in names]
    folder = os.path.dirname(os.path.abspath(manifest))
    return [name if is_address(name) else os.path.normpath(os.path.join(folder, name)) for name in names]

"""A folder of Parquet files, here or in a bucket, that grows and goes on where it was stopped."""

import json
import os
import posixpath

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import json_text, printable, replacing, writable_folder
from emohrnet_tf.inference.sources import is_address, opened
from emohrnet_tf.provenance import provenance

TEXTS = ("file", "emotion", "error")  # columns of text; all others are numbers


class RowsFolder:
    """The rows of `score.score_files` in `rows/*.parquet`, each file of them whole or not there, and `results.json`,
    which says what made them.

    One process writes; a row that stands there is a file that is done.

    Args:
        out: folder, or address of one in a bucket (`sources.opened`).
        columns: of `score.columns`.
        made_by: dictionary of plain values; a folder for which they were others is refused.

    Attributes:
        done: the files that are there, `{file: whether it has an error}`.

    Raises:
        InputError: a folder that something else made, or that cannot be written; no pyarrow.

    Example:
        rows = RowsFolder("emotions", columns(model), {"labels": model.labels})
        rows.append(list(score_files(model, files)))
    """

    def __init__(self, out, columns, made_by):
        try:
            import pyarrow as pa
            from pyarrow import fs
        except ImportError as error:
            raise InputError("Parquet is written by pyarrow: pip install 'emohrnet_tf[ray]'.") from error
        self.out = str(out)
        self._schema = pa.schema([(name, pa.string() if name in TEXTS else pa.float64()) for name in columns])
        self._remote = is_address(out)
        if self._remote:
            self._filesystem, self._root, _ = opened(self.out)
        else:
            self._filesystem, self._root = fs.LocalFileSystem(), os.path.abspath(writable_folder(out))
        try:
            self._there = self._names()
            self._check(made_by)
            self._write("results.json", lambda file: file.write(json_text(made_by | provenance()).encode()))
            self.done = {}
            for name in self._there:
                self.done |= self._files_of(name)
        except OSError as error:
            raise self._unwritable(error) from error
        self._next = 1 + max((int(name[5:-8]) for name in self._there), default=-1)

    def append(self, rows):
        """Write rows, a list of dictionaries by column, as one file."""
        import pyarrow as pa
        from pyarrow import parquet

        rows = [{name: printable(x) if isinstance(x, str) else x for name, x in row.items()} for row in rows]
        table = pa.Table.from_pylist(rows, self._schema)
        try:
            self._write(f"rows/rows-{self._next:06}.parquet", lambda file: parquet.write_table(table, file))
        except OSError as error:
            raise self._unwritable(error) from error
        self._next += 1

    def _check(self, made_by):
        """Refuse a folder of other facts, or one with rows and without facts."""
        try:
            with self._filesystem.open_input_file(self._path("results.json")) as file:
                facts = json.loads(file.read())
        except FileNotFoundError:
            facts = {} if self._there else made_by
        except ValueError:
            facts = {}
        if not isinstance(facts, dict) or any(facts.get(name) != value for name, value in made_by.items()):
            raise InputError(
                f"{printable(self.out)} was made by another model or with other settings: give another folder as "
                f"--out, or delete it to start anew. Received: {printable(self.out)}"
            )

    def _names(self):
        from pyarrow.fs import FileSelector

        found = self._filesystem.get_file_info(FileSelector(self._path("rows"), allow_not_found=True))
        names = sorted(info.base_name for info in found)
        return [name for name in names if name.startswith("rows-") and name.endswith(".parquet")]

    def _files_of(self, name):
        from pyarrow import parquet

        try:
            path = self._path(f"rows/{name}")
            table = parquet.read_table(path, columns=["file", "error"], filesystem=self._filesystem)
        except ValueError as error:
            raise InputError(
                f"{printable(self.out)}/rows/{name} is damaged: delete it, its files are scored again. "
                f"Received: {error}"
            ) from error
        return {row["file"]: row["error"] is not None for row in table.to_pylist()}

    def _path(self, name):
        return posixpath.join(self._root, name)

    def _write(self, name, write):
        if self._remote:  # an object is there once its stream is closed
            with self._filesystem.open_output_stream(self._path(name)) as file:
                write(file)
            return
        with replacing(self._path(name)) as part, part.open("wb") as file:
            write(file)

    def _unwritable(self, error):
        return InputError(
            f"{printable(self.out)} cannot be written: check the place and your rights, or give another. "
            f"Received: {error}"
        )

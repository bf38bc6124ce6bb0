"""A CSV that grows row by row and goes on where it was stopped, as the commands that take hours write theirs."""

import contextlib
import json

import pandas as pd

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, read_csv, writable, write_csv, write_json
from emohrnet_tf.provenance import provenance


class GrowingCSV:
    """The rows of a CSV, and a file beside it, `NAME.csv.made_by.json`, that says what made it.

    Args:
        out: path that ends in ".csv".
        columns: names of all columns.
        made_by: dictionary of plain values; a CSV for which they were others is refused.
        whole: function from the table that is there (text, as `files.read_csv` gives it) to a bool for each row: which
            of them stay. A line that a kill cut short is gone by then.

    Attributes:
        there: the table that was there, without those rows.

    Raises:
        InputError: a CSV that something else made, or that cannot be written.

    Example:
        with GrowingCSV("t.csv", ["file", "emotion"], {"labels": ["anger", "calm"]}) as rows:
            rows.append(table)
    """

    def __init__(self, out, columns, made_by, whole=None):
        self.out, self.columns = writable(out, suffixes=(".csv",)), list(columns)
        self._facts, self._made_by = self.out.with_name(f"{self.out.name}.made_by.json"), made_by
        there = _read_facts(self._facts) if self._facts.exists() or self.out.exists() else made_by
        # facts of another settings, without a table, are of a run that was stopped before its first row
        if any(there.get(key) != made_by[key] for key in made_by) and (
            self.out.exists() or not set(made_by) <= set(there)
        ):
            raise InputError(
                f"{self.out} was made by something else: give another file, or delete it and {self._facts.name} to "
                f"start anew. Received: {self.out}"
            )
        with self._named():
            write_json(self._facts, made_by | provenance())
            text = self.out.read_bytes() if self.out.exists() else b""
            if not text.endswith(b"\n"):
                text = text[: text.rfind(b"\n") + 1]
                self.out.parent.mkdir(parents=True, exist_ok=True)
                self.out.write_bytes(text or ",".join(self.columns).encode() + b"\n")
            self.there = read_csv(self.out)
            if whole is not None:
                keep = list(whole(self.there))
                if not all(keep):
                    self.there = self.there[keep].reset_index(drop=True)
                    write_csv(self.there, self.out)

    def __enter__(self):
        with self._named():
            self._file = self.out.open("a", encoding="utf-8", errors="backslashreplace", newline="")
        return self

    def __exit__(self, *error):
        self._file.close()

    def append(self, table):
        """Write rows, at once; missing columns are empty."""
        table = table.reindex(columns=self.columns)
        with self._named():
            self._file.write(table.to_csv(index=False, header=False, float_format="%.6f", lineterminator="\n"))
            self._file.flush()

    @contextlib.contextmanager
    def _named(self):
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self.out} cannot be written ({error.strerror}): give another file as --out. Received: {self.out}"
            ) from error


def keys(table, columns):
    """What tells the rows of a table, as its CSV holds them: a tuple of text for each row, "" where there is nothing.

    Example:
        >>> keys(pd.DataFrame({"file": ["a.wav"], "start": [0.5]}), ["file", "start"])
        [('a.wav', '0.500000')]
    """
    text = lambda x: "" if pd.isna(x) else f"{x:.6f}" if isinstance(x, float) else printable(x)  # noqa: E731
    return [tuple(map(text, row)) for row in table[list(columns)].itertuples(index=False)]


def _read_facts(file):
    """What a file of `GrowingCSV` says of itself; nothing where there is none, or it says something else."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}

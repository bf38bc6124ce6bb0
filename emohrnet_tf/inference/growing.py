"""A CSV that grows row by row and goes on where it was stopped, as the commands that take hours write theirs."""

import contextlib
import csv
import functools
import io
import json

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import any_names, printable, read_csv, writable, write_csv, write_json
from emohrnet_tf.provenance import provenance


class GrowingCSV:
    """The rows of a CSV, and a file beside it, `NAME.made_by.json`, that says what made it.

    Nothing here needs pandas before there are rows to look at: `predict` starts without.

    Args:
        out: path of the results.
        columns: names of all columns.
        made_by: dictionary of plain values; results for which they were others are refused.
        whole: function from the table that is there (text, as `files.read_csv` gives it) to a bool for each row: which
            of them stay. A line that a kill cut short is gone by then.
        earlier: what of `made_by` files of earlier versions do not say, and was so.
        rows: path of the CSV where the results become another file in the end; None where it is `out`.
        begin: called where there are results but no CSV of them, to make it.
        decimals: format of numbers.

    Attributes:
        there: the table that was there, without those rows.

    Raises:
        InputError: results that something else made, or that cannot be written.

    Example:
        with GrowingCSV("t.csv", ["file", "emotion"], {"labels": ["anger", "calm"]}) as rows:
            rows.append(table)
    """

    def __init__(
        self, out, columns, made_by, whole=None, earlier=None, rows=None, begin=None, decimals="%.6f",
    ):  # fmt: skip
        self.out = writable(out, suffixes=(".csv",) if rows is None else ())
        self.columns, self.decimals = list(columns), decimals
        self.rows = self.out if rows is None else rows
        facts, results = self.out.with_name(f"{self.out.name}.made_by.json"), self.out.exists() or self.rows.exists()
        there = (earlier or {}) | _read_facts(facts) if facts.exists() or results else made_by
        # facts of other settings, without results, are of a run that was stopped before its first row
        if any(there.get(key) != made_by[key] for key in made_by) and (results or not set(made_by) <= set(there)):
            raise InputError(
                f"{printable(self.out)} was made by something else: give another file, or delete it and "
                f"{printable(facts.name)} to start anew. Received: {printable(self.out)}"
            )
        with self._named():
            write_json(facts, made_by | provenance())
            if begin is not None and results and not self.rows.exists():
                begin()
            text = self.rows.read_bytes() if self.rows.exists() else b""
            if not text.endswith(b"\n"):
                text = text[: text.rfind(b"\n") + 1] or csv_line(self.columns).encode()
                self.rows.parent.mkdir(parents=True, exist_ok=True)
                self.rows.write_bytes(text)
            self._empty = text.count(b"\n") < 2
            if whole is not None:
                keep = list(whole(self.there))
                if not all(keep):
                    self.there = self.there[keep].reset_index(drop=True)
                    write_csv(self.there, self.rows)

    def __enter__(self):
        with self._named():
            self._file = self.rows.open("a", encoding="utf-8", errors="backslashreplace", newline="")
        return self

    def __exit__(self, *error):
        self._file.close()

    @functools.cached_property
    def there(self):
        return read_csv(self.rows)

    def done(self):
        """The files that are there, `{file: whether it has an error}`; no other column is held in memory."""
        if self._empty:
            return {}
        import pandas as pd

        how = {"dtype": str, "keep_default_na": False, "encoding_errors": "surrogateescape"}
        with any_names():
            table = pd.read_csv(self.rows, usecols=["file", "error"], **how)
        return dict(zip(table["file"], table["error"] != ""))

    def append(self, table):
        """Write rows, at once; missing columns are empty."""
        table = table.reindex(columns=self.columns)
        self._write(table.to_csv(index=False, header=False, float_format=self.decimals, lineterminator="\n"))

    def append_row(self, row):
        """Write a row, a dictionary by column, at once."""
        self._write(csv_line((row[name] for name in self.columns), self.decimals))

    def _write(self, text):
        with self._named():
            self._file.write(text)
            self._file.flush()

    @contextlib.contextmanager
    def _named(self):
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{printable(self.out)} cannot be written ({error.strerror}): give another file as --out. "
                f"Received: {printable(self.out)}"
            ) from error


def csv_line(values, decimals="%.6f"):
    """Values as a line of CSV."""
    line = io.StringIO()
    texts = [decimals % value if isinstance(value, float) else value for value in values]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue()


def keys(table, columns):
    """What tells the rows of a table, as its CSV holds them: a tuple of text for each row, "" where there is nothing.

    Example:
        >>> import pandas as pd
        >>> keys(pd.DataFrame({"file": ["a.wav"], "start": [0.5]}), ["file", "start"])
        [('a.wav', '0.500000')]
    """
    import pandas as pd

    text = lambda x: "" if pd.isna(x) else f"{x:.6f}" if isinstance(x, float) else printable(x)  # noqa: E731
    return [tuple(map(text, row)) for row in table[list(columns)].itertuples(index=False)]


def _read_facts(file):
    """What a file of `GrowingCSV` says of itself; nothing where there is none, or it says something else."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}

"""Files that are whole or not there."""

import contextlib
import json
import math
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give a path beside `path` to write to; it takes the place of `path` when the block ends well, else it goes away.

    The name has the suffix of `path`, by which many writers choose their format. Folders on the way are made.

    Example:
        with replacing("out/table.csv") as part:
            table.to_csv(part)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_csv(table, path):
    """`table.to_csv`, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False)


def read_csv(path, numbers=()):
    """A CSV of our own as it was written: text stays text ("01", "None", "NA"), an empty field is a missing value.

    Args:
        path: CSV in UTF-8, with commas.
        numbers: columns that hold numbers, those of them that are there.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    for name in table:
        table[name] = pd.to_numeric(table[name]) if name in numbers else table[name].where(table[name] != "", None)
    return table


def write_json(path, data):
    """Write a report, or any dict of plain values, as sorted and indented JSON, whole or not at all.

    Floats keep 6 decimals (below 1: 6 digits); NaN and infinity become null. Folders are made.
    """
    with replacing(path) as part:
        part.write_text(json_text(data), encoding="utf-8")


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

"""Files that are whole or not there."""

import contextlib
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

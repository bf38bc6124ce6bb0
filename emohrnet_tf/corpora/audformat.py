"""A database in audformat (audeering.github.io/audformat): a YAML header, and tables of files or of segments."""

import importlib.util
import warnings
from pathlib import Path

import pandas as pd

from emohrnet_tf.errors import InputError

from .index import existing_folder, make_index, wrong_layout

LAYOUT = "db.yaml with its tables (db.emotion.csv, .parquet or .pkl)"


def read(root, scheme=None):
    """Index a database by its schemes `emotion` and `speaker`, whichever tables hold them.

    Needs the package audformat. Labels stay as the database writes them; segments become sections of their files.

    Args:
        root: the folder that holds db.yaml, and the media below it.
        scheme: of the emotions; by default "emotion", or the only one with emotion in its name.

    Returns:
        `(index, skipped)` as `read_corpus`, `corpus` is the database's name; speaker where there is such a scheme, and
        `start` and `end` where there are segments. A row without a label is in neither.

    Raises:
        InputError: the package is missing; no folder, no db.yaml or one that cannot be read; no such scheme, labels
            that contradict each other, no clip, or one emotion only.

    Example:
        >>> index, skipped = read("emodb-1.4.1")  # doctest: +SKIP
    """
    root = existing_folder(root)
    if not (root / "db.yaml").is_file():
        raise wrong_layout(root, "an audformat database", LAYOUT, [])
    if importlib.util.find_spec("audformat") is None:
        raise InputError(
            f"{root}: an audformat database needs the package: pip install 'emohrnet_tf[audformat]'. "
            f"Received: {str(root)!r}"
        )
    with warnings.catch_warnings():  # of what newer releases of pandas will no longer do
        warnings.simplefilter("ignore", DeprecationWarning)
        table, name, others = _labels(root, scheme)
    rows = [_row(root, fields, others) for fields in table[table["emotion"].notna()].to_dict("records")]
    index, skipped = make_index(rows, [], name, root)
    if not index["start"].any() and index["end"].isna().all():
        index = index.drop(columns=["start", "end"])
    return index, skipped


def _labels(root, scheme):
    """`(table, name, others)`: file, start, end and emotion of segments and files, and the columns `others`."""
    import audformat

    try:
        database = audformat.Database.load(str(root))
    except Exception as error:  # of YAML, pandas, pyarrow or the package itself
        raise InputError(
            f"{root}: not a whole audformat database ({_first_line(error)}); fetch it again. Received: {str(root)!r}"
        ) from error
    scheme = _scheme(root, database, scheme)
    others = [name for name in ("speaker",) if name in database.schemes]
    try:
        table = database.get(scheme, others)
    except ValueError as error:  # tables contradict each other
        raise InputError(f"{root}: scheme {scheme}: {_first_line(error)}. Received: {scheme!r}") from error
    table = audformat.utils.to_segmented_index(table).reset_index().rename(columns={scheme: "emotion"})
    return table, database.name, others


def _scheme(root, database, scheme):
    """The scheme of the emotions."""
    names = sorted(database.schemes)
    if scheme is None:
        like = [name for name in names if "emotion" in name and database.schemes[name].labels is not None]
        scheme = "emotion" if "emotion" in names else like[0] if len(like) == 1 else None
    if scheme not in names:
        raise InputError(f"{root}: scheme: no emotions; its schemes are {', '.join(names)}. Received: {scheme!r}")
    return scheme


def _row(root, fields, others):
    file = Path(fields["file"])
    row = {"file": str(file if file.is_absolute() else root / file), "emotion": str(fields["emotion"])}
    row |= {name: str(fields[name]) for name in others if pd.notna(fields[name])}
    end = fields["end"].total_seconds() if pd.notna(fields["end"]) else None
    return row | {"start": fields["start"].total_seconds(), "end": end}


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

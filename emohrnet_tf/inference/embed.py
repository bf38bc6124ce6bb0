"""Embeddings of files and folders: what the network hears in a clip, as a vector, for searching and clustering."""

import contextlib
import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.silence import SILENCE
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, replacing, writable
from emohrnet_tf.inference.growing import GrowingCSV
from emohrnet_tf.inference.predict import find_audio
from emohrnet_tf.inference.ready import fingerprint
from emohrnet_tf.inference.score import answer_files
from emohrnet_tf.model.saved import load_model

BATCH = 32  # files whose rows are written together
SUFFIXES = (".csv", ".parquet")


def embed(model, paths, workers=4):
    """The embedding of each audio file: the mean over its windows that are not silent.

    Args:
        model: `EmoHRNet`, or the path or name of one.
        paths: files and folders; folders are searched recursively for audio.
        workers: files decoded at once.

    Returns:
        DataFrame of `file`; of a model that names emotions `emotion`, the most probable one, or "silence"; `e0`, `e1`,
        ... , float32 (NaN in silence and in files that cannot be read); and `error` (empty, or why there is none).

    Raises:
        InputError: a path that does not exist, or no audio file at all.

    Example:
        table = embed("voices", ["recordings/"])
        vectors = table.dropna(subset=["e0"]).filter(regex=r"^e[0-9]+$").to_numpy()
    """
    model = load_model(model) if isinstance(model, str | Path) else model
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    return pd.concat(list(_tables(model, files, workers)), ignore_index=True)


def embed_into(out, model, paths, workers=4, progress=None):
    """`embed`, written as it goes, in memory that hardly grows with the number of files and their length.

    Files that are in it already are skipped, so a run that was stopped goes on. A file beside it,
    `NAME.made_by.json`, says which model made it; beside a Parquet file that is not finished lie its rows so far, as
    `NAME.rows.csv`.

    Args:
        out: a name that ends in .csv or .parquet (of which pyarrow must be installed).
        model, paths, workers: of `embed`.
        progress: called with (files done, files in all) after each batch.

    Returns:
        `(files in it, how many of them have an error)`.

    Raises:
        InputError: of `embed`; another ending, a file that something else made, or pyarrow that is not installed.
    """
    out = writable(out, suffixes=SUFFIXES)
    parquet = out.suffix.lower() == ".parquet"
    if parquet and importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "Parquet is written by pyarrow: pip install 'emohrnet_tf[parquet]', or give a name that ends in .csv. "
            f"Received: {printable(out)}"
        )
    model = load_model(model) if isinstance(model, str | Path) else model
    files = find_audio([paths] if isinstance(paths, str | Path) else paths)
    rows = out.with_name(f"{out.name}.rows.csv") if parquet else out
    made_by = {"embedding_of": fingerprint(model), "labels": model.labels}
    head = list(_table(model, []).columns)
    begin = (lambda: _to_csv(out, rows)) if parquet else None
    try:
        with GrowingCSV(out, head, made_by, rows=rows, begin=begin, decimals="%.9g") as growing:
            done = growing.done()
            left = [file for file in files if printable(file) not in done]
            count, failed = len(files) - len(left), sum(done.values())
            for table in _tables(model, left, workers):
                growing.append(table)
                count, failed = count + len(table), failed + int(table.error.notna().sum())
                if progress:
                    progress(count, len(files))
        if parquet:
            _to_parquet(rows, out, head)
            rows.unlink()
    except OSError as error:
        raise InputError(
            f"{printable(out)} cannot be written ({error.strerror or error}): give another file as --out. "
            f"Received: {printable(out)}"
        ) from error
    return len(done) + len(left), failed


def _tables(model, files, workers):
    """Tables of `embed`, one for each `BATCH` files."""
    answers = answer_files(model, files, workers=workers, names=("probabilities", "embedding"))
    while batch := list(itertools.islice(answers, BATCH)):
        yield _table(model, batch)


def _table(model, answers):
    """The rows of `embed` for `(file, error, mean)` of `score.answer_files`."""
    parts = [pd.DataFrame({"file": [printable(file) for file, *_ in answers]}, dtype=object)]
    if "probabilities" in model.widths:
        words = [
            None if error else model.labels[mean["probabilities"].argmax()] if mean else SILENCE
            for _, error, mean in answers
        ]
        parts.append(pd.DataFrame({"emotion": pd.Series(words, dtype=object)}))
    none = np.full(model.widths["embedding"], np.nan, "float32")
    vectors = np.array([mean.get("embedding", none) for *_, mean in answers], "float32").reshape(-1, len(none))
    parts.append(pd.DataFrame(vectors, columns=[f"e{number}" for number in range(len(none))]))
    return pd.concat(parts, axis=1).assign(error=pd.Series([error for _, error, _ in answers], dtype=object))


def _to_parquet(rows, out, head):
    """The rows of a CSV as Parquet: texts, and float32."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.string() if name in ("file", "emotion", "error") else pa.float32()) for name in head])
    read = pd.read_csv(
        rows, chunksize=4096, keep_default_na=False, na_values={name: [""] for name in head if name != "file"},
        dtype={field.name: object if field.type == pa.string() else "float32" for field in schema},
    )  # fmt: skip
    with replacing(out) as part, parquet.ParquetWriter(part, schema) as writer, contextlib.closing(read):
        for table in read:
            writer.write_table(pa.Table.from_pandas(table, schema, preserve_index=False))


def _to_csv(out, rows):
    """The rows of a Parquet file of `_to_parquet` as CSV, to be gone on with."""
    from pyarrow import parquet

    with (
        replacing(rows) as part,
        parquet.ParquetFile(out) as file,
        part.open("w", encoding="utf-8", newline="") as text,
    ):
        for number, batch in enumerate(file.iter_batches(4096)):
            table = batch.to_pandas()
            table.to_csv(text, index=False, header=not number, float_format="%.9g", lineterminator="\n")

"""The command that writes embeddings."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.cli.options import ModelPath
from emohrnet_tf.cli.output import print_failed, progress, quiet


def embed(
    paths: Annotated[list[Path], typer.Argument(help="Audio files and folders.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="CSV or Parquet to write, by its ending; run again, it goes on.")
    ],
    model: ModelPath = "voices",
):
    """Write a vector for each file, or for all audio in folders, to search and to cluster by."""
    quiet()
    from emohrnet_tf.inference.embed import embed_into
    from emohrnet_tf.inference.predict import find_audio

    files = find_audio(paths, lambda left_out: print_failed(left_out, "left out"))
    with progress("files") as note:
        count, failed = embed_into(out, model, files, progress=note)
    typer.echo(f"{count} files in {out}, {failed} of them with an error in their row.")
    if failed == count:
        sys.exit(2)

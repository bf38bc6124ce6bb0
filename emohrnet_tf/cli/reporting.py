"""The command that makes a page of what was measured."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a cross-validation.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="HTML to write, else report.html in RUN.")] = None,
):
    """Write one page to hand on: figures with their protocol, pictures, settings, provenance."""
    from emohrnet_tf.training.page import report as write

    typer.echo(f"The page is {write(run, out)}: one file, open it in a browser or print it from there.")

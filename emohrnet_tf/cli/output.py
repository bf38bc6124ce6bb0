"""How the commands speak: tables, progress, errors."""

import os
import sys

import typer


def verbosity():
    """Keras' progress bar on a terminal, a line for each epoch elsewhere."""
    return "auto" if sys.stdout.isatty() else 2


def quiet():
    """Start TensorFlow without its chatter, which would bury the answer, and with its faster convolutions, which it
    leaves off on some processors; a library must not do this, a command may.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    from emohrnet_tf.audio.quiet import silence

    with silence():
        import tensorflow

        tensorflow.config.list_logical_devices()


def print_error(message):
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error:", "bold red"), " ", message))


def progress_bar(text=None):
    """A progress bar on standard error; `text` is a format of the task, for where the end is not known."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = Progress.get_default_columns() if text is None else (SpinnerColumn(), TextColumn(text, markup=False))
    return Progress(*columns, console=Console(stderr=True))


def print_table(title, head, rows):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    text = lambda value: Text(str(value))  # noqa: E731  a string's [brackets] would be markup
    table = Table(title=None if title is None else text(title), title_justify="left")
    for name in head:
        table.add_column(text(name))
    for row in rows:
        table.add_row(*map(text, row))
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)  # a pipe has no width: never cut a path


def write_report(json_file, report):
    """Write a report as JSON to a file, where there is one; of `-`, print it and say that nothing else is to be."""
    from emohrnet_tf.files import json_text, write_json

    if str(json_file) == "-":
        typer.echo(json_text(report), nl=False)
        return True
    if json_file:
        write_json(json_file, report)
    return False


def print_failed(rows, word):
    """Name the files that could not be used, on standard error; nothing where there are none."""
    rows = rows if isinstance(rows, list) else rows.to_dict("records")
    if rows:
        typer.echo(f"{len(rows)} {word}:", err=True)
    for row in rows[:20]:
        typer.echo(f"  {row['file']}: {row['reason']}", err=True)
    if len(rows) > 20:
        typer.echo(f"  ... and {len(rows) - 20} more", err=True)

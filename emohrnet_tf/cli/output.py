"""How the commands speak: tables, progress, errors."""

import contextlib
import json
import os
import sys
import time

import typer

EVERY = 10.0  # seconds between lines of progress where there is no terminal


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


@contextlib.contextmanager
def progress(what, unit=""):
    """Show on standard error how far it is: kept up to date on a terminal, else a line now and then.

    Args:
        what: the name of what is counted, "files", or "heard" of `unit` "s".

    Yields:
        Function of (done, in all), or of (done) where the end is not known; called after each, or after several, then
        before the first too.
    """
    began, first, terminal = time.perf_counter(), None, sys.stderr.isatty()
    said = began
    with _bar() if terminal else contextlib.nullcontext() as bar:
        task = bar.add_task(what, total=None) if terminal else None

        def note(done, total=None):
            nonlocal first, said
            now = time.perf_counter()
            if total is None:
                text = f"{done:.0f} {unit} {what}"
            else:
                first = max(done - 1, 0) if first is None else first  # what an earlier run has done took no time
                speed, text = (done - first) / max(now - began, 1e-9), f"{done} of {total} {what}"
                if speed and now - began > 1:
                    text += f", {speed:.3g} a second, {duration((total - done) / speed)} left"
            if terminal:
                bar.update(task, description=text)
            elif now - said >= EVERY:
                said = now
                typer.echo(text, err=True)

        yield note


def _bar():
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    return Progress(SpinnerColumn(), TextColumn("{task.description}", markup=False), console=Console(stderr=True))


def duration(seconds):
    """ "45 s", "12 min", "3 h 20 min"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


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


def writable_report(json_file, apart_from, key):
    """`files.writable`, of where `write_report` writes; a report that is there is replaced if it has this key."""
    if not json_file or str(json_file) == "-":
        return
    from emohrnet_tf.files import refuse_others, writable

    file = writable(json_file, apart_from)
    if file.exists() and file.stat().st_size:
        try:
            there = json.loads(file.read_bytes())
        except (OSError, ValueError):
            there = None
        if not isinstance(there, dict) or key not in there:
            refuse_others(file)


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

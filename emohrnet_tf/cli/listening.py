"""The command that listens."""

import collections
import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.cli.options import MinConfidence
from emohrnet_tf.cli.using import opened as scorer
from emohrnet_tf.errors import InputError

SHOWN = 40  # stretches of the moving line


def listen(
    model: Annotated[str, typer.Argument(help="A .keras file, the folder of a run, voices or ravdess.")] = "voices",
    hop: Annotated[float, typer.Option(help="Seconds of each stretch.")] = 0.5,
    device: Annotated[
        str | None, typer.Option(help="Number or name of the microphone; `python -m sounddevice` lists them.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New CSV to write as it goes.")] = None,
    min_confidence: MinConfidence = None,
):
    """Show the emotion of the last seconds of a microphone; silence is shown as silence. Ctrl-C ends it."""
    from emohrnet_tf.files import writable

    if out is not None and writable(out, suffixes=(".csv",)).exists():
        raise InputError(f"{out} is there already: give a new file as --out. Received: {str(out)!r}")
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    from emohrnet_tf.inference.listen import listen as run
    from emohrnet_tf.inference.listen import microphone

    loaded, lost = scorer(model), []
    device = int(device) if device is not None and device.lstrip("-").isdecimal() else device
    blocks = microphone(loaded.audio.sample_rate, device, lambda: lost.append(1))
    with contextlib.ExitStack() as stack:
        show = stack.enter_context(moving_line(loaded.labels))
        file = None
        try:
            for table in run(loaded, blocks, hop, min_confidence):
                if out is not None:
                    text = table.to_csv(index=False, header=file is None, float_format="%.6g", lineterminator="\n")
                    file = file or stack.enter_context(opened(out))
                    file.write(text)
                    file.flush()
                for row in table.to_dict("records"):
                    show(row)
            typer.echo("The microphone went away.", err=True)
        except KeyboardInterrupt:
            pass
        finally:
            blocks.close()
    if lost:
        typer.echo(f"Sound was lost {len(lost)} times: the machine was too slow for this hop.", err=True)
    if out is not None:
        typer.echo(f"Everything lies in {out}." if file else f"Nothing was heard long enough: no {out}.", err=True)


def opened(out):
    """A new CSV, with the folders on the way."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.open("x", encoding="utf-8", newline="")


@contextlib.contextmanager
def moving_line(labels):
    """Gives what shows a stretch: on a terminal in a line that moves, else as a line of its own."""
    if not sys.stdout.isatty():
        yield lambda row: print(plain(row, labels), flush=True)
        return
    from rich.console import Console
    from rich.live import Live

    console, rows = Console(), collections.deque(maxlen=SHOWN)
    with Live("Listening; the first answer comes after a window.", console=console, auto_refresh=False) as live:

        def show(row):
            rows.append(row)
            live.update(strip(rows, labels), refresh=True)

        yield show


def plain(row, labels):
    """A stretch as a line: its seconds, what was heard, and how sure that is."""
    sure = max((row[label] for label in labels), default=0.0)
    return f"{row['start']:8.2f} {row['end']:8.2f}  {row['emotion']}" + (f" {sure:.2f}" if sure == sure else "")


def strip(rows, labels):
    """The last stretches as blocks of their emotion's colour, "·" of silence, "?" uncertain; the newest in words."""
    from rich.text import Text

    from emohrnet_tf.inference.timeline import SILENCE, UNCERTAIN
    from emohrnet_tf.plots.style import looks

    colours = {label: colour for label, (colour, *_) in looks(labels).items()}
    line, signs = Text(no_wrap=True, overflow="crop"), {SILENCE: "·", UNCERTAIN: "?"}
    for row in rows:
        line.append(signs.get(row["emotion"], "█"), colours.get(row["emotion"], "dim"))
    newest = rows[-1]
    line.append(f"  {newest['end']:.1f} s  ")
    line.append(newest["emotion"], f"bold {colours.get(newest['emotion'], 'dim')}")
    sure = max(newest[label] for label in labels)
    return line.append(f" {sure:.2f}" if sure == sure else "")

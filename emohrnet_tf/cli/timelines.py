"""How `timeline` speaks of folders, of both channels of calls, and of the moments it cuts out."""

import sys

import pandas as pd
import typer

from emohrnet_tf.cli.output import print_failed, print_table, progress
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import writable, writable_folder


def print_timelines(model, recordings, hop, min_confidence, asked, out, clips, emotions, most):
    """Print or write timelines of recordings as one table, and cut moments out of it.

    Args:
        model: loaded.
        recordings: files and folders.
        hop, min_confidence: of the command.
        asked: dict of `channel`, `prosody`, `reference`.
        out: CSV, or None.
        clips: folder for moments, or None.
        emotions, most: of `inference.timelines.moments`.
    """
    from emohrnet_tf.inference.timelines import cut_moments, moments, read_timelines, timelines, timelines_into

    if out is not None:
        writable(out, recordings, (".csv",))
    if clips is not None:
        writable_folder(clips)
        if unknown := [name for name in emotions or [] if name not in model.labels]:
            raise InputError(f"The model names {', '.join(model.labels)}. Received: {unknown!r}")
    report = lambda left_out: print_failed(left_out, "left out")  # noqa: E731
    usual = asked.pop("reference", None)
    usual = "self" if usual == ["self"] else usual
    with progress("recordings") as note:
        if out is not None:
            count, _ = timelines_into(
                out, model, recordings, hop, min_confidence, **asked, report=report, progress=note, usual=usual
            )
            table = read_timelines(out)
        else:
            tables = list(timelines(model, recordings, hop, min_confidence, **asked, report=report, usual=usual))
            table, count = pd.concat(tables, ignore_index=True), len(tables)
    bad = table[table.error.notna()]
    if out is not None:
        typer.echo(f"{count} recordings in {out}, {len(bad)} of them with an error in their row.")
    elif clips is None:
        typer.echo(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"), nl=False)
    print_failed(bad.assign(reason=bad.error), "failed")
    if len(bad) == count:
        sys.exit(2)
    if clips is not None:
        cut = cut_moments(moments(table, emotions, min_confidence or 0.0, most), clips, model.audio.sample_rate)
        good, failed = cut[cut.error.isna()], cut[cut.error.notna()]
        if len(good):
            rows = [
                (row.clip, row.file, f"{row.start:.1f} to {row.end:.1f} s", row.emotion, f"{row.confidence:.2f}")
                for row in good.sort_values("clip").itertuples()
            ]
            print_table(
                f"{len(good)} moments in {clips}", ["clip", "recording", "where", "emotion", "confidence"], rows
            )
        else:
            typer.echo(f"No such moment: {clips} holds none.")
        print_failed(failed.assign(reason=failed.error), "could not be cut out")

"""How `predict` speaks of parts of recordings: turns, channels, prosody."""

import json
import sys

import typer

from emohrnet_tf.cli.output import print_failed, print_table, progress
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import writable, write_csv


def predict_parts(model, recordings, asked, form, min_confidence, out, speakers):
    """Print or write the emotion of parts.

    Args:
        model: of `inference.parts.predict_parts`, loaded.
        recordings: files and folders, or None.
        asked: dict of `segments`, `channel`, `prosody`, `own_speech`.
        form, min_confidence, out: of the command.
        speakers: CSV to write what is said of each speaker to, or None.
    """
    from emohrnet_tf.inference.parts import by_speaker, predict_parts_into
    from emohrnet_tf.inference.parts import predict_parts as run

    if speakers is not None:
        if not asked["segments"]:
            raise InputError(f"--speakers is of turns: give them by --segments. Received: {str(speakers)!r}")
        writable(speakers, [*asked["segments"], *(recordings or []), out], (".csv",), b"file,speaker,turns,")
    kind = "turns" if asked["segments"] else "rows"
    if out is not None:
        with progress(kind) as note:
            count, failed = predict_parts_into(
                out, model, recordings, **asked, min_confidence=min_confidence, report=_report, progress=note
            )
        typer.echo(f"{count} {kind} in {out}, {failed} of them with an error in their row.")
        if speakers is not None:
            from emohrnet_tf.inference.parts import read_parts

            write_csv(by_speaker(read_parts(out)).round(6), speakers)
        if failed == count:
            sys.exit(2)
        return
    table = run(model, recordings, **asked, min_confidence=min_confidence, report=_report)
    if speakers is not None:
        write_csv(by_speaker(table).round(6), speakers)
    good, failed = table[table.error.isna()], table[table.error.notna()]
    if form == "csv":
        typer.echo(table.to_csv(index=False, float_format="%.6f", lineterminator="\n"), nl=False)
    elif form == "json":
        typer.echo(json.dumps(_plain(table, model.labels), indent=2, ensure_ascii=False))
    elif len(good):
        _print(None, good, model.labels)
        if asked["segments"]:
            _print("By speaker", by_speaker(good), model.labels)
    if form != "json":
        places = (
            [f"{row.file}, {row.start:g} to {row.end:g} s" for row in failed.itertuples()] if kind == "turns" else []
        )
        print_failed(failed.assign(file=places or failed.file, reason=failed.error), "failed")
    if not len(good):
        sys.exit(2)


def _report(left_out):
    print_failed([row for row in left_out if "kept" not in row], "left out")
    print_failed([row for row in left_out if "kept" in row], "turns overlap others and are judged all the same")


def _plain(table, labels):
    """Rows as JSON has them: no empty fields, probabilities by themselves, as `predict` gives them."""
    rows = []
    for row in table.to_dict("records"):
        row = {key: value for key, value in row.items() if value is not None and value == value}
        row = {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
        probabilities = {label: row.pop(label) for label in labels if label in row}
        rows.append(row | ({"probabilities": probabilities} if probabilities else {}))
    return rows


def _print(title, table, labels):
    """A table of those columns that hold something, probabilities as the three that are most probable."""
    shown, hidden = [], {*labels, "error", "radius", "theta", "phi"}
    if "overlap" in table and not table.overlap.any():
        hidden.add("overlap")
    for name in table:
        if name in hidden or table[name].isna().all():
            continue
        shown.append((name, [_short(name, value) for value in table[name]]))
        if name == "emotion":
            shown.append(("most probable", [_best(row, labels) for row in table[list(labels)].to_dict("records")]))
    print_table(title, [name.replace("_", " ") for name, _ in shown], zip(*(values for _, values in shown)))


def _short(name, value):
    if value is None or value != value:
        return ""
    if name in ("pitch_hz", "level_db"):
        return f"{value:.0f}"
    return f"{value:.2f}" if isinstance(value, float) else value


def _best(row, labels):
    best = sorted((label for label in labels if row[label] == row[label]), key=row.get, reverse=True)[:3]
    return ", ".join(f"{label} {row[label]:.2f}" for label in best)

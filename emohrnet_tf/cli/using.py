"""Commands for who uses a model: files, recordings, exports, and the demo."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from emohrnet_tf.cli.options import (
    Address,
    Channel,
    Engine,
    MinConfidence,
    ModelPath,
    Prosody,
    Segments,
    TimelineFormats,
)
from emohrnet_tf.cli.output import print_failed, print_table, progress, quiet
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import writable


def opened(model, files=1):
    """What scores so many files by a model of this path or name: by the TFLite file beside it, made where it may be.

    TensorFlow is imported where there is none yet, or LiteRT does not stand for the model.
    """
    from emohrnet_tf.inference.ready import ready

    found = ready(model)
    if found is None:
        quiet()
        from emohrnet_tf.exporter.litert import make_ready

        found = make_ready(model, files)
    return found


def predict(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Audio files and folders; with --segments, else those beside them.")
    ] = None,
    model: ModelPath = "voices",
    form: Annotated[
        Literal["table", "json", "csv"] | None, typer.Option("--format", "-f", help="table, if none is given.")
    ] = None,
    min_confidence: MinConfidence = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="CSV to write as it goes; run again, it goes on.")
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Other recordings, or folders of them, of the one voice that speaks."),
    ] = None,
    speaker_from: Annotated[
        str | None, typer.Option(help='Whose voice: "folder", a file\'s own; a CSV of file and speaker; "segments".')
    ] = None,
    segments: Segments = None,
    speakers: Annotated[Path | None, typer.Option(help="With --segments: CSV of what is said of each speaker.")] = None,
    channel: Channel = None,
    prosody: Prosody = False,
    engine: Engine = None,
    address: Address = None,
    workers: Annotated[int | None, typer.Option(help="With --engine: processes, else one for each CPU.")] = None,
):
    """Print the emotion of files, of all audio in folders, or of turns and channels of recordings."""
    if engine is not None:
        from emohrnet_tf.cli.engines import predict_by_ray

        others = {"--format": form, "--segments": segments, "--speakers": speakers, "--channel": channel}
        others |= {"--prosody": prosody, "--speaker-from": speaker_from}
        return predict_by_ray(paths, model, opened, min_confidence, out, reference, address, workers, others)
    if address is not None or workers is not None:
        raise InputError(f"--address and --workers are of --engine ray. Received: {address or workers!r}")
    paths, out = [Path(path) for path in paths or []], None if out is None else Path(out)
    from emohrnet_tf.inference.growing import csv_line
    from emohrnet_tf.inference.predict import find_audio, predict_into, scored
    from emohrnet_tf.inference.score import columns
    from emohrnet_tf.model.files import model_file

    if not paths and not segments:
        raise InputError("Give audio files or folders, or turns by --segments. Received: none")
    if out is not None and form not in (None, "csv"):
        raise InputError(f"--out writes CSV: leave --format or --out away. Received: {form!r}")
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    model_file(model)  # what is not there is said before files are looked for
    if segments or channel or prosody or speakers:
        if reference or speaker_from not in (None, "segments" if segments else None):
            raise InputError(
                "Turns take the other turns of their speaker as the reference, by --speaker-from segments; channels "
                f"and prosody none. Received: {str(reference[0]) if reference else speaker_from!r}"
            )
        quiet()
        from emohrnet_tf.cli.parts import predict_parts
        from emohrnet_tf.model.saved import load_model

        asked = {"segments": segments, "channel": channel, "prosody": prosody, "own_speech": speaker_from is not None}
        return predict_parts(load_model(model), paths, asked, form, min_confidence, out, speakers)
    if out is not None:
        writable(out, suffixes=(".csv",))
    files = find_audio(paths, lambda left_out: print_failed(left_out, "left out"))
    usual = find_audio(reference) if reference else None
    model = opened(model, len(files))
    if out is not None:
        with progress("files") as note:
            count, failed = predict_into(
                out, model, files, min_confidence, progress=note, reference=usual, voices=speaker_from
            )
        typer.echo(f"{count} files in {out}, {failed} of them with an error in their row.")
        if failed == count:
            sys.exit(2)
        return
    names, good, failed, count = columns(model), [], [], 0
    if form == "csv":
        typer.echo(csv_line(names), nl=False)
    with progress("files") as note:
        for done, row in enumerate(scored(model, files, min_confidence, reference=usual, voices=speaker_from), 1):
            if form == "csv":
                typer.echo(csv_line(row[name] for name in names), nl=False)
            elif row["error"] is None:
                good.append(row)
            if row["error"] is not None:
                failed.append({"file": row["file"], "reason": row["error"]})
            count += row["error"] is None
            note(done, len(files))
    labels = model.labels if "emotion" in names else []
    point = [name for name in names if name not in ("file", "emotion", "error", *labels)]
    silent = lambda row: row[(labels or point)[0]] is None  # noqa: E731
    if form == "json":
        told = []
        for row in good:
            told.append({"file": row["file"]} | ({"emotion": row["emotion"]} if labels else {}))
            if silent(row):
                continue
            if labels:
                told[-1]["probabilities"] = {x: round(row[x], 6) for x in labels}
            told[-1] |= {name: row[name] if name == "region" else round(row[name], 6) for name in point}
        told += [{"file": row["file"], "error": row["reason"]} for row in failed]
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif form != "csv":
        lines, shown = [], [name for name in point if name not in ("radius", "theta", "phi")]
        for row in good:
            if silent(row):
                lines.append((row["file"], *([row["emotion"], ""] if labels else []), *("" for _ in shown)))
                continue
            best = sorted(labels, key=row.get, reverse=True)[:3]
            named = [row["emotion"], ", ".join(f"{x} {row[x]:.2f}" for x in best)] if labels else []
            values = [row[name] if name == "region" else f"{row[name]:.2f}" for name in shown]
            lines.append((row["file"], *named, *values))
        if lines:
            print_table(None, ["file", *(["emotion", "most probable"] if labels else []), *shown], lines)
    if form != "json":
        print_failed(failed, "failed")
    if not count:
        sys.exit(2)


def timeline(
    recordings: Annotated[
        list[str], typer.Argument(help="Audio file of any length, or - for standard input; or files and folders.")
    ],
    model: ModelPath = "voices",
    hop: Annotated[float, typer.Option(help="Seconds of each stretch.")] = 1.0,
    form: Annotated[
        TimelineFormats | None,
        typer.Option("--format", "-f", help="csv, or what --out's suffix says, if none is given."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it here rather than print it.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw it here (PNG).")] = None,
    min_confidence: MinConfidence = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help='Recordings of the one voice that speaks, or "self": the recording, heard twice.'),
    ] = None,
    channel: Channel = None,
    prosody: Prosody = False,
    clips: Annotated[Path | None, typer.Option(help="Folder: cut the moments of --emotion out as WAV files.")] = None,
    emotion: Annotated[list[str] | None, typer.Option(help="Of --clips, else all; may be given again.")] = None,
    most: Annotated[int | None, typer.Option(help="Of --clips: the surest so many, else all.")] = None,
):
    """Print the emotion over time of a recording, or of many in one table; silence is marked, not guessed."""
    if (emotion or most is not None) and clips is None:
        raise InputError(
            f"--emotion and --most are of moments: give a folder by --clips. Received: {emotion or most!r}"
        )
    if most is not None and most < 1:
        raise InputError(f"How many moments at most: 1 or more. Received: {most!r}")
    many = len(recordings) > 1 or Path(recordings[0]).is_dir() or channel == "each" or clips is not None
    if many and "-" in recordings:
        raise InputError("Standard input is one recording, and cannot be cut: give a file. Received: '-'")
    if many and (picture is not None or form not in (None, "csv")):
        raise InputError(
            f"Several timelines are one CSV: leave --format and --picture away. Received: {form or 'csv'!r}"
        )
    if many:
        from emohrnet_tf.cli.timelines import print_timelines

        asked = {"channel": channel, "prosody": prosody, "reference": reference}
        return print_timelines(opened(model), recordings, hop, min_confidence, asked, out, clips, emotion, most)
    recording = recordings[0]
    import shutil
    import tempfile

    from emohrnet_tf.files import printable, replacing, writable
    from emohrnet_tf.inference.timeline import WRITTEN, write_timeline
    from emohrnet_tf.inference.timeline import timeline as run
    from emohrnet_tf.inference.timelines import with_prosody

    if form is None:
        form = {".json": "json", ".txt": "audacity", ".vtt": "webvtt"}.get(out.suffix.lower() if out else "", "csv")
    if out:
        writable(out, [recording], ours=WRITTEN)
    if picture:
        writable(picture, [recording, out], (".png", ".pdf", ".svg"))
    model = opened(model)
    with tempfile.TemporaryFile() as heard, progress("heard", "s") as note:
        if recording == "-":  # a pipe cannot seek, and most formats need it
            shutil.copyfileobj(sys.stdin.buffer, heard)
            heard.seek(0)
        source = heard if recording == "-" else recording
        usual = "self" if reference == ["self"] else reference
        table, overview = run(model, source, hop, min_confidence, note, usual, channel)
        if prosody:
            table = with_prosody(table, source, model.audio.sample_rate, channel)
    text = write_timeline(table, form)
    if out is None:
        typer.echo(text, nl=False)
    else:
        with replacing(out) as part:
            part.write_text(text, "utf-8", "backslashreplace")
    if picture:
        from emohrnet_tf.plots import timeline as draw

        draw(table, overview, picture, title=None if recording == "-" else printable(Path(recording).name))


def export(
    model: Annotated[str, typer.Argument(help="A .keras file, the folder of a run, voices or ravdess.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for SavedModel, TFLite files, card and report.")],
    index_file: Annotated[
        Path | None, typer.Option("--index", help="Clips with a column split, in place of the run's own split.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Version of the SavedModel, else the next one.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that --version, where it exists.")] = False,
    name: Annotated[str | None, typer.Option(help="Name of the TFLite files, else the run's.")] = None,
    allow_missed_gates: Annotated[
        bool, typer.Option("--allow-missed-gates", help="Keep an export that fails verification; the report says so.")
    ] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX file too.")] = False,
):
    """Write SavedModel and TFLite files, on request ONNX, and verify that each tells what the model tells."""
    quiet()
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.exporter.card import format_cells
    from emohrnet_tf.exporter.exporter import export as run

    index = None if index_file is None else read_index(index_file)
    report = run(model, out, index, version, overwrite, name, allow_missed_gates, say=typer.echo, onnx=onnx)
    rows = [(form, *format_cells(figures)) for form, figures in report["verification"]["formats"].items()]
    print_table("Against Keras", ["format", "largest difference", "top label agrees", "accuracy or CCC"], rows)
    for gate in report["verification"]["gates"]:
        if gate["note"]:
            typer.echo(f"{gate['format']}, {gate['gate']}: {gate['note']}")
    folders = f"saved_model/{report['version']}, tflite/{', onnx/' if onnx else ''}"
    typer.echo(f"Everything lies in {out}: {folders}, model_card.md, export_report.json.")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything that the demo makes.")] = Path("demo"),
    epochs: Annotated[int | None, typer.Option(help="Epochs of each training, else 20.")] = None,
):
    """The whole way on made-up voices: corpus, training, evaluation on unseen speakers, predictions, pictures."""
    quiet()
    from emohrnet_tf.demo.run import demo as run

    run(out, epochs, say=typer.echo)

"""The `emohrnet` command: each subcommand parses its arguments and calls one function of the package."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.errors import InputError

app = typer.Typer(
    help="Speech emotion recognition: from a folder of speech to a trained, measured model and its predictions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

IndexFile = Annotated[Path, typer.Argument(metavar="INDEX.csv", help="Index written by `emohrnet index`.")]
RunFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; an interrupted run goes on.")]
Preset = Annotated[str, typer.Option(help="paper or tuned.")]
Protocol = Annotated[str, typer.Option(help="random, speaker, loso, given or all (no test).")]
Scheme = Annotated[str, typer.Option(help="RAVDESS folds of `speaker`: published or emobox.")]
Also = Annotated[
    Path | None, typer.Option(help="Index of further clips that train in every fold and are never measured.")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs, else the preset's.")]
BatchSize = Annotated[int | None, typer.Option(help="Clips of a step, else the preset's.")]
Architecture = Annotated[str | None, typer.Option(help="tiny, lite, small, small_v2 or w18.")]
Head = Annotated[
    str | None, typer.Option(help="categorical (emotions), vad (valence, arousal, dominance) or joint (both).")
]
VadScale = Annotated[
    str | None, typer.Option(help="table: scale of valence, arousal and dominance, e.g. --vad-scale=1..5.")
]
TestSet = Annotated[str | None, typer.Option(help="msp_podcast: Test1, Test2 or Test3.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting: group.key=value, e.g. audio.frames=192.")
]
Part = Annotated[str, typer.Option(help="test: leave out what the model was trained on; all: keep it.")]
ModelPath = Annotated[
    str, typer.Option("--model", "-m", help="A .keras file, the folder of a run, or ravdess, which comes along.")
]


def main():
    """Run the command; bad input ends in one clear message and status 2."""
    try:
        app()
    except InputError as error:
        _error(str(error))
        sys.exit(2)
    except BrokenPipeError:  # `emohrnet predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        _error("Stopped. The same command goes on where it stopped.")
        sys.exit(130)


@app.command()
def info(
    architecture: Annotated[str, typer.Option(help="Print the cost of this architecture, part by part.")] = "small",
    frames: Annotated[int, typer.Option(help="Frames of its window.")] = 256,
    mels: Annotated[int, typer.Option(help="Mel bands.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw the architecture here (PNG).")] = None,
):
    """Versions, the audio decoder in use and why, and what an architecture costs."""
    _quiet()
    from emohrnet_tf.decode import decoder
    from emohrnet_tf.hrnet import build_network, costs
    from emohrnet_tf.provenance import provenance

    network = build_network(frames, mels, 8, architecture)
    parts = costs(network)
    if picture:
        from emohrnet_tf import plots

        plots.network(architecture, picture, frames, mels)
    facts = provenance() | {"decoder": vars(decoder()), "architecture": architecture}
    facts["parts"] = {name: dict(zip(("parameters", "multiply_accumulates"), both)) for name, both in parts.items()}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, version in facts["versions"].items():
        typer.echo(f"{name:<14}{version}")
    typer.echo(f"{'decoder':<14}{decoder().name}: {decoder().reason}")
    rows = [(name, f"{count:,}", f"{cost / 1e6:.1f}") for name, (count, cost) in parts.items()]
    total = [sum(values) for values in zip(*parts.values())]
    rows.append(("total", f"{total[0]:,}", f"{total[1] / 1e6:.1f}"))
    _print_table(f"{architecture}, {frames} x {mels}", ["part", "parameters", "million MACs"], rows)


@app.command()
def index(
    corpus: Annotated[str, typer.Argument(help="ravdess, emovo, iemocap, msp_podcast or table.")],
    root: Annotated[Path, typer.Argument(help="Folder of the corpus, or the CSV of a table.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV to write.")],
    task: Annotated[str | None, typer.Option(help="iemocap: 4class or all.")] = None,
    vocal_channel: Annotated[str | None, typer.Option(help="ravdess: speech, song or all.")] = None,
    test_set: TestSet = None,
    vad_scale: VadScale = None,
):
    """Write the index of a corpus: one row for each clip, with emotion, speaker and what else is known."""
    from emohrnet_tf.corpora import read_corpus, write_index

    options = {"task": task, "vocal_channel": vocal_channel, "test_set": test_set, "vad_scale": vad_scale}
    clips, skipped = read_corpus(corpus, root, **{key: value for key, value in options.items() if value is not None})
    write_index(clips, out)
    counts = clips.emotion.value_counts()
    speakers = clips.speaker.nunique() if "speaker" in clips else 0
    _print_table(f"{len(clips)} clips of {speakers} speakers in {out}", ["emotion", "clips"], counts.items())
    _report_failed(skipped, "skipped")


@app.command()
def prepare(
    corpus: Annotated[str, typer.Argument(help="ravdess, emovo, iemocap, msp_podcast or table.")],
    root: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of the corpus.")],
    folder: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the converted clips and their index.csv.")],
    task: Annotated[str | None, typer.Option(help="iemocap: 4class or all.")] = None,
    vocal_channel: Annotated[str | None, typer.Option(help="ravdess: speech, song or all.")] = None,
    test_set: TestSet = None,
    vad_scale: VadScale = None,
):
    """Convert a corpus once to 16 kHz mono WAV, which reads fastest; run again, it goes on where it stopped."""
    from emohrnet_tf.corpora import read_corpus, write_index
    from emohrnet_tf.prepare import prepare as convert

    options = {"task": task, "vocal_channel": vocal_channel, "test_set": test_set, "vad_scale": vad_scale}
    clips, skipped = read_corpus(corpus, root, **{key: value for key, value in options.items() if value is not None})
    with _progress() as progress:
        bar = progress.add_task("clips", total=len(clips))
        clips, failed = convert(clips, root, folder, progress=lambda *_: progress.advance(bar))
    write_index(clips, folder / "index.csv")
    typer.echo(f"{len(clips)} clips in {folder}, their index in {folder / 'index.csv'}")
    _report_failed(skipped, "skipped")
    _report_failed(failed, "failed")


@app.command()
def train(
    index_file: IndexFile,
    out: RunFolder,
    preset: Preset = "tuned",
    protocol: Protocol = "speaker",
    fold: Annotated[int, typer.Option(help="Which fold is the test.")] = 0,
    scheme: Scheme = "published",
    seed: Annotated[int, typer.Option(help="Seed of split, weights and augmentation.")] = 0,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    architecture: Architecture = None,
    head: Head = None,
    setting: Setting = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Start from the weights of this model: ravdess, or as --model.")
    ] = None,
    also: Also = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard's files.")] = False,
):
    """Train, choose the epoch, measure on the test part, and leave model, report and pictures."""
    _quiet()
    from emohrnet_tf.train import train as run

    config = _config(preset, epochs, batch_size, architecture, head, setting, start)
    report = run(
        _index(index_file, also), config, out, protocol, fold, seed, preset, scheme=scheme, tensorboard=tensorboard,
        verbose=_verbose(),
    )  # fmt: skip
    _print_run(report, out)


@app.command()
def crossval(
    index_file: IndexFile,
    out: RunFolder,
    preset: Preset = "tuned",
    protocol: Protocol = "speaker",
    folds: Annotated[str, typer.Option(help="all, or numbers with commas.")] = "all",
    scheme: Scheme = "published",
    seeds: Annotated[str, typer.Option(help="Seeds, with commas.")] = "0",
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    architecture: Architecture = None,
    head: Head = None,
    setting: Setting = None,
    also: Also = None,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep model.keras of every run.")] = False,
):
    """Train and measure every fold of a protocol with every seed; stopped anywhere, it goes on there."""
    _quiet()
    from emohrnet_tf.crossval import crossval as run
    from emohrnet_tf.report import summary_table

    config = _config(preset, epochs, batch_size, architecture, head, setting)
    only = None if folds == "all" else _numbers("--folds", folds)
    summary = run(
        _index(index_file, also), config, out, protocol, _numbers("--seeds", seeds), only, preset, keep_models,
        verbose=_verbose(), say=typer.echo, scheme=scheme,
    )  # fmt: skip
    typer.echo(summary_table(summary))
    typer.echo(f"\nEverything lies in {out}: report.json, confusion.png, and the report of each run.")


@app.command()
def evaluate(
    index_file: IndexFile,
    model: ModelPath,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw confusion matrix or dimensions here (PNG).")
    ] = None,
    reliability: Annotated[
        Path | None, typer.Option("--reliability", help="Draw here how sure it is, and how often right (PNG).")
    ] = None,
    embedding: Annotated[
        Path | None, typer.Option("--embedding", help="Draw here which clips are alike to it (PNG).")
    ] = None,
    part: Part = "test",
    shared_labels: Annotated[
        bool, typer.Option("--shared-labels", help="Across corpora: only the emotions that both know.")
    ] = False,
):
    """Measure a model on an index, leaving out the clips that it was trained on or chosen by."""
    _quiet()
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.measure import measure
    from emohrnet_tf.report import table, write_json

    report = measure(model, read_index(index_file), part, shared_labels, picture, reliability, embedding)
    if json_file:
        write_json(json_file, report)
    typer.echo(table(report))
    typer.echo(f"\nPart: {report['part']}; {report['left_out']} clips of the model's own training left out.")
    _report_failed(report["failed"], "failed")


@app.command()
def robustness(
    index_file: IndexFile,
    model: ModelPath,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw it here (PNG).")] = None,
    part: Part = "test",
):
    """Measure a model under noise, reverberation, telephone, gain, clipping and MP3."""
    _quiet()
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.report import write_json
    from emohrnet_tf.robustness import robustness as run

    report = run(model, read_index(index_file), part, say=lambda line: typer.echo(line, err=True))
    if json_file:
        write_json(json_file, report)
    if picture:
        from emohrnet_tf.plots import robustness as draw

        draw(report, picture)
    rows = [
        (row["condition"], *(f"{100 * row[name]:.1f} %" for name in ("uar", "war", "same_label")))
        for row in report["rows"]
    ]
    _print_table(f"{report['clips']} clips", ["condition", "UAR", "WAR", "same label as clean"], rows)
    _report_failed(report["failed"], "failed")


@app.command()
def predict(
    paths: Annotated[list[Path], typer.Argument(help="Audio files and folders.")],
    model: ModelPath = "ravdess",
    form: Annotated[str, typer.Option("--format", "-f", help="table, json or csv.")] = "table",
    min_confidence: Annotated[float, typer.Option(help='Below this probability say "uncertain".')] = 0.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write as it goes; run again, it goes on.")
    ] = None,
):
    """Print the emotion of files, or of all audio in folders."""
    _quiet()
    from emohrnet_tf.predict import predict as run
    from emohrnet_tf.predict import predict_into
    from emohrnet_tf.sphere import DIMENSIONS

    if form not in ("table", "json", "csv"):
        raise InputError(f"--format is table, json or csv. Received: {form!r}")
    if out is not None:
        with _progress("{task.description}") as progress:
            bar, began, first = progress.add_task("reading", total=None), time.perf_counter(), []

            def note(done, total):
                first.append(done)
                speed = max(done - first[0], 1e-9) / (time.perf_counter() - began)
                ahead = f", {(total - done) / speed:.0f} s left" if len(first) > 1 else ""
                progress.update(bar, description=f"{done} of {total} files, {speed:.0f} a second{ahead}")

            count, failed = predict_into(out, model, paths, min_confidence, progress=note)
        typer.echo(f"{count} files in {out}, {failed} of them with an error in their row.")
        return
    result = run(model, paths, min_confidence)
    point = [name for name in (*DIMENSIONS, "radius", "theta", "phi", "region") if name in result]
    labels = [column for column in result.columns if column not in ("file", "emotion", "error", *point)]
    good, failed = result[result.error.isna()], result[result.error.notna()]
    if form == "csv":
        typer.echo(result.to_csv(index=False, float_format="%.6f"), nl=False)
    elif form == "json":
        rows = []
        for row in good.to_dict("records"):
            rows.append({"file": row["file"]})
            if labels:
                rows[-1] |= {"emotion": row["emotion"], "probabilities": {x: round(row[x], 6) for x in labels}}
            rows[-1] |= {name: row[name] if name == "region" else round(row[name], 6) for name in point}
        rows += [{"file": row["file"], "error": row["error"]} for row in failed.to_dict("records")]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        rows, shown = [], [name for name in point if name not in ("radius", "theta", "phi")]
        for row in good.to_dict("records"):
            best = sorted(labels, key=row.get, reverse=True)[:3]
            named = [row["emotion"], ", ".join(f"{x} {row[x]:.2f}" for x in best)] if labels else []
            values = [row[name] if name == "region" else f"{row[name]:.2f}" for name in shown]
            rows.append((row["file"], *named, *values))
        if rows:
            _print_table(None, ["file", *(["emotion", "most probable"] if labels else []), *shown], rows)
    if form != "json":
        _report_failed(failed.rename(columns={"error": "reason"}), "failed")
    if not len(good):
        sys.exit(2)


@app.command()
def timeline(
    recording: Annotated[str, typer.Argument(help="Audio file of any length, or - for standard input.")],
    model: ModelPath = "ravdess",
    hop: Annotated[float, typer.Option(help="Seconds of each stretch.")] = 1.0,
    form: Annotated[str, typer.Option("--format", "-f", help="csv, json, audacity or webvtt.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it here rather than print it.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw it here (PNG).")] = None,
    min_confidence: Annotated[float, typer.Option(help='Below this probability say "uncertain".')] = 0.0,
):
    """Print the emotion over time of a recording; silence is marked, not guessed."""
    _quiet()
    import shutil
    import tempfile

    from emohrnet_tf.files import replacing
    from emohrnet_tf.timeline import FORMS, write_timeline
    from emohrnet_tf.timeline import timeline as run

    if form not in FORMS:
        raise InputError(f"--format is one of {', '.join(FORMS)}. Received: {form!r}")
    with tempfile.TemporaryFile() as heard, _progress("{task.completed:.0f} s heard") as progress:
        if recording == "-":  # a pipe cannot seek, and most formats need it
            shutil.copyfileobj(sys.stdin.buffer, heard)
            heard.seek(0)
        bar = progress.add_task("timeline", total=None)
        source = heard if recording == "-" else recording
        table, overview = run(
            model, source, hop, min_confidence, lambda seconds: progress.update(bar, completed=seconds)
        )
    text = write_timeline(table, form)
    if out is None:
        typer.echo(text, nl=False)
    else:
        with replacing(out) as part:
            part.write_text(text, encoding="utf-8")
    if picture:
        from emohrnet_tf.plots import timeline as draw

        draw(table, overview, picture, title=None if recording == "-" else Path(recording).name)


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A .keras file, the folder of a run, or ravdess.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for SavedModel, TFLite files, card and report.")],
    index_file: Annotated[
        Path | None, typer.Option("--index", help="Clips with a column split, in place of the run's own split.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Version of the SavedModel, else the next one.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing version.")] = False,
    name: Annotated[str | None, typer.Option(help="Name of the TFLite files, else the run's.")] = None,
    allow_missed_gates: Annotated[
        bool, typer.Option("--allow-missed-gates", help="Keep an export that fails verification; the report says so.")
    ] = False,
):
    """Write SavedModel and TFLite files, and verify that each tells what the model tells."""
    _quiet()
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.export.card import door_cells
    from emohrnet_tf.export.exporter import export as run

    index = None if index_file is None else read_index(index_file)
    report = run(model, out, index, version, overwrite, name, allow_missed_gates, say=typer.echo)
    rows = [(door, *door_cells(figures)) for door, figures in report["verification"]["doors"].items()]
    _print_table("Against Keras", ["door", "largest difference", "top label agrees", "accuracy or CCC"], rows)
    for gate in report["verification"]["gates"]:
        if gate["passed"] is None:
            typer.echo(f"{gate['door']}, {gate['gate']} {gate['value']:.3f}: {gate['note']}")
    typer.echo(
        f"Everything lies in {out}: saved_model/{report['version']}, tflite/, model_card.md, export_report.json."
    )


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything that the demo makes.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(help="Epochs of each training.")] = 20,
):
    """The whole way on made-up voices: corpus, training, evaluation on unseen speakers, predictions, pictures."""
    _quiet()
    from emohrnet_tf.demo import demo as run

    run(out, epochs, say=typer.echo)


def _config(name, epochs, batch_size, architecture, head, setting, start=None):
    """The configuration of a preset with what the command line changes."""
    from emohrnet_tf.config import preset

    quick = {"epochs": epochs, "batch_size": batch_size, "initial": start}
    quick = {"training": {key: value for key, value in quick.items() if value is not None}}
    if architecture is not None:
        quick["network"] = {"architecture": architecture}
    if head is not None:
        quick["head"] = {"kind": head}
    return preset(name).replace(quick).override(setting or [])


def _index(file, also=None):
    """An index, with further clips that always train where there are any."""
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.splits import with_also

    return read_index(file) if also is None else with_also(read_index(file), read_index(also))


def _numbers(option, text):
    """ "0,1,2" as a list of integers."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"{option}: whole numbers with commas, e.g. 0,1,2. Received: {text!r}")
    return [int(part) for part in text.split(",")]


def _verbose():
    """Keras' progress bar on a terminal, a line for each epoch elsewhere."""
    return "auto" if sys.stdout.isatty() else 2


def _quiet():
    """Start TensorFlow without its chatter, which would bury the answer; a library must not do this, a command may."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from emohrnet_tf.quiet import silence

    with silence():
        import tensorflow

        tensorflow.config.list_logical_devices()


def _error(message):
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print("[bold red]Error:[/]", message, markup=True, highlight=False)


def _progress(text=None):
    """A progress bar on standard error; `text` is a format of the task, for where the end is not known."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = Progress.get_default_columns() if text is None else (SpinnerColumn(), TextColumn(text))
    return Progress(*columns, console=Console(stderr=True))


def _print_table(title, head, rows):
    from rich.console import Console
    from rich.table import Table

    table = Table(*head, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)  # a pipe has no width: never cut a path


def _print_run(report, out):
    from emohrnet_tf.report import CHOICES, comparison

    typer.echo(
        f"Protocol {report['protocol']}, fold {report['fold']}, seed {report['seed']}: "
        f"{CHOICES[report['chosen']]}, {report['epochs'][report['chosen']]} of {report['epochs']['last']}."
    )
    if report["results"]:
        typer.echo(comparison(report["results"], report["chosen"]))
    typer.echo(f"Everything lies in {out}: model.keras, report.json, curves.png and the rest.")
    _report_failed(report["failed"], "failed")


def _report_failed(rows, word):
    """Name the files that could not be used, on standard error; nothing where there are none."""
    rows = rows if isinstance(rows, list) else rows.to_dict("records")
    if rows:
        typer.echo(f"{len(rows)} {word}:", err=True)
    for row in rows[:20]:
        typer.echo(f"  {row['file']}: {row['reason']}", err=True)
    if len(rows) > 20:
        typer.echo(f"  ... and {len(rows) - 20} more", err=True)


if __name__ == "__main__":
    main()

"""Commands that measure: a model on an index, and what an architecture costs."""

from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.cli.options import Bodies, IndexFile, Json, Merge, ModelPath, Part
from emohrnet_tf.cli.output import print_failed, print_table, quiet, writable_report, write_report
from emohrnet_tf.errors import InputError

PICTURES = (".png", ".pdf", ".svg")


def info(
    architecture: Annotated[Bodies, typer.Option(help="Print its cost, part by part.")] = "small",
    frames: Annotated[int, typer.Option(min=1, help="Frames of its window.")] = 256,
    mels: Annotated[int, typer.Option(min=1, help="Mel bands.")] = 64,
    json_file: Json = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw the architecture here (PNG).")] = None,
):
    """Versions, the audio decoder in use and why, and what an architecture costs."""
    quiet()
    from emohrnet_tf.audio.decode import decoder
    from emohrnet_tf.audio.decoders import versions
    from emohrnet_tf.files import writable
    from emohrnet_tf.model.hrnet import build_network, costs
    from emohrnet_tf.provenance import provenance

    if picture:
        writable(picture, suffixes=PICTURES)
    writable_report(json_file, [picture], "decoder")
    network = build_network(frames, mels, 8, architecture)
    parts = costs(network)
    facts = provenance() | {"decoder": vars(decoder()), "reads": versions(), "architecture": architecture}
    facts["parts"] = {name: dict(zip(("parameters", "multiply_accumulates"), both)) for name, both in parts.items()}
    if not write_report(json_file, facts):
        for name, version in facts["versions"].items():
            typer.echo(f"{name:<14}{version}")
        typer.echo(f"{'machine':<14}{facts['machine']['cores']} cores, {facts['machine']['processor']}")
        for text in versions().values():
            typer.echo(f"{'reads':<14}{text}")
        typer.echo(f"{'decoder':<14}{decoder().name}: {decoder().reason}")
        rows = [(name, f"{count:,}", f"{cost / 1e6:.1f}") for name, (count, cost) in parts.items()]
        total = [sum(values) for values in zip(*parts.values())]
        rows.append(("total", f"{total[0]:,}", f"{total[1] / 1e6:.1f}"))
        print_table(f"{architecture}, {frames} x {mels}", ["part", "parameters", "million MACs"], rows)
    if picture:
        from emohrnet_tf import plots

        plots.network(architecture, picture, frames, mels)


def evaluate(
    index_file: IndexFile,
    model: ModelPath,
    json_file: Json = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw confusion matrix or dimensions here (PNG).")
    ] = None,
    dimensions: Annotated[
        Path | None, typer.Option("--dimensions", help="Of a joint model: draw the dimensions here (PNG).")
    ] = None,
    reliability: Annotated[
        Path | None, typer.Option("--reliability", help="Draw here how sure it is, and how often right (PNG).")
    ] = None,
    embedding: Annotated[
        Path | None, typer.Option("--embedding", help="Draw here which clips are alike to it (PNG).")
    ] = None,
    part: Part = "test",
    merge: Merge = None,
    shared_labels: Annotated[
        bool, typer.Option("--shared-labels", help="Across corpora: only the emotions that both know.")
    ] = False,
    own_speech: Annotated[
        bool, typer.Option("--own-speech", help="Hear each clip relative to all of its speaker's, labels unseen.")
    ] = False,
):
    """Measure a model on an index, leaving out the clips that it was trained on or chosen by."""
    quiet()
    from emohrnet_tf.corpora import merge_labels, read_index
    from emohrnet_tf.evaluation.on_index import left_out_text, measure
    from emohrnet_tf.evaluation.report import table
    from emohrnet_tf.files import writable
    from emohrnet_tf.model.saved import load_model

    pictures = [path for path in (picture, reliability, embedding, dimensions) if path]
    for number, path in enumerate(pictures):
        writable(path, [index_file, *pictures[:number]], PICTURES)
    writable_report(json_file, [index_file, *pictures], "part")
    if reliability or embedding or dimensions:
        check_pictures(load_model(model).head, reliability or embedding, dimensions)
    measured = measure(model, merge_labels(read_index(index_file), merge), part, shared_labels, own_speech)
    report = measured.report
    if not write_report(json_file, report):
        typer.echo(table(report))
        typer.echo("\n" + left_out_text(report["part"], report["left_out"]))
        if own_speech:
            typer.echo("Each clip was heard relative to its speaker's own unlabelled recordings: another protocol.")
        print_failed([{"file": file, "reason": "silence"} for file in report["silent"]], "not judged")
        print_failed(report["failed"], "failed")
    if pictures:
        from emohrnet_tf import plots

        plots.evaluated(measured, picture, reliability, embedding, dimensions)


def check_pictures(head, of_emotions, of_dimensions):
    """Refuse pictures that a model with this `config.Head` has nothing for, before it is asked anything."""
    if of_emotions and not head.emotions:
        raise InputError(f"The picture is of emotions, and the model names none. Received: {str(of_emotions)!r}")
    if of_dimensions and not head.dimensions:
        raise InputError(f"The picture is of dimensions, and the model has none. Received: {str(of_dimensions)!r}")


def robustness(
    index_file: IndexFile,
    model: ModelPath,
    json_file: Json = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw it here (PNG).")] = None,
    part: Part = "test",
):
    """Measure a model under noise, reverberation, telephone, gain, clipping and MP3."""
    quiet()
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.evaluation.on_index import left_out_text
    from emohrnet_tf.evaluation.robustness import robustness as run
    from emohrnet_tf.files import writable

    if picture:
        writable(picture, [index_file], PICTURES)
    writable_report(json_file, [index_file, picture], "part")
    report = run(model, read_index(index_file), part, say=lambda line: typer.echo(line, err=True))
    printed = write_report(json_file, report)
    rows = [
        (row["condition"], *(f"{100 * row[name]:.1f} %" for name in ("uar", "war", "same_label")))
        for row in report["rows"]
    ]
    if not printed:
        print_table(f"{report['clips']} clips", ["condition", "UAR", "WAR", "same label as clean"], rows)
        typer.echo(left_out_text(report["part"], report["left_out"]))
        print_failed(report["failed"], "failed")
    if picture:
        from emohrnet_tf.plots import robustness as draw

        draw(report, picture)

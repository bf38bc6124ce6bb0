"""Commands that train."""

from typing import Annotated

import typer

from emohrnet_tf.cli.options import (
    Address,
    Also,
    Architecture,
    BatchSize,
    Engine,
    Epochs,
    Folds,
    Head,
    IndexFiles,
    Merge,
    Preset,
    Protocol,
    RunFolder,
    Scheme,
    Setting,
    Start,
    numbers,
    read_config,
    read_indexes,
)
from emohrnet_tf.cli.output import print_failed, quiet, verbosity
from emohrnet_tf.errors import InputError


def train(
    index_files: IndexFiles,
    out: RunFolder,
    preset: Preset = "tuned",
    protocol: Protocol = "speaker",
    fold: Annotated[int, typer.Option(help="Which fold is the test.")] = 0,
    folds: Folds = None,
    scheme: Scheme = "published",
    seed: Annotated[int, typer.Option(help="Seed of split, weights and augmentation.")] = 0,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    architecture: Architecture = None,
    head: Head = None,
    setting: Setting = None,
    start: Start = None,
    also: Also = None,
    merge: Merge = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard's files.")] = False,
):
    """Train, choose the epoch, measure on the test part, and leave model, report and pictures."""
    quiet()
    from emohrnet_tf.training.run import train as run

    config = read_config(preset, epochs, batch_size, architecture, head, setting, start, merge)
    report = run(
        read_clips(index_files, also, protocol), config, out, protocol, fold, seed, scheme=scheme, folds=folds,
        tensorboard=tensorboard, verbose=verbosity(),
    )  # fmt: skip
    print_run(report, out)


def crossval(
    index_files: IndexFiles,
    out: RunFolder,
    preset: Preset = "tuned",
    protocol: Protocol = "speaker",
    folds: Folds = None,
    only: Annotated[str | None, typer.Option(help="Run some folds alone: numbers from 0, with commas.")] = None,
    scheme: Scheme = "published",
    seeds: Annotated[str, typer.Option(help="Seeds, with commas.")] = "0",
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    architecture: Architecture = None,
    head: Head = None,
    setting: Setting = None,
    start: Start = None,
    also: Also = None,
    merge: Merge = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Protocol corpus: also train on each corpus alone, and draw both.")
    ] = False,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep model.keras of every run.")] = False,
    engine: Engine = None,
    address: Address = None,
    workers: Annotated[int | None, typer.Option(help="With --engine: runs at once, else one for each GPU.")] = None,
):
    """Train and measure every fold of a protocol with every seed; stopped anywhere, it goes on there."""
    if engine is None and (address is not None or workers is not None):
        raise InputError(f"--address and --workers are of --engine ray. Received: {address or workers!r}")
    quiet()
    from emohrnet_tf.evaluation.report import summary_table
    from emohrnet_tf.training.crossval import crossval as run

    config = read_config(preset, epochs, batch_size, architecture, head, setting, start, merge)
    only = None if only is None else numbers("--only", only)
    clips, split, ahead = read_clips(index_files, also, protocol), {"scheme": scheme, "folds": folds}, None
    if engine is not None:
        from emohrnet_tf.training.folds import by_ray

        ahead = by_ray(clips, config, address, workers, typer.echo, **split)
    summary = run(
        clips, config, out, protocol, numbers("--seeds", seeds), only,
        keep_models, matrix, verbose=verbosity(), say=typer.echo, ahead=ahead, **split,
    )  # fmt: skip
    typer.echo(summary_table(summary))
    typer.echo(f"\nEverything lies in {out}: report.json, confusion.png, and the report of each run.")


def read_clips(index_files, also, protocol):
    """The clips to train and measure on; says so where folds are not the published ones."""
    from emohrnet_tf.data.splits import missing_actors

    index = read_indexes(index_files, also)
    missing = missing_actors(index if also is None else index[~index["also"]]) if protocol == "speaker" else None
    if missing:
        text = f"RAVDESS without {len(missing)} of its actors ({', '.join(missing)}): not the published folds, but of"
        typer.echo(f"{text} about equal numbers of clips.", err=True)
    return index


def print_run(report, out):
    from emohrnet_tf.evaluation.report import CHOICES, across_table, comparison, corpora_table

    typer.echo(
        f"Protocol {report['protocol']}, fold {report['fold']}, seed {report['seed']}: "
        f"{CHOICES[report['chosen']]}, {report['epochs'][report['chosen']]} of {report['epochs']['last']}."
    )
    if len(report["corpora"]) > 1:
        typer.echo(corpora_table(report["corpora"]) + "\n")
    if report["results"]:
        typer.echo(comparison(report["results"], report["chosen"]))
    if "across" in report:
        typer.echo("\n" + across_table(report["across"]))
    if report["results"] and report.get("test_unheard", True) is None:
        typer.echo("Unknown what the model to start from has heard: clips of the test may be among it.")
    typer.echo(f"Everything lies in {out}: model.keras, report.json, curves.png and the rest.")
    print_failed(report["failed"], "failed")

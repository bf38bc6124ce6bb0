"""Commands by an engine: many processes, or many machines."""

import sys
from pathlib import Path

import typer

from emohrnet_tf.cli.output import print_failed, progress
from emohrnet_tf.errors import InputError


def predict_by_ray(sources, model, opened, min_confidence, out, reference, address, workers, others):
    """`emohrnet predict --engine ray`; `opened` is `using.opened`, `others` are options that it has not, by name."""
    from emohrnet_tf.inference.distributed import predict
    from emohrnet_tf.model.files import model_file

    if not sources:
        raise InputError("Give folders, manifests or buckets. Received: none")
    if given := [name for name, value in others.items() if value]:
        raise InputError(f"--engine ray scores whole files, each by itself: leave {given[0]} out. Received: {given[0]}")
    if out is None or Path(out).suffix.lower() in (".csv", ".parquet"):
        raise InputError(f"--engine ray writes many Parquet files: give a folder as --out. Received: {out!r}")
    model_file(model)  # what is not there is said before files are looked for
    left_out = lambda rows: print_failed(rows, "left out")  # noqa: E731
    with progress("files") as note:
        count, failed = predict(
            sources, out, opened(model), min_confidence, reference, workers, address, note, left_out
        )  # fmt: skip
    typer.echo(f"{count} files in {out}/rows, {failed} of them with an error in their row.")
    if failed == count:
        sys.exit(2)

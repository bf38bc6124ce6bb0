"""The `emohrnet` command: each subcommand parses its arguments and calls one function of the package."""

import errno
import functools
import os
import sys
from typing import Annotated

import typer

from emohrnet_tf import __version__
from emohrnet_tf.cli import corpora, embedding, figures, listening, reporting, serving, training, using
from emohrnet_tf.cli.output import print_error
from emohrnet_tf.errors import InputError, TrainingDiverged
from emohrnet_tf.registration import WhenImported

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)

app = typer.Typer(
    help="Speech emotion recognition: from a folder of speech to a trained, measured model and its predictions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(asked: bool):
    if asked:
        typer.echo(f"emohrnet_tf {__version__}")
        raise typer.Exit


@app.callback()
def emohrnet(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
):
    """Options of the command itself."""


def with_any_names(command):
    """A command in whose process files may have names in any bytes: see `files.any_names`."""

    @functools.wraps(command)
    def run(*arguments, **options):
        if "pandas" in sys.modules:
            own_texts(sys.modules["pandas"])
        else:  # a command that needs no table does not wait for pandas
            WhenImported.wait("pandas", own_texts)
        return command(*arguments, **options)

    return run


def own_texts(pandas):
    """For the rest of the process, what `files.any_names` does for a while."""
    pandas.options.mode.string_storage = "python"


for command in (
    *(figures.info, corpora.index, corpora.prepare, training.train, training.crossval, figures.evaluate),
    *(figures.robustness, reporting.report, using.predict, using.timeline, listening.listen, embedding.embed),
    *(using.export, serving.serve, using.demo),
):
    app.command()(with_any_names(command))


def main():
    """Run the command; bad input ends in one clear message and status 2."""
    for stream in (sys.stdout, sys.stderr):  # a name that the console cannot show must not lose the rest
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except InputError as error:
        print_error(str(error))
        sys.exit(2)
    except TrainingDiverged as error:
        print_error(str(error))
        sys.exit(1)
    except BrokenPipeError:  # `emohrnet predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print_error(
            f"{error.filename or 'A file'} cannot be written ({error.strerror}): make room, or write elsewhere."
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print_error("Stopped. The same command goes on where it stopped.")
        sys.exit(130)

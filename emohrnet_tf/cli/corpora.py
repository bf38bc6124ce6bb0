"""Commands that make an index of a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.cli.options import Corpus, Task, TestSet, VadScale, VocalChannel
from emohrnet_tf.cli.output import print_failed, print_table, progress
from emohrnet_tf.errors import InputError


def index(
    corpus: Corpus,
    root: Annotated[Path, typer.Argument(help="Folder of the corpus, or the CSV of a table.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV to write.")],
    task: Task = None,
    vocal_channel: VocalChannel = None,
    test_set: TestSet = None,
    vad_scale: VadScale = None,
):
    """Write the index of a corpus: one row for each clip, with emotion, speaker and what else is known."""
    from emohrnet_tf.corpora import read_corpus, write_index
    from emohrnet_tf.files import writable

    writable(out, [root], (".csv",), rb"(\xef\xbb\xbf)?file,[^\n]*emotion")
    clips, skipped = read_corpus(corpus, root, **given(task, vocal_channel, test_set, vad_scale))
    write_index(clips, out)
    counts = clips.emotion.value_counts()
    speakers = clips.speaker.nunique() if "speaker" in clips else 0
    print_table(f"{len(clips)} clips of {speakers} speakers in {out}", ["emotion", "clips"], counts.items())
    print_failed(skipped, "skipped")
    print_failed(skipped.attrs.get("left_out", []), "left out")


def prepare(
    corpus: Corpus,
    root: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of the corpus.")],
    folder: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the converted clips and their index.csv.")],
    task: Task = None,
    vocal_channel: VocalChannel = None,
    test_set: TestSet = None,
    vad_scale: VadScale = None,
):
    """Convert a corpus once to 16 kHz mono WAV, which reads fastest; run again, it goes on where it stopped."""
    from emohrnet_tf.corpora import read_corpus, write_index
    from emohrnet_tf.data.prepare import RECORD
    from emohrnet_tf.data.prepare import prepare as convert
    from emohrnet_tf.files import writable_folder

    writable_folder(folder)
    target = folder / "index.csv"
    if target.exists() and (not (folder / RECORD).exists() or root.resolve() == target.resolve()):
        raise InputError(f"{target} was not made by `emohrnet prepare`; give another folder. Received: {str(folder)!r}")
    clips, skipped = read_corpus(corpus, root, **given(task, vocal_channel, test_set, vad_scale))
    with progress("clips") as note:
        clips, failed = convert(clips, root, folder, progress=note)
    print_failed(skipped, "skipped")
    print_failed(failed, "failed")
    if not len(clips):
        raise InputError(f"No clip of {root} could be converted; the reasons are above. Received: {len(failed)} clips")
    write_index(clips, target)
    typer.echo(f"{len(clips)} clips in {folder}, their index in {target}")


def given(task, vocal_channel, test_set, vad_scale):
    """The options of a corpus that the command line gives."""
    options = {"task": task, "vocal_channel": vocal_channel, "test_set": test_set, "vad_scale": vad_scale}
    return {key: value for key, value in options.items() if value is not None}

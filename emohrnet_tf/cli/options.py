"""What several commands take, and how it is read."""

from pathlib import Path
from typing import Annotated

import typer

from emohrnet_tf.errors import InputError

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
Corpus = Annotated[str, typer.Argument(help="ravdess, emovo, iemocap, msp_podcast, folders or table.")]
Task = Annotated[str | None, typer.Option(help="iemocap: 4class or all.")]
VocalChannel = Annotated[str | None, typer.Option(help="ravdess: speech, song or all.")]
TestSet = Annotated[str | None, typer.Option(help="msp_podcast: Test1, Test2 or Test3.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting: group.key=value, e.g. audio.frames=192.")
]
Part = Annotated[str, typer.Option(help="test: leave out what the model was trained on; all: keep it.")]
ModelPath = Annotated[
    str, typer.Option("--model", "-m", help="A .keras file, the folder of a run, or ravdess, which comes along.")
]


def read_config(name, epochs, batch_size, architecture, head, setting, start=None):
    """The configuration of a preset with what the command line changes."""
    from emohrnet_tf.config import preset

    quick = {"epochs": epochs, "batch_size": batch_size, "initial": start}
    quick = {"training": {key: value for key, value in quick.items() if value is not None}}
    if architecture is not None:
        quick["network"] = {"architecture": architecture}
    if head is not None:
        quick["head"] = {"kind": head}
    return preset(name).replace(quick).override(setting or [])


def read_indexes(file, also=None):
    """An index, with further clips that always train where there are any."""
    from emohrnet_tf.corpora import read_index
    from emohrnet_tf.data.splits import with_also

    return read_index(file) if also is None else with_also(read_index(file), read_index(also))


def numbers(option, text):
    """ "0,1,2" as a list of integers."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"{option}: whole numbers with commas, e.g. 0,1,2. Received: {text!r}")
    return [int(part) for part in text.split(",")]

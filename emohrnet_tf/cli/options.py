"""What several commands take, and how it is read."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from emohrnet_tf.config import Head as HeadSettings
from emohrnet_tf.config import Network
from emohrnet_tf.errors import InputError
from emohrnet_tf.presets import PRESETS
from emohrnet_tf.settings import choices

# Words that --help lists and the shell completes; where a module below knows them, they are told again here, because
# neither may import it.
Protocols = Literal["random", "speaker", "loso", "corpus", "one_corpus", "given", "all"]
Schemes = Literal["published", "emobox"]
Corpora = Literal[
    *(
        "ravdess",
        "emovo",
        "nemo",
        "emospeech",
        "emodb",
        "crema_d",
        "tess",
        "savee",
        "urdu",
        "turev_db",
        "cafe",
        "shemo",
    ),
    *("jl_corpus", "subesco", "aesdd", "mesd", "iemocap", "msp_podcast", "audformat", "folders", "table"),
]
Architectures = Literal[choices(Network, "architecture")]
Bodies = Literal[tuple(name for name in choices(Network, "architecture") if name != "none")]  # of which there is one
TimelineFormats = Literal["csv", "json", "audacity", "webvtt"]


IndexFile = Annotated[Path, typer.Argument(metavar="INDEX.csv", help="Index written by `emohrnet index`.")]
IndexFiles = Annotated[
    list[Path], typer.Argument(metavar="INDEX.csv...", help="Indexes written by `emohrnet index`, one or several.")
]
Merge = Annotated[str | None, typer.Option(help="Give labels one name: calm=neutral, several with commas.")]
RunFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; an interrupted run goes on.")]
Preset = Annotated[Literal[tuple(PRESETS)], typer.Option(help="Settings to begin with.")]
Protocol = Annotated[Protocols, typer.Option(help="Which clips test; all: none does.")]
Folds = Annotated[
    int | None, typer.Option(help="Number of folds of random, or of speaker where none are published; else 5.")
]
Scheme = Annotated[Schemes, typer.Option(help="RAVDESS' folds of `speaker`.")]
Also = Annotated[
    Path | None, typer.Option(help="Index of further clips that train in every fold and are never measured.")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs, else the preset's.")]
BatchSize = Annotated[int | None, typer.Option(help="Clips of a step, else the preset's.")]
Architecture = Annotated[Architectures | None, typer.Option(help="Network, else the preset's.")]
Head = Annotated[
    Literal[choices(HeadSettings, "kind")] | None,
    typer.Option(
        help="Answer emotions (categorical), valence, arousal and dominance (vad), or both (joint).",
    ),
]
Start = Annotated[str | None, typer.Option("--from", help="Start from the weights of this model: as --model.")]
VadScale = Annotated[
    str | None, typer.Option(help="table: scale of valence, arousal and dominance, e.g. --vad-scale=1..5.")
]
Corpus = Annotated[Corpora, typer.Argument(help="The corpus, or a table of clips.")]
Task = Annotated[Literal["4class", "all"] | None, typer.Option(help="Of iemocap.")]
VocalChannel = Annotated[Literal["speech", "song", "all"] | None, typer.Option(help="Of ravdess.")]
TestSet = Annotated[Literal["Test1", "Test2", "Test3"] | None, typer.Option(help="Of msp_podcast.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting: group.key=value, e.g. audio.frames=192.")
]
Part = Annotated[Literal["test", "all"], typer.Option(help="test leaves out what the model was trained on.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the report here (JSON), or - to print it alone.")]
MinConfidence = Annotated[
    float | None, typer.Option(help='Below this probability say "uncertain", else by the model\'s own measure.')
]
ModelPath = Annotated[
    str, typer.Option("--model", "-m", help="A .keras file, the folder of a run, or the pretrained voices or ravdess.")
]
Segments = Annotated[
    list[Path] | None,
    typer.Option(help="A row for each turn of these files or folders: RTTM, CSV, TextGrid, SRT, WebVTT."),
]
Channel = Annotated[
    Literal["left", "right", "each"] | None,
    typer.Option(help="Of recordings with two speakers on two channels; their mean, if none is given."),
]
Prosody = Annotated[
    bool, typer.Option("--prosody", help="Add level, pitch, its range and the rate of voiced stretches.")
]

Engine = Annotated[
    Literal["ray"] | None, typer.Option(help="Let processes, or the machines of a cluster, do it; --out: a folder.")
]
Address = Annotated[
    str | None, typer.Option(help="With --engine: a cluster, ray://HEAD:10001 or HEAD:6379; else this machine.")
]


def read_config(name, epochs, batch_size, architecture, head, setting, start=None, merge=None):
    """The configuration of a preset with what the command line changes."""
    from emohrnet_tf.presets import preset

    quick = {"epochs": epochs, "batch_size": batch_size, "initial": start}
    quick = {"training": {key: value for key, value in quick.items() if value is not None}}
    if architecture is not None:
        quick["network"] = {"architecture": architecture}
    if head is not None:
        quick["head"] = {"kind": head}
    if merge is not None:
        quick["data"] = {"merge": merge}
    words = [f"{group}.{key}={json.dumps(value)}" for group, values in quick.items() for key, value in values.items()]
    return preset(name).override([*words, *(setting or [])])  # at once: some settings need others


def read_indexes(files, also=None):
    """Indexes as one, with further clips that always train where there are any."""
    from emohrnet_tf.corpora import join, read_index
    from emohrnet_tf.data.splits import with_also

    return join(files) if also is None else with_also(join(files), read_index(also))


def numbers(option, text):
    """ "0,1,2" as a list of integers."""
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise InputError(f"{option}: whole numbers with commas, e.g. 0,1,2. Received: {text!r}")
    return [int(part) for part in text.split(",")]

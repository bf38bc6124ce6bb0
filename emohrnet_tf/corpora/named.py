"""Index a corpus by the names of its files, as `grammars.GRAMMARS` describes them."""

import re

from emohrnet_tf.errors import InputError

from .grammars import GRAMMARS
from .index import audio_files, existing_folder, make_index, wrong_layout


def read(name, root):
    """Index a corpus from files named as published.

    The archives may lie nested or unpacked twice: of copies, the first counts. Where a corpus has a folder for each
    speaker, folder and name must agree; a copy without such folders is read as well.

    Args:
        name: a key of `grammars.GRAMMARS`.
        root: a folder above the corpus' files.

    Returns:
        `(index, skipped)` as `read_corpus`; further columns: the fields of the names, and sex where they tell it.

    Raises:
        InputError: no folder, no clip of this layout, or one emotion only.

    Example:
        >>> index, skipped = read("emovo", "EMOVO")  # doctest: +SKIP
        >>> len(index), index["speaker"].nunique()  # doctest: +SKIP
        (588, 6)
    """
    return _read(name, root, {})


def read_ravdess(root, vocal_channel="speech"):
    """Index the audio-only clips of RAVDESS.

    The release holds the same bytes as 03-01-03-01-02-01-07 and 03-01-03-01-02-02-07; the two share `group`. The
    synthetic corpus has the same names, with more sentences and actors, and is read by the same function.

    Args:
        root: a folder above the folders Actor_01 to Actor_24.
        vocal_channel: "speech" (1440 clips, 8 emotions), "song" (1012 clips of 23 actors, 6 emotions) or "all".

    Returns, Raises: as `read`, and an InputError for an unknown vocal channel. `speaker` is the actor, "01" to "24".
    """
    channels = GRAMMARS["ravdess"].codes["vocal_channel"].values()
    if vocal_channel not in (*channels, "all"):
        raise InputError(f'vocal_channel: give "speech", "song" or "all". Received: {vocal_channel!r}')
    return _read("ravdess", root, {} if vocal_channel == "all" else {"vocal_channel": vocal_channel})


def _read(name, root, wanted):
    """`read`, of the clips whose fields have the values `wanted` alone."""
    grammar = GRAMMARS[name]
    root, files = existing_folder(root), audio_files(root)
    pattern = re.compile(grammar.pattern, re.IGNORECASE)
    folder = grammar.folder and re.compile(grammar.folder, re.IGNORECASE)
    found = {file: _match(pattern, file) for file in files}
    sorted_by_speaker = folder and any(folder.fullmatch(file.parent.name) for file in files if found[file])
    rows, skipped = [], []
    for file, fields in found.items():
        reason = _problem(grammar, file, fields, folder if sorted_by_speaker else None)
        if reason:
            skipped.append({"file": str(file), "reason": reason})
            continue
        row = _row(grammar, file, fields)
        if row["emotion"] is not None and all(row[column] == value for column, value in wanted.items()):
            rows.append({key: value for key, value in row.items() if key not in grammar.hidden})
    if not any(found.values()):
        raise wrong_layout(root, grammar.title, grammar.layout, files)
    return make_index(rows, skipped, name, root, unique_names=True, several_channels=grammar.several_channels)


def _match(pattern, file):
    """The fields of a file's name, in lower case; None where it is not so named."""
    stem = file.stem.strip()
    found = pattern.fullmatch(stem) or pattern.fullmatch(f"{file.parent.name}/{stem}")
    return found and {name: value.lower() for name, value in found.groupdict().items()}


def _problem(grammar, file, fields, folder):
    """Why a file is no clip of the corpus, or None."""
    if not fields:
        return f"name is not as {grammar.layout}"
    for column, codes in grammar.codes.items():
        if fields[column] not in codes:
            known = ", ".join(codes)
            return f"{column} {fields[column]!r} is not one of {known}: a code that {grammar.title} does not have"
    if folder:
        place = folder.fullmatch(file.parent.name)
        if not place:
            return f"lies in {file.parent.name!r}, not in the folder of speaker {fields['speaker']}"
        if place[1].lower() != fields["speaker"]:
            return f"speaker {fields['speaker']} in the name, {file.parent.name!r} is the folder"
    return None


def _row(grammar, file, fields):
    values = {name: grammar.codes.get(name, {}).get(value, value) for name, value in fields.items()}
    values |= {name: int(fields[name]) for name in grammar.numbers}
    row = {"file": str(file), "emotion": values.pop("emotion")}
    if "speaker" in values:
        speaker = values.pop("speaker")
        row["speaker"] = file.stem if speaker == grammar.nobody else speaker
    return row | ({"sex": grammar.sex(fields)} if grammar.sex else {}) | values

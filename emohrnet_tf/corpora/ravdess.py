"""RAVDESS: 24 actors, two sentences, 8 emotions (Livingstone & Russo 2018, doi 10.1371/journal.pone.0196391)."""

import re

from emohrnet_tf.errors import InputError

from .index import audio_files, existing_folder, make_index, wrong_layout

LAYOUT = "Actor_NN/MM-VV-EE-II-SS-RR-AA.wav or .flac (modality 03, audio only)"
NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
FOLDER = re.compile(r"actor_(\d\d)", re.IGNORECASE)
AUDIO_ONLY = "03"
VOCAL_CHANNELS = {"01": "speech", "02": "song"}
INTENSITIES = {"01": "normal", "02": "strong"}
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}


def read(root, vocal_channel="speech"):
    """Index the audio-only clips of RAVDESS, from files named as published.

    The archives may lie nested (`Audio_Speech_Actors_01-24/Actor_01/...`) or unpacked twice: of copies, the first
    counts. Files may also lie in one folder, or sorted by emotion.
    The release holds the same bytes as 03-01-03-01-02-01-07 and 03-01-03-01-02-02-07; the two share `group`.
    The synthetic corpus has the same names, with more sentences and actors, and is read by the same function.

    Args:
        root: a folder above the folders Actor_01 to Actor_24, or above the files where there are no such folders.
        vocal_channel: "speech" (1440 clips, 8 emotions), "song" (1012 clips of 23 actors, 6 emotions) or "all".

    Returns:
        `(index, skipped)` as `read_corpus`; further columns: sex (odd actors male, even female), intensity (normal,
        strong), statement, repetition (numbers), vocal_channel. `speaker` is the actor, "01" to "24".

    Raises:
        InputError: no folder, no clip of this layout, one emotion only, or an unknown vocal channel.

    Example:
        >>> index, skipped = read("RAVDESS")  # doctest: +SKIP
        >>> len(index), index["speaker"].nunique()  # doctest: +SKIP
        (1440, 24)
    """
    if vocal_channel not in (*VOCAL_CHANNELS.values(), "all"):
        raise InputError(f'vocal_channel: give "speech", "song" or "all". Received: {vocal_channel!r}')
    root, files = existing_folder(root), audio_files(root)
    by_actor = any(FOLDER.fullmatch(file.parent.name) for file in files)
    rows, skipped, named = [], [], 0
    for file in files:
        fields = NAME.fullmatch(file.stem)
        named += bool(fields)
        reason = _problem(file, fields, by_actor)
        if reason:
            skipped.append({"file": str(file), "reason": reason})
        elif vocal_channel in (VOCAL_CHANNELS[fields[2]], "all"):
            rows.append(_row(file, fields))
    if not named:
        raise wrong_layout(root, "RAVDESS", LAYOUT, files)
    return make_index(rows, skipped, "ravdess", root, unique_names=True)


def _problem(file, fields, by_actor):
    """Why a file is no clip of the corpus, or None; where there are folders of actors, each lies in its own."""
    if not fields:
        return "name is not MM-VV-EE-II-SS-RR-AA"
    modality, channel, emotion, intensity, _, _, actor = fields.groups()
    if modality != AUDIO_ONLY:
        return f"modality {modality} is not {AUDIO_ONLY}, audio only"
    if channel not in VOCAL_CHANNELS or emotion not in EMOTIONS or intensity not in INTENSITIES:
        return "name holds a code that RAVDESS does not have"
    folder = FOLDER.fullmatch(file.parent.name)
    if not by_actor:  # all in one folder, or sorted by emotion
        return None
    if not folder:
        return f"lies in {file.parent.name!r}, not in a folder Actor_{actor}"
    if folder[1] != actor:
        return f"actor {actor} in the name, {folder[1]} in the folder"
    return None


def _row(file, fields):
    _, channel, emotion, intensity, statement, repetition, actor = fields.groups()
    return {
        "file": str(file),
        "emotion": EMOTIONS[emotion],
        "speaker": actor,
        "sex": "male" if int(actor) % 2 else "female",
        "intensity": INTENSITIES[intensity],
        "statement": int(statement),
        "repetition": int(repetition),
        "vocal_channel": VOCAL_CHANNELS[channel],
    }

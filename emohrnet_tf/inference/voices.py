"""Each voice heard relative to itself: who speaks in which file, and files scored voice by voice."""

from pathlib import Path

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import read_csv
from emohrnet_tf.inference.score import score_files
from emohrnet_tf.model.voice import LEAST_SECONDS, Relative, embedding


def score_voices(model, files, voices, min_confidence=None, workers=4):
    """`score_files`, voice by voice: every file is heard relative to the mean of all files of its voice.

    Files without a voice, those of a voice with less than `LEAST_SECONDS` of speech, and one that is all there is of
    its voice, and differs from itself in nothing, are heard by themselves. No label is looked at; a file that cannot
    be read has its error in its row.

    Args:
        model: that takes references.
        files: paths.
        voices: the voice of each file, or None: dictionary by the file as text, of `voices_of`. It may have more files:
            these are listened to, but not scored.
        min_confidence, workers: of `score_files`.

    Yields:
        rows of `score_files`, in the order of the voices.
    """
    groups, left = {}, {str(file) for file in files}
    for file, voice in voices.items():
        groups.setdefault(voice, []).append(file)
    for voice, all_of_it in groups.items():
        own = [file for file in all_of_it if file in left]
        usual = None if voice is None or not own else _usual(model, all_of_it)
        heard = model if usual is None else Relative(model, usual)
        yield from score_files(heard, own, min_confidence=min_confidence, workers=workers)


def _usual(model, files):
    """The reference that files of one voice make, as far as they can be read; None where there is too little speech."""
    found, seconds = [], 0.0
    for file in files:
        try:
            own, heard = embedding(file, model)
        except (InputError, OSError):
            continue  # its row says so
        found, seconds = found + ([] if own is None else [own]), seconds + heard
    return sum(found) / len(found) if len(found) > 1 and seconds >= LEAST_SECONDS else None


def voices_of(files, source):
    """The voice of each file, as `--speaker-from` names it.

    Args:
        files: paths.
        source: "folder": the folder that a file lies in; or a CSV of `file` and `speaker`, whose paths begin where the
            CSV lies, and whose bare names stand for files of that name anywhere.

    Returns:
        dictionary by the file as text; None for a file that the CSV does not have, or has without a speaker.

    Raises:
        InputError: a CSV without these columns, or one that names none of the files or two voices for one.
    """
    if source == "folder":
        return {str(file): str(Path(file).resolve().parent) for file in files}
    source = Path(source)
    if not source.is_file():
        ways = '"folder", a CSV of file and speaker, or "segments" with --segments'
        raise InputError(f"Voices come from {ways}. Received: {str(source)!r}")
    table = read_csv(source)
    if missing := {"file", "speaker"} - set(table):
        raise InputError(f"{source} needs the columns file and speaker. Received: without {', '.join(sorted(missing))}")
    by_path, by_name = {}, {}
    for file, speaker in zip(table["file"], table["speaker"]):
        speaker = speaker if isinstance(speaker, str) and speaker else None
        path = (source.parent / str(file)).resolve()
        if by_path.setdefault(path, speaker) != speaker:
            raise InputError(f"{source} gives {file} two speakers. Received: {by_path[path]!r} and {speaker!r}")
        if str(file) == path.name:  # a bare name stands for the file of that name anywhere
            by_name.setdefault(path.name, set()).add(speaker)
    found = {}
    for file in files:
        path = Path(file).resolve()
        named = by_name.get(path.name, {None})
        found[str(file)] = by_path[path] if path in by_path else (next(iter(named)) if len(named) == 1 else None)
    if not any(found.values()):
        raise InputError(f"{source} names a speaker for none of the files: compare its column file. Received: {source}")
    return found

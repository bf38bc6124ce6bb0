"""Who speaks when, as diarizers, annotators and subtitles write it: RTTM, CSV, Praat's TextGrid, SRT, WebVTT."""

import csv
import io
import math
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from emohrnet_tf.audio.channels import CHANNELS
from emohrnet_tf.corpora.table import COLUMNS
from emohrnet_tf.errors import InputError

SUFFIXES = (".rttm", ".csv", ".textgrid", ".srt", ".vtt")
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")  # hours:minutes:seconds.thousandths
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>|\[([^\]]+)\]:?\s|([A-Z]\w*(?: [A-Z0-9]\w*){0,2}):\s")
# Praat reads of a text file only what is in quotes, numbers, and flags; all else is for people.
TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\S)|<(exists|absent)>')


@dataclass(frozen=True)
class Turn:
    """A stretch of a recording in which one speaker speaks.

    Attributes:
        start, end: seconds; None stands for the whole recording.
        speaker, text: None where they are not told.
        channel: "left", "right", or None for the mean of the channels.
        file: of the recording: as it is called where the turn comes from, then its path; None where it is not told.
        overlap: seconds in which another turn of that recording and channel lies.
        place: where the turn is written, "turns.rttm:12", for messages.
    """

    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    channel: str | None = None
    text: str | None = None
    file: str | None = None
    overlap: float = 0.0
    place: str = ""


def read_segments(path):
    """The turns that a file tells of, by its suffix.

    RTTM: lines `SPEAKER recording channel start duration <NA> <NA> speaker`, others are left out; channels count for a
    recording of which it names two. CSV (commas, semicolons or tabs): columns `start` and `end`, optionally `file`,
    `speaker`, `channel` ("left", "right") and `text`, also under the names of `corpora.table.COLUMNS`. TextGrid: the
    intervals of every tier that have a text, the tier's name being the speaker; of a tier called "speaker" or
    "speakers", the text is. SRT and WebVTT: every cue, its speaker where it begins `<v name>`, `[name]:` or `Name:`.

    Args:
        path: a file of one of `SUFFIXES`.

    Returns:
        `(turns, bad)`: list of `Turn`, and list of dicts of `file` ("turns.rttm:12") and `reason` for the lines that
        are none: malformed, empty, or a turn that is there already.

    Raises:
        InputError: no such file, another suffix, no text.

    Example:
        turns, bad = read_segments("interview.rttm")
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: turns are read from {', '.join(SUFFIXES)}. Received: {path.suffix!r}")
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the path. Received: {str(path)!r}"
        ) from error
    try:
        encoding = "utf-16" if contents[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = contents.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: no text in UTF-8 or UTF-16; export it again. Received: {str(path)!r}") from error
    turns, bad, seen = [], [], {}
    try:
        lines = list(reader(text, path))
    except csv.Error as error:
        raise InputError(f"{path}: not CSV ({error}); export it again. Received: {str(path)!r}") from error
    for line, found in lines:
        place = f"{path}:{line}"
        if not isinstance(found, str):
            found = replace(found, place=place)
            reason = _wrong(found)
            known_by = (found.file, found.channel, found.start, found.end, found.speaker)
            reason = reason or (f"is the turn of line {seen[known_by]} again" if known_by in seen else None)
            seen.setdefault(known_by, line)
        else:
            reason = found
        if reason:
            bad.append({"file": place, "reason": reason})
        else:
            turns.append(found)
    return turns, bad


def find_segments(paths):
    """Files of turns: those given, and in folders all of `SUFFIXES` but CSV, which may be anything.

    Raises:
        InputError: there is none.
    """
    files = []
    for path in map(Path, paths):
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        kinds = [suffix for suffix in SUFFIXES if suffix != ".csv"]
        files += [file for file in inside if file == path or (file.is_file() and file.suffix.lower() in kinds)]
    if not files:
        raise InputError(f"No file of turns ({', '.join(SUFFIXES)}): give one. Received: {[str(p) for p in paths]!r}")
    return files


def _wrong(turn):
    """What is wrong with a turn's times or channel, or None."""
    if not (math.isfinite(turn.start) and math.isfinite(turn.end)):
        return "a time that is no number"
    if turn.start < 0:
        return f"begins before the recording, at {turn.start:g} s"
    if turn.end <= turn.start:
        return f"empty: {turn.start:g} to {turn.end:g} s"
    if turn.channel is not None and turn.channel not in CHANNELS:
        return f"channel {turn.channel!r}, not left or right"
    return None


# --- Forms: each yields (line, Turn, or why it is none) ---


def _rttm(text, path):
    found, channels = [], defaultdict(set)
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith(";") or (fields[0] != "SPEAKER" and fields[0].replace("-", "").isalpha()):
            continue  # comments, and objects of other types
        try:
            _, file, channel, start, duration, _, _, speaker = fields[:8]
            begin = float(start)
            turn = Turn(begin, round(begin + float(duration), 6), speaker, channel, file=file)
            channels[file].add(channel)
        except ValueError:
            turn = "no line `SPEAKER recording channel start duration <NA> <NA> speaker`"
        found.append((number, turn))
    for number, turn in found:
        if not isinstance(turn, str):
            # Diarizers of one channel write 1 whatever the recording has
            names = dict(zip(sorted(channels[turn.file]), CHANNELS)) if len(channels[turn.file]) == 2 else {}
            turn = replace(turn, channel=names.get(turn.channel))
        yield number, turn


def _csv(text, path):
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    names = [name.strip().lower().replace(" ", "_") for name in next(rows, [])]
    own = {other: name for name in ("file", "speaker", "start", "end") for other in COLUMNS[name]}
    names = [own[name] if name in own and own[name] not in names else name for name in names]
    if absent := [name for name in ("start", "end") if name not in names]:
        raise InputError(
            f"{path}: no column {' and no column '.join(absent)}; the first line names the columns (file, start, end, "
            f"speaker), with commas. Received: {names!r}"
        )
    for fields in rows:
        if not any(map(str.strip, fields)):
            continue
        row = {name: value.strip() or None for name, value in zip(names, fields)}
        times = [(row.get(name) or "").replace(",", "." if mark == ";" else ",") for name in ("start", "end")]
        try:
            start, end = map(float, times)
        except ValueError:
            yield rows.line_num, f"start and end are numbers of seconds. Received: {' to '.join(map(repr, times))}"
            continue
        extra = {name: row.get(name) for name in ("speaker", "channel", "text", "file")}
        extra["channel"] = extra["channel"] and extra["channel"].lower()
        yield rows.line_num, Turn(start, end, **extra)


def _textgrid(text, path):
    """Praat's text files, long and short: the same values in the same order, with and without words around them."""
    tokens, line, before = [], 1, 0
    for match in TOKEN.finditer(text):
        line, before = line + text.count("\n", before, match.start()), match.start()
        if not match[3]:
            tokens.append((line, match[1].replace('""', '"') if match[2] is None else float(match[2])))
    kinds = [place for place, (_, value) in enumerate(tokens) if value in ("IntervalTier", "TextTier")]
    for first, last in zip(kinds, [*kinds[1:], len(tokens)]):
        head, rows = tokens[first : first + 5], tokens[first + 5 : last]  # kind, name, start, end, number of intervals
        if head[0][1] == "TextTier":  # points, which have no length
            continue
        tier = str(head[1][1]) if len(head) == 5 else ""
        if len(head) < 5 or not isinstance(head[4][1], float) or len(rows) != 3 * head[4][1]:
            yield head[0][0], f"tier {tier!r} does not hold the intervals that it announces"
        for (line, start), (_, end), (_, label) in zip(rows[::3], rows[1::3], rows[2::3]):
            if not (isinstance(start, float) and isinstance(end, float) and isinstance(label, str)):
                yield line, f"tier {tier!r}: no interval of start, end and text"
                break  # of what follows, it is not known which is which
            if label.strip() and tier.strip().lower() in ("speaker", "speakers"):
                yield line, Turn(start, end, label.strip())
            elif label.strip():
                yield line, Turn(start, end, tier or None, text=label.strip())


def _cues(text, path):
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if "-->" not in line:
            continue
        before, _, after = line.partition("-->")
        times = [CLOCK.fullmatch(part.strip().split(" ")[0]) for part in (before, after.strip())]
        if not all(times):
            yield number, f"no times `00:01:02.500 --> 00:01:04.000`. Received: {line.strip()[:60]!r}"
            continue
        said = []
        for following in lines[number:]:
            if not following.strip() or "-->" in following:
                break
            said.append(following.strip())
        said = re.sub(r"</?(?!v[.\s])[^>]*>", "", " ".join(said)).strip()  # markup, but for voices
        voice = VOICE.match(said)
        speaker = next((name.strip() for name in voice.groups() if name), None) if voice else None
        said = re.sub(r"<[^>]*>", "", said[voice.end() :] if voice else said).strip()
        yield number, Turn(*map(_seconds, times), speaker, text=said or None)


def _seconds(clock):
    hours, minutes, seconds, part = clock.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(part.ljust(3, "0")) / 1000


READERS = {".rttm": _rttm, ".csv": _csv, ".textgrid": _textgrid, ".srt": _cues, ".vtt": _cues}

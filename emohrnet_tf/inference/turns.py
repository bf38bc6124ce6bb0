"""Which parts of which recordings are asked for: turns with the recordings that they are of, or channels."""

import itertools
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from emohrnet_tf.audio.channels import CHANNELS
from emohrnet_tf.audio.files import SLACK_SECONDS, channels_of
from emohrnet_tf.audio.sections import overlaps
from emohrnet_tf.audio.walk import OTHERS, walk
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.predict import find_audio
from emohrnet_tf.inference.segments import Turn, find_segments, read_segments

EACH, MONO = "each", "mono"


def find_parts(recordings, segments=None, channel=None, report=None):
    """The parts of `predict_parts`, in the order of recordings, then of their turns' beginnings: list of `Turn`.

    Raises:
        InputError: of `predict_parts`.
    """
    if channel not in (None, EACH, *CHANNELS):
        raise InputError(f'channel: "left", "right", "each", or None for their mean. Received: {channel!r}')
    left_out, one = [], lambda paths: [paths] if isinstance(paths, str | Path) else list(paths or [])
    recordings, segments = one(recordings), one(segments)
    if segments:
        if channel == EACH:
            raise InputError(
                'Turns are of one channel: give channel "left" or "right", or a CSV of turns with a column channel. '
                f"Received: {channel!r}"
            )
        parts = _turns(recordings, find_segments(segments), channel, left_out)
    else:
        files = find_audio(recordings, left_out.extend)
        parts = list(itertools.chain.from_iterable(_channels(str(file), channel, left_out) for file in files))
    if report is not None:
        told = "{:g} s of it lie within another turn"
        overlapping = [p for p in parts if p.overlap > SLACK_SECONDS]
        kept = [{"file": p.place, "reason": told.format(p.overlap), "kept": True} for p in overlapping]
        report(left_out + kept)
    if not parts:
        example = f"{left_out[0]['file']}: {left_out[0]['reason']}" if left_out else "they hold none"
        raise InputError(f"No turn can be used ({example}). Received: {[str(path) for path in segments]!r}")
    return parts


def _channels(file, channel, left_out):
    """A recording as one part, or as one for each channel."""
    if channel is None:
        return [Turn(file=file)]
    try:
        count = channels_of(file)
    except InputError:  # is said when it is read
        return [Turn(file=file)]
    if count > len(CHANNELS) and channel == EACH:
        left_out.append({"file": file, "reason": f"its channels from the third on, of {count}: each is left and right"})
    if count == 1:
        return [Turn(file=file, channel=MONO)]
    return [Turn(file=file, channel=name) for name in (CHANNELS if channel == EACH else [channel])]


def _turns(recordings, files, channel, left_out):
    """The turns of files of turns, each with the path of its recording; what has none is `left_out`."""
    turns, known, others = {}, None, []
    if recordings:
        known = find_audio(recordings, others.extend)
        left_out += [row for row in others if row["reason"] != OTHERS]  # files of turns, among them
    names = _by_name(known or [])
    for file in files:
        try:
            found, bad = read_segments(file)
        except InputError as error:
            if len(files) == 1:
                raise
            found, bad = [], [{"file": str(file), "reason": str(error).removeprefix(f"{file}: ")}]
        left_out += bad
        if not found and not bad:
            left_out.append({"file": str(file), "reason": "holds no turn"})
        here, places = names if known else _by_name(walk([file.parent])[0]), {}
        for turn in found:
            if turn.file not in places:
                places[turn.file] = _recording(turn.file, file, here, known)
            if isinstance(places[turn.file], str):
                left_out.append({"file": turn.place, "reason": places[turn.file]})
                continue
            turn = replace(turn, file=str(places[turn.file]), channel=channel or turn.channel)
            key = (turn.file, turn.channel, turn.start, turn.end, turn.speaker)
            if key in turns:
                left_out.append({"file": turn.place, "reason": f"is the turn of {turns[key].place} again"})
            turns.setdefault(key, turn)
    spoken_of = {file for file, *_ in turns}
    left_out += [{"file": str(f), "reason": "no turn is of it"} for f in known or [] if str(f) not in spoken_of]
    order = {str(file): number for number, file in enumerate(known or sorted(spoken_of))}
    turns = sorted(turns.values(), key=lambda t: (order[t.file], t.channel or "", t.start, t.end))
    return list(itertools.chain.from_iterable(map(_of_recording, grouped(turns, "file"))))


def _of_recording(turns):
    """The turns of a recording, with what they share; of one channel they are all of it."""
    if any(turn.channel for turn in turns):
        try:
            single = channels_of(turns[0].file) == 1
        except InputError:  # is said when it is read
            single = False
        turns = [replace(turn, channel=MONO) for turn in turns] if single else turns
        turns.sort(key=lambda t: (t.channel or "", t.start, t.end))
    for same in grouped(turns, "channel"):
        shared = overlaps([(turn.start, turn.end) for turn in same])
        yield from (replace(turn, overlap=round(float(seconds), 3)) for turn, seconds in zip(same, shared))


def _by_name(files):
    """`{name: files}` of recordings, by path, by name and by stem."""
    names = defaultdict(list)
    for file in files:
        for name in dict.fromkeys((str(file.resolve()), file.name, file.stem)):
            names[name].append(file)
    return names


def _recording(called, source, names, known):
    """The recording that turns of the file `source` call so, of `names`; or why there is none, as text."""
    if called is None:  # subtitles and annotations lie beside their recording: interview.wav, interview.en.srt
        if known and len(known) == 1:
            return known[0]
        tried = [source.stem, Path(source.stem).stem]
    else:
        name = called.replace("\\", "/")
        tried = [str(Path(source.parent, name).resolve()), str(Path(name).resolve()), Path(name).name, Path(name).stem]
        if not known and Path(tried[0]).is_file():
            return Path(source.parent, name)
        if "." not in Path(name).name:
            tried = tried[:3]
    same = next((names[name] for name in tried if name in names), [])
    if len(same) == 1:
        return same[0]
    called = called or source.stem
    if same:
        return f"{called!r} may be {same[0]} or {same[1]}: give its path, in a CSV of turns"
    return f"no recording is called {called!r}: give it, or call it so in the file of turns"


def grouped(parts, *names):
    """Lists of neighbouring parts in which these are the same."""
    return [list(same) for _, same in itertools.groupby(parts, lambda part: [getattr(part, name) for name in names])]

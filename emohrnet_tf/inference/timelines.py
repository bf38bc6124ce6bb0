"""Timelines of many recordings in one table, and the moments found in them cut out as files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from emohrnet_tf.audio.channels import CHANNELS
from emohrnet_tf.audio.prosody import NAMES as PROSODY
from emohrnet_tf.audio.prosody import stretches
from emohrnet_tf.audio.sections import sections
from emohrnet_tf.audio.silence import SILENCE
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, read_csv, replacing, writable_folder, write_csv
from emohrnet_tf.inference.growing import GrowingCSV, keys
from emohrnet_tf.inference.predict import opened
from emohrnet_tf.inference.ready import fingerprint
from emohrnet_tf.inference.score import UNCERTAIN
from emohrnet_tf.inference.timeline import SELF, labels_of, spans, timeline
from emohrnet_tf.inference.turns import MONO, find_parts
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.model.voice import Relative, TooLittleSpeech, least_confidence, reference

BEFORE = ("file", "channel", "duration")  # columns before those of a timeline
LIST = "clips.csv"  # in a folder of clips, what they are


def timelines(model, recordings, hop=1.0, min_confidence=None, channel=None, prosody=False, report=None, usual=None):
    """The timelines of many recordings, one after another.

    Args:
        model, hop, min_confidence: of `timeline.timeline`.
        recordings: files and folders.
        channel: "left", "right", None for the mean of the channels, or "each".
        prosody: whether to measure `audio.prosody` of each stretch too.
        report: called with what was left out, a list of dicts of `file` and `reason`.
        usual: `reference` of `timeline.timeline`.

    Yields:
        DataFrame for each recording, or channel of one: `file`; with a channel `channel`; `duration` (seconds of the
        recording); the columns of `timeline`; those of `prosody.NAMES`; and `error`. A recording that cannot be read is
        one row, with its error.

    Raises:
        InputError: of `timeline`, for what is not of one recording.
    """
    model, min_confidence, usual = _heard_by(model, min_confidence, usual)
    for part in find_parts(recordings, None, channel, report):
        yield _timeline(model, part, hop, min_confidence, channel, prosody, usual)


def timelines_into(
    out, model, recordings, hop=1.0, min_confidence=None, channel=None, prosody=False, report=None, progress=None,
    usual=None,
):  # fmt: skip
    """`timelines`, written to a CSV recording by recording; those that stand in it whole are skipped.

    Args:
        out: the CSV; a file beside it, `NAME.csv.made_by.json`, says what made it.
        model, recordings, hop, min_confidence, channel, prosody, report, usual: of `timelines`.
        progress: called with (recordings done, recordings in all) after each.

    Returns:
        `(recordings in the CSV, how many of them have an error)`.

    Raises:
        InputError: of `timelines`; a CSV that something else made, or that cannot be written.
    """
    model = opened(model)
    made_by = {"labels": model.labels, "weights": fingerprint(model)}
    model, min_confidence, usual = _heard_by(model, min_confidence, usual)
    made_by |= {"min_confidence": round(min_confidence, 6), "hop": round(hop, 6), "channel": channel or ""}
    made_by |= {"prosody": prosody, "reference": usual or getattr(model, "digest", "")}
    known_by = ["file", *(["channel"] if channel else [])]
    with GrowingCSV(out, _columns(model, channel, prosody), made_by, lambda table: _whole(table, known_by)) as rows:
        parts = find_parts(recordings, None, channel, report)
        there = rows.there.drop_duplicates(known_by)
        done, failed = set(keys(there, known_by)), int(there.error.notna().sum())
        named = pd.DataFrame({"file": [p.file for p in parts], "channel": [p.channel for p in parts]}, dtype=object)
        left = [part for part, key in zip(parts, keys(named, known_by)) if key not in done]
        for count, part in enumerate(left, len(parts) - len(left) + 1):
            table = _timeline(model, part, hop, min_confidence, channel, prosody, usual)
            rows.append(table)
            failed += int(table.error.notna().any())
            if progress:
                progress(count, len(parts))
    return len(done) + len(left), failed


def with_prosody(table, source, sample_rate, channel=None):
    """A timeline with the columns of `prosody.NAMES`, empty in silence.

    Args:
        table: of `timeline.timeline`.
        source: what it is of, path or open file.
        sample_rate: hertz, of the model.
        channel: of `load_audio`.

    Raises:
        InputError: of `prosody.prosody`.
    """
    hop = table.start[1] if len(table) > 1 else max(table.end[0], 0.1)
    measured = pd.DataFrame(stretches(source, sample_rate, table.start, hop, channel))
    measured[table.emotion == SILENCE] = np.nan
    return pd.concat([table, measured], axis=1)


def _heard_by(model, min_confidence, usual):
    """The model, relative to a reference where there is one; the least confidence; "self" or None."""
    model = opened(model)
    if usual is not None and usual != SELF:
        model, usual = Relative(model, reference(usual, model)), None
    return model, least_confidence(Relative(model, None) if usual else model, min_confidence), usual


def _timeline(model, part, hop, min_confidence, channel, prosody, usual=None):
    columns, known = _columns(model, channel, prosody), {"file": part.file, "channel": part.channel}
    heard = None if part.channel == MONO else part.channel
    try:
        try:
            table, _ = timeline(model, part.file, hop, min_confidence, reference=usual, channel=heard)
        except TooLittleSpeech:  # to hear it relative to itself
            table, _ = timeline(model, part.file, hop, min_confidence, channel=heard)
        if prosody:
            table = with_prosody(table, part.file, model.audio.sample_rate, heard)
        table = table.assign(**known, duration=table.end.max(), error=None)
    except InputError as error:
        if not str(error).startswith(part.file):  # not of this recording alone
            raise
        table = pd.DataFrame([known | {"error": str(error)}])
    return table.reindex(columns=columns)


def _columns(model, channel, prosody):
    columns = ["file", *(["channel"] if channel else []), "duration", "start", "end", "emotion", *model.labels]
    columns += DIMENSIONS if "dimensions" in model.widths else []
    return [*columns, *(PROSODY if prosody else []), "error"]


def _whole(table, known_by):
    """Which rows are of recordings that stand in a table to their end."""
    last = table.groupby(known_by, dropna=False, sort=False).end.transform("last")
    return (last == table.duration) | table.error.notna()


def read_timelines(path):
    """The table of `timelines` from the CSV that `timelines_into` wrote."""
    table = read_csv(path)
    numbers = [name for name in table if name not in ("file", "channel", "emotion", "error")]
    return table.astype(dict.fromkeys(numbers, float))


# --- Moments ---


def moments(table, emotions=None, min_confidence=0.0, most=None):
    """The moments of a table of timelines that are surest: neighbouring stretches of one emotion.

    Args:
        table: of `timelines`, joined.
        emotions: those looked for, a list; None is all, without silence and "uncertain".
        min_confidence: least probability of every stretch of a moment.
        most: how many; None is all.

    Returns:
        DataFrame of `file`, `channel`, `start`, `end`, `emotion` and `confidence` (the mean over its stretches), the
        surest first.

    Raises:
        InputError: an emotion that the model does not name.
    """
    labels = [
        name for name in labels_of(table.drop(columns=[*BEFORE, "error"], errors="ignore")) if name not in PROSODY
    ]
    if unknown := [name for name in emotions or [] if name not in labels]:
        raise InputError(f"The model names {', '.join(labels)}. Received: {unknown!r}")
    if most is not None and most < 1:
        raise InputError(f"How many moments at most: 1 or more. Received: {most!r}")
    columns = ["file", "channel", "start", "end", "emotion", "confidence"]
    found = [pd.DataFrame(columns=columns)]
    table = table[table.error.isna()] if "error" in table else table
    table = table if "channel" in table else table.assign(channel=None)
    for (file, channel), rows in table.groupby(["file", table.channel.fillna("")], sort=False):
        best = rows[labels].max(axis=1)
        named = rows.emotion.where((rows.emotion == SILENCE) | (best >= min_confidence), UNCERTAIN)
        joined = spans(rows[["start", "end", "emotion", *labels]].assign(emotion=named))
        joined = joined[joined.emotion.isin(emotions or labels)]
        found.append(joined.assign(file=file, channel=channel or None))
    found = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    order = ["confidence", "file", "start"]
    return found.sort_values(order, ascending=[False, True, True]).head(most).reset_index(drop=True)[columns]


def cut_moments(found, folder, sample_rate=16000):
    """Write moments as WAV files (mono, 16 bits, as the model hears them) whose names sort: by emotion, surest first.

    `anger_001_0.97_interview_0h12m03.0s.wav`: its place among those of its emotion, its confidence, recording and
    beginning. `clips.csv` lists them; a folder that holds one is made anew, another one has to be empty.

    Args:
        found: of `moments`.
        folder: to write to.
        sample_rate: hertz.

    Returns:
        DataFrame of `found` with `clip` (the name) and `error`, in their order.

    Raises:
        InputError: a folder with other files, or that cannot be written.
    """
    folder = writable_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / LIST).is_file() or "clip" not in (there := read_csv(folder / LIST)):
            raise InputError(
                f"{folder} holds other files: give a new folder for clips. Received: {printable(folder)!r}"
            )
        for name in there["clip"].dropna():
            (folder / Path(name).name).unlink(missing_ok=True)
    found = found.reset_index(drop=True)
    place = found.groupby("emotion").cumcount() + 1
    digits = max(3, len(str(place.max()))) if len(found) else 3
    clips, errors = [None] * len(found), [None] * len(found)
    for (file, channel), rows in found.groupby(["file", found.channel.fillna("")], sort=False):
        heard, bounds = channel if channel in CHANNELS else None, list(zip(rows.start, rows.end))
        for number, waveform, error in sections(file, bounds, sample_rate, heard):
            row = found.loc[rows.index[number]]
            errors[rows.index[number]] = error
            if error:
                continue
            name = (
                f"{row.emotion}_{place[row.name]:0{digits}}_{row.confidence:.2f}_{Path(file).stem}_{_clock(row.start)}"
            )
            name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", printable(name + (f"_{channel}" if heard else ""))) + ".wav"
            with replacing(folder / name) as part:
                soundfile.write(part, np.clip(waveform, -1, 1), sample_rate, subtype="PCM_16")
            clips[rows.index[number]] = name
    found = found.assign(clip=clips, error=errors)
    write_csv(found, folder / LIST)
    return found


def _clock(seconds):
    """0h12m03.5s: sorts as text within a recording."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}h{tenths // 600 % 60:02}m{tenths / 10 % 60:04.1f}s"

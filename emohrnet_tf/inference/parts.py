"""Emotions of parts of recordings: turns of speakers, channels of calls; with their prosody where it is asked for."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from emohrnet_tf.audio.prosody import NAMES as PROSODY
from emohrnet_tf.audio.prosody import prosody as prosody_of
from emohrnet_tf.audio.sections import sections
from emohrnet_tf.audio.silence import SILENCE, spoken_windows
from emohrnet_tf.audio.windows import clip_answers
from emohrnet_tf.files import read_csv
from emohrnet_tf.inference.growing import GrowingCSV, keys
from emohrnet_tf.inference.predict import opened
from emohrnet_tf.inference.ready import fingerprint
from emohrnet_tf.inference.score import columns, row_of
from emohrnet_tf.inference.turns import MONO, find_parts, grouped
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.model.voice import Relative, check_takes_reference, least_confidence

BATCH, SECONDS = 32, 600  # parts, and seconds of them, that are scored together; two batches are in memory
KEYS = ("file", "channel", "start", "end", "speaker")


def predict_parts(
    model, recordings=None, segments=None, channel=None, prosody=False, min_confidence=None, workers=4, report=None,
    own_speech=False,
):  # fmt: skip
    """The emotion of turns, of channels, or of whole files, each by itself: as if it were a file of its own.

    Args:
        model: `EmoHRNet`, or the path or name of one.
        recordings: files and folders; None takes what `segments` name, or lies beside them.
        segments: files of turns, or folders of them (`segments.read_segments`); None takes recordings whole.
        channel: "left", "right", None for the mean of the channels, or, of whole recordings, "each": a row for each.
        prosody: whether to measure `audio.prosody` too.
        min_confidence: of `predict`.
        workers: parts looked at at once.
        own_speech: of a model that takes references: hear each turn relative to all turns of its speaker in that
            recording; a speaker's only turn is heard by itself.
        report: called with what is left out, a list of dicts of `file` (of a turn: "turns.rttm:12") and `reason`; and
            with the turns that overlap others, which are judged all the same: these have a key `kept`.

    Returns:
        DataFrame of `file`; with a channel `channel` ("mono" of a recording that has no other); with turns `start`,
        `end` (seconds), `speaker`, where there are any `text`, and `overlap` (seconds of it in which another turn of
        that recording and channel lies); the columns of `predict`; those of `prosody.NAMES`; and `error`.

    Raises:
        InputError: of `predict` and `read_segments`; no turn left.

    Example:
        table = predict_parts("voices", ["interview.wav"], segments=["interview.rttm"])
        print(by_speaker(table))
    """
    model = opened(model)
    min_confidence = least_confidence(Relative(model, None) if own_speech else model, min_confidence)
    parts = find_parts(recordings, segments, channel, report)
    own = _references(model, parts, workers) if own_speech else None
    tables = _tables(model, parts, bool(segments), channel, prosody, min_confidence, workers, own)
    return pd.concat(list(tables)).sort_index().reset_index(drop=True)


def predict_parts_into(
    out, model, recordings=None, segments=None, channel=None, prosody=False, min_confidence=None, workers=4,
    report=None, progress=None, own_speech=False,
):  # fmt: skip
    """`predict_parts`, written to a CSV as it goes; parts that stand in it are skipped, as in `predict_into`.

    Args:
        out: the CSV; a file beside it, `NAME.csv.made_by.json`, says what made it.
        model, recordings, segments, channel, prosody, min_confidence, workers, report, own_speech: of `predict_parts`.
        progress: called with (parts done, parts in all) after each batch.

    Returns:
        `(parts in the CSV, how many of them have an error)`.

    Raises:
        InputError: of `predict_parts`; a CSV that something else made, or that cannot be written.
    """
    model = opened(model)
    min_confidence = least_confidence(Relative(model, None) if own_speech else model, min_confidence)
    turns = bool(segments)
    made_by = {"labels": model.labels, "weights": fingerprint(model), "min_confidence": round(min_confidence, 6)}
    made_by |= {"turns": turns, "channel": channel or "", "prosody": prosody, "own_speech": own_speech}
    empty = _rows(model, [], [], [], turns, channel, [] if prosody else None, min_confidence)
    with GrowingCSV(out, empty.columns, made_by) as rows:
        parts = find_parts(recordings, segments, channel, report)
        known_by = [name for name in KEYS if name in empty]
        done, failed = set(keys(rows.there, known_by)), int(rows.there.error.notna().sum())
        left = [p for p, key in zip(parts, keys(_places(parts, turns, channel), known_by)) if key not in done]
        count = len(parts) - len(left)
        own = _references(model, parts, workers) if own_speech else None
        for table in _tables(model, left, turns, channel, prosody, min_confidence, workers, own):
            rows.append(table)
            count, failed = count + len(table), failed + int(table.error.notna().sum())
            if progress:
                progress(count, len(parts))
    return len(done) + len(left), failed


def by_speaker(table):
    """What a table of turns says of each speaker of each recording.

    A diarizer's names hold within a recording, so speakers of two recordings are two.

    Args:
        table: of `predict_parts` with segments.

    Returns:
        DataFrame of `file`, `speaker`, `turns`, `seconds`, `emotion` (the label that is most probable in the mean),
        and, over the turns that have it, weighted by their length, the mean of each probability, dimension and prosodic
        measure.
    """
    rows, values = [], _numbers(table)
    labels = [name for name in values if name not in (*DIMENSIONS, *PROSODY)]
    for (file, speaker), group in table.groupby(["file", table.speaker.fillna("")], sort=True):
        seconds = group.end.astype(float) - group.start.astype(float)
        row = {"file": file, "speaker": speaker or None, "turns": len(group), "seconds": round(seconds.sum(), 3)}
        means = {}
        for name in values:
            known = group[name].notna()
            weight = seconds[known].sum()
            means[name] = (group.loc[known, name].astype(float) * seconds[known]).sum() / weight if weight else np.nan
        if labels:
            judged = not np.isnan(means[labels[0]])
            row["emotion"] = max(labels, key=means.get) if judged else SILENCE if group.error.isna().any() else None
        rows.append(row | means)
    return pd.DataFrame(rows)


def read_parts(path):
    """The table of `predict_parts` from the CSV that `predict_parts_into` wrote."""
    table = read_csv(path)
    numbers = [
        name for name in table if name not in ("file", "channel", "speaker", "text", "emotion", "region", "error")
    ]
    return table.astype(dict.fromkeys(numbers, float))


def _numbers(table):
    """Columns of a table of turns that a mean makes sense of."""
    left_out = {*KEYS, "text", "overlap", "emotion", "error", "radius", "theta", "phi", "region"}
    return [name for name in table if name not in left_out]


def _references(model, parts, workers):
    """How each speaker of a recording usually sounds, of two turns or more: `{(file, speaker): (filters,)}`."""
    check_takes_reference(model)
    found = {}
    for batch, clips, _, _ in _looked_at(model, parts, False, workers):
        for part, heard in zip(batch, clip_answers(model, list(clips))["embedding"]):
            if part.speaker and not np.isnan(heard).any():
                found.setdefault((part.file, part.speaker), []).append(heard)
    return {key: np.mean(heard, axis=0) for key, heard in found.items() if len(heard) > 1}


def _tables(model, parts, turns, channel, prosody, min_confidence, workers, own=None):
    """Rows of parts, numbered as `parts`, a table for each batch; `own` is of `_references`, or None."""
    place = {id(part): n for n, part in enumerate(parts)}
    for batch, clips, errors, measured in _looked_at(model, parts, prosody, workers):
        measured = measured if prosody else None
        table = _rows(model, batch, clips, errors, turns, channel, measured, min_confidence, own)
        yield table.set_axis([place[id(part)] for part in batch])


def _looked_at(model, parts, prosody, workers):
    """Batches of `(parts, windows of each, errors, prosody)`; the next one is decoded while one is scored."""
    batches = _batches(parts, model.audio.sample_rate)

    def look(waveform):
        if waveform is None:
            return None, dict.fromkeys(PROSODY, np.nan)
        measured = prosody_of(waveform, model.audio.sample_rate) if prosody else {}
        return spoken_windows(waveform, model.audio.samples, model.audio.sample_rate), measured

    with ThreadPoolExecutor(1) as decoder, ThreadPoolExecutor(workers) as pool:
        ahead = decoder.submit(next, batches, None)
        while batch := ahead.result():
            ahead = decoder.submit(next, batches, None)
            batch, waveforms, errors = zip(*batch)
            clips, measured = zip(*pool.map(look, waveforms))
            yield batch, clips, errors, measured


def _batches(parts, sample_rate):
    """Lists of `(part, waveform, error)`."""
    batch, held = [], 0.0
    for same in grouped(parts, "file", "channel"):
        channel = None if same[0].channel == MONO else same[0].channel
        bounds = [(part.start, part.end) for part in same]
        for number, waveform, error in sections(same[0].file, bounds, sample_rate, channel):
            batch.append((same[number], waveform, error))
            held += 0 if waveform is None else len(waveform) / sample_rate
            if len(batch) == BATCH or held > SECONDS:
                yield batch
                batch, held = [], 0.0
    if batch:
        yield batch


def _places(parts, turns, channel):
    """Columns that say which part a row is."""
    table = {"file": [part.file for part in parts]}
    if channel or turns:
        table["channel"] = pd.Series([part.channel for part in parts], dtype=object)
    if turns:
        table["start"], table["end"] = ([getattr(part, name) for part in parts] for name in ("start", "end"))
        for name in ("speaker", "text"):
            table[name] = pd.Series([getattr(part, name) for part in parts], dtype=object)
        table["overlap"] = [part.overlap for part in parts]
    return pd.DataFrame(table)


def _rows(model, parts, clips, errors, turns, channel, measured, min_confidence, own=None):
    """The rows of parts."""
    places, references = _places(parts, turns, channel), None
    if own is not None:
        none = np.full(model.widths["embedding"], np.nan, "float32")
        references = np.stack([own.get((part.file, part.speaker), none) for part in parts]) if parts else none[None]
    answers = clip_answers(model, list(clips), references)
    said = []
    for number, (file, error) in enumerate(zip(places.file, errors)):
        mean = {name: answers[name][number] for name in ("probabilities", "dimensions") if name in answers}
        mean = {name: values for name, values in mean.items() if not np.isnan(values).any()}
        said.append(row_of(model, file, error, mean, min_confidence))
    said = pd.DataFrame(said, columns=columns(model))
    texts = {"file", "emotion", "region", "error"}
    said = said.astype({name: object if name in texts else float for name in said})
    table = pd.concat([places, said.drop(columns=["file", "error"])], axis=1)
    if measured is not None:
        table[list(PROSODY)] = pd.DataFrame(list(measured), columns=list(PROSODY), dtype=float)
    return table.assign(error=said.error)

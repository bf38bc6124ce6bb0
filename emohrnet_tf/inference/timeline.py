"""Emotion over time in recordings of any length, in constant memory."""

import itertools
import json
from numbers import Real

import numpy as np
import pandas as pd

from emohrnet_tf.audio.files import stream_audio
from emohrnet_tf.audio.prosody import NAMES as PROSODY
from emohrnet_tf.audio.silence import FRAME, SILENCE, levels_db, silence_limit
from emohrnet_tf.errors import InputError
from emohrnet_tf.inference.predict import opened
from emohrnet_tf.inference.score import UNCERTAIN
from emohrnet_tf.model.mel import mel_weights
from emohrnet_tf.model.sphere import DIMENSIONS
from emohrnet_tf.model.voice import Relative, least_confidence
from emohrnet_tf.model.voice import reference as usual

FORMS = ("csv", "json", "audacity", "webvtt")
BATCH = 64  # windows scored at once
SELF = "self"  # as a reference: the recording itself


def timeline(model, source, hop=1.0, min_confidence=None, progress=None, reference=None, channel=None):
    """The emotion of each stretch of a recording.

    Each stretch of `hop` seconds is judged by the model's window around its middle (at the ends of the recording: the
    first and the last whole window). A stretch is silence where its loudest 0.1 s lies 35 dB or more below the
    recording's loud passages (`silence.silence_limit`), whatever the recording's own level; silence is marked, not
    guessed.

    Args:
        model: `EmoHRNet`, or the path or name of one.
        source: path of an audio file, or an open binary file that can seek.
        hop: seconds.
        min_confidence: the emotion of a stretch whose most probable label is below it is "uncertain"; None for what
            the model itself holds to be sure enough.
        progress: called with the seconds heard so far.
        reference: for a model that takes one, recordings of the one voice that speaks (`voice.reference`), or "self":
            the recording itself, which is then heard twice.
        channel: "left" or "right" of a recording with several channels; None takes their mean.

    Returns:
        `(table, overview)`: DataFrame of `start`, `end` (seconds), `emotion`, a probability per label, and of a model
        that has them `valence`, `arousal`, `dominance` on their scale (all NaN in silence); and what `plots.timeline`
        draws: dict of `seconds` (a frame), `low`, `high` (of the waveform) `(frames,)` and `mel_db` `(frames, mels)`.

    Raises:
        InputError: of `files.stream_audio`; a model that names no emotions; a confidence outside 0..1; a hop below
            0.1 s or longer than the model's window.
    """
    model = opened(model)
    if not model.labels:
        raise InputError("A timeline is of emotions: give a model that names them, or a joint one. Received: 'vad'")
    if reference is not None:
        own = isinstance(reference, str) and reference == SELF
        model = Relative(model, usual(source, model, channel) if own else usual(reference, model))
        if own and hasattr(source, "seek"):
            source.seek(0)
    min_confidence = least_confidence(model, min_confidence)
    rate, samples = model.audio.sample_rate, model.audio.samples
    if not isinstance(hop, Real) or not FRAME <= hop <= samples / rate:
        raise InputError(f"The hop lies between {FRAME} s and the window, {samples / rate:g} s. Received: {hop!r}")
    if not isinstance(min_confidence, Real) or not 0 <= min_confidence <= 1:
        raise InputError(f"The least confidence lies between 0 and 1. Received: {min_confidence!r}")
    step, frame = round(hop * rate), round(FRAME * rate)
    heard, first = np.zeros(0, np.float32), 0  # what is kept of the recording, and where it begins
    scores, low, high, levels, mels, unframed = [], [], [], [], [], np.zeros(0, np.float32)
    place = lambda number, end: int(min(max(number * step + (step - samples) // 2, 0), max(end - samples, 0)))  # noqa: E731
    weights = mel_weights(model.audio.mels, 1024, rate, model.audio.mel_min_hz, model.audio.mel_max_hz)

    def score(starts):
        cut = [heard[start - first : start - first + samples] for start in starts]
        cut = np.stack([np.pad(window, (0, samples - len(window))) for window in cut])
        return model.answer_windows(cut, BATCH)

    number = 0
    for block in stream_audio(source, rate, channel=channel):
        heard = np.concatenate([heard, block])
        end = first + len(heard)
        ready = []
        while number * step + (step + samples) // 2 <= end:  # the window lies before the end, and is not the last
            ready.append(place(number, end))
            number += 1
        if ready:
            scores.append(score(ready))
        keep = max(0, min(place(number, end), end - samples))
        heard, first = heard[keep - first :], keep
        framed = np.concatenate([unframed, block])
        frames, unframed = np.split(framed, [len(framed) // frame * frame])
        _look(frames.reshape(-1, frame), weights, low, high, levels, mels)
        if progress:
            progress(end / rate)
    end = first + len(heard)
    if len(unframed):
        _look(np.pad(unframed, (0, frame - len(unframed)))[None], weights, low, high, levels, mels)
        levels[-1] = levels_db(unframed[None])  # by its own samples
    count = max(1, -(-end // step))
    if number < count:
        scores.append(score([place(n, end) for n in range(number, count)]))
    answers = {name: np.concatenate([part[name] for part in scores])[:count] for name in scores[0]}
    starts, levels = np.arange(count) * hop, np.concatenate(levels)
    ends = np.minimum(starts + hop, end / rate)
    table = stretches(model, answers, _silent(levels, starts, hop), starts, ends, min_confidence)
    overview = {"low": np.concatenate(low), "high": np.concatenate(high), "mel_db": np.concatenate(mels)}
    return table, overview | {"seconds": FRAME}


def stretches(model, answers, silent, starts, ends, min_confidence=0.0):
    """The rows of a timeline.

    Args:
        model: `EmoHRNet`.
        answers: of its `answer_windows`, a row for each stretch; those of silent ones are not looked at.
        silent: bool `(stretches,)`.
        starts, ends: `(stretches,)` in seconds.
        min_confidence: of `timeline`.

    Returns:
        The table of `timeline`.
    """
    probabilities = answers["probabilities"]
    best, sure = probabilities.argmax(axis=1), probabilities.max(axis=1) >= min_confidence
    table = pd.DataFrame({"start": starts, "end": ends}).round(3)
    table["emotion"] = np.where(silent, SILENCE, np.where(sure, np.array(model.labels)[best], UNCERTAIN))
    probabilities = np.where(silent[:, None], np.nan, probabilities)
    table = pd.concat([table, pd.DataFrame(probabilities, columns=model.labels)], axis=1)
    if "dimensions" in answers:
        table[list(DIMENSIONS)] = np.where(silent[:, None], np.nan, model.sphere.from_cube(answers["dimensions"]))
    return table


def labels_of(table):
    """Names of the emotions of a timeline."""
    return [name for name in table.columns[3:] if name not in (*DIMENSIONS, *PROSODY)]


def spans(table):
    """Neighbouring stretches of one emotion joined: DataFrame of `start`, `end`, `emotion`, `confidence` (its mean)."""
    confidence = table[labels_of(table)].max(axis=1)
    group = (table.emotion != table.emotion.shift()).cumsum()
    joined = table.assign(confidence=confidence).groupby(group)
    return joined.agg({"start": "first", "end": "last", "emotion": "first", "confidence": "mean"}).reset_index(
        drop=True
    )


# how each form of `write_timeline` begins
WRITTEN = rb'start,end,emotion|\[\]|\[\n  \{\n    "start"|\d+\.\d{3}\t\d+\.\d{3}\t|WEBVTT'


def write_timeline(table, form):
    """A timeline as text.

    Args:
        table: of `timeline`.
        form: "csv" and "json" hold every stretch; "audacity" (a label track: File, Import, Labels) and "webvtt"
            (subtitles) the joined `spans` without silence.

    Returns:
        The text.
    """
    if form == "csv":
        return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    if form == "json":
        rows = []
        for row in table.to_dict("records"):
            rows.append({key: row[key] for key in ("start", "end", "emotion")})
            if row["emotion"] != SILENCE:
                rows[-1]["probabilities"] = {key: round(float(row[key]), 6) for key in labels_of(table)}
                rows[-1] |= {key: _rounded(row[key]) for key in (*DIMENSIONS, *PROSODY) if key in table}
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    spoken = spans(table)
    spoken = spoken[spoken.emotion != SILENCE]
    if form == "audacity":
        lines = [f"{row.start:.3f}\t{row.end:.3f}\t{row.emotion} {row.confidence:.2f}" for row in spoken.itertuples()]
        return "".join(line + "\n" for line in lines)
    if form == "webvtt":
        cues = [
            f"{_clock(r.start)} --> {_clock(r.end)}\n{r.emotion} ({r.confidence:.2f})\n" for r in spoken.itertuples()
        ]
        return "\n".join(["WEBVTT\n", *cues])
    raise InputError(f"A timeline is written as csv, json, audacity or webvtt. Received: {form!r}")


def _look(frames, weights, low, high, levels, mels):
    """Take into the overview what frames `(n, samples)` look like: extremes, level and mel levels in dB."""
    if not len(frames):
        return
    low.append(frames.min(axis=1))
    high.append(frames.max(axis=1))
    levels.append(levels_db(frames))
    middle = (frames.shape[1] - 1024) // 2
    power = np.abs(np.fft.rfft(frames[:, middle : middle + 1024] * np.hanning(1024), axis=1)) ** 2
    mels.append((10 * np.log10(power @ weights + 1e-9)).astype("float32"))


def _silent(levels, starts, hop):
    """Which stretches are silent, by the levels in dB of the recording's frames."""
    limit = silence_limit(levels)
    edges = np.append(np.round(starts / FRAME), np.round((starts[-1] + hop) / FRAME)).astype(int)
    loudest = [levels[a:b].max(initial=-np.inf) for a, b in itertools.pairwise(edges)]
    return np.array(loudest) <= limit


def _rounded(value):
    """A number of a row as JSON has it, null where there is none."""
    return None if np.isnan(value) else round(float(value), 6)


def _clock(seconds):
    """WebVTT's hours:minutes:seconds.thousandths."""
    seconds, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"

"""Prosody of a voice in four numbers: level, pitch, its range, and how often voiced stretches come.

Pitch is Praat's (Boersma 1993, autocorrelation), by `praat-parselmouth`, the extra `prosody`, which is under the GPL;
its bounds follow the voice itself, as Hirst (2011, Journal of Speech Sciences 1(1)) proposes for expressive speech:
from 0.75 times the first to 2.5 times the third quartile of a first look.
"""

import numpy as np

from emohrnet_tf.audio.files import stream_audio
from emohrnet_tf.audio.silence import FRAME, levels_db, silence_limit
from emohrnet_tf.errors import InputError

NAMES = ("level_db", "pitch_hz", "pitch_range_semitones", "voiced_per_second")
STEP = 0.01  # seconds between two values of the pitch
LOWEST, HIGHEST = 60.0, 700.0  # Hz, of the first look: a low man, a shout
BELOW, ABOVE = 0.75, 2.5  # times the quartiles: the second look
SHORTEST = 3  # steps of a voiced stretch
SECONDS = 60.0  # looked at at once: Praat's memory grows with it


def prosody(waveform, sample_rate):
    """The prosody of a waveform.

    Args:
        waveform: float32 `(samples,)`.
        sample_rate: hertz.

    Returns:
        dict of `level_db`: mean power of what is not silence (`silence.silence_limit`), dB of full scale; `pitch_hz`:
        the median; `pitch_range_semitones`: from the 5th to the 95th percentile; `voiced_per_second`: voiced stretches
        in a second of what is not silence, about its syllables. NaN where there is nothing to measure.

    Raises:
        InputError: praat-parselmouth is not installed.

    Example:
        prosody(load_audio("clip.wav"), 16000)["pitch_hz"]
    """
    levels = _levels(waveform, round(FRAME * sample_rate))
    blocks = np.split(waveform, range(round(SECONDS * sample_rate), len(waveform), round(SECONDS * sample_rate)))
    return _measures(levels, np.concatenate([pitch(block, sample_rate) for block in blocks]), silence_limit(levels))


def stretches(source, sample_rate, starts, hop, channel=None):
    """`prosody` of each stretch of a recording of any length, silence being what it is in the whole recording.

    Args:
        source: of `files.stream_audio`.
        sample_rate: hertz.
        starts: seconds, multiples of `hop`.
        hop: seconds of a stretch, a multiple of 0.01 s to be exact.
        channel: of `load_audio`.

    Returns:
        dict of float arrays `(stretches,)`, as of `prosody`.

    Raises:
        InputError: of `prosody` and `files.stream_audio`.
    """
    frame, levels, heights, rest = round(FRAME * sample_rate), [], [], np.zeros(0, np.float32)
    whole = round(SECONDS * sample_rate) // frame * frame
    for block in stream_audio(source, sample_rate, channel=channel):
        rest = np.concatenate([rest, block])
        while len(rest) >= whole:
            levels.append(_levels(rest[:whole], frame))
            heights.append(pitch(rest[:whole], sample_rate))
            rest = rest[whole:]
    if len(rest):
        levels.append(_levels(rest, frame))
        heights.append(pitch(rest, sample_rate))
    levels, heights = np.concatenate(levels), np.concatenate(heights)
    limit, rows = silence_limit(levels), []
    for start in starts:
        a, b = (slice(round(start / step), round((start + hop) / step)) for step in (FRAME, STEP))
        rows.append(_measures(levels[a], heights[b], limit, silent=_silent_steps(levels, limit, len(heights))[b]))
    return {name: np.array([row[name] for row in rows], float) for name in NAMES}


def pitch(waveform, sample_rate):
    """Pitch of every 0.01 s in hertz, 0 where there is none: float32 `(steps,)`."""
    count = -(-len(waveform) // round(STEP * sample_rate))
    first = _look(waveform, sample_rate, LOWEST, HIGHEST, count)
    if not first.any():
        return first
    low, high = np.percentile(first[first > 0], [25, 75])
    return _look(waveform, sample_rate, max(LOWEST, BELOW * low), min(HIGHEST, ABOVE * high), count)


def _look(waveform, sample_rate, lowest, highest, count):
    parselmouth, found = _praat(), np.zeros(count, np.float32)
    if len(waveform) <= 4 * sample_rate / lowest:  # Praat asks for three periods and a step
        return found
    heard = parselmouth.Sound(np.asarray(waveform, np.float64), sample_rate)
    contour = heard.to_pitch_ac(time_step=STEP, pitch_floor=lowest, pitch_ceiling=highest)
    places = np.minimum((contour.xs() / STEP).astype(int), count - 1)
    found[places] = contour.selected_array["frequency"]
    return found


def _praat():
    try:
        import parselmouth
    except ImportError as error:
        raise InputError(
            "Pitch is measured by Praat: pip install 'emohrnet_tf[prosody]'. Received: no module parselmouth"
        ) from error
    return parselmouth


def _levels(waveform, frame):
    """`levels_db` of every 0.1 s; the last is what is left."""
    levels = levels_db(np.pad(waveform, (0, -len(waveform) % frame)).reshape(-1, frame))
    if rest := len(waveform) % frame:
        levels[-1] = levels_db(waveform[None, -rest:])[0]
    return levels


def _silent_steps(levels, limit, count):
    return np.repeat(levels <= limit, round(FRAME / STEP))[:count]


def _measures(levels, heights, limit, silent=None):
    """The four numbers of a stretch, of its levels and pitches."""
    spoken = levels[levels > limit]
    if not len(spoken):
        return dict.fromkeys(NAMES, np.nan)
    silent = _silent_steps(levels, limit, len(heights)) if silent is None else silent
    heights = np.where(silent, 0, heights)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], heights > 0, [0]])))
    runs = int((edges[1::2] - edges[::2] >= SHORTEST).sum())
    found = {"level_db": 10 * np.log10(np.mean(10 ** (spoken / 10))), "pitch_hz": np.nan}
    found |= {"pitch_range_semitones": np.nan, "voiced_per_second": runs / (len(spoken) * FRAME)}
    if (heights > 0).any():
        low, middle, high = np.percentile(heights[heights > 0], [5, 50, 95])
        found |= {"pitch_hz": middle, "pitch_range_semitones": 12 * np.log2(high / low)}
    return {name: float(value) for name, value in found.items()}

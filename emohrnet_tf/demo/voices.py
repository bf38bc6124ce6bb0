"""An embedded corpus: voices made by rule, so that everything runs and is measured without a download.

A source-filter voice (pulses and noise through moving formants) speaks invented sentences. Emotion reaches the sound
through prosody alone, and prosody is a smooth function of a point in valence, arousal and dominance. It is a test
bench with known truth, not a model of how people sound: a result on it says nothing about a result on people.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import index
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from emohrnet_tf.demo.prosody import DIMENSIONS, EMOTIONS, PROSODY, SPREAD
from emohrnet_tf.demo.speech import SAMPLE_RATE, STATEMENTS, make_voice, sample_count, segment_seconds, speak
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import replacing

WAV_HEADER_BYTES = 44
MAX_SPEAKERS, MAX_CLIPS_PER_EMOTION = 99, 96


def make_corpus(
    folder: str | os.PathLike,
    speakers: int = 20,
    clips_per_emotion: int = 6,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write the synthetic corpus and return its index with the true values, also written to `synthetic.csv`.

    Files are 16 kHz mono 16-bit WAV named as RAVDESS names them; odd speakers have the lower voices. The same
    arguments give the same bytes for any number of workers, and an interrupted run goes on where it stopped.

    Args:
        folder: a folder that is new, empty or made by the same arguments.
        speakers: 1 to 99.
        clips_per_emotion: clips of each speaker in each of the 8 emotions, 1 to 96.
        seed: 0 or more; it chooses the voices and the clips.
        workers: threads, 1 to 64, by default one per core (the arithmetic runs outside Python's lock).
        progress: called with (clips done, clips in all).

    Returns:
        One row per clip: file (relative to the folder, `/` between its parts), emotion, speaker, statement,
        repetition, valence, arousal, dominance (-1..1), the prosody made from them (the keys of `PROSODY`, units in
        the names), and start_seconds and speech_seconds of the speech in duration_seconds.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.

    Example:
        >>> index = make_corpus("corpus", speakers=2, clips_per_emotion=1, workers=1)  # doctest: +SKIP
        >>> len(index)  # doctest: +SKIP
        16
    """
    speakers = _whole("speakers", speakers, 1, MAX_SPEAKERS)
    clips_per_emotion = _whole("clips_per_emotion", clips_per_emotion, 1, MAX_CLIPS_PER_EMOTION)
    seed = _whole("seed", seed, 0, 2**63 - 1)
    workers = _whole("workers", min(os.cpu_count() or 1, 64) if workers is None else workers, 1, 64)
    folder = Path(folder)
    rows = [
        plan_clip(seed, speaker, emotion, clip)
        for speaker in range(1, speakers + 1)
        for emotion in EMOTIONS
        for clip in range(clips_per_emotion)
    ]
    table = pd.DataFrame(rows)
    text = table.to_csv(index=False, lineterminator="\n")
    unfinished = _claim(folder, text)

    todo = [row for row in rows if not _is_complete(folder / row["file"], row)]
    for actor in {(folder / row["file"]).parent for row in todo}:
        actor.mkdir(exist_ok=True)
    with ThreadPoolExecutor(workers) as pool:
        for written, _ in enumerate(pool.map(partial(_write_clip, folder, seed), todo), 1):
            if progress:
                progress(len(rows) - len(todo) + written, len(rows))
    os.replace(unfinished, folder / "synthetic.csv")
    return table


def plan_clip(seed: int, speaker: int, emotion: str, clip: int) -> dict:
    """Return the row of one clip: its name, its point and the prosody made from it, before any sound exists.

    The intensity in the name is 02 where the point lies farther out than the emotion's centre (never for neutral).
    """
    code, centres = list(EMOTIONS).index(emotion), np.array(list(EMOTIONS.values()))
    rng = np.random.default_rng([seed, 1, speaker, code, clip])
    centre = centres[code]
    point = rng.normal(centre, SPREAD * centres.std(axis=0, ddof=1)).clip(-1, 1).round(4)
    strong = emotion != "neutral" and point @ centre > centre @ centre
    repetition, statement = divmod(clip, len(STATEMENTS))
    name = f"03-01-{code + 1:02}-{1 + strong:02}-{statement + 1:02}-{repetition + 1:02}-{speaker:02}.wav"
    row = {"file": f"Actor_{speaker:02}/{name}", "emotion": emotion, "speaker": f"Actor_{speaker:02}"}
    row |= {"statement": statement + 1, "repetition": repetition + 1}
    row |= dict(zip(DIMENSIONS, point.tolist()))
    for cue, (origin, *slopes, noise) in PROSODY.items():
        row[cue] = round(float(origin + point @ slopes + rng.normal(0, noise)), 4)
    start, end = rng.uniform(0.2, 0.4, 2)
    row["start_seconds"] = round(float(start), 4)
    row["speech_seconds"] = round(float(segment_seconds(row, make_voice(seed, speaker)).sum()), 4)
    row["duration_seconds"] = round(row["start_seconds"] + row["speech_seconds"] + float(end), 4)
    return row


# ---- Files


def _claim(folder: Path, text: str) -> Path:
    """Write the index under the name of an unfinished one; refuse a folder that holds anything else."""
    unfinished = folder / "synthetic.csv.part"
    for found in (folder / "synthetic.csv", unfinished):
        if found.is_file() and found.read_bytes() != text.encode():
            raise InputError(
                "the folder holds a synthetic corpus made with other arguments; delete it or name another folder. "
                f"Received: {str(folder)!r}"
            )
    known = (folder / "synthetic.csv").is_file() or unfinished.is_file()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = not known and any(not path.name.startswith(".") for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot make the folder ({error}); name another. Received: {str(folder)!r}") from error
    if strange:
        raise InputError(
            "the folder must be new, empty or made by make_corpus, so that synthetic voices do not mix with other "
            f"recordings; name another folder. Received: {str(folder)!r}"
        )
    with replacing(unfinished) as part:
        part.write_bytes(text.encode())
    return unfinished


def _write_clip(folder: Path, seed: int, row: dict) -> None:
    samples = np.round(speak(seed, row) * 32767).astype(np.int16)
    with replacing(folder / row["file"]) as part:
        soundfile.write(part, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")


def _is_complete(path: Path, row: dict) -> bool:
    return path.is_file() and path.stat().st_size == WAV_HEADER_BYTES + 2 * sample_count(row)


def _whole(name: str, value: object, low: int, high: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise InputError(f"{name} must be a whole number from {low} to {high}. Received: {value!r}")
    return number

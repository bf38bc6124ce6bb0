"""A corpus converted once to what training reads fastest: 16 kHz mono 16-bit WAV under one folder."""

import io
import json
import os
import wave
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd

from emohrnet_tf.audio.files import SAMPLE_RATE, load_audio
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import as_path, replacing, writable_folder

RECORD = "prepared.jsonl"  # in the folder: a line for each file written, with the source that it was made from


def prepare(index, source_root, folder, workers=None, progress=None):
    """Convert every clip of an index to 16 kHz mono 16-bit WAV, in parallel and resumably.

    `folder` repeats the files' places under `source_root`, with the suffix .wav; a section of a file has its
    milliseconds in its name. A file already made from the same source with the same settings is kept. Files are whole
    or not there. A bad file never loses the others.

    Args:
        index: DataFrame with the column `file` (absolute, or relative to `source_root`) and, where wanted, `channel`
            ("left", "right"), `start` and `end` (seconds); missing values mean the mean of the channels and the whole
            file. Other columns are carried along.
        source_root: folder that the files lie under; or the CSV of a table, whose folder is meant, or the folder above
            it that all its files lie under.
        folder: folder to write to; another one than `source_root`.
        workers: threads; None is one for each processor core.
        progress: called as `progress(done, total)` after each clip, from the calling thread.

    Returns:
        `(index, failed)`: the rows that succeeded, with `file` the absolute path of the WAV, `duration` in seconds, and
        without `channel`, `start` and `end`, which are done; and the others as a DataFrame of `file` and `reason`.
        Both keep the index's row labels.

    Raises:
        InputError: no column `file`; a `folder` that is `source_root`, a file, or cannot be written.

    Example:
        >>> prepare(pd.DataFrame({"file": ["absent.wav"]}), "corpus", "prepared")[1]["file"].tolist()
        ['absent.wav']
    """
    if not isinstance(index, pd.DataFrame):
        raise InputError(f"An index is a DataFrame, of `emohrnet_tf.read_index`. Received: {type(index).__name__}")
    if "file" not in index:
        raise InputError(f"the index needs a column `file`. Received: {list(index.columns)!r}")
    source_root, folder = (Path(os.path.abspath(as_path(place))) for place in (source_root, folder))
    if source_root.is_file():  # of a table: its folder, or the one above all files that it lists
        files = [os.path.abspath(source_root.parent / str(file)) for file in index["file"]]
        source_root = Path(os.path.commonpath([source_root.parent, *map(os.path.dirname, files)]))
    if source_root.resolve() == folder.resolve():
        raise InputError(f"prepared files would overwrite the corpus; give another folder. Received: {str(folder)!r}")
    writable_folder(folder)
    clips = [_clip(row, source_root, folder) for row in index.to_dict("records")]
    record = _read_record(folder)
    results, owners, jobs = [None] * len(clips), {}, {}  # each result: samples, or the reason why there are none
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        try:
            for i, clip in enumerate(clips):
                owner = clips[owners.setdefault(clip["target"], i)]
                if owner != clip:  # a.wav and a.flac side by side
                    results[i] = (
                        f"{clip['source']}: {clip['target']} is made from {owner['source']}; rename one of them."
                    )
                elif owner is clip:
                    jobs[pool.submit(_convert, clip, folder, record.get(clip["target"]))] = i
            finished = 0
            for job in as_completed(jobs):
                clip, (results[jobs[job]], line) = clips[jobs[job]], job.result()
                if line:
                    with open(folder / RECORD, "a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
                if progress:
                    finished += 1
                    progress(len(clips) - len(jobs) + finished, len(clips))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    results = [results[owners[clip["target"]]] if result is None else result for clip, result in zip(clips, results)]
    return _split(index, clips, results, folder)


def _clip(row, source_root, folder):
    """One row -> its source, target and settings, or `problem` in place of a target that would leave the folder."""
    source = os.path.abspath(source_root / str(row["file"]))
    kinds = {"channel": str, "start": float, "end": float}
    settings = {key: None if pd.isna(row.get(key)) else kind(row[key]) for key, kind in kinds.items()}
    clip, (_, start, end) = {"source": source, **settings}, settings.values()
    if not Path(source).is_relative_to(source_root):
        return dict(clip, target=source, problem=f"{source}: not under {source_root}; give the folder above it.")
    place = Path(source).relative_to(source_root).with_suffix("")
    section = "" if start is None and end is None else f"_{_milliseconds(start)}-{_milliseconds(end)}"
    return dict(clip, target=place.as_posix() + section + ".wav", problem=None)


def _milliseconds(seconds):
    return "" if seconds is None else f"{round(1000 * seconds):07d}"


def _convert(clip, folder, known):
    """Make one clip -> `(samples, line for the record)`, `(samples, None)` if it was kept, `(reason, None)` if bad."""
    if clip["problem"]:
        return clip["problem"], None
    try:
        target = folder / clip["target"]
        recipe = {key: clip[key] for key in ("target", "source", "channel", "start", "end")}
        if os.path.exists(clip["source"]):
            state = os.stat(clip["source"])
            recipe |= {"bytes": state.st_size, "modified_ns": state.st_mtime_ns}
        same = known and known["recipe"] == recipe and target.exists()
        if same and target.stat().st_size == 44 + 2 * known["samples"]:
            return known["samples"], None
        waveform = load_audio(clip["source"], channel=clip["channel"], start=clip["start"], end=clip["end"])
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, waveform)
    except (InputError, OSError) as error:
        return str(error), None
    return len(waveform), {"recipe": recipe, "samples": len(waveform)}


def _write(target, waveform):
    """Write float32 `(samples,)` as 16-bit WAV, rounded and clipped, whole or not at all."""
    values = np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype("<i2")
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(values), "NONE", None))
        file.writeframes(values.tobytes())
    with replacing(target) as part:
        part.write_bytes(data.getvalue())


def _read_record(folder):
    """Target -> the last line written about it; a line that a kill cut short is not one."""
    record = {}
    if (folder / RECORD).exists():
        for line in (folder / RECORD).read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                record[entry["recipe"]["target"]] = entry
            except (ValueError, KeyError, TypeError):
                continue
    return record


def _split(index, clips, results, folder):
    """Rows and their results -> `(index of the prepared, failed)`."""
    bad = np.array([isinstance(result, str) for result in results], bool)
    done = index[~bad].drop(columns=["channel", "start", "end"], errors="ignore")
    done["file"] = [str(folder / clip["target"]) for clip, failed in zip(clips, bad) if not failed]
    done["duration"] = [result / SAMPLE_RATE for result in results if not isinstance(result, str)]
    failed = pd.DataFrame(
        {"file": index["file"][bad], "reason": [result for result in results if isinstance(result, str)]}
    )
    return done, failed

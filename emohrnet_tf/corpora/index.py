"""What all corpora share: finding the files, reading their headers, and making the index."""

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from emohrnet_tf.audio.files import measure_audio
from emohrnet_tf.audio.walk import walk
from emohrnet_tf.errors import InputError

SUFFIXES = (".wav", ".flac")
FIRST_COLUMNS = ("file", "emotion", "speaker", "corpus", "duration", "group")
SLACK_SECONDS = 0.1  # annotated ends are rounded


# --- Files ---


def audio_files(root):
    """Paths of the audio files below a folder, sorted, by the one rule of `audio.walk`.

    Raises:
        InputError: no such folder, or a file in its place.
    """
    return sorted(walk([existing_folder(root)])[0], key=Path.as_posix)


def existing_folder(root):
    """Absolute path of a folder; InputError where there is none."""
    root = Path(os.path.abspath(root))
    if not root.exists():
        raise InputError(f"{root}: no such folder; check the path. Received: {str(root)!r}")
    if not root.is_dir():
        raise InputError(f"{root}: not a folder; give the corpus' own folder. Received: {str(root)!r}")
    return root


def wrong_layout(root, corpus, layout, files):
    """The InputError for a folder in which no file has the corpus' layout: what was looked for, and what is there."""
    if files:
        found = f"found {len(files)} others, for example {str(files[0].relative_to(root))!r}"
    else:
        others = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
        found = f"found only {', '.join(map(repr, others[:3]))}" if others else "but it is empty"
    return InputError(
        f"{root}: no file of {corpus}; looked for {layout}, {found}. Give the folder that the corpus was "
        f"unpacked to. Received: {str(root)!r}"
    )


# --- Index ---


def make_index(rows, skipped, corpus, root, unique_names=False, several_channels=None):
    """Read the header and the bytes of every clip, and make the index.

    Args:
        rows: list of dicts with `file` (absolute) and `emotion`, and whatever else is known; `start` and `end`
            (seconds) cut a section out of the file.
        skipped: list of dicts with `file` and `reason`: what is left out already.
        corpus: name for the column `corpus`, and for messages with `root`.
        unique_names: a second file of the same stem is a copy (an archive unpacked twice) and is skipped.
        several_channels: value of the column `channel` for files with more than one; the column is there only if
            such a file is.

    Returns:
        `(index, skipped)`, DataFrames sorted by path. `index`: file, emotion, speaker, corpus, duration (seconds),
        group, then the rows' other keys. `group` is the beginning of the SHA-256 of the file's bytes, so identical
        clips share one; sections of a file share one where they overlap by half of the shorter or more. Values of
        `corpus` and `group` in the rows are kept.

    Raises:
        InputError: no clip is left, or all have one emotion.
    """
    paths = list(dict.fromkeys(row["file"] for row in rows))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        facts = dict(zip(paths, pool.map(_read_facts, paths)))
    kept, sections, skipped, first_of = [], [], list(skipped), {}
    for row in sorted(rows, key=_place):
        fact, (start, end) = facts[row["file"]], _bounds(row)
        if isinstance(fact, str):
            reason = fact
        elif not 0 <= start < min(end, fact["seconds"]) or math.inf > end > fact["seconds"] + SLACK_SECONDS:
            reason = f"lasts {fact['seconds']:.3f} s; the section {start:g} to {end:g} s is not within"
        else:
            copied = first_of.setdefault(Path(row["file"]).stem.lower(), row["file"]) if unique_names else row["file"]
            reason = None if copied == row["file"] else f"a second copy of {copied}"
        if reason:
            skipped.append({"file": row["file"], "reason": reason})
            continue
        end = min(end, fact["seconds"])
        kept.append({"corpus": corpus, **row, "duration": end - start})
        sections.append((fact["hash"], start, end))
        if several_channels and fact["channels"] > 1:
            kept[-1]["channel"] = several_channels
    skipped = pd.DataFrame(sorted(skipped, key=_place), columns=["file", "reason"])
    if not kept:
        example = f", for example {skipped['file'][0]}: {skipped['reason'][0]}" if len(skipped) else ""
        raise InputError(
            f"{root}: no clip of {corpus} can be used; {len(skipped)} left out{example}. Received: {str(root)!r}"
        )
    for row, group in zip(kept, _groups(sections)):
        row.setdefault("group", group)
    index = pd.DataFrame(kept)
    known = [name for name in FIRST_COLUMNS if name in index]
    index = index[known + [name for name in index if name not in known]]
    if index["emotion"].nunique() < 2 and not index["emotion"].isna().all():
        emotion = index["emotion"].iloc[0]
        raise InputError(
            f"{root}: all {len(index)} clips of {corpus} have one emotion; training needs two. Received: {emotion!r}"
        )
    return index, skipped


def _place(row):
    """Sort key: the same order on every machine, whatever separates its folders."""
    return Path(row["file"]).as_posix(), _bounds(row)


def _bounds(row):
    """Start and end of a row's section in seconds: by default 0 and infinity, the whole file."""
    start, end = (row.get(key) for key in ("start", "end"))
    return 0.0 if pd.isna(start) else float(start), math.inf if pd.isna(end) else float(end)


def _read_facts(file):
    """Facts of a file read to its end: dict of `seconds`, `channels`, `hash`; or the reason why there are none."""
    try:
        if not os.path.isfile(file):
            return "not a file" if os.path.exists(file) else "no such file"
        if os.path.getsize(file) == 0:
            return "the file is empty (0 bytes)"
        seconds, channels = measure_audio(file)
        with open(file, "rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()[:16]
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except InputError as error:
        return str(error).removeprefix(f"{file}: ").split(";")[0]
    return {"seconds": seconds, "channels": channels, "hash": digest}


def _groups(sections):
    """Names of the groups of `(hash, start, end)` sections: the hash, numbered where a file has several groups."""
    names, numbers_of = [None] * len(sections), {}
    for i in sorted(range(len(sections)), key=lambda i: sections[i]):
        digest, start, end = sections[i]
        numbers, reach = numbers_of.setdefault(digest, ({}, []))
        reach[:] = [other for other in reach if sections[other][2] > start]
        number = len(numbers)
        for other in reach:
            first, last = sections[other][1:]
            if min(end, last) - start >= min(end - start, last - first) / 2:
                old, number = number, numbers[other]
                numbers |= {j: number for j, value in numbers.items() if value == old}
        numbers[i] = number
        reach.append(i)
    for digest, (numbers, _) in numbers_of.items():
        order = list(dict.fromkeys(numbers.values()))
        for i, number in numbers.items():
            names[i] = f"{digest}-{order.index(number)}" if len(order) > 1 else digest
    return names

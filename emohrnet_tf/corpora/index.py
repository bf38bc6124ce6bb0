"""What all corpora share: finding the files, reading their headers, and making the index."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from emohrnet_tf.audio.identity import digest_of, groups, marks
from emohrnet_tf.audio.walk import walk
from emohrnet_tf.errors import InputError
from emohrnet_tf.labels import check_labels

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
    """Read the header and the samples of every clip, and make the index.

    Args:
        rows: list of dicts with `file` (absolute) and `emotion`, and whatever else is known; `start` and `end`
            (seconds) cut a section out of the file.
        skipped: list of dicts with `file` and `reason`: what is left out already.
        corpus: name for the column `corpus`, and for messages with `root`.
        unique_names: a second file of a speaker with the same emotion and stem is a copy (an archive unpacked twice)
            and is skipped.
        several_channels: value of the column `channel` for files with more than one; the column is there only if
            such a file is.

    Returns:
        `(index, skipped)`, DataFrames sorted by path. `index`: file, emotion, speaker, corpus, duration (seconds),
        group, then the rows' other keys. Clips of the same samples share a `group`, whatever files they lie in (see
        `audio.identity`); sections of a recording share one where they overlap by half of the shorter or more. Values
        of `corpus` and `group` in the rows are kept.

    Raises:
        InputError: no clip is left, all have one emotion, or a name of an emotion that is no label.
    """
    check_labels({row["emotion"] for row in rows if pd.notna(row["emotion"])})
    paths = list(dict.fromkeys(row["file"] for row in rows))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        facts = dict(zip(paths, pool.map(_read_facts, paths)))
    kept, skipped, first_of = [], list(skipped), {}
    for row in sorted(rows, key=_place):
        fact, (start, end) = facts[row["file"]], _bounds(row)
        if isinstance(fact, str):
            reason = fact
        elif not 0 <= start < min(end, fact["seconds"]) or math.inf > end > fact["seconds"] + SLACK_SECONDS:
            reason = f"lasts {fact['seconds']:.3f} s; the section {start:g} to {end:g} s is not within"
        else:
            known_by = (row.get("speaker"), row["emotion"], Path(row["file"]).stem.lower())
            copied = first_of.setdefault(known_by, row["file"]) if unique_names else row["file"]
            reason = None if copied == row["file"] else f"a second copy of {copied}"
        if reason:
            skipped.append({"file": row["file"], "reason": reason})
            continue
        kept.append({"corpus": corpus, **row, "duration": min(end, fact["seconds"]) - start})
        if several_channels and fact["channels"] > 1:
            kept[-1]["channel"] = several_channels
    skipped = pd.DataFrame(sorted(skipped, key=_place), columns=["file", "reason"])
    if not kept:
        example = f", for example {skipped['file'][0]}: {skipped['reason'][0]}" if len(skipped) else ""
        raise InputError(
            f"{root}: no clip of {corpus} can be used; {len(skipped)} left out{example}. Received: {str(root)!r}"
        )
    read = {file: (fact["digest"], fact["seconds"]) for file, fact in facts.items() if isinstance(fact, dict)}
    for row, group in zip(kept, groups(marks(pd.DataFrame(kept), recordings=read))):
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
    """Facts of a file, read once and to its end: dict of `seconds`, `channels`, `digest`; or why there are none."""
    facts = {}
    try:
        if not os.path.isfile(file):
            return "not a file" if os.path.exists(file) else "no such file"
        if os.path.getsize(file) == 0:
            return "the file is empty (0 bytes)"
        own = digest_of(file, measured=facts)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except InputError as error:
        return str(error).removeprefix(f"{file}: ").split(";")[0]
    return facts | {"digest": own}

"""A folder for each emotion: the corpus that most people have."""

from collections import Counter

from .index import audio_files, existing_folder, make_index, wrong_layout
from .table import SPLITS

LAYOUT = "EMOTION/*.wav, or PART/EMOTION/*.wav with the parts train, validation and test"


def read(root):
    """Index a folder that holds a folder for each emotion.

    The emotion is the name of the folder; folders within it are searched too. Where all folders of the first level are
    parts (train, val, dev, test, ...), their folders are the emotions, and the index has a column `split`. A folder
    around them all is looked through. Speakers are not known.

    Args:
        root: the folder above the emotions' folders.

    Returns:
        `(index, skipped)` as `read_corpus`, without `speaker`.

    Raises:
        InputError: no folder, no file in a folder of its own, or one emotion only.

    Example:
        >>> index, skipped = read("my_recordings")  # doctest: +SKIP
    """
    given = root = existing_folder(root)
    files = audio_files(root)
    tops = {file.relative_to(root).parts[0] for file in files if len(file.relative_to(root).parts) > 1}
    while len(tops) == 1 and all(len(file.relative_to(root).parts) > 2 for file in files):  # a folder around them all
        root = root / next(iter(tops))
        tops = {file.relative_to(root).parts[0] for file in files}
    parts = len(tops) > 0 and all(top.lower() in SPLITS for top in tops)
    rows, skipped, spellings = [], [], Counter()
    for file in files:
        above = file.relative_to(root).parts[:-1]
        if len(above) < 1 + parts:
            skipped.append({"file": str(file), "reason": "lies in no folder of an emotion"})
            continue
        row = {"file": str(file), "emotion": above[parts].strip()}
        spellings[row["emotion"]] += 1
        rows.append(row | ({"split": SPLITS[above[0].lower()]} if parts else {}))
    if not rows:
        raise wrong_layout(given, "folders", LAYOUT, files)
    chosen = {}
    for label, _ in spellings.most_common():
        chosen.setdefault(label.casefold(), label)
    rows = [row | {"emotion": chosen[row["emotion"].casefold()]} for row in rows]
    return make_index(rows, skipped, "folders", given)

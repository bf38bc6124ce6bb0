"""MSP-Podcast: natural speech from podcasts, with valence, arousal and dominance (Lotfian & Busso 2019).

The corpus is licensed by its authors (doi 10.1109/TAFFC.2017.2736999); its labels are read from its own table.
"""

import pandas as pd

from emohrnet_tf.errors import InputError

from .index import existing_folder, make_index, wrong_layout

LAYOUT = "Labels/labels_consensus.csv with Audios/*.wav"
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Split_Set")
EMOTIONS = {
    "N": "neutral",
    "H": "happiness",
    "S": "sadness",
    "A": "anger",
    "F": "fear",
    "D": "disgust",
    "U": "surprise",
    "C": "contempt",
}
UNDECIDED = ("O", "X")  # another emotion, or no agreement: no category, but dimensions
SEXES = {"Male": "male", "Female": "female"}
TESTS = ("Test1", "Test2", "Test3")


def read(root, test_set="Test1"):
    """Index the labelled turns of MSP-Podcast.

    Args:
        root: the folder that holds Labels and Audios.
        test_set: "Test1", "Test2" or "Test3"; turns of the others are left out.

    Returns:
        `(index, skipped)` as `read_corpus`; further columns: split (the corpus' own: Development validates), sex,
        valence, arousal, dominance, means of the annotators, and vad_scale, 1..7. A turn on whose emotion the
        annotators did not agree has no `emotion`; one whose speaker is not known is a speaker of its own.

    Raises:
        InputError: no folder, no table, a column missing in it, no turn that can be used, or another test set.

    Example:
        >>> index, skipped = read("MSP-Podcast")  # doctest: +SKIP
    """
    if test_set not in TESTS:
        raise InputError(f"test_set: give one of {', '.join(TESTS)}. Received: {test_set!r}")
    root = existing_folder(root)
    tables = [root / folder / "labels_consensus.csv" for folder in ("Labels", "labels", ".")]
    file = next((path for path in tables if path.is_file()), None)
    audio = next((root / name for name in ("Audios", "Audio") if (root / name).is_dir()), None)
    if file is None or audio is None:
        raise wrong_layout(root, "MSP-Podcast", LAYOUT, [])
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if absent := [name for name in COLUMNS if name not in table]:
        raise InputError(f"{file}: no column {absent[0]}; unpack the corpus again. Received: {list(table)!r}")
    parts = {"Train": "train", "Development": "validation", test_set: "test"}
    rows, skipped = [], []
    for fields in table.to_dict("records"):
        row = _row(fields, audio, parts)
        if isinstance(row, str):
            skipped.append({"file": str(audio / fields["FileName"]), "reason": row})
        elif row["split"] in parts.values():
            rows.append(row)
    return make_index(rows, skipped, "msp_podcast", root)


def _row(fields, audio, parts):
    """The row of a turn; or what is wrong with it."""
    label, speaker, part = fields["EmoClass"].strip(), fields["SpkrID"].strip(), fields["Split_Set"].strip()
    if label not in EMOTIONS and label not in UNDECIDED:
        return f"EmoClass {label!r} is not one of {', '.join([*EMOTIONS, *UNDECIDED])}"
    if part not in parts and part not in TESTS:
        return f"Split_Set {part!r} is not Train, Development or one of {', '.join(TESTS)}"
    try:
        valence, arousal, dominance = (float(fields[name]) for name in ("EmoVal", "EmoAct", "EmoDom"))
    except ValueError:
        return "EmoVal, EmoAct and EmoDom are not three numbers"
    row = {
        "file": str(audio / fields["FileName"]),
        "emotion": EMOTIONS.get(label),
        "speaker": fields["FileName"] if speaker in ("", "Unknown") else speaker,
        "split": parts.get(part, part),
        "valence": valence,
        "arousal": arousal,
        "dominance": dominance,
        "vad_scale": "1..7",
    }
    return row | ({"sex": SEXES[fields["Gender"]]} if fields.get("Gender") in SEXES else {})

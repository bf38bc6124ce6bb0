"""IEMOCAP: 10 actors in 5 sessions, about 10,000 turns (Busso et al. 2008, doi 10.1007/s10579-008-9076-6).

The corpus is licensed by its authors (sail.usc.edu/iemocap); its labels are read from its own evaluation files.
"""

import re
from pathlib import Path

from emohrnet_tf.errors import InputError

from .index import SUFFIXES, existing_folder, make_index, wrong_layout

LAYOUT = "SessionN/dialog/EmoEvaluation/*.txt with SessionN/sentences/wav/DIALOGUE/TURN.wav"
LINE = re.compile(r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(\S+)\s+(\S+)\s+\[\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\]")
TURN = re.compile(r"((Ses\d\d)[FM]_(impro|script)\w*)_([FM])\w*\d")
SEXES = {"F": "female", "M": "male"}
UNDECIDED = ("xxx", "oth")  # no majority among the annotators, or none of the emotions
TASKS = {
    "4class": {"neu": "neutral", "hap": "happiness", "exc": "happiness", "ang": "anger", "sad": "sadness"},
    "all": {
        "neu": "neutral",
        "hap": "happiness",
        "exc": "excited",
        "ang": "anger",
        "sad": "sadness",
        "fru": "frustration",
        "fea": "fear",
        "dis": "disgust",
        "sur": "surprise",
    },
}


def read(root, task="4class"):
    """Index the labelled turns of IEMOCAP.

    A turn's speaker is its session and the letter before its number, whoever wears the markers in that dialogue:
    `Ses01F_impro01_M003` is said by `Ses01M`.

    Args:
        root: the folder that holds Session1 to Session5, or the one above it.
        task: "4class" (neutral, happiness with excited, anger, sadness: 5531 turns) or "all" (every label but xxx
            and oth; excited and frustration stand for themselves).

    Returns:
        `(index, skipped)` as `read_corpus`; further columns: sex, session ("Ses01"), dialogue, improvised (bool),
        valence, arousal (the corpus' activation) and dominance, means of the annotators, and vad_scale, 1..5.
        Turns without a label of the task are in neither.

    Raises:
        InputError: no folder, no evaluation file, no turn of the task, one emotion only, or an unknown task.

    Example:
        >>> index, skipped = read("IEMOCAP_full_release")  # doctest: +SKIP
        >>> len(index), index["speaker"].nunique()  # doctest: +SKIP
        (5531, 10)
    """
    if task not in TASKS:
        raise InputError(f'task: give "4class" or "all". Received: {task!r}')
    root = existing_folder(root)
    evaluations = [
        file
        for depth in ("", "*/")
        for file in sorted(root.glob(f"{depth}Session[0-9]*/dialog/EmoEvaluation/*.txt"))
        if not file.name.startswith(".")  # macOS leaves ._Ses01F_impro01.txt
    ]
    rows, skipped, first_of = [], [], {}
    for evaluation in evaluations:
        for number, line in enumerate(evaluation.read_text(encoding="latin-1").splitlines(), 1):
            if not line.lstrip().startswith("["):  # the header and the annotators' own lines
                continue
            row = _row(evaluation, line)
            if isinstance(row, str):
                skipped.append({"file": str(evaluation), "reason": f"line {number}: {row}"})
            elif first_of.setdefault(row["file"], row) is not row:
                skipped.append({"file": row["file"], "reason": f"listed twice, again in {evaluation}, line {number}"})
            elif row["emotion"] in TASKS[task]:
                rows.append(row | {"emotion": TASKS[task][row["emotion"]]})
    if not first_of:
        raise wrong_layout(root, "IEMOCAP", LAYOUT, [])
    return make_index(rows, skipped, "iemocap", root)


def _row(evaluation, line):
    """A turn's line -> its row, with the corpus' own label as `emotion`; or what is wrong with the line."""
    fields = LINE.match(line.strip())
    turn = TURN.fullmatch(fields[1]) if fields else None
    if not turn:
        return "not `[start - end] TURN label [valence, activation, dominance]`"
    label = fields[2].lower()
    if label not in TASKS["all"] and label not in UNDECIDED:
        return f"label {label!r} is not one of {', '.join([*TASKS['all'], *UNDECIDED])}"
    dialogue, session, kind, letter = turn.groups()
    valence, activation, dominance = (float(value) for value in fields.groups()[2:])
    return {
        "file": _audio(evaluation.parents[2] / "sentences" / "wav" / dialogue, turn[0]),
        "emotion": label,
        "speaker": session + letter,
        "sex": SEXES[letter],
        "session": session,
        "dialogue": dialogue,
        "improvised": kind == "impro",
        "valence": valence,
        "arousal": activation,
        "dominance": dominance,
        "vad_scale": "1..5",
    }


def _audio(folder, turn):
    """Path of a turn: the WAV of the release, or a FLAC in its place."""
    files = [Path(folder, turn + suffix) for suffix in SUFFIXES]
    return str(next((file for file in files if file.exists()), files[0]))

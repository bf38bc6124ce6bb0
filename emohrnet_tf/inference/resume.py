"""A CSV that grows row by row, says what made it, and is gone on with by the same command."""

import json

import pandas as pd

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, write_json
from emohrnet_tf.provenance import provenance


def claim(out, made_by, *parts):
    """Take a file for the results of a model: where something else made it, refuse it.

    Args:
        out: path of the results; beside it lies `NAME.made_by.json`.
        made_by: JSON-ready facts that must be the same for results to be gone on with.
        *parts: other files that may hold results so far.

    Raises:
        InputError: results that are there already, and of other facts or of none.
    """
    facts = out.with_name(f"{out.name}.made_by.json")
    try:
        there = json.loads(facts.read_text("utf-8"))
    except (OSError, ValueError):
        there = None
    results = any(path.exists() for path in (out, *parts))
    ours = isinstance(there, dict) and set(made_by) <= set(there)
    # Facts of the same kind without results are of a run that was stopped early: they are replaced.
    if (facts.exists() or results) and not (ours and (not results or all(there[x] == made_by[x] for x in made_by))):
        raise InputError(
            f"{printable(out)} was made by something else: give another file, or delete it and {printable(facts.name)} "
            f"to start anew. Received: {printable(out)}"
        )
    write_json(facts, made_by | provenance())


def rows_done(out, head):
    """Files that a CSV holds, `{file: whether it has an error}`; a line that a kill cut short is cut off.

    Args:
        out: the CSV; made, with its head, where it is not there.
        head: names of its columns, among them `file` and `error`.
    """
    text = out.read_bytes() if out.exists() else b""
    if not text.endswith(b"\n"):
        text = text[: text.rfind(b"\n") + 1]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(text or (",".join(head) + "\n").encode())
    table = pd.read_csv(
        out, usecols=["file", "error"], dtype=str, keep_default_na=False, encoding_errors="surrogateescape"
    )
    return dict(zip(table["file"], table["error"] != ""))

"""A page to hand on: what a run or a cross-validation measured, how, and by what it was made, in one file."""

import functools
import json
import tempfile
from pathlib import Path

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import as_path, printable, replacing, writable
from emohrnet_tf.training import html, sections
from emohrnet_tf.training.counts import NETWORKS, counted


def report(folder, out=None):
    """Write the page of a finished run, or of a cross-validation so far.

    Args:
        folder: of `emohrnet train` or `emohrnet crossval`; its `report.json`, predictions and logs are read, as far as
            they are there.
        out: the HTML file, by default `report.html` in the folder; one that this wrote before is replaced.

    Returns:
        Path of the page.

    Raises:
        InputError: not such a folder, files that cannot be read, or a file in the way that something else made.

    Example:
        report("runs/ravdess", "ravdess.html")
    """
    folder = as_path(folder)
    out = writable(folder / "report.html" if out is None else out, suffixes=(".html", ".htm"))
    if out.exists() and html.MADE_BY.encode() not in out.read_bytes()[:4096]:
        raise InputError(f"{printable(out)} was made by something else: give another name. Received: {printable(out)}")
    found = read_report(folder)
    try:
        text = page(found, folder)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{printable(folder)}: a file of it is not as it was written ({type(error).__name__}: {error}). "
            f"Received: {printable(folder)}"
        ) from error
    with replacing(out) as part:
        part.write_text(text, "utf-8")
    return out


def read_report(folder):
    """`report.json` of a run or a cross-validation."""
    file = folder / "report.json"
    fix = "give the folder of `emohrnet train` or `emohrnet crossval`"
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError | NotADirectoryError) else "cannot be read"
        raise InputError(f"{printable(file)} {reason}: {fix}. Received: {printable(folder)}") from error
    if not isinstance(found, dict) or "protocol" not in found or not {"results", "pooled"} & set(found):
        raise InputError(f"{printable(file)} is no report of a run: {fix}. Received: {printable(folder)}")
    return found


def page(found, folder):
    """The page as text, of a report and the folder that it lies in."""
    network, several = found["config"]["network"]["architecture"], "pooled" in found
    what = counted(len(found["runs"]), "run") if several else f"fold {found['fold']}, seed {found['seed']}"
    title = f"{found['corpus']}: {NETWORKS.get(network, network)}, protocol {found['protocol']}, {what}"
    body = [html.heading(title, 1), html.paragraph(printable(folder.resolve().name), "lead")]
    with tempfile.TemporaryDirectory() as scratch:
        draw = functools.partial(sections.picture, Path(scratch))
        body += sections.summary(found) if several else sections.run(found)
        for result, predictions, name in sections.measured(found, folder):
            body += [html.heading(f"Answers, {name}")] + sections.answers(
                result, predictions, found.get("sphere"), draw
            )
        if several and "across" in found:
            body += sections.across(found["across"], draw)
        body += sections.curves(found, folder, draw)
    return html.document(title, [*body, *sections.settings(found, folder), *sections.provenance(found)])

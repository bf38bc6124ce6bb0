"""The folder that exports go to: what lies there, whose it is, and how a finished export takes its place."""

import json
import shutil

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import alive
from emohrnet_tf.inference.exported import read_metadata


def next_version(out, version, overwrite):
    """The number of the new version; checked."""
    there = [int(p.name) for p in (out / "saved_model").glob("*") if p.name.isdigit()] if out.is_dir() else []
    if version is None:
        if overwrite:
            raise InputError("--overwrite replaces a version: say which by --version. Received: none")
        return max(there, default=0) + 1
    if version < 1:
        raise InputError(f"A version is a number from 1 on. Received: {version!r}")
    if version in there and not overwrite:
        raise InputError(
            f"{out / 'saved_model' / str(version)} exists: give another --version, or --overwrite. Received: {version}"
        )
    return version


def look_at(out, names):
    """Refuse to replace files that no export made: those of every export, and `names`, TFLite and ONNX files in `out`.

    Raises:
        InputError: there is one.
    """
    theirs = [] if _last_report(out) else [out / file for file in ("export_report.json", "labels.txt", "model_card.md")]
    theirs = [file for file in [*theirs, *(out / name for name in names if not _of_ours(out / name))] if file.exists()]
    if theirs:
        raise InputError(f"{theirs[0]} was made by no export: give another --out or --name. Received: {out}")


def _last_report(out):
    """The report of the last export into a folder; None where there is none."""
    try:
        report = json.loads((out / "export_report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) and "verification" in report else None


def _of_ours(file):
    try:
        contents = file.read_bytes()
        return b"emohrnet" in contents if file.suffix == ".onnx" else bool(read_metadata(contents))
    except (InputError, OSError):
        return False


def clear(out):
    """Remove what killed exports left; of one that was killed while it replaced a version, the version goes back."""
    for left in out.glob(".export-*"):
        number = left.name.split("-")[1]
        if number.isdecimal() and not alive(int(number)):
            replaced, version = left / "replaced_saved_model", left / "version"
            if replaced.exists() and version.exists():
                target = out / "saved_model" / version.read_text()
                if not target.exists():
                    replaced.rename(target)
            shutil.rmtree(left, ignore_errors=True)


def put_in_place(work, out, version, names):
    """Move finished files where they belong, each whole; the report, which says that all is there, comes last.

    Of the TFLite and ONNX files that are there only those of this model's `names` go away, all of them: an older kind
    would be another model's.
    """
    target = out / "saved_model" / str(version)
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        (work / "version").write_text(str(version))
        target.rename(work / "replaced_saved_model")
    (work / "saved_model").rename(target)
    for name in names:
        if (work / name).exists():
            (out / name).parent.mkdir(exist_ok=True)
            (work / name).replace(out / name)
        else:
            (out / name).unlink(missing_ok=True)
    for file in ("labels.txt", "model_card.md", "export_report.json"):
        (work / file).replace(out / file)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()  # the temporary directory's own cleaning finds what it made

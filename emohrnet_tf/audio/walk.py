"""The one file finder: which files are audio, of files and folders that a user names."""

import os
from collections import Counter
from pathlib import Path

from emohrnet_tf.errors import InputError

# fmt: off
SUFFIXES = frozenset((
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd",
    ".caf", ".w64", ".rf64", ".m4a", ".m4b", ".aac", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".weba", ".mka",
    ".mkv", ".amr", ".awb", ".wma", ".asf", ".ac3", ".avi", ".voc", ".nist", ".sph",
))
# fmt: on
OTHERS = "not audio by their names"  # the reason of files that are no audio


def hidden(name):
    """Whether a file or folder of this name is left out when its folder is searched."""
    return name.startswith(".") or name == "__MACOSX"


def walk(paths):
    """The audio files among files and folders.

    A file given by name is taken whatever it is called. Folders are searched recursively for `SUFFIXES`, in any case
    of letters, in the order of their paths; links to folders are followed, each folder once, so circles end. A file
    that is met twice, also by a link, is listed once, under its first name. Hidden files and folders, macOS' `._` files
    and `__MACOSX` are left out.

    Returns:
        `(files, left_out)`: list of Path, and list of dicts of `file` and `reason`; files that are not audio by their
        suffix are one row for each suffix.

    Raises:
        InputError: a path that does not exist, or something that is none.
    """
    files, left_out, others, met, folders_met = [], [], Counter(), {}, set()

    def leave(path, reason):
        left_out.append({"file": str(path), "reason": reason})

    def take(path):
        first = met.setdefault(os.path.realpath(path), path)
        if first is path:
            files.append(path)
        else:
            leave(path, "given twice" if str(first) == str(path) else f"the same file as {first}")

    try:
        paths = [Path(path) for path in paths]
    except TypeError as error:
        raise InputError(
            f"Give the paths of audio files and folders, one or a list. Received: {type(paths).__name__}"
        ) from error
    for path in paths:
        if path.is_dir():
            found = []
            for folder, names in _folders(path, folders_met, leave):
                found += [Path(folder, name) for name in names]
            for file in sorted(found):
                if file.suffix.lower() not in SUFFIXES:
                    others[file.suffix.lower()] += 1
                elif file.name.startswith("."):
                    leave(file, "macOS' own file beside another" if file.name.startswith("._") else "hidden")
                elif not file.exists():
                    leave(file, "a link to nothing")
                elif not file.is_file():
                    leave(file, "not a file")
                else:
                    take(file)
        elif path.exists():
            take(path)
        else:
            raise InputError(f"No such file or folder: check the path. Received: {path}")
    for suffix, count in sorted(others.items()):
        leave(f"{count} files {suffix}" if suffix else f"{count} files without a suffix", OTHERS)
    return files, left_out


def _folders(root, met, leave):
    """Every folder at and below a root with the names of its files, each once."""

    def failed(error):
        leave(error.filename, f"cannot be opened ({error.strerror})")

    for folder, folders, names in os.walk(root, followlinks=True, onerror=failed):
        real = os.path.realpath(folder)
        if real in met:
            folders.clear()
            continue
        met.add(real)
        for name in sorted(folders):
            if hidden(name):
                leave(Path(folder, name), "a hidden folder" if name.startswith(".") else "macOS' own folder")
        folders[:] = sorted(name for name in folders if not hidden(name))
        yield folder, names

"""What the name of a corpus' file means, field by field."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """A corpus as `named.read` reads it.

    Args:
        title: name as papers write it.
        language: of the speech.
        clips: published count, or None.
        licence: as those who give the corpus away state it.
        source: where it is described or given away.
        layout: of the files, for people.
        pattern: regular expression of `FOLDER/STEM` or STEM of a file, all of it; a named group becomes a column.
        codes: column -> code in the name -> value; any other code is an error. An emotion None is left out.
        folder: regular expression of the folder that names the speaker: where a clip lies in one, all have to.
        numbers: columns that are whole numbers.
        hidden: columns that are checked and not kept.
        nobody: code of the speaker that stands for all who are not known: each such clip is a speaker of its own.
        sex: function from the fields to "female" or "male", where the name tells.
        several_channels: of `index.make_index`.
    """

    title: str
    language: str
    clips: int | None
    licence: str
    source: str
    layout: str
    pattern: str
    codes: dict
    folder: str | None = None
    numbers: tuple = ()
    hidden: tuple = ()
    nobody: str | None = None
    sex: Callable | None = None
    several_channels: str | None = None

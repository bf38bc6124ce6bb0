"""The look of every picture, and how one is written."""

import contextlib
import functools
import logging
import warnings
from pathlib import Path

from matplotlib import font_manager
from matplotlib.text import Text

from emohrnet_tf.config import EMOTIONS
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable, replacing

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a label with a dollar is no formula
}
# Okabe & Ito's palette, with a line style each, so that they differ in grey too
LINES = {
    "training": ("#0072B2", "-"),
    "validation": ("#D55E00", "--"),
    "test": ("#009E73", "-."),
}

# Okabe & Ito again, in an order that keeps neighbours of the field's eight emotions apart in grey too
FILLS = ("#999999", "#56B4E9", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#009E73", "#E69F00")
MARKERS = "o^sDvPX*"


def looks(labels):
    """Colour, marker and hatch of each label: those of the field's eight are the same in every picture.

    Other labels take what the eight leave; from the ninth on, colours come again, hatched.
    """
    free = [number for number, emotion in enumerate(EMOTIONS) if emotion not in labels]
    free += range(len(FILLS), len(FILLS) + len(labels))
    numbers = {label: EMOTIONS.index(label) if label in EMOTIONS else free.pop(0) for label in labels}
    return {
        label: (FILLS[n % len(FILLS)], MARKERS[n % len(MARKERS)], "/" if n >= len(FILLS) else None)
        for label, n in numbers.items()
    }


def save(figure, path):
    """Write the figure beside `path` and move it there.

    Characters that the font lacks are drawn with an installed one that has them; what none has is named in the log of
    the package, once, and drawn as a box.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"{path}: a picture's name ends in .png, .pdf or .svg. Received: {path.suffix!r}")
    for text in figure.findobj(Text):
        text.set_text(printable(text.get_text()))
    kind = path.suffix[1:].lower()
    with replacing(path) as part:
        if _write(figure, part, kind):
            texts = figure.findobj(Text)
            family = families("".join(sorted({letter for text in texts for letter in text.get_text()})))
            for text in texts:
                text.set_fontfamily(family)
            _write(figure, part, kind)


@contextlib.contextmanager
def beside_results(path):
    """A picture that nobody asked for by name: where it cannot be drawn, the log names it and its results stand."""
    try:
        yield
    except Exception as error:  # whatever a font, a backend or a full disk does
        logging.getLogger("emohrnet_tf").warning(
            "%s was not drawn (%s); everything else is there, and the same command draws it.", printable(path), error
        )


def _write(figure, path, kind):
    """Write a figure; whether its font lacks a character."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(path, format=kind)
    lacking = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in caught:
        if warning not in lacking:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return bool(lacking)


@functools.lru_cache(maxsize=256)
def families(letters):
    """Names of fonts, the usual one first, that together have the letters, as far as any installed font has them."""
    names, left = ["DejaVu Sans"], {ord(letter) for letter in letters if letter.isprintable()}
    left -= set(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.style != "normal", entry.name)):
        if not left:
            break
        try:
            has = left & set(font_manager.get_font(entry.fname).get_charmap())
        except (OSError, RuntimeError):  # a font that went away, or is damaged
            continue
        if has and entry.name not in names and not entry.name.startswith("Last"):
            names.append(entry.name)
            left -= has
    if left:
        letters = "".join(map(chr, sorted(left)))
        logging.getLogger("emohrnet_tf").warning("No installed font has %s: boxes in pictures stand for them.", letters)
    return names

"""The look of every picture, and how one is written."""

from pathlib import Path

from emohrnet_tf.config import EMOTIONS
from emohrnet_tf.errors import InputError
from emohrnet_tf.files import replacing

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
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
    """Write the figure beside `path` and move it there."""
    path = Path(path)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"{path}: a picture's name ends in .png, .pdf or .svg. Received: {path.suffix!r}")
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix[1:].lower())

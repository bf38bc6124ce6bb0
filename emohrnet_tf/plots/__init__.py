"""Pictures, one function each; one look, safe for the colour-blind, legible in print and in grey.

Figures are plain `matplotlib.figure.Figure` objects: no pyplot, no window, no global state. The suffix of `path` gives
the format (.png, .pdf, .svg); a picture is written whole or not at all, and its folder is made.
"""

from .architecture import network
from .corpora import corpora
from .evaluated import evaluated
from .scores import (
    confusion_matrix,
    dimensions,
    embedding_map,
    learning_curves,
    reliability,
    risk_coverage,
    robustness,
    speakers,
)
from .sound import spectrograms, timeline
from .style import beside_results

__all__ = [
    "beside_results",
    "confusion_matrix",
    "corpora",
    "dimensions",
    "embedding_map",
    "evaluated",
    "learning_curves",
    "network",
    "reliability",
    "risk_coverage",
    "robustness",
    "speakers",
    "spectrograms",
    "timeline",
]

"""Results → Figure: pictures that read in greyscale, with words for those who do not see them.

matplotlib and seaborn are imported when a figure is drawn, not when this package is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from peerstats.errors import UsageError, did_you_mean
from peerstats.figures import (
    approximation,
    calibration,
    caterpillar,
    distributions,
    forest,
    influence,
    linearity,
    missingness,
    residuals,
)
from peerstats.figures.figure import Figure
from peerstats.results import Results

__all__ = ["FIGURES", "Figure", "build_figure"]

FIGURES: Mapping[str, Callable[[Results, str], Figure]] = {
    "approximation": approximation.build,
    "calibration": calibration.build,
    "caterpillar": caterpillar.build,
    "distributions": distributions.build,
    "forest": forest.build,
    "influence": influence.build,
    "linearity": linearity.build,
    "missingness": missingness.build,
    "residuals": residuals.build,
}


def build_figure(results: Results, kind: str, block: str) -> Figure:
    """Draw the figure of this kind from the block with this key; `UsageError` for either unknown.

    Every number drawn is in `Figure.drawn`, every number written in words in `Figure.refs`.
    """
    if kind not in FIGURES:
        raise UsageError(f"Unknown figure '{kind}'.{did_you_mean(kind, FIGURES)}")
    return FIGURES[kind](results, block)

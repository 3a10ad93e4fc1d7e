"""Quantile-quantile plot: quantiles of the residuals against those of the normal distribution.

The band holds the whole curve of 95 in 100 studies drawn from the model. Quantiles at fixed
probabilities are drawn, never the residual of a single woman.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerstats.figures.canvas import INK, SOFT, encode, place_axes, sheet, style
from peerstats.figures.figure import Figure
from peerstats.results import Results, address
from peerstats.results.blocks import ResidualBlock
from peerstats.results.find import block_of
from peerstats.results.text import LEVEL, Cell, Ref, shown, value_of, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = "#dcdcdc"
SIDE = 3.4  # inches
PARTS = ("normal", "value", "low", "high")
Point = tuple[float, float, float, float]

ABOUT = (
    "Dots: quantiles of randomised-quantile residuals averaged over groups; grey: the band that "
    f"holds all quantiles in {LEVEL} of studies drawn from the model; dashed: normal distribution; "
    "diamonds: outside the band."
)


def build(results: Results, key: str) -> Figure:
    """Draw the quantiles of residual block `key` with band and diagonal."""
    block = block_of(results, key, ResidualBlock)
    points = [
        (values[0], values[1], values[2], values[3])
        for item in block.quantiles
        if None not in (values := [value_of(results, address(key, item.key, p)) for p in PARTS])
    ]
    with style():
        drawing = sheet(SIDE + 0.75, SIDE + 1.4)
        axes = place_axes(drawing, 0.8, 0.55, SIDE, SIDE)
        _draw(axes, points)  # type: ignore[arg-type]
        png, width, height = encode(drawing, results.synthetic)
    drawn = tuple(
        at
        for item in block.quantiles
        for part in PARTS
        if results.has(at := address(key, item.key, part))
    )
    reading = _reading(results, block)
    return Figure(
        key=f"residuals-{key}",
        title=block.title,
        alt=("Quantile-quantile plot of residuals. ", *reading),
        png=png,
        width=width,
        height=height,
        drawn=drawn,
        notes=((f"{ABOUT} {withheld_words(results, drawn)}".rstrip(),),),
        reading=reading,
    )


def _draw(axes: Axes, points: list[Point]) -> None:
    import seaborn

    normal = [p[0] for p in points]
    low, high = [p[2] for p in points], [p[3] for p in points]
    axes.fill_between(normal, low, high, color=BAND, linewidth=0, zorder=1)
    for edge in (low, high):
        axes.plot(normal, edge, color=SOFT, linewidth=0.6, zorder=2)
    every = [value for point in points for value in point] or [0.0]
    ends = (min(every) - 0.15, max(every) + 0.15)
    axes.plot(ends, ends, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)
    for point in points:
        inside = point[2] <= point[1] <= point[3]
        axes.plot(
            point[0], point[1], "o" if inside else "D", color=INK,
            markersize=3.4 if inside else 5.0, zorder=3,
        )  # fmt: skip
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel("Quantile of the normal distribution")
    axes.set_ylabel("Quantile of the residuals")
    seaborn.despine(ax=axes)


def _reading(results: Results, block: ResidualBlock) -> Cell:
    """How many quantiles lie within the band, in one sentence."""
    inside, quantiles = address(block.key, "inside"), address(block.key, "quantiles")
    if not (shown(results, inside) and shown(results, quantiles)):
        return ("How many quantiles of the residuals lie within the band is withheld.",)
    return (
        "Of ", Ref(quantiles), " quantiles of the residuals ", Ref(inside),
        f" lie within the band that holds them all in {LEVEL} of studies drawn from the model.",
    )  # fmt: skip

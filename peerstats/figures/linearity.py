"""Linearity: each measurement of a model as a curve with its band, and as the straight line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from peerstats.figures.canvas import (
    INK,
    SOFT,
    TEXT,
    WIDTH,
    encode,
    place_axes,
    sheet,
    shorten,
    style,
)
from peerstats.figures.figure import Figure
from peerstats.results import Results, address
from peerstats.results.blocks import Curve, LinearityBlock
from peerstats.results.find import block_of
from peerstats.results.measures import MEASURES
from peerstats.results.text import (
    LEVEL,
    Cell,
    as_noun,
    number,
    p_phrase,
    plain,
    shown,
    value_of,
    withheld_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 3
HEIGHT = 1.9  # inches, of a panel's axes
LEFT, BETWEEN, TOP, BOTTOM = 0.62, 0.48, 0.35, 0.5
BAND = "#dcdcdc"
PARTS = ("x", "curve", "curve.low", "curve.high", "line")
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
CLOSER = ((0.25, 0.33, 0.5, 0.75, 1, 1.5, 2, 3, 4), (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4))
READ = 4  # tests that are read out; the others are in the picture


def build(results: Results, key: str) -> Figure:
    """Draw the curves of linearity block `key`, one panel a measurement."""
    block = block_of(results, key, LinearityBlock)
    with style():
        png, width, height = _draw(results, block)
    drawn = tuple(
        at for curve in block.curves for at in _addresses(block, curve) if results.has(at)
    )
    reading = _reading(results, block)
    return Figure(
        key=f"linearity-{key}",
        title=block.title,
        alt=("Curves of measurements with the straight lines. ", *reading),
        png=png,
        width=width,
        height=height,
        drawn=drawn,
        notes=((_note(results, block, drawn),),),
        reading=reading,
    )


def _base(block: LinearityBlock, curve: Curve) -> str:
    return address(block.key, curve.variable)


def _addresses(block: LinearityBlock, curve: Curve) -> list[str]:
    base = _base(block, curve)
    places = [f"{base}.{position}.{part}" for position in curve.positions for part in PARTS]
    return [f"{base}.p", *places]


def _draw(results: Results, block: LinearityBlock) -> tuple[bytes, int, int]:
    rows = math.ceil(len(block.curves) / ACROSS)
    tall = TOP + HEIGHT + BOTTOM
    across = min(ACROSS, len(block.curves))
    wide = (WIDTH - LEFT) / max(across, 2) - BETWEEN
    drawing = sheet(rows * tall, LEFT + across * (wide + BETWEEN))
    for i, curve in enumerate(block.curves):
        left = LEFT + (i % ACROSS) * (wide + BETWEEN)
        bottom = (rows - 1 - i // ACROSS) * tall + BOTTOM
        axes = place_axes(drawing, left, bottom, wide, HEIGHT)
        axes.set_xlabel(shorten(curve.label, wide + 0.4))
        _panel(axes, results, block, curve)
        if i % ACROSS == 0:
            words = MEASURES[block.measure]
            axes.set_ylabel(f"{words.name.capitalize()}{', log scale' if words.ratio else ''}")
    return encode(drawing, results.synthetic)


def _panel(axes: Axes, results: Results, block: LinearityBlock, curve: Curve) -> None:
    import seaborn

    base, ratio = _base(block, curve), MEASURES[block.measure].ratio
    rows = [[value_of(results, f"{base}.{at}.{part}") for part in PARTS] for at in curve.positions]
    known = [[v for v in row if v is not None] for row in rows if None not in row]
    x, middle, low, high, line = zip(*known, strict=True) if known else ((),) * 5
    if ratio:
        axes.set_yscale("log")
    axes.axhline(1 if ratio else 0, color=SOFT, linewidth=0.6)
    axes.fill_between(x, low, high, color=BAND, linewidth=0, zorder=1)
    axes.plot(x, middle, color=INK, linewidth=1.3, zorder=3)
    axes.plot(x, line, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    if ratio and x:
        _ticks(axes, min(*low, *line), max(*high, *line))
    axes.locator_params(axis="x", nbins=5)
    if results.has(f"{base}.p"):
        axes.set_title(plain(results, p_phrase(results, f"{base}.p")), fontsize=TEXT, loc="left")
    seaborn.despine(ax=axes)


def _ticks(axes: Axes, low: float, high: float) -> None:
    """Label round ratios only."""
    low, high = min(low, 0.95), max(high, 1.05)
    ticks = [t for t in TICKS if low <= t <= high]
    for closer in CLOSER:
        if len(ticks) < 3:
            ticks = [t for t in closer if low <= t <= high]
    axes.set_ylim(low / 1.05, high * 1.05)
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_yticks([], minor=True)


def _reading(results: Results, block: LinearityBlock) -> Cell:
    """The test of each curve against its line, in one sentence."""
    out: Cell = ("Likelihood-ratio tests of a curve against the straight line: ",)
    for i, curve in enumerate(block.curves[:READ]):
        at = f"{_base(block, curve)}.p"
        found = p_phrase(results, at) if shown(results, at) else number(results, at)
        out = (*out, *(("; ",) if i else ()), f"{as_noun(curve.label)} ", *found)
    return (*out, ".")


def _note(results: Results, block: LinearityBlock, drawn: tuple[str, ...]) -> str:
    words = (
        f"Solid: restricted cubic spline with its {LEVEL} band, compared with the round value next "
        "to the median; dashed: straight line; above: p-value of the curve against the line. "
        "Curves end near the 5% and 95% quantiles."
    )
    if block.left_out:
        names = ", ".join(as_noun(label) for label in block.left_out)
        words += f" Not examined (few values, or constant inside sites): {names}."
    return f"{words} {withheld_words(results, drawn)}".rstrip()

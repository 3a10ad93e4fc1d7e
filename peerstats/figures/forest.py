"""Forest plot: adjusted estimates with intervals beside the numbers they are drawn from.

Ratios stand on a log axis, so that 0.5 and 2 are equally far from 1; differences on a linear one.
An interval that leaves the axis ends in an arrow, and its numbers are printed all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peerstats.figures.canvas import (
    INK,
    SOFT,
    WIDTH,
    encode,
    place_axes,
    sheet,
    shorten,
    style,
    text_width,
)
from peerstats.figures.figure import Figure
from peerstats.results import Results, address
from peerstats.results.blocks import ModelBlock, Term, TermLevel
from peerstats.results.find import block_of
from peerstats.results.measures import MEASURES, Measure
from peerstats.results.text import (
    LEVEL,
    Cell,
    as_noun,
    estimate,
    plain,
    shown,
    value_of,
    withheld_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ABOUT = (
    f"Squares: estimates, black for the exposure; bars: {LEVEL} confidence intervals; "
    "dashed line: no association."
)
LINE = 0.21  # inches a row
TOP, BOTTOM, GAP = 0.42, 0.55, 0.15
NARROWEST, WIDEST = 0.05, 20.0  # a log axis never shows more than this
TICKS = (0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 4, 5, 10, 20)
CLOSER = (
    (0.33, 0.5, 0.75, 1, 1.5, 2, 3),
    (0.5, 0.75, 1, 1.25, 1.5, 1.75),
    (0.8, 0.9, 1, 1.1, 1.25),
)  # where few of TICKS fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the plot; without a base it is only words (a heading or a reference)."""

    label: str
    words: str
    base: str | None = None
    exposure: bool = False
    heading: bool = False


def build(results: Results, key: str) -> Figure:
    """Draw the adjusted estimates of model block `key`; reference rows and refusals are listed."""
    block = block_of(results, key, ModelBlock)
    lines = [line for term in block.terms for line in _lines(results, block, term)]
    with style():
        said = f"Adjusted {MEASURES[block.measure].name}"
        png, width, height = draw_lines(results, block.measure, lines, said)
    drawn = [
        at
        for line in lines
        if line.base
        for at in (f"{line.base}.{block.measure}", f"{line.base}.low", f"{line.base}.high")
        if results.has(at)
    ]
    return Figure(
        key=f"forest-{key}",
        title=f"{block.title}: adjusted {MEASURES[block.measure].name}s",
        alt=_alt(results, block),
        png=png,
        width=width,
        height=height,
        drawn=tuple(drawn),
        notes=((f"{ABOUT} {withheld_words(results, drawn)}".rstrip(),),),
    )


def _base(block: ModelBlock, term: Term, level: TermLevel) -> str:
    return address(block.key, term.variable, *((level.key,) if level.key else ()))


def _lines(results: Results, block: ModelBlock, term: Term) -> list[Line]:
    """A numeric covariate is one line; a categorical one has a heading and a line a level."""
    single = len(term.levels) == 1 and not term.levels[0].key
    lines = [] if single else [Line(label=term.label, words="", heading=True)]
    for level in term.levels:
        label = term.label if single else f"    {level.label}"
        if level.term is None:
            if ":" not in term.variable:
                lines.append(Line(label=label, words="Reference"))
            continue
        base = _base(block, term, level)
        words = plain(results, estimate(results, base, block.measure))
        lines.append(Line(label=label, words=words, base=base, exposure=term.exposure))
    return lines


def draw_lines(
    results: Results, measure: Measure, lines: list[Line], said: str
) -> tuple[bytes, int, int]:
    """Lay out label column, axis and number column in inches, so that nothing can overlap.

    `said` names the measure under the axis.
    """
    header = f"{MEASURES[measure].head} ({LEVEL} CI)"
    right = text_width([line.words for line in lines] + [f"{header} "]) + 0.15
    most = WIDTH - right - 2.6
    labels = [shorten(line.label, most) for line in lines]
    left = text_width(labels) + 0.1
    height = TOP + LINE * len(lines) + BOTTOM
    drawing = sheet(height)
    width = WIDTH - left - right - 2 * GAP
    axes = place_axes(drawing, left + GAP, BOTTOM, width, LINE * len(lines))
    axes.set_ylim(len(lines) - 0.5, -0.5)
    for i, (line, label) in enumerate(zip(lines, labels, strict=True)):
        y = (height - TOP - LINE * (i + 0.5)) / height
        drawing.text(0.02 / WIDTH, y, label, va="center_baseline", color=_shade(line))
        x = 1 - 0.02 / WIDTH
        drawing.text(x, y, line.words, ha="right", va="center_baseline", color=_shade(line))
    drawing.text(
        1 - 0.02 / WIDTH, (height - TOP + 0.09) / height, header, ha="right", weight="bold"
    )
    _mark_all(axes, results, measure, lines)
    scale = ", log scale" if MEASURES[measure].ratio else ""
    axes.set_xlabel(f"{said} ({LEVEL} CI){scale}")
    return encode(drawing, results.synthetic)


def _shade(line: Line) -> str:
    """Reference rows step back."""
    return INK if line.base or line.heading else SOFT


def _mark_all(axes: Axes, results: Results, measure: Measure, lines: list[Line]) -> None:
    """Draw null line, intervals and estimates; limits come from what is shown, within bounds."""
    import seaborn

    log = MEASURES[measure].ratio
    points = {
        i: values
        for i, line in enumerate(lines)
        if line.base and (values := _values(results, measure, line.base))
    }
    low, high = _limits(list(points.values()), log)
    axes.set_xlim(low, high)
    if log:
        axes.set_xscale("log")
    _ticks(axes, low, high, log)
    axes.axvline(1 if log else 0, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    for i, (mid, start, end) in points.items():
        _interval(axes, i, (start, end), (low, high))
        face = INK if lines[i].exposure else "white"
        if low <= mid <= high:  # not where there is none
            axes.plot([mid], [i], marker="s", markersize=5, color=INK, mfc=face, mew=1, zorder=3)
    axes.set_yticks([])
    seaborn.despine(ax=axes, left=True)


def _values(results: Results, measure: Measure, base: str) -> tuple[float, float, float] | None:
    """Estimate, low and high; None when the gate or the fit gives neither estimate nor interval.

    The estimate is missing (nan) where the number of sites allows an interval and no more.
    """
    at = f"{base}.{measure}"
    if results.has(at) and not shown(results, at):
        return None
    mid, low, high = (value_of(results, place) for place in (at, f"{base}.low", f"{base}.high"))
    if mid is None:
        return None if low is None or high is None else (math.nan, low, high)
    return mid, mid if low is None else low, mid if high is None else high


def _limits(points: list[tuple[float, float, float]], log: bool) -> tuple[float, float]:
    """Axis limits that hold every interval and the null, within what can still be read."""
    values = [v for point in points for v in point if math.isfinite(v)]
    if not log:
        low, high = min([0.0, *values]), max([0.0, *values])
        pad = 0.06 * (high - low or 1.0)
        return low - pad, high + pad
    low = min([0.8, *(v / 1.1 for v in values if v > 0)])
    high = max([1.25, *(v * 1.1 for v in values)])
    return max(low, NARROWEST), min(high, WIDEST)


def _ticks(axes: Axes, low: float, high: float, log: bool) -> None:
    """Label round values only; on a log axis 0.5, 1, 2 rather than powers of ten."""
    if not log:
        axes.locator_params(axis="x", nbins=6)
        return
    ticks = [t for t in TICKS if low <= t <= high]
    for closer in CLOSER:
        if len(ticks) < 3:
            ticks = [t for t in closer if low <= t <= high]
    if len(ticks) > 7:
        ticks = [t for t in ticks if t not in (0.2, 0.25, 4)]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)


def _interval(axes: Axes, y: int, ends: tuple[float, float], limits: tuple[float, float]) -> None:
    """A bar from low to high; an arrow where it leaves the axis."""
    start, end = max(ends[0], limits[0]), min(ends[1], limits[1])
    axes.plot([start, end], [y, y], color=INK, linewidth=1.1, solid_capstyle="butt", zorder=2)
    for inside, at, marker in (
        (ends[0] >= limits[0], start, "<"),
        (ends[1] <= limits[1], end, ">"),
    ):
        if not inside:
            axes.plot([at], [y], marker=marker, markersize=4, color=INK, clip_on=False, zorder=3)


def _alt(results: Results, block: ModelBlock) -> Cell:
    """Read out the exposure's estimates, or the first ones where no term is an exposure."""
    terms = [t for t in block.terms if t.exposure] or list(block.terms[:2])
    name = MEASURES[block.measure].name
    alt: Cell = (f"Forest plot of adjusted {name}s for {as_noun(block.outcome_label)}",)
    mark = ": "
    for term in terms:
        for level in term.levels:
            if level.term is not None:
                name = f"{term.label}, {level.label}" if level.key else term.label
                found = estimate(results, _base(block, term, level), block.measure)
                alt = (*alt, f"{mark}{name} ", *found)
                mark = "; "
    rest = len(block.terms) - len(terms)
    return (*alt, ". The covariates’ estimates are in the table as well." if rest else ".")

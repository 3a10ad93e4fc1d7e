"""Calibration: what was observed in each group, on the range the model expects there.

Groups are ordered by what is expected. Up to 25 stand as labelled rows, more side by side. A dot
inside its range is round, one outside is a larger diamond.
"""

from __future__ import annotations

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
from peerstats.results.blocks import CalibrationBlock, Group
from peerstats.results.find import block_of
from peerstats.results.formats import WITHHELD
from peerstats.results.text import (
    LEVEL,
    Cell,
    Ref,
    as_noun,
    lower_first,
    shown,
    value_of,
    withheld_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS_UP_TO = 25
LABEL_SIZE = 5.5  # points, of groups side by side
MARGIN = 0.12
RANGE = "#c8c8c8"
PARTS = ("observed", "expected", "low", "high")
Point = tuple[float, float, float, float]


def build(results: Results, key: str) -> Figure:
    """Draw observed values of calibration block `key` on the limits of what is expected."""
    block = block_of(results, key, CalibrationBlock)
    found = [(group, _point(results, block, group)) for group in block.groups]
    known = sorted(((g, p) for g, p in found if p is not None), key=lambda pair: pair[1][1])
    hidden = [group for group, point in found if point is None]
    with style():
        draw = _draw_rows if len(found) <= ROWS_UP_TO else _draw_columns
        png, width, height = draw(results, block, known, hidden)
    drawn = tuple(
        at
        for group in block.groups
        for part in PARTS
        if results.has(at := address(key, group.key, part))
    )
    reading = _reading(results, block)
    return Figure(
        key=f"calibration-{key}",
        title=block.title,
        alt=(f"Calibration plot of {as_noun(block.outcome_label)}. ", *reading),
        png=png,
        width=width,
        height=height,
        drawn=drawn,
        notes=((_note(results, block, drawn),),),
        reading=reading,
    )


def _point(results: Results, block: CalibrationBlock, group: Group) -> Point | None:
    values = [value_of(results, address(block.key, group.key, part)) for part in PARTS]
    if any(value is None for value in values):
        return None
    observed, expected, low, high = (float(value or 0.0) for value in values)
    return observed, expected, low, high


def _inside(point: Point) -> bool:
    return point[2] <= point[0] <= point[3]


def _axis_label(block: CalibrationBlock) -> str:
    label = block.outcome_label
    return f"{label}, %" if block.percent else label


Known = list[tuple[Group, Point]]


def _draw_rows(
    results: Results, block: CalibrationBlock, known: Known, hidden: list[Group]
) -> tuple[bytes, int, int]:
    """Labelled rows, the one of which most is expected at the top, withheld ones at the bottom."""
    groups = [*hidden, *(group for group, _ in known)]
    labels = [shorten(group.label, WIDTH / 3) for group in groups]
    left = text_width(labels) + MARGIN + 0.1
    height = 0.22 * len(groups)
    drawing = sheet(height + 0.85)
    axes = place_axes(drawing, left, 0.55, WIDTH - left - 2 * MARGIN, height)
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_yticks(range(len(groups)), labels)
    axes.tick_params(axis="y", length=0)
    for i, (_, point) in enumerate(known, start=len(hidden)):
        axes.plot(point[2:], [i, i], color=RANGE, linewidth=6, solid_capstyle="butt", zorder=1)
        axes.plot(point[1], i, "|", color=INK, markersize=9, mew=1.2, zorder=2)
        axes.plot(point[0], i, _marker(point), color=INK, markersize=_size(point), zorder=3)
    _limit(axes, block, known, across=True)
    for i in range(len(hidden)):
        axes.text(0.5, i, WITHHELD, transform=axes.get_yaxis_transform(), va="center_baseline")
    axes.set_xlabel(shorten(_axis_label(block), WIDTH - left - 2 * MARGIN))
    _spines(axes, left=True)
    return encode(drawing, results.synthetic)


def _draw_columns(
    results: Results, block: CalibrationBlock, known: Known, hidden: list[Group]
) -> tuple[bytes, int, int]:
    """Groups side by side, the one of which least is expected at the left."""
    groups = [*(group for group, _ in known), *hidden]
    labels = [shorten(group.label, 1.1, LABEL_SIZE) for group in groups]
    bottom = text_width(labels, LABEL_SIZE) + 0.42
    height = 2.6
    drawing = sheet(height + bottom + 0.2)
    axes = place_axes(drawing, 0.75, bottom, WIDTH - 0.75 - MARGIN, height)
    axes.set_xlim(-1, len(groups))
    for i, (_, point) in enumerate(known):
        axes.plot([i, i], point[2:], color=RANGE, linewidth=3.2, solid_capstyle="butt", zorder=1)
        axes.plot(i, point[1], "_", color=INK, markersize=4.5, mew=0.9, zorder=2)
        axes.plot(i, point[0], _marker(point), color=INK, markersize=_size(point) - 1.4, zorder=3)
    _limit(axes, block, known, across=False)
    for i in range(len(known), len(groups)):
        axes.text(
            i, 0.5, WITHHELD, transform=axes.get_xaxis_transform(), rotation=90,
            ha="center", va="center", fontsize=LABEL_SIZE,
        )  # fmt: skip
    step = -(-len(groups) // 100)
    axes.set_xticks(range(0, len(groups), step), labels[::step], rotation=90, fontsize=LABEL_SIZE)
    axes.tick_params(axis="x", length=1.5, pad=1.5)
    axes.set_ylabel(shorten(_axis_label(block), height))
    axes.set_xlabel(f"{block.factor_label}, ordered by what is expected")
    _spines(axes, left=False)
    return encode(drawing, results.synthetic)


def _marker(point: Point) -> str:
    return "o" if _inside(point) else "D"


def _size(point: Point) -> float:
    return 4.4 if _inside(point) else 5.4


def _limit(axes: Axes, block: CalibrationBlock, known: Known, across: bool) -> None:
    """Percentages stay between 0 and 100, with room for a marker at either end."""
    if not known:
        return
    low = min(min(point) for _, point in known)
    high = max(max(point) for _, point in known)
    pad = 0.04 * (high - low or 1.0)
    ends = (
        (max(low - pad, -2.0), min(high + pad, 102.0)) if block.percent else (low - pad, high + pad)
    )
    (axes.set_xlim if across else axes.set_ylim)(*ends)


def _spines(axes: Axes, left: bool) -> None:
    import seaborn

    axes.tick_params(color=SOFT)
    seaborn.despine(ax=axes, left=left)


def _reading(results: Results, block: CalibrationBlock) -> Cell:
    """How many groups lie within the limits, in one sentence."""
    unit = lower_first(block.factor_label)
    what = "proportion" if block.percent else "mean"
    inside, groups = address(block.key, "inside"), address(block.key, "groups")
    if not (shown(results, inside) and shown(results, groups)):
        return (f"How many {unit}s lie within their limits is withheld.",)
    return (
        "In ", Ref(inside), " of ", Ref(groups), f" {unit}s the observed {what} of "
        f"{as_noun(block.outcome_label)} lies within the {LEVEL} limits of what the model expects.",
    )  # fmt: skip


def _note(results: Results, block: CalibrationBlock, drawn: tuple[str, ...]) -> str:
    unit = lower_first(block.factor_label)
    words = (
        f"Dots: observed; strokes: expected of a {unit} with the same women; grey: {LEVEL} limits "
        f"of what {unit}s drawn from the model show; diamonds: outside the limits."
    )
    if block.percent and results.clearance is not None and results.clearance.threshold:
        words += (
            " Observed percentages are of rounded counts, and the limits are wider by what "
            "rounding can move them."
        )
    return f"{words} {withheld_words(results, drawn)}".rstrip()

"""Caterpillar plot: every group's departure from the average group, ordered by its size.

Up to 25 groups stand as labelled rows. More stand side by side, as the plot is usually seen, with
labels turned; above 100 groups only every k-th label is written.
"""

from __future__ import annotations

import math
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
from peerstats.results.blocks import Group, GroupBlock
from peerstats.results.find import block_of
from peerstats.results.formats import WITHHELD
from peerstats.results.text import LEVEL, Cell, number, shown, spread, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS_UP_TO = 25
LABELS_UP_TO = 100
MARGIN = 0.12
BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
UNITS = {"logit": "log odds", "log": "log rate", "identity": "units of the outcome"}  # by link
Point = tuple[float, float, float]


def build(results: Results, key: str) -> Figure:
    """Draw the conditional modes of group block `key` with their intervals and the zero line."""
    block = block_of(results, key, GroupBlock)
    points = [_point(results, block, group) for group in block.groups]
    order = sorted(range(len(points)), key=lambda i: _rank(block.groups[i], points[i]))
    groups, points = [block.groups[i] for i in order], [points[i] for i in order]
    with style():
        draw = _draw_rows if len(groups) <= ROWS_UP_TO else _draw_columns
        png, width, height = draw(results, block, groups, points)
    modes = [address(key, group.key, "mode") for group in groups]
    drawn = [a for m in modes for a in (m, f"{m}.low", f"{m}.high") if results.has(a)]
    return Figure(
        key=f"caterpillar-{key}",
        title=block.title,
        alt=_alt(results, block, [m for m in modes if shown(results, m)]),
        png=png,
        width=width,
        height=height,
        drawn=tuple(drawn),
        notes=(_note(results, points, drawn),),
    )


def _point(results: Results, block: GroupBlock, group: Group) -> Point | None:
    """Mode, low and high of a group; None where it was withheld or is missing."""
    at = address(block.key, group.key, "mode")
    if not shown(results, at):
        return None
    mode = results.number(at).value
    ends = [
        results.number(f"{at}.{end}").value if shown(results, f"{at}.{end}") else mode
        for end in ("low", "high")
    ]
    return mode, ends[0], ends[1]


def _rank(group: Group, point: Point | None) -> tuple[float, str]:
    """Withheld groups stand last and by name, so that their place tells nothing."""
    return (math.inf, group.label) if point is None else (point[0], "")


def _label(results: Results, block: GroupBlock) -> str:
    """The axis label with the unit the modes are on."""
    fit = results.fits.get(block.model)
    unit = UNITS.get(fit.link if fit else "", "units of the linear predictor")
    return f"Departure from the average, in {unit} ({LEVEL} interval)"


def _draw_rows(
    results: Results, block: GroupBlock, groups: list[Group], points: list[Point | None]
) -> tuple[bytes, int, int]:
    """Labelled rows, the largest at the top, those withheld at the bottom."""
    shift = sum(point is None for point in points)
    groups = [*groups[-shift:][::-1], *groups[:-shift]] if shift else groups
    points = [*points[-shift:], *points[:-shift]] if shift else points
    labels = [shorten(group.label, WIDTH / 3) for group in groups]
    left = text_width(labels) + MARGIN + 0.1
    height = 0.2 * len(groups)
    drawing = sheet(height + 0.85)
    axes = place_axes(drawing, left, 0.55, WIDTH - left - 2 * MARGIN, height)
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_yticks(range(len(groups)), labels)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    for i, point in enumerate(points):
        if point is None:
            axes.text(0, i, WITHHELD, ha="center", va="center_baseline", bbox=BOX)
            continue
        axes.plot(point[1:], [i, i], color=INK, linewidth=1)
        axes.plot(point[0], i, "o", color=INK, markersize=4)
    axes.set_xlabel(_label(results, block))
    _spines(axes, left=True)
    return encode(drawing, results.synthetic)


def _draw_columns(
    results: Results, block: GroupBlock, groups: list[Group], points: list[Point | None]
) -> tuple[bytes, int, int]:
    """Groups side by side, the smallest at the left, with turned labels that never touch."""
    step = math.ceil(len(groups) / LABELS_UP_TO)
    size = 5.5
    labels = [shorten(group.label, 1.1, size) for group in groups][::step]
    bottom = text_width(labels, size) + 0.42
    height = 2.6
    drawing = sheet(height + bottom + 0.2)
    axes = place_axes(drawing, 0.85, bottom, WIDTH - 0.85 - MARGIN, height)
    axes.set_xlim(-1, len(groups))
    axes.axhline(0, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    for i, point in enumerate(points):
        if point is None:
            axes.text(i, 0, WITHHELD, ha="center", va="center", rotation=90, fontsize=size)
    kept = [(i, p) for i, p in enumerate(points) if p is not None]
    axes.vlines(
        [i for i, _ in kept], [p[1] for _, p in kept], [p[2] for _, p in kept],
        color=SOFT, linewidth=0.8,
    )  # fmt: skip
    axes.plot([i for i, _ in kept], [p[0] for _, p in kept], "o", color=INK, markersize=2.6)
    axes.set_xticks(range(0, len(groups), step), labels, rotation=90, fontsize=size)
    axes.tick_params(axis="x", length=1.5, pad=1.5)
    axes.set_ylabel("\n".join(_label(results, block).split(", ")))
    axes.set_xlabel(f"{block.factor_label}, ordered by departure")
    _spines(axes, left=False)
    return encode(drawing, results.synthetic)


def _spines(axes: Axes, left: bool) -> None:
    import seaborn

    seaborn.despine(ax=axes, left=left)


def _note(results: Results, points: list[Point | None], drawn: list[str]) -> Cell:
    words = (
        "Dots: departure of each group from the average group, in order; bars: its interval. "
        "Groups with few women are drawn towards the average."
    )
    if all(point is not None and not any(point) for point in points):
        words += (
            " All departures are 0, because the variance between groups is estimated at zero; "
            "this does not show that the groups are alike."
        )
    if any(point is None for point in points):
        words += f" {withheld_words(results, drawn)} These groups stand last and not in order."
    return (words,)


def _alt(results: Results, block: GroupBlock, modes: list[str]) -> Cell:
    """Say from where to where the groups reach, and whose intervals exclude the average."""
    alt: Cell = (f"Caterpillar plot of departures by {block.factor_label.lower()}, in order",)
    if not modes:
        return (*alt, "; all are withheld.")
    return (
        *alt,
        ": the smallest is ",
        *number(results, modes[0]),
        " and the largest ",
        *number(results, modes[-1]),
        "; the interval of the smallest is ",
        *spread(results, f"{modes[0]}.low", f"{modes[0]}.high"),
        " and that of the largest ",
        *spread(results, f"{modes[-1]}.low", f"{modes[-1]}.high"),
        ".",
    )

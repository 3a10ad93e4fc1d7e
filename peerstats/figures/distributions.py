"""Table 1 as a picture: small multiples by group, every variable's levels as bars.

One column of bars a group, all on the same axis from 0 to 100 %, so that groups are compared by
looking along a row. Levels are drawn from their percentages; bins of a numeric variable as shares
of the women in the bins shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peerstats.figures.canvas import (
    FAINT,
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
from peerstats.results.blocks import ALL, BaselineBlock, BaselineVariable, Group, Item
from peerstats.results.find import block_of
from peerstats.results.formats import WITHHELD
from peerstats.results.text import Cell, Ref, shown, value_of, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GROUPS = 5  # with more, a column is too narrow to read: only everybody is drawn
LINE, TOP, BOTTOM, MARGIN = 0.185, 0.42, 0.55, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row: a variable's name, or one of its levels or bins."""

    label: str
    variable: BaselineVariable | None = None
    item: Item | None = None


def build(results: Results, key: str) -> Figure:
    """Draw the levels and bins of baseline block `key`, one column of bars a group."""
    block = block_of(results, key, BaselineBlock)
    groups = block.groups
    if len(groups) > MOST_GROUPS:
        groups = tuple(g for g in groups if g.key == ALL) or groups[:1]
    lines = list(_lines(block))
    with style():
        png, width, height = _draw(results, block, groups, lines)
    places = [
        _place(block, line.variable, line.item, group)
        for line in lines
        if line.variable and line.item
        for group in groups
    ]
    return Figure(
        key=f"distributions-{key}",
        title=f"{block.title}: distributions",
        alt=_alt(results, block),
        png=png,
        width=width,
        height=height,
        drawn=tuple(at for at in places if results.has(at)),
        notes=_notes(results, block, places),
    )


def _notes(results: Results, block: BaselineBlock, places: list[str]) -> tuple[Cell, ...]:
    """What the reader must know to read the bars."""
    words = ["Bars: share of the women of the group who answered."]
    if len(block.groups) > MOST_GROUPS:
        words.append("Only all women are drawn, since there are many groups.")
    elif not all(variable.by_group for variable in block.variables):
        words.append("Without bars: shown for all women only, because of small numbers.")
    words.append(withheld_words(results, places))
    return ((" ".join(words).rstrip(),),)


def _lines(block: BaselineBlock) -> Iterator[Line]:
    """The rows from top to bottom."""
    for variable in block.variables:
        items = variable.bins if variable.numeric else variable.levels
        if items:
            unit = f", {variable.unit}" if variable.numeric and variable.unit else ""
            yield Line(label=f"{variable.label}{unit}")
            yield from (Line(label=f"    {i.label}", variable=variable, item=i) for i in items)


def _place(block: BaselineBlock, variable: BaselineVariable, item: Item, group: Group) -> str:
    """The address a bar is drawn from: a level's percentage, or a bin's count."""
    if variable.numeric:
        return address(block.key, variable.name, "bin", item.key, group.key, "n")
    return address(block.key, variable.name, item.key, group.key, "percent")


def _length(
    results: Results, block: BaselineBlock, line: tuple[BaselineVariable, Item], group: Group
) -> float | None:
    """A bar's length in percent; None where it may not be drawn."""
    variable, item = line
    value = value_of(results, _place(block, variable, item, group))
    if value is None or not variable.numeric:
        return value
    counts = [value_of(results, _place(block, variable, b, group)) for b in variable.bins]
    total = sum(c for c in counts if c is not None)
    return 100 * value / total if total else None


def _draw(
    results: Results, block: BaselineBlock, groups: tuple[Group, ...], lines: list[Line]
) -> tuple[bytes, int, int]:
    """Labels at the left, then one set of axes a group."""
    labels = [shorten(line.label, WIDTH / 3) for line in lines]
    left = text_width(labels) + 2 * MARGIN
    body = LINE * max(len(lines), 1)
    height = TOP + body + BOTTOM
    drawing = sheet(height)
    each = (WIDTH - left - MARGIN) / len(groups)
    for line, label, i in zip(lines, labels, range(len(lines)), strict=True):
        y = (height - TOP - LINE * (i + 0.5)) / height
        shade = SOFT if line.item else INK
        drawing.text(0.02 / WIDTH, y, label, va="center_baseline", color=shade)
    for g, group in enumerate(groups):
        axes = place_axes(drawing, left + g * each, BOTTOM, each - 0.3, body)
        axes.set_title(shorten(group.label, each - 0.15), loc="left", pad=5)
        _column(axes, results, block, lines, group)
    drawing.text(
        (left + (WIDTH - left) / 2) / WIDTH, 0.08 / height, "Women of the group (%)", ha="center"
    )
    return encode(drawing, results.synthetic)


def _column(
    axes: Axes, results: Results, block: BaselineBlock, lines: list[Line], group: Group
) -> None:
    """The bars of one group; what was withheld says so."""
    rows, lengths = [], []
    for i, line in enumerate(lines):
        if line.variable is None or line.item is None:
            continue
        at = _place(block, line.variable, line.item, group)
        length = _length(results, block, (line.variable, line.item), group)
        if length is not None:
            rows.append(i)
            lengths.append(length)
        elif results.has(at) and results.number(at).withheld:
            axes.text(2, i, WITHHELD, va="center_baseline", fontsize=6.5)
    axes.barh(rows, [100] * len(rows), height=0.62, color="#f2f2f2")
    axes.barh(rows, lengths, height=0.62, color="#4d4d4d")
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([])
    axes.axvline(50, color=FAINT, linewidth=0.5, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _alt(results: Results, block: BaselineBlock) -> Cell:
    """Read out the commonest level of the first variables, for everybody."""
    alt: Cell = ("Bar charts of the variables of the table by group",)
    everybody = Group(key=ALL, label="")
    mark = "; among all women, most often: "
    for variable in [v for v in block.variables if v.levels and not v.numeric][:3]:
        places = {_place(block, variable, item, everybody): item for item in variable.levels}
        seen = [at for at in places if shown(results, at)]
        if seen:
            best = max(seen, key=lambda at: results.number(at).value)
            alt = (*alt, f"{mark}{variable.label}: {places[best].label}, ", Ref(best), "%")
            mark = "; "
    return (*alt, ".")

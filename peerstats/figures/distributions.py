"""Table 1 as a picture: small multiples by group, one column of bars and histograms a group.

All columns have the same axes, so that groups are compared by looking along a row. A variable with
two levels is one bar (its second level), one with more a bar a level, from 0 to 100 % of the women
of the group who answered. A numeric variable is a histogram; its columns are shares of the women in
the bins shown, and the tallest one in any group fills the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peerstats.figures.canvas import (
    INK,
    SOFT,
    WIDTH,
    boxes,
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
from peerstats.results.text import Cell, Ref, shown, value_of, with_unit, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GROUPS = 5  # with more, a column is too narrow to read: only everybody is drawn
LINE, TOP, BOTTOM, MARGIN = 0.185, 0.6, 0.55, 0.1
TALL = 3  # lines that a histogram takes
BACK, BAR = "#f2f2f2", "#4d4d4d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row: a heading, a bar (`items` has one level) or a histogram (`items` are its bins)."""

    label: str
    top: int  # lines above it
    tail: str = ""  # the level drawn, or the ends of the histogram
    variable: BaselineVariable | None = None
    items: tuple[Item, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """The lines of its label, each cut to fit; the level that is drawn is never cut off."""
        most = WIDTH * 0.36
        if self.tall:
            return shorten(self.label, most), shorten(self.tail, most)
        return (shorten(self.label, most - text_width([self.tail])) + self.tail,)

    @property
    def tall(self) -> bool:
        """Whether it is a histogram."""
        return self.variable is not None and self.variable.numeric

    @property
    def middle(self) -> float:
        """Its centre, in lines from the top."""
        return self.top + (TALL if self.tall else 1) / 2


def build(results: Results, key: str) -> Figure:
    """Draw the levels and bins of baseline block `key`, one column a group."""
    block = block_of(results, key, BaselineBlock)
    groups = block.groups
    if len(groups) > MOST_GROUPS:
        groups = tuple(g for g in groups if g.key == ALL) or groups[:1]
    lines = list(_lines(results, block))
    with style():
        png, width, height = _draw(results, block, groups, lines)
    places = [
        _place(block, line.variable, item, group)
        for line in lines
        if line.variable
        for item in line.items
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
    words = [
        "Bars: share of the women of the group who answered. Histograms: share of the women in "
        "each bin, from the first to the last bin named, on one scale for all groups."
    ]
    if len(block.groups) > MOST_GROUPS:
        words.append("Only all women are drawn, since there are many groups.")
    elif not all(variable.by_group for variable in block.variables):
        words.append("Without bars: shown for all women only, because of small numbers.")
    words.append(withheld_words(results, places))
    return ((" ".join(words).rstrip(),),)


def _lines(results: Results, block: BaselineBlock) -> Iterator[Line]:
    """The rows from top to bottom."""
    top = 0
    for variable in block.variables:
        for line in _variable_lines(results, block, variable, top):
            top = line.top + (TALL if line.tall else 1)
            yield line


def _variable_lines(
    results: Results, block: BaselineBlock, variable: BaselineVariable, top: int
) -> Iterator[Line]:
    if variable.numeric:
        items = _trimmed(results, block, variable)
        if items:
            name = with_unit(variable.label, variable.unit)
            ends = f"    {items[0].label} … {items[-1].label}"
            yield Line(label=name, tail=ends, top=top, variable=variable, items=items)
    elif len(variable.levels) == 2:
        tail = f": {variable.levels[1].label}"
        last = variable.levels[1:]
        yield Line(label=variable.label, tail=tail, top=top, variable=variable, items=last)
    elif variable.levels:
        yield Line(label=variable.label, top=top)
        for i, item in enumerate(variable.levels):
            label = f"    {item.label}"
            yield Line(label=label, top=top + 1 + i, variable=variable, items=(item,))


def _trimmed(
    results: Results, block: BaselineBlock, variable: BaselineVariable
) -> tuple[Item, ...]:
    """The bins without those at either end that are empty in every group."""
    used = [
        i
        for i, item in enumerate(variable.bins)
        if any(
            results.has(at) and value_of(results, at) != 0
            for at in (_place(block, variable, item, group) for group in block.groups)
        )
    ]
    return variable.bins[used[0] : used[-1] + 1] if used else ()


def _place(block: BaselineBlock, variable: BaselineVariable, item: Item, group: Group) -> str:
    """The address a bar is drawn from: a level's percentage, or a bin's count."""
    if variable.numeric:
        return address(block.key, variable.name, "bin", item.key, group.key, "n")
    return address(block.key, variable.name, item.key, group.key, "percent")


def _shares(results: Results, block: BaselineBlock, line: Line, group: Group) -> list[float | None]:
    """The bars of a row in percent; None where one may not be drawn."""
    if line.variable is None:
        return []
    places = [_place(block, line.variable, item, group) for item in line.items]
    values = [value_of(results, at) for at in places]
    if not line.tall:
        return values
    total = sum(value for value in values if value is not None)
    return [100 * v / total if v is not None and total else None for v in values]


def _draw(
    results: Results, block: BaselineBlock, groups: tuple[Group, ...], lines: list[Line]
) -> tuple[bytes, int, int]:
    """Labels at the left, then one set of axes a group."""
    left = text_width([part for line in lines for part in line.written]) + 2 * MARGIN
    tall = lines[-1].top + (TALL if lines[-1].tall else 1) if lines else 1
    height = TOP + LINE * tall + BOTTOM
    drawing = sheet(height)
    each = (WIDTH - left - MARGIN) / len(groups)
    for line in lines:
        for i, part in enumerate(line.written):
            middle = line.middle + 1.05 * (i - (len(line.written) - 1) / 2)
            y = (height - TOP - LINE * middle) / height
            shade = SOFT if part.startswith("    ") else INK
            drawing.text(0.02 / WIDTH, y, part, va="center_baseline", color=shade)
    if block.by_label and len(groups) > 1:
        words = shorten(block.by_label, WIDTH - left - each)
        drawing.text((left + each) / WIDTH, 1 - 0.16 / height, words, va="center", color=SOFT)
    for g, group in enumerate(groups):
        axes = place_axes(drawing, left + g * each, BOTTOM, each - 0.3, LINE * tall)
        axes.set_title(shorten(group.label, each - 0.15), loc="left", pad=5)
        axes.set_ylim(tall, 0)
        _column(axes, results, block, lines, (group, groups))
    x = (left + (WIDTH - left) / 2) / WIDTH
    drawing.text(x, 0.08 / height, "Bars: women of the group (%)", ha="center")
    return encode(drawing, results.synthetic)


def _column(
    axes: Axes,
    results: Results,
    block: BaselineBlock,
    lines: list[Line],
    whose: tuple[Group, tuple[Group, ...]],
) -> None:
    """The bars and histograms of one group; what was withheld says so."""
    group, groups = whose
    rows, lengths = [], []
    for line in lines:
        shares = _shares(results, block, line, group)
        if line.tall:
            every = (s for g in groups for s in _shares(results, block, line, g))
            _histogram(axes, line, shares, max((s for s in every if s), default=0.0))
        elif shares and shares[0] is not None:
            rows.append(line.middle)
            lengths.append(shares[0])
        if line.variable and None in shares:
            places = [_place(block, line.variable, item, group) for item in line.items]
            _withheld(axes, results, places, line)
    for ends, shade in (([100.0] * len(rows), BACK), (lengths, BAR)):
        bars = [(0.0, y - 0.33, end, 0.66) for y, end in zip(rows, ends, strict=True)]
        boxes(axes, bars, color=shade, linewidth=0)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _histogram(axes: Axes, line: Line, shares: list[float | None], tallest: float) -> None:
    """Columns on a base line, side by side over the whole width of the axes."""
    if not tallest or all(share is None for share in shares):
        return
    step = 100 / len(shares)
    base, room = line.top + TALL - 0.35, TALL - 0.7
    bars = [
        (step * i, base, step, -room * (share or 0.0) / tallest) for i, share in enumerate(shares)
    ]
    boxes(axes, bars, facecolor=BAR, edgecolor="white", linewidth=0.4)
    axes.plot([0, 100], [base, base], color=SOFT, linewidth=0.6)


def _withheld(axes: Axes, results: Results, places: list[str], line: Line) -> None:
    """Write [c] where a bar, or a histogram's column, was withheld."""
    step = 100 / len(places)
    for i, at in enumerate(places):
        if results.has(at) and results.number(at).withheld:
            x, y = (step * (i + 0.5), line.top + TALL - 0.8) if line.tall else (2, line.middle)
            across = "center" if line.tall else "left"
            axes.text(x, y, WITHHELD, va="center_baseline", ha=across, fontsize=6)


def _alt(results: Results, block: BaselineBlock) -> Cell:
    """Read out the commonest level of the first variables, for everybody."""
    alt: Cell = ("Bars and histograms of the variables of the table by group",)
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

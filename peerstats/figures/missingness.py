"""Missing values by type as stacked bars, told apart by grey and hatching rather than by colour."""

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
from peerstats.results.blocks import MissingBlock
from peerstats.results.find import block_of
from peerstats.results.formats import WITHHELD
from peerstats.results.text import Cell, number, shown, value_of, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS: tuple[tuple[str, str, str, str], ...] = (
    ("answered", "Answered", "#ededed", ""),
    ("refused", "Refused", "#2b2b2b", ""),
    ("dont_know", "Don’t know", "#8c8c8c", "////"),
    ("not_collected", "Not collected", "#ffffff", "xxxx"),
    ("unknown", "Unknown", "#bdbdbd", "...."),
    ("not_asked", "Not asked", "#ffffff", ""),
    ("not_applicable", "Not applicable", "#ffffff", "----"),
)
LINE, MARGIN = 0.27, 0.12


def build(results: Results, key: str) -> Figure:
    """Draw for each variable which share of the records was answered, refused, not asked, ..."""
    block = block_of(results, key, MissingBlock)
    with style():
        png, width, height = _draw(results, block)
    names = ("rows", *(part[0] for part in PARTS))
    places = [address(key, v.key, name) for v in block.variables for name in names]
    withheld = withheld_words(results, places)
    return Figure(
        key=f"missingness-{key}",
        title=block.title,
        alt=_alt(results, block),
        png=png,
        width=width,
        height=height,
        drawn=tuple(at for at in places if results.has(at)),
        notes=((withheld,),) if withheld else (),
    )


def _draw(results: Results, block: MissingBlock) -> tuple[bytes, int, int]:
    """Bars in the order of the table, the legend above them in as many lines as it needs."""
    present = [part for part in PARTS if _occurs(results, block, part[0])]
    labels = [shorten(v.label, WIDTH / 3) for v in block.variables]
    left = text_width(labels) + MARGIN + 0.1
    height = LINE * len(labels)
    above = 0.14 + 0.2 * (1 + (len(present) - 1) // 5)
    drawing = sheet(height + 0.55 + above)
    axes = place_axes(drawing, left, 0.5, WIDTH - left - 0.4, height)
    _bars(axes, results, block, present)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Share of records (%)")
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    up = drawing.get_size_inches()[1]
    drawing.legend(
        handles, names, loc="upper left", ncols=5, frameon=False, handlelength=1.6,
        bbox_to_anchor=(MARGIN / WIDTH, 1 - 0.08 / up), borderaxespad=0,
    )  # fmt: skip
    return encode(drawing, results.synthetic)


def _occurs(results: Results, block: MissingBlock, name: str) -> bool:
    return any(value_of(results, address(block.key, v.key, name)) for v in block.variables)


def _bars(
    axes: Axes, results: Results, block: MissingBlock, present: list[tuple[str, str, str, str]]
) -> None:
    """One series a type, each starting where the last one ended; withheld pieces are named."""
    start = [0.0] * len(block.variables)
    for name, label, face, hatch in present:
        widths = [_share(results, address(block.key, v.key), name) for v in block.variables]
        axes.barh(
            range(len(start)), widths, left=start, height=0.62, color=face, hatch=hatch,
            edgecolor=SOFT, linewidth=0.6, label=label,
        )  # fmt: skip
        start = [a + b for a, b in zip(start, widths, strict=True)]
    for i, variable in enumerate(block.variables):
        places = [address(block.key, variable.key, part[0]) for part in PARTS]
        if any(results.has(at) and results.number(at).withheld for at in places):
            axes.text(101, i, WITHHELD, va="center", color=INK, clip_on=False)


def _share(results: Results, base: str, name: str) -> float:
    """Length of a piece in percent of the records; nothing for what is not shown."""
    total, part = value_of(results, f"{base}.rows"), value_of(results, f"{base}.{name}")
    return 100 * part / total if total and part else 0.0


def _alt(results: Results, block: MissingBlock) -> Cell:
    """Read out the variable that most often went unanswered and the one that least often did."""
    shares = {
        v.label: at
        for v in block.variables
        if shown(results, at := address(block.key, v.key, "answered_percent"))
    }
    alt: Cell = ("Stacked bars of answered and missing values by type",)
    if not shares:
        return (*alt, ".")
    ordered = sorted(shares, key=lambda label: results.number(shares[label]).value)
    first, last = ordered[0], ordered[-1]
    low = number(results, shares[first])
    alt = (*alt, f". Answered least often by those asked: {first}, ", *low, "%")
    if first == last:
        return (*alt, ".")
    return (*alt, f"; most often: {last}, ", *number(results, shares[last]), "%.")

"""Laplace against quadrature: the difference of each estimate in its standard errors."""

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
from peerstats.results.blocks import ApproximationBlock, Item
from peerstats.results.find import block_of
from peerstats.results.text import Cell, Ref, number, plain, shown, withheld_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HARMLESS = 0.1  # standard errors: an interval that is off by so much covers what it should
LINE, TOP, BOTTOM, GAP = 0.22, 0.15, 0.55, 0.15


def build(results: Results, key: str) -> Figure:
    """Draw the differences of approximation block `key` with the zero line."""
    block = block_of(results, key, ApproximationBlock)
    drawn = tuple(at for item in block.rows if results.has(at := _at(block, item)))
    with style():
        png, width, height = _draw(results, block)
    reading = _reading(results, block)
    about = (
        "Dots: estimate by Laplace’s approximation less that by quadrature, in standard errors; "
        f"dotted lines: {HARMLESS:g} standard errors, which no reader would see in an interval."
    )
    return Figure(
        key=f"approximation-{key}",
        title=block.title,
        alt=("Plot of differences between two approximations. ", *reading),
        png=png,
        width=width,
        height=height,
        drawn=drawn,
        notes=((f"{about} {withheld_words(results, drawn)}".rstrip(),),),
        reading=reading,
    )


def _at(block: ApproximationBlock, item: Item) -> str:
    return f"{address(block.key)}.{item.key}.shift"


def _draw(results: Results, block: ApproximationBlock) -> tuple[bytes, int, int]:
    words = [plain(results, number(results, _at(block, item))) for item in block.rows]
    labels = [shorten(item.label, WIDTH / 2) for item in block.rows]
    left, right = text_width(labels) + 0.1, text_width(words) + 0.1
    height = LINE * len(labels)
    drawing = sheet(height + TOP + BOTTOM)
    axes = place_axes(drawing, left + GAP, BOTTOM, WIDTH - left - right - 2 * GAP, height)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    for i, (label, word) in enumerate(zip(labels, words, strict=True)):
        y = (BOTTOM + height - LINE * (i + 0.5)) / (height + TOP + BOTTOM)
        drawing.text(0.02 / WIDTH, y, label, va="center_baseline")
        drawing.text(1 - 0.02 / WIDTH, y, word, ha="right", va="center_baseline")
    _mark(
        axes,
        [(i, at) for i, item in enumerate(block.rows) if shown(results, at := _at(block, item))],
        results,
    )
    return encode(drawing, results.synthetic)


def _mark(axes: Axes, places: list[tuple[int, str]], results: Results) -> None:
    import seaborn

    values = [(i, results.number(at).value) for i, at in places]
    most = max([1.5 * HARMLESS, *(1.1 * abs(value) for _, value in values)])
    axes.set_xlim(-most, most)
    axes.axvline(0, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    for end in (-HARMLESS, HARMLESS):
        axes.axvline(end, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)))
    for i, value in values:
        axes.plot([0, value], [i, i], color=INK, linewidth=0.8)
        axes.plot(value, i, "o", color=INK, markersize=4)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=7)
    axes.set_xlabel("Difference, in standard errors")
    seaborn.despine(ax=axes, left=True)


def _reading(results: Results, block: ApproximationBlock) -> Cell:
    """The largest difference, in one sentence."""
    found = [
        (abs(results.number(at).value), at, item.label)
        for item in block.rows
        if shown(results, at := _at(block, item))
    ]
    nodes = (Ref(address(block.key, "nodes")),)
    head: Cell = ("Laplace’s approximation and quadrature with ", *nodes, " nodes")
    if not found:
        return (*head, " were compared; the differences are withheld.")
    _, at, label = max(found)
    return (*head, f" differ most for “{label}”, by ", Ref(at), " standard errors.")

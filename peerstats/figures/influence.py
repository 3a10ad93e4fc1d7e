"""Influence: the exposure's estimate without each group, below that with all of them.

Drawn as a forest plot: black for all groups, white without one. A group that alone carries the
estimate stands out as a row that leaves the others.
"""

from __future__ import annotations

from peerstats.figures.canvas import style
from peerstats.figures.figure import Figure
from peerstats.figures.forest import Line, draw_lines
from peerstats.results import Results, address
from peerstats.results.blocks import InfluenceBlock, TermLevel
from peerstats.results.find import block_of
from peerstats.results.formats import MISSING
from peerstats.results.measures import MEASURES
from peerstats.results.text import (
    LEVEL,
    Cell,
    Ref,
    as_noun,
    estimate,
    lower_first,
    plain,
    shown,
    spread,
    withheld_words,
)

READ = 2  # levels of the exposure that are read out; the others are in the picture


def build(results: Results, key: str) -> Figure:
    """Draw the leave-one-out estimates of influence block `key` below the estimate of everybody."""
    block = block_of(results, key, InfluenceBlock)
    levels = [level for level in block.exposure.levels if level.term is not None]
    lines = [line for level in levels for line in _lines(results, block, level)]
    with style():
        png, width, height = draw_lines(results, block.measure, lines, _said(block))
    drawn = tuple(
        at
        for line in lines
        if line.base
        for at in (f"{line.base}.{block.measure}", f"{line.base}.low", f"{line.base}.high")
        if results.has(at)
    )
    reading = _reading(results, block, levels[:READ])
    unit = lower_first(block.factor_label)
    about = (
        f"Black: all {unit}s; white: without one {unit}; bars: {LEVEL} confidence intervals; "
        f"dashed line: no association. Inference without one {unit}: {block.method}."
    )
    return Figure(
        key=f"influence-{key}",
        title=block.title,
        alt=(f"Estimates without each {unit}. ", *reading),
        png=png,
        width=width,
        height=height,
        drawn=drawn,
        notes=((f"{about} {withheld_words(results, drawn)}".rstrip(),),),
        reading=reading,
    )


def _said(block: InfluenceBlock) -> str:
    return f"Adjusted {MEASURES[block.measure].name}"


def _whole(block: InfluenceBlock, level: TermLevel) -> str:
    """Where the estimate with all groups stands: in the model."""
    return address(block.model, block.exposure.variable, *((level.key,) if level.key else ()))


def _without(block: InfluenceBlock, level: TermLevel) -> list[tuple[str, str]]:
    """Address and label of each estimate without a group."""
    key = (level.key,) if level.key else ()
    return [(address(block.key, group.key, *key), group.label) for group in block.groups]


def _lines(results: Results, block: InfluenceBlock, level: TermLevel) -> list[Line]:
    """A heading where the exposure has levels, everybody, and a line a group left out."""
    name = f"{block.exposure.label}: {level.label}" if level.key else block.exposure.label
    unit = lower_first(block.factor_label)
    bases = [(_whole(block, level), f"All {unit}s", True)]
    bases += [(base, f"    without {label}", False) for base, label in _without(block, level)]
    lines = [Line(label=name, words="", heading=True)]
    for base, label, everybody in bases:
        words = plain(results, estimate(results, base, block.measure))
        lines.append(Line(label=label, words=words or MISSING, base=base, exposure=everybody))
    return lines


def _reading(results: Results, block: InfluenceBlock, levels: list[TermLevel]) -> Cell:
    """From where to where the estimate goes without one group, and what it is with all."""
    unit = lower_first(block.factor_label)
    out: Cell = (f"Leaving out one {unit} at a time, the {MEASURES[block.measure].name} for ",)
    said: list[Cell] = []
    for level in levels:
        name = as_noun(block.exposure.label)
        name = f"{name} “{level.label}”" if level.key else name
        said.append((f"{name} ", *_range(results, block, level)))
    for i, words in enumerate(said):
        out = (*out, *(("; for ",) if i else ()), *words)
    return (*out, ".")


def _range(results: Results, block: InfluenceBlock, level: TermLevel) -> Cell:
    found = [
        (results.number(at).value, at, label)
        for base, label in _without(block, level)
        if shown(results, at := f"{base}.{block.measure}")
    ]
    if not found:
        return ("cannot be shown",)
    low, high = min(found), max(found)
    unit = lower_first(block.factor_label)
    whole = _whole(block, level)
    out: Cell = (
        "lies between ", Ref(low[1]), f" (without {low[2]}) and ", Ref(high[1]),
        f" (without {high[2]})",
    )  # fmt: skip
    if shown(results, f"{whole}.{block.measure}"):
        interval = spread(results, f"{whole}.low", f"{whole}.high")
        out = (
            *out, f"; with all {unit}s it is ", Ref(f"{whole}.{block.measure}"),
            f" ({LEVEL} CI ", *interval, ")",
        )  # fmt: skip
    return out

"""What checks of a model say, said anew from what may be shown.

Groups lose their names: a letter must not lead back to a town, nor from one figure to another, so
that each figure has letters of its own. Sizes and cells, which rules before this one needed, go.

Observed percentages are by now those of rounded counts. Rounding with base b moves a percentage of
n women by about 50 b/n at most, so the limits of what is expected are widened by that: no dot lies
outside them for the rounding alone, and they tell no more of n than its rounded value does. How
many dots lie inside is counted from the printed numbers, as a reader could.
"""

from __future__ import annotations

from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, under, with_block, with_numbers
from peerstats.disclosure.rules.checks import CELLS
from peerstats.disclosure.rules.modes import letters
from peerstats.disclosure.rules.printed import as_printed
from peerstats.disclosure.rules.texts import plain_method
from peerstats.results import Number, address
from peerstats.results.blocks import (
    CalibrationBlock,
    Group,
    InfluenceBlock,
    LinearityBlock,
    ResidualBlock,
)


def say_anew(draft: Draft) -> Draft:
    """Rename groups, widen limits, count again, and take out what only the gate needed."""
    for block in list(draft.results.blocks.values()):
        if isinstance(block, CalibrationBlock):
            draft = _counted(_widened(draft, block), block.key, [g.key for g in block.groups])
            draft = _lettered(draft, block)
        elif isinstance(block, InfluenceBlock):
            block = replace(block, method=plain_method(block.method))
            draft = _lettered(with_block(draft, block), block)
        elif isinstance(block, ResidualBlock):
            draft = _counted(draft, block.key, [item.key for item in block.quantiles])
        elif isinstance(block, LinearityBlock):
            gone = [address(block.key, curve.variable, "outside") for curve in block.curves]
            draft = with_numbers(draft, (), gone)
    return draft


def _widened(draft: Draft, block: CalibrationBlock) -> Draft:
    """Widen the limits of percentages; print what belongs to one group with few digits."""
    changed: list[Number] = []
    for group in block.groups:
        at = address(block.key, group.key)
        women = draft.numbers[f"{at}.n"].value  # rounded before
        half = 50.0 * draft.policy.threshold / women if block.percent else 0.0
        for name, by in (("expected", 0.0), ("low", -half), ("high", half)):
            number = draft.numbers[f"{at}.{name}"]
            value = number.value + by
            value = min(100.0, max(0.0, value)) if block.percent else value
            style = "percent0" if block.percent else "decimal1"
            changed.append(replace(number, value=value, format=style))
    return with_numbers(draft, changed)


def _counted(draft: Draft, key: str, parts: list[str]) -> Draft:
    """Count what is left, and how much of it lies inside its limits."""
    inside = 0
    for part in parts:
        at = address(key, part)
        name = "observed" if f"{at}.observed" in draft.numbers else "value"
        value, low, high = (
            as_printed(draft.numbers[f"{at}.{last}"]) for last in (name, "low", "high")
        )
        inside += low <= value <= high
    whole = next(n for n in ("groups", "quantiles") if address(key, n) in draft.numbers)
    found = ((whole, len(parts)), ("inside", inside))
    return with_numbers(
        draft, [replace(draft.numbers[address(key, n)], value=float(v)) for n, v in found]
    )


def _lettered(draft: Draft, block: CalibrationBlock | InfluenceBlock) -> Draft:
    """Give groups letters and their order, and take out sizes and cells."""
    names = letters([g.key for g in block.groups], draft.secret + block.key.encode())
    moved: list[Number] = []
    old: list[str] = []
    for group in block.groups:
        before, after = address(block.key, group.key), address(block.key, names[group.key])
        for at in under(draft.numbers, before):
            old.append(at)
            rest = at[len(before) + 1 :]
            if rest.split(".")[0] not in (CELLS, "n", "events"):
                number = draft.numbers[at]
                moved.append(replace(number, address=f"{after}.{rest}", parts=()))
    groups = sorted(
        (Group(key=n, label=n) for n in names.values()), key=lambda g: (len(g.key), g.key)
    )
    draft = with_block(with_numbers(draft, moved, old), replace(block, groups=tuple(groups)))
    return note(draft, f"{block.title}: names of groups replaced by letters")

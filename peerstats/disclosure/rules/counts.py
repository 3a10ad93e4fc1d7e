"""Counts: midpoint rounding; totals from rounded addends; percentages from rounded counts.

A total that is printed as the sum of its printed addends holds no information beyond them, so no
subtraction can find a hidden cell. A total one of whose addends is not shown is rounded on its own.
Percentages are whole and come from printed counts, so they hold no information beyond these either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from peerstats.disclosure.draft import UNCHECKED, Draft, with_numbers
from peerstats.disclosure.policy import Policy
from peerstats.results import Number

# Counts of things that are not women: B.F.groups, B.S.items by the conventions of the blocks.
STRUCTURE = (".groups", ".items", ".rules_run")


def round_counts(draft: Draft) -> Draft:
    """Round every count."""
    known: dict[str, float] = {}
    for at in draft.numbers:
        _released(at, draft.numbers, draft.policy, known)
    counts = [replace(n, value=known[at]) for at, n in draft.numbers.items() if n.kind == "count"]
    return with_numbers(draft, counts)


def recompute_percentages(draft: Draft) -> Draft:
    """Compute percentages from rounded counts; one whose counts are unknown is withheld."""
    return with_numbers(
        draft,
        [
            _percentage(n, draft.numbers)
            for n in draft.numbers.values()
            if n.kind in ("percent", "rate")
        ],
    )


def _released(
    at: str, numbers: Mapping[str, Number], policy: Policy, known: dict[str, float]
) -> float:
    """Return the released value of a count, its addends first; `known` keeps those done."""
    if at in known:
        return known[at]
    number = numbers[at]
    if number.kind != "count" or at.endswith(STRUCTURE):
        known[at] = number.value
        return number.value
    own = round(number.value)
    known[at] = policy.rounded(own)  # also ends a circle of parts, which would be a mistake
    addends = [numbers.get(part) for part in number.parts]
    shown = [a for a in addends if a is not None and a.kind == "count" and a.withheld is None]
    if addends and len(shown) == len(addends) and sum(round(a.value) for a in shown) == own:
        known[at] = sum(_released(a.address, numbers, policy, known) for a in shown)
    return known[at]


def _percentage(number: Number, numbers: Mapping[str, Number]) -> Number:
    """Return 100 × numerator / denominator, whole; the two are rounded already."""
    counts = [numbers.get(part) for part in number.parts]
    known = [c for c in counts if c is not None and c.kind == "count" and c.withheld is None]
    if len(counts) != 2 or len(known) != 2:
        return replace(number, withheld=number.withheld or UNCHECKED)
    share = known[0].value / known[1].value if known[1].value else math.nan
    return replace(number, value=100 * min(1.0, share), format="percent0")

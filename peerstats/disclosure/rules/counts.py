"""Counts: midpoint rounding; totals from rounded addends; percentages from rounded counts.

A total that is printed as the sum of its printed addends holds no information beyond them, so no
subtraction can find a hidden cell. A total one of whose addends is not shown is rounded on its own.
Things that are not women (sites, items of a scale) are of kind `constant`, and stay. Percentages
are whole and come from printed counts, so they hold no information beyond these either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peerstats.disclosure.draft import FEW, UNCHECKED, Draft, with_numbers
from peerstats.disclosure.policy import Policy
from peerstats.results import Number


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
        [_percentage(n, draft) for n in draft.numbers.values() if n.kind in ("percent", "rate")],
    )


def _released(
    at: str, numbers: Mapping[str, Number], policy: Policy, known: dict[str, float]
) -> float:
    """Return the released value of a count, its addends first; `known` keeps those done."""
    if at in known:
        return known[at]
    number = numbers[at]
    if number.kind != "count":
        return number.value
    own = round(number.value)
    known[at] = policy.rounded(own)  # also ends a circle of parts, which would be a mistake
    addends = [numbers.get(part) for part in number.parts]
    shown = [a for a in addends if a is not None and a.kind == "count" and a.withheld is None]
    if addends and len(shown) == len(addends) and sum(round(a.value) for a in shown) == own:
        known[at] = sum(_released(a.address, numbers, policy, known) for a in shown)
    return known[at]


def _percentage(number: Number, draft: Draft) -> Number:
    """Return 100 × numerator / denominator, whole; the two are rounded already."""
    counts = [draft.numbers.get(part) for part in number.parts]
    known = [c for c in counts if c is not None and c.kind == "count" and c.withheld is None]
    if len(counts) != 2 or len(known) != 2:
        return replace(number, withheld=number.withheld or UNCHECKED)
    above, below = known
    if draft.policy.small(below.basis or 0):
        return replace(number, withheld=number.withheld or FEW)
    return replace(number, value=100 * min(1.0, above.value / below.value), format="percent0")

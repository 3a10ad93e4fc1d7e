"""Missing values: one refusal must not follow from the number of women, which is known.

Of 32 women 31 answered and one refused. Rounded on their own these print as 33 (31 to 36) and 3 (1
to 6), and who knows that there were 32 finds 31 and 1 as the only way; with a skip rule the one is
a woman who had an infection. So the largest count of a variable is not rounded on its own: it is
printed as the rounded number of rows less the other printed counts, and tells nothing that these
do not. The columns then add up, too. Of so few women that two small counts can make them up, only
their number is shown.
"""

from __future__ import annotations

from dataclasses import replace

from peerstats.disclosure.draft import Draft, with_numbers, withhold, within
from peerstats.results import address
from peerstats.results.blocks import MissingBlock
from peerstats.results.missingness import COLUMNS, LOST

PARTS = ("answered", *COLUMNS)


def balance_missing(draft: Draft) -> Draft:
    """Let the rounded counts of every variable add up to the rounded number of rows."""
    for block in draft.results.blocks.values():
        if isinstance(block, MissingBlock):
            for variable in block.variables:
                draft = _balance(draft, address(block.key, variable.key))
    return draft


def _balance(draft: Draft, at: str) -> Draft:
    """Change the counts of one variable; `at` is B.V. Their basis is still the exact count."""
    names = ("rows", "asked", *PARTS)
    found = {name: draft.numbers.get(within(at, name)) for name in names}
    counts = {name: n for name, n in found.items() if n is not None and n.withheld is None}
    if len(counts) < len(names):
        return draft
    women = counts["rows"].basis or 0
    if sum(counts[name].basis or 0 for name in PARTS) != women:
        return draft
    if draft.policy.upper(women) <= 2 * draft.policy.threshold:
        shares = [within(at, "answered_percent")]
        return withhold(draft, [*(within(at, name) for name in ("asked", *PARTS)), *shares])
    values = {name: draft.policy.rounded(counts[name].basis or 0) for name in ("rows", *PARTS)}
    largest = max(PARTS, key=values.__getitem__)
    others = sum(values[name] for name in PARTS if name != largest)
    values[largest] = max(values["rows"] - others, draft.policy.rounded(1) if women else 0.0)
    values["asked"] = sum(values[name] for name in ("answered", *LOST))
    return with_numbers(draft, [replace(counts[name], value=values[name]) for name in names])

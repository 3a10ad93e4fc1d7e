"""Results on their way through the gate: what every rule takes and gives back.

Until the last rules have run a draft holds exact values; `withheld` on a number only marks it. So
each rule can still look at the counts behind what it protects, and one place at the end blanks and
rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from peerstats.disclosure.policy import Policy
from peerstats.results import Number, Results, address
from peerstats.results.blocks import Block

# The sentences under a table. None may tell an empty cell from a small one.
FEW = "small numbers"
UNCHECKED = "the counts behind it are not known"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """Results, the policy, the key that shuffles letters, and what was done so far, in words."""

    results: Results
    policy: Policy
    secret: bytes
    actions: tuple[str, ...] = ()

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Numbers by address, exact and marked."""
        return self.results.numbers

    def count(self, at: str) -> int:
        """Return the exact count at an address, 0 where there is none."""
        return round(self.numbers[at].value) if at in self.numbers else 0


Rule = Callable[[Draft], Draft]


def within(at: str, *parts: str) -> str:
    """Return the address of something inside `at`, which is an address already.

    >>> within("t1.origin", "el salvador", "n")
    't1.origin.el_salvador.n'
    """
    return f"{at}.{address(*parts)}"


def under(numbers: Iterable[str], *places: str) -> list[str]:
    """Return the addresses at or below the places.

    >>> under(["m1.age.or", "m1.age_group.or"], "m1.age")
    ['m1.age.or']
    """
    starts = tuple(f"{place}." for place in places)
    return [at for at in numbers if at in places or at.startswith(starts)]


def note(draft: Draft, *actions: str) -> Draft:
    """Add what was done, in words, once each."""
    new = tuple(dict.fromkeys(a for a in actions if a not in draft.actions))
    return replace(draft, actions=draft.actions + new)


def with_block(draft: Draft, block: Block) -> Draft:
    """Replace a block by one with the same key."""
    blocks = {**draft.results.blocks, block.key: block}
    return replace(draft, results=replace(draft.results, blocks=blocks))


def with_numbers(draft: Draft, numbers: Iterable[Number], gone: Iterable[str] = ()) -> Draft:
    """Take numbers out, and put numbers in (over those at the same address)."""
    left_out = set(gone)
    kept = {at: n for at, n in draft.numbers.items() if at not in left_out}
    kept.update({n.address: n for n in numbers})
    return replace(draft, results=replace(draft.results, numbers=kept))


def withhold(draft: Draft, places: Iterable[str], reason: str = FEW) -> Draft:
    """Mark the numbers at these addresses; a first reason stays."""
    marked = [
        replace(draft.numbers[at], withheld=reason)
        for at in places
        if at in draft.numbers and draft.numbers[at].withheld is None
    ]
    return with_numbers(draft, marked)


def moved_parts(draft: Draft, moved: Mapping[str, str]) -> Draft:
    """Let totals that were sums of merged counts be sums of what these were merged into."""
    changed = []
    for number in draft.numbers.values():
        if number.kind == "count" and any(part in moved for part in number.parts):
            parts = tuple(dict.fromkeys(moved.get(part, part) for part in number.parts))
            changed.append(replace(number, parts=parts))
    return with_numbers(draft, changed)

"""Which levels of a variable must be merged, so that no group is given away.

A table of counts c[l, g] (level l, group g) is shown by group only if every cell, after merging
levels, holds somebody: a 0 says what nobody in a town does, and its complement what all of them do.
Each level's count for everybody must exceed the threshold.

Tight lines. Rounding alone is not enough when a reader knows a total exactly, as site staff know
how many women a town had. Let a line (a group's column or a level's row) have total T and rounded
cells with intervals [lower, upper]. If Σ lower = T every cell is at its lower end, and if
Σ upper = T at its upper end: the exact counts are read off. With room on both sides, and at least
two cells, no cell of the line alone is determined. A tight line that holds a small cell is
therefore an offence like an empty cell.

The algorithm. While some level offends, merge the offender that is rarest with the rarest other
level (for ordered levels: the rarer neighbour). When two levels are left and one still offends,
give up the groups, start again from all levels and look at the counts for everybody alone; when
that fails too, the variable is not shown. "Rare" is judged on rounded counts, so that the choice
tells a reader who knows the algorithm no more than rounded counts do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peerstats.disclosure.policy import Policy

Levels = tuple[tuple[int, ...], ...]  # of each level that is shown, the original ones in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Exact counts: `overall` (k,) and `groups` (k, g), which may have no columns."""

    overall: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    ordered: bool = False
    large: bool = False  # cells of groups must not be small either

    def merged(self, levels: Levels) -> Cells:
        """Add the counts of levels that are shown as one."""
        return Cells(
            overall=tuple(sum(self.overall[i] for i in level) for level in levels),
            groups=tuple(
                tuple(map(sum, zip(*(self.groups[i] for i in level), strict=True)))
                for level in levels
            ),
            ordered=self.ordered,
            large=self.large,
        )


def partition(cells: Cells, policy: Policy) -> tuple[Levels, bool]:
    """Return the levels to show and whether groups may be shown; no levels: show nothing.

    >>> from peerstats.disclosure.policy import policy
    >>> origin = Cells(overall=(11, 9, 8, 3), groups=())
    >>> partition(origin, policy("standard"))
    (((0,), (1,), (2, 3)), False)
    """
    if cells.groups and cells.groups[0]:
        levels = _merge(cells, policy)
        if levels:
            return levels, True
    alone = Cells(overall=cells.overall, groups=((),) * len(cells.overall), ordered=cells.ordered)
    return _merge(alone, policy), False


def _merge(cells: Cells, policy: Policy) -> Levels:
    """Merge until no level offends; nothing when two are left and one still does."""
    levels: Levels = tuple((i,) for i in range(len(cells.overall)))
    while len(levels) > 1:
        now = cells.merged(levels)
        offenders = _offenders(now, policy)
        if not offenders:
            return levels
        rank = {i: (policy.rounded(n), -i) for i, n in enumerate(now.overall)}
        first = min(offenders, key=rank.__getitem__)
        others = [i for i in rank if i != first and (not cells.ordered or abs(i - first) == 1)]
        second = min(others, key=rank.__getitem__)
        low, high = sorted((first, second))
        joined = tuple(sorted(levels[low] + levels[high]))
        levels = (*levels[:low], joined, *levels[low + 1 : high], *levels[high + 1 :])
    return ()


def _offenders(cells: Cells, policy: Policy) -> set[int]:
    """Return the levels that cannot be shown as they are."""
    found = {i for i, n in enumerate(cells.overall) if policy.small(n)}
    small = any(policy.small(n) for row in cells.groups for n in row)
    for i, row in enumerate(cells.groups):
        if any(policy.small(n) if cells.large else n == 0 for n in row):
            found.add(i)
        if small and tight(row, policy):
            found.add(i)
    for column in zip(*cells.groups, strict=True):
        if small and tight(column, policy):
            found.add(min(range(len(column)), key=lambda i: (policy.rounded(column[i]), -i)))
    return found


def tight(line: Sequence[int], policy: Policy) -> bool:
    """Whether a line's total and its rounded cells give away the cells.

    >>> from peerstats.disclosure.policy import policy
    >>> tight((7, 1), policy("standard")), tight((8, 1), policy("standard"))
    (True, False)
    """
    total = sum(line)
    return total in (sum(map(policy.lower, line)), sum(map(policy.upper, line)))

"""Which levels of a variable must be merged, so that no group is given away.

A table of counts c[l, g] (level l, group g) is shown by group only if every cell, after merging
levels, holds somebody: a 0 says what nobody in a town does, and its complement what all of them do.
Each level's count for everybody must exceed the threshold.

Known totals. Rounding alone is not enough when a reader knows totals exactly, as site staff know
how many women a town had. A cell lies in the interval that is printed like it; and given a line (a
group's column or a level's row) with total T, also in

    T - Σ upper(other cells)  ≤  c  ≤  T - Σ lower(other cells).

Narrowing the intervals in turn, line by line until nothing changes, finds cells whose two ends
meet: cells of 1 and 7 in a town of 8 women can be nothing else. In a table that holds a small cell
every such cell is an offence like an empty one, also a large one, since it helps to find others. A
table without small cells has nothing to protect.

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
    for i, row in enumerate(cells.groups):
        if any(policy.small(n) if cells.large else n == 0 for n in row):
            found.add(i)
    if any(policy.small(n) for row in cells.groups for n in row):
        found |= {i for i, _ in determined(cells.groups, policy)}
    return found


def determined(table: Sequence[Sequence[int]], policy: Policy) -> set[tuple[int, int]]:
    """Return the cells (level, group) that rounded cells and exact totals give away.

    >>> from peerstats.disclosure.policy import policy
    >>> sorted(determined([(7, 9), (1, 9)], policy("standard")))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    >>> determined([(8, 9), (1, 9)], policy("standard"))
    set()
    """
    lines = [[(i, j) for j in range(len(row))] for i, row in enumerate(table)]
    lines += [[(i, j) for i in range(len(table))] for j in range(len(table[0]))]
    lines = [line for line in lines if len(line) > 1]  # the total of one cell is the cell
    low = {(i, j): policy.lower(n) for i, row in enumerate(table) for j, n in enumerate(row)}
    high = {(i, j): policy.upper(n) for i, row in enumerate(table) for j, n in enumerate(row)}
    while True:
        before = (dict(low), dict(high))
        for line in lines:
            total = sum(table[i][j] for i, j in line)
            least, most = sum(low[at] for at in line), sum(high[at] for at in line)
            for at in line:
                ends = low[at], high[at]
                low[at] = max(ends[0], total - (most - ends[1]))
                high[at] = min(ends[1], total - (least - ends[0]))
                least, most = least + low[at] - ends[0], most + high[at] - ends[1]
        if (low, high) == before:
            return {at for at in low if low[at] == high[at]}

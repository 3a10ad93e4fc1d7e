"""Group disclosure: merge the levels of a variable until no group is given away.

Which levels are merged, and why, is in `peerstats.disclosure.partition`.
"""

from __future__ import annotations

from dataclasses import replace

from peerstats.disclosure.draft import Draft, note, with_numbers, withhold, within
from peerstats.disclosure.partition import Cells, Levels, partition
from peerstats.disclosure.table_one import (
    baseline,
    baselines,
    groups_of,
    merge_counts,
    merged_item,
    with_variable,
    without_groups,
    without_variable,
)
from peerstats.results import address
from peerstats.results.blocks import ALL, BaselineVariable, Item


def merge_levels(draft: Draft) -> Draft:
    """Merge levels, else show everybody only, else leave the variable out."""
    for key in baselines(draft):
        for variable in baseline(draft, key).variables:
            if not variable.numeric:
                draft = _protect(draft, key, variable)
    return draft


def _protect(draft: Draft, key: str, variable: BaselineVariable) -> Draft:
    groups = groups_of(baseline(draft, key), variable)
    cells = _cells(draft, address(key, variable.name), variable, groups)
    levels, by_group = partition(cells, draft.policy)
    title = f"{baseline(draft, key).title}: {variable.label}"
    if not levels or not _exhaustive(draft, address(key, variable.name), variable, ALL):
        return note(
            without_variable(draft, key, variable.name),
            f"{title} left out, because of small numbers",
        )
    if groups and not by_group:
        draft = without_groups(draft, key, variable)
        variable = replace(variable, by_group=False)
        draft = note(draft, f"{title} shown for all women only, because of small numbers")
    if len(levels) < len(variable.levels):
        draft = _merge(draft, key, variable, levels)
        draft = note(draft, f"{title}: levels combined, because of small numbers")
    return _protect_distance(draft, key, variable, cells)


def _cells(draft: Draft, at: str, variable: BaselineVariable, groups: tuple[str, ...]) -> Cells:
    """Collect the exact counts; groups whose levels are not all there are not shown."""
    known = all(_exhaustive(draft, at, variable, group) for group in groups)
    rows = [
        [within(at, level.key, group, "n") for group in groups if known]
        for level in variable.levels
    ]
    cells = [draft.numbers[place] for row in rows for place in row]
    return Cells(
        overall=tuple(draft.count(within(at, level.key, ALL, "n")) for level in variable.levels),
        groups=tuple(tuple(map(draft.count, row)) for row in rows),
        ordered=variable.ordered,
        large=draft.policy.cells_large or any(cell.sensitive >= 2 for cell in cells),
    )


def _exhaustive(draft: Draft, at: str, variable: BaselineVariable, group: str) -> bool:
    """Whether a group's levels add up to those who answered, so that no cell is left unseen."""
    shown = [within(at, level.key, group, "n") for level in variable.levels]
    return all(place in draft.numbers for place in shown) and (
        sum(map(draft.count, shown)) == draft.count(within(at, group, "answered"))
    )


def _merge(draft: Draft, key: str, variable: BaselineVariable, levels: Levels) -> Draft:
    """Give merged levels their own item, counts and percentages."""
    at, groups = address(key, variable.name), groups_of(baseline(draft, key), variable)
    single = {variable.levels[level[0]].label for level in levels if len(level) == 1}
    items = []
    for level in levels:
        old = [variable.levels[i] for i in level]
        item = merged_item(old, variable.ordered, single)
        items.append(item)
        if len(old) > 1:
            for group in (*groups, ALL):
                draft = _merge_cell(draft, at, old, item, group, groups)
    return with_variable(draft, key, replace(variable, levels=tuple(items)))


def _merge_cell(
    draft: Draft, at: str, old: list[Item], item: Item, group: str, groups: tuple[str, ...]
) -> Draft:
    """Add up one cell, and move its percentage."""
    places = [within(at, level.key, group, "n") for level in old]
    new = within(at, item.key, group, "n")
    parts = tuple(within(at, item.key, g, "n") for g in groups) if group == ALL else ()
    draft = merge_counts(draft, places, new, parts)
    percents = [within(at, level.key, group, "percent") for level in old]
    found = [draft.numbers[place] for place in percents if place in draft.numbers]
    if not found:
        return draft
    percent = replace(
        found[0],
        address=within(at, item.key, group, "percent"),
        value=sum(number.value for number in found),
        parts=(new, *found[0].parts[1:]),
    )
    return with_numbers(draft, [percent], percents)


def _protect_distance(draft: Draft, key: str, variable: BaselineVariable, cells: Cells) -> Draft:
    """Withhold the SMD when it depends on a small cell: two shares follow from it and the sizes."""
    if any(draft.policy.small(n) for row in cells.groups for n in row):
        return withhold(draft, [within(address(key, variable.name), "smd")])
    return draft

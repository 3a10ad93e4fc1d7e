"""Whole groups that are too small: their columns become one column.

Hiding the column of a town with four women would not protect them: everybody minus the other towns
gives it back. So small groups are added up, with the next smallest one if that is still too small,
and shown as one group. Totals stay sums of what is shown, and no subtraction leads to a single
town. Counts, means and SDs are formed again from the groups' exact ones,

    m = Σ nᵢmᵢ / Σ nᵢ,    s² = [Σ (nᵢ - 1)sᵢ² + Σ nᵢ(mᵢ - m)²] / (Σ nᵢ - 1);

a median cannot be, and is withheld. When this leaves fewer than two groups, only the column for
everybody is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from peerstats.disclosure.draft import (
    Draft,
    note,
    under,
    with_block,
    with_numbers,
    withhold,
    within,
)
from peerstats.disclosure.table_one import (
    baseline,
    baselines,
    groups_of,
    merge_counts,
    merged_item,
    without_groups,
)
from peerstats.results import Number, address
from peerstats.results.blocks import ALL, BaselineVariable, Group, Item


def merge_columns(draft: Draft) -> Draft:
    """Merge small groups of every descriptive table, or show everybody only."""
    for key in baselines(draft):
        block = baseline(draft, key)
        sizes = {g.key: draft.count(address(key, g.key, "n")) for g in block.groups if g.key != ALL}
        pool = pooled(draft, sizes)
        if not pool:
            continue
        if len(sizes) - len(pool) < 1:
            draft = note(
                _only_everybody(draft, key),
                f"{block.title}: shown for all women only, because of small numbers",
            )
        else:
            draft = note(
                _merge(draft, key, pool),
                f"{block.title}: groups combined, because of small numbers",
            )
    return draft


def pooled(draft: Draft, sizes: dict[str, int]) -> list[str]:
    """Return the groups to merge: the small ones, and others until the sum is not small.

    Ties and order follow rounded sizes and then the block's order.
    """
    policy = draft.policy
    pool = [group for group, n in sizes.items() if policy.small(n)]
    if not pool:
        return []
    rest = sorted((g for g in sizes if g not in pool), key=lambda g: policy.rounded(sizes[g]))
    while rest and (len(pool) < 2 or policy.small(sum(sizes[g] for g in pool))):
        pool.append(rest.pop(0))
    if policy.small(sum(sizes[g] for g in pool)):
        return list(sizes)
    return [group for group in sizes if group in pool]


def _only_everybody(draft: Draft, key: str) -> Draft:
    """Leave nothing but the column for everybody."""
    block = baseline(draft, key)
    for variable in block.variables:
        draft = without_groups(draft, key, variable)
    gone = [address(key, group.key, "n") for group in block.groups if group.key != ALL]
    draft = with_numbers(draft, (), gone)
    kept = tuple(group for group in block.groups if group.key == ALL)
    return with_block(draft, replace(baseline(draft, key), groups=kept))


def _merge(draft: Draft, key: str, pool: Sequence[str]) -> Draft:
    """Make one group of several."""
    block = baseline(draft, key)
    old = [group for group in block.groups if group.key in pool]
    taken = {group.label for group in block.groups if group.key not in pool}
    item = merged_item([Item(key=g.key, label=g.label) for g in old], False, taken)
    draft = merge_counts(draft, [address(key, g, "n") for g in pool], address(key, item.key, "n"))
    for variable in block.variables:
        if groups_of(block, variable):
            draft = _merge_variable(draft, address(key, variable.name), variable, (pool, item.key))
    first = old[0]
    new = Group(key=item.key, label=item.label)
    groups = tuple(new if g is first else g for g in block.groups if g is first or g not in old)
    return with_block(draft, replace(block, groups=groups))


def _merge_variable(
    draft: Draft, at: str, variable: BaselineVariable, change: tuple[Sequence[str], str]
) -> Draft:
    """Merge one variable's cells; `change` is the old groups and the new one."""
    pool, new = change
    numbers = _combined(draft, at, pool, new)
    places = [within(at, level.key) for level in variable.levels]
    places += [within(at, "bin", item.key) for item in variable.bins]
    for place in places:
        old = [within(place, g, "n") for g in pool]
        if all(cell in draft.numbers for cell in old):
            draft = merge_counts(draft, old, within(place, new, "n"))
        old = [within(place, g, "percent") for g in pool]
        found = [draft.numbers[cell] for cell in old if cell in draft.numbers]
        if found:
            counts = (within(place, new, "n"), within(at, new, "answered"))
            moved = replace(found[0], address=within(place, new, "percent"), parts=counts)
            draft = with_numbers(draft, [moved], old)
    for name in ("answered", "asked"):
        old = [within(at, g, name) for g in pool]
        if all(cell in draft.numbers for cell in old):
            levels = tuple(within(place, new, "n") for place in places[: len(variable.levels)])
            parts = levels if name == "answered" else ()
            draft = merge_counts(draft, old, within(at, new, name), parts)
    gone = under(draft.numbers, *(within(at, g) for g in pool))
    return withhold(with_numbers(draft, numbers, gone), [within(at, "smd")])


def _combined(draft: Draft, at: str, pool: Sequence[str], new: str) -> list[Number]:
    """Return the statistics of the merged group: mean and SD, and the others marked as withheld."""
    moments = [_moments(draft, within(at, g)) for g in pool]
    combined = []
    names = [at_.rsplit(".", 1)[1] for at_ in under(draft.numbers, within(at, pool[0]))]
    for name in names:
        source = draft.numbers[within(at, pool[0], name)]
        if source.kind == "count":
            continue
        value = {"mean": _mean, "sd": _sd}.get(name, lambda _: math.nan)(moments)
        basis = sum(draft.numbers[within(at, g, name)].basis or 0 for g in pool)
        combined.append(
            replace(
                source,
                address=within(at, new, name),
                value=value,
                basis=basis if not math.isnan(value) else 0,
            )
        )
    return combined


def _moments(draft: Draft, at: str) -> tuple[int, float, float]:
    """Return how many women of a group answered, their mean and their variance."""
    n, mean, sd = (within(at, name) for name in ("answered", "mean", "sd"))
    if draft.count(n) == 0 or mean not in draft.numbers or sd not in draft.numbers:
        return 0, 0.0, 0.0
    variance = draft.numbers[sd].value ** 2 if draft.count(n) > 1 else 0.0
    return draft.count(n), draft.numbers[mean].value, variance


def _mean(moments: Sequence[tuple[int, float, float]]) -> float:
    n = sum(size for size, _, _ in moments)
    return sum(size * mean for size, mean, _ in moments) / n if n else math.nan


def _sd(moments: Sequence[tuple[int, float, float]]) -> float:
    mean = _mean(moments)
    n = sum(size for size, _, _ in moments)
    if n < 2:
        return math.nan
    squares = sum((size - 1) * var + size * (m - mean) ** 2 for size, m, var in moments if size)
    return math.sqrt(squares / (n - 1))
